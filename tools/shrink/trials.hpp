// Candidates for a smaller failure, run in processes of their own, some at a time. What comes out
// does not depend on how many: it is always the first candidate that would do.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/variation.hpp"
#include "tools/worker.hpp"

namespace hubproof::tools::shrinking {

class Trials {
 public:
  struct Settings {
    const model::Mutant* mutant = nullptr;
    std::string signature;               // the failure to be kept
    unsigned jobs = 1;
    std::chrono::nanoseconds cpu_limit = std::chrono::seconds{10};  // of one candidate
    std::function<bool()> over;          // no more candidates are begun, and those under way are left
    std::uint64_t most_events = ~std::uint64_t{0};  // of the scheduler: a longer run will not do
  };
  using Make = std::function<std::optional<Variation>(std::size_t at)>;  // nothing: not a candidate

  struct Found {
    std::size_t at = 0;
    Variation variation;
    RunRecord record;
  };

  explicit Trials(Settings settings) : settings_{std::move(settings)} {}

  // The first of `count` candidates that fails as it should. Nothing, too, when time is over.
  std::optional<Found> first(std::size_t count, const Make& make);

  // For each candidate, whether it fails as it should. Fewer than asked when time is over.
  std::vector<bool> outcomes(std::size_t count, const Make& make);

  bool over() const { return settings_.over && settings_.over(); }
  std::uint64_t runs() const { return runs_; }
  void cpu_limit(std::chrono::nanoseconds limit) { settings_.cpu_limit = limit; }
  void most_events(std::uint64_t most) { settings_.most_events = most; }

  // Failures with another signature that were met on the way, each as it was met first.
  const std::map<std::string, Variation>& others() const { return others_; }

 private:
  // Told of each run, in whatever order; false: what comes after it is not wanted.
  using Take = std::function<bool(std::size_t at, const Variation& variation, const RunRecord& record, bool same)>;
  void run_all(std::size_t count, const Make& make, const Take& take);

  Settings settings_;
  std::size_t batch_ = 1;              // candidates of one process
  std::uint64_t runs_ = 0;
  std::map<std::string, Variation> others_;
};

// The clause that a signature begins with.
std::string clause_of(const std::string& signature);

}  // namespace hubproof::tools::shrinking
