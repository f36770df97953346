#include "conformance/verdict.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "conformance/judge.hpp"

namespace hubproof::conformance {
namespace {

TEST(Finding, NothingIsNotExercised) {
  const Finding finding;
  EXPECT_EQ(finding.verdict, Verdict::not_exercised);
  EXPECT_EQ(finding.event, no_event);
}

TEST(Finding, AnUndecidedOccurrenceCountsOnlyWhereNoOtherWasDecided) {
  Finding finding;
  finding.leave_undecided(1, 10, "who knows");
  EXPECT_EQ(finding.verdict, Verdict::inconclusive);
  EXPECT_EQ(finding.event, 1u);
  finding.pass();
  EXPECT_EQ(finding.verdict, Verdict::pass);
  EXPECT_EQ(finding.event, no_event);
  finding.leave_undecided(2, 20, "who knows");
  EXPECT_EQ(finding.verdict, Verdict::pass);
  EXPECT_EQ(finding.undecided, 2u);
}

TEST(Finding, AFailBeatsAllAndTheFirstIsTheEvidence) {
  Finding finding;
  finding.pass();
  finding.fail(3, 30, "first");
  finding.fail(4, 40, "second");
  finding.pass();
  EXPECT_EQ(finding.verdict, Verdict::fail);
  EXPECT_EQ(finding.event, 3u);
  EXPECT_EQ(finding.at, 30);
  EXPECT_EQ(finding.text, "first");
  EXPECT_EQ(finding.failed, 2u);
  EXPECT_EQ(finding.passed, 2u);
}

RC_GTEST_PROP(Finding, MergedRunsHaveTheGreatestVerdictOfAny, (std::vector<int> kinds)) {
  Finding all, one;
  Verdict greatest = Verdict::not_exercised;
  for (const int kind : kinds) {
    Finding run;
    if (kind % 3 == 0) run.pass();
    if (kind % 3 == 1) run.leave_undecided(1, 1, "u");
    if (kind % 3 == 2) run.fail(1, 1, "f");
    greatest = std::max(greatest, run.verdict);
    all.merge(run);
  }
  RC_ASSERT(all.verdict == greatest);
  RC_ASSERT(all.passed + all.undecided + all.failed <= kinds.size());
}

TEST(Report, OneInconclusiveMustMakesItInconclusive) {
  Report report;
  EXPECT_EQ(report.verdict(), Verdict::not_exercised);
  report.checks.push_back({"A", true, {}});
  report.checks.back().finding.pass();
  EXPECT_EQ(report.verdict(), Verdict::pass);
  report.checks.push_back({"B", true, {}});
  report.checks.back().finding.leave_undecided(0, 0, {});
  EXPECT_EQ(report.verdict(), Verdict::inconclusive);
  report.checks.push_back({"C", true, {}});
  report.checks.back().finding.fail(0, 0, {});
  EXPECT_EQ(report.verdict(), Verdict::fail);
}

TEST(Report, AShouldThatFailsIsAWarning) {
  Report report;
  report.checks.push_back({"A", false, {}});
  report.checks.back().finding.fail(0, 0, {});
  EXPECT_EQ(report.verdict(), Verdict::not_exercised);
}

}  // namespace
}  // namespace hubproof::conformance
