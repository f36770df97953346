#include "conformance/checks/c2d.hpp"

#include "conformance/checks/words.hpp"

namespace hubproof::conformance {

using model::Event;
using model::Phase;
using model::What;

namespace {

// A delivery where it began: at the hub's end; where that is not seen, at the device's.
bool begins_delivery(const Seen& seen) {
  if (seen.command == nullptr || seen.command->murky || seen.event.phase != Phase::ok) return false;
  return (seen.event.what == What::packet) == seen.facts.terms.hub_observed;
}

const Settling* asked(const Seen& seen) {
  if (seen.command == nullptr || seen.command->murky || seen.event.phase == Phase::invoke) return nullptr;
  for (const Settling& open : seen.command->open)
    if (open.how == seen.event.what && open.token == seen.event.token) return &open;
  return nullptr;
}

// The first record of a command's outcome.
bool first_record(const Seen& seen) {
  return seen.event.what == What::feedback_record && seen.event.phase == Phase::ok &&
         seen.command != nullptr && !seen.command->murky && !seen.command->recorded;
}

const char* end_text(End end) {
  switch (end) {
    case End::none: return "";
    case End::completed: return "completed";
    case End::rejected: return "rejected";
    case End::purged: return "purged";
    case End::deleted: return "deleted with its device";
    case End::refused: return "refused";
    case End::reported: return "reported as ended";
  }
  return "";
}

const char* status_text(model::Status status) {
  switch (status) {
    case model::Status::success: return "Success";
    case model::Status::expired: return "Expired";
    case model::Status::delivery_count_exceeded: return "DeliveryCountExceeded";
    case model::Status::rejected: return "Rejected";
    case model::Status::purged: return "Purged";
  }
  return "";
}

bool success(const Event& event) { return event.status == model::Status::success; }

}  // namespace

const About QueueIsLimited::about{
    "INV-07", Level::must, "A device queue holds no more messages than its limit, and refuses none below it.",
    {"C2D-03", "C2D-04"}};

void QueueIsLimited::saw(const Seen& seen) {
  if (seen.command == nullptr || seen.command->murky || seen.command->answered) return;
  if (seen.event.phase == Phase::ok) accepted(seen);
  if (seen.event.phase == Phase::fail && seen.event.error == model::Error::queue_full) refused(seen);
}

// Who was accepted and not yet removed, was in the queue when this one came.
void QueueIsLimited::accepted(const Seen& seen) {
  const Facts& facts = seen.facts;
  const std::uint32_t limit = facts.terms.queue_limit;
  if (seen.command->may_be_gone || facts.queues[seen.command->device].certain + 1 < limit) return;
  std::uint32_t waiting = 0;
  facts.each_command(seen.command->device, [&](const Command& command) {
    const bool here = &command == seen.command || (command.accepted && !command.may_be_gone);
    const bool told = &command == seen.command && seen.event.expiry != model::no_date;
    const bool lives = told ? !facts.hub_clock.maybe_was_past(seen.event.expiry, seen.event.at)
                            : facts.lives_still(command, seen.event.at);
    if (here && lives) ++waiting;
  });
  if (waiting > limit)
    return fail(seen, "the queue of " + device(seen) + " holds " + std::to_string(waiting) +
                          " messages; its limit is " + std::to_string(limit));
  if (waiting == limit) pass();
}

void QueueIsLimited::refused(const Seen& seen) {
  const Facts& facts = seen.facts;
  const std::int64_t asked_at = seen.command->invoked_at;
  const ClockBounds& clock = facts.hub_clock;
  std::uint32_t waiting = 0;
  facts.each_command(seen.command->device, [&](const Command& command) {
    if (&command == seen.command || command.end_at <= asked_at) return;
    const std::int64_t expiry = facts.expires_no_later_than(command);
    const bool expired = expiry != model::no_date && clock.changed_at < asked_at &&
                         clock.surely_past(expiry + facts.terms.tick_ns, asked_at);
    if (!expired) ++waiting;
  });
  if (waiting >= facts.terms.queue_limit) return pass();
  const std::string what = id(seen.command->key) + " was refused as one too many, but at most " +
                           std::to_string(waiting) + " messages can have been in the queue of " +
                           facts.name(seen.command->device);
  if (facts.terms.hub_observed) return fail(seen, what);
  undecided(seen, what + ", and what was there before");
}

const About OneLiveToken::about{
    "INV-08", Level::must, "At any time a message has at most one live lock token.", {"C2D-10", "C2D-11"}};

void OneLiveToken::saw(const Seen& seen) {
  if (first_record(seen)) {
    const Command& command = *seen.command;
    if (!success(seen.event) || command.acks_superseded == 0 || command.handed_at_qos0) return;
    if (command.acks == command.acks_superseded && command.tokens_of_link == 0)
      fail(seen, id(command.key) + " was completed by the PUBACK of a delivery that a later one had replaced");
    return;
  }
  const Settling* open = asked(seen);
  if (open == nullptr || !open->superseded) return;
  const std::string what = "a settling of " + id(seen.command->key) +
                           " with the token of an earlier delivery, asked for after a later one, ";
  if (seen.event.phase == Phase::ok) return fail(seen, what + "succeeded");
  if (seen.event.phase == Phase::fail) return pass();
  undecided(seen, what + "has no answer");
}

const About OneFinalState::about{
    "INV-09", Level::must, "An accepted message reaches exactly one final state, no later than its expiry.",
    {"C2D-09", "C2D-29", "C2D-38", "FBK-05"}};

void OneFinalState::saw(const Seen& seen) {
  if (first_record(seen)) return recorded(seen);
  if (seen.event.what != What::feedback_record) settled(seen);
}

void OneFinalState::settled(const Seen& seen) {
  const Settling* open = asked(seen);
  if (open == nullptr || seen.event.phase != Phase::ok || seen.event.what == What::abandon) return;
  const Command& command = *seen.command;
  const char* now = seen.event.what == What::complete ? "completed" : "rejected";
  const End same = seen.event.what == What::complete ? End::completed : End::rejected;
  if (open->expired)
    return fail(seen, id(command.key) + " was " + now + " after its expiry, at " + seconds(open->asked_at));
  if (command.end != End::none && open->asked_at > command.end_at)
    return fail(seen, id(command.key) + " was " + now + " after it had been " + end_text(command.end));
  if (command.recorded && (command.record == model::Status::success) != (same == End::completed))
    return fail(seen, id(command.key) + " was " + now + "; its record says " + status_text(command.record));
  if ((command.end == End::completed || command.end == End::rejected) && command.end != same)
    return fail(seen, id(command.key) + " was " + now + " and " + end_text(command.end));
  pass();
}

void OneFinalState::recorded(const Seen& seen) {
  const Event& event = seen.event;
  const Command& command = *seen.command;
  const bool completed = command.end == End::completed && !success(event);
  const bool rejected = command.end == End::rejected && event.status != model::Status::rejected;
  const bool gone = (command.end == End::purged || command.end == End::deleted) && success(event) &&
                    !command.handed_at_qos0 && command.first_complete_at > command.end_at &&
                    seen.facts.observed(command.device);
  if (completed || rejected || gone)
    return fail(seen, id(command.key) + " was " + end_text(command.end) + "; its record says " +
                          status_text(event.status));
  if (expired_late(seen))
    return fail(seen, id(command.key) + " expired " +
                          seconds(event.date - seen.facts.expires_no_later_than(command)) +
                          " after its time, though the hub was awake");
  pass();
}

bool OneFinalState::expired_late(const Seen& seen) const {
  const Event& event = seen.event;
  const Facts& facts = seen.facts;
  const std::int64_t expiry = facts.expires_no_later_than(*seen.command);
  if (event.status != model::Status::expired || expiry == model::no_date || event.date == model::no_date ||
      !facts.hub_clock.known)
    return false;
  if (event.date - expiry <= facts.terms.tick_ns + 2 * second) return false;
  const std::int64_t due = expiry - facts.hub_clock.low;          // the latest true time of it
  const std::int64_t done = event.date - facts.hub_clock.high;    // the earliest
  if (facts.hub_disturbed_at >= expiry - facts.hub_clock.high) return false;
  // A clock that was set meanwhile may have shown the expiry long before, and stamped the outcome so.
  if (facts.hub_clock_changed_at >= seen.command->invoked_at) return false;
  return facts.faults == 0 || facts.hub_was_awake(due + second / 2, done - second / 2);
}

const About NoDeliveryAfterEnd::about{
    "INV-10", Level::must, "No delivery starts at or after a message's expiry, and none after its end.",
    {"C2D-20", "C2D-21", "C2D-29", "C2D-38"}};

void NoDeliveryAfterEnd::saw(const Seen& seen) {
  if (seen.command == nullptr) {
    const bool begins = (seen.event.what == What::packet) == seen.facts.terms.hub_observed;
    if (begins && seen.event.phase == Phase::ok && seen.facts.was_ended(seen.event.message))
      fail(seen, id(seen.event.message) + " was delivered again long after it had ended");
    return;
  }
  if (!begins_delivery(seen) || after_expiry(seen) || after_end(seen)) return;
  if (seen.command->expiry != model::no_date || seen.event.expiry != model::no_date) pass();
}

bool NoDeliveryAfterEnd::after_expiry(const Seen& seen) {
  const Event& event = seen.event;
  const Facts& facts = seen.facts;
  const std::int64_t expiry =
      event.expiry != model::no_date ? event.expiry : facts.expires_no_later_than(*seen.command);
  if (expiry == model::no_date) return false;
  // The hub's dates are whole ticks: it sees the expiry at the first tick that is not before it.
  const std::int64_t tick = std::max<std::int64_t>(facts.terms.tick_ns, 1);
  const std::int64_t over = (expiry % tick + tick) % tick;
  const std::int64_t last = over == 0 ? expiry : expiry + (tick - over);
  const std::string what = id(seen.command->key) + " was handed over ";
  if (!facts.terms.hub_observed) {
    // The transit is not seen; no transit to a reader that is there takes so long.
    const std::int64_t left = event.at - 5 * second;
    if (!facts.hub_clock.surely_past(last, left) || facts.hub_clock.changed_at >= left) return false;
    fail(seen, what + "after its expiry");
    return true;
  }
  if (event.local == 0 || event.local < last) return false;
  const std::int64_t began = facts.lock_began(*seen.command, event.at);
  const bool clock_moved = facts.hub_clock_changed_at >= began;
  if (began < event.at && (clock_moved || event.local - (event.at - began) < last)) {
    undecided(seen, what + "after its expiry, and may have waited for the disk since before it");
  } else {
    fail(seen, what + seconds(event.local - expiry) + " after its expiry by the hub's own clock");
  }
  return true;
}

bool NoDeliveryAfterEnd::after_end(const Seen& seen) {
  const Event& event = seen.event;
  const Command& command = *seen.command;
  if (command.end != End::none && command.end != End::deleted && event.at > command.end_at) {
    fail(seen, id(command.key) + " was delivered after it had been " + end_text(command.end) + ", known at " +
                   seconds(command.end_at));
    return true;
  }
  if (command.acked_live && command.live_epoch == seen.facts.hub_epoch) {
    fail(seen, id(command.key) + " was delivered again after its PUBACK had reached the hub");
    return true;
  }
  return false;
}

const About RedeliveryHasCause::about{
    "INV-11", Level::must,
    "Between two deliveries of one message there is an abandon, a lock that ran out, or a lost connection.",
    {"C2D-10", "C2D-12", "C2D-22", "TIME-10"}};

void RedeliveryHasCause::saw(const Seen& seen) {
  if (!begins_delivery(seen) || seen.command->hand_overs == 0) return;
  const Facts& facts = seen.facts;
  const Command& command = *seen.command;
  const HandOver& before = command.newest;
  if (!facts.lock_holds(before.began_at, seen.event.at)) return pass();
  if (command.abandoned_at >= before.began_at) return pass();
  if (before.epoch != facts.hub_epoch || facts.hub_started_at >= before.began_at) return pass();
  const DeviceEnd& end = facts.device_ends[command.device];
  const bool lost = facts.hub_ends[command.device].ended_at >= before.began_at ||
                    ((before.link || !facts.terms.hub_observed) && end.ended_at >= before.began_at);
  if (lost) return pass();
  fail(seen, id(command.key) + " was delivered again " + seconds(seen.event.at - before.at) +
                 " after the delivery before it, while that one's lock held");
}

const About DeadTokenDoesNothing::about{
    "INV-12", Level::must, "Settling with a dead token fails and changes nothing.", {"C2D-14", "C2D-24"}};

void DeadTokenDoesNothing::saw(const Seen& seen) {
  if (first_record(seen)) {
    const Command& command = *seen.command;
    if (!success(seen.event) || command.handed_at_qos0 || command.completes == 0) return;
    if (command.completes == command.completes_refused && command.acks == 0)
      return fail(seen, id(command.key) + " is reported as completed, but all that tried it were refused");
    // Without resends on a living connection a delivery may have been renewed unseen [H-23].
    const bool renewed = seen.facts.terms.profile == "mqtt-3.1.1";
    if (command.acks_lapsed > 0 && command.acks == command.acks_lapsed + command.acks_superseded &&
        command.tokens_of_link == 0 && !renewed)
      fail(seen, id(command.key) + " was completed by a PUBACK that came after its lock had run out");
    return;
  }
  const Settling* open = asked(seen);
  if (open == nullptr || open->superseded) return;
  if (seen.event.phase == Phase::fail && seen.event.error == model::Error::lock_lost) return pass();
  if (!open->lapsed) return;
  const std::string what = "a settling of " + id(seen.command->key) + " asked for at " +
                           seconds(open->asked_at) + ", after its lock had run out, ";
  if (seen.event.phase == Phase::ok) return fail(seen, what + "succeeded");
  if (seen.event.phase == Phase::info) undecided(seen, what + "has no answer");
}

const About DeliveryCount::about{
    "INV-13", Level::must, "The delivery count is the number of returns that the profile counts.",
    {"C2D-16", "C2D-17"}};

void DeliveryCount::saw(const Seen& seen) {
  if (!begins_delivery(seen) || seen.event.count == model::unknown_count) return;
  const Command& command = *seen.command;
  const Facts& facts = seen.facts;
  std::uint32_t least = command.abandons_done;
  std::uint32_t most = command.abandons - command.abandons_refused;
  if (facts.terms.count_every_return) {
    least = command.sure_returns;
    if (command.hand_overs > 0 && command.newest.epoch == facts.hub_epoch) ++least;
    most = facts.may_have_more_hand_overs(command) ? model::unknown_count : command.hand_overs;
  }
  if (seen.event.count < least || seen.event.count > most)
    return fail(seen, id(command.key) + " was delivered with the count " + std::to_string(seen.event.count) +
                          ", which should be " + std::to_string(least) +
                          (most == least                   ? ""
                           : most == model::unknown_count ? " or more"
                                                           : " to " + std::to_string(most)));
  if (command.hand_overs > 0) pass();
}

}  // namespace hubproof::conformance
