// Scenarios cut down: pure functions from a scenario to a smaller one, or to the same one told in
// smaller pieces. Each gives a scenario that is well formed, whatever it is asked to leave out.
#pragma once

#include <vector>

#include "tools/load_event.hpp"
#include "tools/scenario.hpp"

namespace hubproof::tools::shrinking {

// Each device a group of its own, under its own name. The run stays the same.
Scenario with_single_devices(const Scenario& scenario);

// Without these nodes (by number; the hub stays). Their twins, what is sent to them, and faults that hit nobody
// else go with them. Every group must be of one device.
Scenario without_nodes(const Scenario& scenario, const std::vector<bool>& gone);

// Loads as lists of times, each command and each registry operation one of its own, as `loads` says
// that they were in a run.
Scenario with_told_loads(const Scenario& scenario, const std::vector<LoadEvent>& loads);

// The faults end, and all is healed, after `duration`.
Scenario with_duration(const Scenario& scenario, sim::Duration duration);

// Everything that is told to happen at a time happens earlier by `by`, though not before the start.
Scenario with_earlier_times(const Scenario& scenario, sim::Duration by);
sim::Duration first_time(const Scenario& scenario);  // of what is told to happen at a time

// How much there is of what: a smaller failure is easier to read.
struct Size {
  std::size_t faults = 0;
  std::size_t devices = 0;
  std::size_t messages = 0;  // told ones; a load that is drawn counts as a thousand
};
Size size_of(const Scenario& scenario);

}  // namespace hubproof::tools::shrinking
