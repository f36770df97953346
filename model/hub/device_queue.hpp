// One device's queue of cloud-to-device messages [C2D-09]. No clock, journal or protocol: time
// comes in, and what moved is told in Changes.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/hub/hub.hpp"

namespace hubproof::model {

//                  deliver                     complete
//   ──add──▶ Enqueued ───────▶ Invisible ──────────────────▶ Final: success
//               ▲ │                │ │     reject
//               │ │                │ └──────────────────────▶ Final: rejected
//               │ │                │
//               └─┼────────────────┤ abandon, lock time-out, holder lost; too often:
//                 │                ├────────────────────────▶ Final: delivery_count_exceeded
//                 │ expiry, purge  │
//                 └────────────────┴────────────────────────▶ Final: expired, purged
struct Enqueued {};
struct Invisible {
  LockToken token{};
  Holder holder{};
  Instant until{};
};
struct Final {
  Status status{};
};
using QueueState = std::variant<Enqueued, Invisible, Final>;

class DeviceQueue {
 public:
  struct Entry {
    std::uint64_t sequence = 0;
    Date enqueued{};
    Instant since{};  // the same on the monotonic clock
    Date expiry{};
    MessageKey key{};
    Ack ack{};
    std::uint32_t count = 0;   // [C2D-16]
    Ticket stored{};           // its record's
    LockToken token{};         // of the newest delivery, dead or alive
    LockToken token_before{};  // of the one before
    QueueState state{};
    Bytes flat{};
  };
  struct Change {
    std::uint64_t sequence = 0;
    std::uint32_t count = 0;        // as it is now
    bool counted = false;           // the move raised it
    std::optional<Status> final{};  // it left; otherwise it is Enqueued again
    Ack ack{};
    std::string message_id{};       // of a final one whose sender asked for feedback
  };
  using Changes = std::vector<Change>;

  explicit DeviceQueue(const HubRules& rules) : rules_{&rules} {}

  std::size_t size() const { return entries_.size(); }  // of non-final messages [C2D-04]
  bool full() const { return rules_->queue_full(entries_.size(), rules_->queue_limit); }
  bool deliverable() const;
  const Entry* find(std::uint64_t sequence) const;
  const std::vector<Entry>& entries() const { return entries_; }

  void add(Entry entry);  // the youngest so far
  // Locks the first message that may be delivered and returns it; null: none may.
  const Entry* deliver(LockToken token, Holder holder, Instant until);
  bool settle(LockToken token, Settle how, Changes& changes);  // false: the lock is lost, nothing changed
  void give_back(LockToken token, Changes& changes);  // as if its holder alone had gone
  void release(Holder holder, Changes& changes);  // the holder's connection is gone [C2D-15]
  std::uint32_t purge(Changes& changes, Instant now = {});  // how many it removed [C2D-38]
  // What time does to messages: expiry first, so that it wins over a lock that ends with it [TIME-09].
  void expire(Now now, Changes& changes);
  void end_locks(Instant now, Changes& changes);

  // Recovery. Messages that had been handed over when the hub stopped count as returned [C2D-17].
  void restore_handed(std::uint64_t sequence);
  void restore_returned(std::uint64_t sequence, std::uint32_t count);
  std::optional<Entry> restore_final(std::uint64_t sequence);
  void recovered(Ticket stored, Changes& changes);
  static bool counts_if_returned(const HubRules& rules, const Entry& entry);

 private:
  template <class StepOf>
  void move_all(StepOf&& step_of, Changes& changes);

  const HubRules* rules_;
  std::vector<Entry> entries_;  // by sequence number
};

}  // namespace hubproof::model
