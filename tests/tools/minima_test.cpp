// The minima in scenarios/minima: each fails as its mutant should, and what is shrunk comes near them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <sstream>

#include "model/mutants/mutant.hpp"
#include "tests/support/paths.hpp"
#include "tools/find_scenarios.hpp"
#include "tools/zoo.hpp"

namespace hubproof::tools {
namespace {

using testing::HasSubstr;

std::vector<Scenario> scenarios_of(const std::string& folder) {
  FoundScenarios found = find_scenarios({tests::source_dir() + "/scenarios/" + folder}, "");
  EXPECT_EQ(found.wrong, "");
  return found.scenarios;
}

TEST(Minima, EachFailsWithItsMutantAndNotWithTheRightHub) {
  const std::vector<Scenario> scenarios = scenarios_of("minima");
  const std::vector<Minimum> minima = run_minima(scenarios);
  EXPECT_GE(minima.size(), 10U);
  EXPECT_EQ(minima.size(), scenarios.size()) << "a file that is not called like a mutant";
  for (const Minimum& one : minima) {
    const std::string meant_for = model::find_mutant(one.mutant)->meant_for;
    EXPECT_TRUE(std::ranges::any_of(one.signatures, [&](const std::string& signature) {
      return signature.starts_with(meant_for + ":") || signature.starts_with(meant_for + " ");
    })) << one.mutant << " does not fail " << meant_for;
  }
}

// Three of them; `hubproof zoo --shrinking` does it for all.
TEST(Minima, AreWhatFindsShrinkTo) {
  ZooOptions options;
  for (const char* name : {"ack-before-durable", "two-live-locks", "flight-lost-with-connection"})
    options.mutants.push_back(model::find_mutant(name));
  options.strategies = options.rare_strategies = {Strategy::random};
  options.attempts = 1;
  options.shrink_budget = std::chrono::seconds{300};  // a build may be slow
  std::ostringstream progress;
  const ZooResult result = zoo(scenarios_of("smoke"), options, progress);
  ASSERT_EQ(result.shrunk.size(), 3U) << progress.str();
  std::vector<Minimum> minima = run_minima(scenarios_of("minima"));
  EXPECT_TRUE(shrunk_well(result, minima)) << shrinking_page(result, minima, "");
}

TEST(ShrinkingPage, CountsWhatSlippedWhatWasStoppedAndWhatIsTooLarge) {
  ZooResult result;
  result.shrunk = {{"ack-before-durable", "INV-01: x", 1, 1, 1, 1, 2, 100, true, true},
                   {"two-live-locks", "INV-08: x", 0, 2, 4, 1, 3, 100, true, true}};
  const std::vector<Minimum> minima{{"ack-before-durable", 3, {"INV-01: x"}},
                                    {"two-live-locks", 3, {"INV-08: x", "INV-11: x"}},
                                    {"lost-on-recovery", 4, {"INV-01: x"}}};
  EXPECT_TRUE(shrunk_well(result, minima));  // of two ratios the lower one is the middle
  const std::string page = shrinking_page(result, minima, "hubproof zoo --shrinking");
  EXPECT_THAT(page, HasSubstr("Made by `hubproof zoo --shrinking`."));
  EXPECT_THAT(page, HasSubstr("- The same failure: 2 of 2."));
  EXPECT_THAT(page, HasSubstr("| two-live-locks | 3 | 6 | 2.00 |"));
  EXPECT_THAT(page, HasSubstr("| lost-on-recovery | 4 | not found in this way | |"));

  const auto spoiled = [&](const std::function<void(ShrunkFind&)>& spoil) {
    ZooResult other = result;
    spoil(other.shrunk[0]);
    return shrunk_well(other, minima);
  };
  EXPECT_FALSE(spoiled([](ShrunkFind& one) { one.same = false; }));
  EXPECT_FALSE(spoiled([](ShrunkFind& one) { one.finished = false; }));
  EXPECT_FALSE(spoiled([](ShrunkFind& one) { one.seconds = 31; }));
  EXPECT_FALSE(spoiled([](ShrunkFind& one) { one.faults = 6; }));
  EXPECT_FALSE(spoiled([](ShrunkFind& one) { one.messages = 5; }));
  // A minimum that fails in another way is no measure.
  EXPECT_THAT(shrinking_page(result, {{"two-live-locks", 3, {"INV-11: x"}}}, ""), HasSubstr("not found in this way"));
}

}  // namespace
}  // namespace hubproof::tools
