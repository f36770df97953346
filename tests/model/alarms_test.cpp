// The hub's alarms: what differs never compares equal, so no library chooses which one rings first.
#include "model/hub/alarms.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace hubproof::model {
namespace {

using TestAlarms = Alarms<Instant, int>;

TEST(Alarms, OfOneInstantComeInOneOrderHoweverTheyWereSet) {
  const Instant due{Duration{5}};
  std::vector<TestAlarms::Alarm> set;
  for (const int what : {1, 2})
    for (const int pause : {0, 3, 7}) set.push_back({due, what, Duration{pause}});
  std::vector<int> order(set.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);

  do {
    TestAlarms alarms;
    for (const int i : order) alarms.set(set[static_cast<std::size_t>(i)]);
    for (const TestAlarms::Alarm& expected : set) {
      const auto rang = alarms.take(due);
      ASSERT_TRUE(rang);
      ASSERT_EQ(rang->what, expected.what);
      ASSERT_EQ(rang->pause, expected.pause);
    }
  } while (std::ranges::next_permutation(order).found);
}

}  // namespace
}  // namespace hubproof::model
