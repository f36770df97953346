// The whole hub, or the whole plain broker, as one machine: many connections and one store in, effects
// out. START HERE.
//
// A driver opens connections (`opened`), feeds bytes, reports ends, and performs the effects in the
// order given. What it must keep: bytes reach a connection in order; `stored` comes once for each
// sync effect; `woken` comes at or after `deadline()`, and soon after the wall clock was set.
// Nothing that promises durability leaves before its record is durable [DLV-01, DLV-04, DLV-11].
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/chance.hpp"
#include "model/effects.hpp"
#include "model/operations.hpp"
#include "model/rules.hpp"

namespace hubproof::model {

enum class Door : std::uint8_t { mqtt, amqp, http };

// One device's queue as it is now, for whoever runs the hub.
struct QueueLook {
  std::string device;
  bool connected = false;
  std::uint32_t depth = 0;   // messages that are not final, of which
  std::uint32_t locked = 0;  // so many are with a receiver
};

// Who is told of requests that come by a door which shows only bytes: first of the request, then,
// by what that call gave, of its answer.
using ToldOfRequest = std::function<std::function<void(const Response&)>(const Request&)>;

class Server {
 public:
  // `host` is the hub's host name. Rules must outlive the server.
  Server(const Rules& rules, Chance chance, std::string host = "hub");
  ~Server();
  Server(Server&&) noexcept;

  // Recovery: call first, once, with what the store holds. An empty store is a new hub.
  void recover(Now now, std::span<const StoredFile> files, Effects& effects);

  // `certificate`: what TLS knows of the peer, if it showed one.
  void opened(Now now, ConnectionId connection, Door door, Effects& effects,
              std::optional<ClientCertificate> certificate = {});
  void received(Now now, ConnectionId connection, View bytes, Effects& effects);
  void ended(Now now, ConnectionId connection, EndedBy by, Effects& effects);  // the transport is gone
  void stored(Now now, Ticket ticket, bool ok, Effects& effects);
  void woken(Now now, Effects& effects);
  std::optional<Instant> deadline() const;
  // A hint that bytes of this connection are near: what they need may be fetched. Told twice.
  void soon(ConnectionId connection, bool again) const;

  // An operation by other means than a connection (set-up of a run, the control door). The answer
  // comes by `answer`, at once or later (durability, waiting reads), from a later call.
  using Answer = std::function<void(const Response&)>;
  void request(Now now, const Request& request, Answer answer, Effects& effects);

  // Where AMQP's readers of telemetry are sent [D2C-37]. An empty host: the one that they asked for.
  void redirect_readers(std::string host, std::uint16_t port);

  // Requests of services by HTTP, and commands and their settling by HTTP and AMQP: whoever keeps a
  // history tells of them for those who asked.
  void tell_of_requests(ToldOfRequest told);

  // From now on faults are done that devices ask for (fault_orders.hpp); `told` hears of each, with its
  // words, when it is asked for and when it is done.
  using ToldOfFault = std::function<void(std::string_view device, const std::string& what, bool begins)>;
  void honour_fault_properties(ToldOfFault told);

  // Existing devices with an id after this one, in the order of their ids, at most so many.
  std::vector<QueueLook> queues(std::string_view after, std::size_t limit) const;
  // Nothing is promised that has not left, so the hub may stop without a word. Deliveries to devices
  // may be under way.
  bool quiet() const;

  // In history and in the device stamp, devices are participants: the driver tells how.
  // Unknown names give NodeIndex::none.
  void name_devices(std::function<NodeIndex(std::string_view)> index_of);
  // A plain broker's topics and filters are texts of the history: the driver tells which note is which.
  void name_topics(std::function<std::uint32_t(std::string_view)> note_of);

 private:
  void received_anywhere(Now now, ConnectionId connection, View bytes, Effects& effects);
  void stored_aside(Now now, Ticket ticket, bool ok, Effects& effects);
  std::optional<Instant> deadline_aside() const;
  void opened_at_broker(Now now, ConnectionId connection, Door door, Effects& effects);

  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hubproof::model
