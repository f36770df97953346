#include "model/mqtt/bag.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "model/iso_date.hpp"
#include "model/utf8.hpp"

namespace hubproof::model::mqtt {
namespace {

struct Name {
  std::string_view written;  // in a bag, with its '='
  System key;
  std::string_view text() const { return written.substr(4, written.size() - 5); }
};
constexpr std::array<Name, 16> names{{{"%24.mid=", System::message_id},
                                      {"%24.cid=", System::correlation_id},
                                      {"%24.uid=", System::user_id},
                                      {"%24.to=", System::to},
                                      {"%24.exp=", System::expiry},
                                      {"%24.ct=", System::content_type},
                                      {"%24.ce=", System::content_encoding},
                                      {"%24.ctime=", System::creation_time},
                                      {"%24.on=", System::output_name},
                                      {"%24.schema=", System::schema},
                                      {"%24.ifid=", System::interface_id},
                                      {"%24.sub=", System::component},
                                      {"%24.cdid=", System::connection_device_id},
                                      {"%24.cmid=", System::connection_module_id},
                                      {"%24.diagid=", System::diagnostic_id},
                                      {"%24.diagctx=", System::diagnostic_context}}};
constexpr std::string_view ack_name = "iothub-ack";
constexpr std::array<std::string_view, 4> acks{"none", "positive", "negative", "full"};

std::string_view written_name(System key) {
  for (const Name& known : names)
    if (known.key == key) return known.written;
  return {};
}

// null: an application property, whatever it looks like.
const Name* find_name(std::string_view name) {
  if (!name.starts_with("$.")) return nullptr;
  for (const Name& known : names)
    if (known.text() == name.substr(2)) return &known;
  return nullptr;
}

// ---- Percent-encoding.

constexpr std::uint8_t no_digit = 0xff;
constexpr std::array<std::uint8_t, 256> digit_values = [] {
  std::array<std::uint8_t, 256> table{};
  table.fill(no_digit);
  for (std::uint8_t i = 0; i < 10; ++i) table['0' + i] = i;
  for (std::uint8_t i = 0; i < 6; ++i)
    table['a' + i] = table['A' + i] = static_cast<std::uint8_t>(10 + i);
  return table;
}();

// Of eight bytes: a top bit set for each that is `c`, and perhaps for some behind the first of them.
std::uint64_t where(std::uint64_t eight, char c) {
  constexpr std::uint64_t ones = 0x0101010101010101u;
  const std::uint64_t zero_there = eight ^ (ones * static_cast<std::uint8_t>(c));
  return (zero_there - ones) & ~zero_there & (ones * 0x80);
}

// Decodes from `from` up to one of `ends`, where `from` stops; null: a broken code, or not UTF-8.
// There is room for eight bytes more than there are to decode.
template <char... ends>
std::uint8_t* decode(const char*& from, const char* end, std::uint8_t* to) {
  const std::uint8_t* const begin = to;
  std::uint64_t seen = 0;
  const char* at = from;  // a copy, as any byte that is written might be a part of `from`
  while (at != end) {
    auto c = static_cast<std::uint8_t>(*at);
    const bool over = ((c == ends) || ...);
    if (over) break;
    if (c == '%') {
      if (end - at < 3) return nullptr;
      const std::uint8_t high = digit_values[static_cast<std::uint8_t>(at[1])];
      const std::uint8_t low = digit_values[static_cast<std::uint8_t>(at[2])];
      if (high == no_digit || low == no_digit) return nullptr;
      c = static_cast<std::uint8_t>(high << 4 | low);
      at += 2;
    } else if (end - at >= 8) {  // all that is plain of eight
      const std::uint64_t eight = load_little<8>(reinterpret_cast<const std::uint8_t*>(at));
      const std::uint64_t special = (where(eight, '%') | ... | where(eight, ends));
      const auto plain = static_cast<std::size_t>(std::countr_zero(special)) / 8;  // 1 to 8
      std::memcpy(to, at, 8);
      seen |= eight & (~std::uint64_t{0} >> (64 - 8 * plain));
      at += plain;
      to += plain;
      continue;
    }
    ++at;
    seen |= c;
    *to++ = c;
  }
  from = at;
  if ((seen & 0x8080808080808080u) != 0 && utf8(text(View{begin, to})) == Utf8::broken) return nullptr;
  return to;
}

// What stays as it is: RFC 2396's unreserved characters, as the vendor's SDKs have it.
constexpr std::array<std::uint8_t, 256> plain = [] {
  std::array<std::uint8_t, 256> table{};
  for (const char c : std::string_view{"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789-_.!~*'()"})
    table[static_cast<std::uint8_t>(c)] = 1;
  return table;
}();

std::uint8_t* raw(std::uint8_t* to, std::string_view text) {
  return copy(to, text.data(), text.size());
}

bool plain_four(const char* at) {
  const auto* four = reinterpret_cast<const std::uint8_t*>(at);
  return (plain[four[0]] & plain[four[1]] & plain[four[2]] & plain[four[3]]) != 0;
}

// Nothing is to be encoded: true of nearly all texts. Four at a time, the last four perhaps again.
bool all_plain(std::string_view text) {
  if (text.size() < 4) return false;
  const char* const last = text.data() + text.size() - 4;
  for (const char* at = text.data(); at < last; at += 4)
    if (!plain_four(at)) return false;
  return plain_four(last);
}

std::uint8_t* encode(std::uint8_t* to, std::string_view text) {
  constexpr char digits[] = "0123456789ABCDEF";
  if (all_plain(text)) return raw(to, text);
  for (const char character : text) {
    const auto c = static_cast<std::uint8_t>(character);
    if (plain[c] != 0) {
      *to++ = c;
      continue;
    }
    *to++ = '%';
    *to++ = static_cast<std::uint8_t>(digits[c >> 4]);
    *to++ = static_cast<std::uint8_t>(digits[c & 15]);
  }
  return to;
}

// ---- One property, from a bag to a field. Each is written where the one before it ended; the room
// is there. Null: not legal.

constexpr std::size_t field_header = 3;  // tag, length

std::uint8_t* finish_field(std::uint8_t* field, std::uint8_t tag, std::uint8_t* end) {
  *field = tag;
  store_big<2>(field + 1, static_cast<std::uint64_t>(end - field) - field_header);
  return end;
}

std::string_view field_text(const std::uint8_t* field, const std::uint8_t* end) {
  return text(View{field + field_header, end});
}

// The value of a system property is in its place; the two that are not texts become what they are.
std::uint8_t* finish_system(std::uint8_t* field, System key, std::uint8_t* end) {
  if (key == System::expiry) {
    const auto at = read_iso_date(field_text(field, end));
    if (!at) return nullptr;
    store_big<8>(field + field_header, static_cast<std::uint64_t>(*at));
    end = field + field_header + 8;
  } else if (key == System::ack) {
    const auto found = std::ranges::find(acks, field_text(field, end));
    if (found == acks.end()) return nullptr;
    field[field_header] = static_cast<std::uint8_t>(found - acks.begin());
    end = field + field_header + 1;
  }
  return finish_field(field, static_cast<std::uint8_t>(key), end);
}

std::uint8_t* read_pair(const char*& at, const char* end, std::uint8_t* field) {
  // Nearly every message has an id, and its name spelled like this.
  constexpr Name id = names[0];
  if (std::string_view{at, end}.starts_with(id.written)) {
    at += id.written.size();
    std::uint8_t* value_end = decode<'&'>(at, end, field + field_header);
    return value_end == nullptr ? nullptr : finish_system(field, id.key, value_end);
  }
  std::uint8_t* name_end = decode<'=', '&'>(at, end, field + field_header);
  if (name_end == nullptr || name_end == field + field_header) return nullptr;
  const std::string_view name = field_text(field, name_end);
  const bool has_value = at != end && *at == '=';
  if (has_value) ++at;

  const Name* known = find_name(name);
  const bool ack = name == ack_name;
  if (known != nullptr || ack) {
    if (!has_value) return nullptr;
    std::uint8_t* value_end = decode<'&'>(at, end, field + field_header);  // over the name
    if (value_end == nullptr) return nullptr;
    return finish_system(field, ack ? System::ack : known->key, value_end);
  }
  if (!has_value) return finish_field(field, null_property_tag, name_end);
  std::uint8_t* value_end = decode<'&'>(at, end, name_end + 2);
  if (value_end == nullptr) return nullptr;
  finish_field(field, property_tag, name_end);
  store_big<2>(name_end, static_cast<std::uint64_t>(value_end - name_end) - 2);
  return value_end;
}

// A pair of n characters makes a field of at most 4n bytes (a null property of one character), but
// for a date or an acknowledgement, which shrink.
constexpr std::size_t growth = 4;

}  // namespace

bool read_bag(std::string_view bag, MessageWriter& out) {
  if (bag.empty()) return true;  // and an empty buffer has no place to write to
  if (bag.size() > 0xffff) return false;  // no topic is longer
  Bytes& buffer = out.buffer();
  const std::size_t from = buffer.size();
  buffer.resize(from + growth * bag.size() + 8);
  std::uint8_t* to = buffer.data() + from;
  const char* at = bag.data();
  const char* const end = at + bag.size();
  while (at != end && to != nullptr) {
    if (*at == '&')
      ++at;  // nothing between two of them says nothing
    else
      to = read_pair(at, end, to);
  }
  buffer.resize(to == nullptr ? from : static_cast<std::size_t>(to - buffer.data()));
  return to != nullptr;
}

std::size_t bag_room(const MessageView& message) {
  constexpr std::size_t growth_of_a_field = 5;  // at most: an iothub-ack grows from 4 bytes to 20
  constexpr std::size_t small = 1024;           // not worth a look for its body
  const std::size_t size = message.flat().size();
  return growth_of_a_field * (size <= small ? size : size - message.body().size());
}

std::uint8_t* write_bag(std::uint8_t* to, const MessageView& message, View& body) {
  const std::uint8_t* const from = to;
  body = message.each(
      [&](System key, std::string_view value) {
        if (to != from) *to++ = '&';
        if (key == System::ack) {
          to = raw(to, ack_name);
          *to++ = '=';
          to = raw(to, acks[static_cast<std::uint8_t>(message.ack())]);
          return;
        }
        to = raw(to, written_name(key));
        to = key == System::expiry ? put_iso_date(to, Reader{view(value)}.i64(), "%3A") : encode(to, value);
      },
      [&](std::string_view name, std::optional<std::string_view> value) {
        if (to != from) *to++ = '&';
        to = encode(to, name);
        if (!value) return;
        *to++ = '=';
        to = encode(to, *value);
      });
  return to;
}

void write_bag(Bytes& out, const MessageView& message) {
  const std::size_t from = out.size();
  out.resize(from + bag_room(message));
  View body;
  const std::uint8_t* const end = write_bag(out.data() + from, message, body);
  out.resize(static_cast<std::size_t>(end - out.data()));
}

}  // namespace hubproof::model::mqtt
