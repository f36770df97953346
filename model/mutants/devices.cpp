// Defects of the device's end.
#include "model/mutants/areas.hpp"

namespace hubproof::model {
namespace {

constexpr bool rare = true;

constexpr Mutant zoo[] = {
    {"resend-without-dup", "a message that is sent again does not say so", "run",
     "Azure/azure-iot-sdk-c#2514", "mqtt311:3.3.1-1",
     [](Rules& rules) { rules.device.resend_sets_dup = false; }},
    {"resend-out-of-order", "unacknowledged messages are sent again in another order than at first",
     "run", nullptr, "mqtt311:4.6.0-1", [](Rules& rules) { rules.device.resend_order = ResendOrder::reversed; }},
    {"never-resends", "what was not acknowledged on a lost connection is never sent again", "run",
     "wolfSSL/wolfMQTT#494", "INV-24",
     [](Rules& rules) { rules.device.resend_after_reconnect = false; }},
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
     "run", "Azure/azure-iot-sdk-csharp#674", "mqtt311:4.6.0-2",
     [](Rules& rules) { rules.device.acknowledges_in_order = false; }},
    {"never-pings", "a device with nothing to say stays silent beyond its keep-alive", "run",
     "AtherEnergy/rumqtt#1", "mqtt311:3.1.2-23", [](Rules& rules) { rules.device.pings = false; }},
    {"packet-id-drawn",
     "packet ids are drawn, and nobody looks whether one belongs to an unfinished exchange", "run",
     "espressif/esp-mqtt#176", "mqtt311:2.3.1-2",
     [](Rules& rules) {
       rules.device.skips_used_ids = false;
       rules.device.next_packet_id = [](std::uint16_t last, std::uint32_t nth) {
         std::uint32_t mixed = (last ^ nth * 0x9e37'79b9u) * 0x85eb'ca6bu;
         mixed ^= mixed >> 13;
         return static_cast<std::uint16_t>(mixed * 0xc2b2'ae35u >> 16);
       };
     }},
    {"packet-id-zero", "the packet id after 65535 is 0, which no hub can acknowledge", "run",
     "njh/ruby-mqtt#118", "INV-24", [](Rules& rules) { rules.device.skips_id_zero = false; }},
    {"resend-sorted-by-id",
     "unacknowledged messages are sent again in the order of their packet ids, which is another one "
     "once ids have wrapped",
     "run", "novastone-media/MQTT-Client-Framework#247", "mqtt311:4.6.0-1",
     [](Rules& rules) { rules.device.resend_order = ResendOrder::by_packet_id; }},
    {"acks-taken-for-cumulative",
     "a PUBACK ends the exchanges with lower ids as well, which are later ones once ids have wrapped",
     "run", nullptr, "INV-01", [](Rules& rules) { rules.device.ack_is_for_one = false; }, rare},
    {"forgets-with-the-session",
     "a device drops what was not acknowledged when the hub does not know its session any more",
     "run", "eclipse-paho/paho.mqtt.c#640", "INV-24",
     [](Rules& rules) { rules.device.resends_to_new_session = false; }},
    {"stuck-with-full-window",
     "a device that had as much unacknowledged as it may have sends nothing more after a reconnect",
     "run", "eclipse-paho/paho.mqtt.python#24", "INV-24",
     [](Rules& rules) { rules.device.resends_full_window = false; }},
    {"acknowledges-on-next-connection",
     "a device acknowledges on a new connection what it had received on the one before", "run",
     "hivemq/hivemq-mqtt-client#428", "INV-14",
     [](Rules& rules) { rules.device.forgets_unsettled = false; }},
};

}  // namespace

std::span<const Mutant> device_mutants() { return zoo; }

}  // namespace hubproof::model
