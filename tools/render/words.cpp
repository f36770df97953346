// Numbers as the reports show them.
#include <array>

#include "tools/render/render.hpp"

namespace hubproof::tools {

const char* const version = HUBPROOF_VERSION;

std::string seconds_text(std::int64_t nanoseconds) {
  const bool negative = nanoseconds < 0;
  const auto whole = static_cast<std::uint64_t>(negative ? -nanoseconds : nanoseconds);
  std::string text = (negative ? "-" : "") + std::to_string(whole / 1'000'000'000);
  std::string decimals = std::to_string(1'000'000'000 + whole % 1'000'000'000).substr(1);
  while (decimals.ends_with('0')) decimals.pop_back();
  return decimals.empty() ? text : text + "." + decimals;
}

std::string rounded_seconds(std::int64_t nanoseconds) {
  const std::int64_t milli = (nanoseconds + 500'000) / 1'000'000;
  return seconds_text(milli * 1'000'000);
}

std::string hex_text(std::uint64_t value) {
  std::string text(16, '0');
  for (std::size_t at = 16; at-- > 0; value >>= 4) text[at] = "0123456789abcdef"[value & 15];
  return text;
}

std::string count_text(std::uint64_t count) {
  std::string text = std::to_string(count);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, 1, ',');
  return text;
}

std::string span_text(std::int64_t nanoseconds) {
  struct Unit {
    const char* name;
    std::int64_t seconds;
  };
  constexpr std::array<Unit, 4> units{{{"d", 86'400}, {"h", 3'600}, {"m", 60}, {"s", 1}}};
  const std::int64_t seconds = nanoseconds / 1'000'000'000;
  if (seconds < 1) return std::to_string(nanoseconds / 1'000'000) + "ms";
  if (seconds < 60) return rounded_seconds(nanoseconds / 100'000'000 * 100'000'000) + "s";
  for (std::size_t at = 0; at + 1 < units.size(); ++at) {
    if (seconds < units[at].seconds) continue;
    const std::int64_t rest = seconds % units[at].seconds / units[at + 1].seconds;
    return std::to_string(seconds / units[at].seconds) + units[at].name +
           (rest == 0 ? "" : " " + std::to_string(rest) + units[at + 1].name);
  }
  return {};
}

}  // namespace hubproof::tools
