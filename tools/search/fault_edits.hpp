// Edits of a scenario whose faults are spelled out: what strategies are made of. Every edit leaves a
// scenario well formed.
#pragma once

#include <vector>

#include "tools/scenario.hpp"
#include "tools/search/dice.hpp"
#include "tools/search/state_coverage.hpp"

namespace hubproof::tools {

// The same, whose faults end sooner; not sooner than after twenty seconds. What happens until then is the same.
Scenario ending_at(const Scenario& scenario, sim::Duration duration);

// The whole of it, or a half, a quarter or an eighth: the shorter, the more often, so that each length gets as
// much work. A short run that is full of faults has more coincidences for its work than a long one.
Scenario some_length(const Scenario& scenario, Dice& dice);

// Times that matter to the protocols: two things that are so far apart may meet at a boundary.
std::vector<sim::Duration> telling_times(const Scenario& scenario);

// A copy of the fault that begins at `from`, hits one or some of those that it may hit, and lasts as
// long as it did or a good deal less.
sim::Fault moved(const sim::Fault& fault, sim::Duration from, const Scenario& scenario, Dice& dice);

// Within the time before all is healed.
sim::Duration some_time(const Scenario& scenario, Dice& dice);

// The link of one node is slow in this time.
sim::Fault slow_link(sim::NodeId node, sim::Duration from, sim::Duration until, Dice& dice);

// Faults that no scenario rules out, of the hub or of the node that a moment concerns, which begin or end
// just beside it or one of the longer telling times after it. A crash may come with a disk that was slow for a while before,
// so that of this while nothing is safe.
std::vector<sim::Fault> beside(const Moment& moment, const Scenario& scenario, Dice& dice);

// Whose id a device's node has: its own name, or that of its twin; by node number, empty for other nodes.
std::vector<std::string> ids_of_nodes(const Scenario& scenario);

// A service does something to the device that a moment concerns, or to some other one, just beside that
// moment or a telling time after it: a command, some with a time to live of such a time; a purge; it disables it for a
// while, or creates it again. When that is; without a service or a device nothing happens, at time 0.
sim::Duration act_beside(const Moment& moment, const std::vector<std::string>& ids, Scenario& scenario, Dice& dice);

// Bit rot may not be moved or doubled: which copies rot, and in which order, decides what can be kept.
bool may_be_moved(sim::FaultKind kind);

// Faults of kinds that the scenario has, as it could have them: those that are told, and some that its
// nemeses draw.
std::vector<sim::Fault> fault_pool(const Scenario& scenario);

}  // namespace hubproof::tools
