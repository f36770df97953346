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

void append_text(Bytes& out, std::string_view text) {
  out.insert(out.end(), text.begin(), text.end());
}

void patch_u16(Bytes& out, std::size_t at, std::size_t value) {
  out[at] = static_cast<std::uint8_t>(value >> 8);
  out[at + 1] = static_cast<std::uint8_t>(value);
}

// Writes the fixed header so that it ends at `end`; gives where it begins.
std::size_t write_header_before(Bytes& out, std::size_t end, std::uint8_t first,
                                std::size_t remaining) {
  std::uint8_t header[largest_header] = {first};
  std::size_t size = 1;
  for (; remaining >= 128; remaining >>= 7)
    header[size++] = static_cast<std::uint8_t>(remaining | 0x80);
  header[size++] = static_cast<std::uint8_t>(remaining);
  std::memcpy(out.data() + end - size, header, size);
  return end - size;
}

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

// The topic's length and the packet's are known only when the bag is written, so room is left for
// them and the header is put right before the topic.
const Outbox::Entry* Outbox::put(std::string_view device, const MessageView& message,
                                 std::uint8_t qos, std::uint64_t serial) {
  const std::size_t begin = arena_.size();
  const std::size_t length_at = begin + largest_header;
  arena_.resize(length_at + 2);
  append_text(arena_, "devices/");
  append_text(arena_, device);
  append_text(arena_, "/messages/events/");
  mqtt::write_bag(arena_, message);
  const std::size_t topic = arena_.size() - length_at - 2;
  if (qos > 0) arena_.insert(arena_.end(), {0, 1});  // some id, until it gets its own
  const View body = message.body();
  arena_.insert(arena_.end(), body.begin(), body.end());
  const std::size_t remaining = arena_.size() - length_at;
  if (topic > largest_topic || remaining > largest_packet) {
    arena_.resize(begin);
    return nullptr;
  }
  patch_u16(arena_, length_at, topic);
  const auto first = static_cast<std::uint8_t>(publish_first_byte | qos << 1);
  const std::size_t from = write_header_before(arena_, length_at, first, remaining);
  Entry& entry = append(message.key(), message.content_digest(), qos, serial);
  entry.from = static_cast<std::uint32_t>(from);
  entry.size = static_cast<std::uint32_t>(arena_.size() - from);
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

bool Outbox::used(mqtt::PacketId id) const {
  for (std::size_t i = head_; i < next_; ++i)
    if (entries_[i].id == id) return true;
  return false;
}

void Outbox::set_id(Entry& entry, mqtt::PacketId id) {
  entry.id = id;
  std::size_t at = entry.from + 1;
  while ((arena_[at] & 0x80) != 0) ++at;
  ++at;
  const std::size_t topic = static_cast<std::size_t>(arena_[at] << 8 | arena_[at + 1]);
  patch_u16(arena_, at + 2 + topic, id);
}

Outbox::Entry* Outbox::next_to_send(std::uint16_t window) {
  if (next_ == entries_.size() || next_ - head_ >= window) return nullptr;
  Entry& entry = entries_[next_];
  entry.step = Step::sent;
  ++next_;
  return &entry;
}

void Outbox::mark_duplicate(const Entry& entry) { arena_[entry.from] |= dup_bit; }

Outbox::Entry* Outbox::find(mqtt::PacketId id) {
  for (std::size_t i = head_; i < next_; ++i)
    if (entries_[i].id == id) return &entries_[i];
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
