#include "tools/zoo.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <map>
#include <ostream>
#include <sstream>

#include "model/mutants/mutant.hpp"
#include "tools/run.hpp"

namespace hubproof::tools {
namespace {

double cpu_seconds() {
  timespec spent{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) * 1e-9;
}

constexpr std::string_view clean_hub = "clean";

Kill not_found(const model::Mutant* mutant) {
  if (mutant == nullptr) return {std::string{clean_hub}, "none", false, "-", 0, 0, 0, {}};
  return {mutant->name, mutant->meant_for, false, "-", 0, 0, 0, {}};
}

Kill hunt(const std::vector<Scenario>& scenarios, const model::Mutant* mutant, std::uint64_t seeds) {
  Kill kill = not_found(mutant);
  const double begun = cpu_seconds();
  for (std::uint64_t seed = 0; seed < seeds && !kill.found; ++seed) {
    for (const Scenario& scenario : scenarios) {
      RunOptions options;
      options.seed = seed;
      options.mutant = mutant;
      const RunResult result = run(scenario, options);
      ++kill.runs;
      for (const conformance::Judged& judged : result.report.checks) {
        if (judged.finding.verdict != conformance::Verdict::fail) continue;
        const std::string id{judged.id};
        if (!std::ranges::count(kill.checks, id)) kill.checks.push_back(id);
        if (mutant != nullptr && id == mutant->meant_for) {
          kill.found = true;
          kill.found_in = scenario.name;
          kill.seed = seed;
        }
      }
      if (kill.found) break;
    }
  }
  if (mutant == nullptr) kill.found = kill.checks.empty();
  kill.cpu_s = cpu_seconds() - begun;
  return kill;
}

// One line of words, because it travels through a pipe from a process that may die.
std::string to_line(const Kill& kill) {
  std::ostringstream line;
  line << kill.mutant << ' ' << kill.meant_for << ' ' << kill.found << ' '
       << kill.found_in << ' ' << kill.seed << ' ' << kill.runs << ' '
       << kill.cpu_s;
  for (const std::string& check : kill.checks) line << ' ' << check;
  return line.str();
}

bool from_line(const std::string& text, Kill& kill) {
  std::istringstream line{text};
  line >> kill.mutant >> kill.meant_for >> kill.found >> kill.found_in >> kill.seed >> kill.runs >>
      kill.cpu_s;
  if (!line) return false;
  for (std::string check; line >> check;) kill.checks.push_back(check);
  return true;
}

bool clean(const Kill& kill) { return kill.mutant == clean_hub; }

std::string verdict(const Kill& kill) {
  if (clean(kill)) return kill.found ? "no check failed" : "a check FAILED";
  return (kill.found ? "found by " : "NOT found by ") + kill.meant_for;
}

struct Hunter {
  pid_t process = 0;
  int answer = -1;
  std::size_t mutant = 0;
};

}  // namespace

std::vector<Kill> zoo(const std::vector<Scenario>& scenarios, const ZooOptions& options,
                      std::ostream& progress) {
  std::vector<Kill> kills(options.mutants.size());
  std::map<pid_t, Hunter> hunters;
  std::size_t next = 0;
  std::size_t done = 0;
  while (done < kills.size()) {
    while (next < kills.size() && hunters.size() < std::max(1U, options.jobs)) {
      int ends[2];
      if (pipe(ends) != 0) return kills;
      const pid_t child = fork();
      if (child < 0) return kills;
      if (child == 0) {
        close(ends[0]);
        const std::string line = to_line(hunt(scenarios, options.mutants[next], options.seeds));
        const bool told = write(ends[1], line.data(), line.size()) ==
                          static_cast<ssize_t>(line.size());  // far less than a pipe holds
        std::exit(told ? 0 : 1);  // not _exit: coverage counters are written on the way out
      }
      close(ends[1]);
      hunters[child] = {child, ends[0], next++};
    }
    int status = 0;
    const pid_t ended = waitpid(-1, &status, 0);
    const auto found = hunters.find(ended);
    if (found == hunters.end()) continue;
    std::string text;
    char buffer[4096];
    for (ssize_t got; (got = read(found->second.answer, buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<std::size_t>(got));
    close(found->second.answer);
    Kill& kill = kills[found->second.mutant];
    if (!from_line(text, kill)) {
      kill = not_found(options.mutants[found->second.mutant]);
      kill.checks = {"RUN-1"};
    }
    hunters.erase(found);
    ++done;
    progress << done << "/" << kills.size() << "  " << kill.mutant << ": " << verdict(kill) << "\n";
  }
  return kills;
}

std::string kill_matrix(const std::vector<Kill>& kills, const std::string& command) {
  std::ostringstream page;
  const auto hunted = std::ranges::count_if(kills, [](const Kill& kill) { return !clean(kill); });
  const auto found =
      std::ranges::count_if(kills, [](const Kill& kill) { return kill.found && !clean(kill); });
  page << "# Kill matrix\n\nMade by `" << command << "`.\n\n"
       << "Each row is a wrong hub, device or service: the right one with one named defect. It counts as\n"
       << "found when the check meant for it fails; other checks that failed in the same runs stand beside.\n"
       << "CPU seconds and runs are those to the first find, over the scenarios in turn, seed by seed. The\n"
       << "row `" << clean_hub << "` is the right hub, under which no check may fail.\n\n"
       << found << " of " << hunted << " found.\n\n"
       << "| mutant | meant for | found | runs | CPU s | scenario, seed | also failed |\n"
       << "| --- | --- | --- | ---: | ---: | --- | --- |\n";
  for (const Kill& kill : kills) {
    const char* yes = clean(kill) ? "quiet" : "yes";
    const char* no = clean(kill) ? "**alarm**" : "**no**";
    page << "| " << kill.mutant << " | " << kill.meant_for << " | " << (kill.found ? yes : no)
         << " | " << kill.runs << " | ";
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%.3f", kill.cpu_s);
    page << seconds << " | ";
    if (kill.found && !clean(kill)) page << kill.found_in << ", " << kill.seed;
    page << " | ";
    bool first = true;
    for (const std::string& check : kill.checks) {
      if (check == kill.meant_for) continue;
      page << (first ? "" : ", ") << check;
      first = false;
    }
    page << " |\n";
  }
  std::map<std::string, std::vector<std::string>> by_check;
  for (const Kill& kill : kills)
    if (kill.found && !clean(kill)) by_check[kill.meant_for].push_back(kill.mutant);
  page << "\n## By check\n\n| check | mutants that it found |\n| --- | --- |\n";
  for (const auto& [check, mutants] : by_check) {
    page << "| " << check << " | ";
    for (std::size_t i = 0; i < mutants.size(); ++i) page << (i == 0 ? "" : ", ") << mutants[i];
    page << " |\n";
  }
  return page.str();
}

}  // namespace hubproof::tools
