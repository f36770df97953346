// What a restart leaves when it comes in the middle of the work: whatever was acknowledged before it holds behind
// it. A restart at once behind another one meets the hub's recovery. Each case has some rounds, as a promise that
// is given too soon is broken only by a restart between the promise and its keeping.
#include <algorithm>
#include <set>

#include "conformance/cases/commands.hpp"
#include "conformance/cases/hub.hpp"
#include "conformance/cases/mqtt.hpp"
#include "conformance/cases/peer.hpp"

namespace hubproof::conformance::cases {
namespace {

using model::Ack;

Duration drawn_time(Stage& stage, Duration most) { return Duration{1us} * stage.draws().below(static_cast<std::uint32_t>(most / 1us)); }

// Where time costs something a few rounds must do.
std::uint32_t rounds_of(Stage& stage, std::uint32_t many, std::uint32_t few) { return stage.target().can.has(Capability::free_time) ? many : few; }

// A restart, and at times another one while the target still recovers.
Task<void> restarted(Stage& stage) {
  co_await stage.restart();
  if (stage.draws().heads()) {
    co_await stage.pause(drawn_time(stage, 12ms));
    co_await stage.restart();
  }
}

// ---- Telemetry.

// What a device sent in all rounds, and which of it was acknowledged. Bodies tell one from another.
struct Burst {
  std::uint32_t large = 0;  // of some 50 KB each, at once; the others follow one by one
  std::uint32_t least = 1;  // how many others
  std::uint32_t most = 1;
  std::uint32_t size = 40;  // of them, at most
};
struct Outbox {
  struct One {
    View body;
    std::uint32_t round = 0;
    bool acknowledged = false;
  };
  std::uint32_t round = 0;
  std::vector<One> sent;
  std::map<std::string, std::size_t, std::less<>> by_body;
};

View numbered_body(Stage& stage, Outbox& outbox, bool large, std::uint32_t size) {
  std::string text = std::string{stage.tag()} + "-" + std::to_string(outbox.sent.size()) + "-";
  const std::uint32_t more = large ? stage.draws().between(48'000, 60'000) : stage.draws().between(0, size);
  text.append(more, static_cast<char>('a' + stage.draws().below(26)));
  const View body = model::view(stage.keep(std::move(text)));
  outbox.by_body[std::string{model::text(body)}] = outbox.sent.size();
  outbox.sent.push_back({body, outbox.round, false});
  return body;
}

// Some messages, one behind the other, and a restart in the middle of them.
Task<void> sent_by_mqtt(Stage& stage, Who who, Outbox* outbox, Burst burst) {
  const Client client = co_await joined(stage, who);
  const std::size_t first = outbox->sent.size();
  const std::uint32_t last = burst.large + stage.draws().between(burst.least, burst.most);
  for (std::uint32_t n = 1; n <= last; ++n) {
    stage.send(client, publish(stage, stage.topic(who), numbered_body(stage, *outbox, n <= burst.large, burst.size), 1, static_cast<std::uint16_t>(n)));
    if (n > burst.large) co_await stage.pause(drawn_time(stage, 2ms));
  }
  co_await stage.pause(drawn_time(stage, 10ms));
  co_await restarted(stage);
  for (std::uint32_t n = 1; n <= last; ++n)
    if (stage.take(client, Type::puback, static_cast<std::uint16_t>(n)) != nullptr) outbox->sent[first + n - 1].acknowledged = true;
}

Task<void> sent_by_http(Stage& stage, Who who, Outbox* outbox, Burst burst) {
  Http http{stage};
  http.as(who);
  const std::size_t first = outbox->sent.size();
  const std::uint32_t last = burst.large + stage.draws().between(burst.least, burst.most);
  for (std::uint32_t n = 1; n <= last; ++n) {
    http.ask("POST", device_path(stage, who, events_path), {}, numbered_body(stage, *outbox, n <= burst.large, burst.size));
    if (n > burst.large) co_await stage.pause(drawn_time(stage, 2ms));
  }
  co_await stage.pause(drawn_time(stage, 10ms));
  co_await restarted(stage);
  for (std::uint32_t n = 1; n <= last; ++n) {
    const Answer* answer = co_await http.answer();
    if (answer == nullptr) co_return;
    outbox->sent[first + n - 1].acknowledged = answer->status == 204;
  }
}

Task<void> sent_by_amqp(Stage& stage, Who who, Outbox* outbox, Burst burst) {
  Peer peer{stage};
  co_await open_as_device(peer, who);
  const Linked linked = co_await sender(peer, telemetry_address(stage, who));
  co_await stage.need(linked.there(), "no link for telemetry");
  while (peer.engine().credit(linked.link) == 0) {
    const bool more = co_await moved(peer);
    co_await stage.need(more, "no credit for telemetry");
  }
  std::map<amqp::DeliveryId, std::size_t> deliveries;
  const std::uint32_t last = burst.large + stage.draws().between(burst.least, burst.most);
  for (std::uint32_t n = 1; n <= last && peer.engine().credit(linked.link) > 0; ++n) {
    Shape shape;
    shape.body = model::text(numbered_body(stage, *outbox, n <= burst.large, burst.size));
    const Bytes tag{static_cast<std::uint8_t>(n)};
    deliveries[peer.engine().send(linked.link, tag, encoded(stage, shape))] = outbox->sent.size() - 1;
    peer.connection.flush();
    if (n > burst.large) co_await stage.pause(drawn_time(stage, 2ms));
  }
  co_await stage.pause(drawn_time(stage, 10ms));
  co_await restarted(stage);
  for (;;) {
    const bool more = co_await moved(peer);
    if (!more) break;
  }
  for (const amqp::Event& event : peer.events) {
    const auto* one = std::get_if<amqp::Settled>(&event);
    if (one != nullptr && one->link == linked.link && deliveries.contains(one->delivery))
      outbox->sent[deliveries[one->delivery]].acknowledged = one->outcome == amqp::Outcome::accepted;
  }
}

using Sends = Task<void> (*)(Stage&, Who, Outbox*, Burst);

// What readers saw at one place before a restart, somebody sees there behind it.
struct Place {
  std::uint32_t partition;
  std::int64_t sequence;
  auto operator<=>(const Place&) const = default;
};

Script telemetry(Stage& stage, Sends sends, std::uint32_t rounds, std::string_view promise) {
  const Who who = stage.someone();
  const std::string_view device = stage.identity(who).id;
  Outbox outbox;
  std::map<Place, Bytes> seen;
  {  // so that the hub has something to remember besides, on more than one block of its disk
    const Who other = stage.someone();
    Service service{stage};
    co_await service.opened();
    for (int n = 0; n < 12; ++n) {
      const Drawn drawn = drawn_message(stage, {.least = 200, .most = 500});
      co_await taken(stage, &service, stage.identity(other).id, drawn.flat);
    }
    service.close();
  }
  rounds = rounds_of(stage, rounds, 6);
  for (std::uint32_t round = 0; round < rounds; ++round) {
    outbox.round = round;
    Service watcher{stage};
    co_await watcher.opened(false);
    co_await watcher.watches();
    Burst burst{0, 4, 20, stage.draws().heads() ? 40u : 3'000u};
    if (round % 2 == 1) burst = {20, 10, 40, 40};  // a megabyte in one life of the hub: its journal begins anew
    co_await sends(stage, who, &outbox, burst);
    for (;;) {
      const Reading* one = co_await watcher.telemetry(device);
      if (one == nullptr) break;
      const View body = one->message().body();
      seen[{one->partition, one->sequence}].assign(body.begin(), body.end());
    }
    co_await stage.pause(stage.draws().heads() ? Duration{2ms} : stage.settling());
  }
  co_await stage.pause(stage.settling());
  const Client client = co_await joined(stage, who);
  outbox.round = rounds;
  const View marker = numbered_body(stage, outbox, false, 20);
  co_await published(stage, client, stage.topic(who), marker);
  Service reader{stage};
  co_await reader.opened(false);
  co_await reader.watches(true);
  std::set<std::size_t> there;
  bool begun = false;
  std::map<std::uint32_t, std::int64_t> newest;
  std::uint32_t newest_round = 0;  // of what was acknowledged; sends of one round overlap
  for (;;) {
    const Reading* one = co_await reader.telemetry(device);
    if (one == nullptr) {
      stage.fail("each message that was acknowledged, from the start of the partition", "no more events, and the newest is not there", promise);
      co_return;
    }
    const std::string_view body = model::text(one->message().body());
    const auto known = outbox.by_body.find(body);
    if (known == outbox.by_body.end()) {  // what another case sent stands before it
      if (begun && !stage.expect(false, "messages as they were sent", std::to_string(body.size()) + " bytes that nobody sent", "INV-02 INV-25 DLV-18")) co_return;
      continue;
    }
    begun = true;
    if (newest.contains(one->partition))
      stage.expect(one->sequence > newest[one->partition], "sequence numbers that increase", std::to_string(one->sequence), "D2C-07 INV-06");
    newest[one->partition] = one->sequence;
    if (const auto before = seen.find({one->partition, one->sequence}); before != seen.end()) {
      stage.expect(same(before->second, one->message().body()), "at one place what a reader saw there before", "another event", "INV-06 D2C-35");
      seen.erase(before);
    }
    const Outbox::One& sent = outbox.sent[known->second];
    if (there.insert(known->second).second && sent.acknowledged) {
      if (sent.round < newest_round)
        stage.fail("events in the order in which they were sent", "one that was sent before the restart behind one of after it", "D2C-08 INV-03");
      newest_round = std::max(newest_round, sent.round);
    }
    if (same(one->message().body(), marker)) break;
  }
  reader.close();
  std::size_t lost = 0;
  for (std::size_t n = 0; n + 1 < outbox.sent.size(); ++n) lost += outbox.sent[n].acknowledged && !there.contains(n) ? 1 : 0;
  stage.expect(lost == 0, "each message that was acknowledged before a restart", std::to_string(lost) + " of them are lost", promise);
  stage.expect(seen.empty(), "each event that a reader saw before a restart", std::to_string(seen.size()) + " of them are gone", "DLV-02 D2C-32 D2C-35");
  stage.pass("D2C-08 INV-03 INV-02 INV-25 DLV-18 D2C-07 INV-06 D2C-35");
}

// ---- Commands.

// Commands come in as the hub restarts: what was accepted is there. A megabyte of them makes its journal begin anew.
Script accepted(Stage& stage) {
  constexpr std::uint32_t large = 20;
  const Who people[] = {stage.someone(), stage.someone()};
  for (std::uint32_t round = rounds_of(stage, 8, 3); round > 0; --round) {
    co_await purged(stage);
    Peer peer{stage};
    co_await open_as_service(peer);
    const Linked linked = co_await sender(peer, "/messages/devicebound");
    co_await stage.need(linked.there(), "no link to send commands on");
    while (peer.engine().credit(linked.link) == 0) {
      const bool more = co_await moved(peer);
      co_await stage.need(more, "no credit for commands");
    }
    std::map<amqp::DeliveryId, std::string> deliveries;
    std::set<std::string, std::less<>> waiting;
    const std::uint32_t last = large + stage.draws().between(10, 28);
    for (std::uint32_t n = 1; n <= last && peer.engine().credit(linked.link) > 0; ++n) {
      Shape shape = named_shape(stage);
      const View body = stage.keep(Bytes(n <= large ? stage.draws().between(56'000, 64'000) : stage.draws().between(0, 40), 'c'));
      shape.body = model::text(body);
      shape.to = commands_address(stage, people[n % std::size(people)]);
      const Bytes tag{static_cast<std::uint8_t>(n)};
      deliveries[peer.engine().send(linked.link, tag, encoded(stage, shape))] = shape.id;
      peer.connection.flush();
      if (n > large) co_await stage.pause(drawn_time(stage, 2ms));
    }
    co_await stage.pause(drawn_time(stage, 8ms));
    co_await restarted(stage);
    for (;;) {
      const bool more = co_await moved(peer);
      if (!more) break;
    }
    for (const amqp::Event& event : peer.events) {
      const auto* one = std::get_if<amqp::Settled>(&event);
      if (one != nullptr && one->link == linked.link && one->outcome == amqp::Outcome::accepted && deliveries.contains(one->delivery))
        waiting.insert(deliveries[one->delivery]);
    }
    co_await stage.pause(stage.settling());
    for (const Who who : people) {
      Http http{stage};
      http.as(who);
      for (;;) {
        const std::string_view id = co_await served(stage, &http, who, How::complete);
        if (id.empty()) break;
        waiting.erase(std::string{id});
      }
      http.hang_up();
    }
    if (!stage.expect(waiting.empty(), "each command that was accepted before the restart", std::to_string(waiting.size()) + " of them are gone")) co_return;
  }
}

// A device settles over AMQP, and the hub restarts: what was confirmed holds, and what was not is there or not.
Script settled_over_amqp(Stage& stage) {
  const Who who = stage.someone();
  for (std::uint32_t round = rounds_of(stage, 10, 4); round > 0; --round) {
    Service service{stage};
    co_await service.opened();
    std::set<std::string, std::less<>> waiting, confirmed;
    for (std::uint32_t more = stage.draws().between(4, 8); more > 0; --more) {
      const Drawn drawn = drawn_message(stage, {.most = 600, .properties = 1});
      co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
      waiting.emplace(drawn.id);
    }
    service.close();
    Peer peer{stage};
    co_await open_as_device(peer, who);
    const Linked linked = co_await receiver(peer, commands_address(stage, who), 20);
    co_await stage.need(linked.there(), "no link for commands");
    std::map<amqp::DeliveryId, std::string> deliveries;
    while (deliveries.size() < waiting.size()) {
      const amqp::Arrived* one = co_await received(peer, linked.link);
      co_await stage.need(one != nullptr, "a command was not handed over");
      deliveries[one->delivery] = amqp::id_text(amqp::read_sections(one->message)->message_id);
    }
    for (const auto& [delivery, id] : deliveries) {
      peer.engine().propose(linked.link, delivery, stage.draws().heads() ? amqp::Outcome::accepted : amqp::Outcome::rejected);
      peer.connection.flush();
      co_await stage.pause(drawn_time(stage, 1ms));
    }
    co_await stage.pause(drawn_time(stage, 14ms));
    co_await restarted(stage);
    for (;;) {
      const bool more = co_await moved(peer);
      if (!more) break;
    }
    for (const amqp::Event& event : peer.events) {
      const auto* one = std::get_if<amqp::Settled>(&event);
      if (one != nullptr && one->link == linked.link && deliveries.contains(one->delivery)) confirmed.insert(deliveries[one->delivery]);
    }
    co_await stage.pause(stage.settling());
    Http http{stage};
    http.as(who);
    for (;;) {
      const std::string_view id = co_await served(stage, &http, who, How::complete);
      if (id.empty()) break;
      if (!stage.expect(!confirmed.contains(id), "nothing of what was settled with a confirmation", "it comes again", "C2D-20 C2D-21 INV-10 DLV-12")) co_return;
      stage.expect(waiting.contains(id), "the commands that were sent", id, "DLV-18 INV-25");
    }
    stage.pass();
  }
}

// Many settle at once; a command is there still, or its record is.
Script outcome_with_feedback(Stage& stage) {
  const Who who = stage.someone();
  Http reader{stage};
  reader.as_policy("service");
  for (std::uint32_t round = rounds_of(stage, 32, 3); round > 0; --round) {
    Service service{stage};
    Http http{stage};
    co_await ready(&service, &http, who);
    std::vector<std::string_view> ids, tokens;
    for (int n = 0; n < 40; ++n) {
      const Drawn drawn = drawn_message(stage, {.ack = Ack::full, .most = 10, .properties = 0});
      co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
      ids.push_back(drawn.id);
      receive(stage, http, who);
      const Answer* answer = co_await http.answer();
      tokens.push_back(etag_of(stage, answer));
    }
    service.close();
    for (const std::string_view token : tokens) settle(stage, http, who, token, How::complete);
    co_await stage.pause(4ms + drawn_time(stage, 14ms));
    co_await restarted(stage);
    std::set<std::string_view> done;
    for (std::size_t n = 0; n < tokens.size(); ++n) {
      const Answer* answer = co_await http.answer();
      if (answer == nullptr) break;
      if (answer->status == 204) done.insert(ids[n]);
    }
    co_await stage.pause(stage.settling());
    Http again{stage};
    again.as(who);
    for (;;) {
      const std::string_view id = co_await served(stage, &again, who, How::complete);
      if (id.empty()) break;
      if (!stage.expect(!done.contains(id), "nothing of what was completed with a 204", "it comes again", "C2D-20 INV-10 DLV-12")) co_return;
    }
    // Each of them has come to its end now, before the restart or behind it.
    co_await fill_batch(stage, who);
    Gathered gathered;
    co_await gather(stage, &reader, &ids, &gathered, batching + 6s);
    for (const std::string_view id : ids)
      if (!stage.expect(gathered.of(id) == 1, "one record of each command that is final", std::to_string(gathered.of(id)), "FBK-04 FBK-05 INV-14")) co_return;
    stage.pass();
  }
}

// Records that wait for their batch, a batch that was received, and one that was completed, across two restarts.
Script feedback(Stage& stage) {
  const Who who = stage.someone();
  for (std::uint32_t round = rounds_of(stage, 6, 1); round > 0; --round) {
    Service service{stage};
    Http http{stage}, reader{stage};
    co_await ready(&service, &http, who);
    reader.as_policy("service");
    std::vector<std::string_view> completed, formed, waiting;
    for (std::vector<std::string_view>* some : {&completed, &formed, &waiting}) {
      for (std::uint32_t more = stage.draws().between(2, 5); more > 0; --more) {
        const Drawn drawn = drawn_message(stage, {.ack = Ack::full, .most = 20});
        co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
        some->push_back(co_await served(stage, &http, who, stage.draws().heads() ? How::complete : How::reject));
        co_await stage.need(!some->back().empty(), "a command was not handed over");
      }
      if (some == &waiting) break;
      co_await fill_batch(stage, who);
      if (some == &completed) {
        Gathered before;
        co_await gather(stage, &reader, &completed, &before, 2 * batching + 6s);
      } else {  // one at least is in a batch that somebody holds
        const Answer* batch = co_await batch_with(stage, &reader, formed.front(), batching + 6s);
        co_await stage.need(batch != nullptr, "a batch of feedback did not come");
      }
    }
    service.close();
    co_await restarted(stage);
    co_await stage.pause(stage.settling());
    co_await stage.restart();
    co_await stage.pause(stage.settling());
    Http later{stage};
    later.as_policy("service");
    const bool filled = co_await fill_batch(stage, who);
    std::vector<std::string_view> all{completed};
    all.insert(all.end(), formed.begin(), formed.end());
    all.insert(all.end(), waiting.begin(), waiting.end());
    Gathered gathered;
    // A batch that was completed and is there again waits for nobody: it comes at once, while records wait for the next one.
    if (filled) co_await gather(stage, &later, &all, &gathered, 3s);
    const auto came = [&](std::string_view id) { return gathered.of(id) > 0; };
    if (!filled || !std::ranges::all_of(formed, came) || !std::ranges::all_of(waiting, came))
      co_await gather(stage, &later, &all, &gathered, batching + 6s);
    for (const std::string_view id : completed)
      if (!stage.expect(gathered.of(id) == 0, "nothing of a batch that was completed before the restart", "it comes again", "FBK-18 FBK-22 INV-14")) co_return;
    for (const std::vector<std::string_view>* some : {&formed, &waiting})
      for (const std::string_view id : *some)
        if (!stage.expect(gathered.of(id) == 1, "one record of each command, in one batch that is completed", std::to_string(gathered.of(id)), "FBK-04 FBK-05 INV-14")) co_return;
  }
}

// A batch is completed as the hub restarts.
Script feedback_settled(Stage& stage) {
  const Who who = stage.someone();
  for (std::uint32_t round = rounds_of(stage, 12, 3); round > 0; --round) {
    Service service{stage};
    Http http{stage}, reader{stage};
    co_await ready(&service, &http, who);
    reader.as_policy("service");
    const Drawn drawn = drawn_message(stage, {.ack = Ack::full, .most = 20});
    co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
    service.close();
    const std::string_view id = co_await served(stage, &http, who, How::complete);
    co_await stage.need(!id.empty(), "a command was not handed over");
    co_await fill_batch(stage, who);
    const Answer* batch = co_await batch_with(stage, &reader, drawn.id, batching + 6s);
    co_await stage.need(batch != nullptr, "a batch of feedback did not come");
    reader.ask("DELETE", stage.keep(std::string{feedback_path} + "/" + std::string{etag_of(stage, batch)}));
    co_await stage.pause(drawn_time(stage, 14ms));
    co_await restarted(stage);
    const Answer* answer = co_await reader.answer();
    const bool done = answer != nullptr && answer->status == 204;
    co_await stage.pause(stage.settling());
    Http later{stage};
    later.as_policy("service");
    const std::vector<std::string_view> ids{drawn.id};
    Gathered gathered;
    co_await gather(stage, &later, &ids, &gathered, done ? Duration{2s} : batching + 6s);
    if (done && !stage.expect(gathered.of(id) == 0, "nothing of a batch that was completed before the restart", "it comes again", "FBK-18 FBK-22 INV-14")) co_return;
    stage.pass();
  }
}

// Purges are answered as the hub restarts.
Script purges(Stage& stage) {
  const Who people[] = {stage.someone(), stage.someone(), stage.someone(), stage.someone()};
  for (std::uint32_t round = rounds_of(stage, 10, 4); round > 0; --round) {
    Service service{stage};
    co_await service.opened();
    for (const Who who : people) {
      const Drawn drawn = drawn_message(stage, {.most = 60, .properties = 0});
      co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
    }
    service.close();
    Http registry{stage};
    registry.as_policy("iothubowner");
    for (const Who who : people) {
      registry.ask("DELETE", device_path(stage, who, "/commands"));
      co_await stage.pause(drawn_time(stage, 3ms));
    }
    co_await stage.pause(drawn_time(stage, 10ms));
    co_await restarted(stage);
    std::size_t answered = 0;
    for (; answered < std::size(people); ++answered) {
      const Answer* answer = co_await registry.answer();
      if (answer == nullptr || answer->status != 200) break;
    }
    co_await stage.pause(stage.settling());
    for (std::size_t n = 0; n < std::size(people); ++n) {
      Http http{stage};
      http.as(people[n]);
      const std::string_view id = co_await served(stage, &http, people[n], How::complete);
      if (n < answered && !stage.expect(id.empty(), "an empty queue, as its purge was answered", "a command", "C2D-38 INV-10")) co_return;
      http.hang_up();
    }
    stage.pass();
  }
}

// ---- Tokens and generations.

// No lock token of before a restart is given again.
Script tokens(Stage& stage) {
  const Who who = stage.someone();
  std::set<std::string_view> given;
  for (int life = 0; life < 3; ++life) {
    Service service{stage};
    Http http{stage};
    co_await ready(&service, &http, who);
    const Drawn drawn = drawn_message(stage, {.least = 1});
    co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
    std::string_view token;
    for (std::uint32_t more = stage.draws().between(2, 5); more > 0; --more) {
      receive(stage, http, who);
      const Answer* answer = co_await http.answer();
      token = etag_of(stage, answer);
      co_await stage.need(!token.empty(), "a command was not handed over");
      if (!stage.expect(given.insert(token).second, "a lock token that was never given", token, "C2D-11 INV-08")) co_return;
      if (more > 1) {
        settle(stage, http, who, token, How::abandon);
        co_await http.answer();
      }
    }
    const std::set<std::string_view> before = given;
    co_await stage.restart();
    co_await stage.pause(stage.settling());
    Http again{stage};
    again.as(who);
    receive(stage, again, who);
    const Answer* answer = co_await again.answer();
    if (!expect_command(stage, again, answer, drawn.body, "the command again", "DLV-12")) co_return;
    const std::string_view fresh = etag_of(stage, answer);
    stage.expect(given.insert(fresh).second, "a lock token that was never given", fresh, "C2D-11 INV-08");
    settle(stage, again, who, token, How::complete);
    const Answer* old = co_await again.answer();
    again.expect(old, 412, "a lock of before the restart", "C2D-14 C2D-15 INV-12");
    settle(stage, again, who, fresh, How::complete);
    const Answer* done = co_await again.answer();
    again.expect(done, 204, "the lock of behind the restart", "C2D-12 DLV-12");
  }
}

// Devices come and go between restarts; no generation is given twice, and what was answered holds.
Script registry(Stage& stage) {
  std::set<std::string_view> generations;
  std::vector<std::string_view> there;
  for (std::uint32_t round = rounds_of(stage, 16, 4); round > 0; --round) {
    Http http{stage};
    http.as_policy("registryReadWrite");
    std::vector<std::string_view> doomed;
    for (std::uint32_t more = stage.draws().between(2, 4); more > 0; --more) {
      const Made device = co_await made(stage, &http, fresh_device_id(stage, true));
      if (!stage.expect(generations.insert(device.generation).second, "a generation that was never given", device.generation, "C2D-37 INV-21")) co_return;
      doomed.push_back(device.id);
    }
    if (stage.draws().heads()) {
      there.push_back(doomed.back());
      doomed.pop_back();
    }
    for (const std::string_view id : doomed) {
      http.ask("DELETE", device_path(stage, id), {{"If-Match", "*"}});
      co_await stage.pause(drawn_time(stage, 3ms));
    }
    co_await stage.pause(drawn_time(stage, 10ms));
    co_await restarted(stage);
    std::size_t answered = 0;
    for (; answered < doomed.size(); ++answered) {
      const Answer* answer = co_await http.answer();
      if (answer == nullptr || answer->status != 204) break;
    }
    co_await stage.pause(stage.settling());
    Http later{stage};
    later.as_policy("registryReadWrite");
    for (std::size_t n = 0; n < doomed.size(); ++n) {
      later.ask("GET", device_path(stage, doomed[n]));
      const Answer* answer = co_await later.answer();
      if (n < answered && !later.expect(answer, 404, "a device whose deletion was answered", "C2D-36")) co_return;
      if (answer != nullptr && answer->status == 200) co_await removed(stage, &later, doomed[n]);
    }
    later.hang_up();
    stage.pass();
  }
  Http http{stage};
  http.as_policy("registryReadWrite");
  for (const std::string_view id : there) {
    http.ask("GET", device_path(stage, id));
    const Answer* answer = co_await http.answer();
    http.expect(answer, 200, "a device that was created", "C2D-02 DLV-02");
    co_await removed(stage, &http, id);
  }
}

// ---- Sessions.

// A subscription is granted as the hub restarts: a session that is there then hears.
Script subscriptions(Stage& stage) {
  const Who who = stage.someone();
  Login fresh, kept;
  kept.clean = false;
  for (std::uint32_t round = rounds_of(stage, 10, 4); round > 0; --round) {
    const Client none = co_await joined(stage, who, fresh);  // the session of before is gone
    stage.send(none, stage.keep(disconnect()));
    stage.close(none);
    const Client client = co_await joined(stage, who, kept);
    const std::uint16_t id = stage.packet_id();
    stage.send(client, subscribe_packet(stage, id, stage.filter(who), 1));
    co_await stage.pause(drawn_time(stage, 20ms));
    co_await stage.restart();
    const Packet* suback = stage.take(client, Type::suback, id);
    if (suback == nullptr) continue;
    for (int life = 0; life < 2; ++life) {
      co_await stage.pause(stage.settling());
      Service service{stage};
      co_await service.opened(false);
      const Client again = co_await called(stage);
      const Packet* connack = co_await answered(stage, again, who, kept);
      co_await stage.need(connack != nullptr && connack->code == 0, "a good CONNECT was not accepted");
      if (!stage.expect((connack->acknowledge_flags & 1) != 0, "session present 1", describe(connack->raw), "MQTT-12 MQTT-13")) co_return;
      const Drawn drawn = drawn_message(stage, {.least = 1});
      co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
      const Packet* packet = co_await arrival(stage, again);  // one whose PUBACK the restart has undone comes again
      while (packet != nullptr && !same(packet->payload, drawn.body)) packet = co_await arrival(stage, again);
      if (!stage.expect(packet != nullptr, "a command, by the subscription of before", stage.found(again), "MQTT-13 MQTT-32 DLV-02")) co_return;
      const bool alive = co_await fenced(stage, again);
      co_await stage.need(alive, "a connection ended");
      service.close();
      if (life == 0) co_await stage.restart();
    }
  }
}

}  // namespace

void add_hub_durability(Cases& cases) {
  const auto add = [&](std::string name, std::string sentence, std::vector<std::string> clauses, std::function<Script(Stage&)> script,
                       Capabilities more) {
    cases.push_back({std::move(name), std::move(sentence), std::move(clauses), [its = std::move(script)](Stage& stage) { return tidied(stage, its); },
                     Capabilities{Capability::restart} | more, For::hubs, Alone::target});
  };
  const Capabilities reads{Capability::events, Capability::service};
  const std::tuple<const char*, Sends, std::uint32_t, const char*> doors[] = {
      {"mqtt", sent_by_mqtt, 24, "DLV-04"}, {"http", sent_by_http, 8, "DLV-07"}, {"amqp", sent_by_amqp, 8, "DLV-06"}};
  for (const auto& [door, sends, rounds, its_own] : doors)
    add(std::string{door} + "/durability/telemetry", "The hub restarts in the middle of telemetry, again and again.",
        {its_own, "DLV-01", "DLV-02", "DLV-18", "D2C-07", "D2C-08", "D2C-32", "D2C-35", "INV-01", "INV-02", "INV-03", "INV-06", "INV-25"},
        [how = sends, times = rounds, promise = std::string{"DLV-01 DLV-02 INV-01 "} + its_own](Stage& stage) {
          return telemetry(stage, how, times, stage.keep(promise));
        }, reads | Capabilities{Capability::mqtt});
  const Capabilities commands{Capability::amqp, Capability::service, Capability::http};
  add("amqp/durability/commands", "The hub restarts as commands come in.", {"C2D-02", "DLV-01", "DLV-02", "DLV-11", "DLV-12"}, accepted, commands);
  add("amqp/durability/settled", "The hub restarts as commands are settled over AMQP.", {"C2D-20", "C2D-21", "DLV-12", "DLV-18", "INV-10", "INV-25"},
      settled_over_amqp, commands);
  add("http/durability/outcomes", "The hub restarts as many commands are completed.", {"C2D-20", "DLV-12", "FBK-04", "FBK-05", "INV-10", "INV-14"},
      outcome_with_feedback, commands);
  add("http/durability/feedback", "Feedback waits, is received and is completed, and the hub restarts twice.",
      {"FBK-04", "FBK-05", "FBK-18", "FBK-22", "INV-14"}, feedback, commands);
  add("http/durability/feedback-settled", "The hub restarts as a batch of feedback is completed.", {"FBK-18", "FBK-22", "INV-14"}, feedback_settled,
      commands);
  add("http/durability/purges", "The hub restarts as queues are purged.", {"C2D-38", "INV-10"}, purges, commands);
  add("http/durability/lock-tokens", "Locks are given before restarts and behind them.", {"C2D-11", "C2D-12", "C2D-14", "C2D-15", "DLV-12", "INV-08", "INV-12"},
      tokens, commands);
  add("http/durability/registry", "The hub restarts as devices are deleted, and gives generations before and after.",
      {"C2D-02", "C2D-36", "C2D-37", "DLV-02", "INV-21"}, registry, Capabilities{Capability::service});
  add("mqtt/durability/subscriptions", "The hub restarts as a subscription is granted.", {"MQTT-12", "MQTT-13", "MQTT-32", "DLV-02"}, subscriptions, commands);
}

}  // namespace hubproof::conformance::cases
