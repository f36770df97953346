#include "tools/workload.hpp"

#include <array>
#include <string_view>

namespace hubproof::tools {
namespace {

// Values that a percent-encoding, a UTF-8 reader or a splitter gets wrong first.
constexpr std::array<std::string_view, 8> values{
    "21.5", "a b&c=d/e?f%25", "", "+1#2", "\xc3\xa4\xe2\x82\xac", "$.mid", "x:y;z@w", "0"};
constexpr std::array<std::string_view, 8> names{
    "temperature", "unit", "p2", "p3", "p4", "p5", "p6", "p7"};

}  // namespace

void write_message(model::Bytes& out, model::MessageKey key, const MessageShape& shape) {
  const std::uint64_t salt = model::mix(static_cast<std::uint64_t>(key));
  // Everything goes to its place at once; the body eight bytes at a time, so there is room for a few more.
  constexpr std::size_t largest_head = 64;      // id, acknowledgement and expiry
  constexpr std::size_t largest_property = 32;  // of those above
  const std::size_t from = out.size();
  out.resize(from + largest_head + largest_property * shape.properties + shape.body + 8);
  std::uint8_t* to = model::put_own_id(out.data() + from, key);
  if (shape.ack != model::Ack::none) to = model::put_ack(to, shape.ack);
  if (shape.expiry) to = model::put_expiry(to, *shape.expiry);
  for (std::uint32_t i = 0; i < shape.properties; ++i)
    to = model::put_property(to, names[i % names.size()],
                             values[(salt >> (3 * (i % 16))) % values.size()]);
  *to++ = model::body_tag;
  std::uint64_t word = salt;
  for (std::size_t i = 0; i < shape.body; i += 8) {
    word = word * 0x9fb21c651e98df25U + i;
    model::store_big<8>(to + i, word);
  }
  out.resize(static_cast<std::size_t>(to - out.data()) + shape.body);
}

}  // namespace hubproof::tools
