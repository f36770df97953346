// Failures that can be held: signatures, spelled-out scenarios, bundles and their replay.
#include "tools/bundle.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "model/mutants/mutant.hpp"
#include "tests/tools/program.hpp"
#include "tools/campaign.hpp"
#include "tools/document.hpp"
#include "tools/find_scenarios.hpp"
#include "tools/run.hpp"
#include "tools/save_bundles.hpp"
#include "tools/signature.hpp"
#include "tools/spell_out.hpp"

namespace hubproof::tools {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;
using tests::program;

Scenario named(const std::string& name) {
  FoundScenarios found = find_scenarios({(fs::path{tests::source_dir()} / "scenarios/smoke" / (name + ".json")).string()}, "");
  EXPECT_EQ(found.wrong, "");
  return found.scenarios.at(0);
}

Scenario read(const std::string& json) {
  ReadScenario read = read_scenario(json, "test.json");
  EXPECT_TRUE(read.problems.empty()) << problems_text("test.json", read.problems);
  return read.scenario;
}

const Scenario& small() {
  static const Scenario scenario = read(R"({
    "duration": "60s", "settle": "30s", "services": [{}],
    "devices": [{"name": "d{}", "count": 3, "receives_commands": true, "telemetry": {"every": {"uniform": ["1s", "3s"]}}},
                {"name": "sleeper", "telemetry": {"every": "5s"}}],
    "nemeses": [{"menu": [
      {"drop": 0.5, "nodes": "d{}", "gap": {"uniform": ["1s", "9s"]}, "length": {"uniform": ["1s", "5s"]}},
      {"step": "30s", "nodes": "*", "gap": {"uniform": ["5s", "20s"]}},
      {"process_crash": "hub", "gap": {"uniform": ["9s", "20s"]}, "length": {"uniform": ["0s", "3s"]}},
      {"reset": "*", "at_once": 2, "gap": {"uniform": ["3s", "20s"]}}]}]
  })");
  return scenario;
}

TEST(Signature, HasNoNamesAndNoFigures) {
  EXPECT_EQ(signature_of("INV-01", 0, "t3-69 of d1 was acknowledged at 98.892s and never read; so were 11 more",
                         small()),
            "INV-01 hub: # of a device was acknowledged at # and never read");
  EXPECT_EQ(signature_of("INV-19", 2, "the connection of sleeper was closed as silent after 61s; its keep-alive is 60 s",
                         small()),
            "INV-19 device: the connection of a device was closed as silent after #; its keep-alive is # s");
  EXPECT_EQ(signature_of("X-1", conformance::no_witness, "s0 and hub: c1-2.", small()),
            "X-1: a service and the hub: #.");
  EXPECT_EQ(signature_of("X-1", conformance::no_witness, "by the hub's own clock", small()),
            "X-1: by the hub's own clock");
}

TEST(Signature, KeepsTheFactsThatMakeTwoFailuresTwo) {
  EXPECT_NE(signature_of("INV-09", 0, "c1-2 was delivered after it had been completed", small()),
            signature_of("INV-09", 0, "c1-2 was delivered after it had been purged", small()));
}

TEST(SpellOut, LeavesNothingToTheNemesisAndTheRunAsItWas) {
  for (const Scenario& scenario : {small(), named("everything-at-once")}) {
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      const Scenario spelled = spell_out_faults(scenario, seed);
      EXPECT_TRUE(spelled.nemeses.empty());
      // As a file, too: what is written is read as the same run.
      const Scenario again = read(write_scenario(spelled));
      RunOptions options;
      options.seed = seed;
      const RunResult drawn = run(scenario, options);
      EXPECT_EQ(drawn.digest, run(spelled, options).digest) << scenario.name << " " << seed;
      EXPECT_EQ(drawn.digest, run(again, options).digest) << scenario.name << " " << seed;
    }
  }
}

TEST(Loads, ThatAreToldHappenAtTheirTimes) {
  const Scenario scenario = read(R"({
    "duration": "60s", "settle": "10s",
    "services": [{"commands": [{"at": ["7s", "11s"], "to": "d1"}],
                  "registry": {"events": [{"disable": "d0", "at": "20s", "for": "5s"}, {"purge": "d1", "at": "21s"}]}}],
    "devices": [{"name": "d{}", "count": 2, "telemetry": {"at": ["9s", "3s", "59s"]}}],
    "faults": [{"process_crash": "d0", "from": "8s", "until": "10s"}]
  })");
  std::map<std::string, std::vector<std::int64_t>> seen;
  RunOptions options;
  options.on_event = [&](const model::History& header, const model::Event& event) {
    const bool begun = event.phase == model::Phase::invoke;
    const std::string who = event.observer == model::NodeIndex::none
                                ? ""
                                : header.participants[static_cast<std::size_t>(event.observer)].name;
    const auto second = event.at / 1'000'000'000;
    if (begun && event.what == model::What::telemetry) seen["telemetry " + who].push_back(second);
    if (begun && event.what == model::What::command) seen["command"].push_back(second);
    if (begun && event.what == model::What::purge) seen["purge"].push_back(second);
    if (begun && event.what == model::What::disable_device) seen["disable"].push_back(second);
    if (begun && event.what == model::What::enable_device && event.at < 60'000'000'000)
      seen["enable"].push_back(second);
  };
  run(scenario, options);
  using Times = std::vector<std::int64_t>;
  EXPECT_EQ(seen["telemetry d0"], (Times{3, 59}));  // it was down at 9 s
  EXPECT_EQ(seen["telemetry d1"], (Times{3, 9, 59}));
  EXPECT_EQ(seen["command"], (Times{7, 11}));
  EXPECT_EQ(seen["disable"], (Times{20}));
  EXPECT_EQ(seen["enable"], (Times{25}));
  EXPECT_EQ(seen["purge"], (Times{21}));
}

TEST(Steering, AGivenChoiceAndALaterFutureChangeTheRun) {
  const Scenario& scenario = small();
  const auto run_with = [&](const Steering& steering) {
    RunOptions options;
    options.seed = 3;
    options.steering = steering;
    options.keep_choices = true;
    return run(scenario, options);
  };
  const RunResult usual = run_with({});
  ASSERT_GT(usual.choices.size(), 100U);
  const RunResult given = run_with({{{*find_site("telemetry_every"), "d1", 2, 0}}, {}});
  EXPECT_NE(given.digest, usual.digest);
  const RunResult nobody = run_with({{{*find_site("telemetry_every"), "stranger", 2, 0}}, {}});
  EXPECT_EQ(nobody.digest, usual.digest);

  const RunResult reseeded = run_with({{}, {{30s, std::nullopt, 7}}});
  EXPECT_NE(reseeded.digest, usual.digest);
  bool differs = false;
  for (std::size_t at = 0; at < std::min(usual.choices.size(), reseeded.choices.size()); ++at) {
    const sim::Choice& one = usual.choices[at];
    const sim::Choice& other = reseeded.choices[at];
    if (one.at < sim::Instant{} + 30s)
      ASSERT_TRUE(one.value == other.value && one.at == other.at) << "what was drawn before stays";
    else
      differs = differs || one.value != other.value;
  }
  EXPECT_TRUE(differs);
}

TEST(Steering, EverySiteHasANameThatFindsIt) {
  const auto names = site_names();
  EXPECT_EQ(names.size(), 20U + 14U + 11U);
  for (const std::string_view name : names) EXPECT_EQ(site_name(*find_site(name)), name);
  EXPECT_FALSE(find_site("latenzy"));
  EXPECT_FALSE(find_site(""));
}

Bundle some_bundle() {
  Bundle bundle;
  bundle.version = "0.0.1";
  bundle.clause = "INV-01";
  bundle.sentence = "Every one is read.";
  bundle.signature = "INV-01: # is lost";
  bundle.what = "t1-1 is lost";
  bundle.at = 98'892'939'424;
  bundle.event = 5970;
  bundle.seed = ~std::uint64_t{0};
  bundle.mutant = "ack-before-durable";
  bundle.digest = 0xab;
  bundle.steering.given = {{sim::Site::latency, "d1", 4, 17}};
  bundle.steering.reseeds = {{3s, sim::Site::drop, 9}, {0s, std::nullopt, 1}};
  bundle.story = {"1. d1 connects", "2. it is lost"};
  bundle.scenario = spell_out_faults(small(), 5);
  return bundle;
}

TEST(Bundle, IsReadAsItWasWritten) {
  const Bundle bundle = some_bundle();
  const std::string text = write_bundle(bundle);
  EXPECT_TRUE(is_bundle(text));
  const ReadBundle again = read_bundle(text, "b.json");
  ASSERT_TRUE(again.problems.empty()) << problems_text("b.json", again.problems);
  EXPECT_EQ(write_bundle(again.bundle), text);
  EXPECT_EQ(again.bundle.seed, bundle.seed);
  EXPECT_EQ(again.bundle.digest, bundle.digest);
  EXPECT_EQ(again.bundle.at, bundle.at);
  EXPECT_EQ(again.bundle.event, bundle.event);
  EXPECT_EQ(again.bundle.mutant, bundle.mutant);
  EXPECT_EQ(again.bundle.story, bundle.story);
  EXPECT_EQ(again.bundle.steering, bundle.steering);
  EXPECT_EQ(again.bundle.scenario.faults.size(), bundle.scenario.faults.size());
  EXPECT_FALSE(is_bundle(write_scenario(small())));
}

TEST(Bundle, SaysWhatIsWrongWithItAndWhere) {
  const std::string good = write_bundle(some_bundle());
  const auto problems = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return problems_text("b.json", read_bundle(text, "b.json").problems);
  };
  EXPECT_THAT(problems("\"latency\"", "\"latenzy\""), HasSubstr("/choices/given/0/site"));
  EXPECT_THAT(problems("\"latency\"", "\"latenzy\""), HasSubstr("did you mean \"latency\""));
  EXPECT_THAT(problems("\"bundle\": 1", "\"bundle\": 2"), HasSubstr("/bundle"));
  EXPECT_THAT(problems("\"seed\"", "\"sead\""), HasSubstr("\"seed\" is missing"));
  EXPECT_THAT(problems("00000000000000ab", "ab"), HasSubstr("/digest"));
  EXPECT_THAT(problems("ack-before-durable", "no-such"), HasSubstr("there is no mutant \"no-such\""));
  EXPECT_THAT(problems("\"settle\"", "\"setle\""), HasSubstr("/scenario"));
  EXPECT_THAT(problems("\"n\": 4", "\"n\": 0"), HasSubstr("/choices/given/0/n"));
  for (std::size_t size = 0; size + 2 < good.size(); size += 97)
    EXPECT_FALSE(read_bundle(good.substr(0, size), "b.json").problems.empty());
  EXPECT_THAT(problems_text("s.json", read_scenario(good, "s.json").problems), HasSubstr("replay"));
}

// --- Through the program ---

tests::Surroundings in(const fs::path& folder) {
  tests::Surroundings surroundings;
  surroundings.folder = folder;
  return surroundings;
}

const std::string troubled = (fs::path{tests::source_dir()} / "scenarios/smoke/troubled-disk.json").string();

TEST(Bundles, OneForEachDistinctFailureAndItsReplayIsTheSameRun) {
  const fs::path folder = tests::scratch("bundles");
  fs::create_directories(folder);
  const auto outcome = program({"run", troubled, "--mutant", "ack-before-durable", "--seeds", "4", "--out",
                                "out", "--format", "json"}, in(folder));
  EXPECT_EQ(outcome.code, 1) << outcome.err;
  const Document document = parse(outcome.out).document;
  const std::vector<Document>& findings = document.find("findings")->items;
  ASSERT_GE(findings.size(), 2U);
  const std::vector<Document>& failures = document.find("scenarios")->items.at(0).find("failures")->items;
  EXPECT_GT(failures.size(), findings.size());  // some failed in more than one run
  for (const Document& failure : failures) EXPECT_EQ(failure.find("bundle")->kind, Document::Kind::text);

  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator{folder / "out/failures"}) {
    ++files;
    const auto again = program({"replay", entry.path().string(), "--format", "json"});
    EXPECT_EQ(again.code, 1);
    EXPECT_EQ(parse(again.out).document.find("bundle")->find("outcome")->text, "same run");
  }
  EXPECT_EQ(files, findings.size());
}

TEST(Bundles, AreKeptEvenWhenNobodySaidWhere) {
  const fs::path folder = tests::scratch("default-bundles");
  fs::create_directories(folder);
  const auto outcome = program({"run", troubled, "--mutant", "ack-before-durable", "--seed", "0"}, in(folder));
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("bundle: hubproof-failures/INV-01-troubled-disk-0.json"));
  EXPECT_TRUE(fs::exists(folder / "hubproof-failures/INV-01-troubled-disk-0.json"));
  const fs::path quiet = tests::scratch("no-bundles");
  fs::create_directories(quiet);
  EXPECT_EQ(program({"run", troubled, "--seed", "0"}, in(quiet)).code, 0);
  EXPECT_TRUE(fs::is_empty(quiet));
}

std::string replay_changed(const std::function<void(Bundle&)>& change,
                           const std::vector<std::string>& more = {}) {
  Variation variation{named("troubled-disk"), 0, {}};
  const auto* mutant = model::find_mutant("ack-before-durable");
  auto bundle = bundle_of(variation, mutant, "INV-01",
                          "INV-01: # of a device was acknowledged at # and never read");
  if (!bundle) return "no bundle";
  change(*bundle);
  std::vector<std::string> arguments{
      "replay", tests::scratch_file("changed.json", write_bundle(*bundle)).string(), "--format", "json"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const auto outcome = program(arguments);
  const Document document = parse(outcome.out).document;
  const Document* told = document.find("bundle");
  return told == nullptr ? outcome.err : told->find("outcome")->text;
}

TEST(Replay, TellsWhatBecameOfTheFailure) {
  EXPECT_EQ(replay_changed([](Bundle&) {}), "same run");
  EXPECT_EQ(replay_changed([](Bundle& bundle) { bundle.digest ^= 1; }), "same failure");
  EXPECT_EQ(replay_changed([](Bundle& bundle) { bundle.signature = "INV-01: something else"; }),
            "other failure");
  EXPECT_EQ(replay_changed([](Bundle& bundle) { bundle.mutant.clear(); }), "fixed");
  EXPECT_EQ(replay_changed([](Bundle& bundle) { bundle.scenario.devices[0].telemetry.every.reset(); }), "stale");
}

TEST(Replay, OfARunThatWasEndedEarlySaysNothingOfTheBundle) {
  const auto nothing = [](Bundle&) {};
  EXPECT_EQ(replay_changed(nothing, {"--until", "5s"}), "not reached");
  EXPECT_EQ(replay_changed(nothing, {"--until", "100d"}), "same run");
  EXPECT_EQ(replay_changed([](Bundle& bundle) { bundle.mutant.clear(); }, {"--until", "5s"}), "not reached");
}

TEST(Replay, RefusesAClauseThatIsNotTheFailures) {
  EXPECT_THAT(replay_changed([](Bundle& bundle) { bundle.clause = "INV-02"; }),
              HasSubstr("expected one of \"clause\", INV-02, found one of INV-01"));
  EXPECT_THAT(replay_changed([](Bundle& bundle) { bundle.clause = "INV-99"; }),
              HasSubstr("there is no check of a clause \"INV-99\""));
  // Of another version, which may have had it.
  EXPECT_EQ(replay_changed([](Bundle& bundle) {
              bundle.clause = "INV-99";
              bundle.signature = "INV-99: something";
              bundle.version = "0.0.1";
            }),
            "stale");
}

TEST(Replay, RefusesABundleWithASeedAndAScenarioWithoutOne) {
  const std::string file = tests::scratch_file("b.json", write_bundle(some_bundle())).string();
  const auto seeded = program({"replay", file, "--seed", "3"});
  EXPECT_EQ(seeded.code, 64);
  EXPECT_THAT(seeded.err, HasSubstr("has its own seed"));
  const auto seedless = program({"replay", troubled});
  EXPECT_EQ(seedless.code, 64);
  EXPECT_THAT(seedless.err, HasSubstr("--seed S"));
  const auto broken = program({"replay", tests::scratch_file("c.json", R"({"bundle": 1})").string()});
  EXPECT_EQ(broken.code, 65);
  EXPECT_THAT(broken.err, HasSubstr("\"scenario\" is missing"));
}

// What happens to the process of a run is a finding about its seed, and the campaign goes on.
class Accident : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(Accident, IsAFindingWithABundleThatBringsItBack) {
  const auto [mutant, clause] = GetParam();
#if defined(__SANITIZE_ADDRESS__)
  if (std::string{clause} == "RUN-3") GTEST_SKIP() << "a sanitizer needs its address space";
#endif
  const fs::path folder = tests::scratch("accident");
  fs::create_directories(folder);
  const std::string scenario = tests::scratch_file("queues.json", R"({
    "duration": "20s", "settle": "1s",
    "devices": [{"name": "d{}", "count": 2}],
    "services": [{"reads_telemetry": false, "commands": [{"every": {"uniform": ["200ms", "4s"]}, "to": "d{}"}]}]
  })").string();
  const auto outcome = program({"run", scenario, "--mutant", mutant, "--seeds", "12", "--out", "out", "--format",
                                "json", "--test-cpu-limit", "1s"}, in(folder));
  EXPECT_EQ(outcome.code, 1) << outcome.err;
  const Document document = parse(outcome.out).document;
  const Document& run = document.find("scenarios")->items.at(0);
  EXPECT_EQ(run.find("runs")->text, "12");
  const std::size_t failed = run.find("failures")->items.size();
  EXPECT_GT(failed, 0U);
  EXPECT_LT(failed, 12U);
  ASSERT_EQ(document.find("findings")->items.size(), 1U);
  const Document& finding = document.find("findings")->items[0];
  EXPECT_EQ(finding.find("clause")->text, clause);
  if (std::string{clause} == "RUN-2") return;  // its replay takes as long as a hang is waited for
  const auto again = program({"replay", (folder / finding.find("bundle")->text).string(), "--format", "json"});
  EXPECT_EQ(parse(again.out).document.find("bundle")->find("outcome")->text, "same run") << again.err;
}

INSTANTIATE_TEST_SUITE_P(Mutants, Accident,
                         testing::Values(std::pair{"test-null-dereference", "RUN-1"},
                                         std::pair{"test-endless-loop", "RUN-2"},
                                         std::pair{"test-memory-hoard", "RUN-3"}),
                         [](const auto& one) {
                           std::string name = one.param.first;
                           std::erase(name, '-');
                           return name;
                         });

TEST(Accidents, AreNotListed) {
  EXPECT_THAT(program({"list", "mutants"}).out, testing::Not(HasSubstr("test-")));
}

}  // namespace
}  // namespace hubproof::tools
