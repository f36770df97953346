#include "conformance/clause.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>

#include "conformance/cases/case.hpp"
#include "tests/support/paths.hpp"

namespace hubproof::conformance {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path root = tests::source_dir();

json file(const fs::path& path) {
  std::ifstream in{path};
  return json::parse(in);
}

bool is_checked(const Clause& clause) {
  if (clause.chapter == "RUN") return true;  // by the campaign, which no history shows
  return std::ranges::any_of(checks(), [&](const About* about) {
    return about->id == clause.id || std::ranges::count(about->rests_on, clause.id) > 0;
  });
}

bool is_tested(const Clause& clause) {
  return std::ranges::any_of(cases::cases(), [&](const cases::Case& one) {
    return std::ranges::count(one.clauses, clause.id) > 0;
  });
}

bool digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// "owner/repo#12"
bool is_issue(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::size_t mark = text.find('#');
  return slash != text.npos && slash > 0 && mark != text.npos && mark > slash + 1 && digits(text.substr(mark + 1)) &&
         text.find(' ') == text.npos;
}

// "2026-02-11", "2025-09", "2019" or none
bool is_date(std::string_view text) {
  if (text.empty()) return true;
  if (text.size() != 4 && text.size() != 7 && text.size() != 10) return false;
  for (std::size_t at = 0; at < text.size(); ++at)
    if (at == 4 || at == 7 ? text[at] != '-' : !digits(text.substr(at, 1))) return false;
  return true;
}

TEST(Clauses, SourcesAndDatesHaveAForm) {
  EXPECT_TRUE(is_issue("Azure/azure-iot-sdk-c#163"));
  for (const char* wrong : {"", "c2d99", "a/b", "a#1", "/b#1", "a/#1", "a/b#", "a/b#x", "a b/c#1"})
    EXPECT_FALSE(is_issue(wrong)) << wrong;
  for (const char* right : {"", "2019", "2025-09", "2026-02-11"}) EXPECT_TRUE(is_date(right)) << right;
  for (const char* wrong : {"19", "2019-9", "2019/09", "2026-02-1", "last year"}) EXPECT_FALSE(is_date(wrong)) << wrong;
}

TEST(Clauses, TheCatalogueIsWhole) {
  std::map<std::string, std::size_t> count;
  std::set<std::string> ids;
  for (const Clause& clause : clauses()) {
    EXPECT_TRUE(ids.insert(clause.id).second) << clause.id << " is there twice";
    EXPECT_EQ(clause.id.substr(0, clause.id.find_first_of("-:")), clause.chapter) << clause.id;
    ++count[clause.chapter];
  }
  EXPECT_EQ(count["mqtt311"], 141u);
  EXPECT_EQ(count["amqp10"], 78u);
  EXPECT_EQ(count["H"], 34u);
  EXPECT_EQ(count["INV"], 25u);
  EXPECT_EQ(count["OPEN"], 28u);
  EXPECT_EQ(count["RUN"], 3u);
  EXPECT_EQ(ids.size(), 356u + 141u + 78u + 34u + 25u + 28u + 3u) << "356 is what the other chapters have";
}

TEST(Clauses, EachSaysWhomItBindsAndWhereItComesFrom) {
  const std::set<std::string> sides{"hub", "device", "service", "simulator"};
  const std::set<std::string> marks{"documented", "sdk",      "gateway", "maintainer",
                                    "observed",   "inferred", "memory"};
  std::set<std::string> keys;
  std::set<std::string> used;
  for (const Source& source : sources()) {
    EXPECT_TRUE(keys.insert(source.key).second) << source.key << " is there twice";
    EXPECT_TRUE(is_date(source.date)) << source.key << ": " << source.date;
    EXPECT_FALSE(source.what.empty()) << source.key;
  }
  for (const Clause& clause : clauses()) {
    EXPECT_FALSE(clause.sentence.empty()) << clause.id;
    EXPECT_FALSE(clause.side.empty()) << clause.id;
    for (const std::string& side : clause.side) EXPECT_TRUE(sides.contains(side)) << clause.id << ": " << side;
    EXPECT_FALSE(clause.evidence.empty()) << clause.id;
    for (const std::string& mark : clause.evidence) EXPECT_TRUE(marks.contains(mark)) << clause.id << ": " << mark;
    EXPECT_FALSE(clause.sources.empty()) << clause.id;
    for (const std::string& source : clause.sources) {
      used.insert(source);
      EXPECT_TRUE(keys.contains(source) || find_clause(source) != nullptr || is_issue(source))
          << clause.id << " comes from " << source << ", which is in no line of catalogue/sources.json";
    }
  }
  for (const std::string& key : keys) EXPECT_TRUE(used.contains(key)) << "no clause comes from " << key;
}

TEST(Clauses, EachHasAStatus) {
  for (const Clause& clause : clauses()) {
    const bool checked = is_checked(clause);
    EXPECT_TRUE(status(clause, checked, is_tested(clause)).has_value())
        << clause.id << R"( has no check: say "status": "planned", or why it is "unseen" or "outside")";
    EXPECT_LE(clause.planned + !clause.unseen.empty() + !clause.outside.empty() + !clause.decision.empty(), 1)
        << clause.id << " says twice how it is covered";
    EXPECT_FALSE(std::ranges::count(checks(), clause.id, &About::id) > 0 &&
                 !(clause.unseen.empty() && clause.outside.empty()))
        << clause.id << " is judged: it can be seen, and is not left out";
    EXPECT_EQ(clause.chapter == "OPEN", !clause.decision.empty()) << clause.id;
  }
}

TEST(Clauses, DependOnWhatExists) {
  const json hub = file(root / "scenarios/scenario.schema.json").at("properties").at("hub").at("properties");
  std::set<std::string> touched;
  for (const Clause& clause : clauses()) {
    for (const std::string& name : clause.switches)
      EXPECT_TRUE(hub.contains(name)) << clause.id << " depends on " << name << ", which a hub does not have";
    for (const std::string& id : clause.open) {
      EXPECT_NE(find_clause(id), nullptr) << clause.id << " names " << id;
      EXPECT_TRUE(id.starts_with("OPEN-")) << clause.id << " names " << id;
    }
    for (const std::string& id : clause.touches) {
      touched.insert(id);
      EXPECT_NE(find_clause(id), nullptr) << clause.id << " touches " << id;
    }
  }
  for (const Clause& clause : clauses())
    EXPECT_TRUE(clause.on_hub != "otherwise" || touched.contains(clause.id))
        << "no departure touches " << clause.id;
}

// A slip in a key would say nothing to the program, and be lost.
TEST(Clauses, TheFilesHaveKnownKeysAndAreAllThere) {
  std::set<std::string> keys{"id", "level", "sentence", "status"};
  for (const TextField& field : text_fields) keys.insert(field.name);
  for (const ListField& field : list_fields) keys.insert(field.name);
  const std::set<std::string> levels{"MUST", "SHOULD", "LIMIT", "NOTE"};
  const std::set<std::string> on_hub{"same", "otherwise", "void", "unknown"};
  std::size_t entries = 0;
  for (const auto& entry : fs::directory_iterator{root / "conformance/catalogue"}) {
    const json whole = file(entry.path());
    if (whole.contains("sources")) continue;
    entries += whole.at("clauses").size();
    for (const json& one : whole.at("clauses")) {
      const std::string id = one.at("id");
      for (const auto& [key, value] : one.items())
        EXPECT_TRUE(keys.contains(key)) << entry.path() << ": " << id << " has \"" << key << '"';
      EXPECT_TRUE(levels.contains(one.at("level"))) << id;
      EXPECT_EQ(one.value("status", "planned"), "planned") << id << ": the other states follow";
      EXPECT_EQ(one.contains("on_hub"), id.starts_with("mqtt311:")) << id;
      EXPECT_TRUE(on_hub.contains(one.value("on_hub", "same"))) << id;
    }
  }
  EXPECT_EQ(entries, clauses().size()) << "a file of conformance/catalogue is not in conformance/CMakeLists.txt";
}

TEST(Clauses, AreFoundByTheirId) {
  const Clause* clause = find_clause("C2D-17");
  ASSERT_NE(clause, nullptr);
  EXPECT_EQ(clause->level, Level::must);
  EXPECT_EQ(clause->switches, std::vector<std::string>{"delivery_count_rule"});
  EXPECT_EQ(clause->date, "2026-02-11");
  EXPECT_EQ(find_clause("INV-13")->date, "2026-02-11") << "that of C2D-17, on which it rests";
  EXPECT_EQ(find_clause("C2D-99"), nullptr);
}

TEST(Clauses, TheirStatusFollowsFromWhatTheySay) {
  Clause clause;
  EXPECT_FALSE(status(clause, false, false).has_value());
  clause.planned = true;
  EXPECT_EQ(status(clause, false, false), Status::planned);
  EXPECT_EQ(status(clause, false, true), Status::tested);
  EXPECT_EQ(status(clause, true, true), Status::checked);
  clause.planned = false;
  clause.unseen = "no wire shows it";
  EXPECT_EQ(status(clause, false, false), Status::unseen);
  clause.unseen.clear();
  clause.outside = "a neighbour";
  EXPECT_EQ(status(clause, false, false), Status::outside);
  clause.outside.clear();
  clause.decision = "either";
  EXPECT_EQ(status(clause, false, false), Status::decided);
}

TEST(Checks, CiteClausesThatExist) {
  std::set<std::string_view> ids;
  for (const About* about : checks()) {
    EXPECT_TRUE(ids.insert(about->id).second) << about->id << " is judged twice";
    const Clause* clause = find_clause(about->id);
    ASSERT_NE(clause, nullptr) << about->id;
    EXPECT_EQ(clause->level, about->level) << about->id;
    EXPECT_FALSE(about->sentence.empty());
    for (const std::string_view other : about->rests_on)
      EXPECT_TRUE(find_clause(other) != nullptr && find_clause(other)->chapter != "OPEN")
          << about->id << " rests on " << other << ", which promises nothing";
  }
}

}  // namespace
}  // namespace hubproof::conformance
