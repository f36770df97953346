// Plays the cases against our own device machine, in virtual time and without a socket: the adapter is
// a few lines here, and a device may be a mutant.
#pragma once

#include <vector>

#include "model/rules.hpp"
#include "tools/devices/device_suite.hpp"

namespace hubproof::tools {

DevicePlay play_own_device(const model::DeviceRules& rules, std::uint64_t seed,
                           const std::vector<const conformance::devices::DeviceCase*>& cases);

}  // namespace hubproof::tools
