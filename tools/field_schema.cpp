// Fields as editors want to know them: a JSON schema, draft 2020-12.
#include "tools/field.hpp"
#include "tools/quantity.hpp"

namespace hubproof::tools {
namespace {

Document word(std::string_view text) { return Document::string(std::string{text}); }

Document reference(std::string_view name) { return word("#/$defs/" + std::string{name}); }

class SchemaFields final : public Fields {
 public:
  Document take() {
    Document schema = Document::object();
    schema.members.emplace_back("type", word("object"));
    if (!variants_.items.empty()) {
      schema.members.emplace_back("oneOf", std::move(variants_));
      return schema;
    }
    if (!required_.items.empty()) schema.members.emplace_back("required", std::move(required_));
    schema.members.emplace_back("additionalProperties", Document::boolean(false));
    schema.members.emplace_back("properties", std::move(properties_));
    return schema;
  }

  void text(std::string_view key, std::string_view about, std::string&) override {
    put(key, about, {{"type", word("string")}});
  }
  void texts(std::string_view key, std::string_view about, std::vector<std::string>&) override {
    Document items = Document::object();
    items.members.emplace_back("type", word("string"));
    put(key, about, {{"type", word("array")}, {"items", std::move(items)}});
  }
  void flag(std::string_view key, std::string_view about, bool&) override {
    put(key, about, {{"type", word("boolean")}});
  }
  void duration(std::string_view key, std::string_view about, sim::Duration&, Span span) override {
    put(key, about, {{"$ref", reference(span.least.count() < 0 ? "signed_duration" : "duration")}});
  }
  void times(std::string_view key, std::string_view about, std::vector<sim::Duration>&) override {
    Document items = Document::object();
    items.members.emplace_back("$ref", reference("duration"));
    put(key, about, {{"type", word("array")}, {"items", std::move(items)}});
  }
  void distribution(std::string_view key, std::string_view about, sim::Distribution&,
                    Unit unit) override {
    put(key, about, {{"$ref", reference(unit == Unit::time ? "durations" : "sizes")}});
  }
  void ratio(std::string_view key, std::string_view about, sim::Ratio&) override {
    put(key, about, {{"$ref", reference("ratio")}});
  }
  void share(std::string_view key, std::string_view about, std::uint32_t&, std::uint32_t) override {
    put(key, about, {{"$ref", reference("ratio")}});
  }
  void loss(std::string_view key, std::string_view about, sim::Loss&) override {
    put(key, about, {{"$ref", reference("loss")}});
  }
  void date(std::string_view key, std::string_view about, std::int64_t&) override {
    put(key, about, {{"type", word("string")}, {"format", word("date-time")}});
  }
  void size(std::string_view key, std::string_view about, std::uint64_t&, Range) override {
    put(key, about, {{"$ref", reference("size")}});
  }
  void ppm(std::string_view key, std::string_view about, std::int32_t&) override {
    put(key, about, {{"type", word("integer")}, {"minimum", Document::number("-500000")},
                     {"maximum", Document::number("500000")}});
  }
  void nodes(std::string_view key, std::string_view about, std::vector<sim::NodeId>&, Among) override {
    put(key, about, {{"$ref", reference("nodes")}});
  }
  void variant(std::string_view about, std::span<const std::string_view> keys, std::size_t&,
               const std::function<void(Fields&, std::size_t)>& inner) override {
    variants_ = Document::list();
    for (std::size_t at = 0; at < keys.size(); ++at) {
      SchemaFields one;
      inner(one, at);
      one.required_.items.insert(one.required_.items.begin(), word(keys[at]));
      Document schema = one.take();
      schema.members.insert(schema.members.begin() + 1, {"title", word(keys[at])});
      variants_.items.push_back(std::move(schema));
    }
    (void)about;
  }
  void need(std::string_view key) override { required_.items.push_back(word(key)); }
  bool given(std::string_view) const override { return true; }
  void problem(std::string_view, std::string) override {}
  Purpose purpose() const override { return Purpose::schema; }

 protected:
  void whole(std::string_view key, std::string_view about, std::uint64_t&, Range range) override {
    std::vector<Document::Member> rules{{"type", word("integer")},
                                        {"minimum", Document::number(std::to_string(range.least))}};
    if (range.most < ~std::uint64_t{0})
      rules.emplace_back("maximum", Document::number(std::to_string(range.most)));
    put(key, about, std::move(rules));
  }
  void one_of(std::string_view key, std::string_view about, std::size_t&,
              std::span<const std::string_view> names) override {
    Document list = Document::list();
    for (const std::string_view name : names) list.items.push_back(word(name));
    put(key, about, {{"enum", std::move(list)}});
  }
  void one_of_or_mix(std::string_view key, std::string_view about, std::size_t&, std::vector<std::uint32_t>&,
                     std::span<const std::string_view> names) override {
    Document one = Document::object();
    Document mix = Document::object();
    Document parts = Document::object();
    Document list = Document::list();
    for (const std::string_view name : names) {
      list.items.push_back(word(name));
      Document part = Document::object();
      part.members.emplace_back("type", word("integer"));
      part.members.emplace_back("minimum", Document::number("1"));
      part.members.emplace_back("maximum", Document::number(std::to_string(most_parts)));
      parts.members.emplace_back(name, std::move(part));
    }
    one.members.emplace_back("enum", std::move(list));
    mix.members.emplace_back("type", word("object"));
    mix.members.emplace_back("minProperties", Document::number("1"));
    mix.members.emplace_back("additionalProperties", Document::boolean(false));
    mix.members.emplace_back("properties", std::move(parts));
    Document either = Document::list();
    either.items = {std::move(one), std::move(mix)};
    put(key, about, {{"anyOf", std::move(either)}});
  }
  bool present(std::string_view, bool) override { return true; }
  void object(std::string_view key, std::string_view about, const Inner& value, const Inner&) override {
    put(key, about, schema_fields(value).members);
  }
  void list(std::string_view key, std::string_view about, std::size_t, std::size_t most,
            const std::function<void(std::size_t)>&,
            const std::function<void(Fields&, std::size_t)>&, const Inner& usual_item) override {
    put(key, about, {{"type", word("array")},
                     {"maxItems", Document::number(std::to_string(most))},
                     {"items", schema_fields(usual_item)}});
  }

 private:
  void put(std::string_view key, std::string_view about, std::vector<Document::Member> rules) {
    Document schema = Document::object();
    if (!about.empty()) schema.members.emplace_back("description", word(about));
    for (Document::Member& rule : rules) schema.members.push_back(std::move(rule));
    properties_.members.emplace_back(std::string{key}, std::move(schema));
  }

  Document properties_ = Document::object();
  Document required_ = Document::list();
  Document variants_ = Document::list();
};

}  // namespace

Document schema_fields(const Fields::Inner& shape) {
  SchemaFields fields;
  shape(fields);
  return fields.take();
}

}  // namespace hubproof::tools
