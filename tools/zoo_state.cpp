#include "tools/zoo_state.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "model/bytes.hpp"
#include "tools/documents.hpp"
#include "tools/quantity.hpp"
#include "tools/render/render.hpp"
#include "tools/scenario.hpp"

namespace hubproof::tools {
namespace {

using documents::list;
using documents::number;
using documents::object;
using documents::text;

Document decimal(double value) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.3f", value);
  return Document::number(digits);
}

// Members of a line; what is missing or of another kind makes it no line.
class Line {
 public:
  explicit Line(const Document& document) : document_{document} {}
  bool good() const { return good_; }

  std::string text(std::string_view key) {
    const Document* found = get(key, Document::Kind::text);
    return found == nullptr ? std::string{} : found->text;
  }
  std::uint64_t whole(std::string_view key) {
    const Document* found = get(key, Document::Kind::number);
    const auto read = found == nullptr ? std::nullopt : read_whole(found->text);
    good_ = good_ && read;
    return read.value_or(0);
  }
  double decimal(std::string_view key) {
    const Document* found = get(key, Document::Kind::number);
    return found == nullptr ? 0 : std::strtod(found->text.c_str(), nullptr);
  }
  bool flag(std::string_view key) {
    const Document* found = get(key, Document::Kind::boolean);
    return found != nullptr && found->truth;
  }
  std::vector<std::string> texts(std::string_view key) {
    std::vector<std::string> all;
    if (const Document* found = get(key, Document::Kind::list))
      for (const Document& item : found->items) all.push_back(item.text);
    return all;
  }

 private:
  const Document* get(std::string_view key, Document::Kind kind) {
    const Document* found = document_.find(key);
    if (found != nullptr && found->kind == kind) return found;
    good_ = false;
    return nullptr;
  }

  const Document& document_;
  bool good_ = true;
};

}  // namespace

std::string zoo_work(const std::vector<Scenario>& scenarios) {
  std::ifstream program{"/proc/self/exe", std::ios::binary};
  std::string all{std::istreambuf_iterator<char>{program}, {}};
  for (const Scenario& scenario : scenarios) all += scenario.name + '\n' + write_scenario(scenario) + '\n';
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(all.data(), all.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return hex_text(model::load_big<8>(digest.data()));
}

std::string zoo_line(const std::string& work) { return write_compact(object({{"zoo_of", text(work)}})) + "\n"; }

std::string zoo_line(const Hunt& hunt) {
  return write_compact(object({
             {"mutant", text(hunt.mutant)},
             {"strategy", text(name(hunt.strategy))},
             {"attempt", number(hunt.attempt)},
             {"found", Document::boolean(hunt.found)},
             {"cpu_s", decimal(hunt.cpu_s)},
             {"runs", number(hunt.runs)},
             {"scenario", text(hunt.scenario)},
             {"seed", number(hunt.seed)},
             {"checks", list(hunt.checks, text)},
         })) + "\n";
}

std::string zoo_line(const ShrunkFind& shrunk) {
  return write_compact(object({
             {"shrunk", text(shrunk.mutant)},
             {"signature", text(shrunk.signature)},
             {"faults", number(shrunk.faults)},
             {"devices", number(shrunk.devices)},
             {"messages", number(shrunk.messages)},
             {"seconds", decimal(shrunk.seconds)},
             {"cpu_s", decimal(shrunk.cpu_s)},
             {"runs", number(shrunk.runs)},
             {"same", Document::boolean(shrunk.same)},
             {"finished", Document::boolean(shrunk.finished)},
         })) + "\n";
}

bool read_zoo_line(std::string_view json, ZooLine& line) {
  const Parsed parsed = parse(json);
  if (parsed.malformed || parsed.document.kind != Document::Kind::object) return false;
  Line members{parsed.document};
  if (parsed.document.find("zoo_of") != nullptr) {
    line.work = members.text("zoo_of");
    return members.good();
  }
  if (parsed.document.find("shrunk") != nullptr) {
    ShrunkFind shrunk;
    shrunk.mutant = members.text("shrunk");
    shrunk.signature = members.text("signature");
    shrunk.faults = members.whole("faults");
    shrunk.devices = members.whole("devices");
    shrunk.messages = members.whole("messages");
    shrunk.seconds = members.decimal("seconds");
    shrunk.cpu_s = members.decimal("cpu_s");
    shrunk.runs = members.whole("runs");
    shrunk.same = members.flag("same");
    shrunk.finished = members.flag("finished");
    line.shrunk = shrunk;
    return members.good();
  }
  Hunt hunt;
  hunt.mutant = members.text("mutant");
  const std::string strategy = members.text("strategy");
  const auto found = std::ranges::find(strategy_names, strategy);
  if (found == strategy_names.end()) return false;
  hunt.strategy = static_cast<Strategy>(found - strategy_names.begin());
  hunt.attempt = static_cast<unsigned>(members.whole("attempt"));
  hunt.found = members.flag("found");
  hunt.cpu_s = members.decimal("cpu_s");
  hunt.runs = members.whole("runs");
  hunt.scenario = members.text("scenario");
  hunt.seed = members.whole("seed");
  hunt.checks = members.texts("checks");
  line.hunt = hunt;
  return members.good();
}

ZooResult load_zoo(const std::string& file, const std::string& work) {
  ZooResult result;
  std::error_code ignored;
  if (file.empty() || !std::filesystem::exists(file, ignored)) return result;
  if (!std::filesystem::is_regular_file(file, ignored)) {
    result.wrong = file + ": what was done can only be kept in a regular file";
    return result;
  }
  std::ifstream in{file, std::ios::binary};
  std::string text;
  std::uintmax_t whole = 0;  // bytes of lines that are not cut off
  for (std::uint64_t number = 1; std::getline(in, text); ++number) {
    if (in.eof()) {  // cut off; a first one must be ours, as it will be removed
      if (whole == 0 && !zoo_line(work).starts_with(text)) result.wrong = file + ", line 1: no line of a zoo";
      break;
    }
    ZooLine line;
    if (!read_zoo_line(text, line)) {
      result.wrong = file + ", line " + std::to_string(number) + ": no line of a zoo";
      return result;
    }
    if (number == 1 ? line.work != work : line.work && line.work != work) {
      result.wrong = file + ", line " + std::to_string(number) + ": what is there was done " +
                     (line.work ? "by another program or with other scenarios" : "by nobody knows which program") +
                     "; give the name of a new file";
      return result;
    }
    whole += text.size() + 1;
    if (line.hunt) result.hunts.push_back(*line.hunt);
    if (line.shrunk) result.shrunk.push_back(*line.shrunk);
  }
  if (!result.wrong.empty()) return result;
  in.close();
  std::filesystem::resize_file(file, whole, ignored);
  return result;
}

}  // namespace hubproof::tools
