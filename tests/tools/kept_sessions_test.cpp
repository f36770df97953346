// Devices whose session outlives the hub's restarts: they subscribed once, and do not do so again.
#include <gtest/gtest.h>

#include <map>

#include "model/mutants/mutant.hpp"
#include "tests/support/paths.hpp"
#include "tools/find_scenarios.hpp"
#include "tools/run.hpp"

namespace hubproof::tools {
namespace {

using model::What;

const Scenario& crash_loop() {
  static const FoundScenarios found =
      find_scenarios({tests::source_dir() + "/scenarios/smoke/hub-crash-loop.json"}, "");
  return found.scenarios.at(0);
}

// Commands that the hub published in a session whose filter it had granted two of its lives ago or more:
// a snapshot made in the meantime had to hold it.
int published_two_lives_after_suback(const model::Mutant* mutant, RunResult& result) {
  std::map<model::NodeIndex, int> granted_in;  // the life of the hub, by device
  int life = 0;
  int published = 0;
  RunOptions options;
  options.seed = 1;
  options.mutant = mutant;
  options.on_event = [&](const model::History& header, const model::Event& event) {
    const auto at = static_cast<std::size_t>(event.observer);
    if (at >= header.participants.size() || header.participants[at].role != model::Role::hub) return;
    if (event.what == What::crashed && event.device == event.observer) ++life;
    if (event.what != What::packet) return;
    if (event.packet == model::Packet::suback) granted_in[event.device] = life;
    if (event.packet != model::Packet::publish || (event.flags & model::flag_c2d) == 0) return;
    const auto granted = granted_in.find(event.device);
    if (granted != granted_in.end() && life >= granted->second + 2) ++published;
  };
  result = run(crash_loop(), options);
  return published;
}

bool fails(const RunResult& result, std::string_view clause) {
  for (const conformance::Judged& one : result.report.checks)
    if (one.id == clause) return one.finding.verdict == conformance::Verdict::fail;
  return false;
}

TEST(KeptSessions, AreServedAfterTwoRestartsOfTheHub) {
  RunResult result;
  EXPECT_GT(published_two_lives_after_suback(nullptr, result), 0);
  EXPECT_FALSE(fails(result, "INV-23"));
}

TEST(KeptSessions, ASnapshotThatForgetsTheirFiltersIsFound) {
  RunResult result;
  EXPECT_EQ(published_two_lives_after_suback(model::find_mutant("filters-lost-in-snapshot"), result), 0);
  EXPECT_TRUE(fails(result, "INV-23"));
}

}  // namespace
}  // namespace hubproof::tools
