// hubproof conform --device: the suite against somebody's device, through its adapter, or against our own.
#include <chrono>
#include <cstdio>
#include <ctime>

#include "model/mutants/mutant.hpp"
#include "tools/conform/render.hpp"
#include "tools/devices/live_device.hpp"
#include "tools/devices/own_device.hpp"
#include "tools/find_scenarios.hpp"
#include "tools/output.hpp"
#include "tools/connection_string.hpp"
#include "tools/verbs/verbs.hpp"

namespace hubproof::tools {
namespace {

int refuse(int code, const std::string& what) {
  std::fprintf(stderr, "hubproof conform --device: %s\n", what.c_str());
  return code;
}

std::string quoted(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    const bool plain = !word.empty() && word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,@%+") ==
                                            std::string::npos;
    line += line.empty() ? "" : " ";
    if (plain) {
      line += word;
      continue;
    }
    line += '\'';
    for (const char c : word) line += c == '\'' ? std::string{"'\\''"} : std::string{c};
    line += '\'';
  }
  return line;
}

}  // namespace

int conform_device_verb(const ConformArguments& arguments) {
  constexpr std::size_t most = 16u << 20;
  const bool own = arguments.command == std::vector<std::string>{"simulated"};
  if (!arguments.mutant.empty() && !own) return refuse(exit_usage, "--mutant: only what is simulated can be made wrong");
  if (!arguments.tls.empty() && own) return refuse(exit_usage, "--tls: what is simulated has no TLS");
  if (arguments.certified && !arguments.only.empty()) return refuse(exit_usage, "--certified: nothing may be left out by --only");
  if (!is_loopback({arguments.listen, 0}))
    return refuse(exit_usage, "--listen " + arguments.listen + ": only loopback addresses (127.0.0.1, ::1) are served by this version");

  ConformReport report;
  std::string problem;
  if (!arguments.known.empty()) {
    std::string json;
    if (!read_file(arguments.known, most, json, problem)) return refuse(exit_bad_input, problem);
    Problems problems;
    report.known = read_known(json, problems);
    if (!problems.empty()) {
      std::fprintf(stderr, "%s", problems_text(arguments.known, problems).c_str());
      return exit_bad_input;
    }
  }
  if (own && !arguments.profile.empty() && model::profile(arguments.profile) == nullptr)
    return refuse(exit_usage, "--profile: our own device is none of " + arguments.profile);
  const auto cases = chosen_device_cases(arguments.only);
  if (cases.empty()) return refuse(exit_usage, "--only: no case is called " + arguments.only + " (hubproof list cases names them)");
  if (!arguments.out.empty() && !make_folder("conform", arguments.out)) return exit_cannot_write;

  DevicePlay play;
  const Interruption interruption;
  if (own) {
    model::Rules rules = *model::profile(arguments.profile.empty() ? "iot-hub-2026" : arguments.profile);
    if (!arguments.mutant.empty()) model::find_mutant(arguments.mutant)->apply(rules);
    play = play_own_device(rules.device, arguments.seed, cases, {}, {.websocket = arguments.websocket});
  } else {
    ProgressLine line;
    const std::int64_t start = std::time(nullptr);
    LiveDevice device;
    std::unique_ptr<TlsContext> tls;
    if (!arguments.tls.empty()) {
      tls = device_tls(arguments.tls, arguments.listen, device.ca, problem);
      if (!tls) return refuse(exit_cannot_write, "no certificate in " + arguments.tls + ": " + problem);
      device.tls = tls.get();
    }
    device.command = arguments.command;
    device.host = arguments.listen;
    device.seed = arguments.seed;
    device.websocket = arguments.websocket;
    device.jobs = arguments.jobs;
    device.stop = [] { return Interruption::asked(); };
    device.on_progress = [&](std::size_t done) {
      Progress progress;
      progress.done = done;
      progress.total = cases.size();
      progress.elapsed = std::chrono::seconds{std::time(nullptr) - start};
      line.show(progress);
    };
    play = play_live(device, cases);
  }
  if (!play.unreachable.empty()) return refuse(exit_unreachable, play.unreachable);

  report.result.cases = std::move(play.cases);
  report.result.interrupted = Interruption::asked();
  report.target = own ? "--device simulated" : "--device";
  report.name = play.device.name + (play.device.version.empty() ? "" : " " + play.device.version);
  if (arguments.websocket) report.name += " within WebSockets";
  if (!own && play.device.protocol != conformance::devices::Protocol::mqtt)
    report.name += std::string{" over "} + conformance::devices::protocol_text(play.device.protocol);
  report.profile = play.device.hub ? "a device of an IoT hub" : "a client of MQTT 3.1.1";
  report.seed = arguments.seed;
  if (!arguments.mutant.empty()) report.options += " --mutant " + arguments.mutant;
  if (arguments.websocket) report.options += " --websocket";
  if (!arguments.tls.empty()) report.options += " --tls " + quoted({arguments.tls});
  if (arguments.listen != "127.0.0.1") report.options += " --listen " + arguments.listen;
  if (!own) report.command = " -- " + quoted(arguments.command);
  const std::string text = conform_text(report, false);
  const std::string json = conform_json(report);
  const std::string junit = conform_junit(report);
  if (!arguments.out.empty() &&
      !(write_file(arguments.out + "/conform.txt", text) && write_file(arguments.out + "/conform.json", json) &&
        write_file(arguments.out + "/conform.xml", junit) &&
        write_file(arguments.out + "/known.json", write_known(report.result, report.name))))
    return exit_cannot_write;
  const std::string& shown = arguments.format == Format::json    ? json
                             : arguments.format == Format::junit ? junit
                                                                 : conform_text(report, colour_wanted());
  if (!print(shown)) return exit_cannot_write;
  const conformance::Verdict verdict = verdict_of(report);
  if (report.result.interrupted && verdict != conformance::Verdict::fail) return exit_interrupted;
  return verdict == conformance::Verdict::fail           ? exit_fail
         : verdict == conformance::Verdict::inconclusive ? exit_inconclusive
                                                         : exit_pass;
}

}  // namespace hubproof::tools
