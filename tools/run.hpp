// One run: scenario and seed to digest, findings and, when asked for, history and trace.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "conformance/judge.hpp"
#include "model/history.hpp"
#include "sim/trace.hpp"
#include "tools/load_event.hpp"
#include "tools/scenario.hpp"
#include "tools/steering.hpp"

namespace hubproof::model {
struct Mutant;
}

namespace hubproof::tools {

struct RunOptions {
  std::uint64_t seed = 0;
  const model::Mutant* mutant = nullptr;
  Steering steering;                                   // choices that the seed does not make
  bool keep_choices = false;                           // RunResult::choices
  bool keep_loads = false;                             // RunResult::loads
  std::optional<sim::Duration> until;                  // stop early (replay --until)
  bool deliberate_nondeterminism = false;              // test-only hook: --verify must catch it
  std::function<void(sim::Choices& choices)> on_choices;  // test-only hook: who else may draw, before it begins
  sim::TraceSink* trace = nullptr;                     // all that happened
  // The history as it grows: first the header (no events), then each event.
  std::function<void(const model::History& header)> on_header;
  std::function<void(const model::History& header, const model::Event& event)> on_event;
};

struct RunResult {
  std::uint64_t digest = 0;
  std::uint64_t events = 0;                            // of the scheduler
  sim::Duration simulated{};
  conformance::Report report;
  std::uint64_t fault_kinds = 0;                       // bit n: a fault of FaultKind n began
  std::vector<sim::Choice> choices;                    // every decision, in order, when asked for
  std::vector<LoadEvent> loads;                        // what applications did, when asked for
};

RunResult run(const Scenario& scenario, const RunOptions& options);

}  // namespace hubproof::tools
