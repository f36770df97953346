#include "conformance/devices/websocket.hpp"

#include <algorithm>
#include <variant>

#include "model/websocket/handshake.hpp"

namespace hubproof::conformance::devices {
namespace {

constexpr std::size_t longest_control = 125;  // bytes [RFC 6455, 5.5]

std::string op_text(Op op) {
  switch (op) {
    case Op::more:
      return "continuation frame";
    case Op::text:
      return "text frame";
    case Op::binary:
      return "binary frame";
    case Op::close:
      return "Close frame";
    case Op::ping:
      return "ping frame";
    case Op::pong:
      return "pong frame";
  }
  return "frame of the reserved kind " + std::to_string(static_cast<unsigned>(op));
}

void apply(std::uint32_t mask, model::Bytes& bytes) {
  std::uint8_t key[4];
  model::store_big<4>(key, mask);
  for (std::size_t at = 0; at < bytes.size(); ++at) bytes[at] ^= key[at % 4];
}

}  // namespace

void write_frame(model::Bytes& out, const Frame& frame) {
  const std::uint8_t masked = frame.mask ? 0x80 : 0;
  const std::size_t size = frame.payload.size();
  out.push_back(static_cast<std::uint8_t>((frame.last ? 0x80U : 0U) | unsigned{frame.reserved} << 4 |
                                          static_cast<unsigned>(frame.op)));
  const auto length = [&](std::uint8_t mark, std::size_t bytes) {
    out.push_back(static_cast<std::uint8_t>(masked | mark));
    for (std::size_t left = bytes; left-- > 0;)
      out.push_back(static_cast<std::uint8_t>(size >> 8 * left));
  };
  if (size < 126)
    length(static_cast<std::uint8_t>(size), 0);
  else if (size < 65'536)
    length(126, 2);
  else
    length(127, 8);
  model::Bytes payload = frame.payload;
  if (frame.mask) {
    for (int shift = 24; shift >= 0; shift -= 8)
      out.push_back(static_cast<std::uint8_t>(*frame.mask >> shift));
    apply(*frame.mask, payload);
  }
  out.insert(out.end(), payload.begin(), payload.end());
}

std::string frame_text(const Frame& frame) {
  std::string text = op_text(frame.op) + ", " + std::to_string(frame.payload.size()) + " bytes";
  if (!frame.last) text += ", not the last";
  if (frame.reserved != 0) text += ", reserved bits " + std::to_string(frame.reserved);
  if (!frame.mask) return text;
  constexpr char digits[] = "0123456789abcdef";
  text += ", mask ";
  for (int shift = 28; shift >= 0; shift -= 4) text += digits[*frame.mask >> shift & 15];
  return text;
}

model::Bytes close_payload(std::uint16_t code) {
  return {static_cast<std::uint8_t>(code >> 8), static_cast<std::uint8_t>(code)};
}

std::optional<Frame> FrameReader::next() {
  if (too_long_ || held_.size() < 2) return std::nullopt;
  std::size_t head = 2;
  std::uint64_t size = held_[1] & 0x7f;
  const bool masked = (held_[1] & 0x80) != 0;
  const std::size_t more = size == 126 ? 2 : size == 127 ? 8 : 0;
  if (held_.size() < head + more) return std::nullopt;
  if (more != 0)
    size = more == 2 ? model::load_big<2>(held_.data() + 2) : model::load_big<8>(held_.data() + 2);
  head += more;
  if (size > longest_frame) {
    too_long_ = true;
    return std::nullopt;
  }
  if (held_.size() < head + (masked ? 4 : 0) + size) return std::nullopt;
  Frame frame;
  frame.last = (held_[0] & 0x80) != 0;
  frame.reserved = held_[0] >> 4 & 7;
  frame.op = static_cast<Op>(held_[0] & 15);
  if (masked) {
    frame.mask = static_cast<std::uint32_t>(model::load_big<4>(held_.data() + head));
    head += 4;
  }
  const auto from = held_.begin() + static_cast<std::ptrdiff_t>(head);
  const auto end = from + static_cast<std::ptrdiff_t>(size);
  frame.payload.assign(from, end);
  held_.erase(held_.begin(), end);
  if (frame.mask) apply(*frame.mask, frame.payload);
  return frame;
}

Upgrade upgrade_of(const model::http::Request& request) {
  const auto joined = [&](std::string_view name) {
    std::string list;
    for (const model::http::Field& field : request.fields) {
      if (!model::http::same(field.name, name)) continue;
      if (!list.empty()) list += ", ";
      list += field.value;
    }
    return list;
  };
  return {std::string{request.method},
          std::string{request.target},
          joined("Upgrade"),
          joined("Connection"),
          joined("Sec-WebSocket-Version"),
          joined("Sec-WebSocket-Key"),
          joined("Sec-WebSocket-Protocol")};
}

bool FrameWatch::asked(const Upgrade& request) {
  std::string_view offers = request.protocols;
  bool mqtt = false;
  while (!offers.empty() && !mqtt) {
    const std::size_t comma = std::min(offers.find(','), offers.size());
    std::string_view offer = offers.substr(0, comma);
    while (offer.starts_with(' ')) offer.remove_prefix(1);
    while (offer.ends_with(' ')) offer.remove_suffix(1);
    mqtt = offer == model::websocket::subprotocol(model::websocket::Carries::mqtt);
    offers.remove_prefix(std::min(comma + 1, offers.size()));
  }
  if (mqtt)
    tally_.pass("mqtt311:6.0.0-3");
  else
    tally_.fail("mqtt311:6.0.0-3",
                request.protocols.empty()
                    ? "the request for a WebSocket asks for no sub-protocol"
                    : "the request for a WebSocket asks for the sub-protocol " + request.protocols);
  // Where it is and what it is to carry are judged elsewhere.
  const auto answer =
      model::websocket::judge({request.method, model::websocket::device_path, true, request.upgrade,
                               request.connection, request.version, request.key, "mqtt"});
  const auto* refusal = std::get_if<model::websocket::Refusal>(&answer);
  if (refusal != nullptr)
    tally_.fail("MQTT-46", "the request for a WebSocket: " + std::string{refusal->what});
  else if (!keys_.insert(request.key).second)
    tally_.fail("MQTT-46", "two requests have one Sec-WebSocket-Key, " + request.key);
  else
    tally_.pass("MQTT-46");
  return mqtt && refusal == nullptr;
}

bool FrameWatch::refuse(const char* what) {
  tally_.fail("MQTT-47", what);
  return false;
}

bool FrameWatch::received(std::uint32_t number, const Frame& frame) {
  Link& link = links_[number];
  if (link.said_close) return refuse("a frame comes behind a Close");
  if (frame.reserved != 0)
    return refuse("a frame has reserved bits set, and no extension was agreed upon");
  switch (frame.op) {
    case Op::more:
      if (!link.in_message) return refuse("a continuation frame comes where no message has begun");
      break;
    case Op::text:
    case Op::binary:
      if (link.in_message) return refuse("a message begins within another one");
      break;
    case Op::close:
    case Op::ping:
    case Op::pong:
      if (!frame.last) return refuse("a control frame is fragmented");
      if (frame.payload.size() > longest_control)
        return refuse("a control frame has more than 125 bytes");
      break;
    default:
      return refuse("a frame is of a reserved kind");
  }
  if (!frame.mask)
    tally_.fail("MQTT-47", "a frame has no mask");
  else if (link.last_mask == frame.mask)
    tally_.fail("MQTT-47", "two frames in a row have the same mask");
  else
    tally_.pass("MQTT-47");
  link.last_mask = frame.mask;
  link.said_close = frame.op == Op::close;
  if (frame.is_control()) return true;
  link.in_message = !frame.last;
  if (frame.op == Op::text) tally_.fail("mqtt311:6.0.0-1", "a data frame is not binary");
  if (frame.op == Op::binary) tally_.pass("mqtt311:6.0.0-1");
  return true;
}

}  // namespace hubproof::conformance::devices
