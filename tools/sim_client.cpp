#include "tools/sim_client.hpp"

#include <algorithm>
#include <utility>

namespace hubproof::tools {
SimClient::SimClient(Stage& stage, const ClientGroup& group, std::string id, std::uint32_t number, sim::NodeId broker,
                     sim::Instant quiet_from)
    : SimNode{stage},
      group_{group},
      id_{std::move(id)},
      load_{group, number},
      broker_{broker},
      quiet_from_{quiet_from} {}

void SimClient::begin() {
  const sim::Duration after = draw(group_.start, DriverSite::start);
  world().at(world().now() + after, {[](void* self, std::uint64_t, std::uint64_t) {
                                       auto& client = *static_cast<SimClient*>(self);
                                       client.world().start(client.node_);
                                     },
                                     this, 0, 0});
}

void SimClient::started() {
  forget_alarm();
  asleep_ = false;
  socket_ = sim::Socket::none;
  connection_ = model::ConnectionId::none;
  note(model::What::started);
  client_.emplace(load_.settings, id_, static_cast<std::uint32_t>(node_), chance(), stage_.note_of);
  client_->started(now(), effects());
  done();
  for (std::size_t load = 0; load < load_.topics.size(); ++load) plan(load);
  plan_sleep();
}

void SimClient::crashed() {
  note(model::What::crashed);
  client_.reset();
  connection_base_ += connections_;
  connections_ = 0;
}

void SimClient::connected(sim::Socket socket) {
  if (socket != socket_) return;
  client_->connected(now(), connection_, effects());
  done();
}

void SimClient::refused(sim::Socket socket, sim::Refusal) {
  if (socket != socket_) return;
  socket_ = sim::Socket::none;
  client_->refused(now(), connection_, effects());
  done();
}

void SimClient::received(sim::Socket socket, sim::View bytes) {
  if (socket != socket_) return;
  client_->received(now(), connection_, bytes, effects());
  done();
}

void SimClient::ended(sim::Socket socket, sim::Ending how) {
  if (socket != socket_) return;
  socket_ = sim::Socket::none;
  const model::EndedBy by = how == sim::Ending::fin     ? model::EndedBy::peer
                            : how == sim::Ending::reset ? model::EndedBy::reset
                                                        : model::EndedBy::timed_out;
  client_->ended(now(), connection_, by, effects());
  done();
}

void SimClient::woken(std::uint64_t tag) {
  if (tag >= first_load_tag) return publish(tag - first_load_tag);
  if (tag == sleep_tag) {
    asleep_ = !asleep_;
    if (asleep_)
      client_->sleep(now(), effects());
    else
      client_->resume(now(), effects());
    done();
    return plan_sleep();
  }
  if (!alarm_is_due()) return;
  client_->woken(now(), effects());
  done();
}

void SimClient::clock_stepped() {
  forget_alarm();
  client_->woken(now(), effects());
  done();
}

// A client numbers its connections from 1 in each life; history numbers them over all lives.
void SimClient::record(std::vector<model::Event>& events) {
  SimNode::record(events, [this](model::Event& event) {
    if (event.connection != 0) event.connection += connection_base_;
  });
}

void SimClient::close(model::ConnectionId connection) {
  if (connection != connection_) return;
  world().network().close(socket_);
  socket_ = sim::Socket::none;
}

void SimClient::abort(model::ConnectionId connection) {
  if (connection != connection_) return;
  world().network().abort(socket_);
  socket_ = sim::Socket::none;
}

void SimClient::connect(model::ConnectionId connection) {
  connection_ = connection;
  connections_ = std::max(connections_, static_cast<std::uint32_t>(connection));
  socket_ = world().network().connect(node_, broker_, mqtt_port);
}

void SimClient::done() {
  perform(effects(), *this);
  follow(client_->deadline());
}

void SimClient::plan(std::size_t load) {
  const PublishLoad& what = group_.publishes[load];
  const sim::Instant from = std::max(sim::Instant{} + what.from, world().now());
  const sim::Instant due = from + draw(what.every, DriverSite::telemetry_every);
  const sim::Instant until = what.until ? sim::Instant{} + *what.until : quiet_from_;
  if (due < until) world().wake_at(node_, due, first_load_tag + load);
}

void SimClient::plan_sleep() {
  if (!group_.sleep) return;
  const sim::Instant due = world().now() + draw(asleep_ ? group_.sleep->asleep : group_.sleep->awake, DriverSite::sleep);
  // It is awake when liveness is owed.
  if (asleep_ || due < quiet_from_) world().wake_at(node_, due, sleep_tag);
}

void SimClient::publish(std::size_t load) {
  const PublishLoad& what = group_.publishes[load];
  for (std::uint32_t i = 0; i < what.burst; ++i) {
    const auto size = static_cast<std::size_t>(draw(what.body, DriverSite::telemetry_body).count());
    const std::string payload = topic_payload(node_, ++number_, size);
    client_->publish(now(), load_.topics[load], model::view(payload), what.qos, what.retain, effects());
    done();
  }
  plan(load);
}

}  // namespace hubproof::tools
