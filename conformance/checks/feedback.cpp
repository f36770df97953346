#include "conformance/checks/feedback.hpp"

#include "conformance/checks/words.hpp"

namespace hubproof::conformance {

using model::Ack;
using model::Event;
using model::Phase;
using model::Status;
using model::What;

const About FullIsAnswered::about{
    "FBK-04", Level::must, "A message sent with ack full yields a record, whatever becomes of it.",
    {"FBK-01", "FBK-07", "FBK-15", "TIME-12"}};

void FullIsAnswered::saw(const Seen& seen) {
  if (seen.event.what == What::finished) return finish(seen);
  if (seen.command != nullptr && seen.event.phase == Phase::ok && seen.command->ack == Ack::full &&
      !seen.command->recorded)
    pass();
}

// Its outcome is long past, and neither time, nor a deletion, nor a reader that was away explains
// why nobody saw the record.
bool FullIsAnswered::owed(const Facts& facts, const Command& command) const {
  if (!command.accepted || command.ack != Ack::full || command.recorded || command.murky) return false;
  const std::int64_t expiry = facts.expires_no_later_than(command);
  if (expiry == model::no_date || !facts.hub_clock.known) return false;
  const Queue& queue = facts.queues[command.device];
  if (queue.registry_open > 0 || queue.registry_at >= command.invoked_at) return false;
  std::int64_t outcome = std::max(expiry - facts.hub_clock.low, facts.hub_clock_changed_at);
  if (command.end != End::none) outcome = std::min(outcome, command.end_at);
  outcome = std::max({outcome, facts.healed_at, facts.hub_started_at});
  // Its batch forms, waits out the lock of a reader that was lost, and travels.
  const std::int64_t way = facts.terms.feedback_batch_ns + facts.terms.feedback_lock_ns + 60 * second;
  if (facts.now < outcome + way) return false;
  const std::int64_t earliest = command.invoked_at + facts.hub_clock.floor;
  if (facts.hub_clock.maybe_was_past(earliest + facts.terms.feedback_ttl_ns, facts.now)) return false;
  if (facts.terms.count_every_return && facts.hub_epoch >= facts.terms.feedback_max_delivery_count / 2)
    return false;
  return true;
}

void FullIsAnswered::finish(const Seen& seen) {
  const Facts& facts = seen.facts;
  const bool reads = facts.feedback_reader < facts.nodes.size() && facts.nodes[facts.feedback_reader].up &&
                     facts.terms.settle_ns > 0 && facts.healed_at != never &&
                     facts.feedback_at <= facts.now - facts.terms.settle_ns / 2;
  const Command* first = nullptr;
  std::uint64_t missing = 0;
  for (std::uint32_t device = 0; device < facts.queues.size(); ++device)
    facts.each_command(device, [&](const Command& command) {
      if (!owed(facts, command)) return;
      ++missing;
      if (first == nullptr || command.invoked_event < first->invoked_event) first = &command;
    });
  // Where nobody ever asks for feedback, there is nothing to see.
  if (first == nullptr || facts.feedback_reader >= facts.nodes.size()) return;
  const std::string what = id(first->key) + " to " + facts.name(first->device) + ", accepted at " +
                           seconds(first->accepted_at) + " with ack full, never got its record" +
                           (missing > 1 ? "; " + std::to_string(missing - 1) + " more neither" : "");
  if (reads) {
    finding_.fail(first->invoked_event, first->accepted_at, what);
  } else {
    undecided(seen, what + "; but nobody was there to receive it, or records still came");
  }
}

const About OneTrueRecord::about{
    "INV-14", Level::must,
    "A message yields at most one record, only if it was asked for, and the record is true.",
    {"FBK-01", "FBK-02", "FBK-03", "FBK-04", "FBK-05", "FBK-09", "FBK-18", "FBK-22"}};

void OneTrueRecord::saw(const Seen& seen) {
  const Event& event = seen.event;
  if (event.phase != Phase::ok || seen.command == nullptr || seen.command->murky) return;
  const Command& command = *seen.command;
  if (command.recorded) {
    // The same record may come again, with its whole batch [FBK-18].
    const std::int64_t batch = seen.facts.batch_created;
    const bool batches_known = batch != model::no_date && command.record_batch != model::no_date;
    if (command.record != event.status || command.record_date != event.date ||
        (batches_known && batch != command.record_batch) ||
        (event.token != 0 && event.token == command.record_token))
      fail(seen, id(command.key) + " has two records");
    else if (seen.facts.completed_batch(command.record_token))
      fail(seen, id(command.key) + " has its record once more, though the batch that it was in was completed");
    return;
  }
  if (const char* why = untrue(seen)) return fail(seen, id(command.key) + why);
  pass();
}

const char* OneTrueRecord::untrue(const Seen& seen) const {
  const Event& event = seen.event;
  const Facts& facts = seen.facts;
  const Command& command = *seen.command;
  const Queue& queue = facts.queues[command.device];
  if (static_cast<std::uint32_t>(event.device) != command.device)
    return " has a record that names another device";
  if (command.end == End::refused) return " was refused, and has a record";
  const bool good = event.status == Status::success;
  if (command.ack == Ack::none) return " has a record that nobody asked for";
  if (command.ack == Ack::negative && good) return " has a record of success, and only failures were asked for";
  if (command.ack == Ack::positive && !good && event.status != Status::purged)
    return " has a record of a failure, and only success was asked for";
  switch (event.status) {
    case Status::success: return never_completed(facts, command);
    case Status::expired:
      if (const std::int64_t expiry = facts.expires_no_sooner_than(command);
          expiry != model::no_date && event.date != model::no_date && event.date < expiry - facts.terms.tick_ns)
        return " is reported as expired before its time";
      return nullptr;
    case Status::rejected:
      // An MQTT session may turn away what is older than its subscription [OPEN-04].
      if (command.rejects == 0 && command.deliveries > 0 && facts.observed(command.device))
        return " is reported as rejected, and nobody rejected it";
      return nullptr;
    case Status::delivery_count_exceeded: {
      const std::uint32_t most = facts.terms.max_delivery_count;
      const bool counted = facts.terms.count_every_return
                               ? command.hand_overs >= most || facts.may_have_more_hand_overs(command)
                               : command.abandons - command.abandons_refused >= most;
      return counted ? nullptr : " is reported as delivered too often, and was not";
    }
    case Status::purged: return queue.purged ? nullptr : " is reported as purged, and nobody purged";
  }
  return nullptr;
}

const char* OneTrueRecord::never_completed(const Facts& facts, const Command& command) const {
  if (command.handed_at_qos0) return nullptr;  // completed with the write [C2D-31]
  if (facts.terms.hub_observed && command.hand_overs == 0) return " is reported as completed, and was never delivered";
  if (!facts.observed(command.device)) return nullptr;
  if (command.completes == 0) return " is reported as completed, and no device completed it";
  if (facts.terms.hub_observed && !command.newest.link && command.hand_overs > 0 && command.acks == 0 &&
      command.tokens_of_link == 0)
    return " is reported as completed, and no PUBACK for it reached the hub";
  return nullptr;
}

const About BatchesAreSmallAndSoon::about{
    "INV-15", Level::must,
    "A feedback batch has 1 to 64 records and leaves at most 15 s after the one before it while records wait.",
    {"FBK-14", "FBK-15"}};

void BatchesAreSmallAndSoon::saw(const Seen& seen) {
  if (seen.event.what == What::finished) return finish(seen);
  if (seen.event.phase != Phase::ok) return;
  if (seen.event.what == What::feedback_batch) return opened(seen);
  if (!open_) return;
  ++batch_.records;
  if (seen.event.date != model::no_date && (batch_.oldest == model::no_date || seen.event.date < batch_.oldest))
    batch_.oldest = seen.event.date;
  if (batch_.records == batch_.said) closed(seen);
}

void BatchesAreSmallAndSoon::opened(const Seen& seen) {
  const Event& event = seen.event;
  batch_ = {};
  batch_.event = seen.index;
  batch_.at = event.at;
  batch_.created = event.date;
  batch_.said = event.count;
  open_ = true;
  again_ = event.date != model::no_date && seen_.contains(event.date);
  if (event.count == model::unknown_count) return;
  if (event.count == 0 || event.count > seen.facts.terms.feedback_batch_limit) {
    fail(seen, "a feedback batch of " + std::to_string(event.count) + " records");
    open_ = false;
  }
}

void BatchesAreSmallAndSoon::closed(const Seen& seen) {
  open_ = false;
  if (again_ || batch_.created == model::no_date || batch_.oldest == model::no_date) return;
  constexpr std::size_t most = 1024;
  if (seen_.size() == most) seen_.erase(seen_.begin());
  seen_[batch_.created] = batch_.records;
  if (!late(seen.facts, batch_)) return pass();
  // Sure only while nothing moved the hub's clock or stopped the hub. Its dates may be those of a clock that
  // was ahead and has been set right since.
  const Facts& facts = seen.facts;
  const std::int64_t made = batch_.created - facts.hub_clock.high;
  batch_.awake = facts.faults == 0 ? batch_.created
                                   : facts.hub_last_awake(made - second / 4) + facts.hub_clock.low;
  const bool undisturbed =
      facts.hub_clock.known && awake(facts, batch_) &&
      facts.hub_disturbed_at < batch_.oldest - facts.hub_clock.ceiling - facts.terms.feedback_batch_ns;
  if (!undisturbed)
    return undecided(seen, "a feedback batch came late, while the hub was stopped or its clock moved");
  if (late_.size() < 64) late_.push_back(batch_);
}

// 15 s after the one before it, or after its oldest record came, whichever is later.
std::int64_t BatchesAreSmallAndSoon::due(const Facts& facts, const Batch& batch) const {
  const auto at = seen_.lower_bound(batch.created);
  const std::int64_t before = at == seen_.begin() ? batch.oldest : std::prev(at)->first;
  return std::max(batch.oldest, before) + facts.terms.feedback_batch_ns;
}

bool BatchesAreSmallAndSoon::late(const Facts& facts, const Batch& batch) const {
  return batch.created - due(facts, batch) > facts.terms.tick_ns + second;
}

// Did the hub do something while the batch was due? A hub that slept through that time makes the
// batch when it wakes, and nobody could have made it earlier.
bool BatchesAreSmallAndSoon::awake(const Facts& facts, const Batch& batch) const {
  return batch.awake > due(facts, batch) + second / 2;
}

void BatchesAreSmallAndSoon::finish(const Seen& seen) {
  const Facts& facts = seen.facts;
  // What was made has come by now, if someone read until the end.
  const bool all = facts.terms.settle_ns > 0 && facts.healed_at != never &&
                   facts.now >= facts.healed_at + facts.terms.settle_ns &&
                   facts.feedback_reader < facts.nodes.size() && facts.nodes[facts.feedback_reader].up;
  for (const Batch& batch : late_) {
    if (!late(facts, batch)) {
      pass();
    } else if (awake(facts, batch) && (all || facts.faults == 0)) {
      finding_.fail(batch.event, batch.at,
                    "a feedback batch was made " + seconds(batch.created - batch.oldest) +
                        " after the oldest of its records, and no batch had been sent shortly before");
    } else {
      undecided(seen, "a feedback batch came late, and the one before it may not have been seen");
    }
  }
}

}  // namespace hubproof::conformance
