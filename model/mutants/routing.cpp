// Defects in where telemetry goes.
#include "model/mutants/areas.hpp"

namespace hubproof::model {
namespace {

constexpr Mutant zoo[] = {
    {"first-route-wins", "a message goes to the endpoint of the first route that matches it, and to no other",
     "run", nullptr, "INV-01",
     [](Rules& rules) { rules.hub.takes_match = [](std::uint32_t nth) { return nth == 1; }; }},
    {"twice-per-endpoint", "a message that matches two routes to one endpoint is written there twice", "run",
     nullptr, "D2C-20", [](Rules& rules) { rules.hub.writes_once = false; }},
    {"fallback-despite-match", "the fallback route takes every message, also those that match a route", "run",
     nullptr, "D2C-23", [](Rules& rules) { rules.hub.fallback_is_last = false; }},
    {"fallback-ignored", "what matches no route is dropped although the fallback route is on", "run", nullptr,
     "D2C-21", [](Rules& rules) { rules.hub.routing.fallback = false; }},
    {"unmatched-kept-with-fallback-off",
     "what matches no route goes to the built-in endpoint although the fallback route is off", "run", nullptr,
     "D2C-22", [](Rules& rules) { rules.hub.drops_unmatched = false; }},
    {"undefined-is-true", "a condition that is undefined, as a property is absent, counts as true", "run", nullptr,
     "D2C-19", [](Rules& rules) { rules.hub.undefined_is_false = false; }},
    {"replay-reordered", "what routing writes again after a crash, it writes in the opposite order", "run", nullptr,
     "INV-04", [](Rules& rules) { rules.hub.replays_in_order = false; }},
    {"suffix-lost",
     "after a crash routing goes on behind all that is stored, so what it had not written yet is lost", "run",
     nullptr, "INV-01",
     [](Rules& rules) {
       rules.hub.routes_on_after = [](std::uint64_t, std::uint64_t newest) { return newest; };
     }},
};

}  // namespace

std::span<const Mutant> routing_mutants() { return zoo; }

}  // namespace hubproof::model
