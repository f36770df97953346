// Where a failure became certain. The future is drawn anew from points along the run: how often it
// still fails is its probability there. And the last single choice whose change saves the run is the
// point of no return.
#pragma once

#include "tools/bundle.hpp"
#include "tools/shrink/trials.hpp"

namespace hubproof::tools::shrinking {

struct TurningPointSettings {
  std::size_t points = 8;
  std::size_t futures = 20;         // of each point
  std::size_t choices = 300;        // the last ones before the evidence, at most
};

// Fills in Bundle::odds and Bundle::no_return. Nothing for hubproof's own clauses.
void find_turning_point(Bundle& bundle, Trials& trials, const TurningPointSettings& settings = {});

}  // namespace hubproof::tools::shrinking
