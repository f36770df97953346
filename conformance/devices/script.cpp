#include "conformance/devices/script.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "model/amqp/address.hpp"
#include "model/hub/token.hpp"

namespace hubproof::conformance::devices::script {
namespace {

using Did = Said::Did;

bool is_connect(const Heard& heard) { return heard.is<Connect>() != nullptr; }

}  // namespace

std::string client_id(Stage& stage) {
  return (stage.device().hub ? "device-" : "hubproof-") +
         std::to_string(1000 +
                        model::hash(model::view(stage.name()), stage.settings().seed) % 9000);
}

std::string websocket_path(Stage& stage) { return stage.device().hub ? "/$iothub/websocket" : "/mqtt"; }

void order_connect(Stage& stage, const Wish& wish) {
  ConnectOrder order;
  order.host = stage.settings().host;
  order.port = stage.settings().port;
  order.client_id = wish.client_id.value_or(client_id(stage));
  order.clean = wish.clean;
  order.keep_alive = wish.keep_alive;
  order.username = wish.username;
  order.password = wish.password;
  order.will = wish.will;
  if (stage.device().hub) order.key = stage.settings().key, order.token_life = wish.token_life;
  if (!stage.settings().ca.empty()) order.ca = stage.settings().ca;
  if (stage.settings().websocket) order.websocket = websocket_path(stage);
  order.settle = wish.settle;
  order.poll = wish.poll;
  stage.tell(order);
}

Task<Heard> hello_of(Stage& stage) {
  std::optional<Heard> heard = co_await stage.wait(is_connect, stage.patience() * 2);
  if (!heard) {
    const auto failed = stage.take([](const Heard& one) { return one.is(Did::failed); });
    {
      const std::string why = failed ? "the device did not connect: " + failed->said.why
                                     : "no CONNECT came after the device was told to connect";
      co_await stage.missing(why.c_str());
    }
  }
  co_return std::move(*heard);
}

Task<LinkId> connected(Stage& stage, Wish wish) {
  order_connect(stage, wish);
  const Heard heard = co_await hello_of(stage);
  stage.send(heard.link, Connack{false, 0});
  const auto told = co_await said(stage, Did::connected);
  if (!told) co_await stage.missing("the adapter did not say \"connected\" after CONNACK 0");
  co_return heard.link;
}

Task<LinkId> back(Stage& stage, Wish wish, bool session_present) {
  if (!stage.device().reconnects) {
    const auto lost = co_await said(stage, Did::lost);
    if (!lost)
      co_await stage.missing("the adapter did not say \"lost\" after the connection was cut");
    order_connect(stage, wish);
  }
  std::optional<Heard> heard = co_await stage.wait(is_connect, stage.patience() * 4);
  if (!heard) co_await stage.missing("the device did not come back after the connection was cut");
  stage.send(heard->link, Connack{session_present, 0});
  co_return heard->link;
}

std::string milliseconds_text(model::Duration time) {
  return std::to_string(std::chrono::floor<std::chrono::milliseconds>(time).count()) + " ms";
}

std::string milliseconds_text(std::span<const model::Duration> times) {
  std::string text;
  for (const model::Duration time : times) text += (text.empty() ? "" : ", ") + milliseconds_text(time);
  return text;
}

std::string text_of(std::uint64_t order) { return "message " + std::to_string(order); }

std::uint64_t submit(Stage& stage, std::uint8_t qos) {
  const std::uint64_t id = stage.next_id();
  const std::string payload = text_of(id);
  const model::Bytes bytes{payload.begin(), payload.end()};
  if (stage.device().hub)
    stage.tell(SendOrder{id, "m" + std::to_string(id), bytes});
  else
    stage.tell(PublishOrder{id, "hubproof/up/" + std::to_string(id), bytes, qos, false});
  return id;
}

std::uint64_t submit(Stage& stage, const std::string& payload, std::vector<std::pair<std::string, std::string>> properties) {
  const std::uint64_t id = stage.next_id();
  stage.tell(SendOrder{id, "m" + std::to_string(id), {payload.begin(), payload.end()}, std::move(properties)});
  return id;
}

void expect(Stage& stage, const char* clause, bool holds, const std::string& otherwise) {
  if (holds)
    stage.pass(clause);
  else
    stage.fail(clause, otherwise);
}

std::uint64_t end_of_token(std::string_view token) {
  std::size_t at = token.find("&se=");
  if (at == std::string_view::npos) at = token.find(" se=");
  std::uint64_t end = 0;
  if (at != std::string_view::npos)
    for (const char c : token.substr(at + 4)) {
      if (c < '0' || c > '9' || end > 1'000'000'000'000) break;
      end = end * 10 + static_cast<std::uint64_t>(c - '0');
    }
  return end;
}

void judge_token(Stage& stage, const std::string& token, const std::string& resource) {
  const auto value = [&token](const std::string& name) {
    std::size_t at = token.find("&" + name + "=");
    if (at == std::string::npos) at = token.find(" " + name + "=");
    if (at == std::string::npos) return std::string{};
    const std::size_t from = at + name.size() + 2;
    return token.substr(from, token.find('&', from) - from);
  };
  const std::string scope = value("sr");
  expect(stage, "SEC-01", token.starts_with("SharedAccessSignature ") && !scope.empty() && !value("sig").empty() && !value("se").empty(),
         "what is shown as a token lacks its name, sr, sig or se");
  expect(stage, "SEC-02", model::amqp::audience_path(scope) == resource, "the token's scope is " + scope);
  expect(stage, "SEC-03", end_of_token(token) > 1'000'000'000, "the token ends at " + value("se"));
  const auto read = model::read_token(token);
  expect(stage, "SEC-04", read && model::signed_by(*read, stage.settings().key, model::KeyForm::decoded), "the device's key did not sign the token");
  expect(stage, "SEC-10", token.find(stage.settings().key) == std::string::npos, "the key itself is sent");
}

void judge_pauses(Stage& stage, std::span<const model::Duration> pauses) {
  // Pauses are drawn, and the first has to wait for whatever else the device does when it is cut off: what shrinks is the
  // later half of them, not the last one.
  const auto sum = [](auto from, auto to) { return std::accumulate(from, to, model::Duration{}); };
  const auto middle = pauses.begin() + static_cast<std::ptrdiff_t>(pauses.size() / 2);
  const auto early = sum(pauses.begin(), middle), late = sum(middle, pauses.end());
  // Pauses that begin with 100 ms and double come to more than two seconds. The vendor's SDK stays just below when its jitter
  // is short, and its pauses grow all the same.
  using namespace std::chrono_literals;
  const bool grow = late >= early * 2 && late >= 1s;
  if (early + late < 2s && !grow)
    stage.fail("SEC-28", std::to_string(pauses.size()) + " times back within two seconds, after " + milliseconds_text(pauses));
  else if (late < early / 2)
    stage.fail("SEC-28", "the pauses between connections shrink: " + milliseconds_text(pauses));
  else
    stage.pass("SEC-28");
}

bool holds(const Publish& packet, std::uint64_t order) {
  return model::text(packet.payload) == text_of(order);
}

std::string down_topic(Stage& stage, const std::string& leaf) {
  if (stage.device().hub)
    return "devices/" + client_id(stage) + "/messages/devicebound/%24.mid=" + leaf;
  return "hubproof/down/" + leaf;
}

Task<> listens(Stage& stage, LinkId link) {
  const std::uint64_t order = stage.next_id();
  if (!stage.device().hub) stage.tell(SubscribeOrder{order, {{"hubproof/down/#", 2}}});
  const auto asked = co_await next<Subscribe>(stage, link);
  if (!asked) co_await stage.missing("no SUBSCRIBE came from the device");
  if (stage.device().hub) co_return;
  const auto told = co_await said(stage, Did::subscribed, order);
  if (!told) co_await stage.missing("the adapter did not say \"subscribed\" after SUBACK");
}

Publish down(const std::string& topic, const std::string& payload, PacketId id, std::uint8_t qos,
             bool dup) {
  Publish packet;
  packet.topic = topic;
  packet.payload = model::view(payload);
  packet.id = id;
  packet.qos = qos;
  packet.dup = dup;
  return packet;
}

Stage::Waiting publish_of(Stage& stage, LinkId link, std::uint64_t order) {
  return stage.wait(
      [link, order](const Heard& heard) {
        const Publish* packet = heard.is<Publish>();
        return heard.link == link && packet != nullptr && holds(*packet, order);
      },
      stage.patience());
}

Stage::Waiting comes(Stage& stage, model::Duration patience) { return stage.wait(is_connect, patience); }

std::optional<std::string> told_off(Stage& stage) {
  std::optional<std::string> why;
  while (const auto told = stage.take([](const Heard& heard) {
    return heard.is(Did::refused) || (heard.is(Did::failed) && heard.said.id == 0);
  }))
    why = told->is(Did::refused) ? "refused with code " + std::to_string(told->said.code) : told->said.why;
  return why;
}

void drop_failed(Stage& stage, std::vector<std::uint64_t>& open) {
  while (const auto failed = stage.take([](const Heard& heard) { return heard.is(Did::failed) && heard.said.id != 0; }))
    std::erase(open, failed->said.id);
}

Stage::Waiting said(Stage& stage, Did did) {
  return stage.wait([did](const Heard& heard) { return heard.is(did); }, stage.patience());
}

Stage::Waiting said(Stage& stage, Did did, std::uint64_t order) {
  return stage.wait(
      [did, order](const Heard& heard) { return heard.is(did) && heard.said.id == order; },
      stage.patience());
}

Stage::Waiting arrives(Stage& stage, model::Duration patience) {
  return stage.wait([](const Heard& heard) { return heard.kind == Heard::Kind::opened; }, patience);
}

model::Bytes flat_of(const Command& command) {
  model::Bytes flat;
  model::MessageWriter writer{flat};
  writer.system(model::System::message_id, command.id);
  for (const auto& [name, value] : command.properties) writer.property(name, value);
  writer.body(model::view(command.payload));
  return flat;
}

Stage::Waiting shown(Stage& stage, const std::string& payload, model::Duration patience) {
  return stage.wait([payload](const Heard& heard) { return heard.is(Did::received) && model::text(heard.said.payload) == payload; },
                    patience);
}

bool judge_shown(Stage& stage, const Said& received, const Command& command) {
  expect(stage, "INV-25", model::text(received.payload) == command.payload, "the payload is another one: " + hex_text(received.payload));
  if (received.message_id) expect(stage, "INV-25", *received.message_id == command.id, "the message-id is " + *received.message_id);
  if (!received.properties) return false;
  for (const auto& [name, value] : command.properties) {
    const auto found = std::ranges::find(*received.properties, name, &std::pair<std::string, std::string>::first);
    const bool there = found != received.properties->end();
    for (const char* clause : {"INV-25", "MSG-01"})
      expect(stage, clause, there && found->second == value, "the property " + name + "=" + value + " arrives " + (there ? "as " + found->second : "not at all"));
  }
  return true;
}

Task<> ends_well(Stage& stage, std::vector<std::uint64_t> orders, std::function<int(const std::string& body)> accepted) {
  std::map<std::uint64_t, int> told;
  for (const std::uint64_t order : orders) told[order] = 0;
  std::size_t left = orders.size();
  const auto concerns = [&told](const Heard& heard) {
    return (heard.is(Did::published) || heard.is(Did::failed)) && told.contains(heard.said.id);
  };
  for (;;) {
    const auto heard = co_await stage.wait(concerns, left > 0 ? std::max(stage.patience() * 4, longest_wait) : stage.quiet());
    if (!heard) break;
    const std::uint64_t order = heard->said.id;
    const std::string which = "message " + std::to_string(order);
    if (++told[order] == 1) --left;
    if (told[order] > 1) stage.fail("DLV-01", "the application is told twice what became of " + which);
    if (heard->is(Did::published) && accepted(text_of(order)) == 0)
      stage.fail("DLV-01", "the application is told that " + which + " is published, and the hub has not taken it");
  }
  if (left > 0) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("not every message was told of, and the adapter does not answer");
    stage.fail("INV-24", "of " + std::to_string(orders.size()) + " messages that the application gave " + std::to_string(left) +
                             " were neither published nor failed");
    co_return;
  }
  stage.pass("DLV-01");
  stage.pass("INV-24");
}

Task<bool> closes(Stage& stage, LinkId link) {
  const auto ended = co_await stage.wait(
      [link](const Heard& heard) { return heard.kind == Heard::Kind::ended && heard.link == link; },
      stage.patience());
  co_return ended.has_value();
}

Task<bool> alive(Stage& stage) {
  const std::uint64_t id = stage.next_id();
  stage.tell(EchoOrder{id});
  const auto echo = co_await said(stage, Did::echo, id);
  co_return echo.has_value();
}

}  // namespace hubproof::conformance::devices::script
