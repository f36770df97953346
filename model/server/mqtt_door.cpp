#include "model/server/mqtt_door.hpp"

#include <algorithm>
#include <utility>

#include "model/fetch.hpp"
#include "model/hub/token.hpp"
#include "model/mqtt/bag.hpp"
#include "model/mqtt/names.hpp"

namespace hubproof::model {
namespace {

constexpr std::uint32_t no_slot = ConnectionIndex::none;
constexpr std::size_t most_spares = 64;  // decoders kept for the next partial packet
constexpr std::size_t longest_topic = 65'535;
constexpr std::uint8_t failure = 0x80;  // SUBACK [mqtt311:3.9.3-2]
constexpr std::uint8_t refused_id = 2;  // CONNACK [mqtt311:3.1.3-8]
constexpr std::uint8_t unavailable = 3; // CONNACK: come again later [OPEN-10]
// A wall clock that is set by less moves no alarm: so much later may a token's expiry be seen.
constexpr Duration least_step = 50ms;

// The longest packet worth reading: beyond the size limit it is refused from its header alone, if
// the profile refuses; else it must be taken to be acknowledged [H-19].
std::uint32_t longest_packet(const HubRules& rules) {
  if (rules.over_size == OverSize::ack_and_drop) return 16u << 20;
  return rules.d2c_size_limit + longest_topic + 16;
}

mqtt::Decoder fresh_decoder(const HubRules& rules) {
  return mqtt::Decoder{mqtt::End::server, longest_packet(rules)};
}

std::string_view retain_property(RetainName name) {
  return name == RetainName::mqtt_retain ? "mqtt-retain" : "x-opt-retain";
}

Holder holder(ConnectionId id) { return static_cast<Holder>(id); }

std::uint64_t mqtt_token(ConnectionId connection, mqtt::PacketId id) {
  return static_cast<std::uint64_t>(connection) << 16 | id;
}

unsigned flag_if(bool condition, Flags flag) {
  return condition ? static_cast<unsigned>(flag) : 0u;
}

unsigned connect_flags(bool clean, bool has_will) {
  return flag_if(clean, flag_clean_session) | flag_if(has_will, flag_has_will);
}

}  // namespace

MqttDoor::MqttDoor(const HubRules& rules, Hub& hub, const Gate& gate)
    : rules_{&rules},
      hub_{&hub},
      gate_{&gate},
      throttle_{hub.throttle()},
      looks_above_{rules.d2c_size_limit},
      decoder_{fresh_decoder(rules)} {}

// Connections.

void MqttDoor::opened(Now now, ConnectionId id, std::optional<ClientCertificate> certificate,
                      Effects& effects, bool told) {
  if (certificate) certificates_[id] = std::move(*certificate);
  std::uint32_t slot = static_cast<std::uint32_t>(sessions_.size());
  if (free_.empty()) {
    sessions_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  Session& session = sessions_[slot];
  session.id = id;
  session.heard = now.mono;
  session.limit = rules_->connect_deadline;  // [H-30]
  index_.insert(id, slot);
  arm(session);
  if (told) effects.saw(What::opened).connection = static_cast<std::uint32_t>(id);
}

bool MqttDoor::received(Now now, ConnectionId id, View bytes, Effects& effects) {
  const std::uint32_t slot = index_.find(id);
  if (slot == no_slot) return false;
  Session& session = sessions_[slot];
  if (session.stage != Stage::greeting) session.heard = now.mono;  // any traffic counts [MQTT-14]
  if (session.begun) {
    take_rest(now, slot, bytes, effects);
  } else if (take(now, slot, decoder_, bytes, effects)) {
    if (decoder_.held() > 0) set_aside(session);
  } else {
    decoder_ = fresh_decoder(*rules_);
  }
  return true;
}

// Handles the packets that `bytes` complete; false: the connection has ended.
inline bool MqttDoor::take(Now now, std::uint32_t slot, mqtt::Decoder& decoder, View bytes,
                           Effects& effects) {
  decoder.feed(bytes);
  while (const mqtt::Packet* packet = decoder.next())
    if (!handle(now, slot, *packet, effects)) return false;
  if (const auto& malformed = decoder.malformed()) {
    const std::uint8_t code = malformed->connack;
    const bool greeting = sessions_[slot].stage == Stage::greeting;
    return code != 0 && greeting ? refuse(now, slot, code, effects)
                                 : cut(now, slot, Why::protocol, effects);
  }
  decoder.keep();
  return true;
}

// Most packets come whole, so a session has a decoder only while one has begun.
void MqttDoor::set_aside(Session& session) {
  session.begun = true;
  if (spare_.empty()) spare_.push_back(std::make_unique<mqtt::Decoder>(fresh_decoder(*rules_)));
  session.partial = std::move(spare_.back());
  spare_.pop_back();
  std::swap(*session.partial, decoder_);
}

void MqttDoor::take_rest(Now now, std::uint32_t slot, View bytes, Effects& effects) {
  std::unique_ptr<mqtt::Decoder> own = std::move(sessions_[slot].partial);
  if (!take(now, slot, *own, bytes, effects)) return;
  Session& session = sessions_[slot];
  session.begun = own->held() > 0;
  if (session.begun)
    session.partial = std::move(own);
  else if (spare_.size() < most_spares)
    spare_.push_back(std::move(own));
}

void MqttDoor::forget_partial(ConnectionId id) {
  const std::uint32_t slot = index_.find(id);
  if (slot == no_slot) return;
  sessions_[slot].begun = false;
  sessions_[slot].partial.reset();
}

bool MqttDoor::ended(Now now, ConnectionId id, EndedBy by, Effects& effects) {
  const std::uint32_t slot = index_.find(id);
  if (slot == no_slot) return false;
  finish(now, slot, by, Why::unknown, effects);
  return true;
}

bool MqttDoor::cut(Now now, std::uint32_t slot, Why why, Effects& effects) {
  // A silent peer is not waited for; any other gets what was sent to it.
  if (why == Why::keep_alive || why == Why::no_connect) {
    effects.abort(sessions_[slot].id);
  } else {
    effects.close(sessions_[slot].id);
  }
  finish(now, slot, why == Why::disconnect ? EndedBy::peer : EndedBy::local, why, effects);
  return false;
}

// The one end of every session, whoever ended it.
void MqttDoor::finish(Now now, std::uint32_t slot, EndedBy by, Why why, Effects& effects) {
  const Session session = std::exchange(sessions_[slot], Session{});
  index_.erase(session.id);
  free_.push_back(slot);
  if (!certificates_.empty()) certificates_.erase(session.id);
  if (throttle_ != nullptr) {
    throttle_->forget(session.id, effects);
    held_.erase(session.id);
  }
  if (session.admission) --admissions_;

  Event& event = effects.saw(What::ended);
  event.connection = static_cast<std::uint32_t>(session.id);
  event.device = session.node;
  event.by = by;
  event.why = why;

  if (session.device == DeviceIndex::none) return;
  std::uint32_t& current = slot_of_[static_cast<std::size_t>(session.device)];
  if (current == slot) {
    current = no_slot;
    hub_->connection(now, session.device, false);
  }
  if (const auto late = overtaken_.extract(session.id))
    hub_->append_telemetry(now, session.device, late.mapped(), false, effects);
  // The will comes behind all that this connection published [MQTT-42, MQTT-43].
  const bool accepted = session.stage == Stage::live || !rules_->will_needs_connack;
  if (accepted && !session.will.empty())
    for (std::uint32_t n = rules_->wills(why, now.mono - session.heard); n > 0; --n)
      hub_->append_telemetry(now, session.device, session.will, true, effects);
  if (session.inbox)
    for (const Flight& flight : session.inbox->flights)
      if (!rules_->flight_returns(why, flight.until - now.mono))
        hub_->settle(now, session.device, flight.token, Settle::complete, effects);
  hub_->released(now, session.device, holder(session.id), effects);
}

void MqttDoor::device_gone(Now now, DeviceIndex device, Effects& effects) {
  const auto at = static_cast<std::size_t>(device);
  if (at >= slot_of_.size() || slot_of_[at] == no_slot) return;
  const bool accepting = sessions_[slot_of_[at]].stage == Stage::accepting;
  if (!accepting || rules_->deletion_ends_accepting)
    cut(now, slot_of_[at], Why::device_gone, effects);
}

void MqttDoor::credentials_changed(Now now, DeviceIndex device, Effects& effects) {
  const auto at = static_cast<std::size_t>(device);
  if (at >= slot_of_.size() || slot_of_[at] == no_slot) return;
  const Session& session = sessions_[slot_of_[at]];
  if (session.admission && gate_->ended(now, session.admission->grant))
    cut(now, slot_of_[at], Why::credentials, effects);
}

// CONNECT.

bool MqttDoor::handle(Now now, std::uint32_t slot, const mqtt::Packet& packet, Effects& effects) {
  if (sessions_[slot].stage <= Stage::greeting && !std::holds_alternative<mqtt::Connect>(packet))
    return before_connect(now, slot, packet, effects);
  if (const auto* publish = std::get_if<mqtt::Publish>(&packet))
    return on(now, slot, *publish, effects);
  return std::visit([&](const auto& other) { return on(now, slot, other, effects); }, packet);
}

bool MqttDoor::before_connect(Now now, std::uint32_t slot, const mqtt::Packet& packet,
                              Effects& effects) {
  Session& session = sessions_[slot];
  if (session.stage == Stage::greeting)
    return cut(now, slot, Why::protocol, effects);  // [MQTT-03, mqtt311:3.1.0-1]
  Bytes& held = held_[session.id];
  std::visit([&](const auto& one) { mqtt::write(held, one); }, packet);
  return held.size() <= longest_packet(*rules_) || cut(now, slot, Why::not_allowed, effects);
}

// A connection counts before it is looked at [QUO-04].
bool MqttDoor::knock(Now now, std::uint32_t slot, const mqtt::Connect& packet, Effects& effects) {
  Session& session = sessions_[slot];
  const DeviceIndex device = hub_->find(packet.client_id);
  if (device != DeviceIndex::none) session.node = hub_->device(device).node;
  const auto answer =
      throttle_->ask(now, {Limit::connections, session.id, session.node}, effects);
  if (answer.phase == Throttle::Phase::waits) {
    session.stage = Stage::held;
    session.heard = now.mono;
    mqtt::write(held_[session.id], packet);
    throttle_->wait([this, id = session.id](Now then, Error, Effects& more) { let_in(then, id, more); });
    return true;
  }
  if (answer.phase == Throttle::Phase::refused && !answer.acts) {
    saw(effects, session, Packet::connect,
        connect_flags(packet.clean_session, packet.will.has_value()));
    return refuse(now, slot, unavailable, effects, Why::throttled);
  }
  let_in_ = session.id;
  const bool lives = on(now, slot, packet, effects);
  let_in_ = ConnectionId::none;
  return lives;
}

// Its turn has come: what was held is as if it came now.
void MqttDoor::let_in(Now now, ConnectionId id, Effects& effects) {
  const std::uint32_t slot = index_.find(id);
  if (slot == no_slot) return;
  sessions_[slot].stage = Stage::greeting;
  const auto held = held_.extract(id);
  mqtt::Decoder decoder = fresh_decoder(*rules_);
  let_in_ = id;
  take(now, slot, decoder, held.mapped(), effects);
  let_in_ = ConnectionId::none;
}

bool MqttDoor::on(Now now, std::uint32_t slot, const mqtt::Connect& packet, Effects& effects) {
  Session& session = sessions_[slot];
  const bool first = session.stage == Stage::greeting;
  if (first && throttle_ != nullptr && let_in_ != session.id) return knock(now, slot, packet, effects);
  const DeviceIndex device = first ? hub_->find(packet.client_id) : session.device;
  if (first && device != DeviceIndex::none) session.node = hub_->device(device).node;
  Event& event = saw(effects, session, Packet::connect,
                     connect_flags(packet.clean_session, packet.will.has_value()));
  event.keep_alive = packet.keep_alive;
  if (!gate_->open() && packet.password)
    if (const auto token = read_token(text(*packet.password)))
      event.expiry = token->expiry.time_since_epoch().count();
  if (!first) return cut(now, slot, Why::protocol, effects);  // [MQTT-03, mqtt311:3.1.0-2]

  if (packet.client_id.empty()) return refuse(now, slot, refused_id, effects);
  if (!packet.user_name || !mqtt::user_name_fits(*packet.user_name, packet.client_id))
    return refuse(now, slot, rules_->refused_login, effects);  // [MQTT-08]
  auto admitted = admit(now, session.id, packet);
  if (const Error* error = std::get_if<Error>(&admitted))  // [MQTT-08, H-05]
    return refuse(now, slot,
                  *error == Error::disabled ? rules_->disabled_device : rules_->refused_login,
                  effects);
  session.name = packet.client_id;
  if (!read_will(packet, session.will)) return refuse(now, slot, rules_->refused_login, effects);

  session.device = device;
  session.stage = Stage::accepting;
  session.clean = packet.clean_session && rules_->clean_session_is_clean;
  session.keep_alive = packet.keep_alive;
  session.heard = now.mono;
  session.limit =
      rules_->keep_alive_limit(std::chrono::seconds{packet.keep_alive}, rules_->keep_alive_cap);
  arm(session);
  take_over(now, slot, effects);
  if (!gate_->open()) {
    session.admission = std::make_unique<Admission>(std::move(std::get<Grant>(admitted)));
    ++admissions_;
    expect_expiry(now, session);
  }

  // The answer must hold after a crash too: the session is stored, or forgotten, before it leaves.
  const StoredSession* stored = hub_->session(device);
  const bool present = stored && !session.clean;  // [MQTT-12, mqtt311:3.2.2-1..3]
  session.resumed = present;
  if (session.clean && stored)
    session_ticket_ = hub_->store_session(now, device, std::nullopt, effects);
  if (!session.clean && stored) resume(*stored, session);
  if (!session.clean && !stored) session_ticket_ = store(now, session, effects);
  Event& answer =
      prepare(session, Promise::Kind::connack, session_ticket_, mqtt::Connack{present, 0});
  if (present) answer.flags |= flag_session_present;
  release(now, effects);
  return true;
}

// With a password it is a token; without one, the certificate speaks [MQTT-07].
std::variant<Grant, Error> MqttDoor::admit(Now now, ConnectionId id, const mqtt::Connect& packet) {
  const auto certificate = certificates_.extract(id);
  if (!packet.password && certificate)
    return gate_->allow(now, certificate.mapped(), packet.client_id);
  const std::string_view token = packet.password ? text(*packet.password) : std::string_view{};
  return gate_->allow(now, token, std::string{mqtt::devices_level} + std::string{packet.client_id},
                      Right::device_connect);
}

bool MqttDoor::over(Now now, const Session& session) const {
  if (!session.admission) return false;
  const auto expires = gate_->expires(session.admission->grant);
  return expires && now.wall >= *expires;  // [SEC-17]
}

void MqttDoor::expect_expiry(Now now, Session& session) {
  const auto expires = gate_->expires(session.admission->grant);
  if (!expires) return;
  if (admissions_ == 1) wall_minus_mono_ = now.wall.time_since_epoch() - now.mono.time_since_epoch();
  alarm(session.admission->due = std::max(now.when(*expires), now.mono + Duration{1}), session.id);
}

bool MqttDoor::refuse(Now now, std::uint32_t slot, std::uint8_t code, Effects& effects, Why why) {
  Session& session = sessions_[slot];
  mqtt::write(effects.sending(session.id), mqtt::Connack{false, code});  // [mqtt311:3.2.2-4]
  effects.sent();
  saw(effects, session, Packet::connack, flag_sent).code = code;
  Event& event = effects.saw(What::refused);
  event.connection = static_cast<std::uint32_t>(session.id);
  event.device = session.node;
  event.flags = flag_sent;
  event.code = code;
  return cut(now, slot, why, effects);  // [mqtt311:3.2.2-5, 3.1.4-5]
}

void MqttDoor::take_over(Now now, std::uint32_t slot, Effects& effects) {
  Session& session = sessions_[slot];
  const auto at = static_cast<std::size_t>(session.device);
  if (at >= slot_of_.size()) slot_of_.resize(std::max(at + 1, hub_->devices()), no_slot);
  if (slot_of_[at] != no_slot) {
    session.took_over = true;
    const bool accepting = sessions_[slot_of_[at]].stage == Stage::accepting;
    if (rules_->one_connection && (!accepting || rules_->takeover_ends_accepting))
      cut(now, slot_of_[at], Why::takeover, effects);  // [MQTT-09, MQTT-11]
  }
  slot_of_[at] = slot;
  if (came_) came_(now, sessions_[slot].device, effects);
}

void MqttDoor::device_taken(Now now, DeviceIndex device, Effects& effects) {
  const auto at = static_cast<std::size_t>(device);
  if (at < slot_of_.size() && slot_of_[at] != no_slot && rules_->one_connection)
    cut(now, slot_of_[at], Why::takeover, effects);
}

// The will becomes the telemetry message that it will be [MQTT-41]. False: not a will for this hub
// [H-17].
bool MqttDoor::read_will(const mqtt::Connect& packet, Bytes& flat) {
  if (!packet.will) return true;
  const mqtt::Will& will = *packet.will;
  const mqtt::Topic topic = mqtt::read_topic(will.topic, packet.client_id);
  if (topic.kind != mqtt::Topic::Kind::telemetry) return false;
  if (will.qos == 2 && rules_->qos2_publish == Qos2Publish::close) return false;
  flat_.clear();
  MessageWriter writer{flat_};
  if (!topic.bag.empty() && !mqtt::read_bag(topic.bag, writer)) return false;
  if (will.retain) writer.property(retain_property(rules_->retain_property_name), "true");
  writer.property("iothub-MessageType", "Will");
  writer.body(will.message);
  if (MessageView{flat_}.counted_size() > rules_->d2c_size_limit) return false;
  flat = Bytes(flat_.begin(), flat_.end());
  return true;
}

void MqttDoor::resume(const StoredSession& stored, Session& session) {
  if (stored.filters.empty()) return;
  session.inbox = std::make_unique<Inbox>();
  Inbox& inbox = *session.inbox;
  inbox.filters = stored.filters;
  inbox.subscribed = stored.subscribed;
  for (const StoredSession::Filter& filter : inbox.filters) {
    if (mqtt::read_filter(filter.filter, session.name) != mqtt::FilterKind::commands) continue;
    inbox.qos = filter.qos;
    inbox.prefix = filter.filter.substr(0, filter.filter.size() - 1);
  }
}

Ticket MqttDoor::store(Now now, const Session& session, Effects& effects) {
  StoredSession stored;
  if (session.inbox) {
    stored.filters = session.inbox->filters;
    stored.subscribed = session.inbox->subscribed;
  }
  return hub_->store_session(now, session.device, std::move(stored), effects);
}

// PUBLISH, and the answers that wait.

bool MqttDoor::too_large() const {
  return MessageView{flat_}.counted_size() > rules_->d2c_size_limit;
}

// Why the message is refused, if its device asked for such a fault.
std::optional<Why> MqttDoor::disturbed(Now now, const Session& session) {
  switch (orders_->heard(now, session.id, session.device, MessageView{flat_})) {
    case FaultOrders::Refusal::none: return std::nullopt;
    case FaultOrders::Refusal::unauthorized: return Why::credentials;
    case FaultOrders::Refusal::throttled:
    case FaultOrders::Refusal::quota: break;
  }
  return Why::not_allowed;
}

// Stores what is in flat_ as this connection's next message.
[[gnu::always_inline]] inline Ticket MqttDoor::append(Now now, Session& session, Effects& effects) {
  const std::uint32_t nth = ++session.published;
  if (rules_->overtaken(nth, session.resumed)) {
    overtaken_[session.id].assign(flat_.begin(), flat_.end());
    return {};
  }
  const auto own = static_cast<std::uint32_t>(session.device);
  const auto origin = static_cast<DeviceIndex>(rules_->origin(own, nth));
  const Ticket ticket = hub_->append_telemetry(now, origin, flat_, false, effects);
  if (overtaken_.empty()) return ticket;
  const auto late = overtaken_.extract(session.id);
  return late ? hub_->append_telemetry(now, session.device, late.mapped(), false, effects) : ticket;
}

// Promises leave in the order in which they were made, so one without a ticket, or with an older
// one, takes that of the one before it: PUBACKs keep the order of their PUBLISHes
// [mqtt311:4.6.0-6].
inline void MqttDoor::promise(const Session& session, Promise::Kind kind, mqtt::PacketId packet,
                       Ticket ticket) {
  if (kept_ < promises_.size()) ticket = std::max(ticket, promises_.back().ticket);
  promises_.push_back({ticket, session.id, session.node, packet, kind});
}

bool MqttDoor::on(Now now, std::uint32_t slot, const mqtt::Publish& packet, Effects& effects) {
  Session& session = sessions_[slot];
  const mqtt::Topic topic = mqtt::read_topic(packet.topic, session.name);
  flat_.clear();
  MessageWriter writer{flat_};
  bool legal = true;
  if (topic.kind == mqtt::Topic::Kind::telemetry) {
    if (!topic.bag.empty()) legal = mqtt::read_bag(topic.bag, writer);
    if (packet.retain)
      writer.property(retain_property(rules_->retain_property_name), "true");  // [MQTT-21]
    writer.body(packet.payload);
  }

  Event& event = saw(effects, session, Packet::publish,
                     flag_if(packet.dup, flag_dup) | flag_if(packet.retain, flag_retain));
  event.qos = packet.qos;
  event.packet_id = packet.id;
  event.message = MessageView{flat_}.key();

  if (packet.qos == 2 && rules_->qos2_publish == Qos2Publish::close)
    return cut(now, slot, Why::not_allowed, effects);  // [MQTT-20, H-10]
  if (topic.kind == mqtt::Topic::Kind::unknown && rules_->bad_topic == BadTopic::close)
    return cut(now, slot, Why::not_allowed, effects);         // [MQTT-26, H-14]
  if (!legal) return cut(now, slot, Why::protocol, effects);  // [MQTT-24]
  bool too_large = false;
  if (flat_.size() > looks_above_) [[unlikely]] {
    too_large = this->too_large();
    if (too_large && rules_->over_size == OverSize::close)
      return cut(now, slot, Why::not_allowed, effects);  // [D2C-40, H-19]
    if (orders_ != nullptr && topic.kind == mqtt::Topic::Kind::telemetry && !too_large)
      if (const auto why = disturbed(now, session)) return cut(now, slot, *why, effects);  // [MQTT-44]
  }

  if (throttle_ != nullptr) [[unlikely]]
    if (topic.kind == mqtt::Topic::Kind::telemetry && !too_large)
      return limited(now, slot, packet, effects);

  Ticket ticket{};
  const bool dropped = packet.dup && dropped_resend(session, packet.id);
  if (topic.kind == mqtt::Topic::Kind::telemetry && !too_large && !dropped)
    ticket = append(now, session, effects);
  if (rules_->stored_before && packet.qos > 0 && !dropped) newest_[session.device] = packet.id;
  if (packet.qos > 0) promise(session, Promise::Kind::puback, packet.id, ticket);  // [DLV-04]
  if (ticket == Ticket::none) release(now, effects);
  return true;
}

// Telemetry at a hub that throttles. What waits is taken later, in the order in which it came; it ends
// with its connection, as nobody was told anything of it yet.
bool MqttDoor::limited(Now now, std::uint32_t slot, const mqtt::Publish& packet, Effects& effects) {
  const Session& session = sessions_[slot];
  const MessageView message{flat_};
  const auto answer = throttle_->ask(now,
                                     {Limit::telemetry, session.id, session.node, message.key(),
                                      static_cast<std::uint32_t>(message.counted_size())},
                                     effects);
  if (answer.phase == Throttle::Phase::waits) {
    throttle_->wait([this, id = session.id, flat = flat_, packet_id = packet.id, qos = packet.qos,
                     dup = packet.dup](Now then, Error error, Effects& more) {
      const std::uint32_t where = index_.find(id);
      if (where == no_slot) return;
      if (error != Error::none) {
        cut(then, where, Why::throttled, more);
        return;
      }
      flat_ = flat;
      take_message(then, where, packet_id, qos, dup, more);
    });
    return true;
  }
  if (answer.acts && !take_message(now, slot, packet.id, packet.qos, packet.dup, effects))
    return false;
  if (answer.phase == Throttle::Phase::served) return true;
  if (rules_->quota.refused_is_not_acknowledged || packet.qos == 0)
    return cut(now, slot, Why::throttled, effects);  // [MQTT-44]
  promise(session, Promise::Kind::puback, packet.id, Ticket::none);
  return true;
}

// What is in flat_ is taken: stored, and acknowledged when it is durable.
bool MqttDoor::take_message(Now now, std::uint32_t slot, mqtt::PacketId id, std::uint8_t qos, bool dup,
                            Effects& effects) {
  Session& session = sessions_[slot];
  const bool dropped = dup && dropped_resend(session, id);
  const Ticket ticket = dropped ? Ticket::none : append(now, session, effects);
  if (rules_->stored_before && qos > 0 && !dropped) newest_[session.device] = id;
  if (qos > 0) promise(session, Promise::Kind::puback, id, ticket);  // [DLV-04]
  if (ticket == Ticket::none) release(now, effects);
  return true;
}

bool MqttDoor::dropped_resend(const Session& session, mqtt::PacketId id) const {
  if (session.took_over && !rules_->resends_are_stored) return true;
  if (!rules_->stored_before) return false;
  const auto newest = newest_.find(session.device);
  return newest != newest_.end() && rules_->stored_before(id, newest->second);
}

Event& MqttDoor::prepare(const Session& session, Promise::Kind kind, Ticket ticket,
                         const mqtt::Packet& packet) {
  Prepared& prepared = prepared_.emplace_back();
  std::visit([&](const auto& one) { mqtt::write(prepared.bytes, one); }, packet);
  Event& event = prepared.event;
  event.what = What::packet;
  event.packet = static_cast<Packet>(packet.index() + 1);  // the variant is in MQTT's own order
  event.flags = flag_sent;
  event.device = session.node;
  event.connection = static_cast<std::uint32_t>(session.id);
  promise(session, kind, 0, ticket);
  return event;
}

void MqttDoor::release_durable(Now now, Effects& effects) {
  const Ticket durable = hub_->durable();
  while (kept_ < promises_.size() && promises_[kept_].ticket <= durable) {
    const Promise next = promises_[kept_++];  // a copy: keeping it may promise more
    keep(now, next, effects);
  }
  if (kept_ == promises_.size()) {
    promises_.clear();
    kept_ = 0;
  } else if (kept_ > 4096 && 2 * kept_ > promises_.size()) {
    promises_.erase(promises_.begin(), promises_.begin() + static_cast<std::ptrdiff_t>(kept_));
    kept_ = 0;
  }
}

// Flattened: a PUBACK and its event are written here, millions of times.
[[gnu::flatten]] void MqttDoor::keep(Now now, const Promise& promise, Effects& effects) {
  const std::uint32_t slot = index_.find(promise.to);
  if (promise.kind == Promise::Kind::puback) {
    if (slot == no_slot) return;
    mqtt::write(effects.sending(promise.to), mqtt::Puback{promise.packet});
    effects.sent();
    Event& event = effects.saw(What::packet);
    event.packet = Packet::puback;
    event.flags = flag_sent;
    event.packet_id = promise.packet;
    event.device = promise.node;
    event.connection = static_cast<std::uint32_t>(promise.to);
    return;
  }
  const Prepared prepared = std::move(prepared_.front());
  prepared_.pop_front();
  if (slot == no_slot) return;
  effects.send(promise.to, prepared.bytes);
  effects.saw(What::packet) = prepared.event;

  Session& session = sessions_[slot];
  if (prepared.completes != LockToken{})
    hub_->settle(now, session.device, prepared.completes, Settle::complete, effects);
  if (promise.kind == Promise::Kind::connack) {
    session.stage = Stage::live;
    Event& event = effects.saw(What::accepted);
    event.connection = static_cast<std::uint32_t>(session.id);
    event.device = session.node;
    event.generation = hub_->device(session.device).generation;
    if (session.admission && session.admission->grant.until < Grant::forever)
      event.expiry = session.admission->grant.until.time_since_epoch().count();
    hub_->connection(now, session.device, true);
    event.keep_alive = session.keep_alive;
    event.flags =
        static_cast<std::uint16_t>(connect_flags(session.clean, !session.will.empty()) |
                                   (prepared.event.flags & (flag_sent | flag_session_present)));
    if (!rules_->needs_subscription && !session.inbox) {
      session.inbox = std::make_unique<Inbox>();
      session.inbox->qos = 1;
      session.inbox->prefix =
          std::string{mqtt::devices_level} + session.name + std::string{mqtt::command_levels};
    }
    if (!session.inbox || rules_->mqtt_presub_messages == PresubMessages::after_subscribe) return;
    session.inbox->open = true;  // [MQTT-32]
    if (rules_->pushes_backlog) deliver(now, session, effects);
  } else if (promise.kind == Promise::Kind::suback && session.inbox) {
    session.inbox->open = true;
    if (rules_->pushes_backlog) deliver(now, session, effects);
  }
}

// SUBSCRIBE and the rest.

bool MqttDoor::on(Now now, std::uint32_t slot, const mqtt::Subscribe& packet, Effects& effects) {
  Session& session = sessions_[slot];
  if (!session.inbox) session.inbox = std::make_unique<Inbox>();
  Inbox& inbox = *session.inbox;
  mqtt::Suback answer{packet.id, {}};
  std::uint16_t flags = 0;
  std::uint8_t commands_code = 0;
  bool legal = true;
  bool changed = false;
  for (const mqtt::Filter& wanted : packet.filters) {
    const mqtt::FilterKind kind = mqtt::read_filter(wanted.filter, session.name);
    const auto same =
        std::ranges::find(inbox.filters, wanted.filter, &StoredSession::Filter::filter);
    const bool known = kind != mqtt::FilterKind::unknown || rules_->bad_filter == BadFilter::accept;
    const bool room = same != inbox.filters.end() || inbox.filters.size() < rules_->filter_limit;
    if ((!known && rules_->bad_filter == BadFilter::close) ||                     // [H-15]
        (known && !room && rules_->filter_over_limit == FilterOverLimit::close))  // [H-16]
      legal = false;
    const auto granted = std::min<std::uint8_t>(wanted.qos, 1);  // [MQTT-34]
    const std::uint8_t code = known && room ? granted : failure;
    answer.codes.push_back(code);  // [mqtt311:3.8.4-5, 3.9.3-1]
    if (kind == mqtt::FilterKind::commands) {
      flags = flag_c2d_filter;
      commands_code = code;
    }
    if (code == failure) continue;
    changed = true;
    if (same != inbox.filters.end()) {
      same->qos = granted;  // [mqtt311:3.8.4-3]
    } else {
      inbox.filters.push_back({std::string{wanted.filter}, granted});
    }
    if (kind != mqtt::FilterKind::commands) continue;
    if (inbox.qos == Inbox::nothing) inbox.subscribed = now.wall;
    inbox.qos = granted;
    inbox.prefix = wanted.filter.substr(0, wanted.filter.size() - 1);
  }
  Event& event = saw(effects, session, Packet::subscribe, flags);
  event.packet_id = packet.id;
  if (!packet.filters.empty()) event.qos = packet.filters.front().qos;
  if (!legal) return cut(now, slot, Why::not_allowed, effects);

  if (changed && !session.clean) session_ticket_ = store(now, session, effects);  // [MQTT-13]
  Event& reply = prepare(session, Promise::Kind::suback,
                         rules_->grant_waits ? session_ticket_ : Ticket::none, answer);
  reply.packet_id = packet.id;
  reply.flags = static_cast<std::uint16_t>(reply.flags | flags);
  reply.code = flags ? commands_code : answer.codes.empty() ? 0 : answer.codes.front();
  release(now, effects);
  return true;
}

bool MqttDoor::on(Now now, std::uint32_t slot, const mqtt::Unsubscribe& packet, Effects& effects) {
  Session& session = sessions_[slot];
  std::uint16_t flags = 0;
  bool changed = false;
  for (const std::string_view filter : packet.filters) {
    const bool commands = mqtt::read_filter(filter, session.name) == mqtt::FilterKind::commands;
    if (commands) flags = flag_c2d_filter;
    if (!session.inbox) continue;
    Inbox& inbox = *session.inbox;
    if (std::erase_if(inbox.filters, [&](const auto& held) { return held.filter == filter; }) == 0)
      continue;  // only an exact match is removed [mqtt311:3.10.4-1]
    changed = true;
    if (commands) inbox.qos = Inbox::nothing;  // deliveries begun are finished [mqtt311:3.10.4-3]
  }
  saw(effects, session, Packet::unsubscribe, flags).packet_id = packet.id;
  if (changed && !session.clean) session_ticket_ = store(now, session, effects);  // [MQTT-40]
  Event& reply =
      prepare(session, Promise::Kind::packet, session_ticket_, mqtt::Unsuback{packet.id});
  reply.packet_id = packet.id;
  reply.flags = static_cast<std::uint16_t>(reply.flags | flags);
  release(now, effects);
  return true;
}

bool MqttDoor::on(Now, std::uint32_t slot, const mqtt::Pingreq&, Effects& effects) {
  Session& session = sessions_[slot];
  saw(effects, session, Packet::pingreq);
  if (session.stage == Stage::live) {  // owes nothing to storage, so it does not wait for it
    mqtt::write(effects.sending(session.id), mqtt::Pingresp{});
    effects.sent();
    saw(effects, session, Packet::pingresp, flag_sent);
  } else {
    prepare(session, Promise::Kind::packet, {},
            mqtt::Pingresp{});  // CONNACK comes first [mqtt311:3.2.0-1]
  }
  return true;
}

bool MqttDoor::on(Now now, std::uint32_t slot, const mqtt::Disconnect&, Effects& effects) {
  saw(effects, sessions_[slot], Packet::disconnect);
  return cut(now, slot, Why::disconnect, effects);
}

// Deliveries.

void MqttDoor::deliver(Now now, DeviceIndex device, Effects& effects) {
  const auto at = static_cast<std::size_t>(device);
  if (at < slot_of_.size() && slot_of_[at] != no_slot)
    deliver(now, sessions_[slot_of_[at]], effects);
}

void MqttDoor::deliver(Now now, Session& session, Effects& effects) {
  if (session.stage != Stage::live || !session.inbox) return;
  Inbox& inbox = *session.inbox;
  while (inbox.open && inbox.qos != Inbox::nothing && hub_->deliverable(session.device)) {
    if (const auto until = full_until(now, inbox)) {
      if (inbox.retry != *until && *until > now.mono) alarm(inbox.retry = *until, session.id);
      return;
    }
    const auto delivery = hub_->deliver(now, session.device, holder(session.id), effects);
    if (!delivery) return;
    push(now, session, *delivery, effects);
  }
}

// A message whose lock has run out is the hub's again and takes no place in the window. Its packet
// id stays taken and known, for the late PUBACK whose token is dead [C2D-14], as long as there is
// room. Without resends on a living connection it is under way until that PUBACK [H-23]. When the
// window is full: the instant at which a lock makes room; else nothing.
std::optional<Instant> MqttDoor::full_until(Now now, Inbox& inbox) const {
  const auto over = [&](const Flight& flight) {
    return rules_->resend_while_connected && rules_->lock_ended(now.mono, flight.until);
  };
  std::size_t under_way = 0;
  Instant first = Instant::max();
  for (const Flight& flight : inbox.flights) {
    if (over(flight)) continue;
    ++under_way;
    first = std::min(first, flight.until);
  }
  if (under_way >= rules_->c2d_window) return first;
  if (inbox.flights.size() >= 4 * std::size_t{rules_->c2d_window})
    inbox.flights.erase(std::ranges::find_if(inbox.flights, over));
  return std::nullopt;
}

void MqttDoor::push(Now now, Session& session, const Delivery& delivery, Effects& effects) {
  Inbox& inbox = *session.inbox;
  const auto held = std::ranges::find(inbox.flights, delivery.sequence, &Flight::sequence);
  if (held != inbox.flights.end() && !rules_->resend_while_connected) {
    held->token =
        delivery.token;  // not sent again on a living connection: its lock is renewed [H-23]
    held->until = now.mono + rules_->lock;
    return;
  }
  const MessageView message{delivery.flat};
  bag_.clear();
  mqtt::write_bag(bag_, message);
  const bool too_old = rules_->mqtt_presub_messages == PresubMessages::reject_older &&
                       delivery.enqueued < inbox.subscribed;           // [MQTT-31, OPEN-04]
  if (too_old || inbox.prefix.size() + bag_.size() > longest_topic) {  // no topic can carry it
    hub_->settle(now, session.device, delivery.token, Settle::reject, effects);
    return;
  }
  const mqtt::PacketId id = inbox.qos == 0 ? mqtt::PacketId{0} : fresh_id(inbox);
  const bool again = delivery.count > 0 && id != 0;  // [MQTT-38]
  const bool waits = delivery.ticket > hub_->durable();
  Prepared* prepared = waits ? &prepared_.emplace_back() : nullptr;
  mqtt::write_publish(waits ? prepared->bytes : effects.sending(session.id), inbox.prefix,
                      text(bag_), message.body(), id, inbox.qos, again,
                      false);  // RETAIN 0 [mqtt311:3.3.1-9]
  if (!waits) effects.sent();

  Event event;
  event.what = What::packet;
  event.packet = Packet::publish;
  event.flags = static_cast<std::uint16_t>(flag_sent | flag_c2d | flag_if(again, flag_dup));
  event.device = session.node;
  event.connection = static_cast<std::uint32_t>(session.id);
  event.qos = inbox.qos;
  event.packet_id = id;
  event.message = delivery.message;
  event.digest = message.content_digest();
  event.token = mqtt_token(session.id, id);
  event.sequence = delivery.sequence;
  event.count = delivery.count;
  event.date = delivery.enqueued.time_since_epoch().count();
  event.expiry = delivery.expiry.time_since_epoch().count();
  if (waits) {
    prepared->event = event;
    promise(session, Promise::Kind::packet, 0, delivery.ticket);
  } else {
    effects.saw(What::packet) = event;
  }

  if (id != 0) {
    inbox.flights.push_back(
        {id, delivery.token, delivery.sequence, delivery.message, now.mono + rules_->lock});
  } else if (rules_->mqtt_qos0_settle == Qos0Settle::complete_on_write) {  // [C2D-31, H-22]
    // What still waits is not written yet: after a crash it must be there to be delivered.
    if (waits)
      prepared->completes = delivery.token;
    else
      hub_->settle(now, session.device, delivery.token, Settle::complete, effects);
  }
}

mqtt::PacketId MqttDoor::fresh_id(Inbox& inbox) const {
  do {
    if (++inbox.last == 0) inbox.last = 1;
  } while (std::ranges::find(inbox.flights, inbox.last, &Flight::id) != inbox.flights.end());
  return inbox.last;
}

// PUBACK is "complete" [DLV-13]. It is looked up by its id, not by its turn: what came before it
// may have been left to time out by an application that cannot reject over MQTT [C2D-34, MQTT-35].
bool MqttDoor::on(Now now, std::uint32_t slot, const mqtt::Puback& packet, Effects& effects) {
  Session& session = sessions_[slot];
  Event& event = saw(effects, session, Packet::puback);
  event.packet_id = packet.id;
  event.token = mqtt_token(session.id, packet.id);
  if (!session.inbox) return true;
  auto& flights = session.inbox->flights;
  const auto flight = std::ranges::find(flights, packet.id, &Flight::id);
  if (flight == flights.end()) return true;
  event.message = flight->message;
  event.sequence = flight->sequence;
  const LockToken token = flight->token;
  flights.erase(flight);
  const Outcome outcome = hub_->settle(now, session.device, token, Settle::complete, effects);
  if (outcome.error != Error::none && !rules_->late_puback_is_nothing)  // [C2D-14]
    session.inbox->qos = Inbox::nothing;
  deliver(now, session, effects);
  return true;
}

// Time.

void MqttDoor::arm(Session& session) {
  const Instant due = session.heard + session.limit;
  if (session.armed != Instant{} && session.armed <= due) return;
  session.armed = due;
  alarm(due, session.id);
}

void MqttDoor::alarm(Instant due, ConnectionId id) {
  // The dead leave their alarms behind; when they are the most, they are swept out.
  if (alarms_.size() > 4 * index_.size() + 64) {
    std::erase_if(alarms_, [&](const Alarm& one) { return index_.find(one.id) == no_slot; });
    std::ranges::make_heap(alarms_, std::greater{});
  }
  alarms_.push_back({due, id});
  std::ranges::push_heap(alarms_, std::greater{});
}

void MqttDoor::woken(Now now, Effects& effects) {
  const Duration offset = now.wall.time_since_epoch() - now.mono.time_since_epoch();
  if (admissions_ > 0 && std::chrono::abs(offset - wall_minus_mono_) >= least_step) {
    wall_minus_mono_ = offset;
    for (Session& session : sessions_)
      if (session.admission) expect_expiry(now, session);
  }
  while (!alarms_.empty() && alarms_.front().due <= now.mono) {
    std::ranges::pop_heap(alarms_, std::greater{});
    const Alarm due = alarms_.back();
    alarms_.pop_back();
    const std::uint32_t slot = index_.find(due.id);
    if (slot == no_slot) continue;
    Session& session = sessions_[slot];
    if (session.admission && session.admission->due == due.due) {
      if (over(now, session)) {
        cut(now, slot, Why::credentials, effects);
        continue;
      }
      expect_expiry(now, session);
    }
    if (session.inbox && session.inbox->retry == due.due) deliver(now, session, effects);
    if (session.armed != due.due) continue;
    session.armed = Instant{};
    if (session.heard + session.limit > now.mono) {
      arm(session);
    } else {
      cut(now, slot, session.stage <= Stage::greeting ? Why::no_connect : Why::keep_alive, effects);
    }
  }
}

void MqttDoor::soon(ConnectionId id, bool again) const {
  const std::uint32_t slot = index_.find(id);
  if (slot == no_slot) return;
  const Session& session = sessions_[slot];
  if (!again)
    fetch(&session, sizeof session);
  else if (session.device != DeviceIndex::none)
    hub_->soon(session.device);
}

Event& MqttDoor::saw(Effects& effects, const Session& session, Packet packet,
                     unsigned flags) const {
  Event& event = effects.saw(What::packet);
  event.packet = packet;
  event.flags = static_cast<std::uint16_t>(flags);
  event.device = session.node;
  event.connection = static_cast<std::uint32_t>(session.id);
  return event;
}

}  // namespace hubproof::model
