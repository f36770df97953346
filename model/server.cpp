#include "model/server.hpp"

#include <algorithm>

#include "model/hub/gate.hpp"
#include "model/hub/hub.hpp"
#include "model/server/amqp_door.hpp"
#include "model/server/desk.hpp"
#include "model/server/http_door.hpp"
#include "model/server/link_door.hpp"
#include "model/server/mqtt_door.hpp"

namespace hubproof::model {

struct Server::Parts {
  Parts(const Rules& rules, Chance chance, std::string host)
      : hub{rules.hub, chance},
        gate{rules.hub, hub},
        mqtt{rules.hub, hub, gate},
        amqp{rules.hub, hub, gate, std::move(host),
             [this](Now now, DeviceIndex device, Effects& effects) {
               mqtt.device_taken(now, device, effects);
             }},
        desk{rules.hub, hub,
             [this](Now now, DeviceIndex device, Effects& effects) {
               mqtt.device_gone(now, device, effects);
               amqp.device_gone(now, device, effects);
             },
             [this](Now now, DeviceIndex device, Effects& effects) {
               mqtt.credentials_changed(now, device, effects);
               amqp.credentials_changed(now, device, effects);
             }},
        http{rules.hub, hub, gate, desk} {
    mqtt.tell_of_arrivals([this](Now now, DeviceIndex device, Effects& effects) {
      amqp.device_taken(now, device, effects);
    });
  }

  // The end of every call: what has become durable leaves, what has become deliverable is
  // delivered, and what was written is on its way to be durable.
  void settle(Now now, Effects& effects) {
    if (const Ticket durable = hub.durable(); durable != released) {
      released = durable;
      wakes_readers = true;
    }
    mqtt.release(now, effects);
    amqp.release(now, effects);
    desk.release(effects);
    http.release(now, effects);
    for (const DeviceIndex device : hub.ready()) {
      mqtt.deliver(now, device, effects);
      amqp.deliver(now, device, effects);
    }
    if (wakes_readers || hub.feedback_waits()) {
      desk.wake(now, effects);
      amqp.feed(now, effects);
    }
    wakes_readers = false;
    amqp.flush(now, effects);
    hub.flush(now, effects);
  }

  // After a failure of the storage nothing may leave: what was promised in memory is not there.
  bool stopped(const Effects& effects, std::size_t before) {
    const auto& list = effects.list();
    if (list.size() == before) return halted;
    halted = halted || std::any_of(list.begin() + static_cast<std::ptrdiff_t>(before), list.end(),
                                   [](const Effect& e) { return e.kind == Effect::Kind::halt; });
    return halted;
  }

  Hub hub;
  Gate gate;
  MqttDoor mqtt;
  AmqpDoor amqp;
  LinkDoor link;
  Desk desk;
  HttpDoor http;
  Ticket released{};
  bool wakes_readers = false;
  bool halted = false;
};

Server::Server(const Rules& rules, Chance chance, std::string host)
    : parts_{std::make_unique<Parts>(rules, chance, std::move(host))} {}
Server::~Server() = default;
Server::Server(Server&&) noexcept = default;

void Server::recover(Now now, std::span<const StoredFile> files, Effects& effects) {
  const std::size_t before = effects.list().size();
  parts_->hub.recover(now, files, effects);
  if (!parts_->stopped(effects, before)) parts_->settle(now, effects);
}

void Server::opened(Now now, ConnectionId connection, Door door, Effects& effects,
                    std::optional<ClientCertificate> certificate) {
  if (parts_->halted) return;
  switch (door) {
    case Door::mqtt:
      return parts_->mqtt.opened(now, connection, std::move(certificate), effects);
    case Door::link: return parts_->link.opened(connection, effects);
    case Door::amqp:
      return parts_->amqp.opened(now, connection, std::move(certificate), effects);
    case Door::http: return parts_->http.opened(now, connection, std::move(certificate), effects);
  }
}

void Server::received(Now now, ConnectionId connection, View bytes, Effects& effects) {
  if (parts_->halted) return;
  if (!parts_->mqtt.received(now, connection, bytes, effects) &&
      !parts_->amqp.received(now, connection, bytes, effects) &&
      !parts_->http.received(now, connection, bytes, effects))
    parts_->link.received(now, connection, bytes, parts_->desk, effects);
  parts_->settle(now, effects);
}

void Server::ended(Now now, ConnectionId connection, EndedBy by, Effects& effects) {
  if (parts_->halted) return;
  if (!parts_->mqtt.ended(now, connection, by, effects) &&
      !parts_->amqp.ended(now, connection, by, effects) &&
      !parts_->http.ended(connection, by, effects))
    parts_->link.ended(connection, by, parts_->desk, effects);
  parts_->settle(now, effects);
}

void Server::stored(Now now, Ticket ticket, bool ok, Effects& effects) {
  if (parts_->halted) return;
  const std::size_t before = effects.list().size();
  parts_->hub.stored(now, ticket, ok, effects);
  if (!parts_->stopped(effects, before)) parts_->settle(now, effects);
}

void Server::woken(Now now, Effects& effects) {
  if (parts_->halted) return;
  const std::size_t before = effects.list().size();
  parts_->hub.woken(now, effects);
  if (parts_->stopped(effects, before)) return;
  parts_->mqtt.woken(now, effects);
  parts_->amqp.woken(now, effects);
  parts_->desk.woken(now, effects);
  parts_->http.woken(now, effects);
  parts_->wakes_readers = true;
  parts_->settle(now, effects);
}

std::optional<Instant> Server::deadline() const {
  if (parts_->halted) return std::nullopt;
  Instant first = parts_->hub.deadline().value_or(Instant::max());
  first = std::min(first, parts_->mqtt.deadline().value_or(Instant::max()));
  first = std::min(first, parts_->amqp.deadline().value_or(Instant::max()));
  first = std::min(first, parts_->desk.deadline().value_or(Instant::max()));
  first = std::min(first, parts_->http.deadline().value_or(Instant::max()));
  if (first == Instant::max()) return std::nullopt;
  return first;
}

void Server::soon(ConnectionId connection, bool again) const {
  parts_->mqtt.soon(connection, again);
}

void Server::request(Now now, const Request& request, Answer answer, Effects& effects) {
  if (parts_->halted) return;
  parts_->desk.ask(now, request, {ConnectionId::none, 0, std::move(answer)}, effects);
  parts_->settle(now, effects);
}

void Server::redirect_readers(std::string host, std::uint16_t port) {
  parts_->amqp.redirect_to(std::move(host), port);
}

void Server::name_devices(std::function<NodeIndex(std::string_view)> index_of) {
  parts_->hub.name_devices(std::move(index_of));
}

}  // namespace hubproof::model
