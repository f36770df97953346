#include "model/device/link_device.hpp"

namespace hubproof::model {
namespace {

What what(Settle how) {
  switch (how) {
    case Settle::complete:
      return What::complete;
    case Settle::reject:
      return What::reject;
    case Settle::abandon:
      return What::abandon;
  }
  return What::complete;
}

}  // namespace

LinkDevice::LinkDevice(const DeviceSettings& settings, const DeviceRules& rules, std::string id,
                       std::uint32_t number, Chance chance)
    : settings_{&settings}, rules_{&rules}, chance_{chance}, id_{std::move(id)}, number_{number} {}

Event& LinkDevice::saw(Effects& effects, What what, Phase phase) const {
  Event& event = effects.saw(what, phase);
  event.device = static_cast<NodeIndex>(number_);
  event.flags = flag_link;
  event.connection = connections_;
  return event;
}

void LinkDevice::submit(Now, MessageKey key, View flat, Effects& effects) {
  const MessageView message{flat};
  for (const Phase phase : {Phase::invoke, Phase::fail}) {
    Event& event = saw(effects, What::telemetry, phase);
    event.message = key;
    event.digest = message.content_digest();
    if (phase == Phase::fail) event.error = Error::bad_request;
  }
}

// ---- Connecting, and the end of connections.

bool LinkDevice::current(ConnectionId connection) const {
  return connection == ConnectionId{connections_};
}

void LinkDevice::connect(Now now, Effects& effects) {
  effects.connect(ConnectionId{++connections_});
  state_ = Dialling{now.mono + settings_->connect_patience};
}

void LinkDevice::wait_and_retry(Now now) {
  if (!rules_->retries_connecting) {
    state_ = Asleep{};
    return;
  }
  const Duration wait = back_off_.next(chance_, ChanceSite::back_off, settings_->back_off_first,
                                       settings_->back_off_max, settings_->back_off_jitter_percent);
  state_ = Waiting{now.mono + wait};
}

void LinkDevice::connected(Now now, ConnectionId connection, Effects& effects) {
  if (!std::holds_alternative<Dialling>(state_) || !current(connection)) return;
  since_ = now.mono;
  state_ = Idle{now.mono};
  saw(effects, What::opened);
  effects.send(connection, view(link::preamble));
  go_on(now, effects);
}

void LinkDevice::refused(Now now, ConnectionId connection, Effects& effects) {
  if (!std::holds_alternative<Dialling>(state_) || !current(connection)) return;
  saw(effects, What::refused);
  wait_and_retry(now);
}

void LinkDevice::ended(Now now, ConnectionId connection, EndedBy by, Effects& effects) {
  if (std::holds_alternative<Dialling>(state_)) return refused(now, connection, effects);
  if (!open() || !current(connection)) return;
  connection_ended(now, by, Why::unknown, effects);
  wait_and_retry(now);
}

void LinkDevice::connection_ended(Now now, EndedBy by, Why why, Effects& effects) {
  if (std::holds_alternative<Settling>(state_)) settled(Phase::info, Error::none, effects);
  Event& event = saw(effects, What::ended);
  event.by = by;
  event.why = why;
  back_off_.lasted(now.mono - since_);
  decoder_ = {};
}

void LinkDevice::sleep(Now now, Effects& effects) {
  if (open()) {
    effects.close(ConnectionId{connections_});
    connection_ended(now, EndedBy::local, Why::disconnect, effects);
  } else if (std::holds_alternative<Dialling>(state_)) {
    effects.abort(ConnectionId{connections_});
  }
  state_ = Asleep{};
}

void LinkDevice::resume(Now now, Effects& effects) {
  if (!std::holds_alternative<Asleep>(state_)) return;
  back_off_.reset();
  connect(now, effects);
}

// ---- Time.

std::optional<Instant> LinkDevice::deadline() const {
  if (const auto* waiting = std::get_if<Waiting>(&state_)) return waiting->until;
  if (const auto* dialling = std::get_if<Dialling>(&state_)) return dialling->patience;
  if (const auto* idle = std::get_if<Idle>(&state_))
    return in_hand_ ? in_hand_->handled : idle->poll;
  if (const auto* asking = std::get_if<Asking>(&state_)) return asking->patience;
  if (const auto* settling = std::get_if<Settling>(&state_)) return settling->patience;
  return std::nullopt;
}

void LinkDevice::woken(Now now, Effects& effects) {
  if (const auto due = deadline(); !due || now.mono < *due) return;
  if (std::holds_alternative<Waiting>(state_)) return connect(now, effects);
  if (std::holds_alternative<Idle>(state_)) return go_on(now, effects);
  effects.abort(ConnectionId{connections_});
  if (std::holds_alternative<Dialling>(state_)) {
    Event& event = saw(effects, What::refused);
    event.by = EndedBy::local;
    event.why = Why::no_answer;
  } else {
    connection_ended(now, EndedBy::local, Why::no_answer, effects);
  }
  wait_and_retry(now);
}

// ---- The loop of the application.

void LinkDevice::ask(Now, const Request& request, Effects& effects) {
  link::write_request(effects.sending(ConnectionId{connections_}), ++correlation_, request);
  effects.sent();
}

// In Idle: whatever is due.
void LinkDevice::go_on(Now now, Effects& effects) {
  const Instant patience = now.mono + settings_->ack_patience;
  if (in_hand_ && now.mono >= in_hand_->handled) {
    Event& event = saw(effects, what(in_hand_->how), Phase::invoke);
    event.message = in_hand_->key;
    event.token = in_hand_->token;
    event.sequence = in_hand_->sequence;
    ask(now, SettleCommand{id_, in_hand_->token, in_hand_->how}, effects);
    state_ = Settling{patience};
  } else if (!in_hand_ && now.mono >= std::get<Idle>(state_).poll) {
    ask(now, ReceiveCommand{id_}, effects);
    state_ = Asking{patience};
  }
}

void LinkDevice::settled(Phase phase, Error error, Effects& effects) {
  Event& event = saw(effects, what(in_hand_->how), phase);
  event.message = in_hand_->key;
  event.token = in_hand_->token;
  event.sequence = in_hand_->sequence;
  event.error = error;
  in_hand_.reset();
}

void LinkDevice::take(Now now, const Command& command, Effects& effects) {
  const MessageView message{command.message};
  for (const What what : {What::packet, What::delivery}) {
    Event& event = saw(effects, what);
    if (what == What::packet) event.packet = Packet::link_delivery;
    event.message = message.key();
    event.digest = message.content_digest();
    event.token = command.token;
    event.sequence = command.sequence;
    event.count = command.count;
    event.date = command.enqueued;
    event.expiry = command.expiry;
  }
  InHand taken{message.key(), command.token, command.sequence, Settle::complete,
               now.mono + chance_.handling()};
  const std::uint32_t reject = settings_->reject_per_mille;
  const std::uint32_t abandon = reject + settings_->abandon_per_mille;
  const std::uint32_t ignore = abandon + settings_->ignore_per_mille;
  if (ignore > 0) {
    const std::uint32_t drawn = chance_.below(ChanceSite::command_handling, 1'000);
    if (drawn < reject)
      taken.how = Settle::reject;
    else if (drawn < abandon)
      taken.how = Settle::abandon;
    else if (drawn < ignore)
      return;
  }
  if (rules_->acknowledges) in_hand_ = taken;
}

bool LinkDevice::on(Now now, const link::ResponseFrame& frame, Effects& effects) {
  if (frame.correlation != correlation_) return false;
  const auto* failed = std::get_if<Failed>(&frame.response);
  if (std::holds_alternative<Settling>(state_)) {
    if (failed == nullptr && !std::holds_alternative<Done>(frame.response)) return false;
    // A storage that failed or a wait that ended says nothing of the outcome [ERR-38].
    const bool unknown =
        failed != nullptr && (failed->error == Error::storage || failed->error == Error::timed_out);
    if (failed == nullptr)
      settled(Phase::ok, Error::none, effects);
    else
      settled(unknown ? Phase::info : Phase::fail, failed->error, effects);
    state_ = Idle{now.mono};
    return true;
  }
  if (!std::holds_alternative<Asking>(state_)) return false;
  const auto* command = std::get_if<Command>(&frame.response);
  if (failed == nullptr && command == nullptr) return false;
  const bool got = command != nullptr && command->token != 0;
  if (got) take(now, *command, effects);
  state_ = Idle{got ? now.mono : now.mono + settings_->poll};
  return true;
}

void LinkDevice::received(Now now, ConnectionId connection, View bytes, Effects& effects) {
  if (!open() || !current(connection)) return;
  decoder_.feed(bytes);
  bool fine = true;
  while (fine) {
    const auto frame = decoder_.next_response();
    if (!frame) break;
    fine = on(now, *frame, effects);
    if (fine && std::holds_alternative<Idle>(state_)) go_on(now, effects);
  }
  if (fine && !decoder_.broken()) return;
  effects.close(connection);
  connection_ended(now, EndedBy::local, Why::protocol, effects);
  wait_and_retry(now);
}

}  // namespace hubproof::model
