#include "tools/search/fault_edits.hpp"

#include <algorithm>
#include <map>

#include "tools/shrink/surgery.hpp"
#include "tools/spell_out.hpp"

namespace hubproof::tools {

using namespace std::chrono_literals;

Scenario ending_at(const Scenario& scenario, sim::Duration duration) {
  duration = std::max<sim::Duration>(duration, 20s);
  if (duration >= scenario.duration) return scenario;
  Scenario shorter = shrinking::with_duration(scenario, duration);
  const sim::Instant heal = sim::Instant{} + duration;
  std::erase_if(shorter.nemeses, [&](const sim::NemesisSpec& spec) { return spec.from >= heal; });
  for (sim::NemesisSpec& spec : shorter.nemeses) spec.until = std::min(spec.until, heal);
  // Once all is healed nothing new is sent, whatever a load says of its own end.
  for (DeviceGroup& group : shorter.devices) {
    if (group.telemetry.until) group.telemetry.until = std::min(*group.telemetry.until, duration);
    if (group.telemetry.from >= duration) group.telemetry = {};
  }
  for (ServiceNode& service : shorter.services) {
    std::erase_if(service.commands, [&](const CommandLoad& load) { return load.from >= duration; });
    for (CommandLoad& load : service.commands)
      if (load.until) load.until = std::min(*load.until, duration);
  }
  return shorter;
}

Scenario some_length(const Scenario& scenario, Dice& dice) {
  const std::uint64_t place = dice.below(15);  // 8 + 4 + 2 + 1
  const std::int64_t part = place < 8 ? 8 : place < 12 ? 4 : place < 14 ? 2 : 1;
  return ending_at(scenario, scenario.duration / part);
}

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

// Where a lock, a keep-alive or the like ends that begins now: in one of three cases such a time, else none.
sim::Duration until_some_end(const Scenario& scenario, Dice& dice) {
  std::vector<sim::Duration> times = telling_times(scenario);
  std::erase_if(times, [](sim::Duration time) { return time < 5s; });
  return times.empty() || !dice.one_in(3) ? sim::Duration{0} : dice.one_of(times);
}

// Just before a moment, or just after it, or so much later.
sim::Instant near_by(const Moment& moment, sim::Duration away, const Scenario& scenario, Dice& dice) {
  const sim::Instant last = sim::Instant{} + scenario.duration - 1ms;
  const sim::Duration by = dice.one_in(2) ? any_size(dice) : -any_size(dice);
  return std::clamp(sim::Instant{} + sim::Duration{moment.at} + away + by, sim::Instant{} + 1ms, last);
}

}  // namespace

std::vector<sim::Fault> beside(const Moment& moment, const Scenario& scenario, Dice& dice) {
  constexpr sim::NodeId hub{0};
  const sim::Instant last = sim::Instant{} + scenario.duration - 1ms;
  const auto near = [&](sim::Duration away) { return near_by(moment, away, scenario, dice); };
  const std::vector<sim::Duration> times = telling_times(scenario);
  sim::Fault fault;
  fault.nodes = {sim::NodeId{moment.node}};
  fault.from = fault.until = near(until_some_end(scenario, dice));
  const auto lasts_to = [&](sim::Instant until) { fault.until = std::clamp(until, fault.from + 1ms, last + 1ms); };
  const auto slow_disk = [&](sim::Instant from, sim::Instant until, sim::Duration by) {
    sim::Fault slow;
    slow.kind = sim::FaultKind::slow_disk;
    slow.nodes = {hub};
    slow.from = std::max(from, sim::Instant{} + 1ms);
    slow.until = std::max(until, slow.from + 1ms);
    slow.duration = sim::Distribution::fixed(by);
    return slow;
  };
  const std::uint64_t which = dice.below(16);
  if (which < 5) {
    fault.kind = sim::FaultKind::crash;
    fault.nodes = {hub};
    lasts_to(fault.from + any_size(dice));
    if (dice.one_in(2)) return {fault};
    const sim::Duration unsafe = any_size(dice);
    return {slow_disk(fault.from - unsafe, fault.from + 1ms, 2 * unsafe), fault};
  }
  if (which < 8) {
    fault.kind = dice.one_in(3) ? sim::FaultKind::half_open : sim::FaultKind::reset;
  } else if (which < 10) {
    fault.kind = sim::FaultKind::step;
    fault.nodes = {hub};
    const sim::Duration telling = dice.one_of(times);
    fault.amount = dice.one_in(2) ? telling + any_size(dice) : dice.time_below(1h);
    if (dice.one_in(2)) fault.amount = -fault.amount;
  } else if (which < 12) {  // back at once, before its connection was missed: a takeover
    fault.kind = dice.one_in(2) ? sim::FaultKind::crash : sim::FaultKind::process_crash;
    lasts_to(fault.from + any_size(dice));
  } else if (which < 15) {
    fault.kind = which < 14 ? sim::FaultKind::pause : sim::FaultKind::partition;
    lasts_to(near(dice.one_of(times)));
  } else {
    const sim::Duration by = any_size(dice);
    fault = slow_disk(fault.from, near(dice.one_of(times)), by);
  }
  return {fault};
}

std::vector<std::string> ids_of_nodes(const Scenario& scenario) {
  const std::vector<std::string> names = node_names(scenario);
  std::vector<std::string> ids(names.size());
  std::map<std::string_view, std::size_t> begins;
  std::size_t node = 1 + scenario.services.size();
  for (const DeviceGroup& group : scenario.devices) {
    begins[group.name] = node;
    const std::size_t own = group.twin_of.empty() ? node : begins[group.twin_of];
    for (std::uint32_t i = 0; i < group.count; ++i, ++node) ids[node] = names[own + i];
  }
  return ids;
}

sim::Duration act_beside(const Moment& moment, const std::vector<std::string>& ids, Scenario& scenario, Dice& dice) {
  const std::size_t first = 1 + scenario.services.size();
  if (scenario.services.empty() || ids.size() <= first) return {};
  ServiceNode& service = scenario.services[dice.below(scenario.services.size())];
  const std::string& own = moment.node < ids.size() ? ids[moment.node] : ids[0];
  const std::string& device = own.empty() ? ids[first + dice.below(ids.size() - first)] : own;
  const std::vector<sim::Duration> times = telling_times(scenario);
  const sim::Duration at = near_by(moment, until_some_end(scenario, dice), scenario, dice) - sim::Instant{};
  const std::uint64_t what_it_does = dice.below(8);
  if (what_it_does < 4) {
    CommandLoad load;
    load.at = {at};
    load.to = device;
    load.body = sim::Distribution::fixed(sim::Duration{20});
    if (dice.one_in(2)) {
      const sim::Duration most = dice.one_of(times);
      load.ttl = sim::Distribution::fixed(1s + most + any_size(dice));
    }
    service.commands.push_back(load);
    return at;
  }
  RegistryEvent event{RegistryWork::purge, device, at, {}};
  if (what_it_does == 6) event.what = RegistryWork::recreate;
  if (what_it_does == 7) {
    event.what = RegistryWork::disable;
    event.disabled_for = 1ms + dice.one_of(times);
  }
  service.registry.at.push_back(event);
  return at;
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
