#include "tools/mix.hpp"

#include <numeric>

#include "tools/sim_node.hpp"

namespace hubproof::tools {
namespace {

std::size_t one_of(const std::vector<std::uint32_t>& parts, sim::Choices& choices, sim::NodeId device) {
  const std::uint32_t all = std::accumulate(parts.begin(), parts.end(), 0u);
  std::uint32_t drawn = choices.below(site(DriverSite::protocol), device, all);
  std::size_t which = 0;
  while (drawn >= parts[which]) drawn -= parts[which++];
  return which;
}

}  // namespace

bool is_mixed(const DeviceGroup& group) { return !group.protocols.empty() || !group.transports.empty(); }

bool may_speak(const DeviceGroup& group, model::DeviceSettings::Protocol protocol) {
  if (group.protocols.empty()) return group.settings.protocol == protocol;
  return group.protocols[static_cast<std::size_t>(protocol)] > 0;
}

DeviceGroup drawn_from(const DeviceGroup& group, sim::Choices& choices, sim::NodeId device) {
  using enum model::DeviceSettings::Protocol;
  using Transport = model::DeviceSettings::Transport;
  DeviceGroup one = group;
  model::DeviceSettings& settings = one.settings;
  one.protocols.clear();
  one.transports.clear();
  // Both are always drawn, so that a mix of transports draws the same with any protocol.
  if (!group.protocols.empty())
    settings.protocol = static_cast<model::DeviceSettings::Protocol>(one_of(group.protocols, choices, device));
  if (!group.transports.empty())
    settings.transport = static_cast<Transport>(one_of(group.transports, choices, device));
  if (settings.protocol == http) settings.transport = Transport::tcp;
  if (settings.protocol != http) settings.batch = 1;
  if (settings.protocol != mqtt) settings.durable_outbox = false;
  if (settings.protocol == amqp) settings.has_will = false;
  if (settings.protocol == mqtt) settings.reject_per_mille = settings.abandon_per_mille = 0;
  return one;
}

}  // namespace hubproof::tools
