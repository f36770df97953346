// A plain broker of AMQP 1.0 as a machine: queues in memory, for which a name is enough. It is what
// the suite for brokers of AMQP is tried against, and wrong in one point where a rule says so.
// Whoever shows ANONYMOUS, or the rules' user with its password, may do everything; nothing
// outlives the machine.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/amqp/engine.hpp"
#include "model/amqp/sasl.hpp"
#include "model/effects.hpp"
#include "model/time.hpp"

namespace hubproof::model::amqp {

struct QueueRules {
  std::string user = "guest", password = "guest";
  Duration idle = std::chrono::seconds{30};  // announced; silence for twice that ends a connection
  std::uint32_t credit = 100;                // of links on which peers send
  std::uint64_t max_message_size = 1u << 20;
  std::string no_queues = "/";  // what no address of a queue begins with

  // What a broker may do wrong.
  bool answers_wrong_headers = true;
  bool ends_wrong_headers = true;
  bool checks_passwords = true;
  bool ends_broken = true;  // connections of peers that broke the protocol
  bool refuses_too_large = true;
  bool heeds_max_message_size = true;  // that of a receiver
  bool drains = true;
  bool removes_accepted = true;
  bool returns_released = true;
  std::uint32_t count_of_new = 0;       // the delivery-count of a message that comes
  std::uint32_t count_of_released = 0;  // that a delivery's count grows by
  std::uint32_t count_of_failed = 1;
  bool keeps_body = true;  // as it was encoded
  bool keeps_annotations = true;
  bool settles_ranges = true;        // more than the first delivery of a disposition
  bool waits_for_settlement = true;  // of a sender whose receiver settles second
  bool accepts = true;               // says what became of a message
};

class QueueBroker {
 public:
  explicit QueueBroker(const QueueRules& rules) : rules_{rules} {}

  void opened(Now now, ConnectionId id);
  void received(Now now, ConnectionId id, View bytes, Effects& effects);
  void ended(Now now, ConnectionId id, Effects& effects);
  void woken(Now now, Effects& effects);
  std::optional<Instant> deadline() const;

 private:
  struct Message {
    Bytes durable, priority, ttl;  // encoded fields of its header; empty: not there
    Bytes annotations;             // encoded sections
    Bytes bare;                    // and all behind them
    std::uint32_t count = 0;       // deliveries that failed
  };
  struct Queue {
    std::map<std::uint64_t, Message> ready;  // in the order of their coming
  };
  struct Flight {
    std::uint64_t number = 0;
    Message message;
  };
  struct Link {
    Attach attach;
    std::string queue;
    std::map<DeliveryId, Flight> flights;
  };
  enum class Stage : std::uint8_t { header, login, talking, over };
  struct Connection {
    Stage stage = Stage::header;
    bool logged_in = false;
    Bytes header;
    SaslServer sasl;
    std::unique_ptr<Engine> engine;
    std::map<LinkId, Link> links;
    Bytes out;
  };

  void header_came(Connection& c);
  void talk(Connection& c);
  void on(Connection& c, const Event& event);
  void attached(Connection& c, const Attached& said);
  void arrived(Connection& c, const Arrived& message);
  void settled(Connection& c, const Settled& said);
  void give_back(Link& link);
  void pump();
  void serve(Connection& c, LinkId id, Link& link);
  void flush(Now now, Effects& effects);
  bool take(View bytes, Message& message) const;
  void put(Bytes& out, const Message& message) const;

  const QueueRules& rules_;
  std::map<ConnectionId, Connection> connections_;
  std::map<std::string, Queue> queues_;
  std::uint64_t numbers_ = 0;
  std::uint64_t tags_ = 0;
};

}  // namespace hubproof::model::amqp
