#include "model/amqp/frames.hpp"

#include <algorithm>
#include <utility>

#include "model/amqp/value.hpp"

namespace hubproof::model::amqp {
namespace {

constexpr std::size_t frame_header = 8;

constexpr std::uint64_t open = 0x10;
constexpr std::uint64_t begin = 0x11;
constexpr std::uint64_t attach = 0x12;
constexpr std::uint64_t flow = 0x13;
constexpr std::uint64_t transfer = 0x14;
constexpr std::uint64_t disposition = 0x15;
constexpr std::uint64_t detach = 0x16;
constexpr std::uint64_t end = 0x17;
constexpr std::uint64_t close = 0x18;

constexpr const char* framing_error = "amqp:connection:framing-error";
constexpr const char* decode_error = "amqp:decode-error";
constexpr const char* not_allowed = "amqp:not-allowed";

bool is_null(const Value& value) { return value.kind == Kind::null; }
bool is_true(const Value& value) { return value.kind == Kind::boolean && value.bits != 0; }

}  // namespace

View Frames::next(View& bytes) {
  if (problem_) return {};
  const auto size_of = [](View from) { return static_cast<std::uint32_t>(load_big<4>(from.data())); };
  const auto fits = [&](std::uint32_t size) {
    return (size >= frame_header && size <= max_frame) ||
           fail(framing_error, "a frame of " + std::to_string(size) + " bytes; 8 to " +
                                   std::to_string(max_frame) + " are possible");
  };
  if (begun_.empty() && bytes.size() >= 4) {  // most frames come whole
    const std::uint32_t size = size_of(bytes);
    if (!fits(size)) return {};
    if (bytes.size() >= size) {
      const View frame = bytes.first(size);
      bytes = bytes.subspan(size);
      return passes(frame) ? frame : View{};
    }
  }
  const auto take = [&](std::size_t size) {  // until so many are there
    const std::size_t more = std::min(size - begun_.size(), bytes.size());
    begun_.insert(begun_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(more));
    bytes = bytes.subspan(more);
    return begun_.size() == size;
  };
  if (begun_.size() < 4 && !take(4)) return {};
  const std::uint32_t size = size_of(begun_);
  if (!fits(size) || !take(size)) return {};
  whole_ = std::exchange(begun_, {});
  return passes(whole_) ? View{whole_} : View{};
}

bool Frames::fail(const char* condition, std::string description) {
  problem_ = Problem{condition, std::move(description)};
  return false;
}

bool Frames::passes(View frame) {
  const std::size_t data_at = std::size_t{4} * frame[4];
  if (data_at < frame_header || data_at > frame.size() || frame[5] != 0)
    return fail(framing_error, "not a frame of AMQP: data offset " + std::to_string(frame[4]) +
                                   ", type " + std::to_string(frame[5]));
  const auto channel = static_cast<std::uint16_t>(load_big<2>(frame.data() + 6));
  View body = frame.subspan(data_at);
  if (body.empty()) return opened_ || fail(framing_error, "the first frame is not open");

  ValueReader reader{body};
  const Value performative = reader.next();
  const std::uint64_t code = performative.descriptor;
  if (performative.kind != Kind::list || !performative.described || code < open || code > close ||
      performative.count > Fields::most)
    return fail(decode_error, "a frame that holds no performative");
  if (opened_ == (code == open))
    return fail(not_allowed, opened_ ? "open came twice" : "the first frame is not open");
  if (closed_) return fail(not_allowed, "a frame after close");
  const Fields fields{performative};

  if (code == open) {
    if (!fields[0].is_text()) return fail(decode_error, "open without a container id");
    opened_ = true;
    return true;
  }
  if (code == close) {
    closed_ = true;
    return true;
  }
  if (channel > channel_max)
    return fail(framing_error, "channel " + std::to_string(channel) + " is above channel-max " +
                                   std::to_string(channel_max));
  const auto found = channels_.find(channel);
  const auto number = [&](std::size_t at) { return static_cast<std::uint32_t>(fields[at].bits); };
  if (code == begin) {
    if (found != channels_.end()) return fail(not_allowed, "the channel has a session");
    if (is_null(fields[0]) == answers_)
      return fail(not_allowed, "begin with a remote channel that nobody offered");
    channels_[channel];
    return true;
  }
  if (found == channels_.end()) return fail(not_allowed, "no session on this channel");
  Channel& session = found->second;
  if (code == end) {
    links_ -= session.handles.size();
    channels_.erase(found);
    return true;
  }
  if (code == disposition)
    return fields[1].kind == Kind::uint || fail(decode_error, "disposition without a first id");
  if (code == flow && is_null(fields[4])) return true;

  const Value& which = fields[code == attach ? 1 : code == flow ? 4 : 0];
  if (which.kind != Kind::uint || which.bits > 0x7fff'fffe)
    return fail(decode_error, "a handle is missing or too large");
  const auto handle = session.handles.find(static_cast<std::uint32_t>(which.bits));
  if (code == attach) {
    if (!fields[0].is_text() || fields[2].kind != Kind::boolean)
      return fail(decode_error, "attach without a name or a role");
    if (handle != session.handles.end())
      return fail("amqp:session:handle-in-use", "the handle has a link");
    if (++links_ > most_links)
      return fail("amqp:resource-limit-exceeded",
                  "more than " + std::to_string(most_links) + " links on one connection");
    session.handles[static_cast<std::uint32_t>(which.bits)] = false;
    return true;
  }
  if (handle == session.handles.end())
    return fail("amqp:session:unattached-handle", "no link has this handle");
  if (code == detach) {
    session.handles.erase(handle);
    --links_;
  } else if (code == transfer) {
    bool& goes_on = handle->second;
    if (!goes_on) {
      if (fields[1].kind != Kind::uint) return fail(decode_error, "a delivery without its id");
      if (fields[2].kind != Kind::binary || fields[2].bytes.size() > 32)
        return fail(decode_error, "a delivery without a tag of at most 32 bytes");
      format_ = number(3);
    }
    goes_on = is_true(fields[5]) && !is_true(fields[9]);
  }
  return true;
}

}  // namespace hubproof::model::amqp
