#include "tools/document.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hubproof::tools {
namespace {

using Json = nlohmann::json;

// Fills a tree as the parser walks through the text.
class Builder : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(std::string_view json) : json_{json} {}

  bool null() override { return put(Document{}); }
  bool boolean(bool value) override { return put(Document::boolean(value)); }
  bool number_integer(number_integer_t value) override {
    return put(Document::number(std::to_string(value)));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return put(Document::number(std::to_string(value)));
  }
  bool number_float(number_float_t, const string_t& text) override {
    return put(Document::number(text));
  }
  bool string(string_t& value) override { return put(Document::string(std::move(value))); }
  bool binary(binary_t&) override { return false; }  // JSON has none
  bool start_object(std::size_t) override { return open(Document::object()); }
  bool start_array(std::size_t) override { return open(Document::list()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& value) override {
    Document& object = *open_.back();
    if (object.find(value) != nullptr) {
      malformed_ = Malformed{pointer() + "/" + value, "this key is there twice"};
      return false;
    }
    object.members.emplace_back(std::move(value), Document{});
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const Json::exception& error) override {
    // The place is told in our own words, the reason in the library's.
    std::string what = error.what();
    if (const std::size_t colon = what.find(": "); colon != std::string::npos)
      what = what.substr(colon + 2);
    position = std::min(position == 0 ? 0 : position - 1, json_.size());
    const std::string_view before = json_.substr(0, position);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const std::size_t begin = before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1;
    const bool truncated = position >= json_.size() || json_.find_first_not_of(" \t\r\n", position) == json_.npos;
    malformed_ = Malformed{"line " + std::to_string(line) + ", column " +
                               std::to_string(position - begin + 1),
                           truncated ? "the JSON ends too early; is the file complete?"
                                     : "not JSON: " + printable(what)};
    return false;
  }

  Parsed result() { return {std::move(root_), std::move(malformed_)}; }

 private:
  static std::string printable(std::string text) {
    std::erase_if(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    return text;
  }

  std::string pointer() const {
    std::string text;
    for (std::size_t i = 0; i + 1 < open_.size(); ++i) {
      const Document& parent = *open_[i];
      text += "/" + (parent.kind == Document::Kind::object
                         ? parent.members.back().first
                         : std::to_string(parent.items.size() - 1));
    }
    return text;
  }

  Document* place(Document value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Document& parent = *open_.back();
    if (parent.kind == Document::Kind::list) {
      parent.items.push_back(std::move(value));
      return &parent.items.back();
    }
    parent.members.back().second = std::move(value);
    return &parent.members.back().second;
  }

  bool put(Document value) {
    place(std::move(value));
    return true;
  }
  bool open(Document value) {
    if (open_.size() >= deepest_document) {
      malformed_ = Malformed{pointer(), "nested deeper than " + std::to_string(deepest_document) +
                                            " levels"};
      return false;
    }
    open_.push_back(place(std::move(value)));  // stays put: a parent gets no other child meanwhile
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view json_;
  Document root_;
  std::vector<Document*> open_;
  std::optional<Malformed> malformed_;
};

constexpr std::size_t line_width = 100;

void compact(const Document& document, std::string& out) {
  switch (document.kind) {
    case Document::Kind::null: out += "null"; return;
    case Document::Kind::boolean: out += document.truth ? "true" : "false"; return;
    case Document::Kind::number: out += document.text; return;
    case Document::Kind::text: out += json_string(document.text); return;
    case Document::Kind::list:
      out += '[';
      for (const Document& item : document.items) {
        if (&item != &document.items.front()) out += ", ";
        compact(item, out);
      }
      out += ']';
      return;
    case Document::Kind::object:
      out += '{';
      for (const Document::Member& member : document.members) {
        if (&member != &document.members.front()) out += ", ";
        out += json_string(member.first) + ": ";
        compact(member.second, out);
      }
      out += '}';
      return;
  }
}

void indented(const Document& document, std::size_t indent, std::size_t column, std::string& out) {
  std::string line;
  compact(document, line);
  const bool branch = document.kind == Document::Kind::list || document.kind == Document::Kind::object;
  if (!branch || (indent > 0 && column + line.size() < line_width)) {
    out += line;
    return;
  }
  const std::string inner(indent + 2, ' ');
  const bool list = document.kind == Document::Kind::list;
  const std::size_t count = list ? document.items.size() : document.members.size();
  out += list ? "[" : "{";
  for (std::size_t at = 0; at < count; ++at) {
    out += at == 0 ? "\n" : ",\n";
    out += inner;
    if (list) {
      indented(document.items[at], indent + 2, indent + 2, out);
    } else {
      const std::string key = json_string(document.members[at].first) + ": ";
      out += key;
      indented(document.members[at].second, indent + 2, indent + 2 + key.size(), out);
    }
  }
  if (count > 0) out += "\n" + std::string(indent, ' ');
  out += list ? "]" : "}";
}

}  // namespace

Document Document::of(Kind kind) {
  Document document;
  document.kind = kind;
  return document;
}
Document Document::boolean(bool value) {
  Document document = of(Kind::boolean);
  document.truth = value;
  return document;
}
Document Document::number(std::string text) {
  Document document = of(Kind::number);
  document.text = std::move(text);
  return document;
}
Document Document::string(std::string text) {
  Document document = of(Kind::text);
  document.text = std::move(text);
  return document;
}

const Document* Document::find(std::string_view key) const {
  for (const Member& member : members)
    if (member.first == key) return &member.second;
  return nullptr;
}

Parsed parse(std::string_view json) {
  if (json.size() > largest_document)
    return {{}, Malformed{"", "larger than " + std::to_string(largest_document >> 20) + " MiB"}};
  Builder builder{json};
  Json::sax_parse(json.begin(), json.end(), &builder);
  return builder.result();
}

std::string json_string(std::string_view text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string write(const Document& document) {
  std::string out;
  indented(document, 0, 0, out);
  return out + "\n";
}

std::string write_compact(const Document& document) {
  std::string out;
  compact(document, out);
  return out;
}

}  // namespace hubproof::tools
