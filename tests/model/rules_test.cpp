#include "model/rules.hpp"

#include <gtest/gtest.h>

namespace hubproof::model {
namespace {

TEST(Rules, TheDefaultProfileIsTheHubOfToday) {
  ASSERT_NE(profile("iot-hub-2026"), nullptr);
  EXPECT_EQ(Rules{}.profile, "iot-hub-2026");
  EXPECT_EQ(profile("iot-hub-2026")->hub.delivery_count_rule, DeliveryCountRule::abandon_only_2026);
  EXPECT_EQ(profile("iot-hub-2026")->hub.feedback_max_delivery_count, 10u);
  EXPECT_EQ(profile("iot-hub-1999"), nullptr);
}

TEST(Rules, TheHubOf2017CountsEveryReturn) {
  const Rules& rules = *profile("iot-hub-2017");
  EXPECT_TRUE(terms(rules).count_every_return);
  EXPECT_EQ(rules.hub.feedback_max_delivery_count, 100u);
  EXPECT_EQ(rules.hub.retain_property_name, RetainName::x_opt_retain);
  EXPECT_TRUE(rules.hub.feedback_pascal_case);
}

TEST(Rules, TermsSayWhatTheRulesPromise) {
  Rules rules;
  rules.hub.lock = 5s;
  rules.hub.queue_limit = 7;
  rules.hub.lock_on_disconnect = LockOnDisconnect::hold;
  const Terms promised = terms(rules);
  EXPECT_EQ(promised.lock_ns, 5'000'000'000);
  EXPECT_EQ(promised.queue_limit, 7u);
  EXPECT_FALSE(promised.release_on_disconnect);
  EXPECT_EQ(promised.retention_ns, 86'400'000'000'000);
  EXPECT_EQ(promised.tick_ns, 1'000'000);
}

TEST(Rules, KeepAliveZeroAndTooLongAreTheCap) {
  const HubRules rules;
  EXPECT_EQ(rules.keep_alive_limit(0s, rules.keep_alive_cap), 1767s);
  EXPECT_EQ(rules.keep_alive_limit(60s, rules.keep_alive_cap), 90s);
  EXPECT_EQ(rules.keep_alive_limit(3600s, rules.keep_alive_cap), 1767s);
}

TEST(Rules, PurgedIsANegativeOutcome) {
  const HubRules rules;
  EXPECT_TRUE(rules.wants_record(Ack::negative, Status::purged));
  EXPECT_FALSE(rules.wants_record(Ack::positive, Status::purged));
  EXPECT_TRUE(rules.wants_record(Ack::full, Status::success));
  EXPECT_FALSE(rules.wants_record(Ack::none, Status::success));
}

}  // namespace
}  // namespace hubproof::model
