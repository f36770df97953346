// The lines between hubproof and an adapter: what goes out, and what may come in.
#include <gtest/gtest.h>

#include "conformance/devices/adapter.hpp"

namespace {

using namespace hubproof::conformance::devices;
using Did = Said::Did;

Said good(std::string_view line) {
  const auto read = read_said(line);
  if (const auto* bad = std::get_if<BadLine>(&read)) ADD_FAILURE() << *bad;
  return std::holds_alternative<Said>(read) ? std::get<Said>(read) : Said{};
}

std::string bad(std::string_view line) {
  const auto read = read_said(line);
  return std::holds_alternative<BadLine>(read) ? std::get<BadLine>(read) : "it was read";
}

TEST(DeviceAdapter, OrdersAreOneLineOfAscii) {
  ConnectOrder connect;
  connect.host = "127.0.0.1";
  connect.port = 1883;
  connect.client_id = "d\xc3\xa9";
  connect.password = "a\"b";
  connect.will = WillWish{"w", {1, 0xff}, 1, true};
  EXPECT_EQ(write_order(connect),
            "{\"do\":\"connect\",\"host\":\"127.0.0.1\",\"port\":1883,\"client_id\":\"d\\u00e9\",\"clean\":true,\"keep_alive\":60,"
            "\"password\":\"a\\\"b\",\"will\":{\"topic\":\"w\",\"payload\":\"01ff\",\"qos\":1,\"retain\":true}}\n");
  ConnectOrder device;
  device.host = "127.0.0.1";
  device.port = 8883;
  device.client_id = "d1";
  device.key = "a2V5";
  device.token_life = 10;
  device.ca = "/tls/ca.pem";
  EXPECT_EQ(write_order(device),
            "{\"do\":\"connect\",\"host\":\"127.0.0.1\",\"port\":8883,\"client_id\":\"d1\",\"clean\":true,\"keep_alive\":60,"
            "\"key\":\"a2V5\",\"token_life\":10,\"ca\":\"/tls/ca.pem\"}\n");
  ConnectOrder framed;
  framed.host = "127.0.0.1";
  framed.port = 8080;
  framed.client_id = "d2";
  framed.websocket = "/mqtt";
  EXPECT_EQ(write_order(framed),
            "{\"do\":\"connect\",\"host\":\"127.0.0.1\",\"port\":8080,\"client_id\":\"d2\",\"clean\":true,\"keep_alive\":60,\"websocket\":\"/mqtt\"}\n");
  ConnectOrder over_http;
  over_http.host = "127.0.0.1";
  over_http.port = 8443;
  over_http.client_id = "d3";
  over_http.settle = SettleWish::reject;
  over_http.poll = 2;
  EXPECT_EQ(write_order(over_http),
            "{\"do\":\"connect\",\"host\":\"127.0.0.1\",\"port\":8443,\"client_id\":\"d3\",\"clean\":true,\"keep_alive\":60,"
            "\"settle\":\"reject\",\"poll\":2}\n");
  EXPECT_EQ(write_order(PublishOrder{7, "a/b", {'h', 'i'}, 1, false}),
            "{\"do\":\"publish\",\"id\":7,\"topic\":\"a/b\",\"payload\":\"6869\",\"qos\":1,\"retain\":false}\n");
  EXPECT_EQ(write_order(SendOrder{8, "m8", {}, {{"p", "1"}, {"q", "2"}}}),
            "{\"do\":\"send\",\"id\":8,\"message_id\":\"m8\",\"payload\":\"\",\"properties\":{\"p\":\"1\",\"q\":\"2\"}}\n");
  EXPECT_EQ(write_order(SubscribeOrder{9, {{"a/#", 1}, {"b", 0}}}),
            "{\"do\":\"subscribe\",\"id\":9,\"filters\":[{\"filter\":\"a/#\",\"qos\":1},{\"filter\":\"b\",\"qos\":0}]}\n");
  EXPECT_EQ(write_order(UnsubscribeOrder{10, {"a", "b"}}), "{\"do\":\"unsubscribe\",\"id\":10,\"filters\":[\"a\",\"b\"]}\n");
  EXPECT_EQ(write_order(DisconnectOrder{}), "{\"do\":\"disconnect\"}\n");
}

TEST(DeviceAdapter, TextsThatMqttForbidsAreEscapedToo) {
  EXPECT_EQ(write_order(UnsubscribeOrder{1, {std::string{"a\0b", 3}}}), "{\"do\":\"unsubscribe\",\"id\":1,\"filters\":[\"a\\u0000b\"]}\n");
  EXPECT_EQ(write_order(UnsubscribeOrder{1, {"\xed\xa0\x80"}}), "{\"do\":\"unsubscribe\",\"id\":1,\"filters\":[\"\\ud800\"]}\n");
  EXPECT_EQ(write_order(UnsubscribeOrder{1, {"\xf0\x9f\x94\x91"}}), "{\"do\":\"unsubscribe\",\"id\":1,\"filters\":[\"\\ud83d\\udd11\"]}\n");
}

TEST(DeviceAdapter, WhatADeviceDidIsRead) {
  const Hello hello = good(R"({"did":"hello","name":"x","version":"1","kind":"hub","qos":[0,1],"reconnects":true,"clean_session":false,"renews":true})").hello;
  EXPECT_EQ(hello.name, "x");
  EXPECT_TRUE(hello.hub);
  EXPECT_TRUE(hello.reconnects);
  EXPECT_FALSE(hello.will);
  EXPECT_FALSE(hello.clean_session);
  EXPECT_TRUE(hello.renews);
  EXPECT_FALSE(hello.websocket);
  EXPECT_TRUE(good(R"({"did":"hello","name":"x","qos":[0],"websocket":true})").hello.websocket);
  EXPECT_EQ(hello.qos, (std::vector<std::uint8_t>{0, 1}));
  const Said received = good(R"({"did":"received","topic":"a","payload":"00FF","qos":2,"dup":true})");
  EXPECT_EQ(received.payload, (hubproof::model::Bytes{0, 255}));
  EXPECT_EQ(received.qos, 2);
  EXPECT_TRUE(received.dup);
  EXPECT_EQ(good(R"({"did":"published","id":18446744073709551615})").id, 18446744073709551615u);
  EXPECT_EQ(good(R"({"did":"subscribed","id":1,"codes":[1,128]})").codes, (std::vector<std::uint8_t>{1, 128}));
  EXPECT_EQ(good(R"({"did":"refused","code":5})").code, 5);
  EXPECT_EQ(good(R"({"did":"failed","why":"no","more":"is ignored"})").why, "no");
}

TEST(DeviceAdapter, AHubsDeviceSaysWhatItSpeaks) {
  EXPECT_EQ(good(R"({"did":"hello","name":"x","qos":[0]})").hello.protocol, Protocol::mqtt);
  EXPECT_EQ(good(R"({"did":"hello","name":"x","kind":"hub","protocol":"amqp"})").hello.protocol, Protocol::amqp);
  EXPECT_EQ(good(R"({"did":"hello","name":"x","kind":"hub","protocol":"http"})").hello.protocol, Protocol::http);
  EXPECT_NE(bad(R"({"did":"hello","name":"x","kind":"hub","protocol":"coap"})").find("expected mqtt, amqp or http"), std::string::npos);
  EXPECT_NE(bad(R"({"did":"hello","name":"x","protocol":"amqp"})").find("expected \"hub\""), std::string::npos);
  EXPECT_NE(bad(R"({"did":"hello","name":"x","kind":"hub","protocol":"mqtt"})").find("\"qos\": is missing"), std::string::npos);
}

TEST(DeviceAdapter, ACommandHasItsPropertiesIfTheyAreTold) {
  EXPECT_FALSE(good(R"({"did":"received","topic":"","payload":""})").properties);
  EXPECT_FALSE(good(R"({"did":"received","topic":"","payload":""})").message_id);
  const Said told = good(R"({"did":"received","topic":"","payload":"","message_id":"c1","properties":{"a":"1","b":""}})");
  EXPECT_EQ(told.message_id, "c1");
  ASSERT_TRUE(told.properties);
  EXPECT_EQ(*told.properties, (std::vector<std::pair<std::string, std::string>>{{"a", "1"}, {"b", ""}}));
  EXPECT_NE(bad(R"({"did":"received","topic":"","payload":"","properties":{"a":1}})").find("object of texts"), std::string::npos);
  EXPECT_NE(bad(R"({"did":"received","topic":"","payload":"","properties":["a"]})").find("object of texts"), std::string::npos);
}

TEST(DeviceAdapter, ALineThatIsNoneSaysWhatWasExpected) {
  EXPECT_NE(bad("Traceback (most recent call last):").find("expected a JSON object"), std::string::npos);
  EXPECT_NE(bad("[]").find("expected a JSON object"), std::string::npos);
  EXPECT_NE(bad("").find("expected a JSON object"), std::string::npos);
  EXPECT_NE(bad("{\"did\":\"conected\"}").find("expected one of hello, connected"), std::string::npos);
  EXPECT_NE(bad("{\"do\":\"echo\"}").find("\"did\""), std::string::npos);
  EXPECT_NE(bad("{\"did\":\"hello\",\"name\":\"x\"}").find("\"qos\": is missing"), std::string::npos);
  EXPECT_NE(bad("{\"did\":\"hello\",\"name\":\"x\",\"qos\":[3]}").find("numbers up to 2"), std::string::npos);
  EXPECT_NE(bad("{\"did\":\"hello\",\"name\":\"x\",\"qos\":[0],\"will\":1}").find("\"will\": expected true or false"), std::string::npos);
  EXPECT_NE(bad("{\"did\":\"published\"}").find("\"id\": is missing"), std::string::npos);
  EXPECT_NE(bad("{\"did\":\"published\",\"id\":-1}").find("\"id\": expected a whole number"), std::string::npos);
  EXPECT_NE(bad("{\"did\":\"published\",\"id\":1.5}").find("\"id\": expected a whole number"), std::string::npos);
  EXPECT_NE(bad("{\"did\":\"refused\",\"code\":256}").find("up to 255"), std::string::npos);
  EXPECT_NE(bad("{\"did\":\"received\",\"topic\":\"a\",\"payload\":\"0\"}").find("hexadecimal"), std::string::npos);
  EXPECT_NE(bad("{\"did\":\"received\",\"topic\":\"a\",\"payload\":\"0g\"}").find("hexadecimal"), std::string::npos);
  EXPECT_NE(bad("{\"did\":\"received\",\"topic\":7,\"payload\":\"\"}").find("\"topic\": expected a text"), std::string::npos);
  EXPECT_NE(bad(std::string(longest_line + 1, ' ')).find("at most"), std::string::npos);
}

}  // namespace
