// The MQTT door of a plain broker: the packets of every connection, meeting the topic router.
//
//   opened ──▶ greeting ──CONNECT──▶ live, its CONNACK first of what leaves
//                 │ no, late, bad        │ any end
//                 ▼                      ▼
//               ended         ended, and the will published
//
// All that leaves waits in one queue, in the order in which it was owed: each packet until what it promises
// is durable and what came before it has left. So answers keep the order of what they answer, and messages
// keep theirs, whatever the store does [mqtt311:4.6.0-6].
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "model/broker/broker.hpp"
#include "model/mqtt/codec.hpp"

namespace hubproof::model {

class BrokerDoor {
 public:
  BrokerDoor(const BrokerRules& rules, broker::Broker& broker);

  void opened(Now now, ConnectionId id, Effects& effects, bool told = true);
  bool received(Now now, ConnectionId id, View bytes, Effects& effects);  // false: not of this door
  bool ended(Now now, ConnectionId id, EndedBy by, Effects& effects);     // likewise
  void forget_partial(ConnectionId id);  // a wrong broker's way: a packet that has begun never was
  void woken(Now now, Effects& effects);
  std::optional<Instant> deadline() const {
    return alarms_.empty() ? std::nullopt : std::optional{alarms_.begin()->first};
  }
  void release(Now now, Effects& effects);  // what is durable now may leave

  // In the history clients are participants, and topics and filters are notes: the driver tells which.
  void name_clients(std::function<NodeIndex(std::string_view)> index_of) { client_index_ = std::move(index_of); }
  void name_topics(std::function<std::uint32_t(std::string_view)> index_of) { topic_index_ = std::move(index_of); }
  std::size_t connections() const { return connections_.size(); }

 private:
  struct Connection {
    explicit Connection(std::uint32_t packet_limit) : decoder{mqtt::End::server, packet_limit} {}

    mqtt::Decoder decoder;
    std::uint64_t session = 0;  // 0: it has not said CONNECT
    NodeIndex node = NodeIndex::none;
    std::string client;
    Instant heard{};
    Duration limit{};  // of silence; 0: none
    Instant due{};     // of its alarm, if it has one
    std::uint16_t keep_alive = 0;
    bool clean = true;
    bool has_will = false;
    bool refused = false;   // and nothing more is made of what it says
    bool accepted = false;  // its CONNACK has left
  };
  using Place = std::map<ConnectionId, Connection>::iterator;

  struct Promise {
    Ticket ticket{};
    ConnectionId to{};
    Bytes bytes;
    Event event;
  };

  bool handle(Now now, Place at, const mqtt::Packet& packet, Effects& effects);
  bool on(Now now, Place at, const mqtt::Connect& packet, Effects& effects);
  bool on(Now now, Place at, const mqtt::Publish& packet, Effects& effects);
  bool on(Now now, Place at, const mqtt::Puback& packet, Effects& effects);
  bool on(Now now, Place at, const mqtt::Pubrec& packet, Effects& effects);
  bool on(Now now, Place at, const mqtt::Pubrel& packet, Effects& effects);
  bool on(Now now, Place at, const mqtt::Pubcomp& packet, Effects& effects);
  bool on(Now now, Place at, const mqtt::Subscribe& packet, Effects& effects);
  bool on(Now now, Place at, const mqtt::Unsubscribe& packet, Effects& effects);
  bool on(Now now, Place at, const mqtt::Pingreq& packet, Effects& effects);
  bool on(Now now, Place at, const mqtt::Disconnect& packet, Effects& effects);
  template <class P>
  bool on(Now now, Place at, const P&, Effects& effects) {  // what no client may send
    return violated(now, at, "mqtt311:4.8.0-1", effects);
  }

  bool refused_packet(Now now, Place at, const mqtt::Malformed& why, Effects& effects);
  // True: it is passed over. False: the connection has ended.
  bool violated(Now now, Place at, std::string_view statement, Effects& effects);
  bool refuse(Now now, Place at, std::uint8_t code, Effects& effects);
  bool cut(Now now, Place at, Why why, Effects& effects);
  void finish(Now now, Place at, EndedBy by, Why why, Effects& effects);
  std::string unique_id();

  template <class P>
  void promise(Place at, Ticket ticket, const P& packet, Effects& effects, const Event& event);
  void send_owed(Now now, Effects& effects);
  void leave(Now now, const Promise& promise, Effects& effects);
  void accepted(Now now, Place at, const Event& connack, Effects& effects);
  Event seen(Place at, Packet packet, unsigned flags = 0) const;
  Event answer(Place at, Packet packet, mqtt::PacketId id = 0) const;
  Event of_message(Place at, unsigned flags, std::string_view topic, View payload, std::uint8_t qos,
                   mqtt::PacketId id) const;
  std::uint32_t topic_index(std::string_view topic) const { return topic_index_ ? topic_index_(topic) : 0; }
  void arm(Place at);

  const BrokerRules& rules_;
  broker::Broker& broker_;
  std::function<NodeIndex(std::string_view)> client_index_;
  std::function<std::uint32_t(std::string_view)> topic_index_;
  std::map<ConnectionId, Connection> connections_;
  std::set<std::pair<Instant, ConnectionId>> alarms_;
  std::deque<Promise> promises_;
  std::uint64_t named_ = 0;  // client ids that were made here
};

}  // namespace hubproof::model
