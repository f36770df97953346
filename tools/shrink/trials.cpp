#include "tools/shrink/trials.hpp"

#include <poll.h>

#include <algorithm>
#include <list>
#include <memory>

#include "tools/save_bundles.hpp"
#include "tools/signature.hpp"

namespace hubproof::tools::shrinking {
namespace {

struct Running {
  std::size_t at = 0;
  Variation variation;
  std::unique_ptr<Worker> worker;
};

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
  std::size_t next = 0;
  std::size_t wanted = count;  // candidates before it
  const auto begin_more = [&] {
    while (running.size() < std::max(1U, settings_.jobs) && next < wanted && !over()) {
      const std::size_t at = next++;
      auto variation = make(at);
      if (!variation) continue;
      const std::vector<Scenario> scenarios{variation->scenario};
      WorkerPlan plan;
      plan.scenarios = &scenarios;  // the worker has its own copy of everything
      plan.mutant = settings_.mutant;
      plan.steering = variation->steering;
      std::vector<int> others;
      for (const Running& one : running)
        for (const int file : {one.worker->commands(), one.worker->results(), one.worker->errors()})
          others.push_back(file);
      auto worker = std::make_unique<Worker>(plan, others);
      if (!worker->started() || !worker->send({at, 0, variation->seed})) continue;
      ++runs_;
      running.push_back({at, std::move(*variation), std::move(worker)});
    }
  };
  const auto ended = [&](const Running& one, const RunRecord& record) {
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
      std::optional<RunRecord> done;
      one->worker->receive_errors();
      const bool alive = one->worker->receive(
          [&](const Worker::Unit&, RunRecord&& record) { done = std::move(record); });
      if (!done && !alive) done = one->worker->downfall();
      if (done) {
        ended(*one, *done);
      } else if (one->at > wanted || over()) {
        one->worker->kill_as(Downfall::none);
      } else {
        if (one->worker->cpu_of_run() > settings_.cpu_limit.count())
          one->worker->kill_as(Downfall::hung);
        ++one;
        continue;
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
