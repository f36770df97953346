#include "sim/choices.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "sim/distribution.hpp"

namespace hubproof::sim {
namespace {

using namespace std::chrono_literals;

Site site(std::uint32_t number) { return static_cast<Site>(number); }
NodeId node(std::uint32_t number) { return NodeId{number}; }

TEST(Choices, AMillionNeighboursGiveNoEqualBits) {
  Choices choices{7};
  std::vector<std::uint64_t> all;
  for (std::uint32_t s = 0; s < 10; ++s)
    for (std::uint32_t who = 0; who < 100; ++who)
      for (int n = 0; n < 1000; ++n) all.push_back(choices.bits(site(s), node(who)));
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all.size(), 1'000'000U);
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
}

TEST(Choices, AreSpreadEvenly) {
  Choices choices{1};
  std::array<int, 10> seen{};
  for (int i = 0; i < 100'000; ++i) ++seen[choices.below(Site::drop, node(3), 10)];
  for (const int count : seen) {
    EXPECT_GT(count, 9'600);
    EXPECT_LT(count, 10'400);
  }
  int hits = 0;
  for (int i = 0; i < 100'000; ++i) hits += choices.chance(Site::drop, node(4), {1, 100}) ? 1 : 0;
  EXPECT_GT(hits, 850);
  EXPECT_LT(hits, 1'150);
}

TEST(Choices, ADrawInOnePlaceShiftsNoOther) {
  Choices alone{5}, beside{5};
  for (std::uint32_t i = 0; i < 1000; ++i) {
    beside.below(Site::reorder, node(1), 100);
    beside.below(Site::drop, node(2), 100);
    EXPECT_EQ(alone.below(Site::drop, node(1), 1000), beside.below(Site::drop, node(1), 1000));
  }
}

TEST(Choices, SeedsDiffer) {
  Choices one{1}, two{2};
  int equal = 0;
  for (int i = 0; i < 1000; ++i)
    equal += one.bits(Site::latency, node(0)) == two.bits(Site::latency, node(0)) ? 1 : 0;
  EXPECT_EQ(equal, 0);
}

TEST(Choices, AGivenChoiceIsTakenAndHeldBelowItsBound) {
  Choices choices{1};
  choices.give(Site::drop, node(1), 2, 7);
  choices.give(Site::drop, node(1), 3, 70);
  choices.keep_log(true);
  choices.below(Site::drop, node(1), 10);
  EXPECT_EQ(choices.below(Site::drop, node(1), 10), 7U);
  EXPECT_EQ(choices.below(Site::drop, node(1), 10), 9U);
  ASSERT_EQ(choices.log().size(), 3U);
  EXPECT_EQ(choices.log()[1].n, 2U);
  EXPECT_EQ(choices.log()[1].value, 7U);
}

TEST(Choices, WhatTheLogSaysGivesTheSameRunUnderAnotherSeed) {
  Choices first{1};
  first.keep_log(true);
  std::vector<std::uint64_t> drawn, again;
  for (std::uint32_t i = 1; i < 200; ++i) drawn.push_back(first.below(Site::cut, node(i % 3), i));
  Choices second{2};
  for (const Choice& c : first.log()) second.give(c.site, c.node, c.n, c.value);
  for (std::uint32_t i = 1; i < 200; ++i) again.push_back(second.below(Site::cut, node(i % 3), i));
  EXPECT_EQ(drawn, again);
}

TEST(Choices, HangOnTheNameOfANodeNotOnItsNumber) {
  Choices three{9}, two{9};
  three.name(node(0), "hub"), three.name(node(1), "d1"), three.name(node(2), "d2");
  two.name(node(0), "hub"), two.name(node(1), "d2");
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(three.bits(Site::latency, node(2)), two.bits(Site::latency, node(1)));
  EXPECT_NE(three.bits(Site::latency, node(1)), two.bits(Site::latency, node(1)));
}

TEST(Choices, AnotherFutureHangsOnWhenItBeginsAndNotOnWhatWasDrawnBefore) {
  Choices fresh{9}, used{9}, usual{9};
  used.bits(Site::drop, node(1));
  fresh.reseed(5), used.reseed(5);
  fresh.bits(Site::drop, node(1));
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t drawn = fresh.bits(Site::drop, node(1));
    EXPECT_EQ(drawn, used.bits(Site::drop, node(1)));
    EXPECT_NE(drawn, usual.bits(Site::drop, node(1)));
  }
}

TEST(Choices, OneSiteCanHaveAnotherFutureAlone) {
  Choices one{9}, usual{9};
  one.reseed(Site::drop, 5);
  EXPECT_EQ(one.bits(Site::latency, node(1)), usual.bits(Site::latency, node(1)));
  EXPECT_NE(one.bits(Site::drop, node(1)), usual.bits(Site::drop, node(1)));
}

TEST(Choices, EverySiteOfTheSimulatorHasAName) {
  for (std::uint32_t number = 0; number <= static_cast<std::uint32_t>(Site::boot); ++number)
    EXPECT_FALSE(name(site(number)).empty()) << number;
  EXPECT_EQ(name(Site::boot), "boot");
  EXPECT_TRUE(name(Site::program0).empty());
}

// The digests of all runs hang on these values: they are the contract.
TEST(Choices, KnownValuesStayAsTheyAre) {
  Choices choices{42};
  EXPECT_EQ(choices.bits(Site::latency, node(0)), Choices::mix(Choices::mix(Choices::mix(42)) + 1));
  EXPECT_EQ(Choices::mix(0), 0xe220a8397b1dcdafU);
}

TEST(Distribution, UniformReachesBothEndsAndNoFurther) {
  Choices choices{3};
  const auto spread = Distribution::uniform(Duration{10}, Duration{13});
  std::array<int, 4> seen{};
  for (int i = 0; i < 1000; ++i) {
    const auto value = spread.draw(choices, Site::latency, node(0)).count();
    ASSERT_GE(value, 10);
    ASSERT_LE(value, 13);
    ++seen[static_cast<std::size_t>(value - 10)];
  }
  for (const int count : seen) EXPECT_GT(count, 150);
}

TEST(Distribution, HeavyHasItsMedianATailAndACap) {
  Choices choices{3};
  const auto heavy = Distribution::heavy(20ms, 500ms);
  std::vector<Duration> all;
  for (int i = 0; i < 100'000; ++i) all.push_back(heavy.draw(choices, Site::latency, node(0)));
  std::sort(all.begin(), all.end());
  EXPECT_NEAR(static_cast<double>(all[50'000].count()), 20e6, 3e5);
  EXPECT_GT(all[99'900], 150ms);
  EXPECT_EQ(all.back(), 500ms);
  EXPECT_GT(all.front(), 5ms);
}

}  // namespace
}  // namespace hubproof::sim
