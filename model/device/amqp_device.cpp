#include "model/device/amqp_device.hpp"

#include <algorithm>

#include "model/amqp/cbs.hpp"
#include "model/amqp/message.hpp"
#include "model/hub/token.hpp"
#include "model/iso_date.hpp"

namespace hubproof::model {
namespace {

constexpr std::string_view unauthorized = "amqp:unauthorized-access";

What what(Settle how) {
  switch (how) {
    case Settle::complete: return What::complete;
    case Settle::reject: return What::reject;
    case Settle::abandon: return What::abandon;
  }
  return What::complete;
}

// What abandons a message says so in either of two ways [OPEN-14].
amqp::Outcome outcome(Settle how, std::uint64_t token) {
  switch (how) {
    case Settle::complete: return amqp::Outcome::accepted;
    case Settle::reject: return amqp::Outcome::rejected;
    case Settle::abandon: return token % 2 == 0 ? amqp::Outcome::released : amqp::Outcome::modified;
  }
  return amqp::Outcome::accepted;
}

// Refused for now: it may be taken later, unchanged [ERR-36].
bool comes_again(const amqp::Error& error) {
  return error.condition == "com.microsoft:device-container-throttled" ||
         error.condition == "com.microsoft:quota-exceeded";
}

}  // namespace

AmqpDevice::AmqpDevice(const DeviceSettings& settings, const DeviceRules& rules, std::string id,
                       std::uint32_t number, Chance chance)
    : settings_{&settings}, rules_{&rules}, chance_{chance}, id_{std::move(id)}, number_{number} {}

Event& AmqpDevice::saw(Effects& effects, What what, Phase phase) const {
  Event& event = effects.saw(what, phase);
  event.device = static_cast<NodeIndex>(number_);
  event.flags = flag_link;
  if (open()) event.connection = connections_;
  return event;
}

void AmqpDevice::submit(Now now, MessageKey key, View flat, Effects& effects) {
  const std::uint64_t digest = MessageView{flat}.content_digest();
  Event& event = saw(effects, What::telemetry, Phase::invoke);
  event.qos = 1;
  event.message = key;
  event.digest = digest;
  if (outbox_.size() >= settings_->outbox_limit) {
    Event& failed = saw(effects, What::telemetry, Phase::fail);
    failed.message = key;
    failed.error = Error::queue_full;
    return;
  }
  outbox_.push_back({key, digest, Bytes(flat.begin(), flat.end()), {}});
  if (std::holds_alternative<Online>(state_)) go_on(now, effects);
}

// Connecting, and the end of connections.

void AmqpDevice::connect(Now now, Effects& effects) {
  effects.connect(ConnectionId{++connections_});
  state_ = Dialling{now.mono + settings_->connect_patience};
}

void AmqpDevice::wait_and_retry(Now now) {
  if (!rules_->retries_connecting) {
    state_ = Asleep{};
    return;
  }
  const Duration wait = back_off_.next(chance_, ChanceSite::back_off, settings_->back_off_first,
                                       settings_->back_off_max, settings_->back_off_jitter_percent);
  state_ = Waiting{now.mono + wait};
}

void AmqpDevice::connected(Now now, ConnectionId connection, Effects& effects) {
  const auto* dialling = std::get_if<Dialling>(&state_);
  if (dialling == nullptr || !current(connection)) return;
  state_ = Greeting{dialling->patience};
  saw(effects, What::opened).flags = 0;  // it is in once its links are attached
  engine_.emplace(amqp::Engine::Settings{true, id_, settings_->host, settings_->keep_alive, 0});
  attached_ = 0;
  tokens_ = answers_ = telemetry_ = commands_ = amqp::LinkId::none;
  put_.reset();
  renew_ = Instant::max();
  if (settings_->signer) {
    const amqp::CbsLinks links = amqp::attach_cbs(*engine_);
    tokens_ = links.tokens;
    answers_ = links.answers;
  } else {
    ask_for_links();
  }
  say(now, effects);
}

void AmqpDevice::ask_for_links() {
  amqp::Attach attach;
  attach.peer_sends = false;
  attach.name = "telemetry";
  attach.target = "/devices/" + id_ + "/messages/events";  // [AMQP-06]
  telemetry_ = engine_->attach(attach);
  if (!settings_->receives_commands) return;
  attach = {};
  attach.name = "commands";
  attach.source = "/devices/" + id_ + "/messages/devicebound";
  attach.receiver_settles = amqp::ReceiverSettles::second;
  commands_ = engine_->attach(attach);
}

// Tokens.

void AmqpDevice::put_token(Now now, Effects& effects) {
  const auto [whose, key] = settings_->signer(id_);
  const Date expiry = std::chrono::floor<std::chrono::seconds>(now.wall + settings_->token_life);
  const std::string token =
      make_token(settings_->host + "/devices/" + whose, key, KeyForm::decoded, expiry);
  Event& event = saw(effects, What::packet);
  event.packet = Packet::connect;
  event.flags |= flag_sent;
  event.expiry = std::max(expiry, Date{}).time_since_epoch().count();
  event.token = key_digest(key);
  event.sequence = scope_digest(whose);
  Bytes message;
  amqp::write_put_token(message, ++tags_, settings_->host + "/devices/" + id_, token);
  Bytes tag;
  Writer{tag}.u64(tags_);
  engine_->send(tokens_, tag, message);
  put_ = now.mono;
  renew_ = settings_->token_renewal > Duration{0} ? now.mono + settings_->token_renewal : Instant::max();
}

bool AmqpDevice::answered(Now, const amqp::Arrived& event, Effects& effects) {
  engine_->settle(event.link, event.delivery, amqp::Outcome::accepted);
  const auto status = amqp::read_put_token_status(event.message);
  if (!put_ || !status) return false;
  put_.reset();
  if (*status >= 300) {
    if (*status == 401) turned_away(effects);
    return false;
  }
  if (std::holds_alternative<Online>(state_)) saw(effects, What::accepted);
  else ask_for_links();
  return true;
}

void AmqpDevice::turned_away(Effects& effects) {
  constexpr std::uint16_t not_authorized = 5;  // as MQTT counts
  saw(effects, What::refused).code = not_authorized;
}

void AmqpDevice::refused(Now now, ConnectionId connection, Effects& effects) {
  if (!std::holds_alternative<Dialling>(state_) || !current(connection)) return;
  saw(effects, What::refused).connection = connections_;
  wait_and_retry(now);
}

void AmqpDevice::ended(Now now, ConnectionId connection, EndedBy by, Effects& effects) {
  if (std::holds_alternative<Dialling>(state_)) return refused(now, connection, effects);
  if (!open() || !current(connection)) return;
  connection_ended(now, by, Why::unknown, effects);
  wait_and_retry(now);
}

void AmqpDevice::connection_ended(Now now, EndedBy by, Why why, Effects& effects) {
  for (const InHand& what : in_hand_)  // its locks are gone; of those asked for nobody knows
    if (what.asked) settled(what, Phase::info, Error::none, effects);
  in_hand_.clear();
  if (const auto* online = std::get_if<Online>(&state_)) back_off_.lasted(now.mono - online->since);
  Event& event = saw(effects, What::ended);
  event.by = by;
  event.why = why;
  engine_.reset();
  for (Sent& one : outbox_) one.delivery = amqp::DeliveryId::none;  // sent again on the next [DLV-09]
  under_way_ = 0;
}

void AmqpDevice::sleep(Now now, Effects& effects) {
  if (open()) {
    engine_->close({});
    say(now, effects);
    effects.close(ConnectionId{connections_});
    connection_ended(now, EndedBy::local, Why::disconnect, effects);
  } else if (std::holds_alternative<Dialling>(state_)) {
    effects.abort(ConnectionId{connections_});
  }
  state_ = Asleep{};
}

void AmqpDevice::resume(Now now, Effects& effects) {
  if (!std::holds_alternative<Asleep>(state_)) return;
  back_off_.reset();
  connect(now, effects);
}

// Time.

std::optional<Instant> AmqpDevice::deadline() const {
  if (const auto* waiting = std::get_if<Waiting>(&state_)) return waiting->until;
  if (const auto* dialling = std::get_if<Dialling>(&state_)) return dialling->patience;
  if (!open()) return std::nullopt;
  Instant first = engine_->deadline().value_or(Instant::max());
  if (const auto* greeting = std::get_if<Greeting>(&state_))
    return std::min(first, greeting->patience);
  const auto& online = std::get<Online>(state_);
  if (under_way_ > 0) first = std::min(first, online.progress + settings_->ack_patience);
  first = std::min(first, put_ ? *put_ + settings_->ack_patience : renew_);
  if (online.pause > Instant{} && under_way_ < outbox_.size()) first = std::min(first, online.pause);
  for (const InHand& one : in_hand_)
    first = std::min(first, one.asked ? one.handled + settings_->ack_patience : one.handled);
  if (first == Instant::max()) return std::nullopt;
  return first;
}

void AmqpDevice::woken(Now now, Effects& effects) {
  const auto due = deadline();
  if (!due || now.mono < *due) return;
  if (std::holds_alternative<Waiting>(state_)) return connect(now, effects);
  bool late = std::holds_alternative<Dialling>(state_);
  if (const auto* greeting = std::get_if<Greeting>(&state_)) late = now.mono >= greeting->patience;
  if (const auto* online = std::get_if<Online>(&state_)) {
    late = (under_way_ > 0 && now.mono >= online->progress + settings_->ack_patience) ||
           (put_ && now.mono >= *put_ + settings_->ack_patience);
    for (const InHand& one : in_hand_)
      late = late || (one.asked && now.mono >= one.handled + settings_->ack_patience);
  }
  if (late) {
    effects.abort(ConnectionId{connections_});
    if (open()) {
      connection_ended(now, EndedBy::local, Why::no_answer, effects);
    } else {
      Event& event = saw(effects, What::refused);
      event.connection = connections_;
      event.by = EndedBy::local;
      event.why = Why::no_answer;
    }
    return wait_and_retry(now);
  }
  engine_->woken(now.mono);
  go_on(now, effects);
}

void AmqpDevice::received(Now now, ConnectionId connection, View bytes, Effects& effects) {
  if (!open() || !current(connection)) return;
  engine_->received(now.mono, bytes);
  go_on(now, effects);
}

// The loop of the application.

void AmqpDevice::say(Now now, Effects& effects) {
  out_.clear();
  engine_->output(now.mono, out_);
  if (!out_.empty()) effects.send(ConnectionId{connections_}, out_);
}

void AmqpDevice::go_on(Now now, Effects& effects) {
  for (bool more = true; more;) {
    while (auto event = engine_->next()) {
      if (on(now, *event, effects)) continue;
      say(now, effects);
      effects.close(ConnectionId{connections_});
      const bool closed = std::holds_alternative<amqp::Closed>(*event) ||
                          std::holds_alternative<amqp::Detached>(*event);
      const auto* detached = std::get_if<amqp::Detached>(&*event);
      const bool cut = detached != nullptr && detached->error.condition == unauthorized;
      connection_ended(now, EndedBy::local,
                       cut ? Why::credentials : closed ? Why::takeover : Why::protocol, effects);
      return wait_and_retry(now);
    }
    if (Online* online = std::get_if<Online>(&state_)) {
      if (!put_ && now.mono >= renew_ && engine_->credit(tokens_) > 0) put_token(now, effects);
      send_telemetry(now, *online);
      settle_due(now, effects);
    }
    say(now, effects);
    more = !out_.empty();
  }
}

bool AmqpDevice::on(Now now, amqp::Event& event, Effects& effects) {
  if (const auto* attached = std::get_if<amqp::Attached>(&event)) {
    if (attached->link == answers_) engine_->grant(answers_, 1);
    if (attached->link == tokens_ || attached->link == answers_) return true;
    // What is attached to nothing is refused: its detach comes next [ERR-19].
    if ((attached->attach.peer_sends ? attached->attach.source : attached->attach.target).empty())
      return true;
    const std::uint32_t wanted = commands_ == amqp::LinkId::none ? 1u : 2u;
    if (++attached_ < wanted || !std::holds_alternative<Greeting>(state_)) return true;
    state_ = Online{now.mono, now.mono};
    saw(effects, What::accepted);
    if (commands_ != amqp::LinkId::none) engine_->grant(commands_, settings_->window);
    return true;
  }
  if (const auto* credited = std::get_if<amqp::Credited>(&event)) {
    const bool first = !put_ && telemetry_ == amqp::LinkId::none;
    if (credited->link == tokens_ && first && engine_->credit(tokens_) > 0) put_token(now, effects);
    return true;
  }
  if (const auto* arrived = std::get_if<amqp::Arrived>(&event)) {
    if (arrived->link == answers_) return answered(now, *arrived, effects);
    take(now, *arrived, effects);
    return true;
  }
  if (const auto* said = std::get_if<amqp::Settled>(&event)) {
    if (said->link == tokens_) {
      engine_->forget(said->link, said->delivery);
      return true;
    }
    if (said->link == telemetry_) {
      const auto sent = std::ranges::find(outbox_, said->delivery, &Sent::delivery);
      if (sent == outbox_.end()) return true;
      engine_->forget(said->link, said->delivery);
      if (Online* online = std::get_if<Online>(&state_)) online->progress = now.mono;
      --under_way_;
      const bool refused = said->outcome == amqp::Outcome::rejected;
      if (refused && comes_again(said->error)) {
        sent->delivery = amqp::DeliveryId::none;
        pause(now);
        return true;
      }
      pauses_.reset();
      if (said->outcome != amqp::Outcome::accepted && !refused) {  // not taken: it goes again
        sent->delivery = amqp::DeliveryId::none;
        return true;
      }
      Event& end = saw(effects, What::telemetry, refused ? Phase::fail : Phase::ok);
      end.message = sent->key;
      if (refused) end.error = Error::too_large;
      outbox_.erase(sent);
      return true;
    }
    const auto found = std::ranges::find(in_hand_, said->delivery, &InHand::delivery);
    if (found == in_hand_.end() || !found->asked) return true;
    const bool lost = said->error.condition == "com.microsoft:message-lock-lost";
    const bool done = said->outcome == outcome(found->how, found->token) && said->error.condition.empty();
    settled(*found, done ? Phase::ok : lost ? Phase::fail : Phase::info,
            lost ? Error::lock_lost : Error::none, effects);
    engine_->settle(commands_, found->delivery, amqp::Outcome::none);
    in_hand_.erase(found);
    return true;
  }
  if (const auto* detached = std::get_if<amqp::Detached>(&event);
      detached != nullptr && std::holds_alternative<Greeting>(state_) &&
      detached->error.condition == unauthorized)
    turned_away(effects);
  return !std::holds_alternative<amqp::Detached>(event) &&
         !std::holds_alternative<amqp::Closed>(event) &&
         !std::holds_alternative<amqp::Broken>(event);
}

// The hub takes no more for now: what it refused, and all behind it, waits [ERR-36].
void AmqpDevice::pause(Now now) {
  Online& online = std::get<Online>(state_);
  if (online.pause > now.mono) return;  // another one of the same moment
  online.pause = now.mono + pauses_.next(chance_, ChanceSite::back_off, settings_->back_off_first,
                                         settings_->back_off_max,
                                         settings_->back_off_jitter_percent);
}

void AmqpDevice::send_telemetry(Now now, Online& online) {
  if (now.mono < online.pause) return;
  online.pause = {};
  for (Sent& one : outbox_) {
    if (under_way_ >= settings_->window || engine_->credit(telemetry_) == 0) return;
    if (one.delivery != amqp::DeliveryId::none) continue;
    if (under_way_++ == 0) online.progress = now.mono;
    Bytes message;
    amqp::write_message(message, MessageView{one.flat}, "/devices/" + id_ + "/messages/events");
    Bytes tag;
    Writer{tag}.u64(++tags_);
    one.delivery = engine_->send(telemetry_, tag, message);
  }
}

void AmqpDevice::take(Now now, const amqp::Arrived& event, Effects& effects) {
  const auto sections = amqp::read_sections(event.message);
  Bytes flat;
  if (!sections || !amqp::read_flat(*sections, flat))
    return engine_->settle(event.link, event.delivery, amqp::Outcome::rejected);
  const MessageView message{flat};
  const View lock = sections->annotation("x-opt-lock-token").bytes;
  InHand taken;
  taken.key = message.key();
  taken.token = lock.size() == 16 ? load_big<8>(lock.data() + 8) : 0;
  taken.sequence = sections->annotation("x-opt-sequence-number").bits;
  taken.delivery = event.delivery;
  taken.handled = now.mono + chance_.handling();
  for (const What what : {What::packet, What::delivery}) {
    Event& seen = saw(effects, what);
    if (what == What::packet) seen.packet = Packet::link_delivery;
    seen.message = taken.key;
    seen.digest = message.content_digest();
    seen.token = taken.token;
    seen.sequence = taken.sequence;
    seen.count = static_cast<std::uint32_t>(sections->annotation("iothub-deliverycount").bits);
    seen.date = nanoseconds_of(sections->annotation("iothub-enqueuedtime").number());
    if (const auto expiry = message.expiry()) seen.expiry = expiry->time_since_epoch().count();
  }
  const std::uint32_t reject = settings_->reject_per_mille;
  const std::uint32_t abandon = reject + settings_->abandon_per_mille;
  const std::uint32_t ignore = abandon + settings_->ignore_per_mille;
  if (ignore > 0) {
    const std::uint32_t drawn = chance_.below(ChanceSite::command_handling, 1'000);
    if (drawn < reject) taken.how = Settle::reject;
    else if (drawn < abandon) taken.how = Settle::abandon;
    else if (drawn < ignore) return;
  }
  if (rules_->acknowledges) in_hand_.push_back(taken);
}

void AmqpDevice::settle_due(Now now, Effects& effects) {
  for (InHand& one : in_hand_) {
    if (one.asked || now.mono < one.handled) continue;
    one.asked = true;
    Event& event = saw(effects, what(one.how), Phase::invoke);
    event.message = one.key;
    event.token = one.token;
    event.sequence = one.sequence;
    engine_->propose(commands_, one.delivery, outcome(one.how, one.token));
  }
}

void AmqpDevice::settled(const InHand& which, Phase phase, Error error, Effects& effects) {
  Event& event = saw(effects, what(which.how), phase);
  event.message = which.key;
  event.token = which.token;
  event.sequence = which.sequence;
  event.error = error;
}

}  // namespace hubproof::model
