// A row of values that is nearly always empty or one long: that one lies in the object itself, so
// who looks at it waits for no other memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace hubproof::conformance {

template <class Value>
class Few {
 public:
  bool empty() const { return holds_ == Holds::none; }
  std::size_t size() const { return holds_ == Holds::many ? many_.size() : empty() ? 0 : 1; }
  Value* begin() { return holds_ == Holds::many ? many_.data() : &one_; }
  Value* end() { return begin() + size(); }
  const Value* begin() const { return holds_ == Holds::many ? many_.data() : &one_; }
  const Value* end() const { return begin() + size(); }
  const Value& operator[](std::size_t at) const { return begin()[at]; }

  void push_back(const Value& value) {
    if (holds_ == Holds::none) {
      one_ = value;
      holds_ = Holds::one;
      return;
    }
    if (holds_ == Holds::one) many_.push_back(one_);
    many_.push_back(value);
    holds_ = Holds::many;
  }
  template <class F>
  void erase_if(F&& unwanted) {
    Value* const kept = std::remove_if(begin(), end(), std::forward<F>(unwanted));
    keep(static_cast<std::size_t>(kept - begin()));
  }
  void erase(Value* which) {
    std::move(which + 1, end(), which);
    keep(size() - 1);
  }
  void clear() { keep(0); }

 private:
  enum class Holds : unsigned char { none, one, many };

  void keep(std::size_t count) {  // the first ones
    if (count == 0) {
      holds_ = Holds::none;
      many_.clear();
    } else if (holds_ == Holds::many) {
      many_.resize(count);
    }
  }

  Value one_{};
  Holds holds_ = Holds::none;
  std::vector<Value> many_;  // all of them, when there were more than one since it was empty
};

}  // namespace hubproof::conformance
