// Known failures: what a target fails and need not pass yet. They do not fail the command; an entry whose
// case passes does, until it is removed.
//
//   {"target": "mosquitto 2.0.11", "known": [{"case": "mqtt/...", "clause": "mqtt311:...", "reason": ".."}]}
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/conform/conform.hpp"
#include "tools/problem.hpp"

namespace hubproof::tools {

struct KnownFailure {
  std::string name;    // of the case; no pattern
  std::string clause;
  std::string reason;
};

std::vector<KnownFailure> read_known(std::string_view json, Problems& problems);
std::string write_known(const ConformResult& result, const std::string& target);  // of all that failed

// A clause of a case, known to fail?
const KnownFailure* find_known(const std::vector<KnownFailure>& known, std::string_view name, std::string_view clause);
// Entries whose case passed what it is known to fail.
std::vector<KnownFailure> no_longer(const std::vector<KnownFailure>& known, const ConformResult& result);

}  // namespace hubproof::tools
