// What a device has been given to send and has not seen acknowledged, in order of submission, each
// as the PUBLISH it will be. Packet ids, DUP and the window are its business; connections are not.
#pragma once

#include <optional>

#include "model/fetch.hpp"
#include "model/message.hpp"
#include "model/mqtt/packet.hpp"

namespace hubproof::model {

class Outbox {
 public:
  enum class Step : std::uint8_t {
    waiting,  // not sent yet
    sent,     // PUBLISH sent, neither PUBACK nor PUBREC seen
    released  // QoS 2: PUBREC seen, PUBREL sent [mqtt311:4.3.3-1]
  };
  struct Entry {
    MessageKey key{};
    std::uint64_t digest = 0;
    std::uint64_t serial = 0;  // of the submission; what a stored record is known by
    std::uint32_t from = 0;    // the packet, in the arena
    std::uint32_t size = 0;
    mqtt::PacketId id = 0;
    Step step = Step::waiting;
    std::uint8_t qos = 1;
  };

  // Encodes a message and puts it last; null when it does not fit in a PUBLISH. Pointers to entries
  // live until the next put() or finish().
  const Entry* put(std::string_view device, const MessageView& message, MessageKey key,
                   std::uint8_t qos, std::uint64_t serial);
  // The same for a packet that was encoded before.
  const Entry* put_packet(View packet, MessageKey key, std::uint64_t digest, std::uint8_t qos,
                          std::uint64_t serial);

  void soon(bool message) const {  // a hint: something is near, perhaps a new message
    fetch(entries_.data(), sizeof(Entry));
    if (message) fetch(arena_.data(), 192);
  }
  std::size_t size() const { return entries_.size() - head_; }  // unfinished
  bool in_flight() const { return next_ > head_; }
  bool full(std::uint16_t window) const { return next_ - head_ >= window; }
  View packet(const Entry& entry) const { return View{arena_}.subspan(entry.from, entry.size); }

  // The first message that waits, if the window has room; it counts as sent from now on. With QoS 1
  // and 2 it needs an id then, one that is not used by an unfinished exchange.
  Entry* next_to_send(std::uint16_t window) {
    if (entries_.data() + next_ == entries_.data() + entries_.size() || full(window)) return nullptr;
    Entry& entry = entries_[next_++];
    entry.step = Step::sent;
    return &entry;
  }
  bool used(mqtt::PacketId id) const {
    for (std::size_t i = head_; i < next_; ++i)
      if (entries_[i].id == id) return true;
    return false;
  }
  void set_id(Entry& entry, mqtt::PacketId id);
  void mark_duplicate(const Entry& entry);  // sets DUP in its packet [mqtt311:3.3.1-1]
  Entry* find(mqtt::PacketId id) {          // sent or released
    for (std::size_t i = head_; i < next_; ++i)
      if (entries_[i].id == id) return &entries_[i];
    return nullptr;
  }
  Entry* sent_below(mqtt::PacketId id);     // one of those with a lower id, if there is one
  void finish(Entry& entry);

  // A new session knows nothing of the old one: all that was sent waits again.
  void begin_again();
  void forget_sent();  // as if they had never been: a wrong device's way

  // visit(entry) for what was sent and is not finished, in order of the first sends, or against it.
  template <class F>
  void each_sent(bool in_order, F&& visit) {
    for (std::size_t i = head_; i < next_; ++i) {
      visit(entries_[in_order ? i : next_ - 1 - (i - head_)]);
    }
  }
  template <class F>
  void each(F&& visit) const {
    for (std::size_t i = head_; i < entries_.size(); ++i) visit(entries_[i]);
  }

 private:
  Entry& append(MessageKey key, std::uint64_t digest, std::uint8_t qos, std::uint64_t serial);
  void compact();

  // Entries [head_, next_) are sent and not finished, [next_, end) wait; those before head_ are
  // gone.
  std::vector<Entry> entries_;
  Bytes arena_;  // the packets, in the order of entries, with gaps
  std::uint32_t head_ = 0;
  std::uint32_t next_ = 0;
  std::uint32_t live_ = 0;  // bytes of the arena that are in a packet
};

}  // namespace hubproof::model
