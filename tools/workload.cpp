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
  model::MessageWriter writer{out};
  writer.system(model::System::message_id, model::message_id(key));
  if (shape.ack != model::Ack::none) writer.ack(shape.ack);
  if (shape.expiry) writer.expiry(*shape.expiry);
  const std::uint64_t salt = model::mix(static_cast<std::uint64_t>(key));
  for (std::uint32_t i = 0; i < shape.properties; ++i) {
    const std::string_view value = values[(salt >> (3 * (i % 16))) % values.size()];
    writer.property(names[i % names.size()], value);
  }
  // Eight bytes at a time, so there is room for a few too many.
  std::array<std::uint8_t, 256> block;
  model::Bytes large;
  std::uint8_t* body = block.data();
  if (shape.body > block.size()) {
    large.resize(shape.body + 7);
    body = large.data();
  }
  std::uint64_t word = salt;
  for (std::size_t i = 0; i < shape.body; i += 8) {
    word = word * 0x9fb21c651e98df25U + i;
    for (std::size_t j = 0; j < 8; ++j) body[i + j] = static_cast<std::uint8_t>(word >> (56 - 8 * j));
  }
  writer.body({body, shape.body});
}

}  // namespace hubproof::tools
