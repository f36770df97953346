// What the suite found at a target, as text, JSON and JUnit's XML.
#pragma once

#include <string>
#include <vector>

#include "tools/conform/conform.hpp"
#include "tools/conform/known.hpp"

namespace hubproof::tools {

struct ConformReport {
  ConformResult result;
  std::vector<KnownFailure> known;
  std::string target;        // as it was asked for, for reproduce lines
  std::string name;
  std::string profile;
  std::string options;       // " --profile P --mutant M": what a reproduce line needs besides
  std::string command{};     // " -- COMMAND", of a device
  std::uint64_t seed = 0;
  bool certified = false;    // a clause that never came up counts as one that could not be decided
};

// Of all MUST and LIMIT clauses together, as the exit code has it: known failures do not count, an entry
// that is known no longer does.
// A clause that fails as is known is decided, whatever other cases could not see of it.
conformance::Verdict verdict_of(const ConformReport& report);

std::string conform_text(const ConformReport& report, bool colour);
std::string conform_json(const ConformReport& report);
std::string conform_junit(const ConformReport& report);

}  // namespace hubproof::tools
