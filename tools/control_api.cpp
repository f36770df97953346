#include "tools/control_api.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "model/message.hpp"
#include "model/utf8.hpp"
#include "tools/quantity.hpp"

namespace hubproof::tools {
namespace {

using Json = nlohmann::ordered_json;
using model::Ack;
using model::System;

constexpr model::Duration longest_wait = std::chrono::seconds{60};
constexpr std::uint32_t most_events = 1000;
constexpr std::size_t deepest_json = 8;

// What a caller got wrong; thrown and caught in this file only.
struct Wrong {
  int status;
  std::string code;
  std::string message;
};
[[noreturn]] void bad(std::string message) { throw Wrong{400, "bad_request", std::move(message)}; }

template <class... F>
struct Overload : F... {
  using F::operator()...;
};
template <class... F>
Overload(F...) -> Overload<F...>;

// Names of the system properties that a sender may set, as texts.
constexpr std::array<std::pair<const char*, System>, 6> text_fields{{
    {"messageId", System::message_id},
    {"correlationId", System::correlation_id},
    {"userId", System::user_id},
    {"contentType", System::content_type},
    {"contentEncoding", System::content_encoding},
    {"creationTime", System::creation_time},
}};
constexpr std::array<const char*, 4> acks{"none", "positive", "negative", "full"};
constexpr std::array<const char*, 5> statuses{"Success", "Expired", "DeliveryCountExceeded",
                                              "Rejected", "Purged"};

// Base64 with its padding, as RFC 4648 section 4 has it.
constexpr std::string_view digits64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string base64(model::View bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t word = 0;
    for (std::size_t j = 0; j < 3; ++j)
      word = word << 8 | (i + j < bytes.size() ? bytes[i + j] : std::uint8_t{0});
    for (std::size_t j = 0; j < 4; ++j)
      text += i + j <= bytes.size() ? digits64[word >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

std::optional<model::Bytes> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return {};
  model::Bytes bytes;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::uint32_t word = 0;
    std::size_t padding = 0;
    for (std::size_t j = 0; j < 4; ++j) {
      const std::size_t digit = digits64.find(text[i + j]);
      if (text[i + j] == '=' && i + 4 == text.size() && j >= 2) {
        ++padding;
      } else if (digit == std::string_view::npos || padding > 0) {
        return {};
      }
      word = word << 6 | (padding > 0 ? 0 : static_cast<std::uint32_t>(digit));
    }
    for (std::size_t j = 0; j < 3 - padding; ++j)
      bytes.push_back(static_cast<std::uint8_t>(word >> (16 - 8 * j)));
  }
  return bytes;
}

std::string percent_decoded(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i];
      continue;
    }
    const auto digit = [&](std::size_t at) {
      const std::size_t value =
          at < text.size() ? std::string_view{"0123456789abcdef0123456789ABCDEF"}.find(text[at])
                           : std::string_view::npos;
      if (value == std::string_view::npos) bad("broken percent code in the address");
      return value % 16;
    };
    plain += static_cast<char>(digit(i + 1) << 4 | digit(i + 2));
    i += 2;
  }
  if (model::utf8(plain) != model::Utf8::good) bad("the address is not UTF-8");
  return plain;
}

struct Target {
  std::vector<std::string> path;
  std::map<std::string, std::string> query;
};

Target read_target(std::string_view text) {
  Target target;
  const std::size_t mark = text.find('?');
  std::string_view path = text.substr(0, mark);
  if (path.empty() || path.front() != '/') bad("the address must begin with /");
  path.remove_prefix(1);
  for (std::size_t slash; (slash = path.find('/')) != std::string_view::npos;
       path.remove_prefix(slash + 1))
    target.path.push_back(percent_decoded(path.substr(0, slash)));
  target.path.push_back(percent_decoded(path));
  if (mark == std::string_view::npos) return target;
  for (std::string_view rest = text.substr(mark + 1); !rest.empty();) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) bad("expected name=value after the ? of the address");
    target.query[percent_decoded(pair.substr(0, equals))] =
        percent_decoded(pair.substr(equals + 1));
  }
  return target;
}

std::uint64_t number(const std::string& what, std::string_view text,
                     std::uint64_t most = std::numeric_limits<std::uint64_t>::max()) {
  const auto value = read_whole(text);
  if (!value || *value > most)
    bad(what + ": expected a whole number up to " + std::to_string(most) + ", found \"" +
        std::string{text} + "\"");
  return *value;
}

model::Duration duration(const std::string& what, std::string_view text) {
  const auto value = read_duration(text);
  if (!value || *value < model::Duration{0})
    bad(what + ": expected a duration such as \"20s\", found \"" + std::string{text} + "\"");
  return *value;
}

// Takes what it knows from the query; what is left over is a mistake of the caller.
class Query {
 public:
  explicit Query(std::map<std::string, std::string> values) : values_{std::move(values)} {}

  std::optional<std::string> take(const std::string& name) {
    const auto found = values_.extract(name);
    if (found.empty()) return {};
    return found.mapped();
  }
  std::uint64_t number(const std::string& name, std::uint64_t otherwise, std::uint64_t most) {
    const auto text = take(name);
    return text ? tools::number(name, *text, most) : otherwise;
  }
  model::Duration wait() {
    const auto text = take("wait");
    return text ? std::min(duration("wait", *text), longest_wait) : model::Duration{0};
  }
  void done() const {
    if (!values_.empty()) bad("unknown parameter: " + values_.begin()->first);
  }

 private:
  std::map<std::string, std::string> values_;
};

Json read_json(std::string_view body) {
  std::size_t depth = 0;
  bool too_deep = false;
  const auto watch = [&](int at, Json::parse_event_t, Json&) {
    depth = static_cast<std::size_t>(at);
    too_deep = too_deep || depth > deepest_json;
    return !too_deep;
  };
  Json json = Json::parse(body, watch, false);
  if (too_deep) bad("the body is nested too deeply");
  if (!json.is_object()) bad("the body must be a JSON object");
  return json;
}

const std::string& text_of(const std::string& name, const Json& json) {
  if (!json.is_string()) bad(name + ": expected a text");
  return json.get_ref<const std::string&>();
}

std::string short_text_of(const std::string& name, const Json& json) {
  std::string text = text_of(name, json);
  if (text.size() > 65'535) throw Wrong{413, "too_large", name + ": longer than 65535 bytes"};
  return text;
}

model::Bytes body_of(const Json& json) {
  if (json.is_string()) {
    const auto& text = json.get_ref<const std::string&>();
    return {text.begin(), text.end()};
  }
  if (json.is_object() && json.size() == 1 && json.contains("base64")) {
    if (auto bytes = from_base64(text_of("body.base64", json["base64"]))) return *bytes;
    bad("body.base64: not Base64");
  }
  bad("body: expected a text or {\"base64\": \"..\"}");
}

Ack ack_of(const Json& json) {
  const auto found = std::ranges::find(acks, text_of("ack", json));
  if (found == acks.end()) bad("ack: expected none, positive, negative or full");
  return static_cast<Ack>(found - acks.begin());
}

std::int64_t milliseconds_of(const Json& json) {
  if (json.is_number_integer()) return json.get<std::int64_t>();
  const auto date = json.is_string() ? read_date(json.get_ref<const std::string&>()) : std::nullopt;
  if (!date)
    bad("expiry: expected a date such as \"2026-01-31T12:00:00Z\" or milliseconds since 1970");
  return std::chrono::floor<std::chrono::milliseconds>(model::Duration{*date}).count();
}

// A JSON message as a flat one.
model::Bytes read_message(model::Now now, const Json& json) {
  model::Bytes flat;
  model::MessageWriter writer{flat};
  model::Bytes body;
  for (const auto& [name, value] : json.items()) {
    const auto field = std::ranges::find(text_fields, name, [](const auto& f) { return f.first; });
    if (field != text_fields.end()) {
      writer.system(field->second, short_text_of(name, value));
    } else if (name == "body") {
      body = body_of(value);
    } else if (name == "ack") {
      if (const Ack ack = ack_of(value); ack != Ack::none) writer.ack(ack);
    } else if (name == "expiry") {
      writer.expiry_milliseconds(milliseconds_of(value));
    } else if (name == "ttl") {
      if (json.contains("expiry")) bad("ttl: there is an expiry too; one of them, please");
      writer.expiry(now.wall + duration("ttl", text_of("ttl", value)));
    } else if (name == "properties") {
      if (!value.is_object()) bad("properties: expected an object");
      for (const auto& [key, text] : value.items()) {
        if (key.empty() || key.size() > 65'535) bad("properties: a name is empty or too long");
        if (text.is_null()) {
          writer.null_property(key);
        } else {
          writer.property(key, short_text_of("properties." + key, text));
        }
      }
    } else {
      bad("unknown key: " + name);
    }
  }
  writer.body(body);
  return flat;
}

std::string date_text(std::int64_t date) {
  return date == model::no_date ? std::string{} : write_date(date);
}

Json text_or_base64(model::View bytes) {
  if (model::utf8(model::text(bytes)) != model::Utf8::broken)
    return std::string{model::text(bytes)};
  return Json{{"base64", base64(bytes)}};
}

// A flat message as JSON. Where a property's name comes twice, the later value stands.
Json message_json(model::View flat) {
  const model::MessageView message{flat};
  Json json = Json::object();
  Json properties = Json::object();
  message.each(
      [&](System key, std::string_view value) {
        const auto field =
            std::ranges::find(text_fields, key, [](const auto& f) { return f.second; });
        if (field != text_fields.end()) {
          json[field->first] = text_or_base64(model::view(value));
        } else if (key == System::to) {
          json["to"] = text_or_base64(model::view(value));
        } else if (key == System::ack) {
          json["ack"] = acks[static_cast<std::size_t>(message.ack()) % acks.size()];
        } else if (key == System::expiry) {
          json["expiry"] = model::Reader{model::view(value)}.i64();
        } else {
          json["system"][std::to_string(static_cast<unsigned>(key))] =
              text_or_base64(model::view(value));
        }
      },
      [&](std::string_view name, std::optional<std::string_view> value) {
        properties[std::string{name}] = value ? Json(std::string{*value}) : Json(nullptr);
      });
  json["properties"] = std::move(properties);
  json["body"] = text_or_base64(message.body());
  return json;
}

using Path = std::vector<std::string>;

model::Request device_request(model::Now now, std::string_view method, const Path& path,
                              std::string_view body) {
  const std::string& id = path[1];
  if (path.size() == 2) {
    if (method == "PUT") return model::CreateDevice{id};
    if (method == "DELETE") return model::DeleteDevice{id};
    if (method == "PATCH") {
      const Json json = read_json(body);
      if (json.size() != 1 || !json.contains("enabled") || !json["enabled"].is_boolean())
        bad("expected {\"enabled\": true} or {\"enabled\": false}");
      return model::EnableDevice{id, json["enabled"].get<bool>()};
    }
    throw Wrong{405, "bad_method", "a device takes PUT, DELETE and PATCH"};
  }
  if (path[2] != "commands" || path.size() > 5) throw Wrong{404, "no_such_place", "no such path"};
  if (path.size() == 3) {
    if (method == "POST") return model::SendCommand{id, read_message(now, read_json(body))};
    if (method == "GET") return model::ReceiveCommand{id};
    if (method == "DELETE") return model::Purge{id};
    throw Wrong{405, "bad_method", "commands take POST, GET and DELETE"};
  }
  const std::uint64_t token = number("token", path[3]);
  if (path.size() == 4 && method == "DELETE")
    return model::SettleCommand{id, token, model::Settle::complete};
  if (path.size() == 5 && method == "POST" && path[4] == "reject")
    return model::SettleCommand{id, token, model::Settle::reject};
  if (path.size() == 5 && method == "POST" && path[4] == "abandon")
    return model::SettleCommand{id, token, model::Settle::abandon};
  throw Wrong{405, "bad_method", "a received command takes DELETE, POST reject and POST abandon"};
}

model::Request read_request(model::Now now, std::string_view method, std::string_view target,
                            std::string_view body) {
  Target address = read_target(target);
  const Path& path = address.path;
  Query query{std::move(address.query)};
  std::optional<model::Request> request;
  if (path.size() >= 2 && path[0] == "devices") {
    request = device_request(now, method, path, body);
  } else if (path == Path{"telemetry"} && method == "GET") {
    model::ReadTelemetry read;
    read.partition = static_cast<std::uint32_t>(query.number("partition", 0, 0xffffffff));
    read.from = query.number("from", 0, std::numeric_limits<std::uint64_t>::max());
    read.limit = static_cast<std::uint32_t>(query.number("limit", 100, most_events));
    if (const auto group = query.take("group")) read.group = *group;
    read.wait = query.wait();
    request = std::move(read);
  } else if (path.size() == 3 && path[0] == "checkpoints" && method == "PUT") {
    const Json json = read_json(body);
    if (json.size() != 1 || !json.contains("sequence") || !json["sequence"].is_number_unsigned())
      bad("expected {\"sequence\": 17}");
    request = model::StoreCheckpoint{
        path[1], static_cast<std::uint32_t>(number("partition", path[2], 0xffffffff)),
        json["sequence"].get<std::uint64_t>()};
  } else if (path == Path{"feedback"} && method == "GET") {
    request = model::ReceiveFeedback{query.wait()};
  } else if (path.size() == 2 && path[0] == "feedback" && method == "DELETE") {
    request = model::SettleFeedback{number("token", path[1]), true};
  } else if (path.size() == 3 && path[0] == "feedback" && path[2] == "abandon" &&
             method == "POST") {
    request = model::SettleFeedback{number("token", path[1]), false};
  } else {
    throw Wrong{404, "no_such_place",
                "no such path and method: there are /devices, /telemetry, /checkpoints, /feedback"};
  }
  query.done();
  return *request;
}

int status_of(model::Error error) {
  switch (error) {
    case model::Error::none: return 200;
    case model::Error::device_not_found:
    case model::Error::not_found: return 404;
    case model::Error::queue_full:
    case model::Error::disabled: return 403;
    case model::Error::too_large: return 413;
    case model::Error::invalid_expiry:
    case model::Error::bad_request: return 400;
    case model::Error::lock_lost: return 412;
    case model::Error::device_exists: return 409;
    case model::Error::storage: return 503;
    case model::Error::timed_out: return 504;
  }
  return 500;
}

const char* message_of(model::Error error) {
  switch (error) {
    case model::Error::none: return "no error";
    case model::Error::device_not_found: return "there is no device of this name";
    case model::Error::queue_full: return "the device's queue holds as many commands as it may";
    case model::Error::too_large: return "the message is larger than the hub takes";
    case model::Error::invalid_expiry: return "the expiry is past, or too far away";
    case model::Error::lock_lost: return "the token's lock has run out or was settled";
    case model::Error::not_found: return "there is no such thing";
    case model::Error::device_exists: return "there is a device of this name";
    case model::Error::bad_request: return "the hub cannot make sense of this request";
    case model::Error::storage: return "the hub cannot store it";
    case model::Error::timed_out: return "the hub did not answer in time";
    case model::Error::disabled: return "the device is disabled";
  }
  return "unknown error";
}

// Whatever bytes a message holds, the answer is JSON: what is not UTF-8 is replaced.
std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json done_json(const model::Request& request, const model::Done& done) {
  if (const auto* create = std::get_if<model::CreateDevice>(&request))
    return {{"device", create->device}, {"generation", done.generation}};
  if (std::holds_alternative<model::Purge>(request)) return {{"purged", done.count}};
  if (std::holds_alternative<model::SendCommand>(request))
    return {{"sequence", done.sequence},
            {"enqueued", date_text(done.date)},
            {"expiry", date_text(done.expiry)}};
  return Json::object();
}

Json telemetry_json(const model::Telemetry& telemetry) {
  Json events = Json::array();
  for (const model::TelemetryEvent& event : telemetry.events)
    events.push_back({{"sequence", event.sequence},
                      {"offset", event.offset},
                      {"enqueued", date_text(event.enqueued)},
                      {"device", event.device},
                      {"generation", event.generation},
                      {"will", event.will},
                      {"message", message_json(event.message)}});
  return {{"partition", telemetry.partition}, {"events", std::move(events)}};
}

Json command_json(const model::Command& command) {
  return {{"token", std::to_string(command.token)},
          {"sequence", command.sequence},
          {"deliveryCount", command.count},
          {"enqueued", date_text(command.enqueued)},
          {"expiry", date_text(command.expiry)},
          {"message", message_json(command.message)}};
}

Json feedback_json(const model::Feedback& feedback) {
  Json records = Json::array();
  for (const model::FeedbackRecord& record : feedback.records)
    records.push_back({{"originalMessageId", record.original_message_id},
                       {"deviceId", record.device},
                       {"generation", record.generation},
                       {"statusCode", statuses[static_cast<std::size_t>(record.status)]},
                       {"enqueuedTimeUtc", date_text(record.date)}});
  return {{"token", std::to_string(feedback.token)},
          {"created", date_text(feedback.created)},
          {"deliveryCount", feedback.count},
          {"records", std::move(records)}};
}

}  // namespace

std::variant<model::Request, ApiAnswer> api_request(model::Now now, std::string_view method,
                                                    std::string_view target,
                                                    std::string_view body) {
  try {
    return read_request(now, method, target, body);
  } catch (const Wrong& wrong) {
    return api_error(wrong.status, wrong.code, wrong.message);
  }
}

ApiAnswer api_answer(const model::Request& request, const model::Response& response) {
  const ApiAnswer nothing{204, {}};
  return std::visit(
      Overload{[](const model::Failed& failed) {
                 return api_error(status_of(failed.error), model::error_text(failed.error),
                                  message_of(failed.error));
               },
               [&](const model::Done& done) {
                 const bool made = std::holds_alternative<model::CreateDevice>(request) ||
                                   std::holds_alternative<model::SendCommand>(request);
                 return ApiAnswer{made ? 201 : 200, dump(done_json(request, done))};
               },
               [](const model::Telemetry& telemetry) {
                 return ApiAnswer{200, dump(telemetry_json(telemetry))};
               },
               [&](const model::Command& command) {
                 return command.token == 0 ? nothing : ApiAnswer{200, dump(command_json(command))};
               },
               [&](const model::Feedback& feedback) {
                 return feedback.token == 0 ? nothing
                                            : ApiAnswer{200, dump(feedback_json(feedback))};
               }},
      response);
}

ApiAnswer api_error(int status, std::string_view code, std::string_view message) {
  return {status, dump({{"error", {{"code", code}, {"message", message}}}})};
}

}  // namespace hubproof::tools
