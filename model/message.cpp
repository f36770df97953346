#include "model/message.hpp"

#include <array>
#include <cstring>

#include "model/utf8.hpp"

namespace hubproof::model {
namespace {

// A key has its top bit set when it is a hash. Otherwise: kind (1: 't', 2: 'c') in bits 61 and 62,
// node in 29 bits, number in 32. So no own key is MessageKey::none.
constexpr std::uint64_t hashed = std::uint64_t{1} << 63;
constexpr unsigned kind_at = 61;
constexpr std::uint32_t most_nodes = 1u << 29;

// Takes a number in its one decimal spelling, without a leading zero, of at most ten digits. Gives
// where it ends; null: there is none.
inline const char* take_number(const char* at, const char* end, std::uint64_t& value) {
  constexpr std::ptrdiff_t most_digits = 10;
  const char* const from = at;
  std::uint64_t sum = 0;
  for (; at != end; ++at) {
    const unsigned digit = static_cast<unsigned char>(*at) - unsigned{'0'};
    if (digit > 9) break;
    sum = sum * 10 + digit;
  }
  value = sum;
  const std::ptrdiff_t digits = at - from;
  return digits == 0 || digits > most_digits || (digits > 1 && *from == '0') ? nullptr : at;
}

constexpr std::array<char, 200> pairs = [] {  // "00" to "99"
  std::array<char, 200> digits{};
  for (std::size_t i = 0; i < 100; ++i) {
    digits[2 * i] = static_cast<char>('0' + i / 10);
    digits[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return digits;
}();

// Writes a number that ends before `end`; gives where it begins.
inline char* put_number(char* end, std::uint32_t value) {
  while (value >= 100) {
    const std::uint32_t rest = value / 100;
    end -= 2;
    std::memcpy(end, pairs.data() + 2 * (value - 100 * rest), 2);
    value = rest;
  }
  if (value >= 10) {
    end -= 2;
    std::memcpy(end, pairs.data() + 2 * value, 2);
  } else {
    *--end = static_cast<char>('0' + value);
  }
  return end;
}

// Writes the id of an own key that ends before `end`; gives where it begins.
char* own_id_before(char* end, std::uint64_t key) {
  char* at = put_number(end, static_cast<std::uint32_t>(key));  // from the back: the last digit is known first
  *--at = '-';
  at = put_number(at, static_cast<std::uint32_t>(key >> 32) & (most_nodes - 1));
  *--at = (key >> kind_at) == 2 ? 'c' : 't';
  return at;
}

std::uint8_t* put_milliseconds(std::uint8_t* to, std::int64_t since_1970) {
  std::uint8_t value[8];
  store_big<8>(value, static_cast<std::uint64_t>(since_1970));
  return put_field(to, static_cast<std::uint8_t>(System::expiry), text(value));
}

// As hash(), but with less work at both ends: it is summed and compared, not looked up.
[[gnu::always_inline]] inline std::uint64_t field_digest(View bytes, std::uint64_t seed) {
  constexpr std::uint64_t factor = 0x9fb21c651e98df25u;
  std::uint64_t state = (seed + bytes.size()) * 0x9e3779b97f4a7c15u;
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    state = (state ^ load_little<8>(at)) * factor;
    state ^= state >> 29;
  }
  state = (state ^ load_little_few(at, left)) * factor;
  return state ^ state >> 32;
}

// What a hub may add on the way: no part of what the sender said.
bool added_by_hubs(std::string_view name) {
  const char first = name.empty() ? '\0' : name[0];
  if (first != 'm' && first != 'x' && first != 'i') return false;
  return name == "mqtt-retain" || name == "x-opt-retain" || name == "mqtt-dup" ||
         name == "iothub-MessageType";
}

// Set by hubs only [MSG-07, MSG-11].
bool settable(System key) {
  return key != System::to && key != System::connection_device_id &&
         key != System::connection_module_id;
}

// From the year 1 to 9999, as the wire's text can say them.
constexpr std::int64_t first_millisecond = -62'135'596'800'000;
constexpr std::int64_t last_millisecond = 253'402'300'799'999;

std::int64_t milliseconds(std::string_view eight) { return Reader{view(eight)}.i64(); }

bool valid_system(std::uint8_t tag, std::string_view value) {
  if (tag > static_cast<std::uint8_t>(System::diagnostic_context)) return false;
  if (tag == static_cast<std::uint8_t>(System::ack))
    return value.size() == 1 && static_cast<std::uint8_t>(value[0]) <= 3;
  if (tag != static_cast<std::uint8_t>(System::expiry)) return utf8(value) != Utf8::broken;
  if (value.size() != 8) return false;
  const std::int64_t at = milliseconds(value);
  return at >= first_millisecond && at <= last_millisecond;
}

}  // namespace

MessageKey own_key(char kind, std::uint32_t node, std::uint32_t number) {
  const std::uint64_t kind_bits = kind == 'c' ? 2 : 1;
  return static_cast<MessageKey>(kind_bits << kind_at | std::uint64_t{node % most_nodes} << 32 |
                                 number);
}

MessageKey message_key(std::string_view message_id) {
  if (message_id.size() >= 4 && (message_id[0] == 't' || message_id[0] == 'c')) {
    const char* const end = message_id.data() + message_id.size();
    std::uint64_t node = 0;
    std::uint64_t number = 0;
    const char* const dash = take_number(message_id.data() + 1, end, node);
    if (dash != nullptr && dash != end && *dash == '-' && take_number(dash + 1, end, number) == end &&
        node < most_nodes && number <= 0xffff'ffffu)
      return own_key(message_id[0], static_cast<std::uint32_t>(node),
                     static_cast<std::uint32_t>(number));
  }
  return static_cast<MessageKey>(hash(view(message_id)) | hashed);
}

std::string message_id(MessageKey key) {
  const auto bits = static_cast<std::uint64_t>(key);
  if (key == MessageKey::none) return {};
  if ((bits & hashed) != 0) {
    std::string text = "#0000000000000000";
    for (std::size_t i = 0; i < 16; ++i) text[16 - i] = "0123456789abcdef"[bits >> (4 * i) & 15];
    return text;
  }
  char text[longest_own_id];
  char* const end = text + sizeof text;
  return {own_id_before(end, bits), end};
}

std::uint8_t* put_own_id(std::uint8_t* to, MessageKey own) {
  char text[longest_own_id];
  char* const end = text + sizeof text;
  const char* const id = own_id_before(end, static_cast<std::uint64_t>(own));
  return put_field(to, static_cast<std::uint8_t>(System::message_id), {id, end});
}

std::uint8_t* put_expiry(std::uint8_t* to, Date at) {
  return put_milliseconds(
      to, std::chrono::floor<std::chrono::milliseconds>(at.time_since_epoch()).count());
}

std::uint8_t* put_ack(std::uint8_t* to, Ack ack) {
  const char value = static_cast<char>(ack);
  return put_field(to, static_cast<std::uint8_t>(System::ack), {&value, 1});
}

namespace {

// A field is put together apart, and goes to the buffer as one piece.
template <class Put>
void append(Bytes& buffer, std::size_t size, Put&& put) {
  std::uint8_t small[128];
  Bytes large;
  if (size > sizeof small) large.resize(size);
  std::uint8_t* const from = large.empty() ? small : large.data();
  const std::uint8_t* const end = put(from);
  buffer.insert(buffer.end(), from, from + (end - from));
}

}  // namespace

void MessageWriter::system(System key, std::string_view value) {
  append(*buffer_, field_head + value.size(), [&](std::uint8_t* to) {
    return put_field(to, static_cast<std::uint8_t>(key), value);
  });
}

void MessageWriter::expiry(Date at) {
  append(*buffer_, field_head + 8, [&](std::uint8_t* to) { return put_expiry(to, at); });
}

void MessageWriter::expiry_milliseconds(std::int64_t since_1970) {
  append(*buffer_, field_head + 8,
         [&](std::uint8_t* to) { return put_milliseconds(to, since_1970); });
}

void MessageWriter::ack(Ack ack) {
  append(*buffer_, field_head + 1, [&](std::uint8_t* to) { return put_ack(to, ack); });
}

void MessageWriter::property(std::string_view name, std::string_view value) {
  append(*buffer_, field_head + name.size() + 2 + value.size(),
         [&](std::uint8_t* to) { return put_property(to, name, value); });
}

void MessageWriter::null_property(std::string_view name) {
  append(*buffer_, field_head + name.size(),
         [&](std::uint8_t* to) { return put_field(to, null_property_tag, name); });
}

void MessageWriter::body(View bytes) {
  buffer_->push_back(body_tag);
  buffer_->insert(buffer_->end(), bytes.begin(), bytes.end());
}

bool MessageView::valid() const {
  Reader reader{flat_};
  while (reader.left() > 0) {
    const std::uint8_t tag = reader.u8();
    if (tag == body_tag) return true;
    const std::string_view first = reader.string16();
    if (tag == property_tag || tag == null_property_tag) {
      if (first.empty() || utf8(first) == Utf8::broken) return false;
      if (tag == property_tag && utf8(reader.string16()) == Utf8::broken) return false;
    } else if (!valid_system(tag, first)) {
      return false;
    }
    if (!reader.ok()) return false;
  }
  return false;
}

std::optional<std::string_view> MessageView::system(System key) const {
  Reader reader{flat_};
  while (reader.left() > 0) {
    const std::uint8_t tag = reader.u8();
    if (tag == body_tag) break;
    const std::string_view value = reader.string16();
    if (tag == static_cast<std::uint8_t>(key)) return value;
    if (tag == property_tag) reader.string16();
  }
  return std::nullopt;
}

std::optional<std::string_view> MessageView::property(std::string_view name) const {
  Reader reader{flat_};
  while (reader.left() > 0) {
    const std::uint8_t tag = reader.u8();
    if (tag == body_tag) break;
    const std::string_view first = reader.string16();
    if (tag != property_tag) continue;
    const std::string_view value = reader.string16();
    if (first == name) return value;
  }
  return std::nullopt;
}

std::optional<Date> MessageView::expiry() const {
  const auto value = system(System::expiry);
  if (!value || value->size() != 8) return std::nullopt;
  constexpr std::int64_t most = Date::max().time_since_epoch() / std::chrono::milliseconds{1};
  const std::int64_t at = milliseconds(*value);  // the wire's years go further than a Date
  if (at > most) return Date::max();
  if (at < -most) return Date::min();
  return Date{std::chrono::milliseconds{at}};
}

Ack MessageView::ack() const {
  const auto value = system(System::ack);
  if (!value || value->size() != 1 || static_cast<std::uint8_t>((*value)[0]) > 3) return Ack::none;
  return static_cast<Ack>((*value)[0]);
}

View MessageView::body() const {
  Reader reader{flat_};
  while (reader.left() > 0) {
    const std::uint8_t tag = reader.u8();
    if (tag == body_tag) return reader.rest();
    reader.string16();
    if (tag == property_tag) reader.string16();
  }
  return {};
}

MessageKey MessageView::key() const {
  const auto id = system(System::message_id);
  return id ? message_key(*id) : MessageKey::none;
}

std::uint64_t MessageView::content_digest() const {
  std::uint64_t sum = 0;
  Reader reader{flat_};
  while (reader.left() > 0) {
    const std::uint8_t tag = reader.u8();
    if (tag == body_tag) {
      sum += field_digest(reader.rest(), body_tag);
      break;
    }
    const std::string_view first = reader.string16();
    if (tag == property_tag) {
      const std::string_view value = reader.string16();
      if (!added_by_hubs(first)) sum += field_digest(view(value), field_digest(view(first), property_tag));
    } else if (tag == null_property_tag) {
      if (!added_by_hubs(first)) sum += field_digest(view(first), null_property_tag);
    } else if (settable(static_cast<System>(tag))) {
      sum += field_digest(view(first), tag);
    }
  }
  return sum != 0 ? sum : 1;  // 0 means unknown
}

std::size_t MessageView::counted_size() const {
  std::size_t size = 0;
  Reader reader{flat_};
  while (reader.left() > 0) {
    const std::uint8_t tag = reader.u8();
    if (tag == body_tag) return size + reader.left();
    size += reader.string16().size();
    if (tag == property_tag) size += reader.string16().size();
  }
  return size;
}

}  // namespace hubproof::model
