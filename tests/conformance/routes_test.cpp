// Checks on the history of a hub with routes.
#include "tests/support/history_builder.hpp"

namespace hubproof::tests {
namespace {

constexpr std::uint16_t events = 1;
constexpr std::uint16_t alerts = 2;
constexpr std::uint16_t archive = 4;

class RoutedStory : public Story {
 public:
  explicit RoutedStory(bool fallback = true) {
    history.terms.endpoints = {"events", "alerts", "archive"};
    history.terms.fallback = fallback;
    for (const std::uint16_t endpoint : {events, alerts, archive}) read_from(1).endpoints = endpoint;
  }
  RoutedStory& at(std::chrono::nanoseconds when) {
    Story::at(when);
    return *this;
  }
  void sends_to(std::uint32_t n, unsigned endpoints, bool unmatched = false) {
    Event& event = sends(d1, n);
    event.endpoints = static_cast<std::uint16_t>(endpoints);
    if (unmatched) event.flags |= model::flag_unmatched;
    acked(d1, n);
  }
  // With the date of its receipt, in seconds.
  Event& shows(std::uint16_t endpoint, std::uint32_t n, std::uint64_t sequence, int received,
               std::uint32_t partition = 0) {
    Event& event = reads(d1, n, sequence, partition);
    event.endpoints = endpoint;
    event.date = date(std::chrono::seconds{received});
    return event;
  }
  void ends() {
    at(50s).healed();
    at(300s).finished();
  }
};

TEST(RoutedHistory, EachEndpointShowsWhatRoutesLeadThere) {
  RoutedStory story;
  story.at(1s).sends_to(1, alerts | archive);
  story.at(2s).sends_to(2, events, true);
  story.at(3s).shows(alerts, 1, 1, 1);
  story.shows(archive, 1, 1, 1);
  story.shows(events, 2, 1, 2);
  story.ends();
  for (const char* clause : {"INV-01", "D2C-19", "D2C-21", "D2C-23", "INV-02", "INV-25"})
    EXPECT_EQ(story.verdict(clause), Verdict::pass) << clause;
  EXPECT_EQ(story.alarm(), "");
}

TEST(RoutedHistory, WhatOneOfItsEndpointsNeverShowsIsLost) {
  RoutedStory story;
  story.at(1s).sends_to(1, alerts | archive);
  story.at(3s).shows(alerts, 1, 1, 1);
  story.ends();
  EXPECT_EQ(story.finding("INV-01").text, "t2-1 of d1 was acknowledged at 1.000s and never read at archive");
}

TEST(RoutedHistory, AnEndpointThatNobodyReadsOwesNothing) {
  Story story;
  story.history.terms.endpoints = {"events", "alerts"};
  story.read_from(1).endpoints = events;
  Event& sent = story.at(1s).sends(Story::d1, 1);
  sent.endpoints = alerts;
  story.acked(Story::d1, 1);
  story.at(50s).healed();
  story.at(300s).finished();
  EXPECT_EQ(story.verdict("INV-01"), Verdict::inconclusive);
}

TEST(RoutedHistory, APartitionOfOneEndpointIsNotThatOfAnother) {
  RoutedStory story;
  story.at(1s).sends_to(1, alerts | archive);
  story.at(2s).sends_to(2, alerts);
  story.at(3s).shows(alerts, 1, 1, 1);
  story.shows(alerts, 2, 2, 2);
  story.shows(archive, 1, 1, 1, 3);
  story.ends();
  EXPECT_EQ(story.verdict("INV-05"), Verdict::pass);
  EXPECT_EQ(story.verdict("INV-06"), Verdict::pass);
  EXPECT_EQ(story.alarm(), "");
}

TEST(RoutedHistory, OrderIsThatOfAcknowledgementsAtEachEndpoint) {
  RoutedStory story;
  story.at(1s).sends_to(1, alerts | archive);
  story.at(2s).sends_to(2, alerts | archive);
  story.at(3s).shows(alerts, 1, 1, 1);
  story.shows(alerts, 2, 2, 2);
  story.shows(archive, 2, 1, 2);
  story.shows(archive, 1, 2, 1);
  EXPECT_EQ(story.verdict("INV-03"), Verdict::fail);
}

RoutedStory repeated(std::initializer_list<std::uint32_t> row) {
  RoutedStory story;
  for (std::uint32_t n = 1; n <= 4; ++n) story.at(std::chrono::seconds{n}).sends_to(n, alerts);
  for (int crashes = 0; crashes < 2; ++crashes) {
    story.at(10s).crashed(Story::hub);
    story.started(Story::hub);
  }
  std::uint64_t sequence = 0;
  for (const std::uint32_t n : row) story.at(12s).shows(alerts, n, ++sequence, static_cast<int>(n));
  story.ends();
  return story;
}

TEST(RoutedHistory, ASuffixMayBeRepeatedInOrder) {  // as in D2C-10
  EXPECT_EQ(repeated({1, 2, 1, 2, 3, 1, 2, 3, 4}).verdict("INV-04"), Verdict::pass);
  EXPECT_EQ(repeated({1, 2, 1, 2, 3, 1, 2, 3, 4}).alarm(), "");
  EXPECT_EQ(repeated({1, 2, 3, 4, 4}).alarm(), "");
  EXPECT_EQ(repeated({1, 2, 3, 3, 4}).alarm(), "");
}

TEST(RoutedHistory, ARepetitionThatLeavesOutOrReordersFails) {
  EXPECT_EQ(repeated({1, 2, 3, 1, 3, 4}).finding("INV-04").text,
            "partition 0 of alerts began to repeat itself and went on with t2-3 without t2-2, which stood there the "
            "first time");
  EXPECT_EQ(repeated({1, 2, 3, 1, 4}).verdict("INV-04"), Verdict::fail);
  EXPECT_EQ(repeated({1, 2, 3, 4, 3, 2, 1}).finding("INV-04").text,
            "partition 0 of alerts began to repeat itself 3 times, and the hub crashed 2 times");
  EXPECT_EQ(repeated({1, 2, 3, 2, 1, 3, 4}).verdict("INV-04"), Verdict::fail);
}

TEST(RoutedHistory, AMessageThatADeviceSentTwiceIsNoRepetition) {  // [DLV-09]
  RoutedStory story;
  story.at(1s).sends_to(1, alerts);
  story.at(2s).sends_to(2, alerts);
  story.at(3s).sends_to(3, alerts);
  story.at(4s).shows(alerts, 1, 1, 1);
  story.shows(alerts, 2, 2, 2);
  story.shows(alerts, 1, 3, 3);  // received again later
  story.shows(alerts, 3, 4, 3);
  story.ends();
  EXPECT_EQ(story.alarm(), "");
}

TEST(RoutedHistory, TwiceInAnEndpointWithoutARestartFails) {
  RoutedStory story;
  story.at(1s).sends_to(1, alerts);
  story.at(3s).shows(alerts, 1, 1, 1);
  story.shows(alerts, 1, 2, 1);
  EXPECT_EQ(story.finding("D2C-20").text,
            "t2-1 of d1 is in partition 0 of alerts twice, and the hub has not started again since it was sent");
  RoutedStory other;
  other.at(1s).sends_to(1, alerts);
  other.at(2s).clock(Story::hub, 1s);
  other.at(3s).shows(alerts, 1, 1, 1);
  other.shows(alerts, 1, 2, 1);
  EXPECT_NE(other.verdict("D2C-20"), Verdict::fail) << "a clock that was set shows dates twice";
}

TEST(RoutedHistory, NoMessageIsWhereNoRouteLeads) {
  RoutedStory story;
  story.at(1s).sends_to(1, alerts);
  story.at(3s).shows(archive, 1, 1, 1);
  EXPECT_EQ(story.finding("D2C-19").text, "t2-1 of d1 was read at archive, and no route that leads there matches it");
}

TEST(RoutedHistory, TheBuiltInEndpointGetsTheRestOnly) {
  RoutedStory story;
  story.at(1s).sends_to(1, alerts);
  story.at(2s).shows(alerts, 1, 1, 1);
  story.at(3s).shows(events, 1, 1, 1);
  EXPECT_EQ(story.finding("D2C-23").text,
            "t2-1 of d1 was read at the built-in endpoint, though it matches a route and none leads there");
  RoutedStory named;
  named.at(1s).sends_to(1, alerts | events);
  named.at(3s).shows(events, 1, 1, 1);
  EXPECT_EQ(named.verdict("D2C-23"), Verdict::pass);
}

TEST(RoutedHistory, FallbackMustTakeWhatMatchesNothing) {
  RoutedStory story;
  story.at(1s).sends_to(1, events, true);
  story.at(2s).sends_to(2, events, true);
  story.at(3s).shows(events, 2, 1, 2);
  story.ends();
  EXPECT_EQ(story.finding("D2C-21").text, "t2-1 of d1 matches no route, and never came to the built-in endpoint");
}

TEST(RoutedHistory, WithoutFallbackItIsAcknowledgedAndGone) {  // [OPEN-25]
  RoutedStory story{false};
  story.at(1s).sends_to(1, 0, true);
  story.at(2s).sends_to(2, alerts);
  story.at(3s).shows(alerts, 2, 1, 2);
  story.ends();
  EXPECT_EQ(story.verdict("D2C-22"), Verdict::pass);
  EXPECT_EQ(story.verdict("D2C-21"), Verdict::not_exercised);
  EXPECT_EQ(story.verdict("INV-01"), Verdict::pass);
  RoutedStory kept{false};
  kept.at(1s).sends_to(1, 0, true);
  kept.at(3s).shows(events, 1, 1, 1);
  EXPECT_EQ(kept.finding("D2C-22").text,
            "t2-1 of d1 matches no route and the fallback route is off, but it was read at events");
}

TEST(RoutedHistory, OfAnEventWithoutAnEndpointNothingIsSaid) {
  RoutedStory story;
  story.at(1s).sends_to(1, alerts);
  story.at(2s).shows(alerts, 1, 1, 1);
  story.at(3s).shows(0, 1, 7, 1);
  story.shows(8, 1, 7, 1);
  story.shows(alerts | archive, 1, 7, 1);
  story.ends();
  EXPECT_EQ(story.alarm(), "");
}

TEST(HistoryOfAHubWithoutRoutes, HoldsNoWordOfThem) {
  Story story;
  story.at(1s).sends(Story::d1, 1);
  EXPECT_EQ(story.lines().find("endpoint"), std::string::npos);
  for (const char* clause : {"D2C-19", "D2C-20", "D2C-21", "D2C-22", "D2C-23"})
    EXPECT_EQ(story.verdict(clause), Verdict::not_exercised) << clause;
}

}  // namespace
}  // namespace hubproof::tests
