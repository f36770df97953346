// START HERE. A world of nodes, links and disks in virtual time: it owns all the rest, and runs
// until a time, or until quiet. A run is a function of the seed and of what programs do.
#pragma once

#include <cstdint>
#include <string>

#include "sim/blocks.hpp"
#include "sim/choices.hpp"
#include "sim/clock.hpp"
#include "sim/disk.hpp"
#include "sim/ensure.hpp"
#include "sim/nemesis.hpp"
#include "sim/network.hpp"
#include "sim/node.hpp"
#include "sim/process.hpp"
#include "sim/scheduler.hpp"
#include "sim/trace.hpp"

namespace hubproof::sim {

class World {
 public:
  explicit World(std::uint64_t seed);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  NodeId add(std::string name, Program& program);  // ids count from 0 in the order of adding
  std::size_t nodes() const { return processes_.size(); }
  void start(NodeId node);  // Program::started(), now

  Instant now() const { return scheduler_.now(); }
  void run_until(Instant end) { scheduler_.run_until(end); }
  bool step() { return scheduler_.step(); }
  bool quiet() const { return scheduler_.pending() == 0; }
  std::uint64_t events() const { return scheduler_.ran(); }

  void at(Instant due, const Task& task) { scheduler_.at(due, task); }
  // Program::woken(tag), unless the incarnation is gone by then. Never cancelled: a program ignores
  // a tag that it no longer waits for.
  void wake_at(NodeId node, Instant due, std::uint64_t tag) { process(node).wake_at(due, tag); }

  Choices& choices() { return choices_; }
  Network& network() { return network_; }
  Disk& disk(NodeId node);
  Clock& clock(NodeId node) { return process(node).clock(); }
  Trace& trace() { return trace_; }
  Nemesis& nemesis() { return nemesis_; }

  // Process faults; each does nothing if it is so already. None may be asked for by the program of
  // the node itself while it is being called.
  void crash(NodeId node);          // the host, too: it falls silent
  void crash_process(NodeId node);  // the host lives on and resets its connections
  void restart(NodeId node);        // a new incarnation of what is down
  void pause(NodeId node) { process(node).pause(); }
  void resume(NodeId node) { process(node).resume(); }
  void slow(NodeId node, Duration per_call) { process(node).slow(per_call); }
  bool up(NodeId node) const { return processes_[index(node)].up(); }
  std::uint32_t incarnation(NodeId node) const { return processes_[index(node)].incarnation(); }

  // Clock faults, and their news to the program (a change of drift is one, too: a time at which a
  // clock will show something must be asked for anew).
  void step_clock(NodeId node, Duration amount);
  void show_clock(NodeId node, std::int64_t wall);
  void drift_clock(NodeId node, std::int32_t ppm);
  void slew_clock(NodeId node, Duration amount, std::uint32_t ppm);
  void set_clock_right(NodeId node);

 private:
  static std::size_t index(NodeId node) { return static_cast<std::size_t>(node); }
  Process& process(NodeId node) {
    ensure(index(node) < processes_.size());
    return processes_[index(node)];
  }

  Scheduler scheduler_;
  Choices choices_;
  Trace trace_;
  Network network_;
  Blocks<Process> processes_;
  Nemesis nemesis_;
};

// Who did it when no node did.
inline constexpr NodeId nobody{0xffffffffU};

}  // namespace hubproof::sim
