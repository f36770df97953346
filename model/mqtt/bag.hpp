// The hub's property bag: the last topic level of telemetry and commands, `name=value` joined by
// '&', percent-encoded [MQTT-23, MQTT-24, MQTT-25, MQTT-28], to and from flat messages.
#pragma once

#include "model/message.hpp"

namespace hubproof::model::mqtt {

// Reads a bag and appends its fields to a flat message. False: not a legal bag (bad percent code,
// not UTF-8, a value of a system property that does not parse). A name without '=' is a null
// property; '+' is a plus sign; a leading '?' is part of the first name.
bool read_bag(std::string_view bag, MessageWriter& out);

// Appends the bag of a message: system properties as %24.mid and so on, iothub-ack without `$.`
// [FBK-01], then application properties, in the order of the flat message.
void write_bag(Bytes& out, const MessageView& message);

// The same to where there is room for bag_room(message) bytes; gives their end, and the body that
// was met on the way.
std::uint8_t* write_bag(std::uint8_t* to, const MessageView& message, View& body);
std::size_t bag_room(const MessageView& message);  // a bound that costs little

}  // namespace hubproof::model::mqtt
