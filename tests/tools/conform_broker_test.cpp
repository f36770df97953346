// For each statement of MQTT 3.1.1 that a broker can break on the wire there is a broker that breaks it, and the suite
// finds it under that statement.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "model/mutants/areas.hpp"
#include "tools/conform/conform.hpp"

namespace hubproof::tests {
namespace {

using namespace tools;
using conformance::Verdict;
using conformance::cases::why_not;

bool finds(const conformance::cases::Case& one, std::string_view statement, const Descriptor& descriptor,
           const model::Rules& rules) {
  if (!why_not(one, descriptor.target).empty()) return false;
  const CaseResult result = run_simulated(one, descriptor, rules, 0);
  return std::ranges::any_of(result.outcomes, [&](const auto& outcome) {
    return outcome.clause == statement && outcome.finding.verdict == Verdict::fail;
  });
}

TEST(BrokerZoo, ForEachStatementThereIsAMutantThatIsFoundUnderIt) {
  // Whose mutants the suite does not find yet (3.1.2-12, 3.1.3-2, 4.7.1-1), or under another statement.
  const std::set<std::string_view> not_yet{
      "mqtt311:2.2.2-1", "mqtt311:3.1.2-12", "mqtt311:3.1.3-2", "mqtt311:3.1.4-3",
      "mqtt311:3.3.2-3", "mqtt311:4.1.0-2",  "mqtt311:4.7.1-1"};
  const Descriptor descriptor = simulated_descriptor("mqtt-3.1.1");
  std::map<std::string_view, bool> found;
  for (const model::Mutant& mutant : model::broker_mutants()) {
    bool& known = found[mutant.meant_for];
    if (known) continue;
    model::Rules rules = *model::profile("mqtt-3.1.1");
    mutant.apply(rules);
    known = std::ranges::any_of(conformance::cases::cases(), [&](const auto& one) {
      return finds(one, mutant.meant_for, descriptor, rules);
    });
  }
  std::size_t statements = 0;
  for (const auto& [statement, is] : found) {
    statements += is;
    EXPECT_TRUE(is || not_yet.contains(statement)) << statement << " has no mutant that is found under it";
  }
  RecordProperty("statements", static_cast<int>(statements));
  EXPECT_GE(statements, 90u);
}

}  // namespace
}  // namespace hubproof::tests
