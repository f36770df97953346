// One run in a process of its own, waited for: what a shrinker or a writer of bundles asks.
#pragma once

#include <chrono>

#include "tools/variation.hpp"
#include "tools/worker.hpp"

namespace hubproof::tools {

RunRecord try_run(const Variation& variation, const model::Mutant* mutant,
                  std::chrono::nanoseconds cpu_limit = std::chrono::minutes{2});

}  // namespace hubproof::tools
