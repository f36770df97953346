#include "tools/fleet_memory.hpp"

#ifdef __GLIBC__
#include <malloc.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <limits>
#endif

namespace hubproof::tools {

#ifdef __GLIBC__

void prefer_huge_pages(std::size_t devices) {
  constexpr std::size_t worth_it = 10'000;
  constexpr std::size_t bytes_of_a_device = 3'584;  // both its ends and the judge's part, idle
  constexpr std::uintptr_t huge = 2U << 20U;
  if (devices < worth_it) return;
  // From the heap, not from a mapping of its own each; and what is given back stays there.
  constexpr int no_limit = std::numeric_limits<int>::max();
  if (mallopt(M_MMAP_THRESHOLD, no_limit) == 0 || mallopt(M_TRIM_THRESHOLD, no_limit) == 0) return;
  // Nor in lists that are gone through, cold as they are, whenever something large is given back.
  if (mallopt(M_MXFAST, 0) == 0) return;
  void* const room = std::malloc(devices * bytes_of_a_device);
  if (room == nullptr) return;
  const auto begin = (reinterpret_cast<std::uintptr_t>(room) + huge - 1) & ~(huge - 1);
  const auto end = (reinterpret_cast<std::uintptr_t>(room) + devices * bytes_of_a_device) & ~(huge - 1);
  (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);  // a hint: it may be refused
  std::free(room);
}

#else

void prefer_huge_pages(std::size_t) {}

#endif

}  // namespace hubproof::tools
