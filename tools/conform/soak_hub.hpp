// A soak of a hub: devices of our own over each protocol that it has a door for, and a service that sends them commands,
// reads their telemetry and hears what became of the commands, all through a proxy that cuts and holds up connections.
#pragma once

#include <string>

#include "tools/conform/soak.hpp"

namespace hubproof::tools {

// Why this hub cannot be soaked; empty: it can.
std::string why_no_hub_soak(const Descriptor& descriptor);

SoakResult soak_hub(const Descriptor& descriptor, const SoakOptions& options);

}  // namespace hubproof::tools
