// Each case of hub messaging that finds a mutant: the wrong hub fails it, the right one passes.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "conformance/cases/hub.hpp"
#include "model/json.hpp"
#include "model/mutants/mutant.hpp"
#include "tests/tools/program.hpp"
#include "tools/conform/conform.hpp"
#include "tools/scenario_fields.hpp"

namespace hubproof::tests {
namespace {

using conformance::Verdict;

struct Finds {
  const char* mutant;
  const char* by;  // a case
  std::uint64_t seed = 0;
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
    {"start-runs-ahead", "amqp/telemetry/read-from"},
    {"replay-with-gaps", "amqp/telemetry/two-readers"},
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
    {"ttl-by-wrong-clock", "http/timing/settled-around-the-expiry", 2},  // by less than a millisecond
    {"ack-before-durable", "amqp/durable/restart"},
    {"amqp-flight-lost-with-link", "amqp/command/connection-lost"},
    {"amqp-long-body-cut", "amqp/command/long-bodies"},
    {"amqp-lost-lock-confirmed", "amqp/command/lock-lost"},
    {"amqp-modified-completes", "amqp/command/modified"},
    {"amqp-range-settles-first", "amqp/command/settled-together"},
    {"amqp-rejected-returns", "amqp/command/rejected"},
    {"amqp-released-completes", "amqp/command/released"},
    {"first-message-of-a-read", "websocket/mqtt/frames-byte-by-byte"},
    {"message-taken-for-packets", "websocket/mqtt/frames-byte-by-byte"},
    {"accepted-after-deletion", "mqtt/timing/deleted-as-it-connects"},
    {"accepted-after-takeover", "mqtt/timing/two-connects-at-once"},
    {"allowance-doubled", "amqp/quotas/commands-throttled"},
    {"amqp-accepted-before-durable", "amqp/durability/telemetry"},
    {"amqp-settlement-before-durable", "amqp/durability/settled"},
    {"batch-formed-twice", "http/durability/feedback"},
    {"chunks-rounded-down", "amqp/quotas/commands-throttled"},
    {"completed-batch-comes-again", "http/durability/feedback"},
    {"deletion-answered-too-soon", "http/durability/registry"},
    {"expired-late", "http/timing/expires-unasked"},
    {"expired-token-keeps-connection", "mqtt/timing/token-ends"},
    {"expiry-off-by-one-tick", "http/timing/settled-around-the-expiry"},
    {"fallback-despite-match", "mqtt/routes/conditions"},
    {"fallback-ignored", "mqtt/routes/conditions"},
    {"feedback-batch-too-large", "http/timing/many-records"},
    {"feedback-lives-twenty-minutes", "http/timing/batch-waits"},
    {"feedback-lost-in-snapshot", "http/durability/feedback"},
    {"feedback-overflow-lost", "http/timing/many-records"},
    {"feedback-settled-too-soon", "http/durability/feedback-settled"},
    {"filters-lost-in-snapshot", "mqtt/durability/subscriptions"},
    {"first-route-wins", "mqtt/routes/conditions"},
    {"flight-lost-in-early-takeover", "mqtt/timing/taken-over-under-way"},
    {"flight-lost-in-late-silence", "mqtt/timing/silent-to-the-end-of-the-lock"},
    {"flight-lost-in-sudden-end", "mqtt/timing/cut-under-way"},
    {"generation-given-twice", "http/durability/registry"},
    {"goes-on-behind-torn-record", "mqtt/durability/telemetry"},
    {"http-answers-before-durable", "http/durability/telemetry"},
    {"lock-ends-late", "http/timing/lock-ends"},
    {"lock-hides-late", "http/timing/asked-at-once"},
    {"locked-outlives-expiry", "http/timing/settled-around-the-expiry"},
    {"merged-telemetry-lost", "mqtt/routes/over-restarts"},
    {"old-segments-go-too-soon", "mqtt/durability/telemetry", 1},
    {"outcome-apart-from-feedback", "http/durability/outcomes"},
    {"ping-ends-a-message", "websocket/mqtt/frames-ping-between-fragments"},
    {"promise-by-older-sync", "mqtt/routes/over-restarts"},
    {"purge-answered-too-soon", "http/durability/purges"},
    {"purge-spares-ending-lock", "http/timing/purged-as-the-lock-ends"},
    {"queue-too-fast", "http/quotas/registry-throttled"},
    {"quota-by-local-midnight", "http/quotas/of-two-days"},
    {"quota-ends-with-process", "http/quotas/over-a-restart"},
    {"quota-never-resets", "http/quotas/of-two-days"},
    {"read-before-durable", "mqtt/durability/telemetry", 2},
    {"refused-before-full", "amqp/quotas/commands-throttled"},
    {"refused-is-acknowledged", "http/quotas/used-up"},
    {"refused-is-metered", "amqp/quotas/commands-throttled"},
    {"refused-is-stored", "http/quotas/used-up"},
    {"replay-reordered", "mqtt/routes/over-restarts"},
    {"snapshot-sync-counts-for-more", "mqtt/durability/telemetry", 2},
    {"subscription-granted-too-soon", "mqtt/session/outlasts-a-restart"},
    {"suffix-lost", "mqtt/routes/over-restarts"},
    {"tokens-begin-anew", "http/durability/lock-tokens"},
    {"torn-record-accepted", "amqp/durability/telemetry"},
    {"torn-snapshot-believed", "amqp/durability/telemetry"},
    {"twice-per-endpoint", "mqtt/routes/conditions"},
    {"undefined-is-true", "mqtt/routes/conditions"},
    {"unmatched-kept-with-fallback-off", "mqtt/routes/without-fallback"},
    {"will-before-acceptance", "mqtt/timing/two-connects-at-once"},
    {"will-lost-in-a-race", "mqtt/timing/will-at-once"},
};

Verdict verdict(const char* of, const char* mutant, std::uint64_t seed) {
  model::Rules rules = *model::profile("iot-hub-2026");
  if (mutant != nullptr) model::find_mutant(mutant)->apply(rules);
  tools::ConformOptions options;
  options.rules = &rules;
  options.only = of;
  options.seed = seed;
  const tools::ConformResult result = conform(tools::simulated_descriptor("iot-hub-2026"), options);
  return result.cases.size() == 1 ? result.cases[0].verdict() : Verdict::not_exercised;
}

class HubMutants : public testing::TestWithParam<Finds> {};

TEST_P(HubMutants, AreFoundByTheirCase) {
  ASSERT_NE(model::find_mutant(GetParam().mutant), nullptr);
  EXPECT_EQ(verdict(GetParam().by, nullptr, GetParam().seed), Verdict::pass);
  EXPECT_EQ(verdict(GetParam().by, GetParam().mutant, GetParam().seed), Verdict::fail);
}

std::string name_of(const testing::TestParamInfo<Finds>& info) {
  std::string name = info.param.mutant;
  for (char& c : name)
    if (c == '-') c = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Table, HubMutants, testing::ValuesIn(table), name_of);

// ---- Those that no client can see.

struct Unseen {
  std::string mutant, kind, reason;
};

std::vector<Unseen> unseen() {
  std::vector<Unseen> list;
  const auto json = model::read_json(file_text(std::filesystem::path{source_dir()} / "conformance/unseen.json"));
  if (!json) return list;
  for (const model::Json& item : json->items) {
    const auto text = [&](const char* name) {
      const model::Json* found = item.find(name);
      return found == nullptr ? std::string{} : found->text;
    };
    list.push_back({text("mutant"), text("kind"), text("reason")});
  }
  return list;
}

// A wrong broker is the broker's tests' business, and a wrong device the device suite's.
bool is_hubs(const model::Mutant& mutant) {
  model::Rules rules;
  mutant.apply(rules);
  return !std::string_view{mutant.name}.starts_with("broker-") && rules.device == model::Rules{}.device;
}

TEST(HubSuite, EveryWrongHubIsFoundOrHasAReason) {
  std::map<std::string, Unseen> reasons;
  for (const Unseen& one : unseen()) {
    EXPECT_NE(model::find_mutant(one.mutant), nullptr) << one.mutant;
    EXPECT_FALSE(one.reason.empty()) << one.mutant;
    EXPECT_TRUE(reasons.emplace(one.mutant, one).second) << one.mutant << " is there twice";
    const char* kinds[] = {"clock", "disk", "service", "unprovable", "coincidence", "open"};
    EXPECT_EQ(std::ranges::count(kinds, one.kind), 1) << one.mutant << ": " << one.kind;
  }
  for (const model::Mutant& mutant : model::mutants()) {
    if (!is_hubs(mutant)) continue;
    const bool found = std::ranges::any_of(table, [&](const Finds& one) { return std::string_view{one.mutant} == mutant.name; });
    EXPECT_NE(found, reasons.contains(mutant.name)) << mutant.name << " needs a case that finds it in the table above, or a reason in conformance/unseen.json: "
                                                    << mutant.sentence;
  }
}

TEST(HubSuite, WhatHasAReasonIsNotFound) {
  for (const Unseen& one : unseen()) {
    if (one.kind == "service" || one.kind == "open") continue;  // the hub is the right one
    model::Rules rules = *model::profile("iot-hub-2026");
    ASSERT_NE(model::find_mutant(one.mutant), nullptr) << one.mutant;
    model::find_mutant(one.mutant)->apply(rules);
    tools::ConformOptions options;
    options.rules = &rules;
    for (const tools::CaseResult& result : conform(tools::simulated_descriptor("iot-hub-2026"), options).cases)
      EXPECT_NE(result.verdict(), Verdict::fail) << result.of->name << " finds " << one.mutant << ": take its reason out of conformance/unseen.json";
  }
}

// The routes that a live hub is given are those of the simulated one.
TEST(HubSuite, TheRoutesOfTheFileAreTheSuites) {
  tools::Problems problems;
  model::Routing read;
  const auto document = tools::object_of(file_text(std::filesystem::path{source_dir()} / "conformance/routes.json"), problems);
  ASSERT_TRUE(document);
  tools::read_fields(*document, "", {}, problems, [&](tools::Fields& fields) { tools::routing_fields(fields, read); });
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(read, conformance::cases::suite_routing());
}

}  // namespace
}  // namespace hubproof::tests
