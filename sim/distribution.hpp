// How long something takes, as data: always the same, evenly spread, or with a heavy tail.
#pragma once

#include <cstdint>

#include "sim/choices.hpp"
#include "sim/time.hpp"

namespace hubproof::sim {

struct Distribution {
  enum class Kind : std::uint8_t { fixed, uniform, heavy };

  Kind kind = Kind::fixed;
  Duration low{};   // fixed: the value; uniform: the least; heavy: the median
  Duration high{};  // uniform: the greatest; heavy: no value is above it

  static constexpr Distribution fixed(Duration value) { return {Kind::fixed, value, value}; }
  static constexpr Distribution uniform(Duration low, Duration high) {
    return {Kind::uniform, low, high};
  }
  // Half of the values lie within a quarter of the median or so; one in a thousand is ten times
  // the median and more.
  static constexpr Distribution heavy(Duration median, Duration cap) {
    return {Kind::heavy, median, cap};
  }

  Duration draw(Choices& choices, Site site, NodeId who) const {
    if (kind == Kind::fixed) return low;
    if (kind == Kind::uniform) {
      const auto span = static_cast<std::uint64_t>((high - low).count()) + 1;
      return low + Duration{static_cast<std::int64_t>(choices.wide(site, who, span))};
    }
    return draw_heavy(choices, site, who);
  }
  Duration draw_heavy(Choices& choices, Site site, NodeId who) const;

  bool operator==(const Distribution&) const = default;
};

}  // namespace hubproof::sim
