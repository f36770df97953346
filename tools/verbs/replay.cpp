// hubproof replay: one run again, with all that can be seen of it.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "conformance/history_json.hpp"
#include "model/mutants/mutant.hpp"
#include "tools/ask_run.hpp"
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

}  // namespace

int replay_verb(const ReplayArguments& arguments) {
  const AskedRun asked = ask_run("replay", arguments.run);
  if (asked.wrong != exit_pass) return asked.wrong;
  for (const std::string& output : {arguments.history, arguments.trace}) {
    std::error_code different;
    if (output.empty() || !std::filesystem::equivalent(output, arguments.run.what, different)) continue;
    std::fprintf(stderr, "hubproof replay: %s is what is to be replayed; name another file for the output\n",
                 output.c_str());
    return exit_usage;
  }
  if (!arguments.history.empty() && arguments.history == arguments.trace) {
    std::fprintf(stderr, "hubproof replay: --history and --trace are one file; name two\n");
    return exit_usage;
  }
  File history{nullptr, std::fclose}, trace{nullptr, std::fclose};
  if (!open_output(arguments.history, history) || !open_output(arguments.trace, trace))
    return exit_cannot_write;

  WorkerPlan plan;
  plan.scenarios = &asked.scenarios;
  plan.mutant = asked.mutant.empty() ? nullptr : model::find_mutant(asked.mutant);
  plan.steering = asked.steering;
  plan.until = arguments.until;
  Scribe scribe{history.get(), trace.get(), asked.scenarios.front()};
  plan.observe = [&scribe]() -> Observer* { return &scribe; };
  CampaignOptions options;
  options.first_seed = options.last_seed = asked.seed;
  const CampaignResult result = campaign(plan, options);

  Rendering how;
  how.machine = false;
  how.colour = colour_wanted();
  std::string text = arguments.format == Format::json
                         ? render_json(result, false, asked.bundle, arguments.until)
                         : render_text(result, how);
  if (asked.bundle && arguments.format == Format::text)
    text += replayed_sentence(*asked.bundle, replayed(*asked.bundle, result, arguments.until)) + "\n";
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
