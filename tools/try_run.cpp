#include "tools/try_run.hpp"

#include <poll.h>

namespace hubproof::tools {

RunRecord try_run(const Variation& variation, const model::Mutant* mutant,
                  std::chrono::nanoseconds cpu_limit) {
  const std::vector<Scenario> scenarios{variation.scenario};
  WorkerPlan plan;
  plan.scenarios = &scenarios;
  plan.mutant = mutant;
  plan.steering = variation.steering;
  Worker worker{plan, {}};
  RunRecord record;
  if (!worker.started() || !worker.send({0, 0, variation.seed})) {
    record.downfall = Downfall::crashed;
    record.how = "cannot start a worker process";
    return record;
  }
  bool done = false;
  while (!done) {
    pollfd files[2] = {{worker.results(), POLLIN, 0}, {worker.errors(), POLLIN, 0}};
    poll(files, 2, 200);
    if ((files[1].revents & POLLIN) != 0) worker.receive_errors();
    const bool alive = worker.receive([&](const Worker::Unit&, RunRecord&& one) {
      record = std::move(one);
      done = true;
    });
    if (done) break;
    if (!alive) return worker.downfall();
    if (worker.cpu_of_run() > cpu_limit.count()) worker.kill_as(Downfall::hung);
  }
  return record;
}

}  // namespace hubproof::tools
