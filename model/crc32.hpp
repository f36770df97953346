// CRC-32 (IEEE 802.3), for records on a disk that may tear or rot.
#pragma once

#include <array>

#include "model/bytes.hpp"

namespace hubproof::model {

inline constexpr std::array<std::uint32_t, 256> crc32_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (0xedb88320u & (0u - (value & 1u)));
    table[i] = value;
  }
  return table;
}();

constexpr std::uint32_t crc32(View bytes) {
  std::uint32_t value = 0xffffffffu;
  for (const std::uint8_t byte : bytes) value = value >> 8 ^ crc32_table[(value ^ byte) & 0xffu];
  return ~value;
}

}  // namespace hubproof::model
