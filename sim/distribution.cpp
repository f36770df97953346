#include "sim/distribution.hpp"

#include <algorithm>
#include <array>

#include "sim/wide.hpp"

namespace hubproof::sim {

namespace {

// Quantiles at k/64 in thousandths of the median; between two of them a value is interpolated.
// The body is log-normal with sigma 0.45.
constexpr std::array<std::uint32_t, 64> body = {
    274,  379,  432,  470,  501,  528,  553,  575,  596,  616,  635,  653,  671,  688,  705,  722,
    738,  754,  771,  787,  803,  818,  834,  850,  866,  883,  899,  915,  932,  948,  965,  983,
    1000, 1018, 1036, 1054, 1073, 1093, 1113, 1133, 1154, 1176, 1198, 1222, 1246, 1271, 1298, 1325,
    1355, 1385, 1418, 1453, 1491, 1531, 1575, 1624, 1678, 1739, 1810, 1893, 1994, 2126, 2312, 2636};

// The last 64th in sixteenths of its own: a Pareto tail of exponent 1.1.
constexpr std::array<std::uint32_t, 17> tail = {2636, 2794,  2973,  3178,  3415, 3693,
                                                4024, 4424,  4919,  5547,  6373, 7509,
                                                9179, 11892, 17129, 31963, 79908};

std::uint64_t between(std::uint32_t from, std::uint32_t to, std::uint32_t part, int part_bits) {
  return (static_cast<std::uint64_t>(from) << part_bits) +
         static_cast<std::uint64_t>(to - from) * part;
}

}  // namespace

Duration Distribution::draw_heavy(Choices& choices, Site site, NodeId who) const {
  constexpr int part_bits = 20;
  constexpr std::uint32_t parts = 1U << part_bits;
  const std::uint32_t at = choices.below(site, who, 64U << part_bits);
  const std::uint32_t step = at >> part_bits;
  const std::uint32_t part = at & (parts - 1);
  std::uint64_t thousandths;  // of the median, times `parts`
  if (step < 63) {
    thousandths = between(body[step], body[step + 1], part, part_bits);
  } else {
    constexpr int fine_bits = part_bits - 4;
    const std::uint32_t fine = part >> fine_bits;
    thousandths = between(tail[fine], tail[fine + 1], part & ((1U << fine_bits) - 1), fine_bits)
                  << 4;
  }
  const auto value = scaled(static_cast<std::uint64_t>(low.count()), thousandths,
                            std::uint64_t{1000} << part_bits);
  return std::min(Duration{static_cast<std::int64_t>(value)}, high);
}

}  // namespace hubproof::sim
