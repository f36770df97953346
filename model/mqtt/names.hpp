// What the hub's topics, filters and user names mean [H-04, H-14, H-15]: pure functions of text.
#pragma once

#include <cstdint>
#include <string_view>

namespace hubproof::model::mqtt {

inline constexpr std::string_view devices_level = "devices/";
inline constexpr std::string_view telemetry_levels = "/messages/events";
inline constexpr std::string_view command_levels = "/messages/devicebound/";

// Where a PUBLISH goes. A neighbour is a topic of twins and methods: known, but without effect in
// this version [NBR-01, NBR-02].
struct Topic {
  enum class Kind : std::uint8_t { telemetry, neighbour, unknown } kind = Kind::unknown;
  std::string_view bag;
};
Topic read_topic(std::string_view topic, std::string_view device);

enum class FilterKind : std::uint8_t { commands, neighbour, unknown };
FilterKind read_filter(std::string_view filter, std::string_view device);

// `{host}/{device}`, then nothing or `/` and `name=value` pairs joined by `&`, with or without a
// leading `?` [MQTT-05, MQTT-06]. The host is not compared: a hub may be reached by many names.
bool user_name_fits(std::string_view user_name, std::string_view device);

}  // namespace hubproof::model::mqtt
