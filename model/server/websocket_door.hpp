// The hub's WebSockets: connections of the HTTP door that were upgraded. What comes is taken out of its
// frames for the door that speaks the protocol within; what that door says is put into frames at the
// end of each call, so that it need not know. While there are none, this costs one question a call.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "model/effects.hpp"
#include "model/http/packet.hpp"
#include "model/rules.hpp"
#include "model/websocket/handshake.hpp"
#include "model/websocket/stream.hpp"

namespace hubproof::model {

class WebSocketDoor {
 public:
  explicit WebSocketDoor(const HubRules& rules) : rules_{&rules} {}

  bool any() const { return !sockets_.empty(); }
  bool one_stream() const { return rules_->websocket.messages_are_one_stream; }

  // Answers a request for an upgrade. Refused: the connection is closed behind the answer. Nothing of
  // both: it asks for no WebSocket.
  enum class Outcome : std::uint8_t { none, refused, opened };
  // A plain broker's: MQTT and nothing else, at any path.
  void take_any_path() { any_path_ = true; }
  Outcome asked(ConnectionId id, const http::Request& request, Effects& effects);

  struct Heard {
    websocket::Carries carries{};
    Bytes payload;
    std::vector<std::size_t> ends;  // of messages, in the payload
    bool over = false;              // nothing more will come
    bool in_good_order = false;     // then: the peer said so
  };
  // Null: no WebSocket. Lives until the next call.
  const Heard* received(ConnectionId id, View bytes, Effects& effects);
  websocket::Carries carried(ConnectionId id) const { return sockets_.at(id).carries; }
  void ended(ConnectionId id) { sockets_.erase(id); }
  void dress(Effects& effects);

 private:
  struct Socket {
    websocket::Stream stream;
    websocket::Carries carries;
  };
  bool any_path_ = false;
  const HubRules* rules_;
  std::map<ConnectionId, Socket> sockets_;
  Heard heard_;
  Bytes answers_;  // scratch
};

}  // namespace hubproof::model
