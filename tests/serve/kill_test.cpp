// What was acknowledged is kept, whatever ends the hub: `kill -9` in the middle of 10,000 publishes
// of a client that knows nothing of hubproof. Acknowledgements are what its debug output says.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/serve/served.hpp"

namespace hubproof::tests {
namespace {

constexpr std::size_t messages = 10'000;

std::size_t count(const std::string& text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += what.size())
    ++found;
  return found;
}

// Which of the lines given to it the client saw acknowledged: it numbers them from 1.
std::set<std::size_t> acknowledged(const std::string& log) {
  constexpr std::string_view mark = "received PUBACK (Mid: ";
  std::set<std::size_t> numbers;
  for (std::size_t at = 0; (at = log.find(mark, at)) != std::string::npos;) {
    at += mark.size();
    numbers.insert(static_cast<std::size_t>(std::atoll(log.c_str() + at)) - 1);
  }
  return numbers;
}

TEST(KillMinusNine, LosesNothingThatWasAcknowledged) {
  const Folder folder;
  const std::uint16_t port = free_port();
  const std::vector<std::string> options{
      "--listen", "mqtt=127.0.0.1:" + std::to_string(port), "--control", "127.0.0.1:0",
      "--store",  folder / "store",                          "--devices", "dev1"};
  std::vector<std::string> bodies;
  for (std::size_t i = 0; i < messages; ++i) bodies.push_back("message " + std::to_string(i));
  std::vector<std::string> left = bodies;
  std::set<std::string> safe;

  int lives = 0;
  std::size_t kill_at = messages / 4;
  auto hub = std::make_unique<Served>(folder / "hub0", options);
  for (int round = 0; !left.empty() && round < 10; ++round) {
    std::string lines;
    for (const std::string& body : left) lines += body + "\n";
    write_file(folder / "lines", lines);
    Process pub{mosquitto("mosquitto_pub", "dev1", port,
                          {"-t", "devices/dev1/messages/events/", "-l", "-d"}),
                folder / ("pub" + std::to_string(round)), folder / "lines"};
    while (lives < 3 &&
           eventually([&] {
             return pub.ended() || safe.size() + count(pub.out(), "received PUBACK") >= kill_at;
           }) &&
           !pub.ended()) {
      hub->process().signal(SIGKILL);
      ASSERT_EQ(hub->process().wait(), -SIGKILL);
      hub = std::make_unique<Served>(folder / ("hub" + std::to_string(++lives)), options);
      ASSERT_TRUE(hub->ready());
      kill_at += messages / 4;
    }
    ASSERT_TRUE(pub.wait(60s)) << pub.err();
    std::vector<std::string> still_left;
    const std::set<std::size_t> numbers = acknowledged(pub.out());
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (numbers.contains(i)) {
        safe.insert(left[i]);
      } else {
        still_left.push_back(left[i]);
      }
    }
    left = still_left;
  }
  EXPECT_EQ(lives, 3);
  EXPECT_EQ(safe.size(), messages) << "the client could not be made to deliver them all";

  std::map<std::string, int> logged;
  for (const Json& event : hub->telemetry()) ++logged[event["message"]["body"].get<std::string>()];
  std::size_t lost = 0;
  for (const std::string& body : safe) lost += logged.contains(body) ? 0U : 1U;
  EXPECT_EQ(lost, 0U);
  std::size_t repeated = 0;
  for (const auto& [body, times] : logged) repeated += static_cast<std::size_t>(times - 1);
  RecordProperty("repeated", static_cast<int>(repeated));
  EXPECT_LE(repeated, 3U * 100U);  // at most what was in flight at each kill
}

}  // namespace
}  // namespace hubproof::tests
