// Every decision that could have gone otherwise. Each names its site and its node, and is the n-th
// there: a draw added in one place shifts no other, and a reproduction outlives refactoring.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "sim/ensure.hpp"
#include "sim/fetch.hpp"
#include "sim/node.hpp"
#include "sim/time.hpp"
#include "sim/wide.hpp"

namespace hubproof::sim {

// Odds as integers: no floating point takes part in a decision.
struct Ratio {
  std::uint32_t num = 0;
  std::uint32_t den = 1;
  bool operator==(const Ratio&) const = default;
};

// Where a decision is made. The numbers are stable: add at the end, never renumber.
enum class Site : std::uint32_t {
  latency = 0,          // of what carries bytes of a stream, or its end
  ack_latency = 1,      // of bare acknowledgements, window updates and probes
  control_latency = 2,  // of the handshake and of RST
  drop = 3,
  burst = 4,  // whether a bursty path turns bad, or good again
  delay = 5,
  duplicate = 6,
  reorder = 7,
  corrupt = 8,
  cut = 9,  // where a segment ends while faults are on
  name_lookup = 10,
  sync_latency = 11,
  sync_error = 12,
  survivor = 13,  // what a crash leaves of what was not synced
  torn = 14,
  bit_rot = 15,
  swarm = 16,    // which families of faults a seed has
  nemesis = 17,  // when, whom, how long, how much
  crash_loop = 18,
  boot = 19,     // spread of boot clocks
  program0 = 64  // programs, and who drives them, number their own from here on
};

std::string_view name(Site site);  // empty for a program's own

struct Choice {
  Site site;
  NodeId node;
  std::uint64_t n;  // the first is 1
  std::uint64_t bound;
  std::uint64_t value;
  Instant at{};  // true time, where choices know it (clock)
};

class Choices {
 public:
  explicit Choices(std::uint64_t seed) : seed_{mix(seed)} {}

  // The draws of a node hang on its name, not on its number: when another node is taken out of a
  // world, those that stay draw what they drew. Until it is named, they hang on its number.
  void name(NodeId who, std::string_view name);

  std::uint32_t below(Site site, NodeId who, std::uint32_t bound) {  // uniform in [0, bound)
    Stream& stream = at(site, who);
    const std::uint64_t bits = mix(stream.base + ++stream.drawn);
    auto value = static_cast<std::uint32_t>((bits >> 32) * bound >> 32);
    if (watched_) [[unlikely]]
      value = static_cast<std::uint32_t>(settle(site, who, stream.drawn, bound, value));
    return value;
  }

  std::uint64_t wide(Site site, NodeId who, std::uint64_t bound) {  // the same, for any bound
    Stream& stream = at(site, who);
    std::uint64_t value = high_product(mix(stream.base + ++stream.drawn), bound);
    if (watched_) [[unlikely]]
      value = settle(site, who, stream.drawn, bound, value);
    return value;
  }

  bool chance(Site site, NodeId who, Ratio odds) { return below(site, who, odds.den) < odds.num; }

  std::uint64_t bits(Site site, NodeId who) {
    Stream& stream = at(site, who);
    return mix(stream.base + ++stream.drawn);
  }

  // A hint: a draw is near.
  void soon(Site site, NodeId who) const {
    const auto s = static_cast<std::size_t>(site);
    const auto n = static_cast<std::size_t>(who);
    if (s < streams_.size() && n < streams_[s].size()) fetch(&streams_[s][n], sizeof(Stream));
  }

  // Replay and shrinking: this one choice is given, whatever the seed says (held below its bound).
  void give(Site site, NodeId who, std::uint64_t n, std::uint64_t value);
  void keep_log(bool wanted);
  const std::vector<Choice>& log() const { return log_; }
  void clock(std::function<Instant()> now) { now_ = std::move(now); }  // for the log's times

  // From now on all draws (or those of one site) are those of another future. What was drawn stays.
  void reseed(std::uint64_t salt) { reseed(Reseed{std::nullopt, salt}); }
  void reseed(Site site, std::uint64_t salt) { reseed(Reseed{site, salt}); }

  static constexpr std::uint64_t mix(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
  }

 private:
  struct Stream {
    std::uint64_t base = 0;  // of this site and node; 0: not yet used
    std::uint64_t drawn = 0;
  };

  struct Reseed {
    std::optional<Site> site;  // none: all
    std::uint64_t salt = 0;
  };

  void reseed(const Reseed& how);
  static void salt(Stream& stream, std::uint64_t with) {
    stream.base = mix(stream.base ^ mix(with));
    if (stream.base == 0) stream.base = 1;  // 0 marks what was not opened
  }

  Stream& at(Site site, NodeId who) {
    const auto s = static_cast<std::size_t>(site);
    const auto n = static_cast<std::size_t>(who);
    if (s < sites_) [[likely]]
      if (auto& nodes = streams_[s]; n < nodes.size() && nodes[n].base != 0) [[likely]]
        return nodes[n];
    return open(site, who);
  }
  Stream& open(Site site, NodeId who);
  std::uint64_t settle(Site site, NodeId who, std::uint64_t n, std::uint64_t bound,
                       std::uint64_t value);

  std::uint64_t seed_;
  std::vector<std::vector<Stream>> streams_;  // by site, then node
  std::size_t sites_ = 0;                     // how many it has
  std::vector<std::uint64_t> keys_;           // by node; 0: not named
  std::vector<Reseed> reseeds_;               // in the order of time
  bool watched_ = false;                      // a log is kept or a choice is given
  bool logging_ = false;
  std::vector<Choice> log_;
  std::function<Instant()> now_;
  std::map<std::tuple<Site, NodeId, std::uint64_t>, std::uint64_t> given_;
};

}  // namespace hubproof::sim
