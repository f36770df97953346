#include "model/websocket/stream.hpp"

#include <wslay/wslay.h>

#include <algorithm>
#include <new>
#include <span>

#include "model/utf8.hpp"

namespace hubproof::model::websocket {
namespace {


// May a peer say so? 1005, 1006 and 1015 are never on the wire [RFC 6455, 7.4].
bool may_be_said(std::uint16_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

}  // namespace

struct Stream::Ports {
  View in;
  Bytes* out = nullptr;
  std::uint8_t key[4]{};

  static ssize_t send(const std::uint8_t* data, std::size_t size, int, void* self) {
    Bytes& to = *static_cast<Ports*>(self)->out;
    to.insert(to.end(), data, data + size);
    return static_cast<ssize_t>(size);
  }
  static ssize_t receive(std::uint8_t* to, std::size_t size, int, void* self) {
    View& in = static_cast<Ports*>(self)->in;
    const std::size_t taken = std::min(size, in.size());
    std::copy_n(in.begin(), taken, to);
    in = in.subspan(taken);
    return static_cast<ssize_t>(taken);  // 0: it comes again when there is more
  }
  static int mask(std::uint8_t* to, std::size_t size, void* self) {
    std::copy_n(static_cast<Ports*>(self)->key, size, to);
    return 0;
  }
};

struct Stream::Frame {
  const wslay_frame_iocb& io;
  bool is_control() const { return wslay_is_ctrl_frame(io.opcode); }
};

Stream::Stream(End end, const WebSocketRules& rules, Chance chance)
    : frames_{nullptr, wslay_frame_context_free},
      ports_{std::make_unique<Ports>()},
      rules_{&rules},
      chance_{chance},
      end_{end} {
  const wslay_frame_callbacks callbacks{Ports::send, Ports::receive, Ports::mask};
  wslay_frame_context_ptr frames = nullptr;
  if (wslay_frame_context_init(&frames, &callbacks, ports_.get()) != 0) throw std::bad_alloc{};
  frames_.reset(frames);
}
Stream::~Stream() = default;
Stream::Stream(Stream&&) noexcept = default;

void Stream::received(View bytes, Bytes& payload, Bytes& answers, Heard* heard) {
  first_end_.reset();
  ports_->in = bytes;
  while (!heard_close_ && !broken_) {
    wslay_frame_iocb io{};
    const ssize_t got = wslay_frame_recv(frames_.get(), &io);
    if (got == WSLAY_ERR_WANT_READ) break;
    if (got < 0) {
      refuse(Code::protocol, answers);
      break;
    }
    const Frame frame{io};
    if (!in_frame_ && !begins(frame, answers)) break;
    in_frame_ = true;
    Bytes& to = frame.is_control() ? control_ : payload;
    to.insert(to.end(), io.data, io.data + io.data_length);
    frame_left_ -= io.data_length;
    if (frame_left_ == 0 && !ends(frame, payload, answers, heard)) break;
  }
  ports_->in = {};
  if (!rules_->hears_whole_read && first_end_) payload.resize(*first_end_);
}

// The rules of what may come; false: it may not.
bool Stream::begins(const Frame& frame, Bytes& answers) {
  const wslay_frame_iocb& io = frame.io;
  if (io.rsv != 0) return refuse(Code::protocol, answers);  // no extension was agreed upon
  if ((io.mask != 0) != (end_ == End::server)) return refuse(Code::protocol, answers);  // [RFC 6455, 5.1]
  frame_left_ = io.payload_length;
  switch (io.opcode) {
    case WSLAY_CONNECTION_CLOSE:
    case WSLAY_PING:
    case WSLAY_PONG: control_.clear(); return true;
    case WSLAY_CONTINUATION_FRAME:
      if (!in_message_) return refuse(Code::protocol, answers);
      break;
    case WSLAY_TEXT_FRAME:
      return refuse(in_message_ ? Code::protocol : Code::unsupported, answers);  // [mqtt311:6.0.0-1]
    case WSLAY_BINARY_FRAME:
      if (in_message_) return refuse(Code::protocol, answers);
      break;
    default: return refuse(Code::protocol, answers);
  }
  if (!in_message_) message_size_ = 0;
  in_message_ = true;
  if (io.payload_length > longest_message - message_size_) return refuse(Code::too_big, answers);
  message_size_ += io.payload_length;
  return true;
}

// A frame is whole; false: nothing more is to be read.
bool Stream::ends(const Frame& frame, Bytes& payload, Bytes& answers, Heard* heard) {
  in_frame_ = false;
  const wslay_frame_iocb& io = frame.io;
  if (!frame.is_control()) {
    if (io.fin != 0) {
      in_message_ = false;
      if (!first_end_) first_end_ = payload.size();
      if (heard != nullptr) heard->ends.push_back(payload.size());
    }
    return true;
  }
  if (!rules_->survives_control_frames) in_message_ = false;
  if (io.opcode == WSLAY_PING && !said_close_) write(WSLAY_PONG, true, control_, answers);
  if (io.opcode != WSLAY_CONNECTION_CLOSE) return true;

  std::uint16_t code = 0;
  if (!control_.empty()) {
    Reader reader{control_};
    code = reader.u16();
    if (!reader.ok() || !may_be_said(code) || utf8(text(reader.rest())) == Utf8::broken)
      return refuse(Code::protocol, answers);
  }
  heard_close_ = true;
  close(static_cast<Code>(code), answers);  // the same code goes back [RFC 6455, 5.5.1]
  return false;
}

bool Stream::refuse(Code code, Bytes& answers) {
  broken_ = true;
  close(code, answers);
  return false;
}

void Stream::send(View payload, Bytes& out, std::size_t fragments, bool ping) {
  if (said_close_ || payload.empty()) return;
  fragments = std::clamp<std::size_t>(fragments, 1, payload.size());
  std::size_t sent = 0;
  for (std::size_t n = 1; n <= fragments; ++n) {
    const std::size_t end = payload.size() * n / fragments;
    if (ping && n > 1 && n == fragments) write(WSLAY_PING, true, view("alive?"), out);
    write(n == 1 ? WSLAY_BINARY_FRAME : WSLAY_CONTINUATION_FRAME, n == fragments,
          payload.subspan(sent, end - sent), out, sent);
    sent = end;
  }
}

void Stream::close(Code code, Bytes& out) {
  if (said_close_) return;
  Bytes reason;
  if (code != Code::none) Writer{reason}.u16(static_cast<std::uint16_t>(code));
  write(WSLAY_CONNECTION_CLOSE, true, reason, out);
  said_close_ = true;
  code_ = code;
}

void Stream::write(std::uint8_t opcode, bool last, View payload, Bytes& out, std::size_t before) {
  const bool masks = end_ == End::client;
  if (masks) {
    store_big<4>(ports_->key, chance_.below(ChanceSite::websocket_mask, 0xffffffff));
    if (const std::size_t start = rules_->mask_start(before) % 4; start != 0) {
      masked_.assign(payload.begin(), payload.end());
      for (std::size_t i = 0; i < masked_.size(); ++i)
        masked_[i] ^= static_cast<std::uint8_t>(ports_->key[i % 4] ^ ports_->key[(i + start) % 4]);
      payload = masked_;
    }
  }
  wslay_frame_iocb io{};
  io.fin = last ? 1 : 0;
  io.opcode = opcode;
  io.mask = masks ? 1 : 0;
  io.payload_length = payload.size();
  io.data = payload.data();
  io.data_length = payload.size();
  ports_->out = &out;
  wslay_frame_send(frames_.get(), &io);
  ports_->out = nullptr;
}

}  // namespace hubproof::model::websocket
