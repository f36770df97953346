// A device that only takes commands, over the interim link: it polls, handles what it got, settles
// it, polls again. One command at a time; lock tokens outlive a connection, so a command that was
// being handled when one ended is settled on the next.
//
//   asleep ──▶ waiting ──▶ dialling ──connected──▶ idle ──poll──▶ asking ──command──▶ idle
//                 ▲             │                    │  ──handled─▶ settling ──done──▶ idle
//                 └─────────────┴── refused, ended, no answer in time: from all of these
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "model/back_off.hpp"
#include "model/chance.hpp"
#include "model/device_settings.hpp"
#include "model/effects.hpp"
#include "model/link/link.hpp"
#include "model/rules.hpp"

namespace hubproof::model {

class LinkDevice {
 public:
  LinkDevice(const DeviceSettings& settings, const DeviceRules& rules, std::string id,
             std::uint32_t number, Chance chance);

  void started(Now now, std::span<const StoredFile>, Effects& effects) { connect(now, effects); }
  void submit(Now now, MessageKey key, View message, Effects& effects);  // it has no telemetry: refuses
  void connected(Now now, ConnectionId connection, Effects& effects);
  void refused(Now now, ConnectionId connection, Effects& effects);
  void received(Now now, ConnectionId connection, View bytes, Effects& effects);
  void ended(Now now, ConnectionId connection, EndedBy by, Effects& effects);
  void woken(Now now, Effects& effects);
  std::optional<Instant> deadline() const;
  void sleep(Now now, Effects& effects);
  void resume(Now now, Effects& effects);

 private:
  struct Asleep {};
  struct Waiting {
    Instant until;
  };
  struct Dialling {
    Instant patience;
  };
  struct Idle {
    Instant poll;
  };  // asks for a command then, or settles the one in hand
  struct Asking {
    Instant patience;
  };
  struct Settling {
    Instant patience;
  };
  using State = std::variant<Asleep, Waiting, Dialling, Idle, Asking, Settling>;

  struct InHand {
    MessageKey key{};
    std::uint64_t token = 0;
    std::uint64_t sequence = 0;
    Settle how = Settle::complete;
    Instant handled{};
  };

  bool open() const { return state_.index() >= State{Idle{}}.index(); }
  bool current(ConnectionId connection) const;
  void connect(Now now, Effects& effects);
  void wait_and_retry(Now now);
  void connection_ended(Now now, EndedBy by, Why why, Effects& effects);
  void go_on(Now now, Effects& effects);
  void ask(Now now, const Request& request, Effects& effects);
  void take(Now now, const Command& command, Effects& effects);
  void settled(Phase phase, Error error, Effects& effects);
  bool on(Now now, const link::ResponseFrame& frame, Effects& effects);
  Event& saw(Effects& effects, What what, Phase phase = Phase::ok) const;

  const DeviceSettings* settings_;
  const DeviceRules* rules_;
  Chance chance_;
  std::string id_;
  State state_ = Asleep{};
  link::Decoder decoder_;
  std::optional<InHand> in_hand_;
  Instant since_{};  // when the connection opened
  std::uint32_t number_;
  std::uint32_t connections_ = 0;
  std::uint32_t correlation_ = 0;  // of the last request
  BackOff back_off_;
};

}  // namespace hubproof::model
