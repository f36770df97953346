// The topic router of a plain MQTT 3.1.1 broker. It stands where hub/ stands and meets connections in
// server: sessions with their subscriptions and queues, retained messages, wills, and the journal that makes
// them durable. It knows no packets, owns no timer but the journal's, and asks no clock.
//
// What an operation promises may leave when durable() has reached the ticket that it gave. What it owes to
// clients gathers in sends(), each with the ticket that it waits for. Nothing of it is in the history.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/broker/records.hpp"
#include "model/broker/session.hpp"
#include "model/broker/topics.hpp"
#include "model/broker_rules.hpp"
#include "model/hub/journal.hpp"

namespace hubproof::model::broker {

// Something that a connected client gets: a PUBLISH, or a PUBREL.
struct ToSend {
  ConnectionId to{};
  MessagePtr message;    // null: a PUBREL
  std::uint16_t id = 0;  // 0 with QoS 0
  std::uint8_t qos = 0;
  bool retain = false;
  bool dup = false;
  Ticket ticket{};
};

struct Incoming {
  std::string_view topic;
  View payload;
  std::uint16_t id = 0;
  std::uint8_t qos = 0;
  bool retain = false;
  bool dup = false;
};

struct NewWill {
  std::string_view topic;
  View payload;
  std::uint8_t qos = 0;
  bool retain = false;
};

class Broker {
 public:
  // Of the hub's rules those of the journal count. All must outlive the broker.
  Broker(const HubRules& journal_rules, const BrokerRules& rules);

  // The store.
  void recover(Now now, std::span<const StoredFile> files, Effects& effects);
  void stored(Now now, Ticket ticket, bool ok, Effects& effects);
  void woken(Now now, Effects& effects);
  std::optional<Instant> deadline() const { return halted_ ? std::nullopt : journal_.patience_ends(); }
  void flush(Now now, Effects& effects);  // at the end of every call
  Ticket durable() const { return journal_.durable(); }
  Ticket written() const { return journal_.newest(); }

  // Connections. The connection that a client has, if any; it must have ended before another one begins.
  ConnectionId connection_of(std::string_view client) const;
  struct Begun {
    std::uint64_t session = 0;
    bool known = false;    // there was a session
    bool resumed = false;  // and it goes on [mqtt311:3.1.2-4, 3.2.2-2]
    Ticket ticket{};
  };
  Begun begin(std::string_view client, bool clean, const std::optional<NewWill>& will, ConnectionId connection);
  // What is owed to a session that goes on, once its CONNACK is on its way [mqtt311:4.4.0-1].
  void resend(std::uint64_t session);
  void end(std::uint64_t session, std::uint32_t wills);

  // SUBSCRIBE and UNSUBSCRIBE, filter by filter.
  Ticket subscribe(std::uint64_t session, std::string_view filter, std::uint8_t qos);
  // What is kept of the topics that the filter matches [mqtt311:3.3.1-6].
  void send_retained(std::uint64_t session, std::string_view filter, std::uint8_t qos, bool is_new);
  bool has(std::uint64_t session, std::string_view filter) const;
  struct Removed {
    bool any = false;
    Ticket ticket{};
  };
  void forget_subscriptions(std::uint64_t session);  // a wrong broker's way
  Removed unsubscribe(std::uint64_t session, std::string_view filter);

  // Messages. The ticket is of what PUBACK, PUBREC and PUBCOMP promise.
  Ticket publish(std::uint64_t session, const Incoming& message);
  Ticket release(std::uint64_t session, std::uint16_t id);
  void acknowledged(std::uint64_t session, std::uint16_t id);  // PUBACK
  void received(std::uint64_t session, std::uint16_t id);      // PUBREC
  void completed(std::uint64_t session, std::uint16_t id);     // PUBCOMP

  std::vector<ToSend>& sends() { return sends_; }  // for the door to take

  // For whoever runs the broker, and for tests.
  std::size_t sessions() const { return sessions_.size(); }
  std::size_t retained() const { return retained_.size(); }

 private:
  class Replay;

  struct Retained {
    MessagePtr message;
    std::uint8_t qos = 0;
    std::uint64_t from = 0;  // a session; 0: of before a restart
  };

  Session* find(std::uint64_t session);
  Session& at(std::uint64_t session) { return *sessions_.at(session); }
  Session& make(std::string_view client);
  void drop(Session& session);
  Ticket route(std::uint64_t from, const Incoming& message, std::uint64_t will_of);
  Keeping keep(std::uint64_t from, const Incoming& message, const MessagePtr& shared);
  void file(Session& session, const MessagePtr& message, std::uint8_t qos, bool retain, bool dup,
            MessageRecord& record);
  std::uint16_t fresh_id(Session& session) const;
  Outgoing* outgoing(Session& session, std::uint16_t id);
  void done(Session& session, std::uint16_t id);
  void forget(Session& session, std::uint16_t id);  // what is under way under it
  void send_since(std::size_t from, Ticket ticket);
  void begin_segment();
  void write_session(const Session& session);
  void write_will(std::uint64_t number, const Will& will);

  const BrokerRules& rules_;
  Journal journal_;
  std::map<std::uint64_t, std::unique_ptr<Session>> sessions_;  // by number
  std::map<std::string, std::uint64_t, std::less<>> by_client_;
  Subscriptions subscriptions_{rules_};
  std::map<std::string, Retained, std::less<>> retained_;  // by topic
  std::uint64_t next_number_ = 1;
  std::map<std::uint64_t, Will> orphans_;  // wills of sessions that ended with the process before this one
  std::vector<ToSend> sends_;
  std::vector<ToSend> overtaken_;  // see rules
  std::uint32_t routed_ = 0;
  bool halted_ = false;
};

}  // namespace hubproof::model::broker
