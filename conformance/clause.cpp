#include "conformance/clause.hpp"

#include <cstdlib>
#include <nlohmann/json.hpp>

namespace hubproof::conformance {

using nlohmann::json;

// clauses.json, made into a source file when the build is configured.
extern const unsigned char clauses_json[];
extern const std::size_t clauses_json_size;

namespace {

struct Catalogue {
  std::vector<Clause> clauses;
  std::vector<Source> sources;
};

// The file is our own, and a test reads all of it.
Catalogue read() {
  // As char: the standard gives no traits of another character type, and libc++ has none.
  const auto* text = reinterpret_cast<const char*>(clauses_json);
  const json whole = json::parse(text, text + clauses_json_size, nullptr, false);
  if (whole.is_discarded()) std::abort();
  Catalogue catalogue;
  for (const auto& [key, what] : whole.at("sources").items())
    catalogue.sources.push_back({key, what.get<std::string>()});
  for (const json& one : whole.at("clauses")) {
    Clause& clause = catalogue.clauses.emplace_back();
    clause.id = one.at("id").get<std::string>();
    clause.sentence = one.at("sentence").get<std::string>();
    clause.source = one.at("source").get<std::string>();
    if (one.contains("switches")) clause.switches = one.at("switches").get<std::vector<std::string>>();
    const std::string level = one.at("level").get<std::string>();
    for (const Level each : {Level::must, Level::should, Level::limit, Level::note})
      if (level == level_text(each)) clause.level = each;
  }
  return catalogue;
}

const Catalogue& catalogue() {
  static const Catalogue all = read();
  return all;
}

}  // namespace

const std::vector<Clause>& clauses() { return catalogue().clauses; }
const std::vector<Source>& sources() { return catalogue().sources; }

const Clause* find_clause(std::string_view id) {
  for (const Clause& clause : clauses())
    if (clause.id == id) return &clause;
  return nullptr;
}

}  // namespace hubproof::conformance
