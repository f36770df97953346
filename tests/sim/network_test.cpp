#include "sim/network.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "tests/sim/allocations.hpp"
#include "tests/sim/recorder.hpp"

namespace hubproof::sim::test {
namespace {

const PathSettings varying{.latency = Distribution::uniform(15ms, 25ms)};

TEST(Network, AConnectionIsMadeAndBytesGoBothWays) {
  Pair pair;
  pair.connect();
  EXPECT_EQ(pair.device.when("connected"), at(40ms));
  EXPECT_EQ(pair.hub.when("accepted"), at(60ms));
  pair.say(bytes_of("hello"));
  pair.answer(bytes_of("you"));
  pair.world.run_until(at(2s));
  EXPECT_EQ(pair.hub.bytes, bytes_of("hello"));
  EXPECT_EQ(pair.device.bytes, bytes_of("you"));
  EXPECT_EQ(pair.hub.when("received"), at(1020ms));
}

TEST(Network, AWriteOnAQuietPathIsOneEventAndOneDelivery) {
  Pair pair;
  pair.connect();
  EXPECT_TRUE(pair.world.quiet() || pair.world.network().detailed() == 0);
  pair.world.run_until(at(5s));
  const auto before = pair.world.events();
  pair.say(pattern(5000));
  pair.world.run_until(at(6s));
  EXPECT_EQ(pair.world.events() - before, 1U);
  EXPECT_EQ(pair.hub.arrivals.size(), 1U);
}

TEST(Network, NobodyListeningIsARefusal) {
  Pair pair;
  pair.world.network().connect(pair.device.id, pair.hub.id, 1);
  pair.world.run_until(at(1s));
  EXPECT_EQ(pair.device.count("refused"), 1U);
  EXPECT_EQ(pair.world.network().connections(), 0U);
}

TEST(Network, ASilentHostIsATimeOutAfterSynsWithBackOff) {
  Pair pair;
  pair.world.crash(pair.hub.id);
  pair.world.network().connect(pair.device.id, pair.hub.id, 8883);
  pair.world.run_until(at(60s));
  EXPECT_EQ(pair.device.when("no answer"), at(20s));
  EXPECT_EQ(pair.sink.count(Kind::host_silent), 5U);  // at 0, 1, 3, 7 and 15 s
  EXPECT_EQ(pair.world.network().connections(), 0U);
}

TEST(Network, CloseDeliversAllBytesAndThenTheEnd) {
  Pair pair;
  pair.connect();
  pair.say(pattern(100));
  pair.world.network().close(pair.device.socket);
  pair.say(pattern(100));  // too late
  pair.world.run_until(at(5s));
  EXPECT_EQ(pair.hub.bytes.size(), 100U);
  EXPECT_EQ(pair.hub.count("fin"), 1U);
  EXPECT_EQ(pair.device.count("fin"), 0U);
  EXPECT_EQ(pair.world.network().connections(), 0U);
}

TEST(Network, BothMayCloseAtOnce) {
  Pair pair;
  pair.connect();
  pair.world.network().close(pair.device.socket);
  pair.world.network().close(pair.hub.socket);
  pair.world.run_until(at(5s));
  EXPECT_EQ(pair.hub.count("fin") + pair.device.count("fin"), 0U);
  EXPECT_EQ(pair.world.network().connections(), 0U);
}

TEST(Network, AbortResetsThePeer) {
  Pair pair;
  pair.connect();
  pair.say(pattern(10));
  pair.world.network().abort(pair.device.socket);
  pair.world.run_until(at(5s));
  EXPECT_EQ(pair.hub.bytes.size(), 10U);
  EXPECT_EQ(pair.hub.count("reset"), 1U);
  EXPECT_EQ(pair.world.network().connections(), 0U);
}

TEST(Network, SocketsAreNeverUsedAgain) {
  Pair pair;
  pair.connect();
  const Socket first = pair.device.socket;
  pair.world.network().abort(first);
  pair.world.run_until(at(2s));
  pair.connect(at(3s));
  EXPECT_NE(first, pair.device.socket);
  pair.world.network().write(first, bytes_of("x"));
  pair.world.run_until(at(4s));
  EXPECT_TRUE(pair.hub.bytes.empty());
}

TEST(Network, DrainedComesWhenAllHasArrived) {
  Pair pair;
  pair.connect();
  pair.say(pattern(100));
  EXPECT_EQ(pair.world.network().unsent(pair.device.socket), 100U);
  pair.world.network().watch_drained(pair.device.socket);
  pair.world.run_until(at(2s));
  EXPECT_EQ(pair.device.when("drained"), at(1020ms));
  EXPECT_EQ(pair.world.network().unsent(pair.device.socket), 0U);
  pair.world.network().watch_drained(pair.device.socket);
  pair.world.run_until(at(3s));
  EXPECT_EQ(pair.device.count("drained"), 2U);
}

TEST(Network, AReaderThatPausesStallsTheSenderAndAProbeFindsTheWindowOpen) {
  Pair pair{1, {.window = 4000}};
  pair.connect();
  pair.world.network().pause_reading(pair.hub.socket);
  pair.say(pattern(10'000));
  pair.world.run_until(at(30s));
  EXPECT_TRUE(pair.hub.bytes.empty());
  EXPECT_EQ(pair.world.network().unsent(pair.device.socket), 6000U);
  EXPECT_GT(pair.sink.count(Kind::window_closed), 2U);
  pair.world.run_until(at(300s));
  EXPECT_EQ(pair.device.count("timed out"), 0U);  // a probe that is answered is progress
  pair.world.network().resume_reading(pair.hub.socket);
  pair.world.run_until(at(400s));
  EXPECT_EQ(pair.hub.bytes, pattern(10'000));
  EXPECT_EQ(pair.world.network().detailed(), 0U);
}

TEST(Network, AWindowUpdateThatIsLostIsFoundByAProbe) {
  Pair pair{1, {.window = 4000}};
  pair.connect();
  pair.world.network().pause_reading(pair.hub.socket);
  pair.say(pattern(10'000));
  pair.world.run_until(at(10s));
  const RuleId wall = pair.world.network().impose({});
  pair.world.network().resume_reading(pair.hub.socket);
  pair.world.run_until(at(10s + 100ms));
  pair.world.network().lift(wall);
  pair.world.run_until(at(60s));
  EXPECT_EQ(pair.hub.bytes, pattern(10'000));
}

TEST(Network, WhatAPausedReaderGotIsFollowedByTheEnd) {
  Pair pair;
  pair.connect();
  pair.world.network().pause_reading(pair.hub.socket);
  pair.say(pattern(100));
  pair.world.network().close(pair.device.socket);
  pair.world.run_until(at(3s));
  EXPECT_EQ(pair.hub.count("fin"), 0U);
  pair.world.network().resume_reading(pair.hub.socket);
  pair.world.run_until(at(4s));
  EXPECT_EQ(pair.hub.bytes, pattern(100));
  EXPECT_EQ(pair.hub.count("fin"), 1U);
  EXPECT_EQ(pair.world.network().connections(), 0U);
}

TEST(Network, AHostThatCrashedIsFoundOutByTheUserTimeout) {
  Pair pair;
  pair.connect();
  pair.say(pattern(10));
  pair.world.run_until(at(1010ms));
  pair.world.crash(pair.hub.id);
  pair.world.run_until(at(1s + 119s));
  EXPECT_EQ(pair.device.count("timed out"), 0U);
  pair.world.run_until(at(200s));
  EXPECT_EQ(pair.device.when("timed out"), at(1010ms + 120s));
  EXPECT_TRUE(pair.hub.bytes.empty());
  EXPECT_GT(pair.sink.count(Kind::retransmitted), 4U);
  EXPECT_EQ(pair.world.network().connections(), 0U);
}

TEST(Network, ARestartedHostAnswersOldConnectionsWithRst) {
  Pair pair;
  pair.connect();
  pair.world.crash(pair.hub.id);
  pair.world.run_until(at(10s));
  EXPECT_EQ(pair.device.count("reset"), 0U);  // half open: nobody has said anything
  pair.world.restart(pair.hub.id);
  pair.world.run_until(at(20s));
  EXPECT_EQ(pair.device.count("reset"), 0U);
  pair.say(pattern(10));
  pair.world.run_until(at(21s));
  EXPECT_EQ(pair.device.count("reset"), 1U);
}

TEST(Network, AProcessThatDiesAloneLeavesItsPeersAReset) {
  Pair pair;
  pair.connect();
  pair.world.crash_process(pair.hub.id);
  pair.world.run_until(at(2s));
  EXPECT_EQ(pair.device.count("reset"), 1U);
}

TEST(Network, RetransmissionBacksOffAsTheStandardSays) {
  Pair pair{1, {.always_segments = true}};
  pair.connect();
  pair.world.network().impose({});
  pair.sink.records.clear();
  pair.say(pattern(10));
  pair.world.run_until(at(100s));
  std::vector<Instant> times;
  for (const Record& record : pair.sink.records)
    if (record.kind == Kind::retransmitted) times.push_back(record.time);
  ASSERT_GE(times.size(), 6U);
  EXPECT_EQ(times[0], at(2s));
  EXPECT_EQ(times[1], at(4s));
  EXPECT_EQ(times[2], at(8s));
  EXPECT_EQ(times[5], at(64s));
}

TEST(Network, ThreeDuplicateAcknowledgementsBringALostSegmentAgainAtOnce) {
  Pair pair;
  pair.connect();
  const RuleId wall = pair.world.network().impose({});
  pair.say(pattern(100));
  pair.world.network().lift(wall);
  for (std::uint32_t i = 1; i < 5; ++i) pair.say(pattern(100, 100 * i));
  pair.world.run_until(at(1900ms));  // before the timer
  EXPECT_EQ(pair.hub.bytes, pattern(500));
  EXPECT_GE(pair.sink.count(Kind::out_of_order), 3U);
}

TEST(Network, SegmentsBeginWhenAFaultOpensAndEndWhenAllIsDelivered) {
  Pair pair;
  pair.connect();
  pair.say(pattern(3000));
  EXPECT_EQ(pair.world.network().detailed(), 0U);
  const RuleId rule = pair.world.network().impose(
      {.kind = Rule::Kind::delay, .from = {pair.device.id}, .extra = Distribution::fixed(5ms)});
  EXPECT_EQ(pair.world.network().detailed(), 1U);
  pair.say(pattern(3000, 3000));
  pair.world.network().lift(rule);
  EXPECT_EQ(pair.world.network().detailed(), 1U);
  pair.world.run_until(at(2s));
  EXPECT_EQ(pair.world.network().detailed(), 0U);
  EXPECT_EQ(pair.hub.bytes, pattern(6000));
  EXPECT_EQ(pair.sink.count(Kind::retransmitted), 0U);
}

TEST(Network, PathsMayDifferByDirection) {
  Pair pair;
  pair.world.network().path(pair.device.id, pair.hub.id, {.latency = Distribution::fixed(100ms)});
  pair.connect();
  EXPECT_EQ(pair.device.when("connected"), at(120ms));
}

TEST(Network, ALineOfLimitedSpeedSpacesPacketsAndItsQueueOverflows) {
  Pair pair;
  pair.connect();
  pair.world.network().path(pair.device.id, pair.hub.id,
                            {.bandwidth = {.bytes_per_second = 14'400, .queue_bytes = 10'000}});
  pair.say(pattern(28'000));
  pair.world.run_until(at(2s));
  EXPECT_LT(pair.hub.bytes.size(), 28'000U);
  EXPECT_GT(pair.sink.count(Kind::queue_full), 0U);
  pair.world.run_until(at(60s));
  EXPECT_EQ(pair.hub.bytes, pattern(28'000));
}

TEST(Network, ABurstyPathLosesInBursts) {
  Pair pair;
  pair.connect();
  pair.world.network().everywhere(
      {.loss = {.bad = {1, 1}, .turns_bad = {1, 50}, .turns_good = {1, 5}}});
  for (std::uint32_t i = 0; i < 200; ++i) {
    pair.say(pattern(500, 500 * i));
    pair.world.run_until(at(1s + 1s * (i + 1)));
  }
  pair.world.run_until(at(600s));
  EXPECT_EQ(pair.hub.bytes, pattern(100'000));
  EXPECT_GT(pair.sink.count(Kind::dropped), 10U);
}

TEST(Network, TheQuickWayAllocatesNothingInASteadyState) {
  Pair pair;
  pair.world.trace().sink(nullptr);
  struct Counter : Program {
    std::size_t got = 0;
    void started() override {}
    void crashed() override {}
    void received(Socket, View bytes) override { got += bytes.size(); }
  } one, two;
  World world{1};
  const NodeId a = world.add("a", one), b = world.add("b", two);
  world.start(a);
  world.start(b);
  world.network().listen(b, 1);
  const Socket socket = world.network().connect(a, b, 1);
  world.run_until(at(1s));
  const auto bytes = pattern(150);
  const auto round = [&](int count, Duration from) {
    for (int i = 0; i < count; ++i) {
      world.network().write(socket, bytes);
      world.wake_at(a, at(from + 1ms * (i + 50)), 1);
      world.run_until(at(from + 1ms * i));
    }
  };
  round(20'000, 1s);  // until each bucket of the queue has seen its fill
  const std::size_t before = allocations();
  round(1000, 21s);
  EXPECT_EQ(allocations() - before, 0U);
  world.run_until(at(30s));
  EXPECT_EQ(two.got, 21'000 * bytes.size());
}

TEST(Network, AnIdleConnectionIsSmall) { EXPECT_LT(sizeof(Connection), 300U); }

TEST(Network, AHundredThousandConnectionsToOneHub) {
  Recorder hub;
  struct Silent : Program {
    void started() override {}
    void crashed() override {}
  } silent;
  World world{1};
  hub.join(world, "hub");
  hub.ports = {8883};
  world.start(hub.id);
  constexpr std::uint32_t devices = 100'000;
  for (std::uint32_t i = 0; i < devices; ++i) {
    const NodeId device = world.add({}, silent);
    world.start(device);
    world.network().connect(device, hub.id, 8883);
  }
  world.run_until(at(10s));
  EXPECT_EQ(hub.count("accepted"), devices);
  EXPECT_EQ(world.network().connections(), devices);
  EXPECT_EQ(world.network().detailed(), 0U);
  const RuleId rule = world.network().impose({.from = {hub.id}});
  world.network().lift(rule);
  world.network().reset_all(hub.id);
  EXPECT_EQ(world.network().connections(), 0U);
}

// The bytes by time of arrival, however they were cut.
std::vector<std::pair<Instant, std::size_t>> by_time(const Recorder& program) {
  std::vector<std::pair<Instant, std::size_t>> sums;
  for (const auto& [when, size] : program.arrivals)
    if (!sums.empty() && sums.back().first == when)
      sums.back().second += size;
    else
      sums.emplace_back(when, size);
  return sums;
}

struct Saying {
  bool device;
  std::uint32_t after;  // milliseconds
  std::uint32_t size;
};

std::vector<Saying> sayings(std::uint32_t most) {
  return *rc::gen::container<std::vector<Saying>>(rc::gen::build<Saying>(
      rc::gen::set(&Saying::device), rc::gen::set(&Saying::after, rc::gen::inRange(0U, 60U)),
      rc::gen::set(&Saying::size, rc::gen::inRange(1U, most))));
}

RC_GTEST_PROP(Network, BothWaysGiveEqualBytesAtEqualTimesOnAQuietPath, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  const auto script = sayings(4000);
  const bool closes = *rc::gen::arbitrary<bool>();
  const auto run = [&](Pair& pair) {
    pair.connect();
    Duration now = 1s;
    std::uint32_t said = 0;
    for (const Saying& each : script) {
      now += std::chrono::milliseconds{each.after};
      pair.world.run_until(at(now));
      each.device ? pair.say(pattern(each.size, said)) : pair.answer(pattern(each.size, said));
      said += each.size;
    }
    if (closes) pair.world.network().close(pair.device.socket);
    pair.world.run_until(at(now + 10s));
  };
  // A window that never closes: acknowledgements under way are what the two ways know differently.
  Pair quick{seed, {.window = 1 << 30}, varying};
  Pair slow{seed, {.window = 1 << 30, .always_segments = true}, varying};
  run(quick);
  run(slow);
  RC_ASSERT(slow.sink.count(Kind::retransmitted) == 0U);
  RC_ASSERT(slow.world.network().quick_deliveries() == 0U);
  RC_ASSERT(quick.hub.bytes == slow.hub.bytes);
  RC_ASSERT(quick.device.bytes == slow.device.bytes);
  RC_ASSERT(by_time(quick.hub) == by_time(slow.hub));
  RC_ASSERT(by_time(quick.device) == by_time(slow.device));
  RC_ASSERT(quick.hub.when("fin") == slow.hub.when("fin"));
}

RC_GTEST_PROP(Network, BytesArriveOnceInOrderUnderAnyFaultOrTheConnectionEnds, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  const auto script = sayings(6000);
  Pair pair{seed, {.window = *rc::gen::element(3000U, 65'536U)}, varying};
  const auto odds = [] { return Ratio{*rc::gen::inRange(0U, 40U), 100}; };
  const Ratio drop = odds(), twice = odds(), late = odds(), broken = odds();
  pair.connect();
  std::vector<Fault> faults(5);
  const FaultKind kinds[] = {FaultKind::drop, FaultKind::duplicate, FaultKind::reorder,
                             FaultKind::corrupt, FaultKind::partition};
  for (std::size_t i = 0; i < 5; ++i) {
    const auto from = *rc::gen::inRange(1000, 3000);
    faults[i] = pair.fault(kinds[i], std::chrono::milliseconds{from},
                           std::chrono::milliseconds{from + *rc::gen::inRange(0, 3000)});
    faults[i].duration = Distribution::uniform(1ms, 80ms);
  }
  faults[0].odds = drop;
  faults[1].odds = twice;
  faults[2].odds = late;
  faults[3].odds = broken;
  for (Fault& fault : faults) fault.until += 1ns;
  pair.world.nemesis().apply(faults);
  std::vector<std::uint8_t> up, down;
  Duration now = 1s;
  for (const Saying& each : script) {
    now += std::chrono::milliseconds{each.after};
    pair.world.run_until(at(now));
    const auto bytes = pattern(each.size, static_cast<std::uint32_t>(up.size() + down.size()));
    auto& stream = each.device ? up : down;
    stream.insert(stream.end(), bytes.begin(), bytes.end());
    each.device ? pair.say(bytes) : pair.answer(bytes);
  }
  pair.world.run_until(at(now + 6s));
  pair.world.nemesis().heal();
  pair.world.run_until(at(now + 400s));
  RC_ASSERT(pair.hub.count("timed out") + pair.device.count("timed out") == 0U);
  RC_ASSERT(pair.hub.bytes == up);
  RC_ASSERT(pair.device.bytes == down);
  RC_ASSERT(pair.world.network().detailed() == 0U);
  pair.world.network().close(pair.hub.socket);
  pair.world.run_until(at(now + 500s));
  RC_ASSERT(pair.device.count("fin") == 1U);
  RC_ASSERT(pair.world.network().connections() == 0U);
}

RC_GTEST_PROP(Network, ALossyPathDelaysButDoesNotSpoil, ()) {
  PathSettings path = varying;
  path.loss.good = {*rc::gen::inRange(0U, 30U), 100};
  path.duplicate = {*rc::gen::inRange(0U, 30U), 100};
  path.reorder = {*rc::gen::inRange(0U, 30U), 100};
  Pair pair{*rc::gen::arbitrary<std::uint64_t>(), {}, path};
  pair.device.on_connected = [&](Socket socket) {
    pair.world.network().write(socket, pattern(20'000));
    pair.world.network().close(socket);
  };
  pair.connect(at(600s));
  if (pair.device.count("connected") == 0) {
    RC_ASSERT(pair.device.count("no answer") == 1U);
  } else {
    RC_ASSERT(pair.hub.bytes == pattern(20'000));
    RC_ASSERT(pair.hub.count("fin") == 1U);
  }
}

RC_GTEST_PROP(Network, ACrashAtAnyTimeLeavesAPrefix, ()) {
  Pair pair{*rc::gen::arbitrary<std::uint64_t>(), {}, varying};
  pair.connect();
  pair.say(pattern(1000));
  pair.world.run_until(at(1s + std::chrono::milliseconds{*rc::gen::inRange(0, 30)}));
  pair.say(pattern(1000, 1000));
  pair.world.run_until(at(1s + std::chrono::milliseconds{*rc::gen::inRange(30, 60)}));
  const bool hub = *rc::gen::arbitrary<bool>();
  pair.world.crash(hub ? pair.hub.id : pair.device.id);
  const std::size_t then = pair.hub.bytes.size();
  pair.world.run_until(at(5s));
  pair.world.restart(hub ? pair.hub.id : pair.device.id);
  pair.world.run_until(at(300s));
  auto prefix = pattern(2000);
  prefix.resize(pair.hub.bytes.size());
  RC_ASSERT(pair.hub.bytes == prefix);
  if (hub) RC_ASSERT(pair.hub.bytes.size() == then);
}

}  // namespace
}  // namespace hubproof::sim::test
