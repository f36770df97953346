// hubproof run --strategy exhaustive: all orders of a small scenario, and all sets of a few faults.
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "conformance/check.hpp"
#include "conformance/history_json.hpp"
#include "model/mutants/mutant.hpp"
#include "tools/exhaustive/render.hpp"
#include "tools/find_scenarios.hpp"
#include "tools/output.hpp"
#include "tools/verbs/verbs.hpp"

namespace hubproof::tools {
namespace {

using Clock = std::chrono::steady_clock;

std::int64_t cpu_time() {
  timespec spent{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return spent.tv_sec * 1'000'000'000 + spent.tv_nsec;
}

void show(const std::string& name, const ExhaustiveProgress& progress, double seconds) {
  const auto rate = static_cast<std::uint64_t>(static_cast<double>(progress.states) / seconds);
  std::fprintf(stderr, "\r\x1b[K%s: %s states  %s/s  %s histories  %s with findings", name.c_str(),
               count_text(progress.states).c_str(), count_text(rate).c_str(),
               count_text(progress.histories).c_str(), count_text(progress.failing).c_str());
  std::fflush(stderr);
}

// Failing paths as histories, which `hubproof judge` reads.
bool write_histories(const std::string& folder, const std::vector<Exhausted>& all,
                     const model::Mutant* mutant) {
  bool good = true;
  for (const Exhausted& one : all) {
    for (const ExhaustiveFailure& failure : one.result.failures) {
      const model::History history = walk(*one.scenario, mutant, failure.path).history;
      std::string text = conformance::write_header(history);
      for (const model::Event& event : history.events)
        text += conformance::write_event(history, event);
      std::string clause{conformance::checks()[failure.check]->id};
      for (char& c : clause)
        if (c == ':') c = '-';
      good = write_file(folder + "/" + clause + "-" + one.scenario->name + ".jsonl", text) && good;
    }
  }
  return good;
}

}  // namespace

int exhaustive_verb(const RunArguments& arguments) {
  if (arguments.format == Format::junit) {
    std::fprintf(
        stderr,
        "hubproof run: --strategy exhaustive has no --format junit; there are text and json\n");
    return exit_usage;
  }
  if (arguments.scenarios.empty()) {
    std::fprintf(
        stderr,
        "hubproof run: --strategy exhaustive needs a scenario, such as scenarios/exhaustive\n");
    return exit_usage;
  }
  const FoundScenarios found = find_scenarios(arguments.scenarios, arguments.profile);
  std::string wrong = found.wrong;
  for (const Scenario& scenario : found.scenarios)
    if (const std::string why = unfit_for_exhaustion(scenario); !why.empty())
      wrong += scenario.file + ": " + why + "\n";
  if (!wrong.empty()) {
    std::fprintf(stderr, "%s", wrong.c_str());
    return exit_bad_input;
  }
  if (!arguments.out.empty() && !make_folder("run", arguments.out)) return exit_cannot_write;

  const bool terminal = isatty(STDERR_FILENO) == 1;
  const Interruption interruption;
  const Clock::time_point begun = Clock::now();
  ExhaustiveOptions options;
  options.mutant = arguments.mutant.empty() ? nullptr : model::find_mutant(arguments.mutant);
  options.stop_at_first = arguments.first;
  std::vector<Exhausted> all;
  for (const Scenario& scenario : found.scenarios) {
    bool shown = false;
    Clock::time_point last = begun;
    options.go_on = [&](const ExhaustiveProgress& progress) {
      const Clock::time_point now = Clock::now();
      if (terminal && now - last > std::chrono::seconds{1}) {
        show(scenario.name, progress, std::chrono::duration<double>(now - begun).count());
        shown = true;
        last = now;
      }
      return !Interruption::asked() && (!arguments.budget || now - begun < *arguments.budget);
    };
    const std::int64_t before = cpu_time();
    ExhaustiveResult result = explore(scenario, options);
    all.push_back({&scenario, std::move(result), cpu_time() - before});
    if (shown) std::fprintf(stderr, "\r\x1b[K");
  }

  const auto text = [&](bool colour) {
    return render_exhaustive_text(all, arguments.mutant, colour);
  };
  bool written =
      print(arguments.format == Format::json ? render_exhaustive_json(all) : text(colour_wanted()));
  if (!arguments.out.empty())
    written = write_file(arguments.out + "/report.txt", text(false)) &&
              write_file(arguments.out + "/report.json", render_exhaustive_json(all)) &&
              write_histories(arguments.out, all, options.mutant) && written;
  if (!written) return exit_cannot_write;
  const conformance::Verdict verdict = verdict_of(all);
  if (verdict == conformance::Verdict::fail) return exit_fail;
  if (Interruption::asked()) return exit_interrupted;
  return complete(all) ? exit_code(verdict) : static_cast<int>(exit_inconclusive);
}

}  // namespace hubproof::tools
