#include "model/device/outbox.hpp"

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
  ++unfinished_;
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
  if (qos > 0) arena_.resize(arena_.size() + 2);
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
  return &entry;
}

const Outbox::Entry* Outbox::put_packet(View packet, MessageKey key, std::uint64_t digest,
                                        std::uint8_t qos, std::uint64_t serial) {
  Entry& entry = append(key, digest, qos, serial);
  entry.from = static_cast<std::uint32_t>(arena_.size());
  entry.size = static_cast<std::uint32_t>(packet.size());
  arena_.insert(arena_.end(), packet.begin(), packet.end());
  arena_[entry.from] &= static_cast<std::uint8_t>(~dup_bit);
  return &entry;
}

bool Outbox::used(mqtt::PacketId id) const {
  for (std::size_t i = head_; i < next_; ++i)
    if (entries_[i].id == id && entries_[i].step != Step::done) return true;
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
  if (next_ == entries_.size() || in_flight_ >= window) return nullptr;
  Entry& entry = entries_[next_];
  entry.step = Step::sent;
  ++next_;
  ++in_flight_;
  return &entry;
}

void Outbox::mark_duplicate(const Entry& entry) { arena_[entry.from] |= dup_bit; }

Outbox::Entry* Outbox::find(mqtt::PacketId id) {
  for (std::size_t i = head_; i < next_; ++i)
    if (entries_[i].id == id && entries_[i].step != Step::done) return &entries_[i];
  return nullptr;
}

void Outbox::finish(Entry& entry) {
  entry.step = Step::done;
  --in_flight_;
  --unfinished_;
  drop_finished();
}

void Outbox::drop_finished() {
  while (head_ < next_ && entries_[head_].step == Step::done) ++head_;
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
  if (head_ < 16 || head_ < entries_.size() / 2) return;
  const std::uint32_t gone = entries_[head_].from;
  arena_.erase(arena_.begin(), arena_.begin() + gone);
  entries_.erase(entries_.begin(), entries_.begin() + head_);
  for (Entry& entry : entries_) entry.from -= gone;
  next_ -= head_;
  head_ = 0;
}

void Outbox::begin_again() {
  each_sent(true, [&](Entry& entry) {
    entry.step = Step::waiting;
    arena_[entry.from] &= static_cast<std::uint8_t>(~dup_bit);
  });
  // Those that are done but not dropped lie between: move them out of the way.
  std::erase_if(entries_, [](const Entry& entry) { return entry.step == Step::done; });
  head_ = next_ = in_flight_ = 0;
}

void Outbox::forget_sent() {
  each_sent(true, [&](Entry& entry) {
    entry.step = Step::done;
    --in_flight_;
    --unfinished_;
  });
  drop_finished();
}

}  // namespace hubproof::model
