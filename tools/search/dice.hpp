// A small generator for decisions about a search, apart from the choices of a run.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "sim/choices.hpp"

namespace hubproof::tools {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_{sim::Choices::mix(seed ^ 0x5ea2c4d1ce000000U)} {}

  std::uint64_t below(std::uint64_t bound) {  // uniform in [0, bound); 0 for an empty range
    return bound == 0 ? 0 : sim::high_product(sim::Choices::mix(state_ += 0x9e3779b97f4a7c15U), bound);
  }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  template <class T>
  const T& one_of(const std::vector<T>& list) {  // not an empty one
    return list[below(list.size())];
  }
  sim::Duration time_below(sim::Duration bound) {
    return sim::Duration{static_cast<std::int64_t>(below(static_cast<std::uint64_t>(std::max<std::int64_t>(bound.count(), 0))))};
  }

 private:
  std::uint64_t state_;
};

}  // namespace hubproof::tools
