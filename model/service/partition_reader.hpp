// A reader of one partition: reads on from where it is, and stores a checkpoint every so many
// events and in every lull. A new process starts at the checkpoint, so what was seen after it is
// seen again.
#pragma once

#include "model/service/line.hpp"

namespace hubproof::model {

class PartitionReader {
 public:
  explicit PartitionReader(std::uint32_t partition) : partition_{partition} {}

  void go_on(Line& line);
  Took answered(Line& line, const Answer& answer);
  void connection_ended(Line& line);
  std::optional<Instant> deadline() const;
  std::optional<Instant> patience() const;

 private:
  void read(Line& line);
  void store(Line& line);
  Took was_read(Line& line, const Response& response);
  Took was_stored(Line& line, const Response& response);
  Event& saw(Line& line, What what, Phase phase = Phase::ok) const;
  Event& saw_checkpoint(Line& line, Phase phase) const;

  std::uint32_t partition_;
  std::uint32_t unstored_ = 0;  // events seen since the checkpoint
  std::uint64_t next_ = 0;      // the sequence number wanted; 0: after the checkpoint
  std::uint64_t last_ = 0;      // seen last
  std::uint64_t storing_ = 0;   // the checkpoint that is not definitely stored; 0: none
  bool begun_ = false;          // its read_from is in the history
  bool lull_ = false;
  Asking read_, store_;
  Instant read_at_{}, store_at_{};  // not before
};

}  // namespace hubproof::model
