// A bundle for each distinct failure of a campaign: the run with the fewest events stands for all that
// failed in the same way.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "tools/bundle.hpp"
#include "tools/campaign.hpp"
#include "tools/variation.hpp"

namespace hubproof::tools {

// What a run of a campaign was made of.
using VariationOf = std::function<Variation(std::size_t scenario, std::uint64_t seed)>;

// Runs the variation again with its faults spelled out. Nothing: it does not fail so any more.
std::optional<Bundle> bundle_of(Variation variation, const model::Mutant* mutant,
                                const std::string& clause, const std::string& signature,
                                std::chrono::nanoseconds cpu_limit = std::chrono::minutes{2});

// Of a run that had no end of its own (RUN-1 to RUN-3).
std::string signature_of_downfall(const RunRecord& record, const Scenario& scenario);

struct SavedBundles {
  std::size_t files = 0;
  std::string wrong;       // why one could not be written; empty: all were
};

// Writes FOLDER/CLAUSE-SCENARIO-SEED.json for each group and tells the failures of their file. The
// folder is made when there is something to write.
SavedBundles save_bundles(CampaignResult& result, const std::string& folder,
                          const model::Mutant* mutant, const VariationOf& variation_of,
                          std::chrono::nanoseconds cpu_limit = std::chrono::minutes{2});  // of one run

}  // namespace hubproof::tools
