#include "tools/worker.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <new>

#include "conformance/check.hpp"
#include "model/bytes.hpp"
#include "sim/ensure.hpp"
#include "tools/search/state_coverage.hpp"
#include "tools/signature.hpp"

namespace hubproof::tools {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif
#else
constexpr bool sanitized = false;
#endif

constexpr rlim_t memory_limit = rlim_t{4} << 30;  // of address space, for one worker
constexpr std::size_t kept_errors = 8192;

std::int64_t clock_time(clockid_t clock) {
  timespec time{};
  if (clock_gettime(clock, &time) != 0) return 0;
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

bool write_all(int file, const void* data, std::size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = write(file, at, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    at += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

bool read_all(int file, void* data, std::size_t size) {
  char* at = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t got = read(file, at, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

// --- A record on its way through a pipe: length u32, then the fields ---

void write_record(model::Bytes& out, std::int64_t cpu_of_process, const RunRecord& record) {
  model::Writer writer{out};
  writer.u32(0);
  writer.i64(cpu_of_process);
  writer.u8(static_cast<std::uint8_t>(record.downfall));
  writer.u8(record.output_failed ? 1 : 0);
  writer.bytes32(model::view(record.how));
  writer.u64(record.digest);
  writer.u64(record.events);
  writer.i64(record.simulated);
  writer.i64(record.cpu);
  const conformance::MessageCounts& m = record.messages;
  for (const std::uint64_t count : {m.d2c_sent, m.d2c_acked, m.d2c_read, m.c2d_sent, m.c2d_received,
                                    m.c2d_settled, m.feedback})
    writer.u64(count);
  writer.u16(static_cast<std::uint16_t>(record.verdicts.size()));
  for (const conformance::Verdict verdict : record.verdicts)
    writer.u8(static_cast<std::uint8_t>(verdict));
  writer.u16(static_cast<std::uint16_t>(record.failures.size()));
  for (const RunRecord::Failure& failure : record.failures) {
    writer.u16(failure.check);
    writer.i64(failure.at);
    writer.u64(failure.event);
    writer.bytes32(model::view(failure.what));
    writer.bytes32(model::view(failure.signature));
  }
  writer.u64(record.fault_kinds);
  writer.u32(static_cast<std::uint32_t>(record.reached.size()));
  for (const std::uint32_t feature : record.reached) writer.u32(feature);
  for (const std::vector<Moment>* some : {&record.firsts, &record.moments}) {
    writer.u32(static_cast<std::uint32_t>(some->size()));
    for (const Moment& moment : *some) {
      writer.i64(moment.at);
      writer.u32(moment.node);
    }
  }
  writer.patch_u32(0, static_cast<std::uint32_t>(out.size() - 4));
}

RunRecord read_record(model::View bytes, std::int64_t& cpu_of_process) {
  model::Reader reader{bytes};
  RunRecord record;
  cpu_of_process = reader.i64();
  record.downfall = static_cast<Downfall>(reader.u8());
  record.output_failed = reader.u8() != 0;
  record.how = model::text(reader.bytes32());
  record.digest = reader.u64();
  record.events = reader.u64();
  record.simulated = reader.i64();
  record.cpu = reader.i64();
  conformance::MessageCounts& m = record.messages;
  for (std::uint64_t* count : {&m.d2c_sent, &m.d2c_acked, &m.d2c_read, &m.c2d_sent, &m.c2d_received,
                               &m.c2d_settled, &m.feedback})
    *count = reader.u64();
  record.verdicts.resize(reader.u16());
  for (conformance::Verdict& verdict : record.verdicts)
    verdict = static_cast<conformance::Verdict>(reader.u8());
  record.failures.resize(reader.u16());
  for (RunRecord::Failure& failure : record.failures) {
    failure.check = reader.u16();
    failure.at = reader.i64();
    failure.event = reader.u64();
    failure.what = model::text(reader.bytes32());
    failure.signature = model::text(reader.bytes32());
  }
  record.fault_kinds = reader.u64();
  record.reached.resize(reader.u32());
  for (std::uint32_t& feature : record.reached) feature = reader.u32();
  for (std::vector<Moment>* some : {&record.firsts, &record.moments}) {
    some->resize(reader.u32());
    for (Moment& moment : *some) {
      moment.at = reader.i64();
      moment.node = reader.u32();
    }
  }
  return record;
}

// --- In the worker ---

std::string current_line;  // what repeats the run under way, should it find hubproof broken

std::string current_reproduction() { return current_line; }

void have_accident(const Accidents& accidents, std::uint64_t seed) {
  if (accidents.crash == seed) std::abort();
  if (accidents.hang == seed)
    for (volatile std::uint64_t turns = 0;;) turns = turns + 1;
  if (accidents.hoard == seed) {
    std::vector<std::unique_ptr<char[]>> hoard;
    while (true) {
      hoard.emplace_back(new char[64u << 20]);
      hoard.back()[0] = 1;
    }
  }
}

RunRecord run_one(const WorkerPlan& plan, const Worker::Unit& unit) {
  const Scenario& base = (*plan.scenarios)[unit.scenario];
  current_line = reproduce_line(base, unit.seed, plan.command);
  RunRecord record;
  const std::int64_t begun = clock_time(CLOCK_PROCESS_CPUTIME_ID);
  try {
    have_accident(plan.accidents, unit.seed);
    std::optional<Variation> varied;
    if (plan.vary) varied = plan.vary(unit.number, unit.scenario, unit.seed);
    const Scenario& scenario = varied ? varied->scenario : base;
    RunOptions options;
    options.seed = varied ? varied->seed : unit.seed;
    options.mutant = plan.mutant;
    options.until = plan.until;
    options.steering = varied ? varied->steering : plan.steering;
    std::optional<StateCoverage> coverage;
    if (plan.coverage) {
      options.on_header = [&](const model::History& header) { coverage.emplace(header); };
      options.on_event = [&](const model::History&, const model::Event& event) { coverage->saw(event); };
    }
    options.deliberate_nondeterminism = plan.accidents.nondeterminism;
    Observer* observer = plan.observe ? plan.observe() : nullptr;
    if (observer != nullptr) observer->attach(options);
    const RunResult result = run(scenario, options);
    if (observer != nullptr) record.output_failed = !observer->finish();
    record.digest = result.digest;
    record.events = result.events;
    record.simulated = result.simulated.count();
    record.messages = result.report.messages;
    record.fault_kinds = result.fault_kinds;
    if (coverage) {
      record.reached = coverage->reached();
      record.firsts = coverage->firsts();
      record.moments = coverage->moments();
    }
    for (const conformance::Judged& judged : result.report.checks) {
      if (judged.finding.verdict == conformance::Verdict::fail)
        record.failures.push_back({static_cast<std::uint16_t>(record.verdicts.size()),
                                   judged.finding.at, judged.finding.event, judged.finding.text,
                                   signature_of(judged.id, judged.finding.witness,
                                                judged.finding.text, scenario)});
      record.verdicts.push_back(judged.finding.verdict);
    }
  } catch (const std::bad_alloc&) {
    record = RunRecord{};
    record.downfall = Downfall::out_of_memory;
    record.how = "the run needed more memory than it may have";
  } catch (const std::exception& error) {
    record = RunRecord{};
    record.downfall = Downfall::crashed;
    record.how = std::string{"an exception left the run: "} + error.what();
  }
  record.cpu = clock_time(CLOCK_PROCESS_CPUTIME_ID) - begun;
  return record;
}

void work(const WorkerPlan& plan, int commands, int results) {
  model::Bytes answer;
  Worker::Unit unit;
  while (read_all(commands, &unit, sizeof unit)) {
    const RunRecord record = run_one(plan, unit);
    answer.clear();
    write_record(answer, clock_time(CLOCK_PROCESS_CPUTIME_ID), record);
    if (!write_all(results, answer.data(), answer.size())) return;
    if (record.downfall != Downfall::none) return;  // what is left of the heap is not to be trusted
  }
}

}  // namespace

__attribute__((noinline)) void elsewhere(const std::function<void()>& what) {
  volatile char stack[12'345];
  stack[0] = 1;
  std::vector<std::unique_ptr<char[]>> heap;
  for (std::size_t size = 24; size < 9'000; size += 40) heap.emplace_back(new char[size]);
  for (std::size_t at = 0; at < heap.size(); at += 3) heap[at].reset();
  what();
  stack[1] = stack[0];
}

std::string reproduce_line(const Scenario& scenario, std::uint64_t seed, const std::string& command) {
  return "hubproof run " + (scenario.file.empty() ? scenario.name : scenario.file) + " --seed " +
         std::to_string(seed) + command;
}

Worker::Worker(const WorkerPlan& plan, const std::vector<int>& close_in_child) {
  std::array<std::array<int, 2>, 3> pipes{{{-1, -1}, {-1, -1}, {-1, -1}}};
  const auto close_all = [&] {
    for (const auto& ends : pipes)
      for (const int end : ends)
        if (end >= 0) close(end);
  };
  for (auto& ends : pipes) {
    if (pipe(ends.data()) != 0) {
      close_all();
      return;
    }
    for (const int end : ends) fcntl(end, F_SETFD, FD_CLOEXEC);
  }
  std::fflush(nullptr);  // or the child would write it again
  process_ = fork();
  if (process_ < 0) {
    close_all();
    return;
  }
  if (process_ == 0) {
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    signal(SIGINT, SIG_IGN);   // the parent decides when it is over
    signal(SIGPIPE, SIG_IGN);
    for (const int file : close_in_child) close(file);
    close(pipes[0][1]);
    close(pipes[1][0]);
    close(pipes[2][0]);
    dup2(pipes[2][1], STDERR_FILENO);
    close(pipes[2][1]);
    if (!sanitized) {
      const rlimit limit{memory_limit, memory_limit};
      setrlimit(RLIMIT_AS, &limit);
    }
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    sim::reproduce_with(current_reproduction);
    const auto begin = [&] { work(plan, pipes[0][0], pipes[1][1]); };
    if (plan.unlike) {
      elsewhere(begin);
    } else {
      begin();
    }
    std::exit(0);  // not _exit: coverage counters are written on the way out
  }
  close(pipes[0][0]);
  close(pipes[1][1]);
  close(pipes[2][1]);
  commands_ = pipes[0][1];
  results_ = pipes[1][0];
  errors_ = pipes[2][0];
  fcntl(results_, F_SETFL, O_NONBLOCK);
  fcntl(errors_, F_SETFL, O_NONBLOCK);
}

Worker::~Worker() {
  // Nothing more to do and nobody who listens: it leaves after the run that it is in. One that does
  // not is hung.
  if (commands_ >= 0) close(commands_);
  if (results_ >= 0) close(results_);
  for (int turn = 0; process_ > 0; ++turn) {
    int status = 0;
    const pid_t gone = waitpid(process_, &status, turn < 300 ? WNOHANG : 0);
    if (gone == process_ || (gone < 0 && errno != EINTR)) break;
    if (turn == 299) kill(process_, SIGKILL);
    if (errors_ >= 0) receive_errors();
    poll(nullptr, 0, turn < 20 ? 1 : 10);
  }
  if (errors_ >= 0) {
    receive_errors();
    close(errors_);
  }
  if (!error_text_.empty()) std::fprintf(stderr, "%s", error_text_.c_str());
}

bool Worker::send(const Unit& unit) {
  if (!write_all(commands_, &unit, sizeof unit)) return false;
  waiting_.push_back(unit);
  return true;
}

bool Worker::receive(const std::function<void(const Unit&, RunRecord&&)>& take) {
  bool alive = true;
  char buffer[65'536];
  while (true) {
    const ssize_t got = read(results_, buffer, sizeof buffer);
    if (got > 0) {
      received_.append(buffer, static_cast<std::size_t>(got));
      continue;
    }
    if (got < 0 && errno == EINTR) continue;
    alive = got < 0 && errno == EAGAIN;
    break;
  }
  std::size_t at = 0;
  while (received_.size() - at >= 4) {
    const model::View rest = model::view(received_).subspan(at);
    const std::uint32_t length = model::Reader{rest}.u32();
    if (rest.size() - 4 < length || waiting_.empty()) break;
    RunRecord record = read_record(rest.subspan(4, length), cpu_at_last_);
    at += 4 + length;
    const Unit unit = waiting_.front();
    waiting_.erase(waiting_.begin());
    if (record.downfall != Downfall::none) left_ = true;
    take(unit, std::move(record));
  }
  received_.erase(0, at);
  return alive;
}

void Worker::receive_errors() {
  char buffer[4096];
  for (ssize_t got; (got = read(errors_, buffer, sizeof buffer)) > 0;)
    if (error_text_.size() < kept_errors)
      error_text_.append(buffer, std::min(static_cast<std::size_t>(got), kept_errors - error_text_.size()));
}

std::int64_t Worker::cpu_of_run() const {
  clockid_t clock{};
  if (waiting_.empty() || clock_getcpuclockid(process_, &clock) != 0) return 0;
  return clock_time(clock) - cpu_at_last_;
}

void Worker::kill_as(Downfall why) {
  killed_as_ = why;
  kill(process_, SIGKILL);
}

RunRecord Worker::downfall() {
  int status = 0;
  while (waitpid(process_, &status, 0) < 0 && errno == EINTR) {
  }
  process_ = -1;
  receive_errors();
  RunRecord record;
  if (killed_as_ == Downfall::hung) {
    record.downfall = Downfall::hung;
    record.how = "the run came to no end within its CPU time";
  } else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
    record.downfall = Downfall::out_of_memory;
    record.how = "the run was killed from outside, as a system does that is out of memory";
  } else {
    record.downfall = Downfall::crashed;
    const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    record.how = signal != 0 ? std::string{"the run ended by signal SIG"} + sigabbrev_np(signal)
                             : "the run's process left with code " + std::to_string(WEXITSTATUS(status));
  }
  // The first line says what was broken, if it is ours; a sanitizer's has addresses in it.
  const std::string first = error_text_.substr(0, error_text_.find('\n'));
  if (first.starts_with("hubproof is broken")) record.how += "; " + first;
  if (!error_text_.empty()) std::fprintf(stderr, "%s", error_text_.c_str());
  error_text_.clear();
  if (!waiting_.empty()) waiting_.erase(waiting_.begin());
  return record;
}

}  // namespace hubproof::tools
