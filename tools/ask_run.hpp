// Which run a command line means: a bundle, or a scenario with a seed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/bundle.hpp"
#include "tools/cli.hpp"

namespace hubproof::tools {

struct AskedRun {
  std::vector<Scenario> scenarios;   // one
  std::uint64_t seed = 0;
  std::string mutant;                // empty: none
  Steering steering;
  std::optional<Bundle> bundle;      // when it was one
  int wrong = exit_pass;             // else an exit code; what is wrong was said on standard error
};

AskedRun ask_run(const std::string& verb, const RunChoice& choice);

}  // namespace hubproof::tools
