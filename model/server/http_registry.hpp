// The bodies of the hub's REST interface: errors [HTTP-22, ERR-34], and what clients of the
// registry write and read.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/operations.hpp"

namespace hubproof::model {

struct HttpError {
  unsigned status = 0;
  std::uint32_t code = 0;  // six digits, of which the first three are the status
  std::string_view name;
  std::string_view text;
};
HttpError http_error(Error error);
std::string error_body(const HttpError& error);

// A registration as a client writes it; null keys and empty ones stand for those that the hub has
// or makes. A problem is in words.
struct DeviceBody {
  std::string id;  // empty: it names none
  std::optional<Credentials> credentials;
  std::optional<bool> enabled;
  std::optional<std::string> reason;
  std::string etag;         // of bulk operations
  std::string import_mode;  // likewise
};
std::variant<DeviceBody, std::string> read_device(std::string_view body);
std::variant<std::vector<DeviceBody>, std::string> read_devices(std::string_view body,
                                                                std::size_t most);

std::string device_body(const DeviceIdentity& device);
std::string devices_body(const std::vector<DeviceIdentity>& devices);
std::string counts_body(const DeviceCounts& counts);
std::string purged_body(std::string_view device, std::uint32_t count);

struct BulkFailure {
  std::string device;
  Error error = Error::none;
};
std::string bulk_body(const std::vector<BulkFailure>& failures);

}  // namespace hubproof::model
