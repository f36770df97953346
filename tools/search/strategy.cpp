#include "tools/search/strategy.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "tools/search/fault_edits.hpp"
#include "tools/spell_out.hpp"

namespace hubproof::tools {
namespace {

using namespace std::chrono_literals;

// Which of the scenario's kinds of faults take part: each by half, and at least one.
std::set<sim::FaultKind> some_kinds(const Scenario& scenario, Dice& dice) {
  std::set<sim::FaultKind> all;
  for (const sim::Fault& fault : scenario.faults) all.insert(fault.kind);
  for (const sim::NemesisSpec& spec : scenario.nemeses)
    for (const sim::Menu& menu : spec.menu) all.insert(menu.like.kind);
  std::set<sim::FaultKind> some;
  for (const sim::FaultKind kind : all)
    if (dice.one_in(2)) some.insert(kind);
  if (some.empty() && !all.empty())
    some.insert(*std::next(all.begin(), static_cast<std::ptrdiff_t>(dice.below(all.size()))));
  return some;
}

sim::Distribution scaled(sim::Distribution distribution, std::int64_t divisor) {
  distribution.low /= divisor;
  distribution.high /= divisor;
  return distribution;
}

Scenario swarm(const Scenario& scenario, std::uint64_t seed) {
  Dice dice{seed};
  Scenario masked = scenario;
  const std::set<sim::FaultKind> kinds = some_kinds(scenario, dice);
  std::erase_if(masked.faults, [&](const sim::Fault& fault) { return !kinds.contains(fault.kind); });
  for (sim::NemesisSpec& spec : masked.nemeses) {
    spec.families.clear();  // those that are left always take part
    std::erase_if(spec.menu, [&](const sim::Menu& menu) { return !kinds.contains(menu.like.kind); });
    const auto often = static_cast<std::int64_t>(std::uint64_t{1} << dice.below(3));
    for (sim::Menu& menu : spec.menu) menu.gap = scaled(menu.gap, often);
  }
  return masked;
}

Scenario pct(const Scenario& whole, std::uint64_t seed) {
  Dice dice{seed};
  const Scenario scenario = some_length(whole, dice);
  Scenario staged = spell_out_faults(scenario, seed);
  const std::vector<sim::Fault> pool = fault_pool(scenario);
  const std::size_t nodes = node_names(scenario).size();

  // What is not at a change point is thinned out, so that it hides nothing.
  std::erase_if(staged.faults, [&](const sim::Fault&) { return dice.one_in(2); });

  std::vector<sim::Duration> changes{0s};
  for (std::uint64_t points = 1 + dice.below(3); points > 0; --points)
    changes.push_back(some_time(scenario, dice));
  std::ranges::sort(changes);
  changes.push_back(scenario.duration);

  // Between two change points a node is fast or slow.
  const std::uint64_t slow = std::min<std::uint64_t>(1 + nodes / 4, 8);
  for (std::size_t at = 0; at + 1 < changes.size(); ++at)
    for (std::uint64_t i = 0; i < slow; ++i)
      staged.faults.push_back(slow_link(sim::NodeId{static_cast<std::uint32_t>(dice.below(nodes))}, changes[at],
                                        changes[at + 1], dice));

  const std::vector<sim::Duration> apart = telling_times(scenario);
  for (std::size_t at = 1; at + 1 < changes.size(); ++at) {
    sim::Duration when = changes[at];
    for (std::uint64_t count = 2 + dice.below(3); count > 0; --count) {
      if (!pool.empty() && dice.one_in(2)) {
        staged.faults.push_back(moved(dice.one_of(pool), when, scenario, dice));
      } else {
        const auto node = static_cast<std::uint32_t>(dice.below(nodes));
        const std::vector<sim::Fault> more = beside({when.count(), node}, scenario, dice);
        staged.faults.insert(staged.faults.end(), more.begin(), more.end());
      }
      if (!dice.one_in(2)) when += dice.one_of(apart);
      when += dice.time_below(100ms);
    }
  }
  return staged;
}

}  // namespace

Variation vary(Strategy strategy, const Scenario& scenario, std::uint64_t seed) {
  switch (strategy) {
    case Strategy::swarm: return {swarm(scenario, seed), seed, {}};
    case Strategy::pct: return {pct(scenario, seed), seed, {}};
    case Strategy::random:
    case Strategy::guided:
    case Strategy::exhaustive: break;
  }
  return {scenario, seed, {}};
}

}  // namespace hubproof::tools
