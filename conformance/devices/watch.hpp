// What MQTT 3.1.1 asks of every packet of a client, whatever case is played: the form of packets, the
// ids and DUP of its messages over all its connections, and the kind and order of its acknowledgements.
// It sees the packets of one client and of the server that it talks to, and knows of no case.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "conformance/devices/tally.hpp"
#include "model/mqtt/codec.hpp"
#include "model/time.hpp"

namespace hubproof::conformance::devices {

class Watch {
 public:
  explicit Watch(Tally& tally) : tally_{tally} {}

  void opened(std::uint32_t link, model::Instant now);
  void received(std::uint32_t link, model::Instant now, const model::mqtt::Packet& packet);
  void malformed(std::uint32_t link, const model::mqtt::Malformed& what);
  void sent(std::uint32_t link, const model::mqtt::Packet& packet);
  // The server broke the protocol there: what the client makes of it is the case's to judge.
  void provoked(std::uint32_t link) { links_[link].provoked = true; }
  void ended(std::uint32_t link, model::Instant now);

  // How much later than its keep-alive a packet may come: what this machine may have held it up.
  void tolerance(model::Duration slack) { slack_ = slack; }

 private:
  using PacketId = model::mqtt::PacketId;

  struct Link {
    bool greeted = false;       // CONNECT came
    bool accepted = false;      // by our CONNACK
    bool resumed = false;       // with session present
    bool clean = false;
    bool said_goodbye = false;  // DISCONNECT came
    bool provoked = false;      // by what no server may send
    model::Duration keep_alive{};
    model::Instant last{};      // when something came
    std::uint64_t last_resent = 0;
    std::deque<PacketId> owed;  // QoS 1: PUBLISHes of ours in order, without PUBACK
    std::deque<PacketId> owed_receipt;  // QoS 2: without PUBREC
    std::deque<PacketId> receipts;      // PUBRECs of ours in order, without PUBREL
    std::map<PacketId, std::uint8_t> ours;  // ids that we used on this link, with their QoS
  };
  struct Sent {                 // a message of the client that is open
    std::uint64_t number = 0;   // in the order of first sending
    std::uint64_t content = 0;
    std::uint8_t qos = 0;
    std::uint32_t link = 0;     // where it was first sent
    bool acknowledged = false;  // by a PUBACK of ours that may not have arrived
    bool received = false;      // QoS 2: by a PUBREC of ours
    bool released = false;      // QoS 2: PUBREL came
  };

  void saw(Link& link, const model::mqtt::Connect& packet);
  void saw(std::uint32_t number, Link& link, const model::mqtt::Publish& packet);
  void saw(Link& link, const model::mqtt::Puback& packet);
  void saw(Link& link, const model::mqtt::Pubrec& packet);
  void saw(std::uint32_t number, Link& link, const model::mqtt::Pubrel& packet);
  void saw(Link& link, const model::mqtt::Pubcomp& packet);
  void saw(const model::mqtt::Subscribe& packet);
  void saw(const model::mqtt::Unsubscribe& packet);
  void sent_first(std::uint32_t number, const model::mqtt::Publish& packet, std::uint64_t content);
  void sent_again(Link& link, const model::mqtt::Publish& packet, std::uint64_t content);
  void takes_id(PacketId id, const char* packet);
  void silence(Link& link, model::Instant now);

  Tally& tally_;
  std::map<std::uint32_t, Link> links_;
  std::map<PacketId, Sent> open_;       // of this session
  std::map<PacketId, Sent> dropped_;    // of the session before it, which Clean Session 1 ended
  std::map<PacketId, const char*> requests_;  // SUBSCRIBE and UNSUBSCRIBE without an answer
  std::uint64_t sent_ = 0;
  model::Duration slack_{std::chrono::seconds{1}};
};

}  // namespace hubproof::conformance::devices
