// Plays the cases against our own device machine, in virtual time and without a socket: the adapter is
// a few lines here, and a device may be a mutant.
#pragma once

#include <functional>
#include <vector>

#include "model/device_settings.hpp"
#include "model/rules.hpp"
#include "tools/devices/device_suite.hpp"

namespace hubproof::tools {

// `spoil` makes a wrong device of the right one by what it is told to be: one without jitter, or that never renews.
using Spoil = std::function<void(model::DeviceSettings&)>;

DevicePlay play_own_device(const model::DeviceRules& rules, std::uint64_t seed,
                           const std::vector<const conformance::devices::DeviceCase*>& cases, const Spoil& spoil = {});

}  // namespace hubproof::tools
