// MQTT packets as a suite meets them: what a server sent, legal or not, and what a client sends, legal or
// not. Reading is lenient and says what is wrong; writing knows no rules at all.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "model/bytes.hpp"

namespace hubproof::conformance::cases {

using model::Bytes;
using model::View;

enum class Type : std::uint8_t {
  connect = 1, connack, publish, puback, pubrec, pubrel, pubcomp, subscribe, suback, unsubscribe, unsuback,
  pingreq, pingresp, disconnect
};
std::string_view name(Type type);

class Types {
 public:
  constexpr Types(Type one) { add(one); }  // one of them is a set, too
  constexpr Types(std::initializer_list<Type> list) {
    for (const Type each : list) add(each);
  }
  constexpr bool has(Type one) const { return (bits_ >> static_cast<unsigned>(one) & 1) != 0; }
  static constexpr Types any() {
    Types all{Type::connect};
    all.bits_ = 0xffff;
    return all;
  }

 private:
  constexpr void add(Type one) { bits_ |= 1u << static_cast<unsigned>(one); }
  std::uint32_t bits_ = 0;
};

// One packet from a server. Fields that its type does not have are as they are by default.
struct Packet {
  Type type{};
  std::uint8_t flags = 0;      // the lower half of the first byte
  View raw;
  std::uint16_t id = 0;
  std::string_view topic;      // PUBLISH
  View payload;
  std::uint8_t acknowledge_flags = 0;  // CONNACK
  std::uint8_t code = 0;
  View codes;                  // SUBACK
  const char* statement = nullptr;  // that it breaks, whoever sends it; null: it is well-formed
  const char* wrong = "";
  bool taken = false;          // by the script

  std::uint8_t qos() const { return flags >> 1 & 3; }
  bool dup() const { return (flags & 8) != 0; }
  bool retain() const { return (flags & 1) != 0; }
};

// The size of the packet that these bytes begin with: 0, when more bytes are needed to tell; no_length,
// when its length field is no length.
constexpr std::size_t no_length = ~std::size_t{0};
std::size_t packet_size(View bytes);
Packet read_packet(View whole);  // views into `whole`

// For people: "PUBLISH 17 qos 1 dup to a/b, 3 bytes". Bytes that are no whole packets are told as such.
std::string describe(View bytes);
std::string hex(View bytes, std::size_t most = 64);  // with spaces, and how many were left out

// Bytes of one packet, put together piece by piece; the length field is written last.
class Raw {
 public:
  explicit Raw(std::uint8_t first) : first_{first} {}
  Raw(Type type, std::uint8_t flags = 0) : Raw{static_cast<std::uint8_t>(static_cast<unsigned>(type) << 4 | flags)} {}

  Raw& u8(std::uint8_t value) {
    body_.push_back(value);
    return *this;
  }
  Raw& u16(std::uint16_t value) { return u8(static_cast<std::uint8_t>(value >> 8)).u8(static_cast<std::uint8_t>(value)); }
  Raw& bytes(View value) {
    body_.insert(body_.end(), value.begin(), value.end());
    return *this;
  }
  Raw& field(View value) { return u16(static_cast<std::uint16_t>(value.size())).bytes(value); }
  Raw& field(std::string_view value) { return field(model::view(value)); }
  std::size_t size() const { return body_.size(); }

  Bytes packet() const { return packet(body_.size()); }
  Bytes packet(std::size_t said_length, std::size_t length_bytes = 0) const;  // a length that may be a lie

 private:
  std::uint8_t first_;
  Bytes body_;
};

Bytes publish_packet(std::string_view topic, View payload, std::uint8_t qos, std::uint16_t id, bool dup = false,
                     bool retain = false);
Bytes acknowledgement(Type type, std::uint16_t id);  // PUBACK, PUBREC, PUBREL, PUBCOMP with their right flags
Bytes unsubscribe_packet(std::uint16_t id, std::initializer_list<std::string_view> filters);
Bytes pingreq();
Bytes disconnect();

}  // namespace hubproof::conformance::cases
