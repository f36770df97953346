#include "conformance/devices/adapter.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "model/json.hpp"

namespace hubproof::conformance::devices {
namespace {

using model::Json;

constexpr char digits[] = "0123456789abcdef";
constexpr std::array<std::string_view, 3> settle_names{"complete", "reject", "abandon"};
constexpr std::array<std::string_view, 3> protocol_names{"mqtt", "amqp", "http"};

// ---- Orders out.

// A text in its quotes, in ASCII: everything else is escaped, so that no adapter's locale matters.
void write_text(std::string& out, std::string_view text) {
  const auto escape = [&out](std::uint32_t unit) {
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += digits[unit >> shift & 15];
  };
  out += '"';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text[i];
    } else if (byte >= 0x20 && byte < 0x7f) {
      out += text[i];
    } else if (byte < 0x80) {
      escape(byte);
    } else {
      const std::size_t more = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
      std::uint32_t point = byte & (0x3fu >> more);
      for (std::size_t k = 1; k <= more && i + 1 < text.size(); ++k)
        point = point << 6 | (static_cast<std::uint8_t>(text[++i]) & 0x3fu);
      if (point >= 0x10000) {
        escape(0xd800 + ((point - 0x10000) >> 10));
        escape(0xdc00 + ((point - 0x10000) & 0x3ff));
      } else {
        escape(point);
      }
    }
  }
  out += '"';
}

// An object, member by member.
class Line {
 public:
  explicit Line(std::string& out, const char* verb) : out_{out} {
    out_ += '{';
    if (verb != nullptr) text("do", verb);
  }
  void name(const char* which) {
    if (out_.back() != '{') out_ += ',';
    out_ += '"';
    out_ += which;
    out_ += "\":";
  }
  void text(const char* which, std::string_view value) { name(which), write_text(out_, value); }
  void number(const char* which, std::uint64_t value) { name(which), out_ += std::to_string(value); }
  void truth(const char* which, bool value) { name(which), out_ += value ? "true" : "false"; }
  void bytes(const char* which, model::View value) {
    name(which);
    out_ += '"';
    for (const std::uint8_t byte : value) out_ += digits[byte >> 4], out_ += digits[byte & 15];
    out_ += '"';
  }
  void end() { out_ += '}'; }

 private:
  std::string& out_;
};

void write(std::string& out, const ConnectOrder& order) {
  Line line{out, "connect"};
  line.text("host", order.host);
  line.number("port", order.port);
  line.text("client_id", order.client_id);
  line.truth("clean", order.clean);
  line.number("keep_alive", order.keep_alive);
  if (order.username) line.text("username", *order.username);
  if (order.password) line.text("password", *order.password);
  if (order.key) line.text("key", *order.key);
  if (order.token_life) line.number("token_life", *order.token_life);
  if (order.ca) line.text("ca", *order.ca);
  if (order.websocket) line.text("websocket", *order.websocket);
  if (order.settle) line.text("settle", settle_names[static_cast<std::size_t>(*order.settle)]);
  if (order.poll) line.number("poll", *order.poll);
  if (order.will) {
    line.name("will");
    Line will{out, nullptr};
    will.text("topic", order.will->topic);
    will.bytes("payload", order.will->payload);
    will.number("qos", order.will->qos);
    will.truth("retain", order.will->retain);
    will.end();
  }
  line.end();
}
void write(std::string& out, const PublishOrder& order) {
  Line line{out, "publish"};
  line.number("id", order.id);
  line.text("topic", order.topic);
  line.bytes("payload", order.payload);
  line.number("qos", order.qos);
  line.truth("retain", order.retain);
  line.end();
}
void write(std::string& out, const SendOrder& order) {
  Line line{out, "send"};
  line.number("id", order.id);
  line.text("message_id", order.message_id);
  line.bytes("payload", order.payload);
  line.name("properties");
  Line properties{out, nullptr};
  for (const auto& [name, value] : order.properties) properties.text(name.c_str(), value);
  properties.end();
  line.end();
}
void write(std::string& out, const SubscribeOrder& order) {
  Line line{out, "subscribe"};
  line.number("id", order.id);
  line.name("filters");
  out += '[';
  for (const auto& [filter, qos] : order.filters) {
    if (out.back() != '[') out += ',';
    Line one{out, nullptr};
    one.text("filter", filter);
    one.number("qos", qos);
    one.end();
  }
  out += ']';
  line.end();
}
void write(std::string& out, const UnsubscribeOrder& order) {
  Line line{out, "unsubscribe"};
  line.number("id", order.id);
  line.name("filters");
  out += '[';
  for (const std::string& filter : order.filters) {
    if (out.back() != '[') out += ',';
    write_text(out, filter);
  }
  out += ']';
  line.end();
}
void write(std::string& out, const DisconnectOrder&) { Line{out, "disconnect"}.end(); }
void write(std::string& out, const EchoOrder& order) {
  Line line{out, "echo"};
  line.number("id", order.id);
  line.end();
}
void write(std::string& out, const QuitOrder&) { Line{out, "quit"}.end(); }

// ---- What was said in.

struct DidName {
  const char* name;
  Said::Did did;
};
constexpr std::array did_names{
    DidName{"hello", Said::Did::hello},           DidName{"connected", Said::Did::connected},
    DidName{"refused", Said::Did::refused},       DidName{"failed", Said::Did::failed},
    DidName{"published", Said::Did::published},   DidName{"subscribed", Said::Did::subscribed},
    DidName{"unsubscribed", Said::Did::unsubscribed}, DidName{"disconnected", Said::Did::disconnected},
    DidName{"lost", Said::Did::lost},             DidName{"received", Said::Did::received},
    DidName{"echo", Said::Did::echo}};

// Reads members; the first that is wrong is told.
class Members {
 public:
  explicit Members(const Json& object) : object_{object} {}

  const BadLine& wrong() const { return wrong_; }

  void text(const char* name, std::string& value, bool needed) {
    const Json* member = find(name, needed);
    if (member == nullptr) return;
    if (!member->is(Json::Kind::text)) return complain(name, "expected a text");
    value = member->text;
  }
  void truth(const char* name, bool& value) {
    const Json* member = find(name, false);
    if (member == nullptr) return;
    if (!member->is(Json::Kind::boolean)) return complain(name, "expected true or false");
    value = member->truth;
  }
  template <class T>
  void number(const char* name, T& value, std::uint64_t most, bool needed) {
    const Json* member = find(name, needed);
    if (member == nullptr) return;
    const auto read = whole(*member, most);
    if (!read) return complain(name, "expected a whole number up to " + std::to_string(most));
    value = static_cast<T>(*read);
  }
  void numbers(const char* name, std::vector<std::uint8_t>& values, std::uint64_t most, bool needed) {
    const Json* member = find(name, needed);
    if (member == nullptr) return;
    const std::string expected = "expected a list of numbers up to " + std::to_string(most);
    if (!member->is(Json::Kind::array)) return complain(name, expected);
    for (const Json& item : member->items) {
      const auto read = whole(item, most);
      if (!read) return complain(name, expected);
      values.push_back(static_cast<std::uint8_t>(*read));
    }
  }
  void texts(const char* name, std::optional<std::vector<std::pair<std::string, std::string>>>& values) {
    const Json* member = find(name, false);
    if (member == nullptr) return;
    constexpr const char* expected = "expected an object of texts";
    if (!member->is(Json::Kind::object)) return complain(name, expected);
    values.emplace();
    for (const auto& [key, value] : member->members) {
      if (!value.is(Json::Kind::text)) return complain(name, expected);
      values->emplace_back(key, value.text);
    }
  }
  void text(const char* name, std::optional<std::string>& value) {
    std::string read;
    if (find(name, false) == nullptr) return;
    text(name, read, false);
    value = std::move(read);
  }
  void bytes(const char* name, model::Bytes& value) {
    const Json* member = find(name, true);
    if (member == nullptr) return;
    const std::string& hex = member->text;
    bool good = member->is(Json::Kind::text) && hex.size() % 2 == 0;
    for (std::size_t i = 0; good && i < hex.size(); i += 2) {
      std::uint8_t byte = 0;
      const auto [end, error] = std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
      good = error == std::errc{} && end == hex.data() + i + 2;
      value.push_back(byte);
    }
    if (!good) complain(name, "expected pairs of hexadecimal digits");
  }

  void complain(const char* name, const std::string& what) {
    if (wrong_.empty()) wrong_ = std::string{"\""} + name + "\": " + what;
  }

 private:
  static std::optional<std::uint64_t> whole(const Json& value, std::uint64_t most) {
    if (!value.is(Json::Kind::number)) return std::nullopt;
    std::uint64_t read = 0;
    const char* const last = value.text.data() + value.text.size();
    const auto [end, error] = std::from_chars(value.text.data(), last, read);
    if (error != std::errc{} || end != last || read > most) return std::nullopt;
    return read;
  }
  const Json* find(const char* name, bool needed) {
    const Json* member = object_.find(name);
    if (member != nullptr && member->is(Json::Kind::null)) member = nullptr;
    if (member == nullptr && needed) complain(name, "is missing");
    return member;
  }

  const Json& object_;
  BadLine wrong_;
};

void read_hello(Members& members, Hello& hello) {
  std::string kind;
  members.text("name", hello.name, true);
  members.text("version", hello.version, false);
  members.text("kind", kind, false);
  hello.hub = kind == "hub";
  std::string protocol{protocol_names[0]};
  members.text("protocol", protocol, false);
  const auto known = std::ranges::find(protocol_names, protocol);
  if (known == protocol_names.end()) return members.complain("protocol", "expected mqtt, amqp or http");
  hello.protocol = static_cast<Protocol>(known - protocol_names.begin());
  const bool mqtt = hello.protocol == Protocol::mqtt;
  if (!mqtt && !hello.hub) members.complain("kind", "what speaks " + protocol + " is a hub's device: expected \"hub\"");
  members.numbers("qos", hello.qos, 2, mqtt);
  members.truth("persistent_session", hello.persistent_session);
  members.truth("clean_session", hello.clean_session);
  members.truth("reconnects", hello.reconnects);
  members.truth("queues", hello.queues);
  members.truth("will", hello.will);
  members.truth("any_text", hello.any_text);
  members.truth("renews", hello.renews);
  members.truth("websocket", hello.websocket);
}

}  // namespace

std::string write_order(const Order& order) {
  std::string line;
  std::visit([&](const auto& one) { write(line, one); }, order);
  line += '\n';
  return line;
}

const char* protocol_text(Protocol protocol) {
  constexpr std::array texts{"MQTT 3.1.1", "AMQP 1.0", "HTTP"};
  return texts[static_cast<std::size_t>(protocol)];
}

const char* did_text(Said::Did did) {
  for (const DidName& each : did_names)
    if (each.did == did) return each.name;
  return "?";
}

std::variant<Said, BadLine> read_said(std::string_view line) {
  if (line.size() > longest_line)
    return "expected a line of at most " + std::to_string(longest_line) + " bytes, found " + std::to_string(line.size());
  const auto shown = [&] { return std::string{line.substr(0, 80)} + (line.size() > 80 ? "..." : ""); };
  const std::optional<Json> object = model::read_json(line);
  if (!object || !object->is(Json::Kind::object))
    return "expected a JSON object such as {\"did\": \"connected\"}, found: " + shown();
  Said said;
  const Json* did = object->find("did");
  const DidName* known = nullptr;
  for (const DidName& each : did_names)
    if (did != nullptr && did->is(Json::Kind::text) && did->text == each.name) known = &each;
  if (known == nullptr) {
    std::string all;
    for (const DidName& each : did_names) all += (all.empty() ? "" : ", ") + std::string{each.name};
    return "\"did\": expected one of " + all + ", found: " + shown();
  }
  said.did = known->did;
  Members members{*object};
  constexpr std::uint64_t any = ~std::uint64_t{0};
  switch (said.did) {
    case Said::Did::hello: read_hello(members, said.hello); break;
    case Said::Did::connected: members.truth("session_present", said.session_present); break;
    case Said::Did::refused: members.number("code", said.code, 255, true); break;
    case Said::Did::failed:
      members.number("id", said.id, any, false);
      members.text("why", said.why, false);
      break;
    case Said::Did::subscribed:
      members.number("id", said.id, any, true);
      members.numbers("codes", said.codes, 255, false);
      break;
    case Said::Did::published:
    case Said::Did::unsubscribed:
    case Said::Did::echo: members.number("id", said.id, any, true); break;
    case Said::Did::disconnected: break;
    case Said::Did::lost: members.text("why", said.why, false); break;
    case Said::Did::received:
      members.text("topic", said.topic, true);
      members.bytes("payload", said.payload);
      members.number("qos", said.qos, 2, false);
      members.truth("retain", said.retain);
      members.truth("dup", said.dup);
      members.text("message_id", said.message_id);
      members.texts("properties", said.properties);
      break;
  }
  if (!members.wrong().empty()) return members.wrong() + ", in: " + shown();
  return said;
}

}  // namespace hubproof::conformance::devices
