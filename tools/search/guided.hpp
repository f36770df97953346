// A campaign that guides lead: as many runs as scenarios have seeds, more of them where more is new. Runs
// come in generations, so that what comes out depends neither on the number of workers nor on their timing.
#pragma once

#include <map>
#include <utility>

#include "tools/campaign.hpp"
#include "tools/variation.hpp"

namespace hubproof::tools {

struct GuidedResult {
  CampaignResult campaign;   // a failure's seed is the number of its scenario's run, from the first seed on
  std::map<std::pair<std::size_t, std::uint64_t>, Variation> failing;  // by scenario and that number
  std::uint64_t reached = 0; // combinations of protocol state, over all scenarios
  std::uint64_t kept = 0;    // runs that were the first to reach some
};

GuidedResult guided_campaign(const WorkerPlan& plan, const CampaignOptions& options);

}  // namespace hubproof::tools
