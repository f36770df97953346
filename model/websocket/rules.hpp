// What mutants spoil of WebSocket framing; each rule is asked at one place (see model/rules.hpp).
#pragma once

#include <cstddef>
#include <cstdint>

namespace hubproof::model {

struct WebSocketRules {
  // Are the binary messages one stream of bytes, whatever part of a packet each holds? [mqtt311:6.0.0-2]
  bool messages_are_one_stream = true;
  // Does a fragmented message go on after a control frame within it? [RFC 6455, 5.4]
  bool survives_control_frames = true;
  // Do all messages count that come with one read, or the first one only?
  bool hears_whole_read = true;
  // Where in its key does the masking of a frame start, with so much of its message in frames before
  // it? Each frame has a key of its own [RFC 6455, 5.3].
  std::size_t (*mask_start)(std::size_t before) = [](std::size_t) { return std::size_t{0}; };

  bool operator==(const WebSocketRules&) const = default;
};

}  // namespace hubproof::model
