// Peers that mean harm, or are only slow: what is larger than it may be is refused before it is kept, what
// never comes to its end holds up nobody, and memory stays within bounds.
#include <gtest/gtest.h>

#include <thread>

#include "model/websocket/handshake.hpp"
#include "tests/serve/served.hpp"

namespace hubproof::tests {
namespace {

using std::string;

// Resident memory of a process in MiB.
std::size_t memory(const Process& process) {
  const string status = read_file("/proc/" + std::to_string(process.pid()) + "/status");
  const std::size_t at = status.find("VmRSS:");
  return at == string::npos ? 0 : static_cast<std::size_t>(std::atoll(status.c_str() + at + 6)) / 1024;
}

string upgrade(model::websocket::Carries carries) {
  model::Bytes request;
  model::websocket::write_request(request, "localhost", model::websocket::device_path, "dGhlIHNhbXBsZSBub25jZQ==", carries);
  return string{model::text(request)};
}

struct Doors {
  explicit Doors(const Folder& folder)
      : hub{folder / "hub",
            {"--listen", "mqtt=127.0.0.1:0,amqp=127.0.0.1:0,http=127.0.0.1:0,mqtts=127.0.0.1:0,amqps=127.0.0.1:0,https=127.0.0.1:0",
             "--control", "127.0.0.1:0", "--devices", "dev1", "--store", folder / "store"}} {}
  std::uint16_t port(const string& scheme) const { return hub.port("listening " + scheme + "=127.0.0.1:"); }
  // A device of good manners is served as if nobody else were there.
  void serve_the_good(const Folder& folder, const string& body) {
    Process pub{mosquitto("mosquitto_pub", "dev1", hub.mqtt(), {"-t", "devices/dev1/messages/events/", "-m", body}),
                folder / "pub"};
    EXPECT_EQ(pub.wait(), 0) << pub.err();
    EXPECT_EQ(hub.ask("POST", "/devices/dev1/commands", R"({"body": "x"})").status, 201);
    EXPECT_EQ(http(port("http"), "POST", "/devices/dev1/messages/events?api-version=2021-04-12", body).status, 204);
  }
  Served hub;
};

struct Oversize {
  const char* name;
  const char* scheme;
  string begins;
  string goes_on;  // again and again
};

TEST(ServeHostile, WhatIsTooLargeIsRefusedBeforeItIsKept) {
  const Folder folder;
  Doors doors{folder};
  ASSERT_TRUE(doors.hub.ready());
  const string much(65'536, 'x');
  const string post = "POST /devices/dev1/messages/events?api-version=2021-04-12 HTTP/1.1\r\nHost: h\r\n";
  const Oversize all[] = {
      {"an HTTP target without end", "http", "GET /", much},
      {"an HTTP header without end", "http", post + "x: ", much},
      {"HTTP headers without end", "http", post, "x: y\r\nlonger: z\r\n"},
      {"an HTTP body of 9 GB", "http", post + "Content-Length: 9000000000\r\n\r\n", much},
      {"a chunk of 9 GB", "http", post + "Transfer-Encoding: chunked\r\n\r\n218711A00\r\n", much},
      {"chunks without end", "http", post + "Transfer-Encoding: chunked\r\n\r\n", "4\r\nabcd\r\n"},
      {"requests whose answers nobody reads", "http", "", "GET /devices/dev1?api-version=2021-04-12 HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"an MQTT packet of 256 MB", "mqtt", "\x10\xff\xff\xff\x7f", much},
      {"a length of five bytes", "mqtt", "\x10\xff\xff\xff\xff\x7f", much},
      {"an AMQP frame of 2 GB", "amqp", string{"AMQP\0\1\0\0\x7f\xff\xff\xff\2\0\0\0", 16}, much},
      {"an AMQP frame of no length", "amqp", string{"AMQP\0\1\0\0\0\0\0\0\2\0\0\0", 16}, string(4096, '\0')},
      {"a SASL frame of 2 GB", "amqp", string{"AMQP\3\1\0\0\x7f\xff\xff\xff\2\1\0\0", 16}, much},
      {"a WebSocket frame of 8 EB with MQTT", "http",
       upgrade(model::websocket::Carries::mqtt) + string{"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\1\2\3\4", 14}, much},
      {"a WebSocket frame of 8 EB with AMQP", "http",
       upgrade(model::websocket::Carries::amqp) + string{"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\1\2\3\4", 14}, much},
      {"plain bytes where TLS is", "mqtts", "", much},
      {"a TLS record of another kind", "https", string{"\x17\3\3\x40\0", 5}, much},
  };
  doors.serve_the_good(folder, "before");
  const std::size_t before = memory(doors.hub.process());
  for (const Oversize& one : all) {
    std::vector<std::unique_ptr<Socket>> peers;
    for (int i = 0; i < 4; ++i) peers.push_back(std::make_unique<Socket>(doors.port(one.scheme)));
    {
      std::vector<std::jthread> senders;
      for (const auto& peer : peers)
        senders.emplace_back([&one, &peer] {
          string part;
          while (part.size() < 65'536) part += one.goes_on;
          bool takes = peer->send(one.begins);
          for (int parts = 0; takes && parts < 256; ++parts) takes = peer->send(part);  // 16 MiB
        });
    }
    EXPECT_LE(memory(doors.hub.process()), before + 48) << one.name;
    for (const auto& peer : peers) {  // it was told so, or cut
      errno = 0;
      peer->receive_all();
      EXPECT_NE(errno, EAGAIN) << one.name << " is still listened to";
    }
  }
  doors.serve_the_good(folder, "after");
  EXPECT_FALSE(doors.hub.process().ended()) << doors.hub.process().err();
  std::vector<string> bodies;
  for (const Json& event : doors.hub.telemetry()) bodies.push_back(event["message"]["body"]);
  EXPECT_EQ(bodies, (std::vector<string>{"before", "before", "after", "after"}));
}

// Beginnings that nothing follows, twenty of each: half handshakes, half requests, half frames.
TEST(ServeHostile, WhoNeverComesToAnEndHoldsUpNobody) {
  const Folder folder;
  Doors doors{folder};
  ASSERT_TRUE(doors.hub.ready());
  const std::pair<const char*, string> all[] = {
      {"mqtt", ""},
      {"mqtt", string{"\x10\x40\0\4MQTT", 8}},
      {"mqtts", string{"\x16\3\1\2\0\1\0\1\xfc\3\3", 11}},
      {"amqps", ""},
      {"https", string{"\x16\3\1", 3}},
      {"amqp", "AMQ"},
      {"amqp", string{"AMQP\3\1\0\0\0\0\0\x20\2\1\0\0\0", 17}},
      {"amqp", string{"AMQP\0\1\0\0\0\0\1\0\2\0\0\0\0\x53\x10", 19}},
      {"http", "GET /devices/dev1"},
      {"http", "POST /devices/dev1/messages/events?api-version=2021-04-12 HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf"},
      {"http", upgrade(model::websocket::Carries::mqtt)},
      {"http", upgrade(model::websocket::Carries::amqp) + string{"\x82\xfe\xff", 3}},
  };
  doors.serve_the_good(folder, "before");
  const std::size_t before = memory(doors.hub.process());
  std::vector<std::unique_ptr<Socket>> peers;
  for (const auto& [scheme, bytes] : all)
    for (int i = 0; i < 20; ++i) {
      peers.push_back(std::make_unique<Socket>(doors.port(scheme)));
      ASSERT_TRUE(peers.back()->connected()) << scheme;
      EXPECT_TRUE(peers.back()->send(bytes));
    }
  doors.serve_the_good(folder, "among them");
  for (std::size_t i = 8 * 20; i < 9 * 20; ++i) EXPECT_TRUE(peers[i]->send("/messages")) << "a slow one goes on";
  EXPECT_LE(memory(doors.hub.process()), before + 16);
  peers.clear();
  doors.serve_the_good(folder, "after");
  doors.hub.process().signal(SIGTERM);
  EXPECT_EQ(doors.hub.process().wait(), 0) << doors.hub.process().err();
}

}  // namespace
}  // namespace hubproof::tests
