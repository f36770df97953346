// The one queue. What happens, happens because the scheduler ran it; equal times run in the order
// they were asked for.
//
// It is a monotone radix heap: an event lies in the bucket of the highest bit in which its due time
// differs from `last_`, a time not after the earliest event. When all before it has run, the lowest
// bucket is dealt out again, in order, into buckets that are all empty; so equal times always share
// a bucket and keep their order there, and no sequence number is needed. A bucket of few is sorted
// instead and becomes the front, which runs from its beginning to its end.
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
    if (!front_over() && key <= front_.back().due)
      squeeze_in(Event{key, task});
    else
      push(Event{key, task});
  }

  bool step();                  // runs the earliest event; false when there is none
  void run_until(Instant end);  // runs all that is due before or at `end`; then it is `end`

  // While very many events wait, memory is what they wait for. So `hint` hears of each coming task
  // that will run this function, in stages 0 to 3, and may fetch what the task will touch: at each
  // stage what the one before made reachable.
  using Run = void (*)(void* self, std::uint64_t a, std::uint64_t b);
  using Hint = void (*)(const Task& task, int stage);
  void foresee(Run run, Hint hint) { seers_.push_back({run, hint}); }

 private:
  struct Event {
    std::uint64_t due;
    Task task;
  };
  static_assert(sizeof(Event) == 40);
  struct Seer {
    Run run;
    Hint hint;
  };

  static constexpr std::uint64_t never = ~std::uint64_t{0};

  void push(const Event& event) {
    const auto bucket = static_cast<std::size_t>(std::bit_width(event.due ^ last_));
    buckets_[bucket].push_back(event);
    filled_ |= std::uint64_t{1} << bucket;
    if (event.due < earliest_[bucket]) earliest_[bucket] = event.due;
  }
  bool front_over() const { return front_.data() + next_ == front_.data() + front_.size(); }
  std::uint64_t next_due() const;
  void squeeze_in(const Event& event);
  void deal();  // makes the earliest events the front
  void make_front(std::vector<Event>& few_events);
  void run_front();
  void announce(const std::vector<Event>& coming, std::size_t from) const;

  std::vector<Event> front_;  // by due time, equal ones in the order asked for
  std::size_t next_ = 0;      // of the front: what already ran
  std::array<std::vector<Event>, 64> buckets_;  // later than all of the front
  std::array<std::uint64_t, 64> earliest_ = all_never();
  std::array<std::uint32_t, 64> announced_{};  // how many of its first were told of
  std::uint64_t filled_ = 0;  // bit b: bucket b is not empty
  std::uint64_t last_ = 0;    // never above now_, so nothing can be asked for below it
  std::uint64_t now_ = 0;
  std::uint64_t ran_ = 0;
  std::size_t pending_ = 0;
  std::vector<Seer> seers_;

  static constexpr std::array<std::uint64_t, 64> all_never() {
    std::array<std::uint64_t, 64> all{};
    all.fill(never);
    return all;
  }
};

}  // namespace hubproof::sim
