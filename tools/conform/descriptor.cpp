#include "tools/conform/descriptor.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <iterator>

#include "model/hub/token.hpp"
#include "model/rules.hpp"
#include "tools/documents.hpp"
#include "tools/field.hpp"
#include "tools/scenario_fields.hpp"

namespace hubproof::tools {
namespace {

using conformance::cases::Capabilities;
using conformance::cases::Capability;
using conformance::cases::capability_names;
using conformance::cases::Door;
using conformance::cases::Identity;
using conformance::cases::Limits;

struct Scheme {
  std::string_view name;
  Door door;
  bool tls;
};
constexpr Scheme schemes[] = {{"mqtt", Door::mqtt, false}, {"mqtts", Door::mqtt, true},
                              {"amqp", Door::amqp, false}, {"amqps", Door::amqp, true},
                              {"http", Door::http, false}, {"https", Door::http, true}};

// What a system of this profile can do, if its descriptor says nothing else.
Capabilities usual(const std::string& profile) {
  if (profile == "mqtt-3.1.1")
    return {Capability::routing,  Capability::qos2,     Capability::retained, Capability::will,   Capability::wildcards,
            Capability::sessions, Capability::empty_id, Capability::takeover, Capability::dollar, Capability::restart,
            Capability::qos2_granted};
  if (profile == "amqp-1.0") return {};
  return {Capability::sessions, Capability::takeover, Capability::service, Capability::restart, Capability::events};
}

std::string add_address(std::string_view text, Descriptor& descriptor) {
  const std::size_t end = text.find("://");
  const Scheme* scheme = std::ranges::find(schemes, text.substr(0, end), &Scheme::name);
  if (end == std::string_view::npos || scheme == std::end(schemes))
    return "expected SCHEME://HOST:PORT with mqtt, mqtts, amqp, amqps, http or https, found \"" + std::string{text} + "\"";
  const auto where = host_port(text.substr(end + 3));
  if (!where) return "expected HOST:PORT behind the scheme, found \"" + std::string{text.substr(end + 3)} + "\"";
  auto& door = descriptor.doors[static_cast<std::size_t>(scheme->door)];
  if (door) return "a second address of the same door: " + std::string{text};
  door = {*where, scheme->tls};
  descriptor.target.host = where->host;
  return {};
}

// What a hub may have been set up with for cases that want it.
constexpr Capability set_ups[] = {Capability::routes, Capability::no_fallback, Capability::free_tier};

std::optional<Capability> set_up(std::string_view name) {
  for (const Capability one : set_ups)
    if (capability_names[static_cast<std::size_t>(one)] == name) return one;
  return std::nullopt;
}

// What the addresses and the restart command allow, on top of what the profile has.
void settle(Descriptor& descriptor) {
  Capabilities can = usual(descriptor.target.profile);
  const auto has = [&](Door door) { return descriptor.doors[static_cast<std::size_t>(door)].has_value(); };
  if (has(Door::mqtt)) can.add(Capability::mqtt);
  if (has(Door::amqp)) can.add(Capability::amqp);
  if (!descriptor.target.node.empty()) can.add(Capability::node);
  if (descriptor.simulated) can.add(Capability::free_time);
  if (descriptor.simulated && descriptor.target.hub())
    for (const Capability one : set_ups) can.add(one);
  for (const std::string& name : descriptor.has)
    if (const auto one = set_up(name)) can.add(*one);
  if (has(Door::http)) {
    can.add(Capability::http);
    can.add(Capability::websocket);
  }
  if (descriptor.restart.empty() && !descriptor.simulated) can.remove(Capability::restart);
  if (!has(Door::http)) can.remove(Capability::service);
  if (!has(Door::amqp)) can.remove(Capability::events);
  const auto keyed = [](const Identity& one) { return !one.key.empty(); };
  constexpr std::string_view five[] = {"iothubowner", "service", "device", "registryRead", "registryReadWrite"};
  if (descriptor.target.hub() && (descriptor.simulated ||
      (!descriptor.devices.empty() && std::ranges::all_of(descriptor.devices, keyed) &&
      std::ranges::all_of(five, [&](std::string_view name) { return descriptor.target.policy(name) != nullptr; }))))
    can.add(Capability::tokens);
  for (const std::string& lack : descriptor.lacks) {
    const auto* found = std::ranges::find(capability_names, lack);
    if (found != capability_names.end()) can.remove(static_cast<Capability>(found - capability_names.begin()));
  }
  descriptor.target.can = can;
}

void fields(Fields& f, Descriptor& d, std::vector<std::string>& addresses) {
  f.text("name", "what it is called in reports", d.name);
  f.text("reason", "whatever there is to say of it", d.reason);
  f.text("profile", "what it promises: mqtt-3.1.1 or amqp-1.0 for brokers, iot-hub-2026 or iot-hub-2017 for hubs", d.target.profile);
  f.texts("addresses", "SCHEME://HOST:PORT, one for each door; mqtt, mqtts, amqp, amqps, http or https", addresses);
  f.need("addresses");
  f.text("user", "user name for everybody, at a broker", d.target.user);
  f.text("password", "and its password", d.target.password);
  f.text("node", "of a broker of AMQP: the address of a queue that comes to be when a link is attached to it, with * for a name that only one case uses", d.target.node);
  f.text("authorities", "a PEM file of certificate authorities, for TLS", d.authorities);
  f.list("devices", "devices of a hub that cases may use, each by one case at a time", d.devices, 10'000,
         [](Fields& inner, Identity& one) {
           inner.text("id", "the device's id", one.id);
           inner.need("id");
           inner.text("key", "its key in base64; tokens are made with it", one.key);
           inner.text("user", "a user name, in place of the usual one", one.user);
           inner.text("password", "a password, in place of a token", one.password);
         });
  f.list("policies", "shared access policies of a hub; services act by them", d.target.policies, 16,
         [](Fields& inner, Identity& one) {
           inner.text("name", "iothubowner, service, device, registryRead or registryReadWrite", one.id);
           inner.need("name");
           inner.text("key", "its key in base64", one.key);
           inner.need("key");
         });
  f.texts("has", "what a hub was set up with for the cases that want it: routes (those of conformance/routes.json), no_fallback (and its "
          "fallback route is off), free_tier (its limits and quota, and nothing is used yet)", d.has);
  f.texts("lacks", "what it cannot do: names of capabilities; cases that need one are not applicable", d.lacks);
  f.object("limits", "beyond which cases do not go", d.target.limits, Limits{}, [](Fields& inner, Limits& limits) {
    inner.number("packet", "bytes of the longest packet", limits.packet, {64, 268'435'455});
    inner.number("client_id", "bytes of the longest client id", limits.client_id, {23, 65'535});
    inner.number("topic", "bytes of the longest topic name", limits.topic, {32, 65'535});
    inner.number("filters", "in one SUBSCRIBE", limits.filters, {2, 10'000});
    inner.number("in_flight", "messages above QoS 0 that wait for their acknowledgement", limits.in_flight, {1, 65'535});
    inner.number("partitions", "of a hub's telemetry", limits.partitions, {1, 128});
    inner.number("burst", "of the free tier: requests beyond a limit of 100 a minute that are served at once", limits.burst, {1, 1'000});
    inner.number("queue", "and that wait then", limits.queue, {0, 1'000});
  });
  f.text("restart", "a command that restarts it and returns when it is up again", d.restart);
  f.list("leave_out", "cases that are not to be run", d.leave_out, 1000, [](Fields& inner, LeftOut& one) {
    inner.text("cases", "a pattern of their names, with * and ?", one.cases);
    inner.need("cases");
    inner.text("reason", "why", one.reason);
    inner.need("reason");
  });
  f.flag("certified", "nothing may be left out, lacking or not exercised", d.certified);
  f.number("side_by_side", "cases at one time", d.side_by_side, {1, 1000});
}

}  // namespace

Descriptor read_descriptor(std::string_view json, const std::string& profile, Problems& problems) {
  Descriptor descriptor;
  const auto document = object_of(json, problems);
  if (!document) return descriptor;
  std::vector<std::string> addresses;
  read_fields(*document, "", Cast{}, problems, [&](Fields& f) { fields(f, descriptor, addresses); });
  if (!profile.empty()) descriptor.target.profile = profile;
  if (!conform_profile(descriptor.target.profile))
    problems.push_back({"/profile", "there is no profile \"" + descriptor.target.profile +
                                        "\"; there are mqtt-3.1.1, amqp-1.0, iot-hub-2026 and iot-hub-2017"});
  for (std::size_t at = 0; at < addresses.size(); ++at)
    if (std::string wrong = add_address(addresses[at], descriptor); !wrong.empty())
      problems.push_back({"/addresses/" + std::to_string(at), std::move(wrong)});
  if (document->find("addresses") != nullptr && addresses.empty())
    problems.push_back({"/addresses", "expected one address at least"});
  for (std::size_t at = 0; at < descriptor.lacks.size(); ++at)
    if (std::ranges::find(capability_names, descriptor.lacks[at]) == capability_names.end())
      problems.push_back({"/lacks/" + std::to_string(at),
                          "there is no capability \"" + descriptor.lacks[at] + "\"" +
                              did_you_mean(descriptor.lacks[at], {capability_names.begin(), capability_names.end()})});
  for (std::size_t at = 0; at < descriptor.has.size(); ++at)
    if (!set_up(descriptor.has[at]))
      problems.push_back({"/has/" + std::to_string(at), "expected routes, no_fallback or free_tier, found \"" + descriptor.has[at] + "\""});
  if (descriptor.certified) std::ranges::move(uncertifiable(descriptor), std::back_inserter(problems));
  if (descriptor.target.hub())
    for (Identity& device : descriptor.devices)
      if (device.user.empty()) device.user = hub_user(descriptor.target.host, device.id);
  make_tokens(descriptor.target, descriptor.devices);
  settle(descriptor);
  if (descriptor.name.empty()) descriptor.name = addresses.empty() ? "target" : addresses.front();
  return descriptor;
}

bool conform_profile(std::string_view name) { return model::profile(name) != nullptr || name == "amqp-1.0"; }

Problems uncertifiable(const Descriptor& descriptor) {
  Problems problems;
  if (!descriptor.leave_out.empty()) problems.push_back({"/leave_out", "a certified target leaves nothing out"});
  if (!descriptor.lacks.empty()) problems.push_back({"/lacks", "a certified target lacks nothing"});
  if (descriptor.restart.empty() && !descriptor.simulated)
    problems.push_back({"/restart", "expected the command that restarts it: of a certified target durability is judged, too"});
  return problems;
}

std::optional<Descriptor> bare_descriptor(std::string_view target, const std::string& profile, std::string& problem) {
  Descriptor descriptor;
  descriptor.name = target;
  if (!profile.empty()) descriptor.target.profile = profile;
  problem = add_address(target, descriptor);
  if (!problem.empty()) return std::nullopt;
  settle(descriptor);
  return descriptor;
}

Descriptor simulated_descriptor(const std::string& profile) {
  Descriptor descriptor;
  descriptor.name = "simulated";
  descriptor.simulated = true;
  if (!profile.empty()) descriptor.target.profile = profile;
  if (descriptor.target.amqp10()) {
    descriptor.doors[static_cast<std::size_t>(Door::amqp)].emplace();
    descriptor.target.user = descriptor.target.password = "guest";
    descriptor.target.node = "queue-*";
  } else {
    for (auto& door : descriptor.doors) door.emplace();
  }
  descriptor.target.host = "hub";
  settle(descriptor);
  return descriptor;
}

std::string descriptor_schema() {
  Document schema = parse(R"({
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A target of hubproof conform",
    "description": "Where a hub or broker is, and what it lacks. Made from the program that reads it; do not edit."
  })").document;
  const Document all = schema_fields([](Fields& f) {
    Descriptor descriptor;
    std::vector<std::string> addresses;
    fields(f, descriptor, addresses);
  });
  schema.members.insert(schema.members.end(), all.members.begin(), all.members.end());
  return write(schema);
}

void make_tokens(conformance::cases::Target& target, std::vector<Identity>& devices) {
  constexpr model::Date far{std::chrono::seconds{2'147'483'647}};
  for (Identity& one : devices)
    if (one.password.empty() && !one.key.empty())
      one.password = model::make_token(target.host + "/devices/" + one.id, one.key, model::KeyForm::decoded, far);
  for (Identity& one : target.policies)
    one.password = model::make_token(target.host, one.key, model::KeyForm::decoded, far, one.id);
}

std::string write_descriptor(const Descriptor& descriptor, const std::vector<std::string>& addresses) {
  using namespace documents;
  Document all = object({{"name", text(descriptor.name)}, {"profile", text(descriptor.target.profile)}});
  Document list = Document::list();
  for (const std::string& address : addresses) list.items.push_back(text(address));
  all.members.emplace_back("addresses", std::move(list));
  if (!descriptor.authorities.empty()) all.members.emplace_back("authorities", text(descriptor.authorities));
  if (!descriptor.target.hub()) return write(all) + "\n";
  const auto keyed = [](const char* name, const Identity& one) {
    Document member = object({{name, text(one.id)}});
    if (!one.key.empty()) member.members.emplace_back("key", text(one.key));
    return member;
  };
  Document devices = Document::list();
  for (const Identity& one : descriptor.devices) devices.items.push_back(keyed("id", one));
  all.members.emplace_back("devices", std::move(devices));
  Document policies = Document::list();
  for (const Identity& one : descriptor.target.policies) policies.items.push_back(keyed("name", one));
  all.members.emplace_back("policies", std::move(policies));
  all.members.emplace_back("limits", object({{"partitions", number(descriptor.target.limits.partitions)}}));
  return write(all) + "\n";
}

std::string hub_user(const std::string& host, const std::string& id) { return host + "/" + id + "/?api-version=2021-04-12"; }

std::string why_not(const conformance::cases::Case& one, const Descriptor& descriptor) {
  if (std::string why = conformance::cases::why_not(one, descriptor.target); !why.empty()) return why;
  for (const LeftOut& left : descriptor.leave_out)
    if (fits(left.cases, one.name)) return "left out: " + left.reason;
  return {};
}

bool fits(std::string_view pattern, std::string_view name) {
  return ::fnmatch(std::string{pattern}.c_str(), std::string{name}.c_str(), 0) == 0;
}

}  // namespace hubproof::tools
