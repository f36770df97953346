// Chance for one case: a function of seed, case, and how often it was asked. Each case draws for itself,
// so that it meets the same stimuli when it runs alone.
#pragma once

#include <cstdint>
#include <string_view>

#include "model/bytes.hpp"

namespace hubproof::conformance::cases {

class Draws {
 public:
  Draws(std::uint64_t seed, std::string_view name)
      : base_{model::mix(model::hash(model::view(name), model::mix(seed + 0x9e3779b97f4a7c15u)))} {}

  std::uint32_t below(std::uint32_t bound) {  // uniform in [0, bound); bound is at least 1
    const std::uint64_t bits = model::mix(base_ + ++drawn_ * 0x9fb21c651e98df25u);
    return static_cast<std::uint32_t>((bits >> 32) * bound >> 32);
  }
  std::uint32_t between(std::uint32_t least, std::uint32_t most) { return least + below(most - least + 1); }
  bool heads() { return below(2) == 1; }

 private:
  std::uint64_t base_;
  std::uint64_t drawn_ = 0;
};

}  // namespace hubproof::conformance::cases
