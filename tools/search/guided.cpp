#include "tools/search/guided.hpp"

#include <algorithm>

#include "tools/search/guide.hpp"

namespace hubproof::tools {
namespace {

constexpr std::uint64_t between_lessons = 48;  // about so many runs

}  // namespace

GuidedResult guided_campaign(const WorkerPlan& plan, const CampaignOptions& options) {
  GuidedResult result;
  const std::vector<Scenario>& scenarios = *plan.scenarios;
  Guides guides{scenarios, options.first_seed};
  const std::uint64_t generation = std::max<std::uint64_t>(1, between_lessons / scenarios.size());
  for (const Scenario& scenario : scenarios) result.campaign.scenarios.push_back(result_for(scenario));
  std::vector<std::uint64_t> taken(scenarios.size(), 0);  // runs of each
  result.campaign.first_seed = options.first_seed;
  result.campaign.last_seed = options.last_seed;
  const auto begun = std::chrono::steady_clock::now();
  std::uint64_t done = 0, failing = 0;
  bool over = false;
  for (std::uint64_t at = options.first_seed; at <= options.last_seed && !over; at += generation) {
    const std::uint64_t runs = std::min(generation, options.last_seed - at + 1);
    // The runs of this generation: of which scenario, and the how many-eth of it.
    std::vector<Scenario> bases;
    std::vector<Variation> variations;
    std::vector<std::pair<std::size_t, std::uint64_t>> which;
    for (std::uint64_t run = 0; run < runs * scenarios.size(); ++run) {
      const std::size_t s = guides.next();
      bases.push_back(scenarios[s]);
      variations.push_back(guides.propose(s));
      which.emplace_back(s, options.first_seed + taken[s]++);
    }
    WorkerPlan part = plan;
    part.scenarios = &bases;
    part.coverage = true;
    part.vary = [&](std::uint64_t number, std::uint32_t, std::uint64_t) { return variations[number]; };
    CampaignOptions some = options;
    some.first_seed = some.last_seed = 0;
    const auto elapsed = std::chrono::steady_clock::now() - begun;
    if (options.budget) some.budget = std::max(*options.budget - elapsed, std::chrono::nanoseconds{0});
    if (options.progress)
      some.progress = [&](const Progress& now) {
        options.progress({done + now.done, options.budget ? 0 : (options.last_seed - options.first_seed + 1) * scenarios.size(),
                          failing + now.failures, std::chrono::steady_clock::now() - begun});
      };
    some.on_run = [&](std::uint64_t number, const RunRecord& record) {
      const auto [s, seed] = which[number];
      const bool failed = result.campaign.scenarios[s].add(scenarios[s], seed, record);
      if (failed || !record.failures.empty()) {
        result.failing.emplace(std::pair{s, seed}, variations[number]);
        ++failing;
      }
      guides.learn(s, variations[number], {record.reached, record.moments, record.events, record.firsts});
      ++done;
      if (failed && options.stop_at_first) over = true;
    };
    const CampaignResult told = campaign(part, some);
    result.campaign.last_digest = told.last_digest;
    result.campaign.broken = told.broken;
    result.campaign.interrupted = told.interrupted;
    result.campaign.out_of_time = told.out_of_time;
    over = over || told.interrupted || told.out_of_time || !told.broken.empty();
    if (over) result.campaign.last_seed = std::min(options.last_seed, at + runs - 1);
    if (options.last_seed - at < generation) break;  // the last seed may be the last number there is
  }
  for (const Guide& guide : guides.all()) {
    result.reached += guide.reached();
    result.kept += guide.kept();
  }
  return result;
}

}  // namespace hubproof::tools
