#include "model/server.hpp"

#include <algorithm>

#include "model/hub/gate.hpp"
#include "model/hub/hub.hpp"
#include "model/broker/broker.hpp"
#include "model/server/amqp_door.hpp"
#include "model/server/broker_door.hpp"
#include "model/server/desk.hpp"
#include "model/server/fault_orders.hpp"
#include "model/server/http_door.hpp"
#include "model/server/mqtt_door.hpp"
#include "model/server/websocket_door.hpp"

namespace hubproof::model {

struct Server::Parts {
  // In place of the hub: nothing is asked of that, and nothing of it reaches the store.
  struct PlainBroker {
    PlainBroker(const HubRules& journal, const BrokerRules& rules) : router{journal, rules}, door{rules, router} {}
    broker::Broker router;
    BrokerDoor door;
  };

  Parts(const Rules& rules, Chance chance, std::string host)
      : hub{rules.hub, chance},
        gate{rules.hub, hub},
        mqtt{rules.hub, hub, gate},
        amqp{rules.hub, hub, gate, std::move(host),
             [this](Now now, DeviceIndex device, Effects& effects) {
               mqtt.device_taken(now, device, effects);
             }},
        desk{hub,
             [this](Now now, DeviceIndex device, Effects& effects) {
               mqtt.device_gone(now, device, effects);
               amqp.device_gone(now, device, effects);
             },
             [this](Now now, DeviceIndex device, Effects& effects) {
               mqtt.credentials_changed(now, device, effects);
               amqp.credentials_changed(now, device, effects);
             }},
        http{rules.hub, hub, gate, desk},
        websockets{rules.hub},
        others{hub.throttle() != nullptr || rules.broker != nullptr} {
    if (rules.broker) {
      plain = std::make_unique<PlainBroker>(rules.hub, *rules.broker);
      aside = true;
      http.only_upgrades();
      websockets.take_any_path();
    }
    mqtt.tell_of_arrivals([this](Now now, DeviceIndex device, Effects& effects) {
      amqp.device_taken(now, device, effects);
    });
    http.upgrades_by([this](Now now, ConnectionId id, const http::Request& request, View rest,
                            const std::optional<ClientCertificate>& certificate, Effects& effects) {
      return upgraded(now, id, request, rest, certificate, effects);
    });
  }

  // ---- WebSockets: the door of what they carry has them under the same name.

  bool upgraded(Now now, ConnectionId id, const http::Request& request, View rest,
                const std::optional<ClientCertificate>& certificate, Effects& effects) {
    const WebSocketDoor::Outcome outcome = websockets.asked(id, request, effects);
    if (plain && outcome == WebSocketDoor::Outcome::opened) {
      if (websockets.carried(id) != websocket::Carries::mqtt) {  // no other protocol has a door here
        websockets.ended(id);
        effects.abort(id);
        return true;
      }
      plain->door.opened(now, id, effects, false);
      if (!rest.empty()) hear_websocket(now, id, rest, effects);
      return true;
    }
    if (outcome == WebSocketDoor::Outcome::refused) {
      Event& event = effects.saw(What::ended);
      event.connection = static_cast<std::uint32_t>(id);
      event.by = EndedBy::local;
      event.why = Why::protocol;
    } else if (outcome == WebSocketDoor::Outcome::opened) {
      constexpr bool told = false;  // it has begun, for the history
      if (websockets.carried(id) == websocket::Carries::mqtt)
        mqtt.opened(now, id, certificate, effects, told);
      else
        amqp.opened(now, id, certificate, effects, told);
      if (!rest.empty()) hear_websocket(now, id, rest, effects);
    }
    return outcome != WebSocketDoor::Outcome::none;
  }

  bool hear_websocket(Now now, ConnectionId id, View bytes, Effects& effects) {
    const WebSocketDoor::Heard* heard = websockets.received(id, bytes, effects);
    if (heard == nullptr) return false;
    const EndedBy by = heard->in_good_order ? EndedBy::peer : EndedBy::local;
    bool ended = false;
    if (heard->carries == websocket::Carries::amqp) {
      if (!heard->payload.empty()) amqp.received(now, id, heard->payload, effects);
      ended = heard->over && amqp.ended(now, id, by, effects);
    } else {
      hear_mqtt(now, id, *heard, effects);
      ended = heard->over && (plain ? plain->door.ended(now, id, by, effects) : mqtt.ended(now, id, by, effects));
    }
    if (ended) effects.close(id);
    return true;
  }

  void hear_mqtt(Now now, ConnectionId id, const WebSocketDoor::Heard& heard, Effects& effects) {
    if (plain) return hear_mqtt(now, id, heard, plain->door, effects);
    hear_mqtt(now, id, heard, mqtt, effects);
  }
  template <class MqttIn>
  void hear_mqtt(Now now, ConnectionId id, const WebSocketDoor::Heard& heard, MqttIn& door, Effects& effects) {
    View payload = heard.payload;
    if (!websockets.one_stream()) {  // a wrong hub's way
      std::size_t from = 0;
      for (const std::size_t end : heard.ends) {
        door.received(now, id, View{heard.payload}.subspan(from, end - from), effects);
        door.forget_partial(id);
        from = end;
      }
      payload = payload.subspan(from);
    }
    if (!payload.empty()) door.received(now, id, payload, effects);
  }

  // False: none of them has this connection.
  bool end_at_door(Now now, ConnectionId connection, EndedBy by, Effects& effects) {
    return (plain && plain->door.ended(now, connection, by, effects)) ||
           mqtt.ended(now, connection, by, effects) || amqp.ended(now, connection, by, effects) ||
           http.ended(connection, by, effects);
  }

  void carry_out(Now now, const FaultOrders::Order& order, Effects& effects) {
    const ConnectionId connection = order.connection;
    if (order.kind == FaultOrders::Kind::kill_tcp) {
      if (!end_at_door(now, connection, EndedBy::local, effects)) return;
      websockets.ended(connection);
      effects.abort(connection);
    } else if (!amqp.carry_out(now, order, effects) && order.kind == FaultOrders::Kind::shut_down) {
      if (end_at_door(now, connection, EndedBy::local, effects)) effects.close(connection);
    }
  }

  // The end of every call: what has become durable leaves, what has become deliverable is
  // delivered, and what was written is on its way to be durable.
  void settle(Now now, Effects& effects) {
    if (plain) return settle_broker(now, effects);
    settle_hub(now, effects);
  }

  void settle_hub(Now now, Effects& effects) {
    if (others) return settle_doors<true>(now, effects);
    settle_doors<false>(now, effects);
  }

  void settle_broker(Now now, Effects& effects) {
    plain->door.release(now, effects);
    plain->router.flush(now, effects);
    if (websockets.any()) websockets.dress(effects);
  }

  template <bool all>
  void settle_doors(Now now, Effects& effects) {
    if (const Ticket durable = hub.durable(); durable != released) {
      released = durable;
      wakes_readers = true;
    }
    mqtt.release(now, effects);
    if constexpr (all) amqp.release(now, effects);
    desk.release(effects);
    if constexpr (all) http.release(now, effects);
    for (const DeviceIndex device : hub.ready()) {
      mqtt.deliver(now, device, effects);
      if constexpr (all) amqp.deliver(now, device, effects);
    }
    if (wakes_readers || hub.feedback_waits()) {
      desk.wake(now, effects);
      if constexpr (all) amqp.feed(now, effects);
    }
    wakes_readers = false;
    if constexpr (all) amqp.flush(now, effects);
    hub.flush(now, effects);
    if constexpr (all)
      if (websockets.any()) websockets.dress(effects);
  }

  // After a failure of the storage nothing may leave: what was promised in memory is not there.
  bool stopped(const Effects& effects, std::size_t before) {
    const auto& list = effects.list();
    if (list.size() == before) return halted;
    halted = halted || std::any_of(list.begin() + static_cast<std::ptrdiff_t>(before), list.end(),
                                   [](const Effect& e) { return e.kind == Effect::Kind::halt; });
    aside = aside || halted;
    return halted;
  }

  Hub hub;
  Gate gate;
  MqttDoor mqtt;
  AmqpDoor amqp;
  Desk desk;
  HttpDoor http;
  WebSocketDoor websockets;
  std::unique_ptr<PlainBroker> plain;  // null: this is a hub
  std::unique_ptr<FaultOrders> orders;
  Ticket released{};
  bool others;  // limits, or there was a connection of another door than MQTT's
  bool wakes_readers = false;
  bool halted = false;
  bool aside = false;  // halted, or a plain broker: neither goes the hub's way, which is short
};

Server::Server(const Rules& rules, Chance chance, std::string host)
    : parts_{std::make_unique<Parts>(rules, chance, std::move(host))} {}
Server::~Server() = default;
Server::Server(Server&&) noexcept = default;

void Server::recover(Now now, std::span<const StoredFile> files, Effects& effects) {
  const std::size_t before = effects.list().size();
  if (parts_->plain)
    parts_->plain->router.recover(now, files, effects);
  else
    parts_->hub.recover(now, files, effects);
  if (!parts_->stopped(effects, before)) parts_->settle(now, effects);
}

void Server::opened(Now now, ConnectionId connection, Door door, Effects& effects,
                    std::optional<ClientCertificate> certificate) {
  if (parts_->halted) return;
  if (parts_->plain) return opened_at_broker(now, connection, door, effects);
  parts_->others = parts_->others || door != Door::mqtt;
  switch (door) {
    case Door::mqtt:
      return parts_->mqtt.opened(now, connection, std::move(certificate), effects);
    case Door::amqp:
      return parts_->amqp.opened(now, connection, std::move(certificate), effects);
    case Door::http: return parts_->http.opened(now, connection, std::move(certificate), effects);
  }
}

// A broker has doors for MQTT and for what carries it. Nobody else is let in.
void Server::opened_at_broker(Now now, ConnectionId connection, Door door, Effects& effects) {
  if (door == Door::mqtt) return parts_->plain->door.opened(now, connection, effects);
  if (door == Door::http) return parts_->http.opened(now, connection, {}, effects);
  effects.abort(connection);
}

void Server::received(Now now, ConnectionId connection, View bytes, Effects& effects) {
  if (parts_->halted) return;
  if (parts_->others) return received_anywhere(now, connection, bytes, effects);
  parts_->mqtt.received(now, connection, bytes, effects);
  parts_->settle_doors<false>(now, effects);
}

void Server::received_anywhere(Now now, ConnectionId connection, View bytes, Effects& effects) {
  Parts& parts = *parts_;
  const bool heard =
      (parts.websockets.any() && parts.hear_websocket(now, connection, bytes, effects)) ||
      (parts.plain && parts.plain->door.received(now, connection, bytes, effects)) ||
      parts.mqtt.received(now, connection, bytes, effects) ||
      parts.amqp.received(now, connection, bytes, effects) ||
      parts.http.received(now, connection, bytes, effects);
  if (heard) parts.settle(now, effects);
}

void Server::ended(Now now, ConnectionId connection, EndedBy by, Effects& effects) {
  if (parts_->halted) return;
  if (parts_->websockets.any()) parts_->websockets.ended(connection);
  parts_->end_at_door(now, connection, by, effects);
  parts_->settle(now, effects);
}

void Server::stored(Now now, Ticket ticket, bool ok, Effects& effects) {
  if (parts_->aside) return stored_aside(now, ticket, ok, effects);
  const std::size_t before = effects.list().size();
  parts_->hub.stored(now, ticket, ok, effects);
  if (!parts_->stopped(effects, before)) parts_->settle_hub(now, effects);
}

void Server::stored_aside(Now now, Ticket ticket, bool ok, Effects& effects) {
  if (parts_->halted) return;
  const std::size_t before = effects.list().size();
  parts_->plain->router.stored(now, ticket, ok, effects);
  if (!parts_->stopped(effects, before)) parts_->settle_broker(now, effects);
}

void Server::woken(Now now, Effects& effects) {
  if (parts_->halted) return;
  const std::size_t before = effects.list().size();
  if (parts_->plain)
    parts_->plain->router.woken(now, effects);
  else
    parts_->hub.woken(now, effects);
  if (parts_->stopped(effects, before)) return;
  if (parts_->plain) {
    parts_->plain->door.woken(now, effects);
    parts_->http.woken(now, effects);
    return parts_->settle(now, effects);
  }
  if (Throttle* const throttle = parts_->hub.throttle()) throttle->woken(now, effects);
  parts_->mqtt.woken(now, effects);
  parts_->amqp.woken(now, effects);
  parts_->desk.woken(now, effects);
  parts_->http.woken(now, effects);
  if (parts_->orders)
    while (const auto order = parts_->orders->due(now)) parts_->carry_out(now, *order, effects);
  parts_->wakes_readers = true;
  parts_->settle(now, effects);
}

std::optional<Instant> Server::deadline() const {
  if (parts_->aside) return deadline_aside();
  std::optional<Instant> first = parts_->hub.deadline();
  const auto sooner = [&](std::optional<Instant> other) {
    if (other && (!first || *other < *first)) first = other;
  };
  sooner(parts_->mqtt.deadline());
  sooner(parts_->desk.deadline());
  if (parts_->others) {
    sooner(parts_->amqp.deadline());
    sooner(parts_->http.deadline());
    if (parts_->orders) sooner(parts_->orders->deadline());
    if (const Throttle* const throttle = parts_->hub.throttle()) sooner(throttle->deadline());
  }
  return first;
}

std::optional<Instant> Server::deadline_aside() const {
  if (parts_->halted) return std::nullopt;
  std::optional<Instant> first = parts_->plain->router.deadline();
  for (const std::optional<Instant> other : {parts_->plain->door.deadline(), parts_->http.deadline()})
    if (other && (!first || *other < *first)) first = other;
  return first;
}

void Server::soon(ConnectionId connection, bool again) const {
  parts_->mqtt.soon(connection, again);
}

void Server::request(Now now, const Request& request, Answer answer, Effects& effects) {
  if (parts_->halted) return;
  if (parts_->plain) return answer(Failed{Error::not_found});  // no devices, no telemetry
  parts_->desk.perform(now, request, std::move(answer), effects);
  parts_->settle(now, effects);
}

void Server::redirect_readers(std::string host, std::uint16_t port) {
  parts_->amqp.redirect_to(std::move(host), port);
}

void Server::tell_of_requests(ToldOfRequest told) {
  parts_->http.tell_of_requests(told);
  parts_->amqp.tell_of_requests(std::move(told));
}

void Server::honour_fault_properties(ToldOfFault told) {
  Parts& p = *parts_;
  p.orders = std::make_unique<FaultOrders>(
      [&hub = p.hub, told = std::move(told)](const FaultOrders::Order& order, bool begins) {
        const std::string& device = hub.device(order.device).id;
        told(device,
             std::string{FaultOrders::name(order.kind)} + " of " + device +
                 (order.reason.empty() ? "" : ", \"" + order.reason + "\""),
             begins);
      });
  p.others = true;  // the quick way knows nothing of them
  p.mqtt.honour(p.orders.get());
  p.amqp.honour(p.orders.get());
  p.http.honour(p.orders.get());
}

std::vector<QueueLook> Server::queues(std::string_view after, std::size_t limit) const {
  const Hub& hub = parts_->hub;
  std::vector<QueueLook> all;
  if (parts_->plain) return all;
  const auto most = static_cast<std::uint32_t>(std::min<std::size_t>(limit, 0xffffffff));
  for (DeviceIdentity& one : hub.list({std::string{after}, most})) {
    const DeviceIndex device = hub.find(one.device);
    const bool connected = parts_->mqtt.has(device) || parts_->amqp.has(device);
    all.push_back({std::move(one.device), connected, one.commands, hub.locked(device)});
  }
  return all;
}

bool Server::quiet() const {
  if (parts_->plain) return parts_->plain->router.durable() >= parts_->plain->router.written();
  return parts_->hub.durable() >= parts_->hub.written();
}

void Server::name_topics(std::function<std::uint32_t(std::string_view)> note_of) {
  if (parts_->plain) parts_->plain->door.name_topics(std::move(note_of));
}

void Server::name_devices(std::function<NodeIndex(std::string_view)> index_of) {
  if (parts_->plain) return parts_->plain->door.name_clients(std::move(index_of));
  parts_->hub.name_devices(std::move(index_of));
}

}  // namespace hubproof::model
