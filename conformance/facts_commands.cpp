// The part of Facts that is about cloud-to-device messages: their queues, deliveries, settling,
// ends and records, and the registry that they depend on.
#include "conformance/facts.hpp"

namespace hubproof::conformance {

using model::Event;
using model::MessageKey;
using model::NodeIndex;
using model::Phase;
using model::What;

namespace {

std::uint64_t number(MessageKey key) { return static_cast<std::uint64_t>(key); }
std::uint32_t number(NodeIndex node) { return static_cast<std::uint32_t>(node); }
bool hashed(MessageKey key) { return number(key) >> 63 != 0; }

constexpr std::size_t most_settlings = 16;

}  // namespace

Command* Facts::command_of(const Event& event) {
  switch (event.what) {
    case What::packet:
      if (event.packet != model::Packet::link_delivery &&
          (event.packet != model::Packet::publish || (event.flags & model::flag_c2d) == 0))
        return nullptr;
      break;
    case What::command:
    case What::delivery:
    case What::feedback_record: break;
    case What::complete:
    case What::reject:
    case What::abandon:
      if (event.message == MessageKey::none)
        return valid(event.device) ? command_by_token(number(event.device), event.token) : nullptr;
      break;
    default: return nullptr;
  }
  if (event.message == MessageKey::none) return nullptr;
  const Place* place = command_places_.find(event.message);
  return place == nullptr ? nullptr : &commands[place->at];
}

const Command* Facts::command(MessageKey key) const {
  const Place* place = command_places_.find(key);
  return place == nullptr ? nullptr : &commands[place->at];
}

Command* Facts::command_by_token(std::uint32_t device, std::uint64_t token) {
  if (token == 0) return nullptr;
  for (std::uint32_t at = queues[device].last; at != Command::none; at = commands[at].before) {
    Command& command = commands[at];
    if (command.delivered_token == token || std::ranges::count(command.tokens, token) != 0)
      return &command;
  }
  return nullptr;
}

bool Facts::was_ended(MessageKey key) const {
  const auto after = ended_keys_.upper_bound(number(key));
  return after != ended_keys_.begin() && std::prev(after)->second >= number(key);
}

// A hundredth is more than any clock of a healthy machine runs wrong; who does not see the hub's
// end does not know the time of transit either [TIME-10].
bool Facts::lock_is_over(std::int64_t given_at, std::int64_t time) const {
  const std::int64_t slack = terms.lock_ns / 100 + terms.tick_ns + second / 1000;
  return time - given_at >= terms.lock_ns + slack;
}

bool Facts::lock_holds(std::int64_t given_at, std::int64_t time) const {
  const std::int64_t slack = terms.lock_ns / 100 + terms.tick_ns + second / 1000 +
                             (terms.hub_observed ? 0 : 5 * second);
  return time - given_at < terms.lock_ns - slack;
}

Command& Facts::new_command(MessageKey key, std::uint32_t device) {
  std::uint32_t at = static_cast<std::uint32_t>(commands.size());
  if (free_commands_.empty()) {
    commands.emplace_back();
  } else {
    at = free_commands_.back();
    free_commands_.pop_back();
  }
  command_places_.at(key).at = at;
  Command& command = commands[at];
  command.key = key;
  command.place = at;
  command.device = device;
  Queue& queue = queues[device];
  command.before = queue.last;
  (queue.last == Command::none ? queue.first : commands[queue.last].after) = at;
  queue.last = at;
  ++queue.listed;
  return command;
}

// Gives the place back.
void Facts::retire(Command& command) {
  may_go(command);
  if (command.end != End::none && !command.murky && !hashed(command.key)) {
    const std::uint64_t key = number(command.key);
    auto run = ended_keys_.upper_bound(key);
    if (run != ended_keys_.begin() && std::prev(run)->second + 1 == key) {
      std::prev(run)->second = key;
      if (run != ended_keys_.end() && run->first == key + 1) {
        std::prev(run)->second = run->second;
        ended_keys_.erase(run);
      }
    } else if (run != ended_keys_.end() && run->first == key + 1) {
      const std::uint64_t last = run->second;
      ended_keys_.erase(run);
      ended_keys_[key] = last;
    } else {
      ended_keys_[key] = key;
    }
  }
  Queue& queue = queues[command.device];
  (command.before == Command::none ? queue.first : commands[command.before].after) = command.after;
  (command.after == Command::none ? queue.last : commands[command.after].before) = command.before;
  --queue.listed;
  if (Place* place = command_places_.find(command.key)) command_places_.erase(place);
  const std::uint32_t at = command.place;
  command = Command{};
  free_commands_.push_back(at);
}

// What has not surely ended, but can no longer matter: its time is long over.
void Facts::sweep_commands(std::uint32_t device) {
  Queue& queue = queues[device];
  constexpr std::uint32_t most = 4096;
  for (std::uint32_t at = queue.first; at != Command::none;) {
    Command& command = commands[at];
    at = command.after;
    if (command.end != End::none) continue;  // ended_commands_ keeps it for its while
    std::int64_t over = expires_no_later_than(command);
    if (over == model::no_date && hub_clock.known) over = command.invoked_at + hub_clock.ceiling + terms.default_ttl_ns;
    const bool asked = command.ack != model::Ack::none && !command.recorded;
    const std::int64_t margin = 600 * second + (asked ? 2 * terms.feedback_ttl_ns : 0);
    if (queue.listed > most || (over != model::no_date && hub_clock.surely_past(over + margin, now)))
      retire(command);
  }
  queue.sweep_at = std::max<std::uint32_t>(64, 2 * queue.listed);
}

void Facts::may_go(Command& command) {
  if (command.may_be_gone) return;
  command.may_be_gone = true;
  if (command.accepted) --queues[command.device].certain;
}

void Facts::ended(Command& command, End how, std::int64_t at) {
  may_go(command);
  if (command.end != End::none) return;
  command.end = how;
  command.end_at = at;
  ended_commands_.push_back(command.place);
}

void Facts::retire_oldest() {
  while (ended_commands_.size() > most_ended) {
    retire(commands[ended_commands_.front()]);
    ended_commands_.pop_front();
  }
}

std::int64_t Facts::expires_no_sooner_than(const Command& command) const {
  const bool asked = command.expiry != model::no_date;
  if (asked && (command.told_expiry || terms.longest_ttl_ns == 0)) return command.expiry;
  const bool dated = command.enqueued_low != model::no_date &&
                     (command.accepted || hub_clock.changed_at < command.invoked_at);
  if (!dated) return model::no_date;
  if (!asked) return command.enqueued_low + terms.default_ttl_ns;  // [C2D-27]
  return std::min(command.expiry, command.enqueued_low + terms.longest_ttl_ns);  // it may have been cut [C2D-28]
}

bool Facts::lives_still(const Command& command, std::int64_t at) const {
  const std::int64_t expiry = expires_no_sooner_than(command);
  return expiry != model::no_date && !hub_clock.maybe_was_past(expiry, at);
}

std::int64_t Facts::expires_no_later_than(const Command& command) const {
  const bool asked = command.expiry != model::no_date;
  if (command.enqueued_high == model::no_date) return command.expiry;
  if (!asked) return command.enqueued_high + terms.default_ttl_ns;
  if (command.told_expiry || terms.longest_ttl_ns == 0) return command.expiry;
  return std::min(command.expiry, command.enqueued_high + terms.longest_ttl_ns);
}

void Facts::take_command(const Event& event, std::uint64_t index, Command* command) {
  if (event.phase == Phase::invoke) {
    if (!valid(event.device) || event.message == MessageKey::none) return;
    if (command != nullptr || was_ended(event.message)) {
      if (command != nullptr) command->murky = true;
      return;
    }
    const std::uint32_t device = number(event.device);
    if (queues[device].listed >= queues[device].sweep_at) sweep_commands(device);
    Command& sent = new_command(event.message, device);
    sent.service = number(event.observer);
    sent.ack = event.ack;
    sent.expiry = event.expiry;
    // A hub's dates are whole ticks.
    if (hub_clock.known) sent.enqueued_low = event.at + hub_clock.low - terms.tick_ns;
    sent.digest = event.digest;
    sent.invoked_at = event.at;
    sent.invoked_event = index;
    return;
  }
  if (command == nullptr || command->answered) return;
  command->answered = true;
  if (event.phase == Phase::fail) ended(*command, End::refused, event.at);
  if (event.phase != Phase::ok) return;
  const Queue& queue = queues[command->device];
  command->accepted_at = event.at;
  command->accepted = true;
  if (event.expiry != model::no_date) {
    command->expiry = event.expiry;
    command->told_expiry = true;
  }
  if (command->enqueued_low != model::no_date && hub_clock.changed_at < command->invoked_at)
    command->enqueued_high = event.at + hub_clock.high;
  else
    command->enqueued_low = model::no_date;  // whose clock was set, who knows
  if (!command->may_be_gone) ++queues[command->device].certain;
  const bool quiet = queue.registry_open == 0 && !queue.registry_murky &&
                     queue.registry_at < command->invoked_at;
  command->generation = event.generation != 0 ? event.generation : quiet ? queue.generation : 0;
  if (!quiet || queue.purges_open > 0 || queue.purge_murky) may_be_removed(*command);
}

bool Facts::may_have_more_hand_overs(const Command& command) const {
  if (!terms.hub_observed || hub_started_at >= command.invoked_at) return true;
  const HubEnd& hub = hub_ends[command.device];
  if (hub.ended_at >= command.invoked_at) return true;
  if (hub.now.number != 0) return false;
  // Whose connection of HTTP ended only the device's end tells, and with two devices of one name not
  // even that. Nor does it tell when: what a device asked for before it went down may come to the hub, and lock a
  // message, long after; all that is seen of it is then a connection of nobody that ends.
  const std::int64_t ended_at = device_ends[command.device].ended_at;
  return rivals || ended_at >= command.invoked_at ||
         (ended_at > long_ago && hub_ended_a_nameless_at >= command.invoked_at);
}

// A hub may lock a
// message and then wait until what the delivery promises is durable: the message itself, while its
// sender has no answer; the tokens, after a start; the delivery count, where each delivery counts.
std::int64_t Facts::lock_began(const Command& command, std::int64_t at) const {
  constexpr std::int64_t slowest_sync = 35 * second;
  std::int64_t began = at;
  if (!command.accepted || at <= command.accepted_at) began = command.invoked_at;
  if (at - hub_started_at < slowest_sync) began = std::min(began, hub_started_at);
  if (terms.count_every_return) began = std::min(began, at - slowest_sync);
  began = std::max(began, command.invoked_at);
  return terms.hub_observed ? began : std::min(began, at - 5 * second);
}

void Facts::take_hand_over(const Event& event, Command& command, bool link) {
  if (command.hand_overs > 0 && command.newest.epoch == hub_epoch) ++command.sure_returns;
  ++command.hand_overs;
  command.newest = {event.token,      event.at, lock_began(command, event.at),
                    event.connection, hub_epoch, link};
  std::shift_right(command.tokens.begin(), command.tokens.end(), 1);
  command.tokens[0] = event.token;
  command.acked_live = false;
  const bool may_be_cut = terms.hub_observed && terms.longest_ttl_ns > 0;
  if (event.expiry != model::no_date && (command.expiry == model::no_date || may_be_cut)) {
    command.expiry = event.expiry;
    command.told_expiry = terms.hub_observed;
  }
  if (terms.count_every_return && command.hand_overs >= terms.max_delivery_count) may_go(command);
  if (link) {
    ++command.tokens_of_link;
    return;
  }
  if (event.qos == 0) {
    command.handed_at_qos0 = true;
    may_go(command);
    return;
  }
  HubEnd& end = hub_ends[command.device];
  if (event.connection != end.now.number) return;
  std::erase_if(end.window, [&](const Handed& handed) { return handed.packet_id == event.packet_id; });
  end.window.push_back({command.key, command.hand_overs, event.packet_id});
}

void Facts::take_ack_at_hub(const Event& event) {
  HubEnd& end = hub_ends[number(event.device)];
  if (event.connection != end.now.number) return;
  const auto handed = std::ranges::find(end.window, event.packet_id, &Handed::packet_id);
  if (handed == end.window.end()) return;
  const bool in_order = handed == end.window.begin();
  const Handed what = *handed;
  end.window.erase(handed);
  if (!in_order) end.disordered = true;
  const Place* place = command_places_.find(what.message);
  if (place == nullptr) return;
  Command& command = commands[place->at];
  ++command.acks;
  may_go(command);
  if (what.number != command.hand_overs) {
    ++command.acks_superseded;
  } else if (lock_is_over(command.newest.at, event.at)) {
    ++command.acks_lapsed;
  } else if (lock_holds(command.newest.began_at, event.at) && !end.disordered &&
             lives_still(command, event.at)) {
    command.acked_live = true;
    command.live_epoch = hub_epoch;
  }
}

void Facts::take_delivery(const Event& event, Command* command) {
  if (command == nullptr || event.phase != Phase::ok) return;
  if (!terms.hub_observed) take_hand_over(event, *command, (event.flags & model::flag_link) != 0);
  ++command->deliveries;
  command->delivered_at = event.at;
  command->delivered_token = event.token;
  if ((event.flags & model::flag_link) != 0 && event.token != 0) left_alone_[number(event.observer)].push_back(event.token);
  if (command->expiry == model::no_date) command->expiry = event.expiry;
}

void Facts::take_throttle(const Event& event) {
  if (event.error == model::Error::quota_exceeded && valid(event.device)) quota_refused_[number(event.device)] = event.at;
}

void Facts::take_settling(const Event& event, Command* command) {
  if (command == nullptr) return;
  if (event.phase == Phase::invoke) {
    command->settled_at = event.at;
    if (const auto left = left_alone_.find(number(event.observer)); left != left_alone_.end()) std::erase(left->second, event.token);
    switch (event.what) {
      case What::complete:
        ++command->completes;
        command->first_complete_at = std::min(command->first_complete_at, event.at);
        break;
      case What::reject: ++command->rejects; break;
      default:
        ++command->abandons;
        command->abandoned_at = event.at;
        break;
    }
    if (event.what != What::abandon || command->abandons >= terms.max_delivery_count) may_go(*command);
    Settling asked{event.what, event.token, event.at, false, false, false};
    if (event.token != 0 && command->newest.link) {
      const auto found = std::ranges::find(command->tokens, event.token);
      asked.superseded = found != command->tokens.end() && found != command->tokens.begin();
      asked.lapsed = found == command->tokens.begin() && lock_is_over(command->newest.at, event.at);
    }
    const std::int64_t expiry = expires_no_later_than(*command);
    asked.expired = expiry != model::no_date && hub_clock.surely_past(expiry + terms.tick_ns, event.at);
    if (command->open.size() < most_settlings) command->open.push_back(asked);
    return;
  }
  const auto asked = std::ranges::find_if(command->open, [&](const Settling& open) {
    return open.how == event.what && open.token == event.token;
  });
  if (asked != command->open.end()) command->open.erase(asked);
  if (event.phase == Phase::ok) {
    if (event.what == What::complete) ended(*command, End::completed, event.at);
    if (event.what == What::reject) ended(*command, End::rejected, event.at);
    if (event.what == What::abandon) ++command->abandons_done;
  } else if (event.phase == Phase::fail) {
    if (event.what == What::complete) ++command->completes_refused;
    if (event.what == What::reject) ++command->rejects_refused;
    if (event.what == What::abandon && ++command->abandons_refused == command->abandons)
      command->abandoned_at = long_ago;
  }
}

void Facts::take_record(const Event& event, Command* command) {
  if (command == nullptr || event.phase != Phase::ok) return;
  if (!command->recorded) {
    command->recorded = true;
    command->record = event.status;
    command->record_date = event.date;
    command->record_batch = batch_created;
  }
  command->record_token = event.token;
  ended(*command, End::reported, event.at);
}

// A key counts from when somebody began to give it. It is dead once another has surely taken its place,
// given by somebody who began after it was surely there: of two who change it at once, nobody knows who
// was the last.
void Facts::take_keys(const Event& event, std::uint64_t index) {
  if (!valid(event.device) || event.phase == Phase::fail) return;
  for (const bool primary : {true, false}) {
    const std::uint64_t digest = primary ? event.token : event.sequence;
    if (digest == 0) continue;
    std::vector<KnownKey>& all = keys[number(event.device)];
    if (event.phase == Phase::invoke) {
      constexpr std::size_t most = 256;
      if (all.size() == most) all.erase(all.begin());
      all.push_back({digest, primary, never, never, index, KnownKey::not_yet});
      continue;
    }
    if (event.phase != Phase::ok) continue;
    auto given = std::ranges::find_if(all, [&](const KnownKey& key) {
      return key.digest == digest && key.primary == primary && key.known_at == never;
    });
    if (given == all.end()) given = all.insert(all.end(), {digest, primary, never, never, index, KnownKey::not_yet});
    given->known_at = event.at;
    given->known = index;
    const std::uint64_t asked = given->asked;
    for (KnownKey& key : all)
      if (key.primary == primary && key.known < asked) key.dead_at = std::min(key.dead_at, event.at);
  }
}

void Facts::take_registry(const Event& event, std::uint64_t index) {
  if (!valid(event.device)) return;
  const std::uint32_t device = number(event.device);
  Queue& queue = queues[device];
  const bool deletes = event.what == What::delete_device;
  if (event.what == What::enable_device || event.what == What::disable_device) {
    const bool disables = event.what == What::disable_device;
    std::uint32_t& open = disables ? queue.disables_open : queue.enables_open;
    if (disables) queue.disable_seen = index;
    if (event.phase == Phase::invoke) {
      if (disables) queue.disabled = true;
      else if (open == 0) queue.enable_asked = index;
      ++open;
      return;
    }
    // Of the two at once nobody knows which came last to the hub.
    const bool last = queue.disables_open == 0 && (open == 0 || queue.disable_seen < queue.enable_asked);
    if (open > 0) --open;
    if (!disables && event.phase == Phase::ok && last) {
      queue.disabled = false;
      queue.enabled_at = event.at;
    }
    return;
  }
  if (event.what == What::create_device) take_keys(event, index);
  queue.registry_at = event.at;
  if (event.phase == Phase::invoke) {
    // Of two at once nobody knows which came first to the hub.
    if (queue.registry_open == 0) queue.registry_mixed = false;
    else if (deletes || queue.deletes_open > 0) queue.registry_mixed = true;
    ++queue.registry_open;
    if (!deletes) return;
    ++queue.deletes_open;
    if (queue.delete_asked_at == never) {
      queue.delete_asked_at = event.at;
      queue.delete_asked = index;
    }
    for (std::uint32_t at = queue.first; at != Command::none; at = commands[at].after)
      may_be_removed(commands[at]);
    return;
  }
  const std::int64_t asked_at = queue.delete_asked_at;
  if (queue.registry_open > 0) --queue.registry_open;
  if (deletes && queue.deletes_open > 0 && --queue.deletes_open == 0) queue.delete_asked_at = never;
  if (event.phase == Phase::info) queue.registry_murky = true;
  if (event.phase != Phase::ok) return;
  if (deletes) {
    if (const auto found = keys.find(device); found != keys.end() && asked_at != never)
      for (KnownKey& key : found->second)
        if (key.known < queue.delete_asked) key.dead_at = std::min(key.dead_at, event.at);
    for (std::uint32_t at = queue.first; at != Command::none;) {
      Command& command = commands[at];
      at = command.after;
      if (asked_at != never && command.accepted && command.accepted_at <= asked_at)
        ended(command, End::deleted, event.at);
    }
    // The hub's own word has nobody who asked.
    if (queue.generation != 0 && queue.generation_known < (asked_at == never ? index : queue.delete_asked)) {
      constexpr std::size_t most = 4096;
      if (dead_generations.size() == most) dead_generations.erase(dead_generations.begin());
      dead_generations.push_back({device, queue.generation, event.at});
    }
    queue.generation = 0;
    (queue.registry_mixed ? queue.registry_murky : queue.deleted) = true;
    forget_subscription(hub_ends[device]);
  } else {
    if (queue.registry_open == 0) queue.registry_murky = queue.registry_mixed;
    queue.generation = event.generation;
    queue.generation_known = index;
    queue.deleted = false;
    if (queue.disables_open == 0) queue.disabled = false;
    queue.enabled_at = event.at;
  }
}

void Facts::take_purge(const Event& event) {
  if (!valid(event.device)) return;
  Queue& queue = queues[number(event.device)];
  if (event.phase == Phase::invoke) {
    ++queue.purges_open;
    queue.purged = true;
    queue.purge_asked_at = std::min(queue.purge_asked_at, event.at);
    for (std::uint32_t at = queue.first; at != Command::none; at = commands[at].after)
      may_be_removed(commands[at]);
    return;
  }
  const std::int64_t asked_at = queue.purge_asked_at;
  if (queue.purges_open > 0 && --queue.purges_open == 0) queue.purge_asked_at = never;
  if (event.phase == Phase::info) queue.purge_murky = true;
  if (event.phase != Phase::ok) return;
  for (std::uint32_t at = queue.first; at != Command::none;) {
    Command& command = commands[at];
    at = command.after;
    if (asked_at != never && command.accepted && command.accepted_at <= asked_at)
      ended(command, End::purged, event.at);
  }
}

}  // namespace hubproof::conformance
