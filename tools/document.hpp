// A JSON text as a tree that keeps what a reader of scenarios needs: the own text of every number,
// and the order of members. The JSON library stays behind document.cpp.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hubproof::tools {

struct Document {
  enum class Kind : unsigned char { null, boolean, number, text, list, object };
  using Member = std::pair<std::string, Document>;

  Kind kind = Kind::null;
  bool truth = false;               // boolean
  std::string text;                 // text; of a number, as it was written
  std::vector<Document> items;      // list
  std::vector<Member> members;      // object

  static Document boolean(bool value);
  static Document number(std::string text);
  static Document string(std::string text);
  static Document list() { return of(Kind::list); }
  static Document object() { return of(Kind::object); }

  const Document* find(std::string_view key) const;
  bool operator==(const Document&) const = default;

 private:
  static Document of(Kind kind);
};

// What is wrong with a text that is no JSON, or more than is reasonable.
struct Malformed {
  std::string where;                // "line 3, column 7", or a JSON pointer
  std::string what;
};

struct Parsed {
  Document document;
  std::optional<Malformed> malformed;
};

inline constexpr std::size_t largest_document = 16u << 20;
inline constexpr std::size_t deepest_document = 64;

Parsed parse(std::string_view json);
std::string write(const Document& document);  // two spaces of indent; short lists and objects on a line
std::string write_compact(const Document& document);  // on one line
std::string json_string(std::string_view text);    // as JSON; what is not UTF-8 is replaced

}  // namespace hubproof::tools
