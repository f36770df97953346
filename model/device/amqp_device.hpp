// A device that speaks AMQP 1.0: one connection with a link for its telemetry and, if it takes
// commands, one for these. What it was given to send it keeps until the hub has accepted it. It
// settles second [AMQP-17], so that it learns from the hub what became of its word on a command.
//
//   asleep ──▶ waiting ──▶ dialling ──connected──▶ greeting ──links attached──▶ online
//                 ▲             │                      │                          │
//                 └─────────────┴──────────────────────┴── refused, ended, no answer in time, detached
//
// A device with a signer puts a token to $cbs first and asks for its links when the hub says yes; before
// the token ends it puts the next one, on the connection that it has [AMQP-10].
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/amqp/engine.hpp"
#include "model/back_off.hpp"
#include "model/chance.hpp"
#include "model/device_settings.hpp"
#include "model/effects.hpp"
#include "model/message.hpp"
#include "model/operations.hpp"
#include "model/rules.hpp"

namespace hubproof::model {

class AmqpDevice {
 public:
  AmqpDevice(const DeviceSettings& settings, const DeviceRules& rules, std::string id,
             std::uint32_t number, Chance chance);

  void started(Now now, std::span<const StoredFile>, Effects& effects) { connect(now, effects); }
  void submit(Now now, MessageKey key, View message, Effects& effects);
  void connected(Now now, ConnectionId connection, Effects& effects);
  void refused(Now now, ConnectionId connection, Effects& effects);
  void received(Now now, ConnectionId connection, View bytes, Effects& effects);
  void ended(Now now, ConnectionId connection, EndedBy by, Effects& effects);
  void woken(Now now, Effects& effects);
  std::optional<Instant> deadline() const;
  void sleep(Now now, Effects& effects);
  void resume(Now now, Effects& effects);
  std::size_t unacknowledged() const { return outbox_.size(); }

 private:
  struct Asleep {};
  struct Waiting {
    Instant until;
  };
  struct Dialling {
    Instant patience;
  };
  struct Greeting {
    Instant patience;
  };
  struct Online {
    Instant since;
    Instant progress;  // when the hub last accepted something, or first owed it
    Instant pause{};   // the hub takes no telemetry for now: until then nothing is sent
  };
  using State = std::variant<Asleep, Waiting, Dialling, Greeting, Online>;

  struct Sent {
    MessageKey key{};
    std::uint64_t digest = 0;
    Bytes flat;
    amqp::DeliveryId delivery{};  // none: not under way
  };
  struct InHand {
    MessageKey key{};
    std::uint64_t token = 0;
    std::uint64_t sequence = 0;
    amqp::DeliveryId delivery{};
    Settle how = Settle::complete;
    Instant handled{};  // when the application is done with it
    bool asked = false; // its settling waits for the hub's answer
  };

  bool open() const { return state_.index() >= State{Greeting{}}.index(); }
  bool current(ConnectionId connection) const { return connection == ConnectionId{connections_}; }
  void connect(Now now, Effects& effects);
  void wait_and_retry(Now now);
  void connection_ended(Now now, EndedBy by, Why why, Effects& effects);
  void go_on(Now now, Effects& effects);  // takes the engine's events, sends what may be sent
  bool on(Now now, amqp::Event& event, Effects& effects);  // false: the connection is over
  void ask_for_links();
  void put_token(Now now, Effects& effects);
  bool answered(Now now, const amqp::Arrived& event, Effects& effects);  // false: the token is not taken
  void turned_away(Effects& effects);
  void pause(Now now);
  void send_telemetry(Now now, Online& online);
  void take(Now now, const amqp::Arrived& event, Effects& effects);
  void settle_due(Now now, Effects& effects);
  void settled(const InHand& what, Phase phase, Error error, Effects& effects);
  void say(Now now, Effects& effects);
  Event& saw(Effects& effects, What what, Phase phase = Phase::ok) const;

  const DeviceSettings* settings_;
  const DeviceRules* rules_;
  Chance chance_;
  std::string id_;
  State state_ = Asleep{};
  std::optional<amqp::Engine> engine_;
  amqp::LinkId telemetry_{};
  amqp::LinkId commands_{};
  std::uint32_t attached_ = 0;   // of the links that it asked for
  amqp::LinkId tokens_{};        // to $cbs, and its answers; none: it shows no token
  amqp::LinkId answers_{};
  std::optional<Instant> put_;   // when a token was, that has no answer yet
  Instant renew_ = Instant::max();
  std::deque<Sent> outbox_;      // in the order of submission
  std::size_t under_way_ = 0;    // of them
  std::vector<InHand> in_hand_;  // in the order of receipt
  std::uint32_t number_;
  std::uint32_t connections_ = 0;
  std::uint64_t tags_ = 0;
  BackOff back_off_;
  BackOff pauses_;
  Bytes out_;                    // scratch
};

}  // namespace hubproof::model
