// Chapter 2, 3.12 and 4.8 of MQTT 3.1.1: first bytes, lengths, packet ids, PINGREQ, and violations as such.
#include "conformance/cases/case.hpp"
#include "conformance/cases/mqtt.hpp"

namespace hubproof::conformance::cases {
namespace {

// A packet of this type that has nothing wrong but its flags.
Bytes with_flags(Stage& stage, Who who, Type type, std::uint8_t flags) {
  Raw raw{type, flags};
  switch (type) {
    case Type::connect: raw.field("MQTT").u8(4).u8(2).u16(60).field(stage.identity(who).id); break;
    case Type::subscribe: raw.u16(stage.packet_id()).field(stage.filter(who)).u8(1); break;
    case Type::unsubscribe: raw.u16(stage.packet_id()).field(stage.filter(who)); break;
    case Type::puback:
    case Type::pubrec:
    case Type::pubrel:
    case Type::pubcomp: raw.u16(stage.packet_id()); break;
    default: break;
  }
  return raw.packet();
}

// `which`: 0: the lowest bit is wrong, 1: one that is drawn, 2: as many as can be.
Script wrong_flags(Stage& stage, Type type, int which) {
  const std::uint8_t right = type == Type::pubrel || type == Type::subscribe || type == Type::unsubscribe ? 2 : 0;
  std::uint8_t flags = which == 0 ? static_cast<std::uint8_t>(right ^ 1) : static_cast<std::uint8_t>(right ^ 15);
  if (which == 1) flags = static_cast<std::uint8_t>(right ^ stage.draws().between(2, 14));
  const Who who = stage.someone();
  Client client{};
  if (type == Type::connect) {
    client = co_await called(stage);
  } else {
    client = co_await joined(stage, who);
  }
  stage.send(client, stage.keep(with_flags(stage, who, type, flags)));
  const bool ended = co_await stage.ended(client);
  const Packet* answer = stage.take(client);
  stage.expect(ended && answer == nullptr, stage.keep("the end and no answer, for " + std::string{name(type)} + " with flags " + std::to_string(flags)),
               answer == nullptr ? stage.found(client) : describe(answer->raw) + (ended ? ", and the end" : ", and no end"));
}

Script reserved_type(Stage& stage, std::uint8_t type) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  Raw raw{static_cast<Type>(type), static_cast<std::uint8_t>(stage.draws().below(16))};
  if (stage.draws().heads()) raw.u16(stage.packet_id());
  stage.send(client, stage.keep(raw.packet()));
  co_await must_close(stage, client, "a packet type that does not exist");
}

// What only a server may send.
Script servers_packet(Stage& stage, Type type) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  Raw raw{type};
  if (type == Type::connack) raw.u8(0).u8(0);
  if (type == Type::suback) raw.u16(stage.packet_id()).u8(1);
  if (type == Type::unsuback) raw.u16(stage.packet_id());
  stage.send(client, stage.keep(raw.packet()));
  co_await must_close(stage, client, "a packet that only a server may send");
}

Script wrong_body(Stage& stage, int kind) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  Bytes packet;
  switch (kind) {
    case 0: packet = Bytes{0xc0, 0xff, 0xff, 0xff, 0xff, 0x01}; break;               // a length of five bytes
    case 1: packet = Raw{Type::pingreq}.u8(0).packet(); break;                       // PINGREQ has no body
    case 2: packet = Raw{Type::puback}.u8(1).packet(); break;                        // half a packet id
    case 3: packet = Raw{Type::publish, 2}.u16(0xffff).bytes(model::view("a")).packet(); break;  // a topic beyond the end
    case 4: packet = Raw{Type::publish, 2}.field(stage.topic(who)).u8(1).packet(); break;        // half a packet id
    default: packet = Raw{Type::subscribe, 2}.u16(stage.packet_id()).u16(200).bytes(model::view("short")).u8(1).packet(); break;
  }
  stage.send(client, stage.keep(std::move(packet)));
  co_await must_close(stage, client, "a packet whose fields do not fit");
}

// ---- Packet ids.

Script id_zero(Stage& stage, Type type, std::uint8_t qos) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  Bytes packet;
  if (type == Type::publish) packet = publish_packet(stage.topic(who), stage.payload(), qos, 0);
  if (type == Type::subscribe) packet = Raw{Type::subscribe, 2}.u16(0).field(stage.filter(who)).u8(1).packet();
  if (type == Type::unsubscribe) packet = unsubscribe_packet(0, {stage.filter(who)});
  stage.sends_id_zero();
  stage.send(client, stage.keep(std::move(packet)));
  co_await must_close(stage, client, "packet id 0");
}

// The answers name the id, whichever it is.
Script ids(Stage& stage, std::uint16_t id) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  const std::uint16_t asked_id = id == 0 ? stage.packet_id() : id;
  stage.send(client, subscribe_packet(stage, asked_id, stage.filter(who), 1));
  const Packet* suback = co_await stage.heard(client, Type::suback);
  stage.expect(suback != nullptr && suback->id == asked_id, stage.keep("SUBACK " + std::to_string(asked_id)), seen(suback, stage, client),
               "mqtt311:2.3.1-7 mqtt311:3.8.4-2 mqtt311:3.8.4-1");
  stage.send(client, publish(stage, stage.topic(who), stage.payload(), 1, asked_id));
  const Packet* puback = co_await stage.heard(client, Type::puback);
  stage.expect(puback != nullptr && puback->id == asked_id, stage.keep("PUBACK " + std::to_string(asked_id)), seen(puback, stage, client),
               "mqtt311:2.3.1-6 mqtt311:4.3.2-2 mqtt311:3.3.4-1");
  stage.send(client, stage.keep(unsubscribe_packet(asked_id, {stage.filter(who)})));
  const Packet* unsuback = co_await stage.heard(client, Type::unsuback);
  stage.expect(unsuback != nullptr && unsuback->id == asked_id, stage.keep("UNSUBACK " + std::to_string(asked_id)), seen(unsuback, stage, client),
               "mqtt311:2.3.1-7 mqtt311:3.10.4-4");
}

// Many exchanges under way at once, each with its id.
Script many_ids(Stage& stage) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  constexpr int most = 8;
  std::uint16_t used[most]{};
  for (int each = 0; each < most; ++each) {
    used[each] = static_cast<std::uint16_t>(1 + (each * 8'000 + static_cast<int>(stage.draws().below(8'000))));
    stage.send(client, publish(stage, stage.topic(who), stage.payload(), 1, used[each]));
  }
  for (int each = 0; each < most; ++each) {
    const Packet* puback = co_await stage.heard(client, Type::puback, used[each]);
    if (!stage.expect(puback != nullptr, stage.keep("PUBACK " + std::to_string(used[each])), stage.found(client))) co_return;
  }
}

// ---- PINGREQ.

Script pings(Stage& stage, int many) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  for (int each = 0; each < many; ++each) stage.send(client, stage.keep(pingreq()));
  for (int each = 0; each < many; ++each) {
    const Packet* pong = co_await stage.heard(client, Type::pingresp);
    if (!stage.expect(pong != nullptr, stage.keep("a PINGRESP for each of " + std::to_string(many) + " PINGREQs"), stage.found(client))) co_return;
  }
}

Script ping_among_others(Stage& stage) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  const std::uint16_t id = stage.packet_id();
  stage.send(client, publish(stage, stage.topic(who), stage.payload(), 1, id));
  stage.send(client, stage.keep(pingreq()));
  stage.send(client, publish(stage, stage.topic(who), stage.payload(), 1, stage.other_id(id)));
  const Packet* pong = co_await stage.heard(client, Type::pingresp);
  stage.expect(pong != nullptr, "PINGRESP among other answers", stage.found(client));
}

// ---- The transport: all bytes, in order.

Script stream(Stage& stage, int kind) {
  const Who who = stage.someone();
  const Client client = co_await called(stage);
  if (kind == 0) {  // a byte at a time
    const View hello = connect_packet(stage, who);
    for (std::size_t at = 0; at < hello.size(); ++at) {
      stage.send_whole(client, hello.subspan(at, 1));
      co_await stage.pause(1ms);
    }
  } else {
    stage.send(client, connect_packet(stage, who));
  }
  const Packet* connack = co_await stage.heard(client, Type::connack);
  if (!stage.expect(connack != nullptr && connack->code == 0, "CONNACK with code 0", seen(connack, stage, client))) co_return;
  const std::uint32_t size = kind == 2 ? std::min(stage.target().limits.packet, 100'000u) - 300 : 20;
  const int many = kind == 1 ? 20 : 2;
  for (int each = 1; each <= many; ++each)
    stage.send(client, publish(stage, stage.topic(who), stage.payload(size, size), 1, static_cast<std::uint16_t>(each)));
  for (int each = 1; each <= many; ++each) {
    const Packet* puback = co_await stage.heard(client, Type::puback, static_cast<std::uint16_t>(each));
    if (!stage.expect(puback != nullptr, stage.keep("PUBACK " + std::to_string(each)), stage.found(client))) co_return;
  }
}

}  // namespace

void add_framing(Cases& cases) {
  const auto add = [&](std::string name, std::string sentence, std::vector<std::string> clauses,
                       std::function<Script(Stage&)> script) -> Case& {
    return cases.emplace_back(Case{"mqtt/framing/" + name, std::move(sentence), std::move(clauses), std::move(script)});
  };
  const std::tuple<Type, const char*, const char*> flagged[] = {
      {Type::connect, "connect", nullptr},         {Type::puback, "puback", nullptr},
      {Type::pubrec, "pubrec", nullptr},           {Type::pubrel, "pubrel", "mqtt311:3.6.1-1"},
      {Type::pubcomp, "pubcomp", nullptr},         {Type::subscribe, "subscribe", "mqtt311:3.8.1-1"},
      {Type::unsubscribe, "unsubscribe", "mqtt311:3.10.1-1"}, {Type::pingreq, "pingreq", nullptr},
      {Type::disconnect, "disconnect", "mqtt311:3.14.1-1"}};
  const char* bits[] = {"lowest", "drawn", "all"};
  for (const auto& one : flagged)
    for (int which = 0; which < 3; ++which) {
      const Type type = std::get<0>(one);
      std::vector<std::string> clauses{"mqtt311:2.2.2-1", "mqtt311:2.2.2-2"};
      // That DISCONNECT ended the connection says nothing: a good one does, too.
      if (std::get<2>(one) != nullptr && type != Type::disconnect) clauses.emplace_back(std::get<2>(one));
      if (type == Type::disconnect) continue;
      add(std::string{"flags-of-"} + std::get<1>(one) + "-" + bits[which], std::string{name(type)} + " has wrong flags in its first byte.",
          std::move(clauses), [type, which](Stage& stage) { return wrong_flags(stage, type, which); });
    }
  for (const int type : {0, 15})
    add("type-" + std::to_string(type), "A packet has type " + std::to_string(type) + ".", {"mqtt311:4.8.0-1"},
        [type](Stage& stage) { return reserved_type(stage, static_cast<std::uint8_t>(type)); });
  for (const Type type : {Type::connack, Type::suback, Type::unsuback, Type::pingresp}) {
    std::string word{name(type)};
    for (char& c : word) c = static_cast<char>(c | 0x20);
    add("client-sends-" + word, "A client sends " + std::string{name(type)} + ".", {"mqtt311:4.8.0-1"},
        [type](Stage& stage) { return servers_packet(stage, type); });
  }
  const char* bodies[] = {"length-of-five-bytes", "pingreq-with-body", "puback-too-short", "topic-beyond-the-end", "half-a-packet-id", "filter-beyond-the-end"};
  for (int kind = 0; kind < 6; ++kind)
    add(bodies[kind], "A packet's fields do not fit its length.", {"mqtt311:4.8.0-1"}, [kind](Stage& stage) { return wrong_body(stage, kind); });

  add("id-0-of-subscribe", "SUBSCRIBE has packet id 0.", {"mqtt311:2.3.1-1"}, [](Stage& stage) { return id_zero(stage, Type::subscribe, 0); });
  add("id-0-of-unsubscribe", "UNSUBSCRIBE has packet id 0.", {"mqtt311:2.3.1-1"}, [](Stage& stage) { return id_zero(stage, Type::unsubscribe, 0); });
  add("id-0-of-publish-1", "PUBLISH at QoS 1 has packet id 0.", {"mqtt311:2.3.1-1"}, [](Stage& stage) { return id_zero(stage, Type::publish, 1); });
  add("id-0-of-publish-2", "PUBLISH at QoS 2 has packet id 0.", {"mqtt311:2.3.1-1"}, [](Stage& stage) { return id_zero(stage, Type::publish, 2); });
  const std::vector<std::string> of_ids{"mqtt311:2.3.1-7", "mqtt311:3.8.4-2", "mqtt311:3.8.4-1", "mqtt311:2.3.1-6",
                                        "mqtt311:4.3.2-2", "mqtt311:3.3.4-1", "mqtt311:3.10.4-4"};
  for (const int id : {1, 255, 256, 65'535, 0})
    add(id == 0 ? "ids-drawn" : "ids-" + std::to_string(id), "SUBSCRIBE, PUBLISH and UNSUBSCRIBE have this packet id.", of_ids,
        [id](Stage& stage) { return ids(stage, static_cast<std::uint16_t>(id)); });
  add("many-ids", "Eight PUBLISHes at QoS 1 are sent before any PUBACK is awaited.", {"mqtt311:2.3.1-6", "mqtt311:4.3.2-2"}, many_ids);

  for (const int many : {1, 3, 20})
    add("pings-" + std::to_string(many), "PINGREQs: " + std::to_string(many) + " in a row.", {"mqtt311:3.12.4-1"}, [many](Stage& stage) { return pings(stage, many); });
  add("ping-among-others", "A PINGREQ stands between two PUBLISHes.", {"mqtt311:3.12.4-1"}, ping_among_others);
  const char* streams[] = {"byte-by-byte", "many", "long"};
  for (int kind = 0; kind < 3; ++kind)
    add(std::string{"stream-"} + streams[kind], "What is sent comes in full and in order.", {"mqtt311:7.1.1-1", "mqtt311:3.1.4-4"},
        [kind](Stage& stage) { return stream(stage, kind); });
}

}  // namespace hubproof::conformance::cases
