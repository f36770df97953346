#include "tools/shrink/trials.hpp"

#include <poll.h>

#include <algorithm>
#include <iterator>
#include <list>
#include <memory>
#include <utility>

#include "tools/save_bundles.hpp"
#include "tools/signature.hpp"

namespace hubproof::tools::shrinking {
namespace {

// A process costs as much as some runs of a small scenario: one plays as many candidates as fit into this time.
constexpr std::int64_t batch_time = 50'000'000;  // ns of CPU
constexpr std::int64_t most_of_a_batch = 64;

struct Candidate {
  std::size_t at = 0;
  Variation variation;
};

struct Running {
  std::vector<Candidate> batch;  // in order
  std::size_t done = 0;          // of them
  std::unique_ptr<Worker> worker;

  Candidate& first() { return batch[done]; }  // of those that it waits for
  bool over() const { return done == batch.size(); }
};

std::unique_ptr<Worker> hire(const std::vector<Candidate>& batch, const model::Mutant* mutant, const std::list<Running>& others) {
  std::vector<Scenario> scenarios;
  for (const Candidate& one : batch) scenarios.push_back(one.variation.scenario);
  WorkerPlan plan;
  plan.scenarios = &scenarios;  // the worker has its own copy of everything
  plan.mutant = mutant;
  plan.vary = [&](std::uint64_t, std::uint32_t which, std::uint64_t) { return batch[which].variation; };
  std::vector<int> files;
  for (const Running& one : others)
    for (const int file : {one.worker->commands(), one.worker->results(), one.worker->errors()}) files.push_back(file);
  auto worker = std::make_unique<Worker>(plan, files);
  bool ready = worker->started();
  for (std::uint32_t which = 0; ready && which < batch.size(); ++which)
    ready = worker->send({batch[which].at, which, batch[which].variation.seed});
  return ready ? std::move(worker) : nullptr;
}

// What failed in a run, downfalls included.
std::vector<std::string> signatures_of(const RunRecord& record, const Scenario& scenario) {
  std::vector<std::string> all;
  for (const RunRecord::Failure& failure : record.failures) all.push_back(failure.signature);
  if (record.downfall != Downfall::none) all.push_back(signature_of_downfall(record, scenario));
  return all;
}

}  // namespace

std::string clause_of(const std::string& signature) {
  const std::size_t end = signature.find(": ");
  return signature.substr(0, std::min(signature.find(' '), end));
}

void Trials::run_all(std::size_t count, const Make& make, const Take& take) {
  std::list<Running> running;
  std::vector<Candidate> again;  // of a process that did not come to them
  std::size_t next = 0;
  std::size_t wanted = count;  // candidates before it
  const auto begin_more = [&] {
    const std::size_t free = std::max(1U, settings_.jobs) - running.size();
    if (free == 0 || over()) return;
    std::vector<Candidate> some = std::exchange(again, {});
    std::erase_if(some, [&](const Candidate& one) { return one.at >= wanted; });
    std::ranges::sort(some, {}, &Candidate::at);
    while (some.size() < free * batch_ && next < wanted) {
      const std::size_t at = next++;
      if (auto variation = make(at)) some.push_back({at, std::move(*variation)});
    }
    // Dealt out in turn, so that they are run in about their order.
    std::vector<std::vector<Candidate>> batches(std::min(free, some.size()));
    for (std::size_t n = 0; n < some.size(); ++n) batches[n % batches.size()].push_back(std::move(some[n]));
    for (std::vector<Candidate>& batch : batches)
      if (auto worker = hire(batch, settings_.mutant, running)) running.push_back({std::move(batch), 0, std::move(worker)});
  };
  const auto ended = [&](Running& in, const RunRecord& record) {
    const Candidate& one = in.batch[in.done++];
    ++runs_;
    if (record.cpu > 0) batch_ = static_cast<std::size_t>(std::clamp<std::int64_t>(batch_time / record.cpu, 1, most_of_a_batch));
    bool same = false;
    for (const std::string& signature : signatures_of(record, one.variation.scenario)) {
      if (signature == settings_.signature)
        same = record.events <= settings_.most_events;
      else
        others_.emplace(signature, one.variation);
    }
    if (!take(one.at, one.variation, record, same)) wanted = std::min(wanted, one.at);
  };

  for (begin_more(); !running.empty(); begin_more()) {
    std::vector<pollfd> files;
    for (const Running& one : running) {
      files.push_back({one.worker->results(), POLLIN, 0});
      files.push_back({one.worker->errors(), POLLIN, 0});
    }
    poll(files.data(), files.size(), 100);
    for (auto one = running.begin(); one != running.end();) {
      one->worker->receive_errors();
      const bool alive = one->worker->receive([&](const Worker::Unit&, RunRecord&& record) { ended(*one, record); });
      if (!alive && !one->over() && !one->worker->left()) ended(*one, one->worker->downfall());
      if (alive && !one->over()) {
        if (one->first().at <= wanted && !over()) {
          if (one->worker->cpu_of_run() > settings_.cpu_limit.count()) one->worker->kill_as(Downfall::hung);
          ++one;
          continue;
        }
        one->worker->kill_as(Downfall::none);
      } else if (!one->over()) {
        again.insert(again.end(), std::make_move_iterator(one->batch.begin() + static_cast<std::ptrdiff_t>(one->done)),
                     std::make_move_iterator(one->batch.end()));
      }
      one = running.erase(one);
    }
  }
}

std::optional<Trials::Found> Trials::first(std::size_t count, const Make& make) {
  std::optional<Found> best;
  run_all(count, make, [&](std::size_t at, const Variation& variation, const RunRecord& record, bool same) {
    if (same && (!best || at < best->at)) best = Found{at, variation, record};
    return !same;
  });
  return best;
}

std::vector<bool> Trials::outcomes(std::size_t count, const Make& make) {
  std::vector<bool> failed(count);
  std::size_t told = 0;
  run_all(count, make, [&](std::size_t at, const Variation&, const RunRecord&, bool same) {
    failed[at] = same;
    ++told;
    return true;
  });
  if (over() && told < count) failed.clear();
  return failed;
}

}  // namespace hubproof::tools::shrinking
