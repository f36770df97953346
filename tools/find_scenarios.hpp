// Which scenarios a command line means: files, folders and names.
#pragma once

#include <string>
#include <vector>

#include "tools/scenario.hpp"

namespace hubproof::tools {

struct FoundScenarios {
  std::vector<Scenario> scenarios;   // in the order asked; a folder's in the order of their paths
  std::string wrong;                 // what is wrong with the input, for people; empty: nothing
};

// Nothing asked: all of these folders of scenarios. ./scenarios is preferred to those of the source
// folder.
FoundScenarios find_scenarios(const std::vector<std::string>& asked, const std::string& profile,
                              const std::vector<std::string>& folders = {"smoke"});

// All files that `hubproof list scenarios` names.
std::vector<std::string> scenario_files();

bool read_file(const std::string& path, std::size_t most, std::string& text, std::string& wrong);

}  // namespace hubproof::tools
