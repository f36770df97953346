// A fault in one line of words, for histories and reports.
#pragma once

#include <string>
#include <vector>

#include "sim/fault.hpp"

namespace hubproof::tools {

// `names`: of the nodes, by number.
std::string describe_fault(const sim::Fault& fault, const std::vector<std::string>& names);

}  // namespace hubproof::tools
