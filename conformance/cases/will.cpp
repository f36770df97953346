// Wills and retained messages: chapters 3.1.2.5 to 3.1.2.7, 3.3.1.3 and 3.14 of MQTT 3.1.1.
#include "conformance/cases/case.hpp"
#include "conformance/cases/mqtt.hpp"

namespace hubproof::conformance::cases {
namespace {

// How the connection with the will ends.
enum class Way : std::uint8_t { cut, closed, silent, violation, taken_over, disconnected, disconnected_cut, bad_disconnect_1, bad_disconnect_drawn, bad_disconnect_15 };

Task<> end(Stage& stage, Who who, Client client, Way way, bool clean = true) {
  switch (way) {
    case Way::cut: stage.cut(client); break;
    case Way::closed: stage.close(client); break;
    case Way::silent: {
      const bool ended = co_await stage.ended(client, 12s);
      if (!ended) co_await stage.give_up("a silent client was not cut off");
      break;
    }
    case Way::violation: {
      stage.send(client, stage.keep(Raw{static_cast<Type>(15)}.packet()));
      const bool ended = co_await stage.ended(client);
      if (!ended) co_await stage.give_up("a violation did not end the connection");
      break;
    }
    case Way::taken_over: {
      Login login;
      login.clean = clean;
      const Client newer = co_await joined(stage, who, login);
      const bool ended = co_await stage.ended(client);
      if (!ended) co_await stage.give_up("a takeover did not end the older connection");
      stage.send(newer, stage.keep(disconnect()));
      break;
    }
    case Way::disconnected: {
      stage.send(client, stage.keep(disconnect()));
      const bool ended = co_await stage.ended_within(client, 500ms);
      if (!ended) stage.close(client);
      break;
    }
    case Way::disconnected_cut:
      stage.send_whole(client, stage.keep(disconnect()));
      co_await stage.pause(100ms);
      stage.cut(client);
      break;
    case Way::bad_disconnect_1:
    case Way::bad_disconnect_drawn:
    case Way::bad_disconnect_15: {
      const std::uint8_t flags = way == Way::bad_disconnect_1 ? 1 : way == Way::bad_disconnect_15 ? 15 : static_cast<std::uint8_t>(stage.draws().between(2, 14));
      stage.send(client, stage.keep(Raw{Type::disconnect, flags}.packet()));
      const bool ended = co_await stage.ended(client);
      stage.expect(ended, "the end of the connection", stage.found(client), "mqtt311:3.14.1-1");
      if (!ended) stage.cut(client);
      break;
    }
  }
}

struct Wish {
  Way way = Way::cut;
  std::uint8_t qos = 0;
  bool retain = false;
  bool will = true;   // the CONNECT has one
  bool comes = true;
  bool clean = true;  // of the session; else it is kept, and whoever takes the connection over goes on with it
};

Script last_will(Stage& stage, Wish wish) {
  const Pair two = co_await pair(stage, 2);
  const Who who = stage.someone();
  Login login;
  login.keep_alive = wish.way == Way::silent ? 1 : 0;
  login.clean = wish.clean;
  if (wish.will) {
    login.will_topic = two.topic;
    login.will = stage.payload(1, 40);
    login.will_qos = wish.qos;
    login.will_retain = wish.retain;
  }
  const Client client = co_await joined(stage, who, login);
  const bool alive = co_await fenced(stage, client);
  co_await stage.need(alive, "a PINGREQ was not answered");
  stage.expect(stage.left_on(two.listener, two.topic) == 0, "no will while the connection is up", stage.found(two.listener));
  co_await end(stage, who, client, wish.way, wish.clean);
  if (!wish.comes) {
    co_await stage.pause(stage.moment());  // for a will that should not come; one that is later than that is not seen
    co_await settled(stage, two.publisher, two.listener, two.marker);
    stage.expect(stage.left_on(two.listener, two.topic) == 0, "no will", stage.found(two.listener));
    co_return;
  }
  const Packet* message = co_await arrival(stage, two.listener, two.topic);
  const std::string found = seen(message, stage, two.listener);
  const bool came = stage.expect(message != nullptr, "the will", found);
  const std::uint8_t qos = std::min(wish.qos, two.granted);
  if (came) stage.expect(same(message->payload, login.will) && message->qos() == qos && !message->retain(), stage.keep("the will as it was given, at QoS " + std::to_string(qos) + ", RETAIN 0"), found);
  // Once: neither the client's next coming and going nor anything else brings it again.
  const Client next = co_await joined(stage, who);
  stage.send(next, stage.keep(disconnect()));
  const bool ended = co_await stage.ended_within(next, 300ms);
  if (!ended) stage.cut(next);
  co_await settled(stage, two.publisher, two.listener, two.marker);
  stage.expect(stage.left_on(two.listener, two.topic) == 0, "the will once", stage.found(two.listener));
  // And to those who come later?
  const Who late = stage.someone();
  const Client later = co_await joined(stage, late);
  const Packet* suback = co_await asked(stage, later, two.topic, 2);
  const bool fence = co_await fenced(stage, later);
  co_await stage.need(suback != nullptr && fence, "a SUBSCRIBE was not answered");
  if (wish.retain) {
    const Packet* kept = co_await arrival(stage, later, two.topic);
    stage.expect(kept != nullptr && kept->retain() && same(kept->payload, login.will), "the will, retained", seen(kept, stage, later), "mqtt311:3.1.2-17");
    co_await published(stage, two.publisher, two.topic, {}, 1, true);
  } else {
    stage.expect(stage.left_on(later, two.topic) == 0, "no retained will", stage.found(later));
  }
}

// A client comes with a will and goes, and comes again without one: the old will is not for the new connection.
Script old_will(Stage& stage, bool clean, bool second_will) {
  const Pair two = co_await pair(stage, 1);
  const Who who = stage.someone();
  Login login;
  login.clean = clean;
  login.will_topic = two.topic;
  login.will = stage.payload(1, 40);
  login.will_qos = 1;
  Client client = co_await joined(stage, who, login);
  co_await end(stage, who, client, Way::disconnected);
  Login next;
  next.clean = clean;
  if (second_will) {
    next.will_topic = stage.fresh_topic();
    next.will = stage.payload(1, 9);
  }
  client = co_await joined(stage, who, next);
  const bool alive = co_await fenced(stage, client);
  co_await stage.need(alive, "a PINGREQ was not answered");
  stage.cut(client);
  co_await stage.pause(stage.moment());
  co_await settled(stage, two.publisher, two.listener, two.marker);
  stage.expect(stage.left_on(two.listener, two.topic) == 0, "no will of the connection before", stage.found(two.listener));
  client = co_await joined(stage, who);
  stage.send(client, stage.keep(disconnect()));
}

// ---- Retained messages.

// Subscribes anew and takes what comes: the retained message or, behind a fence, none.
struct Late {
  const Packet* packet = nullptr;
  std::uint8_t granted = 0;
};
Task<Late> late(Stage& stage, std::string_view filter, std::string_view topic, std::uint8_t qos, bool must) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  Late found;
  found.granted = co_await subscribed(stage, client, filter, qos);
  if (must) {
    found.packet = co_await arrival(stage, client, topic);
  } else {
    const bool alive = co_await fenced(stage, client);
    co_await stage.need(alive, "a PINGREQ was not answered");
    // Behind PINGRESP nothing of before is under way; a server that works at it apart gets a moment.
    co_await stage.pause(stage.moment());
    if (stage.left_on(client, topic) > 0) found.packet = co_await arrival(stage, client, topic);
  }
  co_return found;
}

std::string shown(const Packet* packet) { return packet == nullptr ? "none" : describe(packet->raw); }

// What is published, in order: (QoS, RETAIN, empty), and what a late subscriber must have then.
struct Step {
  std::uint8_t qos;
  bool retain;
  bool empty;
};
struct Story {
  const char* name;
  const char* sentence;
  const char* clauses;
  Step steps[3];
  int many;
  int kept;            // the step whose message is retained then; -1: none
  bool perhaps = false;  // or none, as the server likes
};
constexpr Story stories[] = {
    {"qos-1", "A message with RETAIN is published at QoS 1, and somebody subscribes.", "mqtt311:3.3.1-5 mqtt311:3.3.1-6 mqtt311:3.3.1-8", {{1, true, false}}, 1, 0},
    {"qos-2", "A message with RETAIN is published at QoS 2, and somebody subscribes.", "mqtt311:3.3.1-5 mqtt311:3.3.1-6 mqtt311:3.3.1-8", {{2, true, false}}, 1, 0},
    {"the-last", "Two messages with RETAIN are published, and somebody subscribes.", "mqtt311:3.3.1-5 mqtt311:3.3.1-6 mqtt311:3.3.1-8", {{1, true, false}, {1, true, false}}, 2, 1},
    {"the-last-of-three", "Three messages with RETAIN are published, and somebody subscribes.", "mqtt311:3.3.1-5 mqtt311:3.3.1-6", {{1, true, false}, {2, true, false}, {1, true, false}}, 3, 2},
    {"qos-0-after-1", "A retained message is followed by one at QoS 0.", "mqtt311:3.3.1-7", {{1, true, false}, {0, true, false}}, 2, 1, true},
    {"qos-0-after-2", "A retained message at QoS 2 is followed by one at QoS 0.", "mqtt311:3.3.1-7", {{2, true, false}, {0, true, false}}, 2, 1, true},
    {"qos-0-twice", "A retained message is followed by two at QoS 0.", "mqtt311:3.3.1-7", {{1, true, false}, {0, true, false}, {0, true, false}}, 3, 2, true},
    {"cleared-at-0", "A retained message is followed by an empty one at QoS 0.", "mqtt311:3.3.1-10 mqtt311:3.3.1-11", {{1, true, false}, {0, true, true}}, 2, -1},
    {"cleared-at-1", "A retained message is followed by an empty one at QoS 1.", "mqtt311:3.3.1-10 mqtt311:3.3.1-11", {{1, true, false}, {1, true, true}}, 2, -1},
    {"cleared-at-2", "A retained message is followed by an empty one at QoS 2.", "mqtt311:3.3.1-10 mqtt311:3.3.1-11", {{1, true, false}, {2, true, true}}, 2, -1},
    {"empty-alone", "An empty message has RETAIN.", "mqtt311:3.3.1-11", {{1, true, true}}, 1, -1},
    {"set-cleared-set", "A topic is cleared and set again.", "mqtt311:3.3.1-10 mqtt311:3.3.1-5", {{1, true, false}, {1, true, true}, {1, true, false}}, 3, 2},
    {"not-retained", "A message has no RETAIN, and somebody subscribes.", "mqtt311:3.3.1-12", {{1, false, false}}, 1, -1},
    {"not-retained-after", "A retained message is followed by one without RETAIN.", "mqtt311:3.3.1-12", {{1, true, false}, {1, false, false}}, 2, 0},
    {"not-retained-empty-after", "A retained message is followed by an empty one without RETAIN.", "mqtt311:3.3.1-12", {{1, true, false}, {1, false, true}}, 2, 0},
    {"not-retained-qos-0-after", "A retained message is followed by one at QoS 0 without RETAIN.", "mqtt311:3.3.1-12", {{2, true, false}, {0, false, false}}, 2, 0},
};

Script retained(Stage& stage, const Story& story, bool by_wildcard) {
  const Pair two = co_await pair(stage, 2);
  View payloads[3];
  for (int each = 0; each < story.many; ++each) {
    const Step& step = story.steps[each];
    payloads[each] = step.empty ? View{} : stage.payload(1, 40);
    co_await published(stage, two.publisher, two.topic, payloads[each], step.qos, step.retain);
    // Who listens already has each of them as it comes.
    const Packet* passed = co_await arrival(stage, two.listener, two.topic);
    if (passed == nullptr && step.qos > 0) {
      stage.fail("the message at who listens already", stage.found(two.listener));
      co_return;
    }
    if (passed != nullptr && !stage.expect(!passed->retain() && same(passed->payload, payloads[each]), "the message with RETAIN 0 at who listens already", shown(passed))) co_return;
  }
  const std::string_view filter = by_wildcard ? stage.keep(std::string{two.topic} + "/#") : two.topic;
  const bool must = story.kept >= 0 && !story.perhaps;
  const std::uint8_t asked_qos = static_cast<std::uint8_t>(stage.draws().between(1, 2));
  const Late found = co_await late(stage, filter, two.topic, asked_qos, must);
  const Packet* message = found.packet;
  if (story.kept < 0) {
    stage.expect(message == nullptr, "no retained message", shown(message));
  } else {
    const std::uint8_t qos = std::min(found.granted, story.steps[story.kept].qos);
    const bool right = message != nullptr && message->retain() && same(message->payload, payloads[story.kept]) && message->qos() == qos;
    stage.expect(right || (story.perhaps && message == nullptr),
                 stage.keep("message " + std::to_string(story.kept + 1) + " with RETAIN 1 at QoS " + std::to_string(qos) + (story.perhaps ? ", or none" : "")), shown(message));
  }
  co_await published(stage, two.publisher, two.topic, {}, 1, true);
}

// One filter, several topics: the last of each.
Script retained_of_many(Stage& stage) {
  const std::string base{stage.fresh_topic()};
  const Who who = stage.someone();
  const Client publisher = co_await joined(stage, who);
  std::string_view topics[3];
  View payloads[3];
  for (int each = 0; each < 3; ++each) {
    topics[each] = stage.keep(base + "/" + std::string{stage.fresh_level()});
    co_await published(stage, publisher, topics[each], stage.payload(1, 9), 1, true);
    payloads[each] = stage.payload(1, 40);
    co_await published(stage, publisher, topics[each], payloads[each], 1, true);
  }
  const Who other = stage.someone();
  const Client listener = co_await joined(stage, other);
  co_await subscribed(stage, listener, stage.keep(base + "/+"), 1);
  for (int each = 0; each < 3; ++each) {
    const Packet* message = co_await arrival(stage, listener, topics[each]);
    stage.expect(message != nullptr && message->retain() && same(message->payload, payloads[each]), "the last message of each topic, with RETAIN 1", seen(message, stage, listener));
  }
  for (const std::string_view topic : topics) co_await published(stage, publisher, topic, {}, 1, true);
}

// What is retained outlives the session of who published it. 0: it disconnects; 1: its session is thrown away;
// 2: the server starts anew.
Script outlives(Stage& stage, int kind) {
  const std::string_view topic = stage.fresh_topic();
  const Who who = stage.someone();
  Login login;
  login.clean = kind != 1;
  Client publisher = co_await joined(stage, who, login);
  const View payload = stage.payload(1, 40);
  co_await published(stage, publisher, topic, payload, 1, true);
  if (kind == 2) {
    co_await stage.restart();
  } else {
    stage.send(publisher, stage.keep(disconnect()));
    const bool ended = co_await stage.ended_within(publisher, 500ms);
    if (!ended) stage.close(publisher);
  }
  publisher = co_await joined(stage, who);
  const Late found = co_await late(stage, topic, topic, 1, true);
  const Packet* message = found.packet;
  stage.expect(message != nullptr && message->retain() && same(message->payload, payload), "the retained message", shown(message));
  co_await published(stage, publisher, topic, {}, 1, true);
}

}  // namespace

void add_will(Cases& cases) {
  const auto add = [&](std::string name, std::string sentence, std::vector<std::string> clauses, std::function<Script(Stage&)> script,
                       Capabilities needs) -> Case& {
    return cases.emplace_back(Case{"mqtt/" + name, std::move(sentence), std::move(clauses), std::move(script),
                                   needs | Capabilities{Capability::routing, Capability::qos2}, For::brokers});
  };
  const Capabilities wills{Capability::will};
  const std::pair<Way, const char*> ways[] = {{Way::cut, "cut"}, {Way::closed, "closed"}, {Way::silent, "silent"}, {Way::violation, "violation"}, {Way::taken_over, "taken-over"}};
  std::uint8_t turn = 0;
  for (const auto& one : ways) {
    const std::uint8_t qos = turn++ % 3;
    add(std::string{"will/comes-"} + one.second, "A connection with a will ends without DISCONNECT.", {"mqtt311:3.1.2-8", "mqtt311:3.1.2-10", "mqtt311:3.1.2-16", "mqtt311:3.1.2-9"},
        [way = one.first, qos](Stage& stage) { return last_will(stage, {.way = way, .qos = qos}); }, wills);
    add(std::string{"will/none-"} + one.second, "A connection without a will ends without DISCONNECT.", {"mqtt311:3.1.2-12"},
        [way = one.first](Stage& stage) { return last_will(stage, {.way = way, .will = false, .comes = false}); }, wills);
  }
  // A soak saw that a broker forgets it then.
  add("will/comes-taken-over-kept", "A connection with a will is taken over by the next of its session.", {"mqtt311:3.1.2-8", "mqtt311:3.1.2-10", "mqtt311:3.1.2-16", "mqtt311:3.1.2-9"},
      [](Stage& stage) { return last_will(stage, {.way = Way::taken_over, .qos = 1, .clean = false}); }, wills | Capabilities{Capability::sessions});
  for (std::uint8_t qos = 0; qos <= 2; ++qos) {
    add("will/qos-" + std::to_string(qos), "A will has this QoS.", {"mqtt311:3.1.2-8", "mqtt311:3.1.2-9", "mqtt311:3.1.2-16"}, [qos](Stage& stage) { return last_will(stage, {.way = Way::cut, .qos = qos}); }, wills);
    add("will/retained-" + std::to_string(qos), "A will is to be retained.", {"mqtt311:3.1.2-17", "mqtt311:3.1.2-8"}, [qos](Stage& stage) { return last_will(stage, {.way = Way::cut, .qos = qos, .retain = true}); },
        wills | Capabilities{Capability::retained});
    add("will/disconnected-" + std::to_string(qos), "A connection with a will ends by DISCONNECT.", {"mqtt311:3.14.4-3", "mqtt311:3.1.2-10"},
        [qos](Stage& stage) { return last_will(stage, {.way = qos == 2 ? Way::disconnected_cut : Way::disconnected, .qos = qos, .comes = false}); }, wills);
  }
  add("will/old-clean", "A client comes again without the will that it had.", {"mqtt311:3.1.2-12", "mqtt311:3.1.2-10"}, [](Stage& stage) { return old_will(stage, true, false); }, wills);
  add("will/old-kept", "A client comes back to its session without the will that it had.", {"mqtt311:3.1.2-12", "mqtt311:3.1.2-10"}, [](Stage& stage) { return old_will(stage, false, false); },
      wills | Capabilities{Capability::sessions});
  add("will/old-replaced", "A client comes back with another will.", {"mqtt311:3.1.2-10"}, [](Stage& stage) { return old_will(stage, false, true); }, wills | Capabilities{Capability::sessions});
  const std::pair<Way, const char*> bad[] = {{Way::bad_disconnect_1, "lowest"}, {Way::bad_disconnect_drawn, "drawn"}, {Way::bad_disconnect_15, "all"}};
  for (const auto& one : bad)
    add(std::string{"will/flags-of-disconnect-"} + one.second, "DISCONNECT has wrong flags: it ends the connection and is none, as the will shows.", {"mqtt311:3.14.1-1", "mqtt311:2.2.2-2"},
        [way = one.first](Stage& stage) { return last_will(stage, {.way = way, .qos = 1}); }, wills);

  const Capabilities retains{Capability::retained};
  for (const Story& story : stories) {
    std::vector<std::string> clauses;
    for (std::string_view rest = story.clauses; !rest.empty();) {
      const std::size_t blank = std::min(rest.find(' '), rest.size());
      clauses.emplace_back(rest.substr(0, blank));
      rest.remove_prefix(std::min(blank + 1, rest.size()));
    }
    add(std::string{"retain/"} + story.name, story.sentence, clauses, [&story](Stage& stage) { return retained(stage, story, false); }, retains);
  }
  add("retain/by-wildcard", "A retained message meets a filter with #.", {"mqtt311:3.3.1-6", "mqtt311:3.3.1-8"}, [](Stage& stage) { return retained(stage, stories[0], true); },
      retains | Capabilities{Capability::wildcards});
  add("retain/of-many-topics", "Messages are retained on three topics, and somebody subscribes to all.", {"mqtt311:3.3.1-6", "mqtt311:3.3.1-8"}, retained_of_many, retains | Capabilities{Capability::wildcards});
  const char* lives[] = {"connection", "session", "restart"};
  for (int kind = 0; kind < 3; ++kind)
    add(std::string{"retain/outlives-"} + lives[kind], "What is retained stays when who published it is gone.", {"mqtt311:3.1.2-7"}, [kind](Stage& stage) { return outlives(stage, kind); },
        retains | (kind == 2 ? Capabilities{Capability::restart} : Capabilities{Capability::sessions}))
        .alone = kind == 2 ? Alone::target : Alone::nothing;
}

}  // namespace hubproof::conformance::cases
