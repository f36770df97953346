#include "conformance/few.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace hubproof::conformance {
namespace {

RC_GTEST_PROP(Few, AgreesWithAVector, (std::vector<std::pair<std::uint8_t, int>> steps)) {
  Few<int> few;
  std::vector<int> expected;
  for (const auto& [step, value] : steps) {
    switch (step % 4) {
      case 0:
      case 1:
        few.push_back(value);
        expected.push_back(value);
        break;
      case 2:
        if (expected.empty()) break;
        few.erase(few.begin() + step % expected.size());
        expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(step % expected.size()));
        break;
      default:
        few.erase_if([&](int one) { return one < value; });
        std::erase_if(expected, [&](int one) { return one < value; });
        break;
    }
    RC_ASSERT(few.empty() == expected.empty());
    RC_ASSERT(few.size() == expected.size());
    RC_ASSERT(std::ranges::equal(few, expected));
  }
  few.clear();
  RC_ASSERT(few.empty());
}

}  // namespace
}  // namespace hubproof::conformance
