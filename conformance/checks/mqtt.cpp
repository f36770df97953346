#include "conformance/checks/mqtt.hpp"

#include "conformance/checks/words.hpp"

namespace hubproof::conformance {

using model::EndedBy;
using model::Event;
using model::Phase;
using model::What;
using model::Why;

namespace {

const HubEnd* hub_end(const Seen& seen) {
  const auto device = static_cast<std::size_t>(seen.event.device);
  return device < seen.facts.hub_ends.size() ? &seen.facts.hub_ends[device] : nullptr;
}

const DeviceEnd& device_end(const Seen& seen) {
  return seen.facts.device_ends[static_cast<std::size_t>(seen.event.observer)];
}

// How long a connection may be silent [MQTT-14, MQTT-15].
std::int64_t silence(const Facts& facts, std::uint16_t keep_alive) {
  const std::int64_t cap = facts.terms.keep_alive_cap_ns;
  const std::int64_t limit = std::int64_t{keep_alive} * second * 3 / 2;
  return limit == 0 || limit > cap ? cap : limit;
}

constexpr std::int64_t late_by = 5 * second;  // a loaded machine's timers

}  // namespace

const About OneConnection::about{
    "INV-16", Level::must,
    "A device has at most one live MQTT connection; what arrives on an older one after its end counts for nothing.",
    {"MQTT-09", "MQTT-10"}};

void OneConnection::look(const Seen& seen) {
  if (seen.event.what == What::finished) {
    for (std::uint32_t device = 0; device < seen.facts.hub_ends.size(); ++device) {
      const HubEnd& end = seen.facts.hub_ends[device];
      if (end.older.number != 0 && end.now.accepted_at < seen.event.at)
        fail(seen, "two connections of " + seen.facts.name(device) + " are open at the end");
    }
  } else if (seen.facts.is(seen.event.observer, model::Role::hub)) {
    at_hub(seen);
  } else {
    at_device(seen);
  }
}

void OneConnection::at_hub(const Seen& seen) {
  const Event& event = seen.event;
  const HubEnd* end = hub_end(seen);
  if (end == nullptr) return;
  if (event.what == What::ended && event.why == Why::takeover) pass();
  if (!end->others || end->older.number == 0 || event.at <= end->now.accepted_at) return;
  if (event.connection == end->older.number)
    fail(seen, "an older connection of " + device(seen) + " lived on after a newer one was accepted at " +
                   seconds(end->now.accepted_at));
}

void OneConnection::at_device(const Seen& seen) {
  if (!seen.facts.rivals) return;
  const Event& event = seen.event;
  const DeviceEnd& end = device_end(seen);
  const auto whom = static_cast<std::size_t>(event.device);
  if (whom >= seen.facts.holders.size()) return;
  const Facts::Holder& holder = seen.facts.holders[whom];
  if (holder.node == static_cast<std::uint32_t>(event.observer)) return;
  // The holder's connection is the newer one for certain if it was asked for after ours was accepted.
  if (holder.asked_at <= end.accepted_at) return;
  if (event.what == What::ended) {
    if (!seen.facts.terms.hub_observed && end.connected && event.by != EndedBy::local) pass();
    return;
  }
  if (event.what != What::packet) return;
  for (const InFlight& sent : end.in_flight)
    if (sent.packet_id == event.packet_id && sent.first_sent_at > holder.at)
      fail(seen, "a PUBLISH that " + seen.facts.name(event.observer) + " sent at " +
                     seconds(sent.first_sent_at) + " was acknowledged, after another connection of " +
                     device(seen) + " had been accepted at " + seconds(holder.at));
}

const About WillExactlyOnce::about{
    "INV-17", Level::must,
    "Each connection that had a Will and ended without DISCONNECT leaves exactly one; others leave none.",
    {"MQTT-11", "MQTT-41", "MQTT-42"}};

void WillExactlyOnce::look(const Seen& seen) {
  const Event& event = seen.event;
  const Facts& facts = seen.facts;
  if (facts.terms.broker) return;  // wills go to topics there (broker.hpp)
  if (facts.routed) return;  // it may go to several endpoints or to none, and be repeated
  if (event.what == What::read) {
    const HubEnd* end = hub_end(seen);
    if ((event.flags & model::flag_will) == 0 || end == nullptr || end->read_before(event)) return;
    if (!facts.terms.hub_observed) return;
    if (end->wills_read >= end->wills_possible)
      return fail(seen, "a Will of " + device(seen) + " was read, number " +
                            std::to_string(end->wills_read + 1) + ", but only " +
                            std::to_string(end->wills_possible) + " of its connections can have left one");
    return pass();
  }
  for (std::uint32_t device = 0; device < facts.hub_ends.size(); ++device) {
    const HubEnd& end = facts.hub_ends[device];
    if (!facts.terms.hub_observed && end.wills_read > end.wills_possible && facts.faults == 0)
      fail(seen, facts.name(device) + " left more Wills than connections without DISCONNECT");
    if (end.wills_read >= end.wills_owed) continue;
    const std::string what = std::to_string(end.wills_owed) + " connections of " + facts.name(device) +
                             " ended without DISCONNECT and had a Will; " +
                             std::to_string(end.wills_read) + " were read";
    if (facts.must_have_been_read(device, end.will_ended_at, end.will_ended_at)) {
      fail(seen, what);
    } else {
      undecided(seen, what + ", and more may still come");
    }
  }
}

const About SubscribedFirst::about{
    "INV-18", Level::must, "No command is published on a session without a subscription.",
    {"MQTT-30", "MQTT-13", "MQTT-40"}};

void SubscribedFirst::saw(const Seen& seen) {
  const Event& event = seen.event;
  if (event.packet != model::Packet::publish || (event.flags & model::flag_c2d) == 0) return;
  Subscribed state = Subscribed::unknown;
  if (seen.facts.terms.hub_observed) {
    const HubEnd* end = hub_end(seen);
    if (event.what != What::packet || end == nullptr || !seen.facts.is(event.observer, model::Role::hub))
      return;
    if (event.connection == end->now.number) state = end->subscribed;
  } else {
    state = device_end(seen).subscribed;
  }
  if (state == Subscribed::yes) return pass();
  const std::string what = "a command was published to " + device(seen);
  if (state == Subscribed::no) return fail(seen, what + " before it had subscribed in this session");
  undecided(seen, what + ", and the history does not show whether its session has a subscription");
}

const About SilenceEnds::about{
    "INV-19", Level::must, "A connection that is silent for 1.5 times its keep-alive is closed, and not before.",
    {"MQTT-14", "MQTT-15", "MQTT-16", "TIME-13"}};

void SilenceEnds::look(const Seen& seen) {
  const Facts& facts = seen.facts;
  if (seen.event.what == What::finished) {
    if (!facts.terms.hub_observed) return;
    for (std::uint32_t device = 0; device < facts.hub_ends.size(); ++device) {
      const HubConnection& open = facts.hub_ends[device].now;
      if (open.number != 0 && overdue(facts, device, open, seen.event.at))
        fail(seen, "the connection of " + facts.name(device) + " is still open, " +
                       seconds(seen.event.at - open.received_at) + " after its last packet; its keep-alive is " +
                       std::to_string(open.keep_alive) + " s");
    }
  } else if (facts.is(seen.event.observer, model::Role::hub)) {
    at_hub(seen);
  } else {
    at_device(seen);
  }
}

// Surely too late: the hub did something else meanwhile, and no part of a packet can have come.
bool SilenceEnds::overdue(const Facts& facts, std::uint32_t device, const HubConnection& connection,
                          std::int64_t until) const {
  const std::int64_t limit = silence(facts, connection.keep_alive);
  const std::int64_t due = connection.received_at + limit + limit / 100 + late_by;
  if (until <= due) return false;
  if (!facts.observed(device) || facts.device_ends[device].sent_at > connection.received_at) return false;
  return facts.faults == 0 || facts.hub_was_awake(due, until - late_by);
}

void SilenceEnds::at_hub(const Seen& seen) {
  const Event& event = seen.event;
  const Facts& facts = seen.facts;
  const HubEnd* end = hub_end(seen);
  if (end == nullptr || end->now.number == 0 || event.connection != end->now.number) return;
  const HubConnection& open = end->now;
  const std::int64_t silent = event.at - open.received_at;
  const std::int64_t limit = silence(facts, open.keep_alive);
  if (event.what == What::ended && event.why == Why::keep_alive) {
    if (silent < limit - limit / 100 - second / 100)
      return fail(seen, "the connection of " + device(seen) + " was closed as silent after " +
                            seconds(silent) + "; its keep-alive is " + std::to_string(open.keep_alive) + " s");
    if (!overdue(facts, static_cast<std::uint32_t>(event.device), open, event.at)) return pass();
  }
  if (silent > limit && overdue(facts, static_cast<std::uint32_t>(event.device), open, event.at))
    fail(seen, "the connection of " + device(seen) + " was open " + seconds(silent) +
                   " after its last packet; its keep-alive is " + std::to_string(open.keep_alive) + " s");
}

// Where only the device's end is seen, and nothing disturbs the network: a client that fell silent.
void SilenceEnds::at_device(const Seen& seen) {
  const Event& event = seen.event;
  const Facts& facts = seen.facts;
  if (facts.terms.hub_observed || event.what != What::ended || facts.faults > 0) return;
  const DeviceEnd& end = device_end(seen);
  if (!end.connected || event.connection != end.connection || event.by == EndedBy::local) return;
  const std::int64_t silent = event.at - std::max(end.sent_at, end.accepted_at);
  const std::int64_t limit = silence(facts, end.keep_alive);
  if (silent < limit - limit / 20 - second / 10) return;  // some other reason
  if (silent <= limit + limit / 10 + late_by) return pass();
  fail(seen, "the connection of " + device(seen) + " was closed " + seconds(silent) +
                 " after its last packet; its keep-alive is " + std::to_string(end.keep_alive) + " s");
}

}  // namespace hubproof::conformance
