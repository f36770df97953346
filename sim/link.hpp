// One direction of a path: what it is by itself, and what faults do to the packets on it.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/choices.hpp"
#include "sim/distribution.hpp"
#include "sim/time.hpp"
#include "sim/trace.hpp"

namespace hubproof::sim {

struct Bandwidth {
  std::uint64_t bytes_per_second = 0;  // 0: no limit
  std::uint64_t queue_bytes = 65'536;  // what would wait beyond it is lost
  bool operator==(const Bandwidth&) const = default;
};

// Losses come alone (while good) or in bursts (while bad); a path that is never bad has only the
// first. This is the model of Gilbert and Elliott.
struct Loss {
  Ratio good{};
  Ratio bad{};
  Ratio turns_bad{};  // asked of every packet
  Ratio turns_good{};
  bool operator==(const Loss&) const = default;
};

struct PathSettings {
  Distribution latency = Distribution::fixed(std::chrono::milliseconds{20});
  Loss loss{};
  Ratio duplicate{};
  Ratio reorder{};
  Distribution reorder_delay = Distribution::fixed(std::chrono::milliseconds{5});
  Bandwidth bandwidth{};
  bool operator==(const PathSettings&) const = default;

  bool quiet() const {
    return loss.good.num == 0 && loss.turns_bad.num == 0 && duplicate.num == 0 &&
           reorder.num == 0 && bandwidth.bytes_per_second == 0;
  }
};

// What a fault does to packets of some paths. An empty list of nodes means every node.
struct Rule {
  enum class Kind : std::uint8_t {
    silence,  // nothing passes: partitions, sleeping radios, hand-over
    drop,
    delay,
    duplicate,
    reorder,
    corrupt,
    bandwidth,
    no_name,  // connecting fails before the first packet
    refuse    // every SYN is answered with RST
  };
  Kind kind = Kind::silence;
  std::vector<NodeId> from{};
  std::vector<NodeId> to{};
  Loss loss{};            // drop
  Ratio odds{};           // duplicate, reorder, corrupt
  Distribution extra{};   // delay, reorder, duplicate
  Bandwidth bandwidth{};  // shared by all packets that the rule covers
};
enum class RuleId : std::uint32_t {};

// A queue in front of a line of limited speed.
class Line {
 public:
  // When a packet would have left the line, or nothing if the queue had no room.
  bool admit(const Bandwidth& limit, Instant now, std::uint64_t size, Instant& left);

 private:
  Instant free_at_{};
};

// Whether a path is in its bad state, by sender.
class Bursts {
 public:
  bool lost(const Loss& loss, Choices& choices, NodeId from);

 private:
  std::vector<bool> bad_;
};

// What becomes of one packet.
struct Passage {
  bool lost = false;
  bool corrupt = false;
  bool unordered = false;  // may be overtaken by those sent after it
  Duration extra{};
  std::uint32_t copies = 0;  // besides the packet itself
  Duration copy_delay{};
};

}  // namespace hubproof::sim
