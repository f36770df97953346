#include "tools/campaign.hpp"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>

#include "model/bytes.hpp"
#include "tools/signature.hpp"
#include "tools/verify.hpp"

namespace hubproof::tools {
namespace {

using conformance::Level;
using conformance::Verdict;
using Clock = std::chrono::steady_clock;

constexpr std::size_t ahead = 2;           // units that a worker has at once, so that it never waits
constexpr std::uint64_t window = 100'000;  // runs that may be out of order

std::size_t own_checks() { return conformance::checks().size(); }

// One of two teams when every run is made twice: no process has both runs of a pair.
struct Team {
  std::vector<std::unique_ptr<Worker>> workers;
  std::deque<std::uint64_t> again;         // units of a worker that is gone
  std::uint64_t next = 0;
  std::map<std::uint64_t, RunRecord> done; // those that wait for an earlier one
};

class Campaign {
 public:
  Campaign(const WorkerPlan& plan, const CampaignOptions& options)
      : plan_{plan}, options_{options}, begun_{Clock::now()}, teams_(options.verify ? 2 : 1) {
    const std::uint64_t seeds = options_.last_seed - options_.first_seed + 1;
    const std::uint64_t scenarios = plan_.scenarios->size();
    units_ = seeds > ~std::uint64_t{0} / scenarios ? ~std::uint64_t{0} : seeds * scenarios;
    if (seeds == 0) units_ = ~std::uint64_t{0};
    for (const Scenario& scenario : *plan_.scenarios) result_.scenarios.push_back(result_for(scenario));
    result_.first_seed = options_.first_seed;
    result_.last_seed = options_.last_seed;
  }

  CampaignResult run() {
    signal(SIGPIPE, SIG_IGN);              // a worker may be gone when it gets its work
    while (result_.broken.empty() && !finished()) {
      ask_for_end();
      hand_out();
      wait();
      watch_cpu();
      take_in_order();
      tell_progress(false);
    }
    for (Team& team : teams_) team.workers.clear();
    if (result_.out_of_time || result_.interrupted) {
      const std::uint64_t scenarios = plan_.scenarios->size();
      result_.last_seed = options_.first_seed + (taken_ == 0 ? 0 : (taken_ - 1) / scenarios);
    }
    tell_progress(true);
    return std::move(result_);
  }

 private:
  Worker::Unit unit(std::uint64_t number) const {
    const std::uint64_t scenarios = plan_.scenarios->size();
    return {number, static_cast<std::uint32_t>(number % scenarios),
            options_.first_seed + number / scenarios};
  }

  bool finished() const { return taken_ >= end_ || taken_ >= units_; }

  // What was begun is finished, unless it takes long: whoever asks for an end wants to see it.
  void ask_for_end() {
    const Clock::time_point now = Clock::now();
    if (over_at_) {
      if (now - *over_at_ > std::chrono::seconds{2}) end_ = std::min(end_, taken_);
      return;
    }
    if (options_.interrupted && options_.interrupted()) {
      result_.interrupted = true;
    } else if (options_.budget && now - begun_ >= *options_.budget) {
      result_.out_of_time = true;
    } else {
      return;
    }
    over_at_ = now;
    std::uint64_t furthest = 0;
    for (const Team& team : teams_) furthest = std::max(furthest, team.next);
    end_ = std::min(end_, furthest);       // teams end with the same run
  }

  void hand_out() {
    for (std::size_t t = 0; t < teams_.size(); ++t) {
      Team& team = teams_[t];
      for (std::size_t depth = 1; depth <= ahead; ++depth)
        for (std::size_t w = 0; w < workers_of(t); ++w) {
          const auto number = next_of(team);
          if (!number) break;
          if (w >= team.workers.size()) team.workers.push_back(hire(t));
          Worker& worker = *team.workers[w];
          if (!worker.started()) return;
          if (worker.waiting().size() >= depth) continue;
          if (!worker.send(unit(*number))) continue;  // it is gone; wait() will hear of it
          if (!team.again.empty()) {
            team.again.pop_front();
          } else {
            ++team.next;
          }
        }
    }
  }
  std::size_t workers_of(std::size_t team) const {
    const unsigned jobs = std::max(1U, options_.jobs);
    if (teams_.size() == 1) return jobs;
    return std::max(1U, team == 0 ? (jobs + 1) / 2 : jobs / 2);
  }
  std::optional<std::uint64_t> next_of(const Team& team) const {
    if (!team.again.empty()) return team.again.front();
    if (team.next >= units_ || team.next >= end_ || team.next >= taken_ + window) return std::nullopt;
    return team.next;
  }

  std::unique_ptr<Worker> hire(std::size_t team) {
    std::vector<int> others;
    for (const Team& each : teams_)
      for (const auto& worker : each.workers)
        for (const int file : {worker->commands(), worker->results(), worker->errors()})
          if (file >= 0) others.push_back(file);
    WorkerPlan plan = plan_;
    plan.unlike = team == 1;
    auto worker = std::make_unique<Worker>(plan, others);
    if (!worker->started()) result_.broken = "cannot start a worker process";
    return worker;
  }

  void wait() {
    std::vector<pollfd> files;
    std::vector<std::pair<Team*, std::size_t>> owners;
    for (Team& team : teams_)
      for (std::size_t w = 0; w < team.workers.size(); ++w) {
        files.push_back({team.workers[w]->results(), POLLIN, 0});
        files.push_back({team.workers[w]->errors(), POLLIN, 0});
        owners.emplace_back(&team, w);
      }
    if (files.empty()) return;
    if (poll(files.data(), files.size(), 200) <= 0) return;
    for (std::size_t at = 0; at < owners.size(); ++at) {
      auto& [team, w] = owners[at];
      Worker& worker = *team->workers[w];
      if ((files[2 * at + 1].revents & POLLIN) != 0) worker.receive_errors();
      if (files[2 * at].revents == 0) continue;
      Team& own = *team;
      const auto take = [this, &own](const Worker::Unit& done, RunRecord&& record) {
        ++finished_;
        if (!record.failures.empty() || record.downfall != Downfall::none) ++failing_;
        own.done.emplace(done.number, std::move(record));
      };
      if (!worker.receive(take)) replace(*team, w);
    }
  }

  // A worker is gone. The run that it was in has its finding, and the rest goes on elsewhere.
  void replace(Team& team, std::size_t w) {
    Worker& worker = *team.workers[w];
    if (!worker.left() && !worker.waiting().empty()) {
      const Worker::Unit fallen = worker.waiting().front();
      ++finished_;
      ++failing_;
      team.done.emplace(fallen.number, worker.downfall());
    }
    for (const Worker::Unit& waiting : worker.waiting()) team.again.push_back(waiting.number);
    std::ranges::sort(team.again);
    team.workers[w] = hire(static_cast<std::size_t>(&team - teams_.data()));
  }

  void watch_cpu() {
    for (Team& team : teams_)
      for (const auto& worker : team.workers)
        if (worker->cpu_of_run() > options_.cpu_limit.count()) worker->kill_as(Downfall::hung);
  }

  void take_in_order() {
    while (taken_ < end_) {
      for (const Team& team : teams_)
        if (!team.done.contains(taken_)) return;
      const RunRecord record = std::move(teams_[0].done.extract(taken_).mapped());
      if (teams_.size() == 2) {
        const RunRecord other = std::move(teams_[1].done.extract(taken_).mapped());
        if (record.digest != other.digest || record.downfall != other.downfall) {
          const Worker::Unit twice = unit(taken_);
          result_.broken = explain_difference(plan_, twice, record, other);
          end_ = taken_;
          return;
        }
      }
      const std::uint64_t number = taken_++;
      if (take(unit(number), record) && options_.stop_at_first) end_ = taken_;
    }
  }

  bool take(const Worker::Unit& done, const RunRecord& record) {
    result_.last_digest = record.digest;
    if (record.output_failed) result_.output_failed = true;
    if (options_.on_run) options_.on_run(done.number, record);
    return result_.scenarios[done.scenario].add((*plan_.scenarios)[done.scenario], done.seed, record);
  }

  void tell_progress(bool last) {
    if (!options_.progress) return;
    const Clock::time_point now = Clock::now();
    if (!last && now - told_ < std::chrono::milliseconds{200}) return;
    told_ = now;
    const std::uint64_t each = teams_.size();
    const bool endless = units_ == ~std::uint64_t{0} || options_.budget;
    options_.progress({finished_ / each, endless ? 0 : units_, failing_ / each, now - begun_});
  }

  const WorkerPlan& plan_;
  const CampaignOptions& options_;
  CampaignResult result_;
  Clock::time_point begun_;
  Clock::time_point told_{};
  std::vector<Team> teams_;
  std::uint64_t units_ = 0;                // runs in all
  std::uint64_t end_ = ~std::uint64_t{0};  // no run from here on counts
  std::uint64_t taken_ = 0;                // runs that are in the result
  std::uint64_t finished_ = 0;
  std::uint64_t failing_ = 0;
  std::optional<Clock::time_point> over_at_;  // no new run begins
};

}  // namespace

const std::vector<conformance::About>& all_checks() {
  static const std::vector<conformance::About> all = [] {
    std::vector<conformance::About> list;
    for (const conformance::About* about : conformance::checks()) list.push_back(*about);
    list.push_back({"RUN-1", Level::must, "a run ends by itself: it does not crash", {}});
    list.push_back({"RUN-2", Level::must, "a run ends in bounded time: it does not hang", {}});
    list.push_back({"RUN-3", Level::must, "a run ends within its memory", {}});
    return list;
  }();
  return all;
}

Verdict ClauseCounts::verdict() const {
  if (fail > 0) return Verdict::fail;
  if (pass > 0) return Verdict::pass;
  return inconclusive > 0 ? Verdict::inconclusive : Verdict::not_exercised;
}

void ClauseCounts::add(Verdict verdict) {
  switch (verdict) {
    case Verdict::not_exercised: ++not_exercised; break;
    case Verdict::inconclusive: ++inconclusive; break;
    case Verdict::pass: ++pass; break;
    case Verdict::fail: ++fail; break;
  }
}

void ClauseCounts::operator+=(const ClauseCounts& other) {
  pass += other.pass;
  not_exercised += other.not_exercised;
  inconclusive += other.inconclusive;
  fail += other.fail;
}

Verdict verdict_of(const std::vector<ClauseCounts>& clauses) {
  bool passed = false;
  bool undecided = false;
  for (std::size_t check = 0; check < clauses.size(); ++check) {
    const Level level = all_checks()[check].level;
    if (level != Level::must && level != Level::limit) continue;
    const Verdict verdict = clauses[check].verdict();
    if (verdict == Verdict::fail) return Verdict::fail;
    passed = passed || verdict == Verdict::pass;
    undecided = undecided || verdict == Verdict::inconclusive;
  }
  return undecided ? Verdict::inconclusive : passed ? Verdict::pass : Verdict::not_exercised;
}

std::vector<ClauseCounts> CampaignResult::clauses() const {
  std::vector<ClauseCounts> sum(scenarios.empty() ? 0 : scenarios.front().clauses.size());
  for (const ScenarioResult& scenario : scenarios)
    for (std::size_t check = 0; check < sum.size(); ++check) sum[check] += scenario.clauses[check];
  return sum;
}

ScenarioResult result_for(const Scenario& scenario) {
  ScenarioResult result;
  result.name = scenario.name;
  result.file = scenario.file;
  result.clauses.resize(all_checks().size());
  return result;
}

bool ScenarioResult::add(const Scenario& scenario, std::uint64_t seed, const RunRecord& record) {
  ++runs;
  digest = model::mix(digest ^ record.digest) + runs;
  events += record.events;
  messages += record.messages;
  simulated += record.simulated;
  cpu += record.cpu;
  fault_kinds |= record.fault_kinds;
  bool failed = false;
  for (std::size_t check = 0; check < own_checks(); ++check)
    clauses[check].add(check < record.verdicts.size() ? record.verdicts[check] : Verdict::not_exercised);
  for (const RunRecord::Failure& failure : record.failures) {
    failures.push_back({seed, failure.check, failure.at, failure.event, failure.what, failure.signature,
                        record.events, {}});
    failed = failed || all_checks()[failure.check].level != Level::should;
  }
  for (std::size_t fall = 1; fall <= 3; ++fall) {
    const bool so = record.downfall == static_cast<Downfall>(fall);
    const std::size_t check = own_checks() + fall - 1;
    clauses[check].add(so ? Verdict::fail : Verdict::pass);
    if (so)
      failures.push_back({seed, check, 0, std::nullopt, record.how,
                          signature_of(all_checks()[check].id, conformance::no_witness, record.how, scenario),
                          0, {}});
    failed = failed || so;
  }
  if (failed) ++failing_runs;
  return failed;
}

std::vector<FailureGroup> groups_of(const CampaignResult& result) {
  std::vector<FailureGroup> groups;
  std::map<std::string_view, std::size_t> by_signature;
  for (std::size_t s = 0; s < result.scenarios.size(); ++s) {
    const std::vector<Failure>& failures = result.scenarios[s].failures;
    for (std::size_t f = 0; f < failures.size(); ++f) {
      const auto [found, fresh] = by_signature.emplace(failures[f].signature, groups.size());
      if (fresh) groups.push_back({s, f, 0});
      FailureGroup& group = groups[found->second];
      ++group.runs;
      const Failure& fastest = result.scenarios[group.scenario].failures[group.failure];
      if (failures[f].run_events < fastest.run_events) {
        group.scenario = s;
        group.failure = f;
      }
    }
  }
  return groups;
}

CampaignResult campaign(const WorkerPlan& plan, const CampaignOptions& options) {
  return Campaign{plan, options}.run();
}

}  // namespace hubproof::tools
