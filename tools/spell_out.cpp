#include "tools/spell_out.hpp"

#include <algorithm>

namespace hubproof::tools {

Scenario spell_out_faults(const Scenario& scenario, std::uint64_t seed, const Steering& steering) {
  Scenario spelled = scenario;
  if (scenario.nemeses.empty()) return spelled;
  sim::Choices choices{seed};
  const std::vector<std::string> names = node_names(scenario);
  for (std::uint32_t node = 0; node < names.size(); ++node)
    choices.name(sim::NodeId{node}, names[node]);
  steer_from_start(choices, steering, names);
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

}  // namespace hubproof::tools
