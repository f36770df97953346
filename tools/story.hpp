// What happened in a run, told for a person: a numbered list in true time, with what the failure is
// about, and the clause in the end.
#pragma once

#include <string>
#include <vector>

#include "tools/bundle.hpp"

namespace hubproof::tools {

// At most about forty lines: in a longer run only those about who and what the evidence names, and
// the faults. The run is played once more, in this process.
std::vector<std::string> story_of(const Bundle& bundle);

// How likely the failure was along the time line, and the last choice that saves the run.
std::vector<std::string> turning_point_lines(const Bundle& bundle);

// A GoogleTest that fails as long as the failure is there.
std::string generated_test(const Bundle& bundle, const std::string& bundle_file);

}  // namespace hubproof::tools
