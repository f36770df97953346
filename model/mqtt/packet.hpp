// The fourteen packets of MQTT 3.1.1 as structs of views into the bytes they came from.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "model/bytes.hpp"

namespace hubproof::model::mqtt {

using PacketId = std::uint16_t;

struct Will {
  std::string_view topic;
  View message;
  std::uint8_t qos = 0;
  bool retain = false;
};

struct Connect {
  std::uint8_t level = 4;
  bool clean_session = true;
  std::uint16_t keep_alive = 0;  // seconds
  std::string_view client_id;
  std::optional<Will> will;
  std::optional<std::string_view> user_name;
  std::optional<View> password;
};
struct Connack {
  bool session_present = false;
  std::uint8_t code = 0;
};
struct Publish {
  std::string_view topic;
  View payload;
  PacketId id = 0;  // 0 with QoS 0
  std::uint8_t qos = 0;
  bool dup = false;
  bool retain = false;
};
struct Puback {
  PacketId id = 0;
};
struct Pubrec {
  PacketId id = 0;
};
struct Pubrel {
  PacketId id = 0;
};
struct Pubcomp {
  PacketId id = 0;
};
struct Filter {
  std::string_view filter;
  std::uint8_t qos = 0;
};
struct Subscribe {
  PacketId id = 0;
  std::vector<Filter> filters;
};
struct Suback {
  PacketId id = 0;
  std::vector<std::uint8_t> codes;
};
struct Unsubscribe {
  PacketId id = 0;
  std::vector<std::string_view> filters;
};
struct Unsuback {
  PacketId id = 0;
};
struct Pingreq {};
struct Pingresp {};
struct Disconnect {};

using Packet = std::variant<Connect, Connack, Publish, Puback, Pubrec, Pubrel, Pubcomp, Subscribe,
                            Suback, Unsubscribe, Unsuback, Pingreq, Pingresp, Disconnect>;

}  // namespace hubproof::model::mqtt
