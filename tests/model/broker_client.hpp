// A client of the plain broker for tests: it says packets, and what it is told is told as one line each.
#pragma once

#include <string>
#include <vector>

#include "tests/model/server_driver.hpp"

namespace hubproof::server_tests {

// "publish a/b hello qos 1 id 7 retain dup", "puback 3", "connack 0 present", "suback 4: 0 1 128".
inline std::string line(const Got& got) {
  static constexpr const char* names[] = {"", "connect", "connack", "publish", "puback", "pubrec", "pubrel", "pubcomp",
                                          "subscribe", "suback", "unsubscribe", "unsuback", "pingreq", "pingresp",
                                          "disconnect"};
  std::string text = names[static_cast<std::size_t>(got.type)];
  if (got.type == Packet::connack) return text + " " + std::to_string(got.code) + (got.present ? " present" : "");
  if (got.type == Packet::pingresp) return text;
  if (got.type == Packet::suback) {
    text += " " + std::to_string(got.id) + ":";
    for (const std::uint8_t code : got.codes) text += " " + std::to_string(code);
    return text;
  }
  if (got.type != Packet::publish) return text + " " + std::to_string(got.id);
  text += " " + got.topic + " " + got.payload + " qos " + std::to_string(got.qos);
  if (got.qos > 0) text += " id " + std::to_string(got.id);
  if (got.retain) text += " retain";
  return got.dup ? text + " dup" : text;
}

struct BrokerWill {
  std::string topic, message;
  std::uint8_t qos = 0;
  bool retain = false;
};

class BrokerClient {
 public:
  // Opens a connection and says CONNECT.
  BrokerClient(Driver& driver, std::string id, bool clean = true, std::optional<BrokerWill> will = {},
               std::uint16_t keep_alive = 0)
      : driver_{&driver}, id_{std::move(id)} {
    connect(clean, will, keep_alive);
  }

  void connect(bool clean, const std::optional<BrokerWill>& will = {}, std::uint16_t keep_alive = 0) {
    connection = driver_->open();
    mqtt::Connect packet;
    packet.client_id = id_;
    packet.clean_session = clean;
    packet.keep_alive = keep_alive;
    if (will) packet.will = mqtt::Will{will->topic, view(will->message), will->qos, will->retain};
    driver_->feed(connection, packet);
  }
  template <class P>
  void say(const P& packet) {
    driver_->feed(connection, packet);
  }
  void subscribe(const std::string& filter, std::uint8_t qos = 0, mqtt::PacketId packet = 1) {
    say(mqtt::Subscribe{packet, {{filter, qos}}});
  }
  void unsubscribe(const std::string& filter, mqtt::PacketId packet = 2) {
    say(mqtt::Unsubscribe{packet, {filter}});
  }
  void publish(const std::string& topic, const std::string& payload, std::uint8_t qos = 0, mqtt::PacketId packet = 0,
               bool retain = false, bool dup = false) {
    say(mqtt::Publish{topic, view(payload), packet, qos, dup, retain});
  }
  void lose() { driver_->lose(connection); }
  bool closed() const { return driver_->closed(connection); }
  std::vector<std::string> told() {
    std::vector<std::string> lines;
    for (const Got& got : driver_->take(connection)) lines.push_back(line(got));
    return lines;
  }

  ConnectionId connection{};

 private:
  Driver* driver_;
  std::string id_;
};

inline Rules plain_broker() { return *profile("mqtt-3.1.1"); }

}  // namespace hubproof::server_tests
