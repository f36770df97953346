#include "sim/disk.hpp"

#include <algorithm>
#include <utility>

namespace hubproof::sim {

Disk::Disk(Process& process, Scheduler& scheduler, Choices& choices, Trace& trace)
    : process_{process}, scheduler_{scheduler}, choices_{choices}, trace_{trace} {}

bool Disk::append(std::uint64_t name, View bytes) {
  if (trouble_.full || bytes.size() > settings_.capacity - used_) {
    trace_.note(process_.id(), Kind::append_refused, name, bytes.size());
    return false;
  }
  File* const known = find(name);
  File& file = known != nullptr ? *known : create(name);
  file.bytes.insert(file.bytes.end(), bytes.begin(), bytes.end());
  used_ += bytes.size();
  return true;
}

Disk::File* Disk::look_up(std::uint64_t name) {
  const auto found = files_.find(name);
  if (found == files_.end()) return nullptr;
  used_last_ = &found->second;
  used_last_name_ = name;
  return used_last_;
}

// It is likely to become as large as the one before it; to grow step by step would be to copy it
// again and again.
Disk::File& Disk::create(std::uint64_t name) {
  const std::size_t expected = files_.empty() ? 0 : files_.rbegin()->second.bytes.size();
  File& file = files_[name];
  file.birth = ++births_;
  file.bytes.swap(spare_);
  file.bytes.reserve(expected);
  return file;
}

void Disk::sync(std::uint64_t name, std::uint64_t ticket) {
  const File* const file = find(name);
  const bool there = file != nullptr;
  syncs_.push_back({name, there ? file->birth : 0, there ? file->bytes.size() : 0, ticket,
                    process_.incarnation()});
  Duration latency = settings_.sync_latency.draw(choices_, Site::sync_latency, process_.id());
  if (trouble_.slow) {
    const Duration extra = trouble_.extra.draw(choices_, Site::sync_latency, process_.id());
    trace_.note(process_.id(), Kind::sync_delayed, ticket,
                static_cast<std::uint64_t>(extra.count()));
    latency += extra;
  }
  last_due_ = std::max(last_due_, scheduler_.now() + latency);
  scheduler_.at(last_due_, {&Disk::done, this, epoch_, 0});
}

void Disk::done(void* self, std::uint64_t epoch, std::uint64_t) {
  auto& disk = *static_cast<Disk*>(self);
  if (epoch != disk.epoch_) return;
  ++disk.due_;
  if (disk.trouble_.silent)
    disk.trace_.note(disk.process_.id(), Kind::sync_held, disk.due_);
  else
    disk.serve();
}

void Disk::serve() {
  const std::uint64_t epoch = epoch_;
  while (epoch == epoch_ && due_ > 0 && !trouble_.silent) {
    --due_;
    const Sync sync = syncs_[next_++];
    if (next_ == syncs_.size()) {
      syncs_.clear();
      next_ = 0;
    } else if (next_ >= 1024 && 2 * next_ >= syncs_.size()) {
      syncs_.erase(syncs_.begin(), syncs_.begin() + static_cast<std::ptrdiff_t>(next_));
      next_ = 0;
    }
    const bool failed = trouble_.sync_error.num != 0 &&
                        choices_.chance(Site::sync_error, process_.id(), trouble_.sync_error);
    if (failed) {
      trace_.note(process_.id(), Kind::sync_failed, sync.ticket, sync.file);
    } else if (File* const file = find(sync.file); file != nullptr && file->birth == sync.birth) {
      file->durable = std::max(file->durable, sync.upto);
      file->known = true;
    }
    if (sync.incarnation == process_.incarnation()) process_.synced(sync.ticket, !failed);
  }
}

void Disk::remove(std::uint64_t name) {
  const auto file = files_.find(name);
  if (file == files_.end()) return;
  used_ -= file->second.bytes.size();
  spare_ = std::move(file->second.bytes);
  spare_.clear();
  used_last_ = nullptr;
  files_.erase(file);
}

std::vector<std::uint64_t> Disk::files() const {
  std::vector<std::uint64_t> names;
  for (const auto& [name, file] : files_) names.push_back(name);
  return names;
}

View Disk::read(std::uint64_t name) const {
  const auto file = files_.find(name);
  return file == files_.end() ? View{} : View{file->second.bytes};
}

void Disk::trouble(const Trouble& trouble) {
  const bool speaks_again = trouble_.silent && !trouble.silent;
  trouble_ = trouble;
  if (speaks_again)
    scheduler_.at(scheduler_.now(), {[](void* self, std::uint64_t epoch, std::uint64_t) {
                                       auto& disk = *static_cast<Disk*>(self);
                                       if (epoch == disk.epoch_) disk.serve();
                                     },
                                     this, epoch_, 0});
}

void Disk::rot(std::uint64_t mask, std::uint64_t value) {
  std::vector<std::uint64_t> names;
  for (const auto& [name, file] : files_) {
    const bool meant = (name & mask) == value;
    if (file.rotten && !meant) return;
    if (meant && !file.bytes.empty()) names.push_back(name);
  }
  if (names.empty()) return;
  const NodeId who = process_.id();
  const std::uint64_t name = names[choices_.wide(Site::bit_rot, who, names.size())];
  File& file = files_.find(name)->second;
  file.rotten = true;
  std::vector<std::uint8_t>& bytes = file.bytes;
  const std::uint64_t bit = choices_.wide(Site::bit_rot, who, bytes.size() * 8);
  bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1U << (bit % 8)));
  trace_.note(who, Kind::bit_rotted, name, bit);
}

void Disk::crashed() {
  ++epoch_;
  used_last_ = nullptr;
  syncs_.clear();
  next_ = due_ = 0;
  last_due_ = scheduler_.now();
  for (auto at = files_.begin(); at != files_.end();) {
    lose(at->first, at->second);
    if (at->second.bytes.empty() && !at->second.known)
      at = files_.erase(at);
    else
      ++at;
  }
  used_ = 0;
  for (auto& [name, file] : files_) {
    file.durable = file.bytes.size();  // what is there now was read back, so it is on the disk
    file.known = true;
    used_ += file.bytes.size();
  }
}

void Disk::lose(std::uint64_t name, File& file) {
  const std::size_t size = file.bytes.size();
  if (file.durable >= size) return;
  const NodeId who = process_.id();
  const std::size_t first = file.durable / block;  // may be synced in part
  const std::size_t blocks = (size + block - 1) / block - first;

  // The length that the file's inode tells: as synced, or at some block boundary, or whole.
  const std::size_t kept = choices_.wide(Site::survivor, who, blocks + 1);
  const std::size_t length = kept == 0 ? file.durable : std::min(size, (first + kept) * block);
  std::size_t last_written = 0;
  bool any = false;
  for (std::size_t i = 0; i < kept; ++i) {
    const std::size_t from = std::max<std::size_t>((first + i) * block, file.durable);
    const std::size_t to = std::min((first + i + 1) * block, length);
    if (choices_.below(Site::survivor, who, 2) == 0)
      std::fill(file.bytes.begin() + static_cast<std::ptrdiff_t>(from),
                file.bytes.begin() + static_cast<std::ptrdiff_t>(to), std::uint8_t{0});
    else
      last_written = i, any = true;
  }
  file.bytes.resize(length);
  trace_.note(who, Kind::survived, name, length);

  if (trouble_.torn && any) {
    const std::size_t from = std::max<std::size_t>((first + last_written) * block, file.durable);
    const std::size_t to = std::min((first + last_written + 1) * block, length);
    const std::size_t garbage = from + choices_.wide(Site::torn, who, to - from);
    for (std::size_t i = garbage; i < to; ++i)
      file.bytes[i] = static_cast<std::uint8_t>(choices_.below(Site::torn, who, 256));
    trace_.note(who, Kind::torn, name, garbage);
  }
}

}  // namespace hubproof::sim
