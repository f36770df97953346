// The command line: its verbs, options, help and exit codes. CLI11 stays behind cli.cpp; a verb gets
// what was asked as plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sim/time.hpp"
#include "tools/render/render.hpp"
#include "tools/search/strategy.hpp"

namespace hubproof::tools {

// The contract's exit codes.
enum Exit : int {
  exit_pass = 0,
  exit_fail = 1,
  exit_inconclusive = 2,
  exit_usage = 64,
  exit_bad_input = 65,
  exit_unreachable = 69,
  exit_broken = 70,
  exit_cannot_write = 73,
  exit_interrupted = 130  // ^C, as shells have it
};

struct RunArguments {
  std::vector<std::string> scenarios;        // files, folders, names; empty: all of scenarios/smoke
  std::uint64_t first_seed = 0;
  std::uint64_t last_seed = 9;
  std::optional<sim::Duration> budget;       // of real time
  unsigned jobs = 1;
  std::string profile;
  std::string mutant;
  Strategy strategy = Strategy::random;
  bool first = false;
  bool verify = false;
  std::string out;
  Format format = Format::text;
  Accidents accidents;                       // hidden: for tests
  std::optional<sim::Duration> cpu_limit;    // hidden: for tests
};

struct RunChoice {                           // one run
  std::string what;                          // a bundle, or file or name of a scenario
  std::optional<std::uint64_t> seed;         // a bundle has its own
  std::string profile;
  std::string mutant;
};

struct ShrinkArguments {
  RunChoice run;
  std::string output;
  sim::Duration budget = std::chrono::seconds{30};  // of real time
  unsigned jobs = 1;
};

struct ReplayArguments {
  RunChoice run;
  std::string history;
  std::string trace;
  std::optional<sim::Duration> until;
  Format format = Format::text;
};

struct JudgeArguments {
  std::string history;
  std::string profile;
  Format format = Format::text;
};

struct ConformArguments {
  std::string target;                        // a descriptor file, SCHEME://HOST:PORT, or `simulated`
  std::vector<std::string> more_instances;   // of the same target
  bool device = false;                       // it is a device that is judged: by its adapter
  std::vector<std::string> command;          // of the adapter; `simulated`: our own device
  std::string listen = "127.0.0.1";          // where a device finds its server
  std::string tls;                           // of that server: where its certificates are; empty: no TLS
  bool websocket = false;                    // all cases of a device within WebSockets
  unsigned jobs = 4;                         // of a device: cases at a time
  std::string profile;
  std::string mutant;                        // of the simulated target
  std::string only;
  std::string out;
  std::string known;
  std::uint64_t seed = 0;
  bool certified = false;
  std::optional<sim::Duration> soak;         // so long, instead of the cases
  Format format = Format::text;
};

struct ListArguments {
  std::string what;
  Format format = Format::text;
  bool markdown = false;                     // of clauses: reports/traceability.md
  std::string chapter, side, level, status;  // of clauses: only these; empty: all
};

struct ServeArguments {
  bool open = false;  // asks nobody for credentials
  std::vector<std::string> listen;
  std::string store;
  std::string tls;
  std::vector<std::string> names;
  std::string profile;
  std::string mutant;
  std::vector<std::string> devices;
  std::string control;
  std::string target;
  std::string history;
  std::string routes;
  std::string faults;
  std::uint64_t seed = 0;
  bool fault_properties = false;
  std::string tier;
  std::uint32_t units = 1;
};

struct ProxyArguments {
  std::vector<std::string> listen;
  std::vector<std::string> to;
  std::vector<std::string> clients;
  std::string faults;
  std::uint64_t seed = 0;
  std::string history;
  std::string pcap;
  std::string log;
  std::string profile;
  std::string tls;
  std::vector<std::string> names;
  std::string trust;
};

struct ZooArguments {                        // hidden: the kill matrix
  std::vector<std::string> scenarios;
  unsigned attempts = 5;
  sim::Duration give_up = std::chrono::seconds{60};  // of CPU time
  std::vector<std::string> strategies;       // empty: random and swarm, and all for the rare ones
  std::string state;
  bool no_shrinking = false;
  bool shrinking = false;                    // the page of shrinking instead: one hunt each, by random
  unsigned jobs = 1;
  std::vector<std::string> mutants;
};

struct Done {                                // help was shown, or the command line was wrong
  int code = 0;
};

using Command = std::variant<Done, RunArguments, ReplayArguments, ShrinkArguments, JudgeArguments, ConformArguments,
                             ListArguments, ServeArguments, ProxyArguments, ZooArguments>;

// Help goes to standard output, what is wrong to standard error.
Command read_command_line(int argc, const char* const* argv);

}  // namespace hubproof::tools
