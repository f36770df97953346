// Troubles that a hub has, and a device of it has to get over: connections that are dead and do not say so, another
// connection under its name, a clock that is wrong, throttling, tokens that end, and a fleet that comes back at once.
#include <algorithm>
#include <numeric>
#include <string_view>

#include "conformance/devices/cases.hpp"
#include "conformance/devices/script.hpp"

namespace hubproof::conformance::devices {
namespace {

using namespace script;
using namespace std::chrono_literals;
using Did = Said::Did;
using model::Duration;
using model::Instant;
using std::string;

Wish kept_session() {
  Wish wish;
  wish.clean = false;
  return wish;
}

// Message `order` comes on a connection that the device has begun since, or begins now, is acknowledged there, and the
// application hears of it.
Task<> gets_through(Stage& stage, std::uint64_t order, LinkId since) {
  stage.manners.connects = true;
  const auto publish = co_await stage.wait(
      [order, since](const Heard& heard) {
        const Publish* packet = heard.is<Publish>();
        return packet != nullptr && heard.link > since && holds(*packet, order);
      },
      stage.patience() * 2);
  std::vector<std::uint64_t> open{order};
  drop_failed(stage, open);
  if (!publish && open.empty()) {
    stage.pass("INV-24");
    co_await stage.missing("the application was told that its message failed");
  }
  if (!publish) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("the message did not come, and the adapter does not answer");
    for (const char* const clause : {"DLV-01", "INV-24"})
      stage.fail(clause, "the hub answers again, and the message that the application gave does not come");
    co_await stage.missing("the message did not come");
  }
  stage.send(publish->link, Puback{publish->is<Publish>()->id});
  const auto told = co_await said(stage, Did::published, order);
  if (!told) co_await stage.missing("the adapter did not say \"published\" after PUBACK");
  for (const char* const clause : {"DLV-01", "INV-24"}) stage.pass(clause);
}

// ---- Half-open: nothing is answered, nothing is closed, and TCP takes all that is sent. What tells is the PINGRESP
// that does not come: one keep-alive until the ping, one for its answer, and one of grace.
Task<> half_open(Stage& stage, std::uint16_t keep_alive, bool with_message) {
  Wish wish = kept_session();
  wish.keep_alive = keep_alive;
  const LinkId first = co_await connected(stage, wish);
  co_await listens(stage, first);
  stage.manners.pings = stage.manners.requests = false;
  stage.note("server: falls silent");
  std::uint64_t order = with_message ? submit(stage, 1) : 0;
  const Duration bound = std::chrono::seconds{keep_alive} * 3 + stage.patience();
  const auto noticed = co_await stage.wait(
      [first](const Heard& heard) {
        return (heard.kind == Heard::Kind::ended && heard.link == first) ||
               (heard.kind == Heard::Kind::opened && heard.link != first);
      },
      bound);
  if (!noticed) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("the device kept the connection, and its adapter does not answer");
    stage.fail("INV-24", "the hub has answered nothing for " + milliseconds_text(bound) + ", with a keep-alive of " +
                             std::to_string(keep_alive) + " s, and the device keeps the connection");
    co_await stage.missing("the device did not notice that the hub is silent");
  }
  stage.manners.pings = stage.manners.requests = true;
  (void)co_await back(stage, wish, true);
  if (!with_message) order = submit(stage, 1);
  co_await gets_through(stage, order, first);
}

// A hub that takes CONNECT and says nothing, for as long as the device bears it.
Task<> no_connack(Stage& stage) {
  Wish wish = kept_session();
  order_connect(stage, wish);
  const Heard heard = co_await hello_of(stage);
  const LinkId first = heard.link;
  constexpr Duration longest = 90s;  // SDKs bear 30 to 60
  const auto noticed = co_await stage.wait(
      [first](const Heard& one) {
        return one.link == first && one.kind == Heard::Kind::ended;
      },
      longest);
  if (!noticed) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("the device waits, and its adapter does not answer");
    stage.fail("INV-24", "CONNECT has had no answer for " + milliseconds_text(longest) + ", and the device still waits");
    co_await stage.missing("the device did not give up");
  }
  const auto next_one = co_await comes(stage, stage.patience() * 4);
  if (!next_one && !told_off(stage)) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("the device closed, and its adapter does not answer");
    stage.fail("INV-24", "the device gave up a connection without CONNACK, and neither comes back nor tells its application");
    co_return;
  }
  stage.pass("INV-24");
}

// ---- Connections that the hub ends again and again, each of them accepted and used for a while: as another connection
// under the device's name takes it over, or as the hub throttles and allows some messages a connection.
struct Ends {
  int connections;        // that are ended
  int allowed;            // messages acknowledged on each of them
  int messages;
  int refusals = 0;       // CONNACK 3 after the first of them
  bool paced = true;      // SEC-28 is judged
};

Task<> ended_again_and_again(Stage& stage, Ends ends) {
  const Wish wish = kept_session();
  LinkId link = co_await connected(stage, wish);
  std::vector<std::uint64_t> open;
  for (int i = 0; i < ends.messages; ++i) open.push_back(submit(stage, 1));
  const auto acknowledge = [&](const Heard& heard) {
    const Publish& publish = *heard.is<Publish>();
    std::erase_if(open, [&](std::uint64_t order) { return holds(publish, order); });
    stage.send(link, Puback{publish.id});
  };
  Duration pauses{};
  bool dry = false;  // no message came although some are open
  for (int i = 0; i < ends.connections; ++i) {
    for (int taken = 0; taken < ends.allowed;) {
      const std::size_t before = open.size();
      const auto publish = co_await next<Publish>(stage, link);
      if (!publish) {
        dry = true;
        break;
      }
      acknowledge(*publish);
      if (open.size() < before) ++taken;
    }
    if (dry) break;
    co_await stage.pause(stage.quiet());
    stage.forget_packets();
    stage.close(link);
    const Instant ended = stage.now();
    for (int refusals = i == 0 ? ends.refusals : 0; refusals > 0; --refusals) {
      const auto heard = co_await comes(stage, stage.patience() * 4);
      if (!heard) co_await stage.missing("the device did not come back to be refused");
      stage.send(heard->link, Connack{false, 3});
      stage.close(heard->link);
    }
    link = co_await back(stage, wish, true);
    pauses += stage.now() - ended;
  }
  if (ends.paced && !dry && pauses < 1s)
    stage.fail("SEC-28", "each time its connection ends the device is back at once: " + std::to_string(ends.connections) +
                             " times after " + milliseconds_text(pauses) + " in all");
  else if (ends.paced && !dry)
    stage.pass("SEC-28");
  for (drop_failed(stage, open); !open.empty(); drop_failed(stage, open)) {
    const auto publish = co_await next<Publish>(stage, link);
    if (!publish) break;
    acknowledge(*publish);
  }
  drop_failed(stage, open);
  if (open.empty()) {
    for (const char* const clause : {"DLV-01", "INV-24"}) stage.pass(clause);
    co_return;
  }
  const bool answers = co_await alive(stage);
  if (!answers) co_await stage.missing("not every message came, and the adapter does not answer");
  for (const char* const clause : {"DLV-01", "INV-24"})
    stage.fail(clause, "of " + std::to_string(ends.messages) + " messages that the application gave " +
                           std::to_string(open.size()) + " never came again, nor failed");
}

// The queue of a throttled hub: each PUBACK takes its time. The application hears of a message when it is acknowledged.
Task<> slow_acknowledgements(Stage& stage, int messages, Duration each) {
  const LinkId link = co_await connected(stage, kept_session());
  std::vector<std::uint64_t> orders;
  for (int i = 0; i < messages; ++i) orders.push_back(submit(stage, 1));
  for (int i = 0; i < messages; ++i) {
    const auto publish = co_await next<Publish>(stage, link);
    if (!publish) co_await stage.missing("no PUBLISH came");
    const auto early = co_await stage.wait([](const Heard& heard) { return heard.is(Did::published); }, each);
    if (early) {
      stage.fail("mqtt311:4.3.2-1", "the application is told that a message is published before its PUBACK");
      co_return;
    }
    if (!stage.open(link)) co_await stage.missing("the device closed the connection before the hub had answered");
    stage.send(link, Puback{publish->is<Publish>()->id});
    const auto told = co_await said(stage, Did::published);
    if (!told) co_await stage.missing("the adapter did not say \"published\" after PUBACK");
  }
  const auto again = co_await next<Publish>(stage, link, stage.quiet());
  if (again) {
    stage.fail("mqtt311:4.4.0-1", "a message goes out again while its connection lasts");
    co_return;
  }
  stage.pass("mqtt311:4.4.0-1");
  for (const char* const clause : {"mqtt311:4.3.2-1", "DLV-01", "INV-24"}) stage.pass(clause);
}

// ---- Clocks.

std::uint64_t end_of_token(const Connect& packet) {
  return packet.password ? script::end_of_token(model::text(*packet.password)) : 0;
}

// To a clock that is ahead every token is over: CONNACK 5, until it is put right. A device may keep trying, with pauses,
// or tell its application, which has it connect again.
Task<> clock_ahead_refuses(Stage& stage) {
  const Wish wish = kept_session();
  order_connect(stage, wish);
  const Heard first = co_await hello_of(stage);
  LinkId link = first.link;
  std::vector<Duration> pauses;
  constexpr std::size_t rounds = 4;
  bool gave_up = false;
  for (;;) {
    stage.send(link, Connack{false, 5});
    stage.close(link);
    if (pauses.size() == rounds) break;
    const Instant refused = stage.now();
    const auto heard = co_await comes(stage, stage.patience() * 3);
    if (heard) {
      pauses.push_back(heard->at - refused);
      link = heard->link;
      continue;
    }
    if (!told_off(stage)) {
      const bool answers = co_await alive(stage);
      if (!answers) co_await stage.missing("the device stays away, and its adapter does not answer");
      stage.fail("INV-24", "after CONNACK 5 the device neither comes back nor tells its application");
      co_return;
    }
    gave_up = true;
    break;
  }
  if (pauses.size() == rounds) {
    if (std::accumulate(pauses.begin(), pauses.end(), Duration{}) < 1s)
      stage.fail("SEC-28", "a device whose token is refused is back at once, each time");
    else if (pauses.back() < pauses.front() / 2)
      stage.fail("SEC-28", "the pauses after refused tokens shrink");
    else
      stage.pass("SEC-28");
  } else {
    stage.pass("SEC-28");
  }
  stage.note("the hub's clock is put right");
  if (gave_up) order_connect(stage, wish);
  const auto heard = co_await comes(stage, stage.patience() * 4);
  if (!heard) {
    stage.fail("INV-24", "the hub's clock is right again, and the device does not come back");
    co_return;
  }
  stage.send(heard->link, Connack{false, 0});
  const std::uint64_t order = submit(stage, 1);
  const auto publish = co_await publish_of(stage, heard->link, order);
  if (publish) {
    stage.pass("INV-24");
    co_return;
  }
  const bool answers = co_await alive(stage);
  if (!answers) co_await stage.missing("no PUBLISH came, and the adapter does not answer");
  stage.fail("INV-24", "the hub's clock is right again, and what the application gave does not come");
}

// The hub accepts a token and finds a moment later that it is over: the connection ends, several times. Tokens that
// the device shows then do not end sooner than those before.
Task<> clock_ahead_cuts(Stage& stage) {
  const Wish wish = kept_session();
  order_connect(stage, wish);
  const Heard heard = co_await hello_of(stage);
  std::uint64_t end = end_of_token(*heard.is<Connect>());
  if (end == 0) co_await stage.missing("the first token has no end");
  LinkId link = heard.link;
  stage.send(link, Connack{false, 0});
  const std::uint64_t order = submit(stage, 1);
  for (int i = 0; i < 3; ++i) {
    co_await stage.pause(stage.quiet());
    stage.forget_packets();
    stage.close(link);
    if (!stage.device().reconnects) order_connect(stage, wish);
    const auto next_one = co_await comes(stage, stage.patience() * 4);
    if (!next_one) {
      const bool answers = co_await alive(stage);
      if (!answers) co_await stage.missing("the device stays away, and its adapter does not answer");
      stage.fail("INV-24", "the device does not come back after its connection ended");
      co_return;
    }
    const std::uint64_t later = end_of_token(*next_one->is<Connect>());
    if (later < end) {
      stage.fail("SEC-01", "a token that ends at " + std::to_string(later) + " follows one that ends at " + std::to_string(end));
      co_return;
    }
    end = later;
    link = next_one->link;
    stage.send(link, Connack{true, 0});
  }
  stage.pass("SEC-01");
  co_await gets_through(stage, order, heard.link);
}

// A command whose time is over by the device's clock is the hub's to drop: it came, so it is acknowledged.
Task<> command_of_another_time(Stage& stage, string expiry) {
  const LinkId link = co_await connected(stage, kept_session());
  co_await listens(stage, link);
  const PacketId id = static_cast<PacketId>(1 + stage.below(65'535));
  stage.send(link, down(down_topic(stage, "c1&%24.exp=" + expiry), "in time", id, 1));
  const auto answer = co_await next_with<Puback>(stage, link, id);
  if (answer) {
    for (const char* const clause : {"mqtt311:3.3.4-1", "mqtt311:4.3.2-2"}) stage.pass(clause);
    co_return;
  }
  const bool answers = co_await alive(stage);
  if (!answers) co_await stage.missing("no PUBACK came, and the adapter does not answer");
  for (const char* const clause : {"mqtt311:3.3.4-1", "mqtt311:4.3.2-2"})
    stage.fail(clause, "a command that is over by the device's clock, or seems to be, stays without PUBACK");
}

// ---- Tokens that end: over MQTT a new one needs a new connection, in time.
enum class Meanwhile : std::uint8_t { idle, message, command };

Task<> renewal(Stage& stage, Meanwhile what) {
  // Seconds. With a message open an SDK waits for its PUBACK, 30 s at most.
  const std::uint32_t life = what == Meanwhile::message ? 60 : 10;
  Wish wish = kept_session();
  wish.token_life = life;
  order_connect(stage, wish);
  const Heard heard = co_await hello_of(stage);
  const LinkId first = heard.link;
  const std::uint64_t end = end_of_token(*heard.is<Connect>());
  stage.send(first, Connack{false, 0});
  const auto told = co_await said(stage, Did::connected);
  if (!told) co_await stage.missing("the adapter did not say \"connected\" after CONNACK 0");
  co_await listens(stage, first);
  std::uint64_t order = what == Meanwhile::message ? submit(stage, 1) : 0;
  const Duration rest = heard.at + std::chrono::seconds{life} - stage.now();
  const auto renewed = co_await comes(stage, rest);
  if (!renewed) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("no second CONNECT came, and the adapter does not answer");
    stage.fail("H-28", "the token of " + std::to_string(life) + " s is over, and the device has not come with a new one");
    co_return;
  }
  const std::uint64_t later = end_of_token(*renewed->is<Connect>());
  if (later > end)
    stage.pass("H-28");
  else
    stage.fail("H-28", "the device comes with a token that ends at " + std::to_string(later) + ", after one that ends at " +
                           std::to_string(end));
  const LinkId second = renewed->link;
  stage.send(second, Connack{true, 0});
  if (what == Meanwhile::command) {  // its subscription lives on in the session
    stage.send(second, down(down_topic(stage, "c1"), "after the renewal", 17, 1));
    const auto answer = co_await next_with<Puback>(stage, second, 17);
    if (answer) {
      stage.pass("mqtt311:4.3.2-2");
    } else {
      const bool answers = co_await alive(stage);
      if (!answers) co_await stage.missing("no PUBACK came, and the adapter does not answer");
      stage.fail("mqtt311:4.3.2-2", "after its token was renewed the device does not acknowledge a command");
    }
  }
  if (order == 0) order = submit(stage, 1);
  co_await gets_through(stage, order, first);
}

// ---- A fleet that lost its hub: devices that wait equally long each time come back as one. One device stands for all:
// it loses the hub four times and tries several times in each; the pauses of the last three are not the same.
Task<> spread(Stage& stage) {
  const Wish wish = kept_session();
  LinkId link = co_await connected(stage, wish);
  constexpr std::size_t tries = 6;
  constexpr std::size_t outages = 4;
  std::vector<std::vector<Duration>> all;
  for (std::size_t outage = 0; outage < outages; ++outage) {
    co_await stage.pause(2500ms);  // a connection that lasted: what went wrong before is forgotten
    stage.close(link);
    std::vector<Duration> pauses;
    for (;;) {
      const Instant ended = stage.now();
      const auto heard = co_await comes(stage, stage.patience() * 4);
      if (!heard)
        co_await stage.missing("the device did not come back often enough to tell whether its pauses differ");
      pauses.push_back(heard->at - ended);
      link = heard->link;
      if (pauses.size() == tries) break;
      stage.send(link, Connack{false, 3});
      stage.close(link);
    }
    stage.send(link, Connack{true, 0});
    all.push_back(std::move(pauses));
  }
  const auto alike = [](const std::vector<Duration>& left, const std::vector<Duration>& right) {
    for (std::size_t i = 0; i < tries; ++i) {
      const Duration apart = std::max(left[i], right[i]) - std::min(left[i], right[i]);
      if (apart > std::max<Duration>(25ms, left[i] / 20)) return false;
    }
    return true;
  };
  if (alike(all[1], all[2]) && alike(all[2], all[3]) && alike(all[1], all[3])) {
    stage.fail("SEC-28", "three times in a row the device waits for the same times: " + milliseconds_text(all[3]));
  } else {
    stage.pass("SEC-28");
  }
}

}  // namespace

void add_trouble_cases(std::vector<DeviceCase>& cases) {
  const Needs sends{.qos = 1, .persistent = true, .hub = true};
  const Needs hears{.persistent = true, .hub = true};
  const Needs renews{.qos = 1, .persistent = true, .hub = true, .renews = true};
  const auto add = [&](const char* name, const char* sentence, std::vector<string> clauses, const Needs& needs, Stage::Play play) {
    cases.push_back({name, sentence, std::move(clauses), needs, std::move(play)});
  };
  add("half-open/idle", "the hub falls silent and closes nothing: the device notices by its keep-alive", {"INV-24", "DLV-01"}, sends,
      [](Stage& stage) { return half_open(stage, 2, false); });
  add("half-open/with-a-message", "the hub falls silent before PUBACK and closes nothing", {"INV-24", "DLV-01"}, sends,
      [](Stage& stage) { return half_open(stage, 3, true); });
  add("half-open/no-connack", "the hub takes CONNECT and never answers", {"INV-24"}, hears, no_connack);
  add("takeover/again-and-again", "another connection takes over, each time the device is back", {"DLV-01", "INV-24", "SEC-28"}, sends,
      [](Stage& stage) { return ended_again_and_again(stage, {4, 0, 3}); });
  add("takeover/between-messages", "another connection takes over, between messages and their PUBACKs", {"DLV-01", "INV-24", "SEC-28"},
      sends, [](Stage& stage) { return ended_again_and_again(stage, {4, 1, 8}); });
  add("throttled/slow", "each PUBACK takes more than a second", {"mqtt311:4.3.2-1", "mqtt311:4.4.0-1", "DLV-01", "INV-24"}, sends,
      [](Stage& stage) { return slow_acknowledgements(stage, 5, 1200ms); });
  add("throttled/cut", "the hub takes three messages a connection and ends it", {"DLV-01", "INV-24", "SEC-28"}, sends,
      [](Stage& stage) { return ended_again_and_again(stage, {4, 3, 14}); });
  add("throttled/cut-and-refused", "the hub ends the connection and refuses the next two", {"DLV-01", "INV-24"}, sends,
      [](Stage& stage) { return ended_again_and_again(stage, {1, 2, 6, 2, false}); });
  add("clock/ahead-refuses", "to the hub's clock every token is over, until it is put right", {"INV-24", "SEC-28"}, sends,
      clock_ahead_refuses);
  add("clock/ahead-cuts", "to the hub's clock a token that it took is over a moment later", {"INV-24", "DLV-01", "SEC-01"}, sends,
      clock_ahead_cuts);
  add("clock/command-from-the-past", "a command that is over by the device's clock", {"mqtt311:3.3.4-1", "mqtt311:4.3.2-2"}, hears,
      [](Stage& stage) { return command_of_another_time(stage, "2001-01-01T00%3A00%3A00.000Z"); });
  add("clock/command-from-the-future", "a command that lasts for decades by the device's clock",
      {"mqtt311:3.3.4-1", "mqtt311:4.3.2-2"}, hears,
      [](Stage& stage) { return command_of_another_time(stage, "2101-01-01T00%3A00%3A00.000Z"); });
  add("renewal/idle", "a token of ten seconds comes to its end", {"H-28", "DLV-01", "INV-24"}, renews,
      [](Stage& stage) { return renewal(stage, Meanwhile::idle); });
  add("renewal/with-a-message", "a token comes to its end before PUBACK", {"H-28", "DLV-01", "INV-24"}, renews,
      [](Stage& stage) { return renewal(stage, Meanwhile::message); });
  add("renewal/with-a-command", "a command comes behind a renewed token", {"H-28", "mqtt311:4.3.2-2", "DLV-01", "INV-24"}, renews,
      [](Stage& stage) { return renewal(stage, Meanwhile::command); });
  add("jitter/outages", "the hub is gone several times, and each time refuses several times", {"SEC-28"}, sends, spread);
}

}  // namespace hubproof::conformance::devices
