#include "sim/disk.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "tests/sim/recorder.hpp"

namespace hubproof::sim::test {
namespace {

struct One {
  World world;
  Sink sink;
  Recorder node;

  explicit One(std::uint64_t seed = 1) : world{seed} {
    world.trace().sink(&sink);
    node.join(world, "node");
    world.start(node.id);
  }
  Disk& disk() { return world.disk(node.id); }
  std::vector<std::uint8_t> read(std::uint64_t file) {
    const View view = disk().read(file);
    return {view.begin(), view.end()};
  }
  void fault(FaultKind kind, Duration from, Duration until, Ratio odds = {}) {
    Fault fault;
    fault.kind = kind;
    fault.from = at(from);
    fault.until = at(until);
    fault.nodes = {node.id};
    fault.odds = odds;
    fault.duration = Distribution::fixed(2s);
    world.nemesis().apply({fault});
  }
};

TEST(Disk, ANewFileHoldsNothingOfOneThatWasRemoved) {
  One one;
  const std::vector<std::uint8_t> old(1000, 7);
  const std::vector<std::uint8_t> fresh{1, 2, 3};
  ASSERT_TRUE(one.disk().append(1, old));
  one.disk().remove(1);
  ASSERT_TRUE(one.disk().append(2, fresh));
  EXPECT_EQ(one.read(2), fresh);
  EXPECT_EQ(one.disk().used(), fresh.size());
  ASSERT_TRUE(one.disk().append(1, fresh));
  EXPECT_EQ(one.read(1), fresh);
  EXPECT_EQ(one.read(2), fresh);
}

TEST(Disk, KeepsFilesInOrderAndCountsWhatTheyHold) {
  One one;
  EXPECT_TRUE(one.disk().append(7, pattern(100)));
  EXPECT_TRUE(one.disk().append(3, pattern(10)));
  EXPECT_TRUE(one.disk().append(7, pattern(100, 100)));
  EXPECT_EQ(one.disk().files(), (std::vector<std::uint64_t>{3, 7}));
  EXPECT_EQ(one.read(7), pattern(200));
  EXPECT_EQ(one.disk().used(), 210U);
  one.disk().remove(7);
  EXPECT_EQ(one.disk().used(), 10U);
}

TEST(Disk, SyncsAreAnsweredInTheOrderAsked) {
  One one;
  for (std::uint64_t i = 0; i < 50; ++i) {
    one.disk().append(i % 3, pattern(10));
    one.disk().sync(i % 3, i);
  }
  one.world.run_until(at(1s));
  std::uint64_t next = 0;
  for (const auto& heard : one.node.heard)
    if (heard.what == "synced") {
      EXPECT_EQ(heard.word, next++);
    }
  EXPECT_EQ(next, 50U);
}

TEST(Disk, AFullDiskRefusesAndKeepsWhatItHas) {
  One one;
  one.disk().settings({.capacity = 150});
  EXPECT_TRUE(one.disk().append(1, pattern(100)));
  EXPECT_FALSE(one.disk().append(1, pattern(100)));
  EXPECT_EQ(one.read(1).size(), 100U);
  EXPECT_EQ(one.sink.count(Kind::append_refused), 1U);
}

TEST(Disk, ACrashDropsTheAnswersThatWereOnTheirWay) {
  One one;
  one.disk().append(1, pattern(10));
  one.disk().sync(1, 5);
  one.world.crash(one.node.id);
  one.world.restart(one.node.id);
  one.world.run_until(at(1s));
  EXPECT_EQ(one.node.count("synced"), 0U);
}

TEST(Disk, AProcessThatDiesAloneLosesNothingThatItWrote) {
  One one;
  one.disk().append(1, pattern(5000));
  one.world.crash_process(one.node.id);
  one.world.restart(one.node.id);
  EXPECT_EQ(one.read(1), pattern(5000));
}

TEST(Disk, ARemovedFileIsNotSyncedByTheSyncOfItsNamesake) {
  One one;
  one.disk().append(1, pattern(4000));
  one.disk().sync(1, 1);
  one.disk().remove(1);
  one.disk().append(1, pattern(3000));
  one.world.run_until(at(1s));
  bool lost = false;
  for (int i = 0; i < 20 && !lost; ++i) {
    one.world.crash(one.node.id);
    lost = one.read(1) != pattern(3000);
    one.world.restart(one.node.id);
    one.disk().remove(1);
    one.disk().append(1, pattern(3000));
  }
  EXPECT_TRUE(lost);
}

RC_GTEST_PROP(Disk, WhatACrashLeavesIsLegal, ()) {
  One one{*rc::gen::arbitrary<std::uint64_t>()};
  const bool torn = *rc::gen::arbitrary<bool>();
  if (torn) one.fault(FaultKind::torn_write, 0s, 100s);
  one.world.run_until(at(1ms));
  std::vector<std::uint8_t> all;
  std::size_t synced = 0, asked = 0;
  bool named = false;
  for (const auto size : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 2000))) {
    if (size % 5 == 0) {
      one.disk().sync(9, asked++);
      one.world.run_until(one.world.now() + 1ms);
      synced = all.size();
      named = named || !all.empty();
    } else {
      const auto bytes =
          pattern(static_cast<std::size_t>(size), static_cast<std::uint32_t>(all.size()));
      one.disk().append(9, bytes);
      all.insert(all.end(), bytes.begin(), bytes.end());
    }
  }
  one.world.crash(one.node.id);
  one.world.restart(one.node.id);
  const auto left = one.read(9);
  RC_ASSERT(left.size() >= synced);
  RC_ASSERT(left.size() <= all.size());
  RC_ASSERT(
      std::equal(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(synced), left.begin()));
  std::size_t strange = 0;
  for (std::size_t from = synced; from < left.size();) {
    const std::size_t to = std::min((from / Disk::block + 1) * Disk::block, left.size());
    bool kept = true, zero = true;
    for (std::size_t i = from; i < to; ++i) {
      kept = kept && left[i] == all[i];
      zero = zero && left[i] == 0;
    }
    if (!kept && !zero) ++strange;
    from = to;
  }
  RC_ASSERT(strange <= (torn ? 1U : 0U));
  RC_ASSERT(one.disk().used() == left.size());
  // What was read after a crash is on the disk: another crash takes nothing more.
  one.world.crash(one.node.id);
  RC_ASSERT(one.read(9) == left);
}

TEST(Disk, AllThatACrashMayDoToABlockDoesHappen) {
  bool shorter = false, hole = false, whole = false;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    One one{seed};
    one.disk().append(1, pattern(1600));
    one.world.crash(one.node.id);
    const auto left = one.read(1);
    whole = whole || left == pattern(1600);
    shorter = shorter || left.size() < 1600;
    const auto all = pattern(1600);
    if (left.size() == 1600 && left != all) hole = true;
  }
  EXPECT_TRUE(shorter && hole && whole);
}

TEST(DiskFault, ATornWriteLeavesGarbage) {
  std::size_t torn = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    One one{seed};
    one.fault(FaultKind::torn_write, 1s, 100s);
    one.world.run_until(at(2s));
    one.disk().append(1, pattern(1600));
    one.world.crash(one.node.id);
    torn += one.sink.count(Kind::torn);
  }
  EXPECT_GT(torn, 5U);
}

TEST(DiskFault, ASyncErrorIsToldAndTheBytesAreNotDurable) {
  One one;
  one.fault(FaultKind::sync_error, 1s, 2s, {1, 1});
  one.world.run_until(at(1s));
  one.disk().append(1, pattern(10));
  one.disk().sync(1, 1);
  one.world.run_until(at(3s));
  EXPECT_EQ(one.node.count("sync failed"), 1U);
  EXPECT_EQ(one.sink.count(Kind::sync_failed), 1U);
  one.disk().sync(1, 2);
  one.world.run_until(at(4s));
  EXPECT_EQ(one.node.count("synced"), 1U);
}

TEST(DiskFault, AFullDiskHasRoomAgainAfterwards) {
  One one;
  one.fault(FaultKind::disk_full, 1s, 2s);
  one.world.run_until(at(1s));
  EXPECT_FALSE(one.disk().append(1, pattern(1)));
  one.world.run_until(at(2s));
  EXPECT_TRUE(one.disk().append(1, pattern(1)));
  EXPECT_EQ(one.sink.count(Kind::append_refused), 1U);
}

TEST(DiskFault, ASlowDiskAnswersLate) {
  One one;
  one.fault(FaultKind::slow_disk, 1s, 2s);
  one.world.run_until(at(1s));
  one.disk().append(1, pattern(1));
  one.disk().sync(1, 1);
  one.world.run_until(at(10s));
  EXPECT_GE(one.node.when("synced"), at(3s));
  EXPECT_EQ(one.sink.count(Kind::sync_delayed), 1U);
}

TEST(DiskFault, ADiskThatNeverAnswersDoesSoOnceItsFaultEnds) {
  One one;
  one.fault(FaultKind::never_answers, 1s, 50s);
  one.world.run_until(at(1s));
  one.disk().append(1, pattern(1));
  one.disk().sync(1, 1);
  one.disk().sync(1, 2);
  one.world.run_until(at(49s));
  EXPECT_EQ(one.node.count("synced"), 0U);
  EXPECT_EQ(one.sink.count(Kind::sync_held), 2U);
  one.world.run_until(at(51s));
  EXPECT_EQ(one.node.count("synced"), 2U);
}

TEST(DiskFault, BitRotFlipsOneBitOfAFileOfItsClass) {
  One one;
  one.disk().append(0x100, pattern(1000));
  one.disk().append(0x200, pattern(1000));
  Fault rot;
  rot.kind = FaultKind::bit_rot;
  rot.from = at(1s);
  rot.nodes = {one.node.id};
  rot.file_mask = 0xf00;
  rot.file_value = 0x200;
  one.world.nemesis().apply({rot});
  one.world.run_until(at(2s));
  EXPECT_EQ(one.read(0x100), pattern(1000));
  int bits = 0;
  const auto left = one.read(0x200), was = pattern(1000);
  for (std::size_t i = 0; i < 1000; ++i)
    bits += std::popcount(static_cast<unsigned>(left[i] ^ was[i]));
  EXPECT_EQ(bits, 1);
  EXPECT_EQ(one.sink.count(Kind::bit_rotted), 1U);
}

// The premise of a hub with two copies of its journal. From seed 306 of rotten-disk by guided, which kept the hub down
// while first one copy rotted and then the other.
TEST(DiskFault, BitRotSparesTheOtherCopyUntilTheRottenOneIsReplaced) {
  One one;
  one.disk().append(2, pattern(1000));
  one.disk().append(3, pattern(1000));
  one.disk().rot(1, 0);
  EXPECT_NE(one.read(2), pattern(1000));
  one.disk().rot(1, 1);
  EXPECT_EQ(one.read(3), pattern(1000));
  one.disk().rot(1, 0);
  EXPECT_EQ(one.sink.count(Kind::bit_rotted), 2U);
  one.disk().remove(2);
  one.disk().append(2, pattern(1000));
  one.disk().rot(1, 1);
  EXPECT_NE(one.read(3), pattern(1000));
  one.disk().rot(0, 0);  // a mask that tells nothing apart
  EXPECT_EQ(one.sink.count(Kind::bit_rotted), 4U);
}

}  // namespace
}  // namespace hubproof::sim::test
