#include "tools/ask_run.hpp"

#include <cstdio>
#include <filesystem>
#include <system_error>

#include "tools/document.hpp"
#include "tools/find_scenarios.hpp"

namespace hubproof::tools {
namespace {

int usage(const std::string& verb, const std::string& what) {
  std::fprintf(stderr, "hubproof %s: %s\nTry: hubproof %s --help\n", verb.c_str(), what.c_str(), verb.c_str());
  return exit_usage;
}

AskedRun from_bundle(const std::string& verb, const RunChoice& choice, const std::string& text) {
  AskedRun asked;
  if (choice.seed || !choice.mutant.empty() || !choice.profile.empty()) {
    asked.wrong = usage(verb, choice.what + " is a bundle, which has its own seed, mutant and profile");
    return asked;
  }
  ReadBundle read = read_bundle(text, choice.what);
  if (!read.problems.empty()) {
    std::fprintf(stderr, "%s", problems_text(choice.what, read.problems).c_str());
    asked.wrong = exit_bad_input;
    return asked;
  }
  asked.scenarios.push_back(read.bundle.scenario);
  asked.seed = read.bundle.seed;
  asked.mutant = read.bundle.mutant;
  asked.steering = read.bundle.steering;
  asked.bundle = std::move(read.bundle);
  return asked;
}

}  // namespace

AskedRun ask_run(const std::string& verb, const RunChoice& choice) {
  std::string text, unreadable;
  std::error_code ignored;
  if (std::filesystem::is_regular_file(choice.what, ignored) &&
      read_file(choice.what, largest_document, text, unreadable) && is_bundle(text))
    return from_bundle(verb, choice, text);

  AskedRun asked;
  FoundScenarios found = find_scenarios({choice.what}, choice.profile);
  if (!found.wrong.empty()) {
    std::fprintf(stderr, "%s", found.wrong.c_str());
    asked.wrong = exit_bad_input;
  } else if (found.scenarios.size() != 1) {
    asked.wrong = usage(verb, choice.what + " holds " + std::to_string(found.scenarios.size()) +
                                  " scenarios; name one");
  } else if (!choice.seed) {
    asked.wrong = usage(verb, "--seed S is required: which run of the scenario (a bundle has its own)");
  }
  asked.scenarios = std::move(found.scenarios);
  asked.seed = choice.seed.value_or(0);
  asked.mutant = choice.mutant;
  return asked;
}

}  // namespace hubproof::tools
