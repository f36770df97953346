#include "sim/scheduler.hpp"

#include "sim/ensure.hpp"

namespace hubproof::sim {

std::uint64_t Scheduler::next_due() const {
  if (front_ < buckets_[0].size()) return last_;
  if (filled_ == 0) return never;
  return earliest_[static_cast<std::size_t>(std::countr_zero(filled_)) + 1];
}

void Scheduler::deal() {
  buckets_[0].clear();
  front_ = 0;
  const auto lowest = static_cast<std::size_t>(std::countr_zero(filled_)) + 1;
  auto& from = buckets_[lowest];
  filled_ &= filled_ - 1;
  last_ = earliest_[lowest];
  earliest_[lowest] = never;
  // Few events are dealt out again soon, so what they will touch is fetched while there is time:
  // the first lines of what they act on, and what their last word may point to.
  if (from.size() <= 8)
    for (const Event& event : from) {
      const auto* self = static_cast<const char*>(event.task.self);
      __builtin_prefetch(self);
      __builtin_prefetch(self + 64);
      __builtin_prefetch(self + 128);
      const auto* more = reinterpret_cast<const char*>(event.task.b);
      __builtin_prefetch(more);
      __builtin_prefetch(more + 64);
      __builtin_prefetch(more + 128);
    }
  for (const Event& event : from) push(event);
  from.clear();
}

void Scheduler::run_front() {
  const Event event = buckets_[0][front_++];  // a copy: the task may push into this very bucket
  now_ = event.due;
  ++ran_;
  --pending_;
  event.task.run(event.task.self, event.task.a, event.task.b);
}

bool Scheduler::step() {
  if (pending_ == 0) return false;
  if (front_ >= buckets_[0].size()) deal();
  run_front();
  return true;
}

void Scheduler::run_until(Instant end) {
  const auto limit = end.time_since_epoch().count();
  if (limit < 0) return;
  const auto last_wanted = static_cast<std::uint64_t>(limit);
  while (next_due() <= last_wanted && pending_ != 0) {
    if (front_ >= buckets_[0].size()) deal();
    run_front();
  }
  if (last_wanted > now_) now_ = last_wanted;
}

}  // namespace hubproof::sim
