// The frames of a device's AMQP connection one by one, for the transcript and for what an engine does
// not do: how each is put into words, and messages that are cut into more transfers than they need.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/amqp/value.hpp"
#include "model/bytes.hpp"

namespace hubproof::conformance::devices {

// Protocol headers, of eight bytes, and whole frames. What is neither comes as one piece, and nothing behind it.
class FrameCutter {
 public:
  void feed(model::View bytes) { held_.insert(held_.end(), bytes.begin(), bytes.end()); }
  std::optional<model::Bytes> next();

 private:
  model::Bytes held_;
  bool lost_ = false;
};

enum class Performative : std::uint8_t {
  none = 0,  // an empty frame, a header, or no frame of AMQP
  open = 0x10,
  begin,
  attach,
  flow,
  transfer,
  disposition,
  detach,
  end,
  close
};

// A frame, looked into. Its views live as long as the bytes.
struct FrameView {
  explicit FrameView(model::View frame);

  std::uint16_t channel = 0;
  Performative performative = Performative::none;
  bool empty = false;   // a frame without a body
  model::amqp::Value list{};
  model::View payload;  // of a transfer

  model::amqp::Value operator[](std::size_t field) const { return model::amqp::Fields{list}[field]; }
  std::uint32_t number(std::size_t field) const { return static_cast<std::uint32_t>((*this)[field].bits); }
  bool flag(std::size_t field) const { return (*this)[field].kind == model::amqp::Kind::boolean && (*this)[field].bits != 0; }
};

std::string frame_text(model::View frame);  // "transfer on handle 2, delivery 7, 40 bytes, unsettled"

// A transfer as several, each with at most so many bytes of the message; any other frame as it is.
std::vector<model::Bytes> split_transfer(model::View frame, std::size_t most);

}  // namespace hubproof::conformance::devices
