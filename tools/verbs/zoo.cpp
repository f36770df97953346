// hubproof zoo: which strategy and which check find which mutant, as the page reports/kill-matrix.md.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <string_view>

#include "model/mutants/mutant.hpp"
#include "tools/find_scenarios.hpp"
#include "tools/output.hpp"
#include "tools/problem.hpp"
#include "tools/quantity.hpp"
#include "tools/verbs/verbs.hpp"
#include "tools/zoo.hpp"

namespace hubproof::tools {
namespace {

std::string command_of(const ZooArguments& arguments) {
  std::string command = "hubproof zoo";
  for (const std::string& scenario : arguments.scenarios) command += " " + scenario;
  for (const std::string& mutant : arguments.mutants) command += " --mutant " + mutant;
  for (const std::string& strategy : arguments.strategies) command += " --strategy " + strategy;
  if (arguments.attempts != 5) command += " --attempts " + std::to_string(arguments.attempts);
  if (arguments.give_up != std::chrono::seconds{60})
    command += " --give-up " + write_duration(arguments.give_up);
  if (arguments.no_shrinking) command += " --no-shrinking";
  if (arguments.shrinking) command += " --shrinking";
  return command;
}

}  // namespace

int zoo_verb(const ZooArguments& arguments) {
  const FoundScenarios found = find_scenarios(arguments.scenarios, {}, {"smoke", "faults"});
  if (!found.wrong.empty()) {
    std::fprintf(stderr, "%s", found.wrong.c_str());
    return exit_bad_input;
  }
  ZooOptions options;
  for (const std::string& name : arguments.mutants) {
    const model::Mutant* mutant = model::find_mutant(name);
    if (mutant == nullptr) {
      std::fprintf(stderr, "hubproof zoo: there is no mutant \"%s\"\n", name.c_str());
      return exit_usage;
    }
    options.mutants.push_back(mutant);
  }
  if (options.mutants.empty()) {
    options.mutants.push_back(nullptr);
    for (const model::Mutant& mutant : model::mutants())
      if (std::string_view{mutant.found_by} != "conform") options.mutants.push_back(&mutant);
  }
  if (!arguments.strategies.empty()) {
    options.strategies.clear();
    for (const std::string& name : arguments.strategies)
      options.strategies.push_back(static_cast<Strategy>(std::ranges::find(strategy_names, name) - strategy_names.begin()));
    options.rare_strategies = options.strategies;
  }
  if (arguments.shrinking && arguments.strategies.empty())  // what guided finds cannot be found again without its search
    options.strategies = options.rare_strategies = {Strategy::random, Strategy::swarm, Strategy::pct};
  options.one_find = arguments.shrinking;
  options.attempts = arguments.shrinking ? 1 : arguments.attempts;
  options.give_up = arguments.give_up;
  options.jobs = arguments.jobs;
  options.state = arguments.state;
  options.shrinks = !arguments.no_shrinking;
  const Interruption interruption;
  options.interrupted = Interruption::asked;

  std::vector<Minimum> minima;
  if (arguments.shrinking) {
    std::erase(options.mutants, nullptr);
    const FoundScenarios by_hand = find_scenarios({}, {}, {"minima"});
    if (!by_hand.wrong.empty()) {
      std::fprintf(stderr, "%s", by_hand.wrong.c_str());
      return exit_bad_input;
    }
    minima = run_minima(by_hand.scenarios);
    if (!arguments.mutants.empty())
      std::erase_if(minima, [&](const Minimum& one) { return std::ranges::count(arguments.mutants, one.mutant) == 0; });
  }
  const ZooResult result = zoo(found.scenarios, options, std::cerr);
  if (arguments.shrinking && result.wrong.empty())
    return !print(shrinking_page(result, minima, command_of(arguments))) ? exit_cannot_write
           : shrunk_well(result, minima)                                 ? exit_pass
                                                                         : exit_fail;
  if (!print(kill_matrix(result, options, command_of(arguments)))) return exit_cannot_write;
  if (!result.wrong.empty()) {
    std::fprintf(stderr, "hubproof zoo: %s\n", result.wrong.c_str());
    return result.hunts.empty() ? exit_bad_input : exit_cannot_write;
  }
  if (!result.whole && Interruption::asked()) return exit_interrupted;
  return all_found(result, options) && unexplained(result).empty() ? exit_pass : exit_fail;
}

}  // namespace hubproof::tools
