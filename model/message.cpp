#include "model/message.hpp"

#include "model/utf8.hpp"

namespace hubproof::model {
namespace {

// A key has its top bit set when it is a hash. Otherwise: kind (1: 't', 2: 'c') in bits 61 and 62,
// node in 29 bits, number in 32. So no own key is MessageKey::none.
constexpr std::uint64_t hashed = std::uint64_t{1} << 63;
constexpr unsigned kind_at = 61;
constexpr std::uint32_t most_nodes = 1u << 29;

// Takes a number below `limit`, in its one decimal spelling: no leading zero. Gives where it ends;
// null: there is none.
const char* take_number(const char* at, const char* end, std::uint64_t limit,
                        std::uint64_t& value) {
  const char* const from = at;
  std::uint64_t sum = 0;
  for (; at != end; ++at) {
    const auto digit = static_cast<std::uint8_t>(*at - '0');
    if (digit > 9) break;
    sum = sum * 10 + digit;
    if (sum >= limit) return nullptr;
  }
  value = sum;
  const bool padded = at - from > 1 && *from == '0';
  return at == from || padded ? nullptr : at;
}

// Writes a number that ends before `end`; gives where it begins.
char* put_number(char* end, std::uint64_t value) {
  do {
    *--end = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  return end;
}

// What a hub may add on the way: no part of what the sender said.
bool added_by_hubs(std::string_view name) {
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
    const char* const dash = take_number(message_id.data() + 1, end, most_nodes, node);
    if (dash != nullptr && dash != end && *dash == '-' &&
        take_number(dash + 1, end, std::uint64_t{1} << 32, number) == end)
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
  char text[24];
  char* const end = text + sizeof text;
  char* at = put_number(end, bits & 0xffffffffu);  // from the back: a number's last digit is first known
  *--at = '-';
  at = put_number(at, bits >> 32 & (most_nodes - 1));
  *--at = (bits >> kind_at) == 2 ? 'c' : 't';
  return {at, end};
}

void MessageWriter::system(System key, std::string_view value) {
  const std::uint8_t head[] = {static_cast<std::uint8_t>(key),
                               static_cast<std::uint8_t>(value.size() >> 8),
                               static_cast<std::uint8_t>(value.size())};
  out_.bytes(head);
  out_.bytes(view(value));
}

void MessageWriter::expiry(Date at) {
  expiry_milliseconds(std::chrono::floor<std::chrono::milliseconds>(at.time_since_epoch()).count());
}

void MessageWriter::expiry_milliseconds(std::int64_t since_1970) {
  out_.u8(static_cast<std::uint8_t>(System::expiry));
  out_.u16(8);
  out_.i64(since_1970);
}

void MessageWriter::ack(Ack ack) {
  const char value = static_cast<char>(ack);
  system(System::ack, {&value, 1});
}

void MessageWriter::property(std::string_view name, std::string_view value) {
  out_.u8(property_tag);
  out_.string16(name);
  out_.string16(value);
}

void MessageWriter::null_property(std::string_view name) {
  out_.u8(null_property_tag);
  out_.string16(name);
}

void MessageWriter::body(View bytes) {
  out_.u8(body_tag);
  out_.bytes(bytes);
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
      sum += hash(reader.rest(), body_tag);
      break;
    }
    const std::string_view first = reader.string16();
    if (tag == property_tag) {
      const std::string_view value = reader.string16();
      if (!added_by_hubs(first)) sum += hash(view(value), hash(view(first), property_tag));
    } else if (tag == null_property_tag) {
      if (!added_by_hubs(first)) sum += hash(view(first), null_property_tag);
    } else if (settable(static_cast<System>(tag))) {
      sum += hash(view(first), tag);
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
