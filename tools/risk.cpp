#include "tools/risk.hpp"

#include <algorithm>
#include <array>

#include "sim/fault.hpp"
#include "tools/render/render.hpp"

namespace hubproof::tools {
namespace {

// The upper end of what is believable, in thousandths of a failing run, when so many failed: the mean
// with which a Poisson count is as small as this in one case of twenty. Beyond the table the count
// plus 1.645 of its roots, plus two: a little too much rather than too little.
std::uint64_t upper_thousandths(std::uint64_t failing) {
  constexpr std::array<std::uint64_t, 11> table{2996, 4744,  6296,  7754,  9154, 10514,
                                                11843, 13149, 14435, 15706, 16963};
  if (failing < table.size()) return table[failing];
  std::uint64_t root = 1;
  while (root * root < failing) ++root;
  return failing * 1000 + root * 1645 + 2000;
}

std::string list(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

}  // namespace

Risk risk_of(const CampaignResult& result) {
  Risk risk;
  std::uint64_t kinds = 0;
  for (const ScenarioResult& scenario : result.scenarios) {
    risk.runs += scenario.runs;
    risk.failing += scenario.failing_runs;
    kinds |= scenario.fault_kinds;
  }
  if (risk.runs > 0)
    risk.at_most_per_million = std::min<std::uint64_t>(1'000'000, (upper_thousandths(risk.failing) * 1000 + risk.runs - 1) / risk.runs);
  const std::vector<ClauseCounts> clauses = result.clauses();
  for (std::size_t check = 0; check < clauses.size(); ++check)
    if (clauses[check].verdict() == conformance::Verdict::not_exercised)
      risk.never_exercised.emplace_back(all_checks()[check].id);
  for (std::size_t kind = 0; kind < sim::fault_names.size(); ++kind)
    if ((kinds >> kind & 1) == 0) risk.faults_never_seen.emplace_back(sim::fault_names[kind]);
  return risk;
}

std::string risk_text(const Risk& risk) {
  return "risk: " + count_text(risk.failing) + " of " + count_text(risk.runs) +
         " runs failed; with 95 % confidence at most " + count_text(risk.at_most_per_million) +
         " in a million runs of this kind fail\n"
         "never exercised: " + list(risk.never_exercised) +
         "\nfaults that no run had: " + list(risk.faults_never_seen) + "\n";
}

}  // namespace hubproof::tools
