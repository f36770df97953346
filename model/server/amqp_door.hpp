// The hub's AMQP door: connections of devices, services and Event Hubs readers, on one port [AMQP-01].
//
//   opened ──▶ header ──"AMQP 0"──────────────────▶ talking ──close, error, silence──▶ ended
//                 │                                    ▲
//                 └──"AMQP 3"──▶ login ──welcome──▶ header
//
// What a link is for, its address tells; whether it may, the gate, by the tokens that came to $cbs,
// by SASL PLAIN or by the certificate that TLS saw. Many devices may share a connection [AMQP-09]: each
// has its links, and what befalls one leaves the others alone [AMQP-12].
//
// Telemetry and commands are accepted when they are durable; these promises wait in one queue in the
// order of their tickets. A delivery of a command is its lock [C2D-11]: it ends with a disposition,
// with time, or with its link [C2D-15].
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/amqp/address.hpp"
#include "model/amqp/engine.hpp"
#include "model/amqp/message.hpp"
#include "model/amqp/sasl.hpp"
#include "model/hub/gate.hpp"
#include "model/hub/hub.hpp"
#include "model/server.hpp"
#include "model/server/fault_orders.hpp"

namespace hubproof::model {

class AmqpDoor {
 public:
  // Told when a device comes in here, so that another door lets go of it [OPEN-17].
  using Came = std::function<void(Now now, DeviceIndex device, Effects& effects)>;

  AmqpDoor(const HubRules& rules, Hub& hub, const Gate& gate, std::string host, Came came);

  // Where the Event Hubs-compatible endpoint is, for redirects; the hub's own name unless told.
  void redirect_to(std::string host, std::uint16_t port);

  // `told`: its beginning is an event; a connection that another door had before has had it.
  void opened(Now now, ConnectionId id, std::optional<ClientCertificate> certificate,
              Effects& effects, bool told = true);
  bool received(Now now, ConnectionId id, View bytes, Effects& effects);  // false: not of this door
  bool ended(Now now, ConnectionId id, EndedBy by, Effects& effects);     // likewise
  void woken(Now now, Effects& effects);
  std::optional<Instant> deadline() const {
    return alarms_.empty() ? std::nullopt : std::optional{alarms_.front().due};
  }

  void release(Now now, Effects& effects) {  // what is durable now may leave
    if (!promises_.empty() && promises_.front().ticket <= hub_->durable())
      release_durable(now, effects);
  }
  void deliver(Now now, DeviceIndex device, Effects& effects);  // its queue has something
  void feed(Now now, Effects& effects);  // there may be news for readers of telemetry and feedback
  void device_gone(Now now, DeviceIndex device, Effects& effects);
  void device_taken(Now now, DeviceIndex device, Effects& effects);  // it came in by another door
  void credentials_changed(Now now, DeviceIndex device, Effects& effects);
  bool has(DeviceIndex device) const { return where_.contains(device); }  // a link of it
  void tell_of_requests(ToldOfRequest told) { told_of_request_ = std::move(told); }
  void honour(FaultOrders* orders) { orders_ = orders; }
  // A fault that a device of this door asked for. False: its connection is not this door's.
  bool carry_out(Now now, const FaultOrders::Order& order, Effects& effects);
  void flush(Now now, Effects& effects);  // the end of every call: what was said leaves

 private:
  enum class Stage : std::uint8_t { header, login, talking };
  enum class Use : std::uint8_t {
    none,
    tokens,          // to $cbs
    token_answers,   // from $cbs
    questions,       // to $management
    answers,         // from $management
    telemetry,
    commands,
    device_bound,
    feedback,
    events
  };

  struct Flight {  // a delivery of a command or of a feedback batch, not settled
    amqp::DeliveryId delivery{};
    LockToken token{};
    std::uint64_t sequence = 0;
    MessageKey message{};
  };
  struct Link {
    Use use = Use::none;
    bool peer_sends = false;
    DeviceIndex device = DeviceIndex::none;
    std::string name;
    std::string reply_to;          // of answers: the address that their questions give
    std::string resource;          // what the gate is asked for
    Right need{};
    std::vector<Flight> flights;
    std::uint32_t waiting = 0;     // deliveries that are not durable yet
    std::deque<Bytes> answers;     // that have no credit yet
    std::string group;             // events
    std::uint32_t place = 0;       // of its partition in the log
    std::uint64_t next = 0;        // sequence number to read
    std::optional<std::int64_t> epoch;
  };
  struct Pass {  // a token that was put
    std::string audience;
    Grant grant;
  };
  struct Connection {
    ConnectionId id{};
    Stage stage = Stage::header;
    bool logged_in = false;
    bool opened = false;           // its AMQP open came
    bool held = false;             // and waits for its turn, with all that came behind it
    bool touched = false;          // it stands in touched_
    bool leaving = false;          // it is to end when its last words are said
    bool silent = false;           // ... for it was silent itself
    EndedBy by = EndedBy::local;
    Why why = Why::unknown;
    Instant since{};               // of its opening
    Instant leaves_by{};           // when it is cut, if its last words have not left
    Instant armed{};               // the alarm that stands for it
    Bytes header;
    Bytes said;                    // before the engine speaks
    amqp::SaslServer sasl;
    std::unique_ptr<amqp::Engine> engine;
    std::string host;              // that the peer asked for
    std::optional<ClientCertificate> certificate;
    std::optional<Grant> login;    // SASL PLAIN's [AMQP-11]
    std::vector<Pass> passes;
    std::map<amqp::LinkId, Link> links;
    std::map<DeviceIndex, std::uint32_t> devices;  // how many links each has
  };
  struct Alarm {
    Instant due;
    ConnectionId id;
    bool operator>(const Alarm& other) const {
      return due != other.due ? due > other.due : id > other.id;
    }
  };
  // What waits until its ticket is durable: the outcome of what a peer sent, the settling of what it
  // was sent, or a delivery.
  struct Prepared {
    Bytes message;
    Bytes tag;
    Event event;
    Flight flight;
    bool shown = false;  // the event is to be told of
    std::function<void(const Response&)> told{};  // of a command or its settling: what is told when it is answered
    Done done{};
  };
  struct Promise {
    enum class Kind : std::uint8_t { settle, forget, send };
    Ticket ticket{};
    ConnectionId to{};
    amqp::LinkId link{};
    amqp::DeliveryId delivery{};
    Kind kind = Kind::settle;
    amqp::Outcome outcome{};
    Error error = Error::none;
    std::unique_ptr<Prepared> prepared;
  };
  struct ReaderKey {
    std::uint32_t place;
    std::string group;
    auto operator<=>(const ReaderKey&) const = default;
  };

  Connection* find(ConnectionId id) const;
  void flush_touched(Now now, Effects& effects);
  void touch(Connection& c);
  void begin(Now now, Connection& c);
  void log_in(Now now, Connection& c);
  void leave(Connection& c, const amqp::Error& error, Why why);
  void handle(Now now, Connection& c, Effects& effects);
  void on(Now now, Connection& c, const amqp::Opened& event, Effects& effects);
  void let_in(Now now, ConnectionId id, Effects& effects);
  void on(Now now, Connection& c, const amqp::Attached& event, Effects& effects);
  void on(Now now, Connection& c, const amqp::Credited& event, Effects& effects);
  void on(Now now, Connection& c, amqp::Arrived& event, Effects& effects);
  void on(Now now, Connection& c, const amqp::Settled& event, Effects& effects);
  void on(Now now, Connection& c, const amqp::Detached& event, Effects& effects);
  void on(Now now, Connection& c, const amqp::Closed& event, Effects& effects);
  void on(Now now, Connection& c, const amqp::Broken& event, Effects& effects);

  // Links.
  std::variant<Link, amqp::Error> plan(Now now, Connection& c, const amqp::Attach& said);
  std::variant<Grant, Error> permit(Now now, const Connection& c, std::string_view resource,
                                    Right need) const;
  std::int64_t expiry_of(Now now, const Connection& c, const Link& link) const;
  void tell_accepted(Now now, const Connection& c, const Link& link, Effects& effects) const;
  // Where the log holds what a reader means: the built-in endpoint by the hub's name, or by any that is
  // nobody's at a hub that has no others; another one by its own. None: there is no such endpoint or partition.
  std::optional<std::uint32_t> place_of(const Connection& c, std::string_view entity, std::uint32_t partition) const;
  amqp::Error start_reading(const Connection& c, const amqp::Attach& said, const amqp::Address& address, Link& link);
  amqp::Error redirect(const Connection& c) const;
  void came(Now now, Connection& c, const Link& link, Effects& effects);
  void gone(Now now, Connection& c, amqp::LinkId id, EndedBy by, Why why, Effects& effects);
  void detach(Now now, Connection& c, amqp::LinkId id, const amqp::Error& error, Why why,
              Effects& effects);
  void drop_device(Now now, Connection& c, DeviceIndex device, const amqp::Error& error, Why why,
                   Effects& effects);
  void finish(Now now, Connection& c, EndedBy by, Why why, Effects& effects);

  // What comes.
  void put_token(Now now, Connection& c, const amqp::Sections& request, Effects& effects);
  void answer_question(Now now, Connection& c, const amqp::Sections& request);
  Error read_question(Now now, const Connection& c, const amqp::Sections& request, Bytes& body);
  void reply(Connection& c, Use use, const amqp::Sections& request, std::int32_t status,
             std::string_view description, std::string_view condition, View body = {});
  void take_telemetry(Now now, Connection& c, const amqp::Arrived& event, const Link& link,
                      Effects& effects);
  bool disturbed(Now now, Connection& c, const amqp::Arrived& event, const Link& link,
                 const std::vector<Bytes>& messages);
  // What peers sent: it is done, and its outcome told when it is durable.
  struct Sending {
    ConnectionId connection{};
    amqp::LinkId link{};
    amqp::DeliveryId delivery{};
    bool settled = false;  // nobody waits for the outcome
  };
  void store(Now now, const Sending& what, const std::vector<Bytes>& messages, Effects& effects);
  void enqueue(Now now, const Sending& what, View flat, Effects& effects);
  void tell(const Sending& what, Ticket ticket, Error error,
            std::unique_ptr<Prepared> prepared = {});
  // Does `act` now, or when its turn comes, or tells that it is refused.
  template <class Act>
  void limited(Now now, const Throttle::Request& request, const Sending& what, Act act,
               Effects& effects);
  Error read_message(const amqp::Arrived& event, Bytes& flat) const;
  void take_command(Now now, Connection& c, const amqp::Arrived& event, Effects& effects);

  // What leaves.
  void push(Now now, Connection& c, amqp::LinkId id, Link& link, Effects& effects);
  void push_commands(Now now, Connection& c, amqp::LinkId id, Link& link, Effects& effects);
  void push_feedback(Now now, Connection& c, amqp::LinkId id, Link& link, Effects& effects);
  void push_events(Connection& c, amqp::LinkId id, Link& link);
  void push_answers(Connection& c, amqp::LinkId id, Link& link);
  bool room(const Connection& c, amqp::LinkId id, const Link& link) const;
  void hand_over(Connection& c, amqp::LinkId id, Link& link, Prepared& prepared, Effects& effects);
  void settle_command(Now now, Connection& c, Link& link, const Flight& flight,
                      const amqp::Settled& said, Effects& effects);
  void settle_feedback(Now now, Connection& c, const Flight& flight, const amqp::Settled& said,
                       Effects& effects);

  void promise(Promise promise);
  void release_durable(Now now, Effects& effects);
  void keep(Promise& promise, Effects& effects);

  std::optional<Date> first_expiry(const Connection& c) const;
  void check_credentials(Now now, Connection& c, Effects& effects);
  void arm(Now now, Connection& c);

  const HubRules* rules_;
  Hub* hub_;
  const Gate* gate_;
  Throttle* throttle_;                         // null: there are no limits
  std::string host_;
  std::string redirect_host_;
  std::uint16_t redirect_port_ = 5671;
  Came came_;
  ToldOfRequest told_of_request_;
  FaultOrders* orders_ = nullptr;
  std::map<ConnectionId, std::unique_ptr<Connection>> connections_;
  std::map<DeviceIndex, ConnectionId> where_;  // each device's connection
  // Links that wait for news.
  std::map<std::pair<ConnectionId, amqp::LinkId>, Use> readers_;
  std::map<ReaderKey, std::pair<ConnectionId, amqp::LinkId>> owners_;  // readers with an epoch
  std::vector<std::uint64_t> shown_;           // the newest event that anybody was shown, by place in the log
  std::vector<ConnectionId> touched_;
  std::vector<Alarm> alarms_;                  // a heap, earliest on top
  std::deque<Promise> promises_;
  Duration wall_minus_mono_{};                 // by which expiries were last put on the clock of alarms
  Bytes flat_;                                 // scratch
  Bytes out_;                                  // scratch
};

}  // namespace hubproof::model
