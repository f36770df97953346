// hubproof conform: the suite against somebody's hub or broker, or against our own in the simulator.
#include <cstdio>
#include <ctime>

#include "model/mutants/mutant.hpp"
#include "tools/conform/render.hpp"
#include "tools/find_scenarios.hpp"
#include "tools/output.hpp"
#include "tools/verbs/verbs.hpp"

namespace hubproof::tools {
namespace {

int refuse(int code, const std::string& what) {
  std::fprintf(stderr, "hubproof conform: %s\n", what.c_str());
  return code;
}

int wrong(const std::string& file, const Problems& problems) {
  std::fprintf(stderr, "%s", problems_text(file, problems).c_str());
  return exit_bad_input;
}

std::int64_t cpu_now() {
  timespec spent{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return std::int64_t{spent.tv_sec} * 1'000'000'000 + spent.tv_nsec;
}

int exit_of(conformance::Verdict verdict) {
  switch (verdict) {
    case conformance::Verdict::fail: return exit_fail;
    case conformance::Verdict::inconclusive: return exit_inconclusive;
    default: return exit_pass;
  }
}

constexpr std::size_t most = 16u << 20;

int described(const std::string& target, const ConformArguments& arguments, Descriptor& descriptor) {
  const std::string& profile = arguments.profile;
  std::string problem;
  if (target == "simulated") {
    descriptor = simulated_descriptor(profile);
  } else if (target.find("://") != std::string::npos) {
    auto bare = bare_descriptor(target, profile, problem);
    if (!bare) return refuse(exit_usage, target + ": " + problem);
    descriptor = std::move(*bare);
  } else {
    std::string json;
    if (!read_file(target, most, json, problem)) return refuse(exit_bad_input, problem + (arguments.more_instances.empty() ? "" : " (a COMMAND needs --device)"));
    Problems problems;
    descriptor = read_descriptor(json, profile, problems);
    if (!problems.empty()) return wrong(target, problems);
  }
  return exit_pass;
}

// Where two instances of one target differ; empty: no case would see it.
std::string differs(const Descriptor& one, const Descriptor& other) {
  if (one.target.profile != other.target.profile) return "/profile";
  if (!(one.target.can == other.target.can))
    return "what they can: their addresses, /restart, /has, /lacks, /policies or the keys of /devices";
  if (!(one.target.limits == other.target.limits)) return "/limits";
  if (one.target.node != other.target.node) return "/node";
  if (!std::ranges::equal(one.leave_out, other.leave_out, {}, &LeftOut::cases, &LeftOut::cases)) return "/leave_out";
  return {};
}

}  // namespace

int conform_verb(const ConformArguments& arguments) {
  if (arguments.device) return conform_device_verb(arguments);
  std::vector<Descriptor> instances(1 + arguments.more_instances.size());
  Descriptor& descriptor = instances.front();
  std::string problem;
  if (const int bad = described(arguments.target, arguments, descriptor); bad != exit_pass) return bad;
  for (std::size_t at = 1; at < instances.size(); ++at) {
    const std::string& file = arguments.more_instances[at - 1];
    if (const int bad = described(file, arguments, instances[at]); bad != exit_pass) return bad;
    if (const std::string where = differs(descriptor, instances[at]); !where.empty())
      return refuse(exit_bad_input, file + ": expected another instance of " + arguments.target + ", found a difference in " + where);
  }
  if (arguments.soak) return conform_soak_verb(arguments, descriptor);
  if (arguments.certified && !arguments.only.empty()) return refuse(exit_usage, "--certified: --only leaves cases out");
  if (const Problems why = uncertifiable(descriptor); arguments.certified && !why.empty()) return wrong(arguments.target, why);

  ConformReport report;
  if (!arguments.known.empty()) {
    std::string json;
    if (!read_file(arguments.known, most, json, problem)) return refuse(exit_bad_input, problem);
    Problems problems;
    report.known = read_known(json, problems);
    if (!problems.empty()) return wrong(arguments.known, problems);
  }
  if (!arguments.out.empty() && !make_folder("conform", arguments.out)) return exit_cannot_write;

  const model::Rules* of_profile = model::profile(descriptor.target.profile);
  model::Rules rules = of_profile != nullptr ? *of_profile : model::Rules{};
  if (!arguments.mutant.empty()) {
    if (of_profile == nullptr) return refuse(exit_usage, "--mutant: the zoo has no brokers of AMQP 1.0");
    if (!descriptor.simulated) return refuse(exit_usage, "--mutant: only what is simulated can be made wrong");
    model::find_mutant(arguments.mutant)->apply(rules);
  }
  const std::int64_t began = cpu_now();
  const Interruption interruption;
  ConformOptions options;
  options.only = arguments.only;
  options.seed = arguments.seed;
  options.rules = &rules;
  options.stop = [] { return Interruption::asked(); };
  ProgressLine line;
  const std::int64_t start = std::time(nullptr);
  options.on_progress = [&](std::size_t done, std::size_t of) {
    Progress progress;
    progress.done = done;
    progress.total = of;
    progress.elapsed = std::chrono::seconds{std::time(nullptr) - start};
    line.show(progress);
  };
  report.result = conform(instances, options);
  line.clear();
  if (!report.result.unreachable.empty())
    return refuse(exit_unreachable, report.result.unreachable + " (the target must be up, and speak what its address says)");
  if (report.result.cases.empty())
    return refuse(exit_usage, "--only: no case is called " + arguments.only + " (hubproof list cases names them)");

  report.target = arguments.target;
  report.name = descriptor.name;
  report.profile = descriptor.target.profile;
  report.certified = descriptor.certified || arguments.certified;
  report.seed = arguments.seed;
  if (!arguments.profile.empty()) report.options += " --profile " + arguments.profile;
  if (!arguments.mutant.empty()) report.options += " --mutant " + arguments.mutant;
  const std::string in_text = conform_text(report, false);
  const std::string json = conform_json(report);
  const std::string junit = conform_junit(report);
  if (!arguments.out.empty() &&
      !(write_file(arguments.out + "/conform.txt", in_text) && write_file(arguments.out + "/conform.json", json) &&
        write_file(arguments.out + "/conform.xml", junit) &&
        write_file(arguments.out + "/known.json", write_known(report.result, descriptor.name))))
    return exit_cannot_write;
  const std::string& shown = arguments.format == Format::json    ? json
                             : arguments.format == Format::junit ? junit
                                                                 : conform_text(report, colour_wanted());
  std::fprintf(stderr, "hubproof conform: %s of CPU time\n", span_text(cpu_now() - began).c_str());
  if (!print(shown)) return exit_cannot_write;
  if (report.result.interrupted && verdict_of(report) != conformance::Verdict::fail) return exit_interrupted;
  return exit_of(verdict_of(report));
}

}  // namespace hubproof::tools
