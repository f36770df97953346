#include "tools/replayed.hpp"

#include <algorithm>

#include "tools/render/render.hpp"

namespace hubproof::tools {

Replayed replayed(const Bundle& bundle, const CampaignResult& result,
                  std::optional<sim::Duration> until) {
  const ScenarioResult& run = result.scenarios.front();
  const auto check = std::ranges::find(all_checks(), bundle.clause, &conformance::About::id);
  if (check == all_checks().end()) return Replayed::stale;
  const auto at = static_cast<std::size_t>(check - all_checks().begin());
  const bool same = std::ranges::count(run.failures, bundle.signature, &Failure::signature) > 0;
  if (same) return result.last_digest == bundle.digest ? Replayed::same_run : Replayed::same_failure;
  if (until && *until < bundle.scenario.duration + bundle.scenario.settle) return Replayed::not_reached;
  switch (run.clauses[at].verdict()) {
    case conformance::Verdict::fail: return Replayed::other_failure;
    case conformance::Verdict::pass: return Replayed::fixed;
    case conformance::Verdict::inconclusive:
    case conformance::Verdict::not_exercised: break;
  }
  return Replayed::stale;
}

const char* replayed_word(Replayed how) {
  switch (how) {
    case Replayed::same_run: return "same run";
    case Replayed::same_failure: return "same failure";
    case Replayed::other_failure: return "other failure";
    case Replayed::fixed: return "fixed";
    case Replayed::stale: return "stale";
    case Replayed::not_reached: return "not reached";
  }
  return "";
}

std::string replayed_sentence(const Bundle& bundle, Replayed how) {
  const std::string written_by =
      bundle.version.empty() || bundle.version == version
          ? std::string{}
          : " (written by version " + bundle.version + ", this is " + version + ")";
  switch (how) {
    case Replayed::same_run:
      return bundle.clause + " fails as the bundle says, and all that happened was the same" + written_by;
    case Replayed::same_failure:
      return bundle.clause + " fails as the bundle says, in a run that is not the same to the last event" +
             written_by;
    case Replayed::other_failure:
      return bundle.clause + " fails, but in another way than the bundle says: " + bundle.what + written_by;
    case Replayed::fixed: return bundle.clause + " passes now: fixed" + written_by;
    case Replayed::stale:
      return "what " + bundle.clause + " is about does not come up in this run any more: the bundle is stale" +
             written_by;
    case Replayed::not_reached:
      return "the run was ended before its end, and " + bundle.clause +
             " had not failed by then: that says nothing of the bundle" + written_by;
  }
  return {};
}

}  // namespace hubproof::tools
