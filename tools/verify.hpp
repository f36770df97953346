// When one seed gave two digests: which event differs first.
#pragma once

#include <string>

#include "tools/worker.hpp"

namespace hubproof::tools {

// A record of the trace as one line of text.
std::string trace_line(const sim::Record& record, const std::vector<std::string>& names);

// Runs the unit twice more, in two processes side by side, and compares their traces.
std::string explain_difference(const WorkerPlan& plan, const Worker::Unit& unit, const RunRecord& first,
                               const RunRecord& second);

}  // namespace hubproof::tools
