#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

#include "model/hub/router.hpp"
#include "tests/model/hub_driver.hpp"

namespace hubproof::model {
namespace {

using test::HubDriver;

Bytes leveled(std::string_view id, std::string_view level) {
  Bytes flat;
  MessageWriter writer{flat};
  writer.system(System::message_id, id);
  writer.property("level", level);
  writer.body(view(id));
  return flat;
}

HubRules with_routes(bool fallback = true) {
  HubRules rules;
  rules.routing.endpoints = {"alerts", "archive"};
  rules.routing.routes = {{"high", "alerts", "level = 'high'"},
                          {"higher", "alerts", "level IN ['high', 'low']"},
                          {"all high", "archive", "level = 'high'"},
                          {"named", "events", "level = 'named'"}};
  rules.routing.routes[2].name = "all-high";
  rules.routing.fallback = fallback;
  return rules;
}

// The bodies at an endpoint, in the partition of the device.
std::vector<std::string> at(HubDriver& driver, std::string_view device, const std::string& endpoint) {
  std::vector<std::string> ids;
  Telemetry out;
  const auto place = driver.hub->place(endpoint, driver.hub->partition(driver.hub->find(device)));
  for (std::uint64_t from = 1; driver.hub->read(place.value(), from, 100'000, out);)
    from = out.events.back().sequence + 1;
  for (const TelemetryEvent& event : out.events) ids.emplace_back(text(MessageView{event.message}.body()));
  return ids;
}

using Ids = std::vector<std::string>;

TEST(Routes, LeadToEveryEndpointThatMatchesAndOnce) {  // [D2C-19, D2C-20, D2C-21, D2C-23]
  HubDriver driver{with_routes()};
  driver.device("d1");
  for (const auto& [id, level] : {std::pair{"a", "high"}, {"b", "low"}, {"c", "none"}, {"d", "named"}, {"e", "high"}})
    driver.telemetry("d1", leveled(id, level));
  EXPECT_EQ(at(driver, "d1", "alerts"), (Ids{"a", "b", "e"}));
  EXPECT_EQ(at(driver, "d1", "archive"), (Ids{"a", "e"}));
  EXPECT_EQ(at(driver, "d1", "events"), (Ids{"c", "d"}));
  EXPECT_EQ(at(driver, "d1", ""), (Ids{"c", "d"})) << "the built-in endpoint needs no name";
}

TEST(Routes, WithoutFallbackWhatMatchesNothingIsDropped) {  // [D2C-22]
  HubDriver driver{with_routes(false)};
  driver.device("d1");
  const Ticket ticket = driver.telemetry("d1", leveled("a", "none"));
  driver.telemetry("d1", leveled("b", "named"));
  EXPECT_LE(ticket, driver.hub->durable()) << "though it is acknowledged";
  EXPECT_EQ(at(driver, "d1", "events"), (Ids{"b"}));
}

TEST(Routes, WithoutRoutesAllGoesToTheBuiltInEndpoint) {  // [D2C-02]
  HubRules rules;
  rules.routing.fallback = false;
  HubDriver driver{rules};
  driver.device("d1");
  driver.telemetry("d1", leveled("a", "high"));
  EXPECT_EQ(at(driver, "d1", ""), (Ids{"a"}));
}

TEST(Routes, NobodyReadsAnEndpointThatIsNotThere) {
  HubDriver driver{with_routes()};
  EXPECT_FALSE(driver.hub->place("other", 0));
  EXPECT_FALSE(driver.hub->place("alerts", driver.rules.partitions));
}

TEST(Routes, ACrashRepeatsWhatTheJournalDidNotKnow) {  // [D2C-10]
  HubDriver driver{with_routes()};
  driver.device("d1");
  driver.telemetry("d1", leveled("a", "high"));
  driver.pass(driver.rules.routing_checkpoint + 10ms);
  driver.telemetry("d1", leveled("b", "high"));
  driver.telemetry("d1", leveled("c", "high"));
  driver.crash(0);
  EXPECT_EQ(at(driver, "d1", "alerts"), (Ids{"a", "b", "c", "b", "c"}));
  driver.pass(driver.rules.routing_checkpoint + 10ms);
  driver.crash(0);
  EXPECT_EQ(at(driver, "d1", "alerts"), (Ids{"a", "b", "c", "b", "c"})) << "after a lull nothing comes again";
}

TEST(Routes, ACrashBetweenStoringAndRoutingLosesNothing) {
  HubDriver driver{with_routes()};
  driver.device("d1");
  driver.hold_syncs = true;
  driver.telemetry("d1", leveled("a", "high"));
  for (auto& [file, bytes] : driver.files) driver.synced[file] = bytes.size();  // stored, and nobody knows
  driver.hold_syncs = false;
  driver.crash(0);
  EXPECT_EQ(at(driver, "d1", "alerts"), (Ids{"a"}));
}

TEST(Routes, EndpointsKeepTheirLogsWhenOthersComeAndGo) {
  HubDriver driver{with_routes()};
  driver.device("d1");
  driver.telemetry("d1", leveled("a", "high"));
  driver.pass(2s);
  driver.rules.routing.endpoints = {"new", "archive"};
  driver.rules.routing.routes = {{"n", "new", "level = 'high'"}, {"a", "archive", "level = 'low'"}};
  driver.start();
  driver.telemetry("d1", leveled("b", "high"));
  driver.telemetry("d1", leveled("c", "low"));
  EXPECT_EQ(at(driver, "d1", "new"), (Ids{"b"}));
  EXPECT_EQ(at(driver, "d1", "archive"), (Ids{"a", "c"}));
  driver.pass(2s);
  driver.rules.routing = {};
  driver.start();
  driver.telemetry("d1", leveled("d", "high"));
  EXPECT_EQ(at(driver, "d1", ""), (Ids{"d"}));
  driver.rules.routing = with_routes().routing;
  driver.start();
  EXPECT_EQ(at(driver, "d1", "alerts"), (Ids{"a"}));
  EXPECT_EQ(at(driver, "d1", "archive"), (Ids{"a", "c"}));
}

TEST(Routes, WhatWaitedWhenRoutesWereTakenAwayComesToTheBuiltInEndpoint) {
  HubDriver driver{with_routes()};
  driver.device("d1");
  driver.hold_syncs = true;
  driver.telemetry("d1", leveled("a", "high"));
  for (auto& [file, bytes] : driver.files) driver.synced[file] = bytes.size();
  driver.hold_syncs = false;
  driver.rules.routing = {};
  driver.crash(0);
  EXPECT_EQ(at(driver, "d1", ""), (Ids{"a"}));
}

TEST(Routes, ManySegmentsAndRetentionKeepTheLogsApart) {
  HubRules rules = with_routes();
  rules.journal_segment = 2'000;
  rules.retention = 1h;
  HubDriver driver{rules};
  driver.device("d1");
  for (int i = 0; i < 300; ++i) {
    driver.telemetry("d1", leveled(std::to_string(i), i % 2 == 0 ? "high" : "none"));
    driver.pass(1s);
  }
  driver.crash(0);
  const Ids alerts = at(driver, "d1", "alerts");
  const Ids events = at(driver, "d1", "events");
  for (int i = 0; i < 300; ++i)
    EXPECT_TRUE(std::ranges::count(i % 2 == 0 ? alerts : events, std::to_string(i)) > 0) << i;
  driver.pass(3h);
  EXPECT_TRUE(at(driver, "d1", "alerts").empty());
  EXPECT_LT(driver.stored_bytes(), 20'000u);
}

TEST(Routes, ProblemsSayWhere) {
  Routing routing;
  routing.endpoints = {"a", "events", "a", "no name", "messages", "127"};
  routing.routes = {{"r", "b", "true"}, {"r", "a", "level = "}, {"", "a", "true"}};
  std::vector<std::string> found;
  for (const RoutingProblem& one : problems(routing)) found.push_back(one.where + ": " + one.what);
  EXPECT_EQ(found,
            (std::vector<std::string>{
                "endpoints/2: there is another \"a\"",
                "endpoints/3: \"no name\" cannot be a name; use at most 64 letters, digits and - _ .",
                "routes/1/name: there is another \"r\"",
                "routes/2/name: \"\" cannot be a name; use at most 64 letters, digits and - _ .",
                "endpoints/1: \"events\" is the built-in endpoint and always there",
                "endpoints/4: \"messages\" is what addresses of the hub itself begin with; call it otherwise",
                "endpoints/5: \"127\" is what addresses of the hub itself begin with; call it otherwise",
                "routes/0/endpoint: no endpoint is called \"b\"; name it under \"endpoints\"",
                "routes/1/condition: at character 9: expected a value, found the end"}));
  Routing many;
  for (int i = 0; i < 11; ++i) many.endpoints.push_back("e" + std::to_string(i));
  for (int i = 0; i < 101; ++i) many.routes.push_back({"r" + std::to_string(i), "events", "true"});
  EXPECT_EQ(problems(many).size(), 2u);  // [D2C-28]
  many.endpoints.pop_back();
  many.routes.pop_back();
  EXPECT_TRUE(problems(many).empty());
}

// What a reader sees is the stream, with suffixes of what was there repeated: after any event comes the
// one after it in the stream, or an earlier one.
bool repeats_suffixes_only(const Ids& seen, const Ids& stream) {
  std::size_t next = 0;
  for (const std::string& id : seen) {
    const auto place = static_cast<std::size_t>(std::ranges::find(stream, id) - stream.begin());
    if (place > next || place == stream.size()) return false;
    next = place + 1;
  }
  return true;
}

RC_GTEST_PROP(RoutesProperty, WhatIsAcknowledgedComesToItsEndpointsInOrderThroughAllCrashes, ()) {
  HubRules rules = with_routes(*rc::gen::arbitrary<bool>());
  rules.partitions = 2;
  rules.journal_segment = *rc::gen::element<std::uint64_t>(500, 4'000, 1 << 20);
  rules.journal_copies = *rc::gen::element<std::uint32_t>(1, 2);
  HubDriver driver{rules};
  const std::vector<std::string> devices{"d1", "d2", "d3"};
  for (const std::string& device : devices) driver.device(device);

  struct Sent {
    std::string id, level, device;
    Ticket ticket{};
    bool acked = false;
  };
  std::vector<Sent> sent;
  const auto look = [&] {
    for (Sent& one : sent) one.acked = one.acked || (one.ticket != Ticket{} && one.ticket <= driver.hub->durable());
  };
  int number = 0;
  for (int steps = *rc::gen::inRange(1, 40); steps > 0; --steps) {
    switch (*rc::gen::inRange(0, 8)) {
      case 0:
        look();
        for (Sent& one : sent) one.ticket = {};  // of another life
        driver.crash(static_cast<std::uint8_t>(*rc::gen::inRange(0, 256)));
        break;
      case 1: driver.hold_syncs = !driver.hold_syncs; break;
      case 2:
        driver.answer_syncs();
        driver.perform();
        break;
      case 3: driver.pass(*rc::gen::element<Duration>(Duration{1ms}, Duration{300ms}, Duration{2s})); break;
      default: {
        Sent one{std::to_string(++number), *rc::gen::element<std::string>("high", "low", "none", "named"),
                 *rc::gen::elementOf(devices)};
        one.ticket = driver.telemetry(one.device, leveled(one.id, one.level));
        sent.push_back(one);
      }
    }
    look();
  }
  driver.hold_syncs = false;
  driver.answer_syncs();
  driver.perform();
  driver.pass(1s);
  look();

  const std::vector<std::pair<std::string, std::set<std::string>>> endpoints{
      {"alerts", {"high", "low"}},
      {"archive", {"high"}},
      {"events", rules.routing.fallback ? std::set<std::string>{"none", "named"} : std::set<std::string>{"named"}}};
  for (const auto& [endpoint, levels] : endpoints) {
    for (const std::string& device : devices) {
      const Ids all = at(driver, device, endpoint);  // of its partition
      Ids stream, first;
      for (const std::string& id : all)
        if (std::ranges::find(first, id) == first.end()) first.push_back(id);
      RC_ASSERT(repeats_suffixes_only(all, first));
      for (const Sent& one : sent) {
        if (one.device != device) continue;
        const bool there = std::ranges::find(all, one.id) != all.end();
        RC_ASSERT(!there || levels.contains(one.level));
        RC_ASSERT(there || !one.acked || !levels.contains(one.level));
        if (there) stream.push_back(one.id);
      }
      // In the order of sending, as all went over one way.
      Ids own;
      for (const std::string& id : first)
        if (std::ranges::find(stream, id) != stream.end()) own.push_back(id);
      RC_ASSERT(own == stream);
    }
  }
}

}  // namespace
}  // namespace hubproof::model
