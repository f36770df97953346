// What a history has told so far, in the form that checks ask for: who is up and connected, what
// each clock may show, and every message that is in flight or may still legally come back. Facts
// say what is certain and what is possible; they judge nothing.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "conformance/few.hpp"
#include "conformance/flat_table.hpp"
#include "conformance/routed_log.hpp"
#include "model/history.hpp"

namespace hubproof::conformance {

// Bounds that leave room for arithmetic on true times and dates.
constexpr std::int64_t never = std::int64_t{1} << 62;
constexpr std::int64_t long_ago = -never;
constexpr std::int64_t second = 1'000'000'000;

// What a node's wall clock may show, relative to true time since the start of the run.
struct ClockBounds {
  bool known = false;
  std::int64_t low = 0;
  std::int64_t high = 0;
  std::int64_t changed_at = long_ago;
  std::int64_t peak = long_ago;  // the latest date that it may have shown before the last change
  std::int64_t floor = never;    // the lowest that `low` ever was
  std::int64_t ceiling = long_ago;  // and the highest that `high` was

  // Surely at or after the date now; perhaps at or after it at some time until now.
  bool surely_past(std::int64_t date, std::int64_t now) const { return known && now + low >= date; }
  bool maybe_was_past(std::int64_t date, std::int64_t now) const {
    return !known || now + high >= date || peak >= date;
  }
};

struct Node {
  bool up = true;          // until it says otherwise
  std::int64_t started_at = long_ago;
  std::int64_t crashed_at = long_ago;
  ClockBounds clock;
};

// A telemetry message from its sending until it was acknowledged and read. This, Stream and the
// first part of DeviceEnd and HubEnd are what each message touches: one cache line each, as with very
// many devices nothing else costs.
struct alignas(64) Telemetry {
  model::MessageKey key = model::MessageKey::none;
  std::int64_t invoked_at = 0;
  std::int64_t acked_at = never;
  std::uint64_t digest = 0;
  std::uint64_t invoked_event = 0;
  std::uint32_t device = 0;       // whom the hub knows it from
  std::uint32_t sender = 0;       // the node that sent it
  std::uint16_t life = 0;         // of the sender
  bool given_up = false;          // ended without an acknowledgement
  bool read = false;              // of a hub with routes: at the endpoint that is looked at
  // Of a hub with routes; sets of endpoints as in Event.
  bool unmatched = false;         // it matches no route
  std::uint16_t owed = 0;         // where it must appear
  std::uint16_t seen = 0;         // where it was read
  bool everywhere() const { return (owed & ~seen) == 0; }
};

// A set of keys as runs of neighbours: keys of one sender are, in the main, consecutive.
class KeyRuns {
 public:
  void add(model::MessageKey key) {
    const auto value = static_cast<std::uint64_t>(key);
    if (first_ <= last_ && value == last_ + 1)
      ++last_;
    else
      begin_run(value);
  }
  bool has(model::MessageKey key) const;

 private:
  struct Run {
    std::uint64_t first;
    std::uint64_t last;
  };
  void begin_run(std::uint64_t value);

  std::uint64_t first_ = 1;  // the newest run, apart: nearly every call is about it
  std::uint64_t last_ = 0;
  std::unique_ptr<std::vector<Run>> older_;  // ascending; seldom there
};

// Telemetry of one device. Sender and device are one node, save where two share a device's id.
struct alignas(64) Stream {
  KeyRuns sent;                         // by this node, ever
  std::int64_t acked_at = long_ago;     // the last acknowledgement that it got
  std::int64_t first_acked_at = never;
  std::uint32_t about = no_node;        // the device that this node is
  // As this device, at the endpoint:
  std::uint32_t partition : 30 = no_partition;
  std::uint32_t invoked : 1 = 0;        // something was sent as this device
  std::uint32_t nameless : 1 = 0;       // ... and something without a message-id
  std::uint64_t newest_read = 0;        // sequence of the event with `newest_sent`
  std::int64_t newest_sent = long_ago;  // latest sending among the messages that were read

  static constexpr std::uint32_t no_node = ~std::uint32_t{0};
  static constexpr std::uint32_t no_partition = (std::uint32_t{1} << 30) - 1;
};

// One event of a partition, as a reader saw it first.
struct LogEntry {
  std::uint64_t sequence;
  std::uint64_t offset;
  model::MessageKey key;
  std::int64_t since;                // stored at this true time or later
  bool gap_before;  // events between this one and the one before it may be unknown
};

// The known part of a partition that readers may still see again, in its order.
class PartitionLog {
 public:
  std::uint64_t begin() const { return dropped_; }  // absolute places
  std::uint64_t end() const { return dropped_ + entries_.size() - head_; }
  const LogEntry& at(std::uint64_t place) const { return entries_[head_ + (place - dropped_)]; }
  std::uint64_t lower_bound(std::uint64_t sequence) const {
    return entries_.empty() || entries_.back().sequence < sequence ? end() : search(sequence);
  }
  void append(const LogEntry& entry) {
    if (entries_.size() - head_ == most) drop(1);
    entries_.push_back(entry);
  }
  void drop_below(std::uint64_t sequence);

 private:
  static constexpr std::size_t most = 1 << 14;
  std::uint64_t search(std::uint64_t sequence) const;
  void drop(std::size_t count);

  std::vector<LogEntry> entries_;    // those before head_ are gone
  std::size_t head_ = 0;
  std::uint64_t dropped_ = 0;
};

// How far a reader is in a partition.
struct Cursor {
  bool started = false;
  bool fresh = false;                  // told where it starts, nothing read since
  std::uint64_t from = 0;              // where it started last
  std::uint64_t last = 0;              // last sequence number read
  std::int64_t last_date = long_ago;   // and the hub's date of it
  std::uint64_t next = 0;              // place in the log of what must come next
  std::uint64_t checkpoint = 0;        // highest that it ever asked to store
  std::int64_t owed_from = never;      // what was acknowledged later is owed to it
  std::int64_t jumped_at = long_ago;   // when it last went forward by its own will
};

struct ReaderFacts {
  std::uint32_t node = 0;
  std::int64_t new_at = long_ago;      // when it last read something new
  std::vector<Cursor> cursors;         // by partition
};

enum class Subscribed : std::uint8_t { unknown, no, yes };

// Where an event that was read stands among those that are known.
struct Reading {
  const Cursor* cursor = nullptr;      // of its reader; null: it reads its first
  const PartitionLog* log = nullptr;
  std::uint64_t place = 0;             // lower bound of its sequence number
  bool known = false;                  // it was read before
  // Of a hub with routes, for the newest event of a partition:
  const RoutedLog* routed = nullptr;
  bool follows = false;                // the one before it was read just now
  std::uint64_t original = RoutedLog::none;  // where it was written first
};

struct InFlight {                      // a PUBLISH with QoS > 0 of a device, not acknowledged
  model::MessageKey message{};
  std::uint32_t connection = 0;        // that it was last sent on
  std::uint16_t packet_id = 0;
  bool resent = false;                 // ... and not for the first time
  std::int64_t first_sent_at = 0;
};

struct Received {                      // a PUBLISH with QoS 1 to a device, not acknowledged
  std::uint16_t packet_id;
  bool overtaken;                      // a later one was acknowledged first
};

// The device's end of its connections.
struct alignas(64) DeviceEnd {
  std::uint32_t connection = 0;        // the newest; 0: none yet
  std::uint16_t keep_alive = 0;
  bool connected = false;              // its CONNACK came, its end did not
  bool session_continues = false;      // CleanSession 0, and the hub had the session
  bool clean = false;
  bool has_will = false;
  bool asleep = false;                 // it went by its own will
  bool turned_away = false;            // the last attempt was refused by the hub
  bool asks_with_will = false;         // its CONNECT left and has a will, and no answer came yet
  Subscribed subscribed = Subscribed::unknown;
  std::int64_t sent_at = long_ago;     // last packet sent
  std::int64_t accepted_at = long_ago;
  Few<InFlight> in_flight;             // in the order of first sending

  std::int64_t opened_at = long_ago;
  std::int64_t ended_at = long_ago;
  std::int64_t tried_at = long_ago;    // last sign of an attempt to connect
  std::vector<Received> received;      // on this connection, in order
};

// A token that a device showed to be let in [SEC-01].
struct Shown {
  std::uint32_t connection = 0;
  std::int64_t at = long_ago;          // when CONNECT left
  std::int64_t expiry = model::no_date;
  std::uint64_t key = 0;               // as `token` of the event names it; 0: unknown
  std::uint64_t scope = 0;
};

// A key that a device id has, or had [SEC-09].
struct KnownKey {
  std::uint64_t digest = 0;
  bool primary = true;
  std::int64_t known_at = never;       // when it surely had it
  std::int64_t dead_at = never;        // when it surely had it no more
  // In the history: what is answered and asked at one instant is told apart by its order alone.
  std::uint64_t asked = 0;             // where somebody began to give it
  std::uint64_t known = not_yet;       // where it surely had it
  static constexpr std::uint64_t not_yet = std::numeric_limits<std::uint64_t>::max();
};

struct Handed {                        // a PUBLISH of a command that the device has not acknowledged
  model::MessageKey message;
  std::uint32_t number;                // which hand-over of that command
  std::uint16_t packet_id;
};

struct HubConnection {
  std::uint32_t number = 0;            // 0: none
  std::uint32_t generation = 0;
  std::uint16_t keep_alive = 0;
  bool has_will = false;
  bool clean = false;
  bool said_goodbye = false;           // DISCONNECT came
  bool subscribed = false;             // SUBSCRIBE for commands came on it
  std::int64_t accepted_at = long_ago;
  std::int64_t received_at = long_ago; // last packet
};

// The hub's end of a device's connections.
struct alignas(64) HubEnd {
  HubConnection now;
  bool others = false;                 // there is one in `asking` or `older`
  bool ever_subscribed = false;
  bool disordered = false;             // an acknowledgement came out of order on `now`
  bool granted = false;                // SUBACK left in a session that is kept: no crash undoes it [MQTT-13]
  Subscribed subscribed = Subscribed::unknown;
  std::vector<Handed> window;          // on `now`, in the order of sending

  HubConnection asking;                // its CONNECT came, no answer left
  HubConnection older;                 // pushed out by `now`, and not ended yet
  std::uint32_t registration = 0;      // generation of the device that was let in last
  std::int64_t subscribed_at = long_ago;
  std::int64_t ended_at = long_ago;    // the last end of any of them

  // Wills of this device's connections [MQTT-42].
  std::uint32_t wills_owed = 0;        // the hub saw the unclean end and lived long enough after it
  std::uint32_t wills_possible = 0;
  std::uint32_t wills_read = 0;        // different events
  std::vector<std::pair<std::uint32_t, std::uint64_t>> newest_wills;  // partition, sequence of the last
  bool read_before(const model::Event& will) const {
    return std::ranges::any_of(newest_wills, [&](const auto& newest) {
      return newest.first == will.partition && will.sequence <= newest.second;
    });
  }
  std::int64_t will_ended_at = long_ago;     // of the last one owed
  std::vector<std::int64_t> recent_wills;    // ends that a crash may still undo, in time that the hub was awake
};

struct HandOver {                      // one delivery, where it began
  std::uint64_t token = 0;
  std::int64_t at = long_ago;          // when it left; its lock began then or, at the earliest,
  std::int64_t began_at = long_ago;    // then: a delivery waits for what it rests on to be durable
  std::uint32_t connection = 0;
  std::uint32_t epoch = 0;             // the hub's life
  bool link = false;
};

struct Settling {                      // asked for and not answered yet
  model::What how;
  std::uint64_t token;
  std::int64_t asked_at;
  bool superseded;                     // a later delivery had been seen before it was asked for
  bool lapsed;                         // its lock had surely run out before
  bool expired;                        // so had the message's time
};

enum class End : std::uint8_t { none, completed, rejected, purged, deleted, refused, reported };

// A cloud-to-device message from its sending until nothing more can come of it.
struct Command {
  model::MessageKey key = model::MessageKey::none;
  std::uint32_t place = 0;
  std::uint32_t device = 0;
  std::uint32_t service = 0;
  std::uint32_t generation = 0;        // of the device, where it is certain
  model::Ack ack = model::Ack::none;
  bool answered = false;               // the send has an end: ok, fail or info
  bool accepted = false;
  bool may_be_gone = false;            // something that removes it has begun
  bool may_be_removed = false;         // that was a purge, or a deletion of the device
  bool murky = false;                  // its id was used twice: nothing can be said
  bool handed_at_qos0 = false;
  bool told_expiry = false;            // the hub told its expiry
  std::uint64_t invoked_event = 0;
  std::int64_t invoked_at = 0;
  std::int64_t accepted_at = never;
  std::int64_t expiry = model::no_date;         // as asked for, or as the hub told
  std::int64_t enqueued_low = model::no_date;   // bounds of the hub's date of its coming, where known
  std::int64_t enqueued_high = model::no_date;
  std::uint64_t digest = 0;

  // Deliveries.
  std::uint32_t hand_overs = 0;        // seen where they began
  std::uint32_t tokens_of_link = 0;    // of these, not over MQTT
  std::uint32_t sure_returns = 0;      // between two of them, in one life of the hub
  HandOver newest;
  std::array<std::uint64_t, 4> tokens{};  // of the latest hand-overs, newest first
  std::uint32_t deliveries = 0;        // that reached the application
  std::int64_t delivered_at = long_ago;
  std::uint64_t delivered_token = 0;

  // Settling.
  std::vector<Settling> open;
  std::uint32_t completes = 0;         // asked for
  std::uint32_t completes_refused = 0;
  std::uint32_t rejects = 0;
  std::uint32_t rejects_refused = 0;
  std::uint32_t abandons = 0;
  std::uint32_t abandons_done = 0;
  std::uint32_t abandons_refused = 0;
  std::int64_t abandoned_at = long_ago;  // the last that was asked for and not refused
  std::int64_t settled_at = long_ago;    // the last settling of any kind that was asked for
  std::int64_t first_complete_at = never;
  std::uint32_t acks = 0;              // PUBACKs that reached the hub
  std::uint32_t acks_superseded = 0;   // ... for a delivery that was not the newest
  std::uint32_t acks_lapsed = 0;       // ... when its lock had surely run out
  bool acked_live = false;             // the newest came in time and in order
  std::uint32_t live_epoch = 0;        // ... in this life of the hub

  // Ends.
  End end = End::none;                 // certain, and no crash undoes it
  std::int64_t end_at = never;
  bool recorded = false;
  model::Status record = model::Status::success;
  std::int64_t record_date = model::no_date;
  std::int64_t record_batch = model::no_date;  // when the batch was made that it came in first
  std::uint64_t record_token = 0;              // of its last arrival

  // Of the device's list.
  std::uint32_t before = none;
  std::uint32_t after = none;
  static constexpr std::uint32_t none = ~std::uint32_t{0};
};

struct Queue {                         // a device's, and its registration
  std::uint32_t first = Command::none; // commands in the order of sending
  std::uint32_t last = Command::none;
  std::uint32_t listed = 0;
  std::uint32_t sweep_at = 64;
  std::uint32_t certain = 0;           // accepted, and nothing that removes them has begun (but time)
  std::uint32_t generation = 0;        // 0: not known
  std::uint64_t generation_known = 0;  // where in the history it became so
  std::uint32_t registry_open = 0;     // creations and deletions without an answer
  std::uint32_t deletes_open = 0;
  bool registry_murky = false;         // one of them ended and nobody knows how, or which came last
  bool registry_mixed = false;         // a deletion and something else were open at one time
  bool deleted = false;
  bool disabled = false;               // perhaps
  std::uint32_t disables_open = 0;
  std::uint32_t enables_open = 0;
  std::uint64_t disable_seen = 0;      // where in the history the last one was asked for or answered
  std::uint64_t enable_asked = 0;      // where the first of those that are open was
  std::int64_t registry_at = long_ago; // last change or attempt
  std::int64_t enabled_at = long_ago;
  std::int64_t delete_asked_at = never;  // of the open one that was asked for first
  std::uint64_t delete_asked = 0;        // and where in the history
  std::int64_t purge_asked_at = never;
  std::uint32_t purges_open = 0;
  bool purge_murky = false;            // one of them ended and nobody knows how
  bool purged = false;                 // a purge was ever asked for
};

struct DeadGeneration {
  std::uint32_t device;
  std::uint32_t generation;
  std::int64_t dead_at;
};

class Facts {
 public:
  Facts(const model::Terms& terms, const std::vector<model::Participant>& participants);

  // Looks up what the event is about. The places stay where they are until the next take().
  Telemetry* telemetry_of(const model::Event& event);
  Command* command_of(const model::Event& event);
  void read(const model::Event& event, Reading& reading) const;
  // What an observer is; a stranger's history may name one that is no participant.
  enum class Who : std::uint8_t { hub, device, service, nobody };
  Who who(model::NodeIndex node) const {
    const auto at = static_cast<std::size_t>(node);
    return at < roles_.size() ? static_cast<Who>(roles_[at]) : Who::nobody;
  }
  // Takes the event in, after the checks have seen it; `who` is its observer.
  void take(const model::Event& event, Who who, std::uint64_t index, Telemetry* telemetry,
            Command* command);
  // What that comes to for telemetry, and for a packet that a device sent or received, once `now` is
  // the event's time.
  void take_telemetry(const model::Event& event, Who who, std::uint64_t index, Telemetry* message);
  void take_packet_at_device(const model::Event& event);

  // See Judge::soon.
  void soon(model::NodeIndex observer, model::NodeIndex device, model::MessageKey message,
            bool again) const;

  const model::Terms& terms;

  // Participants.
  std::size_t participants() const { return nodes.size(); }
  bool is(model::NodeIndex node, model::Role role) const {
    return static_cast<std::size_t>(node) < roles_.size() &&
           roles_[static_cast<std::size_t>(node)] == role;
  }
  bool observed(std::uint32_t node) const { return observed_[node]; }  // it tells what it sees
  std::uint16_t life(std::uint32_t node) const { return lives_[node]; }  // counts its crashes
  const std::string& name(std::uint32_t node) const;
  const std::string& name(model::NodeIndex node) const { return name(static_cast<std::uint32_t>(node)); }
  std::vector<Node> nodes;
  std::int64_t now = 0;
  std::int64_t healed_at = never;
  std::uint32_t faults = 0;             // begun, ever
  bool anyone_slept = false;            // a device went away by its own will, ever

  // The hub's clock and life.
  ClockBounds hub_clock;
  std::int64_t hub_disturbed_at = long_ago;  // last crash, start or change of its clock
  std::int64_t hub_started_at = long_ago;
  std::int64_t hub_clock_changed_at = long_ago;
  std::int64_t hub_ended_a_nameless_at = long_ago;  // connection, that is: one which never said whose it is
  std::uint32_t hub_epoch = 0;
  bool hub_up = true;
  // Whether the hub did something strictly between two times, so it was neither down nor asleep.
  bool hub_was_awake(std::int64_t after, std::int64_t before) const;
  std::int64_t hub_last_awake(std::int64_t before) const;  // the last time that shows so

  // Endpoints, of a hub with routes. Each has partitions of its own: in here, partition p of endpoint e of n is
  // number p * n + e.
  const bool routed;
  const bool special;                   // it has routes, or limits
  std::uint32_t endpoint_of(const model::Event& event) const;      // of a read event
  bool of_endpoint(const model::Event& event) const;               // it names one, and only one
  std::uint32_t partition_in_here(const model::Event& event) const;
  std::string partition_text(std::uint32_t partition) const;       // "3", "3 of alerts"
  void look_at(Telemetry* message, const model::Event& event) const;  // sets its `read`
  // Whether the hub started again since the message was sent (where it is known), so may repeat it.
  bool may_repeat(const Telemetry* message) const {
    return message == nullptr || hub_started_at > message->invoked_at;
  }

  // Telemetry.
  FlatTable<Telemetry> messages;
  std::vector<Stream> streams;                // by node
  // At an endpoint; of all but the first one, only what is said of the endpoint is there.
  const Stream& stream_at(std::uint32_t device, std::uint32_t endpoint) const {
    return endpoint == 0 ? streams[device] : further_streams_[(endpoint - 1) * nodes.size() + device];
  }
  const Stream& stream_read(const model::Event& read) const {
    return stream_at(static_cast<std::uint32_t>(read.device), routed ? endpoint_of(read) : 0);
  }
  std::vector<PartitionLog> logs;             // by partition
  std::vector<ReaderFacts> readers;
  bool forgot_hashed = false;
  std::uint64_t dropped_unread = 0;           // acknowledged ones that no one can be asked for any more
  const ReaderFacts* reader(model::NodeIndex node) const;
  bool was_sent(std::uint32_t sender, model::MessageKey key) const;
  // Whether retention may have taken an event that was stored at this true time or later.
  bool may_have_left(std::int64_t since) const;
  // Whether readers must have seen an event of the device that was stored between these times.
  bool must_have_been_read(std::uint32_t device, std::int64_t after, std::int64_t before,
                           std::uint32_t endpoint = 0) const;

  // Connections.
  std::vector<DeviceEnd> device_ends;         // by observing node
  struct Holder {                             // who was accepted last as this device, at its own end
    std::uint32_t node = ~std::uint32_t{0};
    std::int64_t asked_at = long_ago;         // its CONNECT left; the answer may have been long on its way
    std::int64_t at = long_ago;
  };
  std::vector<Holder> holders;                // by device
  bool rivals = false;                        // two nodes were accepted as one device, ever
  std::vector<HubEnd> hub_ends;               // by device

  // Commands.
  std::vector<Queue> queues;                  // by device
  std::deque<Command> commands;               // places; those with no key are free
  std::vector<DeadGeneration> dead_generations;
  std::map<std::uint32_t, Shown> tokens;                   // shown, newest, by the device that showed it
  std::map<std::uint32_t, std::vector<KnownKey>> keys;     // by the device whose they are
  std::int64_t batch_created = model::no_date;  // of the feedback message that records arrive in
  std::int64_t feedback_at = long_ago;        // when the last feedback message was received
  std::uint32_t feedback_reader = ~std::uint32_t{0};  // and by whom
  // One of the latest feedback messages, by the token that completed it.
  bool completed_batch(std::uint64_t token) const {
    return token != 0 && std::ranges::find(completed_batches_, token) != completed_batches_.end();
  }
  const Command* command(model::MessageKey key) const;
  bool was_ended(model::MessageKey key) const;  // forgotten, because it had surely ended
  // Has this device, on the connection that it has, left alone something that it was given by another door than
  // MQTT's? Over AMQP that is one message less that it may be sent, for as long as the connection lasts.
  bool leaves_alone(std::uint32_t device) const {
    const auto found = left_alone_.find(device);
    return found != left_alone_.end() && !found->second.empty();
  }
  // When the hub last refused something of this device because the day's quota is used up [QUO-03].
  std::int64_t quota_refused_at(std::uint32_t device) const {
    const auto found = quota_refused_.find(device);
    return found == quota_refused_.end() ? long_ago : found->second;
  }
  template <class F>
  void each_command(std::uint32_t device, F&& visit) const {
    for (std::uint32_t at = queues[device].first; at != Command::none; at = commands[at].after)
      visit(commands[at]);
  }
  // A lock given at this time has surely run out; has surely not.
  bool lock_is_over(std::int64_t given_at, std::int64_t time) const;
  bool lock_holds(std::int64_t given_at, std::int64_t time) const;
  // Whether the hub may have handed it over and counted that, and the delivery was lost with its
  // connection before it left: while its record was not on the disk yet.
  bool may_have_more_hand_overs(const Command& command) const;
  // The earliest time at which the lock of a delivery that left now may have begun.
  std::int64_t lock_began(const Command& command, std::int64_t at) const;
  // The bounds of its expiry, by the hub's clock; no_date: not known.
  std::int64_t expires_no_sooner_than(const Command& command) const;
  std::int64_t expires_no_later_than(const Command& command) const;
  bool lives_still(const Command& command, std::int64_t at) const;  // surely not expired until then

 private:
  std::array<std::uint64_t, 64> completed_batches_{};  // tokens, in a ring
  std::map<std::uint32_t, std::vector<std::uint64_t>> left_alone_;  // by device: tokens
  std::map<std::uint32_t, std::int64_t> quota_refused_;             // by device
  std::size_t completed_batch_ = 0;

  struct Place {
    model::MessageKey key = model::MessageKey::none;
    std::uint32_t at = 0;
  };
  static constexpr std::size_t most_ended = 1 << 14;
  bool valid(model::NodeIndex node) const { return static_cast<std::size_t>(node) < nodes.size(); }

  Stream& stream_here(const model::Event& read) {
    const auto device = static_cast<std::size_t>(read.device);
    if (!routed || endpoint_of(read) == 0) return streams[device];
    return further_streams_[(endpoint_of(read) - 1) * nodes.size() + device];
  }
  void take_read(const model::Event& event, Telemetry* message);
  void take_routed(const model::Event& event, const Telemetry* message);
  void seen_at_endpoint(const model::Event& event, Telemetry& message);
  void take_read_from(const model::Event& event);
  void take_checkpoint(const model::Event& event);
  [[gnu::noinline]] void forget(Telemetry* message);
  void take_will_read(const model::Event& event);
  void take_hub_end(const model::Event& event);
  [[gnu::noinline]] void sweep_telemetry();
  ReaderFacts& reader_at(model::NodeIndex node);
  Cursor& cursor_at(ReaderFacts& reader, std::uint32_t partition);
  PartitionLog& log_at(std::uint32_t partition);

  void take_connection(const model::Event& event);
  void take_packet_at_hub(const model::Event& event, Command* command);
  static void take_suback(const model::Event& event, HubEnd& end);
  static void unsubscribed(HubEnd& end);
  static void forget_subscription(HubEnd& end);
  void take_ack_at_hub(const model::Event& event);

  void take_command(const model::Event& event, std::uint64_t index, Command* command);
  void take_hand_over(const model::Event& event, Command& command, bool link);
  void take_delivery(const model::Event& event, Command* command);
  void take_throttle(const model::Event& event);
  void take_settling(const model::Event& event, Command* command);
  void take_record(const model::Event& event, Command* command);
  void take_registry(const model::Event& event, std::uint64_t index);
  void take_keys(const model::Event& event, std::uint64_t index);
  void take_purge(const model::Event& event);
  void take_clock(const model::Event& event);
  void take_life(const model::Event& event);
  void may_go(Command& command);
  void may_be_removed(Command& command) {
    command.may_be_removed = true;
    may_go(command);
  }
  void ended(Command& command, End how, std::int64_t at);
  void retire(Command& command);
  void retire_ended() {
    if (ended_commands_.size() > most_ended) retire_oldest();
  }
  void retire_oldest();
  void sweep_commands(std::uint32_t device);
  Command& new_command(model::MessageKey key, std::uint32_t device);
  Command* command_by_token(std::uint32_t device, std::uint64_t token);

  std::vector<std::string> names_;
  std::vector<model::Role> roles_;
  bool anyone_reads_ = false;           // there is a service, so what was acknowledged is owed to it
  std::vector<Stream> further_streams_;
  std::vector<RoutedLog> routed_logs_;  // by partition
  std::vector<char> observed_;
  std::vector<std::uint16_t> lives_;
  std::string nobody_ = "nobody";
  FlatTable<Place> command_places_;
  std::vector<std::uint32_t> free_commands_;
  std::deque<std::uint32_t> ended_commands_;              // places, oldest first
  std::map<std::uint64_t, std::uint64_t> ended_keys_;     // runs: first -> last
  std::deque<model::MessageKey> done_hashed_;
  static constexpr std::uint32_t marks = 256;
  std::array<std::int64_t, marks> hub_marks_{};
  std::int64_t newest_mark_ = long_ago;
  std::int64_t hub_awake_ = 0;          // how long it was surely not paused until then
  std::uint32_t hub_mark_ = 0;
};

}  // namespace hubproof::conformance
