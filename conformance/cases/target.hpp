// What a case may know of the system that it tests: its profile, what it can do, its limits, and who may
// come to it. `tools` reads it from a descriptor.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace hubproof::conformance::cases {

// Each name says what a target that has it does.
enum class Capability : std::uint8_t {
  mqtt,        // it has a door for MQTT
  websocket,   // and one for MQTT within WebSockets
  amqp,
  http,
  service,     // it has the operations of services
  routing,     // what a client publishes reaches other clients that subscribe
  qos2,        // clients may publish at QoS 2
  retained,
  will,        // wills are published to subscribers
  wildcards,
  sessions,    // it keeps sessions of Clean Session 0
  empty_id,    // it takes an empty client id
  takeover,    // two connections under one client id are possible at all
  restart,     // it can be told to restart, and what it stored outlives that
  dollar,      // clients may publish to topics that begin with $ (but not $SYS)
  refusal,     // some client can be refused with a CONNACK (by its credentials)
  events,      // services read its telemetry at the AMQP door, as Event Hubs clients do
  tokens,      // it checks tokens, and the keys of its devices and policies are known
  free_time,   // its time costs nothing: it is simulated
  qos2_granted,  // it grants QoS 2 to who asks for it; a server may grant less [mqtt311:3.8.4-6]
  routes,      // it has the routes of conformance/routes.json
  no_fallback, // and its fallback route is off
  free_tier,   // it has the limits and the quota of one unit of the free tier, of which nothing is used yet
  node,        // the address of an AMQP node is known that keeps messages in order, for one receiver each
  count
};
inline constexpr std::array<std::string_view, static_cast<std::size_t>(Capability::count)> capability_names{
    "mqtt",      "websocket", "amqp",     "http",     "service", "routing", "qos2",    "retained",
    "will",      "wildcards", "sessions", "empty_id", "takeover", "restart", "dollar", "refusal",
    "events",    "tokens",    "free_time", "qos2_granted", "routes", "no_fallback", "free_tier", "node"};

class Capabilities {
 public:
  constexpr Capabilities() = default;
  constexpr Capabilities(std::initializer_list<Capability> list) {
    for (const Capability each : list) add(each);
  }
  constexpr void add(Capability one) { bits_ |= bit(one); }
  constexpr void remove(Capability one) { bits_ &= ~bit(one); }
  constexpr bool has(Capability one) const { return (bits_ & bit(one)) != 0; }
  // The first that is in `needed` and not here; count: there is none.
  constexpr Capability missing(Capabilities needed) const {
    for (std::uint8_t at = 0; at < static_cast<std::uint8_t>(Capability::count); ++at)
      if (needed.has(static_cast<Capability>(at)) && !has(static_cast<Capability>(at)))
        return static_cast<Capability>(at);
    return Capability::count;
  }
  friend constexpr Capabilities operator|(Capabilities left, Capabilities right) {
    left.bits_ |= right.bits_;
    return left;
  }
  bool operator==(const Capabilities&) const = default;

 private:
  static constexpr std::uint32_t bit(Capability one) { return std::uint32_t{1} << static_cast<unsigned>(one); }
  std::uint32_t bits_ = 0;
};

// Somebody who may connect. A hub knows its devices; at a broker anybody may come, under any id.
struct Identity {
  std::string id;
  std::string user;      // empty: none is sent
  std::string password;
  std::string key;       // of a device or a policy, where the hub checks tokens
};

struct Limits {
  std::uint32_t packet = 1u << 20;      // bytes of the longest packet that cases may send
  std::uint32_t client_id = 23;         // bytes of the longest client id
  std::uint32_t topic = 65'535;         // and topic name
  std::uint32_t filters = 100;          // in one SUBSCRIBE
  std::uint32_t in_flight = 10;         // messages above QoS 0 without their acknowledgement
  std::uint32_t partitions = 4;         // of a hub's telemetry
  std::uint32_t burst = 100;            // requests beyond a limit of 100 a minute that are served at once
  std::uint32_t queue = 100;            // and that wait then: more are refused
  bool operator==(const Limits&) const = default;
};

struct Target {
  std::string profile = "mqtt-3.1.1";
  Capabilities can;
  Limits limits;
  std::string user;      // a broker's, for everybody
  std::string password;
  std::string host = "localhost";  // for handshakes that name it
  std::vector<Identity> policies;   // a hub's: name, key, and a token of it
  std::string node;      // of an AMQP broker: the address of a queue, with * for a name that only one case uses

  bool hub() const { return profile.starts_with("iot-hub"); }  // else a broker
  bool amqp10() const { return profile == "amqp-1.0"; }        // a broker of AMQP, and not of MQTT
  const Identity* policy(std::string_view name) const {     // null: it is not known
    for (const Identity& each : policies)
      if (each.id == name) return &each;
    return nullptr;
  }
};

}  // namespace hubproof::conformance::cases
