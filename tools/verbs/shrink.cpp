// hubproof shrink: the smallest failure of the same clause, as a bundle with its story.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <unistd.h>

#include "model/mutants/mutant.hpp"
#include "tools/ask_run.hpp"
#include "tools/output.hpp"
#include "tools/save_bundles.hpp"
#include "tools/shrink/shrink.hpp"
#include "tools/shrink/trials.hpp"
#include "tools/shrink/turning_point.hpp"
#include "tools/story.hpp"
#include "tools/try_run.hpp"
#include "tools/verbs/verbs.hpp"

namespace hubproof::tools {
namespace {

// The failure that is to be kept: the bundle's, or the first of a MUST clause in the run.
std::string signature_to_keep(const AskedRun& asked, const model::Mutant* mutant) {
  if (asked.bundle) return asked.bundle->signature;
  const Variation variation{asked.scenarios.front(), asked.seed, {}};
  const RunRecord record = try_run(variation, mutant);
  if (record.downfall != Downfall::none) return signature_of_downfall(record, variation.scenario);
  for (const RunRecord::Failure& failure : record.failures)
    if (all_checks()[failure.check].level != conformance::Level::should) return failure.signature;
  return record.failures.empty() ? std::string{} : record.failures.front().signature;
}

// What was shrunk may leave nothing to chance. Then it is the run before that shows where it became
// certain.
void tell_of_start(Bundle& bundle, const AskedRun& asked, const model::Mutant* mutant,
                   const std::string& signature, shrinking::Trials& futures) {
  auto start = bundle_of({asked.scenarios.front(), asked.seed, asked.steering}, mutant, bundle.clause, signature);
  if (!start || futures.over()) return;
  shrinking::find_turning_point(*start, futures);
  const std::vector<std::string> lines = turning_point_lines(*start);
  if (lines.empty()) return;
  bundle.story.emplace_back("Before it was shrunk:");
  bundle.story.insert(bundle.story.end(), lines.begin(), lines.end());
}

std::string beside(const std::string& file, const std::string& ending) {
  std::filesystem::path path{file};
  return path.replace_extension(ending).string();
}

}  // namespace

int shrink_verb(const ShrinkArguments& arguments) {
  const AskedRun asked = ask_run("shrink", arguments.run);
  if (asked.wrong != exit_pass) return asked.wrong;
  const model::Mutant* mutant = asked.mutant.empty() ? nullptr : model::find_mutant(asked.mutant);
  const std::string signature = signature_to_keep(asked, mutant);
  if (signature.empty()) {
    std::fprintf(stderr, "hubproof shrink: nothing fails in this run, so there is nothing to shrink\n");
    return exit_fail;
  }

  const std::string output =
      arguments.output.empty() ? asked.scenarios.front().name + "-" + std::to_string(asked.seed) + "-shrunk.json"
                               : arguments.output;
  std::error_code different;
  if (std::filesystem::equivalent(output, arguments.run.what, different)) {
    std::fprintf(stderr, "hubproof shrink: %s is what is to be shrunk; name another file with --output\n",
                 output.c_str());
    return exit_usage;
  }
  if (!may_be_written(output)) return exit_cannot_write;

  const Interruption interruption;
  const bool terminal = isatty(STDERR_FILENO) == 1;
  ShrinkOptions options;
  options.mutant = mutant;
  options.signature = signature;
  options.jobs = arguments.jobs;
  options.budget = arguments.budget;
  options.interrupted = Interruption::asked;
  options.progress = [&](const shrinking::Size& size, std::uint64_t runs) {
    if (!terminal) return;
    std::fprintf(stderr, "\r\x1b[K%zu faults, %zu devices, %zu messages after %llu runs", size.faults,
                 size.devices, size.messages, static_cast<unsigned long long>(runs));
    std::fflush(stderr);
  };
  const Shrunk shrunk = shrink({asked.scenarios.front(), asked.seed, asked.steering}, options);
  if (terminal) std::fprintf(stderr, "\r\x1b[K");
  if (!shrunk.reproduced && Interruption::asked()) {
    std::fprintf(stderr, "hubproof shrink: interrupted before the failure was seen again; nothing was written\n");
    return exit_interrupted;
  }
  if (!shrunk.reproduced) {
    std::fprintf(stderr, "hubproof shrink: the failure does not come back: %s\n", signature.c_str());
    return exit_fail;
  }

  const std::string clause = shrinking::clause_of(signature);
  auto bundle = bundle_of(shrunk.smallest, mutant, clause, signature);
  if (!bundle) {
    std::fprintf(stderr, "hubproof is at fault: the smallest run does not repeat\n");
    return exit_broken;
  }
  bundle->scenario.name = asked.scenarios.front().name;
  bundle->scenario.reason = "shrunk: " + clause + " in " + asked.scenarios.front().name;
  const auto look_until = std::chrono::steady_clock::now() + std::chrono::nanoseconds{arguments.budget} / 3;
  shrinking::Trials futures{{mutant, signature, arguments.jobs, std::chrono::seconds{10}, [&] {
                               return Interruption::asked() || std::chrono::steady_clock::now() >= look_until;
                             }}};
  shrinking::find_turning_point(*bundle, futures);
  bundle->story = story_of(*bundle);
  if (!bundle->no_return) tell_of_start(*bundle, asked, mutant, signature, futures);
  if (!write_file(output, write_bundle(*bundle)) ||
      !write_file(beside(output, ".test.cpp"), generated_test(*bundle, output)))
    return exit_cannot_write;

  std::string text;
  for (const std::string& line : bundle->story) text += line + "\n";
  const shrinking::Size size = shrinking::size_of(bundle->scenario);
  text += "\n" + std::to_string(size.faults) + " faults, " + std::to_string(size.devices) + " devices, " +
          std::to_string(size.messages) + " messages" +
          (shrunk.finished ? "" : "; it was stopped before its end, so this is the best until then") + "\n" + "bundle: " + output +
          "\ntest:   " + beside(output, ".test.cpp") + "\n";
  int number = 0;
  for (const auto& [other, variation] : shrunk.others) {
    const auto met = bundle_of(variation, mutant, shrinking::clause_of(other), other);
    if (!met) continue;
    const std::string file = beside(output, ".other" + std::to_string(++number) + ".json");
    if (!write_file(file, write_bundle(*met))) return exit_cannot_write;
    text += "another failure met on the way: " + other + "\n  bundle: " + file + "\n";
  }
  return print(text) ? exit_pass : exit_cannot_write;
}

}  // namespace hubproof::tools
