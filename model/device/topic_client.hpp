// A client of a plain broker: it publishes to topics and subscribes to filters, at any QoS, over MQTT 3.1.1.
// Its memory is its store: a session that it asked to be kept lives as long as its process.
//
//   asleep ──resume──▶ waiting ──until──▶ dialling ──connected──▶ greeting ──CONNACK 0──▶ online
//      ▲                  ▲                   │                      │                      │
//      │                  └────── refused, no answer in time, CONNACK other than 0, ended ──┘
//      └── sleep, from any state; from greeting and online with a DISCONNECT
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/back_off.hpp"
#include "model/chance.hpp"
#include "model/effects.hpp"
#include "model/mqtt/codec.hpp"

namespace hubproof::model {

struct TopicSubscription {
  std::string filter;
  std::uint8_t qos = 1;
};
struct TopicWill {
  std::string topic;
  std::uint8_t qos = 1;
  bool retain = false;
};

// Shared by all clients of one group; must outlive them.
struct TopicSettings {
  using Subscription = TopicSubscription;
  using Will = TopicWill;
  std::vector<Subscription> subscriptions;  // each in a SUBSCRIBE of its own, when the session may lack it
  std::optional<Will> will;                 // each connection's with a payload of its own
  Duration keep_alive = std::chrono::seconds{60};
  bool clean_session = false;
  std::uint16_t window = 20;            // messages of QoS 1 and 2 under way
  std::uint32_t outbox_limit = 10'000;  // messages; one more is dropped
  Duration back_off_first = std::chrono::seconds{1};
  Duration back_off_max = std::chrono::seconds{60};
  std::uint32_t back_off_jitter_percent = 50;
  Duration connect_patience = std::chrono::seconds{30};  // no CONNACK
  Duration ack_patience = std::chrono::seconds{60};      // no answer of any kind: cut and reconnect
};

class TopicClient {
 public:
  // `note_of`: topics and filters as notes of the history.
  TopicClient(const TopicSettings& settings, std::string id, std::uint32_t number, Chance chance,
              std::function<std::uint32_t(std::string_view)> note_of);

  void started(Now now, Effects& effects);
  void publish(Now now, std::string_view topic, View payload, std::uint8_t qos, bool retain, Effects& effects);
  void connected(Now now, ConnectionId connection, Effects& effects);
  void refused(Now now, ConnectionId connection, Effects& effects);
  void received(Now now, ConnectionId connection, View bytes, Effects& effects);
  void ended(Now now, ConnectionId connection, EndedBy by, Effects& effects);
  void woken(Now now, Effects& effects);
  std::optional<Instant> deadline() const;
  void sleep(Now now, Effects& effects);
  void resume(Now now, Effects& effects);
  std::size_t unacknowledged() const { return outbox_.size(); }

 private:
  struct Asleep {};
  struct Waiting {
    Instant until;
  };
  struct Dialling {
    Instant patience;
  };
  struct Greeting {
    Instant patience;
  };
  struct Online {
    Instant since;
    Instant said;                 // the last packet
    std::optional<Instant> owed;  // since when an answer is
  };
  using State = std::variant<Asleep, Waiting, Dialling, Greeting, Online>;

  // A message of its own, until its exchange is over.
  struct Outgoing {
    std::string topic;
    Bytes payload;
    mqtt::PacketId id = 0;
    std::uint8_t qos = 0;
    bool retain = false;
    enum class Step : std::uint8_t { waits, sent, released } step = Step::waits;
  };

  void connect(Now now, Effects& effects);
  void retry(Now now);
  void over(Now now);
  void give_up(Now now, Effects& effects);
  void leave(Now now, Effects& effects);
  void say_connect(Effects& effects);
  void begin(Now now, bool present, Effects& effects);
  void send_more(Now now, Effects& effects);
  void send(Now now, Outgoing& message, bool again, Effects& effects);
  void send_release(Now now, const Outgoing& message, Effects& effects);
  template <class P>
  void say(Now now, const P& packet, Effects& effects);
  bool hear(Now now, const mqtt::Packet& packet, Effects& effects);
  void hear(Now now, const mqtt::Publish& packet, Effects& effects);
  void finished(Now now, mqtt::PacketId id, std::uint8_t qos, Effects& effects);
  Outgoing* outgoing(mqtt::PacketId id);
  mqtt::PacketId fresh_id();
  bool owed() const;
  Event& saw(Effects& effects, What what) const;
  Event& saw_packet(Effects& effects, Packet type, bool sent, mqtt::PacketId id = 0) const;
  bool current(ConnectionId connection) const { return connection == ConnectionId{connections_}; }

  const TopicSettings& settings_;
  std::string id_;
  std::uint32_t number_;
  Chance chance_;
  std::function<std::uint32_t(std::string_view)> note_of_;
  State state_;
  BackOff back_off_;
  std::uint32_t connections_ = 0;
  std::uint32_t wills_ = 0;
  mqtt::PacketId last_id_ = 0;
  std::deque<Outgoing> outbox_;         // in the order in which they were published
  std::vector<mqtt::PacketId> asked_;   // SUBSCRIBEs without a SUBACK, by filter; 0: answered
  std::vector<bool> granted_;           // by filter: the session surely has it
  mqtt::Decoder decoder_{mqtt::End::client};
};

}  // namespace hubproof::model
