// Commands that a device receives over HTTPS, and what becomes of them: queue, locks, settling, expiry.
#include <algorithm>

#include "conformance/cases/commands.hpp"
#include "conformance/cases/hub.hpp"
#include "model/base64.hpp"
#include "model/iso_date.hpp"

namespace hubproof::conformance::cases {
namespace {

using model::http::Field;

constexpr std::uint32_t most = 65'536;  // bytes of a command [C2D-05]
constexpr model::Duration margin = 3s;  // before a lock's end, and behind it

// ---- One command.

Script received(Stage& stage) {
  const Who who = stage.someone(), other = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  receive(stage, http, who);
  const Answer* none = co_await http.answer();
  http.expect(none, 204, "an empty queue", "HTTP-09 HTTP-10");
  Wish wish;
  wish.least = 1;
  wish.ack = static_cast<model::Ack>(stage.draws().below(4));
  const Drawn drawn = drawn_message(stage, wish);
  const Sent sent = co_await service.send(stage.identity(who).id, drawn.flat);
  if (!stage.expect(sent.accepted, "accepted, although no device is there", sent.text(), "DLV-11 C2D-01")) co_return;
  http.as(other);
  receive(stage, http, other);
  const Answer* others = co_await http.answer();
  http.expect(others, 204, "the queue of another device", "DLV-17 C2D-01");
  http.as(who);
  receive(stage, http, who);
  const Answer* answer = co_await http.answer();
  if (!expect_command(stage, http, answer, drawn.body, "status 200 with the command", "HTTP-09 C2D-01 DLV-18 INV-25")) co_return;
  const auto field = [&](std::string_view name) {
    const std::string* value = answer->field(name);
    return value == nullptr ? std::string_view{} : std::string_view{*value};
  };
  const std::string_view etag = field("etag");
  stage.expect(etag.size() > 2 && etag.front() == '"' && etag.back() == '"', "a lock token as ETag, in quotes", etag, "HTTP-11 C2D-11");
  stage.expect(field("iothub-messageid") == drawn.id, stage.keep("iothub-messageid " + std::string{drawn.id}), field("iothub-messageid"), "HTTP-11 MSG-03");
  stage.expect(!field("iothub-sequencenumber").empty(), "iothub-sequencenumber", "none", "HTTP-11 C2D-06");
  stage.expect(field("iothub-deliverycount") == "0", "iothub-deliverycount 0", field("iothub-deliverycount"), "HTTP-11 C2D-16");
  const auto enqueued = model::read_iso_date(field("iothub-enqueuedtime"));
  const std::int64_t now = stage.date().time_since_epoch() / 1ms;
  stage.expect(enqueued && *enqueued > now - 60'000 && *enqueued < now + 60'000, "iothub-enqueuedtime of now", field("iothub-enqueuedtime"), "HTTP-11 C2D-06 TIME-01");
  stage.expect(field("iothub-to").find("/messages/device") != std::string_view::npos, "iothub-to with the device's path", field("iothub-to"), "HTTP-11 MSG-07");
  if (wish.ack != model::Ack::none) {
    constexpr std::string_view acks[] = {"none", "positive", "negative", "full"};
    stage.expect(field("iothub-ack") == acks[static_cast<std::size_t>(wish.ack)], acks[static_cast<std::size_t>(wish.ack)], field("iothub-ack"), "HTTP-11 MSG-17 FBK-01");
  } else {
    stage.expect(field("iothub-ack").empty() || field("iothub-ack") == "none", "no ack", field("iothub-ack"), "HTTP-11 MSG-17 FBK-01");
  }
  for (const auto& [name, value] : drawn.properties)
    stage.expect(field("iothub-app-" + std::string{name}) == value, stage.keep("the property " + std::string{name} + " = " + std::string{value}),
                 field("iothub-app-" + std::string{name}), "HTTP-03 HTTP-11 MSG-02 MSG-12");
  stage.expect(answer->field("iothub-correlationid") == nullptr, "no property that was not sent", "iothub-correlationid", "MSG-18");
  receive(stage, http, who);
  const Answer* locked = co_await http.answer();
  http.expect(locked, 204, "a queue whose only command is locked", "C2D-10 HTTP-17 INV-08");
  settle(stage, http, who, etag_of(stage, answer), How::complete);
  const Answer* done = co_await http.answer();
  http.expect(done, 204, "a command that is completed", "HTTP-13 C2D-33");
}

// Settled, and what comes then.
Script settled(Stage& stage, How how) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  const Drawn first = drawn_message(stage, {.least = 1, .most = 50});
  co_await taken(stage, &service, stage.identity(who).id, first.flat);
  receive(stage, http, who);
  const Answer* answer = co_await http.answer();
  co_await stage.need(answer != nullptr && answer->status == 200, "a command was not handed over");
  const std::string_view token = etag_of(stage, answer);
  const bool match = stage.draws().heads();
  settle(stage, http, who, token, how, match ? std::vector<Field>{{"If-Match", token}} : std::vector<Field>{});
  const Answer* done = co_await http.answer();
  if (!http.expect(done, 204, "a settling with the lock's token")) co_return;
  if (how == How::abandon) {
    receive(stage, http, who);
    const Answer* again = co_await http.answer();
    if (!expect_command(stage, http, again, first.body, "the command at once, after it was abandoned")) co_return;
    stage.expect(number(again->field("iothub-deliverycount")) == 1, "a delivery count of 1", http.found(again), "C2D-16 C2D-17 INV-13");
    const std::string_view next = etag_of(stage, again);
    stage.expect(next != token, "another lock token for another delivery", next, "C2D-11 INV-08");
    settle(stage, http, who, token, How::complete);
    const Answer* old = co_await http.answer();
    http.expect(old, 412, "the token of the delivery before", "C2D-11 C2D-14 HTTP-16 ERR-27 INV-12");
    settle(stage, http, who, next, How::complete);
    const Answer* last = co_await http.answer();
    http.expect(last, 204, "the token of this delivery", "C2D-11");
  }
  settle(stage, http, who, token, How::complete);
  const Answer* twice = co_await http.answer();
  stage.expect(twice != nullptr && (twice->status == 412 || twice->status == 404), "status 412 or 404 for a command that is final", http.found(twice), "C2D-24 INV-12");
  co_await stage.pause(lock_time + margin);
  const Drawn second = drawn_message(stage, {.least = 60, .most = 90});
  service.close();
  Service later{stage};
  co_await later.opened(false);
  co_await taken(stage, &later, stage.identity(who).id, second.flat);
  receive(stage, http, who);
  const Answer* next = co_await http.answer();
  expect_command(stage, http, next, second.body, "the next command, as the first is final");
}

Script wrong_match(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  const Drawn drawn = drawn_message(stage);
  co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
  receive(stage, http, who);
  const Answer* answer = co_await http.answer();
  const std::string_view token = etag_of(stage, answer);
  co_await stage.need(!token.empty(), "a command came without an ETag");
  settle(stage, http, who, token, How::complete, {{"If-Match", "\"another\""}});
  const Answer* wrong = co_await http.answer();
  http.expect(wrong, 412, "If-Match with another token");
  settle(stage, http, who, token, How::complete);
  const Answer* right = co_await http.answer();
  http.expect(right, 204, "the token, after a refused settling", "ERR-37");
}

Script no_such_lock(Stage& stage, std::string_view token) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  const Drawn drawn = drawn_message(stage);
  co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
  const How hows[] = {How::complete, How::reject, How::abandon};
  for (const How how : hows) {
    settle(stage, http, who, token, how);
    const Answer* answer = co_await http.answer();
    stage.expect(answer != nullptr && (answer->status == 412 || answer->status == 404 || answer->status == 400),
                 "status 412, 404 or 400 for a lock that never was", http.found(answer), "C2D-11 C2D-14 ERR-27 ERR-34");
  }
  receive(stage, http, who);
  const Answer* there = co_await http.answer();
  expect_command(stage, http, there, drawn.body, "the command, which nobody settled", "INV-12 ERR-37");
}

Script others_token(Stage& stage) {
  const Who who = stage.someone(), other = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  const Drawn mine = drawn_message(stage), theirs = drawn_message(stage, {.least = 10, .most = 20});
  co_await taken(stage, &service, stage.identity(who).id, mine.flat);
  co_await taken(stage, &service, stage.identity(other).id, theirs.flat);
  receive(stage, http, who);
  const Answer* answer = co_await http.answer();
  const std::string_view token = etag_of(stage, answer);
  http.as(other);
  settle(stage, http, other, token, How::complete);
  const Answer* wrong = co_await http.answer();
  stage.expect(wrong != nullptr && (wrong->status == 412 || wrong->status == 404), "status 412 or 404 for another device's lock", http.found(wrong));
  receive(stage, http, other);
  const Answer* still = co_await http.answer();
  expect_command(stage, http, still, theirs.body, "the other device's command, untouched", "INV-12 C2D-24");
  http.as(who);
  settle(stage, http, who, token, How::complete);
  const Answer* right = co_await http.answer();
  http.expect(right, 204, "the lock of its own holder");
}

// ---- Locks.

Script lock_runs_out(Stage& stage, std::string_view header) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  const Drawn drawn = drawn_message(stage, {.least = 1, .most = 50});
  co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
  service.close();
  std::vector<Field> fields;
  if (!header.empty()) fields.push_back({"IotHub-MessageLockTimeout", header});
  const Instant before = stage.now();
  receive(stage, http, who, fields);
  const Answer* first = co_await http.answer();
  const Instant after = stage.now();
  const std::string_view token = etag_of(stage, first);
  co_await stage.need(!token.empty(), "a command was not handed over");
  const model::Duration asked = header.empty() ? lock_time : model::Duration{std::chrono::seconds{std::atoi(std::string{header}.c_str())}};
  const model::Duration least = std::min(asked, lock_time), longest = std::max(asked, lock_time);
  co_await stage.pause(before + least - margin - stage.now());
  receive(stage, http, who);
  const Answer* early = co_await http.answer();
  if (stage.now() < before + least) http.expect(early, 204, "a queue whose only command is locked still");
  else stage.undecided("the answer took so long that the lock may have ended");
  co_await stage.pause(after + longest + margin - stage.now());
  settle(stage, http, who, token, How::complete);
  const Answer* late = co_await http.answer();
  http.expect(late, 412, "a settling behind the lock's end", "C2D-14 HTTP-16 ERR-27 INV-12 HTTP-21");
  receive(stage, http, who);
  const Answer* again = co_await http.answer();
  if (!expect_command(stage, http, again, drawn.body, "the command again, once its lock has run out")) co_return;
  const std::int64_t count = stage.target().profile == "iot-hub-2017" ? 1 : 0;
  stage.expect(number(again->field("iothub-deliverycount")) == count, stage.keep("a delivery count of " + std::to_string(count)), http.found(again), "C2D-17 C2D-16 INV-13");
  stage.expect(etag_of(stage, again) != token, "another lock token", token, "C2D-11 INV-08");
  settle(stage, http, who, etag_of(stage, again), How::complete);
  const Answer* done = co_await http.answer();
  http.expect(done, 204, "a settling within the second lock", "C2D-11");
}

// A queue is one, whatever reads it: it runs out at HTTPS, and comes by MQTT.
Script over_another_protocol(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  const Drawn drawn = drawn_message(stage, {.least = 1, .most = 50});
  co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
  receive(stage, http, who);
  const Answer* first = co_await http.answer();
  const std::string_view token = etag_of(stage, first);
  co_await stage.need(!token.empty(), "a command was not handed over");
  Raw raw{Type::connect};
  const Identity& identity = stage.identity(who);
  raw.field("MQTT").u8(4).u8(static_cast<std::uint8_t>(0x82 | (identity.password.empty() ? 0 : 0x40))).u16(0).field(identity.id).field(identity.user);
  if (!identity.password.empty()) raw.field(identity.password);
  const Client client = stage.connect(Door::mqtt);
  stage.send(client, stage.keep(raw.packet()));
  const Packet* connack = co_await stage.heard(client, Type::connack);
  co_await stage.need(connack != nullptr && connack->code == 0, "a good CONNECT was not accepted");
  stage.send(client, stage.keep(Raw{Type::subscribe, 2}.u16(1).field(stage.filter(who)).u8(1).packet()));
  const Packet* suback = co_await stage.heard(client, Type::suback, 1);
  co_await stage.need(suback != nullptr, "a SUBSCRIBE was not answered");
  const Packet* early = co_await stage.heard(client, Type::publish, 0, 5s);
  stage.expect(early == nullptr, "nothing while HTTPS holds the lock", early == nullptr ? "" : describe(early->raw), "C2D-10 INV-08");
  settle(stage, http, who, token, How::abandon);
  const Answer* done = co_await http.answer();
  co_await stage.need(done != nullptr && done->status == 204, "an abandon was refused");
  const Packet* publish = co_await stage.heard(client, Type::publish);
  stage.expect(publish != nullptr && std::ranges::equal(publish->payload, drawn.body), "the command, over MQTT", stage.found(client), "C2D-39 DLV-18 INV-25");
  if (publish != nullptr && publish->qos() == 1) stage.send(client, stage.keep(acknowledgement(Type::puback, publish->id)));
}

Script each_locks_one(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  std::vector<View> bodies;
  for (std::uint32_t more = stage.draws().between(3, 7); more > 0; --more) {
    const Drawn drawn = drawn_message(stage, {.least = 8, .most = 60});
    bodies.push_back(drawn.body);
    co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
  }
  std::int64_t sequence = -1;
  for (const View body : bodies) {
    receive(stage, http, who);
    const Answer* answer = co_await http.answer();
    if (!expect_command(stage, http, answer, body, "the commands one by one, as they were sent", "HTTP-17 C2D-10 C2D-25")) co_return;
    stage.expect(number(answer->field("iothub-sequencenumber")) > sequence, "sequence numbers that are unique and increase", http.found(answer), "C2D-06");
    sequence = number(answer->field("iothub-sequencenumber"));
  }
  receive(stage, http, who);
  const Answer* none = co_await http.answer();
  http.expect(none, 204, "a queue of which all is locked", "HTTP-17 C2D-10");
}

// ---- Limits.

Script depth(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  const std::string_view device = stage.identity(who).id;
  for (int number_ = 1; number_ <= 50; ++number_) {
    const Drawn drawn = drawn_message(stage, {.most = 20, .properties = 0});
    const Sent sent = co_await service.send(device, drawn.flat);
    if (!stage.expect(sent.accepted, stage.keep("command " + std::to_string(number_) + " of 50 accepted"), sent.text(), "C2D-03 QUO-15")) co_return;
  }
  std::string_view token;
  for (std::uint32_t more = stage.draws().between(1, 3); more > 0; --more) {  // locked ones count, too
    receive(stage, http, who);
    const Answer* answer = co_await http.answer();
    token = etag_of(stage, answer);
  }
  co_await stage.need(!token.empty(), "a command was not handed over");
  const Drawn over = drawn_message(stage, {.most = 20, .properties = 0});
  const Sent refused = co_await service.send(device, over.flat);
  stage.expect(refused.answered && !refused.accepted && refused.condition == "amqp:resource-limit-exceeded", "the 51st refused with amqp:resource-limit-exceeded",
               refused.text(), "C2D-03 C2D-04 ERR-11 QUO-15 INV-07");
  settle(stage, http, who, token, stage.draws().heads() ? How::complete : How::reject);
  const Answer* done = co_await http.answer();
  co_await stage.need(done != nullptr && done->status == 204, "a settling was refused");
  const Sent room = co_await service.send(device, over.flat);
  stage.expect(room.accepted, "a place after one became final", room.text(), "C2D-04");
  const Sent again = co_await service.send(device, over.flat);
  stage.expect(!again.accepted, "one place, not two", again.text(), "C2D-03 C2D-04 INV-07");
  Http registry{stage};
  registry.as_policy("iothubowner");
  registry.ask("DELETE", device_path(stage, who, "/commands"));
  const Answer* purged = co_await registry.answer();
  registry.expect(purged, 200, "a purge", "C2D-38");
  stage.expect(member(stage, purged, "totalMessagesPurged") == "50", "totalMessagesPurged 50", registry.found(purged), "C2D-38 C2D-04");
  const Sent free = co_await service.send(device, over.flat);
  stage.expect(free.accepted, "a place after the purge", free.text(), "C2D-04 C2D-38");
  receive(stage, http, who);
  const Answer* only = co_await http.answer();
  expect_command(stage, http, only, over.body, "the command behind the purge alone", "C2D-38 ERR-37");
}

// A message that expires behind others makes room as well.
Script expiry_frees(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  co_await service.opened();
  const std::string_view device = stage.identity(who).id;
  const std::uint32_t at = stage.draws().between(5, 40);
  constexpr model::Duration life = 8s;
  for (std::uint32_t place = 0; place < 50; ++place) {
    Wish wish;
    wish.most = 20;
    wish.properties = 0;
    if (place == at) wish.expiry = (stage.date() + life).time_since_epoch() / 1ms;
    const Drawn drawn = drawn_message(stage, wish);
    co_await taken(stage, &service, device, drawn.flat);
  }
  co_await stage.pause(life + 1s);
  const Drawn next = drawn_message(stage, {.most = 20, .properties = 0});
  const Sent room = co_await service.send(device, next.flat);
  stage.expect(room.accepted, "a place for one more, as one of 50 has expired", room.text());
  const Sent over = co_await service.send(device, next.flat);
  stage.expect(over.answered && !over.accepted, "one place, not two", over.text());
}

Script size(Stage& stage, std::uint32_t bytes) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  // `to` counts as well: it is a system property [MSG-20].
  const std::string_view to = stage.keep("/devices/" + stage.identity(who).id + "/messages/devicebound");
  const std::size_t body = bytes - to.size();
  Bytes flat;
  model::MessageWriter{flat}.body(Bytes(body, 'x'));
  const View kept = stage.keep(std::move(flat));
  const Sent sent = co_await service.send_to(to, kept);
  if (bytes <= most) {
    stage.expect(sent.accepted, stage.keep("a command of " + std::to_string(bytes) + " bytes accepted"), sent.text());
    receive(stage, http, who);
    const Answer* answer = co_await http.answer();
    stage.expect(answer != nullptr && answer->status == 200 && answer->body.size() == body, "all of it at the device",
                 answer == nullptr ? "nothing" : std::to_string(answer->body.size()) + " bytes", "C2D-05 QUO-15");
  } else {
    stage.expect(sent.answered && sent.condition == "amqp:link:message-size-exceeded", "amqp:link:message-size-exceeded", sent.text());
    receive(stage, http, who);
    const Answer* answer = co_await http.answer();
    http.expect(answer, 204, "the queue, after a refused command", "ERR-37");
  }
}

// ---- Whom it may be sent to.

Script to_nobody(Stage& stage, int kind) {
  Http registry{stage};
  registry.as_policy("iothubowner");
  Service service{stage};
  co_await service.opened();
  const std::string_view id = fresh_device_id(stage, true);
  Made device;
  if (kind > 0) device = co_await made(stage, &registry, id);
  if (kind == 1) co_await removed(stage, &registry, id);
  const Drawn drawn = drawn_message(stage), before = drawn_message(stage, {.least = 10, .most = 20});
  if (kind == 2) {  // disabled; what it has in its queue stays
    co_await taken(stage, &service, id, before.flat);
    registry.ask("PUT", device_path(stage, id), {{"Content-Type", "application/json"}, {"If-Match", "*"}},
                 device_json(stage, id, device.primary, device.secondary, false));
    co_await registry.answer();
  }
  const Sent sent = co_await service.send(id, drawn.flat);
  stage.expect(sent.answered && sent.condition == "amqp:not-found", "amqp:not-found", sent.text(), kind == 2 ? "C2D-08 ERR-18 ERR-39" : "C2D-07 ERR-18");
  if (kind == 2) {
    Http http{stage};
    http.as_bearer(device.token);
    http.ask("GET", device_path(stage, id, bound_path));
    const Answer* refused = co_await http.answer();
    stage.expect(refused != nullptr && refused->status >= 401 && refused->status <= 404, "status 401, 403 or 404 for a disabled device", http.found(refused), "C2D-35 SEC-26");
    registry.ask("PUT", device_path(stage, id), {{"Content-Type", "application/json"}, {"If-Match", "*"}},
                 device_json(stage, id, device.primary, device.secondary, true));
    co_await registry.answer();
    http.ask("GET", device_path(stage, id, bound_path));
    const Answer* first = co_await http.answer();
    expect_command(stage, http, first, before.body, "what was in the queue before, once it is enabled", "C2D-35");
    http.ask("GET", device_path(stage, id, bound_path));
    const Answer* second = co_await http.answer();
    http.expect(second, 204, "nothing of a refused command", "C2D-08 ERR-37");
  } else {  // nothing waits for a device that is created later
    const Made later = co_await made(stage, &registry, id);
    Http http{stage};
    http.as_bearer(later.token);
    http.ask("GET", device_path(stage, id, bound_path));
    const Answer* none = co_await http.answer();
    http.expect(none, 204, "the queue of a device that is created later", "C2D-07 ERR-37");
  }
  co_await removed(stage, &registry, id);
}

Script created_again(Stage& stage) {
  Http registry{stage};
  registry.as_policy("iothubowner");
  Service service{stage};
  co_await service.opened();
  const std::string_view id = fresh_device_id(stage, true);
  const Made first = co_await made(stage, &registry, id);
  for (std::uint32_t more = stage.draws().between(1, 3); more > 0; --more) {
    const Drawn drawn = drawn_message(stage);
    co_await taken(stage, &service, id, drawn.flat);
  }
  co_await removed(stage, &registry, id);
  const Made second = co_await made(stage, &registry, id);
  stage.expect(first.generation != second.generation, "another generation", second.generation, "C2D-37");
  Http http{stage};
  http.as_bearer(second.token);
  http.ask("GET", device_path(stage, id, bound_path));
  const Answer* none = co_await http.answer();
  http.expect(none, 204, "the queue of a device that is created again", "C2D-36 C2D-37 INV-21");
  if (stage.target().can.has(Capability::tokens)) {
    http.as_bearer(first.token);
    http.ask("GET", device_path(stage, id, bound_path));
    const Answer* old = co_await http.answer();
    http.expect(old, 401, "a token of the device that was deleted", "SEC-27");
  } else {
    stage.pass("SEC-27");
  }
  co_await removed(stage, &registry, id);
}

// ---- Expiry.

Script expires(Stage& stage, bool locked) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  constexpr model::Duration life = 8s;  // more than what clocks may be apart, or else the case cannot decide
  const std::int64_t expiry = (stage.date() + life).time_since_epoch() / 1ms;
  const Drawn short_lived = drawn_message(stage, {.expiry = expiry, .least = 1, .most = 40});
  const Drawn other = drawn_message(stage, {.least = 50, .most = 60});
  const Sent sent = co_await service.send(stage.identity(who).id, short_lived.flat);
  co_await stage.need(sent.accepted, "a command that expires soon was not taken: is the target's clock another one?");
  co_await taken(stage, &service, stage.identity(who).id, other.flat);
  std::string_view token;
  if (locked) {
    receive(stage, http, who);
    const Answer* answer = co_await http.answer();
    if (!expect_command(stage, http, answer, short_lived.body, "the command before its expiry", "C2D-26 MSG-08")) co_return;
    const std::string* shown = answer->field("iothub-expiry");
    const auto date = shown == nullptr ? std::nullopt : model::read_iso_date(*shown);
    stage.expect(date && *date / 1000 == expiry / 1000, "iothub-expiry as the service set it", shown == nullptr ? "none" : *shown, "C2D-26 MSG-08 HTTP-11");
    token = etag_of(stage, answer);
  } else {
    stage.pass("C2D-26 MSG-08");
  }
  co_await stage.pause(life + margin);
  if (locked) {
    settle(stage, http, who, token, How::complete);
    const Answer* late = co_await http.answer();
    http.expect(late, 412, "a settling of what has expired", "C2D-29 C2D-30 INV-12");
  }
  receive(stage, http, who);
  const Answer* next = co_await http.answer();
  expect_command(stage, http, next, other.body, "the command that does not expire, and not the other", "C2D-29 INV-10");
  co_await stage.pause(locked ? lock_time + margin : 1s);
  receive(stage, http, who);
  const Answer* last = co_await http.answer();
  if (locked) expect_command(stage, http, last, other.body, "nothing of what has expired, after its lock either", "C2D-29 INV-10");
  else http.expect(last, 204, "nothing of what has expired", "C2D-29 INV-10");
}

Script expiry_of(Stage& stage, model::Duration life, bool good) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  const Drawn drawn = drawn_message(stage, {.expiry = (stage.date() + life).time_since_epoch() / 1ms, .least = 1});
  const Sent sent = co_await service.send(stage.identity(who).id, drawn.flat);
  receive(stage, http, who);
  const Answer* answer = co_await http.answer();
  if (good) {
    stage.expect(sent.accepted, "accepted", sent.text());
    expect_command(stage, http, answer, drawn.body, "the command");
  } else {  // refused, or dead at once [OPEN-07]
    stage.expect(sent.answered, "an answer", sent.text());
    http.expect(answer, 204, "the queue, after a command with an expiry that cannot be");
  }
}

Script default_life(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  const Drawn drawn = drawn_message(stage);
  co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
  receive(stage, http, who);
  const Answer* answer = co_await http.answer();
  co_await stage.need(answer != nullptr && answer->status == 200, "a command was not handed over");
  const std::string *expiry = answer->field("iothub-expiry"), *enqueued = answer->field("iothub-enqueuedtime");
  if (expiry == nullptr) {  // a hub may keep what it set to itself
    stage.pass();
    co_return;
  }
  const auto until = model::read_iso_date(*expiry), since = enqueued == nullptr ? std::nullopt : model::read_iso_date(*enqueued);
  const bool right = until && since && *until - *since >= 60'000 && *until - *since <= 48 * 3'600'000;
  stage.expect(right, "an expiry of one minute to two days behind the time of receipt", *expiry);
}

// ---- Given back too often.

Script abandoned(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  const Drawn drawn = drawn_message(stage, {.least = 1});
  co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
  int deliveries = 0;
  std::int64_t count = -1;
  for (; deliveries < 102; ++deliveries) {  // 100 is the most that a hub can be set to [C2D-18]
    receive(stage, http, who);
    const Answer* answer = co_await http.answer();
    if (answer != nullptr && answer->status == 204) break;
    if (!expect_command(stage, http, answer, drawn.body, "the command that was abandoned, or none")) co_return;
    const std::int64_t shown = number(answer->field("iothub-deliverycount"));
    stage.expect(shown == count + 1, stage.keep("a delivery count of " + std::to_string(count + 1)), http.found(answer), "C2D-16 C2D-17 INV-13");
    count = shown;
    settle(stage, http, who, etag_of(stage, answer), How::abandon);
    const Answer* done = co_await http.answer();
    if (!http.expect(done, 204, "an abandon", "C2D-22 HTTP-15")) co_return;
  }
  // Ten, or one more [OPEN-02], unless the hub is set to another number.
  stage.expect(deliveries == 10 || deliveries == 11, "10 or 11 deliveries of a command that is abandoned each time", std::to_string(deliveries), "C2D-18 C2D-19");
}

// ---- What a restart leaves.

Script durable(Stage& stage) {
  const Who who = stage.someone();
  Service service{stage};
  Http http{stage};
  co_await ready(&service, &http, who);
  const Drawn first = drawn_message(stage, {.least = 1, .most = 20}), second = drawn_message(stage, {.least = 30, .most = 50});
  co_await taken(stage, &service, stage.identity(who).id, first.flat);
  receive(stage, http, who);
  const Answer* answer = co_await http.answer();
  const std::string_view token = etag_of(stage, answer);
  settle(stage, http, who, token, How::complete);
  const Answer* done = co_await http.answer();
  co_await stage.need(done != nullptr && done->status == 204, "a settling was refused");
  const std::string_view device = stage.identity(who).id;
  for (std::uint32_t more = stage.draws().between(6, 9); more > 0; --more) {  // settled in all ways
    const Drawn drawn = drawn_message(stage, {.most = 20});
    co_await taken(stage, &service, device, drawn.flat);
    receive(stage, http, who);
    const Answer* one = co_await http.answer();
    settle(stage, http, who, etag_of(stage, one), more % 2 == 0 ? How::complete : How::reject_true);
    const Answer* end = co_await http.answer();
    co_await stage.need(end != nullptr && end->status == 204, "a settling was refused");
  }
  co_await taken(stage, &service, device, second.flat);
  receive(stage, http, who);
  const Answer* returned = co_await http.answer();
  const std::string_view before = etag_of(stage, returned);
  settle(stage, http, who, before, How::abandon);
  const Answer* back = co_await http.answer();
  co_await stage.need(back != nullptr && back->status == 204, "an abandon was refused");
  co_await stage.restart();
  co_await stage.pause(stage.settling(2s));
  Http again{stage};
  again.as(who);
  receive(stage, again, who);
  const Answer* there = co_await again.answer();
  if (!expect_command(stage, again, there, second.body, "the command that was accepted, and none of those that were final")) co_return;
  stage.expect(number(there->field("iothub-deliverycount")) == 1, "the delivery count of before, 1", again.found(there), "C2D-16");
  settle(stage, again, who, before, How::complete);
  const Answer* old = co_await again.answer();
  again.expect(old, 412, "a lock of before the restart", "C2D-11 C2D-15 INV-12");
  receive(stage, again, who);
  const Answer* none = co_await again.answer();
  again.expect(none, 204, "nothing more", "C2D-20 DLV-12");
}

}  // namespace

void add_http_commands(Cases& cases) {
  const auto add = [&](std::string name, std::string sentence, std::vector<std::string> clauses,
                       std::function<Script(Stage&)> script, Capabilities more = {}) -> Case& {
    return cases.emplace_back(Case{"http/commands/" + name, std::move(sentence), std::move(clauses),
                                   [script = std::move(script)](Stage& stage) { return tidied(stage, script); },
                                   Capabilities{Capability::amqp, Capability::service} | more, For::hubs});
  };
  add("received", "A command is sent, received with all its properties, and completed; another device gets nothing.",
      {"HTTP-03", "HTTP-09", "HTTP-10", "HTTP-11", "HTTP-13", "HTTP-17", "C2D-01", "C2D-06", "C2D-10", "C2D-11", "C2D-16", "C2D-33", "DLV-11",
       "DLV-17", "DLV-18", "MSG-02", "MSG-03", "MSG-07", "MSG-12", "MSG-17", "MSG-18", "FBK-01", "TIME-01", "INV-08", "INV-25"},
      received);
  const std::tuple<How, const char*, const char*, std::vector<std::string>> hows[] = {
      {How::complete, "completed", "A command is completed, and does not come again.", {"HTTP-13", "C2D-20", "C2D-24", "C2D-33", "C2D-09", "DLV-12", "INV-10", "INV-12"}},
      {How::reject, "rejected", "A command is rejected by a bare flag, and does not come again.", {"HTTP-14", "C2D-21", "C2D-33", "C2D-09", "C2D-24", "INV-12"}},
      {How::reject_true, "rejected-with-a-value", "A command is rejected by reject=true, and does not come again.", {"HTTP-14", "C2D-21", "C2D-33", "C2D-24", "INV-12"}},
      {How::abandon, "abandoned", "A command is abandoned, comes again at once, and is completed.",
       {"HTTP-15", "HTTP-16", "C2D-22", "C2D-33", "C2D-09", "C2D-11", "C2D-14", "C2D-16", "C2D-17", "C2D-24", "ERR-27", "INV-08", "INV-11", "INV-12", "INV-13"}}};
  for (const auto& [how, name, sentence, clauses] : hows) add(name, sentence, clauses, [its_how = how](Stage& stage) { return settled(stage, its_how); });
  add("wrong-if-match", "A settling has If-Match with another token.", {"HTTP-16", "ERR-37"}, wrong_match);
  for (const auto& [name, token] : {std::pair{"number", "4711"}, {"words", "no-such-lock"}, {"uuid", "6f0c5b6e-0c0f-4f0e-9d0d-3a1f2b3c4d5e"}})
    add(std::string{"no-such-lock-"} + name, "A settling names a lock that never was.", {"C2D-11", "C2D-14", "ERR-27", "ERR-34", "ERR-37", "INV-12"},
        [its_token = token](Stage& stage) { return no_such_lock(stage, its_token); });
  add("others-lock", "A device settles with another device's lock.", {"C2D-11", "C2D-24", "INV-12"}, others_token);
  add("lock-runs-out", "A lock runs out: the command is hidden before, and comes again after.",
      {"C2D-10", "C2D-11", "C2D-12", "C2D-13", "C2D-14", "C2D-16", "C2D-17", "HTTP-16", "HTTP-21", "ERR-27", "TIME-02", "INV-08", "INV-11", "INV-12", "INV-13"},
      [](Stage& stage) { return lock_runs_out(stage, {}); });
  add("lock-that-is-asked-for", "A lock of 20 s is asked for, which a hub may grant.",
      {"HTTP-12", "C2D-12", "C2D-14", "C2D-11", "C2D-16", "C2D-17", "HTTP-16", "HTTP-21", "ERR-27", "INV-08", "INV-12", "INV-13"},
      [](Stage& stage) { return lock_runs_out(stage, "20"); });
  add("over-another-protocol", "A command is abandoned at HTTPS, and comes by MQTT.", {"C2D-10", "C2D-39", "DLV-18", "INV-08", "INV-25"},
      over_another_protocol, {Capability::mqtt});
  add("each-locks-one", "Commands are received and none is settled.", {"HTTP-17", "C2D-06", "C2D-10", "C2D-25"}, each_locks_one);
  add("queue-of-50", "A queue is filled, one more is refused, one is settled, all is purged.",
      {"C2D-03", "C2D-04", "C2D-38", "ERR-11", "ERR-37", "QUO-15", "INV-07"}, depth);
  add("expiry-frees-a-place", "One of 50 commands expires behind others.", {"C2D-04", "C2D-29", "C2D-03", "INV-07"}, expiry_frees);
  for (const std::uint32_t bytes : {most - 1, most, most + 1, most + 1000})
    add("size-of-" + std::to_string(bytes), "A command counts " + std::to_string(bytes) + " bytes.",
        bytes <= most ? std::vector<std::string>{"C2D-05", "MSG-20", "QUO-15"} : std::vector<std::string>{"C2D-05", "MSG-20", "QUO-15", "ERR-29", "ERR-37"},
        [bytes](Stage& stage) { return size(stage, bytes); });
  add("to-unknown-device", "A command is for a device that never was.", {"C2D-07", "ERR-18", "ERR-37"}, [](Stage& stage) { return to_nobody(stage, 0); });
  add("to-deleted-device", "A command is for a device that was deleted.", {"C2D-07", "ERR-18", "ERR-37"}, [](Stage& stage) { return to_nobody(stage, 1); });
  add("to-disabled-device", "A command is for a device that is disabled; what waited before waits still.",
      {"C2D-08", "C2D-35", "SEC-26", "ERR-18", "ERR-39", "ERR-37"}, [](Stage& stage) { return to_nobody(stage, 2); });
  add("created-again", "A device with a filled queue is deleted and created again.", {"C2D-36", "C2D-37", "SEC-27", "INV-21"}, created_again);
  add("expires-in-the-queue", "A command expires while it waits.", {"C2D-26", "C2D-29", "MSG-08", "INV-10"}, [](Stage& stage) { return expires(stage, false); });
  add("expires-while-locked", "A command expires while it is locked.", {"C2D-26", "C2D-29", "C2D-30", "MSG-08", "HTTP-11", "INV-10", "INV-12"},
      [](Stage& stage) { return expires(stage, true); });
  const std::tuple<const char*, model::Duration, bool> lives[] = {
      {"past", -10min, false}, {"ten-minutes", 10min, true}, {"47-hours", 47h, true}, {"49-hours", 49h, false}};
  for (const auto& [name, life, good] : lives) {
    // What is beyond two days may be cut in place of refused: then the case would not see it.
    std::vector<std::string> clauses{"C2D-28", "C2D-26"};
    if (!good) clauses = {"C2D-28", "ERR-15"};
    if (name == std::string_view{"past"}) clauses.emplace_back("TIME-05");
    add(std::string{"expiry-of-"} + name, "A command's expiry is so far away.", std::move(clauses),
        [its_life = life, its_good = good](Stage& stage) { return expiry_of(stage, its_life, its_good); });
  }
  add("default-life", "A command has no expiry of its own.", {"C2D-27", "C2D-26", "TIME-06"}, default_life);
  add("abandoned-each-time", "A command is abandoned until it comes no more.",
      {"C2D-16", "C2D-17", "C2D-18", "C2D-19", "C2D-22", "HTTP-15", "INV-13"}, abandoned);
  add("outlasts-a-restart", "The hub restarts: what was accepted is there, what was completed is not.",
      {"DLV-01", "DLV-02", "DLV-12", "C2D-11", "C2D-15", "C2D-16", "C2D-20", "C2D-21", "INV-12"}, durable, {Capability::restart})
      .alone = Alone::target;
}

}  // namespace hubproof::conformance::cases
