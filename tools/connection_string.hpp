// What users paste into their programs: connection strings as the vendor's portal shows them.
#pragma once

#include <string>
#include <string_view>

#include "model/identity.hpp"

namespace hubproof::tools {

// `host`: as clients reach the door, with the port where it is not the protocol's own. A device without
// keys (X.509) has x509=true instead; one without credentials, of a hub that asks for none, gets any key,
// as the tools that read these strings insist on one.
std::string device_connection_string(std::string_view host, std::string_view device,
                                     const model::Credentials* credentials);
std::string service_connection_string(std::string_view host, const model::Policy& policy);
// What a hub is called by whoever reaches it at this host: the host's first label.
std::string_view hub_name(std::string_view host);
// The Event Hubs-compatible endpoint, for readers of telemetry; or an endpoint that routes lead to.
std::string event_hubs_connection_string(std::string_view host, const model::Policy& policy,
                                         std::string_view endpoint = {});

}  // namespace hubproof::tools
