#include "model/service/checkpoints.hpp"

#include "model/checksum.hpp"

namespace hubproof::model {
namespace {

constexpr std::uint32_t most_partitions = 1'024;

}  // namespace

// A record: checksum u32 of what follows, count u32, and for each partition its number u32 and sequence u64.
bool Checkpoints::read(View file) {
  bool any = false;
  Reader in{file};
  while (in.left() >= 8) {
    const std::uint32_t checksum = in.u32();
    const View rest = file.subspan(file.size() - in.left());
    const std::uint32_t count = in.u32();
    if (count > most_partitions || in.left() < std::size_t{count} * 12) break;
    if (crc32c(rest.first(4 + std::size_t{count} * 12)) != checksum) break;
    at_.clear();
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t partition = in.u32();
      at_[partition] = in.u64();
    }
    any = true;
  }
  return any;
}

void Checkpoints::started(std::span<const StoredFile> files) {
  bool found = false;
  for (std::size_t at = files.size(); at-- > 0;) {  // the newest first
    older_.push_back(files[at].id);
    if (!found) found = read(files[at].bytes);
  }
  if (!files.empty()) file_ = static_cast<FileId>(static_cast<std::uint64_t>(files.back().id) + 1);
}

std::uint64_t Checkpoints::of(std::uint32_t partition) const {
  const auto found = at_.find(partition);
  return found == at_.end() ? 0 : found->second;
}

Ticket Checkpoints::store(std::uint32_t partition, std::uint64_t sequence, Effects& effects) {
  at_[partition] = sequence;
  record_ = {};  // GCC 12 takes a cleared one for four bytes that are about to overflow
  Writer out{record_};
  out.u32(static_cast<std::uint32_t>(at_.size()));
  for (const auto& [number, last] : at_) {
    out.u32(number);
    out.u64(last);
  }
  Writer file{effects.appending(file_)};
  file.u32(crc32c(record_));
  file.bytes(record_);
  effects.appended();
  const auto ticket = static_cast<Ticket>(++tickets_);
  effects.sync(file_, ticket);
  return ticket;
}

void Checkpoints::stored(Ticket, bool ok, Effects& effects) {
  if (!ok) return;
  for (const FileId file : older_) effects.remove(file);
  older_.clear();
}

}  // namespace hubproof::model
