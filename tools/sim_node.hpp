// What the programs of a simulated run share: the world, the recorder, the chance of a node, and
// timers that follow a machine's deadline.
#pragma once

#include <functional>
#include <optional>

#include "model/chance.hpp"
#include "model/device_settings.hpp"
#include "model/effects.hpp"
#include "model/hub/router.hpp"
#include "model/server.hpp"
#include "model/time.hpp"
#include "sim/world.hpp"
#include "tools/endpoint.hpp"
#include "tools/key_book.hpp"
#include "tools/load_event.hpp"
#include "tools/recorder.hpp"

namespace hubproof::tools {

// Decisions of the driver itself. The numbers are stable: add at the end, never renumber.
enum class DriverSite : std::uint32_t {
  telemetry_every = 0,
  telemetry_body = 1,
  sleep = 2,
  memory_loss = 3,
  start = 4,
  command_every = 5,
  command_to = 6,
  command_ttl = 7,
  command_body = 8,
  registry_when = 9,
  registry_which = 10,
  handling = 11,
  keys = 12,
  protocol = 13,
  model0 = 32  // a machine's ChanceSite n is site program0 + 32 + n
};
inline sim::Site site(DriverSite which) {
  return static_cast<sim::Site>(static_cast<std::uint32_t>(sim::Site::program0) +
                                static_cast<std::uint32_t>(which));
}

inline constexpr std::uint16_t mqtt_port = 1883;
inline constexpr std::uint16_t http_port = 443;
inline constexpr std::uint16_t amqp_port = 5672;
// Which of the hub's doors such a device calls at.
inline model::Door door_of(const model::DeviceSettings& settings) {
  if (settings.protocol == model::DeviceSettings::Protocol::http ||
      settings.transport == model::DeviceSettings::Transport::websocket)
    return model::Door::http;
  return settings.protocol == model::DeviceSettings::Protocol::amqp ? model::Door::amqp : model::Door::mqtt;
}

struct Stage {                  // one run's
  sim::World& world;
  Recorder& recorder;
  model::Effects& effects;      // calls do not nest, so one serves all machines
  model::Bytes& scratch;        // for the making of one message
  std::function<void(sim::NodeId)> on_started;
  KeyBook* keys = nullptr;      // of the devices of a hub that verifies; null: nobody has any
  std::vector<LoadEvent>* loads = nullptr;  // what applications did, when somebody wants to know
  const model::Router* router = nullptr;    // of the hub as it should be; null: no routes
  std::function<std::uint32_t(std::string_view)> note_of{};  // topics and filters, as notes of the history
};

class SimNode : public sim::Program {
 public:
  SimNode(Stage& stage) : stage_{stage} {}
  void place(sim::NodeId node) {
    node_ = node;
    clock_ = &world().clock(node);
  }
  sim::NodeId node() const { return node_; }

 protected:
  sim::World& world() { return stage_.world; }
  model::Effects& effects() { return stage_.effects; }

  model::Now now() {
    const sim::Instant now = world().now();
    return {model::Instant{model::Duration{clock_->monotonic(now)}},
            model::Date{model::Duration{clock_->wall(now)}}};
  }
  // `handling`: of the application, if the machine has one; its context is this SimNode.
  model::Chance chance(model::Chance::Time handling = nullptr) {
    return {[](void* self, model::ChanceSite what, std::uint32_t bound) {
              auto& node = *static_cast<SimNode*>(self);
              const auto number = static_cast<std::uint32_t>(site(DriverSite::model0)) +
                                  static_cast<std::uint32_t>(what);
              return node.world().choices().below(static_cast<sim::Site>(number), node.node_, bound);
            },
            this, handling};
  }
  sim::Duration draw(const sim::Distribution& distribution, DriverSite where) {
    return distribution.draw(world().choices(), site(where), node_);
  }

  // The machine's alarm. Timers of the world cannot be taken back, so one that turns out to be
  // early or superseded does nothing; there is never more than one for one due time.
  static constexpr std::uint64_t alarm_tag = 0;
  void follow(std::optional<model::Instant> deadline) {
    if (!deadline) return;
    const sim::Instant due = clock_->when_monotonic(deadline->time_since_epoch().count());
    if (armed_ && *armed_ <= due) return;
    armed_ = due;
    world().wake_at(node_, due, alarm_tag);
  }
  bool alarm_is_due() {  // at woken(alarm_tag)
    if (!armed_ || world().now() < *armed_) return false;
    armed_.reset();
    return true;
  }
  void forget_alarm() { armed_.reset(); }

  void note(model::What what) {
    model::Event event;
    event.what = what;
    event.device = static_cast<model::NodeIndex>(node_);
    stage_.recorder.record(node_, event);
    if (what == model::What::started) stage_.on_started(node_);
  }

  void record(std::vector<model::Event>& events) {
    record(events, [](model::Event&) {});
  }
  template <class Adapt>
  void record(std::vector<model::Event>& events, Adapt&& adapt) {
    stage_.recorder.record(node_, *clock_, events, std::forward<Adapt>(adapt));
  }

  Stage& stage_;
  sim::NodeId node_{};

 private:
  const sim::Clock* clock_ = nullptr;
  std::optional<sim::Instant> armed_;
};

}  // namespace hubproof::tools
