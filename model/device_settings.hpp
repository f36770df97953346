// What a reference device is told to be.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "model/rules.hpp"
#include "model/time.hpp"

namespace hubproof::model {

// Shared by all devices of one group; must outlive them.
struct DeviceSettings {
  enum class Protocol : std::uint8_t { mqtt, http, amqp };
  Protocol protocol = Protocol::mqtt;
  enum class Transport : std::uint8_t { tcp, websocket };  // of MQTT and AMQP: the latter through the HTTP door
  Transport transport = Transport::tcp;
  std::string host = "hub";
  Duration keep_alive = 60s;
  bool clean_session = false;
  bool durable_outbox = false;          // else in memory: lost with the process
  std::uint16_t window = 10;            // unacknowledged messages that were sent
  std::uint32_t batch = 1;              // HTTP: most messages of one request
  std::uint32_t outbox_limit = 10'000;  // messages; a submit beyond it fails
  std::uint8_t telemetry_qos = 1;
  bool receives_commands = false;       // subscribes to its cloud-to-device filter, or polls
  std::uint8_t command_qos = 1;
  bool has_will = false;
  Duration back_off_first = 1s;
  Duration back_off_max = 60s;
  std::uint32_t back_off_jitter_percent = 50;
  Duration connect_patience = 30s;      // no CONNACK
  Duration ack_patience = 60s;          // no PUBACK, no PINGRESP: cut and reconnect
  // The application's handling of a command, which takes Chance::handling(): out of 1000, so many are
  // rejected or abandoned (HTTP only) or never settled; the rest are completed.
  std::uint32_t reject_per_mille = 0;
  std::uint32_t abandon_per_mille = 0;
  std::uint32_t ignore_per_mille = 0;
  // What a token is made with when a connection is: whose device it names, and whose key signs it. A
  // right device names itself. Absent: no token is shown.
  struct Signer { std::string device; std::string key; };
  std::function<Signer(std::string_view device)> signer{};
  Duration token_life = 1h;
  Duration token_renewal = 45min;       // so long after a token was made a new connection is [SEC-19]
  Duration poll = 5s;                   // HTTP: between receives when there was nothing
};

}  // namespace hubproof::model
