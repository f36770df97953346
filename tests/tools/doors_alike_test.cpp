// The metamorphic check of the doors: one intent, the same scenario, seed and faults, through each protocol
// comes to contract-equal histories. What is equal, and no more, as times, retries and redeliveries may differ:
//   - of each device the telemetry that was acknowledged, and the order in which the log has its messages,
//     each counted where it stands first;
//   - of each command what its sender was told, its one final state, whether the device saw it when that
//     state says so, and the feedback records, without their dates.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/message.hpp"
#include "model/mutants/mutant.hpp"
#include "tools/run.hpp"

namespace hubproof::tools {
namespace {

using model::Event;
using model::Phase;
using model::What;

struct Way {
  const char* name;
  const char* keys;  // of the groups
};
constexpr Way ways[] = {{"MQTT", R"("protocol": "mqtt")"},
                        {"MQTT in a WebSocket", R"("protocol": "mqtt", "transport": "websocket")"},
                        {"AMQP", R"("protocol": "amqp")"},
                        {"AMQP in a WebSocket", R"("protocol": "amqp", "transport": "websocket")"},
                        {"HTTP", R"("protocol": "http")"}};

struct Intent {
  const char* name;
  const char* rest;   // of the scenario: its services, and what goes wrong
};

// All of them leave time for everything that is owed. No device forgets its memory, as only MQTT's may
// have a durable outbox; none rejects or abandons, as MQTT's cannot.
constexpr Intent intents[] = {
    {"a bad network", R"(
      "services": [{"commands": [{"every": {"uniform": ["500ms", "2s"]}, "to": "d{}", "ttl": "1h", "body": {"uniform": [0, 90]}}]}],
      "nemeses": [{"from": "5s", "menu": [
        {"reset": "d{}", "at_once": 3, "gap": {"uniform": ["3s", "15s"]}},
        {"drop": 0.2, "nodes": "d{}", "at_once": 3, "gap": {"uniform": ["5s", "20s"]}, "length": "5s"},
        {"half_open": "d{}", "gap": {"uniform": ["10s", "30s"]}},
        {"partition": "d{}", "peers": "hub", "at_once": 2, "gap": {"uniform": ["10s", "30s"]}, "length": {"uniform": ["1s", "10s"]}}
      ]}])"},
    {"a hub that crashes", R"(
      "hub_disk": {"sync_latency": {"heavy": "50ms", "cap": "1s"}}, "hub_restart": "500ms",
      "services": [{"commands": [{"every": "1s", "to": "d{}", "ttl": "1h", "until": "4s", "body": 30}]}],
      "nemeses": [{"from": "6s", "menu": [
        {"crash": "hub", "gap": {"uniform": ["3s", "12s"]}, "length": {"uniform": ["100ms", "2s"]}},
        {"slow_disk": {"uniform": ["50ms", "1s"]}, "nodes": "hub", "gap": {"uniform": ["5s", "20s"]}, "length": "5s"},
        {"sync_error": 0.05, "nodes": "hub", "gap": {"uniform": ["10s", "30s"]}, "length": "5s"}
      ]}])"},
    // Nobody is there: messages expire, are purged, or find the queue full.
    {"devices that are away", R"(
      "hub": {"queue_limit": 8},
      "services": [{"commands": [
          {"every": "900ms", "to": "gone0", "ttl": "20s", "from": "5s", "body": 30},
          {"every": "1300ms", "to": "gone1", "ttl": "1h", "from": "5s", "body": 30},
          {"every": "2s", "to": "d{}", "ttl": "1h", "body": 30}],
        "registry": {"events": [{"purge": "gone1", "at": "30s"}]}}],
      "faults": [{"crash": "gone{}", "from": "3s", "until": "1m"}])"},
    {"wrong clocks", R"(
      "services": [{"commands": [{"every": "1s", "to": "d{}", "ttl": "1h", "body": 30}]}],
      "nemeses": [{"from": "5s", "menu": [
        {"step": "20m", "nodes": "d{}", "gap": {"uniform": ["5s", "20s"]}, "at_most": 3},
        {"step": "-20m", "nodes": "d{}", "gap": {"uniform": ["5s", "20s"]}, "at_most": 3},
        {"pause": "d{}", "gap": {"uniform": ["10s", "20s"]}, "length": "3s"},
        {"step": "3s", "nodes": "hub", "gap": {"uniform": ["10s", "30s"]}, "at_most": 2}
      ]}])"}};

Scenario through(const Way& way, const Intent& intent) {
  const std::string keys = way.keys;
  const std::string alike = keys + R"(, "receives_commands": true, "poll": "1s", "handling": "200ms",
    "ack_patience": "10s", "connect_patience": "10s", "back_off_max": "5s")";
  ReadScenario read = read_scenario(R"({"duration": "1m", "settle": "3m", "devices": [
      {"name": "d{}", "count": 3, )" + alike + R"(, "start": {"uniform": ["0s", "2s"]},
       "telemetry": {"every": {"uniform": ["200ms", "1s"]}, "body": {"uniform": [0, 200]}, "properties": 2}},
      {"name": "gone{}", "count": 2, )" + alike + "}]," + intent.rest + "}",
                                    "intent.json");
  EXPECT_TRUE(read.problems.empty()) << problems_text("intent.json", read.problems);
  return read.scenario;
}

// What a run came to, as one text that can be compared and read.
class Contract {
 public:
  void saw(const Event& event) {
    const std::string message = model::message_id(event.message);
    switch (event.what) {
      case What::telemetry:
        if (event.phase == Phase::ok) acknowledged_[device(event)].insert(event.message);
        break;
      case What::read:
        if (read_.insert(event.message).second) log_[device(event)] += " " + message;
        break;
      case What::command:
        if (event.phase != Phase::invoke)
          commands_[event.message].told = event.phase == Phase::ok     ? "stored"
                                          : event.phase == Phase::fail ? model::error_text(event.error)
                                                                       : "nobody knows";
        break;
      case What::delivery: commands_[event.message].seen = true; break;
      case What::feedback_record:
        commands_[event.message].states.insert(static_cast<int>(event.status));
        break;
      default: break;
    }
  }
  std::string text() const {
    std::string all;
    for (const auto& [device, messages] : acknowledged_) {
      all += "acknowledged of " + std::to_string(device) + ":";
      for (const model::MessageKey one : messages) all += " " + model::message_id(one);
      all += "\n";
    }
    for (const auto& [device, messages] : log_) all += "log of " + std::to_string(device) + ":" + messages + "\n";
    for (const auto& [key, command] : commands_) {
      all += "command " + model::message_id(key) + ": " + command.told;
      for (const int state : command.states) {
        all += ", " + std::to_string(state);
        if (state == static_cast<int>(model::Status::success)) all += command.seen ? " and seen" : " but not seen";
      }
      all += "\n";
    }
    return all;
  }

 private:
  struct Command {
    std::string told;
    bool seen = false;
    std::set<int> states;
  };
  static std::uint32_t device(const Event& event) { return static_cast<std::uint32_t>(event.device); }

  std::map<std::uint32_t, std::set<model::MessageKey>> acknowledged_;
  std::map<std::uint32_t, std::string> log_;
  std::set<model::MessageKey> read_;
  std::map<model::MessageKey, Command> commands_;
};

std::string contract(const Scenario& scenario, std::uint64_t seed, const model::Mutant* mutant = nullptr) {
  Contract contract;
  RunOptions options;
  options.seed = seed;
  options.mutant = mutant;
  options.on_event = [&](const model::History&, const Event& event) { contract.saw(event); };
  run(scenario, options);
  return contract.text();
}

std::vector<Scenario> through_all(const Intent& intent) {
  std::vector<Scenario> all;
  for (const Way& way : ways) all.push_back(through(way, intent));
  return all;
}

class DoorsAlike : public testing::TestWithParam<Intent> {};
INSTANTIATE_TEST_SUITE_P(Intents, DoorsAlike, testing::ValuesIn(intents));

TEST_P(DoorsAlike, OneIntentComesToTheSameThroughEachProtocol) {
  constexpr std::uint64_t seeds = 60;
  const std::vector<Scenario> all = through_all(GetParam());
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const std::string first = contract(all[0], seed);
    ASSERT_NE(first, "");
    for (std::size_t way = 1; way < all.size(); ++way)
      ASSERT_EQ(first, contract(all[way], seed))
          << GetParam().name << ", seed " << seed << ": " << ways[0].name << " and " << ways[way].name;
  }
}

// Otherwise it would say little that all are equal.
TEST(DoorsAlike, TheIntentsComeToManyEnds) {
  std::string all;
  for (const Intent& intent : intents)
    for (const Way& way : ways) all += contract(through(way, intent), 1);
  for (const char* end : {"stored, 0 and seen", "stored, 1", "stored, 4", "queue_full", "log of 2: t2-1 t2-2"})
    EXPECT_NE(all.find(end), std::string::npos) << end;
}

// Each breaks one door only; the other doors' histories show it.
TEST(DoorsAlike, ADoorThatBreaksItsPromiseIsToldFromTheOthers) {
  struct Wrong {
    const char* mutant;
    std::size_t way;
    std::size_t intent;
  };
  constexpr Wrong wrongs[] = {{"amqp-accepted-before-durable", 2, 1},
                              {"http-answers-before-durable", 4, 1},
                              {"amqp-flight-lost-with-link", 2, 0},
                              {"first-message-of-a-read", 1, 0}};
  for (const Wrong& wrong : wrongs) {
    const model::Mutant* const mutant = model::find_mutant(wrong.mutant);
    ASSERT_NE(mutant, nullptr) << wrong.mutant;
    const Scenario right = through(ways[0], intents[wrong.intent]);
    const Scenario other = through(ways[wrong.way], intents[wrong.intent]);
    bool differs = false;
    for (std::uint64_t seed = 0; seed < 60 && !differs; ++seed)
      differs = contract(right, seed, mutant) != contract(other, seed, mutant);
    EXPECT_TRUE(differs) << wrong.mutant;
  }
}

}  // namespace
}  // namespace hubproof::tools
