// Bytes as every machine reads and writes them: bounds-checked, big-endian where a protocol says so.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace hubproof::model {

using Bytes = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;

inline View view(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view text(View bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Numbers at an address, in either order; compilers make one instruction of them.
template <std::size_t N>
constexpr std::uint64_t load_big(const std::uint8_t* at) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < N; ++i) value = value << 8 | at[i];
  return value;
}
template <std::size_t N>
constexpr void store_big(std::uint8_t* at, std::uint64_t value) {
  for (std::size_t i = 0; i < N; ++i) at[i] = static_cast<std::uint8_t>(value >> (8 * (N - 1 - i)));
}
template <std::size_t N>
std::uint64_t load_little(const std::uint8_t* at) {
  std::uint64_t value = 0;
  if constexpr (std::endian::native == std::endian::little)
    std::memcpy(&value, at, N);
  else
    for (std::size_t i = 0; i < N; ++i) value |= std::uint64_t{at[i]} << (8 * i);
  return value;
}
// Fewer than eight bytes as a number. Loads that overlap need no loop, and agree where they do.
inline std::uint64_t load_little_few(const std::uint8_t* at, std::size_t size) {
  if (size >= 4) return load_little<4>(at) | load_little<4>(at + size - 4) << (8 * (size - 4));
  if (size == 0) return 0;
  const std::size_t middle = size / 2;
  return std::uint64_t{at[0]} | std::uint64_t{at[middle]} << (8 * middle) |
         std::uint64_t{at[size - 1]} << (8 * (size - 1));
}

// Copies a few bytes, as most texts are, without a call; returns where the copy ends.
inline std::uint8_t* copy(std::uint8_t* to, const void* from, std::size_t size) {
  const auto* at = static_cast<const std::uint8_t*>(from);
  const auto ends = [&]<std::size_t N>(std::integral_constant<std::size_t, N>) {  // they may overlap
    std::uint8_t first[N], last[N];
    std::memcpy(first, at, N);
    std::memcpy(last, at + size - N, N);
    std::memcpy(to, first, N);
    std::memcpy(to + size - N, last, N);
  };
  if (size > 16)
    std::memcpy(to, at, size);
  else if (size >= 8)
    ends(std::integral_constant<std::size_t, 8>{});
  else if (size >= 4)
    ends(std::integral_constant<std::size_t, 4>{});
  else
    for (std::size_t i = 0; i < size; ++i) to[i] = at[i];
  return to + size;
}

// Reads from the front. After one read past the end every read gives zeros and ok() is false, so a
// parser may check once, at its end.
class Reader {
 public:
  explicit Reader(View bytes) : rest_{bytes} {}

  bool ok() const { return ok_; }
  std::size_t left() const { return rest_.size(); }
  View rest() const { return rest_; }

  std::uint8_t u8() {
    if (!need(1)) return 0;
    const std::uint8_t value = rest_[0];
    rest_ = rest_.subspan(1);
    return value;
  }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number<2>()); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number<4>()); }
  std::uint64_t u64() { return number<8>(); }
  std::int64_t i64() { return static_cast<std::int64_t>(number<8>()); }
  View bytes(std::size_t count) {
    if (!need(count)) return {};
    const View taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  std::string_view string16() { return text(bytes(u16())); }  // a 16-bit length, then that many bytes
  View bytes32() { return bytes(u32()); }

 private:
  bool need(std::size_t count) {
    if (rest_.size() >= count) return true;
    ok_ = false;
    rest_ = {};
    return false;
  }
  template <std::size_t N>
  std::uint64_t number() {
    if (!need(N)) return 0;
    const std::uint64_t value = load_big<N>(rest_.data());
    rest_ = rest_.subspan(N);
    return value;
  }

  View rest_;
  bool ok_ = true;
};

// Appends to a buffer that somebody else owns, so that one buffer serves a whole burst.
class Writer {
 public:
  explicit Writer(Bytes& out) : out_{&out} {}

  std::size_t size() const { return out_->size(); }
  void u8(std::uint8_t value) { out_->push_back(value); }
  void u16(std::uint16_t value) { number<2>(value); }
  void u32(std::uint32_t value) { number<4>(value); }
  void u64(std::uint64_t value) { number<8>(value); }
  void i64(std::int64_t value) { number<8>(static_cast<std::uint64_t>(value)); }
  void bytes(View value) { out_->insert(out_->end(), value.begin(), value.end()); }
  void string16(std::string_view value) {  // the caller has checked that it fits
    u16(static_cast<std::uint16_t>(value.size()));
    bytes(view(value));
  }
  void bytes32(View value) {
    u32(static_cast<std::uint32_t>(value.size()));
    bytes(value);
  }
  void patch_u32(std::size_t at, std::uint32_t value) { store_big<4>(out_->data() + at, value); }

 private:
  template <std::size_t N>
  void number(std::uint64_t value) {
    std::uint8_t big[N];
    store_big<N>(big, value);
    out_->insert(out_->end(), big, big + N);
  }

  Bytes* out_;
};

// A 64-bit hash for identity and integrity within one run; the same on every machine. Not for secrets.
constexpr std::uint64_t mix(std::uint64_t x) {
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93u;
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93u;
  x ^= x >> 32;
  return x;
}

inline std::uint64_t hash(View bytes, std::uint64_t seed = 0) {
  std::uint64_t state = mix(seed ^ (0x9e3779b97f4a7c15u + bytes.size()));
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    state = (state ^ load_little<8>(at)) * 0x9fb21c651e98df25u;
    state ^= state >> 29;
  }
  return mix(state ^ load_little_few(at, left));
}

}  // namespace hubproof::model
