#include "tools/workload.hpp"

#include <array>
#include <string_view>
#include <utility>

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
  const auto property = [&](std::uint32_t i) {
    return std::pair{names[i % names.size()], values[(salt >> (3 * (i % 16))) % values.size()]};
  };
  // Eight bytes of the body at a time, so there is room for a few too many.
  const auto put_body = [&](std::uint8_t* body) {
    std::uint64_t word = salt;
    for (std::size_t i = 0; i < shape.body; i += 8) {
      word = word * 0x9fb21c651e98df25U + i;
      model::store_big<8>(body + i, word);
    }
    return body + shape.body;
  };
  const bool usual = shape.ack == model::Ack::none && !shape.expiry && shape.properties <= 4;
  std::array<std::uint8_t, 512> small;
  constexpr std::size_t largest_fields = 224;  // an id and four properties
  if (usual && shape.body + 8 <= small.size() - largest_fields) {  // in one piece
    std::uint8_t* to = model::put_own_id(small.data(), key);
    for (std::uint32_t i = 0; i < shape.properties; ++i)
      to = model::put_property(to, property(i).first, property(i).second);
    *to++ = model::body_tag;
    out.insert(out.end(), small.data(), put_body(to));
    return;
  }
  model::MessageWriter writer{out};
  writer.system(model::System::message_id, model::message_id(key));
  if (shape.ack != model::Ack::none) writer.ack(shape.ack);
  if (shape.expiry) writer.expiry(*shape.expiry);
  for (std::uint32_t i = 0; i < shape.properties; ++i)
    writer.property(property(i).first, property(i).second);
  model::Bytes body(shape.body + 7);
  put_body(body.data());
  writer.body(model::View{body}.first(shape.body));
}

}  // namespace hubproof::tools
