// Every bundle in scenarios/regressions: a failure of a mutant must come back, one of our own hub,
// device or check must stay away.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/support/paths.hpp"
#include "tests/tools/program.hpp"
#include "tools/bundle.hpp"
#include "tools/campaign.hpp"
#include "tools/replayed.hpp"
#include "model/mutants/mutant.hpp"

namespace hubproof::tools {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> bundles() {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator{fs::path{tests::source_dir()} / "scenarios/regressions"})
    if (entry.path().extension() == ".json") files.push_back(entry.path().string());
  std::ranges::sort(files);
  return files;
}

TEST(Regressions, FailuresOfMutantsComeBackAndOursStayAway) {
  const std::vector<std::string> files = bundles();
  ASSERT_FALSE(files.empty());
  for (const std::string& file : files) {
    const ReadBundle read = read_bundle(tests::file_text(file), file);
    ASSERT_TRUE(read.problems.empty()) << problems_text(file, read.problems);
    const std::vector<Scenario> scenarios{read.bundle.scenario};
    WorkerPlan plan;
    plan.scenarios = &scenarios;
    plan.steering = read.bundle.steering;
    plan.mutant = read.bundle.mutant.empty() ? nullptr : model::find_mutant(read.bundle.mutant);
    CampaignOptions options;
    options.first_seed = options.last_seed = read.bundle.seed;
    const CampaignResult result = campaign(plan, options);
    const Replayed how = replayed(read.bundle, result);
    if (plan.mutant == nullptr)
      EXPECT_EQ(how, Replayed::fixed) << file << ": " << replayed_sentence(read.bundle, how);
    else
      EXPECT_TRUE(how == Replayed::same_run || how == Replayed::same_failure)
          << file << ": " << replayed_sentence(read.bundle, how);
  }
}

}  // namespace
}  // namespace hubproof::tools
