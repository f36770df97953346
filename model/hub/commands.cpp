// The hub's steps on device queues: each changes a queue and writes what it changed.
#include "model/hub/parts.hpp"

namespace hubproof::model {

Outcome Hub::Parts::enqueue(Now now, std::string_view id, View flat) {
  const DeviceIndex index = registry.find(id);
  if (index == DeviceIndex::none) return refused(Error::device_not_found);  // [C2D-07]
  Registration& device = registry.at(index);
  if (!device.info.enabled) return refused(Error::disabled);                // [C2D-08]
  const MessageView message{flat};
  if (message.counted_size() > rules.c2d_size_limit) return refused(Error::too_large);  // [C2D-05]

  const Date enqueued = date(now);
  Date expiry = rules.default_expiry(enqueued, rules.default_ttl, message);  // [C2D-26]
  if (const auto asked = message.expiry()) {
    const bool past = *asked <= enqueued;
    const bool far = *asked > enqueued + rules.max_ttl;  // [C2D-28]
    const bool refuses = rules.invalid_expiry == InvalidExpiry::refuse ||
                         (past && rules.invalid_expiry == InvalidExpiry::cap);
    if ((past || far) && refuses) return refused(Error::invalid_expiry);
    expiry = far ? enqueued + rules.max_ttl : *asked;
  }

  pass_time(now, index);
  if (!device.queue) device.queue = std::make_unique<DeviceQueue>(rules);
  if (device.queue->full()) return refused(Error::queue_full);  // [C2D-03]

  DeviceQueue::Entry entry;
  entry.sequence = device.next_command++;
  entry.enqueued = enqueued;
  entry.since = now.mono;
  entry.expiry = expiry;
  entry.key = message.key();
  entry.ack = message.ack();
  entry.flat.assign(flat.begin(), flat.end());
  if (rules.alters_command_every > 0 && ++commands % rules.alters_command_every == 0 &&
      !flat.empty())
    entry.flat.back() ^= 1;
  entry.stored = journal.append(CommandRecord{device.info.generation, entry.sequence, enqueued,
                                              expiry, 0, false, entry.flat});
  const Ticket ticket = entry.stored;
  const Done done{device.info.generation, 0, entry.sequence, enqueued.time_since_epoch().count(),
                  expiry.time_since_epoch().count()};
  expiry_alarms.set({expiry + rules.expiry_scan, {index, entry.sequence}});
  device.queue->add(std::move(entry));
  became_ready(index);
  return accepted(Promised::command, ticket, done);
}

bool Hub::Parts::deliverable(DeviceIndex index) const {
  const Registration& device = registry.at(index);
  return device.info.enabled && device.queue && device.queue->deliverable();  // [C2D-35]
}

std::optional<Delivery> Hub::Parts::deliver(Now now, DeviceIndex index, Holder holder) {
  if (rules.checks_expiry_on_delivery) pass_time(now, index);  // [INV-10]
  if (!deliverable(index)) return std::nullopt;
  Registration& device = registry.at(index);
  Ticket ticket = token_ticket();
  const LockToken lock = next_token();
  const Instant until = rules.lock_clock(now) + rules.lock;  // from the hand-over on [TIME-10]
  const DeviceQueue::Entry* entry = device.queue->deliver(lock, holder, until);
  lock_alarms.set({until, {index, entry->sequence}});
  ticket = std::max(ticket, entry->stored);
  if (rules.counts_as_return(rules.delivery_count_rule, false))  // a crash is a return too [C2D-17]
    ticket = journal.append(CommandHanded{device.info.generation, entry->sequence});
  return Delivery{lock,
                  entry->key,
                  entry->sequence,
                  entry->count,
                  entry->enqueued,
                  MessageView{entry->flat}.expiry(),
                  entry->expiry,
                  entry->flat,
                  safe(ticket) ? Ticket::none : ticket};
}

Outcome Hub::Parts::settle(Now now, DeviceIndex index, LockToken lock, Settle how) {
  pass_time(now, index);
  Registration& device = registry.at(index);
  changes.clear();
  if (!device.queue || !device.queue->settle(lock, how, changes)) return refused(Error::lock_lost);
  record(now, index, changes);
  return accepted(Promised::settling, journal.newest());
}

void Hub::Parts::release(Now now, DeviceIndex index, Holder holder) {
  if (holder == Holder::requests) return;  // only time ends these
  pass_time(now, index);
  Registration& device = registry.at(index);
  if (!device.queue) return;
  changes.clear();
  device.queue->release(holder, changes);
  record(now, index, changes);
}

void Hub::Parts::give_back(Now now, DeviceIndex index, LockToken lock) {
  pass_time(now, index);
  Registration& device = registry.at(index);
  if (!device.queue) return;
  changes.clear();
  device.queue->give_back(lock, changes);
  record(now, index, changes);
}

Outcome Hub::Parts::purge(Now now, std::string_view id) {
  const DeviceIndex index = registry.find(id);
  if (index == DeviceIndex::none) return refused(Error::device_not_found);
  pass_time(now, index);
  Done done;
  if (Registration& device = registry.at(index); device.queue) {
    changes.clear();
    done.count = device.queue->purge(changes, rules.lock_clock(now));
    record(now, index, changes);
  }
  return accepted(Promised::purge, journal.newest(), done);
}

void Hub::Parts::pass_time(Now now, DeviceIndex index) {
  Registration& device = registry.at(index);
  if (!device.queue) return;
  changes.clear();
  device.queue->expire(now, changes);
  device.queue->end_locks(rules.lock_clock(now), changes);
  record(now, index, changes);
}

void Hub::Parts::ring(Now now) {
  const auto queued = [&](const auto& alarm) {
    const auto& queue = registry.at(alarm.what.device).queue;
    return queue ? queue->find(alarm.what.sequence) : nullptr;
  };
  const auto locked = [&](const auto& alarm) {  // by that lock: a later one has its own alarm
    const DeviceQueue::Entry* entry = queued(alarm);
    const auto* lock = entry != nullptr ? std::get_if<Invisible>(&entry->state) : nullptr;
    return lock != nullptr && lock->until <= alarm.due;
  };
  while (const auto alarm = expiry_alarms.take(now.wall)) {
    pass_time(now, alarm->what.device);
    if (queued(*alarm)) expiry_alarms.set_again(*alarm, now.wall, rules.tick);
  }
  while (const auto alarm = lock_alarms.take(now.mono)) {
    pass_time(now, alarm->what.device);
    if (locked(*alarm)) lock_alarms.set_again(*alarm, now.mono, rules.tick);
  }
  expiry_alarms.tidy(queued);
  lock_alarms.tidy(locked);
}

void Hub::Parts::record(Now now, DeviceIndex index, DeviceQueue::Changes& moved) {
  if (moved.empty()) return;
  Registration& device = registry.at(index);
  const std::uint32_t generation = device.info.generation;
  for (const DeviceQueue::Change& change : moved) {
    if (change.final) {
      const std::uint32_t made = report(now, index, change);
      journal.append(CommandFinal{generation, change.sequence, rules.outcome_holds_feedback ? made : 0,
                                  rules.reported(*change.final), date(now)});
      for (std::uint32_t i = made; !rules.outcome_holds_feedback && i > 0; --i)
        journal.append(entry_of(feedback.records().end()[-static_cast<std::ptrdiff_t>(i)]));
    } else if (change.counted) {
      journal.append(CommandReturned{generation, change.sequence, change.count});
    }
    if (!change.final || *change.final == Status::success) became_ready(index);
  }
  moved.clear();
  if (device.queue->size() == 0) device.queue.reset();
}

void Hub::Parts::became_ready(DeviceIndex index) {
  Registration& device = registry.at(index);
  if (device.listed_ready || !deliverable(index)) return;
  device.listed_ready = true;
  ready.push_back(index);
}

LockToken Hub::Parts::next_token() {
  const LockToken taken{token++};
  if (token + token_block / 2 > tokens_below) {  // long before the last is gone
    if (safe(tokens_ticket)) safe_tokens = tokens_below;
    tokens_below += token_block;
    tokens_ticket = journal.append(TokensRecord{tokens_below});
  }
  return taken;
}

Ticket Hub::Parts::token_ticket() const {
  return token < safe_tokens ? Ticket::none : tokens_ticket;
}

}  // namespace hubproof::model
