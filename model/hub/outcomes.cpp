// The hub's steps on feedback: what became of messages, told to whoever sent them.
#include "model/hub/parts.hpp"

namespace hubproof::model {

// Makes the records that an outcome is worth; returns how many [FBK-02..FBK-05].
std::uint32_t Hub::Parts::report(Now now, DeviceIndex index, const DeviceQueue::Change& change) {
  if (!rules.wants_record(change.ack, *change.final)) return 0;
  if (!rules.keeps_record(++records)) return 0;
  const DeviceInfo& device = registry.at(index).info;
  for (std::uint32_t i = 0; i < rules.records_per_outcome; ++i)
    feedback.add({change.message_id, device.id, device.generation, rules.reported(*change.final),
                  date(now).time_since_epoch().count()});
  return rules.records_per_outcome;
}

void Hub::Parts::pass_feedback_time(Now now) {
  while (const auto due = batch_due()) {  // [FBK-15]
    if (*due > now.mono) break;
    const std::size_t waiting = feedback.records().size();
    FeedbackStream::Batch& batch = feedback.form(now, date(now));
    batch.stored = journal.append(
        FeedbackFormed{batch.number, static_cast<std::uint32_t>(waiting - feedback.records().size()),
                       batch.created, batch.expiry});
  }
  const auto first = feedback_deadline();
  if (!first || *first > now.mono) return;
  feedback_changes.clear();
  feedback.expire(date(now), feedback_changes);
  feedback.end_locks(now.mono, feedback_changes);
  record(feedback_changes);
  const auto still = feedback_deadline();
  feedback_pause = still && *still <= now.mono ? std::max(rules.tick, 2 * feedback_pause) : 0ns;
  feedback_quiet = now.mono + feedback_pause;
}

std::optional<Instant> Hub::Parts::batch_due() const {
  const auto due = feedback.batch_due();
  const bool at_once = !due || *due == Instant::min();
  if (at_once || rules.batches_by_monotonic_clock) return due;
  return when(*feedback.last_batch() + rules.feedback_batch);
}

std::optional<Instant> Hub::Parts::feedback_deadline() const {
  std::optional<Instant> first = batch_due();
  const auto sooner = [&](Instant at) {
    at = std::max(at, feedback_quiet);
    if (!first || at < *first) first = at;
  };
  if (const auto end = feedback.first_lock_end()) sooner(*end);
  if (const auto expiry = feedback.first_expiry()) sooner(when(*expiry));
  return first;
}

void Hub::Parts::record(const FeedbackStream::Changes& moved) {
  for (const FeedbackStream::Change& change : moved) {
    if (change.final) journal.append(FeedbackFinal{change.batch});
    else if (change.counted) journal.append(FeedbackReturned{change.batch, change.count});
  }
}

std::optional<Ticket> Hub::Parts::receive_feedback(Now now, Feedback& out) {
  pass_feedback_time(now);
  while (FeedbackStream::Batch* batch = feedback.first(journal.durable())) {
    if (!safe(token_ticket())) return std::nullopt;
    out = {};
    for (const FeedbackRecord& record : batch->records) {
      // Of a device that is gone nothing is told, nor of one to another with its name [C2D-36, INV-21].
      const DeviceIndex index = registry.find(record.device);
      if (index != DeviceIndex::none && registry.at(index).info.generation == record.generation)
        out.records.push_back(record);
    }
    if (out.records.empty()) {
      journal.append(FeedbackFinal{batch->number});
      feedback.drop(batch->number);
      continue;
    }
    out.created = batch->created.time_since_epoch().count();
    out.count = batch->count;
    const LockToken lock = next_token();
    out.token = static_cast<std::uint64_t>(lock);
    feedback.lock(*batch, {lock, now.mono + rules.feedback_lock});
    if (!rules.counts_as_return(rules.delivery_count_rule, false)) return Ticket::none;
    batch->handed = true;
    return journal.append(FeedbackHanded{batch->number});  // a crash is a return too [FBK-18]
  }
  return std::nullopt;
}

Outcome Hub::Parts::settle_feedback(Now now, LockToken lock, bool complete) {
  pass_feedback_time(now);
  feedback_changes.clear();
  if (!feedback.settle(lock, complete, feedback_changes)) return refused(Error::lock_lost);
  record(feedback_changes);
  return accepted(Promised::feedback_settling, journal.newest());
}

void Hub::Parts::give_back_feedback(Now now, LockToken lock) {
  pass_feedback_time(now);
  feedback_changes.clear();
  feedback.give_back(lock, feedback_changes);
  record(feedback_changes);
}

}  // namespace hubproof::model
