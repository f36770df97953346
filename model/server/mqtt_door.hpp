// The hub's MQTT door: every MQTT connection's session, fed by the server, meeting the hub.
//
// A session is greeting (waits for CONNECT), accepting (its CONNACK waits for durability) or live. At
// a hub that throttles it may be held between the first two, and what it says after CONNECT with it.
//
//   opened ──▶ greeting ──CONNECT──▶ accepting ──durable──▶ live
//                 │ no, late, bad        │ any end             │ any end
//                 ▼                      ▼                     ▼
//               ended                  ended         ended, and the will published
//
// What a session promises (CONNACK, PUBACK, SUBACK, UNSUBACK) waits in one queue for all of them,
// in the order of its tickets; a promise to a connection that has ended is dropped [MQTT-09].
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/hub/gate.hpp"
#include "model/hub/hub.hpp"
#include "model/mqtt/codec.hpp"
#include "model/server/connection_index.hpp"
#include "model/server/fault_orders.hpp"

namespace hubproof::model {

class MqttDoor {
 public:
  MqttDoor(const HubRules& rules, Hub& hub, const Gate& gate);

  // `told`: its beginning is an event; a connection that another door had before has had it.
  void opened(Now now, ConnectionId id, std::optional<ClientCertificate> certificate,
              Effects& effects, bool told = true);
  bool received(Now now, ConnectionId id, View bytes, Effects& effects);  // false: not of this door
  void forget_partial(ConnectionId id);  // a wrong hub's way: a packet that has begun never was
  bool ended(Now now, ConnectionId id, EndedBy by, Effects& effects);     // likewise
  void woken(Now now, Effects& effects);
  std::optional<Instant> deadline() const {
    return alarms_.empty() ? std::nullopt : std::optional{alarms_.front().due};
  }
  void soon(ConnectionId id, bool again) const;  // see Server

  void release(Now now, Effects& effects) {  // what is durable now may leave
    if (promises_.data() + kept_ == promises_.data() + promises_.size()) return;
    if (promises_[kept_].ticket <= hub_->durable()) release_durable(now, effects);
  }
  void deliver(Now now, DeviceIndex device, Effects& effects);  // its queue has something
  void device_gone(Now now, DeviceIndex device,
                   Effects& effects);  // disabled, or about to be deleted
  void credentials_changed(Now now, DeviceIndex device, Effects& effects);
  // Another door is told of each device that comes in by this one, and tells of those that come in
  // by it: the newest connection wins over any protocol [OPEN-17].
  void tell_of_arrivals(std::function<void(Now, DeviceIndex, Effects&)> came) {
    came_ = std::move(came);
  }
  void device_taken(Now now, DeviceIndex device, Effects& effects);

  bool has(DeviceIndex device) const {  // a session of it
    const auto at = static_cast<std::size_t>(device);
    return at < slot_of_.size() && slot_of_[at] != ConnectionIndex::none;
  }
  // Every telemetry message is looked at from now on.
  void honour(FaultOrders* orders) {
    orders_ = orders;
    looks_above_ = 0;
  }

  std::size_t connections() const { return index_.size(); }

 private:
  enum class Stage : std::uint8_t { held, greeting, accepting, live };

  // A QoS 1 delivery that the device has not acknowledged, also one whose lock has run out.
  struct Flight {
    mqtt::PacketId id = 0;
    LockToken token{};
    std::uint64_t sequence = 0;
    MessageKey message{};
    Instant until{};  // the end of the hub's lock
  };

  // What a session needs only once something is subscribed.
  struct Inbox {
    static constexpr std::uint8_t nothing = 0xff;

    std::vector<StoredSession::Filter> filters;
    std::vector<Flight> flights;
    std::string prefix;  // of the topics of deliveries, as the filter spells it
    Date subscribed{};   // when the cloud-to-device filter came [MQTT-31]
    Instant retry{};     // when a full window gets a free place by itself
    mqtt::PacketId last = 0;
    std::uint8_t qos = nothing;  // granted to the cloud-to-device filter
    bool open = false;           // deliveries may leave
  };

  // What a connection to a hub that verifies was let in with.
  struct Admission {
    Grant grant;
    Instant due{};  // the alarm that stands for its expiry
  };

  // Two cache lines; what every PUBLISH needs is in the first.
  struct alignas(64) Session {
    ConnectionId id{};
    DeviceIndex device = DeviceIndex::none;
    NodeIndex node = NodeIndex::none;
    std::uint32_t published = 0;  // telemetry messages taken
    Instant heard{};              // the last byte, or the opening
    std::uint16_t keep_alive = 0;
    Stage stage = Stage::greeting;
    bool clean = true;
    bool took_over = false;
    bool resumed = false;  // a stored session
    bool begun = false;    // a packet has begun: see partial
    std::string name;      // of the device

    std::unique_ptr<mqtt::Decoder> partial;
    std::unique_ptr<Inbox> inbox;
    Bytes will;        // flat; empty: none
    Instant armed{};   // the alarm that stands for this session's silence
    Duration limit{};  // of silence
    std::unique_ptr<Admission> admission;
  };
  static_assert(sizeof(Session) == 128);

  struct Alarm {
    Instant due;
    ConnectionId id;
    bool operator>(const Alarm& other) const {
      return due != other.due ? due > other.due : id > other.id;
    }
  };

  // What leaves when its ticket is durable. A prepared packet waits whole in prepared_.
  struct Promise {
    enum class Kind : std::uint8_t { puback, connack, suback, packet };
    Ticket ticket{};
    ConnectionId to{};
    NodeIndex node{};
    mqtt::PacketId packet = 0;
    Kind kind = Kind::puback;
  };
  struct Prepared {
    Bytes bytes;
    Event event;
    LockToken completes{};  // a QoS 0 delivery: what its leaving completes [C2D-31]
  };

  bool take(Now now, std::uint32_t slot, mqtt::Decoder& decoder, View bytes, Effects& effects);
  [[gnu::noinline]] void take_rest(Now now, std::uint32_t slot, View bytes, Effects& effects);
  [[gnu::noinline]] void set_aside(Session& session);
  bool handle(Now now, std::uint32_t slot, const mqtt::Packet& packet, Effects& effects);
  bool on(Now now, std::uint32_t slot, const mqtt::Connect& packet, Effects& effects);
  bool on(Now now, std::uint32_t slot, const mqtt::Publish& packet, Effects& effects);
  bool on(Now now, std::uint32_t slot, const mqtt::Puback& packet, Effects& effects);
  bool on(Now now, std::uint32_t slot, const mqtt::Subscribe& packet, Effects& effects);
  bool on(Now now, std::uint32_t slot, const mqtt::Unsubscribe& packet, Effects& effects);
  bool on(Now now, std::uint32_t slot, const mqtt::Pingreq& packet, Effects& effects);
  bool on(Now now, std::uint32_t slot, const mqtt::Disconnect& packet, Effects& effects);
  template <class P>
  bool on(Now now, std::uint32_t slot, const P&,
          Effects& effects) {  // what no device may send here
    return cut(now, slot, Why::protocol, effects);
  }

  std::variant<Grant, Error> admit(Now now, ConnectionId id, const mqtt::Connect& packet);
  bool over(Now now, const Session& session) const;  // what it was let in with has expired
  void expect_expiry(Now now, Session& session);
  bool refuse(Now now, std::uint32_t slot, std::uint8_t code, Effects& effects,
              Why why = Why::not_allowed);
  // At a hub that throttles [QUO-10].
  [[gnu::noinline]] bool before_connect(Now now, std::uint32_t slot, const mqtt::Packet& packet,
                                        Effects& effects);
  bool knock(Now now, std::uint32_t slot, const mqtt::Connect& packet, Effects& effects);
  void let_in(Now now, ConnectionId id, Effects& effects);
  [[gnu::noinline]] bool limited(Now now, std::uint32_t slot, const mqtt::Publish& packet,
                                 Effects& effects);
  bool take_message(Now now, std::uint32_t slot, mqtt::PacketId id, std::uint8_t qos, bool dup,
                    Effects& effects);
  bool cut(Now now, std::uint32_t slot, Why why, Effects& effects);  // always false: handling ends
  void finish(Now now, std::uint32_t slot, EndedBy by, Why why, Effects& effects);
  void take_over(Now now, std::uint32_t slot, Effects& effects);
  void resume(const StoredSession& stored, Session& session);
  bool read_will(const mqtt::Connect& packet, Bytes& flat);
  bool dropped_resend(const Session& session, mqtt::PacketId id) const;
  // Of what is in flat_, larger than looks_above_.
  [[gnu::noinline]] bool too_large() const;
  [[gnu::noinline]] std::optional<Why> disturbed(Now now, const Session& session);
  Ticket append(Now now, Session& session, Effects& effects);
  Ticket store(Now now, const Session& session, Effects& effects);
  void deliver(Now now, Session& session, Effects& effects);
  std::optional<Instant> full_until(Now now, Inbox& inbox) const;
  void push(Now now, Session& session, const Delivery& delivery, Effects& effects);
  mqtt::PacketId fresh_id(Inbox& inbox) const;

  void release_durable(Now now, Effects& effects);
  void promise(const Session& session, Promise::Kind kind, mqtt::PacketId packet, Ticket ticket);
  Event& prepare(const Session& session, Promise::Kind kind, Ticket ticket,
                 const mqtt::Packet& packet);
  void keep(Now now, const Promise& promise, Effects& effects);

  void arm(Session& session);
  void alarm(Instant due, ConnectionId id);
  Event& saw(Effects& effects, const Session& session, Packet packet, unsigned flags = 0) const;

  const HubRules* rules_;
  Hub* hub_;
  const Gate* gate_;
  Throttle* throttle_;  // null: there are no limits
  FaultOrders* orders_ = nullptr;
  std::size_t looks_above_;  // bytes of a flat message that is looked at more closely
  std::function<void(Now, DeviceIndex, Effects&)> came_;
  ConnectionIndex index_;
  std::vector<Session> sessions_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> slot_of_;  // the live or accepting session of each device
  std::vector<Alarm> alarms_;  // a heap, earliest on top; a session that was heard is late in it
  std::vector<Promise> promises_;
  std::size_t kept_ = 0;  // promises before this one have left
  std::deque<Prepared> prepared_;
  Ticket session_ticket_{};                  // of the last change of any stored session
  std::map<ConnectionId, Bytes> overtaken_;  // by the next message of the connection (see rules)
  std::map<DeviceIndex, mqtt::PacketId> newest_;  // stored packet (see rules)
  std::map<ConnectionId, ClientCertificate> certificates_;  // of who has not sent CONNECT yet
  std::size_t admissions_ = 0;
  Duration wall_minus_mono_{};               // by which expiries were last put on the clock of alarms
  mqtt::Decoder decoder_;                    // for whoever has no partial packet
  std::vector<std::unique_ptr<mqtt::Decoder>> spare_;
  std::map<ConnectionId, Bytes> held_;  // what those say whose CONNECT waits, packet by packet
  ConnectionId let_in_{};               // whose CONNECT has been counted
  Bytes flat_;  // scratch
  Bytes bag_;   // scratch
};

}  // namespace hubproof::model
