#include "model/amqp/message.hpp"

#include <array>
#include <charconv>

namespace hubproof::model::amqp {
namespace {

constexpr std::uint8_t header = 0x70;
constexpr std::uint8_t message_annotations = 0x72;
constexpr std::uint8_t properties = 0x73;
constexpr std::uint8_t application_properties = 0x74;
constexpr std::uint8_t data = 0x75;
constexpr std::uint8_t sequence = 0x76;
constexpr std::uint8_t amqp_value = 0x77;
constexpr std::uint8_t footer = 0x78;

constexpr std::string_view ack_name = "iothub-ack";
constexpr std::array<std::string_view, 4> acks{"none", "positive", "negative", "full"};

// System properties that travel among the application properties [AMQP-23], and those that are
// message annotations.
struct Name {
  std::string_view text;
  System key;
};
constexpr std::array<Name, 2> as_properties{{{"iothub-creation-time-utc", System::creation_time},
                                             {"iothub-message-schema", System::schema}}};
constexpr std::array<Name, 5> as_annotations{{{"iothub-interface-id", System::interface_id},
                                              {"dt-subject", System::component},
                                              {"x-opt-output-name", System::output_name},
                                              {"Diagnostic-Id", System::diagnostic_id},
                                              {"Correlation-Context", System::diagnostic_context}}};
constexpr std::size_t longest_text = 0xffff;

const Name* find(std::span<const Name> names, std::string_view text) {
  for (const Name& name : names)
    if (name.text == text) return &name;
  return nullptr;
}

std::string_view find(std::span<const Name> names, System key) {
  for (const Name& name : names)
    if (name.key == key) return name.text;
  return {};
}

bool is_id(const Value& value) {
  return value.kind == Kind::null || value.kind == Kind::string || value.kind == Kind::ulong ||
         value.kind == Kind::uuid || value.kind == Kind::binary;
}
bool is_text(const Value& value) { return value.kind == Kind::null || value.is_text(); }

bool read_properties(const Value& list, Sections& out) {
  if (list.kind != Kind::list) return false;
  const Fields fields{list};
  out.message_id = fields[0];
  out.user_id = fields[1];
  out.to = fields[2];
  out.reply_to = fields[4];
  out.correlation_id = fields[5];
  out.content_type = fields[6];
  out.content_encoding = fields[7];
  out.expiry = fields[8];
  return is_id(out.message_id) && is_id(out.correlation_id) && is_text(out.to) &&
         is_text(out.reply_to) && is_text(out.content_type) && is_text(out.content_encoding) &&
         (out.user_id.kind == Kind::null || out.user_id.kind == Kind::binary ||
          out.user_id.kind == Kind::string) &&
         (out.expiry.kind == Kind::null || out.expiry.kind == Kind::timestamp);
}

std::optional<Ack> ack_of(std::string_view text) {
  for (std::size_t i = 0; i < acks.size(); ++i)
    if (acks[i] == text) return static_cast<Ack>(i);
  return std::nullopt;
}

}  // namespace

std::optional<Sections> read_sections(View bytes) {
  Sections result;
  ValueReader reader{bytes};
  unsigned seen = 0;
  while (reader.left() > 0) {
    const Value value = reader.next();
    const std::uint64_t code = value.descriptor;
    if (value.kind == Kind::broken || !value.described || code < header || code > footer)
      return std::nullopt;
    const unsigned bit = 1u << (code - header);
    if ((seen & bit) != 0 && code != data) return std::nullopt;
    seen |= bit;
    switch (code) {
      case header: {
        if (value.kind != Kind::list) return std::nullopt;
        const Value count = Fields{value}[4];
        if (count.kind == Kind::uint) result.delivery_count = static_cast<std::uint32_t>(count.bits);
        break;
      }
      case message_annotations:
        if (value.kind != Kind::map) return std::nullopt;
        result.annotations = value;
        break;
      case properties:
        if (!read_properties(value, result)) return std::nullopt;
        break;
      case application_properties:
        if (value.kind != Kind::map) return std::nullopt;
        result.application_properties = value;
        break;
      case data:
        if (value.kind != Kind::binary) return std::nullopt;
        result.data.push_back(value.bytes);
        break;
      case amqp_value: result.value = value; break;
      case sequence: return std::nullopt;
      default:
        if (value.kind != Kind::map) return std::nullopt;
    }
  }
  if ((seen & 1u << (data - header)) != 0 && (seen & 1u << (amqp_value - header)) != 0)
    return std::nullopt;
  return result;
}

std::optional<std::string_view> Sections::property(std::string_view name) const {
  std::optional<std::string_view> found;
  each_pair(application_properties, [&](const Value& key, const Value& it) {
    if (key.text() == name && it.is_text()) found = it.text();
  });
  return found;
}

Value Sections::annotation(std::string_view name) const {
  Value found = absent;
  each_pair(annotations, [&](const Value& key, const Value& it) {
    if (key.text() == name) found = it;
  });
  return found;
}

std::string uuid_text(View sixteen) {
  std::string text;
  for (std::size_t i = 0; i < sixteen.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += "0123456789abcdef"[sixteen[i] >> 4];
    text += "0123456789abcdef"[sixteen[i] & 15];
  }
  return text;
}

std::string id_text(const Value& id) {
  if (id.kind == Kind::uuid) return uuid_text(id.bytes);
  if (id.kind == Kind::ulong) return std::to_string(id.bits);
  return std::string{model::text(id.bytes)};
}

bool read_flat(const Sections& sections, Bytes& flat) {
  const std::size_t before = flat.size();
  std::size_t size = 256 + sections.application_properties.bytes.size() + sections.value.bytes.size();
  for (const View& part : sections.data) size += part.size();
  flat.reserve(before + size);
  MessageWriter writer{flat};
  bool fits = true;
  const auto put = [&](System key, std::string_view text) {
    if (text.size() > longest_text) fits = false;
    else writer.system(key, text);
  };
  const auto put_value = [&](System key, const Value& value) {
    if (value.kind != Kind::null) put(key, model::text(value.bytes));
  };
  if (sections.message_id.kind != Kind::null) put(System::message_id, id_text(sections.message_id));
  if (sections.correlation_id.kind != Kind::null)
    put(System::correlation_id, id_text(sections.correlation_id));
  put_value(System::user_id, sections.user_id);
  put_value(System::to, sections.to);
  put_value(System::content_type, sections.content_type);
  put_value(System::content_encoding, sections.content_encoding);
  if (sections.expiry.kind == Kind::timestamp) writer.expiry_milliseconds(sections.expiry.number());
  each_pair(sections.annotations, [&](const Value& key, const Value& value) {
    const Name* name = find(as_annotations, key.text());
    if (name != nullptr && value.is_text()) put(name->key, value.text());
  });
  each_pair(sections.application_properties, [&](const Value& key, const Value& value) {
    const std::string_view name = key.text();
    if (key.kind != Kind::string || name.empty() || name.size() > longest_text) fits = false;
    if (!fits) return;
    if (value.kind == Kind::null) return writer.null_property(name);
    if (!value.is_text()) return;
    if (const auto ack = name == ack_name ? ack_of(value.text()) : std::nullopt)
      return writer.ack(*ack);
    if (const Name* system = find(as_properties, name)) return put(system->key, value.text());
    if (value.text().size() > longest_text) fits = false;
    else writer.property(name, value.text());
  });
  const Value& body = sections.value;
  const bool readable = body.kind == Kind::null || body.kind == Kind::binary || body.is_text();
  writer.body(readable ? body.bytes : View{});
  for (const View& part : sections.data) flat.insert(flat.end(), part.begin(), part.end());
  return fits && readable && MessageView{View{flat}.subspan(before)}.valid();
}

namespace {

// Writes what a flat message holds, section by section.
class SectionWriter {
 public:
  SectionWriter(Bytes& out, const MessageView& message) : out_{out}, message_{message} {}

  template <class Own>
  void annotations(Own&& own) {
    out_.descriptor(message_annotations);
    out_.begin_map();
    own(out_);
    message_.each(
        [&](System key, std::string_view value) {
          if (const auto name = find(as_annotations, key); !name.empty()) {
            out_.symbol(name);
            out_.string(value);
          }
        },
        [](std::string_view, std::optional<std::string_view>) {});
    out_.end();
  }

  bool has_annotations() const {
    for (const Name& name : as_annotations)
      if (message_.system(name.key)) return true;
    return false;
  }

  void properties_section(std::optional<std::string_view> to) {
    std::array<std::string_view, 9> texts;
    std::array<bool, 9> set{};
    const auto take = [&](std::size_t at, std::string_view text) {
      if (set[at]) return;  // the first counts
      set[at] = true;
      texts[at] = text;
    };
    if (to) take(2, *to);
    message_.each(
        [&](System key, std::string_view value) {
          switch (key) {
            case System::message_id: return take(0, value);
            case System::user_id: return take(1, value);
            case System::to: return take(2, value);
            case System::correlation_id: return take(5, value);
            case System::content_type: return take(6, value);
            case System::content_encoding: return take(7, value);
            case System::expiry: return take(8, value);
            default: return;
          }
        },
        [](std::string_view, std::optional<std::string_view>) {});
    std::size_t count = set.size();
    while (count > 0 && !set[count - 1]) --count;
    if (count == 0) return;
    out_.descriptor(properties);
    out_.begin_list();
    for (std::size_t i = 0; i < count; ++i) {
      if (!set[i]) out_.null();
      else if (i == 1) out_.binary(view(texts[i]));
      else if (i == 6 || i == 7) out_.symbol(texts[i]);
      else if (i == 8) out_.timestamp(Reader{view(texts[i])}.i64());
      else out_.string(texts[i]);
    }
    out_.end();
  }

  void application_section() {
    bool begun = false;
    const auto begin = [&] {
      if (begun) return;
      begun = true;
      out_.descriptor(application_properties);
      out_.begin_map();
    };
    const auto pair = [&](std::string_view name, std::string_view value) {
      begin();
      out_.string(name);
      out_.string(value);
    };
    const View body = message_.each(
        [&](System key, std::string_view value) {
          if (key == System::ack && value.size() == 1)
            pair(ack_name, acks[static_cast<std::uint8_t>(value[0]) & 3]);  // [MSG-17]
          else if (const auto name = find(as_properties, key); !name.empty())
            pair(name, value);
        },
        [&](std::string_view name, std::optional<std::string_view> value) {
          if (value) return pair(name, *value);
          begin();
          out_.string(name);
          out_.null();
        });
    if (begun) out_.end();
    out_.descriptor(data);
    out_.binary(body);
  }

  ValueWriter& out() { return out_; }

 private:
  ValueWriter out_;
  MessageView message_;
};

void write_header(ValueWriter& out, std::optional<std::uint32_t> count) {
  out.descriptor(header);
  out.begin_list();
  if (count) {
    for (int i = 0; i < 4; ++i) out.null();
    out.uint(*count);
  }
  out.end();
}

}  // namespace

void write_command(Bytes& out, const MessageView& message, const CommandStamp& stamp) {
  SectionWriter writer{out, message};
  write_header(writer.out(), stamp.count);
  writer.annotations([&](ValueWriter& to) {
    to.symbol("x-opt-sequence-number");
    to.ulong(stamp.sequence);
    to.symbol("iothub-enqueuedtime");
    to.timestamp(stamp.enqueued);
    to.symbol("iothub-deliverycount");
    to.ubyte(static_cast<std::uint8_t>(stamp.count));  // [OPEN-27]
    to.symbol("x-opt-lock-token");
    to.uuid(stamp.lock);
  });
  writer.properties_section(std::nullopt);
  writer.application_section();
}

void write_event(Bytes& out, const MessageView& message, const EventStamp& stamp) {
  out.reserve(out.size() + message.flat().size() + 512);  // the stamp, and names that are longer here
  SectionWriter writer{out, message};
  write_header(writer.out(), std::nullopt);
  writer.annotations([&](ValueWriter& to) {
    to.symbol("x-opt-sequence-number");
    to.int64(static_cast<std::int64_t>(stamp.sequence));
    to.symbol("x-opt-offset");
    to.string(std::to_string(stamp.offset));
    to.symbol("x-opt-enqueued-time");
    to.timestamp(stamp.enqueued);
    to.symbol("iothub-connection-device-id");
    to.string(stamp.device);
    to.symbol("iothub-connection-auth-method");
    to.string(stamp.auth_method);
    to.symbol("iothub-connection-auth-generation-id");
    to.string(stamp.generation);
    to.symbol("iothub-enqueuedtime");
    to.timestamp(stamp.enqueued);
    to.symbol("iothub-message-source");
    to.string("Telemetry");
  });
  writer.properties_section(std::nullopt);
  writer.application_section();
}

void write_message(Bytes& out, const MessageView& message, std::string_view to) {
  SectionWriter writer{out, message};
  write_header(writer.out(), std::nullopt);
  if (writer.has_annotations()) writer.annotations([](ValueWriter&) {});
  writer.properties_section(to);
  writer.application_section();
}

void write_feedback(Bytes& out, std::string_view message_id, std::string_view hub,
                    std::int64_t enqueued, std::string_view json) {
  ValueWriter writer{out};
  write_header(writer, std::nullopt);
  writer.descriptor(message_annotations);
  writer.begin_map();
  writer.symbol("iothub-enqueuedtime");
  writer.timestamp(enqueued);
  writer.end();
  writer.descriptor(properties);
  writer.begin_list();
  writer.string(message_id);
  writer.binary(view(hub));
  for (int i = 0; i < 4; ++i) writer.null();
  writer.symbol("application/vnd.microsoft.iothub.feedback.json");
  writer.end();
  writer.descriptor(data);
  writer.binary(view(json));
}

void write_reply(Bytes& out, const Value& correlation, std::int32_t status,
                 std::string_view description, std::string_view condition, View body) {
  ValueWriter writer{out};
  write_header(writer, std::nullopt);
  writer.descriptor(properties);
  writer.begin_list();
  for (int i = 0; i < 5; ++i) writer.null();
  switch (correlation.kind) {
    case Kind::uuid: writer.uuid(correlation.bytes); break;
    case Kind::ulong: writer.ulong(correlation.bits); break;
    case Kind::binary: writer.binary(correlation.bytes); break;
    case Kind::string: writer.string(correlation.text()); break;
    default: writer.null();
  }
  writer.end();
  writer.descriptor(application_properties);
  writer.begin_map();
  writer.string("status-code");
  writer.int32(status);
  writer.string("status-description");
  writer.string(description);
  if (!condition.empty()) {
    writer.string("error-condition");
    writer.symbol(condition);
  }
  writer.end();
  writer.descriptor(amqp_value);
  if (body.empty()) writer.null();
  else writer.encoded(body);
}

}  // namespace hubproof::model::amqp
