#include <nlohmann/json.hpp>

#include "conformance/history_fields.hpp"
#include "conformance/history_json.hpp"

namespace hubproof::conformance {

using nlohmann::json;

namespace {

template <class... F>
struct Overload : F... {
  using F::operator()...;
};

std::string json_text(std::string_view text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

// Appends "name": value for what is not as in a default event.
class Line {
 public:
  explicit Line(const model::History& header) : header_{header} {}

  template <class T>
  void operator()(std::string_view name, const T* value, const T* absent) {
    constexpr bool always = std::is_same_v<T, model::What>;
    if (always || *value != *absent) member(name, text(*value));
  }
  template <class T>
  void operator()(std::string_view name, Hex<T> value, Hex<T> absent) {
    if (*value.value == *absent.value) return;
    std::string digits = "\"0000000000000000\"";
    for (std::size_t i = 0; i < 16; ++i) digits[16 - i] = "0123456789abcdef"[*value.value >> (4 * i) & 15];
    member(name, digits);
  }
  template <class T>
  void operator()(std::string_view name, FlagSet<T> value, FlagSet<T>) {
    std::string list;
    for (std::size_t bit = 0; bit < flag_names().size(); ++bit)
      if ((*value.bits >> bit & 1) != 0)
        list.append(list.empty() ? "[\"" : ",\"").append(flag_names()[bit]).append("\"");
    if (!list.empty()) member(name, list + "]");
  }
  template <class T>
  void operator()(std::string_view name, EndpointSet<T> value, EndpointSet<T>) {
    std::string list;
    const std::vector<std::string>& names = header_.terms.endpoints;
    for (std::size_t bit = 0; bit < names.size(); ++bit)
      if ((*value.bits >> bit & 1) != 0) list += (list.empty() ? "[" : ",") + json_text(names[bit]);
    if (!list.empty()) member(name, list + "]");
  }
  template <class T>
  void operator()(std::string_view name, Note<T> value, Note<T>) {
    if (*value.index != 0 && *value.index < header_.notes.size())
      member(name, json_text(header_.notes[*value.index]));
  }
  template <class T>
  void operator()(std::string_view name, TrueNs<T> value, TrueNs<T>) {
    member(name, std::to_string(*value.value));
  }
  template <class T>
  void operator()(std::string_view name, DateNs<T> value, DateNs<T> absent) {
    if (*value.value != *absent.value) member(name, std::to_string(*value.value));
  }
  template <class T>
  void operator()(std::string_view name, SpanNs<T> value, SpanNs<T> absent) {
    if (*value.value != *absent.value) member(name, std::to_string(*value.value));
  }

  std::string take() { return text_ + "}\n"; }

 private:
  template <class T>
  std::string text(T value) const {
    if constexpr (std::is_same_v<T, model::NodeIndex>) {
      const auto at = static_cast<std::size_t>(value);
      return at < header_.participants.size() ? json_text(header_.participants[at].name) : "null";
    } else if constexpr (std::is_same_v<T, model::MessageKey>) {
      return json_text(model::message_id(value));
    } else if constexpr (std::is_enum_v<T>) {
      return json_text(names_of(value)[static_cast<std::size_t>(value)]);
    } else {
      return std::to_string(value);
    }
  }
  void member(std::string_view name, const std::string& value) {
    text_.append(text_.size() == 1 ? "\"" : ",\"").append(name).append("\":").append(value);
  }

  const model::History& header_;
  std::string text_ = "{";
};

}  // namespace

std::string write_header(const model::History& history) {
  std::string terms;
  const auto put = [&](std::string_view name, const std::string& value) {
    terms.append(terms.empty() ? "\"" : ",\"").append(name).append("\":").append(value);
  };
  model::Terms copy = history.terms;
  each_term(copy, Overload{[&](std::string_view name, SpanNs<std::int64_t> value) {
                             put(name, std::to_string(*value.value));
                           },
                           [&](std::string_view name, std::string* value) { put(name, json_text(*value)); },
                           [&](std::string_view name, bool* value) { put(name, *value ? "true" : "false"); },
                           [&](std::string_view name, std::vector<std::string>* value) {
                             std::string list;
                             for (const std::string& one : *value)
                               list += (list.empty() ? "" : ",") + json_text(one);
                             put(name, "[" + list + "]");
                           },
                           [&](std::string_view name, std::uint32_t* value) {
                             put(name, std::to_string(*value));
                           }});
  std::string participants;
  for (const model::Participant& one : history.participants)
    participants.append(participants.empty() ? "" : ",")
        .append("{\"name\":" + json_text(one.name) + ",\"role\":\"")
        .append(names_of(one.role)[static_cast<std::size_t>(one.role)])
        .append("\"}");
  return "{\"hubproof-history\":1,\"terms\":{" + terms + "},\"participants\":[" + participants + "]}\n";
}

std::string write_event(const model::History& header, const model::Event& event) {
  static const model::Event absent;
  Line line{header};
  each_event_field(event, absent, [&]<class T>(std::string_view name, T value, T none) { line(name, value, none); });
  return line.take();
}

}  // namespace hubproof::conformance
