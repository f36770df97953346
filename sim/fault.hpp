// Faults as plain data, each with its from and until. Which fields a kind reads is said beside it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "sim/choices.hpp"
#include "sim/distribution.hpp"
#include "sim/link.hpp"
#include "sim/node.hpp"
#include "sim/time.hpp"

namespace hubproof::sim {

enum class Family : std::uint8_t { network, process, clock, disk, radio };

enum class FaultKind : std::uint8_t {
  // network: packets from `nodes` to `peers`, and the other way unless `one_way`
  drop,             // loss
  delay,            // duration (added to every packet)
  duplicate,        // odds, duration (how long after the first the copy is sent)
  reorder,          // odds, duration (how long a packet is held back)
  corrupt,          // odds
  bandwidth,        // bandwidth, shared by all that the fault covers
  partition,        // full, one-way or partial: by nodes, peers and one_way
  reset,            // at `from`: RST to both ends of each connection
  half_open,        // at `from`: connections that exist fall silent for ever; new ones work
  dns_failure,      // nodes look up peers and find nothing
  connect_refusal,  // every SYN is answered with RST
  // process: of `nodes`
  crash,          // at `from`, host and all; up again at `until`
  process_crash,  // the same, but the host lives and answers with RST
  crash_loop,     // up for `gap`, down for `duration`, and so on
  restart,        // at `from`: down and up again at once
  pause,
  slow,  // amount: each call takes so long
  // clock: of `nodes`
  boot_offset,  // wall: at `from`, and at each start until `until`, the wall clock shows it
  step,         // amount, at `from`
  drift,        // ppm
  slew,         // amount, at a rate of ppm, beginning at `from`
  // disk: of `nodes`
  torn_write,  // crashes in this time leave garbage in the last block
  sync_error,  // odds
  disk_full,
  slow_disk,      // duration, added to each sync
  bit_rot,        // at `from`: one bit of a file with (name & file_mask) == file_value
  never_answers,  // syncs are answered only after `until`
  // radio: of `nodes`
  sleep_cycle,  // nothing passes but for the first `awake` of each `period`
  hand_over     // nothing passes; connections go on afterwards
};

inline constexpr std::array<std::string_view, 29> fault_names = {"drop",
                                                                 "delay",
                                                                 "duplicate",
                                                                 "reorder",
                                                                 "corrupt",
                                                                 "bandwidth",
                                                                 "partition",
                                                                 "reset",
                                                                 "half_open",
                                                                 "dns_failure",
                                                                 "connect_refusal",
                                                                 "crash",
                                                                 "process_crash",
                                                                 "crash_loop",
                                                                 "restart",
                                                                 "pause",
                                                                 "slow",
                                                                 "boot_offset",
                                                                 "step",
                                                                 "drift",
                                                                 "slew",
                                                                 "torn_write",
                                                                 "sync_error",
                                                                 "disk_full",
                                                                 "slow_disk",
                                                                 "bit_rot",
                                                                 "never_answers",
                                                                 "sleep_cycle",
                                                                 "hand_over"};

constexpr std::string_view name(FaultKind kind) {
  return fault_names[static_cast<std::size_t>(kind)];
}

constexpr std::optional<FaultKind> fault_kind(std::string_view text) {
  for (std::size_t at = 0; at < fault_names.size(); ++at)
    if (fault_names[at] == text) return static_cast<FaultKind>(at);
  return std::nullopt;
}

constexpr Family family(FaultKind kind) {
  if (kind < FaultKind::crash) return Family::network;
  if (kind < FaultKind::boot_offset) return Family::process;
  if (kind < FaultKind::torn_write) return Family::clock;
  if (kind < FaultKind::sleep_cycle) return Family::disk;
  return Family::radio;
}

struct Fault {
  FaultKind kind = FaultKind::drop;
  Instant from{};
  Instant until{};              // at or before `from`: until all is healed
  std::vector<NodeId> nodes{};  // empty: every node
  std::vector<NodeId> peers{};  // network only; empty: every node
  bool one_way = false;
  Ratio odds{};
  Loss loss{};
  Distribution duration{};
  Distribution gap{};
  Bandwidth bandwidth{};
  Duration amount{};
  std::int64_t wall = 0;  // nanoseconds since 1970
  std::int32_t ppm = 0;
  Duration period{};
  Duration awake{};
  std::uint64_t file_mask = 0;
  std::uint64_t file_value = 0;
};

}  // namespace hubproof::sim
