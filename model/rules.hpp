// What profiles switch and mutants spoil: named constants, switches and small pure functions that
// the machines take as an argument. A machine asks its rules and never knows who wrote them.
//
// Each rule is asked at one place, so that a mutant which replaces it changes one decision.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "model/amqp/rules.hpp"
#include "model/history.hpp"
#include "model/http_rules.hpp"
#include "model/quota_rules.hpp"
#include "model/routing.hpp"
#include "model/time.hpp"
#include "model/websocket/rules.hpp"

namespace hubproof::model {

using namespace std::chrono_literals;

enum class RecordKind : std::uint8_t;  // model/hub/record.hpp

// Switches of section 0.4 of the messaging facts and of the departures from MQTT 3.1.1; where both
// name one, the name of the facts wins. Only those that this version's doors can show.
enum class DeliveryCountRule : std::uint8_t { every_return_2017, abandon_only_2026 };
enum class RetainName : std::uint8_t { x_opt_retain, mqtt_retain };
enum class Qos0Settle : std::uint8_t { complete_on_write, keep_locked };
enum class PresubMessages : std::uint8_t { deliver_on_connack, after_subscribe, reject_older };
enum class LockOnDisconnect : std::uint8_t { release, hold };
// What becomes of a sender's expiry that is past or too far: both refused; past ones stored and
// expired at once, far ones cut; past ones refused, far ones cut.
enum class InvalidExpiry : std::uint8_t { refuse, accept_and_expire, cap };
enum class Qos2Publish : std::uint8_t { close, puback };
enum class BadTopic : std::uint8_t { close, ack };
enum class BadFilter : std::uint8_t { close, failure_code, accept };
enum class FilterOverLimit : std::uint8_t { close, failure_code };
enum class OverSize : std::uint8_t { close, ack_and_drop };
// Does the hub ask for credentials? Open: whoever names a device is that device.
enum class Access : std::uint8_t { open, verified };

// What an answer promises.
enum class Promised : std::uint8_t {
  registration, removal, enabling, command, settling, purge, feedback_settling
};
// In which order is sent again what was not acknowledged?
enum class ResendOrder : std::uint8_t { as_sent, reversed, by_packet_id };

struct HubRules {
  // Switches.
  DeliveryCountRule delivery_count_rule = DeliveryCountRule::abandon_only_2026;  // [C2D-17]
  RetainName retain_property_name = RetainName::mqtt_retain;                     // [MQTT-21]
  Qos0Settle mqtt_qos0_settle = Qos0Settle::complete_on_write;                   // [C2D-31]
  PresubMessages mqtt_presub_messages = PresubMessages::deliver_on_connack;      // [MQTT-30..32]
  LockOnDisconnect lock_on_disconnect = LockOnDisconnect::release;               // [C2D-15]
  InvalidExpiry invalid_expiry = InvalidExpiry::refuse;                          // [OPEN-07]
  Qos2Publish qos2_publish = Qos2Publish::close;                                 // [H-10]
  BadTopic bad_topic = BadTopic::close;                                          // [H-14]
  BadFilter bad_filter = BadFilter::failure_code;                                // [H-15]
  FilterOverLimit filter_over_limit = FilterOverLimit::failure_code;             // [H-16]
  OverSize over_size = OverSize::close;                                          // [H-19]
  bool feedback_pascal_case = false;                                             // [FBK-12]
  bool resend_while_connected = true;                                            // [H-23]
  Access access = Access::open;
  bool device_sas = true;     // devices may use tokens of their keys [SEC-23]
  bool cuts_expired = true;   // a live connection ends with its token [SEC-17, SEC-18]
  bool cuts_rotated = true;   // and when the key that signed it is changed

  // Figures.
  std::uint32_t partitions = 4;                    // [D2C-05]
  std::uint32_t queue_limit = 50;                  // [C2D-03]
  std::uint32_t max_delivery_count = 10;           // [C2D-18]
  std::uint32_t filter_limit = 5;                  // [MQTT-36]
  std::uint32_t c2d_window = 50;                   // unacknowledged C2D publishes per connection [OPEN-20]
  std::uint32_t d2c_size_limit = 262'144;          // [D2C-40]
  std::uint32_t c2d_size_limit = 65'536;           // [C2D-05]
  std::uint32_t feedback_batch_limit = 64;         // [FBK-15]
  std::uint32_t feedback_max_delivery_count = 10;  // [FBK-20]
  std::uint8_t refused_login = 5;                  // CONNACK code [H-05]
  std::uint8_t disabled_device = 3;                // CONNACK code [H-05]
  Duration tick = 1ms;                             // the resolution of the hub's dates
  Duration lock = 60s;                             // [C2D-13]
  Duration default_ttl = 1h;                       // [C2D-27]
  Duration max_ttl = 48h;                          // [C2D-28]
  Duration retention = 24h;                        // [D2C-31]
  Duration feedback_batch = 15s;                   // [FBK-15]
  Duration feedback_ttl = 1h;                      // [FBK-19]
  Duration feedback_lock = 60s;                    // [FBK-19]
  Duration keep_alive_cap = 1767s;                 // [MQTT-15]
  Duration connect_deadline = 60s;                 // [H-30]
  Duration sas_grace = 300s;                       // at connect and per request [SEC-15]
  Duration sas_grace_live = 600s;                  // on a live connection [SEC-16]
  Duration sync_patience = 30s;                    // a sync that takes longer: the storage is dead
  std::uint32_t journal_copies = 1;                // 2: each record in two files, each heals the other
  std::uint64_t journal_segment = 1 << 20;         // bytes after which a new segment starts, at least
  Duration routing_checkpoint = 1s;                // how far the journal may know routing to be behind [D2C-10]
  Routing routing;                                 // [D2C-19..D2C-23]

  // Decisions that queues and doors share.

  // Is a message with this expiry out of time? [C2D-29]
  bool (*expired)(Date now, Date expiry) = [](Date now, Date expiry) { return now >= expiry; };
  // Has a lock run out? [C2D-12]
  bool (*lock_ended)(Instant now, Instant until) = [](Instant now, Instant until) {
    return now >= until;
  };
  // After how long a silence does a connection end? [MQTT-14, MQTT-15, OPEN-11]
  Duration (*keep_alive_limit)(Duration keep_alive, Duration cap) = [](Duration keep_alive,
                                                                       Duration cap) {
    const Duration limit = keep_alive + keep_alive / 2;
    return limit == Duration{0} || limit > cap ? cap : limit;
  };
  // Does this return to Enqueued raise the delivery count? [C2D-17]
  bool (*counts_as_return)(DeliveryCountRule rule, bool abandoned) = [](DeliveryCountRule rule,
                                                                        bool abandoned) {
    return abandoned || rule == DeliveryCountRule::every_return_2017;
  };
  // Did the sender ask for a record of this outcome? [FBK-02..FBK-04, OPEN-09]
  bool (*wants_record)(Ack asked, Status outcome) = [](Ack asked, Status outcome) {
    const Ack side = outcome == Status::success ? Ack::positive : Ack::negative;
    return asked == Ack::full || asked == side;
  };
  // Which status does the record show? [FBK-09]
  Status (*reported)(Status outcome) = [](Status outcome) { return outcome; };

  // Decisions of the device queues.

  // Has a queue of this many non-final messages no room for one more? [C2D-03, C2D-04]
  bool (*queue_full)(std::size_t count, std::uint32_t limit) = [](std::size_t count,
                                                                  std::uint32_t limit) {
    return count >= limit;
  };
  // When does a message expire whose sender did not say? [C2D-26, TIME-06]
  Date (*default_expiry)(Date enqueued, Duration ttl, const MessageView& message) =
      [](Date enqueued, Duration ttl, const MessageView&) { return enqueued + ttl; };
  // Which date is held against an expiry? The hub's wall clock [TIME-01].
  Date (*expiry_clock)(Now now, Date enqueued, Instant since) = [](Now now, Date, Instant) {
    return now.wall;
  };
  // How long after an expiry does the hub look at messages that nobody asks for? [C2D-29]
  Duration expiry_scan{0};
  // Is a message's expiry looked at when it is handed over? [C2D-29, INV-10]
  bool checks_expiry_on_delivery = true;
  // Is a message that was locked so long ago kept from other receivers? [C2D-10, INV-11]
  bool (*lock_hides)(Duration ago) = [](Duration) { return true; };
  // How long after its expiry is a locked message left to whoever holds it? [C2D-30]
  Duration expiry_spares_locked{0};
  // Does a redelivery kill the token before it? [C2D-11, INV-08]
  bool old_token_dies = true;
  // Does settling need a lock that still lives? [C2D-14, INV-12]
  bool settle_needs_live_lock = true;
  // Does a completed message leave the queue? [C2D-20]
  bool (*completed_is_final)(std::uint64_t token) = [](std::uint64_t) { return true; };
  // Has a message been returned too often to stay? [C2D-18, OPEN-02: n deliveries]
  bool (*count_exceeded)(std::uint32_t count, std::uint32_t max) = [](std::uint32_t count,
                                                                      std::uint32_t max) {
    return count >= max;
  };
  // Does a purge take locked messages too? [C2D-38, C2D-04]
  bool purge_takes_locked = true;
  // Which of them does it leave to their lock time-out? Those whose lock ends sooner than this.
  Duration purge_spares{0};
  // Is every message of a queue looked at for its expiry, or its first one only? [C2D-29]
  bool expires_behind_head = true;
  // Which clock measures locks? The monotonic one [TIME-02].
  Instant (*lock_clock)(Now now) = [](Now now) { return now.mono; };
  // Does a deletion end the queue? [C2D-36]
  bool deletion_ends_queue = true;
  // Is a device that is created again a new one, with its own generation and queue? [C2D-37, INV-21]
  bool recreated_is_new = true;
  // Every how many commands is a byte of the stored message changed? 0: never [INV-25].
  std::uint32_t alters_command_every = 0;

  // Decisions of the feedback stream.

  // Is an outcome one record of the journal with the feedback that it makes, so that a crash leaves
  // both or none? [FBK-04]
  bool outcome_holds_feedback = true;
  // Is the n-th record (from 1) kept for the next batch? [FBK-02..FBK-04]
  bool (*keeps_record)(std::uint64_t nth) = [](std::uint64_t) { return true; };
  // How many records does one outcome make? [FBK-05, INV-14]
  std::uint32_t records_per_outcome = 1;
  // Does the first record that a full batch has no room for wait for the next one? [FBK-15]
  bool overflow_waits = true;
  // Is the time between two batches measured on the monotonic clock? [FBK-15]
  bool batches_by_monotonic_clock = true;
  // How long ago did the last batch of before a restart leave, if the wall clock shows it so? At
  // most as long as matters, and not in the future, where a clock that was set back puts it.
  Duration (*batch_age)(Duration shown, Duration most) = [](Duration shown, Duration most) {
    return shown < Duration{0} ? Duration{0} : shown > most ? most : shown;
  };

  // Decisions of the telemetry log.

  // Which partition takes the n-th message (from 1) of a device? Only its id decides [D2C-03, D2C-04].
  std::uint32_t (*partition_of)(std::uint64_t id_hash, std::uint32_t count, std::uint64_t nth) =
      [](std::uint64_t id_hash, std::uint32_t count, std::uint64_t) {
        return static_cast<std::uint32_t>((id_hash >> 32) * count >> 32);
      };
  // Every how many messages is a byte of the stored message changed? 0: never [INV-02, INV-25].
  std::uint32_t alters_telemetry_every = 0;
  // May a chunk of the log or a segment of the journal whose newest event is this old go?
  // [D2C-32, D2C-33] The age on the wall clock is a jumping one: it does not decide while the
  // process lives, or a clock set forward by a day would delete what was promised a minute ago.
  bool (*past_retention)(Duration age, Duration wall_age, Duration kept) =
      [](Duration age, Duration, Duration kept) { return age >= kept; };
  // Are events readable only once they are durable? [DLV-02]
  bool reads_durable_only = true;
  // Does a reader that passes this event see it? [D2C-35, INV-01]
  bool (*shows_event)(std::uint64_t sequence) = [](std::uint64_t) { return true; };

  // Decisions of routing.

  // Is the endpoint of the n-th route that matches (from 1) taken? [D2C-19]
  bool (*takes_match)(std::uint32_t nth) = [](std::uint32_t) { return true; };
  // Is a message written once to an endpoint that several routes lead to? [D2C-20]
  bool writes_once = true;
  // Does the fallback route take only what matches no route? [D2C-21, D2C-23]
  bool fallback_is_last = true;
  // Is what matches no route dropped when the fallback route is off? [D2C-22]
  bool drops_unmatched = true;
  // Does a condition that is neither true nor false count as false? [D2C-24]
  bool undefined_is_false = true;
  // Is what is written again after a restart written in its order? [D2C-10, INV-04]
  bool replays_in_order = true;
  // After which event does a routing stage that starts again go on? `newest` is the last durable one. [D2C-10]
  std::uint64_t (*routes_on_after)(std::uint64_t checkpoint, std::uint64_t newest) =
      [](std::uint64_t checkpoint, std::uint64_t) { return checkpoint; };

  // Decisions of the journal and of recovery.

  // Does a promise wait for its record to be durable? [DLV-01, DLV-04, DLV-11]
  bool promise_waits = true;
  // And that of this operation's answer?
  bool (*answer_waits)(Promised what) = [](Promised) { return true; };
  // Does a SUBACK wait for its filters to be durable? [MQTT-13]
  bool grant_waits = true;
  // Does a sync cover only the records that were written before it began?
  bool (*own_sync_only)(bool of_snapshot) = [](bool) { return true; };
  // Does a sync that failed stop the hub? What it leaves on the disk is unknown.
  bool failed_sync_halts = true;
  // Do old segments stay until the snapshot that replaces them is durable?
  bool segments_await_snapshot = true;
  // Does a snapshot that a crash cut short take nothing over from older segments?
  bool torn_snapshot_is_void = true;
  // Is the number of a segment that a crash left torn never used again?
  bool torn_segment_is_left = true;
  // Does a snapshot hold the filters of stored sessions, and the feedback records that wait?
  bool snapshot_has_filters = true;
  bool snapshot_has_records = true;
  // Does a segment that takes older ones over write their telemetry anew?
  bool merge_has_telemetry = true;
  // How old is an event, as recovery sees it? Only the wall clock tells, at most as much as matters,
  // and an event of the future, which a clock that was set back shows, is new. [D2C-33]
  Duration (*event_age)(Duration shown, Duration kept) = [](Duration shown, Duration kept) {
    return shown < Duration{0} ? Duration{0} : shown > kept ? kept : shown;
  };
  // Are lock tokens and generations of before a crash never given again? [C2D-11, C2D-37]
  bool tokens_outlive_crash = true;
  bool generations_outlive_crash = true;
  // Is a record with a wrong checksum left out, with all that follows it in its segment?
  bool checks_crc = true;
  // Is the n-th record (from 1) that recovery finds taken over? [DLV-02]
  bool (*recovers_record)(RecordKind kind, std::uint64_t nth) = [](RecordKind, std::uint64_t) {
    return true;
  };
  // Do sequence numbers go on after the last recovered event, not after the last snapshot? [D2C-07]
  bool restores_counters = true;
  // Are messages that were locked when the hub stopped deliverable again? [C2D-12, INV-23]
  bool ready_after_recovery = true;

  // Decisions of the gate.

  // Has a token ended? [SEC-14, INV-20]
  bool (*token_ended)(Date now, Date expiry, Duration grace) = [](Date now, Date expiry,
                                                                  Duration grace) {
    return now >= expiry + grace;
  };
  // Is the signature held against what the key makes of the token? [SEC-04]
  bool compares_signature = true;
  // Does a scope cover a resource? Both are paths; it does by whole segments [SEC-06].
  bool (*covers)(std::string_view scope, std::string_view resource) =
      [](std::string_view scope, std::string_view resource) {
        return resource.starts_with(scope) &&
               (scope.empty() || scope.size() == resource.size() || resource[scope.size()] == '/');
      };
  // Is a token good for its own device only? [SEC-08, SEC-12]
  bool tokens_are_their_devices = true;
  // Does a key end with its update, and with its device? [SEC-09, C2D-37]
  bool replaced_keys_die = true;
  bool deleted_keys_die = true;

  QuotaRules quota;

  // The HTTP door's figures and decisions.
  HttpRules http;

  // Decisions of the doors.

  // Is a message with DUP stored like any other? [MQTT-22, DLV-10]
  bool resends_are_stored = true;
  // May one be left out because of its packet id and that of the newest stored one? Null: never.
  bool (*stored_before)(std::uint16_t id, std::uint16_t newest) = nullptr;
  // Does a delivery under way on a connection that ends so, with so much of its lock left, become
  // deliverable again? [C2D-15]
  bool (*flight_returns)(Why why, Duration left) = [](Why, Duration) { return true; };
  // Does a PUBACK whose token is dead change nothing? [C2D-14]
  bool late_puback_is_nothing = true;
  // Does a session with CleanSession 1 begin without the stored one, and end with its connection?
  // [MQTT-12]
  bool clean_session_is_clean = true;
  // Does a connection leave its will only if it was accepted? [MQTT-42]
  bool will_needs_connack = true;
  // Does the end of a registration end a connection that is not accepted yet? [C2D-36]
  bool deletion_ends_accepting = true;
  // Does a newer connection of a device end the older one? [MQTT-09]
  bool one_connection = true;
  // Also one that is not accepted yet?
  bool takeover_ends_accepting = true;
  // Is nothing delivered before a subscription? [MQTT-30]
  bool needs_subscription = true;
  // Does a connection start with what waits for its device? [MQTT-32]
  bool pushes_backlog = true;
  // How many wills does an ended connection leave that was last heard so long ago? [MQTT-42]
  std::uint32_t (*wills)(Why why, Duration silent) = [](Why why, Duration) {
    return why == Why::disconnect ? 0u : 1u;
  };
  // Whose is the n-th message of a connection? Its device's [D2C-14].
  std::uint32_t (*origin)(std::uint32_t device, std::uint32_t nth) =
      [](std::uint32_t device, std::uint32_t) { return device; };
  // Is the n-th message of a connection stored after the one that follows it? [D2C-08]
  bool (*overtaken)(std::uint32_t nth, bool resumed) = [](std::uint32_t, bool) { return false; };
  // Does a reader that comes back to an event see it again? [D2C-10, D2C-35]
  bool (*repeats_event)(std::uint64_t sequence) = [](std::uint64_t) { return true; };
  // Where is a reader begun whose start leads to event `asked`? `newest` is the last readable one. [D2C-36]
  std::uint64_t (*starts_reading_at)(std::uint64_t asked, std::uint64_t newest) =
      [](std::uint64_t asked, std::uint64_t) { return asked; };
  WebSocketRules websocket;
  AmqpRules amqp;
};

struct DeviceRules {
  bool resend_sets_dup = true;         // [mqtt311:3.3.1-1]
  ResendOrder resend_order = ResendOrder::as_sent;  // [mqtt311:4.6.0-1]
  bool resend_after_reconnect = true;  // at least once: what was not acknowledged is sent again [DLV-09]
  bool acknowledges = true;            // QoS 1 deliveries get their PUBACK, in order [mqtt311:4.6.0-2]
  bool retries_connecting = true;      // [INV-24]
  bool waits_for_ack = true;           // sent is what was acknowledged, not what was written [DLV-04]
  bool ack_is_for_one = true;          // a PUBACK says nothing of messages with lower ids
  bool resends_to_new_session = true;  // also when the hub does not know the session any more
  bool fresh_packet_ids = true;        // no id of an unfinished exchange [mqtt311:2.3.1-2]
  bool acknowledges_in_order = true;   // [mqtt311:4.6.0-2]
  bool pings = true;                   // never silent for longer than its keep-alive [mqtt311:3.1.2-23]
  bool skips_used_ids = true;          // an id of an unfinished exchange is passed over
  bool skips_id_zero = true;           // [mqtt311:2.3.1-1]
  bool resends_full_window = true;     // also when as much is unacknowledged as may be
  bool forgets_unsettled = true;       // what came on an ended connection is not acknowledged later
  // The packet id to try after `last`, for the n-th time in this process.
  std::uint16_t (*next_packet_id)(std::uint16_t last, std::uint32_t nth) =
      [](std::uint16_t last, std::uint32_t) { return static_cast<std::uint16_t>(last + 1); };
  WebSocketRules websocket;
  bool operator==(const DeviceRules&) const = default;
};

struct ServiceRules {
  // What is stored as the checkpoint of a reader that saw this event last? [D2C-36]
  std::uint64_t (*checkpoint)(std::uint64_t last) = [](std::uint64_t last) { return last; };
  // Where does a reader that wanted this event go on after its connection ended?
  std::uint64_t (*resumes_at)(std::uint64_t wanted) = [](std::uint64_t wanted) { return wanted; };
  // How many records of a feedback batch are looked at?
  std::size_t (*looks_at)(std::size_t records) = [](std::size_t records) { return records; };
  bool reports_unanswered = true;  // a command whose answer was lost ends as unknown [ERR-38]
  bool sends_once = true;          // and is not sent again
  bool operator==(const ServiceRules&) const = default;
};

struct BrokerRules;  // model/broker_rules.hpp

struct Rules {
  std::string profile = "iot-hub-2026";
  HubRules hub;
  std::shared_ptr<const BrokerRules> broker;  // a plain broker; null: a hub
  DeviceRules device;
  ServiceRules service;
};

// iot-hub-2026 (the default), iot-hub-2017, mqtt-3.1.1. Null for another name.
const Rules* profile(std::string_view name);

// What the rules promise, as a judge needs it. Taken from a profile before a mutant spoils it.
Terms terms(const Rules& rules);

}  // namespace hubproof::model
