#include "conformance/devices/cases.hpp"

#include <algorithm>

namespace hubproof::conformance::devices {

const std::vector<DeviceCase>& device_cases() {
  static const std::vector<DeviceCase> all = [] {
    std::vector<DeviceCase> cases;
    add_connect_cases(cases);
    add_publish_cases(cases);
    add_receive_cases(cases);
    add_subscribe_cases(cases);
    add_session_cases(cases);
    add_violation_cases(cases);
    add_time_cases(cases);
    add_hub_cases(cases);
    add_trouble_cases(cases);
    add_websocket_cases(cases);
    add_amqp_telemetry_cases(cases);
    add_amqp_connection_cases(cases);
    add_http_cases(cases);
    for (DeviceCase& each : cases) each.name = "device/" + each.name;
    return cases;
  }();
  return all;
}

std::string not_for(const Needs& needs, const Hello& device) {
  if (needs.protocol != device.protocol) return std::string{"it speaks "} + protocol_text(device.protocol);
  if (needs.protocol != Protocol::mqtt && needs.websocket) return std::string{protocol_text(needs.protocol)} + " is played over TCP and TLS only";
  if (needs.hub && !device.hub) return "it is not a device of an IoT hub";
  if (needs.topics && device.hub) return "a hub's device chooses topics, filters and wills itself";
  if (needs.qos > 0 && std::ranges::find(device.qos, needs.qos) == device.qos.end())
    return "it does not publish with QoS " + std::to_string(needs.qos);
  if (needs.persistent && !device.persistent_session) return "it has no persistent session";
  if (needs.clean && !device.clean_session) return "it always asks for its session to be kept";
  if (needs.renews && !device.renews) return "it cannot be told how long its tokens are good";
  if (needs.websocket && !device.websocket) return "it speaks no WebSocket";
  if (needs.will && !device.will) return "it has no will";
  if (needs.any_text && !device.any_text) return "its adapter cannot hand on a text that MQTT forbids";
  return {};
}

}  // namespace hubproof::conformance::devices
