// The control door: the operations of model::Request over HTTP/1.1 and JSON, for tests and people.
//
//   PUT    /devices/{id}                          create             -> 201 {"device", "generation"}
//   DELETE /devices/{id}                          delete             -> 200 {}
//   PATCH  /devices/{id}      {"enabled": false}  disable, enable    -> 200 {}
//   POST   /devices/{id}/commands    a message    send a command     -> 201 {"sequence", "enqueued", "expiry"}
//   GET    /devices/{id}/commands                 receive one        -> 200 {"token", .. "message"} or 204
//   DELETE /devices/{id}/commands                 purge              -> 200 {"purged"}
//   DELETE /devices/{id}/commands/{token}         complete           -> 200 {}
//   POST   /devices/{id}/commands/{token}/reject | abandon           -> 200 {}
//   GET    /telemetry?partition=&from=&limit=&wait=&endpoint=        -> 200 {"partition", "events": [..]}
//   GET    /feedback?wait=                        receive a batch    -> 200 {"token", .. "records"} or 204
//   DELETE /feedback/{token}                      complete           -> 200 {}
//   POST   /feedback/{token}/abandon                                 -> 200 {}
//
// And what makes a laboratory of the hub:
//   POST   /faults            a fault as a scenario has it, from now -> 201 {"faults": [{"fault", "state"}]}
//   GET    /faults                                                   -> 200 the same
//   DELETE /faults                                all of them end    -> 200 the same
//   GET    /queues?after=&limit=   -> 200 {"queues": [{"device", "connected", "depth", "locked"}]}
//   POST   /clock   {"step": "-2h"} or {"advance": "1h"}             -> 200 {"date", "stepped"}
//   GET    /clock                                                    -> 200 the same
//   POST   /drain                                 end by and by      -> 202 {}
//
// A message: {"body": "text" or {"base64": ".."}, "properties": {name: value or null}, "messageId",
// "correlationId", "userId", "contentType", "contentEncoding", "ack": "none|positive|negative|full",
// and "expiry": ISO 8601 or milliseconds since 1970, or "ttl": "90s"}. Waits are "20s", 60 s at most.
// Tokens are texts. An error: {"error": {"code": "device_not_found", "message": ".."}}.
//
// The door is a machine as the others are: bytes in, bytes out; whoever owns the sockets feeds it.
#pragma once

#include <functional>
#include <memory>

#include "model/effects.hpp"
#include "model/operations.hpp"
#include "tools/control_api.hpp"

namespace hubproof::tools {

class Control {
 public:
  using Answer = std::function<void(const model::Response&)>;
  struct Hooks {
    std::function<model::Now()> now;
    std::function<void(const model::Request&, Answer)> ask;  // answers at once or later, once
    std::function<void(model::ConnectionId, model::View)> send;
    std::function<void(model::ConnectionId)> close;
    std::function<void(std::function<void()>)> later;        // runs it when nobody else is at work
    std::function<ApiAnswer(const LabRequest&)> lab{};       // none: this hub is no laboratory
  };

  explicit Control(Hooks hooks);
  ~Control();

  void opened(model::ConnectionId connection);
  void received(model::ConnectionId connection, model::View bytes);
  void ended(model::ConnectionId connection);
  void woken();  // now and then: ends connections that are silent for long

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hubproof::tools
