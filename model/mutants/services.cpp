// Defects of the back end.
#include "model/mutants/areas.hpp"

namespace hubproof::model {
namespace {

constexpr Mutant zoo[] = {
    {"checkpoint-of-the-unread",
     "a service stores the event that it wants next as its checkpoint, and misses it after a crash",
     "run", "kurrent-io/KurrentDB#1301", "INV-01",
     [](Rules& rules) { rules.service.checkpoint = [](std::uint64_t last) { return last + 1; }; }},
    {"reader-starts-over",
     "a reader whose connection was lost goes back to its checkpoint without knowing it", "run",
     "Azure/azure-sdk-for-js#33205", "INV-06",
     [](Rules& rules) {
       rules.service.resumes_at = [](std::uint64_t) { return std::uint64_t{0}; };
     }},
    {"reader-skips-one", "a reader whose connection was lost goes on one event too far", "run",
     nullptr, "INV-01",
     [](Rules& rules) {
       rules.service.resumes_at = [](std::uint64_t wanted) { return wanted == 0 ? 0 : wanted + 1; };
     }},
    {"short-look-at-feedback", "a service looks at no more than 32 records of a feedback batch",
     "run", nullptr, "FBK-04",
     [](Rules& rules) {
       rules.service.looks_at = [](std::size_t records) { return records < 32 ? records : 32; };
     }},
    {"unanswered-forgotten",
     "a service forgets the commands whose answer was lost with their connection", "run", nullptr,
     "INV-24", [](Rules& rules) { rules.service.reports_unanswered = false; }},
    {"command-sent-again",
     "a service sends a command again whose answer was lost, though it may have been stored", "run",
     "Azure/azure-sdk-for-net#37014", "INV-11",
     [](Rules& rules) { rules.service.sends_once = false; }},
};

}  // namespace

std::span<const Mutant> service_mutants() { return zoo; }

}  // namespace hubproof::model
