#include "model/hub/device_queue.hpp"

#include <algorithm>
#include <utility>

#include "model/hub/tick.hpp"

namespace hubproof::model {
namespace {

struct Deliver {
  LockToken token{};
  Holder holder{};
  Instant until{};
};
struct Complete {};
struct Reject {};
struct Return {
  bool too_often = false;
};
struct LoseHolder {};
struct Expire {};
struct PurgeAll {};
using Step = std::variant<Deliver, Complete, Reject, Return, LoseHolder, Expire, PurgeAll>;

QueueState on(const Enqueued&, const Deliver& e) { return Invisible{e.token, e.holder, e.until}; }
QueueState on(const Enqueued&, const Expire&) { return Final{Status::expired}; }      // [C2D-29]
QueueState on(const Enqueued&, const PurgeAll&) { return Final{Status::purged}; }        // [C2D-38]
QueueState on(const Invisible&, const Complete&) { return Final{Status::success}; }   // [C2D-20]
QueueState on(const Invisible&, const Reject&) { return Final{Status::rejected}; }    // [C2D-21]
QueueState on(const Invisible&, const Return& e) {                                    // [C2D-12, C2D-22]
  if (e.too_often) return Final{Status::delivery_count_exceeded};                     // [C2D-18]
  return Enqueued{};
}
QueueState on(const Invisible& s, const LoseHolder&) {  // the token is dead, the time goes on [C2D-15]
  return Invisible{LockToken::none, Holder::requests, s.until};
}
QueueState on(const Invisible&, const Expire&) { return Final{Status::expired}; }     // [C2D-30]
QueueState on(const Invisible&, const PurgeAll&) { return Final{Status::purged}; }
template <class S, class E>
QueueState on(const S& s, const E&) { return s; }                                     // nothing else moves it

QueueState next(const QueueState& state, const Step& step) {
  return std::visit([](const auto& s, const auto& e) { return on(s, e); }, state, step);
}

bool is_final(const DeviceQueue::Entry& entry) { return std::holds_alternative<Final>(entry.state); }

// What brings a locked message back, as the rule for its delivery count has it [C2D-17].
Return returning(const HubRules& rules, DeviceQueue::Entry& entry, bool abandoned) {
  if (!rules.counts_as_return(rules.delivery_count_rule, abandoned)) return {};
  ++entry.count;
  return {rules.count_exceeded(entry.count, rules.max_delivery_count)};
}

void move(const HubRules& rules, DeviceQueue::Entry& entry, const Step& step,
          std::uint32_t count_before, DeviceQueue::Changes& changes) {
  entry.state = next(entry.state, step);
  DeviceQueue::Change change{entry.sequence, entry.count, entry.count != count_before, {},
                             entry.ack, {}};
  if (const auto* final = std::get_if<Final>(&entry.state)) {
    change.final = final->status;
    if (entry.ack != Ack::none)
      change.message_id = MessageView{entry.flat}.system(System::message_id).value_or("");
    if (final->status == Status::success &&
        !rules.completed_is_final(static_cast<std::uint64_t>(entry.token)))
      entry.state = Enqueued{};
  } else if (!std::holds_alternative<Enqueued>(entry.state)) {
    return;
  }
  changes.push_back(std::move(change));
}

}  // namespace

// Moves each entry by what step_of(entry) gives, and forgets those that are final then.
template <class StepOf>
void DeviceQueue::move_all(StepOf&& step_of, Changes& changes) {
  for (Entry& entry : entries_) {
    const std::uint32_t count = entry.count;
    if (const std::optional<Step> step = step_of(entry))
      move(*rules_, entry, *step, count, changes);
  }
  std::erase_if(entries_, is_final);
}

bool DeviceQueue::deliverable() const {
  return std::ranges::any_of(entries_, [](const Entry& entry) {
    return std::holds_alternative<Enqueued>(entry.state);
  });
}

const DeviceQueue::Entry* DeviceQueue::find(std::uint64_t sequence) const {
  const auto found = std::ranges::lower_bound(entries_, sequence, {}, &Entry::sequence);
  return found != entries_.end() && found->sequence == sequence ? &*found : nullptr;
}

void DeviceQueue::add(Entry entry) { entries_.push_back(std::move(entry)); }

const DeviceQueue::Entry* DeviceQueue::deliver(LockToken token, Holder holder, Instant until) {
  for (Entry& entry : entries_) {  // first by sequence number, also after a return [OPEN-03]
    const auto* lock = std::get_if<Invisible>(&entry.state);
    const bool hidden = lock == nullptr || holder != Holder::requests || rules_->lock_hides(until - lock->until);
    if (hidden && !std::holds_alternative<Enqueued>(entry.state)) continue;
    entry.state = next(Enqueued{}, Deliver{token, holder, until});
    entry.token_before = std::exchange(entry.token, token);
    return &entry;
  }
  return nullptr;
}

bool DeviceQueue::settle(LockToken token, Settle how, Changes& changes) {
  const auto good = [&](const Entry& entry) {
    if (token == LockToken::none) return false;
    if (!rules_->settle_needs_live_lock && entry.token == token) return true;
    const auto* lock = std::get_if<Invisible>(&entry.state);
    return lock != nullptr && (lock->token == token || (!rules_->old_token_dies &&
                                                        entry.token_before == token));
  };
  const auto found = std::ranges::find_if(entries_, good);
  if (found == entries_.end()) return false;  // [C2D-14, C2D-24]
  found->state = Invisible{token, {}, {}};
  const std::uint64_t sequence = found->sequence;
  move_all(
      [&](Entry& entry) -> std::optional<Step> {
        if (entry.sequence != sequence) return std::nullopt;
        switch (how) {
          case Settle::complete: return Complete{};
          case Settle::reject: return Reject{};
          case Settle::abandon: return returning(*rules_, entry, true);
        }
        return std::nullopt;
      },
      changes);
  return true;
}

void DeviceQueue::release(Holder holder, Changes& changes) {
  move_all(
      [&](Entry& entry) -> std::optional<Step> {
        const auto* lock = std::get_if<Invisible>(&entry.state);
        if (lock == nullptr || lock->holder != holder) return std::nullopt;
        if (rules_->lock_on_disconnect == LockOnDisconnect::hold) return LoseHolder{};
        return returning(*rules_, entry, false);
      },
      changes);
}

void DeviceQueue::give_back(LockToken token, Changes& changes) {
  move_all(
      [&](Entry& entry) -> std::optional<Step> {
        const auto* lock = std::get_if<Invisible>(&entry.state);
        if (lock == nullptr || token == LockToken::none || lock->token != token)
          return std::nullopt;
        if (rules_->lock_on_disconnect == LockOnDisconnect::hold) return LoseHolder{};
        return returning(*rules_, entry, false);
      },
      changes);
}

std::uint32_t DeviceQueue::purge(Changes& changes, Instant now) {
  const std::size_t before = entries_.size();
  move_all(
      [&](Entry& entry) -> std::optional<Step> {
        const auto* lock = std::get_if<Invisible>(&entry.state);
        if (lock != nullptr &&
            (!rules_->purge_takes_locked || lock->until - now < rules_->purge_spares))
          return std::nullopt;
        return PurgeAll{};
      },
      changes);
  return static_cast<std::uint32_t>(before - entries_.size());
}

void DeviceQueue::expire(Now now, Changes& changes) {
  move_all(
      [&](Entry& entry) -> std::optional<Step> {
        if (!rules_->expires_behind_head && &entry != &entries_.front()) return std::nullopt;
        const Date date = rules_->expiry_clock(now, entry.enqueued, entry.since);
        const Date shown = cut(date, rules_->tick);
        const bool locked = std::holds_alternative<Invisible>(entry.state);
        if (!rules_->expired(shown, entry.expiry + (locked ? rules_->expiry_spares_locked : 0ns)))
          return std::nullopt;
        return Expire{};
      },
      changes);
}

void DeviceQueue::end_locks(Instant now, Changes& changes) {
  move_all(
      [&](Entry& entry) -> std::optional<Step> {
        const auto* lock = std::get_if<Invisible>(&entry.state);
        if (lock == nullptr || !rules_->lock_ended(now, lock->until)) return std::nullopt;
        return returning(*rules_, entry, false);
      },
      changes);
}

void DeviceQueue::restore_handed(std::uint64_t sequence) {
  for (Entry& entry : entries_)
    if (entry.sequence == sequence) entry.state = Invisible{};
}

void DeviceQueue::restore_returned(std::uint64_t sequence, std::uint32_t count) {
  for (Entry& entry : entries_)
    if (entry.sequence == sequence) {
      entry.state = Enqueued{};
      entry.count = count;
    }
}

std::optional<DeviceQueue::Entry> DeviceQueue::restore_final(std::uint64_t sequence) {
  const auto found = std::ranges::find(entries_, sequence, &Entry::sequence);
  if (found == entries_.end()) return std::nullopt;
  Entry left = std::move(*found);
  entries_.erase(found);
  return left;
}

void DeviceQueue::recovered(Ticket stored, Changes& changes) {
  for (Entry& entry : entries_) entry.stored = stored;
  move_all(
      [&](Entry& entry) -> std::optional<Step> {
        if (!std::holds_alternative<Invisible>(entry.state)) return std::nullopt;
        return returning(*rules_, entry, false);
      },
      changes);
  if (rules_->ready_after_recovery) return;
  for (Entry& entry : entries_) entry.state = Invisible{{}, {}, Instant::max()};
}

bool DeviceQueue::counts_if_returned(const HubRules& rules, const Entry& entry) {
  return std::holds_alternative<Invisible>(entry.state) &&
         rules.counts_as_return(rules.delivery_count_rule, false);
}

}  // namespace hubproof::model
