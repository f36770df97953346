#include "model/mqtt/names.hpp"

#include <optional>

namespace hubproof::model::mqtt {
namespace {

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

// An id may stand in a topic as it is or percent-encoded, as it must when it has a '+' [MSG-23].
bool spells(std::string_view text, std::string_view device) {
  if (text == device) return true;
  std::size_t matched = 0;
  for (std::size_t at = 0; at < text.size(); ++at, ++matched) {
    char c = text[at];
    if (c == '%') {
      if (text.size() - at < 3) return false;
      const auto high = hex_digit(text[at + 1]);
      const auto low = hex_digit(text[at + 2]);
      if (!high || !low) return false;
      c = static_cast<char>(*high << 4 | *low);
      at += 2;
    }
    if (matched == device.size() || device[matched] != c) return false;
  }
  return matched == device.size();
}

// What follows `devices/{device}`; nothing when the topic is another's.
std::optional<std::string_view> after_device(std::string_view topic, std::string_view device) {
  if (!topic.starts_with(devices_level)) return std::nullopt;
  topic.remove_prefix(devices_level.size());
  if (topic.size() > device.size() && topic[device.size()] == '/' && topic.starts_with(device))
    return topic.substr(device.size());
  const std::size_t slash = topic.find('/');
  if (slash == topic.npos || !spells(topic.substr(0, slash), device)) return std::nullopt;
  return topic.substr(slash);
}

}  // namespace

Topic read_topic(std::string_view topic, std::string_view device) {
  const auto rest = after_device(topic, device);
  if (!rest) {
    const bool known = topic.starts_with("$iothub/twin/GET/") ||
                       topic.starts_with("$iothub/twin/PATCH/properties/reported/") ||
                       topic.starts_with("$iothub/methods/res/");
    return {known ? Topic::Kind::neighbour : Topic::Kind::unknown, {}};
  }
  if (!rest->starts_with(telemetry_levels)) return {};
  std::string_view bag = rest->substr(telemetry_levels.size());
  if (bag.empty()) return {Topic::Kind::telemetry, {}};
  if (bag.front() != '/') return {};
  bag.remove_prefix(1);
  if (bag.size() > 1 && bag.back() == '/') bag.remove_suffix(1);  // SDKs close the level [H-14]
  if (bag.find('/') != bag.npos) return {};                       // the bag is one level [MQTT-23]
  return {Topic::Kind::telemetry, bag};
}

FilterKind read_filter(std::string_view filter, std::string_view device) {
  if (filter == "$iothub/twin/res/#" || filter == "$iothub/twin/PATCH/properties/desired/#" ||
      filter == "$iothub/methods/POST/#")
    return FilterKind::neighbour;
  const auto rest = after_device(filter, device);
  const bool commands = rest && rest->size() == command_levels.size() + 1 &&
                        rest->starts_with(command_levels) && rest->back() == '#';
  return commands ? FilterKind::commands : FilterKind::unknown;
}

bool user_name_fits(std::string_view user_name, std::string_view device) {
  const std::size_t host = user_name.find('/');
  if (host == user_name.npos || host == 0) return false;
  user_name.remove_prefix(host + 1);
  const std::size_t end = user_name.find('/');
  if (!spells(user_name.substr(0, end), device)) return false;
  if (end == user_name.npos) return true;
  std::string_view pairs = user_name.substr(end + 1);
  if (pairs.starts_with('?')) pairs.remove_prefix(1);
  while (!pairs.empty()) {
    const std::string_view pair = pairs.substr(0, pairs.find('&'));
    const std::size_t equals = pair.find('=');
    if (equals == 0 || equals == pair.npos) return false;
    if (pair.substr(0, equals).find('/') != pair.npos)
      return false;  // a module's name stands there
    pairs.remove_prefix(pair.size());
    if (!pairs.empty()) pairs.remove_prefix(1);
  }
  return true;
}

}  // namespace hubproof::model::mqtt
