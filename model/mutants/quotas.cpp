// Defects in quotas and throttling.
#include "model/mutants/areas.hpp"

namespace hubproof::model {
namespace {

constexpr Mutant zoo[] = {
    {"refused-is-stored", "a message that was refused as beyond the limit is stored all the same", "run", nullptr,
     "QUO-13", [](Rules& rules) { rules.hub.quota.refused_has_no_effect = false; }},
    {"refused-is-metered", "a message that was refused counts against the day's quota", "run", nullptr, "QUO-03",
     [](Rules& rules) { rules.hub.quota.refused_is_free = false; }},
    {"refused-before-full", "requests are refused when the queue is half full", "run", nullptr, "INV-22",
     [](Rules& rules) { rules.hub.quota.room = [](std::uint32_t queue) { return queue / 2; }; }},
    {"allowance-doubled", "twice as many requests as the allowance has are served at once", "run", nullptr, "INV-22",
     [](Rules& rules) { rules.hub.quota.allowance = [](std::uint32_t burst) { return 2 * burst; }; }},
    {"queue-too-fast", "what waits is served at twice the rate of the limit", "run", nullptr, "QUO-09",
     [](Rules& rules) { rules.hub.quota.pace = [](Duration period) { return period / 2; }; }},
    {"quota-by-local-midnight", "the quota begins anew at the midnight of a place, eight hours before that of UTC",
     "run", nullptr, "QUO-03",
     [](Rules& rules) {
       rules.hub.quota.day = [](Date date) -> std::int64_t {
         return std::chrono::floor<std::chrono::days>(date.time_since_epoch() + std::chrono::hours{8}).count();
       };
     }},
    {"quota-never-resets", "a quota that is used up stays so", "run", nullptr, "QUO-03",
     [](Rules& rules) { rules.hub.quota.day = [](Date) -> std::int64_t { return 1; }; }},
    {"chunks-rounded-down", "a message is metered as the whole chunks that it fills, at least one", "run", nullptr,
     "QUO-03",
     [](Rules& rules) {
       rules.hub.quota.chunks = [](std::uint64_t size, std::uint32_t chunk) {
         return size < chunk ? std::uint64_t{1} : size / chunk;
       };
     }},
    {"quota-ends-with-process", "a hub that starts again has forgotten what was used of the quota", "run", nullptr,
     "QUO-03", [](Rules& rules) { rules.hub.quota.quota_outlives_crash = false; }},
    {"refused-is-acknowledged", "a PUBLISH that was refused gets its PUBACK", "run", nullptr, "INV-01",
     [](Rules& rules) { rules.hub.quota.refused_is_not_acknowledged = false; }},
};

}  // namespace

std::span<const Mutant> quota_mutants() { return zoo; }

}  // namespace hubproof::model
