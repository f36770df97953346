// Scenarios cut down: pure functions from a scenario to a smaller one, or to the same one told in
// smaller pieces. Each gives a scenario that is well formed, whatever it is asked to leave out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "tools/load_event.hpp"
#include "tools/scenario.hpp"

namespace hubproof::tools::shrinking {

// Each device, and each client of a plain broker, a group of its own, under its own name. The run stays the same.
Scenario with_single_devices(const Scenario& scenario);

// Without these nodes (by number; the hub stays). Their twins, what is sent to them, and faults that hit nobody
// else go with them. Every group must be of one device.
Scenario without_nodes(const Scenario& scenario, const std::vector<bool>& gone);

// Loads as lists of times, each command and each registry operation one of its own, as `loads` says
// that they were in a run.
Scenario with_told_loads(const Scenario& scenario, const std::vector<LoadEvent>& loads);

// The faults end, and all is healed, after `duration`.
Scenario with_duration(const Scenario& scenario, sim::Duration duration);

// The times at which something is told to happen or to end, ascending, each once; the end of the faults is
// the last of them.
std::vector<sim::Duration> told_times(const Scenario& scenario);

// Between two told times, and before the first, passes no more than `most`: what comes later comes
// earlier. In all places, or only before the n-th of told_times().
Scenario with_gaps_closed(const Scenario& scenario, sim::Duration most, std::optional<std::size_t> only = std::nullopt);

// What applications are told to do at a time: messages, commands, and what is done to the registry; in
// order of time. None of a load that is drawn.
std::size_t told_events(const Scenario& scenario);
std::size_t told_before(const Scenario& scenario, sim::Duration at);
Scenario without_told(const Scenario& scenario, const std::vector<bool>& gone);  // by that order

// What the clients of a plain broker are there for: each of their publishing loads, subscriptions and wills; client by
// client, in this order. Every group must be of one client.
std::size_t topic_work(const Scenario& scenario);
Scenario without_topic_work(const Scenario& scenario, const std::vector<bool>& gone);

// The n-th of the loads that clients publish, in only a half of its time, or half as often. Nothing: that is no smaller.
enum class Half : std::uint8_t { first, second, every_other };
std::size_t publish_loads(const Scenario& scenario);
std::optional<Scenario> with_half_published(const Scenario& scenario, std::size_t load, Half half);

// One device, or one service, does what two did, and bears the faults of both. Nothing: they are no two
// of a kind, or one of them is a twin, or they are clients of a plain broker.
std::optional<Scenario> with_two_in_one(const Scenario& scenario, std::size_t gone, std::size_t kept);

// How much there is of what: a smaller failure is easier to read.
struct Size {
  std::size_t faults = 0;
  std::size_t devices = 0;   // clients of a plain broker too
  // Commands and registry operations too; a load that is drawn counts as a thousand, one of a client as what fits
  // into its time, but no more than that.
  std::size_t messages = 0;
  std::size_t all() const { return faults + devices + messages; }  // what "smaller" means
};
Size size_of(const Scenario& scenario);

}  // namespace hubproof::tools::shrinking
