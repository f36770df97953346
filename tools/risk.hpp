// What a campaign without, or with few, failures says of the runs that were not made.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/campaign.hpp"

namespace hubproof::tools {

struct Risk {
  std::uint64_t runs = 0;
  std::uint64_t failing = 0;
  std::uint64_t at_most_per_million = 0;       // with 95 % confidence, of runs drawn in the same way
  std::vector<std::string> never_exercised;    // clauses
  std::vector<std::string> faults_never_seen;  // kinds that no run had
};

Risk risk_of(const CampaignResult& result);
std::string risk_text(const Risk& risk);

}  // namespace hubproof::tools
