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
     "conform", nullptr, "mqtt311:4.3.2-2",
     [](Rules& rules) { rules.device.acknowledges = false; }},
    {"sent-means-acknowledged",
     "a device takes a message for stored once it is written, without its PUBACK", "run", nullptr,
     "INV-01", [](Rules& rules) { rules.device.waits_for_ack = false; }},
    {"packet-id-in-use",
     "a device gives a new message the packet id of one that is not acknowledged", "run", nullptr,
     "mqtt311:2.3.1-2", [](Rules& rules) { rules.device.fresh_packet_ids = false; }},
    {"acknowledges-out-of-order", "a device acknowledges commands in another order than they came",
     "run", nullptr, "mqtt311:4.6.0-2",
     [](Rules& rules) { rules.device.acknowledges_in_order = false; }},
    {"never-pings", "a device with nothing to say stays silent beyond its keep-alive", "run",
     nullptr, "mqtt311:3.1.2-23", [](Rules& rules) { rules.device.pings = false; }},
};

}  // namespace

std::span<const Mutant> device_mutants() { return zoo; }

}  // namespace hubproof::model
