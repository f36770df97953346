// A soak of a plain broker, or of a hub: clients of our own publish, subscribe, sleep and come back (at a hub: devices and a
// service), all through a proxy that cuts and holds up their connections, while the target is restarted where its
// descriptor says how. What they saw is written as a history, for the judge.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tools/conform/descriptor.hpp"

namespace hubproof::tools {

struct SoakOptions {
  sim::Duration length{};            // of load and faults; then all is healed, and what is owed must come
  std::uint64_t seed = 0;            // of who does what when, and of the faults; what the target does is its own
  std::string history;               // the file
  std::function<bool()> stop;        // asked now and then: ends load and faults at once
  std::function<void(sim::Duration done)> on_progress;
};

struct SoakResult {
  std::string unreachable;           // the target was not to be reached, and nothing was done
  std::string problem;               // the history cannot be written
  std::uint64_t published = 0;       // messages handed to clients
  std::uint64_t received = 0;        // and that came to clients, at each of them
  std::uint64_t connections = 0;
  std::uint64_t faults = 0;
  std::uint64_t restarts = 0;        // of the target, that succeeded
  std::uint64_t failed_restarts = 0;
  std::size_t absent = 0;            // clients that were not connected, or waited for something, at the end
};

// Why this target cannot be soaked; empty: it can.
std::string why_no_soak(const Descriptor& descriptor);

SoakResult soak(const Descriptor& descriptor, const SoakOptions& options);

}  // namespace hubproof::tools
