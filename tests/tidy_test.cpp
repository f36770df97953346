// The rules of the house that a compiler does not know, read from the sources: who may include whom,
// which names must not occur below tools, and that every clause that is cited exists.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/paths.hpp"

namespace {

namespace fs = std::filesystem;
using std::string;
using std::string_view;
using Names = std::vector<string>;

const fs::path root = hubproof::tests::source_dir();

string read(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

// Files under `folder`, relative to the root, with one of these endings ("": without any).
Names files_under(const string& folder, const std::set<string>& endings) {
  Names files;
  if (!fs::exists(root / folder)) return files;
  for (const auto& entry : fs::recursive_directory_iterator{root / folder})
    if (entry.is_regular_file() && endings.contains(entry.path().extension().string()))
      files.push_back(fs::relative(entry.path(), root).generic_string());
  std::ranges::sort(files);
  return files;
}

Names sources() {
  Names all;
  for (const char* folder : {"sim", "model", "conformance", "tools", "tests"})
    std::ranges::copy(files_under(folder, {".cpp", ".hpp"}), std::back_inserter(all));
  return all;
}

// The text without comments and without what stands in quotes, line by line as it was.
string code_only(const string& text) {
  enum class In { code, line_comment, comment, quotes, character, raw } in = In::code;
  string code;
  string raw_end;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const string_view rest = string_view{text}.substr(i);
    if (c == '\n') {
      code += c;
      if (in == In::line_comment) in = In::code;
      continue;
    }
    switch (in) {
      case In::code:
        if (rest.starts_with("//")) {
          in = In::line_comment;
        } else if (rest.starts_with("/*")) {
          in = In::comment;
        } else if (rest.starts_with("R\"")) {
          const auto open = rest.find('(');
          raw_end = ")" + string{rest.substr(2, open - 2)} + "\"";
          i += open;
          in = In::raw;
        } else if (c == '"') {
          in = In::quotes;
        } else if (c == '\'' && !(i > 0 && std::isalnum(static_cast<unsigned char>(text[i - 1])))) {
          in = In::character;  // and not what parts the digits of a number
        } else {
          code += c;
        }
        break;
      case In::line_comment: break;
      case In::comment:
        if (rest.starts_with("*/")) ++i, in = In::code;
        break;
      case In::quotes:
      case In::character:
        if (c == '\\') ++i;
        if (c == (in == In::quotes ? '"' : '\'')) in = In::code;
        break;
      case In::raw:
        if (rest.starts_with(raw_end)) i += raw_end.size() - 1, in = In::code;
        break;
    }
  }
  return code;
}

template <class F>
void each_line(const string& text, F f) {
  std::istringstream in{text};
  string line;
  for (int number = 1; std::getline(in, line); ++number) f(number, line);
}

// ---- Who may include whom.

struct Layer {
  string folder;           // of the file that includes; the longest that fits counts
  Names ours;              // what it may include of ours: names of files, or folders with their slash
  Names others = {};       // prefixes of what it may include beside the standard library
};

// "model/*": the values that all of model may know, model/NAME.hpp; but not the three where its
// parts meet.
const Names meeting_places = {"model/server.hpp", "model/device.hpp", "model/service.hpp"};
const Names history_values = {"model/bytes.hpp", "model/fetch.hpp", "model/history.hpp", "model/message.hpp",
                              "model/time.hpp"};

Names operator+(Names left, const Names& right) {
  std::ranges::copy(right, std::back_inserter(left));
  return left;
}

const std::vector<Layer> layers = {
    {"sim/", {"sim/"}},
    {"sim/asio/", {"sim/"}, {"boost/asio"}},
    {"model/", Names{"model/*", "model/server/", "model/device/", "model/service/",
                     "model/hub/", "model/mqtt/",
                     "model/amqp/", "model/http/", "model/websocket/", "model/broker/", "model/observer/"} +
                   meeting_places},
    {"model/json", {"model/*"}, {"nlohmann/"}},
    {"model/hub/", {"model/*", "model/hub/"}},
    {"model/hub/token", {"model/*", "model/hub/"}, {"openssl/"}},
    {"model/broker/", {"model/*", "model/broker/", "model/hub/journal.hpp", "model/hub/segments.hpp",
                       "model/hub/record.hpp"}},
    {"model/mqtt/", {"model/*", "model/mqtt/"}},
    {"model/amqp/", {"model/*", "model/amqp/"}, {"proton/"}},
    {"model/http/", {"model/*", "model/http/"}, {"boost/beast/http"}},
    {"model/websocket/", {"model/*", "model/websocket/"}, {"openssl/", "wslay/"}},
    {"model/mutants/", {"model/"}},
    {"conformance/", Names{"conformance/"} + history_values, {"nlohmann/"}},
    {"conformance/checks/", Names{"conformance/"} + history_values},
    {"conformance/cases/", Names{"conformance/", "model/mqtt/codec.hpp", "model/mqtt/packet.hpp",
                                 "model/mqtt/bag.hpp", "model/effects.hpp", "model/amqp/", "model/http/",
                                 "model/hub/token.hpp", "model/json.hpp", "model/base64.hpp", "model/iso_date.hpp", "model/routing.hpp",
                                 "model/websocket/"} + history_values},
    {"conformance/devices/", Names{"conformance/devices/", "conformance/verdict.hpp", "model/json.hpp", "model/mqtt/codec.hpp",
                                   "model/mqtt/packet.hpp", "model/amqp/", "model/http/", "model/hub/token.hpp", "model/websocket/"} + history_values},
    {"tools/", {"sim/", "model/", "conformance/", "tools/"}, {""}},
    {"tests/", {"sim/", "model/", "conformance/", "tools/", "tests/"}, {""}},
};

bool is_model_value(const string& name) {
  return name.starts_with("model/") && name.find('/', 6) == string::npos &&
         std::ranges::find(meeting_places, name) == meeting_places.end();
}

bool matches_any(const Names& allowed, const string& name) {
  return std::ranges::any_of(allowed, [&](const string& each) {
    return each == "model/*" ? is_model_value(name) : name.starts_with(each);
  });
}

// Standard headers have neither a folder nor an ending.
bool is_standard(const string& header) { return header.find_first_of("./") == string::npos; }

// `quoted`: included as "name" and not as <name>.
bool may_include(const string& file, const string& name, bool quoted) {
  const Layer* layer = nullptr;
  for (const Layer& each : layers)
    if (file.starts_with(each.folder) && (!layer || each.folder.size() > layer->folder.size()))
      layer = &each;
  if (!layer) return false;
  return quoted ? matches_any(layer->ours, name)
                : is_standard(name) || matches_any(layer->others, name);
}

TEST(Layers, TheRuleItself) {
  EXPECT_TRUE(may_include("sim/world.hpp", "sim/time.hpp", true));
  EXPECT_TRUE(may_include("sim/world.hpp", "vector", false));
  EXPECT_FALSE(may_include("sim/world.hpp", "model/time.hpp", true));
  EXPECT_FALSE(may_include("sim/world.hpp", "boost/asio.hpp", false));
  EXPECT_FALSE(may_include("sim/world.hpp", "unistd.h", false));
  EXPECT_TRUE(may_include("sim/asio/executor.hpp", "boost/asio/execution.hpp", false));
  EXPECT_FALSE(may_include("model/server.cpp", "sim/time.hpp", true));
  EXPECT_TRUE(may_include("model/server.cpp", "model/mqtt/codec.hpp", true));
  EXPECT_FALSE(may_include("model/server.cpp", "model/mutants/mutants.hpp", true));
  EXPECT_FALSE(may_include("model/mqtt/session.cpp", "model/hub/hub.hpp", true));
  EXPECT_FALSE(may_include("model/hub/hub.cpp", "model/mqtt/codec.hpp", true));
  EXPECT_TRUE(may_include("conformance/checks/c2d.cpp", "model/history.hpp", true));
  EXPECT_FALSE(may_include("conformance/checks/c2d.cpp", "model/server.hpp", true));
  EXPECT_FALSE(may_include("conformance/checks/c2d.cpp", "nlohmann/json.hpp", false));
  EXPECT_TRUE(may_include("tools/run.cpp", "sim/world.hpp", true));
  EXPECT_FALSE(may_include("tools/run.cpp", "tests/support/build.hpp", true));
}

TEST(Layers, EveryIncludeIsAllowed) {
  const std::regex include{R"re(^\s*#\s*include\s*([<"])([^>"]+)[>"])re"};
  int seen = 0;
  for (const string& file : sources()) {
    each_line(read(root / file), [&](int number, const string& line) {
      std::smatch found;
      if (line.find("include") == string::npos || !std::regex_search(line, found, include)) return;
      ++seen;
      const bool quoted = found[1] == "\"";
      EXPECT_TRUE(may_include(file, found[2], quoted)) << file << ':' << number << ": " << line;
      if (quoted) {
        EXPECT_TRUE(fs::exists(root / string{found[2]}))
            << file << ':' << number << ": named from the root, please: " << line;
      }
    });
  }
  EXPECT_GT(seen, 0);
}

// ---- Names that must not occur below tools, nor where tools take part in a run.

struct Forbidden {
  std::regex name;
  string reason;
};
const std::vector<Forbidden> forbidden = {
    {std::regex{R"(_clock::now|\btime\(nullptr\)|\bgettimeofday\b|\bclock_gettime\b)"},
     "a real clock: time is an argument"},
    {std::regex{R"(\brandom_device\b|\bs?rand\s*\(|\bmt19937|_distribution\s*<|<random>)"},
     "chance of the library: choices are drawn by site, node and number"},
    {std::regex{R"(\bgetenv\b|\bsetlocale\b|\bstd::locale\b)"}, "the environment is no input of a run"},
    {std::regex{R"(<cmath>|<math\.h>|\bstd::(exp2?|log(2|10|1p)?|pow|sqrt|cbrt|sin|cos|tan|tgamma|lgamma|round|floor|ceil)\s*\()"},
     "libm: it differs between machines, and decisions are made of integers"},
    {std::regex{R"(<thread>|<mutex>|<future>|<condition_variable>|\bthread_local\b)"},
     "no thread inside a run"},
    {std::regex{R"(<fstream>|<filesystem>|<iostream>)"}, "files and streams belong to tools"},
    {std::regex{R"(\bstd::hash\b|\btypeid\b)"},
     "addresses, hashes and names of types differ between programs"},
};

std::optional<string> objection(const string& code) {
  for (const Forbidden& each : forbidden)
    if (std::regex_search(code, each.name)) return each.reason;
  return {};
}

TEST(ForbiddenNames, AreSeenInCodeOnly) {
  EXPECT_TRUE(objection(code_only("auto t = std::chrono::steady_clock::now();")));
  EXPECT_TRUE(objection(code_only("#include <random>")));
  EXPECT_TRUE(objection(code_only("std::uniform_int_distribution<int> d;")));
  EXPECT_TRUE(objection(code_only("int x = rand();")));
  EXPECT_FALSE(objection(code_only("int operand(int); // not rand()")));
  EXPECT_FALSE(objection(code_only("/* getenv */ const char* s = \"getenv\\\"\"; int n = 1'000;")));
  EXPECT_FALSE(objection(code_only("auto s = R\"(std::random_device)\";")));
  EXPECT_TRUE(objection(code_only("auto c = '\"'; getenv(c);")));
}

TEST(ForbiddenNames, DoNotOccurInARun) {
  int seen = 0;
  for (const string& file : sources()) {
    const bool below_tools = !file.starts_with("tools/") && !file.starts_with("tests/");
    const bool in_a_run = file.starts_with("tools/sim_") || file.starts_with("tools/workload");
    if (!below_tools && !in_a_run) continue;
    ++seen;
    each_line(code_only(read(root / file)), [&](int number, const string& line) {
      if (const auto reason = objection(line))
        ADD_FAILURE() << file << ':' << number << ": " << *reason << "\n  " << line;
    });
  }
  EXPECT_GT(seen, 0);
}

// ---- Clauses.

const std::regex clause_id{
    R"(\b(?:(?:mqtt311|amqp10):\d+\.\d+\.\d+-\d+|(?:AMQP|C2D|D2C|DLV|ERR|FBK|HTTP|INV|MQTT|MSG|NBR|OPEN|QUO|SEC|TIME|RUN|H)-\d+)(?!\d|\.\d))"};

// "MQTT-30..32" are three.
Names ids_in(const string& text) {
  Names ids;
  for (std::sregex_iterator each{text.begin(), text.end(), clause_id}, end; each != end; ++each) {
    const string id = each->str();
    ids.push_back(id);
    const std::regex range{R"(^\.\.(\d+))"};
    std::smatch last;
    const string rest = each->suffix();
    if (!std::regex_search(rest, last, range)) continue;
    const std::size_t digits = id.find_last_not_of("0123456789") + 1;
    for (int number = std::stoi(id.substr(digits)) + 1; number <= std::stoi(last[1]); ++number) {
      const string text_of = std::to_string(number);
      ids.push_back(id.substr(0, digits) + (text_of.size() < 2 && id.size() - digits == 2 ? "0" : "") + text_of);
    }
  }
  return ids;
}

TEST(Clauses, AreFoundInText) {
  EXPECT_EQ(ids_in("// [C2D-12, MQTT-30..32] UTF-8"), (Names{"C2D-12", "MQTT-30", "MQTT-31", "MQTT-32"}));
  EXPECT_EQ(ids_in("FBK-08..10"), (Names{"FBK-08", "FBK-09", "FBK-10"}));
  EXPECT_EQ(ids_in("[mqtt311:3.8.3-4], MQTT-3.1.0-2"), (Names{"mqtt311:3.8.3-4"}));
}

// Tests also name what does not exist, to see it refused.
const std::set<string> invented = {"C2D-99", "INV-0", "INV-99"};

TEST(Clauses, ThatAreCitedExist) {
  std::set<string> known;
  for (const string& file : files_under("conformance/catalogue", {".json"}))
    for (const auto& entry : nlohmann::json::parse(read(root / file)).value("clauses", nlohmann::json::array()))
      known.insert(entry.at("id").get<string>());
  ASSERT_FALSE(known.empty()) << "no clause in conformance/catalogue/*.json";
  for (const string& id : invented) EXPECT_FALSE(known.contains(id)) << id << " exists: it is not invented any more";

  Names files = {"README.md", "CONTRIBUTING.md", ".ci/run"};
  for (const char* folder : {"sim", "model", "conformance", "tools", "tests", "scenarios", "reports"})
    std::ranges::copy(files_under(folder, {".cpp", ".hpp", ".txt", ".md", ".json", ".out", ".js", ".mjs", ""}),
                      std::back_inserter(files));
  for (const string& file : files) {
    if (file.starts_with("tests/fuzz/corpus/") || file.find("node_modules/") != string::npos) continue;
    each_line(read(root / file), [&](int number, const string& line) {
      if (line.find('-') == string::npos) return;
      for (const string& id : ids_in(line))
        EXPECT_TRUE(known.contains(id) || (file.starts_with("tests/") && invented.contains(id)))
            << file << ':' << number << " cites " << id << ", which conformance/catalogue does not have";
    });
  }
}

// ---- Captured vectors of the vendor's SDKs.

TEST(SdkVectors, EachIsNamedByATest) {
  std::ifstream in{root / "tests/golden/sdk.json"};
  const auto all = nlohmann::json::parse(in);
  std::set<string> ids;
  for (const char* kind : {"frames", "http"})
    for (const auto& each : all.at(kind)) ids.insert(each.at("id").get<string>());
  for (const auto& [id, upgrade] : all.at("websocketUpgrades").items()) ids.insert(id);
  EXPECT_EQ(ids.size(), 73u);

  string tests;  // all but this file
  for (const string& file : files_under("tests", {".cpp"}))
    if (file != "tests/tidy_test.cpp") tests += read(root / file);
  for (const string& id : ids)
    EXPECT_NE(tests.find('"' + id + '"'), string::npos)
        << "no test names \"" << id << "\", a vector of tests/golden/sdk.json";
}

// ---- Loose ends.

TEST(LooseEnds, NoneIsLeft) {
  const std::regex loose{"\\b(TO" "DO|FIX" "ME|XX" "X)\\b"};
  Names files = {"CMakeLists.txt", "CMakePresets.json", "README.md", "CONTRIBUTING.md", ".ci/run"};
  for (const char* folder : {"sim", "model", "conformance", "tools", "tests", "scenarios", "reports"})
    std::ranges::copy(files_under(folder, {".cpp", ".hpp", ".txt", ".md", ".json", ""}),
                      std::back_inserter(files));
  for (const string& file : files)
    if (!file.starts_with("tests/fuzz/corpus/"))
      each_line(read(root / file), [&](int number, const string& line) {
        EXPECT_FALSE(std::regex_search(line, loose)) << file << ':' << number << ": " << line;
      });
}

}  // namespace
