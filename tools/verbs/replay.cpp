// hubproof replay: one run again, with all that can be seen of it.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "conformance/history_json.hpp"
#include "model/mutants/mutant.hpp"
#include "tools/document.hpp"
#include "tools/find_scenarios.hpp"
#include "tools/output.hpp"
#include "tools/replayed.hpp"
#include "tools/verbs/verbs.hpp"
#include "tools/verify.hpp"

namespace hubproof::tools {
namespace {

// Writes history and trace as the run goes on.
class Scribe final : public Observer, public sim::TraceSink {
 public:
  Scribe(std::FILE* history, std::FILE* trace, const Scenario& scenario)
      : history_{history}, trace_{trace}, names_{node_names(scenario)} {}

  void attach(RunOptions& options) override {
    if (trace_ != nullptr) options.trace = this;
    if (history_ == nullptr) return;
    options.on_header = [this](const model::History& header) {
      put(history_, conformance::write_header(header));
    };
    options.on_event = [this](const model::History& header, const model::Event& event) {
      put(history_, conformance::write_event(header, event));
    };
  }
  bool finish() override {
    for (std::FILE* file : {history_, trace_})
      if (file != nullptr && (std::fflush(file) != 0 || std::ferror(file) != 0)) good_ = false;
    return good_;
  }
  void saw(const sim::Record& record) override { put(trace_, trace_line(record, names_) + "\n"); }

 private:
  void put(std::FILE* file, const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), file) != text.size()) good_ = false;
  }

  std::FILE* history_;
  std::FILE* trace_;
  std::vector<std::string> names_;
  bool good_ = true;
};

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

bool open_output(const std::string& path, File& file) {
  if (path.empty()) return true;
  file.reset(std::fopen(path.c_str(), "wb"));
  if (file) return true;
  std::fprintf(stderr, "hubproof replay: cannot write %s: %s\n", path.c_str(), std::strerror(errno));
  return false;
}

// What is to be run: a bundle, or a scenario with a seed.
struct Asked {
  std::vector<Scenario> scenarios;
  std::optional<Bundle> bundle;
  int wrong = exit_pass;   // an exit code, once it has been said what is wrong
};

int usage(const std::string& what) {
  std::fprintf(stderr, "hubproof replay: %s\nTry: hubproof replay --help\n", what.c_str());
  return exit_usage;
}

Asked read_bundle_asked(const ReplayArguments& arguments, const std::string& text) {
  Asked asked;
  if (arguments.seed || !arguments.mutant.empty() || !arguments.profile.empty()) {
    asked.wrong = usage(arguments.scenario + " is a bundle, which has its own seed, mutant and profile");
    return asked;
  }
  ReadBundle read = read_bundle(text, arguments.scenario);
  if (!read.problems.empty()) {
    std::fprintf(stderr, "%s", problems_text(arguments.scenario, read.problems).c_str());
    asked.wrong = exit_bad_input;
    return asked;
  }
  asked.scenarios.push_back(read.bundle.scenario);
  asked.bundle = std::move(read.bundle);
  return asked;
}

Asked read_asked(const ReplayArguments& arguments) {
  std::string text, unreadable;
  std::error_code ignored;
  if (std::filesystem::is_regular_file(arguments.scenario, ignored) &&
      read_file(arguments.scenario, largest_document, text, unreadable) && is_bundle(text))
    return read_bundle_asked(arguments, text);

  Asked asked;
  FoundScenarios found = find_scenarios({arguments.scenario}, arguments.profile);
  if (!found.wrong.empty()) {
    std::fprintf(stderr, "%s", found.wrong.c_str());
    asked.wrong = exit_bad_input;
  } else if (found.scenarios.size() != 1) {
    asked.wrong = usage(arguments.scenario + " holds " + std::to_string(found.scenarios.size()) +
                        " scenarios; name one");
  } else if (!arguments.seed) {
    asked.wrong = usage("--seed S is required: which run of the scenario (a bundle has its own)");
  }
  asked.scenarios = std::move(found.scenarios);
  return asked;
}

}  // namespace

int replay_verb(const ReplayArguments& arguments) {
  const Asked asked = read_asked(arguments);
  if (asked.wrong != exit_pass) return asked.wrong;
  File history{nullptr, std::fclose}, trace{nullptr, std::fclose};
  if (!open_output(arguments.history, history) || !open_output(arguments.trace, trace))
    return exit_cannot_write;

  WorkerPlan plan;
  plan.scenarios = &asked.scenarios;
  const std::string& mutant = asked.bundle ? asked.bundle->mutant : arguments.mutant;
  plan.mutant = mutant.empty() ? nullptr : model::find_mutant(mutant);
  if (asked.bundle) plan.steering = asked.bundle->steering;
  plan.until = arguments.until;
  if (!arguments.profile.empty()) plan.command += " --profile " + arguments.profile;
  if (!arguments.mutant.empty()) plan.command += " --mutant " + arguments.mutant;
  Scribe scribe{history.get(), trace.get(), asked.scenarios.front()};
  plan.observe = [&scribe]() -> Observer* { return &scribe; };
  CampaignOptions options;
  options.first_seed = options.last_seed = asked.bundle ? asked.bundle->seed : *arguments.seed;
  const CampaignResult result = campaign(plan, options);

  Rendering how;
  how.machine = false;
  how.colour = colour_wanted();
  std::string text = arguments.format == Format::json ? render_json(result, false, asked.bundle)
                                                      : render_text(result, how);
  if (asked.bundle && arguments.format == Format::text)
    text += replayed_sentence(*asked.bundle, replayed(*asked.bundle, result)) + "\n";
  const bool written = print(text);
  if (!result.broken.empty()) {
    std::fprintf(stderr, "hubproof is at fault: %s\n", result.broken.c_str());
    return exit_broken;
  }
  if (result.output_failed)
    std::fprintf(stderr, "hubproof replay: history or trace could not be written whole\n");
  return written && !result.output_failed ? exit_code(result.verdict())
                                          : static_cast<int>(exit_cannot_write);
}

}  // namespace hubproof::tools
