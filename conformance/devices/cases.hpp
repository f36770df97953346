// START HERE. The cases for devices: each tells a device's application what to do, plays its server,
// well behaved or not, and says what the device made of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conformance/devices/adapter.hpp"
#include "conformance/devices/stage.hpp"

namespace hubproof::conformance::devices {

// What a case needs of a device; without it the case is not applicable.
struct Needs {
  std::uint8_t qos = 0;       // to publish with
  bool topics = false;        // a client of MQTT, which takes any topic; a hub's device has its own
  bool persistent = false;
  bool clean = false;         // Clean Session 1
  bool will = false;
  bool any_text = false;
  bool hub = false;           // a device of an IoT hub
  bool renews = false;        // its tokens last as long as it is told
  bool websocket = false;     // the case is about WebSockets, and is played within one always
  Protocol protocol = Protocol::mqtt;
};

struct DeviceCase {
  std::string name;           // device/chapter/what
  std::string sentence;
  std::vector<std::string> clauses;  // that it decides, as far as the device lets it
  Needs needs;
  Stage::Play play;
};

// In the order of `hubproof list cases`.
const std::vector<DeviceCase>& device_cases();

// Why the case is nothing for this device; empty: it is.
std::string not_for(const Needs& needs, const Hello& device);

// The chapters, one file each.
void add_connect_cases(std::vector<DeviceCase>& cases);
void add_publish_cases(std::vector<DeviceCase>& cases);
void add_receive_cases(std::vector<DeviceCase>& cases);
void add_subscribe_cases(std::vector<DeviceCase>& cases);
void add_session_cases(std::vector<DeviceCase>& cases);
void add_violation_cases(std::vector<DeviceCase>& cases);
void add_time_cases(std::vector<DeviceCase>& cases);
void add_hub_cases(std::vector<DeviceCase>& cases);
void add_trouble_cases(std::vector<DeviceCase>& cases);
void add_websocket_cases(std::vector<DeviceCase>& cases);
void add_amqp_telemetry_cases(std::vector<DeviceCase>& cases);
void add_amqp_connection_cases(std::vector<DeviceCase>& cases);
void add_http_cases(std::vector<DeviceCase>& cases);

}  // namespace hubproof::conformance::devices
