// What the queue holds: a plain function with its two words. Trivially copyable, so that an event
// costs no allocation and the queue may move it as bytes.
#pragma once

#include <cstdint>
#include <type_traits>

namespace hubproof::sim {

struct Task {
  void (*run)(void* self, std::uint64_t a, std::uint64_t b);
  void* self;
  std::uint64_t a = 0;
  std::uint64_t b = 0;
};

static_assert(std::is_trivially_copyable_v<Task> && sizeof(Task) == 32);

}  // namespace hubproof::sim
