#include "conformance/history_json.hpp"

#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

#include "conformance/history_fields.hpp"

namespace hubproof::conformance {

using nlohmann::json;

namespace {

constexpr std::size_t most_participants = 1'000'000;

// Why a text is not JSON, and where.
struct Fault : nlohmann::json_sax<json> {
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    column = position;
    return false;
  }
  std::size_t column = 0;
};

// A reader that follows brackets as deep as they go takes memory for each of them.
bool too_deep(std::string_view text) {
  constexpr int most = 64;
  int depth = 0;
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c == '\\') ++at;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > most) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

std::string shown(const json& value) {
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  constexpr std::size_t most = 60;
  if (text.size() > most) text = text.substr(0, most) + "...";
  return text;
}

// One value at a pointer: read into what it is for, or a problem.
class Field {
 public:
  using Problems = std::vector<HistoryProblem>;
  Field(const json& value, std::string pointer, std::uint64_t line, Problems& problems)
      : value_{value}, pointer_{std::move(pointer)}, line_{line}, problems_{problems} {}

  bool wrong(const std::string& expected) {
    if (problems_.size() < HistoryReader::most_problems)
      problems_.push_back({line_, pointer_, "expected " + expected + ", found " + shown(value_)});
    return false;
  }

  template <class T>
  bool integer(T& out, std::int64_t low, std::uint64_t high) {
    if (value_.is_number_unsigned() && value_.get<std::uint64_t>() <= high &&
        (low <= 0 || value_.get<std::uint64_t>() >= static_cast<std::uint64_t>(low))) {
      out = static_cast<T>(value_.get<std::uint64_t>());
      return true;
    }
    if (value_.is_number_integer() && !value_.is_number_unsigned() && value_.get<std::int64_t>() >= low) {
      out = static_cast<T>(value_.get<std::int64_t>());
      return true;
    }
    return wrong("an integer from " + std::to_string(low) + " to " + std::to_string(high));
  }
  template <class T>
  bool integer(T& out) {
    return integer(out, 0, std::numeric_limits<T>::max());
  }

  bool boolean(bool& out) {
    if (!value_.is_boolean()) return wrong("true or false");
    out = value_.get<bool>();
    return true;
  }
  const std::string* string(const char* expected) {
    if (value_.is_string()) return &value_.get_ref<const std::string&>();
    wrong(expected);
    return nullptr;
  }

  template <class E>
  bool name(E& out) {
    const auto names = names_of(E{});
    if (value_.is_string())
      for (std::size_t at = 0; at < names.size(); ++at)
        if (!names[at].empty() && names[at] == value_.get_ref<const std::string&>()) {
          out = static_cast<E>(at);
          return true;
        }
    std::string list;
    for (const std::string_view one : names)
      if (!one.empty()) list.append(list.empty() ? "one of " : ", ").append(one);
    return wrong(list);
  }

 private:
  const json& value_;
  std::string pointer_;
  std::uint64_t line_;
  Problems& problems_;
};

bool hex(std::string_view digits, std::uint64_t& out) {
  if (digits.size() != 16) return false;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out, 16);
  return error == std::errc{} && end == digits.data() + digits.size();
}

model::MessageKey key_of(const std::string& text) {
  std::uint64_t key = 0;
  if (text.size() == 17 && text[0] == '#' && hex(std::string_view{text}.substr(1), key) && key >> 63 != 0)
    return static_cast<model::MessageKey>(key);
  return model::message_key(text);
}

}  // namespace

struct HistoryReader::Parts {
  HistoryReader& reader;
  const json& object;

  Field field(const char* name) {
    return {object.at(name), std::string{"/"} + name, reader.line_, reader.problems_};
  }
  bool has(const char* name) {
    const bool here = object.contains(name);
    known += here ? 1 : 0;
    return here;
  }
  std::size_t known = 0;

  // Values of an event.
  template <class T>
  void operator()(const char* name, T* value, T*) {
    if (!has(name)) return;
    if constexpr (std::is_same_v<T, model::NodeIndex>) node(name, *value);
    else if constexpr (std::is_same_v<T, model::MessageKey>) {
      if (const std::string* text = field(name).string("a message-id"); text != nullptr && !text->empty())
        *value = key_of(*text);
    } else if constexpr (std::is_enum_v<T>) field(name).name(*value);
    else field(name).integer(*value);
  }
  void operator()(const char* name, Hex<std::uint64_t> value, Hex<std::uint64_t>) {
    if (!has(name)) return;
    Field here = field(name);
    const std::string* text = here.string("16 hex digits");
    if (text != nullptr && !hex(*text, *value.value)) here.wrong("16 hex digits");
  }
  void operator()(const char* name, FlagSet<std::uint16_t> value, FlagSet<std::uint16_t>) {
    if (!has(name)) return;
    if (!object.at(name).is_array()) {
      field(name).wrong("a list of flags");
      return;
    }
    std::size_t at = 0;
    for (const json& one : object.at(name)) {
      Field flag{one, std::string{"/"} + name + "/" + std::to_string(at++), reader.line_, reader.problems_};
      const std::string* text = flag.string("the name of a flag");
      if (text == nullptr) continue;
      const auto names = flag_names();
      const auto found = std::find(names.begin(), names.end(), *text);
      if (found == names.end()) flag.wrong("the name of a flag");
      else *value.bits = static_cast<std::uint16_t>(*value.bits | 1U << (found - names.begin()));
    }
  }
  void operator()(const char* name, EndpointSet<std::uint16_t> value, EndpointSet<std::uint16_t>) {
    if (!has(name)) return;
    if (!object.at(name).is_array()) {
      field(name).wrong("a list of endpoints");
      return;
    }
    const std::vector<std::string>& names = reader.header_.terms.endpoints;
    std::size_t at = 0;
    for (const json& one : object.at(name)) {
      Field endpoint{one, std::string{"/"} + name + "/" + std::to_string(at++), reader.line_, reader.problems_};
      const std::string* text = endpoint.string("the name of an endpoint");
      if (text == nullptr) continue;
      const auto found = std::find(names.begin(), names.end(), *text);
      if (found == names.end()) endpoint.wrong("an endpoint of the terms");
      else *value.bits = static_cast<std::uint16_t>(*value.bits | 1U << (found - names.begin()));
    }
  }
  void operator()(const char* name, Note<std::uint32_t> value, Note<std::uint32_t>) {
    if (!has(name)) return;
    const std::string* text = field(name).string("a text");
    if (text == nullptr) return;
    const auto [found, fresh] =
        reader.notes_.try_emplace(*text, static_cast<std::uint32_t>(reader.header_.notes.size()));
    if (fresh) reader.header_.notes.push_back(*text);
    *value.index = found->second;
  }
  void operator()(const char* name, TrueNs<std::int64_t> value, TrueNs<std::int64_t>) {
    if (has(name)) field(name).integer(*value.value, 0, latest_true);
  }
  void operator()(const char* name, DateNs<std::int64_t> value, DateNs<std::int64_t>) {
    if (has(name)) field(name).integer(*value.value, earliest_date, latest_date);
  }
  void operator()(const char* name, SpanNs<std::int64_t> value, SpanNs<std::int64_t>) {
    if (has(name)) field(name).integer(*value.value, -longest_span, longest_span);
  }
  void node(const char* name, model::NodeIndex& out) {
    Field here = field(name);
    if (object.at(name).is_null()) return;
    const std::string* text = here.string("the name of a participant");
    if (text == nullptr) return;
    const auto found = reader.nodes_.find(*text);
    if (found == reader.nodes_.end()) here.wrong("the name of a participant");
    else out = found->second;
  }

  // Values of the terms.
  void operator()(const char* name, std::string* value) {
    if (!has(name)) return;
    if (const std::string* text = term(name).string("a text")) *value = *text;
  }
  void operator()(const char* name, bool* value) {
    if (has(name)) term(name).boolean(*value);
  }
  void operator()(const char* name, std::uint32_t* value) {
    if (has(name)) term(name).integer(*value);
  }
  void operator()(const char* name, SpanNs<std::int64_t> value) {
    if (has(name)) term(name).integer(*value.value, 0, latest_true);
  }
  void operator()(const char* name, std::vector<std::string>* value) {
    if (!has(name)) return;
    if (!object.at(name).is_array() || object.at(name).size() > most_endpoints) {
      term(name).wrong("a list of at most " + std::to_string(most_endpoints) + " names");
      return;
    }
    value->clear();
    std::size_t at = 0;
    for (const json& one : object.at(name)) {
      Field here{one, std::string{"/terms/"} + name + "/" + std::to_string(at++), reader.line_, reader.problems_};
      const std::string* text = here.string("a name");
      if (text == nullptr) continue;
      if (std::find(value->begin(), value->end(), *text) != value->end()) here.wrong("another name");
      else value->push_back(*text);
    }
  }
  Field term(const char* name) {
    return {object.at(name), std::string{"/terms/"} + name, reader.line_, reader.problems_};
  }

  // What nobody asked for.
  void unknown(std::string_view where, std::initializer_list<std::string_view> others = {}) {
    if (known == object.size()) return;
    model::Event event, absent;
    model::Terms terms;
    std::vector<std::string_view> names{others};
    if (others.size() == 0 && where.empty())
      each_event_field(event, absent, [&](const char* name, auto, auto) { names.push_back(name); });
    else if (others.size() == 0)
      each_term(terms, [&](const char* name, auto) { names.push_back(name); }, true);
    for (const auto& member : object.items())
      if (std::find(names.begin(), names.end(), member.key()) == names.end() &&
          reader.warnings_.size() < most_problems)
        reader.warnings_.push_back({reader.line_, std::string{where} + "/" + member.key(), "unknown key"});
  }

  void header() {
    if (!has("hubproof-history") || !object.at("hubproof-history").is_number_unsigned() ||
        object.at("hubproof-history").get<std::uint64_t>() != 1) {
      problem("/hubproof-history", "expected a history's first line, with \"hubproof-history\": 1");
      return;
    }
    if (has("terms")) {
      if (!object.at("terms").is_object()) {
        field("terms").wrong("an object");
      } else {
        Parts terms{reader, object.at("terms")};
        each_term(reader.header_.terms, terms, true);
        terms.unknown("/terms");
      }
    }
    if (!has("participants") || !object.at("participants").is_array() ||
        object.at("participants").size() > most_participants) {
      problem("/participants", "expected a list of participants");
      return;
    }
    std::size_t at = 0;
    for (const json& one : object.at("participants")) participant(one, "/participants/" + std::to_string(at++));
    unknown("", {"hubproof-history", "terms", "participants"});
  }
  void participant(const json& one, const std::string& where) {
    if (!one.is_object() || !one.contains("name") || !one.contains("role")) {
      problem(where, "expected a participant with name and role, found " + shown(one));
      return;
    }
    model::Participant made;
    Field name{one.at("name"), where + "/name", reader.line_, reader.problems_};
    Field role{one.at("role"), where + "/role", reader.line_, reader.problems_};
    const std::string* text = name.string("a name");
    if (!role.name(made.role) || text == nullptr) return;
    made.name = *text;
    const auto index = static_cast<model::NodeIndex>(reader.header_.participants.size());
    if (!reader.nodes_.try_emplace(made.name, index).second) {
      name.wrong("a name that no other participant has");
      return;
    }
    reader.header_.participants.push_back(std::move(made));
  }

  void problem(std::string pointer, std::string what) {
    if (reader.problems_.size() < most_problems)
      reader.problems_.push_back({reader.line_, std::move(pointer), std::move(what)});
  }
};

HistoryReader::HistoryReader(OnHeader on_header, OnEvent on_event)
    : on_header_{std::move(on_header)}, on_event_{std::move(on_event)} {}

void HistoryReader::feed(std::string_view bytes) {
  while (!stopped_ && !bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    if (end == std::string_view::npos) {
      rest_.append(bytes);
      if (rest_.size() > longest_line && open_) {
        ++line_;
        problems_.push_back({line_, "", "expected a line of at most 1 MiB"});
        stopped_ = true;
      }
      return;
    }
    if (rest_.empty()) {
      line(bytes.substr(0, end));
    } else {
      rest_.append(bytes.substr(0, end));
      const std::string whole = std::move(rest_);
      rest_.clear();
      line(whole);
    }
    bytes.remove_prefix(end + 1);
  }
}

void HistoryReader::end() {
  if (!stopped_ && !rest_.empty()) {
    const std::string whole = std::move(rest_);
    rest_.clear();
    line(whole);
  }
  if (stopped_) return;
  if (!open_) {
    problems_.push_back({line_ + 1, "", "expected a history's first line, found the end of the file"});
  } else if (!finished_ && problems_.size() < most_problems) {
    warnings_.push_back({line_, "", "the last event is not \"finished\": what is owed until the end is not judged"});
  }
  stopped_ = true;
}

void HistoryReader::line(std::string_view text) {
  ++line_;
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  if (text.find_first_not_of(" \t") == std::string_view::npos) return;
  const bool deep = too_deep(text);
  const json object = deep ? json(json::value_t::discarded) : json::parse(text, nullptr, false);
  Parts parts{*this, object};
  if (deep) {
    parts.problem("", "nested more than 64 levels deep");
  } else if (object.is_discarded()) {
    Fault fault;
    json::sax_parse(text, &fault);
    parts.problem("", fault.column > text.size()
                          ? "the JSON ends too early; is the file complete?"
                          : "not JSON, column " + std::to_string(fault.column));
  } else if (!object.is_object()) {
    parts.problem("", "expected an object, found " + shown(object));
  } else if (!open_) {
    parts.header();
    if (problems_.empty()) {
      open_ = true;
      if (on_header_) on_header_(header_);
      return;
    }
  } else {
    model::Event event, absent;
    const std::size_t before = problems_.size();
    for (const char* needed : {"at", "what"})
      if (!object.contains(needed)) parts.problem(std::string{"/"} + needed, "expected, and not there");
    each_event_field(event, absent, parts);
    parts.unknown("");
    if (problems_.size() == before && event.at < last_at_)
      parts.problem("/at", "expected " + std::to_string(last_at_) + " or later, found " + std::to_string(event.at));
    if (finished_) parts.problem("/what", "expected nothing after \"finished\"");
    if (problems_.size() == before) {
      last_at_ = event.at;
      finished_ = event.what == model::What::finished;
      ++events_;
      if (on_event_) on_event_(event);
    }
  }
  if (!open_ || problems_.size() >= most_problems) stopped_ = true;
}

}  // namespace hubproof::conformance
