#include "tools/sim_hub.hpp"

#include <utility>

#include "sim/fetch.hpp"

namespace hubproof::tools {
namespace {

std::size_t slot(sim::Socket socket) {
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(socket));
}

model::EndedBy ended_by(sim::Ending how) {
  switch (how) {
    case sim::Ending::fin: return model::EndedBy::peer;
    case sim::Ending::reset: return model::EndedBy::reset;
    case sim::Ending::timed_out: return model::EndedBy::timed_out;
  }
  return model::EndedBy::unknown;
}

}  // namespace

void SimHub::request(const model::Request& request, model::Server::Answer answer) {
  if (!server_) return;
  server_->request(now(), request, std::move(answer), effects());
  done();
}

void SimHub::started() {
  append_failed_ = false;
  halted_ = false;
  forget_alarm();
  note(model::What::started);
  disk_ = &world().disk(node_);
  std::vector<model::StoredFile> files;
  for (const std::uint64_t name : disk_->files())
    files.push_back({static_cast<model::FileId>(name), disk_->read(name)});
  server_.emplace(rules_, chance());
  server_->name_devices(index_of_);
  if (stage_.note_of) server_->name_topics(stage_.note_of);
  server_->recover(now(), files, effects());
  world().network().listen(node_, mqtt_port);
  world().network().listen(node_, http_port);
  world().network().listen(node_, amqp_port);
  done();
}

void SimHub::crashed() {
  note(model::What::crashed);
  server_.reset();
  std::fill(by_slot_.begin(), by_slot_.end(), Known{});
  std::fill(sockets_.begin(), sockets_.end(), sim::Socket::none);
}

model::ConnectionId SimHub::connection(sim::Socket socket) const {
  const std::size_t at = slot(socket);
  if (at >= by_slot_.size() || by_slot_[at].socket != socket) return model::ConnectionId::none;
  return by_slot_[at].connection;
}

sim::Socket SimHub::forget(model::ConnectionId connection) {
  sim::Socket& mine = sockets_[static_cast<std::size_t>(connection)];
  const sim::Socket was = std::exchange(mine, sim::Socket::none);
  if (this->connection(was) == connection) by_slot_[slot(was)] = {};
  return was;
}

void SimHub::accepted(sim::Socket socket) {
  const auto connection = static_cast<model::ConnectionId>(sockets_.size());
  sockets_.push_back(socket);
  if (slot(socket) >= by_slot_.size()) by_slot_.resize(slot(socket) + 1);
  by_slot_[slot(socket)] = {socket, connection};
  const std::uint16_t port = world().network().port(socket);
  const auto door = port == http_port   ? model::Door::http
                    : port == amqp_port ? model::Door::amqp
                                        : model::Door::mqtt;
  server_->opened(now(), connection, door, effects());
  done();
}

void SimHub::received(sim::Socket socket, sim::View bytes) {
  const model::ConnectionId which = connection(socket);
  if (which == model::ConnectionId::none) return;
  server_->received(now(), which, bytes, effects());
  done();
}

void SimHub::ended(sim::Socket socket, sim::Ending how) {
  const model::ConnectionId which = connection(socket);
  if (which == model::ConnectionId::none) return;
  forget(which);
  server_->ended(now(), which, ended_by(how), effects());
  done();
}

void SimHub::synced(std::uint64_t ticket, bool ok) {
  server_->stored(now(), static_cast<model::Ticket>(ticket), ok && !append_failed_, effects());
  done();
}

void SimHub::woken(std::uint64_t) {
  if (!alarm_is_due()) return;
  server_->woken(now(), effects());
  done();
}

void SimHub::clock_stepped() {
  forget_alarm();
  server_->woken(now(), effects());
  done();
}

void SimHub::soon(sim::Socket socket, sim::NodeId peer, bool again) const {
  if (!server_ || socket == sim::Socket::none) return;
  const model::ConnectionId which = connection(socket);
  if (which != model::ConnectionId::none) {
    if (!again) sim::fetch(&sockets_[static_cast<std::size_t>(which)], sizeof(sim::Socket));
    server_->soon(which, again);
  }
  stage_.recorder.soon(node_, peer, model::MessageKey::none, again);
}

void SimHub::close(model::ConnectionId connection) {
  world().network().close(forget(connection));
}

void SimHub::abort(model::ConnectionId connection) {
  world().network().abort(forget(connection));
}

void SimHub::append(std::uint64_t file, model::View bytes) {
  if (!disk_->append(file, bytes)) append_failed_ = true;
}

void SimHub::sync(std::uint64_t file, model::Ticket ticket) {
  disk_->sync(file, static_cast<std::uint64_t>(ticket));
}

void SimHub::halt() {
  if (halted_) return;
  halted_ = true;
  // A program may not crash its own node while it is being called: the next events do it.
  world().at(world().now(), {[](void* self, std::uint64_t incarnation, std::uint64_t) {
                               auto& hub = *static_cast<SimHub*>(self);
                               if (hub.world().incarnation(hub.node_) == incarnation)
                                 hub.world().crash_process(hub.node_);
                             },
                             this, world().incarnation(node_), 0});
  world().at(world().now() + restart_after_, {[](void* self, std::uint64_t, std::uint64_t) {
                                                auto& hub = *static_cast<SimHub*>(self);
                                                hub.world().restart(hub.node_);
                                              },
                                              this, 0, 0});
}

void SimHub::done() {
  perform(effects(), *this);
  if (server_ && !halted_) follow(server_->deadline());
}

}  // namespace hubproof::tools
