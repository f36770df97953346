// Who a plain MQTT message is, across every hop: it has no id but what its payload says.
#pragma once

#include "model/message.hpp"

namespace hubproof::model {

// The key that a payload begins with, if it is one that hubproof makes ("t3-17"), alone or before a space;
// else that of the payload as a whole.
inline MessageKey payload_key(View payload) {
  if (payload.empty()) return MessageKey::none;
  const std::string_view all = text(payload);
  const std::string_view first = all.substr(0, all.find(' '));
  if (const MessageKey own = message_key(first.substr(0, longest_own_id));
      (static_cast<std::uint64_t>(own) >> 63) == 0)
    return own;
  return message_key(all);
}

inline std::uint64_t payload_digest(View payload) { return hash(payload, 1); }

}  // namespace hubproof::model
