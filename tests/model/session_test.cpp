// One MQTT session: subscriptions and what they keep, cloud-to-device deliveries, and the stream of
// bytes, however it is cut.
#include <gtest/gtest.h>

#include "tests/model/server_driver.hpp"

namespace hubproof::server_tests {

using namespace model;
namespace {

constexpr std::uint8_t failed = 0x80;

Driver with_device(Rules rules = {}) {
  Driver driver{std::move(rules)};
  driver.create("d1");
  return driver;
}
std::vector<std::uint8_t> grant(Driver& driver, ConnectionId id,
                                const std::vector<std::string>& filters, std::uint8_t qos = 1) {
  subscribe(driver, id, filters, 9, qos);
  const auto got = driver.take(id);
  if (got.empty()) return {};
  EXPECT_EQ(got[0].type, Packet::suback);
  EXPECT_EQ(got[0].id, 9);
  return got[0].codes;
}
ConnectionId subscribed(Driver& driver, const std::string& device, bool clean = true,
                        std::uint8_t qos = 1, std::uint16_t keep_alive = 600) {
  const ConnectionId id = connected(driver, device, clean, keep_alive);
  EXPECT_EQ(grant(driver, id, {command_filter(device)}, qos),
            std::vector<std::uint8_t>{std::min<std::uint8_t>(qos, 1)});
  return id;
}
std::vector<std::string> payloads(const std::vector<Got>& packets) {
  std::vector<std::string> all;
  for (const Got& packet : packets)
    if (packet.type == Packet::publish) all.push_back(packet.payload);
  return all;
}
std::vector<Status> feedback(Driver& driver) {
  driver.pass(20s);
  std::vector<Status> all;
  for (;;) {
    const Response response = driver.ask(ReceiveFeedback{});
    const auto* batch = std::get_if<Feedback>(&response);
    if (!batch || batch->token == 0) return all;
    for (const FeedbackRecord& record : batch->records) all.push_back(record.status);
    driver.ask(SettleFeedback{batch->token, true});
  }
}
using Texts = std::vector<std::string>;

// ---- SUBSCRIBE and UNSUBSCRIBE.

TEST(Subscribe, TheClosedListOfFiltersInTheOrderAsked) {
  Driver driver = with_device();
  driver.create("d2");
  const ConnectionId id = connected(driver, "d1");
  EXPECT_EQ(
      grant(driver, id,
            {"devices/d2/messages/devicebound/#", command_filter("d1"), "#", "$iothub/twin/res/#",
             "devices/d1/messages/devicebound/", "$iothub/methods/POST/#",
             "$iothub/twin/PATCH/properties/desired/#", "devices/d1/messages/devicebound/a/#",
             "devices/+/messages/devicebound/#", "devices/d1/#"}),
      (std::vector<std::uint8_t>{failed, 1, failed, 1, failed, 1, 1, failed, failed, failed}));
}

TEST(Subscribe, Qos2IsGrantedAs1AndQos0As0) {
  Driver driver = with_device();
  const ConnectionId id = connected(driver, "d1");
  EXPECT_EQ(grant(driver, id, {command_filter("d1")}, 2), std::vector<std::uint8_t>{1});
  EXPECT_EQ(grant(driver, id, {command_filter("d1")}, 0), std::vector<std::uint8_t>{0});
}

TEST(Subscribe, ABadFilterByProfile) {
  Rules rules;
  rules.hub.bad_filter = BadFilter::close;
  Driver closes = with_device(rules);
  ConnectionId id = connected(closes, "d1");
  subscribe(closes, id, {command_filter("d1"), "#"});
  EXPECT_TRUE(closes.closed(id));
  EXPECT_TRUE(closes.take_bytes(id).empty());

  rules.hub.bad_filter = BadFilter::accept;
  Driver accepts = with_device(rules);
  id = connected(accepts, "d1");
  EXPECT_EQ(grant(accepts, id, {"#"}), std::vector<std::uint8_t>{1});
  accepts.command("d1", "m1");
  EXPECT_TRUE(accepts.take_bytes(id).empty());  // and never delivers
}

TEST(Subscribe, OnlyFiveAtATime) {
  Rules rules;
  rules.hub.bad_filter = BadFilter::accept;
  Driver driver = with_device(rules);
  const ConnectionId id = connected(driver, "d1");
  EXPECT_EQ(grant(driver, id, {"a", "b", "c", "d", command_filter("d1"), "f", "a"}),
            (std::vector<std::uint8_t>{1, 1, 1, 1, 1, failed, 1}));
  driver.feed(id, mqtt::Unsubscribe{3, {"b", "nothing"}});
  EXPECT_EQ(driver.take(id)[0].type, Packet::unsuback);
  EXPECT_EQ(grant(driver, id, {"f"}), std::vector<std::uint8_t>{1});

  rules.hub.filter_over_limit = FilterOverLimit::close;
  Driver closes = with_device(rules);
  const ConnectionId other = connected(closes, "d1");
  subscribe(closes, other, {"a", "b", "c", "d", "e", "f"});
  EXPECT_TRUE(closes.closed(other));
}

TEST(Subscribe, IsDurableBeforeItIsGranted) {
  Driver driver = with_device();
  ConnectionId id = connected(driver, "d1", false);
  driver.command("d1", "m1");
  driver.hold();
  subscribe(driver, id, {command_filter("d1")});
  EXPECT_TRUE(driver.take_bytes(id).empty());
  driver.crash();
  id = connected(driver, "d1", false);
  EXPECT_TRUE(driver.take_bytes(id).empty());  // it was not granted, so it need not be there
  EXPECT_EQ(grant(driver, id, {command_filter("d1")}), std::vector<std::uint8_t>{1});
  driver.crash();
  id = login(driver, "d1", false);
  const auto got = driver.take(id);
  ASSERT_EQ(got.size(), 2u);
  EXPECT_TRUE(got[0].present);
  EXPECT_EQ(got[1].payload, "body");
}

TEST(Unsubscribe, OnlyTheVeryFilterIsRemovedAndAlwaysAnswered) {
  Driver driver = with_device();
  const ConnectionId id = subscribed(driver, "d1");
  driver.feed(id,
              mqtt::Unsubscribe{
                  4, {"devices/d1/messages/devicebound/", "devices/d1/messages/devicebound/+"}});
  auto got = driver.take(id);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].type, Packet::unsuback);
  EXPECT_EQ(got[0].id, 4);
  driver.command("d1", "m1", "one");
  EXPECT_EQ(payloads(driver.take(id)), Texts{"one"});
  const std::string filter = command_filter("d1");
  driver.feed(id, mqtt::Unsubscribe{5, {filter}});
  EXPECT_EQ(driver.take(id)[0].id, 5);
  driver.command("d1", "m2", "two");
  EXPECT_TRUE(driver.take_bytes(id).empty());
  driver.feed(id, mqtt::Puback{1});  // a delivery that had begun is finished [mqtt311:3.10.4-3]
  EXPECT_EQ(feedback(driver), std::vector<Status>{Status::success});
  EXPECT_EQ(grant(driver, id, {filter}), std::vector<std::uint8_t>{1});
}

// ---- What a session keeps.

TEST(CleanSession, ZeroKeepsTheSubscriptionAndWhatCameMeanwhile) {
  Driver driver = with_device();
  ConnectionId id = subscribed(driver, "d1", false);
  driver.lose(id);
  driver.command("d1", "m1", "meanwhile");
  id = login(driver, "d1", false);
  const auto got = driver.take(id);
  ASSERT_EQ(got.size(), 2u);
  EXPECT_TRUE(got[0].present);
  EXPECT_EQ(got[1].payload, "meanwhile");
  EXPECT_EQ(got[1].topic.substr(0, 32), "devices/d1/messages/devicebound/");
}

TEST(CleanSession, SessionPresentTellsWhetherOneWasKept) {
  Driver driver = with_device();
  const auto present = [&](bool clean) {
    const ConnectionId id = login(driver, "d1", clean);
    const bool is = driver.take(id).at(0).present;
    driver.lose(id);
    return is;
  };
  EXPECT_FALSE(present(true));
  EXPECT_FALSE(present(false));
  EXPECT_TRUE(present(false));
  EXPECT_FALSE(present(true));  // and it throws the session away
  EXPECT_FALSE(present(false));
  EXPECT_TRUE(present(false));
}

TEST(CleanSession, OneStartsWithoutSubscriptionsAndLeavesNone) {
  Driver driver = with_device();
  ConnectionId id = subscribed(driver, "d1", false);
  id = connected(driver, "d1", true);
  driver.command("d1", "m1");
  EXPECT_TRUE(driver.take_bytes(id).empty());
  subscribe(driver, id, {command_filter("d1")});
  EXPECT_EQ(driver.take(id).size(), 2u);
  id = login(driver, "d1", false);
  const auto got = driver.take(id);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_FALSE(got[0].present);
}

TEST(CleanSession, TheAnswerHoldsAfterACrash) {
  Driver driver = with_device();
  ConnectionId id = subscribed(driver, "d1", false);
  driver.hold();
  id = login(driver, "d1", true);
  EXPECT_TRUE(driver.take_bytes(id).empty());  // the old session is not yet gone for good
  driver.crash();
  id = login(driver, "d1", false);
  EXPECT_TRUE(driver.take(id).at(0).present);
  id = connected(driver, "d1", true);
  driver.crash();
  id = login(driver, "d1", false);
  EXPECT_FALSE(driver.take(id).at(0).present);
}

TEST(CleanSession, PresubscriptionSwitch) {
  Rules rules;
  rules.hub.mqtt_presub_messages = PresubMessages::after_subscribe;
  Driver driver = with_device(rules);
  ConnectionId id = subscribed(driver, "d1", false);
  driver.lose(id);
  driver.command("d1", "m1", "one");
  id = connected(driver, "d1", false);
  driver.command("d1", "m2", "two");
  EXPECT_TRUE(driver.take_bytes(id).empty());
  subscribe(driver, id, {command_filter("d1")});
  EXPECT_EQ(payloads(driver.take(id)), (Texts{"one", "two"}));

  rules.hub.mqtt_presub_messages = PresubMessages::reject_older;
  Driver rejects = with_device(rules);
  rejects.command("d1", "m1", "old");
  rejects.pass(1s);
  id = connected(rejects, "d1", false);
  subscribe(rejects, id, {command_filter("d1")});
  rejects.command("d1", "m2", "new");
  EXPECT_EQ(payloads(rejects.take(id)), Texts{"new"});
  EXPECT_EQ(feedback(rejects), std::vector<Status>{Status::rejected});  // [OPEN-04]
  rejects.lose(id);
  rejects.command("d1", "m3", "away");
  id = login(rejects, "d1", false);
  EXPECT_EQ(payloads(rejects.take(id)), (Texts{"new", "away"}));
}

// ---- Deliveries.

TEST(Delivery, PubackCompletes) {
  Driver driver = with_device();
  const ConnectionId id = subscribed(driver, "d1");
  driver.command("d1", "m1", "hello");
  const auto got = driver.take(id);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].qos, 1);
  EXPECT_FALSE(got[0].dup);
  EXPECT_FALSE(got[0].retain);
  EXPECT_NE(got[0].topic.find("%24.mid=m1"), std::string::npos);
  EXPECT_NE(got[0].topic.find("iothub-ack=full"), std::string::npos);
  const Event event = driver.seen(What::packet).back();
  EXPECT_EQ(event.flags, flag_sent | flag_c2d);
  EXPECT_EQ(event.message, message_key("m1"));
  EXPECT_EQ(event.token, static_cast<std::uint64_t>(id) << 16 | got[0].id);
  EXPECT_NE(event.expiry, no_date);
  driver.feed(id, mqtt::Puback{got[0].id});
  EXPECT_EQ(feedback(driver), std::vector<Status>{Status::success});
  driver.pass(120s);
  EXPECT_TRUE(driver.take_bytes(id).empty());
}

TEST(Delivery, NothingComesBeforeASubscription) {
  Driver driver = with_device();
  const ConnectionId id = connected(driver, "d1");
  driver.command("d1", "m1");
  subscribe(driver, id, {"$iothub/twin/res/#"});
  EXPECT_EQ(driver.take(id).size(), 1u);
  driver.pass(30s);
  EXPECT_TRUE(driver.take_bytes(id).empty());
  subscribe(driver, id, {command_filter("d1")});
  const auto got = driver.take(id);
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0].type, Packet::suback);
}

TEST(Delivery, TheTopicIsSpelledAsTheFilterWas) {
  Driver driver;
  driver.create("a+b");
  const std::string name = "hub/a%2Bb/?api-version=1";
  const ConnectionId id = driver.open();
  driver.feed(id, connect_as("a+b", name));
  EXPECT_EQ(driver.take(id).at(0).code, 0);
  EXPECT_EQ(grant(driver, id, {"devices/a%2Bb/messages/devicebound/#"}),
            std::vector<std::uint8_t>{1});
  driver.command("a+b", "m1");
  EXPECT_TRUE(driver.take(id).at(0).topic.starts_with("devices/a%2Bb/messages/devicebound/"));
}

TEST(Delivery, Qos0CompletesOnWriteOrStaysLockedByProfile) {
  Driver completes = with_device();
  ConnectionId id = subscribed(completes, "d1", true, 0);
  completes.command("d1", "m1");
  auto got = completes.take(id);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].qos, 0);
  EXPECT_EQ(feedback(completes), std::vector<Status>{Status::success});

  Rules rules;
  rules.hub.mqtt_qos0_settle = Qos0Settle::keep_locked;
  Driver locks = with_device(rules);
  id = subscribed(locks, "d1", true, 0);
  locks.command("d1", "m1");
  EXPECT_EQ(locks.take(id).size(), 1u);
  EXPECT_TRUE(feedback(locks).empty());
  locks.pass(40s);
  got = locks.take(id);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_FALSE(got[0].dup);  // [mqtt311:3.3.1-2]
}

TEST(Delivery, WhatIsNotAcknowledgedComesAgainAfterItsLock) {
  Driver driver = with_device();
  const ConnectionId id = subscribed(driver, "d1");
  driver.command("d1", "m1");
  const auto first = driver.take(id).at(0);
  driver.pass(60s - 1ns);
  EXPECT_TRUE(driver.take_bytes(id).empty());
  driver.pass(1ns);
  const auto second = driver.take(id).at(0);
  EXPECT_NE(second.id, first.id);
  EXPECT_EQ(second.payload, first.payload);
  EXPECT_FALSE(second.dup);                 // the count of 2026 stays at 0 [MQTT-38]
  driver.feed(id, mqtt::Puback{first.id});  // too late for the old token [C2D-14]
  EXPECT_TRUE(feedback(driver).empty());
  driver.feed(id, mqtt::Puback{second.id});
  EXPECT_EQ(feedback(driver), std::vector<Status>{Status::success});
}

TEST(Delivery, DupShowsACountAboveZero) {
  Rules rules;
  rules.hub.delivery_count_rule = DeliveryCountRule::every_return_2017;
  Driver driver = with_device(rules);
  const ConnectionId id = subscribed(driver, "d1");
  driver.command("d1", "m1");
  EXPECT_FALSE(driver.take(id).at(0).dup);
  driver.pass(60s);
  EXPECT_TRUE(driver.take(id).at(0).dup);
}

TEST(Delivery, WithoutResendsALivingConnectionGetsAMessageOnce) {
  Rules rules;
  rules.hub.resend_while_connected = false;
  Driver driver = with_device(rules);
  ConnectionId id = subscribed(driver, "d1", false);
  driver.command("d1", "m1");
  const auto first = driver.take(id).at(0);
  driver.pass(200s);
  EXPECT_TRUE(driver.take_bytes(id).empty());
  driver.feed(id, mqtt::Puback{first.id});  // and its late acknowledgement counts
  EXPECT_EQ(feedback(driver), std::vector<Status>{Status::success});
  driver.command("d1", "m2", "two");
  EXPECT_EQ(driver.take(id).size(), 1u);
  id = login(driver, "d1", false);
  EXPECT_EQ(payloads(driver.take(id)), Texts{"two"});
}

TEST(Delivery, ALostConnectionGivesItsMessagesBack) {
  Driver driver = with_device();
  ConnectionId id = subscribed(driver, "d1", false);
  driver.command("d1", "m1", "one");
  driver.command("d1", "m2", "two");
  EXPECT_EQ(driver.take(id).size(), 2u);
  driver.feed(id, mqtt::Puback{2});  // out of turn, and good [MQTT-35]
  driver.lose(id);
  id = login(driver, "d1", false);
  EXPECT_EQ(payloads(driver.take(id)), Texts{"one"});
  EXPECT_EQ(feedback(driver), std::vector<Status>{Status::success});
}

TEST(Delivery, AtMostTheWindowIsUnderWay) {
  Rules rules;
  rules.hub.c2d_window = 3;
  Driver driver = with_device(rules);
  const ConnectionId id = subscribed(driver, "d1");
  for (int i = 0; i < 6; ++i) driver.command("d1", "m" + std::to_string(i), std::to_string(i));
  auto got = driver.take(id);
  EXPECT_EQ(payloads(got), (Texts{"0", "1", "2"}));
  driver.feed(id, mqtt::Puback{got[0].id});
  got = driver.take(id);
  EXPECT_EQ(payloads(got), Texts{"3"});
  driver.pass(60s);  // all three locks ran out; the hub offers what it has in its order
  EXPECT_EQ(driver.take(id).size(), 3u);
  driver.feed(id, mqtt::Puback{999});
  EXPECT_TRUE(driver.take_bytes(id).empty());
}

TEST(Delivery, AFullWindowOpensWhenItsLocksHaveRunOut) {
  Rules rules;
  rules.hub.c2d_window = 2;
  Driver driver = with_device(rules);
  const ConnectionId id = subscribed(driver, "d1");
  driver.command("d1", "m1");
  driver.command("d1", "m2");
  EXPECT_EQ(driver.take(id).size(), 2u);
  driver.ask(Purge{"d1"});
  driver.pass(10s);
  driver.command("d1", "m3", "three");
  EXPECT_TRUE(driver.take_bytes(id).empty());
  driver.pass(50s);
  EXPECT_EQ(payloads(driver.take(id)), Texts{"three"});
}

TEST(Delivery, StopsAtExpiryAndReportsIt) {
  Driver driver = with_device();
  const ConnectionId id = subscribed(driver, "d1");
  driver.command("d1", "m1", "short", Ack::full, driver.now().wall + 90s);
  EXPECT_EQ(driver.take(id).size(), 1u);
  driver.pass(60s);
  const auto second = driver.take(id);
  ASSERT_EQ(second.size(), 1u);
  driver.pass(40s);
  EXPECT_TRUE(driver.take_bytes(id).empty());
  driver.feed(id, mqtt::Puback{second[0].id});
  EXPECT_EQ(feedback(driver), std::vector<Status>{Status::expired});
}

TEST(Delivery, MqttAndTheLinkShareOneQueue) {
  Driver driver = with_device();
  driver.command("d1", "m1");
  const Response link = driver.ask(ReceiveCommand{"d1"});
  EXPECT_NE(std::get<Command>(link).token, 0u);
  const ConnectionId id = subscribed(driver, "d1");
  EXPECT_TRUE(driver.take_bytes(id).empty());  // locked for the other receiver [C2D-10]
  driver.pass(60s);
  EXPECT_EQ(driver.take(id).size(), 1u);  // [C2D-39]
}

TEST(Delivery, OfDifferentDevicesDoesNotMix) {
  Driver driver = with_device();
  driver.create("d2");
  const ConnectionId one = subscribed(driver, "d1");
  const ConnectionId two = subscribed(driver, "d2");
  driver.command("d2", "m1");
  EXPECT_TRUE(driver.take_bytes(one).empty());
  EXPECT_EQ(driver.take(two).size(), 1u);
}

// ---- The stream.

Bytes conversation() {
  Bytes bytes;
  const std::string name = user("d1");
  const std::string filter = command_filter("d1");
  mqtt::write(bytes, connect_as("d1", name));
  mqtt::write(bytes, mqtt::Subscribe{1, {{filter, 1}, {"#", 0}}});
  mqtt::write(bytes, mqtt::Publish{"devices/d1/messages/events/%24.mid=a&b=c", view("one"), 2, 1,
                                   false, false});
  mqtt::write(bytes, mqtt::Pingreq{});
  mqtt::write(bytes, mqtt::Publish{"devices/d1/messages/events/", view("two"), 0, 0, false, false});
  mqtt::write(bytes, mqtt::Puback{1});
  mqtt::write(bytes, mqtt::Unsubscribe{3, {filter}});
  mqtt::write(bytes, mqtt::Publish{"devices/d1/messages/events/", view("three"), 4, 1, true, true});
  return bytes;
}

struct Shown {
  std::vector<Got> packets;
  Texts bodies;
  std::vector<Packet> events;
  bool operator==(const Shown&) const = default;
};

// With a store that answers only at the end, so that its speed plays no part.
template <class Feed>
Shown show(Feed feed) {
  Driver driver = with_device();
  driver.command("d1", "m1");
  const ConnectionId id = driver.open();
  driver.hold();
  feed(driver, id);
  driver.release();
  driver.feed(id, mqtt::Disconnect{});
  EXPECT_TRUE(driver.closed(id));
  Shown shown{driver.take(id), driver.bodies(), {}};
  for (const Event& event : driver.seen(What::packet)) shown.events.push_back(event.packet);
  return shown;
}

TEST(Stream, EverySplitGivesTheSameEffects) {
  const Bytes bytes = conversation();
  const Shown whole = show([&](Driver& driver, ConnectionId id) { driver.feed(id, View{bytes}); });
  EXPECT_EQ(whole.bodies, (Texts{"one", "two", "three"}));
  EXPECT_EQ(whole.packets.size(), 7u);
  EXPECT_TRUE(whole == show([&](Driver& driver, ConnectionId id) {
                for (const std::uint8_t byte : bytes) driver.feed(id, View{&byte, 1});
              }));
  for (std::size_t at = 1; at < bytes.size(); ++at)
    EXPECT_TRUE(whole == show([&](Driver& driver, ConnectionId id) {
                  driver.feed(id, View{bytes}.first(at));
                  driver.feed(id, View{bytes}.subspan(at));
                }))
        << at;
}

TEST(Stream, WhatNoDeviceMaySendCloses) {
  const auto closes = [](auto packet) {
    Driver driver = with_device();
    const ConnectionId id = connected(driver, "d1", true, 60, "gone");
    driver.feed(id, packet);
    EXPECT_TRUE(driver.take_bytes(id).empty());
    EXPECT_EQ(driver.bodies(), Texts{"gone"});
    return driver.closed(id);
  };
  EXPECT_TRUE(closes(mqtt::Pubrec{1}));
  EXPECT_TRUE(closes(mqtt::Pubrel{1}));
  EXPECT_TRUE(closes(mqtt::Pubcomp{1}));
  EXPECT_TRUE(closes(mqtt::Connack{}));
  EXPECT_TRUE(closes(mqtt::Pingresp{}));
  EXPECT_TRUE(closes(mqtt::Suback{1, {0}}));
  EXPECT_TRUE(closes(Bytes{0x00, 0x00}));  // no such type
  EXPECT_TRUE(closes(Bytes{0xe1, 0x00}));  // DISCONNECT with a reserved bit [mqtt311:3.14.1-1]
  EXPECT_TRUE(closes(Bytes{0x80, 0x05, 0, 1, 0, 0, 0}));     // SUBSCRIBE with wrong flags
  EXPECT_TRUE(closes(Bytes{0x82, 0x02, 0, 1}));              // SUBSCRIBE without a filter
  EXPECT_TRUE(closes(Bytes{0x36, 0x05, 0, 1, 'a', 0, 1}));   // QoS 3
  EXPECT_TRUE(closes(Bytes{0x30, 0xff, 0xff, 0xff, 0xff}));  // a length of five bytes
}

TEST(Stream, APacketBeyondTheLimitIsRefusedFromItsHeader) {
  Driver driver = with_device();
  const ConnectionId id = connected(driver, "d1");
  driver.feed(id, Bytes{0x30, 0xff, 0xff, 0xff, 0x7f});
  EXPECT_TRUE(driver.closed(id));
}

TEST(Stream, HalfAPacketWaitsInOneConnectionWithoutHarmToOthers) {
  Driver driver = with_device();
  driver.create("d2");
  const ConnectionId one = connected(driver, "d1");
  const ConnectionId two = connected(driver, "d2");
  const Bytes half{0x32, 0x30, 0x00};
  driver.feed(one, View{half});
  telemetry(driver, two, "d2", "x", 1);
  EXPECT_EQ(driver.take(two).size(), 1u);
  driver.feed(one, View{half});
  driver.lose(one);
  const ConnectionId again = connected(driver, "d1");
  telemetry(driver, again, "d1", "y", 1);
  EXPECT_EQ(driver.take(again).size(), 1u);
}

}  // namespace
}  // namespace hubproof::server_tests
