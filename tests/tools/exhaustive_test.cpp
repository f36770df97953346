// Walking all orders: counts against a count by hand, pruning against none, wrong hubs against
// right ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "conformance/check.hpp"
#include "model/mutants/mutant.hpp"
#include "tests/support/paths.hpp"
#include "tests/tools/program.hpp"
#include "tools/exhaustive/explore.hpp"
#include "tools/exhaustive/render.hpp"
#include "tools/find_scenarios.hpp"

namespace hubproof::tools {
namespace {

using conformance::Verdict;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

Scenario read(const std::string& json) {
  ReadScenario read = read_scenario(json, "tiny.json");
  EXPECT_TRUE(read.problems.empty()) << problems_text("tiny.json", read.problems);
  return std::move(read.scenario);
}

Scenario file(const std::string& name, std::uint32_t faults) {
  std::string text, wrong;
  const std::string path = tests::source_dir() + ("/scenarios/exhaustive/" + name + ".json");
  EXPECT_TRUE(read_file(path, 1 << 20, text, wrong)) << wrong;
  ReadScenario read = read_scenario(text, path);
  EXPECT_TRUE(read.problems.empty()) << problems_text(path, read.problems);
  read.scenario.exhaustive->faults = faults;
  return std::move(read.scenario);
}

// A hub, a reader, and a device with two messages; the connection may be lost or the hub crash.
Scenario two_messages() {
  return read(R"({
    "duration": "20s", "settle": "60s", "hub": {"partitions": 1},
    "devices": [{"name": "d0", "keep_alive": "0s", "telemetry": {"every": "1s", "burst": 2}}],
    "services": [{"reads_feedback": false, "read_wait": "1h", "back_off_first": "3s"}],
    "exhaustive": {"faults": 1, "connection_loss": "d0"}
  })");
}

// One command, with all that is told of it.
Scenario one_command() {
  return read(R"({
    "duration": "150s", "settle": "60s", "hub": {"partitions": 1},
    "devices": [{"name": "d0", "keep_alive": "0s", "receives_commands": true}],
    "services": [{"reads_telemetry": false, "feedback_wait": "1h", "back_off_first": "3s",
                  "commands": [{"every": "1s", "to": "d0"}]}],
    "exhaustive": {"faults": 1, "connection_loss": "d0", "crash": ["hub", "d0"]}
  })");
}

ExhaustiveResult explored(const Scenario& scenario, const char* mutant = nullptr,
                          bool prune = true) {
  ExhaustiveOptions options;
  if (mutant != nullptr) options.mutant = model::find_mutant(mutant);
  options.prune = prune;
  return explore(scenario, options);
}

std::set<std::string> failing(const ExhaustiveResult& result) {
  std::set<std::string> ids;
  for (const ExhaustiveFailure& failure : result.failures)
    ids.emplace(conformance::checks()[failure.check]->id);
  return ids;
}

// Which verdicts each clause came to at all.
std::vector<std::string> verdicts(const ExhaustiveResult& result) {
  std::vector<std::string> all;
  for (std::size_t check = 0; check < result.clauses.size(); ++check) {
    const ExhaustiveResult::Counts& counts = result.clauses[check];
    all.push_back(std::string{conformance::checks()[check]->id} + (counts.pass > 0 ? " pass" : "") +
                  (counts.not_exercised > 0 ? " not exercised" : "") +
                  (counts.inconclusive > 0 ? " inconclusive" : "") +
                  (counts.fail > 0 ? " fail" : ""));
  }
  return all;
}

// Two devices send (s) one message each at QoS 0; the hub receives (r) each and syncs (y) after the
// first and after the second. Of the six orders of sA rA sB rB, in the two in which one device is
// done before the other begins the first y has three places, in the other four it has two: 2 * 3 +
// 4 * 2 = 14. The hub sees rA rB y y or rA y rB y, or the same with A and B exchanged: 4 histories.
// States: the hub has seen nothing: 4 (who has sent); rA, rB, rA y, rB y: 2 each (has the other
// sent); rA rB, rA rB y, rA y rB and their mirrors: 6; the end of each history, and the same once
// faults are over: 8; in all 26.
TEST(Exhaustive, CountsOfTwoIndependentMessagesAreThoseCountedByHand) {
  const ExhaustiveResult result = explored(read(R"({
    "duration": "30s", "settle": "10s",
    "devices": [{"name": "d{}", "count": 2, "keep_alive": "0s", "telemetry_qos": 0,
                 "telemetry": {"every": "1s"}}],
    "exhaustive": {"faults": 0}
  })"));
  EXPECT_EQ(result.paths, 14u);
  EXPECT_EQ(result.histories, 4u);
  EXPECT_EQ(result.states, 26u);
  EXPECT_EQ(result.deepest, 8u);  // two sent, two received, two syncs, faults are over, the end
  EXPECT_THAT(result.cut, IsEmpty());
  EXPECT_THAT(failing(result), IsEmpty());
}

TEST(Exhaustive, TwoWalksSayTheSame) {
  const Scenario scenario = one_command();
  const ExhaustiveResult first = explored(scenario, "ack-before-durable");
  const ExhaustiveResult second = explored(scenario, "ack-before-durable");
  EXPECT_EQ(exhaustive_statement(scenario, first), exhaustive_statement(scenario, second));
  EXPECT_EQ(render_exhaustive_json({{&scenario, first, 0}}),
            render_exhaustive_json({{&scenario, second, 0}}));
  EXPECT_FALSE(first.failures.empty());
}

class PrunedAndNot : public testing::TestWithParam<const char*> {};

TEST_P(PrunedAndNot, FindTheSameInAsManyPaths) {
  for (const Scenario& scenario : {two_messages(), one_command()}) {
    const ExhaustiveResult pruned = explored(scenario, GetParam());
    const ExhaustiveResult whole = explored(scenario, GetParam(), false);
    EXPECT_EQ(whole.histories, pruned.paths);  // each path is walked and judged
    EXPECT_LT(pruned.histories, whole.histories / 4);
    EXPECT_EQ(failing(whole), failing(pruned));
    EXPECT_EQ(verdicts(whole), verdicts(pruned));
    ASSERT_EQ(whole.failures.size(), pruned.failures.size());
    for (std::size_t i = 0; i < whole.failures.size(); ++i) {
      EXPECT_EQ(whole.failures[i].check, pruned.failures[i].check);
      EXPECT_EQ(whole.failures[i].faults, pruned.failures[i].faults);
      // What a crash forgets may have taken a step more on the path that was walked first.
      EXPECT_LE(whole.failures[i].path.size(), pruned.failures[i].path.size());
      EXPECT_GE(whole.failures[i].path.size() + 2, pruned.failures[i].path.size());
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Of, PrunedAndNot,
                         testing::Values(nullptr, "ack-before-durable", "resend-without-dup",
                                         "sent-means-acknowledged", "stuck-after-recovery"),
                         [](const auto& it) {
                           std::string name = it.param == nullptr ? "TheRightOne" : it.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(Exhaustive, TheRightHubAndDeviceBreakNothingWithOneFault) {
  for (const char* name : {"c2d-life-cycle", "http-requests", "mqtt-session"}) {
    const Scenario scenario = file(name, 1);
    EXPECT_EQ(unfit_for_exhaustion(scenario), "");
    const ExhaustiveResult result = explored(scenario);
    EXPECT_EQ(result.verdict(), Verdict::pass) << exhaustive_statement(scenario, result);
    EXPECT_THAT(failing(result), IsEmpty());
    EXPECT_THAT(result.cut, IsEmpty());
    EXPECT_THAT(exhaustive_statement(scenario, result), StartsWith("exhausted: all orders"));
  }
}

struct Caught {
  const char* mutant;
  const char* scenario;
  const char* clause;
};

class Finds : public testing::TestWithParam<Caught> {};

TEST_P(Finds, AWrongHubOrDeviceWithoutASeed) {
  const Caught& caught = GetParam();
  const Scenario scenario = file(caught.scenario, 1);
  ExhaustiveOptions options;
  options.mutant = model::find_mutant(caught.mutant);
  ASSERT_NE(options.mutant, nullptr);
  options.most_states = 5'000;
  options.stop_at_first = true;
  EXPECT_THAT(failing(explore(scenario, options)), testing::Contains(caught.clause));
}
INSTANTIATE_TEST_SUITE_P(
    Mutant, Finds,
    testing::Values(Caught{"ack-before-durable", "mqtt-session", "INV-01"},
                    Caught{"duplicate-forgotten-on-takeover", "mqtt-session", "INV-01"},
                    Caught{"reordered-after-reconnect", "mqtt-session", "INV-01"},
                    Caught{"sequence-numbers-reused", "mqtt-session", "INV-01"},
                    Caught{"older-connection-kept", "mqtt-session", "INV-16"},
                    Caught{"will-missing", "mqtt-session", "INV-17"},
                    Caught{"will-twice", "mqtt-session", "INV-17"},
                    Caught{"resend-without-dup", "mqtt-session", "mqtt311:3.3.1-1"},
                    Caught{"resend-out-of-order", "mqtt-session", "mqtt311:4.6.0-1"},
                    Caught{"never-resends", "mqtt-session", "INV-24"},
                    Caught{"gives-up-connecting", "mqtt-session", "INV-24"},
                    Caught{"sent-means-acknowledged", "mqtt-session", "INV-01"},
                    Caught{"packet-id-in-use", "mqtt-session", "mqtt311:2.3.1-2"},
                    Caught{"count-rule-of-other-profile", "c2d-life-cycle", "INV-13"},
                    Caught{"stuck-after-recovery", "c2d-life-cycle", "INV-23"},
                    Caught{"stuck-after-heal", "c2d-life-cycle", "INV-23"},
                    Caught{"c2d-before-subscribe", "c2d-life-cycle", "INV-18"},
                    Caught{"feedback-doubled", "c2d-life-cycle", "INV-14"},
                    Caught{"feedback-late", "c2d-life-cycle", "INV-15"},
                    Caught{"acknowledges-out-of-order", "c2d-life-cycle", "mqtt311:4.6.0-2"},
                    Caught{"http-answers-before-durable", "http-requests", "INV-01"},
                    Caught{"never-resends", "http-requests", "INV-24"}),
    [](const auto& it) {
      std::string name = std::string{it.param.mutant} + "_in_" + it.param.scenario;
      std::ranges::replace(name, '-', '_');
      return name;
    });

TEST(Exhaustive, AFailingPathFailsAgainInTheSameWay) {
  const Scenario scenario = two_messages();
  const ExhaustiveResult result = explored(scenario, "sent-means-acknowledged");
  ASSERT_FALSE(result.failures.empty());
  for (const ExhaustiveFailure& failure : result.failures) {
    const WalkedPath again =
        walk(scenario, model::find_mutant("sent-means-acknowledged"), failure.path);
    EXPECT_TRUE(again.fits);
    const conformance::Finding& finding = again.report.checks[failure.check].finding;
    EXPECT_EQ(finding.verdict, Verdict::fail);
    EXPECT_EQ(finding.text, failure.finding.text);
    EXPECT_EQ(finding.event, failure.finding.event);
    EXPECT_EQ(again.story, failure.story);
    EXPECT_EQ(again.story.size(), failure.path.size());
    EXPECT_EQ(again.history.events.back().what, model::What::finished);
    // And the right device, on the path's first steps, does what it promises.
    const WalkedPath right = walk(scenario, nullptr, failure.path);
    EXPECT_NE(right.report.checks[failure.check].finding.verdict, Verdict::fail);
  }
}

TEST(Exhaustive, TheShortestFailureHasTheFewestFaults) {
  Scenario scenario = two_messages();
  scenario.exhaustive->faults = 2;
  const ExhaustiveResult result = explored(scenario, "never-resends");
  ASSERT_FALSE(result.failures.empty());
  EXPECT_EQ(result.failures.front().faults, 1u);
}

TEST(Exhaustive, APathThatChoosesWhatIsNotThereDoesNotFit) {
  EXPECT_FALSE(walk(two_messages(), nullptr, {200}).fits);
}

TEST(Exhaustive, ALimitIsToldAndNothingIsCalledExhausted) {
  const Scenario scenario = file("c2d-life-cycle", 2);
  ExhaustiveOptions options;
  options.most_states = 1'000;
  const ExhaustiveResult result = explore(scenario, options);
  EXPECT_THAT(result.cut, testing::ElementsAre("the limit of 1000 states"));
  EXPECT_THAT(exhaustive_statement(scenario, result), StartsWith("NOT exhausted: "));
  EXPECT_THAT(exhaustive_statement(scenario, result),
              HasSubstr("cut off: the limit of 1000 states"));
}

TEST(Exhaustive, WhoAsksForTheEndGetsItAndIsTold) {
  ExhaustiveOptions options;
  options.go_on = [](const ExhaustiveProgress& progress) { return progress.states < 8'192; };
  const ExhaustiveResult result = explore(file("c2d-life-cycle", 2), options);
  EXPECT_THAT(result.cut, testing::ElementsAre("it was told to end"));
}

// A sync that is not done for longer than the hub's patience: the hub gives up, starts again, and
// the device sends again what was not acknowledged.
TEST(Exhaustive, TimeThatPassesWhileASyncIsUnderWayBreaksNothing) {
  Scenario scenario = two_messages();
  scenario.duration = std::chrono::seconds{120};
  scenario.exhaustive->connection_loss.clear();
  scenario.exhaustive->late = true;
  const ExhaustiveResult result = explored(scenario);
  EXPECT_EQ(result.verdict(), Verdict::pass) << exhaustive_statement(scenario, result);
  EXPECT_GT(result.histories, explored([&] {
                                Scenario none = scenario;
                                none.exhaustive->faults = 0;
                                return none;
                              }())
                                  .histories);
}

TEST(Exhaustive, WhatWouldNotBePlayedIsRefused) {
  Scenario scenario = two_messages();
  EXPECT_EQ(unfit_for_exhaustion(scenario), "");
  scenario.exhaustive->begin = scenario.duration;
  EXPECT_THAT(unfit_for_exhaustion(scenario), HasSubstr("would begin when its duration is over"));
  scenario = two_messages();
  scenario.devices[0].sleep.emplace();
  EXPECT_THAT(unfit_for_exhaustion(scenario), HasSubstr("sleep"));
  scenario.rules.hub.quota.per_day = 1;
  EXPECT_THAT(unfit_for_exhaustion(scenario), HasSubstr("limits of the hub"));
  scenario.rules.hub.quota = {};
  scenario = two_messages();
  scenario.devices[0].count = 9;
  scenario.devices[0].name = "d{}";
  EXPECT_THAT(unfit_for_exhaustion(scenario), HasSubstr("11 participants"));
  scenario = two_messages();
  scenario.devices[0].telemetry.burst = 100;
  EXPECT_THAT(unfit_for_exhaustion(scenario), HasSubstr("messages of one device"));
  scenario = two_messages();
  scenario.faults.emplace_back();
  EXPECT_THAT(unfit_for_exhaustion(scenario), HasSubstr("faults at known or drawn times"));
  scenario.exhaustive.reset();
  EXPECT_THAT(unfit_for_exhaustion(scenario), HasSubstr("no key \"exhaustive\""));
}

TEST(Exhaustive, TheStatementNamesWorkFaultsAndCounts) {
  const Scenario scenario = one_command();
  const std::string statement = exhaustive_statement(scenario, explored(scenario));
  EXPECT_THAT(
      statement,
      StartsWith(
          "exhausted: all orders of the steps of 1 command among 3 participants, with "
          "at most 1 of the faults: loss of d0's connection, crash of hub or crash of d0: "));
  EXPECT_THAT(statement, testing::EndsWith("cut off: nothing."));
}

TEST(ExhaustiveVerb, AFailureIsTheShortestStoryAndExitsWithOne) {
  const std::string scenario = tests::source_dir() + "/scenarios/exhaustive/mqtt-session.json";
  const tests::Outcome outcome = tests::program(
      {"run", "--strategy", "exhaustive", "--first", "--mutant", "resend-without-dup", scenario});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("FAIL  mqtt311:3.3.1-1 [MUST]"));
  EXPECT_THAT(outcome.out, HasSubstr("d0 receives CONNACK on d0's connection 2"));
  EXPECT_THAT(outcome.out,
              HasSubstr("reproduce: hubproof run " + scenario + " --strategy exhaustive"));
  EXPECT_THAT(outcome.out, HasSubstr("NOT exhausted"));
}

TEST(ExhaustiveVerb, WhatIsCutOffByTheBudgetIsNotCalledExhaustedAndExitsWithTwo) {
  const tests::Outcome outcome =
      tests::program({"run", "--strategy", "exhaustive", "--budget", "1ms", "--format", "json",
                      tests::source_dir() + "/scenarios/exhaustive/c2d-life-cycle.json"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.out, HasSubstr("\"exhausted\": false"));
  EXPECT_THAT(outcome.out, HasSubstr("it was told to end"));
}

TEST(ExhaustiveVerb, WhatItCannotDoIsRefused) {
  const std::string good = tests::source_dir() + "/scenarios/exhaustive/c2d-life-cycle.json";
  const std::string other = tests::source_dir() + "/scenarios/smoke/quiet-fleet.json";
  const auto code = [](std::vector<std::string> more) {
    more.insert(more.begin(), {"run", "--strategy", "exhaustive"});
    return tests::program(more).code;
  };
  EXPECT_EQ(code({}), 64);
  EXPECT_EQ(code({good, "--seeds", "3"}), 64);
  EXPECT_EQ(code({good, "--verify"}), 64);
  EXPECT_EQ(code({good, "--format", "junit"}), 64);
  EXPECT_EQ(code({other}), 65);
}

}  // namespace
}  // namespace hubproof::tools
