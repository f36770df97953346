// Defects of the device's end.
#include "model/mutants/areas.hpp"

namespace hubproof::model {
namespace {

constexpr Mutant zoo[] = {
    {"resend-without-dup", "a message that is sent again does not say so", "run",
     "https://github.com/FreeRTOS/coreMQTT/pull/83", "mqtt311:3.3.1-1",
     [](Rules& rules) { rules.device.resend_sets_dup = false; }},
    {"resend-out-of-order", "unacknowledged messages are sent again in another order than at first",
     "run", nullptr, "mqtt311:4.6.0-1", [](Rules& rules) { rules.device.resend_in_order = false; }},
    {"never-resends", "what was not acknowledged on a lost connection is never sent again", "run",
     nullptr, "INV-24", [](Rules& rules) { rules.device.resend_after_reconnect = false; }},
    {"gives-up-connecting", "a device that was refused or cut off does not try again", "run",
     nullptr, "INV-24", [](Rules& rules) { rules.device.retries_connecting = false; }},
    {"never-acknowledges", "a device leaves the commands that it receives without their PUBACK",
     "run", nullptr, "mqtt311:4.3.2-2", [](Rules& rules) { rules.device.acknowledges = false; }},
};

}  // namespace

std::span<const Mutant> device_mutants() { return zoo; }

}  // namespace hubproof::model
