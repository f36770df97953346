// Chapter 3.1 and 3.2 of MQTT 3.1.1: CONNECT and CONNACK.
#include "conformance/cases/case.hpp"
#include "conformance/cases/mqtt.hpp"

namespace hubproof::conformance::cases {
namespace {

// ---- What comes first.

// A server may end connections on which no CONNECT comes in time. That is no answer to the packet, and a
// connection that says nothing has its end then, too.
Script other_first(Stage& stage, Type type) {
  const Who who = stage.someone();
  const Client quiet = co_await called(stage);
  const Client client = co_await called(stage);
  Bytes packet = pingreq();
  switch (type) {
    case Type::publish: packet = publish_packet(stage.topic(who), stage.payload(), stage.draws().heads(), stage.packet_id()); break;
    case Type::subscribe: packet = Raw{Type::subscribe, 2}.u16(stage.packet_id()).field(stage.filter(who)).u8(1).packet(); break;
    case Type::unsubscribe: packet = unsubscribe_packet(stage.packet_id(), {stage.filter(who)}); break;
    case Type::puback: packet = acknowledgement(Type::puback, stage.packet_id()); break;
    case Type::pubrel: packet = acknowledgement(Type::pubrel, stage.packet_id()); break;
    case Type::disconnect: packet = disconnect(); break;
    default: break;
  }
  const Instant sent = stage.now();
  stage.send(client, stage.keep(std::move(packet)));
  if (stage.draws().heads()) stage.send(client, connect_packet(stage, who));  // it is too late
  const bool ended = co_await stage.ended(client);
  const bool silent = stage.left(client) == 0;
  bool by_timer = false;
  if (ended && silent && stage.over_since(client) - sent > 5s) by_timer = co_await stage.ended_within(quiet, stage.moment());
  stage.expect(ended && silent && !by_timer, "the end of the connection and no packet",
               by_timer ? "its end with that of a connection that had said nothing" : stage.found(client));
}

enum class Second : std::uint8_t { the_same, other_id, behind_the_first, after_traffic, clean_flipped };

Script second_connect(Stage& stage, Second kind) {
  const Who who = stage.someone();
  const Client client = co_await called(stage);
  const View hello = connect_packet(stage, who);
  stage.send(client, hello);
  View again = hello;
  if (kind == Second::other_id) again = connect_packet(stage, stage.someone());
  if (kind == Second::clean_flipped) {
    Login login;
    login.clean = false;
    again = connect_packet(stage, who, login);
  }
  if (kind != Second::behind_the_first) {
    const Packet* connack = co_await stage.heard(client, Type::connack);
    co_await stage.need(connack != nullptr && connack->code == 0, "a good CONNECT was not accepted");
  }
  if (kind == Second::after_traffic) {
    const std::uint16_t id = stage.packet_id();
    stage.send(client, publish(stage, stage.topic(who), stage.payload(), 1, id));
    const Packet* puback = co_await stage.heard(client, Type::puback, id);
    co_await stage.need(puback != nullptr, "a PUBLISH at QoS 1 was not acknowledged");
  }
  stage.send(client, again);
  const bool ended = co_await stage.ended(client);
  const std::size_t connacks = stage.left(client, Type::connack);
  const std::size_t most = kind == Second::behind_the_first ? 1 : 0;
  stage.expect(ended && connacks <= most, "the end of the connection, for a second CONNECT", stage.found(client));
}

Script first_packet(Stage& stage, int kind) {
  const Who who = stage.someone();
  const Client client = co_await called(stage);
  Bytes burst;
  const View hello = connect_packet(stage, who);
  burst.assign(hello.begin(), hello.end());
  const auto add = [&](const Bytes& more) { burst.insert(burst.end(), more.begin(), more.end()); };
  if (kind == 1) add(Raw{Type::subscribe, 2}.u16(stage.packet_id()).field(stage.filter(who)).u8(1).packet());
  if (kind == 2) add(publish_packet(stage.topic(who), stage.payload(), 1, stage.packet_id()));
  add(pingreq());
  stage.send(client, stage.keep(std::move(burst)));
  const Packet* first = co_await stage.heard(client, Types::any());
  stage.expect(first != nullptr && first->type == Type::connack, "CONNACK first",
               first == nullptr ? stage.found(client) : describe(first->raw));
}

// ---- Protocol name and level.

constexpr std::string_view no_refusal = "no CONNACK with a refusal was sent, so there is none to look at";

Script protocol_name(Stage& stage, std::string_view name, std::uint8_t level) {
  const Who who = stage.someone();
  const Client client = co_await called(stage);
  Login login;
  login.protocol = name;
  login.level = level;
  stage.send(client, connect_packet(stage, who, login));
  co_await must_not_accept(stage, client, "a protocol that is not called MQTT");
}

Script protocol_level(Stage& stage, std::uint8_t level) {
  const Who who = stage.someone();
  const Client client = co_await called(stage);
  Login login;
  login.level = level;
  stage.send(client, connect_packet(stage, who, login));
  const bool ended = co_await stage.ended(client);
  const Packet* connack = stage.take(client, Type::connack);
  const std::string seen = (connack == nullptr ? stage.found(client) : describe(connack->raw)) + (ended ? "" : ", and no end");
  // [H-02] Nobody says what a hub answers.
  if (stage.hub()) {
    stage.expect(ended && (connack == nullptr || connack->code != 0), "no acceptance, and the end", seen);
    co_return;
  }
  stage.expect(ended && connack != nullptr && connack->code == 1, "CONNACK with code 1, and the end", seen, "mqtt311:3.1.2-2");
  if (connack == nullptr && !ended) co_return;
  co_await stage.premise(connack != nullptr && connack->code != 0, no_refusal);
  stage.expect(connack->acknowledge_flags == 0, "session present 0 in a refusal", seen, "mqtt311:3.2.2-4");
  stage.expect(ended, "the end of the connection behind a refusal", seen, "mqtt311:3.2.2-5");
}

Script good_connect(Stage& stage, int kind) {
  const Who who = stage.someone();
  Login login;
  login.clean = kind != 1;
  login.keep_alive = static_cast<std::uint16_t>(kind == 2 ? 65'535 : stage.draws().between(0, 600));
  const Client client = co_await called(stage);
  const Packet* connack = co_await answered(stage, client, who, login);
  const std::string seen = connack == nullptr ? stage.found(client) : describe(connack->raw);
  const bool good = connack != nullptr && connack->code == 0;
  stage.expect(good, "CONNACK with code 0", seen);
}

// ---- CONNECT against the rules of section 3.1.

// What is wrong with it. `flags` and `body` make a packet that has nothing else wrong.
struct WrongConnect {
  const char* name;
  const char* sentence;
  const char* clauses;
  std::uint8_t flags;
  int fields;  // see Field
};
enum Field : int {
  id = 1, will_topic = 2, will_message = 4, user = 8, password = 16, half_id = 32, half_last = 64, extra_byte = 128
};

Script wrong_connect(Stage& stage, WrongConnect wrong) {
  const Who who = stage.someone();
  const Client client = co_await called(stage);
  Raw raw{Type::connect};
  raw.field("MQTT").u8(4).u8(wrong.flags).u16(static_cast<std::uint16_t>(stage.draws().between(0, 300)));
  if (wrong.fields & id) raw.field(stage.identity(who).id);
  if (wrong.fields & half_id) raw.u16(20).bytes(model::view("half"));
  if (wrong.fields & will_topic) raw.field(stage.topic(who));
  if (wrong.fields & will_message) raw.field(stage.payload(1, 20));
  if (wrong.fields & user) raw.field(stage.fresh_level());
  if (wrong.fields & password) raw.field(stage.fresh_level());
  if (wrong.fields & half_last) raw.u16(30).bytes(model::view("cut"));
  if (wrong.fields & extra_byte) raw.u8(static_cast<std::uint8_t>(stage.draws().below(256)));
  stage.send(client, stage.keep(raw.packet()));
  const bool ended = co_await stage.ended(client);
  const Packet* connack = stage.take(client, Type::connack);
  const std::string seen = (connack == nullptr ? stage.found(client) : describe(connack->raw)) + (ended ? "" : ", and no end");
  stage.expect(ended && (connack == nullptr || connack->code != 0), stage.keep("no acceptance, and the end, for " + std::string{wrong.sentence}),
               seen, wrong.clauses);
  stage.expect(ended && connack == nullptr, stage.keep("the end without CONNACK, for " + std::string{wrong.sentence}), seen,
               "mqtt311:3.1.4-1");
  if (connack == nullptr || connack->code != 0 || (wrong.flags & 0x20) == 0 || stage.hub()) co_return;
  stage.cut(client);  // what was taken leaves a will behind, retained
  co_await stage.pause(stage.moment());
  co_await cleared(stage, stage.topic(who));
}

constexpr WrongConnect wrong_connects[] = {
    {"reserved-flag", "a reserved flag of 1", "mqtt311:3.1.2-3", 0x03, id},
    {"reserved-flag-not-clean", "a reserved flag of 1 with Clean Session 0", "mqtt311:3.1.2-3", 0x01, id},
    {"reserved-flag-with-will", "a reserved flag of 1 beside a will", "mqtt311:3.1.2-3", 0x07, id | will_topic | will_message},
    {"will-qos-1-without-will", "will QoS 1 without a will", "mqtt311:3.1.2-13 mqtt311:3.1.2-11", 0x0a, id},
    {"will-qos-2-without-will", "will QoS 2 without a will", "mqtt311:3.1.2-13 mqtt311:3.1.2-11", 0x12, id},
    {"will-qos-3-without-will", "will QoS 3 without a will", "mqtt311:3.1.2-13 mqtt311:3.1.2-11", 0x1a, id},
    {"will-retain-without-will", "will retain without a will", "mqtt311:3.1.2-15 mqtt311:3.1.2-11", 0x22, id},
    {"will-retain-without-will-not-clean", "will retain without a will, and Clean Session 0", "mqtt311:3.1.2-15 mqtt311:3.1.2-11", 0x20, id},
    {"will-retain-without-will-with-user", "will retain without a will, beside a user name", "mqtt311:3.1.2-15 mqtt311:3.1.2-11", 0xa2, id | user},
    {"will-fields-without-will", "fields of a will without its flag", "mqtt311:3.1.2-11", 0x02, id | will_topic | will_message},
    {"will-qos-3", "will QoS 3", "mqtt311:3.1.2-14", 0x1e, id | will_topic | will_message},
    {"will-qos-3-retained", "will QoS 3 with will retain", "mqtt311:3.1.2-14", 0x3e, id | will_topic | will_message},
    {"will-qos-3-with-user", "will QoS 3 beside a user name", "mqtt311:3.1.2-14", 0x9e, id | will_topic | will_message | user},
    {"will-without-fields", "a will flag and no will", "mqtt311:3.1.2-9", 0x06, id},
    {"will-without-message", "a will topic and no will message", "mqtt311:3.1.2-9", 0x06, id | will_topic},
    {"will-cut-short", "a will message that is longer than the packet", "mqtt311:3.1.2-9", 0x06, id | will_topic | half_last},
    {"user-without-flag", "a user name without its flag", "mqtt311:3.1.2-18", 0x02, id | user},
    {"user-and-password-without-flags", "user name and password without their flags", "mqtt311:3.1.2-18 mqtt311:3.1.2-20", 0x02, id | user | password},
    {"user-without-flag-behind-will", "a will, and a user name without its flag", "mqtt311:3.1.2-18", 0x06, id | will_topic | will_message | user},
    {"byte-behind-the-last-field", "a byte behind the last field", "", 0x02, id | extra_byte},
    {"flag-without-user", "a user name flag and no user name", "mqtt311:3.1.2-19", 0x82, id},
    {"user-cut-short", "a user name that is longer than the packet", "mqtt311:3.1.2-19", 0x82, id | half_last},
    {"flag-without-user-behind-will", "a will, then a user name flag and no user name", "mqtt311:3.1.2-19", 0x86, id | will_topic | will_message},
    {"password-without-flag", "a password without its flag", "mqtt311:3.1.2-20", 0x82, id | user | password},
    {"password-without-flag-behind-will", "a will, a user name, and a password without its flag", "mqtt311:3.1.2-20", 0x86, id | will_topic | will_message | user | password},
    {"flag-without-password", "a password flag and no password", "mqtt311:3.1.2-21", 0xc2, id | user},
    {"password-cut-short", "a password that is longer than the packet", "mqtt311:3.1.2-21", 0xc2, id | user | half_last},
    {"flags-without-user-and-password", "both flags and neither user name nor password", "mqtt311:3.1.2-21 mqtt311:3.1.2-19", 0xc2, id},
    {"password-without-user", "a password without a user name", "mqtt311:3.1.2-22", 0x42, id | password},
    {"password-without-user-not-clean", "a password without a user name, and Clean Session 0", "mqtt311:3.1.2-22", 0x40, id | password},
    {"password-without-user-behind-will", "a will, and a password without a user name", "mqtt311:3.1.2-22", 0x46, id | will_topic | will_message | password},
    {"no-client-id", "no client id at all", "mqtt311:3.1.3-3", 0x02, 0},
    {"half-a-client-id", "a client id that is longer than the packet", "mqtt311:3.1.3-3", 0x02, half_id},
    {"half-a-length", "half of the client id's length", "mqtt311:3.1.3-3", 0x02, extra_byte},
};

// ---- Client ids.

Script client_id(Stage& stage, std::uint32_t size, bool digits) {
  const Client client = co_await called(stage);
  std::string id;
  const std::string_view from = digits ? "0123456789" : "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  while (id.size() < size) id += from[stage.draws().below(static_cast<std::uint32_t>(from.size()))];
  stage.send(client, stage.keep(Raw{Type::connect}.field("MQTT").u8(4).u8(2).u16(60).field(id).packet()));
  const Packet* connack = co_await stage.heard(client, Type::connack);
  stage.expect(connack != nullptr && connack->code == 0, stage.keep("acceptance of the client id " + id),
               connack == nullptr ? stage.found(client) : describe(connack->raw));
}

Bytes empty_id_connect(std::uint8_t flags) {
  return Raw{Type::connect}.field("MQTT").u8(4).u8(flags).u16(60).field("").packet();
}

// [mqtt311:3.1.3-6] Each is given an id of its own, so none pushes out another.
Script empty_ids(Stage& stage, int many) {
  Client first{};
  for (int each = 0; each < many; ++each) {
    const Client client = co_await called(stage);
    if (each == 0) first = client;
    stage.send(client, stage.keep(empty_id_connect(2)));
    const Packet* connack = co_await stage.heard(client, Type::connack);
    const bool accepted = connack != nullptr && connack->code == 0;
    if (!stage.expect(accepted, "acceptance of an empty client id",
                      connack == nullptr ? stage.found(client) : describe(connack->raw)))
      co_return;
  }
  co_await must_live(stage, first, "others that come with an empty client id");
}

Script empty_id_not_clean(Stage& stage, int kind) {
  const Client client = co_await called(stage);
  Bytes packet = empty_id_connect(0);
  if (kind == 1) packet = Raw{Type::connect}.field("MQTT").u8(4).u8(0x04).u16(60).field("").field(stage.fresh_level()).field(stage.payload(1, 9)).packet();
  if (kind == 2) {
    const Bytes ping = pingreq();
    packet.insert(packet.end(), ping.begin(), ping.end());
  }
  stage.send(client, stage.keep(std::move(packet)));
  const bool ended = co_await stage.ended(client);
  const Packet* connack = stage.take(client, Type::connack);
  const std::string seen = (connack == nullptr ? stage.found(client) : describe(connack->raw)) + (ended ? "" : ", and no end");
  if (stage.hub()) {  // [H-03]
    stage.expect(ended && (connack == nullptr || connack->code != 0), "no acceptance, and the end", seen);
    co_return;
  }
  stage.expect(ended && connack != nullptr && connack->code == 2, "CONNACK with code 2, and the end", seen,
               "mqtt311:3.1.3-7 mqtt311:3.1.3-8");
  if (connack == nullptr || connack->code != 0)  // it was not taken
    stage.expect(ended && connack != nullptr && connack->code == 2, "CONNACK with code 2, and the end", seen, "mqtt311:3.1.3-9");
  if (connack == nullptr && !ended) co_return;
  co_await stage.premise(connack != nullptr && connack->code != 0, no_refusal);
  stage.expect(connack->acknowledge_flags == 0, "session present 0 in a refusal", seen, "mqtt311:3.2.2-4");
  stage.expect(ended, "the end of the connection behind a refusal", seen, "mqtt311:3.2.2-5");
}

// ---- Takeover.

Script takeover(Stage& stage, int kind) {
  const Who who = stage.someone();
  Login login;
  login.clean = kind != 1;
  const Client older = co_await joined(stage, who, login);
  if (kind == 2) co_await subscribed(stage, older, stage.filter(who), 1);
  const Client newer = co_await joined(stage, who, login);
  const bool ended = co_await stage.ended(older);
  stage.expect(ended, "the end of the older connection", stage.found(older), "mqtt311:3.1.4-2 mqtt311:3.1.3-2");
  co_await must_live(stage, newer, "the end of the older one", "mqtt311:3.1.4-2 mqtt311:3.1.3-2");
}

Script two_ids(Stage& stage) {
  const Who one = stage.someone();
  const Who other = stage.someone();
  const Client first = co_await joined(stage, one);
  const Client second = co_await joined(stage, other);
  co_await must_live(stage, first, "a client with another id");
  co_await must_live(stage, second, "a client with another id");
}

// Ids that differ in their last character only, or in case, are two. `size` bytes each.
Script near_ids(Stage& stage, std::uint32_t size, bool in_case) {
  std::string one;
  while (one.size() < size) one += "abcdefghijklmnopqrstuvwxyz0123456789"[stage.draws().below(36)];
  one.back() = 'a';
  std::string other = one;
  other.back() = in_case ? 'A' : 'b';
  const View hellos[] = {stage.keep(Raw{Type::connect}.field("MQTT").u8(4).u8(2).u16(60).field(one).packet()),
                         stage.keep(Raw{Type::connect}.field("MQTT").u8(4).u8(2).u16(60).field(other).packet())};
  Client clients[2]{};
  for (int each = 0; each < 2; ++each) {
    clients[each] = co_await called(stage);
    stage.send(clients[each], hellos[each]);
    const Packet* connack = co_await stage.heard(clients[each], Type::connack);
    co_await stage.need(connack != nullptr && connack->code == 0, "a client id of letters and digits was refused");
  }
  co_await must_live(stage, clients[0], "a client whose id differs in one character");
}

// Wildcards are not for the topic of a will either.
Script will_to_wildcard(Stage& stage, std::string_view behind) {
  const Who who = stage.someone();
  const Client client = co_await called(stage);
  Login login;
  login.will_topic = stage.keep(std::string{stage.topic(who)} + std::string{behind});
  login.will = stage.payload(1, 20);
  stage.send(client, connect_packet(stage, who, login));
  co_await must_not_accept(stage, client, "a will topic with a wildcard");
}

// ---- Keep-alive.

// A server may look at its clients now and then only, so clients fall silent at many moments. The standard
// names no moment by which it must have seen that somebody is silent: this much is granted to its timers.
constexpr Duration timers_grain = 10s;

Script silent(Stage& stage, std::uint16_t seconds, bool ping_first) {
  constexpr int most = 6;
  const Duration keep_alive = std::chrono::seconds{seconds};
  const int clients = stage.hub() ? 1 : most;
  Client silent_ones[most]{};
  Instant since[most]{};
  for (int each = 0; each < clients; ++each) {
    Login login;
    login.keep_alive = seconds;
    const Who who = stage.someone();
    silent_ones[each] = co_await joined(stage, who, login);
    if (ping_first) {
      const bool alive = co_await fenced(stage, silent_ones[each]);
      co_await stage.need(alive, "a PINGREQ was not answered");
    }
    since[each] = stage.now();
    if (each + 1 < clients) co_await stage.pause(830ms);
  }
  for (int each = 0; each < clients; ++each) {
    const Client client = silent_ones[each];
    const Instant due = since[each] + keep_alive * 3 / 2;
    const bool early = stage.is_over(client) ? stage.over_since(client) < since[each] + keep_alive
                                             : co_await stage.ended_within(client, since[each] + keep_alive - 50ms - stage.now());
    if (!stage.expect(!early, "a connection that stands silence of less than its keep-alive", stage.found(client))) co_return;
    // Past that moment it is late as soon as the target answers somebody else.
    const bool ended = co_await stage.ended(client, due + timers_grain - stage.now());
    const Duration took = (ended ? stage.over_since(client) : stage.now()) - since[each];
    if (!stage.expect(ended, stage.keep("the end of the connection after 1.5 keep-alives of " + std::to_string(seconds) + " s"),
                      stage.keep("none after " + std::to_string(took / 1ms) + " ms"))) co_return;
  }
}

Script not_silent(Stage& stage, std::uint16_t seconds, bool by_publish) {
  const Who who = stage.someone();
  Login login;
  login.keep_alive = seconds;
  const Client client = co_await joined(stage, who, login);
  for (int round = 0; round < 3; ++round) {
    co_await stage.pause(std::chrono::seconds{seconds} - 200ms);
    if (by_publish) stage.send_whole(client, publish(stage, stage.topic(who), stage.payload()));
    else stage.send_whole(client, stage.keep(pingreq()));
  }
  co_await stage.pause(100ms);
  co_await must_live(stage, client, "as long as something comes within each keep-alive");
}

Script no_keep_alive(Stage& stage) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  co_await stage.pause(4s);
  co_await must_live(stage, client, "silence with keep-alive 0");
}

}  // namespace

void add_connect(Cases& cases) {
  const auto add = [&](std::string name, std::string sentence, std::vector<std::string> clauses,
                       std::function<Script(Stage&)> script) -> Case& {
    return cases.emplace_back(Case{"mqtt/connect/" + name, std::move(sentence), std::move(clauses), std::move(script)});
  };
  for (const Type type : {Type::publish, Type::puback, Type::pubrel, Type::subscribe, Type::unsubscribe, Type::pingreq, Type::disconnect}) {
    std::string word{name(type)};
    for (char& c : word) c = static_cast<char>(c | 0x20);
    add("first-is-" + word, std::string{name(type)} + " comes before any CONNECT.", {"mqtt311:3.1.0-1", "mqtt311:4.8.0-1"},
        [type](Stage& stage) { return other_first(stage, type); });
  }
  const std::pair<const char*, const char*> seconds[] = {
      {"the-same", "The same CONNECT comes twice."},
      {"other-id", "A second CONNECT has another client id."},
      {"behind-the-first", "A second CONNECT follows the first in one go."},
      {"after-traffic", "A second CONNECT follows a PUBLISH that was acknowledged."},
      {"clean-flipped", "A second CONNECT has the other Clean Session."}};
  for (std::uint8_t kind = 0; kind < 5; ++kind)
    add(std::string{"second-"} + seconds[kind].first, seconds[kind].second, {"mqtt311:3.1.0-2", "mqtt311:4.8.0-1"},
        [kind](Stage& stage) { return second_connect(stage, static_cast<Second>(kind)); });

  const char* bursts[] = {"PINGREQ", "SUBSCRIBE", "PUBLISH"};
  for (int kind = 0; kind < 3; ++kind)
    add("connack-is-first-" + std::to_string(kind), std::string{"CONNECT and "} + bursts[kind] + " come in one go: CONNACK is the first answer.",
        {"mqtt311:3.2.0-1", "mqtt311:3.1.4-4"}, [kind](Stage& stage) { return first_packet(stage, kind); });

  const std::pair<const char*, const char*> names[] = {{"lower-case", "mqtt"}, {"longer", "MQTTX"}, {"shorter", "MQT"},
                                                       {"empty", ""},          {"other", "AMQP"}};
  for (const auto& one : names)
    add(std::string{"protocol-name-"} + one.first, std::string{"The protocol is called \""} + one.second + "\", level 4.",
        {"mqtt311:3.1.2-1"}, [protocol = one.second](Stage& stage) { return protocol_name(stage, protocol, 4); });
  for (const int level : {0, 2, 6, 68, 100, 255})
    add("protocol-level-" + std::to_string(level), "The protocol level is " + std::to_string(level) + ".",
        {"mqtt311:3.1.2-2", "mqtt311:3.2.2-4", "mqtt311:3.2.2-5"},
        [level](Stage& stage) { return protocol_level(stage, static_cast<std::uint8_t>(level)); });
  const char* goods[] = {"clean", "not-clean", "longest-keep-alive"};
  for (int kind = 0; kind < 3; ++kind)
    add(std::string{"accepted-"} + goods[kind], "A valid CONNECT is answered with CONNACK 0.", {"mqtt311:3.1.4-4", "mqtt311:3.1.4-3", "mqtt311:3.2.0-1"},
        [kind](Stage& stage) { return good_connect(stage, kind); });

  for (const WrongConnect& wrong : wrong_connects) {
    std::vector<std::string> clauses{"mqtt311:3.1.4-1"};
    for (std::string_view rest = wrong.clauses; !rest.empty();) {
      const std::size_t blank = std::min(rest.find(' '), rest.size());
      clauses.emplace_back(rest.substr(0, blank));
      rest.remove_prefix(std::min(blank + 1, rest.size()));
    }
    add(wrong.name, std::string{"CONNECT has "} + wrong.sentence + ".", std::move(clauses),
        [&wrong](Stage& stage) { return wrong_connect(stage, wrong); });
  }

  for (const std::uint32_t size : {1u, 2u, 22u, 23u})
    for (const bool digits : {false, true})
      add("client-id-of-" + std::to_string(size) + (digits ? "-digits" : "-letters"),
          "A client id has " + std::to_string(size) + " bytes.", {"mqtt311:3.1.3-5", "mqtt311:3.1.3-4"},
          [size, digits](Stage& stage) { return client_id(stage, size, digits); })
          .profiles = For::brokers;
  for (const int many : {1, 2, 5}) {
    Case& one = add("empty-id-" + std::to_string(many), "Clients come with an empty id and Clean Session 1: " + std::to_string(many) + ".",
                    {"mqtt311:3.1.3-6"}, [many](Stage& stage) { return empty_ids(stage, many); });
    one.profiles = For::brokers;
    one.needs = {Capability::empty_id};
  }
  const char* empties[] = {"", "-with-will", "-with-more"};
  for (int kind = 0; kind < 3; ++kind)
    add(std::string{"empty-id-not-clean"} + empties[kind], "An empty client id comes with Clean Session 0.",
        {"mqtt311:3.1.3-7", "mqtt311:3.1.3-8", "mqtt311:3.1.3-9", "mqtt311:3.2.2-4", "mqtt311:3.2.2-5"},
        [kind](Stage& stage) { return empty_id_not_clean(stage, kind); });

  const char* takeovers[] = {"clean", "not-clean", "subscribed"};
  for (int kind = 0; kind < 3; ++kind)
    add(std::string{"takeover-"} + takeovers[kind], "A second connection has the client id of the first.",
        {"mqtt311:3.1.4-2", "mqtt311:3.1.3-2"}, [kind](Stage& stage) { return takeover(stage, kind); });
  add("two-ids", "Two clients with ids of their own are connected.", {"mqtt311:3.1.3-2"}, two_ids);

  for (const std::uint32_t size : {9u, 16u, 23u})
    add("near-ids-of-" + std::to_string(size), "Two clients have ids that differ in the last character.", {"mqtt311:3.1.3-2"},
        [size](Stage& stage) { return near_ids(stage, size, false); })
        .profiles = For::brokers;
  add("near-ids-in-case", "Two clients have ids that differ in case.", {"mqtt311:3.1.3-2"}, [](Stage& stage) { return near_ids(stage, 12, true); })
      .profiles = For::brokers;
  const std::pair<const char*, const char*> wilds[] = {{"hash", "/#"}, {"plus", "/+/x"}, {"plus-within", "a+b"}};
  for (const auto& one : wilds)
    add(std::string{"will-topic-with-"} + one.first, "The topic of a will has a wildcard.", {"mqtt311:4.7.1-1"},
        [behind = one.second](Stage& stage) { return will_to_wildcard(stage, behind); });

  for (const int seconds_ : {1, 2, 3})
    for (const bool ping : {false, true})
      add("silent-for-keep-alive-" + std::to_string(seconds_) + (ping ? "-after-ping" : ""),
          "A client is silent beyond 1.5 keep-alives.", {"mqtt311:3.1.2-24"},
          [seconds_, ping](Stage& stage) { return silent(stage, static_cast<std::uint16_t>(seconds_), ping); });
  add("silent-for-keep-alive-60", "A client is silent beyond 1.5 keep-alives of a minute.", {"mqtt311:3.1.2-24"},
      [](Stage& stage) { return silent(stage, 60, false); })
      .needs.add(Capability::free_time);
  add("pings-within-keep-alive", "PINGREQs come within each keep-alive.", {"mqtt311:3.1.2-24", "mqtt311:4.1.0-2"},
      [](Stage& stage) { return not_silent(stage, 2, false); });
  add("publishes-within-keep-alive", "PUBLISHes come within each keep-alive.", {"mqtt311:3.1.2-24", "mqtt311:4.1.0-2"},
      [](Stage& stage) { return not_silent(stage, 1, true); });
  add("no-keep-alive", "A client with keep-alive 0 is silent.", {"mqtt311:3.1.2-24", "mqtt311:4.1.0-2"}, no_keep_alive);
}

}  // namespace hubproof::conformance::cases
