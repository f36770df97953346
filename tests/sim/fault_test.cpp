// Each fault shows its effect in behaviour and in the trace, and none after its end.
#include "sim/fault.hpp"

#include <gtest/gtest.h>

#include <set>

#include "tests/sim/recorder.hpp"

namespace hubproof::sim::test {
namespace {

// A device that says 100 bytes each second from 1.5 s on.
struct Talk : Pair {
  std::uint32_t said = 0;
  explicit Talk(std::uint64_t seed = 1) : Pair{seed} { connect(); }
  void until(Duration end) {
    while (world.now() < at(end)) {
      world.run_until(world.now() + 500ms);
      say(pattern(100, said));
      said += 100;
      world.run_until(world.now() + 500ms);
    }
  }
  void whole() {
    world.run_until(world.now() + 300s);
    EXPECT_EQ(hub.bytes, pattern(said));
  }
};

Fault with(Fault fault, Ratio odds) {
  fault.odds = odds;
  return fault;
}
Fault with(Fault fault, Distribution duration) {
  fault.duration = duration;
  return fault;
}

TEST(NetworkFault, DropLosesPacketsAndTcpMakesThemGood) {
  Talk talk;
  talk.world.nemesis().apply({with(talk.fault(FaultKind::drop, 2s, 60s), Ratio{3, 10})});
  talk.until(60s);
  const auto dropped = talk.sink.count(Kind::dropped);
  EXPECT_GT(dropped, 10U);
  EXPECT_GT(talk.sink.count(Kind::retransmitted), 5U);
  talk.until(70s);
  EXPECT_EQ(talk.sink.count(Kind::dropped), dropped);
  talk.whole();
}

TEST(NetworkFault, DropInBursts) {
  Talk talk;
  Fault fault = talk.fault(FaultKind::drop, 2s, 100s);
  fault.loss = {.good = {}, .bad = {1, 1}, .turns_bad = {1, 20}, .turns_good = {1, 4}};
  talk.world.nemesis().apply({fault});
  talk.until(100s);
  EXPECT_GT(talk.sink.count(Kind::dropped), 10U);
  talk.whole();
}

TEST(NetworkFault, DelayAddsToEachPacket) {
  Talk talk;
  talk.world.nemesis().apply(
      {with(talk.fault(FaultKind::delay, 2s, 4s), Distribution::fixed(100ms))});
  talk.until(6s);
  std::set<Instant> when;
  for (const auto& [time, size] : talk.hub.arrivals) when.insert(time);
  EXPECT_EQ(when, (std::set{at(1520ms), at(2620ms), at(3620ms), at(4520ms), at(5520ms)}));
  EXPECT_GE(talk.sink.count(Kind::delayed), 4U);  // two writes and their acknowledgements
}

TEST(NetworkFault, DuplicatesAreDeliveredOnce) {
  Talk talk;
  Fault fault = with(talk.fault(FaultKind::duplicate, 2s, 10s), Ratio{1, 1});
  fault.duration = Distribution::fixed(3ms);
  talk.world.nemesis().apply({fault});
  talk.until(12s);
  EXPECT_GE(talk.sink.count(Kind::duplicated), 16U);
  talk.whole();
}

TEST(NetworkFault, ReorderedSegmentsAreDeliveredInOrder) {
  Talk talk;
  Fault fault = with(talk.fault(FaultKind::reorder, 2s, 30s), Ratio{1, 2});
  fault.duration = Distribution::uniform(1ms, 50ms);
  talk.world.nemesis().apply({fault});
  talk.world.run_until(at(2s));
  for (; talk.said < 50'000; talk.said += 5000) talk.say(pattern(5000, talk.said));
  talk.world.run_until(at(30s));
  EXPECT_GT(talk.sink.count(Kind::reordered), 5U);
  EXPECT_GT(talk.sink.count(Kind::out_of_order), 5U);
  talk.whole();
}

TEST(NetworkFault, WhatIsCorruptFailsItsChecksumAndComesAgain) {
  Talk talk;
  talk.world.nemesis().apply({with(talk.fault(FaultKind::corrupt, 2s, 30s), Ratio{1, 3})});
  talk.until(30s);
  EXPECT_GT(talk.sink.count(Kind::corrupted), 5U);
  EXPECT_EQ(talk.sink.count(Kind::corrupted), talk.sink.count(Kind::checksum_failed));
  talk.whole();
}

TEST(NetworkFault, StreamsAreCutAnywhereWhileFaultsAreOn) {
  Talk talk;
  talk.world.nemesis().apply(
      {with(talk.fault(FaultKind::delay, 2s, 60s), Distribution::fixed(1ms))});
  talk.until(60s);
  EXPECT_GT(talk.sink.count(Kind::cut), 5U);
  talk.whole();
}

TEST(NetworkFault, BandwidthIsSharedAndItsQueueBounded) {
  Talk talk;
  Fault fault = talk.fault(FaultKind::bandwidth, 2s, 30s);
  fault.bandwidth = {.bytes_per_second = 2000, .queue_bytes = 4000};
  talk.world.nemesis().apply({fault});
  talk.world.run_until(at(2s));
  talk.say(pattern(20'000));
  talk.said = 20'000;
  talk.world.run_until(at(4s));
  EXPECT_LT(talk.hub.bytes.size(), 5000U);
  EXPECT_GT(talk.sink.count(Kind::queue_full), 0U);
  talk.whole();
}

TEST(NetworkFault, APartitionLetsNothingThroughAndTcpGoesOnAfterwards) {
  Talk talk;
  talk.world.nemesis().apply({talk.fault(FaultKind::partition, 2s, 20s)});
  talk.until(20s);
  EXPECT_EQ(talk.hub.bytes.size(), 100U);
  EXPECT_GT(talk.sink.count(Kind::partitioned), 3U);
  talk.whole();
  EXPECT_EQ(talk.device.count("timed out"), 0U);
}

TEST(NetworkFault, AOneWayPartitionLosesOnlyTheAcknowledgements) {
  Talk talk;
  Fault fault;
  fault.kind = FaultKind::partition;
  fault.from = at(2s);
  fault.until = at(20s);
  fault.nodes = {talk.hub.id};
  fault.peers = {talk.device.id};
  fault.one_way = true;
  talk.world.nemesis().apply({fault});
  talk.until(10s);
  EXPECT_EQ(talk.hub.bytes.size(), 900U);
  EXPECT_GT(talk.world.network().unsent(talk.device.socket), 0U);
  talk.whole();
}

TEST(NetworkFault, APartialPartitionSparesOthers) {
  World world{1};
  Recorder hub, one, two;
  hub.join(world, "hub");
  one.join(world, "one");
  two.join(world, "two");
  hub.ports = {1};
  for (const NodeId node : {hub.id, one.id, two.id}) world.start(node);
  Fault fault;
  fault.kind = FaultKind::partition;
  fault.nodes = {hub.id};
  fault.peers = {one.id};
  fault.from = at(1s);
  fault.until = at(100s);
  world.nemesis().apply({fault});
  world.run_until(at(1s));
  world.network().connect(one.id, hub.id, 1);
  world.network().connect(two.id, hub.id, 1);
  world.run_until(at(50s));
  EXPECT_EQ(one.count("no answer"), 1U);
  EXPECT_EQ(two.count("connected"), 1U);
}

TEST(NetworkFault, ResetEndsBothSides) {
  Talk talk;
  talk.world.nemesis().apply({talk.fault(FaultKind::reset, 2s, 2s)});
  talk.world.run_until(at(3s));
  EXPECT_EQ(talk.hub.when("reset"), at(2s));
  EXPECT_EQ(talk.device.when("reset"), at(2s));
  EXPECT_EQ(talk.sink.count(Kind::reset), 2U);
  EXPECT_EQ(talk.world.network().connections(), 0U);
}

TEST(NetworkFault, HalfOpenSilencesOldConnectionsForEverAndNewOnesWork) {
  Talk talk;
  talk.world.nemesis().apply({talk.fault(FaultKind::half_open, 2s, 3s)});
  talk.until(3s);
  const auto before = talk.hub.bytes.size();
  talk.until(10s);
  EXPECT_EQ(talk.hub.bytes.size(), before);
  EXPECT_EQ(talk.hub.count("reset") + talk.hub.count("fin"), 0U);
  EXPECT_GT(talk.sink.count(Kind::black_holed), 2U);
  talk.connect(at(11s));
  EXPECT_EQ(talk.device.count("connected"), 2U);
  talk.say(bytes_of("new"));
  talk.world.run_until(at(200s));
  EXPECT_EQ(talk.hub.bytes.size(), before + 3);
  EXPECT_EQ(talk.device.count("timed out"), 1U);
}

TEST(NetworkFault, ALookUpThatFailsIsARefusalOfItsOwn) {
  Talk talk;
  talk.world.nemesis().apply({talk.fault(FaultKind::dns_failure, 2s, 5s)});
  talk.world.run_until(at(3s));
  talk.connect(at(4s));
  EXPECT_EQ(talk.device.count("no host"), 1U);
  EXPECT_EQ(talk.sink.count(Kind::name_not_found), 1U);
  talk.world.run_until(at(5s));
  talk.connect(at(6s));
  EXPECT_EQ(talk.device.count("connected"), 2U);
}

TEST(NetworkFault, ConnectRefusalAnswersSynWithRst) {
  Talk talk;
  talk.world.nemesis().apply({talk.fault(FaultKind::connect_refusal, 2s, 5s)});
  talk.world.run_until(at(3s));
  talk.connect(at(4s));
  EXPECT_EQ(talk.device.count("refused"), 1U);
  EXPECT_EQ(talk.sink.count(Kind::reset), 1U);
  talk.until(5s);  // the old connection is not touched
  talk.whole();
}

TEST(ProcessFault, ACrashedNodeIsSilentUntilItComesUpAnew) {
  Talk talk;
  Fault fault = talk.fault(FaultKind::crash, 2s, 10s);
  fault.nodes = {talk.hub.id};
  talk.world.nemesis().apply({fault});
  talk.until(12s);
  EXPECT_EQ(talk.hub.count("crashed"), 1U);
  EXPECT_EQ(talk.hub.count("started"), 2U);
  EXPECT_EQ(talk.world.incarnation(talk.hub.id), 2U);
  EXPECT_GT(talk.sink.count(Kind::host_silent), 0U);
  talk.world.run_until(at(60s));
  EXPECT_EQ(talk.device.count("reset"), 1U);  // the new incarnation does not know the connection
  talk.connect(at(61s));
  EXPECT_EQ(talk.device.count("connected"), 2U);
}

TEST(ProcessFault, OfAProcessThatDiesAloneTheHostLivesOnAndAnswersWithRst) {
  Talk talk;
  Fault fault = talk.fault(FaultKind::process_crash, 2s, 10s);
  fault.nodes = {talk.hub.id};
  talk.world.nemesis().apply({fault});
  talk.world.run_until(at(3s));
  EXPECT_EQ(talk.hub.count("crashed"), 1U);
  EXPECT_EQ(talk.device.count("reset"), 1U);  // at once: it need not wait for the hub to come up
  EXPECT_EQ(talk.sink.count(Kind::host_silent), 0U);
  talk.connect(at(4s));
  EXPECT_EQ(talk.device.count("refused"), 1U);
  talk.world.run_until(at(10s));
  EXPECT_EQ(talk.hub.count("started"), 2U);
  talk.connect(at(11s));
  EXPECT_EQ(talk.device.count("connected"), 2U);
}

TEST(ProcessFault, ACrashLoopGoesDownAndUpUntilItEnds) {
  Talk talk;
  Fault fault = talk.fault(FaultKind::crash_loop, 2s, 30s);
  fault.gap = Distribution::fixed(2s);
  fault.duration = Distribution::fixed(1s);
  talk.world.nemesis().apply({fault});
  talk.world.run_until(at(60s));
  EXPECT_EQ(talk.device.count("crashed"), 9U);
  EXPECT_EQ(talk.device.count("started"), 10U);
  EXPECT_TRUE(talk.world.up(talk.device.id));
}

TEST(ProcessFault, ARestartIsDownAndUpAtOnce) {
  Talk talk;
  talk.world.nemesis().apply({talk.fault(FaultKind::restart, 2s, 2s)});
  talk.world.run_until(at(2s));
  EXPECT_EQ(talk.device.count("crashed"), 1U);
  EXPECT_EQ(talk.device.when("crashed"), at(2s));
  EXPECT_EQ(talk.device.count("started"), 2U);
}

TEST(ProcessFault, APauseHoldsCallsAndRunsThemInOrder) {
  Talk talk;
  Fault fault = talk.fault(FaultKind::pause, 2s, 10s);
  fault.nodes = {talk.hub.id};
  talk.world.nemesis().apply({fault});
  talk.world.wake_at(talk.hub.id, at(4s), 7);
  talk.until(9s);
  EXPECT_EQ(talk.hub.arrivals.size(), 1U);
  EXPECT_EQ(talk.sink.count(Kind::paused), 1U);
  talk.world.run_until(at(10s));
  EXPECT_EQ(talk.hub.when("woken"), at(10s));
  EXPECT_EQ(talk.hub.arrivals.size(), 8U);
  EXPECT_EQ(talk.hub.arrivals.back().first, at(10s));
  talk.whole();
  EXPECT_EQ(talk.device.count("timed out"), 0U);
}

TEST(ProcessFault, APausedReceiverStallsASenderOfMuch) {
  Talk talk;
  Fault fault = talk.fault(FaultKind::pause, 2s, 30s);
  fault.nodes = {talk.hub.id};
  talk.world.nemesis().apply({fault});
  talk.world.run_until(at(3s));
  for (; talk.said < 600'000; talk.said += 60'000) talk.say(pattern(60'000, talk.said));
  talk.world.run_until(at(20s));
  EXPECT_GE(talk.world.network().unsent(talk.device.socket), 600'000U - 262'144U);
  talk.whole();
}

TEST(ProcessFault, ASlowProcessSpacesItsCalls) {
  Talk talk;
  Fault fault = talk.fault(FaultKind::slow, 2s, 100s);
  fault.nodes = {talk.hub.id};
  fault.amount = 700ms;
  talk.world.nemesis().apply({fault});
  talk.world.run_until(at(3s));
  for (int i = 0; i < 5; ++i, talk.said += 10) talk.say(pattern(10, talk.said));
  talk.world.run_until(at(20s));
  ASSERT_EQ(talk.hub.arrivals.size(), 5U);
  for (std::size_t i = 1; i < 5; ++i)
    EXPECT_EQ(talk.hub.arrivals[i].first - talk.hub.arrivals[i - 1].first, 700ms);
  EXPECT_EQ(talk.sink.count(Kind::slowed), 1U);
  talk.whole();
}

TEST(ProcessFault, ACrashDropsWhatWaits) {
  Talk talk;
  talk.world.pause(talk.hub.id);
  talk.world.wake_at(talk.hub.id, at(2s), 1);
  talk.until(3s);
  talk.world.crash(talk.hub.id);
  talk.world.restart(talk.hub.id);
  talk.world.wake_at(talk.hub.id, at(5s), 2);
  talk.world.run_until(at(300s));
  EXPECT_EQ(talk.hub.count("woken"), 1U);
  EXPECT_TRUE(talk.hub.bytes.empty());
}

TEST(ClockFault, ABootOffsetShows1970AndAgainAfterEachStart) {
  Talk talk;
  talk.world.nemesis().apply(
      {talk.fault(FaultKind::boot_offset, 2s, 20s), talk.fault(FaultKind::crash, 5s, 6s)});
  talk.world.run_until(at(4s));
  EXPECT_EQ(talk.world.clock(talk.device.id).wall(at(4s)), 2'000'000'000);
  talk.world.run_until(at(8s));
  EXPECT_EQ(talk.world.clock(talk.device.id).wall(at(8s)), 2'000'000'000);
  EXPECT_EQ(talk.world.clock(talk.device.id).monotonic(at(8s)), 8'000'000'000);
  talk.world.run_until(at(20s));
  EXPECT_EQ(talk.world.clock(talk.device.id).wall(at(20s)), Clock::true_wall(at(20s)));
  EXPECT_GE(talk.sink.count(Kind::clock_stepped), 2U);
}

TEST(ClockFault, AStepIsToldAndHealed) {
  Talk talk;
  Fault fault = talk.fault(FaultKind::step, 2s, 0s);
  fault.amount = -1h;
  talk.world.nemesis().apply({fault});
  talk.world.run_until(at(3s));
  EXPECT_EQ(talk.world.clock(talk.device.id).wall(at(3s)),
            Clock::true_wall(at(3s)) - 3'600'000'000'000);
  EXPECT_EQ(talk.device.count("clock"), 1U);
  talk.world.nemesis().heal();
  EXPECT_EQ(talk.world.clock(talk.device.id).wall(at(3s)), Clock::true_wall(at(3s)));
  EXPECT_GE(talk.device.count("clock"), 2U);
}

TEST(ClockFault, DriftsAddUpAndEnd) {
  Talk talk;
  Fault fault = talk.fault(FaultKind::drift, 2s, 102s);
  fault.ppm = 1000;
  talk.world.nemesis().apply({fault, fault});
  talk.world.run_until(at(102s));
  EXPECT_EQ(talk.world.clock(talk.device.id).monotonic(at(102s)), 102'200'000'000);
  EXPECT_EQ(talk.world.clock(talk.device.id).drift(), 0);
  EXPECT_EQ(talk.sink.count(Kind::drifted), 4U);
}

TEST(ClockFault, ASlewGlides) {
  Talk talk;
  Fault fault = talk.fault(FaultKind::slew, 2s, 0s);
  fault.amount = 1s;
  fault.ppm = 500;
  talk.world.nemesis().apply({fault});
  talk.world.run_until(at(3s));
  EXPECT_EQ(talk.world.clock(talk.device.id).wall(at(1002s)),
            Clock::true_wall(at(1002s)) + 500'000'000);
  EXPECT_EQ(talk.sink.count(Kind::slewed), 1U);
}

TEST(RadioFault, ASleepingRadioIsHeardOnlyWhileAwake) {
  Talk talk;
  Fault fault = talk.fault(FaultKind::sleep_cycle, 2s, 62s);
  fault.period = 20s;
  fault.awake = 2s;
  talk.world.nemesis().apply({fault});
  talk.until(61s);
  EXPECT_GT(talk.sink.count(Kind::partitioned), 5U);
  for (const auto& [when, size] : talk.hub.arrivals) {
    const auto phase = (when - at(2s)) % Duration{20s};
    if (when > at(2s) && when < at(62s)) {
      EXPECT_LT(phase, 2s + 20ms);
    }
  }
  talk.whole();
}

TEST(RadioFault, AHandOverLosesPacketsAndKeepsConnections) {
  Talk talk;
  talk.world.nemesis().apply({talk.fault(FaultKind::hand_over, 2400ms, 3s)});
  talk.until(10s);
  EXPECT_GT(talk.sink.count(Kind::partitioned), 0U);
  talk.whole();
  EXPECT_EQ(talk.world.network().connections(), 1U);
}

// Whatever it does, the trace says when a fault begins and when it ends; some are over at once.
TEST(Fault, EachIsMarkedInTheTrace) {
  for (std::size_t i = 0; i < fault_names.size(); ++i) {
    Talk talk;
    const auto kind = static_cast<FaultKind>(i);
    Fault fault = talk.fault(kind, 2s, 5s);
    fault.ppm = 100;  // a slew without a rate would never end
    talk.world.nemesis().apply({fault});
    talk.world.run_until(at(6s));
    ASSERT_EQ(talk.sink.count(Kind::fault_on), 1U) << fault_names[i];
    const bool momentary = kind == FaultKind::reset || kind == FaultKind::half_open ||
                           kind == FaultKind::restart || kind == FaultKind::bit_rot;
    ASSERT_EQ(talk.sink.count(Kind::fault_off), momentary ? 0U : 1U) << fault_names[i];
    for (const Record& record : talk.sink.records) {
      if (record.kind != Kind::fault_on && record.kind != Kind::fault_off) continue;
      EXPECT_EQ(record.time, at(record.kind == Kind::fault_on ? 2s : 5s)) << fault_names[i];
    }
  }
}

TEST(Fault, NamesGoThereAndBack) {
  for (std::size_t i = 0; i < fault_names.size(); ++i) {
    const auto kind = static_cast<FaultKind>(i);
    EXPECT_EQ(fault_kind(name(kind)), kind);
  }
  EXPECT_EQ(name(FaultKind::hand_over), "hand_over");
  EXPECT_EQ(name(FaultKind::crash), "crash");
  EXPECT_EQ(name(FaultKind::boot_offset), "boot_offset");
  EXPECT_EQ(name(FaultKind::torn_write), "torn_write");
  EXPECT_EQ(name(FaultKind::sleep_cycle), "sleep_cycle");
  EXPECT_EQ(fault_kind("fron"), std::nullopt);
}

}  // namespace
}  // namespace hubproof::sim::test
