// Cases that the clock decides: ends of commands, of locks, of tokens and of connections, seen from both sides of
// the moment; and two things that meet in the hub. When they do is for chance to say, so such a case has many
// rounds, of which each is right in itself.
#include <algorithm>

#include "conformance/cases/commands.hpp"
#include "conformance/cases/hub.hpp"
#include "conformance/cases/mqtt.hpp"
#include "conformance/cases/peer.hpp"
#include "model/hub/token.hpp"

namespace hubproof::conformance::cases {
namespace {

using model::Ack;

std::int64_t milliseconds(model::Date date) { return date.time_since_epoch() / 1ms; }
Duration drawn_time(Stage& stage, Duration most) { return Duration{1us} * stage.draws().below(static_cast<std::uint32_t>(most / 1us)); }

// ---- Expiry.

// Nobody asks for these: the hub itself must see their time pass.
Script expires_on_time(Stage& stage) {
  constexpr std::int64_t late = 1'000;  // milliseconds
  const Who who = stage.someone();
  Service service{stage};
  co_await service.opened();
  std::vector<std::string_view> ids;
  std::map<std::string_view, std::int64_t> expiries;
  Duration longest{};
  for (int more = 3; more > 0; --more) {
    const Duration life = 1s + 1s * more + drawn_time(stage, 1s);
    longest = std::max(longest, life);
    const Drawn drawn = drawn_message(stage, {.ack = stage.draws().heads() ? Ack::full : Ack::negative, .expiry = milliseconds(stage.date() + life)});
    ids.push_back(drawn.id);
    expiries[drawn.id] = milliseconds(stage.date() + life);
    co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
  }
  service.close();
  co_await stage.pause(longest + 1s);
  co_await fill_batch(stage, who);
  Http reader{stage};
  reader.as_policy("service");
  Gathered gathered;
  co_await gather(stage, &reader, &ids, &gathered, batching + 6s);
  for (const std::string_view id : ids) {
    if (!stage.expect(gathered.of(id) == 1, "one record of a command that expired", std::to_string(gathered.of(id)), "C2D-29 INV-09 FBK-03")) continue;
    const Record& record = gathered.records.find(id)->second.front();
    stage.expect(status_name(record.status) == "Expired", "Expired", record.status, "C2D-29 FBK-09");
    const std::int64_t after = record.date ? *record.date - expiries[id] : -1;
    stage.expect(after >= 0 && after <= late, "its end at its expiry", std::to_string(after) + " ms after it", "C2D-29 INV-09 TIME-01");
  }
}

// Locks are settled on both sides of the expiry; what the hub says of each is one story.
Script settled_around_expiry(Stage& stage) {
  constexpr std::uint32_t count = 50, early = 2;  // as many as a queue holds
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  // Time enough to hand them all out, at this target's pace, but not as much as a lock has [C2D-12].
  const std::int64_t expiry = milliseconds(stage.date() + std::min<Duration>(4s + 2 * count * stage.patience() / 20, 45s));
  std::vector<std::string_view> ids, tokens;
  for (std::uint32_t n = 0; n < count; ++n) {
    const Drawn drawn = drawn_message(stage, {.ack = Ack::full, .expiry = expiry, .most = 20, .properties = 0});
    ids.push_back(drawn.id);
    co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
  }
  for (std::uint32_t n = 0; n < count; ++n) {
    receive(stage, http, who);
    const Answer* answer = co_await http.answer();
    const std::string_view token = etag_of(stage, answer);
    co_await stage.need(!token.empty(), "a command was not handed over before its expiry");
    tokens.push_back(token);
  }
  // Some surely before it: on a busy machine all others may come too late.
  co_await stage.pause(model::Date{1ms * expiry} - stage.date() - 500ms);
  for (std::uint32_t n = 0; n < count; ++n) {
    if (n == early) co_await stage.pause(model::Date{1ms * expiry} - stage.date() - 16ms);
    settle(stage, http, who, tokens[n], How::complete);
    co_await stage.pause(500us);
  }
  std::vector<bool> completed;
  for (std::uint32_t n = 0; n < count; ++n) {
    const Answer* answer = co_await http.answer();
    const bool good = answer != nullptr && (answer->status == 204 || answer->status == 412 || answer->status == 404);
    if (!stage.expect(good, "status 204, or 412 or 404 from the expiry on", http.found(answer), "C2D-30 INV-12")) co_return;
    completed.push_back(answer->status == 204);
  }
  co_await fill_batch(stage, who);
  Http reader{stage};
  reader.as_policy("service");
  Gathered gathered;
  co_await gather(stage, &reader, &ids, &gathered, batching + 6s);
  for (std::uint32_t n = 0; n < count; ++n) {
    if (!stage.expect(gathered.of(ids[n]) == 1, "one record of each command", std::to_string(gathered.of(ids[n])), "FBK-04 FBK-05 INV-14")) continue;
    const Record& record = gathered.records.find(ids[n])->second.front();
    const std::string_view status = completed[n] ? "Success" : "Expired";
    stage.expect(status_name(record.status) == status, stage.keep("a record of " + std::string{status} + ", as the settling was answered"), record.status, "FBK-09 INV-14");
    if (!record.date) continue;
    if (completed[n])
      stage.expect(*record.date < expiry, "no completion from the expiry on", std::to_string(*record.date - expiry) + " ms after it", "C2D-29 INV-09 INV-10");
    else
      stage.expect(*record.date >= expiry, "no expiry before its time", std::to_string(expiry - *record.date) + " ms before it", "C2D-29 INV-09");
  }
}

// A command waits across a restart: its time goes on.
Script expiry_over_a_restart(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  // Behind the restart, of a slow target too; and where time costs nothing, much later.
  const bool slowly = stage.target().can.has(Capability::free_time);
  const std::int64_t expiry = milliseconds(stage.date() + (slowly ? Duration{15s} : 8s + stage.patience()) + drawn_time(stage, 3s));
  const Drawn drawn = drawn_message(stage, {.ack = Ack::full, .expiry = expiry});
  co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
  co_await stage.pause(slowly ? 5s : 1s);
  co_await stage.restart();
  co_await stage.pause(std::max(Duration{2s}, model::Date{1ms * expiry} + 500ms - stage.date()));
  Http again{stage}, reader{stage};
  again.as(who);
  receive(stage, again, who);
  const Answer* none = co_await again.answer();
  again.expect(none, 204, "a command that has expired", "C2D-29 INV-10 TIME-01");
  reader.as_policy("service");
  const std::vector<std::string_view> ids{drawn.id};
  co_await fill_batch(stage, who);
  Gathered gathered;
  co_await gather(stage, &reader, &ids, &gathered, batching + 6s);
  if (stage.expect(gathered.of(drawn.id) == 1, "one record of the command that expired", std::to_string(gathered.of(drawn.id)), "C2D-29 FBK-04"))
    stage.expect(status_name(gathered.records.find(drawn.id)->second.front().status) == "Expired", "Expired", "another status", "C2D-29 FBK-09");
}

// ---- Locks.

Script lock_ends(Stage& stage) {
  constexpr Duration sooner = 1s;
  const Who who = stage.someone(), other = stage.someone();
  Service service{stage};
  Http http{stage}, second{stage};
  co_await ready(&service, &http, who);
  second.as(other);
  const Drawn late = drawn_message(stage, {.least = 1}), early = drawn_message(stage, {.least = 1});
  co_await taken(stage, &service, stage.identity(who).id, late.flat);
  co_await taken(stage, &service, stage.identity(other).id, early.flat);
  service.close();
  const Instant before = stage.now();
  receive(stage, second, other);
  const Answer* kept = co_await second.answer();
  receive(stage, http, who);
  const Answer* answer = co_await http.answer();
  const Instant after = stage.now();
  const std::string_view token = etag_of(stage, answer), kept_token = etag_of(stage, kept);
  co_await stage.need(!token.empty() && !kept_token.empty(), "a command was not handed over");
  co_await stage.pause(before + lock_time - sooner - stage.now());
  settle(stage, second, other, kept_token, How::complete);
  const Answer* good = co_await second.answer();
  if (stage.now() < before + lock_time) second.expect(good, 204, "a settling a second before the lock's end", "C2D-13 TIME-02");
  co_await stage.pause(after + lock_time + 2ms - stage.now());
  settle(stage, http, who, token, How::complete);
  const Answer* gone = co_await http.answer();
  http.expect(gone, 412, "a settling just behind the lock's end");
  receive(stage, http, who);
  const Answer* again = co_await http.answer();
  expect_command(stage, http, again, late.body, "the command again", "C2D-12 C2D-14");
}

// Two who ask at once get two commands, and a third finds no more.
Script asked_at_once(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  Http one{stage}, two{stage};
  co_await ready(&service, &one, who);
  two.as(who);
  for (std::uint32_t round = stage.draws().between(6, 9); round > 0; --round) {
    for (int n = 0; n < 2; ++n) {
      const Drawn drawn = drawn_message(stage, {.least = 1});
      co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
    }
    Http& other = stage.draws().heads() ? one : two;  // on one connection, or on two
    std::vector<const Answer*> answers;
    for (Http* each : {&one, &other, &one}) receive(stage, *each, who);
    for (Http* each : {&one, &other, &one}) {
      const Answer* answer = co_await each->answer();
      if (!stage.expect(answer != nullptr && (answer->status == 200 || answer->status == 204), "status 200 or 204", each->found(answer))) co_return;
      if (answer->status == 200) answers.push_back(answer);
    }
    const auto sequence = [](const Answer* answer) { return number(answer->field("iothub-sequencenumber")); };
    const bool right = answers.size() == 2 && sequence(answers[0]) != sequence(answers[1]);
    if (!stage.expect(right, "two commands for three who ask at once, each handed to one of them", std::to_string(answers.size()) + " deliveries")) co_return;
    for (const Answer* each : answers) {
      settle(stage, one, who, etag_of(stage, each), How::complete);
      const Answer* done = co_await one.answer();
      co_await stage.need(done != nullptr && done->status == 204, "a settling was refused");
    }
  }
}

Script purged_as_the_lock_ends(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage}, registry{stage};
  co_await ready(&service, &http, who);
  const Drawn drawn = drawn_message(stage, {.least = 1});
  co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
  service.close();
  registry.as_policy("iothubowner");
  const Instant before = stage.now();
  receive(stage, http, who);
  const Answer* answer = co_await http.answer();
  co_await stage.need(answer != nullptr && answer->status == 200, "a command was not handed over");
  co_await stage.pause(before + lock_time - 20ms - drawn_time(stage, 30ms) - stage.now());
  registry.ask("DELETE", device_path(stage, who, "/commands"));
  const Answer* purge = co_await registry.answer();
  registry.expect(purge, 200, "a purge");
  co_await stage.pause(1s);
  receive(stage, http, who);
  const Answer* none = co_await http.answer();
  http.expect(none, 204, "a queue that was purged, once the lock has ended");
}

// ---- What is under way as a connection ends.

// The connection of a device that holds a command ends for its silence, just before the lock would.
Script silent_to_the_end_of_the_lock(Stage& stage) {
  const Who who = stage.someone();
  Login login;
  login.clean = false;
  login.keep_alive = 40;  // 1.5 of it are as long as a lock
  Service service{stage};
  co_await service.opened();
  const Drawn drawn = drawn_message(stage, {.least = 1});
  const Client client = co_await joined(stage, who, login);
  co_await subscribed(stage, client, stage.filter(who), 1);
  const bool alive = co_await fenced(stage, client);
  co_await stage.need(alive, "a PINGREQ was not answered");
  co_await stage.pause(200ms + drawn_time(stage, 400ms));
  co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
  service.close();
  const Packet* first = co_await stage.heard(client, Type::publish);
  co_await stage.need(first != nullptr, "a command was not pushed");
  const bool ended = co_await stage.ended_within(client, 72s);
  co_await stage.need(ended, "a silent connection did not end");
  const Client again = co_await joined(stage, who, login);
  const Packet* packet = co_await stage.heard(again, Type::publish);
  stage.expect(packet != nullptr && same(packet->payload, drawn.body), "the command again, which nobody acknowledged", stage.found(again));
  if (packet != nullptr && packet->qos() == 1) stage.send(again, stage.keep(acknowledgement(Type::puback, packet->id)));
}

// A device comes and is pushed what waits; at about that time it is cut off, or another connection of it comes.
Script ends_under_way(Stage& stage, bool by_takeover) {
  const Who who = stage.someone();
  Service service{stage};
  co_await service.opened();
  Login login;
  login.clean = false;
  {
    const Client client = co_await joined(stage, who, login);
    co_await subscribed(stage, client, stage.filter(who), 1);
    stage.send(client, stage.keep(disconnect()));
    stage.close(client);
  }
  for (std::uint32_t round = by_takeover ? 30 : 60; round > 0; --round) {
    const Drawn drawn = drawn_message(stage, {.least = 1, .most = 40, .properties = 0});
    co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
    const Client first = co_await called(stage), second = co_await called(stage);
    stage.send(first, connect_packet(stage, who, login));
    co_await stage.pause(drawn_time(stage, 24ms));
    if (by_takeover) stage.send(second, connect_packet(stage, who, login));
    else stage.cut(first);
    co_await stage.pause(stage.patience() / 20 + 20ms);
    const Client last = co_await joined(stage, who, login);
    const Packet* packet = co_await stage.heard(last, Type::publish);
    const bool right = packet != nullptr && same(packet->payload, drawn.body);
    if (!stage.expect(right, "the command again, which nobody acknowledged", stage.found(last))) co_return;
    if (packet->qos() == 1) stage.send(last, stage.keep(acknowledgement(Type::puback, packet->id)));
    const bool alive = co_await fenced(stage, last);
    co_await stage.need(alive, "a connection ended");
    for (const Client each : {first, second, last}) stage.cut(each);
  }
}

// The last packet of a connection, and its end at once.
Script will_at_once(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  co_await service.opened();
  co_await service.watches();
  for (std::uint32_t round = 8; round > 0; --round) {
    Login login;
    login.will_topic = stage.topic(who);
    login.will = stage.payload(20, 40);
    login.will_qos = static_cast<std::uint8_t>(stage.draws().below(2));
    const Client client = co_await joined(stage, who, login);
    stage.send_whole(client, stage.keep(pingreq()));
    if (stage.draws().heads()) stage.cut(client);
    else stage.close(client);
    const Reading* will = co_await service.telemetry(stage.identity(who).id);
    stage.expect(will != nullptr && same(will->message().body(), login.will), "the will", will == nullptr ? "none" : "another message");
  }
}

// ---- Two that meet.

// One of two lives on. The other one leaves its will if it was accepted before.
Script two_connects_at_once(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  co_await service.opened();
  co_await service.watches();
  struct Life {
    View will;
    bool accepted = false;
    bool ended = false;  // by the hub, in good order
    int wills = 0;
  };
  std::vector<Life> lives;
  for (std::uint32_t round = 30; round > 0; --round) {
    Login login;
    login.clean = stage.draws().below(3) == 0;  // a session that is kept takes the hub its time
    login.will_topic = stage.topic(who);
    Client clients[2]{};
    for (Client& each : clients) each = co_await called(stage);
    for (const Client each : clients) {
      login.will = stage.payload(30, 40);
      lives.push_back({login.will});
      stage.send_whole(each, connect_packet(stage, who, login));
      co_await stage.pause(drawn_time(stage, 8ms));
    }
    for (int n = 0; n < 2; ++n) {
      const Packet* connack = co_await stage.heard(clients[n], Type::connack);
      lives[lives.size() - 2 + static_cast<std::size_t>(n)].accepted = connack != nullptr && connack->code == 0;
    }
    co_await stage.pause(stage.patience() / 20 + 30ms);  // whichever came second has ended the other
    const bool first = co_await fenced(stage, clients[0]);
    const bool second = co_await fenced(stage, clients[1]);
    if (!stage.expect(first != second, "one live connection of two that came at once", first ? "both live" : "none lives", "MQTT-09 INV-16")) co_return;
    for (int n = 0; n < 2; ++n) lives[lives.size() - 2 + static_cast<std::size_t>(n)].ended = stage.closed_by_target(clients[n]);
    for (const Client each : clients) stage.cut(each);
  }
  for (;;) {
    const Reading* one = co_await service.telemetry(stage.identity(who).id);
    if (one == nullptr) break;
    for (Life& life : lives) life.wills += same(one->message().body(), life.will) ? 1 : 0;
  }
  for (const Life& life : lives) {
    if (life.accepted)
      stage.expect(life.wills == 1, "the will of an accepted connection once", std::to_string(life.wills), "MQTT-42 INV-17");
    else if (life.ended)
      stage.expect(life.wills == 0, "no will of a connection that was never accepted", std::to_string(life.wills), "MQTT-42 INV-17");
  }
}

View connect_as(Stage& stage, std::string_view id, std::string_view token, bool clean = true) {
  Raw raw{Type::connect};
  raw.field("MQTT").u8(4).u8(static_cast<std::uint8_t>((token.empty() ? 0x80 : 0xc0) | (clean ? 2 : 0))).u16(0).field(id);
  raw.field(stage.target().host + "/" + std::string{id} + "/?api-version=2021-04-12");
  if (!token.empty()) raw.field(token);
  return stage.keep(raw.packet());
}

Script deleted_as_it_connects(Stage& stage) {
  Http registry{stage};
  registry.as_policy("iothubowner");
  for (std::uint32_t round = 20; round > 0; --round) {
    const Made device = co_await made(stage, &registry, fresh_device_id(stage, true));
    const Client client = co_await called(stage);
    const View hello = connect_as(stage, device.id, device.token, false);  // a session that is kept takes the hub its time
    const Duration apart = drawn_time(stage, 12ms);
    const bool connect_first = stage.draws().below(4) != 0;
    if (connect_first) stage.send_whole(client, hello);
    co_await stage.pause(apart);
    registry.ask("DELETE", device_path(stage, device.id), {{"If-Match", "*"}});
    if (!connect_first) stage.send_whole(client, hello);
    const Answer* answer = co_await registry.answer();
    co_await stage.need(answer != nullptr && answer->status == 204, "a device could not be deleted");
    const bool ended = co_await stage.ended(client);
    if (!stage.expect(ended, "the end of the connection of a device that was deleted as it came", stage.found(client))) co_return;
  }
}

// ---- Tokens and silence, for as long as they last.

Script token_ends(Stage& stage) {
  co_await stage.premise(stage.target().profile != "iot-hub-2017", "connections outlast their tokens before mid 2018 [SEC-18]");
  const Who who = stage.someone();
  const Identity& identity = stage.identity(who);
  const Duration life = std::chrono::seconds{stage.draws().between(20, 90)};
  const std::string_view token = stage.keep(model::make_token(stage.target().host + "/devices/" + identity.id, identity.key,
                                                              model::KeyForm::decoded, stage.date() + life));
  const Client client = co_await called(stage);
  const Instant since = stage.now();
  stage.send(client, connect_as(stage, identity.id, token));
  const Packet* connack = co_await stage.heard(client, Type::connack);
  co_await stage.need(connack != nullptr && connack->code == 0, "a good CONNECT was not accepted");
  co_await stage.pause(since + life - 2s - stage.now());
  const bool before = co_await fenced(stage, client);
  stage.expect(before, "a connection that lives as long as its token", stage.found(client), "INV-20");
  co_await stage.pause(60s);
  if (stage.draws().heads()) {  // grace for those who come late
    const Client late = co_await called(stage);
    stage.send(late, connect_as(stage, identity.id, token));
    const Packet* again = co_await stage.heard(late, Type::connack);
    stage.expect(again != nullptr && again->code == 0, "a CONNECT within the grace accepted", stage.found(late), "SEC-15");
    const bool ended = co_await stage.ended_within(late, 700s);
    stage.expect(ended, "the end of the connection, some minutes behind its token's", stage.found(late), "SEC-16 SEC-17 INV-20");
    co_return;
  }
  stage.pass("SEC-15");
  const bool ended = co_await stage.ended_within(client, 700s);
  stage.expect(ended, "the end of the connection, some minutes behind its token's", stage.found(client), "SEC-16 SEC-17 INV-20");
}

Script silent_for(Stage& stage, std::uint16_t keep_alive, Duration due) {
  const Who who = stage.someone();
  Login login;
  login.keep_alive = keep_alive;
  const Client client = co_await joined(stage, who, login);
  const bool alive = co_await fenced(stage, client);
  co_await stage.need(alive, "a PINGREQ was not answered");
  const Instant since = stage.now();
  const bool early = co_await stage.ended_within(client, due - 2s);
  stage.expect(!early, "no end before 1.5 keep-alives", stage.found(client));
  const bool ended = co_await stage.ended_within(client, since + due + 10s - stage.now());
  stage.expect(ended, "the end of a silent connection", stage.found(client));
}

// What was acknowledged is there for as long as the endpoint keeps it.
Script kept_for_a_day(Stage& stage) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  const View body = stage.payload(20, 60);
  co_await published(stage, client, stage.topic(who), body);
  stage.cut(client);
  co_await stage.pause(22h + drawn_time(stage, 60min));
  Service service{stage};
  co_await service.opened();
  co_await service.watches(true);
  for (;;) {
    const Reading* one = co_await service.telemetry(stage.identity(who).id);
    if (one == nullptr) {
      stage.fail("an event that the endpoint keeps", "it is not there");
      co_return;
    }
    if (!same(one->message().body(), body)) continue;
    stage.pass();
    co_return;
  }
}

// ---- Feedback.

Script many_records(Stage& stage) {
  constexpr std::uint32_t each = 45;
  const Who people[] = {stage.someone(), stage.someone(), stage.someone()};
  Service service{stage};
  co_await service.opened();
  Http registry{stage}, reader{stage};
  registry.as_policy("iothubowner");
  reader.as_policy("service");
  std::vector<std::string_view> ids;
  for (const Who who : people)
    for (std::uint32_t n = 0; n < each; ++n) {
      const Drawn drawn = drawn_message(stage, {.ack = Ack::full, .most = 10, .properties = 0});
      ids.push_back(drawn.id);
      co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
    }
  service.close();
  for (const Who who : people) {  // so many records at once fill batches
    registry.ask("DELETE", device_path(stage, who, "/commands"));
    const Answer* answer = co_await registry.answer();
    co_await stage.need(answer != nullptr && answer->status == 200, "a queue could not be purged");
  }
  Gathered gathered;
  co_await gather(stage, &reader, &ids, &gathered, 3 * batching + 6s);
  stage.expect(gathered.largest <= 64, "64 records in a batch at most", std::to_string(gathered.largest), "FBK-15 INV-15");
  for (const std::string_view id : ids)
    stage.expect(gathered.of(id) == 1, "one record of each command", std::to_string(gathered.of(id)), "FBK-04 FBK-05 INV-14");
}

Script batch_waits(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage}, reader{stage};
  co_await ready(&service, &http, who);
  reader.as_policy("service");
  const Drawn drawn = drawn_message(stage, {.ack = Ack::full});
  co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
  service.close();
  const std::string_view id = co_await served(stage, &http, who, How::complete);
  co_await stage.need(!id.empty(), "a command was not handed over");
  co_await stage.pause(25min + drawn_time(stage, 30min));
  const Answer* batch = co_await batch_with(stage, &reader, drawn.id, 2s);
  stage.expect(batch != nullptr, "a batch that nobody received within the hour", reader.found(batch));
}

}  // namespace

void add_hub_timing(Cases& cases) {
  const Capabilities commands{Capability::amqp, Capability::service, Capability::http};
  const auto add = [&](std::string name, std::string sentence, std::vector<std::string> clauses, std::function<Script(Stage&)> script,
                       Capabilities needs) -> Case& {
    return cases.emplace_back(Case{std::move(name), std::move(sentence), std::move(clauses),
                                   [its = std::move(script)](Stage& stage) { return tidied(stage, its); }, needs, For::hubs});
  };
  add("http/timing/expires-unasked", "Commands that nobody asks for expire; their records tell when.",
      {"C2D-29", "INV-09", "FBK-03", "FBK-09", "TIME-01"}, expires_on_time, commands)
      .alone = Alone::feedback;
  add("http/timing/settled-around-the-expiry", "Many locked commands are completed just before their expiry and just behind it.",
      {"C2D-29", "C2D-30", "INV-09", "INV-10", "INV-12", "INV-14", "FBK-04", "FBK-05", "FBK-09"}, settled_around_expiry, commands)
      .alone = Alone::feedback;
  add("http/timing/expiry-over-a-restart", "A command expires after a restart of the hub.",
      {"C2D-29", "INV-10", "TIME-01", "FBK-04", "FBK-09"}, expiry_over_a_restart, commands | Capabilities{Capability::restart})
      .alone = Alone::target;
  add("http/timing/lock-ends", "A lock is settled a second before its end, another one just behind it.",
      {"C2D-12", "C2D-13", "C2D-14", "TIME-02", "HTTP-16", "ERR-27", "INV-12"}, lock_ends, commands);
  add("http/timing/asked-at-once", "Three ask for two commands at once.", {"C2D-10", "HTTP-17", "INV-08", "INV-11"}, asked_at_once, commands);
  add("http/timing/purged-as-the-lock-ends", "A queue is purged as the lock of its command is about to end.", {"C2D-38", "C2D-04", "INV-10"},
      purged_as_the_lock_ends, commands);
  add("mqtt/timing/silent-to-the-end-of-the-lock", "A connection that holds a command ends for its silence, just before the lock would.",
      {"C2D-15", "DLV-12", "INV-14", "MQTT-38"}, silent_to_the_end_of_the_lock, commands);
  for (const bool by_takeover : {false, true})
    add(std::string{"mqtt/timing/"} + (by_takeover ? "taken-over" : "cut") + "-under-way", "A connection ends at about the time that a command leaves on it.",
        {"C2D-15", "DLV-12", "INV-14", "MQTT-38"}, [by_takeover](Stage& stage) { return ends_under_way(stage, by_takeover); }, commands);
  add("mqtt/timing/will-at-once", "A connection ends with its last packet.", {"MQTT-41", "MQTT-42", "INV-17"}, will_at_once,
      Capabilities{Capability::events, Capability::service});
  add("mqtt/timing/two-connects-at-once", "Two connections of one device come at once.", {"MQTT-09", "MQTT-42", "INV-16", "INV-17"}, two_connects_at_once,
      Capabilities{Capability::takeover, Capability::events, Capability::service});
  add("mqtt/timing/deleted-as-it-connects", "A device is deleted at about the time that it connects.", {"SEC-27", "C2D-36", "INV-21"}, deleted_as_it_connects,
      Capabilities{Capability::http, Capability::service});
  const Capabilities free{Capability::free_time};
  add("mqtt/timing/token-ends", "A token ends on a live connection.", {"SEC-15", "SEC-16", "SEC-17", "INV-20"}, token_ends,
      free | Capabilities{Capability::tokens});
  add("mqtt/timing/silent-for-230", "A client is silent whose keep-alive is 230 s.", {"MQTT-14", "MQTT-16", "INV-19"},
      [](Stage& stage) { return silent_for(stage, 230, 345s); }, free);
  for (const std::uint16_t seconds : {std::uint16_t{1177}, std::uint16_t{1300}, std::uint16_t{65'535}})
    add("mqtt/timing/silent-for-" + std::to_string(seconds), "A client is silent whose keep-alive is about the hub's cap or beyond it.", {"MQTT-15", "INV-19"},
        [seconds](Stage& stage) { return silent_for(stage, seconds, std::min(Duration{1767s}, Duration{std::chrono::seconds{seconds}} * 3 / 2)); }, free);
  add("mqtt/timing/kept-for-a-day", "An event is read when it is nearly a day old.", {"D2C-31", "D2C-32", "D2C-33", "DLV-02", "INV-01"}, kept_for_a_day,
      free | Capabilities{Capability::events, Capability::service});
  add("http/timing/many-records", "135 commands end at once; their records fill batches.", {"FBK-04", "FBK-05", "FBK-15", "INV-14", "INV-15"}, many_records,
      commands | free)
      .alone = Alone::feedback;
  add("http/timing/batch-waits", "A batch of feedback waits for nearly an hour.", {"FBK-19", "FBK-04"}, batch_waits, commands | free)
      .alone = Alone::feedback;
}

}  // namespace hubproof::conformance::cases
