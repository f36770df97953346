#include "model/server/http_registry.hpp"

#include <array>

#include "model/iso_date.hpp"
#include "model/json.hpp"

namespace hubproof::model {
namespace {

std::string date_text(std::int64_t date) {
  if (date == no_date) return "0001-01-01T00:00:00Z";
  std::array<std::uint8_t, longest_iso_date> room;
  const std::int64_t milliseconds = Duration{date} / std::chrono::milliseconds{1};
  return std::string{text(View{room.data(), put_iso_date(room.data(), milliseconds)})};
}

class Writing {
 public:
  explicit Writing(std::string& out) : out_{&out} {}
  Writing& name(std::string_view name) {
    if (out_->back() != '{') *out_ += ',';
    write_json_text(*out_, name);
    *out_ += ':';
    return *this;
  }
  void text(std::string_view value) { write_json_text(*out_, value); }
  void raw(std::string_view value) { *out_ += value; }

 private:
  std::string* out_;
};

void write_pair(std::string& out, std::string_view name, const char* first, const char* second,
                const Credentials* credentials) {
  Writing writing{out};
  writing.name(name).raw("{");
  for (const bool primary : {true, false}) {
    writing.name(primary ? first : second);
    if (credentials == nullptr)
      writing.raw("null");
    else
      writing.text(primary ? credentials->primary : credentials->secondary);
  }
  writing.raw("}");
}

void write_device(std::string& out, const DeviceIdentity& device) {
  out += '{';
  Writing writing{out};
  writing.name("deviceId").text(device.device);
  writing.name("generationId").text(std::to_string(device.generation));
  writing.name("etag").text(device.etag);
  writing.name("connectionState").text(device.connected ? "Connected" : "Disconnected");
  writing.name("status").text(device.enabled ? "enabled" : "disabled");
  writing.name("statusReason");
  if (device.reason.empty())
    writing.raw("null");
  else
    writing.text(device.reason);
  writing.name("connectionStateUpdatedTime").text(date_text(device.connection_updated));
  writing.name("statusUpdatedTime").text(date_text(device.status_updated));
  writing.name("lastActivityTime").text(date_text(device.last_activity));
  writing.name("cloudToDeviceMessageCount").raw(std::to_string(device.commands));
  writing.name("capabilities").raw("{\"iotEdge\":false}");
  const Credentials* const held = device.credentials ? &*device.credentials : nullptr;
  const CredentialType type = held != nullptr ? held->type : CredentialType::sas;
  writing.name("authentication").raw("{");
  write_pair(out, "symmetricKey", "primaryKey", "secondaryKey",
             type == CredentialType::sas ? held : nullptr);
  write_pair(out, "x509Thumbprint", "primaryThumbprint", "secondaryThumbprint",
             type == CredentialType::self_signed ? held : nullptr);
  writing.name("type").text(type == CredentialType::sas           ? "sas"
                            : type == CredentialType::self_signed ? "selfSigned"
                                                                  : "certificateAuthority");
  out += "}}";
}

// ---- Reading.

// Texts may be null or absent, which is as good as empty. False: it is something else.
bool read_text(const Json& object, std::string_view name, std::string& text) {
  const Json* member = object.find(name);
  if (member == nullptr || member->is(Json::Kind::null)) return true;
  if (!member->is(Json::Kind::text)) return false;
  text = member->text;
  return true;
}

const char* read_pair(const Json& object, std::string_view name, const char* first,
                      const char* second, Credentials& credentials) {
  const Json* pair = object.find(name);
  if (pair == nullptr || pair->is(Json::Kind::null)) return nullptr;
  if (!pair->is(Json::Kind::object) || !read_text(*pair, first, credentials.primary) ||
      !read_text(*pair, second, credentials.secondary))
    return "keys and thumbprints are texts in an object";
  return nullptr;
}

const char* read_credentials(const Json& authentication, std::optional<Credentials>& out) {
  if (authentication.is(Json::Kind::null)) return nullptr;
  if (!authentication.is(Json::Kind::object)) return "authentication is an object";
  std::string type = "sas";
  Credentials keys;
  Credentials prints;
  if (!read_text(authentication, "type", type)) return "the type of authentication is a text";
  const char* problem =
      read_pair(authentication, "symmetricKey", "primaryKey", "secondaryKey", keys);
  if (problem == nullptr)
    problem = read_pair(authentication, "x509Thumbprint", "primaryThumbprint",
                        "secondaryThumbprint", prints);
  if (problem != nullptr) return problem;
  if (type == "sas") {
    // Without a type, thumbprints alone say which it is.
    if (authentication.find("type") == nullptr && keys.primary.empty() && !prints.primary.empty())
      type = "selfSigned";
    keys.type = CredentialType::sas;
    out = keys;
  }
  if (type == "selfSigned") {
    prints.type = CredentialType::self_signed;
    out = prints;
  } else if (type == "certificateAuthority") {
    out = Credentials{CredentialType::authority, {}, {}};
  } else if (type != "sas") {
    return "a type of authentication is sas, selfSigned or certificateAuthority";
  }
  return nullptr;
}

std::variant<DeviceBody, std::string> read_device(const Json& json) {
  if (!json.is(Json::Kind::object)) return "a device is a JSON object";
  DeviceBody device;
  std::string status;
  std::string reason;
  if (!read_text(json, "deviceId", device.id) ||
      (device.id.empty() && !read_text(json, "id", device.id)) ||
      !read_text(json, "status", status) || !read_text(json, "statusReason", reason) ||
      !read_text(json, "etag", device.etag) || !read_text(json, "eTag", device.etag) ||
      !read_text(json, "importMode", device.import_mode))
    return "id, status, reason, ETag and import mode are texts";
  if (!status.empty() && status != "enabled" && status != "disabled")
    return "a status is enabled or disabled";
  if (!status.empty()) device.enabled = status == "enabled";
  if (json.find("statusReason") != nullptr) device.reason = reason;
  if (const Json* authentication = json.find("authentication"))
    if (const char* problem = read_credentials(*authentication, device.credentials)) return problem;
  return device;
}

}  // namespace

HttpError http_error(Error error) {
  switch (error) {
    case Error::none:
      break;
    case Error::device_not_found:
      return {404, 404001, "DeviceNotFound", "this device is not registered"};
    case Error::queue_full:
      return {403, 403004, "DeviceMaximumQueueDepthExceeded", "the queue of this device is full"};
    case Error::too_large:
      return {413, 413001, "MessageTooLarge", "the message is larger than allowed"};
    case Error::invalid_expiry:
      return {403, 403009, "InvalidMessageExpiryTime", "the expiry is past, or too far away"};
    case Error::lock_lost:
      return {412, 412002, "DeviceMessageLockLost",
              "the lock of this message has ended, or never was"};
    case Error::not_found:
      return {404, 404000, "NotFound", "there is nothing of this name"};
    case Error::device_exists:
      return {409, 409001, "DeviceAlreadyExists", "this device is registered already"};
    case Error::bad_request:
      return {400, 400004, "ArgumentInvalid", "the request says something that cannot be"};
    case Error::storage:
      return {500, 500001, "ServerError", "the hub could not store it; try again"};
    case Error::timed_out:
      return {500, 500008, "GenericTimeout", "the hub did not come to an end in time"};
    case Error::disabled:
      return {403, 403012, "DeviceDisabled", "this device is disabled"};
    case Error::unauthorized:
      return {401, 401002, "IotHubUnauthorizedAccess",
              "the credentials are missing, wrong, expired, or for something else"};
    case Error::throttled:
      return {429, 429001, "ThrottlingException", "too many requests: try again later"};  // [QUO-12]
    case Error::quota_exceeded:
      return {403, 403002, "IotHubQuotaExceeded", "the day's messages are used up"};  // [QUO-03]
    case Error::precondition_failed:
      return {412, 412001, "PreconditionFailed", "the ETag is another one"};
  }
  return {500, 500001, "ServerError", "the hub does not know why"};
}

std::string error_body(const HttpError& error) {
  std::string out = "{";
  Writing writing{out};
  writing.name("Message").text("ErrorCode:" + std::string{error.name} + ";" +
                               std::string{error.text});
  writing.name("ExceptionMessage").text("");
  writing.name("errorCode").raw(std::to_string(error.code));
  return out + "}";
}

std::variant<DeviceBody, std::string> read_device(std::string_view body) {
  const auto json = read_json(body);
  if (!json) return "the body is not JSON";
  return read_device(*json);
}

std::variant<std::vector<DeviceBody>, std::string> read_devices(std::string_view body,
                                                                std::size_t most) {
  const auto json = read_json(body);
  if (!json || !json->is(Json::Kind::array)) return "the body is not a JSON array of devices";
  if (json->items.size() > most) return "at most " + std::to_string(most) + " devices at a time";
  std::vector<DeviceBody> devices;
  for (const Json& item : json->items) {
    auto device = read_device(item);
    if (std::string* problem = std::get_if<std::string>(&device)) return std::move(*problem);
    devices.push_back(std::move(std::get<DeviceBody>(device)));
    if (devices.back().id.empty()) return "each device has an id";
  }
  return devices;
}

std::string device_body(const DeviceIdentity& device) {
  std::string out;
  write_device(out, device);
  return out;
}

std::string devices_body(const std::vector<DeviceIdentity>& devices) {
  std::string out = "[";
  for (const DeviceIdentity& device : devices) {
    if (out.size() > 1) out += ',';
    write_device(out, device);
  }
  return out + "]";
}

std::string counts_body(const DeviceCounts& counts) {
  return "{\"totalDeviceCount\":" + std::to_string(counts.total) +
         ",\"enabledDeviceCount\":" + std::to_string(counts.enabled) +
         ",\"disabledDeviceCount\":" + std::to_string(counts.total - counts.enabled) + "}";
}

std::string purged_body(std::string_view device, std::uint32_t count) {
  std::string out = "{";
  Writing writing{out};
  writing.name("deviceId").text(device);
  writing.name("moduleId").raw("null");
  writing.name("totalMessagesPurged").raw(std::to_string(count));
  return out + "}";
}

std::string bulk_body(const std::vector<BulkFailure>& failures) {
  std::string out = failures.empty() ? "{\"isSuccessful\":true,\"errors\":["
                                     : "{\"isSuccessful\":false,\"errors\":[";
  for (const BulkFailure& failure : failures) {
    const HttpError error = http_error(failure.error);
    if (&failure != &failures.front()) out += ',';
    out += '{';
    Writing writing{out};
    writing.name("deviceId").text(failure.device);
    writing.name("errorCode").raw(std::to_string(error.code));
    writing.name("errorStatus").text(error.name);
    out += '}';
  }
  return out + "],\"warnings\":[]}";
}

}  // namespace hubproof::model
