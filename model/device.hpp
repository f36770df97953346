// The reference device: it keeps what it was given until the hub has acknowledged it, over MQTT 3.1.1,
// AMQP 1.0 or HTTP. One connection at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "model/chance.hpp"
#include "model/device/mqtt_device.hpp"
#include "model/device_settings.hpp"
#include "model/effects.hpp"
#include "model/rules.hpp"

namespace hubproof::model {

class AmqpDevice;
class HttpDevice;
class WebSocketClient;

// A machine for each protocol. MQTT's lies in the device itself and not behind a pointer, as that
// would be one more wait for memory in each call; the others are the rarer.
class alignas(64) Device {
 public:
  static constexpr std::size_t hot = 256;  // where it keeps what every message touches

  // `number` is the node's number in message keys: telemetry of this device has own_key('t', number, n).
  Device(const DeviceSettings& settings, const DeviceRules& rules, std::string id, std::uint32_t number,
         Chance chance);
  ~Device();
  Device(Device&&) noexcept;

  void started(Now now, std::span<const StoredFile> files, Effects& effects);
  // Hands a flat message to the device for sending; it must have a message-id.
  void submit(Now now, View message, Effects& effects);
  // The same for who knows the message's key already: MessageView{message}.key().
  void submit(Now now, MessageKey key, View message, Effects& effects);
  void connected(Now now, ConnectionId connection, Effects& effects);
  void refused(Now now, ConnectionId connection, Effects& effects);
  void received(Now now, ConnectionId connection, View bytes, Effects& effects);
  void ended(Now now, ConnectionId connection, EndedBy by, Effects& effects);
  void stored(Now now, Ticket ticket, bool ok, Effects& effects);
  void woken(Now now, Effects& effects);
  std::optional<Instant> deadline() const;

  // Going to sleep and waking up by intent: a clean DISCONNECT, and no connecting until resumed.
  void sleep(Now now, Effects& effects);
  void resume(Now now, Effects& effects);

  // A hint that a call is near, perhaps with a message to send: what it needs may be fetched. The
  // device itself is there.
  void soon(bool message) const;

  std::size_t unacknowledged() const;  // submitted, not yet acknowledged

 private:
  template <class F>
  void ask(Effects& effects, F&& f);
  template <class F>
  void ask_bare(F&& f);  // without what is below it
  void submit_to_any(Now now, MessageKey key, View message, Effects& effects);
  void received_by_any(Now now, ConnectionId connection, View bytes, Effects& effects);
  void hear_websocket(Now now, ConnectionId connection, View bytes, Effects& effects);

  bool plain_ = false;  // MQTT with nothing below it
  std::unique_ptr<AmqpDevice> amqp_;
  std::unique_ptr<HttpDevice> http_;
  std::unique_ptr<WebSocketClient> websocket_;  // below MQTT's or AMQP's, if it goes through one
  std::optional<MqttDevice> mqtt_;  // when it is neither's
};

}  // namespace hubproof::model
