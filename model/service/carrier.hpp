// How a service's requests reach the hub, and how answers come back. A carrier owns what lies below the
// requests: AMQP's links and deliveries, HTTP's requests. It has no mind of its own: what is asked again, and
// when, its lanes decide.
#pragma once

#include <optional>
#include <span>

#include "model/effects.hpp"
#include "model/operations.hpp"
#include "model/time.hpp"

namespace hubproof::model {

struct Answer {
  std::uint32_t correlation = 0;  // as it was asked with
  Response response;
};

class Carrier {
 public:
  virtual ~Carrier() = default;

  virtual void started(std::span<const StoredFile>) {}  // before all others, once
  virtual void opened(Now now, ConnectionId connection, Effects& effects) = 0;
  virtual void ask(Now now, std::uint32_t correlation, const Request& request, Effects& effects) = 0;
  // Keeps for later lives that a partition is read up to and with this event. Its answer is Done or Failed.
  virtual void store_checkpoint(std::uint32_t, std::uint32_t, std::uint64_t, Effects&) {}
  virtual void received(Now now, View bytes) = 0;
  virtual std::optional<Answer> next() = 0;  // an answer, as it came
  virtual bool broken() const = 0;                        // nothing more will come
  virtual void ended() = 0;                               // the connection is no more
  virtual void flush(Now, Effects&) {}                    // the end of each call: what was said leaves
  virtual void stored(Ticket, bool, Effects&) {}
  virtual void woken(Now) {}
  virtual std::optional<Instant> deadline() const { return std::nullopt; }
};

}  // namespace hubproof::model
