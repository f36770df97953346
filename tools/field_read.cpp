// Fields as they are read: what is wrong becomes a Problem with its place and its reason, and a key
// that nobody asked for is a problem too.
#include <algorithm>

#include "tools/field.hpp"
#include "tools/quantity.hpp"

namespace hubproof::tools {
namespace {

using Kind = Document::Kind;

// A value as a problem shows it: short enough for a line.
std::string shown(const Document& value) {
  switch (value.kind) {
    case Kind::null: return "null";
    case Kind::boolean: return value.truth ? "true" : "false";
    case Kind::list: return value.items.empty() ? "an empty list" : "a list";
    case Kind::object: return "an object";
    case Kind::number:
    case Kind::text: break;
  }
  std::string text = value.text;
  if (text.size() > 60) {
    text.resize(57);
    text += "...";
  }
  return value.kind == Kind::number ? text : json_string(text);
}

std::string escaped(std::string_view key) {  // of a JSON pointer
  std::string text;
  for (const char c : key) {
    if (c == '~') {
      text += "~0";
    } else if (c == '/') {
      text += "~1";
    } else {
      text += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    }
  }
  return text;
}

class ReadFields final : public Fields {
 public:
  ReadFields(const Document& object, std::string where, const Cast& cast, Problems& problems)
      : object_{object}, where_{std::move(where)}, cast_{cast}, problems_{problems} {}

  // Call last: what nobody asked for.
  void finish() {
    for (const auto& [key, value] : object_.members)
      if (std::ranges::find(asked_, key) == asked_.end())
        complain(key, "unknown key" + did_you_mean(key, asked_));
  }

  void text(std::string_view key, std::string_view, std::string& value) override {
    if (const Document* found = take(key)) {
      if (found->kind != Kind::text) return expected(key, "a text", *found);
      value = found->text;
    }
  }

  void texts(std::string_view key, std::string_view, std::vector<std::string>& value) override {
    const Document* found = take(key);
    if (found == nullptr) return;
    if (found->kind != Kind::list) return expected(key, "a list of texts", *found);
    value.clear();
    for (std::size_t at = 0; at < found->items.size(); ++at) {
      if (found->items[at].kind != Kind::text)
        expected(std::string{key} + "/" + std::to_string(at), "a text", found->items[at]);
      value.push_back(found->items[at].text);
    }
  }

  void flag(std::string_view key, std::string_view, bool& value) override {
    if (const Document* found = take(key)) {
      if (found->kind != Kind::boolean) return expected(key, "true or false", *found);
      value = found->truth;
    }
  }

  void duration(std::string_view key, std::string_view, sim::Duration& value, Span span) override {
    const Document* found = take(key);
    if (found == nullptr) return;
    if (const auto read = time(key, *found, span)) value = *read;
  }

  void times(std::string_view key, std::string_view, std::vector<sim::Duration>& value) override {
    const Document* found = take(key);
    if (found == nullptr) return;
    if (found->kind != Kind::list) return expected(key, "a list of durations", *found);
    value.clear();
    for (std::size_t at = 0; at < found->items.size(); ++at)
      if (const auto read = time(std::string{key} + "/" + std::to_string(at), found->items[at], {}))
        value.push_back(*read);
    std::ranges::sort(value);
  }

  void distribution(std::string_view key, std::string_view, sim::Distribution& value,
                    Unit unit) override {
    const Document* found = take(key);
    if (found == nullptr) return;
    const Span span;
    const auto one = [&](std::string_view at, const Document& of) {
      return unit == Unit::time ? time(at, of, span) : bytes(at, of);
    };
    if (found->kind != Kind::object) {
      if (const auto read = one(key, *found)) value = sim::Distribution::fixed(*read);
      return;
    }
    const std::string inner{key};
    const Document* uniform = found->find("uniform");
    const Document* heavy = found->find("heavy");
    for (const auto& [name, ignored] : found->members)
      if (name != "uniform" && name != "heavy" && (name != "cap" || heavy == nullptr))
        complain_at(inner + "/" + escaped(name),
                    "unknown key" + did_you_mean(name, {"uniform", "heavy", "cap"}));
    if ((uniform == nullptr) == (heavy == nullptr))
      return complain(key, R"(expected one of {"uniform": [LEAST, MOST]} and {"heavy": MEDIAN, "cap": MOST})");
    if (uniform != nullptr) {
      if (uniform->kind != Kind::list || uniform->items.size() != 2)
        return complain_at(inner + "/uniform", "expected a list of two values, found " + shown(*uniform));
      const auto low = one(inner + "/uniform/0", uniform->items[0]);
      const auto high = one(inner + "/uniform/1", uniform->items[1]);
      if (!low || !high) return;
      if (*low > *high) return complain_at(inner + "/uniform", "the least is above the most");
      value = sim::Distribution::uniform(*low, *high);
      return;
    }
    const Document* cap = found->find("cap");
    if (cap == nullptr) return complain(key, "\"heavy\" needs a \"cap\"");
    const auto median = one(inner + "/heavy", *heavy);
    const auto most = one(inner + "/cap", *cap);
    if (!median || !most) return;
    if (*median > *most) return complain(key, "the median is above the cap");
    value = sim::Distribution::heavy(*median, *most);
  }

  void ratio(std::string_view key, std::string_view, sim::Ratio& value) override {
    if (const Document* found = take(key))
      if (const auto read = exact_ratio(key, *found)) value = *read;
  }

  void share(std::string_view key, std::string_view, std::uint32_t& parts,
             std::uint32_t whole) override {
    const Document* found = take(key);
    if (found == nullptr) return;
    const auto read = exact_ratio(key, *found);
    if (!read) return;
    const std::uint64_t scaled = std::uint64_t{read->num} * whole;
    if (scaled % read->den != 0)
      return expected(key, "a multiple of 1/" + std::to_string(whole), *found);
    parts = static_cast<std::uint32_t>(scaled / read->den);
  }

  void loss(std::string_view key, std::string_view, sim::Loss& value) override {
    const Document* found = take(key);
    if (found == nullptr) return;
    if (found->kind != Kind::object) {
      if (const auto read = exact_ratio(key, *found)) value = {*read, {}, {}, {}};
      return;
    }
    ReadFields inner{*found, where_ + "/" + escaped(key), cast_, problems_};
    inner.ratio("good", {}, value.good);
    inner.ratio("bad", {}, value.bad);
    inner.ratio("turns_bad", {}, value.turns_bad);
    inner.ratio("turns_good", {}, value.turns_good);
    inner.finish();
  }

  void date(std::string_view key, std::string_view, std::int64_t& value) override {
    const Document* found = take(key);
    if (found == nullptr) return;
    const auto read = found->kind == Kind::text ? read_date(found->text) : std::nullopt;
    constexpr std::int64_t year_2100 = 4'102'444'800'000'000'000;
    if (!read || *read < 0 || *read > year_2100)
      return expected(key, "a date from 1970 to 2100 such as \"1970-01-01T00:00:00Z\"", *found);
    value = *read;
  }

  void size(std::string_view key, std::string_view, std::uint64_t& value, Range range) override {
    const Document* found = take(key);
    if (found == nullptr) return;
    const bool may = found->kind == Kind::number || found->kind == Kind::text;
    const auto read = may ? read_size(found->text) : std::nullopt;
    if (!read) return expected(key, "a size such as 512 or \"4KiB\"", *found);
    if (*read < range.least || *read > range.most)
      return expected(key, "a size from " + write_size(range.least) + " to " + write_size(range.most),
                      *found);
    value = *read;
  }

  void ppm(std::string_view key, std::string_view, std::int32_t& value) override {
    const Document* found = take(key);
    if (found == nullptr) return;
    std::string_view digits = found->kind == Kind::number ? found->text : std::string_view{};
    const bool negative = digits.starts_with('-');
    if (negative) digits.remove_prefix(1);
    const auto read = read_whole(digits);
    if (!read || *read > 500'000)
      return expected(key, "parts per million, a whole number from -500000 to 500000", *found);
    value = static_cast<std::int32_t>(*read);
    if (negative) value = -value;
  }

  void nodes(std::string_view key, std::string_view, std::vector<sim::NodeId>& value,
             Among among) override {
    const Document* found = take(key);
    std::vector<sim::NodeId> nodes;
    bool every = among == Among::all;  // of all nodes: an empty list says so
    const auto add = [&](const std::string& at, const Document& pattern) {
      if (pattern.kind != Kind::text)
        return complain_at(at, "expected the name of a node or a pattern, found " + shown(pattern));
      every = every && pattern.text == "*";
      const auto found_nodes = resolve(cast_, pattern.text, among, where_ + "/" + at, problems_);
      nodes.insert(nodes.end(), found_nodes.begin(), found_nodes.end());
    };
    const std::string inner{key};
    if (found == nullptr) {
      if (among == Among::all) return;
      add(inner, Document::string("*"));
    } else if (found->kind == Kind::list) {
      if (found->items.empty()) return expected(key, "at least one node", *found);
      for (std::size_t at = 0; at < found->items.size() && at < 1000; ++at)
        add(inner + "/" + std::to_string(at), found->items[at]);
      if (found->items.size() > 1000) complain(key, "more than 1000 patterns");
    } else {
      add(inner, *found);
    }
    std::ranges::sort(nodes);
    const auto twice = std::ranges::unique(nodes);
    nodes.erase(twice.begin(), twice.end());
    if (every) nodes.clear();
    value = std::move(nodes);
  }

  void variant(std::string_view, std::span<const std::string_view> keys, std::size_t& which,
               const std::function<void(Fields&, std::size_t)>& inner) override {
    for (const auto& [key, value] : object_.members) {
      const auto found = std::ranges::find(keys, key);
      if (found == keys.end()) continue;
      which = static_cast<std::size_t>(found - keys.begin());
      inner(*this, which);
      return;
    }
    // Without its kind nothing else in it can be judged.
    std::string hint;
    std::vector<std::string_view> known{keys.begin(), keys.end()};
    for (const auto& [key, value] : object_.members) {
      asked_.push_back(key);
      if (hint.empty() && key != "from" && key != "until" && key != "nodes")
        if (const std::string mean = did_you_mean(key, known); !mean.empty())
          hint = "; found \"" + key + "\"" + mean;
    }
    complain("", "expected the name of a fault as a key, such as \"" + std::string{keys[0]} + "\"" + hint);
  }

  void need(std::string_view key) override {
    if (object_.find(key) == nullptr) complain("", "\"" + std::string{key} + "\" is missing");
  }
  bool given(std::string_view key) const override { return object_.find(key) != nullptr; }
  void problem(std::string_view key, std::string what) override {
    problems_.push_back({key.empty() ? where_ : where_ + "/" + std::string{key}, std::move(what)});
  }
  Purpose purpose() const override { return Purpose::read; }

 protected:
  void whole(std::string_view key, std::string_view, std::uint64_t& value, Range range) override {
    const Document* found = take(key);
    if (found == nullptr) return;
    const auto read = found->kind == Kind::number ? read_whole(found->text) : std::nullopt;
    if (!read || *read < range.least || *read > range.most)
      return expected(key, "a whole number from " + std::to_string(range.least) + " to " +
                               std::to_string(range.most), *found);
    value = *read;
  }

  void one_of(std::string_view key, std::string_view, std::size_t& value,
              std::span<const std::string_view> names) override {
    const Document* found = take(key);
    if (found == nullptr) return;
    const auto match = found->kind == Kind::text ? std::ranges::find(names, found->text) : names.end();
    if (match != names.end()) {
      value = static_cast<std::size_t>(match - names.begin());
      return;
    }
    std::string known;
    for (const std::string_view name : names) {
      if (!known.empty()) known += name == names.back() ? " or " : ", ";
      known += "\"" + std::string{name} + "\"";
    }
    const bool may = found->kind == Kind::text;
    complain(key, "expected " + known + ", found " + shown(*found) +
                      (may ? did_you_mean(found->text, {names.begin(), names.end()}) : ""));
  }

  void one_of_or_mix(std::string_view key, std::string_view about, std::size_t& value,
                     std::vector<std::uint32_t>& parts,
                     std::span<const std::string_view> names) override {
    const Document* mix = object_.find(key);
    if (mix == nullptr || mix->kind != Kind::object) return one_of(key, about, value, names);
    take(key);
    const std::string own{key};
    if (mix->members.empty()) complain(key, "expected a name, or an object such as {\"" + std::string{names[0]} +
                                                "\": 3, \"" + std::string{names[1]} + "\": 1}, found {}");
    std::vector<std::uint32_t> read_parts(names.size());
    for (const auto& [name, part] : mix->members) {
      const auto match = std::ranges::find(names, name);
      if (match == names.end()) {
        complain_at(own + "/" + escaped(name),
                    "unknown key" + did_you_mean(name, {names.begin(), names.end()}));
        continue;
      }
      const auto read = part.kind == Kind::number ? read_whole(part.text) : std::nullopt;
      if (!read || *read == 0 || *read > most_parts)
        complain_at(own + "/" + escaped(name), "expected a whole number from 1 to " +
                                                   std::to_string(most_parts) + ", found " + shown(part));
      else
        read_parts[static_cast<std::size_t>(match - names.begin())] = static_cast<std::uint32_t>(*read);
    }
    const auto first = std::ranges::find_if(read_parts, [](std::uint32_t part) { return part > 0; });
    if (first == read_parts.end()) return;
    if (std::ranges::count(read_parts, 0u) + 1 < std::ssize(read_parts)) parts = std::move(read_parts);
    else value = static_cast<std::size_t>(first - read_parts.begin());  // a mix of one
  }

  bool present(std::string_view key, bool) override {
    ask(key);
    return object_.find(key) != nullptr;
  }

  void object(std::string_view key, std::string_view, const Inner& value, const Inner&) override {
    const Document* found = take(key);
    if (found == nullptr) return;
    if (found->kind != Kind::object) return expected(key, "an object", *found);
    read_fields(*found, where_ + "/" + escaped(key), cast_, problems_, value);
  }

  void list(std::string_view key, std::string_view, std::size_t, std::size_t most,
            const std::function<void(std::size_t)>& resize,
            const std::function<void(Fields&, std::size_t)>& item, const Inner&) override {
    const Document* found = take(key);
    if (found == nullptr) return;
    if (found->kind != Kind::list) return expected(key, "a list", *found);
    if (found->items.size() > most)
      return complain(key, "more than " + std::to_string(most) + " entries");
    resize(found->items.size());
    for (std::size_t at = 0; at < found->items.size(); ++at) {
      const std::string place = std::string{key} + "/" + std::to_string(at);
      if (found->items[at].kind != Kind::object) {
        complain_at(place, "expected an object, found " + shown(found->items[at]));
        continue;
      }
      read_fields(found->items[at], where_ + "/" + place, cast_, problems_,
                  [&](Fields& inner) { item(inner, at); });
    }
  }

 private:
  void ask(std::string_view key) {
    if (std::ranges::find(asked_, key) == asked_.end()) asked_.push_back(key);
  }
  const Document* take(std::string_view key) {
    ask(key);
    return object_.find(key);
  }
  void complain(std::string_view key, std::string what) {
    problems_.push_back({key.empty() ? where_ : where_ + "/" + escaped(key), std::move(what)});
  }
  void complain_at(const std::string& pointer, std::string what) {
    problems_.push_back({where_ + "/" + pointer, std::move(what)});
  }
  void expected(std::string_view key, const std::string& what, const Document& found) {
    complain_at(std::string{key}, "expected " + what + ", found " + shown(found));
  }

  std::optional<sim::Duration> time(std::string_view key, const Document& found, Span span) {
    const auto read = found.kind == Kind::text ? read_duration(found.text) : std::nullopt;
    if (!read) {
      expected(key, "a duration such as \"90s\" or \"1h30m\"", found);
    } else if (*read < span.least && span.least == sim::Duration{0}) {
      complain_at(std::string{key}, "a duration cannot be negative here, found " + shown(found));
    } else if (*read < span.least || *read > span.most) {
      expected(key, "a duration from " + write_duration(span.least) + " to " +
                        write_duration(span.most), found);
    } else {
      return read;
    }
    return std::nullopt;
  }

  std::optional<sim::Duration> bytes(std::string_view key, const Document& found) {
    const bool may = found.kind == Kind::number || found.kind == Kind::text;
    const auto read = may ? read_size(found.text) : std::nullopt;
    if (read && *read <= (4u << 20)) return sim::Duration{static_cast<std::int64_t>(*read)};
    expected(key, "a size of at most 4MiB such as 512 or \"4KiB\"", found);
    return std::nullopt;
  }

  std::optional<sim::Ratio> exact_ratio(std::string_view key, const Document& found) {
    const bool may = found.kind == Kind::number || found.kind == Kind::text;
    const auto read = may ? read_ratio(found.text) : std::nullopt;
    if (read && read->num <= read->den) return read;
    expected(key, "a ratio from 0 to 1 with at most 9 decimals", found);
    return std::nullopt;
  }

  const Document& object_;
  std::string where_;
  const Cast& cast_;
  Problems& problems_;
  std::vector<std::string_view> asked_;
};

}  // namespace

void read_fields(const Document& object, const std::string& where, const Cast& cast,
                 Problems& problems, const Fields::Inner& shape) {
  ReadFields fields{object, where, cast, problems};
  shape(fields);
  fields.finish();
}

}  // namespace hubproof::tools
