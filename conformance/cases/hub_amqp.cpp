// The hub's doors for AMQP: devices, services, feedback, and readers of telemetry.
#include <algorithm>
#include <charconv>

#include "conformance/cases/commands.hpp"
#include "conformance/cases/hub.hpp"
#include "conformance/cases/peer.hpp"

namespace hubproof::conformance::cases {
namespace {

using model::view;
using Sections = amqp::Sections;

std::string text(const amqp::Value& value) {
  return std::string{value.kind == amqp::Kind::binary ? model::text(value.bytes) : value.text()};
}

// What an attach to an address must come to.
struct Attempt {
  enum class As : std::uint8_t { device, service, nobody, other } as;  // whose token is put
  bool sends;
  std::string_view address;    // {d}: the device's id
  std::string_view condition;  // of the refusal; empty: a link
};

Script attempt(Stage& stage, Attempt one) {
  const Who who = stage.someone();
  Peer peer{stage};
  switch (one.as) {
    case Attempt::As::device: co_await open_as_device(peer, who); break;
    case Attempt::As::service: co_await open_as_service(peer); break;
    case Attempt::As::nobody: co_await peer.connection.opened(); break;
    case Attempt::As::other: co_await open_as_device(peer, stage.someone()); break;
  }
  std::string address{one.address};
  if (const std::size_t at = address.find("{d}"); at != address.npos) address.replace(at, 3, stage.identity(who).id);
  const std::string_view kept = stage.keep(std::move(address));
  Linked linked;
  if (one.sends) linked = co_await sender(peer, kept);
  else linked = co_await receiver(peer, kept);
  const bool is_link = linked.there();
  if (one.condition.empty()) {
    stage.expect(is_link, "a link", describe(linked));
    co_return;
  }
  stage.expect(linked.answered && !is_link && linked.condition == one.condition, stage.keep("a refusal with " + std::string{one.condition}),
               describe(linked));
}

// An SDK's properties of an attach; the hub has to bear them.
Script attach_properties(Stage& stage) {
  const Who who = stage.someone();
  Peer peer{stage};
  co_await open_as_device(peer, who);
  amqp::Attach attach;
  attach.peer_sends = false;
  attach.name = "sender with properties";
  attach.target = std::string{telemetry_address(stage, who)};
  amqp::ValueWriter properties{attach.properties};
  properties.begin_map();
  properties.symbol("com.microsoft:client-version");
  properties.string("a client/1.0");
  properties.symbol("com.microsoft:api-version");
  properties.string("2021-04-12");
  properties.symbol("com.microsoft:timeout");
  properties.uint(30'000);
  properties.symbol("com.microsoft:channel-correlation-id");
  properties.string("0b6d4e7c-9f0a-4f0e-8f7e-0a8f6c5d4e3b");
  properties.end();
  const Linked linked = co_await attached(peer, &attach);
  stage.expect(linked.there(), "a link", describe(linked));
}

// ---- Telemetry, and who reads it.

Script telemetry_in_order(Stage& stage) {
  const Who who = stage.someone();
  Peer peer{stage};
  co_await open_as_device(peer, who);
  const Linked linked = co_await sender(peer, telemetry_address(stage, who));
  stage.expect(linked.there(), "a link for telemetry", describe(linked), "AMQP-06 D2C-01");
  co_await stage.need(linked.there(), "no link for telemetry");
  std::array<std::string_view, 3> ids;
  for (std::string_view& id : ids) {
    Shape shape = named_shape(stage);
    id = shape.id;
    shape.property = "dark blue";
    shape.correlation = "corr";
    shape.user = "user";
    shape.content_type = "text/plain";
    shape.content_encoding = "utf-8";
    const Said said = co_await transferred(peer, linked.link, encoded(stage, shape));
    stage.expect(said.answered && said.outcome == amqp::Outcome::accepted, "accepted", describe(said), "AMQP-16");
    co_await stage.need(said.answered, "no word on telemetry");
  }
  Peer reader{stage};
  co_await open_as_service(reader);
  const amqp::Arrived* last = co_await read_back(reader, ids[2]);
  stage.expect(last != nullptr, "the last event at the built-in endpoint", "it is not there", "D2C-02 D2C-06 D2C-38");
  if (last == nullptr) co_return;
  std::vector<const amqp::Arrived*> mine;
  for (const amqp::Arrived& one : reader.arrived) {
    const auto sections = amqp::read_sections(one.message);
    if (sections && std::ranges::find(ids, amqp::id_text(sections->message_id)) != ids.end()) mine.push_back(&one);
  }
  const bool three = mine.size() == 3;
  stage.expect(three, "three events", std::to_string(mine.size()), "D2C-02 D2C-06");
  if (!three) co_return;
  const bool together = std::ranges::all_of(mine, [&](const auto* one) { return one->link == last->link; });
  stage.expect(together, "all of a device in one partition", "in several", "D2C-03 D2C-04");
  std::int64_t sequence = -1, offset = -1, enqueued = -1;
  bool ordered = true, rising = true, dated = true;
  for (std::size_t n = 0; n < 3; ++n) {
    const auto sections = amqp::read_sections(mine[n]->message);
    ordered = ordered && amqp::id_text(sections->message_id) == ids[n];
    const std::int64_t number = sections->annotation("x-opt-sequence-number").number();
    std::int64_t place = -2;
    const std::string place_text = text(sections->annotation("x-opt-offset"));
    std::from_chars(place_text.data(), place_text.data() + place_text.size(), place);
    rising = rising && number > sequence && place > offset;
    sequence = number, offset = place;
    const std::int64_t stored = sections->annotation("x-opt-enqueued-time").number();
    const std::int64_t came = sections->annotation("iothub-enqueuedtime").number();
    dated = dated && came > 0 && stored >= came && came >= enqueued;
    enqueued = came;
  }
  stage.expect(ordered, "the order in which they were sent", "another", "D2C-08 D2C-06 D2C-10");
  stage.expect(rising, "sequence numbers and offsets that only rise", "others", "D2C-06 D2C-07");
  stage.expect(dated, "the time of arrival, and of writing, which is not before it", "others", "D2C-12 D2C-13");
  const auto one = amqp::read_sections(mine[0]->message);
  const auto stamp = [&](std::string_view name) { return text(one->annotation(name)); };
  stage.expect(stamp("iothub-connection-device-id") == stage.identity(who).id, "the sender's id", stamp("iothub-connection-device-id"),
               "D2C-14 D2C-16 MSG-11");
  stage.expect(!stamp("iothub-connection-auth-generation-id").empty(), "the sender's generation id", "none", "D2C-14 D2C-16");
  const std::string method = stamp("iothub-connection-auth-method");
  stage.expect(method.find("\"scope\"") != method.npos && method.find("\"type\"") != method.npos && method.find("\"issuer\"") != method.npos,
               "JSON with scope, type and issuer", method, "D2C-15 D2C-14");
  stage.expect(stamp("iothub-message-source") == "Telemetry", "iothub-message-source Telemetry", stamp("iothub-message-source"), "D2C-17");
  stage.expect(one->data.size() == 1 && model::text(one->data[0]) == "body", "one data section with the body", "another body", "AMQP-24 MSG-01");
  stage.expect(one->property("p") == "dark blue", "the application property", one->property("p").value_or("none"), "MSG-02");
  stage.expect(text(one->correlation_id) == "corr" && text(one->user_id) == "user" && text(one->content_type) == "text/plain" &&
                   text(one->content_encoding) == "utf-8",
               "the properties of the message in their places",
               text(one->correlation_id) + ", " + text(one->user_id) + ", " + text(one->content_type) + ", " + text(one->content_encoding),
               "AMQP-23 MSG-05 MSG-06 MSG-09");
}

// A device may not write its own stamps.
Script false_stamps(Stage& stage) {
  const Who who = stage.someone();
  Peer peer{stage};
  co_await open_as_device(peer, who);
  const Linked linked = co_await sender(peer, telemetry_address(stage, who));
  co_await stage.need(linked.there(), "no link for telemetry");
  Bytes flat;
  const std::string_view id = named_shape(stage).id;
  model::MessageWriter writer{flat};
  writer.system(model::System::message_id, id);
  writer.property("iothub-connection-device-id", "somebody else");
  writer.property("iothub-connection-auth-generation-id", "0");
  writer.property("iothub-enqueuedtime", "1999-01-01T00:00:00Z");
  writer.body(view("x"));
  Bytes message;
  amqp::write_message(message, model::MessageView{flat}, {});
  const Said said = co_await transferred(peer, linked.link, stage.keep(std::move(message)));
  co_await stage.need(said.answered, "no word on telemetry");
  if (said.outcome != amqp::Outcome::accepted) {
    stage.pass("D2C-14 D2C-12 MSG-11");  // it is not taken at all
    co_return;
  }
  Peer reader{stage};
  co_await open_as_service(reader);
  const amqp::Arrived* event = co_await read_back(reader, id);
  co_await stage.need(event != nullptr, "the event is not there");
  const auto sections = amqp::read_sections(event->message);
  const std::string device = text(sections->annotation("iothub-connection-device-id"));
  stage.expect(device == stage.identity(who).id, "the stamp of the hub", device, "D2C-14 MSG-11");
  stage.expect(sections->annotation("iothub-enqueuedtime").number() > 1'000'000'000'000, "the hub's time", "another", "D2C-12");
}

// Reading takes nothing away, and may begin behind any event.
Script read_from(Stage& stage) {
  const Who who = stage.someone();
  Peer peer{stage};
  co_await open_as_device(peer, who);
  const Linked linked = co_await sender(peer, telemetry_address(stage, who));
  co_await stage.need(linked.there(), "no link for telemetry");
  std::array<std::string_view, 2> ids;
  for (std::string_view& id : ids) {
    const Shape shape = named_shape(stage);
    id = shape.id;
    const Said said = co_await transferred(peer, linked.link, encoded(stage, shape));
    co_await stage.need(said.answered && said.outcome == amqp::Outcome::accepted, "telemetry was not accepted");
  }
  Peer one{stage};
  co_await open_as_service(one);
  const amqp::Arrived* before = co_await read_back(one, ids[0]);
  co_await stage.need(before != nullptr, "the event is not there");
  const auto sections = amqp::read_sections(before->message);
  const std::int64_t sequence = sections->annotation("x-opt-sequence-number").number();
  const std::string offset = text(sections->annotation("x-opt-offset"));
  std::string_view address;
  for (std::uint32_t partition = 0; partition < stage.target().limits.partitions; ++partition)
    if (one.readers[partition] == before->link) address = partition_address(stage, partition);
  const std::array<std::string_view, 3> selectors = {
      stage.keep("amqp.annotation.x-opt-sequence-number > '" + std::to_string(sequence) + "'"),
      stage.keep("amqp.annotation.x-opt-offset > '" + offset + "'"),
      stage.keep("amqp.annotation.x-opt-sequence-number >= '" + std::to_string(sequence) + "'")};
  for (std::size_t n = 0; n < selectors.size(); ++n) {
    Peer two{stage};
    co_await open_as_service(two);
    const Linked place = co_await receiver(two, address, 100, selectors[n]);
    stage.expect(place.link != amqp::LinkId::none, "a link for a reader", describe(place), "D2C-36");
    if (place.link == amqp::LinkId::none) co_return;
    const amqp::Arrived* next = co_await received(two, place.link);
    const std::string found = next == nullptr ? "nothing" : amqp::id_text(amqp::read_sections(next->message)->message_id);
    const bool inclusive = n == 2;
    stage.expect(next != nullptr && amqp::read_sections(next->message)->annotation("x-opt-sequence-number").number() ==
                                        sequence + (inclusive ? 0 : 1),
                 inclusive ? "the event itself first" : "the event behind it first", found, "D2C-36 D2C-35");
    two.connection.close();
  }
}

Script too_large(Stage& stage) {
  const Who who = stage.someone();
  Peer peer{stage};
  co_await open_as_device(peer, who);
  const Linked linked = co_await sender(peer, telemetry_address(stage, who));
  co_await stage.need(linked.there(), "no link for telemetry");
  Shape shape;
  shape.body = stage.keep(std::string(262'145, 'x'));
  const Said said = co_await transferred(peer, linked.link, encoded(stage, shape));
  stage.expect(said.outcome == amqp::Outcome::rejected && said.condition == "amqp:link:message-size-exceeded",
               "rejected with amqp:link:message-size-exceeded", describe(said), "AMQP-25 D2C-40 ERR-29");
  shape.body = "x";
  const Said next = co_await transferred(peer, linked.link, encoded(stage, shape));
  stage.expect(next.outcome == amqp::Outcome::accepted, "accepted: the link serves on", describe(next), "AMQP-25 AMQP-27");
}

// A refused attach leaves the other links of its connection alone.
Script errors_are_local(Stage& stage) {
  const Who who = stage.someone();
  Peer peer{stage};
  co_await open_as_device(peer, who);
  const Linked linked = co_await sender(peer, telemetry_address(stage, who));
  co_await stage.need(linked.there(), "no link for telemetry");
  const Linked wrong = co_await sender(peer, "/devices/nobody-at-all/nowhere");
  stage.expect(wrong.answered && wrong.link == amqp::LinkId::none && wrong.condition == "amqp:not-found", "a refusal with amqp:not-found",
               describe(wrong), "ERR-19 AMQP-27");
  const Said said = co_await transferred(peer, linked.link, encoded(stage, Shape{}));
  stage.expect(said.outcome == amqp::Outcome::accepted, "accepted on the other link", describe(said), "AMQP-27");
}

Script two_devices(Stage& stage) {
  const Who one = stage.someone();
  const Who two = stage.someone();
  Peer peer{stage};
  co_await open_as_device(peer, one);
  const Identity& second_one = stage.identity(two);
  if (!second_one.password.empty()) {
    const std::string_view audience = stage.keep(stage.target().host + "/devices/" + second_one.id);
    const int status = co_await peer.connection.token_put(audience, second_one.password);
    stage.expect(status == 200, "200 for a second token on the connection", std::to_string(status));
  }
  const Linked first = co_await sender(peer, telemetry_address(stage, one));
  const Linked second = co_await sender(peer, telemetry_address(stage, two));
  stage.expect(first.link != amqp::LinkId::none && second.link != amqp::LinkId::none, "links of both devices",
               describe(first) + ", " + describe(second));
  if (first.link == amqp::LinkId::none || second.link == amqp::LinkId::none) co_return;
  const Said a = co_await transferred(peer, first.link, encoded(stage, Shape{}));
  const Said b = co_await transferred(peer, second.link, encoded(stage, Shape{}));
  stage.expect(a.outcome == amqp::Outcome::accepted && b.outcome == amqp::Outcome::accepted, "both accepted", describe(a) + ", " + describe(b));
}

// ---- Commands.

Script command_comes(Stage& stage) {
  const Who who = stage.someone();
  co_await emptied(stage, who);
  Shape shape = named_shape(stage);
  shape.ack = model::Ack::full;
  shape.property = "value";
  shape.correlation = "corr";
  shape.user = "user";
  shape.content_type = "text/plain";
  shape.content_encoding = "utf-8";
  co_await commanded(stage, who, &shape);
  Peer peer{stage};
  co_await open_as_device(peer, who);
  const Linked linked = co_await receiver(peer, commands_address(stage, who));
  stage.expect(linked.there(), "a link for commands", describe(linked), "AMQP-06");
  co_await stage.need(linked.there(), "no link for commands");
  const amqp::Arrived* early = co_await received(peer, linked.link);
  stage.expect(early == nullptr, "nothing without credit", "a command", "AMQP-18");
  peer.grant(linked.link, 1);
  const amqp::Arrived* got = co_await received(peer, linked.link);
  stage.expect(got != nullptr, "the command for credit", "none", "AMQP-18 C2D-01 C2D-40");
  if (got == nullptr) co_return;
  stage.expect(!got->settled, "an unsettled transfer", "a settled one", "AMQP-17");
  const auto sections = amqp::read_sections(got->message);
  co_await stage.need(sections.has_value(), "the command is no message");
  stage.expect(sections->annotation("x-opt-sequence-number").number() > 0, "x-opt-sequence-number", "none", "AMQP-22 C2D-06");
  stage.expect(sections->annotation("iothub-enqueuedtime").kind == amqp::Kind::timestamp, "iothub-enqueuedtime, a timestamp", "none", "AMQP-22 C2D-06");
  stage.expect(sections->annotation("iothub-deliverycount").is_number() && sections->annotation("iothub-deliverycount").number() == 0,
               "iothub-deliverycount 0", "another", "AMQP-22 C2D-16");
  stage.expect(sections->annotation("x-opt-lock-token").kind != amqp::Kind::null, "x-opt-lock-token", "none", "AMQP-22 C2D-11");
  stage.expect(amqp::id_text(sections->message_id) == shape.id && text(sections->correlation_id) == "corr" && text(sections->user_id) == "user" &&
                   text(sections->content_type) == "text/plain" && text(sections->content_encoding) == "utf-8",
               "the properties of the message in their places", amqp::id_text(sections->message_id), "AMQP-23 MSG-03 MSG-05 MSG-06 MSG-09");
  std::string to = text(sections->to);
  std::ranges::transform(to, to.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  stage.expect(to.ends_with("/messages/devicebound"), "its address in `to`", to, "AMQP-23 MSG-07");
  stage.expect(sections->property("iothub-ack") == "full", "iothub-ack as application property", sections->property("iothub-ack").value_or("none"),
               "MSG-17 FBK-01 AMQP-23");
  stage.expect(sections->property("p") == "value", "the application property", sections->property("p").value_or("none"), "MSG-02");
  stage.expect(sections->data.size() == 1 && model::text(sections->data[0]) == "body", "one data section with the body", "another body", "AMQP-24 MSG-01");
}

Script outcome_of(Stage& stage, amqp::Outcome outcome) {
  const Who who = stage.someone();
  co_await emptied(stage, who);
  const Shape shape = named_shape(stage);
  co_await commanded(stage, who, &shape);
  Peer peer{stage};
  co_await open_as_device(peer, who);
  const Linked linked = co_await receiver(peer, commands_address(stage, who), 1);
  co_await stage.need(linked.there(), "no link for commands");
  const amqp::Arrived* got = co_await received(peer, linked.link);
  co_await stage.need(got != nullptr, "no command came");
  const Said said = co_await settled(peer, linked.link, got->delivery, outcome);
  stage.expect(said.answered && said.condition.empty(), "a settlement without an error", describe(said), "AMQP-17 C2D-32");
  peer.grant(linked.link, 1);
  const amqp::Arrived* again = co_await received(peer, linked.link);
  if (outcome != amqp::Outcome::released) {
    stage.expect(again == nullptr, "no command any more", "it comes again",
                 outcome == amqp::Outcome::accepted ? "AMQP-20 C2D-20 C2D-09 C2D-32" : "AMQP-20 C2D-21 C2D-09 C2D-32");
    co_return;
  }
  stage.expect(again != nullptr, "the command again, at once", "none", "AMQP-20 C2D-22 C2D-09 C2D-32");
  if (again == nullptr) co_return;
  const auto sections = amqp::read_sections(again->message);
  stage.expect(sections->annotation("iothub-deliverycount").number() == 1, "iothub-deliverycount 1", "another", "C2D-17 C2D-16 AMQP-22");
}

// Three in hand are settled by one disposition, or by three: all of them are done with.
Script settled_together(Stage& stage) {
  const Who who = stage.someone();
  co_await emptied(stage, who);
  for (int n = 0; n < 3; ++n) {
    const Shape shape = named_shape(stage);
    co_await commanded(stage, who, &shape);
  }
  Peer peer{stage};
  co_await open_as_device(peer, who);
  const Linked linked = co_await receiver(peer, commands_address(stage, who), 3);
  co_await stage.need(linked.there(), "no link for commands");
  std::array<amqp::DeliveryId, 3> held{};
  for (amqp::DeliveryId& one : held) {
    const amqp::Arrived* got = co_await received(peer, linked.link);
    co_await stage.need(got != nullptr, "fewer than three commands came");
    one = got->delivery;
  }
  for (const amqp::DeliveryId one : held) peer.engine().propose(linked.link, one, amqp::Outcome::accepted);
  for (const amqp::DeliveryId one : held) {
    const Said said = co_await settled(peer, linked.link, one, amqp::Outcome::accepted);
    stage.expect(said.answered && said.condition.empty(), "a settlement without an error", describe(said));
    co_await stage.need(said.answered, "no word on a settling");
  }
  peer.connection.close();
  co_await stage.pause(1s);
  Http http{stage};
  http.as(who);
  http.ask("GET", device_path(stage, who, bound_path));
  const Answer* none = co_await http.answer();
  stage.expect(none != nullptr && none->status == 204, "no command any more", http.found(none));
}

// A word that comes after the lock has ended changes nothing, and is refused.
Script lock_lost(Stage& stage) {
  const Who who = stage.someone();
  co_await emptied(stage, who);
  const Shape shape = named_shape(stage);
  co_await commanded(stage, who, &shape);
  Peer peer{stage};
  co_await open_as_device(peer, who);
  const Linked linked = co_await receiver(peer, commands_address(stage, who), 1);
  co_await stage.need(linked.there(), "no link for commands");
  const amqp::Arrived* got = co_await received(peer, linked.link);
  co_await stage.need(got != nullptr, "no command came");
  co_await stage.pause(64s);
  const Said late = co_await settled(peer, linked.link, got->delivery, amqp::Outcome::accepted);
  stage.expect(late.condition == "com.microsoft:message-lock-lost", "com.microsoft:message-lock-lost", describe(late), "C2D-14 ERR-27");
  peer.grant(linked.link, 1);
  const amqp::Arrived* again = co_await received(peer, linked.link);
  const bool same = again != nullptr && amqp::id_text(amqp::read_sections(again->message)->message_id) == shape.id;
  stage.expect(same, "the command again", again == nullptr ? "none" : "another", "C2D-12 C2D-14 C2D-09");
}

// `modified` is no acceptance: at once or when its lock ends, the command is back.
Script modified(Stage& stage) {
  const Who who = stage.someone();
  co_await emptied(stage, who);
  const Shape shape = named_shape(stage);
  co_await commanded(stage, who, &shape);
  Peer peer{stage};
  co_await open_as_device(peer, who);
  const Linked linked = co_await receiver(peer, commands_address(stage, who), 1);
  co_await stage.need(linked.there(), "no link for commands");
  const amqp::Arrived* got = co_await received(peer, linked.link);
  co_await stage.need(got != nullptr, "no command came");
  peer.engine().settle(linked.link, got->delivery, amqp::Outcome::modified);
  peer.grant(linked.link, 1);
  const amqp::Arrived* again = co_await received(peer, linked.link);
  if (again == nullptr) {
    co_await stage.pause(62s);
    again = co_await received(peer, linked.link);
  }
  stage.expect(again != nullptr, "the command again", "none");
}

// Bodies of many frames come whole, both ways.
Script long_bodies(Stage& stage) {
  const Who who = stage.someone();
  co_await emptied(stage, who);
  Shape shape = named_shape(stage);
  shape.body = model::text(stage.payload(60'000, 64'000));
  co_await commanded(stage, who, &shape);
  Peer peer{stage};
  co_await open_as_device(peer, who);
  const Linked linked = co_await receiver(peer, commands_address(stage, who), 1);
  co_await stage.need(linked.there(), "no link for commands");
  const amqp::Arrived* got = co_await received(peer, linked.link);
  co_await stage.need(got != nullptr, "no command came");
  const auto command = amqp::read_sections(got->message);
  stage.expect(command && command->data.size() == 1 && model::text(command->data[0]) == shape.body, "the command's body, byte for byte", "another");
  Shape large = named_shape(stage);
  large.body = model::text(stage.payload(200'000, 260'000));
  const Linked telemetry = co_await sender(peer, telemetry_address(stage, who));
  co_await stage.need(telemetry.there(), "no link for telemetry");
  const Said said = co_await transferred(peer, telemetry.link, encoded(stage, large));
  co_await stage.need(said.accepted(), "telemetry was not accepted");
  Peer reader{stage};
  co_await open_as_service(reader);
  const amqp::Arrived* event = co_await read_back(reader, large.id);
  stage.expect(event != nullptr, "the event", "none");
  if (event == nullptr) co_return;
  const auto sections = amqp::read_sections(event->message);
  stage.expect(sections && sections->data.size() == 1 && model::text(sections->data[0]) == large.body, "the event's body, byte for byte", "another");
}

// What was held on a connection that is gone comes again, and the next holder settles it.
Script reconnects(Stage& stage) {
  const Who who = stage.someone();
  co_await emptied(stage, who);
  const Shape shape = named_shape(stage);
  co_await commanded(stage, who, &shape);
  Peer peer{stage};
  co_await open_as_device(peer, who);
  const Linked linked = co_await receiver(peer, commands_address(stage, who), 1);
  co_await stage.need(linked.there(), "no link for commands");
  const amqp::Arrived* got = co_await received(peer, linked.link);
  co_await stage.need(got != nullptr, "no command came");
  stage.cut(peer.connection.client());
  co_await stage.pause(2s);
  Http http{stage};
  http.as(who);
  http.ask("GET", device_path(stage, who, bound_path));
  const Answer* again = co_await http.answer();
  const std::string* id = again == nullptr ? nullptr : again->field("iothub-messageid");
  stage.expect(id != nullptr && *id == shape.id, "the command again, over HTTPS", http.found(again), "C2D-15 C2D-39");
}

// A newer link of the same device ends the older one.
Script newer_link(Stage& stage) {
  const Who who = stage.someone();
  Peer older{stage};
  co_await open_as_device(older, who);
  const Linked one = co_await receiver(older, commands_address(stage, who));
  co_await stage.need(one.link != amqp::LinkId::none, "no link for commands");
  Peer newer{stage};
  co_await open_as_device(newer, who);
  const Linked two = co_await receiver(newer, commands_address(stage, who));
  stage.expect(two.link != amqp::LinkId::none, "a link for the newer connection", describe(two));
  older.events.clear();
  const bool told = co_await moved(older);
  const bool detached = told && std::ranges::any_of(older.events, [](const amqp::Event& event) {
    return std::holds_alternative<amqp::Detached>(event) || std::holds_alternative<amqp::Closed>(event);
  });
  stage.expect(detached || stage.is_over(older.connection.client()), "a detach or close of the older link", "nothing of the kind");
}

// ---- A service's commands.

struct Sending {
  std::string_view to;         // {d}: the device's id; empty: none
  std::size_t size = 0;        // counted bytes, its address included; 0: as it is
  std::int64_t expiry = 0;     // milliseconds since 1970; 0: none
  amqp::Outcome wanted = amqp::Outcome::rejected;
  std::string_view condition;
};
Script send_command(Stage& stage, Sending one) {
  const Who who = stage.someone();
  co_await emptied(stage, who);
  Peer peer{stage};
  co_await open_as_service(peer);
  const Linked linked = co_await sender(peer, "/messages/devicebound");
  stage.expect(linked.there(), "a link for commands", describe(linked), "AMQP-07");
  co_await stage.need(linked.there(), "no link for commands");
  std::string to{one.to};
  if (const std::size_t at = to.find("{d}"); at != to.npos) to.replace(at, 3, stage.identity(who).id);
  Shape shape;
  shape.to = stage.keep(std::move(to));
  if (one.size > 0) shape.body = stage.keep(std::string(one.size - shape.to.size(), 'x'));
  shape.expiry = one.expiry;
  const Said said = co_await transferred(peer, linked.link, encoded(stage, shape));
  std::string wanted{text_of(one.wanted)};
  if (!one.condition.empty()) wanted += " with " + std::string{one.condition};
  stage.expect(said.outcome == one.wanted && said.condition == one.condition, wanted, describe(said));
  if (one.wanted == amqp::Outcome::accepted) co_return;
  // A definite refusal leaves the queue as it was.
  Http http{stage};
  http.as(who);
  http.ask("GET", device_path(stage, who, bound_path));
  const Answer* empty = co_await http.answer();
  stage.expect(empty != nullptr && empty->status == 204, "an empty queue after a refusal", http.found(empty));
}

// ---- Feedback.

struct End {
  model::Ack ack;
  bool rejected;
  std::string_view status;  // of the record; empty: none is due
};
constexpr End ends[] = {{model::Ack::full, false, "Success"},    {model::Ack::full, true, "Rejected"},
                        {model::Ack::positive, false, "Success"}, {model::Ack::positive, true, ""},
                        {model::Ack::negative, false, ""},        {model::Ack::negative, true, "Rejected"},
                        {model::Ack::none, false, ""},            {model::Ack::none, true, ""}};

// The record of a message in batches of feedback; the batches are JSON.
std::string_view record_of(std::string_view json, std::string_view id) {
  const std::size_t at = json.find("\"" + std::string{id} + "\"");
  if (at == json.npos) return {};
  const std::size_t from = json.rfind('{', at);
  return json.substr(from, json.find('}', at) - from + 1);
}

Script feedback(Stage& stage) {
  const Who who = stage.someone();
  co_await emptied(stage, who);
  Http device{stage};
  device.as(who);
  std::array<std::string_view, std::size(ends)> ids;
  for (std::size_t n = 0; n < ids.size(); ++n) {
    Shape shape = named_shape(stage);
    ids[n] = shape.id;
    shape.ack = ends[n].ack;
    co_await commanded(stage, who, &shape);
    device.ask("GET", device_path(stage, who, bound_path));
    const Answer* got = co_await device.answer();
    const std::string* id = got == nullptr ? nullptr : got->field("iothub-messageid");
    co_await stage.need(id != nullptr && *id == shape.id, "no command came");
    std::string path{device_path(stage, who, bound_path)};
    path += "/" + std::string{etag_of(stage, got)} + (ends[n].rejected ? "?reject" : "");
    device.ask("DELETE", path);
    const Answer* done = co_await device.answer();
    co_await stage.need(done != nullptr && done->status == 204, "a command could not be settled");
  }
  co_await stage.need(stage.holds_feedback(), "the feedback is another case's");
  co_await fill_batch(stage, who);
  Peer peer{stage};
  co_await open_as_service(peer);
  const Linked linked = co_await receiver(peer, "/messages/serviceBound/feedback", 1);
  stage.expect(linked.there(), "a link for feedback", describe(linked), "FBK-10 AMQP-07");
  co_await stage.need(linked.there(), "no link for feedback");
  // A batch leaves 15 s after the one before at the latest.
  std::string all;
  bool released = false, came_again = false;
  std::string released_batch;
  for (int batches = 0; batches < 20; ++batches) {
    const amqp::Arrived* batch = nullptr;
    for (int waits = 0; waits < 8 && batch == nullptr; ++waits) {
      batch = co_await received(peer, linked.link);
      if (batch == nullptr) co_await stage.pause(3s);
    }
    if (batch == nullptr) break;
    const auto sections = amqp::read_sections(batch->message);
    co_await stage.need(sections && sections->data.size() == 1, "feedback that is no message with one body");
    const std::string json{model::text(sections->data[0])};
    stage.expect(json.starts_with("[") && json.ends_with("]"), "a JSON array of records", json, "FBK-14");
    stage.expect(text(sections->content_type) == "application/vnd.microsoft.iothub.feedback.json", "the content type of feedback",
                 text(sections->content_type), "FBK-14");
    stage.expect(!text(sections->user_id).empty(), "the hub's name as user-id", "none", "FBK-14 MSG-06");
    came_again = came_again || (released && json == released_batch);
    const bool mine = std::ranges::any_of(ids, [&](std::string_view id) { return !record_of(json, id).empty(); });
    if (mine && !released) {  // given back once: it must come again
      released = true;
      released_batch = json;
      const Said back = co_await settled(peer, linked.link, batch->delivery, amqp::Outcome::released);
      co_await stage.need(back.answered, "no word on feedback that was given back");
      peer.grant(linked.link, 1);
      continue;
    }
    all += json;
    const Said taken = co_await settled(peer, linked.link, batch->delivery, amqp::Outcome::accepted);
    stage.expect(taken.answered && taken.condition.empty(), "feedback is completed", describe(taken), "FBK-18 AMQP-29");
    peer.grant(linked.link, 1);
    std::size_t here = 0;
    for (std::size_t n = 0; n < ids.size(); ++n) here += ends[n].status.empty() || !record_of(all, ids[n]).empty() ? 1 : 0;
    if (here == ids.size()) break;
  }
  stage.expect(came_again, "a batch that was given back, again", "it did not come again", "FBK-18 AMQP-29");
  for (std::size_t n = 0; n < ids.size(); ++n) {
    const std::string_view record = record_of(all, ids[n]);
    const char* clauses = ends[n].ack == model::Ack::positive   ? "FBK-02"
                          : ends[n].ack == model::Ack::negative ? "FBK-03"
                          : ends[n].ack == model::Ack::full     ? "FBK-04"
                                                                : "FBK-01 FBK-04";
    if (ends[n].status.empty()) {
      stage.expect(record.empty(), "no record", record, clauses);
      continue;
    }
    stage.expect(!record.empty(), "a record", "none", clauses);
    if (record.empty()) continue;
    stage.expect(record.find("\"" + std::string{ends[n].status} + "\"") != record.npos, ends[n].status, record, "FBK-09 FBK-13");
    // In 2017 keys began with a capital letter.
    const auto lowered = [](std::string whole) {
      std::ranges::transform(whole, whole.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
      return whole;
    };
    constexpr std::array<std::string_view, 6> members = {"originalMessageId", "enqueuedTimeUtc", "statusCode",
                                                         "description",       "deviceId",        "deviceGenerationId"};
    const std::string lower = lowered(std::string{record});
    const bool all_there = std::ranges::all_of(members, [&](std::string_view name) {
      return lower.find("\"" + lowered(std::string{name}) + "\"") != lower.npos;
    });
    stage.expect(all_there, "all six members of a record", record, "FBK-06 FBK-11");
    const bool camel = std::ranges::all_of(members, [&](std::string_view name) {
      return record.find("\"" + std::string{name} + "\"") != record.npos;
    });
    stage.expect(camel || stage.target().profile == "iot-hub-2017", "members in camelCase", record, "FBK-12");
    stage.expect(record.find("\"" + stage.identity(who).id + "\"") != record.npos, "the device's id", record, "FBK-11");
    const std::size_t twice = all.find("\"" + std::string{ids[n]} + "\"", all.find("\"" + std::string{ids[n]} + "\"") + 1);
    stage.expect(twice == all.npos, "one record for one command", "two", "FBK-05 FBK-22");
  }
}

// ---- Tokens put to $cbs.

Script token_answers(Stage& stage) {
  const Who who = stage.someone(), other = stage.someone();
  Peer peer{stage};
  co_await peer.connection.opened();
  const std::string_view own = stage.keep(stage.target().host + "/devices/" + stage.identity(who).id);
  const std::string_view others = stage.keep(stage.target().host + "/devices/" + stage.identity(other).id);
  const int good = co_await peer.connection.token_put(own, stage.identity(who).password);
  stage.expect(good == 200, "200 for a good token", std::to_string(good), "AMQP-04");
  const Linked linked = co_await sender(peer, telemetry_address(stage, who));
  stage.expect(linked.there(), "a link with the token", describe(linked), "AMQP-05");
  co_await stage.need(linked.there(), "no link for telemetry");
  std::string broken = stage.identity(other).password;
  const std::size_t signature = broken.find("sig=") + 4;
  broken[signature] = broken[signature] == 'A' ? 'B' : 'A';
  const int bad = co_await peer.connection.token_put(others, stage.keep(std::move(broken)));
  stage.expect(bad == 401, "401 for a token that is not signed by a key of its device", std::to_string(bad), "AMQP-04 ERR-08 SEC-04");
  const Linked refused = co_await sender(peer, telemetry_address(stage, other));
  stage.expect(refused.answered && !refused.there() && refused.condition == "amqp:unauthorized-access", "amqp:unauthorized-access without a token",
               describe(refused), "AMQP-05 ERR-08");
  const Said first = co_await transferred(peer, linked.link, encoded(stage, Shape{}));
  stage.expect(first.accepted(), "accepted: another device's bad token changes nothing", describe(first), "AMQP-12");
  const int renewed = co_await peer.connection.token_put(own, stage.identity(who).password);
  stage.expect(renewed == 200, "200 for a token anew", std::to_string(renewed), "AMQP-10");
  const Said next = co_await transferred(peer, linked.link, encoded(stage, Shape{}));
  stage.expect(next.accepted(), "accepted: a renewal detaches nothing", describe(next), "AMQP-10");
}

// ---- What an outcome promises: it outlives a restart.

Script outlives_restart(Stage& stage) {
  const Who who = stage.someone();
  co_await emptied(stage, who);
  const Shape shape = named_shape(stage), command = named_shape(stage);
  Peer peer{stage};
  co_await open_as_device(peer, who);
  const Linked linked = co_await sender(peer, telemetry_address(stage, who));
  co_await stage.need(linked.there(), "no link for telemetry");
  const Said said = co_await transferred(peer, linked.link, encoded(stage, shape));
  co_await stage.need(said.accepted(), "telemetry was not accepted");
  co_await commanded(stage, who, &command);
  co_await stage.restart();
  co_await stage.pause(stage.settling(3s));
  Peer reader{stage};
  co_await open_as_service(reader);
  const amqp::Arrived* event = co_await read_back(reader, shape.id);
  stage.expect(event != nullptr, "the accepted event after a restart", "it is lost", "DLV-01 DLV-02 DLV-06");
  Peer again{stage};
  co_await open_as_device(again, who);
  const Linked commands = co_await receiver(again, commands_address(stage, who), 1);
  co_await stage.need(commands.there(), "no link for commands");
  const amqp::Arrived* got = co_await received(again, commands.link);
  const bool same = got != nullptr && amqp::id_text(amqp::read_sections(got->message)->message_id) == command.id;
  stage.expect(same, "the accepted command after a restart", got == nullptr ? "none" : "another", "DLV-01 DLV-02 DLV-11 DLV-12");
}

}  // namespace

void add_hub_amqp(Cases& cases) {
  const auto add = [&](std::string name, std::string sentence, std::vector<std::string> clauses, auto script, Capabilities needs = {},
                       Alone alone = Alone::nothing) {
    std::function<Script(Stage&)> all = script;
    if (needs.has(Capability::service)) all = [script](Stage& stage) { return tidied(stage, script); };
    cases.push_back({"amqp/" + std::move(name), std::move(sentence), std::move(clauses), std::move(all), needs, For::hubs, alone});
  };
  const Capabilities service{Capability::service};
  const Capabilities reads{Capability::events};
  const Capabilities with_http{Capability::service, Capability::http};
  using As = Attempt::As;
  const auto tries = [&](std::string name, std::string sentence, std::vector<std::string> clauses, Attempt one, Capabilities needs = {}) {
    add(std::move(name), std::move(sentence), std::move(clauses), [one](Stage& stage) { return attempt(stage, one); }, needs);
  };
  tries("attach/telemetry", "A device attaches to send telemetry.", {"AMQP-06", "D2C-01"}, {As::device, true, "/devices/{d}/messages/events", ""});
  tries("attach/telemetry-url", "The same with scheme and host in the address.", {"AMQP-06"}, {As::device, true, "amqps://hub/devices/{d}/messages/events", ""});
  tries("attach/commands", "A device attaches to receive commands.", {"AMQP-06"}, {As::device, false, "/devices/{d}/messages/devicebound", ""});
  tries("attach/commands-capital", "The same with a capital B.", {"AMQP-06"}, {As::device, false, "/devices/{d}/messages/deviceBound", ""});
  tries("attach/unknown-sender", "A sender attaches to an address that is none.", {"ERR-19", "AMQP-27"},
        {As::device, true, "/devices/{d}/messages/elsewhere", "amqp:not-found"});
  tries("attach/unknown-receiver", "A receiver attaches to an address that is none.", {"ERR-19", "AMQP-27"},
        {As::device, false, "/devices/{d}/messages/elsewhere", "amqp:not-found"});
  tries("attach/telemetry-as-receiver", "A receiver attaches where telemetry is sent.", {"ERR-19"},
        {As::device, false, "/devices/{d}/messages/events", "amqp:not-found"});
  tries("attach/service-endpoint", "A sender attaches to the endpoint that services read.", {"D2C-01", "ERR-19"},
        {As::device, true, "/messages/events", "amqp:not-found"});
  const Capabilities tokens{Capability::tokens};
  tries("attach/no-token", "A device attaches before it has put a token.", {"AMQP-05", "ERR-08"},
        {As::nobody, true, "/devices/{d}/messages/events", "amqp:unauthorized-access"}, tokens);
  tries("attach/another-devices-token", "A device attaches to another one's address.", {"AMQP-05", "SEC-12", "DLV-17"},
        {As::other, true, "/devices/{d}/messages/events", "amqp:unauthorized-access"}, tokens);
  tries("attach/another-devices-commands", "A device attaches to receive another one's commands.", {"AMQP-05", "SEC-12", "DLV-17"},
        {As::other, false, "/devices/{d}/messages/devicebound", "amqp:unauthorized-access"}, tokens);
  tries("attach/service-with-a-devices-token", "A device attaches to send commands.", {"SEC-11", "SEC-12"},
        {As::device, true, "/messages/devicebound", "amqp:unauthorized-access"}, tokens);
  tries("attach/feedback-with-a-devices-token", "A device attaches to receive feedback.", {"SEC-11", "SEC-12", "FBK-10"},
        {As::device, false, "/messages/serviceBound/feedback", "amqp:unauthorized-access"}, tokens);
  tries("attach/reader-with-a-devices-token", "A device attaches to read telemetry.", {"SEC-11", "SEC-12", "D2C-38"},
        {As::device, false, "/messages/events/ConsumerGroups/$Default/Partitions/0", "amqp:unauthorized-access"}, tokens);
  tries("attach/service-commands", "A service attaches to send commands.", {"AMQP-07", "C2D-01"}, {As::service, true, "/messages/devicebound", ""}, service);
  tries("attach/service-feedback", "A service attaches to receive feedback.", {"AMQP-07", "FBK-10"}, {As::service, false, "/messages/serviceBound/feedback", ""},
        service);
  tries("attach/reader", "A reader attaches to a partition.", {"D2C-37", "D2C-38"},
        {As::service, false, "/messages/events/ConsumerGroups/$Default/Partitions/0", ""}, service);
  tries("attach/reader-is-redirected", "A reader attaches to messages/events at the hub's own name.", {"D2C-37", "AMQP-07", "AMQP-15"},
        {As::service, false, "/messages/events", "amqp:link:redirect"}, service);
  tries("attach/no-such-partition", "A reader attaches to a partition that there is not.", {"D2C-05", "ERR-19"},
        {As::service, false, "/messages/events/ConsumerGroups/$Default/Partitions/4096", "amqp:not-found"}, service);
  add("attach/sdk-properties", "A link with the properties that SDKs send.", {"AMQP-28"}, attach_properties);

  add("telemetry/in-order", "Three messages, each after the word on the one before, are read at the built-in endpoint.",
      {"AMQP-06", "AMQP-16", "AMQP-23", "AMQP-24", "D2C-01", "D2C-02", "D2C-03", "D2C-04", "D2C-06", "D2C-07", "D2C-08", "D2C-10", "D2C-12", "D2C-13",
       "D2C-14", "D2C-15", "D2C-16", "D2C-17", "D2C-38", "MSG-01", "MSG-02", "MSG-05", "MSG-06", "MSG-09", "MSG-11"},
      telemetry_in_order, reads);
  add("telemetry/false-stamps", "A device sends properties with the names of the hub's stamps.", {"D2C-12", "D2C-14", "MSG-11"}, false_stamps, reads);
  add("telemetry/read-from", "A reader begins behind a sequence number, an offset, and at an event.", {"D2C-35", "D2C-36"}, read_from, reads);
  add("telemetry/too-large", "A message one byte too large, and another one.", {"AMQP-25", "AMQP-27", "D2C-40", "ERR-29"}, too_large);
  add("link/errors-are-local", "An attach is refused, and telemetry goes on.", {"AMQP-27", "ERR-19"}, errors_are_local);
  add("link/two-devices", "Two devices share a connection.", {"AMQP-09"}, two_devices);
  add("link/newer-wins", "A device attaches for commands a second time.", {"AMQP-13", "ERR-25"}, newer_link);

  add("token/answers", "Tokens good and bad are put on one connection, and one again.", {"AMQP-04", "AMQP-05", "AMQP-10", "AMQP-12", "ERR-08", "SEC-04"},
      token_answers, tokens);
  add("durable/restart", "Telemetry and a command are accepted, and the hub restarts.", {"DLV-01", "DLV-02", "DLV-06", "DLV-11", "DLV-12"},
      outlives_restart, {Capability::events, Capability::service, Capability::restart}, Alone::target);

  add("command/comes", "A command with properties of every kind comes for credit.",
      {"AMQP-06", "AMQP-17", "AMQP-18", "AMQP-22", "AMQP-23", "AMQP-24", "C2D-01", "C2D-06", "C2D-11", "C2D-16", "C2D-40", "FBK-01", "MSG-01", "MSG-02",
       "MSG-03", "MSG-05", "MSG-06", "MSG-07", "MSG-09", "MSG-17"},
      command_comes, service);
  add("command/accepted", "A command is accepted.", {"AMQP-17", "AMQP-20", "C2D-09", "C2D-20", "C2D-32"},
      [](Stage& s) { return outcome_of(s, amqp::Outcome::accepted); }, service);
  add("command/rejected", "A command is rejected.", {"AMQP-17", "AMQP-20", "C2D-09", "C2D-21", "C2D-32"},
      [](Stage& s) { return outcome_of(s, amqp::Outcome::rejected); }, service);
  add("command/released", "A command is released.", {"AMQP-17", "AMQP-20", "AMQP-22", "C2D-09", "C2D-16", "C2D-17", "C2D-22", "C2D-32"},
      [](Stage& s) { return outcome_of(s, amqp::Outcome::released); }, service);
  add("command/settled-together", "Three commands in hand are accepted at once.", {"AMQP-17", "AMQP-20", "C2D-20", "C2D-32"}, settled_together, with_http);
  add("command/lock-lost", "A command is accepted after its lock has ended.", {"C2D-09", "C2D-12", "C2D-14", "ERR-27"}, lock_lost, service);
  add("command/modified", "A command is settled as modified, which completes nothing.", {"DLV-12", "C2D-32"}, modified, service);
  add("command/long-bodies", "A command of 60 KB, and telemetry of 200 KB and more, both ways.", {"AMQP-24", "MSG-01", "MSG-16"}, long_bodies,
      Capabilities{Capability::service, Capability::events});
  add("command/connection-lost", "A connection ends with a command in hand, which then comes over HTTPS.", {"C2D-15", "C2D-39"}, reconnects, with_http);

  const auto sends = [&](std::string name, std::string sentence, std::vector<std::string> clauses, Sending one) {
    clauses.emplace_back("AMQP-07");
    add("service/" + std::move(name), std::move(sentence), std::move(clauses), [one](Stage& stage) { return send_command(stage, one); }, with_http);
  };
  constexpr std::string_view device = "/devices/{d}/messages/devicebound";
  sends("accepted", "A command for a device.", {"C2D-01", "C2D-02"}, {device, 0, 0, amqp::Outcome::accepted, ""});
  sends("largest", "A command of 65,536 bytes, its address included.", {"C2D-05", "MSG-20"}, {device, 65'536, 0, amqp::Outcome::accepted, ""});
  sends("too-large", "A command of 65,537 bytes, its address included.", {"C2D-05", "ERR-29"}, {device, 65'537, 0, amqp::Outcome::rejected, "amqp:link:message-size-exceeded"});
  sends("unknown-device", "A command for a device that is not there.", {"C2D-07", "ERR-18"},
        {"/devices/no-such-device-here/messages/devicebound", 0, 0, amqp::Outcome::rejected, "amqp:not-found"});
  sends("no-device", "A command that names no device.", {"C2D-01", "ERR-03"}, {"", 0, 0, amqp::Outcome::rejected, "com.microsoft:argument-error"});
  sends("expired", "A command whose expiry is past.", {"C2D-28", "ERR-15"},
        {device, 0, 1'000'000'000'000, amqp::Outcome::rejected, "com.microsoft:argument-out-of-range"});
  add("feedback/records", "Eight commands with every iothub-ack are completed and rejected; feedback is given back once, then completed.",
      {"AMQP-07", "AMQP-29", "FBK-01", "FBK-02", "FBK-03", "FBK-04", "FBK-05", "FBK-06", "FBK-09", "FBK-10", "FBK-11", "FBK-12", "FBK-13", "FBK-14",
       "FBK-18", "FBK-22", "MSG-06"},
      feedback, with_http, Alone::feedback);
}

}  // namespace hubproof::conformance::cases
