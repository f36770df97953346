#include "sim/nemesis.hpp"

#include <algorithm>
#include <utility>

#include "sim/world.hpp"

namespace hubproof::sim {

namespace {

// What happens at one time only: there is nothing to end.
bool momentary(FaultKind kind) {
  return kind == FaultKind::reset || kind == FaultKind::half_open || kind == FaultKind::restart ||
         kind == FaultKind::bit_rot;
}

Rule rule_of(const Fault& fault, Rule::Kind kind) {
  Rule rule;
  rule.kind = kind;
  rule.from = fault.nodes;
  rule.to = fault.peers;
  rule.loss = fault.loss;
  if (kind == Rule::Kind::drop && fault.odds.num != 0) rule.loss.good = fault.odds;
  rule.odds = fault.odds;
  rule.extra = fault.duration;
  rule.bandwidth = fault.bandwidth;
  return rule;
}

}  // namespace

void Nemesis::later(Instant due, Event event, std::size_t at, std::uint64_t turn) {
  world_.at(due, {event, this, at, turn});
}

void Nemesis::apply(std::vector<Fault> faults) {
  healed_ = false;
  for (Fault& fault : faults) {
    const std::size_t at = faults_.size();
    later(fault.from, &Nemesis::begin, at);
    if (fault.until > fault.from && !momentary(fault.kind))
      later(fault.until, &Nemesis::finish, at);
    faults_.push_back(std::move(fault));
    states_.emplace_back();
  }
}

void Nemesis::heal() {
  for (std::size_t at = 0; at < faults_.size(); ++at) {
    if (states_[at].on) finish(at);
    states_[at].over = true;
  }
  for (const NodeId node : bent_) world_.set_clock_right(node);
  bent_.clear();
  healed_ = true;
  world_.trace().note(nobody, Kind::healed);
}

void Nemesis::begin(void* self, std::uint64_t fault, std::uint64_t) {
  auto& nemesis = *static_cast<Nemesis*>(self);
  if (!nemesis.states_[fault].over) nemesis.begin(fault);
}

void Nemesis::finish(void* self, std::uint64_t fault, std::uint64_t) {
  auto& nemesis = *static_cast<Nemesis*>(self);
  if (nemesis.states_[fault].on) nemesis.finish(fault);
}

void Nemesis::cycle(void* self, std::uint64_t fault, std::uint64_t turn) {
  auto& nemesis = *static_cast<Nemesis*>(self);
  if (nemesis.states_[fault].on && nemesis.states_[fault].turn == turn) nemesis.cycle(fault);
}

std::vector<NodeId> Nemesis::targets(const Fault& fault) const {
  if (!fault.nodes.empty()) return fault.nodes;
  std::vector<NodeId> all;
  for (std::uint32_t i = 0; i < world_.nodes(); ++i) all.push_back(NodeId{i});
  return all;
}

template <class One, class Two>
void Nemesis::each_pair(const Fault& fault, One all_of, Two between) {
  for (const NodeId node : targets(fault)) {
    if (fault.peers.empty()) all_of(node);
    for (const NodeId peer : fault.peers) between(node, peer);
  }
}

void Nemesis::begin(std::size_t at) {
  const Fault& fault = faults_[at];
  State& state = states_[at];
  Network& network = world_.network();
  world_.trace().note(nobody, Kind::fault_on, at, static_cast<std::uint64_t>(fault.kind));
  state.on = true;
  switch (fault.kind) {
    case FaultKind::drop:
      impose(at, Rule::Kind::drop);
      break;
    case FaultKind::delay:
      impose(at, Rule::Kind::delay);
      break;
    case FaultKind::duplicate:
      impose(at, Rule::Kind::duplicate);
      break;
    case FaultKind::reorder:
      impose(at, Rule::Kind::reorder);
      break;
    case FaultKind::corrupt:
      impose(at, Rule::Kind::corrupt);
      break;
    case FaultKind::bandwidth:
      impose(at, Rule::Kind::bandwidth);
      break;
    case FaultKind::hand_over:
    case FaultKind::partition:
      impose(at, Rule::Kind::silence);
      break;
    case FaultKind::dns_failure:
      impose(at, Rule::Kind::no_name);
      break;
    case FaultKind::connect_refusal:
      impose(at, Rule::Kind::refuse);
      break;
    case FaultKind::reset:
      each_pair(
          fault, [&](NodeId node) { network.reset_all(node); },
          [&](NodeId node, NodeId peer) { network.reset_between(node, peer); });
      break;
    case FaultKind::half_open:
      each_pair(
          fault, [&](NodeId node) { network.black_hole(node); },
          [&](NodeId node, NodeId peer) { network.black_hole_between(node, peer); });
      break;
    case FaultKind::crash:
    case FaultKind::process_crash:
      bring_down(at);
      break;
    case FaultKind::restart:
      bring_down(at);
      bring_up(at);
      break;
    case FaultKind::crash_loop:
      state.phase = true;
      later(
          world_.now() + fault.gap.draw(world_.choices(), Site::crash_loop, targets(fault).front()),
          &Nemesis::cycle, at, ++state.turn);
      break;
    case FaultKind::sleep_cycle:
      state.phase = true;
      later(world_.now() + fault.awake, &Nemesis::cycle, at, ++state.turn);
      break;
    case FaultKind::pause:
      for (const NodeId node : targets(fault))
        if (paused_[node]++ == 0) world_.pause(node);
      break;
    case FaultKind::step:
      for (const NodeId node : targets(fault)) {
        bent_.insert(node);
        world_.step_clock(node, fault.amount);
      }
      break;
    case FaultKind::slew:
      for (const NodeId node : targets(fault)) {
        bent_.insert(node);
        world_.slew_clock(node, fault.amount, static_cast<std::uint32_t>(fault.ppm));
      }
      break;
    case FaultKind::boot_offset:
      for (const NodeId node : targets(fault)) {
        bent_.insert(node);
        world_.show_clock(node, fault.wall);
      }
      hold(at);
      break;
    case FaultKind::drift:
      for (const NodeId node : targets(fault)) bent_.insert(node);
      hold(at);
      break;
    case FaultKind::bit_rot:
      for (const NodeId node : targets(fault))
        world_.disk(node).rot(fault.file_mask, fault.file_value);
      break;
    case FaultKind::slow:
    case FaultKind::torn_write:
    case FaultKind::sync_error:
    case FaultKind::disk_full:
    case FaultKind::slow_disk:
    case FaultKind::never_answers:
      hold(at);
      break;
  }
  if (momentary(fault.kind)) {
    state.on = false;
    state.over = true;
  }
}

void Nemesis::finish(std::size_t at) {
  const Fault& fault = faults_[at];
  State& state = states_[at];
  state.on = false;
  state.over = true;
  world_.trace().note(nobody, Kind::fault_off, at, static_cast<std::uint64_t>(fault.kind));
  lift(at);
  bring_up(at);
  release(at);
  if (fault.kind == FaultKind::pause)
    for (const NodeId node : targets(fault))
      if (--paused_[node] == 0) world_.resume(node);
  if (fault.kind == FaultKind::step || fault.kind == FaultKind::boot_offset ||
      fault.kind == FaultKind::slew)
    for (const NodeId node : targets(fault))
      world_.show_clock(node, Clock::true_wall(world_.now()));
}

void Nemesis::cycle(std::size_t at) {
  const Fault& fault = faults_[at];
  State& state = states_[at];
  Duration wait;
  if (fault.kind == FaultKind::sleep_cycle) {
    if (state.phase) {
      impose(at, Rule::Kind::silence);
      wait = fault.period - fault.awake;
    } else {
      lift(at);
      wait = fault.awake;
    }
  } else {
    const NodeId who = targets(fault).front();
    if (state.phase) {
      bring_down(at);
      wait = fault.duration.draw(world_.choices(), Site::crash_loop, who);
    } else {
      bring_up(at);
      wait = fault.gap.draw(world_.choices(), Site::crash_loop, who);
    }
  }
  state.phase = !state.phase;
  // A cycle without length would never let time go on.
  wait = std::max<Duration>(wait, std::chrono::milliseconds{1});
  later(world_.now() + wait, &Nemesis::cycle, at, ++state.turn);
}

void Nemesis::impose(std::size_t at, Rule::Kind kind) {
  const Fault& fault = faults_[at];
  Rule there = rule_of(fault, kind);
  Rule back = there;
  std::swap(back.from, back.to);
  const bool everywhere = there.from.empty() && there.to.empty();
  states_[at].rules.push_back(world_.network().impose(std::move(there)));
  if (!fault.one_way && !everywhere && kind != Rule::Kind::no_name)
    states_[at].rules.push_back(world_.network().impose(std::move(back)));
}

void Nemesis::lift(std::size_t at) {
  for (const RuleId rule : std::exchange(states_[at].rules, {})) world_.network().lift(rule);
}

void Nemesis::bring_down(std::size_t at) {
  const Fault& fault = faults_[at];
  for (const NodeId node : targets(fault)) {
    std::uint32_t& holds = down_[node];
    if (holds == 0 && !world_.up(node)) continue;  // it was never started, so it is not ours
    ++holds;
    states_[at].down.push_back(node);
    if (fault.kind == FaultKind::process_crash)
      world_.crash_process(node);
    else
      world_.crash(node);
  }
}

void Nemesis::bring_up(std::size_t at) {
  for (const NodeId node : std::exchange(states_[at].down, {})) {
    if (--down_[node] != 0) continue;
    for (const std::size_t held : holding_[node])  // a clock without a battery forgets again
      if (faults_[held].kind == FaultKind::boot_offset) world_.show_clock(node, faults_[held].wall);
    world_.restart(node);
  }
}

void Nemesis::hold(std::size_t at) {
  for (const NodeId node : targets(faults_[at])) {
    holding_[node].push_back(at);
    refresh(node, family(faults_[at].kind));
  }
}

void Nemesis::release(std::size_t at) {
  const FaultKind kind = faults_[at].kind;
  if (family(kind) == Family::network || family(kind) == Family::radio) return;
  for (const NodeId node : targets(faults_[at]))
    if (std::erase(holding_[node], at) != 0) refresh(node, family(kind));
}

void Nemesis::refresh(NodeId node, Family which) {
  Duration slow{};
  std::int32_t drift = 0;
  Disk::Trouble trouble;
  for (const std::size_t at : holding_[node]) {
    const Fault& fault = faults_[at];
    switch (fault.kind) {
      case FaultKind::slow:
        slow += fault.amount;
        break;
      case FaultKind::drift:
        drift += fault.ppm;
        break;
      case FaultKind::torn_write:
        trouble.torn = true;
        break;
      case FaultKind::sync_error:
        trouble.sync_error = fault.odds;
        break;
      case FaultKind::disk_full:
        trouble.full = true;
        break;
      case FaultKind::never_answers:
        trouble.silent = true;
        break;
      case FaultKind::slow_disk:
        trouble.slow = true;
        trouble.extra = fault.duration;
        break;
      default:
        break;
    }
  }
  if (which == Family::process) world_.slow(node, slow);
  if (which == Family::clock && world_.clock(node).drift() != drift)
    world_.drift_clock(node, drift);
  if (which == Family::disk) world_.disk(node).trouble(trouble);
}

// Drawing.

namespace {

// A family is asked once, whatever the menu holds of it; the number of the family stands for the
// node, and further on that of the menu's line, so that no line shifts the draws of another.
bool takes_part(Choices& choices, const NemesisSpec& spec, Family which) {
  const auto odds = spec.families.find(which);
  if (odds == spec.families.end()) return true;
  return choices.chance(Site::swarm, NodeId{static_cast<std::uint32_t>(which)}, odds->second);
}

class Pick {
 public:
  Pick(Choices& choices, std::size_t line)
      : choices_{choices}, line_{static_cast<std::uint32_t>(line)} {}

  std::uint64_t below(std::uint64_t bound) { return choices_.wide(Site::nemesis, line_, bound); }
  Duration time(const Distribution& of) { return of.draw(choices_, Site::nemesis, line_); }

  Ratio up_to(Ratio most) {
    if (most.num == 0) return most;
    return {static_cast<std::uint32_t>(1 + below(most.num)), most.den};
  }
  std::int64_t either_side(std::int64_t most) {  // of zero
    const auto size = static_cast<std::uint64_t>(most < 0 ? -most : most);
    return static_cast<std::int64_t>(below(2 * size + 1)) - static_cast<std::int64_t>(size);
  }
  std::vector<NodeId> some(std::vector<NodeId> among, std::uint32_t at_most) {
    const std::size_t count =
        1 + below(std::min<std::uint64_t>(std::max(at_most, 1U), among.size()));
    for (std::size_t i = 0; i < count; ++i) std::swap(among[i], among[i + below(among.size() - i)]);
    among.resize(count);
    std::sort(among.begin(), among.end());
    return among;
  }

 private:
  Choices& choices_;
  NodeId line_;
};

Fault one_of(const Menu& menu, Pick& pick) {
  Fault fault = menu.like;
  if (!menu.among.empty()) fault.nodes = pick.some(menu.among, menu.at_once);
  fault.odds = pick.up_to(fault.odds);
  fault.loss.good = pick.up_to(fault.loss.good);
  if (fault.kind == FaultKind::step || fault.kind == FaultKind::slew)
    fault.amount = Duration{pick.either_side(fault.amount.count())};
  else if (fault.kind == FaultKind::slow && fault.amount > Duration::zero())
    fault.amount = Duration{1 + static_cast<std::int64_t>(
                                    pick.below(static_cast<std::uint64_t>(fault.amount.count())))};
  if (fault.kind == FaultKind::drift)
    fault.ppm = static_cast<std::int32_t>(pick.either_side(fault.ppm));
  return fault;
}

}  // namespace

std::vector<Fault> draw(Choices& choices, const NemesisSpec& spec) {
  std::map<Family, bool> in;
  for (const Family which :
       {Family::network, Family::process, Family::clock, Family::disk, Family::radio})
    in[which] = takes_part(choices, spec, which);

  std::vector<Fault> faults;
  for (std::size_t line = 0; line < spec.menu.size(); ++line) {
    const Menu& menu = spec.menu[line];
    if (!in[family(menu.like.kind)]) continue;
    Pick pick{choices, line};
    Instant begins = spec.from + pick.time(menu.gap);
    for (std::uint32_t i = 0; i < menu.at_most && begins < spec.until; ++i) {
      Fault fault = one_of(menu, pick);
      fault.from = begins;
      // Without a length it lasts until heal, like any fault that ends where it begins.
      const Duration length = std::max<Duration>(pick.time(menu.length), Duration{0});
      fault.until = std::min(begins + length, spec.until);
      begins = fault.until + std::max<Duration>(pick.time(menu.gap), Duration{1});
      const auto place =
          std::upper_bound(faults.begin(), faults.end(), fault,
                           [](const Fault& a, const Fault& b) { return a.from < b.from; });
      faults.insert(place, std::move(fault));
    }
  }
  return faults;
}

}  // namespace hubproof::sim
