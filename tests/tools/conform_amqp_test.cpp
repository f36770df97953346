// The suite of AMQP 1.0 in simulation, and what a descriptor has to say for it.
#include <gtest/gtest.h>

#include <algorithm>

#include "conformance/cases/case.hpp"
#include "tools/conform/conform.hpp"

namespace hubproof::tests {
namespace {

using namespace tools;
using conformance::Verdict;
using conformance::cases::Capability;

TEST(ConformAmqp, OurOwnBrokerPassesInSimulation) {
  const Descriptor descriptor = simulated_descriptor("amqp-1.0");
  std::size_t passed = 0;
  for (const CaseResult& one : conform(descriptor, {}).cases) {
    const bool for_it = one.of->profiles == conformance::cases::For::amqp_brokers;
    EXPECT_EQ(one.not_applicable.empty(), for_it) << one.of->name << ": " << one.not_applicable;
    if (!for_it || one.of->name == "amqp10/session/handle-too-high")
      continue;  // it announces no handle-max
    EXPECT_EQ(one.verdict(), Verdict::pass) << one.of->name << ": " << one.missing;
    ++passed;
  }
  EXPECT_GT(passed, 80u);
}

TEST(ConformAmqp, AWrongBrokerFails) {
  const Descriptor descriptor = simulated_descriptor("amqp-1.0");
  model::amqp::QueueRules rules;
  rules.keeps_body = false;
  const auto* one = conformance::cases::find_case("amqp10/message/data");
  ASSERT_NE(one, nullptr);
  const CaseResult result = run_simulated(*one, descriptor, rules, 0);
  EXPECT_EQ(result.verdict(), Verdict::fail);
  EXPECT_TRUE(std::ranges::any_of(result.outcomes, [](const auto& outcome) {
    return outcome.clause == "amqp10:3.2.0-1" && outcome.finding.verdict == Verdict::fail;
  }));
}

TEST(ConformAmqp, WithoutANodeThereAreTheCasesOfConnections) {
  Problems problems;
  const std::string json =
      R"({"profile": "amqp-1.0", "addresses": ["amqp://127.0.0.1:5672"], "user": "guest", "password": "guest")";
  const Descriptor bare = read_descriptor(json + "}", {}, problems);
  const Descriptor full = read_descriptor(json + R"(, "node": "/queue/*"})", {}, problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_FALSE(bare.target.can.has(Capability::node));
  EXPECT_TRUE(full.target.can.has(Capability::node));
  const auto* message = conformance::cases::find_case("amqp10/message/data");
  const auto* open = conformance::cases::find_case("amqp10/open/answered");
  ASSERT_TRUE(message != nullptr && open != nullptr);
  EXPECT_EQ(why_not(*message, bare), "the target lacks node");
  EXPECT_EQ(why_not(*message, full), "");
  EXPECT_EQ(why_not(*open, bare), "");
  EXPECT_NE(why_not(*open, simulated_descriptor("mqtt-3.1.1")), "");
  EXPECT_NE(why_not(*open, simulated_descriptor("iot-hub-2026")), "");
}

}  // namespace
}  // namespace hubproof::tests
