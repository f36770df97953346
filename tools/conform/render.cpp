#include "tools/conform/render.hpp"

#include <algorithm>
#include <map>

#include "conformance/clause.hpp"
#include "tools/documents.hpp"
#include "tools/render/render.hpp"
#include "tools/render/table.hpp"

namespace hubproof::tools {
namespace {

using conformance::Clause;
using conformance::Finding;
using conformance::Level;
using conformance::Verdict;
using conformance::cases::Outcome;

constexpr std::size_t most_lines = 60;  // of a transcript, in the text

bool binding(const Clause* clause) {
  return clause == nullptr || clause->level == Level::must || clause->level == Level::limit;
}

bool is_known(const ConformReport& report, const CaseResult& one, const Outcome& outcome) {
  return find_known(report.known, one.of->name, outcome.clause) != nullptr;
}

std::string word(Verdict verdict) {
  return verdict == Verdict::not_exercised ? "not exercised" : conformance::verdict_text(verdict);
}

std::string painted(const std::string& text, Verdict verdict, bool colour) {
  if (!colour) return text;
  const char* code = verdict == Verdict::fail ? "31" : verdict == Verdict::pass ? "32" : "33";
  return "\x1b[" + std::string{code} + "m" + text + "\x1b[0m";
}

std::string reproduce(const ConformReport& report, const CaseResult& one) {
  return "hubproof conform " + report.target + report.options + " --only '" + one.of->name + "' --seed " +
         std::to_string(report.seed) + report.command;
}

// By how many cases each clause was decided, and how.
struct ClauseSum {
  std::size_t pass = 0, fail = 0, known = 0, inconclusive = 0;
  Verdict verdict() const {
    return fail > 0 ? Verdict::fail
           : pass > 0 ? Verdict::pass
           : known > 0 ? Verdict::pass
           : inconclusive > 0 ? Verdict::inconclusive
                              : Verdict::not_exercised;
  }
};

std::map<std::string, ClauseSum> sums(const ConformReport& report) {
  std::map<std::string, ClauseSum> all;
  for (const CaseResult& one : report.result.cases)
    for (const Outcome& outcome : one.outcomes) {
      ClauseSum& sum = all[outcome.clause];
      switch (outcome.finding.verdict) {
        case Verdict::pass: ++sum.pass; break;
        case Verdict::fail: ++(is_known(report, one, outcome) ? sum.known : sum.fail); break;
        case Verdict::inconclusive: ++sum.inconclusive; break;
        case Verdict::not_exercised: break;
      }
    }
  return all;
}

struct CaseCounts {
  std::size_t all = 0, pass = 0, fail = 0, inconclusive = 0, not_applicable = 0, not_exercised = 0, not_run = 0, known = 0;
};

// What is said of its clauses that have this verdict,.
std::vector<std::string> texts_of(const CaseResult& one, Verdict verdict) {
  std::vector<std::string> all;
  for (const Outcome& outcome : one.outcomes)
    if (outcome.finding.verdict == verdict && !outcome.finding.text.empty() && std::ranges::find(all, outcome.finding.text) == all.end())
      all.push_back(outcome.finding.text);
  return all;
}

CaseCounts count(const ConformReport& report) {
  CaseCounts counts;
  for (const CaseResult& one : report.result.cases) {
    ++counts.all;
    if (!one.not_applicable.empty()) {
      ++counts.not_applicable;
      continue;
    }
    bool fresh = false;
    for (const Outcome& outcome : one.outcomes)
      fresh = fresh || (outcome.finding.verdict == Verdict::fail && !is_known(report, one, outcome));
    switch (one.verdict()) {
      case Verdict::pass: ++counts.pass; break;
      case Verdict::fail: ++(fresh ? counts.fail : counts.known); break;
      case Verdict::inconclusive: ++counts.inconclusive; break;
      case Verdict::not_exercised: ++(one.outcomes.empty() ? counts.not_run : counts.not_exercised); break;
    }
  }
  return counts;
}

std::string failure_text(const ConformReport& report, const CaseResult& one, bool colour) {
  std::string text;
  for (const Outcome& outcome : one.outcomes) {
    const Finding& finding = outcome.finding;
    if (finding.verdict == Verdict::pass || finding.verdict == Verdict::not_exercised) continue;
    const bool failed = finding.verdict == Verdict::fail;
    if (failed && is_known(report, one, outcome)) continue;
    const Clause* clause = conformance::find_clause(outcome.clause);
    text += painted(failed ? "FAIL" : "UNDECIDED", finding.verdict, colour) + "  " + outcome.clause;
    if (clause != nullptr) text += std::string{" ["} + conformance::level_text(clause->level) + "]  " + clause->sentence;
    text += "\n      " + finding.text + "\n";
  }
  if (text.empty()) return text;
  text += "      case " + one.of->name + ": " + one.of->sentence + "\n";
  const std::size_t skipped = one.transcript.size() > most_lines ? one.transcript.size() - most_lines : 0;
  if (skipped > 0) text += "      ... " + std::to_string(skipped) + " lines before\n";
  for (std::size_t at = skipped; at < one.transcript.size(); ++at) text += "      " + one.transcript[at] + "\n";
  return text + "      reproduce: " + reproduce(report, one) + "\n\n";
}

// How many cases gave each check of histories something to judge.
std::map<std::string, std::size_t> checked_in(const ConformReport& report) {
  std::map<std::string, std::size_t> cases;
  for (const CaseResult& one : report.result.cases)
    for (const std::string_view id : one.checked) ++cases[std::string{id}];
  return cases;
}

std::string traffic_text(const ConformReport& report) {
  std::string text;
  for (const auto& [id, cases] : checked_in(report))
    text += (text.empty() ? "" : ", ") + id + " in " + count_text(cases) + (cases == 1 ? " case" : "");
  return text;
}

std::string clause_table(const ConformReport& report) {
  using Align = Table::Align;
  Table table{{Align::left, Align::left, Align::left, Align::right, Align::right, Align::right, Align::left}};
  table.row({"clause", "level", "verdict", "pass", "fail", "inconclusive", ""});
  const auto all = sums(report);
  for (const Clause& clause : conformance::clauses()) {
    const auto found = all.find(clause.id);
    if (found == all.end()) continue;
    const ClauseSum& sum = found->second;
    table.row({clause.id, conformance::level_text(clause.level), word(sum.verdict()), count_text(sum.pass),
               count_text(sum.fail) + (sum.known > 0 ? " + " + count_text(sum.known) + " known" : ""),
               count_text(sum.inconclusive), clause.sentence});
  }
  return table.text();
}

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

}  // namespace

Verdict verdict_of(const ConformReport& report) {
  if (!no_longer(report.known, report.result).empty()) return Verdict::fail;
  Verdict verdict = Verdict::not_exercised;
  bool undecided = false;
  for (const auto& [id, sum] : sums(report)) {
    if (!binding(conformance::find_clause(id))) continue;
    if (sum.fail > 0) return Verdict::fail;
    undecided = undecided || sum.verdict() == Verdict::inconclusive ||
                (report.certified && sum.verdict() == Verdict::not_exercised);
    if (sum.verdict() == Verdict::pass) verdict = Verdict::pass;
  }
  return undecided ? Verdict::inconclusive : verdict;
}

std::string conform_text(const ConformReport& report, bool colour) {
  std::string text;
  for (const CaseResult& one : report.result.cases) text += failure_text(report, one, colour);
  for (const KnownFailure& entry : no_longer(report.known, report.result))
    text += painted("FAIL", Verdict::fail, colour) + "  " + entry.clause + " of " + entry.name +
            " is known to fail, and passes\n      remove it from the file of known failures\n\n";
  text += clause_table(report) + "\n";
  std::map<std::string, std::size_t> reasons;
  for (const CaseResult& one : report.result.cases)
    if (!one.not_applicable.empty()) ++reasons[one.not_applicable];
  for (const auto& [reason, cases] : reasons)
    text += "not applicable: " + count_text(cases) + (cases == 1 ? " case, " : " cases, ") + reason + "\n";
  const std::string traffic = traffic_text(report);
  if (!traffic.empty()) text += "checks of histories over the cases' traffic: " + traffic + "\n";
  std::map<std::string, std::size_t> causes;
  for (const CaseResult& one : report.result.cases)
    for (const std::string& cause : texts_of(one, Verdict::not_exercised)) ++causes[cause];
  for (const auto& [cause, cases] : causes)
    text += "not exercised: in " + count_text(cases) + (cases == 1 ? " case, " : " cases, ") + cause + "\n";
  if (report.certified)
    for (const auto& [id, sum] : sums(report))
      if (sum.verdict() == Verdict::not_exercised) text += "never came up, so the target cannot be certified: " + id + "\n";
  const CaseCounts counts = count(report);
  std::size_t decided = 0;
  const auto all = sums(report);
  for (const auto& [id, sum] : all) decided += sum.pass + sum.fail + sum.known > 0 ? 1 : 0;
  const Verdict verdict = verdict_of(report);
  text += painted(word(verdict), verdict, colour) + ": " + report.name + " as " + report.profile + ": of " +
          count_text(counts.all) + " cases " + count_text(counts.pass) + " passed, " + count_text(counts.fail) + " failed" +
          (counts.known > 0 ? ", " + count_text(counts.known) + " failed as is known" : "") + ", " +
          count_text(counts.inconclusive) + " could not decide, " +
          (counts.not_exercised > 0 ? count_text(counts.not_exercised) + " were not exercised, " : "") + count_text(counts.not_applicable) +
          " are not applicable" + (counts.not_run > 0 ? ", " + count_text(counts.not_run) + " were not run" : "") + "; " +
          count_text(decided) + " clauses decided, seed " + std::to_string(report.seed) + "\n";
  return text;
}

std::string conform_json(const ConformReport& report) {
  using namespace documents;
  const auto words = [](const auto& list) { return documents::list(list, [](const std::string& each) { return text(each); }); };
  Document cases = Document::list();
  for (const CaseResult& one : report.result.cases) {
    Document entry = object({{"name", text(one.of->name)}, {"sentence", text(one.of->sentence)}});
    if (!one.not_applicable.empty()) {
      entry.members.emplace_back("verdict", text("not_applicable"));
      entry.members.emplace_back("reason", text(one.not_applicable));
    } else {
      entry.members.emplace_back("verdict", text(conformance::verdict_text(one.verdict())));
      entry.members.emplace_back("seconds", Document::number(rounded_seconds(one.took.count())));
      Document clauses = Document::object();
      for (const Outcome& outcome : one.outcomes) {
        Document found = object({{"verdict", text(conformance::verdict_text(outcome.finding.verdict))}});
        if (outcome.finding.verdict != Verdict::pass) found.members.emplace_back("what", text(outcome.finding.text));
        if (outcome.finding.verdict == Verdict::fail && is_known(report, one, outcome))
          found.members.emplace_back("known", Document::boolean(true));
        clauses.members.emplace_back(outcome.clause, std::move(found));
      }
      entry.members.emplace_back("clauses", std::move(clauses));
      if (const auto missing = texts_of(one, Verdict::inconclusive); !missing.empty())
        entry.members.emplace_back("missing", words(missing));
      if (const auto why = texts_of(one, Verdict::not_exercised); !why.empty())
        entry.members.emplace_back("not_exercised", words(why));
      if (!one.transcript.empty()) {
        entry.members.emplace_back("transcript", words(one.transcript));
        entry.members.emplace_back("reproduce", text(reproduce(report, one)));
      }
    }
    cases.items.push_back(std::move(entry));
  }
  Document clauses = Document::object();
  for (const auto& [id, sum] : sums(report))
    clauses.members.emplace_back(id, object({{"verdict", text(conformance::verdict_text(sum.verdict()))},
                                             {"pass", number(sum.pass)}, {"fail", number(sum.fail)},
                                             {"known", number(sum.known)}, {"inconclusive", number(sum.inconclusive)}}));
  Document traffic = Document::object();
  for (const auto& [id, count] : checked_in(report)) traffic.members.emplace_back(id, number(count));
  Document stale = Document::list();
  for (const KnownFailure& entry : no_longer(report.known, report.result))
    stale.items.push_back(object({{"case", text(entry.name)}, {"clause", text(entry.clause)}}));
  return write(object({{"hubproof", text(version)},
                       {"target", text(report.name)},
                       {"profile", text(report.profile)},
                       {"seed", number(report.seed)},
                       {"verdict", text(conformance::verdict_text(verdict_of(report)))},
                       {"cases", std::move(cases)},
                       {"clauses", std::move(clauses)},
                       {"traffic", std::move(traffic)},
                       {"known_no_longer", std::move(stale)}}));
}

std::string conform_junit(const ConformReport& report) {
  std::size_t failures = 0, skipped = 0;
  std::string body;
  for (const CaseResult& one : report.result.cases) {
    body += "    <testcase classname=\"" + escaped(one.of->name.substr(0, one.of->name.rfind('/'))) + "\" name=\"" +
            escaped(one.of->name) + "\" time=\"" + rounded_seconds(one.took.count()) + "\"";
    std::string failed, warned, missing = one.not_applicable;
    for (const Outcome& outcome : one.outcomes) {
      const std::string line = outcome.clause + ": " + outcome.finding.text + "\n";
      const bool nothing = outcome.finding.verdict == Verdict::not_exercised && one.verdict() == Verdict::not_exercised;
      if (outcome.finding.verdict == Verdict::inconclusive || nothing) missing += line;
      if (outcome.finding.verdict != Verdict::fail) continue;
      const bool counts = !is_known(report, one, outcome) && binding(conformance::find_clause(outcome.clause));
      (counts ? failed : warned) += line;
    }
    for (const KnownFailure& entry : no_longer(report.known, report.result))
      if (entry.name == one.of->name) failed += entry.clause + " is known to fail, and passes\n";
    if (failed.empty() && warned.empty() && missing.empty()) {
      body += "/>\n";
      continue;
    }
    body += ">\n";
    if (!failed.empty()) {
      ++failures;
      for (const std::string& line : one.transcript) failed += line + "\n";
      body += "      <failure message=\"" + escaped(one.of->sentence) + "\">" + escaped(failed) + "</failure>\n";
    } else if (!missing.empty()) {
      ++skipped;
      body += "      <skipped message=\"" + escaped(missing) + "\"/>\n";
    }
    if (!warned.empty()) body += "      <system-out>" + escaped(warned) + "</system-out>\n";
    body += "    </testcase>\n";
  }
  const std::string numbers = " tests=\"" + std::to_string(report.result.cases.size()) + "\" failures=\"" +
                              std::to_string(failures) + "\"";
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"hubproof\"" + numbers + ">\n  <testsuite name=\"" +
         escaped(report.name) + "\"" + numbers + " errors=\"0\" skipped=\"" + std::to_string(skipped) + "\">\n" + body +
         "  </testsuite>\n</testsuites>\n";
}

}  // namespace hubproof::tools
