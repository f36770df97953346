#include "sim/world.hpp"

#include <utility>

namespace hubproof::sim {

World::World(std::uint64_t seed)
    : choices_{seed}, trace_{scheduler_}, network_{scheduler_, choices_, trace_}, nemesis_{*this} {
  scheduler_.foresee(&Process::wake, &Process::foresee_wake);
  choices_.clock([this] { return scheduler_.now(); });
}

World::~World() = default;

NodeId World::add(std::string name, Program& program) {
  const NodeId id{static_cast<std::uint32_t>(processes_.size())};
  choices_.name(id, name);
  trace_.name_node(id, std::move(name));
  network_.attach(processes_.emplace_back(id, program, scheduler_, trace_, network_));
  return id;
}

void World::start(NodeId node) { process(node).start(); }

Disk& World::disk(NodeId node) {
  Process& owner = process(node);
  if (owner.disk_ == nullptr)
    owner.disk_ = std::make_unique<Disk>(owner, scheduler_, choices_, trace_);
  return *owner.disk_;
}

void World::crash(NodeId node) { process(node).crash(true); }
void World::crash_process(NodeId node) { process(node).crash(false); }
void World::restart(NodeId node) { process(node).start(); }

void World::step_clock(NodeId node, Duration amount) {
  clock(node).step(now(), amount);
  process(node).clock_stepped();
}

void World::show_clock(NodeId node, std::int64_t wall) {
  clock(node).show(now(), wall);
  process(node).clock_stepped();
}

void World::drift_clock(NodeId node, std::int32_t ppm) {
  clock(node).drift(now(), ppm);
  trace_.note(node, Kind::drifted, static_cast<std::uint64_t>(static_cast<std::int64_t>(ppm)));
  process(node).clock_stepped();
}

void World::slew_clock(NodeId node, Duration amount, std::uint32_t ppm) {
  clock(node).slew(now(), amount, ppm);
  trace_.note(node, Kind::slewed, static_cast<std::uint64_t>(amount.count()), ppm);
  process(node).clock_stepped();
}

void World::set_clock_right(NodeId node) {
  clock(node).set_right(now());
  process(node).clock_stepped();
}

}  // namespace hubproof::sim
