#include "conformance/cases/mqtt.hpp"

#include "conformance/cases/case.hpp"

namespace hubproof::conformance::cases {

View connect_packet(Stage& stage, Who who, const Login& login) {
  const Identity& identity = stage.identity(who);
  std::uint8_t flags = login.flags_too;
  if (login.clean) flags |= 2;
  if (!login.will_topic.empty())
    flags |= static_cast<std::uint8_t>(4 | login.will_qos << 3 | (login.will_retain ? 0x20 : 0));
  if (!identity.user.empty()) flags |= 0x80;
  if (!identity.password.empty()) flags |= 0x40;
  Raw raw{Type::connect};
  raw.field(login.protocol).u8(login.level).u8(flags).u16(login.keep_alive).field(identity.id);
  if (!login.will_topic.empty()) raw.field(login.will_topic).field(login.will);
  if (!identity.user.empty()) raw.field(identity.user);
  if (!identity.password.empty()) raw.field(identity.password);
  return stage.keep(raw.packet());
}

Task<Client> called(Stage& stage, Door door) {
  const Client client = stage.connect(door);
  co_await stage.opened(client);
  co_return client;
}

Task<const Packet*> answered(Stage& stage, Client client, Who who, Login login) {
  stage.send(client, connect_packet(stage, who, login));
  const Packet* connack = co_await stage.heard(client, Type::connack);
  co_return connack;
}

Task<Client> joined(Stage& stage, Who who, Login login) {
  const Client client = co_await called(stage);
  const Packet* connack = co_await answered(stage, client, who, login);
  if (connack == nullptr) co_await stage.give_up(stage.keep("a good CONNECT got " + stage.found(client)));
  if (connack->code != 0)
    co_await stage.give_up(stage.keep("a good CONNECT was refused with code " + std::to_string(connack->code)));
  co_return client;
}

View subscribe_packet(Stage& stage, std::uint16_t id, std::string_view filter, std::uint8_t qos) {
  return stage.keep(Raw{Type::subscribe, 2}.u16(id).field(filter).u8(qos).packet());
}

View publish(Stage& stage, std::string_view topic, View payload, std::uint8_t qos, std::uint16_t id, bool dup,
             bool retain) {
  return stage.keep(publish_packet(topic, payload, qos, id, dup, retain));
}

Task<std::uint8_t> subscribed(Stage& stage, Client client, std::string_view filter, std::uint8_t qos) {
  const std::uint16_t id = stage.packet_id();
  stage.send(client, subscribe_packet(stage, id, filter, qos));
  const Packet* suback = co_await stage.heard(client, Type::suback, id);
  if (suback == nullptr) co_await stage.give_up(stage.keep("a SUBSCRIBE got " + stage.found(client)));
  const bool less = qos == 2 && suback->codes.size() == 1 && suback->codes[0] == 1;
  if (less && stage.which().needs.has(Capability::qos2_granted))
    co_await stage.give_up("QoS 2 was asked for and 1 granted; the descriptor of a target that never grants 2 says that it lacks qos2_granted");
  const bool granted = less || (suback->codes.size() == 1 && suback->codes[0] == qos);
  if (!granted) co_await stage.give_up(stage.keep("a SUBSCRIBE at QoS " + std::to_string(qos) + " got " + describe(suback->raw)));
  co_return suback->codes[0];
}

Task<bool> fenced(Stage& stage, Client client) {
  stage.send(client, stage.keep(pingreq()));
  const Packet* pong = co_await stage.heard(client, Type::pingresp);
  co_return pong != nullptr;
}

Task<bool> must_close(Stage& stage, Client client, std::string_view why, std::string_view clauses) {
  const bool ended = co_await stage.ended(client);
  stage.expect(ended, stage.keep("the end of the connection, for " + std::string{why}), stage.found(client), clauses);
  co_return ended;
}

Task<bool> must_not_accept(Stage& stage, Client client, std::string_view why, std::string_view clauses) {
  const bool ended = co_await stage.ended(client);
  const Packet* connack = stage.take(client, Type::connack);
  const bool refused = ended && (connack == nullptr || connack->code != 0);
  const std::string found = connack != nullptr ? describe(connack->raw) + (ended ? ", and the end" : ", and no end")
                                               : stage.found(client);
  stage.expect(refused, stage.keep("a refusal and the end of the connection, for " + std::string{why}), found, clauses);
  co_return refused;
}

Task<bool> must_live(Stage& stage, Client client, std::string_view why, std::string_view clauses) {
  const bool alive = co_await fenced(stage, client);
  stage.expect(alive, stage.keep("a connection that stands " + std::string{why}), stage.found(client), clauses);
  co_return alive;
}

Task<const Packet*> asked(Stage& stage, Client client, std::string_view filter, std::uint8_t qos) {
  const std::uint16_t id = stage.packet_id();
  stage.send(client, subscribe_packet(stage, id, filter, qos));
  const Packet* suback = co_await stage.heard(client, Type::suback, id);
  co_return suback;
}

Task<> unsubscribed(Stage& stage, Client client, std::string_view filter) {
  const std::uint16_t id = stage.packet_id();
  stage.send(client, stage.keep(unsubscribe_packet(id, {filter})));
  const Packet* unsuback = co_await stage.heard(client, Type::unsuback, id);
  if (unsuback == nullptr) co_await stage.give_up(stage.keep("an UNSUBSCRIBE got " + stage.found(client)));
}

Task<> published(Stage& stage, Client client, std::string_view topic, View payload, std::uint8_t qos, bool retain) {
  const std::uint16_t id = stage.packet_id();
  stage.send(client, publish(stage, topic, payload, qos, id, false, retain));
  bool over = false;
  if (qos == 0) {
    over = co_await fenced(stage, client);
  } else if (qos == 1) {
    const Packet* puback = co_await stage.heard(client, Type::puback, id);
    over = puback != nullptr;
  } else {
    const bool pubrec = co_await released(stage, client, id);
    if (!pubrec) co_return;
    const Packet* pubcomp = co_await stage.heard(client, Type::pubcomp, id);
    over = pubcomp != nullptr;
  }
  if (!over) co_await stage.give_up(stage.keep("a PUBLISH at QoS " + std::to_string(qos) + " got " + stage.found(client)));
}

Task<bool> released(Stage& stage, Client client, std::uint16_t id) {
  const Types answers{Type::pubrec, Type::puback};
  const Packet* answer = co_await stage.heard(client, answers, id);
  if (answer == nullptr) co_await stage.give_up(stage.keep("a PUBLISH at QoS 2 got " + stage.found(client)));
  if (answer->type == Type::puback) {
    stage.fail(stage.keep("PUBREC " + std::to_string(id) + " for a PUBLISH at QoS 2"), describe(answer->raw), "mqtt311:4.3.3-2");
    co_return false;
  }
  stage.send(client, stage.keep(acknowledgement(Type::pubrel, id)));
  co_return true;
}

Task<> left(Stage& stage, Client client) {
  stage.send_whole(client, stage.keep(disconnect()));
  const bool ended = co_await stage.ended_within(client, stage.patience());
  if (!ended) stage.close(client);
}

Task<> cleared(Stage& stage, std::string_view topic) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  co_await published(stage, client, topic, {}, 1, true);
}

Task<const Packet*> arrival(Stage& stage, Client client, std::string_view topic) {
  const Packet* packet = co_await stage.heard_on(client, topic);
  if (packet != nullptr && packet->qos() == 1) stage.send(client, stage.keep(acknowledgement(Type::puback, packet->id)));
  if (packet != nullptr && packet->qos() == 2) {
    stage.send(client, stage.keep(acknowledgement(Type::pubrec, packet->id)));
    const Packet* pubrel = co_await stage.heard(client, Type::pubrel, packet->id);
    if (pubrel != nullptr) stage.send(client, stage.keep(acknowledgement(Type::pubcomp, packet->id)));
  }
  co_return packet;
}

Task<> settled(Stage& stage, Client publisher, Client listener, std::string_view topic) {
  const View mark = stage.payload(9, 12);
  co_await published(stage, publisher, topic, mark, 1);
  const Packet* marker = co_await arrival(stage, listener, topic);
  while (marker != nullptr && !same(marker->payload, mark)) marker = co_await arrival(stage, listener, topic);
  if (marker == nullptr) co_await stage.give_up(stage.keep("a marker to " + std::string{topic} + " did not come: " + stage.found(listener)));
  const bool alive = co_await fenced(stage, listener);
  if (!alive) co_await stage.give_up("the connection that listens ended");
}

Task<Pair> pair(Stage& stage, std::uint8_t qos, std::string_view topic, std::string_view filter, bool clean) {
  Pair made;
  made.topic = topic.empty() ? stage.fresh_topic() : topic;
  made.marker = stage.fresh_topic();
  made.listens = stage.someone();
  Login login;
  login.clean = clean;
  made.listener = co_await joined(stage, made.listens, login);
  const bool marker_first = stage.draws().heads();
  if (marker_first) co_await subscribed(stage, made.listener, made.marker, 1);
  made.granted = co_await subscribed(stage, made.listener, filter.empty() ? made.topic : filter, qos);
  if (!marker_first) co_await subscribed(stage, made.listener, made.marker, 1);
  const Who publishes = stage.someone();
  made.publisher = co_await joined(stage, publishes);
  co_return made;
}

View numbered(Stage& stage, std::uint8_t number) { return stage.keep(Bytes{number}); }

std::string seen(const Packet* packet, const Stage& stage, Client client) {
  return packet == nullptr ? stage.found(client) : describe(packet->raw);
}

bool same(View one, View other) { return model::text(one) == model::text(other); }

}  // namespace hubproof::conformance::cases
