// What a device receives: which acknowledgement, in which order, and how often its application sees
// it.
#include <algorithm>

#include "conformance/devices/cases.hpp"
#include "conformance/devices/script.hpp"

namespace hubproof::conformance::devices {
namespace {

using namespace script;
using Did = Said::Did;
using std::string;

Task<std::size_t> deliveries(Stage& stage, string payload) {
  std::size_t count = 0;
  for (;;) {
    const auto one = co_await stage.wait(
        [&](const Heard& heard) {
          return heard.is(Did::received) && model::text(heard.said.payload) == payload;
        },
        count == 0 ? stage.patience() : stage.quiet());
    if (!one) break;
    ++count;
  }
  co_return count;
}

PacketId drawn_id(Stage& stage) { return static_cast<PacketId>(1 + stage.below(65'535)); }

// One message at each QoS is met with nothing, PUBACK or PUBREC.
Task<> one(Stage& stage, std::uint8_t qos, bool asked_for) {
  const LinkId link = co_await connected(stage);
  co_await listens(stage, link);
  const string topic = asked_for || stage.device().hub ? down_topic(stage, "c1") : "elsewhere/c1";
  const string payload = "command " + std::to_string(stage.below(1000));
  const PacketId id = qos == 0 ? PacketId{0} : drawn_id(stage);
  stage.send(link, down(topic, payload, id, qos));
  const char* const rule = qos == 1 ? "mqtt311:4.3.2-2" : "mqtt311:4.3.3-2";
  if (qos == 0) {
    const auto answer = co_await stage.wait(
        [link](const Heard& heard) {
          return heard.link == link &&
                 (heard.is<Puback>() != nullptr || heard.is<Pubrec>() != nullptr);
        },
        stage.quiet());
    if (answer)
      stage.fail("mqtt311:3.3.4-1", "a PUBLISH with QoS 0 is acknowledged");
    else
      stage.pass("mqtt311:3.3.4-1");
    co_return;
  }
  const auto answer = co_await stage.wait(
      [link](const Heard& heard) {
        return (heard.link == link &&
                (heard.is<Puback>() != nullptr || heard.is<Pubrec>() != nullptr)) ||
               (heard.kind == Heard::Kind::ended && heard.link == link);
      },
      stage.patience());
  if (!answer || answer->kind == Heard::Kind::ended) {
    const bool answers = co_await alive(stage);
    if (!answers)
      co_await stage.missing("no acknowledgement came, and the adapter does not answer");
    const string what = string{"a PUBLISH with QoS "} + std::to_string(qos) +
                        (answer ? " makes the device close" : " stays without acknowledgement");
    stage.fail(rule, what);
    if (!asked_for) stage.fail("mqtt311:4.5.0-2", what + ", as nobody had asked for its topic");
    co_return;
  }
  if (!asked_for) stage.pass("mqtt311:4.5.0-2");
  if (qos == 1) co_return;
  stage.send(link, Pubrel{id});
  const auto complete = co_await next_with<Pubcomp>(stage, link, id);
  if (complete) co_return;
  const bool answers = co_await alive(stage);
  if (answers)
    stage.fail("mqtt311:4.3.3-2",
               "no PUBCOMP came for PUBREL, while the device does what it is told");
  else
    co_await stage.missing("no PUBCOMP came for PUBREL");
}

// A message that was under way when the application gave up its filter.
Task<> after_unsubscribe(Stage& stage) {
  const LinkId link = co_await connected(stage);
  co_await listens(stage, link);
  const std::uint64_t order = stage.next_id();
  stage.tell(UnsubscribeOrder{order, {"hubproof/down/#"}});
  const auto asked = co_await next<Unsubscribe>(stage, link);
  if (!asked) co_await stage.missing("no UNSUBSCRIBE came");
  const PacketId id = drawn_id(stage);
  stage.send(link, down("hubproof/down/late", "late", id, 1));
  const auto answer = co_await next_with<Puback>(stage, link, id);
  if (answer) {
    stage.pass("mqtt311:4.5.0-2");
    co_return;
  }
  const bool answers = co_await alive(stage);
  if (answers)
    stage.fail("mqtt311:4.5.0-2", "a PUBLISH behind UNSUBACK stays without acknowledgement");
  co_await stage.missing("no PUBACK came");
}

// A burst: acknowledgements come in the order of the messages.
Task<> burst(Stage& stage, std::uint8_t qos, int count) {
  const LinkId link = co_await connected(stage);
  co_await listens(stage, link);
  std::vector<PacketId> ids;
  while (ids.size() < static_cast<std::size_t>(count)) {
    const PacketId id = drawn_id(stage);
    if (std::ranges::find(ids, id) != ids.end()) continue;
    ids.push_back(id);
    stage.send(link, down(down_topic(stage, "c" + std::to_string(ids.size())),
                          "command " + std::to_string(ids.size()), id, qos));
  }
  int acknowledged = 0;
  for (; acknowledged < count; ++acknowledged) {
    const auto answer = co_await stage.wait(
        [link](const Heard& heard) {
          return heard.link == link &&
                 (heard.is<Puback>() != nullptr || heard.is<Pubrec>() != nullptr);
        },
        stage.patience());
    if (!answer) break;
    if (const auto* receipt = answer->is<Pubrec>()) stage.send(link, Pubrel{receipt->id});
  }
  if (acknowledged == count) co_return;
  const bool answers = co_await alive(stage);
  if (answers)
    stage.fail(qos == 1 ? "mqtt311:4.3.2-2" : "mqtt311:4.3.3-2",
               "of " + std::to_string(count) + " messages " + std::to_string(acknowledged) +
                   " were acknowledged");
  co_await stage.missing("not every message was acknowledged");
}

// After PUBACK the id is a new message, with DUP or without.
Task<> id_again_at_once(Stage& stage, bool dup) {
  const LinkId link = co_await connected(stage);
  co_await listens(stage, link);
  const PacketId id = drawn_id(stage);
  for (const bool second : {false, true}) {
    const string payload = second ? "the second" : "the first";
    stage.send(link, down(down_topic(stage, second ? "c2" : "c1"), payload, id, 1, second && dup));
    const auto answer = co_await next_with<Puback>(stage, link, id);
    if (!answer) {
      const bool answers = co_await alive(stage);
      if (answers) stage.fail("mqtt311:4.3.2-2", payload + " message with this id has no PUBACK");
      co_await stage.missing("no PUBACK came");
    }
    const std::size_t count = co_await deliveries(stage, payload);
    if (count == 0)
      stage.fail(
          "mqtt311:4.3.2-2",
          payload + " message with this id was acknowledged and not handed to the application");
    else
      stage.pass("mqtt311:4.3.2-2");
  }
}

// QoS 2, PUBLISH again before PUBREL: PUBREC again, and one delivery.
Task<> repeated_before_release(Stage& stage, int repeats) {
  const LinkId link = co_await connected(stage);
  co_await listens(stage, link);
  const PacketId id = drawn_id(stage);
  const string topic = down_topic(stage, "c1");
  const string payload = "only once " + std::to_string(stage.below(1000));
  for (int i = 0; i <= repeats; ++i) {
    stage.send(link, down(topic, payload, id, 2, i > 0));
    const auto receipt = co_await next_with<Pubrec>(stage, link, id);
    if (!receipt) {
      const bool answers = co_await alive(stage);
      if (answers)
        stage.fail("mqtt311:4.3.3-2", i == 0 ? "no PUBREC came" : "no PUBREC came for a repeat");
      co_await stage.missing("no PUBREC came");
    }
  }
  stage.send(link, Pubrel{id});
  const auto complete = co_await next_with<Pubcomp>(stage, link, id);
  if (!complete) co_await stage.missing("no PUBCOMP came");
  const std::size_t count = co_await deliveries(stage, payload);
  if (count == 1)
    stage.pass("mqtt311:4.3.3-2");
  else
    stage.fail("mqtt311:4.3.3-2",
               "a message that was repeated before its PUBREL reached the application " +
                   std::to_string(count) + " times");
}

// QoS 2, the id after PUBCOMP: a new message.
Task<> id_again_after_complete(Stage& stage, bool dup) {
  const LinkId link = co_await connected(stage);
  co_await listens(stage, link);
  const PacketId id = drawn_id(stage);
  for (const bool second : {false, true}) {
    const string payload = second ? "the second" : "the first";
    stage.send(link, down(down_topic(stage, second ? "c2" : "c1"), payload, id, 2, second && dup));
    const auto receipt = co_await next_with<Pubrec>(stage, link, id);
    if (!receipt) co_await stage.missing("no PUBREC came");
    stage.send(link, Pubrel{id});
    const auto complete = co_await next_with<Pubcomp>(stage, link, id);
    if (!complete) co_await stage.missing("no PUBCOMP came");
    const std::size_t count = co_await deliveries(stage, payload);
    if (count == 1)
      stage.pass("mqtt311:4.3.3-2");
    else
      stage.fail("mqtt311:4.3.3-2", payload + " message with this id reached the application " +
                                        std::to_string(count) + " times");
  }
}

// PUBREL of an id that the device does not know (any more) is still met with PUBCOMP.
Task<> release_again(Stage& stage) {
  const LinkId link = co_await connected(stage);
  co_await listens(stage, link);
  const PacketId id = drawn_id(stage);
  stage.send(link, down(down_topic(stage, "c1"), "once", id, 2));
  const auto receipt = co_await next_with<Pubrec>(stage, link, id);
  if (!receipt) co_await stage.missing("no PUBREC came");
  for (int i = 0; i < 2; ++i) {
    stage.send(link, Pubrel{id});
    const auto complete = co_await next_with<Pubcomp>(stage, link, id);
    if (complete) continue;
    const bool answers = co_await alive(stage);
    if (answers)
      stage.fail("mqtt311:4.3.3-2", i == 0 ? "no PUBCOMP came for PUBREL"
                                           : "no PUBCOMP came for a PUBREL that came again");
    co_await stage.missing("no PUBCOMP came");
  }
  const string once = "once";
  const std::size_t count = co_await deliveries(stage, once);
  if (count != 1)
    stage.fail("mqtt311:4.3.3-2",
               "a message with QoS 2 reached the application " + std::to_string(count) + " times");
}

Task<> text_is_handed_on(Stage& stage, string letters) {
  const LinkId link = co_await connected(stage);
  co_await listens(stage, link);
  const string topic = "hubproof/down/" + letters;
  stage.send(link, down(topic, "text", 7, 1));
  const auto told = co_await said(stage, Did::received);
  if (!told) {
    const bool closed = !stage.open(link);
    const bool answers = co_await alive(stage);
    if (closed) stage.fail("mqtt311:1.5.3-3", "a topic with U+FEFF makes the device close");
    {
      const std::string why =
          answers ? "the application received nothing" : "the adapter does not answer";
      co_await stage.missing(why.c_str());
    }
  }
  if (told->said.topic == topic)
    stage.pass("mqtt311:1.5.3-3");
  else
    stage.fail("mqtt311:1.5.3-3",
               "the application receives another topic than was sent: U+FEFF is lost or changed");
}

// All bytes of a burst in one write, and in pieces that the seed draws.
Task<> in_pieces(Stage& stage, bool pieces) {
  const LinkId link = co_await connected(stage);
  co_await listens(stage, link);
  model::Bytes all;
  const string topic = down_topic(stage, "c");
  for (PacketId id = 1; id <= 3; ++id)
    write(all, down(topic, "piece " + std::to_string(id), id, 1));
  std::size_t from = 0;
  while (from < all.size()) {
    const std::size_t size =
        pieces ? std::min<std::size_t>(1 + stage.below(9), all.size() - from) : all.size();
    stage.send_raw(link,
                   {all.begin() + static_cast<std::ptrdiff_t>(from),
                    all.begin() + static_cast<std::ptrdiff_t>(from + size)},
                   pieces ? "a piece of three PUBLISHes" : "three PUBLISHes in one write");
    from += size;
    if (pieces) co_await stage.pause(std::chrono::milliseconds{5});
  }
  std::vector<PacketId> order;
  while (order.size() < 3) {
    const auto answer = co_await next<Puback>(stage, link);
    if (!answer) break;
    order.push_back(answer->is<Puback>()->id);
  }
  if (order == std::vector<PacketId>{1, 2, 3}) {
    stage.pass("mqtt311:4.6.0-2"), stage.pass("mqtt311:4.3.2-2");
  } else if (order.size() == 3) {
    stage.fail("mqtt311:4.6.0-2", "PUBACKs come in another order than PUBLISHes");
  } else {
    const bool answers = co_await alive(stage);
    if (answers)
      stage.fail("mqtt311:4.3.2-2",
                 "of three PUBLISHes " + std::to_string(order.size()) + " are acknowledged");
    co_await stage.missing("not every PUBLISH was acknowledged");
  }
}

}  // namespace

void add_receive_cases(std::vector<DeviceCase>& cases) {
  for (const std::uint8_t qos : std::initializer_list<std::uint8_t>{0, 1, 2}) {
    const string end = std::to_string(qos);
    std::vector<string> clauses{"mqtt311:3.3.4-1"};
    if (qos > 0)
      clauses.insert(clauses.end(),
                     {"mqtt311:2.3.1-6", qos == 1 ? "mqtt311:4.3.2-2" : "mqtt311:4.3.3-2"});
    cases.push_back({"receive/qos" + end,
                     "a message with QoS " + end + " is met as it asks",
                     clauses,
                     {.topics = qos == 2},
                     [qos](Stage& stage) { return one(stage, qos, true); }});
    if (qos == 0) continue;
    clauses.push_back("mqtt311:4.5.0-2");
    cases.push_back({"receive/unasked-qos" + end,
                     "so is one on a topic that nobody subscribed to",
                     clauses,
                     {.topics = true},
                     [qos](Stage& stage) { return one(stage, qos, false); }});
  }
  cases.push_back({"receive/after-unsubscribe",
                   "a message behind UNSUBACK is acknowledged all the same",
                   {"mqtt311:4.5.0-2"},
                   {.topics = true},
                   after_unsubscribe});
  for (const int count : {2, 6, 30}) {
    cases.push_back({"receive/burst-qos1-" + std::to_string(count),
                     "PUBACKs come in the order of PUBLISHes",
                     {"mqtt311:4.6.0-2", "mqtt311:4.3.2-2", "mqtt311:2.3.1-6"},
                     {},
                     [count](Stage& stage) { return burst(stage, 1, count); }});
    cases.push_back({"receive/burst-qos2-" + std::to_string(count),
                     "PUBRECs come in the order of PUBLISHes",
                     {"mqtt311:4.6.0-3", "mqtt311:4.3.3-2", "mqtt311:2.3.1-6"},
                     {.topics = true},
                     [count](Stage& stage) { return burst(stage, 2, count); }});
  }
  for (const bool dup : {false, true}) {
    const string end = dup ? "-dup" : "";
    cases.push_back({"receive/id-again-qos1" + end,
                     "after PUBACK the same id is a new message",
                     {"mqtt311:4.3.2-2"},
                     {},
                     [dup](Stage& stage) { return id_again_at_once(stage, dup); }});
    cases.push_back({"receive/id-again-qos2" + end,
                     "after PUBCOMP the same id is a new message",
                     {"mqtt311:4.3.3-2"},
                     {.topics = true},
                     [dup](Stage& stage) { return id_again_after_complete(stage, dup); }});
  }
  for (const int repeats : {1, 3})
    cases.push_back({"receive/repeated-" + std::to_string(repeats),
                     "PUBLISH with QoS 2 comes again before PUBREL",
                     {"mqtt311:4.3.3-2"},
                     {.topics = true},
                     [repeats](Stage& stage) { return repeated_before_release(stage, repeats); }});
  cases.push_back({"receive/released-twice",
                   "PUBREL comes again after PUBCOMP",
                   {"mqtt311:4.3.3-2"},
                   {.topics = true},
                   release_again});
  for (const auto& [name, letters] : {std::pair{"bom", "\xef\xbb\xbf"},
                                      {"bom-in-word",
                                       "a\xef\xbb\xbf"
                                       "b"}})
    cases.push_back({string{"receive/"} + name,
                     "a topic with U+FEFF is handed on as it is",
                     {"mqtt311:1.5.3-3"},
                     {.topics = true},
                     [its_letters = string{letters}](Stage& stage) {
                       return text_is_handed_on(stage, its_letters);
                     }});
  for (const bool pieces : {false, true})
    cases.push_back({pieces ? "receive/in-pieces" : "receive/in-one-write",
                     "three messages, however TCP cuts them",
                     {"mqtt311:4.6.0-2", "mqtt311:4.3.2-2"},
                     {},
                     [pieces](Stage& stage) { return in_pieces(stage, pieces); }});
}

}  // namespace hubproof::conformance::devices
