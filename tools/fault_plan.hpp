// What `serve --faults FILE` reads, and what POST /faults of the control door does: faults and nemeses
// as a scenario has them, for a cast of the hub and its devices.
//
//   {"duration": "60s", "faults": [{"reset": "d1", "from": "10s"}], "nemeses": [..]}
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/nemesis.hpp"
#include "tools/names.hpp"
#include "tools/problem.hpp"

namespace hubproof::tools {

struct FaultPlan {
  std::string reason;          // why it exists
  sim::Duration duration{};    // then all is healed
  std::vector<sim::Fault> faults;
  std::vector<sim::NemesisSpec> nemeses;
};

Cast live_cast(const std::vector<std::string>& devices);

// What cannot be done to live connections is a problem, too.
FaultPlan read_fault_plan(std::string_view json, const Cast& cast, bool has_store, Problems& problems);
// One fault; without `until` it lasts until it is healed by hand.
std::optional<sim::Fault> read_fault(std::string_view json, const Cast& cast, bool has_store, Problems& problems);

// The faults of a seed: those of the plan and those that its nemeses draw, as a scenario's would.
std::vector<sim::Fault> spell_out(const FaultPlan& plan, const Cast& cast, std::uint64_t seed);

}  // namespace hubproof::tools
