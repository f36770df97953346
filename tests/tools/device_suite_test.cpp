// The suite for devices: our own device passes it, the zoo's wrong devices do not, and an adapter that
// is none gets an error that says so.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>

#include "conformance/clause.hpp"
#include "model/mutants/mutant.hpp"
#include "tests/support/device_suite.hpp"
#include "tools/devices/live_device.hpp"
#include "tools/devices/own_device.hpp"

namespace {

using namespace hubproof;
using namespace hubproof::tools;
using conformance::Verdict;
using tests::device_suite::clauses_of;
using tests::device_suite::failures;

TEST(DeviceSuite, OurOwnDevicePasses) {
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{4711}}) {
    const DevicePlay play = play_own_device(model::Rules{}.device, seed, chosen_device_cases(""));
    EXPECT_EQ(failures(play), "") << "seed " << seed;
    EXPECT_GT(clauses_of(play).size(), 50u);
  }
}

TEST(DeviceSuite, EveryWrongDeviceOfTheZooIsFound) {
  const model::DeviceRules right = model::Rules{}.device;
  int wrong = 0;
  for (const model::Mutant& mutant : model::mutants()) {
    model::Rules rules;
    mutant.apply(rules);
    if (rules.device == right) continue;
    ++wrong;
    // One that is meant for a statement of MQTT is found by its cases. Most show in the short ones.
    const bool statement = std::string_view{mutant.meant_for}.starts_with("mqtt311:");
    bool found = false;
    for (const bool long_ones : {false, true}) {
      std::vector<const conformance::devices::DeviceCase*> cases = chosen_device_cases("");
      std::erase_if(cases, [&](const auto* one) { return (one->name.ends_with("ids-come-around") || one->name.ends_with("the-wrap")) != long_ones; });
      if (found) break;
      for (const auto& [clause, verdict] : clauses_of(play_own_device(rules.device, 0, cases)))
        found = found || (verdict == Verdict::fail && (!statement || clause == mutant.meant_for));
    }
    EXPECT_TRUE(found) << mutant.name << " and " << mutant.meant_for;
  }
  EXPECT_EQ(wrong, 17);
}

// What these cases ask of a device the rules of the zoo do not decide: the wrong ones are told to be so.
TEST(DeviceSuite, ADeviceThatGetsOverNoTroubleIsFound) {
  using namespace std::chrono_literals;
  using model::DeviceRules;
  using model::DeviceSettings;
  struct Wrong {
    const char* what;
    Spoil spoil;
    std::function<void(DeviceRules&)> break_rule;
    std::map<std::string, std::string> found;  // cases, and the clause that each of them finds broken
  };
  const Wrong all[] = {
      {"waits for answers for ever", [](DeviceSettings& settings) { settings.ack_patience = 24h; }, {},
       {{"half-open/idle", "INV-24"}, {"half-open/with-a-message", "INV-24"}}},
      {"waits for CONNACK for ever", [](DeviceSettings& settings) { settings.connect_patience = 24h; }, {},
       {{"half-open/no-connack", "INV-24"}}},
      {"is back at once", [](DeviceSettings& settings) { settings.back_off_first = settings.back_off_max = 0s; }, {},
       {{"takeover/again-and-again", "SEC-28"}, {"throttled/cut", "SEC-28"}, {"clock/ahead-refuses", "SEC-28"},
        {"hub/comes-back-cut", "SEC-28"}}},
      {"waits for a tenth of a second each time",
       [](DeviceSettings& settings) { settings.back_off_first = settings.back_off_max = 100ms; },
       {}, {{"hub/comes-back-cut", "SEC-28"}, {"hub/comes-back-unavailable", "SEC-28"}}},
      {"waits half as long each time",
       [](DeviceSettings& settings) {
         settings.back_off_first = settings.back_off_max = 8s;
         settings.signer = [&settings, signer = settings.signer](std::string_view id) {
           settings.back_off_first = settings.back_off_max /= 2;
           return signer(id);
         };
       },
       {}, {{"hub/comes-back-cut", "SEC-28"}, {"hub/comes-back-unavailable", "SEC-28"}}},
      {"waits equally long each time", [](DeviceSettings& settings) { settings.back_off_jitter_percent = 0; }, {},
       {{"jitter/outages", "SEC-28"}}},
      {"shows its token till it ends", [](DeviceSettings& settings) { settings.token_renewal = 0s; }, {},
       {{"renewal/idle", "H-28"}, {"renewal/with-a-message", "H-28"}, {"renewal/with-a-command", "H-28"}}},
      {"makes tokens that end sooner and sooner",
       [](DeviceSettings& settings) {
         settings.signer = [&settings, signer = settings.signer](std::string_view id) {
           settings.token_life -= 10min;
           return signer(id);
         };
       },
       {}, {{"clock/ahead-cuts", "SEC-01"}}},
      {"shows the token of another device",
       [](DeviceSettings& settings) {
         settings.signer = [signer = settings.signer](std::string_view id) { return DeviceSettings::Signer{"other", signer(id).key}; };
       },
       {}, {{"hub/credentials", "SEC-02"}}},
      {"signs with another key",
       [](DeviceSettings& settings) {
         settings.signer = [](std::string_view id) { return DeviceSettings::Signer{std::string{id}, "bm8ga2V5IGF0IGFsbA=="}; };
       },
       {}, {{"hub/credentials", "SEC-04"}}},
      {"forgets what was open", {}, [](DeviceRules& rules) { rules.resend_after_reconnect = false; },
       {{"takeover/between-messages", "DLV-01"}, {"throttled/cut", "DLV-01"}, {"throttled/cut-and-refused", "DLV-01"},
        {"half-open/with-a-message", "DLV-01"}}},
      {"counts as published what it has sent", {}, [](DeviceRules& rules) { rules.waits_for_ack = false; },
       {{"throttled/slow", "mqtt311:4.3.2-1"}}},
      {"does not come back", {}, [](DeviceRules& rules) { rules.retries_connecting = false; },
       {{"clock/ahead-cuts", "INV-24"}, {"half-open/no-connack", "INV-24"}}},
      {"acknowledges nothing", {}, [](DeviceRules& rules) { rules.acknowledges = false; },
       {{"clock/command-from-the-past", "mqtt311:3.3.4-1"}, {"clock/command-from-the-future", "mqtt311:4.3.2-2"},
        {"renewal/with-a-command", "mqtt311:4.3.2-2"}}},
  };
  std::map<std::string, int> finds;
  for (const Wrong& wrong : all) {
    DeviceRules rules = model::Rules{}.device;
    if (wrong.break_rule) wrong.break_rule(rules);
    for (const auto& [name, clause] : wrong.found) {
      const auto clauses = clauses_of(play_own_device(rules, 0, chosen_device_cases("device/" + name), wrong.spoil));
      const auto found = clauses.find(clause);
      EXPECT_TRUE(found != clauses.end() && found->second == Verdict::fail) << name << " and a device that " << wrong.what;
      ++finds[name];
    }
  }
  for (const char* const chapter : {"half-open", "takeover", "throttled", "clock", "renewal", "jitter"})
    for (const auto* each : chosen_device_cases(std::string{"device/"} + chapter + "/*"))
      EXPECT_TRUE(finds.contains(each->name.substr(7))) << each->name << " has found nothing";
}

// Eight pauses of less than two seconds in all are a storm only if they do not grow.
TEST(DeviceSuite, ADeviceWhosePausesGrowFromLittleIsPaced) {
  using namespace std::chrono_literals;
  const Spoil spoil = [](model::DeviceSettings& settings) {
    settings.back_off_first = 6ms;  // eight times doubled: 1.5 s in all
    settings.back_off_max = 1s;
    settings.back_off_jitter_percent = 10;
  };
  const auto clauses = clauses_of(play_own_device(model::Rules{}.device, 0, chosen_device_cases("device/hub/comes-back-cut"), spoil));
  ASSERT_TRUE(clauses.contains("SEC-28"));
  EXPECT_EQ(clauses.at("SEC-28"), Verdict::pass);
}

TEST(DeviceSuite, EveryStatementThatAClientShowsHasThreeStimuli) {
  int seen = 0;
  for (const conformance::Clause& clause : conformance::clauses()) {
    if (clause.chapter != "mqtt311" || clause.seen_device.empty()) continue;
    ++seen;
    const auto names = [&](const conformance::cases::Case& one) { return std::ranges::count(one.clauses, clause.id) > 0; };
    EXPECT_GE(std::ranges::count_if(device_case_table(), names), 3) << clause.id;
  }
  EXPECT_EQ(seen, 67);
}

TEST(DeviceSuite, NamesAreUniqueAndClausesExist) {
  std::vector<std::string> names;
  for (const conformance::cases::Case& one : device_case_table()) {
    names.push_back(one.name);
    EXPECT_FALSE(one.sentence.empty()) << one.name;
    for (const std::string& clause : one.clauses) EXPECT_NE(conformance::find_clause(clause), nullptr) << one.name << " " << clause;
  }
  std::ranges::sort(names);
  EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
}

DevicePlay play_script(const std::string& script, std::chrono::milliseconds start = std::chrono::seconds{10}) {
  LiveDevice device;
  device.command = {"sh", "-c", script};
  device.start = start;
  return play_live(device, chosen_device_cases("device/connect/plain"));
}

TEST(DeviceSuite, AnAdapterThatIsNoneIsToldSo) {
  LiveDevice nothing;
  nothing.command = {"/no/such/program"};
  EXPECT_NE(play_live(nothing, chosen_device_cases("device/connect/plain")).unreachable.find("cannot start /no/such/program"), std::string::npos);
  const std::string died = play_script("echo oh no >&2; exit 3").unreachable;
  EXPECT_NE(died.find("ended with exit code 3 before its hello"), std::string::npos) << died;
  EXPECT_NE(died.find("oh no"), std::string::npos) << died;
  EXPECT_NE(play_script("kill -9 $$").unreachable.find("ended by signal 9"), std::string::npos);
  EXPECT_NE(play_script("echo hello; cat").unreachable.find("expected a JSON object"), std::string::npos);
  EXPECT_NE(play_script("sleep 60", std::chrono::milliseconds{200}).unreachable.find("said no hello"), std::string::npos);
  EXPECT_NE(play_script("while :; do printf xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done")
                .unreachable.find("babbles"), std::string::npos);
}

// A client of forty lines that trusts what `connect` names.
constexpr const char* tls_client = R"(
import json, socket, ssl, sys
print('{"did":"hello","name":"tls","qos":[0]}', flush=True)
link = None
for line in sys.stdin:
    order = json.loads(line)
    if order["do"] == "echo":
        print(json.dumps({"did": "echo", "id": order["id"]}), flush=True)
    elif order["do"] == "connect":
        plain = socket.create_connection((order["host"], order["port"]))
        link = ssl.create_default_context(cafile=order["ca"]).wrap_socket(plain, server_hostname=order["host"])
        name = order["client_id"].encode()
        rest = b"\0\4MQTT\4\2" + order["keep_alive"].to_bytes(2, "big") + len(name).to_bytes(2, "big") + name
        link.sendall(bytes([0x10, len(rest)]) + rest)
        link.recv(4)
        print('{"did":"connected"}', flush=True)
    elif order["do"] == "disconnect":
        link.sendall(b"\xe0\0")
        link.close()
    elif order["do"] == "quit":
        break
)";

TEST(DeviceSuite, AServerWithTlsIsTrustedByItsAuthority) {
  const std::string directory = testing::TempDir() + "device-tls";
  LiveDevice device;
  std::string problem;
  const auto tls = device_tls(directory, device.host, device.ca, problem);
  ASSERT_NE(tls, nullptr) << problem;
  device.command = {"python3", "-c", tls_client};
  device.tls = tls.get();
  const DevicePlay play = play_live(device, chosen_device_cases("device/connect/plain"));
  ASSERT_EQ(play.unreachable, "");
  EXPECT_EQ(failures(play), "");
  EXPECT_GT(clauses_of(play).size(), 5u);

  std::string ca;
  EXPECT_EQ(device_tls("/proc/no/such/folder", "127.0.0.1", ca, problem), nullptr);
  EXPECT_NE(problem, "");
}

// A cut did not reach a client as long as the adapter of another case held the connection too.
TEST(DeviceSuite, AnAdapterHasItsThreeStreamsAndNothingElse) {
  const DevicePlay play = play_script("echo \"{\\\"did\\\":\\\"hello\\\",\\\"name\\\":\\\"$(ls /proc/self/fd | wc -w)\\\",\\\"qos\\\":[0]}\"; read line; exit 0");
  EXPECT_EQ(play.device.name, "4") << play.unreachable;  // the fourth is the folder that ls reads
}

TEST(DeviceSuite, AnAdapterThatDiesAfterItsHelloLeavesItsCaseOpen) {
  const DevicePlay play = play_script("echo '{\"did\":\"hello\",\"name\":\"x\",\"qos\":[0]}'; read line; exit 0");
  ASSERT_EQ(play.unreachable, "");
  ASSERT_EQ(play.cases.size(), 1u);
  EXPECT_EQ(play.cases[0].verdict(), Verdict::inconclusive);
  EXPECT_NE(play.cases[0].missing.find("ended with exit code 0"), std::string::npos) << play.cases[0].missing;
}

}  // namespace
