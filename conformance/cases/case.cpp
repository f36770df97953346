#include "conformance/cases/case.hpp"

#include <algorithm>

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
  for (Case& each : cases) each.needs.add(door_of(each.name));
  std::ranges::sort(cases, {}, &Case::name);  // no two are alike
  return cases;
}

}  // namespace

const Cases& cases() {
  static const Cases table = all();
  return table;
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
