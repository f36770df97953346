#include "tests/support/history_builder.hpp"

#include "model/bytes.hpp"

namespace hubproof::tests {
namespace {

using model::Packet;
using model::Why;

constexpr std::uint64_t key1 = 101, key2 = 102, key3 = 103, nobodys = 199;

std::uint64_t scope(const std::string& device) { return model::hash(model::view("devices/" + device)); }

// A hub that verifies, with d1 whose keys are key1 and key2.
struct Guarded : Story {
  Guarded() {
    history.terms.verifies = true;
    gives(What::create_device, Phase::ok, key1, key2);
  }
  Guarded& at(std::chrono::nanoseconds when) {
    Story::at(when);
    return *this;
  }
  Event& gives(What what, Phase phase, std::uint64_t primary, std::uint64_t secondary, NodeIndex device = d1) {
    Event& event = add(s1, what, phase);
    event.device = device;
    event.token = primary;
    event.sequence = secondary;
    return event;
  }
  void changes_primary(std::chrono::nanoseconds from, std::chrono::nanoseconds until, std::uint64_t key) {
    at(from).gives(What::update_device, Phase::invoke, key, 0);
    at(until).gives(What::update_device, Phase::ok, key, 0);
  }
  // CONNECT of d1 on its connection n with a token that ends at `expiry`.
  void shows(std::uint32_t n, std::chrono::nanoseconds expiry, std::uint64_t key = key1,
             const std::string& of = "d1") {
    Event& opened = add(d1, What::opened);
    opened.connection = n;
    opened.device = d1;
    Event& event = packet(d1, Packet::connect, model::flag_sent, n);
    event.expiry = date(expiry);
    event.token = key;
    event.sequence = scope(of);
  }
  void let_in(std::uint32_t n) {
    Event& event = add(d1, What::accepted);
    event.connection = n;
    event.device = d1;
    event.keep_alive = 60;
  }
  void turned_away(std::uint32_t n, std::uint16_t code = 5) {
    Event& event = add(d1, What::refused);
    event.connection = n;
    event.device = d1;
    event.code = code;
  }
  // The hub's end of a connection whose token ends at `expiry`.
  void hub_lets_in(std::uint32_t n, std::chrono::nanoseconds expiry) {
    Event& event = hub_accepts(n);
    event.expiry = date(expiry);
    event.keep_alive = 0;  // silence is not the matter
  }
};

// ---- INV-20

TEST(TokenIsInTime, BeforeItsExpiryAndWithinTheGracePasses) {
  Guarded story;
  story.at(1s).shows(1, 100s);
  story.at(2s).let_in(1);
  story.at(399s).shows(2, 100s);
  story.at(400s).let_in(2);
  EXPECT_EQ(story.alarm(), "");
  EXPECT_EQ(story.verdict("INV-20"), Verdict::pass);
}

TEST(TokenIsInTime, LetInAfterTheGraceFails) {
  Guarded story;
  story.at(401s).shows(1, 100s);
  story.at(402s).let_in(1);
  EXPECT_EQ(story.verdict("INV-20"), Verdict::fail);
}

TEST(TokenIsInTime, TheHubsClockDecides) {
  Guarded story;
  story.clock(Story::hub, -60s);
  story.at(450s).shows(1, 100s);
  story.at(451s).let_in(1);
  EXPECT_EQ(story.verdict("INV-20"), Verdict::pass);
  story.at(461s).shows(2, 100s);
  story.at(462s).let_in(2);
  EXPECT_EQ(story.verdict("INV-20"), Verdict::fail);
}

TEST(TokenIsInTime, AClockThatIsSetMeanwhileDecidesNothing) {
  Guarded story;
  story.at(450s).shows(1, 100s);
  story.at(451s).clock(Story::hub, -200s);
  story.at(452s).let_in(1);
  EXPECT_EQ(story.verdict("INV-20"), Verdict::not_exercised);
}

TEST(TokenIsInTime, RefusedWithAGoodTokenFails) {
  Guarded story;
  story.at(1s).shows(1, 100s);
  story.at(2s).turned_away(1);
  EXPECT_EQ(story.verdict("INV-20"), Verdict::fail);
}

TEST(TokenIsInTime, RefusedForAnotherReasonIsNothingToIt) {
  const auto verdict = [](auto&& tell) {
    Guarded story;
    tell(story);
    return story.verdict("INV-20");
  };
  const auto none = Verdict::not_exercised;
  EXPECT_EQ(verdict([](Guarded& s) { s.at(1s).shows(1, 100s, nobodys), s.turned_away(1); }), none);
  EXPECT_EQ(verdict([](Guarded& s) { s.at(1s).shows(1, 100s, key1, "d2"), s.turned_away(1); }), none);
  EXPECT_EQ(verdict([](Guarded& s) { s.at(1s).shows(1, 100s), s.turned_away(1, 3); }), none);
  EXPECT_EQ(verdict([](Guarded& s) { s.at(101s).shows(1, 100s), s.turned_away(1); }), none);
  EXPECT_EQ(verdict([](Guarded& s) {  // its keys are being changed
              s.at(1s).gives(What::update_device, Phase::invoke, key3, 0);
              s.shows(1, 100s), s.turned_away(1);
            }), none);
  EXPECT_EQ(verdict([](Guarded& s) {
              s.at(1s).add(Story::s1, What::disable_device, Phase::invoke).device = Story::d1;
              s.at(2s).shows(1, 100s), s.turned_away(1);
            }), none);
}

// Seed 3279 of guided, signed-tokens: a device is created again, and in the instant of that answer its key is
// changed.
TEST(TokenIsInTime, AKeyThatIsChangedInTheInstantOfItsAnswerIsDead) {
  Guarded story;
  story.at(1s).gives(What::update_device, Phase::invoke, key3, 0);
  story.at(2s).gives(What::update_device, Phase::ok, key3, 0);
  story.at(2s).gives(What::update_device, Phase::invoke, 104, 0);
  story.at(3s).gives(What::update_device, Phase::ok, 104, 0);
  story.at(4s).shows(1, 100s, key3), story.turned_away(1);
  EXPECT_EQ(story.alarm(), "");
  story.at(5s).shows(2, 100s, 104), story.turned_away(2);
  EXPECT_EQ(story.verdict("INV-20"), Verdict::fail);
}

TEST(TokenIsInTime, OfOneThatIsAnsweredWhenItIsShownNobodyKnows) {
  Guarded story;
  story.at(1s).gives(What::update_device, Phase::invoke, key3, 0);
  story.at(2s).gives(What::update_device, Phase::ok, key3, 0);
  story.at(2s).shows(1, 100s, key3), story.turned_away(1);
  story.at(2s).shows(2, 100s, key1), story.let_in(2);
  EXPECT_EQ(story.alarm(), "");
}

TEST(TokenIsInTime, OfADeviceThatIsEnabledAndDisabledAtOnceNothingIsKnown) {
  for (const bool at_once : {true, false}) {
    Guarded story;
    const auto says = [&](What what, Phase phase) { story.add(Story::s1, what, phase).device = Story::d1; };
    story.at(1s), says(What::disable_device, Phase::invoke);
    if (!at_once) says(What::disable_device, Phase::ok);
    story.at(2s), says(What::enable_device, Phase::invoke);
    if (at_once) says(What::disable_device, Phase::ok);
    story.at(3s), says(What::enable_device, Phase::ok);
    story.at(4s).shows(1, 100s), story.turned_away(1);
    EXPECT_EQ(story.verdict("INV-20"), at_once ? Verdict::not_exercised : Verdict::fail);
  }
}

TEST(TokenIsInTime, IsJudgedOfTheHubsOwnWordToo) {
  Guarded story;
  story.at(500s).hub_lets_in(1, 100s);
  EXPECT_EQ(story.verdict("INV-20"), Verdict::fail);
}

TEST(TokenIsInTime, OfAHubThatAsksNobodyThereIsNothingToJudge) {
  Guarded story;
  story.history.terms.verifies = false;
  story.at(500s).shows(1, 100s, nobodys, "d2");
  story.let_in(1);
  for (const char* id : {"INV-20", "SEC-04", "SEC-09", "SEC-12", "SEC-17"})
    EXPECT_EQ(story.verdict(id), Verdict::not_exercised) << id;
}

// ---- SEC-04

TEST(SignedByItsKey, EitherKeyPassesAndNoOther) {
  Guarded story;
  story.at(1s).shows(1, 100s, key1), story.let_in(1);
  story.at(2s).shows(2, 100s, key2), story.let_in(2);
  EXPECT_EQ(story.verdict("SEC-04"), Verdict::pass);
  story.at(3s).shows(3, 100s, nobodys), story.let_in(3);
  EXPECT_EQ(story.verdict("SEC-04"), Verdict::fail);
}

TEST(SignedByItsKey, WithoutTokensIsNotExercised) {
  Guarded story;
  story.at(1s).device_accepted(1);
  EXPECT_EQ(story.verdict("SEC-04"), Verdict::not_exercised);
}

// ---- SEC-09

TEST(ReplacedKeyIsDead, OnceTheChangeIsAnswered) {
  Guarded story;
  story.changes_primary(10s, 12s, key3);
  story.at(13s).shows(1, 100s, key3), story.let_in(1);
  story.at(14s).shows(2, 100s, key2), story.let_in(2);
  EXPECT_EQ(story.alarm(), "");
  EXPECT_EQ(story.verdict("SEC-09"), Verdict::pass);
  story.at(15s).shows(3, 100s, key1), story.let_in(3);
  EXPECT_EQ(story.verdict("SEC-09"), Verdict::fail);
}

TEST(ReplacedKeyIsDead, ButNotWhileItIsUnderWay) {
  Guarded story;
  story.at(10s).gives(What::update_device, Phase::invoke, key3, 0);
  story.at(11s).shows(1, 100s, key1);
  story.at(12s).gives(What::update_device, Phase::ok, key3, 0);
  story.at(13s).let_in(1);
  EXPECT_EQ(story.alarm(), "");
}

TEST(ReplacedKeyIsDead, OfTwoChangesAtOnceNobodyKnowsTheLast) {
  Guarded story;
  story.at(10s).gives(What::update_device, Phase::invoke, key3, 0);
  story.at(10s).gives(What::update_device, Phase::invoke, 104, 0);
  story.at(12s).gives(What::update_device, Phase::ok, key3, 0);
  story.at(12s).gives(What::update_device, Phase::ok, 104, 0);
  story.at(13s).shows(1, 100s, key3), story.let_in(1);
  story.at(14s).shows(2, 100s, 104), story.let_in(2);
  EXPECT_EQ(story.alarm(), "");
}

TEST(ReplacedKeyIsDead, AlsoWithItsRegistration) {
  Guarded story;
  for (const Phase phase : {Phase::invoke, Phase::ok})
    story.at(10s).add(Story::s1, What::delete_device, phase).device = Story::d1;
  story.at(11s).gives(What::create_device, Phase::invoke, key3, 104);
  story.at(12s).gives(What::create_device, Phase::ok, key3, 104);
  story.at(13s).shows(1, 100s, key2), story.let_in(1);
  EXPECT_EQ(story.verdict("SEC-09"), Verdict::fail);
}

TEST(ReplacedKeyIsDead, AlsoWhenItIsReplacedInTheInstantOfItsAnswer) {
  Guarded story;
  story.at(10s).gives(What::update_device, Phase::invoke, key3, 0);
  story.at(11s).gives(What::update_device, Phase::ok, key3, 0);
  story.at(11s).gives(What::update_device, Phase::invoke, 104, 0);
  story.at(12s).gives(What::update_device, Phase::ok, 104, 0);
  story.at(13s).shows(1, 100s, key3), story.let_in(1);
  EXPECT_EQ(story.verdict("SEC-09"), Verdict::fail);
}

// Whichever of the two the hub took first: that the new key was given after the deletion is not said.
TEST(ReplacedKeyIsDead, ButNotOneThatIsAnsweredAfterADeletionOfThatInstantBegan) {
  Guarded story;
  story.at(10s).add(Story::s1, What::delete_device, Phase::invoke).device = Story::d1;
  story.at(10s).gives(What::create_device, Phase::ok, key3, 104);
  story.at(11s).add(Story::s1, What::delete_device, Phase::ok).device = Story::d1;
  story.at(12s).shows(1, 100s, key3), story.let_in(1);
  EXPECT_EQ(story.alarm(), "");
}

TEST(ReplacedKeyIsDead, WithoutAChangeIsNotExercised) {
  Guarded story;
  story.at(1s).shows(1, 100s), story.let_in(1);
  EXPECT_EQ(story.verdict("SEC-09"), Verdict::not_exercised);
}

// ---- SEC-12

TEST(InScope, AnothersTokenThatIsRefusedPasses) {
  Guarded story;
  story.at(1s).shows(1, 100s, key1, "d2"), story.turned_away(1);
  EXPECT_EQ(story.verdict("SEC-12"), Verdict::pass);
}

TEST(InScope, AnothersTokenThatOpensFails) {
  Guarded story;
  story.at(1s).shows(1, 100s, key1, "d"), story.let_in(1);
  EXPECT_EQ(story.verdict("SEC-12"), Verdict::fail);
}

TEST(InScope, ItsOwnIsNotExercised) {
  Guarded story;
  story.at(1s).shows(1, 100s), story.let_in(1);
  EXPECT_EQ(story.verdict("SEC-12"), Verdict::not_exercised);
}

// ---- SEC-17

TEST(EndsWithItsToken, CutAfterTheGracePasses) {
  Guarded story;
  story.at(1s).hub_lets_in(1, 100s);
  story.at(700s).hub_ends(1, Why::credentials);
  EXPECT_EQ(story.alarm(), "");
  EXPECT_EQ(story.verdict("SEC-17"), Verdict::pass);
}

TEST(EndsWithItsToken, ALongerLifeFails) {
  Guarded story;
  story.at(1s).hub_lets_in(1, 100s);
  story.at(720s).hub_ends(1, Why::disconnect);
  EXPECT_EQ(story.verdict("SEC-17"), Verdict::fail);

  Guarded open;
  open.at(1s).hub_lets_in(1, 100s);
  open.at(720s).finished();
  EXPECT_EQ(open.verdict("SEC-17"), Verdict::fail);
}

TEST(EndsWithItsToken, AHubThatSleptOrWentDownOwesNothing) {
  Guarded story;
  story.fault();
  story.at(1s).hub_lets_in(1, 100s);
  story.at(720s).hub_ends(1, Why::credentials);  // paused until then
  EXPECT_EQ(story.alarm(), "");

  Guarded down;
  down.fault();
  down.at(1s).hub_lets_in(1, 100s);
  down.at(50s).crashed(Story::hub);
  down.at(800s).hub_does_something();
  down.at(900s).finished();
  EXPECT_EQ(down.alarm(), "");
}

TEST(EndsWithItsToken, TheProfileOf2017KeepsThem) {
  Guarded story;
  story.history.terms.cuts_expired = false;
  story.at(1s).hub_lets_in(1, 100s);
  story.at(7200s).finished();
  EXPECT_EQ(story.verdict("SEC-17"), Verdict::not_exercised);
}

TEST(EndsWithItsToken, AnEndBeforeItIsNotExercised) {
  Guarded story;
  story.at(1s).hub_lets_in(1, 100s);
  story.at(50s).hub_ends(1);
  EXPECT_EQ(story.verdict("SEC-17"), Verdict::not_exercised);
}

}  // namespace
}  // namespace hubproof::tests
