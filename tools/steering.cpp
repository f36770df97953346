#include "tools/steering.hpp"

#include <algorithm>
#include <array>

#include "tools/sim_node.hpp"

namespace hubproof::tools {
namespace {

// In the order of DriverSite and of model::ChanceSite.
constexpr std::array<std::string_view, 14> driver_names{
    "telemetry_every", "telemetry_body", "sleep",       "memory_loss",   "start",         "command_every",
    "command_to",      "command_ttl",    "command_body", "registry_when", "registry_which", "handling",
    "keys",            "protocol"};
constexpr std::array<std::string_view, 11> machine_names{
    "back_off",   "first_packet_id",  "generation",       "service_retry",
    "first_will", "command_handling", "feedback_handling",
    "websocket_mask", "websocket_nonce", "websocket_pieces", "key"};
constexpr std::uint32_t last_site = static_cast<std::uint32_t>(sim::Site::program0) +
                                    static_cast<std::uint32_t>(DriverSite::model0) +
                                    static_cast<std::uint32_t>(machine_names.size());

}  // namespace

void steer_from_start(sim::Choices& choices, const Steering& steering,
                      const std::vector<std::string>& node_names) {
  for (const GivenChoice& one : steering.given) {
    const auto found = std::ranges::find(node_names, one.node);
    if (found == node_names.end()) continue;  // the node is gone, and its draws with it
    const auto node = static_cast<std::uint32_t>(found - node_names.begin());
    choices.give(one.site, sim::NodeId{node}, one.n, one.value);
  }
  for (const Reseed& one : steering.reseeds)
    if (one.from <= sim::Duration{0}) reseed(choices, one);
}

void reseed(sim::Choices& choices, const Reseed& how) {
  if (how.site)
    choices.reseed(*how.site, how.salt);
  else
    choices.reseed(how.salt);
}

std::string_view site_name(sim::Site site) {
  if (const std::string_view own = sim::name(site); !own.empty()) return own;
  const auto number = static_cast<std::uint32_t>(site);
  const auto program0 = static_cast<std::uint32_t>(sim::Site::program0);
  if (number < program0) return {};
  const std::uint32_t driver = number - program0;
  if (driver < driver_names.size()) return driver_names[driver];
  const auto model0 = static_cast<std::uint32_t>(DriverSite::model0);
  if (driver < model0 || driver - model0 >= machine_names.size()) return {};
  return machine_names[driver - model0];
}

std::optional<sim::Site> find_site(std::string_view name) {
  for (std::uint32_t number = 0; number < last_site && !name.empty(); ++number)
    if (site_name(static_cast<sim::Site>(number)) == name) return static_cast<sim::Site>(number);
  return std::nullopt;
}

std::vector<std::string_view> site_names() {
  std::vector<std::string_view> all;
  for (std::uint32_t number = 0; number < last_site; ++number)
    if (const auto name = site_name(static_cast<sim::Site>(number)); !name.empty()) all.push_back(name);
  return all;
}

}  // namespace hubproof::tools
