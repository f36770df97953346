// A plain MQTT broker, judged by what its clients sent and got: each event at the client's own end, so that a
// broker that keeps no history is judged alike. (A hub has no wildcards and one reader; its checks are others.)
//
// Clients whose messages have no payload of their own cannot be followed: equal payloads are one message.
//
// The log follows sessions, subscriptions and messages, and tells each check what became of them.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "conformance/check.hpp"

namespace hubproof::conformance {

struct AckedIsDelivered : Check {  // mqtt311:4.5.0-1
  static const About about;
  using Check::fail, Check::pass, Check::undecided;
};
struct OnceAtQos2 : Check {  // mqtt311:4.3.3-2
  static const About about;
  using Check::fail, Check::pass, Check::undecided;
};
struct OrderOfTopic : Check {  // mqtt311:4.6.0-6
  static const About about;
  using Check::fail, Check::pass;
};
struct RetainedComes : Check {  // mqtt311:3.3.1-6
  static const About about;
  using Check::fail, Check::pass, Check::undecided;
};
struct WillComes : Check {  // mqtt311:3.1.2-8
  static const About about;
  using Check::fail, Check::pass, Check::undecided;
};
struct WillOnce : Check {  // mqtt311:3.1.2-10
  static const About about;
  using Check::fail, Check::pass, Check::undecided;
};
struct SessionGoesOn : Check {  // mqtt311:3.2.2-2
  static const About about;
  using Check::fail, Check::pass;
};

using model::MessageKey;

using BrokerChecks =
    std::tuple<AckedIsDelivered, OnceAtQos2, OrderOfTopic, RetainedComes, WillComes, WillOnce, SessionGoesOn>;

class BrokerLog {
 public:
  BrokerLog(const Facts& facts, BrokerChecks& checks, const std::vector<std::string>& notes);
  void saw(const Seen& seen);

 private:
  using Client = std::uint32_t;  // its number as a participant

  struct Subscription {
    std::uint8_t granted = 0;
    std::int64_t since = 0;
  };
  struct End {  // what a client knows
    bool connected = false;
    bool clean = true;          // of the session that goes on, or of the last one
    bool has_session = false;   // a kept one, as its last accepted CONNECT had it
    bool doubtful = false;      // it asked for a clean one, and nobody knows whether that was heard
    bool lost_memory = false;   // its process crashed, so that it may take an old id for a new message
    bool disconnects = false;   // it has said DISCONNECT
    std::int64_t asked_at = 0;  // its CONNECT left: the connection began no sooner for the broker
    std::int64_t connected_at = 0;
    std::uint32_t connection = 0;
    std::uint64_t session = 0;  // counts sessions
    MessageKey will{};          // of the connection
    std::map<std::uint32_t, Subscription> subscriptions;          // by filter
    std::map<std::uint16_t, std::pair<std::uint32_t, std::uint8_t>> asked;  // filters in SUBSCRIBEs without SUBACK
    std::set<std::uint16_t> taken;                                // ids of QoS 2 messages without PUBREL
    std::map<std::uint16_t, MessageKey> sent;                     // its own messages under way
    std::set<std::uint16_t> unreleased;                           // ids of its own QoS 2 messages without PUBCOMP
    std::set<std::uint16_t> forgotten;                            // ... that its crash made it forget
    // By publisher, topic, the QoS it was published with and came with: the last message, by its number.
    std::map<std::tuple<Client, std::uint32_t, std::uint8_t, std::uint8_t>, std::uint64_t> last;
    std::map<std::uint32_t, std::pair<MessageKey, std::uint64_t>> awaits;  // retained ones, by topic; their number
  };
  struct Delivered {
    std::uint64_t session = 0;  // of the subscriber, when it was owed or came first
    bool owed = false;
    std::uint32_t times = 0;    // as a new message
  };
  struct Message {
    Client publisher{};
    std::uint32_t topic = 0;
    std::uint8_t qos = 0;
    bool will = false;
    bool retain = false;
    bool ambiguous = false;  // it may have been published twice
    bool may_be_dropped = false;  // its id is that of a message that its publisher forgot and the broker may not have
    bool resent = false;     // at QoS 1 what comes again is a new message, with a later place
    bool acked = false;      // a will: its connection has ended without DISCONNECT
    bool must_not_come = false;  // a will whose DISCONNECT was heard
    bool may_come = false;       // ... by a broker that crashed, perhaps before that was on its disk
    std::uint64_t heard = 0;     // that DISCONNECT's number among what the broker heard
    std::uint64_t number = 0;    // in the order of first sends
    std::uint32_t connection = 0;
    std::int64_t acked_at = 0;
    std::map<Client, Delivered> to;
  };
  struct Retained {
    MessageKey message{};   // the last one that is acknowledged; none: the topic has none
    std::uint64_t number = 0;
    std::uint32_t open = 0; // retained publishes without an acknowledgement
    bool unsure = false;    // somebody published so that nobody can know what is kept
  };

  void at_client(const Seen& seen, Client client, End& end);
  void at_broker(const Seen& seen);
  void accepted(const Seen& seen, Client client, End& end);
  void over(Client client, End& end);
  void new_session(Client client, End& end);
  void sent(const Seen& seen, Client client, End& end);
  void got(const Seen& seen, Client client, End& end);
  void published(const Seen& seen, Client client, End& end);
  void acknowledged(const Seen& seen, End& end);
  void delivered(const Seen& seen, Client client, End& end, bool is_new);
  void owe(Message& message, std::int64_t from);
  void subscribed(const Seen& seen, Client client, End& end);
  void will_is_owed(const Seen& seen, Client client, End& end);
  void finished(const Seen& seen);
  std::uint8_t granted(const End& end, std::uint32_t topic, std::int64_t before, std::uint32_t* filters = nullptr) const;
  const std::string& text(std::uint32_t note) const { return notes_[note < notes_.size() ? note : 0]; }
  bool matches(std::uint32_t filter, std::uint32_t topic) const;
  template <class C>
  C& check() {
    return std::get<C>(checks_);
  }

  const Facts& facts_;
  BrokerChecks& checks_;
  const std::vector<std::string>& notes_;
  std::map<Client, End> ends_;
  std::map<MessageKey, Message> messages_;
  std::map<std::uint32_t, Retained> retained_;                 // by topic
  std::map<std::uint32_t, MessageKey> wills_at_broker_;        // by the broker's number of the connection
  // What the broker heard and is to acknowledge, by connection and packet id; what it has acknowledged is on its
  // disk, and with it all that it heard before.
  std::map<std::pair<std::uint32_t, std::uint16_t>, std::uint64_t> heard_;
  std::uint64_t heard_in_all_ = 0;
  std::uint64_t kept_ = 0;
  mutable std::map<std::pair<std::uint32_t, std::uint32_t>, bool> matches_;
  std::uint64_t numbers_ = 0;
  std::int64_t healed_at_ = 0;
};

}  // namespace hubproof::conformance
