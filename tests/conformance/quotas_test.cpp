// Checks on the history of a hub that has limits and a quota.
#include "tests/support/history_builder.hpp"

namespace hubproof::tests {
namespace {

using model::Error;
using model::Limit;

// Two a second with an allowance of four and room for two; a quota of ten chunks of 100 bytes.
class ThrottledStory : public Story {
 public:
  ThrottledStory() {
    history.terms.throttles = true;
    for (model::LimitTerms& limit : history.terms.limits) limit = {120, 4, 2};
    started(hub);
  }
  ThrottledStory& at(std::chrono::nanoseconds when) {
    Story::at(when);
    return *this;
  }
  Event& tells(Phase phase, std::uint64_t number = 0, Limit limit = Limit::telemetry) {
    Event& event = add(hub, What::throttle, phase);
    event.code = static_cast<std::uint16_t>(limit);
    event.device = d1;
    event.token = number;
    return event;
  }
  Event& served(std::uint64_t number = 0, Limit limit = Limit::telemetry) {
    return tells(Phase::ok, number, limit);
  }
  Event& waits(std::uint64_t number, Limit limit = Limit::telemetry) {
    return tells(Phase::invoke, number, limit);
  }
  Event& refused(Error error = Error::throttled, Limit limit = Limit::telemetry) {
    Event& event = tells(Phase::fail, 0, limit);
    event.error = error;
    return event;
  }
  void serve(int count) {
    for (int i = 0; i < count; ++i) served();
  }
  // The allowance is used up, and two wait.
  void fill() {
    serve(4);
    waits(1);
    waits(2);
  }
};

// ---- INV-22.

TEST(PhasesInOrder, AtOnceThenWaitingThenRefused) {
  ThrottledStory story;
  story.at(1s).fill();
  story.refused();
  story.at(1500ms).served(1);
  story.at(2s).served(2);
  story.at(4s).serve(4);
  EXPECT_EQ(story.verdict("INV-22"), Verdict::pass);
  EXPECT_EQ(story.alarm(), "");
}

TEST(PhasesInOrder, NothingIsBeyondTheAllowance) {
  ThrottledStory story;
  story.at(1s).serve(5);
  EXPECT_EQ(story.finding("INV-22").text,
            "a telemetry message of d1 was served at once though the allowance was used up");
  EXPECT_EQ(story.verdict("QUO-09"), Verdict::not_exercised);
}

TEST(PhasesInOrder, TheAllowanceComesBackAtTheRateOfTheLimit) {
  ThrottledStory story;
  story.at(1s).serve(4);
  story.at(1496ms).served();  // a clock may be a little fast
  EXPECT_EQ(story.alarm(), "");
  ThrottledStory sooner;
  sooner.at(1s).serve(4);
  sooner.at(1200ms).served();
  EXPECT_EQ(sooner.verdict("INV-22"), Verdict::fail);
}

TEST(PhasesInOrder, NobodyWaitsWhileThereIsAllowance) {
  ThrottledStory story;
  story.at(1s).serve(2);
  story.waits(1);
  EXPECT_EQ(story.finding("INV-22").text, "a telemetry message of d1 had to wait though there was allowance");
}

TEST(PhasesInOrder, NobodyOvertakesThoseWhoWait) {
  ThrottledStory story;
  story.at(1s).serve(4);
  story.waits(1);
  story.at(10s).served();
  EXPECT_EQ(story.finding("INV-22").text, "a telemetry message of d1 was served at once while others waited");
}

TEST(PhasesInOrder, NothingIsRefusedBeforeTheQueueIsFull) {
  ThrottledStory story;
  story.at(1s).serve(4);
  story.waits(1);
  story.refused();
  EXPECT_EQ(story.finding("INV-22").text,
            "a telemetry message of d1 was refused with 1 of 2 places of the queue taken");
}

TEST(PhasesInOrder, AQueueTakesNoMoreThanItHasRoomFor) {
  ThrottledStory story;
  story.at(1s).fill();
  story.waits(3);
  EXPECT_EQ(story.finding("INV-22").text, "a telemetry message of d1 waits with 2 of 2 places of the queue taken");
}

TEST(PhasesInOrder, WhoseConnectionIsGoneTakesNoPlace) {
  ThrottledStory story;
  story.at(1s).fill();
  story.tells(Phase::info, 1);
  story.waits(3);
  story.refused();
  EXPECT_EQ(story.alarm(), "");
}

TEST(PhasesInOrder, EachLimitHasAnAllowanceOfItsOwn) {
  ThrottledStory story;
  story.at(1s).fill();
  for (int i = 0; i < 4; ++i) story.served(0, Limit::commands);
  story.waits(1, Limit::commands);
  EXPECT_EQ(story.alarm(), "");
}

TEST(PhasesInOrder, AHubThatStartsHasAllOfIt) {
  ThrottledStory story;
  story.at(1s).fill();
  story.crashed(Story::hub);
  story.at(1100ms).started(Story::hub);
  story.fill();
  story.refused();
  EXPECT_EQ(story.alarm(), "");
}

TEST(PhasesInOrder, WithoutALimitNothingWaitsOrIsRefused) {
  ThrottledStory story;
  story.history.terms.limits = {};
  story.at(1s).serve(100);
  EXPECT_EQ(story.alarm(), "");
  story.refused();
  EXPECT_EQ(story.verdict("INV-22"), Verdict::fail);
}

TEST(PhasesInOrder, AQuotaThatIsUsedUpIsNoPhase) {
  ThrottledStory story;
  story.history.terms.quota_per_day = 1;
  story.at(1s).served().count = 1;
  story.refused(Error::quota_exceeded).count = 1;
  EXPECT_EQ(story.alarm(), "");
}

TEST(PhasesInOrder, LimitsThatThereAreNotSayNothing) {
  ThrottledStory story;
  story.at(1s);
  for (const int code : {0, 6, 65'535}) {
    Event& event = story.refused();
    event.code = static_cast<std::uint16_t>(code);
  }
  EXPECT_EQ(story.verdict("INV-22"), Verdict::not_exercised);
}

TEST(PhasesInOrder, AHubWithoutLimitsIsNotAsked) {
  Story story;
  Event& event = story.at(1s).add(Story::hub, What::throttle, Phase::fail);
  event.code = 2;
  event.error = Error::throttled;
  EXPECT_EQ(story.verdict("INV-22"), Verdict::not_exercised);
}

TEST(PhasesInOrder, FiguresOfNoHubDoNoHarm) {
  ThrottledStory story;
  for (model::LimitTerms& limit : story.history.terms.limits) limit = {~0U, ~0U, ~0U};
  story.at(1s).serve(10);
  story.at(std::chrono::hours{24 * 365 * 30}).serve(10);
  EXPECT_EQ(story.alarm(), "");
}

// ---- QUO-09.

TEST(RateIsKept, WhatWaitsIsServedAtTheRateOfTheLimit) {
  ThrottledStory story;
  story.at(1s).fill();
  story.at(1500ms).served(1);
  story.at(2s).served(2);
  EXPECT_EQ(story.verdict("QUO-09"), Verdict::pass);
}

TEST(RateIsKept, NotFaster) {
  ThrottledStory story;
  story.at(1s).fill();
  story.at(1200ms).served(1);
  EXPECT_EQ(story.finding("QUO-09").text,
            "a telemetry message of d1 that waited was served before the rate of 120 a minute allowed it");
  EXPECT_EQ(story.verdict("INV-22"), Verdict::pass);
}

TEST(RateIsKept, AHubThatWasLateMayCatchUp) {
  ThrottledStory story;
  story.at(1s).fill();
  story.at(3s).served(1);
  story.served(2);
  EXPECT_EQ(story.alarm(), "");
}

// ---- QUO-03.

class QuotaStory : public ThrottledStory {
 public:
  QuotaStory() {
    history.terms.quota_per_day = 10;
    history.terms.quota_chunk = 100;
    history.terms.limits = {};
  }
  QuotaStory& at(std::chrono::nanoseconds when) {
    Story::at(when);
    return *this;
  }
  void takes(std::uint32_t size) {
    Event& event = served();
    event.count = size;
    event.message = telemetry(d1, ++taken_);
  }
  void exceeded(std::uint32_t size) { refused(Error::quota_exceeded).count = size; }
  // How long until midnight, UTC, when the story begins.
  static constexpr std::chrono::nanoseconds to_midnight{86'400'000'000'000 - epoch % 86'400'000'000'000};

 private:
  std::uint32_t taken_ = 100;
};

TEST(QuotaIsKept, MessagesAreRefusedWhenItIsUsedUp) {
  QuotaStory story;
  story.at(1s).takes(1000);
  story.exceeded(1);
  EXPECT_EQ(story.verdict("QUO-03"), Verdict::pass);
}

TEST(QuotaIsKept, NotBefore) {
  QuotaStory story;
  story.at(1s).takes(900);
  story.exceeded(100);
  EXPECT_EQ(story.finding("QUO-03").text, "a message was refused with 9 of 10 used, and it counts as 1");
}

TEST(QuotaIsKept, NotLater) {
  QuotaStory story;
  story.at(1s).takes(950);
  story.takes(1);
  EXPECT_EQ(story.finding("QUO-03").text, "a message was taken with 10 of 10 used, and it counts as 1");
}

TEST(QuotaIsKept, AnEmptyMessageCountsAsOne) {
  QuotaStory story;
  story.at(1s);
  for (int i = 0; i < 10; ++i) story.takes(0);
  story.exceeded(0);
  EXPECT_EQ(story.alarm(), "");
}

TEST(QuotaIsKept, UntilMidnightOfUtc) {
  QuotaStory story;
  story.at(1s).takes(1000);
  story.at(QuotaStory::to_midnight - 1ms).exceeded(1);
  story.at(QuotaStory::to_midnight).takes(1000);
  EXPECT_EQ(story.alarm(), "");
  QuotaStory late;
  late.at(1s).takes(1000);
  late.at(QuotaStory::to_midnight).exceeded(1);
  EXPECT_EQ(late.verdict("QUO-03"), Verdict::fail);
  QuotaStory early;
  early.at(1s).takes(1000);
  early.at(QuotaStory::to_midnight - 1ms).takes(1);
  EXPECT_EQ(early.verdict("QUO-03"), Verdict::fail);
}

TEST(QuotaIsKept, AClockThatIsSetBackBeginsNoDay) {
  QuotaStory story;
  story.at(1s).takes(1000);
  story.clock(Story::hub, -24h);
  story.at(2s).exceeded(1);
  EXPECT_EQ(story.alarm(), "");
}

TEST(QuotaIsKept, ACrashForgetsAtMostWhatWasNotOnTheDisk) {
  QuotaStory story;
  story.at(1s).takes(500);
  story.at(100s).takes(500);
  story.crashed(Story::hub);
  story.at(101s).started(Story::hub);
  story.takes(500);  // the last five may be forgotten
  EXPECT_EQ(story.alarm(), "");
  story.takes(100);  // the first ones not
  EXPECT_EQ(story.verdict("QUO-03"), Verdict::fail);
}

TEST(QuotaIsKept, ACrashForgetsNothingThatWasAcknowledged) {
  QuotaStory story;
  story.at(1s).sends(Story::d1, 1);
  Event& event = story.served();
  event.message = Story::telemetry(Story::d1, 1);
  event.count = 1000;
  story.acked(Story::d1, 1);
  story.at(2s).crashed(Story::hub);
  story.at(3s).started(Story::hub);
  story.takes(1);
  EXPECT_EQ(story.verdict("QUO-03"), Verdict::fail);
}

TEST(QuotaIsKept, WhatWasRefusedCountsNothing) {
  QuotaStory story;
  story.history.terms.limits[1] = {60, 1, 0};
  story.at(1s).takes(900);
  story.refused().count = 100;
  story.at(10s).takes(100);
  EXPECT_EQ(story.alarm(), "");
}

TEST(QuotaIsKept, WhatIsNoMessageCountsNothing) {
  QuotaStory story;
  story.at(1s).takes(1000);
  story.served(0, Limit::connections);
  EXPECT_EQ(story.alarm(), "");
}

// ---- QUO-13.

TEST(RefusedLeavesNoTrace, ARefusedMessageIsNoEvent) {
  ThrottledStory story;
  story.at(1s).sends(Story::d1, 1);
  Event& event = story.refused();
  event.message = Story::telemetry(Story::d1, 1);
  event.count = 10;
  story.read_from(1);
  story.at(2s).reads(Story::d1, 1, 1);
  EXPECT_EQ(story.finding("QUO-13").text,
            "t2-1 of d1 was refused 1 times and served 0 times, and 1 events have it");
}

TEST(RefusedLeavesNoTrace, AMessageThatComesAgainIsAnEvent) {
  ThrottledStory story;
  story.history.terms.limits = {};
  story.read_from(1);
  story.at(1s).sends(Story::d1, 1);
  for (const Phase phase : {Phase::ok, Phase::fail, Phase::ok}) {
    Event& event = story.tells(phase);
    event.message = Story::telemetry(Story::d1, 1);
    event.count = 10;
    if (phase == Phase::fail) event.error = Error::quota_exceeded;
  }
  story.at(2s).reads(Story::d1, 1, 1);
  story.at(3s).reads(Story::d1, 1, 2);
  story.at(4s).reads(Story::d1, 1, 2);
  story.acked(Story::d1, 1);
  EXPECT_EQ(story.verdict("QUO-13"), Verdict::not_exercised);
  story.at(5s).finished();
  EXPECT_EQ(story.verdict("QUO-13"), Verdict::pass);
  story.history.events.pop_back();
  story.at(5s).reads(Story::d1, 1, 3);
  EXPECT_EQ(story.verdict("QUO-13"), Verdict::fail);
}

TEST(RefusedLeavesNoTrace, WhoSendsSeveralInOneRequestIsNotJudged) {
  ThrottledStory story;
  story.at(1s).served().count = 100;
  Event& event = story.refused();
  event.message = Story::telemetry(Story::d1, 1);
  event.count = 10;
  story.read_from(1);
  story.at(2s).reads(Story::d1, 1, 1);
  EXPECT_EQ(story.verdict("QUO-13"), Verdict::not_exercised);
}

TEST(RefusedLeavesNoTrace, ARefusedCommandIsNotHandedOver) {
  ThrottledStory story;
  story.at(1s).asks(1);
  Event& event = story.refused(Error::throttled, Limit::commands);
  event.message = Story::command(1);
  event.count = 10;
  story.at(2s).hands_over(1, 77);
  EXPECT_EQ(story.finding("QUO-13").text, "command c1-1 was refused, and then handed over");
}

}  // namespace
}  // namespace hubproof::tests
