// The reference back end, as back ends are in the field: it sends commands, reads telemetry, and reads and
// settles feedback on one AMQP connection [AMQP-07, D2C-38], and works on the registry on an HTTP one that it
// opens when there is something to do. Its checkpoints are in files of its own [D2C-36]. It retries what is
// safe to retry and reports the rest as info.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "model/device.hpp"
#include "model/rules.hpp"

namespace hubproof::model {

struct ServiceSettings {
  std::string host = "hub";
  std::string policy;                    // what its tokens are signed with; an empty key: it shows none
  std::string policy_key;
  bool reads_telemetry = true;
  std::string group = "$Default";
  std::uint32_t partitions = 4;
  std::string endpoint;                  // whose events it reads; empty: the built-in one
  std::uint16_t endpoints = 0;           // the same for the history: Event::endpoints
  std::uint32_t read_limit = 100;
  Duration read_wait = 20s;              // long poll
  Duration read_pause{};                 // a slow consumer: between reads
  std::uint32_t checkpoint_every = 50;   // events of a partition
  bool reads_feedback = true;
  Duration feedback_wait = 20s;
  std::uint32_t abandon_feedback_per_mille = 0;
  Duration idle = 60s;                   // AMQP: of the hub's silence, announced; twice that ends the connection
  Duration request_patience = 30s;       // no answer: the connection is cut, the outcome is info
  Duration back_off_first = 1s;
  Duration back_off_max = 30s;
  std::uint32_t back_off_jitter_percent = 50;
};

class Carrier;

class Service {
 public:
  // Where a connection that it asks for leads to.
  enum class Goal : std::uint8_t { amqp, http };
  // What lies between its requests and a connection (service/carrier.hpp); none given: AMQP and HTTP.
  using MakeCarrier = std::function<std::unique_ptr<Carrier>(Goal)>;

  // The rules must outlive it.
  Service(const ServiceSettings& settings, const ServiceRules& rules, Chance chance,
          std::function<NodeIndex(std::string_view)> index_of, const MakeCarrier& make_carrier = {});
  ~Service();
  Service(Service&&) noexcept;

  // Its memory is empty; it goes on from the checkpoints in its files.
  void started(Now now, std::span<const StoredFile> files, Effects& effects);
  // Queues an operation: SendCommand, CreateDevice, DeleteDevice, EnableDevice, Purge.
  void submit(Now now, Request request, Effects& effects);
  void connected(Now now, ConnectionId connection, Effects& effects);
  void refused(Now now, ConnectionId connection, Effects& effects);
  void received(Now now, ConnectionId connection, View bytes, Effects& effects);
  void ended(Now now, ConnectionId connection, EndedBy by, Effects& effects);
  void stored(Now now, Ticket ticket, bool ok, Effects& effects);
  void woken(Now now, Effects& effects);
  std::optional<Instant> deadline() const;

  // Known from when it asks for the connection until that has ended.
  Goal goal(ConnectionId connection) const;

  std::size_t pending() const;  // submitted and not yet answered

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hubproof::model
