#include "model/hub/journal.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "model/checksum.hpp"
#include "model/hub/segments.hpp"
#include "tests/model/hub_driver.hpp"

namespace hubproof::model {
namespace {

using test::HubDriver;
using test::message;

TEST(Checksum, IsTheCastagnoliOneOfTheStandards) {
  EXPECT_EQ(crc32c(view("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c(Bytes(32, 0)), 0x8a9136aau);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(Bytes(32, 0xff)), 0x62a8ab43u);
}

RC_GTEST_PROP(Checksum, GoesOnWhereItStopped, (Bytes bytes)) {
  const auto cut = *rc::gen::inRange<std::size_t>(0, bytes.size() + 1);
  const View all{bytes};
  RC_ASSERT(crc32c(all.subspan(cut), crc32c(all.first(cut))) == crc32c(all));
  RC_ASSERT(crc32c_by_tables(all.subspan(cut), crc32c(all.first(cut))) == crc32c(all));
}

TEST(Records, EveryFieldComesBack) {
  FeedbackBatch batch{7, Date{1s}, Date{2s}, 3, true, {{"m1", "d1", 4, Status::purged, Date{3s}}}};
  Measure measure;
  FeedbackBatch::fields(batch, measure);
  Bytes bytes(measure.size());
  Pen pen{bytes.data()};
  FeedbackBatch::fields(batch, pen);
  const auto back = read_record<FeedbackBatch>(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->expiry, Date{2s});
  EXPECT_TRUE(back->handed);
  ASSERT_EQ(back->records.size(), 1u);
  EXPECT_EQ(back->records[0].device, "d1");
  EXPECT_EQ(back->records[0].date, Date{3s});
  for (std::size_t n = 0; n < bytes.size(); ++n)
    EXPECT_FALSE(read_record<FeedbackBatch>(View{bytes}.first(n)));
}

TEST(Journal, ABurstSharesOneSyncAndTheNextStartsWhenItEnds) {
  HubDriver d;
  d.device("d1");
  d.hold_syncs = true;
  d.telemetry("d1", message("t1"));
  EXPECT_EQ(d.syncs.size(), 1u);
  d.telemetry("d1", message("t2"));
  d.telemetry("d1", message("t3"));
  EXPECT_EQ(d.syncs.size(), 1u);
  d.answer_syncs();
  EXPECT_EQ(d.sequences("d1").size(), 1u);
  d.perform();
  EXPECT_EQ(d.syncs.size(), 1u);
  d.answer_syncs();
  EXPECT_EQ(d.sequences("d1").size(), 3u);
  d.perform();
  EXPECT_TRUE(d.syncs.empty());
}

TEST(Journal, AFailedSyncStopsTheHub) {
  HubDriver d;
  d.device("d1");
  d.hold_syncs = true;
  const Ticket ticket = d.telemetry("d1", message("t1"));
  d.answer_syncs(false);
  d.perform();
  EXPECT_TRUE(d.halted);
  EXPECT_LT(d.hub->durable(), ticket);
  EXPECT_EQ(d.hub->deadline(), std::nullopt);
}

TEST(Journal, ASyncThatNeverEndsStopsTheHub) {
  HubDriver d;
  d.device("d1");
  d.hold_syncs = true;
  d.telemetry("d1", message("t1"));
  d.pass(d.rules.sync_patience - 1ns);
  EXPECT_FALSE(d.halted);
  d.pass(1ns);
  EXPECT_TRUE(d.halted);
}

TEST(Journal, BothCopiesMustBeDurable) {
  HubRules rules;
  rules.journal_copies = 2;
  HubDriver d{rules};
  d.device("d1");
  d.hold_syncs = true;
  const Ticket ticket = d.telemetry("d1", message("t1"));
  ASSERT_EQ(d.syncs.size(), 2u);
  d.hub->stored(d.now, ticket, true, d.effects);
  EXPECT_LT(d.hub->durable(), ticket);
  d.hub->stored(d.now, ticket, true, d.effects);
  EXPECT_EQ(d.hub->durable(), ticket);
  EXPECT_EQ(d.files.size(), 2u);
  EXPECT_EQ(d.files.begin()->second, d.files.rbegin()->second);
}

// A life of a hub in steps that each promise something, and what can be seen of it afterwards.
using Action = void (*)(HubDriver&);

void settle_first(HubDriver& d, std::string_view device, Settle how) {
  if (const auto delivery = d.deliver(device)) d.settle(device, delivery->token, how);
}

const std::vector<Action> life = {
    [](HubDriver& d) { d.device("d1"); },
    [](HubDriver& d) { d.telemetry("d1", message("t1")); },
    [](HubDriver& d) { d.enqueue("d1", message("c1", Ack::full)); },
    [](HubDriver& d) { d.enqueue("d1", message("c2", Ack::full)); },
    [](HubDriver& d) { d.device("d2"); },
    [](HubDriver& d) { settle_first(d, "d1", Settle::abandon); },
    [](HubDriver& d) { settle_first(d, "d1", Settle::complete); },
    [](HubDriver& d) { d.telemetry("d2", message("t2")); },
    [](HubDriver& d) {
      d.hub->store_session(d.now, d.hub->find("d2"), StoredSession{{{"a/#", 1}}, d.now.wall}, d.effects);
      d.flush();
    },
    [](HubDriver& d) { d.enqueue("d2", message("c3", Ack::negative, d.now.wall + 5min)); },
    [](HubDriver& d) { d.telemetry("d1", message("t3")); },
    [](HubDriver& d) { settle_first(d, "d1", Settle::reject); },
    [](HubDriver& d) { d.hub->purge(d.now, "d2", d.effects); d.flush(); },
    [](HubDriver& d) { d.hub->enable(d.now, "d2", false, d.effects); d.flush(); },
    [](HubDriver& d) { d.hub->remove(d.now, "d1", d.effects); d.flush(); },
    [](HubDriver& d) { d.device("d1"); },
    [](HubDriver& d) { d.enqueue("d1", message("c4")); },
    [](HubDriver& d) { d.telemetry("d1", message("t4")); },
};

std::string seen(HubDriver& d) {
  std::string text;
  d.pass(61s);  // locks end, batches form
  for (const auto* id : {"d1", "d2"}) {
    const DeviceIndex index = d.hub->find(id);
    if (index == DeviceIndex::none) continue;
    const DeviceInfo& info = d.hub->device(index);
    text += info.id + " generation " + std::to_string(info.generation) + (info.enabled ? "" : " off");
    if (const StoredSession* session = d.hub->session(index))
      text += " session " + session->filters.at(0).filter;
    while (const auto delivery = d.deliver(id))
      text += " command " + std::to_string(delivery->sequence) + ":" + std::to_string(delivery->count) +
              ":" + std::to_string(delivery->expiry.time_since_epoch().count());
    text += "\n";
  }
  for (std::uint32_t partition = 0; partition < d.rules.partitions; ++partition) {
    for (const auto& event : d.read(partition, 1).events)
      text += "event " + std::to_string(partition) + ":" + std::to_string(event.sequence) + ":" +
              std::to_string(event.offset) + " " + event.device + "\n";
  }
  for (Feedback batch = d.feedback(); batch.token != 0; batch = d.feedback())
    for (const auto& record : batch.records)
      text += "record " + record.original_message_id + " " + record.device + " " +
              std::to_string(record.generation) + " " + std::to_string(static_cast<int>(record.status)) + "\n";
  return text;
}

struct Life {
  explicit Life(HubRules rules = {}) {
    for (std::size_t steps = 0; steps <= life.size(); ++steps) {
      HubDriver d{rules};
      for (std::size_t i = 0; i < steps; ++i) life[i](d);
      sizes.push_back(d.files.begin()->second.size());
      files = d.files;
      now = d.now;
      states.push_back(seen(d));
    }
  }
  std::vector<std::string> states;  // after so many steps
  std::vector<std::size_t> sizes;
  std::map<FileId, Bytes> files;    // after all of them
  Now now;
};

// A hub that starts now with these files.
HubDriver started(const HubRules& rules, Now now, std::map<FileId, Bytes> files) {
  HubDriver d{rules};
  d.now = now;
  d.files = std::move(files);
  d.start();
  return d;
}

TEST(JournalRecovery, EveryCutOfTheFileGivesWhatWasPromisedUpToThere) {
  const Life whole;
  ASSERT_EQ(whole.files.size(), 1u);
  const auto& [id, bytes] = *whole.files.begin();
  std::size_t step = 0;
  for (std::size_t cut = whole.sizes[0]; cut <= bytes.size(); ++cut) {
    while (step + 1 < whole.sizes.size() && whole.sizes[step + 1] <= cut) ++step;
    Bytes left(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(cut));
    left.resize(cut + cut % 3 * 5);  // sometimes the rest of a torn write is zeros
    HubDriver d = started({}, whole.now, {{id, left}});
    const std::string state = seen(d);
    EXPECT_TRUE(state == whole.states[step] ||
                (step + 1 < whole.states.size() && state == whole.states[step + 1]))
        << "cut at " << cut << " in step " << step << "\n" << state << "instead of\n" << whole.states[step];
  }
  EXPECT_EQ(step, life.size());
}

// A hub of before wrote checkpoints of consumer groups into its journal: nobody asks for them any more.
TEST(JournalRecovery, CheckpointsOfAnOlderHubArePassedOver) {
  const Life whole;
  const auto& [id, bytes] = *whole.files.begin();
  Bytes old;
  Writer writer{old};
  writer.u32(0);
  const std::string fields = "$Default and a place";
  writer.u32(static_cast<std::uint32_t>(1 + fields.size()));
  writer.u8(static_cast<std::uint8_t>(RecordKind::checkpoint));
  writer.bytes(view(fields));
  const std::uint64_t segment = static_cast<std::uint64_t>(id) / 2;
  writer.patch_u32(0, record_checksum(segment, View{old}.subspan(4)));
  Bytes with;
  std::size_t from = 0;
  for (const std::size_t end : whole.sizes) {
    with.insert(with.end(), bytes.begin() + static_cast<std::ptrdiff_t>(from),
                bytes.begin() + static_cast<std::ptrdiff_t>(end));
    with.insert(with.end(), old.begin(), old.end());
    from = end;
  }
  HubDriver d = started({}, whole.now, {{id, with}});
  EXPECT_EQ(seen(d), whole.states.back());
  with[with.size() - 1] ^= 1;  // it is read as a record: a torn one ends the segment
  with.insert(with.end(), bytes.begin() + static_cast<std::ptrdiff_t>(whole.sizes[0]), bytes.end());
  HubDriver torn = started({}, whole.now, {{id, with}});
  EXPECT_EQ(seen(torn), whole.states.back());
}

TEST(JournalRecovery, AnyRottenByteGivesAnEarlierStateAndNoOther) {
  const Life whole;
  const auto& [id, bytes] = *whole.files.begin();
  const std::set<std::string> states(whole.states.begin(), whole.states.end());
  for (std::size_t at = whole.sizes[0]; at < bytes.size(); at += 3) {
    Bytes rotten = bytes;
    rotten[at] ^= static_cast<std::uint8_t>(1 << at % 8);
    HubDriver d = started({}, whole.now, {{id, rotten}});
    EXPECT_TRUE(states.contains(seen(d))) << "byte " << at;
  }
}

TEST(JournalRecovery, ACopyHealsTheOther) {
  HubRules rules;
  rules.journal_copies = 2;
  const Life whole{rules};
  ASSERT_EQ(whole.files.size(), 2u);
  for (std::size_t at = 0; at < whole.sizes.back(); at += 7) {
    auto files = whole.files;
    auto& copy = at % 2 == 0 ? files.begin()->second : files.rbegin()->second;
    auto& other = at % 2 == 0 ? files.rbegin()->second : files.begin()->second;
    copy[at] ^= 4;
    if (at % 3 == 0) copy.resize(at);
    else if (at > 400) other[at - 400] ^= 8;  // rotten too, but elsewhere
    HubDriver d = started(rules, whole.now, files);
    EXPECT_EQ(seen(d), whole.states.back());
    d.start();
    EXPECT_EQ(d.sequences("d1").size() + d.sequences("d2").size() > 0, true);
    ASSERT_EQ(d.files.size() % 2, 0u);
    for (auto file = d.files.begin(); file != d.files.end(); std::advance(file, 2))
      EXPECT_EQ(file->second, std::next(file)->second);
  }
}

// Both copies lack something, as after any crash that tore the end of both: what is healed is not
// durable yet, so until it is the two must stay as they are.
TEST(JournalRecovery, ACrashWhileTheCopiesHealLosesNothing) {
  HubRules rules;
  rules.journal_copies = 2;
  for (const bool torn_ends : {false, true}) {
    const Life whole{rules};
    auto files = whole.files;
    Bytes& copy = files.begin()->second;
    Bytes& other = files.rbegin()->second;
    if (torn_ends) {
      copy.insert(copy.end(), 5, 1);
      other.insert(other.end(), 9, 2);
    } else {
      copy[whole.sizes[2]] ^= 4;
      other[whole.sizes[4]] ^= 4;
    }
    HubDriver d{rules};
    d.now = whole.now;
    d.files = files;
    d.synced.clear();
    for (const auto& [id, bytes] : files) d.synced[id] = bytes.size();
    d.hold_syncs = true;
    for (int crash = 0; crash < 3; ++crash) d.crash(0);
    d.hold_syncs = false;
    d.start();
    EXPECT_EQ(seen(d), whole.states.back()) << torn_ends;
    d.start();
    EXPECT_EQ(seen(d), whole.states.back()) << torn_ends;
  }
}

TEST(JournalRecovery, WhatWasReadStaysReadableWhateverCrashesNext) {
  // The crash left an event that was never synced. Before a reader may see it, it must be durable.
  HubDriver d;
  d.device("d1");
  d.hold_syncs = true;
  d.telemetry("d1", message("t1"));
  d.start();
  EXPECT_TRUE(d.sequences("d1").empty());
  EXPECT_EQ(d.syncs.size(), 2u);  // the old file and the new one
  d.answer_syncs();
  EXPECT_EQ(d.sequences("d1").size(), 1u);
}

TEST(JournalRecovery, NumbersAreNotGivenOutTwice) {
  HubDriver d;
  d.device("d1");
  std::set<LockToken> tokens;
  std::uint64_t last_event = 0;
  std::uint64_t last_command = 0;
  for (int life_number = 0; life_number < 5; ++life_number) {
    d.telemetry("d1", message("t"));
    EXPECT_GT(d.sequences("d1").back(), last_event);
    last_event = d.sequences("d1").back();
    const Outcome sent = d.enqueue("d1", message("c"));
    EXPECT_GT(sent.done.sequence, last_command);
    last_command = sent.done.sequence;
    for (int i = 0; i < 3; ++i) {
      const auto delivery = d.deliver("d1");
      ASSERT_TRUE(delivery);
      EXPECT_TRUE(tokens.insert(delivery->token).second);
      d.settle("d1", delivery->token, Settle::abandon);
    }
    settle_first(d, "d1", Settle::complete);
    d.start();
  }
}

TEST(JournalRecovery, AMonthOfWritesAndCrashesNeedsNoMoreThanItsRetention) {
  HubRules rules;
  rules.journal_segment = 32 << 10;
  HubDriver d{rules};
  d.device("d1");
  std::size_t most_bytes = 0;
  std::size_t most_files = 0;
  for (int minute = 0; minute < 31 * 24 * 60; ++minute) {
    d.telemetry("d1", message("t"));
    for (int i = 0; i < 2; ++i) {
      d.enqueue("d1", message("c", Ack::full));
      settle_first(d, "d1", Settle::complete);
    }
    if (minute % 15 == 0) {
      const Feedback batch = d.feedback();
      d.hub->settle_feedback(d.now, batch.token, true, d.effects);
    }
    d.pass(1min);
    if (minute % 450 == 0) d.start();
    most_bytes = std::max(most_bytes, d.stored_bytes());
    most_files = std::max(most_files, d.files.size());
    if (minute > 30 * 60) {  // a day is always there
      ASSERT_LE(d.read(d.hub->partition(d.hub->find("d1")), 1, 1).events.at(0).sequence,
                static_cast<std::uint64_t>(minute - 24 * 60 + 2));
    }
  }
  const std::size_t day = 24 * 60 * (message("t").size() + 50);
  EXPECT_LT(most_bytes, 4 * day);
  EXPECT_LT(most_files, 40u);
}

TEST(JournalRecovery, ACrashLoopDoesNotPileUpFiles) {
  HubDriver d;
  d.device("d1");
  for (int i = 0; i < 300; ++i) {
    d.telemetry("d1", message("t"));
    d.start();
  }
  EXPECT_EQ(d.sequences("d1").size(), 300u);
  EXPECT_LE(d.files.size(), 3u);
}

TEST(JournalRecovery, ACrashWhileSegmentsChangeLosesNothing) {
  // Every prefix of what was handed to the disk, in the order in which it was, is a crash.
  HubRules rules;
  rules.journal_segment = 2000;
  HubDriver writer{rules};
  writer.device("d1");
  for (int i = 0; i < 40; ++i) {
    writer.telemetry("d1", message("t"));
    writer.enqueue("d1", message("c"));
    settle_first(writer, "d1", Settle::complete);
    if (i % 9 == 8) writer.start();
    // The same store, with the end of its newest file torn off.
    const auto& newest = writer.files.rbegin()->second;
    for (std::size_t torn : {std::size_t{0}, newest.size() / 2, newest.size() - 1}) {
      auto files = writer.files;
      files.rbegin()->second.resize(torn);
      HubDriver d = started(rules, writer.now, files);
      const auto events = d.sequences("d1");
      for (std::size_t n = 1; n < events.size(); ++n) ASSERT_EQ(events[n], events[n - 1] + 1);
    }
    HubDriver d = started(rules, writer.now, writer.files);
    ASSERT_EQ(d.sequences("d1").size(), static_cast<std::size_t>(i + 1));
  }
}

TEST(JournalRecovery, WrongRulesShowAfterARestart) {
  const auto events_after = [](auto&& spoil) {
    HubDriver d;
    d.device("d1");
    for (int i = 0; i < 3; ++i) d.telemetry("d1", message("t"));
    spoil(d);
    d.start();
    d.telemetry("d1", message("t"));
    return d.sequences("d1");
  };
  EXPECT_EQ(events_after([](HubDriver&) {}), (std::vector<std::uint64_t>{1, 2, 3, 4}));
  EXPECT_LT(events_after([](HubDriver& d) {
              d.rules.recovers_record = [](RecordKind kind, std::uint64_t nth) {
                return kind != RecordKind::telemetry || nth % 2 == 0;
              };
            }).size(),
            4u);
  EXPECT_EQ(events_after([](HubDriver& d) { d.rules.restores_counters = false; }).back(), 1u);
  const auto torn = [](HubDriver& d) { d.files.rbegin()->second.back() ^= 1; };
  EXPECT_EQ(events_after(torn).size(), 3u);
  EXPECT_EQ(events_after([&](HubDriver& d) {
              torn(d);
              d.rules.checks_crc = false;
            }).size(),
            4u);
}

TEST(JournalRecovery, AHubThatDoesNotWaitSaysDurableAtOnce) {
  HubDriver d;
  d.device("d1");
  d.rules.promise_waits = false;
  d.hold_syncs = true;
  EXPECT_LE(d.telemetry("d1", message("t")), d.hub->durable());
  EXPECT_TRUE(d.sequences("d1").empty());
}

}  // namespace
}  // namespace hubproof::model
