// The states that were walked from, each by 128 bits of its content, with the number of paths that
// lead from it to an end. Two different states with equal bits are one in 10^20 for a hundred
// million states.
#pragma once

#include <cstdint>
#include <vector>

namespace hubproof::tools::exhaustive {

struct StateKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const StateKey&) const = default;
};

class Visited {
 public:
  struct Entry {
    StateKey key;
    std::uint64_t paths = 0;
  };
  Visited() : table_(1 << 16) {}

  const Entry* find(const StateKey& key) const {
    const Entry& entry = table_[slot(key)];
    return entry.key == key ? &entry : nullptr;
  }
  void add(const StateKey& key, std::uint64_t paths) {
    if (2 * ++size_ > table_.size()) grow();
    table_[slot(key)] = {key, paths};
  }
  std::uint64_t size() const { return size_; }

 private:
  std::size_t slot(const StateKey& key) const {
    std::size_t at = key.low & (table_.size() - 1);
    while (table_[at].key != key && table_[at].key != StateKey{})
      at = (at + 1) & (table_.size() - 1);
    return at;
  }
  void grow() {
    std::vector<Entry> old(2 * table_.size());
    old.swap(table_);
    for (const Entry& entry : old)
      if (entry.key != StateKey{}) table_[slot(entry.key)] = entry;
  }

  std::vector<Entry> table_;  // a power of two; a key of zeros is an empty slot
  std::uint64_t size_ = 0;
};

}  // namespace hubproof::tools::exhaustive
