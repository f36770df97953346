// Stamps what machines saw with time and observer, and hands it on: to the judge, and to whoever
// keeps the history of a run.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "conformance/judge.hpp"
#include "model/history.hpp"
#include "sim/world.hpp"

namespace hubproof::tools {

class Recorder {
 public:
  using OnEvent = std::function<void(const model::History& header, const model::Event& event)>;

  Recorder(sim::World& world, const model::History& header, conformance::Judge& judge, OnEvent on_event)
      : world_{world}, header_{header}, judge_{judge}, on_event_{std::move(on_event)} {
    if (header.terms.broker)
      on_event_ = [this, told = std::move(on_event_)](const model::History& so_far, const model::Event& event) {
        judge_.saw_topics(event);
        if (told) told(so_far, event);
      };
  }
  Recorder(const Recorder&) = delete;

  // `clock` is the observer's; `adapt` makes each event the run's that was its machine's.
  template <class Adapt>
  void record(sim::NodeId observer, const sim::Clock& clock, std::vector<model::Event>& events,
              Adapt&& adapt) {
    const std::int64_t at = world_.now().time_since_epoch().count();
    const std::int64_t local = clock.wall(world_.now());
    for (model::Event& event : events) {
      adapt(event);
      event.at = at;
      event.local = local;
      event.observer = static_cast<model::NodeIndex>(observer);
      judge_.saw_as_hubs(event);
      if (on_event_) on_event_(header_, event);
    }
  }
  // A hint: `observer` will see something about `device`, perhaps about this message (see Judge).
  void soon(sim::NodeId observer, sim::NodeId device, model::MessageKey message, bool again) const {
    judge_.soon(static_cast<model::NodeIndex>(observer), static_cast<model::NodeIndex>(device),
                message, again);
  }
  void record(sim::NodeId observer, model::Event event) {
    one_.assign(1, event);
    record(observer, world_.clock(observer), one_, [](model::Event&) {});
  }

 private:
  sim::World& world_;
  const model::History& header_;
  conformance::Judge& judge_;
  OnEvent on_event_;
  std::vector<model::Event> one_;
};

}  // namespace hubproof::tools
