#include "tools/render/render.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/document.hpp"

namespace hubproof::tools {
namespace {

using testing::HasSubstr;

std::size_t check(std::string_view id) {
  for (std::size_t at = 0; at < all_checks().size(); ++at)
    if (all_checks()[at].id == id) return at;
  ADD_FAILURE() << "no check " << id;
  return 0;
}

// Two scenarios; INV-01 fails twice in the second, INV-02 is nowhere decided.
CampaignResult two_scenarios() {
  CampaignResult result;
  result.first_seed = 3;
  result.last_seed = 12;
  for (const char* name : {"quiet", "loud <&>"}) {
    ScenarioResult& one = result.scenarios.emplace_back();
    one.name = name;
    one.file = std::string{"scenarios/"} + name + ".json";
    one.runs = 10;
    one.digest = 0xab;
    one.events = 1'234'567;
    one.messages.d2c_sent = 1000;
    one.messages.c2d_sent = 20;
    one.messages.feedback = 19;
    one.simulated = 93'214'000'000;
    one.cpu = 123'456'789;
    one.clauses.resize(all_checks().size());
    for (ClauseCounts& counts : one.clauses) counts.pass = 10;
    one.clauses[check("INV-02")] = {0, 8, 2, 0};
  }
  ScenarioResult& loud = result.scenarios[1];
  loud.clauses[check("INV-01")] = {6, 0, 0, 4};
  for (const std::uint64_t seed : {3u, 5u, 7u, 11u})
    loud.failures.push_back({seed, check("INV-01"), 93'214'000'000, 1208, "t2-17 was \"lost\" & never read"});
  return result;
}

TEST(TextReport, ShowsAFailureWithItsEvidenceAndItsReproduction) {
  Rendering how;
  how.command = " --mutant lost";
  const std::string text = render_text(two_scenarios(), how);
  const std::string sentence{all_checks()[check("INV-01")].sentence};
  EXPECT_THAT(text, HasSubstr("\nFAIL  INV-01 [MUST]  " + sentence +
                              "    t=93.214s  event 1208\n"
                              "      t2-17 was \"lost\" & never read\n"
                              "      reproduce: hubproof run scenarios/loud <&>.json --seed 3 --mutant lost\n"));
  EXPECT_THAT(text, HasSubstr("      and so in 3 more runs\n"));
}

TEST(TextReport, EndsWithTheVerdictInOneLine) {
  const std::string text = render_text(two_scenarios(), {});
  const std::string last = text.substr(text.rfind('\n', text.size() - 2) + 1);
  const std::string checks = std::to_string(all_checks().size());
  EXPECT_EQ(last, "fail: 20 runs of 2 scenarios, " + checks + " of " + checks +
                      " checks exercised, 3m 6s simulated in 246ms of CPU time; failing: INV-01; undecided: "
                      "INV-02\n");
}

TEST(TextReport, HasATableOfScenariosAndOneOfClauses) {
  const std::string text = render_text(two_scenarios(), {});
  EXPECT_THAT(text, HasSubstr("scenario  runs  verdict       telemetry  commands  feedback  simulated  CPU ms/run"
                              "            digest\n"
                              "quiet       10  inconclusive      1,000        20        19     1m 33s        12.3"
                              "  00000000000000ab\n"
                              "loud <&>    10  fail              1,000        20        19     1m 33s        12.3"
                              "  00000000000000ab\n"));
  EXPECT_THAT(text, testing::ContainsRegex("\nINV-01 +MUST +fail +16 +0 +0 +4  "));
  EXPECT_THAT(text, testing::ContainsRegex("\nINV-02 +MUST +inconclusive +0 +16 +4 +0  "));
}

TEST(TextReport, OfAReplayHoldsNothingOfTheMachine) {
  Rendering how;
  how.machine = false;
  const std::string text = render_text(two_scenarios(), how);
  EXPECT_THAT(text, testing::Not(HasSubstr("CPU")));
  EXPECT_THAT(text, testing::Not(HasSubstr("scenarios/")));
}

TEST(TextReport, IsColouredOnlyWhenAsked) {
  Rendering how;
  EXPECT_THAT(render_text(two_scenarios(), how), testing::Not(HasSubstr("\x1b")));
  how.colour = true;
  EXPECT_THAT(render_text(two_scenarios(), how), HasSubstr("\x1b[31mFAIL\x1b[0m"));
}

TEST(JsonReport, IsTheDocumentOfTheContract) {
  const Document document = parse(render_json(two_scenarios())).document;
  const auto keys = [](const Document& of) {
    std::vector<std::string> names;
    for (const auto& [key, value] : of.members) names.push_back(key);
    return names;
  };
  EXPECT_THAT(keys(document), testing::ElementsAre("hubproof", "seeds", "verdict", "scenarios", "findings", "risk"));
  EXPECT_EQ(document.find("seeds")->text, "3..12");
  EXPECT_EQ(document.find("verdict")->text, "fail");
  const Document& loud = document.find("scenarios")->items.at(1);
  EXPECT_THAT(keys(loud), testing::ElementsAre("name", "file", "runs", "verdict", "digest", "events", "messages",
                                               "simulated_s", "cpu_s", "clauses", "failures"));
  EXPECT_EQ(loud.find("digest")->text, "00000000000000ab");
  EXPECT_EQ(loud.find("simulated_s")->text, "93.214");
  EXPECT_EQ(loud.find("cpu_s")->text, "0.123");
  EXPECT_THAT(keys(*loud.find("messages")),
              testing::ElementsAre("d2c_sent", "d2c_acked", "d2c_read", "c2d_sent", "c2d_received", "c2d_settled",
                                   "feedback"));
  EXPECT_EQ(write_compact(*loud.find("clauses")->find("INV-01")),
            R"({"pass": 6, "not_exercised": 0, "inconclusive": 0, "fail": 4})");
  EXPECT_EQ(loud.find("clauses")->members.size(), all_checks().size());
  EXPECT_EQ(write_compact(loud.find("failures")->items.at(0)),
            R"({"seed": 3, "clause": "INV-01", "at_s": 93.214, "what": "t2-17 was \"lost\" & never read", "bundle": null})");
}

TEST(JunitReport, HasASuiteForEachScenarioAndACaseForEachClause) {
  const std::string xml = render_junit(two_scenarios());
  const std::string cases = std::to_string(all_checks().size());
  EXPECT_THAT(xml, HasSubstr("<testsuite name=\"loud &lt;&amp;&gt;\" tests=\"" + cases +
                             "\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"0.123\">"));
  EXPECT_THAT(xml, HasSubstr("<failure message=\"failed in 4 of 10 runs\">seed 3: t2-17 was &quot;lost&quot; &amp; "
                             "never read&#10;seed 5:"));
  EXPECT_THAT(xml, HasSubstr("<skipped message=\"inconclusive\"/>"));
}

TEST(Verdict, OfACampaignIsThatOfAllRunsTogether) {
  CampaignResult result = two_scenarios();
  EXPECT_EQ(result.verdict(), conformance::Verdict::fail);
  result.scenarios[1].clauses[check("INV-01")] = {10, 0, 0, 0};
  EXPECT_EQ(result.verdict(), conformance::Verdict::inconclusive) << "INV-02 was decided nowhere";
  result.scenarios[0].clauses[check("INV-02")].pass = 1;
  EXPECT_EQ(result.verdict(), conformance::Verdict::pass) << "decided once is enough";
}

TEST(Words, AreForPeople) {
  EXPECT_EQ(seconds_text(0), "0");
  EXPECT_EQ(seconds_text(-1'500'000'000), "-1.5");
  EXPECT_EQ(seconds_text(1), "0.000000001");
  EXPECT_EQ(rounded_seconds(1'234'567'890), "1.235");
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(1'000'000), "1,000,000");
  EXPECT_EQ(hex_text(0xdeadbeef), "00000000deadbeef");
  EXPECT_EQ(span_text(59'900'000'000), "59.9s");
  EXPECT_EQ(span_text(60'000'000'000), "1m");
  EXPECT_EQ(span_text(90'000'000'000'000), "1d 1h");
  EXPECT_EQ(span_text(12'345'678), "12ms");
}

}  // namespace
}  // namespace hubproof::tools
