// What the control door does beside the hub's own operations: faults, a look at queues, the clock, the end.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "model/server.hpp"
#include "tools/control_api.hpp"
#include "tools/live_faults.hpp"
#include "tools/problem.hpp"

namespace hubproof::tools {

ApiAnswer faults_answer(const std::vector<LiveFaults::Shown>& faults, int status);
ApiAnswer fault_refused(const Problems& problems);
ApiAnswer queues_answer(const std::vector<model::QueueLook>& queues);
ApiAnswer clock_answer(model::Now now, model::Duration stepped);

}  // namespace hubproof::tools
