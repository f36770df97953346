// hubproof list: what there is, each with its one sentence.
#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>

#include "conformance/cases/case.hpp"
#include "conformance/clause.hpp"
#include "model/mutants/mutant.hpp"
#include "sim/fault.hpp"
#include "tools/devices/device_suite.hpp"
#include "tools/documents.hpp"
#include "tools/find_scenarios.hpp"
#include "tools/output.hpp"
#include "tools/render/table.hpp"
#include "tools/render/traceability.hpp"
#include "tools/verbs/verbs.hpp"

namespace hubproof::tools {
namespace {

using documents::text;

// In the order of sim::fault_names.
constexpr std::array<std::string_view, sim::fault_names.size()> fault_sentences{
    "packets are lost, alone or in bursts",
    "packets take longer",
    "packets arrive twice",
    "packets are held back, so that others overtake them",
    "packets change on the way; their checksum tells",
    "packets share a line of limited speed with a queue in front",
    "nothing passes between some nodes: in full, one way, or for a part of them",
    "both ends of a connection get RST",
    "a connection falls silent for ever and neither end is told",
    "the hub's name is not found",
    "connects are answered with RST",
    "a node and its host go down, and come up later",
    "a process goes down; its host lives and answers with RST",
    "a node goes down whenever it has come up",
    "a node goes down and comes up at once",
    "a process does nothing for a while, and then goes on",
    "a process takes its time for each thing it does",
    "a wall clock starts wrong, such as in 1970",
    "a wall clock jumps",
    "both clocks of a node run fast or slow",
    "a wall clock glides to another time",
    "a crash leaves garbage in the block that was being written",
    "syncs fail",
    "a disk takes nothing more",
    "syncs take longer",
    "a bit of a file flips",
    "syncs get no answer",
    "a radio sleeps most of the time (PSM, eDRX)",
    "a radio changes its cell"};

struct Item {
  std::string name;
  std::string level;                       // of clauses and checks
  std::string sentence;
  std::vector<Document::Member> more;      // for programs
};

Document words(const std::vector<std::string>& list) {
  Document document = Document::list();
  for (const std::string& word : list) document.items.push_back(Document::string(word));
  return document;
}

std::string level(conformance::Level level) { return conformance::level_text(level); }

std::vector<Item> scenarios(std::string& wrong) {
  std::vector<Item> items;
  const FoundScenarios found = find_scenarios(scenario_files(), {});
  wrong = found.wrong;
  for (const Scenario& scenario : found.scenarios)
    items.push_back({scenario.name, {}, scenario.reason, {{"file", text(scenario.file)}}});
  return items;
}

std::vector<Item> checks() {
  std::vector<Item> items;
  for (const conformance::About& about : all_checks()) {
    std::vector<std::string> rests_on{about.rests_on.begin(), about.rests_on.end()};
    items.push_back({std::string{about.id}, level(about.level), std::string{about.sentence},
                     {{"rests_on", words(rests_on)}}});
  }
  return items;
}

bool chosen(const ListArguments& only, const conformance::Clause& clause, std::string_view status) {
  const auto fits = [](const std::string& asked, std::string_view is) { return asked.empty() || asked == is; };
  return fits(only.chapter, clause.chapter) && fits(only.level, conformance::level_text(clause.level)) &&
         fits(only.status, status) && (only.side.empty() || std::ranges::count(clause.side, only.side) > 0);
}

std::vector<TracedClause> clauses(const ListArguments& only) {
  std::vector<TracedClause> traced;
  for (const conformance::Clause& clause : conformance::clauses()) {
    std::vector<std::string> checks;
    for (const conformance::About& about : all_checks())
      if (about.id == clause.id || std::ranges::count(about.rests_on, clause.id) > 0) checks.emplace_back(about.id);
    std::vector<std::string> cases;
    for (const conformance::cases::Case& each : conformance::cases::cases())
      if (std::ranges::count(each.clauses, clause.id) > 0) cases.push_back(each.name);
    for (const conformance::cases::Case& each : device_case_table())
      if (std::ranges::count(each.clauses, clause.id) > 0) cases.push_back(each.name);
    const auto status = conformance::status(clause, !checks.empty(), !cases.empty());
    const std::string_view name =
        status ? conformance::status_names[static_cast<std::size_t>(*status)] : std::string_view{};
    if (chosen(only, clause, name)) traced.push_back({&clause, name, std::move(checks), std::move(cases)});
  }
  return traced;
}

Item item(const TracedClause& traced) {
  const conformance::Clause& clause = *traced.clause;
  Item item{clause.id, level(clause.level), clause.sentence,
            {{"chapter", text(clause.chapter)}, {"status", text(traced.status)},
             {"cases", words(traced.cases)}, {"checks", words(traced.checks)}}};
  for (const conformance::TextField& field : conformance::text_fields)
    if (!(clause.*field.value).empty()) item.more.emplace_back(field.name, text(clause.*field.value));
  for (const conformance::ListField& field : conformance::list_fields)
    if (!(clause.*field.values).empty()) item.more.emplace_back(field.name, words(clause.*field.values));
  if (!clause.date.empty()) item.more.emplace_back("date", text(clause.date));
  return item;
}

std::string clause_table(const std::vector<TracedClause>& traced) {
  Table table{std::vector<Table::Align>(5, Table::Align::left)};
  for (const TracedClause& each : traced) {
    std::string side;
    for (const std::string& one : each.clause->side) side += (side.empty() ? "" : ",") + one;
    table.row({each.clause->id, level(each.clause->level), side, std::string{each.status}, each.clause->sentence});
  }
  return table.text();
}

std::vector<Item> faults() {
  std::vector<Item> items;
  constexpr std::array<std::string_view, 5> families{"network", "process", "clock", "disk", "radio"};
  for (std::size_t at = 0; at < sim::fault_names.size(); ++at) {
    const auto family = static_cast<std::size_t>(sim::family(static_cast<sim::FaultKind>(at)));
    items.push_back({std::string{sim::fault_names[at]}, {}, std::string{fault_sentences[at]},
                     {{"family", text(families[family])}}});
  }
  // Those of the hub are what a service does to devices, and how devices behave.
  const auto hub = [&](const char* name, const char* sentence) {
    items.push_back({name, {}, sentence, {{"family", text("hub")}}});
  };
  hub("disable", "a device is disabled, and enabled later (a service's registry)");
  hub("recreate", "a device is deleted and created again (a service's registry)");
  hub("purge", "the queue of a device is purged (a service's registry)");
  hub("takeover", "two devices with one id push each other out (a group's twin_of)");
  return items;
}

std::vector<Item> mutants() {
  std::vector<Item> items;
  for (const model::Mutant& mutant : model::mutants()) {
    Item item{mutant.name, {}, mutant.sentence, {{"found_by", text(mutant.found_by)}}};
    if (mutant.meant_for != nullptr) item.more.emplace_back("meant_for", text(mutant.meant_for));
    if (mutant.issue != nullptr) item.more.emplace_back("issue", text(mutant.issue));
    item.more.emplace_back("rare", Document::boolean(mutant.rare));
    items.push_back(std::move(item));
  }
  return items;
}

// Cases for foreign systems, as JSON with what they decide and need.
std::vector<Item> cases() {
  using namespace conformance::cases;
  std::vector<Item> items;
  for (const Case& one : conformance::cases::cases()) {
    std::vector<std::string> needs;
    for (std::size_t at = 0; at < capability_names.size(); ++at)
      if (one.needs.has(static_cast<Capability>(at))) needs.emplace_back(capability_names[at]);
    const char* profiles = one.profiles == For::brokers ? "brokers" : one.profiles == For::hubs ? "hubs" : "all";
    items.push_back({one.name, {}, one.sentence,
                     {{"clauses", words(one.clauses)}, {"needs", words(needs)}, {"profiles", text(profiles)},
                      {"alone", Document::boolean(one.alone == Alone::target)},
                      {"reads_feedback", Document::boolean(one.alone == Alone::feedback)}}});
  }
  for (const Case& one : device_case_table())
    items.push_back({one.name, {}, one.sentence, {{"clauses", words(one.clauses)}, {"needs", words(std::vector<std::string>{"device"})},
                                                  {"profiles", text("all")}, {"alone", Document::boolean(false)}, {"reads_feedback", Document::boolean(false)}}});
  return items;
}

}  // namespace

int list_verb(const ListArguments& arguments) {
  std::vector<Item> items;
  std::string wrong;
  if (arguments.what == "scenarios") items = scenarios(wrong);
  if (arguments.what == "clauses") {
    const std::vector<TracedClause> traced = clauses(arguments);
    if (traced.empty()) std::fprintf(stderr, "hubproof list: no clause is all of what was asked for\n");
    if (arguments.markdown) return print(render_traceability(traced)) ? exit_pass : exit_cannot_write;
    if (arguments.format == Format::text) return print(clause_table(traced)) ? exit_pass : exit_cannot_write;
    std::ranges::transform(traced, std::back_inserter(items), item);
  }
  if (arguments.what == "checks") items = checks();
  if (arguments.what == "faults") items = faults();
  if (arguments.what == "mutants") items = mutants();
  if (arguments.what == "cases") items = cases();
  if (!wrong.empty()) {
    std::fprintf(stderr, "%s", wrong.c_str());
    return exit_bad_input;
  }
  const bool ids = arguments.what == "clauses" || arguments.what == "checks";
  if (arguments.format == Format::text) {
    Table table{std::vector<Table::Align>(3, Table::Align::left)};
    for (const Item& item : items) {
      std::vector<std::string> row{item.name, item.sentence};
      if (ids) row.insert(row.begin() + 1, item.level);
      table.row(std::move(row));
    }
    return print(table.text()) ? exit_pass : exit_cannot_write;
  }
  Document list = Document::list();
  for (Item& item : items) {
    Document entry = Document::object();
    entry.members.emplace_back(ids ? "id" : "name", text(item.name));
    if (ids) entry.members.emplace_back("level", text(item.level));
    entry.members.emplace_back("sentence", text(item.sentence));
    for (Document::Member& member : item.more) entry.members.push_back(std::move(member));
    list.items.push_back(std::move(entry));
  }
  Document document = Document::object();
  document.members.emplace_back(arguments.what, std::move(list));
  return print(write(document)) ? exit_pass : exit_cannot_write;
}

}  // namespace hubproof::tools
