// The feedback stream: records of outcomes gather, form batches, and each batch goes through the
// life of a message: delivered under a lock, completed, abandoned, timed out, expired [FBK-14..FBK-22].
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "model/hub/hub.hpp"

namespace hubproof::model {

class FeedbackStream {
 public:
  struct Lock {
    LockToken token{};
    Instant until{};
  };
  struct Batch {
    std::uint64_t number = 0;
    Date created{};
    Date expiry{};
    std::uint32_t count = 0;
    bool handed = false;  // and its return counts (2017)
    Ticket stored{};      // of the record that says it is a batch
    std::optional<Lock> lock{};
    std::vector<FeedbackRecord> records{};
  };
  struct Change {
    std::uint64_t batch = 0;
    std::uint32_t count = 0;
    bool counted = false;
    bool final = false;  // completed, expired or returned too often; otherwise it waits again
  };
  using Changes = std::vector<Change>;

  explicit FeedbackStream(const HubRules& rules) : rules_{rules} {}

  bool empty() const { return records_.empty() && batches_.empty(); }

  // Records.
  void add(FeedbackRecord record) { records_.push_back(std::move(record)); }
  void forget(std::uint32_t generation);  // its device was deleted [C2D-36]
  std::optional<Instant> batch_due() const;  // [FBK-15]
  const std::vector<FeedbackRecord>& records() const { return records_; }
  // Makes a batch of the records that waited longest.
  Batch& form(Now now, Date date);

  // Batches.
  bool waits(Ticket durable) const {  // is there one to receive?
    return !waiting_.empty() && batches_.at(*waiting_.begin()).stored <= durable;
  }
  Batch* first(Ticket durable) {
    return waits(durable) ? &batches_.at(*waiting_.begin()) : nullptr;
  }
  void lock(Batch& batch, Lock lock);
  bool settle(LockToken token, bool complete, Changes& changes);  // false: the lock is lost
  void give_back(LockToken token, Changes& changes);              // its receiver is gone
  void drop(std::uint64_t batch);
  void expire(Date now, Changes& changes);
  void end_locks(Instant now, Changes& changes);
  std::optional<Instant> first_lock_end() const;
  std::optional<Date> first_expiry() const;
  const std::map<std::uint64_t, Batch>& batches() const { return batches_; }

  // Recovery.
  std::uint64_t next_batch() const { return next_batch_; }
  std::optional<Date> last_batch() const { return last_batch_date_; }
  void restore(std::uint64_t next_batch, std::optional<Date> last_batch);
  void restore_formed(std::uint64_t batch, std::size_t records, Date created, Date expiry);
  void restore(Batch batch);
  void restore_handed(std::uint64_t batch);
  void restore_returned(std::uint64_t batch, std::uint32_t count);
  void recovered(Now now, Ticket stored);

 private:
  void unlock(Batch& batch);
  void returned(Batch& batch, bool abandoned, Changes& changes);

  const HubRules& rules_;
  std::vector<FeedbackRecord> records_;
  std::optional<Instant> last_batch_;
  std::optional<Date> last_batch_date_;
  std::uint64_t next_batch_ = 1;
  std::map<std::uint64_t, Batch> batches_;  // by number, which is also the order of their expiry
  std::set<std::uint64_t> waiting_;         // those without a lock
  std::set<std::pair<Instant, std::uint64_t>> lock_ends_;
  std::map<LockToken, std::uint64_t> tokens_;
};

}  // namespace hubproof::model
