// `hubproof proxy` between real clients and real servers: the hub that `serve` is, and their TLS.
#include <gtest/gtest.h>

#include "conformance/history_json.hpp"
#include "conformance/judge.hpp"
#include "tests/serve/served.hpp"
#include "tools/real_device.hpp"
#include "tools/workload.hpp"

namespace hubproof::tests {
namespace {

class Proxied {
 public:
  Proxied(const std::string& log, std::vector<std::string> options) : process_{command(std::move(options)), log} {
    const bool ready = eventually([&] { return process_.out().find("listening ") != std::string::npos || process_.ended(); });
    if (!ready || process_.ended()) ADD_FAILURE() << "the proxy did not get ready: " << process_.err();
  }
  std::uint16_t port(int nth = 0) const {
    const std::string out = process_.out();
    std::size_t at = 0;
    for (int i = 0; i <= nth; ++i) at = out.find("listening ", at + (i > 0 ? 1 : 0));
    at = out.find(':', at);
    return static_cast<std::uint16_t>(std::atoi(out.c_str() + at + 1));
  }
  std::optional<int> stop() {
    process_.signal(SIGTERM);
    return process_.wait();
  }
  Process& process() { return process_; }

 private:
  static std::vector<std::string> command(std::vector<std::string> options) {
    options.insert(options.begin(), {program_file(), "proxy"});
    return options;
  }
  Process process_;
};

std::string at(std::uint16_t port, const std::string& scheme = "mqtt") {
  return scheme + "=127.0.0.1:" + std::to_string(port);
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t from = 0; (from = text.find(what, from)) != std::string::npos; from += what.size()) ++found;
  return found;
}

TEST(LiveProxy, ADeviceThatIsCutAtItsPacketsDeliversAllAndItsHistoryIsJudged) {
  const Folder folder;
  const Served hub{folder / "serve", {"--listen", "mqtt=127.0.0.1:0", "--control", "127.0.0.1:0", "--devices", "d7"}};
  ASSERT_TRUE(hub.ready());
  write_file(folder / "faults.json", R"({"faults": [
      {"reset": "*", "at": {"packet": "PUBLISH", "from": "client", "count": 3, "times": 3, "place": "after"}},
      {"reset": "*", "at": {"packet": "PUBLISH", "from": "client", "count": 20, "place": "inside"}},
      {"delay": "30ms", "at": {"packet": "PUBACK", "count": 5, "per": "run"}},
      {"duplicate": 1, "at": {"packet": "PUBLISH", "count": 9, "per": "run", "times": 1}}]})");
  Proxied proxy{folder / "proxy",
                {"--listen", "mqtt=127.0.0.1:0", "--to", at(hub.mqtt()), "--faults", folder / "faults.json", "--seed", "3",
                 "--history", folder / "h.jsonl", "--log", folder / "log.jsonl", "--pcap", folder / "run.pcapng"}};
  model::DeviceSettings settings;
  settings.back_off_first = 20ms;
  settings.back_off_max = 50ms;
  settings.window = 5;
  const model::DeviceRules rules;
  tools::RealDevice device{settings, rules, "d7", 7};
  std::string problem;
  ASSERT_TRUE(device.open({"127.0.0.1", proxy.port()}, problem)) << problem;
  for (std::uint32_t n = 1; n <= 60; ++n) {
    model::Bytes flat;
    tools::write_message(flat, model::own_key('t', 7, n), {});
    device.submit(flat);
  }
  const auto end = std::chrono::steady_clock::now() + 20s;
  device.run([&] { return device.unacknowledged() == 0 || std::chrono::steady_clock::now() > end; });
  EXPECT_EQ(device.unacknowledged(), 0u);
  EXPECT_EQ(proxy.stop(), 0);
  EXPECT_GE(hub.telemetry().size(), 60u);

  const std::string told = proxy.process().err();
  EXPECT_EQ(count(told, " of d7, PUBLISH of the client: reset after it"), 3u) << told;
  EXPECT_EQ(count(told, " of d7, PUBLISH of the client: reset inside it"), 1u) << told;
  const std::string log = read_file(folder / "log.jsonl");
  EXPECT_EQ(count(log, "\"did\": \"delayed\""), 1u);
  EXPECT_EQ(count(log, "sent twice"), 1u);
  EXPECT_GE(count(log, "\"from\": \"client\", \"packet\": \"CONNECT\""), 5u);

  // As pcapng, and every packet of it is there.
  const std::string pcap = read_file(folder / "run.pcapng");
  EXPECT_TRUE(pcap.starts_with(std::string("\x0a\x0d\x0d\x0a", 4)));
  EXPECT_GE(count(pcap, "devices/d7/messages/events/"), 120u);

  const std::string history = read_file(folder / "h.jsonl");
  EXPECT_EQ(count(history, "\"what\":\"fault_begins\""), count(told, " of d7, "));
  Process judged{{program_file(), "judge", folder / "h.jsonl"}, folder / "judge"};
  EXPECT_EQ(judged.wait(), 2);  // nobody read what was acknowledged
  EXPECT_NE(judged.out().find("undecided: INV-01\n"), std::string::npos) << judged.out() << judged.err();
  EXPECT_NE(judged.out().find("mqtt311:3.3.1-1   MUST   pass"), std::string::npos) << judged.out();  // resends said that they are
}

TEST(LiveProxy, TlsEndsAtTheProxyAndBeginsAnew) {
  const Folder folder;
  const Served hub{folder / "serve", {"--listen", "mqtts=127.0.0.1:0", "--tls", folder / "hub", "--control", "127.0.0.1:0", "--devices", "d0"}};
  ASSERT_TRUE(hub.ready());
  Proxied proxy{folder / "proxy", {"--listen", "mqtts=127.0.0.1:0", "--to", "mqtts=localhost:" + std::to_string(hub.port("listening mqtts=127.0.0.1:")),
                                   "--tls", folder / "proxy-tls", "--trust", folder / "hub/ca.pem", "--log", folder / "log"}};
  Process sender{{"mosquitto_pub", "-h", "localhost", "-p", std::to_string(proxy.port()), "--cafile", folder / "proxy-tls/ca.pem", "-V", "311",
                  "-i", "d0", "-u", "hub/d0/?api-version=2021-04-12", "-q", "1", "-t", "devices/d0/messages/events/", "-m", "hello"},
                 folder / "pub"};
  EXPECT_EQ(sender.wait(), 0) << sender.err() << proxy.process().err();
  EXPECT_EQ(hub.telemetry().size(), 1u);
  EXPECT_EQ(proxy.stop(), 0);
  EXPECT_EQ(count(read_file(folder / "log"), "\"packet\": \"PUBLISH\""), 1u);
}

TEST(LiveProxy, HttpAnswersAreDroppedDelayedAndCut) {
  const Folder folder;
  const Served hub{folder / "serve", {"--listen", "mqtt=127.0.0.1:0,http=127.0.0.1:0", "--control", "127.0.0.1:0", "--devices", "d0"}};
  ASSERT_TRUE(hub.ready());
  write_file(folder / "faults.json", R"({"faults": [{"reset": "d0", "at": {"packet": "204", "per": "run", "count": 2}},
                                                   {"delay": "300ms", "at": {"packet": "204", "per": "run", "count": 1}}]})");
  Proxied proxy{folder / "proxy", {"--listen", "http=127.0.0.1:0", "--to", at(hub.port("listening http=127.0.0.1:"), "http"),
                                   "--clients", "d0", "--faults", folder / "faults.json"}};
  const auto post = [&] { return http(proxy.port(), "POST", "/devices/d0/messages/events?api-version=2021-04-12", "21.5").status; };
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(post(), 204);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 300ms);
  EXPECT_EQ(post(), 0);  // stored, and the answer was lost
  EXPECT_EQ(post(), 204);
  EXPECT_EQ(hub.telemetry().size(), 3u);
}

// A client that sends more than a server takes is held up, and gets all of it through.
TEST(LiveProxy, ManyBytesPassThroughAnotherProtocolUnchanged) {
  const Folder folder;
  TakenPort server{true};
  Proxied proxy{folder / "proxy", {"--listen", "tcp=127.0.0.1:0", "--to", at(server.port(), "tcp")}};
  Socket client{proxy.port()};
  const int there = ::accept(server.number(), nullptr, nullptr);
  ASSERT_GE(there, 0);
  std::string sent(40u << 20, 'x');
  for (std::size_t i = 0; i < sent.size(); i += 997) sent[i] = static_cast<char>('a' + i % 26);
  std::thread sender{[&] {
    EXPECT_TRUE(client.send(sent));
    client.end_of_sending();
  }};
  std::this_thread::sleep_for(300ms);
  std::string got, some(1u << 20, '\0');
  for (ssize_t size; (size = ::recv(there, some.data(), some.size(), 0)) > 0;) got.append(some, 0, static_cast<std::size_t>(size));
  sender.join();
  ::close(there);
  EXPECT_TRUE(got == sent);
}

TEST(LiveProxy, AServerThatIsNotThereRefusesItsClients) {
  const Folder folder;
  Proxied proxy{folder / "proxy", {"--listen", "mqtt=127.0.0.1:0", "--to", at(free_port())}};
  Socket client{proxy.port()};
  EXPECT_EQ(client.receive(), "");
  EXPECT_EQ(proxy.stop(), 0);
}

TEST(LiveProxy, WhatIsWrongIsSaid) {
  const Folder folder;
  const TakenPort taken{true};
  write_file(folder / "bad.json", R"({"faults": [{"crash": "hub"}]})");
  const std::tuple<std::vector<std::string>, int, const char*> usages[] = {
      {{}, 64, "--listen is required"},
      {{"--listen", "mqtt=127.0.0.1:0"}, 64, "--to is required"},
      {{"--listen", "mqtt=127.0.0.1:0", "--to", "mqtt=127.0.0.1:1,mqtt=127.0.0.1:2"}, 64, "expected as many --to as --listen"},
      {{"--listen", "mqtt=127.0.0.1:0", "--to", "amqp=127.0.0.1:1"}, 64, "another protocol"},
      {{"--listen", "coap=127.0.0.1:0", "--to", "mqtt=127.0.0.1:1"}, 64, "there is no scheme coap"},
      {{"--listen", "mqtt=127.0.0.1:0", "--to", "127.0.0.1:1"}, 64, "expected SCHEME=HOST:PORT"},
      {{"--listen", "mqtt=0.0.0.0:0", "--to", "mqtt=127.0.0.1:1"}, 64, "only loopback addresses"},
      {{"--listen", "mqtts=127.0.0.1:0", "--to", "mqtt=127.0.0.1:1"}, 64, "--tls DIR is needed"},
      {{"--listen", "mqtt=127.0.0.1:0", "--to", "mqtts=127.0.0.1:1", "--trust", folder / "none"}, 65, "name their file with --trust"},
      {{"--listen", "mqtt=127.0.0.1:0", "--to", "mqtt=127.0.0.1:1", "--faults", folder / "none"}, 65, "--faults"},
      {{"--listen", "mqtt=127.0.0.1:0", "--to", "mqtt=127.0.0.1:1", "--faults", folder / "bad.json"}, 65, "/faults/0/crash"},
      {{"--listen", at(taken.port()), "--to", "mqtt=127.0.0.1:1"}, 69, "cannot listen on"},
      {{"--listen", "mqtt=127.0.0.1:0", "--to", "mqtt=127.0.0.1:1", "--history", "/none/h"}, 73, "--history"},
      {{"--listen", "mqtt=127.0.0.1:0", "--to", "mqtt=127.0.0.1:1", "--pcap", "/none/p"}, 73, "--pcap"},
      {{"--listen", "mqtt=127.0.0.1:0", "--to", "mqtt=127.0.0.1:1", "--log", "/none/l"}, 73, "--log"},
  };
  for (const auto& [options, code, what] : usages) {
    std::vector<std::string> command = {program_file(), "proxy"};
    command.insert(command.end(), options.begin(), options.end());
    Process process{command, folder / "wrong"};
    EXPECT_EQ(process.wait(), code) << what << "\n" << process.err();
    EXPECT_NE(process.err().find(what), std::string::npos) << process.err();
  }
}

}  // namespace
}  // namespace hubproof::tests
