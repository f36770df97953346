// Connections that are cut, and what of the session goes on in the next one.
#include <algorithm>

#include "conformance/devices/cases.hpp"
#include "conformance/devices/script.hpp"

namespace hubproof::conformance::devices {
namespace {

using namespace script;
using Did = Said::Did;
using std::string;

Wish kept_session() {
  Wish wish;
  wish.clean = false;
  return wish;
}

// Takes the PUBLISHes of these orders, and gives their ids in the order in which they came.
Task<std::vector<PacketId>> sent(Stage& stage, LinkId link, std::vector<std::uint64_t> orders) {
  std::vector<PacketId> ids;
  while (ids.size() < orders.size()) {
    const auto publish =
        co_await next<Publish>(stage, link, ids.empty() ? stage.patience() : stage.quiet() * 2);
    if (!publish) break;
    ids.push_back(publish->is<Publish>()->id);
  }
  if (ids.empty()) co_await stage.missing("no PUBLISH came");
  co_return ids;
}

// Cut after PUBLISH, before its PUBACK; the session is kept: they come again, with DUP and the old
// ids, in the old order, and once they are acknowledged the application hears of it.
Task<> cut_before_puback(Stage& stage, int count, bool by_close) {
  const LinkId first = co_await connected(stage, kept_session());
  std::vector<std::uint64_t> orders;
  for (int i = 0; i < count; ++i) orders.push_back(submit(stage, 1));
  const std::vector<PacketId> ids = co_await sent(stage, first, orders);
  if (by_close)
    stage.close(first);
  else
    stage.cut(first);
  const LinkId second = co_await back(stage, kept_session(), true);
  std::vector<PacketId> again;
  while (again.size() < ids.size()) {
    const auto publish =
        co_await next<Publish>(stage, second, again.empty() ? stage.patience() : stage.quiet() * 2);
    if (!publish) break;
    const PacketId id = publish->is<Publish>()->id;
    if (std::ranges::find(ids, id) != ids.end()) again.push_back(id);
    stage.send(second, Puback{id});
  }
  const char* const repeats[] = {"mqtt311:4.4.0-1", "mqtt311:4.1.0-1", "mqtt311:3.1.2-4",
                                 "mqtt311:4.3.2-1"};
  if (again.size() < ids.size()) {
    const bool answers = co_await alive(stage);
    if (!answers)
      co_await stage.missing("not every message came again, and the adapter does not answer");
    for (const char* const clause : repeats)
      stage.fail(clause, "the session was kept and " + std::to_string(ids.size() - again.size()) +
                             " of " + std::to_string(ids.size()) +
                             " messages without PUBACK did not come again under their ids");
    co_return;
  }
  for (const char* const clause : repeats) stage.pass(clause);
  const auto told = co_await said(stage, Did::published);
  if (!told) stage.note("the application was not told");
}

// The same at QoS 2, cut at each of its three steps.
Task<> cut_in_qos2(Stage& stage, int step) {
  const LinkId first = co_await connected(stage, kept_session());
  const std::uint64_t order = submit(stage, 2);
  const auto publish = co_await publish_of(stage, first, order);
  if (!publish) co_await stage.missing("no PUBLISH came");
  const PacketId id = publish->is<Publish>()->id;
  if (step > 0) {
    stage.send(first, Pubrec{id});
    const auto release = co_await next_with<Pubrel>(stage, first, id);
    if (!release) co_await stage.missing("no PUBREL came");
  }
  stage.cut(first);
  const LinkId second = co_await back(stage, kept_session(), true);
  const auto repeat = co_await stage.wait(
      [second, id](const Heard& heard) {
        const auto* again = heard.is<Publish>();
        const auto* release = heard.is<Pubrel>();
        return heard.link == second &&
               ((again != nullptr && again->id == id) || (release != nullptr && release->id == id));
      },
      stage.patience());
  const char* const repeats[] = {"mqtt311:4.4.0-1", "mqtt311:4.1.0-1", "mqtt311:3.1.2-4",
                                 "mqtt311:4.3.3-1", "mqtt311:2.3.1-3"};
  if (!repeat) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("nothing came again, and the adapter does not answer");
    for (const char* const clause : repeats)
      stage.fail(clause, string{"the session was kept and "} +
                             (step == 0 ? "PUBLISH without PUBREC" : "PUBREL without PUBCOMP") +
                             " did not come again");
    co_return;
  }
  for (const char* const clause : repeats) stage.pass(clause);
  if (repeat->is<Publish>() != nullptr) {
    stage.send(second, Pubrec{id});
    const auto release = co_await next_with<Pubrel>(stage, second, id);
    if (!release) co_await stage.missing("no PUBREL came after PUBREC on the second connection");
  }
  stage.send(second, Pubcomp{id});
  const auto told = co_await said(stage, Did::published, order);
  if (!told) stage.note("the application was not told");
}

// What the device had received of QoS 2 it remembers: the repeat on the next connection is no
// second message.
Task<> received_across_cut(Stage& stage, bool released) {
  const LinkId first = co_await connected(stage, kept_session());
  co_await listens(stage, first);
  const PacketId id = static_cast<PacketId>(1 + stage.below(65'535));
  const string topic = down_topic(stage, "c1");
  const string payload = "only once " + std::to_string(stage.below(1000));
  stage.send(first, down(topic, payload, id, 2));
  const auto receipt = co_await next_with<Pubrec>(stage, first, id);
  if (!receipt) co_await stage.missing("no PUBREC came");
  stage.cut(first);
  const LinkId second = co_await back(stage, kept_session(), true);
  if (!released) {
    stage.send(second, down(topic, payload, id, 2, true));
    const auto again = co_await next_with<Pubrec>(stage, second, id);
    if (!again) co_await stage.missing("no PUBREC came for the repeat");
  }
  stage.send(second, Pubrel{id});
  const auto complete = co_await next_with<Pubcomp>(stage, second, id);
  if (!complete) {
    const bool answers = co_await alive(stage);
    if (answers) stage.fail("mqtt311:4.3.3-2", "no PUBCOMP came on the second connection");
    co_await stage.missing("no PUBCOMP came");
  }
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
  for (const char* const clause : {"mqtt311:4.3.3-2", "mqtt311:4.1.0-1", "mqtt311:3.1.2-4"})
    if (count == 1)
      stage.pass(clause);
    else
      stage.fail(clause,
                 "a message of QoS 2 whose exchange went on in the second connection reached the "
                 "application " +
                     std::to_string(count) + " times");
}

// Clean Session 1: what was open belongs to a session that is over. A message may be sent as a new
// one.
Task<> clean_start(Stage& stage, std::uint8_t qos, int step) {
  const LinkId first = co_await connected(stage);
  const std::uint64_t order = submit(stage, qos);
  const auto publish = co_await publish_of(stage, first, order);
  if (!publish) co_await stage.missing("no PUBLISH came");
  const PacketId id = publish->is<Publish>()->id;
  if (step > 0) {
    stage.send(first, Pubrec{id});
    const auto release = co_await next_with<Pubrel>(stage, first, id);
    if (!release) co_await stage.missing("no PUBREL came");
  }
  stage.cut(first);
  const LinkId second = co_await back(stage, {}, false);
  const auto again = co_await stage.wait(
      [second](const Heard& heard) {
        return heard.link == second &&
               (heard.is<Publish>() != nullptr || heard.is<Pubrel>() != nullptr);
      },
      stage.patience());
  // The Watch fails what goes on with the old session.
  if (!again || (again->is<Publish>() != nullptr && !again->is<Publish>()->dup))
    stage.pass("mqtt311:3.1.2-6");
}

// The device had received a message when the connection broke. In a new session nobody knows its id
// any more.
Task<> forgets_received(Stage& stage) {
  const LinkId first = co_await connected(stage);
  co_await listens(stage, first);
  const PacketId id = static_cast<PacketId>(1 + stage.below(65'535));
  stage.send(first, down(down_topic(stage, "c1"), "the first", id, 2));
  const auto receipt = co_await next_with<Pubrec>(stage, first, id);
  if (!receipt) co_await stage.missing("no PUBREC came");
  stage.cut(first);
  const LinkId second = co_await back(stage, {}, false);
  stage.send(second, down(down_topic(stage, "c2"), "the second", id, 2));
  const auto again = co_await next_with<Pubrec>(stage, second, id);
  if (!again) co_await stage.missing("no PUBREC came");
  stage.send(second, Pubrel{id});
  const auto told = co_await stage.wait(
      [](const Heard& heard) {
        return heard.is(Did::received) && model::text(heard.said.payload) == "the second";
      },
      stage.patience());
  if (told) {
    stage.pass("mqtt311:3.1.2-6");
    co_return;
  }
  const bool answers = co_await alive(stage);
  if (answers)
    stage.fail("mqtt311:3.1.2-6",
               "a message of the new session is taken for a repeat of one in the session before");
  else
    co_await stage.missing("the adapter does not answer");
}

// What came before the cut may be acknowledged after it only in the same session.
Task<> owes_nothing(Stage& stage, bool kept) {
  Wish wish;
  wish.clean = !kept;
  const LinkId first = co_await connected(stage, wish);
  co_await listens(stage, first);
  for (PacketId id = 100; id < 106; ++id)
    stage.send(first, down(down_topic(stage, "c"), "before the cut", id, 1));
  stage.cut(first);
  const LinkId second = co_await back(stage, wish, false);
  const auto late = co_await next<Puback>(stage, second, stage.quiet() * 2);
  if (late)
    stage.fail("mqtt311:2.3.1-6", "PUBACK " + std::to_string(late->is<Puback>()->id) +
                                      " names a PUBLISH of a session that is over");
  else
    stage.pass("mqtt311:2.3.1-6");
}

// A packet that was cut within: nothing of it counts, and the next connection begins afresh.
Task<> cut_within_a_packet(Stage& stage) {
  const LinkId first = co_await connected(stage);
  co_await listens(stage, first);
  model::Bytes bytes;
  const string topic = down_topic(stage, "c1");
  write(bytes, down(topic, "half a message", 9, 1));
  bytes.resize(bytes.size() / 2);
  stage.send_raw(first, bytes, "the first half of a PUBLISH");
  co_await stage.pause(stage.quiet());
  stage.cut(first);
  const LinkId second = co_await back(stage, {}, false);
  const auto told = co_await said(stage, Did::connected);  // before that a client may refuse what it is told
  if (!told) co_await stage.missing("the adapter did not say \"connected\" after CONNACK 0");
  co_await listens(stage, second);
  stage.send(second, down(topic, "a whole message", 9, 1));
  const auto answer = co_await next_with<Puback>(stage, second, 9);
  if (!answer) {
    const bool answers = co_await alive(stage);
    if (answers)
      stage.fail("mqtt311:4.3.2-2",
                 "after a connection that was cut within a packet nothing is acknowledged");
    co_await stage.missing("no PUBACK came");
  }
}

}  // namespace

void add_session_cases(std::vector<DeviceCase>& cases) {
  const std::vector<string> again{"mqtt311:3.3.1-1", "mqtt311:2.3.1-3", "mqtt311:4.4.0-1",
                                  "mqtt311:4.1.0-1", "mqtt311:3.1.2-4", "mqtt311:4.3.2-1"};
  for (const int count : {1, 3, 8})
    for (const bool by_close : {false, true}) {
      std::vector<string> clauses = again;
      if (count > 1) clauses.push_back("mqtt311:4.6.0-1");
      cases.push_back(
          {"session/" + string{by_close ? "closed" : "cut"} + "-before-puback-" +
               std::to_string(count),
           "the connection ends between PUBLISH and PUBACK; the session is kept",
           clauses,
           {.qos = 1, .persistent = true},
           [count, by_close](Stage& stage) { return cut_before_puback(stage, count, by_close); }});
    }
  for (const int step : {0, 1})
    cases.push_back({step == 0 ? "session/cut-before-pubrec" : "session/cut-before-pubcomp",
                     "QoS 2 goes on in the next connection",
                     {"mqtt311:4.4.0-1", "mqtt311:4.1.0-1", "mqtt311:3.1.2-4", "mqtt311:4.3.3-1",
                      "mqtt311:2.3.1-3"},
                     {.qos = 2, .persistent = true},
                     [step](Stage& stage) { return cut_in_qos2(stage, step); }});
  for (const bool released : {false, true})
    cases.push_back({released ? "session/released-after-cut" : "session/repeated-after-cut",
                     "a message of QoS 2 arrives once across two connections",
                     {"mqtt311:4.3.3-2", "mqtt311:4.1.0-1", "mqtt311:3.1.2-4"},
                     {.topics = true, .persistent = true},
                     [released](Stage& stage) { return received_across_cut(stage, released); }});
  cases.push_back({"session/clean-after-publish",
                   "QoS 1 is open when a clean session begins",
                   {"mqtt311:3.1.2-6"},
                   {.qos = 1, .clean = true},
                   [](Stage& stage) { return clean_start(stage, 1, 0); }});
  cases.push_back({"session/clean-after-publish-qos2",
                   "QoS 2 is open when a clean session begins",
                   {"mqtt311:3.1.2-6"},
                   {.qos = 2, .clean = true},
                   [](Stage& stage) { return clean_start(stage, 2, 0); }});
  cases.push_back({"session/clean-after-pubrel",
                   "PUBREL is open when a clean session begins",
                   {"mqtt311:3.1.2-6"},
                   {.qos = 2, .clean = true},
                   [](Stage& stage) { return clean_start(stage, 2, 1); }});
  cases.push_back({"session/clean-after-pubrec",
                   "an id of the session before is a new message in a clean one",
                   {"mqtt311:3.1.2-6"},
                   {.topics = true, .clean = true},
                   forgets_received});
  cases.push_back({"session/owes-nothing-clean",
                   "no PUBACK for what came before a clean session",
                   {"mqtt311:2.3.1-6"},
                   {.clean = true},
                   [](Stage& stage) { return owes_nothing(stage, false); }});
  cases.push_back({"session/owes-nothing-lost",
                   "no PUBACK for what came before the server lost the session",
                   {"mqtt311:2.3.1-6"},
                   {.persistent = true},
                   [](Stage& stage) { return owes_nothing(stage, true); }});
  cases.push_back({"session/cut-within-a-packet",
                   "half a PUBLISH is none",
                   {"mqtt311:4.3.2-2"},
                   {},
                   cut_within_a_packet});
}

}  // namespace hubproof::conformance::devices
