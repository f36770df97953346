#include "conformance/cases/case.hpp"

#include <algorithm>
#include <iterator>

namespace hubproof::conformance::cases {
namespace {

// The doors that names begin with, as capabilities.
Capability door_of(std::string_view name) {
  const std::string_view door = name.substr(0, name.find('/'));
  if (door == "amqp10") return Capability::amqp;
  const auto found = std::ranges::find(capability_names, door);
  return found == capability_names.end() ? Capability::mqtt
                                         : static_cast<Capability>(found - capability_names.begin());
}

struct Departure {
  std::string_view rule, departure;
};
constexpr Departure departures[] = {
    {"MQTT-04", "H-03"}, {"MQTT-05", "H-04"}, {"MQTT-07", "H-04"}, {"MQTT-08", "H-05"}, {"MQTT-09", "H-06"}, {"MQTT-14", "H-07"},
    {"MQTT-15", "H-07"}, {"MQTT-12", "H-08"}, {"MQTT-13", "H-08"}, {"C2D-13", "H-09"},  {"C2D-26", "H-09"},  {"MQTT-20", "H-10"},
    {"MQTT-34", "H-11"}, {"MQTT-21", "H-12"}, {"MQTT-22", "H-13"}, {"MQTT-19", "H-14"}, {"MQTT-26", "H-14"}, {"MQTT-37", "H-15"},
    {"MQTT-36", "H-16"}, {"MQTT-41", "H-17"}, {"MQTT-28", "H-18"}, {"MQTT-29", "H-18"}, {"MQTT-27", "H-19"}, {"D2C-04", "H-20"},
    {"D2C-08", "H-20"},  {"DLV-14", "H-22"},  {"MQTT-38", "H-23"}, {"MQTT-44", "H-25"}, {"SEC-17", "H-28"}};

// A case of a hub over MQTT that decides a rule decides the departure, too.
void name_departures(Case& one) {
  if (one.profiles != For::hubs || !one.name.starts_with("mqtt/")) return;
  for (const std::string& clause : std::vector<std::string>{one.clauses})
    if (const std::string id{departure(clause)}; !id.empty() && std::ranges::count(one.clauses, id) == 0) one.clauses.push_back(id);
}

Cases all() {
  Cases cases;
  add_connect(cases);
  add_framing(cases);
  add_utf8(cases);
  add_hub(cases);
  add_publish(cases);
  add_subscribe(cases);
  add_qos(cases);
  add_will(cases);
  add_websocket(cases);
  add_amqp10(cases);
  for (Case& each : cases) {
    each.needs.add(door_of(each.name));
    name_departures(each);
  }
  std::ranges::sort(cases, {}, &Case::name);  // no two are alike
  return cases;
}

}  // namespace

const Cases& cases() {
  static const Cases table = all();
  return table;
}

std::string_view departure(std::string_view clause) {
  const auto found = std::ranges::find(departures, clause, &Departure::rule);
  return found == std::end(departures) ? std::string_view{} : found->departure;
}

const Case* find_case(std::string_view name) {
  const auto found = std::ranges::lower_bound(cases(), name, {}, &Case::name);
  return found != cases().end() && found->name == name ? &*found : nullptr;
}

std::string why_not(const Case& one, const Target& target) {
  if (const bool amqp = one.profiles == For::amqp_brokers; amqp != target.amqp10())
    return std::string{amqp ? "it is for brokers of AMQP 1.0" : "it is for hubs and brokers of MQTT"} + ", and the profile is " + target.profile;
  if (one.profiles == For::brokers && target.hub()) return "it is for brokers, and " + target.profile + " is a hub's";
  if (one.profiles == For::hubs && !target.hub()) return "it is for hubs, and " + target.profile + " is a broker's";
  if (const Capability lacks = target.can.missing(one.needs); lacks != Capability::count)
    return "the target lacks " + std::string{capability_names[static_cast<std::size_t>(lacks)]};
  return {};
}

}  // namespace hubproof::conformance::cases
