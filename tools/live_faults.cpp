#include "tools/live_faults.hpp"

#include <algorithm>

#include "sim/wide.hpp"
#include "tools/describe_fault.hpp"
#include "tools/scenario.hpp"

namespace hubproof::tools {
namespace {

using sim::FaultKind;

constexpr std::size_t most_shown = 1000;  // the newest

bool of_hub_alone(const std::vector<sim::NodeId>& nodes, const std::vector<std::string>& names) {
  return nodes.size() == 1 && names[static_cast<std::size_t>(nodes[0])] == "hub";
}

bool holds_up(const sim::Fault& fault, bool awake) {
  return fault.kind == FaultKind::partition || fault.kind == FaultKind::hand_over ||
         (fault.kind == FaultKind::sleep_cycle && !awake);
}

}  // namespace

std::string why_not_live(const sim::Fault& fault, const std::vector<std::string>& names, bool has_store) {
  switch (fault.kind) {
    case FaultKind::drop:
    case FaultKind::delay:
    case FaultKind::corrupt:
    case FaultKind::bandwidth:
    case FaultKind::partition:
    case FaultKind::reset:
    case FaultKind::half_open:
    case FaultKind::sleep_cycle:
    case FaultKind::hand_over: return {};
    case FaultKind::connect_refusal:
      if (fault.nodes.empty() && (fault.peers.empty() || of_hub_alone(fault.peers, names))) return {};
      if (fault.peers.empty() && of_hub_alone(fault.nodes, names)) return {};
      return "a connection says whose it is only once it is there: refuse those of everybody, with \"hub\"";
    case FaultKind::crash:
    case FaultKind::process_crash:
    case FaultKind::crash_loop:
    case FaultKind::restart:
      if (!of_hub_alone(fault.nodes, names))
        return "only the hub can go down here: devices and back ends are not this program's; say \"hub\"";
      if (!has_store) return "a hub without a store loses what it acknowledged: give it one with --store";
      return {};
    case FaultKind::step:
      if (of_hub_alone(fault.nodes, names)) return {};
      return "only the hub's clock can be moved here; say \"nodes\": \"hub\"";
    case FaultKind::sync_error:
    case FaultKind::slow_disk:
    case FaultKind::never_answers:
      if (!has_store && fault.kind == FaultKind::sync_error)
        return "a hub without a store does not come back from it: give it one with --store";
      return {};
    case FaultKind::duplicate:
    case FaultKind::reorder: return "TCP puts this right below a live connection; only a simulation has it";
    case FaultKind::dns_failure: return "live clients ask a resolver that is not this program's";
    case FaultKind::pause:
    case FaultKind::slow:
    case FaultKind::boot_offset:
    case FaultKind::drift:
    case FaultKind::slew:
    case FaultKind::torn_write:
    case FaultKind::disk_full:
    case FaultKind::bit_rot: break;
  }
  return "cannot be done to live connections; only a simulation has it";
}

LiveFaults::LiveFaults(std::uint64_t seed) : choices_{seed} { choices_.name(hub_node, "hub"); }

// Draws hang on the device's name and the direction, so that no connection shifts those of another.
sim::NodeId LiveFaults::way(Direction direction, std::string_view device) {
  auto found = ways_.find(device);
  if (found == ways_.end()) {
    const auto number = static_cast<std::uint32_t>(1 + 2 * ways_.size());
    found = ways_.emplace(std::string{device}, number).first;
    choices_.name(sim::NodeId{number}, found->first + " to hub");
    choices_.name(sim::NodeId{number + 1}, "hub to " + found->first);
  }
  return sim::NodeId{found->second + static_cast<std::uint32_t>(direction)};
}

void LiveFaults::plan(const std::vector<sim::Fault>& faults, const std::vector<std::string>& names,
                      model::Instant since, std::optional<model::Instant> heals) {
  const auto side = [&](const std::vector<sim::NodeId>& nodes) {
    Side made;
    made.everybody = nodes.empty();
    for (const sim::NodeId node : nodes) {
      const std::string& name = names[static_cast<std::size_t>(node)];
      if (name == "hub") made.hub = true;
      else made.devices.insert(name);
    }
    return made;
  };
  for (const sim::Fault& fault : faults) {
    One one;
    one.fault = fault;
    one.text = describe_fault(fault, names);
    one.nodes = side(fault.nodes);
    one.peers = side(fault.peers);
    one.from = since + fault.from.time_since_epoch();
    if (lasts(fault.kind) && fault.until > fault.from)
      one.until = since + fault.until.time_since_epoch();
    else if (lasts(fault.kind) && heals)
      one.until = heals;
    all_.push_back(std::move(one));
  }
  if (heals) heals_ = std::max(heals_.value_or(*heals), *heals);
}

void LiveFaults::heal() {
  for (std::size_t at = 0; at < all_.size(); ++at) {
    if (all_[at].state == State::on) end(at);
    all_[at].state = State::over;
  }
  heals_.reset();
  say(Act::Kind::healed, 0);
}

std::optional<model::Instant> LiveFaults::deadline() const {
  std::optional<model::Instant> first = heals_;
  if (given_ < acts_.size()) return model::Instant{};
  const auto sooner = [&](std::optional<model::Instant> other) {
    if (other && (!first || *other < *first)) first = other;
  };
  for (const One& one : all_) {
    if (one.state == State::planned) sooner(one.from);
    if (one.state != State::on) continue;
    sooner(one.until);
    sooner(one.turns);
  }
  return first;
}

std::optional<LiveFaults::Act> LiveFaults::due(model::Instant now) {
  while (given_ == acts_.size()) {
    acts_.clear();
    given_ = 0;
    const auto first = deadline();
    if (!first || *first > now) return std::nullopt;
    bool moved = false;
    for (std::size_t at = 0; at < all_.size() && !moved; ++at) {
      One& one = all_[at];
      if (one.state == State::planned && one.from == *first) begin(at, *first), moved = true;
      else if (one.state == State::on && one.until == *first) end(at), moved = true;
      else if (one.state == State::on && one.turns == *first) turn(at), moved = true;
    }
    if (!moved) heal();
  }
  return acts_[given_++];
}

void LiveFaults::begin(std::size_t at, model::Instant now) {
  One& one = all_[at];
  one.state = State::on;
  ++on_;
  say(Act::Kind::begins, at);
  const bool momentary = !lasts(one.fault.kind);
  switch (one.fault.kind) {
    case FaultKind::reset: say(Act::Kind::reset, at); break;
    case FaultKind::half_open: say(Act::Kind::silence, at); break;
    case FaultKind::step: say(Act::Kind::clock, at); break;
    case FaultKind::restart:
      say(Act::Kind::down, at);
      say(Act::Kind::up, at);
      break;
    case FaultKind::crash:
    case FaultKind::process_crash:
      if (down_++ == 0) say(Act::Kind::down, at);
      break;
    case FaultKind::crash_loop:
      one.phase = true;
      one.turns = now + std::max<model::Duration>(one.fault.gap.draw(choices_, sim::Site::crash_loop, hub_node),
                                                  std::chrono::milliseconds{1});
      break;
    case FaultKind::sleep_cycle:
      one.phase = true;
      one.turns = now + one.fault.awake;
      break;
    default: break;
  }
  if (!momentary) return;
  one.state = State::over;
  --on_;
}

void LiveFaults::end(std::size_t at) {
  One& one = all_[at];
  one.state = State::over;
  --on_;
  say(Act::Kind::ends, at);
  const bool crashed = one.fault.kind == FaultKind::crash || one.fault.kind == FaultKind::process_crash ||
                       (one.fault.kind == FaultKind::crash_loop && !one.phase);
  if (crashed && --down_ == 0) say(Act::Kind::up, at);
  say(Act::Kind::news, at);
}

void LiveFaults::turn(std::size_t at) {
  One& one = all_[at];
  const model::Instant now = *one.turns;
  one.phase = !one.phase;
  if (one.fault.kind == FaultKind::sleep_cycle) {
    one.turns = now + (one.phase ? one.fault.awake : one.fault.period - one.fault.awake);
    return say(Act::Kind::news, at);
  }
  const sim::Distribution& length = one.phase ? one.fault.gap : one.fault.duration;
  one.turns = now + std::max<model::Duration>(length.draw(choices_, sim::Site::crash_loop, hub_node),
                                              std::chrono::milliseconds{1});
  if (!one.phase && down_++ == 0) say(Act::Kind::down, at);
  if (one.phase && --down_ == 0) say(Act::Kind::up, at);
}

bool LiveFaults::covers(const One& one, Direction direction, std::string_view device) const {
  const bool up = one.nodes.has(device) && one.peers.has_hub();
  const bool down = one.nodes.has_hub() && one.peers.has(device);
  if (!one.fault.one_way) return up || down;
  return direction == Direction::to_hub ? up : down;
}

bool LiveFaults::covers(std::size_t fault, std::string_view device) const {
  return covers(all_[fault], Direction::to_hub, device) || covers(all_[fault], Direction::to_device, device);
}

template <class F>
void LiveFaults::each_on(F what) const {
  if (on_ == 0) return;
  for (const One& one : all_)
    if (one.state == State::on) what(one);
}

bool LiveFaults::refuses() const {
  bool found = false;
  each_on([&](const One& one) { found = found || one.fault.kind == FaultKind::connect_refusal; });
  return found;
}

bool LiveFaults::blocked(Direction direction, std::string_view device) const {
  bool found = false;
  each_on([&](const One& one) {
    found = found || (holds_up(one.fault, one.phase) && covers(one, direction, device));
  });
  return found;
}

LiveFaults::Passage LiveFaults::passes(model::Instant now, Direction direction, std::string_view device,
                                       std::size_t bytes) {
  Passage passage;
  passage.leaves = now;
  if (on_ == 0) return passage;
  const sim::NodeId way = this->way(direction, device);
  model::Duration extra{};
  for (One& one : all_) {
    if (one.state != State::on || !covers(one, direction, device)) continue;
    switch (one.fault.kind) {
      case FaultKind::drop:
        if (one.bursts.lost(one.fault.loss, choices_, way)) passage.lost = true;
        break;
      case FaultKind::corrupt:
        if (choices_.chance(sim::Site::corrupt, way, one.fault.odds))
          passage.flipped = choices_.wide(sim::Site::corrupt, way, bytes * 8);
        break;
      case FaultKind::delay: extra += one.fault.duration.draw(choices_, sim::Site::delay, way); break;
      case FaultKind::bandwidth: {
        const auto sending = sim::scaled(bytes, 1'000'000'000, one.fault.bandwidth.bytes_per_second);
        one.line_free = std::max(one.line_free, now) + model::Duration{static_cast<std::int64_t>(sending)};
        passage.leaves = std::max(passage.leaves, one.line_free);
        break;
      }
      default: break;
    }
  }
  passage.leaves += extra;
  return passage;
}

bool LiveFaults::syncs_wait() const {
  bool found = false;
  each_on([&](const One& one) { found = found || one.fault.kind == FaultKind::never_answers; });
  return found;
}

LiveFaults::Sync LiveFaults::syncs(model::Instant now) {
  Sync sync{false, now};
  if (on_ == 0) return sync;
  for (const One& one : all_) {
    if (one.state != State::on) continue;
    if (one.fault.kind == FaultKind::slow_disk)
      sync.answered += one.fault.duration.draw(choices_, sim::Site::sync_latency, hub_node);
    if (one.fault.kind == FaultKind::sync_error && choices_.chance(sim::Site::sync_error, hub_node, one.fault.odds))
      sync.fails = true;
  }
  return sync;
}

std::vector<LiveFaults::Shown> LiveFaults::shown() const {
  std::vector<Shown> all;
  const std::size_t from = all_.size() > most_shown ? all_.size() - most_shown : 0;
  for (std::size_t at = from; at < all_.size(); ++at) {
    constexpr const char* states[] = {"planned", "on", "over"};
    all.push_back({all_[at].text, states[static_cast<std::size_t>(all_[at].state)]});
  }
  return all;
}

}  // namespace hubproof::tools
