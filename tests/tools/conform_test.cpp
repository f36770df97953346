// hubproof conform: descriptors, known failures, exit codes, and our own hub against the suite.
#include "tools/conform/conform.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "conformance/clause.hpp"
#include "model/broker_rules.hpp"
#include "model/mutants/mutant.hpp"
#include "tests/tools/program.hpp"
#include "tools/conform/known.hpp"
#include "tools/conform/render.hpp"

namespace hubproof::tests {
namespace {

using namespace tools;
using conformance::Verdict;
using conformance::cases::Capability;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ConformResult suite(const std::string& profile, std::uint64_t seed, const char* mutant = nullptr, std::string only = {}) {
  model::Rules rules = *model::profile(profile);
  if (mutant != nullptr) model::find_mutant(mutant)->apply(rules);
  ConformOptions options;
  options.seed = seed;
  options.rules = &rules;
  options.only = std::move(only);
  return conform(simulated_descriptor(profile), options);
}

std::vector<std::string> not_passed(const ConformResult& result) {
  std::vector<std::string> names;
  for (const CaseResult& one : result.cases)
    if (one.not_applicable.empty() && one.verdict() != Verdict::pass) {
      names.push_back(one.of->name);
      for (const auto& outcome : one.outcomes)
        if (outcome.finding.verdict != Verdict::pass) names.back() += " " + outcome.clause + ": " + outcome.finding.text;
    }
  return names;
}

TEST(Conform, OurBrokerPasses) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) EXPECT_THAT(not_passed(suite("mqtt-3.1.1", seed)), IsEmpty()) << seed;
}

TEST(Conform, OurHubPasses) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) EXPECT_THAT(not_passed(suite("iot-hub-2026", seed)), IsEmpty()) << seed;
}

TEST(Conform, OneSeedIsOneRun) {
  const auto text = [](std::uint64_t seed) {
    ConformReport report;
    report.result = suite("iot-hub-2026", seed);
    return conform_json(report);
  };
  EXPECT_EQ(text(3), text(3));
}

bool fails(const CaseResult& result, std::set<std::string>& clauses) {
  bool failed = false;
  for (const auto& outcome : result.outcomes)
    if (outcome.finding.verdict == Verdict::fail) failed = true, clauses.insert(outcome.clause);
  return failed;
}

// What no wrong broker breaks: nobody has made one that does.
const std::set<std::string> without_mutant = {"mqtt311:6.0.0-1", "mqtt311:6.0.0-3", "mqtt311:6.0.0-4"};

// By the cases of the statement that it breaks, or else by any; and each statement that can be seen of a server is
// broken by one of them.
TEST(Conform, EveryWrongBrokerIsFound) {
  const Descriptor descriptor = simulated_descriptor("mqtt-3.1.1");
  std::set<std::string> broken;
  std::vector<model::Rules> wrong;
  // The cases of this clause, or all others.
  const auto run = [&](const model::Rules& rules, const std::string& clause, bool its_own) {
    bool found = false;
    for (const auto& one : conformance::cases::cases())
      if ((std::ranges::count(one.clauses, clause) > 0) == its_own && why_not(one, descriptor).empty())
        found = fails(run_simulated(one, descriptor, rules, 0), broken) || found;
    return found;
  };
  for (const model::Mutant& mutant : model::mutants()) {
    if (!std::string_view{mutant.name}.starts_with("broker-")) continue;
    mutant.apply(wrong.emplace_back(*model::profile("mqtt-3.1.1")));
    EXPECT_TRUE(run(wrong.back(), mutant.meant_for, true) || run(wrong.back(), mutant.meant_for, false))
        << mutant.name << ": " << mutant.sentence;
  }
  EXPECT_GT(wrong.size(), 100u);
  for (const conformance::Clause& clause : conformance::clauses()) {
    if (clause.chapter != "mqtt311" || clause.seen_hub.empty() || without_mutant.contains(clause.id)) continue;
    for (auto rules = wrong.begin(); rules != wrong.end() && !broken.contains(clause.id); ++rules) run(*rules, clause.id, true);
    EXPECT_TRUE(broken.contains(clause.id)) << clause.id;
  }
  for (const std::string& id : without_mutant) EXPECT_FALSE(broken.contains(id)) << id << " is broken by a wrong broker: take it out of the list";
}

// Those, by wrong bytes.
TEST(Conform, WrongWebSocketsAreFound) {
  const Descriptor descriptor = simulated_descriptor("mqtt-3.1.1");
  const auto spoil = [](std::string_view from, std::string_view to) {
    return [from, to](model::Bytes& bytes) {
      std::string text{model::text(bytes)};
      for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
      bytes.assign(text.begin(), text.end());
    };
  };
  std::set<std::string> broken;
  for (const auto& one : conformance::cases::cases()) {
    if (!one.name.starts_with("websocket/")) continue;
    fails(run_simulated(one, descriptor, *model::profile("mqtt-3.1.1"), 0, spoil("mqtt", "soap")), broken);
    fails(run_simulated(one, descriptor, *model::profile("mqtt-3.1.1"), 0, spoil("\x82", "\x81")), broken);
  }
  for (const std::string& clause : without_mutant) EXPECT_TRUE(broken.contains(clause)) << clause;
}

// ---- Descriptors.

Problems problems_of(const std::string& json, Descriptor* read = nullptr) {
  Problems problems;
  Descriptor descriptor = read_descriptor(json, {}, problems);
  if (read != nullptr) *read = descriptor;
  return problems;
}

TEST(Descriptors, SayWhatATargetHas) {
  Descriptor read;
  EXPECT_THAT(problems_of(R"({"name": "b", "addresses": ["mqtt://127.0.0.1:1883"], "lacks": ["qos2"],
    "limits": {"topic": 64}, "leave_out": [{"cases": "mqtt/connect/takeover-*", "reason": "as it is"}]})",
                          &read),
              IsEmpty());
  EXPECT_TRUE(read.target.can.has(Capability::mqtt));
  EXPECT_FALSE(read.target.can.has(Capability::qos2));
  EXPECT_FALSE(read.target.can.has(Capability::restart)) << "no command for it";
  EXPECT_FALSE(read.target.can.has(Capability::amqp));
  EXPECT_EQ(read.target.limits.topic, 64u);
  EXPECT_EQ(why_not(*conformance::cases::find_case("mqtt/connect/takeover-clean"), read), "left out: as it is");
  EXPECT_EQ(why_not(*conformance::cases::find_case("mqtt/connect/two-ids"), read), "");
}

TEST(Descriptors, TheSchemaIsOfToday) {
  namespace fs = std::filesystem;
  const std::string made = descriptor_schema();
  if (file_text(fs::path{source_dir()} / "scenarios/target.schema.json") == made) return;
  const fs::path fresh = fs::path{testing::TempDir()} / "target.schema.json";
  std::ofstream{fresh} << made;
  ADD_FAILURE() << "scenarios/target.schema.json is not up to date; the new one is " << fresh;
}

TEST(Descriptors, AllProblemsComeAtOnce) {
  const Problems problems = problems_of(R"({"addresses": ["ftp://a:1", "mqtt://b"], "lacks": ["qos3"], "profil": "x",
    "leave_out": [{"cases": "*"}], "limits": {"topic": 1}})");
  std::vector<std::string> places;
  for (const Problem& one : problems) places.push_back(one.where);
  EXPECT_THAT(places, testing::UnorderedElementsAre("/addresses/0", "/addresses/1", "/lacks/0", "/profil",
                                                    "/leave_out/0", "/limits/topic"));
}

TEST(Descriptors, WhatIsCertifiedLeavesNothingOut) {
  std::vector<std::string> places;
  for (const Problem& one : problems_of(R"({"addresses": ["mqtt://a:1"], "certified": true, "lacks": ["will"],
    "leave_out": [{"cases": "*", "reason": "r"}]})"))
    places.push_back(one.where);
  EXPECT_THAT(places, testing::UnorderedElementsAre("/lacks", "/leave_out", "/restart"));
  EXPECT_THAT(problems_of(R"({"addresses": ["mqtt://a:1"], "certified": true, "restart": "true"})"), IsEmpty());
}

TEST(Descriptors, CapabilitiesAreNames) {
  std::vector<std::string> places;
  for (const Problem& one : problems_of(R"({"addresses": ["mqtt://a:1"], "lacks": ["qos2_granted", "qos2_grants", "", "QOS2_GRANTED"]})"))
    places.push_back(one.where);
  EXPECT_THAT(places, ElementsAre("/lacks/1", "/lacks/2", "/lacks/3"));
  EXPECT_THAT(problems_of(R"({"addresses": ["mqtt://a:1"], "lacks": "qos2_granted"})"), testing::SizeIs(1));
  EXPECT_THAT(problems_of(R"({"addresses": ["mqtt://a:1"], "lacks": [2]})"), testing::Not(IsEmpty()));
}

// ---- Brokers that grant less than is asked, as they may.

ConformReport sparing(const std::vector<std::string>& lacks) {
  static model::Rules rules;
  rules = *model::profile("mqtt-3.1.1");
  model::BrokerRules broker = *rules.broker;
  broker.granted = [](std::uint8_t asked) { return std::min<std::uint8_t>(asked, 1); };
  rules.broker = std::make_shared<const model::BrokerRules>(broker);
  Descriptor descriptor = simulated_descriptor("mqtt-3.1.1");
  for (const std::string& lack : lacks)
    descriptor.target.can.remove(static_cast<Capability>(std::ranges::find(conformance::cases::capability_names, lack) -
                                                         conformance::cases::capability_names.begin()));
  ConformOptions options;
  options.rules = &rules;
  ConformReport report;
  report.result = conform(descriptor, options);
  return report;
}

TEST(Conform, ABrokerThatGrantsQos1ForTwoPassesWhereItSaysSo) {
  const ConformReport report = sparing({"qos2_granted"});
  EXPECT_THAT(not_passed(report.result), IsEmpty());
  EXPECT_EQ(verdict_of(report), Verdict::pass);
  std::set<std::string> left;
  for (const CaseResult& one : report.result.cases)
    if (one.not_applicable == "the target lacks qos2_granted") left.insert(one.of->name);
  EXPECT_TRUE(left.contains("mqtt/qos/whole-exchange"));
  EXPECT_TRUE(left.contains("mqtt/subscribe/begun-before-pubrec"));
  EXPECT_FALSE(left.contains("mqtt/will/qos-2")) << "who only listens is content with less";
  EXPECT_FALSE(left.contains("mqtt/retain/qos-2"));
  EXPECT_LT(left.size(), 20u);
}

TEST(Conform, ABrokerThatGrantsQos1ForTwoAndDoesNotSaySoIsNotJudged) {
  const ConformReport report = sparing({});
  EXPECT_EQ(verdict_of(report), Verdict::inconclusive) << "deliveries at QoS 2 were asked for, and none came";
  for (const CaseResult& one : report.result.cases) {
    if (!one.not_applicable.empty() || one.verdict() == Verdict::pass) continue;
    EXPECT_EQ(one.verdict(), Verdict::inconclusive) << one.of->name;
    EXPECT_TRUE(one.of->needs.has(Capability::qos2_granted)) << one.of->name;
  }
  EXPECT_THAT(conform_json(report), HasSubstr("lacks qos2_granted"));
}

TEST(Conform, ADescriptorThatKeepsSilentOfQos2IsFound) {
  Descriptor descriptor = simulated_descriptor("mqtt-3.1.1");
  descriptor.target.can.remove(Capability::qos2_granted);
  const model::Rules rules = *model::profile("mqtt-3.1.1");
  std::size_t undecided = 0;
  for (const char* name : {"mqtt/subscribe/codes-for-two", "mqtt/subscribe/codes-for-five", "mqtt/subscribe/codes-for-many"}) {
    const CaseResult result = run_simulated(*conformance::cases::find_case(name), descriptor, rules, 0);
    undecided += result.verdict() == Verdict::inconclusive ? 1 : 0;
  }
  EXPECT_GT(undecided, 0u);
}

// PUBREC comes as PUBACK: that fails by itself, and the case goes on.
TEST(Conform, QosTwoThatIsAnsweredAsOneFailsWhereItIsSeen) {
  const auto spoil = [](model::Bytes& bytes) {
    if (bytes.size() == 4 && bytes[0] == 0x50) bytes[0] = 0x40;
  };
  for (const char* name : {"mqtt/session/collects-2-1", "mqtt/publish/sent-2-granted-1", "mqtt/qos/twice-publish"}) {
    const CaseResult result =
        run_simulated(*conformance::cases::find_case(name), simulated_descriptor("mqtt-3.1.1"), *model::profile("mqtt-3.1.1"), 0, spoil);
    const auto found = std::ranges::find(result.outcomes, "mqtt311:4.3.3-2", &conformance::cases::Outcome::clause);
    ASSERT_NE(found, result.outcomes.end()) << name;
    EXPECT_EQ(found->finding.verdict, Verdict::fail) << name;
  }
}

// ---- What is not exercised, and what is missing.

ConformReport made_up(std::vector<std::pair<Verdict, std::string>> findings) {
  const conformance::cases::Case* of = conformance::cases::find_case("mqtt/connect/protocol-level-0");
  ConformReport report;
  CaseResult& one = report.result.cases.emplace_back();
  one.of = of;
  for (std::size_t at = 0; at < findings.size(); ++at) {
    auto& outcome = one.outcomes.emplace_back();
    outcome.clause = of->clauses[at];
    const auto& [verdict, text] = findings[at];
    if (verdict == Verdict::pass) outcome.finding.pass();
    if (verdict == Verdict::fail) outcome.finding.fail(0, 0, text);
    if (verdict == Verdict::inconclusive) outcome.finding.leave_undecided(0, 0, text);
    if (verdict == Verdict::not_exercised) outcome.finding.text = text;
  }
  return report;
}

TEST(ConformReports, SayWhatWasMissing) {
  const ConformReport report = made_up({{Verdict::inconclusive, "an answer"}, {Verdict::inconclusive, "an answer"}, {Verdict::inconclusive, "another"}});
  EXPECT_EQ(verdict_of(report), Verdict::inconclusive);
  EXPECT_THAT(conform_json(report), HasSubstr(R"("missing": ["an answer", "another"])"));
}

TEST(ConformReports, SayWhyAClauseDidNotComeUp) {
  ConformReport report = made_up({{Verdict::pass, ""}, {Verdict::not_exercised, "nothing was refused"}, {Verdict::not_exercised, "nothing was refused"}});
  EXPECT_EQ(verdict_of(report), Verdict::pass);
  EXPECT_THAT(conform_text(report, false), HasSubstr("not exercised: in 1 case, nothing was refused\n"));
  EXPECT_THAT(conform_json(report), HasSubstr(R"("not_exercised": ["nothing was refused"])"));
  report.certified = true;
  EXPECT_EQ(verdict_of(report), Verdict::inconclusive) << "certified: no skip";
  EXPECT_THAT(conform_text(report, false), HasSubstr("never came up, so the target cannot be certified: " + report.result.cases[0].of->clauses[1]));
}

TEST(ConformReports, ACaseOfWhichNothingCameUpIsCountedAndSkipped) {
  const ConformReport report = made_up({{Verdict::not_exercised, "nothing was refused"}});
  EXPECT_THAT(conform_text(report, false), HasSubstr("0 could not decide, 1 were not exercised, "));
  EXPECT_THAT(conform_junit(report), HasSubstr("<skipped message=\""));
}

TEST(ConformReports, AFailureThatIsKnownDecidesItsClause) {
  ConformReport report = made_up({{Verdict::fail, "wrong"}});
  report.known = {{report.result.cases[0].of->name, report.result.cases[0].of->clauses[0], "as it is"}};
  CaseResult other = report.result.cases[0];
  other.of = conformance::cases::find_case("mqtt/connect/protocol-level-2");
  other.outcomes[0].finding = {};
  other.outcomes[0].finding.leave_undecided(0, 0, "an answer");
  report.result.cases.push_back(other);
  EXPECT_EQ(verdict_of(report), Verdict::pass);
  EXPECT_THAT(conform_text(report, false), HasSubstr("1 could not decide")) << "and the other case is not forgotten";
  report.known.clear();
  EXPECT_EQ(verdict_of(report), Verdict::fail);
}

// ---- Known failures.

TEST(KnownFailures, AnEntryThatPassesFails) {
  ConformReport report;
  report.result = suite("iot-hub-2026", 0, nullptr, "mqtt/connect/two-ids");
  EXPECT_EQ(verdict_of(report), Verdict::pass);
  report.known = {{"mqtt/connect/two-ids", "mqtt311:3.1.3-2", "once"}};
  EXPECT_EQ(verdict_of(report), Verdict::fail);
  EXPECT_THAT(conform_text(report, false), HasSubstr("is known to fail, and passes"));
  report.known = {{"mqtt/connect/takeover-clean", "mqtt311:3.1.3-2", "a case that was not run"}};
  EXPECT_EQ(verdict_of(report), Verdict::pass);
}

TEST(KnownFailures, AFailureThatIsKnownDoesNotCount) {
  ConformReport report;
  report.result = suite("iot-hub-2026", 0, "older-connection-kept", "mqtt/connect/takeover-clean");
  EXPECT_EQ(verdict_of(report), Verdict::fail);
  Problems problems;
  report.known = read_known(write_known(report.result, "ours"), problems);
  EXPECT_THAT(problems, IsEmpty());
  EXPECT_FALSE(report.known.empty());
  EXPECT_EQ(verdict_of(report), Verdict::pass);
}

TEST(KnownFailures, NameWhatExists) {
  Problems problems;
  read_known(R"({"known": [{"case": "mqtt/no/such", "clause": "mqtt311:3.1.3-2"}, {"case": "mqtt/connect/two-ids", "clause": "none"}]})",
             problems);
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].where, "/known/0/case");
  EXPECT_EQ(problems[1].where, "/known/1/clause");
}

// ---- The command.

TEST(ConformCommand, SaysWhatItFoundByItsCode) {
  const std::string only = "mqtt/connect/takeover-*";
  EXPECT_EQ(program({"conform", "simulated", "--profile", "iot-hub-2026", "--only", only}).code, 0);
  const Outcome wrong = program({"conform", "simulated", "--profile", "iot-hub-2026", "--only", only, "--mutant", "older-connection-kept"});
  EXPECT_EQ(wrong.code, 1);
  EXPECT_THAT(wrong.out, HasSubstr("FAIL  mqtt311:3.1.4-2 [MUST]"));
  EXPECT_THAT(wrong.out, HasSubstr("reproduce: hubproof conform simulated --profile iot-hub-2026 --mutant "
                                   "older-connection-kept --only 'mqtt/connect/takeover-clean' --seed 0"));
  EXPECT_THAT(wrong.out, HasSubstr("> CONNECT MQTT level 4, clean"));
  EXPECT_EQ(program({"conform", "mqtt://127.0.0.1:1"}).code, 69);
  EXPECT_EQ(program({"conform", "no-such-file.json"}).code, 65);
  EXPECT_EQ(program({"conform", "gopher://127.0.0.1:1"}).code, 64);
  EXPECT_EQ(program({"conform", "simulated", "--only", "nothing/*"}).code, 64);
  EXPECT_EQ(program({"conform", "mqtt://127.0.0.1:1", "--mutant", "older-connection-kept"}).code, 64);
  EXPECT_EQ(program({"conform", "simulated", "--certified", "--only", "*"}).code, 64);
  EXPECT_EQ(program({"conform", "mqtt://127.0.0.1:1", "--certified"}).code, 65) << "nobody can restart it";
  EXPECT_EQ(program({"conform", "simulated", "--out", "/dev/null/x"}).code, 73);
}

}  // namespace
}  // namespace hubproof::tests
