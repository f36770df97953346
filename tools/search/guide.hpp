// A guided search: runs that reached a combination of protocol state that none before had reached are
// kept, and changed further: faults moved beside each other, to other nodes or to telling times, added,
// left out, made short; or another future drawn from some point on. A function of its seed and of what
// it was told, in the order told.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/search/dice.hpp"
#include "tools/variation.hpp"

namespace hubproof::tools {

class Guide {
 public:
  Guide(const Scenario& scenario, std::uint64_t seed);

  Variation propose();
  // What the variation reached (StateCoverage), and how much work its run was.
  void learn(const Variation& variation, const std::vector<std::uint32_t>& reached, std::uint64_t events);

  std::size_t kept() const { return corpus_.size(); }
  std::size_t reached() const { return reached_count_; }

 private:
  struct Kept {
    Variation variation;
    std::uint64_t news = 0;    // features that it was first to reach
    std::uint64_t tries = 0;   // how often it was changed further
    std::uint64_t events = 0;
  };

  Variation fresh();
  void change(Variation& variation);
  Kept& parent();

  const Scenario& scenario_;
  Dice dice_;
  std::vector<sim::Fault> pool_;
  std::vector<sim::Duration> apart_;
  std::size_t nodes_;
  std::uint64_t next_seed_;
  std::uint64_t proposed_ = 0;
  std::vector<Kept> corpus_;
  std::vector<bool> seen_;
  std::size_t reached_count_ = 0;
};

}  // namespace hubproof::tools
