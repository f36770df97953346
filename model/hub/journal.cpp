#include "model/hub/journal.hpp"

#include <algorithm>

namespace hubproof::model {

void Journal::begin_sync(Now now, Effects& effects) {
  syncing_ = collecting_++;
  sync_began_ = now.mono;
  expected_ = recovered_files_.size();
  for (const FileId file : recovered_files_) effects.sync(file, Ticket{syncing_});
  recovered_files_.clear();
  if (waiting_.empty()) return;
  for (std::uint64_t copy = 0; copy < current_.copies; ++copy) {
    Writer{effects.appending(segment_file(current_.number, copy))}.bytes(waiting_);
    effects.appended();
  }
  for (std::uint64_t copy = 0; copy < current_.copies; ++copy)
    effects.sync(segment_file(current_.number, copy), Ticket{syncing_});
  expected_ += current_.copies;
  current_.bytes += waiting_.size();
  waiting_.clear();
}

Journal::Stored Journal::stored(Ticket ticket, bool ok) {
  if (syncing_ == 0 || ticket != Ticket{syncing_}) return Stored::not_yet;
  if (!ok && rules_.failed_sync_halts) return Stored::failed;
  if (--expected_ > 0) return Stored::not_yet;
  const bool of_snapshot = syncing_ == snapshot_ticket_;
  durable_ = rules_.own_sync_only(of_snapshot) ? syncing_ : static_cast<std::uint64_t>(newest());
  syncing_ = 0;
  return Stored::durable;
}

std::uint64_t Journal::worth_merging() const {
  std::uint64_t from = current_.number + 1;
  if (current_.bytes > 0) {  // full, but not of telemetry: its file would keep mostly waste
    const bool waste = current_.bytes > full_at_ && current_.telemetry_bytes < current_.bytes / 2;
    return waste ? current_.number : from;
  }
  // After a crash: the segments of short-lived incarnations.
  std::uint64_t total = 0;
  for (auto segment = old_.rbegin(); segment != old_.rend(); ++segment) {
    total += segment->telemetry_bytes;
    if (total > rules_.journal_segment) break;
    from = segment->number;
  }
  return from;
}

void Journal::begin_segment(std::uint64_t takes_over_from,
                            std::vector<std::uint64_t> next_sequences) {
  const std::uint64_t number = current_.number + 1;
  if (current_.bytes > 0) old_.push_back(std::move(current_));
  current_ = Segment{};
  current_.number = number;
  current_.copies = rules_.journal_copies;
  current_.starts = std::move(next_sequences);
  for (auto segment = old_.rbegin(); segment != old_.rend(); ++segment) {
    if (segment->number < takes_over_from) break;
    current_.starts = segment->starts;
    segment->telemetry_bytes = 0;
  }
  snapshot_ticket_ = collecting_;
  append(SegmentRecord{1, number, takes_over_from});
}

void Journal::end_snapshot() {
  append(SnapshotEnd{current_.number});
  const std::uint64_t state = waiting_.size() - current_.telemetry_bytes;
  full_at_ = waiting_.size() + std::max(rules_.journal_segment, 8 * state);
}

bool Journal::holds_telemetry() const { return !old_.empty() || current_.telemetry_bytes > 0; }

void Journal::remove_old_segments(Now now, Effects& effects) {
  if (durable_ < snapshot_ticket_ && rules_.segments_await_snapshot) return;
  std::erase_if(old_, [&](const Segment& segment) {
    if (segment.telemetry_bytes > 0 &&
        !rules_.past_retention(now.mono - segment.newest, now.wall - segment.newest_date,
                               rules_.retention))
      return false;
    for (std::uint64_t copy = 0; copy < segment.copies; ++copy)
      effects.remove(segment_file(segment.number, copy));
    return true;
  });
}

void Journal::recovered(std::uint64_t last, std::vector<Segment> segments) {
  current_.number = last;
  for (const Segment& segment : segments)
    for (std::uint64_t copy = 0; copy < segment.copies; ++copy)
      recovered_files_.push_back(segment_file(segment.number, copy));
  old_.assign(segments.begin(), segments.end());
}

}  // namespace hubproof::model
