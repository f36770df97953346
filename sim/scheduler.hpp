// The one queue. What happens, happens because the scheduler ran it; equal times run in the order
// they were asked for.
//
// It is a monotone radix heap: an event lies in the bucket of the highest bit in which its due time
// differs from the time last run. When that time moves on, only the lowest bucket that is not empty
// is dealt out again, in order, into buckets that are all empty; so equal times always share a
// bucket and keep their order there, and no sequence number is needed.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/task.hpp"
#include "sim/time.hpp"

namespace hubproof::sim {

class Scheduler {
 public:
  Instant now() const { return Instant{Duration{static_cast<std::int64_t>(now_)}}; }
  std::uint64_t ran() const { return ran_; }  // events so far
  std::size_t pending() const { return pending_; }

  // Who asks for the past means now.
  void at(Instant due, const Task& task) {
    const auto asked = due.time_since_epoch().count();
    std::uint64_t key = asked < 0 ? 0 : static_cast<std::uint64_t>(asked);
    if (key < now_) key = now_;
    ++pending_;
    push(Event{key, task});
  }

  bool step();                  // runs the earliest event; false when there is none
  void run_until(Instant end);  // runs all that is due before or at `end`; then it is `end`

 private:
  struct Event {
    std::uint64_t due;
    Task task;
  };
  static_assert(sizeof(Event) == 40);

  static constexpr std::uint64_t never = ~std::uint64_t{0};

  void push(const Event& event) {
    const auto bucket = static_cast<std::size_t>(std::bit_width(event.due ^ last_));
    buckets_[bucket].push_back(event);
    if (bucket != 0) {
      filled_ |= std::uint64_t{1} << (bucket - 1);
      if (event.due < earliest_[bucket]) earliest_[bucket] = event.due;
    }
  }
  std::uint64_t next_due() const;
  void deal();  // moves the earliest events into bucket 0
  void run_front();

  std::array<std::vector<Event>, 65> buckets_;  // 0: due exactly at last_
  std::array<std::uint64_t, 65> earliest_ = all_never();
  std::uint64_t filled_ = 0;  // bit b: bucket b + 1 is not empty
  std::size_t front_ = 0;     // of bucket 0: what already ran
  std::uint64_t last_ = 0;    // never above now_, so nothing can be asked for below it
  std::uint64_t now_ = 0;
  std::uint64_t ran_ = 0;
  std::size_t pending_ = 0;

  static constexpr std::array<std::uint64_t, 65> all_never() {
    std::array<std::uint64_t, 65> all{};
    all.fill(never);
    return all;
  }
};

}  // namespace hubproof::sim
