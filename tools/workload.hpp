// The messages that simulated applications send: each known by its key, with properties and bodies
// that vary enough to hurt a careless encoder.
#pragma once

#include <cstddef>
#include <optional>

#include "model/message.hpp"

namespace hubproof::tools {

struct MessageShape {
  std::uint32_t properties = 1;
  std::size_t body = 32;
  std::optional<model::Date> expiry;
  model::Ack ack = model::Ack::none;
};

// Appends a flat message. The same key and shape make the same message.
void write_message(model::Bytes& out, model::MessageKey key, const MessageShape& shape);

}  // namespace hubproof::tools
