#include "tools/shrink/shrink.hpp"

#include <algorithm>
#include <set>

#include "tools/document.hpp"
#include "tools/run.hpp"
#include "tools/shrink/simplify.hpp"
#include "tools/shrink/trials.hpp"
#include "tools/spell_out.hpp"

namespace hubproof::tools {
namespace {

using namespace std::chrono_literals;
using namespace shrinking;
using Clock = std::chrono::steady_clock;

// What is owed within `settle`: a shorter one would make a failure of what was only not yet done.
bool liveness(const std::string& signature) {
  const std::string clause = clause_of(signature);
  return clause == "INV-23" || clause == "INV-24";
}

bool run_clause(const std::string& signature) { return signature.starts_with("RUN-"); }

class Shrinker {
 public:
  Shrinker(Variation start, const ShrinkOptions& options)
      : options_{options},
        end_{Clock::now() + options.budget},
        trials_{{options.mutant, options.signature, options.jobs, 2min,
                 [this] {
                   return Clock::now() >= end_ || (options_.interrupted && options_.interrupted());
                 },
                 [settle = start.scenario.settle](const std::string& signature, const Variation& variation) {
                   return liveness(signature) && variation.scenario.settle < settle;
                 }}} {
    result_.smallest = std::move(start);
  }

  Shrunk run() {
    Variation spelled = result_.smallest;
    spelled.scenario = with_single_devices(
        spell_out_faults(spelled.scenario, spelled.seed, spelled.steering));
    if (!adopt(1, [&](std::size_t) { return spelled; })) return finish();
    result_.reproduced = true;
    // A candidate does no more than what it was made from; much more time means that it hangs.
    if (!run_clause(options_.signature))
      trials_.cpu_limit(10 * std::chrono::nanoseconds{result_.record.cpu} + 2s);
    // What costs the most goes first: then the rest is quick.
    shorten();
    leave_out_families();
    leave_out_faults();
    leave_out_nodes();
    shorten();
    tell_loads();
    std::string before;
    for (std::string now = text(); now != before && !trials_.over(); now = text()) {
      before = now;
      leave_out_faults();
      leave_out_nodes();
      leave_out_messages();
      shorten();
      begin_earlier();
      ease_outages();
      leave_out_steering();
      simplify();
    }
    result_.finished = !trials_.over();
    return finish();
  }

 private:
  const Scenario& scenario() const { return result_.smallest.scenario; }
  std::string text() const { return write_scenario(scenario()); }

  Shrunk finish() {
    result_.runs = trials_.runs();
    result_.others = trials_.others();
    return std::move(result_);
  }

  // Takes the first of the candidates that fails as it should: its place among them.
  std::optional<std::size_t> adopt(std::size_t count, const Trials::Make& make) {
    auto found = trials_.first(count, make);
    if (!found) return std::nullopt;
    result_.smallest = std::move(found->variation);
    result_.record = std::move(found->record);
    if (options_.progress) options_.progress(size_of(scenario()), trials_.runs());
    return found->at;
  }
  std::optional<std::size_t> adopt_scenario(
      std::size_t count, const std::function<std::optional<Scenario>(std::size_t)>& make) {
    return adopt(count, [&](std::size_t at) -> std::optional<Variation> {
      auto smaller = make(at);
      if (!smaller) return std::nullopt;
      Variation variation = result_.smallest;
      variation.scenario = std::move(*smaller);
      return variation;
    });
  }

  // Delta debugging over a list: all of it, halves, and so on down to single entries, until none of
  // them can be left out.
  void leave_out(const std::function<std::size_t()>& count,
                 const std::function<Scenario(std::size_t begin, std::size_t end)>& without) {
    for (std::size_t chunk = std::max<std::size_t>(count(), 1);;) {
      bool any = false;
      for (std::size_t at = 0; at < count();) {
        const std::size_t chunks = (count() - at + chunk - 1) / chunk;
        const auto found = adopt_scenario(chunks, [&](std::size_t k) {
          const std::size_t begin = at + k * chunk;
          return without(begin, std::min(begin + chunk, count()));
        });
        if (!found) break;
        any = true;
        at += *found * chunk;
      }
      if (trials_.over() || count() == 0) return;
      if (chunk == 1 && !any) return;
      chunk = std::max<std::size_t>(1, std::min(chunk / 2, count() / 2));
    }
  }

  void leave_out_families() {
    std::set<sim::Family> families;
    for (const sim::Fault& fault : scenario().faults) families.insert(sim::family(fault.kind));
    for (const sim::Family family : families)
      adopt_scenario(1, [&](std::size_t) {
        Scenario smaller = scenario();
        std::erase_if(smaller.faults,
                      [&](const sim::Fault& fault) { return sim::family(fault.kind) == family; });
        return smaller;
      });
  }

  void leave_out_faults() {
    leave_out([this] { return scenario().faults.size(); },
              [this](std::size_t begin, std::size_t end) {
                Scenario smaller = scenario();
                const auto at = smaller.faults.begin();
                smaller.faults.erase(at + static_cast<std::ptrdiff_t>(begin),
                                     at + static_cast<std::ptrdiff_t>(end));
                return smaller;
              });
  }

  void leave_out_nodes() {
    leave_out([this] { return scenario().services.size() + scenario().devices.size(); },
              [this](std::size_t begin, std::size_t end) {
                std::vector<bool> gone(1 + scenario().services.size() + scenario().devices.size());
                std::fill(gone.begin() + 1 + static_cast<std::ptrdiff_t>(begin),
                          gone.begin() + 1 + static_cast<std::ptrdiff_t>(end), true);
                return without_nodes(scenario(), gone);
              });
  }

  // What was drawn becomes a list. The run is played here once more: it came to its end before.
  void tell_loads() {
    if (run_clause(options_.signature) || trials_.over()) return;
    RunOptions options;
    options.seed = result_.smallest.seed;
    options.mutant = options_.mutant;
    options.steering = result_.smallest.steering;
    options.keep_loads = true;
    const Scenario told = with_told_loads(scenario(), tools::run(scenario(), options).loads);
    adopt_scenario(1, [&](std::size_t) { return told; });
  }

  void leave_out_messages() {
    for (std::size_t device = 0; device < scenario().devices.size(); ++device)
      leave_out([&] { return scenario().devices[device].telemetry.at.size(); },
                [&](std::size_t begin, std::size_t end) {
                  Scenario smaller = scenario();
                  auto& at = smaller.devices[device].telemetry.at;
                  at.erase(at.begin() + static_cast<std::ptrdiff_t>(begin),
                           at.begin() + static_cast<std::ptrdiff_t>(end));
                  return smaller;
                });
    for (std::size_t service = 0; service < scenario().services.size(); ++service) {
      leave_out([&] { return scenario().services[service].commands.size(); },
                [&](std::size_t begin, std::size_t end) {
                  Scenario smaller = scenario();
                  auto& loads = smaller.services[service].commands;
                  loads.erase(loads.begin() + static_cast<std::ptrdiff_t>(begin),
                              loads.begin() + static_cast<std::ptrdiff_t>(end));
                  return smaller;
                });
      leave_out([&] { return scenario().services[service].registry.at.size(); },
                [&](std::size_t begin, std::size_t end) {
                  Scenario smaller = scenario();
                  auto& events = smaller.services[service].registry.at;
                  events.erase(events.begin() + static_cast<std::ptrdiff_t>(begin),
                               events.begin() + static_cast<std::ptrdiff_t>(end));
                  return smaller;
                });
    }
  }

  // The run as short as can be: first its end near the evidence, then halves.
  void shorten() {
    const auto failure = std::ranges::find(result_.record.failures, options_.signature,
                                           &RunRecord::Failure::signature);
    const sim::Duration evidence{failure == result_.record.failures.end() ? 0 : failure->at};
    const std::vector<sim::Duration> ends{evidence + 1s, evidence + 10s, evidence + 60s};
    adopt_scenario(ends.size(), [&](std::size_t at) -> std::optional<Scenario> {
      if (ends[at] >= scenario().duration || evidence.count() == 0) return std::nullopt;
      return with_duration(scenario(), ends[at]);
    });
    const auto halves = [&](auto&& shorter) {
      while (adopt_scenario(2, [&](std::size_t at) -> std::optional<Scenario> {
        return shorter(at == 0 ? 2 : 4);  // a half, or else three quarters
      })) {
      }
    };
    halves([&](int part) -> std::optional<Scenario> {
      if (scenario().duration <= 2s) return std::nullopt;
      const sim::Duration shorter = part == 2 ? scenario().duration / 2 : scenario().duration / 4 * 3;
      return with_duration(scenario(), shorter);
    });
    halves([&](int part) -> std::optional<Scenario> {
      if (scenario().settle <= 2s || liveness(options_.signature)) return std::nullopt;
      Scenario shorter = scenario();
      shorter.settle = part == 2 ? shorter.settle / 2 : shorter.settle / 4 * 3;
      return shorter;
    });
  }

  // Nothing happens before the first thing that is told.
  void begin_earlier() {
    const std::vector<sim::Duration> left{100ms, 1s, 5s, 20s};
    adopt_scenario(left.size(), [&](std::size_t at) -> std::optional<Scenario> {
      const sim::Duration first = first_time(scenario());
      if (first <= left[at] + 1s) return std::nullopt;
      return with_earlier_times(scenario(), first - left[at]);
    });
  }

  // Two outages of the same kind become one, and each as short as can be.
  void ease_outages() {
    for (std::size_t one = 0; one + 1 < scenario().faults.size(); ++one)
      for (std::size_t other = one + 1; other < scenario().faults.size();) {
        const bool merged = adopt_scenario(1, [&](std::size_t) -> std::optional<Scenario> {
                              const sim::Fault& first = scenario().faults[one];
                              const sim::Fault& second = scenario().faults[other];
                              if (first.kind != second.kind || first.nodes != second.nodes || !lasts(first.kind))
                                return std::nullopt;
                              Scenario smaller = scenario();
                              smaller.faults[one].from = std::min(first.from, second.from);
                              smaller.faults[one].until = std::max(first.until, second.until);
                              smaller.faults.erase(smaller.faults.begin() + static_cast<std::ptrdiff_t>(other));
                              return smaller;
                            }).has_value();
        if (!merged) ++other;
      }
    for (std::size_t fault = 0; fault < scenario().faults.size(); ++fault) {
      while (adopt_scenario(2, [&](std::size_t at) -> std::optional<Scenario> {
        Scenario smaller = scenario();
        sim::Fault& outage = smaller.faults[fault];
        const sim::Duration length = outage.until - outage.from;
        if (!lasts(outage.kind) || length < 100ms) return std::nullopt;
        if (at == 0) {
          outage.until = outage.from + length / 2;
        } else {
          outage.from += length / 2;
        }
        return smaller;
      })) {
      }
    }
  }

  void leave_out_steering() {
    const auto without = [&](auto list, std::size_t at) {
      Variation smaller = result_.smallest;
      auto& entries = smaller.steering.*list;
      entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(at));
      return smaller;
    };
    for (std::size_t at = 0; at < result_.smallest.steering.given.size();)
      if (!adopt(1, [&](std::size_t) { return without(&Steering::given, at); })) ++at;
    for (std::size_t at = 0; at < result_.smallest.steering.reseeds.size();)
      if (!adopt(1, [&](std::size_t) { return without(&Steering::reseeds, at); })) ++at;
  }

  // Figures back to their defaults, and round ones for the rest.
  void simplify() {
    for (std::size_t at = 0; !trials_.over();) {
      std::vector<Scenario> simpler = simpler_scenarios(scenario());
      if (liveness(options_.signature))
        std::erase_if(simpler, [&](const Scenario& one) { return one.settle < scenario().settle; });
      if (at >= simpler.size()) return;
      const auto found =
          adopt_scenario(simpler.size() - at, [&](std::size_t k) { return simpler[at + k]; });
      if (!found) return;
      at += *found;
    }
  }

  const ShrinkOptions& options_;
  Clock::time_point end_;
  Trials trials_;
  Shrunk result_;
};

}  // namespace

Shrunk shrink(Variation start, const ShrinkOptions& options) {
  return Shrinker{std::move(start), options}.run();
}

}  // namespace hubproof::tools
