#include "tests/support/history_builder.hpp"

namespace hubproof::tests {
namespace {

using model::Error;
using model::Packet;
using model::Status;

// ---- INV-07

Story small_queue() {
  Story story;
  story.history.terms.queue_limit = 3;
  for (std::uint32_t n = 1; n <= 3; ++n) story.at(std::chrono::seconds{n}).command_waits(n);
  return story;
}

TEST(QueueIsLimited, AFullQueuePasses) {
  EXPECT_EQ(small_queue().verdict("INV-07"), Verdict::pass);
}

TEST(QueueIsLimited, OneMoreFails) {
  Story story = small_queue();
  story.at(4s).command_waits(4);
  EXPECT_EQ(story.verdict("INV-07"), Verdict::fail);
}

// As AMQP answers: it tells no expiry, and what its sender gave none has the default one.
TEST(QueueIsLimited, OneMoreFailsWithoutAnExpiryToo) {
  const auto verdict = [](std::chrono::nanoseconds step, std::chrono::nanoseconds last) {
    Story story;
    story.history.terms.queue_limit = 3;
    for (std::uint32_t n = 1; n <= 4; ++n) {
      if (n == 4 && step != 0s) story.at(last - 1s).clock(Story::hub, step);
      story.at(n == 4 ? last : 1s).asks(n);
      story.stored(n);
    }
    return story.verdict("INV-07");
  };
  EXPECT_EQ(verdict(0s, 4s), Verdict::fail);
  EXPECT_EQ(verdict(1s, 4s), Verdict::fail) << "by its clock they had hardly begun";
  EXPECT_EQ(verdict(0s, 61min), Verdict::pass) << "they may have expired";
  EXPECT_EQ(verdict(1h, 4s), Verdict::pass) << "a clock that was set may have expired them";
}

TEST(QueueIsLimited, AClockThatWasWrongBeforeAllCameIsNoExcuse) {
  Story story;
  story.history.terms.queue_limit = 3;
  story.at(1s).clock(Story::hub, -2h);
  story.at(2s).clock(Story::hub, 0s);
  for (std::uint32_t n = 1; n <= 4; ++n) {
    story.at(10s).asks(n);
    story.stored(n);
  }
  EXPECT_EQ(story.verdict("INV-07"), Verdict::fail);
}

// The hub dates what comes by the tick that has begun.
TEST(QueueIsLimited, ALifeTimeBeginsWithTheTickBefore) {
  const auto verdict = [](std::chrono::nanoseconds last) {
    Story story;
    story.history.terms.queue_limit = 3;
    story.history.terms.default_ttl_ns = Story::ns(10s);
    story.history.terms.tick_ns = Story::ns(1s);
    for (std::uint32_t n = 1; n <= 4; ++n) {
      story.at(n == 4 ? last : 1900ms).asks(n);
      story.stored(n);
    }
    return story.verdict("INV-07");
  };
  EXPECT_EQ(verdict(11200ms), Verdict::pass);
  EXPECT_EQ(verdict(10700ms), Verdict::fail);
}

// A hub that cuts long life times holds them no longer than it says, whatever their sender asked for.
TEST(QueueIsLimited, WhatWasCutMakesRoomEarlier) {
  const auto alarm = [](std::chrono::nanoseconds longest, std::chrono::nanoseconds last) {
    Story story;
    story.history.terms.queue_limit = 3;
    story.history.terms.longest_ttl_ns = longest.count();
    for (std::uint32_t n = 1; n <= 4; ++n) {
      story.at(n == 4 ? last : 1s).asks(n).expiry = Story::date(1h);
      story.stored(n);
    }
    return !story.alarm().empty();
  };
  EXPECT_TRUE(alarm(0s, 62s));
  EXPECT_TRUE(alarm(60s, 60s));
  EXPECT_FALSE(alarm(60s, 62s));
  EXPECT_TRUE(alarm(2h, 62s)) << "nobody asked for so long";
}

TEST(QueueIsLimited, ARefusalWhenTheDefaultLifeTimesAreOverFails) {
  const auto verdict = [](std::chrono::nanoseconds last) {
    Story story;
    story.history.terms.queue_limit = 3;
    story.history.terms.default_ttl_ns = Story::ns(60s);
    for (std::uint32_t n = 1; n <= 3; ++n) {
      story.at(1s).asks(n);
      story.stored(n);
    }
    story.at(last).asks(4);
    story.refused(4, Error::queue_full);
    return story.verdict("INV-07");
  };
  EXPECT_EQ(verdict(60s), Verdict::pass);
  EXPECT_EQ(verdict(62s), Verdict::fail);
}

// On its way, or before anybody knew it: nobody can tell when the commands came by the hub's clock.
TEST(QueueIsLimited, ALifeTimeByAClockThatWasSetMeanwhileIsNotKnown) {
  for (const bool meanwhile : {true, false}) {
    Story story;
    story.history.terms.queue_limit = 3;
    story.history.terms.default_ttl_ns = Story::ns(60s);
    story.at(1s).clock(Story::hub, -2h);
    for (std::uint32_t n = 1; n <= 3; ++n) story.at(2s).asks(n);
    if (meanwhile) story.at(3s).clock(Story::hub, 0s);
    for (std::uint32_t n = 1; n <= 3; ++n) story.at(4s).stored(n);
    if (!meanwhile) story.at(5s).clock(Story::hub, 0s);
    story.at(70s).asks(4);
    story.refused(4, Error::queue_full);
    EXPECT_EQ(story.verdict("INV-07"), meanwhile ? Verdict::pass : Verdict::fail);
  }
}

TEST(QueueIsLimited, AFewAreNotExercised) {
  Story story;
  story.command_waits(1);
  EXPECT_EQ(story.verdict("INV-07"), Verdict::not_exercised);
}

TEST(QueueIsLimited, ARefusalOfAFullQueuePasses) {
  Story story = small_queue();
  story.at(4s).asks(4);
  story.refused(4, Error::queue_full);
  EXPECT_EQ(story.alarm(), "");
  EXPECT_EQ(story.finding("INV-07").passed, 2u);
}

TEST(QueueIsLimited, ARefusalWithRoomFails) {
  Story story;
  story.history.terms.queue_limit = 3;
  story.command_waits(1);
  story.at(4s).asks(4);
  story.refused(4, Error::queue_full);
  EXPECT_EQ(story.verdict("INV-07"), Verdict::fail);
}

TEST(QueueIsLimited, ARefusalWithRoomOfAForeignHubIsUndecided) {
  Story story;
  story.history.terms.queue_limit = 3;
  story.history.terms.hub_observed = false;
  story.at(4s).asks(4);
  story.refused(4, Error::queue_full);
  EXPECT_EQ(story.verdict("INV-07"), Verdict::inconclusive);
}

TEST(QueueIsLimited, WhateverMayHaveFreedAPlaceIsNoAlarm) {
  for (const int how : {0, 1, 2, 3, 4, 5}) {
    Story story = small_queue();
    story.at(4s).delivers(1, 10);
    if (how == 0) story.settled(What::complete, Phase::ok, 1, 10);
    if (how == 1) story.settles(What::complete, Phase::invoke, 1, 10);  // the answer is on its way
    if (how == 2) story.settled(What::reject, Phase::info, 1, 10);
    if (how == 3) story.registry(What::purge, Phase::invoke);
    if (how == 4) story.registry(What::delete_device, Phase::invoke);
    if (how == 5) story.at(2h);
    story.command_waits(4);
    EXPECT_EQ(story.alarm(), "") << how;
  }
}

TEST(QueueIsLimited, AnAbandonedMessageStaysInTheQueue) {
  Story story = small_queue();
  story.at(4s).delivers(1, 10);
  story.settled(What::abandon, Phase::ok, 1, 10);
  story.command_waits(4);
  EXPECT_EQ(story.verdict("INV-07"), Verdict::fail);
}

TEST(QueueIsLimited, ASendWithoutAnAnswerMayOrMayNotBeThere) {
  Story story;
  story.history.terms.queue_limit = 3;
  for (std::uint32_t n = 1; n <= 2; ++n) story.command_waits(n);
  story.asks(3);
  story.add(Story::s1, What::command, Phase::info).message = Story::command(3);
  story.command_waits(4);
  story.asks(5);
  story.refused(5, Error::queue_full);
  EXPECT_EQ(story.alarm(), "");
}

// ---- INV-08

Story redelivered() {
  Story story;
  story.command_waits(1);
  story.at(1s).delivers(1, 10);
  story.at(62s).delivers(1, 11);
  return story;
}

TEST(OneLiveToken, AnOldTokenThatIsRefusedPasses) {
  Story story = redelivered();
  story.at(63s).settled(What::complete, Phase::fail, 1, 10);
  EXPECT_EQ(story.alarm(), "");
  EXPECT_EQ(story.verdict("INV-08"), Verdict::pass);
}

TEST(OneLiveToken, AnOldTokenThatSettlesFails) {
  Story story = redelivered();
  story.at(63s).settled(What::complete, Phase::ok, 1, 10);
  EXPECT_EQ(story.verdict("INV-08"), Verdict::fail);
  EXPECT_EQ(story.verdict("INV-12"), Verdict::not_exercised);
}

TEST(OneLiveToken, TheNewTokenAloneIsNotExercised) {
  Story story = redelivered();
  story.at(63s).settled(What::complete, Phase::ok, 1, 11);
  EXPECT_EQ(story.verdict("INV-08"), Verdict::not_exercised);
}

TEST(OneLiveToken, AnOldTokenWithoutAnAnswerIsUndecided) {
  Story story = redelivered();
  story.at(63s).settled(What::complete, Phase::info, 1, 10);
  EXPECT_EQ(story.verdict("INV-08"), Verdict::inconclusive);
}

TEST(OneLiveToken, ASettlingAskedForBeforeTheRedeliveryIsNoAlarm) {
  Story story;
  story.command_waits(1);
  story.at(1s).delivers(1, 10);
  story.at(60s).settles(What::complete, Phase::invoke, 1, 10);
  story.at(60500ms).settles(What::complete, Phase::ok, 1, 10);
  EXPECT_EQ(story.alarm(), "");
}

Story over_mqtt() {
  Story story;
  story.command_waits(1);
  story.hub_accepts(5);
  story.subscribes(5);
  story.at(1s).hub_publishes(1, 5, 1);
  return story;
}

TEST(OneLiveToken, APubackOfAReplacedDeliveryThatCompletesFails) {
  Story story = over_mqtt();
  story.at(62s).hub_publishes(1, 5, 2);
  story.at(63s).device_completes(1, 5, 1);
  story.hub_hears(Packet::puback, 5, 1);
  story.at(64s).reported(1, Status::success);
  EXPECT_EQ(story.verdict("INV-08"), Verdict::fail);
}

TEST(OneLiveToken, APubackOfAReplacedDeliveryAndOneOfTheNewIsNoAlarm) {
  Story story = over_mqtt();
  story.at(62s).hub_publishes(1, 5, 2);
  story.at(63s).device_completes(1, 5, 1);
  story.hub_hears(Packet::puback, 5, 1);
  story.device_completes(1, 5, 2);
  story.hub_hears(Packet::puback, 5, 2);
  story.at(64s).reported(1, Status::success);
  EXPECT_EQ(story.alarm(), "");
}

// ---- INV-09

TEST(OneFinalState, ACompletionAndItsRecordPass) {
  Story story;
  story.command_waits(1);
  story.at(1s).delivers(1, 10);
  story.settled(What::complete, Phase::ok, 1, 10);
  story.at(2s).reported(1, Status::success);
  EXPECT_EQ(story.alarm(), "");
  EXPECT_EQ(story.verdict("INV-09"), Verdict::pass);
}

TEST(OneFinalState, ACompletedMessageThatIsReportedAsExpiredFails) {
  Story story;
  story.command_waits(1, 60s);
  story.at(1s).delivers(1, 10);
  story.settled(What::complete, Phase::ok, 1, 10);
  story.at(62s).reported(1, Status::expired);
  EXPECT_EQ(story.verdict("INV-09"), Verdict::fail);
}

TEST(OneFinalState, CompletedAndRejectedFails) {
  Story story;
  story.command_waits(1);
  story.at(1s).delivers(1, 10);
  story.settled(What::complete, Phase::ok, 1, 10);
  story.at(2s).settled(What::reject, Phase::ok, 1, 10);
  EXPECT_EQ(story.verdict("INV-09"), Verdict::fail);
}

TEST(OneFinalState, ACompletionAfterItsExpiryFails) {
  Story story;
  story.command_waits(1, 30s);
  story.at(1s).delivers(1, 10);
  story.at(40s).settled(What::complete, Phase::ok, 1, 10);
  EXPECT_EQ(story.verdict("INV-09"), Verdict::fail);
}

TEST(OneFinalState, AMessageThatExpiresLongAfterItsTimeFails) {
  Story story;
  story.at(1s).command_waits(1, 30s);
  story.at(35s).hub_does_something();
  story.at(42s).reported(1, Status::expired);
  EXPECT_EQ(story.verdict("INV-09"), Verdict::fail);
}

// Nobody told an expiry: the default one is known from when it came.
TEST(OneFinalState, TheDefaultLifeTimeEndsToo) {
  for (const bool late : {true, false}) {
    Story story;
    story.history.terms.default_ttl_ns = Story::ns(30s);
    story.at(1s).asks(1);
    story.at(2s).stored(1);
    story.at(33s).hub_does_something();
    story.at(late ? 42s : 33500ms).reported(1, Status::expired);
    EXPECT_EQ(story.verdict("INV-09"), late ? Verdict::fail : Verdict::pass);
  }
  for (const bool late : {true, false}) {
    Story story;
    story.history.terms.default_ttl_ns = Story::ns(30s);
    story.at(1s).asks(1);
    story.at(2s).stored(1);
    story.at(3s).delivers(1, 10);
    story.at(late ? 33s : 31s).settled(What::complete, Phase::ok, 1, 10);
    EXPECT_EQ(story.verdict("INV-09"), late ? Verdict::fail : Verdict::pass);
  }
}

TEST(OneFinalState, AHubThatWasStoppedMayBeLate) {
  Story story;
  story.at(1s).command_waits(1, 30s);
  story.at(10s).fault();
  story.at(41s).reported(1, Status::expired);
  EXPECT_EQ(story.alarm(), "");
}

TEST(OneFinalState, ACompletionAfterAPurgeFails) {
  Story story;
  story.command_waits(1);
  story.at(1s).delivers(1, 10);
  story.at(2s).registry(What::purge, Phase::invoke);
  story.at(3s).registry(What::purge, Phase::ok).count = 1;
  story.at(4s).settled(What::complete, Phase::ok, 1, 10);
  EXPECT_EQ(story.verdict("INV-09"), Verdict::fail);
}

TEST(OneFinalState, ACompletionThatRacedAPurgeIsNoAlarm) {
  Story story;
  story.command_waits(1);
  story.at(1s).delivers(1, 10);
  story.at(2s).registry(What::purge, Phase::invoke);
  story.settles(What::complete, Phase::invoke, 1, 10);
  story.at(3s).registry(What::purge, Phase::ok).count = 0;
  story.at(4s).settles(What::complete, Phase::ok, 1, 10);
  story.at(5s).reported(1, Status::success);
  EXPECT_EQ(story.alarm(), "");
}

TEST(OneFinalState, AMessageThatWaitsIsNotExercised) {
  Story story;
  story.command_waits(1);
  EXPECT_EQ(story.verdict("INV-09"), Verdict::not_exercised);
}

// ---- INV-10

TEST(NoDeliveryAfterEnd, ADeliveryInTimePasses) {
  Story story;
  story.command_waits(1, 60s);
  story.at(10s).delivers(1, 10);
  EXPECT_EQ(story.verdict("INV-10"), Verdict::pass);
}

TEST(NoDeliveryAfterEnd, ADeliveryAfterExpiryFails) {
  Story story;
  story.command_waits(1, 60s);
  story.at(61s).delivers(1, 10);
  EXPECT_EQ(story.verdict("INV-10"), Verdict::fail);
}

TEST(NoDeliveryAfterEnd, TheHubsOwnClockDecides) {
  Story story;
  story.command_waits(1, 60s);
  story.at(5s).clock(Story::hub, -30s);
  story.at(70s).delivers(1, 10);
  EXPECT_EQ(story.verdict("INV-10"), Verdict::pass);
  story = {};
  story.command_waits(1, 60s);
  story.at(5s).clock(Story::hub, 58s);
  story.at(10s).delivers(1, 10);
  EXPECT_EQ(story.verdict("INV-10"), Verdict::fail);
}

TEST(NoDeliveryAfterEnd, ADeliveryThatMayHaveWaitedForTheDiskIsUndecided) {
  Story story;
  story.at(1s).asks(1);
  Event& left = story.at(12s).hands_over(1, 10);
  left.expiry = Story::date(11s);
  story.accepted(1, -1s);
  EXPECT_EQ(story.verdict("INV-10"), Verdict::inconclusive);
}

TEST(NoDeliveryAfterEnd, ADeliveryAfterACompletionFails) {
  Story story;
  story.command_waits(1);
  story.at(1s).delivers(1, 10);
  story.settled(What::complete, Phase::ok, 1, 10);
  story.at(70s).delivers(1, 11);
  EXPECT_EQ(story.verdict("INV-10"), Verdict::fail);
}

TEST(NoDeliveryAfterEnd, ADeliveryAfterAPurgeFails) {
  Story story;
  story.command_waits(1);
  story.at(2s).registry(What::purge, Phase::invoke);
  story.at(3s).registry(What::purge, Phase::ok).count = 1;
  story.at(4s).delivers(1, 10);
  EXPECT_EQ(story.verdict("INV-10"), Verdict::fail);
}

TEST(NoDeliveryAfterEnd, ARedeliveryAfterItsPubackFails) {
  Story story = over_mqtt();
  story.at(2s).hub_hears(Packet::puback, 5, 1);
  story.at(3s).hub_ends(5);
  story.at(4s).hub_accepts(6, model::flag_session_present);
  story.hub_publishes(1, 6, 1);
  EXPECT_EQ(story.verdict("INV-10"), Verdict::fail);
}

TEST(NoDeliveryAfterEnd, ACrashMayForgetAPuback) {
  Story story = over_mqtt();
  story.at(2s).hub_hears(Packet::puback, 5, 1);
  story.at(3s).crashed(Story::hub);
  story.at(4s).started(Story::hub);
  story.at(5s).hub_accepts(6, model::flag_session_present);
  story.hub_publishes(1, 6, 1);
  EXPECT_EQ(story.alarm(), "");
}

TEST(NoDeliveryAfterEnd, APubackOutOfOrderMayBeIgnored) {
  Story story = over_mqtt();
  story.command_waits(2);
  story.hub_publishes(2, 5, 2);
  story.at(2s).hub_hears(Packet::puback, 5, 2);
  story.at(3s).hub_ends(5);
  story.at(4s).hub_accepts(6, model::flag_session_present);
  story.hub_publishes(2, 6, 1);
  EXPECT_EQ(story.alarm(), "");
}

TEST(NoDeliveryAfterEnd, NoDeliveryIsNotExercised) {
  Story story;
  story.command_waits(1);
  EXPECT_EQ(story.verdict("INV-10"), Verdict::not_exercised);
}

TEST(NoDeliveryAfterEnd, AnEndIsRememberedForever) {
  Story story;
  for (std::uint32_t n = 1; n <= 20'000; ++n) {
    story.at(std::chrono::milliseconds{n}).command_waits(n);
    story.delivers(n, n);
    story.settled(What::complete, Phase::ok, n, n);
  }
  EXPECT_EQ(story.alarm(), "");
  story.at(30s).delivers(7, 99'999);
  EXPECT_EQ(story.alarm().substr(0, 6), "INV-10");
}

// ---- INV-11

TEST(RedeliveryHasCause, ALockThatRanOutIsOne) {
  EXPECT_EQ(redelivered().verdict("INV-11"), Verdict::pass);
}

TEST(RedeliveryHasCause, NoneFails) {
  Story story;
  story.command_waits(1);
  story.at(1s).delivers(1, 10);
  story.at(31s).delivers(1, 11);
  EXPECT_EQ(story.verdict("INV-11"), Verdict::fail);
  EXPECT_NE(story.verdict("INV-08"), Verdict::fail);
  EXPECT_NE(story.verdict("INV-12"), Verdict::fail);
}

TEST(RedeliveryHasCause, OneDeliveryIsNotExercised) {
  Story story;
  story.command_waits(1);
  story.at(1s).delivers(1, 10);
  EXPECT_EQ(story.verdict("INV-11"), Verdict::not_exercised);
}

TEST(RedeliveryHasCause, AnAbandonIsOneAndARefusedAbandonIsNot) {
  for (const bool good : {true, false}) {
    Story story;
    story.command_waits(1);
    story.at(1s).delivers(1, 10);
    story.at(2s).settled(What::abandon, good ? Phase::ok : Phase::fail, 1, 10);
    story.at(3s).delivers(1, 11, good ? 1 : 0);
    EXPECT_EQ(story.verdict("INV-11"), good ? Verdict::pass : Verdict::fail);
  }
}

TEST(RedeliveryHasCause, ALostConnectionIsOne) {
  Story story = over_mqtt();
  story.at(3s).hub_ends(5);
  story.at(4s).hub_accepts(6, model::flag_session_present);
  story.hub_publishes(1, 6, 1);
  EXPECT_EQ(story.alarm(), "");
  EXPECT_EQ(story.verdict("INV-11"), Verdict::pass);
}

TEST(RedeliveryHasCause, ARestartOfTheHubIsOne) {
  Story story;
  story.command_waits(1);
  story.at(1s).delivers(1, 10);
  story.at(2s).crashed(Story::hub);
  story.at(3s).started(Story::hub);
  story.at(4s).delivers(1, 11);
  EXPECT_EQ(story.alarm(), "");
}

TEST(RedeliveryHasCause, ALockMayHaveBegunLongBeforeItsDeliveryLeft) {
  Story story;
  story.at(1s).asks(1);
  story.at(25s).hands_over(1, 10);  // the disk was slow
  story.accepted(1);
  story.at(62s).hands_over(1, 11);
  EXPECT_EQ(story.alarm(), "");
}

// ---- INV-12

Story lapsed() {
  Story story;
  story.command_waits(1);
  story.at(1s).delivers(1, 10);
  return story;
}

TEST(DeadTokenDoesNothing, ARefusalAfterTheLockPasses) {
  Story story = lapsed();
  story.at(70s).settled(What::complete, Phase::fail, 1, 10);
  EXPECT_EQ(story.verdict("INV-12"), Verdict::pass);
}

TEST(DeadTokenDoesNothing, ASuccessAfterTheLockFails) {
  Story story = lapsed();
  story.at(70s).settled(What::complete, Phase::ok, 1, 10);
  EXPECT_EQ(story.verdict("INV-12"), Verdict::fail);
  EXPECT_NE(story.verdict("INV-08"), Verdict::fail);
  EXPECT_NE(story.verdict("INV-11"), Verdict::fail);
}

TEST(DeadTokenDoesNothing, ARefusalThatHadItsEffectFails) {
  Story story = lapsed();
  story.at(70s).settled(What::complete, Phase::fail, 1, 10);
  story.at(71s).reported(1, Status::success);
  EXPECT_EQ(story.verdict("INV-12"), Verdict::fail);
}

TEST(DeadTokenDoesNothing, ALatePubackThatCompletesFails) {
  Story story = over_mqtt();
  story.at(63s).device_completes(1, 5, 1);
  story.hub_hears(Packet::puback, 5, 1);
  story.at(64s).reported(1, Status::success);
  EXPECT_EQ(story.verdict("INV-12"), Verdict::fail);
}

TEST(DeadTokenDoesNothing, AtTheEdgeEitherIsLegal) {
  for (const Phase phase : {Phase::ok, Phase::fail}) {
    Story story = lapsed();
    story.at(61s).settled(What::complete, phase, 1, 10);
    EXPECT_EQ(story.alarm(), "");
  }
}

TEST(DeadTokenDoesNothing, ASettlingInTimeIsNotExercised) {
  Story story = lapsed();
  story.at(2s).settled(What::complete, Phase::ok, 1, 10);
  EXPECT_EQ(story.verdict("INV-12"), Verdict::not_exercised);
}

// ---- INV-13

TEST(DeliveryCount, AbandonsCountAndTimeOutsDoNot) {
  Story story;
  story.command_waits(1);
  story.at(1s).delivers(1, 10, 0);
  story.settled(What::abandon, Phase::ok, 1, 10);
  story.at(2s).delivers(1, 11, 1);
  story.at(70s).delivers(1, 12, 1);
  EXPECT_EQ(story.alarm(), "");
  EXPECT_EQ(story.verdict("INV-13"), Verdict::pass);
}

TEST(DeliveryCount, ATimeOutThatCountsFails) {
  Story story;
  story.command_waits(1);
  story.at(1s).delivers(1, 10, 0);
  story.at(70s).delivers(1, 11, 1);
  EXPECT_EQ(story.verdict("INV-13"), Verdict::fail);
}

TEST(DeliveryCount, AnAbandonThatDoesNotCountFails) {
  Story story;
  story.command_waits(1);
  story.at(1s).delivers(1, 10, 0);
  story.settled(What::abandon, Phase::ok, 1, 10);
  story.at(2s).delivers(1, 11, 0);
  EXPECT_EQ(story.verdict("INV-13"), Verdict::fail);
}

TEST(DeliveryCount, AnAbandonWithoutAnAnswerMayCount) {
  for (const std::uint32_t count : {0U, 1U}) {
    Story story;
    story.command_waits(1);
    story.at(1s).delivers(1, 10, 0);
    story.settled(What::abandon, Phase::info, 1, 10);
    story.at(70s).delivers(1, 11, count);
    EXPECT_EQ(story.alarm(), "") << count;
  }
}

TEST(DeliveryCount, In2017EveryReturnCounts) {
  for (const std::uint32_t count : {0U, 1U}) {
    Story story;
    story.history.terms.count_every_return = true;
    story.command_waits(1);
    story.at(100s).delivers(1, 10, 0);
    story.at(200s).delivers(1, 11, count);
    EXPECT_EQ(story.verdict("INV-13"), count == 1 ? Verdict::pass : Verdict::fail);
  }
}

// The hub handed it to a request whose connection ended while the answer waited for a slow disk.
TEST(DeliveryCount, In2017WhatALostRequestSwallowedMayCount) {
  for (const bool lost : {false, true}) {
    Story story;
    story.history.terms.count_every_return = true;
    story.device_accepted(1);
    story.command_waits(1);
    story.at(10s);
    if (lost) story.device_ends(1);
    story.at(100s).delivers(1, 10, 1);
    EXPECT_EQ(story.verdict("INV-13"), lost ? Verdict::not_exercised : Verdict::fail);
  }
}

// Seed 3468 of guided, locks-run-out-2017: what the device had asked for before it went down came to the hub when
// the command was there, and the hub locked it for a connection that never said whose it was.
TEST(DeliveryCount, In2017ARequestFromBeforeTheDevicesEndMayHaveSwallowedOne) {
  for (const bool went_down : {false, true}) {
    for (const bool late_request : {false, true}) {
      Story story;
      story.history.terms.count_every_return = true;
      story.device_accepted(1);
      if (went_down) story.device_ends(1);
      story.at(1s);
      story.command_waits(1);
      story.at(10s);
      if (late_request) story.hub_ends(7).device = NodeIndex{~0U};
      story.at(100s).delivers(1, 10, 1);
      EXPECT_EQ(story.verdict("INV-13"), went_down && late_request ? Verdict::not_exercised : Verdict::fail)
          << went_down << late_request;
    }
  }
}

TEST(DeliveryCount, FirstDeliveriesAreNotExercised) {
  Story story;
  story.command_waits(1);
  story.at(1s).delivers(1, 10, 0);
  EXPECT_EQ(story.verdict("INV-13"), Verdict::not_exercised);
}

}  // namespace
}  // namespace hubproof::tests
