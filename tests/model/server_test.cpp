// The server as a whole: who gets in, what a PUBACK promises, how connections end, and the link.
#include <gtest/gtest.h>

#include "tests/model/server_driver.hpp"

namespace hubproof::server_tests {

using namespace model;
namespace {

using Kinds = std::vector<Packet>;
Kinds kinds(const std::vector<Got>& packets) {
  Kinds all;
  for (const Got& packet : packets) all.push_back(packet.type);
  return all;
}
std::vector<std::uint16_t> ids(const std::vector<Got>& packets) {
  std::vector<std::uint16_t> all;
  for (const Got& packet : packets) all.push_back(packet.id);
  return all;
}
Driver with_device(Rules rules = {}) {
  Driver driver{std::move(rules)};
  driver.create("d1");
  return driver;
}

// ---- CONNECT.

int login_code(Driver& driver, const mqtt::Connect& packet) {
  const ConnectionId id = driver.open();
  driver.feed(id, packet);
  const auto got = driver.take(id);
  EXPECT_EQ(driver.closed(id), got.empty() || got[0].code != 0);
  return got.empty() ? -1 : got[0].code;
}
int login_code(Driver& driver, const std::string& client, const std::string& user_name) {
  return login_code(driver, connect_as(client, user_name));
}

TEST(Connect, ARegisteredDeviceIsAccepted) {
  Driver driver = with_device();
  const ConnectionId id = login(driver, "d1", true, 60, "gone");
  EXPECT_EQ(kinds(driver.take(id)), Kinds{Packet::connack});
  ASSERT_EQ(driver.seen(What::accepted).size(), 1u);
  const Event accepted = driver.seen(What::accepted)[0];
  EXPECT_EQ(accepted.device, NodeIndex{1});
  EXPECT_EQ(accepted.keep_alive, 60);
  EXPECT_EQ(accepted.flags, flag_sent | flag_clean_session | flag_has_will);
  EXPECT_NE(accepted.generation, 0u);
}

TEST(Connect, TheUserNameHasAGrammar) {
  Driver driver = with_device();
  for (const char* good :
       {"hub/d1/?api-version=2021-04-12", "hub/d1/api-version=2016-11-14", "hub/d1", "hub/d1/",
        "other.name/d1/?api-version=2021-04-12&DeviceClientType=a%2Fb%20c&model-id=dtmi:x;1",
        "hub/d1/DeviceClientType=azure&api-version=2016-11-14", "hub/d1/?api-version="})
    EXPECT_EQ(login_code(driver, "d1", good), 0) << good;
  for (const char* bad :
       {"", "hub", "/d1", "hub/", "hub/d2/?api-version=2021-04-12", "hub/d1x/?api-version=1",
        "hub/D1", "hub/d1/?api-version", "hub/d1/?=1", "hub/d1/m1/?api-version=1", "hub//d1"})
    EXPECT_EQ(login_code(driver, "d1", bad), 5) << bad;
  mqtt::Connect nameless = connect_as("d1", "");
  nameless.user_name.reset();
  EXPECT_EQ(login_code(driver, nameless), 5);
}

TEST(Connect, WhoIsNotKnownIsRefusedAndNothingBehindItCounts) {
  Driver driver = with_device();
  EXPECT_EQ(login_code(driver, "d2", user("d2")), 5);
  EXPECT_EQ(login_code(driver, "d1/m", user("d1/m")), 5);
  EXPECT_EQ(login_code(driver, "", user("")), 2);
  const auto refused = driver.seen(What::refused);
  ASSERT_EQ(refused.size(), 3u);
  EXPECT_EQ(refused[0].code, 5);

  const std::string name = user("d2");
  const std::string topic = "devices/d1/messages/events/";
  Bytes bytes;
  mqtt::write(bytes, connect_as("d2", name));
  mqtt::write(bytes, mqtt::Publish{topic, view("x"), 1, 1, false, false});
  const ConnectionId id = driver.open();
  driver.feed(id, View{bytes});
  EXPECT_EQ(kinds(driver.take(id)), Kinds{Packet::connack});  // [mqtt311:3.1.4-5]
  EXPECT_TRUE(driver.bodies().empty());
}

TEST(Connect, ADisabledDeviceIsRefusedUntilItIsEnabled) {
  Driver driver = with_device();
  driver.ask(EnableDevice{"d1", false});
  EXPECT_EQ(login_code(driver, "d1", user("d1")), 3);
  driver.ask(EnableDevice{"d1", true});
  EXPECT_EQ(login_code(driver, "d1", user("d1")), 0);
}

TEST(Connect, AnotherProtocolLevelIsRefusedByCode) {
  Driver driver = with_device();
  const std::string name = user("d1");
  mqtt::Connect packet = connect_as("d1", name);
  packet.level = 5;
  EXPECT_EQ(login_code(driver, packet), 1);  // [mqtt311:3.1.2-2]
}

TEST(Connect, ComesFirstAndOnce) {
  Driver driver = with_device();
  const ConnectionId early = driver.open();
  telemetry(driver, early, "d1", "x", 1);
  EXPECT_TRUE(driver.closed(early));
  EXPECT_TRUE(driver.take_bytes(early).empty());

  const ConnectionId twice = connected(driver, "d1");
  const std::string name = user("d1");
  driver.feed(twice, connect_as("d1", name));
  EXPECT_TRUE(driver.closed(twice));
  EXPECT_TRUE(driver.take_bytes(twice).empty());
  EXPECT_EQ(driver.seen(What::ended).back().why, Why::protocol);
  EXPECT_TRUE(driver.bodies().empty());
}

TEST(Connect, MustComeInTime) {
  Driver driver = with_device();
  const ConnectionId silent = driver.open();
  const ConnectionId slow = driver.open();
  driver.pass(59s);
  driver.feed(slow, Bytes{0x10, 0x20});  // a byte or two are no CONNECT
  EXPECT_FALSE(driver.closed(silent));
  driver.pass(1s);
  EXPECT_TRUE(driver.closed(silent));
  EXPECT_TRUE(driver.closed(slow));
  EXPECT_EQ(driver.seen(What::ended).back().why, Why::no_connect);
}

// ---- What an answer promises.

TEST(Promise, APubackLeavesWhenItsMessageIsDurable) {
  Driver driver = with_device();
  const ConnectionId id = connected(driver, "d1");
  driver.hold();
  telemetry(driver, id, "d1", "a", 1);
  telemetry(driver, id, "d1", "b", 2);
  EXPECT_TRUE(driver.take_bytes(id).empty());
  driver.release();
  EXPECT_EQ(ids(driver.take(id)), (std::vector<std::uint16_t>{1, 2}));
  EXPECT_EQ(driver.bodies(), (std::vector<std::string>{"a", "b"}));
}

TEST(Promise, WhatWasAcknowledgedSurvivesACrash) {
  Driver driver = with_device();
  const ConnectionId id = connected(driver, "d1");
  telemetry(driver, id, "d1", "kept", 1);
  EXPECT_EQ(driver.take(id).size(), 1u);
  driver.hold();
  telemetry(driver, id, "d1", "lost", 2);
  EXPECT_TRUE(driver.take(id).empty());
  driver.crash();
  EXPECT_EQ(driver.bodies(), std::vector<std::string>{"kept"});
  EXPECT_EQ(login_code(driver, "d1", user("d1")), 0);  // the registration too
}

TEST(Promise, AFailedSyncStopsTheServer) {
  Driver driver = with_device();
  const ConnectionId id = connected(driver, "d1");
  driver.hold();
  telemetry(driver, id, "d1", "a", 1);
  driver.release(false);
  EXPECT_TRUE(driver.halted());
  const std::size_t before = driver.effects_seen();
  telemetry(driver, id, "d1", "b", 2);
  driver.pass(1h);
  driver.open();
  EXPECT_EQ(driver.effects_seen(), before);
  EXPECT_EQ(driver.server().deadline(), std::nullopt);
  EXPECT_TRUE(driver.take_bytes(id).empty());
}

TEST(Promise, Qos0IsNotAnswered) {
  Driver driver = with_device();
  const ConnectionId id = connected(driver, "d1");
  telemetry(driver, id, "d1", "a", 0, 0);
  EXPECT_TRUE(driver.take_bytes(id).empty());
  EXPECT_EQ(driver.bodies(), std::vector<std::string>{"a"});
}

TEST(Promise, APingIsAnsweredWhileTheStoreIsSlow) {
  Driver driver = with_device();
  const ConnectionId id = connected(driver, "d1");
  driver.hold();
  telemetry(driver, id, "d1", "a", 1);
  driver.feed(id, mqtt::Pingreq{});
  EXPECT_EQ(kinds(driver.take(id)), Kinds{Packet::pingresp});
}

TEST(Promise, ConnackComesFirstThoughItWaits) {
  Driver driver = with_device();
  driver.hold();
  const ConnectionId id = login(driver, "d1", false);  // its session is to be stored
  driver.feed(id, mqtt::Pingreq{});
  telemetry(driver, id, "d1", "a", 1);
  EXPECT_TRUE(driver.take_bytes(id).empty());
  EXPECT_TRUE(driver.seen(What::accepted).empty());
  driver.release();
  EXPECT_EQ(kinds(driver.take(id)), (Kinds{Packet::connack, Packet::pingresp, Packet::puback}));
}

// ---- PUBLISH.

TEST(Publish, TheTopicsOfTelemetry) {
  Driver driver = with_device();
  const ConnectionId id = connected(driver, "d1");
  std::uint16_t n = 0;
  for (const char* topic : {"devices/d1/messages/events", "devices/d1/messages/events/",
                            "devices/d1/messages/events/a=b&c=d%20e",
                            "devices/d1/messages/events/a=b/", "devices/%641/messages/events/"})
    publish(driver, id, topic, topic, ++n);
  EXPECT_EQ(driver.take(id).size(), 5u);
  const auto events = driver.telemetry();
  ASSERT_EQ(events.size(), 5u);
  EXPECT_EQ(MessageView{events[2].message}.property("c"), "d e");
  EXPECT_EQ(events[0].device, "d1");
  EXPECT_FALSE(events[0].will);
}

TEST(Publish, OtherTopicsCloseOrAreAcknowledgedByProfile) {
  for (const char* topic :
       {"devices/d2/messages/events/", "devices/d1/messages/event/", "devices/d1/messages/eventsx",
        "devices/d1", "devices/d1/messages/devicebound/", "x", "devices/d1/messages/events/a=b/c=d",
        "devices/d1/modules/m/messages/events/"}) {
    Driver closes = with_device();
    closes.create("d2");
    ConnectionId id = connected(closes, "d1");
    publish(closes, id, topic, "x", 1);
    EXPECT_TRUE(closes.closed(id)) << topic;
    EXPECT_TRUE(closes.take_bytes(id).empty()) << topic;
    EXPECT_TRUE(closes.bodies().empty()) << topic;

    Rules rules;
    rules.hub.bad_topic = BadTopic::ack;
    Driver acks = with_device(rules);
    id = connected(acks, "d1");
    publish(acks, id, topic, "x", 1);
    EXPECT_EQ(kinds(acks.take(id)), Kinds{Packet::puback}) << topic;
    EXPECT_TRUE(acks.bodies().empty()) << topic;
  }
}

TEST(Publish, TopicsOfNeighboursAreTakenWithoutEffect) {
  Driver driver = with_device();
  const ConnectionId id = connected(driver, "d1");
  publish(driver, id, "$iothub/twin/GET/?$rid=1", "", 1);
  publish(driver, id, "$iothub/twin/PATCH/properties/reported/?$rid=1", "{}", 0, 0);
  EXPECT_EQ(kinds(driver.take(id)), Kinds{Packet::puback});
  EXPECT_TRUE(driver.bodies().empty());
}

TEST(Publish, ABrokenBagCloses) {
  Driver driver = with_device();
  const ConnectionId id = connected(driver, "d1");
  publish(driver, id, "devices/d1/messages/events/a=%zz", "x", 1);
  EXPECT_TRUE(driver.closed(id));
  EXPECT_TRUE(driver.bodies().empty());
}

TEST(Publish, Qos2ClosesOrIsAcknowledgedByProfile) {
  Driver closes = with_device();
  ConnectionId id = connected(closes, "d1");
  telemetry(closes, id, "d1", "x", 1, 2);
  EXPECT_TRUE(closes.closed(id));
  EXPECT_TRUE(closes.bodies().empty());

  Rules rules;
  rules.hub.qos2_publish = Qos2Publish::puback;
  Driver acks = with_device(rules);
  id = connected(acks, "d1");
  telemetry(acks, id, "d1", "x", 1, 2);
  EXPECT_EQ(kinds(acks.take(id)), Kinds{Packet::puback});
  EXPECT_EQ(acks.bodies(), std::vector<std::string>{"x"});
}

TEST(Publish, RetainAddsAPropertyAndDupNothing) {
  for (const bool old : {false, true}) {
    Rules rules;
    if (old) rules.hub.retain_property_name = RetainName::x_opt_retain;
    Driver driver = with_device(rules);
    const ConnectionId id = connected(driver, "d1");
    publish(driver, id, "devices/d1/messages/events/a=b", "x", 1, 1, true, true);
    publish(driver, id, "devices/d1/messages/events/a=b", "x", 1, 1, true, false);
    EXPECT_EQ(driver.take(id).size(), 2u);
    const auto events = driver.telemetry();
    ASSERT_EQ(events.size(), 2u);  // DUP suppresses nothing [MQTT-22]
    EXPECT_EQ(MessageView{events[0].message}.property(old ? "x-opt-retain" : "mqtt-retain"),
              "true");
    EXPECT_EQ(MessageView{events[0].message}.content_digest(),
              MessageView{events[1].message}.content_digest());
  }
}

TEST(Publish, TheSizeLimitHasTwoSides) {
  const std::string most(262'144, 'x');
  Driver closes = with_device();
  ConnectionId id = connected(closes, "d1");
  telemetry(closes, id, "d1", most, 1);
  EXPECT_EQ(closes.take(id).size(), 1u);
  telemetry(closes, id, "d1", most + "y", 2);
  EXPECT_TRUE(closes.closed(id));
  EXPECT_EQ(closes.bodies().size(), 1u);

  Rules rules;
  rules.hub.over_size = OverSize::ack_and_drop;
  Driver drops = with_device(rules);
  id = connected(drops, "d1");
  telemetry(drops, id, "d1", most + most, 1);
  telemetry(drops, id, "d1", "small", 2);
  EXPECT_EQ(ids(drops.take(id)), (std::vector<std::uint16_t>{1, 2}));
  EXPECT_EQ(drops.bodies(), std::vector<std::string>{"small"});
}

TEST(Publish, PropertiesCountTowardsTheSize) {
  Driver driver = with_device();
  const ConnectionId id = connected(driver, "d1");
  publish(driver, id, "devices/d1/messages/events/abc=def", std::string(262'144 - 5, 'x'), 1);
  EXPECT_TRUE(driver.closed(id));
}

// ---- The end of a connection.

TEST(Takeover, TheNewerWinsAndTheOlderIsHeardNoMore) {
  Driver driver = with_device();
  const ConnectionId older = connected(driver, "d1", false, 60, "older gone");
  driver.hold();
  telemetry(driver, older, "d1", "before", 7);
  const ConnectionId newer = login(driver, "d1", false);
  EXPECT_TRUE(driver.closed(older));
  telemetry(driver, older, "d1", "after", 8);
  driver.release();
  EXPECT_TRUE(driver.take_bytes(older).empty());  // no acknowledgement reaches the older one
  EXPECT_EQ(kinds(driver.take(newer)), Kinds{Packet::connack});
  EXPECT_EQ(driver.bodies(), (std::vector<std::string>{"before", "older gone"}));
  EXPECT_EQ(driver.seen(What::ended).back().why, Why::takeover);
  EXPECT_EQ(driver.seen(What::ended).back().connection, static_cast<std::uint32_t>(older));

  driver.lose(older);  // the transport's end comes later and means nothing
  telemetry(driver, newer, "d1", "on", 1);
  EXPECT_EQ(driver.take(newer).size(), 1u);
  EXPECT_EQ(driver.bodies().size(), 3u);
}

std::size_t wills(Driver& driver) {
  return static_cast<std::size_t>(
      std::ranges::count_if(driver.telemetry(), [](const TelemetryEvent& e) { return e.will; }));
}

TEST(Will, ComesOnceWhenTheConnectionEndsWithoutDisconnect) {
  for (const char* end : {"lost", "keep-alive", "protocol", "takeover", "disabled"}) {
    SCOPED_TRACE(end);
    Driver driver = with_device();
    const ConnectionId id = connected(driver, "d1", true, 60, "gone");
    telemetry(driver, id, "d1", "last", 1);
    const std::string how = end;
    if (how == "lost") driver.lose(id);
    if (how == "keep-alive") driver.pass(90s);
    if (how == "protocol") driver.feed(id, mqtt::Pubrel{1});
    if (how == "takeover") connected(driver, "d1");
    if (how == "disabled") driver.ask(EnableDevice{"d1", false});
    driver.lose(id);
    driver.pass(200s);
    EXPECT_EQ(driver.bodies(), (std::vector<std::string>{"last", "gone"}));
    const auto events = driver.telemetry();
    EXPECT_TRUE(events.back().will);
    EXPECT_EQ(MessageView{events.back().message}.property("iothub-MessageType"), "Will");
    EXPECT_EQ(wills(driver), 1u);
  }
}

TEST(Will, IsForgottenByDisconnect) {
  Driver driver = with_device();
  const ConnectionId id = connected(driver, "d1", true, 60, "gone");
  driver.feed(id, mqtt::Disconnect{});
  EXPECT_TRUE(driver.closed(id));
  driver.lose(id);
  connected(driver, "d1");
  EXPECT_TRUE(driver.bodies().empty());
  const Event ended = driver.seen(What::ended)[0];
  EXPECT_EQ(ended.why, Why::disconnect);
  EXPECT_EQ(ended.by, EndedBy::peer);
}

TEST(Will, OfAConnectionThatWasNeverAcceptedDoesNotExist) {
  Driver driver = with_device();
  driver.hold();
  const ConnectionId id = login(driver, "d1", false, 60, "gone");
  driver.lose(id);
  driver.release();
  EXPECT_TRUE(driver.bodies().empty());
}

TEST(Will, MustBeForTheDevicesOwnTelemetryTopic) {
  Driver driver = with_device();
  const std::string name = user("d1");
  mqtt::Connect packet = connect_as("d1", name);
  packet.will = mqtt::Will{"devices/d2/messages/events/", view("x"), 0, false};
  EXPECT_EQ(login_code(driver, packet), 5);
  packet.will = mqtt::Will{"devices/d1/messages/events/a=%zz", view("x"), 0, false};
  EXPECT_EQ(login_code(driver, packet), 5);
  packet.will = mqtt::Will{"devices/d1/messages/events/", view("x"), 2, false};
  EXPECT_EQ(login_code(driver, packet), 5);
  packet.will = mqtt::Will{"devices/d1/messages/events/a=b", view("x"), 1, true};
  EXPECT_EQ(login_code(driver, packet), 0);
}

TEST(Will, OfADeletedDeviceIsItsLastWordAndItIsNotLetInAgain) {
  Driver driver = with_device();
  const ConnectionId id = connected(driver, "d1", true, 60, "gone");
  driver.ask(DeleteDevice{"d1"});
  EXPECT_TRUE(driver.closed(id));
  EXPECT_EQ(driver.seen(What::ended).back().why, Why::device_gone);
  EXPECT_EQ(wills(driver), 1u);
  EXPECT_EQ(login_code(driver, "d1", user("d1")), 5);
  driver.create("d1");
  EXPECT_EQ(login_code(driver, "d1", user("d1")), 0);
}

TEST(KeepAlive, SilenceOfOneAndAHalfTimesEndsAConnection) {
  struct Case {
    std::uint16_t keep_alive;
    Duration limit;
  };
  for (const auto& [keep_alive, limit] : {Case{230, 345s}, Case{1, 1500ms}, Case{30, 45s},
                                          Case{0, 1767s}, Case{1178, 1767s}, Case{65'535, 1767s}}) {
    SCOPED_TRACE(keep_alive);
    Driver driver = with_device();
    const ConnectionId id = connected(driver, "d1", true, keep_alive);
    driver.pass(limit - 1ns);
    EXPECT_FALSE(driver.closed(id));
    driver.feed(id, mqtt::Pingreq{});
    driver.pass(limit - 1ns);
    EXPECT_FALSE(driver.closed(id));
    driver.pass(1ns);
    EXPECT_TRUE(driver.closed(id));
    EXPECT_EQ(driver.seen(What::ended).back().why, Why::keep_alive);
  }
}

TEST(KeepAlive, AnyByteCounts) {
  Driver driver = with_device();
  const ConnectionId id = connected(driver, "d1", true, 10);
  driver.pass(14s);
  driver.feed(id, Bytes{0xc0});  // half a PINGREQ
  driver.pass(14s);
  EXPECT_FALSE(driver.closed(id));
  driver.pass(1s);
  EXPECT_TRUE(driver.closed(id));
}

TEST(KeepAlive, ManyConnectionsEndAtTheirOwnTimes) {
  Driver driver;
  std::vector<ConnectionId> all;
  for (int i = 0; i < 200; ++i) {
    const std::string name = "x" + std::to_string(i);
    driver.create(name);
    all.push_back(connected(driver, name, true, static_cast<std::uint16_t>(2 + 2 * i)));
  }
  for (int i = 0; i < 200; ++i) {
    driver.pass(3s - 1ns);
    EXPECT_FALSE(driver.closed(all[static_cast<std::size_t>(i)])) << i;
    driver.pass(1ns);
    EXPECT_TRUE(driver.closed(all[static_cast<std::size_t>(i)])) << i;
  }
}

// ---- The desk.

// Asks, and looks later what came of it.
class Caller {
 public:
  explicit Caller(Driver& driver) : driver_{driver} {}
  void ask(const Request& request) {
    asked_ = driver_.asked();
    driver_.try_ask(request);
  }
  bool answered() const { return driver_.answer(asked_).has_value(); }
  template <class T>
  const T* body() const {
    return answered() ? std::get_if<T>(&*driver_.answer(asked_)) : nullptr;
  }

 private:
  Driver& driver_;
  std::size_t asked_ = 0;
};

TEST(Desk, AnswersWhenItIsDurable) {
  Driver driver;
  Caller caller{driver};
  driver.hold();
  caller.ask(CreateDevice{"d1"});
  EXPECT_FALSE(caller.answered());
  driver.release();
  ASSERT_TRUE(caller.body<Done>());
  EXPECT_NE(caller.body<Done>()->generation, 0u);
  caller.ask(CreateDevice{"d1"});
  ASSERT_TRUE(caller.body<Failed>());
  EXPECT_EQ(caller.body<Failed>()->error, Error::device_exists);
}

TEST(Desk, AReaderWaitsUntilThereIsSomethingDurable) {
  Driver driver = with_device();
  Caller caller{driver};
  const ConnectionId id = connected(driver, "d1");
  telemetry(driver, id, "d1", "first", 1);
  const std::uint32_t partition = [&] {
    for (std::uint32_t p = 0;; ++p) {
      const Response response = driver.ask(ReadTelemetry{p, 1, 10, {}});
      if (!std::get<Telemetry>(response).events.empty()) return p;
    }
  }();
  caller.ask(ReadTelemetry{partition, 2, 10, 20s});
  EXPECT_FALSE(caller.answered());
  driver.hold();
  telemetry(driver, id, "d1", "second", 2);
  EXPECT_FALSE(caller.answered());
  driver.release();
  ASSERT_TRUE(caller.body<Telemetry>());
  ASSERT_EQ(caller.body<Telemetry>()->events.size(), 1u);
  EXPECT_EQ(text(MessageView{caller.body<Telemetry>()->events[0].message}.body()), "second");

  caller.ask(ReadTelemetry{partition, 3, 10, 20s});
  driver.pass(20s - 1ns);
  EXPECT_FALSE(caller.answered());
  driver.pass(1ns);
  ASSERT_TRUE(caller.body<Telemetry>());
  EXPECT_TRUE(caller.body<Telemetry>()->events.empty());
}

TEST(Desk, BadRequestsAreDefiniteErrors) {
  Driver driver = with_device();
  const auto error = [&](Request request) {
    const Response response = driver.ask(std::move(request));
    return std::holds_alternative<Failed>(response) ? std::get<Failed>(response).error
                                                    : Error::none;
  };
  EXPECT_EQ(error(ReadTelemetry{99, 1, 10, {}}), Error::bad_request);
  EXPECT_EQ(error(ReadTelemetry{0, 1, 0, {}}), Error::bad_request);
  EXPECT_EQ(error(SendCommand{"d1", {1, 2, 3}}), Error::bad_request);
  EXPECT_EQ(error(ReceiveCommand{"d2"}), Error::device_not_found);
  EXPECT_EQ(error(SettleCommand{"d2", 1, Settle::complete}), Error::device_not_found);
  EXPECT_EQ(error(SettleCommand{"d1", 1, Settle::complete}), Error::lock_lost);
  driver.ask(EnableDevice{"d1", false});
  EXPECT_EQ(error(ReceiveCommand{"d1"}), Error::disabled);
}

TEST(Desk, CommandsAreHandedOverAndSettled) {
  Driver driver = with_device();
  const Response none = driver.ask(ReceiveCommand{"d1"});
  EXPECT_EQ(std::get<Command>(none).token, 0u);

  driver.command("d1", "m1", "hello");
  const auto command = std::get<Command>(driver.ask(ReceiveCommand{"d1"}));
  EXPECT_EQ(text(MessageView{command.message}.body()), "hello");
  const Event event = driver.seen(What::packet).back();
  EXPECT_EQ(event.packet, Packet::link_delivery);
  EXPECT_EQ(event.token, command.token);
  EXPECT_EQ(event.message, message_key("m1"));
  EXPECT_EQ(event.expiry, command.expiry);

  const SettleCommand complete{"d1", command.token, Settle::complete};
  EXPECT_TRUE(std::holds_alternative<Done>(driver.ask(complete)));
  EXPECT_TRUE(std::holds_alternative<Failed>(driver.ask(complete)));  // a second time it settles nothing [C2D-24]
  driver.pass(20s);
  const auto feedback = std::get<Feedback>(driver.ask(ReceiveFeedback{}));
  ASSERT_EQ(feedback.records.size(), 1u);
  EXPECT_EQ(feedback.records[0].original_message_id, "m1");
}

TEST(Desk, AFeedbackReaderIsWokenByTheBatch) {
  Driver driver = with_device();
  Caller caller{driver};
  driver.command("d1", "m1");
  const Response command = driver.ask(ReceiveCommand{"d1"});
  caller.ask(ReceiveFeedback{60s});
  EXPECT_FALSE(caller.answered());
  driver.ask(SettleCommand{"d1", std::get<Command>(command).token, Settle::reject});
  driver.pass(20s);
  ASSERT_TRUE(caller.body<Feedback>());
  ASSERT_EQ(caller.body<Feedback>()->records.size(), 1u);
  EXPECT_EQ(caller.body<Feedback>()->records[0].status, Status::rejected);
}

}  // namespace
}  // namespace hubproof::server_tests
