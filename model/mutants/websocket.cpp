// Defects of WebSocket framing, of either end.
#include "model/mutants/areas.hpp"

namespace hubproof::model {
namespace {

constexpr Mutant zoo[] = {
    {"message-taken-for-packets",
     "the hub takes each WebSocket message for whole packets, and drops what one leaves incomplete", "run",
     "hivemq/hivemq-mqtt-web-client#22", "INV-24",
     [](Rules& rules) { rules.hub.websocket.messages_are_one_stream = false; }},
    {"mask-runs-on",
     "a device goes on in the mask of the frame before, where each frame of a message has a mask of its own", "run",
     "boostorg/beast#1061", "INV-24",
     [](Rules& rules) { rules.device.websocket.mask_start = [](std::size_t before) { return before; }; }},
    {"first-message-of-a-read", "the hub takes the first WebSocket message of a read, and loses those behind it", "run",
     "nanomq/nanomq#1844", "INV-24", [](Rules& rules) { rules.hub.websocket.hears_whole_read = false; }},
    {"ping-ends-a-message",
     "the hub takes a ping between the fragments of a message for the end of the message", "run",
     "andremussche/DelphiWebsockets#29", "INV-24",
     [](Rules& rules) { rules.hub.websocket.survives_control_frames = false; }},
};

}  // namespace

std::span<const Mutant> websocket_mutants() { return zoo; }

}  // namespace hubproof::model
