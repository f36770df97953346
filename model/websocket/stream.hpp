// One end of an open WebSocket, RFC 6455 chapters 5 to 7, as a stream of bytes: frames are wslay's, the
// rules of what may follow what are here. Only binary messages carry anything, and where one ends means
// nothing to what they carry.
//
//   open ──close(), a broken rule──▶ closing ──the peer's Close──▶ closed
//     └──────────────the peer's Close (it is answered)──────────────▶ closed
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "model/bytes.hpp"
#include "model/chance.hpp"
#include "model/websocket/rules.hpp"

struct wslay_frame_context;

namespace hubproof::model::websocket {

enum class End : std::uint8_t { server, client };

enum class Code : std::uint16_t {
  none = 0,
  normal = 1000,
  going_away = 1001,
  protocol = 1002,
  unsupported = 1003,  // text [mqtt311:6.0.0-1]
  too_big = 1009
};

inline constexpr std::uint64_t longest_message = 16u << 20;  // bytes, over all its fragments

class Stream {
 public:
  // A client's masks are drawn from `chance`; a server has none. The rules must outlive the stream.
  Stream(End end, const WebSocketRules& rules, Chance chance = Chance{nullptr, nullptr});
  ~Stream();
  Stream(Stream&&) noexcept;

  // What bytes hold. `payload` and `answers` (pongs, a Close: to be sent) are appended to. Nothing is
  // read behind the peer's Close, or behind what it may not do.
  struct Heard {
    std::vector<std::size_t> ends;  // sizes of `payload` at which messages ended
  };
  void received(View bytes, Bytes& payload, Bytes& answers, Heard* heard = nullptr);

  // One binary message; empty bytes make none. `fragments` above 1 cuts it into so many frames, with a
  // ping before the last one if asked.
  void send(View payload, Bytes& out, std::size_t fragments = 1, bool ping = false);
  void close(Code code, Bytes& out);  // does nothing when a Close was sent

  bool open() const { return !said_close_ && !heard_close_; }
  bool heard_close() const { return heard_close_; }  // in good order
  bool broken() const { return broken_; }  // the peer broke the protocol, and was told
  Code code() const { return code_; }      // of the Close that was sent

 private:
  struct Frame;  // as wslay tells of it
  bool begins(const Frame& frame, Bytes& answers);
  bool ends(const Frame& frame, Bytes& payload, Bytes& answers, Heard* heard);
  void write(std::uint8_t opcode, bool last, View payload, Bytes& out, std::size_t before = 0);
  bool refuse(Code code, Bytes& answers);  // always false

  std::unique_ptr<wslay_frame_context, void (*)(wslay_frame_context*)> frames_;
  // For wslay's calls, while one of ours runs.
  struct Ports;
  std::unique_ptr<Ports> ports_;

  const WebSocketRules* rules_;
  Chance chance_;
  End end_;
  bool in_message_ = false;  // the peer's message has begun and is not whole
  bool said_close_ = false;
  bool heard_close_ = false;
  bool broken_ = false;
  Code code_ = Code::none;
  std::uint64_t frame_left_ = 0;     // bytes of payload to come
  bool in_frame_ = false;
  std::uint64_t message_size_ = 0;   // so far
  std::optional<std::size_t> first_end_;  // of a message in this read: the size of the payload then
  Bytes control_;                    // payload of a control frame
  Bytes masked_;                     // scratch
};

}  // namespace hubproof::model::websocket
