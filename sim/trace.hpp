// What happened, in order, and its digest. The digest is always on and costs a few multiplications
// an entry; records with text are made only for a sink.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/node.hpp"
#include "sim/scheduler.hpp"
#include "sim/wide.hpp"

namespace hubproof::sim {

// The numbers enter the digest: add at the end of a group, never renumber.
enum class Kind : std::uint16_t {
  // what programs heard
  started = 1,
  crashed,
  accepted,
  connected,
  refused,
  received,
  ended,
  drained,
  synced,
  woken,
  clock_stepped,
  // what else processes went through
  paused = 20,
  resumed,
  slowed,
  host_silent,
  // what segments went through
  connect = 40,
  segment,
  acknowledged,
  syn,
  syn_ack,
  reset,
  fin,
  probe,
  retransmitted,
  dropped,
  delayed,
  duplicated,
  reordered,
  corrupted,
  checksum_failed,
  queue_full,
  partitioned,
  black_holed,
  cut,
  name_not_found,
  timed_out,
  to_segments,
  to_quick,
  out_of_order,
  window_closed,
  // what disks did
  sync_failed = 80,
  append_refused,
  survived,
  torn,
  bit_rotted,
  sync_held,
  sync_delayed,
  // what clocks did
  drifted = 100,
  slewed,
  // what the nemesis did
  fault_on = 110,
  fault_off,
  healed,
  // programs, and who drives them, number their own from here on
  program0 = 256
};

std::string_view name(Kind kind);  // empty for a program's own

// One entry as a sink sees it. `a` and `b` are the two words of the kind, such as the socket and
// the place in the stream; the bytes live only during the call.
struct Record {
  Instant time;
  std::uint64_t order;
  NodeId node;
  Kind kind;
  std::uint64_t a, b;
  View bytes;
  std::uint64_t payload;  // digest of a, b and bytes
  std::uint64_t digest;   // of the run so far, this entry included
};

class TraceSink {
 public:
  virtual ~TraceSink() = default;
  virtual void saw(const Record& record) = 0;
};

// Eight bytes at a time, sixteen a turn; equal on every machine with little-endian loads.
std::uint64_t digest_of(View bytes);

class Trace {
 public:
  explicit Trace(const Scheduler& scheduler) : scheduler_{scheduler} {}

  void note(NodeId node, Kind kind, std::uint64_t a = 0, std::uint64_t b = 0, View bytes = {}) {
    const std::uint64_t content = bytes.empty() ? 0 : digest_of(bytes);
    const std::uint64_t payload =
        folded_product(a ^ 0xa0761d6478bd642fU, b ^ content ^ 0xe7037ed1a0b428dbU);
    const auto time = static_cast<std::uint64_t>(scheduler_.now().time_since_epoch().count());
    const std::uint64_t what = static_cast<std::uint64_t>(kind) << 32 |
                               static_cast<std::uint64_t>(static_cast<std::uint32_t>(node));
    const std::uint64_t entry = folded_product(time ^ 0x8ebc6af09c88c6e3U, what ^ payload);
    digest_ =
        folded_product(digest_ ^ entry ^ 0x589965cc75374cc3U, ++order_ ^ payload ^ multiplier);
    if (sink_ != nullptr) [[unlikely]]
      tell(node, kind, a, b, bytes, payload);
  }

  std::uint64_t digest() const { return digest_; }
  std::uint64_t entries() const { return order_; }
  void sink(TraceSink* sink) { sink_ = sink; }  // none: nullptr, the default

  void name_node(NodeId node, std::string name);
  std::string_view node_name(NodeId node) const;

 private:
  static constexpr std::uint64_t multiplier = 0x1d8e4e27c47d124fU;
  void tell(NodeId node, Kind kind, std::uint64_t a, std::uint64_t b, View bytes,
            std::uint64_t payload);

  const Scheduler& scheduler_;
  std::uint64_t digest_ = 0;
  std::uint64_t order_ = 0;
  TraceSink* sink_ = nullptr;
  std::vector<std::string> names_;
};

// A record as one line of text: what a reader of a trace, or of the first difference of two, sees.
std::string describe(const Trace& trace, const Record& record);

}  // namespace hubproof::sim
