#include "model/device/topic_client.hpp"

#include <algorithm>
#include <utility>

#include "model/payload.hpp"

namespace hubproof::model {
namespace {

constexpr std::uint32_t first_will_number = 0x8000'0000;  // other messages count from 1

std::uint16_t keep_alive_seconds(Duration keep_alive) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(keep_alive).count();
  return static_cast<std::uint16_t>(std::clamp<std::int64_t>(seconds, 0, 65'535));
}

}  // namespace

TopicClient::TopicClient(const TopicSettings& settings, std::string id, std::uint32_t number, Chance chance,
                         std::function<std::uint32_t(std::string_view)> note_of)
    : settings_{settings}, id_{std::move(id)}, number_{number}, chance_{chance}, note_of_{std::move(note_of)} {}

// ---- What is seen.

Event& TopicClient::saw(Effects& effects, What what) const {
  Event& event = effects.saw(what);
  event.device = static_cast<NodeIndex>(number_);
  event.connection = connections_;
  return event;
}

Event& TopicClient::saw_packet(Effects& effects, Packet type, bool sent, mqtt::PacketId id) const {
  Event& event = saw(effects, What::packet);
  event.packet = type;
  event.packet_id = id;
  if (sent) event.flags = flag_sent;
  return event;
}

// ---- The life of the process.

void TopicClient::started(Now now, Effects& effects) {
  last_id_ = static_cast<mqtt::PacketId>(chance_.below(ChanceSite::first_packet_id, 65'535));
  wills_ = chance_.below(ChanceSite::first_will, first_will_number);
  connect(now, effects);
}

void TopicClient::publish(Now now, std::string_view topic, View payload, std::uint8_t qos, bool retain,
                          Effects& effects) {
  if (outbox_.size() >= settings_.outbox_limit) return;
  outbox_.push_back({std::string{topic}, {payload.begin(), payload.end()}, 0, qos, retain});
  if (std::holds_alternative<Online>(state_)) send_more(now, effects);
}

void TopicClient::sleep(Now now, Effects& effects) {
  if (std::holds_alternative<Greeting>(state_) || std::holds_alternative<Online>(state_))
    leave(now, effects);
  else if (std::holds_alternative<Dialling>(state_))
    effects.abort(ConnectionId{connections_});
  state_ = Asleep{};
}

void TopicClient::resume(Now now, Effects& effects) {
  if (!std::holds_alternative<Asleep>(state_)) return;
  back_off_.reset();
  connect(now, effects);
}

void TopicClient::leave(Now now, Effects& effects) {
  const ConnectionId connection{connections_};
  mqtt::write(effects.sending(connection), mqtt::Disconnect{});
  effects.sent();
  saw_packet(effects, Packet::disconnect, true);
  effects.close(connection);  // [mqtt311:3.14.4-1]
  Event& event = saw(effects, What::ended);
  event.by = EndedBy::local;
  event.why = Why::disconnect;
  over(now);
}

// ---- Connecting, and the end of connections.

void TopicClient::connect(Now now, Effects& effects) {
  effects.connect(ConnectionId{++connections_});
  state_ = Dialling{now.mono + settings_.connect_patience};
}

void TopicClient::retry(Now now) {
  state_ = Waiting{now.mono + back_off_.next(chance_, ChanceSite::back_off, settings_.back_off_first,
                                             settings_.back_off_max, settings_.back_off_jitter_percent)};
}

// With Clean Session the session ends here, and with it what was under way [mqtt311:3.1.2-6].
void TopicClient::over(Now now) {
  if (const auto* online = std::get_if<Online>(&state_))
    back_off_.lasted(now.mono - online->since);
  else
    granted_.clear();  // what CONNECT was not answered may have begun another session
  decoder_ = mqtt::Decoder{mqtt::End::client};
  asked_.clear();
  if (!settings_.clean_session) return;
  std::erase_if(outbox_, [](const Outgoing& one) { return one.step != Outgoing::Step::waits; });
}

void TopicClient::give_up(Now now, Effects& effects) {
  effects.abort(ConnectionId{connections_});  // who does not answer would not see the end of a stream either
  Event& event = saw(effects, std::holds_alternative<Dialling>(state_) ? What::refused : What::ended);
  event.by = EndedBy::local;
  event.why = Why::no_answer;
  over(now);
  retry(now);
}

void TopicClient::connected(Now, ConnectionId connection, Effects& effects) {
  const auto* dialling = std::get_if<Dialling>(&state_);
  if (dialling == nullptr || !current(connection)) return;
  state_ = Greeting{dialling->patience};
  saw(effects, What::opened);
  say_connect(effects);
}

void TopicClient::refused(Now now, ConnectionId connection, Effects& effects) {
  if (!std::holds_alternative<Dialling>(state_) || !current(connection)) return;
  saw(effects, What::refused);
  retry(now);
}

void TopicClient::ended(Now now, ConnectionId connection, EndedBy by, Effects& effects) {
  if (std::holds_alternative<Dialling>(state_)) return refused(now, connection, effects);
  const bool lives = std::holds_alternative<Greeting>(state_) || std::holds_alternative<Online>(state_);
  if (!lives || !current(connection)) return;
  saw(effects, What::ended).by = by;
  over(now);
  retry(now);
}

// ---- Time.

// Something was sent whose answer is still to come.
bool TopicClient::owed() const {
  const auto under_way = [](const Outgoing& one) { return one.step != Outgoing::Step::waits; };
  return std::ranges::any_of(outbox_, under_way) ||
         std::ranges::any_of(asked_, [](mqtt::PacketId id) { return id != 0; });
}

std::optional<Instant> TopicClient::deadline() const {
  if (const auto* waiting = std::get_if<Waiting>(&state_)) return waiting->until;
  if (const auto* dialling = std::get_if<Dialling>(&state_)) return dialling->patience;
  if (const auto* greeting = std::get_if<Greeting>(&state_)) return greeting->patience;
  const auto* online = std::get_if<Online>(&state_);
  if (online == nullptr) return std::nullopt;
  std::optional<Instant> first;
  const std::uint16_t seconds = keep_alive_seconds(settings_.keep_alive);
  if (seconds > 0) first = online->said + std::chrono::seconds{seconds} * 3 / 4;
  if (online->owed) first = std::min(first.value_or(Instant::max()), *online->owed + settings_.ack_patience);
  return first;
}

void TopicClient::woken(Now now, Effects& effects) {
  if (const auto* waiting = std::get_if<Waiting>(&state_)) {
    if (now.mono >= waiting->until) connect(now, effects);
    return;
  }
  const auto due = deadline();
  if (!due || now.mono < *due) return;
  auto* online = std::get_if<Online>(&state_);
  if (online == nullptr || (online->owed && now.mono >= *online->owed + settings_.ack_patience))
    return give_up(now, effects);
  if (!online->owed) online->owed = now.mono;
  say(now, mqtt::Pingreq{}, effects);  // [mqtt311:3.1.2-23]
  saw_packet(effects, Packet::pingreq, true);
}

// ---- What this end says.

template <class P>
void TopicClient::say(Now now, const P& packet, Effects& effects) {
  mqtt::write(effects.sending(ConnectionId{connections_}), packet);
  effects.sent();
  if (auto* online = std::get_if<Online>(&state_)) online->said = now.mono;
}

void TopicClient::say_connect(Effects& effects) {
  mqtt::Connect packet;
  packet.clean_session = settings_.clean_session;
  packet.keep_alive = keep_alive_seconds(settings_.keep_alive);
  packet.client_id = id_;
  Event& event = saw_packet(effects, Packet::connect, true);
  event.keep_alive = packet.keep_alive;
  if (packet.clean_session) event.flags |= flag_clean_session;
  std::string payload;
  if (settings_.will) {
    const std::uint32_t number = first_will_number | ((wills_ + connections_) & (first_will_number - 1));
    payload = message_id(own_key('t', number_, number)) + " gone";
    packet.will = mqtt::Will{settings_.will->topic, view(payload), settings_.will->qos, settings_.will->retain};
    event.flags = static_cast<std::uint16_t>(event.flags | flag_has_will | (packet.will->retain ? flag_retain : 0));
    event.qos = packet.will->qos;
    event.note = note_of_(packet.will->topic);
    event.message = payload_key(view(payload));
    event.digest = payload_digest(view(payload));
  }
  mqtt::write(effects.sending(ConnectionId{connections_}), packet);
  effects.sent();
}

// The CONNACK has come. A session that begins has no subscriptions, and one that goes on has those that were granted in
// it; it has things under way, too.
void TopicClient::begin(Now now, bool present, Effects& effects) {
  state_ = Online{now.mono, now.mono, std::nullopt};
  if (!present) granted_.clear();
  granted_.resize(settings_.subscriptions.size());
  asked_.assign(settings_.subscriptions.size(), 0);
  for (std::size_t n = 0; n < asked_.size(); ++n) {
    if (granted_[n]) continue;
    const TopicSettings::Subscription& wanted = settings_.subscriptions[n];
    asked_[n] = fresh_id();
    say(now, mqtt::Subscribe{asked_[n], {{wanted.filter, wanted.qos}}}, effects);
    Event& event = saw_packet(effects, Packet::subscribe, true, asked_[n]);
    event.qos = wanted.qos;
    event.note = note_of_(wanted.filter);
  }
  for (Outgoing& one : outbox_) {  // [mqtt311:4.4.0-1], in order [mqtt311:4.6.0-1]
    if (one.step == Outgoing::Step::sent) send(now, one, true, effects);
    if (one.step == Outgoing::Step::released) send_release(now, one, effects);
  }
  send_more(now, effects);
}

void TopicClient::send_more(Now now, Effects& effects) {
  std::size_t under_way = 0;
  for (auto one = outbox_.begin(); one != outbox_.end();) {
    if (one->step != Outgoing::Step::waits) {
      ++under_way;
      ++one;
      continue;
    }
    if (one->qos > 0 && under_way >= settings_.window) break;
    if (one->qos > 0) one->id = fresh_id();
    send(now, *one, false, effects);
    if (one->qos == 0) {
      one = outbox_.erase(one);
      continue;
    }
    one->step = Outgoing::Step::sent;
    ++under_way;
    ++one;
  }
  auto& online = std::get<Online>(state_);
  if (!online.owed && owed()) online.owed = now.mono;
}

void TopicClient::send(Now now, Outgoing& message, bool again, Effects& effects) {
  say(now, mqtt::Publish{message.topic, message.payload, message.id, message.qos, again, message.retain}, effects);
  Event& event = saw_packet(effects, Packet::publish, true, message.id);
  if (again) event.flags |= flag_dup;
  if (message.retain) event.flags |= flag_retain;
  event.qos = message.qos;
  event.note = note_of_(message.topic);
  event.message = payload_key(message.payload);
  event.digest = payload_digest(message.payload);
}

void TopicClient::send_release(Now now, const Outgoing& message, Effects& effects) {
  say(now, mqtt::Pubrel{message.id}, effects);
  saw_packet(effects, Packet::pubrel, true, message.id);
}

mqtt::PacketId TopicClient::fresh_id() {
  const auto used = [&](mqtt::PacketId id) {
    return id == 0 || outgoing(id) != nullptr || std::ranges::find(asked_, id) != asked_.end();
  };
  do ++last_id_;
  while (used(last_id_));
  return last_id_;
}

TopicClient::Outgoing* TopicClient::outgoing(mqtt::PacketId id) {
  const auto found = std::ranges::find_if(outbox_, [&](const Outgoing& one) {
    return one.id == id && one.step != Outgoing::Step::waits;
  });
  return found == outbox_.end() ? nullptr : &*found;
}

// ---- What it hears.

void TopicClient::received(Now now, ConnectionId connection, View bytes, Effects& effects) {
  const bool lives = std::holds_alternative<Greeting>(state_) || std::holds_alternative<Online>(state_);
  if (!lives || !current(connection)) return;
  decoder_.feed(bytes);
  while (const mqtt::Packet* packet = decoder_.next()) {
    const bool good = hear(now, *packet, effects);
    if (std::holds_alternative<Waiting>(state_)) return;
    if (!good) return give_up(now, effects);
  }
  if (decoder_.malformed()) return give_up(now, effects);
  decoder_.keep();
  auto* online = std::get_if<Online>(&state_);
  if (online != nullptr) online->owed = owed() ? std::optional{now.mono} : std::nullopt;  // there is progress
}

// False: the broker has broken the protocol.
bool TopicClient::hear(Now now, const mqtt::Packet& packet, Effects& effects) {
  if (const auto* connack = std::get_if<mqtt::Connack>(&packet)) {
    if (!std::holds_alternative<Greeting>(state_)) return false;
    Event& event = saw(effects, connack->code == 0 ? What::accepted : What::refused);
    event.code = connack->code;
    event.keep_alive = keep_alive_seconds(settings_.keep_alive);
    if (settings_.clean_session) event.flags |= flag_clean_session;
    if (settings_.will) event.flags |= flag_has_will;
    if (connack->session_present) event.flags |= flag_session_present;
    if (connack->code != 0) {
      effects.close(ConnectionId{connections_});
      over(now);
      retry(now);
    } else {
      begin(now, connack->session_present, effects);
    }
    return true;
  }
  if (!std::holds_alternative<Online>(state_)) return false;  // CONNACK comes first [mqtt311:3.2.0-1]
  if (const auto* publish = std::get_if<mqtt::Publish>(&packet)) {
    hear(now, *publish, effects);
  } else if (const auto* puback = std::get_if<mqtt::Puback>(&packet)) {
    saw_packet(effects, Packet::puback, false, puback->id);
    finished(now, puback->id, 1, effects);
  } else if (const auto* pubrec = std::get_if<mqtt::Pubrec>(&packet)) {
    saw_packet(effects, Packet::pubrec, false, pubrec->id);
    if (Outgoing* one = outgoing(pubrec->id); one != nullptr && one->qos == 2) {
      one->step = Outgoing::Step::released;
      send_release(now, *one, effects);
    }
  } else if (const auto* pubcomp = std::get_if<mqtt::Pubcomp>(&packet)) {
    saw_packet(effects, Packet::pubcomp, false, pubcomp->id);
    finished(now, pubcomp->id, 2, effects);
  } else if (const auto* pubrel = std::get_if<mqtt::Pubrel>(&packet)) {
    saw_packet(effects, Packet::pubrel, false, pubrel->id);
    say(now, mqtt::Pubcomp{pubrel->id}, effects);
    saw_packet(effects, Packet::pubcomp, true, pubrel->id);
  } else if (const auto* suback = std::get_if<mqtt::Suback>(&packet)) {
    const auto which = std::ranges::find(asked_, suback->id);
    if (which == asked_.end() || suback->codes.size() != 1) return false;
    Event& event = saw_packet(effects, Packet::suback, false, suback->id);
    event.code = suback->codes.front();
    const auto n = static_cast<std::size_t>(which - asked_.begin());
    event.note = note_of_(settings_.subscriptions[n].filter);
    granted_[n] = suback->codes.front() <= 2;
    *which = 0;
  } else if (std::holds_alternative<mqtt::Pingresp>(packet)) {
    saw_packet(effects, Packet::pingresp, false);
  }
  return true;
}

// What of a QoS 2 message is new and what comes again, the ids tell [mqtt311:4.3.3-2]; that is left to whoever
// reads the history.
void TopicClient::hear(Now now, const mqtt::Publish& packet, Effects& effects) {
  Event& event = saw_packet(effects, Packet::publish, false, packet.id);
  if (packet.dup) event.flags |= flag_dup;
  if (packet.retain) event.flags |= flag_retain;
  event.qos = packet.qos;
  event.note = note_of_(packet.topic);
  event.message = payload_key(packet.payload);
  event.digest = payload_digest(packet.payload);
  if (packet.qos == 1) {
    say(now, mqtt::Puback{packet.id}, effects);
    saw_packet(effects, Packet::puback, true, packet.id);
  } else if (packet.qos == 2) {
    say(now, mqtt::Pubrec{packet.id}, effects);
    saw_packet(effects, Packet::pubrec, true, packet.id);
  }
}

void TopicClient::finished(Now now, mqtt::PacketId id, std::uint8_t qos, Effects& effects) {
  const auto found = std::ranges::find_if(outbox_, [&](const Outgoing& one) {
    const auto last = qos == 1 ? Outgoing::Step::sent : Outgoing::Step::released;
    return one.id == id && one.qos == qos && one.step == last;
  });
  if (found == outbox_.end()) return;
  outbox_.erase(found);
  send_more(now, effects);
}

}  // namespace hubproof::model
