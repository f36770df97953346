#include "conformance/clause.hpp"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace hubproof::conformance {

using nlohmann::json;

// The files of conformance/catalogue as one list, made into a source file when the build is configured.
extern const unsigned char catalogue_json[];
extern const std::size_t catalogue_json_size;

namespace {

struct Catalogue {
  std::vector<Chapter> chapters;
  std::vector<Clause> clauses;
  std::vector<Source> sources;
};

Clause read_clause(const json& one, const std::string& chapter) {
  Clause clause;
  clause.chapter = chapter;
  clause.id = one.at("id").get<std::string>();
  clause.sentence = one.at("sentence").get<std::string>();
  clause.planned = one.contains("status");
  for (const TextField& field : text_fields)
    if (one.contains(field.name)) clause.*field.value = one.at(field.name).get<std::string>();
  for (const ListField& field : list_fields)
    if (one.contains(field.name)) clause.*field.values = one.at(field.name).get<std::vector<std::string>>();
  const std::string level = one.at("level").get<std::string>();
  for (const Level each : {Level::must, Level::should, Level::limit, Level::note})
    if (level == level_text(each)) clause.level = each;
  return clause;
}

// A source that is a clause lends its own date. Dates compare as text; clauses rest on each other a
// few steps deep, and not in circles.
std::string newest_date(const Catalogue& catalogue, const Clause& clause, int steps = 8) {
  std::string newest;
  for (const std::string& key : clause.sources) {
    for (const Source& source : catalogue.sources)
      if (source.key == key) newest = std::max(newest, source.date);
    const auto other = std::ranges::find(catalogue.clauses, key, &Clause::id);
    if (other != catalogue.clauses.end() && steps > 0)
      newest = std::max(newest, newest_date(catalogue, *other, steps - 1));
  }
  return newest;
}

// The files are our own, and a test reads all of them.
Catalogue read() {
  // As char: the standard gives no traits of another character type, and libc++ has none.
  const auto* text = reinterpret_cast<const char*>(catalogue_json);
  const json files = json::parse(text, text + catalogue_json_size, nullptr, false);
  if (files.is_discarded()) std::abort();
  Catalogue catalogue;
  for (const json& file : files) {
    if (file.contains("sources")) {
      for (const json& one : file.at("sources"))
        catalogue.sources.push_back({one.at("key").get<std::string>(), one.at("what").get<std::string>(),
                                     one.value("date", std::string{})});
      continue;
    }
    const Chapter& chapter = catalogue.chapters.emplace_back(
        Chapter{file.at("chapter").get<std::string>(), file.at("title").get<std::string>()});
    for (const json& one : file.at("clauses")) catalogue.clauses.push_back(read_clause(one, chapter.name));
  }
  for (Clause& clause : catalogue.clauses) clause.date = newest_date(catalogue, clause);
  return catalogue;
}

const Catalogue& catalogue() {
  static const Catalogue all = read();
  return all;
}

}  // namespace

std::optional<Status> status(const Clause& clause, bool checked, bool tested) {
  if (checked) return Status::checked;
  if (tested) return Status::tested;
  if (clause.planned) return Status::planned;
  if (!clause.unseen.empty()) return Status::unseen;
  if (!clause.outside.empty()) return Status::outside;
  if (!clause.decision.empty()) return Status::decided;
  return std::nullopt;
}

const std::vector<Clause>& clauses() { return catalogue().clauses; }
const std::vector<Chapter>& chapters() { return catalogue().chapters; }
const std::vector<Source>& sources() { return catalogue().sources; }

const Clause* find_clause(std::string_view id) {
  for (const Clause& clause : clauses())
    if (clause.id == id) return &clause;
  return nullptr;
}

}  // namespace hubproof::conformance
