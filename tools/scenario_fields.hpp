// The shape of a scenario's JSON object, for files that hold one inside.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "tools/field.hpp"
#include "tools/scenario.hpp"

namespace hubproof::tools {

// `cast`: who takes part, filled in on the way when a scenario is read; for writing it is cast_of().
// `profile`: overrides the scenario's own; empty: as it says.
void scenario_fields(Fields& fields, Scenario& scenario, Cast& cast, std::string_view profile = {});
Cast cast_of(const Scenario& scenario);

// The shape of "routing", which is also the file that `serve --routes` reads.
void routing_fields(Fields& fields, model::Routing& routing);

// The shapes of an item of "faults" and of "nemeses". Faults end with `duration`; 0: they need not.
void fault_fields(Fields& fields, sim::Fault& fault, sim::Duration duration);
void nemesis_fields(Fields& fields, sim::NemesisSpec& spec, sim::Duration duration, std::size_t nodes);

// The object that a file is to hold. None: it holds no such thing, and `problems` has one more.
std::optional<Document> object_of(std::string_view json, std::vector<Problem>& problems);

}  // namespace hubproof::tools
