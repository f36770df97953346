#include "sim/scheduler.hpp"

#include <algorithm>
#include <utility>

#include "sim/ensure.hpp"

namespace hubproof::sim {
namespace {

constexpr std::size_t few = 16;
constexpr std::size_t very_many = 8192;
constexpr std::size_t near = 64;  // events: what they touch has room in the cache until they run
constexpr int stages = 4;

}  // namespace

std::uint64_t Scheduler::next_due() const {
  if (!front_over()) return front_[next_].due;
  if (filled_ == 0) return never;
  return earliest_[static_cast<std::size_t>(std::countr_zero(filled_))];
}

// Behind what is due with it or before. A front that has grown goes back to the buckets, so that a
// burst of events does not pay for being sorted in one by one.
void Scheduler::squeeze_in(const Event& event) {
  if (front_.size() - next_ >= 2 * few) {
    for (; next_ < front_.size(); ++next_) push(front_[next_]);
    push(event);
    return;
  }
  std::size_t at = front_.size();
  front_.push_back(event);
  for (; at > next_ && event.due < front_[at - 1].due; --at) front_[at] = front_[at - 1];
  front_[at] = event;
}

void Scheduler::deal() {
  front_.clear();
  next_ = 0;
  while (front_.empty()) {
    const auto lowest = static_cast<std::size_t>(std::countr_zero(filled_));
    auto& from = buckets_[lowest];
    filled_ &= filled_ - 1;
    last_ = std::exchange(earliest_[lowest], never);
    const std::uint32_t announced = std::exchange(announced_[lowest], 0);
    const bool announces = pending_ >= very_many && from.size() <= near;
    if (announces) announce(from, announced);
    if (from.size() <= few || lowest == 0) {
      make_front(from);
    } else {
      for (const Event& event : from) push(event);
      from.clear();
      if (announces)  // these buckets were empty
        for (std::size_t bucket = 0; bucket < lowest; ++bucket)
          announced_[bucket] = static_cast<std::uint32_t>(buckets_[bucket].size());
    }
  }
}

void Scheduler::make_front(std::vector<Event>& few_events) {
  front_.swap(few_events);
  if (front_.size() > few) return;  // all are due at one time
  for (std::size_t i = 1; i < front_.size(); ++i) {
    if (front_[i - 1].due <= front_[i].due) continue;
    const Event early = front_[i];
    std::size_t at = i;
    for (; at > 0 && early.due < front_[at - 1].due; --at) front_[at] = front_[at - 1];
    front_[at] = early;
  }
}

// Stage by stage over all of them: what one stage asked for is there when the next comes.
void Scheduler::announce(const std::vector<Event>& coming, std::size_t from) const {
  for (int stage = 0; stage < stages; ++stage)
    for (std::size_t i = from; i < coming.size(); ++i)
      for (const Seer& seer : seers_)
        if (seer.run == coming[i].task.run) {
          seer.hint(coming[i].task, stage);
          break;
        }
}

void Scheduler::run_front() {
  const Event& event = front_[next_++];
  const Task task = event.task;  // a copy: the task may push into the front
  now_ = event.due;
  ++ran_;
  --pending_;
  task.run(task.self, task.a, task.b);
}

bool Scheduler::step() {
  if (pending_ == 0) return false;
  if (front_over()) deal();
  run_front();
  return true;
}

void Scheduler::run_until(Instant end) {
  const auto limit = end.time_since_epoch().count();
  if (limit < 0) return;
  const auto last_wanted = static_cast<std::uint64_t>(limit);
  while (pending_ != 0) {
    if (front_over()) {
      if (next_due() > last_wanted) break;
      deal();
    } else if (front_[next_].due > last_wanted) {
      break;
    }
    run_front();
  }
  if (last_wanted > now_) now_ = last_wanted;
}

}  // namespace hubproof::sim
