// How long a device takes over a command, as a scenario says it: fixed, or drawn anew for each.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tools/run.hpp"

namespace hubproof::tools {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// The clock of a device in these scenarios is right, and the latency on the way of no concern: receipt
// and settling are both seen at the device.
std::vector<sim::Duration> handlings(const std::string& handling, const std::string& protocol,
                                     const Steering& steering = {}, std::vector<sim::Choice>* choices = nullptr) {
  const ReadScenario read = read_scenario(R"({
    "duration": "5m", "settle": "1m",
    "devices": [{"name": "d0", "receives_commands": true, "poll": "1s", "handling": )" + handling +
      R"(, "protocol": ")" + protocol + R"("}],
    "services": [{"commands": [{"every": "20s"}]}]
  })", "test.json");
  EXPECT_TRUE(read.problems.empty()) << problems_text("test.json", read.problems);
  std::map<model::MessageKey, std::int64_t> received;
  std::vector<sim::Duration> all;
  RunOptions options;
  options.steering = steering;
  options.keep_choices = choices != nullptr;
  options.on_event = [&](const model::History&, const model::Event& event) {
    if (event.what == model::What::delivery) received[event.message] = event.at;
    if (event.what == model::What::complete && event.phase == model::Phase::invoke)
      all.push_back(sim::Duration{event.at - received.at(event.message)});
  };
  const RunResult result = run(read.scenario, options);
  if (choices != nullptr) *choices = result.choices;
  EXPECT_GT(all.size(), 10U);
  return all;
}

class Handling : public testing::TestWithParam<const char*> {};

TEST_P(Handling, IsAlwaysTheSameWhenItIsFixed) {
  for (const sim::Duration one : handlings(R"("2s")", GetParam())) EXPECT_EQ(one, 2s);
}

TEST_P(Handling, IsDrawnForEachCommandWhenItVaries) {
  const auto all = handlings(R"({"uniform": ["1s", "5s"]})", GetParam());
  for (const sim::Duration one : all) {
    EXPECT_GE(one, 1s);
    EXPECT_LE(one, 5s);
  }
  EXPECT_EQ(std::set(all.begin(), all.end()).size(), all.size());
  for (const sim::Duration one : handlings(R"({"heavy": "2s", "cap": "3s"})", GetParam())) EXPECT_LE(one, 3s);
}

TEST_P(Handling, IsAChoiceWithAName) {
  const std::string uniform = R"({"uniform": ["1s", "5s"]})";
  const sim::Site site = find_site("handling").value();
  std::vector<sim::Choice> choices;
  const auto usual = handlings(uniform, GetParam(), {}, &choices);
  EXPECT_GE(std::ranges::count(choices, site, &sim::Choice::site), std::ssize(usual));
  auto expected = usual;
  expected[2] = 1s;
  EXPECT_EQ(handlings(uniform, GetParam(), {{{site, "d0", 3, 0}}, {}}), expected);
}

INSTANTIATE_TEST_SUITE_P(Protocols, Handling, testing::Values("mqtt", "http"));

TEST(HandlingProblems, AreToldWithTheirPlace) {
  const auto problems = [](const std::string& handling) {
    return problems_text("s.json", read_scenario(R"({"duration": "1m", "settle": "1m", "services": [{}],
      "devices": [{"name": "d0", "handling": )" + handling + "}]}", "s.json").problems);
  };
  EXPECT_EQ(problems(R"({"uniform": ["1s", "1s"]})"), problems(R"("1s")"));
  EXPECT_THAT(problems(R"({"uniform": ["2s", "1s"]})"), HasSubstr("/devices/0/handling"));
  EXPECT_THAT(problems(R"({"heavy": "2s"})"), HasSubstr("/devices/0/handling"));
  EXPECT_THAT(problems(R"("-1s")"), HasSubstr("/devices/0/handling"));
  EXPECT_THAT(problems("5"), HasSubstr("/devices/0/handling"));
}

}  // namespace
}  // namespace hubproof::tools
