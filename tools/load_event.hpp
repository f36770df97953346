// What applications did in a run, so that a load that was drawn can be told as a list of times.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sim/node.hpp"
#include "sim/time.hpp"

namespace hubproof::tools {

struct LoadEvent {
  enum class Kind : std::uint8_t { telemetry, command, purge, recreate, disable, rotate };
  Kind kind = Kind::telemetry;
  sim::Instant at{};
  sim::NodeId node{};                   // the device that sends, or the service
  std::uint32_t load = 0;               // command: which of the service's
  std::string device;                   // command and registry: to whom
  std::optional<sim::Duration> ttl;     // command: what was asked for
  std::uint64_t body = 0;               // command: bytes
  sim::Duration disabled_for{};         // disable; rotate: until the device knows its new key
};

}  // namespace hubproof::tools
