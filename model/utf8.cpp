#include "model/utf8.hpp"

#include <cstring>

namespace hubproof::model {
namespace {

constexpr std::uint64_t every_byte(std::uint8_t value) {
  return 0x0101010101010101u * std::uint64_t{value};
}

// The length of the sequence at `at`, or 0 when it is broken (Unicode, table 3-7).
std::size_t sequence(const std::uint8_t* at, std::size_t left) {
  const std::uint8_t lead = at[0];
  const auto continues = [&](std::size_t i) { return (at[i] & 0xc0u) == 0x80u; };
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return left >= 2 && continues(1) ? 2 : 0;
  if (lead < 0xf0) {
    if (left < 3 || !continues(1) || !continues(2)) return 0;
    if (lead == 0xe0 && at[1] < 0xa0) return 0;   // overlong
    if (lead == 0xed && at[1] >= 0xa0) return 0;  // a surrogate
    return 3;
  }
  if (lead > 0xf4 || left < 4 || !continues(1) || !continues(2) || !continues(3)) return 0;
  if (lead == 0xf0 && at[1] < 0x90) return 0;   // overlong
  if (lead == 0xf4 && at[1] >= 0x90) return 0;  // beyond U+10FFFF
  return 4;
}

bool plain(const std::uint8_t* eight) {  // no top bit set, and none is zero
  std::uint64_t word = 0;
  std::memcpy(&word, eight, 8);
  return ((word | (word - every_byte(1))) & every_byte(0x80)) == 0;
}

}  // namespace

Utf8 utf8(std::string_view text) {
  const auto* at = reinterpret_cast<const std::uint8_t*>(text.data());
  std::size_t left = text.size();
  bool nul = false;
  while (left > 0) {
    if (left >= 8 && plain(at)) {
      at += 8;
      left -= 8;
      // The last few: look at eight that end there, of which some were seen before.
      if (left > 0 && left < 8 && plain(at + left - 8)) break;
      continue;
    }
    std::size_t size = 1;
    if (*at == 0) nul = true;
    if (*at >= 0x80) size = sequence(at, left);
    if (size == 0) return Utf8::broken;
    at += size;
    left -= size;
  }
  return nul ? Utf8::holds_nul : Utf8::good;
}

}  // namespace hubproof::model
