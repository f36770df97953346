#include "model/mqtt/codec.hpp"

#include <array>
#include <cstring>

#include "model/utf8.hpp"

namespace hubproof::model::mqtt {
namespace {

// The types as the first byte's upper half has them; also the order of Packet's alternatives.
enum Type : std::uint8_t {
  connect = 1,
  connack,
  publish,
  puback,
  pubrec,
  pubrel,
  pubcomp,
  subscribe,
  suback,
  unsubscribe,
  unsuback,
  pingreq,
  pingresp,
  disconnect
};

constexpr std::uint8_t clean_session_flag = 0x02;
constexpr std::uint8_t will_flag = 0x04;
constexpr std::uint8_t will_retain_flag = 0x20;
constexpr std::uint8_t password_flag = 0x40;
constexpr std::uint8_t user_name_flag = 0x80;

using Refusal = std::optional<Malformed>;

// A partial packet's buffer is kept warm up to this size; an idle connection should cost little.
constexpr std::size_t warm = 256;

// ---- The first byte.

const char* flags_statement(std::uint8_t type) {
  switch (type) {
    case pubrel:
      return "mqtt311:3.6.1-1";
    case subscribe:
      return "mqtt311:3.8.1-1";
    case unsubscribe:
      return "mqtt311:3.10.1-1";
    case disconnect:
      return "mqtt311:3.14.1-1";
    default:
      return "mqtt311:2.2.2-2";
  }
}

// Why an illegal first byte is illegal.
Malformed refused_first_byte(std::uint8_t first) {
  const std::uint8_t type = first >> 4;
  const std::uint8_t flags = first & 0x0f;
  if (type < connect || type > disconnect)
    return {"mqtt311:4.8.0-1", "a packet type that does not exist"};
  if (type == publish && (flags & 0x06) == 0x06) return {"mqtt311:3.3.1-4", "PUBLISH with QoS 3"};
  if (type == publish) return {"mqtt311:3.3.1-2", "PUBLISH with QoS 0 and DUP"};
  const bool two = type == pubrel || type == subscribe || type == unsubscribe;
  if (flags != (two ? 2 : 0)) return {flags_statement(type), "reserved flag bits are wrong"};
  return {"mqtt311:4.8.0-1", "a packet that only the other end may send"};
}

// Most first bytes are legal: one look tells.
using LegalBytes = std::array<bool, 256>;
constexpr LegalBytes legal_first_bytes(bool server) {
  LegalBytes legal{};
  for (unsigned type = connect; type <= disconnect; ++type) {
    const bool for_server = type == connect || type == subscribe || type == unsubscribe ||
                            type == pingreq || type == disconnect;
    const bool for_client =
        type == connack || type == suback || type == unsuback || type == pingresp;
    if (server ? for_client : for_server) continue;
    for (unsigned flags = 0; flags < 16; ++flags) {
      const bool two = type == pubrel || type == subscribe || type == unsubscribe;
      const bool qos_3 = (flags & 6) == 6;
      const bool dup_of_qos_0 = (flags & 14) == 8;
      legal[type << 4 | flags] =
          type == publish ? !qos_3 && !dup_of_qos_0 : flags == (two ? 2u : 0u);
    }
  }
  return legal;
}
constexpr LegalBytes legal_for_server = legal_first_bytes(true);
constexpr LegalBytes legal_for_client = legal_first_bytes(false);

// ---- Texts.

Refusal check_text(std::string_view text, const char* statement, const char* what) {
  switch (utf8(text)) {
    case Utf8::good:
      return std::nullopt;
    case Utf8::holds_nul:
      return Malformed{"mqtt311:1.5.3-2", what};
    case Utf8::broken:
      return Malformed{statement, what};
  }
  return std::nullopt;
}

bool has_wildcard(std::string_view topic) {
  return topic.find_first_of("#+") != std::string_view::npos;
}

// Nothing but characters of one byte, other than U+0000 and wildcards: true of nearly all topics.
bool plain_topic(std::string_view topic) {
  constexpr std::uint64_t ones = 0x0101010101010101u;
  const auto special = [](const char* eight) {
    const std::uint64_t word = load_little<8>(reinterpret_cast<const std::uint8_t*>(eight));
    static_assert(('#' | 0x08) == '+');
    const std::uint64_t wildcard = (word | (ones * 0x08)) ^ (ones * '+');  // zero where one is
    return word | (word - ones) | (wildcard - ones);
  };
  if (topic.size() < 8) return false;
  const char* const last = topic.data() + topic.size() - 8;
  std::uint64_t seen = special(last);  // overlaps what comes before it
  for (const char* at = topic.data(); at < last; at += 8) seen |= special(at);
  return (seen & (ones * 0x80)) == 0;
}

Refusal check_topic(std::string_view topic, const char* statement, const char* wildcard) {
  if (plain_topic(topic)) return std::nullopt;
  if (topic.empty()) return Malformed{"mqtt311:4.7.3-1", "an empty topic name"};
  if (auto refusal = check_text(topic, statement, "a topic name that is not valid UTF-8"))
    return refusal;
  if (has_wildcard(topic)) return Malformed{wildcard, "a wildcard in a topic name"};
  return std::nullopt;
}

Refusal check_filter(std::string_view filter, const char* statement) {
  if (filter.empty()) return Malformed{"mqtt311:4.7.3-1", "an empty topic filter"};
  return check_text(filter, statement, "a topic filter that is not valid UTF-8");
}

// ---- Packet by packet: what follows the fixed header.

Refusal short_by(const char* what) { return Malformed{"mqtt311:4.8.0-1", what}; }

Refusal check_connect_flags(std::uint8_t flags) {
  const std::uint8_t will_qos = flags >> 3 & 3;
  if ((flags & 1) != 0) return Malformed{"mqtt311:3.1.2-3", "the reserved connect flag is set"};
  if ((flags & will_flag) == 0 && will_qos != 0)
    return Malformed{"mqtt311:3.1.2-13", "a will QoS without a will"};
  if ((flags & will_flag) == 0 && (flags & will_retain_flag) != 0)
    return Malformed{"mqtt311:3.1.2-15", "will retain without a will"};
  if (will_qos == 3) return Malformed{"mqtt311:3.1.2-14", "will QoS 3"};
  if ((flags & password_flag) != 0 && (flags & user_name_flag) == 0)
    return Malformed{"mqtt311:3.1.2-22", "a password without a user name"};
  return std::nullopt;
}

Refusal read_will(Reader& reader, std::uint8_t flags, Will& will) {
  will.topic = reader.string16();
  will.message = view(reader.string16());
  will.qos = flags >> 3 & 3;
  will.retain = (flags & will_retain_flag) != 0;
  if (!reader.ok()) return Malformed{"mqtt311:3.1.2-9", "CONNECT ends within its will"};
  return check_topic(will.topic, "mqtt311:3.1.3-10", "mqtt311:4.7.1-1");
}

Refusal read(Reader& reader, Connect& packet) {
  const std::string_view protocol = reader.string16();
  if (!reader.ok() || protocol != "MQTT")
    return Malformed{"mqtt311:3.1.2-1", "the protocol name is not MQTT"};
  packet.level = reader.u8();
  if (!reader.ok()) return Malformed{"mqtt311:3.1.4-1", "CONNECT ends within its header"};
  if (packet.level != 4) return Malformed{"mqtt311:3.1.2-2", "a protocol level that is not 4", 1};
  const std::uint8_t flags = reader.u8();
  packet.keep_alive = reader.u16();
  if (!reader.ok()) return Malformed{"mqtt311:3.1.4-1", "CONNECT ends within its header"};
  if (auto refusal = check_connect_flags(flags)) return refusal;

  packet.clean_session = (flags & clean_session_flag) != 0;
  packet.client_id = reader.string16();
  if (!reader.ok()) return Malformed{"mqtt311:3.1.3-3", "CONNECT without a whole client id"};
  if (auto refusal =
          check_text(packet.client_id, "mqtt311:3.1.3-4", "a client id that is not valid UTF-8"))
    return refusal;
  if ((flags & will_flag) != 0)
    if (auto refusal = read_will(reader, flags, packet.will.emplace())) return refusal;
  if ((flags & user_name_flag) != 0) {
    packet.user_name = reader.string16();
    if (!reader.ok()) return Malformed{"mqtt311:3.1.2-19", "CONNECT without a whole user name"};
    if (auto refusal = check_text(*packet.user_name, "mqtt311:3.1.3-11",
                                  "a user name that is not valid UTF-8"))
      return refusal;
  }
  if ((flags & password_flag) != 0) {
    packet.password = view(reader.string16());
    if (!reader.ok()) return Malformed{"mqtt311:3.1.2-21", "CONNECT without a whole password"};
  }
  if (reader.left() > 0) return Malformed{"mqtt311:3.1.4-1", "bytes behind the last field"};
  return std::nullopt;
}

Refusal read(Reader& reader, Connack& packet) {
  const std::uint8_t flags = reader.u8();
  packet.code = reader.u8();
  if (!reader.ok() || reader.left() > 0) return short_by("CONNACK is not two bytes long");
  if (flags > 1) return Malformed{"U-1", "reserved bits of the CONNACK flags are set"};
  packet.session_present = flags == 1;
  if (packet.session_present && packet.code != 0)
    return Malformed{"mqtt311:3.2.2-4", "a refusal with session present"};
  return std::nullopt;
}

Refusal read(Reader& reader, std::uint8_t flags, Publish& packet) {
  packet.qos = flags >> 1 & 3;
  packet.dup = (flags & 8) != 0;
  packet.retain = (flags & 1) != 0;
  packet.topic = reader.string16();
  packet.id = packet.qos > 0 ? reader.u16() : PacketId{0};
  if (!reader.ok()) return short_by("PUBLISH ends within its header");
  packet.payload = reader.rest();
  if (packet.qos > 0 && packet.id == 0)
    return Malformed{"mqtt311:2.3.1-1", "PUBLISH with packet id 0"};
  return check_topic(packet.topic, "mqtt311:3.3.2-1", "mqtt311:3.3.2-2");
}

Refusal read_id(Reader& reader, PacketId& id, const char* zero_statement) {
  id = reader.u16();
  if (!reader.ok() || reader.left() > 0)
    return short_by("an acknowledgement is not two bytes long");
  if (id == 0) return Malformed{zero_statement, "an acknowledgement of packet id 0"};
  return std::nullopt;
}

Refusal read(Reader& reader, Subscribe& packet) {
  packet.filters.clear();
  packet.id = reader.u16();
  if (!reader.ok()) return short_by("SUBSCRIBE ends within its header");
  if (packet.id == 0) return Malformed{"mqtt311:2.3.1-1", "SUBSCRIBE with packet id 0"};
  if (reader.left() == 0) return Malformed{"mqtt311:3.8.3-3", "SUBSCRIBE without a filter"};
  while (reader.left() > 0) {
    const std::string_view filter = reader.string16();
    const std::uint8_t qos = reader.u8();
    if (!reader.ok()) return short_by("SUBSCRIBE ends within a filter");
    if (auto refusal = check_filter(filter, "mqtt311:3.8.3-1")) return refusal;
    if (qos > 2) return Malformed{"mqtt311:3.8.3-4", "a requested QoS above 2 or reserved bits"};
    packet.filters.push_back({filter, qos});
  }
  return std::nullopt;
}

Refusal read(Reader& reader, Suback& packet) {
  packet.codes.clear();
  packet.id = reader.u16();
  if (!reader.ok()) return short_by("SUBACK ends within its header");
  if (packet.id == 0) return Malformed{"mqtt311:2.3.1-7", "SUBACK of packet id 0"};
  if (reader.left() == 0) return Malformed{"mqtt311:3.8.4-5", "SUBACK without a code"};
  while (reader.left() > 0) {
    const std::uint8_t code = reader.u8();
    if (code > 2 && code != 0x80) return Malformed{"mqtt311:3.9.3-2", "a reserved SUBACK code"};
    packet.codes.push_back(code);
  }
  return std::nullopt;
}

Refusal read(Reader& reader, Unsubscribe& packet) {
  packet.filters.clear();
  packet.id = reader.u16();
  if (!reader.ok()) return short_by("UNSUBSCRIBE ends within its header");
  if (packet.id == 0) return Malformed{"mqtt311:2.3.1-1", "UNSUBSCRIBE with packet id 0"};
  if (reader.left() == 0) return Malformed{"mqtt311:3.10.3-2", "UNSUBSCRIBE without a filter"};
  while (reader.left() > 0) {
    const std::string_view filter = reader.string16();
    if (!reader.ok()) return short_by("UNSUBSCRIBE ends within a filter");
    if (auto refusal = check_filter(filter, "mqtt311:3.10.3-1")) return refusal;
    packet.filters.push_back(filter);
  }
  return std::nullopt;
}

// The alternative to read into: the one of the last packet again when the type is the same.
template <class T>
T& chosen(Packet& packet) {
  if (T* same = std::get_if<T>(&packet)) return *same;
  return packet.emplace<T>();
}

Refusal read_packet(std::uint8_t first, View body, Packet& packet) {
  Reader reader{body};
  switch (first >> 4) {
    case connect:
      return read(reader, packet.emplace<Connect>());  // clears what is optional
    case connack:
      return read(reader, chosen<Connack>(packet));
    case publish:
      return read(reader, first & 0x0f, chosen<Publish>(packet));
    case puback:
      return read_id(reader, chosen<Puback>(packet).id, "mqtt311:2.3.1-6");
    case pubrec:
      return read_id(reader, chosen<Pubrec>(packet).id, "mqtt311:2.3.1-6");
    case pubrel:
      return read_id(reader, chosen<Pubrel>(packet).id, "mqtt311:2.3.1-6");
    case pubcomp:
      return read_id(reader, chosen<Pubcomp>(packet).id, "mqtt311:4.3.3-2");
    case subscribe:
      return read(reader, chosen<Subscribe>(packet));
    case suback:
      return read(reader, chosen<Suback>(packet));
    case unsubscribe:
      return read(reader, chosen<Unsubscribe>(packet));
    case unsuback:
      return read_id(reader, chosen<Unsuback>(packet).id, "mqtt311:2.3.1-7");
    case pingreq:
      chosen<Pingreq>(packet);
      break;
    case pingresp:
      chosen<Pingresp>(packet);
      break;
    case disconnect:
      chosen<Disconnect>(packet);
      break;
  }
  if (!body.empty()) return short_by("bytes in a packet that has none");
  return std::nullopt;
}

// ---- Writing: the size first, then each byte once.

class Out {
 public:
  Out(Bytes& out, std::uint8_t first, std::size_t remaining) {
    const std::size_t from = out.size();
    const std::size_t length_bytes = remaining < 128         ? 1
                                     : remaining < 16'384    ? 2
                                     : remaining < 2'097'152 ? 3
                                                             : 4;
    out.resize(from + 1 + length_bytes + remaining);
    at_ = out.data() + from;
    u8(first);
    for (; remaining >= 128; remaining >>= 7) u8(static_cast<std::uint8_t>(remaining | 0x80));
    u8(static_cast<std::uint8_t>(remaining));
  }
  void u8(std::uint8_t value) { *at_++ = value; }
  void u16(std::size_t value) {
    u8(static_cast<std::uint8_t>(value >> 8));
    u8(static_cast<std::uint8_t>(value));
  }
  void raw(std::string_view text) {
    if (!text.empty()) std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void raw(View bytes) { raw(text(bytes)); }
  void string16(std::string_view value) {
    u16(value.size());
    raw(value);
  }

 private:
  std::uint8_t* at_;
};

void write_id(Bytes& out, std::uint8_t first, PacketId id) { Out{out, first, 2}.u16(id); }

}  // namespace

// ---- The stream.

void Decoder::join(View bytes) {
  held_.insert(held_.end(), bytes.begin(), bytes.end());
  rest_ = held_;
}

const Packet* Decoder::next() {
  if (malformed_ || rest_.empty()) return nullptr;
  const std::uint8_t first = rest_[0];
  if (!(end_ == End::server ? legal_for_server : legal_for_client)[first]) {
    malformed_ = refused_first_byte(first);
    return nullptr;
  }

  std::uint32_t remaining = 0;
  std::size_t header = 1;
  for (unsigned shift = 0;; shift += 7) {
    if (header == rest_.size()) return nullptr;
    const std::uint8_t byte = rest_[header++];
    remaining |= static_cast<std::uint32_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) break;
    if (shift == 21) {
      malformed_ = Malformed{"mqtt311:4.8.0-1", "a remaining length of more than four bytes"};
      return nullptr;
    }
  }
  if (remaining > max_packet_ || header + remaining > max_packet_) {
    malformed_ = Malformed{"H-19", "a packet larger than this end takes"};
    return nullptr;
  }
  if (rest_.size() - header < remaining) return nullptr;
  if (Refusal refusal = read_packet(first, rest_.subspan(header, remaining), packet_)) {
    malformed_ = refusal;
    return nullptr;
  }
  rest_ = rest_.subspan(header + remaining);
  return &packet_;
}

void Decoder::keep_rest() {
  if (malformed_) rest_ = {};
  if (rest_.empty()) {
    if (held_.capacity() > warm)
      Bytes{}.swap(held_);
    else
      held_.clear();
  } else if (held_.empty()) {
    held_.assign(rest_.begin(), rest_.end());
  } else {
    held_.erase(held_.begin(), held_.end() - static_cast<std::ptrdiff_t>(rest_.size()));
  }
  rest_ = {};
}

// ---- Writers.

void write(Bytes& out, const Connect& packet) {
  std::size_t size = 10 + 2 + packet.client_id.size();
  std::uint8_t flags = packet.clean_session ? clean_session_flag : 0;
  if (packet.will) {
    size += 4 + packet.will->topic.size() + packet.will->message.size();
    flags = static_cast<std::uint8_t>(flags | will_flag | packet.will->qos << 3 |
                                      (packet.will->retain ? will_retain_flag : 0));
  }
  if (packet.user_name) {
    size += 2 + packet.user_name->size();
    flags |= user_name_flag;
  }
  if (packet.password) {
    size += 2 + packet.password->size();
    flags |= password_flag;
  }
  Out to{out, connect << 4, size};
  to.string16("MQTT");
  to.u8(packet.level);
  to.u8(flags);
  to.u16(packet.keep_alive);
  to.string16(packet.client_id);  // [mqtt311:3.1.3-1]: the order of the payload
  if (packet.will) {
    to.string16(packet.will->topic);
    to.string16(text(packet.will->message));
  }
  if (packet.user_name) to.string16(*packet.user_name);
  if (packet.password) to.string16(text(*packet.password));
}

void write(Bytes& out, const Connack& packet) {
  Out to{out, connack << 4, 2};
  to.u8(packet.session_present ? 1 : 0);
  to.u8(packet.code);
}

void write(Bytes& out, const Publish& packet) {
  write_publish(out, packet.topic, {}, packet.payload, packet.id, packet.qos, packet.dup,
                packet.retain);
}

void write_publish(Bytes& out, std::string_view prefix, std::string_view bag, View payload,
                   PacketId id, std::uint8_t qos, bool dup, bool retain) {
  const std::size_t topic = prefix.size() + bag.size();
  const auto first =
      static_cast<std::uint8_t>(publish << 4 | (dup ? 8 : 0) | qos << 1 | (retain ? 1 : 0));
  Out to{out, first, 2 + topic + (qos > 0 ? 2 : 0) + payload.size()};
  to.u16(topic);
  to.raw(prefix);
  to.raw(bag);
  if (qos > 0) to.u16(id);  // [mqtt311:2.3.1-5]: none with QoS 0
  to.raw(payload);
}

void write(Bytes& out, const Puback& packet) { write_id(out, puback << 4, packet.id); }
void write(Bytes& out, const Pubrec& packet) { write_id(out, pubrec << 4, packet.id); }
void write(Bytes& out, const Pubrel& packet) { write_id(out, pubrel << 4 | 2, packet.id); }
void write(Bytes& out, const Pubcomp& packet) { write_id(out, pubcomp << 4, packet.id); }

void write(Bytes& out, const Subscribe& packet) {
  std::size_t size = 2;
  for (const Filter& filter : packet.filters) size += 2 + filter.filter.size() + 1;
  Out to{out, subscribe << 4 | 2, size};
  to.u16(packet.id);
  for (const Filter& filter : packet.filters) {
    to.string16(filter.filter);
    to.u8(filter.qos);
  }
}

void write(Bytes& out, const Suback& packet) {
  Out to{out, suback << 4, 2 + packet.codes.size()};
  to.u16(packet.id);
  for (const std::uint8_t code : packet.codes) to.u8(code);
}

void write(Bytes& out, const Unsubscribe& packet) {
  std::size_t size = 2;
  for (const std::string_view filter : packet.filters) size += 2 + filter.size();
  Out to{out, unsubscribe << 4 | 2, size};
  to.u16(packet.id);
  for (const std::string_view filter : packet.filters) to.string16(filter);
}

void write(Bytes& out, const Unsuback& packet) { write_id(out, unsuback << 4, packet.id); }
void write(Bytes& out, const Pingreq&) { Out{out, pingreq << 4, 0}; }
void write(Bytes& out, const Pingresp&) { Out{out, pingresp << 4, 0}; }
void write(Bytes& out, const Disconnect&) { Out{out, disconnect << 4, 0}; }

// ---- Names and filters.

bool valid_utf8(std::string_view text) { return utf8(text) == Utf8::good; }

bool valid_topic_name(std::string_view topic) {
  return !topic.empty() && topic.size() <= 65'535 && !has_wildcard(topic) && valid_utf8(topic);
}

bool valid_topic_filter(std::string_view filter) {
  if (filter.empty() || filter.size() > 65'535 || !valid_utf8(filter)) return false;
  for (std::size_t i = 0; i < filter.size(); ++i) {
    if (filter[i] != '+' && filter[i] != '#') continue;
    if (i > 0 && filter[i - 1] != '/') return false;
    if (filter[i] == '#' && i + 1 < filter.size()) return false;  // [4.7.1-2]
    if (filter[i] == '+' && i + 1 < filter.size() && filter[i + 1] != '/')
      return false;  // [4.7.1-3]
  }
  return true;
}

bool matches(std::string_view filter, std::string_view topic) {
  if (!topic.empty() && topic[0] == '$' && !filter.empty() &&
      (filter[0] == '#' || filter[0] == '+'))
    return false;  // [mqtt311:4.7.2-1]
  const auto level = [](std::string_view& rest, bool& more) {
    const std::size_t slash = rest.find('/');
    const std::string_view first = rest.substr(0, slash);
    more = slash != std::string_view::npos;
    rest = more ? rest.substr(slash + 1) : std::string_view{};
    return first;
  };
  bool more_filter = true;
  bool more_topic = true;
  while (more_filter && more_topic) {
    const std::string_view wanted = level(filter, more_filter);
    if (wanted == "#") return true;
    const std::string_view found = level(topic, more_topic);
    if (wanted != "+" && wanted != found) return false;
  }
  return more_filter ? filter == "#" : !more_topic;  // "a/#" matches "a" too
}

}  // namespace hubproof::model::mqtt
