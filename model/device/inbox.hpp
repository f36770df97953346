// What a device has received and not yet acknowledged, in order of receipt: PUBACKs leave in that
// order [mqtt311:4.6.0-2], when the application is done with the message.
#pragma once

#include <optional>
#include <vector>

#include "model/message.hpp"
#include "model/mqtt/packet.hpp"
#include "model/time.hpp"

namespace hubproof::model {

class Inbox {
 public:
  struct Entry {
    MessageKey key{};
    mqtt::PacketId id = 0;
    bool command = false;  // else a message on some other topic: acknowledged, no more
    bool ignored = false;  // the application never settles it: it blocks what is behind it
    Instant handled{};     // when the application is done
  };

  // Not in order is a wrong device's way: it lets some gather, then begins with the newest.
  explicit Inbox(bool in_order) : in_order_{in_order} {}

  // A message that the application ignored is given up when it comes again.
  void take(const Entry& entry);
  std::optional<Entry> settled(Instant now);  // the next to acknowledge, removed
  std::optional<Instant> deadline() const;
  void connection_ended() { entries_.clear(); }  // acknowledging on another one would mean nothing

  // QoS 2: false when this packet id was received before and not released [mqtt311:4.3.3-2].
  bool receive(mqtt::PacketId id);
  void release(mqtt::PacketId id);
  void forget_received() { received_.clear(); }  // a new session

 private:
  std::vector<Entry> entries_;
  std::vector<mqtt::PacketId> received_;
  bool in_order_;
};

}  // namespace hubproof::model
