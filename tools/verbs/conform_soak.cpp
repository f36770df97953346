// hubproof conform --soak: clients, faults and restarts at somebody's broker, and what the judge says of it.
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "tools/conform/soak.hpp"
#include "tools/output.hpp"
#include "tools/verbs/verbs.hpp"

namespace hubproof::tools {
namespace {

int refuse(int code, const std::string& what) {
  std::fprintf(stderr, "hubproof conform --soak: %s\n", what.c_str());
  return code;
}

// A file that goes when it is read, if nobody wants to keep it.
struct Kept {
  std::string path;
  bool keep = false;
  ~Kept() {
    std::error_code ignored;
    if (!keep && !path.empty()) std::filesystem::remove(path, ignored);
  }
};

}  // namespace

int conform_soak_verb(const ConformArguments& arguments, const Descriptor& descriptor) {
  if (const std::string why = why_no_soak(descriptor); !why.empty()) return refuse(exit_usage, arguments.target + ": " + why);
  if (!arguments.out.empty() && !make_folder("conform", arguments.out)) return exit_cannot_write;
  std::error_code error;
  const std::string folder = arguments.out.empty() ? std::filesystem::temp_directory_path(error).string() : arguments.out;
  Kept history{folder + (arguments.out.empty() ? "/hubproof-soak-" + std::to_string(getpid()) : "/soak") + ".jsonl", !arguments.out.empty()};

  const Interruption interruption;
  SoakOptions options;
  options.length = *arguments.soak;
  options.seed = arguments.seed;
  options.history = history.path;
  options.stop = [] { return Interruption::asked(); };
  ProgressLine line;
  options.on_progress = [&](sim::Duration done) {
    Progress progress;
    progress.done = static_cast<std::uint64_t>(done / std::chrono::seconds{1});
    progress.total = static_cast<std::uint64_t>(options.length / std::chrono::seconds{1});
    progress.elapsed = done;
    line.show(progress);
  };
  const SoakResult result = soak(descriptor, options);
  line.clear();
  if (!result.unreachable.empty())
    return refuse(exit_unreachable, result.unreachable + " (the target must be up, and speak what its address says)");
  if (!result.problem.empty()) return refuse(exit_cannot_write, result.problem);
  std::fprintf(stderr,
               "hubproof conform: %llu messages published, %llu received over %llu connections; %llu faults, %llu restarts; "
               "at the end %zu clients were away\n",
               static_cast<unsigned long long>(result.published), static_cast<unsigned long long>(result.received),
               static_cast<unsigned long long>(result.connections), static_cast<unsigned long long>(result.faults),
               static_cast<unsigned long long>(result.restarts), result.absent);
  if (result.failed_restarts > 0) return refuse(exit_unreachable, "the restart command of the descriptor failed: " + descriptor.restart);
  JudgeArguments judge;
  judge.history = history.path;
  judge.format = arguments.format;
  return judge_verb(judge);
}

}  // namespace hubproof::tools
