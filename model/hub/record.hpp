// What the hub's journal is made of: one struct for each kind of record, with its fields listed
// once for both directions. Text and bytes are views: of the caller's when written, of the stored
// file's when read.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "model/bytes.hpp"
#include "model/checksum.hpp"
#include "model/history.hpp"
#include "model/time.hpp"

namespace hubproof::model {

// Numbers are stored: add at the end, never renumber.
enum class RecordKind : std::uint8_t {
  segment = 1,            // first of a segment; a snapshot of the hub's state follows
  counters = 2,           // what numbers come next
  snapshot_end = 3,       // from here on, what happened
  device = 4,             // registered
  device_removed = 5,     // with its queue and its pending feedback [C2D-36]
  device_enabled = 6,     // or disabled
  session = 7,            // an MQTT session was stored, or ended
  telemetry = 8,          // a device-to-cloud message
  checkpoint = 9,         // of a consumer group: written until readers kept their places themselves
  command = 10,           // a cloud-to-device message
  command_handed = 11,    // it was handed over, and its return will count [C2D-17]
  command_returned = 12,  // it is Enqueued again with a higher count
  command_final = 13,     // it left the queue, and what feedback that made [C2D-09]
  feedback_record = 14,   // waits for a batch (in snapshots)
  feedback_formed = 15,   // the records that waited longest are a batch now
  feedback_batch = 16,    // a batch (in snapshots)
  feedback_handed = 17,   // as with commands
  feedback_returned = 18,
  feedback_final = 19,
  tokens = 20,            // lock tokens below this one may have been given out
  identity = 21,          // how a device proves that it is itself; follows its `device`
  policy = 22,            // a shared access policy
  endpoint = 23,          // an endpoint besides the built-in one, and its number in the log
  routed = 24,            // how far the routing stage is in a partition
  quota = 25,             // what has been used of a day's quota
  // Of a plain broker (model/broker/records.hpp).
  broker_session = 26,    // a session is kept
  broker_session_gone = 27,
  broker_filter = 28,     // a subscription of a kept session, made, changed or removed
  broker_message = 29,    // a message, with all that it was filed in
  broker_progress = 30,   // an exchange of QoS 1 or 2 went on
  broker_will = 31,       // of a connection
  broker_sent = 32        // what a session holds is on its way
};

struct SegmentRecord {
  static constexpr RecordKind kind = RecordKind::segment;
  std::uint16_t version = 1;
  std::uint64_t number = 0;
  std::uint64_t takes_over_from = 0;  // its snapshot holds the telemetry of the segments from this one on
  static void fields(auto& r, auto& f) { f(r.version, r.number, r.takes_over_from); }
};

struct CountersRecord {
  static constexpr RecordKind kind = RecordKind::counters;
  struct Partition {
    std::uint64_t sequence = 1;
    std::uint64_t offset = 0;
    static void fields(auto& r, auto& f) { f(r.sequence, r.offset); }
  };
  std::uint32_t generation = 1;
  std::uint64_t token = 1;
  std::uint64_t batch = 1;
  std::optional<Date> last_batch;
  std::vector<Partition> partitions;
  static void fields(auto& r, auto& f) {
    f(r.generation, r.token, r.batch, r.last_batch, r.partitions);
  }
};

struct SnapshotEnd {
  static constexpr RecordKind kind = RecordKind::snapshot_end;
  std::uint64_t number = 0;
  static void fields(auto& r, auto& f) { f(r.number); }
};

struct DeviceRecord {
  static constexpr RecordKind kind = RecordKind::device;
  std::uint32_t generation = 0;
  bool enabled = true;
  std::uint64_t next_command = 1;
  std::string_view id;
  static void fields(auto& r, auto& f) { f(r.generation, r.enabled, r.next_command, r.id); }
};

struct DeviceRemoved {
  static constexpr RecordKind kind = RecordKind::device_removed;
  std::uint32_t generation = 0;
  static void fields(auto& r, auto& f) { f(r.generation); }
};

struct DeviceEnabled {
  static constexpr RecordKind kind = RecordKind::device_enabled;
  std::uint32_t generation = 0;
  bool enabled = true;
  static void fields(auto& r, auto& f) { f(r.generation, r.enabled); }
};

struct SessionRecord {
  static constexpr RecordKind kind = RecordKind::session;
  struct Filter {
    std::string_view filter;
    std::uint8_t qos = 0;
    static void fields(auto& r, auto& f) { f(r.filter, r.qos); }
  };
  std::uint32_t generation = 0;
  bool kept = true;
  Date subscribed{};
  std::vector<Filter> filters;
  static void fields(auto& r, auto& f) { f(r.generation, r.kept, r.subscribed, r.filters); }
};

// Names its device in full, so that it can be read without the registry of its time.
struct TelemetryRecord {
  static constexpr RecordKind kind = RecordKind::telemetry;
  std::uint32_t partition = 0;
  std::uint32_t generation = 0;
  std::uint64_t sequence = 0;
  std::uint64_t offset = 0;
  Date enqueued{};
  bool will = false;
  std::string_view device;
  View flat;
  static void fields(auto& r, auto& f) {
    f(r.partition, r.generation, r.sequence, r.offset, r.enqueued, r.will, r.device, r.flat);
  }
};

struct CommandRecord {
  static constexpr RecordKind kind = RecordKind::command;
  std::uint32_t generation = 0;
  std::uint64_t sequence = 0;
  Date enqueued{};
  Date expiry{};
  std::uint32_t count = 0;
  bool handed = false;
  View flat;
  static void fields(auto& r, auto& f) {
    f(r.generation, r.sequence, r.enqueued, r.expiry, r.count, r.handed, r.flat);
  }
};

struct CommandHanded {
  static constexpr RecordKind kind = RecordKind::command_handed;
  std::uint32_t generation = 0;
  std::uint64_t sequence = 0;
  static void fields(auto& r, auto& f) { f(r.generation, r.sequence); }
};

struct CommandReturned {
  static constexpr RecordKind kind = RecordKind::command_returned;
  std::uint32_t generation = 0;
  std::uint64_t sequence = 0;
  std::uint32_t count = 0;
  static void fields(auto& r, auto& f) { f(r.generation, r.sequence, r.count); }
};

struct CommandFinal {
  static constexpr RecordKind kind = RecordKind::command_final;
  std::uint32_t generation = 0;
  std::uint64_t sequence = 0;
  std::uint32_t records = 0;  // feedback records that it makes
  Status reported{};          // what they say
  Date date{};                // of the outcome [FBK-17]
  static void fields(auto& r, auto& f) {
    f(r.generation, r.sequence, r.records, r.reported, r.date);
  }
};

struct FeedbackEntry {
  static constexpr RecordKind kind = RecordKind::feedback_record;
  std::string_view original_message_id;
  std::string_view device;
  std::uint32_t generation = 0;
  Status status{};
  Date date{};
  static void fields(auto& r, auto& f) {
    f(r.original_message_id, r.device, r.generation, r.status, r.date);
  }
};

struct FeedbackFormed {
  static constexpr RecordKind kind = RecordKind::feedback_formed;
  std::uint64_t batch = 0;
  std::uint32_t records = 0;
  Date created{};
  Date expiry{};
  static void fields(auto& r, auto& f) { f(r.batch, r.records, r.created, r.expiry); }
};

struct FeedbackBatch {
  static constexpr RecordKind kind = RecordKind::feedback_batch;
  std::uint64_t batch = 0;
  Date created{};
  Date expiry{};
  std::uint32_t count = 0;
  bool handed = false;
  std::vector<FeedbackEntry> records;
  static void fields(auto& r, auto& f) {
    f(r.batch, r.created, r.expiry, r.count, r.handed, r.records);
  }
};

struct FeedbackHanded {
  static constexpr RecordKind kind = RecordKind::feedback_handed;
  std::uint64_t batch = 0;
  static void fields(auto& r, auto& f) { f(r.batch); }
};

struct FeedbackReturned {
  static constexpr RecordKind kind = RecordKind::feedback_returned;
  std::uint64_t batch = 0;
  std::uint32_t count = 0;
  static void fields(auto& r, auto& f) { f(r.batch, r.count); }
};

struct FeedbackFinal {
  static constexpr RecordKind kind = RecordKind::feedback_final;
  std::uint64_t batch = 0;
  static void fields(auto& r, auto& f) { f(r.batch); }
};

struct TokensRecord {
  static constexpr RecordKind kind = RecordKind::tokens;
  std::uint64_t below = 0;
  static void fields(auto& r, auto& f) { f(r.below); }
};

struct IdentityRecord {
  static constexpr RecordKind kind = RecordKind::identity;
  std::uint32_t generation = 0;
  bool has_credentials = false;
  std::uint8_t type = 0;  // CredentialType
  std::string_view primary;
  std::string_view secondary;
  std::uint32_t revision = 1;
  Date status_updated{};
  std::string_view reason;
  static void fields(auto& r, auto& f) {
    f(r.generation, r.has_credentials, r.type, r.primary, r.secondary, r.revision,
      r.status_updated, r.reason);
  }
};

struct PolicyRecord {
  static constexpr RecordKind kind = RecordKind::policy;
  std::string_view name;
  std::uint8_t rights = 0;
  std::string_view primary;
  std::string_view secondary;
  static void fields(auto& r, auto& f) { f(r.name, r.rights, r.primary, r.secondary); }
};

struct EndpointRecord {
  static constexpr RecordKind kind = RecordKind::endpoint;
  std::uint32_t number = 0;
  std::string_view name;
  static void fields(auto& r, auto& f) { f(r.number, r.name); }
};

struct RoutedRecord {
  static constexpr RecordKind kind = RecordKind::routed;
  std::uint32_t partition = 0;
  std::uint64_t sequence = 0;
  static void fields(auto& r, auto& f) { f(r.partition, r.sequence); }
};

struct QuotaRecord {
  static constexpr RecordKind kind = RecordKind::quota;
  std::uint64_t day = 0;  // since 1970
  std::uint64_t used = 0;
  static void fields(auto& r, auto& f) { f(r.day, r.used); }
};

// How many bytes the fields take.
class Measure {
 public:
  template <class... T>
  void operator()(const T&... field) {
    (add(field), ...);
  }
  std::size_t size() const { return size_; }

 private:
  template <class T>
  void add(const T& field) {
    if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) size_ += sizeof field;
    else T::fields(field, *this);
  }
  void add(Date) { size_ += 8; }
  void add(std::string_view field) { size_ += 2 + field.size(); }
  void add(View field) { size_ += 4 + field.size(); }
  template <class T>
  void add(const std::optional<T>& field) {
    size_ += 1;
    if (field) add(*field);
  }
  template <class T>
  void add(const std::vector<T>& field) {
    size_ += 4;
    for (const T& item : field) add(item);
  }

  std::size_t size_ = 0;
};

// Writes the fields into room that was measured for them.
class Pen {
 public:
  explicit Pen(std::uint8_t* at) : at_{at} {}

  template <class... T>
  void operator()(const T&... field) {
    (put(field), ...);
  }

 private:
  template <class T>
  void put(const T& field) {
    if constexpr (std::is_arithmetic_v<T>) {
      put_big<sizeof field>(static_cast<std::uint64_t>(field));
    } else if constexpr (std::is_enum_v<T>) {
      put(static_cast<std::underlying_type_t<T>>(field));
    } else {
      T::fields(field, *this);
    }
  }
  void put(Date field) { put(static_cast<std::uint64_t>(field.time_since_epoch().count())); }
  void put(bool field) { *at_++ = field ? 1 : 0; }
  void put(std::string_view field) {
    put(static_cast<std::uint16_t>(field.size()));
    copy(view(field));
  }
  void put(View field) {
    put(static_cast<std::uint32_t>(field.size()));
    copy(field);
  }
  template <class T>
  void put(const std::optional<T>& field) {
    put(field.has_value());
    if (field) put(*field);
  }
  template <class T>
  void put(const std::vector<T>& field) {
    put(static_cast<std::uint32_t>(field.size()));
    for (const T& item : field) put(item);
  }
  template <std::size_t size>  // no loop: compilers make one store of it
  void put_big(std::uint64_t value) {
    [&]<std::size_t... i>(std::index_sequence<i...>) {
      ((at_[i] = static_cast<std::uint8_t>(value >> (8 * (size - 1 - i)))), ...);
    }(std::make_index_sequence<size>{});
    at_ += size;
  }
  void copy(View bytes) {
    if (!bytes.empty()) std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }

  std::uint8_t* at_;
};

// Reads the fields back. What is missing reads as zero, and ok() is false.
class Take {
 public:
  explicit Take(View bytes) : reader_{bytes} {}

  template <class... T>
  void operator()(T&... field) {
    (get(field), ...);
  }
  bool ok() const { return reader_.ok() && reader_.left() == 0; }

 private:
  template <class T>
  void get(T& field) {
    if constexpr (std::is_enum_v<T>) {
      static_assert(sizeof(T) == 1);
      field = static_cast<T>(reader_.u8());
    } else {
      T::fields(field, *this);
    }
  }
  void get(bool& field) { field = reader_.u8() != 0; }
  void get(std::uint8_t& field) { field = reader_.u8(); }
  void get(std::uint16_t& field) { field = reader_.u16(); }
  void get(std::uint32_t& field) { field = reader_.u32(); }
  void get(std::uint64_t& field) { field = reader_.u64(); }
  void get(Date& field) {  // a torn one that is taken for whole must not overflow what is reckoned with it
    constexpr std::int64_t farthest = 4'000'000'000'000'000'000;
    field = Date{Duration{std::clamp(reader_.i64(), -farthest, farthest)}};
  }
  void get(std::string_view& field) { field = reader_.string16(); }
  void get(View& field) { field = reader_.bytes32(); }
  template <class T>
  void get(std::optional<T>& field) {
    field.reset();
    if (reader_.u8() != 0) get(field.emplace());
  }
  template <class T>
  void get(std::vector<T>& field) {
    for (std::uint32_t left = reader_.u32(); left > 0 && reader_.ok(); --left) {
      if (reader_.left() == 0) reader_.u8();  // too few: nothing is made of them
      else get(field.emplace_back());
    }
  }

  Reader reader_;
};

template <class Record>
std::optional<Record> read_record(View fields) {
  Record record;
  Take take{fields};
  Record::fields(record, take);
  if (!take.ok()) return std::nullopt;
  return record;
}

// A record as it is stored: checksum u32, of all that follows; length u32, of all that follows;
// kind u8; fields. The checksum starts from the segment's number, so that a record of another
// segment is none here.
inline constexpr std::size_t record_head = 9;
inline std::uint32_t record_checksum(std::uint64_t segment, View from_length_on) {
  return crc32c(from_length_on, static_cast<std::uint32_t>(mix(segment)));
}

}  // namespace hubproof::model
