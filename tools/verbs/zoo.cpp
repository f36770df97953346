// hubproof zoo: which check finds which mutant, as the page reports/kill-matrix.md.
#include <cstdio>
#include <iostream>
#include <string_view>

#include "model/mutants/mutant.hpp"
#include "tools/find_scenarios.hpp"
#include "tools/output.hpp"
#include "tools/problem.hpp"
#include "tools/verbs/verbs.hpp"
#include "tools/zoo.hpp"

namespace hubproof::tools {

int zoo_verb(const ZooArguments& arguments) {
  const FoundScenarios found = find_scenarios(arguments.scenarios, {}, {"smoke", "faults"});
  if (!found.wrong.empty()) {
    std::fprintf(stderr, "%s", found.wrong.c_str());
    return exit_bad_input;
  }
  ZooOptions options;
  options.seeds = arguments.seeds;
  options.jobs = arguments.jobs;
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
      if (std::string_view{mutant.found_by} == "run") options.mutants.push_back(&mutant);
  }

  const std::vector<Kill> kills = zoo(found.scenarios, options, std::cerr);
  const std::string command = "hubproof zoo --seeds " + std::to_string(arguments.seeds);
  if (!print(kill_matrix(kills, command))) return exit_cannot_write;
  for (const Kill& kill : kills)
    if (!kill.found) return exit_fail;
  return exit_pass;
}

}  // namespace hubproof::tools
