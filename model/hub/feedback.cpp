#include "model/hub/feedback.hpp"

#include <algorithm>
#include <utility>

namespace hubproof::model {

void FeedbackStream::forget(std::uint32_t generation) {
  std::erase_if(records_, [&](const FeedbackRecord& r) { return r.generation == generation; });
}

std::optional<Instant> FeedbackStream::batch_due() const {
  if (records_.empty()) return std::nullopt;
  if (records_.size() >= rules_.feedback_batch_limit || !last_batch_) return Instant::min();
  return *last_batch_ + rules_.feedback_batch;
}

FeedbackStream::Batch& FeedbackStream::form(Now now, Date date) {
  const std::uint64_t number = next_batch_;
  restore_formed(number, rules_.feedback_batch_limit, date, date + rules_.feedback_ttl);
  if (!rules_.overflow_waits && !records_.empty()) records_.erase(records_.begin());
  last_batch_ = now.mono;
  return batches_.at(number);
}

void FeedbackStream::lock(Batch& batch, Lock lock) {
  batch.lock = lock;
  waiting_.erase(batch.number);
  lock_ends_.insert({lock.until, batch.number});
  tokens_[lock.token] = batch.number;
}

void FeedbackStream::unlock(Batch& batch) {
  if (!batch.lock) return;
  lock_ends_.erase({batch.lock->until, batch.number});
  tokens_.erase(batch.lock->token);
  batch.lock.reset();
  batch.handed = false;
  waiting_.insert(batch.number);
}

void FeedbackStream::drop(std::uint64_t batch) {
  const auto found = batches_.find(batch);
  if (found == batches_.end()) return;
  unlock(found->second);
  waiting_.erase(batch);
  batches_.erase(found);
}

void FeedbackStream::returned(Batch& batch, bool abandoned, Changes& changes) {
  Change change{batch.number, batch.count, false, false};
  unlock(batch);
  if (rules_.counts_as_return(rules_.delivery_count_rule, abandoned)) {  // [FBK-18]
    change.count = ++batch.count;
    change.counted = true;
    change.final = rules_.count_exceeded(batch.count, rules_.feedback_max_delivery_count);
  }
  changes.push_back(change);
  if (change.final) drop(change.batch);
}

bool FeedbackStream::settle(LockToken token, bool complete, Changes& changes) {
  const auto found = tokens_.find(token);
  if (found == tokens_.end()) return false;
  Batch& batch = batches_.at(found->second);
  if (!complete) {
    returned(batch, true, changes);
    return true;
  }
  changes.push_back({batch.number, batch.count, false, true});
  drop(batch.number);
  return true;
}

void FeedbackStream::give_back(LockToken token, Changes& changes) {
  const auto found = tokens_.find(token);
  if (found != tokens_.end()) returned(batches_.at(found->second), false, changes);
}

void FeedbackStream::expire(Date now, Changes& changes) {  // [FBK-19]
  while (!batches_.empty() && rules_.expired(now, batches_.begin()->second.expiry)) {
    changes.push_back({batches_.begin()->first, batches_.begin()->second.count, false, true});
    drop(batches_.begin()->first);
  }
}

void FeedbackStream::end_locks(Instant now, Changes& changes) {
  while (!lock_ends_.empty() && rules_.lock_ended(now, lock_ends_.begin()->first))
    returned(batches_.at(lock_ends_.begin()->second), false, changes);
}

std::optional<Instant> FeedbackStream::first_lock_end() const {
  if (lock_ends_.empty()) return std::nullopt;
  return lock_ends_.begin()->first;
}

std::optional<Date> FeedbackStream::first_expiry() const {
  if (batches_.empty()) return std::nullopt;
  return batches_.begin()->second.expiry;
}

void FeedbackStream::restore(std::uint64_t next_batch, std::optional<Date> last_batch) {
  next_batch_ = std::max(next_batch_, next_batch);
  last_batch_date_ = last_batch;
}

void FeedbackStream::restore_formed(std::uint64_t number, std::size_t records, Date created,
                                    Date expiry) {
  const auto end = records_.begin() +
                   static_cast<std::ptrdiff_t>(std::min(records, records_.size()));
  Batch batch{number, created, expiry, 0, false, {}, {}, {records_.begin(), end}};
  records_.erase(records_.begin(), end);
  last_batch_date_ = created;
  restore(std::move(batch));
}

void FeedbackStream::restore(Batch batch) {
  next_batch_ = std::max(next_batch_, batch.number + 1);
  waiting_.insert(batch.number);
  batches_.insert_or_assign(batch.number, std::move(batch));
}

void FeedbackStream::restore_handed(std::uint64_t batch) {
  if (const auto found = batches_.find(batch); found != batches_.end()) found->second.handed = true;
}

void FeedbackStream::restore_returned(std::uint64_t batch, std::uint32_t count) {
  if (const auto found = batches_.find(batch); found != batches_.end()) {
    found->second.handed = false;
    found->second.count = count;
  }
}

void FeedbackStream::recovered(Now now, Ticket stored) {
  std::vector<std::uint64_t> too_often;
  for (auto& [number, batch] : batches_) {
    batch.stored = stored;
    if (!std::exchange(batch.handed, false)) continue;
    if (!rules_.counts_as_return(rules_.delivery_count_rule, false)) continue;
    if (rules_.count_exceeded(++batch.count, rules_.feedback_max_delivery_count))
      too_often.push_back(number);
  }
  for (const std::uint64_t number : too_often) drop(number);
  // How long ago the last batch left is known by the wall clock only, and at most as long as matters.
  if (last_batch_date_)
    last_batch_ = now.mono - rules_.batch_age(now.wall - *last_batch_date_, rules_.feedback_batch);
}

}  // namespace hubproof::model
