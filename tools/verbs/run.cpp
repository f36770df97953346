// hubproof run: every scenario with every seed, and what the checks say.
#include <cstdio>

#include "model/mutants/mutant.hpp"
#include "tools/find_scenarios.hpp"
#include "tools/output.hpp"
#include "tools/save_bundles.hpp"
#include "tools/search/guided.hpp"
#include "tools/verbs/verbs.hpp"

namespace hubproof::tools {

int exit_code(conformance::Verdict verdict) {
  switch (verdict) {
    case conformance::Verdict::fail: return exit_fail;
    case conformance::Verdict::inconclusive: return exit_inconclusive;
    case conformance::Verdict::pass:
    case conformance::Verdict::not_exercised: break;
  }
  return exit_pass;
}

namespace {

// Where bundles go when nobody said where: made only when there is a failure to keep.
constexpr const char* default_bundles = "hubproof-failures";

std::string render(const CampaignResult& result, Format format, const Rendering& how) {
  switch (format) {
    case Format::text: break;
    case Format::json: return render_json(result);
    case Format::junit: return render_junit(result);
  }
  return render_text(result, how);
}

bool write_all(const std::string& folder, const CampaignResult& result, Rendering how) {
  how.colour = false;
  return write_file(folder + "/report.txt", render_text(result, how)) &&
         write_file(folder + "/report.json", render_json(result)) &&
         write_file(folder + "/report.xml", render_junit(result));
}

}  // namespace

int run_verb(const RunArguments& arguments) {
  if (arguments.strategy == Strategy::exhaustive) return exhaustive_verb(arguments);
  const FoundScenarios found = find_scenarios(arguments.scenarios, arguments.profile);
  if (!found.wrong.empty()) {
    std::fprintf(stderr, "%s", found.wrong.c_str());
    return exit_bad_input;
  }
  if (!arguments.out.empty() && !make_folder("run", arguments.out)) return exit_cannot_write;

  WorkerPlan plan;
  plan.scenarios = &found.scenarios;
  plan.mutant = arguments.mutant.empty() ? nullptr : model::find_mutant(arguments.mutant);
  plan.accidents = arguments.accidents;
  if (!arguments.profile.empty()) plan.command += " --profile " + arguments.profile;
  if (!arguments.mutant.empty()) plan.command += " --mutant " + arguments.mutant;

  if (arguments.strategy == Strategy::swarm || arguments.strategy == Strategy::pct) {
    plan.command += " --strategy " + std::string{name(arguments.strategy)};
    plan.vary = [&](std::uint64_t, std::uint32_t scenario, std::uint64_t seed) {
      return vary(arguments.strategy, found.scenarios[scenario], seed);
    };
  }

  ProgressLine line;
  const Interruption interruption;
  CampaignOptions options;
  options.first_seed = arguments.first_seed;
  options.last_seed = arguments.last_seed;
  options.jobs = arguments.jobs;
  options.budget = arguments.budget;
  options.stop_at_first = arguments.first;
  options.verify = arguments.verify;
  if (arguments.cpu_limit) options.cpu_limit = *arguments.cpu_limit;
  options.progress = [&line](const Progress& progress) { line.show(progress); };
  options.interrupted = Interruption::asked;
  GuidedResult guided;
  CampaignResult result;
  if (arguments.strategy == Strategy::guided) {
    guided = guided_campaign(plan, options);
    result = std::move(guided.campaign);
  } else {
    result = campaign(plan, options);
  }
  line.clear();
  const SavedBundles saved = save_bundles(
      result, arguments.out.empty() ? default_bundles : arguments.out + "/failures", plan.mutant,
      [&](std::size_t scenario, std::uint64_t seed) {
        if (arguments.strategy == Strategy::guided) return guided.failing.at({scenario, seed});
        return vary(arguments.strategy, found.scenarios[scenario], seed);
      },
      options.cpu_limit);
  if (!saved.wrong.empty()) std::fprintf(stderr, "hubproof run: %s\n", saved.wrong.c_str());

  Rendering how;
  how.colour = colour_wanted();
  how.command = plan.command;
  how.by_bundle = arguments.strategy == Strategy::guided;
  bool written = print(render(result, arguments.format, how));
  if (!arguments.out.empty())
    written = write_all(arguments.out, result, how) && saved.wrong.empty() && written;
  if (!result.broken.empty()) {
    std::fprintf(stderr, "hubproof is at fault: %s\n", result.broken.c_str());
    return exit_broken;
  }
  if (!written) return exit_cannot_write;
  const int code = exit_code(result.verdict());
  // What a shell and a CI expect of a program that ^C ended; a failure that was found stays one.
  return result.interrupted && code != exit_fail ? exit_interrupted : code;
}

}  // namespace hubproof::tools
