// The frames of a device's WebSocket one by one, RFC 6455 chapter 5: how each came, which a stream of
// bytes hides, and frames that no well-behaved end would write. And what every WebSocket of a device
// owes, whatever case is played.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "conformance/devices/tally.hpp"
#include "model/bytes.hpp"
#include "model/http/packet.hpp"

namespace hubproof::conformance::devices {

enum class Op : std::uint8_t { more = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

struct Frame {
  Op op = Op::binary;                   // or a number that RFC 6455 reserves
  model::Bytes payload{};               // without its mask
  bool last = true;                     // of its message
  std::uint8_t reserved = 0;            // RSV1 is 4, RSV2 2, RSV3 1
  std::optional<std::uint32_t> mask{};  // the key, where it has one

  bool is_control() const { return static_cast<std::uint8_t>(op) >= 8; }
};

void write_frame(model::Bytes& out, const Frame& frame);
std::string frame_text(const Frame& frame);  // "binary frame, 5 bytes, not the last, mask 01020304"

// The payload of a Close: a code of RFC 6455, 7.4.
model::Bytes close_payload(std::uint16_t code);

inline constexpr std::size_t longest_frame = 1u << 20;  // bytes of payload

class FrameReader {
 public:
  void feed(model::View bytes) { held_.insert(held_.end(), bytes.begin(), bytes.end()); }
  // The next whole frame. Nothing: it takes more bytes, or it is longer than allowed.
  std::optional<Frame> next();
  bool too_long() const { return too_long_; }  // nothing is read from there on

 private:
  model::Bytes held_;
  bool too_long_ = false;
};

// A device's request for a WebSocket. Values of a field that came more than once are joined by ", ".
struct Upgrade {
  std::string method;
  std::string target;
  std::string upgrade;
  std::string connection;
  std::string version;
  std::string key;
  std::string protocols;
};
Upgrade upgrade_of(const model::http::Request& request);

// Judges requests and frames of one device [MQTT-46, MQTT-47, mqtt311:6.0.0-1, mqtt311:6.0.0-3].
class FrameWatch {
 public:
  explicit FrameWatch(Tally& tally) : tally_{tally} {}

  // Whether a server can make a WebSocket of it.
  bool asked(const Upgrade& request);
  void early() { tally_.fail("MQTT-46", "something came before the request for a WebSocket was answered"); }
  void no_request(const std::string& what) { tally_.fail("MQTT-46", "the request for a WebSocket is none: " + what); }
  // False: nothing that follows can be read.
  bool received(std::uint32_t link, const Frame& frame);
  void too_long(std::uint32_t) { tally_.fail("MQTT-47", "a frame is longer than a megabyte"); }

 private:
  struct Link {
    bool in_message = false;
    bool said_close = false;
    std::optional<std::uint32_t> last_mask{};
  };
  bool refuse(const char* what);  // always false

  Tally& tally_;
  std::map<std::uint32_t, Link> links_;
  std::set<std::string> keys_;  // of requests
};

}  // namespace hubproof::conformance::devices
