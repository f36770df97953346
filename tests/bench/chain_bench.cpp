// The figures of design section 9, on Google Benchmark. The counters carry them:
//   messages_per_cpu_second, bytes_per_idle_device, simulated_to_real, runs_per_core_minute.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <ctime>

#include "tests/bench/fleet.hpp"

namespace {

using namespace hubproof;
using namespace std::chrono_literals;

double cpu_seconds() {
  timespec spent{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) * 1e-9;
}

void messages(benchmark::State& state) {
  const auto devices = static_cast<std::uint32_t>(state.range(0));
  const std::int64_t seconds = std::max<std::int64_t>(20, 1'000'000 / state.range(0));
  const tools::Scenario scenario = bench::fleet(devices, 1s, std::chrono::seconds{seconds});
  double spent = 0;
  double acknowledged = 0;
  for (auto _ : state) {
    const double before = cpu_seconds();
    const tools::RunResult result = tools::run(scenario, {});
    spent += cpu_seconds() - before;
    acknowledged += static_cast<double>(result.report.messages.d2c_acked);
  }
  state.counters["messages_per_cpu_second"] = acknowledged / spent;
}
BENCHMARK(messages)->Arg(1'000)->Arg(100'000)->Iterations(1)->Unit(benchmark::kMillisecond);

// Both ends of a connected, idle device, and its registration: the peak of the heap in use over a
// run, less what a run without devices takes.
void idle_device(benchmark::State& state) {
  const auto devices = static_cast<std::uint32_t>(state.range(0));
  double bytes = 0;
  for (auto _ : state) {
    tools::Scenario scenario = bench::fleet(devices, 0s, 60s);
    std::size_t most = 0;
    const std::size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    tools::RunOptions options;
    options.on_event = [&](const model::History&, const model::Event& event) {
      if (event.what == model::What::finished) most = mallinfo2().uordblks + mallinfo2().hblkhd;
    };
    tools::run(scenario, options);
    bytes = static_cast<double>(most - before) / devices;
  }
  state.counters["bytes_per_idle_device"] = bytes;
}
BENCHMARK(idle_device)->Arg(10'000)->Iterations(1)->Unit(benchmark::kMillisecond);

void simulated_time(benchmark::State& state) {
  const tools::Scenario scenario = bench::fleet(1'000, 60s, 6h);
  double spent = 0;
  double simulated = 0;
  for (auto _ : state) {
    const double before = cpu_seconds();
    const tools::RunResult result = tools::run(scenario, {});
    spent += cpu_seconds() - before;
    simulated += static_cast<double>(result.simulated.count()) * 1e-9;
  }
  state.counters["simulated_to_real"] = simulated / spent;
}
BENCHMARK(simulated_time)->Iterations(1)->Unit(benchmark::kMillisecond);

void short_runs(benchmark::State& state) {
  tools::Scenario scenario = bench::fleet(10, 1s, 60s);
  scenario.settle = 120s;
  scenario.services.emplace_back();
  const auto at = [](auto time) { return sim::Instant{} + time; };
  const auto fault = [&](sim::FaultKind kind, sim::Duration from, sim::Duration until) {
    sim::Fault one;
    one.kind = kind;
    one.from = at(from);
    one.until = at(until);
    return one;
  };
  scenario.faults.push_back(fault(sim::FaultKind::drop, 5s, 25s));
  scenario.faults.back().loss.good = {1, 20};
  scenario.faults.push_back(fault(sim::FaultKind::partition, 30s, 40s));
  scenario.faults.back().nodes = {sim::NodeId{3}, sim::NodeId{4}};
  scenario.faults.push_back(fault(sim::FaultKind::process_crash, 45s, 50s));
  scenario.faults.back().nodes = {tools::hub_node};
  double spent = 0;
  std::uint64_t seed = 0;
  for (auto _ : state) {
    const double before = cpu_seconds();
    tools::RunOptions options;
    options.seed = seed++;
    benchmark::DoNotOptimize(tools::run(scenario, options).digest);
    spent += cpu_seconds() - before;
  }
  state.counters["runs_per_core_minute"] = 60.0 * static_cast<double>(seed) / spent;
}
BENCHMARK(short_runs)->Iterations(200)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
