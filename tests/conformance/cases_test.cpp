// The table of cases, and what a stage makes of a script.
#include "conformance/cases/case.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "conformance/cases/mqtt.hpp"
#include "conformance/clause.hpp"

namespace hubproof::conformance::cases {
namespace {

TEST(Cases, CiteClausesThatExist) {
  std::set<std::string> names;
  for (const Case& one : cases()) {
    EXPECT_TRUE(names.insert(one.name).second) << one.name << " is there twice";
    EXPECT_FALSE(one.sentence.empty()) << one.name;
    EXPECT_FALSE(one.clauses.empty()) << one.name;
    EXPECT_TRUE(one.script != nullptr) << one.name;
    EXPECT_EQ(std::ranges::count(one.name, '/'), 2) << one.name << ": door, chapter, stimulus";
    std::set<std::string> clauses;
    for (const std::string& id : one.clauses) {
      EXPECT_NE(find_clause(id), nullptr) << one.name << " decides " << id;
      EXPECT_TRUE(clauses.insert(id).second) << one.name << " decides " << id << " twice";
    }
  }
  EXPECT_EQ(find_case("mqtt/connect/no-such-case"), nullptr);
  ASSERT_NE(find_case("mqtt/connect/two-ids"), nullptr);
}

// Statements that a server can be seen to keep or break, and that fewer than three cases drive so far. The
// list may only shrink.
const std::set<std::string> too_few = {
};

TEST(Cases, ThreeDriveEachVisibleStatement) {
  std::map<std::string, int> stimuli;
  for (const Case& one : cases())
    for (const std::string& id : one.clauses) ++stimuli[id];
  std::set<std::string> few;
  for (const Clause& clause : clauses())
    if (clause.chapter == "mqtt311" && !clause.seen_hub.empty() && stimuli[clause.id] < 3) few.insert(clause.id);
  for (const std::string& id : few) EXPECT_TRUE(too_few.contains(id)) << id << " has fewer than three cases";
  for (const std::string& id : too_few) EXPECT_TRUE(few.contains(id)) << id << " has three cases: take it out of the list";
}

// A rule of the hub that departs from the standard is decided under both names.
TEST(Cases, DecideDeparturesWithTheirRules) {
  std::set<std::string_view> named;
  for (const Case& one : cases())
    for (const std::string& id : one.clauses) {
      const std::string_view same = departure(id);
      if (same.empty()) continue;
      const Clause* const clause = find_clause(same);
      ASSERT_NE(clause, nullptr) << same;
      EXPECT_EQ(clause->chapter, "H");
      const bool is_seen_so = one.profiles == For::hubs && one.name.starts_with("mqtt/");
      EXPECT_EQ(std::ranges::count(one.clauses, same), is_seen_so ? 1 : 0) << one.name << " decides " << id;
      named.insert(same);
    }
  EXPECT_EQ(named.size(), 22U);
}

// ---- The stage.

struct Bench {
  explicit Bench(std::function<Script(Stage&)> script, Alone alone = Alone::nothing, std::vector<std::string> clauses = {"mqtt311:3.12.4-1"}) {
    one.alone = alone;
    one.name = "mqtt/test/bench";
    one.clauses = std::move(clauses);
    one.script = std::move(script);
    target.can = {Capability::mqtt, Capability::routing};
    stage.emplace(target, pace, one, 1, "t", std::vector<Identity>{});
    stage->begin(now, effects);
  }
  std::size_t count(model::Effect::Kind kind) const {
    return static_cast<std::size_t>(std::ranges::count(effects.list(), kind, &model::Effect::kind));
  }
  void pass(Duration time) {  // every alarm on the way
    const Instant until = now + time;
    while (stage->deadline() && *stage->deadline() <= until) {
      now = *stage->deadline();
      stage->woken(now, effects);
    }
    now = until;
  }
  const Finding& finding(std::string_view clause = "mqtt311:3.12.4-1") const {
    return std::ranges::find(stage->outcomes(), clause, &Outcome::clause)->finding;
  }
  void say(const Bytes& bytes, std::uint32_t connection = 1) {
    stage->received(now, model::ConnectionId{connection}, bytes, effects);
  }

  Target target;
  Pace pace;
  Case one;
  Effects effects;
  Instant now{};
  std::optional<Stage> stage;
};

const Bytes connack = Raw{Type::connack}.u8(0).u8(0).packet();
const Bytes pong = Raw{Type::pingresp}.packet();

Script ping(Stage& stage) {
  const Client client = co_await called(stage);
  stage.send_whole(client, stage.keep(pingreq()));
  const Packet* answer = co_await stage.heard(client, Type::pingresp);
  stage.expect(answer != nullptr, "PINGRESP", stage.found(client));
}

TEST(Stage, GoesOnWhenWhatIsAwaitedComes) {
  Bench bench{ping};
  EXPECT_EQ(bench.count(model::Effect::Kind::connect), 1u);
  bench.stage->connected(bench.now, model::ConnectionId{1}, bench.effects);
  EXPECT_EQ(bench.count(model::Effect::Kind::send), 1u);
  bench.say(connack);
  for (const std::uint8_t byte : pong) bench.say({byte});
  EXPECT_TRUE(bench.stage->over());
  EXPECT_EQ(bench.finding().verdict, Verdict::pass);
}

TEST(Stage, ProvesAbsenceByAConnectionOfItsOwn) {
  Bench bench{ping};
  bench.stage->connected(bench.now, model::ConnectionId{1}, bench.effects);
  bench.pass(2s);
  EXPECT_FALSE(bench.stage->over()) << "patience is over, but is the target there at all?";
  EXPECT_EQ(bench.count(model::Effect::Kind::connect), 2u);
  bench.stage->connected(bench.now, model::ConnectionId{2}, bench.effects);
  bench.say(connack, 2);
  EXPECT_TRUE(bench.stage->over());
  EXPECT_EQ(bench.finding().verdict, Verdict::fail);
}

TEST(Stage, ATargetThatAnswersNobodyDecidesNothing) {
  Bench bench{ping};
  bench.stage->connected(bench.now, model::ConnectionId{1}, bench.effects);
  bench.pass(2s);
  bench.pass(60s);
  EXPECT_TRUE(bench.stage->over());
  EXPECT_EQ(bench.finding().verdict, Verdict::inconclusive);
  EXPECT_FALSE(bench.stage->missing().empty());
}

TEST(Stage, WhatComesWhileItLooksForAbsenceCounts) {
  Bench bench{ping};
  bench.stage->connected(bench.now, model::ConnectionId{1}, bench.effects);
  bench.say(connack);
  bench.pass(2s);
  bench.say(pong);
  EXPECT_TRUE(bench.stage->over());
  EXPECT_EQ(bench.finding().verdict, Verdict::pass);
}

TEST(Stage, JudgesEveryPacketWhateverTheCaseIsAbout) {
  Bench bench{ping};
  bench.stage->connected(bench.now, model::ConnectionId{1}, bench.effects);
  bench.say(Raw{Type::pingresp, 4}.packet());
  EXPECT_EQ(bench.finding("mqtt311:3.2.0-1").verdict, Verdict::fail) << "a server begins with CONNACK";
  EXPECT_EQ(bench.finding("mqtt311:2.2.2-2").verdict, Verdict::fail) << "reserved bits";
}

TEST(Stage, AScriptThatGivesUpIsNotResumed) {
  bool went_on = false;
  Bench bench{[&went_on](Stage& stage) -> Script {
    co_await stage.need(false, "what this case needs");
    went_on = true;
  }};
  EXPECT_TRUE(bench.stage->over());
  EXPECT_FALSE(went_on);
  EXPECT_EQ(bench.stage->missing(), "what this case needs");
  EXPECT_EQ(bench.finding().verdict, Verdict::inconclusive);
}

TEST(Stage, AClauseThatTheScriptForgotIsUndecided) {
  Bench bench{[](Stage&) -> Script { co_return; }};
  EXPECT_TRUE(bench.stage->over());
  EXPECT_EQ(bench.finding().verdict, Verdict::inconclusive);
}

TEST(Stage, FeedbackIsForOthersWhileACaseHasLeftIt) {
  Bench bench{[](Stage& stage) -> Script {
    stage.leave_feedback();
    co_await stage.pause(10s);
    co_await stage.feedback_again();
    stage.pass();
    co_await stage.pause(1s);
  }, Alone::feedback};
  EXPECT_FALSE(bench.stage->holds_feedback());
  EXPECT_FALSE(bench.stage->wants_feedback());
  bench.pass(30s);
  EXPECT_FALSE(bench.stage->holds_feedback());
  EXPECT_TRUE(bench.stage->wants_feedback());
  EXPECT_TRUE(bench.stage->outcomes().empty());
  bench.stage->feedback_given(bench.now, bench.effects);
  EXPECT_TRUE(bench.stage->holds_feedback());
  EXPECT_FALSE(bench.stage->wants_feedback());
  EXPECT_EQ(bench.finding().verdict, Verdict::pass);
  bench.pass(1s);
  EXPECT_TRUE(bench.stage->over());
  EXPECT_FALSE(bench.stage->holds_feedback());
}

TEST(Stage, WhoNeedsTheTargetForItselfHasItsFeedback) {
  const auto waits = [](Stage& stage) -> Script { co_await stage.pause(1s); };
  EXPECT_FALSE(Bench(waits).stage->holds_feedback());
  EXPECT_TRUE(Bench(waits, Alone::feedback).stage->holds_feedback());
  EXPECT_TRUE(Bench(waits, Alone::target).stage->holds_feedback());
}

TEST(Stage, ARuleDecidesItsDeparture) {
  const auto expects = [](Stage& stage) -> Script {
    stage.pass("MQTT-09");
    stage.fail("one thing", "another", "MQTT-20");
    co_return;
  };
  const Bench bench{expects, Alone::nothing, {"MQTT-09", "MQTT-20", "H-06", "H-10"}};
  EXPECT_EQ(bench.finding("H-06").verdict, Verdict::pass);
  EXPECT_EQ(bench.finding("H-10").verdict, Verdict::fail);
  const Bench other{expects, Alone::nothing, {"MQTT-09", "MQTT-20"}};
  EXPECT_EQ(other.stage->outcomes().size(), 2U);
}

TEST(Stage, APremiseThatIsNotGivenIsNotExercised) {
  bool went_on = false;
  Bench bench{[&went_on](Stage& stage) -> Script {
    co_await stage.premise(true, "what is so");
    stage.pass("mqtt311:3.1.4-4");
    co_await stage.premise(false, "the target does something else");
    went_on = true;
  }};
  EXPECT_TRUE(bench.stage->over());
  EXPECT_FALSE(went_on);
  EXPECT_EQ(bench.finding().verdict, Verdict::not_exercised);
  EXPECT_EQ(bench.finding().text, "the target does something else");
  EXPECT_EQ(bench.finding("mqtt311:3.1.4-4").verdict, Verdict::pass) << "what was decided before stays so";
  EXPECT_TRUE(bench.stage->missing().empty()) << "nothing is missing";
}

TEST(Stage, WhatIsMissingIsNotExcusedByAPremise) {
  Bench bench{[](Stage& stage) -> Script {
    stage.undecided("something");
    stage.not_exercised("something else");
    co_return;
  }};
  EXPECT_EQ(bench.finding().verdict, Verdict::inconclusive);
  EXPECT_EQ(bench.finding().text, "something");
}

TEST(Stage, ATargetThatHasBecomeSlowIsGivenMoreTime) {
  Bench bench{ping};
  bench.stage->connected(bench.now, model::ConnectionId{1}, bench.effects);
  bench.pass(2s);
  ASSERT_EQ(bench.count(model::Effect::Kind::connect), 2u);
  bench.stage->connected(bench.now, model::ConnectionId{2}, bench.effects);
  bench.pass(1s);
  bench.say(connack, 2);  // after a second: patience is twenty of them now
  EXPECT_FALSE(bench.stage->over());
  bench.pass(10s);
  EXPECT_EQ(bench.count(model::Effect::Kind::connect), 2u);
  bench.pass(10s);
  ASSERT_EQ(bench.count(model::Effect::Kind::connect), 3u) << "it looks once more";
  bench.stage->connected(bench.now, model::ConnectionId{3}, bench.effects);
  bench.say(connack, 3);
  EXPECT_TRUE(bench.stage->over());
  EXPECT_EQ(bench.finding().verdict, Verdict::fail);
}

TEST(Stage, ALatencyIsForgottenInTime) {
  Pace pace;
  pace.measured(2s);
  EXPECT_EQ(pace.patience(), 40s);
  for (std::uint32_t each = 0; each < Pace::remembered - 2; ++each) pace.measured(1ms);
  EXPECT_EQ(pace.patience(), 40s);
  for (std::uint32_t each = 0; each < 2 * Pace::remembered; ++each) pace.measured(1ms);
  EXPECT_EQ(pace.patience(), 1s);
  EXPECT_LT(pace.recent, 2ms);
  pace.measured(1h);
  EXPECT_EQ(pace.patience(), 60s) << "no longer than that";
}

TEST(Stage, PiecesOfOnePacketLeaveOneAfterTheOther) {
  bool split = false;
  for (std::uint64_t seed = 0; seed < 20 && !split; ++seed) {
    Case one;
    one.name = "mqtt/test/pieces";
    one.clauses = {"mqtt311:3.12.4-1"};
    one.script = [](Stage& stage) -> Script {
      const Client client = co_await called(stage);
      stage.send(client, stage.keep(Bytes(10, 7)));
      co_await stage.pause(1s);
    };
    const Target target;
    Pace pace;
    Effects effects;
    Stage stage{target, pace, one, seed, "t", {}};
    stage.begin(Instant{}, effects);
    stage.connected(Instant{}, model::ConnectionId{1}, effects);
    std::size_t sent = 0, sends = 0;
    for (Instant now{}; now < Instant{} + 10ms; now += 1ms) {
      for (const model::Effect& effect : effects.list())
        if (effect.kind == model::Effect::Kind::send) sent += effect.size, ++sends;
      effects.clear();
      stage.woken(now, effects);
    }
    EXPECT_EQ(sent, 10u) << seed;
    split = split || sends > 1;
  }
  EXPECT_TRUE(split);
}

// ---- Packets.

TEST(CasePackets, AreReadAsTheyAre) {
  const Bytes bytes = publish_packet("a/b", model::view("xyz"), 1, 17, true, true);
  const Packet packet = read_packet(bytes);
  EXPECT_EQ(packet.type, Type::publish);
  EXPECT_EQ(packet.topic, "a/b");
  EXPECT_EQ(packet.id, 17);
  EXPECT_EQ(packet.qos(), 1);
  EXPECT_TRUE(packet.dup() && packet.retain());
  EXPECT_EQ(model::text(packet.payload), "xyz");
  EXPECT_EQ(packet.statement, nullptr);
  EXPECT_EQ(describe(bytes), "PUBLISH 17 qos 1 dup retain to \"a/b\", \"xyz\"");
}

TEST(CasePackets, EveryPrefixIsIncompleteAndDescribed) {
  const Bytes bytes = Raw{Type::subscribe, 2}.u16(3).field("a/#").u8(1).packet();
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    const View prefix = View{bytes}.first(size);
    EXPECT_TRUE(packet_size(prefix) == 0 || packet_size(prefix) > size) << size;
    EXPECT_FALSE(describe(prefix).empty());
  }
  EXPECT_EQ(packet_size(bytes), bytes.size());
  EXPECT_EQ(packet_size(Bytes{0x20, 0xff, 0xff, 0xff, 0xff}), no_length);
}

TEST(CasePackets, AnyBytesAreDescribedAndRead) {
  Draws draws{7, "any bytes"};
  for (int round = 0; round < 5'000; ++round) {
    Bytes bytes(1 + draws.below(24));
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(draws.below(256));
    EXPECT_FALSE(describe(bytes).empty());
    const std::size_t size = packet_size(bytes);
    if (size != 0 && size != no_length && size <= bytes.size()) read_packet(View{bytes}.first(size));
  }
}

TEST(CasePackets, LengthsMayBeLies) {
  EXPECT_EQ(Raw{Type::pingreq}.packet(5), (Bytes{0xc0, 5}));
  EXPECT_EQ(Raw{Type::pingreq}.packet(0, 3), (Bytes{0xc0, 0x80, 0x80, 0}));
  EXPECT_EQ(Raw{Type::pingreq}.packet(300), (Bytes{0xc0, 0xac, 2}));
}

}  // namespace
}  // namespace hubproof::conformance::cases
