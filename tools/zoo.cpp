#include "tools/zoo.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <ostream>
#include <system_error>

#include "model/mutants/mutant.hpp"
#include "tools/find_scenarios.hpp"
#include "tools/run.hpp"
#include "tools/save_bundles.hpp"
#include "tools/search/guide.hpp"
#include "tools/search/state_coverage.hpp"
#include "tools/shrink/shrink.hpp"
#include "tools/signature.hpp"
#include "tools/try_run.hpp"
#include "tools/zoo_state.hpp"

namespace hubproof::tools {
namespace {

constexpr std::uint64_t seeds_apart = 1'000'000;  // of two attempts

// Of processes that have ended.
double cpu_of_children() {
  rusage used{};
  getrusage(RUSAGE_CHILDREN, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

double cpu_seconds() {
  timespec spent{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) * 1e-9;
}

std::string name_of(const model::Mutant* mutant) {
  return mutant == nullptr ? std::string{right_hub} : mutant->name;
}

// One run of a hunt: whether the mutant was found by it.
bool hunted(Hunt& hunt, const model::Mutant* mutant, const conformance::Report& report) {
  bool found = false;
  for (const conformance::Judged& judged : report.checks) {
    if (judged.finding.verdict != conformance::Verdict::fail) continue;
    const std::string id{judged.id};
    if (!std::ranges::count(hunt.checks, id)) hunt.checks.push_back(id);
    found = found || mutant == nullptr || id == mutant->meant_for;
  }
  return found;
}

void hunt_down(Hunt& hunt, const std::vector<Scenario>& scenarios, const model::Mutant* mutant, double give_up) {
  const double begun = cpu_seconds();
  const std::uint64_t first = hunt.attempt * seeds_apart;
  std::optional<Guides> guides;
  if (hunt.strategy == Strategy::guided) guides.emplace(scenarios, first);
  while (!hunt.found && hunt.cpu_s < give_up) {
    const std::uint64_t seed = first + hunt.runs / scenarios.size();
    const std::size_t s = guides ? guides->next() : hunt.runs % scenarios.size();
    const Variation variation = guides ? guides->propose(s) : vary(hunt.strategy, scenarios[s], seed);
    RunOptions options;
    options.seed = variation.seed;
    options.steering = variation.steering;
    options.mutant = mutant;
    std::optional<StateCoverage> coverage;
    if (guides) {
      options.on_header = [&](const model::History& header) { coverage.emplace(header); };
      options.on_event = [&](const model::History&, const model::Event& event) { coverage->saw(event); };
    }
    const RunResult result = run(variation.scenario, options);
    if (coverage) guides->learn(s, variation, {coverage->reached(), coverage->moments(), result.events, coverage->firsts()});
    ++hunt.runs;
    if (hunted(hunt, mutant, result.report)) {
      hunt.found = true;
      hunt.scenario = scenarios[s].name;
      hunt.seed = seed;
    }
    hunt.cpu_s = cpu_seconds() - begun;
  }
}

const std::vector<Strategy>& strategies_of(const model::Mutant* mutant, const ZooOptions& options) {
  return mutant != nullptr && mutant->rare ? options.rare_strategies : options.strategies;
}

struct Hunter {
  pid_t process = 0;
  int answer = -1;
  Hunt hunt;
};

Hunter send_out(const Hunt& hunt, const std::vector<Scenario>& scenarios, const model::Mutant* mutant,
                double give_up) {
  int ends[2];
  if (pipe(ends) != 0) return {};
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    Hunt own = hunt;
    hunt_down(own, scenarios, mutant, give_up);
    const std::string line = zoo_line(own);
    const bool told = write(ends[1], line.data(), line.size()) ==
                      static_cast<ssize_t>(line.size());  // far less than a pipe holds
    std::exit(told ? 0 : 1);  // not _exit: coverage counters are written on the way out
  }
  close(ends[1]);
  if (child < 0) close(ends[0]);
  return {child, ends[0], hunt};
}

Hunt come_back(Hunter& hunter) {
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = read(hunter.answer, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  close(hunter.answer);
  Hunt hunt = hunter.hunt;
  ZooLine line;
  if (read_zoo_line(text, line) && line.hunt) return *line.hunt;
  hunt.checks = {"RUN-1"};  // the process died, as that of a run would
  return hunt;
}

// What a first find comes to when it is shrunk. A guided one cannot be found again without its search.
std::optional<ShrunkFind> shrink_find(const Hunt& find, const std::vector<Scenario>& scenarios,
                                      const model::Mutant* mutant, const ZooOptions& options) {
  const auto scenario = std::ranges::find(scenarios, find.scenario, &Scenario::name);
  if (scenario == scenarios.end() || find.strategy == Strategy::guided) return std::nullopt;
  const Variation start = vary(find.strategy, *scenario, find.seed);
  const RunRecord record = try_run(start, mutant);
  ShrinkOptions wanted;
  wanted.mutant = mutant;
  for (const RunRecord::Failure& failure : record.failures)
    if (all_checks()[failure.check].id == mutant->meant_for) wanted.signature = failure.signature;
  if (wanted.signature.empty()) return std::nullopt;
  wanted.jobs = options.jobs;
  wanted.budget = options.shrink_budget;
  wanted.interrupted = options.interrupted;
  const auto begun = std::chrono::steady_clock::now();
  const double cpu_begun = cpu_seconds() + cpu_of_children();
  const Shrunk shrunk = shrink(start, wanted);
  if (!shrunk.reproduced || (options.interrupted && options.interrupted())) return std::nullopt;
  const shrinking::Size size = shrinking::size_of(shrunk.smallest.scenario);
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begun;
  const double cpu_s = cpu_seconds() + cpu_of_children() - cpu_begun;
  const auto fails_so = [&](const model::Mutant* hub) {
    return std::ranges::count(try_run(shrunk.smallest, hub).failures, wanted.signature,
                              &RunRecord::Failure::signature) > 0;
  };
  const bool same = fails_so(mutant) && !fails_so(nullptr);
  return ShrunkFind{find.mutant,   wanted.signature, size.faults, size.devices, size.messages,
                    spent.count(), cpu_s,            shrunk.runs, same,         shrunk.finished};
}

bool same_hunt(const Hunt& one, const Hunt& other) {
  return one.mutant == other.mutant && one.strategy == other.strategy && one.attempt == other.attempt;
}

}  // namespace

std::vector<Minimum> run_minima(const std::vector<Scenario>& minima) {
  std::vector<Minimum> all;
  for (const Scenario& scenario : minima) {
    const model::Mutant* mutant = model::find_mutant(scenario.name);
    if (mutant == nullptr) continue;
    Minimum& one = all.emplace_back();
    one.mutant = mutant->name;
    one.size = shrinking::size_of(scenario).all();
    const RunRecord right = try_run({scenario, 0, {}}, nullptr);
    for (const RunRecord::Failure& failure : try_run({scenario, 0, {}}, mutant).failures)
      if (std::ranges::count(right.failures, failure.signature, &RunRecord::Failure::signature) == 0)
        one.signatures.push_back(failure.signature);
  }
  return all;
}

ZooResult zoo(const std::vector<Scenario>& scenarios, const ZooOptions& options, std::ostream& progress) {
  const std::string work = options.state.empty() ? std::string{} : zoo_work(scenarios);
  ZooResult result = load_zoo(options.state, work);
  if (!result.wrong.empty()) return result;
  const auto keep = [&](const std::string& line) {
    if (options.state.empty()) return;
    std::ofstream file{options.state, std::ios::app};
    file << line;
    if (!file.flush()) result.wrong = "cannot write " + options.state;
  };
  std::error_code none;
  if (const auto size = std::filesystem::file_size(options.state, none); none || size == 0) keep(zoo_line(work));
  const auto stop = [&] { return !result.wrong.empty() || (options.interrupted && options.interrupted()); };

  std::deque<std::pair<Hunt, const model::Mutant*>> wanted;
  const auto want = [&](unsigned attempt, const model::Mutant* mutant, Strategy strategy) {
    Hunt hunt;
    hunt.mutant = name_of(mutant);
    hunt.strategy = strategy;
    hunt.attempt = attempt;
    if (std::ranges::none_of(result.hunts, [&](const Hunt& done) { return same_hunt(done, hunt); }))
      wanted.emplace_back(hunt, mutant);
  };
  for (unsigned attempt = 0; attempt < options.attempts; ++attempt) {
    if (!options.one_find) {
      for (const model::Mutant* mutant : options.mutants)
        for (const Strategy strategy : strategies_of(mutant, options)) want(attempt, mutant, strategy);
      continue;
    }
    // What the first strategy does not find is left to the next.
    for (std::size_t at = 0; at < strategy_names.size(); ++at)
      for (const model::Mutant* mutant : options.mutants)
        if (const auto& those = strategies_of(mutant, options); at < those.size()) want(attempt, mutant, those[at]);
  }
  const auto found_already = [&](const Hunt& hunt) {
    return options.one_find && std::ranges::any_of(result.hunts, [&](const Hunt& done) {
             return done.found && done.mutant == hunt.mutant;
           });
  };
  const std::size_t all = wanted.size();
  std::size_t done = 0;
  const double give_up = static_cast<double>(options.give_up.count()) * 1e-9;
  std::map<pid_t, Hunter> hunters;
  while (!hunters.empty() || (!wanted.empty() && !stop())) {
    while (!wanted.empty() && !stop() && hunters.size() < std::max(1U, options.jobs)) {
      const auto [hunt, mutant] = wanted.front();
      wanted.pop_front();
      if (found_already(hunt)) {
        ++done;
        continue;
      }
      Hunter hunter = send_out(hunt, scenarios, mutant, give_up);
      if (hunter.process <= 0) {
        result.wrong = "cannot start a process";
        break;
      }
      hunters[hunter.process] = hunter;
    }
    int status = 0;
    const pid_t ended = waitpid(-1, &status, 0);
    const auto found = hunters.find(ended);
    if (found == hunters.end()) continue;
    const Hunt hunt = come_back(found->second);
    hunters.erase(found);
    // One that was stopped from outside says nothing.
    if (WIFSIGNALED(status) && stop()) continue;
    keep(zoo_line(hunt));
    result.hunts.push_back(hunt);
    progress << ++done << "/" << all << "  " << hunt.mutant << " by " << name(hunt.strategy) << ": "
             << (hunt.found ? "found in " : "nothing in ") << hunt.runs << " runs, " << hunt.cpu_s << " s\n";
  }

  for (const model::Mutant* mutant : options.mutants) {
    if (mutant == nullptr || !options.shrinks || stop()) continue;
    if (std::ranges::count(result.shrunk, mutant->name, &ShrunkFind::mutant) > 0) continue;
    for (const Hunt& hunt : result.hunts) {
      if (hunt.mutant != mutant->name || !hunt.found) continue;
      const auto shrunk = shrink_find(hunt, scenarios, mutant, options);
      if (!shrunk) continue;
      keep(zoo_line(*shrunk));
      result.shrunk.push_back(*shrunk);
      progress << mutant->name << " shrunk to " << shrunk->faults << " faults, " << shrunk->devices
               << " devices, " << shrunk->messages << " messages in " << shrunk->seconds << " s\n";
      break;
    }
  }
  result.whole = wanted.empty() && !stop();
  return result;
}

}  // namespace hubproof::tools
