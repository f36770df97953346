// Chapter 4.3, 4.4 and 4.6 of MQTT 3.1.1: exchanges at QoS 1 and 2, and what becomes of them when a connection ends.
#include "conformance/cases/case.hpp"
#include "conformance/cases/mqtt.hpp"

namespace hubproof::conformance::cases {
namespace {

Login kept() {
  Login login;
  login.clean = false;
  return login;
}

// The session of this one is thrown away, so that nothing is left at the target.
Task<> forget(Stage& stage, Who who) {
  const Client client = co_await joined(stage, who);
  co_await left(stage, client);
}

enum class End : std::uint8_t { cut, closed, disconnected, taken_over };

// The connection ends like this, and the client comes back to its session. Where the session is `clean`, it ends
// with the connection: the server has seen that before the client comes back with Clean Session 0. (Who takes over at
// once with Clean Session 0 races with that end in RabbitMQ, and is let in or not.)
Task<Client> back(Stage& stage, Who who, Client client, End how, bool clean = false) {
  switch (how) {
    case End::cut: stage.cut(client); break;
    case End::closed: stage.close(client); break;
    case End::disconnected:
      if (clean) {
        co_await left(stage, client);
        break;
      }
      stage.send_whole(client, stage.keep(disconnect()));
      stage.close(client);
      break;
    case End::taken_over: {
      if (!clean) break;
      const Client newer = co_await joined(stage, who);
      const bool ended = co_await stage.ended(client);
      co_await stage.need(ended, "a takeover did not end the older connection");
      co_await left(stage, newer);
      break;
    }
  }
  if (clean) co_await stage.pause(stage.moment());
  Client again = co_await called(stage);
  const Packet* connack = co_await answered(stage, again, who, kept());
  if (connack == nullptr || connack->code != 0)
    co_await stage.give_up(stage.keep("the client could not come back: its CONNECT got " + seen(connack, stage, again)));
  co_return again;
}

// ---- A server that sends at QoS 1 and 2.

Script resent(Stage& stage, End how, std::uint8_t qos) {
  const Pair two = co_await pair(stage, qos, {}, {}, false);
  const View payload = stage.payload(1, 40);
  co_await published(stage, two.publisher, two.topic, payload, qos);
  const Packet* first = co_await stage.heard_on(two.listener, two.topic);
  co_await stage.need(first != nullptr, "a message did not come");
  const std::string was = describe(first->raw);
  stage.expect(!first->dup() && first->id != 0 && first->qos() == qos, "DUP 0 at first", was, qos == 1 ? "mqtt311:4.3.2-1" : "mqtt311:4.3.3-1");
  const Client again = co_await back(stage, two.listens, two.listener, how);
  const Packet* second = co_await arrival(stage, again, two.topic);
  const std::string found = seen(second, stage, again);
  const std::string_view state = qos == 1 ? "mqtt311:4.4.0-1 mqtt311:4.3.2-1 mqtt311:4.1.0-1 mqtt311:3.1.2-4" : "mqtt311:4.4.0-1 mqtt311:4.3.3-1 mqtt311:4.1.0-1 mqtt311:3.1.2-4";
  const bool came = stage.expect(second != nullptr && same(second->payload, payload), stage.keep("again: " + was), found, state);
  if (came) stage.expect(second->id == first->id, stage.keep("under its packet id: " + was), found, "mqtt311:4.4.0-1");
  if (came) stage.expect(second->dup(), "DUP 1 when it comes again", found, "mqtt311:3.3.1-1");
  if (!came) stage.undecided("it did not come again", "mqtt311:3.3.1-1");
  co_await forget(stage, two.listens);
}

// What was acknowledged does not come again.
Script acknowledged(Stage& stage, std::uint8_t qos) {
  const Pair two = co_await pair(stage, qos, {}, {}, false);
  co_await published(stage, two.publisher, two.topic, stage.payload(1, 40), qos);
  const Packet* first = co_await arrival(stage, two.listener, two.topic);
  co_await stage.need(first != nullptr, "a message did not come");
  const bool alive = co_await fenced(stage, two.listener);  // the server has read the acknowledgement
  co_await stage.need(alive, "the connection that listens ended");
  const Client again = co_await back(stage, two.listens, two.listener, End::cut);
  co_await settled(stage, two.publisher, again, two.marker);
  stage.expect(stage.left_on(again, two.topic) == 0 && stage.left(again, Type::pubrel) == 0, "nothing of what was acknowledged", stage.found(again));
  co_await forget(stage, two.listens);
}

// Open deliveries have ids of their own.
Script ids_of_open(Stage& stage, int kind) {
  const Pair two = co_await pair(stage, 2);
  const std::size_t many = std::min(stage.target().limits.in_flight, 5u);
  for (std::size_t each = 0; each < many; ++each) {
    const std::uint8_t qos = kind == 0 ? 1 : kind == 1 ? 2 : static_cast<std::uint8_t>(1 + each % 2);
    co_await published(stage, two.publisher, two.topic, numbered(stage, static_cast<std::uint8_t>(each)), qos);
  }
  std::uint16_t used[5]{};
  for (std::size_t each = 0; each < many; ++each) {
    const Packet* message = co_await stage.heard_on(two.listener, two.topic);
    co_await stage.need(message != nullptr, "a message did not come");
    bool fresh = message->id != 0;
    for (std::size_t other = 0; other < each; ++other) fresh = fresh && used[other] != message->id;
    used[each] = message->id;
    if (!stage.expect(fresh, "a packet id that no open delivery has", describe(message->raw))) co_return;
  }
}

Script order_of_resends(Stage& stage, int kind) {
  const Pair two = co_await pair(stage, 2, {}, {}, false);
  const std::size_t many = std::min(stage.target().limits.in_flight, 4u);
  for (std::size_t each = 0; each < many; ++each)
    co_await published(stage, two.publisher, two.topic, numbered(stage, static_cast<std::uint8_t>(each)), kind == 1 ? 2 : 1);
  for (std::size_t each = 0; each < many; ++each) {
    const Packet* message = co_await stage.heard_on(two.listener, two.topic);
    co_await stage.need(message != nullptr, "a message did not come");
    if (kind == 2 && each == 0) stage.send(two.listener, stage.keep(acknowledgement(Type::puback, message->id)));
  }
  const bool alive = co_await fenced(stage, two.listener);
  co_await stage.need(alive, "the connection that listens ended");
  const Client again = co_await back(stage, two.listens, two.listener, stage.draws().heads() ? End::cut : End::closed);
  for (std::size_t each = kind == 2 ? 1 : 0; each < many; ++each) {
    const Packet* message = co_await arrival(stage, again, two.topic);
    const bool right = message != nullptr && message->payload.size() == 1 && message->payload[0] == each;
    if (!stage.expect(right, stage.keep("message " + std::to_string(each) + " again, in its place"),
                      seen(message, stage, again) + (message == nullptr ? "" : " of number " + hex(message->payload, 4))))
      break;
  }
  co_await forget(stage, two.listens);
}

// The second half of an exchange at QoS 2.
Script pubrel_again(Stage& stage, End how) {
  const Pair two = co_await pair(stage, 2, {}, {}, false);
  co_await published(stage, two.publisher, two.topic, stage.payload(1, 40), 2);
  const Packet* message = co_await stage.heard_on(two.listener, two.topic);
  co_await stage.need(message != nullptr && message->qos() == 2, "a message at QoS 2 did not come");
  stage.send(two.listener, stage.keep(acknowledgement(Type::pubrec, message->id)));
  const Packet* pubrel = co_await stage.heard(two.listener, Type::pubrel, message->id);
  if (!stage.expect(pubrel != nullptr, "PUBREL for the PUBREC", stage.found(two.listener))) co_return;
  const Client again = co_await back(stage, two.listens, two.listener, how);
  const Packet* second = co_await stage.heard(again, Type::pubrel, message->id);
  stage.expect(second != nullptr && stage.left_on(again, two.topic) == 0, "PUBREL again under its id, and no PUBLISH", stage.found(again));
  if (second != nullptr) stage.send(again, stage.keep(acknowledgement(Type::pubcomp, message->id)));
  const bool alive = co_await fenced(stage, again);
  stage.expect(alive && stage.left_on(again, two.topic) == 0, "no PUBLISH after PUBREL", stage.found(again));
  co_await forget(stage, two.listens);
}

Script whole_exchange(Stage& stage) {
  const Pair two = co_await pair(stage, 2);
  const View payload = stage.payload(1, 40);
  co_await published(stage, two.publisher, two.topic, payload, 2);
  const Packet* message = co_await stage.heard_on(two.listener, two.topic);
  co_await stage.need(message != nullptr && message->qos() == 2, "a message at QoS 2 did not come");
  bool alive = co_await fenced(stage, two.listener);
  stage.expect(alive && stage.left(two.listener, Type::pubrel) == 0, "no PUBREL before PUBREC", stage.found(two.listener), "mqtt311:4.3.3-1");
  stage.send(two.listener, stage.keep(acknowledgement(Type::pubrec, message->id)));
  const Packet* pubrel = co_await stage.heard(two.listener, Type::pubrel);
  stage.expect(pubrel != nullptr && pubrel->id == message->id, stage.keep("PUBREL " + std::to_string(message->id)), seen(pubrel, stage, two.listener));
  stage.send(two.listener, stage.keep(acknowledgement(Type::pubcomp, message->id)));
  alive = co_await fenced(stage, two.listener);
  stage.expect(alive && stage.left(two.listener) == 0, "nothing after PUBCOMP", stage.found(two.listener));
}

// ---- A server that receives at QoS 2.

enum class Twice : std::uint8_t { publish, publish_many, publish_new_connection, pubrel, pubrel_new_connection, id_again };

Script received_once(Stage& stage, Twice kind) {
  const Pair two = co_await pair(stage, 2);
  const Who who = stage.someone();
  Client sender = co_await joined(stage, who, kept());
  const std::uint16_t id = stage.packet_id();
  const View payload = stage.payload(1, 40);
  stage.send(sender, publish(stage, two.topic, payload, 2, id));
  const Types answers{Type::pubrec, Type::puback};
  const Packet* pubrec = co_await stage.heard(sender, answers, id);
  co_await stage.need(pubrec != nullptr, "a PUBLISH at QoS 2 got no PUBREC");
  if (!stage.expect(pubrec->type == Type::pubrec, "PUBREC", describe(pubrec->raw))) co_return;
  const int more = kind == Twice::publish || kind == Twice::publish_new_connection ? 1 : kind == Twice::publish_many ? 3 : 0;
  if (kind == Twice::publish_new_connection) sender = co_await back(stage, who, sender, End::cut);
  for (int each = 0; each < more; ++each) {
    stage.send(sender, publish(stage, two.topic, payload, 2, id, true));
    const Packet* once_more = co_await stage.heard(sender, Type::pubrec, id);
    if (!stage.expect(once_more != nullptr, "PUBREC for a repeat", stage.found(sender))) co_return;
  }
  const int releases = kind == Twice::pubrel ? 2 : 1;
  for (int each = 0; each < releases; ++each) {
    stage.send(sender, stage.keep(acknowledgement(Type::pubrel, id)));
    if (kind == Twice::pubrel_new_connection) {
      sender = co_await back(stage, who, sender, End::closed);
      stage.send(sender, stage.keep(acknowledgement(Type::pubrel, id)));
    }
    const Packet* pubcomp = co_await stage.heard(sender, Type::pubcomp, id);
    if (!stage.expect(pubcomp != nullptr, "PUBCOMP for PUBREL", stage.found(sender))) co_return;
  }
  std::size_t due = 1;
  if (kind == Twice::id_again) {
    co_await published(stage, sender, two.topic, payload, 2);
    stage.send(sender, publish(stage, two.topic, payload, 2, id));
    const Packet* again = co_await stage.heard(sender, Type::pubrec, id);
    if (!stage.expect(again != nullptr, "PUBREC under an id that is free again", stage.found(sender))) co_return;
    stage.send(sender, stage.keep(acknowledgement(Type::pubrel, id)));
    const Packet* done = co_await stage.heard(sender, Type::pubcomp, id);
    if (!stage.expect(done != nullptr, "PUBCOMP", stage.found(sender))) co_return;
    due = 3;
  }
  co_await settled(stage, two.publisher, two.listener, two.marker);
  const std::size_t came = stage.left_on(two.listener, two.topic);
  stage.expect(came == due, stage.keep(std::to_string(due) + " onward"), std::to_string(came));
  stage.cut(sender);
  co_await forget(stage, who);
}

Script pubrec_ids(Stage& stage, std::uint16_t id) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  stage.send(client, publish(stage, stage.fresh_topic(), stage.payload(), 2, id));
  const Packet* pubrec = co_await stage.heard(client, Type::pubrec);
  if (!stage.expect(pubrec != nullptr, stage.keep("PUBREC " + std::to_string(id)), seen(pubrec, stage, client),
                    "mqtt311:4.3.3-2 mqtt311:3.3.4-1")) {
    if (stage.take(client, Type::puback, id) != nullptr) stage.not_exercised("PUBACK came in place of PUBREC, which is judged as mqtt311:4.3.3-2", "mqtt311:2.3.1-6");
    co_return;
  }
  if (!stage.expect(pubrec->id == id, stage.keep("PUBREC " + std::to_string(id)), seen(pubrec, stage, client))) co_return;
  stage.send(client, stage.keep(acknowledgement(Type::pubrel, id)));
  const Packet* pubcomp = co_await stage.heard(client, Type::pubcomp);
  stage.expect(pubcomp != nullptr && pubcomp->id == id, stage.keep("PUBCOMP " + std::to_string(id)), seen(pubcomp, stage, client));
}

// ---- Sessions.

// Session Present at a client's every coming. `kind`: what the second connection, and the third, is.
Script session_present(Stage& stage, int kind) {
  const Who who = stage.someone();
  co_await forget(stage, who);  // whatever there was
  const bool first_clean = kind == 0 || kind == 3;
  Login login;
  login.clean = first_clean;
  Client client = co_await called(stage);
  const Packet* connack = co_await answered(stage, client, who, login);
  co_await stage.need(connack != nullptr && connack->code == 0, "a good CONNECT was refused");
  stage.expect(connack->acknowledge_flags == 0, "Session Present 0 where no session is", describe(connack->raw), first_clean ? "mqtt311:3.2.2-1 mqtt311:3.2.2-3" : "mqtt311:3.2.2-3");
  if (kind != 3) co_await subscribed(stage, client, stage.filter(who), 1);
  const bool second_clean = kind == 2;
  if (kind == 1) {
    stage.cut(client);
  } else if (first_clean) {  // the session ends, too: the server is to have seen it
    co_await left(stage, client);
    co_await stage.pause(stage.moment());
  } else if (kind != 5) {
    stage.send_whole(client, stage.keep(disconnect()));
    stage.close(client);
  }
  login.clean = second_clean;
  client = co_await called(stage);
  connack = co_await answered(stage, client, who, login);
  co_await stage.need(connack != nullptr && connack->code == 0, "a good CONNECT was refused");
  const bool there = !first_clean && !second_clean;
  stage.expect(connack->acknowledge_flags == (there ? 1 : 0), there ? "Session Present 1" : "Session Present 0", describe(connack->raw),
               there ? "mqtt311:3.2.2-2 mqtt311:3.1.2-4" : second_clean ? "mqtt311:3.2.2-1 mqtt311:3.1.2-6" : "mqtt311:3.2.2-3 mqtt311:3.1.2-6");
  if (kind == 2) {  // and it is gone for good
    co_await left(stage, client);
    co_await stage.pause(stage.moment());
    login.clean = false;
    client = co_await called(stage);
    connack = co_await answered(stage, client, who, login);
    co_await stage.need(connack != nullptr && connack->code == 0, "a good CONNECT was refused");
    stage.expect(connack->acknowledge_flags == 0, "Session Present 0 after Clean Session 1", describe(connack->raw), "mqtt311:3.2.2-3 mqtt311:3.1.2-6");
  }
  stage.cut(client);
  co_await forget(stage, who);
}

// Subscriptions outlive connections, with Clean Session 0 only.
Script subscriptions(Stage& stage, End how, bool clean) {
  const Pair two = co_await pair(stage, 1, {}, {}, clean);
  const Client again = co_await back(stage, two.listens, two.listener, how, clean);
  co_await subscribed(stage, again, two.marker, 1);  // the marker's, whatever was kept
  co_await published(stage, two.publisher, two.topic, stage.payload(1, 40));
  co_await settled(stage, two.publisher, again, two.marker);
  const std::size_t came = stage.left_on(again, two.topic);
  stage.expect(came == (clean ? 0 : 1), clean ? "no subscription of a session that was clean" : "a message by the subscription that was kept", stage.found(again));
  stage.cut(again);
  co_await forget(stage, two.listens);
}

// While a client is away its session collects.
Script collects(Stage& stage, std::uint8_t sent, std::uint8_t asked_for, bool by_restart) {
  const Pair two = co_await pair(stage, asked_for, {}, {}, false);
  stage.send_whole(two.listener, stage.keep(disconnect()));
  const bool ended = co_await stage.ended_within(two.listener, 500ms);
  if (!ended) stage.close(two.listener);
  const int many = 5;
  for (int each = 1; each <= many; ++each)
    co_await published(stage, two.publisher, two.topic, numbered(stage, static_cast<std::uint8_t>(each)), sent);
  if (by_restart) co_await stage.restart();
  const Client again = co_await called(stage);
  const Packet* connack = co_await answered(stage, again, two.listens, kept());
  co_await stage.need(connack != nullptr && connack->code == 0, "the client could not come back");
  for (int each = 1; each <= many; ++each) {
    const Packet* message = co_await arrival(stage, again, two.topic);
    const bool right = message != nullptr && message->payload.size() == 1 && message->payload[0] == each;
    if (!stage.expect(right, stage.keep("message " + std::to_string(each) + " of " + std::to_string(many)), seen(message, stage, again),
                      by_restart ? "mqtt311:3.1.2-5 mqtt311:4.1.0-1" : "mqtt311:3.1.2-5 mqtt311:4.5.0-1 mqtt311:4.6.0-6"))
      break;
    if (by_restart) continue;
    const auto most = std::min(sent, two.granted);
    stage.expect(message->qos() == most, stage.keep("QoS " + std::to_string(most) + ", as it was granted"), seen(message, stage, again),
                 "mqtt311:3.8.4-6");
  }
  stage.cut(again);
  co_await forget(stage, two.listens);
}

// With Clean Session 1 nothing of before comes: neither what is open nor what was collected.
Script begins_anew(Stage& stage, int kind) {
  const Pair two = co_await pair(stage, 1, {}, {}, false);
  if (kind == 0) {  // open
    co_await published(stage, two.publisher, two.topic, stage.payload(1, 40));
    const Packet* message = co_await stage.heard_on(two.listener, two.topic);
    co_await stage.need(message != nullptr, "a message did not come");
    stage.cut(two.listener);
  } else {          // collected
    stage.send_whole(two.listener, stage.keep(disconnect()));
    stage.close(two.listener);
    co_await stage.pause(stage.moment());
    co_await published(stage, two.publisher, two.topic, stage.payload(1, 40));
  }
  const Client again = co_await joined(stage, two.listens);
  co_await subscribed(stage, again, two.marker, 1);
  if (kind == 2) {  // also not to the next one
    stage.cut(again);
    co_await stage.pause(stage.moment());
    const Client third = co_await joined(stage, two.listens, kept());
    co_await subscribed(stage, third, two.marker, 1);
    co_await settled(stage, two.publisher, third, two.marker);
    stage.expect(stage.left_on(third, two.topic) == 0, "nothing of a session that was thrown away", stage.found(third));
    stage.cut(third);
    co_await forget(stage, two.listens);
    co_return;
  }
  co_await settled(stage, two.publisher, again, two.marker);
  stage.expect(stage.left_on(again, two.topic) == 0, "nothing of a session that was thrown away", stage.found(again));
}

// What stands behind a CONNECT that is refused is not processed.
Script behind_a_refusal(Stage& stage, int kind) {
  const Pair two = co_await pair(stage, 1);
  const Who who = stage.someone();
  const Client client = co_await called(stage);
  Bytes burst;
  if (kind == 1) {
    burst = Raw{Type::connect}.field("MQTT").u8(4).u8(0).u16(60).field("").packet();
  } else {
    Login login;
    login.level = 100;
    const View hello = connect_packet(stage, who, login);
    burst.assign(hello.begin(), hello.end());
  }
  if (kind == 2) {
    const Bytes more = Raw{Type::subscribe, 2}.u16(stage.packet_id()).field(two.topic).u8(1).packet();
    burst.insert(burst.end(), more.begin(), more.end());
  }
  const Bytes message = publish_packet(two.topic, stage.payload(1, 20), 1, stage.packet_id());
  burst.insert(burst.end(), message.begin(), message.end());
  stage.send(client, stage.keep(std::move(burst)));
  const bool ended = co_await stage.ended(client);
  const Packet* connack = stage.take(client, Type::connack);
  co_await stage.premise(connack == nullptr || connack->code != 0, "the CONNECT was taken, so nothing stands behind a refusal");
  const std::size_t answers = stage.left(client, {Type::puback, Type::suback, Type::publish});
  co_await settled(stage, two.publisher, two.listener, two.marker);
  stage.expect(ended && answers == 0 && stage.left_on(two.listener, two.topic) == 0, "nothing of what stood behind a CONNECT that was refused",
               stage.found(client) + "; at the one that listens: " + stage.found(two.listener));
}

}  // namespace

void add_qos(Cases& cases) {
  const auto add = [&](std::string name, std::string sentence, std::vector<std::string> clauses, std::function<Script(Stage&)> script,
                       Capabilities needs = {}) -> Case& {
    return cases.emplace_back(Case{"mqtt/" + name, std::move(sentence), std::move(clauses), std::move(script),
                                   needs | Capabilities{Capability::routing}, For::brokers});
  };
  const Capabilities sessions{Capability::sessions};
  const Capabilities both{Capability::sessions, Capability::qos2};
  const Capabilities delivered{Capability::qos2, Capability::qos2_granted};  // the server sends at QoS 2
  const Capabilities resumed = delivered | sessions;
  const std::pair<End, const char*> ends[] = {{End::cut, "cut"}, {End::closed, "closed"}, {End::disconnected, "disconnected"}, {End::taken_over, "taken-over"}};
  for (const auto& one : ends)
    for (const std::uint8_t qos : {std::uint8_t{1}, std::uint8_t{2}})
      add("qos/resent-" + std::to_string(qos) + "-" + one.second, "A delivery is not acknowledged, and the client comes back.",
          {"mqtt311:3.3.1-1", "mqtt311:4.4.0-1", qos == 1 ? "mqtt311:4.3.2-1" : "mqtt311:4.3.3-1", "mqtt311:4.1.0-1", "mqtt311:3.1.2-4"},
          [how = one.first, qos](Stage& stage) { return resent(stage, how, qos); }, qos == 2 ? resumed : sessions);
  add("qos/not-resent-1", "A delivery was acknowledged, and the client comes back.", {"mqtt311:4.3.2-1", "mqtt311:4.4.0-1"}, [](Stage& stage) { return acknowledged(stage, 1); }, sessions);
  add("qos/not-resent-2", "A delivery was brought to its end, and the client comes back.", {"mqtt311:4.3.3-1", "mqtt311:4.4.0-1"}, [](Stage& stage) { return acknowledged(stage, 2); }, resumed);
  const char* kinds[] = {"qos-1", "qos-2", "both"};
  for (int kind = 0; kind < 3; ++kind)
    add(std::string{"qos/ids-of-open-"} + kinds[kind], "Several deliveries are open.", {"mqtt311:2.3.1-4"}, [kind](Stage& stage) { return ids_of_open(stage, kind); }, {Capability::qos2});
  const char* orders[] = {"qos-1", "qos-2", "first-acknowledged"};
  for (int kind = 0; kind < 3; ++kind)
    add(std::string{"qos/order-of-resends-"} + orders[kind], "Several deliveries are open, and the client comes back.", {"mqtt311:4.6.0-1", "mqtt311:4.6.0-6", "mqtt311:4.4.0-1"},
        [kind](Stage& stage) { return order_of_resends(stage, kind); }, both);
  for (const auto& one : ends)
    add(std::string{"qos/pubrel-again-"} + one.second, "PUBREC was answered, PUBCOMP not sent, and the client comes back.", {"mqtt311:4.3.3-1", "mqtt311:4.4.0-1", "mqtt311:2.3.1-6"},
        [how = one.first](Stage& stage) { return pubrel_again(stage, how); }, resumed);
  add("qos/whole-exchange", "A delivery at QoS 2, step by step.", {"mqtt311:4.3.3-1", "mqtt311:2.3.1-6"}, whole_exchange, delivered);
  const std::pair<Twice, const char*> twices[] = {{Twice::publish, "publish"}, {Twice::publish_many, "publish-many"}, {Twice::publish_new_connection, "publish-new-connection"},
                                                  {Twice::pubrel, "pubrel"}, {Twice::pubrel_new_connection, "pubrel-new-connection"}, {Twice::id_again, "id-again"}};
  for (const auto& one : twices)
    add(std::string{"qos/twice-"} + one.second, "A client repeats a step of its exchange at QoS 2.", {"mqtt311:4.3.3-2"},
        [kind = one.first](Stage& stage) { return received_once(stage, kind); }, both);
  for (const int id : {1, 256, 65'535})
    add("qos/pubrec-" + std::to_string(id), "A PUBLISH at QoS 2 has this packet id.", {"mqtt311:2.3.1-6", "mqtt311:4.3.3-2", "mqtt311:3.3.4-1"},
        [id](Stage& stage) { return pubrec_ids(stage, static_cast<std::uint16_t>(id)); }, {Capability::qos2});

  const std::pair<const char*, std::vector<std::string>> presents[] = {
      {"clean-then-kept", {"mqtt311:3.2.2-1", "mqtt311:3.2.2-3", "mqtt311:3.1.2-6"}},
      {"kept-then-cut", {"mqtt311:3.2.2-2", "mqtt311:3.2.2-3", "mqtt311:3.1.2-4"}},
      {"kept-then-clean", {"mqtt311:3.2.2-1", "mqtt311:3.2.2-3", "mqtt311:3.1.2-6"}},
      {"never-subscribed", {"mqtt311:3.2.2-1", "mqtt311:3.2.2-3", "mqtt311:3.1.2-6"}},
      {"kept-then-disconnected", {"mqtt311:3.2.2-2", "mqtt311:3.2.2-3", "mqtt311:3.1.2-4"}},
      {"kept-then-taken-over", {"mqtt311:3.2.2-2", "mqtt311:3.2.2-3", "mqtt311:3.1.2-4"}}};
  for (int kind = 0; kind < 6; ++kind) {
    Case& one = add(std::string{"session/present-"} + presents[kind].first, "A client comes twice, with and without Clean Session.", presents[kind].second,
                    [kind](Stage& stage) { return session_present(stage, kind); });
    one.needs = sessions;
    one.profiles = For::all;
  }
  for (const auto& one : ends) {
    add(std::string{"session/subscriptions-kept-"} + one.second, "A client with Clean Session 0 comes back and does not subscribe.", {"mqtt311:3.1.2-4", "mqtt311:4.1.0-1"},
        [how = one.first](Stage& stage) { return subscriptions(stage, how, false); }, sessions);
    add(std::string{"session/subscriptions-gone-"} + one.second, "A client with Clean Session 1 comes back and does not subscribe.", {"mqtt311:3.1.2-6"},
        [how = one.first](Stage& stage) { return subscriptions(stage, how, true); }, sessions);
  }
  for (const auto& [sent, granted] : {std::pair<int, int>{1, 1}, {2, 2}, {2, 1}, {1, 2}})
    add("session/collects-" + std::to_string(sent) + "-" + std::to_string(granted), "Messages are published while a client with Clean Session 0 is away.", {"mqtt311:3.1.2-5", "mqtt311:4.5.0-1", "mqtt311:4.6.0-6", "mqtt311:3.8.4-6"},
        [s = sent, g = granted](Stage& stage) { return collects(stage, static_cast<std::uint8_t>(s), static_cast<std::uint8_t>(g), false); }, both);
  add("session/collects-over-restart", "Messages wait for a client that is away, and the server starts anew.", {"mqtt311:3.1.2-5", "mqtt311:4.1.0-1"},
      [](Stage& stage) { return collects(stage, 1, 1, true); }, sessions | Capabilities{Capability::restart})
      .alone = Alone::target;
  const char* anews[] = {"open", "collected", "collected-then-kept"};
  for (int kind = 0; kind < 3; ++kind)
    add(std::string{"session/begins-anew-"} + anews[kind], "A client comes back with Clean Session 1.", {"mqtt311:3.1.2-6"}, [kind](Stage& stage) { return begins_anew(stage, kind); }, sessions);
  const char* behinds[] = {"level", "empty-id", "level-and-subscribe"};
  for (int kind = 0; kind < 3; ++kind)
    add(std::string{"connect/behind-a-refusal-"} + behinds[kind], "A PUBLISH stands behind a CONNECT that is refused.", {"mqtt311:3.1.4-5"}, [kind](Stage& stage) { return behind_a_refusal(stage, kind); });
}

}  // namespace hubproof::conformance::cases
