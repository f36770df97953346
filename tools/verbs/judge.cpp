// hubproof judge: a history from anywhere, read as a stream and judged by the checks of a run.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>

#include "conformance/history_json.hpp"
#include "tools/output.hpp"
#include "tools/problem.hpp"
#include "tools/verbs/verbs.hpp"

namespace hubproof::tools {
namespace {

Problems problems_of(const std::vector<conformance::HistoryProblem>& found) {
  Problems problems;
  for (const conformance::HistoryProblem& one : found) {
    std::string where = one.line == 0 ? "" : "line " + std::to_string(one.line);
    if (!one.pointer.empty()) where += (where.empty() ? "" : " ") + one.pointer;
    problems.push_back({where, one.what});
  }
  return problems;
}

// What the history promises, or what the asked profile does.
model::Terms terms_of(const model::Terms& told, const std::string& profile) {
  if (profile.empty()) return told;
  model::Terms terms = model::terms(*model::profile(profile));
  terms.hub_observed = told.hub_observed;
  terms.settle_ns = told.settle_ns;
  return terms;
}

CampaignResult result_of(const std::string& file, const conformance::Report& report,
                         std::uint64_t events) {
  CampaignResult result;
  ScenarioResult& one = result.scenarios.emplace_back();
  one.name = std::filesystem::path{file}.filename().string();
  one.file = file;
  one.runs = 1;
  one.events = events;
  one.messages = report.messages;
  for (std::size_t check = 0; check < report.checks.size(); ++check) {
    const conformance::Finding& finding = report.checks[check].finding;
    one.clauses.emplace_back().add(finding.verdict);
    if (finding.verdict == conformance::Verdict::fail)
      one.failures.push_back({0, check, finding.at, finding.event, finding.text, {}, 0, {}});
  }
  return result;
}

}  // namespace

int judge_verb(const JudgeArguments& arguments) {
  std::error_code ignored;
  const bool folder = std::filesystem::is_directory(arguments.history, ignored);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{
      folder ? nullptr : std::fopen(arguments.history.c_str(), "rb"), std::fclose};
  if (!file) {
    std::fprintf(stderr, "%s: %s\n", arguments.history.c_str(), folder ? "a folder" : std::strerror(errno));
    return exit_bad_input;
  }

  std::optional<conformance::Judge> judge;
  std::string profile;
  const conformance::HistoryReader* reading = nullptr;
  conformance::HistoryReader reader{
      [&](const model::History& header) {
        const model::Terms terms = terms_of(header.terms, arguments.profile);
        profile = terms.profile;
        judge.emplace(terms, header.participants, &header.notes);
      },
      [&](const model::Event& event) {
        if (reading->problems().empty()) judge->saw(event);
      }};
  reading = &reader;
  char buffer[65'536];
  for (std::size_t got; !reader.stopped() && (got = std::fread(buffer, 1, sizeof buffer, file.get())) > 0;)
    reader.feed({buffer, got});
  if (std::ferror(file.get()) != 0) {
    std::fprintf(stderr, "%s: %s\n", arguments.history.c_str(), std::strerror(errno));
    return exit_bad_input;
  }
  if (!reader.stopped()) reader.end();
  Problems problems = problems_of(reader.problems());
  if (problems.empty() && !judge) problems.push_back({"", "empty: not even the line that opens a history"});
  if (!problems.empty()) {
    std::fprintf(stderr, "%s", problems_text(arguments.history, problems).c_str());
    return exit_bad_input;
  }
  for (const Problem& warning : problems_of(reader.warnings()))
    std::fprintf(stderr, "%s: warning: %s  %s\n", arguments.history.c_str(), warning.where.c_str(),
                 warning.what.c_str());

  const CampaignResult result = result_of(arguments.history, judge->finish(), reader.events());
  Rendering how;
  how.machine = false;
  how.history = true;
  how.colour = colour_wanted();
  std::string text;
  switch (arguments.format) {
    case Format::text: text = render_text(result, how); break;
    case Format::json: text = render_judged_json(result, profile); break;
    case Format::junit: text = render_junit(result); break;
  }
  return print(text) ? exit_code(result.verdict()) : static_cast<int>(exit_cannot_write);
}

}  // namespace hubproof::tools
