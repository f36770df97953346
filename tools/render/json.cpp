// A campaign's result for programs: the document of the command line's contract.
#include "tools/document.hpp"
#include "tools/render/render.hpp"
#include "tools/replayed.hpp"
#include "tools/risk.hpp"

namespace hubproof::tools {
namespace {

Document number(std::uint64_t value) { return Document::number(std::to_string(value)); }
Document text(std::string value) { return Document::string(std::move(value)); }

Document object(std::vector<Document::Member> members) {
  Document document = Document::object();
  document.members = std::move(members);
  return document;
}

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
  return {{"clause", text(std::string{all_checks()[failure.check].id})},
          {"at_s", failure.event ? Document::number(seconds_text(failure.at)) : Document{}},
          {"what", text(failure.what)}};
}

Document failures(const std::vector<Failure>& list) {
  Document document = Document::list();
  for (const Failure& failure : list) {
    Document one = object(evidence(failure));
    one.members.insert(one.members.begin(), {"seed", number(failure.seed)});
    one.members.emplace_back("bundle", failure.bundle.empty() ? Document{} : text(failure.bundle));
    document.items.push_back(std::move(one));
  }
  return document;
}

// Distinct failures: one bug in a thousand seeds is one finding.
Document findings(const CampaignResult& result) {
  Document list = Document::list();
  for (const FailureGroup& group : groups_of(result)) {
    const ScenarioResult& scenario = result.scenarios[group.scenario];
    const Failure& fastest = scenario.failures[group.failure];
    Document one = object(evidence(fastest));
    one.members.insert(one.members.begin() + 1, {"signature", text(fastest.signature)});
    one.members.emplace_back("runs", number(group.runs));
    one.members.emplace_back("scenario", text(scenario.name));
    one.members.emplace_back("seed", number(fastest.seed));
    one.members.emplace_back("bundle", fastest.bundle.empty() ? Document{} : text(fastest.bundle));
    list.items.push_back(std::move(one));
  }
  return list;
}

Document names(const std::vector<std::string>& all) {
  Document list = Document::list();
  for (const std::string& name : all) list.items.push_back(text(name));
  return list;
}

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
                        const std::optional<Bundle>& bundle) {
  Document scenarios = Document::list();
  for (const ScenarioResult& one : result.scenarios)
    scenarios.items.push_back(
        object({{"name", text(one.name)},
                {"file", machine ? text(one.file) : Document{}},
                {"runs", number(one.runs)},
                {"verdict", text(conformance::verdict_text(verdict_of(one.clauses)))},
                {"digest", text(hex_text(one.digest))},
                {"events", number(one.events)},
                {"messages", messages(one.messages)},
                {"simulated_s", Document::number(seconds_text(one.simulated))},
                {"cpu_s", machine ? Document::number(rounded_seconds(one.cpu)) : Document{}},
                {"clauses", clauses(one.clauses)},
                {"failures", failures(one.failures)}}));
  Document document = object({{"hubproof", text(version)},
                              {"seeds", text(std::to_string(result.first_seed) + ".." +
                                             std::to_string(result.last_seed))},
                              {"verdict", text(conformance::verdict_text(result.verdict()))},
                              {"scenarios", std::move(scenarios)},
                              {"findings", findings(result)},
                              {"risk", risk(risk_of(result))}});
  if (bundle)
    document.members.emplace_back("bundle", object({{"clause", text(bundle->clause)},
                                                    {"signature", text(bundle->signature)},
                                                    {"outcome", text(replayed_word(replayed(*bundle, result)))}}));
  return write(document);
}

std::string render_judged_json(const CampaignResult& result, const std::string& profile) {
  const ScenarioResult& one = result.scenarios.front();
  Document list = Document::list();
  for (const Failure& failure : one.failures) {
    list.items.push_back(object(evidence(failure)));
    if (failure.event) list.items.back().members.emplace_back("event", number(*failure.event));
  }
  return write(object({{"hubproof", text(version)},
                       {"history", text(one.file)},
                       {"profile", text(profile)},
                       {"verdict", text(conformance::verdict_text(result.verdict()))},
                       {"events", number(one.events)},
                       {"messages", messages(one.messages)},
                       {"clauses", clauses(one.clauses)},
                       {"failures", std::move(list)}}));
}

}  // namespace hubproof::tools
