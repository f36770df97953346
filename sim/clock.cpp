#include "sim/clock.hpp"

#include <algorithm>

#include "sim/ensure.hpp"

namespace hubproof::sim {

namespace {

constexpr std::int64_t million = 1'000'000;

// floor(span * ppm / 10^6) for a span that is not negative, without overflow.
std::int64_t parts(std::int64_t span, std::int64_t ppm) {
  const std::int64_t rest = (span % million) * ppm;
  const std::int64_t down = rest < 0 ? -((-rest + million - 1) / million) : rest / million;
  return (span / million) * ppm + down;
}

}  // namespace

std::int64_t Clock::glided(std::int64_t passed) const {
  if (slew_left_ == 0) return 0;
  const std::int64_t most = slew_left_ < 0 ? -slew_left_ : slew_left_;
  const std::int64_t so_far = std::min(most, parts(passed, slew_rate_));
  return slew_left_ < 0 ? -so_far : so_far;
}

std::optional<Instant> Clock::slewed_at() const {
  if (slew_left_ == 0) return std::nullopt;
  const std::int64_t most = slew_left_ < 0 ? -slew_left_ : slew_left_;
  const std::int64_t whole = (most / slew_rate_) * million + ((most % slew_rate_) * million + slew_rate_ - 1) / slew_rate_;
  return Instant{Duration{base_ + whole}};
}

std::int64_t Clock::bend(std::int64_t passed) const { return parts(passed, drift_); }

// The least span with span + bend(span) >= need.
std::int64_t Clock::span_for(std::int64_t need) const {
  if (need <= 0) return 0;
  const std::int64_t speed = million + drift_;
  return (need / speed) * million + ((need % speed) * million + speed - 1) / speed;
}

Instant Clock::when_wall(std::int64_t value) const {
  // The slew makes two straight pieces; a search over the monotone sum is exact in both.
  const std::int64_t most = slew_left_ < 0 ? -slew_left_ : slew_left_;
  std::int64_t high = span_for(std::max<std::int64_t>(value - wall_, 0) + most);
  std::int64_t low = 0;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (wall(Instant{Duration{base_ + middle}}) >= value)
      high = middle;
    else
      low = middle + 1;
  }
  return Instant{Duration{base_ + low}};
}

void Clock::rebase(Instant now) {
  const std::int64_t shown = wall(now);
  const std::int64_t counted = monotonic(now);
  slew_left_ -= glided(now.time_since_epoch().count() - base_);
  base_ = now.time_since_epoch().count();
  wall_ = shown;
  monotonic_ = counted;
}

void Clock::step(Instant now, Duration amount) {
  rebase(now);
  wall_ += amount.count();
}

void Clock::show(Instant now, std::int64_t wall) {
  rebase(now);
  wall_ = wall;
  slew_left_ = 0;
}

void Clock::drift(Instant now, std::int32_t ppm) {
  ensure(ppm > -million + slew_rate_ && ppm < 1000 * million);  // a clock never stands still
  rebase(now);
  drift_ = ppm;
}

void Clock::slew(Instant now, Duration amount, std::uint32_t ppm) {
  ensure(ppm > 0 && ppm < million + drift_);
  rebase(now);
  slew_left_ = amount.count();
  slew_rate_ = static_cast<std::int32_t>(ppm);
}

void Clock::set_right(Instant now) {
  show(now, true_wall(now));
  drift_ = 0;
  slew_rate_ = 0;
}

}  // namespace hubproof::sim
