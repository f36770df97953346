// A scenario with nothing left to draw that could be written down: what a seed made of its nemeses
// stands there as faults. The run stays the same, event by event.
#pragma once

#include <cstdint>

#include "tools/scenario.hpp"
#include "tools/steering.hpp"

namespace hubproof::tools {

Scenario spell_out_faults(const Scenario& scenario, std::uint64_t seed, const Steering& steering = {});
// Of single devices: each group has the protocol that its device draws.
Scenario spell_out_protocols(const Scenario& scenario, std::uint64_t seed, const Steering& steering = {});

}  // namespace hubproof::tools
