// The checks of histories look at the traffic of each case of the suite.
#include "tools/conform/traffic.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "conformance/cases/commands.hpp"
#include "conformance/cases/mqtt.hpp"
#include "model/mutants/mutant.hpp"
#include "tools/conform/conform.hpp"

namespace hubproof::tests {
namespace {

using namespace tools;
using conformance::Verdict;

// Clauses that the traffic of these cases broke; `exercised`: those that it gave something to judge.
std::set<std::string> broken(const std::string& profile, std::string only, const char* mutant,
                             std::set<std::string_view>* exercised = nullptr) {
  model::Rules rules = *model::profile(profile);
  if (mutant != nullptr) model::find_mutant(mutant)->apply(rules);
  ConformOptions options;
  options.rules = &rules;
  options.only = std::move(only);
  std::set<std::string> clauses;
  for (const CaseResult& one : conform(simulated_descriptor(profile), options).cases) {
    if (exercised != nullptr) exercised->insert(one.checked.begin(), one.checked.end());
    for (const auto& outcome : one.outcomes)
      if (outcome.finding.verdict == Verdict::fail && outcome.finding.text.find("over the case's traffic") != std::string::npos)
        clauses.insert(outcome.clause);
  }
  return clauses;
}

TEST(Traffic, WhatARightServerDoesBreaksNothingWhateverItsClientsDo) {
  std::set<std::string_view> exercised;
  EXPECT_EQ(broken("mqtt-3.1.1", "", nullptr, &exercised), std::set<std::string>{});
  for (const char* clause : {"mqtt311:3.1.2-10", "mqtt311:3.1.2-8", "mqtt311:3.2.2-2", "mqtt311:3.3.1-6", "mqtt311:4.3.3-2",
                             "mqtt311:4.5.0-1", "mqtt311:4.6.0-6"})
    EXPECT_TRUE(exercised.contains(clause)) << clause;
  exercised.clear();
  EXPECT_EQ(broken("iot-hub-2026", "", nullptr, &exercised), std::set<std::string>{});
  for (const char* clause : {"INV-17", "INV-18", "INV-19"}) EXPECT_TRUE(exercised.contains(clause)) << clause;
}

TEST(Traffic, WhatAWrongServerDoesIsFound) {
  struct {
    const char *profile, *mutant, *clause;
  } const wrongs[] = {{"mqtt-3.1.1", "broker-never-present", "mqtt311:3.2.2-2"},
                      {"mqtt-3.1.1", "broker-will-twice", "mqtt311:3.1.2-10"},
                      {"mqtt-3.1.1", "broker-publishes-after-pubrec", "mqtt311:4.3.3-2"},
                      {"mqtt-3.1.1", "broker-swaps", "mqtt311:4.6.0-6"},
                      {"iot-hub-2026", "c2d-before-subscribe", "INV-18"}};
  for (const auto& wrong : wrongs)
    EXPECT_EQ(broken(wrong.profile, "", wrong.mutant), std::set<std::string>{wrong.clause}) << wrong.mutant;
}

// Two messages with one payload: nobody can say which of them came.
TEST(Traffic, MessagesThatAreAlikeAreNotJudged) {
  std::set<std::string_view> exercised;
  EXPECT_EQ(broken("mqtt-3.1.1", "mqtt/qos/twice-id-again", nullptr, &exercised), std::set<std::string>{});
  EXPECT_EQ(exercised.size(), 0u);
  broken("mqtt-3.1.1", "mqtt/qos/twice-publish", nullptr, &exercised);  // the same one, sent again
  EXPECT_GT(exercised.size(), 0u);
}

// A device says CONNECT and SUBSCRIBE in one go, and a command waits for it: it has subscribed when that comes.
conformance::cases::Script all_in_one_go(conformance::cases::Stage& stage) {
  using namespace conformance::cases;
  const Who who = stage.someone();
  Service service{stage};
  co_await service.opened();
  const Drawn drawn = drawn_message(stage, {.least = 1});
  co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
  const Client client = co_await called(stage);
  model::Bytes both;
  for (const View part : {connect_packet(stage, who), subscribe_packet(stage, 7, stage.filter(who), 1)}) both.insert(both.end(), part.begin(), part.end());
  stage.send_whole(client, stage.keep(std::move(both)));
  const Packet* packet = co_await stage.heard(client, Type::publish);
  stage.expect(packet != nullptr, "the command", "none");
}

TEST(Traffic, WhatIsSubscribedToWithConnectIsSubscribedTo) {
  const conformance::cases::Case one{"mqtt/commands/all-in-one-go", "CONNECT and SUBSCRIBE come in one go.", {"MQTT-30"}, all_in_one_go};
  const CaseResult result = run_simulated(one, simulated_descriptor("iot-hub-2026"), *model::profile("iot-hub-2026"), 0);
  EXPECT_EQ(result.verdict(), Verdict::pass) << result.outcomes.back().clause << ": " << result.outcomes.back().finding.text;
  EXPECT_GT(std::ranges::count(result.checked, std::string_view{"INV-18"}), 0);
}

// A command leaves on a connection as another one takes that over, and may come behind the CONNACK there.
conformance::cases::Script under_way(conformance::cases::Stage& stage) {
  using namespace conformance::cases;
  const Who who = stage.someone();
  Service service{stage};
  co_await service.opened();
  const Drawn drawn = drawn_message(stage, {.least = 1});
  co_await taken(stage, &service, stage.identity(who).id, drawn.flat);
  const Client older = co_await joined(stage, who);
  const Client newer = co_await called(stage);
  stage.send_whole(older, subscribe_packet(stage, 7, stage.filter(who), 1));
  stage.send_whole(newer, connect_packet(stage, who));
  co_await stage.heard(newer, Type::connack);
  co_await stage.pause(1s);
  stage.pass();
}

TEST(Traffic, WhatWasUnderWayAtATakeoverIsNotOfTheNewSession) {
  const conformance::cases::Case one{"mqtt/commands/under-way", "A command leaves as its connection is taken over.", {"MQTT-30"}, under_way};
  int exercised = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const CaseResult result = run_simulated(one, simulated_descriptor("iot-hub-2026"), *model::profile("iot-hub-2026"), seed);
    EXPECT_EQ(result.verdict(), Verdict::pass) << seed << " " << result.outcomes.back().clause << ": " << result.outcomes.back().finding.text;
    exercised += std::ranges::count(result.checked, std::string_view{"INV-18"}) > 0 ? 1 : 0;
  }
  EXPECT_GT(exercised, 0);
}

}  // namespace
}  // namespace hubproof::tests
