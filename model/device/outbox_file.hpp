// The durable side of an outbox: what was submitted survives a crash once it is synced, what was
// acknowledged is not sent again once that is written. One file at a time, plus older ones until
// the newer is durable, so the space is bounded by what is unacknowledged.
//
//   record: length u32 (of what follows the CRC), CRC-32 u32, serial u64, then the PUBLISH packet
//   of a message, or nothing: that message is finished.
//
// A torn or rotten record is skipped; the ones behind it are found again by their CRC.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "model/device/outbox.hpp"
#include "model/effects.hpp"
#include "model/server.hpp"

namespace hubproof::model {

class OutboxFile {
 public:
  // What the files hold, unfinished messages by serial: packets that live as long as `files`.
  using Recovered = std::map<std::uint64_t, View>;
  Recovered recover(std::span<const StoredFile> files);
  std::uint64_t next_serial() const { return next_serial_; }

  // Call when `outbox` already holds the new message; its serial is next_serial() of before.
  void added(const Outbox& outbox, const Outbox::Entry& entry, Effects& effects);
  void finished(const Outbox& outbox, std::uint64_t serial, Effects& effects);
  void stored(Ticket ticket, bool ok, Effects& effects);
  void rewrite(const Outbox& outbox, Effects& effects);  // all that is unfinished, to a new file

 private:
  void begin_file(const Outbox& outbox, Effects& effects);
  void retire();
  void remove_retired(Effects& effects);
  void append(Effects& effects, std::uint64_t serial, View packet);
  void sync(Effects& effects);

  std::uint64_t next_serial_ = 1;
  std::uint64_t next_file_ = 1;
  std::uint64_t next_ticket_ = 1;
  std::uint64_t file_ = 0;          // 0: none
  std::uint64_t written_ = 0;       // bytes in it
  std::uint64_t live_ = 0;          // bytes of unfinished messages when it began
  Ticket ticket_{};                 // the sync of file_ under way
  bool unsynced_ = false;           // appended since that sync was asked for
  bool durable_ = false;            // one sync of file_ has succeeded
  std::vector<std::uint64_t> old_;  // kept until file_ is durable
};

}  // namespace hubproof::model
