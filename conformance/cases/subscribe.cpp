// Chapter 3.8 to 3.11 of MQTT 3.1.1: SUBSCRIBE, UNSUBSCRIBE and their answers.
#include "conformance/cases/case.hpp"
#include "conformance/cases/mqtt.hpp"

namespace hubproof::conformance::cases {
namespace {

using namespace std::string_view_literals;

Script without_filter(Stage& stage, Type type, int kind) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  Raw raw{type, 2};
  if (kind < 2) raw.u16(stage.packet_id());
  if (kind == 1) raw.field(stage.filter(who));  // SUBSCRIBE: without its QoS
  if (kind == 3) raw.u16(stage.packet_id()).u8(0);
  stage.send(client, stage.keep(raw.packet()));
  co_await must_close(stage, client, "no whole filter");
}

Script bad_qos(Stage& stage, std::uint8_t qos, bool second) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  Raw raw{Type::subscribe, 2};
  raw.u16(stage.packet_id());
  if (second) raw.field(stage.filter(who)).u8(1);
  raw.field(stage.filter(who)).u8(qos);
  stage.send(client, stage.keep(raw.packet()));
  co_await must_close(stage, client, "a requested QoS above 2, or bits beside it");
}

// A filter that is none: the server closes, or refuses it at least. It grants nothing.
Script bad_filter(Stage& stage, std::string_view filter, bool own) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  const std::string_view whole = own ? stage.keep(std::string{stage.fresh_topic()} + "/" + std::string{filter}) : filter;
  const Packet* suback = co_await asked(stage, client, whole, stage.draws().heads() ? 1 : 0);
  const bool refused = suback == nullptr ? stage.is_over(client) : suback->codes.size() == 1 && suback->codes[0] == 0x80;
  stage.expect(refused, stage.keep("the end of the connection, or a refusal of the filter " + std::string{filter}), seen(suback, stage, client));
}

Script unsubscribe_bad(Stage& stage, std::string_view filter) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  stage.send(client, stage.keep(unsubscribe_packet(stage.packet_id(), {filter})));
  co_await must_close(stage, client, "an empty filter");
}

// Several filters at once: a code for each, in their order.
Script codes(Stage& stage, int kind) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  const std::size_t many = kind == 0 ? 2 : kind == 1 ? 5 : std::min(stage.target().limits.filters, 40u);
  const std::uint16_t id = stage.packet_id();
  Raw raw{Type::subscribe, 2};
  raw.u16(id);
  Bytes due;
  for (std::size_t each = 0; each < many; ++each) {
    due.push_back(static_cast<std::uint8_t>(stage.draws().below(3)));
    raw.field(stage.fresh_topic()).u8(due.back());
  }
  const View right = stage.keep(std::move(due));
  stage.send(client, stage.keep(raw.packet()));
  // A server may have as much to do for each filter as for a CONNECT.
  const Duration long_enough = stage.patience() * static_cast<int>(1 + many / 8);
  const Packet* suback = co_await stage.heard(client, Type::suback, 0, long_enough);
  const std::string found = seen(suback, stage, client);
  stage.expect(suback != nullptr && suback->id == id, stage.keep("SUBACK " + std::to_string(id)), found,
               "mqtt311:3.8.4-1 mqtt311:3.8.4-2 mqtt311:3.8.4-4");
  if (suback == nullptr) co_return;
  bool legal = true, granted_2 = false, in_order = suback->codes.size() == many;
  for (const std::uint8_t code : suback->codes) {
    legal = legal && (code <= 2 || code == 0x80);
    granted_2 = granted_2 || code == 2;
  }
  // A server may grant less, or refuse; never more.
  for (std::size_t each = 0; in_order && each < many; ++each) in_order = suback->codes[each] <= right[each] || suback->codes[each] == 0x80;
  stage.expect(suback->codes.size() == many, stage.keep("a code for each of " + std::to_string(many) + " filters"), found, "mqtt311:3.8.4-5");
  stage.expect(legal, "no codes but 00, 01, 02 and 80", found, "mqtt311:3.9.3-2");
  if (granted_2 && !stage.target().can.has(Capability::qos2_granted)) {
    stage.undecided("the descriptor says that QoS 2 is never granted, and it was: take qos2_granted out of what the target lacks", "mqtt311:3.9.3-1");
    co_return;
  }
  stage.expect(in_order, stage.keep("codes in the order of filters asked at " + hex(right, 40)), found, "mqtt311:3.9.3-1");
}

// They work, each, as if subscribed alone.
Script many_filters(Stage& stage, int kind) {
  const Pair two = co_await pair(stage, 1);
  constexpr int many = 4;
  std::string_view topics[many];
  Raw raw{Type::subscribe, 2};
  const std::uint16_t id = stage.packet_id();
  raw.u16(id);
  for (int each = 0; each < many; ++each) {
    topics[each] = stage.fresh_topic();
    raw.field(kind == 1 && each % 2 == 0 ? stage.keep(std::string{topics[each]} + "/#") : topics[each]).u8(static_cast<std::uint8_t>(kind == 2 ? each % 2 : 1));
  }
  stage.send(two.listener, stage.keep(raw.packet()));
  const Packet* suback = co_await stage.heard(two.listener, Type::suback, id);
  co_await stage.need(suback != nullptr && suback->codes.size() == many, "a SUBSCRIBE with four filters got no SUBACK with four codes");
  for (int each = 0; each < many; ++each) co_await published(stage, two.publisher, topics[each], stage.payload(1, 20));
  for (int each = 0; each < many; ++each) {
    const Packet* message = co_await arrival(stage, two.listener, topics[each]);
    if (!stage.expect(message != nullptr && message->qos() == suback->codes[static_cast<std::size_t>(each)], stage.keep("a message by filter " + std::to_string(each + 1) + " at the QoS of its code"),
                      seen(message, stage, two.listener)))
      co_return;
  }
}

// The same filter again: the newer subscription is the one that is there.
Script again(Stage& stage, std::uint8_t first, std::uint8_t second) {
  const Pair two = co_await pair(stage, first);
  const std::uint8_t granted = co_await subscribed(stage, two.listener, two.topic, second);
  co_await published(stage, two.publisher, two.topic, stage.payload(1, 20), 2);
  co_await settled(stage, two.publisher, two.listener, two.marker);
  const Packet* message = stage.take(two.listener, Type::publish);
  stage.expect(message != nullptr && message->qos() == granted && stage.left_on(two.listener, two.topic) == 0,
               stage.keep("one message, at QoS " + std::to_string(granted)), seen(message, stage, two.listener) + ", and " + std::to_string(stage.left_on(two.listener, two.topic)) + " more");
}

// ... and what is retained comes again.
Script retained_again(Stage& stage) {
  const Pair two = co_await pair(stage, 1);
  const View payload = stage.payload(1, 20);
  co_await published(stage, two.publisher, two.topic, payload, 1, true);
  const Packet* first = co_await arrival(stage, two.listener, two.topic);
  co_await stage.need(first != nullptr, "a message did not come");
  co_await subscribed(stage, two.listener, two.topic, 1);
  const Packet* second = co_await arrival(stage, two.listener, two.topic);
  stage.expect(second != nullptr && second->retain() && same(second->payload, payload), "the retained message, again", seen(second, stage, two.listener));
  co_await published(stage, two.publisher, two.topic, {}, 1, true);
}

// A server without wildcards refuses them; one with them does as they say.
Script wildcards(Stage& stage, std::string_view filter, std::string_view topic) {
  const Pair two = co_await pair(stage, 1);
  const std::string base{stage.fresh_topic()};
  const Packet* suback = co_await asked(stage, two.listener, stage.keep(base + std::string{filter}), 1);
  if (suback == nullptr || suback->codes.size() != 1 || suback->codes[0] == 0x80) {
    stage.expect(suback != nullptr ? suback->codes.size() == 1 : stage.is_over(two.listener), "a refusal", seen(suback, stage, two.listener));
    co_return;
  }
  const std::string_view whole = stage.keep(base + std::string{topic});
  co_await published(stage, two.publisher, whole, stage.payload(1, 20));
  const Packet* message = co_await arrival(stage, two.listener, whole);
  stage.expect(message != nullptr, "a message by the wildcard that was granted", seen(message, stage, two.listener));
}

// ---- UNSUBSCRIBE.

Script unsubscribe_answer(Stage& stage, int kind) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  const std::string_view filter = stage.filter(who);
  if (kind == 0) co_await subscribed(stage, client, filter, 1);
  const std::uint16_t id = stage.packet_id();
  if (kind < 2) stage.send(client, stage.keep(unsubscribe_packet(id, {filter})));
  if (kind == 2) stage.send(client, stage.keep(unsubscribe_packet(id, {filter, stage.fresh_topic(), filter})));
  if (kind == 3) {
    co_await subscribed(stage, client, filter, 1);
    co_await unsubscribed(stage, client, filter);
    stage.send(client, stage.keep(unsubscribe_packet(id, {filter})));
  }
  if (kind == 4) stage.send(client, stage.keep(unsubscribe_packet(id, {"#", "+/+", "/"})));
  const Packet* unsuback = co_await stage.heard(client, Type::unsuback);
  stage.expect(unsuback != nullptr && unsuback->id == id, stage.keep("UNSUBACK " + std::to_string(id)), seen(unsuback, stage, client));
  const bool alive = co_await fenced(stage, client);
  stage.expect(alive && stage.left(client, Type::unsuback) == 0, "one UNSUBACK", stage.found(client));
}

// Many at once: all are removed, others stay.
Script unsubscribe_many(Stage& stage, int kind) {
  const Pair two = co_await pair(stage, 1);
  const std::string_view topics[] = {stage.fresh_topic(), stage.fresh_topic(), stage.fresh_topic()};
  for (const std::string_view topic : topics) co_await subscribed(stage, two.listener, topic, 1);
  const std::uint16_t id = stage.packet_id();
  Bytes packet = unsubscribe_packet(id, {topics[0], topics[1], topics[2]});
  if (kind == 1) packet = unsubscribe_packet(id, {topics[0], stage.fresh_topic(), topics[2]});
  if (kind == 2) packet = unsubscribe_packet(id, {topics[0], topics[0]});
  stage.send(two.listener, stage.keep(std::move(packet)));
  const Packet* unsuback = co_await stage.heard(two.listener, Type::unsuback, id);
  co_await stage.need(unsuback != nullptr, "an UNSUBSCRIBE was not answered");
  const bool gone[] = {true, kind == 0, kind < 2};
  for (int each = 0; each < 3; ++each) co_await published(stage, two.publisher, topics[each], stage.payload(1, 20));
  co_await settled(stage, two.publisher, two.listener, two.marker);
  for (int each = 0; each < 3; ++each) {
    const bool came = stage.left_on(two.listener, topics[each]) > 0;
    stage.expect(came != gone[each], gone[each] ? "no message by a filter that was removed" : "a message by a filter that was not removed", stage.found(two.listener));
  }
}

// Only the same characters remove a subscription.
struct Removal {
  const char* name;
  std::string_view subscribed;  // behind a topic of its own
  std::string_view removed;
  std::string_view topic;
  bool gone;
};
constexpr Removal removals[] = {{"the-same", "/a/b", "/a/b", "/a/b", true},       {"the-same-wildcard", "/+/b", "/+/b", "/a/b", true},
                                {"plus-for-a-name", "/a/b", "/+/b", "/a/b", false}, {"name-for-plus", "/+/b", "/a/b", "/a/b", false},
                                {"hash-for-a-name", "/a/b", "/#", "/a/b", false},   {"other-case", "/a/b", "/A/b", "/a/b", false},
                                {"slash-behind", "/a/b", "/a/b/", "/a/b", false}};

Script removal(Stage& stage, Removal one) {
  const std::string base{stage.fresh_topic()};
  const std::string_view topic = stage.keep(base + std::string{one.topic});
  const Pair two = co_await pair(stage, 1, topic, stage.keep(base + std::string{one.subscribed}));
  co_await unsubscribed(stage, two.listener, stage.keep(base + std::string{one.removed}));
  co_await published(stage, two.publisher, topic, stage.payload(1, 20));
  co_await settled(stage, two.publisher, two.listener, two.marker);
  stage.expect((stage.left_on(two.listener, topic) == 0) == one.gone, one.gone ? "no message after the filter was removed" : "a message, as another filter was removed",
               stage.found(two.listener));
}

// After UNSUBACK nothing is added, at whatever QoS.
Script nothing_more(Stage& stage, std::uint8_t qos) {
  const Pair two = co_await pair(stage, qos);
  co_await published(stage, two.publisher, two.topic, stage.payload(1, 20), qos);
  const Packet* before = co_await arrival(stage, two.listener, two.topic);
  if (before == nullptr) co_await stage.give_up("a message did not come before the UNSUBSCRIBE");
  co_await unsubscribed(stage, two.listener, two.topic);
  co_await published(stage, two.publisher, two.topic, stage.payload(1, 20), qos);
  co_await published(stage, two.publisher, two.topic, stage.payload(1, 20), qos);
  co_await settled(stage, two.publisher, two.listener, two.marker);
  stage.expect(stage.left_on(two.listener, two.topic) == 0, "nothing after UNSUBACK", stage.found(two.listener));
}

// What had begun is finished. 0: QoS 2 before PUBREC; 1: QoS 2 before PUBCOMP; 2: QoS 1, on the next connection.
Script begun(Stage& stage, int kind) {
  const Pair two = co_await pair(stage, kind == 2 ? 1 : 2, {}, {}, kind != 2);
  const View payload = stage.payload(1, 20);
  co_await published(stage, two.publisher, two.topic, payload, 2);
  const Packet* message = co_await stage.heard_on(two.listener, two.topic);
  co_await stage.need(message != nullptr && message->qos() > 0, "a message did not come");
  if (kind == 2) {
    co_await unsubscribed(stage, two.listener, two.topic);
    stage.cut(two.listener);
    Login login;
    login.clean = false;
    const Client client = co_await joined(stage, two.listens, login);
    const Packet* resent = co_await arrival(stage, client, two.topic);
    stage.expect(resent != nullptr && resent->id == message->id && same(resent->payload, payload), "the message whose delivery had begun, again", seen(resent, stage, client));
    stage.send(client, stage.keep(disconnect()));
    co_return;
  }
  if (kind == 1) {
    stage.send(two.listener, stage.keep(acknowledgement(Type::pubrec, message->id)));
    const Packet* pubrel = co_await stage.heard(two.listener, Type::pubrel, message->id);
    co_await stage.need(pubrel != nullptr, "a PUBREC got no PUBREL");
  }
  co_await unsubscribed(stage, two.listener, two.topic);
  if (kind == 1) {
    stage.send(two.listener, stage.keep(acknowledgement(Type::pubcomp, message->id)));
    co_await must_live(stage, two.listener, "PUBCOMP after UNSUBACK");
    co_return;
  }
  stage.send(two.listener, stage.keep(acknowledgement(Type::pubrec, message->id)));
  const Packet* pubrel = co_await stage.heard(two.listener, Type::pubrel, message->id);
  stage.expect(pubrel != nullptr, "PUBREL for a delivery that had begun", stage.found(two.listener));
}

}  // namespace

void add_subscribe(Cases& cases) {
  const auto add = [&](std::string name, std::string sentence, std::vector<std::string> clauses,
                       std::function<Script(Stage&)> script) -> Case& {
    return cases.emplace_back(Case{"mqtt/subscribe/" + name, std::move(sentence), std::move(clauses), std::move(script)});
  };
  const auto routed = [](Case& one, Capabilities more = {}) -> Case& {
    one.profiles = For::brokers;
    one.needs = more | Capabilities{Capability::routing};
    return one;
  };
  const auto digit = [](int number) { return std::to_string(number); };

  const char* lacking[] = {"no-filter", "no-qos", "no-id", "half-a-filter"};
  for (int kind = 0; kind < 4; ++kind)
    add(lacking[kind], "SUBSCRIBE has no whole filter with its QoS.", {"mqtt311:3.8.3-3"}, [kind](Stage& stage) { return without_filter(stage, Type::subscribe, kind); });
  for (const int kind : {0, 2, 3})
    add(std::string{"unsubscribe-"} + lacking[kind], "UNSUBSCRIBE has no whole filter.", {"mqtt311:3.10.3-2"}, [kind](Stage& stage) { return without_filter(stage, Type::unsubscribe, kind); });
  for (const int qos : {3, 4, 0x80, 0x41, 0xff})
    add("qos-byte-" + digit(qos), "The QoS byte of a filter has a value that it cannot have.", {"mqtt311:3.8.3-4"}, [qos](Stage& stage) { return bad_qos(stage, static_cast<std::uint8_t>(qos), qos == 4); });
  const std::tuple<const char*, const char*, const char*> filters[] = {
      {"hash-not-last", "#/a", "mqtt311:4.7.1-2"},   {"hash-within", "a#", "mqtt311:4.7.1-2"},   {"hash-in-front", "#a", "mqtt311:4.7.1-2"}, {"hash-twice", "a/##", "mqtt311:4.7.1-2"},
      {"plus-behind", "a+", "mqtt311:4.7.1-3"},      {"plus-in-front", "+a/b", "mqtt311:4.7.1-3"}, {"plus-twice", "a/++", "mqtt311:4.7.1-3"}, {"plus-hash", "+#", "mqtt311:4.7.1-3"}};
  for (const auto& one : filters)
    add(std::string{"filter-"} + std::get<0>(one), "A wildcard stands where none may.", {std::get<2>(one)}, [what = std::get<1>(one)](Stage& stage) { return bad_filter(stage, what, true); });
  add("filter-empty", "A filter is empty.", {"mqtt311:4.7.3-1"}, [](Stage& stage) { return bad_filter(stage, "", false); });
  add("unsubscribe-filter-empty", "UNSUBSCRIBE has an empty filter.", {"mqtt311:4.7.3-1"}, [](Stage& stage) { return unsubscribe_bad(stage, ""); });
  const char* manies[] = {"two", "five", "many"};
  for (int kind = 0; kind < 3; ++kind)
    add(std::string{"codes-for-"} + manies[kind], "SUBSCRIBE has several filters with QoS that are drawn.",
        {"mqtt311:3.8.4-1", "mqtt311:3.8.4-2", "mqtt311:3.8.4-4", "mqtt311:3.8.4-5", "mqtt311:3.9.3-1", "mqtt311:3.9.3-2"}, [kind](Stage& stage) { return codes(stage, kind); })
        .profiles = For::brokers;
  const char* works[] = {"names", "wildcards", "mixed-qos"};
  for (int kind = 0; kind < 3; ++kind)
    routed(add(std::string{"four-work-"} + works[kind], "Four filters of one SUBSCRIBE work.", {"mqtt311:3.8.4-4", "mqtt311:4.5.0-1"}, [kind](Stage& stage) { return many_filters(stage, kind); }),
           kind == 1 ? Capabilities{Capability::wildcards} : Capabilities{});
  for (const auto& [first, second] : {std::pair<int, int>{0, 1}, {2, 1}, {1, 2}})
    routed(add("again-" + digit(first) + "-" + digit(second), "A filter is subscribed to again, at another QoS.", {"mqtt311:3.8.4-3"},
               [f = first, s = second](Stage& stage) { return again(stage, static_cast<std::uint8_t>(f), static_cast<std::uint8_t>(s)); }),
           std::max(first, second) == 2 ? Capabilities{Capability::qos2, Capability::qos2_granted} : Capabilities{Capability::qos2});
  routed(add("again-retained", "A filter is subscribed to again where a message is retained.", {"mqtt311:3.8.4-3", "mqtt311:3.3.1-8"}, retained_again), {Capability::retained});
  const std::tuple<const char*, const char*, const char*> wild[] = {{"plus", "/+/b", "/a/b"}, {"hash", "/#", "/a/b"}, {"both", "/+/#", "/a/b/c"}};
  for (const auto& one : wild)
    routed(add(std::string{"wildcards-"} + std::get<0>(one), "A filter with wildcards is refused, or works.", {"mqtt311:3.8.3-2"},
               [filter = std::get<1>(one), topic = std::get<2>(one)](Stage& stage) { return wildcards(stage, filter, topic); }));

  const char* answers[] = {"one", "none-there", "three", "twice", "wildcards-none-there"};
  for (int kind = 0; kind < 5; ++kind)
    add(std::string{"unsuback-"} + answers[kind], "UNSUBSCRIBE is answered, whatever it removes.",
        kind == 0 ? std::vector<std::string>{"mqtt311:3.10.4-4"} : std::vector<std::string>{"mqtt311:3.10.4-4", "mqtt311:3.10.4-5"}, [kind](Stage& stage) { return unsubscribe_answer(stage, kind); });
  const char* sets[] = {"three", "two-of-three", "one-twice"};
  for (int kind = 0; kind < 3; ++kind)
    routed(add(std::string{"unsubscribe-"} + sets[kind], "Several filters are removed at once.", {"mqtt311:3.10.4-6", "mqtt311:3.10.4-1"}, [kind](Stage& stage) { return unsubscribe_many(stage, kind); }));
  for (const Removal& one : removals)
    routed(add(std::string{"remove-"} + one.name, "A filter is removed, or another than the one that is there.", {"mqtt311:3.10.4-1"}, [one](Stage& stage) { return removal(stage, one); }),
           {Capability::wildcards});
  for (std::uint8_t qos = 0; qos <= 2; ++qos)
    routed(add("nothing-after-unsuback-" + digit(qos), "Messages are published after a filter was removed.", {"mqtt311:3.10.4-2"}, [qos](Stage& stage) { return nothing_more(stage, qos); }),
           qos == 2 ? Capabilities{Capability::qos2} : Capabilities{});
  const char* begins[] = {"before-pubrec", "before-pubcomp", "on-the-next-connection"};
  for (int kind = 0; kind < 3; ++kind)
    routed(add(std::string{"begun-"} + begins[kind], "A filter is removed while a delivery is under way.", {"mqtt311:3.10.4-3"}, [kind](Stage& stage) { return begun(stage, kind); }),
           kind == 2 ? Capabilities{Capability::sessions, Capability::qos2} : Capabilities{Capability::qos2, Capability::qos2_granted});
}

}  // namespace hubproof::conformance::cases
