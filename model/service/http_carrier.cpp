#include "model/service/http_carrier.hpp"

#include <charconv>

#include "model/hub/token.hpp"
#include "model/http/target.hpp"
#include "model/json.hpp"

namespace hubproof::model {
namespace {

constexpr std::string_view version = "?api-version=2021-04-12";

std::uint32_t number(const Json* json) {
  std::uint32_t value = 0;
  if (json != nullptr) std::from_chars(json->text.data(), json->text.data() + json->text.size(), value);
  return value;
}

void write_member(std::string& out, std::string_view name, std::string_view value) {
  if (out.back() != '{') out += ',';
  write_json_text(out, name);
  out += ':';
  write_json_text(out, value);
}

void write_keys(std::string& out, const std::optional<Credentials>& credentials) {
  if (!credentials) return;
  out += ",\"authentication\":{";
  write_member(out, "type", "sas");
  out += ",\"symmetricKey\":{";
  write_member(out, "primaryKey", credentials->primary);
  write_member(out, "secondaryKey", credentials->secondary);
  out += "}}";
}

// A definite answer, or one that says nothing of the outcome [ERR-38].
Error read_error(unsigned status, const Json* body) {
  constexpr std::uint32_t time_out = 500'008, device_disabled = 403'012;
  const std::uint32_t code = body == nullptr ? 0 : number(body->find("errorCode"));
  if (code == device_disabled) return Error::disabled;
  switch (status) {
    case 400: return Error::bad_request;
    case 401: return Error::unauthorized;
    case 404: return Error::device_not_found;
    case 409: return Error::device_exists;
    case 412: return Error::precondition_failed;
    case 429: return Error::throttled;
    default: return code == time_out ? Error::timed_out : Error::storage;
  }
}

}  // namespace

void HttpCarrier::ask(Now now, std::uint32_t correlation, const Request& request, Effects& effects) {
  http::Request asked;
  std::string target = "/devices/";
  std::string body;
  bool any_version = true;  // of the device
  const auto device = [&](std::string_view method, const std::string& id) {
    asked.method = method;
    http::write_level(target, id);
    if (method == "PUT") {
      body = "{";
      write_member(body, "deviceId", id);
    }
  };
  if (const auto* create = std::get_if<CreateDevice>(&request)) {
    device("PUT", create->device);
    write_member(body, "status", create->enabled ? "enabled" : "disabled");
    write_keys(body, create->credentials);
    any_version = false;
  } else if (const auto* enable = std::get_if<EnableDevice>(&request)) {
    device("PUT", enable->device);
    write_member(body, "status", enable->enabled ? "enabled" : "disabled");
  } else if (const auto* update = std::get_if<UpdateDevice>(&request)) {
    device("PUT", update->device);
    write_keys(body, update->credentials);
  } else if (const auto* erase = std::get_if<DeleteDevice>(&request)) {
    device("DELETE", erase->device);
  } else if (const auto* purge = std::get_if<Purge>(&request)) {
    device("DELETE", purge->device);
    target += "/commands";
    any_version = false;
  } else {
    answers_.push_back({correlation, Failed{Error::bad_request}});
    return;
  }
  if (!body.empty()) body += '}';
  target += version;
  asked.target = target;
  asked.body = view(body);
  asked.fields.push_back({"Host", settings_->host});
  std::string token;
  if (!settings_->policy_key.empty()) {
    constexpr Duration life = std::chrono::hours{1};
    token = make_token(settings_->host, settings_->policy_key, KeyForm::decoded, now.wall + life, settings_->policy);
    asked.fields.push_back({"Authorization", token});
  }
  if (any_version) asked.fields.push_back({"If-Match", "\"*\""});  // [ERR-26]
  if (!body.empty()) asked.fields.push_back({"Content-Type", "application/json"});
  http::write(effects.sending(connection_), asked);
  effects.sent();
  asked_.push_back(correlation);
}

void HttpCarrier::received(Now, View bytes) {
  decoder_.feed(bytes);
  while (const http::Response* response = decoder_.next()) {
    if (response->status < 200) continue;
    if (asked_.empty()) {
      broken_ = true;
      return;
    }
    const auto json = read_json(text(response->body));
    const Json* const body = json ? &*json : nullptr;
    Response answer = Failed{read_error(response->status, body)};
    if (response->status < 300) {
      Done done;
      if (body != nullptr) {
        done.generation = number(body->find("generationId"));
        if (const Json* purged = body->find("totalMessagesPurged")) done.count = number(purged);
      }
      answer = done;
    }
    answers_.push_back({asked_.front(), std::move(answer)});
    asked_.pop_front();
    broken_ = broken_ || !response->keep_alive;
  }
}

std::optional<Answer> HttpCarrier::next() {
  if (answers_.empty()) return std::nullopt;
  Answer frame = std::move(answers_.front());
  answers_.pop_front();
  return frame;
}

void HttpCarrier::ended() {
  decoder_ = http::ResponseDecoder{};
  asked_.clear();
  answers_.clear();
  broken_ = false;
}

}  // namespace hubproof::model
