// The reference device: an MQTT 3.1.1 client that keeps what it was given until the hub has
// acknowledged it, and a user of the interim link. One connection at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "model/chance.hpp"
#include "model/effects.hpp"
#include "model/rules.hpp"
#include "model/server.hpp"

namespace hubproof::model {

struct Ratio {
  std::uint32_t num = 0;
  std::uint32_t den = 1;
};

// Shared by all devices of one group; must outlive them.
struct DeviceSettings {
  enum class Protocol : std::uint8_t { mqtt, link };  // link: only receives and settles commands, by polling
  Protocol protocol = Protocol::mqtt;
  std::string host = "hub";
  Duration keep_alive = 60s;
  bool clean_session = false;
  bool durable_outbox = false;          // else in memory: lost with the process
  std::uint16_t window = 10;            // unacknowledged publishes
  std::uint32_t outbox_limit = 10'000;  // messages; a submit beyond it fails
  std::uint8_t telemetry_qos = 1;
  bool receives_commands = false;       // subscribes to its cloud-to-device filter
  std::uint8_t command_qos = 1;
  bool has_will = false;
  Duration back_off_first = 1s;
  Duration back_off_max = 60s;
  std::uint32_t back_off_jitter_percent = 50;
  Duration connect_patience = 30s;      // no CONNACK
  Duration ack_patience = 60s;          // no PUBACK, no PINGRESP: cut and reconnect
  // The application's handling of a command: settles after `handling`; out of 1000, so many are
  // rejected or abandoned (link only) or never settled; the rest are completed.
  Duration handling{};
  std::uint32_t reject_per_mille = 0;
  std::uint32_t abandon_per_mille = 0;
  std::uint32_t ignore_per_mille = 0;
  Duration poll = 5s;                   // link: between receives when there was nothing
};

class Device {
 public:
  // `number` is the node's number in message keys: telemetry of this device has own_key('t', number, n).
  Device(const DeviceSettings& settings, const DeviceRules& rules, std::string id, std::uint32_t number,
         Chance chance);
  ~Device();
  Device(Device&&) noexcept;

  void started(Now now, std::span<const StoredFile> files, Effects& effects);
  // Hands a flat message to the device for sending; it must have a message-id.
  void submit(Now now, View message, Effects& effects);
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

  // A hint that a call is near: what it needs may be fetched. Told twice.
  void soon(bool again) const;

  std::size_t unacknowledged() const;  // submitted, not yet acknowledged

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hubproof::model
