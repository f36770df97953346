#include "tests/support/regression.hpp"

#include <algorithm>

#include "model/mutants/mutant.hpp"
#include "tools/bundle.hpp"
#include "tools/try_run.hpp"

namespace hubproof::tests {

std::string failure_of(std::string_view bundle) {
  const tools::ReadBundle read = tools::read_bundle(bundle, "bundle");
  if (!read.problems.empty()) return tools::problems_text("bundle", read.problems);
  const tools::Bundle& held = read.bundle;
  const tools::RunRecord record = tools::try_run(
      {held.scenario, held.seed, held.steering},
      held.mutant.empty() ? nullptr : model::find_mutant(held.mutant));
  if (record.downfall != tools::Downfall::none) return record.how;
  const auto found =
      std::ranges::find(record.failures, held.signature, &tools::RunRecord::Failure::signature);
  return found == record.failures.end() ? std::string{} : held.clause + ": " + found->what;
}

}  // namespace hubproof::tests
