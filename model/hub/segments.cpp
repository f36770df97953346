#include "model/hub/segments.hpp"

#include <algorithm>

namespace hubproof::model {
namespace {

// The record that these bytes of a segment begin with.
std::optional<StoredRecord> record_at(std::uint64_t segment, View rest, bool checked) {
  if (rest.size() < record_head) return std::nullopt;
  Reader reader{rest};
  const std::uint32_t checksum = reader.u32();
  const std::uint32_t length = reader.u32();
  if (length == 0 || length > reader.left()) return std::nullopt;
  const View whole = rest.first(8 + std::size_t{length});
  if (checked && record_checksum(segment, whole.subspan(4)) != checksum) return std::nullopt;
  return StoredRecord{RecordKind{reader.u8()}, whole.subspan(record_head), whole};
}

void read_snapshot(StoredSegment& segment, bool checks_crc) {
  SegmentReader reader{segment, checks_crc};
  auto record = reader.next();
  if (!record || record->kind != RecordKind::segment) return;
  const auto head = read_record<SegmentRecord>(record->fields);
  if (!head || head->version != 1 || head->number != segment.number) return;
  segment.has_head = true;
  segment.takes_over_from = head->takes_over_from;
  while ((record = reader.next()))
    if (record->kind == RecordKind::snapshot_end) {
      segment.has_state = true;
      return;
    }
}

}  // namespace

SegmentReader::SegmentReader(const StoredSegment& segment, bool checks_crc)
    : number_{segment.number}, checks_crc_{checks_crc} {
  for (std::size_t i = 0; i < copies_.size(); ++i) copies_[i] = segment.copies[i].value_or(View{});
}

std::optional<StoredRecord> SegmentReader::next() {
  std::optional<StoredRecord> record;
  for (const View copy : copies_)
    if (!record) record = at_position(copy, true);
  for (const View copy : copies_)
    if (!record && !checks_crc_) record = at_position(copy, false);
  if (record) position_ += record->whole.size();
  return record;
}

std::optional<StoredRecord> SegmentReader::at_position(View copy, bool checked) const {
  return copy.size() < position_ ? std::nullopt : record_at(number_, copy.subspan(position_), checked);
}

std::vector<StoredSegment> stored_segments(std::span<const StoredFile> files, bool checks_crc) {
  std::vector<StoredSegment> segments;
  for (const StoredFile& file : files) {  // ascending, so copies are neighbours
    const auto id = static_cast<std::uint64_t>(file.id);
    if (segments.empty() || segments.back().number != id / 2)
      segments.push_back({id / 2, {}, false, 0, false});
    segments.back().copies[id % 2] = file.bytes;
  }
  for (StoredSegment& segment : segments) read_snapshot(segment, checks_crc);
  return segments;
}

std::vector<Unreadable> unreadable(std::span<const StoredFile> files) {
  constexpr std::uint64_t first_segment = 1;  // its snapshot may be torn: nothing was promised before it
  using Kind = Unreadable::Kind;
  std::vector<Unreadable> all;
  const std::vector<StoredSegment> segments = stored_segments(files, true);
  const bool any_state = std::ranges::any_of(segments, &StoredSegment::has_state);
  for (const StoredSegment& segment : segments) {
    SegmentReader reader{segment, true};
    while (reader.next()) {}
    Unreadable one;
    if (any_state) one.from = reader.position();
    bool there = false;
    View most;
    for (std::uint64_t copy = 0; copy < segment.copies.size(); ++copy) {
      const View bytes = segment.copies[copy].value_or(View{});
      if (!segment.copies[copy] || (there && bytes.size() <= most.size())) continue;
      there = true;
      most = bytes;
      one.file = FileId{2 * segment.number + copy};
    }
    if (most.size() <= one.from && (any_state || segment.number == first_segment)) continue;
    one.bytes = most.size() - one.from;
    bool followed = false;
    for (View rest = most.subspan(std::min(most.size(), reader.position())); !followed && !rest.empty();
         rest = rest.subspan(1))
      followed = record_at(segment.number, rest, true).has_value();
    if (!any_state)
      one.kind = segment.number == first_segment && !followed ? Kind::torn : Kind::lost;
    else
      one.kind = followed ? Kind::damaged : Kind::torn;
    all.push_back(one);
  }
  return all;
}

Bytes whole_records(const StoredSegment& segment, bool checks_crc) {
  Bytes bytes;
  SegmentReader reader{segment, checks_crc};
  while (const auto record = reader.next())
    bytes.insert(bytes.end(), record->whole.begin(), record->whole.end());
  return bytes;
}

}  // namespace hubproof::model
