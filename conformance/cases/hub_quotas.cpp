// Quotas and throttling, at a hub with the limits of one unit of the free tier: 8,000 pieces of half a kilobyte a day,
// and 100 commands and 100 requests to the registry a minute.
#include <algorithm>
#include <deque>

#include "conformance/cases/commands.hpp"
#include "conformance/cases/hub.hpp"
#include "conformance/cases/mqtt.hpp"
#include "conformance/cases/peer.hpp"

namespace hubproof::conformance::cases {
namespace {

constexpr std::uint32_t of_a_day = 8'000;  // [QUO-01]
constexpr std::uint32_t piece = 512;       // bytes [QUO-02]
constexpr Duration period = 600ms;         // 100 a minute [QUO-06, QUO-08]

bool is_used_up(const Answer* answer) { return answer != nullptr && answer->status == 403 && answer->body.find("403002") != std::string::npos; }

Task<const Answer*> sent(Stage& stage, Http* http, Who who, View body) {
  http->ask("POST", device_path(stage, who, events_path), {}, body);
  const Answer* answer = co_await http->answer();
  co_return answer;
}

// A body of so many pieces, the last of which is not full.
View pieces(Stage& stage, std::uint32_t count) { return stage.keep(Bytes((count - 1) * piece + stage.draws().between(1, piece - 1), 'x')); }

// So much of the quota is used, by messages of many sizes; the first that is refused makes the case's clauses fail.
Task<bool> used(Stage& stage, Http* http, Who who, std::uint32_t count) {
  while (count > 0) {
    const std::uint32_t some = std::min(count, stage.draws().between(1, 400));
    const View body = some == 1 && stage.draws().heads() ? View{} : pieces(stage, some);  // an empty one is a piece, too
    const Answer* answer = co_await sent(stage, http, who, body);
    if (!http->expect(answer, 204, stage.keep("a message within the quota, with " + std::to_string(count) + " pieces left"), "QUO-01 QUO-02")) co_return false;
    count -= some;
  }
  co_return true;
}

// Nothing more is taken; whatever is refused leaves nothing.
Task<bool> is_spent(Stage& stage, Http* http, Who who, std::string_view clauses) {
  const Answer* answer = co_await sent(stage, http, who, stage.payload(1, 40));
  co_return stage.expect(is_used_up(answer), "403 with 403002 once the day's messages are used up", http->found(answer), clauses);
}

Script quota(Stage& stage) {
  const Who who = stage.someone();
  Http http{stage};
  http.as(who);
  Service service{stage};
  co_await service.opened();
  co_await service.watches();
  const std::uint32_t rest = stage.draws().between(20, 200);
  const bool filled = co_await used(stage, &http, who, of_a_day - rest);
  if (!filled) co_return;
  const View large = pieces(stage, rest + 1);
  const Answer* over = co_await sent(stage, &http, who, large);
  if (!stage.expect(is_used_up(over), "403 with 403002 for more than what is left", http.found(over), "QUO-02 QUO-03")) co_return;
  const bool exactly = co_await used(stage, &http, who, rest);  // it took nothing
  if (!exactly) co_return;
  const bool spent = co_await is_spent(stage, &http, who, "QUO-01 QUO-02 QUO-03");
  if (!spent) co_return;
  // Over MQTT it is the connection's end, and no PUBACK. CONNECT is free.
  const Client client = co_await joined(stage, who);
  const View refused = stage.payload(41, 60);
  stage.send(client, publish(stage, stage.topic(who), refused, 1, 7));
  co_await stage.ended(client);
  stage.expect(stage.left(client, Type::puback) == 0, "no PUBACK for what was refused", stage.found(client), "MQTT-44 DLV-04 QUO-03");
  const Drawn drawn = drawn_message(stage);
  Service other{stage};
  co_await other.opened();
  const Sent command = co_await other.send(stage.identity(who).id, drawn.flat);
  stage.expect(command.answered && !command.accepted, "a command refused, which is metered as well", command.text(), "QUO-02 QUO-03");
  std::uint32_t shown = 0;
  for (;;) {
    const Reading* one = co_await service.telemetry(stage.identity(who).id);
    if (one == nullptr) break;
    const View body = one->message().body();
    ++shown;
    if (!stage.expect(body.size() != large.size() && !same(body, refused), "no event of what was refused", std::to_string(body.size()) + " bytes", "QUO-13 ERR-37 INV-22")) co_return;
  }
  stage.expect(shown > 0, "the events of what was taken", "none", "INV-22 QUO-13");
}

Script quota_over_a_restart(Stage& stage) {
  const Who who = stage.someone();
  Http http{stage};
  http.as(who);
  const bool filled = co_await used(stage, &http, who, of_a_day);
  if (!filled) co_return;
  co_await stage.restart();
  co_await stage.pause(stage.settling(2s));
  Http again{stage};
  again.as(who);
  co_await is_spent(stage, &again, who, "QUO-03");
}

// Two days, each used up, with a look shortly before its end.
Script quota_of_days(Stage& stage) {
  const Who who = stage.someone();
  Http http{stage};
  http.as(who);
  for (int day = 0; day < 2; ++day) {
    const bool filled = co_await used(stage, &http, who, of_a_day);
    if (!filled) co_return;
    const model::Date midnight{std::chrono::ceil<std::chrono::days>(stage.date().time_since_epoch() + 1ns)};
    co_await stage.pause(midnight - stage.date() - 1min);
    const bool spent = co_await is_spent(stage, &http, who, "QUO-03");
    if (!spent) co_return;
    co_await stage.pause(midnight - stage.date() + 1s);
  }
  const Answer* answer = co_await sent(stage, &http, who, stage.payload(1, 40));
  http.expect(answer, 204, "a message of the next day", "QUO-03");
}

// ---- Throttling.

// More requests at once than are served at once and may wait, on several connections.
Script registry_throttled(Stage& stage) {
  const std::uint32_t at_once = stage.target().limits.burst, waiting = stage.target().limits.queue, too_many = stage.draws().between(5, 20);
  constexpr std::uint32_t of_each = 50;  // requests of one connection
  const std::uint32_t all = at_once + waiting + too_many;
  const Who who = stage.someone();
  std::deque<Http> connections;
  const Instant began = stage.now();
  for (std::uint32_t n = 0; n < all; ++n) {
    if (n % of_each == 0) connections.emplace_back(stage).as_policy("registryRead");
    connections.back().ask("GET", device_path(stage, who));
    if (n % of_each == of_each - 1) co_await stage.pause(100ms);
  }
  std::uint32_t served = 0, refused = 0, soon = 0;
  for (Http& http : connections)
    for (std::uint32_t n = 0; n < of_each && served + refused < all; ++n) {
      const Answer* answer = nullptr;
      do {  // it may wait longer than anything else
        answer = co_await http.answer();
      } while (answer == nullptr && !stage.is_over(http.client()) && stage.now() < began + (waiting + 2) * period);
      if (!stage.expect(answer != nullptr && (answer->status == 200 || answer->status == 429), "status 200 or 429", http.found(answer), "QUO-10 QUO-12")) co_return;
      answer->status == 200 ? ++served : ++refused;
      if (answer->status == 200 && stage.now() < began + waiting * period / 4) ++soon;
    }
  const Duration took = stage.now() - began;
  const std::uint32_t more = static_cast<std::uint32_t>((waiting * period / 4) / period) + 1;  // that were due by then
  stage.expect(soon <= at_once + more, stage.keep("no more than " + std::to_string(at_once + more) + " served in that time"), std::to_string(soon), "QUO-08 QUO-10 INV-22");
  stage.expect(took >= (waiting - 1) * period, "what waits served at the limit", std::to_string(took / 1ms) + " ms for all", "QUO-08 QUO-09 QUO-10");
  stage.expect(served >= at_once + waiting, stage.keep(std::to_string(at_once + waiting) + " served, as so many may wait"), std::to_string(served), "QUO-10 INV-22");
  stage.expect(refused >= 1, "429 for what is beyond", "none", "QUO-10 QUO-12 INV-22");
}

// Commands: so many at once that some are refused; what was refused is not metered.
Script commands_throttled(Stage& stage) {
  const std::uint32_t most = stage.target().limits.burst + stage.target().limits.queue;
  const Who people[] = {stage.someone(), stage.someone(), stage.someone(), stage.someone()};
  co_await stage.need(most <= 50 * std::size(people), "the queues of four devices do not hold so many commands");
  co_await purged(stage);
  Peer peer{stage};
  co_await open_as_service(peer);
  const Linked linked = co_await sender(peer, "/messages/devicebound");
  co_await stage.need(linked.there(), "no link to send commands on");
  const std::uint32_t all = most + stage.draws().between(10, 30);
  const Instant began = stage.now();
  for (std::uint32_t n = 0; n < all; ++n) {
    while (peer.engine().credit(linked.link) == 0) {
      const bool moves = co_await moved(peer);
      co_await stage.need(moves, "no credit for commands");
    }
    Shape shape = named_shape(stage);
    shape.body = "c";
    shape.to = commands_address(stage, people[n % std::size(people)]);
    const Bytes tag{static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)};
    peer.engine().send(linked.link, tag, encoded(stage, shape));
    peer.connection.flush();
  }
  std::uint32_t accepted = 0, refused = 0;
  for (std::size_t at = 0; accepted + refused < all;) {
    for (; at < peer.events.size(); ++at) {
      const auto* one = std::get_if<amqp::Settled>(&peer.events[at]);
      if (one == nullptr || one->link != linked.link) continue;
      one->outcome == amqp::Outcome::accepted ? ++accepted : ++refused;
      if (one->outcome != amqp::Outcome::accepted)
        stage.expect(one->error.condition.find("throttled") != std::string::npos, "com.microsoft:device-container-throttled", one->error.condition, "QUO-12");
    }
    const bool moves = accepted + refused < all ? co_await moved(peer) : true;
    if (!moves && stage.now() > began + 2 * most * period) break;
  }
  stage.expect(refused >= 1 && accepted >= most, stage.keep(std::to_string(most) + " accepted, and refusals beyond"),
               std::to_string(accepted) + " accepted, " + std::to_string(refused) + " refused", "QUO-06 QUO-10 INV-22");
  Http http{stage};
  http.as(people[0]);
  const bool exactly = co_await used(stage, &http, people[0], of_a_day - accepted);
  stage.expect(exactly, "the day's quota but for what was accepted", "less", "QUO-13 QUO-02");
  co_await is_spent(stage, &http, people[0], "QUO-02 QUO-03");
}

}  // namespace

void add_hub_quotas(Cases& cases) {
  const Capabilities needs{Capability::free_tier, Capability::service, Capability::events, Capability::amqp};
  const auto add = [&](std::string name, std::string sentence, std::vector<std::string> clauses, std::function<Script(Stage&)> script,
                       Capabilities more = {}) {
    cases.push_back({std::move(name), std::move(sentence), std::move(clauses), std::move(script), needs | more, For::hubs, Alone::target});
  };
  add("http/quotas/used-up", "The day's messages are used up, to the last piece.",
      {"QUO-01", "QUO-02", "QUO-03", "QUO-13", "ERR-37", "INV-22", "MQTT-44", "DLV-04"}, quota, {Capability::mqtt});
  add("http/quotas/over-a-restart", "The day's messages are used up, and the hub restarts.", {"QUO-01", "QUO-02", "QUO-03"}, quota_over_a_restart,
      {Capability::restart});
  add("http/quotas/of-two-days", "The messages of two days are used up, and a third day begins.", {"QUO-01", "QUO-02", "QUO-03"}, quota_of_days,
      {Capability::free_time});
  add("http/quotas/registry-throttled", "More requests to the registry than may wait.", {"QUO-08", "QUO-09", "QUO-10", "QUO-12", "INV-22"},
      registry_throttled);
  add("amqp/quotas/commands-throttled", "More commands than may wait; what was refused is not metered.",
      {"QUO-01", "QUO-02", "QUO-03", "QUO-06", "QUO-10", "QUO-12", "QUO-13", "INV-22"}, commands_throttled, {Capability::http, Capability::free_time});
}

}  // namespace hubproof::conformance::cases
