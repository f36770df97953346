// How a service's requests reach the hub, and how answers come back. A carrier owns what lies below the
// requests: frames of the interim link, AMQP's links and deliveries, HTTP's requests. It has no mind of its
// own: what is asked again, and when, its lanes decide.
#pragma once

#include <optional>
#include <span>

#include "model/effects.hpp"
#include "model/link/link.hpp"
#include "model/time.hpp"

namespace hubproof::model {

class Carrier {
 public:
  virtual ~Carrier() = default;

  virtual void started(std::span<const StoredFile>) {}  // before all others, once
  virtual void opened(Now now, ConnectionId connection, Effects& effects) = 0;
  virtual void ask(Now now, std::uint32_t correlation, const Request& request, Effects& effects) = 0;
  virtual void received(Now now, View bytes) = 0;
  virtual std::optional<link::ResponseFrame> next() = 0;  // an answer, as it came
  virtual bool broken() const = 0;                        // nothing more will come
  virtual void ended() = 0;                               // the connection is no more
  virtual void flush(Now, Effects&) {}                    // the end of each call: what was said leaves
  virtual void stored(Ticket, bool, Effects&) {}
  virtual void woken(Now) {}
  virtual std::optional<Instant> deadline() const { return std::nullopt; }
};

}  // namespace hubproof::model
