// Where the readers of a back end go on after a restart. Event Hubs keeps no checkpoints for its
// readers: each has a store of its own [D2C-36]. Here that is a file on the service's disk, in which each record
// holds the checkpoints of all partitions: the last whole one counts. Each life of the process begins a
// file of its own, so that nothing is written behind what a crash tore.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "model/effects.hpp"

namespace hubproof::model {

class Checkpoints {
 public:
  void started(std::span<const StoredFile> files);
  std::uint64_t of(std::uint32_t partition) const;  // sequence number; 0: none
  // Its answer is stored(), with the same ticket.
  Ticket store(std::uint32_t partition, std::uint64_t sequence, Effects& effects);
  void stored(Ticket ticket, bool ok, Effects& effects);

 private:
  bool read(View file);

  std::map<std::uint32_t, std::uint64_t> at_;
  std::vector<FileId> older_;
  FileId file_{1};
  std::uint64_t tickets_ = 0;
  Bytes record_;  // scratch
};

}  // namespace hubproof::model
