#include "model/device/outbox_file.hpp"

#include <algorithm>
#include <set>

#include "model/checksum.hpp"

namespace hubproof::model {
namespace {

constexpr std::size_t header = 8;
constexpr std::size_t serial_size = 8;
constexpr std::uint64_t small = 4'096;   // an empty outbox may leave a file of this size
constexpr std::uint64_t large = 65'536;  // a file beyond it that is mostly finished is rewritten

// The record at the front of `bytes`, without its header; empty when there is none.
View record_at(View bytes) {
  Reader reader{bytes};
  const std::uint32_t length = reader.u32();
  const std::uint32_t crc = reader.u32();
  if (!reader.ok() || length < serial_size || length > reader.left()) return {};
  const View record = reader.bytes(length);
  return crc32c(record) == crc ? record : View{};
}

}  // namespace

OutboxFile::Recovered OutboxFile::recover(std::span<const StoredFile> files) {
  Recovered found;
  std::set<std::uint64_t> finished;
  for (const StoredFile& file : files) {
    const auto id = static_cast<std::uint64_t>(file.id);
    next_file_ = std::max(next_file_, id + 1);
    old_.push_back(id);
    for (std::size_t at = 0; at < file.bytes.size();) {
      const View record = record_at(file.bytes.subspan(at));
      if (record.empty()) {
        ++at;
        continue;
      }
      at += header + record.size();
      Reader reader{record};
      const std::uint64_t serial = reader.u64();
      next_serial_ = std::max(next_serial_, serial + 1);
      if (reader.left() > 0)
        found.emplace(serial, reader.rest());
      else
        finished.insert(serial);
    }
  }
  for (const std::uint64_t serial : finished) found.erase(serial);
  return found;
}

void OutboxFile::append(Effects& effects, std::uint64_t serial, View packet) {
  Bytes& out = effects.appending(static_cast<FileId>(file_));
  const std::size_t from = out.size();
  Writer writer{out};
  writer.u32(static_cast<std::uint32_t>(serial_size + packet.size()));
  writer.u32(0);
  writer.u64(serial);
  writer.bytes(packet);
  writer.patch_u32(from + 4, crc32c(View{out}.subspan(from + header)));
  written_ += out.size() - from;
  effects.appended();
}

void OutboxFile::sync(Effects& effects) {
  unsynced_ = true;
  if (ticket_ != Ticket::none) return;  // its end starts the next
  unsynced_ = false;
  ticket_ = static_cast<Ticket>(next_ticket_++);
  effects.sync(static_cast<FileId>(file_), ticket_);
}

// Of the file that was written so far only the part that a sync covered counts.
void OutboxFile::retire() {
  if (file_ != 0) old_.push_back(file_);
  file_ = 0;
  ticket_ = Ticket::none;
}

void OutboxFile::remove_retired(Effects& effects) {
  for (const std::uint64_t old : old_) effects.remove(static_cast<FileId>(old));
  old_.clear();
}

void OutboxFile::begin_file(const Outbox& outbox, Effects& effects) {
  file_ = next_file_++;
  written_ = live_ = 0;
  unsynced_ = durable_ = false;
  ticket_ = Ticket::none;
  outbox.each(
      [&](const Outbox::Entry& entry) { append(effects, entry.serial, outbox.packet(entry)); });
  live_ = written_;
}

void OutboxFile::rewrite(const Outbox& outbox, Effects& effects) {
  retire();
  if (outbox.size() == 0) {
    remove_retired(effects);
    return;
  }
  begin_file(outbox, effects);
  sync(effects);
}

void OutboxFile::added(const Outbox& outbox, const Outbox::Entry& entry, Effects& effects) {
  next_serial_ = std::max(next_serial_, entry.serial + 1);
  const bool mostly_finished = written_ > large && written_ / 4 > live_ && old_.empty();
  if (file_ != 0 && !mostly_finished) {
    append(effects, entry.serial, outbox.packet(entry));
  } else {
    retire();
    begin_file(outbox, effects);
  }
  sync(effects);
}

void OutboxFile::finished(const Outbox& outbox, std::uint64_t serial, Effects& effects) {
  if (outbox.size() == 0 && (written_ > small || !old_.empty())) {
    retire();
    remove_retired(effects);
  } else if (file_ != 0) {
    append(effects, serial,
           {});  // not synced: losing it costs a duplicate, which is legal [DLV-09]
  }
}

void OutboxFile::stored(Ticket ticket, bool ok, Effects& effects) {
  if (ticket != ticket_ || file_ == 0) return;  // of a file that is given up
  ticket_ = Ticket::none;
  if (ok) {
    durable_ = true;
    remove_retired(effects);
    if (unsynced_) sync(effects);
    return;
  }
  // What a failed sync leaves is unknown. The next message begins a new file with all that is
  // unfinished; until then what was durable before is all there is.
  if (durable_) {
    retire();
  } else {
    effects.remove(static_cast<FileId>(file_));
    file_ = 0;
  }
}

}  // namespace hubproof::model
