// Each case of hub messaging that finds a mutant: the wrong hub fails it, the right one passes.
#include <gtest/gtest.h>

#include "model/mutants/mutant.hpp"
#include "tools/conform/conform.hpp"

namespace hubproof::tests {
namespace {

using conformance::Verdict;

struct Finds {
  const char* mutant;
  const char* by;  // a case
};

constexpr Finds table[] = {
    {"canary", "http/telemetry/batch"},
    {"partition-changed", "http/telemetry/one-after-the-other"},
    {"altered-payload", "http/telemetry/one-after-the-other"},
    {"fifty-first-message", "http/commands/queue-of-50"},
    {"queue-without-limit", "http/commands/queue-of-50"},
    {"fiftieth-refused", "http/commands/queue-of-50"},
    {"two-live-locks", "http/commands/abandoned"},
    {"purge-leaves-locked", "http/commands/queue-of-50"},
    {"delivery-after-expiry", "http/commands/expires-in-the-queue"},
    {"delivery-after-completion", "mqtt/commands/many"},
    {"lock-does-not-hide", "http/commands/each-locks-one"},
    {"lock-half-as-long", "http/commands/lock-runs-out"},
    {"given-up-too-soon", "http/commands/abandoned-each-time"},
    {"dead-token-settles", "http/commands/lock-runs-out"},
    {"count-rule-of-other-profile", "http/commands/lock-runs-out"},
    {"queue-outlives-deletion", "http/commands/created-again"},
    {"stuck-after-recovery", "http/commands/outlasts-a-restart"},
    {"altered-command", "mqtt/commands/many"},
    {"feedback-lost", "http/feedback/outcomes"},
    {"feedback-doubled", "http/feedback/outcomes"},
    {"feedback-wrong-status", "http/feedback/outcomes"},
    {"feedback-unasked", "http/feedback/outcomes"},
    {"feedback-late", "http/feedback/outcomes"},
    {"feedback-short-lived", "http/feedback/lock-runs-out"},
    {"older-connection-kept", "mqtt/session/takeover-with-will"},
    {"will-after-disconnect", "mqtt/will/disconnected"},
    {"will-missing", "mqtt/session/takeover-with-will"},
    {"will-twice", "mqtt/will/silent"},
    {"c2d-before-subscribe", "mqtt/commands/before-subscription"},
    {"stuck-after-heal", "mqtt/commands/not-acknowledged"},
    {"flight-lost-with-connection", "mqtt/commands/not-acknowledged"},
    {"clean-session-resumed", "mqtt/commands/stored-subscription"},
    {"batch-stored-in-part", "http/telemetry/batch"},
    {"http-answers-out-of-order", "http/telemetry/many-ahead"},
    {"http-caller-mixed-up", "http/commands/others-lock"},
    {"http-value-cut", "http/telemetry/with-properties"},
    {"etag-of-the-message", "http/commands/abandoned"},
    {"http-receive-completes", "http/commands/abandoned"},
    {"lost-lock-answered-well", "http/commands/abandoned"},
    {"grace-without-end", "http/tokens/expired"},
    {"tokens-end-early", "http/commands/created-again"},
    {"signature-not-compared", "http/commands/created-again"},
    {"scope-by-text", "http/tokens/of-shorter-scope"},
    {"any-devices-token", "http/registry/cases-differ"},
    {"rotated-key-still-good", "http/tokens/of-replaced-key"},
    {"deleted-keys-still-good", "http/commands/created-again"},
    {"lost-on-recovery", "mqtt/telemetry/outlasts-a-restart"},
    {"duplicate-forgotten-on-takeover", "mqtt/telemetry/with-dup-1"},
    {"event-hidden-from-readers", "mqtt/telemetry/in-a-kept-session"},
    {"foreign-device", "mqtt/telemetry/in-a-kept-session"},
    {"reordered-after-reconnect", "mqtt/telemetry/in-a-kept-session"},
    {"sequence-numbers-reused", "mqtt/telemetry/outlasts-a-restart"},
    {"resend-after-wrap-dropped", "mqtt/telemetry/with-dup-2"},
    {"expires-at-the-head-only", "http/commands/expiry-frees-a-place"},
    {"keep-alive-late", "mqtt/session/silent-for-20"},
    {"keep-alive-early", "mqtt/session/silent-for-20"},
    {"flight-lost-in-takeover", "mqtt/commands/takeover-at-once"},
    {"flight-lost-with-disabling", "mqtt/commands/disabled-under-way"},
    {"flight-lost-in-late-takeover", "mqtt/commands/takeover-at-the-end-of-its-lock"},
    {"late-ack-unsubscribes", "mqtt/commands/lock-runs-out"},
    {"removal-lost-on-recovery", "http/registry/outlasts-a-restart"},
    {"abandons-lost-on-recovery", "http/commands/outlasts-a-restart"},
    {"settling-lost-on-recovery", "http/commands/outlasts-a-restart"},
    {"bare-reject-ignored", "http/feedback/outcomes"},
};

Verdict verdict(const char* of, const char* mutant) {
  model::Rules rules = *model::profile("iot-hub-2026");
  if (mutant != nullptr) model::find_mutant(mutant)->apply(rules);
  tools::ConformOptions options;
  options.rules = &rules;
  options.only = of;
  const tools::ConformResult result = conform(tools::simulated_descriptor("iot-hub-2026"), options);
  return result.cases.size() == 1 ? result.cases[0].verdict() : Verdict::not_exercised;
}

class HubMutants : public testing::TestWithParam<Finds> {};

TEST_P(HubMutants, AreFoundByTheirCase) {
  ASSERT_NE(model::find_mutant(GetParam().mutant), nullptr);
  EXPECT_EQ(verdict(GetParam().by, nullptr), Verdict::pass);
  EXPECT_EQ(verdict(GetParam().by, GetParam().mutant), Verdict::fail);
}

std::string name_of(const testing::TestParamInfo<Finds>& info) {
  std::string name = info.param.mutant;
  for (char& c : name)
    if (c == '-') c = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Table, HubMutants, testing::ValuesIn(table), name_of);

}  // namespace
}  // namespace hubproof::tests
