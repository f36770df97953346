// What tests of the suite for devices share: what a play came to, and tables of wrong devices with the cases that
// find them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "model/rules.hpp"
#include "tools/devices/own_device.hpp"

namespace hubproof::tests::device_suite {

using tools::CaseResult;
using tools::DevicePlay;

inline std::map<std::string, conformance::Verdict> clauses_of(const DevicePlay& play) {
  std::map<std::string, conformance::Verdict> clauses;
  for (const CaseResult& one : play.cases)
    for (const auto& outcome : one.outcomes) clauses[outcome.clause] = std::max(clauses[outcome.clause], outcome.finding.verdict);
  return clauses;
}

inline std::string failures(const DevicePlay& play) {
  std::string text;
  for (const CaseResult& one : play.cases) {
    if (!one.missing.empty()) text += one.of->name + ": " + one.missing + "\n";
    for (const auto& outcome : one.outcomes)
      if (outcome.finding.verdict != conformance::Verdict::pass)
        text += one.of->name + " " + outcome.clause + " " + conformance::verdict_text(outcome.finding.verdict) + ": " + outcome.finding.text + "\n";
  }
  return text;
}

using Tamper = std::function<tools::Wire()>;

struct Wrong {
  const char* what;
  tools::Spoil spoil{};
  std::function<void(model::DeviceRules&)> break_rule{};
  Tamper tamper{};
  std::vector<std::pair<std::string, std::string>> found{};  // cases, and the clause that each of them finds broken
};

// Each wrong device is found where it is said to be; no case of this chapter finds none, and no clause that its cases decide is
// kept by all of them.
inline void each_case_finds_one(const std::string& chapter, const std::vector<Wrong>& all) {
  std::map<std::string, int> finds;
  std::set<std::string> broken;
  for (const Wrong& wrong : all) {
    model::DeviceRules rules = model::Rules{}.device;
    if (wrong.break_rule) wrong.break_rule(rules);
    for (const auto& [name, clause] : wrong.found) {
      const auto cases = tools::chosen_device_cases(chapter + name);
      ASSERT_EQ(cases.size(), 1u) << name;
      const DevicePlay play = tools::play_own_device(rules, 0, cases, wrong.spoil, {.tamper = wrong.tamper});
      const auto clauses = clauses_of(play);
      const auto found = clauses.find(clause);
      EXPECT_TRUE(found != clauses.end() && found->second == conformance::Verdict::fail)
          << name << " and " << clause << " and a device that " << wrong.what << "\n" << failures(play);
      ++finds[chapter + name];
      broken.insert(clause);
    }
  }
  for (const auto* each : tools::chosen_device_cases(chapter + "*")) {
    EXPECT_TRUE(finds.contains(each->name)) << each->name << " has found nothing";
    for (const std::string& clause : each->clauses) EXPECT_TRUE(broken.contains(clause)) << clause << " is kept by every wrong device";
  }
}

inline conformance::devices::Said line(conformance::devices::Said::Did did, std::uint64_t id) {
  conformance::devices::Said said;
  said.did = did;
  said.id = id;
  return said;
}

}  // namespace hubproof::tests::device_suite
