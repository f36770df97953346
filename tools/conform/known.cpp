#include "tools/conform/known.hpp"

#include <algorithm>

#include "conformance/clause.hpp"
#include "tools/devices/device_suite.hpp"
#include "tools/documents.hpp"
#include "tools/field.hpp"
#include "tools/scenario_fields.hpp"

namespace hubproof::tools {

std::vector<KnownFailure> read_known(std::string_view json, Problems& problems) {
  std::vector<KnownFailure> known;
  std::string target;
  const auto document = object_of(json, problems);
  if (!document) return known;
  read_fields(*document, "", Cast{}, problems, [&](Fields& f) {
    f.text("target", "whose failures these are", target);
    f.list("known", "failures that need not be fixed yet", known, 100'000, [](Fields& inner, KnownFailure& one) {
      inner.text("case", "its name", one.name);
      inner.need("case");
      inner.text("clause", "the id of what fails", one.clause);
      inner.need("clause");
      inner.text("reason", "what is wrong at the target, or who works on it", one.reason);
    });
    f.need("known");
  });
  const std::size_t readable = problems.empty() ? known.size() : 0;
  for (std::size_t at = 0; at < readable; ++at) {
    const std::string where = "/known/" + std::to_string(at);
    if (conformance::cases::find_case(known[at].name) == nullptr && find_device_case(known[at].name) == nullptr)
      problems.push_back({where + "/case", "there is no case \"" + known[at].name + "\" (hubproof list cases names them)"});
    if (conformance::find_clause(known[at].clause) == nullptr)
      problems.push_back({where + "/clause", "there is no clause \"" + known[at].clause + "\" (hubproof list clauses names them)"});
  }
  return known;
}

std::string write_known(const ConformResult& result, const std::string& target) {
  using namespace documents;
  Document list = Document::list();
  for (const CaseResult& one : result.cases)
    for (const auto& outcome : one.outcomes)
      if (outcome.finding.verdict == conformance::Verdict::fail)
        list.items.push_back(object({{"case", text(one.of->name)}, {"clause", text(outcome.clause)},
                                     {"reason", text(outcome.finding.text)}}));
  return write(object({{"target", text(target)}, {"known", std::move(list)}})) + "\n";
}

const KnownFailure* find_known(const std::vector<KnownFailure>& known, std::string_view name, std::string_view clause) {
  const auto found = std::ranges::find_if(
      known, [&](const KnownFailure& one) { return one.name == name && one.clause == clause; });
  return found == known.end() ? nullptr : &*found;
}

std::vector<KnownFailure> no_longer(const std::vector<KnownFailure>& known, const ConformResult& result) {
  std::vector<KnownFailure> passed;
  for (const CaseResult& one : result.cases)
    for (const auto& outcome : one.outcomes)
      if (outcome.finding.verdict == conformance::Verdict::pass)
        if (const KnownFailure* entry = find_known(known, one.of->name, outcome.clause)) passed.push_back(*entry);
  return passed;
}

}  // namespace hubproof::tools
