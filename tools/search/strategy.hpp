// How the runs of a search differ from each other.
//
//   random    the scenario as it is; its own nemeses draw from the seed
//   swarm     kinds of faults are masked, and what is left comes more often: no fault hides another
//   pct       nodes get priorities, which make some links slow, and a few change points, around which
//             faults gather, of kinds that the scenario has not as well: what needs two or three
//             coincidences meets them. Most runs are cut short: more change points for the same work
//   guided    what reached something new is kept and changed further (guide.hpp)
//   exhaustive  all orders and all sets of few faults of a small scenario (exhaustive/)
//
// The first three are functions of scenario and seed; whatever they do stands in the scenario that they
// give, so a bundle holds it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "tools/variation.hpp"

namespace hubproof::tools {

enum class Strategy : std::uint8_t { random, swarm, pct, guided, exhaustive };

inline constexpr std::array<std::string_view, 5> strategy_names{"random", "swarm", "pct", "guided",
                                                                "exhaustive"};
constexpr std::string_view name(Strategy strategy) {
  return strategy_names[static_cast<std::size_t>(strategy)];
}

// For random, swarm and pct.
Variation vary(Strategy strategy, const Scenario& scenario, std::uint64_t seed);

}  // namespace hubproof::tools
