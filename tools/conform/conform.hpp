// The suite against one target: which cases are run, by which driver, and what is known then.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "model/amqp/queues.hpp"
#include "model/rules.hpp"
#include "tools/conform/descriptor.hpp"

namespace hubproof::tools {

struct CaseResult {
  const conformance::cases::Case* of = nullptr;
  std::string not_applicable;            // why; empty: it was run
  std::vector<conformance::cases::Outcome> outcomes;  // also what checks of histories found in its traffic
  std::vector<std::string_view> checked;  // clauses whose checks had something to judge in its traffic
  std::vector<std::string> transcript;   // of a case that did not pass
  model::Duration took{};                // by the clock of the target's side: in simulation it is simulated time
  std::string missing;                   // why it could not decide

  conformance::Verdict verdict() const;  // of all clauses together
};

struct ConformOptions {
  std::string only;                      // a pattern; empty: all
  std::uint64_t seed = 0;
  const model::Rules* rules = nullptr;   // of the simulated target, but for a broker of AMQP
  std::function<void(std::size_t done, std::size_t of)> on_progress;
  std::function<bool()> stop;            // asked now and then
};

struct ConformResult {
  std::vector<CaseResult> cases;         // in the order of the table
  std::string unreachable;               // the target was not to be reached at all
  bool interrupted = false;
};

// Several are equal instances of one target, at real sockets: they share the cases out among them.
ConformResult conform(const std::vector<Descriptor>& instances, const ConformOptions& options);
inline ConformResult conform(const Descriptor& descriptor, const ConformOptions& options) {
  return conform(std::vector{descriptor}, options);
}

// One case in a world of its own, in virtual time. `spoil` alters what the suite hears of the target, for
// tests of what a case finds wrong.
CaseResult run_simulated(const conformance::cases::Case& one, const Descriptor& descriptor, const model::Rules& rules,
                         std::uint64_t seed, const std::function<void(model::Bytes&)>& spoil = {});
// The same against our own broker of AMQP 1.0.
CaseResult run_simulated(const conformance::cases::Case& one, const Descriptor& descriptor, const model::amqp::QueueRules& rules,
                         std::uint64_t seed, const std::function<void(model::Bytes&)>& spoil = {});
// All of these against real sockets, side by side as far as they may. At several instances one begins with those that may,
// and the others with those that need their target for themselves.
void run_live(const std::vector<Descriptor>& instances, const ConformOptions& options, std::vector<CaseResult*> cases,
              std::string& unreachable);

// What a stage has come to.
CaseResult result_of(const conformance::cases::Stage& stage);

}  // namespace hubproof::tools
