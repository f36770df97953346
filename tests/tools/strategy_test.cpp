// Search strategies: what they vary, that they repeat, and that they come to the same with any number of
// workers.
#include "tools/search/strategy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <set>

#include "model/mutants/mutant.hpp"
#include "tests/tools/program.hpp"
#include "tools/document.hpp"
#include "tools/find_scenarios.hpp"
#include "tools/risk.hpp"
#include "tools/run.hpp"
#include "tools/search/fault_edits.hpp"
#include "tools/search/guide.hpp"
#include "tools/search/guided.hpp"
#include "tools/search/state_coverage.hpp"
#include "tools/spell_out.hpp"

namespace hubproof::tools {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const Scenario& busy() {
  static const Scenario scenario =
      find_scenarios({(fs::path{tests::source_dir()} / "scenarios/smoke/everything-at-once.json").string()}, "")
          .scenarios.at(0);
  return scenario;
}

std::set<sim::FaultKind> kinds_of(const Scenario& scenario, std::uint64_t seed) {
  std::set<sim::FaultKind> kinds;
  for (const sim::Fault& fault : spell_out_faults(scenario, seed).faults) kinds.insert(fault.kind);
  return kinds;
}

class PureStrategy : public testing::TestWithParam<Strategy> {};

TEST_P(PureStrategy, IsAFunctionOfScenarioAndSeedAndGivesWellFormedScenarios) {
  std::set<std::string> different;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Variation one = vary(GetParam(), busy(), seed);
    const std::string text = write_scenario(one.scenario);
    EXPECT_EQ(text, write_scenario(vary(GetParam(), busy(), seed).scenario));
    const ReadScenario read = read_scenario(write_scenario(spell_out_faults(one.scenario, one.seed)), "x");
    EXPECT_TRUE(read.problems.empty()) << problems_text("x", read.problems);
    different.insert(text);
  }
  EXPECT_EQ(different.size() > 1, GetParam() != Strategy::random);
}

INSTANTIATE_TEST_SUITE_P(All, PureStrategy, testing::Values(Strategy::random, Strategy::swarm, Strategy::pct),
                         [](const auto& one) { return std::string{name(one.param)}; });

TEST(Swarm, LeavesKindsOfFaultsOut) {
  std::map<sim::FaultKind, int> with;
  for (std::uint64_t seed = 0; seed < 40; ++seed)
    for (const sim::FaultKind kind : kinds_of(vary(Strategy::swarm, busy(), seed).scenario, seed)) ++with[kind];
  EXPECT_GT(with.size(), 12U);
  for (const auto& [kind, count] : with) EXPECT_LT(count, 34) << sim::name(kind);
}

// Of all faults but slow links, how many begin within a second of the one before.
double share_of_close_ones(Strategy strategy) {
  double close = 0, all = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Variation varied = vary(strategy, busy(), seed);
    std::vector<sim::Instant> begins;
    for (const sim::Fault& fault : spell_out_faults(varied.scenario, seed).faults)
      if (fault.kind != sim::FaultKind::delay) begins.push_back(fault.from);
    std::ranges::sort(begins);
    for (std::size_t at = 1; at < begins.size(); ++at, ++all)
      if (begins[at] - begins[at - 1] < std::chrono::seconds{1}) ++close;
  }
  return close / all;
}

TEST(Pct, GathersFaultsAroundChangePoints) {
  EXPECT_GT(share_of_close_ones(Strategy::pct), 1.2 * share_of_close_ones(Strategy::random));
}

TEST(Pct, SlowsLinksFromChangePointToChangePoint) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Scenario staged = vary(Strategy::pct, busy(), seed).scenario;
    EXPECT_TRUE(std::ranges::any_of(staged.faults, [](const sim::Fault& fault) {
      return fault.kind == sim::FaultKind::delay && fault.duration.kind == sim::Distribution::Kind::fixed;
    }));
  }
}

TEST(Pct, CutsMostRunsShort) {
  int shorter = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed)
    shorter += vary(Strategy::pct, busy(), seed).scenario.duration <= busy().duration / 4;
  EXPECT_GT(shorter, 25);
  EXPECT_LT(shorter, 40);
}

TEST(EndingAt, ChangesNothingThatHappensBefore) {
  const Scenario whole = spell_out_faults(busy(), 5);
  const Scenario cut = ending_at(whole, std::chrono::seconds{70});
  EXPECT_EQ(cut.duration, std::chrono::seconds{70});
  const auto digest_until = [](const Scenario& scenario, std::chrono::seconds until) {
    RunOptions options;
    options.seed = 5;
    options.until = until;
    return run(scenario, options).digest;
  };
  EXPECT_EQ(digest_until(cut, std::chrono::seconds{69}), digest_until(whole, std::chrono::seconds{69}));
  EXPECT_NE(digest_until(cut, std::chrono::seconds{71}), digest_until(whole, std::chrono::seconds{71}));
  EXPECT_EQ(ending_at(whole, std::chrono::seconds{1}).duration, std::chrono::seconds{20});
  EXPECT_EQ(ending_at(whole, std::chrono::hours{1}).duration, whole.duration);
}

TEST(EndingAt, SendsNothingOnceAllIsHealed) {
  Scenario late = busy();
  late.devices[0].telemetry.until = late.duration;
  late.devices[1].telemetry.from = std::chrono::minutes{2};
  late.services[0].commands[0].until = late.duration;
  late.services[0].commands.push_back(late.services[0].commands[0]);
  late.services[0].commands[1].from = std::chrono::minutes{2};
  const Scenario cut = ending_at(late, std::chrono::seconds{70});
  EXPECT_EQ(cut.devices[0].telemetry.until, cut.duration);
  EXPECT_FALSE(cut.devices[1].telemetry.every);
  ASSERT_EQ(cut.services[0].commands.size(), 1U);
  EXPECT_EQ(cut.services[0].commands[0].until, cut.duration);
}

TEST(ActBeside, AddsWorkForTheDeviceThatTheMomentConcerns) {
  Scenario scenario = spell_out_faults(busy(), 5);
  const std::vector<std::string> ids = ids_of_nodes(scenario);
  ASSERT_EQ(ids.at(0), "");
  ASSERT_EQ(ids.at(2), "d0");
  const Moment moment{60'000'000'000, 2};
  Dice dice{1};
  for (int i = 0; i < 60; ++i) act_beside(moment, ids, scenario, dice);
  std::set<RegistryWork> works;
  int close = 0;
  for (const RegistryEvent& event : scenario.services.at(0).registry.at) {
    EXPECT_EQ(event.device, "d0");
    works.insert(event.what);
    close += std::chrono::abs(event.at - sim::Duration{moment.at}) < std::chrono::seconds{4};
  }
  EXPECT_EQ(works.size(), 3U);
  EXPECT_GT(close, 5);
  const auto& commands = scenario.services.at(0).commands;
  ASSERT_GT(commands.size(), busy().services.at(0).commands.size() + 10);
  EXPECT_EQ(commands.back().to, "d0");
  const ReadScenario read = read_scenario(write_scenario(scenario), "x");
  EXPECT_TRUE(read.problems.empty()) << problems_text("x", read.problems);
}

TEST(ActBeside, DoesNothingWhereNobodyCouldAct) {
  Scenario scenario = busy();
  scenario.services.clear();
  const std::string before = write_scenario(scenario);
  Dice dice{1};
  act_beside({60'000'000'000, 2}, ids_of_nodes(scenario), scenario, dice);
  EXPECT_EQ(write_scenario(scenario), before);
}

TEST(StateCoverage, TellsWhenEachFeatureWasReachedFirst) {
  std::optional<StateCoverage> coverage;
  RunOptions options;
  options.seed = 3;
  options.on_header = [&](const model::History& header) { coverage.emplace(header); };
  options.on_event = [&](const model::History&, const model::Event& event) { coverage->saw(event); };
  run(busy(), options);
  const std::vector<Moment> firsts = coverage->firsts();
  ASSERT_EQ(firsts.size(), coverage->reached().size());
  std::set<std::int64_t> times;
  for (const Moment& first : firsts) times.insert(first.at);
  EXPECT_GT(times.size(), firsts.size() / 20);
  for (const Moment& moment : coverage->moments()) EXPECT_LT(moment.at, busy().duration.count() + 1);
}

TEST(StateCoverage, ReachesMoreWithFaultsAndTheSameEachTime) {
  const auto reached = [](const Scenario& scenario) {
    std::optional<StateCoverage> coverage;
    RunOptions options;
    options.seed = 3;
    options.on_header = [&](const model::History& header) { coverage.emplace(header); };
    options.on_event = [&](const model::History&, const model::Event& event) { coverage->saw(event); };
    run(scenario, options);
    return coverage->reached();
  };
  const auto with = reached(busy());
  EXPECT_EQ(with, reached(busy()));
  EXPECT_TRUE(std::ranges::is_sorted(with));
  Scenario quiet = busy();
  quiet.nemeses.clear();
  EXPECT_GT(with.size(), reached(quiet).size() * 2);
}

TEST(StateCoverage, KeepsMomentsOfWhatIsRareAsWellAsOfWhatIsCommon) {
  std::optional<StateCoverage> coverage;
  std::vector<std::int64_t> purges;
  std::uint64_t events = 0;
  RunOptions options;
  options.seed = 3;
  options.on_header = [&](const model::History& header) { coverage.emplace(header); };
  options.on_event = [&](const model::History&, const model::Event& event) {
    coverage->saw(event);
    ++events;
    if (event.what == model::What::purge && event.phase == model::Phase::ok) purges.push_back(event.at);
  };
  run(busy(), options);
  ASSERT_FALSE(purges.empty());
  EXPECT_LT(purges.size(), 20U);
  const std::vector<Moment> moments = coverage->moments();
  EXPECT_LT(moments.size(), events / 10);
  EXPECT_TRUE(std::ranges::any_of(moments, [&](const Moment& one) { return std::ranges::count(purges, one.at) > 0; }));
}

TEST(Guide, KeepsWhatIsNewAndOnlyThat) {
  const std::vector<Moment> moments{{60'000'000'000, 0}, {90'000'000'000, 3}};
  Guide guide{busy(), 1};
  const Variation first = guide.propose();
  guide.learn(first, {{1, 2, 3}, {}, 100});
  guide.learn(guide.propose(), {{1, 2, 3}, {}, 100});
  EXPECT_EQ(guide.kept(), 1U);
  guide.learn(guide.propose(), {{2, 9}, moments, 100});
  EXPECT_EQ(guide.kept(), 2U);
  EXPECT_EQ(guide.reached(), 4U);
  for (int i = 0; i < 200; ++i) {
    const Variation one = guide.propose();
    const ReadScenario read = read_scenario(write_scenario(one.scenario), "x");
    ASSERT_TRUE(read.problems.empty()) << problems_text("x", read.problems);
    guide.learn(one, {{static_cast<std::uint32_t>(10 + i)}, moments, 100});
  }
}

TEST(Guides, TakeTheScenarioMoreOftenThatFindsMore) {
  const std::vector<Scenario> two{busy(), busy()};
  Guides guides{two, 1};
  std::array<int, 2> turns{};
  for (std::uint32_t run = 0; run < 200; ++run) {
    const std::size_t which = guides.next();
    ++turns[which];
    Lesson lesson{{}, {}, 10'000};
    for (std::uint32_t i = 0; which == 1 && i < 300; ++i) lesson.reached.push_back(300 * run + i);
    guides.learn(which, guides.propose(which), lesson);
  }
  EXPECT_GT(turns[1], 2 * turns[0]);
  EXPECT_GT(turns[0], 5);
}

TEST(Guided, ComesToTheSameWithOneWorkerAndWithThree) {
  const std::vector<Scenario> scenarios{busy()};
  const auto search = [&](unsigned jobs) {
    WorkerPlan plan;
    plan.scenarios = &scenarios;
    plan.mutant = model::find_mutant("stuck-after-heal");
    CampaignOptions options;
    options.last_seed = 39;
    options.jobs = jobs;
    return guided_campaign(plan, options);
  };
  const GuidedResult one = search(1);
  const GuidedResult three = search(3);
  EXPECT_EQ(one.campaign.scenarios[0].digest, three.campaign.scenarios[0].digest);
  EXPECT_EQ(one.campaign.scenarios[0].runs, 40U);
  EXPECT_EQ(one.reached, three.reached);
  EXPECT_EQ(one.failing.size(), three.failing.size());
  EXPECT_GT(one.kept, 5U);
}

TEST(Risk, IsTheRuleOfThreeWithoutAFailure) {
  CampaignResult result;
  result.scenarios.push_back(result_for(busy()));
  result.scenarios[0].runs = 3000;
  EXPECT_EQ(risk_of(result).at_most_per_million, 999U);
  result.scenarios[0].failing_runs = 1;
  EXPECT_EQ(risk_of(result).at_most_per_million, 1582U);
  result.scenarios[0].failing_runs = 400;
  EXPECT_GT(risk_of(result).at_most_per_million, 400'000'000U / 3000);
  EXPECT_LT(risk_of(result).at_most_per_million, 150'000U);
  EXPECT_EQ(risk_of(result).never_exercised.size(), all_checks().size());
  EXPECT_EQ(risk_of(result).faults_never_seen.size(), sim::fault_names.size());
}

// --- Through the program ---

TEST(Strategies, OfTheProgramGiveBundlesThatReplay) {
  const std::string smoke = (fs::path{tests::source_dir()} / "scenarios/smoke/locks-run-out.json").string();
  for (const char* strategy : {"swarm", "pct", "guided"}) {
    tests::Surroundings surroundings;
    surroundings.folder = tests::scratch(strategy);
    fs::create_directories(surroundings.folder);
    const auto outcome = tests::program({"run", smoke, "--strategy", strategy, "--seeds", "12", "--mutant",
                                         "two-live-locks", "--format", "json"}, surroundings);
    EXPECT_EQ(outcome.code, 1) << strategy << outcome.err;
    const Document document = parse(outcome.out).document;
    const std::vector<Document>& findings = document.find("findings")->items;
    ASSERT_FALSE(findings.empty());
    for (const Document& finding : findings) {
      const auto again = tests::program({"replay", (surroundings.folder / finding.find("bundle")->text).string(),
                                         "--format", "json"});
      EXPECT_EQ(parse(again.out).document.find("bundle")->find("outcome")->text, "same run") << strategy;
    }
  }
}

TEST(Strategies, WrongOnesAreRefused) {
  const auto unknown = tests::program({"run", "--strategy", "psychic"});
  EXPECT_EQ(unknown.code, 64);
  EXPECT_THAT(unknown.err, HasSubstr("there is no strategy \"psychic\""));
  EXPECT_EQ(tests::program({"run", "--strategy", "guided", "--verify"}).code, 64);
}

}  // namespace
}  // namespace hubproof::tools
