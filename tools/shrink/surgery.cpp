#include "tools/shrink/surgery.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "tools/topic_load.hpp"

namespace hubproof::tools::shrinking {
namespace {

// The new number of each node, or nothing.
using Renumbered = std::vector<std::optional<sim::NodeId>>;

// False: the list named nodes, and all of them are gone.
bool renumber(std::vector<sim::NodeId>& nodes, const Renumbered& numbers) {
  if (nodes.empty()) return true;  // everybody
  std::vector<sim::NodeId> kept;
  for (const sim::NodeId node : nodes)
    if (const auto number = numbers[static_cast<std::size_t>(node)]) kept.push_back(*number);
  nodes = std::move(kept);
  return !nodes.empty();
}

bool any_device(const std::vector<std::string>& devices, std::string_view pattern) {
  return std::ranges::any_of(devices, [&](const std::string& name) { return matches_name(pattern, name); });
}

// What is meant for nobody is not sent: a scenario may not name devices that it does not have.
void drop_loads_without_target(Scenario& scenario) {
  std::vector<std::string> devices;
  for (const DeviceGroup& group : scenario.devices) devices.push_back(group.name);
  for (ServiceNode& service : scenario.services) {
    std::erase_if(service.commands, [&](const CommandLoad& load) { return !any_device(devices, load.to); });
    RegistryLoad& registry = service.registry;
    std::erase_if(registry.at, [&](const RegistryEvent& event) { return !any_device(devices, event.device); });
    if (any_device(devices, registry.to)) continue;
    registry.purge.reset();
    registry.recreate.reset();
    registry.disable.reset();
    registry.rotate.reset();
  }
}

}  // namespace

Scenario with_single_devices(const Scenario& scenario) {
  Scenario single = scenario;
  single.devices.clear();
  const std::vector<std::string> names = node_names(scenario);
  std::size_t node = 1 + scenario.services.size();
  std::vector<std::pair<std::string_view, std::size_t>> first_of;  // by group
  for (const DeviceGroup& group : scenario.devices) {
    const auto twins = std::ranges::find(first_of, group.twin_of, [](const auto& one) { return one.first; });
    first_of.emplace_back(group.name, node);
    for (std::uint32_t i = 0; i < group.count; ++i, ++node) {
      DeviceGroup& one = single.devices.emplace_back(group);
      one.name = names[node];
      one.count = 1;
      if (!group.twin_of.empty() && twins != first_of.end()) one.twin_of = names[twins->second + i];
    }
  }
  single.clients.clear();
  for (const ClientGroup& group : scenario.clients)
    for (std::uint32_t i = 0; i < group.count; ++i, ++node) {
      const TopicLoad numbered{group, i};
      ClientGroup& one = single.clients.emplace_back(group);
      one.name = names[node];
      one.count = 1;
      one.settings = numbered.settings;
      for (std::size_t at = 0; at < one.publishes.size(); ++at) one.publishes[at].topic = numbered.topics[at];
    }
  return single;
}

Scenario without_nodes(const Scenario& scenario, const std::vector<bool>& gone) {
  Scenario smaller = scenario;
  smaller.services.clear();
  smaller.devices.clear();
  smaller.clients.clear();
  Renumbered numbers{hub_node};
  std::uint32_t next = 1;
  const auto keeps = [&](bool keep) {
    numbers.push_back(keep ? std::optional{sim::NodeId{next++}} : std::nullopt);
    return keep;
  };
  std::size_t node = 1;
  for (const ServiceNode& service : scenario.services)
    if (keeps(!gone[node++])) smaller.services.push_back(service);
  for (const DeviceGroup& group : scenario.devices) {
    const bool twinless = !group.twin_of.empty() &&
                          !std::ranges::count(smaller.devices, group.twin_of, &DeviceGroup::name);
    if (keeps(!gone[node++] && !twinless)) smaller.devices.push_back(group);
  }
  for (const ClientGroup& group : scenario.clients)
    if (keeps(!gone[node++])) smaller.clients.push_back(group);
  std::erase_if(smaller.faults, [&](sim::Fault& fault) {
    return !renumber(fault.nodes, numbers) || !renumber(fault.peers, numbers);
  });
  drop_loads_without_target(smaller);
  return smaller;
}

Scenario with_told_loads(const Scenario& scenario, const std::vector<LoadEvent>& loads) {
  Scenario told = scenario;
  const std::size_t devices_begin = 1 + scenario.services.size();
  for (DeviceGroup& group : told.devices) {
    group.telemetry.every.reset();
    group.telemetry.at.clear();
  }
  for (ServiceNode& service : told.services) {
    service.commands.clear();
    const sim::Distribution told_after = service.registry.told_after;
    service.registry = RegistryLoad{};
    service.registry.told_after = told_after;
  }
  for (const LoadEvent& event : loads) {
    const auto node = static_cast<std::size_t>(event.node);
    const sim::Duration at = event.at - sim::Instant{};
    if (event.kind == LoadEvent::Kind::telemetry) {
      told.devices[node - devices_begin].telemetry.at.push_back(at);
      continue;
    }
    ServiceNode& service = told.services[node - 1];
    if (event.kind == LoadEvent::Kind::command) {
      const CommandLoad& drawn = scenario.services[node - 1].commands[event.load];
      CommandLoad& one = service.commands.emplace_back();
      one.at = {at};
      one.to = event.device;
      if (event.ttl) one.ttl = sim::Distribution::fixed(*event.ttl);
      one.ack = drawn.ack;
      one.properties = drawn.properties;
      one.body = sim::Distribution::fixed(sim::Duration{static_cast<std::int64_t>(event.body)});
      continue;
    }
    RegistryEvent& one = service.registry.at.emplace_back();
    one.what = event.kind == LoadEvent::Kind::purge      ? RegistryWork::purge
               : event.kind == LoadEvent::Kind::recreate ? RegistryWork::recreate
               : event.kind == LoadEvent::Kind::rotate   ? RegistryWork::rotate
                                                         : RegistryWork::disable;
    one.device = event.device;
    one.at = at;
    one.disabled_for = event.disabled_for;
  }
  return told;
}

Scenario with_duration(const Scenario& scenario, sim::Duration duration) {
  Scenario shorter = scenario;
  shorter.duration = duration;
  const sim::Instant heal = sim::Instant{} + duration;
  std::erase_if(shorter.faults, [&](const sim::Fault& fault) { return fault.from >= heal; });
  for (sim::Fault& fault : shorter.faults) fault.until = std::min(fault.until, heal);
  const auto later = [&](sim::Duration at) { return at >= duration; };
  for (DeviceGroup& group : shorter.devices) {
    const bool drawn = group.telemetry.at.empty();
    std::erase_if(group.telemetry.at, later);
    if (group.telemetry.at.empty() && !drawn) group.telemetry.every.reset();
  }
  for (ServiceNode& service : shorter.services) {
    std::erase_if(service.commands, [&](CommandLoad& load) {
      const bool drawn = load.at.empty();
      std::erase_if(load.at, later);
      return load.at.empty() && !drawn;
    });
    std::erase_if(service.registry.at, [&](const RegistryEvent& event) { return later(event.at); });
  }
  for (ClientGroup& group : shorter.clients) {
    std::erase_if(group.publishes, [&](const PublishLoad& load) { return later(load.from); });
    for (PublishLoad& load : group.publishes)
      if (load.until && later(*load.until)) load.until.reset();
  }
  return shorter;
}

namespace {

// Every time of the scenario at which something is told to happen.
template <class Visit>
void each_time(Scenario& scenario, const Visit& visit) {
  const auto instant = [&](sim::Instant& at) {
    sim::Duration since = at - sim::Instant{};
    visit(since);
    at = sim::Instant{} + since;
  };
  for (sim::Fault& fault : scenario.faults) {
    const bool ends = fault.until > fault.from;
    instant(fault.from);
    if (ends) instant(fault.until);
  }
  for (DeviceGroup& group : scenario.devices)
    for (sim::Duration& at : group.telemetry.at) visit(at);
  for (ServiceNode& service : scenario.services) {
    for (CommandLoad& load : service.commands)
      for (sim::Duration& at : load.at) visit(at);
    for (RegistryEvent& event : service.registry.at) visit(event.at);
  }
  for (ClientGroup& group : scenario.clients)
    for (PublishLoad& load : group.publishes) {
      if (load.from > sim::Duration{}) visit(load.from);
      if (load.until) visit(*load.until);
    }
}

}  // namespace

std::vector<sim::Duration> told_times(const Scenario& scenario) {
  Scenario copy = scenario;
  std::vector<sim::Duration> times{scenario.duration};
  each_time(copy, [&](sim::Duration& at) { times.push_back(std::min(at, scenario.duration)); });
  std::ranges::sort(times);
  const auto doubled = std::ranges::unique(times);
  times.erase(doubled.begin(), doubled.end());
  return times;
}

Scenario with_gaps_closed(const Scenario& scenario, sim::Duration most, std::optional<std::size_t> only) {
  const std::vector<sim::Duration> times = told_times(scenario);
  std::vector<sim::Duration> instead(times.size());
  sim::Duration last{};
  sim::Duration by{};
  for (std::size_t at = 0; at < times.size(); ++at) {
    if (!only || *only == at) by += std::max(times[at] - last - most, sim::Duration{0});
    last = times[at];
    instead[at] = times[at] - by;
  }
  const auto earlier = [&](sim::Duration& at) {
    at = instead[static_cast<std::size_t>(std::ranges::lower_bound(times, std::min(at, scenario.duration)) -
                                          times.begin())];
  };
  Scenario closed = scenario;
  each_time(closed, earlier);
  earlier(closed.duration);
  return closed;
}

namespace {

// Every time of what is told, in the order of the scenario's text.
std::vector<sim::Duration> event_times(const Scenario& scenario) {
  std::vector<sim::Duration> times;
  for (const DeviceGroup& group : scenario.devices)
    times.insert(times.end(), group.telemetry.at.begin(), group.telemetry.at.end());
  for (const ServiceNode& service : scenario.services) {
    for (const CommandLoad& load : service.commands) times.insert(times.end(), load.at.begin(), load.at.end());
    for (const RegistryEvent& event : service.registry.at) times.push_back(event.at);
  }
  return times;
}

}  // namespace

std::size_t told_events(const Scenario& scenario) { return event_times(scenario).size(); }

std::size_t told_before(const Scenario& scenario, sim::Duration at) {
  return static_cast<std::size_t>(
      std::ranges::count_if(event_times(scenario), [&](sim::Duration time) { return time < at; }));
}

Scenario without_told(const Scenario& scenario, const std::vector<bool>& gone) {
  const std::vector<sim::Duration> times = event_times(scenario);
  std::vector<std::size_t> order(times.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t at) { return std::pair{times[at], at}; });
  std::vector<bool> erase(times.size());
  for (std::size_t at = 0; at < order.size(); ++at) erase[order[at]] = gone[at];

  Scenario smaller = scenario;
  std::size_t next = 0;
  const auto goes = [&](const auto&) { return erase[next++]; };
  for (DeviceGroup& group : smaller.devices)
    if (std::erase_if(group.telemetry.at, goes) > 0 && group.telemetry.at.empty()) group.telemetry.every.reset();
  for (ServiceNode& service : smaller.services) {
    std::erase_if(service.commands, [&](CommandLoad& load) {
      return std::erase_if(load.at, goes) > 0 && load.at.empty();
    });
    std::erase_if(service.registry.at, goes);
  }
  return smaller;
}

namespace {

template <class List>
void erase_those(List& list, const std::vector<bool>& gone, std::size_t& next) {
  std::erase_if(list, [&](const auto&) { return gone[next++]; });
}

PublishLoad& load_at(Scenario& scenario, std::size_t at) {
  auto group = scenario.clients.begin();
  for (; at >= group->publishes.size(); ++group) at -= group->publishes.size();
  return group->publishes[at];
}

// How many messages, or bursts, fit into the time of a load; roughly, as the times are drawn.
std::int64_t published_by(const Scenario& scenario, const PublishLoad& load) {
  const sim::Distribution& every = load.every;
  const sim::Duration usual = every.kind == sim::Distribution::Kind::uniform ? every.low / 2 + every.high / 2 : every.low;
  const sim::Duration time = std::max(load.until.value_or(scenario.duration) - load.from, sim::Duration{});
  return time / std::max(usual, sim::Duration{1});
}

}  // namespace

std::size_t topic_work(const Scenario& scenario) {
  std::size_t count = 0;
  for (const ClientGroup& group : scenario.clients)
    count += group.publishes.size() + group.settings.subscriptions.size() + (group.settings.will ? 1 : 0);
  return count;
}

Scenario without_topic_work(const Scenario& scenario, const std::vector<bool>& gone) {
  Scenario smaller = scenario;
  std::size_t next = 0;
  for (ClientGroup& group : smaller.clients) {
    erase_those(group.publishes, gone, next);
    erase_those(group.settings.subscriptions, gone, next);
    if (group.settings.will && gone[next++]) group.settings.will.reset();
  }
  return smaller;
}

std::size_t publish_loads(const Scenario& scenario) {
  std::size_t count = 0;
  for (const ClientGroup& group : scenario.clients) count += group.publishes.size();
  return count;
}

std::optional<Scenario> with_half_published(const Scenario& scenario, std::size_t load, Half half) {
  Scenario smaller = scenario;
  PublishLoad& one = load_at(smaller, load);
  if (published_by(scenario, one) < 2) return std::nullopt;
  const sim::Duration until = one.until.value_or(scenario.duration);
  const sim::Duration middle = one.from + (until - one.from) / 2;
  switch (half) {
    case Half::first: one.until = middle; break;
    case Half::second: one.from = middle; break;
    case Half::every_other:
      one.every.low *= 2;
      one.every.high *= 2;
      break;
  }
  return smaller;
}

std::optional<Scenario> with_two_in_one(const Scenario& scenario, std::size_t gone, std::size_t kept) {
  const std::size_t devices_begin = 1 + scenario.services.size();
  if (gone == kept || (gone < devices_begin) != (kept < devices_begin)) return std::nullopt;
  if (std::max(gone, kept) >= devices_begin + scenario.devices.size()) return std::nullopt;
  Scenario merged = scenario;
  if (gone < devices_begin) {
    const ServiceNode& from = scenario.services[gone - 1];
    ServiceNode& into = merged.services[kept - 1];
    into.commands.insert(into.commands.end(), from.commands.begin(), from.commands.end());
    into.registry.at.insert(into.registry.at.end(), from.registry.at.begin(), from.registry.at.end());
  } else {
    const DeviceGroup& from = scenario.devices[gone - devices_begin];
    DeviceGroup& into = merged.devices[kept - devices_begin];
    for (const DeviceGroup& group : scenario.devices)
      if (!group.twin_of.empty() && (group.name == from.name || group.name == into.name ||
                                     group.twin_of == from.name || group.twin_of == into.name))
        return std::nullopt;
    auto& at = into.telemetry.at;
    at.insert(at.end(), from.telemetry.at.begin(), from.telemetry.at.end());
    std::ranges::sort(at);
    for (ServiceNode& service : merged.services) {
      for (CommandLoad& load : service.commands)
        if (load.to == from.name) load.to = into.name;
      for (RegistryEvent& event : service.registry.at)
        if (event.device == from.name) event.device = into.name;
    }
  }
  for (sim::Fault& fault : merged.faults)
    for (auto* nodes : {&fault.nodes, &fault.peers}) {
      std::ranges::replace(*nodes, sim::NodeId{static_cast<std::uint32_t>(gone)},
                           sim::NodeId{static_cast<std::uint32_t>(kept)});
      std::ranges::sort(*nodes);
      const auto doubled = std::ranges::unique(*nodes);
      nodes->erase(doubled.begin(), doubled.end());
    }
  std::vector<bool> goes(devices_begin + scenario.devices.size());
  goes[gone] = true;
  return without_nodes(merged, goes);
}

Size size_of(const Scenario& scenario) {
  constexpr std::size_t endless = 1000;
  Size size;
  size.faults = scenario.faults.size() + scenario.nemeses.size() * endless;
  for (const DeviceGroup& group : scenario.devices) {
    size.devices += group.count;
    size.messages += group.count * group.telemetry.burst *
                     (group.telemetry.at.empty() ? (group.telemetry.every ? endless : 0)
                                                 : group.telemetry.at.size());
  }
  for (const ServiceNode& service : scenario.services) {
    for (const CommandLoad& load : service.commands)
      size.messages += load.burst * (load.at.empty() ? endless : load.at.size());
    const RegistryLoad& registry = service.registry;
    size.messages += registry.at.size();
    for (const auto* drawn : {&registry.purge, &registry.recreate, &registry.disable, &registry.rotate})
      if (*drawn) size.messages += endless;
  }
  for (const ClientGroup& group : scenario.clients) {
    size.devices += group.count;
    for (const PublishLoad& load : group.publishes)
      size.messages += group.count * load.burst *
                       std::clamp<std::size_t>(static_cast<std::size_t>(published_by(scenario, load)), 1, endless);
  }
  return size;
}

}  // namespace hubproof::tools::shrinking
