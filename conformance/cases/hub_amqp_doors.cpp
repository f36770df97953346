// How AMQP connections of a hub begin and end: SASL PLAIN, WebSockets, silence, devices that are shut out. And
// what its messages carry besides texts.
#include <algorithm>
#include <array>

#include "conformance/cases/hub.hpp"
#include "conformance/cases/peer.hpp"
#include "conformance/cases/registry.hpp"

namespace hubproof::conformance::cases {
namespace {

// ---- SASL PLAIN.

// The host's first label.
std::string_view hub_name(Stage& stage) {
  const std::string_view host = stage.target().host;
  return host.substr(0, host.find('.'));
}

std::string_view spoiled(Stage& stage, std::string_view token) {
  std::string broken{token};
  const std::size_t signature = broken.find("sig=") + 4;
  broken[signature] = broken[signature] == 'A' ? 'B' : 'A';
  return stage.keep(std::move(broken));
}

enum class Login : std::uint8_t { device, policy, bad_signature, anothers_token, no_such_device };

Script plain(Stage& stage, Login login) {
  const Who who = stage.someone(), other = stage.someone();
  const std::string name{hub_name(stage)};
  const Identity* policy = stage.target().policy("iothubowner");
  co_await stage.need(policy != nullptr, "the key of iothubowner");
  std::string user = stage.identity(who).id + "@sas." + name;
  std::string_view password = stage.identity(who).password;
  if (login == Login::policy) user = "iothubowner@sas.root." + name, password = policy->password;
  if (login == Login::bad_signature) password = spoiled(stage, password);
  if (login == Login::anothers_token) password = stage.identity(other).password;
  if (login == Login::no_such_device) user = "no-such-device-here@sas." + name;
  const std::string_view kept = stage.keep(std::move(user));
  Peer peer{stage};
  const bool welcome = co_await peer.connection.logged_in(kept, password);
  if (login != Login::device && login != Login::policy) {
    stage.expect(!welcome, "a refusal", "an outcome of success");
    co_return;
  }
  stage.expect(welcome, "an outcome of success", "a refusal, or none");
  if (!welcome) co_return;
  Linked linked;
  if (login == Login::device) linked = co_await sender(peer, telemetry_address(stage, who));
  else linked = co_await sender(peer, "/messages/devicebound");
  stage.expect(linked.there(), "a link, with no token put", describe(linked));
  if (!linked.there() || login != Login::device) co_return;
  const Said said = co_await transferred(peer, linked.link, encoded(stage, Shape{}));
  stage.expect(said.accepted(), "accepted", describe(said));
  const Linked refused = co_await sender(peer, telemetry_address(stage, other));
  stage.expect(refused.answered && !refused.there() && refused.condition == "amqp:unauthorized-access",
               "amqp:unauthorized-access for another device", describe(refused));
}

// ---- The connection's end.

// Who announces to bear so much silence gets empty frames before.
Script empty_frames(Stage& stage) {
  Amqp connection{stage, 4s};
  co_await connection.opened();
  const model::amqp::Event* open = co_await connection.next();
  co_await stage.need(open != nullptr && std::holds_alternative<model::amqp::Opened>(*open), "no AMQP connection");
  std::size_t frames = 0;
  bool other = false;
  for (int seconds = 0; seconds < 12 && !stage.is_over(connection.client()); ++seconds) {
    co_await stage.pause(1s);
    const View got = co_await stage.bytes(connection.client(), 0);
    for (std::size_t at = 0; at + 8 <= got.size(); at += 8) {
      const bool empty = model::load_big<4>(got.data() + at) == 8;
      frames += empty ? 1 : 0;
      other = other || !empty;
    }
    connection.engine().received(stage.now(), got);
    stage.read(connection.client(), got.size());
    connection.wake();
    connection.flush();
  }
  stage.expect(frames >= 2 && !other && !stage.is_over(connection.client()), "empty frames for as long as nothing is said",
               stage.is_over(connection.client()) ? "the end of the connection" : std::to_string(frames) + " of them");
}

// A device that is disabled loses its links, or its connection.
Script disabled(Stage& stage) {
  Http registry{stage};
  registry.as_policy("iothubowner");
  const std::string_view id = fresh_device_id(stage, true);
  const Made device = co_await made(stage, &registry, id);
  Peer peer{stage};
  co_await peer.connection.opened();
  if (stage.target().can.has(Capability::tokens)) {
    const int status = co_await peer.connection.token_put(stage.keep(stage.target().host + "/devices/" + std::string{id}), device.token);
    co_await stage.need(status == 200, "a good token was not taken");
  }
  const std::string_view address = stage.keep("/devices/" + std::string{id} + "/messages/devicebound");
  const Linked linked = co_await receiver(peer, address);
  co_await stage.need(linked.there(), "no link for commands");
  registry.ask("PUT", device_path(stage, id), {{"Content-Type", "application/json"}, {"If-Match", "*"}},
               device_json(stage, id, device.primary, device.secondary, false));
  const Answer* updated = co_await registry.answer();
  co_await stage.need(updated != nullptr && updated->status == 200, "a device could not be disabled");
  peer.events.clear();
  const bool told = co_await moved(peer);
  const bool detached = told && std::ranges::any_of(peer.events, [](const amqp::Event& event) {
    return std::holds_alternative<amqp::Detached>(event) || std::holds_alternative<amqp::Closed>(event);
  });
  stage.expect(detached || stage.is_over(peer.connection.client()), "a detach or the end for a device that is disabled", "nothing of the kind",
               "AMQP-30 SEC-26");
  Peer next{stage};
  co_await next.connection.opened();
  if (stage.target().can.has(Capability::tokens))
    co_await next.connection.token_put(stage.keep(stage.target().host + "/devices/" + std::string{id}), device.token);
  const Linked again = co_await receiver(next, address);
  stage.expect(again.answered && !again.there(), "no link for a device that is disabled", describe(again), "C2D-35 SEC-26");
  co_await removed(stage, &registry, id);
}

Script upgraded(Stage& stage, std::string_view protocol) {
  Http http{stage};
  const std::string_view request =
      stage.keep("GET /$iothub/websocket HTTP/1.1\r\nHost: " + stage.target().host +
                 "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: " +
                 std::string{protocol} + "\r\n\r\n");
  http.send_raw(model::view(request));
  const Answer* answer = co_await http.answer();
  const std::string* chosen = answer == nullptr ? nullptr : answer->field("sec-websocket-protocol");
  const std::string* key = answer == nullptr ? nullptr : answer->field("sec-websocket-accept");
  stage.expect(answer != nullptr && answer->status == 101 && chosen != nullptr && *chosen == protocol && key != nullptr &&
                   *key == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
               "101 with the sub-protocol and the right key", http.found(answer));
}

// ---- Messages.

// An id that is AMQP's uuid: whoever receives it sees the same text.
Script uuid_id(Stage& stage) {
  const Who who = stage.someone();
  co_await emptied(stage, who);
  std::array<std::uint8_t, 16> id{};
  for (std::uint8_t& byte : id) byte = static_cast<std::uint8_t>(stage.draws().below(256));
  Bytes message;
  amqp::ValueWriter writer{message};
  writer.descriptor(0x73);
  writer.begin_list();
  writer.uuid(id);
  writer.null();
  writer.string(commands_address(stage, who));
  writer.end();
  writer.descriptor(0x75);
  writer.binary(model::view("body"));
  Peer service{stage};
  co_await open_as_service(service);
  const Linked sending = co_await sender(service, "/messages/devicebound");
  co_await stage.need(sending.there(), "no link to send commands on");
  const Said said = co_await transferred(service, sending.link, stage.keep(std::move(message)));
  stage.expect(said.accepted(), "accepted", describe(said));
  if (!said.accepted()) co_return;
  Peer peer{stage};
  co_await open_as_device(peer, who);
  const Linked linked = co_await receiver(peer, commands_address(stage, who), 1);
  co_await stage.need(linked.there(), "no link for commands");
  const amqp::Arrived* got = co_await received(peer, linked.link);
  co_await stage.need(got != nullptr, "no command came");
  const auto sections = amqp::read_sections(got->message);
  const std::string found = sections ? amqp::id_text(sections->message_id) : "no message";
  stage.expect(found == amqp::uuid_text(id), "the same id as text", found);
}

// The id of an event that the hub has accepted.
Task<std::string_view> stored(Peer& device, const Linked& linked) {
  const Shape shape = named_shape(device.stage);
  const Said said = co_await transferred(device, linked.link, encoded(device.stage, shape));
  co_await device.stage.need(said.accepted(), "telemetry was not accepted");
  co_return shape.id;
}

// Two readers of one partition and group both see all of it: the second what the first has had.
Script two_readers(Stage& stage) {
  const Who who = stage.someone();
  Peer one{stage}, two{stage};
  co_await open_as_service(one);
  co_await open_as_service(two);
  Peer device{stage};
  co_await open_as_device(device, who);
  const Linked linked = co_await sender(device, telemetry_address(stage, who));
  co_await stage.need(linked.there(), "no link for telemetry");
  std::array<std::string_view, 5> ids;
  for (std::string_view& id : ids) id = co_await stored(device, linked);
  for (Peer* reader : {&one, &two})
    for (std::size_t n = 0; n < ids.size(); ++n)
      if (co_await read_back(*reader, ids[n]) == nullptr) {
        stage.expect(false, "each of five events at both readers",
                     "event " + std::to_string(n + 1) + " not at the " + (reader == &one ? "first" : "second"));
        co_return;
      }
  stage.expect(true, "each of five events at both readers", "");
}

// Reading begins behind a time.
Script read_from_time(Stage& stage) {
  const Who who = stage.someone();
  Peer device{stage};
  co_await open_as_device(device, who);
  const Linked linked = co_await sender(device, telemetry_address(stage, who));
  co_await stage.need(linked.there(), "no link for telemetry");
  std::array<std::string_view, 2> ids;
  for (std::string_view& id : ids) {
    id = co_await stored(device, linked);
    co_await stage.pause(100ms);
  }
  Peer reader{stage};
  co_await open_as_service(reader);
  const amqp::Arrived* event = co_await read_back(reader, ids[0]);
  co_await stage.need(event != nullptr, "the event is not there");
  const std::int64_t stored = amqp::read_sections(event->message)->annotation("x-opt-enqueued-time").number();
  std::uint32_t partition = 0;
  while (reader.readers[partition] != event->link) ++partition;
  Peer late{stage};
  co_await open_as_service(late);
  const std::string_view selector = stage.keep("amqp.annotation.x-opt-enqueued-time > '" + std::to_string(stored) + "'");
  const Linked place = co_await receiver(late, partition_address(stage, partition), 100, selector);
  stage.expect(place.there(), "a link for a reader", describe(place));
  if (!place.there()) co_return;
  const amqp::Arrived* next = co_await received(late, place.link);
  const bool behind = next != nullptr && amqp::read_sections(next->message)->annotation("x-opt-enqueued-time").number() > stored;
  stage.expect(behind, "an event of a later time first", next == nullptr ? "none" : "an earlier one");
}

}  // namespace

void add_hub_amqp_doors(Cases& cases) {
  const auto add = [&](std::string name, std::string sentence, std::vector<std::string> clauses, auto script, Capabilities needs = {}) {
    cases.push_back({"amqp/" + std::move(name), std::move(sentence), std::move(clauses), script, needs, For::hubs});
  };
  const Capabilities tokens{Capability::tokens};
  add("login/device", "A device logs in by SASL PLAIN, and sends telemetry with no token put.", {"AMQP-02", "AMQP-03", "SEC-12"},
      [](Stage& s) { return plain(s, Login::device); }, tokens);
  add("login/policy", "A policy logs in by SASL PLAIN, and attaches to send commands.", {"AMQP-02", "AMQP-03", "SEC-11"},
      [](Stage& s) { return plain(s, Login::policy); }, tokens);
  add("login/bad-signature", "SASL PLAIN with a token that no key of the device signed.", {"AMQP-02", "ERR-08", "SEC-04"},
      [](Stage& s) { return plain(s, Login::bad_signature); }, tokens);
  add("login/anothers-token", "SASL PLAIN with the token of another device.", {"AMQP-02", "ERR-08", "SEC-12"},
      [](Stage& s) { return plain(s, Login::anothers_token); }, tokens);
  add("login/no-such-device", "SASL PLAIN of a device that is not registered.", {"AMQP-02", "ERR-08"},
      [](Stage& s) { return plain(s, Login::no_such_device); }, tokens);
  add("idle/empty-frames", "A client that announces to bear 4 s of silence.", {"AMQP-14"}, empty_frames);
  add("device/disabled", "A device is disabled while it has a link, and attaches again.", {"AMQP-30", "C2D-35", "SEC-26"}, disabled,
      {Capability::service});
  add("websocket/upgrade", "An upgrade to AMQP.", {"AMQP-01"}, [](Stage& s) { return upgraded(s, "AMQPWSB10"); }, {Capability::websocket});
  add("command/uuid", "A command whose message-id is AMQP's uuid.", {"MSG-03", "MSG-04"}, uuid_id, {Capability::service});
  add("telemetry/two-readers", "Two readers of one group, the second after the first.", {"D2C-35"}, two_readers, {Capability::events});
  add("telemetry/read-from-time", "A reader begins behind a time.", {"D2C-36"}, read_from_time, {Capability::events});
}

}  // namespace hubproof::conformance::cases
