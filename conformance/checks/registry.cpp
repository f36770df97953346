#include "conformance/checks/registry.hpp"

#include "conformance/checks/words.hpp"

namespace hubproof::conformance {

using model::Event;
using model::What;

const About GenerationsApart::about{
    "INV-21", Level::must, "What was meant for one registration of a device never reaches, or is reported for, another.",
    {"C2D-36", "C2D-37", "FBK-11"}};

bool GenerationsApart::recreated(const Facts& facts, std::uint32_t device) const {
  for (const DeadGeneration& dead : facts.dead_generations)
    if (dead.device == device) return true;
  return false;
}

void GenerationsApart::saw(const Seen& seen) {
  const Event& event = seen.event;
  const Facts& facts = seen.facts;
  if (facts.dead_generations.empty() || event.phase != model::Phase::ok) return;
  if (event.what == What::read) {
    // What was sent after a deletion cannot bear the stamp of the registration that it ended.
    if (seen.telemetry == nullptr || event.generation == 0) return;
    for (const DeadGeneration& dead : facts.dead_generations)
      if (dead.device == seen.telemetry->device && dead.generation == event.generation &&
          dead.dead_at < seen.telemetry->invoked_at)
        return fail(seen, id(event.message) + " was sent after generation " + std::to_string(dead.generation) +
                              " of " + device(seen) + " had been deleted, and bears its stamp");
    if (recreated(facts, seen.telemetry->device)) pass();
    return;
  }
  const Command* command = seen.command;
  if (command == nullptr || command->murky || !recreated(facts, command->device)) return;
  if (event.what == What::feedback_record) {
    if (command->generation == 0 || event.generation == 0) return;
    if (command->generation == event.generation) return pass();
    return fail(seen, id(command->key) + " was accepted for generation " + std::to_string(command->generation) +
                          " of " + facts.name(command->device) + " and reported for " +
                          std::to_string(event.generation));
  }
  if (event.what != What::packet && facts.terms.hub_observed) return;
  if (command->end == End::deleted && event.at > command->end_at)
    return fail(seen, id(command->key) + " was delivered after its device had been deleted, known at " +
                          seconds(command->end_at));
  const std::uint32_t connected = facts.hub_ends[command->device].now.generation;
  if (command->generation != 0 && connected != 0 && command->generation != connected &&
      event.packet == model::Packet::publish)
    return fail(seen, id(command->key) + " was accepted for generation " + std::to_string(command->generation) +
                          " of " + facts.name(command->device) + " and delivered to generation " +
                          std::to_string(connected));
  pass();
}

}  // namespace hubproof::conformance
