// What faults do to live connections: a pure machine. Time, connections and bytes come in; what is to be
// done goes out, and whoever owns the sockets does it. The faults are those of a scenario, and chance
// is drawn as there, so a seed gives the same plan.
//
//   planned ── from ──▶ on ── until ──▶ over        what happens at one time only is over at once
//
// Bytes of a stream are what a live fault can touch: TCP has repaired the packets below them. Lost bytes
// are lost for good, as by a broken proxy. What a partition, a hand-over or a sleep holds up comes later.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/time.hpp"
#include "sim/choices.hpp"
#include "sim/fault.hpp"
#include "tools/problem.hpp"

namespace hubproof::tools {

// Why a fault cannot be done to live connections; empty: it can. The names are those of the nodes.
std::string why_not_live(const sim::Fault& fault, const std::vector<std::string>& names, bool has_store);

class LiveFaults {
 public:
  enum class Direction : std::uint8_t { to_hub, to_device };
  struct Act {
    enum class Kind : std::uint8_t {
      begins,   // to be told; what else it does follows
      ends,     // likewise
      healed,   // the last fault of a plan with an end is over
      reset,    // covered connections get RST
      silence,  // covered connections fall silent for ever
      down,     // the hub crashes
      up,       // it starts again, from its store
      clock,    // the hub's wall clock jumps by the fault's amount
      news      // what was held up may pass now, or syncs may be answered
    };
    Kind kind{};
    std::size_t fault = 0;
  };
  // What becomes of some bytes of a connection.
  struct Passage {
    bool lost = false;
    std::optional<std::size_t> flipped;  // this bit of them
    model::Instant leaves{};             // not before this
  };
  struct Sync {
    bool fails = false;
    model::Instant answered{};  // not before this
  };

  explicit LiveFaults(std::uint64_t seed);

  // Their times are since `since`. `names` are those of the nodes; "hub" is the hub. With `heals` there
  // is an end: when these are over, all is healed.
  void plan(const std::vector<sim::Fault>& faults, const std::vector<std::string>& names, model::Instant since,
            std::optional<model::Instant> heals = {});
  // All of them end.
  void heal();

  std::optional<model::Instant> deadline() const;  // of the next act
  std::optional<Act> due(model::Instant now);      // in the order of their times

  bool any_on() const { return on_ > 0; }
  bool down() const { return down_ > 0; }          // the hub is
  bool refuses() const;                            // new connections, of nobody knows whom
  // Of a connection; a device that has not said who it is has no name.
  bool covers(std::size_t fault, std::string_view device) const;
  bool blocked(Direction direction, std::string_view device) const;
  Passage passes(model::Instant now, Direction direction, std::string_view device, std::size_t bytes);
  // Of the hub's store.
  bool syncs_wait() const;
  Sync syncs(model::Instant now);

  struct Shown {
    std::string what;
    const char* state;  // planned, on, over
  };
  std::vector<Shown> shown() const;
  const std::string& text(std::size_t fault) const { return all_[fault].text; }
  const sim::Fault& fault(std::size_t at) const { return all_[at].fault; }

 private:
  struct Side {  // of a path: whom it covers
    bool everybody = false;
    bool hub = false;
    std::set<std::string, std::less<>> devices;
    bool has(std::string_view device) const { return everybody || (!device.empty() && devices.contains(device)); }
    bool has_hub() const { return everybody || hub; }
  };
  enum class State : std::uint8_t { planned, on, over };
  struct One {
    sim::Fault fault;
    std::string text;
    Side nodes;
    Side peers;
    model::Instant from{};
    std::optional<model::Instant> until;  // none: until all is healed
    State state = State::planned;
    bool phase = false;                   // of a cycle: awake, or up
    std::optional<model::Instant> turns;  // when the phase does
    model::Instant line_free{};           // of a bandwidth
    sim::Bursts bursts;                   // of a drop
  };

  bool covers(const One& one, Direction direction, std::string_view device) const;
  void begin(std::size_t at, model::Instant now);
  void end(std::size_t at);
  void turn(std::size_t at);
  void say(Act::Kind kind, std::size_t at) { acts_.push_back({kind, at}); }
  sim::NodeId way(Direction direction, std::string_view device);
  template <class F>
  void each_on(F what) const;

  sim::Choices choices_;
  std::map<std::string, std::uint32_t, std::less<>> ways_;  // of devices: a number for either direction
  std::vector<One> all_;
  std::vector<Act> acts_;  // to be given
  std::size_t given_ = 0;
  std::optional<model::Instant> heals_;
  std::size_t on_ = 0;
  std::uint32_t down_ = 0;
};

}  // namespace hubproof::tools
