#include "tools/spell_out.hpp"

#include <algorithm>

#include "tools/mix.hpp"

namespace hubproof::tools {
namespace {

sim::Choices named_choices(const Scenario& scenario, std::uint64_t seed, const Steering& steering) {
  sim::Choices choices{seed};
  const std::vector<std::string> names = node_names(scenario);
  for (std::uint32_t node = 0; node < names.size(); ++node)
    choices.name(sim::NodeId{node}, names[node]);
  steer_from_start(choices, steering, names);
  return choices;
}

}  // namespace

Scenario spell_out_faults(const Scenario& scenario, std::uint64_t seed, const Steering& steering) {
  Scenario spelled = scenario;
  if (scenario.nemeses.empty()) return spelled;
  sim::Choices choices = named_choices(scenario, seed, steering);
  for (const sim::NemesisSpec& spec : scenario.nemeses) {
    for (sim::Fault& fault : sim::draw(choices, spec)) {
      // Without a length it lasts until all is healed.
      if (lasts(fault.kind) && fault.until <= fault.from)
        fault.until = sim::Instant{} + scenario.duration;
      spelled.faults.push_back(std::move(fault));
    }
  }
  spelled.nemeses.clear();
  return spelled;
}

Scenario spell_out_protocols(const Scenario& scenario, std::uint64_t seed, const Steering& steering) {
  Scenario spelled = scenario;
  if (std::ranges::none_of(scenario.devices, is_mixed)) return spelled;
  sim::Choices choices = named_choices(scenario, seed, steering);
  auto node = static_cast<std::uint32_t>(1 + scenario.services.size());
  for (DeviceGroup& group : spelled.devices) group = drawn_from(group, choices, sim::NodeId{node++});
  return spelled;
}

}  // namespace hubproof::tools
