// Plays the cases against our own device machine, in virtual time and without a socket: the adapter is
// a few lines here, and a device may be a mutant.
#pragma once

#include <functional>
#include <vector>

#include "model/bytes.hpp"

#include "model/device_settings.hpp"
#include "model/rules.hpp"
#include "tools/devices/device_suite.hpp"

namespace hubproof::tools {

// `spoil` makes a wrong device of the right one by what it is told to be: one without jitter, or that never renews.
using Spoil = std::function<void(model::DeviceSettings&)>;

// What lies between the device and the wire, for one that is wrong in what the machine does not decide: its frames, or
// what its application is told. Each gets what comes in one read or write, in order, and gives what becomes of it.
struct Wire {
  std::function<model::Bytes(model::View)> said{};   // by the device
  std::function<model::Bytes(model::View)> heard{};  // by it
  std::function<std::vector<conformance::devices::Said>(const conformance::devices::Order&)> obeys{};  // lines on top
  std::function<std::vector<conformance::devices::Said>(conformance::devices::Said)> tells{};          // of each line
};

struct OwnTransport {
  bool websocket = false;                // all cases are played within WebSockets, not only those about them
  std::function<Wire()> tamper{};        // asked for each case; none: nothing lies there
};

DevicePlay play_own_device(const model::DeviceRules& rules, std::uint64_t seed,
                           const std::vector<const conformance::devices::DeviceCase*>& cases, const Spoil& spoil = {},
                           const OwnTransport& transport = {});

}  // namespace hubproof::tools
