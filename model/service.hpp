// The reference back end: sends commands, reads telemetry with checkpoints, reads and settles
// feedback, and works on the registry. It retries what is safe to retry and reports the rest as info.
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
  // amqp: commands, feedback and telemetry on an AMQP connection, the registry on an HTTP one, and its
  // checkpoints on a disk of its own. link: all of it on one connection of the interim link.
  enum class Protocol : std::uint8_t { link, amqp };
  Protocol protocol = Protocol::link;
  std::string host = "hub";
  std::string policy;                    // amqp: what its tokens are signed with; an empty key: it shows none
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
  Duration request_patience = 30s;       // no answer: the connection is cut, the outcome is info
  Duration back_off_first = 1s;
  Duration back_off_max = 30s;
  std::uint32_t back_off_jitter_percent = 50;
};

class Service {
 public:
  // The rules must outlive it.
  Service(const ServiceSettings& settings, const ServiceRules& rules, std::string name,
          std::uint32_t number, Chance chance,
          std::function<NodeIndex(std::string_view)> index_of);
  ~Service();
  Service(Service&&) noexcept;

  // Its memory is empty; it goes on from its checkpoints, which over AMQP are in its files.
  void started(Now now, Effects& effects) { started(now, {}, effects); }
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

  // Where a connection that it asks for leads to; known from then until it has ended.
  enum class Goal : std::uint8_t { link, amqp, http };
  Goal goal(ConnectionId connection) const;

  std::size_t pending() const;  // submitted and not yet answered

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hubproof::model
