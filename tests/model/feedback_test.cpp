#include "model/hub/feedback.hpp"

#include <gtest/gtest.h>

#include "tests/model/hub_driver.hpp"

namespace hubproof::model {
namespace {

using test::HubDriver;
using test::message;

// Sends a command, delivers and completes it.
void finish(HubDriver& d, std::string_view device, std::string_view id, Ack ack = Ack::full) {
  d.enqueue(device, message(id, ack));
  const auto delivery = d.deliver(device);
  ASSERT_TRUE(delivery);
  ASSERT_EQ(d.settle(device, delivery->token, Settle::complete), Error::none);
}

TEST(FeedbackStream, ARecordTellsWhatBecameOfAMessage) {
  HubDriver d;
  d.device("d1");
  finish(d, "d1", "c1");
  const Feedback batch = d.feedback();
  ASSERT_EQ(batch.records.size(), 1u);
  EXPECT_EQ(batch.records[0].original_message_id, "c1");
  EXPECT_EQ(batch.records[0].device, "d1");
  EXPECT_EQ(batch.records[0].generation, d.hub->device(d.hub->find("d1")).generation);
  EXPECT_EQ(batch.records[0].status, Status::success);
  EXPECT_EQ(batch.records[0].date, batch.created);
}

TEST(FeedbackStream, RecordsAreMadeOnlyWhereTheyWereAskedFor) {
  HubDriver d;
  d.device("d1");
  const auto outcome = [&](Ack ack, Settle how) {
    d.enqueue("d1", message("c", ack));
    d.settle("d1", d.deliver("d1")->token, how);
    d.pass(15s);
    const Feedback batch = d.feedback();
    if (batch.token != 0) d.hub->settle_feedback(d.now, batch.token, true, d.effects);
    return batch.records.size();
  };
  EXPECT_EQ(outcome(Ack::none, Settle::complete), 0u);
  EXPECT_EQ(outcome(Ack::positive, Settle::complete), 1u);
  EXPECT_EQ(outcome(Ack::negative, Settle::complete), 0u);
  EXPECT_EQ(outcome(Ack::full, Settle::complete), 1u);
  EXPECT_EQ(outcome(Ack::none, Settle::reject), 0u);
  EXPECT_EQ(outcome(Ack::positive, Settle::reject), 0u);
  EXPECT_EQ(outcome(Ack::negative, Settle::reject), 1u);
  EXPECT_EQ(outcome(Ack::full, Settle::reject), 1u);
}

TEST(FeedbackStream, ABatchLeavesFifteenSecondsAfterTheOneBefore) {
  HubDriver d;
  d.device("d1");
  finish(d, "d1", "c1");
  const std::int64_t first = d.feedback().created;
  d.pass(1s);
  finish(d, "d1", "c2");
  finish(d, "d1", "c3");
  EXPECT_FALSE(d.hub->feedback_waits());
  d.pass(14s - 1ms);
  EXPECT_FALSE(d.hub->feedback_waits());
  d.pass(1ms);
  EXPECT_TRUE(d.hub->feedback_waits());
  const Feedback second = d.feedback();
  EXPECT_EQ(second.records.size(), 2u);
  EXPECT_EQ(second.created - first, Duration{15s}.count());
}

TEST(FeedbackStream, SixtyFourRecordsLeaveAtOnce) {
  HubDriver d;
  for (const auto* id : {"d1", "d2"}) {
    d.device(id);
    for (int i = 0; i < 50; ++i) d.enqueue(id, message("c", Ack::full));
  }
  finish(d, "d1", "c", Ack::none);  // the 51st was refused; one of the fifty is done
  d.feedback();
  for (const auto* id : {"d1", "d2"}) {
    d.hub->purge(d.now, id, d.effects);
    d.flush();
  }
  const Feedback batch = d.feedback();
  EXPECT_EQ(batch.records.size(), 64u);
  EXPECT_EQ(batch.records[0].status, Status::purged);
  EXPECT_FALSE(d.hub->feedback_waits());
  d.pass(15s);
  EXPECT_EQ(d.feedback().records.size(), 99u - 64u);
}

TEST(FeedbackStream, ABatchLivesLikeAMessage) {
  HubDriver d;
  d.device("d1");
  finish(d, "d1", "c1");
  const Feedback first = d.feedback();
  EXPECT_EQ(d.feedback().token, 0u);  // locked
  d.pass(60s);
  const Feedback second = d.feedback();  // the lock timed out
  EXPECT_EQ(second.created, first.created);
  EXPECT_EQ(second.count, 0u);
  EXPECT_EQ(d.hub->settle_feedback(d.now, first.token, true, d.effects).error, Error::lock_lost);
  EXPECT_EQ(d.hub->settle_feedback(d.now, second.token, false, d.effects).error, Error::none);
  d.flush();
  const Feedback third = d.feedback();
  EXPECT_EQ(third.count, 1u);
  EXPECT_EQ(d.hub->settle_feedback(d.now, third.token, true, d.effects).error, Error::none);
  d.flush();
  d.start();
  EXPECT_FALSE(d.hub->feedback_waits());
}

TEST(FeedbackStream, TheTenthAbandonIsTheLast) {
  HubDriver d;
  d.device("d1");
  finish(d, "d1", "c1");
  int deliveries = 0;
  for (Feedback batch = d.feedback(); batch.token != 0; batch = d.feedback()) {
    ++deliveries;
    d.hub->settle_feedback(d.now, batch.token, false, d.effects);
    d.flush();
  }
  EXPECT_EQ(deliveries, 10);
}

TEST(FeedbackStream, ABatchExpires) {
  HubDriver d;
  d.device("d1");
  finish(d, "d1", "c1");
  d.pass(1h - 1ms);
  EXPECT_TRUE(d.hub->feedback_waits());
  d.pass(1ms);
  EXPECT_FALSE(d.hub->feedback_waits());
}

TEST(FeedbackStream, BatchesAndRecordsSurviveARestart) {
  HubDriver d;
  d.device("d1");
  finish(d, "d1", "c1");
  finish(d, "d1", "c2");  // waits for the next batch
  d.start();
  EXPECT_TRUE(d.hub->feedback_waits());
  const Feedback first = d.feedback();
  ASSERT_EQ(first.records.size(), 1u);
  EXPECT_EQ(first.records[0].original_message_id, "c1");
  d.pass(15s);
  const Feedback second = d.feedback();
  ASSERT_EQ(second.records.size(), 1u);
  EXPECT_EQ(second.records[0].original_message_id, "c2");
  EXPECT_LE(second.created - first.created, Duration{15s}.count());
  EXPECT_NE(first.token, second.token);
}

TEST(FeedbackStream, OfADeletedDeviceNothingIsTold) {
  HubDriver d;
  d.device("d1");
  d.device("d2");
  finish(d, "d1", "c1");  // a batch of its own
  finish(d, "d1", "c2");
  finish(d, "d2", "c3");
  d.hub->remove(d.now, "d1", d.effects);
  d.device("d1");  // again
  d.pass(15s);
  const Feedback batch = d.feedback();
  ASSERT_EQ(batch.records.size(), 1u);
  EXPECT_EQ(batch.records[0].original_message_id, "c3");
  EXPECT_FALSE(d.hub->feedback_waits());
}

TEST(FeedbackStream, NothingIsToldBeforeItIsDurable) {
  HubDriver d;
  d.device("d1");
  d.enqueue("d1", message("c1", Ack::full));
  const auto delivery = d.deliver("d1");
  d.hold_syncs = true;
  d.settle("d1", delivery->token, Settle::complete);
  EXPECT_FALSE(d.hub->feedback_waits());
  EXPECT_EQ(d.feedback().token, 0u);
  d.answer_syncs();
  EXPECT_TRUE(d.hub->feedback_waits());
}

// Where each delivery that comes back counts, a crash is a return too: the batch leaves only when its
// hand-over is on the disk, or the count would miss one.
TEST(FeedbackStream, ABatchLeavesOnceACrashWouldCountAsItsReturn) {
  HubRules rules = profile("iot-hub-2017")->hub;
  HubDriver d{rules};
  d.device("d1");
  finish(d, "d1", "c1");
  d.hold_syncs = true;
  Feedback batch;
  const auto ticket = d.hub->receive_feedback(d.now, batch, d.effects);
  d.flush();
  ASSERT_TRUE(ticket);
  EXPECT_EQ(batch.count, 0u);
  EXPECT_GT(*ticket, d.hub->durable());
  d.answer_syncs();
  EXPECT_LE(*ticket, d.hub->durable());
  d.hold_syncs = false;
  d.crash(0);
  EXPECT_EQ(d.feedback().count, 1u);
}

TEST(FeedbackStream, WrongRulesShowInTheRecords) {
  HubDriver d;
  d.device("d1");
  d.rules.records_per_outcome = 2;
  d.rules.reported = [](Status) { return Status::expired; };
  d.rules.keeps_record = [](std::uint64_t nth) { return nth != 2; };
  finish(d, "d1", "c1");
  EXPECT_EQ(d.feedback().records.size(), 2u);
  finish(d, "d1", "c2");
  finish(d, "d1", "c3");
  d.pass(15s);
  const Feedback batch = d.feedback();
  ASSERT_EQ(batch.records.size(), 2u);
  EXPECT_EQ(batch.records[0].original_message_id, "c3");
  EXPECT_EQ(batch.records[0].status, Status::expired);
}

}  // namespace
}  // namespace hubproof::model
