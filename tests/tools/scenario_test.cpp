#include "tools/scenario.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>

#include "tests/support/paths.hpp"
#include "tools/document.hpp"

namespace hubproof::tools {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

const fs::path root = tests::source_dir();

std::string file_text(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

const std::string& all_keys() {
  static const std::string text = file_text(root / "tests/tools/all_keys.json");
  return text;
}

const std::string& broker_keys() {  // those of a plain broker, which has no devices
  static const std::string text = file_text(root / "tests/tools/broker_keys.json");
  return text;
}

// A small scenario with one more member.
std::string with(const std::string& member) {
  return R"({"duration": "1m", "settle": "1m", "devices": [{"name": "d{}", "count": 3}, )"
         R"({"name": "kept", "durable_outbox": true}], "services": [{}])" +
         (member.empty() ? "" : ", " + member) + "}";
}

std::string problems(const std::string& json) {
  const ReadScenario read = read_scenario(json, "x.json");
  std::string text;
  for (const Problem& problem : read.problems) text += problem.where + " | " + problem.what + "\n";
  return text;
}

Scenario good(const std::string& json) {
  ReadScenario read = read_scenario(json, "folder/x.json");
  EXPECT_THAT(read.problems, testing::IsEmpty()) << problems_text("x.json", read.problems);
  return read.scenario;
}

TEST(ScenarioReader, GivesWhatIsWritten) {
  const Scenario scenario = good(all_keys());
  EXPECT_EQ(scenario.name, "all keys");
  EXPECT_EQ(scenario.rules.profile, "iot-hub-2017");
  EXPECT_EQ(scenario.rules.hub.lock, 30s);
  EXPECT_EQ(scenario.rules.hub.qos2_publish, model::Qos2Publish::puback);
  EXPECT_EQ(scenario.duration, 10min);
  EXPECT_EQ(scenario.network.reorder, (sim::Ratio{1, 3}));
  EXPECT_EQ(scenario.network.latency, sim::Distribution::heavy(80ms, 5s));
  ASSERT_EQ(scenario.devices.size(), 2u);
  EXPECT_EQ(scenario.devices[0].settings.back_off_jitter_percent, 25u);
  EXPECT_EQ(scenario.devices[0].settings.ignore_per_mille, 1u);
  EXPECT_EQ(scenario.devices[0].telemetry.body.high, sim::Duration{1024});
  ASSERT_EQ(scenario.faults.size(), sim::fault_names.size());
  for (std::size_t at = 0; at < scenario.faults.size(); ++at)
    EXPECT_EQ(scenario.faults[at].kind, static_cast<sim::FaultKind>(at));
  EXPECT_EQ(scenario.faults[0].nodes, (std::vector{sim::NodeId{3}, sim::NodeId{4}, sim::NodeId{5}}));
  EXPECT_EQ(scenario.nemeses[0].menu[0].among.size(), 4u);
  EXPECT_TRUE(scenario.nemeses[0].menu[1].among.empty());
}

TEST(ScenarioReader, ANodeIsItsNumber) {
  const Scenario scenario = good(with(""));
  EXPECT_THAT(node_names(scenario), testing::ElementsAre("hub", "s0", "d0", "d1", "d2", "kept"));
}

TEST(ScenarioReader, WhatIsAbsentHasItsDefault) {
  const Scenario scenario = good(with(R"("faults": [{"crash": "hub"}, {"drop": 0.5}])"));
  EXPECT_EQ(scenario.name, "x");
  EXPECT_EQ(scenario.file, "folder/x.json");
  EXPECT_EQ(scenario.rules.profile, "iot-hub-2026");
  EXPECT_EQ(scenario.devices[0].settings.window, model::DeviceSettings{}.window);
  EXPECT_EQ(scenario.faults[0].until, sim::Instant{} + 1min);
  EXPECT_TRUE(scenario.faults[1].nodes.empty()) << "every node";
}

TEST(ScenarioReader, AProfileOfTheCommandLineWins) {
  const ReadScenario read =
      read_scenario(with(R"("profile": "iot-hub-2017", "hub": {"lock": "5s"})"), "x.json", "mqtt-3.1.1");
  EXPECT_EQ(read.scenario.rules.profile, "mqtt-3.1.1");
  EXPECT_EQ(read.scenario.rules.hub.lock, 5s) << "the scenario's own figures stay";
  EXPECT_FALSE(read_scenario(with(""), "x.json", "mqtt-5").problems.empty());
}

TEST(ScenarioReader, DiskFaultsOfAPatternHitWhoHasADisk) {
  const Scenario scenario = good(with(R"("faults": [{"torn_write": "*"}, {"sync_error": 0.1}])"));
  const std::vector<sim::NodeId> with_disk{sim::NodeId{0}, sim::NodeId{1}, sim::NodeId{5}};
  EXPECT_EQ(scenario.faults[0].nodes, with_disk);
  EXPECT_EQ(scenario.faults[1].nodes, with_disk);
}

TEST(ScenarioReader, ADeviceHasANameAndTakesTimeBetweenMessages) {
  const auto told = [](const std::string& device) {
    return problems(R"({"duration": "1m", "settle": "1m", "devices": [)" + device + "]}");
  };
  EXPECT_EQ(told(R"({"name": "d1", "telemetry": {"every": "1ms"}})"), "");
  EXPECT_EQ(told(R"({"name": "d1", "telemetry": {"every": {"uniform": ["0s", "2s"]}}})"), "");
  EXPECT_EQ(told(R"({"name": "", "telemetry": {"every": "1s"}})"),
            "/devices/0/name | \"\" cannot be a name; use letters, digits and - _ . :, with {} for the number\n");
  EXPECT_EQ(told(R"({"name": "d1", "telemetry": {"every": "0s"}})"),
            "/devices/0/telemetry/every | expected 1ms or more, found at most 0s; with several messages at once, "
            "say so by \"burst\"\n");
  EXPECT_EQ(told(R"({"name": "d1", "telemetry": {"every": {"uniform": ["0s", "1ns"]}}})"),
            "/devices/0/telemetry/every | expected 1ms or more, found at most 1ns; with several messages at once, "
            "say so by \"burst\"\n");
}

struct Bad {
  const char* member;
  const char* problem;
};

class BadScenario : public testing::TestWithParam<Bad> {};

TEST_P(BadScenario, SaysWhatAndWhere) { EXPECT_EQ(problems(with(GetParam().member)), GetParam().problem); }

INSTANTIATE_TEST_SUITE_P(
    Fields, BadScenario,
    testing::Values(
        Bad{R"("reason": 3)", "/reason | expected a text, found 3\n"},
        Bad{R"("fautls": [])", "/fautls | unknown key; did you mean \"faults\"?\n"},
        Bad{R"("a/b~c": 1)", "/a~1b~0c | unknown key\n"},
        Bad{R"("profile": "iot-hub-2018")",
            "/profile | expected \"iot-hub-2017\", \"iot-hub-2026\" or \"mqtt-3.1.1\", found "
            "\"iot-hub-2018\"; did you mean \"iot-hub-2017\"?\n"},
        Bad{R"("hub": {"quotas": {"tier": "S4"}})",
            "/hub/quotas/tier | expected \"none\", \"free\", \"S1\", \"S2\" or \"S3\", found \"S4\"; did you mean "
            "\"S1\"?\n"},
        Bad{R"("hub": {"quotas": {"tier": "S3", "units": 11}})",
            "/hub/quotas/units | expected at most 10 of this tier, found 11\n"},
        Bad{R"("hub": {"quotas": {"units": 0}})", "/hub/quotas/units | expected a whole number from 1 to 200, found 0\n"},
        Bad{R"("hub": {"quotas": {"telemetry": {"per_minute": 5}}})",
            "/hub/quotas/telemetry/burst | expected 1 or more where there is a limit, found 0\n"},
        Bad{R"("hub": [])", "/hub | expected an object, found an empty list\n"},
        Bad{R"("hub": {"lock": "0s"})", "/hub/lock | expected a duration from 1ns to 36500d, found \"0s\"\n"},
        Bad{R"("hub": {"lok": "1s"})", "/hub/lok | unknown key; did you mean \"lock\"?\n"},
        Bad{R"("hub": {"queue_limit": 0})",
            "/hub/queue_limit | expected a whole number from 1 to 1000000, found 0\n"},
        Bad{R"("hub": {"queue_limit": 1.5})",
            "/hub/queue_limit | expected a whole number from 1 to 1000000, found 1.5\n"},
        Bad{R"("hub": {"feedback_pascal_case": 1})",
            "/hub/feedback_pascal_case | expected true or false, found 1\n"},
        Bad{R"("hub_restart": "-1s")", "/hub_restart | a duration cannot be negative here, found \"-1s\"\n"},
        Bad{R"("hub_restart": 5)",
            "/hub_restart | expected a duration such as \"90s\" or \"1h30m\", found 5\n"},
        Bad{R"("network": {"loss": 1.5})",
            "/network/loss | expected a ratio from 0 to 1 with at most 9 decimals, found 1.5\n"},
        Bad{R"("network": {"loss": {"good": "x"}})",
            "/network/loss/good | expected a ratio from 0 to 1 with at most 9 decimals, found \"x\"\n"},
        Bad{R"("network": {"latency": {"uniform": ["2s", "1s"]}})",
            "/network/latency/uniform | the least is above the most\n"},
        Bad{R"("network": {"latency": {"uniform": ["2s"]}})",
            "/network/latency/uniform | expected a list of two values, found a list\n"},
        Bad{R"("network": {"latency": {"heavy": "2s"}})", "/network/latency | \"heavy\" needs a \"cap\"\n"},
        Bad{R"("network": {"latency": {}})",
            "/network/latency | expected one of {\"uniform\": [LEAST, MOST]} and {\"heavy\": MEDIAN, "
            "\"cap\": MOST}\n"},
        Bad{R"("hub_disk": {"capacity": "1 MB"})",
            "/hub_disk/capacity | expected a size such as 512 or \"4KiB\", found \"1 MB\"\n"}));

INSTANTIATE_TEST_SUITE_P(
    Faults, BadScenario,
    testing::Values(
        Bad{R"("faults": {})", "/faults | expected a list, found an object\n"},
        Bad{R"("faults": [3])", "/faults/0 | expected an object, found 3\n"},
        Bad{R"("faults": [{"from": "1s"}])",
            "/faults/0 | expected the name of a fault as a key, such as \"drop\"\n"},
        Bad{R"("faults": [{"partitoin": "d0"}])",
            "/faults/0 | expected the name of a fault as a key, such as \"drop\"; found \"partitoin\"; did "
            "you mean \"partition\"?\n"},
        Bad{R"("faults": [{"crash": "hubb"}])",
            "/faults/0/crash | no node is called \"hubb\"; there are hub, s0, d{}, kept\n"},
        Bad{R"("faults": [{"crash": "hub", "fron": "1s"}])",
            "/faults/0/fron | unknown key; did you mean \"from\"?\n"},
        Bad{R"("faults": [{"crash": "hub", "drop": 0.5}])", "/faults/0/drop | unknown key\n"},
        Bad{R"("faults": [{"crash": []}])", "/faults/0/crash | expected at least one node, found an empty list\n"},
        Bad{R"("faults": [{"crash": ["hub", 3]}])",
            "/faults/0/crash/1 | expected the name of a node or a pattern, found 3\n"},
        Bad{R"("faults": [{"crash": "hub", "from": "10s", "until": "10s"}])",
            "/faults/0/until | ends at 10s, but does not begin before 10s\n"},
        Bad{R"("faults": [{"crash": "hub", "from": "-10s"}])",
            "/faults/0/from | a duration cannot be negative here, found \"-10s\"\n"},
        Bad{R"("faults": [{"restart": "hub", "from": "1m"}])",
            "/faults/0/from | begins when the scenario's duration, 1m, is over and all faults are healed\n"},
        Bad{R"("faults": [{"crash": "hub", "until": "2m"}])",
            "/faults/0/until | ends after the scenario's duration, 1m, when all faults are healed\n"},
        Bad{R"("faults": [{"reset": "d0", "from": "1s", "until": "2s"}])", "/faults/0/until | unknown key\n"},
        Bad{R"("faults": [{"disk_full": "d0"}])",
            "/faults/0/disk_full | \"d0\" has no disk; the hub has one, and devices with a durable_outbox\n"},
        Bad{R"("faults": [{"partition": "d0", "peers": "d0"}])",
            "/faults/0/peers | a node cannot be cut off from itself\n"},
        Bad{R"("faults": [{"crash_loop": "hub"}])",
            "/faults/0 | \"up\" is missing\n/faults/0 | \"down\" is missing\n"},
        Bad{R"("faults": [{"slew": "1s", "ppm": -5}])",
            "/faults/0/ppm | a rate cannot be -5; the sign is the amount's\n"},
        Bad{R"("faults": [{"sleep_cycle": "d0", "awake": "9s", "period": "9s"}])",
            "/faults/0/awake | a node that is awake for 9s of every 9s never sleeps\n"},
        Bad{R"("faults": [{"drift": 1000000}])",
            "/faults/0/drift | expected parts per million, a whole number from -500000 to 500000, found "
            "1000000\n"},
        Bad{R"("faults": [{"boot_offset": "1969-01-01T00:00:00Z"}])",
            "/faults/0/boot_offset | expected a date from 1970 to 2100 such as \"1970-01-01T00:00:00Z\", "
            "found \"1969-01-01T00:00:00Z\"\n"},
        Bad{R"("nemeses": [{}])", "/nemeses/0 | \"menu\" is missing\n"},
        Bad{R"("nemeses": [{"menu": [{"crash": "hub", "gap": "1s"}]}])",
            "/nemeses/0/menu/0 | \"length\" is missing\n"},
        Bad{R"("nemeses": [{"menu": [{"crash": "hub", "gap": "1s", "length": "1s", "at_most": 0}]}])",
            "/nemeses/0/menu/0/at_most | expected a whole number from 1 to 10000, found 0\n"}));

// These have their own devices and services.
class BadCast : public testing::TestWithParam<Bad> {};

TEST_P(BadCast, SaysWhatAndWhere) {
  EXPECT_EQ(problems(R"({"duration": "1m", "settle": "1m", )" + std::string{GetParam().member} + "}"),
            GetParam().problem);
}

INSTANTIATE_TEST_SUITE_P(
    Nodes, BadCast,
    testing::Values(
        Bad{R"("devices": [{}])", "/devices/0 | \"name\" is missing\n"},
        Bad{R"("devices": [{"name": "d*"}])",
            "/devices/0/name | \"d*\" cannot be a name; use letters, digits and - _ . :, with {} for the "
            "number\n"},
        Bad{R"("devices": [{"name": "d", "count": 2}])",
            "/devices/0/name | \"d\" is one name for 2 devices; put {} where the number goes\n"},
        Bad{R"("devices": [{"name": "d1"}, {"name": "d{}", "count": 2}])",
            "/devices/1/name | another node has a name of \"d{}\"\n"},
        Bad{R"("devices": [{"name": "hub"}])", "/devices/0/name | another node has a name of \"hub\"\n"},
        Bad{R"("devices": [{"name": "t", "twin_of": "d"}, {"name": "d"}])",
            "/devices/0/twin_of | no group told before this one is called \"d\"\n"},
        Bad{R"("devices": [{"name": "d{}", "count": 2}, {"name": "t", "twin_of": "d{}"}])",
            "/devices/1/twin_of | twins need the same count: 1 here, 2 there\n"},
        Bad{R"("devices": [{"name": "d", "rejects": 0.5}])",
            "/devices/0 | MQTT can neither reject nor abandon; \"protocol\": \"http\" and \"amqp\" can\n"},
        Bad{R"("devices": [{"name": "d", "protocol": "http", "rejects": 0.5, "ignores": 0.6}])",
            "/devices/0 | \"rejects\", \"abandons\" and \"ignores\" together are more than 1\n"},
        Bad{R"("devices": [{"name": "d", "protocol": "http", "transport": "websocket"}])",
            "/devices/0/transport | only MQTT and AMQP go over a WebSocket; HTTP does not\n"},
        Bad{R"("devices": [{"name": "d", "protocol": {"amqp": 1, "http": 2}, "durable_outbox": true}])",
            "/devices/0/durable_outbox | devices that speak HTTP or AMQP keep their messages in memory\n"},
        Bad{R"("devices": [{"name": "d", "protocol": {}}])",
            "/devices/0/protocol | expected a name, or an object such as {\"mqtt\": 3, \"http\": 1}, found {}\n"},
        Bad{R"("devices": [{"name": "d", "protocol": {"mqtt": 1, "ampq": 2}}])",
            "/devices/0/protocol/ampq | unknown key; did you mean \"amqp\"?\n"},
        Bad{R"("devices": [{"name": "d", "protocol": {"mqtt": 1, "amqp": 0}}])",
            "/devices/0/protocol/amqp | expected a whole number from 1 to 1000000, found 0\n"},
        Bad{R"("devices": [{"name": "d", "protocol": {"mqtt": 1, "amqp": 0.5}}])",
            "/devices/0/protocol/amqp | expected a whole number from 1 to 1000000, found 0.5\n"},
        Bad{R"("devices": [{"name": "d", "protocol": ["mqtt"]}])",
            "/devices/0/protocol | expected \"mqtt\", \"http\" or \"amqp\", found a list\n"},
        Bad{R"("devices": [{"name": "d", "ignores": 0.0005}])",
            "/devices/0/ignores | expected a multiple of 1/1000, found 0.0005\n"},
        Bad{R"("devices": [{"name": "d", "keep_alive": "1500ms"}])",
            "/devices/0/keep_alive | expected whole seconds\n"},
        Bad{R"("devices": [{"name": "d{}", "count": 1000000}])", "/devices/0/count | more than 1000000 nodes\n"},
        Bad{R"("devices": [{"name": "d", "sleep": {"awake": "1s"}}])",
            "/devices/0/sleep | \"asleep\" is missing\n"},
        Bad{R"("services": [{}, {}])", "/services/1/name | another node is called \"s0\"\n"},
        Bad{R"("services": [{"commands": [{}]}])",
            "/services/0/commands/0 | \"every\" is missing\n"
            "/services/0/commands/0/to | no device is called \"*\"\n"},
        Bad{R"("devices": [{"name": "d"}], "services": [{"registry": {"purge": "1m", "to": "x"}}])",
            "/services/0/registry/to | no device is called \"x\"\n"}));

TEST(ScenarioReader, AllProblemsComeAtOnce) {
  EXPECT_EQ(problems(R"({"settle": 5, "devices": [{"name": "d", "count": 0}], "faults": [{"drop": 2}, {"x": 1}]})"),
            "/settle | expected a duration such as \"90s\" or \"1h30m\", found 5\n"
            " | \"duration\" is missing\n"
            "/devices/0/count | expected a whole number from 1 to 1000000, found 0\n"
            "/faults/0/drop | expected a ratio from 0 to 1 with at most 9 decimals, found 2\n"
            "/faults/1 | expected the name of a fault as a key, such as \"drop\"\n");
}

TEST(ScenarioReader, TakesNoTextThatIsNotJson) {
  EXPECT_EQ(problems(""), "line 1, column 1 | the JSON ends too early; is the file complete?\n");
  EXPECT_EQ(problems("[]"), " | expected an object\n");
  EXPECT_EQ(problems(std::string(largest_document + 1, ' ')), " | larger than 16 MiB\n");
}

TEST(ScenarioReader, AnyCutOfAGoodFileIsAProblem) {
  for (std::size_t size = 0; size + 2 < all_keys().size(); size += 7) {
    const ReadScenario read = read_scenario(all_keys().substr(0, size), "x.json");
    ASSERT_EQ(read.problems.size(), 1u) << size;
    EXPECT_THAT(read.problems[0].where, testing::StartsWith("line "));
  }
}

// The same document, whatever the order of keys.
bool same(const Document& a, const Document& b) {
  if (a.kind != b.kind || a.text != b.text || a.truth != b.truth || a.items.size() != b.items.size() ||
      a.members.size() != b.members.size())
    return false;
  for (std::size_t at = 0; at < a.items.size(); ++at)
    if (!same(a.items[at], b.items[at])) return false;
  for (const auto& [key, value] : a.members)
    if (const Document* other = b.find(key); other == nullptr || !same(value, *other)) return false;
  return true;
}

TEST(ScenarioWriter, EveryKeyComesBack) {
  const std::string written = write_scenario(good(all_keys()));
  EXPECT_TRUE(same(parse(written).document, parse(all_keys()).document)) << written;
  const std::string of_broker = write_scenario(good(broker_keys()));
  EXPECT_TRUE(same(parse(of_broker).document, parse(broker_keys()).document)) << of_broker;
}

TEST(ScenarioReader, APlainBrokerHasClientsAndNothingElse) {
  EXPECT_NE(good(broker_keys()).rules.broker, nullptr);
  EXPECT_EQ(good(broker_keys()).clients[0].settings.subscriptions[0].filter, "a/+/{}");
  const std::string begins = R"({"duration": "1m", "settle": "1m", "clients": [{"name": "c0")";
  EXPECT_THAT(problems(begins + "}]}"), testing::HasSubstr("/clients | only \"profile\": \"mqtt-3.1.1\" has clients"));
  const std::string plain = R"({"profile": "mqtt-3.1.1", "duration": "1m", "settle": "1m", )";
  EXPECT_THAT(problems(plain + R"("clients": [{"name": "c0"}], "devices": [{"name": "d0"}]})"),
              testing::HasSubstr("/clients | a plain broker has clients only"));
  EXPECT_THAT(problems(plain + R"("clients": [{"name": "c", "count": 2}]})"), testing::HasSubstr("/clients/0/name | \"c\" cannot be the name of 2"));
  EXPECT_THAT(problems(plain + R"("clients": [{"name": "c", "subscribes": [{"filter": "a/#/b"}]}]})"),
              testing::HasSubstr("/clients/0/subscribes/0/filter | \"a/#/b\" is no topic filter"));
  EXPECT_THAT(problems(plain + R"("clients": [{"name": "c", "publishes": [{"topic": "a/+", "every": "0s"}]}]})"),
              testing::AllOf(testing::HasSubstr("/clients/0/publishes/0/topic | \"a/+\" is no topic name"),
                             testing::HasSubstr("/clients/0/publishes/0/every | expected 1ms or more")));
  EXPECT_EQ(read_scenario(broker_keys(), "x.json", "iot-hub-2017").scenario.rules.profile, "mqtt-3.1.1");
  EXPECT_EQ(good(plain + R"("devices": [{"name": "d0"}]})").rules.broker, nullptr);  // those speak to a hub
}

// A bundle of throttled replayed to another run: that nothing may wait was left out as if it were usual.
TEST(WriteScenario, WhatDiffersFromTheTierIsWrittenThoughItIsNothing) {
  const ReadScenario read = read_scenario(R"({"duration": "1m", "settle": "1m", "devices": [{"name": "d"}], "hub": {"quotas": {"tier": "S1", "units": 2, "per_day": 0, "chunk": 1,
    "connections": {"per_minute": 0}, "registry": {"per_minute": 12, "burst": 2, "queue": 0}}}})", "x.json");
  ASSERT_EQ(problems_text("x.json", read.problems), problems_text("x.json", {}));
  const ReadScenario again = read_scenario(write_scenario(read.scenario), "x.json");
  EXPECT_EQ(problems_text("x.json", again.problems), problems_text("x.json", {}));
  const model::QuotaRules &quota = read.scenario.rules.hub.quota, &back = again.scenario.rules.hub.quota;
  EXPECT_EQ(back.limits, quota.limits);
  EXPECT_EQ(back.per_day, 0u);
  EXPECT_EQ(back.chunk, 1u);
  EXPECT_EQ(back.of(model::Limit::registry).queue, 0u);
  EXPECT_EQ(back.of(model::Limit::connections).per_minute, 0u);
  EXPECT_EQ(back.of(model::Limit::telemetry), model::quotas_of(model::Tier::s1, 2).of(model::Limit::telemetry));
}

TEST(ScenarioWriter, LeavesOutWhatIsAsUsual) {
  EXPECT_EQ(write_scenario(good(R"({"duration": "1m", "settle": "60s", "devices": [{"name": "d0", "window": 10}]})")),
            "{\n  \"name\": \"x\",\n  \"duration\": \"1m\",\n  \"settle\": \"1m\",\n"
            "  \"devices\": [{\"name\": \"d0\"}]\n}\n");
}

// A document with some of its members and items left out.
Document thinned(const Document& document) {
  Document thin = document;
  thin.items.clear();
  thin.members.clear();
  for (const Document& item : document.items)
    if (*rc::gen::inRange(0, 3) > 0) thin.items.push_back(thinned(item));
  for (const auto& [key, value] : document.members)
    if (*rc::gen::inRange(0, 8) > 0) thin.members.emplace_back(key, thinned(value));
  return thin;
}

RC_GTEST_PROP(ScenarioWriter, WhatWasReadIsWrittenAndReadAgain, ()) {
  Document document = thinned(parse(all_keys()).document);
  std::erase_if(document.members, [](const auto& member) { return member.first == "services"; });
  ReadScenario read = read_scenario(write(document), "x.json");
  if (!read.problems.empty()) {  // then every problem has its words
    for (const Problem& problem : read.problems) RC_ASSERT(!problem.what.empty());
    return;
  }
  const std::string written = write_scenario(read.scenario);
  const ReadScenario again = read_scenario(written, "x.json");
  RC_ASSERT(again.problems.empty());
  RC_ASSERT(write_scenario(again.scenario) == written);
  RC_ASSERT(node_names(again.scenario) == node_names(read.scenario));
}

RC_GTEST_PROP(ScenarioReader, SurvivesAnyChangeOfAByte, ()) {
  std::string text = all_keys();
  const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
  text[at] = *rc::gen::arbitrary<char>();
  const ReadScenario read = read_scenario(text, "x.json");
  for (const Problem& problem : read.problems) RC_ASSERT(!problem.what.empty());
}

TEST(ScenarioReader, ABackEndReadsAsManyPartitionsAsItsHubHas) {
  const ReadScenario read = read_scenario(
      R"({"duration": "1m", "settle": "1m", "hub": {"partitions": 7}, "services": [{}]})", "x.json");
  ASSERT_TRUE(read.problems.empty());
  EXPECT_EQ(read.scenario.services[0].settings.partitions, 7u);
}

// --- The schema and the documentation are in step with the reader. ---

TEST(ScenarioSchema, IsWhatTheReaderReads) {
  const std::string made = scenario_schema();
  if (file_text(root / "scenarios/scenario.schema.json") == made) return;
  const fs::path fresh = fs::path{testing::TempDir()} / "scenario.schema.json";
  std::ofstream{fresh, std::ios::binary} << made;
  ADD_FAILURE() << "scenarios/scenario.schema.json is not up to date; the new one is " << fresh;
}

// Keys of a schema and of a document, as paths without indices.
void schema_keys(const Document& schema, const std::string& path, std::set<std::string>& keys) {
  if (const Document* items = schema.find("items")) schema_keys(*items, path, keys);
  if (const Document* variants = schema.find("oneOf"))
    for (const Document& variant : variants->items) schema_keys(variant, path, keys);
  if (const Document* properties = schema.find("properties"))
    for (const auto& [key, value] : properties->members) {
      keys.insert(path + "/" + key);
      schema_keys(value, path + "/" + key, keys);
    }
}

void document_keys(const Document& document, const std::string& path, std::set<std::string>& keys) {
  for (const Document& item : document.items) document_keys(item, path, keys);
  for (const auto& [key, value] : document.members) {
    keys.insert(path + "/" + key);
    document_keys(value, path + "/" + key, keys);
  }
}

TEST(ScenarioSchema, HasNoKeyThatTheSampleOfAllKeysLacks) {
  std::set<std::string> in_schema, in_sample;
  schema_keys(parse(scenario_schema()).document, "", in_schema);
  document_keys(parse(all_keys()).document, "", in_sample);
  document_keys(parse(broker_keys()).document, "", in_sample);
  for (const std::string& key : in_schema) {
    if (key == "/$schema" || key.starts_with("/nemeses/menu/")) continue;  // the faults' keys once more
    EXPECT_TRUE(in_sample.contains(key)) << key << " is in the schema only";
  }
}

TEST(ScenarioReadme, ShowsEverySwitchUnderEveryProfile) {
  EXPECT_THAT(file_text(root / "scenarios/README.md"), testing::HasSubstr(profile_table()));
}

TEST(ScenarioReadme, ItsExamplesCanBeRead) {
  const std::string text = file_text(root / "scenarios/README.md");
  const std::string opening = "```json\n{";
  const std::size_t begin = text.find(opening);
  ASSERT_NE(begin, std::string::npos);
  const std::size_t end = text.find("```", begin + 3);
  good(text.substr(begin + 8, end - begin - 8));
}

// --- What smoke must have. ---

std::vector<fs::path> folder(const char* name) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator{root / "scenarios" / name})
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  return files;
}

std::vector<fs::path> smoke() { return folder("smoke"); }

void all_are_read_and_have_reasons(const std::vector<fs::path>& files) {
  for (const fs::path& file : files) {
    const ReadScenario read = read_scenario(file_text(file), file.string());
    EXPECT_TRUE(read.problems.empty()) << problems_text(file.string(), read.problems);
    EXPECT_GT(read.scenario.reason.size(), 20u) << file;
    EXPECT_EQ(read.scenario.name, file.stem().string()) << file;
  }
}

TEST(Smoke, EveryScenarioIsReadAndHasAReason) {
  EXPECT_GE(smoke().size(), 14u);
  all_are_read_and_have_reasons(smoke());
}

TEST(Faults, EveryScenarioIsReadAndHasAReason) {
  EXPECT_GE(folder("faults").size(), 5u);
  all_are_read_and_have_reasons(folder("faults"));
}

TEST(Smoke, HasEveryFault) {
  std::set<std::string_view> missing{sim::fault_names.begin(), sim::fault_names.end()};
  bool hub = false;
  for (const fs::path& file : smoke()) {
    const Scenario scenario = read_scenario(file_text(file), file.string()).scenario;
    for (const sim::Fault& fault : scenario.faults) missing.erase(sim::name(fault.kind));
    for (const sim::NemesisSpec& nemesis : scenario.nemeses)
      for (const sim::Menu& menu : nemesis.menu) missing.erase(sim::name(menu.like.kind));
    for (const ServiceNode& node : scenario.services)
      hub = hub || node.registry.purge || node.registry.recreate || node.registry.disable;
  }
  EXPECT_THAT(missing, testing::IsEmpty());
  EXPECT_TRUE(hub);
}

// A fault that nobody has seen at work may do nothing.
TEST(Smoke, EveryFaultHasATestOfItsEffect) {
  const std::string tests =
      file_text(root / "tests/sim/fault_test.cpp") + file_text(root / "tests/sim/disk_test.cpp");
  for (const std::string_view name : sim::fault_names)
    EXPECT_THAT(tests, testing::AnyOf(testing::HasSubstr("(FaultKind::" + std::string{name} + ","),
                                      testing::HasSubstr("kind = FaultKind::" + std::string{name} + ";")));
}

}  // namespace
}  // namespace hubproof::tools
