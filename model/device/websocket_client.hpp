// A device's end of a WebSocket: asks for the upgrade when its connection is up, and carries the bytes
// of the machine above it. It cuts what that machine says into messages and frames as chance has it: no
// peer may rely on where they end [mqtt311:6.0.0-2].
#pragma once

#include <optional>
#include <string>

#include "model/chance.hpp"
#include "model/effects.hpp"
#include "model/rules.hpp"
#include "model/websocket/handshake.hpp"
#include "model/websocket/stream.hpp"

namespace hubproof::model {

class WebSocketClient {
 public:
  WebSocketClient(const DeviceRules& rules, std::string host, websocket::Carries carries, Chance chance)
      : rules_{&rules}, host_{std::move(host)}, carries_{carries}, chance_{chance} {}

  void connected(ConnectionId id, Effects& effects);

  struct Heard {
    bool refused = false;  // the hub does not make it a WebSocket
    bool opened = false;   // by these bytes
    Bytes payload;
    bool over = false;     // nothing more will come
    bool in_good_order = false;
  };
  // Lives until the next call.
  const Heard& received(ConnectionId id, View bytes, Effects& effects);
  void dress(Effects& effects);  // at the end of each call of the machine above
  bool has(ConnectionId id) const { return id == id_; }  // and it has not ended
  void ended() { id_ = ConnectionId::none; }

 private:
  void hear(View bytes, Effects& effects);
  void write(View bytes, Bytes& out);

  const DeviceRules* rules_;
  std::string host_;
  websocket::Carries carries_;
  Chance chance_;
  ConnectionId id_{};  // none: there is no connection
  std::string key_;
  Bytes answer_;       // so far, to the request
  std::optional<websocket::Stream> stream_;  // once it is one
  bool first_words_ = false;  // nothing was said in it yet
  Heard heard_;
  Bytes scratch_;
};

}  // namespace hubproof::model
