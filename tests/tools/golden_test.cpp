// What the program said when somebody last looked: digests of the smoke scenarios, and outputs of the
// command line. `tools/golden` writes the files afresh; a change that moves digests says why.
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "tests/tools/program.hpp"
#include "tools/document.hpp"

namespace hubproof::tests {
namespace {

namespace fs = std::filesystem;

const char* const afresh = "; if it should, tools/golden writes the file afresh";

TEST(Golden, DigestsOfSmokeScenariosAreTheKnownOnes) {
  std::map<std::string, std::string> known;
  std::istringstream lines{file_text(fs::path{source_dir()} / "tests/golden/digests.txt")};
  for (std::string digest, name; lines >> digest >> name;) known[name] = digest;
  ASSERT_FALSE(known.empty());

  const Outcome outcome = program({"run", "--seeds", "5", "--format", "json"});
  const tools::Parsed parsed = tools::parse(outcome.out);
  ASSERT_FALSE(parsed.malformed) << outcome.err;
  for (const tools::Document& scenario : parsed.document.find("scenarios")->items) {
    const std::string name = scenario.find("name")->text;
    const auto found = known.find(name);
    if (found == known.end()) {
      ADD_FAILURE() << "the digest of " << name << " is not known" << afresh;
      continue;
    }
    EXPECT_EQ(scenario.find("digest")->text, found->second) << name << " has moved" << afresh;
    known.erase(found);
  }
  for (const auto& [name, digest] : known) ADD_FAILURE() << name << " was not run" << afresh;
}

TEST(Golden, TheTraceabilityPageIsOfToday) {
  const Outcome outcome = program({"list", "clauses", "--format", "markdown"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(outcome.out == file_text(fs::path{source_dir()} / "reports/traceability.md"))
      << "the catalogue or the checks are not those of reports/traceability.md: tools/golden writes it afresh";
}

TEST(Golden, TheCommandLineSaysWhatItSaid) {
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator{fs::path{source_dir()} / "tests/golden"}) {
    if (entry.path().extension() != ".out") continue;
    ++files;
    const std::string text = file_text(entry.path());
    const std::size_t end = text.find('\n');
    const std::string opening = "$ hubproof ";
    ASSERT_TRUE(text.starts_with(opening)) << entry.path();
    std::istringstream line{text.substr(opening.size(), end - opening.size())};
    std::vector<std::string> words;
    for (std::string word; line >> word;) words.push_back(word);
    std::string said = program(words).out;
    said.erase(said.find_last_not_of('\n') + 1);
    EXPECT_EQ(said + "\n", text.substr(end + 1)) << "moved" << afresh;
  }
  EXPECT_GE(files, 8u);
}

}  // namespace
}  // namespace hubproof::tests
