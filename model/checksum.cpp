#include "model/checksum.hpp"

#include <array>

namespace hubproof::model {
namespace {

// Sixteen tables let one step take sixteen bytes: tables[n][b] is the effect of a byte b that is
// followed by n zero bytes.
using Tables = std::array<std::array<std::uint32_t, 256>, 16>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
    tables[0][byte] = crc;
  }
  for (std::size_t n = 1; n < tables.size(); ++n)
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[n - 1][byte];
      tables[n][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  return tables;
}

constexpr Tables tables = make_tables();

// The effect of eight bytes that `after` more follow in the same step.
template <std::size_t after>
std::uint32_t step(std::uint64_t word) {
  std::uint32_t crc = 0;
  for (std::size_t i = 0; i < 8; ++i) crc ^= tables[after + 7 - i][word >> (8 * i) & 0xff];
  return crc;
}

#if defined(__x86_64__)
// The processor's own instruction takes eight bytes at a time.
[[gnu::target("sse4.2")]] std::uint32_t by_instruction(View bytes, std::uint32_t before) {
  std::uint64_t crc = ~before;
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 32; left -= 32, at += 32)
    for (std::size_t i = 0; i < 32; i += 8) crc = __builtin_ia32_crc32di(crc, load_little<8>(at + i));
  for (; left >= 8; left -= 8, at += 8) crc = __builtin_ia32_crc32di(crc, load_little<8>(at));
  auto rest = static_cast<std::uint32_t>(crc);
  if ((left & 4) != 0) {
    rest = __builtin_ia32_crc32si(rest, static_cast<std::uint32_t>(load_little<4>(at)));
    at += 4;
  }
  if ((left & 2) != 0) {
    rest = __builtin_ia32_crc32hi(rest, static_cast<std::uint16_t>(load_little<2>(at)));
    at += 2;
  }
  if ((left & 1) != 0) rest = __builtin_ia32_crc32qi(rest, *at);
  return ~rest;
}

const auto best = __builtin_cpu_supports("sse4.2") ? by_instruction : crc32c_by_tables;
#else
constexpr auto best = crc32c_by_tables;
#endif

}  // namespace

std::uint32_t crc32c(View bytes, std::uint32_t before) { return best(bytes, before); }

std::uint32_t crc32c_by_tables(View bytes, std::uint32_t before) {
  std::uint32_t crc = ~before;
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 16; left -= 16, at += 16)
    crc = step<8>(load_little<8>(at) ^ crc) ^ step<0>(load_little<8>(at + 8));
  if (left >= 8) {
    crc = step<0>(load_little<8>(at) ^ crc);
    left -= 8;
    at += 8;
  }
  for (; left > 0; --left, ++at) crc = (crc >> 8) ^ tables[0][(crc ^ *at) & 0xff];
  return ~crc;
}

}  // namespace hubproof::model
