// The zoo hunts each mutant with each strategy until its check has failed, keeps an eye on the right hub,
// shrinks what it finds, and goes on where it was stopped.
#include "tools/zoo.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "model/mutants/mutant.hpp"
#include "tests/tools/program.hpp"
#include "tools/find_scenarios.hpp"
#include "tools/campaign.hpp"
#include "tools/zoo_state.hpp"

namespace hubproof::tools {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

const std::vector<Scenario>& locks() {
  static const std::vector<Scenario> scenarios =
      find_scenarios({(fs::path{tests::source_dir()} / "scenarios/smoke/locks-run-out.json").string()}, "").scenarios;
  return scenarios;
}

ZooOptions hunt_for(std::vector<const model::Mutant*> mutants) {
  ZooOptions options;
  options.mutants = std::move(mutants);
  options.attempts = 1;
  options.give_up = 300ms;
  options.strategies = {Strategy::random, Strategy::swarm, Strategy::pct, Strategy::guided};
  options.shrinks = false;
  return options;
}

TEST(Zoo, EachStrategyFindsAMutantByItsCheckAndNothingInTheRightHub) {
  const ZooOptions options = hunt_for({nullptr, model::find_mutant("two-live-locks")});
  std::ostringstream progress;
  const ZooResult result = zoo(locks(), options, progress);
  ASSERT_EQ(result.hunts.size(), 8U);
  for (const Hunt& hunt : result.hunts) {
    EXPECT_EQ(hunt.found, hunt.mutant != right_hub) << hunt.mutant << " " << name(hunt.strategy);
    EXPECT_EQ(std::ranges::count(hunt.checks, "INV-08"), hunt.found ? 1 : 0);
    EXPECT_GT(hunt.runs, 0U);
  }
  EXPECT_TRUE(result.whole);
  EXPECT_TRUE(all_found(result, options));
  EXPECT_THAT(progress.str(), HasSubstr("8/8"));
}

TEST(Zoo, GivesUpWhatItDoesNotFind) {
  // Locks of this scenario run out, but no will is ever left.
  const ZooOptions options = hunt_for({model::find_mutant("will-missing")});
  std::ostringstream progress;
  const ZooResult result = zoo(locks(), options, progress);
  for (const Hunt& hunt : result.hunts) {
    EXPECT_FALSE(hunt.found);
    EXPECT_GE(hunt.cpu_s, 0.3);
  }
  EXPECT_FALSE(all_found(result, options));
  EXPECT_THAT(kill_matrix(result, options, "hubproof zoo"), HasSubstr("0 of 1 mutants found"));
}

TEST(Zoo, ShrinksTheFirstFind) {
  ZooOptions options = hunt_for({model::find_mutant("two-live-locks")});
  options.strategies = {Strategy::random};
  options.shrinks = true;
  std::ostringstream progress;
  const ZooResult result = zoo(locks(), options, progress);
  ASSERT_EQ(result.shrunk.size(), 1U);
  EXPECT_THAT(result.shrunk[0].signature, HasSubstr("INV-08"));
  EXPECT_LE(result.shrunk[0].faults, 5U);
  EXPECT_TRUE(result.shrunk[0].finished);
}

TEST(Zoo, GoesOnWhereItWasStopped) {
  ZooOptions options = hunt_for({nullptr, model::find_mutant("two-live-locks")});
  options.jobs = 1;
  options.state = tests::scratch("zoo.jsonl").string();
  int asked = 0;
  options.interrupted = [&] { return ++asked > 6; };
  std::ostringstream first, second;
  const ZooResult stopped = zoo(locks(), options, first);
  EXPECT_FALSE(stopped.whole);
  ASSERT_GT(stopped.hunts.size(), 0U);
  ASSERT_LT(stopped.hunts.size(), 8U);
  std::ofstream{options.state, std::ios::app} << "{\"mutant\": \"cle";  // a line that was cut off
  options.interrupted = {};
  const ZooResult whole = zoo(locks(), options, second);
  EXPECT_EQ(whole.wrong, "");
  EXPECT_EQ(load_zoo(options.state, zoo_work(locks())).hunts.size(), 8U);
  EXPECT_TRUE(whole.whole);
  EXPECT_EQ(whole.hunts.size(), 8U);
  const std::size_t left = 8 - stopped.hunts.size();
  EXPECT_THAT(second.str(), HasSubstr(std::to_string(left) + "/" + std::to_string(left)));
}

TEST(Zoo, HuntsAMutantNoMoreOnceItIsFoundWhereOneFindIsEnough) {
  for (const bool one_find : {false, true}) {
    ZooOptions options = hunt_for({model::find_mutant("two-live-locks"), model::find_mutant("will-missing")});
    options.strategies = options.rare_strategies = {Strategy::random, Strategy::swarm, Strategy::pct};
    options.attempts = 1;
    options.jobs = 1;
    options.give_up = 200ms;
    options.one_find = one_find;
    std::ostringstream progress;
    const ZooResult result = zoo(locks(), options, progress);
    EXPECT_TRUE(result.whole);
    const auto hunts_of = [&](std::string_view mutant) { return std::ranges::count(result.hunts, mutant, &Hunt::mutant); };
    EXPECT_EQ(hunts_of("two-live-locks"), one_find ? 1 : 3);
    EXPECT_EQ(hunts_of("will-missing"), 3);  // nothing finds it here
  }
}

TEST(ZooState, IsReadAsItWasWrittenAndSaysWhichLineIsWrong) {
  const Hunt hunt{"two-live-locks", Strategy::pct, 3, true, 1.25, 17, "locks-run-out", 42, {"INV-08", "INV-11"}};
  ZooLine line;
  ASSERT_TRUE(read_zoo_line(zoo_line(hunt), line));
  ASSERT_TRUE(line.hunt);
  EXPECT_EQ(zoo_line(*line.hunt), zoo_line(hunt));
  const ShrunkFind shrunk{"two-live-locks", "INV-08: x", 1, 2, 3, 0.5, 0.75, 100, true, true};
  ZooLine other;
  ASSERT_TRUE(read_zoo_line(zoo_line(shrunk), other));
  ASSERT_TRUE(other.shrunk);
  EXPECT_EQ(zoo_line(*other.shrunk), zoo_line(shrunk));
  for (const char* wrong : {"", "[]", "{}", "{\"mutant\": 3}", "{\"shrunk\": \"x\"}"}) {
    ZooLine none;
    EXPECT_FALSE(read_zoo_line(wrong, none)) << wrong;
  }
  const std::string head = zoo_line(std::string{"a"});
  const fs::path file = tests::scratch_file("zoo.jsonl", head + zoo_line(hunt) + "nonsense\n" + zoo_line(shrunk));
  EXPECT_THAT(load_zoo(file.string(), "a").wrong, HasSubstr("zoo.jsonl, line 3"));
}

TEST(ZooState, IsOfOneProgramAndOneSetOfScenarios) {
  const Hunt hunt{"two-live-locks", Strategy::pct, 3, true, 1.25, 17, "locks-run-out", 42, {"INV-08"}};
  const std::string own = zoo_line(std::string{"a"}) + zoo_line(hunt);
  EXPECT_EQ(load_zoo(tests::scratch_file("own.jsonl", own).string(), "a").hunts.size(), 1U);
  for (const std::string& other : {zoo_line(hunt), zoo_line(std::string{"b"}) + zoo_line(hunt), own + zoo_line(std::string{"b"})}) {
    const fs::path file = tests::scratch_file("other.jsonl", other);
    EXPECT_THAT(load_zoo(file.string(), "a").wrong, HasSubstr("give the name of a new file")) << other;
    EXPECT_EQ(fs::file_size(file), other.size());  // nothing of it is lost
  }
  // One line of somebody else's, without its end, is not taken for one of ours that was cut off.
  const fs::path notes = tests::scratch_file("notes.txt", "buy milk");
  EXPECT_THAT(load_zoo(notes.string(), "a").wrong, HasSubstr("notes.txt, line 1"));
  EXPECT_EQ(fs::file_size(notes), 8U);
  const fs::path begun = tests::scratch_file("begun.jsonl", own.substr(0, 5));
  EXPECT_EQ(load_zoo(begun.string(), "a").wrong, "");
  EXPECT_EQ(fs::file_size(begun), 0U);
  EXPECT_NE(zoo_work(locks()), zoo_work({}));
  EXPECT_EQ(zoo_work(locks()), zoo_work(locks()));
}

TEST(ZooState, CannotBeKeptInADevice) {
  ZooOptions options = hunt_for({nullptr});
  options.state = "/dev/full";
  std::ostringstream progress;
  EXPECT_THAT(zoo(locks(), options, progress).wrong, HasSubstr("regular file"));
}

TEST(KillMatrix, HasMediansOfWhatWasFoundAndOfWhatWasNot) {
  ZooOptions options = hunt_for({nullptr, model::find_mutant("two-live-locks")});
  options.strategies = {Strategy::random};
  options.rare_strategies = {Strategy::random};
  options.attempts = 3;
  ZooResult result;
  for (unsigned attempt = 0; attempt < 3; ++attempt)
    result.hunts.push_back({"two-live-locks", Strategy::random, attempt, attempt != 1, 2.0 + attempt, 9, "s", 1,
                            {"INV-08", "INV-11"}});
  result.hunts.push_back({"clean", Strategy::random, 0, false, 60, 900, "", 0, {}});
  const std::string page = kill_matrix(result, options, "hubproof zoo");
  EXPECT_THAT(page, HasSubstr("| two-live-locks | INV-08 |  | 4.00 | INV-11 |"));
  EXPECT_THAT(page, HasSubstr("| clean | none |  | > 60 |  |"));
  EXPECT_THAT(page, HasSubstr("1 of 1 mutants found"));
  EXPECT_THAT(page, HasSubstr("| two-live-locks | INV-11 | random, attempt 0, up to seed 1 of s |"));
  EXPECT_TRUE(all_found(result, options));
  result.hunts.back().found = true;  // a false alarm
  EXPECT_FALSE(all_found(result, options));
  result.hunts.back().found = false;
  result.hunts[0].found = false;     // two of three found nothing
  EXPECT_FALSE(all_found(result, options));
}

TEST(Consequences, AreOfMutantsAndChecksThatExistEachOnce) {
  std::vector<std::string> seen;
  for (const Consequence& one : consequences()) {
    EXPECT_TRUE(std::ranges::any_of(all_checks(), [&](const auto& check) { return check.id == one.check; })) << one.check;
    EXPECT_FALSE(one.why.empty());
    EXPECT_FALSE(one.mutants.empty());
    for (const std::string_view mutant : one.mutants) {
      const model::Mutant* found = model::find_mutant(mutant);
      ASSERT_NE(found, nullptr) << mutant;
      EXPECT_NE(found->meant_for, one.check) << mutant;
      const std::string pair = std::string{mutant} + " " + std::string{one.check};
      EXPECT_EQ(std::ranges::count(seen, pair), 0) << pair;
      seen.push_back(pair);
    }
  }
}

TEST(Consequences, ExplainWhatElseFailedAndNothingMore) {
  ZooResult result;
  result.hunts.push_back({"fallback-ignored", Strategy::random, 0, true, 0.3, 9, "routes", 7, {"D2C-21", "INV-01"}});
  EXPECT_TRUE(unexplained(result).empty());
  const ZooOptions options = hunt_for({model::find_mutant("fallback-ignored")});
  EXPECT_THAT(kill_matrix(result, options, "hubproof zoo"), HasSubstr("| INV-01 | fallback-ignored | "));
  EXPECT_THAT(kill_matrix(result, options, "hubproof zoo"), HasSubstr("No check failed falsely"));

  result.hunts[0].checks.push_back("INV-19");
  result.hunts.push_back({"clean", Strategy::swarm, 2, true, 31, 900, "topics", 8, {"INV-01"}});
  const std::vector<Unexplained> left = unexplained(result);
  ASSERT_EQ(left.size(), 2U);
  EXPECT_EQ(left[0].mutant + " " + left[0].check, "fallback-ignored INV-19");
  EXPECT_EQ(left[1].mutant + " " + left[1].check, "clean INV-01");
  EXPECT_EQ(left[1].where, "swarm, attempt 2, up to seed 8 of topics");
  EXPECT_THAT(kill_matrix(result, options, "hubproof zoo"), Not(HasSubstr("No check failed falsely")));
}

}  // namespace
}  // namespace hubproof::tools
