// What was exhausted, in one sentence that claims no more than what was walked, and what cannot be.
#include "conformance/check.hpp"
#include "tools/exhaustive/explore.hpp"
#include "tools/exhaustive/participant.hpp"
#include "tools/exhaustive/world.hpp"
#include "tools/mix.hpp"
#include "tools/quantity.hpp"
#include "tools/render/render.hpp"

namespace hubproof::tools {
namespace {

std::string listed(const std::vector<std::string>& things, const std::string& last) {
  std::string text;
  for (std::size_t i = 0; i < things.size(); ++i)
    text += (i == 0 ? "" : i + 1 == things.size() ? last : ", ") + things[i];
  return text;
}

std::string count_of(std::uint64_t count, const char* one, const char* many) {
  return count_text(count) + " " + (count == 1 ? one : many);
}

std::string faults_text(const Scenario& scenario) {
  const ExhaustivePlan& plan = *scenario.exhaustive;
  const std::vector<std::string> names = node_names(scenario);
  std::vector<std::string> kinds;
  const auto each = [&](const std::vector<sim::NodeId>& nodes, const std::string& before,
                        const std::string& after) {
    for (const sim::NodeId node : nodes)
      kinds.push_back(before + names[static_cast<std::size_t>(node)] + after);
  };
  each(plan.connection_loss, "loss of ", "'s connection");
  each(plan.silent_loss, "loss of ", "'s connection unheard by the hub");
  each(plan.crash, "crash of ", "");
  if (plan.late) kinds.push_back("all that is under way comes late");
  if (plan.faults == 0 || kinds.empty()) return "without a fault";
  return "with at most " + std::to_string(plan.faults) + " of the faults: " + listed(kinds, " or ");
}

std::string work_text(const Scenario& scenario) {
  std::size_t telemetry = 0, commands = 0;
  for (const DeviceGroup& group : scenario.devices)
    telemetry += group.count * exhaustive::messages_of(group.telemetry);
  for (const ServiceNode& service : scenario.services)
    for (const CommandLoad& load : service.commands) commands += exhaustive::messages_of(load);
  std::vector<std::string> work;
  if (telemetry > 0) work.push_back(count_of(telemetry, "telemetry message", "telemetry messages"));
  if (commands > 0) work.push_back(count_of(commands, "command", "commands"));
  if (work.empty()) return "no messages";
  return listed(work, " and ");
}

std::string outcome_text(const ExhaustiveResult& result) {
  std::size_t exercised = 0;
  std::vector<std::string> broken;
  for (std::size_t check = 0; check < result.clauses.size(); ++check) {
    const ExhaustiveResult::Counts& counts = result.clauses[check];
    if (counts.pass + counts.inconclusive + counts.fail > 0) ++exercised;
    if (counts.fail > 0)
      broken.push_back(std::string{conformance::checks()[check]->id} + " in " +
                       count_text(counts.fail));
  }
  if (broken.empty())
    return "none breaks any of the " + count_of(exercised, "clause", "clauses") + " that came up";
  return "broken: " + listed(broken, ", ");
}

}  // namespace

std::string exhaustive_statement(const Scenario& scenario, const ExhaustiveResult& result) {
  const std::string paths =
      (result.paths_overflow ? "more than " : "") + count_of(result.paths, "path", "paths");
  std::string text = result.cut.empty() ? "exhausted: all orders of the steps of "
                                        : "NOT exhausted: orders of the steps of ";
  text += work_text(scenario) + " among " + std::to_string(node_names(scenario).size()) +
          " participants, " + faults_text(scenario) + ": " + paths + " in " +
          count_of(result.states, "state", "states") + ", the longest walked of " +
          count_of(result.deepest, "step", "steps") + "; " +
          count_of(result.histories, "different history", "different histories") + ", " +
          outcome_text(result) +
          "; cut off: " + (result.cut.empty() ? "nothing" : listed(result.cut, "; "));
  return text + ".";
}

std::string unfit_for_exhaustion(const Scenario& scenario) {
  if (!scenario.exhaustive)
    return "it has no key \"exhaustive\", which says how many faults of which kinds to walk "
           "through";
  const auto nodes = node_names(scenario).size();
  if (nodes > exhaustive::most_nodes)
    return "it has " + std::to_string(nodes) + " participants; " +
           std::to_string(exhaustive::most_nodes) + " are the most whose orders can be walked";
  // What would be left out without a word is refused.
  if (!scenario.faults.empty() || !scenario.nemeses.empty())
    return "it has faults at known or drawn times; here \"exhaustive\" says which there are";
  if (scenario.rules.hub.quota.on()) return "limits of the hub are not played";
  for (const DeviceGroup& group : scenario.devices) {
    if (!group.twin_of.empty()) return "twins are not played";
    if (is_mixed(group)) return "protocols are not drawn; let each group speak one";
    if (group.sleep) return "sleep is not played";
    if (group.memory_loss.high > sim::Duration{0}) return "memory_loss is not played; \"crash\" is";
    if (exhaustive::messages_of(group.telemetry) > exhaustive::most_writes)
      return "more than " + std::to_string(exhaustive::most_writes) + " messages of one device";
  }
  for (const ServiceNode& service : scenario.services) {
    const RegistryLoad& registry = service.registry;
    if (registry.purge || registry.recreate || registry.disable || registry.rotate || !registry.at.empty())
      return "what a service does to the registry is not played";
    std::size_t commands = 0;
    for (const CommandLoad& load : service.commands) commands += exhaustive::messages_of(load);
    if (commands > exhaustive::most_writes)
      return "more than " + std::to_string(exhaustive::most_writes) + " commands of one service";
  }
  if (scenario.exhaustive->begin >= scenario.duration)
    return "its choices would begin when its duration is over";
  return {};
}

}  // namespace hubproof::tools
