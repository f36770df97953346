#include "sim/clock.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace hubproof::sim {
namespace {

using namespace std::chrono_literals;

Instant at(Duration since) { return Instant{since}; }

TEST(Clock, ShowsTrueTimeUntilSomebodyTouchesIt) {
  Clock clock;
  EXPECT_EQ(clock.wall(at(5s)), Clock::epoch + 5'000'000'000);
  EXPECT_EQ(clock.monotonic(at(5s)), 5'000'000'000);
}

TEST(Clock, AStepMovesTheWallClockOnly) {
  Clock clock;
  clock.step(at(10s), -3s);
  EXPECT_EQ(clock.wall(at(11s)), Clock::epoch + 8'000'000'000);
  EXPECT_EQ(clock.monotonic(at(11s)), 11'000'000'000);
}

TEST(Clock, DriftBendsBoth) {
  Clock clock;
  clock.drift(at(0s), 100);
  EXPECT_EQ(clock.monotonic(at(10'000s)), 10'001'000'000'000);
  EXPECT_EQ(clock.wall(at(10'000s)), Clock::epoch + 10'001'000'000'000);
}

TEST(Clock, ASlewGlidesAndThenIsOver) {
  Clock clock;
  clock.slew(at(0s), -1ms, 500);
  EXPECT_EQ(clock.wall(at(1s)), Clock::epoch + 999'500'000);
  EXPECT_EQ(clock.wall(at(2s)), Clock::epoch + 1'999'000'000);
  EXPECT_EQ(clock.wall(at(3s)), Clock::epoch + 2'999'000'000);
  EXPECT_EQ(clock.monotonic(at(3s)), 3'000'000'000);
  EXPECT_EQ(clock.slewed_at(), at(2s));
}

// There the offset of a clock that drifts the other way turns.
TEST(Clock, SaysWhenItsSlewEnds) {
  Clock clock;
  EXPECT_EQ(clock.slewed_at(), std::nullopt);
  clock.slew(at(0s), 1s, 300);
  const Instant end = *clock.slewed_at();
  EXPECT_EQ(clock.wall(end), Clock::true_wall(end) + 1'000'000'000);
  EXPECT_EQ(clock.wall(end - sim::Duration{4'000}), Clock::true_wall(end) - 4'000 + 999'999'998);
  clock.step(at(100s), 1s);  // what is left of it goes on
  EXPECT_LE(std::chrono::abs(*clock.slewed_at() - end), 1us);
  clock.set_right(at(200s));
  EXPECT_EQ(clock.slewed_at(), std::nullopt);
}

TEST(Clock, SetRightIsTrueTimeAgain) {
  Clock clock;
  clock.show(at(1s), 0);
  clock.drift(at(2s), -200'000);
  EXPECT_LT(clock.wall(at(10s)), Clock::epoch);
  clock.set_right(at(20s));
  EXPECT_EQ(clock.wall(at(30s)), Clock::true_wall(at(30s)));
}

RC_GTEST_PROP(Clock, ConvertsThereAndBack, ()) {
  Clock clock;
  Duration now{};
  for (const auto& [what, number] :
       *rc::gen::container<std::vector<std::pair<int, std::int32_t>>>(rc::gen::pair(
           rc::gen::inRange(0, 4), rc::gen::inRange<std::int32_t>(-400'000, 400'000)))) {
    const std::int64_t monotonic = clock.monotonic(at(now));
    if (what == 0) clock.drift(at(now), number);
    if (what == 1) clock.step(at(now), Duration{std::int64_t{number} * 1'000'000});
    if (what == 2) clock.slew(at(now), Duration{std::int64_t{number} * 1'000}, 500);
    RC_ASSERT(clock.monotonic(at(now)) == monotonic);
    now += Duration{(std::int64_t{number} + 400'001) * 12'345};
  }
  const auto ahead = *rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 50);
  const std::int64_t monotonic = clock.monotonic(at(now)) + ahead;
  const Instant when = clock.when_monotonic(monotonic);
  RC_ASSERT(clock.monotonic(when) >= monotonic);
  if (when > at(now)) RC_ASSERT(clock.monotonic(when - Duration{1}) < monotonic);
  const std::int64_t wall = clock.wall(at(now)) + ahead;
  const Instant then = clock.when_wall(wall);
  RC_ASSERT(clock.wall(then) >= wall);
  if (then > at(now)) RC_ASSERT(clock.wall(then - Duration{1}) < wall);
}

}  // namespace
}  // namespace hubproof::sim
