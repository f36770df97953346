// The zoo: does each mutant meet a check that finds it, and the check that is meant for it, and how fast
// does each strategy get there? The matrix of mutants and strategies is what proves the judges and the
// search.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/scenario.hpp"
#include "tools/search/strategy.hpp"

namespace hubproof::model {
struct Mutant;
}

namespace hubproof::tools {

inline constexpr std::string_view right_hub = "clean";  // no mutant: no check may fail

// One hunt for one mutant.
struct Hunt {
  std::string mutant;                // or right_hub
  Strategy strategy = Strategy::random;
  unsigned attempt = 0;              // each begins with other seeds
  bool found = false;                // by the check that is meant for it; the right hub: something failed
  double cpu_s = 0;                  // until then, or until it was given up
  std::uint64_t runs = 0;
  std::string scenario;              // where it was found
  std::uint64_t seed = 0;
  std::vector<std::string> checks;   // all that failed, in the order of first failure
};

// The first find of a mutant, made as small as can be.
struct ShrunkFind {
  std::string mutant;
  std::string signature;
  std::size_t faults = 0;
  std::size_t devices = 0;
  std::size_t messages = 0;
  double seconds = 0;                // of real time
  double cpu_s = 0;                  // of all processes
  std::uint64_t runs = 0;
  bool same = false;                 // run once more it fails with this signature, and the right hub does not
  bool finished = false;             // nothing more could be left out
};

// The smallest failure of a mutant that a person could think of: scenarios/minima/MUTANT.json, seed 0.
struct Minimum {
  std::string mutant;
  std::size_t size = 0;                  // faults, devices and messages
  std::vector<std::string> signatures;   // what fails in it, and does not with the right hub
};

struct ZooOptions {
  std::vector<const model::Mutant*> mutants;  // null: the right hub
  std::vector<Strategy> strategies{Strategy::random, Strategy::swarm};
  std::vector<Strategy> rare_strategies{Strategy::random, Strategy::swarm, Strategy::pct, Strategy::guided};
  unsigned attempts = 5;
  std::chrono::nanoseconds give_up = std::chrono::seconds{60};  // of CPU time, for one hunt
  unsigned jobs = 2;
  bool shrinks = true;
  bool one_find = false;             // a mutant that one strategy has found is not hunted by those after it
  std::string state;                 // file that keeps what was done; a zoo that was stopped goes on
  sim::Duration shrink_budget = std::chrono::seconds{29};  // of real time: what is under way then is done by 30
  std::function<bool()> interrupted;
};

struct ZooResult {
  std::vector<Hunt> hunts;
  std::vector<ShrunkFind> shrunk;
  bool whole = true;                 // everything that was asked for was done
  std::string wrong;                 // the state cannot be read or written: why
};

// Each hunt has a process of its own. In a hunt seed 0 of every scenario comes first, then seed 1.
ZooResult zoo(const std::vector<Scenario>& scenarios, const ZooOptions& options, std::ostream& progress);

// The page reports/kill-matrix.md.
std::string kill_matrix(const ZooResult& result, const ZooOptions& options, const std::string& command);

// Runs each minimum, whose file is called like its mutant. The others are left out.
std::vector<Minimum> run_minima(const std::vector<Scenario>& minima);

// The page reports/shrinking.md: what the first finds shrink to, and how near that is to the minima.
std::string shrinking_page(const ZooResult& result, const std::vector<Minimum>& minima, const std::string& command);

// True if each find shrank by itself, to the same failure, in at most 30 CPU seconds; nine of ten to at most
// five faults; and in the median to at most one and a half times the size of its minimum.
bool shrunk_well(const ZooResult& result, const std::vector<Minimum>& minima);

// True if every mutant was found by some strategy in the median, and the right hub by none.
bool all_found(const ZooResult& result, const ZooOptions& options);

// A check that is right to fail at these mutants, though another one is meant for them.
struct Consequence {
  std::string_view check;
  std::string_view why;
  std::vector<std::string_view> mutants;
};

// One finding of each pair was judged by a person, most by its sentence, some by their shrunk story. Excused is the pair, so a
// false alarm of the same check at the same mutant does not show. A check that fails at another mutant may be a false alarm.
std::span<const Consequence> consequences();

// A check that failed in a hunt, is not the one meant for the mutant and is no known consequence of it.
struct Unexplained {
  std::string mutant;
  std::string check;
  std::string where;   // strategy, attempt, and where the hunt ended
};
std::vector<Unexplained> unexplained(const ZooResult& result);

}  // namespace hubproof::tools
