// The catalogue as a page: each requirement and how it is covered.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conformance/clause.hpp"

namespace hubproof::tools {

struct TracedClause {
  const conformance::Clause* clause;
  std::string_view status;          // of conformance::status_names; empty: the entry does not say
  std::vector<std::string> checks;  // that judge it or rest on it
  std::vector<std::string> cases;   // for foreign systems, that drive it
};

// reports/traceability.md, when it is given all clauses in their order.
std::string render_traceability(const std::vector<TracedClause>& traced);

}  // namespace hubproof::tools
