// The hub from inside: its parts, and the steps that need more than one of them. Each step changes
// a part and writes the record of the change; recovery.cpp does the same changes from the records.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/hub/alarms.hpp"
#include "model/hub/feedback.hpp"
#include "model/hub/hub.hpp"
#include "model/hub/journal.hpp"
#include "model/hub/registry.hpp"
#include "model/hub/router.hpp"
#include "model/hub/segments.hpp"
#include "model/hub/telemetry.hpp"
#include "model/hub/tick.hpp"

namespace hubproof::model {

struct Hub::Parts {
  // A message in a queue, as an alarm knows it.
  struct Queued {
    DeviceIndex device{};
    std::uint64_t sequence = 0;
    auto operator<=>(const Queued&) const = default;
  };

  Parts(const HubRules& hub_rules, Chance hub_chance)
      : rules{hub_rules},
        chance{hub_chance},
        journal{hub_rules},
        log{hub_rules},
        feedback{hub_rules},
        router{hub_rules, hub_rules.routing} {
    if (rules.quota.on())
      throttle = std::make_unique<Throttle>(rules.quota, [this](std::int64_t day, std::uint64_t used) {
        journal.append(QuotaRecord{static_cast<std::uint64_t>(day), used});
      });
  }

  Date date(Now now) const { return cut(now.wall, rules.tick); }
  bool safe(Ticket ticket) const { return ticket <= journal.durable(); }
  void see(Now now) { wall_minus_mono = now.wall.time_since_epoch() - now.mono.time_since_epoch(); }
  Instant when(Date at) const { return Instant{at.time_since_epoch() - wall_minus_mono}; }
  // Even a refusal rests on what others were not promised yet, so it comes with a ticket too.
  Outcome refused(Error error) const { return {error, journal.newest(), {}}; }
  Outcome accepted(Promised what, Ticket ticket, Done done = {}) const {
    return {Error::none, rules.answer_waits(what) ? ticket : Ticket::none, done};
  }

  // commands.cpp: device queues.
  Outcome enqueue(Now now, std::string_view id, View flat);
  std::optional<Delivery> deliver(Now now, DeviceIndex index, Holder holder);
  Outcome settle(Now now, DeviceIndex index, LockToken token, Settle how);
  void release(Now now, DeviceIndex index, Holder holder);
  void give_back(Now now, DeviceIndex index, LockToken token);
  Outcome purge(Now now, std::string_view id);
  void pass_time(Now now, DeviceIndex index);  // what is due in one queue
  void ring(Now now);                          // what is due in all queues
  // Writes what moved in a queue; what became final makes its feedback.
  void record(Now now, DeviceIndex index, DeviceQueue::Changes& changes);
  void became_ready(DeviceIndex index);
  bool deliverable(DeviceIndex index) const;

  // outcomes.cpp: feedback.
  std::uint32_t report(Now now, DeviceIndex index, const DeviceQueue::Change& change);
  std::optional<Ticket> receive_feedback(Now now, Feedback& out);
  Outcome settle_feedback(Now now, LockToken token, bool complete);
  void give_back_feedback(Now now, LockToken token);
  void pass_feedback_time(Now now);
  void record(const FeedbackStream::Changes& changes);
  std::optional<Instant> feedback_deadline() const;
  std::optional<Instant> batch_due() const;

  // Lock tokens: unique over restarts, as the journal reserves them in blocks.
  static constexpr std::uint64_t token_block = 1 << 16;
  LockToken next_token();
  Ticket token_ticket() const;  // when the token that comes next may leave

  // identities.cpp: who may be whom.
  std::string new_key();
  // Makes the keys that are missing; or what is wrong with them.
  std::optional<Error> complete(Credentials& credentials);
  Identity& identity_of(DeviceIndex index);
  Outcome update(Now now, const UpdateDevice& what);
  void make_policies();
  Ticket write_identity(DeviceIndex index);
  Ticket write_policies();
  void wake_up_identities(Now now);  // what a hub that verifies needs, and an older store does not have

  // routes.cpp: the routing stage.
  void prepare_routing();      // once, after recovery
  void route(Now now);         // what has become durable
  void tell_routed(Now now);   // to the journal, when it is due
  void write_routing();        // of a snapshot
  std::optional<std::uint32_t> place(std::string_view endpoint, std::uint32_t partition) const;  // in the log

  // recovery.cpp
  void recover(Now now, std::span<const StoredFile> files, Effects& effects);
  class Replay;
  void remove(const StoredSegment& stored, Effects& effects);
  bool heal(const StoredSegment& stored, Journal::Segment& segment, Effects& effects);
  void wake_up(Now now);
  void begin_segment(std::uint64_t takes_over_from);
  void write_state();
  static FeedbackEntry entry_of(const FeedbackRecord& record);
  static SessionRecord session_record(std::uint32_t generation, const StoredSession& session);
  Ticket write_telemetry(std::uint32_t partition, const TelemetryLog::Entry& entry, View flat,
                       Instant appended);

  const HubRules& rules;
  Chance chance;
  Journal journal;
  Registry registry;
  TelemetryLog log;
  FeedbackStream feedback;
  std::vector<Policy> policies;
  std::uint32_t next_generation = 1;
  std::uint64_t token = 1;             // the next lock token
  std::uint64_t tokens_below = 1;      // reserved
  std::uint64_t safe_tokens = 1;       // reserved, and that is durable
  Ticket tokens_ticket{};

  Alarms<Instant, Queued> lock_alarms;
  Alarms<Date, Queued> expiry_alarms;
  Duration feedback_pause{};           // its alarm rang in vain: when to ring again
  Instant feedback_quiet = Instant::min();
  std::optional<Instant> housekeeping; // retention
  Duration wall_minus_mono{};          // as last seen

  std::vector<DeviceIndex> ready;
  std::vector<DeviceIndex> told_ready;
  DeviceQueue::Changes changes;        // kept to keep their memory
  FeedbackStream::Changes feedback_changes;
  std::uint64_t telemetry_messages = 0;
  std::uint64_t commands = 0;
  std::uint64_t records = 0;           // of feedback
  Bytes altered;
  bool halted = false;

  Router router;
  bool routes = false;                 // there is, or was, something to route
  bool replays = false;                // the stage starts again before its end
  std::uint32_t comes_in_at = 0;       // the first partition for what comes in
  std::map<std::string, std::uint32_t, std::less<>> endpoint_numbers;
  std::vector<std::uint32_t> endpoint_at;  // the number of each, as the router counts them
  std::vector<std::uint64_t> routed;       // how far the stage is, by partition
  std::vector<std::uint64_t> told_routed;  // ... and the journal knows
  std::optional<Instant> routing_due;      // when it is told
  std::vector<std::pair<TelemetryLog::Entry, View>> unrouted;  // kept to keep its memory
  Selection selection;

  std::unique_ptr<Throttle> throttle;  // null: no quotas
};

}  // namespace hubproof::model
