// The plain broker of serve, met by clients that know nothing of hubproof: what it is for, and that a `kill -9`
// loses nothing that was acknowledged, and at QoS 2 repeats nothing.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/serve/served.hpp"

namespace hubproof::tests {
namespace {

std::vector<std::string> options(const Folder& folder, std::uint16_t port) {
  return {"--profile", "mqtt-3.1.1", "--listen", "mqtt=127.0.0.1:" + std::to_string(port), "--control", "127.0.0.1:0",
          "--store", folder / "store"};
}

std::vector<std::string> client(const std::string& program, const std::string& id, std::uint16_t port,
                                std::vector<std::string> more) {
  std::vector<std::string> words{program, "-h", "127.0.0.1", "-p", std::to_string(port), "-V", "311", "-i", id};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t from = 0;
  for (std::size_t end; (end = text.find('\n', from)) != std::string::npos; from = end + 1)
    lines.push_back(text.substr(from, end - from));
  return lines;
}

// The lines given to mosquitto_pub that it saw acknowledged: it numbers them from 1.
std::set<std::size_t> acknowledged(const std::string& log, const std::string& mark) {
  std::set<std::size_t> numbers;
  for (std::size_t at = 0; (at = log.find(mark, at)) != std::string::npos;) {
    at += mark.size();
    numbers.insert(static_cast<std::size_t>(std::atoll(log.c_str() + at)) - 1);
  }
  return numbers;
}

TEST(ServeBroker, ServesAnyClientTopicsOfItsOwn) {
  const Folder folder;
  const Served broker{folder / "broker", options(folder, 0)};
  ASSERT_TRUE(broker.ready());
  Process kept{client("mosquitto_pub", "pub", broker.mqtt(), {"-q", "2", "-r", "-t", "plant/7/t", "-m", "21.5"}), folder / "pub"};
  ASSERT_TRUE(kept.wait(20s)) << kept.err();
  Process reader{client("mosquitto_sub", "sub", broker.mqtt(), {"-q", "2", "-t", "plant/+/t", "-F", "%t %p %q %r", "-C", "1", "-W", "20"}),
                 folder / "sub"};
  ASSERT_TRUE(reader.wait(30s)) << reader.err();
  EXPECT_EQ(reader.out(), "plant/7/t 21.5 2 1\n");
  EXPECT_EQ(broker.ask("GET", "/devices/d1").status, 404);  // it has no devices
}

struct KilledBroker : testing::TestWithParam<int> {};

TEST_P(KilledBroker, LosesNothingThatWasAcknowledged) {
  const std::string qos = std::to_string(GetParam());
  const std::string mark = GetParam() == 1 ? "received PUBACK (Mid: " : "received PUBCOMP (Mid: ";
  constexpr std::size_t messages = 2'000;
  const Folder folder;
  const std::uint16_t port = free_port();
  auto broker = std::make_unique<Served>(folder / "broker0", options(folder, port));
  ASSERT_TRUE(broker->ready());
  Process subscribes{client("mosquitto_sub", "reader", port, {"-c", "-q", qos, "-t", "t", "-E"}), folder / "subscribes"};
  ASSERT_TRUE(subscribes.wait(20s)) << subscribes.err();

  std::vector<std::string> bodies, left;
  for (std::size_t i = 0; i < messages; ++i) bodies.push_back("message " + std::to_string(i));
  left = bodies;
  std::set<std::string> safe, sent_once;
  int lives = 0;
  std::size_t kill_at = messages / 4;
  for (int round = 0; !left.empty() && round < 10; ++round) {
    std::string lines;
    for (const std::string& body : left) lines += body + "\n";
    write_file(folder / "lines", lines);
    Process pub{client("mosquitto_pub", "pub" + std::to_string(round), port, {"-c", "-q", qos, "-t", "t", "-l", "-d"}),
                folder / ("pub" + std::to_string(round)), folder / "lines"};
    while (lives < 3 && eventually([&] { return pub.ended() || safe.size() + acknowledged(pub.out(), mark).size() >= kill_at; }) &&
           !pub.ended()) {
      broker->process().signal(SIGKILL);
      ASSERT_EQ(broker->process().wait(), -SIGKILL);
      broker = std::make_unique<Served>(folder / ("broker" + std::to_string(++lives)), options(folder, port));
      ASSERT_TRUE(broker->ready());
      kill_at += messages / 4;
    }
    ASSERT_TRUE(pub.wait(120s)) << pub.err();
    const std::set<std::size_t> numbers = acknowledged(pub.out(), mark);
    std::vector<std::string> still_left;
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (!numbers.contains(i)) {
        still_left.push_back(left[i]);
        continue;
      }
      safe.insert(left[i]);
      if (round == 0) sent_once.insert(left[i]);
    }
    left = still_left;
  }
  EXPECT_EQ(lives, 3);
  EXPECT_EQ(safe.size(), messages) << "the client could not be made to deliver them all";

  Process reads{client("mosquitto_sub", "reader", port, {"-c", "-q", qos, "-t", "t", "-W", "4"}), folder / "reads"};
  ASSERT_TRUE(reads.wait(60s));
  std::map<std::string, int> read;
  for (const std::string& line : lines_of(reads.out())) ++read[line];
  std::size_t lost = 0, repeated = 0;
  for (const std::string& body : safe) lost += read.contains(body) ? 0U : 1U;
  for (const std::string& body : sent_once) repeated += read.contains(body) ? static_cast<std::size_t>(read[body] - 1) : 0U;
  EXPECT_EQ(lost, 0U);
  if (GetParam() == 2) {
    EXPECT_EQ(repeated, 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(Qos, KilledBroker, testing::Values(1, 2));

}  // namespace
}  // namespace hubproof::tests
