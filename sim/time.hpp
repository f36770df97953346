// The true time of a run, which no node can see. A node sees its own clocks (sim/clock.hpp).
#pragma once

#include <chrono>

namespace hubproof::sim {

// A tag, not a clock: there is no now() to call.
struct TrueTime {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<TrueTime>;
};

using Instant = TrueTime::time_point;
using Duration = TrueTime::duration;

}  // namespace hubproof::sim
