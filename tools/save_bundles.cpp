#include "tools/save_bundles.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

#include "model/mutants/mutant.hpp"
#include "tools/output.hpp"
#include "tools/render/render.hpp"
#include "tools/signature.hpp"
#include "tools/spell_out.hpp"
#include "tools/try_run.hpp"

namespace hubproof::tools {
namespace {

std::string_view run_clause(Downfall downfall) {
  switch (downfall) {
    case Downfall::crashed: return "RUN-1";
    case Downfall::hung: return "RUN-2";
    case Downfall::out_of_memory: return "RUN-3";
    case Downfall::none: break;
  }
  return {};
}

std::string sentence_of(std::string_view clause) {
  for (const conformance::About& about : all_checks())
    if (about.id == clause) return std::string{about.sentence};
  return {};
}

std::string file_name(const std::string& clause, const std::string& scenario, std::uint64_t seed) {
  std::string name = clause + "-" + scenario + "-" + std::to_string(seed);
  for (char& c : name)
    if (c == ':' || c == '/' || static_cast<unsigned char>(c) <= ' ') c = '-';
  return name;
}

}  // namespace

std::string signature_of_downfall(const RunRecord& record, const Scenario& scenario) {
  return signature_of(run_clause(record.downfall), conformance::no_witness, record.how, scenario);
}

std::optional<Bundle> bundle_of(Variation variation, const model::Mutant* mutant,
                                const std::string& clause, const std::string& signature,
                                std::chrono::nanoseconds cpu_limit) {
  variation.scenario = spell_out_faults(variation.scenario, variation.seed, variation.steering);
  const RunRecord record = try_run(variation, mutant, cpu_limit);
  Bundle bundle;
  bundle.version = version;
  bundle.clause = clause;
  bundle.sentence = sentence_of(clause);
  bundle.signature = signature;
  bundle.seed = variation.seed;
  if (mutant != nullptr) bundle.mutant = mutant->name;
  bundle.digest = record.digest;
  bundle.steering = variation.steering;
  if (record.downfall != Downfall::none) {
    if (run_clause(record.downfall) != clause) return std::nullopt;
    bundle.what = record.how;
  } else {
    const auto found = std::ranges::find(record.failures, signature, &RunRecord::Failure::signature);
    if (found == record.failures.end()) return std::nullopt;
    bundle.what = found->what;
    bundle.at = found->at;
    if (found->event != conformance::no_event) bundle.event = found->event;
  }
  bundle.scenario = std::move(variation.scenario);
  return bundle;
}

SavedBundles save_bundles(CampaignResult& result, const std::string& folder,
                          const model::Mutant* mutant, const VariationOf& variation_of,
                          std::chrono::nanoseconds cpu_limit) {
  SavedBundles saved;
  std::set<std::string> taken;
  for (const FailureGroup& group : groups_of(result)) {
    const ScenarioResult& scenario = result.scenarios[group.scenario];
    const Failure& fastest = scenario.failures[group.failure];
    const std::string clause{all_checks()[fastest.check].id};
    const std::string signature = fastest.signature;
    const auto bundle = bundle_of(variation_of(group.scenario, fastest.seed), mutant, clause, signature,
                                  cpu_limit);
    if (!bundle) continue;  // a run that does not repeat: --verify is there to say so

    std::string name = file_name(clause, scenario.name, fastest.seed);
    for (int number = 2; !taken.insert(name).second; ++number)
      name = file_name(clause, scenario.name, fastest.seed) + "-" + std::to_string(number);
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    const std::string path = (std::filesystem::path{folder} / (name + ".json")).string();
    if (failed || !write_file(path, write_bundle(*bundle))) {
      saved.wrong = "cannot write " + path + (failed ? ": " + failed.message() : "");
      return saved;
    }
    ++saved.files;
    for (ScenarioResult& one : result.scenarios)
      for (Failure& failure : one.failures)
        if (failure.signature == signature) failure.bundle = path;
  }
  return saved;
}

}  // namespace hubproof::tools
