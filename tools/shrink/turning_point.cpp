#include "tools/shrink/turning_point.hpp"

#include <algorithm>
#include <array>

#include "model/mutants/mutant.hpp"
#include "tools/run.hpp"

namespace hubproof::tools::shrinking {
namespace {

struct Change {
  sim::Choice choice;
  std::uint64_t instead = 0;
};

// Every way in which one choice is tried otherwise, from the last choice back.
std::vector<Change> changes_of(const std::vector<sim::Choice>& log, sim::Instant before, std::size_t most) {
  std::vector<Change> changes;
  std::size_t taken = 0;
  for (auto choice = log.rbegin(); choice != log.rend() && taken < most; ++choice) {
    if (choice->at > before || choice->bound < 2) continue;
    ++taken;
    std::vector<std::uint64_t> values{0, choice->bound - 1, choice->bound / 2};
    std::erase(values, choice->value);
    for (const std::uint64_t value : values) changes.push_back({*choice, value});
  }
  return changes;
}

}  // namespace

void find_turning_point(Bundle& bundle, Trials& trials, const TurningPointSettings& settings) {
  if (bundle.clause.starts_with("RUN-")) return;
  const Variation base{bundle.scenario, bundle.seed, bundle.steering};
  RunOptions options;
  options.seed = base.seed;
  options.steering = base.steering;
  options.mutant = bundle.mutant.empty() ? nullptr : model::find_mutant(bundle.mutant);
  options.keep_choices = true;
  const std::vector<sim::Choice> log = run(base.scenario, options).choices;

  // The evidence may be told of at the end, as what is never read is: its cause is no later.
  const sim::Duration last{bundle.at};
  const auto points = static_cast<std::int64_t>(settings.points);
  const std::vector<bool> failed = trials.outcomes(
      settings.points * settings.futures, [&](std::size_t at) -> std::optional<Variation> {
        Variation future = base;
        const auto point = static_cast<std::int64_t>(at / settings.futures);
        future.steering.reseeds.push_back({last * point / std::max<std::int64_t>(points - 1, 1), std::nullopt,
                                           at % settings.futures + 1});
        return future;
      });
  bundle.odds.clear();
  for (std::size_t point = 0; point < settings.points && failed.size() == settings.points * settings.futures;
       ++point) {
    const auto begin = failed.begin() + static_cast<std::ptrdiff_t>(point * settings.futures);
    const auto fails = std::count(begin, begin + static_cast<std::ptrdiff_t>(settings.futures), true);
    bundle.odds.push_back({last * static_cast<std::int64_t>(point) / std::max<std::int64_t>(points - 1, 1),
                           static_cast<std::uint32_t>(fails), static_cast<std::uint32_t>(settings.futures)});
  }

  const std::vector<std::string> names = node_names(base.scenario);
  const std::vector<Change> changes = changes_of(log, sim::Instant{} + last, settings.choices);
  constexpr std::size_t batch = 24;
  bundle.no_return.reset();
  for (std::size_t from = 0; from < changes.size() && !bundle.no_return && !trials.over(); from += batch) {
    const std::size_t count = std::min(batch, changes.size() - from);
    const std::vector<bool> same = trials.outcomes(count, [&](std::size_t at) -> std::optional<Variation> {
      const Change& change = changes[from + at];
      const auto node = static_cast<std::size_t>(change.choice.node);
      if (node >= names.size()) return std::nullopt;
      Variation other = base;
      other.steering.given.push_back({change.choice.site, names[node], change.choice.n, change.instead});
      return other;
    });
    for (std::size_t at = 0; at < same.size() && !bundle.no_return; ++at) {
      const Change& change = changes[from + at];
      const auto node = static_cast<std::size_t>(change.choice.node);
      if (same[at] || node >= names.size()) continue;
      bundle.no_return = NoReturn{{change.choice.site, names[node], change.choice.n, change.instead},
                                  change.choice.value, change.choice.at - sim::Instant{}};
    }
  }
}

}  // namespace hubproof::tools::shrinking
