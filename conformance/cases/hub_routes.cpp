// Where telemetry goes, at a hub that was set up with the suite's routes. What goes elsewhere is seen by its absence
// at the built-in endpoint, once a later message is there.
#include <algorithm>

#include "conformance/cases/commands.hpp"
#include "conformance/cases/hub.hpp"
#include "conformance/cases/mqtt.hpp"

namespace hubproof::conformance::cases {

model::Routing suite_routing() {
  return {{"elsewhere"},
          {{"cold", "elsewhere", "kind = 'cold'"},
           {"named", "events", "kind = 'named' OR kind = 'both'"},
           {"again", "events", "kind = 'both'"},
           {"away", "elsewhere", "kind = 'split'"},
           {"here", "events", "kind = 'split'"},
           {"hot", "events", "AS_NUMBER(heat) > 20"},
           {"absent", "elsewhere", "NOT (never = 'there')"}},
          true};
}

namespace {

struct Kind {
  std::string_view bag;      // of properties, as a topic holds it
  int times;                 // that the built-in endpoint shows it
  std::string_view clauses;
};

constexpr Kind of_conditions[] = {
    {"kind=cold", 0, "D2C-19 D2C-23"},
    {"kind=named", 1, "D2C-19 D2C-23 INV-01"},
    {"kind=both", 1, "D2C-20 D2C-19"},
    {"kind=split", 1, "D2C-19 INV-01"},
    {"kind=Named", -1, "D2C-21 D2C-22"},     // values tell upper case from lower
    {"KIND=named", 1, "D2C-26 D2C-19"},      // names do not
    {"heat=21.5", 1, "D2C-19"},
    {"heat=20", -1, "D2C-21 D2C-22"},
    {"heat=warm", -1, "D2C-24 D2C-21 D2C-22"},
    {"heat=30&kind=cold", 1, "D2C-19 D2C-23"},
    {"other=1", -1, "D2C-24 D2C-21 D2C-22"},
    {"", -1, "D2C-24 D2C-21 D2C-22"},        // no property at all
};

// Messages of all kinds in an order of chance, and how often each is shown. -1: once with the fallback route, else never.
Script conditions(Stage& stage, bool fallback) {
  const Who who = stage.someone();
  Service service{stage};
  co_await service.opened();
  co_await service.watches();
  const Client client = co_await joined(stage, who);
  std::vector<std::pair<Kind, View>> sent;
  for (const Kind& kind : of_conditions) sent.emplace_back(kind, stage.payload(30, 60));
  for (std::size_t n = sent.size(); n > 1; --n) std::swap(sent[n - 1], sent[stage.draws().below(static_cast<std::uint32_t>(n))]);
  for (const auto& [kind, body] : sent) {
    const std::string_view topic = stage.keep(std::string{stage.topic(who)} + std::string{kind.bag});
    co_await published(stage, client, topic, body);  // acknowledged, wherever it goes
  }
  const std::string_view last = stage.keep(std::string{stage.topic(who)} + "kind=named");
  const View marker = stage.payload(10, 20);
  co_await published(stage, client, last, marker);
  std::vector<int> shown(sent.size());
  for (;;) {
    const Reading* one = co_await service.telemetry(stage.identity(who).id);
    co_await stage.need(one != nullptr, "the last message was not shown");
    const View body = one->message().body();
    if (same(body, marker)) break;
    for (std::size_t n = 0; n < sent.size(); ++n) shown[n] += same(body, sent[n].second) ? 1 : 0;
  }
  for (std::size_t n = 0; n < sent.size(); ++n) {
    const auto& [kind, body] = sent[n];
    const int wanted = kind.times >= 0 ? kind.times : fallback ? 1 : 0;
    std::string clauses{kind.clauses};
    if (const std::size_t at = clauses.find(fallback ? " D2C-22" : " D2C-21"); at != clauses.npos) clauses.erase(at, 7);
    if (!fallback && clauses.starts_with("D2C-21 ")) clauses.erase(0, 7);
    stage.expect(shown[n] == wanted, stage.keep("\"" + std::string{kind.bag} + "\" " + std::to_string(wanted) + " times at the built-in endpoint"),
                 std::to_string(shown[n]) + " times", stage.keep(std::move(clauses)));
  }
}

// What was acknowledged and not yet routed is routed behind a restart; what comes again, comes in its order.
Script routed_over_restarts(Stage& stage) {
  const Who who = stage.someone();
  const std::string_view device = stage.identity(who).id;
  const std::string_view topic = stage.keep(std::string{stage.topic(who)} + "kind=named");
  const std::string_view tag = stage.fresh_id();
  std::vector<std::string> sent;
  std::vector<bool> acknowledged;
  for (int round = 0; round < 6; ++round) {
    const Client client = co_await joined(stage, who);
    const std::size_t first = sent.size();
    const std::uint32_t last = stage.draws().between(3, 12);
    for (std::uint32_t n = 1; n <= last; ++n) {
      sent.push_back(std::string{tag} + "-" + std::to_string(sent.size()));
      acknowledged.push_back(false);
      stage.send(client, publish(stage, topic, model::view(stage.keep(sent.back())), 1, static_cast<std::uint16_t>(n)));
      co_await stage.pause(Duration{1us} * stage.draws().below(6'000));
    }
    co_await stage.pause(Duration{1us} * stage.draws().below(14'000));
    co_await stage.restart();
    for (std::uint32_t n = 1; n <= last; ++n) acknowledged[first + n - 1] = stage.take(client, Type::puback, static_cast<std::uint16_t>(n)) != nullptr;
    co_await stage.pause(1s);
  }
  const Client client = co_await joined(stage, who);
  sent.push_back(std::string{tag} + "-" + std::to_string(sent.size()));
  acknowledged.push_back(true);
  const View marker = model::view(stage.keep(sent.back()));
  co_await published(stage, client, topic, marker);
  Service service{stage};
  co_await service.opened();
  co_await service.watches(true);
  std::vector<bool> shown(sent.size());
  std::size_t before = 0;  // index of the event before this one, from 1
  for (;;) {
    const Reading* one = co_await service.telemetry(device);
    if (one == nullptr) {
      stage.fail("each message that was acknowledged", "no more events, and the newest is not there", "INV-01 D2C-10 DLV-01 DLV-02");
      co_return;
    }
    const auto found = std::ranges::find(sent, model::text(one->message().body()));
    if (found == sent.end()) continue;
    const std::size_t at = static_cast<std::size_t>(found - sent.begin());
    // Forward past nothing that was acknowledged; or back, and then on from there.
    for (std::size_t skipped = before; skipped < at; ++skipped)
      if (acknowledged[skipped] && !stage.expect(false, "each event behind the one before it, repeats too", std::to_string(at) + " behind " + std::to_string(before) + " events", "INV-04 D2C-10")) co_return;
    before = at + 1;
    shown[at] = true;
    if (before == sent.size()) break;
  }
  std::size_t lost = 0;
  for (std::size_t n = 0; n < sent.size(); ++n) lost += acknowledged[n] && !shown[n] ? 1 : 0;
  stage.expect(lost == 0, "each message that was acknowledged before a restart", std::to_string(lost) + " of them are lost", "INV-01 D2C-10 DLV-01 DLV-02");
  stage.pass("INV-04 D2C-10");
}

}  // namespace

void add_hub_routes(Cases& cases) {
  const Capabilities needs{Capability::routes, Capability::events, Capability::service};
  cases.push_back({"mqtt/routes/conditions", "Messages of many kinds at a hub with routes and the fallback route.",
                   {"D2C-19", "D2C-20", "D2C-21", "D2C-23", "D2C-24", "D2C-26", "INV-01"}, [](Stage& stage) { return conditions(stage, true); }, needs,
                   For::hubs});
  cases.push_back({"mqtt/routes/without-fallback", "The same where the fallback route is off.",
                   {"D2C-19", "D2C-20", "D2C-22", "D2C-23", "D2C-24", "D2C-26", "INV-01"}, [](Stage& stage) { return conditions(stage, false); },
                   needs | Capabilities{Capability::no_fallback}, For::hubs});
  cases.push_back({"mqtt/routes/over-restarts", "The hub restarts in the middle of telemetry that it routes.", {"INV-01", "INV-04", "D2C-10", "DLV-01", "DLV-02"},
                   routed_over_restarts, needs | Capabilities{Capability::restart}, For::hubs, Alone::target});
}

}  // namespace hubproof::conformance::cases
