#include "tools/cli.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <thread>

#include "conformance/clause.hpp"
#include "model/mutants/mutant.hpp"
#include "model/rules.hpp"
#include "tools/conform/descriptor.hpp"
#include "tools/problem.hpp"
#include "tools/quantity.hpp"

namespace hubproof::tools {
namespace {

constexpr const char* later = "comes with a later version of hubproof";

// A text of an option as a value; what is wrong with it goes to CLI11, which names the option.
template <class T, class Read>
CLI::Option* value_option(CLI::App& app, const std::string& name, T& value, const char* metavar,
                          const std::string& about, Read read) {
  return app.add_option_function<std::string>(name, [&value, name, read](const std::string& text) {
        const std::string wrong = read(text, value);
        if (!wrong.empty()) throw CLI::ValidationError(name, wrong);
      }, about)->type_name(metavar);
}

std::string read_seed(const std::string& text, std::uint64_t& seed) {
  const auto read = read_whole(text);
  if (!read) return "expected a whole number, found \"" + text + "\"";
  seed = *read;
  return {};
}

std::string read_seeds(const std::string& text, std::pair<std::uint64_t, std::uint64_t>& seeds) {
  const std::size_t dots = text.find("..");
  const auto first = dots == std::string::npos ? std::optional<std::uint64_t>{0}
                                               : read_whole(text.substr(0, dots));
  const auto last = read_whole(dots == std::string::npos ? text : text.substr(dots + 2));
  if (!first || !last) return "expected N or A..B, found \"" + text + "\"";
  if (dots == std::string::npos && *last == 0) return "no seeds at all";
  seeds = {*first, dots == std::string::npos ? *last - 1 : *last};
  if (seeds.first > seeds.second) return "the first seed is above the last in \"" + text + "\"";
  return {};
}

std::string read_time(const std::string& text, std::optional<sim::Duration>& value) {
  const auto read = read_duration(text);
  if (!read || read->count() <= 0)
    return "expected a duration such as 90s or 1h30m, found \"" + text + "\"";
  value = *read;
  return {};
}

std::string read_jobs(const std::string& text, unsigned& jobs) {
  const auto read = read_whole(text);
  if (!read || *read < 1 || *read > 1024) return "expected a number from 1 to 1024, found \"" + text + "\"";
  jobs = static_cast<unsigned>(*read);
  return {};
}

void format_option(CLI::App& app, Format& format, bool junit) {
  value_option(app, "--format", format, junit ? "text|json|junit" : "text|json",
               "how the result is written (default: text)",
               [junit](const std::string& text, Format& chosen) -> std::string {
                 if (text == "text") return chosen = Format::text, "";
                 if (text == "json") return chosen = Format::json, "";
                 if (text == "junit" && junit) return chosen = Format::junit, "";
                 return "expected " + std::string{junit ? "text, json or junit" : "text or json"} +
                        ", found \"" + text + "\"";
               });
}

CLI::App* verb(CLI::App& app, const char* name, const char* sentence, const std::string& examples) {
  CLI::App* verb = app.add_subcommand(name, sentence);
  verb->footer("\nExamples:\n" + examples);
  return verb;
}

// Options that the contract knows and this version does not.
// The first word that looks like an option of the verb and is none.
std::optional<std::string> unknown_option(const CLI::App& verb, int argc, const char* const* argv) {
  std::vector<std::string> names;
  for (const CLI::Option* option : verb.get_options())
    if (!option->get_group().empty())  // those for tests are hidden
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  const std::vector<std::string_view> known{names.begin(), names.end()};
  for (int i = 1; i < argc; ++i) {
    const std::string_view word{argv[i]};
    const std::string_view name = word.substr(0, word.find('='));
    if (name.starts_with("--") && name.size() > 2 && !std::ranges::count(known, name))
      return "there is no option " + std::string{name} + did_you_mean(name, known);
  }
  return std::nullopt;
}

void refuse(CLI::App& app, const char* name, const char* metavar) {
  app.add_option_function<std::string>(name, [name](const std::string&) {
       throw CLI::ValidationError(name, later);
     })->type_name(metavar)->group("");
}

void profile_option(CLI::App& app, std::string& profile, const char* about) {
  value_option(app, "--profile", profile, "P", about, [](const std::string& text, std::string& name) {
    if (model::profile(text) != nullptr) return name = text, std::string{};
    return "there is no profile \"" + text + "\"; there are iot-hub-2026, iot-hub-2017 and mqtt-3.1.1";
  });
}

void target_profile_option(CLI::App& app, std::string& profile) {
  value_option(app, "--profile", profile, "P", "what it promises (default: as its descriptor says, or mqtt-3.1.1)",
               [](const std::string& text, std::string& name) {
                 if (conform_profile(text)) return name = text, std::string{};
                 return "there is no profile \"" + text + "\"; there are iot-hub-2026, iot-hub-2017, mqtt-3.1.1 and amqp-1.0";
               });
}

void mutant_option(CLI::App& app, std::string& mutant, const char* about) {
  value_option(app, "--mutant", mutant, "NAME", about, [](const std::string& text, std::string& name) {
    if (model::find_mutant(text) != nullptr) return name = text, std::string{};
    std::vector<std::string_view> known;
    for (const model::Mutant& each : model::mutants()) known.emplace_back(each.name);
    return "there is no mutant \"" + text + "\"" + did_you_mean(text, known) +
           " (hubproof list mutants names them)";
  });
}

void run_choice(CLI::App& app, RunChoice& run) {
  app.add_option("BUNDLE|SCENARIO", run.what, "a bundle, or file or name of a scenario")->required();
  value_option(app, "--seed", run.seed, "S", "which run of a scenario; a bundle has its own",
               [](const std::string& text, std::optional<std::uint64_t>& seed) {
                 seed.emplace();
                 return read_seed(text, *seed);
               });
  profile_option(app, run.profile, "as for run");
  mutant_option(app, run.mutant, "as for run");
}

// One of some names, or the error that tells them.
void name_option(CLI::App& app, const char* name, std::string& value, const char* metavar, const char* about,
                 std::vector<std::string_view> known) {
  value_option(app, name, value, metavar, about,
               [known = std::move(known), name](const std::string& text, std::string& chosen) {
                 if (std::ranges::count(known, text) > 0) return chosen = text, std::string{};
                 std::string all;
                 for (const std::string_view each : known) all += (all.empty() ? "" : ", ") + std::string{each};
                 return std::string{"there is no "} + (name + 2) + " \"" + text + "\"" + did_you_mean(text, known) +
                        "; there are " + all;
               });
}

void list_options(CLI::App& app, ListArguments& list) {
  app.add_option("WHAT", list.what, "scenarios, clauses, checks, faults, mutants or cases")
      ->required()
      ->check(CLI::IsMember({"scenarios", "clauses", "checks", "faults", "mutants", "cases"}));
  value_option(app, "--format", list.format, "text|json|markdown",
               "how the list is written (default: text; markdown: clauses only)",
               [&list](const std::string& text, Format& chosen) -> std::string {
                 list.markdown = text == "markdown";
                 if (text == "text" || list.markdown) return chosen = Format::text, "";
                 if (text == "json") return chosen = Format::json, "";
                 return "expected text, json or markdown, found \"" + text + "\"";
               });
  std::vector<std::string_view> chapters;
  for (const conformance::Chapter& chapter : conformance::chapters()) chapters.emplace_back(chapter.name);
  name_option(app, "--chapter", list.chapter, "CHAPTER", "only clauses whose id begins so: C2D, MQTT, mqtt311, ...",
              chapters);
  name_option(app, "--side", list.side, "SIDE", "only what binds hub, device, service or simulator",
              {"hub", "device", "service", "simulator"});
  name_option(app, "--level", list.level, "LEVEL", "only MUST, SHOULD, LIMIT or NOTE",
              {"MUST", "SHOULD", "LIMIT", "NOTE"});
  name_option(app, "--status", list.status, "STATUS", "only what is checked, tested, planned, unseen, outside or decided",
              {conformance::status_names.begin(), conformance::status_names.end()});
  app.final_callback([&list] {
    if (list.what == "clauses") return;
    if (list.markdown) throw CLI::ValidationError("--format", "only clauses come as markdown, not " + list.what);
    const std::pair<const char*, const std::string*> filters[] = {
        {"--chapter", &list.chapter}, {"--side", &list.side}, {"--level", &list.level}, {"--status", &list.status}};
    for (const auto& [name, value] : filters)
      if (!value->empty()) throw CLI::ValidationError(name, "it chooses among clauses, not " + list.what);
  });
}

unsigned cores() { return std::max(1U, std::thread::hardware_concurrency()); }

void run_options(CLI::App& app, RunArguments& run, std::pair<std::uint64_t, std::uint64_t>& seeds,
                 bool& endless) {
  app.add_option("SCENARIO", run.scenarios,
                 "files, folders or names of scenarios (default: all of scenarios/smoke)");
  CLI::Option* range = value_option(app, "--seeds", seeds, "N|A..B",
                                    "seeds 0 to N-1, or A to B (default: 10)", read_seeds);
  CLI::Option* one = value_option(app, "--seed", seeds, "S", "this seed only",
                                  [](const std::string& text, auto& both) {
                                    std::uint64_t seed = 0;
                                    const std::string wrong = read_seed(text, seed);
                                    both = {seed, seed};
                                    return wrong;
                                  });
  one->excludes(range);
  value_option(app, "--jobs", run.jobs, "J", "worker processes (default: one for each core)", read_jobs);
  value_option(app, "--budget", run.budget, "TIME",
               "begin no run after this time; without seeds, run as many as fit", read_time);
  profile_option(app, run.profile, "what the hub promises, whatever the scenario says");
  mutant_option(app, run.mutant, "a wrong hub, device or service (see: hubproof list mutants)");
  value_option(app, "--strategy", run.strategy, "random|swarm|pct|guided|exhaustive",
               "how runs differ from each other (default: random)",
               [](const std::string& text, Strategy& strategy) {
                 const auto found = std::ranges::find(strategy_names, text);
                 if (found == strategy_names.end())
                   return "there is no strategy \"" + text + "\"; there are random, swarm, pct, guided and exhaustive";
                 strategy = static_cast<Strategy>(found - strategy_names.begin());
                 return std::string{};
               });
  app.add_flag("--first", run.first, "stop at the first failure");
  app.add_flag("--verify", run.verify, "run each seed twice, in two processes, and compare");
  app.add_option("--out", run.out, "write the result there too, in every format")->type_name("DIR");
  format_option(app, run.format, true);
  app.final_callback([&run, &endless, range, one] {
    if (run.verify && run.strategy == Strategy::guided)
      throw CLI::ValidationError("--verify", "a guided search learns from its runs; verify a bundle's scenario instead");
    if (run.strategy == Strategy::exhaustive && (run.verify || range->count() + one->count() > 0))
      throw CLI::ValidationError("--strategy", "an exhaustive search has no seeds, and nothing to verify");
    endless = run.budget && range->count() == 0 && one->count() == 0;
  });

  // For tests: accidents in the run of one seed, and a process that is told apart by its address.
  const auto accident = [&app](const char* name, std::optional<std::uint64_t>& seed) {
    value_option(app, name, seed, "SEED", "", [](const std::string& text, auto& into) {
      std::uint64_t read = 0;
      const std::string wrong = read_seed(text, read);
      into = read;
      return wrong;
    })->group("");
  };
  accident("--test-crash", run.accidents.crash);
  accident("--test-hang", run.accidents.hang);
  accident("--test-memory", run.accidents.hoard);
  app.add_flag("--test-nondeterminism", run.accidents.nondeterminism)->group("");
  value_option(app, "--test-cpu-limit", run.cpu_limit, "TIME", "", read_time)->group("");
}

}  // namespace

Command read_command_line(int argc, const char* const* argv) {
  CLI::App app{"Proves, or breaks, the delivery promises of an IoT hub and of its devices.", "hubproof"};
  app.set_version_flag("--version", std::string{"hubproof "} + version);
  app.set_help_flag("-h,--help", "this text");
  app.get_formatter()->column_width(32);
  app.require_subcommand(1);
  app.footer("\nExamples:\n"
             "  hubproof run                           all of scenarios/smoke, 10 seeds each\n"
             "  hubproof run lossy-cellular --seed 7   one run\n"
             "  hubproof run --help                    options of a verb\n");

  RunArguments run;
  run.jobs = cores();
  std::pair<std::uint64_t, std::uint64_t> seeds{0, 9};
  bool endless = false;
  CLI::App* run_verb = verb(app, "run", "simulate and judge",
                            "  hubproof run --seeds 100\n"
                            "  hubproof run scenarios/smoke/lossy-cellular.json --seed 4711\n"
                            "  hubproof run --budget 60s --format json > result.json\n"
                            "  hubproof run --mutant ack-before-durable --first\n");
  run_options(*run_verb, run, seeds, endless);

  ReplayArguments replay;
  CLI::App* replay_verb = verb(app, "replay", "one run again, with its history and trace",
                               "  hubproof replay hubproof-failures/INV-01-hub-crash-loop-0.json\n"
                               "  hubproof replay lossy-cellular --seed 7 --history h.jsonl --trace t.txt\n");
  run_choice(*replay_verb, replay.run);
  replay_verb->add_option("--history", replay.history, "write what participants asked and saw, as JSON lines")
      ->type_name("FILE");
  replay_verb->add_option("--trace", replay.trace, "write all that the simulator did, line by line")
      ->type_name("FILE");
  value_option(*replay_verb, "--until", replay.until, "TIME", "stop there, in simulated time", read_time);
  format_option(*replay_verb, replay.format, false);
  refuse(*replay_verb, "--pcap", "FILE");
  refuse(*replay_verb, "--html", "FILE");

  ShrinkArguments shrink;
  shrink.jobs = cores();
  CLI::App* shrink_verb = verb(app, "shrink", "the smallest failure of the same clause",
                               "  hubproof shrink hubproof-failures/INV-01-hub-crash-loop-0.json --output small.json\n"
                               "  hubproof shrink hub-crash-loop --seed 0 --mutant ack-before-durable\n");
  run_choice(*shrink_verb, shrink.run);
  shrink_verb->add_option("--output", shrink.output,
                          "the bundle to write; a test goes beside it (default: SCENARIO-SEED-shrunk.json)")
      ->type_name("FILE");
  value_option(*shrink_verb, "--budget", shrink.budget, "TIME",
               "the best that is found in this time (default: 30s)",
               [](const std::string& text, sim::Duration& budget) {
                 std::optional<sim::Duration> read;
                 const std::string wrong = read_time(text, read);
                 budget = read.value_or(budget);
                 return wrong;
               });
  value_option(*shrink_verb, "--jobs", shrink.jobs, "J", "processes (default: one for each core)", read_jobs);

  JudgeArguments judge;
  CLI::App* judge_verb = verb(app, "judge", "judge a history from anywhere",
                              "  hubproof judge history.jsonl\n"
                              "  hubproof judge history.jsonl --profile iot-hub-2017 --format json\n");
  judge_verb->add_option("HISTORY", judge.history, "JSON lines, as `replay --history` writes them")
      ->required();
  profile_option(*judge_verb, judge.profile, "what was promised, whatever the history says");
  format_option(*judge_verb, judge.format, true);

  ListArguments list;
  CLI::App* list_verb = verb(app, "list", "what there is",
                             "  hubproof list mutants\n"
                             "  hubproof list clauses --chapter C2D --status planned\n"
                             "  hubproof list checks --format json\n");
  list_options(*list_verb, list);

  ServeArguments serve;
  CLI::App* serve_verb = verb(app, "serve", "be the hub, on real sockets",
                              "  hubproof serve --listen mqtt=127.0.0.1:1883 --store /tmp/hub --devices d0,d1\n");
  serve_verb->add_option("--listen", serve.listen,
                         "doors: mqtt, mqtts, amqp, amqps, http, https (default: mqtt=127.0.0.1:1883)")
      ->type_name("SCHEME=HOST:PORT,...")
      ->delimiter(',');
  serve_verb->add_option("--store", serve.store, "where the hub keeps what it must not forget")
      ->type_name("DIR");
  serve_verb->add_option("--tls", serve.tls,
                         "where ca.pem, the certificate and the keys are (default: the store)")
      ->type_name("DIR");
  serve_verb->add_option("--names", serve.names, "names of this host for its certificate, beside localhost")
      ->type_name("NAME,...")
      ->delimiter(',');
  profile_option(*serve_verb, serve.profile, "what the hub promises");
  mutant_option(*serve_verb, serve.mutant, "a wrong hub");
  serve_verb->add_option("--devices", serve.devices, "devices that exist from the start")
      ->type_name("NAME,...")
      ->delimiter(',');
  serve_verb->add_flag("--open", serve.open, "ask nobody for credentials (else: tokens and certificates)");
  serve_verb->add_option("--control", serve.control, "HTTP and JSON: what a back end does; faults, clock, end")
      ->type_name("HOST:PORT");
  serve_verb->add_option("--target", serve.target, "write there what conform needs to know: addresses, devices and keys")
      ->type_name("FILE");
  serve_verb->add_option("--routes", serve.routes, "endpoints and routes of telemetry, as a scenario's \"routing\"")
      ->type_name("FILE");
  serve_verb->add_option("--tier", serve.tier, "limits and the daily quota of a tier (default: none)")
      ->type_name("free|S1|S2|S3")
      ->check(CLI::IsMember({"free", "S1", "S2", "S3"}));
  serve_verb->add_option("--units", serve.units, "of the tier; limits grow with them (default: 1)")
      ->type_name("N")
      ->check(CLI::Range(1, 200));
  serve_verb->add_option("--history", serve.history, "write what the hub saw, as JSON lines; judge it at the end")
      ->type_name("FILE");
  serve_verb->add_option("--faults", serve.faults, "faults for live connections, as a scenario has them")
      ->type_name("FILE");
  value_option(*serve_verb, "--seed", serve.seed, "S", "of what faults leave to chance (default: 0)", read_seed);
  serve_verb->add_flag("--fault-properties", serve.fault_properties,
                       "telemetry with AzIoTHub_FaultOperationType brings its fault");

  ConformArguments conform;
  CLI::App* conform_verb = verb(app, "conform", "the suite against a hub, a broker or a device",
                                "  hubproof conform mqtt://127.0.0.1:1883\n"
                                "  hubproof conform mqtt://127.0.0.1:1883 --only 'mqtt/connect/*' --out findings\n"
                                "  hubproof conform broker.json --known known.json --format junit > conform.xml\n"
                                "  hubproof conform simulated --profile iot-hub-2026 --mutant older-connection-kept\n"
                                "  hubproof conform hub.json same-hub-2.json same-hub-3.json    three instances share the cases out\n"
                                "  hubproof conform broker.json --soak 10m --out findings\n"
                                "  hubproof conform --device -- python3 my_adapter.py\n"
                                "  hubproof conform --device simulated --mutant never-pings\n");
  std::vector<std::string> conform_words;
  conform_verb->add_option("TARGET", conform_words, "a descriptor file, SCHEME://HOST:PORT, or `simulated`; several are equal "
                           "instances of one target; with --device the COMMAND of an adapter, behind --, or `simulated`")->required();
  conform_verb->add_flag("--device", conform.device, "judge a device: hubproof plays its server");
  conform_verb->add_option("--listen", conform.listen, "with --device: the address of that server (default: 127.0.0.1)")
      ->type_name("HOST");
  conform_verb->add_option("--tls", conform.tls, "with --device: that server has TLS; ca.pem, the certificate and the keys are there")
      ->type_name("DIR");
  conform_verb->add_flag("--websocket", conform.websocket, "with --device: all cases within WebSockets, not only those about them");
  value_option(*conform_verb, "--jobs", conform.jobs, "J", "with --device: cases at a time (default: 4)", read_jobs);
  target_profile_option(*conform_verb, conform.profile);
  conform_verb->add_option("--only", conform.only, "cases whose names fit (hubproof list cases names them)")
      ->type_name("GLOB");
  value_option(*conform_verb, "--seed", conform.seed, "S", "of what cases leave to chance (default: 0)", read_seed);
  conform_verb->add_option("--known", conform.known, "failures that are known and do not count; one that passes fails")
      ->type_name("FILE");
  conform_verb->add_flag("--certified", conform.certified, "nothing may be left out");
  value_option(*conform_verb, "--soak", conform.soak, "TIME",
               "no cases: clients under load for so long, cut off and held up by a proxy, and restarts", read_time);
  mutant_option(*conform_verb, conform.mutant, "a wrong hub or device; only with `simulated`");
  conform_verb->add_option("--out", conform.out, "write the result there too, in every format, and failures as known ones")
      ->type_name("DIR");
  format_option(*conform_verb, conform.format, true);
  conform_verb->final_callback([&conform, &conform_words] {
    if (conform.soak && (conform.device || conform.certified || !conform.only.empty() || !conform.known.empty() || !conform.mutant.empty()))
      throw CLI::ValidationError("--soak", "goes with TARGET, --profile, --seed, --out and --format only");
    if (conform.device) {
      conform.command = conform_words;
    } else {
      conform.target = conform_words[0];
      conform.more_instances.assign(conform_words.begin() + 1, conform_words.end());
      const bool simulated = std::ranges::find(conform_words, "simulated") != conform_words.end();
      if (conform_words.size() > 1 && (simulated || conform.soak))
        throw CLI::ValidationError("TARGET", std::string{simulated ? "what is simulated" : "--soak"} + " has one, found " +
                                                 std::to_string(conform_words.size()));
    }
  });

  ProxyArguments proxy;
  CLI::App* proxy_verb = verb(app, "proxy", "faults between any client and any server",
                              "  hubproof proxy --listen mqtt=127.0.0.1:1884 --to mqtt=127.0.0.1:1883 --faults faults.json\n"
                              "  hubproof proxy --listen amqp=127.0.0.1:5673 --to amqp=127.0.0.1:5672 --pcap run.pcapng\n");
  proxy_verb->add_option("--listen", proxy.listen, "where clients come: mqtt, mqtts, amqp, amqps, http, https, tcp")
      ->type_name("SCHEME=HOST:PORT,...")
      ->delimiter(',')
      ->required();
  proxy_verb->add_option("--to", proxy.to, "where they are brought, one for each --listen")
      ->type_name("SCHEME=HOST:PORT,...")
      ->delimiter(',')
      ->required();
  proxy_verb->add_option("--faults", proxy.faults, "faults as a scenario has them, and at packets (default: none)")
      ->type_name("FILE");
  value_option(*proxy_verb, "--seed", proxy.seed, "S", "of what faults leave to chance (default: 0)", read_seed);
  proxy_verb->add_option("--clients", proxy.clients, "clients that faults speak of by name: MQTT client ids, devices")
      ->type_name("NAME,...")
      ->delimiter(',');
  proxy_verb->add_option("--history", proxy.history, "write what MQTT clients saw, as JSON lines for judge")
      ->type_name("FILE");
  profile_option(*proxy_verb, proxy.profile, "what the history says that the server promises");
  proxy_verb->add_option("--log", proxy.log, "write what became of each packet, as JSON lines")->type_name("FILE");
  proxy_verb->add_option("--pcap", proxy.pcap, "write both sides for Wireshark, as pcapng; within TLS, too")
      ->type_name("FILE");
  proxy_verb->add_option("--tls", proxy.tls, "where ca.pem, the certificate and the keys for clients are")
      ->type_name("DIR");
  proxy_verb->add_option("--names", proxy.names, "names of this host for its certificate, beside localhost")
      ->type_name("NAME,...")
      ->delimiter(',');
  proxy_verb->add_option("--trust", proxy.trust, "authorities of servers with TLS, as PEM (default: the system's)")
      ->type_name("FILE");

  ZooArguments zoo;
  zoo.jobs = cores();
  CLI::App* zoo_verb = verb(app, "zoo", "mutants against checks: the kill matrix",
                            "  hubproof zoo --state zoo.jsonl > reports/kill-matrix.md\n"
                            "  hubproof zoo --mutant two-live-locks --attempts 1 --strategy pct\n");
  zoo_verb->group("");
  zoo_verb->add_option("SCENARIO", zoo.scenarios,
                       "files, folders or names of scenarios (default: scenarios/smoke and scenarios/faults)");
  value_option(*zoo_verb, "--attempts", zoo.attempts, "N", "hunts for each mutant by each strategy (default: 5)",
               read_jobs);
  value_option(*zoo_verb, "--give-up", zoo.give_up, "TIME", "CPU time of one hunt (default: 60s)",
               [](const std::string& text, sim::Duration& value) {
                 std::optional<sim::Duration> read;
                 const std::string wrong = read_time(text, read);
                 value = read.value_or(value);
                 return wrong;
               });
  zoo_verb->add_option("--strategy", zoo.strategies, "only these (default: random and swarm; all for rare mutants)")
      ->type_name("NAME")
      ->check(CLI::IsMember({"random", "swarm", "pct", "guided"}));
  zoo_verb->add_option("--state", zoo.state, "keep there what this program did; a zoo that was stopped goes on")
      ->type_name("FILE");
  zoo_verb->add_flag("--no-shrinking", zoo.no_shrinking, "leave finds as they are");
  zoo_verb->add_flag("--shrinking", zoo.shrinking,
                     "reports/shrinking.md instead: what the first finds shrink to, beside scenarios/minima");
  value_option(*zoo_verb, "--jobs", zoo.jobs, "J", "processes", read_jobs);
  zoo_verb->add_option("--mutant", zoo.mutants, "only these")->type_name("NAME");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      app.exit(error);  // help, or the version
      return Done{exit_pass};
    }
    const CLI::App* asked = &app;
    for (const CLI::App* each : app.get_subcommands()) asked = each;
    const std::string path = asked == &app ? "hubproof" : "hubproof " + asked->get_name();
    std::string what = error.what();
    if (argc > 1 && asked == &app && argv[1][0] != '-') {
      std::vector<std::string_view> known{"run", "replay", "shrink", "conform", "serve", "proxy", "judge", "list"};
      what = "there is no verb \"" + std::string{argv[1]} + "\"" + did_you_mean(argv[1], known);
    } else if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
      what = unknown_option(*asked, argc, argv).value_or(what);
    }
    std::fprintf(stderr, "%s: %s\nTry: %s --help\n", path.c_str(), what.c_str(), path.c_str());
    return Done{exit_usage};
  }

  run.first_seed = seeds.first;
  run.last_seed = endless ? ~std::uint64_t{0} - 1 : seeds.second;
  if (*run_verb) return run;
  if (*replay_verb) return replay;
  if (*shrink_verb) return shrink;
  if (*judge_verb) return judge;
  if (*conform_verb) return conform;
  if (*list_verb) return list;
  if (*serve_verb) return serve;
  if (*proxy_verb) return proxy;
  return zoo;
}

}  // namespace hubproof::tools
