#include "tools/exhaustive/explore.hpp"

#include <algorithm>
#include <optional>

#include "conformance/check.hpp"
#include "model/bytes.hpp"
#include "model/mutants/mutant.hpp"
#include "tools/exhaustive/visited.hpp"
#include "tools/exhaustive/world.hpp"

namespace hubproof::tools {

using conformance::Verdict;

namespace exhaustive {
namespace {

class Digest {
 public:
  void add(std::uint64_t value) {
    low_ = model::mix(low_ + value);
    high_ = model::mix(high_ ^ (value * 0x9e3779b97f4a7c15u + 0x5851f42d4c957f2du));
  }
  StateKey key() const { return {high_ | 1, low_}; }

 private:
  std::uint64_t low_ = 0x243f6a8885a308d3u;
  std::uint64_t high_ = 0x13198a2e03707344u;
};

StateKey key_of(const State& state, std::size_t nodes) {
  Digest digest;
  digest.add(static_cast<std::uint64_t>(state.now));
  digest.add(std::uint64_t{state.faults} << 1 | std::uint64_t{state.healed});
  for (std::size_t i = 0; i < nodes; ++i)
    digest.add(static_cast<std::uint64_t>(state.at[i]) << 32 | state.submitted[i]);
  for (const Pipe& pipe : state.pipes) {
    digest.add(std::uint64_t{pipe.client} << 40 | std::uint64_t{pipe.dialling} << 33 |
               std::uint64_t{pipe.broken} << 32 | pipe.client_connection);
    digest.add(std::uint64_t{pipe.hub_connection} << 32 | pipe.up.size() << 16 | pipe.down.size());
    for (const std::uint32_t write : pipe.up) digest.add(write);
    for (const std::uint32_t write : pipe.down) digest.add(write);
  }
  return digest.key();
}

model::History header_of(const Cast& cast, const model::Rules& promised) {
  model::History header;
  header.terms = model::terms(promised);
  header.terms.settle_ns = cast.scenario.settle.count();
  for (std::size_t node = 0; node < cast.names.size(); ++node)
    header.participants.push_back({cast.names[node], cast.is_device(node)    ? model::Role::device
                                                     : cast.is_service(node) ? model::Role::service
                                                                             : model::Role::hub});
  return header;
}

model::Rules spoiled(const model::Rules& rules, const model::Mutant* mutant) {
  model::Rules copy = rules;
  if (mutant != nullptr) mutant->apply(copy);
  return copy;
}

// The scenario with its world, and the path that is walked.
class Stage {
 public:
  Stage(const Scenario& scenario, const model::Mutant* mutant)
      : rules_{spoiled(scenario.rules, mutant)},
        cast_{scenario, rules_},
        world_{cast_},
        header_{header_of(cast_, scenario.rules)} {
    beginning_ = world_.beginning(fed_);
  }

  World& world() { return world_; }
  const Cast& cast() const { return cast_; }
  const State& beginning() const { return beginning_; }
  const model::History& header() const { return header_; }

  // The path so far: its choices, and what participants took on it.
  struct Mark {
    std::size_t fed, told;
  };
  Mark mark() const { return {fed_.size(), told_.size()}; }
  void back_to(const Mark& mark) {
    fed_.resize(mark.fed);
    told_.resize(mark.told);
  }
  void step(State& state, Action action) {
    const bool heals = action.kind == Action::Kind::heal;
    if (heals || action.kind == Action::Kind::finish) {
      model::Event event;
      event.what = heals ? model::What::healed : model::What::finished;
      event.at = heals ? cast_.scenario.duration.count()
                       : (cast_.scenario.duration + cast_.scenario.settle).count();
      event.observer = model::NodeIndex{0};
      event.local = sim::Clock::true_wall(sim::Instant{sim::Duration{event.at}});
      told_.push_back({fed_.size(), event});
    }
    world_.step(state, action, fed_);
  }

  template <class F>
  void each_event(F&& tell) const {
    for (std::size_t node = 0; node < cast_.names.size(); ++node) {
      model::Event bounds;
      bounds.what = model::What::clock;
      bounds.observer = bounds.device = static_cast<model::NodeIndex>(node);
      bounds.local = sim::Clock::true_wall(sim::Instant{});
      bounds.offset_low = -1'000;
      bounds.offset_high = 1'000;
      tell(bounds);
    }
    std::size_t next = 0;
    for (std::size_t i = 0; i <= fed_.size(); ++i) {
      for (; next < told_.size() && told_[next].before == i; ++next) tell(told_[next].event);
      if (i == fed_.size()) break;
      for (const model::Event& event : world_.memory(fed_[i].node).output(fed_[i].place).events)
        tell(event);
    }
  }
  conformance::Report judge() const {
    conformance::Judge judge{header_.terms, header_.participants};
    each_event([&](const model::Event& event) { judge.saw(event); });
    return judge.finish();
  }

 private:
  struct Told {  // by the observer of the run
    std::size_t before;
    model::Event event;
  };
  model::Rules rules_;
  Cast cast_;
  World world_;
  model::History header_;
  State beginning_;
  std::vector<Fed> fed_;
  std::vector<Told> told_;
};

class Walk {
 public:
  Walk(const Scenario& scenario, const ExhaustiveOptions& options)
      : options_{options}, stage_{scenario, options.mutant} {
    result_.clauses.resize(conformance::checks().size());
    best_.resize(conformance::checks().size());
  }

  ExhaustiveResult walk() {
    result_.paths = from(stage_.beginning());
    result_.states = states_;
    for (auto& best : best_)
      if (best) result_.failures.push_back(std::move(*best));
    for (std::size_t node = 0; node < stage_.cast().names.size(); ++node)
      result_.inputs += stage_.world().memory(node).fed();
    if (stopped_ && result_.cut.empty()) result_.cut.push_back(why_);
    if (overflows_ > 0)
      result_.cut.push_back(
          std::to_string(overflows_) + " states in which more than " + std::to_string(most_writes) +
          " writes were under way in one direction, or " + std::to_string(most_pipes) +
          " connections were there: not walked on from");
    return std::move(result_);
  }

 private:
  std::uint64_t from(const State& state) {
    StateKey key;
    if (options_.prune) {
      key = key_of(state, stage_.cast().names.size());
      if (const auto* known = visited_.find(key)) return known->paths;
    }
    ++states_;
    if (may_stop()) return 0;
    std::uint64_t paths = 0;
    if (state.overflow) {
      ++overflows_;
    } else {
      const Actions actions = stage_.world().actions(state);
      const auto mark = stage_.mark();
      for (std::size_t i = 0; i < actions.size() && !stopped_; ++i) {
        State next = state;
        stage_.step(next, actions[i]);
        path_.push_back(static_cast<std::uint8_t>(i));
        ++result_.steps;
        if (actions[i].kind == Action::Kind::finish) {
          ended(next);
          add(paths, 1);
        } else {
          add(paths, from(next));
        }
        path_.pop_back();
        stage_.back_to(mark);
      }
    }
    if (options_.prune && !stopped_) visited_.add(key, paths);
    return paths;
  }

  void add(std::uint64_t& sum, std::uint64_t more) {
    if (sum + more < sum) {
      sum = ~std::uint64_t{0};
      result_.paths_overflow = true;
    } else {
      sum += more;
    }
  }

  bool may_stop() {
    if (states_ >= options_.most_states)
      stop("the limit of " + std::to_string(options_.most_states) + " states");
    if (states_ % 4'096 == 0 && options_.go_on &&
        !options_.go_on({states_, result_.histories, failing_}))
      stop("it was told to end");
    return stopped_;
  }
  void stop(std::string why) {
    if (!stopped_) why_ = std::move(why);
    stopped_ = true;
  }

  void ended(const State& state) {
    ++result_.histories;
    result_.deepest = std::max(result_.deepest, path_.size());
    const conformance::Report report = stage_.judge();
    bool broken = false;
    for (std::size_t check = 0; check < report.checks.size(); ++check) {
      const conformance::Judged& judged = report.checks[check];
      auto& counts = result_.clauses[check];
      switch (judged.finding.verdict) {
        case Verdict::not_exercised:
          ++counts.not_exercised;
          break;
        case Verdict::inconclusive:
          ++counts.inconclusive;
          break;
        case Verdict::pass:
          ++counts.pass;
          break;
        case Verdict::fail:
          ++counts.fail;
          broken = broken || judged.must;
          failed(check, judged.finding, state);
          break;
      }
    }
    if (!broken) return;
    ++failing_;
    if (options_.stop_at_first) stop("it was to end at the first failure");
  }

  void failed(std::size_t check, const conformance::Finding& finding, const State& state) {
    auto& best = best_[check];
    if (best) {
      ++best->histories;
      const auto cost = [](unsigned faults, std::size_t steps) { return std::pair{faults, steps}; };
      if (cost(state.faults, path_.size()) >= cost(best->faults, best->path.size())) return;
    }
    const std::uint64_t histories = best ? best->histories : 1;
    best = ExhaustiveFailure{check, finding, path_, state.faults, {}, histories};
  }

  const ExhaustiveOptions& options_;
  Stage stage_;
  ExhaustiveResult result_;
  std::vector<std::optional<ExhaustiveFailure>> best_;
  Visited visited_;
  ChoicePath path_;
  std::uint64_t states_ = 0;
  std::uint64_t failing_ = 0;
  std::uint64_t overflows_ = 0;
  bool stopped_ = false;
  std::string why_;
};

}  // namespace
}  // namespace exhaustive

conformance::Verdict ExhaustiveResult::verdict() const {
  bool exercised = false, undecided = false;
  for (std::size_t check = 0; check < clauses.size(); ++check) {
    const conformance::Level level = conformance::checks()[check]->level;
    if (level != conformance::Level::must && level != conformance::Level::limit) continue;
    const Counts& counts = clauses[check];
    if (counts.fail > 0) return Verdict::fail;
    if (counts.pass > 0)
      exercised = true;
    else if (counts.inconclusive > 0)
      undecided = true;
  }
  return undecided ? Verdict::inconclusive : exercised ? Verdict::pass : Verdict::not_exercised;
}

ExhaustiveResult explore(const Scenario& scenario, const ExhaustiveOptions& options) {
  ExhaustiveResult result = exhaustive::Walk{scenario, options}.walk();
  for (ExhaustiveFailure& failure : result.failures)
    failure.story = walk(scenario, options.mutant, failure.path).story;
  return result;
}

WalkedPath walk(const Scenario& scenario, const model::Mutant* mutant, const ChoicePath& path) {
  exhaustive::Stage stage{scenario, mutant};
  exhaustive::State state = stage.beginning();
  WalkedPath walked;
  for (std::size_t i = 0;; ++i) {
    const exhaustive::Actions may = stage.world().actions(state);
    const std::size_t choice = i < path.size() ? path[i] : 0;
    if (choice >= may.size()) {
      walked.fits = false;
      break;
    }
    const exhaustive::Action action = may[choice];
    walked.story.push_back(stage.world().describe(state, action));
    stage.step(state, action);
    if (action.kind == exhaustive::Action::Kind::finish) {
      walked.fits = i + 1 >= path.size();
      break;
    }
  }
  walked.history = stage.header();
  stage.each_event([&](const model::Event& event) { walked.history.events.push_back(event); });
  walked.report = stage.judge();
  return walked;
}

}  // namespace hubproof::tools
