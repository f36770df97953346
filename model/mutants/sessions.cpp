// Defects in how connections begin, live and end.
#include "model/mutants/areas.hpp"

namespace hubproof::model {
namespace {

constexpr bool rare = true;

constexpr Mutant zoo[] = {
    {"older-connection-kept", "a newer connection of a device leaves the older one in place", "run",
     nullptr, "INV-16", [](Rules& rules) { rules.hub.one_connection = false; }},
    {"will-after-disconnect", "the will is published after a clean DISCONNECT too", "run", nullptr,
     "INV-17", [](Rules& rules) { rules.hub.wills = [](Why, Duration) { return 1u; }; }},
    {"will-missing", "no will is published for a connection that a newer one or silence ended",
     "run", "emqx/emqx#10551", "INV-17",
     [](Rules& rules) {
       rules.hub.wills = [](Why why, Duration) {
         return why == Why::disconnect || why == Why::takeover || why == Why::keep_alive ? 0u : 1u;
       };
     }},
    {"will-twice",
     "the will is published when the hub ends a connection and once more when its transport ends",
     "run", nullptr, "INV-17",
     [](Rules& rules) {
       rules.hub.wills = [](Why why, Duration) {
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
    {"keep-alive-early", "a silent connection is ended after the keep-alive alone", "run",
     "vernemq/vernemq#275", "INV-19",
     [](Rules& rules) {
       rules.hub.keep_alive_limit = [](Duration keep_alive, Duration cap) {
         return keep_alive == Duration{0} || keep_alive > cap ? cap : keep_alive;
       };
     }},
    {"stuck-after-heal",
     "what waited while a device was away is not pushed when it comes back, only when something "
     "new arrives",
     "run", "eclipse-mosquitto/mosquitto#866", "INV-23",
     [](Rules& rules) { rules.hub.pushes_backlog = false; }},
    {"flight-lost-with-connection",
     "what a device had not acknowledged when its connection ended counts as delivered", "run",
     "Yakifo/amqtt#401", "INV-14",
     [](Rules& rules) { rules.hub.flight_returns = [](Why, Duration) { return false; }; }},
    {"flight-lost-in-takeover",
     "what was under way to a connection that a newer one ends counts as delivered", "run",
     "eclipse-mosquitto/mosquitto#1650", "INV-14",
     [](Rules& rules) { rules.hub.flight_returns = [](Why why, Duration) { return why != Why::takeover; }; }},
    {"flight-lost-in-late-silence",
     "what was under way to a connection that ends for its silence counts as delivered in the last "
     "second of its lock",
     "run", nullptr, "INV-14",
     [](Rules& rules) {
       rules.hub.flight_returns = [](Why why, Duration left) {
         return why != Why::keep_alive || left > 1s;
       };
     },
     rare},
    {"flight-lost-in-early-takeover",
     "what left less than three milliseconds before a newer connection came counts as delivered",
     "run", nullptr, "INV-14",
     [](Rules& rules) {
       rules.hub.flight_returns = [](Why why, Duration left) {
         return why != Why::takeover || left <= 59'997ms;
       };
     },
     rare},
    {"flight-lost-with-disabling",
     "what left less than a twentieth of a second before its device was disabled counts as delivered",
     "run", nullptr, "INV-14",
     [](Rules& rules) {
       rules.hub.flight_returns = [](Why why, Duration left) {
         return why != Why::device_gone || left <= 59'950ms;
       };
     },
     rare},
    {"flight-lost-in-late-takeover",
     "a takeover in the last fifth of a second of a lock leaves the message to the lock's end, whose "
     "connection is gone: it counts as delivered",
     "run", nullptr, "INV-14",
     [](Rules& rules) {
       rules.hub.flight_returns = [](Why why, Duration left) {
         return why != Why::takeover || left > 200ms;
       };
     },
     rare},
    {"flight-lost-in-sudden-end",
     "what left less than a millisecond before its connection broke counts as delivered", "run",
     nullptr, "INV-14",
     [](Rules& rules) {
       rules.hub.flight_returns = [](Why why, Duration left) {
         return why != Why::unknown || left <= 59'999ms;
       };
     },
     rare},
    {"will-lost-in-a-race",
     "the will of a connection that ends within twenty microseconds of its last packet is lost",
     "run", nullptr, "INV-17",
     [](Rules& rules) {
       rules.hub.wills = [](Why why, Duration silent) {
         return why == Why::disconnect || silent < 20us ? 0u : 1u;
       };
     }},
    {"accepted-after-takeover",
     "a connection that waits for its CONNACK survives that a newer one of its device comes", "run",
     nullptr, "INV-16", [](Rules& rules) { rules.hub.takeover_ends_accepting = false; }, rare},
    {"subscription-granted-too-soon",
     "a subscription is granted before it is durable: after a crash the session is present and deaf",
     "run", nullptr, "INV-23", [](Rules& rules) { rules.hub.grant_waits = false; }, rare},
    {"accepted-after-deletion",
     "a connection that waits for its CONNACK survives the deletion of its device", "run",
     "mcdonc/klangk#3209", "INV-21",
     [](Rules& rules) { rules.hub.deletion_ends_accepting = false; }},
    {"late-ack-unsubscribes",
     "an acknowledgement that comes after the lock has run out ends the subscription", "run",
     "Azure/iotedge#1494", "INV-23", [](Rules& rules) { rules.hub.late_puback_is_nothing = false; }},
    {"clean-session-resumed",
     "a session that asked to be clean goes on with the subscriptions of the one before it", "run",
     "eclipse-mosquitto/mosquitto#874", "INV-18",
     [](Rules& rules) { rules.hub.clean_session_is_clean = false; }},
    {"will-before-acceptance",
     "a connection that ended before its CONNACK left leaves its will all the same", "run", nullptr,
     "INV-17", [](Rules& rules) { rules.hub.will_needs_connack = false; }, rare},
};

}  // namespace

std::span<const Mutant> session_mutants() { return zoo; }

}  // namespace hubproof::model
