// What MQTT clients saw, told from the bytes of their connections: the events that a client would have
// recorded itself, so that a judge of histories can judge one that records nothing. It stands at the
// client's end of the wire, and may be given the bytes in any split.
//
// A client is known by its id, over all of its connections: a PUBLISH that comes again after a reconnect
// is no new operation, and the PUBACK that ends it may be that of another connection. What a client's
// application did that no packet tells of (a message dropped from an outbox, a crash) is not there.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/effects.hpp"
#include "model/history.hpp"
#include "model/hub/token.hpp"
#include "model/mqtt/codec.hpp"

namespace hubproof::model {

// A message without a message-id, known by its content alone.
MessageKey content_key(std::uint64_t digest);

class MqttObserver {
 public:
  struct Settings {
    // Who of the history a client is; asked once for each id. none: it is not observed.
    std::function<NodeIndex(std::string_view client_id)> participant;
    // The name of the key that signed a token (key_digest), where that is known; may be empty.
    std::function<std::uint64_t(std::string_view client_id, const Token& token)> key{};
    bool keys_by_content = false;         // messages without a message-id get their content_key
    // Of a broker without a hub's topics: where a text is among History::notes. With it packets tell their
    // topics and filters, payloads are what messages are known by, and there are no operations.
    std::function<std::uint32_t(std::string_view text)> note{};
    std::uint32_t max_packet = 16u << 20; // bytes; a larger one counts as malformed
  };

  explicit MqttObserver(Settings settings);
  ~MqttObserver();
  MqttObserver(MqttObserver&&) noexcept;
  MqttObserver& operator=(MqttObserver&&) noexcept;

  // A connection's life. Its first event comes with its CONNECT, which says whose it is. Events have no
  // time: whoever calls knows it.
  void opened(ConnectionId connection);
  void sent(ConnectionId connection, View bytes, std::vector<Event>& events);      // by the client
  void received(ConnectionId connection, View bytes, std::vector<Event>& events);  // by the client
  void ended(ConnectionId connection, EndedBy by, std::vector<Event>& events);     // as the client knows it

  // What was wrong with what the client sent, or received. From there on that direction is not read.
  std::optional<mqtt::Malformed> malformed_sent(ConnectionId connection) const;
  std::optional<mqtt::Malformed> malformed_received(ConnectionId connection) const;

 private:
  struct Client;
  struct Connection;
  class Scribe;

  Client* client_of(std::string_view id);

  Settings settings_;
  std::map<std::string, std::unique_ptr<Client>, std::less<>> clients_;
  std::map<ConnectionId, std::unique_ptr<Connection>> connections_;
};

}  // namespace hubproof::model
