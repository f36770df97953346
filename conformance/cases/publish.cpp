// Chapter 3.3, 4.5, 4.6 and 4.7 of MQTT 3.1.1: PUBLISH, and whom it reaches how.
#include "conformance/cases/case.hpp"
#include "conformance/cases/mqtt.hpp"

namespace hubproof::conformance::cases {
namespace {

using namespace std::string_view_literals;

// ---- What is answered.

Script answer(Stage& stage, std::uint8_t qos, bool dup) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  const std::uint16_t id = stage.packet_id();
  stage.send(client, publish(stage, stage.topic(who), stage.payload(), qos, id, dup));
  if (qos == 0) {
    const bool alive = co_await fenced(stage, client);
    stage.expect(alive && stage.left(client) == 0, "no answer to a PUBLISH at QoS 0", stage.found(client));
    co_return;
  }
  if (stage.hub() && qos == 2) {  // [H-10]
    const bool ended = co_await stage.ended(client);
    stage.expect(ended || stage.take(client, Type::puback, id) != nullptr, "PUBACK, or the end of the connection", stage.found(client));
    co_return;
  }
  const Type right = qos == 1 ? Type::puback : Type::pubrec;
  const Types answers{Type::puback, Type::pubrec, Type::pubcomp};
  const Packet* packet = co_await stage.heard(client, answers);
  stage.expect(packet != nullptr && packet->type == right && packet->id == id,
               stage.keep(std::string{name(right)} + " " + std::to_string(id)), seen(packet, stage, client));
}

Script qos_3(Stage& stage, std::uint8_t flags) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  Raw raw{Type::publish, flags};
  raw.field(stage.topic(who)).u16(stage.packet_id()).bytes(stage.payload(0, 20));
  stage.send(client, stage.keep(raw.packet()));
  co_await must_close(stage, client, "PUBLISH at QoS 3");
}

Script dup_at_qos_0(Stage& stage, bool retain) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  stage.send(client, publish(stage, stage.topic(who), stage.payload(), 0, 0, true, retain));
  const bool closed = co_await must_close(stage, client, "PUBLISH at QoS 0 with DUP");
  if (!closed && retain && !stage.hub()) co_await cleared(stage, stage.topic(who));
}

Script wildcard_in_topic(Stage& stage, std::string_view what, std::uint8_t qos) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  std::string topic{stage.topic(who)};
  if (what == "+"sv || what == "#"sv) topic = topic.substr(0, topic.rfind('/') + 1);
  topic += what;
  stage.send(client, publish(stage, stage.keep(std::move(topic)), stage.payload(), qos, stage.packet_id()));
  co_await must_close(stage, client, "a wildcard in a topic name");
}

Script empty_topic(Stage& stage, std::uint8_t qos) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  stage.send(client, publish(stage, "", stage.payload(), qos, stage.packet_id()));
  co_await must_close(stage, client, "an empty topic name");
}

Script long_topic(Stage& stage, std::uint32_t less, bool deliver) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  std::string topic{stage.fresh_topic()};
  topic += '/';
  topic.resize(stage.target().limits.topic - less, 'x');
  const std::string_view whole = stage.keep(std::move(topic));
  if (deliver) co_await subscribed(stage, client, whole, 1);
  const std::uint16_t id = stage.packet_id();
  stage.send(client, publish(stage, whole, stage.payload(1, 9), 1, id));
  const Packet* puback = co_await stage.heard(client, Type::puback, id);
  if (!stage.expect(puback != nullptr, stage.keep("a topic name of " + std::to_string(whole.size()) + " bytes to be taken"), seen(puback, stage, client)) || !deliver)
    co_return;
  const Packet* message = co_await arrival(stage, client, whole);
  stage.expect(message != nullptr, "the message, under the whole topic name", stage.found(client));
}

// A server that does not allow it acknowledges all the same, or closes.
Script forbidden(Stage& stage, std::uint8_t qos) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  const std::uint16_t id = stage.packet_id();
  const std::string_view topic = stage.hub() ? stage.keep("devices/" + std::string{stage.fresh_level()} + "/messages/elsewhere") : "$SYS/broker/version"sv;
  stage.send(client, publish(stage, topic, stage.payload(1, 20), qos, id));
  if (qos == 0) {
    const bool alive = co_await fenced(stage, client);
    stage.expect(alive || stage.is_over(client), "a living connection, or its end", stage.found(client));
    co_return;
  }
  const Types answers{Type::puback, Type::pubrec};
  const Packet* packet = co_await stage.heard(client, answers, id);
  stage.expect(packet != nullptr || stage.is_over(client), "the usual acknowledgement, or the end of the connection", stage.found(client));
}

// ---- From one client to another.

// One message, published and granted like this: how does it come?
Script passed_on(Stage& stage, std::uint8_t published_at, std::uint8_t asked_for, bool dup, bool retain, std::string_view clauses) {
  const Pair two = co_await pair(stage, asked_for);
  const View payload = stage.payload(1, 60);
  const std::uint16_t id = stage.packet_id();
  stage.send(two.publisher, publish(stage, two.topic, payload, published_at, id, dup, retain));
  if (published_at == 2) co_await released(stage, two.publisher, id);
  const Packet* message = co_await arrival(stage, two.listener, two.topic);
  const std::uint8_t least = std::min(published_at, two.granted);
  if (message == nullptr && least == 0) co_await stage.give_up("a message at QoS 0 did not come, which is allowed");
  const std::string found = seen(message, stage, two.listener);
  const bool came = stage.expect(message != nullptr, "the message", found, clauses);
  if (came) {
    stage.expect(message->qos() == least && message->topic == two.topic && same(message->payload, payload) && !message->dup() && !message->retain(),
                 stage.keep("the message as it was, at QoS " + std::to_string(least) + ", DUP 0 and RETAIN 0"), found, clauses);
  }
  if (retain) stage.send(two.publisher, publish(stage, two.topic, {}, 0, 0, false, true));  // leave nothing behind
  if (retain) co_await fenced(stage, two.publisher);
}

// QoS 0 has no packet id: what follows the topic is payload, whatever it looks like.
Script no_id_at_qos_0(Stage& stage, int kind) {
  const Pair two = co_await pair(stage, 0);
  View payload;
  if (kind == 1) payload = stage.keep(Bytes{0x12, 0x34});
  if (kind == 2) payload = stage.payload(1'000, 3'000);
  stage.send(two.publisher, publish(stage, two.topic, payload));
  const Packet* message = co_await arrival(stage, two.listener, two.topic);
  if (message == nullptr) co_await stage.give_up("a message at QoS 0 did not come, which is allowed");
  stage.expect(message->qos() == 0 && !message->dup() && same(message->payload, payload),
               stage.keep("QoS 0, DUP 0 and the payload " + hex(payload, 8)), describe(message->raw) + ", payload " + hex(message->payload, 8));
}

// The same id once more is a new message, once the first one is acknowledged.
Script id_again(Stage& stage, int kind) {
  const Pair two = co_await pair(stage, 1);
  const std::uint16_t id = stage.packet_id();
  for (int each = 0; each < 3; ++each) {
    const View payload = kind == 2 ? stage.keep(Bytes{7}) : stage.payload(1, 30);
    stage.send(two.publisher, publish(stage, two.topic, payload, 1, id, kind == 1 && each > 0));
    const Packet* puback = co_await stage.heard(two.publisher, Type::puback, id);
    if (!stage.expect(puback != nullptr, "PUBACK for each", stage.found(two.publisher))) co_return;
    const Packet* message = co_await arrival(stage, two.listener, two.topic);
    const bool right = message != nullptr && same(message->payload, payload);
    if (!stage.expect(right, stage.keep("message " + std::to_string(each + 1) + " under the same id"), seen(message, stage, two.listener))) co_return;
  }
}

Script in_order(Stage& stage, std::uint8_t qos, std::uint8_t asked_for) {
  const Pair two = co_await pair(stage, asked_for);
  const bool may_be_lost = std::min(qos, two.granted) == 0;
  const int many = static_cast<int>(std::min<std::uint32_t>(stage.target().limits.in_flight, 10));
  for (int each = 1; each <= many; ++each) {
    const auto id = static_cast<std::uint16_t>(40'000 - 3'000 * each + static_cast<int>(stage.draws().below(2'000)));
    stage.send(two.publisher, publish(stage, two.topic, stage.keep(Bytes{static_cast<std::uint8_t>(each)}), qos, id));
    if (qos == 2) co_await released(stage, two.publisher, id);
  }
  int last = 0;
  for (int each = 1; each <= many; ++each) {
    const Packet* message = co_await arrival(stage, two.listener, two.topic);
    if (message == nullptr && may_be_lost) break;
    const bool right = message != nullptr && message->payload.size() == 1 && (may_be_lost ? message->payload[0] > last : message->payload[0] == each);
    if (!stage.expect(right, stage.keep("message " + std::to_string(each) + " of " + std::to_string(many) + " in its place"),
                      message == nullptr ? stage.found(two.listener) : describe(message->raw) + " of number " + hex(message->payload, 4)))
      co_return;
    last = message->payload[0];
  }
  if (last == 0) co_await stage.give_up("no message at QoS 0 came at all");
}

// Each of several clients that subscribe has it.
Script to_each(Stage& stage, int kind) {
  const std::string_view level = stage.fresh_level();
  const std::string_view topic = stage.keep(std::string{stage.fresh_topic()} + "/" + std::string{level});
  const std::string_view above = topic.substr(0, topic.size() - level.size());
  const std::string_view filters[] = {topic, stage.keep(std::string{above} + "+"), stage.keep(std::string{above} + "#")};
  Client listeners[3]{};
  for (int each = 0; each < 3; ++each) {
    const Who who = stage.someone();
    listeners[each] = co_await joined(stage, who);
    co_await subscribed(stage, listeners[each], kind == 0 ? topic : filters[(each + kind) % 3], 1);
  }
  const Who who = stage.someone();
  const Client publisher = kind == 2 ? listeners[1] : co_await joined(stage, who);  // it hears itself, too
  const View payload = stage.payload(1, 30);
  stage.send(publisher, publish(stage, topic, payload, 1, stage.packet_id()));
  for (const Client listener : listeners) {
    const Packet* message = co_await arrival(stage, listener, topic);
    if (!stage.expect(message != nullptr && same(message->payload, payload), "the message at each that subscribed", seen(message, stage, listener))) co_return;
  }
}

Script overlap(Stage& stage, std::uint8_t first, std::uint8_t second) {
  const std::string_view level = stage.fresh_level();
  const std::string_view topic = stage.keep(std::string{stage.fresh_topic()} + "/" + std::string{level});
  const std::string_view wider = stage.keep(std::string{topic.substr(0, topic.size() - level.size())} + "#");
  const Pair two = co_await pair(stage, first, topic, stage.draws().heads() ? topic : wider);
  // The other of the two, and once more the wider, so that both are there whichever was drawn.
  const std::uint8_t other = co_await subscribed(stage, two.listener, stage.keep(std::string{topic.substr(0, topic.size() - level.size())} + "+"), second);
  const View payload = stage.payload(1, 30);
  co_await published(stage, two.publisher, topic, payload, 2);
  co_await settled(stage, two.publisher, two.listener, two.marker);
  int best = -1;
  while (const Packet* message = stage.take(two.listener, Type::publish))
    if (message->topic == topic) best = std::max<int>(best, message->qos());
  const int due = std::max(two.granted, other);
  stage.expect(best == due, stage.keep("a copy at QoS " + std::to_string(due)), best < 0 ? "none" : stage.keep("none above QoS " + std::to_string(best)));
}

// ---- Matching.

struct Match {
  const char* name;
  std::string_view filter;  // behind "TAG/"; ^ in front: as it is
  std::string_view topic;
  bool matches;
  const char* clauses;
};
constexpr Match matching[] = {
    {"exact", "one/two", "one/two", true, "mqtt311:3.3.2-3 mqtt311:4.7.3-4"},
    {"plus", "one/+/three", "one/two/three", true, "mqtt311:3.3.2-3 mqtt311:4.7.1-3"},
    {"plus-last", "one/+", "one/two", true, "mqtt311:3.3.2-3 mqtt311:4.7.1-3"},
    {"plus-twice", "+/+", "one/two", true, "mqtt311:3.3.2-3 mqtt311:4.7.1-3"},
    {"plus-is-one-level", "one/+", "one/two/three", false, "mqtt311:3.3.2-3 mqtt311:4.7.1-3"},
    {"plus-is-a-level", "one/+", "one", false, "mqtt311:3.3.2-3 mqtt311:4.7.1-3"},
    {"plus-takes-an-empty-level", "one/+", "one/", true, "mqtt311:4.7.1-3"},
    {"plus-then-hash", "one/+/#", "one/two/three/four", true, "mqtt311:4.7.1-3 mqtt311:4.7.1-2"},
    {"hash", "one/#", "one/two/three", true, "mqtt311:3.3.2-3 mqtt311:4.7.1-2"},
    {"hash-has-its-parent", "one/#", "one", true, "mqtt311:4.7.1-2"},
    {"hash-is-below-only", "one/#", "ones/two", false, "mqtt311:3.3.2-3 mqtt311:4.7.1-2"},
    {"case", "one/Two", "one/two", false, "mqtt311:4.7.3-4 mqtt311:3.3.2-3"},
    {"slash-in-front", "/one", "one", false, "mqtt311:4.7.3-4"},
    {"slash-behind", "one", "one/", false, "mqtt311:4.7.3-4"},
    {"two-slashes", "one//two", "one/two", false, "mqtt311:4.7.3-4"},
    {"blank-behind", "one ", "one", false, "mqtt311:4.7.3-4"},
    {"blank-kept", "one two ", "one two ", true, "mqtt311:4.7.3-4"},
    {"composed", "caf\xc3\xa9", "cafe\xcc\x81", false, "mqtt311:4.7.3-4"},
    {"dots", "one/./two", "one/two", false, "mqtt311:4.7.3-4"},
    {"percent", "one%2Ftwo", "one/two", false, "mqtt311:4.7.3-4"},
};

Script match(Stage& stage, Match one) {
  const std::string base{stage.fresh_topic()};
  const std::string_view filter = stage.keep(base + "/" + std::string{one.filter});
  const std::string_view topic = stage.keep(base + "/" + std::string{one.topic});
  const Pair two = co_await pair(stage, 1, topic, filter);
  co_await published(stage, two.publisher, topic, stage.payload(1, 20));
  co_await settled(stage, two.publisher, two.listener, two.marker);
  const std::size_t came = stage.left_on(two.listener, topic);
  stage.expect(one.matches ? came == 1 : stage.left(two.listener, Type::publish) == 0,
               stage.keep(std::string{one.matches ? "one message" : "no message"} + " to " + std::string{one.topic} + " by " + std::string{one.filter}),
               stage.found(two.listener));
}

// A wildcard in front matches no topic that begins with $.
Script dollar(Stage& stage, int kind) {
  const std::string level{stage.fresh_level()};
  const std::string_view topic = stage.keep("$" + std::string{stage.fresh_level()} + "/" + level);
  const std::string_view filter = kind == 0 ? stage.keep("+/" + level) : kind == 1 ? stage.keep("+/" + level + "/#") : "#"sv;
  const Pair two = co_await pair(stage, 1, topic, filter);
  const Who third = stage.someone();
  const Client named = co_await joined(stage, third);
  co_await subscribed(stage, named, stage.keep(std::string{topic.substr(0, topic.find('/'))} + "/#"), 1);
  co_await published(stage, two.publisher, topic, stage.payload(1, 20));
  const Packet* there = co_await arrival(stage, named, topic);
  if (there == nullptr) co_await stage.give_up("the target does not pass on what is published to a topic with $ in front");
  co_await settled(stage, two.publisher, two.listener, two.marker);
  stage.expect(stage.left_on(two.listener, topic) == 0, "no message to a topic with $ in front by a wildcard in front", "it came");
}

}  // namespace

void add_publish(Cases& cases) {
  const auto add = [&](std::string name, std::string sentence, std::vector<std::string> clauses,
                       std::function<Script(Stage&)> script) -> Case& {
    return cases.emplace_back(Case{"mqtt/publish/" + name, std::move(sentence), std::move(clauses), std::move(script)});
  };
  const auto routed = [](Case& one, Capabilities more = {}) -> Case& {
    one.profiles = For::brokers;
    one.needs = more | Capabilities{Capability::routing};
    return one;
  };
  const auto digit = [](int number) { return std::to_string(number); };

  for (std::uint8_t qos = 0; qos <= 2; ++qos) {
    Case& one = add("answer-to-qos-" + digit(qos), "A PUBLISH at this QoS is answered as it wants.", {"mqtt311:3.3.4-1"}, [qos](Stage& stage) { return answer(stage, qos, false); });
    if (qos == 2) one.needs = {};
  }
  add("answer-to-dup-1", "A PUBLISH at QoS 1 with DUP, the first under its id, is acknowledged.", {"mqtt311:3.3.4-1", "mqtt311:4.3.2-2"}, [](Stage& stage) { return answer(stage, 1, true); });
  for (const int flags : {6, 7, 14, 15})
    add("qos-3-flags-" + digit(flags), "A PUBLISH has both QoS bits.", {"mqtt311:3.3.1-4"}, [flags](Stage& stage) { return qos_3(stage, static_cast<std::uint8_t>(flags)); });
  add("dup-at-qos-0", "A PUBLISH at QoS 0 has DUP.", {"mqtt311:3.3.1-2"}, [](Stage& stage) { return dup_at_qos_0(stage, false); });
  add("dup-at-qos-0-retained", "A PUBLISH at QoS 0 has DUP, and RETAIN.", {"mqtt311:3.3.1-2"}, [](Stage& stage) { return dup_at_qos_0(stage, true); });
  const std::pair<const char*, const char*> wild[] = {{"plus", "+"}, {"hash", "#"}, {"plus-within", "a+b"}, {"hash-within", "a/#/b"}, {"plus-level", "/+/x"}};
  std::uint8_t turn = 0;
  for (const auto& one : wild) {
    const std::uint8_t qos = turn++ % 2;
    add(std::string{"wildcard-"} + one.first, "A topic name has a wildcard.", {"mqtt311:3.3.2-2", "mqtt311:4.7.1-1"},
        [what = one.second, qos](Stage& stage) { return wildcard_in_topic(stage, what, qos); });
  }
  for (std::uint8_t qos = 0; qos <= 1; ++qos)
    add("empty-topic-qos-" + digit(qos), "A topic name is empty.", {"mqtt311:4.7.3-1"}, [qos](Stage& stage) { return empty_topic(stage, qos); });
  for (const int less : {0, 1})
    routed(add("longest-topic" + std::string{less == 0 ? "" : "-less-1"}, "A topic name is as long as can be.", {"mqtt311:4.7.3-3"}, [less](Stage& stage) { return long_topic(stage, static_cast<std::uint32_t>(less), false); }));
  routed(add("longest-topic-passed-on", "A topic name is as long as can be, and somebody listens.", {"mqtt311:4.7.3-3"}, [](Stage& stage) { return long_topic(stage, 0, true); }));
  for (std::uint8_t qos = 0; qos <= 2; ++qos) {
    Case& one = add("forbidden-qos-" + digit(qos), "A PUBLISH is to a topic that clients may not publish to.", {"mqtt311:3.3.5-2"}, [qos](Stage& stage) { return forbidden(stage, qos); });
    if (qos == 2) one.profiles = For::brokers;
  }

  for (std::uint8_t sent = 0; sent <= 2; ++sent)
    for (std::uint8_t granted = 0; granted <= 2; ++granted) {
      std::vector<std::string> clauses{"mqtt311:3.8.4-6"};
      if (std::min(sent, granted) == 0) clauses.insert(clauses.end(), {"mqtt311:4.3.1-1", "mqtt311:3.3.1-2"});
      Case& one = add("sent-" + digit(sent) + "-granted-" + digit(granted), "A message is published at the one QoS, to a subscription at the other.", clauses,
                      [sent, granted](Stage& stage) { return passed_on(stage, sent, granted, false, false, {}); });
      routed(one, std::max(sent, granted) == 2 ? Capabilities{Capability::qos2} : Capabilities{});
      if (sent > 0 && (granted > 0 || sent == 1))
        routed(add("dup-sent-" + digit(sent) + "-granted-" + digit(granted), "A message is published with DUP, which is not passed on.", {"mqtt311:3.3.1-3"},
                   [sent, granted](Stage& stage) { return passed_on(stage, sent, granted, true, false, {}); }),
               std::max(sent, granted) == 2 ? Capabilities{Capability::qos2} : Capabilities{});
    }
  for (std::uint8_t sent = 0; sent <= 2; ++sent)
    routed(add("retain-to-old-subscription-" + digit(sent), "A message with RETAIN comes to a subscription that is there with RETAIN 0.", {"mqtt311:3.3.1-9"},
               [sent](Stage& stage) { return passed_on(stage, sent, 1, false, true, {}); }),
           sent == 2 ? Capabilities{Capability::qos2, Capability::retained} : Capabilities{Capability::retained});
  const char* bodies[] = {"empty", "like-an-id", "long"};
  for (int kind = 0; kind < 3; ++kind)
    routed(add(std::string{"no-id-at-qos-0-"} + bodies[kind], "At QoS 0 the payload follows the topic at once.", {"mqtt311:2.3.1-5", "mqtt311:4.3.1-1"}, [kind](Stage& stage) { return no_id_at_qos_0(stage, kind); }));
  const char* agains[] = {"", "-with-dup", "-same-payload"};
  for (int kind = 0; kind < 3; ++kind)
    routed(add(std::string{"id-again"} + agains[kind], "A packet id is used again after its PUBACK.", {"mqtt311:4.3.2-2"}, [kind](Stage& stage) { return id_again(stage, kind); }));
  for (const auto& [sent, granted] : {std::pair<int, int>{0, 0}, {1, 1}, {2, 2}, {1, 0}, {2, 1}})
    routed(add("in-order-" + digit(sent) + "-" + digit(granted), "Messages of one client to one topic come in their order.", {"mqtt311:4.6.0-5", "mqtt311:4.6.0-6"},
               [s = sent, g = granted](Stage& stage) { return in_order(stage, static_cast<std::uint8_t>(s), static_cast<std::uint8_t>(g)); }),
           std::max(sent, granted) == 2 ? Capabilities{Capability::qos2} : Capabilities{});
  const char* eaches[] = {"same-filter", "three-filters", "and-itself"};
  for (int kind = 0; kind < 3; ++kind)
    routed(add(std::string{"to-each-"} + eaches[kind], "Three clients listen.", {"mqtt311:4.5.0-1"}, [kind](Stage& stage) { return to_each(stage, kind); }),
           kind == 0 ? Capabilities{} : Capabilities{Capability::wildcards});
  for (const auto& [first, second] : {std::pair<int, int>{0, 1}, {1, 0}, {2, 0}, {1, 2}})
    routed(add("overlap-" + digit(first) + "-" + digit(second), "Two filters of a client match.", {"mqtt311:3.3.5-1"},
               [f = first, s = second](Stage& stage) { return overlap(stage, static_cast<std::uint8_t>(f), static_cast<std::uint8_t>(s)); }),
           std::min(first, second) == 0 ? Capabilities{Capability::wildcards, Capability::qos2}  // with 1 in place of 2 there is a higher one
                                        : Capabilities{Capability::wildcards, Capability::qos2, Capability::qos2_granted});
  for (const Match& one : matching) {
    std::vector<std::string> clauses;
    for (std::string_view rest = one.clauses; !rest.empty();) {
      const std::size_t blank = std::min(rest.find(' '), rest.size());
      clauses.emplace_back(rest.substr(0, blank));
      rest.remove_prefix(std::min(blank + 1, rest.size()));
    }
    routed(add(std::string{"match-"} + one.name, std::string{one.matches ? "A topic matches: " : "A topic does not match: "} + one.name + ".", std::move(clauses),
               [one](Stage& stage) { return match(stage, one); }),
           {Capability::wildcards});
  }
  const char* dollars[] = {"plus", "plus-hash", "hash"};
  for (int kind = 0; kind < 3; ++kind)
    routed(add(std::string{"dollar-"} + dollars[kind], "A topic begins with $, a filter with a wildcard.", {"mqtt311:4.7.2-1"}, [kind](Stage& stage) { return dollar(stage, kind); }),
           {Capability::dollar, Capability::wildcards})
        .alone = kind == 2 ? Alone::target : Alone::nothing;
}

}  // namespace hubproof::conformance::cases
