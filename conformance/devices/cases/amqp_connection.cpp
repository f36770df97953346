// Over AMQP: commands and what the device says of them, idle time-outs, connections that end again and
// again, and streams in pieces.
#include <algorithm>

#include "conformance/devices/amqp_script.hpp"
#include "conformance/devices/cases.hpp"

namespace hubproof::conformance::devices {
namespace {

using namespace script;
using namespace std::chrono_literals;
using amqp::Outcome;
using model::Duration;
using Did = Said::Did;
using std::string;

// ---- Commands.

const char* outcome_text(Outcome outcome) {
  constexpr const char* texts[] = {"no outcome", "accepted", "rejected", "released", "modified"};
  return texts[static_cast<std::size_t>(outcome)];
}

// What a device says of a command whose application wants this [C2D-32]; how it abandons is its own choice [OPEN-14].
bool means(SettleWish wish, Outcome outcome) {
  switch (wish) {
    case SettleWish::complete: return outcome == Outcome::accepted;
    case SettleWish::reject: return outcome == Outcome::rejected;
    case SettleWish::abandon: return outcome == Outcome::released || outcome == Outcome::modified;
  }
  return false;
}

// Hands a command over on a connection and sees it through: it is shown and settled as the application wants.
Task<bool> sees_through(Stage& stage, AmqpHub& hub, LinkId link, const Command& command, SettleWish wish, std::uint32_t count) {
  const amqp::DeliveryId delivery = hand_over(hub, link, command, count);
  if (delivery == amqp::DeliveryId::none) co_await stage.missing("the device gives no credit for commands");
  const auto received = co_await shown(stage, command.payload, stage.patience());
  if (!received) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("the command was not shown, and the adapter does not answer");
    stage.fail("DLV-01", "the command " + command.id + " was not shown to the application");
    co_return false;
  }
  stage.pass("DLV-01");
  const auto settled = co_await stage.wait(
      [link, delivery](const Heard& heard) {
        const auto* said = heard.amqp<amqp::Settled>();
        return heard.link == link && said != nullptr && said->delivery == delivery;
      },
      stage.patience());
  if (!settled) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("the command was not settled, and the adapter does not answer");
    stage.fail("AMQP-17", "the device says nothing of the command " + command.id);
    co_return false;
  }
  const Outcome outcome = settled->amqp<amqp::Settled>()->outcome;
  for (const char* clause : {"C2D-32", "AMQP-20"})
    expect(stage, clause, means(wish, outcome), string{"the device says "} + outcome_text(outcome) + " of the command " + command.id);
  co_return means(wish, outcome);
}

Task<> settles(Stage& stage, SettleWish wish) {
  AmqpHub hub{stage};
  Wish connect;
  connect.settle = wish;
  const LinkId link = co_await amqp_connected(stage, connect);
  co_await takes_commands(stage, hub, link);
  for (int i = 0; i < 3; ++i) {
    const Command command{"c" + std::to_string(i), "command " + std::to_string(i) + " of " + stage.name()};
    const bool went_well = co_await sees_through(stage, hub, link, command, wish, 0);
    if (!went_well) co_return;
  }
  co_await stage.pause(stage.quiet());  // a second word would come now
}

Task<> commands_burst(Stage& stage, int commands) {
  AmqpHub hub{stage};
  const LinkId link = co_await amqp_connected(stage);
  co_await takes_commands(stage, hub, link);
  std::vector<string> open;
  std::vector<amqp::DeliveryId> unsettled;
  int sent = 0, told = 0;
  // As many at once as the device wants.
  while (told < commands || !unsettled.empty()) {
    while (sent < commands && hub.credit(link) > 0) {
      const Command command{"c" + std::to_string(sent), "command " + std::to_string(sent)};
      unsettled.push_back(hand_over(hub, link, command));
      open.push_back(command.payload);
      ++sent;
    }
    const auto heard = co_await stage.wait(
        [link](const Heard& one) {
          const bool ours = one.link == link && one.use == Use::commands;
          return one.is(Did::received) || (ours && (one.amqp<amqp::Settled>() != nullptr || one.amqp<amqp::Credited>() != nullptr));
        },
        stage.patience());
    if (!heard) break;
    if (heard->amqp<amqp::Credited>() != nullptr) continue;
    if (const auto* said = heard->amqp<amqp::Settled>()) {
      std::erase(unsettled, said->delivery);
      for (const char* clause : {"C2D-32", "AMQP-20"})
        expect(stage, clause, said->outcome == Outcome::accepted, string{"the device says "} + outcome_text(said->outcome) + " of a command that its application completed");
    } else if (std::erase(open, string{model::text(heard->said.payload)}) > 0) {
      ++told;
    } else {
      stage.fail("INV-25", "the application is shown what was not sent, or twice");
    }
  }
  const bool answers = co_await alive(stage);
  if (!answers) co_await stage.missing("the adapter does not answer");
  expect(stage, "DLV-01", told == commands, "of " + std::to_string(commands) + " commands " + std::to_string(commands - told) + " were not shown to the application");
  if (!unsettled.empty())
    stage.fail("AMQP-17", "the device says nothing of " + std::to_string(unsettled.size()) + " commands");
  stage.pass("INV-25");
}

Task<> command_properties(Stage& stage) {
  AmqpHub hub{stage};
  const LinkId link = co_await amqp_connected(stage);
  co_await takes_commands(stage, hub, link);
  const Command command{"a-c_1.7", string{"bytes \x00\x01\xfe\xff of a command", 25},
                        {{"plain", "warm"}, {"odd", "a b&c=d/e?f%25+"}, {"empty", ""}, {"letters", "\xc3\xa9t\xc3\xa9 \xe2\x82\xac"}}};
  if (hand_over(hub, link, command) == amqp::DeliveryId::none) co_await stage.missing("the device gives no credit for commands");
  const auto received = co_await said(stage, Did::received);
  if (!received) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("the command was not shown, and the adapter does not answer");
    stage.fail("INV-25", "a command with properties was not shown to the application");
    co_return;
  }
  if (received->said.message_id)
    expect(stage, "AMQP-23", *received->said.message_id == command.id, "the message-id is " + *received->said.message_id);
  if (!judge_shown(stage, received->said, command)) co_await stage.missing("the adapter does not tell the properties of a command");
}

// A command is under way when the connection is cut: its lock is over, and it comes again on the next one.
Task<> command_again(Stage& stage, bool shown_first) {
  AmqpHub hub{stage};
  LinkId link = co_await amqp_connected(stage);
  co_await takes_commands(stage, hub, link);
  const Command command{"c1", "command of " + stage.name()};
  if (shown_first) {
    if (hand_over(hub, link, command) == amqp::DeliveryId::none) co_await stage.missing("the device gives no credit for commands");
    const auto first = co_await shown(stage, command.payload, stage.patience());
    if (!first) co_await stage.missing("the command was not shown");
  }
  stage.forget_packets();
  stage.cut(link);
  link = co_await amqp_back(stage);
  stage.pass("INV-24");
  co_await takes_commands(stage, hub, link);
  (void)co_await sees_through(stage, hub, link, command, SettleWish::complete, shown_first ? 1 : 0);
}

Task<> large_command(Stage& stage, std::size_t size, std::size_t of_transfer) {
  AmqpHub hub{stage};
  hub.manners.bytes_of_transfer = of_transfer;
  const LinkId link = co_await amqp_connected(stage);
  co_await takes_commands(stage, hub, link);
  Command command{"c1", "", {}};
  while (command.payload.size() < size) command.payload += static_cast<char>('a' + stage.below(26));
  const bool went_well = co_await sees_through(stage, hub, link, command, SettleWish::complete, 0);
  for (const char* clause : {"amqp10:2.7.5-5", "INV-25"})
    expect(stage, clause, went_well, "a command of " + std::to_string(size) + " bytes in transfers of " + std::to_string(of_transfer) + " does not come through");
}

// ---- Streams in pieces.

Task<> in_pieces(Stage& stage, std::size_t of_write) {
  AmqpHub hub{stage};
  hub.manners.bytes_of_write = of_write;
  hub.manners.telemetry = true;
  order_connect(stage, {});
  const auto came = co_await arrives(stage, stage.patience() * 2);
  if (!came) co_await stage.missing("no connection came after the device was told to connect");
  const LinkId link = came->link;
  const auto told = co_await said(stage, Did::connected);
  if (!told) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("the adapter did not say \"connected\", and does not answer");
    stage.fail("AMQP-01", "what comes a few bytes at a time is not understood");
    co_return;
  }
  const std::uint64_t order = submit(stage, 1);
  co_await ends_well(stage, hub, order);
  co_await takes_commands(stage, hub, link);
  const Command command{"c1", "command in pieces"};
  (void)co_await sees_through(stage, hub, link, command, SettleWish::complete, 0);
}

// ---- Idle time-outs [AMQP-14].

Task<> heartbeats(Stage& stage, Duration idle) {
  AmqpHub hub{stage, idle};
  hub.manners.telemetry = true;
  const LinkId link = co_await amqp_connected(stage);
  co_await stage.pause(idle * 5);
  const Duration longest = hub.longest_silence(link);
  const Duration slack = std::max<Duration>(700ms, stage.quiet());
  const string what = "the hub bears a silence of " + milliseconds_text(idle) + ", and nothing came for " + milliseconds_text(longest) + " (" +
                      milliseconds_text(slack) + " is allowed for on top)";
  for (const char* clause : {"AMQP-14", "amqp10:2.4.5-1"}) expect(stage, clause, longest <= idle + slack, what);
  const std::uint64_t order = submit(stage, 1);
  co_await ends_well(stage, hub, order);
}

// The hub falls silent and closes nothing: a device that announced how long it bears that goes away and comes back.
Task<> silent_hub(Stage& stage, bool with_message) {
  AmqpHub hub{stage};
  Wish wish;
  wish.keep_alive = 2;  // seconds
  const LinkId first = co_await amqp_connected(stage, wish);
  const auto idle = hub.idle_of(first);
  if (!idle || *idle == Duration{}) co_await stage.missing("the device announces no idle time-out");
  stage.note("hub: falls silent");
  hub.manners.speaks = false;
  std::uint64_t order = with_message ? submit(stage, 1) : 0;
  const Duration bound = *idle * 4 + stage.patience();
  const auto noticed = co_await stage.wait(
      [first](const Heard& heard) {
        return (heard.kind == Heard::Kind::ended && heard.link == first) || (heard.kind == Heard::Kind::opened && heard.link != first);
      },
      bound);
  if (!noticed) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("the device kept the connection, and its adapter does not answer");
    for (const char* clause : {"AMQP-14", "INV-24"})
      stage.fail(clause, "the device announces an idle time-out of " + milliseconds_text(*idle) + ", has heard nothing for " + milliseconds_text(bound) +
                             ", and keeps the connection");
    co_return;
  }
  stage.pass("AMQP-14");
  hub.manners.speaks = true;
  hub.manners.telemetry = true;
  if (noticed->kind != Heard::Kind::opened) (void)co_await amqp_back(stage, wish);
  if (order == 0) order = submit(stage, 1);
  co_await ends_well(stage, hub, order);
}

// ---- Ends.

Task<> says_close(Stage& stage) {
  AmqpHub hub{stage};
  hub.manners.telemetry = true;
  const LinkId link = co_await amqp_connected(stage);
  const std::uint64_t order = submit(stage, 1);
  co_await ends_well(stage, hub, order);
  stage.tell(DisconnectOrder{});
  const auto over = co_await stage.wait(
      [link](const Heard& heard) { return heard.link == link && (heard.kind == Heard::Kind::ended || heard.amqp<amqp::Closed>() != nullptr); },
      stage.patience());
  if (!over) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("the connection stays, and the adapter does not answer");
    stage.fail("amqp10:2.4.3-3", "the device was told to disconnect, and keeps the connection");
    co_return;
  }
  expect(stage, "amqp10:2.4.3-3", over->amqp<amqp::Closed>() != nullptr, "the device ends the connection without close");
  const auto told = co_await said(stage, Did::disconnected);
  if (!told) co_await stage.missing("the adapter did not say \"disconnected\"");
}

// The hub ends connection or link as soon as the device is there, again and again: it comes back, and not in a storm.
enum class Ending : std::uint8_t { cut, accepted_and_cut, forced, stolen };

Task<> comes_back(Stage& stage, Ending how) {
  AmqpHub hub{stage};
  LinkId link = co_await amqp_connected(stage);
  const auto is_there = [how](const Heard& heard) {
    return how == Ending::cut ? heard.kind == Heard::Kind::opened : heard.use == Use::commands && heard.amqp<amqp::Attached>() != nullptr;
  };
  const auto comes = [&](const Heard& heard) { return heard.kind == Heard::Kind::opened || is_there(heard); };
  const auto there = [&](const Heard& heard) { return heard.link == link && is_there(heard); };
  std::vector<Duration> pauses;
  constexpr std::size_t rounds = 8;
  for (;;) {
    if (how != Ending::cut) {
      const auto attached = co_await stage.wait(there, stage.patience());
      if (!attached) co_await stage.missing("the device asks for no link to receive from");
    }
    if (how == Ending::cut || how == Ending::accepted_and_cut) stage.cut(link);
    if (how == Ending::forced) hub.close(link, {"amqp:connection:forced", "the hub is not well"});
    if (how == Ending::stolen) hub.detach(link, Use::commands, {"amqp:link:stolen", "another link of this device is newer"});
    if (pauses.size() == rounds) break;
    const model::Instant ended = stage.now();
    std::optional<Heard> again = co_await stage.wait(comes, std::max(stage.patience() * 4, longest_wait));
    if (!again) break;
    pauses.push_back(again->at - ended);
    link = again->link;
    // A link may be asked for again on the connection that is there: it is looked at again.
    if (again->kind != Heard::Kind::opened) stage.heard(std::move(*again));
  }
  if (pauses.empty()) {
    if (const auto told = told_off(stage)) {
      stage.pass("INV-24");
      const string why = "the device stays away and tells its application so: " + *told;
      co_await stage.missing(why.c_str());
    }
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("the device did not come back, and its adapter does not answer");
    stage.fail("INV-24", "the device does not come back after its connection ended");
    co_await stage.missing("the device came once");
  }
  stage.pass("INV-24");
  if (pauses.size() < rounds) {
    const string why = "the device came back " + std::to_string(pauses.size()) + " times only";
    co_await stage.missing(why.c_str());
  }
  judge_pauses(stage, pauses);
}

}  // namespace

void add_amqp_connection_cases(std::vector<DeviceCase>& cases) {
  const Needs needs{.hub = true, .protocol = Protocol::amqp};
  const auto add = [&](const char* name, const char* sentence, std::vector<string> clauses, Stage::Play play) {
    cases.push_back({string{"amqp/"} + name, sentence, std::move(clauses), needs, std::move(play)});
  };
  for (const auto& [wish, name, sentence] : {std::tuple{SettleWish::complete, "complete", "commands that the application completes"},
                                             {SettleWish::reject, "reject", "commands that the application rejects"},
                                             {SettleWish::abandon, "abandon", "commands that the application abandons"}})
    cases.push_back({string{"amqp/commands/"} + name, sentence, {"AMQP-17", "AMQP-20", "C2D-32", "DLV-01"}, needs,
                     [its_wish = wish](Stage& stage) { return settles(stage, its_wish); }});
  add("commands/burst", "forty commands, as many at once as the device wants", {"AMQP-17", "AMQP-20", "C2D-32", "DLV-01", "INV-25"},
      [](Stage& stage) { return commands_burst(stage, 40); });
  add("commands/properties", "a command with properties of every kind", {"AMQP-23", "INV-25", "MSG-01"}, command_properties);
  add("commands/again-after-a-cut", "the connection is cut when a command is in hand, and the command comes again",
      {"AMQP-17", "AMQP-20", "C2D-32", "DLV-01", "INV-24"}, [](Stage& stage) { return command_again(stage, true); });
  add("commands/after-a-cut", "a command comes behind a lost connection", {"AMQP-17", "AMQP-20", "C2D-32", "DLV-01", "INV-24"},
      [](Stage& stage) { return command_again(stage, false); });
  add("commands/large", "a command of 60 KB in many transfers", {"AMQP-17", "amqp10:2.7.5-5", "INV-25", "DLV-01"},
      [](Stage& stage) { return large_command(stage, 60'000, 4'000); });
  add("commands/shredded", "a command in transfers of a few bytes", {"AMQP-17", "amqp10:2.7.5-5", "INV-25", "DLV-01"},
      [](Stage& stage) { return large_command(stage, 300, 7); });
  add("stream/in-pieces", "what the hub says comes a few bytes at a time", {"AMQP-01", "DLV-01", "INV-24", "AMQP-17", "C2D-32"},
      [](Stage& stage) { return in_pieces(stage, 7); });
  add("idle/heartbeats", "the hub bears a silence of two seconds", {"AMQP-14", "amqp10:2.4.5-1", "DLV-01", "INV-24"},
      [](Stage& stage) { return heartbeats(stage, 2s); });
  add("idle/silent-hub", "the hub falls silent and closes nothing", {"AMQP-14", "DLV-01", "INV-24"},
      [](Stage& stage) { return silent_hub(stage, false); });
  add("idle/silent-hub-with-a-message", "the hub falls silent before an outcome and closes nothing", {"AMQP-14", "DLV-01", "INV-24"},
      [](Stage& stage) { return silent_hub(stage, true); });
  add("end/ordered", "the device is told to disconnect", {"amqp10:2.4.3-3", "DLV-01", "INV-24"}, says_close);
  for (const auto& [how, name, sentence] : {std::tuple{Ending::cut, "cut", "each connection is cut as soon as it is there"},
                                            {Ending::accepted_and_cut, "accepted-and-cut", "each connection is cut once the device is at home"},
                                            {Ending::forced, "forced", "each connection is closed with an error"},
                                            {Ending::stolen, "stolen", "each link is taken by a newer one"}})
    cases.push_back({string{"amqp/comes-back-"} + name, sentence, {"INV-24", "SEC-28"}, needs,
                     [its_how = how](Stage& stage) { return comes_back(stage, its_how); }});
}

}  // namespace hubproof::conformance::devices
