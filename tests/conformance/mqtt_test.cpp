#include "tests/support/history_builder.hpp"

namespace hubproof::tests {
namespace {

using model::Packet;
using model::Why;

// ---- INV-16

TEST(OneConnection, ATakeoverThatEndsTheOlderPasses) {
  Story story;
  story.at(1s).hub_accepts(1);
  story.at(2s).hub_ends(1, Why::takeover);
  story.hub_accepts(2);
  story.at(3s).hub_hears(Packet::pingreq, 2);
  EXPECT_EQ(story.alarm(), "");
  EXPECT_EQ(story.verdict("INV-16"), Verdict::pass);
}

TEST(OneConnection, AnOlderConnectionThatLivesOnFails) {
  Story story;
  story.at(1s).hub_accepts(1);
  story.at(2s).hub_accepts(2);
  story.at(3s).hub_hears(Packet::publish, 1);
  EXPECT_EQ(story.verdict("INV-16"), Verdict::fail);
}

TEST(OneConnection, TwoThatAreOpenAtTheEndFail) {
  Story story;
  story.at(1s).hub_accepts(1);
  story.at(2s).hub_accepts(2);
  story.at(3s).finished();
  EXPECT_EQ(story.verdict("INV-16"), Verdict::fail);
}

TEST(OneConnection, AtOneInstantTheOrderIsFree) {
  Story story;
  story.at(1s).hub_accepts(1);
  story.at(2s).hub_accepts(2);
  story.hub_ends(1, Why::takeover);
  story.at(3s).finished();
  EXPECT_EQ(story.alarm(), "");
}

TEST(OneConnection, ACrashOfTheHubEndsAll) {
  Story story;
  story.at(1s).hub_accepts(1);
  story.at(2s).crashed(Story::hub);
  story.started(Story::hub);
  story.at(3s).hub_accepts(2);
  story.at(4s).finished();
  EXPECT_EQ(story.alarm(), "");
}

TEST(OneConnection, OneAloneIsNotExercised) {
  Story story;
  story.at(1s).hub_accepts(1);
  story.at(2s).hub_ends(1);
  EXPECT_EQ(story.verdict("INV-16"), Verdict::not_exercised);
}

TEST(OneConnection, WhatAnOlderClientSentAfterTheTakeoverIsNotAcknowledged) {
  Story story;
  story.history.terms.hub_observed = false;
  story.at(1s).device_accepted(1);
  Event& opened = story.at(2s).add(Story::d2, What::opened);  // another client with d1's id
  opened.connection = 1;
  opened.device = Story::d1;
  Event& accepted = story.at(3s).add(Story::d2, What::accepted);
  accepted.connection = 1;
  accepted.device = Story::d1;
  story.at(4s).publishes(1, 1, 1);
  story.at(5s).packet(Story::d1, Packet::puback, 0, 1).packet_id = 1;
  EXPECT_EQ(story.verdict("INV-16"), Verdict::fail);
}

// ---- INV-17

Event& will(Story& story, std::uint32_t n, std::uint64_t sequence) {
  Event& event = story.reads(Story::d1, 0x8000'0000U + n, sequence);
  event.flags = model::flag_will;
  return event;
}

Story with_will() {
  Story story;
  story.read_from();
  story.at(1s).hub_accepts(1, model::flag_has_will);
  return story;
}

TEST(WillExactlyOnce, OneForAnUncleanEndPasses) {
  Story story = with_will();
  story.at(2s).hub_ends(1, Why::keep_alive);
  story.at(3s);
  will(story, 1, 1);
  story.at(4s).healed();
  story.at(200s).finished();
  EXPECT_EQ(story.verdict("INV-17"), Verdict::pass);
}

TEST(WillExactlyOnce, NoneFails) {
  Story story = with_will();
  story.at(2s).hub_ends(1);
  story.at(4s).healed();
  story.at(200s).finished();
  EXPECT_EQ(story.verdict("INV-17"), Verdict::fail);
}

TEST(WillExactlyOnce, TwoFail) {
  Story story = with_will();
  story.at(2s).hub_ends(1);
  story.at(3s);
  will(story, 1, 1);
  will(story, 1, 2);
  EXPECT_EQ(story.verdict("INV-17"), Verdict::fail);
}

TEST(WillExactlyOnce, OneAfterDisconnectFails) {
  Story story = with_will();
  story.at(2s).hub_hears(Packet::disconnect, 1);
  story.hub_ends(1, Why::disconnect);
  story.at(3s);
  will(story, 1, 1);
  EXPECT_EQ(story.verdict("INV-17"), Verdict::fail);
}

// The hub said yes and published the will of a client that never heard of either.
TEST(WillExactlyOnce, AConnectionWhoseAnswerWasLostMayLeaveOne) {
  for (const bool answered : {false, true}) {
    Story story;
    story.history.terms.hub_observed = false;
    story.read_from();
    Event& opened = story.at(1s).add(Story::d1, What::opened);
    opened.connection = 1;
    opened.device = Story::d1;
    story.packet(Story::d1, Packet::connect, model::flag_sent | model::flag_has_will, 1);
    if (answered) {
      Event& refused = story.add(Story::d1, What::refused);
      refused.connection = 1;
      refused.device = Story::d1;
      refused.code = 5;
    }
    Event& ended = story.at(2s).add(Story::d1, What::ended);
    ended.connection = 1;
    ended.device = Story::d1;
    story.at(3s);
    will(story, 1, 1);
    story.at(4s).finished();
    EXPECT_EQ(story.verdict("INV-17"), answered ? Verdict::fail : Verdict::not_exercised);
  }
}

TEST(WillExactlyOnce, AReplayIsNoSecondWill) {
  Story story = with_will();
  story.at(2s).hub_ends(1);
  story.at(3s);
  will(story, 1, 1);
  story.at(4s).crashed(Story::s1);
  story.started(Story::s1);
  story.read_from();
  will(story, 1, 1);
  EXPECT_EQ(story.alarm(), "");
}

// Sequence numbers are those of a partition: that a device changes it is for INV-05 to say.
TEST(WillExactlyOnce, OneInAnotherPartitionIsNotTakenForAReplay) {
  Story story = with_will();
  story.at(2s).hub_ends(1);
  story.at(3s);
  will(story, 1, 20);
  story.at(4s).hub_accepts(2, model::flag_has_will);
  story.at(5s).hub_ends(2);
  story.at(6s);
  will(story, 2, 1);
  story.history.events.back().partition = 1;
  story.at(7s).healed();
  story.at(200s).finished();
  EXPECT_EQ(story.verdict("INV-17"), Verdict::pass);
  EXPECT_EQ(story.verdict("INV-05"), Verdict::fail);
}

TEST(WillExactlyOnce, AHubThatCrashesMayLeaveOneOrNone) {
  for (const bool left : {true, false}) {
    Story story = with_will();
    story.at(2s).crashed(Story::hub);
    story.started(Story::hub);
    story.at(3s);
    if (left) will(story, 1, 1);
    story.at(4s).healed();
    story.at(200s).finished();
    EXPECT_EQ(story.alarm(), "") << left;
  }
}

TEST(WillExactlyOnce, ACrashSoonAfterTheEndMayForgetIt) {
  Story story = with_will();
  story.at(2s).hub_ends(1);
  story.crashed(Story::hub);
  story.started(Story::hub);
  story.at(4s).healed();
  story.at(200s).finished();
  EXPECT_EQ(story.alarm(), "");
}

// A record waits for the sync that is under way, up to 30 s, and then for its own [guided 1410 of troubled-disk].
TEST(WillExactlyOnce, ACrashMayForgetOneUntilAnyHubHasGivenItsDiskUp) {
  for (const auto crash : {50s, 80s}) {
    Story story = with_will();
    story.at(2s).hub_ends(1);
    story.hub_accepts(2);
    for (auto at = 3s; at < crash; at += 1s) story.at(at).hub_hears(Packet::pingreq, 2);
    story.at(crash).crashed(Story::hub);
    story.started(Story::hub);
    story.at(crash + 1s).healed();
    story.at(crash + 200s).finished();
    EXPECT_EQ(story.verdict("INV-17"), crash == 50s ? Verdict::not_exercised : Verdict::fail) << crash.count();
  }
}

// While a hub is paused its patience with the disk does not end [pct 1923 of troubled-disk].
TEST(WillExactlyOnce, TheTimeThatAHubWasSilentDoesNotCount) {
  Story story = with_will();
  story.at(2s).hub_ends(1);
  story.hub_accepts(2);
  story.at(100s).hub_hears(Packet::pingreq, 2);
  story.crashed(Story::hub);
  story.started(Story::hub);
  story.at(101s).healed();
  story.at(300s).finished();
  EXPECT_EQ(story.verdict("INV-17"), Verdict::not_exercised);
}

TEST(WillExactlyOnce, ConnectionsWithoutOneAreNotExercised) {
  Story story;
  story.read_from();
  story.at(1s).hub_accepts(1);
  story.at(2s).hub_ends(1);
  story.at(4s).healed();
  story.at(200s).finished();
  EXPECT_EQ(story.verdict("INV-17"), Verdict::not_exercised);
}

// ---- INV-18

TEST(SubscribedFirst, APublishAfterSubscribingPasses) {
  Story story;
  story.command_waits(1);
  story.hub_accepts(1);
  story.subscribes(1);
  story.hub_publishes(1, 1, 1);
  EXPECT_EQ(story.verdict("INV-18"), Verdict::pass);
}

TEST(SubscribedFirst, APublishBeforeFails) {
  Story story;
  story.command_waits(1);
  story.hub_accepts(1);
  story.hub_publishes(1, 1, 1);
  EXPECT_EQ(story.verdict("INV-18"), Verdict::fail);
}

TEST(SubscribedFirst, ASubscriptionOutlivesItsConnection) {
  Story story;
  story.command_waits(1);
  story.hub_accepts(1);
  story.subscribes(1);
  story.at(1s).hub_ends(1);
  story.at(2s).hub_accepts(2, model::flag_session_present);
  story.hub_publishes(1, 2, 1);
  EXPECT_EQ(story.alarm(), "");
}

TEST(SubscribedFirst, ACleanSessionForgetsIt) {
  Story story;
  story.command_waits(1);
  story.hub_accepts(1);
  story.subscribes(1);
  story.at(1s).hub_ends(1);
  story.at(2s).hub_accepts(2, model::flag_clean_session);
  story.hub_publishes(1, 2, 1);
  EXPECT_EQ(story.verdict("INV-18"), Verdict::fail);
}

TEST(SubscribedFirst, UnsubscribingEndsIt) {
  Story story;
  story.command_waits(1);
  story.hub_accepts(1);
  story.subscribes(1);
  story.hub_hears(Packet::unsubscribe, 1).flags = model::flag_c2d_filter;
  story.hub_publishes(1, 1, 1);
  EXPECT_EQ(story.verdict("INV-18"), Verdict::fail);
}

TEST(SubscribedFirst, ASubscribeMayComeBeforeTheAnswerToConnect) {
  Story story;
  story.command_waits(1);
  story.packet(Story::hub, Packet::connect, model::flag_clean_session, 1);
  story.subscribes(1);
  Event& accepted = story.add(Story::hub, What::accepted);
  accepted.connection = 1;
  accepted.device = Story::d1;
  accepted.flags = model::flag_sent | model::flag_clean_session;
  story.hub_publishes(1, 1, 1);
  EXPECT_EQ(story.alarm(), "");
}

TEST(SubscribedFirst, NoCommandIsNotExercised) {
  Story story;
  story.hub_accepts(1);
  story.subscribes(1);
  EXPECT_EQ(story.verdict("INV-18"), Verdict::not_exercised);
}

// ---- INV-19

Story silent() {
  Story story;
  story.at(1s).device_accepted(1);
  story.hub_accepts(1);
  return story;
}

TEST(SilenceEnds, AfterOneAndAHalfPasses) {
  Story story = silent();
  story.at(91s).hub_ends(1, Why::keep_alive);
  EXPECT_EQ(story.verdict("INV-19"), Verdict::pass);
}

TEST(SilenceEnds, EarlierFails) {
  Story story = silent();
  story.at(61s).hub_ends(1, Why::keep_alive);
  EXPECT_EQ(story.verdict("INV-19"), Verdict::fail);
}

TEST(SilenceEnds, LaterFails) {
  Story story = silent();
  story.at(121s).hub_ends(1, Why::keep_alive);
  EXPECT_EQ(story.verdict("INV-19"), Verdict::fail);
}

TEST(SilenceEnds, NeverFails) {
  Story story = silent();
  story.at(200s).finished();
  EXPECT_EQ(story.verdict("INV-19"), Verdict::fail);
}

TEST(SilenceEnds, AHubThatWasStoppedMayBeLate) {
  Story story = silent();
  story.at(50s).fault();
  story.at(200s).hub_ends(1, Why::keep_alive);
  EXPECT_EQ(story.alarm(), "");
}

TEST(SilenceEnds, AHubThatDidSomethingElseWasNotStopped) {
  Story story = silent();
  story.at(50s).fault();
  story.at(110s).hub_does_something();
  story.at(200s).hub_ends(1, Why::keep_alive);
  EXPECT_EQ(story.verdict("INV-19"), Verdict::fail);
}

TEST(SilenceEnds, APacketThatWasLostMayHaveComeInPart) {
  Story story = silent();
  story.at(50s).publishes(1, 1, 1);
  story.at(130s).hub_ends(1, Why::keep_alive);
  EXPECT_NE(story.verdict("INV-19"), Verdict::fail);
}

TEST(SilenceEnds, SilenceCountsFromConnectNotFromItsAnswer) {
  Story story;
  story.at(1s).packet(Story::hub, Packet::connect, 0, 1);
  Event& accepted = story.at(21s).add(Story::hub, What::accepted);  // the disk was slow
  accepted.connection = 1;
  accepted.device = Story::d1;
  accepted.keep_alive = 60;
  story.at(91s).hub_ends(1, Why::keep_alive);
  EXPECT_EQ(story.verdict("INV-19"), Verdict::pass);
}

TEST(SilenceEnds, ATalkativeClientIsNotExercised) {
  Story story = silent();
  for (int i = 1; i < 10; ++i) {
    story.at(std::chrono::seconds{40 * i}).packet(Story::d1, Packet::pingreq, model::flag_sent, 1);
    story.hub_hears(Packet::pingreq, 1);
  }
  story.at(380s).finished();
  EXPECT_EQ(story.verdict("INV-19"), Verdict::not_exercised);
}

TEST(SilenceEnds, AForeignHubIsSeenFromTheDevice) {
  for (const auto& [closed, verdict] :
       {std::pair{91s, Verdict::pass}, std::pair{150s, Verdict::fail}, std::pair{20s, Verdict::not_exercised}}) {
    Story story;
    story.history.terms.hub_observed = false;
    story.at(1s).device_accepted(1);
    story.at(closed).device_ends(1, model::EndedBy::peer);
    EXPECT_EQ(story.verdict("INV-19"), verdict) << closed.count();
  }
}

// ---- mqtt311

Story one_in_flight() {
  Story story;
  story.device_accepted(1);
  story.sends(Story::d1, 1);
  story.publishes(1, 1, 1);
  return story;
}

TEST(FreshPacketId, AnotherIdPasses) {
  Story story = one_in_flight();
  story.publishes(2, 1, 2);
  EXPECT_EQ(story.verdict("mqtt311:2.3.1-2"), Verdict::pass);
}

TEST(FreshPacketId, TheIdOfAnUnacknowledgedOneFails) {
  Story story = one_in_flight();
  story.publishes(2, 1, 1);
  EXPECT_EQ(story.verdict("mqtt311:2.3.1-2"), Verdict::fail);
}

TEST(FreshPacketId, OneAtATimeIsNotExercised) {
  Story story = one_in_flight();
  story.packet(Story::d1, Packet::puback, 0, 1).packet_id = 1;
  story.publishes(2, 1, 1);
  EXPECT_EQ(story.verdict("mqtt311:2.3.1-2"), Verdict::not_exercised);
}

Story resumed() {
  Story story = one_in_flight();
  story.sends(Story::d1, 2);
  story.publishes(2, 1, 2);
  story.at(1s).device_ends(1);
  story.at(2s).device_accepted(2, model::flag_session_present);
  return story;
}

TEST(ResendSaysSo, WithDupPasses) {
  Story story = resumed();
  story.publishes(1, 2, 1, true);
  EXPECT_EQ(story.verdict("mqtt311:3.3.1-1"), Verdict::pass);
}

TEST(ResendSaysSo, WithoutDupFails) {
  Story story = resumed();
  story.publishes(1, 2, 1, false);
  EXPECT_EQ(story.verdict("mqtt311:3.3.1-1"), Verdict::fail);
}

TEST(ResendSaysSo, AfterACrashItIsANewMessage) {
  Story story = one_in_flight();
  story.at(1s).crashed(Story::d1);
  story.started(Story::d1);
  story.at(2s).device_accepted(2, model::flag_session_present);
  story.publishes(1, 2, 1, false);
  EXPECT_EQ(story.verdict("mqtt311:3.3.1-1"), Verdict::not_exercised);
}

TEST(ResendSaysSo, OnACleanSessionItIsANewMessage) {
  Story story = one_in_flight();
  story.at(1s).device_ends(1);
  story.at(2s).device_accepted(2, model::flag_clean_session);
  story.publishes(1, 2, 1, false);
  EXPECT_EQ(story.verdict("mqtt311:3.3.1-1"), Verdict::not_exercised);
}

TEST(ResendsInOrder, TheOrderOfFirstSendingPasses) {
  Story story = resumed();
  story.publishes(1, 2, 1, true);
  story.publishes(2, 2, 2, true);
  EXPECT_EQ(story.verdict("mqtt311:4.6.0-1"), Verdict::pass);
}

TEST(ResendsInOrder, AnotherOrderFails) {
  Story story = resumed();
  story.publishes(2, 2, 2, true);
  story.publishes(1, 2, 1, true);
  EXPECT_EQ(story.verdict("mqtt311:4.6.0-1"), Verdict::fail);
}

TEST(ResendsInOrder, NoResendIsNotExercised) {
  EXPECT_EQ(resumed().verdict("mqtt311:4.6.0-1"), Verdict::not_exercised);
}

Event& arrives(Story& story, int id) {
  Event& event = story.packet(Story::d1, Packet::publish, model::flag_c2d, 1);
  event.packet_id = static_cast<std::uint16_t>(id);
  event.qos = 1;
  return event;
}
void acknowledges(Story& story, int id) {
  story.packet(Story::d1, Packet::puback, model::flag_sent, 1).packet_id = static_cast<std::uint16_t>(id);
}

TEST(AcksInOrder, TheOrderOfArrivalPasses) {
  Story story;
  story.device_accepted(1);
  for (const int id : {1, 2}) arrives(story, id);
  for (const int id : {1, 2}) acknowledges(story, id);
  EXPECT_EQ(story.verdict("mqtt311:4.6.0-2"), Verdict::pass);
}

TEST(AcksInOrder, AnotherOrderFails) {
  Story story;
  story.device_accepted(1);
  for (const int id : {1, 2}) arrives(story, id);
  for (const int id : {2, 1}) acknowledges(story, id);
  EXPECT_EQ(story.verdict("mqtt311:4.6.0-2"), Verdict::fail);
}

TEST(AcksInOrder, OneThatIsNeverAcknowledgedIsOutOfNoOrder) {
  Story story;
  story.device_accepted(1);
  for (const int id : {1, 2, 3}) arrives(story, id);
  for (const int id : {2, 3}) acknowledges(story, id);
  EXPECT_EQ(story.alarm(), "");
}

TEST(AcksInOrder, NoneIsNotExercised) {
  Story story;
  story.device_accepted(1);
  arrives(story, 1);
  EXPECT_EQ(story.verdict("mqtt311:4.6.0-2"), Verdict::not_exercised);
}

TEST(SpeaksInTime, APingInTimePasses) {
  Story story;
  story.device_accepted(1);
  story.at(45s).packet(Story::d1, Packet::pingreq, model::flag_sent, 1);
  EXPECT_EQ(story.verdict("mqtt311:3.1.2-23"), Verdict::pass);
}

TEST(SpeaksInTime, SilenceFails) {
  Story story;
  story.device_accepted(1);
  story.at(91s).device_ends(1, model::EndedBy::peer);
  EXPECT_EQ(story.verdict("mqtt311:3.1.2-23"), Verdict::fail);
}

TEST(SpeaksInTime, ADeviceThatWasStoppedIsUndecided) {
  Story story;
  story.device_accepted(1);
  story.at(10s).fault();
  story.at(91s).device_ends(1, model::EndedBy::peer);
  EXPECT_EQ(story.verdict("mqtt311:3.1.2-23"), Verdict::inconclusive);
}

TEST(SpeaksInTime, BusyConnectionsAreNotExercised) {
  Story story;
  story.device_accepted(1);
  story.at(5s).publishes(1, 1, 1);
  EXPECT_EQ(story.verdict("mqtt311:3.1.2-23"), Verdict::not_exercised);
}

}  // namespace
}  // namespace hubproof::tests
