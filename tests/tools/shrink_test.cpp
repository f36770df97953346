// Smaller failures: the surgery keeps runs what they are, the shrinker keeps the failure what it is.
#include "tools/shrink/shrink.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "model/mutants/mutant.hpp"
#include "tests/support/regression.hpp"
#include "tests/tools/program.hpp"
#include "tools/find_scenarios.hpp"
#include "tools/run.hpp"
#include "tools/save_bundles.hpp"
#include "tools/shrink/simplify.hpp"
#include "tools/shrink/surgery.hpp"
#include "tools/shrink/trials.hpp"
#include "tools/shrink/turning_point.hpp"
#include "tools/spell_out.hpp"
#include "tools/story.hpp"
#include "tools/try_run.hpp"

namespace hubproof::tools {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using namespace shrinking;
using testing::ElementsAre;
using testing::HasSubstr;

Scenario smoke(const std::string& name) {
  FoundScenarios found =
      find_scenarios({(fs::path{tests::source_dir()} / "scenarios/smoke" / (name + ".json")).string()}, "");
  EXPECT_EQ(found.wrong, "");
  return found.scenarios.at(0);
}

std::uint64_t digest(const Scenario& scenario, std::uint64_t seed) {
  RunOptions options;
  options.seed = seed;
  return run(scenario, options).digest;
}

TEST(Surgery, SingleDevicesMakeTheSameRun) {
  for (const char* name : {"locks-run-out", "everything-at-once", "takeover-ping-pong", "topics"}) {
    const Scenario scenario = spell_out_faults(smoke(name), 4);
    const Scenario single = with_single_devices(scenario);
    EXPECT_EQ(node_names(single), node_names(scenario));
    EXPECT_EQ(digest(single, 4), digest(scenario, 4)) << name;
  }
}

TEST(Surgery, ANodeThatIsGoneTakesItsTwinsLoadsAndFaultsWithIt) {
  const Scenario scenario = with_single_devices(smoke("locks-run-out"));
  const std::vector<std::string> names = node_names(scenario);
  std::vector<bool> gone(names.size());
  for (const char* name : {"slow0", "deaf", "mute0"})
    gone[static_cast<std::size_t>(std::ranges::find(names, name) - names.begin())] = true;
  const Scenario smaller = without_nodes(scenario, gone);
  const std::vector<std::string> left = node_names(smaller);
  EXPECT_EQ(left.size(), names.size() - 4);  // rival0 too
  EXPECT_EQ(std::ranges::count(left, "rival0"), 0);
  EXPECT_EQ(std::ranges::count(left, "slow1"), 1);
  ASSERT_EQ(smaller.faults.size(), 1U);      // pause of slow0 and reset of mute0 hit nobody else
  EXPECT_EQ(left[static_cast<std::size_t>(smaller.faults[0].nodes.at(0))], "picky0");
  EXPECT_EQ(smaller.services[0].commands.size(), scenario.services[0].commands.size() - 1);  // to deaf
  EXPECT_TRUE(read_scenario(write_scenario(smaller), "x").problems.empty());
}

TEST(Surgery, ClientsOfABrokerCanBeLeftOutWithWhatTheyDo) {
  const Scenario scenario = with_single_devices(smoke("topics"));
  const std::vector<std::string> names = node_names(scenario);
  ASSERT_EQ(names.size(), 8U);
  EXPECT_EQ(scenario.clients[1].publishes[1].topic, "plant/1/exact");
  EXPECT_EQ(topic_work(scenario), 3U * 5 + 2 * 4 + 2 * 2);
  std::vector<bool> gone(names.size());
  for (const char* name : {"sensor0", "sensor2", "keeper1"})
    gone[static_cast<std::size_t>(std::ranges::find(names, name) - names.begin())] = true;
  const Scenario smaller = without_nodes(scenario, gone);
  EXPECT_THAT(node_names(smaller), ElementsAre("hub", "sensor1", "keeper0", "visitor0", "visitor1"));
  EXPECT_EQ(smaller.faults.size(), scenario.faults.size() - 1);  // the crash of sensor0
  EXPECT_LT(size_of(smaller).messages, size_of(scenario).messages);
  EXPECT_EQ(size_of(smaller).devices, 4U);
  std::vector<bool> work(topic_work(smaller));
  work[1] = work[4] = work[5] = true;  // exact and the will of sensor1, plant/+/exact of keeper0
  const Scenario less = without_topic_work(smaller, work);
  EXPECT_EQ(less.clients[0].publishes.size(), 3U);
  EXPECT_FALSE(less.clients[0].settings.will);
  EXPECT_EQ(less.clients[1].settings.subscriptions[0].filter, "plant/+/fast");
  EXPECT_TRUE(less.clients[1].settings.will);
  for (const Scenario& one : {smaller, less}) EXPECT_TRUE(read_scenario(write_scenario(one), "x").problems.empty());
}

TEST(Surgery, AClientPublishesInHalfOfTheTimeUntilOneMessageIsLeft) {
  Scenario scenario = with_single_devices(smoke("topics"));  // 4 minutes, visitor0 every 5 s
  const std::size_t load = publish_loads(scenario) - 2;
  auto half = with_half_published(scenario, load, Half::second);
  ASSERT_TRUE(half);
  EXPECT_EQ(half->clients[5].publishes[0].from, 2min);
  half = with_half_published(*half, load, Half::first);
  ASSERT_TRUE(half);
  EXPECT_EQ(half->clients[5].publishes[0].until, 3min);
  EXPECT_EQ(size_of(scenario).messages - size_of(*half).messages, 48U - 12);
  EXPECT_EQ(told_times(*half).size(), told_times(scenario).size() + 1);  // 2 minutes; sensor0 crashes after 3
  half = with_half_published(*half, load, Half::every_other);
  ASSERT_TRUE(half);
  EXPECT_EQ(half->clients[5].publishes[0].every, sim::Distribution::fixed(10s));
  const Scenario shorter = with_duration(*half, 150s);
  EXPECT_EQ(shorter.clients[5].publishes[0].until, std::nullopt);
  EXPECT_EQ(with_duration(*half, 1min).clients[5].publishes.size(), 0U);
  while ((half = with_half_published(scenario, load, Half::first))) scenario = *half;
  EXPECT_EQ(scenario.clients[5].publishes[0].until, 7500ms);
}

TEST(Surgery, ToldLoadsAreThoseOfTheRun) {
  const Scenario scenario = with_single_devices(spell_out_faults(smoke("locks-run-out"), 2));
  RunOptions options;
  options.seed = 2;
  options.keep_loads = true;
  const RunResult drawn = run(scenario, options);
  ASSERT_GT(drawn.loads.size(), 50U);
  const RunResult told = run(with_told_loads(scenario, drawn.loads), options);
  EXPECT_EQ(told.report.messages.d2c_sent, drawn.report.messages.d2c_sent);
  EXPECT_EQ(told.report.messages.c2d_sent, drawn.report.messages.c2d_sent);
  ASSERT_EQ(told.loads.size(), drawn.loads.size());
  for (std::size_t at = 0; at < drawn.loads.size(); ++at) {
    EXPECT_EQ(told.loads[at].at, drawn.loads[at].at);
    EXPECT_EQ(told.loads[at].device, drawn.loads[at].device);
  }
}

TEST(Surgery, AShorterScenarioHasNothingBehindItsEnd) {
  Scenario scenario = smoke("hub-crash-loop");
  scenario.devices[0].telemetry.at = {1s, 59s, 61s};
  const Scenario shorter = with_duration(scenario, 60s);
  EXPECT_THAT(shorter.devices[0].telemetry.at, ElementsAre(1s, 59s));
  EXPECT_EQ(shorter.faults.size(), 2U);  // the sync errors from one minute on are gone
  EXPECT_TRUE(read_scenario(write_scenario(shorter), "x").problems.empty());
}

TEST(Surgery, GapsAreClosedAndWhatIsShortStaysAsItIs) {
  Scenario scenario = smoke("locks-run-out");
  scenario.devices[0].telemetry.at = {2min, 2min + 1s};
  const std::vector<sim::Duration> times = told_times(scenario);
  EXPECT_EQ(times.front(), 2min);
  EXPECT_EQ(times.back(), scenario.duration);
  const Scenario closed = with_gaps_closed(scenario, 10s);
  EXPECT_THAT(closed.devices[0].telemetry.at, ElementsAre(10s, 11s));
  const std::vector<sim::Duration> closer = told_times(closed);
  ASSERT_EQ(closer.size(), times.size());
  for (std::size_t at = 1; at < times.size(); ++at)
    EXPECT_EQ(closer[at] - closer[at - 1], std::min<sim::Duration>(times[at] - times[at - 1], 10s));
  EXPECT_EQ(closed.duration, closer.back());
  EXPECT_TRUE(read_scenario(write_scenario(closed), "x").problems.empty());

  const Scenario first = with_gaps_closed(scenario, 1s, 0);
  EXPECT_THAT(first.devices[0].telemetry.at, ElementsAre(1s, 2s));
  EXPECT_EQ(first.faults[0].until - first.faults[0].from, 90s);
  EXPECT_EQ(first.duration, scenario.duration - (2min - 1s));
}

TEST(Surgery, WhatIsToldIsOneListInOrderOfTime) {
  const Scenario drawn = with_single_devices(spell_out_faults(smoke("locks-run-out"), 2));
  EXPECT_EQ(told_events(drawn), 0U);
  RunOptions options;
  options.seed = 2;
  options.keep_loads = true;
  const RunResult result = run(drawn, options);
  const Scenario told = with_told_loads(drawn, result.loads);
  ASSERT_EQ(told_events(told), result.loads.size());
  EXPECT_EQ(told_before(told, result.loads[7].at - sim::Instant{} + sim::Duration{1}), 8U);
  std::vector<bool> gone(result.loads.size(), true);
  std::vector<LoadEvent> left;
  for (const std::size_t at : {3U, 20U, 40U}) {
    gone[at] = false;
    left.push_back(result.loads[at]);
  }
  const RunResult again = run(without_told(told, gone), options);
  ASSERT_EQ(again.loads.size(), left.size());
  for (std::size_t at = 0; at < left.size(); ++at) EXPECT_EQ(again.loads[at].at, left[at].at);
  EXPECT_EQ(told_events(without_told(told, std::vector<bool>(gone.size(), true))), 0U);
}

TEST(Surgery, OneNodeDoesWhatTwoDid) {
  Scenario scenario = with_single_devices(smoke("locks-run-out"));
  const std::vector<std::string> names = node_names(scenario);
  const auto node = [&](const char* name) {
    return static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
  };
  ASSERT_GT(node("picky0"), node("slow1"));
  const auto device = [&](Scenario& one, const char* name) {
    return std::ranges::find(one.devices, name, &DeviceGroup::name);
  };
  device(scenario, "picky0")->telemetry.at = {5s, 1s};
  device(scenario, "picky1")->telemetry.at = {3s};
  scenario.services[0].commands[0].to = "picky0";
  auto one = with_two_in_one(scenario, node("picky0"), node("picky1"));
  ASSERT_TRUE(one);
  EXPECT_EQ(node_names(*one).size(), names.size() - 1);
  EXPECT_THAT(device(*one, "picky1")->telemetry.at, ElementsAre(1s, 3s, 5s));
  EXPECT_EQ(one->services[0].commands[0].to, "picky1");
  EXPECT_EQ(one->faults.size(), scenario.faults.size());  // what hit picky0 hits the other
  EXPECT_TRUE(read_scenario(write_scenario(*one), "x").problems.empty());
  EXPECT_FALSE(with_two_in_one(scenario, 1, node("picky0")));             // a service is no device
  EXPECT_FALSE(with_two_in_one(scenario, node("slow0"), node("picky0"))); // it has a twin
}

TEST(Surgery, SizeIsFaultsAndDevicesAndWhatIsAskedForAtATime) {
  Scenario scenario;
  scenario.devices.resize(2);
  scenario.devices[0].telemetry.at = {1s, 2s};
  scenario.devices[0].telemetry.burst = 3;
  scenario.services.resize(1);
  scenario.services[0].commands.resize(1);
  scenario.services[0].commands[0].at = {1s};
  scenario.services[0].registry.at.push_back({RegistryWork::purge, "d0", 1s, {}});
  scenario.faults.resize(4);
  EXPECT_EQ(size_of(scenario).messages, 8U);
  EXPECT_EQ(size_of(scenario).all(), 4U + 2U + 8U);
  scenario.services[0].registry.purge = sim::Distribution::fixed(1s);
  EXPECT_EQ(size_of(scenario).messages, 1008U);
}

TEST(Simplify, EachStepIsShorterAndWellFormed) {
  const Scenario scenario = smoke("locks-run-out");
  const std::string text = write_scenario(scenario);
  const SimplerScenarios simpler{scenario};
  std::size_t made = 0;
  for (std::size_t at = 0; at < simpler.count(); ++at) {
    const auto one = simpler.make(at);
    if (!one) continue;
    ++made;
    const std::string shorter = write_scenario(*one);
    EXPECT_LT(shorter.size(), text.size());
    EXPECT_TRUE(read_scenario(shorter, "x").problems.empty());
  }
  EXPECT_GT(made, 30U);
}

struct Case {
  const char* scenario;
  const char* mutant;
  const char* clause;
};

// The first seed with which the clause fails, so that tests outlive a change that moves draws.
Bundle failing(const Case& one) {
  const model::Mutant* mutant = model::find_mutant(one.mutant);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Variation variation{smoke(one.scenario), seed, {}};
    for (const RunRecord::Failure& failure : try_run(variation, mutant).failures)
      if (clause_of(failure.signature) == one.clause)
        return *bundle_of(variation, mutant, one.clause, failure.signature);
  }
  ADD_FAILURE() << one.mutant << " does not fail " << one.clause;
  return {};
}

ShrinkOptions options_for(const Bundle& bundle, unsigned jobs) {
  ShrinkOptions options;
  options.mutant = model::find_mutant(bundle.mutant);
  options.signature = bundle.signature;
  options.jobs = jobs;
  options.budget = 600s;  // of real time: never the limit, or a slow build beside other work comes to less
  return options;
}

class Shrinking : public testing::TestWithParam<Case> {};

TEST_P(Shrinking, KeepsTheFailureAndLittleElse) {
  const Bundle bundle = failing(GetParam());
  const Shrunk shrunk = shrink({bundle.scenario, bundle.seed, {}}, options_for(bundle, 2));
  ASSERT_TRUE(shrunk.reproduced);
  EXPECT_TRUE(shrunk.finished);
  const Size size = size_of(shrunk.smallest.scenario);
  EXPECT_LE(size.faults, 2U);
  EXPECT_LE(size.devices, 2U);
  EXPECT_LE(size.messages, 3U);
  const auto small = bundle_of(shrunk.smallest, model::find_mutant(bundle.mutant), bundle.clause, bundle.signature);
  ASSERT_TRUE(small);
  EXPECT_NE(tests::failure_of(write_bundle(*small)), "");
  Bundle right = *small;
  right.mutant.clear();
  EXPECT_EQ(tests::failure_of(write_bundle(right)), "");
}

INSTANTIATE_TEST_SUITE_P(Mutants, Shrinking,
                         testing::Values(Case{"troubled-disk", "ack-before-durable", "INV-01"},
                                         Case{"locks-run-out", "two-live-locks", "INV-08"},
                                         Case{"wrong-clocks", "ttl-by-wrong-clock", "INV-10"},
                                         Case{"topics", "broker-will-twice", "mqtt311:3.1.2-10"},
                                         Case{"topics", "broker-queues-nothing", "mqtt311:4.5.0-1"}));

// Candidates share processes. One that ends its process, or hangs, takes no other one with it.
TEST(Trials, WhatWaitsBehindAFallIsRun) {
  const Scenario falls = smoke("full-queue");
  Scenario rests = falls;
  rests.services.clear();
  for (const char* name : {"test-null-dereference", "test-endless-loop"}) {
    const model::Mutant* const mutant = model::find_mutant(name);
    ASSERT_NE(mutant, nullptr);
    Trials alone{{mutant, {}, 1, 300ms, {}}};
    alone.outcomes(1, [&](std::size_t) { return Variation{falls, 1, {}}; });
    ASSERT_EQ(alone.others().size(), 1U) << name;
    const std::string signature = alone.others().begin()->first;
    EXPECT_EQ(clause_of(signature), mutant->meant_for);
    for (const unsigned jobs : {1U, 3U}) {
      Trials trials{{mutant, signature, jobs, 300ms, {}}};
      std::vector<bool> expected;
      for (std::size_t at = 0; at < 20; ++at) expected.push_back(at % 7 == 3);
      const auto make = [&](std::size_t at) -> std::optional<Variation> {
        if (at % 5 == 4 && !expected[at]) return std::nullopt;
        return Variation{expected[at] ? falls : rests, 1, {}};
      };
      EXPECT_EQ(trials.outcomes(expected.size(), make), expected) << name;
      const auto first = trials.first(expected.size(), make);
      ASSERT_TRUE(first) << name;
      EXPECT_EQ(first->at, 3U);
    }
  }
}

TEST(Shrink, ComesToTheSameWithOneProcessAndWithThree) {
  const Bundle bundle = failing({"wrong-clocks", "ttl-by-wrong-clock", "INV-10"});
  const Shrunk one = shrink({bundle.scenario, bundle.seed, {}}, options_for(bundle, 1));
  const Shrunk three = shrink({bundle.scenario, bundle.seed, {}}, options_for(bundle, 3));
  EXPECT_EQ(write_scenario(one.smallest.scenario), write_scenario(three.smallest.scenario));
}

TEST(Shrink, GivesTheBestSoFarWhenItIsInterrupted) {
  const Bundle bundle = failing({"troubled-disk", "ack-before-durable", "INV-01"});
  ShrinkOptions options = options_for(bundle, 2);
  int steps = 0;
  options.progress = [&](const Size&, std::uint64_t) { ++steps; };
  options.interrupted = [&] { return steps >= 3; };
  const Shrunk shrunk = shrink({bundle.scenario, bundle.seed, {}}, options);
  EXPECT_TRUE(shrunk.reproduced);
  EXPECT_FALSE(shrunk.finished);
  const auto record = try_run(shrunk.smallest, options.mutant);
  EXPECT_EQ(std::ranges::count(record.failures, bundle.signature, &RunRecord::Failure::signature), 1);
}

// Acknowledging before it is durable loses commands and feedback as well as telemetry. What is shrunk stays
// telemetry that was lost, at each step, and the other failures are kept as they were met.
TEST(Shrink, NeverSlipsToAnotherFailureAndKeepsThoseItMeets) {
  const Bundle bundle = failing({"troubled-disk", "ack-before-durable", "INV-01"});
  const ShrinkOptions options = options_for(bundle, 2);
  const Shrunk shrunk = shrink({bundle.scenario, bundle.seed, {}}, options);
  ASSERT_TRUE(shrunk.reproduced);
  const auto fails_so = [&](const RunRecord& record, const std::string& signature) {
    return std::ranges::count(record.failures, signature, &RunRecord::Failure::signature) == 1;
  };
  EXPECT_TRUE(fails_so(shrunk.record, bundle.signature));
  EXPECT_TRUE(fails_so(try_run(shrunk.smallest, options.mutant), bundle.signature));
  ASSERT_FALSE(shrunk.others.empty());
  for (const auto& [signature, variation] : shrunk.others) {
    EXPECT_NE(signature, bundle.signature);
    EXPECT_TRUE(fails_so(try_run(variation, options.mutant), signature)) << signature;
  }
}

TEST(Shrink, DoesNothingWhenTheFailureDoesNotComeBack) {
  const Bundle bundle = failing({"wrong-clocks", "ttl-by-wrong-clock", "INV-10"});
  ShrinkOptions options = options_for(bundle, 1);
  options.signature = "INV-10: something else";
  EXPECT_FALSE(shrink({bundle.scenario, bundle.seed, {}}, options).reproduced);
}

TEST(TurningPoint, IsTheChoiceThatSavesTheRun) {
  const Bundle bundle = failing({"troubled-disk", "ack-before-durable", "INV-01"});
  Trials trials{{model::find_mutant(bundle.mutant), bundle.signature, 2, 10s, {}}};
  Bundle looked = bundle;
  find_turning_point(looked, trials, {3, 4, 40});
  ASSERT_EQ(looked.odds.size(), 3U);
  for (const Odds& one : looked.odds) EXPECT_EQ(one.of, 4U);
  EXPECT_EQ(looked.odds.back().at.count(), bundle.at);
  if (looked.no_return) {
    Variation other{bundle.scenario, bundle.seed, {{looked.no_return->instead}, {}}};
    const auto record = try_run(other, model::find_mutant(bundle.mutant));
    EXPECT_EQ(std::ranges::count(record.failures, bundle.signature, &RunRecord::Failure::signature), 0);
  }
  // What was found stands in the bundle.
  const ReadBundle again = read_bundle(write_bundle(looked), "b");
  ASSERT_TRUE(again.problems.empty()) << problems_text("b", again.problems);
  EXPECT_EQ(again.bundle.odds.size(), 3U);
  EXPECT_EQ(again.bundle.no_return.has_value(), looked.no_return.has_value());
}

// --- Through the program ---

TEST(ShrinkVerb, WritesABundleAStoryAndATest) {
  const Bundle bundle = failing({"wrong-clocks", "ttl-by-wrong-clock", "INV-10"});
  const fs::path from = tests::scratch_file("failure.json", write_bundle(bundle));
  const fs::path to = tests::scratch("small.json");
  const auto outcome = tests::program({"shrink", from.string(), "--output", to.string(), "--budget", "600s"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("1. t="));
  EXPECT_THAT(outcome.out, HasSubstr("INV-10 fails: "));
  EXPECT_THAT(outcome.out, HasSubstr("With another future from then on it fails:"));
  const auto again = tests::program({"replay", to.string()});
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.out, HasSubstr("all that happened was the same"));
  const std::string test = tests::file_text(to.parent_path() / "small.test.cpp");
  EXPECT_THAT(test, HasSubstr("TEST(Regression, INV_10_wrong_clocks_"));
  EXPECT_THAT(test, HasSubstr("failure_of(R\"json({"));
}

TEST(ShrinkVerb, WritesOtherFailuresBesideAndNamesThem) {
  const Bundle bundle = failing({"troubled-disk", "ack-before-durable", "INV-01"});
  const fs::path from = tests::scratch_file("lost.json", write_bundle(bundle));
  const fs::path to = tests::scratch("lost-small.json");
  const auto outcome = tests::program({"shrink", from.string(), "--output", to.string(), "--budget", "600s"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("another failure met on the way: "));
  const fs::path other = to.parent_path() / "lost-small.other1.json";
  EXPECT_THAT(outcome.out, HasSubstr("bundle: " + other.string()));
  const ReadBundle read = read_bundle(tests::file_text(other), other.string());
  ASSERT_TRUE(read.problems.empty());
  EXPECT_NE(read.bundle.signature, bundle.signature);
  EXPECT_EQ(tests::program({"replay", other.string()}).code, 1);
}

// What takes seconds is interrupted on the way: there is a bundle, and it fails as the first one did. A slow
// build that had nothing yet says so, and gets more time.
TEST(ShrinkVerb, AfterAnInterruptionTheBestSoFarIsWritten) {
  const Bundle bundle = failing({"hub-crash-loop", "torn-record-accepted", "INV-25"});
  const fs::path from = tests::scratch_file("torn.json", write_bundle(bundle));
  const fs::path to = tests::scratch("torn-small.json");
  tests::Surroundings surroundings;
  tests::Outcome outcome{130, {}, {}};
  for (int after = 1000; outcome.code == 130 && after <= 16'000; after *= 2) {
    surroundings.interrupt_after_ms = after;
    outcome = tests::program(
        {"shrink", from.string(), "--output", to.string(), "--budget", "600s", "--jobs", "1"}, surroundings);
    if (outcome.code != 130) break;
    EXPECT_THAT(outcome.err, HasSubstr("interrupted before the failure was seen again"));
    EXPECT_FALSE(fs::exists(to));
  }
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("this is the best until then"));
  const ReadBundle read = read_bundle(tests::file_text(to), to.string());
  ASSERT_TRUE(read.problems.empty());
  EXPECT_EQ(read.bundle.signature, bundle.signature);
  EXPECT_EQ(tests::program({"replay", to.string()}).code, 1);
}

TEST(ShrinkVerb, SaysSoWhenNothingFails) {
  const std::string quiet = (fs::path{tests::source_dir()} / "scenarios/smoke/quiet-fleet.json").string();
  const auto outcome = tests::program({"shrink", quiet, "--seed", "1"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("nothing fails in this run"));
}

TEST(ShrinkVerb, CannotWriteWhereNothingCanBeWritten) {
  const Bundle bundle = failing({"wrong-clocks", "ttl-by-wrong-clock", "INV-10"});
  const fs::path from = tests::scratch_file("failure.json", write_bundle(bundle));
  EXPECT_EQ(tests::program({"shrink", from.string(), "--output", "/proc/none/small.json"}).code, 73);
}

}  // namespace
}  // namespace hubproof::tools
