// AMQP 1.0 values (types of part 1 of the standard) read from and written to bytes. What a reader
// gives are views into the bytes that it was given. Bad bytes give Kind::broken and nothing else.
#pragma once

#include <optional>
#include <string_view>

#include "model/bytes.hpp"

namespace hubproof::model::amqp {

enum class Kind : std::uint8_t {
  broken,
  null,
  boolean,
  ubyte,
  ushort,
  uint,
  ulong,
  byte,
  int16,
  int32,
  int64,
  real,  // float, double, decimals, characters: nobody here asks for them; bytes as they are
  timestamp,
  uuid,
  binary,
  string,
  symbol,
  list,
  map,
  array
};

struct Value {
  Kind kind = Kind::broken;
  bool described = false;
  std::uint32_t count = 0;       // of items; in a map keys and values count
  std::uint64_t descriptor = 0;  // when it is a number
  std::uint64_t bits = 0;        // of numbers (sign-extended), booleans and timestamps
  View bytes{};                  // texts, binaries, uuids; compound values: their items

  bool is_text() const { return kind == Kind::string || kind == Kind::symbol; }
  std::string_view text() const { return is_text() ? model::text(bytes) : std::string_view{}; }
  bool is_number() const { return kind >= Kind::ubyte && kind <= Kind::int64; }
  std::int64_t number() const { return static_cast<std::int64_t>(bits); }
};

// Reads values in a row: sections, items of a list, keys and values of a map.
class ValueReader {
 public:
  explicit ValueReader(View bytes) : in_{bytes} {}
  // The items of a value that a reader gave: it has looked through them already.
  static ValueReader within(const Value& compound) {
    ValueReader reader{compound.bytes};
    reader.known_sound_ = true;
    return reader;
  }

  // The value that comes next, looked through to its last leaf; broken: there is none.
  Value next() { return next(0); }
  std::size_t left() const { return in_.left(); }
  View rest() const { return in_.rest(); }

 private:
  Value next(unsigned depth);
  bool sound(const Value& compound, unsigned depth) const;

  Reader in_;
  bool known_sound_ = false;
};

// Values nested deeper than this are broken: whoever reads by recursion stays on its stack.
inline constexpr unsigned deepest = 16;

// visit(key, value) for each pair of a map; visit(item) for each item of a list or an array. Other
// values have none.
template <class Visit>
void each_pair(const Value& map, Visit&& visit) {
  if (map.kind != Kind::map) return;
  auto reader = ValueReader::within(map);
  for (std::uint32_t i = 0; i + 1 < map.count; i += 2) {
    const Value key = reader.next();
    visit(key, reader.next());
  }
}
Value array_item(Reader& items, std::uint8_t code);
template <class Visit>
void each_item(const Value& value, Visit&& visit) {
  if (value.kind == Kind::list) {
    auto reader = ValueReader::within(value);
    for (std::uint32_t i = 0; i < value.count; ++i) visit(reader.next());
  } else if (value.kind == Kind::array && !value.bytes.empty()) {
    Reader items{value.bytes.subspan(1)};
    for (std::uint32_t i = 0; i < value.count; ++i) visit(array_item(items, value.bytes[0]));
  }
}

// The fields of a described list, by their numbers; those that are not there are null.
class Fields {
 public:
  static constexpr std::size_t most = 16;

  explicit Fields(const Value& list);
  const Value& operator[](std::size_t at) const { return at < most ? fields_[at] : null_; }

 private:
  Value fields_[most];
  Value null_{Kind::null};
};

// Writes values. Lists, maps and arrays begin and end; how many items they have is counted.
class ValueWriter {
 public:
  explicit ValueWriter(Bytes& out) : bytes_{&out}, out_{out} {}

  void null() { item().u8(0x40); }
  void boolean(bool value) { item().u8(value ? 0x41 : 0x42); }
  void ubyte(std::uint8_t value);
  void uint(std::uint32_t value);
  void ulong(std::uint64_t value);
  void int32(std::int32_t value);
  void int64(std::int64_t value);
  void timestamp(std::int64_t milliseconds);
  void uuid(View sixteen);
  void binary(View value) { sized(0xa0, value); }
  void string(std::string_view value) { sized(0xa1, view(value)); }
  void symbol(std::string_view value) { sized(0xa3, view(value)); }
  void encoded(View value) { item().bytes(value); }  // one value, as it was read

  void descriptor(std::uint8_t code);  // of the value that comes next
  void begin_list() { begin(0xd0); }
  void begin_map() { begin(0xd1); }
  void begin_strings() { begin_array(0xb1); }  // an array; only string() may come
  void begin_symbols() { begin_array(0xb3); }  // only symbol()
  void end();

 private:
  struct Open {
    std::size_t at = 0;  // of its size
    std::uint32_t items = 0;
    bool array = false;
  };

  Writer& item();
  void begin(std::uint8_t code);
  void begin_array(std::uint8_t code);
  void sized(std::uint8_t short_code, View value);

  static constexpr std::size_t most_open = 8;
  Bytes* bytes_;
  Writer out_;
  Open open_[most_open];
  std::size_t depth_ = 0;
  bool described_ = false;
};

}  // namespace hubproof::model::amqp
