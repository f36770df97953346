// Results of walking all orders, as people and programs read them.
#pragma once

#include <string>
#include <vector>

#include "tools/exhaustive/explore.hpp"

namespace hubproof::tools {

struct Exhausted {
  const Scenario* scenario = nullptr;
  ExhaustiveResult result;
  std::int64_t cpu = 0;  // ns
};

conformance::Verdict verdict_of(const std::vector<Exhausted>& all);
bool complete(const std::vector<Exhausted>& all);  // nothing was cut off

// `mutant`: its name, for the line that repeats a failure; empty: none.
std::string render_exhaustive_text(const std::vector<Exhausted>& all, const std::string& mutant,
                                   bool colour);
std::string render_exhaustive_json(const std::vector<Exhausted>& all);

}  // namespace hubproof::tools
