#include "conformance/cases/packet.hpp"

#include <algorithm>
#include <array>

#include "model/mqtt/codec.hpp"

namespace hubproof::conformance::cases {
namespace {

constexpr std::array<std::string_view, 16> names{
    "type 0",    "CONNECT", "CONNACK",     "PUBLISH",  "PUBACK",  "PUBREC",   "PUBREL",     "PUBCOMP",
    "SUBSCRIBE", "SUBACK",  "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "type 15"};

// The body of a packet, behind the first byte and the length field.
View body_of(View whole) {
  std::size_t at = 1;
  while (at < whole.size() && at < 5 && (whole[at] & 0x80) != 0) ++at;
  return at < whole.size() ? whole.subspan(at + 1) : View{};
}

std::string printable(std::string_view text) {
  std::string out;
  constexpr std::size_t most = 48;
  for (const char c : text.substr(0, most)) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
      continue;
    }
    constexpr char digits[] = "0123456789abcdef";
    out += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
  }
  if (text.size() > most) out += "... (" + std::to_string(text.size()) + " bytes)";
  return out;
}

std::string describe_connect(model::Reader reader) {
  const std::string_view protocol = reader.string16();
  const unsigned level = reader.u8();
  const unsigned flags = reader.u8();
  const unsigned keep_alive = reader.u16();
  std::string text = printable(protocol) + " level " + std::to_string(level) + (flags & 2 ? ", clean" : ", not clean") +
                     ", keep-alive " + std::to_string(keep_alive);
  if (flags & 1) text += ", reserved flag";
  text += ", id \"" + printable(reader.string16()) + "\"";
  if (flags & 4) {
    text += ", will qos " + std::to_string(flags >> 3 & 3) + (flags & 0x20 ? " retained" : "") + " to \"";
    text += printable(reader.string16()) + "\"";
    reader.string16();
  } else if (flags & 0x38) {
    text += ", will bits without a will";
  }
  if (flags & 0x80) text += ", user \"" + printable(reader.string16()) + "\"";
  if (flags & 0x40) text += ", a password", reader.string16();
  if (!reader.ok()) text += ", cut short";
  if (reader.ok() && reader.left() > 0) text += ", and " + std::to_string(reader.left()) + " bytes more";
  return text;
}

std::string describe_filters(model::Reader& reader, bool qos) {
  std::string text;
  while (reader.ok() && reader.left() > 0) {
    text += text.empty() ? " " : ", ";
    text += "\"" + printable(reader.string16()) + "\"";
    if (qos) text += " at " + std::to_string(reader.u8());
  }
  return text + (reader.ok() ? "" : " cut short");
}

std::string describe_body(std::uint8_t first, View body) {
  const auto type = static_cast<Type>(first >> 4);
  const unsigned flags = first & 15;
  const unsigned usual =
      type == Type::pubrel || type == Type::subscribe || type == Type::unsubscribe ? 2 : 0;
  std::string text;
  if (type != Type::publish && flags != usual) text += " with flags " + std::to_string(flags);
  model::Reader reader{body};
  switch (type) {
    case Type::connect: return text + " " + describe_connect(reader);
    case Type::connack: {
      const unsigned session = reader.u8();
      return text + " code " + std::to_string(reader.u8()) + ", session present " + std::to_string(session);
    }
    case Type::publish: {
      const std::string_view topic = reader.string16();
      const unsigned qos = flags >> 1 & 3;
      if (qos > 0) text += " " + std::to_string(reader.u16());
      text += " qos " + std::to_string(qos);
      if (flags & 8) text += " dup";
      if (flags & 1) text += " retain";
      text += " to \"" + printable(topic) + "\"";
      if (!reader.ok()) return text + ", cut short";
      return text + ", " + (reader.left() <= 24 ? "\"" + printable(model::text(reader.rest())) + "\""
                                                : std::to_string(reader.left()) + " bytes");
    }
    case Type::subscribe: text += " " + std::to_string(reader.u16()); return text + describe_filters(reader, true);
    case Type::unsubscribe: text += " " + std::to_string(reader.u16()); return text + describe_filters(reader, false);
    case Type::suback: {
      text += " " + std::to_string(reader.u16()) + " codes";
      for (const std::uint8_t code : reader.rest()) text += " " + std::to_string(code);
      return text;
    }
    case Type::puback:
    case Type::pubrec:
    case Type::pubrel:
    case Type::pubcomp:
    case Type::unsuback: return text + " " + std::to_string(reader.u16());
    default: return text + (body.empty() ? "" : " with " + std::to_string(body.size()) + " bytes");
  }
}

void write_length(Bytes& out, std::size_t length, std::size_t at_least) {
  std::size_t written = 0;
  do {
    std::uint8_t digit = length & 0x7f;
    length >>= 7;
    ++written;
    if (length > 0 || written < at_least) digit |= 0x80;
    out.push_back(digit);
  } while (length > 0 || written < at_least);
}

}  // namespace

std::string_view name(Type type) { return names[static_cast<std::size_t>(type) & 15]; }

std::size_t packet_size(View bytes) {
  std::size_t length = 0;
  for (std::size_t at = 1; at < bytes.size(); ++at) {
    if (at == 5) return no_length;
    length |= std::size_t{bytes[at] & 0x7fu} << (7 * (at - 1));
    if ((bytes[at] & 0x80) != 0) continue;
    return at + 1 + length;
  }
  return bytes.size() >= 5 ? no_length : 0;
}

Packet read_packet(View whole) {
  Packet packet;
  packet.type = static_cast<Type>(whole[0] >> 4);
  packet.flags = whole[0] & 15;
  packet.raw = whole;
  model::Reader reader{body_of(whole)};
  switch (packet.type) {
    case Type::connack:
      packet.acknowledge_flags = reader.u8();
      packet.code = reader.u8();
      break;
    case Type::publish:
      packet.topic = reader.string16();
      if (packet.qos() > 0) packet.id = reader.u16();
      packet.payload = reader.rest();
      break;
    case Type::suback:
      packet.id = reader.u16();
      packet.codes = reader.rest();
      break;
    case Type::puback:
    case Type::pubrec:
    case Type::pubrel:
    case Type::pubcomp:
    case Type::unsuback: packet.id = reader.u16(); break;
    default: break;
  }
  model::mqtt::Decoder strict{model::mqtt::End::client};
  strict.feed(whole);
  while (strict.next() != nullptr) {
  }
  if (strict.malformed()) {
    packet.statement = strict.malformed()->statement;
    packet.wrong = strict.malformed()->what;
  }
  return packet;
}

std::string describe(View bytes) {
  std::string text;
  while (!bytes.empty()) {
    if (!text.empty()) text += "; ";
    const std::size_t size = packet_size(bytes);
    if (size == no_length) return text + "bytes with no possible length field";
    text += names[bytes[0] >> 4];
    if (size == 0 || size > bytes.size()) return text + ", " + std::to_string(bytes.size()) + " bytes of a packet";
    text += describe_body(bytes[0], body_of(bytes.first(size)));
    bytes = bytes.subspan(size);
  }
  return text;
}

std::string hex(View bytes, std::size_t most) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : bytes.first(std::min(most, bytes.size()))) {
    if (!out.empty()) out += ' ';
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  if (bytes.size() > most) out += " ... (" + std::to_string(bytes.size()) + " bytes)";
  return out;
}

Bytes Raw::packet(std::size_t said_length, std::size_t length_bytes) const {
  Bytes out{first_};
  write_length(out, said_length, length_bytes);
  out.insert(out.end(), body_.begin(), body_.end());
  return out;
}

Bytes publish_packet(std::string_view topic, View payload, std::uint8_t qos, std::uint16_t id, bool dup, bool retain) {
  Raw raw{Type::publish, static_cast<std::uint8_t>((dup ? 8 : 0) | qos << 1 | (retain ? 1 : 0))};
  raw.field(topic);
  if (qos > 0) raw.u16(id);
  return raw.bytes(payload).packet();
}

Bytes acknowledgement(Type type, std::uint16_t id) {
  return Raw{type, static_cast<std::uint8_t>(type == Type::pubrel ? 2 : 0)}.u16(id).packet();
}

Bytes unsubscribe_packet(std::uint16_t id, std::initializer_list<std::string_view> filters) {
  Raw raw{Type::unsubscribe, 2};
  raw.u16(id);
  for (const std::string_view filter : filters) raw.field(filter);
  return raw.packet();
}

Bytes pingreq() { return Raw{Type::pingreq}.packet(); }
Bytes disconnect() { return Raw{Type::disconnect}.packet(); }

}  // namespace hubproof::conformance::cases
