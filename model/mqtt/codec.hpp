// MQTT 3.1.1 between bytes and structs. A Decoder takes a stream in any split and gives whole
// packets; a malformed one is refused with its reason, and the statement of the standard it breaks.
#pragma once

#include "model/mqtt/packet.hpp"

namespace hubproof::model::mqtt {

// Which end of the connection reads: some packets may only travel one way.
enum class End : std::uint8_t { server, client };

struct Malformed {
  const char* statement = "";  // e.g. "mqtt311:3.8.3-3"
  const char* what = "";       // e.g. "SUBSCRIBE without a filter"
  std::uint8_t connack =
      0;  // server, CONNECT only: answer with this code before closing (level: 1)
};

class Decoder {
 public:
  explicit Decoder(End end, std::uint32_t max_packet = 268'435'455 + 5)
      : max_packet_{max_packet}, end_{end} {}

  // The views in a packet live until the next call of feed(). feed() does not copy when no partial
  // packet is held: it reads from `bytes` in place, so keep them until next() gave nullptr.
  void feed(View bytes) {
    rest_ = bytes;
    if (!held_.empty()) join(bytes);
  }
  // The next whole packet; nullptr when more bytes are needed or after a malformed one.
  const Packet* next();
  const std::optional<Malformed>& malformed() const { return malformed_; }
  // Must be called after the last next() of a feed, before `bytes` dies: keeps the partial packet.
  void keep() {
    if (!rest_.empty() || held_.capacity() > 0) keep_rest();
  }
  std::size_t held() const { return held_.size(); }

 private:
  void join(View bytes);
  void keep_rest();

  Packet packet_;
  Bytes held_;  // a partial packet from earlier feeds
  View rest_;
  std::optional<Malformed> malformed_;
  std::uint32_t max_packet_;
  End end_;
};

// The packet id, if the bytes are one whole PUBACK and nothing else, as what a client receives mostly
// is; 0: they are not, or a Decoder would refuse it.
inline PacketId lone_puback(View bytes) {
  if (bytes.size() != 4 || load_big<2>(bytes.data()) != 0x4002) return 0;
  return static_cast<PacketId>(load_big<2>(bytes.data() + 2));
}

// Appends one packet. Fields must be legal (the caller's machine knows them): lengths that fit, ids
// that are not zero where there must be one.
void write(Bytes& out, const Connect& packet);
void write(Bytes& out, const Connack& packet);
void write(Bytes& out, const Publish& packet);
void write(Bytes& out, const Puback& packet);
void write(Bytes& out, const Pubrec& packet);
void write(Bytes& out, const Pubrel& packet);
void write(Bytes& out, const Pubcomp& packet);
void write(Bytes& out, const Subscribe& packet);
void write(Bytes& out, const Suback& packet);
void write(Bytes& out, const Unsubscribe& packet);
void write(Bytes& out, const Unsuback& packet);
void write(Bytes& out, const Pingreq& packet);
void write(Bytes& out, const Pingresp& packet);
void write(Bytes& out, const Disconnect& packet);

// A PUBLISH whose topic is `prefix` + `bag`, without building the topic first.
void write_publish(Bytes& out, std::string_view prefix, std::string_view bag, View payload,
                   PacketId id, std::uint8_t qos, bool dup, bool retain);

bool valid_utf8(std::string_view text);  // [mqtt311:1.5.3-1, 1.5.3-2]: no surrogates, no U+0000
bool valid_topic_name(std::string_view topic);                  // [mqtt311:4.7.1-1, 4.7.3-1]
bool valid_topic_filter(std::string_view filter);               // [mqtt311:4.7.1-2, 4.7.1-3]
bool matches(std::string_view filter, std::string_view topic);  // [mqtt311:4.7.2-1] included

}  // namespace hubproof::model::mqtt
