// The client of a plain broker: when it subscribes, and what it takes up again. What it does under
// faults the scenarios of plain brokers show.
#include "model/device/topic_client.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/device_bench.hpp"

namespace hubproof::tests {
namespace {

using namespace std::chrono_literals;
using namespace model;
using Lines = std::vector<std::string>;

class Bench {
 public:
  explicit Bench(TopicSettings the_settings = two_filters())
      : settings{std::move(the_settings)},
        client{settings, "c1", 3, draws.chance(),
               [](std::string_view) { return std::uint32_t{1}; }} {
    client.started(now(), effects);
    perform();
  }
  static TopicSettings two_filters() {
    TopicSettings settings;
    settings.subscriptions = {{"a/+", 1}, {"b", 2}};
    settings.back_off_jitter_percent = 0;
    return settings;
  }

  void comes_back() {  // as far as its CONNECT
    while (!dialling && client.deadline()) {
      time = std::max(time, *client.deadline());
      client.woken(now(), effects);
      perform();
    }
    ASSERT_TRUE(dialling);
    dialling = false;
    client.connected(now(), ConnectionId{connection}, effects);
    perform();
    said.clear();
  }
  void hears(const mqtt::Packet& packet) {
    const Bytes bytes = generate::written(packet);
    client.received(now(), ConnectionId{connection}, View{bytes}, effects);
    perform();
  }
  void breaks() {
    client.ended(now(), ConnectionId{connection}, EndedBy::reset, effects);
    perform();
  }
  void publishes(std::uint32_t number, std::uint8_t qos) {
    client.publish(now(), "t", view("message " + message_id(own_key('t', 3, number))), qos, false,
                   effects);
    perform();
  }
  Lines says() { return std::exchange(said, {}); }
  // The packet id of the SUBSCRIBE for each filter since the last call; 0: none.
  std::vector<mqtt::PacketId> subscribes() {
    std::vector<mqtt::PacketId> ids(settings.subscriptions.size());
    for (const auto& [filter, id] : std::exchange(asked, {}))
      for (std::size_t n = 0; n < ids.size(); ++n)
        if (filter == settings.subscriptions[n].filter) ids[n] = id;
    said.clear();
    return ids;
  }

  TopicSettings settings;
  workbench::Draws draws;
  Effects effects;
  Instant time{};
  std::uint32_t connection = 0;
  bool dialling = false;
  TopicClient client;

 private:
  Now now() const { return {time, Date{std::chrono::hours{500'000}} + (time - Instant{})}; }
  void perform() {
    for (const Effect& effect : effects.list()) {
      if (effect.kind == Effect::Kind::connect) {
        connection = static_cast<std::uint32_t>(effect.connection);
        dialling = true;
        decoder = mqtt::Decoder{mqtt::End::server};
      }
      if (effect.kind != Effect::Kind::send) continue;
      decoder.feed(effects.bytes(effect));
      while (const mqtt::Packet* packet = decoder.next()) {
        said.push_back(generate::describe(*packet));
        if (const auto* one = std::get_if<mqtt::Subscribe>(packet))
          asked.emplace_back(one->filters.front().filter, one->id);
      }
      EXPECT_FALSE(decoder.malformed()) << decoder.malformed()->what;
      decoder.keep();
    }
    effects.clear();
  }

  mqtt::Decoder decoder{mqtt::End::server};
  Lines said;
  std::vector<std::pair<std::string, mqtt::PacketId>> asked;
};

TEST(TopicClient, SubscribesToWhatItsSessionHasNotSurelyGot) {
  Bench bench;
  bench.comes_back();
  bench.hears(mqtt::Connack{false, 0});
  auto ids = bench.subscribes();
  ASSERT_NE(ids[0], 0);
  ASSERT_NE(ids[1], 0);
  bench.hears(mqtt::Suback{ids[0], {1}});
  bench.breaks();  // before the other one was granted

  bench.comes_back();
  bench.hears(mqtt::Connack{true, 0});
  ids = bench.subscribes();
  EXPECT_EQ(ids[0], 0);
  ASSERT_NE(ids[1], 0);
  bench.hears(mqtt::Suback{ids[1], {0x80}});  // refused is not granted
  bench.breaks();

  bench.comes_back();
  bench.hears(mqtt::Connack{true, 0});
  ids = bench.subscribes();
  EXPECT_EQ(ids[0], 0);
  ASSERT_NE(ids[1], 0);
  bench.hears(mqtt::Suback{ids[1], {2}});
  bench.breaks();

  bench.comes_back();
  bench.hears(mqtt::Connack{true, 0});
  EXPECT_EQ(bench.says(), Lines{});
  bench.breaks();

  bench.comes_back();
  bench.breaks();  // whose session its CONNECT found or began is not known
  bench.comes_back();
  bench.hears(mqtt::Connack{true, 0});
  ids = bench.subscribes();
  EXPECT_NE(ids[0], 0);
  EXPECT_NE(ids[1], 0);
}

TEST(TopicClient, SubscribesAnewInANewSession) {
  Bench bench;
  for (int session = 0; session < 2; ++session) {
    bench.comes_back();
    bench.hears(mqtt::Connack{false, 0});
    const auto ids = bench.subscribes();
    ASSERT_NE(ids[0], 0);
    ASSERT_NE(ids[1], 0);
    bench.hears(mqtt::Suback{ids[0], {1}});
    bench.hears(mqtt::Suback{ids[1], {2}});
    bench.breaks();
  }
}

TEST(TopicClient, TakesUpWhatWasUnderWay) {  // [mqtt311:4.4.0-1]
  Bench bench{[] {
    TopicSettings settings = Bench::two_filters();
    settings.subscriptions.clear();
    return settings;
  }()};
  bench.comes_back();
  bench.hears(mqtt::Connack{false, 0});
  bench.publishes(1, 1);
  bench.publishes(2, 2);
  const Lines first = bench.says();
  ASSERT_EQ(first.size(), 2U);
  bench.breaks();
  bench.comes_back();
  bench.hears(mqtt::Connack{true, 0});
  const Lines again = bench.says();
  ASSERT_EQ(again.size(), 2U);
  for (const std::string& line : again) EXPECT_TRUE(line.starts_with("PUBLISH")) << line;
  EXPECT_NE(again, first);  // DUP
}

}  // namespace
}  // namespace hubproof::tests
