#include "model/http/properties.hpp"

#include <array>

#include "model/base64.hpp"
#include "model/http/codec.hpp"
#include "model/iso_date.hpp"
#include "model/json.hpp"
#include "model/utf8.hpp"

namespace hubproof::model::http {
namespace {

struct Name {
  std::string_view field;
  System key;
};
constexpr std::array<Name, 10> names{{{"iothub-messageid", System::message_id},
                                      {"iothub-correlationid", System::correlation_id},
                                      {"iothub-userid", System::user_id},
                                      {"iothub-expiry", System::expiry},
                                      {"iothub-ack", System::ack},
                                      {"iothub-contenttype", System::content_type},
                                      {"iothub-contentencoding", System::content_encoding},
                                      {"iothub-creationtimeutc", System::creation_time},
                                      {"iothub-interface-id", System::interface_id},
                                      {"dt-subject", System::component}}};
constexpr std::array<std::string_view, 4> acks{"none", "positive", "negative", "full"};
constexpr std::size_t longest = 65'535;

}  // namespace

std::string_view field_name(System key) {
  for (const Name& known : names)
    if (known.key == key) return known.field;
  return {};
}

std::string field_value(System key, std::string_view value) {
  if (key == System::ack)
    return std::string{acks[value.empty() ? 0 : static_cast<std::uint8_t>(value[0]) % acks.size()]};
  if (key != System::expiry) return std::string{value};
  std::array<std::uint8_t, longest_iso_date> room;
  return std::string{text(View{room.data(), put_iso_date(room.data(), Reader{view(value)}.i64())})};
}

bool read_property(std::string_view name, std::string_view value, MessageWriter& out) {
  const bool application = same(name.substr(0, application_prefix.size()), application_prefix);
  const Name* system = nullptr;
  for (const Name& known : names)
    if (same(known.field, name)) system = &known;
  if (!application && system == nullptr) return true;
  if (value.size() > longest || name.size() > longest || utf8(value) == Utf8::broken) return false;
  if (application) {
    name.remove_prefix(application_prefix.size());
    if (name.empty() || utf8(name) == Utf8::broken) return false;
    out.property(name, value);
  } else if (system->key == System::expiry) {
    if (const auto date = read_iso_date(value)) out.expiry_milliseconds(*date);
  } else if (system->key == System::ack) {
    std::size_t ack = 0;
    while (ack < acks.size() && !same(acks[ack], value)) ++ack;
    if (ack == acks.size()) return false;
    out.ack(static_cast<Ack>(ack));
  } else {
    out.system(system->key, value);
  }
  return true;
}

bool fits_fields(const MessageView& message) {
  bool fits = true;
  each_property(message, [&](std::string_view name, std::string_view value) {
    fits = fits && legal_name(name) && legal_value(value);
  });
  return fits;
}

std::variant<std::vector<Bytes>, const char*> read_batch(std::string_view body, std::size_t most) {
  const auto json = read_json(body);
  if (!json || !json->is(Json::Kind::array)) return "a batch is a JSON array of messages";
  if (json->items.empty() || json->items.size() > most)
    return "a batch has 1 to 500 messages";  // [D2C-42]
  std::vector<Bytes> messages;
  for (const Json& item : json->items) {
    const Json* text_of_body = item.find("body");
    if (text_of_body == nullptr || !text_of_body->is(Json::Kind::text))
      return "each message of a batch has a body, which is a text";  // [HTTP-08]
    const Json* encoded = item.find("base64Encoded");
    if (encoded != nullptr && !encoded->is(Json::Kind::boolean))
      return "base64Encoded is true or false";
    MessageWriter out{messages.emplace_back()};
    if (const Json* properties = item.find("properties")) {
      if (!properties->is(Json::Kind::object))
        return "the properties of a message are a JSON object";
      for (const auto& [name, value] : properties->members)
        if (!value.is(Json::Kind::text) || !read_property(name, value.text, out))
          return "a property of a message has a value that it cannot have";
    }
    if (encoded != nullptr && !encoded->truth) {
      out.body(view(text_of_body->text));
    } else if (const auto bytes = from_base64(text_of_body->text)) {
      out.body(*bytes);
    } else {
      return "a body is not Base64";
    }
  }
  return messages;
}

void BatchWriter::add(const MessageView& message) {
  std::string& out = *out_;
  out += first_ ? "{\"body\":\"" : ",{\"body\":\"";
  first_ = false;
  out += to_base64(message.body());
  out += '"';
  bool any = false;
  each_property(message, [&](std::string_view name, std::string_view value) {
    out += any ? "," : ",\"properties\":{";
    any = true;
    write_json_text(out, name);
    out += ':';
    write_json_text(out, value);
  });
  out += any ? "}}" : "}";
}

}  // namespace hubproof::model::http
