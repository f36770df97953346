// MQTT within WebSockets on real sockets: clients that know nothing of hubproof, and what comes apart on
// the way.
#include <gtest/gtest.h>

#include "model/mqtt/codec.hpp"
#include "model/websocket/handshake.hpp"
#include "model/websocket/stream.hpp"
#include "tests/serve/served.hpp"

namespace hubproof::tests {
namespace {

namespace mqtt = model::mqtt;
namespace websocket = model::websocket;

constexpr std::string_view key = "dGhlIHNhbXBsZSBub25jZQ==";

struct WebServed {
  explicit WebServed(const Folder& folder)
      : hub{folder / "hub",
            {"--listen", "http=127.0.0.1:0,https=127.0.0.1:0", "--control", "127.0.0.1:0", "--devices", "dev1,dev2",
             "--store", folder / "store"}},
        http{hub.port("listening http=127.0.0.1:")},
        https{hub.port("listening https=127.0.0.1:")} {}
  Served hub;
  std::uint16_t http;
  std::uint16_t https;
};

// A program's command with an interpreter that knows Debian's packages.
std::vector<std::string> paho(const std::string& transport, std::uint16_t port, const std::string& authority,
                              const std::string& body) {
  return {"/usr/bin/python3", source_dir() + "/tests/serve/paho_client.py", transport, "localhost",
          std::to_string(port), authority, "dev1", body};
}

TEST(ServeWebSocket, PahoSendsAndReceivesWithAndWithoutTls) {
  const Folder folder;
  const WebServed served{folder};
  for (const bool tls : {false, true}) {
    const std::string body = tls ? "sealed" : "plain";
    Process device{paho("websockets", tls ? served.https : served.http, tls ? folder / "store/ca.pem" : "-", body),
                   folder / "paho"};
    EXPECT_EQ(served.hub.ask("POST", "/devices/dev1/commands", R"({"body": "to )" + body + R"("})").status, 201);
    EXPECT_EQ(device.wait(), 0) << device.err() << served.hub.telemetry().size();
    EXPECT_EQ(device.out(), "to " + body + "\n");
  }
  std::vector<std::string> bodies;
  for (const Json& event : served.hub.telemetry()) bodies.push_back(event["message"]["body"]);
  EXPECT_EQ(bodies, (std::vector<std::string>{"plain", "sealed"}));
}

// Each byte in a frame of its own, and each byte of each frame in a segment of its own.
TEST(ServeWebSocket, CrumbsAreOneStream) {
  const Folder folder;
  const WebServed served{folder};
  Socket socket{served.http};
  model::Bytes request;
  websocket::write_request(request, "localhost", websocket::device_path, key, websocket::Carries::mqtt);
  for (const std::uint8_t byte : request) socket.send(model::text({&byte, 1}));
  const std::string said = socket.receive();
  const auto answer = websocket::read_answer(model::view(said), key, websocket::Carries::mqtt);
  ASSERT_TRUE(answer && answer->upgraded) << said;

  const model::WebSocketRules rules;
  websocket::Stream stream{websocket::End::client, rules,
                           model::Chance{[](void*, model::ChanceSite, std::uint32_t) { return 0x01020304u; }, nullptr}};
  mqtt::Connect connect;
  connect.client_id = "dev1";
  connect.user_name = "localhost/dev1/?api-version=2021-04-12";
  connect.keep_alive = 60;
  mqtt::Publish publish;
  publish.topic = "devices/dev1/messages/events/";
  publish.payload = model::view("crumbs");
  publish.qos = 1;
  publish.id = 1;
  model::Bytes packets, frames;
  mqtt::write(packets, connect);
  mqtt::write(packets, publish);
  for (const std::uint8_t byte : packets) stream.send({&byte, 1}, frames);
  for (const std::uint8_t byte : frames) ASSERT_TRUE(socket.send(model::text({&byte, 1})));
  model::Bytes heard, answers;
  while (heard.size() < 8) {  // CONNACK and PUBACK
    const std::string some = socket.receive();
    ASSERT_FALSE(some.empty());
    stream.received(model::view(some), heard, answers);
  }
  EXPECT_EQ(heard, (model::Bytes{0x20, 2, 0, 0, 0x40, 2, 0, 1}));
  ASSERT_EQ(served.hub.telemetry().size(), 1U);

  model::Bytes last;
  mqtt::write(last, mqtt::Disconnect{});
  frames.clear();
  stream.send(last, frames);
  stream.close(websocket::Code::normal, frames);
  socket.send(model::text(frames));
  stream.received(model::view(socket.receive_all()), heard, answers);
  EXPECT_TRUE(stream.heard_close());
}

TEST(ServeWebSocket, WhatIsNoWebSocketIsRefused) {
  const Folder folder;
  const WebServed served{folder};
  model::Bytes request;
  websocket::write_request(request, "localhost", websocket::device_path, key, websocket::Carries::mqtt);
  const auto said = [&](std::string_view from, std::string_view to) {
    std::string text{model::text(request)};
    text.replace(text.find(from), from.size(), to);
    Socket socket{served.http};
    socket.send(text);
    return socket.receive_all();
  };
  EXPECT_TRUE(said("Version: 13", "Version: 12").starts_with("HTTP/1.1 426"));
  EXPECT_TRUE(said("Protocol: mqtt", "Protocol: mqttv3.1").starts_with("HTTP/1.1 400"));
  Socket text{served.http};
  text.send(model::text(request));
  EXPECT_TRUE(text.receive().starts_with("HTTP/1.1 101"));
  text.send(std::string_view{"\x81\x81\0\0\0\0x", 7});
  EXPECT_EQ(text.receive_all(), "\x88\x02\x03\xeb");  // 1003: it takes binary messages only
}

}  // namespace
}  // namespace hubproof::tests
