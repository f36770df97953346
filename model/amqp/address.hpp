// What the addresses of links mean [AMQP-06, AMQP-07, D2C-37], and where a reader of telemetry wants
// to start.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hubproof::model::amqp {

struct Address {
  enum class Kind : std::uint8_t {
    unknown,
    cbs,               // $cbs
    management,        // $management of the Event Hubs-compatible endpoint
    telemetry,         // of `device`: it sends
    commands,          // of `device`: it receives
    device_bound,      // commands of services, for any device
    feedback,
    events,            // of `partition` of `entity`, for the readers of `group`
    events_elsewhere   // messages/events: where they are to be read is told by a redirect
  };
  Kind kind = Kind::unknown;
  std::string resource;  // the path, decoded, without a slash at either end
  std::string device;
  std::string entity;    // as a connection string to read from calls it: EntityPath
  std::string group;
  std::uint32_t partition = 0;
};

// With or without scheme and host, percent-encoded or not [MSG-23].
Address read_address(std::string_view text);

// The path of a resource, as in addresses and in the audiences of tokens: a host may stand before it.
// "sb://h/hub/x", "h%2Fdevices%2Fd" and "h/devices/d" give what comes after h.
std::string audience_path(std::string_view audience);

// The device that the `to` of a command names; nothing: none [C2D-01].
std::optional<std::string> device_of(std::string_view to);

// Where to start in a partition: the filter of an Event Hubs reader [D2C-36].
struct Start {
  enum class By : std::uint8_t { offset, sequence, enqueued };
  By by = By::offset;
  bool inclusive = false;  // >=
  bool latest = false;     // behind all that is there
  std::int64_t value = -1; // enqueued: milliseconds since 1970
};
std::optional<Start> read_selector(std::string_view text);

}  // namespace hubproof::model::amqp
