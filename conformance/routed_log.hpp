// What routing wrote to a partition of an endpoint, in its original order. Routing may write a part of
// the stream again, and then gives it new sequence numbers: an event is known again by its message and
// by the date of its receipt, which differs when a device sends a message twice [D2C-10, DLV-09].
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <utility>

#include "model/history.hpp"

namespace hubproof::conformance {

class RoutedLog {
 public:
  struct Original {
    model::MessageKey key;
    std::int64_t date;     // the hub's, of its receipt
    std::int64_t since;    // stored at this true time or later
  };
  static constexpr std::uint64_t none = ~std::uint64_t{0};

  std::uint64_t begin() const { return dropped_; }  // absolute places
  std::uint64_t end() const { return dropped_ + originals_.size(); }
  const Original& at(std::uint64_t place) const { return originals_[place - dropped_]; }
  std::uint64_t find(model::MessageKey key, std::int64_t date) const {
    const auto found = places_.find({key, date});
    return found == places_.end() ? none : found->second;
  }
  void append(const Original& one) {
    if (originals_.size() == most) {
      places_.erase({originals_.front().key, originals_.front().date});
      originals_.pop_front();
      ++dropped_;
    }
    places_[{one.key, one.date}] = end();
    originals_.push_back(one);
  }

  std::uint64_t next = 0;  // place of what comes next, now and in a repetition
  std::uint32_t repetitions = 0;

 private:
  static constexpr std::size_t most = 1 << 14;
  std::deque<Original> originals_;
  std::map<std::pair<model::MessageKey, std::int64_t>, std::uint64_t> places_;
  std::uint64_t dropped_ = 0;
};

}  // namespace hubproof::conformance
