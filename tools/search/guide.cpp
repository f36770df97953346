#include "tools/search/guide.hpp"

#include <algorithm>

#include "tools/search/fault_edits.hpp"
#include "tools/search/state_coverage.hpp"
#include "tools/search/strategy.hpp"
#include "tools/spell_out.hpp"

namespace hubproof::tools {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t most_faults = 60;     // a variation does not grow for ever
constexpr std::size_t most_kept = 200;
constexpr std::size_t most_newest = 64;     // features come in the order of a hash, so these are some of all
constexpr sim::Duration longest_wait = 100s;  // for the end of a fault
constexpr std::uint64_t last_packet_id = 65'535;

}  // namespace

Guide::Guide(const Scenario& scenario, std::uint64_t seed)
    : scenario_{scenario},
      dice_{seed},
      pool_{fault_pool(scenario)},
      apart_{telling_times(scenario)},
      nodes_{node_names(scenario)},
      ids_{ids_of_nodes(scenario)},
      next_seed_{seed},
      seen_(StateCoverage::features) {}

// Every other run is one that nobody guided, mostly drawn by pct, which finds most: a guide that only
// follows itself gets stuck.
Variation Guide::propose() {
  const bool begin = proposed_++ < 3;
  if (begin || corpus_.empty() || dice_.one_in(2)) return fresh();
  const Kept& before = parent();
  Variation variation = before.variation;
  const std::uint64_t how = dice_.below(8);
  if (how < 6) meet(variation, before);
  if (how >= 5)
    for (std::uint64_t changes = 1 + dice_.below(4); changes > 0; --changes) change(variation);
  return variation;
}

// Some faults beside each of some moments: what needs two coincidences may need them at one time. What
// comes after the first is another run anyway, so half of the time its draws are others as well.
void Guide::meet(Variation& variation, const Kept& before) {
  if (before.moments.empty()) return;
  std::vector<sim::Fault>& faults = variation.scenario.faults;
  std::vector<Moment> places;
  for (std::uint64_t count = 1 + dice_.below(10); count > 0; --count)
    places.push_back(dice_.one_of(dice_.one_in(2) && !before.newest.empty() ? before.newest : before.moments));
  std::ranges::sort(places, {}, &Moment::at);
  Scenario& scenario = variation.scenario;
  scenario.duration = scenario_.duration;
  const std::size_t before_all = faults.size();
  sim::Duration last{0};
  for (const Moment& place : places) {
    for (std::uint64_t count = 1 + dice_.below(2); count > 0 && faults.size() < most_faults; --count) {
      if (dice_.one_in(4)) {
        last = std::max(last, act_beside(place, ids_, scenario, dice_));
      } else if (!pool_.empty() && dice_.one_in(4)) {
        const sim::Duration from = std::max<sim::Duration>(sim::Duration{place.at}, 1ms);
        faults.push_back(moved(dice_.one_of(pool_), from, scenario, dice_));
      } else {
        const std::vector<sim::Fault> more = beside(place, scenario, dice_);
        faults.insert(faults.end(), more.begin(), more.end());
      }
    }
  }
  for (std::size_t at = before_all; at < faults.size(); ++at) {
    const sim::Duration from = faults[at].from - sim::Instant{};
    last = std::max(last, std::clamp(faults[at].until - sim::Instant{}, from, from + longest_wait));
  }
  const sim::Duration longer = dice_.one_in(2) ? dice_.one_of(apart_) : sim::Duration{0};
  scenario = ending_at(scenario, last + 2s + longer);
  if (dice_.one_in(2))
    variation.steering.reseeds.push_back(
        {sim::Duration{places.front().at} + 1s, std::nullopt, dice_.below(~std::uint64_t{0}) | 1});
}

Variation Guide::fresh() {
  const std::uint64_t seed = next_seed_++;
  const Strategy strategy = dice_.one_in(8)   ? Strategy::swarm
                            : dice_.one_in(4) ? Strategy::random
                                              : Strategy::pct;
  // pct chooses a length itself.
  Variation variation = vary(strategy, strategy == Strategy::pct ? scenario_ : some_length(scenario_, dice_), seed);
  variation.scenario = spell_out_faults(variation.scenario, seed);
  return variation;
}

// The best of a few: much that was new, few tries, little work.
Guide::Kept& Guide::parent() {
  std::size_t best = dice_.below(corpus_.size());
  const auto worth = [](const Kept& one) {
    return (one.news + 1) * 1'000'000 / (one.tries + 1) / (one.events / 1000 + 1);
  };
  for (int i = 0; i < 2; ++i) {
    const std::size_t other = dice_.below(corpus_.size());
    if (worth(corpus_[other]) > worth(corpus_[best])) best = other;
  }
  ++corpus_[best].tries;
  return corpus_[best];
}

void Guide::change(Variation& variation) {
  std::vector<sim::Fault>& faults = variation.scenario.faults;
  const auto some_fault = [&] { return static_cast<std::ptrdiff_t>(dice_.below(faults.size())); };
  const Scenario& scenario = variation.scenario;
  const sim::Instant heal = sim::Instant{} + scenario.duration;
  const auto movable = [&](std::ptrdiff_t at) { return may_be_moved(faults[static_cast<std::size_t>(at)].kind); };
  switch (dice_.below(faults.empty() ? 3 : 9)) {
    case 0:  // another future
      variation.steering.reseeds.push_back({some_time(scenario, dice_), std::nullopt, dice_.below(~std::uint64_t{0}) | 1});
      return;
    case 1:  // one more fault
      if (!pool_.empty() && faults.size() < most_faults)
        faults.push_back(moved(dice_.one_of(pool_), some_time(scenario, dice_), scenario, dice_));
      return;
    case 2:  // packet ids that will wrap
      for (const std::string& node : nodes_)
        if (dice_.one_in(2))
          variation.steering.given.push_back(
              {*find_site("first_packet_id"), node, 1, last_packet_id - 1 - dice_.below(1 << dice_.below(11))});
      return;
    case 3:  // one less
      faults.erase(faults.begin() + some_fault());
      return;
    case 4:
    case 5: {  // a fault, or a copy of one, beside another
      const sim::Fault& other = faults[static_cast<std::size_t>(some_fault())];
      const sim::Instant anchor = dice_.one_in(2) || other.until <= other.from ? other.from : other.until;
      sim::Duration apart = dice_.one_of(apart_);
      apart += dice_.time_below(20ms);
      if (dice_.one_in(2)) apart = -apart;
      const sim::Duration when = std::max<sim::Duration>(anchor - sim::Instant{} + apart, 1ms);
      const std::ptrdiff_t own = some_fault();
      const bool from_pool = !pool_.empty() && (dice_.one_in(2) || !movable(own));
      if (faults.size() >= most_faults || (!from_pool && !movable(own))) return;
      faults.push_back(moved(from_pool ? dice_.one_of(pool_) : faults[static_cast<std::size_t>(own)], when,
                             scenario, dice_));
      return;
    }
    case 6: {  // earlier or later, by a little
      const std::ptrdiff_t at = some_fault();
      if (!movable(at)) return;
      sim::Fault& fault = faults[static_cast<std::size_t>(at)];
      const sim::Duration length = fault.until - fault.from;
      sim::Duration by = dice_.one_of(apart_) / 4;
      by += dice_.time_below(5ms);
      fault.from = std::clamp(dice_.one_in(2) ? fault.from + by : fault.from - by, sim::Instant{} + 1ms, heal - 1ms);
      fault.until = lasts(fault.kind) ? std::clamp(fault.from + length, fault.from + 1ms, heal) : fault.from;
      return;
    }
    case 7: {  // shorter or longer
      sim::Fault& fault = faults[static_cast<std::size_t>(some_fault())];
      if (!lasts(fault.kind)) return;
      const sim::Duration length = dice_.one_in(2) ? (fault.until - fault.from) / 2 : dice_.one_of(apart_);
      fault.until = std::clamp(fault.from + length, fault.from + 1ms, heal);
      return;
    }
    default: {  // a slow link for a while
      if (faults.size() >= most_faults) return;
      const sim::Duration from = some_time(scenario, dice_);
      const sim::Duration until = std::min(from + 1ms + dice_.time_below(60s), scenario.duration);
      faults.push_back(slow_link(sim::NodeId{static_cast<std::uint32_t>(dice_.below(nodes_.size()))}, from, until, dice_));
    }
  }
}

std::uint64_t Guide::learn(const Variation& variation, const Lesson& lesson) {
  std::uint64_t news = 0;
  std::vector<Moment> newest;
  for (std::size_t at = 0; at < lesson.reached.size(); ++at) {
    const std::uint32_t feature = lesson.reached[at];
    if (seen_[feature]) continue;
    seen_[feature] = true;
    ++news;
    if (at < lesson.firsts.size() && newest.size() < most_newest) newest.push_back(lesson.firsts[at]);
  }
  reached_count_ += news;
  if (news == 0) return 0;
  corpus_.push_back({variation, news, 0, lesson.events, lesson.moments, std::move(newest)});
  if (corpus_.size() <= most_kept) return news;
  const auto oldest = std::ranges::min_element(corpus_, {}, [](const Kept& one) {
    return (one.news + 1) * 1000 / (one.tries + 1);
  });
  corpus_.erase(oldest);
  return news;
}

Guides::Guides(const std::vector<Scenario>& scenarios, std::uint64_t seed)
    : dice_{seed + 1}, yields_(scenarios.size()) {
  for (const Scenario& scenario : scenarios) guides_.emplace_back(scenario, seed);
}

// Each once, and then by worth.
std::size_t Guides::next() {
  if (begun_ < guides_.size()) return begun_++;
  std::uint64_t all = 0;
  for (std::size_t scenario = 0; scenario < guides_.size(); ++scenario) all += worth(scenario);
  std::uint64_t left = dice_.below(all);
  for (std::size_t scenario = 0; scenario + 1 < guides_.size(); ++scenario) {
    if (left < worth(scenario)) return scenario;
    left -= worth(scenario);
  }
  return guides_.size() - 1;
}

// For each unit of work what it found lately, and something for being there.
std::uint64_t Guides::worth(std::size_t scenario) const {
  const Yield& yield = yields_[scenario];
  return (yield.news / 1024 + 64) * (std::uint64_t{1} << 32) / yield.events;
}

void Guides::learn(std::size_t scenario, const Variation& variation, const Lesson& lesson) {
  const std::uint64_t news = guides_[scenario].learn(variation, lesson);
  Yield& yield = yields_[scenario];
  yield.news = (7 * yield.news + 1024 * news) / 8;
  yield.events = (7 * yield.events + lesson.events) / 8 + 1;
}

}  // namespace hubproof::tools
