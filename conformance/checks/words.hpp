// How findings speak of times, nodes and messages.
#pragma once

#include <string>

#include "conformance/check.hpp"

namespace hubproof::conformance {

// "31.002s", cut to milliseconds.
inline std::string seconds(std::int64_t ns) {
  const bool negative = ns < 0;
  const std::uint64_t ms = (negative ? 0 - static_cast<std::uint64_t>(ns) : static_cast<std::uint64_t>(ns)) /
                           1'000'000;
  std::string text = std::to_string(ms % 1000);
  text = (negative ? "-" : "") + std::to_string(ms / 1000) + '.' + std::string(3 - text.size(), '0') + text;
  return text + 's';
}

inline std::string id(model::MessageKey key) { return model::message_id(key); }

inline std::string device(const Seen& seen) { return seen.facts.name(seen.event.device); }

}  // namespace hubproof::conformance
