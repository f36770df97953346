#include "tools/exhaustive/render.hpp"

#include <algorithm>

#include "conformance/check.hpp"
#include "tools/documents.hpp"
#include "tools/render/render.hpp"
#include "tools/render/table.hpp"

namespace hubproof::tools {
namespace {

using conformance::Verdict;
using documents::list;
using documents::number;
using documents::object;
using documents::text;

std::string id_of(std::size_t check) { return std::string{conformance::checks()[check]->id}; }
std::string level_of(std::size_t check) {
  return conformance::level_text(conformance::checks()[check]->level);
}

Verdict verdict_of(const ExhaustiveResult::Counts& counts) {
  if (counts.fail > 0) return Verdict::fail;
  if (counts.pass > 0) return Verdict::pass;
  return counts.inconclusive > 0 ? Verdict::inconclusive : Verdict::not_exercised;
}

std::string word(Verdict verdict) {
  return verdict == Verdict::not_exercised ? "not exercised" : conformance::verdict_text(verdict);
}

std::string clause_table(const ExhaustiveResult& result) {
  using Align = Table::Align;
  Table table{{Align::left, Align::left, Align::left, Align::right, Align::right, Align::right,
               Align::right, Align::left}};
  table.row({"clause", "level", "verdict", "pass", "not exercised", "inconclusive", "fail", ""});
  for (std::size_t check = 0; check < result.clauses.size(); ++check) {
    const ExhaustiveResult::Counts& counts = result.clauses[check];
    if (verdict_of(counts) == Verdict::not_exercised) continue;
    table.row({id_of(check), level_of(check), word(verdict_of(counts)), count_text(counts.pass),
               count_text(counts.not_exercised), count_text(counts.inconclusive),
               count_text(counts.fail), std::string{conformance::checks()[check]->sentence}});
  }
  return table.text();
}

std::string failure_text(const Scenario& scenario, const ExhaustiveFailure& failure,
                         const std::string& mutant, bool colour) {
  const conformance::About& about = *conformance::checks()[failure.check];
  std::string text =
      std::string{colour ? "\x1b[31mFAIL\x1b[0m" : "FAIL"} + "  " + id_of(failure.check) + " [" +
      level_of(failure.check) + "]  " + std::string{about.sentence} +
      "    t=" + seconds_text(failure.finding.at) + "s\n      " + failure.finding.text +
      "\n      the shortest of " + count_text(failure.histories) +
      (failure.histories == 1 ? " history" : " histories") + " in which it fails, with " +
      std::to_string(failure.faults) + (failure.faults == 1 ? " fault:\n" : " faults:\n");
  for (std::size_t i = 0; i < failure.story.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    text += std::string(number.size() < 4 ? 8 - number.size() : 4, ' ') + number + "  " +
            failure.story[i] + "\n";
  }
  text += "      reproduce: hubproof run " + scenario.file + " --strategy exhaustive";
  if (!mutant.empty()) text += " --mutant " + mutant;
  return text + "\n";
}

Document clauses(const std::vector<ExhaustiveResult::Counts>& counts) {
  Document document = Document::object();
  for (std::size_t check = 0; check < counts.size(); ++check)
    document.members.emplace_back(id_of(check),
                                  object({{"pass", number(counts[check].pass)},
                                          {"not_exercised", number(counts[check].not_exercised)},
                                          {"inconclusive", number(counts[check].inconclusive)},
                                          {"fail", number(counts[check].fail)}}));
  return document;
}

Document failure(const ExhaustiveFailure& one) {
  return object({{"clause", text(id_of(one.check))},
                 {"at_s", Document::number(seconds_text(one.finding.at))},
                 {"what", text(one.finding.text)},
                 {"faults", number(one.faults)},
                 {"histories", number(one.histories)},
                 {"path", list(one.path, [](std::uint8_t choice) { return number(choice); })},
                 {"story", list(one.story, [](const std::string& step) { return text(step); })}});
}

}  // namespace

Verdict verdict_of(const std::vector<Exhausted>& all) {
  Verdict worst = Verdict::not_exercised;
  bool undecided = false;
  for (const Exhausted& one : all) {
    const Verdict verdict = one.result.verdict();
    undecided = undecided || verdict == Verdict::inconclusive;
    worst = std::max(worst, verdict);
  }
  return worst == Verdict::pass && undecided ? Verdict::inconclusive : worst;
}

bool complete(const std::vector<Exhausted>& all) {
  return std::ranges::all_of(all, [](const Exhausted& one) { return one.result.cut.empty(); });
}

std::string render_exhaustive_text(const std::vector<Exhausted>& all, const std::string& mutant,
                                   bool colour) {
  std::string text;
  for (const Exhausted& one : all) {
    text += one.scenario->name + "\n\n" + clause_table(one.result);
    for (const ExhaustiveFailure& failure : one.result.failures)
      text += "\n" + failure_text(*one.scenario, failure, mutant, colour);
    text += "\n" + word(one.result.verdict()) + ": " + one.scenario->name + ", " +
            exhaustive_statement(*one.scenario, one.result) + " " + span_text(one.cpu) +
            " of CPU time.\n";
    if (&one != &all.back()) text += "\n";
  }
  return text;
}

std::string render_exhaustive_json(const std::vector<Exhausted>& all) {
  Document scenarios = list(all, [](const Exhausted& one) {
    const ExhaustiveResult& it = one.result;
    return object({{"name", text(one.scenario->name)},
                   {"file", text(one.scenario->file)},
                   {"verdict", text(conformance::verdict_text(it.verdict()))},
                   {"exhausted", Document::boolean(it.cut.empty())},
                   {"statement", text(exhaustive_statement(*one.scenario, it))},
                   {"faults", number(one.scenario->exhaustive->faults)},
                   {"paths", number(it.paths)},
                   {"paths_are_more", Document::boolean(it.paths_overflow)},
                   {"states", number(it.states)},
                   {"steps", number(it.steps)},
                   {"histories", number(it.histories)},
                   {"deepest", number(it.deepest)},
                   {"cut", list(it.cut, [](const std::string& why) { return text(why); })},
                   {"cpu_s", Document::number(rounded_seconds(one.cpu))},
                   {"clauses", clauses(it.clauses)},
                   {"failures", list(it.failures, failure)}});
  });
  return write(object({{"hubproof", text(version)},
                       {"strategy", text("exhaustive")},
                       {"verdict", text(conformance::verdict_text(verdict_of(all)))},
                       {"scenarios", std::move(scenarios)}}));
}

}  // namespace hubproof::tools
