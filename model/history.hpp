// The history of a run: what its participants asked for and saw, each event recorded at the end
// that saw it. It is all that a judge gets, so a check cannot tell our hub from a stranger's.
// Its public form is JSON lines (conformance/history_json.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "model/message.hpp"

namespace hubproof::model {



enum class NodeIndex : std::uint32_t { none = 0xffffffff };  // into History::participants
enum class Role : std::uint8_t { hub, device, service };

enum class What : std::uint8_t {
  // Operations of a device.
  telemetry,  // a message handed to the device for sending: invoke; ok = acknowledged; fail = certainly
              // not stored; info = the device gave it up and nobody knows
  delivery,   // ok: a cloud-to-device message reached the device's application (see token)
  complete,   // settling a delivery by its token. Over MQTT the PUBACK: invoke, then info, as it has
  reject,     //   no answer; by other doors: ok, fail (lock lost) or info
  abandon,
  // Operations of a service.
  command,           // a cloud-to-device message sent: invoke; ok = stored; fail = refused (error); info
  read_from,         // ok: a reader starts, or starts again, at `sequence` of `partition` (its first event is
                     //   that one or a later one); 0: behind the last checkpoint that it stored itself
  read,              // ok: a reader saw a telemetry event
  checkpoint,        // a reader stores that all events of `partition` up to and with `sequence` are done
  feedback_batch,    // ok: a feedback message arrived: token, count = its records, date = when it was made
  feedback_record,   // ok: one record of the batch before it: message, status, device, generation, date
  feedback_complete, // settles a feedback message by its token
  feedback_abandon,
  create_device,  // ok: generation
  delete_device,
  enable_device,
  disable_device,
  purge,  // ok: count = messages removed
  // Connections, at either end.
  opened,    // the transport is up
  accepted,  // the hub said yes: sent (hub) or received (device). keep_alive, flags
  refused,   // the hub said no, or the transport did: code
  ended,     // by: who ended it, as far as this end can know
  // Packets, at either end; flag_sent tells the direction. Only packets with a meaning for a clause.
  packet,
  // Participants.
  started,      // a new incarnation
  crashed,      // it forgot all that was not on its disk
  clock,        // from now on its wall clock minus true time lies within [offset_low, offset_high]
  fault_begins, // text in History::notes[note]; what it is, is for the reader, not for a verdict
  fault_ends,
  healed,       // all faults are over and latency is normal: liveness is owed from now on
  finished,     // the last event: the observer of the run looked until here
  // More operations of a service.
  update_device, // credentials changed. ok: token and sequence are the key_digests of the two keys
  // What a hub that throttles did with a request that counts against the limit `code` (see Limit), at
  // the hub's end: invoke = it waits in the queue, as number `token`; ok = served, at once (token 0) or
  // from the queue; fail = refused (error); info = it no longer waits, as its connection is gone. count =
  // bytes of what is metered; message, where it is one.
  throttle
};

enum class Phase : std::uint8_t { invoke, ok, fail, info };

enum class Packet : std::uint8_t {  // MQTT's own numbers, and the hand-overs of other doors
  none = 0,
  connect = 1,
  connack = 2,
  publish = 3,
  puback = 4,
  pubrec = 5,
  pubrel = 6,
  pubcomp = 7,
  subscribe = 8,
  suback = 9,
  unsubscribe = 10,
  unsuback = 11,
  pingreq = 12,
  pingresp = 13,
  disconnect = 14,
  link_delivery = 16,  // another door than MQTT's handed a cloud-to-device message over
  link_other = 17      // any other traffic there
};

enum class Status : std::uint8_t { success, expired, delivery_count_exceeded, rejected, purged };  // [FBK-09]

enum class EndedBy : std::uint8_t { unknown, local, peer, timed_out, reset };

enum class Why : std::uint8_t {  // why this end closed a connection, where this end did
  unknown,
  disconnect,    // DISCONNECT was sent or received
  takeover,      // a newer connection of the same device [MQTT-09]
  keep_alive,    // silence for 1.5 times the keep-alive [MQTT-14]
  protocol,      // the peer broke the protocol
  not_allowed,   // a topic, filter, size or QoS that this hub does not serve
  device_gone,   // the device was disabled or deleted
  shutdown,
  no_connect,    // no CONNECT within the deadline
  no_answer,     // the peer did not answer in time
  credentials,   // what it was let in with is good no more: a token expired, a key was changed [SEC-17]
  throttled      // a request was beyond a limit, and the protocol has no other way to say so [MQTT-44]
};

enum class Error : std::uint16_t {  // definite errors of operations; texts in error_text
  none,
  device_not_found,
  queue_full,
  too_large,
  invalid_expiry,
  lock_lost,
  not_found,
  device_exists,
  bad_request,
  storage,
  timed_out,
  disabled,
  unauthorized,        // credentials are missing, wrong, expired, or for something else [ERR-08]
  precondition_failed, // the ETag is another one [ERR-26]
  throttled,           // beyond the limit, the allowance and the queue: try again later [ERR-30]
  quota_exceeded       // the day's messages are used up [ERR-10]
};
const char* error_text(Error error);

enum Flags : std::uint16_t {
  flag_sent = 1,             // packet: this end sent it; otherwise it received it
  flag_dup = 2,
  flag_retain = 4,
  flag_clean_session = 8,    // accepted, connect
  flag_session_present = 16, // accepted
  flag_has_will = 32,        // accepted, connect
  flag_will = 64,            // read: the event is a Will [MQTT-41]; telemetry: not used
  flag_c2d_filter = 128,     // subscribe, suback, unsubscribe: it names the cloud-to-device filter
  flag_c2d = 256,            // publish: on the device's cloud-to-device topic
  flag_link = 512,           // the operation went by another door than MQTT's
  flag_unmatched = 1024      // telemetry, invoke: no route of the hub matches the message
};

// What is limited, one by one; 0 is none [QUO-04..QUO-08].
enum class Limit : std::uint8_t { none, connections, telemetry, commands, receives, registry };
constexpr std::size_t limit_count = 5;

// Requests of one kind: beyond the allowance they wait, beyond the queue they are refused [QUO-10].
struct LimitTerms {
  std::uint32_t per_minute = 0;  // 0: no limit
  std::uint32_t burst = 0;       // the allowance: so many are served at once after a quiet time [QUO-11]
  std::uint32_t queue = 0;       // so many may wait [QUO-11]
  bool operator==(const LimitTerms&) const = default;
};

constexpr std::int64_t no_date = std::numeric_limits<std::int64_t>::min();
constexpr std::uint32_t unknown_count = 0xffffffff;

// One event. Fields that a kind does not use keep their defaults; absent and unknown are the same.
struct Event {
  std::int64_t at = 0;     // true time, ns since the start of the run
  std::int64_t local = 0;  // the observer's wall clock, ns since 1970
  What what = What::finished;
  Phase phase = Phase::ok;
  Packet packet = Packet::none;
  std::uint8_t qos = 0;
  std::uint16_t flags = 0;
  std::uint16_t packet_id = 0;
  NodeIndex observer = NodeIndex::none;
  NodeIndex device = NodeIndex::none;      // whom it is about
  std::uint32_t connection = 0;            // this end's number of the connection, from 1; 0: none
  std::uint32_t generation = 0;            // of the device's registration; 0: unknown
  MessageKey message = MessageKey::none;
  std::uint64_t digest = 0;                // MessageView::content_digest; 0: unknown. A token shown at connect: its
                                           //   key_digest is in `token`, the hash of its scope in `sequence`
  std::uint64_t token = 0;                 // lock token. Over MQTT: connection << 16 | packet id
  std::uint64_t sequence = 0;              // telemetry or queue sequence number; 0: unknown
  std::uint64_t offset = 0;
  std::int64_t date = no_date;             // enqueued time, outcome time (hub's date), will: none
  std::int64_t expiry = no_date;           // hub's date. connect: that of the token; none: no token
  std::int64_t offset_low = 0;             // clock
  std::int64_t offset_high = 0;
  std::uint32_t partition = 0;
  std::uint32_t count = unknown_count;     // delivery count; records of a batch; messages purged
  std::uint32_t note = 0;                  // index into History::notes. At a plain broker: the topic of a PUBLISH or of
                                           // a will (connect), the filter of a (un)subscribe or suback, one event each
  std::uint16_t keep_alive = 0;            // seconds, accepted
  std::uint16_t code = 0;                  // CONNACK code, SUBACK code
  Error error = Error::none;
  Ack ack = Ack::none;
  Status status = Status::success;
  EndedBy by = EndedBy::unknown;
  Why why = Why::unknown;
  std::uint16_t endpoints = 0;             // a set, as bits in the order of Terms::endpoints. read, read_from,
                                           // checkpoint: the one; telemetry, invoke: where routes lead it
};

// What the hub under test promised: the figures of its profile, fixed before the run. A mutant
// does not change them.
struct Terms {
  std::string profile = "iot-hub-2026";
  bool broker = false;                         // a plain MQTT broker: no hub, no devices, no telemetry
  bool count_every_return = false;             // delivery_count_rule = every_return_2017 [C2D-17]
  bool release_on_disconnect = true;           // lock_on_disconnect [C2D-15]
  bool hub_observed = true;                    // events of the hub's end are in the history
  std::uint32_t queue_limit = 50;              // [C2D-03]
  std::uint32_t max_delivery_count = 10;       // [C2D-18]
  std::uint32_t feedback_batch_limit = 64;     // [FBK-15]
  std::int64_t lock_ns = 60'000'000'000;       // [C2D-13]
  std::int64_t default_ttl_ns = 3'600'000'000'000;       // [C2D-27]
  std::int64_t longest_ttl_ns = 0;             // a later expiry is cut to this [C2D-28]; 0: none is
  std::int64_t retention_ns = 86'400'000'000'000;        // [D2C-31]
  std::int64_t feedback_batch_ns = 15'000'000'000;       // [FBK-15]
  std::int64_t feedback_ttl_ns = 3'600'000'000'000;      // [FBK-19]
  std::int64_t feedback_lock_ns = 60'000'000'000;        // [FBK-19]
  std::uint32_t feedback_max_delivery_count = 10;        // [FBK-20]
  std::int64_t keep_alive_cap_ns = 1'767'000'000'000;    // [MQTT-15]
  bool verifies = false;                       // it asks devices for credentials
  bool cuts_expired = true;                    // a live connection ends with its token [SEC-17, SEC-18]
  std::int64_t sas_grace_ns = 300'000'000'000;           // sas_grace, at connect [SEC-15]
  std::int64_t sas_grace_live_ns = 600'000'000'000;      // sas_grace, on a live connection [SEC-16]
  std::int64_t tick_ns = 1'000'000;            // the hub's clock resolution for expiry and time-outs
  std::int64_t settle_ns = 0;                  // liveness: the time after `healed` within which progress is owed
  std::vector<std::string> endpoints;          // of a hub with routes, the built-in one first; empty: no routes
  bool fallback = true;                        // what matches no route goes to the built-in endpoint [D2C-21]
  bool throttles = false;                      // the hub has quotas and limits: the ones that follow
  std::array<LimitTerms, limit_count> limits{};  // of Limit::connections and so on
  std::uint32_t quota_per_day = 0;             // metered chunks; 0: no quota [QUO-01]
  std::uint32_t quota_chunk = 4'096;           // bytes [QUO-02]
};

struct Participant {
  std::string name;
  Role role = Role::device;
};

struct History {
  Terms terms;
  std::vector<Participant> participants;
  std::vector<std::string> notes{""};
  std::vector<Event> events;
};

}  // namespace hubproof::model
