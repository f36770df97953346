// A failure that can be held: one file with all that makes it happen again. A run is a function of
// scenario, seed, steering and program; what a bundle says of clause, evidence and digest is what came
// of it when it was written, to be compared.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/scenario.hpp"
#include "tools/steering.hpp"

namespace hubproof::tools {

// How often a run failed when its future was drawn anew from a point on.
struct Odds {
  sim::Duration at{};
  std::uint32_t fails = 0;
  std::uint32_t of = 0;
};

// The last choice whose change saves the run.
struct NoReturn {
  GivenChoice instead;     // with it the failure does not happen
  std::uint64_t was = 0;
  sim::Duration at{};      // when it was made
};

struct Bundle {
  std::string version;     // of the program that wrote it
  std::string clause;
  std::string sentence;    // the clause's
  std::string signature;   // (signature.hpp)
  std::string what;        // the evidence: what happened,
  std::int64_t at = 0;     //   true time in ns,
  std::optional<std::uint64_t> event;  // and where in the history; none: hubproof's own clauses
  std::uint64_t seed = 0;
  std::string mutant;      // empty: none
  std::uint64_t digest = 0;
  Steering steering;
  std::vector<std::string> story;      // what happened, for people, line by line
  std::vector<Odds> odds;  // along the time line; empty: nobody looked
  std::optional<NoReturn> no_return;
  Scenario scenario;       // its faults spelled out
};

struct ReadBundle {
  Bundle bundle;
  Problems problems;       // empty: good
};
ReadBundle read_bundle(std::string_view json, std::string_view file);
std::string write_bundle(const Bundle& bundle);

bool is_bundle(std::string_view json);  // rather than a scenario

}  // namespace hubproof::tools
