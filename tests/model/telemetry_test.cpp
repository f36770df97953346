#include "model/hub/telemetry.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/model/hub_driver.hpp"

namespace hubproof::model {
namespace {

using test::message;

struct TelemetryLogs : testing::Test {
  HubRules rules;
  TelemetryLog log{rules};
  Now now{Instant{1s}, Date{Duration{1'700'000'000'000'000'000}}};

  void append(std::uint32_t partition, std::string_view id = "t") {
    log.append(now, partition, now.wall, DeviceIndex{0}, message(id), false);
  }
  void sync() {
    log.syncing();
    log.synced();
  }
  std::vector<std::uint64_t> read(std::uint32_t partition, std::uint64_t from = 1) {
    std::vector<std::uint64_t> seen;
    log.read(partition, from, [&](const TelemetryLog::Entry& entry, View) {
      seen.push_back(entry.sequence);
      return true;
    });
    return seen;
  }
  void pass(Duration time) { now = {now.mono + time, now.wall + time}; }
};

TEST_F(TelemetryLogs, WhatIsNotDurableIsNotReadable) {
  append(0);
  EXPECT_TRUE(read(0).empty());
  log.syncing();
  append(0);
  EXPECT_TRUE(read(0).empty());
  log.synced();
  EXPECT_EQ(read(0), std::vector<std::uint64_t>{1});
  sync();
  EXPECT_EQ(read(0), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(TelemetryLogs, NumbersAndOffsetsIncreaseInEachPartition) {
  std::uint64_t before = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto& entry = log.append(now, 1, now.wall, DeviceIndex{0}, message("t"), false);
    EXPECT_TRUE(i == 0 || entry.offset > before + 1);
    before = entry.offset;
    EXPECT_EQ(entry.sequence, static_cast<std::uint64_t>(i + 1));
  }
  sync();
  EXPECT_EQ(read(1).size(), 1000u);
  EXPECT_EQ(read(1, 999), (std::vector<std::uint64_t>{999, 1000}));
  EXPECT_TRUE(read(1, 1001).empty());
  EXPECT_TRUE(read(0).empty());
}

TEST_F(TelemetryLogs, RetentionDropsWhatIsOldAndNothingYounger) {
  for (int hour = 0; hour < 60; ++hour) {
    append(0);
    sync();
    log.drop_old(now);
    const auto seen = read(0);
    const auto oldest_owed = static_cast<std::uint64_t>(std::max(1, hour - 22));  // hour + 1 - 23
    EXPECT_LE(seen.front(), oldest_owed);
    EXPECT_EQ(seen.back(), static_cast<std::uint64_t>(hour + 1));
    EXPECT_LE(seen.size(), 30u);
    pass(1h);
  }
}

TEST_F(TelemetryLogs, AJumpOfTheWallClockDeletesNothing) {
  append(0);
  sync();
  now.wall += 48h;
  log.drop_old(now);
  EXPECT_EQ(read(0).size(), 1u);
  now.mono += 24h;
  log.drop_old(now);
  EXPECT_TRUE(read(0).empty());
  append(0);
  sync();
  EXPECT_EQ(read(0), std::vector<std::uint64_t>{2});
}

TEST_F(TelemetryLogs, AMessageLargerThanAChunkIsWhole) {
  const Bytes large = message("t", Ack::none, std::nullopt, std::string(200'000, 'x'));
  append(0);
  log.append(now, 0, now.wall, DeviceIndex{0}, large, false);
  append(0);
  sync();
  std::size_t sizes = 0;
  log.read(0, 1, [&](const TelemetryLog::Entry&, View flat) {
    sizes += flat.size();
    return true;
  });
  EXPECT_EQ(sizes, large.size() + 2 * message("t").size());
}

RC_GTEST_PROP(TelemetryLogProperty, ReadingFromAnywhereGivesTheRest, ()) {
  const HubRules rules;
  TelemetryLog log{rules};
  const auto sizes = *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(1, 40'000));
  for (const std::size_t size : sizes)
    log.append({}, 0, {}, DeviceIndex{0}, Bytes(size, std::uint8_t(size)), false);
  log.syncing();
  log.synced();
  const auto from = *rc::gen::inRange<std::size_t>(0, sizes.size() + 2);
  std::size_t next = from == 0 ? 0 : from - 1;
  log.read(0, from, [&](const TelemetryLog::Entry& entry, View flat) {
    RC_ASSERT(entry.sequence == next + 1);
    RC_ASSERT(flat.size() == sizes[next]);
    RC_ASSERT(flat.back() == std::uint8_t(sizes[next]));
    ++next;
    return true;
  });
  RC_ASSERT(next == std::max(sizes.size(), next));
}

using test::HubDriver;

TEST(HubTelemetry, EventsCarryTheirDevice) {
  HubDriver d;
  d.device("d1");
  const std::uint32_t partition = d.hub->partition(d.hub->find("d1"));
  for (int i = 1; i <= 5; ++i) d.telemetry("d1", message("t" + std::to_string(i)));
  const Telemetry all = d.read(partition, 1);
  ASSERT_EQ(all.events.size(), 5u);
  EXPECT_EQ(all.events[0].device, "d1");
  EXPECT_EQ(all.events[0].generation, d.hub->device(d.hub->find("d1")).generation);
  EXPECT_EQ(all.events[4].message, message("t5"));

  EXPECT_EQ(d.read(partition, 4).events.front().sequence, 4u);
  EXPECT_TRUE(d.read(partition, 6).events.empty());
  EXPECT_EQ(d.read(partition, 0, 2).events.size(), 2u);
}

TEST(HubTelemetry, AnEventIsReadableWhenItsTicketIsDurable) {
  HubDriver d;
  d.device("d1");
  d.hold_syncs = true;
  const Ticket first = d.telemetry("d1", message("t1"));
  const Ticket second = d.telemetry("d1", message("t2"));
  EXPECT_LT(first, second);
  EXPECT_TRUE(d.sequences("d1").empty());
  EXPECT_LT(d.hub->durable(), first);
  d.answer_syncs();
  EXPECT_EQ(d.hub->durable(), first);
  EXPECT_EQ(d.sequences("d1").size(), 1u);
  d.perform();
  d.answer_syncs();
  EXPECT_EQ(d.hub->durable(), second);
  EXPECT_EQ(d.sequences("d1").size(), 2u);
}

TEST(HubTelemetry, ADeviceKeepsItsPartitionAndDevicesSpread) {
  HubDriver d;
  std::vector<int> used(d.rules.partitions);
  for (int i = 0; i < 100; ++i) {
    const std::string id = "d" + std::to_string(i);
    d.device(id);
    const std::uint32_t partition = d.hub->partition(d.hub->find(id));
    ++used[partition];
    d.telemetry(id, message("t1"));
    EXPECT_EQ(d.hub->partition(d.hub->find(id)), partition);
  }
  for (const int count : used) EXPECT_GT(count, 10);
}

TEST(HubTelemetry, EventsOfADeletedDeviceStayAndKeepItsName) {
  HubDriver d;
  d.device("d1");
  const std::uint32_t partition = d.hub->partition(d.hub->find("d1"));
  const std::uint32_t generation = d.hub->device(d.hub->find("d1")).generation;
  d.telemetry("d1", message("t1"));
  d.hub->remove(d.now, "d1", d.effects);
  d.flush();
  d.start();
  ASSERT_EQ(d.read(partition, 1).events.size(), 1u);
  EXPECT_EQ(d.read(partition, 1).events[0].device, "d1");
  EXPECT_EQ(d.read(partition, 1).events[0].generation, generation);
  EXPECT_EQ(d.hub->find("d1"), DeviceIndex::none);
  d.device("d1");
  EXPECT_NE(d.hub->device(d.hub->find("d1")).generation, generation);
}

TEST(HubTelemetry, WrongRulesShowInTheLog) {
  HubDriver d;
  d.rules.alters_telemetry_every = 2;
  d.rules.shows_event = [](std::uint64_t sequence) { return sequence != 1; };
  d.device("d1");
  for (int i = 0; i < 2; ++i) d.telemetry("d1", message("t"));
  const Telemetry seen = d.read(d.hub->partition(d.hub->find("d1")), 1);
  ASSERT_EQ(seen.events.size(), 1u);
  EXPECT_NE(seen.events[0].message, message("t"));
}

}  // namespace
}  // namespace hubproof::model
