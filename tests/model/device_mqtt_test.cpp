#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/device_bench.hpp"

namespace hubproof::workbench {
namespace {

using Lines = std::vector<std::string>;
namespace mqtt = model::mqtt;

std::string publish(int id, int number, bool dup = false, int qos = 1) {
  return "PUBLISH " + std::to_string(id) + ' ' + std::to_string(qos) + ' ' + (dup ? "1" : "0") +
         " 0 'devices/d1/messages/events/%24.mid=t3-" + std::to_string(number) + "&p=a%20b''21.5'";
}

struct Online : DeviceBench {
  explicit Online(DeviceSettings the_settings = {}, DeviceRules the_rules = {})
      : DeviceBench{std::move(the_settings), the_rules} {
    start();
    go_online();
    said();
    saw();
    did();
  }
};

// ---- Connecting.

TEST(Device, SaysWhoItIsAndWaitsForTheAnswer) {
  DeviceBench bench;
  bench.start();
  EXPECT_EQ(bench.did(), Lines{"connect 1 0"});
  EXPECT_EQ(bench.saw(), Lines{});
  bench.submit(1);
  bench.connect();
  EXPECT_EQ(bench.said(), Lines{"CONNECT 4 0 60 'd1' user 'hub/d1/?api-version=2021-04-12'"});
  EXPECT_EQ(bench.saw(), (Lines{"telemetry invoke qos=1 message=t3-1", "opened on=1",
                                "packet connect sent on=1 keep_alive=60"}));
  bench.hear(mqtt::Connack{false, 0});
  EXPECT_EQ(bench.said(), Lines{publish(100, 1)});
  EXPECT_EQ(bench.saw(), (Lines{"packet connack on=1", "accepted on=1 keep_alive=60",
                                "packet publish sent on=1 id=100 qos=1 message=t3-1"}));
}

TEST(Device, AWillIsTelemetryWithAMessageIdOfItsOwn) {  // [MQTT-41]
  DeviceSettings settings;
  settings.has_will = true;
  settings.clean_session = true;
  DeviceBench bench{settings};
  bench.draws.fixed[ChanceSite::first_will] = 41;
  bench.start();
  bench.connect();
  EXPECT_EQ(bench.said(),
            Lines{"CONNECT 4 1 60 'd1' will 'devices/d1/messages/events/%24.mid=t3-2147483690'"
                  "'gone' 1 0 user 'hub/d1/?api-version=2021-04-12'"});
  bench.hear(mqtt::Connack{false, 0});
  EXPECT_EQ(bench.saw("accepted"),
            Lines{"accepted clean has_will on=1 message=t3-2147483690 keep_alive=60"});
  bench.end();
  bench.go_online();
  EXPECT_EQ(bench.saw("accepted"),
            Lines{"accepted clean has_will on=2 message=t3-2147483691 keep_alive=60"});
}

TEST(Device, TriesAgainAfterEveryKindOfRefusal) {
  DeviceBench bench;
  bench.start();
  bench.refuse();
  EXPECT_EQ(bench.saw(), Lines{"refused on=1"});
  bench.wait(1s);
  EXPECT_EQ(bench.did(), (Lines{"connect 1 0", "connect 2 0"}));
  bench.wait(30s);  // no answer to the dialling
  EXPECT_EQ(bench.saw(), Lines{"refused on=2 by=local why=no_answer"});
  bench.wait(2s);
  bench.connect();
  bench.wait(30s);  // no CONNACK
  EXPECT_EQ(bench.saw("ended"), Lines{"ended on=3 by=local why=no_answer"});
  bench.wait(4s);
  bench.connect();
  bench.hear(mqtt::Connack{false, 5});
  EXPECT_EQ(bench.saw("refused"), Lines{"refused on=4 code=5"});
  EXPECT_EQ(bench.did(),
            (Lines{"abort 2 0", "connect 3 0", "abort 3 0", "connect 4 0", "close 4 0"}));
}

TEST(Device, BacksOffExponentiallyUpToItsLimit) {
  DeviceSettings settings;
  settings.back_off_first = 1s;
  settings.back_off_max = 10s;
  DeviceBench bench{settings};
  bench.start();
  std::vector<Duration> waits;
  for (int i = 0; i < 6; ++i) {
    const Instant from = bench.time;
    bench.refuse();
    waits.push_back(*bench.device->deadline() - from);
    bench.wait(waits.back());
  }
  EXPECT_EQ(waits, (std::vector<Duration>{1s, 2s, 4s, 8s, 10s, 10s}));
}

TEST(Device, JitterTakesOffUpToItsShare) {
  DeviceBench bench;
  bench.settings.back_off_jitter_percent = 50;
  bench.draws.fixed[ChanceSite::back_off] = 1'000;
  bench.start();
  bench.refuse();
  EXPECT_EQ(*bench.device->deadline() - bench.time, Duration{500ms});
}

TEST(Device, AConnectionThatLastedResetsTheBackOff) {
  DeviceBench bench;
  bench.start();
  for (int i = 0; i < 3; ++i) {
    bench.refuse();
    bench.redial();
  }
  bench.connect();
  bench.hear(mqtt::Connack{false, 0});
  bench.end();  // at once: this one did not last
  EXPECT_EQ(*bench.device->deadline() - bench.time, Duration{8s});
  bench.wait(8s);
  bench.connect();
  bench.hear(mqtt::Connack{false, 0});
  bench.wait(10s);
  bench.end();
  EXPECT_EQ(*bench.device->deadline() - bench.time, Duration{1s});
}

TEST(Device, ADeviceThatSleepsDisconnectsAndStaysAway) {
  Online bench;
  bench.device->sleep(bench.now(), bench.effects);
  bench.wait(1ns);
  bench.submit(1);
  EXPECT_EQ(bench.said(), Lines{"DISCONNECT"});
  EXPECT_EQ(bench.did(), Lines{"close 1 0"});
  EXPECT_EQ(bench.saw(), (Lines{"packet disconnect sent on=1", "ended on=1 by=local why=disconnect",
                                "telemetry invoke qos=1 message=t3-1"}));
  EXPECT_EQ(bench.device->deadline(), std::nullopt);
  bench.device->resume(bench.now(), bench.effects);
  bench.wait(0s);
  bench.submit(2);
  bench.go_online();
  EXPECT_EQ(bench.said(), (Lines{"CONNECT 4 0 60 'd1' user 'hub/d1/?api-version=2021-04-12'",
                                 publish(100, 1), publish(101, 2)}));
}

// ---- Telemetry.

TEST(Device, AMessageIsDoneWhenItIsAcknowledged) {  // [DLV-04]
  Online bench;
  bench.submit(1);
  EXPECT_EQ(bench.said(), Lines{publish(100, 1)});
  EXPECT_EQ(bench.device->unacknowledged(), 1u);
  bench.hear(mqtt::Puback{100});
  EXPECT_EQ(bench.device->unacknowledged(), 0u);
  EXPECT_EQ(bench.saw(), (Lines{"telemetry invoke on=1 qos=1 message=t3-1",
                                "packet publish sent on=1 id=100 qos=1 message=t3-1",
                                "packet puback on=1 id=100 message=t3-1",
                                "telemetry ok on=1 id=100 qos=1 message=t3-1"}));
  bench.hear(mqtt::Puback{100});  // once more means nothing
  EXPECT_EQ(bench.saw(), Lines{"packet puback on=1 id=100"});
}

TEST(Device, QosZeroIsSentAndForgotten) {  // [DLV-05]
  DeviceSettings settings;
  settings.telemetry_qos = 0;
  Online bench{settings};
  bench.submit(1);
  EXPECT_EQ(bench.said(), Lines{publish(0, 1, false, 0)});
  EXPECT_EQ(bench.device->unacknowledged(), 0u);
  EXPECT_EQ(bench.saw("telemetry"),
            (Lines{"telemetry invoke on=1 message=t3-1", "telemetry info on=1 message=t3-1"}));
}

TEST(Device, TheWindowBoundsWhatIsUnacknowledged) {
  DeviceSettings settings;
  settings.window = 2;
  Online bench{settings};
  for (std::uint32_t n = 1; n <= 4; ++n) bench.submit(n);
  EXPECT_EQ(bench.said(), (Lines{publish(100, 1), publish(101, 2)}));
  bench.hear(mqtt::Puback{101});  // out of order: still one place
  EXPECT_EQ(bench.said(), Lines{publish(102, 3)});
  bench.hear(mqtt::Puback{100});
  EXPECT_EQ(bench.said(), Lines{publish(103, 4)});
}

TEST(Device, AFullOutboxRefuses) {
  DeviceSettings settings;
  settings.outbox_limit = 2;
  Online bench{settings};
  for (std::uint32_t n = 1; n <= 3; ++n) bench.submit(n);
  EXPECT_EQ(bench.saw("telemetry").back(), "telemetry fail on=1 message=t3-3 error=queue_full");
}

TEST(Device, AMessageThatFitsInNoTopicIsRefused) {
  Online bench;
  const Bytes flat = flat_message(own_key('t', 3, 1), "", std::string(60'000, ' '));
  bench.device->submit(bench.now(), flat, bench.effects);
  bench.submit(2);
  EXPECT_EQ(bench.said(), Lines{publish(100, 2)});
  EXPECT_EQ(bench.saw("telemetry fail"), Lines{"telemetry fail on=1 message=t3-1 error=too_large"});
}

TEST(Device, PacketIdsSkipWhatIsInFlightAndZero) {  // [mqtt311:2.3.1-1, 2.3.1-2]
  DeviceSettings settings;
  settings.window = 3;
  DeviceBench bench{settings};
  bench.draws.fixed[ChanceSite::first_packet_id] = 65'533;
  bench.start();
  bench.go_online();
  bench.said();
  bench.submit(1);
  bench.submit(2);
  EXPECT_EQ(bench.said(), (Lines{publish(65'534, 1), publish(65'535, 2)}));
  bench.submit(3);
  EXPECT_EQ(bench.said(), Lines{publish(1, 3)});
  bench.hear(mqtt::Puback{65'535});
  const Bytes flat = flat_message(own_key('t', 3, 4));
  for (int n = 0; n < 65'532; ++n) {  // once around, without looking
    bench.device->submit(bench.now(), flat, bench.effects);
    const Bytes ack = generate::written(mqtt::Puback{static_cast<mqtt::PacketId>(n + 2)});
    bench.device->received(bench.now(), ConnectionId{1}, ack, bench.effects);
    bench.effects.clear();
  }
  bench.said();
  bench.submit(5);
  EXPECT_EQ(bench.said(), Lines{publish(65'535, 5)});  // 65534 and 1 are still in flight
  bench.hear(mqtt::Puback{65'535});
  bench.submit(6);
  EXPECT_EQ(bench.said(), Lines{publish(2, 6)});
}

// ---- Resending.

TEST(Device, WhatWasNotAcknowledgedIsSentAgainInOrder) {  // [mqtt311:4.4.0-1, 4.6.0-1, 3.3.1-1]
  Online bench;
  for (std::uint32_t n = 1; n <= 3; ++n) bench.submit(n);
  bench.hear(mqtt::Puback{101});
  bench.end();
  bench.submit(4);
  bench.said();
  bench.go_online(true);
  EXPECT_EQ(bench.said(), (Lines{"CONNECT 4 0 60 'd1' user 'hub/d1/?api-version=2021-04-12'",
                                 publish(100, 1, true), publish(102, 3, true), publish(103, 4)}));
  bench.end();
  bench.go_online(false);  // a hub that lost the session changes nothing
  EXPECT_EQ(bench.said(),
            (Lines{"CONNECT 4 0 60 'd1' user 'hub/d1/?api-version=2021-04-12'",
                   publish(100, 1, true), publish(102, 3, true), publish(103, 4, true)}));
}

TEST(Device, WithCleanSessionOldMessagesAreNewOnes) {  // [mqtt311:3.1.2-6]
  DeviceSettings settings;
  settings.clean_session = true;
  Online bench{settings};
  for (std::uint32_t n = 1; n <= 3; ++n) bench.submit(n);
  bench.hear(mqtt::Puback{101});
  bench.end();
  bench.said();
  bench.go_online();
  EXPECT_EQ(bench.said(), (Lines{"CONNECT 4 1 60 'd1' user 'hub/d1/?api-version=2021-04-12'",
                                 publish(103, 1), publish(104, 3)}));
  bench.hear(mqtt::Puback{104});
  bench.hear(mqtt::Puback{103});
  EXPECT_EQ(bench.device->unacknowledged(), 0u);
}

TEST(Device, CutsAConnectionThatDoesNotAcknowledge) {
  DeviceSettings settings;
  settings.keep_alive = 0s;
  Online bench{settings};
  bench.submit(1);
  bench.wait(50s);
  bench.submit(2);  // its patience does not help the first
  bench.wait(9s);
  EXPECT_EQ(bench.saw("ended"), Lines{});
  bench.wait(1s);
  EXPECT_EQ(bench.saw("ended"), Lines{"ended on=1 by=local why=no_answer"});
  EXPECT_EQ(bench.did(), Lines{"abort 1 0"});
  bench.go_online(true);
  bench.wait(59s);
  bench.hear(mqtt::Puback{100});
  bench.wait(59s);
  EXPECT_EQ(bench.saw("ended"), Lines{});
  bench.wait(1s);
  EXPECT_EQ(bench.saw("ended"), Lines{"ended on=2 by=local why=no_answer"});
}

// ---- Keep-alive.

TEST(Device, IsNeverSilentForLongerThanItsKeepAlive) {  // [mqtt311:3.1.2-23]
  Online bench;
  EXPECT_EQ(*bench.device->deadline() - bench.time, Duration{45s});
  bench.wait(44s);
  EXPECT_EQ(bench.said(), Lines{});
  bench.submit(1);  // is as good as a ping
  bench.hear(mqtt::Puback{100});
  bench.said();
  bench.wait(44s);
  EXPECT_EQ(bench.said(), Lines{});
  bench.wait(1s);
  EXPECT_EQ(bench.said(), Lines{"PINGREQ"});
  bench.wait(45s);  // without an answer it still may not be silent
  EXPECT_EQ(bench.said(), Lines{"PINGREQ"});
  bench.hear(mqtt::Pingresp{});
  EXPECT_EQ(bench.saw("packet ping"), (Lines{"packet pingreq sent on=1", "packet pingreq sent on=1",
                                             "packet pingresp on=1"}));
}

TEST(Device, CutsAConnectionWithoutPingresp) {
  Online bench;
  bench.wait(45s + 60s);
  EXPECT_EQ(bench.saw("ended"), Lines{"ended on=1 by=local why=no_answer"});
}

TEST(Device, WithKeepAliveZeroThereIsNoPing) {
  DeviceSettings settings;
  settings.keep_alive = 0s;
  Online bench{settings};
  EXPECT_EQ(bench.device->deadline(), std::nullopt);
}

// ---- Commands.

DeviceSettings receiving() {
  DeviceSettings settings;
  settings.receives_commands = true;
  return settings;
}

TEST(Device, SubscribesOnceForASession) {
  DeviceBench bench{receiving()};
  bench.start();
  bench.connect();
  bench.said();
  bench.hear(mqtt::Connack{true, 0});  // of an earlier life: nobody knows what it subscribed to
  EXPECT_EQ(bench.said(), Lines{"SUBSCRIBE 100 'devices/d1/messages/devicebound/#' 1"});
  bench.end();
  bench.go_online(true);
  EXPECT_EQ(bench.said().back(), "SUBSCRIBE 101 'devices/d1/messages/devicebound/#' 1");
  bench.hear(mqtt::Suback{101, {1}});
  EXPECT_EQ(bench.saw("packet sub"), (Lines{"packet subscribe sent filter on=1 id=100 qos=1",
                                            "packet subscribe sent filter on=2 id=101 qos=1",
                                            "packet suback filter on=2 id=101 code=1"}));
  bench.end();
  bench.go_online(true);
  EXPECT_EQ(bench.said(), Lines{"CONNECT 4 0 60 'd1' user 'hub/d1/?api-version=2021-04-12'"});
  bench.end();
  bench.go_online(false);
  EXPECT_EQ(bench.said().back(), "SUBSCRIBE 102 'devices/d1/messages/devicebound/#' 1");
}

// A CONNECT without an answer may have begun a new session, as that of a registration that was made anew.
TEST(Device, SubscribesAgainAfterALostConnack) {
  Online bench{receiving()};
  bench.hear(mqtt::Suback{100, {1}});
  bench.end();
  bench.redial();
  bench.connect();
  bench.end();
  bench.go_online(true);
  EXPECT_EQ(bench.said().back(), "SUBSCRIBE 101 'devices/d1/messages/devicebound/#' 1");
  bench.hear(mqtt::Suback{101, {1}});
  bench.end();
  bench.go_online(true);
  EXPECT_EQ(bench.said(), Lines{"CONNECT 4 0 60 'd1' user 'hub/d1/?api-version=2021-04-12'"});
}

TEST(Device, ARefusedOrUnansweredSubscriptionIsTriedAgain) {
  Online bench{receiving()};
  bench.hear(mqtt::Suback{100, {0x80}});
  EXPECT_EQ(bench.saw("ended"), Lines{"ended on=1 by=local"});
  bench.go_online(true);
  EXPECT_EQ(bench.said().back(), "SUBSCRIBE 101 'devices/d1/messages/devicebound/#' 1");
  bench.wait(60s);
  EXPECT_EQ(bench.saw("ended"), Lines{"ended on=2 by=local why=no_answer"});
}

TEST(Device, ACommandIsDeliveredAndThenAcknowledged) {  // [mqtt311:4.3.2-2]
  Online bench{receiving()};
  bench.hear_command(own_key('c', 1, 7), 12);
  EXPECT_EQ(bench.said(), Lines{"PUBACK 12"});
  const std::string message = "on=1 id=12 message=c1-7";
  EXPECT_EQ(bench.saw(),
            (Lines{"packet publish c2d on=1 id=12 qos=1 message=c1-7",
                   "delivery c2d on=1 id=12 qos=1 message=c1-7 token=65548",
                   "complete invoke " + message + " token=65548", "packet puback sent " + message,
                   "complete info " + message + " token=65548"}));
}

TEST(Device, CommandsOfQosZeroNeedNoAnswer) {
  Online bench{receiving()};
  bench.hear_command(own_key('c', 1, 7), 0, 0);
  EXPECT_EQ(bench.said(), Lines{});
  EXPECT_EQ(bench.saw("delivery"), Lines{"delivery c2d on=1 message=c1-7 token=65536"});
}

TEST(Device, AcknowledgesWhenTheApplicationIsDoneInTheOrderOfReceipt) {  // [mqtt311:4.6.0-2]
  Online bench{receiving()};
  bench.draws.handling = 5s;
  bench.hear(mqtt::Suback{100, {1}});
  bench.hear_command(own_key('c', 1, 1), 1);
  bench.wait(1s);
  bench.hear_command(own_key('c', 1, 2), 2);
  bench.wait(3s);
  EXPECT_EQ(bench.said(), Lines{});
  bench.wait(1s);
  EXPECT_EQ(bench.said(), Lines{"PUBACK 1"});
  bench.wait(1s);
  EXPECT_EQ(bench.said(), Lines{"PUBACK 2"});
}

TEST(Device, ACommandThatIsHandledSoonerWaitsForTheOneBeforeIt) {  // [mqtt311:4.6.0-2]
  Online bench{receiving()};
  bench.hear(mqtt::Suback{100, {1}});
  bench.draws.handling = 5s;
  bench.hear_command(own_key('c', 1, 1), 1);
  bench.draws.handling = 1s;
  bench.hear_command(own_key('c', 1, 2), 2);
  bench.wait(4s);
  EXPECT_EQ(bench.said(), Lines{});
  bench.wait(1s);
  EXPECT_EQ(bench.said(), (Lines{"PUBACK 1", "PUBACK 2"}));
}

TEST(Device, ALostConnectionForgetsWhatWasBeingHandled) {
  Online bench{receiving()};
  bench.draws.handling = 5s;
  bench.hear_command(own_key('c', 1, 1), 1);
  bench.end();
  bench.go_online(true);
  bench.hear_command(own_key('c', 1, 1), 9, 1, true);
  bench.said();
  bench.saw();
  bench.wait(5s);
  EXPECT_EQ(bench.said(), Lines{"PUBACK 9"});
  EXPECT_EQ(bench.saw("complete").front(), "complete invoke on=2 id=9 message=c1-1 token=131081");
}

TEST(Device, AnIgnoredCommandBlocksUntilItComesAgain) {  // [C2D-34]
  DeviceSettings settings = receiving();
  settings.ignore_per_mille = 500;
  Online bench{settings};
  bench.draws.fixed[ChanceSite::command_handling] = 499;
  bench.hear_command(own_key('c', 1, 1), 1);
  bench.draws.fixed[ChanceSite::command_handling] = 500;
  bench.hear_command(own_key('c', 1, 2), 2);
  EXPECT_EQ(bench.said(), Lines{});
  bench.hear_command(own_key('c', 1, 1), 3, 1, true);
  EXPECT_EQ(bench.said(), (Lines{"PUBACK 2", "PUBACK 3"}));
}

TEST(Device, AcknowledgesOtherTopicsWithoutDelivering) {  // [mqtt311:4.5.0-2]
  Online bench{receiving()};
  bench.hear(mqtt::Publish{"some/topic", view("x"), 4, 1, false, true});
  EXPECT_EQ(bench.said(), Lines{"PUBACK 4"});
  EXPECT_EQ(bench.saw(),
            (Lines{"packet publish retain on=1 id=4 qos=1", "packet puback sent on=1 id=4"}));
}

TEST(Device, ACommandWithAnUnreadableBagIsStillDelivered) {
  Online bench{receiving()};
  bench.hear(mqtt::Publish{"devices/d1/messages/devicebound/a=%", view("x"), 4, 1, false, false});
  EXPECT_EQ(bench.said(), Lines{"PUBACK 4"});
  EXPECT_EQ(bench.saw("delivery"), Lines{"delivery c2d on=1 id=4 qos=1 token=65540"});
}

// ---- QoS 2, for servers that have it.

TEST(Device, AQosTwoMessageIsSentInFourSteps) {  // [mqtt311:4.3.3-1]
  DeviceSettings settings;
  settings.telemetry_qos = 2;
  Online bench{settings};
  bench.submit(1);
  EXPECT_EQ(bench.said(), Lines{publish(100, 1, false, 2)});
  bench.hear(mqtt::Pubrec{100});
  EXPECT_EQ(bench.said(), Lines{"PUBREL 100"});
  EXPECT_EQ(bench.device->unacknowledged(), 1u);
  bench.end();
  bench.submit(2);
  bench.go_online(true);
  EXPECT_EQ(bench.said(), (Lines{"CONNECT 4 0 60 'd1' user 'hub/d1/?api-version=2021-04-12'",
                                 "PUBREL 100", publish(101, 2, false, 2)}));
  bench.saw();
  bench.hear(mqtt::Pubcomp{100});
  EXPECT_EQ(bench.saw("telemetry"), Lines{"telemetry ok on=2 id=100 qos=2 message=t3-1"});
  bench.hear(mqtt::Pubrec{77});  // of nothing: let the other end finish
  EXPECT_EQ(bench.said(), Lines{"PUBREL 77"});
}

TEST(Device, AQosTwoMessageIsDeliveredOnce) {  // [mqtt311:4.3.3-2]
  Online bench{receiving()};
  bench.hear_command(own_key('c', 1, 1), 5, 2);
  bench.hear_command(own_key('c', 1, 1), 5, 2, true);
  EXPECT_EQ(bench.said(), (Lines{"PUBREC 5", "PUBREC 5"}));
  EXPECT_EQ(bench.saw("delivery").size(), 1u);
  bench.hear(mqtt::Pubrel{5});
  EXPECT_EQ(bench.said(), Lines{"PUBCOMP 5"});
  bench.hear_command(own_key('c', 1, 2), 5, 2);  // the id is new again
  EXPECT_EQ(bench.saw("delivery").size(), 1u);
}

// ---- Hubs that break the protocol.

TEST(Device, ClosesOnAProtocolViolation) {  // [mqtt311:4.8.0-1]
  for (const Bytes& bytes : {Bytes{0x20, 2, 0, 0}, Bytes{0xc0, 0}, Bytes{0x30, 1, 0},
                             Bytes{0x00, 0}, Bytes{0x90, 4, 0, 100, 1, 1}}) {
    Online bench{receiving()};
    bench.hear(View{bytes});
    EXPECT_EQ(bench.saw("ended"), Lines{"ended on=1 by=local why=protocol"});
    EXPECT_EQ(bench.did(), Lines{"close 1 0"});
  }
}

TEST(Device, TheFirstPacketOfAHubIsConnack) {  // [mqtt311:3.2.0-1]
  DeviceBench bench;
  bench.start();
  bench.connect();
  bench.hear(mqtt::Puback{1});
  EXPECT_EQ(bench.saw("ended"), Lines{"ended on=1 by=local why=protocol"});
}

TEST(Device, WhatComesFromAnOldConnectionIsNotHeard) {
  Online bench;
  bench.submit(1);
  bench.end();
  const std::uint32_t old = bench.connection;
  bench.go_online(true);
  bench.saw();
  bench.device->received(bench.now(), ConnectionId{old}, generate::written(mqtt::Puback{100}),
                         bench.effects);
  bench.device->ended(bench.now(), ConnectionId{old}, EndedBy::peer, bench.effects);
  bench.device->refused(bench.now(), ConnectionId{old}, bench.effects);
  bench.device->connected(bench.now(), ConnectionId{old}, bench.effects);
  EXPECT_TRUE(bench.effects.empty());
}

// ---- Rules that a wrong device breaks: each changes what is seen, and only there.

template <class Spoil>
Online wrong(Spoil spoil, DeviceSettings settings = {}) {
  DeviceRules rules;
  spoil(rules);
  return Online{std::move(settings), rules};
}

TEST(WrongDevice, ForgetsDup) {
  Online bench = wrong([](DeviceRules& rules) { rules.resend_sets_dup = false; });
  bench.submit(1);
  bench.end();
  bench.go_online(true);
  EXPECT_EQ(bench.said().back(), publish(100, 1));
}

TEST(WrongDevice, ResendsTheNewestFirst) {
  Online bench = wrong([](DeviceRules& rules) { rules.resend_order = ResendOrder::reversed; });
  bench.submit(1);
  bench.submit(2);
  bench.end();
  bench.said();
  bench.go_online(true);
  const Lines said = bench.said();
  EXPECT_EQ((Lines{said.begin() + 1, said.end()}),
            (Lines{publish(101, 2, true), publish(100, 1, true)}));
}

TEST(WrongDevice, DoesNotResend) {
  Online bench = wrong([](DeviceRules& rules) { rules.resend_after_reconnect = false; });
  bench.submit(1);
  bench.end();
  bench.submit(2);
  bench.said();
  bench.go_online(true);
  const Lines said = bench.said();
  EXPECT_EQ((Lines{said.begin() + 1, said.end()}), Lines{publish(101, 2)});
  EXPECT_EQ(bench.device->unacknowledged(), 1u);
}

TEST(WrongDevice, DoesNotAcknowledge) {
  Online bench = wrong([](DeviceRules& rules) { rules.acknowledges = false; }, receiving());
  bench.hear_command(own_key('c', 1, 1), 1);
  EXPECT_EQ(bench.said(), Lines{});
  EXPECT_EQ(bench.saw("delivery").size(), 1u);
}

TEST(WrongDevice, AcknowledgesOutOfOrder) {
  Online bench =
      wrong([](DeviceRules& rules) { rules.acknowledges_in_order = false; }, receiving());
  bench.hear_command(own_key('c', 1, 1), 1);
  bench.hear_command(own_key('c', 1, 2), 2);
  EXPECT_EQ(bench.said(), Lines{});
  bench.wait(1s);
  EXPECT_EQ(bench.said(), (Lines{"PUBACK 2", "PUBACK 1"}));
}

TEST(WrongDevice, GivesUpConnecting) {
  Online bench = wrong([](DeviceRules& rules) { rules.retries_connecting = false; });
  bench.end();
  EXPECT_EQ(bench.device->deadline(), std::nullopt);
}

TEST(WrongDevice, TakesWrittenForAcknowledged) {
  Online bench = wrong([](DeviceRules& rules) { rules.waits_for_ack = false; });
  bench.submit(1);
  EXPECT_EQ(bench.saw("telemetry ok").size(), 1u);
  EXPECT_EQ(bench.device->unacknowledged(), 0u);
}

TEST(WrongDevice, ReusesAPacketIdInFlight) {
  Online bench = wrong([](DeviceRules& rules) { rules.fresh_packet_ids = false; });
  bench.submit(1);
  bench.submit(2);
  EXPECT_EQ(bench.said(), (Lines{publish(1, 1), publish(1, 2)}));
}

TEST(WrongDevice, TakesAPacketIdWithoutALook) {
  Online bench = wrong([](DeviceRules& rules) {
    rules.skips_used_ids = false;
    rules.next_packet_id = [](std::uint16_t, std::uint32_t) { return std::uint16_t{7}; };
  });
  bench.submit(1);
  bench.submit(2);
  EXPECT_EQ(bench.said(), (Lines{publish(7, 1), publish(7, 2)}));
}

TEST(WrongDevice, TakesZeroForAPacketId) {
  Online bench = wrong([](DeviceRules& rules) {
    rules.skips_id_zero = false;
    rules.next_packet_id = [](std::uint16_t, std::uint32_t nth) {
      return static_cast<std::uint16_t>(nth - 1);
    };
  });
  bench.device->submit(bench.now(), flat_message(own_key('t', 3, 1)), bench.effects);
  const std::vector<Event>& events = bench.effects.events();
  const auto sent = std::ranges::find(events, Packet::publish, &Event::packet);
  ASSERT_NE(sent, events.end());
  EXPECT_EQ(sent->packet_id, 0);
  bench.effects.clear();  // what it wrote is no packet
}

TEST(WrongDevice, IsStuckWithAFullWindow) {
  DeviceSettings settings;
  settings.window = 2;
  Online bench =
      wrong([](DeviceRules& rules) { rules.resends_full_window = false; }, std::move(settings));
  bench.submit(1);
  bench.submit(2);
  bench.submit(3);
  bench.end();
  bench.said();
  bench.go_online(true);
  EXPECT_EQ(bench.said().size(), 1u);  // the CONNECT
  EXPECT_EQ(bench.device->unacknowledged(), 3u);
}

TEST(WrongDevice, AcknowledgesOnTheNextConnection) {
  Online bench = wrong([](DeviceRules& rules) { rules.forgets_unsettled = false; }, receiving());
  bench.draws.handling = 5s;
  bench.hear_command(own_key('c', 1, 1), 9);
  bench.end();
  bench.go_online(true);
  bench.said();
  bench.wait(5s);
  EXPECT_EQ(bench.said(), Lines{"PUBACK 9"});
}

TEST(WrongDevice, DoesNotPing) {
  Online bench = wrong([](DeviceRules& rules) { rules.pings = false; });
  EXPECT_EQ(bench.device->deadline(), std::nullopt);
}

// ---- Splits, and faults at every step.

Lines scripted(std::size_t piece) {
  DeviceBench bench{receiving()};
  bench.draws.handling = 1s;
  bench.piece = piece;
  bench.start();
  bench.submit(1);
  bench.connect();
  bench.submit(2);
  Bytes burst;
  for (const mqtt::Packet& packet : std::initializer_list<mqtt::Packet>{
           mqtt::Connack{false, 0}, mqtt::Suback{100, {1}}, mqtt::Puback{101},
           mqtt::Publish{"devices/d1/messages/devicebound/%24.mid=c1-1", view("x"), 1, 1, false,
                         false},
           mqtt::Publish{"devices/d1/messages/devicebound/%24.mid=c1-2", view("y"), 2, 2, false,
                         false},
           mqtt::Puback{102}, mqtt::Pubrel{2}, mqtt::Pingresp{}, mqtt::Connack{false, 0}}) {
    const Bytes bytes = generate::written(packet);
    burst.insert(burst.end(), bytes.begin(), bytes.end());
  }
  bench.hear(View{burst});
  bench.wait(2s);
  Lines all = bench.saw();
  for (const Lines& more : {bench.said(), bench.did()})
    all.insert(all.end(), more.begin(), more.end());
  return all;
}

TEST(Device, EverySplitOfItsInputGivesTheSameEffects) {
  const Lines whole = scripted(1u << 30);
  EXPECT_GT(whole.size(), 20u);
  for (std::size_t piece = 1; piece < 60; ++piece) EXPECT_EQ(scripted(piece), whole) << piece;
}

// A hub that answers every packet, but whose n-th answer is lost with its connection.
TEST(Device, AllIsAcknowledgedInTheEndWhicheverAnswerIsLost) {
  for (int n = 1;; ++n) {
    DeviceSettings settings = receiving();
    settings.window = 2;
    DeviceBench bench{settings};
    bench.start();
    for (std::uint32_t i = 1; i <= 5; ++i) bench.submit(i);
    int answers = 0;
    bool lost = false;
    std::vector<std::string> order;
    for (int turns = 0; turns < 100; ++turns) {
      if (bench.connecting) {
        bench.connecting = false;
        bench.connect();
      }
      const Lines said = bench.said();
      if (said.empty()) {
        if (bench.device->unacknowledged() == 0) break;
        bench.wait(2s);
        continue;
      }
      for (const std::string& packet : said) {
        mqtt::Packet answer = mqtt::Pingresp{};
        if (packet.starts_with("CONNECT")) answer = mqtt::Connack{answers > 0, 0};
        const auto id = static_cast<mqtt::PacketId>(
            std::atoi(packet.c_str() + std::min(packet.size(), packet.find(' ') + 1)));
        if (packet.starts_with("SUBSCRIBE")) answer = mqtt::Suback{id, {1}};
        if (packet.starts_with("PUBLISH")) {
          answer = mqtt::Puback{id};
          order.push_back(packet.substr(packet.find("t3-"), 4));
        }
        if (++answers == n) {
          lost = true;
          bench.end();
          break;
        }
        bench.hear(answer);
      }
    }
    EXPECT_EQ(bench.device->unacknowledged(), 0u) << n;
    EXPECT_EQ(bench.saw("telemetry ok").size(), 5u) << n;
    std::vector<std::string> firsts;
    for (const std::string& one : order)
      if (std::ranges::find(firsts, one) == firsts.end()) firsts.push_back(one);
    EXPECT_EQ(firsts, (Lines{"t3-1", "t3-2", "t3-3", "t3-4", "t3-5"})) << n;
    if (!lost) break;
    ASSERT_LT(n, 50);
  }
}

}  // namespace
}  // namespace hubproof::workbench
