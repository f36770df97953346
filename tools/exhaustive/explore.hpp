// Walks all orders of a small scenario's steps, and all sets of at most so many faults: START HERE.
//
// A scenario with a key "exhaustive" is played by its real machines (participant.hpp) in a small
// world (world.hpp) whose next step is a choice. A path is a row of choices; it makes a history,
// which the judge judges like any other. Equal states are walked on from once (world.hpp says why
// that is fair; memory.hpp, which joins what a crash forgets). A failure is a path, so it can be
// walked again.
//
// What is exhausted is what the statement says, no more: how long each step takes is not varied,
// but for time that passes while something is under way, which counts as a fault; a write arrives
// as a whole; a crashed participant starts again after a set time; what a crash finds unsynced
// stays or is lost as a whole; chance says its first value; and once the scenario's duration is
// over, all being at rest and faults past, one order stands for all.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "conformance/judge.hpp"
#include "tools/scenario.hpp"

namespace hubproof::model {
struct Mutant;
}

namespace hubproof::tools {

struct ExhaustiveProgress {
  std::uint64_t states = 0;
  std::uint64_t histories = 0;
  std::uint64_t failing = 0;
};

struct ExhaustiveOptions {
  const model::Mutant* mutant = nullptr;
  std::uint64_t most_states = 30'000'000;  // then it ends, and says so
  bool prune = true;           // false: equal states are walked on from each time (for tests)
  bool stop_at_first = false;  // at the first history that breaks a MUST or LIMIT clause
  std::function<bool(const ExhaustiveProgress&)> go_on{};  // asked now and then; false: it ends
};

using ChoicePath = std::vector<std::uint8_t>;  // at each step, which of the things that may happen

struct ExhaustiveFailure {
  std::size_t check = 0;  // in checks()
  conformance::Finding finding;
  ChoicePath path;  // the shortest that was walked, of those with fewest faults
  unsigned faults = 0;
  std::vector<std::string> story;  // its steps in words
  std::uint64_t histories = 0;     // in which the clause fails
};

struct ExhaustiveResult {
  struct Counts {
    std::uint64_t pass = 0, not_exercised = 0, inconclusive = 0, fail = 0;
    bool operator==(const Counts&) const = default;
  };
  std::uint64_t states = 0;                 // different ones
  std::uint64_t steps = 0;                  // between them
  std::uint64_t paths = 0;                  // from beginning to end
  bool paths_overflow = false;              // they are even more
  std::uint64_t histories = 0;              // judged: one for each different end
  std::size_t deepest = 0;                  // steps of the longest path that was walked to its end
  std::vector<Counts> clauses;              // by check: histories
  std::vector<ExhaustiveFailure> failures;  // by check
  std::vector<std::string> cut;             // what was not exhausted, and why; empty: nothing
  std::uint64_t inputs = 0;                 // fed to machines

  conformance::Verdict verdict() const;
};

// What can be wrong with a scenario that reads well but is not for this; empty: nothing.
std::string unfit_for_exhaustion(const Scenario& scenario);

ExhaustiveResult explore(const Scenario& scenario, const ExhaustiveOptions& options);

// One path again; what is missing at its end is the first of what may happen each time.
struct WalkedPath {
  model::History history;
  conformance::Report report;
  std::vector<std::string> story;
  bool fits = true;  // the path chose only what could be chosen
};
WalkedPath walk(const Scenario& scenario, const model::Mutant* mutant, const ChoicePath& path);

// "exhausted: all orders of ..., with at most 2 of the faults ...: ..."
std::string exhaustive_statement(const Scenario& scenario, const ExhaustiveResult& result);

}  // namespace hubproof::tools
