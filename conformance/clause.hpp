// The catalogue of requirements: what a hub and its devices promise, one clause each. It is data,
// clauses.json, and part of the program.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conformance/check.hpp"

namespace hubproof::conformance {

struct Clause {
  std::string id;                     // "C2D-12", "mqtt311:3.1.0-2"; never renumbered
  Level level = Level::must;
  std::string sentence;
  std::string source;                 // keys of sources()
  std::vector<std::string> switches;  // of the profile, where its answer depends on one
};

struct Source {
  std::string key;
  std::string what;
};

const std::vector<Clause>& clauses();  // chapter by chapter
const std::vector<Source>& sources();
const Clause* find_clause(std::string_view id);  // null: there is none

}  // namespace hubproof::conformance
