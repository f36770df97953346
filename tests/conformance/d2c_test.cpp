#include "tests/support/history_builder.hpp"

namespace hubproof::tests {
namespace {

// ---- INV-01

TEST(AckedIsRead, WhatIsAcknowledgedAndReadPasses) {
  Story story;
  story.read_from();
  story.at(1s).sends(Story::d1, 1);
  story.at(2s).acked(Story::d1, 1);
  story.at(3s).reads(Story::d1, 1, 1);
  story.at(4s).healed();
  story.at(200s).finished();
  EXPECT_EQ(story.verdict("INV-01"), Verdict::pass);
}

TEST(AckedIsRead, ReadBeforeItsAcknowledgementCountsToo) {
  Story story;
  story.read_from();
  story.at(1s).sends(Story::d1, 1);
  story.at(2s).reads(Story::d1, 1, 1);
  story.at(3s).acked(Story::d1, 1);
  story.at(4s).finished();
  EXPECT_EQ(story.verdict("INV-01"), Verdict::pass);
}

TEST(AckedIsRead, WhatNoReaderSawWhenAllWasQuietFails) {
  Story story;
  story.read_from();
  story.at(1s).sends(Story::d1, 1);
  story.at(2s).acked(Story::d1, 1);
  story.at(4s).healed();
  story.at(200s).finished();
  EXPECT_EQ(story.verdict("INV-01"), Verdict::fail);
  EXPECT_NE(story.finding("INV-01").text.find("t2-1 of d1"), std::string::npos);
}

TEST(AckedIsRead, WhatAReaderWentPastFailsWithoutAnyBound) {
  Story story;
  story.read_from();
  story.at(1s).sends(Story::d1, 1);
  story.at(2s).acked(Story::d1, 1);
  story.at(3s).sends(Story::d1, 2);
  story.at(4s).acked(Story::d1, 2);
  story.at(5s).reads(Story::d1, 2, 2);
  story.at(6s).finished();
  EXPECT_EQ(story.verdict("INV-01"), Verdict::fail);
}

TEST(AckedIsRead, NothingSentIsNotExercised) {
  Story story;
  story.read_from();
  story.at(4s).healed();
  story.at(200s).finished();
  EXPECT_EQ(story.verdict("INV-01"), Verdict::not_exercised);
}

TEST(AckedIsRead, NobodyKnowsWhatAReaderThatWasDownWouldHaveSeen) {
  Story story;
  story.read_from();
  story.at(1s).sends(Story::d1, 1);
  story.at(2s).acked(Story::d1, 1);
  story.at(3s).crashed(Story::s1);
  story.at(4s).healed();
  story.at(200s).finished();
  EXPECT_EQ(story.verdict("INV-01"), Verdict::inconclusive);
}

TEST(AckedIsRead, WithoutAnyReaderNothingIsKnown) {
  Story story;
  story.at(1s).sends(Story::d1, 1);
  story.at(2s).acked(Story::d1, 1);
  story.at(4s).healed();
  story.at(200s).finished();
  EXPECT_EQ(story.verdict("INV-01"), Verdict::inconclusive);
}

TEST(AckedIsRead, AnAcknowledgementJustBeforeTheEndOwesNothingYet) {
  Story story;
  story.read_from();
  story.at(4s).healed();
  story.at(190s).sends(Story::d1, 1);
  story.at(191s).acked(Story::d1, 1);
  story.at(200s).finished();
  EXPECT_EQ(story.verdict("INV-01"), Verdict::inconclusive);
}

TEST(AckedIsRead, RetentionExcusesASlowReader) {
  Story story;
  story.history.terms.retention_ns = Story::ns(60s);
  story.read_from();
  story.at(1s).sends(Story::d1, 1);
  story.at(2s).acked(Story::d1, 1);
  story.at(4s).healed();
  story.at(200s).finished();
  EXPECT_EQ(story.verdict("INV-01"), Verdict::inconclusive);
}

TEST(AckedIsRead, AWallClockSetForwardDoesNotExcuseWhileTheHubLives) {
  Story story;
  story.read_from();
  story.at(1s).sends(Story::d1, 1);
  story.at(2s).acked(Story::d1, 1);
  story.at(3s).clock(Story::hub, 48h);
  story.at(4s).healed();
  story.at(200s).finished();
  EXPECT_EQ(story.verdict("INV-01"), Verdict::fail);
}

TEST(AckedIsRead, WhatTheDeviceGaveUpIsOwedToNobody) {
  Story story;
  story.read_from();
  story.at(1s).sends(Story::d1, 1);
  story.at(2s).gives_up(Story::d1, 1);
  story.at(4s).healed();
  story.at(200s).finished();
  EXPECT_EQ(story.verdict("INV-01"), Verdict::not_exercised);
}

// ---- INV-02

TEST(OriginIsTrue, AMessageOfItsStampPasses) {
  Story story;
  story.at(1s).sends(Story::d1, 1);
  story.at(2s).reads(Story::d1, 1, 1);
  EXPECT_EQ(story.verdict("INV-02"), Verdict::pass);
}

TEST(OriginIsTrue, AForeignStampFails) {
  Story story;
  story.at(1s).sends(Story::d1, 1);
  story.at(2s).reads(Story::d1, 1, 1).device = Story::d2;
  EXPECT_EQ(story.verdict("INV-02"), Verdict::fail);
}

TEST(OriginIsTrue, AForeignStampIsSeenEvenAfterTheMessageIsForgotten) {
  Story story;
  story.at(1s).sends(Story::d1, 1);
  story.at(2s).acked(Story::d1, 1);
  story.at(3s).reads(Story::d1, 1, 1);
  story.at(4s).reads(Story::d1, 1, 2).device = Story::d2;
  EXPECT_EQ(story.verdict("INV-02"), Verdict::fail);
}

TEST(OriginIsTrue, AMessageThatNobodySentFails) {
  Story story;
  story.at(1s).sends(Story::d1, 1);
  story.at(2s).reads(Story::d1, 9, 1);
  EXPECT_EQ(story.verdict("INV-02"), Verdict::fail);
}

TEST(OriginIsTrue, AnEventWithoutAMessageIdFailsWhereAllHaveOne) {
  Story story;
  story.at(1s).sends(Story::d1, 1);
  story.at(2s).reads(Story::d1, 1, 1).message = MessageKey::none;
  EXPECT_EQ(story.verdict("INV-02"), Verdict::fail);
}

TEST(OriginIsTrue, MessagesOfADeviceThatTellsNothingAreUnknown) {
  Story story;
  story.at(2s).reads(Story::d1, 1, 1);
  EXPECT_EQ(story.verdict("INV-02"), Verdict::inconclusive);
}

TEST(OriginIsTrue, CopiesAndReplaysOfForgottenMessagesAreTrue) {
  Story story;
  story.read_from();
  story.at(1s).sends(Story::d1, 1);
  story.at(2s).reads(Story::d1, 1, 1);
  story.at(3s).acked(Story::d1, 1);
  story.at(4s).reads(Story::d1, 1, 2);  // it was sent twice
  story.at(5s).crashed(Story::s1);
  story.at(6s).started(Story::s1);
  story.read_from();
  story.reads(Story::d1, 1, 1);
  story.reads(Story::d1, 1, 2);
  EXPECT_EQ(story.alarm(), "");
  EXPECT_EQ(story.finding("INV-02").passed, 4u);
}

TEST(OriginIsTrue, TwinsShareAStamp) {
  Story story;
  story.at(1s).sends(Story::d2, 1).device = Story::d1;
  story.at(2s).reads(Story::d2, 1, 1).device = Story::d1;
  story.at(3s).tells_ok(Story::d2, 1, Story::d1);
  story.at(4s).reads(Story::d2, 1, 2).device = Story::d1;
  EXPECT_EQ(story.alarm(), "");
  EXPECT_EQ(story.verdict("INV-02"), Verdict::pass);
}

// ---- INV-03

TEST(OrderOfAcks, SendsThatDidNotOverlapAreStoredInOrder) {
  Story story;
  story.at(1s).sends(Story::d1, 1);
  story.at(2s).acked(Story::d1, 1);
  story.at(3s).sends(Story::d1, 2);
  story.at(4s).acked(Story::d1, 2);
  story.at(5s).reads(Story::d1, 1, 1);
  story.reads(Story::d1, 2, 2);
  EXPECT_EQ(story.verdict("INV-03"), Verdict::pass);
}

TEST(OrderOfAcks, TheOtherOrderFails) {
  Story story;
  story.at(1s).sends(Story::d1, 1);
  story.at(2s).acked(Story::d1, 1);
  story.at(3s).sends(Story::d1, 2);
  story.at(4s).acked(Story::d1, 2);
  story.at(5s).reads(Story::d1, 2, 1);
  story.reads(Story::d1, 1, 2);
  EXPECT_EQ(story.verdict("INV-03"), Verdict::fail);
}

TEST(OrderOfAcks, SendsThatOverlapHaveNoOrder) {
  Story story;
  story.at(1s).sends(Story::d1, 1);
  story.sends(Story::d1, 2);
  story.at(2s).acked(Story::d1, 1);
  story.acked(Story::d1, 2);
  story.at(5s).reads(Story::d1, 2, 1);
  story.reads(Story::d1, 1, 2);
  EXPECT_EQ(story.verdict("INV-03"), Verdict::not_exercised);
}

TEST(OrderOfAcks, ASecondReaderThatBeginsEarlierIsNoAlarm) {
  Story story;
  for (std::uint32_t n = 1; n <= 4; ++n) {
    story.at(std::chrono::seconds{2 * n}).sends(Story::d1, n);
    story.at(std::chrono::seconds{2 * n + 1}).acked(Story::d1, n);
  }
  story.at(20s).read_from(3);
  story.reads(Story::d1, 3, 3);
  story.reads(Story::d1, 4, 4);
  story.at(21s).read_from(1, 0, Story::d2);
  for (std::uint32_t n = 1; n <= 4; ++n) story.reads(Story::d1, n, n, 0, Story::d2);
  EXPECT_EQ(story.alarm(), "");
}

// ---- INV-04

Story read_three_then_restart() {
  Story story;
  story.read_from();
  for (std::uint32_t n = 1; n <= 3; ++n) {
    story.at(std::chrono::seconds{n}).sends(Story::d1, n);
    story.acked(Story::d1, n);
    story.reads(Story::d1, n, n);
  }
  story.at(5s).crashed(Story::s1);
  story.at(6s).started(Story::s1);
  story.read_from();
  return story;
}

TEST(ReplayKeepsOrder, AReplayOfTheSameEventsPasses) {
  Story story = read_three_then_restart();
  for (std::uint32_t n = 1; n <= 3; ++n) story.reads(Story::d1, n, n);
  EXPECT_EQ(story.alarm(), "");
  EXPECT_EQ(story.verdict("INV-04"), Verdict::pass);
}

TEST(ReplayKeepsOrder, AReplayThatLeavesOneOutFails) {
  Story story = read_three_then_restart();
  story.reads(Story::d1, 1, 1);
  story.reads(Story::d1, 3, 3);
  EXPECT_EQ(story.verdict("INV-04"), Verdict::fail);
}

TEST(ReplayKeepsOrder, AReplayThatBeginsTooLateFails) {
  Story story = read_three_then_restart();
  story.reads(Story::d1, 2, 2);
  EXPECT_EQ(story.verdict("INV-04"), Verdict::fail);
}

// A scenario has up to a hundred back ends, and each has its own place.
TEST(ReplayKeepsOrder, ItMayBeginAfterTheCheckpoint) {
  for (const std::uint32_t others : {0U, 100U}) {
    Story story;
    const auto first = static_cast<std::uint32_t>(story.history.participants.size());
    for (std::uint32_t other = 0; other < others; ++other)
      story.history.participants.push_back({"other" + std::to_string(other), model::Role::service});
    story.read_from();
    for (std::uint32_t n = 1; n <= 3; ++n) {
      story.at(std::chrono::seconds{n}).sends(Story::d1, n);
      story.acked(Story::d1, n);
      story.reads(Story::d1, n, n);
    }
    story.stores_checkpoint(2);
    for (std::uint32_t other = 0; other < others; ++other) story.read_from(0, 0, model::NodeIndex{first + other});
    story.at(5s).crashed(Story::s1);
    story.at(6s).started(Story::s1);
    story.read_from();
    story.reads(Story::d1, 3, 3);
    EXPECT_EQ(story.alarm(), "") << others;
  }
}

TEST(ReplayKeepsOrder, ACheckpointWhoseAnswerWasLostMayHaveBeenStoredOrNot) {
  for (const std::uint32_t first : {1U, 3U}) {
    Story story;
    story.read_from();
    for (std::uint32_t n = 1; n <= 3; ++n) {
      story.at(std::chrono::seconds{n}).sends(Story::d1, n);
      story.acked(Story::d1, n);
      story.reads(Story::d1, n, n);
    }
    story.add(Story::s1, What::checkpoint, Phase::invoke).sequence = 2;
    story.at(5s).crashed(Story::s1);
    story.at(6s).started(Story::s1);
    story.read_from();
    for (std::uint32_t n = first; n <= 3; ++n) story.reads(Story::d1, n, n);
    EXPECT_EQ(story.alarm(), "") << first;
  }
}

TEST(ReplayKeepsOrder, AnotherReadersCheckpointIsNotItsOwn) {
  for (const std::uint32_t first : {1U, 2U, 3U, 4U}) {
    Story story;
    story.read_from(0, 0, Story::d2);
    story.read_from();
    for (std::uint32_t n = 1; n <= 4; ++n) {
      story.at(std::chrono::seconds{n}).sends(Story::d1, n);
      story.acked(Story::d1, n);
      story.reads(Story::d1, n, n);
      if (n == 2) story.stores_checkpoint(2);
    }
    for (std::uint32_t n = first; n <= 4; ++n) story.reads(Story::d1, n, n, 0, Story::d2);
    EXPECT_EQ(story.verdict("INV-04"), first == 1 ? Verdict::pass : Verdict::fail) << first;
  }
}

// Found in slow-consumer (guided, seed 430): a reader that pauses had it in hand when a hub that started again, with a
// clock two hours ahead, let go of it, and another reader went on without it.
TEST(ReplayKeepsOrder, WhatWasInAReadersHandWhenItLeftTheLogIsNoGap) {
  for (const bool ahead : {true, false}) {
    Story story;
    story.history.terms.retention_ns = Story::ns(30min);
    story.read_from();
    story.read_from(0, 0, Story::d2);
    for (std::uint32_t n = 1; n <= 2; ++n) {
      story.at(std::chrono::seconds{n}).sends(Story::d1, n);
      story.acked(Story::d1, n);
    }
    for (const auto reader : {Story::s1, Story::d2}) story.at(3s).reads(Story::d1, 1, 1, 0, reader);
    if (ahead) story.at(4s).clock(Story::hub, 2h);
    story.at(5s).crashed(Story::hub);
    story.at(6s).started(Story::hub);
    story.at(7s).sends(Story::d1, 3);
    story.acked(Story::d1, 3);
    story.reads(Story::d1, 3, 3);
    story.at(8s).reads(Story::d1, 2, 2, 0, Story::d2);
    EXPECT_EQ(story.verdict("INV-04") == Verdict::fail, !ahead);
  }
}

TEST(ReplayKeepsOrder, ReadingOnceIsNotExercised) {
  Story story;
  story.read_from();
  story.at(1s).sends(Story::d1, 1);
  story.reads(Story::d1, 1, 1);
  EXPECT_EQ(story.verdict("INV-04"), Verdict::not_exercised);
}

TEST(ReplayKeepsOrder, WhatRetentionTookIsNotMissed) {
  Story story;
  story.history.terms.retention_ns = Story::ns(60s);
  story.read_from();
  for (std::uint32_t n = 1; n <= 3; ++n) {
    story.at(std::chrono::seconds{30 * n}).sends(Story::d1, n);
    story.acked(Story::d1, n);
    story.reads(Story::d1, n, n);
  }
  story.at(115s).crashed(Story::s1);
  story.started(Story::s1);
  story.read_from();
  story.reads(Story::d1, 2, 2);
  EXPECT_EQ(story.alarm(), "");
}

TEST(ReplayKeepsOrder, AnEventThatWasLeftOutAtFirstFails) {
  Story story;
  story.at(1s).sends(Story::d1, 1);
  story.sends(Story::d1, 2);
  story.sends(Story::d1, 3);
  story.at(2s).read_from();
  story.reads(Story::d1, 1, 1);
  story.reads(Story::d1, 3, 3);
  story.at(3s).crashed(Story::s1);
  story.started(Story::s1);
  story.read_from();
  story.reads(Story::d1, 1, 1);
  story.reads(Story::d1, 2, 2);
  EXPECT_EQ(story.verdict("INV-04"), Verdict::fail);
}

// ---- INV-05

TEST(OnePartition, AllInOnePasses) {
  Story story;
  story.at(1s).sends(Story::d1, 1);
  story.sends(Story::d1, 2);
  story.at(2s).reads(Story::d1, 1, 1);
  story.reads(Story::d1, 2, 2);
  EXPECT_EQ(story.verdict("INV-05"), Verdict::pass);
}

TEST(OnePartition, AnotherPartitionFails) {
  Story story;
  story.at(1s).sends(Story::d1, 1);
  story.sends(Story::d1, 2);
  story.at(2s).reads(Story::d1, 1, 1, 0);
  story.reads(Story::d1, 2, 1, 1);
  EXPECT_EQ(story.verdict("INV-05"), Verdict::fail);
}

TEST(OnePartition, OneEventIsNotExercised) {
  Story story;
  story.at(1s).sends(Story::d1, 1);
  story.at(2s).reads(Story::d1, 1, 1);
  EXPECT_EQ(story.verdict("INV-05"), Verdict::not_exercised);
}

// ---- INV-06

TEST(SequencesIncrease, IncreasingNumbersPassGapsToo) {
  Story story;
  for (std::uint32_t n = 1; n <= 3; ++n) story.sends(Story::d1, n);
  story.at(2s).reads(Story::d1, 1, 1);
  story.reads(Story::d1, 2, 5);
  story.reads(Story::d1, 3, 6);
  EXPECT_EQ(story.verdict("INV-06"), Verdict::pass);
}

TEST(SequencesIncrease, ANumberThatGoesBackFails) {
  Story story;
  for (std::uint32_t n = 1; n <= 3; ++n) story.sends(Story::d1, n);
  story.at(2s).reads(Story::d1, 1, 5);
  story.reads(Story::d1, 2, 4);
  EXPECT_EQ(story.verdict("INV-06"), Verdict::fail);
}

TEST(SequencesIncrease, AnOffsetThatGoesBackFails) {
  Story story;
  for (std::uint32_t n = 1; n <= 2; ++n) story.sends(Story::d1, n);
  story.at(2s).reads(Story::d1, 1, 5);
  story.reads(Story::d1, 2, 6).offset = 500;
  EXPECT_EQ(story.verdict("INV-06"), Verdict::fail);
}

TEST(SequencesIncrease, ANumberUsedTwiceFails) {
  Story story = read_three_then_restart();
  story.reads(Story::d1, 1, 1);
  story.reads(Story::d1, 3, 2);
  EXPECT_EQ(story.verdict("INV-06"), Verdict::fail);
}

TEST(SequencesIncrease, NothingReadIsNotExercised) {
  Story story;
  story.finished();
  EXPECT_EQ(story.verdict("INV-06"), Verdict::not_exercised);
}

// ---- INV-25

TEST(ContentIsKept, EqualDigestsPass) {
  Story story;
  story.at(1s).sends(Story::d1, 1);
  story.at(2s).reads(Story::d1, 1, 1);
  EXPECT_EQ(story.verdict("INV-25"), Verdict::pass);
}

TEST(ContentIsKept, AnAlteredEventFails) {
  Story story;
  story.at(1s).sends(Story::d1, 1);
  story.at(2s).reads(Story::d1, 1, 1).digest = 8;
  EXPECT_EQ(story.verdict("INV-25"), Verdict::fail);
}

TEST(ContentIsKept, AnAlteredCommandFails) {
  Story story;
  story.at(1s).command_waits(1);
  story.at(2s).delivered(1, 10).digest = 8;
  EXPECT_EQ(story.verdict("INV-25"), Verdict::fail);
}

TEST(ContentIsKept, UnknownDigestsAreNotExercised) {
  Story story;
  story.at(1s).sends(Story::d1, 1).digest = 0;
  story.at(2s).reads(Story::d1, 1, 1);
  EXPECT_EQ(story.verdict("INV-25"), Verdict::not_exercised);
}

}  // namespace
}  // namespace hubproof::tests
