// Faults that devices ask for by properties of their telemetry: what is done, when, and to whom; and
// that nothing is done where nobody turned it on.
#include <gtest/gtest.h>

#include "model/http/codec.hpp"
#include "tests/model/amqp_client.hpp"

namespace hubproof::server_tests {
namespace {

class Orders : public testing::Test {
 protected:
  Orders() {
    driver.create("d1");
    driver.create("d2");
  }
  void turn_on() {
    driver.server().honour_fault_properties([this](std::string_view device, const std::string& what, bool begins) {
      told.push_back((begins ? "done: " : "asked: ") + what + " (" + std::string{device} + ")");
    });
  }
  static std::string bag(const std::string& type, const std::string& delay, const std::string& duration = "5") {
    return "AzIoTHub_FaultOperationType=" + type + "&AzIoTHub_FaultOperationCloseReason=boom" +
           "&AzIoTHub_FaultOperationDelayInSecs=" + delay + "&AzIoTHub_FaultOperationDurationInSecs=" + duration;
  }
  void order(ConnectionId id, const std::string& device, const std::string& properties, mqtt::PacketId packet = 1) {
    publish(driver, id, "devices/" + device + "/messages/events/" + properties, "order", packet);
  }
  // A message with these properties, as AMQP has it.
  static Bytes amqp_order(const std::string& type, const std::string& delay, const std::string& duration = "5") {
    Bytes flat;
    MessageWriter writer{flat};
    writer.property("AzIoTHub_FaultOperationType", type);
    writer.property("AzIoTHub_FaultOperationDelayInSecs", delay);
    writer.property("AzIoTHub_FaultOperationDurationInSecs", duration);
    writer.body(view("order"));
    return flat;
  }

  Driver driver;
  std::vector<std::string> told;
};

TEST_F(Orders, AreTelemetryLikeAnyOtherUntilSomebodyTurnsThemOn) {
  const ConnectionId id = connected(driver, "d1");
  order(id, "d1", bag("KillTcp", "0"));
  EXPECT_EQ(driver.take(id).size(), 1u);
  driver.pass(10s);
  EXPECT_FALSE(driver.closed(id));
  EXPECT_EQ(driver.bodies(), std::vector<std::string>{"order"});
}

TEST_F(Orders, AreStoredAndAcknowledgedAndDoneAfterTheirDelay) {
  turn_on();
  const ConnectionId id = connected(driver, "d1");
  const ConnectionId other = connected(driver, "d2");
  order(id, "d1", bag("KillTcp", "3"));
  ASSERT_EQ(driver.take(id).size(), 1u);
  driver.pass(2999ms);
  EXPECT_FALSE(driver.closed(id));
  driver.pass(1ms);
  EXPECT_TRUE(driver.closed(id));
  EXPECT_FALSE(driver.closed(other));
  EXPECT_EQ(driver.bodies(), std::vector<std::string>{"order"});
  EXPECT_EQ(told, (std::vector<std::string>{"asked: KillTcp of d1, \"boom\" (d1)", "done: KillTcp of d1, \"boom\" (d1)"}));
  EXPECT_EQ(driver.seen(What::ended).size(), 1u);
}

TEST_F(Orders, ShutDownEndsInGoodOrder) {
  turn_on();
  const ConnectionId id = connected(driver, "d1");
  order(id, "d1", bag("ShutDownMqtt", "1"));
  driver.pass(1s);
  EXPECT_TRUE(driver.closed(id));
}

TEST_F(Orders, OfAConnectionThatHasGoneAreOfNoMoreInterest) {
  turn_on();
  for (const char* type : {"KillTcp", "ShutDownMqtt", "KillAmqpConnection", "InvokeThrottling"}) {
    const ConnectionId id = connected(driver, "d1");
    order(id, "d1", bag(type, "1", "0"));
    driver.lose(id);
    const ConnectionId next = connected(driver, "d1");
    driver.pass(2s);
    EXPECT_FALSE(driver.closed(id)) << type;
    EXPECT_FALSE(driver.closed(next)) << type;
    driver.lose(next);
  }
}

TEST_F(Orders, ThatComeAgainBeforeTheyAreOverAddNothing) {
  turn_on();
  const ConnectionId first = connected(driver, "d1");
  order(first, "d1", bag("KillTcp", "0", "5"));
  driver.pass(1ms);
  ASSERT_TRUE(driver.closed(first));
  const ConnectionId second = connected(driver, "d1");
  order(second, "d1", bag("KillTcp", "0", "5"));  // it was not acknowledged, as far as the device knows
  driver.pass(1s);
  EXPECT_FALSE(driver.closed(second));
  driver.pass(5s);
  order(second, "d1", bag("KillTcp", "0", "5"), 2);
  driver.pass(1ms);
  EXPECT_TRUE(driver.closed(second));
}

TEST_F(Orders, ThatSayNonsenseAskForNothing) {
  turn_on();
  const ConnectionId id = connected(driver, "d1");
  mqtt::PacketId packet = 0;
  for (const std::string& properties :
       {bag("KillEverything", "0"), bag("KillTcp", "soon"), bag("KillTcp", "-1"), bag("KillTcp", "99999999999"),
        bag("KillTcp", "0", "x"), bag("killtcp", "0")})
    order(id, "d1", properties, ++packet);
  driver.pass(1min - 1s);
  EXPECT_FALSE(driver.closed(id));
  EXPECT_TRUE(told.empty());
  EXPECT_EQ(driver.bodies().size(), 6u);
}

TEST_F(Orders, ARefusalOverMqttIsTheEndOfTheConnectionAndLeavesNoTrace) {  // [MQTT-44, QUO-13]
  turn_on();
  for (const std::string type : {"InvokeThrottling", "InvokeMaxMessageQuota", "InvokeAuthError"}) {
    ConnectionId id = connected(driver, "d1");
    const std::size_t before = driver.bodies().size();
    order(id, "d1", bag(type, "0", "5"));
    EXPECT_EQ(driver.take(id).size(), 1u) << type;
    telemetry(driver, id, "d1", "refused", 2);
    EXPECT_TRUE(driver.closed(id)) << type;
    EXPECT_TRUE(driver.take(id).empty()) << type;
    driver.pass(5s);
    id = connected(driver, "d1");
    telemetry(driver, id, "d1", "welcome", 3);
    EXPECT_EQ(driver.take(id).size(), 1u) << type;
    EXPECT_EQ(driver.bodies().size(), before + 2) << type;
    driver.lose(id);
  }
}

TEST_F(Orders, ALimitOfSizeStandsWhileTheyAreHonoured) {
  turn_on();
  const ConnectionId id = connected(driver, "d1");
  telemetry(driver, id, "d1", std::string(driver.rules().hub.d2c_size_limit, 'x'), 1);
  EXPECT_FALSE(driver.closed(id));
  telemetry(driver, id, "d1", std::string(driver.rules().hub.d2c_size_limit + 1, 'x'), 2);
  EXPECT_TRUE(driver.closed(id));
}

TEST_F(Orders, OverAmqpEachKindHitsWhatItNames) {
  turn_on();
  struct Case {
    const char* type;
    std::string telemetry;  // how the link ended
    std::string commands;
    std::string connection = "open";  // how that ended
  };
  for (const Case& one : {Case{"KillAmqpD2CLink", "amqp:link:detach-forced", "open"},
                          Case{"KillAmqpC2DLink", "open", "amqp:link:detach-forced"},
                          Case{"KillAmqpSession", "amqp:internal-error", "amqp:internal-error"},
                          Case{"KillAmqpConnection", "", "", "amqp:connection:forced"},
                          Case{"ShutDownAmqp", "", "", ""}, Case{"KillTcp", "open", "open", "reset"}}) {
    AmqpClient device{driver};
    const LinkId sender = device.send_to("/devices/d1/messages/events");
    const LinkId receiver = device.receive_from("/devices/d1/messages/devicebound", 10);
    device.send_flat(sender, amqp_order(one.type, "1"), "x");
    driver.pass(1s);
    device.run();
    EXPECT_EQ(device.ended(sender), one.telemetry) << one.type;
    EXPECT_EQ(device.ended(receiver), one.commands) << one.type;
    const auto closed = device.of<amqp::Closed>();
    std::string connection = driver.closed(device.id()) ? "reset" : "open";
    if (!closed.empty()) connection = closed[0]->error.condition;
    EXPECT_EQ(connection, one.connection) << one.type;
    if (!driver.closed(device.id())) driver.lose(device.id());
    driver.pass(10s);
  }
}

TEST_F(Orders, OverAmqpARefusalNamesItsCondition) {  // [QUO-12, ERR-08]
  turn_on();
  for (const auto& [type, condition] : {std::pair{"InvokeThrottling", "com.microsoft:device-container-throttled"},
                                        std::pair{"InvokeMaxMessageQuota", "amqp:resource-limit-exceeded"},
                                        std::pair{"InvokeAuthError", "amqp:unauthorized-access"}}) {
    AmqpClient device{driver};
    const LinkId sender = device.send_to("/devices/d1/messages/events");
    const std::size_t before = driver.bodies().size();
    device.send_flat(sender, amqp_order(type, "0"), "x");
    const DeliveryId refused = device.telemetry(sender, "refused");
    EXPECT_EQ(device.outcome(refused), amqp::Outcome::rejected) << type;
    EXPECT_EQ(device.condition(refused), condition);
    EXPECT_EQ(driver.bodies().size(), before + 1);
    driver.lose(device.id());
    driver.pass(10s);
  }
}

TEST_F(Orders, OverHttpARefusalHasItsStatus) {  // [QUO-12, QUO-03]
  turn_on();
  for (const auto& [type, status] : {std::pair{"InvokeThrottling", 429u}, std::pair{"InvokeMaxMessageQuota", 403u},
                                     std::pair{"InvokeAuthError", 401u}}) {
    const ConnectionId id = driver.open(Door::http);
    const auto post = [&](const std::string& fields) -> unsigned {
      driver.feed(id, view("POST /devices/d1/messages/events?api-version=2021-04-12 HTTP/1.1\r\nHost: hub\r\n" + fields +
                           "Content-Length: 1\r\n\r\nx"));
      http::ResponseDecoder decoder;
      const Bytes bytes = driver.take_bytes(id);
      decoder.feed(bytes);
      const http::Response* response = decoder.next();
      return response == nullptr ? 0 : response->status;
    };
    EXPECT_EQ(post("iothub-app-AzIoTHub_FaultOperationType: " + std::string{type} + "\r\n"), 204u);
    EXPECT_EQ(post(""), status) << type;
    driver.pass(5s);
    EXPECT_EQ(post(""), 204u) << type;
    driver.lose(id);
  }
}

}  // namespace
}  // namespace hubproof::server_tests
