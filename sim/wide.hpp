// Products of two 64-bit numbers, whole: for draws, hashes and clocks.
#pragma once

#include <cstdint>

namespace hubproof::sim {

__extension__ using Wide = unsigned __int128;

constexpr std::uint64_t high_product(std::uint64_t a, std::uint64_t b) {
  return static_cast<std::uint64_t>((static_cast<Wide>(a) * b) >> 64);
}

// Both halves of the product in one word: one multiplication that mixes well.
constexpr std::uint64_t folded_product(std::uint64_t a, std::uint64_t b) {
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// a * b / c without overflow in between; the quotient must fit.
constexpr std::uint64_t scaled(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  return static_cast<std::uint64_t>(static_cast<Wide>(a) * b / c);
}

}  // namespace hubproof::sim
