#include "model/json.hpp"

#include <nlohmann/json.hpp>

namespace hubproof::model {
namespace {

constexpr std::size_t deepest = 16;
constexpr std::size_t most_values = 1u << 16;

// What nlohmann's parser calls as it goes through a text; false ends it.
class Builder {
 public:
  using Parsed = nlohmann::json;

  std::optional<Json> result() && {
    if (!open_.empty() || values_ == 0) return std::nullopt;
    return std::move(root_);
  }

  bool null() { return add({}) != nullptr; }
  bool boolean(bool truth) {
    Json value{Json::Kind::boolean};
    value.truth = truth;
    return add(std::move(value)) != nullptr;
  }
  bool number_integer(Parsed::number_integer_t number) {
    return number_text(std::to_string(number));
  }
  bool number_unsigned(Parsed::number_unsigned_t number) {
    return number_text(std::to_string(number));
  }
  bool number_float(Parsed::number_float_t, const std::string& text) { return number_text(text); }
  bool string(std::string& text) {
    Json value{Json::Kind::text};
    value.text = std::move(text);
    return add(std::move(value)) != nullptr;
  }
  bool binary(Parsed::binary_t&) { return false; }
  bool start_object(std::size_t) { return open({Json::Kind::object}); }
  bool key(std::string& name) {
    open_.back()->members.emplace_back(std::move(name), Json{});
    return true;
  }
  bool end_object() { return close(); }
  bool start_array(std::size_t) { return open({Json::Kind::array}); }
  bool end_array() { return close(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) {
    return false;
  }

 private:
  bool number_text(std::string text) {
    Json value{Json::Kind::number};
    value.text = std::move(text);
    return add(std::move(value)) != nullptr;
  }
  Json* add(Json value) {
    if (++values_ > most_values) return nullptr;
    Json* place = &root_;
    if (!open_.empty()) {
      Json& parent = *open_.back();
      place = parent.is(Json::Kind::array) ? &parent.items.emplace_back()
                                           : &parent.members.back().second;
    }
    *place = std::move(value);
    return place;
  }
  bool open(Json value) {
    if (open_.size() == deepest) return false;
    Json* place = add(std::move(value));
    if (place == nullptr) return false;
    open_.push_back(place);  // stays where it is: its parent grows only after it is closed
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  Json root_;
  std::vector<Json*> open_;
  std::size_t values_ = 0;
};

}  // namespace

const Json* Json::find(std::string_view name) const {
  for (auto member = members.rbegin(); member != members.rend(); ++member)
    if (member->first == name) return &member->second;
  return nullptr;
}

std::optional<Json> read_json(std::string_view text) {
  Builder builder;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) return std::nullopt;
  return std::move(builder).result();
}

void write_json_text(std::string& out, std::string_view text) {
  constexpr char digits[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += digits[static_cast<unsigned char>(c) >> 4];
      out += digits[static_cast<unsigned char>(c) & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace hubproof::model
