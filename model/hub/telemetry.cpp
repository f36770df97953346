#include "model/hub/telemetry.hpp"

namespace hubproof::model {
namespace {

constexpr std::size_t chunk_bytes = 64 << 10;  // a larger message has a chunk of its own
constexpr std::uint64_t event_overhead = 48;   // an offset is a byte position, not a count [D2C-07]

}  // namespace

void TelemetryLog::begin_chunk(Partition& p, Instant appended, Date enqueued) {
  const std::size_t room = p.chunks.empty() ? 0 : p.chunks.back().bytes.size();
  const std::size_t events = p.chunks.empty() ? 0 : p.chunks.back().entries.size();
  Chunk& fresh = p.chunks.emplace_back();
  fresh.oldest = fresh.newest = appended;
  fresh.newest_date = enqueued;
  fresh.bytes.reserve(room);
  fresh.entries.reserve(events);
}

[[gnu::always_inline]] inline const TelemetryLog::Entry& TelemetryLog::push(Partition& p, Instant appended, const Entry& entry,
                                                     View flat) {
  // A chunk ends when it is full, or old: its newest event decides when all of it may go.
  if (p.chunks.empty() || p.chunks.back().bytes.size() + flat.size() > chunk_bytes ||
      appended - p.chunks.back().oldest >= rules_.retention / 8)
    begin_chunk(p, appended, entry.enqueued);
  Chunk& chunk = p.chunks.back();
  chunk.newest = std::max(chunk.newest, appended);
  chunk.newest_date = std::max(chunk.newest_date, entry.enqueued);
  Entry& kept = chunk.entries.emplace_back(entry);
  kept.position = static_cast<std::uint32_t>(chunk.bytes.size());
  kept.size = static_cast<std::uint32_t>(flat.size());
  chunk.bytes.insert(chunk.bytes.end(), flat.begin(), flat.end());
  p.appended = entry.sequence;
  return kept;
}

const TelemetryLog::Entry& TelemetryLog::append(Now now, std::uint32_t partition, Date enqueued,
                                                DeviceIndex device, View flat, bool will) {
  Partition& p = partitions_[partition];
  if (!p.touched) {
    p.touched = true;
    touched_.push_back(partition);
  }
  const Entry entry{p.next_sequence++, p.next_offset, enqueued, device, 0, 0, will};
  p.next_offset += flat.size() + event_overhead;
  return push(p, now.mono, entry, flat);
}

std::vector<std::uint64_t> TelemetryLog::ends() const {
  std::vector<std::uint64_t> ends;
  for (const Partition& p : partitions_) ends.push_back(p.appended + 1);
  return ends;
}

std::vector<CountersRecord::Partition> TelemetryLog::counters() const {
  std::vector<CountersRecord::Partition> counters;
  for (const Partition& p : partitions_) counters.push_back({p.next_sequence, p.next_offset});
  return counters;
}

void TelemetryLog::syncing() {
  for (const std::uint32_t partition : touched_) {
    partitions_[partition].touched = false;
    partitions_[partition].syncing = partitions_[partition].appended;
  }
  syncing_.swap(touched_);
  touched_.clear();
}

void TelemetryLog::synced() {
  for (const std::uint32_t partition : syncing_)
    partitions_[partition].durable = partitions_[partition].syncing;
  syncing_.clear();
}

void TelemetryLog::drop_old(Now now) {
  for (Partition& p : partitions_)
    while (!p.chunks.empty() &&
           rules_.past_retention(now.mono - p.chunks.front().newest,
                                 now.wall - p.chunks.front().newest_date, rules_.retention))
      p.chunks.pop_front();
}

bool TelemetryLog::empty() const {
  return std::ranges::all_of(partitions_, [](const Partition& p) { return p.chunks.empty(); });
}

void TelemetryLog::restore(const std::vector<CountersRecord::Partition>& counters) {
  grow(static_cast<std::uint32_t>(std::min<std::size_t>(counters.size(), most_partitions())));
  for (std::size_t i = 0; i < std::min(counters.size(), partitions_.size()); ++i) {
    Partition& p = partitions_[i];
    p.next_sequence = std::max(p.next_sequence, counters[i].sequence);
    p.next_offset = std::max(p.next_offset, counters[i].offset);
  }
}

bool TelemetryLog::restore(const TelemetryRecord& record, DeviceIndex device, Instant appended) {
  if (record.partition >= most_partitions()) return false;
  grow(record.partition + 1);
  Partition& p = partitions_[record.partition];
  if (record.sequence <= p.appended) return false;
  if (!p.touched) {
    p.touched = true;
    touched_.push_back(record.partition);
  }
  push(p, appended,
       {record.sequence, record.offset, record.enqueued, device, 0, 0, record.will}, record.flat);
  if (rules_.restores_counters) {
    p.next_sequence = std::max(p.next_sequence, record.sequence + 1);
    p.next_offset = std::max(p.next_offset, record.offset + record.flat.size() + event_overhead);
  }
  return true;
}

}  // namespace hubproof::model
