#include "model/mutants/mutant.hpp"

#include <vector>

#include "model/mutants/areas.hpp"

namespace hubproof::model {

std::span<const Mutant> mutants() {
  static const std::vector<Mutant> all = [] {
    std::vector<Mutant> zoo;
    for (const std::span<const Mutant> area :
         {telemetry_mutants(), routing_mutants(), quota_mutants(), command_mutants(), feedback_mutants(),
          session_mutants(), journal_mutants(), device_mutants(), service_mutants(), http_mutants(), security_mutants(),
          amqp_mutants(), websocket_mutants(), broker_mutants()})
      zoo.insert(zoo.end(), area.begin(), area.end());
    return zoo;
  }();
  return all;
}

const Mutant* find_mutant(std::string_view name) {
  for (const Mutant& mutant : mutants())
    if (name == mutant.name) return &mutant;
  for (const Mutant& accident : accidents())
    if (name == accident.name) return &accident;
  return nullptr;
}

}  // namespace hubproof::model
