// The command line as scripts use it: outputs, exit codes, and that nothing around it matters.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <set>

#include "tests/tools/program.hpp"
#include "tools/campaign.hpp"
#include "tools/document.hpp"

namespace hubproof::tests {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using tools::Document;

const char* const small = R"({
  "reason": "small and quick, with a fault", "duration": "1m", "settle": "1m",
  "network": {"latency": {"uniform": ["5ms", "30ms"]}},
  "devices": [{"name": "d{}", "count": 2, "receives_commands": true, "telemetry": {"every": {"uniform": ["1s", "2s"]}, "body": 20}}],
  "services": [{"commands": [{"every": "5s", "body": 10}]}],
  "faults": [{"reset": "d0", "from": "30s"}]
})";

std::string small_file() { return scratch_file("small.json", small).string(); }

Document json(const Outcome& outcome) {
  const tools::Parsed parsed = tools::parse(outcome.out);
  EXPECT_FALSE(parsed.malformed) << outcome.out << outcome.err;
  return parsed.document;
}

const Document& scenario(const Document& document, std::size_t at = 0) {
  return document.find("scenarios")->items.at(at);
}

// The document without what is measured.
std::string unmeasured(const Outcome& outcome) {
  return std::regex_replace(outcome.out, std::regex{"\"cpu_s\": [0-9.]+"}, "\"cpu_s\": 0");
}

TEST(CommandLine, RunPrintsADocument) {
  const Outcome outcome = program({"run", small_file(), "--seeds", "5..7", "--format", "json"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  const Document document = json(outcome);
  EXPECT_EQ(document.find("seeds")->text, "5..7");
  EXPECT_EQ(document.find("verdict")->text, "pass");
  EXPECT_EQ(scenario(document).find("name")->text, "small");
  EXPECT_EQ(scenario(document).find("runs")->text, "3");
  EXPECT_EQ(scenario(document).find("simulated_s")->text, "360");
  EXPECT_TRUE(std::regex_match(scenario(document).find("digest")->text, std::regex{"[0-9a-f]{16}"}));
}

TEST(CommandLine, NothingAroundItMatters) {
  const std::string file = small_file();
  const std::vector<std::string> run{"run", file, "--seeds", "6", "--format", "json", "--jobs"};
  const auto with = [&](const char* jobs, std::vector<std::string> environment = {}) {
    std::vector<std::string> words = run;
    words.emplace_back(jobs);
    Surroundings surroundings;
    surroundings.environment = std::move(environment);
    return unmeasured(program(words, surroundings));
  };
  const std::string first = with("1");
  EXPECT_EQ(first, with("2"));
  EXPECT_EQ(first, with("5"));
  EXPECT_EQ(first, with("2", {"LC_ALL=de_DE.UTF-8", "LANG=tr_TR.UTF-8", "TZ=Asia/Kathmandu"}));
  EXPECT_EQ(first, with("2", {"TZ=America/St_Johns", "LC_ALL=C.UTF-8", "X=" + std::string(100'000, 'x')}));
}

TEST(CommandLine, ASeedAloneIsThatOfTheRange) {
  const std::string file = small_file();
  const auto digest = [&](const char* option, const char* value) {
    return scenario(json(program({"run", file, option, value, "--format", "json"}))).find("digest")->text;
  };
  EXPECT_EQ(digest("--seed", "4711"), digest("--seeds", "4711..4711"));
  EXPECT_NE(digest("--seed", "4711"), digest("--seed", "4712"));
}

TEST(CommandLine, HelpHasAnExampleForEachVerb) {
  for (const char* verb : {"run", "replay", "judge", "list", "serve"}) {
    const Outcome outcome = program({verb, "--help"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_THAT(outcome.out, HasSubstr(std::string{"Examples:\n  hubproof "} + verb));
    EXPECT_THAT(outcome.out, Not(HasSubstr("--test-")));
    EXPECT_EQ(outcome.err, "");
  }
  EXPECT_THAT(program({"--help"}).out, HasSubstr("Examples:"));
  EXPECT_THAT(program({"--version"}).out, StartsWith("hubproof 0."));
}

struct Usage {
  std::vector<std::string> words;
  const char* says;
};
class WrongUsage : public testing::TestWithParam<Usage> {};

TEST_P(WrongUsage, Exits64AndSaysWhy) {
  const Outcome outcome = program(GetParam().words);
  EXPECT_EQ(outcome.code, 64);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr(GetParam().says));
  EXPECT_THAT(outcome.err, HasSubstr("Try: hubproof"));
}

INSTANTIATE_TEST_SUITE_P(
    CommandLine, WrongUsage,
    testing::Values(
        Usage{{}, "subcommand"},
        Usage{{"rnu"}, "hubproof: there is no verb \"rnu\"; did you mean \"run\"?"},
        Usage{{"run", "--sedes", "3"}, "hubproof run: there is no option --sedes; did you mean \"--seeds\"?"},
        Usage{{"run", "--seeds", "0"}, "hubproof run: --seeds: no seeds at all"},
        Usage{{"run", "--seeds", "x"}, "--seeds: expected N or A..B, found \"x\""},
        Usage{{"run", "--seeds", "9..3"}, "--seeds: the first seed is above the last in \"9..3\""},
        Usage{{"run", "--seed", "-1"}, "--seed"},
        Usage{{"run", "--seed", "1", "--seeds", "2"}, "--seeds excludes --seed"},
        Usage{{"run", "--budget", "60"}, "--budget: expected a duration such as 90s or 1h30m, found \"60\""},
        Usage{{"run", "--jobs", "0"}, "--jobs: expected a number from 1 to 1024, found \"0\""},
        Usage{{"run", "--format", "xml"}, "--format: expected text, json or junit, found \"xml\""},
        Usage{{"run", "--profile", "mqtt"}, "--profile: there is no profile \"mqtt\""},
        Usage{{"run", "--mutant", "ack-before-durabel"},
              "--mutant: there is no mutant \"ack-before-durabel\"; did you mean \"ack-before-durable\"?"},
        Usage{{"replay", "quiet-fleet"}, "--seed S"},
        Usage{{"replay", "quiet-fleet", "--seed", "1", "--format", "junit"}, "expected text or json"},
        Usage{{"replay", "quiet-fleet", "--seed", "1", "--pcap", "x"}, "--pcap: comes with a later version"},
        Usage{{"replay", "quiet-fleet", "--seed", "1", "--html", "x"}, "--html: comes with a later version"},
        Usage{{"shrink", "quiet-fleet"}, "hubproof shrink: --seed S is required"},
        Usage{{"serve", "--faults"}, "--faults: 1 required FILE missing"},
        Usage{{"serve", "--faults", "x", "--seed", "y"}, "--seed: expected a whole number, found \"y\""},
        Usage{{"serve", "--tier", "S9"}, "--tier"},
        Usage{{"serve", "--tier", "S3", "--units", "11"},
              "hubproof serve: --units: expected at most 10 of tier S3, found 11"},
        Usage{{"serve", "--units", "2"}, "hubproof serve: --units: expected a --tier that they are of"},
        Usage{{"serve", "--devices", "d0,d1,d0"}, "hubproof serve: --devices: \"d0\" is named twice"},
        Usage{{"list"}, "WHAT"}, Usage{{"list", "things"}, "things"}, Usage{{"judge"}, "HISTORY"},
        Usage{{"list", "clauses", "--chapter", "c2d"}, "--chapter: there is no chapter \"c2d\"; there are DLV, D2C, C2D"},
        Usage{{"list", "clauses", "--side", "huh"}, "there is no side \"huh\"; did you mean \"hub\"?; there are hub, device"},
        Usage{{"list", "clauses", "--level", "must"}, "there is no level \"must\"; there are MUST, SHOULD, LIMIT, NOTE"},
        Usage{{"list", "clauses", "--status", "done"}, "there is no status \"done\"; there are checked, tested, planned"},
        Usage{{"list", "mutants", "--side", "hub"}, "--side: it chooses among clauses, not mutants"},
        Usage{{"list", "checks", "--format", "markdown"}, "--format: only clauses come as markdown, not checks"},
        Usage{{"list", "clauses", "--format", "xml"}, "expected text, json or markdown, found \"xml\""}));

struct Input {
  const char* text;
  const char* says;
};
class BadInput : public testing::TestWithParam<Input> {};

TEST_P(BadInput, Exits65AndSaysWhatAndWhere) {
  const std::string file = scratch_file("bad.json", GetParam().text).string();
  const Outcome outcome = program({"run", file});
  EXPECT_EQ(outcome.code, 65);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, file + GetParam().says);
}

INSTANTIATE_TEST_SUITE_P(
    CommandLine, BadInput,
    testing::Values(
        Input{"{\"duration\": \"1m\"", ": 1 problem\n  line 1, column 18   the JSON ends too early; is the file complete?\n"},
        Input{"{\"duration\": \"1m\", \"settle\": \"1m\", \"faults\": [{\"drop\": 1.5, \"fron\": \"1s\"}]}",
              ": 2 problems\n"
              "  /faults/0/drop   expected a ratio from 0 to 1 with at most 9 decimals, found 1.5\n"
              "  /faults/0/fron   unknown key; did you mean \"from\"?\n"}));

TEST(CommandLine, MissingFilesAreBadInput) {
  const Outcome missing = program({"run", "lossy-celular"});
  EXPECT_EQ(missing.code, 65);
  EXPECT_EQ(missing.err, "lossy-celular: no such file, folder or scenario; did you mean \"lossy-cellular\"?\n");
  EXPECT_EQ(program({"replay", "nowhere.json", "--seed", "1"}).code, 65);
  const Outcome history = program({"judge", "nowhere.jsonl"});
  EXPECT_EQ(history.code, 65);
  EXPECT_EQ(history.err, "nowhere.jsonl: No such file or directory\n");
  EXPECT_EQ(program({"judge", "tools"}).code, 65);
  const fs::path empty = scratch("empty");
  fs::create_directories(empty);
  EXPECT_EQ(program({"run", empty.string()}).err, empty.string() + ": no scenario in this folder\n");
}

TEST(CommandLine, ANameOrAFolderIsEnough) {
  const fs::path elsewhere = scratch("elsewhere");
  fs::create_directories(elsewhere);
  Surroundings surroundings;
  surroundings.folder = elsewhere;
  const Outcome outcome = program({"run", "quiet-fleet", "--seed", "0", "--format", "json"}, surroundings);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(scenario(json(outcome)).find("name")->text, "quiet-fleet");
  fs::copy_file(small_file(), elsewhere / "b.json");
  fs::copy_file(small_file(), elsewhere / "a.json");
  const Document both = json(program({"run", ".", "--seed", "0", "--format", "json"}, surroundings));
  EXPECT_EQ(scenario(both, 0).find("name")->text, "a");
  EXPECT_EQ(scenario(both, 1).find("name")->text, "b");
}

TEST(CommandLine, AnOutputThatCannotBeWrittenExits73) {
  const std::string file = small_file();
  EXPECT_EQ(program({"run", file, "--seed", "1", "--out", "/proc/nowhere"}).code, 73);
  EXPECT_EQ(program({"replay", file, "--seed", "1", "--history", "/nowhere/h"}).code, 73);
  EXPECT_EQ(program({"replay", file, "--seed", "1", "--trace", "/dev/full"}).code, 73);
  const Outcome onto_itself = program({"replay", file, "--seed", "1", "--history", file});
  EXPECT_EQ(onto_itself.code, 64);
  EXPECT_THAT(onto_itself.err, HasSubstr("name another file"));
  const std::string both = tests::scratch("both").string();
  EXPECT_EQ(program({"replay", file, "--seed", "1", "--history", both, "--trace", both}).code, 64);
}

TEST(CommandLine, AFullDiskUnderStandardOutputExits73) {
  const std::string of_small = " '" + small_file() + "' --seed 1";
  for (const std::string& words : {std::string{"list faults"}, "replay" + of_small, "run" + of_small}) {
    const fs::path said = scratch("said");
    const std::string command =
        "'" + program_file() + "' " + words + " > /dev/full 2> '" + said.string() + "'";
    const int status = std::system(command.c_str());
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 73) << words;
    EXPECT_THAT(file_text(said), HasSubstr("cannot write standard output: No space left on device"));
  }
}

TEST(CommandLine, ReportsGoIntoAFolderToo) {
  const fs::path folder = scratch("reports/of/today");
  EXPECT_EQ(program({"run", small_file(), "--seeds", "2", "--out", folder.string()}).code, 0);
  EXPECT_THAT(file_text(folder / "report.txt"), HasSubstr("pass: 2 runs"));
  EXPECT_FALSE(tools::parse(file_text(folder / "report.json")).malformed);
  EXPECT_THAT(file_text(folder / "report.xml"), StartsWith("<?xml"));
}

// --- What happens to one run is a finding about one seed. ---

void one_finding(const std::string& option, const std::string& clause, const std::string& what) {
  const Outcome outcome = program({"run", small_file(), "--seeds", "5", "--format", "json", option, "3",
                                   "--test-cpu-limit", "2s"});
  EXPECT_EQ(outcome.code, 1) << outcome.err;
  const Document document = json(outcome);
  const Document& one = scenario(document);
  EXPECT_EQ(one.find("runs")->text, "5") << "the campaign goes on";
  ASSERT_EQ(one.find("failures")->items.size(), 1u);
  const Document& failure = one.find("failures")->items[0];
  EXPECT_EQ(failure.find("seed")->text, "3");
  EXPECT_EQ(failure.find("clause")->text, clause);
  EXPECT_THAT(failure.find("what")->text, HasSubstr(what));
  EXPECT_EQ(one.find("clauses")->find(clause)->find("pass")->text, "4");
}

TEST(Campaign, ACrashIsAFinding) { one_finding("--test-crash", "RUN-1", "SIGABRT"); }
TEST(Campaign, AHangIsAFinding) { one_finding("--test-hang", "RUN-2", "no end within its CPU time"); }

#if defined(__SANITIZE_ADDRESS__)
constexpr bool memory_is_limited = false;
#else
constexpr bool memory_is_limited = true;
#endif

TEST(Campaign, ExhaustedMemoryIsAFinding) {
  if (!memory_is_limited) GTEST_SKIP() << "a sanitizer needs its address space";
  one_finding("--test-memory", "RUN-3", "more memory than it may have");
}

TEST(Campaign, FirstStopsAtTheFirstFailureWhateverTheJobs) {
  const std::string file = small_file();
  const auto run = [&](const char* jobs) {
    return program({"run", file, "--seeds", "50", "--first", "--format", "json", "--test-crash", "4", "--jobs", jobs});
  };
  const Outcome one = run("1");
  EXPECT_EQ(one.code, 1);
  EXPECT_EQ(scenario(json(one)).find("runs")->text, "5");
  EXPECT_EQ(unmeasured(one), unmeasured(run("3")));
}

TEST(Campaign, ABudgetEndsIt) {
  const Outcome outcome = program({"run", small_file(), "--budget", "300ms", "--format", "json"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const Document document = json(outcome);
  const std::uint64_t runs = std::stoull(scenario(document).find("runs")->text);
  EXPECT_GE(runs, 1u);
  EXPECT_EQ(document.find("seeds")->text, "0.." + std::to_string(runs - 1));
  EXPECT_EQ(document.find("ended_early")->text, "budget");
}

TEST(Campaign, AnInterruptionPrintsWhatIsKnown) {
  Surroundings surroundings;
  surroundings.interrupt_after_ms = 1500;
  const Outcome outcome = program({"run", small_file(), "--seeds", "1000000"}, surroundings);
  EXPECT_EQ(outcome.code, 130) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("; interrupted, so this is what ran until then\n"));
  const Outcome document = program({"run", small_file(), "--seeds", "1000000", "--format", "json"}, surroundings);
  EXPECT_EQ(document.code, 130) << document.err;
  EXPECT_EQ(json(document).find("ended_early")->text, "interrupted");
}

TEST(Verify, PassesWhereRunsAreEqual) {
  const Outcome outcome = program({"run", small_file(), "--seeds", "4", "--verify", "--jobs", "2"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("pass: 4 runs"));
}

TEST(Verify, CatchesARunThatDependsOnAnAddress) {
  const Outcome outcome = program({"run", small_file(), "--seeds", "4", "--verify", "--test-nondeterminism"});
  EXPECT_EQ(outcome.code, 70);
  EXPECT_THAT(outcome.err, HasSubstr("hubproof is at fault: two runs of small with seed 0 differ: digests "));
  // The careless event, by time, number, node and kind, as each of the two runs had it.
  EXPECT_TRUE(std::regex_search(
      outcome.err, std::regex{"the first event that differs:\n"
                              " +t=30s  event ([0-9]+)  hub  woken  a=([0-9]+) b=0  payload ([0-9a-f]+)\n"
                              " +t=30s  event \\1  hub  woken  a=(?!\\2 )[0-9]+ b=0  payload (?!\\3\n)[0-9a-f]+\n"
                              "  it came after\n +t=(29\\.[0-9]+|30)s  event "}))
      << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("reproduce: hubproof run "));
}

TEST(Mutants, AreFoundAndSaidHowToReproduce) {
  const Outcome outcome = program({"run", "--mutant", "resend-without-dup", "--first", "--seeds", "20"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("FAIL  mqtt311:3.3.1-1 [MUST]"));
  EXPECT_TRUE(std::regex_search(
      outcome.out, std::regex{"reproduce: hubproof run scenarios/smoke/.*\\.json --seed [0-9]+ --mutant resend-without-dup\n"}));
}

// --- replay and judge ---

TEST(Replay, IsTheRunAndHoldsNothingOfTheMachine) {
  const std::string file = small_file();
  const Outcome first = program({"replay", file, "--seed", "7"});
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_THAT(first.out, Not(HasSubstr("CPU")));
  EXPECT_THAT(first.out, Not(HasSubstr("/small")));
  EXPECT_EQ(first.out, program({"replay", file, "--seed", "7"}).out);
  const std::string digest =
      scenario(json(program({"run", file, "--seed", "7", "--format", "json"}))).find("digest")->text;
  EXPECT_THAT(first.out, HasSubstr(digest));
}

TEST(Replay, StopsWhereItIsTold) {
  const Document document =
      json(program({"replay", small_file(), "--seed", "7", "--until", "10s", "--format", "json"}));
  EXPECT_EQ(scenario(document).find("simulated_s")->text, "10");
}

TEST(Judge, SaysOfAReplayedHistoryWhatTheRunSaid) {
  const std::string file = small_file();
  const fs::path history = scratch("h.jsonl"), trace = scratch("t.txt");
  const Document run = json(program({"replay", file, "--seed", "7", "--format", "json", "--history",
                                     history.string(), "--trace", trace.string()}));
  EXPECT_THAT(file_text(trace), StartsWith("t=0s  event 1  hub  started"));
  const Outcome outcome = program({"judge", history.string(), "--format", "json"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const Document judged = json(outcome);
  for (const auto& [id, counts] : judged.find("clauses")->members)
    EXPECT_EQ(counts, *scenario(run).find("clauses")->find(id)) << id;
  EXPECT_EQ(*judged.find("messages"), *scenario(run).find("messages"));
  EXPECT_EQ(judged.find("profile")->text, "iot-hub-2026");
  EXPECT_THAT(program({"judge", history.string()}).out, HasSubstr("\npass: "));
}

TEST(Judge, RefusesBrokenLines) {
  const fs::path history = scratch("h.jsonl");
  program({"replay", small_file(), "--seed", "7", "--history", history.string()});
  std::string text = file_text(history);
  text.insert(text.find('\n') + 1, "{\"at\": }\n");
  const fs::path broken = scratch_file("broken.jsonl", text);
  const Outcome outcome = program({"judge", broken.string()});
  EXPECT_EQ(outcome.code, 65);
  EXPECT_THAT(outcome.err, StartsWith(broken.string() + ": 1 problem\n  line 2"));
  EXPECT_EQ(program({"judge", scratch_file("empty.jsonl", "").string()}).code, 65);
}

// --- list ---

std::set<std::string> names(const char* what, const char* key) {
  std::set<std::string> all;
  const Outcome outcome = program({"list", what, "--format", "json"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const Document document = json(outcome);
  for (const Document& item : document.find(what)->items) {
    EXPECT_NE(item.find("sentence"), nullptr);
    EXPECT_NE(item.find("sentence")->text, "");
    all.insert(item.find(key)->text);
  }
  return all;
}

TEST(List, NamesWhatThereIs) {
  EXPECT_TRUE(names("scenarios", "name").contains("lossy-cellular"));
  EXPECT_TRUE(names("checks", "id").contains("INV-01"));
  EXPECT_TRUE(names("checks", "id").contains("RUN-1"));
  EXPECT_TRUE(names("clauses", "id").contains("C2D-12"));
  EXPECT_TRUE(names("faults", "name").contains("half_open"));
  EXPECT_TRUE(names("mutants", "name").contains("ack-before-durable"));
  EXPECT_TRUE(names("cases", "name").contains("mqtt/connect/two-ids"));
  EXPECT_EQ(names("checks", "id").size(), tools::all_checks().size());
}

TEST(List, IsATableForPeople) {
  const Outcome outcome = program({"list", "checks"});
  EXPECT_TRUE(std::regex_search(outcome.out, std::regex{"(^|\n)INV-01 +MUST +Every "}));
}

std::vector<Document> clauses(std::vector<std::string> filters) {
  std::vector<std::string> words{"list", "clauses", "--format", "json"};
  words.insert(words.end(), filters.begin(), filters.end());
  return json(program(words)).find("clauses")->items;
}

bool has(const Document& document, const char* key, const std::string& word) {
  return std::ranges::count(document.find(key)->items, word, &Document::text) > 0;
}

TEST(List, ChoosesAmongClauses) {
  for (const Document& clause : clauses({"--chapter", "C2D"})) EXPECT_THAT(clause.find("id")->text, StartsWith("C2D-"));
  for (const Document& clause : clauses({"--side", "service"})) EXPECT_TRUE(has(clause, "side", "service"));
  for (const Document& clause : clauses({"--level", "LIMIT"})) EXPECT_EQ(clause.find("level")->text, "LIMIT");
  for (const Document& clause : clauses({"--status", "unseen"})) EXPECT_NE(clause.find("unseen"), nullptr);
  const std::vector<Document> both = clauses({"--chapter", "SEC", "--level", "MUST", "--status", "checked"});
  EXPECT_FALSE(both.empty());
  for (const Document& clause : both) EXPECT_FALSE(clause.find("checks")->items.empty());
  std::size_t all = 0;
  for (const char* level : {"MUST", "SHOULD", "LIMIT", "NOTE"}) all += clauses({"--level", level}).size();
  EXPECT_EQ(all, clauses({}).size());
  const Outcome none = program({"list", "clauses", "--chapter", "H", "--status", "decided"});
  EXPECT_EQ(none.code, 0);
  EXPECT_EQ(none.out, "");
  EXPECT_THAT(none.err, testing::HasSubstr("no clause is all of what was asked for"));
}

TEST(List, AClauseSaysWhereItComesFromAndHowItIsCovered) {
  for (const Document& clause : clauses({"--chapter", "C2D"})) {
    if (clause.find("id")->text != "C2D-17") continue;
    EXPECT_EQ(clause.find("status")->text, "checked");
    EXPECT_TRUE(has(clause, "checks", "INV-13"));
    EXPECT_TRUE(has(clause, "switches", "delivery_count_rule"));
    EXPECT_TRUE(has(clause, "sources", "c2d26"));
    EXPECT_EQ(clause.find("date")->text, "2026-02-11");
    return;
  }
  FAIL() << "C2D-17 is not there";
}

// --- The whole set ---

TEST(Smoke, PassesAndExercisesEveryCheck) {
  const Outcome outcome = program({"run", "--seeds", "4", "--format", "json"});
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  const Document document = json(outcome);
  std::set<std::string> idle;
  for (const tools::Document::Member& clause : scenario(document).find("clauses")->members) idle.insert(clause.first);
  for (const Document& one : document.find("scenarios")->items)
    for (const auto& [id, counts] : one.find("clauses")->members)
      if (counts.find("pass")->text != "0") idle.erase(id);
  EXPECT_THAT(idle, testing::IsEmpty()) << "no run passed them";
}

}  // namespace
}  // namespace hubproof::tests
