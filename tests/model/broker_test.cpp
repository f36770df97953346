// The plain broker: sessions, subscriptions, retained messages, wills, QoS 0 to 2, and what of it a crash
// leaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/broker_rules.hpp"
#include "tests/model/broker_client.hpp"

namespace hubproof::server_tests {
namespace {

using Lines = std::vector<std::string>;

struct Broker : testing::Test {
  Driver driver{plain_broker()};
};

TEST_F(Broker, AnswersConnectSubscribePingAndUnsubscribe) {
  BrokerClient client{driver, "a"};
  client.subscribe("x/y", 2, 7);
  client.say(mqtt::Subscribe{8, {{"a", 0}, {"b", 1}, {"c", 2}}});
  client.say(mqtt::Pingreq{});
  client.unsubscribe("x/y", 9);
  client.unsubscribe("never", 10);
  EXPECT_EQ(client.told(), (Lines{"connack 0", "suback 7: 2", "suback 8: 0 1 2", "pingresp", "unsuback 9", "unsuback 10"}));
}

TEST_F(Broker, DeliversTheLowerQos) {
  BrokerClient reader{driver, "r"}, writer{driver, "w"};
  reader.say(mqtt::Subscribe{1, {{"q0", 0}, {"q1", 1}, {"q2", 2}}});
  reader.told();
  for (const char* topic : {"q0", "q1", "q2"}) {
    writer.publish(topic, "0");
    writer.publish(topic, "1", 1, 1);
    writer.publish(topic, "2", 2, 2);
    writer.say(mqtt::Pubrel{2});
  }
  EXPECT_EQ(reader.told(), (Lines{"publish q0 0 qos 0", "publish q0 1 qos 0", "publish q0 2 qos 0", "publish q1 0 qos 0",
                                  "publish q1 1 qos 1 id 1", "publish q1 2 qos 1 id 2", "publish q2 0 qos 0",
                                  "publish q2 1 qos 1 id 3", "publish q2 2 qos 2 id 4"}));
  EXPECT_EQ(writer.told(), (Lines{"connack 0", "puback 1", "pubrec 2", "pubcomp 2", "puback 1", "pubrec 2", "pubcomp 2",
                                  "puback 1", "pubrec 2", "pubcomp 2"}));
}

TEST_F(Broker, MatchesWildcardsAndKeepsDollarTopicsFromThem) {
  BrokerClient all{driver, "all"}, one{driver, "one"}, dollar{driver, "dollar"}, writer{driver, "w"};
  all.subscribe("#");
  one.subscribe("+/b/#");
  dollar.subscribe("$s/+");
  for (BrokerClient* each : {&all, &one, &dollar}) each->told();
  for (const char* topic : {"a/b", "a/b/c/d", "/b", "$s/b", "a"}) writer.publish(topic, "x");
  EXPECT_EQ(all.told(), (Lines{"publish a/b x qos 0", "publish a/b/c/d x qos 0", "publish /b x qos 0", "publish a x qos 0"}));
  EXPECT_EQ(one.told(), (Lines{"publish a/b x qos 0", "publish a/b/c/d x qos 0", "publish /b x qos 0"}));
  EXPECT_EQ(dollar.told(), (Lines{"publish $s/b x qos 0"}));
}

TEST_F(Broker, GivesOneCopyAtTheHighestQosOfOverlappingFilters) {
  BrokerClient reader{driver, "r"};
  reader.say(mqtt::Subscribe{1, {{"a/#", 0}, {"a/+", 2}, {"a/b", 1}}});
  reader.told();
  reader.publish("a/b", "x", 2, 9);
  EXPECT_EQ(reader.told(), (Lines{"pubrec 9", "publish a/b x qos 2 id 1"}));
}

TEST_F(Broker, ReplacesASubscriptionToTheSameFilter) {
  BrokerClient reader{driver, "r"};
  reader.publish("a", "kept", 1, 1, true);
  reader.subscribe("a", 1, 1);
  reader.subscribe("a", 0, 2);
  reader.publish("a", "x", 1, 2);
  EXPECT_EQ(reader.told(), (Lines{"connack 0", "puback 1", "suback 1: 1", "publish a kept qos 1 id 1 retain", "suback 2: 0",
                                  "publish a kept qos 0 retain", "puback 2", "publish a x qos 0"}));
}

TEST_F(Broker, UnsubscribesByExactCharactersAndFinishesWhatHasBegun) {
  BrokerClient reader{driver, "r"};
  reader.subscribe("a/+", 2);
  reader.publish("a/b", "x", 2, 9);
  reader.unsubscribe("a/b");
  reader.unsubscribe("a/+");
  reader.publish("a/b", "y");
  reader.say(mqtt::Pubrec{1});
  reader.say(mqtt::Pubcomp{1});
  EXPECT_EQ(reader.told(), (Lines{"connack 0", "suback 1: 2", "pubrec 9", "publish a/b x qos 2 id 1", "unsuback 2",
                                  "unsuback 2", "pubrel 1"}));
}

TEST_F(Broker, KeepsRetainedMessagesUntilAnEmptyOneErasesThem) {
  BrokerClient writer{driver, "w"};
  writer.publish("a", "old", 0, 0, true);
  writer.publish("a", "new", 1, 1, true);
  writer.publish("a", "plain");
  writer.publish("b", "gone", 0, 0, true);
  writer.publish("b", "", 0, 0, true);
  writer.say(mqtt::Disconnect{});
  BrokerClient reader{driver, "r"};
  reader.subscribe("+", 2);
  EXPECT_EQ(reader.told(), (Lines{"connack 0", "suback 1: 2", "publish a new qos 1 id 1 retain"}));
  BrokerClient other{driver, "o"};
  other.publish("a", "", 0, 0, true);  // goes to those who are there as any other, without RETAIN
  EXPECT_EQ(reader.told(), (Lines{"publish a  qos 0"}));
  reader.subscribe("+", 2, 3);
  EXPECT_EQ(reader.told(), (Lines{"suback 3: 2"}));
}

TEST_F(Broker, TakesOverAClientIdAndLeavesTheOldOnesWill) {
  BrokerClient reader{driver, "r"};
  reader.subscribe("will", 1);
  BrokerClient older{driver, "a", true, BrokerWill{"will", "bye", 1, true}};
  BrokerClient newer{driver, "a"};
  EXPECT_TRUE(older.closed());
  EXPECT_FALSE(newer.closed());
  EXPECT_EQ(reader.told(), (Lines{"connack 0", "suback 1: 1", "publish will bye qos 1 id 1"}));
  BrokerClient late{driver, "late"};
  late.subscribe("will", 1);
  EXPECT_EQ(late.told(), (Lines{"connack 0", "suback 1: 1", "publish will bye qos 1 id 1 retain"}));
}

TEST_F(Broker, LeavesNoWillAfterDisconnectAndOneAfterSilence) {
  BrokerClient reader{driver, "r"};
  reader.subscribe("will");
  reader.told();
  BrokerClient polite{driver, "a", true, BrokerWill{"will", "no"}};
  polite.say(mqtt::Disconnect{});
  BrokerClient silent{driver, "b", true, BrokerWill{"will", "silent"}, 10};
  driver.pass(14s);
  EXPECT_FALSE(silent.closed());
  driver.pass(2s);
  EXPECT_TRUE(silent.closed());
  BrokerClient rude{driver, "c", true, BrokerWill{"will", "rude"}};
  rude.say(mqtt::Publish{"x/+", {}, 0, 0, false, false});
  EXPECT_TRUE(rude.closed());
  EXPECT_EQ(reader.told(), (Lines{"publish will silent qos 0", "publish will rude qos 0"}));
}

TEST_F(Broker, GivesAnEmptyIdANameAndRefusesItToAKeptSession) {
  BrokerClient one{driver, ""}, other{driver, ""};
  EXPECT_EQ(one.told(), (Lines{"connack 0"}));
  EXPECT_EQ(other.told(), (Lines{"connack 0"}));
  EXPECT_FALSE(one.closed());
  BrokerClient kept{driver, "", false};
  EXPECT_EQ(kept.told(), (Lines{"connack 2"}));
  EXPECT_TRUE(kept.closed());
}

TEST_F(Broker, QueuesForAKeptSessionAndResendsWithDupInOrder) {
  BrokerClient reader{driver, "r", false};
  reader.subscribe("t", 2);
  BrokerClient writer{driver, "w"};
  writer.publish("t", "1", 1, 1);
  writer.publish("t", "2", 2, 2);
  writer.publish("t", "3", 2, 3);
  reader.say(mqtt::Pubrec{3});
  EXPECT_EQ(reader.told(), (Lines{"connack 0", "suback 1: 2", "publish t 1 qos 1 id 1", "publish t 2 qos 2 id 2",
                                  "publish t 3 qos 2 id 3", "pubrel 3"}));
  reader.lose();
  writer.publish("t", "4", 1, 4);
  writer.publish("t", "5");
  reader.connect(false);
  EXPECT_EQ(reader.told(), (Lines{"connack 0 present", "publish t 1 qos 1 id 1 dup", "publish t 2 qos 2 id 2 dup",
                                  "pubrel 3", "publish t 4 qos 1 id 4"}));
  reader.say(mqtt::Puback{1});
  reader.say(mqtt::Pubrec{2});
  reader.say(mqtt::Pubcomp{2});
  reader.say(mqtt::Pubcomp{3});
  reader.say(mqtt::Puback{4});
  EXPECT_EQ(reader.told(), (Lines{"pubrel 2"}));
  reader.lose();
  reader.connect(false);
  EXPECT_EQ(reader.told(), (Lines{"connack 0 present"}));
  reader.lose();
  reader.connect(true);
  writer.publish("t", "6", 1, 6);
  EXPECT_EQ(reader.told(), (Lines{"connack 0"}));
  reader.lose();
  reader.connect(false);
  EXPECT_EQ(reader.told(), (Lines{"connack 0"}));
}

TEST_F(Broker, PublishesAQos2MessageOnceHoweverOftenItComes) {
  BrokerClient reader{driver, "r"}, writer{driver, "w", false};
  reader.subscribe("t", 2);
  reader.told();
  writer.publish("t", "a", 2, 5);
  writer.publish("t", "a", 2, 5, false, true);
  writer.lose();
  writer.connect(false);
  writer.publish("t", "a", 2, 5, false, true);
  writer.say(mqtt::Pubrel{5});
  writer.say(mqtt::Pubrel{5});
  writer.publish("t", "b", 2, 5);
  EXPECT_EQ(writer.told(), (Lines{"connack 0 present", "pubrec 5", "pubcomp 5", "pubcomp 5", "pubrec 5"}));
  EXPECT_EQ(reader.told(), (Lines{"publish t a qos 2 id 1", "publish t b qos 2 id 2"}));
}

TEST_F(Broker, EndsWhoBreaksTheProtocol) {
  const auto ends = [&](View bytes, bool connected) {
    const ConnectionId id = driver.open();
    if (connected) {
      mqtt::Connect packet;
      packet.client_id = "x";
      driver.feed(id, packet);
    }
    driver.feed(id, bytes);
    return driver.closed(id);
  };
  const auto bytes = [](const auto& packet) {
    Bytes out;
    mqtt::write(out, packet);
    return out;
  };
  mqtt::Connect again;
  again.client_id = "x";
  EXPECT_TRUE(ends(bytes(mqtt::Pingreq{}), false));
  EXPECT_TRUE(ends(bytes(again), true));
  EXPECT_TRUE(ends(bytes(mqtt::Connack{}), true));
  EXPECT_TRUE(ends(bytes(mqtt::Subscribe{1, {{"a/#/b", 0}}}), true));
  EXPECT_TRUE(ends(bytes(mqtt::Unsubscribe{1, {"a+"}}), true));
  EXPECT_TRUE(ends(Bytes{0x62, 2, 0, 0}, true));
  EXPECT_FALSE(ends(bytes(mqtt::Pubrel{1}), true));
  again.level = 5;
  const ConnectionId newer = driver.open();
  driver.feed(newer, again);
  EXPECT_EQ(decode(driver.take_bytes(newer)).at(0).code, 1);
  EXPECT_TRUE(driver.closed(newer));
  const ConnectionId mute = driver.open();
  driver.pass(61s);
  EXPECT_TRUE(driver.closed(mute));
}

TEST_F(Broker, FilesNothingMoreInAFullSession) {
  Rules rules = plain_broker();
  auto own = std::make_shared<BrokerRules>(*rules.broker);
  own->queue_limit = 2;
  rules.broker = own;
  Driver small{rules};
  BrokerClient reader{small, "r", false}, writer{small, "w"};
  reader.subscribe("t", 1);
  reader.lose();
  for (mqtt::PacketId id = 1; id <= 4; ++id) writer.publish("t", std::to_string(id), 1, id);
  EXPECT_EQ(writer.told().size(), 5u);
  reader.connect(false);
  EXPECT_EQ(reader.told(), (Lines{"connack 0 present", "publish t 1 qos 1 id 1", "publish t 2 qos 1 id 2"}));
}

// ---- Durability.

TEST_F(Broker, PromisesNothingThatIsNotDurable) {
  BrokerClient reader{driver, "r", false}, writer{driver, "w", false};
  reader.subscribe("t", 2);
  reader.told(), writer.told();
  driver.hold();
  writer.publish("t", "1", 1, 1);
  writer.publish("t", "2", 2, 2);
  writer.publish("other", "3", 1, 3, true);
  reader.subscribe("u", 1, 5);
  writer.say(mqtt::Pingreq{});  // which owes nothing to the store
  BrokerClient fresh{driver, "f", false};
  EXPECT_EQ(reader.told(), Lines{});
  EXPECT_EQ(writer.told(), (Lines{"pingresp"}));
  EXPECT_EQ(fresh.told(), Lines{});
  driver.release();
  EXPECT_EQ(reader.told(), (Lines{"publish t 1 qos 1 id 1", "publish t 2 qos 2 id 2", "suback 5: 1"}));
  EXPECT_EQ(writer.told(), (Lines{"puback 1", "pubrec 2", "puback 3"}));
  EXPECT_EQ(fresh.told(), (Lines{"connack 0"}));
}

TEST_F(Broker, KnowsAfterACrashAllThatItPromised) {
  {
    BrokerClient reader{driver, "r", false}, writer{driver, "w", false};
    reader.subscribe("t", 2);
    reader.subscribe("gone", 2);
    reader.unsubscribe("gone");
    writer.publish("t", "1", 1, 1);
    writer.publish("t", "2", 2, 2);
    writer.publish("t", "3", 2, 3);
    writer.say(mqtt::Pubrel{3});
    reader.say(mqtt::Pubrec{3});
    reader.say(mqtt::Puback{1});
    writer.publish("kept", "r", 1, 4, true);
    writer.publish("erased", "r", 1, 5, true);
    writer.publish("erased", "", 1, 6, true);
    reader.lose();
    writer.publish("t", "4", 1, 7);
  }
  for (int crash = 0; crash < 3; ++crash) driver.crash(crash == 1 ? Driver::Tail::torn : Driver::Tail::lost);
  BrokerClient reader{driver, "r", false}, writer{driver, "w", false}, other{driver, "o", false};
  EXPECT_EQ(reader.told(), (Lines{"connack 0 present", "publish t 2 qos 2 id 2 dup", "pubrel 3", "publish t 4 qos 1 id 4"}));
  reader.say(mqtt::Pubcomp{3});
  writer.publish("t", "2", 2, 2, false, true);  // its PUBREC may have been lost
  writer.publish("t", "5", 2, 3);               // released before: a new one
  writer.publish("gone", "x", 1, 8);
  EXPECT_EQ(writer.told(), (Lines{"connack 0 present", "pubrec 2", "pubrec 3", "puback 8"}));
  EXPECT_EQ(reader.told(), (Lines{"publish t 5 qos 2 id 5"}));
  other.subscribe("#", 1);
  EXPECT_EQ(other.told(), (Lines{"connack 0", "suback 1: 1", "publish kept r qos 1 id 1 retain"}));
}

TEST_F(Broker, PublishesAfterACrashTheWillsOfThoseWhoWereThere) {
  BrokerClient reader{driver, "r", false};
  reader.subscribe("will/#", 1);
  BrokerClient clean{driver, "a", true, BrokerWill{"will/a", "a", 1, true}};
  BrokerClient kept{driver, "b", false, BrokerWill{"will/b", "b", 0}};
  BrokerClient polite{driver, "c", false, BrokerWill{"will/c", "c", 1}};
  polite.say(mqtt::Disconnect{});
  driver.pass(1s);
  driver.crash();
  driver.crash();  // and once only
  reader.connect(false);
  EXPECT_EQ(reader.told(), (Lines{"connack 0 present", "publish will/a a qos 1 id 1"}));
}

TEST_F(Broker, ForgetsACleanSessionInACrash) {
  {
    BrokerClient reader{driver, "r", false};
    reader.subscribe("t", 1);
    reader.say(mqtt::Disconnect{});
    BrokerClient clean{driver, "r", true};
    EXPECT_EQ(clean.told(), (Lines{"connack 0"}));
  }
  driver.crash();
  BrokerClient again{driver, "r", false};
  EXPECT_EQ(again.told(), (Lines{"connack 0"}));
}

// The journal starts anew long before it holds all that ever was.
TEST_F(Broker, KeepsItsStoreSmall) {
  Rules rules = plain_broker();
  rules.hub.journal_segment = 20'000;
  Driver small{rules};
  BrokerClient reader{small, "r", false}, writer{small, "w", false};
  reader.subscribe("t", 1);
  reader.told();
  for (std::uint32_t n = 1; n <= 3'000; ++n) {
    writer.publish("t", std::string(100, 'x'), 1, static_cast<mqtt::PacketId>(n));
    for (const Got& got : small.take(reader.connection)) reader.say(mqtt::Puback{got.id});
  }
  EXPECT_LT(small.stored_bytes(), 60'000u);
  small.crash();
  reader.connect(false);
  EXPECT_EQ(reader.told(), (Lines{"connack 0 present"}));
}

TEST_F(Broker, StopsWhenASyncFails) {
  BrokerClient writer{driver, "w", false};
  driver.hold();
  writer.publish("t", "1", 1, 1, true);
  writer.told();
  driver.release(false);
  EXPECT_TRUE(driver.halted());
  EXPECT_EQ(writer.told(), Lines{});
}

// Any split of what comes in gives the same effects. (A PINGRESP waits for nothing once CONNACK has left, so
// its place among answers that wait for the store is not fixed.)
TEST_F(Broker, HearsTheSameHoweverTheStreamIsCut) {
  Bytes stream;
  mqtt::Connect connect;
  connect.client_id = "a";
  connect.clean_session = false;
  connect.will = mqtt::Will{"w", view("bye"), 1, true};
  mqtt::write(stream, connect);
  mqtt::write(stream, mqtt::Subscribe{1, {{"t/#", 2}, {"+", 1}}});
  mqtt::write(stream, mqtt::Publish{"t/x", view("one"), 2, 1, false, true});
  mqtt::write(stream, mqtt::Publish{"t/x", view("two"), 3, 2, false, false});
  mqtt::write(stream, mqtt::Pubrel{3});
  mqtt::write(stream, mqtt::Puback{1});
  mqtt::write(stream, mqtt::Pubrec{2});
  mqtt::write(stream, mqtt::Pubcomp{2});
  mqtt::write(stream, mqtt::Unsubscribe{4, {"+"}});
  const auto heard = [&](std::size_t first, std::size_t second) {
    Driver own{plain_broker()};
    const ConnectionId id = own.open();
    for (const View piece : {View{stream}.first(first), View{stream}.subspan(first, second - first), View{stream}.subspan(second)})
      if (!piece.empty()) own.feed(id, piece);
    Lines lines;
    for (const Got& got : own.take(id)) lines.push_back(line(got));
    return lines;
  };
  const Lines whole = heard(0, stream.size());
  EXPECT_EQ(whole.size(), 9u);
  for (std::size_t first = 0; first <= stream.size(); ++first) {
    EXPECT_EQ(heard(first, first), whole) << first;
    EXPECT_EQ(heard(first, std::min(stream.size(), first + 1)), whole) << first;
  }
}

}  // namespace
}  // namespace hubproof::server_tests
