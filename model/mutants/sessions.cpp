// Defects in how connections begin, live and end.
#include "model/mutants/areas.hpp"

namespace hubproof::model {
namespace {

constexpr Mutant zoo[] = {
    {"older-connection-kept", "a newer connection of a device leaves the older one in place", "run",
     nullptr, "INV-16", [](Rules& rules) { rules.hub.one_connection = false; }},
    {"will-after-disconnect", "the will is published after a clean DISCONNECT too", "run", nullptr,
     "INV-17", [](Rules& rules) { rules.hub.wills = [](Why) { return 1u; }; }},
    {"will-missing", "no will is published for a connection that a newer one or silence ended",
     "run", nullptr, "INV-17",
     [](Rules& rules) {
       rules.hub.wills = [](Why why) {
         return why == Why::disconnect || why == Why::takeover || why == Why::keep_alive ? 0u : 1u;
       };
     }},
    {"will-twice",
     "the will is published when the hub ends a connection and once more when its transport ends",
     "run", nullptr, "INV-17",
     [](Rules& rules) {
       rules.hub.wills = [](Why why) {
         return why == Why::disconnect                           ? 0u
                : why == Why::takeover || why == Why::keep_alive ? 2u
                                                                 : 1u;
       };
     }},
    {"c2d-before-subscribe", "commands are delivered to a connection that never subscribed", "run",
     nullptr, "INV-18", [](Rules& rules) { rules.hub.needs_subscription = false; }},
    {"keep-alive-late", "a silent connection is ended after twice the keep-alive", "run", nullptr,
     "INV-19",
     [](Rules& rules) {
       rules.hub.keep_alive_limit = [](Duration keep_alive, Duration cap) {
         const Duration limit = 2 * keep_alive;
         return limit == Duration{0} || limit > cap ? cap : limit;
       };
     }},
    {"keep-alive-early", "a silent connection is ended after the keep-alive alone", "run", nullptr,
     "INV-19",
     [](Rules& rules) {
       rules.hub.keep_alive_limit = [](Duration keep_alive, Duration cap) {
         return keep_alive == Duration{0} || keep_alive > cap ? cap : keep_alive;
       };
     }},
    {"stuck-after-heal",
     "what waited while a device was away is not pushed when it comes back, only when something "
     "new arrives",
     "run", nullptr, "INV-23", [](Rules& rules) { rules.hub.pushes_backlog = false; }},
};

}  // namespace

std::span<const Mutant> session_mutants() { return zoo; }

}  // namespace hubproof::model
