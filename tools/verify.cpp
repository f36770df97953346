#include "tools/verify.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "tools/render/render.hpp"

namespace hubproof::tools {
namespace {

// Writes each record as a line into a pipe. When nobody reads any more, that ends the process.
class LineSink final : public sim::TraceSink {
 public:
  LineSink(std::FILE* out, const std::vector<std::string>& names) : out_{out}, names_{names} {}
  void saw(const sim::Record& record) override {
    const std::string line = trace_line(record, names_) + "\n";
    std::fwrite(line.data(), 1, line.size(), out_);
  }

 private:
  std::FILE* out_;
  const std::vector<std::string>& names_;
};

// A process that runs the unit with its trace going into a pipe; the other end, or null.
std::FILE* trace_of(const WorkerPlan& plan, const Worker::Unit& unit, bool unlike, pid_t& process) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) return nullptr;
  std::fflush(nullptr);
  process = fork();
  if (process == 0) {
    close(ends[0]);
    const Scenario& scenario = (*plan.scenarios)[unit.scenario];
    const std::vector<std::string> names = node_names(scenario);
    std::FILE* out = fdopen(ends[1], "w");
    LineSink sink{out, names};
    RunOptions options;
    options.seed = unit.seed;
    options.mutant = plan.mutant;
    options.until = plan.until;
    options.deliberate_nondeterminism = plan.accidents.nondeterminism;
    options.trace = &sink;
    const auto once_more = [&] { run(scenario, options); };
    if (unlike) {
      elsewhere(once_more);
    } else {
      once_more();
    }
    std::fclose(out);
    std::exit(0);
  }
  close(ends[1]);
  return process < 0 ? nullptr : fdopen(ends[0], "r");
}

bool next_line(std::FILE* in, std::string& line) {
  line.clear();
  for (int c; (c = std::fgetc(in)) != EOF;) {
    if (c == '\n') return true;
    line += static_cast<char>(c);
  }
  return !line.empty();
}

void end(std::FILE* trace, pid_t process) {
  if (trace != nullptr) std::fclose(trace);
  int status = 0;
  if (process > 0)
    while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
    }
}

}  // namespace

std::string trace_line(const sim::Record& record, const std::vector<std::string>& names) {
  const auto node = static_cast<std::size_t>(record.node);
  const auto kind = static_cast<unsigned>(record.kind);
  std::string what{sim::name(record.kind)};
  if (what.empty()) what = "program " + std::to_string(kind - static_cast<unsigned>(sim::Kind::program0));
  return "t=" + seconds_text(record.time.time_since_epoch().count()) + "s  event " +
         std::to_string(record.order) + "  " + (node < names.size() ? names[node] : "-") + "  " + what +
         "  a=" + std::to_string(record.a) + " b=" + std::to_string(record.b) +
         (record.bytes.empty() ? "" : "  " + std::to_string(record.bytes.size()) + " bytes") +
         "  payload " + hex_text(record.payload);
}

std::string explain_difference(const WorkerPlan& plan, const Worker::Unit& unit, const RunRecord& first,
                               const RunRecord& second) {
  const Scenario& scenario = (*plan.scenarios)[unit.scenario];
  std::string text = "two runs of " + scenario.name + " with seed " + std::to_string(unit.seed) +
                     " differ: digests " + hex_text(first.digest) + " and " + hex_text(second.digest);
  if (first.downfall != Downfall::none || second.downfall != Downfall::none)
    return text + "\n  one of them ended early: " + (first.how.empty() ? second.how : first.how);

  std::array<pid_t, 2> processes{-1, -1};
  const std::array<std::FILE*, 2> traces{trace_of(plan, unit, false, processes[0]),
                                         trace_of(plan, unit, true, processes[1])};
  std::string found;
  if (traces[0] != nullptr && traces[1] != nullptr) {
    std::array<std::string, 2> lines;
    std::string before;
    while (true) {
      const bool more0 = next_line(traces[0], lines[0]);
      const bool more1 = next_line(traces[1], lines[1]);
      if (!more0 && !more1) break;
      if (more0 && more1 && lines[0] == lines[1]) {
        before = lines[0];
        continue;
      }
      found = "\n  the first event that differs:\n    " + (more0 ? lines[0] : "(the run was over)") +
              "\n    " + (more1 ? lines[1] : "(the run was over)");
      if (!before.empty()) found += "\n  it came after\n    " + before;
      break;
    }
  }
  for (std::size_t i = 0; i < 2; ++i) end(traces[i], processes[i]);
  if (found.empty())
    found = "\n  run twice more with traces, all events were equal: what differs is outside of them";
  return text + found + "\n  reproduce: " +
         reproduce_line(scenario, unit.seed, plan.command + " --verify");
}

}  // namespace hubproof::tools
