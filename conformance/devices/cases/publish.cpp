// What a device publishes: form, packet ids, and when its application hears that it is done.
#include <algorithm>

#include "conformance/devices/cases.hpp"
#include "conformance/devices/script.hpp"

namespace hubproof::conformance::devices {
namespace {

using namespace script;
using Did = Said::Did;
using std::string;

// PUBLISH carries what the application gave, byte by byte.
void compare(Stage& stage, const Publish& packet, const string& topic, model::View payload,
             std::uint8_t qos, bool retain) {
  const bool right_payload = model::text(packet.payload) == model::text(payload);
  if (qos == 0) {
    if (right_payload)
      stage.pass("mqtt311:2.3.1-5");
    else
      stage.fail("mqtt311:2.3.1-5",
                 "the payload of a PUBLISH with QoS 0 is not what the application gave, as if an "
                 "id came before it");
    if (packet.qos == 0)
      stage.pass("mqtt311:4.3.1-1");
    else
      stage.fail("mqtt311:4.3.1-1",
                 "a message for QoS 0 goes out with QoS " + std::to_string(packet.qos));
  }
  if (packet.topic == topic && packet.retain == retain && right_payload)
    stage.pass("mqtt311:3.3.2-1");
  else
    stage.fail("mqtt311:3.3.2-1", "topic, payload or retain are not what the application gave");
}

Task<> fire_and_forget(Stage& stage, bool retain, std::size_t size) {
  const LinkId link = co_await connected(stage);
  PublishOrder order;
  order.id = stage.next_id();
  order.topic = "hubproof/q0/" + std::to_string(stage.below(100));
  order.retain = retain;
  for (std::size_t i = 0; i < size; ++i)
    order.payload.push_back(static_cast<std::uint8_t>(stage.below(256)));
  stage.tell(order);
  const auto publish = co_await next<Publish>(stage, link);
  if (!publish) co_await stage.missing("no PUBLISH came");
  compare(stage, *publish->is<Publish>(), order.topic, order.payload, 0, retain);
  const auto again = co_await next<Publish>(stage, link, stage.quiet());
  if (again) stage.fail("mqtt311:4.3.1-1", "a message with QoS 0 comes a second time");
}

// One message at QoS 1, its PUBACK after a time; the application hears of it then and not before.
Task<> acknowledged(Stage& stage, model::Duration late) {
  const LinkId link = co_await connected(stage);
  const std::uint64_t order = submit(stage, 1);
  const auto publish = co_await publish_of(stage, link, order);
  if (!publish) co_await stage.missing("no PUBLISH came");
  const auto* packet = publish->is<Publish>();
  if (packet->qos != 1)
    stage.fail("mqtt311:4.3.2-1",
               "a message for QoS 1 goes out with QoS " + std::to_string(packet->qos));
  const auto early = co_await stage.wait(
      [order](const Heard& heard) { return heard.is(Did::published) && heard.said.id == order; },
      late + stage.quiet());
  if (early)
    stage.fail("mqtt311:4.3.2-1",
               "the application is told that a message is published before its PUBACK");
  const auto twice = stage.take(
      [link](const Heard& heard) { return heard.link == link && heard.is<Publish>() != nullptr; });
  stage.send(link, Puback{packet->id});
  if (early) co_return;
  const auto told = co_await said(stage, Did::published, order);
  if (!told && !twice) co_await stage.missing("the adapter did not say \"published\" after PUBACK");
  stage.pass("mqtt311:4.3.2-1");
}

// Acknowledgements that nobody waits for leave the message open.
Task<> unknown_id(Stage& stage, int kind) {
  const LinkId link = co_await connected(stage);
  const std::uint64_t order = submit(stage, 1);
  const auto publish = co_await publish_of(stage, link, order);
  if (!publish) co_await stage.missing("no PUBLISH came");
  const PacketId id = publish->is<Publish>()->id;
  const PacketId other = static_cast<PacketId>(id + 1 == 0x10000 ? 1 : id + 1);
  if (kind == 0)
    stage.send(link, Puback{other});
  else if (kind == 1)
    stage.send(link, Pubcomp{other});
  else
    stage.send(link, Suback{id, {1}});
  const auto early = co_await stage.wait(
      [order](const Heard& heard) { return heard.is(Did::published) && heard.said.id == order; },
      stage.quiet());
  if (early) {
    stage.fail("mqtt311:4.3.2-1",
               "a message counts as published after an answer to something else");
    co_return;
  }
  if (!stage.open(link))
    co_await stage.missing("the device closed, as it may after what it did not expect");
  stage.send(link, Puback{id});
  const auto told = co_await stage.wait(
      [order, link](const Heard& heard) {
        return (heard.is(Did::published) && heard.said.id == order) ||
               (heard.kind == Heard::Kind::ended && heard.link == link);
      },
      stage.patience());
  if (!told) co_await stage.missing("the adapter did not say \"published\" after PUBACK");
  if (told->is(Did::published))
    stage.pass("mqtt311:4.3.2-1");
  else
    co_await stage.missing("the device closed, as it may after what it did not expect");
}

// Several at once: all ids differ while they are open, and each PUBACK ends one exchange.
Task<> several(Stage& stage, std::uint8_t qos, int count) {
  const LinkId link = co_await connected(stage);
  std::vector<std::uint64_t> orders;
  for (int i = 0; i < count; ++i) orders.push_back(submit(stage, qos));
  std::vector<std::pair<PacketId, std::uint64_t>> open;
  for (;;) {
    const auto publish =
        co_await next<Publish>(stage, link, open.empty() ? stage.patience() : stage.quiet());
    if (!publish) break;
    for (const std::uint64_t order : orders)
      if (holds(*publish->is<Publish>(), order))
        open.emplace_back(publish->is<Publish>()->id, order);
  }
  if (open.size() < 2) co_await stage.missing("fewer than two messages are under way at a time");
  // One in the middle is acknowledged: it and no other.
  const auto [id, order] = open[1 + stage.below(static_cast<std::uint32_t>(open.size() - 1))];
  if (qos == 1) {
    stage.send(link, Puback{id});
    const auto told = co_await said(stage, Did::published);
    if (!told) co_await stage.missing("the adapter did not say \"published\" after PUBACK");
    const auto other = co_await stage.wait(
        [order](const Heard& heard) { return heard.is(Did::published) && heard.said.id != order; },
        stage.quiet());
    if (told->said.id != order || other)
      stage.fail("mqtt311:4.3.2-1", "PUBACK of one message makes another one published");
    else
      stage.pass("mqtt311:4.3.2-1");
  }
}

// Five messages stay open while many others come and go, until ids have come around: 0 is left out,
// and so are those of the five.
Task<> ids_come_around(Stage& stage) {
  const LinkId link = co_await connected(stage);
  for (int i = 0; i < 5; ++i) {
    const std::uint64_t order = submit(stage, 1);
    const auto publish = co_await publish_of(stage, link, order);
    if (!publish) co_await stage.missing("fewer than five messages are under way at a time");
  }
  stage.manners.publishes = true;
  constexpr int count = 66'000;
  int told = 0;
  for (int i = 0; i < count; ++i) {
    (void)submit(stage, 1);
    if (i < 16) continue;
    const auto done = co_await said(stage, Did::published);
    if (!done) break;
    ++told;
    stage.forget_packets();
  }
  if (told < count - 16) {
    const std::string why = "of " + std::to_string(count) + " messages the device had " +
                            std::to_string(told) + " published";
    co_await stage.missing(why.c_str());
  }
  stage.pass("mqtt311:2.3.1-1");
  stage.pass("mqtt311:2.3.1-2");
}

// ---- QoS 2.

Task<> exactly_once(Stage& stage, model::Duration late) {
  const LinkId link = co_await connected(stage);
  const std::uint64_t order = submit(stage, 2);
  const auto publish = co_await publish_of(stage, link, order);
  if (!publish) co_await stage.missing("no PUBLISH came");
  const PacketId id = publish->is<Publish>()->id;
  co_await stage.pause(late);
  stage.send(link, Pubrec{id});
  const auto release = co_await next_with<Pubrel>(stage, link, id);
  if (!release) {
    const bool answers = co_await alive(stage);
    if (answers)
      stage.fail("mqtt311:4.3.3-1",
                 "no PUBREL came after PUBREC, while the device does what it is told");
    co_await stage.missing("no PUBREL came after PUBREC");
  }
  const auto early = co_await stage.wait(
      [order](const Heard& heard) { return heard.is(Did::published) && heard.said.id == order; },
      late + stage.quiet());
  stage.send(link, Pubcomp{id});
  if (early) stage.note("the application was told \"published\" before PUBCOMP");
  if (!early) {
    const auto told = co_await said(stage, Did::published, order);
    if (!told) co_await stage.missing("the adapter did not say \"published\" after PUBCOMP");
  }
  stage.pass("mqtt311:4.3.3-1");
}

// PUBRECs in one order; PUBRELs are to follow in the same.
Task<> releases_in_order(Stage& stage, int order) {
  const LinkId link = co_await connected(stage);
  constexpr int count = 4;
  for (int i = 0; i < count; ++i) (void)submit(stage, 2);
  std::vector<PacketId> ids;
  while (ids.size() < count) {
    const auto publish =
        co_await next<Publish>(stage, link, ids.empty() ? stage.patience() : stage.quiet());
    if (!publish) break;
    ids.push_back(publish->is<Publish>()->id);
  }
  if (ids.size() < 2)
    co_await stage.missing("fewer than two messages of QoS 2 are under way at a time");
  if (order == 1) std::ranges::reverse(ids);
  if (order == 2)
    std::ranges::rotate(ids,
                        ids.begin() + 1 + stage.below(static_cast<std::uint32_t>(ids.size() - 1)));
  for (const PacketId id : ids) stage.send(link, Pubrec{id});
  std::size_t released = 0;
  for (; released < ids.size(); ++released) {
    const auto release = co_await next<Pubrel>(stage, link);
    if (!release) break;
    stage.send(link, Pubcomp{release->is<Pubrel>()->id});
  }
  if (released < ids.size()) co_await stage.missing("not every PUBREC had its PUBREL");
}

// ---- What a client must not send: it refuses, or nothing comes of it.

Task<> refuses(Stage& stage, PublishOrder order, string clause, string what) {
  const LinkId link = co_await connected(stage);
  order.id = stage.next_id();
  order.payload = {'x'};
  stage.tell(order);
  const std::uint64_t id = order.id;
  const auto first = co_await stage.wait(
      [&](const Heard& heard) {
        return heard.is<Publish>() != nullptr || heard.kind == Heard::Kind::malformed ||
               (heard.is(Did::failed) && heard.said.id == id) ||
               (heard.kind == Heard::Kind::ended && heard.link == link);
      },
      stage.patience());
  if (!first) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("the adapter does not answer any more");
    stage.pass(clause);  // nothing left the device
    co_return;
  }
  if (first->is(Did::failed) || first->kind == Heard::Kind::ended)
    stage.pass(clause);
  else if (first->kind == Heard::Kind::malformed)
    stage.fail(clause, what + " goes out");
  else
    stage.pass(clause);  // another text than it was given
}

Task<> text_arrives(Stage& stage, string letters) {
  const LinkId link = co_await connected(stage);
  PublishOrder order;
  order.id = stage.next_id();
  order.topic = "hubproof/" + letters + "/x";
  order.payload = {'x'};
  stage.tell(order);
  const auto publish = co_await stage.wait(
      [link](const Heard& heard) {
        return heard.link == link &&
               (heard.is<Publish>() != nullptr || heard.kind == Heard::Kind::malformed);
      },
      stage.patience());
  if (!publish) {
    const auto failed = stage.take([](const Heard& heard) { return heard.is(Did::failed); });
    {
      const std::string why =
          failed ? "the device refuses the topic: " + failed->said.why : "no PUBLISH came";
      co_await stage.missing(why.c_str());
    }
  }
  if (publish->is<Publish>() == nullptr) co_return;
  if (publish->is<Publish>()->topic == order.topic)
    stage.pass("mqtt311:1.5.3-3");
  else
    stage.fail("mqtt311:1.5.3-3", "a topic with U+FEFF goes out changed");
}

}  // namespace

void add_publish_cases(std::vector<DeviceCase>& cases) {
  using std::chrono::milliseconds;
  const std::vector<string> form{"mqtt311:3.3.2-1", "mqtt311:3.3.2-2", "mqtt311:4.7.1-1",
                                 "mqtt311:4.7.3-1", "mqtt311:4.7.3-2", "mqtt311:3.3.1-4"};
  const auto with = [&](std::vector<string> more) {
    more.insert(more.begin(), form.begin(), form.end());
    return more;
  };
  struct Size {
    const char* name;
    bool retain;
    std::size_t size;
  };
  for (const auto& [name, retain, size] : {Size{"qos0", false, 20},
                                           {"qos0-empty", false, 0},
                                           {"qos0-retain", true, 3},
                                           {"qos0-127", false, 127},
                                           {"qos0-16384", false, 16'384}})
    cases.push_back({string{"publish/"} + name,
                     "a message with QoS 0 of " + std::to_string(size) + " bytes",
                     with({"mqtt311:2.3.1-5", "mqtt311:3.3.1-2", "mqtt311:4.3.1-1"}),
                     {.topics = true},
                     [its_retain = retain, its_size = size](Stage& stage) {
                       return fire_and_forget(stage, its_retain, its_size);
                     }});
  const std::vector<string> once_or_more{"mqtt311:2.3.1-1", "mqtt311:2.3.1-2", "mqtt311:4.3.2-1"};
  cases.push_back(
      {"publish/qos1", "PUBACK comes at once", once_or_more, {.qos = 1}, [](Stage& stage) {
         return acknowledged(stage, {});
       }});
  cases.push_back({"publish/late-puback",
                   "PUBACK comes after two seconds",
                   once_or_more,
                   {.qos = 1},
                   [](Stage& stage) { return acknowledged(stage, milliseconds{2000}); }});
  for (const auto& [kind, name] :
       {std::pair{0, "puback-of-another"}, {1, "pubcomp-of-another"}, {2, "suback-of-its-id"}})
    cases.push_back({string{"publish/"} + name,
                     "an answer that belongs to nothing comes before PUBACK",
                     {"mqtt311:4.3.2-1"},
                     {.qos = 1},
                     [its_kind = kind](Stage& stage) { return unknown_id(stage, its_kind); }});
  for (const int count : {2, 5, 20})
    cases.push_back({"publish/several-" + std::to_string(count),
                     "messages under way together, of which one is acknowledged",
                     once_or_more,
                     {.qos = 1},
                     [count](Stage& stage) { return several(stage, 1, count); }});
  cases.push_back({"publish/ids-come-around",
                   "66,000 messages one after the other, while five others stay open",
                   {"mqtt311:2.3.1-1", "mqtt311:2.3.1-2"},
                   {.qos = 1},
                   ids_come_around});

  const std::vector<string> exactly{"mqtt311:4.3.3-1", "mqtt311:3.6.1-1", "mqtt311:2.3.1-6",
                                    "mqtt311:2.3.1-1"};
  cases.push_back(
      {"publish/qos2", "PUBREC and PUBCOMP come at once", exactly, {.qos = 2}, [](Stage& stage) {
         return exactly_once(stage, {});
       }});
  cases.push_back({"publish/qos2-late",
                   "PUBREC and PUBCOMP take their time",
                   exactly,
                   {.qos = 2},
                   [](Stage& stage) { return exactly_once(stage, milliseconds{1500}); }});
  cases.push_back({"publish/qos2-several",
                   "messages of QoS 2 under way together",
                   {"mqtt311:2.3.1-2", "mqtt311:4.3.3-1"},
                   {.qos = 2},
                   [](Stage& stage) { return several(stage, 2, 5); }});
  for (const auto& [order, name] :
       {std::pair{0, "in-order"}, {1, "backwards"}, {2, "in-drawn-order"}})
    cases.push_back(
        {string{"publish/pubrecs-"} + name,
         "PUBREL follows the order of PUBRECs",
         {"mqtt311:4.6.0-4", "mqtt311:4.3.3-1", "mqtt311:3.6.1-1"},
         {.qos = 2},
         [its_order = order](Stage& stage) { return releases_in_order(stage, its_order); }});

  const auto forbid = [&](const char* name, string topic, std::uint8_t qos, const char* clause,
                          const char* what, bool any_text = false) {
    PublishOrder order;
    order.topic = std::move(topic);
    order.qos = qos;
    cases.push_back({string{"publish/"} + name,
                     string{"the application asks for what MQTT forbids: "} + what,
                     {clause},
                     {.topics = true, .any_text = any_text},
                     [order, its_clause = string{clause}, its_what = string{what}](Stage& stage) {
                       return refuses(stage, order, its_clause, its_what);
                     }});
  };
  forbid("hash", "hubproof/#", 0, "mqtt311:3.3.2-2", "a topic with #");
  forbid("plus", "hubproof/+/x", 0, "mqtt311:3.3.2-2", "a topic with +");
  forbid("hash-alone", "#", 0, "mqtt311:4.7.1-1", "the topic #");
  forbid("plus-alone", "+", 0, "mqtt311:4.7.1-1", "the topic +");
  forbid("hash-within", "a#b", 0, "mqtt311:4.7.1-1", "a topic with # within a level");
  forbid("empty-topic", "", 0, "mqtt311:4.7.3-1", "an empty topic");
  forbid("nul", string{"hubproof/\0x", 11}, 0, "mqtt311:1.5.3-2", "a topic with U+0000", true);
  forbid("nul-alone", string{"\0", 1}, 0, "mqtt311:4.7.3-2", "the topic U+0000", true);
  forbid("surrogate", "hubproof/\xed\xa0\x80", 0, "mqtt311:1.5.3-1", "a topic with U+D800", true);
  forbid("low-surrogate", "hubproof/\xed\xbf\xbf/x", 0, "mqtt311:3.3.2-1", "a topic with U+DFFF",
         true);
  forbid("qos3", "hubproof/x", 3, "mqtt311:3.3.1-4", "QoS 3");
  for (const auto& [name, letters] : {std::pair{"bom", "\xef\xbb\xbf"},
                                      {"bom-in-word",
                                       "a\xef\xbb\xbf"
                                       "b"}})
    cases.push_back({string{"publish/"} + name,
                     "a topic with U+FEFF",
                     {"mqtt311:1.5.3-3", "mqtt311:1.5.3-1"},
                     {.topics = true},
                     [its_letters = string{letters}](Stage& stage) {
                       return text_arrives(stage, its_letters);
                     }});
}

}  // namespace hubproof::conformance::devices
