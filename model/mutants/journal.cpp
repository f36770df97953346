// Defects in what a crash leaves and in what becomes of it: most show only when a second thing goes
// wrong at the right moment.
#include "model/hub/record.hpp"
#include "model/mutants/areas.hpp"

namespace hubproof::model {
namespace {

constexpr bool rare = true;

constexpr Mutant zoo[] = {
    {"promise-by-older-sync",
     "the end of a sync counts for what was written while it was under way as well, so a crash "
     "before the next one forgets what was acknowledged",
     "run", nullptr, "INV-01", [](Rules& rules) { rules.hub.own_sync_only = [](bool) { return false; }; }},
    {"snapshot-sync-counts-for-more",
     "the sync of a new segment's snapshot counts for what was written behind it meanwhile", "run",
     nullptr, "INV-01",
     [](Rules& rules) { rules.hub.own_sync_only = [](bool of_snapshot) { return !of_snapshot; }; }},
    {"failed-sync-counts",
     "a sync that failed is taken for one that succeeded, and a crash forgets what it was to keep",
     "run", "beanstalkd/beanstalkd#477", "INV-01",
     [](Rules& rules) { rules.hub.failed_sync_halts = false; }},
    {"read-before-durable",
     "readers are shown events that are not durable yet, and after a crash others in their place",
     "run", "apache/kafka#13230", "INV-06",
     [](Rules& rules) { rules.hub.reads_durable_only = false; }},
    {"old-segments-go-too-soon",
     "recovery removes the segments that its snapshot replaces before that snapshot is durable",
     "run", "nats-io/nats-server#7043", "INV-01",
     [](Rules& rules) { rules.hub.segments_await_snapshot = false; }},
    {"torn-snapshot-believed",
     "a snapshot that a crash cut short counts as having taken over the telemetry of older "
     "segments",
     "run", nullptr, "INV-01", [](Rules& rules) { rules.hub.torn_snapshot_is_void = false; }},
    {"goes-on-behind-torn-record",
     "after a crash inside a recovery the next one writes behind the torn record, where the one "
     "after it does not look",
     "run", "pmcfadin/cqlite#1390", "INV-01",
     [](Rules& rules) { rules.hub.torn_segment_is_left = false; }},
    {"merged-telemetry-lost",
     "a recovery that merges segments forgets to write their telemetry anew: the second one misses "
     "it",
     "run", nullptr, "INV-01", [](Rules& rules) { rules.hub.merge_has_telemetry = false; }},
    {"filters-lost-in-snapshot",
     "a snapshot keeps a session and forgets its filters, so that after a second restart it is "
     "present and deaf",
     "run", "eclipse-mosquitto/mosquitto#2934", "INV-23",
     [](Rules& rules) { rules.hub.snapshot_has_filters = false; }},
    {"feedback-lost-in-snapshot",
     "a snapshot leaves out the feedback records that wait for their batch, and a second crash "
     "before that forgets them",
     "run", nullptr, "FBK-04", [](Rules& rules) { rules.hub.snapshot_has_records = false; }},
    {"tokens-begin-anew",
     "lock tokens begin anew after a crash, so one of before it settles another message", "run",
     nullptr, "INV-14", [](Rules& rules) { rules.hub.tokens_outlive_crash = false; }},
    {"generation-given-twice",
     "a generation given after the last snapshot is given again after a crash", "run", nullptr,
     "INV-21", [](Rules& rules) { rules.hub.generations_outlive_crash = false; }},
    {"removal-lost-on-recovery",
     "recovery does not know that a device was deleted, and finds it in place of the one that was "
     "created after it",
     "run", nullptr, "INV-21",
     [](Rules& rules) {
       rules.hub.recovers_record = [](RecordKind kind, std::uint64_t) {
         return kind != RecordKind::device_removed;
       };
     }},
    {"purge-answered-too-soon",
     "a purge is answered before its removals are durable, and a crash between the two brings the "
     "messages back",
     "run", "cloudamqp/lavinmq#2247", "INV-10",
     [](Rules& rules) {
       rules.hub.answer_waits = [](Promised what) { return what != Promised::purge; };
     }},
    {"deletion-answered-too-soon",
     "a deletion is answered before it is durable, and after a crash the device is there again",
     "run", "apache/arrow-rs-object-store#767", "INV-21",
     [](Rules& rules) {
       rules.hub.answer_waits = [](Promised what) { return what != Promised::removal; };
     }},
    {"feedback-settled-too-soon",
     "the completion of a feedback batch is answered before it is durable, and after a crash the "
     "batch comes again",
     "run", nullptr, "INV-14",
     [](Rules& rules) {
       rules.hub.answer_waits = [](Promised what) { return what != Promised::feedback_settling; };
     }},
    {"completed-batch-comes-again",
     "recovery misses that a feedback batch was completed, and hands it out once more", "run",
     nullptr, "INV-14",
     [](Rules& rules) {
       rules.hub.recovers_record = [](RecordKind kind, std::uint64_t) {
         return kind != RecordKind::feedback_final;
       };
     }},
    {"event-of-the-future-is-old",
     "recovery takes an event whose date the clock has not reached again for one past retention",
     "run", nullptr, "INV-01",
     [](Rules& rules) {
       rules.hub.event_age = [](Duration shown, Duration kept) {
         return shown < Duration{0} || shown > kept ? kept : shown;
       };
     },
     rare},
    {"outcome-apart-from-feedback",
     "the end of a message and the feedback of it are two records, and a crash may leave the first "
     "without the second",
     "run", nullptr, "FBK-04", [](Rules& rules) { rules.hub.outcome_holds_feedback = false; }, rare},
    {"abandons-lost-on-recovery", "recovery forgets how often a message was abandoned", "run",
     nullptr, "INV-13",
     [](Rules& rules) {
       rules.hub.recovers_record = [](RecordKind kind, std::uint64_t) {
         return kind != RecordKind::command_returned;
       };
     }},
    {"settling-lost-on-recovery", "recovery misses every fifth end of a message: it comes again",
     "run", nullptr, "INV-10",
     [](Rules& rules) {
       rules.hub.recovers_record = [](RecordKind kind, std::uint64_t nth) {
         return kind != RecordKind::command_final || nth % 5 != 0;
       };
     }},
    {"batch-formed-twice",
     "recovery does not know which feedback records had left in a batch, and puts them into "
     "another",
     "run", nullptr, "INV-14",
     [](Rules& rules) {
       rules.hub.recovers_record = [](RecordKind kind, std::uint64_t) {
         return kind != RecordKind::feedback_formed;
       };
     }},
};

}  // namespace

std::span<const Mutant> journal_mutants() { return zoo; }

}  // namespace hubproof::model
