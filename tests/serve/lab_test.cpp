// `hubproof serve` as a laboratory, on real sockets: each fault really happens, is told of in the history
// and on the terminal, and ends; and nothing that was acknowledged is lost by a crash.
#include <gtest/gtest.h>

#include <csignal>
#include <deque>
#include <set>

#include "model/mqtt/codec.hpp"
#include "tests/serve/served.hpp"

namespace hubproof::tests {
namespace {

namespace mqtt = model::mqtt;
using Clock = std::chrono::steady_clock;

std::vector<std::string> lab(std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"--listen", "mqtt=127.0.0.1:0", "--control", "127.0.0.1:0", "--devices", "dev1,dev2"});
  return more;
}

// A device that says no more than it is told to.
class Device {
 public:
  Device(std::uint16_t port, const std::string& id) : id_{id}, socket_{port} {
    mqtt::Connect connect;
    const std::string user = "hub/" + id + "/?api-version=2021-04-12";
    connect.client_id = id;
    connect.user_name = user;
    connect.keep_alive = 60;
    connect.clean_session = true;
    send(connect);
  }
  template <class Packet>
  bool send(const Packet& packet) {
    model::Bytes bytes;
    mqtt::write(bytes, packet);
    return socket_.send(model::text(bytes));
  }
  bool publish(const std::string& body, std::uint16_t packet, const std::string& properties = {}) {
    const std::string topic = "devices/" + id_ + "/messages/events/" + properties;
    return send(mqtt::Publish{topic, model::view(body), packet, 1, false, false});
  }
  // The kind of the next packet, as its index in the codec's variant; none: the end, or nothing in time.
  std::optional<std::size_t> hear(std::chrono::milliseconds patience) {
    const auto end = Clock::now() + patience;
    for (;;) {
      if (!heard_.empty()) {
        const std::size_t kind = heard_.front();
        heard_.pop_front();
        return kind;
      }
      if (Clock::now() >= end || !socket_.readable(std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now())))
        return std::nullopt;
      const std::string bytes = socket_.receive();
      if (bytes.empty()) {
        reset_ = errno == ECONNRESET;
        ended_ = true;
        return std::nullopt;
      }
      decoder_.feed(model::view(bytes));
      while (const mqtt::Packet* packet = decoder_.next()) heard_.push_back(packet->index());
    }
  }
  bool welcome() { return hear(20s) == index<mqtt::Connack>(); }
  bool acknowledged(std::chrono::milliseconds patience = 20s) { return hear(patience) == index<mqtt::Puback>(); }
  bool ended() const { return ended_; }
  bool was_reset() const { return reset_; }

 private:
  template <class Packet>
  static std::size_t index() {
    return mqtt::Packet{Packet{}}.index();
  }

  std::string id_;
  Socket socket_;
  mqtt::Decoder decoder_{mqtt::End::client};
  std::deque<std::size_t> heard_;
  bool ended_ = false;
  bool reset_ = false;
};

class Lab : public testing::Test {
 protected:
  void start(std::vector<std::string> more = {}) { hub = std::make_unique<Served>(folder / "hub", lab(std::move(more))); }
  void fault(const std::string& json) const {
    const HttpAnswer answer = hub->ask("POST", "/faults", json);
    ASSERT_EQ(answer.status, 201) << answer.text;
  }
  void heal() const { EXPECT_EQ(hub->ask("DELETE", "/faults").status, 200); }
  std::vector<std::string> bodies() const {
    std::vector<std::string> all;
    for (const Json& event : hub->telemetry()) all.push_back(event["message"]["body"]);
    return all;
  }
  bool told(const std::string& what) const {
    return eventually([&] { return hub->process().err().find(what) != std::string::npos; });
  }

  const Folder folder;
  std::unique_ptr<Served> hub;
};

TEST_F(Lab, LostBytesNeverArrive) {
  start();
  Device device{hub->mqtt(), "dev1"};
  Device other{hub->mqtt(), "dev2"};
  ASSERT_TRUE(device.welcome() && other.welcome());
  fault(R"({"drop": 1, "nodes": "dev1", "one_way": true})");
  device.publish("lost", 1);
  EXPECT_FALSE(device.acknowledged(300ms));
  EXPECT_FALSE(device.ended());
  other.publish("of another", 1);
  EXPECT_TRUE(other.acknowledged());
  heal();
  device.publish("found", 2);
  EXPECT_TRUE(device.acknowledged());
  EXPECT_EQ(std::ranges::count(bodies(), "lost"), 0);
  EXPECT_EQ(bodies().size(), 2U);
  EXPECT_TRUE(told("fault: drop of dev1"));
  EXPECT_TRUE(told("over: drop of dev1"));
}

TEST_F(Lab, DelayIsThereBothWays) {
  start();
  Device device{hub->mqtt(), "dev1"};
  ASSERT_TRUE(device.welcome());
  fault(R"({"delay": "300ms", "nodes": "dev1"})");
  const auto begun = Clock::now();
  device.publish("slow", 1);
  EXPECT_TRUE(device.acknowledged());
  EXPECT_GE(Clock::now() - begun, 590ms);
  heal();
}

TEST_F(Lab, ANarrowLineTakesItsTime) {
  start();
  Device device{hub->mqtt(), "dev1"};
  ASSERT_TRUE(device.welcome());
  fault(R"({"bandwidth": "10kB", "nodes": "dev1", "one_way": true})");
  const auto begun = Clock::now();
  device.publish(std::string(8'000, 'x'), 1);
  EXPECT_TRUE(device.acknowledged());
  EXPECT_GE(Clock::now() - begun, 700ms);
  heal();
}

TEST_F(Lab, APartitionHoldsBytesUpUntilItIsOver) {
  start();
  Device device{hub->mqtt(), "dev1"};
  ASSERT_TRUE(device.welcome());
  fault(R"({"partition": "dev1", "until": "700ms"})");
  const auto begun = Clock::now();
  device.publish("late", 1);
  EXPECT_TRUE(device.acknowledged());
  EXPECT_GE(Clock::now() - begun, 600ms);
  EXPECT_EQ(bodies(), std::vector<std::string>{"late"});
}

TEST_F(Lab, ACorruptedMessageHasAnotherBit) {
  start();
  Device device{hub->mqtt(), "dev1"};
  ASSERT_TRUE(device.welcome());
  fault(R"({"corrupt": 1, "nodes": "dev1", "one_way": true})");
  const std::string body(2'000, 'x');  // so that the bit is one of its
  device.publish(body, 1);
  EXPECT_TRUE(device.acknowledged());
  heal();
  ASSERT_EQ(bodies().size(), 1U);
  EXPECT_EQ(bodies()[0].size(), body.size());
  EXPECT_NE(bodies()[0], body);
}

TEST_F(Lab, AResetIsSeenByItsDeviceAlone) {
  start();
  Device device{hub->mqtt(), "dev1"};
  Device other{hub->mqtt(), "dev2"};
  ASSERT_TRUE(device.welcome() && other.welcome());
  fault(R"({"reset": "dev1"})");
  EXPECT_FALSE(device.hear(20s));
  EXPECT_TRUE(device.was_reset());
  other.publish("x", 1);
  EXPECT_TRUE(other.acknowledged());
}

TEST_F(Lab, AHalfOpenConnectionNeitherReadsNorAnswersAndStays) {
  start();
  Device device{hub->mqtt(), "dev1"};
  ASSERT_TRUE(device.welcome());
  fault(R"({"half_open": "dev1"})");
  EXPECT_TRUE(device.publish("into the void", 1));
  EXPECT_FALSE(device.hear(300ms));
  EXPECT_FALSE(device.ended());
  Device again{hub->mqtt(), "dev1"};  // takes over, as far as the hub knows
  ASSERT_TRUE(again.welcome());
  again.publish("heard", 1);
  EXPECT_TRUE(again.acknowledged());
  EXPECT_TRUE(device.publish("still into the void", 2));
  EXPECT_FALSE(device.hear(300ms));
  EXPECT_FALSE(device.ended());
  EXPECT_EQ(bodies(), std::vector<std::string>{"heard"});
}

TEST_F(Lab, NewConnectionsAreRefusedAndOldOnesGoOn) {
  start();
  Device device{hub->mqtt(), "dev1"};
  ASSERT_TRUE(device.welcome());
  fault(R"({"connect_refusal": "hub"})");
  Device other{hub->mqtt(), "dev2"};
  EXPECT_FALSE(other.hear(20s));
  EXPECT_TRUE(other.ended());
  device.publish("x", 1);
  EXPECT_TRUE(device.acknowledged());
  heal();
  Device again{hub->mqtt(), "dev2"};
  EXPECT_TRUE(again.welcome());
}

TEST_F(Lab, AStoreThatNeverAnswersStopsAcknowledgements) {
  start();
  Device device{hub->mqtt(), "dev1"};
  ASSERT_TRUE(device.welcome());
  fault(R"({"never_answers": "hub", "until": "600ms"})");
  const auto begun = Clock::now();
  device.publish("x", 1);
  EXPECT_TRUE(device.acknowledged());
  EXPECT_GE(Clock::now() - begun, 500ms);
}

TEST_F(Lab, AFailingStoreHaltsTheHubWhichStartsAgain) {
  start({"--store", folder / "store"});
  Device device{hub->mqtt(), "dev1"};
  ASSERT_TRUE(device.welcome());
  device.publish("kept", 1);
  ASSERT_TRUE(device.acknowledged());
  fault(R"({"sync_error": 1, "until": "200ms"})");
  device.publish("not promised", 2);
  EXPECT_FALSE(device.acknowledged());
  EXPECT_TRUE(device.ended());
  EXPECT_TRUE(told("the hub is up again"));
  EXPECT_TRUE(eventually([&] { return Device{hub->mqtt(), "dev1"}.welcome(); }));
  EXPECT_EQ(std::ranges::count(bodies(), "kept"), 1);
}

// While a client publishes that knows nothing of hubproof, the hub crashes again and again.
TEST_F(Lab, CrashesUnderLoadLoseNothingThatWasAcknowledged) {
  constexpr std::size_t messages = 3'000;
  start({"--store", folder / "store"});
  std::string lines;
  for (std::size_t i = 1; i <= messages; ++i) lines += "message " + std::to_string(i) + "\n";
  write_file(folder / "lines", lines);
  Process pub{mosquitto("mosquitto_pub", "dev1", hub->mqtt(), {"-t", "devices/dev1/messages/events/", "-l", "-d"}),
              folder / "pub", folder / "lines"};
  const auto acknowledged = [&] {
    constexpr std::string_view mark = "received PUBACK (Mid: ";
    const std::string log = pub.out();
    std::set<std::size_t> numbers;
    for (std::size_t at = 0; (at = log.find(mark, at)) != std::string::npos;) {
      at += mark.size();
      numbers.insert(static_cast<std::size_t>(std::atoll(log.c_str() + at)));
    }
    return numbers;
  };
  std::size_t crashes = 0;
  for (const std::size_t after : {200U, 800U, 1500U}) {
    if (!eventually([&] { return pub.ended() || acknowledged().size() >= after; }) || pub.ended()) break;
    fault(crashes % 2 == 0 ? R"({"restart": "hub"})" : R"({"crash": "hub", "until": "300ms"})");
    ++crashes;
  }
  ASSERT_TRUE(pub.wait(60s)) << pub.err();
  EXPECT_EQ(crashes, 3U);
  const std::set<std::size_t> safe = acknowledged();
  EXPECT_GT(safe.size(), 1000U);
  std::set<std::string> logged;
  for (const std::string& body : bodies()) logged.insert(body);
  std::size_t lost = 0;
  for (const std::size_t number : safe) lost += logged.contains("message " + std::to_string(number)) ? 0U : 1U;
  EXPECT_EQ(lost, 0U) << "of " << safe.size();
}

TEST_F(Lab, WhoWaitsForAnAnswerOfAHubThatCrashesIsTold) {
  start({"--store", folder / "store"});
  Socket waiting{hub->control()};
  waiting.send("GET /telemetry?partition=0&wait=60s HTTP/1.1\r\nHost: hub\r\n\r\n");
  EXPECT_FALSE(waiting.readable(200ms));
  fault(R"({"crash": "hub", "until": "500ms"})");
  EXPECT_TRUE(waiting.receive().starts_with("HTTP/1.1 504"));
  EXPECT_EQ(hub->ask("GET", "/queues").status, 503);
  EXPECT_TRUE(told("the hub is up again"));
  EXPECT_EQ(hub->ask("GET", "/queues").status, 200);
}

TEST_F(Lab, ItsHistoryTellsOfFaultsAndIsJudgedAtTheEnd) {
  const std::string history = folder / "history.jsonl";
  start({"--store", folder / "store", "--history", history});
  {
    Device device{hub->mqtt(), "dev1"};
    ASSERT_TRUE(device.welcome());
    device.publish("x", 1);
    ASSERT_TRUE(device.acknowledged());
    fault(R"({"reset": "dev1"})");
    fault(R"({"restart": "hub"})");
    EXPECT_TRUE(told("the hub is up again"));
  }
  EXPECT_EQ(bodies().size(), 1U);
  hub->process().signal(SIGTERM);
  const auto code = hub->process().wait();
  EXPECT_TRUE(code == 0 || code == 2) << hub->process().out();
  const std::string text = read_file(history);
  EXPECT_NE(text.find("reset of dev1"), std::string::npos);
  EXPECT_NE(text.find("\"crashed\""), std::string::npos);
  const std::string out = hub->process().out();
  EXPECT_NE(out.find("clause"), std::string::npos) << out;
  Process judge{{program_file(), "judge", history}, folder / "judge"};
  EXPECT_EQ(judge.wait(), code);
  EXPECT_TRUE(out.ends_with(judge.out())) << "what judge says of the same file";
}

TEST_F(Lab, AFailingClauseIsItsExitCode) {
  const std::string history = folder / "history.jsonl";
  start({"--mutant", "lock-half-as-long", "--history", history});
  EXPECT_EQ(hub->ask("POST", "/devices/dev1/commands", R"({"body": "x", "messageId": "m"})").status, 201);
  EXPECT_EQ(hub->ask("GET", "/devices/dev1/commands").status, 200);
  EXPECT_EQ(hub->ask("POST", "/clock", R"({"advance": "31s"})").status, 200);
  EXPECT_EQ(hub->ask("GET", "/devices/dev1/commands").status, 200) << "too early";
  hub->process().signal(SIGTERM);
  EXPECT_EQ(hub->process().wait(), 1) << hub->process().out();
  EXPECT_NE(hub->process().out().find("FAIL  INV-11"), std::string::npos) << hub->process().out();
}

TEST_F(Lab, RegistryWorkOverHttpIsInTheHistory) {
  const std::string history = folder / "history.jsonl";
  hub = std::make_unique<Served>(folder / "hub", std::vector<std::string>{
      "--listen", "mqtt=127.0.0.1:0,http=127.0.0.1:0", "--control", "127.0.0.1:0", "--history", history});
  const std::uint16_t port = hub->port("listening http=127.0.0.1:");
  const std::string version = "?api-version=2021-04-12";
  EXPECT_EQ(http(port, "PUT", "/devices/dev9" + version, R"({"deviceId": "dev9"})").status, 200);
  EXPECT_EQ(http(port, "DELETE", "/devices/dev9/commands" + version).status, 200);
  EXPECT_EQ(http(port, "DELETE", "/devices/dev9" + version).status, 204);
  EXPECT_EQ(http(port, "DELETE", "/devices/dev9" + version).status, 404);
  hub->process().signal(SIGTERM);
  const auto code = hub->process().wait();
  EXPECT_TRUE(code == 0 || code == 2) << hub->process().out();
  const std::string text = read_file(history);
  for (const char* what : {"create_device", "purge", "delete_device"}) {
    std::size_t found = 0;
    for (std::size_t at = 0; (at = text.find("\"" + std::string{what} + "\"", at)) != std::string::npos; ++at) ++found;
    EXPECT_GE(found, 2U) << what << " is asked for and answered\n" << text;
  }
}

TEST_F(Lab, QueuesAndLocksAreSeen) {
  start();
  for (const char* id : {"a", "b"})
    EXPECT_EQ(hub->ask("POST", "/devices/dev1/commands", R"({"body": "x", "messageId": ")" + std::string{id} + "\"}").status, 201);
  EXPECT_EQ(hub->ask("GET", "/devices/dev1/commands").status, 200);
  Device device{hub->mqtt(), "dev2"};
  ASSERT_TRUE(device.welcome());
  EXPECT_EQ(hub->ask("GET", "/queues").json(),
            Json::parse(R"({"queues": [{"device": "dev1", "connected": false, "depth": 2, "locked": 1},
                                       {"device": "dev2", "connected": true, "depth": 0, "locked": 0}]})"));
  EXPECT_EQ(hub->ask("GET", "/queues?after=dev1").json()["queues"].size(), 1U);
}

TEST_F(Lab, TheClockCanBeMoved) {
  start();
  const auto command = [&](const std::string& more) {
    EXPECT_EQ(hub->ask("POST", "/devices/dev1/commands", R"({"body": "x", "messageId": "m")" + more + "}").status, 201);
  };
  command("");
  EXPECT_EQ(hub->ask("GET", "/devices/dev1/commands").status, 200);
  EXPECT_EQ(hub->ask("GET", "/devices/dev1/commands").status, 204) << "it is locked";
  EXPECT_EQ(hub->ask("POST", "/clock", R"({"advance": "61s"})").status, 200);
  const HttpAnswer again = hub->ask("GET", "/devices/dev1/commands");
  EXPECT_EQ(again.status, 200) << "its lock has run out";
  EXPECT_EQ(hub->ask("DELETE", "/devices/dev1/commands/" + again.json()["token"].get<std::string>()).status, 200);

  command(R"(, "ttl": "90s")");
  EXPECT_EQ(hub->ask("POST", "/clock", R"({"step": "2m"})").status, 200);
  EXPECT_EQ(hub->ask("GET", "/devices/dev1/commands").status, 204) << "it has expired";
  EXPECT_EQ(hub->ask("GET", "/clock").json()["stepped"], "2m");
}

TEST_F(Lab, ADrainedHubEndsByItself) {
  start({"--store", folder / "store"});
  Device device{hub->mqtt(), "dev1"};
  ASSERT_TRUE(device.welcome());
  fault(R"({"never_answers": "hub", "until": "500ms"})");
  device.publish("in flight", 1);
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(hub->ask("POST", "/drain").status, 202);
  Device late{hub->mqtt(), "dev2"};
  EXPECT_FALSE(late.hear(20s));
  EXPECT_TRUE(device.acknowledged()) << "what was in flight is done first";
  EXPECT_EQ(hub->process().wait(), 0);
}

TEST_F(Lab, NonsenseIsRefusedAndSaysWhere) {
  start();
  struct Case {
    const char* method;
    const char* path;
    const char* body;
    int status;
    const char* words;
  };
  for (const Case& one :
       {Case{"POST", "/faults", R"({"rest": "dev1"})", 400, "reset"}, Case{"POST", "/faults", "", 400, "JSON"},
        Case{"POST", "/faults", R"({"reset": "dev9"})", 400, "/reset: no node is called"},
        Case{"POST", "/faults", R"({"restart": "hub"})", 400, "--store"},
        Case{"POST", "/faults", R"({"pause": "hub"})", 400, "simulation"},
        Case{"PUT", "/faults", "{}", 405, "POST, GET and DELETE"}, Case{"DELETE", "/queues", "", 405, "GET"},
        Case{"GET", "/queues?limit=x", "", 400, "limit"}, Case{"POST", "/clock", R"({"advance": "-1s"})", 400, "advance"},
        Case{"POST", "/clock", R"({"step": "1s", "advance": "1s"})", 400, "expected"},
        Case{"POST", "/clock", R"({"step": 7})", 400, "text"}, Case{"POST", "/clock", R"({"step": "900d"})", 400, "year"},
        Case{"GET", "/drain", "", 405, "POST"}, Case{"GET", "/faults?x=1", "", 400, "x"}}) {
    const HttpAnswer answer = hub->ask(one.method, one.path, one.body);
    EXPECT_EQ(answer.status, one.status) << one.method << " " << one.path << " " << one.body << ": " << answer.text;
    EXPECT_NE(answer.text.find(one.words), std::string::npos) << answer.text;
  }
}

TEST_F(Lab, AFileOfFaultsIsDoneInItsTime) {
  write_file(folder / "faults.json", R"({"duration": "60s", "faults": [{"reset": "dev*", "from": "1500ms"}]})");
  start({"--faults", folder / "faults.json", "--seed", "7"});
  Device device{hub->mqtt(), "dev1"};
  ASSERT_TRUE(device.welcome());
  EXPECT_FALSE(device.hear(20s));
  EXPECT_TRUE(device.was_reset());
  EXPECT_TRUE(told("1 faults of seed 7"));
  EXPECT_EQ(hub->ask("GET", "/faults").json()["faults"][0]["state"], "over");
}

TEST(LabRefuses, FilesOfFaultsThatCannotBe) {
  const Folder folder;
  const auto refused = [&](const std::string& text, const std::string& words) {
    write_file(folder / "faults.json", text);
    Process process{Served::command(lab({"--faults", folder / "faults.json"})), folder / "serve"};
    EXPECT_EQ(process.wait(), 65) << process.err();
    EXPECT_EQ(process.out(), "");
    EXPECT_NE(process.err().find(words), std::string::npos) << process.err();
  };
  refused(R"({"duration": "1m", "faults": [{"reorder": 0.5}]})", "/faults/0/reorder");
  refused(R"({"duration": "1m", "faults": [{"crash": "hub", "until": "1s"}]})", "--store");
  refused(R"({"duration": "1m", "faults": [{"reset": "dev7"}]})", "/faults/0/reset");
  refused("nonsense", "line 1");
  Process process{Served::command(lab({"--faults", folder / "none.json"})), folder / "serve"};
  EXPECT_EQ(process.wait(), 65) << process.err();
}

TEST_F(Lab, DevicesMayAskForFaultsWhereThatIsAllowed) {
  start({"--fault-properties"});
  Device device{hub->mqtt(), "dev1"};
  ASSERT_TRUE(device.welcome());
  device.publish("order", 1, "AzIoTHub_FaultOperationType=KillTcp&AzIoTHub_FaultOperationCloseReason=boom&"
                             "AzIoTHub_FaultOperationDelayInSecs=1");
  const auto begun = Clock::now();
  EXPECT_TRUE(device.acknowledged());
  EXPECT_FALSE(device.hear(20s));
  EXPECT_TRUE(device.was_reset());
  EXPECT_GE(Clock::now() - begun, 800ms);
  EXPECT_TRUE(told("KillTcp of dev1"));
}

}  // namespace
}  // namespace hubproof::tests
