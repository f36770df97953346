// How often this program asked for memory, for tests of what must not.
#pragma once

#include <cstddef>

namespace hubproof::sim::test {

std::size_t allocations();

}  // namespace hubproof::sim::test
