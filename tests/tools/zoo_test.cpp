// The zoo hunts each mutant until its check has failed, and keeps an eye on the right hub.
#include "tools/zoo.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "model/mutants/mutant.hpp"

namespace hubproof::tools {
namespace {

std::vector<Scenario> scenarios(const std::string& devices) {
  const ReadScenario read = read_scenario(R"({
    "reason": "a device reports to a hub, and a back end reads it",
    "duration": "30s", "settle": "1m",
    "devices": [)" + devices + R"(],
    "services": [{}]
  })",
                                          "small.json");
  EXPECT_TRUE(read.problems.empty()) << problems_text("small.json", read.problems);
  return {read.scenario};
}
std::vector<Scenario> talkative() {
  return scenarios(R"({"name": "d0", "telemetry": {"every": "1s", "body": 20}})");
}

std::vector<Kill> hunt(const std::vector<Scenario>& where, std::vector<const model::Mutant*> whom,
                       std::string* said = nullptr) {
  ZooOptions options;
  options.seeds = 3;
  options.jobs = 1;
  options.mutants = std::move(whom);
  std::ostringstream progress;
  const std::vector<Kill> kills = zoo(where, options, progress);
  if (said != nullptr) *said = progress.str();
  return kills;
}

TEST(Zoo, FindsTheCanaryAtOnce) {
  const std::vector<Kill> kills = hunt(talkative(), {model::find_mutant("canary")});
  ASSERT_EQ(kills.size(), 1u);
  EXPECT_TRUE(kills[0].found);
  EXPECT_EQ(kills[0].runs, 1u);
  EXPECT_EQ(kills[0].seed, 0u);
  EXPECT_EQ(kills[0].checks, std::vector<std::string>{"INV-25"});
}

TEST(Zoo, LeavesTheRightHubInPeace) {
  std::string said;
  const std::vector<Kill> kills = hunt(talkative(), {nullptr}, &said);
  ASSERT_EQ(kills.size(), 1u);
  EXPECT_EQ(kills[0].mutant, "clean");
  EXPECT_TRUE(kills[0].found);
  EXPECT_EQ(kills[0].runs, 3u);
  EXPECT_EQ(said, "1/1  clean: no check failed\n");
}

TEST(Zoo, SaysWhatItDidNotFind) {  // nobody talks, so nothing can be changed
  std::string said;
  const std::vector<Kill> kills =
      hunt(scenarios(R"({"name": "d0"})"), {model::find_mutant("canary")}, &said);
  ASSERT_EQ(kills.size(), 1u);
  EXPECT_FALSE(kills[0].found);
  EXPECT_EQ(kills[0].runs, 3u);
  EXPECT_EQ(said, "1/1  canary: NOT found by INV-25\n");
}

TEST(Zoo, ItsMatrixCountsMutantsAndNotTheRightHub) {
  const std::string page =
      kill_matrix({{"clean", "none", true, "-", 0, 9, 1, {}},
                   {"canary", "INV-25", true, "small", 4, 5, 0.25, {"INV-25", "INV-01"}},
                   {"missed", "INV-07", false, "-", 0, 9, 1, {"INV-09"}}},
                  "hubproof zoo");
  EXPECT_NE(page.find("1 of 2 found."), std::string::npos) << page;
  EXPECT_NE(page.find("| clean | none | quiet | 9 | 1.000 |  |  |"), std::string::npos) << page;
  EXPECT_NE(page.find("| canary | INV-25 | yes | 5 | 0.250 | small, 4 | INV-01 |"), std::string::npos);
  EXPECT_NE(page.find("| missed | INV-07 | **no** | 9 | 1.000 |  | INV-09 |"), std::string::npos);
  EXPECT_NE(page.find("| INV-25 | canary |"), std::string::npos);
}

TEST(Zoo, ItsMatrixShowsAnAlarmUnderTheRightHub) {
  const std::string page =
      kill_matrix({{"clean", "none", false, "-", 0, 9, 1, {"INV-09"}}}, "hubproof zoo");
  EXPECT_NE(page.find("| clean | none | **alarm** | 9 | 1.000 |  | INV-09 |"), std::string::npos)
      << page;
}

}  // namespace
}  // namespace hubproof::tools
