#include "tools/render/traceability.hpp"

#include <algorithm>
#include <iterator>

namespace hubproof::tools {
namespace {

using conformance::Clause;
using conformance::status_names;

// As it stands in a cell of a table.
std::string cell(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (std::string_view{"|\\`*_<>$"}.find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string how(const TracedClause& traced) {
  const Clause& clause = *traced.clause;
  const std::size_t cases = traced.cases.size();
  const std::string by = cases == 0 ? "" : std::to_string(cases) + (cases == 1 ? " case" : " cases");
  if (!traced.checks.empty()) return "checked by " + joined(traced.checks) + (by.empty() ? "" : ", " + by);
  if (!by.empty()) return "tested by " + by;
  std::string text{traced.status};
  for (const std::string* reason : {&clause.unseen, &clause.outside, &clause.decision})
    if (!reason->empty()) return text + ": " + cell(*reason);
  return text;
}

// Figures, the wire and the older text belong to what is required.
std::string requirement(const Clause& clause) {
  std::string text = cell(clause.sentence);
  if (!clause.values.empty()) text += " *Values:* " + cell(clause.values) + ".";
  if (!clause.wire.empty()) text += " *Wire:* " + cell(clause.wire) + ".";
  if (!clause.in_2017.empty()) text += " *In 2017:* " + cell(clause.in_2017) + ".";
  return text;
}

std::string depends_on(const Clause& clause) {
  std::vector<std::string> all;
  for (const std::string& name : clause.switches) all.push_back("`" + name + "`");
  std::ranges::copy(clause.open, std::back_inserter(all));
  return joined(all);
}

std::string summary(const std::vector<TracedClause>& traced) {
  std::string text = "| chapter | ids | entries |";
  for (const std::string_view name : status_names) text += " " + std::string{name} + " |";
  text += "\n| --- | --- |";
  for (std::size_t column = 0; column <= status_names.size(); ++column) text += " ---: |";
  text += "\n";
  const auto row = [&](const std::string& title, auto belongs) {
    text += "| " + title + " | " + std::to_string(std::ranges::count_if(traced, belongs)) + " |";
    for (const std::string_view name : status_names)
      text += " " + std::to_string(std::ranges::count_if(traced, [&](const TracedClause& each) {
                return belongs(each) && each.status == name;
              })) + " |";
    text += "\n";
  };
  for (const conformance::Chapter& chapter : conformance::chapters())
    row(chapter.title + " | " + chapter.name,
        [&](const TracedClause& each) { return each.clause->chapter == chapter.name; });
  row("all | ", [](const TracedClause&) { return true; });
  return text;
}

const char* const opening = R"(# Traceability

Every requirement that hubproof knows, and how it is covered. Made by `hubproof list clauses --format markdown`
(`tools/golden` writes it afresh); `tools/traceability ID` shows where code, tests, scenarios and pages cite one.

- **checked**: a check judges it in every run, or rests on it; `hubproof list checks` has the sentences.
- **tested**: cases of `hubproof conform` drive it at foreign systems; `hubproof list clauses --format json` names them.
- **planned**: a case for foreign hubs and devices is to come. Our own machines may have tests for it all the same.
- **unseen**: no black box can show it, for the reason given.
- **outside**: hubproof leaves it out, for the reason given.
- **decided**: nobody says; this is how hubproof takes it.

Sides are whom it binds. The date is that of the newest source that has one. What it depends on are switches and
figures of the profile ([their values](../scenarios/README.md#profiles)) and open questions (OPEN). Sources by key
are in [conformance/catalogue/sources.json](../conformance/catalogue/sources.json).

)";

}  // namespace

std::string render_traceability(const std::vector<TracedClause>& traced) {
  std::string text = opening + summary(traced);
  for (const conformance::Chapter& chapter : conformance::chapters()) {
    std::string rows;
    for (const TracedClause& each : traced) {
      const Clause& clause = *each.clause;
      if (clause.chapter != chapter.name) continue;
      rows += "| " + clause.id + " | " + conformance::level_text(clause.level) + " | " + joined(clause.side) + " | " +
              requirement(clause) + " | " + how(each) + " | " + depends_on(clause) + " | " + joined(clause.sources) +
              " | " + clause.date + " |\n";
    }
    if (rows.empty()) continue;
    text += "\n## " + chapter.title + "\n\n"
            "| id | level | side | requirement | covered | depends on | sources | date |\n"
            "| --- | --- | --- | --- | --- | --- | --- | --- |\n" + rows;
  }
  return text;
}

}  // namespace hubproof::tools
