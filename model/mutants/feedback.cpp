// Defects in what the sender of a command is told about its outcome.
#include <algorithm>

#include "model/mutants/areas.hpp"

namespace hubproof::model {
namespace {

constexpr bool rare = true;

constexpr Mutant zoo[] = {
    {"feedback-lost", "every sixth feedback record is dropped before its batch is formed", "run",
     nullptr, "FBK-04",
     [](Rules& rules) { rules.hub.keeps_record = [](std::uint64_t nth) { return nth % 6 != 0; }; }},
    {"feedback-doubled", "one outcome makes two feedback records", "run", nullptr, "INV-14",
     [](Rules& rules) { rules.hub.records_per_outcome = 2; }},
    {"feedback-wrong-status", "a rejected or expired message is reported as completed", "run",
     nullptr, "INV-14",
     [](Rules& rules) {
       rules.hub.reported = [](Status outcome) {
         return outcome == Status::rejected || outcome == Status::expired ? Status::success
                                                                          : outcome;
       };
     }},
    {"feedback-unasked", "records are made for every outcome, whatever the sender asked for", "run",
     nullptr, "INV-14",
     [](Rules& rules) { rules.hub.wants_record = [](Ack, Status) { return true; }; }},
    {"feedback-late", "a feedback batch waits twice as long as it may", "run", nullptr, "INV-15",
     [](Rules& rules) { rules.hub.feedback_batch *= 2; }},
    {"feedback-batch-too-large", "a feedback batch may hold twice the records that it may", "run",
     nullptr, "INV-15", [](Rules& rules) { rules.hub.feedback_batch_limit *= 2; }},
    {"feedback-overflow-lost",
     "the first record that a full feedback batch has no room for is lost", "run", nullptr,
     "FBK-04", [](Rules& rules) { rules.hub.overflow_waits = false; }},
    {"feedback-by-wall-clock",
     "the time between two feedback batches is measured on the wall clock: when it is set back, "
     "records wait for it to catch up",
     "run", "samm-git/btest-opensource#13", "FBK-04",
     [](Rules& rules) { rules.hub.batches_by_monotonic_clock = false; }},
    {"feedback-waits-for-the-clock",
     "after a restart the last batch left in the future, if the clock was set back since: records "
     "wait for it to catch up",
     "run", "systemd/systemd#6036", "FBK-04",
     [](Rules& rules) {
       rules.hub.batch_age = [](Duration shown, Duration most) { return std::min(shown, most); };
     },
     rare},
    {"feedback-lives-twenty-minutes",
     "a feedback batch expires after twenty minutes, which a service sees that is away while the clock "
     "is set forward",
     "run", nullptr, "FBK-04", [](Rules& rules) { rules.hub.feedback_ttl = 20min; }},
    {"feedback-short-lived", "a feedback batch that nobody receives for half a minute expires",
     "run", nullptr, "FBK-04", [](Rules& rules) { rules.hub.feedback_ttl = 30s; }},
};

}  // namespace

std::span<const Mutant> feedback_mutants() { return zoo; }

}  // namespace hubproof::model
