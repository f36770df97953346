// The hub's journal as it is written: records gather in memory, one sync at a time makes all of
// them durable, and each sync gives the ticket that its records had from the start. The journal is
// a row of segments, each in one file or in two equal ones; a segment begins with a snapshot of the
// hub's state, so what came before it is needed for its telemetry only, and goes when that is past
// retention. What a crash left is read by segments.hpp.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "model/effects.hpp"
#include "model/hub/record.hpp"
#include "model/rules.hpp"

namespace hubproof::model {

// A segment's copies are the files 2n and 2n + 1, however many of them are in use.
constexpr FileId segment_file(std::uint64_t number, std::uint64_t copy) {
  return FileId{2 * number + copy};
}

class Journal {
 public:
  // What the journal remembers of a segment.
  struct Segment {
    std::uint64_t number = 0;
    std::uint64_t copies = 1;
    std::uint64_t bytes = 0;
    std::uint64_t telemetry_bytes = 0;    // of these, without what a later segment took over
    Instant oldest{};                     // ages of its telemetry
    Instant newest{};
    Date newest_date{};
    std::vector<std::uint64_t> starts{};  // its telemetry, by partition, is from these numbers on
  };

  explicit Journal(const HubRules& rules) : rules_{rules} {}

  // Adds a record; what depends on it may leave when durable() has reached the ticket.
  template <class Record>
  Ticket append(const Record& record) {
    Measure measure;
    Record::fields(record, measure);
    Pen pen{begin_record(Record::kind, measure.size())};
    Record::fields(record, pen);
    end_record();
    return Ticket{collecting_};
  }
  // The same for telemetry, with the age that counts for retention.
  Ticket append(const TelemetryRecord& record, Instant at) {
    if (current_.telemetry_bytes == 0) current_.oldest = current_.newest = at;
    current_.newest = std::max(current_.newest, at);
    current_.newest_date = std::max(current_.newest_date, record.enqueued);
    const std::size_t before = waiting_.size();
    const Ticket ticket = append(record);
    current_.telemetry_bytes += waiting_.size() - before;
    return ticket;
  }

  Ticket durable() const { return Ticket{rules_.promise_waits ? durable_ : collecting_}; }
  Ticket next() const { return Ticket{collecting_}; }
  Ticket newest() const { return Ticket{waiting_.empty() ? collecting_ - 1 : collecting_}; }

  // Hands out what waits and asks for its sync, unless one is under way; true: it did.
  bool sync(Now now, Effects& effects) {
    if (syncing_ != 0 || (waiting_.empty() && recovered_files_.empty())) return false;
    begin_sync(now, effects);
    return true;
  }
  bool rests(Instant now) const {  // nothing is to be handed out, and no segment to begin
    const bool idle = syncing_ != 0 || (waiting_.empty() && recovered_files_.empty());
    return idle && !wants_segment(now);
  }
  enum class Stored : std::uint8_t { not_yet, durable, failed };
  Stored stored(Ticket ticket, bool ok);
  bool syncing() const { return syncing_ != 0; }
  std::optional<Instant> patience_ends() const {  // a sync that takes longer has failed
    if (syncing_ == 0) return std::nullopt;
    return sync_began_ + rules_.sync_patience;
  }

  // Should a new segment begin? It can while no record waits. By size, so that replay stays short;
  // by age, so that whole files get past retention.
  bool wants_segment(Instant now) const {
    return waiting_.empty() &&
           (current_.bytes > full_at_ || (current_.telemetry_bytes > 0 &&
                                          now - current_.oldest >= rules_.retention / 8));
  }
  // The segments from this one on hold so little telemetry that the next one should take it over.
  std::uint64_t worth_merging() const;
  // After this the caller appends the snapshot: its state, and the telemetry of the segments that
  // the new one takes over, which is from starts() on.
  void begin_segment(std::uint64_t takes_over_from, std::vector<std::uint64_t> next_sequences);
  const std::vector<std::uint64_t>& starts() const { return current_.starts; }
  void end_snapshot();

  bool holds_telemetry() const;
  // Once the new one's snapshot is durable, and whenever time has passed.
  bool may_remove_segments() const { return durable_ == snapshot_ticket_ && !old_.empty(); }
  void remove_old_segments(Now now, Effects& effects);

  // After a crash: numbers up to `last` are taken, and these segments are there. All their files
  // belong to the next sync, as what can be read now may not be durable yet.
  void recovered(std::uint64_t last, std::vector<Segment> segments);

 private:
  std::uint8_t* begin_record(RecordKind kind, std::size_t size) {
    record_ = waiting_.size();
    waiting_.resize(record_ + record_head + size);
    std::uint8_t* const at = waiting_.data() + record_;
    Pen{at + 4}(static_cast<std::uint32_t>(1 + size), kind);
    return at + record_head;
  }
  void end_record() {
    const View record = View{waiting_}.subspan(record_);
    Pen{waiting_.data() + record_}(record_checksum(current_.number, record.subspan(4)));
  }
  void begin_sync(Now now, Effects& effects);

  const HubRules& rules_;
  Bytes waiting_;                 // records of the current segment that were not handed out yet
  std::size_t record_ = 0;        // where in it the newest one starts
  std::uint64_t collecting_ = 1;  // ticket of what waits
  std::uint64_t durable_ = 0;
  std::uint64_t syncing_ = 0;     // ticket of the sync under way, 0: none
  std::uint64_t expected_ = 0;    // answers to it that are still to come
  Instant sync_began_{};

  std::deque<Segment> old_;
  Segment current_;
  std::uint64_t full_at_ = 0;          // bytes
  std::uint64_t snapshot_ticket_ = 0;  // when it is durable, old segments may go
  std::vector<FileId> recovered_files_;
};

}  // namespace hubproof::model
