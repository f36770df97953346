// START HERE. The smallest failure that fails in the same way: fault families, faults, nodes and
// messages are left out, two nodes become one, outages are shortened and merged, gaps closed, times
// rounded, figures brought back to their defaults, as long as the same signature fails. Where nothing can be
// left out any more, some other seeds are tried. Each step runs what it tries; nothing is guessed.
//
// What is only late is no failure: one that is told of what was not done until the end keeps its time
// to settle, and each step of it fails with a much longer one, too.
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
