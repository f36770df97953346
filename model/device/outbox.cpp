#include "model/device/outbox.hpp"

#include <algorithm>

#include "model/mqtt/bag.hpp"

namespace hubproof::model {
namespace {

constexpr std::size_t largest_header = 5;
constexpr std::size_t largest_topic = 65'535;
constexpr std::size_t largest_packet = 268'435'455;
constexpr std::uint8_t publish_first_byte = 0x30;
constexpr std::uint8_t dup_bit = 0x08;

// An outbox that ran empty keeps buffers up to these sizes, so that steady traffic allocates
// nothing and an idle device costs little.
constexpr std::size_t warm_bytes = 512;
constexpr std::size_t warm_entries = 4;

constexpr std::string_view topic_begin = "devices/";
constexpr std::string_view topic_middle = "/messages/events/";

}  // namespace

Outbox::Entry& Outbox::append(MessageKey key, std::uint64_t digest, std::uint8_t qos,
                              std::uint64_t serial) {
  Entry& entry = entries_.emplace_back();
  entry.key = key;
  entry.digest = digest;
  entry.serial = serial;
  entry.qos = qos;
  return entry;
}

const Outbox::Entry* Outbox::put(std::string_view device, const MessageView& message,
                                 MessageKey key, std::uint8_t qos, std::uint64_t serial) {
  const std::size_t most = largest_header + 2 + topic_begin.size() + device.size() +
                           topic_middle.size() + mqtt::bag_room(message) + 2 + message.flat().size();
  std::uint8_t small[1024];
  Bytes large;
  if (most > sizeof small) large.resize(most);
  std::uint8_t* const topic = (large.empty() ? small : large.data()) + largest_header + 2;
  View body;
  std::uint8_t* to = copy(topic, topic_begin.data(), topic_begin.size());
  to = copy(to, device.data(), device.size());
  to = copy(to, topic_middle.data(), topic_middle.size());
  to = mqtt::write_bag(to, message, body);
  const auto topic_size = static_cast<std::size_t>(to - topic);
  if (qos > 0) {
    store_big<2>(to, 1);  // some id, until it gets its own
    to += 2;
  }
  to = copy(to, body.data(), body.size());

  // What comes first is known last: it is written up to where the topic begins.
  const auto remaining = static_cast<std::size_t>(to - topic) + 2;
  if (topic_size > largest_topic || remaining > largest_packet) return nullptr;
  const std::size_t length_bytes =
      remaining < 128 ? 1 : remaining < 16'384 ? 2 : remaining < 2'097'152 ? 3 : 4;
  store_big<2>(topic - 2, topic_size);
  std::uint8_t* const first = topic - 2 - length_bytes - 1;
  *first = static_cast<std::uint8_t>(publish_first_byte | qos << 1);
  std::size_t length = remaining;
  for (std::size_t i = 1; i <= length_bytes; ++i, length >>= 7)
    first[i] = static_cast<std::uint8_t>((length & 0x7f) | (i < length_bytes ? 0x80 : 0));

  Entry& entry = append(key, message.content_digest(), qos, serial);
  entry.from = static_cast<std::uint32_t>(arena_.size());
  entry.size = static_cast<std::uint32_t>(to - first);
  arena_.insert(arena_.end(), first, to);
  live_ += entry.size;
  return &entry;
}

const Outbox::Entry* Outbox::put_packet(View packet, MessageKey key, std::uint64_t digest,
                                        std::uint8_t qos, std::uint64_t serial) {
  Entry& entry = append(key, digest, qos, serial);
  entry.from = static_cast<std::uint32_t>(arena_.size());
  entry.size = static_cast<std::uint32_t>(packet.size());
  live_ += entry.size;
  arena_.insert(arena_.end(), packet.begin(), packet.end());
  arena_[entry.from] &= static_cast<std::uint8_t>(~dup_bit);
  return &entry;
}

void Outbox::set_id(Entry& entry, mqtt::PacketId id) {
  entry.id = id;
  std::size_t at = entry.from + 1;
  while ((arena_[at] & 0x80) != 0) ++at;
  ++at;
  const std::size_t topic = load_big<2>(arena_.data() + at);
  store_big<2>(arena_.data() + at + 2 + topic, id);
}

void Outbox::mark_duplicate(const Entry& entry) { arena_[entry.from] |= dup_bit; }

Outbox::Entry* Outbox::sent_below(mqtt::PacketId id) {
  for (std::size_t i = head_; i < next_; ++i)
    if (entries_[i].id < id && entries_[i].qos == 1) return &entries_[i];
  return nullptr;
}

void Outbox::finish(Entry& entry) {
  live_ -= entry.size;
  const auto begin = entries_.begin() + head_;
  const auto at = entries_.begin() + (&entry - entries_.data());
  std::move_backward(begin, at, at + 1);  // at most a window, and mostly nothing
  ++head_;
  compact();
}

void Outbox::compact() {
  if (head_ == entries_.size()) {
    head_ = next_ = 0;
    if (entries_.capacity() > warm_entries)
      std::vector<Entry>{}.swap(entries_);
    else
      entries_.clear();
    if (arena_.capacity() > warm_bytes)
      Bytes{}.swap(arena_);
    else
      arena_.clear();
    return;
  }
  if (head_ >= 16 && head_ >= entries_.size() / 2) {
    entries_.erase(entries_.begin(), entries_.begin() + head_);
    next_ -= head_;
    head_ = 0;
  }
  if (arena_.size() > 2 * warm_bytes && live_ < arena_.size() / 2) {
    std::uint32_t to = 0;
    for (std::size_t i = head_; i < entries_.size(); ++i) {
      Entry& entry = entries_[i];
      std::memmove(arena_.data() + to, arena_.data() + entry.from, entry.size);
      entry.from = to;
      to += entry.size;
    }
    arena_.resize(to);
  }
}

void Outbox::begin_again() {
  each_sent(true, [&](Entry& entry) {
    entry.step = Step::waiting;
    arena_[entry.from] &= static_cast<std::uint8_t>(~dup_bit);
  });
  next_ = head_;
}

void Outbox::forget_sent() {
  each_sent(true, [&](Entry& entry) { live_ -= entry.size; });
  head_ = next_;
  compact();
}

}  // namespace hubproof::model
