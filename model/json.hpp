// JSON (RFC 8259) as a small value, for the few bodies that clients write in it. Numbers keep their
// text: no floating point decides anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hubproof::model {

struct Json {
  enum class Kind : std::uint8_t { null, boolean, number, text, array, object };
  Kind kind = Kind::null;
  bool truth = false;                                   // of a boolean
  std::string text{};                                   // of a text; a number as it was written
  std::vector<Json> items{};                            // of an array
  std::vector<std::pair<std::string, Json>> members{};  // of an object, as they came

  const Json* find(std::string_view name) const;  // the last of that name; null: there is none
  bool is(Kind which) const { return kind == which; }
};

// Nothing: not JSON, not UTF-8, nested too deeply, or of too many values.
std::optional<Json> read_json(std::string_view text);

// Appends a text in its quotes. What is not UTF-8 stays as it is.
void write_json_text(std::string& out, std::string_view text);

}  // namespace hubproof::model
