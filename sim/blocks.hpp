// A row of values that stay where they are, in blocks: to find one takes its number and a table so
// small that it is always at hand, where a row of pointers would be one more wait for memory.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace hubproof::sim {

template <class Value, std::size_t in_block = 256>
class Blocks {
 public:
  Blocks() = default;
  ~Blocks() {
    while (size_ > 0) std::destroy_at(&(*this)[--size_]);
  }
  Blocks(const Blocks&) = delete;
  Blocks& operator=(const Blocks&) = delete;

  std::size_t size() const { return size_; }
  Value& operator[](std::size_t at) { return blocks_[at / in_block][at % in_block].value; }
  const Value& operator[](std::size_t at) const { return blocks_[at / in_block][at % in_block].value; }

  template <class... Arguments>
  Value& emplace_back(Arguments&&... arguments) {
    if (size_ % in_block == 0) blocks_.push_back(std::make_unique<Room[]>(in_block));
    Value* const made = std::construct_at(&(*this)[size_], std::forward<Arguments>(arguments)...);
    ++size_;
    return *made;
  }

 private:
  union Room {
    Room() {}
    ~Room() {}
    Value value;
  };

  std::vector<std::unique_ptr<Room[]>> blocks_;
  std::size_t size_ = 0;
};

}  // namespace hubproof::sim
