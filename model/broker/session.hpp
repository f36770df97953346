// What a broker knows of one client: its subscriptions, what it has not acknowledged, what of its own is
// not released, and its will. Kept beyond its connection if the client asked for that.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "model/bytes.hpp"
#include "model/effects.hpp"

namespace hubproof::model::broker {

struct Message {
  std::string topic;
  Bytes payload;
};
using MessagePtr = std::shared_ptr<const Message>;

// A message of QoS 1 or 2 on its way to the client, until it has acknowledged all of it.
//
//   QoS 1   filed ──▶ sent ──PUBACK──▶ gone
//   QoS 2   filed ──▶ sent ──PUBREC──▶ received, PUBREL ──PUBCOMP──▶ gone
struct Outgoing {
  MessagePtr message;
  std::uint16_t id = 0;
  std::uint8_t qos = 1;
  bool retain = false;
  bool sent = false;      // it may have left, so it goes again with DUP [mqtt311:3.3.1-1]
  bool received = false;  // from here on only its id counts
};

struct Will {
  MessagePtr message;
  std::uint8_t qos = 0;
  bool retain = false;
};

struct Session {
  std::uint64_t number = 0;
  std::string client;
  bool kept = false;  // Clean Session 0
  ConnectionId connection = ConnectionId::none;
  std::map<std::string, std::uint8_t, std::less<>> filters;  // granted QoS
  std::deque<Outgoing> queue;                                // in the order of receipt [mqtt311:4.6.0-6]
  std::size_t bytes = 0;                                     // of what is in it
  std::set<std::uint16_t> ids;                               // in use there
  std::uint16_t last_id = 0;
  std::set<std::uint16_t> taken;  // of the client's own QoS 2 messages: not released yet
  std::optional<Will> will;
};

}  // namespace hubproof::model::broker
