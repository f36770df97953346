// Accidents, for tests only: what a defect of a program does, rather than one of its answers.
#include <cstdint>

#include "model/mutants/mutant.hpp"

namespace hubproof::model {
namespace {

constexpr std::size_t grown = 6;  // messages of a queue: some seeds come to it, some do not

constexpr Mutant all[] = {
    {"test-null-dereference", "the hub writes to address zero when a queue has grown", "run", nullptr, "RUN-1",
     [](Rules& rules) {
       rules.hub.queue_full = [](std::size_t count, std::uint32_t limit) {
         volatile int* volatile nowhere = nullptr;
         if (count >= grown) *nowhere = 1;
         return count >= limit;
       };
     }},
    {"test-endless-loop", "the hub never answers again when a queue has grown", "run", nullptr, "RUN-2",
     [](Rules& rules) {
       rules.hub.queue_full = [](std::size_t count, std::uint32_t limit) {
         for (volatile std::uint64_t turns = 0; count >= grown;) turns = turns + 1;
         return count >= limit;
       };
     }},
    {"test-memory-hoard", "the hub eats all memory when a queue has grown", "run", nullptr, "RUN-3",
     [](Rules& rules) {
       rules.hub.queue_full = [](std::size_t count, std::uint32_t limit) {
         constexpr std::size_t chunk = std::size_t{64} << 20;
         while (count >= grown) {
           volatile char* kept = new char[chunk];
           *kept = 1;
         }
         return count >= limit;
       };
     }},
};

}  // namespace

std::span<const Mutant> accidents() { return all; }

}  // namespace hubproof::model
