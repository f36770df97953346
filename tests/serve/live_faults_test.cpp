// The plan of faults for live connections, without a socket in sight: what it does when, to whom, and
// which files it refuses.
#include <gtest/gtest.h>

#include "tools/fault_plan.hpp"
#include "tools/live_faults.hpp"

namespace hubproof::tools {
namespace {

using namespace std::chrono_literals;
using Kind = LiveFaults::Act::Kind;
using Direction = LiveFaults::Direction;

constexpr auto to_hub = Direction::to_hub;
constexpr auto to_device = Direction::to_device;

class Live : public testing::Test {
 protected:
  void add(std::string_view json, bool store = true) {
    Problems problems;
    const auto fault = read_fault(json, cast, store, problems);
    ASSERT_TRUE(fault) << problems_text("fault", problems);
    faults.plan({*fault}, cast.names, now);
  }
  // What was done until then, as kinds.
  std::vector<Kind> until(model::Duration time) {
    now = model::Instant{} + time;
    std::vector<Kind> kinds;
    while (const auto act = faults.due(now)) kinds.push_back(act->kind);
    return kinds;
  }

  Cast cast = live_cast({"d1", "d2"});
  LiveFaults faults{7};
  model::Instant now{};
};

TEST_F(Live, BeginsAndEndsInTime) {
  add(R"({"partition": "d1", "from": "2s", "until": "5s"})");
  EXPECT_EQ(faults.deadline(), model::Instant{2s});
  EXPECT_TRUE(until(1999ms).empty());
  EXPECT_FALSE(faults.blocked(to_hub, "d1"));
  EXPECT_EQ(until(2s), std::vector{Kind::begins});
  EXPECT_TRUE(faults.blocked(to_hub, "d1"));
  EXPECT_TRUE(faults.blocked(to_device, "d1"));
  EXPECT_FALSE(faults.blocked(to_hub, "d2"));
  EXPECT_FALSE(faults.blocked(to_hub, "")) << "nobody knows whose it is";
  EXPECT_EQ(until(5s), (std::vector{Kind::ends, Kind::news}));
  EXPECT_FALSE(faults.blocked(to_hub, "d1"));
  EXPECT_FALSE(faults.deadline());
}

TEST_F(Live, OneWayIsOneWay) {
  add(R"({"partition": "hub", "peers": "d1", "one_way": true})");
  add(R"({"partition": "d2", "one_way": true})");
  until(0s);
  EXPECT_TRUE(faults.blocked(to_device, "d1"));
  EXPECT_FALSE(faults.blocked(to_hub, "d1"));
  EXPECT_TRUE(faults.blocked(to_hub, "d2"));
  EXPECT_FALSE(faults.blocked(to_device, "d2"));
}

TEST_F(Live, WhatNamesTheHubCoversEveryConnection) {
  add(R"({"delay": "30ms", "nodes": "hub"})");
  until(0s);
  for (const char* device : {"d1", "", "somebody else"})
    EXPECT_EQ(faults.passes(now, to_hub, device, 10).leaves, now + 30ms);
}

TEST_F(Live, LosesDelaysFlipsAndThrottles) {
  add(R"({"drop": 1, "nodes": "d1", "one_way": true})");
  add(R"({"corrupt": 1, "nodes": "d2", "one_way": true})");
  add(R"({"bandwidth": 1000, "nodes": "hub", "one_way": true})");
  until(0s);
  EXPECT_TRUE(faults.passes(now, to_hub, "d1", 10).lost);
  EXPECT_FALSE(faults.passes(now, to_device, "d1", 0).lost);
  const auto flipped = faults.passes(now, to_hub, "d2", 3).flipped;
  ASSERT_TRUE(flipped);
  EXPECT_LT(*flipped, 24U);
  EXPECT_FALSE(faults.passes(now, to_device, "d2", 0).flipped);
  EXPECT_EQ(faults.passes(now, to_device, "d1", 500).leaves, now + 500ms);
  EXPECT_EQ(faults.passes(now, to_device, "d2", 500).leaves, now + 1s) << "all share the line";
  EXPECT_EQ(faults.passes(now + 10s, to_device, "d2", 500).leaves, now + 10500ms);
}

TEST_F(Live, DrawsHangOnTheSeedTheDeviceAndTheDirection) {
  const auto fate = [&](std::uint64_t seed, bool others) {
    LiveFaults one{seed};
    Problems problems;
    one.plan({*read_fault(R"({"drop": 0.5})", cast, true, problems)}, cast.names, now);
    while (one.due(now)) continue;
    std::string text;
    for (int i = 0; i < 64; ++i) {
      if (others) one.passes(now, i % 2 ? to_hub : to_device, "d2", 1);
      text += one.passes(now, to_hub, "d1", 1).lost ? 'x' : '.';
    }
    return text;
  };
  EXPECT_EQ(fate(1, false), fate(1, true));
  EXPECT_NE(fate(1, false), fate(2, false));
}

TEST_F(Live, MomentaryFaultsAreOverAtOnce) {
  add(R"({"reset": "d1", "from": "1s"})");
  add(R"({"half_open": "d2", "from": "1s"})");
  add(R"({"step": "-2h", "nodes": "hub", "from": "1s"})");
  EXPECT_EQ(until(1s), (std::vector{Kind::begins, Kind::reset, Kind::begins, Kind::silence, Kind::begins, Kind::clock}));
  EXPECT_FALSE(faults.any_on());
  EXPECT_TRUE(faults.covers(0, "d1"));
  EXPECT_FALSE(faults.covers(0, "d2"));
  EXPECT_EQ(faults.fault(2).amount, -2h);
}

TEST_F(Live, TheHubIsDownFromTheFirstCrashToTheEndOfTheLast) {
  add(R"({"crash": "hub", "from": "1s", "until": "4s"})");
  add(R"({"process_crash": "hub", "from": "2s", "until": "6s"})");
  EXPECT_EQ(until(1s), (std::vector{Kind::begins, Kind::down}));
  EXPECT_TRUE(faults.down());
  EXPECT_EQ(until(5s), (std::vector{Kind::begins, Kind::ends, Kind::news}));
  EXPECT_TRUE(faults.down());
  EXPECT_EQ(until(6s), (std::vector{Kind::ends, Kind::up, Kind::news}));
  EXPECT_FALSE(faults.down());
  add(R"({"restart": "hub"})");
  EXPECT_EQ(until(6s), (std::vector{Kind::begins, Kind::down, Kind::up}));
}

TEST_F(Live, ACrashLoopGoesUpAndDown) {
  add(R"({"crash_loop": "hub", "up": "2s", "down": "1s", "until": "10s"})");
  EXPECT_EQ(until(0s), std::vector{Kind::begins});
  EXPECT_EQ(until(2s), std::vector{Kind::down});
  EXPECT_EQ(until(3s), std::vector{Kind::up});
  EXPECT_EQ(until(5s), std::vector{Kind::down});
  EXPECT_EQ(until(9s), (std::vector{Kind::up, Kind::down, Kind::up}));
  EXPECT_EQ(until(10s), (std::vector{Kind::ends, Kind::news}));
  EXPECT_FALSE(faults.down());
}

TEST_F(Live, ASleeperIsHeardWhileItIsAwake) {
  add(R"({"sleep_cycle": "d1", "awake": "1s", "period": "3s"})");
  until(0s);
  EXPECT_FALSE(faults.blocked(to_hub, "d1"));
  EXPECT_EQ(until(1s), std::vector{Kind::news});
  EXPECT_TRUE(faults.blocked(to_hub, "d1"));
  EXPECT_EQ(until(3s), std::vector{Kind::news});
  EXPECT_FALSE(faults.blocked(to_hub, "d1"));
}

TEST_F(Live, TheStoreFailsIsSlowAndIsSilent) {
  EXPECT_FALSE(faults.syncs_wait());
  add(R"({"never_answers": "hub", "until": "1s"})");
  add(R"({"slow_disk": "20ms"})");
  add(R"({"sync_error": 1, "from": "2s"})");
  until(0s);
  EXPECT_TRUE(faults.syncs_wait());
  until(1s);
  EXPECT_FALSE(faults.syncs_wait());
  EXPECT_EQ(faults.syncs(now).answered, now + 20ms);
  EXPECT_FALSE(faults.syncs(now).fails);
  until(2s);
  EXPECT_TRUE(faults.syncs(now).fails);
}

TEST_F(Live, HealingEndsAllAndWhatIsPlannedNeverComes) {
  add(R"({"connect_refusal": "hub"})");
  add(R"({"crash": "hub"})");
  add(R"({"reset": "d1", "from": "1h"})");
  until(0s);
  EXPECT_TRUE(faults.refuses());
  faults.heal();
  EXPECT_EQ(until(0s), (std::vector{Kind::ends, Kind::news, Kind::ends, Kind::up, Kind::news, Kind::healed}));
  EXPECT_FALSE(faults.refuses());
  EXPECT_TRUE(until(2h).empty());
  for (const auto& one : faults.shown()) EXPECT_STREQ(one.state, "over") << one.what;
}

// Files.

Problems problems_of(std::string_view json, bool store = true) {
  Problems problems;
  read_fault_plan(json, live_cast({"d1", "d2"}), store, problems);
  return problems;
}

TEST(FaultPlan, ASeedGivesTheSameFaults) {
  const Cast cast = live_cast({"d1", "d2"});
  Problems problems;
  const FaultPlan plan = read_fault_plan(
      R"({"duration": "1h", "faults": [{"reset": "d1", "from": "1s"}],
          "nemeses": [{"menu": [{"partition": "d*", "gap": {"uniform": ["1s", "60s"]}, "length": {"uniform": ["1s", "9s"]}}]}]})",
      cast, true, problems);
  ASSERT_TRUE(problems.empty()) << problems_text("plan", problems);
  const auto times = [&](std::uint64_t seed) {
    std::vector<sim::Instant> all;
    for (const sim::Fault& fault : spell_out(plan, cast, seed)) all.push_back(fault.from);
    return all;
  };
  EXPECT_EQ(times(1), times(1));
  EXPECT_NE(times(1), times(2));
  EXPECT_GT(times(1).size(), 5U);
}

TEST(FaultPlan, AllIsHealedWhenItIsOver) {
  const Cast cast = live_cast({});
  LiveFaults faults{0};
  Problems problems;
  const FaultPlan plan = read_fault_plan(R"({"duration": "10s", "faults": [{"partition": "hub"}]})", cast, true, problems);
  faults.plan(spell_out(plan, cast, 0), cast.names, model::Instant{}, model::Instant{} + plan.duration);
  std::vector<Kind> kinds;
  while (const auto act = faults.due(model::Instant{10s})) kinds.push_back(act->kind);
  EXPECT_EQ(kinds, (std::vector{Kind::begins, Kind::ends, Kind::news, Kind::healed}));
  EXPECT_FALSE(faults.deadline());
}

TEST(FaultPlan, WhatCannotBeDoneLiveIsRefusedByItsPointer) {
  struct Case {
    const char* fault;
    const char* where;
    const char* what;
  };
  for (const Case& one : {Case{R"({"duplicate": 0.1})", "/faults/0/duplicate", "TCP"},
                          Case{R"({"reorder": 0.1})", "/faults/0/reorder", "TCP"},
                          Case{R"({"dns_failure": "d1"})", "/faults/0/dns_failure", "resolver"},
                          Case{R"({"pause": "hub", "until": "1s"})", "/faults/0/pause", "simulation"},
                          Case{R"({"slow": "1ms"})", "/faults/0/slow", "simulation"},
                          Case{R"({"drift": 100, "nodes": "hub"})", "/faults/0/drift", "simulation"},
                          Case{R"({"bit_rot": "hub"})", "/faults/0/bit_rot", "simulation"},
                          Case{R"({"torn_write": "hub"})", "/faults/0/torn_write", "simulation"},
                          Case{R"({"disk_full": "hub"})", "/faults/0/disk_full", "simulation"},
                          Case{R"({"boot_offset": "1970-01-01T00:00:00Z"})", "/faults/0/boot_offset", "simulation"},
                          Case{R"({"slew": "1s", "ppm": 100})", "/faults/0/slew", "simulation"},
                          Case{R"({"crash": "d1"})", "/faults/0/crash", "hub"},
                          Case{R"({"crash_loop": "d*", "up": "1s", "down": "1s"})", "/faults/0/crash_loop", "hub"},
                          Case{R"({"step": "1h", "nodes": "d1"})", "/faults/0/step", "hub"},
                          Case{R"({"connect_refusal": "d1"})", "/faults/0/connect_refusal", "everybody"},
                          Case{R"({"reset": "d9"})", "/faults/0/reset", "d9"},
                          Case{R"({"rest": "d1"})", "/faults/0", "reset"}}) {
    const Problems problems = problems_of(std::string{R"({"duration": "1m", "faults": [)"} + one.fault + "]}");
    ASSERT_FALSE(problems.empty()) << one.fault;
    EXPECT_EQ(problems[0].where, one.where) << problems_text("plan", problems);
    EXPECT_NE(problems[0].what.find(one.what), std::string::npos) << problems[0].what;
  }
}

TEST(FaultPlan, AHubWithoutAStoreIsNotCrashed) {
  EXPECT_TRUE(problems_of(R"({"duration": "1m", "faults": [{"restart": "hub"}]})").empty());
  const Problems problems = problems_of(R"({"duration": "1m", "faults": [{"restart": "hub"}]})", false);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_NE(problems[0].what.find("--store"), std::string::npos);
}

TEST(FaultPlan, ANemesisOfWhatCannotBeDoneIsRefused) {
  const Problems problems = problems_of(
      R"({"duration": "1m", "nemeses": [{"menu": [{"crash": ["hub", "d1"], "gap": "1s", "length": "1s"}]}]})");
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].where, "/nemeses/0/menu/0/crash");
}

TEST(FaultPlan, NonsenseIsRefused) {
  for (const char* json : {"", "[]", "{", "{}", R"({"duration": "1m", "devices": []})", R"({"duration": 5})",
                           R"({"duration": "1m", "faults": [{"reset": "d1", "from": "2m"}]})",
                           R"({"duration": "1m", "faults": [{"partition": "d1", "from": "5s", "until": "2s"}]})",
                           R"({"duration": "1m", "faults": {"reset": "d1"}})"})
    EXPECT_FALSE(problems_of(json).empty()) << json;
  Problems problems;
  EXPECT_FALSE(read_fault(R"({"partition": "d1", "from": "5s", "until": "2s"})", live_cast({"d1"}), true, problems));
  EXPECT_EQ(problems[0].where, "/until");
}

}  // namespace
}  // namespace hubproof::tools
