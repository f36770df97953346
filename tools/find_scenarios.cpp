#include "tools/find_scenarios.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "tools/document.hpp"

namespace hubproof::tools {
namespace {

namespace fs = std::filesystem;

// Where the scenarios are: here, beside the sources, or where the program was installed.
fs::path home() {
  std::error_code ignored;
  if (fs::is_directory("scenarios/smoke", ignored)) return "scenarios";
  if (fs::is_directory(HUBPROOF_SCENARIOS "/smoke", ignored)) return HUBPROOF_SCENARIOS;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  return program.parent_path().parent_path() / "share/hubproof/scenarios";
}

bool is_scenario(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.ends_with(".json") && !name.ends_with(".schema.json") &&
         path.parent_path().filename() != "regressions";  // bundles, which `replay` runs
}

std::vector<std::string> files_under(const fs::path& folder) {
  std::vector<std::string> files;
  std::error_code failed;
  for (fs::recursive_directory_iterator it{folder, failed}, end; !failed && it != end; it.increment(failed))
    if (it->is_regular_file(failed) && is_scenario(it->path())) files.push_back(it->path().string());
  std::ranges::sort(files);
  return files;
}

std::string stem(const std::string& path) { return fs::path{path}.stem().string(); }

// The files that one argument means; empty: `wrong` says why.
std::vector<std::string> files_of(const std::string& asked, std::string& wrong) {
  std::error_code failed;
  if (fs::is_directory(asked, failed)) {
    std::vector<std::string> files = files_under(asked);
    if (files.empty()) wrong = asked + ": no scenario in this folder\n";
    return files;
  }
  if (fs::exists(asked, failed)) return {asked};
  std::vector<std::string> known = scenario_files();
  std::vector<std::string> named;
  std::ranges::copy_if(known, std::back_inserter(named),
                       [&](const std::string& file) { return stem(file) == asked; });
  if (!named.empty()) return {named.front()};
  std::vector<std::string> stems;
  std::ranges::transform(known, std::back_inserter(stems), stem);
  wrong = asked + ": no such file, folder or scenario" +
          did_you_mean(stem(asked), {stems.begin(), stems.end()}) + "\n";
  return {};
}

}  // namespace

bool read_file(const std::string& path, std::size_t most, std::string& text, std::string& wrong) {
  std::error_code ignored;
  std::FILE* file = fs::is_directory(path, ignored) ? nullptr : std::fopen(path.c_str(), "rb");
  if (file == nullptr) {
    wrong = path + ": " + (fs::is_directory(path, ignored) ? "a folder" : std::strerror(errno)) + "\n";
    return false;
  }
  text.clear();
  char buffer[65'536];
  std::size_t got = 0;
  while (text.size() <= most && (got = std::fread(buffer, 1, sizeof buffer, file)) > 0)
    text.append(buffer, got);
  const bool good = std::ferror(file) == 0;
  if (!good) wrong = path + ": " + std::strerror(errno) + "\n";
  std::fclose(file);
  return good;
}

std::vector<std::string> scenario_files() { return files_under(home()); }

FoundScenarios find_scenarios(const std::vector<std::string>& asked, const std::string& profile,
                              const std::vector<std::string>& folders) {
  FoundScenarios found;
  std::vector<std::string> files;
  for (const std::string& folder : folders) {
    if (!asked.empty()) break;
    const std::vector<std::string> more = files_under(home() / folder);
    files.insert(files.end(), more.begin(), more.end());
    if (more.empty())
      found.wrong = "no scenarios found in " + (home() / folder).string() +
                    "; name a file or a folder\n";
  }
  for (const std::string& one : asked) {
    const std::vector<std::string> more = files_of(one, found.wrong);
    files.insert(files.end(), more.begin(), more.end());
  }
  for (const std::string& file : files) {
    std::string text;
    if (!read_file(file, largest_document, text, found.wrong)) continue;
    ReadScenario read = read_scenario(text, file, profile);
    if (read.problems.empty()) {
      found.scenarios.push_back(std::move(read.scenario));
    } else {
      found.wrong += problems_text(file, read.problems);
    }
  }
  return found;
}

}  // namespace hubproof::tools
