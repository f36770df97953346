// A node's own clocks over true time. There are two: wall() is what the node believes the time of
// day to be, can be wrong by any amount and can jump; monotonic() counts from the start of the run
// and never goes back. Drift bends both; offset, step and slew touch the wall clock only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "sim/time.hpp"

namespace hubproof::sim {

class Clock {
 public:
  // What the wall clock of a right node shows when a run starts: 2026-01-01T00:00:00Z.
  static constexpr std::int64_t epoch = 1'767'225'600'000'000'000;

  std::int64_t wall(Instant now) const {  // nanoseconds since 1970
    const std::int64_t passed = now.time_since_epoch().count() - base_;
    return wall_ + passed + (bent() ? bend(passed) + glided(passed) : 0);
  }
  std::int64_t monotonic(Instant now) const {  // nanoseconds since the start of the run
    const std::int64_t passed = now.time_since_epoch().count() - base_;
    return monotonic_ + passed + (bent() ? bend(passed) : 0);
  }

  // The earliest true time at which the clock shows the value or more, if nobody touches it.
  Instant when_monotonic(std::int64_t value) const {
    const std::int64_t need = value - monotonic_;
    return Instant{Duration{base_ + (bent() ? span_for(need) : std::max<std::int64_t>(need, 0))}};
  }
  Instant when_wall(std::int64_t value) const;

  void step(Instant now, Duration amount);    // the wall clock jumps
  void show(Instant now, std::int64_t wall);  // the wall clock jumps to a value
  void drift(Instant now, std::int32_t ppm);  // both clocks run fast (slow if negative)
  void slew(Instant now, Duration amount, std::uint32_t ppm);  // the wall clock glides by `amount`
  void set_right(Instant now);                                 // true time, no drift, no slew
  std::optional<Instant> slewed_at() const;        // when the latest slew ends; none: it had ended before the latest change

  std::int32_t drift() const { return drift_; }
  static std::int64_t true_wall(Instant now) { return epoch + now.time_since_epoch().count(); }

 private:
  void rebase(Instant now);
  bool bent() const { return drift_ != 0 || slew_left_ != 0; }  // most clocks never are
  std::int64_t bend(std::int64_t passed) const;     // what drift has added after so long
  std::int64_t span_for(std::int64_t need) const;   // how long until drift and time make so much
  std::int64_t glided(std::int64_t passed) const;  // what the slew has added after so long

  std::int64_t base_ = 0;  // true time of the last change; what both clocks showed then
  std::int64_t wall_ = epoch;
  std::int64_t monotonic_ = 0;
  std::int64_t slew_left_ = 0;  // at base_, signed
  std::int32_t drift_ = 0;      // ppm
  std::int32_t slew_rate_ = 0;  // ppm, never negative; less than a million + drift
};

}  // namespace hubproof::sim
