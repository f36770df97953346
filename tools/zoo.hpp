// The zoo: does each mutant meet a check that finds it, and the check that is meant for it? The
// matrix of mutants and checks is what proves the judges.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "tools/scenario.hpp"

namespace hubproof::model {
struct Mutant;
}

namespace hubproof::tools {

struct Kill {
  std::string mutant;                // "clean": the right hub
  std::string meant_for;             // the check that is to find it; of the right hub "none"
  bool found = false;                // by that check; the right hub: no check failed
  std::string found_in;              // scenario
  std::uint64_t seed = 0;
  std::uint64_t runs = 0;            // until then, or in all
  double cpu_s = 0;
  std::vector<std::string> checks;   // all that failed in these runs, in the order of first failure
};

struct ZooOptions {
  std::uint64_t seeds = 200;         // of each scenario, at most
  unsigned jobs = 2;
  std::vector<const model::Mutant*> mutants;  // null: the right hub, which no check may fail
};

// Runs seed 0 of every scenario, then seed 1, until the meant check has failed. Each mutant has a
// process of its own, so one that crashes is a kill by RUN-1 and the rest goes on.
std::vector<Kill> zoo(const std::vector<Scenario>& scenarios, const ZooOptions& options,
                      std::ostream& progress);

std::string kill_matrix(const std::vector<Kill>& kills, const std::string& command);

}  // namespace hubproof::tools
