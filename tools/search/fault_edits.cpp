#include "tools/search/fault_edits.hpp"

#include <algorithm>

#include "tools/spell_out.hpp"

namespace hubproof::tools {

using namespace std::chrono_literals;

std::vector<sim::Duration> telling_times(const Scenario& scenario) {
  const model::HubRules& hub = scenario.rules.hub;
  std::vector<sim::Duration> times{0ms, 1ms, 20ms, 100ms, 500ms, 2s, 10s,
                                   hub.lock, hub.feedback_batch, hub.feedback_lock};
  for (const DeviceGroup& group : scenario.devices) {
    times.push_back(group.settings.keep_alive / 2 * 3);
    times.push_back(group.settings.ack_patience);
  }
  std::ranges::sort(times);
  const auto again = std::ranges::unique(times);
  times.erase(again.begin(), again.end());
  std::erase_if(times, [&](sim::Duration time) { return time >= scenario.duration; });
  return times;
}

sim::Duration some_time(const Scenario& scenario, Dice& dice) {
  return dice.time_below(scenario.duration - 1ms) + 1ns;
}

sim::Fault moved(const sim::Fault& fault, sim::Duration from, const Scenario& scenario, Dice& dice) {
  sim::Fault copy = fault;
  const sim::Instant heal = sim::Instant{} + scenario.duration;
  copy.from = std::min(sim::Instant{} + from, heal - 1ms);
  if (copy.nodes.size() > 1 && dice.one_in(2)) copy.nodes = {dice.one_of(copy.nodes)};
  if (!lasts(copy.kind)) {
    copy.until = copy.from;
    return copy;
  }
  sim::Duration length = std::max<sim::Duration>(fault.until - fault.from, 1ms);
  if (dice.one_in(3)) length = std::max<sim::Duration>(length / 8, 1ms);
  if (dice.one_in(4)) length = std::max<sim::Duration>(dice.one_of(telling_times(scenario)), 1ms);
  copy.until = std::min(copy.from + length, heal);
  return copy;
}

sim::Fault slow_link(sim::NodeId node, sim::Duration from, sim::Duration until, Dice& dice) {
  sim::Fault fault;
  fault.kind = sim::FaultKind::delay;
  fault.nodes = {node};
  fault.from = sim::Instant{} + from;
  fault.until = sim::Instant{} + std::max(until, from + 1ms);
  const sim::Duration most = dice.one_in(3) ? sim::Duration{3s} : sim::Duration{300ms};
  fault.duration = sim::Distribution::fixed(10ms + dice.time_below(most));
  fault.one_way = dice.one_in(3);
  return fault;
}

namespace {

// From a microsecond to two seconds, each power of two as likely as the other.
sim::Duration any_size(Dice& dice) {
  const sim::Duration least = sim::Duration{1us} * (std::int64_t{1} << dice.below(21));
  return least + dice.time_below(least);
}

}  // namespace

std::vector<sim::Fault> beside(const Moment& moment, const Scenario& scenario, Dice& dice) {
  constexpr sim::NodeId hub{0};
  const sim::Instant last = sim::Instant{} + scenario.duration - 1ms;
  const auto near = [&](sim::Duration away) {
    const sim::Duration by = dice.one_in(2) ? any_size(dice) : -any_size(dice);
    return std::clamp(sim::Instant{} + sim::Duration{moment.at} + away + by, sim::Instant{} + 1ms, last);
  };
  const std::vector<sim::Duration> times = telling_times(scenario);
  sim::Fault fault;
  fault.nodes = {sim::NodeId{moment.node}};
  fault.from = fault.until = near(dice.one_in(4) ? dice.one_of(times) : sim::Duration{0});
  const auto lasts_to = [&](sim::Instant until) { fault.until = std::clamp(until, fault.from + 1ms, last + 1ms); };
  const std::uint64_t which = dice.below(16);
  if (which < 6) {
    fault.kind = sim::FaultKind::crash;
    fault.nodes = {hub};
    lasts_to(fault.from + any_size(dice));
    if (dice.one_in(2)) return {fault};
    sim::Fault slow;
    slow.kind = sim::FaultKind::slow_disk;
    slow.nodes = {hub};
    const sim::Duration unsafe = any_size(dice);
    slow.from = std::max(fault.from - unsafe, sim::Instant{} + 1ms);
    slow.until = fault.from + 1ms;
    slow.duration = sim::Distribution::fixed(2 * unsafe);
    return {slow, fault};
  }
  if (which < 9) {
    fault.kind = dice.one_in(3) ? sim::FaultKind::half_open : sim::FaultKind::reset;
  } else if (which < 12) {
    fault.kind = sim::FaultKind::step;
    fault.nodes = {hub};
    fault.amount = dice.one_in(2) ? dice.one_of(times) + any_size(dice) : dice.time_below(1h);
    if (dice.one_in(2)) fault.amount = -fault.amount;
  } else {
    fault.kind = which < 14   ? sim::FaultKind::pause
                 : which < 15 ? sim::FaultKind::partition
                              : sim::FaultKind::process_crash;
    lasts_to(near(dice.one_of(times)));
  }
  return {fault};
}

bool may_be_moved(sim::FaultKind kind) { return kind != sim::FaultKind::bit_rot; }

std::vector<sim::Fault> fault_pool(const Scenario& scenario) {
  std::vector<sim::Fault> pool = scenario.faults;
  for (std::uint64_t seed = 0; seed < 4 && !scenario.nemeses.empty(); ++seed) {
    const Scenario drawn = spell_out_faults(scenario, seed);
    pool.insert(pool.end(), drawn.faults.begin() + static_cast<std::ptrdiff_t>(scenario.faults.size()),
                drawn.faults.end());
  }
  std::erase_if(pool, [](const sim::Fault& fault) { return !may_be_moved(fault.kind); });
  return pool;
}

}  // namespace hubproof::tools
