// Every mutant is a defect that ordinary traffic shows: for each there is a small story that ends
// otherwise than with the right machine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <sstream>

#include "model/base64.hpp"
#include "model/hub/token.hpp"
#include "model/mutants/areas.hpp"
#include "model/mutants/mutant.hpp"
#include "tests/model/amqp_client.hpp"
#include "model/websocket/handshake.hpp"
#include "model/websocket/stream.hpp"

namespace hubproof::server_tests {

using namespace model;
namespace {

// What a story shows, as text.
class Tale {
 public:
  template <class T>
  Tale& operator<<(const T& value) {
    out_ << value << ' ';
    return *this;
  }
  Tale& operator<<(const std::vector<std::string>& values) {
    for (const std::string& value : values) out_ << value << ' ';
    return *this;
  }
  std::string text() const { return out_.str(); }

 private:
  std::ostringstream out_;
};

std::string word(const Response& response) {
  if (const auto* failure = std::get_if<Failed>(&response)) return error_text(failure->error);
  if (const auto* command = std::get_if<Command>(&response))
    return command->token == 0 ? "nothing"
                               : "got " + std::string{text(MessageView{command->message}.body())} +
                                     " #" + std::to_string(command->count);
  return "ok";
}
std::uint64_t token(const Response& response) {
  const auto* command = std::get_if<Command>(&response);
  return command ? command->token : 0;
}
Response receive(Driver& driver) { return driver.ask(ReceiveCommand{"d1"}); }
std::string settle(Driver& driver, std::uint64_t with, Settle how = Settle::complete) {
  return word(driver.ask(SettleCommand{"d1", with, how}));
}
void send(Driver& driver, ConnectionId id, int count, const std::string& body = "x") {
  for (int i = 1; i <= count; ++i)
    telemetry(driver, id, "d1", body, static_cast<mqtt::PacketId>(i));
}
void command(Driver& driver, int count, Ack ack = Ack::full) {
  for (int i = 1; i <= count; ++i) driver.command("d1", "m" + std::to_string(i), "body", ack);
}
// How many events an AMQP reader is given that asks for what follows this sequence number.
std::size_t read_after(Driver& driver, std::uint64_t sequence) {
  AmqpClient client{driver};
  for (std::uint32_t p = 0; p < driver.rules().hub.partitions; ++p)
    client.receive_from("hub/ConsumerGroups/$Default/Partitions/" + std::to_string(p), 100,
                        sequence == 0 ? "amqp.annotation.x-opt-offset > '-1'"
                                      : "amqp.annotation.x-opt-sequence-number > '" + std::to_string(sequence) + "'");
  return client.arrived().size();
}
std::vector<FeedbackRecord> feedback(Driver& driver) {
  std::vector<FeedbackRecord> all;
  for (;;) {
    const Response response = driver.ask(ReceiveFeedback{});
    const auto* batch = std::get_if<Feedback>(&response);
    if (!batch || batch->token == 0) return all;
    all.insert(all.end(), batch->records.begin(), batch->records.end());
    driver.ask(SettleFeedback{batch->token, true});
  }
}
std::uint32_t generation(const Response& response) {
  const auto* done = std::get_if<Done>(&response);
  return done ? done->generation : 0;
}
void complete(Driver& driver, int count) {
  command(driver, count);
  for (int i = 0; i < count; ++i) settle(driver, token(receive(driver)));
}
ConnectionId session_with_filter(Driver& driver) {
  const ConnectionId id = connected(driver, "d1", false);
  subscribe(driver, id, {command_filter("d1")});
  driver.take(id);
  return id;
}

// What is said over HTTP: status lines and bodies.
std::string http(Driver& driver, ConnectionId id, const std::string& method, const std::string& path,
                 const std::string& body = {}, const std::string& fields = {}) {
  const bool queried = path.find('?') != std::string::npos;
  driver.feed(id, view(method + " /devices/" + path + (queried ? "&" : "?") + "api-version=2021-04-12 HTTP/1.1\r\nHost: h\r\n" +
                       fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body));
  return std::string{text(driver.take_bytes(id))};
}
std::string http_token(const std::string& response) {
  const std::size_t at = response.find("ETag: \"");
  return at == std::string::npos ? "" : response.substr(at + 7, response.find('"', at + 7) - at - 7);
}
std::string http_receive(Driver& driver, ConnectionId id) { return http(driver, id, "GET", "d1/messages/devicebound"); }
std::string http_settle(Driver& driver, ConnectionId id, const std::string& token, const std::string& flag = {}) {
  return http(driver, id, "DELETE", "d1/messages/devicebound/" + token + flag);
}
// Of the gate: d1, d2 and d10 with known keys, and the code that a token gets.
std::string key_of(const std::string& name) {
  Bytes bytes(32, 0);
  std::ranges::copy(view(name), bytes.begin());
  return to_base64(bytes);
}
void register_keys(Driver& d) {
  const auto keys = [](const std::string& id) {
    return Credentials{CredentialType::sas, key_of(id), key_of(id + " 2")};
  };
  d.ask(UpdateDevice{"d1", {}, keys("d1")});
  for (const char* id : {"d2", "d10"}) d.ask(CreateDevice{id, keys(id)});
}
int shows(Driver& d, const std::string& device, const std::string& scope, const std::string& signer,
          Duration life) {
  if (word(d.ask(GetDevice{"d2"})) != "ok") register_keys(d);
  const ConnectionId id = d.open();
  const std::string name = user(device);
  const std::string token =
      make_token("hub/devices/" + scope, key_of(signer), KeyForm::decoded, d.now().wall + life);
  mqtt::Connect connect = connect_as(device, name, true, 0);
  connect.password = view(token);
  d.feed(id, connect);
  const auto got = d.take(id);
  return got.empty() ? -1 : got[0].code;
}

// A device behind a WebSocket: what it says leaves in these frames, and what it hears is counted.
class Framed {
 public:
  explicit Framed(Driver& driver) : driver_{&driver}, id_{driver.open(Door::http)} {
    Bytes request;
    websocket::write_request(request, "hub", websocket::device_path, "dGhlIHNhbXBsZSBub25jZQ==", websocket::Carries::mqtt);
    driver.feed(id_, request);
    driver.take_bytes(id_);
  }
  template <class P>
  void say(const P& packet, std::size_t messages, std::size_t fragments = 1, bool ping = false) {
    Bytes bytes, frames;
    mqtt::write(bytes, packet);
    for (std::size_t n = 0; n < messages; ++n) {
      const std::size_t from = bytes.size() * n / messages, to = bytes.size() * (n + 1) / messages;
      stream_.send(View{bytes}.subspan(from, to - from), frames, fragments, ping);
    }
    driver_->feed(id_, frames);
  }
  std::size_t hear() {
    Bytes payload, answers;
    stream_.received(driver_->take_bytes(id_), payload, answers);
    return decode(payload).size();
  }

 private:
  Driver* driver_;
  ConnectionId id_;
  const WebSocketRules rules_{};
  websocket::Stream stream_{websocket::End::client, rules_, Chance{[](void*, ChanceSite, std::uint32_t) { return 7u; }, nullptr}};
};

using Story = std::function<void(Driver&, Tale&)>;

// What an outcome does to a command that waits on a link.
template <amqp::Outcome outcome>
void settles_as(Driver& d, Tale& t) {
  command(d, 1);
  AmqpClient client{d};
  const LinkId link = client.receive_from(commands_of("d1"), 5);
  client.settle(link, client.on(link)[0]->delivery, outcome);
  t << client.on(link).size();
}

const std::map<std::string, Story>& stories() {
  static const std::map<std::string, Story> all = {
      {"ack-before-durable",
       [](Driver& d, Tale& t) {
         const auto id = connected(d, "d1");
         d.hold();
         send(d, id, 1);
         t << d.take(id).size();
         d.crash();
         t << d.bodies().size();
       }},
      {"http-answers-before-durable",
       [](Driver& d, Tale& t) {
         const auto id = d.open(Door::http);
         d.hold();
         t << http(d, id, "POST", "d1/messages/events", "x");
         d.crash();
         t << d.bodies().size();
       }},
      {"batch-stored-in-part",
       [](Driver& d, Tale& t) {
         t << http(d, d.open(Door::http), "POST", "d1/messages/events",
                   R"([{"body":"YQ=="},{"body":"Yg=="},{"body":"Yw=="}])",
                   "Content-Type: application/vnd.microsoft.iothub.json\r\n")
           << d.bodies();
       }},
      {"http-answers-out-of-order",
       [](Driver& d, Tale& t) {
         const auto id = d.open(Door::http);
         d.hold();
         t << http(d, id, "POST", "d1/messages/events", "x") << http(d, id, "GET", "d1/messages/devicebound");
       }},
      {"http-caller-mixed-up",
       [](Driver& d, Tale& t) {
         d.create("d2");
         const auto id = d.open(Door::http);
         http(d, id, "POST", "d1/messages/events", "first");
         http(d, id, "POST", "d2/messages/events", "second");
         http(d, id, "POST", "d1/messages/events", "third");
         for (const TelemetryEvent& event : d.telemetry())
           t << event.device << text(MessageView{event.message}.body());
       }},
      {"http-value-cut",
       [](Driver& d, Tale& t) {
         http(d, d.open(Door::http), "POST", "d1/messages/events", "x", "iothub-app-p: a;b\r\n");
         t << *MessageView{d.telemetry().at(0).message}.property("p");
       }},
      {"etag-of-the-message",
       [](Driver& d, Tale& t) {
         command(d, 1);
         const auto id = d.open(Door::http);
         const std::string first = http_token(http_receive(d, id));
         d.pass(d.rules().hub.lock);
         http_receive(d, id);
         t << http_settle(d, id, first);
       }},
      {"http-receive-completes",
       [](Driver& d, Tale& t) {
         command(d, 1);
         http_receive(d, d.open(Door::http));
         d.pass(d.rules().hub.lock);
         t << word(receive(d));
       }},
      {"bare-reject-ignored",
       [](Driver& d, Tale& t) {
         command(d, 1);
         const auto id = d.open(Door::http);
         http_settle(d, id, http_token(http_receive(d, id)), "?reject");
         d.pass(20s);
         for (const FeedbackRecord& record : feedback(d)) t << static_cast<int>(record.status);
       }},
      {"lost-lock-answered-well",
       [](Driver& d, Tale& t) {
         command(d, 1);
         const auto id = d.open(Door::http);
         const std::string token = http_token(http_receive(d, id));
         d.pass(d.rules().hub.lock);
         t << http_settle(d, id, token).substr(0, 12);
       }},
      {"amqp-accepted-before-durable",
       [](Driver& d, Tale& t) {
         AmqpClient client{d};
         const LinkId link = client.send_to(events_of("d1"));
         d.hold();
         t << static_cast<int>(client.outcome(client.telemetry(link, "x")));
       }},
      {"amqp-settlement-before-durable",
       [](Driver& d, Tale& t) {
         command(d, 1);
         AmqpClient client{d};
         const LinkId link = client.receive_from(commands_of("d1"), 5);
         const DeliveryId delivery = client.on(link)[0]->delivery;
         d.hold();
         client.engine().propose(link, delivery, amqp::Outcome::accepted);
         client.run();
         t << static_cast<int>(client.outcome(delivery));
       }},
      {"amqp-released-completes", settles_as<amqp::Outcome::released>},
      {"amqp-modified-completes", settles_as<amqp::Outcome::modified>},
      {"amqp-rejected-returns", settles_as<amqp::Outcome::rejected>},
      {"amqp-lost-lock-confirmed",
       [](Driver& d, Tale& t) {
         command(d, 1);
         AmqpClient client{d};
         const LinkId link = client.receive_from(commands_of("d1"), 5);
         d.pass(61s);
         const DeliveryId late = client.on(link)[0]->delivery;
         client.engine().propose(link, late, amqp::Outcome::accepted);
         client.run();
         t << static_cast<int>(client.outcome(late)) << client.condition(late);
       }},
      {"amqp-range-settles-first",
       [](Driver& d, Tale& t) {
         command(d, 3);
         AmqpClient client{d};
         const LinkId link = client.receive_from(commands_of("d1"), 5);
         for (const Arrived* one : client.on(link))
           client.engine().settle(link, one->delivery, amqp::Outcome::accepted);
         client.run();
         d.pass(61s);
         client.run();
         t << client.on(link).size();
       }},
      {"amqp-flight-lost-with-link",
       [](Driver& d, Tale& t) {
         command(d, 1);
         AmqpClient client{d};
         client.receive_from(commands_of("d1"), 5);
         d.lose(client.id());
         t << word(receive(d));
       }},
      {"amqp-long-body-cut",
       [](Driver& d, Tale& t) {
         AmqpClient client{d};
         client.telemetry(client.send_to(events_of("d1")), std::string(300, 'x'));
         t << d.bodies();
       }},
      {"message-taken-for-packets",
       [](Driver& d, Tale& t) {
         Framed peer{d};
         peer.say(connect_as("d1", user("d1")), 2);
         t << peer.hear();
       }},
      {"ping-ends-a-message",
       [](Driver& d, Tale& t) {
         Framed peer{d};
         peer.say(connect_as("d1", user("d1")), 1, 2, true);
         t << peer.hear();
       }},
      {"first-message-of-a-read",
       [](Driver& d, Tale& t) {
         Framed peer{d};
         peer.say(connect_as("d1", user("d1")), 3);
         t << peer.hear();
       }},
      {"canary",
       [](Driver& d, Tale& t) {
         send(d, connected(d, "d1"), 1);
         t << d.bodies();
       }},
      {"resend-after-wrap-dropped",
       [](Driver& d, Tale& t) {
         telemetry(d, connected(d, "d1", false), "d1", "before the wrap", 65'535);
         const auto id = connected(d, "d1", false);
         publish(d, id, "devices/d1/messages/events/", "behind it", 1, 1, true);
         t << d.take(id).size() << d.bodies();
       }},
      {"promise-by-older-sync",
       [](Driver& d, Tale& t) {
         const auto id = connected(d, "d1");
         d.hold();
         send(d, id, 2);
         d.release_one();
         t << d.take(id).size();
       }},
      {"snapshot-sync-counts-for-more",
       [](Driver& d, Tale& t) {
         d.crash(Driver::Tail::lost, true);  // its snapshot is on the way
         const auto id = login(d, "d1", true);
         send(d, id, 1);
         for (int i = 0; i < 2; ++i) d.release_one();  // of the old segment and of the new one
         t << d.take(id).size();
       }},
      {"purge-answered-too-soon",
       [](Driver& d, Tale& t) {
         command(d, 1);
         d.hold();
         t << d.try_ask(Purge{"d1"}).has_value();
         d.crash();
         t << word(receive(d));
       }},
      {"deletion-answered-too-soon",
       [](Driver& d, Tale& t) {
         d.hold();
         t << d.try_ask(DeleteDevice{"d1"}).has_value();
         d.crash();
         t << word(d.ask(CreateDevice{"d1"}));
       }},
      {"failed-sync-counts",
       [](Driver& d, Tale& t) {
         const auto id = connected(d, "d1");
         d.hold();
         send(d, id, 1);
         d.release(false);
         t << d.take(id).size() << d.halted();
       }},
      {"read-before-durable",
       [](Driver& d, Tale& t) {
         const auto id = connected(d, "d1");
         d.hold();
         send(d, id, 1);
         t << d.bodies().size();
       }},
      {"old-segments-go-too-soon",
       [](Driver& d, Tale& t) {
         send(d, connected(d, "d1"), 1);
         d.crash(Driver::Tail::lost, true);
         d.pass(1ms);
         d.crash();
         t << d.bodies().size();
       }},
      {"torn-snapshot-believed",
       [](Driver& d, Tale& t) {
         send(d, connected(d, "d1"), 1);
         d.crash(Driver::Tail::lost, true);
         d.crash(Driver::Tail::torn);
         t << d.bodies().size();
       }},
      {"goes-on-behind-torn-record",
       [](Driver& d, Tale& t) {
         d.crash(Driver::Tail::lost, true);
         d.crash(Driver::Tail::torn);
         send(d, connected(d, "d1"), 1);
         d.crash();
         t << d.bodies().size();
       }},
      {"merged-telemetry-lost",
       [](Driver& d, Tale& t) {
         send(d, connected(d, "d1"), 1);
         d.crash();
         d.crash();
         t << d.bodies().size();
       }},
      {"filters-lost-in-snapshot",
       [](Driver& d, Tale& t) {
         d.lose(session_with_filter(d));
         command(d, 1);
         d.crash();
         d.crash();
         t << d.take(login(d, "d1", false)).size();
       }},
      {"feedback-lost-in-snapshot",
       [](Driver& d, Tale& t) {
         complete(d, 2);  // the first record leaves at once, the second one waits
         d.crash();
         d.crash();
         d.pass(20s);
         t << feedback(d).size();
       }},
      {"feedback-settled-too-soon",
       [](Driver& d, Tale& t) {
         complete(d, 1);
         const Response batch = d.ask(ReceiveFeedback{});
         d.hold();
         t << d.try_ask(SettleFeedback{std::get<Feedback>(batch).token, true}).has_value();
         d.crash();
         t << feedback(d).size();
       }},
      {"completed-batch-comes-again",
       [](Driver& d, Tale& t) {
         complete(d, 1);
         t << feedback(d).size();
         d.crash();
         t << feedback(d).size();
       }},
      {"event-of-the-future-is-old",
       [](Driver& d, Tale& t) {
         send(d, connected(d, "d1"), 1);
         d.set_wall(-2h);
         d.crash();
         t << d.bodies().size();
       }},
      {"outcome-apart-from-feedback",
       [](Driver& d, Tale& t) {
         complete(d, 1);  // its batch leaves at once, the next one only later
         command(d, 1);
         const auto lock = token(receive(d));
         d.hold();
         d.try_ask(SettleCommand{"d1", lock, Settle::complete});
         d.crash(Driver::Tail::torn);
         t << word(receive(d)) << feedback(d).size();
       }},
      {"tokens-begin-anew",
       [](Driver& d, Tale& t) {
         command(d, 1);
         t << token(receive(d));
         d.crash();
         t << token(receive(d));
       }},
      {"generation-given-twice",
       [](Driver& d, Tale& t) {
         const auto one = generation(d.ask(CreateDevice{"d2"}));
         d.crash();
         t << generation(d.ask(CreateDevice{"d3"})) - one;
       }},
      {"removal-lost-on-recovery",
       [](Driver& d, Tale& t) {
         d.ask(DeleteDevice{"d1"});
         d.crash();
         t << word(d.ask(CreateDevice{"d1"}));
       }},
      {"abandons-lost-on-recovery",
       [](Driver& d, Tale& t) {
         command(d, 1);
         settle(d, token(receive(d)), Settle::abandon);
         d.crash();
         t << word(receive(d));
       }},
      {"settling-lost-on-recovery",
       [](Driver& d, Tale& t) {
         complete(d, 20);
         d.crash();
         t << word(receive(d));
       }},
      {"batch-formed-twice",
       [](Driver& d, Tale& t) {
         complete(d, 1);
         t << feedback(d).size();
         d.crash();
         d.pass(20s);
         t << feedback(d).size();
       }},
      {"lost-on-recovery",
       [](Driver& d, Tale& t) {
         send(d, connected(d, "d1"), 20);
         d.crash();
         t << d.bodies().size();
       }},
      {"torn-record-accepted",
       [](Driver& d, Tale& t) {
         const auto id = connected(d, "d1");
         d.hold();
         send(d, id, 1, "longer than what is torn off");
         d.crash(Driver::Tail::torn);
         t << d.bodies().size();
       }},
      {"duplicate-forgotten-on-takeover",
       [](Driver& d, Tale& t) {
         connected(d, "d1");
         const auto id = connected(d, "d1");
         publish(d, id, "devices/d1/messages/events/", "x", 1, 1, true);
         t << d.take(id).size() << d.bodies().size();
       }},
      {"event-hidden-from-readers",
       [](Driver& d, Tale& t) {
         send(d, connected(d, "d1"), 70);
         t << d.bodies().size();
       }},
      {"start-runs-ahead",
       [](Driver& d, Tale& t) {
         send(d, connected(d, "d1"), 5);
         t << read_after(d, 0) << read_after(d, 2) << read_after(d, 5);
       }},
      {"retention-by-jumping-clock",
       [](Driver& d, Tale& t) {
         send(d, connected(d, "d1"), 1);
         d.set_wall(48h);
         d.pass(2h);
         t << d.bodies().size();
       }},
      {"foreign-device",
       [](Driver& d, Tale& t) {
         d.create("d2");
         const auto id = connected(d, "d2");
         for (int i = 0; i < 16; ++i) telemetry(d, id, "d2", "x", 1);
         for (const TelemetryEvent& event : d.telemetry()) t << event.device;
       }},
      {"reordered-after-reconnect",
       [](Driver& d, Tale& t) {
         d.lose(connected(d, "d1", false));
         const auto id = connected(d, "d1", false);
         telemetry(d, id, "d1", "one", 1);
         t << d.take(id).size();
         telemetry(d, id, "d1", "two", 2);
         t << d.bodies();
       }},
      {"replay-with-gaps",
       [](Driver& d, Tale& t) {
         send(d, connected(d, "d1"), 8);
         t << read_after(d, 0) << read_after(d, 0);
       }},
      {"partition-changed",
       [](Driver& d, Tale& t) {
         send(d, connected(d, "d1"), 40);
         for (std::uint32_t p = 0; p < d.rules().hub.partitions; ++p)
           t << std::get<Telemetry>(d.ask(ReadTelemetry{p, 1, 100, {}})).events.size();
       }},
      {"sequence-numbers-reused",
       [](Driver& d, Tale& t) {
         send(d, connected(d, "d1"), 3);
         d.crash();
         send(d, connected(d, "d1"), 1);
         for (const TelemetryEvent& event : d.telemetry()) t << event.sequence;
       }},
      {"altered-payload",
       [](Driver& d, Tale& t) {
         send(d, connected(d, "d1"), 30, "the same");
         const auto bodies = d.bodies();
         t << bodies.size() << std::set<std::string>(bodies.begin(), bodies.end()).size();
       }},
      {"fifty-first-message",
       [](Driver& d, Tale& t) {
         command(d, 50);
         t << word(d.command("d1", "m51"));
       }},
      {"queue-without-limit",
       [](Driver& d, Tale& t) {
         command(d, 60);
         t << word(d.command("d1", "m61"));
       }},
      {"fiftieth-refused",
       [](Driver& d, Tale& t) {
         command(d, 49);
         t << word(d.command("d1", "m50"));
       }},
      {"expires-at-the-head-only",
       [](Driver& d, Tale& t) {
         d.command("d1", "m1", "first");
         receive(d);
         d.command("d1", "m2", "second", Ack::full, d.now().wall + 4s);
         d.pass(5s);
         t << word(receive(d));
       }},
      {"purge-spares-ending-lock",
       [](Driver& d, Tale& t) {
         command(d, 1);
         receive(d);
         d.pass(59'950ms);
         d.ask(Purge{"d1"});
         d.pass(3s);
         t << word(receive(d));
       }},
      {"lock-by-wall-clock",
       [](Driver& d, Tale& t) {
         command(d, 1);
         receive(d);
         d.set_wall(2min);
         t << word(receive(d));
       }},
      {"given-up-too-soon",
       [](Driver& d, Tale& t) {
         command(d, 1);
         for (int i = 0; i < 9; ++i) settle(d, token(receive(d)), Settle::abandon);
         t << word(receive(d));
       }},
      {"two-live-locks",
       [](Driver& d, Tale& t) {
         command(d, 1);
         const auto first = token(receive(d));
         d.pass(60s);
         receive(d);
         t << settle(d, first);
       }},
      {"expired-late",
       [](Driver& d, Tale& t) {
         const Date expiry = d.now().wall + 4s;
         d.command("d1", "m1", "body", Ack::full, expiry);
         d.pass(60s);
         for (const FeedbackRecord& record : feedback(d))
           t << record.date - expiry.time_since_epoch().count();
       }},
      {"purge-leaves-locked",
       [](Driver& d, Tale& t) {
         command(d, 1);
         receive(d);
         t << word(d.ask(Purge{"d1"}));
         d.pass(60s);
         t << word(receive(d));
       }},
      {"delivery-after-expiry",
       [](Driver& d, Tale& t) {
         d.command("d1", "m1", "body", Ack::full, d.now().wall + 4s);
         d.pass(5s);
         t << word(receive(d));
       }},
      {"expiry-off-by-one-tick",
       [](Driver& d, Tale& t) {
         d.command("d1", "m1", "body", Ack::full, d.now().wall + 4s);
         d.pass(4s);
         t << word(receive(d));
       }},
      {"ttl-by-wrong-clock",
       [](Driver& d, Tale& t) {
         d.command("d1", "m1", "body", Ack::full, d.now().wall + 1h);
         d.set_wall(2h);
         t << word(receive(d));
       }},
      {"delivery-after-completion",
       [](Driver& d, Tale& t) {
         command(d, 12);
         for (int i = 0; i < 12; ++i) t << settle(d, token(receive(d)));
         d.pass(61s);
         t << word(receive(d));
       }},
      {"lock-does-not-hide",
       [](Driver& d, Tale& t) {
         d.command("d1", "m1", "one");
         d.command("d1", "m2", "two");
         t << word(receive(d)) << word(receive(d));
       }},
      {"lock-hides-late",
       [](Driver& d, Tale& t) {
         d.command("d1", "m1", "one");
         d.command("d1", "m2", "two");
         t << word(receive(d)) << word(receive(d));
       }},
      {"locked-outlives-expiry",
       [](Driver& d, Tale& t) {
         d.command("d1", "m1", "body", Ack::full, d.now().wall + 4s);
         const auto lock = token(receive(d));
         d.pass(4'500ms);
         t << settle(d, lock);
       }},
      {"lock-half-as-long",
       [](Driver& d, Tale& t) {
         command(d, 1);
         receive(d);
         d.pass(31s);
         t << word(receive(d));
       }},
      {"dead-token-settles",
       [](Driver& d, Tale& t) {
         command(d, 1);
         const auto first = token(receive(d));
         d.pass(61s);
         t << settle(d, first);
       }},
      {"count-rule-of-other-profile",
       [](Driver& d, Tale& t) {
         command(d, 1);
         receive(d);
         d.pass(60s);
         t << word(receive(d));
       }},
      {"queue-outlives-deletion",
       [](Driver& d, Tale& t) {
         command(d, 1);
         d.ask(DeleteDevice{"d1"});
         d.create("d1");
         t << word(receive(d));
       }},
      {"stuck-after-recovery",
       [](Driver& d, Tale& t) {
         command(d, 1);
         receive(d);
         d.pass(1s);
         d.crash();
         d.pass(61s);
         t << word(receive(d));
       }},
      {"altered-command",
       [](Driver& d, Tale& t) {
         command(d, 12);
         for (int i = 0; i < 12; ++i) t << word(receive(d));
       }},
      {"feedback-lost",
       [](Driver& d, Tale& t) {
         command(d, 6);
         for (int i = 0; i < 6; ++i) settle(d, token(receive(d)));
         d.pass(20s);
         t << feedback(d).size();
       }},
      {"feedback-overflow-lost",
       [](Driver& d, Tale& t) {
         complete(d, 31);  // the first record leaves at once
         command(d, 50);
         d.ask(Purge{"d1"});
         d.pass(20s);
         t << feedback(d).size();
       }},
      {"feedback-by-wall-clock",
       [](Driver& d, Tale& t) {
         complete(d, 1);
         d.set_wall(-1h);
         complete(d, 1);
         d.pass(20s);
         t << feedback(d).size();
       }},
      {"feedback-waits-for-the-clock",
       [](Driver& d, Tale& t) {
         complete(d, 2);  // the first record leaves at once, the second one waits
         d.set_wall(-1h);
         d.crash();
         d.pass(20s);
         t << feedback(d).size();
       }},
      {"feedback-lives-twenty-minutes",
       [](Driver& d, Tale& t) {
         complete(d, 1);
         d.pass(21min);
         t << feedback(d).size();
       }},
      {"feedback-short-lived",
       [](Driver& d, Tale& t) {
         complete(d, 1);
         d.pass(40s);
         t << feedback(d).size();
       }},
      {"feedback-doubled",
       [](Driver& d, Tale& t) {
         command(d, 1);
         settle(d, token(receive(d)));
         d.pass(20s);
         t << feedback(d).size();
       }},
      {"feedback-wrong-status",
       [](Driver& d, Tale& t) {
         command(d, 1);
         settle(d, token(receive(d)), Settle::reject);
         d.pass(20s);
         for (const FeedbackRecord& record : feedback(d)) t << static_cast<int>(record.status);
       }},
      {"feedback-unasked",
       [](Driver& d, Tale& t) {
         command(d, 1, Ack::none);
         settle(d, token(receive(d)));
         d.pass(20s);
         t << feedback(d).size();
       }},
      {"feedback-late",
       [](Driver& d, Tale& t) {
         command(d, 2);
         settle(d, token(receive(d)));  // nothing was sent lately, so this one leaves at once
         d.pass(1s);
         settle(d, token(receive(d)));
         d.pass(16s);
         t << feedback(d).size();
       }},
      {"feedback-batch-too-large",
       [](Driver& d, Tale& t) {
         for (int round = 0; round < 2; ++round) {
           command(d, 50);
           for (int i = 0; i < 50; ++i) settle(d, token(receive(d)));
         }
         d.pass(40s);
         for (int i = 0; i < 4; ++i)
           t << std::get<Feedback>(d.ask(ReceiveFeedback{})).records.size();
       }},
      {"older-connection-kept",
       [](Driver& d, Tale& t) {
         const auto older = connected(d, "d1");
         connected(d, "d1");
         send(d, older, 1);
         t << d.closed(older) << d.bodies().size();
       }},
      {"will-after-disconnect",
       [](Driver& d, Tale& t) {
         d.feed(connected(d, "d1", true, 60, "will"), mqtt::Disconnect{});
         t << d.bodies();
       }},
      {"will-missing",
       [](Driver& d, Tale& t) {
         connected(d, "d1", true, 60, "will");
         connected(d, "d1");
         t << d.bodies();
       }},
      {"will-twice",
       [](Driver& d, Tale& t) {
         connected(d, "d1", true, 60, "will");
         d.pass(90s);
         t << d.bodies();
       }},
      {"flight-lost-with-connection",
       [](Driver& d, Tale& t) {
         const auto id = session_with_filter(d);
         command(d, 1);
         d.lose(id);
         t << word(receive(d));
       }},
      {"flight-lost-in-takeover",
       [](Driver& d, Tale& t) {
         session_with_filter(d);
         command(d, 1);
         t << d.take(login(d, "d1", false)).size();
       }},
      {"flight-lost-in-late-silence",
       [](Driver& d, Tale& t) {
         session_with_filter(d);
         d.pass(30'500ms);
         command(d, 1);
         d.pass(59'600ms);  // silent for a minute and a half
         t << word(receive(d));
       }},
      {"flight-lost-in-early-takeover",
       [](Driver& d, Tale& t) {
         session_with_filter(d);
         command(d, 1);
         t << d.take(login(d, "d1", false)).size();
       }},
      {"flight-lost-in-sudden-end",
       [](Driver& d, Tale& t) {
         const auto id = session_with_filter(d);
         command(d, 1);
         d.lose(id);
         t << word(receive(d));
       }},
      {"will-lost-in-a-race",
       [](Driver& d, Tale& t) {
         d.lose(connected(d, "d1", true, 60, "will"));
         t << d.bodies();
       }},
      {"accepted-after-takeover",
       [](Driver& d, Tale& t) {
         d.hold();
         const auto older = login(d, "d1", false);
         login(d, "d1", false);
         t << d.closed(older);
       }},
      {"subscription-granted-too-soon",
       [](Driver& d, Tale& t) {
         const auto id = connected(d, "d1", false);
         d.hold();
         subscribe(d, id, {command_filter("d1")});
         t << d.take(id).size();
       }},
      {"flight-lost-with-disabling",
       [](Driver& d, Tale& t) {
         session_with_filter(d);
         command(d, 1);
         d.ask(EnableDevice{"d1", false});
         d.ask(EnableDevice{"d1", true});
         t << word(receive(d));
       }},
      {"flight-lost-in-late-takeover",
       [](Driver& d, Tale& t) {
         const auto id = session_with_filter(d);
         command(d, 1);
         d.pass(30s);
         d.feed(id, mqtt::Pingreq{});
         d.pass(29'900ms);
         t << d.take(login(d, "d1", false)).size();
       }},
      {"accepted-after-deletion",
       [](Driver& d, Tale& t) {
         d.hold();
         const auto id = login(d, "d1", false);
         d.try_ask(DeleteDevice{"d1"});
         t << d.closed(id);
       }},
      {"lock-ends-late",
       [](Driver& d, Tale& t) {
         command(d, 1);
         const auto first = token(receive(d));
         d.pass(60s);
         t << settle(d, first);
       }},
      {"late-ack-unsubscribes",
       [](Driver& d, Tale& t) {
         const auto id = session_with_filter(d);
         command(d, 1);
         const auto late = d.take(id).at(0).id;
         d.feed(id, mqtt::Pingreq{});
         d.pass(61s);
         d.feed(id, mqtt::Puback{late});
         d.take(id);
         command(d, 1);
         t << d.take(id).size();
       }},
      {"clean-session-resumed",
       [](Driver& d, Tale& t) {
         d.lose(session_with_filter(d));
         command(d, 1);
         t << d.take(login(d, "d1", true)).size();
       }},
      {"will-before-acceptance",
       [](Driver& d, Tale& t) {
         d.hold();
         d.lose(login(d, "d1", false, 60, "will"));
         d.release();
         t << d.bodies();
       }},
      {"c2d-before-subscribe",
       [](Driver& d, Tale& t) {
         command(d, 1);
         const auto id = connected(d, "d1");
         command(d, 1);
         t << d.seen(What::packet).back().flags << d.take(id).size();
       }},
      {"keep-alive-late",
       [](Driver& d, Tale& t) {
         const auto id = connected(d, "d1", true, 60);
         d.pass(91s);
         t << d.closed(id);
       }},
      {"keep-alive-early",
       [](Driver& d, Tale& t) {
         const auto id = connected(d, "d1", true, 60);
         d.pass(89s);
         t << d.closed(id);
       }},
      {"stuck-after-heal",
       [](Driver& d, Tale& t) {
         d.lose(session_with_filter(d));
         command(d, 1);
         const auto id = connected(d, "d1", false);
         t << d.seen(What::packet).back().flags;
         d.pass(30s);
         t << d.take(id).size();
       }},
      {"grace-without-end",
       [](Driver& d, Tale& t) { t << shows(d, "d1", "d1", "d1", -10min); }},
      {"tokens-end-early",
       [](Driver& d, Tale& t) { t << shows(d, "d1", "d1", "d1", 10min); }},
      {"expired-token-keeps-connection",
       [](Driver& d, Tale& t) {
         t << shows(d, "d1", "d1", "d1", 1min);
         d.pass(20min);
         t << d.seen(What::ended).size();
       }},
      {"signature-not-compared",
       [](Driver& d, Tale& t) { t << shows(d, "d1", "d1", "d2", 1h); }},
      {"scope-by-text",
       [](Driver& d, Tale& t) { t << shows(d, "d10", "d1", "d1", 1h); }},
      {"any-devices-token",
       [](Driver& d, Tale& t) { t << shows(d, "d2", "d1", "d1", 1h); }},
      {"rotated-key-still-good",
       [](Driver& d, Tale& t) {
         register_keys(d);
         d.ask(UpdateDevice{"d1", {}, Credentials{CredentialType::sas, key_of("new"), {}}});
         t << shows(d, "d1", "d1", "d1", 1h);
       }},
      {"deleted-keys-still-good",
       [](Driver& d, Tale& t) {
         register_keys(d);
         d.ask(DeleteDevice{"d1"});
         d.ask(CreateDevice{"d1", Credentials{CredentialType::sas, key_of("new"), key_of("newer")}});
         t << shows(d, "d1", "d1", "d1", 1h);
       }},
  };
  return all;
}

bool is_of_the_gate(const std::string& mutant) {
  return std::ranges::any_of(security_mutants(), [&](const Mutant& m) { return m.name == mutant; });
}

// Stories of a hub with routes: what each endpoint shows, by the first letters of bodies.
Rules with_routes(bool fallback = true) {
  Rules rules;
  rules.hub.partitions = 1;
  rules.hub.routing.endpoints = {"alerts", "archive"};
  rules.hub.routing.routes = {{"high", "alerts", "level = 'high'"},
                              {"low", "alerts", "level IN ['high', 'low']"},
                              {"all", "archive", "level = 'high'"}};
  rules.hub.routing.fallback = fallback;
  return rules;
}

void leveled(Driver& driver, ConnectionId id, const std::vector<std::string>& levels) {
  mqtt::PacketId packet = 0;
  for (const std::string& level : levels) {
    ++packet;
    publish(driver, id, "devices/d1/messages/events/" + (level.empty() ? "" : "level=" + level),
            level + std::to_string(packet), packet);
  }
}

void tell_endpoints(Driver& driver, Tale& tale) {
  for (const char* endpoint : {"events", "alerts", "archive"}) {
    tale << endpoint;
    const Response response = driver.ask(ReadTelemetry{0, 1, 100, {}, endpoint});
    for (const TelemetryEvent& event : std::get<Telemetry>(response).events)
      tale << text(MessageView{event.message}.body());
  }
}

void routed_story(Driver& driver, Tale& tale) {
  leveled(driver, connected(driver, "d1"), {"high", "low", "none", ""});
  tell_endpoints(driver, tale);
}

// What is stored and not routed yet, or not known to be, when the hub crashes.
void routed_crash_story(Driver& driver, Tale& tale) {
  const auto id = connected(driver, "d1");
  leveled(driver, id, {"high", "high", "high"});
  driver.crash();
  tell_endpoints(driver, tale);
}

struct RoutedStory {
  bool fallback = true;
  Story story;
};
const std::map<std::string, RoutedStory>& routed_stories() {
  static const std::map<std::string, RoutedStory> all{
      {"first-route-wins", {true, routed_story}},
      {"twice-per-endpoint", {true, routed_story}},
      {"fallback-despite-match", {true, routed_story}},
      {"fallback-ignored", {true, routed_story}},
      {"unmatched-kept-with-fallback-off", {false, routed_story}},
      {"undefined-is-true", {true, routed_story}},
      {"replay-reordered", {true, routed_crash_story}},
      {"suffix-lost", {true, routed_crash_story}},
  };
  return all;
}

// Stories of a hub with limits: two at once, two more that wait, one a second; ten chunks of 100 bytes a day.
Rules with_limits() {
  Rules rules;
  rules.hub.quota.of(Limit::telemetry) = {60, 2, 2};
  rules.hub.quota.per_day = 10;
  rules.hub.quota.chunk = 100;
  return rules;
}

// How many are acknowledged at once and in the two seconds behind it, and what is stored then.
void limited_story(Driver& driver, Tale& tale, int count) {
  const auto id = connected(driver, "d1");
  for (int i = 0; i < count && !driver.closed(id); ++i)
    telemetry(driver, id, "d1", std::string(1, "abcdefgh"[i]), static_cast<mqtt::PacketId>(i + 1));
  for (int half = 0; half <= 4; ++half) {
    tale << driver.take(id).size();
    driver.pass(500ms);
  }
  tale << driver.closed(id) << driver.bodies();
}

// So many of the day's messages are taken.
void quota_story(Driver& driver, Tale& tale, const std::string& body = "x") {
  std::size_t taken = 0;
  for (int i = 0; i < 12; ++i) {
    const auto id = connected(driver, "d1");
    telemetry(driver, id, "d1", body, 1);
    taken += driver.take(id).size();
    if (!driver.closed(id)) driver.lose(id);
    driver.pass(1s);
  }
  tale << taken;
}

const std::map<std::string, Story>& limited_stories() {
  static const std::map<std::string, Story> all{
      {"refused-is-stored", [](Driver& d, Tale& t) { limited_story(d, t, 5); }},
      {"refused-is-acknowledged", [](Driver& d, Tale& t) { limited_story(d, t, 5); }},
      {"refused-before-full", [](Driver& d, Tale& t) { limited_story(d, t, 4); }},
      {"allowance-doubled", [](Driver& d, Tale& t) { limited_story(d, t, 4); }},
      {"queue-too-fast", [](Driver& d, Tale& t) { limited_story(d, t, 4); }},
      {"refused-is-metered",
       [](Driver& d, Tale& t) {
         for (int i = 0; i < 3; ++i) limited_story(d, t, 5);
         quota_story(d, t);
       }},
      {"chunks-rounded-down", [](Driver& d, Tale& t) { quota_story(d, t, std::string(150, 'x')); }},
      {"quota-ends-with-process",
       [](Driver& d, Tale& t) {
         quota_story(d, t);
         d.crash();
         quota_story(d, t);
       }},
      {"quota-by-local-midnight",
       [](Driver& d, Tale& t) {
         quota_story(d, t);
         d.pass(std::chrono::hours{3});  // it is about five in the afternoon
         quota_story(d, t);
       }},
      {"quota-never-resets",
       [](Driver& d, Tale& t) {
         quota_story(d, t);
         d.pass(std::chrono::hours{11});
         quota_story(d, t);
       }},
  };
  return all;
}

std::string told(const Rules& rules, const Story& story) {
  Driver driver{rules};
  driver.create("d1");
  Tale tale;
  story(driver, tale);
  return tale.text();
}

class EveryMutant : public testing::TestWithParam<Mutant> {};

TEST_P(EveryMutant, TellsAnotherStory) {
  const Mutant& mutant = GetParam();
  if (std::string_view{mutant.name}.starts_with("broker-")) return;  // broker_mutants_test.cpp
  if (const auto routed = routed_stories().find(mutant.name); routed != routed_stories().end()) {
    const Rules right = with_routes(routed->second.fallback);
    Rules wrong = right;
    mutant.apply(wrong);
    EXPECT_NE(told(wrong, routed->second.story), told(right, routed->second.story));
    return;
  }
  if (const auto limited = limited_stories().find(mutant.name); limited != limited_stories().end()) {
    const Rules right = with_limits();
    Rules wrong = right;
    mutant.apply(wrong);
    EXPECT_NE(told(wrong, limited->second), told(right, limited->second));
    return;
  }
  const auto story = stories().find(mutant.name);
  if (story == stories().end()) {
    // A device's or a service's defect: its story is told where both ends meet. Here only: it
    // changes the device or the service.
    Rules rules;
    mutant.apply(rules);
    EXPECT_TRUE(rules.device != DeviceRules{} || rules.service != ServiceRules{})
        << "no story for " << mutant.name;
    return;
  }
  Rules good;
  if (is_of_the_gate(mutant.name)) good.hub.access = Access::verified;
  Rules wrong = good;
  mutant.apply(wrong);
  const std::string right = told(good, story->second);
  EXPECT_NE(told(wrong, story->second), right);
  EXPECT_EQ(told(good, story->second), right);
}

INSTANTIATE_TEST_SUITE_P(Zoo, EveryMutant, testing::ValuesIn(mutants().begin(), mutants().end()),
                         [](const auto& each) {
                           std::string name = each.param.name;
                           std::erase(name, '-');
                           return name;
                         });

TEST(Mutants, HaveNamesAndSentencesOfTheirOwn) {
  std::set<std::string_view> names, sentences;
  for (const Mutant& mutant : mutants()) {
    EXPECT_TRUE(names.insert(mutant.name).second) << mutant.name;
    EXPECT_TRUE(sentences.insert(mutant.sentence).second) << mutant.sentence;
    EXPECT_EQ(find_mutant(mutant.name), &mutant);
    EXPECT_TRUE(std::ranges::all_of(std::string_view{mutant.name}, [](char c) {
      return (c >= 'a' && c <= 'z') || c == '-' || (c >= '0' && c <= '3');
    })) << mutant.name;
    if (mutant.issue != nullptr) {
      EXPECT_THAT(mutant.issue, testing::MatchesRegex("[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+#[0-9]+"))
          << mutant.issue;
    }
    const std::set<std::string_view> ways = {"run", "search", "conform"};
    EXPECT_TRUE(ways.contains(mutant.found_by));
  }
  EXPECT_EQ(find_mutant("none"), nullptr);
}

TEST(Mutants, AreManyAndSomeWereSeenInTheWildAndSomeAreRare) {
  EXPECT_GE(mutants().size(), 70u);
  EXPECT_GE(std::ranges::count_if(mutants(), [](const Mutant& m) { return m.issue != nullptr; }), 15);
  EXPECT_GE(std::ranges::count_if(mutants(), &Mutant::rare), 15);
}

TEST(Mutants, AreOfHubDeviceAndService) {
  int device = 0, service = 0;
  for (const Mutant& mutant : mutants()) {
    Rules rules;
    mutant.apply(rules);
    device += rules.device != DeviceRules{};
    service += rules.service != ServiceRules{};
  }
  EXPECT_GE(device, 10);
  EXPECT_GE(service, 5);
  EXPECT_GE(static_cast<int>(mutants().size()) - device - service, 40);
}

TEST(Mutants, ThereIsOneForEachCheck) {
  std::set<std::string> meant;
  for (const Mutant& mutant : mutants()) meant.insert(mutant.meant_for);
  for (int n = 1; n <= 25; ++n) {
    EXPECT_TRUE(meant.contains((n < 10 ? "INV-0" : "INV-") + std::to_string(n))) << n;
  }
  for (const char* id : {"SEC-04", "SEC-09", "SEC-12", "SEC-17", "QUO-03", "QUO-09", "QUO-13"}) EXPECT_TRUE(meant.contains(id)) << id;
  EXPECT_TRUE(meant.contains("mqtt311:3.3.1-1"));
  EXPECT_TRUE(meant.contains("mqtt311:4.6.0-1"));
}

}  // namespace
}  // namespace hubproof::server_tests
