// bench_message DEVICES MESSAGES: sends about so many messages through the whole chain and prints
// how many were acknowledged. tools/bench runs it twice under callgrind, with few and with many
// messages: the difference gives the instructions of one message.
#include <cstdio>
#include <cstdlib>

#include "tests/bench/fleet.hpp"

int main(int count, char** arguments) {
  using namespace hubproof;
  const auto devices = static_cast<std::uint32_t>(count > 1 ? std::atoi(arguments[1]) : 100);
  const auto messages = static_cast<std::uint32_t>(count > 2 ? std::atoi(arguments[2]) : 100'000);
  const tools::Scenario scenario =
      bench::fleet(devices, std::chrono::seconds{1}, std::chrono::seconds{10 + messages / devices});
  const tools::RunResult result = tools::run(scenario, {});
  std::printf("%llu\n", static_cast<unsigned long long>(result.report.messages.d2c_acked));
  return result.report.messages.d2c_acked == 0 ? 1 : 0;
}
