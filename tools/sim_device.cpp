#include "tools/sim_device.hpp"

#include "tools/workload.hpp"

namespace hubproof::tools {

void SimDevice::begin() {
  const sim::Duration after = draw(group_.start, DriverSite::start);
  world().at(world().now() + after, {[](void* self, std::uint64_t, std::uint64_t) {
                                       auto& device = *static_cast<SimDevice*>(self);
                                       device.world().start(device.node_);
                                     },
                                     this, 0, 0});
  plan_memory_loss();
}

void SimDevice::started() {
  forget_alarm();
  asleep_ = false;
  append_failed_ = false;
  socket_ = sim::Socket::none;
  connection_ = model::ConnectionId::none;
  note(model::What::started);
  std::vector<model::StoredFile> files;
  if (group_.settings.durable_outbox) {
    sim::Disk& disk = world().disk(node_);
    for (const std::uint64_t name : disk.files())
      files.push_back({static_cast<model::FileId>(name), disk.read(name)});
  }
  const auto handling = [](void* node) -> model::Duration {
    auto& device = static_cast<SimDevice&>(*static_cast<SimNode*>(node));
    return device.draw(device.group_.handling, DriverSite::handling);
  };
  device_.emplace(group_.settings, rules_, id_, static_cast<std::uint32_t>(node_), chance(handling));
  device_->started(now(), files, effects());
  done();
  plan_telemetry();
  plan_sleep();
}

void SimDevice::crashed() {
  note(model::What::crashed);
  device_.reset();
  connection_base_ += connections_;
  connections_ = 0;
}

void SimDevice::connected(sim::Socket socket) {
  if (socket != socket_) return;
  device_->connected(now(), connection_, effects());
  done();
}

void SimDevice::refused(sim::Socket socket, sim::Refusal) {
  if (socket != socket_) return;
  socket_ = sim::Socket::none;
  device_->refused(now(), connection_, effects());
  done();
}

void SimDevice::received(sim::Socket socket, sim::View bytes) {
  if (socket != socket_) return;
  device_->received(now(), connection_, bytes, effects());
  done();
}

void SimDevice::ended(sim::Socket socket, sim::Ending how) {
  if (socket != socket_) return;
  socket_ = sim::Socket::none;
  const model::EndedBy by = how == sim::Ending::fin     ? model::EndedBy::peer
                            : how == sim::Ending::reset ? model::EndedBy::reset
                                                        : model::EndedBy::timed_out;
  device_->ended(now(), connection_, by, effects());
  done();
}

void SimDevice::synced(std::uint64_t ticket, bool ok) {
  device_->stored(now(), static_cast<model::Ticket>(ticket), ok && !append_failed_, effects());
  done();
}

void SimDevice::woken(std::uint64_t tag) {
  if (tag == telemetry_tag) {
    send_telemetry();
  } else if (tag == sleep_tag) {
    asleep_ = !asleep_;
    if (asleep_) {
      device_->sleep(now(), effects());
    } else {
      device_->resume(now(), effects());
    }
    done();
    plan_sleep();
  } else if (alarm_is_due()) {
    device_->woken(now(), effects());
    done();
  }
}

void SimDevice::clock_stepped() {
  forget_alarm();
  device_->woken(now(), effects());
  done();
}

void SimDevice::soon(sim::Socket socket, sim::NodeId, bool again) const {
  if (!again) device_->soon(socket == sim::Socket::none);
  model::MessageKey message{};
  if (socket == sim::Socket::none) {  // a timer: telemetry, in the main
    message = model::own_key('t', static_cast<std::uint32_t>(node_), number_ + 1);
    if (!again) {
      stage_.world.network().soon(socket_);
      stage_.world.choices().soon(sim::Site::latency, node_);
      stage_.world.choices().soon(site(DriverSite::telemetry_every), node_);
    }
  }
  stage_.recorder.soon(node_, node_, message, again);
}

// A device numbers its connections from 1 in each life; history numbers them over all lives.
void SimDevice::record(std::vector<model::Event>& events) {
  SimNode::record(events, [this](model::Event& event) {
    if (event.device == static_cast<model::NodeIndex>(node_)) event.device = about_;
    if (event.connection != 0) event.connection += connection_base_;
    if (event.token != 0 && (event.flags & model::flag_link) == 0 &&
        event.packet != model::Packet::connect)  // whose token names a key
      event.token += static_cast<std::uint64_t>(connection_base_) << 16;
  });
}

void SimDevice::close(model::ConnectionId connection) {
  if (connection != connection_) return;
  world().network().close(socket_);
  socket_ = sim::Socket::none;
}

void SimDevice::abort(model::ConnectionId connection) {
  if (connection != connection_) return;
  world().network().abort(socket_);
  socket_ = sim::Socket::none;
}

void SimDevice::connect(model::ConnectionId connection) {
  connection_ = connection;
  connections_ = std::max(connections_, static_cast<std::uint32_t>(connection));
  const model::Door door = door_of(group_.settings);
  const std::uint16_t port = door == model::Door::http   ? http_port
                             : door == model::Door::amqp ? amqp_port
                                                         : mqtt_port;
  socket_ = world().network().connect(node_, hub_, port);
}

void SimDevice::done() {
  perform(effects(), *this);
  follow(device_->deadline());
}

void SimDevice::plan_telemetry() {
  const auto due = next_telemetry();
  const sim::Instant until =
      group_.telemetry.until ? sim::Instant{} + *group_.telemetry.until : quiet_from_;
  if (due && *due < until) world().wake_at(node_, *due, telemetry_tag);
}

std::optional<sim::Instant> SimDevice::next_telemetry() {
  const TelemetryLoad& load = group_.telemetry;
  const sim::Instant now = world().now();
  if (!load.at.empty()) {  // what fell due while the device was down is not sent
    while (told_times_ < load.at.size() && sim::Instant{} + load.at[told_times_] < now) ++told_times_;
    if (told_times_ == load.at.size()) return std::nullopt;
    return sim::Instant{} + load.at[told_times_];
  }
  if (!load.every) return std::nullopt;
  return std::max(sim::Instant{} + load.from, now) + draw(*load.every, DriverSite::telemetry_every);
}

void SimDevice::plan_sleep() {
  if (!group_.sleep) return;
  const sim::Instant due =
      world().now() + draw(asleep_ ? group_.sleep->asleep : group_.sleep->awake, DriverSite::sleep);
  // It is awake when liveness is owed.
  if (asleep_ || due < quiet_from_) world().wake_at(node_, due, sleep_tag);
}

void SimDevice::plan_memory_loss() {
  if (group_.memory_loss.high <= sim::Duration{0}) return;
  const sim::Instant due = world().now() + draw(group_.memory_loss, DriverSite::memory_loss);
  if (due >= quiet_from_) return;
  world().at(due, {[](void* self, std::uint64_t, std::uint64_t) {
                     auto& device = *static_cast<SimDevice*>(self);
                     device.world().crash_process(device.node_);
                     device.world().restart(device.node_);
                     device.plan_memory_loss();
                   },
                   this, 0, 0});
}

void SimDevice::send_telemetry() {
  if (!group_.telemetry.at.empty()) ++told_times_;
  if (stage_.loads != nullptr) {
    LoadEvent& told = stage_.loads->emplace_back();
    told.at = world().now();
    told.node = node_;
  }
  model::Bytes& message = stage_.scratch;
  for (std::uint32_t i = 0; i < group_.telemetry.burst; ++i) {
    MessageShape shape;
    shape.properties = group_.telemetry.properties;
    shape.body = static_cast<std::size_t>(
        draw(group_.telemetry.body, DriverSite::telemetry_body).count());
    const auto key = model::own_key('t', static_cast<std::uint32_t>(node_), ++number_);
    message.clear();
    write_message(message, key, shape);
    device_->submit(now(), key, message, effects());
    if (stage_.router != nullptr) tell_routes(message);
    done();
  }
  plan_telemetry();
}

// Where the hub must bring a message, for the history.
[[gnu::noinline]] void SimDevice::tell_routes(model::View message) {
  model::Selection selection;
  stage_.router->select(model::MessageView{message}, {id_, std::nullopt}, selection);
  for (model::Event& event : effects().events()) {
    if (event.what != model::What::telemetry || event.phase != model::Phase::invoke) continue;
    event.endpoints = selection.set();
    if (!selection.matched) event.flags |= model::flag_unmatched;
  }
}

}  // namespace hubproof::tools
