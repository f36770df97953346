#include <gtest/gtest.h>

#include "tests/model/hub_driver.hpp"

namespace hubproof::model {
namespace {

using test::HubDriver;
using test::message;

std::vector<DeviceIndex> ready(HubDriver& d) { return d.hub->ready(); }

TEST(HubCommands, ASendIsAcceptedWhenItIsDurableAndNeverWaitsForTheDevice) {
  HubDriver d;
  d.device("d1");
  d.hold_syncs = true;
  const Outcome sent = d.enqueue("d1", message("c1"));
  EXPECT_EQ(sent.error, Error::none);
  EXPECT_EQ(sent.done.sequence, 1u);
  EXPECT_EQ(sent.done.expiry - sent.done.date, Duration{1h}.count());
  EXPECT_GT(sent.ticket, d.hub->durable());
  d.answer_syncs();
  EXPECT_LE(sent.ticket, d.hub->durable());
}

TEST(HubCommands, WhatCannotBeQueuedIsRefusedAndLeavesNoTrace) {
  HubDriver d;
  d.device("d1");
  EXPECT_EQ(d.enqueue("d2", message("c")).error, Error::device_not_found);
  const std::string large(65'536, 'x');
  EXPECT_EQ(d.enqueue("d1", message("c", Ack::none, {}, large)).error, Error::too_large);
  EXPECT_EQ(d.enqueue("d1", message("c", Ack::none, {}, large.substr(64))).error, Error::none);
  for (int i = 1; i < 50; ++i) EXPECT_EQ(d.enqueue("d1", message("c")).error, Error::none);
  EXPECT_EQ(d.enqueue("d1", message("c")).error, Error::queue_full);
  const auto locked = d.deliver("d1");  // a locked message keeps its place
  EXPECT_EQ(d.enqueue("d1", message("c")).error, Error::queue_full);
  d.settle("d1", locked->token, Settle::complete);
  EXPECT_EQ(d.enqueue("d1", message("c")).done.sequence, 51u);
}

TEST(HubCommands, ADeliveryWaitsForItsMessageToBeDurable) {
  HubDriver d;
  d.device("d1");
  d.hold_syncs = true;
  const Outcome sent = d.enqueue("d1", message("c1"));
  const auto early = d.deliver("d1");
  ASSERT_TRUE(early);
  EXPECT_EQ(early->ticket, sent.ticket);
  d.answer_syncs();
  d.pass(61s);
  const auto late = d.deliver("d1");
  EXPECT_EQ(late->ticket, Ticket::none);
  EXPECT_EQ(MessageView{late->flat}.system(System::message_id), "c1");
  EXPECT_EQ(late->message, message_key("c1"));
}

TEST(HubCommands, OnceReadyIsToldOnce) {
  HubDriver d;
  const DeviceIndex index = d.device("d1");
  d.enqueue("d1", message("c1"));
  d.enqueue("d1", message("c2"));
  EXPECT_EQ(ready(d), std::vector{index});
  EXPECT_TRUE(ready(d).empty());
  const auto first = d.deliver("d1");
  d.deliver("d1");
  d.settle("d1", first->token, Settle::abandon);
  EXPECT_EQ(ready(d), std::vector{index});
  d.deliver("d1");
  d.pass(60s);
  EXPECT_EQ(ready(d), std::vector{index});
  EXPECT_TRUE(d.hub->deliverable(index));
}

TEST(HubCommands, LockTimeOutsComeByThemselvesAndOnTime) {
  HubDriver d;
  const DeviceIndex index = d.device("d1");
  d.enqueue("d1", message("c1"));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(d.deliver("d1"));
    d.pass(60s - 1ns);
    EXPECT_FALSE(d.hub->deliverable(index));
    d.pass(1ns);
    EXPECT_TRUE(d.hub->deliverable(index));
  }
  EXPECT_LT(d.wakes, 10u);
}

TEST(HubCommands, ALockEndsWithItsConnectionButNotOneOfARequest) {
  HubDriver d;
  const DeviceIndex index = d.device("d1");
  d.enqueue("d1", message("c1"));
  const auto delivery = d.deliver("d1", Holder{5});
  d.hub->released(d.now, index, Holder{5}, d.effects);
  EXPECT_EQ(d.settle("d1", delivery->token, Settle::complete), Error::lock_lost);
  const auto of_request = d.deliver("d1", Holder::requests);
  ASSERT_TRUE(of_request);
  d.hub->released(d.now, index, Holder::requests, d.effects);
  EXPECT_FALSE(d.hub->deliverable(index));
  EXPECT_EQ(d.settle("d1", of_request->token, Settle::complete), Error::none);
}

TEST(HubCommands, ACrashReturnsWhatWasLocked) {
  HubDriver d;
  d.device("d1");
  d.enqueue("d1", message("c1"));
  const auto before = d.deliver("d1");
  d.start();
  EXPECT_EQ(ready(d), std::vector{d.hub->find("d1")});
  EXPECT_EQ(d.settle("d1", before->token, Settle::complete), Error::lock_lost);
  const auto after = d.deliver("d1");
  ASSERT_TRUE(after);
  EXPECT_EQ(after->sequence, before->sequence);
  EXPECT_EQ(after->count, 0u);
  EXPECT_EQ(after->expiry, before->expiry);
}

TEST(HubCommands, In2017ACrashCountsAsAReturn) {
  HubDriver d{profile("iot-hub-2017")->hub};
  d.device("d1");
  d.enqueue("d1", message("c1", Ack::full));
  for (std::uint32_t count = 0; count < 10; ++count) {
    const auto delivery = d.deliver("d1");
    ASSERT_TRUE(delivery);
    EXPECT_EQ(delivery->count, count);
    if (count % 3 == 0) d.pass(60s);
    else d.start();
  }
  EXPECT_FALSE(d.deliver("d1"));
  d.pass(15s);
  const Feedback batch = d.feedback();
  ASSERT_EQ(batch.records.size(), 1u);
  EXPECT_EQ(batch.records[0].status, Status::delivery_count_exceeded);
}

TEST(HubCommands, In2017ADeliveryLeavesWhenItIsDurable) {
  HubDriver d{profile("iot-hub-2017")->hub};
  d.device("d1");
  d.enqueue("d1", message("c1"));
  d.hold_syncs = true;
  const auto delivery = d.deliver("d1");
  EXPECT_GT(delivery->ticket, d.hub->durable());
  d.answer_syncs();
  EXPECT_LE(delivery->ticket, d.hub->durable());
}

TEST(HubCommands, ADisabledDeviceGetsNothingAndItsQueueAges) {
  HubDriver d;
  const DeviceIndex index = d.device("d1");
  d.enqueue("d1", message("c1"));
  d.enqueue("d1", message("c2", Ack::full, d.now.wall + 10min));
  d.hub->enable(d.now, "d1", false, d.effects);
  EXPECT_EQ(d.enqueue("d1", message("c")).error, Error::disabled);
  EXPECT_FALSE(d.deliver("d1"));
  ready(d);
  d.pass(10min);
  EXPECT_TRUE(d.hub->feedback_waits());
  d.start();
  EXPECT_FALSE(d.hub->deliverable(index));
  d.hub->enable(d.now, "d1", true, d.effects);
  EXPECT_EQ(ready(d), std::vector{index});
  EXPECT_EQ(d.deliver("d1")->sequence, 1u);
  EXPECT_FALSE(d.deliver("d1"));
}

TEST(HubCommands, APurgeTellsHowMany) {
  HubDriver d;
  d.device("d1");
  for (int i = 0; i < 5; ++i) d.enqueue("d1", message("c", Ack::negative));
  d.deliver("d1");
  const Outcome purged = d.hub->purge(d.now, "d1", d.effects);
  EXPECT_EQ(purged.done.count, 5u);
  EXPECT_EQ(d.hub->purge(d.now, "d1", d.effects).done.count, 0u);
  EXPECT_EQ(d.hub->purge(d.now, "d2", d.effects).error, Error::device_not_found);
  d.flush();
  EXPECT_EQ(d.feedback().records.size(), 5u);
}

TEST(HubCommands, ARegistrationEndsWithItsQueueAndTheNextOneIsNew) {
  HubDriver d;
  const DeviceIndex first = d.device("d1");
  const std::uint32_t generation = d.hub->device(first).generation;
  d.enqueue("d1", message("c1"));
  const auto delivery = d.deliver("d1");
  EXPECT_EQ(d.hub->create(d.now, {"d1"}, d.effects).error, Error::device_exists);
  EXPECT_EQ(d.hub->remove(d.now, "d1", d.effects).error, Error::none);
  EXPECT_EQ(d.hub->remove(d.now, "d1", d.effects).error, Error::device_not_found);
  EXPECT_FALSE(d.hub->device(first).exists);
  const DeviceIndex second = d.device("d1");
  EXPECT_NE(first, second);
  EXPECT_NE(d.hub->device(second).generation, generation);
  EXPECT_FALSE(d.deliver("d1"));
  EXPECT_EQ(d.settle("d1", delivery->token, Settle::complete), Error::lock_lost);
  EXPECT_EQ(d.hub->settle(d.now, first, delivery->token, Settle::complete, d.effects).error,
            Error::lock_lost);
  d.hub->released(d.now, first, Holder{1}, d.effects);
  EXPECT_EQ(d.enqueue("d1", message("c2")).done.sequence, 1u);
}

TEST(HubCommands, IdsAreCheckedWhenTheyAreRegistered) {
  HubDriver d;
  EXPECT_EQ(d.hub->create(d.now, {""}, d.effects).error, Error::bad_request);
  EXPECT_EQ(d.hub->create(d.now, {std::string(129, 'd')}, d.effects).error, Error::bad_request);
  EXPECT_EQ(d.hub->create(d.now, {std::string(128, 'd')}, d.effects).error, Error::none);
  EXPECT_EQ(d.hub->create(d.now, {"Aa0-.+%_#*?!(),=@$'"}, d.effects).error, Error::none);  // MSG-22
  for (const char* wrong : {"a b", "a/b", "a;b", "a\nb", "a&b", "\xc3\xa4", "a\"b"})
    EXPECT_EQ(d.hub->create(d.now, {wrong}, d.effects).error, Error::bad_request) << wrong;
}

TEST(HubCommands, ASessionIsKeptUntilItEnds) {
  HubDriver d;
  const DeviceIndex index = d.device("d1");
  EXPECT_EQ(d.hub->session(index), nullptr);
  const Ticket ticket = d.hub->store_session(
      d.now, index, StoredSession{{{"devices/d1/messages/devicebound/#", 1}}, d.now.wall}, d.effects);
  EXPECT_GT(ticket, d.hub->durable());
  d.flush();
  d.start();
  const StoredSession* session = d.hub->session(d.hub->find("d1"));
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->filters.at(0).filter, "devices/d1/messages/devicebound/#");
  EXPECT_EQ(session->subscribed, d.now.wall);
  d.hub->store_session(d.now, d.hub->find("d1"), std::nullopt, d.effects);
  d.flush();
  d.start();
  EXPECT_EQ(d.hub->session(d.hub->find("d1")), nullptr);
}

TEST(HubCommands, WrongRulesShowInTheQueue) {
  HubDriver d;
  d.rules.queue_full = [](std::size_t count, std::uint32_t limit) { return count > limit; };
  d.rules.recreated_is_new = false;
  d.rules.deletion_ends_queue = false;
  d.rules.alters_command_every = 51;
  const DeviceIndex index = d.device("d1");
  for (int i = 0; i < 51; ++i) EXPECT_EQ(d.enqueue("d1", message("c")).error, Error::none);
  EXPECT_EQ(d.enqueue("d1", message("c")).error, Error::queue_full);
  d.hub->remove(d.now, "d1", d.effects);
  EXPECT_EQ(d.device("d1"), index);
  ASSERT_TRUE(d.deliver("d1"));
  d.rules.ready_after_recovery = false;
  d.start();
  EXPECT_FALSE(d.hub->deliverable(d.hub->find("d1")));
  d.pass(1min);
  EXPECT_FALSE(d.deliver("d1"));
}

TEST(HubCommands, AHundredThousandIdleDevicesFit) {
  HubDriver d;
  for (int i = 0; i < 100'000; ++i) d.hub->create(d.now, {"device-" + std::to_string(i)}, d.effects);
  d.flush();
  d.start();
  EXPECT_EQ(d.hub->devices(), 100'000u);
  EXPECT_NE(d.hub->find("device-99999"), DeviceIndex::none);
  EXPECT_EQ(d.hub->deadline(), std::nullopt);
}

}  // namespace
}  // namespace hubproof::model
