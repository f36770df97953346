// hubproof serve: the hub on real sockets.
#include "tools/serve.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "model/mutants/mutant.hpp"
#include "tools/find_scenarios.hpp"
#include "tools/scenario_fields.hpp"
#include "tools/verbs/verbs.hpp"

namespace hubproof::tools {

namespace {

// Gives true, or says what is wrong.
bool read_routes(const std::string& file, model::Routing& routing) {
  std::string text;
  std::string wrong;
  if (!read_file(file, largest_document, text, wrong)) {
    std::fprintf(stderr, "hubproof serve: --routes: %s\n", wrong.c_str());
    return false;
  }
  Problems problems;
  if (const auto document = object_of(text, problems))
    read_fields(*document, "", {}, problems, [&](Fields& fields) { routing_fields(fields, routing); });
  if (problems.empty()) return true;
  std::fprintf(stderr, "%s", problems_text(file, problems).c_str());
  return false;
}

bool read_tier(const ServeArguments& arguments, model::QuotaRules& quota) {
  if (arguments.tier.empty() && arguments.units == 1) return true;
  const auto found = std::ranges::find(model::tier_names, arguments.tier);
  if (arguments.tier.empty() || found == model::tier_names.end()) {
    std::fprintf(stderr, "hubproof serve: --units: expected a --tier that they are of\n"
                         "Try: hubproof serve --help\n");
    return false;
  }
  const auto tier = static_cast<model::Tier>(found - model::tier_names.begin());
  if (arguments.units > model::most_units(tier)) {
    std::fprintf(stderr, "hubproof serve: --units: expected at most %u of tier %s, found %u\n"
                         "Try: hubproof serve --help\n",
                 model::most_units(tier), arguments.tier.c_str(), arguments.units);
    return false;
  }
  quota = model::quotas_of(tier, arguments.units);
  return true;
}

// What a plain broker has not: it is no hub.
const char* hubs_own(const ServeArguments& arguments) {
  if (!arguments.devices.empty()) return "--devices: a plain broker has no devices: it takes every client id";
  if (!arguments.routes.empty()) return "--routes: a plain broker has no telemetry that could be routed";
  if (!arguments.tier.empty()) return "--tier: a plain broker has no tiers";
  if (arguments.fault_properties) return "--fault-properties: a plain broker's messages have no properties";
  for (const std::string& door : arguments.listen)
    if (door.starts_with("amqp")) return "--listen: a plain broker speaks MQTT only: mqtt, mqtts, and http or https for WebSockets";
  return nullptr;
}

}  // namespace

int serve_verb(const ServeArguments& arguments) {
  ServeOptions options;
  options.listen = arguments.listen;
  if (options.listen.empty()) options.listen.emplace_back("mqtt=127.0.0.1:1883");
  options.store = arguments.store;
  options.tls = arguments.tls;
  options.names = arguments.names;
  options.rules = arguments.profile.empty() ? model::Rules{} : *model::profile(arguments.profile);
  if (options.rules.broker)
    if (const char* wrong = hubs_own(arguments)) {
      std::fprintf(stderr, "hubproof serve: %s (--profile mqtt-3.1.1)\nTry: hubproof serve --help\n", wrong);
      return exit_usage;
    }
  for (auto one = arguments.devices.begin(); one != arguments.devices.end(); ++one)
    if (std::find(arguments.devices.begin(), one, *one) != one) {
      std::fprintf(stderr, "hubproof serve: --devices: \"%s\" is named twice; each device has one name\nTry: hubproof serve --help\n",
                   one->c_str());
      return exit_usage;
    }
  if (!arguments.routes.empty() && !read_routes(arguments.routes, options.rules.hub.routing)) return exit_bad_input;
  options.rules.hub.access = arguments.open || options.rules.broker ? model::Access::open : model::Access::verified;
  if (!read_tier(arguments, options.rules.hub.quota)) return exit_usage;
  options.terms = model::terms(options.rules);
  options.mutant = arguments.mutant;
  if (!arguments.mutant.empty()) model::find_mutant(arguments.mutant)->apply(options.rules);
  options.devices = arguments.devices;
  options.control = arguments.control;
  options.profile = arguments.profile.empty() ? "iot-hub-2026" : arguments.profile;
  options.target = arguments.target;
  options.history = arguments.history;
  options.faults = arguments.faults;
  options.seed = arguments.seed;
  options.fault_properties = arguments.fault_properties;
  const int code = serve(options);
  std::error_code ignored;
  if (code != exit_pass || !std::filesystem::is_regular_file(arguments.history, ignored)) return code;
  JudgeArguments judge;
  judge.history = arguments.history;
  return judge_verb(judge);
}

}  // namespace hubproof::tools
