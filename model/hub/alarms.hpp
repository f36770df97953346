// When the hub wants to be woken, and for what: a heap in which what no longer matters is left
// until it comes up, or until there is too much of it.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

#include "model/time.hpp"

namespace hubproof::model {

template <class Time, class What>
class Alarms {
 public:
  struct Alarm {
    Time due{};
    What what{};
    Duration pause{};  // since it last rang
    // No two that differ are equal: which of equals a heap gives first is the library's own choice.
    bool operator>(const Alarm& other) const {
      if (due != other.due) return due > other.due;
      return what != other.what ? what > other.what : pause > other.pause;
    }
  };

  void set(const Alarm& alarm) {
    heap_.push_back(alarm);
    std::ranges::push_heap(heap_, std::greater{});
  }
  // Rings again for what was due and still is not done: each time after twice the pause.
  void set_again(const Alarm& rang, Time now, Duration at_least) {
    const Duration pause = std::max(at_least, 2 * rang.pause);
    set({now + pause, rang.what, pause});
  }

  bool empty() const { return heap_.empty(); }
  std::optional<Time> earliest() const {
    if (heap_.empty()) return std::nullopt;
    return heap_.front().due;
  }
  std::optional<Alarm> take(Time now) {
    if (heap_.empty() || heap_.front().due > now) return std::nullopt;
    const Alarm alarm = heap_.front();
    pop();
    return alarm;
  }

  // Forgets alarms for which matters(alarm) is false: those that come up first, and now and then all.
  template <class Matters>
  void tidy(Matters&& matters) {
    while (!heap_.empty() && !matters(heap_.front())) pop();
    if (heap_.size() < bound_) return;
    std::erase_if(heap_, [&](const Alarm& alarm) { return !matters(alarm); });
    std::ranges::make_heap(heap_, std::greater{});
    bound_ = std::max(least_bound, 2 * heap_.size());
  }

 private:
  static constexpr std::size_t least_bound = 64;

  void pop() {
    std::ranges::pop_heap(heap_, std::greater{});
    heap_.pop_back();
  }

  std::vector<Alarm> heap_;
  std::size_t bound_ = least_bound;
};

}  // namespace hubproof::model
