#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/device_bench.hpp"

namespace hubproof::workbench {
namespace {

using Lines = std::vector<std::string>;
namespace mqtt = model::mqtt;

DeviceSettings durable() {
  DeviceSettings settings;
  settings.durable_outbox = true;
  return settings;
}

// The numbers of the telemetry messages that it sent since the last look, as it sent them.
std::vector<int> sent(DeviceBench& bench) {
  std::vector<int> numbers;
  for (const std::string& packet : bench.said()) {
    const std::size_t at = packet.find("t3-");
    if (at != std::string::npos) numbers.push_back(std::atoi(packet.c_str() + at + 3));
  }
  return numbers;
}

void finish_syncs(DeviceBench& bench) {
  while (!bench.tickets.empty()) bench.stored(true);
}

TEST(DurableOutbox, PublishesAtOnceAndSyncsBesides) {
  DeviceBench bench{durable()};
  bench.start();
  EXPECT_EQ(bench.did(), Lines{"connect 1 0"});
  bench.go_online();
  bench.said();
  bench.submit(1);
  bench.submit(2);
  EXPECT_EQ(sent(bench), (std::vector{1, 2}));
  EXPECT_EQ(bench.tickets.size(), 1u);  // one sync at a time
  bench.stored(true);
  EXPECT_EQ(bench.tickets.size(), 1u);
  bench.stored(true);
  EXPECT_EQ(bench.tickets.size(), 0u);
}

TEST(DurableOutbox, WhatWasSyncedAndNotAcknowledgedIsSentAfterACrash) {
  DeviceBench bench{durable()};
  bench.start();
  bench.go_online();
  for (std::uint32_t n = 1; n <= 3; ++n) bench.submit(n);
  finish_syncs(bench);
  bench.submit(4);
  bench.hear(mqtt::Puback{101});
  bench.stored(true);  // covers the fourth; what is written meanwhile needs the next one
  bench.submit(5);
  bench.stored(true);  // covers the acknowledgement and the fifth
  bench.submit(6);     // its sync never ends
  bench.crash();
  bench.said();
  bench.start();
  EXPECT_EQ(bench.device->unacknowledged(), 4u);
  bench.go_online(true);
  EXPECT_EQ(sent(bench), (std::vector{1, 3, 4, 5}));
  bench.saw();
  bench.hear(mqtt::Puback{100});
  EXPECT_EQ(bench.saw("telemetry"), Lines{"telemetry ok on=1 id=100 qos=1 message=t3-1"});
}

TEST(DurableOutbox, RecoveredMessagesAreSentAsNewOnes) {
  DeviceBench bench{durable()};
  bench.start();
  bench.go_online();
  bench.submit(1);
  finish_syncs(bench);
  bench.end();
  bench.go_online(true);  // the packet in memory has its DUP bit now
  bench.crash();
  bench.said();
  bench.draws.fixed[ChanceSite::first_packet_id] = 499;
  bench.start();
  bench.go_online(true);
  EXPECT_EQ(bench.said().back(),
            "PUBLISH 500 1 0 0 'devices/d1/messages/events/%24.mid=t3-1&p=a%20b''21.5'");
}

TEST(DurableOutbox, AMemoryOutboxKeepsNothing) {
  DeviceBench bench;
  bench.start();
  bench.go_online();
  bench.submit(1);
  EXPECT_TRUE(bench.disk.empty());
  bench.crash();
  bench.start();
  EXPECT_EQ(bench.device->unacknowledged(), 0u);
}

TEST(DurableOutbox, RecoveryStartsACleanFileAndRemovesTheOldOnesAfterwards) {
  DeviceBench bench{durable()};
  bench.start();
  bench.submit(1);
  finish_syncs(bench);
  bench.crash();
  bench.start();
  EXPECT_EQ(bench.disk.size(), 2u);
  finish_syncs(bench);
  ASSERT_EQ(bench.disk.size(), 1u);
  EXPECT_EQ(bench.disk.begin()->first, 2u);
  bench.crash();
  bench.start();
  EXPECT_EQ(bench.device->unacknowledged(), 1u);
}

TEST(DurableOutbox, StaysBoundedUnderSteadyTraffic) {
  DeviceBench bench{durable()};
  bench.start();
  bench.go_online();
  std::size_t most = 0;
  for (std::uint32_t n = 0; n < 3'000; ++n) {
    bench.submit(n);
    finish_syncs(bench);
    bench.hear(mqtt::Puback{static_cast<mqtt::PacketId>(100 + n)});
    std::size_t size = 0;
    for (const auto& [id, file] : bench.disk) size += file.size();
    most = std::max(most, size);
    bench.saw();
    bench.said();
  }
  EXPECT_LE(most, 8'192u);
  EXPECT_LE(bench.disk.size(), 1u);
}

TEST(DurableOutbox, StaysBoundedWhenItIsNeverEmpty) {
  DeviceBench bench{durable()};
  bench.start();
  bench.go_online();
  std::size_t most = 0;
  bench.submit(0);
  for (std::uint32_t n = 1; n < 4'000; ++n) {
    bench.submit(n);
    finish_syncs(bench);
    bench.hear(mqtt::Puback{static_cast<mqtt::PacketId>(100 + n - 1)});
    std::size_t size = 0;
    for (const auto& [id, file] : bench.disk) size += file.size();
    most = std::max(most, size);
    bench.saw();
    bench.said();
  }
  EXPECT_LE(most, 80'000u);
}

TEST(DurableOutbox, AFailedSyncIsMadeGoodWithTheNextMessage) {
  DeviceBench bench{durable()};
  bench.start();
  bench.submit(1);
  finish_syncs(bench);
  bench.submit(2);
  bench.stored(false);
  EXPECT_TRUE(bench.tickets.empty());  // trying again at once would not help
  bench.submit(3);
  finish_syncs(bench);
  EXPECT_EQ(bench.disk.size(), 1u);
  bench.crash();
  bench.start();
  EXPECT_EQ(bench.device->unacknowledged(), 3u);
}

TEST(DurableOutbox, AFailedSyncLosesNothingThatWasDurable) {
  DeviceBench bench{durable()};
  bench.start();
  bench.submit(1);
  finish_syncs(bench);
  for (std::uint32_t n = 2; n < 6; ++n) {
    bench.submit(n);
    bench.stored(false);
  }
  EXPECT_LE(bench.disk.size(), 2u);
  bench.crash();
  bench.said();
  bench.start();
  bench.go_online();
  EXPECT_EQ(sent(bench), std::vector{1});
}

// A file of several messages, and where each record ends.
struct Stored {
  Bytes file;
  std::vector<std::size_t> ends;
};
Stored stored_messages(int count) {
  Stored stored;
  DeviceBench bench{durable()};
  bench.start();
  for (int n = 1; n <= count; ++n) {
    bench.submit(static_cast<std::uint32_t>(n));
    stored.ends.push_back(bench.disk.begin()->second.size());
  }
  stored.file = bench.disk.begin()->second;
  return stored;
}

std::vector<int> recovered(const Bytes& file) {
  DeviceBench bench{durable()};
  bench.disk[7] = file;
  bench.start();
  bench.go_online();
  return sent(bench);
}

TEST(DurableOutbox, ATornTailCostsOnlyWhatIsTorn) {
  const Stored stored = stored_messages(3);
  for (std::size_t size = 0; size <= stored.file.size(); ++size) {
    std::vector<int> whole;
    for (std::size_t i = 0; i < stored.ends.size() && stored.ends[i] <= size; ++i)
      whole.push_back(static_cast<int>(i) + 1);
    Bytes file{stored.file.begin(), stored.file.begin() + static_cast<std::ptrdiff_t>(size)};
    EXPECT_EQ(recovered(file), whole) << size;
    file.resize(stored.file.size());  // zeros where a block is lost
    EXPECT_EQ(recovered(file), whole) << size;
    file.resize(size);
    for (std::size_t i = 0; i < 40; ++i) file.push_back(static_cast<std::uint8_t>(i * 37));
    EXPECT_EQ(recovered(file), whole) << size;
  }
}

TEST(DurableOutbox, ARottenBitCostsOneRecord) {
  const Stored stored = stored_messages(3);
  for (std::size_t bit = 0; bit < stored.file.size() * 8; ++bit) {
    Bytes file = stored.file;
    file[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    std::vector<int> whole;
    for (std::size_t i = 0; i < 3; ++i) {
      const std::size_t begin = i == 0 ? 0 : stored.ends[i - 1];
      if (bit / 8 < begin || bit / 8 >= stored.ends[i]) whole.push_back(static_cast<int>(i) + 1);
    }
    EXPECT_EQ(recovered(file), whole) << bit;
  }
}

RC_GTEST_PROP(DurableOutbox, AnyFileIsRecoveredFrom, (const Bytes& file)) { recovered(file); }

// Steps in any order, a crash, and what must be there: each message that was synced and not
// acknowledged; no message that was never submitted; in the order of submission.
RC_GTEST_PROP(DurableOutbox, ACrashAtAnyTimeKeepsWhatWasSynced, ()) {
  DeviceBench bench{durable()};
  bench.start();
  bench.go_online();
  std::uint32_t submitted = 0;
  std::map<int, std::uint16_t> unacknowledged;  // id of each
  std::map<int, bool> promised;                 // a sync has ended that was asked for later
  std::vector<std::vector<int>> asked;          // what each sync under way covers
  const auto note_syncs = [&] {
    while (asked.size() < bench.tickets.size()) {
      std::vector<int> covered;
      for (const auto& [number, id] : unacknowledged) covered.push_back(number);
      asked.push_back(covered);
    }
  };
  for (int steps = *rc::gen::inRange(1, 40); steps > 0; --steps) {
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
      case 1: {
        if (unacknowledged.size() >= bench.settings.window) break;
        const int number = static_cast<int>(++submitted);
        unacknowledged[number] = static_cast<std::uint16_t>(99 + submitted);
        bench.submit(submitted);
        note_syncs();
        break;
      }
      case 2:
        if (bench.tickets.empty()) break;
        for (const int number : asked.front()) promised[number] = true;
        asked.erase(asked.begin());
        bench.stored(true);
        note_syncs();
        break;
      case 3:
        if (unacknowledged.empty()) break;
        bench.hear(mqtt::Puback{unacknowledged.begin()->second});
        unacknowledged.erase(unacknowledged.begin());
        while (asked.size() > bench.tickets.size()) asked.erase(asked.begin());
        break;
    }
  }
  bench.crash();
  bench.said();
  bench.start();
  bench.go_online();
  const std::vector<int> numbers = sent(bench);
  RC_ASSERT(std::is_sorted(numbers.begin(), numbers.end()));
  for (const int number : numbers) RC_ASSERT(number <= static_cast<int>(submitted));
  for (const auto& [number, id] : unacknowledged)
    if (promised[number])
      RC_ASSERT(std::find(numbers.begin(), numbers.end(), number) != numbers.end());
}

}  // namespace
}  // namespace hubproof::workbench
