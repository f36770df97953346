#include "conformance/checks/liveness.hpp"

#include "conformance/checks/words.hpp"

namespace hubproof::conformance {

using model::Phase;
using model::What;

const About QueuesEmpty::about{
    "INV-23", Level::must,
    "The queue of a device that stays connected and acknowledges all becomes empty once the network is quiet.",
    {"DLV-01", "C2D-10", "C2D-12", "MQTT-32", "MQTT-38"}};

// Is the device there to receive, and since when?
bool QueuesEmpty::listens(const Facts& facts, std::uint32_t device, std::int64_t& since) const {
  const Queue& queue = facts.queues[device];
  const DeviceEnd& end = facts.device_ends[device];
  const HubEnd& hub = facts.hub_ends[device];
  if (!facts.nodes[device].up || !end.connected || queue.deleted || queue.disabled || queue.registry_open > 0 ||
      queue.registry_murky)
    return false;
  since = std::max({since, end.accepted_at, queue.enabled_at, facts.nodes[device].started_at});
  bool link = false;
  bool settles = true;
  facts.each_command(device, [&](const Command& command) {
    link = link || command.newest.link;
    // One that it was given and leaves alone may hold back others [C2D-34].
    if (command.deliveries > 0 && command.settled_at < command.delivered_at && command.end == End::none)
      settles = false;
  });
  if (!settles || facts.leaves_alone(device)) return false;
  if (hub.now.number == 0) return link && facts.hub_up;
  since = std::max({since, hub.now.accepted_at, hub.subscribed_at});
  return hub.subscribed == Subscribed::yes;
}

// Can it have left the queue without anybody having been told? Its record, if it was to have one, is
// not what is judged here: that is lost is for FBK-04 to say.
bool QueuesEmpty::may_have_left(const Facts& facts, const Command& command) const {
  if (command.acks > 0 || command.handed_at_qos0 || command.may_be_removed) return true;
  const std::uint32_t registered = facts.queues[command.device].generation;
  if (command.generation != 0 && registered != 0 && command.generation != registered)
    return true;  // it went with a registration that is gone [C2D-36]
  const bool settled_in_the_dark =  // asked for, and no answer came
      command.tokens_of_link > 0 && (command.completes > command.completes_refused ||
                                     command.rejects > command.rejects_refused);
  const std::uint32_t returns = facts.terms.count_every_return
                                    ? command.hand_overs
                                    : command.abandons - command.abandons_refused;
  return settled_in_the_dark || returns >= facts.terms.max_delivery_count;  // [C2D-18]
}

void QueuesEmpty::saw(const Seen& seen) {
  const Facts& facts = seen.facts;
  if (facts.healed_at == never || facts.terms.settle_ns <= 0 || !facts.terms.hub_observed || !facts.hub_up) return;
  const Command* first = nullptr;
  for (std::uint32_t device = 0; device < facts.queues.size(); ++device) {
    if (facts.queues[device].first == Command::none) continue;
    std::int64_t since = std::max(facts.healed_at, facts.hub_started_at);
    if (!listens(facts, device, since)) continue;
    std::int64_t progress = long_ago;
    facts.each_command(device, [&](const Command& command) {
      progress = std::max({progress, command.newest.at, command.settled_at});
    });
    const bool idle = progress <= seen.event.at - facts.terms.settle_ns / 2;
    facts.each_command(device, [&](const Command& command) {
      if (!command.accepted || command.murky) return;
      if (command.end != End::none || command.acked_live) return pass();
      if (may_have_left(facts, command) || facts.queues[device].purges_open > 0 ||
          facts.queues[device].purge_murky || !facts.lives_still(command, seen.event.at))
        return;
      std::int64_t owed = std::max(since, command.accepted_at);
      if (command.hand_overs > 0) owed = std::max(owed, command.newest.at + facts.terms.lock_ns);
      if (!idle || seen.event.at - owed < facts.terms.settle_ns) return;
      if (first == nullptr || command.invoked_event < first->invoked_event) first = &command;
      ++finding_.failed;
    });
  }
  if (first == nullptr) return;
  --finding_.failed;
  finding_.fail(first->invoked_event, first->accepted_at,
                id(first->key) + " still waits in the queue of " + facts.name(first->device) +
                    ", which is connected, subscribed and acknowledges what it gets; it was handed over " +
                    std::to_string(first->hand_overs) + " times");
}

const About SendersEnd::about{
    "INV-24", Level::must, "Once the network is quiet, every sender that tries again ends with an answer.",
    {"DLV-04", "DLV-09", "ERR-36"}};

// Is the sender there, not asleep and not turned away, so that an answer is owed to it?
bool SendersEnd::tries(const Facts& facts, std::uint32_t sender) const {
  const DeviceEnd& end = facts.device_ends[sender];
  const std::uint32_t device = facts.streams[sender].about;
  if (!facts.nodes[sender].up || device >= facts.queues.size()) return false;
  const Queue& queue = facts.queues[device];
  const std::int64_t start = facts.now - facts.terms.settle_ns;
  if (queue.deleted || queue.disabled || queue.registry_open > 0 || queue.registry_murky) return false;
  if (facts.nodes[sender].started_at > start || queue.enabled_at > start) return false;
  if (facts.streams[sender].acked_at > facts.now - facts.terms.settle_ns / 2) return false;  // goes on
  if (end.asleep || end.turned_away) return false;
  // The answer is that the day's quota is used up: what tries again ends when another day begins [QUO-03].
  if (facts.quota_refused_at(device) > facts.now - facts.terms.settle_ns / 2) return false;
  // Another client with its id pushes it out.
  if (facts.holders[device].node != sender && facts.holders[device].at > end.accepted_at) return false;
  if (end.connected) return true;
  return !facts.anyone_slept || end.tried_at > facts.healed_at;
}

void SendersEnd::finish(const Seen& seen) {
  const Facts& facts = seen.facts;
  const std::int64_t settle = facts.terms.settle_ns;
  if (facts.healed_at == never || settle <= 0 || !facts.hub_up) return;
  std::uint64_t stuck = 0;
  std::uint64_t event = 0;
  std::int64_t at = 0;
  std::string what;
  const auto found = [&](std::uint64_t invoked_event, std::int64_t invoked_at, model::MessageKey key,
                         std::uint32_t sender) {
    if (stuck++ > 0 && event < invoked_event) return;
    event = invoked_event;
    at = invoked_at;
    what = id(key) + ", sent by " + facts.name(sender) + " at " + seconds(invoked_at);
  };
  facts.messages.each([&](const Telemetry& message) {
    if (message.acked_at != never || message.given_up ||
        message.life != facts.life(message.sender))
      return;
    if (facts.now - std::max(facts.healed_at, message.invoked_at) < settle) return;
    if (tries(facts, message.sender)) found(message.invoked_event, message.invoked_at, message.key, message.sender);
  });
  for (std::uint32_t device = 0; device < facts.queues.size(); ++device)
    facts.each_command(device, [&](const Command& command) {
      if (command.answered || command.murky || command.service >= facts.nodes.size()) return;
      const Node& service = facts.nodes[command.service];
      if (!service.up || service.crashed_at >= command.invoked_at) return;
      if (facts.now - std::max(facts.healed_at, command.invoked_at) < settle) return;
      found(command.invoked_event, command.invoked_at, command.key, command.service);
    });
  if (stuck == 0) return;
  finding_.failed += stuck - 1;
  finding_.fail(event, at, what + ", has no end yet, " + seconds(facts.now - facts.healed_at) +
                               " after all faults were over" +
                               (stuck > 1 ? "; nor have " + std::to_string(stuck - 1) + " more" : ""));
}

}  // namespace hubproof::conformance
