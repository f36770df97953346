// Defects of the HTTP door.
#include "model/mutants/areas.hpp"

namespace hubproof::model {
namespace {

constexpr Mutant zoo[] = {
    {"http-answers-before-durable", "a 204 to telemetry leaves before the message is durable",
     "run", nullptr, "INV-01", [](Rules& rules) { rules.hub.http.telemetry_waits = false; }},
    {"batch-stored-in-part", "of a batch of three or more messages the last is not stored", "run",
     nullptr, "INV-01",
     [](Rules& rules) {
       rules.hub.http.stored_of_batch = [](std::uint32_t size) {
         return size > 2 ? size - 1 : size;
       };
     }},
    {"http-answers-out-of-order",
     "of pipelined requests, the one that is done first is answered first", "run", nullptr,
     "INV-01", [](Rules& rules) { rules.hub.http.in_order = false; }},
    {"http-caller-mixed-up", "every other device's requests are done for whoever asked before it",
     "run", nullptr, "INV-02",
     [](Rules& rules) {
       rules.hub.http.caller = [](std::uint32_t named, std::uint32_t last) {
         constexpr std::uint32_t nobody = 0xffffffff;
         return named % 2 == 1 && last != nobody ? last : named;
       };
     }},
    {"http-value-cut", "a property's value ends at its first semicolon, as if a parameter followed",
     "run", nullptr, "INV-25",
     [](Rules& rules) {
       rules.hub.http.value = [](std::string_view held) { return held.substr(0, held.find(';')); };
     }},
    {"etag-of-the-message",
     "the ETag names the message and not the delivery, so it settles later deliveries too", "run",
     nullptr, "INV-12", [](Rules& rules) { rules.hub.http.etag_is_of_delivery = false; }},
    {"http-receive-completes", "a GET takes the message that it shows out of the queue", "run",
     nullptr, "INV-14", [](Rules& rules) { rules.hub.http.receiving_keeps = false; }},
    {"bare-reject-ignored",
     "the flag of a reject is heard with a value only; a bare one makes it a complete", "run",
     nullptr, "INV-14", [](Rules& rules) { rules.hub.http.hears_bare_flags = false; }},
    {"lost-lock-answered-well", "a settling whose lock is lost is answered with a 204", "run",
     nullptr, "INV-08", [](Rules& rules) { rules.hub.http.tells_of_lost_locks = false; }},
};

}  // namespace

std::span<const Mutant> http_mutants() { return zoo; }

}  // namespace hubproof::model
