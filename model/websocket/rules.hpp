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
  // Does what came with a Close frame, but before it, count? [RFC 6455, 5.5.1]
  bool hears_before_close = true;
  // Is a text frame the end of the connection? [mqtt311:6.0.0-1]
  bool refuses_text = true;
  // Does what came right behind the request for an upgrade, or its answer, belong to the stream?
  bool keeps_early_bytes = true;
  // Where in its key does the masking of a frame start, with so much of its message in frames before
  // it? Each frame has a key of its own [RFC 6455, 5.3].
  std::size_t (*mask_start)(std::size_t before) = [](std::size_t) { return std::size_t{0}; };

  bool operator==(const WebSocketRules&) const = default;
};

}  // namespace hubproof::model
