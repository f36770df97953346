// A scenario as one run plays it: with its seed, and with choices that the seed does not make. A
// search strategy makes variations; a bundle keeps one.
#pragma once

#include <cstdint>

#include "tools/scenario.hpp"
#include "tools/steering.hpp"

namespace hubproof::tools {

struct Variation {
  Scenario scenario;
  std::uint64_t seed = 0;
  Steering steering;
};

}  // namespace hubproof::tools
