// The operations of the hub's service door and of its interim device link, as values. The link
// (model/link/) carries them over a connection, `serve --control` over HTTP and JSON.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "model/bytes.hpp"
#include "model/history.hpp"
#include "model/time.hpp"

namespace hubproof::model {

// Requests of a service. Names are device ids.
struct CreateDevice { std::string device; };                     // -> Done{generation}
struct DeleteDevice { std::string device; };                     // -> Done
struct EnableDevice { std::string device; bool enabled = true; };// -> Done
struct Purge { std::string device; };                            // -> Done{count} [C2D-38]
struct SendCommand { std::string device; Bytes message; };       // flat message -> Done{sequence, date, expiry}
struct ReadTelemetry {  // -> Telemetry. Waits up to `wait` while there is nothing [D2C-35, D2C-36]
  std::string group = "$Default";
  std::uint32_t partition = 0;
  std::uint64_t from = 0;       // first sequence number wanted; 0: after the group's checkpoint
  std::uint32_t limit = 100;    // events
  Duration wait{};
};
struct StoreCheckpoint { std::string group = "$Default"; std::uint32_t partition = 0; std::uint64_t sequence = 0; };
struct ReceiveFeedback { Duration wait{}; };                     // -> Feedback (token 0: none) [FBK-10]
struct SettleFeedback { std::uint64_t token = 0; bool complete = true; };  // else abandon [FBK-18, FBK-21]

// Requests of a device over the interim link, shaped like HTTPS: no session, lock tokens [C2D-11].
struct ReceiveCommand { std::string device; };                   // -> Command (token 0: none)
enum class Settle : std::uint8_t { complete, reject, abandon };
struct SettleCommand { std::string device; std::uint64_t token = 0; Settle how = Settle::complete; };  // -> Done or Failed{lock_lost}

using Request = std::variant<CreateDevice, DeleteDevice, EnableDevice, Purge, SendCommand, ReadTelemetry,
                             StoreCheckpoint, ReceiveFeedback, SettleFeedback, ReceiveCommand, SettleCommand>;

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

using Response = std::variant<Failed, Done, Telemetry, Command, Feedback>;

}  // namespace hubproof::model
