#include "model/amqp/value.hpp"

#include <algorithm>
#include <array>

namespace hubproof::model::amqp {
namespace {

// What follows a type's code: nothing, so many bytes, or a length and that many bytes.
struct Shape {
  Kind kind = Kind::broken;
  std::uint8_t width = 0;    // bytes of the number, or of the length
  bool sized = false;        // a length comes first
  bool compound = false;     // and then a count
  bool negative = false;     // numbers: with a sign
};

constexpr Shape shape_of(std::uint8_t code) {
  switch (code) {
    case 0x40: return {Kind::null};
    case 0x41: case 0x42: return {Kind::boolean};
    case 0x56: return {Kind::boolean, 1};
    case 0x50: return {Kind::ubyte, 1};
    case 0x60: return {Kind::ushort, 2};
    case 0x70: return {Kind::uint, 4};
    case 0x52: return {Kind::uint, 1};
    case 0x43: return {Kind::uint};
    case 0x80: return {Kind::ulong, 8};
    case 0x53: return {Kind::ulong, 1};
    case 0x44: return {Kind::ulong};
    case 0x51: return {Kind::byte, 1, false, false, true};
    case 0x61: return {Kind::int16, 2, false, false, true};
    case 0x71: return {Kind::int32, 4, false, false, true};
    case 0x54: return {Kind::int32, 1, false, false, true};
    case 0x81: return {Kind::int64, 8, false, false, true};
    case 0x55: return {Kind::int64, 1, false, false, true};
    case 0x72: case 0x73: case 0x74: return {Kind::real, 4};
    case 0x82: case 0x84: return {Kind::real, 8};
    case 0x94: return {Kind::real, 16};
    case 0x83: return {Kind::timestamp, 8, false, false, true};
    case 0x98: return {Kind::uuid, 16};
    case 0xa0: return {Kind::binary, 1, true};
    case 0xb0: return {Kind::binary, 4, true};
    case 0xa1: return {Kind::string, 1, true};
    case 0xb1: return {Kind::string, 4, true};
    case 0xa3: return {Kind::symbol, 1, true};
    case 0xb3: return {Kind::symbol, 4, true};
    case 0x45: return {Kind::list};
    case 0xc0: return {Kind::list, 1, true, true};
    case 0xd0: return {Kind::list, 4, true, true};
    case 0xc1: return {Kind::map, 1, true, true};
    case 0xd1: return {Kind::map, 4, true, true};
    case 0xe0: return {Kind::array, 1, true, true};
    case 0xf0: return {Kind::array, 4, true, true};
    default: return {};
  }
}

constexpr auto shapes = [] {
  std::array<Shape, 256> all;
  for (std::size_t code = 0; code < all.size(); ++code) all[code] = shape_of(static_cast<std::uint8_t>(code));
  return all;
}();
const Shape& shape(std::uint8_t code) { return shapes[code]; }

std::uint64_t extended(std::uint64_t bits, std::uint8_t width) {
  const unsigned unused = 64 - 8u * width;
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(bits << unused) >> unused);
}

std::uint64_t number(View bytes) {
  std::uint64_t bits = 0;
  for (const std::uint8_t byte : bytes) bits = bits << 8 | byte;
  return bits;
}

// The value whose code was read.
Value primitive(Reader& in, std::uint8_t code) {
  const Shape& type = shape(code);
  Value value;
  value.kind = type.kind;
  if (type.kind == Kind::broken) return value;
  if (!type.sized) {
    value.bytes = in.bytes(type.width);
    if (type.kind == Kind::boolean) {
      value.bits = type.width == 1 ? number(value.bytes) : code == 0x41 ? 1u : 0u;
      if (value.bits > 1) return {};
    } else if (type.width > 0 && type.width <= 8) {
      value.bits = number(value.bytes);
      if (type.negative) value.bits = extended(value.bits, type.width);
    }
    return in.ok() ? value : Value{};
  }
  const auto size = static_cast<std::size_t>(number(in.bytes(type.width)));
  Reader inside{in.bytes(size)};
  if (!in.ok()) return {};
  if (type.compound) {
    value.count = static_cast<std::uint32_t>(number(inside.bytes(type.width)));
    // Each item has at least one byte, save those of an array of empty values.
    const bool room = type.kind == Kind::array || value.count <= inside.left();
    if (!inside.ok() || !room || (type.kind == Kind::map && value.count % 2 != 0)) return {};
  }
  value.bytes = inside.rest();
  return value;
}

}  // namespace

Value ValueReader::next(unsigned depth) {
  if (depth >= deepest) return {};
  std::uint8_t code = in_.u8();
  if (!in_.ok()) return {};
  bool described = false;
  Value descriptor;
  if (code == 0) {
    descriptor = next(depth + 1);
    if (descriptor.kind == Kind::broken || descriptor.described) return {};
    described = true;
    code = in_.u8();
    if (!in_.ok()) return {};
  }
  Value value = primitive(in_, code);
  if (value.kind == Kind::broken || (!known_sound_ && !sound(value, depth + 1))) return {};
  if (!described) return value;
  value.described = true;
  value.descriptor = descriptor.kind == Kind::ulong ? descriptor.bits : 0;
  value.descriptor_name = descriptor.text();
  return value;
}

bool ValueReader::sound(const Value& compound, unsigned depth) const {
  switch (compound.kind) {
    case Kind::broken: return false;
    case Kind::list:
    case Kind::map: {
      ValueReader items{compound.bytes};
      for (std::uint32_t i = 0; i < compound.count; ++i)
        if (items.next(depth).kind == Kind::broken) return false;
      return items.left() == 0;
    }
    case Kind::array: {
      if (compound.bytes.empty()) return compound.count == 0;
      const Shape& type = shape(compound.bytes[0]);
      // Arrays of compound or described values are the standard's, and nobody's here.
      if (type.kind == Kind::broken || type.compound) return false;
      if (type.width == 0) return compound.bytes.size() == 1 && compound.count <= 256;
      Reader items{compound.bytes.subspan(1)};
      if (compound.count > items.left()) return false;
      for (std::uint32_t i = 0; i < compound.count; ++i)
        if (primitive(items, compound.bytes[0]).kind == Kind::broken) return false;
      return items.left() == 0;
    }
    default: return true;
  }
}

Value array_item(Reader& items, std::uint8_t code) { return primitive(items, code); }

Fields::Fields(const Value& list) {
  for (Value& field : fields_) field.kind = Kind::null;
  if (list.kind != Kind::list) return;
  auto reader = ValueReader::within(list);
  for (std::size_t i = 0; i < std::min<std::size_t>(most, list.count); ++i)
    fields_[i] = reader.next();
}

Writer& ValueWriter::item() {
  if (!described_ && depth_ > 0) ++open_[depth_ - 1].items;
  described_ = false;
  return out_;
}

void ValueWriter::descriptor(std::uint8_t code) {
  Writer& out = item();
  out.u8(0x00);
  out.u8(0x53);
  out.u8(code);
  described_ = true;
}

void ValueWriter::ubyte(std::uint8_t value) {
  item().u8(0x50);
  out_.u8(value);
}

void ValueWriter::uint(std::uint32_t value) {
  Writer& out = item();
  if (value == 0) return out.u8(0x43);
  out.u8(value < 256 ? 0x52 : 0x70);
  if (value < 256) return out.u8(static_cast<std::uint8_t>(value));
  out.u32(value);
}

void ValueWriter::ulong(std::uint64_t value) {
  Writer& out = item();
  if (value == 0) return out.u8(0x44);
  out.u8(value < 256 ? 0x53 : 0x80);
  if (value < 256) return out.u8(static_cast<std::uint8_t>(value));
  out.u64(value);
}

void ValueWriter::int32(std::int32_t value) {
  item().u8(0x71);
  out_.u32(static_cast<std::uint32_t>(value));
}

void ValueWriter::int64(std::int64_t value) {
  item().u8(0x81);
  out_.i64(value);
}

void ValueWriter::timestamp(std::int64_t milliseconds) {
  item().u8(0x83);
  out_.i64(milliseconds);
}

void ValueWriter::uuid(View sixteen) {
  item().u8(0x98);
  out_.bytes(sixteen);
}

void ValueWriter::sized(std::uint8_t short_code, View value) {
  const bool array = depth_ > 0 && open_[depth_ - 1].array;
  Writer& out = item();
  if (array) {
    out.u32(static_cast<std::uint32_t>(value.size()));
  } else if (value.size() < 256) {
    out.u8(short_code);
    out.u8(static_cast<std::uint8_t>(value.size()));
  } else {
    out.u8(short_code + 0x10);
    out.u32(static_cast<std::uint32_t>(value.size()));
  }
  out.bytes(value);
}

void ValueWriter::begin(std::uint8_t code) {
  Writer& out = item();
  out.u8(code);
  open_[depth_++] = {out.size(), 0, false};
  out.u32(0);
  out.u32(0);
}

void ValueWriter::begin_array(std::uint8_t code) {
  begin(0xf0);
  open_[depth_ - 1].array = true;
  out_.u8(code);
}

void ValueWriter::end() {
  const Open& one = open_[--depth_];
  if (one.items == 0 && (*bytes_)[one.at - 1] == 0xd0) {  // the empty list has a code of its own
    bytes_->resize(one.at - 1);
    return out_.u8(0x45);
  }
  out_.patch_u32(one.at, static_cast<std::uint32_t>(out_.size() - one.at - 4));
  out_.patch_u32(one.at + 4, one.items);
}

}  // namespace hubproof::model::amqp
