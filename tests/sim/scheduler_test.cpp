#include "sim/scheduler.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace hubproof::sim {
namespace {

struct Ran {
  Scheduler scheduler;
  std::vector<std::pair<std::int64_t, std::uint64_t>> order;
  Task task(std::uint64_t tag) {
    return {[](void* self, std::uint64_t a, std::uint64_t) {
              auto& ran = *static_cast<Ran*>(self);
              ran.order.emplace_back(ran.scheduler.now().time_since_epoch().count(), a);
            },
            this, tag, 0};
  }
};

Instant nano(std::int64_t count) { return Instant{Duration{count}}; }

TEST(Scheduler, EqualTimesRunInTheOrderAsked) {
  Ran ran;
  for (std::uint64_t i = 0; i < 100; ++i) ran.scheduler.at(nano(1000), ran.task(i));
  ran.scheduler.at(nano(5), ran.task(1000));
  ran.scheduler.step();
  for (std::uint64_t i = 100; i < 200; ++i) ran.scheduler.at(nano(1000), ran.task(i));
  while (ran.scheduler.step()) {}
  ASSERT_EQ(ran.order.size(), 201U);
  for (std::uint64_t i = 0; i < 200; ++i)
    EXPECT_EQ(ran.order[i + 1], std::pair(std::int64_t{1000}, i));
}

TEST(Scheduler, AskingForThePastMeansNow) {
  Ran ran;
  ran.scheduler.run_until(nano(50));
  ran.scheduler.at(nano(10), ran.task(1));
  EXPECT_TRUE(ran.scheduler.step());
  EXPECT_EQ(ran.order.front().first, 50);
}

TEST(Scheduler, RunUntilRunsWhatIsDueThenAndNothingLater) {
  Ran ran;
  ran.scheduler.at(nano(1 << 20), ran.task(1));
  ran.scheduler.at(nano((1 << 20) + 1), ran.task(2));
  ran.scheduler.run_until(nano(1 << 20));
  EXPECT_EQ(ran.order.size(), 1U);
  EXPECT_EQ(ran.scheduler.now(), nano(1 << 20));
  ran.scheduler.run_until(nano(1 << 19));  // time does not go back
  EXPECT_EQ(ran.scheduler.now(), nano(1 << 20));
}

TEST(Scheduler, WhatIsAskedForAfterAStopMayBeDueBeforeWhatWaits) {
  Ran ran;
  ran.scheduler.at(nano(1'000'000), ran.task(2));
  ran.scheduler.run_until(nano(10));
  ran.scheduler.at(nano(20), ran.task(1));
  while (ran.scheduler.step()) {}
  EXPECT_EQ(ran.order[0].second, 1U);
  EXPECT_EQ(ran.order[1].second, 2U);
}

// The model is a list that is kept stably sorted.
RC_GTEST_PROP(Scheduler, RunsAsAStableSortWould, ()) {
  const auto commands = *rc::gen::container<std::vector<std::pair<int, std::int64_t>>>(
      rc::gen::pair(rc::gen::inRange(0, 8),
                    rc::gen::oneOf(rc::gen::inRange<std::int64_t>(0, 5),
                                   rc::gen::inRange<std::int64_t>(0, 5'000),
                                   rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 45))));
  Ran ran;
  std::vector<std::pair<std::int64_t, std::uint64_t>> model, expected;
  std::int64_t now = 0;
  std::uint64_t tag = 0;
  const auto pop = [&] {
    now = std::max(now, model.front().first);
    expected.push_back(model.front());
    model.erase(model.begin());
  };
  for (const auto& [what, number] : commands) {
    if (what < 5) {
      const std::int64_t due = now + number;
      ran.scheduler.at(nano(due), ran.task(tag));
      const auto place =
          std::upper_bound(model.begin(), model.end(), due,
                           [](std::int64_t d, const auto& e) { return d < e.first; });
      model.insert(place, {due, tag++});
    } else if (what < 7) {
      RC_ASSERT(ran.scheduler.step() == !model.empty());
      if (!model.empty()) pop();
    } else {
      const std::int64_t end = now + number;
      ran.scheduler.run_until(nano(end));
      while (!model.empty() && model.front().first <= end) pop();
      now = end;
    }
    RC_ASSERT(ran.scheduler.now() == nano(now));
  }
  while (ran.scheduler.step()) {}
  while (!model.empty()) pop();
  RC_ASSERT(ran.order == expected);
}

// Tasks that ask for more, as a fleet's do; each is told of once, stage after stage, before it runs.
struct Told {
  Scheduler scheduler;
  std::vector<int> stages;  // by task: how many it was told of, or -1 once it has run
  std::uint64_t ran_untold = 0;

  void ask() {
    const auto tag = static_cast<std::uint64_t>(stages.size());
    stages.push_back(0);
    const auto later = static_cast<std::int64_t>((tag * 0x9e3779b97f4a7c15U) >> 34U);
    scheduler.at(scheduler.now() + Duration{later}, {&Told::run, this, tag, 0});
  }
  static void run(void* self, std::uint64_t tag, std::uint64_t) {
    auto& told = *static_cast<Told*>(self);
    EXPECT_TRUE(told.stages[tag] == 0 || told.stages[tag] == 4) << told.stages[tag];
    if (told.stages[tag] == 0) ++told.ran_untold;
    told.stages[tag] = -1;
    if (told.stages.size() < 60'000) told.ask();
  }
  static void hint(const Task& task, int stage) {
    int& known = static_cast<Told*>(task.self)->stages[task.a];
    EXPECT_EQ(known, stage) << "of task " << task.a;
    known = stage + 1;
  }
};

TEST(Scheduler, TellsOfEachComingTaskOnceStageByStageWhileManyWait) {
  Told told;
  told.scheduler.foresee(&Told::run, &Told::hint);
  for (int i = 0; i < 20'000; ++i) told.ask();
  while (told.scheduler.pending() > 10'000) ASSERT_TRUE(told.scheduler.step());
  EXPECT_LT(told.ran_untold, 500U) << "of 50,000: only what was asked for at the last moment";
  while (told.scheduler.step()) {}
  EXPECT_TRUE(std::ranges::all_of(told.stages, [](int stage) { return stage == -1; }));
}

TEST(Scheduler, TellsOfNothingWhileFewWait) {
  Told told;
  told.scheduler.foresee(&Told::run, &Told::hint);
  told.ask();
  for (int i = 0; i < 1'000; ++i) told.scheduler.step();
  EXPECT_EQ(told.ran_untold, 1'000U);
}

}  // namespace
}  // namespace hubproof::sim
