// The telemetry log: partitions, each an append-only row of events with strictly increasing
// sequence numbers and offsets [D2C-06, D2C-07]. Messages lie flat in chunks, which are also what
// retention drops. What was appended is readable once it is durable.
#pragma once

#include <algorithm>
#include <deque>
#include <vector>

#include "model/hub/hub.hpp"
#include "model/hub/record.hpp"

namespace hubproof::model {

class TelemetryLog {
 public:
  struct Entry {
    std::uint64_t sequence = 0;
    std::uint64_t offset = 0;
    Date enqueued{};
    DeviceIndex device{};
    std::uint32_t position = 0;  // in its chunk
    std::uint32_t size = 0;
    bool will = false;
  };

  explicit TelemetryLog(const HubRules& rules) : rules_{rules}, partitions_(rules.partitions) {}

  // Endpoints that a hub once had keep their numbers, which are below it.
  static constexpr std::uint32_t most_endpoints = 256;
  std::uint32_t partitions() const { return static_cast<std::uint32_t>(partitions_.size()); }
  void grow(std::uint32_t partitions) {  // to so many; none ever goes
    if (partitions > partitions_.size()) partitions_.resize(partitions);
  }

  // Appends an event with the numbers that come next.
  const Entry& append(Now now, std::uint32_t partition, Date enqueued, DeviceIndex device,
                      View flat, bool will);
  std::vector<std::uint64_t> ends() const;  // by partition: what comes now is from there on
  std::vector<CountersRecord::Partition> counters() const;

  // A sync of what is there begins; it is done. At most one is under way.
  void syncing();
  void synced();
  std::uint64_t newest(std::uint32_t partition) const { return partitions_[partition].durable; }

  // visit(entry, flat) for the readable events from `from` on, in order, until it says false.
  template <class Visit>
  void read(std::uint32_t partition, std::uint64_t from, Visit&& visit) const {
    const Partition& p = partitions_[partition];
    each(p, from, [&](const Entry& entry, View flat, const Chunk&) {
      return (entry.sequence <= p.durable || !rules_.reads_durable_only) && visit(entry, flat);
    });
  }
  // The sequence number of the first event that `passes`, readable already or not yet; else of the next one.
  template <class Passes>
  std::uint64_t first_of(std::uint32_t partition, Passes&& passes) const {
    const Partition& p = partitions_[partition];
    std::uint64_t first = p.appended + 1;
    each(p, 0, [&](const Entry& entry, View, const Chunk&) {
      if (!passes(entry)) return true;
      first = entry.sequence;
      return false;
    });
    return first;
  }
  // visit(entry, flat, instant) for every event, with the instant that counts for its retention.
  template <class Visit>
  void each(std::uint32_t partition, std::uint64_t from, Visit&& visit) const {
    each(partitions_[partition], from, [&](const Entry& entry, View flat, const Chunk& chunk) {
      visit(entry, flat, chunk.newest);
      return true;
    });
  }

  void drop_old(Now now);  // [D2C-32]
  bool empty() const;

  // Recovery: the counters of a snapshot; an event, in order. An event that does not follow the
  // ones before it is not taken. Partitions that are not there yet come to be, up to a bound.
  void restore(const std::vector<CountersRecord::Partition>& counters);
  bool restore(const TelemetryRecord& record, DeviceIndex device, Instant appended);

 private:
  struct Chunk {
    Instant oldest{};
    Instant newest{};
    Date newest_date{};
    Bytes bytes;
    std::vector<Entry> entries;
  };
  struct Partition {
    std::uint64_t next_sequence = 1;
    std::uint64_t next_offset = 0;
    std::uint64_t appended = 0;  // sequence of the newest event
    std::uint64_t syncing = 0;
    std::uint64_t durable = 0;
    bool touched = false;        // since the last sync began
    std::deque<Chunk> chunks;
  };

  std::uint32_t most_partitions() const { return rules_.partitions * most_endpoints; }
  const Entry& push(Partition& p, Instant appended, const Entry& entry, View flat);
  [[gnu::noinline]] void begin_chunk(Partition& p, Instant appended, Date enqueued);

  template <class Visit>
  static void each(const Partition& p, std::uint64_t from, Visit&& visit) {
    auto chunk = std::partition_point(p.chunks.begin(), p.chunks.end(), [&](const Chunk& c) {
      return c.entries.back().sequence < from;
    });
    for (; chunk != p.chunks.end(); ++chunk) {
      auto entry = std::partition_point(chunk->entries.begin(), chunk->entries.end(),
                                        [&](const Entry& e) { return e.sequence < from; });
      for (; entry != chunk->entries.end(); ++entry)
        if (!visit(*entry, View{chunk->bytes}.subspan(entry->position, entry->size), *chunk)) return;
    }
  }

  const HubRules& rules_;
  std::vector<Partition> partitions_;
  std::vector<std::uint32_t> touched_;
  std::vector<std::uint32_t> syncing_;
};

}  // namespace hubproof::model
