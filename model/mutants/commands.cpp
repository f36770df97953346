// Defects in the life of a cloud-to-device message.
#include "model/mutants/areas.hpp"

namespace hubproof::model {
namespace {

constexpr bool rare = true;

constexpr Mutant zoo[] = {
    {"fifty-first-message", "a device queue takes one message more than its limit", "run", nullptr,
     "INV-07",
     [](Rules& rules) {
       rules.hub.queue_full = [](std::size_t count, std::uint32_t limit) { return count > limit; };
     }},
    {"queue-without-limit", "a device queue takes any number of messages", "run",
     "moscajs/aedes#1087", "INV-07",
     [](Rules& rules) { rules.hub.queue_full = [](std::size_t, std::uint32_t) { return false; }; }},
    {"fiftieth-refused", "a device queue refuses the last message that it has room for", "run",
     nullptr, "INV-07",
     [](Rules& rules) {
       rules.hub.queue_full = [](std::size_t count, std::uint32_t limit) {
         return count + 1 >= limit;
       };
     }},
    {"two-live-locks", "a redelivery leaves the token of the delivery before it alive", "run",
     nullptr, "INV-08", [](Rules& rules) { rules.hub.old_token_dies = false; }},
    {"expired-late",
     "messages that nobody asks for are looked at only every ten seconds for their expiry", "run",
     nullptr, "INV-09", [](Rules& rules) { rules.hub.expiry_scan = 10s; }},
    {"purge-leaves-locked",
     "a purge reports locked messages as removed and leaves them in the queue", "run", nullptr,
     "INV-09", [](Rules& rules) { rules.hub.purge_takes_locked = false; }},
    {"expires-at-the-head-only",
     "a message behind another one is not looked at for its expiry until that one is gone", "run",
     "rabbitmq/rabbitmq-server#2074", "INV-10",
     [](Rules& rules) { rules.hub.expires_behind_head = false; }},
    {"purge-spares-ending-lock",
     "a purge leaves a locked message to a lock time-out that is less than a tenth of a second away",
     "run", nullptr, "INV-10", [](Rules& rules) { rules.hub.purge_spares = 100ms; }, rare},
    {"delivery-after-expiry", "a message is handed over without a look at its expiry", "run",
     nullptr, "INV-10",
     [](Rules& rules) {
       rules.hub.checks_expiry_on_delivery = false;
       rules.hub.expiry_scan = 10s;
     }},
    {"expiry-off-by-one-tick", "a message lives for one tick of the clock beyond its expiry", "run",
     nullptr, "INV-10",
     [](Rules& rules) {
       rules.hub.expired = [](Date now, Date expiry) { return now > expiry + 1ms; };
     }},
    {"ttl-by-wrong-clock",
     "time to live is measured on the monotonic clock, so that expiries do not follow a clock that "
     "was set",
     "run", nullptr, "INV-10",
     [](Rules& rules) {
       rules.hub.expiry_clock = [](Now now, Date enqueued, Instant since) {
         return enqueued + (now.mono - since);
       };
     }},
    {"delivery-after-completion",
     "every eighth completion is reported and forgotten: its message is delivered again", "run",
     nullptr, "INV-10",
     [](Rules& rules) {
       rules.hub.completed_is_final = [](std::uint64_t token) { return token % 8 != 0; };
     }},
    {"lock-does-not-hide", "a locked message is handed to the next receiver as well", "run",
     nullptr, "INV-11",
     [](Rules& rules) { rules.hub.lock_hides = [](Duration) { return false; }; }},
    {"lock-hides-late",
     "a locked message is handed to another receiver who asks within two milliseconds", "run",
     nullptr, "INV-11",
     [](Rules& rules) { rules.hub.lock_hides = [](Duration ago) { return ago > 2ms; }; }, rare},
    {"locked-outlives-expiry",
     "a locked message lives on for a second after its expiry: a settling in that time succeeds", "run",
     nullptr, "INV-09", [](Rules& rules) { rules.hub.expiry_spares_locked = 1s; }, rare},
    {"lock-half-as-long", "a lock runs out after half its time", "run", nullptr, "INV-11",
     [](Rules& rules) { rules.hub.lock /= 2; }},
    {"lock-ends-late",
     "a lock lives for a quarter of a second longer than it may: a settling in that time succeeds",
     "run", nullptr, "INV-12", [](Rules& rules) { rules.hub.lock += 250ms; }, rare},
    {"lock-by-wall-clock",
     "locks are measured on the wall clock: when it is set forward they end at once", "run",
     "redis/redis#416", "INV-11",
     [](Rules& rules) {
       rules.hub.lock_clock = [](Now now) { return Instant{now.wall.time_since_epoch()}; };
     }},
    {"given-up-too-soon", "a message is given up one abandon before it may be", "run", nullptr,
     "INV-14",
     [](Rules& rules) {
       rules.hub.count_exceeded = [](std::uint32_t count, std::uint32_t max) {
         return count + 1 >= max;
       };
     }},
    {"dead-token-settles", "a token whose lock has run out still settles its message", "run",
     nullptr, "INV-12", [](Rules& rules) { rules.hub.settle_needs_live_lock = false; }},
    {"count-rule-of-other-profile",
     "the delivery count follows the rule of the other profile: lock time-outs count where they "
     "must not, or "
     "the other way round",
     "run", nullptr, "INV-13",
     [](Rules& rules) {
       auto& rule = rules.hub.delivery_count_rule;
       rule = rule == DeliveryCountRule::abandon_only_2026 ? DeliveryCountRule::every_return_2017
                                                           : DeliveryCountRule::abandon_only_2026;
     }},
    {"queue-outlives-deletion",
     "a device that is created again finds the messages of its predecessor", "run", nullptr,
     "INV-21",
     [](Rules& rules) {
       rules.hub.deletion_ends_queue = false;
       rules.hub.recreated_is_new = false;
     }},
    {"stuck-after-recovery",
     "messages that were locked when the hub crashed are never deliverable again", "run", nullptr,
     "INV-23", [](Rules& rules) { rules.hub.ready_after_recovery = false; }},
    {"altered-command", "one byte of every twelfth stored command is changed", "run", nullptr,
     "INV-25", [](Rules& rules) { rules.hub.alters_command_every = 12; }},
};

}  // namespace

std::span<const Mutant> command_mutants() { return zoo; }

}  // namespace hubproof::model
