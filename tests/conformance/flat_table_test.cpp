#include "conformance/flat_table.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace hubproof::conformance {
namespace {

struct Entry {
  model::MessageKey key = model::MessageKey::none;
  int value = 0;
};

RC_GTEST_PROP(FlatTable, AgreesWithAMap, (std::vector<std::pair<std::uint8_t, int>> steps)) {
  FlatTable<Entry> table;
  std::map<std::uint64_t, int> expected;
  for (const auto& [number, value] : steps) {
    const std::uint64_t raw = std::uint64_t{number} + 1;
    const auto key = static_cast<model::MessageKey>(raw);
    if (value % 3 == 0) {
      if (Entry* found = table.find(key)) table.erase(found);
      expected.erase(raw);
    } else {
      table.at(key).value = value;
      expected[raw] = value;
    }
    RC_ASSERT(table.size() == expected.size());
  }
  for (std::uint64_t raw = 1; raw <= 256; ++raw) {
    const Entry* found = table.find(static_cast<model::MessageKey>(raw));
    RC_ASSERT((found != nullptr) == expected.contains(raw));
    if (found != nullptr) RC_ASSERT(found->value == expected[raw]);
  }
}

TEST(FlatTable, SweepKeepsWhatIsWanted) {
  FlatTable<Entry> table;
  for (std::uint64_t i = 1; i <= 10'000; ++i) table.at(static_cast<model::MessageKey>(i)).value = static_cast<int>(i);
  EXPECT_EQ(table.sweep([](const Entry& entry) { return entry.value % 10 != 0; }), 9'000u);
  EXPECT_EQ(table.size(), 1'000u);
  EXPECT_EQ(table.find(static_cast<model::MessageKey>(11)), nullptr);
  ASSERT_NE(table.find(static_cast<model::MessageKey>(20)), nullptr);
}

}  // namespace
}  // namespace hubproof::conformance
