// The hub's journal as a crash left it: whole records out of torn, rotten or missing files. Of two
// copies of a segment each record is taken from the one that still has it.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "model/hub/record.hpp"
#include "model/effects.hpp"

namespace hubproof::model {

struct StoredRecord {
  RecordKind kind{};
  View fields;
  View whole;
};

struct StoredSegment {
  std::uint64_t number = 0;
  std::array<std::optional<View>, 2> copies;
  bool has_state = false;             // its snapshot is complete
  std::uint64_t takes_over_from = 0;  // and holds the telemetry of these older segments too
  bool has_head = false;              // that it was to take them over is known, if not that it did
};

// Reads one segment from its start. The first record that no copy has whole ends it: whatever
// follows was not durable when the process died.
class SegmentReader {
 public:
  SegmentReader(const StoredSegment& segment, bool checks_crc);
  std::optional<StoredRecord> next();
  std::size_t position() const { return position_; }  // what was read so far, in bytes

 private:
  std::optional<StoredRecord> at_position(View copy, bool checked) const;

  std::uint64_t number_;
  std::array<View, 2> copies_{};
  bool checks_crc_;
  std::size_t position_ = 0;
};

// The segments that the files hold, in order; files of no use to anybody give segments without records.
std::vector<StoredSegment> stored_segments(std::span<const StoredFile> files, bool checks_crc);

// What a file holds and recovery leaves out.
struct Unreadable {
  enum class Kind : std::uint8_t {
    torn,     // the end of a segment, as a process leaves it that dies while it writes
    damaged,  // no kill does this: there are whole records after it
    lost      // no snapshot at all is whole, so nothing of the store can be used
  };
  FileId file{};         // of two copies of a segment the one that has most
  std::size_t from = 0;  // what comes before it is used
  std::size_t bytes = 0; // from there to the end of the file
  Kind kind = Kind::torn;
};
std::vector<Unreadable> unreadable(std::span<const StoredFile> files);

// All of a segment that can be read, in one piece.
Bytes whole_records(const StoredSegment& segment, bool checks_crc);

}  // namespace hubproof::model
