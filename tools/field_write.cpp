// Fields as they are written: only what differs from the defaults, so that a scenario says what is
// special about it.
#include <algorithm>

#include "tools/field.hpp"
#include "tools/quantity.hpp"

namespace hubproof::tools {
namespace {

Document ratio_of(sim::Ratio value) {
  const std::string text = write_ratio(value);
  return text.find('/') == std::string::npos ? Document::number(text) : Document::string(text);
}

Document size_of(std::uint64_t value) {
  const std::string text = write_size(value);
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; })
             ? Document::number(text)
             : Document::string(text);
}

class WriteFields final : public Fields {
 public:
  explicit WriteFields(const Cast& cast) : cast_{cast} {}

  Document take() { return std::move(object_); }
  // What is written even when it is as usual.
  bool essential(std::string_view key) const {
    return std::ranges::find(essential_, key) != essential_.end();
  }

  void text(std::string_view key, std::string_view, std::string& value) override {
    put(key, Document::string(value));
  }
  void texts(std::string_view key, std::string_view, std::vector<std::string>& value) override {
    Document list = Document::list();
    for (const std::string& one : value) list.items.push_back(Document::string(one));
    put(key, std::move(list));
  }
  void flag(std::string_view key, std::string_view, bool& value) override {
    put(key, Document::boolean(value));
  }
  void duration(std::string_view key, std::string_view, sim::Duration& value, Span) override {
    put(key, Document::string(write_duration(value)));
  }
  void times(std::string_view key, std::string_view, std::vector<sim::Duration>& value) override {
    Document list = Document::list();
    for (const sim::Duration one : value) list.items.push_back(Document::string(write_duration(one)));
    put(key, std::move(list));
  }
  void distribution(std::string_view key, std::string_view, sim::Distribution& value,
                    Unit unit) override {
    const auto one = [unit](sim::Duration of) {
      return unit == Unit::time ? Document::string(write_duration(of))
                                : size_of(static_cast<std::uint64_t>(of.count()));
    };
    using Kind = sim::Distribution::Kind;
    if (value.kind == Kind::fixed) return put(key, one(value.low));
    Document document = Document::object();
    if (value.kind == Kind::uniform) {
      Document ends = Document::list();
      ends.items = {one(value.low), one(value.high)};
      document.members = {{"uniform", std::move(ends)}};
    } else {
      document.members = {{"heavy", one(value.low)}, {"cap", one(value.high)}};
    }
    put(key, std::move(document));
  }
  void ratio(std::string_view key, std::string_view, sim::Ratio& value) override {
    put(key, ratio_of(value));
  }
  void share(std::string_view key, std::string_view, std::uint32_t& parts,
             std::uint32_t whole) override {
    put(key, ratio_of({parts, whole}));
  }
  void loss(std::string_view key, std::string_view, sim::Loss& value) override {
    if (value == sim::Loss{value.good, {}, {}, {}}) return put(key, ratio_of(value.good));
    Document document = Document::object();
    document.members = {{"good", ratio_of(value.good)},
                        {"bad", ratio_of(value.bad)},
                        {"turns_bad", ratio_of(value.turns_bad)},
                        {"turns_good", ratio_of(value.turns_good)}};
    put(key, std::move(document));
  }
  void date(std::string_view key, std::string_view, std::int64_t& value) override {
    put(key, Document::string(write_date(value)));
  }
  void size(std::string_view key, std::string_view, std::uint64_t& value, Range) override {
    put(key, size_of(value));
  }
  void ppm(std::string_view key, std::string_view, std::int32_t& value) override {
    put(key, Document::number(std::to_string(value)));
  }
  void nodes(std::string_view key, std::string_view, std::vector<sim::NodeId>& value, Among) override {
    std::vector<std::string> names = value.empty() ? std::vector<std::string>{"*"} : patterns(cast_, value);
    if (names.size() == 1) return put(key, Document::string(std::move(names.front())));
    Document list = Document::list();
    for (std::string& name : names) list.items.push_back(Document::string(std::move(name)));
    put(key, std::move(list));
  }
  void variant(std::string_view, std::span<const std::string_view> keys, std::size_t& which,
               const std::function<void(Fields&, std::size_t)>& inner) override {
    essential_.emplace_back(keys[which]);
    inner(*this, which);
  }
  void need(std::string_view key) override { keep(key); }
  void keep(std::string_view key) override { essential_.emplace_back(key); }
  bool given(std::string_view) const override { return true; }
  void problem(std::string_view, std::string) override {}
  Purpose purpose() const override { return Purpose::write; }

 protected:
  void whole(std::string_view key, std::string_view, std::uint64_t& value, Range) override {
    put(key, Document::number(std::to_string(value)));
  }
  void one_of(std::string_view key, std::string_view, std::size_t& value,
              std::span<const std::string_view> names) override {
    put(key, Document::string(std::string{names[value]}));
  }
  void one_of_or_mix(std::string_view key, std::string_view about, std::size_t& value,
                     std::vector<std::uint32_t>& parts,
                     std::span<const std::string_view> names) override {
    if (parts.empty()) return one_of(key, about, value, names);
    Document mix = Document::object();
    for (std::size_t at = 0; at < names.size(); ++at)
      if (parts[at] > 0) mix.members.emplace_back(names[at], Document::number(std::to_string(parts[at])));
    put(key, std::move(mix));
  }
  bool present(std::string_view, bool has) override { return has; }
  void object(std::string_view key, std::string_view, const Inner& value,
              const Inner& defaults) override {
    put(key, write_fields(cast_, value, defaults));
  }
  void list(std::string_view key, std::string_view, std::size_t size, std::size_t,
            const std::function<void(std::size_t)>&,
            const std::function<void(Fields&, std::size_t)>& item, const Inner& usual_item) override {
    Document list = Document::list();
    for (std::size_t at = 0; at < size; ++at)
      list.items.push_back(
          write_fields(cast_, [&](Fields& inner) { item(inner, at); }, usual_item));
    put(key, std::move(list));
  }

 private:
  void put(std::string_view key, Document value) {
    object_.members.emplace_back(std::string{key}, std::move(value));
  }

  const Cast& cast_;
  Document object_ = Document::object();
  std::vector<std::string> essential_;
};

}  // namespace

Document write_fields(const Cast& cast, const Fields::Inner& shape) {
  WriteFields fields{cast};
  shape(fields);
  return fields.take();
}

Document write_fields(const Cast& cast, const Fields::Inner& shape, const Fields::Inner& defaults) {
  WriteFields fields{cast};
  shape(fields);
  Document document = fields.take();
  const Document usual = write_fields(cast, defaults);
  std::erase_if(document.members, [&](const Document::Member& member) {
    const Document* same = usual.find(member.first);
    return same != nullptr && *same == member.second && !fields.essential(member.first);
  });
  return document;
}

}  // namespace hubproof::tools
