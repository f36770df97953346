// The two clocks that a machine can see. Neither is true time, and neither converts to the other
// except at one moment, when both were read: a Now.
#pragma once

#include <chrono>
#include <cstdint>

namespace hubproof::model {

using Duration = std::chrono::nanoseconds;

// Never goes back while a process lives. Time-outs, retries and locks are measured on it.
struct Monotonic {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Monotonic>;
};
using Instant = Monotonic::time_point;

// What the node believes the date to be: time since 1970-01-01T00:00:00Z. It may jump.
// Expiries, enqueued times and tokens are dates.
struct Wall {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Wall>;
};
using Date = Wall::time_point;

struct Now {
  Instant mono;
  Date wall;

  // When this node's wall clock will show `date`, if nobody sets it meanwhile. A machine that
  // sleeps until then is woken early when the wall clock is set, and asks again.
  Instant when(Date date) const { return mono + (date - wall); }
};

}  // namespace hubproof::model
