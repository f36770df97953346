// The hub's HTTP door: device endpoints, feedback, registry and statistics [HTTP-01, HTTP-23]. HTTP has no
// session [HTTP-20]: each request is let in by itself and does what it does at once; its response
// leaves when what it says is durable, and when the responses to all requests before it on its
// connection have left.
//
//   bytes ──▶ requests ──gate──▶ done by the hub, or asked of the desk ──▶ exchanges ──▶ responses
//
// What cannot be read is refused, and its connection ends behind the refusal. A connection that is
// silent for too long ends, too.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/http/codec.hpp"
#include "model/http/target.hpp"
#include "model/hub/gate.hpp"
#include "model/hub/hub.hpp"
#include "model/server/desk.hpp"
#include "model/server/fault_orders.hpp"
#include "model/server/http_registry.hpp"

namespace hubproof::model {

class HttpDoor {
 public:
  // Takes over a connection whose request asks for an upgrade, with the bytes behind that request, and
  // with its certificate; answers it, too. False: it does not want it.
  using Upgrade = std::function<bool(Now now, ConnectionId id, const http::Request& request, View rest,
                                     const std::optional<ClientCertificate>& certificate, Effects& effects)>;

  HttpDoor(const HubRules& rules, Hub& hub, const Gate& gate, Desk& desk);

  void opened(Now now, ConnectionId id, std::optional<ClientCertificate> certificate,
              Effects& effects);
  bool received(Now now, ConnectionId id, View bytes, Effects& effects);  // false: not of this door
  bool ended(ConnectionId id, EndedBy by, Effects& effects);              // likewise
  void release(Now now, Effects& effects) {  // what is durable now may leave
    if (!owed_.empty() || !told_.empty()) release_more(now, effects);
  }
  void woken(Now now, Effects& effects);
  std::optional<Instant> deadline() const {
    return alarms_.empty() ? std::nullopt : std::optional{alarms_.begin()->first};
  }
  void upgrades_by(Upgrade take) { upgrade_ = std::move(take); }
  void only_upgrades() { only_upgrades_ = true; }  // any other request finds nothing here
  void tell_of_requests(ToldOfRequest told) { told_of_request_ = std::move(told); }
  void honour(FaultOrders* orders) { orders_ = orders; }

 private:
  struct Reply {
    unsigned status = 204;
    std::vector<std::pair<std::string, std::string>> fields{};
    std::string body{};  // JSON, unless there is a content
    View content{};
  };
  // What is still open of a bulk operation.
  struct Bulk {
    std::size_t open = 0;
    std::map<std::size_t, BulkFailure> failures;  // by the place of the operation
  };
  struct Turn;
  struct Exchange {  // a request that has no answer yet, or whose answer has not left
    std::uint32_t number = 0;
    bool answered = false;
    bool keep_alive = true;  // else the connection ends behind it
    bool to_head = false;
    Ticket ticket{};  // the answer may leave when this is durable
    Bytes bytes{};
    std::optional<Event> event{};  // seen when it leaves
    Bulk bulk{};
    std::vector<std::string> devices{};  // of questions to the desk whose answer names them
    bool purges = false;                 // such a question
    std::function<void(const Response&)> told{};  // what is told when it leaves
    std::function<void(Turn&)> in_turn{};  // what is done when it is the first of its connection
  };
  struct Connection {
    http::RequestDecoder decoder;
    std::deque<Exchange> exchanges;
    std::optional<ClientCertificate> certificate;
    std::uint32_t requests = 0;
    bool over = false;  // nothing more is read
    Instant heard{};    // the last byte, or the last response
    Instant begun{};    // of the request that is not whole
    bool partial = false;
    bool waits = false;  // for a request to be let act; what comes behind that waits, too
  };
  using Place = std::map<ConnectionId, Connection>::iterator;
  struct Told {  // an answer of the desk
    ConnectionId to{};
    std::uint32_t number = 0;
    std::size_t place = 0;  // of a bulk operation
    Response response;
  };
  // A request that is done now.
  struct Turn {
    Now now;
    ConnectionId id{};
    Connection& connection;
    Exchange& exchange;
    Effects& effects;
  };
  // A request on its way through the door.
  struct Asking : Turn {
    const http::Request& request;
    http::Target target;
  };
  // What stands behind a path: the methods that it has, and who does what they do.
  struct Method {
    std::string_view name;
    void (HttpDoor::*perform)(Asking& asking);
  };

  bool read_on(Now now, Place place, Effects& effects);  // false: the connection is gone
  void incomplete(Now now, Connection& connection);
  void perform(Now now, Place place, const http::Request& request, Effects& effects);
  const std::vector<Method>* methods_of(const http::Target& target) const;
  std::optional<DeviceIndex> device(Asking& asking);  // that may do what it asks for; else answered
  bool allowed(Asking& asking, std::string_view resource, Right need);

  void send_telemetry(Asking& asking);
  void send_batch(Asking& asking, DeviceIndex device);
  bool disturbed(Asking& asking, DeviceIndex device, const MessageView& message);
  void store(Now now, Exchange& exchange, DeviceIndex device, std::span<const Bytes> messages,
             Effects& effects);
  void receive(Asking& asking);
  void hand_over(Now now, ConnectionId id, Exchange& exchange, DeviceIndex device,
                 Effects& effects);
  // Does `act` now, or when the limit allows it, or refuses [QUO-10].
  template <class Act>
  void limited(Turn& turn, DeviceIndex device, Throttle::Request request, Act act);
  // Does `act` as soon as the answer could leave at once: a lock begins with its hand-over [TIME-10].
  template <class Act>
  void first_of_all(Asking& asking, Act act);
  void complete_or_reject(Asking& asking);
  void abandon(Asking& asking);
  void settle(Asking& asking, Settle how);
  void list_devices(Asking& asking);
  void change_devices(Asking& asking);
  void get_device(Asking& asking);
  void put_device(Asking& asking);
  void delete_device(Asking& asking);
  void purge(Asking& asking);
  void count_devices(Asking& asking);
  void receive_feedback(Asking& asking);
  void complete_feedback(Asking& asking);
  void abandon_feedback(Asking& asking);
  void settle_feedback(Asking& asking, bool complete);

  void ask(Turn& turn, Request request, std::size_t place = 0);
  void told(const Told& answer);
  void answer(Exchange& exchange, Ticket ticket, const Reply& reply);
  void refuse(Exchange& exchange, const HttpError& error, std::string_view more = {});
  void refuse(Exchange& exchange, Error error) { refuse(exchange, http_error(error)); }
  void owe(ConnectionId id, Ticket ticket);
  void release_more(Now now, Effects& effects);
  bool flush(Now now, Place place, Effects& effects);  // false: the connection is gone
  void finish(Place place, EndedBy by, Why why, Effects& effects);

  const HubRules* rules_;
  Hub* hub_;
  const Gate* gate_;
  Desk* desk_;
  Throttle* throttle_;  // null: there are no limits
  Upgrade upgrade_;
  bool only_upgrades_ = false;
  ToldOfRequest told_of_request_;
  FaultOrders* orders_ = nullptr;
  std::map<ConnectionId, Connection> connections_;
  std::set<std::pair<Instant, ConnectionId>> alarms_;  // one of each connection
  std::deque<std::pair<Ticket, ConnectionId>> owed_;   // by ticket: whose answers wait for what
  std::vector<Told> told_;                             // since the last release
  DeviceIndex last_caller_ = DeviceIndex::none;        // see HttpRules::caller
  std::map<std::pair<DeviceIndex, std::uint64_t>, LockToken>
      newest_;  // see HttpRules::etag_is_of_delivery
  Bytes flat_;  // scratch
};

}  // namespace hubproof::model
