// Who may do what. A door asks the gate once for each connection (MQTT's CONNECT, SASL PLAIN, CBS's
// put-token) or each request (HTTP), keeps the grant as long as what it let in lives, and asks
// ended() when a grant's time is over, when the desk says that a device's credentials changed, and
// when it is not sure.
//
// A resource is a path without the host and decoded, as the facts name endpoints:
//   devices/d1                         an MQTT connection of d1
//   devices/d1/messages/events         telemetry of d1; .../messages/devicebound, .../{lock token}
//   messages/devicebound               sending commands; messages/serviceBound/feedback
//   messages/events                    reading telemetry; Event Hubs clients name what they open:
//                                      {hub}/ConsumerGroups/$Default/Partitions/0, {hub}/$management
//   devices, devices/d2, statistics/devices    the registry
// Which host a token names is not compared: a hub may be reached by many names, and its keys are
// its own. Device ids and scopes are compared as they are, letter by letter [SEC-25].
//
// An open gate (Access::open) asks for nothing: any token or none gives a grant, as long as the
// device of a `devices/...` resource exists and is enabled where the right is device_connect.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "model/hub/hub.hpp"
#include "model/identity.hpp"

namespace hubproof::model {

// What a credential is good for, and until when.
struct Grant {
  static constexpr Date forever{std::chrono::seconds{9'000'000'000}};

  DeviceIndex device = DeviceIndex::none;  // whose credential it is, or whom it was used for
  std::uint32_t generation = 0;            // of that device
  std::uint8_t rights = 0;                 // of Right
  std::string policy;                      // empty: the device's own key or certificate
  std::string scope;                       // path of the resource; empty: all of the hub
  Date until = forever;                    // the token's own expiry, without any grace
  std::uint64_t key = 0;                   // key_digest of what signed it; 0: no key did
};

class Gate {
 public:
  Gate(const HubRules& rules, const Hub& hub) : rules_{&rules}, hub_{&hub} {}

  bool open() const { return rules_->access == Access::open; }

  // May whoever shows this token do that there? Errors: unauthorized for anything that is wrong with
  // the token; and, once it is right, device_not_found and disabled [SEC-13, SEC-26].
  std::variant<Grant, Error> allow(Now now, std::string_view token, std::string_view resource,
                                   Right need, KeyForm form = KeyForm::decoded) const;
  // May whoever has this certificate be that device? [SEC-20, SEC-21]
  std::variant<Grant, Error> allow(Now now, const ClientCertificate& certificate,
                                   std::string_view device) const;

  // The same in two steps, for tokens that come before it is known what for (CBS): is it good at all;
  // does what it grants cover this? The second step fills in the grant's device.
  std::variant<Grant, Error> read(Now now, std::string_view token,
                                  KeyForm form = KeyForm::decoded) const;
  Error use(Grant& grant, std::string_view resource, Right need) const;

  // For connections that live: why this grant is good no more; nothing while it is. Its token is over
  // by more than the grace of living connections [SEC-16, SEC-17], its key was changed, its device was
  // disabled, deleted, or deleted and created again.
  std::optional<Error> ended(Now now, const Grant& grant) const;
  // When ended() will say so for the token's expiry; nothing: never. Put now.when() of it into the
  // door's deadline; a wall clock that was set moves it.
  std::optional<Date> expires(const Grant& grant) const;

 private:
  Error check_device(DeviceIndex device) const;

  const HubRules* rules_;
  const Hub* hub_;
};

}  // namespace hubproof::model
