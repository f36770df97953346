// The fields of one JSON object of a scenario, told key by key. The same lines read a scenario, write
// it and make its schema: one subclass for each of the three. A field that is absent leaves its value
// as it is, so a value's default is its C++ default.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "sim/distribution.hpp"
#include "sim/link.hpp"
#include "tools/document.hpp"
#include "tools/names.hpp"
#include "tools/problem.hpp"

namespace hubproof::tools {

inline constexpr sim::Duration longest_duration = std::chrono::hours{24 * 36'500};

struct NumberRange {
  std::uint64_t least = 0;
  std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
};
inline constexpr std::uint32_t most_parts = 1'000'000;  // of one name in a mix
struct DurationRange {
  sim::Duration least{};
  sim::Duration most = longest_duration;
};

class Fields {
 public:
  using Inner = std::function<void(Fields&)>;
  enum class Purpose : std::uint8_t { read, write, schema };
  enum class Unit : std::uint8_t { time, bytes };  // of a distribution's values
  using Range = NumberRange;
  using Span = DurationRange;

  virtual ~Fields() = default;

  // Each: the key, the sentence that explains it, the value.
  virtual void text(std::string_view key, std::string_view about, std::string& value) = 0;
  virtual void texts(std::string_view key, std::string_view about, std::vector<std::string>& value) = 0;
  virtual void flag(std::string_view key, std::string_view about, bool& value) = 0;
  virtual void duration(std::string_view key, std::string_view about, sim::Duration& value,
                        Span span) = 0;
  virtual void times(std::string_view key, std::string_view about,
                     std::vector<sim::Duration>& value) = 0;  // kept in ascending order
  virtual void distribution(std::string_view key, std::string_view about, sim::Distribution& value,
                            Unit unit) = 0;
  virtual void ratio(std::string_view key, std::string_view about, sim::Ratio& value) = 0;
  // A ratio that is kept as so many of `whole`.
  virtual void share(std::string_view key, std::string_view about, std::uint32_t& parts,
                     std::uint32_t whole) = 0;
  virtual void loss(std::string_view key, std::string_view about, sim::Loss& value) = 0;
  virtual void date(std::string_view key, std::string_view about, std::int64_t& value) = 0;
  virtual void size(std::string_view key, std::string_view about, std::uint64_t& value,
                    Range range) = 0;
  virtual void ppm(std::string_view key, std::string_view about, std::int32_t& value) = 0;
  virtual void nodes(std::string_view key, std::string_view about, std::vector<sim::NodeId>& value,
                     Among among) = 0;

  template <class Number>
  void number(std::string_view key, std::string_view about, Number& value, Range range = {}) {
    static_assert(std::is_unsigned_v<Number>);
    std::uint64_t wide = value;
    range.most = std::min<std::uint64_t>(range.most, std::numeric_limits<Number>::max());
    whole(key, about, wide, range);
    value = static_cast<Number>(wide);
  }
  template <class Enum, std::size_t N>
  void choice(std::string_view key, std::string_view about, Enum& value,
              const std::array<std::string_view, N>& names) {
    auto at = static_cast<std::size_t>(value);
    one_of(key, about, at, names);
    value = static_cast<Enum>(at);
  }
  // One of the names, or a mix of them: an object with a whole number of parts for each. `parts` is
  // empty or has as many numbers as there are names.
  template <class Enum, std::size_t N>
  void choice_or_mix(std::string_view key, std::string_view about, Enum& value,
                     std::vector<std::uint32_t>& parts, const std::array<std::string_view, N>& names) {
    auto at = static_cast<std::size_t>(value);
    one_of_or_mix(key, about, at, parts, names);
    value = static_cast<Enum>(at);
  }
  template <class T, class Field>
  void optional(std::string_view key, std::optional<T>& value, const Field& field) {
    if (!present(key, value.has_value())) return;
    if (!value) value.emplace();
    field(*value);
  }
  template <class T, class Shape>
  void object(std::string_view key, std::string_view about, T& value, const T& defaults,
              const Shape& shape) {
    T usual = defaults;
    object(key, about, [&](Fields& inner) { shape(inner, value); },
           [&](Fields& inner) { shape(inner, usual); });
  }
  template <class T, class Shape>
  void list(std::string_view key, std::string_view about, std::vector<T>& values, std::size_t most,
            const Shape& shape) {
    T usual{};
    list(key, about, values.size(), most, [&](std::size_t size) { values.resize(size); },
         [&](Fields& inner, std::size_t at) { shape(inner, values[at]); },
         [&](Fields& inner) {
           T fresh = usual;
           shape(inner, fresh);
         });
  }
  // One of these keys says what the object is; `inner` tells all its fields.
  virtual void variant(std::string_view about, std::span<const std::string_view> keys, std::size_t& which,
                       const std::function<void(Fields&, std::size_t)>& inner) = 0;

  virtual void need(std::string_view key) = 0;                // its absence is a problem
  virtual void keep(std::string_view) {}                      // write it even when it is as usual
  virtual bool given(std::string_view key) const = 0;         // read: it is there; else true
  virtual void problem(std::string_view key, std::string what) = 0;  // or a pointer; empty: the object
  virtual Purpose purpose() const = 0;
  bool reading() const { return purpose() == Purpose::read; }

 protected:
  virtual void whole(std::string_view key, std::string_view about, std::uint64_t& value,
                     Range range) = 0;
  virtual void one_of(std::string_view key, std::string_view about, std::size_t& value,
                      std::span<const std::string_view> names) = 0;
  virtual void one_of_or_mix(std::string_view key, std::string_view about, std::size_t& value,
                             std::vector<std::uint32_t>& parts,
                             std::span<const std::string_view> names) = 0;
  virtual bool present(std::string_view key, bool has) = 0;
  virtual void object(std::string_view key, std::string_view about, const Inner& value,
                      const Inner& defaults) = 0;
  virtual void list(std::string_view key, std::string_view about, std::size_t size, std::size_t most,
                    const std::function<void(std::size_t)>& resize,
                    const std::function<void(Fields&, std::size_t)>& item,
                    const Inner& usual_item) = 0;
};

// Reads an object; every problem is put into `problems`, each with its JSON pointer. `cast` may be
// filled in between: patterns of nodes are resolved when they are read.
void read_fields(const Document& object, const std::string& where, const Cast& cast,
                 Problems& problems, const Fields::Inner& shape);

// Writes an object: all of its fields, or only those that differ from what `defaults` writes.
Document write_fields(const Cast& cast, const Fields::Inner& shape, const Fields::Inner& defaults);
Document write_fields(const Cast& cast, const Fields::Inner& shape);

// The JSON schema of an object.
Document schema_fields(const Fields::Inner& shape);

}  // namespace hubproof::tools
