#include "tests/sim/allocations.hpp"

#include <cstdlib>
#include <new>

namespace {
std::size_t asked = 0;
}

namespace hubproof::sim::test {
std::size_t allocations() { return asked; }
}  // namespace hubproof::sim::test

void* operator new(std::size_t size) {
  ++asked;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc{};
}
void* operator new[](std::size_t size) { return operator new(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
