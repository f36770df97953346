#include <gtest/gtest.h>

#include "tests/model/hub_driver.hpp"

namespace hubproof::model {
namespace {

using test::HubDriver;
using test::message;

TEST(HubTime, TheSendersExpiryIsKeptAndTheDefaultIsTheHubs) {
  HubDriver d;
  d.device("d1");
  const Date expiry = d.now.wall + 10min;
  d.enqueue("d1", message("c1", Ack::none, expiry));
  d.enqueue("d1", message("c2"));
  const auto first = d.deliver("d1");
  EXPECT_EQ(first->sender_expiry, expiry);
  EXPECT_EQ(first->expiry, expiry);
  const auto second = d.deliver("d1");
  EXPECT_EQ(second->sender_expiry, std::nullopt);
  EXPECT_EQ(second->expiry, second->enqueued + 1h);
}

TEST(HubTime, AnExpiryInThePastOrTooFarIsAnsweredAsTheSwitchSays) {
  const auto send = [](InvalidExpiry rule, Duration from_now) {
    HubRules rules;
    rules.invalid_expiry = rule;
    HubDriver d{rules};
    d.device("d1");
    const Outcome sent = d.enqueue("d1", message("c", Ack::full, d.now.wall + from_now));
    if (sent.error != Error::none) return std::string{error_text(sent.error)};
    d.pass(1ms);
    if (d.hub->feedback_waits()) return std::string{"expired"};
    return std::to_string((sent.done.expiry - sent.done.date) / Duration{1h}.count()) + " h";
  };
  const std::string refused = error_text(Error::invalid_expiry);
  EXPECT_EQ(send(InvalidExpiry::refuse, -1s), refused);
  EXPECT_EQ(send(InvalidExpiry::refuse, 0s), refused);
  EXPECT_EQ(send(InvalidExpiry::refuse, 48h), "48 h");
  EXPECT_EQ(send(InvalidExpiry::refuse, 48h + 1ms), refused);
  EXPECT_EQ(send(InvalidExpiry::accept_and_expire, -1s), "expired");
  EXPECT_EQ(send(InvalidExpiry::accept_and_expire, 72h), "48 h");
  EXPECT_EQ(send(InvalidExpiry::cap, -1s), refused);
  EXPECT_EQ(send(InvalidExpiry::cap, 72h), "48 h");
}

TEST(HubTime, ExpiryIsByDateAndComesByItself) {
  HubDriver d;
  d.device("d1");
  d.enqueue("d1", message("c1", Ack::full, d.now.wall + 10min));
  d.pass(10min - 1ms);
  EXPECT_TRUE(d.hub->deliverable(d.hub->find("d1")));
  d.pass(1ms);
  EXPECT_FALSE(d.hub->deliverable(d.hub->find("d1")));
  const Feedback batch = d.feedback();
  ASSERT_EQ(batch.records.size(), 1u);
  EXPECT_EQ(batch.records[0].status, Status::expired);
  EXPECT_EQ(batch.records[0].date, d.now.wall.time_since_epoch().count());
}

TEST(HubTime, NothingIsDeliveredAtItsExpiryEvenIfNobodyWokeTheHub) {
  HubDriver d;
  d.device("d1");
  d.enqueue("d1", message("c1", Ack::none, d.now.wall + 10s));
  d.now = {d.now.mono + 10s, d.now.wall + 10s};
  EXPECT_FALSE(d.deliver("d1"));
}

TEST(HubTime, AnExpiryWinsOverALockThatEndsWithIt) {
  HubDriver d;
  d.device("d1");
  d.enqueue("d1", message("c1", Ack::full, d.now.wall + 60s));
  const auto delivery = d.deliver("d1");
  d.pass(60s);
  EXPECT_EQ(d.settle("d1", delivery->token, Settle::complete), Error::lock_lost);
  ASSERT_EQ(d.feedback().records.at(0).status, Status::expired);
}

TEST(HubTime, AStepOfTheWallClockMovesExpiriesButNotLocks) {
  HubDriver d;
  const DeviceIndex index = d.device("d1");
  d.enqueue("d1", message("c1", Ack::none, d.now.wall + 10min));
  d.enqueue("d1", message("c2", Ack::none, d.now.wall + 40min));
  d.deliver("d1");
  const auto second = d.deliver("d1");
  d.now.wall += 30min;
  d.hub->woken(d.now, d.effects);
  d.perform();
  EXPECT_EQ(d.settle("d1", second->token, Settle::abandon), Error::none);
  EXPECT_EQ(d.deliver("d1")->sequence, 2u);
  d.now.wall -= 60min;
  d.hub->woken(d.now, d.effects);
  d.pass(60s);
  EXPECT_TRUE(d.hub->deliverable(index));
  d.pass(40min + 30min);
  EXPECT_FALSE(d.hub->deliverable(index));
}

TEST(HubTime, StampsFollowTheWallClockInWholeTicks) {
  HubDriver d;
  d.device("d1");
  d.now.wall += 123'456ns;
  d.telemetry("d1", message("t1"));
  d.now.wall -= 1h;
  d.telemetry("d1", message("t2"));
  const auto events = d.read(d.hub->partition(d.hub->find("d1")), 1).events;
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].enqueued % 1'000'000, 0);
  EXPECT_LT(events[1].enqueued, events[0].enqueued);
  EXPECT_GT(events[1].sequence, events[0].sequence);
}

TEST(HubTime, ADayAheadDeletesNothingWhileTheHubLives) {
  HubDriver d;
  d.device("d1");
  d.telemetry("d1", message("t1"));
  d.now.wall += 48h;
  d.hub->woken(d.now, d.effects);
  d.pass(23h);
  EXPECT_EQ(d.sequences("d1").size(), 1u);
  d.pass(4h);
  EXPECT_TRUE(d.sequences("d1").empty());
}

TEST(HubTime, AfterARestartTheWallClockSaysHowOldEventsAre) {
  HubDriver d;
  d.device("d1");
  d.telemetry("d1", message("t1"));
  d.pass(20h);
  d.telemetry("d1", message("t2"));
  d.now.mono = Instant{5s};  // another boot
  d.now.wall += 3h;
  d.start();
  EXPECT_EQ(d.sequences("d1").size(), 2u);
  d.pass(6h);
  EXPECT_EQ(d.sequences("d1").size(), 1u);
  d.now.wall -= 8h;  // events from the future are as good as new
  d.start();
  d.pass(23h);
  EXPECT_EQ(d.sequences("d1").size(), 1u);
}

TEST(HubTime, TheHubSleepsWhenNothingIsDue) {
  HubDriver d;
  d.device("d1");
  EXPECT_EQ(d.hub->deadline(), std::nullopt);
  d.enqueue("d1", message("c1"));
  EXPECT_EQ(d.hub->deadline(), d.now.mono + 1h);
  const auto delivery = d.deliver("d1");
  EXPECT_EQ(d.hub->deadline(), d.now.mono + 60s);
  d.settle("d1", delivery->token, Settle::complete);
  d.pass(2h);
  EXPECT_LE(d.wakes, 2u);
  EXPECT_EQ(d.hub->deadline(), std::nullopt);
}

TEST(HubTime, AlarmsOfFinishedMessagesDoNotPileUp) {
  HubDriver d;
  d.device("d1");
  for (int i = 0; i < 20'000; ++i) {
    d.enqueue("d1", message("c"));
    const auto delivery = d.deliver("d1");
    d.settle("d1", delivery->token, Settle::complete);
    d.pass(10ms);
  }
  d.wakes = 0;
  d.pass(2h);
  EXPECT_LT(d.wakes, 1000u);
}

TEST(HubTime, ALockThatNeverEndsDoesNotKeepTheHubAwake) {
  HubDriver d;
  d.device("d1");
  d.rules.lock_ended = [](Instant, Instant) { return false; };
  d.rules.expired = [](Date, Date) { return false; };
  d.enqueue("d1", message("c1", Ack::full));
  d.deliver("d1");
  d.pass(24h);
  EXPECT_FALSE(d.hub->deliverable(d.hub->find("d1")));
  EXPECT_LT(d.wakes, 100u);
}

TEST(HubTime, WrongClocksShowInExpiries) {
  HubDriver d;
  d.device("d1");
  d.rules.default_expiry = [](Date enqueued, Duration ttl, const MessageView&) {
    return enqueued + 2 * ttl;
  };
  EXPECT_EQ(d.enqueue("d1", message("c1")).done.expiry - d.now.wall.time_since_epoch().count(),
            Duration{2h}.count());
  d.rules.expiry_clock = [](Now now, Date enqueued, Instant since) { return enqueued + (now.mono - since); };
  d.now.wall += 5h;
  d.hub->woken(d.now, d.effects);
  EXPECT_TRUE(d.deliver("d1"));
  d.rules.checks_expiry_on_delivery = false;
  d.rules.expiry_scan = 1h;
  d.enqueue("d1", message("c2", Ack::none, d.now.wall + 10s));
  d.now.mono += 30s;
  d.now.wall += 30s;
  EXPECT_TRUE(d.deliver("d1"));
}

}  // namespace
}  // namespace hubproof::model
