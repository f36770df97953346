// A campaign's result for programs: the document of the command line's contract.
#include "tools/documents.hpp"
#include "tools/render/render.hpp"
#include "tools/replayed.hpp"
#include "tools/risk.hpp"

namespace hubproof::tools {
namespace {

using documents::list;
using documents::number;
using documents::object;
using documents::text;

Document messages(const conformance::MessageCounts& counts) {
  return object({{"d2c_sent", number(counts.d2c_sent)},
                 {"d2c_acked", number(counts.d2c_acked)},
                 {"d2c_read", number(counts.d2c_read)},
                 {"c2d_sent", number(counts.c2d_sent)},
                 {"c2d_received", number(counts.c2d_received)},
                 {"c2d_settled", number(counts.c2d_settled)},
                 {"feedback", number(counts.feedback)}});
}

Document clauses(const std::vector<ClauseCounts>& counts) {
  Document document = Document::object();
  for (std::size_t check = 0; check < counts.size(); ++check) {
    const ClauseCounts& one = counts[check];
    document.members.emplace_back(std::string{all_checks()[check].id},
                                  object({{"pass", number(one.pass)},
                                          {"not_exercised", number(one.not_exercised)},
                                          {"inconclusive", number(one.inconclusive)},
                                          {"fail", number(one.fail)}}));
  }
  return document;
}

std::vector<Document::Member> evidence(const Failure& failure) {
  return {{"clause", text(all_checks()[failure.check].id)},
          {"at_s", failure.event ? Document::number(seconds_text(failure.at)) : Document{}},
          {"what", text(failure.what)}};
}

Document failures(const std::vector<Failure>& all) {
  return list(all, [](const Failure& failure) {
    Document one = object(evidence(failure));
    one.members.insert(one.members.begin(), {"seed", number(failure.seed)});
    one.members.emplace_back("bundle", failure.bundle.empty() ? Document{} : text(failure.bundle));
    return one;
  });
}

// Distinct failures: one bug in a thousand seeds is one finding.
Document findings(const CampaignResult& result) {
  return list(groups_of(result), [&](const FailureGroup& group) {
    const ScenarioResult& scenario = result.scenarios[group.scenario];
    const Failure& fastest = scenario.failures[group.failure];
    Document one = object(evidence(fastest));
    one.members.insert(one.members.begin() + 1, {"signature", text(fastest.signature)});
    one.members.emplace_back("runs", number(group.runs));
    one.members.emplace_back("scenario", text(scenario.name));
    one.members.emplace_back("seed", number(fastest.seed));
    one.members.emplace_back("bundle", fastest.bundle.empty() ? Document{} : text(fastest.bundle));
    return one;
  });
}

Document names(const std::vector<std::string>& all) { return list(all, text); }

Document risk(const Risk& risk) {
  return object({{"runs", number(risk.runs)},
                 {"failing", number(risk.failing)},
                 {"at_most_per_million", number(risk.at_most_per_million)},
                 {"confidence", Document::number("0.95")},
                 {"never_exercised", names(risk.never_exercised)},
                 {"faults_never_seen", names(risk.faults_never_seen)}});
}

}  // namespace

std::string render_json(const CampaignResult& result, bool machine,
                        const std::optional<Bundle>& bundle,
                        std::optional<sim::Duration> until) {
  Document scenarios = list(result.scenarios, [&](const ScenarioResult& one) {
    return object({{"name", text(one.name)},
                   {"file", machine ? text(one.file) : Document{}},
                   {"runs", number(one.runs)},
                   {"verdict", text(conformance::verdict_text(verdict_of(one.clauses)))},
                   {"digest", text(hex_text(one.digest))},
                   {"events", number(one.events)},
                   {"messages", messages(one.messages)},
                   {"simulated_s", Document::number(seconds_text(one.simulated))},
                   {"cpu_s", machine ? Document::number(rounded_seconds(one.cpu)) : Document{}},
                   {"clauses", clauses(one.clauses)},
                   {"failures", failures(one.failures)}});
  });
  Document document = object({{"hubproof", text(version)},
                              {"seeds", text(std::to_string(result.first_seed) + ".." +
                                             std::to_string(result.last_seed))},
                              {"verdict", text(conformance::verdict_text(result.verdict()))},
                              {"scenarios", std::move(scenarios)},
                              {"findings", findings(result)},
                              {"risk", risk(risk_of(result))}});
  // Only where the run ended before its last seed, so that what was not run is not taken for passed.
  if (result.interrupted || result.out_of_time)
    document.members.emplace_back("ended_early", text(result.interrupted ? "interrupted" : "budget"));
  if (bundle)
    document.members.emplace_back("bundle", object({{"clause", text(bundle->clause)},
                                                    {"signature", text(bundle->signature)},
                                                    {"outcome", text(replayed_word(replayed(*bundle, result, until)))}}));
  return write(document);
}

std::string render_judged_json(const CampaignResult& result, const std::string& profile) {
  const ScenarioResult& one = result.scenarios.front();
  Document judged = list(one.failures, [](const Failure& failure) {
    Document document = object(evidence(failure));
    if (failure.event) document.members.emplace_back("event", number(*failure.event));
    return document;
  });
  return write(object({{"hubproof", text(version)},
                       {"history", text(one.file)},
                       {"profile", text(profile)},
                       {"verdict", text(conformance::verdict_text(result.verdict()))},
                       {"events", number(one.events)},
                       {"messages", messages(one.messages)},
                       {"clauses", clauses(one.clauses)},
                       {"failures", std::move(judged)}}));
}

}  // namespace hubproof::tools
