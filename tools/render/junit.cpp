// A campaign's result as JUnit's XML: a suite for each scenario, a case for each clause.
#include "tools/render/render.hpp"

namespace hubproof::tools {
namespace {

using conformance::Verdict;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\n': out += "&#10;"; break;
      default: out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    }
  }
  return out;
}

bool binding(std::size_t check) {
  const conformance::Level level = all_checks()[check].level;
  return level == conformance::Level::must || level == conformance::Level::limit;
}

std::string test_case(const ScenarioResult& scenario, std::size_t check) {
  const conformance::About& about = all_checks()[check];
  const ClauseCounts& counts = scenario.clauses[check];
  std::string text = "    <testcase classname=\"" + escaped(scenario.name) + "\" name=\"" +
                     escaped(about.id) + " " + escaped(about.sentence) + "\"";
  const Verdict verdict = counts.verdict();
  if (verdict == Verdict::pass) return text + "/>\n";
  text += ">\n";
  if (verdict == Verdict::fail) {
    std::string what;
    for (const Failure& failure : scenario.failures)
      if (failure.check == check)
        what += "seed " + std::to_string(failure.seed) + ": " + failure.what + "\n";
    const std::string message = "failed in " + std::to_string(counts.fail) + " of " +
                                std::to_string(scenario.runs) + " runs";
    text += binding(check) ? "      <failure message=\"" + message + "\">" + escaped(what) + "</failure>\n"
                           : "      <system-out>warning: " + message + "&#10;" + escaped(what) + "</system-out>\n";
  } else {
    text += std::string{"      <skipped message=\""} +
            (verdict == Verdict::inconclusive ? "inconclusive" : "not exercised") + "\"/>\n";
  }
  return text + "    </testcase>\n";
}

}  // namespace

std::string render_junit(const CampaignResult& result) {
  std::string suites;
  std::size_t all_failures = 0, all_cases = 0;
  std::int64_t all_cpu = 0;
  for (const ScenarioResult& scenario : result.scenarios) {
    std::size_t failed = 0, skipped = 0;
    std::string cases;
    for (std::size_t check = 0; check < scenario.clauses.size(); ++check) {
      const Verdict verdict = scenario.clauses[check].verdict();
      if (verdict == Verdict::fail && binding(check)) ++failed;
      if (verdict == Verdict::not_exercised || verdict == Verdict::inconclusive) ++skipped;
      cases += test_case(scenario, check);
    }
    suites += "  <testsuite name=\"" + escaped(scenario.name) + "\" tests=\"" +
              std::to_string(scenario.clauses.size()) + "\" failures=\"" + std::to_string(failed) +
              "\" errors=\"0\" skipped=\"" + std::to_string(skipped) + "\" time=\"" +
              rounded_seconds(scenario.cpu) + "\">\n" + cases + "  </testsuite>\n";
    all_failures += failed;
    all_cases += scenario.clauses.size();
    all_cpu += scenario.cpu;
  }
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"hubproof\" tests=\"" +
         std::to_string(all_cases) + "\" failures=\"" + std::to_string(all_failures) + "\" time=\"" +
         rounded_seconds(all_cpu) + "\">\n" + suites + "</testsuites>\n";
}

}  // namespace hubproof::tools
