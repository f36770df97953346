// The operations on a hub as values: what its HTTP door reads from requests, what `serve --control` carries
// as JSON, and what the reference back end brings over AMQP and HTTP.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/bytes.hpp"
#include "model/history.hpp"
#include "model/identity.hpp"
#include "model/time.hpp"

namespace hubproof::model {

// Requests of a service. Names are device ids.
struct CreateDevice {  // -> Done{generation}
  std::string device;
  std::optional<Credentials> credentials{};  // absent: none are kept, unless this hub asks for them
  bool enabled = true;
  std::string reason{};                      // why it has this status, in words
};
// If-Match: "*" or empty: whatever its ETag is [ERR-26].
struct DeleteDevice { std::string device; std::string if_match{}; };  // -> Done
struct EnableDevice { std::string device; bool enabled = true; };// -> Done
struct Purge { std::string device; };                            // -> Done{count} [C2D-38]
struct SendCommand { std::string device; Bytes message; };       // flat message -> Done{sequence, date, expiry}
struct ReadTelemetry {  // -> Telemetry. Waits up to `wait` while there is nothing [D2C-35, D2C-36]
  std::uint32_t partition = 0;
  std::uint64_t from = 0;       // first sequence number wanted; 0: from the oldest on
  std::uint32_t limit = 100;    // events
  Duration wait{};
  std::string endpoint{};       // empty: the built-in one
};
struct ReceiveFeedback { Duration wait{}; };                     // -> Feedback (token 0: none) [FBK-10]
struct SettleFeedback { std::uint64_t token = 0; bool complete = true; };  // else abandon [FBK-18, FBK-21]

// Requests of a device, shaped like HTTPS: no session, lock tokens [C2D-11].
struct ReceiveCommand { std::string device; };                   // -> Command (token 0: none)
enum class Settle : std::uint8_t { complete, reject, abandon };
struct SettleCommand { std::string device; std::uint64_t token = 0; Settle how = Settle::complete; };  // -> Done or Failed{lock_lost}

// More of the registry.
struct UpdateDevice {  // -> DeviceIdentity as it is then. What is absent stays; so does what an empty key stands for
  std::string device;
  std::string if_match{};
  std::optional<Credentials> credentials{};
  std::optional<bool> enabled{};
  std::optional<std::string> reason{};
};
struct GetDevice { std::string device; };                        // -> DeviceIdentity
struct ListDevices { std::string after{}; std::uint32_t limit = 1000; };  // -> Devices, in the order of their ids
struct CountDevices {};                                          // -> DeviceCounts
struct ListPolicies {};                                          // -> Policies; made now if there were none

using Request = std::variant<CreateDevice, DeleteDevice, EnableDevice, Purge, SendCommand, ReadTelemetry,
                             ReceiveFeedback, SettleFeedback, ReceiveCommand, SettleCommand,
                             UpdateDevice, GetDevice, ListDevices, CountDevices, ListPolicies>;

struct Failed { Error error = Error::none; };
struct Done {
  std::uint32_t generation = 0;
  std::uint32_t count = 0;
  std::uint64_t sequence = 0;
  std::int64_t date = no_date;    // enqueued time
  std::int64_t expiry = no_date;
};
struct TelemetryEvent {
  std::uint64_t sequence = 0;
  std::uint64_t offset = 0;
  std::int64_t enqueued = 0;      // the hub's date, ns
  std::string device;             // stamps of origin [D2C-14]
  std::uint32_t generation = 0;
  bool will = false;              // iothub-MessageType = Will [MQTT-41]
  Bytes message;                  // flat
};
struct Telemetry { std::uint32_t partition = 0; std::vector<TelemetryEvent> events; };
struct Command {
  std::uint64_t token = 0;
  std::uint64_t sequence = 0;
  std::uint32_t count = 0;        // delivery count before this delivery [C2D-16]
  std::int64_t enqueued = no_date;
  std::int64_t expiry = no_date;
  Bytes message;
};
struct FeedbackRecord {           // [FBK-11]
  std::string original_message_id;
  std::string device;
  std::uint32_t generation = 0;
  Status status = Status::success;
  std::int64_t date = 0;          // of the outcome [FBK-17]
};
struct Feedback {
  std::uint64_t token = 0;
  std::int64_t created = no_date;
  std::uint32_t count = 0;        // delivery count
  std::vector<FeedbackRecord> records;
};

struct DeviceIdentity {
  std::string device;
  std::uint32_t generation = 0;
  std::string etag;               // another one after each update; without quotes
  bool enabled = true;
  std::string reason;
  std::optional<Credentials> credentials;
  bool connected = false;
  std::int64_t status_updated = no_date;  // hub's dates
  std::int64_t connection_updated = no_date;
  std::int64_t last_activity = no_date;
  std::uint32_t commands = 0;     // in its queue
};
struct Devices { std::vector<DeviceIdentity> list; };
struct DeviceCounts { std::uint32_t total = 0; std::uint32_t enabled = 0; };
struct Policies { std::vector<Policy> list; };

using Response = std::variant<Failed, Done, Telemetry, Command, Feedback, DeviceIdentity, Devices, DeviceCounts,
                              Policies>;

}  // namespace hubproof::model
