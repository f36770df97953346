// A campaign's result for people: scenarios, clauses, failures, and the verdict in the last line.
#include "tools/render/render.hpp"
#include "tools/render/table.hpp"
#include "tools/risk.hpp"

namespace hubproof::tools {
namespace {

using conformance::Verdict;
using Align = Table::Align;

std::string level_of(std::size_t check) { return conformance::level_text(all_checks()[check].level); }

std::string word(Verdict verdict) {
  return verdict == Verdict::not_exercised ? "not exercised" : conformance::verdict_text(verdict);
}

std::string coloured(const std::string& text, Verdict verdict, bool colour) {
  if (!colour) return text;
  const char* code = verdict == Verdict::fail ? "31" : verdict == Verdict::pass ? "32" : "33";
  return "\x1b[" + std::string{code} + "m" + text + "\x1b[0m";
}

std::string messages_line(const ScenarioResult& one) {
  const conformance::MessageCounts& m = one.messages;
  return one.name + ": " + count_text(one.events) + " events; telemetry: " + count_text(m.d2c_sent) +
         " sent, " + count_text(m.d2c_acked) + " acknowledged, " + count_text(m.d2c_read) +
         " read; commands: " + count_text(m.c2d_sent) + " sent, " + count_text(m.c2d_received) +
         " received, " + count_text(m.c2d_settled) + " settled; feedback: " + count_text(m.feedback) + "\n";
}

std::string scenario_table(const CampaignResult& result, bool machine) {
  std::vector<Align> columns{Align::left, Align::right, Align::left,  Align::right, Align::right,
                             Align::right, Align::right, Align::right, Align::right};
  std::vector<std::string> head{"scenario", "runs", "verdict", "telemetry", "commands",
                                "feedback", "simulated"};
  if (machine) head.push_back("CPU ms/run");
  head.push_back("digest");
  Table table{columns};
  table.row(head);
  for (const ScenarioResult& one : result.scenarios) {
    std::vector<std::string> row{one.name,
                                 count_text(one.runs),
                                 word(verdict_of(one.clauses)),
                                 count_text(one.messages.d2c_sent),
                                 count_text(one.messages.c2d_sent),
                                 count_text(one.messages.feedback),
                                 span_text(one.simulated)};
    if (machine) {
      const std::uint64_t tenths =
          one.runs == 0 ? 0 : static_cast<std::uint64_t>(one.cpu) / one.runs / 100'000;
      row.push_back(std::to_string(tenths / 10) + "." + std::to_string(tenths % 10));
    }
    row.push_back(hex_text(one.digest));
    table.row(row);
  }
  return table.text();
}

std::string clause_table(const std::vector<ClauseCounts>& clauses) {
  Table table{{Align::left, Align::left, Align::left, Align::right, Align::right, Align::right,
               Align::right, Align::left}};
  table.row({"clause", "level", "verdict", "pass", "not exercised", "inconclusive", "fail", ""});
  for (std::size_t check = 0; check < clauses.size(); ++check) {
    const ClauseCounts& counts = clauses[check];
    table.row({std::string{all_checks()[check].id}, level_of(check), word(counts.verdict()),
               count_text(counts.pass), count_text(counts.not_exercised),
               count_text(counts.inconclusive), count_text(counts.fail),
               std::string{all_checks()[check].sentence}});
  }
  return table.text();
}

std::string failure_text(const ScenarioResult& scenario, const Failure& failure, const Rendering& how) {
  const conformance::About& about = all_checks()[failure.check];
  const bool warning = about.level == conformance::Level::should;
  std::string text = coloured(warning ? "WARN" : "FAIL", warning ? Verdict::inconclusive : Verdict::fail,
                              how.colour) +
                     "  " + std::string{about.id} + " [" + level_of(failure.check) + "]  " +
                     std::string{about.sentence};
  if (failure.event)
    text += "    t=" + seconds_text(failure.at) + "s  event " + std::to_string(*failure.event);
  text += "\n      " + failure.what + "\n";
  if (how.machine && !how.by_bundle) {
    Scenario named;
    named.name = scenario.name;
    named.file = scenario.file;
    text += "      reproduce: " + reproduce_line(named, failure.seed, how.command) + "\n";
  }
  return text;
}

// Each distinct failure once, with the run in which the least happened.
std::string failures_text(const CampaignResult& result, const Rendering& how) {
  std::string text;
  for (const FailureGroup& group : groups_of(result)) {
    const ScenarioResult& scenario = result.scenarios[group.scenario];
    const Failure& failure = scenario.failures[group.failure];
    text += "\n" + failure_text(scenario, failure, how);
    if (how.machine && how.by_bundle && !failure.bundle.empty())
      text += "      reproduce: hubproof replay " + failure.bundle + "\n";
    else if (how.machine && !failure.bundle.empty())
      text += "      bundle: " + failure.bundle + "\n";
    if (group.runs > 1) text += "      and so in " + count_text(group.runs - 1) + " more runs\n";
  }
  return text;
}

// The verdict and what stands behind it, in one line.
std::string last_line(const CampaignResult& result, const Rendering& how) {
  const std::vector<ClauseCounts> clauses = result.clauses();
  std::uint64_t runs = 0;
  std::int64_t simulated = 0, cpu = 0;
  for (const ScenarioResult& one : result.scenarios) {
    runs += one.runs;
    simulated += one.simulated;
    cpu += one.cpu;
  }
  std::size_t exercised = 0;
  std::string failing, undecided, warnings;
  for (std::size_t check = 0; check < clauses.size(); ++check) {
    const Verdict verdict = clauses[check].verdict();
    if (verdict != Verdict::not_exercised) ++exercised;
    const conformance::Level level = all_checks()[check].level;
    const bool must = level == conformance::Level::must || level == conformance::Level::limit;
    std::string& list = verdict == Verdict::fail ? (must ? failing : warnings) : undecided;
    if (verdict == Verdict::fail || (verdict == Verdict::inconclusive && must))
      list += " " + std::string{all_checks()[check].id};
  }
  const Verdict verdict = result.verdict();
  std::string text = coloured(word(verdict), verdict, how.colour) + ": ";
  if (!how.history)
    text += count_text(runs) + (runs == 1 ? " run" : " runs") + " of " +
            std::to_string(result.scenarios.size()) +
            (result.scenarios.size() == 1 ? " scenario, " : " scenarios, ");
  text += std::to_string(exercised) + " of " + std::to_string(clauses.size()) + " checks exercised";
  if (!how.history) text += ", " + span_text(simulated) + " simulated";
  if (how.machine) text += " in " + span_text(cpu) + " of CPU time";
  if (!failing.empty()) text += "; failing:" + failing;
  if (!undecided.empty()) text += "; undecided:" + undecided;
  if (!warnings.empty()) text += "; warnings:" + warnings;
  if (result.interrupted) text += "; interrupted, so this is what ran until then";
  if (result.out_of_time) text += "; the time was over";
  return text + "\n";
}

}  // namespace

std::string render_text(const CampaignResult& result, const Rendering& how) {
  const std::string head = how.history ? messages_line(result.scenarios.front())
                                       : scenario_table(result, how.machine);
  return head + "\n" + clause_table(result.clauses()) +
         failures_text(result, how) + "\n" +
         (how.machine && !how.history ? risk_text(risk_of(result)) : std::string{}) + last_line(result, how);
}

}  // namespace hubproof::tools
