// Who injects. The nemesis applies faults at their times and heals them; from a seed it can draw a
// list of faults, which is data like any other and can be saved, edited and shrunk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "sim/fault.hpp"

namespace hubproof::sim {

class World;

// One kind of fault that may be drawn. Sizes are drawn up to those of `like`.
struct Menu {
  Fault like{};                 // kind, parameters, and peers as they shall be
  std::vector<NodeId> among{};  // who may be hit; empty: the fault hits `like.nodes` as they are
  std::uint32_t at_once = 1;    // at most so many of them by one fault
  Distribution gap{};           // from one to the next, the first after a gap from the beginning
  Distribution length{};
  std::uint32_t at_most = 16;
};

struct NemesisSpec {
  Instant from{};
  Instant until{};                     // no fault begins or lasts beyond it
  std::map<Family, Ratio> families{};  // how often a family takes part; those not named always do
  std::vector<Menu> menu{};
};

std::vector<Fault> draw(Choices& choices, const NemesisSpec& spec);

class Nemesis {
 public:
  explicit Nemesis(World& world) : world_{world} {}

  void apply(std::vector<Fault> faults);  // may be called again; faults add up
  void heal();                            // all faults end, whatever their times say
  const std::vector<Fault>& faults() const { return faults_; }
  bool healed() const { return healed_; }

 private:
  struct State {
    bool on = false;
    bool over = false;
    bool phase = false;      // of a cycle: awake, or up
    std::uint64_t turn = 0;  // of a cycle; an event of an older turn is stale
    std::vector<RuleId> rules;
    std::vector<NodeId> down;  // whom it keeps down
  };
  using Event = void (*)(void* self, std::uint64_t fault, std::uint64_t turn);

  static void begin(void* self, std::uint64_t fault, std::uint64_t);
  static void finish(void* self, std::uint64_t fault, std::uint64_t);
  static void cycle(void* self, std::uint64_t fault, std::uint64_t turn);
  void begin(std::size_t at);
  void finish(std::size_t at);
  void cycle(std::size_t at);
  void impose(std::size_t at, Rule::Kind kind);
  void lift(std::size_t at);
  void bring_down(std::size_t at);
  void bring_up(std::size_t at);
  void hold(std::size_t at);
  void release(std::size_t at);
  void refresh(NodeId node, Family family);  // sums up what holds for a node
  template <class One, class Two>
  void each_pair(const Fault& fault, One all_of, Two between);
  std::vector<NodeId> targets(const Fault& fault) const;
  void later(Instant due, Event event, std::size_t at, std::uint64_t turn = 0);

  World& world_;
  std::vector<Fault> faults_;
  std::vector<State> states_;
  std::map<NodeId, std::vector<std::size_t>> holding_;  // process, clock and disk faults by node
  std::map<NodeId, std::uint32_t> down_, paused_;       // how many faults keep a node so
  std::set<NodeId> bent_;                               // whose clocks were touched
  bool healed_ = false;
};

}  // namespace hubproof::sim
