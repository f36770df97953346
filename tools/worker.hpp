// One run in a process of its own, and what comes back from it. A crash, a hang or an exhausted
// memory ends the worker, not the campaign.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "conformance/judge.hpp"
#include "tools/run.hpp"
#include "tools/search/state_coverage.hpp"
#include "tools/variation.hpp"

namespace hubproof::tools {

// Why a run has no report.
enum class Downfall : std::uint8_t { none, crashed, hung, out_of_memory };

// What a campaign keeps of one run.
struct RunRecord {
  struct Failure {
    std::uint16_t check = 0;               // into conformance::checks()
    std::int64_t at = 0;
    std::uint64_t event = 0;
    std::string what;
    std::string signature;                 // (signature.hpp)
  };
  Downfall downfall = Downfall::none;
  std::string how;                         // of the downfall
  std::uint64_t digest = 0;
  std::uint64_t events = 0;
  std::int64_t simulated = 0;              // ns
  std::int64_t cpu = 0;                    // ns
  conformance::MessageCounts messages;
  std::vector<conformance::Verdict> verdicts;  // by check
  std::vector<Failure> failures;
  std::uint64_t fault_kinds = 0;           // bit n: a fault of FaultKind n began
  std::vector<std::uint32_t> reached;      // features (search/state_coverage.hpp), when asked for
  std::vector<Moment> firsts;              // when each was reached first
  std::vector<Moment> moments;             // and these
  bool output_failed = false;              // what was to be written on the way could not be
};

// What somebody wants to see of a run besides its result; lives in the worker.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void attach(RunOptions& options) = 0;
  virtual bool finish() = 0;               // false: it could not write
};

// Deliberate accidents, for tests only: of the run with this seed.
struct Accidents {
  std::optional<std::uint64_t> crash, hang, hoard;
  bool nondeterminism = false;
};

struct WorkerPlan {
  const std::vector<Scenario>* scenarios = nullptr;
  const model::Mutant* mutant = nullptr;
  std::optional<sim::Duration> until;
  Steering steering;                       // of every run
  std::string command;                     // options of the command that started it, for reproduction
  std::function<Variation(std::uint64_t number, std::uint32_t scenario, std::uint64_t seed)> vary;  // null: as it is
  bool coverage = false;                   // RunRecord::reached and moments
  std::function<Observer*()> observe;      // null: nobody looks; called in the worker
  Accidents accidents;
  bool unlike = false;                     // addresses differ from those of its siblings (--verify)
};

// Does it with other addresses of stack and heap than this process has, so that a run which depends
// on them shows it.
void elsewhere(const std::function<void()>& what);

std::string reproduce_line(const Scenario& scenario, std::uint64_t seed, const std::string& command);

// A worker as its parent sees it. Work goes in, records come out, in the same order.
class Worker {
 public:
  struct Unit {
    std::uint64_t number = 0;              // the campaign's own; comes back with the record
    std::uint32_t scenario = 0;
    std::uint64_t seed = 0;
  };

  explicit Worker(const WorkerPlan& plan, const std::vector<int>& close_in_child);
  ~Worker();                               // closes its work and waits for its end
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  bool started() const { return process_ > 0; }
  bool send(const Unit& unit);
  const std::vector<Unit>& waiting() const { return waiting_; }  // the first is being run
  int results() const { return results_; }                       // becomes readable; poll for it
  int errors() const { return errors_; }
  int commands() const { return commands_; }

  // What has come. False: the worker is gone; then, unless it left(), ask downfall().
  bool receive(const std::function<void(const Unit&, RunRecord&&)>& take);
  bool left() const { return left_; }      // by itself, after a record that told a downfall
  void receive_errors();
  std::int64_t cpu_of_run() const;         // so far, of the run under way
  void kill_as(Downfall why);
  // After its end: why, for the first of waiting(), which is taken off.
  RunRecord downfall();

 private:
  pid_t process_ = -1;
  int commands_ = -1;
  int results_ = -1;
  int errors_ = -1;
  std::vector<Unit> waiting_;
  std::string received_;
  std::string error_text_;
  Downfall killed_as_ = Downfall::none;
  bool left_ = false;
  std::int64_t cpu_at_last_ = 0;
};

}  // namespace hubproof::tools
