// Groups whose devices do not all speak alike: "protocol": {"mqtt": 3, "amqp": 1}. What a device speaks
// is drawn once, by the run's seed and the device's name.
#pragma once

#include "sim/choices.hpp"
#include "tools/scenario.hpp"

namespace hubproof::tools {

bool is_mixed(const DeviceGroup& group);
bool may_speak(const DeviceGroup& group, model::DeviceSettings::Protocol protocol);

// The group as this one device of it is: with one protocol and one transport, and without the settings
// that mean nothing there. Of a group that is not mixed nothing is drawn.
DeviceGroup drawn_from(const DeviceGroup& group, sim::Choices& choices, sim::NodeId device);

}  // namespace hubproof::tools
