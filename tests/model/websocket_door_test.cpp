// WebSockets at the hub's HTTP door: a connection that was upgraded is a session of what it carries, and
// where frames end means nothing.
#include <gtest/gtest.h>

#include "model/websocket/handshake.hpp"
#include "model/websocket/stream.hpp"
#include "tests/model/server_driver.hpp"
#include "tests/support/sdk_golden.hpp"

namespace hubproof::server_tests {

using namespace model;

namespace {

const WebSocketRules right{};
constexpr std::string_view key = "dGhlIHNhbXBsZSBub25jZQ==";

Bytes request_for(std::string_view path = websocket::device_path,
                  websocket::Carries carries = websocket::Carries::mqtt) {
  Bytes bytes;
  websocket::write_request(bytes, "hub", path, key, carries);
  return bytes;
}

template <class Packet>
Bytes packet(const Packet& what) {
  Bytes bytes;
  mqtt::write(bytes, what);
  return bytes;
}

// A client of the hub's, with nothing but frames of its own.
class Peer {
 public:
  explicit Peer(Driver& driver) : driver_{&driver}, id{driver.open(Door::http)} {}

  bool upgrade() {
    driver_->feed(id, request_for());
    const Bytes said = driver_->take_bytes(id);
    const auto answer = websocket::read_answer(said, key, websocket::Carries::mqtt);
    return answer && answer->upgraded && answer->size == said.size();
  }
  void say(const Bytes& bytes, std::size_t fragments = 1, bool ping = false) {
    Bytes frames;
    stream_.send(bytes, frames, fragments, ping);
    driver_->feed(id, frames);
  }
  std::vector<Got> hear() {
    const Bytes said = driver_->take_bytes(id);
    Bytes payload, answers;
    stream_.received(said, payload, answers);
    return decode(payload);
  }
  Bytes frames_of(const Bytes& bytes) {
    Bytes frames;
    stream_.send(bytes, frames);
    return frames;
  }
  websocket::Stream& stream() { return stream_; }

 private:
  Driver* driver_;
  websocket::Stream stream_{websocket::End::client, right,
                            Chance{[](void*, ChanceSite, std::uint32_t) { return 0x01020304u; }, nullptr}};

 public:
  const ConnectionId id;
};

mqtt::Publish a_publish(mqtt::PacketId id) {
  mqtt::Publish publish;
  publish.topic = "devices/d1/messages/events/";
  publish.payload = view("x");
  publish.qos = 1;
  publish.id = id;
  return publish;
}

TEST(WebSocketDoor, AnUpgradedConnectionIsASession) {
  Driver driver;
  driver.create("d1");
  Peer peer{driver};
  ASSERT_TRUE(peer.upgrade());
  const std::string name = user("d1");
  for (const std::uint8_t byte : packet(connect_as("d1", name))) peer.say({byte});  // as mqtt.js does, nearly
  auto got = peer.hear();
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].type, Packet::connack);
  EXPECT_EQ(got[0].code, 0);
  Bytes both = packet(a_publish(1));
  const Bytes second = packet(a_publish(2));
  both.insert(both.end(), second.begin(), second.end());
  peer.say(both, 3, true);
  got = peer.hear();
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[1].id, 2);
  EXPECT_EQ(driver.bodies().size(), 2u);
  EXPECT_EQ(driver.seen(What::opened).size(), 1u);
  EXPECT_EQ(driver.seen(What::accepted).size(), 1u);
}

TEST(WebSocketDoor, WhatComesRightBehindTheRequestCounts) {
  Driver driver;
  driver.create("d1");
  Peer peer{driver};
  Bytes bytes = request_for();
  const std::string name = user("d1");
  const Bytes frames = peer.frames_of(packet(connect_as("d1", name)));
  bytes.insert(bytes.end(), frames.begin(), frames.end());
  driver.feed(peer.id, bytes);
  const Bytes said = driver.take_bytes(peer.id);
  const auto answer = websocket::read_answer(said, key, websocket::Carries::mqtt);
  ASSERT_TRUE(answer && answer->upgraded);
  Bytes payload, answers;
  peer.stream().received(View{said}.subspan(answer->size), payload, answers);
  ASSERT_EQ(decode(payload).size(), 1u);
}

// What the vendor's device SDK and Event Hubs SDK ask, and what each says first within the stream.
TEST(WebSocketDoor, TheSdksAreLetInByTheirOwnRequests) {
  for (const std::string id : {"mqttws", "ehws"}) {
    const auto& asked = golden::sdk().at("websocketUpgrades").at(id);
    const auto& headers = asked.at("headers");
    const std::string its_key = headers.at("sec-websocket-key");
    const auto carries = id == "mqttws" ? websocket::Carries::mqtt : websocket::Carries::amqp;
    Driver driver;
    driver.create("d1");
    Peer peer{driver};
    std::string request = "GET " + asked.at("path").get<std::string>() + " HTTP/1.1\r\n";
    for (const auto& [name, value] : headers.items()) request += name + ": " + value.get<std::string>() + "\r\n";
    driver.feed(peer.id, view(request + "\r\n"));
    const Bytes said = driver.take_bytes(peer.id);
    const auto answer = websocket::read_answer(said, its_key, carries);
    ASSERT_TRUE(answer && answer->upgraded) << id << ": " << text(said);
    EXPECT_EQ(answer->size, said.size());
    EXPECT_NE(text(said).find("Sec-WebSocket-Accept: " + websocket::accept_key(its_key) + "\r\n"), std::string::npos);
    EXPECT_NE(text(said).find("Sec-WebSocket-Protocol: " + headers.at("sec-websocket-protocol").get<std::string>() + "\r\n"),
              std::string::npos);
    EXPECT_EQ(text(said).find("Sec-WebSocket-Extensions"), std::string::npos) << "nothing is compressed";
    if (carries == websocket::Carries::mqtt) {
      const std::string name = user("d1");
      peer.say(packet(connect_as("d1", name)));
      const auto got = peer.hear();
      ASSERT_EQ(got.size(), 1u);
      EXPECT_EQ(got[0].type, Packet::connack);
    } else {
      peer.say(golden::frame("eh.sasl.header"));
      const Bytes frames = driver.take_bytes(peer.id);
      Bytes payload, answers;
      peer.stream().received(frames, payload, answers);
      ASSERT_GE(payload.size(), 8u);
      payload.resize(8);
      EXPECT_EQ(payload, golden::frame("eh.sasl.header"));
    }
  }
}

TEST(WebSocketDoor, WhatIsNoUpgradeIsRefused) {
  const auto status = [](std::string_view from, std::string_view to) {
    Driver driver;
    const ConnectionId id = driver.open(Door::http);
    std::string asked{text(request_for())};
    asked.replace(asked.find(from), from.size(), to);
    driver.feed(id, view(asked));
    const Bytes said = driver.take_bytes(id);
    EXPECT_EQ(driver.closed(id), !text(said).starts_with("HTTP/1.1 101")) << text(said);
    EXPECT_EQ(driver.seen(What::ended).size(), driver.closed(id) ? 1u : 0u);
    return std::string{text(said).substr(9, 3)};
  };
  EXPECT_EQ(status("13", "13"), "101");
  EXPECT_EQ(status("13", "8"), "426");
  EXPECT_EQ(status("GET", "PUT"), "405");
  EXPECT_EQ(status(key, "short"), "400");
  EXPECT_EQ(status("Protocol: mqtt", "Protocol: soap"), "400");
  EXPECT_EQ(status("Connection: Upgrade", "Connection: close"), "426");
}

TEST(WebSocketDoor, TextIsTheEnd) {  // [mqtt311:6.0.0-1]
  Driver driver;
  Peer peer{driver};
  ASSERT_TRUE(peer.upgrade());
  driver.feed(peer.id, Bytes{0x81, 0x81, 0, 0, 0, 0, 'x'});
  EXPECT_EQ(driver.take_bytes(peer.id), (Bytes{0x88, 2, 0x03, 0xeb}));
  EXPECT_TRUE(driver.closed(peer.id));
  EXPECT_EQ(driver.seen(What::ended).size(), 1u);
}

TEST(WebSocketDoor, ACloseIsAnsweredAndEndsTheSession) {
  for (const bool disconnects : {false, true}) {
    Driver driver;
    driver.create("d1");
    Peer peer{driver};
    ASSERT_TRUE(peer.upgrade());
    const std::string name = user("d1");
    mqtt::Connect connect = connect_as("d1", name);
    connect.will = mqtt::Will{"devices/d1/messages/events/", view("gone"), 0, false};
    peer.say(packet(connect));
    peer.hear();
    Bytes last = disconnects ? peer.frames_of(packet(mqtt::Disconnect{})) : Bytes{};
    peer.stream().close(websocket::Code::normal, last);
    driver.feed(peer.id, last);
    EXPECT_EQ(driver.take_bytes(peer.id), (Bytes{0x88, 2, 0x03, 0xe8}));
    EXPECT_TRUE(driver.closed(peer.id));
    EXPECT_EQ(driver.bodies().size(), disconnects ? 0u : 1u);  // its will [MQTT-42]
  }
}

TEST(WebSocketDoor, TheHubSaysCloseBehindItsLastWord) {
  Driver driver;
  Peer peer{driver};
  ASSERT_TRUE(peer.upgrade());
  const std::string name = user("unknown");
  peer.say(packet(connect_as("unknown", name)));
  const auto got = peer.hear();
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].code, 5);
  EXPECT_TRUE(peer.stream().heard_close());
  EXPECT_TRUE(driver.closed(peer.id));
}

TEST(WebSocketDoor, CarriesAmqpAsWell) {
  for (const std::string_view path : {websocket::device_path, websocket::events_path}) {
    Driver driver;
    const ConnectionId id = driver.open(Door::http);
    driver.feed(id, request_for(path, websocket::Carries::amqp));
    const Bytes said = driver.take_bytes(id);
    const auto answer = websocket::read_answer(said, key, websocket::Carries::amqp);
    ASSERT_TRUE(answer && answer->upgraded);
    websocket::Stream stream{websocket::End::client, right,
                             Chance{[](void*, ChanceSite, std::uint32_t) { return 0x01020304u; }, nullptr}};
    const Bytes header{'A', 'M', 'Q', 'P', 0, 1, 0, 0};
    Bytes frames;
    stream.send(View{header}.first(3), frames);
    stream.send(View{header}.subspan(3), frames);
    driver.feed(id, frames);
    Bytes heard, answers;
    stream.received(driver.take_bytes(id), heard, answers);
    ASSERT_GE(heard.size(), header.size());
    EXPECT_TRUE(std::equal(header.begin(), header.end(), heard.begin()));
    EXPECT_EQ(driver.seen(What::opened).size(), 1u);
    driver.lose(id);
    EXPECT_EQ(driver.seen(What::ended).size(), 1u);
  }
}

TEST(WebSocketDoor, ALostConnectionIsForgotten) {
  Driver driver;
  driver.create("d1");
  Peer peer{driver};
  ASSERT_TRUE(peer.upgrade());
  const std::string name = user("d1");
  peer.say(packet(connect_as("d1", name)));
  driver.lose(peer.id);
  EXPECT_EQ(driver.seen(What::ended).size(), 1u);
  const ConnectionId plain = connected(driver, "d1");  // and its frames are no more
  publish(driver, plain, "devices/d1/messages/events/", "x", 1);
  EXPECT_EQ(driver.take(plain).size(), 1u);
}

TEST(WebSocketDoor, SilenceEndsItAsAnyOther) {
  Driver driver;
  Peer peer{driver};
  ASSERT_TRUE(peer.upgrade());
  driver.pass(driver.rules().hub.connect_deadline + 1s);
  EXPECT_TRUE(driver.closed(peer.id));
}

}  // namespace
}  // namespace hubproof::server_tests
