// What a broker writes into the journal, one struct for each kind of record. A session is known by its
// number, which no other session of the same store has; 0 is nobody.
#pragma once

#include "model/hub/record.hpp"

namespace hubproof::model::broker {

struct SessionRecord {
  static constexpr RecordKind kind = RecordKind::broker_session;
  std::uint64_t number = 0;
  std::string_view client;
  std::uint16_t last_id = 0;
  static void fields(auto& r, auto& f) { f(r.number, r.client, r.last_id); }
};

struct SessionGone {
  static constexpr RecordKind kind = RecordKind::broker_session_gone;
  std::uint64_t number = 0;
  static void fields(auto& r, auto& f) { f(r.number); }
};

struct FilterRecord {
  static constexpr RecordKind kind = RecordKind::broker_filter;
  std::uint64_t number = 0;
  bool held = true;  // false: it was removed
  std::uint8_t qos = 0;
  std::string_view filter;
  static void fields(auto& r, auto& f) { f(r.number, r.held, r.qos, r.filter); }
};

enum class Keeping : std::uint8_t { nothing, kept, erased };  // what becomes of the retained message

// One message with all that it changed, so that a crash leaves all of it or nothing.
struct MessageRecord {
  static constexpr RecordKind kind = RecordKind::broker_message;
  struct Copy {  // in a kept session
    std::uint64_t number = 0;
    std::uint16_t id = 0;
    std::uint8_t qos = 0;
    bool retain = false;
    bool sent = false;  // it may leave at once
    static void fields(auto& r, auto& f) { f(r.number, r.id, r.qos, r.retain, r.sent); }
  };
  std::uint64_t from = 0;    // a kept session that has sent it with
  std::uint16_t packet = 0;  // this id at QoS 2, which is taken now; 0: none
  std::uint64_t will_of = 0; // whose will this is, which is used up now
  std::uint8_t qos = 0;
  Keeping keeping = Keeping::nothing;
  std::string_view topic;
  View payload;
  std::vector<Copy> copies;
  static void fields(auto& r, auto& f) {
    f(r.from, r.packet, r.will_of, r.qos, r.keeping, r.topic, r.payload, r.copies);
  }
};

struct ProgressRecord {
  static constexpr RecordKind kind = RecordKind::broker_progress;
  enum class Step : std::uint8_t {
    taken,     // a QoS 2 id of the client's own is known (in snapshots)
    released,  // ... and free again, by its PUBREL
    received,  // the client has what was sent under this id, by its PUBREC
    done       // it has acknowledged all of it, by PUBACK or PUBCOMP
  };
  std::uint64_t number = 0;
  std::uint16_t id = 0;
  Step step{};
  static void fields(auto& r, auto& f) { f(r.number, r.id, r.step); }
};

struct WillRecord {
  static constexpr RecordKind kind = RecordKind::broker_will;
  std::uint64_t number = 0;
  bool held = true;  // false: it is forgotten
  std::uint8_t qos = 0;
  bool retain = false;
  std::string_view topic;
  View payload;
  static void fields(auto& r, auto& f) { f(r.number, r.held, r.qos, r.retain, r.topic, r.payload); }
};

struct SentRecord {
  static constexpr RecordKind kind = RecordKind::broker_sent;
  std::uint64_t number = 0;
  static void fields(auto& r, auto& f) { f(r.number); }
};

}  // namespace hubproof::model::broker
