#include "conformance/devices/amqp_frames.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace hubproof::conformance::devices {
namespace {

using model::Bytes;
using model::View;
using model::amqp::Kind;
using model::amqp::Value;
using model::amqp::ValueWriter;

constexpr std::size_t head = 8;               // of a frame; a protocol header is as long
constexpr std::size_t longest = 1u << 20;     // of a frame
constexpr std::array names{"open", "begin", "attach", "flow", "transfer", "disposition", "detach", "end", "close"};
constexpr std::uint64_t rejected = 0x25;

bool is_header(View bytes) { return bytes.size() >= 4 && model::text(bytes.first(4)) == "AMQP"; }

const char* state_text(const Value& state) {
  constexpr std::array texts{"accepted", "rejected", "released", "modified"};
  if (!state.described || state.descriptor < 0x24 || state.descriptor > 0x27) return "no outcome";
  return texts[state.descriptor - 0x24];
}

std::string error_text(const Value& error) {
  if (error.kind != Kind::list) return {};
  const model::amqp::Fields fields{error};
  std::string text = ", " + std::string{fields[0].text()};
  if (!fields[1].text().empty()) text += " (" + std::string{fields[1].text()} + ")";
  return text;
}

std::string address_text(const Value& terminus) {
  if (terminus.kind != Kind::list) return "nothing";
  const auto address = model::amqp::Fields{terminus}[0];
  return address.text().empty() ? "no address" : std::string{address.text()};
}

}  // namespace

std::optional<Bytes> FrameCutter::next() {
  if (lost_ || held_.size() < head) return std::nullopt;
  std::size_t size = head;
  if (!is_header(held_)) {
    size = static_cast<std::size_t>(model::load_big<4>(held_.data()));
    if (size < head || size > longest) {
      lost_ = true;
      return std::exchange(held_, {});
    }
  }
  if (held_.size() < size) return std::nullopt;
  const auto end = held_.begin() + static_cast<std::ptrdiff_t>(size);
  Bytes frame{held_.begin(), end};
  held_.erase(held_.begin(), end);
  return frame;
}

FrameView::FrameView(View frame) {
  if (frame.size() < head || is_header(frame) || frame[5] != 0) return;
  const std::size_t data_at = std::size_t{4} * frame[4];
  if (data_at < head || data_at > frame.size()) return;
  channel = static_cast<std::uint16_t>(model::load_big<2>(frame.data() + 6));
  empty = data_at == frame.size();
  model::amqp::ValueReader reader{frame.subspan(data_at)};
  const Value read = reader.next();
  if (read.kind != Kind::list || !read.described || read.descriptor < 0x10 || read.descriptor > 0x18) return;
  performative = static_cast<Performative>(read.descriptor);
  list = read;
  payload = reader.rest();
}

std::string frame_text(View frame) {
  if (is_header(frame)) return frame.size() > 4 && frame[4] == 3 ? "header of SASL" : "header of AMQP";
  if (frame.size() >= head && frame[5] == 1) return "frame of SASL";
  const FrameView one{frame};
  if (one.empty) return "empty frame";
  if (one.performative == Performative::none) return "no frame";
  std::string text = names[static_cast<std::size_t>(one.performative) - 0x10];
  const auto add = [&](const char* name, std::size_t field) {
    const Value value = one[field];
    if (value.is_number()) text += std::string{name} + std::to_string(value.bits);
    if (value.is_text()) text += name + std::string{value.text()};
  };
  switch (one.performative) {
    case Performative::open: add(" by ", 0), add(" to ", 1), add(", max-frame-size ", 2), add(", idle-time-out ", 4); break;
    case Performative::begin: add(", incoming window ", 2); break;
    case Performative::attach:
      add(" ", 0), add(", handle ", 1);
      text += one.flag(2) ? ", receives from " + address_text(one[5]) : ", sends to " + address_text(one[6]);
      break;
    case Performative::flow: add(", handle ", 4), add(", credit ", 6), text += one.flag(8) ? ", drain" : ""; break;
    case Performative::transfer:
      add(" on handle ", 0), add(", delivery ", 1);
      text += ", " + std::to_string(one.payload.size()) + " bytes, " + (one.flag(4) ? "settled" : "unsettled") +
              (one.flag(5) ? ", more to come" : "") + (one.flag(9) ? ", aborted" : "");
      break;
    case Performative::disposition:
      text += one.flag(0) ? " by the receiver" : " by the sender";
      add(", delivery ", 1), add(" to ", 2);
      text += std::string{", "} + state_text(one[4]) + (one.flag(3) ? ", settled" : "");
      if (one[4].descriptor == rejected) text += error_text(model::amqp::Fields{one[4]}[0]);
      break;
    case Performative::detach: add(" handle ", 0), text += one.flag(1) ? ", closed" : "", text += error_text(one[2]); break;
    case Performative::end:
    case Performative::close: text += error_text(one[0]); break;
    case Performative::none: break;
  }
  return text;
}

std::vector<Bytes> split_transfer(View frame, std::size_t most) {
  const FrameView one{frame};
  if (one.performative != Performative::transfer || one.payload.size() <= most) return {{frame.begin(), frame.end()}};
  std::vector<Bytes> pieces;
  for (View left = one.payload; !left.empty();) {
    const View part = left.first(std::min(left.size(), most));
    left = left.subspan(part.size());
    Bytes piece(head);
    ValueWriter writer{piece};
    writer.descriptor(static_cast<std::uint8_t>(Performative::transfer));
    writer.begin_list();
    writer.uint(one.number(0));
    writer.uint(one.number(1));
    writer.binary(one[2].bytes);
    writer.uint(one.number(3));
    writer.boolean(one.flag(4));
    writer.boolean(!left.empty() || one.flag(5));
    writer.end();
    piece.insert(piece.end(), part.begin(), part.end());
    model::store_big<4>(piece.data(), piece.size());
    piece[4] = head / 4;
    model::store_big<2>(piece.data() + 6, one.channel);
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

}  // namespace hubproof::conformance::devices
