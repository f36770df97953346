// A device that speaks MQTT 3.1.1: the client's end of a session, with an outbox above it and an
// application that takes commands.
//
//   asleep ──resume──▶ waiting ──until──▶ dialling ──connected──▶ greeting ──CONNACK 0──▶ online
//      ▲                  ▲                   │                      │                      │
//      │                  └────── refused, no answer in time, CONNACK other than 0, ended ──┘
//      └── sleep, from any state; from greeting and online with a DISCONNECT
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "model/back_off.hpp"
#include "model/chance.hpp"
#include "model/device/inbox.hpp"
#include "model/device/outbox.hpp"
#include "model/device/outbox_file.hpp"
#include "model/device_settings.hpp"
#include "model/effects.hpp"
#include "model/mqtt/codec.hpp"
#include "model/rules.hpp"

namespace hubproof::model {

class MqttDevice {
 public:
  MqttDevice(const DeviceSettings& settings, const DeviceRules& rules, std::string id,
             std::uint32_t number, Chance chance);

  void started(Now now, std::span<const StoredFile> files, Effects& effects);
  void submit(Now now, MessageKey key, View message, Effects& effects);
  void connected(Now now, ConnectionId connection, Effects& effects);
  void refused(Now now, ConnectionId connection, Effects& effects);
  void received(Now now, ConnectionId connection, View bytes, Effects& effects);
  void ended(Now now, ConnectionId connection, EndedBy by, Effects& effects);
  void stored(Now now, Ticket ticket, bool ok, Effects& effects);
  void woken(Now now, Effects& effects);
  std::optional<Instant> deadline() const;
  void sleep(Now now, Effects& effects);
  void resume(Now now, Effects& effects);
  void soon(bool message) const { outbox_.soon(message); }
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
    Instant renew = Instant::max();  // when a new connection must be made, with a new token
  };
  struct Online {
    Instant since;
    Instant said;                   // when the last packet was sent
    Instant renew;                  // as in Greeting
    Instant progress;               // when the hub last acknowledged something, or first owed it
    std::optional<Instant> pinged;  // no PINGRESP yet
    std::optional<Instant> asked;   // SUBSCRIBE sent, no SUBACK yet
    mqtt::PacketId ask = 0;         // its packet id
  };
  using State = std::variant<Asleep, Waiting, Dialling, Greeting, Online>;

  bool current(ConnectionId connection) const;
  void connect(Now now, Effects& effects);
  void wait_and_retry(Now now);
  void give_up(Now now, Why why, Effects& effects);  // ends the connection from this end
  void connection_ended(Now now);

  void say_connect(Now now, Effects& effects);
  void leave(Now now, Effects& effects);  // by DISCONNECT
  void say_subscribe(Now now, Online& online, Effects& effects);
  void say_ping(Now now, Online& online, Effects& effects);
  void send_more(Now now, Online& online, Effects& effects);
  void resend(Now now, Online& online, bool session_present, Effects& effects);
  void send_publish(Now now, Online& online, Outbox::Entry& entry, bool again, Effects& effects);
  void send_release(Now now, Online& online, const Outbox::Entry& entry, Effects& effects);
  void sent_for_good(Outbox::Entry& entry, Phase phase, Effects& effects);
  [[gnu::noinline]] void take_for_all_below(mqtt::PacketId id, Effects& effects);  // a wrong device's way
  void acknowledge(Now now, Online& online, Effects& effects);
  template <class P>
  void say(Now now, Online& online, const P& packet, Effects& effects);

  // Each packet that this end may see; false: the hub broke the protocol.
  bool on(Now now, const mqtt::Connack& packet, Effects& effects);
  bool on(Now now, const mqtt::Publish& packet, Effects& effects);
  bool on(Now now, const mqtt::Puback& packet, Effects& effects);
  bool on(Now now, const mqtt::Pubrec& packet, Effects& effects);
  bool on(Now now, const mqtt::Pubrel& packet, Effects& effects);
  bool on(Now now, const mqtt::Pubcomp& packet, Effects& effects);
  bool on(Now now, const mqtt::Suback& packet, Effects& effects);
  bool on(Now now, const mqtt::Unsuback& packet, Effects& effects);
  bool on(Now now, const mqtt::Pingresp& packet, Effects& effects);
  template <class P>
  bool on(Now, const P&, Effects&) {
    return false;
  }  // only a server gets these
  Online* online() { return std::get_if<Online>(&state_); }

  Event& saw(Effects& effects, What what, Phase phase = Phase::ok) const;
  Event& saw_packet(Effects& effects, Packet type, bool sent, mqtt::PacketId id = 0) const;
  std::uint64_t token(mqtt::PacketId id) const;
  Inbox& inbox();
  mqtt::PacketId fresh_id();
  MessageKey will_key() const;

  // First what every message touches: with very many devices each cache line counts.
  State state_ = Asleep{};
  Outbox outbox_;
  const DeviceSettings* settings_;
  const DeviceRules* rules_;
  Duration ping_after_;                     // silence of this length is broken; zero: never
  std::unique_ptr<mqtt::Decoder> partial_;  // while a packet has begun and is not whole
  std::unique_ptr<OutboxFile> file_;        // durable outbox only
  std::unique_ptr<Inbox> inbox_;            // made with the first command
  std::uint32_t number_;
  std::uint32_t connections_ = 0;  // asked for so far; the newest is the current one
  mqtt::PacketId last_id_ = 0;     // the packet id used last
  bool subscribed_ = false;        // the hub has granted the filter to this session
  std::string id_;

  Chance chance_;
  std::uint32_t first_will_ = 0;
  BackOff back_off_;
  std::uint32_t ids_tried_ = 0;
};

}  // namespace hubproof::model
