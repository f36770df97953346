#include "model/amqp/value.hpp"

#include <algorithm>
#include <array>

namespace hubproof::model::amqp {
namespace {

// A number of N bytes.
template <std::size_t N, bool negative = false>
Value number(Reader& in, Kind kind) {
  Value value;
  value.bytes = in.bytes(N);
  if (!in.ok()) return value;
  value.bits = load_big<N>(value.bytes.data());
  constexpr unsigned unused = 64 - 8 * N;
  if (negative) value.bits = static_cast<std::uint64_t>(static_cast<std::int64_t>(value.bits << unused) >> unused);
  value.kind = kind;
  return value;
}

// Bytes as they are.
Value raw(Reader& in, std::size_t size, Kind kind) {
  Value value;
  value.bytes = in.bytes(size);
  if (in.ok()) value.kind = kind;
  return value;
}

// A length of N bytes, and so many bytes.
template <std::size_t N>
Value sized(Reader& in, Kind kind) {
  const View length = in.bytes(N);
  return in.ok() ? raw(in, static_cast<std::size_t>(load_big<N>(length.data())), kind) : Value{};
}

// The same, and they begin with a count of N bytes.
template <std::size_t N>
Value compound(Reader& in, Kind kind) {
  Value value = sized<N>(in, kind);
  if (value.bytes.size() < N) return {};
  value.count = static_cast<std::uint32_t>(load_big<N>(value.bytes.data()));
  value.bytes = value.bytes.subspan(N);
  // Each item has at least one byte, save those of an array of empty values.
  const bool room = kind == Kind::array || value.count <= value.bytes.size();
  if (!room || (kind == Kind::map && value.count % 2 != 0)) return {};
  return value;
}

Value constant(Kind kind, std::uint64_t bits = 0) {
  Value value;
  value.kind = kind;
  value.bits = bits;
  return value;
}

// The value whose code was read.
Value primitive(Reader& in, std::uint8_t code) {
  switch (code) {
    case 0x40: return constant(Kind::null);
    case 0x41: return constant(Kind::boolean, 1);
    case 0x42: return constant(Kind::boolean);
    case 0x43: return constant(Kind::uint);
    case 0x44: return constant(Kind::ulong);
    case 0x45: return constant(Kind::list);
    case 0x50: return number<1>(in, Kind::ubyte);
    case 0x51: return number<1, true>(in, Kind::byte);
    case 0x52: return number<1>(in, Kind::uint);
    case 0x53: return number<1>(in, Kind::ulong);
    case 0x54: return number<1, true>(in, Kind::int32);
    case 0x55: return number<1, true>(in, Kind::int64);
    case 0x56: {
      const Value value = number<1>(in, Kind::boolean);
      return value.bits <= 1 ? value : Value{};
    }
    case 0x60: return number<2>(in, Kind::ushort);
    case 0x61: return number<2, true>(in, Kind::int16);
    case 0x70: return number<4>(in, Kind::uint);
    case 0x71: return number<4, true>(in, Kind::int32);
    case 0x72: case 0x73: case 0x74: return number<4>(in, Kind::real);
    case 0x80: return number<8>(in, Kind::ulong);
    case 0x81: return number<8, true>(in, Kind::int64);
    case 0x82: case 0x84: return number<8>(in, Kind::real);
    case 0x83: return number<8, true>(in, Kind::timestamp);
    case 0x94: return raw(in, 16, Kind::real);
    case 0x98: return raw(in, 16, Kind::uuid);
    case 0xa0: return sized<1>(in, Kind::binary);
    case 0xa1: return sized<1>(in, Kind::string);
    case 0xa3: return sized<1>(in, Kind::symbol);
    case 0xb0: return sized<4>(in, Kind::binary);
    case 0xb1: return sized<4>(in, Kind::string);
    case 0xb3: return sized<4>(in, Kind::symbol);
    case 0xc0: return compound<1>(in, Kind::list);
    case 0xc1: return compound<1>(in, Kind::map);
    case 0xd0: return compound<4>(in, Kind::list);
    case 0xd1: return compound<4>(in, Kind::map);
    case 0xe0: return compound<1>(in, Kind::array);
    case 0xf0: return compound<4>(in, Kind::array);
    default: return {};
  }
}

// Sixteen zeros are a value of each type that there is.
bool has_type(std::uint8_t code) {
  constexpr std::array<std::uint8_t, 16> zeros{};
  Reader any{zeros};
  return primitive(any, code).kind != Kind::broken;
}

bool is_compound(Kind kind) { return kind >= Kind::list; }

}  // namespace

Value ValueReader::next(unsigned depth) {
  if (depth >= deepest) return {};
  std::uint8_t code = in_.u8();
  if (!in_.ok()) return {};
  const bool described = code == 0;
  std::uint64_t descriptor = 0;
  if (described) {
    const Value name = next(depth + 1);
    if (name.kind == Kind::broken || name.described) return {};
    if (name.kind == Kind::ulong) descriptor = name.bits;
    code = in_.u8();
    if (!in_.ok()) return {};
  }
  Value value = primitive(in_, code);
  if (value.kind == Kind::broken) return {};
  if (is_compound(value.kind) && !known_sound_ && !sound(value, depth + 1)) return {};
  value.described = described;
  value.descriptor = descriptor;
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
      const std::uint8_t code = compound.bytes[0];
      // Arrays of compound or described values are the standard's, and nobody's here.
      if (code == 0 || code >= 0xc0 || !has_type(code)) return false;
      Reader items{compound.bytes.subspan(1)};
      if (code >> 4 == 4) return items.left() == 0 && compound.count <= 256;  // no item has a byte
      if (compound.count > items.left()) return false;
      for (std::uint32_t i = 0; i < compound.count; ++i)
        if (primitive(items, code).kind == Kind::broken) return false;
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
