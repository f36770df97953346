#include "model/server/broker_door.hpp"

#include <algorithm>
#include <utility>

#include "model/payload.hpp"

namespace hubproof::model {
namespace {

constexpr std::uint8_t failure = 0x80;  // SUBACK [mqtt311:3.9.3-2]

unsigned flag_if(bool condition, Flags flag) { return condition ? static_cast<unsigned>(flag) : 0u; }

}  // namespace

BrokerDoor::BrokerDoor(const BrokerRules& rules, broker::Broker& broker) : rules_{rules}, broker_{broker} {}

// ---- Connections.

void BrokerDoor::opened(Now now, ConnectionId id, Effects& effects, bool told) {
  const Place at = connections_.try_emplace(id, rules_.packet_limit).first;
  at->second.heard = now.mono;
  at->second.limit = rules_.connect_deadline;
  arm(at);
  if (told) effects.saw(What::opened).connection = static_cast<std::uint32_t>(id);
}

bool BrokerDoor::received(Now now, ConnectionId id, View bytes, Effects& effects) {
  const Place at = connections_.find(id);
  if (at == connections_.end()) return false;
  if (at->second.session != 0) at->second.heard = now.mono;  // before CONNECT nothing counts
  mqtt::Decoder& decoder = at->second.decoder;
  decoder.feed(bytes);
  while (const mqtt::Packet* packet = decoder.next())
    if (!handle(now, at, *packet, effects)) return true;
  if (const auto why = decoder.malformed()) {
    if (!refused_packet(now, at, *why, effects)) return true;
    decoder = mqtt::Decoder{mqtt::End::server, rules_.packet_limit};
    return true;
  }
  decoder.keep();
  return true;
}

bool BrokerDoor::ended(Now now, ConnectionId id, EndedBy by, Effects& effects) {
  const Place at = connections_.find(id);
  if (at == connections_.end()) return false;
  finish(now, at, by, Why::unknown, effects);
  return true;
}

void BrokerDoor::forget_partial(ConnectionId id) {
  const Place at = connections_.find(id);
  if (at != connections_.end()) at->second.decoder = mqtt::Decoder{mqtt::End::server, rules_.packet_limit};
}

bool BrokerDoor::cut(Now now, Place at, Why why, Effects& effects) {
  // A silent peer is not waited for; any other gets what was sent to it.
  if (why == Why::keep_alive || why == Why::no_connect)
    effects.abort(at->first);
  else
    effects.close(at->first);
  finish(now, at, why == Why::disconnect ? EndedBy::peer : EndedBy::local, why, effects);
  return false;
}

// The one end of every connection, whoever ended it.
void BrokerDoor::finish(Now now, Place at, EndedBy by, Why why, Effects& effects) {
  Event event;
  event.what = What::ended;
  event.connection = static_cast<std::uint32_t>(at->first);
  event.device = at->second.node;
  event.by = by;
  event.why = why;
  effects.saw(What::ended) = event;
  const std::uint64_t session = at->second.session;
  alarms_.erase({at->second.due, at->first});
  connections_.erase(at);
  if (session == 0) return;
  broker_.end(session, rules_.wills(why, by));  // [mqtt311:3.1.2-8, 3.14.4-3]
  send_owed(now, effects);
}

bool BrokerDoor::violated(Now now, Place at, std::string_view statement, Effects& effects) {
  return !rules_.closes_on(statement) || cut(now, at, Why::protocol, effects);
}

bool BrokerDoor::refused_packet(Now now, Place at, const mqtt::Malformed& why, Effects& effects) {
  const bool greets = at->second.session == 0 && !at->second.refused;
  if (rules_.closes_on(why.statement)) {
    if (greets && why.connack != 0 && rules_.bad_level != 0)
      return refuse(now, at, rules_.bad_level, effects);  // [mqtt311:3.1.2-2]
    if (greets && rules_.broken_connect_is_answered) return refuse(now, at, rules_.refused_id, effects);
    return cut(now, at, Why::protocol, effects);
  }
  if (!greets) return true;
  mqtt::Connect asks_nothing;
  return on(now, at, asks_nothing, effects);
}

bool BrokerDoor::handle(Now now, Place at, const mqtt::Packet& packet, Effects& effects) {
  if (at->second.refused) return true;
  if (at->second.session == 0 && !std::holds_alternative<mqtt::Connect>(packet)) {
    if (rules_.connect_comes_first) return cut(now, at, Why::protocol, effects);  // [mqtt311:3.1.0-1]
    mqtt::Connect asks_nothing;
    if (!on(now, at, asks_nothing, effects)) return false;
  }
  return std::visit([&](const auto& one) { return on(now, at, one, effects); }, packet);
}

// ---- CONNECT.

bool BrokerDoor::on(Now now, Place at, const mqtt::Connect& packet, Effects& effects) {
  Connection& connection = at->second;
  const bool first = connection.session == 0;
  const std::string client{packet.client_id.empty() ? unique_id()
                                                    : std::string{rules_.identity(packet.client_id)}};
  if (first && client_index_) connection.node = client_index_(client);
  Event event = seen(at, Packet::connect,
                     flag_if(packet.clean_session, flag_clean_session) | flag_if(packet.will.has_value(), flag_has_will));
  event.keep_alive = packet.keep_alive;
  if (packet.will) {
    event.flags = static_cast<std::uint16_t>(event.flags | flag_if(packet.will->retain, flag_retain));
    event.qos = packet.will->qos;
    event.note = topic_index(packet.will->topic);
    event.message = payload_key(packet.will->message);
    event.digest = payload_digest(packet.will->message);
  }
  effects.saw(What::packet) = event;
  if (!first) return !rules_.second_connect_closes || cut(now, at, Why::protocol, effects);  // [mqtt311:3.1.0-2]

  if (packet.client_id.empty() && !packet.clean_session && rules_.empty_id_must_be_clean)
    return refuse(now, at, rules_.refused_id, effects);  // [mqtt311:3.1.3-8]
  if (packet.client_id.empty() ? !rules_.empty_id_gets_one : !rules_.takes_client_id(packet.client_id))
    return refuse(now, at, rules_.refused_id, effects);  // [mqtt311:3.1.3-9]

  std::string owner = client;  // of the session
  if (const Place older = connections_.find(broker_.connection_of(client)); older != connections_.end()) {
    if (rules_.takeover_ends_older)
      cut(now, older, Why::takeover, effects);  // [mqtt311:3.1.4-2]
    else
      owner = unique_id();
  }
  std::optional<broker::NewWill> will;
  if (packet.will) will = {packet.will->topic, packet.will->message, packet.will->qos, packet.will->retain};
  const broker::Broker::Begun begun = broker_.begin(owner, packet.clean_session, will, at->first);
  alarms_.erase({connection.due, at->first});
  connection.session = begun.session;
  connection.client = client;
  connection.clean = packet.clean_session;
  connection.has_will = packet.will.has_value();
  connection.keep_alive = packet.keep_alive;
  connection.heard = now.mono;
  connection.limit = rules_.silence_limit(std::chrono::seconds{packet.keep_alive});
  arm(at);

  // What it promises holds after a crash: the session is kept, or forgotten, before it leaves.
  const bool present = rules_.session_present(packet.clean_session, begun.known, begun.resumed);
  Event connack = answer(at, Packet::connack);
  connack.flags = static_cast<std::uint16_t>(connack.flags | flag_if(present, flag_session_present));
  connack.code = rules_.accepted;
  const auto resend = [&] {
    if (begun.resumed) broker_.resend(begun.session);
    send_owed(now, effects);
  };
  if (!rules_.connack_is_first) resend();
  promise(at, begun.ticket, mqtt::Connack{present, rules_.accepted}, effects, connack);
  if (rules_.connack_is_first) resend();
  return true;
}

// Of digits and letters, as every server must take them, and unlike what a client is likely to choose.
std::string BrokerDoor::unique_id() {
  for (;;) {
    std::string id = "auto" + std::to_string(++named_);
    if (broker_.connection_of(id) == ConnectionId::none) return id;
  }
}

bool BrokerDoor::refuse(Now now, Place at, std::uint8_t code, Effects& effects) {
  mqtt::Connack packet;
  packet.code = code;
  packet.session_present = rules_.refusal_says_present;  // [mqtt311:3.2.2-4]
  Event connack = answer(at, Packet::connack);
  connack.code = code;
  leave(now, {Ticket::none, at->first, [&] { Bytes bytes; mqtt::write(bytes, packet); return bytes; }(), connack},
        effects);
  Event& event = effects.saw(What::refused);
  event.connection = static_cast<std::uint32_t>(at->first);
  event.device = at->second.node;
  event.flags = flag_sent;
  event.code = code;
  at->second.refused = rules_.refusal_ends_reading;
  if (rules_.refusal_closes) return cut(now, at, Why::not_allowed, effects);  // [mqtt311:3.2.2-5]
  return true;
}

// Its CONNACK has left.
void BrokerDoor::accepted(Now, Place at, const Event& connack, Effects& effects) {
  Connection& connection = at->second;
  connection.accepted = true;
  Event& event = effects.saw(What::accepted);
  event.connection = static_cast<std::uint32_t>(at->first);
  event.device = connection.node;
  event.keep_alive = connection.keep_alive;
  event.flags = static_cast<std::uint16_t>(flag_if(connection.clean, flag_clean_session) |
                                           flag_if(connection.has_will, flag_has_will) |
                                           (connack.flags & (flag_sent | flag_session_present)));
}

// ---- Messages.

bool BrokerDoor::on(Now now, Place at, const mqtt::Publish& packet, Effects& effects) {
  effects.saw(What::packet) =
      of_message(at, flag_if(packet.dup, flag_dup) | flag_if(packet.retain, flag_retain), packet.topic, packet.payload,
                 packet.qos, packet.id);
  const Ticket ticket = broker_.publish(
      at->second.session, {packet.topic, packet.payload, packet.id, packet.qos, packet.retain, packet.dup});
  if (packet.qos == 1 && rules_.answers(1))  // [mqtt311:4.3.2-2]
    promise(at, ticket, mqtt::Puback{packet.id}, effects, answer(at, Packet::puback, packet.id));
  if (packet.qos == 2 && rules_.answers(2))  // [mqtt311:4.3.3-2]
    promise(at, ticket, mqtt::Pubrec{packet.id}, effects, answer(at, Packet::pubrec, packet.id));
  send_owed(now, effects);
  return true;
}

bool BrokerDoor::on(Now, Place at, const mqtt::Pubrel& packet, Effects& effects) {
  Event event = seen(at, Packet::pubrel);
  event.packet_id = packet.id;
  effects.saw(What::packet) = event;
  const Ticket ticket = broker_.release(at->second.session, packet.id);
  if (rules_.answers_release)
    promise(at, ticket, mqtt::Pubcomp{packet.id}, effects, answer(at, Packet::pubcomp, packet.id));
  return true;
}

bool BrokerDoor::on(Now, Place at, const mqtt::Puback& packet, Effects& effects) {
  Event event = seen(at, Packet::puback);
  event.packet_id = packet.id;
  effects.saw(What::packet) = event;
  broker_.acknowledged(at->second.session, packet.id);
  return true;
}

bool BrokerDoor::on(Now now, Place at, const mqtt::Pubrec& packet, Effects& effects) {
  Event event = seen(at, Packet::pubrec);
  event.packet_id = packet.id;
  effects.saw(What::packet) = event;
  broker_.received(at->second.session, packet.id);
  send_owed(now, effects);
  return true;
}

bool BrokerDoor::on(Now, Place at, const mqtt::Pubcomp& packet, Effects& effects) {
  Event event = seen(at, Packet::pubcomp);
  event.packet_id = packet.id;
  effects.saw(What::packet) = event;
  broker_.completed(at->second.session, packet.id);
  return true;
}

// ---- Subscriptions. In the history each filter is an event of its own.

bool BrokerDoor::on(Now now, Place at, const mqtt::Subscribe& packet, Effects& effects) {
  for (const mqtt::Filter& wanted : packet.filters) {
    Event event = seen(at, Packet::subscribe);
    event.packet_id = packet.id;
    event.qos = wanted.qos;
    event.note = topic_index(wanted.filter);
    effects.saw(What::packet) = event;
  }
  for (const mqtt::Filter& wanted : packet.filters)
    if (!rules_.valid_filter(wanted.filter)) return violated(now, at, "mqtt311:4.7.1-2", effects);

  const std::uint64_t session = at->second.session;
  if (!rules_.subscriptions_add_up) broker_.forget_subscriptions(session);
  mqtt::Suback suback{packet.id, {}};
  Ticket ticket{};
  std::vector<char> is_new;
  const std::size_t looked_at = rules_.looks_at(true, packet.filters.size());
  for (std::size_t n = 0; n < packet.filters.size(); ++n) {
    const mqtt::Filter& wanted = packet.filters[n];
    const std::uint8_t code = rules_.granted(wanted.qos);
    suback.codes.push_back(code);  // [mqtt311:3.8.4-5, 3.9.3-1]
    is_new.push_back(!broker_.has(session, wanted.filter));
    if (code < failure && n < looked_at) ticket = std::max(ticket, broker_.subscribe(session, wanted.filter, std::min<std::uint8_t>(code, 2)));
  }
  const std::vector<std::uint8_t> codes = suback.codes;
  if (!rules_.one_code_per_filter) suback.codes.resize(1);
  if (!rules_.codes_in_order) std::ranges::reverse(suback.codes);
  if (rules_.answers_subscribe) {  // [mqtt311:3.8.4-1]
    Event event = answer(at, Packet::suback, packet.id);
    event.code = suback.codes.front();
    promise(at, ticket, suback, effects, event);
  }
  for (std::size_t n = 0; n < packet.filters.size() && n < looked_at; ++n)
    if (codes[n] < failure)
      broker_.send_retained(session, packet.filters[n].filter, std::min<std::uint8_t>(codes[n], 2), is_new[n] != 0);
  send_owed(now, effects);
  return true;
}

bool BrokerDoor::on(Now now, Place at, const mqtt::Unsubscribe& packet, Effects& effects) {
  for (const std::string_view filter : packet.filters) {
    Event event = seen(at, Packet::unsubscribe);
    event.packet_id = packet.id;
    event.note = topic_index(filter);
    effects.saw(What::packet) = event;
  }
  for (const std::string_view filter : packet.filters)
    if (!rules_.valid_filter(filter)) return violated(now, at, "mqtt311:4.7.1-2", effects);
  bool any = false;
  Ticket ticket{};
  const std::size_t looked_at = rules_.looks_at(false, packet.filters.size());
  for (std::size_t n = 0; n < packet.filters.size() && n < looked_at; ++n) {
    const auto removed = broker_.unsubscribe(at->second.session, packet.filters[n]);
    any = any || removed.any;
    ticket = std::max(ticket, removed.ticket);
  }
  if (rules_.answers_unsubscribe && (any || rules_.answers_vain_unsubscribe))  // [mqtt311:3.10.4-4, 3.10.4-5]
    promise(at, ticket, mqtt::Unsuback{packet.id}, effects, answer(at, Packet::unsuback, packet.id));
  return true;
}

// ---- The rest.

bool BrokerDoor::on(Now now, Place at, const mqtt::Pingreq&, Effects& effects) {
  effects.saw(What::packet) = seen(at, Packet::pingreq);
  if (!rules_.answers_pings) return true;
  const Event event = answer(at, Packet::pingresp);
  Promise pingresp{Ticket::none, at->first, {}, event};
  mqtt::write(pingresp.bytes, mqtt::Pingresp{});
  if (at->second.accepted)  // owes nothing to storage, so it does not wait for it
    leave(now, pingresp, effects);
  else
    promises_.push_back(std::move(pingresp));  // CONNACK comes first [mqtt311:3.2.0-1]
  return true;
}

bool BrokerDoor::on(Now now, Place at, const mqtt::Disconnect&, Effects& effects) {
  effects.saw(What::packet) = seen(at, Packet::disconnect);
  return cut(now, at, Why::disconnect, effects);
}

// ---- What leaves.

template <class P>
void BrokerDoor::promise(Place at, Ticket ticket, const P& packet, Effects&, const Event& event) {
  Promise one{ticket, at->first, {}, event};
  mqtt::write(one.bytes, packet);
  promises_.push_back(std::move(one));
}

void BrokerDoor::send_owed(Now, Effects& effects) {
  for (const broker::ToSend& one : broker_.sends()) {
    const Place at = connections_.find(one.to);
    if (at == connections_.end()) continue;
    if (one.message == nullptr) {
      promise(at, one.ticket, mqtt::Pubrel{one.id}, effects, answer(at, Packet::pubrel, one.id));
      continue;
    }
    const View payload{one.message->payload};
    const std::string_view topic = rules_.topic_told(one.message->topic);
    promise(at, one.ticket, mqtt::Publish{topic, payload, one.id, one.qos, one.dup, one.retain}, effects,
            of_message(at, flag_sent | flag_if(one.dup, flag_dup) | flag_if(one.retain, flag_retain),
                       topic, payload, one.qos, one.id));
  }
  broker_.sends().clear();
}

void BrokerDoor::release(Now now, Effects& effects) {
  while (!promises_.empty() && promises_.front().ticket <= broker_.durable()) {
    const Promise one = std::move(promises_.front());
    promises_.pop_front();
    leave(now, one, effects);
  }
}

void BrokerDoor::leave(Now now, const Promise& one, Effects& effects) {
  const Place at = connections_.find(one.to);
  if (at == connections_.end()) return;  // a promise to one that has gone
  if (rules_.leaves != nullptr) {
    Bytes altered = one.bytes;
    rules_.leaves(altered);
    effects.send(one.to, altered);
  } else {
    effects.send(one.to, one.bytes);
  }
  effects.saw(What::packet) = one.event;
  if (one.event.packet == Packet::connack && at->second.session != 0) accepted(now, at, one.event, effects);
}

// ---- Events.

Event BrokerDoor::seen(Place at, Packet packet, unsigned flags) const {
  Event event;
  event.what = What::packet;
  event.packet = packet;
  event.flags = static_cast<std::uint16_t>(flags);
  event.device = at->second.node;
  event.connection = static_cast<std::uint32_t>(at->first);
  return event;
}

Event BrokerDoor::answer(Place at, Packet packet, mqtt::PacketId id) const {
  Event event = seen(at, packet, flag_sent);
  event.packet_id = id;
  return event;
}

Event BrokerDoor::of_message(Place at, unsigned flags, std::string_view topic, View payload, std::uint8_t qos,
                             mqtt::PacketId id) const {
  Event event = seen(at, Packet::publish, flags);
  event.qos = qos;
  event.packet_id = id;
  event.note = topic_index(topic);
  event.message = payload_key(payload);
  event.digest = payload_digest(payload);
  return event;
}

// ---- Time.

// One alarm for each connection, at the end of its longest silence as of when the alarm was set.
void BrokerDoor::arm(Place at) {
  if (at->second.limit > Duration{0}) alarms_.insert({at->second.due = at->second.heard + at->second.limit, at->first});
}

void BrokerDoor::woken(Now now, Effects& effects) {
  while (!alarms_.empty() && alarms_.begin()->first <= now.mono) {
    const ConnectionId id = alarms_.extract(alarms_.begin()).value().second;
    const Place at = connections_.find(id);
    if (at == connections_.end() || at->second.limit == Duration{0}) continue;
    if (at->second.heard + at->second.limit > now.mono)
      arm(at);
    else
      cut(now, at, at->second.session == 0 ? Why::no_connect : Why::keep_alive, effects);  // [mqtt311:3.1.2-24]
  }
}

}  // namespace hubproof::model
