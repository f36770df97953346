// Many runs: every scenario with every seed, in worker processes. What comes out depends on neither
// the number of workers nor their timing: results are taken in the order of seeds.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/check.hpp"
#include "conformance/judge.hpp"
#include "tools/scenario.hpp"
#include "tools/worker.hpp"

namespace hubproof::tools {

// The checks of a run, and after them those of hubproof itself: RUN-1 (crash), RUN-2 (hang), RUN-3
// (memory).
const std::vector<conformance::About>& all_checks();

struct ClauseCounts {                      // runs, by the clause's verdict in them
  std::uint64_t pass = 0;
  std::uint64_t not_exercised = 0;
  std::uint64_t inconclusive = 0;
  std::uint64_t fail = 0;

  conformance::Verdict verdict() const;    // over all these runs
  void add(conformance::Verdict verdict);
  void operator+=(const ClauseCounts& other);
};

struct Failure {
  std::uint64_t seed = 0;
  std::size_t check = 0;                   // into all_checks()
  std::int64_t at = 0;                     // true time, ns; without meaning for RUN-*
  std::optional<std::uint64_t> event;
  std::string what;
  std::string signature{};                 // (signature.hpp)
  std::uint64_t run_events = 0;            // how much happened in the run: a measure without a clock
  std::string bundle{};                    // the file that holds one with this signature; empty: none
};

struct ScenarioResult {
  std::string name;
  std::string file;
  std::uint64_t runs = 0;
  std::uint64_t digest = 0;                // over the runs' digests in the order of seeds
  std::uint64_t events = 0;
  conformance::MessageCounts messages;
  std::int64_t simulated = 0;              // ns
  std::int64_t cpu = 0;                    // ns
  std::vector<ClauseCounts> clauses;       // by check
  std::vector<Failure> failures;           // in the order of seeds
  std::uint64_t failing_runs = 0;          // in which a MUST or LIMIT clause failed
  std::uint64_t fault_kinds = 0;           // bit n: a fault of FaultKind n began in some run

  // True if a MUST or LIMIT clause failed.
  bool add(const Scenario& scenario, std::uint64_t seed, const RunRecord& record);
};
ScenarioResult result_for(const Scenario& scenario);  // of no run yet

// The verdict of MUST and LIMIT clauses together.
conformance::Verdict verdict_of(const std::vector<ClauseCounts>& clauses);

// Failures of one signature, in whatever scenario.
struct FailureGroup {
  std::size_t scenario = 0;                // where the run with the fewest events is
  std::size_t failure = 0;                 // into that scenario's
  std::uint64_t runs = 0;                  // how many failed so
};

struct CampaignResult {
  std::vector<ScenarioResult> scenarios;
  std::uint64_t first_seed = 0;
  std::uint64_t last_seed = 0;             // of those that were asked for, or of those that were run
  std::uint64_t last_digest = 0;           // of the last run
  bool interrupted = false;
  bool out_of_time = false;
  bool output_failed = false;
  std::string broken;                      // hubproof itself failed: why
  std::vector<ClauseCounts> clauses() const;   // over all scenarios
  conformance::Verdict verdict() const { return verdict_of(clauses()); }
};

struct Progress {
  std::uint64_t done = 0;
  std::uint64_t total = 0;                 // 0: until the time is over
  std::uint64_t failures = 0;
  std::chrono::nanoseconds elapsed{};
};

struct CampaignOptions {
  std::uint64_t first_seed = 0;
  std::uint64_t last_seed = 0;
  unsigned jobs = 1;
  std::optional<std::chrono::nanoseconds> budget;      // no run begins after it
  bool stop_at_first = false;
  bool verify = false;                     // every run twice, in two processes
  std::chrono::nanoseconds cpu_limit = std::chrono::minutes{2};  // of one run
  std::function<void(const Progress&)> progress;       // about five times a second
  std::function<void(std::uint64_t number, const RunRecord& record)> on_run;  // in the order of runs
  std::function<bool()> interrupted;
};

// In the order in which they were met.
std::vector<FailureGroup> groups_of(const CampaignResult& result);

// The plan's scenarios must not be empty.
CampaignResult campaign(const WorkerPlan& plan, const CampaignOptions& options);

}  // namespace hubproof::tools
