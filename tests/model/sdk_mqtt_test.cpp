// The MQTT door against what the vendor's SDK really sent: a captured session goes in packet by
// packet, and the door must answer with the bytes that the SDK accepted.
#include <gtest/gtest.h>

#include "tests/model/server_driver.hpp"
#include "tests/support/sdk_golden.hpp"

namespace hubproof::server_tests {

using namespace model;
namespace {

// A hub on the day of the capture that knows its device.
Driver with_the_captured_device() {
  Driver driver;
  driver.set_wall(1'795'425'542s - 1'000'000s);
  driver.create("dev1");
  return driver;
}

// Bodies and properties of both directions are those of the capture.
constexpr std::string_view body = R"({"run":"gold","seq":0,"pad":""})";

TEST(SdkMqtt, ASessionOfTheSdkIsAnsweredByteByByte) {
  Driver driver = with_the_captured_device();
  const ConnectionId id = driver.open();
  driver.feed(id, View{golden::frame("mqtt.connect")});
  EXPECT_EQ(driver.take_bytes(id), golden::frame("mqtt.connack"));

  driver.feed(id, View{golden::frame("mqtt.publish.d2c")});
  EXPECT_EQ(driver.take_bytes(id), golden::frame("mqtt.puback.d2c"));
  const auto events = driver.telemetry();
  ASSERT_EQ(events.size(), 1u);
  const MessageView stored{events[0].message};
  EXPECT_EQ(stored.system(System::message_id), "gold-0");
  EXPECT_EQ(stored.property("odd"), "a b&c=d/e?f%25+\xc3\xbc\xe2\x82\xac");
  EXPECT_EQ(text(stored.body()), body);

  driver.feed(id, View{golden::frame("mqtt.subscribe.c2d")});
  EXPECT_EQ(driver.take_bytes(id), golden::frame("mqtt.suback.c2d"));

  SendCommand send{"dev1", {}};
  MessageWriter writer{send.message};
  writer.system(System::message_id, "gold-0");
  writer.system(System::to, "/devices/dev1/messages/deviceBound");
  writer.expiry(Date{std::chrono::milliseconds{1'795'429'143'722}});
  writer.system(System::correlation_id, "corr-0");
  writer.system(System::content_type, "application/json");
  writer.system(System::content_encoding, "utf-8");
  writer.ack(Ack::full);
  writer.property("run", "gold");
  writer.property("seq", "0");
  writer.property("odd", "a b&c=d/e?f%25");
  writer.body(view(body));
  driver.ask(send);
  EXPECT_EQ(driver.take_bytes(id), golden::frame("mqtt.publish.c2d"));

  driver.feed(id, View{golden::frame("mqtt.puback.c2d")});
  EXPECT_TRUE(driver.take_bytes(id).empty());
  driver.pass(20s);
  const Response response = driver.ask(ReceiveFeedback{});
  const auto* batch = std::get_if<Feedback>(&response);
  ASSERT_NE(batch, nullptr);
  ASSERT_EQ(batch->records.size(), 1u);
  EXPECT_EQ(batch->records[0].status, Status::success);

  driver.feed(id, View{golden::frame("mqtt.disconnect")});
  EXPECT_TRUE(driver.closed(id));
  EXPECT_TRUE(driver.take_bytes(id).empty());
}

TEST(SdkMqtt, TheSubscriptionOutlivesTheConnection) {  // the SDK renews its token without SUBSCRIBE
  Driver driver = with_the_captured_device();
  const ConnectionId first = driver.open();
  driver.feed(first, View{golden::frame("mqtt.connect")});
  driver.feed(first, View{golden::frame("mqtt.subscribe.c2d")});
  driver.feed(first, View{golden::frame("mqtt.disconnect")});

  const ConnectionId second = driver.open();
  driver.feed(second, View{golden::frame("mqtt.connect")});
  EXPECT_EQ(driver.take(second).at(0).code, 0);
  driver.command("dev1", "c1", "after renewal");
  const auto got = driver.take(second);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].type, Packet::publish);
  EXPECT_EQ(got[0].payload, "after renewal");
}

}  // namespace
}  // namespace hubproof::server_tests
