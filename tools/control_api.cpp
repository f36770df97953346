#include "tools/control_api.hpp"

#include <algorithm>
#include <array>
#include <limits>
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
constexpr model::Duration longest_ttl = std::chrono::hours{24 * 365 * 100};  // dates end in 2262
constexpr std::uint32_t most_events = 1000;
constexpr std::uint32_t most_devices = 10'000;
constexpr model::Duration longest_move = std::chrono::hours{24 * 365};
constexpr int deepest_json = 8;
constexpr std::size_t longest_text = 65'535;

// The first thing that a caller got wrong. Reading goes on with empty values, for nobody to see.
class Refusal {
 public:
  void say(int status, std::string_view code, std::string_view message) {
    if (!answer_) answer_ = api_error(status, code, message);
  }
  void bad(std::string_view message) { say(400, "bad_request", message); }
  const std::optional<ApiAnswer>& answer() const { return answer_; }

 private:
  std::optional<ApiAnswer> answer_;
};

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

int hex_digit(std::string_view text, std::size_t at) {
  constexpr std::string_view digits = "0123456789abcdef0123456789ABCDEF";
  const std::size_t found = at < text.size() ? digits.find(text[at]) : std::string_view::npos;
  return found == std::string_view::npos ? -1 : static_cast<int>(found % 16);
}

std::string percent_decoded(std::string_view text, Refusal& refusal) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i];
      continue;
    }
    const int high = hex_digit(text, ++i);
    const int low = hex_digit(text, ++i);
    if (high < 0 || low < 0) refusal.bad("broken percent code in the address");
    plain += static_cast<char>(high * 16 + low);
  }
  if (model::utf8(plain) != model::Utf8::good) refusal.bad("the address is not UTF-8");
  return plain;
}

struct Target {
  std::vector<std::string> path;
  std::map<std::string, std::string> query;
};

Target read_target(std::string_view text, Refusal& refusal) {
  Target target;
  const std::size_t mark = text.find('?');
  std::string_view path = text.substr(0, mark);
  if (!path.starts_with('/')) {
    refusal.bad("the address must begin with /");
    return target;
  }
  path.remove_prefix(1);
  for (std::size_t slash; (slash = path.find('/')) != std::string_view::npos;
       path.remove_prefix(slash + 1))
    target.path.push_back(percent_decoded(path.substr(0, slash), refusal));
  target.path.push_back(percent_decoded(path, refusal));
  if (mark == std::string_view::npos) return target;
  for (std::string_view rest = text.substr(mark + 1); !rest.empty();) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) {
      refusal.bad("expected name=value after the ? of the address");
      continue;
    }
    target.query[percent_decoded(pair.substr(0, equals), refusal)] =
        percent_decoded(pair.substr(equals + 1), refusal);
  }
  return target;
}

constexpr std::uint64_t any_64 = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t any_32 = std::numeric_limits<std::uint32_t>::max();

std::uint64_t number(const std::string& what, std::string_view text, std::uint64_t most,
                     Refusal& refusal) {
  const auto value = read_whole(text);
  if (value && *value <= most) return *value;
  refusal.bad(what + ": expected a whole number up to " + std::to_string(most) + ", found \"" +
              std::string{text} + "\"");
  return 0;
}

model::Duration duration(const std::string& what, std::string_view text, Refusal& refusal) {
  const auto value = read_duration(text);
  if (value && *value >= model::Duration{0}) return *value;
  refusal.bad(what + ": expected a duration such as \"20s\", found \"" + std::string{text} + "\"");
  return {};
}

// Takes what it knows from the query; what is left over is a mistake of the caller.
class Query {
 public:
  Query(std::map<std::string, std::string> values, Refusal& refusal)
      : values_{std::move(values)}, refusal_{refusal} {}

  std::optional<std::string> take(const std::string& name) {
    const auto found = values_.extract(name);
    if (found.empty()) return {};
    return found.mapped();
  }
  std::uint64_t number(const std::string& name, std::uint64_t otherwise, std::uint64_t most) {
    const auto text = take(name);
    return text ? tools::number(name, *text, most, refusal_) : otherwise;
  }
  model::Duration wait() {
    const auto text = take("wait");
    return text ? std::min(duration("wait", *text, refusal_), longest_wait) : model::Duration{0};
  }
  void done() const {
    if (!values_.empty()) refusal_.bad("unknown parameter: " + values_.begin()->first);
  }

 private:
  std::map<std::string, std::string> values_;
  Refusal& refusal_;
};

// An object, or an empty one and a refusal.
Json read_json(std::string_view body, Refusal& refusal) {
  bool too_deep = false;
  const auto watch = [&](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > deepest_json;
    return !too_deep;
  };
  Json json = Json::parse(body, watch, false);
  if (too_deep) refusal.bad("the body is nested too deeply");
  if (json.is_object()) return json;
  refusal.bad("the body must be a JSON object");
  return Json::object();
}

// The value of the one key that the body has, or null and a refusal.
Json only_value(std::string_view body, const char* key, const char* expected, Refusal& refusal) {
  const Json json = read_json(body, refusal);
  if (json.size() == 1 && json.contains(key)) return json[key];
  refusal.bad(expected);
  return nullptr;
}

std::string text_of(const std::string& name, const Json& json, Refusal& refusal) {
  if (json.is_string()) return json.get<std::string>();
  refusal.bad(name + ": expected a text");
  return {};
}

std::string short_text_of(const std::string& name, const Json& json, Refusal& refusal) {
  std::string text = text_of(name, json, refusal);
  if (text.size() <= longest_text) return text;
  refusal.say(413, "too_large", name + ": longer than 65535 bytes");
  return {};
}

model::Bytes body_of(const Json& json, Refusal& refusal) {
  if (json.is_string()) {
    const auto& text = json.get_ref<const std::string&>();
    return {text.begin(), text.end()};
  }
  if (json.is_object() && json.size() == 1 && json.contains("base64")) {
    if (auto bytes = from_base64(text_of("body.base64", json["base64"], refusal))) return *bytes;
    refusal.bad("body.base64: not Base64");
    return {};
  }
  refusal.bad("body: expected a text or {\"base64\": \"..\"}");
  return {};
}

Ack ack_of(const Json& json, Refusal& refusal) {
  const auto found = std::ranges::find(acks, text_of("ack", json, refusal));
  if (found != acks.end()) return static_cast<Ack>(found - acks.begin());
  refusal.bad("ack: expected none, positive, negative or full");
  return Ack::none;
}

std::int64_t milliseconds_of(const Json& json, Refusal& refusal) {
  if (json.is_number_integer()) return json.get<std::int64_t>();
  if (json.is_string())
    if (const auto date = read_date(json.get_ref<const std::string&>()))
      return std::chrono::floor<std::chrono::milliseconds>(model::Duration{*date}).count();
  refusal.bad(
      "expiry: expected a date such as \"2026-01-31T12:00:00Z\" or milliseconds since 1970");
  return 0;
}

void read_properties(const Json& json, model::MessageWriter& writer, Refusal& refusal) {
  if (!json.is_object()) return refusal.bad("properties: expected an object");
  for (const auto& [name, value] : json.items()) {
    if (name.empty() || name.size() > longest_text) {
      refusal.bad("properties: a name is empty or too long");
    } else if (value.is_null()) {
      writer.null_property(name);
    } else {
      writer.property(name, short_text_of("properties." + name, value, refusal));
    }
  }
}

// A JSON message as a flat one.
model::Bytes read_message(model::Now now, const Json& json, Refusal& refusal) {
  model::Bytes flat;
  model::MessageWriter writer{flat};
  model::Bytes body;
  for (const auto& [name, value] : json.items()) {
    const auto field = std::ranges::find(text_fields, name, [](const auto& f) { return f.first; });
    if (field != text_fields.end()) {
      writer.system(field->second, short_text_of(name, value, refusal));
    } else if (name == "body") {
      body = body_of(value, refusal);
    } else if (name == "ack") {
      if (const Ack ack = ack_of(value, refusal); ack != Ack::none) writer.ack(ack);
    } else if (name == "expiry") {
      writer.expiry_milliseconds(milliseconds_of(value, refusal));
    } else if (name == "ttl") {
      if (json.contains("expiry")) refusal.bad("ttl: there is an expiry too; one of them, please");
      writer.expiry(now.wall + std::min(duration("ttl", text_of("ttl", value, refusal), refusal),
                                        longest_ttl));
    } else if (name == "properties") {
      read_properties(value, writer, refusal);
    } else {
      refusal.bad("unknown key: " + name);
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

// What stands for a request when there is none: it is never seen.
model::Request nothing() { return model::ReceiveFeedback{}; }

model::Request device_request(std::string_view method, const std::string& id,
                              std::string_view body, Refusal& refusal) {
  if (method == "GET") return model::GetDevice{id};
  if (method == "PUT") return model::CreateDevice{id};
  if (method == "DELETE") return model::DeleteDevice{id};
  if (method == "PATCH") {
    constexpr const char* expected = "expected {\"enabled\": true} or {\"enabled\": false}";
    const Json enabled = only_value(body, "enabled", expected, refusal);
    if (enabled.is_boolean()) return model::EnableDevice{id, enabled.get<bool>()};
    refusal.bad(expected);
  }
  refusal.say(405, "bad_method", "a device takes GET, PUT, DELETE and PATCH");
  return nothing();
}

model::Request command_request(model::Now now, std::string_view method, const Path& path,
                               std::string_view body, Refusal& refusal) {
  const std::string& id = path[1];
  if (path.size() == 3) {
    if (method == "POST")
      return model::SendCommand{id, read_message(now, read_json(body, refusal), refusal)};
    if (method == "GET") return model::ReceiveCommand{id};
    if (method == "DELETE") return model::Purge{id};
    refusal.say(405, "bad_method", "commands take POST, GET and DELETE");
    return nothing();
  }
  const std::uint64_t token = number("token", path[3], any_64, refusal);
  if (path.size() == 4 && method == "DELETE")
    return model::SettleCommand{id, token, model::Settle::complete};
  if (path.size() == 5 && method == "POST" && path[4] == "reject")
    return model::SettleCommand{id, token, model::Settle::reject};
  if (path.size() == 5 && method == "POST" && path[4] == "abandon")
    return model::SettleCommand{id, token, model::Settle::abandon};
  refusal.say(405, "bad_method", "a received command takes DELETE, POST reject and POST abandon");
  return nothing();
}

model::Request telemetry_request(Query& query) {
  model::ReadTelemetry read;
  read.partition = static_cast<std::uint32_t>(query.number("partition", 0, any_32));
  read.from = query.number("from", 1, any_64);
  read.limit = static_cast<std::uint32_t>(query.number("limit", 100, most_events));
  if (const auto endpoint = query.take("endpoint")) read.endpoint = *endpoint;
  read.wait = query.wait();
  return read;
}

model::Request read_request(model::Now now, std::string_view method, const Path& path,
                            Query& query, std::string_view body, Refusal& refusal) {
  if (path == Path{"devices"} && method == "GET") {
    model::ListDevices list;
    if (const auto after = query.take("after")) list.after = *after;
    list.limit = static_cast<std::uint32_t>(query.number("limit", 100, most_devices));
    return list;
  }
  if (path == Path{"policies"} && method == "GET") return model::ListPolicies{};
  if (path == Path{"statistics"} && method == "GET") return model::CountDevices{};
  if (path.size() == 2 && path[0] == "devices")
    return device_request(method, path[1], body, refusal);
  if (path.size() >= 3 && path.size() <= 5 && path[0] == "devices" && path[2] == "commands")
    return command_request(now, method, path, body, refusal);
  if (path == Path{"telemetry"} && method == "GET") return telemetry_request(query);
  if (path == Path{"feedback"} && method == "GET") return model::ReceiveFeedback{query.wait()};
  if (path.size() == 2 && path[0] == "feedback" && method == "DELETE")
    return model::SettleFeedback{number("token", path[1], any_64, refusal), true};
  if (path.size() == 3 && path[0] == "feedback" && path[2] == "abandon" && method == "POST")
    return model::SettleFeedback{number("token", path[1], any_64, refusal), false};
  refusal.say(404, "no_such_place",
              "no such path and method: there are /devices, /telemetry, /feedback, "
              "/faults, /queues, /clock, /drain");
  return nothing();
}

LabRequest clock_request(std::string_view method, std::string_view body, Refusal& refusal) {
  MoveClock move;
  if (method == "GET") return move;
  constexpr const char* expected = "expected {\"step\": \"-2h\"} or {\"advance\": \"1h\"}";
  const Json json = read_json(body, refusal);
  if (json.size() != 1) refusal.bad(expected);
  for (const auto& [name, value] : json.items()) {
    const auto by = read_duration(text_of(name, value, refusal));
    if (name == "step" && by && *by <= longest_move && *by >= -longest_move) move.step = *by;
    else if (name == "advance" && by && *by <= longest_move && *by >= model::Duration{0}) move.advance = *by;
    else refusal.bad(std::string{expected} + ", a year at most; found " + std::string{body.substr(0, 100)});
  }
  return move;
}

// Nothing: it is no request of the laboratory.
std::optional<LabRequest> lab_request(std::string_view method, const Path& path, Query& query,
                                      std::string_view body, Refusal& refusal) {
  const auto methods = [&](std::string_view said) {
    refusal.say(405, "bad_method", said);
    return LabRequest{ListFaults{}};
  };
  if (path == Path{"faults"}) {
    if (method == "POST") return InjectFault{std::string{body}};
    if (method == "GET") return ListFaults{};
    if (method == "DELETE") return HealFaults{};
    return methods("faults take POST, GET and DELETE");
  }
  if (path == Path{"queues"}) {
    if (method != "GET") return methods("queues take GET");
    ListQueues list;
    if (const auto after = query.take("after")) list.after = *after;
    list.limit = static_cast<std::uint32_t>(query.number("limit", 100, most_devices));
    return list;
  }
  if (path == Path{"clock"}) {
    if (method != "GET" && method != "POST") return methods("the clock takes GET and POST");
    return clock_request(method, body, refusal);
  }
  if (path != Path{"drain"}) return std::nullopt;
  if (method != "POST") return methods("drain takes POST");
  return Drain{};
}

int status_of(model::Error error) {
  switch (error) {
    case model::Error::none: return 200;
    case model::Error::device_not_found:
    case model::Error::not_found: return 404;
    case model::Error::queue_full:
    case model::Error::disabled: return 403;
    case model::Error::unauthorized: return 401;
    case model::Error::precondition_failed: return 412;
    case model::Error::throttled: return 429;
    case model::Error::quota_exceeded: return 403;
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
    case model::Error::unauthorized: return "these credentials do not allow it";
    case model::Error::precondition_failed: return "the device has another ETag by now";
    case model::Error::throttled: return "too many requests: try again later";
    case model::Error::quota_exceeded: return "the messages of this day are used up";
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

Json identity_json(const model::DeviceIdentity& device) {
  Json json{{"device", device.device},
            {"generation", device.generation},
            {"etag", device.etag},
            {"enabled", device.enabled},
            {"connected", device.connected},
            {"commands", device.commands}};
  if (!device.reason.empty()) json["reason"] = device.reason;
  if (!device.credentials) return json;
  const bool keys = device.credentials->type == model::CredentialType::sas;
  if (device.credentials->type == model::CredentialType::authority) return json;
  json[keys ? "keys" : "thumbprints"] = {device.credentials->primary, device.credentials->secondary};
  return json;
}

}  // namespace

std::variant<model::Request, LabRequest, ApiAnswer> api_request(model::Now now,
                                                                std::string_view method,
                                                                std::string_view target,
                                                                std::string_view body) {
  Refusal refusal;
  Target address = read_target(target, refusal);
  Query query{std::move(address.query), refusal};
  if (auto asked = lab_request(method, address.path, query, body, refusal)) {
    query.done();
    if (refusal.answer()) return *refusal.answer();
    return *std::move(asked);
  }
  model::Request request = read_request(now, method, address.path, query, body, refusal);
  query.done();
  if (refusal.answer()) return *refusal.answer();
  return request;
}

ApiAnswer api_answer(const model::Request& request, const model::Response& response) {
  const ApiAnswer nothing_there{204, {}};
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
                 return command.token == 0 ? nothing_there : ApiAnswer{200, dump(command_json(command))};
               },
               [&](const model::Feedback& feedback) {
                 return feedback.token == 0 ? nothing_there
                                            : ApiAnswer{200, dump(feedback_json(feedback))};
               },
               [](const model::DeviceIdentity& device) {
                 return ApiAnswer{200, dump(identity_json(device))};
               },
               [](const model::Devices& devices) {
                 Json list = Json::array();
                 for (const model::DeviceIdentity& one : devices.list) list.push_back(identity_json(one));
                 return ApiAnswer{200, dump({{"devices", std::move(list)}})};
               },
               [](const model::DeviceCounts& counts) {
                 return ApiAnswer{200, dump({{"devices", counts.total}, {"enabled", counts.enabled}})};
               },
               [](const model::Policies& policies) {
                 Json list = Json::array();
                 for (const model::Policy& one : policies.list)
                   list.push_back({{"name", one.name}, {"keys", {one.primary, one.secondary}}});
                 return ApiAnswer{200, dump({{"policies", std::move(list)}})};
               }},
      response);
}

ApiAnswer api_error(int status, std::string_view code, std::string_view message) {
  return {status, dump({{"error", {{"code", code}, {"message", message}}}})};
}

}  // namespace hubproof::tools
