// Faults that a device asks for, by properties of a telemetry message, as the end-to-end tests of the
// vendor's SDKs do. The cloud has withdrawn this; a hub does it only where it is asked to.
//
//   AzIoTHub_FaultOperationType            what is to happen, see below
//   AzIoTHub_FaultOperationCloseReason     words for whoever is told of the end
//   AzIoTHub_FaultOperationDelayInSecs     whole seconds from the message to the fault; absent: 0
//   AzIoTHub_FaultOperationDurationInSecs  and from there on for so long; absent: 5
//
//   the message ── delay ──▶ the fault ── duration ──▶ as before
//
// The names, and that time line, are those of Azure/azure-iot-sdk-csharp,
// e2e/test/helpers/templates/FaultInjection.cs; Azure/azure-iot-sdk-node and Azure/azure-iot-sdk-c send
// the same. What no source says is decided here: the message itself is stored and acknowledged as any
// other, if its connection lives long enough; what cannot be read, or names no fault, asks for nothing;
// and until a fault is over the same device's same wish adds nothing, as a message that was cut off from
// its acknowledgement comes again.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/effects.hpp"
#include "model/hub/hub.hpp"

namespace hubproof::model {

class FaultOrders {
 public:
  enum class Kind : std::uint8_t {
    kill_tcp,         // KillTcp: its connection is reset
    shut_down,        // ShutDownMqtt, ShutDownAmqp: it ends in good order
    kill_connection,  // KillAmqpConnection: close with an error
    kill_session,     // KillAmqpSession: end of the session of its telemetry link
    kill_token_link,  // KillAmqpCBSLinkReq: detach of the link to $cbs
    kill_answer_link, // KillAmqpCBSLinkResp: of that from $cbs
    kill_telemetry_link,  // KillAmqpD2CLink
    kill_command_link,    // KillAmqpC2DLink
    throttle,         // InvokeThrottling: telemetry is refused for the duration [QUO-12]
    quota,            // InvokeMaxMessageQuota: likewise [QUO-03]
    unauthorized      // InvokeAuthError: likewise [ERR-08]
  };
  enum class Refusal : std::uint8_t { none, throttled, quota, unauthorized };
  struct Order {
    Kind kind{};
    ConnectionId connection{};  // that the message came by
    DeviceIndex device{};
    Instant from{};
    Instant until{};
    std::string reason;
  };
  // Told of each order when it comes, and when it is carried out.
  using Told = std::function<void(const Order& order, bool begins)>;

  explicit FaultOrders(Told told) : told_{std::move(told)} {}

  // A telemetry message, before it is stored. A refused one is not.
  Refusal heard(Now now, ConnectionId connection, DeviceIndex device, const MessageView& message);

  std::optional<Instant> deadline() const;  // of the next order that a door carries out
  std::optional<Order> due(Now now);        // the next one whose time has come, once

  static const char* name(Kind kind);       // of the operation

 private:
  struct Entry {
    Order order;
    bool done = false;  // it was handed out
  };
  std::optional<Order> read(Now now, const MessageView& message) const;

  Told told_;
  std::vector<Entry> entries_;  // in the order of coming
};

}  // namespace hubproof::model
