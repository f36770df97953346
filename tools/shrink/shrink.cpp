#include "tools/shrink/shrink.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "tools/document.hpp"
#include "tools/run.hpp"
#include "tools/shrink/simplify.hpp"
#include "tools/shrink/trials.hpp"
#include "tools/signature.hpp"
#include "tools/spell_out.hpp"
#include "tools/try_run.hpp"

namespace hubproof::tools {
namespace {

using namespace std::chrono_literals;
using namespace shrinking;
using Clock = std::chrono::steady_clock;

constexpr std::size_t many = 16;  // messages
constexpr std::size_t few = 4;    // devices
constexpr std::uint64_t any_events = ~std::uint64_t{0};

bool run_clause(const std::string& signature) { return signature.starts_with("RUN-"); }

class Shrinker {
 public:
  Shrinker(Variation start, const ShrinkOptions& options)
      : options_{options},
        end_{Clock::now() + options.budget},
        trials_{{options.mutant, options.signature, options.jobs, 2min,
                 [this] {
                   return Clock::now() >= end_ || (options_.interrupted && options_.interrupted());
                 }}},
        settle_{start.scenario.settle} {
    result_.smallest = std::move(start);
  }

  Shrunk run() {
    Variation spelled = result_.smallest;
    spelled.scenario = with_single_devices(
        spell_out_faults(spelled.scenario, spelled.seed, spelled.steering));
    spelled.scenario = spell_out_protocols(spelled.scenario, spelled.seed, spelled.steering);
    if (!adopt(1, [&](std::size_t) { return spelled; })) return finish();
    result_.reproduced = true;
    look_when_it_shows();
    // A candidate does no more than what it was made from; much more time means that it hangs.
    if (!run_clause(options_.signature))
      trials_.cpu_limit(10 * std::chrono::nanoseconds{result_.record.cpu} + 500ms);
    // What costs the most goes first: then the rest is quick.
    shorten();
    leave_out_families();
    keep_one_device(1);
    keep_few_faults(1);
    leave_out_faults();
    leave_out_nodes();
    if (scenario().devices.size() > few) keep_one_device(8);
    leave_out_topic_work();
    shorten();
    tell_loads();
    draw_less();
    keep_few_messages(1);
    close_gaps();
    leave_out_messages(16);
    // One by one it takes long, and with another seed a few may do.
    if (told_events(scenario()) > many) keep_few_messages(8, 8);
    leave_out_what_can_be();
    simplify();
    do {
      leave_out_what_can_be();
    } while (try_other_seeds());
    for (std::string before; before != text() && !trials_.over();) {
      before = text();
      simplify();
      shorten();
      close_gaps();
      publish_less();
    }
    result_.finished = !trials_.over();
    return finish();
  }

 private:
  void leave_out_what_can_be() {
    for (std::size_t before = 0, now = size_of(scenario()).all(); now != before && !trials_.over();
         now = size_of(scenario()).all()) {
      before = now;
      leave_out_faults();
      leave_out_nodes();
      unite_nodes();
      leave_out_topic_work();
      publish_less();
      close_gaps();
      leave_out_messages();
      shorten();
      ease_outages();
      leave_out_steering();
    }
  }

  const Scenario& scenario() const { return result_.smallest.scenario; }
  std::string text() const { return write_scenario(scenario()); }

  Shrunk finish() {
    result_.runs = trials_.runs();
    for (auto [signature, variation] : trials_.others()) {
      // With a shorter `settle` it may only not have been done yet: then it was no failure.
      if (variation.scenario.settle < settle_) {
        variation.scenario.settle = settle_;
        const RunRecord record = try_run(variation, options_.mutant, 2s);
        if (std::ranges::count(record.failures, signature, &RunRecord::Failure::signature) == 0) continue;
      }
      result_.others.emplace(signature, std::move(variation));
    }
    return std::move(result_);
  }

  RunOptions as_found() const {
    RunOptions options;
    options.seed = result_.smallest.seed;
    options.mutant = options_.mutant;
    options.steering = result_.smallest.steering;
    return options;
  }

  // A failure that is there as soon as its evidence is needs no more time after it. Another is told of what
  // was not done until the end: a run must be long enough for that, or what is only late would be taken
  // for it. Whatever takes that for smaller is then tried with a much longer `settle`, too.
  void look_when_it_shows() {
    if (run_clause(options_.signature) || trials_.over()) return;
    RunOptions options = as_found();
    options.until = evidence() + 1ms;
    const Scenario& start = scenario();
    const conformance::Report report = tools::run(start, options).report;
    owed_ = std::ranges::none_of(report.checks, [&](const conformance::Judged& judged) {
      return judged.finding.verdict == conformance::Verdict::fail &&
             signature_of(judged.id, judged.finding.witness, judged.finding.text, start) == options_.signature;
    });
    patient_ = owed_ && fails_with_patience(result_.smallest);
  }

  bool fails_with_patience(Variation variation) {
    variation.scenario.settle = 2 * settle_ + 1h;
    return trials_.first(1, [&](std::size_t) { return variation; }).has_value();
  }

  sim::Duration evidence() const {
    const auto failure = std::ranges::find(result_.record.failures, options_.signature,
                                           &RunRecord::Failure::signature);
    return sim::Duration{failure == result_.record.failures.end() ? 0 : failure->at};
  }

  // Takes the first of the candidates that fails as it should: its place among them. What did not fail so
  // before is not tried again.
  std::optional<std::size_t> adopt(std::size_t count, const Trials::Make& make) {
    while (!trials_.over()) {
      std::vector<std::pair<std::size_t, std::string>> tried;
      auto found = trials_.first(count, [&](std::size_t at) -> std::optional<Variation> {
        auto variation = make(at);
        if (!variation) return std::nullopt;
        std::string key = key_of(*variation);
        if (in_vain_.contains(key)) return std::nullopt;
        tried.emplace_back(at, std::move(key));
        return variation;
      });
      if (!found && trials_.over()) break;
      const bool late = found && patient_ && !fails_with_patience(found->variation);
      if (trials_.over()) break;
      for (auto& [at, key] : tried)
        if (!found || at < found->at || (late && at == found->at)) in_vain_.insert(std::move(key));
      if (!found) break;
      if (late) continue;
      result_.smallest = std::move(found->variation);
      result_.record = std::move(found->record);
      if (options_.progress) options_.progress(size_of(scenario()), trials_.runs());
      return found->at;
    }
    return std::nullopt;
  }

  // Steering changes by being left out only, and what is left of it has its size.
  static std::string key_of(const Variation& variation) {
    return std::to_string(variation.seed) + ' ' + std::to_string(variation.steering.given.size()) + ' ' +
           std::to_string(variation.steering.reseeds.size()) + ' ' + write_scenario(variation.scenario);
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
  // them can be left out; or down to parts of the list.
  void leave_out(const std::function<std::size_t()>& count,
                 const std::function<Scenario(std::size_t begin, std::size_t end)>& without,
                 std::size_t parts = std::numeric_limits<std::size_t>::max()) {
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
      if ((chunk == 1 && !any) || chunk <= count() / parts) return;
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

  Scenario faults_without(std::size_t begin, std::size_t end) const {
    Scenario smaller = scenario();
    const auto at = smaller.faults.begin();
    smaller.faults.erase(at + static_cast<std::ptrdiff_t>(begin), at + static_cast<std::ptrdiff_t>(end));
    return smaller;
  }
  void leave_out_faults() {
    leave_out([this] { return scenario().faults.size(); },
              [this](std::size_t begin, std::size_t end) { return faults_without(begin, end); });
  }

  std::size_t nodes() const {  // but the hub
    return scenario().services.size() + scenario().devices.size() + scenario().clients.size();
  }
  Scenario nodes_without(std::size_t begin, std::size_t end) const {
    return without_nodes(scenario(), marked(1 + nodes(), 1 + begin, 1 + end));
  }
  static std::vector<bool> marked(std::size_t all, std::size_t begin, std::size_t end) {
    std::vector<bool> marks(all);
    std::fill(marks.begin() + static_cast<std::ptrdiff_t>(begin), marks.begin() + static_cast<std::ptrdiff_t>(end), true);
    return marks;
  }
  void leave_out_nodes() {
    leave_out([this] { return nodes(); },
              [this](std::size_t begin, std::size_t end) { return nodes_without(begin, end); });
  }

  Scenario topics_without(std::size_t begin, std::size_t end) const {
    return without_topic_work(scenario(), marked(topic_work(scenario()), begin, end));
  }
  void leave_out_topic_work() {
    leave_out([this] { return topic_work(scenario()); },
              [this](std::size_t begin, std::size_t end) { return topics_without(begin, end); });
  }

  // What a client publishes is drawn, and stays so; but its time can be short, and it can be seldom.
  void publish_less() {
    constexpr std::array halves{Half::second, Half::first, Half::every_other};
    for (std::size_t load = 0; load < publish_loads(scenario()) && !trials_.over(); ++load)
      while (adopt_scenario(halves.size(),
                            [&](std::size_t at) { return with_half_published(scenario(), load, halves[at]); })) {
      }
  }

  // What was drawn becomes a list. The run is played here once more: it came to its end before.
  void tell_loads() {
    if (run_clause(options_.signature) || trials_.over()) return;
    RunOptions options = as_found();
    options.keep_loads = true;
    const Scenario told = with_told_loads(scenario(), tools::run(scenario(), options).loads);
    adopt_scenario(1, [&](std::size_t) { return told; });
  }

  std::vector<bool> all_but(std::size_t begin, std::size_t end) const {
    std::vector<bool> gone = marked(told_events(scenario()), begin, end);
    gone.flip();
    return gone;
  }

  // Messages of all nodes as one list, in order of time.
  Scenario messages_without(std::size_t begin, std::size_t end) const {
    return without_told(scenario(), marked(told_events(scenario()), begin, end));
  }
  void leave_out_messages(std::size_t parts = std::numeric_limits<std::size_t>::max()) {
    leave_out([this] { return told_events(scenario()); },
              [this](std::size_t begin, std::size_t end) { return messages_without(begin, end); }, parts);
  }

  // One message alone, or two, or four that follow each other, and so on: those before the end, elsewhere,
  // and those before a fault. It is cheap to try, and saves all the steps between.
  bool keep_few_messages(std::size_t seeds, std::size_t most = std::numeric_limits<std::size_t>::max()) {
    for (std::size_t kept = 1; kept <= most && kept < told_events(scenario()) && !trials_.over(); kept *= 2) {
      const std::size_t room = told_events(scenario()) - kept;
      std::vector<std::size_t> begins{room, room / 3 * 2, room / 3, 0};
      for (const sim::Fault& fault : scenario().faults) {
        const std::size_t before = told_before(scenario(), fault.from - sim::Instant{});
        if (begins.size() < 8 && before >= kept) begins.push_back(before - kept);
      }
      if (with_seeds(begins.size(), seeds, [&](std::size_t at) {
            return without_told(scenario(), all_but(begins[at], begins[at] + kept));
          }))
        return true;
    }
    return false;
  }

  bool keep_few_faults(std::size_t seeds) {
    constexpr std::size_t most = 12;  // places
    for (std::size_t kept = 1; kept < scenario().faults.size() && !trials_.over(); kept *= 2) {
      const std::size_t room = scenario().faults.size() - kept;
      if (with_seeds(std::min(room + 1, most), seeds, [&](std::size_t at) {
            Scenario smaller = scenario();
            const auto begin = scenario().faults.begin() + static_cast<std::ptrdiff_t>(room - at);
            smaller.faults.assign(begin, begin + static_cast<std::ptrdiff_t>(kept));
            return smaller;
          }))
        return true;
    }
    return false;
  }

  bool keep_one_device(std::size_t seeds) {
    const std::size_t devices = scenario().devices.size();
    return devices > 1 && with_seeds(devices, seeds, [&](std::size_t at) {
             const std::size_t begin = 1 + scenario().services.size();
             std::vector<bool> gone = marked(begin + devices, begin, begin + devices);
             gone[begin + at] = false;
             return without_nodes(scenario(), gone);
           });
  }

  // Each of the candidates with this seed and with some others. A smaller run draws otherwise.
  bool with_seeds(std::size_t count, std::size_t seeds, const std::function<Scenario(std::size_t)>& make) {
    return adopt(count * seeds, [&](std::size_t at) -> std::optional<Variation> {
             Variation variation = result_.smallest;
             variation.scenario = make(at / seeds);
             variation.seed += at % seeds;
             return variation;
           }).has_value();
  }

  // Nothing can be left out with this seed. With another, what is drawn falls otherwise, and less may do.
  bool try_other_seeds() {
    constexpr std::size_t seeds = 8;
    if (size_of(scenario()).all() <= 3 || trials_.over()) return false;
    if (keep_one_device(seeds)) return true;
    const auto parts_of = [&](std::size_t all, const std::function<Scenario(std::size_t, std::size_t)>& without) {
      for (std::size_t parts = 1; parts <= 8 && parts <= all && !trials_.over(); parts *= 2)
        if (with_seeds(parts, seeds,
                       [&](std::size_t at) { return without(all * at / parts, all * (at + 1) / parts); }))
          return true;
      return false;
    };
    const auto without_faults = [this](std::size_t begin, std::size_t end) { return faults_without(begin, end); };
    const auto without_messages = [this](std::size_t begin, std::size_t end) { return messages_without(begin, end); };
    if (!scenario().clients.empty() &&
        (parts_of(nodes(), [this](std::size_t begin, std::size_t end) { return nodes_without(begin, end); }) ||
         parts_of(topic_work(scenario()), [this](std::size_t begin, std::size_t end) { return topics_without(begin, end); })))
      return true;
    return parts_of(scenario().faults.size(), without_faults) || keep_few_messages(seeds) ||
           parts_of(told_events(scenario()), without_messages);
  }

  // One node does what two did.
  void unite_nodes() {
    constexpr std::size_t most = 8;  // of more, only neighbours are tried
    for (bool again = true; again && !trials_.over();) {
      const std::size_t nodes = 1 + scenario().services.size() + scenario().devices.size();
      again = adopt_scenario(nodes * nodes, [&](std::size_t at) -> std::optional<Scenario> {
                const std::size_t gone = at / nodes;
                const std::size_t kept = at % nodes;
                if (gone == 0 || kept == 0 || (nodes > most && gone != kept + 1)) return std::nullopt;
                return with_two_in_one(scenario(), gone, kept);
              }).has_value();
    }
  }

  // The run as short as can be: first its end near the evidence, then halves.
  void shorten() {
    const sim::Duration seen = evidence();
    const std::vector<sim::Duration> ends{seen + 1s, seen + 10s, seen + 60s};
    adopt_scenario(ends.size(), [&](std::size_t at) -> std::optional<Scenario> {
      if (ends[at] >= scenario().duration || seen.count() == 0) return std::nullopt;
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
      if (scenario().settle <= 2s || owed_) return std::nullopt;
      Scenario shorter = scenario();
      shorter.settle = part == 2 ? shorter.settle / 2 : shorter.settle / 4 * 3;
      return shorter;
    });
  }

  // Between what is told passes no more time than it takes: everywhere, then in each place.
  void close_gaps() {
    if (trials_.over()) return;
    const std::vector<sim::Duration> most{1ms, 100ms, 1s, 10s, 1min, 10min, 1h};
    adopt_scenario(most.size(), [&](std::size_t at) { return with_gaps_closed(scenario(), most[at]); });
    constexpr std::size_t places = 24;  // of more, only those in front
    for (std::size_t place = 0; place < std::min(places, told_times(scenario()).size()) && !trials_.over(); ++place)
      adopt_scenario(most.size(), [&](std::size_t at) -> std::optional<Scenario> {
        const std::vector<sim::Duration> times = told_times(scenario());
        const sim::Duration gap = place == 0 ? times[0] : times[place] - times[place - 1];
        if (place >= times.size() || gap <= most[at] * 2) return std::nullopt;
        return with_gaps_closed(scenario(), most[at], place);
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

  // What is drawn made the same always: then leaving something out changes less of the rest.
  void draw_less() {
    const SimplerScenarios simpler{scenario()};
    const std::size_t ends = std::min(simpler.count(), SimplerScenarios::of_draws);
    for (const std::size_t seeds : {1U, 4U}) {
      const bool found = adopt(ends * seeds, [&](std::size_t at) -> std::optional<Variation> {
                           Variation variation = result_.smallest;
                           auto one = simpler.make(at / seeds);
                           if (!one) return std::nullopt;
                           variation.scenario = std::move(*one);
                           variation.seed += at % seeds;
                           return variation;
                         }).has_value();
      if (found) return;
    }
  }

  // Figures back to their defaults, and round ones for the rest.
  void simplify() {
    for (std::size_t at = 0; !trials_.over();) {
      const SimplerScenarios simpler{scenario()};
      if (at >= simpler.count()) break;
      // A default may be a good deal busier than the figure of the scenario.
      trials_.most_events(result_.record.events + result_.record.events / 4 + 1000);
      const auto found = adopt_scenario(simpler.count() - at, [&](std::size_t k) -> std::optional<Scenario> {
        auto one = simpler.make(at + k);
        if (one && owed_ && one->settle < settle_) return std::nullopt;
        return one;
      });
      if (!found) break;
      at += *found;
    }
    trials_.most_events(any_events);
  }

  const ShrinkOptions& options_;
  Clock::time_point end_;
  Trials trials_;
  sim::Duration settle_;           // of the start
  bool owed_ = false;              // it shows only in the end
  bool patient_ = false;           // it is tried with a longer `settle`, too
  std::set<std::string> in_vain_;  // what was tried, and did not fail as it should
  Shrunk result_;
};

}  // namespace

Shrunk shrink(Variation start, const ShrinkOptions& options) {
  return Shrinker{std::move(start), options}.run();
}

}  // namespace hubproof::tools
