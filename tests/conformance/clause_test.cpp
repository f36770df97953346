#include "conformance/clause.hpp"

#include <gtest/gtest.h>

#include <regex>
#include <set>

namespace hubproof::conformance {
namespace {

TEST(Clauses, TheCatalogueIsWhole) {
  std::map<std::string, std::size_t> count;
  std::set<std::string> ids;
  for (const Clause& clause : clauses()) {
    EXPECT_TRUE(ids.insert(clause.id).second) << clause.id << " is there twice";
    EXPECT_FALSE(clause.sentence.empty()) << clause.id;
    EXPECT_FALSE(clause.source.empty()) << clause.id;
    ++count[clause.id.substr(0, clause.id.find_first_of("-:"))];
  }
  EXPECT_EQ(count["mqtt311"], 141u);
  EXPECT_EQ(count["INV"], 25u);
  EXPECT_EQ(ids.size(), 354u + 25u + 141u);
}

TEST(Clauses, AreFoundByTheirId) {
  const Clause* clause = find_clause("C2D-17");
  ASSERT_NE(clause, nullptr);
  EXPECT_EQ(clause->level, Level::must);
  EXPECT_EQ(clause->switches, std::vector<std::string>{"delivery_count_rule"});
  EXPECT_EQ(find_clause("C2D-99"), nullptr);
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
      EXPECT_NE(find_clause(other), nullptr) << about->id << " rests on " << other;
  }
}

}  // namespace
}  // namespace hubproof::conformance
