// Tokens: shared access signatures at the doors of HTTPS and MQTT, good ones and all kinds of wrong ones.
#include "conformance/cases/hub.hpp"
#include "conformance/cases/mqtt.hpp"
#include "conformance/cases/registry.hpp"
#include "model/hub/token.hpp"

namespace hubproof::conformance::cases {
namespace {

using model::KeyForm;

enum class Kind : std::uint8_t {
  good, secondary, until_tomorrow, whole_hub_policy, device_scope_policy, lower_case_escapes, other_order,  // good
  expired, no_token, nonsense, wrong_key, tampered, other_device, shorter_scope, service_policy, unknown_policy,
  resource_only, disabled, deleted, replaced_key
};
constexpr bool is_good(Kind kind) { return kind <= Kind::other_order; }

// The same fields in the opposite order [SEC-01].
std::string reversed(const std::string& text) {
  constexpr std::string_view head = "SharedAccessSignature ";
  std::string out;
  for (std::size_t at = head.size(); at <= text.size();) {
    const std::size_t end = std::min(text.find('&', at), text.size());
    out.insert(0, text.substr(at, end - at) + (out.empty() ? "" : "&"));
    at = end + 1;
  }
  return std::string{head} + out;
}

std::string token_of(Stage& stage, const Made& device, const Made& other, Kind kind) {
  const std::string& host = stage.target().host;
  const std::string resource = host + "/devices/" + std::string{device.id};
  const auto make = [&](const std::string& what, std::string_view key, model::Duration life, std::string_view policy = {}) {
    return model::make_token(what, key, KeyForm::decoded, stage.date() + life, policy);
  };
  const auto key_of = [&](std::string_view name) {
    const Identity* policy = stage.target().policy(name);
    return policy == nullptr ? std::string_view{} : std::string_view{policy->key};
  };
  const model::Duration life = std::chrono::seconds{stage.draws().between(600, 7200)};
  switch (kind) {
    case Kind::secondary: return make(resource, device.secondary, life);
    case Kind::until_tomorrow: return make(resource, device.primary, 24h);
    case Kind::whole_hub_policy: return make(host, key_of("device"), life, "device");
    case Kind::device_scope_policy: return make(resource, key_of("device"), life, "device");
    case Kind::lower_case_escapes:
      return model::make_encoded_token(host + "%2fdevices%2f" + std::string{device.id}, device.primary, KeyForm::decoded, stage.date() + life);
    case Kind::other_order: return reversed(make(resource, device.primary, life));
    case Kind::expired: return make(resource, device.primary, -std::chrono::seconds{stage.draws().between(1200, 100'000)});
    case Kind::no_token: return {};
    case Kind::nonsense: return "SharedAccessSignature " + std::string{stage.fresh_level()};
    case Kind::wrong_key: return make(resource, other.primary, life);
    case Kind::tampered: {  // its expiry was made later
      std::string text = make(resource, device.primary, life);
      const std::size_t at = text.find("se=") + 3;
      text[at + 1] = text[at + 1] == '9' ? '8' : static_cast<char>(text[at + 1] + 1);
      return text;
    }
    case Kind::other_device: return make(host + "/devices/" + std::string{other.id}, other.primary, life);
    case Kind::shorter_scope: return make(host + "/devices/" + std::string{device.id.substr(0, device.id.size() - 1)}, key_of("device"), life, "device");
    case Kind::service_policy: return make(host, key_of("service"), life, "service");
    case Kind::unknown_policy: return make(host, key_of("device"), life, "nobody");
    case Kind::resource_only: return make(host + "/devices", device.primary, life);
    default: return make(resource, device.primary, life);
  }
}

// The device behind the token, in the state that the case is about.
Task<void> prepared(Stage& stage, Http* registry, Made* device, Made* other, Kind kind) {
  registry->as_policy("iothubowner");
  *device = co_await made(stage, registry, fresh_device_id(stage, true));
  *other = co_await made(stage, registry, fresh_device_id(stage, true));
  const std::vector<model::http::Field> any{{"Content-Type", "application/json"}, {"If-Match", "*"}};
  if (kind == Kind::disabled || kind == Kind::replaced_key) {
    const std::string_view key = kind == Kind::disabled ? device->primary : fresh_key(stage);
    registry->ask("PUT", device_path(stage, device->id), any, device_json(stage, device->id, key, device->secondary, kind != Kind::disabled));
    const Answer* answer = co_await registry->answer();
    co_await stage.need(answer != nullptr && answer->status == 200, "a device could not be changed");
  }
  if (kind == Kind::deleted) co_await removed(stage, registry, device->id);
}

Script at_http(Stage& stage, Kind kind) {
  Http registry{stage};
  Made device, other;
  co_await prepared(stage, &registry, &device, &other, kind);
  Http http{stage};
  http.as_bearer(stage.keep(token_of(stage, device, other, kind)));
  http.ask("POST", device_path(stage, device.id, events_path), {}, stage.payload());
  const Answer* answer = co_await http.answer();
  const auto is = [&](std::initializer_list<unsigned> statuses) {
    for (const unsigned status : statuses)
      if (answer != nullptr && answer->status == status) return true;
    return false;
  };
  if (is_good(kind)) {
    http.expect(answer, 204, "a good token");
    http.ask("GET", device_path(stage, device.id, bound_path));
    const Answer* commands = co_await http.answer();
    http.expect(commands, 204, "a good token, at the device's other endpoint");
  } else if (kind == Kind::disabled) {
    stage.expect(is({401, 403, 404}), "status 401, 403 or 404 for a disabled device", http.found(answer));
  } else if (kind == Kind::deleted) {
    stage.expect(is({401, 404}), "status 401 or 404 for a deleted device", http.found(answer));
  } else {
    http.expect(answer, 401, "a token that is no good here");
  }
  co_await removed(stage, &registry, device.id);
  co_await removed(stage, &registry, other.id);
}

Script at_mqtt(Stage& stage, Kind kind) {
  Http registry{stage};
  Made device, other;
  co_await prepared(stage, &registry, &device, &other, kind);
  const std::string token = token_of(stage, device, other, kind);
  Raw raw{Type::connect};
  raw.field("MQTT").u8(4).u8(static_cast<std::uint8_t>(token.empty() ? 0x82 : 0xc2)).u16(0).field(device.id);
  raw.field(stage.target().host + "/" + std::string{device.id} + "/?api-version=2021-04-12");
  if (!token.empty()) raw.field(token);
  const Client client = co_await called(stage);
  stage.send(client, stage.keep(raw.packet()));
  const Packet* connack = co_await stage.heard(client, Type::connack);
  const std::string seen = connack == nullptr ? stage.found(client) : describe(connack->raw);
  if (is_good(kind)) {
    if (stage.expect(connack != nullptr && connack->code == 0, "CONNACK with code 0 for a good token", seen)) co_await must_live(stage, client, "its first PINGREQ");
  } else {  // which code, nobody says [OPEN-10]
    const bool ended = co_await stage.ended(client);
    stage.expect(ended && (connack == nullptr || (connack->code >= 2 && connack->code <= 5)), "a refusal, and the end of the connection", seen);
  }
  co_await removed(stage, &registry, device.id);
  co_await removed(stage, &registry, other.id);
}

// Disabling, deleting or giving another key ends what is connected.
Script ends_connection(Stage& stage, Kind kind) {
  Http registry{stage};
  Made device, other;
  co_await prepared(stage, &registry, &device, &other, Kind::good);
  Raw raw{Type::connect};
  raw.field("MQTT").u8(4).u8(0xc2).u16(0).field(device.id);
  raw.field(stage.target().host + "/" + std::string{device.id} + "/?api-version=2021-04-12").field(device.token);
  const Client client = co_await called(stage);
  stage.send(client, stage.keep(raw.packet()));
  const Packet* connack = co_await stage.heard(client, Type::connack);
  co_await stage.need(connack != nullptr && connack->code == 0, "a good CONNECT was not accepted");
  if (kind == Kind::deleted) {
    co_await removed(stage, &registry, device.id);
  } else {
    const std::vector<model::http::Field> any{{"Content-Type", "application/json"}, {"If-Match", "*"}};
    registry.ask("PUT", device_path(stage, device.id), any, device_json(stage, device.id, device.primary, device.secondary, false));
    const Answer* answer = co_await registry.answer();
    co_await stage.need(answer != nullptr && answer->status == 200, "a device could not be disabled");
  }
  co_await must_close(stage, client, kind == Kind::deleted ? "a device that was deleted" : "a device that was disabled");
  const Client again = co_await called(stage);
  stage.send(again, stage.keep(raw.packet()));
  co_await must_not_accept(stage, again, "a device that is gone");
  co_await removed(stage, &registry, device.id);
  co_await removed(stage, &registry, other.id);
}

// A device has a certificate or keys, and not both.
Script with_certificate(Stage& stage) {
  Http registry{stage};
  registry.as_policy("iothubowner");
  const std::string_view id = fresh_device_id(stage, true);
  std::string print;
  for (int more = 0; more < 40; ++more) print += "0123456789ABCDEF"[stage.draws().below(16)];
  const std::string body = "{\"deviceId\":\"" + std::string{id} + "\",\"authentication\":{\"type\":\"selfSigned\",\"x509Thumbprint\":{\"primaryThumbprint\":\"" + print + "\",\"secondaryThumbprint\":\"" + print + "\"}}}";
  registry.ask("PUT", device_path(stage, id), {{"Content-Type", "application/json"}}, body);
  const Answer* created = co_await registry.answer();
  co_await stage.need(created != nullptr && created->status == 200, "a device with a certificate could not be created");
  for (const std::string_view key : {fresh_key(stage), std::string_view{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}) {
    Http http{stage};
    http.as_bearer(device_token(stage, id, key));
    http.ask("POST", device_path(stage, id, events_path), {}, stage.payload());
    const Answer* answer = co_await http.answer();
    http.expect(answer, 401, "a token for a device that has a certificate");
  }
  co_await removed(stage, &registry, id);
}

}  // namespace

void add_tokens(Cases& cases) {
  const struct {
    Kind kind;
    const char* name;
    const char* sentence;
    std::vector<std::string> clauses;
  } kinds[] = {
      {Kind::good, "of-primary-key", "A device's token is signed with its primary key.", {"SEC-01", "SEC-02", "SEC-03", "SEC-04", "SEC-08", "SEC-09"}},
      {Kind::secondary, "of-secondary-key", "A device's token is signed with its secondary key.", {"SEC-09", "SEC-08"}},
      {Kind::until_tomorrow, "until-tomorrow", "A token is good for a day.", {"SEC-03", "TIME-03"}},
      {Kind::whole_hub_policy, "of-policy", "A token is a policy's, for all of the hub.", {"SEC-08", "SEC-11", "SEC-06"}},
      {Kind::device_scope_policy, "of-policy-for-device", "A token is a policy's, for one device.", {"SEC-08", "SEC-11", "SEC-06"}},
      {Kind::lower_case_escapes, "lower-case-escapes", "A token's resource is encoded in lower case, and signed so.", {"SEC-05", "SEC-04"}},
      {Kind::other_order, "other-order", "A token's fields come in another order.", {"SEC-01"}},
      {Kind::expired, "expired", "A token expired 20 minutes ago or earlier.", {"SEC-14", "INV-20", "TIME-04", "ERR-08"}},
      {Kind::no_token, "none", "There is no token.", {"SEC-12", "ERR-08"}},
      {Kind::nonsense, "nonsense", "What comes as token is none.", {"SEC-12", "ERR-08"}},
      {Kind::wrong_key, "of-wrong-key", "A token is signed with another device's key.", {"SEC-04", "ERR-08"}},
      {Kind::tampered, "tampered", "A token's expiry was changed after it was signed.", {"SEC-04", "ERR-08"}},
      {Kind::other_device, "of-other-device", "A device comes with another device's token.", {"SEC-12", "SEC-08", "ERR-08"}},
      {Kind::shorter_scope, "of-shorter-scope", "A token's resource is the beginning of the device's id.", {"SEC-06", "SEC-12"}},
      {Kind::service_policy, "of-service", "A device comes with a token of the policy service.", {"SEC-11", "SEC-12"}},
      {Kind::unknown_policy, "of-unknown-policy", "A token names a policy that is not there.", {"SEC-08", "SEC-12"}},
      {Kind::resource_only, "for-all-devices", "A token for all devices is signed with the key of one.", {"SEC-08", "SEC-12"}},
      {Kind::disabled, "of-disabled-device", "A disabled device comes with a good token.", {"SEC-26", "SEC-13", "C2D-35", "ERR-17"}},
      {Kind::deleted, "of-deleted-device", "A deleted device comes with a token that was good.", {"SEC-27", "SEC-13", "ERR-08"}},
      {Kind::replaced_key, "of-replaced-key", "A token is signed with a key that the device has no more.", {"SEC-09", "ERR-08"}},
  };
  for (const auto& one : kinds)
    for (const bool mqtt : {false, true}) {
      Case& each = cases.emplace_back(Case{std::string{mqtt ? "mqtt/" : "http/"} + "tokens/" + one.name, one.sentence, one.clauses,
                                           [kind = one.kind, mqtt](Stage& stage) { return mqtt ? at_mqtt(stage, kind) : at_http(stage, kind); },
                                           {Capability::http, Capability::service, Capability::tokens},
                                           For::hubs});
      const bool good = is_good(one.kind);
      if (mqtt) each.clauses.emplace_back(good ? "MQTT-07" : "MQTT-08");
      else if (!good) each.clauses.emplace_back("ERR-34");
    }
  cases.push_back({"http/tokens/of-device-with-certificate", "A token comes for a device that has a certificate.", {"SEC-20", "ERR-08"}, with_certificate,
                   {Capability::service, Capability::tokens}, For::hubs});
  for (const Kind kind : {Kind::disabled, Kind::deleted})
    cases.push_back({std::string{"mqtt/tokens/"} + (kind == Kind::disabled ? "disabled" : "deleted") + "-while-connected",
                     std::string{"A device is "} + (kind == Kind::disabled ? "disabled" : "deleted") + " while it is connected.",
                     kind == Kind::disabled ? std::vector<std::string>{"SEC-26", "MQTT-44", "MQTT-08"} : std::vector<std::string>{"SEC-27", "MQTT-44", "MQTT-08"},
                     [kind](Stage& stage) { return ends_connection(stage, kind); },
                     {Capability::http, Capability::service, Capability::tokens},
                     For::hubs});
}

}  // namespace hubproof::conformance::cases
