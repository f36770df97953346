// A bundle survives a refactoring: a program that makes one more decision, at many points of the run and
// at a site of its own, fails in the same way.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "model/mutants/mutant.hpp"
#include "tests/tools/program.hpp"
#include "tools/bundle.hpp"
#include "tools/find_scenarios.hpp"
#include "tools/run.hpp"
#include "tools/save_bundles.hpp"
#include "tools/signature.hpp"
#include "tools/sim_node.hpp"

namespace hubproof::tools {
namespace {

namespace fs = std::filesystem;

// Whatever happens, the node that it happens to draws once more. The value goes nowhere, as that of a
// decision between two equals would.
class OneMoreDraw : public sim::TraceSink {
 public:
  explicit OneMoreDraw(sim::Site site) : site_{site} {}
  void saw(const sim::Record& record) override {
    if (record.node == sim::nobody) return;
    choices->below(site_, record.node, 1'000);
    ++drawn;
  }
  sim::Choices* choices = nullptr;
  std::size_t drawn = 0;

 private:
  sim::Site site_;
};

struct Held {
  std::uint64_t digest = 0;
  std::vector<std::string> signatures;
  std::vector<sim::Choice> choices;
  std::size_t drawn = 0;
  bool operator==(const Held& other) const { return digest == other.digest && signatures == other.signatures; }
};

Held hold(const Bundle& bundle, std::optional<sim::Site> added) {
  OneMoreDraw more{added.value_or(sim::Site{})};
  RunOptions options;
  options.seed = bundle.seed;
  options.steering = bundle.steering;
  options.mutant = bundle.mutant.empty() ? nullptr : model::find_mutant(bundle.mutant);
  options.keep_choices = true;
  options.on_choices = [&](sim::Choices& choices) { more.choices = &choices; };
  if (added) options.trace = &more;
  const RunResult result = run(bundle.scenario, options);
  Held held{result.digest, {}, result.choices, more.drawn};
  for (const conformance::Judged& one : result.report.checks)
    if (one.finding.verdict == conformance::Verdict::fail)
      held.signatures.push_back(signature_of(one.id, one.finding.witness, one.finding.text, bundle.scenario));
  return held;
}

// The next number of each of the three who number sites. When one of them is given away, the test that
// counts their names says so.
std::vector<sim::Site> new_sites() {
  const auto driver = [](std::uint32_t n) { return site(static_cast<DriverSite>(n)); };
  const auto first_machine = static_cast<std::uint32_t>(DriverSite::model0);
  const std::vector<sim::Site> sites{
      sim::Site{static_cast<std::uint32_t>(sim::Site::boot) + 1},
      driver(static_cast<std::uint32_t>(DriverSite::protocol) + 1),
      driver(first_machine + static_cast<std::uint32_t>(model::ChanceSite::key) + 1)};
  for (const sim::Site one : sites) EXPECT_EQ(site_name(one), "") << "not a new site any more";
  return sites;
}

void survives(const Bundle& bundle, const std::string& name) {
  const Held before = hold(bundle, std::nullopt);
  const bool fails = std::ranges::count(before.signatures, bundle.signature) > 0;
  EXPECT_EQ(fails, !bundle.mutant.empty()) << name;  // those of our own hub are fixed
  for (const sim::Site site : new_sites()) {
    const Held after = hold(bundle, site);
    EXPECT_EQ(after, before) << name;

    // The draws did happen, and in the middle of the others.
    const auto is_new = [&](const sim::Choice& one) { return one.site == site; };
    EXPECT_GT(after.drawn, 20U) << name;
    EXPECT_EQ(static_cast<std::size_t>(std::ranges::count_if(after.choices, is_new)), after.drawn) << name;
    EXPECT_EQ(after.choices.size(), before.choices.size() + after.drawn) << name;
    const auto first = std::ranges::find_if(after.choices, is_new);
    EXPECT_GT(std::count_if(first, after.choices.end(), std::not_fn(is_new)), 0) << name;
  }
}

TEST(AddedSite, EveryCommittedBundleFailsAsItDid) {
  std::size_t bundles = 0;
  for (const auto& entry : fs::directory_iterator{fs::path{tests::source_dir()} / "scenarios/regressions"}) {
    if (entry.path().extension() != ".json") continue;
    const ReadBundle read = read_bundle(tests::file_text(entry.path()), entry.path().string());
    ASSERT_TRUE(read.problems.empty());
    survives(read.bundle, entry.path().string());
    ++bundles;
  }
  EXPECT_GT(bundles, 3U);
}

Bundle fresh() {
  const FoundScenarios found = find_scenarios({tests::source_dir() + "/scenarios/smoke/troubled-disk.json"}, "");
  const std::optional<Bundle> bundle =
      bundle_of({found.scenarios.at(0), 0, {}}, model::find_mutant("ack-before-durable"), "INV-01",
                "INV-01: # of a device was acknowledged at # and never read");
  EXPECT_TRUE(bundle);
  return bundle.value_or(Bundle{});
}

TEST(AddedSite, AFreshFailureFailsAsItDid) { survives(fresh(), "troubled-disk"); }

// What the names are for: the same draws at a site that is in use give another run.
TEST(AddedSite, IsOtherThanOneMoreDrawAtASiteInUse) {
  const Bundle bundle = fresh();
  EXPECT_NE(hold(bundle, sim::Site::latency).digest, hold(bundle, std::nullopt).digest);
}

}  // namespace
}  // namespace hubproof::tools
