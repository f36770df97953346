// START HERE. The smallest failure that fails in the same way: fault families, faults, nodes and
// messages are left out, outages shortened and merged, times rounded, figures brought back to their
// defaults, as long as the same signature fails. Each step runs what it tries; nothing is guessed.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "tools/shrink/surgery.hpp"
#include "tools/variation.hpp"
#include "tools/worker.hpp"

namespace hubproof::tools {

struct ShrinkOptions {
  const model::Mutant* mutant = nullptr;
  std::string signature;
  unsigned jobs = 1;
  std::chrono::nanoseconds budget = std::chrono::seconds{30};  // of real time
  std::function<bool()> interrupted;
  std::function<void(const shrinking::Size& size, std::uint64_t runs)> progress;
};

struct Shrunk {
  bool reproduced = false;    // the start failed as it should; otherwise nothing was done
  bool finished = false;      // nothing more could be left out; otherwise it is the best so far
  Variation smallest;
  RunRecord record;           // of its run
  std::uint64_t runs = 0;
  std::map<std::string, Variation> others;  // other failures that were met, by signature
};

Shrunk shrink(Variation start, const ShrinkOptions& options);

}  // namespace hubproof::tools
