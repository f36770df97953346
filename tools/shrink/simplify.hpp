// Simpler scenarios next to one: each with one key left out, or one value that is drawn made the
// same always, or one figure rounded. Each is shorter as a text, so simplifying ends.
#pragma once

#include <vector>

#include "tools/scenario.hpp"

namespace hubproof::tools::shrinking {

std::vector<Scenario> simpler_scenarios(const Scenario& scenario);

}  // namespace hubproof::tools::shrinking
