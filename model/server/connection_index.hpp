// From a connection's id to the slot that holds its state: one probe, no allocation per connection.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "model/effects.hpp"

namespace hubproof::model {

// Open addressing with the id itself as its hash: a driver's ids are dense and grow, so those alive
// spread evenly. Erasing shifts the followers back, so nothing is left behind by the dead.
class ConnectionIndex {
 public:
  static constexpr std::uint32_t none = 0xffffffff;

  std::size_t size() const { return size_; }

  std::uint32_t find(ConnectionId id) const {
    if (cells_.empty()) return none;
    for (std::size_t at = home(id);; at = (at + 1) & mask()) {
      if (cells_[at].id == id) return cells_[at].slot;
      if (cells_[at].id == ConnectionId::none) return none;
    }
  }

  void insert(ConnectionId id, std::uint32_t slot) {  // an id that is not in it
    if (2 * (size_ + 1) > cells_.size()) grow();
    place({id, slot});
    ++size_;
  }

  void erase(ConnectionId id) {
    if (cells_.empty()) return;
    std::size_t hole = home(id);
    while (cells_[hole].id != id) {
      if (cells_[hole].id == ConnectionId::none) return;
      hole = (hole + 1) & mask();
    }
    for (std::size_t at = (hole + 1) & mask(); cells_[at].id != ConnectionId::none;
         at = (at + 1) & mask()) {
      if (((at - home(cells_[at].id)) & mask()) < ((at - hole) & mask())) continue;
      cells_[hole] = cells_[at];
      hole = at;
    }
    cells_[hole] = {};
    --size_;
  }

 private:
  struct Cell {
    ConnectionId id{};
    std::uint32_t slot = 0;
  };

  std::size_t mask() const { return cells_.size() - 1; }
  std::size_t home(ConnectionId id) const { return static_cast<std::size_t>(id) & mask(); }

  void place(Cell cell) {
    std::size_t at = home(cell.id);
    while (cells_[at].id != ConnectionId::none) at = (at + 1) & mask();
    cells_[at] = cell;
  }

  void grow() {
    const std::vector<Cell> old =
        std::exchange(cells_, std::vector<Cell>(cells_.empty() ? 16 : 2 * cells_.size()));
    for (const Cell& cell : old)
      if (cell.id != ConnectionId::none) place(cell);
  }

  std::vector<Cell> cells_;
  std::size_t size_ = 0;
};

}  // namespace hubproof::model
