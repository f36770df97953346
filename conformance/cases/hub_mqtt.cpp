// A hub over MQTT: telemetry with its property bag, commands, wills, sessions, and topics that a hub does not have.
#include <algorithm>

#include "conformance/cases/amqp.hpp"
#include "conformance/cases/hub.hpp"
#include "conformance/cases/mqtt.hpp"
#include "conformance/cases/registry.hpp"
#include "model/iso_date.hpp"
#include "model/mqtt/bag.hpp"

namespace hubproof::conformance::cases {
namespace {

constexpr model::Duration lock = 60s;  // [C2D-13]

bool is(const Reading* reading, View body) {
  return reading != nullptr && std::ranges::equal(reading->message().body(), body);
}
std::string seen(const Reading* reading) {
  if (reading == nullptr) return "no event";
  return "an event with " + std::to_string(reading->message().body().size()) + " bytes";
}

// A service that reads telemetry from now on, and a device that is connected.
Task<Client> joined_and_read(Stage& stage, Service* service, Who who, Login login = {}) {
  co_await service->opened();
  co_await service->watches();
  const Client client = co_await joined(stage, who, login);
  co_return client;
}

// A QoS 1 message with its PUBACK, or null.
Task<const Packet*> puback_for(Stage& stage, Client client, std::string_view topic, View payload) {
  const std::uint16_t id = stage.packet_id();
  stage.send(client, publish(stage, topic, payload, 1, id));
  const Packet* puback = co_await stage.heard(client, Type::puback, id);
  co_return puback;
}

// Percent-encoded, in either case of hexadecimal digits [MQTT-23, MQTT-24].
std::string encoded(Stage& stage, std::string_view text) {
  const bool upper = stage.draws().heads();
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
      continue;
    }
    const std::string_view digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    out += '%';
    out += digits[static_cast<std::uint8_t>(c) >> 4];
    out += digits[static_cast<std::uint8_t>(c) & 15];
  }
  return out;
}

// ---- Telemetry.

Script telemetry(Stage& stage, bool kept) {
  stage.someone();
  const Who who = stage.someone();
  Service service{stage};
  Login login;
  login.clean = !kept;
  Client client = co_await joined_and_read(stage, &service, who, login);
  if (kept) {
    stage.cut(client);
    client = co_await joined(stage, who, login);
  }
  std::vector<View> bodies;
  for (std::uint32_t more = stage.draws().between(64, 75); more > 0; --more) {
    bodies.push_back(stage.payload(4, 120));
    const Packet* puback = co_await puback_for(stage, client, stage.topic(who), bodies.back());
    if (!stage.expect(puback != nullptr, "PUBACK", stage.found(client), "DLV-04 MQTT-19")) co_return;
  }
  std::int64_t sequence = -1;
  std::optional<std::uint32_t> partition;
  for (const View body : bodies) {
    const Reading* one = co_await service.telemetry(stage.identity(who).id);
    if (!stage.expect(is(one, body), "each message that was acknowledged, unchanged and in order", seen(one), "DLV-04 DLV-01 DLV-18 D2C-08 D2C-02 MQTT-19 INV-01 INV-02 INV-03 INV-25")) co_return;
    if (!partition) partition = one->partition;
    stage.expect(one->partition == *partition && one->sequence > sequence, "one partition, and sequence numbers that increase", std::to_string(one->sequence), "D2C-04 D2C-07 INV-05 INV-06");
    sequence = one->sequence;
  }
}

Script bag(Stage& stage, int kind) {
  const Who who = stage.someone();
  Service service{stage};
  const Client client = co_await joined_and_read(stage, &service, who);
  std::string text;
  const auto add = [&](const std::string& name, const std::string& value) {
    text += (text.empty() ? "" : "&") + name;
    if (!value.empty()) text += "=" + value;
  };
  std::vector<std::pair<std::string, std::string>> properties;
  const std::string dollar = stage.draws().heads() ? "$." : "%24.";
  const std::string id{stage.fresh_id()};
  const char* clauses = "MQTT-23";
  switch (kind) {
    case 0:  // characters that must be encoded
      for (std::uint32_t more = stage.draws().between(2, 5); more > 0; --more) {
        properties.emplace_back(std::string{stage.fresh_level()} + std::to_string(more), "a b/c+d#e:f&g=h%" + std::string{stage.fresh_level()} + "\xc3\xa9");
        add(encoded(stage, properties.back().first), encoded(stage, properties.back().second));
      }
      clauses = "MQTT-23 MQTT-24 MSG-02 MSG-13 INV-25";
      break;
    case 1:  // system properties
      add(dollar + "mid", id);
      add(dollar + "cid", "c-" + id);
      add(dollar + "uid", "u-" + id);
      add(dollar + "ct", encoded(stage, "application/json"));
      add(dollar + "ce", "utf-8");
      clauses = "MQTT-25 MSG-03 MSG-05 MSG-06 MSG-09 DLV-18 INV-25";
      break;
    case 2:  // a question mark is no separator
      add("?first", "one");
      properties.emplace_back("?first", "one");
      break;
    default:  // a time of creation, and a component
      add(dollar + "ctime", encoded(stage, "2021-04-21T11:30:16Z"));
      add(dollar + "sub", "thermostat1");
      clauses = "MSG-10 D2C-18";
  }
  const View body = stage.payload(1, 60);
  const std::string_view topic = stage.keep(std::string{stage.topic(who)} + text + (stage.draws().heads() && kind == 1 ? "/" : ""));
  const Packet* puback = co_await puback_for(stage, client, topic, body);
  if (!stage.expect(puback != nullptr, "PUBACK", stage.found(client), clauses)) co_return;
  const Reading* one = co_await service.telemetry(stage.identity(who).id);
  if (!stage.expect(is(one, body), "the message, unchanged", seen(one), clauses)) co_return;
  for (const auto& [name, value] : properties) {
    const auto held = one->message().property(name);
    stage.expect(held == value, stage.keep("the property " + name + " = " + value), held ? *held : "none", clauses);
  }
  const auto system = [&](model::System key, std::string_view value) {
    const auto held = one->message().system(key);
    stage.expect(held == value, stage.keep("the system property " + std::string{value}), held ? *held : "none", clauses);
  };
  if (kind == 1) {
    system(model::System::message_id, id);
    system(model::System::correlation_id, "c-" + id);
    system(model::System::user_id, "u-" + id);
    system(model::System::content_type, "application/json");
    system(model::System::content_encoding, "utf-8");
  }
  if (kind == 3) {
    system(model::System::creation_time, "2021-04-21T11:30:16Z");
    system(model::System::component, "thermostat1");
  }
}

Script retained(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  const Client client = co_await joined_and_read(stage, &service, who);
  const View body = stage.payload(1, 60);
  const std::uint16_t id = stage.packet_id();
  stage.send(client, publish(stage, stage.topic(who), body, 1, id, false, true));
  const Packet* puback = co_await stage.heard(client, Type::puback, id);
  if (!stage.expect(puback != nullptr, "PUBACK for a message with RETAIN 1", stage.found(client))) co_return;
  const Reading* one = co_await service.telemetry(stage.identity(who).id);
  if (!stage.expect(is(one, body), "the message as telemetry", seen(one))) co_return;
  const std::string_view name = stage.target().profile == "iot-hub-2017" ? "x-opt-retain" : "mqtt-retain";
  const auto held = one->message().property(name);
  stage.expect(held.has_value(), stage.keep("the property " + std::string{name}), "none");
}

Script with_dup(Stage& stage, int kind) {
  const Who who = stage.someone();
  Service service{stage};
  Client client = co_await joined_and_read(stage, &service, who);
  const View body = stage.payload(1, 60);
  std::uint16_t id = kind == 2 ? static_cast<std::uint16_t>(60'000 + stage.draws().below(5'000)) : stage.packet_id();
  for (const bool dup : {false, true}) {
    if (dup && kind == 1) client = co_await joined(stage, who);
    if (dup && kind == 2) id = static_cast<std::uint16_t>(1 + stage.draws().below(100));
    stage.send(client, publish(stage, stage.topic(who), body, 1, id, dup));
    const Packet* puback = co_await stage.heard(client, Type::puback, id);
    if (!stage.expect(puback != nullptr, "PUBACK", stage.found(client))) co_return;
  }
  const Reading* first = co_await service.telemetry(stage.identity(who).id);
  stage.expect(is(first, body), "the message", seen(first));
  const Reading* second = co_await service.telemetry(stage.identity(who).id);
  stage.expect(is(second, body), "the same message again, with DUP, as a second event", seen(second));
}

Script qos_0(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  const Client client = co_await joined_and_read(stage, &service, who);
  const View body = stage.payload(1, 60);
  stage.send(client, publish(stage, stage.topic(who), body));
  const bool alive = co_await must_live(stage, client, "a message at QoS 0", "DLV-05");
  if (!alive) co_return;
  stage.expect(stage.left(client, Type::puback) == 0, "no PUBACK for QoS 0", "PUBACK", "DLV-05");
  const Reading* one = co_await service.telemetry(stage.identity(who).id);
  // Neither is promised; that it comes changed is not among what may be.
  if (one != nullptr) stage.expect(is(one, body), "the message unchanged, if at all", seen(one), "INV-02");
  else stage.pass("INV-02");
}

// The connection ends, and what was published is not in the stream.
Script not_accepted(Stage& stage, std::string_view what, bool reads) {
  const Who who = stage.someone(), other = stage.someone();
  Service service{stage};
  Client client{};
  if (reads) client = co_await joined_and_read(stage, &service, who);
  else client = co_await joined(stage, who);
  const std::string device = stage.identity(who).id;
  std::string topic{stage.topic(who)};
  std::uint8_t qos = 1;
  if (what == "qos-2") qos = 2;
  if (what == "other-device") topic = "devices/" + stage.identity(other).id + "/messages/events/";
  if (what == "device-bound") topic = "devices/" + device + "/messages/devicebound/";
  if (what == "service-endpoint") topic = "messages/events/";
  if (what == "unknown-topic") topic = "some/" + std::string{stage.fresh_level()};
  if (what == "upper-case-id") topic = "devices/" + device + "X/messages/events/";
  if (what == "plus") topic += "a=+b";
  if (what == "hash") topic += "a=#b";
  if (what == "levels-too-many") topic += "a=b/c=d";
  stage.send(client, publish(stage, topic, stage.payload(30, 60), qos, stage.packet_id()));
  const bool ended = co_await must_close(stage, client, what);
  if (!ended) co_return;
  stage.expect(stage.left(client, Types{Type::puback, Type::pubrec}) == 0, "no acknowledgement", stage.found(client));
  if (!reads) co_return;
  const Client again = co_await joined(stage, who);
  const View body = stage.payload(1, 20);
  const Packet* puback = co_await puback_for(stage, again, stage.topic(who), body);
  co_await stage.need(puback != nullptr, "a good message was not acknowledged");
  const Reading* one = co_await service.telemetry(stage.identity(who).id);
  stage.expect(is(one, body), "nothing of what was refused in the stream", seen(one));
}

Script payload_of(Stage& stage, std::uint32_t size, bool properties) {
  constexpr std::uint32_t most = 262'144;
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  std::string topic{stage.topic(who)};
  std::uint32_t counted = 0;
  if (properties) {
    const std::string_view name = stage.fresh_level(), value = stage.fresh_level();
    topic += std::string{name} + "=" + std::string{value};
    counted = static_cast<std::uint32_t>(name.size() + value.size());
  }
  const View payload = stage.keep(Bytes(size - counted, 'x'));
  const Packet* puback = co_await puback_for(stage, client, stage.keep(topic), payload);
  if (size <= most) stage.expect(puback != nullptr, stage.keep("PUBACK for " + std::to_string(size) + " bytes"), stage.found(client));
  else co_await must_close(stage, client, "a message that is too large");
}

// ---- What a restart leaves.

Script durable(Stage& stage) {
  const Who who = stage.someone();
  const std::string_view device = stage.identity(who).id;
  Client client = co_await joined(stage, who);
  std::vector<View> bodies;
  for (std::uint32_t more = stage.draws().between(12, 24); more > 0; --more) {
    bodies.push_back(stage.payload(12, 60));
    const Packet* puback = co_await puback_for(stage, client, stage.topic(who), bodies.back());
    co_await stage.need(puback != nullptr, "a message was not acknowledged");
  }
  co_await stage.restart();
  co_await stage.pause(stage.settling(2s));
  client = co_await joined(stage, who);
  bodies.push_back(stage.payload(12, 60));
  const Packet* puback = co_await puback_for(stage, client, stage.topic(who), bodies.back());
  co_await stage.need(puback != nullptr, "a message was not acknowledged");
  for (int round = 0; round < 2; ++round) {  // reading does not consume
    Service service{stage};
    co_await service.opened();
    co_await service.watches(true);
    std::int64_t sequence = -1;
    std::size_t at = 0;
    while (at < bodies.size()) {
      const Reading* one = co_await service.telemetry(device);
      if (one == nullptr) break;
      stage.expect(one->sequence > sequence, "sequence numbers that increase", std::to_string(one->sequence) + " behind " + std::to_string(sequence), "D2C-07 INV-06");
      sequence = one->sequence;
      if (is(one, bodies[at])) ++at;  // what another case sent as this device stands before it
    }
    stage.expect(at == bodies.size(), "each message that was acknowledged, in order, from the start of the partition", std::to_string(at) + " of " + std::to_string(bodies.size()),
                 round == 0 ? "DLV-01 DLV-02 DLV-04 D2C-32 D2C-36 INV-01" : "D2C-35 D2C-36");
    service.close();
  }
}

// ---- Who connects.

Script silent(Stage& stage, std::uint16_t seconds) {
  const Who who = stage.someone();
  Login login;
  login.keep_alive = seconds;
  const Client client = co_await joined(stage, who, login);
  co_await stage.pause(std::chrono::seconds{seconds} / 4);
  const bool alive = co_await fenced(stage, client);  // any traffic begins the time anew
  co_await stage.need(alive, "a PINGREQ was not answered");
  const model::Duration due = std::chrono::seconds{seconds} * 3 / 2;
  const Instant since = stage.now();
  const bool early = co_await stage.ended_within(client, due - 2s);
  if (!stage.expect(!early, "a connection that stands silence of less than 1.5 keep-alives", stage.found(client))) co_return;
  const bool ended = co_await stage.ended(client, since + due + 2s + stage.patience() - stage.now());
  stage.expect(ended && stage.over_since(client) <= since + due + 2s + stage.patience(), stage.keep("the end of the connection after " + std::to_string(due / 1s) + " s of silence"),
               ended ? "it later" : "none");
}


Script login(Stage& stage, int kind) {
  const Who who = stage.someone(), other = stage.someone();
  const Identity& identity = stage.identity(who);
  std::string id = identity.id, user = identity.user;
  const std::string host = stage.target().host;
  switch (kind) {
    case 0: user = host + "/" + id + "/api-version=2016-11-14"; break;
    case 1: user = host + "/" + id + "/?api-version=2018-06-30&DeviceClientType=" + std::string{stage.fresh_level()}; break;
    case 2: user = host + "/" + id + "/DeviceClientType=azure-iot-device%2F1.1.11&api-version=2016-11-14"; break;
    case 3: user = host + "/" + id + "/?api-version=2021-04-12&model-id=dtmi%3Acom%3Aexample%3AThermostat%3B1"; break;
    case 4: user = host + "/" + id; break;
    case 5: id += "x"; break;                                     // nobody's id
    case 6: id = stage.identity(other).id; break;                 // an id that is not the user name's
    default: id[0] = id[0] >= 'a' ? static_cast<char>(id[0] - 0x20) : static_cast<char>(id[0] | 0x20);  // another case
  }
  Raw raw{Type::connect};
  raw.field("MQTT").u8(4).u8(static_cast<std::uint8_t>(0x82 | (identity.password.empty() ? 0 : 0x40))).u16(0).field(id).field(user);
  if (!identity.password.empty()) raw.field(identity.password);
  const Client client = co_await called(stage);
  stage.send(client, stage.keep(raw.packet()));
  if (kind >= 5) {
    co_await must_not_accept(stage, client, "a client id that is not that of the token and the user name");
    co_return;
  }
  const Packet* connack = co_await stage.heard(client, Type::connack);
  stage.expect(connack != nullptr && connack->code == 0, stage.keep("CONNACK with code 0 for the user name " + user), connack == nullptr ? stage.found(client) : describe(connack->raw));
}

Script takeover(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  Login will;
  will.will_topic = stage.topic(who);
  will.will = stage.payload(10, 30);
  const Client older = co_await joined_and_read(stage, &service, who, will);
  const Client newer = co_await joined(stage, who);
  co_await must_close(stage, older, "a newer connection of its device", "MQTT-09 ERR-05 INV-16 MQTT-10");
  co_await must_live(stage, newer, "the end of the older one", "MQTT-09 INV-16 MQTT-10");
  const Reading* one = co_await service.telemetry(stage.identity(who).id);
  stage.expect(is(one, will.will), "the will of the older one, as telemetry", seen(one), "MQTT-11 MQTT-42 INV-17");
}

Script session_present(Stage& stage) {
  const Who who = stage.someone();
  Login fresh, kept;
  kept.clean = false;
  const Client first = co_await joined(stage, who, fresh);
  stage.send(first, stage.keep(disconnect()));
  stage.close(first);
  const auto present = [&](const Packet* connack) { return connack != nullptr && (connack->acknowledge_flags & 1) != 0; };
  const Client second = co_await called(stage);
  const Packet* none = co_await answered(stage, second, who, kept);
  co_await stage.need(none != nullptr && none->code == 0, "a good CONNECT was not accepted");
  stage.expect(!present(none), "session present 0, as none is stored", describe(none->raw));
  co_await subscribed(stage, second, stage.filter(who), 1);
  stage.send(second, stage.keep(disconnect()));
  stage.close(second);
  const Client third = co_await called(stage);
  const Packet* stored = co_await answered(stage, third, who, kept);
  co_await stage.need(stored != nullptr && stored->code == 0, "a good CONNECT was not accepted");
  stage.expect(present(stored), "session present 1, as one is stored", describe(stored->raw));
  const Client fourth = co_await called(stage);
  const Packet* again = co_await answered(stage, fourth, who, fresh);
  stage.expect(again != nullptr && again->code == 0 && !present(again), "session present 0 for Clean Session 1", again == nullptr ? stage.found(fourth) : describe(again->raw));
}

Script outlasts(Stage& stage) {
  const Who who = stage.someone();
  Login login;
  login.clean = false;
  co_await purged(stage);
  const Client client = co_await joined(stage, who, login);
  co_await subscribed(stage, client, stage.filter(who), 1);
  co_await stage.restart();
  co_await stage.pause(stage.settling(2s));
  const Client again = co_await called(stage);
  const Packet* connack = co_await answered(stage, again, who, login);
  co_await stage.need(connack != nullptr && connack->code == 0, "a good CONNECT was not accepted");
  stage.expect((connack->acknowledge_flags & 1) != 0, "session present 1", describe(connack->raw), "MQTT-12");
  Service service{stage};
  co_await service.opened(false);
  const Drawn drawn = drawn_message(stage, {.least = 1});
  const Sent sent = co_await service.send(stage.identity(who).id, drawn.flat);
  co_await stage.need(sent.accepted, "a command was not taken");
  const Packet* packet = co_await stage.heard(again, Type::publish);
  stage.expect(packet != nullptr && std::ranges::equal(packet->payload, drawn.body), "a command, by the subscription of before", stage.found(again), "MQTT-13 MQTT-32 DLV-02");
  if (packet != nullptr && packet->qos() == 1) stage.send(again, stage.keep(acknowledgement(Type::puback, packet->id)));
}

// CONNECT is the first packet, and comes once.
Script connect_once(Stage& stage, bool second) {
  const Who who = stage.someone();
  Client client{};
  if (second) client = co_await joined(stage, who);
  else client = co_await called(stage);
  if (second) stage.send(client, connect_packet(stage, who));
  else stage.send(client, publish(stage, stage.topic(who), stage.payload(), 1, stage.packet_id()));
  const bool ended = co_await must_close(stage, client, second ? "a second CONNECT" : "a PUBLISH before CONNECT");
  if (ended) stage.expect(stage.left(client) == 0, "no packet", stage.found(client));
}

// ---- Wills.

Script will(Stage& stage, int kind) {
  const Who who = stage.someone();
  Service service{stage};
  Login login;
  const bool bagged = stage.draws().heads();
  login.will_topic = bagged ? stage.keep(std::string{stage.topic(who)} + "reason=gone") : stage.topic(who);
  login.will = stage.payload(40, 60);
  login.will_qos = static_cast<std::uint8_t>(stage.draws().below(2));
  login.keep_alive = kind == 2 ? 2 : 0;
  const Client client = co_await joined_and_read(stage, &service, who, login);
  const View before = stage.payload(1, 20);
  const Packet* puback = co_await puback_for(stage, client, stage.topic(who), before);
  co_await stage.need(puback != nullptr, "a message was not acknowledged");
  if (kind == 0) stage.cut(client);
  if (kind == 1) stage.close(client);  // in good order, but for MQTT
  if (kind == 2) {
    const bool ended = co_await stage.ended(client, 4s + stage.patience());
    if (!stage.expect(ended, "the end of the connection after 3 s of silence, with a keep-alive of 2 s", stage.found(client), "MQTT-14")) co_return;
  }
  if (kind == 3) {
    stage.send(client, stage.keep(disconnect()));
    stage.close(client);
  }
  const Reading* first = co_await service.telemetry(stage.identity(who).id);
  if (!stage.expect(is(first, before), "what was acknowledged, before the will", seen(first), "MQTT-43")) co_return;
  if (kind == 3) {  // a will would stand before what comes now
    const Client again = co_await joined(stage, who);
    const View after = stage.payload(1, 20);
    const Packet* second = co_await puback_for(stage, again, stage.topic(who), after);
    co_await stage.need(second != nullptr, "a message was not acknowledged");
    const Reading* next = co_await service.telemetry(stage.identity(who).id);
    stage.expect(is(next, after), "no will after DISCONNECT", seen(next), "MQTT-42 INV-17");
    co_return;
  }
  const Reading* one = co_await service.telemetry(stage.identity(who).id);
  if (!stage.expect(is(one, login.will), "the will, as telemetry", seen(one), "MQTT-41 MQTT-42 INV-17")) co_return;
  const auto type = one->message().property("iothub-MessageType");
  if (stage.target().profile != "iot-hub-2017") stage.expect(type == "Will", "the property iothub-MessageType = Will", type ? *type : "none", "MQTT-41");
  if (bagged) stage.expect(one->message().property("reason") == "gone", "the will's own property", "none", "MQTT-41");
  const Client again = co_await joined(stage, who);
  const View after = stage.payload(1, 20);
  const Packet* second = co_await puback_for(stage, again, stage.topic(who), after);
  co_await stage.need(second != nullptr, "a message was not acknowledged");
  const Reading* next = co_await service.telemetry(stage.identity(who).id);
  stage.expect(is(next, after), "one will, not two", seen(next), "MQTT-42 INV-17");
}

// ---- Commands.

bool right(const Packet* packet, View body) { return packet != nullptr && std::ranges::equal(packet->payload, body); }

// PUBACK, where the command came at QoS 1.
void confirm(Stage& stage, Client client, const Packet& publish) {
  if (publish.qos() == 1) stage.send(client, stage.keep(acknowledgement(Type::puback, publish.id)));
}

Task<void> taken(Stage& stage, Service* service, std::string_view device, View flat) {
  const Sent sent = co_await service->send(device, flat);
  if (!sent.accepted) co_await stage.give_up(stage.keep("a command was not taken: " + std::string{sent.text()}));
}

Script command(Stage& stage, std::uint8_t qos) {
  const Who who = stage.someone(), other = stage.someone();
  Service service{stage};
  co_await service.opened();
  const std::string_view device = stage.identity(who).id;
  const Client client = co_await joined(stage, who);
  const Client bystander = co_await joined(stage, other);
  co_await subscribed(stage, bystander, stage.filter(other), 1);
  const std::uint16_t id = stage.packet_id();
  stage.send(client, subscribe_packet(stage, id, stage.filter(who), qos));
  const Packet* suback = co_await stage.heard(client, Type::suback, id);
  const std::uint8_t granted = std::min<std::uint8_t>(qos, 1);
  if (!stage.expect(suback != nullptr && suback->codes.size() == 1 && suback->codes[0] == granted, stage.keep("SUBACK with " + std::to_string(granted)),
                    suback == nullptr ? stage.found(client) : describe(suback->raw), "MQTT-34 MQTT-28")) co_return;
  Wish wish;
  wish.ack = model::Ack::full;
  wish.expiry = (stage.date() + 1h).time_since_epoch() / 1ms;
  wish.least = 1;
  const Drawn drawn = drawn_message(stage, wish);
  co_await taken(stage, &service, device, drawn.flat);
  const Packet* packet = co_await stage.heard(client, Type::publish);
  if (!stage.expect(right(packet, drawn.body), "the command", stage.found(client), "MQTT-28 MQTT-29 DLV-18 C2D-01 INV-25")) co_return;
  stage.expect(packet->qos() == granted && !packet->retain(), stage.keep("QoS " + std::to_string(granted) + " and RETAIN 0"), describe(packet->raw), "MQTT-34");
  const std::string prefix = "devices/" + std::string{device} + "/messages/devicebound/";
  std::string_view rest = packet->topic;
  if (!stage.expect(rest.starts_with(prefix), stage.keep("a topic that begins with " + prefix), rest, "MQTT-28")) co_return;
  rest.remove_prefix(prefix.size());
  if (rest.starts_with("?")) rest.remove_prefix(1);  // [OPEN-22]
  Bytes flat;
  model::MessageWriter writer{flat};
  const bool readable = model::mqtt::read_bag(rest, writer);
  writer.body({});
  if (!stage.expect(readable, "a property bag", rest, "MQTT-28 MQTT-29")) co_return;
  const model::MessageView message{flat};
  for (const auto& [name, value] : drawn.properties)
    stage.expect(message.property(name) == value, stage.keep("the property " + std::string{name} + " = " + std::string{value}), rest, "MQTT-29 MSG-02 INV-25");
  stage.expect(message.system(model::System::message_id) == drawn.id, stage.keep("$.mid = " + std::string{drawn.id}), rest, "MQTT-29 MSG-03 INV-25");
  stage.expect(message.ack() == model::Ack::full, "iothub-ack = full", rest, "MSG-17 FBK-01 MQTT-29");
  const auto expiry = message.expiry();
  stage.expect(expiry && expiry->time_since_epoch() / 1ms == wish.expiry, "$.exp as the service set it", rest, "MSG-08 C2D-26");
  confirm(stage, client, *packet);
  const bool alive = co_await must_live(stage, client, "a command", "MQTT-28");
  if (!alive) co_return;
  stage.expect(stage.left(bystander, Type::publish) == 0, "nothing at another device", stage.found(bystander), "DLV-17");
  stage.send(client, stage.keep(disconnect()));
  stage.close(client);
  // It is complete, and comes no more: the next one is the first that comes.
  const Client again = co_await joined(stage, who);
  const Drawn next = drawn_message(stage, {.least = 210, .most = 230});
  co_await subscribed(stage, again, stage.filter(who), 1);
  co_await taken(stage, &service, device, next.flat);
  const Packet* only = co_await stage.heard(again, Type::publish);
  stage.expect(right(only, next.body), "the next command, as the first is complete", only == nullptr ? stage.found(again) : describe(only->raw),
               qos == 0 ? "C2D-31 C2D-20 INV-10 DLV-14" : "DLV-13 C2D-31 C2D-20 INV-10");
  if (only != nullptr) confirm(stage, again, *only);
}

Script not_acknowledged(Stage& stage, bool clean) {
  const Who who = stage.someone();
  Service service{stage};
  co_await service.opened();
  Login login;
  login.clean = clean;
  const Client client = co_await joined(stage, who, login);
  co_await subscribed(stage, client, stage.filter(who), 1);
  const Drawn drawn = drawn_message(stage, {.least = 1});
  co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
  const Packet* packet = co_await stage.heard(client, Type::publish);
  co_await stage.need(right(packet, drawn.body), "a command did not come");
  stage.cut(client);
  const Client again = co_await joined(stage, who, login);
  if (clean) co_await subscribed(stage, again, stage.filter(who), 1);
  // At once, or when its lock has run out [OPEN-01].
  const Packet* second = co_await stage.heard(again, Type::publish, 0, lock + 5s);
  stage.expect(right(second, drawn.body), "the command that was not acknowledged, again", stage.found(again), "MQTT-38 C2D-15 DLV-12 C2D-39");
  if (second == nullptr) co_return;
  confirm(stage, again, *second);
  co_await must_live(stage, again, "a redelivery", "DLV-01");
}

// On a living connection, too, the lock runs out.
Script lock_runs_out(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  co_await service.opened();
  const Client client = co_await joined(stage, who);
  co_await subscribed(stage, client, stage.filter(who), 1);
  const Drawn drawn = drawn_message(stage, {.least = 1});
  co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
  service.close();
  const Packet* packet = co_await stage.heard(client, Type::publish);
  co_await stage.need(right(packet, drawn.body), "a command did not come");
  const Instant handed = stage.now();
  co_await stage.pause(lock - 3s);
  stage.expect(stage.left(client, Type::publish) == 0, "nothing more within the lock", stage.found(client), "C2D-10 C2D-13 INV-11");
  const Packet* second = co_await stage.heard(client, Type::publish, 0, handed + lock + 5s - stage.now());
  if (second == nullptr) {  // a hub may wait for the next connection [H-23]
    const Client again = co_await joined(stage, who);
    co_await subscribed(stage, again, stage.filter(who), 1);
    second = co_await stage.heard(again, Type::publish);
    if (stage.expect(right(second, drawn.body), "the command again, once its lock has run out", stage.found(again), "MQTT-38 C2D-12 C2D-13")) confirm(stage, again, *second);
    co_return;
  }
  if (!stage.expect(right(second, drawn.body), "the command again, once its lock has run out", describe(second->raw), "MQTT-38 C2D-12 C2D-13")) co_return;
  if (packet->id != second->id) {  // a PUBACK to the delivery before changes nothing
    stage.send(client, stage.keep(acknowledgement(Type::puback, packet->id)));
    const bool alive = co_await fenced(stage, client);
    if (!alive) co_return;  // it may be taken for one out of order [MQTT-35]
  }
  confirm(stage, client, *second);
  Service later{stage};
  co_await later.opened(false);
  const Drawn next = drawn_message(stage, {.least = 210, .most = 220});
  co_await taken(stage, &later, stage.identity(who).id, next.flat);
  const Packet* third = co_await stage.heard(client, Type::publish);
  stage.expect(right(third, next.body), "the next command by the same subscription", third == nullptr ? stage.found(client) : describe(third->raw), "C2D-14 INV-12");
  if (third != nullptr) confirm(stage, client, *third);
}

Script takeover_in_flight(Stage& stage, model::Duration wait) {
  const Who who = stage.someone();
  Service service{stage};
  co_await service.opened();
  Client client = co_await joined(stage, who);
  co_await subscribed(stage, client, stage.filter(who), 1);
  const Drawn drawn = drawn_message(stage, {.least = 1});
  const Client newer = co_await called(stage);
  co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
  const Packet* packet = co_await stage.heard(client, Type::publish);
  co_await stage.need(right(packet, drawn.body), "a command did not come");
  if (wait > 0s) co_await stage.pause(wait);
  const Packet* connack = co_await answered(stage, newer, who);
  co_await stage.need(connack != nullptr && connack->code == 0, "a good CONNECT was not accepted");
  const bool ended = co_await must_close(stage, client, "a newer connection of its device", "MQTT-09");
  if (!ended) co_return;
  co_await subscribed(stage, newer, stage.filter(who), 1);
  const Packet* second = co_await stage.heard(newer, Type::publish, 0, lock + 5s);
  stage.expect(right(second, drawn.body), "the command that was under way to the older connection", stage.found(newer), "MQTT-38 C2D-15 DLV-12");
  if (second != nullptr) confirm(stage, newer, *second);
}

Task<Client> joined_as(Stage& stage, const Made* device) {
  Raw raw{Type::connect};
  raw.field("MQTT").u8(4).u8(0xc2).u16(0).field(device->id).field(stage.target().host + "/" + std::string{device->id} + "/?api-version=2021-04-12").field(device->token);
  const Client client = co_await called(stage);
  stage.send(client, stage.keep(raw.packet()));
  const Packet* connack = co_await stage.heard(client, Type::connack);
  co_await stage.need(connack != nullptr && connack->code == 0, "a good CONNECT was not accepted");
  co_return client;
}

Script disabled_in_flight(Stage& stage) {
  Http registry{stage};
  registry.as_policy("iothubowner");
  const Made device = co_await made(stage, &registry, fresh_device_id(stage, true));
  const std::string_view filter = stage.keep("devices/" + std::string{device.id} + "/messages/devicebound/#");
  const std::vector<model::http::Field> any{{"Content-Type", "application/json"}, {"If-Match", "*"}};
  Service service{stage};
  co_await service.opened();
  const Client client = co_await joined_as(stage, &device);
  co_await subscribed(stage, client, filter, 1);
  const Drawn drawn = drawn_message(stage, {.least = 1});
  co_await taken(stage, &service, device.id, drawn.flat);
  const Packet* packet = co_await stage.heard(client, Type::publish);
  co_await stage.need(right(packet, drawn.body), "a command did not come");
  for (const bool enabled : {false, true}) {
    registry.ask("PUT", device_path(stage, device.id), any, device_json(stage, device.id, device.primary, device.secondary, enabled));
    const Answer* answer = co_await registry.answer();
    co_await stage.need(answer != nullptr && answer->status == 200, "a device could not be changed");
    if (enabled) break;
    co_await must_close(stage, client, "a device that was disabled", "SEC-26");
  }
  const Client again = co_await joined_as(stage, &device);
  co_await subscribed(stage, again, filter, 1);
  const Packet* second = co_await stage.heard(again, Type::publish, 0, lock + 5s);
  stage.expect(right(second, drawn.body), "the command that was under way when the device was disabled", stage.found(again), "C2D-35 DLV-12 MQTT-38");
  if (second != nullptr) confirm(stage, again, *second);
  co_await removed(stage, &registry, device.id);
}

// Before a subscription, and after it is taken back.
Script needs_subscription(Stage& stage, int kind) {
  const Who who = stage.someone();
  Service service{stage};
  co_await service.opened();
  const std::string_view device = stage.identity(who).id;
  const Client client = co_await joined(stage, who);
  if (kind == 1) {
    co_await subscribed(stage, client, stage.filter(who), 1);
    const std::uint16_t id = stage.packet_id();
    stage.send(client, stage.keep(unsubscribe_packet(id, {stage.filter(who)})));
    const Packet* unsuback = co_await stage.heard(client, Type::unsuback, id);
    co_await stage.need(unsuback != nullptr, "an UNSUBSCRIBE was not answered");
  }
  const Drawn drawn = drawn_message(stage, {.least = 1});
  co_await taken(stage, &service, device, drawn.flat);
  const Packet* early = co_await stage.heard(client, Type::publish, 0, 3s);
  if (!stage.expect(early == nullptr, "nothing without a subscription", early == nullptr ? "" : describe(early->raw))) co_return;
  co_await subscribed(stage, client, stage.filter(who), 1);
  const Drawn next = drawn_message(stage, {.least = 210, .most = 220});
  co_await taken(stage, &service, device, next.flat);
  // Whether what was queued before comes, too, the documents leave open [OPEN-04].
  const Packet* packet = co_await stage.heard(client, Type::publish);
  if (right(packet, drawn.body)) {
    confirm(stage, client, *packet);
    packet = co_await stage.heard(client, Type::publish);
  }
  stage.expect(right(packet, next.body), "what is sent after the subscription", stage.found(client), "MQTT-31");
  if (packet != nullptr) confirm(stage, client, *packet);
}

Script stored_subscription(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  co_await service.opened();
  Login login;
  login.clean = false;
  const Client client = co_await joined(stage, who, login);
  co_await subscribed(stage, client, stage.filter(who), 1);
  stage.send(client, stage.keep(disconnect()));
  stage.close(client);
  const Drawn drawn = drawn_message(stage, {.least = 1});
  co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
  const Client again = co_await joined(stage, who, login);
  const Packet* packet = co_await stage.heard(again, Type::publish);
  stage.expect(right(packet, drawn.body), "what was sent meanwhile, without another SUBSCRIBE", stage.found(again), "MQTT-13 MQTT-32 C2D-40 DLV-02");
  if (packet == nullptr) co_return;
  confirm(stage, again, *packet);
  co_await must_live(stage, again, "a command", "MQTT-13");
  // Clean Session 1 deletes what is stored.
  const Client clean = co_await joined(stage, who);
  const Drawn other = drawn_message(stage, {.least = 1});
  co_await taken(stage, &service, stage.identity(who).id, other.flat);
  const Packet* none = co_await stage.heard(clean, Type::publish, 0, 3s);
  stage.expect(none == nullptr, "nothing, as Clean Session 1 has no subscription", none == nullptr ? "" : describe(none->raw), "MQTT-13 INV-18");
}

Script filters(Stage& stage, std::string_view what) {
  const Who who = stage.someone(), other = stage.someone();
  Service service{stage};
  co_await service.opened();
  const Client client = co_await joined(stage, who);
  std::string filter{stage.filter(other)};
  const std::string device = stage.identity(who).id;
  if (what == "everything") filter = "#";
  if (what == "every-device") filter = "devices/+/messages/devicebound/#";
  if (what == "part") filter = "devices/" + device + "/messages/devicebound/a=#";
  if (what == "telemetry") filter = "devices/" + device + "/messages/events/#";
  if (what == "broker-like") filter = "some/topic";
  const std::uint16_t id = stage.packet_id();
  stage.send(client, subscribe_packet(stage, id, stage.keep(filter), 1));
  // Refused, granted or hung up on [OPEN-13]: but nothing may come by it.
  const Drawn theirs = drawn_message(stage, {.least = 1}), mine = drawn_message(stage, {.least = 1});
  co_await taken(stage, &service, stage.identity(other).id, theirs.flat);
  co_await taken(stage, &service, device, mine.flat);
  const Packet* packet = co_await stage.heard(client, Type::publish, 0, 3s);
  stage.expect(packet == nullptr, "no command by this filter", packet == nullptr ? "" : describe(packet->raw));
}

Script many_filters(Stage& stage, bool over) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  const std::string& device = stage.identity(who).id;
  // Four are all that a hub has; the same one, spelled otherwise, may count as another.
  std::vector<std::string_view> filters{stage.filter(who), "$iothub/twin/res/#", "$iothub/twin/PATCH/properties/desired/#", "$iothub/methods/POST/#"};
  if (over)
    for (std::size_t at = 0; at < 2; ++at) {
      constexpr std::string_view digits = "0123456789ABCDEF";
      const auto letter = static_cast<std::uint8_t>(device[at]);
      std::string spelled = device;
      spelled.replace(at, 1, {'%', digits[letter >> 4], digits[letter & 15]});
      filters.push_back(stage.keep("devices/" + spelled + "/messages/devicebound/#"));
    }
  std::size_t granted = 0;
  for (const std::string_view filter : filters) {
    const std::uint16_t id = stage.packet_id();
    stage.send(client, subscribe_packet(stage, id, filter, 1));
    const Packet* suback = co_await stage.heard(client, Type::suback, id);
    if (suback == nullptr) break;  // it may hang up [H-16]
    granted += suback->codes.size() == 1 && suback->codes[0] <= 1 ? 1 : 0;
  }
  if (over && granted < 5) {
    stage.undecided("the target grants no five filters");
  } else if (over) {
    stage.expect(granted == 5, "five filters granted, and not the sixth", std::to_string(granted));
  } else {
    stage.expect(granted == 4, "four filters granted", std::to_string(granted));
    const std::uint16_t id = stage.packet_id();
    stage.send(client, subscribe_packet(stage, id, filters[0], 1));
    const Packet* again = co_await stage.heard(client, Type::suback, id);
    stage.expect(again != nullptr && again->codes.size() == 1 && again->codes[0] == 1, "a filter that is held already granted again", again == nullptr ? stage.found(client) : describe(again->raw));
  }
}

Script fifty_at_once(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  co_await service.opened();
  const Client client = co_await joined(stage, who);
  co_await subscribed(stage, client, stage.filter(who), 1);
  std::vector<View> bodies;
  const std::uint32_t many = stage.draws().between(10, 30);
  for (std::uint32_t more = many; more > 0; --more) {
    const Drawn drawn = drawn_message(stage, {.least = 8, .most = 40, .properties = 1});
    bodies.push_back(drawn.body);
    co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
  }
  for (const View body : bodies) {
    const Packet* packet = co_await stage.heard(client, Type::publish);
    if (!stage.expect(right(packet, body), "the commands in the order in which they were sent", packet == nullptr ? stage.found(client) : describe(packet->raw), "INV-23 C2D-25 DLV-01")) co_return;
    confirm(stage, client, *packet);
  }
  const bool alive = co_await must_live(stage, client, "all these commands", "INV-23 MQTT-35");
  if (alive) stage.expect(stage.left(client, Type::publish) == 0, "each command once", stage.found(client), "INV-11 INV-10");
}

}  // namespace

void add_hub_mqtt(Cases& cases) {
  const auto add = [&](std::string name, std::string sentence, std::vector<std::string> clauses,
                       std::function<Script(Stage&)> script, Capabilities needs = {}) {
    if (needs.has(Capability::service))
      script = [inner = std::move(script)](Stage& stage) { return tidied(stage, inner); };
    cases.push_back({"mqtt/" + name, std::move(sentence), std::move(clauses), std::move(script), needs, For::hubs});
  };
  const Capabilities reads{Capability::events, Capability::amqp}, commands{Capability::amqp, Capability::service};
  add("telemetry/one-after-the-other", "Messages are sent, each after the PUBACK to the one before, and read.",
      {"DLV-01", "DLV-04", "DLV-18", "D2C-02", "D2C-04", "D2C-07", "D2C-08", "MQTT-19", "INV-01", "INV-02", "INV-03", "INV-05", "INV-06", "INV-25"},
      [](Stage& stage) { return telemetry(stage, false); }, reads);
  add("telemetry/in-a-kept-session", "Messages are sent in a session that goes on after a cut, each after the PUBACK to the one before.",
      {"DLV-01", "DLV-04", "DLV-18", "D2C-02", "D2C-04", "D2C-07", "D2C-08", "MQTT-19", "INV-01", "INV-02", "INV-03", "INV-05", "INV-06", "INV-25"},
      [](Stage& stage) { return telemetry(stage, true); }, reads | Capabilities{Capability::sessions});
  Case lasting{"mqtt/telemetry/outlasts-a-restart", "The hub restarts right behind a PUBACK: what was acknowledged is there, and what is new comes behind it.",
               {"DLV-01", "DLV-02", "DLV-04", "D2C-07", "D2C-32", "D2C-35", "D2C-36", "INV-01", "INV-06"}, durable,
               reads | Capabilities{Capability::restart}, For::hubs, Alone::target};
  cases.push_back(std::move(lasting));
  for (const std::uint16_t seconds : {std::uint16_t{20}, std::uint16_t{40}})
    add("session/silent-for-" + std::to_string(seconds), "A device with a keep-alive of " + std::to_string(seconds) + " s is silent.", {"MQTT-14", "INV-19"},
        [seconds](Stage& stage) { return silent(stage, seconds); });
  for (const auto& [name, wait] : {std::pair<const char*, model::Duration>{"at-once", 0s}, {"later", 5s}, {"at-the-end-of-its-lock", 59'850ms}})
    add(std::string{"commands/takeover-"} + name, "A newer connection takes over while a command is under way to the older one.",
        {"MQTT-38", "C2D-15", "DLV-12", "MQTT-09"}, [its_wait = wait](Stage& stage) { return takeover_in_flight(stage, its_wait); }, commands);
  add("commands/disabled-under-way", "A device is disabled while a command is under way to it, and enabled again.", {"SEC-26", "C2D-35", "DLV-12", "MQTT-38"},
      disabled_in_flight, commands | Capabilities{Capability::http, Capability::tokens});
  const std::tuple<const char*, const char*, std::vector<std::string>> bags[] = {
      {"encoded-bag", "A property bag has names and values with characters that must be encoded.", {"MQTT-23", "MQTT-24", "MSG-02", "MSG-13", "INV-25"}},
      {"system-bag", "A property bag has system properties, with $. or %24.", {"MQTT-25", "MSG-03", "MSG-05", "MSG-06", "MSG-09", "DLV-18", "INV-25"}},
      {"bag-with-question-mark", "A property bag begins with a question mark, which is part of the first name.", {"MQTT-23"}},
      {"bag-with-creation-time", "A property bag has a time of creation and a component.", {"MSG-10", "D2C-18"}}};
  for (int kind = 0; kind < 4; ++kind)
    add(std::string{"telemetry/"} + std::get<0>(bags[kind]), std::get<1>(bags[kind]), std::get<2>(bags[kind]), [kind](Stage& stage) { return bag(stage, kind); }, reads);
  add("telemetry/retained", "A message has RETAIN 1.", {"MQTT-21"}, retained, reads);
  const char* dups[] = {"A message is sent again under its packet id, with DUP.", "A message is sent again with DUP, on a connection that took over.",
                        "A message with DUP has a packet id from the beginning, as ids have wrapped."};
  for (int kind = 0; kind < 3; ++kind)
    add("telemetry/with-dup-" + std::to_string(kind), dups[kind], {"MQTT-22", "DLV-10", "DLV-09", "MQTT-39"}, [kind](Stage& stage) { return with_dup(stage, kind); }, reads);
  add("telemetry/qos-0", "A message is sent at QoS 0.", {"DLV-05", "INV-02"}, qos_0, reads);
  const std::tuple<const char*, const char*, std::vector<std::string>> refusals[] = {
      {"qos-2", "A message is sent at QoS 2.", {"MQTT-20", "MQTT-44", "ERR-37"}},
      {"other-device", "A message is for another device's topic.", {"MQTT-26", "D2C-01", "D2C-14", "MQTT-44", "ERR-37"}},
      {"device-bound", "A message is for the device's own commands.", {"MQTT-26", "DLV-17", "MQTT-44", "ERR-37"}},
      {"service-endpoint", "A message is for an endpoint of services.", {"MQTT-26", "D2C-01", "MQTT-44", "ERR-37"}},
      {"unknown-topic", "A message is for a topic that a broker would take.", {"MQTT-02", "MQTT-26", "MQTT-44", "ERR-37"}},
      {"upper-case-id", "A message is for a topic of a device that is not there.", {"MQTT-26", "MQTT-44", "ERR-37"}},
      {"plus", "A property bag has a bare plus sign.", {"MQTT-24", "MQTT-44"}},
      {"hash", "A property bag has a bare hash.", {"MQTT-24", "MQTT-44"}},
      {"levels-too-many", "A topic goes on behind the property bag.", {"MQTT-02", "MQTT-26", "MQTT-44"}}};
  for (const auto& [name, sentence, clauses] : refusals) {
    const bool read = std::ranges::count(clauses, std::string{"ERR-37"}) > 0;
    add(std::string{"telemetry/refused-"} + name, sentence, clauses, [its_name = name, read](Stage& stage) { return not_accepted(stage, its_name, read); }, read ? reads : Capabilities{});
  }
  for (const std::uint32_t size : {262'143u, 262'144u, 262'145u, 300'000u})
    for (const bool properties : {false, true})
      add("telemetry/size-of-" + std::to_string(size) + (properties ? "-with-properties" : ""), "A message counts " + std::to_string(size) + " bytes.",
          size > 262'144u ? std::vector<std::string>{"MQTT-27", "D2C-40", "MSG-20", "QUO-15", "MQTT-44"} : std::vector<std::string>{"MQTT-27", "D2C-40", "MSG-20", "QUO-15"},
          [size, properties](Stage& stage) { return payload_of(stage, size, properties); });

  const std::tuple<const char*, const char*, std::vector<std::string>> logins[] = {
      {"of-2017", "A user name has no question mark.", {"MQTT-05", "MQTT-01"}},
      {"with-client-type", "A user name has more pairs than its api-version.", {"MQTT-05"}},
      {"with-client-type-first", "A user name begins with another pair than its api-version.", {"MQTT-05"}},
      {"with-model-id", "A user name names a model.", {"MQTT-05"}},
      {"short", "A user name has no api-version.", {"MQTT-06"}},
      {"unknown-id", "A client id is nobody's.", {"MQTT-04", "MQTT-08", "SEC-13"}},
      {"id-of-another", "A client id is that of another device than the user name's.", {"MQTT-04", "MQTT-08", "SEC-12"}},
      {"id-in-other-case", "A client id differs in case.", {"MQTT-04", "SEC-25"}}};
  for (int kind = 0; kind < 8; ++kind)
    add(std::string{"login/"} + std::get<0>(logins[kind]), std::get<1>(logins[kind]), std::get<2>(logins[kind]), [kind](Stage& stage) { return login(stage, kind); });
  add("session/takeover-with-will", "A device connects again; the older connection had a will.",
      {"MQTT-09", "MQTT-10", "MQTT-11", "MQTT-42", "ERR-05", "INV-16", "INV-17"}, takeover, reads);
  add("session/present", "A device connects with and without a stored session.", {"MQTT-12"}, session_present, {Capability::sessions});
  add("session/publish-first", "A PUBLISH comes before any CONNECT.", {"MQTT-03", "MQTT-44"}, [](Stage& stage) { return connect_once(stage, false); });
  add("session/second-connect", "A CONNECT comes twice.", {"MQTT-03", "MQTT-44"}, [](Stage& stage) { return connect_once(stage, true); });
  cases.push_back({"mqtt/session/outlasts-a-restart", "The hub restarts right behind a SUBACK of a kept session.", {"MQTT-12", "MQTT-13", "MQTT-32", "DLV-02"}, outlasts,
                   commands | Capabilities{Capability::sessions, Capability::restart}, For::hubs, Alone::target});
  const char* ends[] = {"reset", "closed", "silent", "disconnected"};
  for (int kind = 0; kind < 4; ++kind) {
    std::vector<std::string> clauses{"MQTT-42", "MQTT-43", "INV-17"};
    if (kind < 3) clauses.emplace_back("MQTT-41");
    if (kind == 2) clauses.emplace_back("MQTT-14");
    add(std::string{"will/"} + ends[kind], std::string{"A connection with a will is "} + ends[kind] + ".", std::move(clauses), [kind](Stage& stage) { return will(stage, kind); }, reads);
  }

  for (const std::uint8_t qos : {std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{2}}) {
    std::vector<std::string> clauses{"MQTT-28", "MQTT-29", "MQTT-34", "DLV-17", "DLV-18", "C2D-01", "C2D-20", "C2D-26", "C2D-31",
                                     "MSG-02", "MSG-03", "MSG-08", "MSG-17", "FBK-01", "INV-10", "INV-25"};
    clauses.emplace_back(qos == 0 ? "DLV-14" : "DLV-13");
    add("commands/at-qos-" + std::to_string(qos), "A command comes by a subscription at QoS " + std::to_string(qos) + ", and does not come again.",
        std::move(clauses), [qos](Stage& stage) { return command(stage, qos); }, commands);
  }
  add("commands/not-acknowledged", "A connection is cut before the PUBACK of a command.", {"MQTT-38", "C2D-15", "C2D-39", "DLV-01", "DLV-12"},
      [](Stage& stage) { return not_acknowledged(stage, true); }, commands);
  add("commands/not-acknowledged-in-kept-session", "A connection of a kept session is cut before the PUBACK of a command.",
      {"MQTT-38", "C2D-15", "C2D-39", "DLV-01", "DLV-12"}, [](Stage& stage) { return not_acknowledged(stage, false); }, commands | Capabilities{Capability::sessions});
  add("commands/lock-runs-out", "A command is not acknowledged while the connection lives.", {"C2D-10", "C2D-12", "C2D-13", "MQTT-38", "INV-11"}, lock_runs_out, commands);
  add("commands/before-subscription", "A command is sent to a device that is connected and has not subscribed.", {"MQTT-30", "MQTT-31", "INV-18"},
      [](Stage& stage) { return needs_subscription(stage, 0); }, commands);
  add("commands/after-unsubscribe", "A command is sent to a device that has unsubscribed.", {"MQTT-30", "MQTT-31", "MQTT-40", "INV-18"},
      [](Stage& stage) { return needs_subscription(stage, 1); }, commands);
  add("commands/stored-subscription", "A command is sent while a device with a stored subscription is away.",
      {"MQTT-13", "MQTT-32", "C2D-40", "DLV-02", "INV-18"}, stored_subscription, commands | Capabilities{Capability::sessions});
  for (const char* what : {"of-other-device", "everything", "every-device", "part", "telemetry", "broker-like"})
    add(std::string{"commands/filter-"} + what, "A filter is none of a hub's: nothing comes by it.", {"MQTT-37", "MQTT-02", "DLV-17"},
        [what](Stage& stage) { return filters(stage, what); }, commands);
  add("commands/four-filters", "A device holds four filters, and subscribes to one of them again.", {"MQTT-36"}, [](Stage& stage) { return many_filters(stage, false); });
  add("commands/six-filters", "A device subscribes to six filters.", {"MQTT-36"}, [](Stage& stage) { return many_filters(stage, true); });
  add("commands/many", "Commands come in a row, and each is acknowledged.", {"INV-10", "INV-11", "INV-23", "C2D-25", "DLV-01", "MQTT-35"}, fifty_at_once, commands);
}

}  // namespace hubproof::conformance::cases
