// A hash table of values that know their key, in one array: open addressing, no tombstones. Its
// order means nothing, so nothing may depend on it: each() is for sums and for smallest of all.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "model/bytes.hpp"
#include "model/fetch.hpp"
#include "model/message.hpp"

namespace hubproof::conformance {

// Value has a member `model::MessageKey key`; a value-initialised one is an empty place.
template <class Value>
class FlatTable {
 public:
  FlatTable() : places_(smallest) {}

  std::size_t size() const { return size_; }
  bool full() const { return size_ * 8 >= places_.size() * 5; }  // the next insert grows

  // A place may move with any insert or erase.
  Value* find(model::MessageKey key) {
    for (std::size_t at = home(key);; at = next(at)) {
      if (places_[at].key == key) return &places_[at];
      if (places_[at].key == model::MessageKey::none) return nullptr;
    }
  }
  void fetch(model::MessageKey key) const { model::fetch(&places_[home(key)], sizeof(Value)); }
  const Value* find(model::MessageKey key) const { return const_cast<FlatTable*>(this)->find(key); }

  // The value of the key, new when there was none.
  Value& at(model::MessageKey key) {
    if (full()) grow();
    std::size_t at = home(key);
    while (places_[at].key != key && places_[at].key != model::MessageKey::none) at = next(at);
    if (places_[at].key == model::MessageKey::none) {
      places_[at].key = key;
      ++size_;
    }
    return places_[at];
  }

  [[gnu::noinline]] void erase(Value* value) {
    auto hole = static_cast<std::size_t>(value - places_.data());
    for (std::size_t at = next(hole); places_[at].key != model::MessageKey::none; at = next(at)) {
      const std::size_t want = home(places_[at].key);
      if (((at - want) & (places_.size() - 1)) < ((at - hole) & (places_.size() - 1))) continue;
      places_[hole] = std::move(places_[at]);
      hole = at;
    }
    places_[hole] = Value{};
    --size_;
  }

  template <class F>
  void each(F&& visit) const {
    for (const Value& value : places_)
      if (value.key != model::MessageKey::none) visit(value);
  }

  // Drops all that `unwanted` says; returns how many went.
  template <class F>
  std::size_t sweep(F&& unwanted) {
    std::size_t dropped = 0;
    for (Value& value : places_) {
      if (value.key == model::MessageKey::none || !unwanted(value)) continue;
      value.key = model::MessageKey::none;
      ++dropped;
    }
    std::size_t places = smallest;
    while (places * 5 / 16 < size_ - dropped) places *= 2;
    refill(places);
    return dropped;
  }

 private:
  static constexpr std::size_t smallest = 256;  // so that sweeps of few are seldom

  std::size_t home(model::MessageKey key) const {
    return static_cast<std::size_t>(model::mix(static_cast<std::uint64_t>(key))) & (places_.size() - 1);
  }
  std::size_t next(std::size_t at) const { return (at + 1) & (places_.size() - 1); }

  [[gnu::noinline]] void grow() { refill(places_.size() * 2); }
  // Into the array of the time before: a table that is swept and does not grow allocates nothing.
  void refill(std::size_t places) {
    places_.swap(old_);
    places_.assign(places, Value{});
    size_ = 0;
    for (Value& value : old_) {
      if (value.key == model::MessageKey::none) continue;
      std::size_t at = home(value.key);
      while (places_[at].key != model::MessageKey::none) at = next(at);
      places_[at] = std::move(value);
      ++size_;
    }
  }

  std::vector<Value> places_;
  std::vector<Value> old_;  // means nothing but its memory
  std::size_t size_ = 0;
};

}  // namespace hubproof::conformance
