#include "model/hub/device_queue.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <rapidcheck/state.h>

#include <map>

#include "tests/model/hub_driver.hpp"

namespace hubproof::model {
namespace {

using test::message;

constexpr Date day{Duration{1'700'000'000'000'000'000}};
Now at(Duration since) { return {Instant{since}, day + since}; }

DeviceQueue::Entry entry(std::uint64_t sequence, Duration ttl = 1h, Ack ack = Ack::none) {
  DeviceQueue::Entry entry;
  entry.sequence = sequence;
  entry.enqueued = day;
  entry.expiry = day + ttl;
  entry.ack = ack;
  entry.flat = message("c" + std::to_string(sequence), ack);
  return entry;
}

struct DeviceQueues : testing::Test {
  HubRules rules;
  DeviceQueue queue{rules};
  DeviceQueue::Changes changes;
};

TEST_F(DeviceQueues, FirstDeliveriesAreInSequenceOrder) {
  for (std::uint64_t i = 1; i <= 3; ++i) queue.add(entry(i));
  for (std::uint64_t i = 1; i <= 3; ++i)
    EXPECT_EQ(queue.deliver(LockToken{i}, Holder{1}, Instant{60s})->sequence, i);
  EXPECT_EQ(queue.deliver(LockToken{4}, Holder{1}, Instant{60s}), nullptr);
}

TEST_F(DeviceQueues, ATokenSettlesOnce) {
  queue.add(entry(1));
  queue.deliver(LockToken{7}, Holder{1}, Instant{60s});
  EXPECT_TRUE(queue.settle(LockToken{7}, Settle::complete, changes));
  EXPECT_EQ(changes.back().final, Status::success);
  EXPECT_FALSE(queue.settle(LockToken{7}, Settle::complete, changes));
  EXPECT_EQ(queue.size(), 0u);
}

TEST_F(DeviceQueues, TheOldTokenIsDeadAfterRedelivery) {
  queue.add(entry(1));
  queue.deliver(LockToken{7}, Holder{1}, Instant{60s});
  queue.end_locks(Instant{60s}, changes);
  queue.deliver(LockToken{8}, Holder{1}, Instant{120s});
  EXPECT_FALSE(queue.settle(LockToken{7}, Settle::complete, changes));
  EXPECT_TRUE(queue.settle(LockToken{8}, Settle::complete, changes));
}

TEST_F(DeviceQueues, ALockEndsAtItsTimeAndNotBefore) {
  queue.add(entry(1));
  queue.deliver(LockToken{7}, Holder{1}, Instant{60s});
  queue.end_locks(Instant{60s - 1ns}, changes);
  EXPECT_FALSE(queue.deliverable());
  queue.end_locks(Instant{60s}, changes);
  EXPECT_TRUE(queue.deliverable());
  EXPECT_FALSE(queue.settle(LockToken{7}, Settle::complete, changes));
}

TEST_F(DeviceQueues, OnlyAnAbandonCountsToday) {
  queue.add(entry(1));
  queue.deliver(LockToken{7}, Holder{1}, Instant{60s});
  queue.end_locks(Instant{60s}, changes);
  EXPECT_EQ(queue.entries()[0].count, 0u);
  queue.deliver(LockToken{8}, Holder{1}, Instant{120s});
  queue.settle(LockToken{8}, Settle::abandon, changes);
  EXPECT_EQ(queue.entries()[0].count, 1u);
}

TEST_F(DeviceQueues, EveryReturnCountedIn2017AndTheTenthIsTheLast) {
  rules.delivery_count_rule = DeliveryCountRule::every_return_2017;
  queue.add(entry(1, 1h, Ack::negative));
  std::uint64_t deliveries = 0;
  while (queue.deliverable()) {
    queue.deliver(LockToken{++deliveries}, Holder{1}, Instant{60s});
    if (deliveries % 2 == 0) queue.release(Holder{1}, changes);
    else queue.end_locks(Instant{60s}, changes);
  }
  EXPECT_EQ(deliveries, 10u);
  EXPECT_EQ(changes.back().final, Status::delivery_count_exceeded);
  EXPECT_EQ(changes.back().message_id, "c1");
}

TEST_F(DeviceQueues, AnExpiredMessageLeavesWhetherLockedOrNot) {
  queue.add(entry(1, 10s));
  queue.add(entry(2, 10s));
  queue.deliver(LockToken{7}, Holder{1}, Instant{60s});
  queue.expire(at(10s - 1ms), changes);
  EXPECT_EQ(queue.size(), 2u);
  queue.expire(at(10s), changes);
  EXPECT_EQ(queue.size(), 0u);
  EXPECT_FALSE(queue.settle(LockToken{7}, Settle::complete, changes));
}

TEST_F(DeviceQueues, AReleasedLockReturnsAtOnceOrHoldsWithADeadToken) {
  queue.add(entry(1));
  queue.deliver(LockToken{7}, Holder{1}, Instant{60s});
  queue.release(Holder{2}, changes);
  EXPECT_FALSE(queue.deliverable());
  queue.release(Holder{1}, changes);
  EXPECT_TRUE(queue.deliverable());

  rules.lock_on_disconnect = LockOnDisconnect::hold;
  queue.deliver(LockToken{8}, Holder{1}, Instant{60s});
  queue.release(Holder{1}, changes);
  EXPECT_FALSE(queue.deliverable());
  EXPECT_FALSE(queue.settle(LockToken{8}, Settle::complete, changes));
  queue.end_locks(Instant{60s}, changes);
  EXPECT_TRUE(queue.deliverable());
}

TEST_F(DeviceQueues, APurgeTakesLockedMessagesToo) {
  queue.add(entry(1, 1h, Ack::full));
  queue.add(entry(2));
  queue.deliver(LockToken{7}, Holder{1}, Instant{60s});
  EXPECT_EQ(queue.purge(changes), 2u);
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].final, Status::purged);
}

TEST_F(DeviceQueues, EachWrongRuleBreaksItsOwnPromise) {
  rules.lock_hides = [](Duration) { return false; };
  queue.add(entry(1));
  queue.deliver(LockToken{7}, Holder{1}, Instant{60s});
  EXPECT_NE(queue.deliver(LockToken{8}, Holder::requests, Instant{60s}), nullptr);
  EXPECT_FALSE(queue.settle(LockToken{7}, Settle::abandon, changes));
  rules.old_token_dies = false;
  EXPECT_TRUE(queue.settle(LockToken{7}, Settle::abandon, changes));
  EXPECT_FALSE(queue.settle(LockToken{8}, Settle::complete, changes));
  rules.settle_needs_live_lock = false;
  rules.completed_is_final = [](std::uint64_t) { return false; };
  EXPECT_TRUE(queue.settle(LockToken{8}, Settle::complete, changes));
  EXPECT_EQ(changes.back().final, Status::success);
  EXPECT_TRUE(queue.deliverable());
}

// A naive queue: a map of messages that follows the table of section 3.6 word by word.
struct Naive {
  struct Message {
    Duration expiry{};
    std::uint32_t count = 0;
    bool locked = false;
    std::uint64_t token = 0;
    std::uint32_t holder = 0;
    Duration until{};
  };
  Duration now{};
  std::uint64_t added = 0;
  std::uint64_t tokens = 0;
  std::map<std::uint64_t, Message> messages;
  std::multiset<std::pair<std::uint64_t, Status>> finals;

  void end(std::uint64_t sequence, Status status) {
    finals.insert({sequence, status});
    messages.erase(sequence);
  }
};

struct Queue {
  explicit Queue(const HubRules& rules) : queue{rules} {}
  DeviceQueue queue;
  DeviceQueue::Changes changes;
};

HubRules model_rules(bool every_return) {
  HubRules rules;
  rules.max_delivery_count = 3;
  if (every_return) rules.delivery_count_rule = DeliveryCountRule::every_return_2017;
  return rules;
}

struct Step : rc::state::Command<Naive, Queue> {
  enum Kind { add, deliver, complete, reject, abandon, release, wait, purge };
  Kind kind = *rc::gen::weightedElement<Kind>(
      {{6, add}, {6, deliver}, {3, complete}, {2, reject}, {4, abandon}, {2, release}, {4, wait}, {1, purge}});
  std::uint32_t number = *rc::gen::inRange(0u, 8u);
  bool every_return = false;

  void apply(Naive& m) const override {
    const HubRules rules = model_rules(every_return);
    const auto back = [&](std::uint64_t sequence, bool abandoned) {
      auto& message = m.messages.at(sequence);
      message.locked = false;
      if (!abandoned && !every_return) return;
      if (++message.count >= rules.max_delivery_count)
        m.end(sequence, Status::delivery_count_exceeded);
    };
    const auto sequences = [&](auto&& which) {
      std::vector<std::uint64_t> found;
      for (const auto& [sequence, message] : m.messages)
        if (which(message)) found.push_back(sequence);
      return found;
    };
    const auto settled = [&] {
      return sequences([&](const auto& x) { return x.locked && x.token == token(m); });
    };
    switch (kind) {
      case add:
        if (m.messages.size() < rules.queue_limit)
          m.messages[m.added + 1] = {m.now + number * 20s + 20s, 0, false, 0, 0, {}};
        ++m.added;
        break;
      case deliver:
        ++m.tokens;
        for (auto& [sequence, message] : m.messages)
          if (!message.locked) {
            message.locked = true;
            message.token = m.tokens;
            message.holder = number % 2 + 1;
            message.until = m.now + rules.lock;
            break;
          }
        break;
      case complete: for (const auto s : settled()) m.end(s, Status::success); break;
      case reject: for (const auto s : settled()) m.end(s, Status::rejected); break;
      case abandon: for (const auto s : settled()) back(s, true); break;
      case release:
        for (const auto s : sequences([&](const auto& x) { return x.locked && x.holder == number % 2 + 1; }))
          back(s, false);
        break;
      case wait:
        m.now += number * 10s;
        for (const auto s : sequences([&](const auto& x) { return m.now >= x.expiry; }))
          m.end(s, Status::expired);
        for (const auto s : sequences([&](const auto& x) { return x.locked && m.now >= x.until; }))
          back(s, false);
        break;
      case purge:
        for (const auto s : sequences([](const auto&) { return true; })) m.end(s, Status::purged);
        break;
    }
  }

  void run(const Naive& before, Queue& q) const override {
    Naive after = before;
    apply(after);
    switch (kind) {
      case add:
        if (!q.queue.full()) q.queue.add(entry(before.added + 1, before.now + number * 20s + 20s));
        break;
      case deliver:
        q.queue.deliver(LockToken{before.tokens + 1}, Holder{number % 2 + 1},
                        Instant{before.now + 60s});
        break;
      case complete: q.queue.settle(LockToken{token(before)}, Settle::complete, q.changes); break;
      case reject: q.queue.settle(LockToken{token(before)}, Settle::reject, q.changes); break;
      case abandon: q.queue.settle(LockToken{token(before)}, Settle::abandon, q.changes); break;
      case release: q.queue.release(Holder{number % 2 + 1}, q.changes); break;
      case wait:
        q.queue.expire(at(after.now), q.changes);
        q.queue.end_locks(Instant{after.now}, q.changes);
        break;
      case purge: q.queue.purge(q.changes); break;
    }
    RC_ASSERT(q.queue.size() == after.messages.size());
    for (const auto& e : q.queue.entries()) {
      const auto& expected = after.messages.at(e.sequence);
      RC_ASSERT(e.count == expected.count);
      RC_ASSERT(std::holds_alternative<Invisible>(e.state) == expected.locked);
      if (expected.locked)
        RC_ASSERT(std::get<Invisible>(e.state).token == LockToken{expected.token});
    }
    std::multiset<std::pair<std::uint64_t, Status>> finals;
    for (const auto& change : q.changes)
      if (change.final) finals.insert({change.sequence, *change.final});
    RC_ASSERT(finals == after.finals);
  }

  std::uint64_t token(const Naive& m) const { return m.tokens > number ? m.tokens - number : 0; }
  void show(std::ostream& out) const override {
    static constexpr const char* names[] = {"add",     "deliver", "complete", "reject",
                                            "abandon", "release", "wait",     "purge"};
    out << names[kind] << "(" << number << ")";
  }
};

struct StepOf2017 : Step {
  StepOf2017() { every_return = true; }
};

RC_GTEST_PROP(DeviceQueueModel, FollowsTheTableOf2026, ()) {
  const HubRules rules = model_rules(false);
  Queue queue{rules};
  rc::state::check(Naive{}, queue, rc::state::gen::execOneOfWithArgs<Step>());
}

RC_GTEST_PROP(DeviceQueueModel, FollowsTheTableOf2017, ()) {
  const HubRules rules = model_rules(true);
  Queue queue{rules};
  rc::state::check(Naive{}, queue, rc::state::gen::execOneOfWithArgs<StepOf2017>());
}

}  // namespace
}  // namespace hubproof::model
