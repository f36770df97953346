// Defects in what becomes of a device's messages.
#include "model/hub/record.hpp"
#include "model/mutants/areas.hpp"

namespace hubproof::model {
namespace {

constexpr Mutant zoo[] = {
    {"canary", "every stored message is changed: what does not find this one finds none", "run",
     nullptr, "INV-25", [](Rules& rules) { rules.hub.alters_telemetry_every = 1; }},
    {"ack-before-durable",
     "a PUBACK leaves before its message is durable, so a crash forgets what was acknowledged",
     "run", "nats-io/nats-server#7564", "INV-01",
     [](Rules& rules) { rules.hub.promise_waits = false; }},
    {"lost-on-recovery", "recovery skips every ninth telemetry record of the journal", "run",
     nullptr, "INV-01",
     [](Rules& rules) {
       rules.hub.recovers_record = [](RecordKind kind, std::uint64_t nth) {
         return kind != RecordKind::telemetry || nth % 9 != 0;
       };
     }},
    {"torn-record-accepted",
     "recovery takes a record whose checksum is wrong, half of it never written", "run", nullptr,
     "INV-25", [](Rules& rules) { rules.hub.checks_crc = false; }},
    {"duplicate-forgotten-on-takeover",
     "after a takeover a PUBLISH with DUP is taken for one that the older connection had stored, "
     "and "
     "acknowledged without being stored",
     "run", nullptr, "INV-01", [](Rules& rules) { rules.hub.resends_are_stored = false; }},
    {"event-hidden-from-readers", "no reader is ever shown every 61st event of a partition", "run",
     nullptr, "INV-01",
     [](Rules& rules) {
       rules.hub.shows_event = [](std::uint64_t sequence) { return sequence % 61 != 0; };
     }},
    {"start-runs-ahead",
     "a reader that asks for what follows an event is begun behind the newest one, so what came while it "
     "was away it never reads",
     "run", nullptr, "INV-01",
     [](Rules& rules) {
       rules.hub.starts_reading_at = [](std::uint64_t asked, std::uint64_t newest) {
         return asked > 1 && newest >= asked ? newest + 1 : asked;
       };
     }},
    {"retention-by-jumping-clock",
     "the age of an event is taken from the wall clock, so that setting the clock forward deletes "
     "the log",
     "run", nullptr, "INV-01",
     [](Rules& rules) {
       rules.hub.past_retention = [](Duration, Duration wall_age, Duration kept) {
         return wall_age >= kept;
       };
     }},
    {"foreign-device",
     "every 16th message of a connection is stamped with the device registered before its own",
     "run", nullptr, "INV-02",
     [](Rules& rules) {
       rules.hub.origin = [](std::uint32_t device, std::uint32_t nth) {
         return nth % 16 == 0 && device > 0 ? device - 1 : device;
       };
     }},
    {"reordered-after-reconnect",
     "the first message on a resumed session is stored after the second, though acknowledged "
     "before it",
     "run", nullptr, "INV-03",
     [](Rules& rules) {
       rules.hub.overtaken = [](std::uint32_t nth, bool resumed) { return resumed && nth == 1; };
     }},
    {"replay-with-gaps",
     "a reader that comes back to old events is not shown every fourth of them again", "run",
     nullptr, "INV-04",
     [](Rules& rules) {
       rules.hub.repeats_event = [](std::uint64_t sequence) { return sequence % 4 != 0; };
     }},
    {"partition-changed", "every 32nd message of a device goes to the next partition", "run",
     nullptr, "INV-05",
     [](Rules& rules) {
       rules.hub.partition_of = [](std::uint64_t id_hash, std::uint32_t count, std::uint64_t nth) {
         const auto home = static_cast<std::uint32_t>((id_hash >> 32) * count >> 32);
         return nth % 32 == 0 ? (home + 1) % count : home;
       };
     }},
    {"sequence-numbers-reused",
     "after recovery sequence numbers go on from the last snapshot, not from the last event", "run",
     "Log2n-io/Typhon#712", "INV-06", [](Rules& rules) { rules.hub.restores_counters = false; }},
    {"resend-after-wrap-dropped",
     "a PUBLISH with DUP whose packet id lies far below the newest one is taken for one of long "
     "ago "
     "and dropped, which is wrong once ids have wrapped",
     "run", nullptr, "INV-01",
     [](Rules& rules) {
       rules.hub.stored_before = [](std::uint16_t id, std::uint16_t newest) {
         return newest - id > 60'000;
       };
     }},
    {"altered-payload", "one byte of every 24th stored message is changed", "run", nullptr,
     "INV-25", [](Rules& rules) { rules.hub.alters_telemetry_every = 24; }},
};

}  // namespace

std::span<const Mutant> telemetry_mutants() { return zoo; }

}  // namespace hubproof::model
