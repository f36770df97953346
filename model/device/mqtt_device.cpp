#include "model/device/mqtt_device.hpp"

#include <algorithm>

#include "model/hub/token.hpp"
#include "model/mqtt/bag.hpp"

namespace hubproof::model {
namespace {

std::string telemetry_topic(std::string_view id) {
  return "devices/" + std::string{id} + "/messages/events/";
}

std::string command_filter(std::string_view id) {
  return "devices/" + std::string{id} + "/messages/devicebound/#";
}

// The property bag of a topic that a command of this device came on.
std::optional<std::string_view> command_bag(std::string_view topic, std::string_view id) {
  for (const std::string_view part :
       {std::string_view{"devices/"}, id, std::string_view{"/messages/devicebound/"}}) {
    if (!topic.starts_with(part)) return std::nullopt;
    topic.remove_prefix(part.size());
  }
  return topic;
}

std::uint16_t keep_alive_seconds(Duration keep_alive) {
  if (keep_alive <= Duration{0}) return 0;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(keep_alive).count();
  return static_cast<std::uint16_t>(std::clamp<std::int64_t>(seconds, 1, 65'535));
}

// Early enough for the hub to hear the ping in time.
Duration ping_after(const DeviceSettings& settings, const DeviceRules& rules) {
  if (!rules.pings) return Duration{0};
  return std::chrono::seconds{keep_alive_seconds(settings.keep_alive)} * 3 / 4;
}

constexpr std::uint32_t first_will_number = 0x8000'0000;  // telemetry counts from 1

}  // namespace

MqttDevice::MqttDevice(const DeviceSettings& settings, const DeviceRules& rules, std::string id,
                       std::uint32_t number, Chance chance)
    : settings_{&settings},
      rules_{&rules},
      ping_after_{ping_after(settings, rules)},
      number_{number},
      id_{std::move(id)},
      chance_{chance} {
  if (settings.durable_outbox) file_ = std::make_unique<OutboxFile>();
}

// ---- What is seen.

std::uint64_t MqttDevice::token(mqtt::PacketId id) const {
  return std::uint64_t{connections_} << 16 | id;
}

Event& MqttDevice::saw(Effects& effects, What what, Phase phase) const {
  Event& event = effects.saw(what, phase);
  event.device = static_cast<NodeIndex>(number_);
  if (state_.index() >= State{Greeting{}}.index()) event.connection = connections_;
  return event;
}

Event& MqttDevice::saw_packet(Effects& effects, Packet type, bool sent, mqtt::PacketId id) const {
  Event& event = saw(effects, What::packet);
  event.packet = type;
  event.packet_id = id;
  if (sent) event.flags = flag_sent;
  return event;
}

template <class P>
void MqttDevice::say(Now now, Online& online, const P& packet, Effects& effects) {
  mqtt::write(effects.sending(ConnectionId{connections_}), packet);
  effects.sent();
  online.said = now.mono;
}

// ---- The life of the process.

void MqttDevice::started(Now now, std::span<const StoredFile> files, Effects& effects) {
  last_id_ = static_cast<mqtt::PacketId>(chance_.below(ChanceSite::first_packet_id, 65'535));
  if (settings_->has_will) first_will_ = chance_.below(ChanceSite::first_will, first_will_number);
  if (file_) {
    // The crash ended the session on this side: its messages go out as new ones, under new ids and
    // without DUP, since neither ids nor whether a message had left are on the disk.
    Bytes flat;
    for (const auto& [serial, packet] : file_->recover(files)) {
      mqtt::Decoder decoder{mqtt::End::client};
      decoder.feed(packet);
      const mqtt::Packet* whole = decoder.next();
      const auto* publish = whole != nullptr ? std::get_if<mqtt::Publish>(whole) : nullptr;
      const std::string prefix = telemetry_topic(id_);
      if (publish == nullptr || !publish->topic.starts_with(prefix)) continue;
      flat.clear();
      MessageWriter writer{flat};
      if (!mqtt::read_bag(publish->topic.substr(prefix.size()), writer)) continue;
      writer.body(publish->payload);
      const MessageView message{flat};
      outbox_.put_packet(packet, message.key(), message.content_digest(), publish->qos, serial);
    }
    file_->rewrite(outbox_, effects);
  }
  connect(now, effects);
}

void MqttDevice::submit(Now now, MessageKey key, View flat, Effects& effects) {
  const MessageView message{flat};
  const Outbox::Entry* entry = nullptr;
  const std::uint64_t serial = file_ ? file_->next_serial() : 0;
  if (outbox_.size() < settings_->outbox_limit)
    entry = outbox_.put(id_, message, key, settings_->telemetry_qos, serial);
  Event& event = saw(effects, What::telemetry, Phase::invoke);
  event.qos = settings_->telemetry_qos;
  event.message = key;
  if (entry == nullptr) {
    event.digest = message.content_digest();
    Event& failed = saw(effects, What::telemetry, Phase::fail);
    failed.message = key;
    failed.error = outbox_.size() < settings_->outbox_limit ? Error::too_large : Error::queue_full;
    return;
  }
  event.digest = entry->digest;
  if (file_) file_->added(outbox_, *entry, effects);
  if (Online* here = online()) send_more(now, *here, effects);
}

void MqttDevice::stored(Now, Ticket ticket, bool ok, Effects& effects) {
  if (file_) file_->stored(ticket, ok, effects);
}

void MqttDevice::sleep(Now now, Effects& effects) {
  if (std::holds_alternative<Greeting>(state_) || online() != nullptr) {
    leave(now, effects);
  } else if (std::holds_alternative<Dialling>(state_)) {
    effects.abort(ConnectionId{connections_});
  }
  state_ = Asleep{};
}

void MqttDevice::leave(Now now, Effects& effects) {
  const ConnectionId connection{connections_};
  mqtt::write(effects.sending(connection), mqtt::Disconnect{});
  effects.sent();
  saw_packet(effects, Packet::disconnect, true);
  effects.close(connection);  // [mqtt311:3.14.4-1]
  Event& event = saw(effects, What::ended);
  event.by = EndedBy::local;
  event.why = Why::disconnect;
  connection_ended(now);
}

void MqttDevice::resume(Now now, Effects& effects) {
  if (!std::holds_alternative<Asleep>(state_)) return;
  back_off_.reset();
  connect(now, effects);
}

// ---- Connecting, and the end of connections.

bool MqttDevice::current(ConnectionId connection) const {
  return connection == ConnectionId{connections_};
}

void MqttDevice::connect(Now now, Effects& effects) {
  effects.connect(ConnectionId{++connections_});
  state_ = Dialling{now.mono + settings_->connect_patience};
}

void MqttDevice::wait_and_retry(Now now) {
  if (!rules_->retries_connecting) {
    state_ = Asleep{};
    return;
  }
  const Duration wait = back_off_.next(chance_, ChanceSite::back_off, settings_->back_off_first,
                                       settings_->back_off_max, settings_->back_off_jitter_percent);
  state_ = Waiting{now.mono + wait};
}

void MqttDevice::connection_ended(Now now) {
  if (const Online* here = online())
    back_off_.lasted(now.mono - here->since);
  else
    subscribed_ = false;  // what CONNECT was not answered may have begun a new session, which has no filter
  if (inbox_ && rules_->forgets_unsettled) inbox_->connection_ended();
  partial_.reset();
}

void MqttDevice::give_up(Now now, Why why, Effects& effects) {
  const ConnectionId connection{connections_};
  // A hub that does not answer would not see the end of a stream either.
  if (why == Why::no_answer)
    effects.abort(connection);
  else
    effects.close(connection);
  Event& event =
      saw(effects, std::holds_alternative<Dialling>(state_) ? What::refused : What::ended);
  event.connection = connections_;
  event.by = EndedBy::local;
  event.why = why;
  connection_ended(now);
  wait_and_retry(now);
}

void MqttDevice::connected(Now now, ConnectionId connection, Effects& effects) {
  const auto* dialling = std::get_if<Dialling>(&state_);
  if (dialling == nullptr || !current(connection)) return;
  state_ = Greeting{dialling->patience};
  saw(effects, What::opened);
  say_connect(now, effects);
}

void MqttDevice::refused(Now now, ConnectionId connection, Effects& effects) {
  if (!std::holds_alternative<Dialling>(state_) || !current(connection)) return;
  saw(effects, What::refused).connection = connections_;
  wait_and_retry(now);
}

void MqttDevice::ended(Now now, ConnectionId connection, EndedBy by, Effects& effects) {
  if (std::holds_alternative<Dialling>(state_)) return refused(now, connection, effects);
  if ((!std::holds_alternative<Greeting>(state_) && online() == nullptr) || !current(connection))
    return;
  saw(effects, What::ended).by = by;
  connection_ended(now);
  wait_and_retry(now);
}

// ---- Time.

std::optional<Instant> MqttDevice::deadline() const {
  const auto* here = std::get_if<Online>(&state_);
  if (here == nullptr) {
    if (const auto* waiting = std::get_if<Waiting>(&state_)) return waiting->until;
    if (const auto* dialling = std::get_if<Dialling>(&state_)) return dialling->patience;
    if (const auto* greeting = std::get_if<Greeting>(&state_)) return greeting->patience;
    return std::nullopt;
  }
  Instant first = here->renew;
  if (ping_after_ > Duration{0}) first = std::min(first, here->said + ping_after_);
  if (here->pinged) first = std::min(first, *here->pinged + settings_->ack_patience);
  if (here->asked) first = std::min(first, *here->asked + settings_->ack_patience);
  if (outbox_.in_flight()) first = std::min(first, here->progress + settings_->ack_patience);
  if (inbox_) first = std::min(first, inbox_->deadline().value_or(Instant::max()));
  if (first == Instant::max()) return std::nullopt;
  return first;
}

void MqttDevice::woken(Now now, Effects& effects) {
  if (const auto* waiting = std::get_if<Waiting>(&state_)) {
    if (now.mono >= waiting->until) connect(now, effects);
  } else if (const auto* dialling = std::get_if<Dialling>(&state_)) {
    if (now.mono >= dialling->patience) give_up(now, Why::no_answer, effects);
  } else if (const auto* greeting = std::get_if<Greeting>(&state_)) {
    if (now.mono >= greeting->patience) give_up(now, Why::no_answer, effects);
  } else if (Online* here = online()) {
    const Duration patience = settings_->ack_patience;
    if ((here->pinged && now.mono >= *here->pinged + patience) ||
        (here->asked && now.mono >= *here->asked + patience) ||
        (outbox_.in_flight() && now.mono >= here->progress + patience))
      return give_up(now, Why::no_answer, effects);
    if (now.mono >= here->renew) {  // over MQTT a new token needs a new connection [SEC-19]
      leave(now, effects);
      return connect(now, effects);
    }
    acknowledge(now, *here, effects);
    if (ping_after_ > Duration{0} && now.mono >= here->said + ping_after_)  // [mqtt311:3.1.2-23]
      say_ping(now, *here, effects);
  }
}

// ---- What this end says.

MessageKey MqttDevice::will_key() const {
  return own_key('t', number_,
                 first_will_number | ((first_will_ + connections_) & (first_will_number - 1)));
}

void MqttDevice::say_connect(Now now, Effects& effects) {
  mqtt::Connect packet;
  packet.clean_session = settings_->clean_session;
  packet.keep_alive = keep_alive_seconds(settings_->keep_alive);
  packet.client_id = id_;  // [MQTT-04]
  const std::string user_name = settings_->host + '/' + id_ + "/?api-version=2021-04-12";
  packet.user_name = user_name;  // [MQTT-05]

  Event& event = saw_packet(effects, Packet::connect, true);
  event.keep_alive = packet.keep_alive;
  if (packet.clean_session) event.flags |= flag_clean_session;
  std::string password;
  if (settings_->signer) {  // [MQTT-07]
    const auto [whose, key] = settings_->signer(id_);
    const Date expiry = std::chrono::floor<std::chrono::seconds>(now.wall + settings_->token_life);
    password = make_token(settings_->host + "/devices/" + whose, key, KeyForm::decoded, expiry);
    packet.password = view(password);
    event.expiry = std::max(expiry, Date{}).time_since_epoch().count();
    event.token = key_digest(key);
    event.sequence = scope_digest(whose);
    if (settings_->token_renewal > Duration{0})
      std::get<Greeting>(state_).renew = now.mono + settings_->token_renewal;
  }
  Bytes topic;
  if (settings_->has_will) {  // [MQTT-41]: a will is telemetry, and has a message-id as all has
    Bytes flat;
    MessageWriter writer{flat};
    writer.system(System::message_id, message_id(will_key()));
    writer.body(view("gone"));
    const MessageView message{flat};
    const std::string prefix = telemetry_topic(id_);
    topic.assign(prefix.begin(), prefix.end());
    mqtt::write_bag(topic, message);
    packet.will = mqtt::Will{text(topic), view("gone"), 1, false};
    event.flags |= flag_has_will;
    event.message = will_key();
    event.digest = message.content_digest();
  }
  mqtt::write(effects.sending(ConnectionId{connections_}), packet);
  effects.sent();
}

void MqttDevice::say_subscribe(Now now, Online& here, Effects& effects) {
  here.ask = fresh_id();
  here.asked = now.mono;
  const std::string filter = command_filter(id_);
  mqtt::Subscribe packet;
  packet.id = here.ask;
  packet.filters.push_back({filter, settings_->command_qos});
  say(now, here, packet, effects);
  Event& event = saw_packet(effects, Packet::subscribe, true, packet.id);
  event.flags |= flag_c2d_filter;
  event.qos = settings_->command_qos;
}

void MqttDevice::say_ping(Now now, Online& here, Effects& effects) {
  say(now, here, mqtt::Pingreq{}, effects);
  saw_packet(effects, Packet::pingreq, true);
  if (!here.pinged) here.pinged = now.mono;
}

mqtt::PacketId MqttDevice::fresh_id() {
  const mqtt::PacketId asked =
      online() != nullptr && online()->asked ? online()->ask : mqtt::PacketId{0};
  const auto skipped = [&](mqtt::PacketId id) {
    if (id == 0) return rules_->skips_id_zero;                               // [mqtt311:2.3.1-1]
    return rules_->skips_used_ids && (id == asked || outbox_.used(id));      // [mqtt311:2.3.1-2]
  };
  mqtt::PacketId id = last_id_;
  do {
    id = rules_->next_packet_id(id, ++ids_tried_);
  } while (skipped(id));
  last_id_ = id;
  return rules_->fresh_packet_ids ? id : mqtt::PacketId{1};
}

[[gnu::always_inline]] inline void MqttDevice::sent_for_good(Outbox::Entry& entry, Phase phase, Effects& effects) {
  Event& event = saw(effects, What::telemetry, phase);
  event.message = entry.key;
  event.packet_id = entry.id;
  event.qos = entry.qos;
  const std::uint64_t serial = entry.serial;
  outbox_.finish(entry);
  if (file_) file_->finished(outbox_, serial, effects);
}

void MqttDevice::take_for_all_below(mqtt::PacketId id, Effects& effects) {
  while (Outbox::Entry* entry = outbox_.sent_below(id)) sent_for_good(*entry, Phase::ok, effects);
}

void MqttDevice::send_more(Now now, Online& here, Effects& effects) {
  const bool idle = !outbox_.in_flight();
  while (Outbox::Entry* entry = outbox_.next_to_send(settings_->window)) {
    if (entry->qos > 0) outbox_.set_id(*entry, fresh_id());
    send_publish(now, here, *entry, false, effects);
  }
  if (idle) here.progress = now.mono;
}

void MqttDevice::send_publish(Now now, Online& here, Outbox::Entry& entry, bool again,
                              Effects& effects) {
  const bool dup = again && entry.qos > 0 && rules_->resend_sets_dup;
  if (dup) outbox_.mark_duplicate(entry);
  effects.send(ConnectionId{connections_}, outbox_.packet(entry));
  here.said = now.mono;
  Event& event = saw_packet(effects, Packet::publish, true, entry.id);
  event.qos = entry.qos;
  event.message = entry.key;
  event.digest = entry.digest;
  if (dup) event.flags |= flag_dup;
  if (entry.qos == 0)
    sent_for_good(entry, Phase::info, effects);  // nobody will say more [DLV-05]
  else if (!rules_->waits_for_ack)
    sent_for_good(entry, Phase::ok, effects);
}

void MqttDevice::send_release(Now now, Online& here, const Outbox::Entry& entry, Effects& effects) {
  say(now, here, mqtt::Pubrel{entry.id}, effects);
  saw_packet(effects, Packet::pubrel, true, entry.id).message = entry.key;
}

// What was sent on an earlier connection and not acknowledged. CleanSession 0 keeps the exchange
// going, whether the hub still knows the session or not [mqtt311:4.4.0-1]; with CleanSession 1
// there is no such exchange any more, and the message is a new one [mqtt311:3.1.2-6].
void MqttDevice::resend(Now now, Online& here, bool session_present, Effects& effects) {
  if (!session_present && inbox_) inbox_->forget_received();
  if (!rules_->resend_after_reconnect) return outbox_.forget_sent();
  if (!session_present && !rules_->resends_to_new_session) return outbox_.forget_sent();
  if (settings_->clean_session) return outbox_.begin_again();
  if (!rules_->resends_full_window && outbox_.full(settings_->window)) return;
  std::vector<Outbox::Entry*> unfinished;
  outbox_.each_sent(rules_->resend_order != ResendOrder::reversed,
                    [&](Outbox::Entry& entry) { unfinished.push_back(&entry); });
  if (rules_->resend_order == ResendOrder::by_packet_id)
    std::ranges::sort(unfinished, {}, &Outbox::Entry::id);
  for (Outbox::Entry* entry : unfinished) {
    if (entry->step == Outbox::Step::released)
      send_release(now, here, *entry, effects);
    else
      send_publish(now, here, *entry, true, effects);
  }
}

void MqttDevice::acknowledge(Now now, Online& here, Effects& effects) {
  if (!inbox_) return;
  while (const auto entry = inbox_->settled(now.mono)) {
    const auto settles = [&](Phase phase) {
      Event& event = saw(effects, What::complete, phase);
      event.message = entry->key;
      event.token = token(entry->id);
      event.packet_id = entry->id;
    };
    if (entry->command) settles(Phase::invoke);
    say(now, here, mqtt::Puback{entry->id}, effects);
    saw_packet(effects, Packet::puback, true, entry->id).message = entry->key;
    if (entry->command) settles(Phase::info);  // a PUBACK has no answer
  }
}

// ---- What this end hears.

void MqttDevice::received(Now now, ConnectionId connection, View bytes, Effects& effects) {
  const auto listening = [&] {
    return std::holds_alternative<Greeting>(state_) || online() != nullptr;
  };
  if (!listening() || !current(connection)) return;
  if (const mqtt::PacketId id = mqtt::lone_puback(bytes); id != 0 && !partial_) {
    if (!on(now, mqtt::Puback{id}, effects)) give_up(now, Why::protocol, effects);
    return;
  }
  // Most packets come whole, so a device keeps a decoder only while one has begun.
  std::unique_ptr<mqtt::Decoder> begun = std::move(partial_);
  mqtt::Decoder fresh{mqtt::End::client};
  mqtt::Decoder& decoder = begun ? *begun : fresh;
  decoder.feed(bytes);
  while (const mqtt::Packet* packet = decoder.next()) {
    const auto* ack = std::get_if<mqtt::Puback>(packet);  // what most of them are
    const bool fine = ack != nullptr
                          ? on(now, *ack, effects)
                          : std::visit([&](const auto& p) { return on(now, p, effects); }, *packet);
    if (!fine) give_up(now, Why::protocol, effects);  // [mqtt311:4.8.0-1]
    if (!listening() || !current(connection)) return;
  }
  if (decoder.malformed()) return give_up(now, Why::protocol, effects);
  decoder.keep();
  if (decoder.held() == 0) return;
  partial_ = begun ? std::move(begun) : std::make_unique<mqtt::Decoder>(std::move(fresh));
}

bool MqttDevice::on(Now now, const mqtt::Connack& packet, Effects& effects) {
  if (!std::holds_alternative<Greeting>(state_)) return false;
  Event& heard = saw_packet(effects, Packet::connack, false);
  heard.code = packet.code;
  if (packet.session_present) heard.flags |= flag_session_present;
  if (packet.code != 0) {
    saw(effects, What::refused).code = packet.code;
    give_up(now, Why::unknown, effects);
    return true;
  }
  Event& event = saw(effects, What::accepted);
  event.keep_alive = keep_alive_seconds(settings_->keep_alive);
  if (settings_->clean_session) event.flags |= flag_clean_session;
  if (packet.session_present) event.flags |= flag_session_present;
  if (settings_->has_will) {
    event.flags |= flag_has_will;
    event.message = will_key();
  }
  const Instant renew = std::get<Greeting>(state_).renew;
  Online& here = state_.emplace<Online>();
  here.renew = renew;
  here.since = here.said = here.progress = now.mono;

  // A session that is present may be older than our SUBSCRIBE, or one that a CONNECT of ours began and whose
  // CONNACK was lost, so that alone is no reason to be without one: the hub must have granted the filter to this
  // process, and every CONNECT since must have been answered.
  if (settings_->clean_session || !packet.session_present) subscribed_ = false;
  if (settings_->receives_commands && !subscribed_) say_subscribe(now, here, effects);
  resend(now, here, packet.session_present, effects);
  send_more(now, here, effects);
  return true;
}

bool MqttDevice::on(Now now, const mqtt::Puback& packet, Effects& effects) {
  Online* here = online();
  if (here == nullptr) return false;
  Event& heard = saw_packet(effects, Packet::puback, false, packet.id);
  Outbox::Entry* entry = outbox_.find(packet.id);
  if (entry == nullptr || entry->qos != 1) return true;  // of a copy that was acknowledged before
  heard.message = entry->key;
  here->progress = now.mono;
  sent_for_good(*entry, Phase::ok, effects);  // [DLV-04]
  if (!rules_->ack_is_for_one) take_for_all_below(packet.id, effects);
  send_more(now, *here, effects);
  return true;
}

bool MqttDevice::on(Now now, const mqtt::Pubrec& packet, Effects& effects) {
  Online* here = online();
  if (here == nullptr) return false;
  Event& heard = saw_packet(effects, Packet::pubrec, false, packet.id);
  Outbox::Entry* entry = outbox_.find(packet.id);
  if (entry == nullptr || entry->qos != 2) {
    // Nothing of ours; a PUBREL lets the other end forget it.
    Outbox::Entry nobody;
    nobody.id = packet.id;
    send_release(now, *here, nobody, effects);
    return true;
  }
  heard.message = entry->key;
  here->progress = now.mono;
  entry->step = Outbox::Step::released;
  send_release(now, *here, *entry, effects);
  return true;
}

bool MqttDevice::on(Now now, const mqtt::Pubcomp& packet, Effects& effects) {
  Online* here = online();
  if (here == nullptr) return false;
  Event& heard = saw_packet(effects, Packet::pubcomp, false, packet.id);
  Outbox::Entry* entry = outbox_.find(packet.id);
  if (entry == nullptr || entry->step != Outbox::Step::released) return true;
  heard.message = entry->key;
  here->progress = now.mono;
  sent_for_good(*entry, Phase::ok, effects);
  send_more(now, *here, effects);
  return true;
}

bool MqttDevice::on(Now now, const mqtt::Suback& packet, Effects& effects) {
  Online* here = online();
  if (here == nullptr) return false;
  const bool ours = here->asked && here->ask == packet.id;
  const std::uint8_t code = packet.codes.front();
  Event& heard = saw_packet(effects, Packet::suback, false, packet.id);
  heard.code = code;
  if (ours) heard.flags |= flag_c2d_filter;
  if (!ours) return true;
  if (packet.codes.size() != 1) return false;  // [mqtt311:3.8.4-5]
  here->asked.reset();
  subscribed_ = code != 0x80;
  // A hub that does not grant the filter now may do so later.
  if (!subscribed_) give_up(now, Why::unknown, effects);
  return true;
}

bool MqttDevice::on(Now, const mqtt::Unsuback& packet, Effects& effects) {
  if (online() == nullptr) return false;
  saw_packet(effects, Packet::unsuback, false, packet.id);
  return true;
}

bool MqttDevice::on(Now, const mqtt::Pingresp&, Effects& effects) {
  Online* here = online();
  if (here == nullptr) return false;
  saw_packet(effects, Packet::pingresp, false);
  here->pinged.reset();
  return true;
}

Inbox& MqttDevice::inbox() {
  if (!inbox_) inbox_ = std::make_unique<Inbox>(rules_->acknowledges_in_order);
  return *inbox_;
}

bool MqttDevice::on(Now now, const mqtt::Publish& packet, Effects& effects) {
  Online* here = online();
  if (here == nullptr) return false;
  const auto bag = command_bag(packet.topic, id_);
  MessageKey key{};
  std::uint64_t digest = 0;
  if (bag) {
    Bytes flat;
    flat.reserve(bag->size() + packet.payload.size() + 16);
    MessageWriter writer{flat};
    if (mqtt::read_bag(*bag, writer)) {
      writer.body(packet.payload);
      key = MessageView{flat}.key();
      digest = MessageView{flat}.content_digest();
    }
  }
  const auto describe = [&](Event& event) {
    event.packet_id = packet.id;
    event.qos = packet.qos;
    event.message = key;
    event.digest = digest;
    if (packet.dup) event.flags |= flag_dup;
    if (packet.retain) event.flags |= flag_retain;
    if (bag) event.flags |= flag_c2d;
  };
  describe(saw_packet(effects, Packet::publish, false));

  const bool fresh = packet.qos < 2 || inbox().receive(packet.id);  // [mqtt311:4.3.3-2]
  if (fresh && bag) {
    Event& delivery = saw(effects, What::delivery);
    describe(delivery);
    delivery.token = token(packet.id);
  }
  if (packet.qos == 2) {
    say(now, *here, mqtt::Pubrec{packet.id}, effects);
    saw_packet(effects, Packet::pubrec, true, packet.id).message = key;
  }
  if (packet.qos != 1 || !rules_->acknowledges) return true;
  Inbox::Entry entry{key, packet.id, bag.has_value(), false, now.mono};
  if (bag) {
    entry.handled += chance_.handling();
    entry.ignored =
        settings_->ignore_per_mille > 0 &&
        chance_.below(ChanceSite::command_handling, 1'000) < settings_->ignore_per_mille;
  }
  inbox().take(entry);
  acknowledge(now, *here, effects);
  return true;
}

bool MqttDevice::on(Now now, const mqtt::Pubrel& packet, Effects& effects) {
  Online* here = online();
  if (here == nullptr) return false;
  saw_packet(effects, Packet::pubrel, false, packet.id);
  inbox().release(packet.id);
  say(now, *here, mqtt::Pubcomp{packet.id}, effects);
  saw_packet(effects, Packet::pubcomp, true, packet.id);
  return true;
}

}  // namespace hubproof::model
