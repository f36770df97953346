#include "model/broker/broker.hpp"

#include <algorithm>
#include <utility>

namespace hubproof::model::broker {
namespace {

std::size_t size_of(const Message& message) { return message.topic.size() + message.payload.size(); }

MessagePtr shared(std::string_view topic, View payload) {
  return std::make_shared<const Message>(Message{std::string{topic}, {payload.begin(), payload.end()}});
}

}  // namespace

Broker::Broker(const HubRules& journal_rules, const BrokerRules& rules) : rules_{rules}, journal_{journal_rules} {}

// ---- The store.

void Broker::stored(Now now, Ticket ticket, bool ok, Effects& effects) {
  switch (journal_.stored(ticket, ok)) {
    case Journal::Stored::not_yet: return;
    case Journal::Stored::failed:  // memory and disk may disagree now: recovery is the cure
      halted_ = true;
      return effects.halt();
    case Journal::Stored::durable: break;
  }
  if (journal_.may_remove_segments()) journal_.remove_old_segments(now, effects);
}

void Broker::woken(Now now, Effects& effects) {
  if (const auto ends = journal_.patience_ends(); !halted_ && ends && now.mono >= *ends) {
    halted_ = true;
    effects.halt();
  }
}

void Broker::flush(Now now, Effects& effects) {
  if (halted_) return;
  journal_.sync(now, effects);
  if (!journal_.wants_segment(now.mono)) return;
  begin_segment();
  journal_.sync(now, effects);
}

// ---- Connections.

Session* Broker::find(std::uint64_t session) {
  const auto found = sessions_.find(session);
  return found == sessions_.end() ? nullptr : found->second.get();
}

ConnectionId Broker::connection_of(std::string_view client) const {
  const auto found = by_client_.find(client);
  return found == by_client_.end() ? ConnectionId::none : sessions_.at(found->second)->connection;
}

Session& Broker::make(std::string_view client) {
  const std::uint64_t number = next_number_++;
  auto& session = sessions_[number] = std::make_unique<Session>();
  session->number = number;
  session->client = client;
  by_client_[session->client] = number;
  return *session;
}

void Broker::drop(Session& session) {
  for (const auto& [filter, qos] : session.filters) subscriptions_.remove(filter, session.number);
  if (!rules_.retained_outlives_session)
    std::erase_if(retained_, [&](const auto& one) { return one.second.from == session.number; });
  const auto known = by_client_.find(session.client);
  if (known != by_client_.end() && known->second == session.number) by_client_.erase(known);
  if (session.kept) journal_.append(SessionGone{session.number});
  sessions_.erase(session.number);
}

Broker::Begun Broker::begin(std::string_view client, bool clean, const std::optional<NewWill>& will,
                            ConnectionId connection) {
  Begun begun;
  Session* session = nullptr;
  std::optional<Will> forgotten;  // see rules
  if (const auto known = by_client_.find(client); known != by_client_.end()) {
    begun.known = true;
    session = &at(known->second);
    if (!rules_.old_will_is_forgotten) forgotten = session->will;
    const bool goes_on = clean ? !rules_.clean_forgets_older : rules_.resumes_sessions;
    if (!goes_on) {
      drop(*session);
      session = nullptr;
    }
  }
  begun.resumed = session != nullptr;
  if (session == nullptr) session = &make(client);
  if (clean && session->kept) journal_.append(SessionGone{session->number});
  if (!clean && !session->kept) journal_.append(SessionRecord{session->number, session->client, 0});
  session->kept = !clean;
  session->connection = connection;
  session->will = std::move(forgotten);
  if (will) {
    session->will = Will{shared(will->topic, will->payload), will->qos, will->retain};
    write_will(session->number, *session->will);
  }
  if (session->kept && !session->queue.empty()) journal_.append(SentRecord{session->number});
  begun.session = session->number;
  begun.ticket = journal_.newest();
  return begun;
}

void Broker::resend(std::uint64_t number) {
  Session& session = at(number);
  const std::size_t before = sends_.size();
  for (Outgoing& one : session.queue) {
    const bool again = std::exchange(one.sent, true);
    if (again && !(one.received ? rules_.resends_releases : rules_.resends)) continue;
    if (one.received && rules_.received_is_final) {
      sends_.push_back({session.connection, nullptr, one.id, 0, false, false, {}});
      continue;
    }
    if (again && !rules_.resend_keeps_id) {
      session.ids.erase(one.id);
      session.ids.insert(one.id = fresh_id(session));
    }
    sends_.push_back({session.connection, one.message, one.id, one.qos, one.retain,
                      again && rules_.resend_sets_dup, {}});
  }
  if (!rules_.resends_in_order) std::reverse(sends_.begin() + static_cast<std::ptrdiff_t>(before), sends_.end());
  send_since(before, journal_.newest());
}

void Broker::end(std::uint64_t number, std::uint32_t wills) {
  Session& session = at(number);
  session.connection = ConnectionId::none;
  if (const std::optional<Will> will = std::exchange(session.will, std::nullopt)) {
    const bool retain = rules_.will_retain(will->retain);
    for (std::uint32_t n = 0; n < wills; ++n)
      route(0, {will->message->topic, will->message->payload, 0, rules_.will_qos(will->qos), retain, false}, number);
    if (wills == 0) journal_.append(WillRecord{number, false, 0, false, {}, {}});
    if (!rules_.old_will_is_forgotten) session.will = will;
  }
  if (session.kept ? !rules_.session_outlives_connection : rules_.clean_ends_with_connection) drop(session);
}

// ---- Subscriptions.

bool Broker::has(std::uint64_t number, std::string_view filter) const {
  return sessions_.at(number)->filters.contains(filter);
}

Ticket Broker::subscribe(std::uint64_t number, std::string_view filter, std::uint8_t qos) {
  Session& session = at(number);
  const auto held = session.filters.find(filter);
  if (held != session.filters.end()) {
    if (!rules_.same_filter_replaces) return journal_.newest();
    held->second = qos;
  } else {
    session.filters.emplace(filter, qos);
  }
  subscriptions_.add(filter, number, qos);
  return session.kept ? journal_.append(FilterRecord{number, true, qos, filter}) : Ticket::none;
}

void Broker::send_retained(std::uint64_t number, std::string_view filter, std::uint8_t qos, bool is_new) {
  if (!rules_.sends_retained || (!is_new && !rules_.sends_retained_again)) return;
  Session& session = at(number);
  std::size_t found = 0;
  for (const auto& [topic, kept] : retained_) {
    if (!rules_.matches(filter, topic)) continue;
    if (++found > rules_.retained_most) break;
    const std::size_t before = sends_.size();
    MessageRecord record;
    record.topic = topic;
    record.payload = kept.message->payload;
    record.qos = kept.qos;
    file(session, kept.message, rules_.delivered(rules_.retained_qos(kept.qos), qos), rules_.retain_flag(true, true),
         false, record);
    if (!record.copies.empty()) send_since(before, journal_.append(record));
  }
}

void Broker::forget_subscriptions(std::uint64_t number) {
  Session& session = at(number);
  while (!session.filters.empty()) unsubscribe(number, std::string{session.filters.begin()->first});
}

Broker::Removed Broker::unsubscribe(std::uint64_t number, std::string_view filter) {
  Session& session = at(number);
  Removed removed;
  for (auto held = session.filters.begin(); held != session.filters.end();) {
    if (!rules_.removes(filter, held->first)) {
      ++held;
      continue;
    }
    removed.any = true;
    if (rules_.unsubscribing_stops) subscriptions_.remove(held->first, number);
    if (session.kept) removed.ticket = journal_.append(FilterRecord{number, false, 0, held->first});
    held = session.filters.erase(held);
  }
  if (removed.any && !rules_.unsubscribing_spares_begun)
    while (!session.queue.empty()) forget(session, session.queue.front().id);
  return removed;
}

// ---- Messages.

Ticket Broker::publish(std::uint64_t number, const Incoming& message) {
  Session& session = at(number);
  const bool twice = message.qos == 2;
  if (twice && session.taken.contains(message.id) && rules_.repeats_are_known) return journal_.newest();
  if (message.qos == 1 && message.dup && !rules_.dup_is_new) return journal_.newest();
  if (twice) session.taken.insert(message.id);
  return route(number, message, 0);
}

// Files a message in the sessions that have subscribed to it [mqtt311:4.5.0-1].
Ticket Broker::route(std::uint64_t from, const Incoming& message, std::uint64_t will_of) {
  const MessagePtr message_ptr = shared(message.topic, message.payload);
  const std::size_t before = sends_.size();
  MessageRecord record;
  record.topic = message_ptr->topic;
  record.payload = message_ptr->payload;
  record.qos = message.qos;
  record.will_of = will_of;
  const Session* publisher = find(from);
  if (publisher != nullptr && publisher->kept && message.qos == 2) {
    record.from = from;
    record.packet = message.id;
  }
  record.keeping = keep(from, message, message_ptr);
  std::size_t nth = 0;
  const bool delivered = !message.payload.empty() || !message.retain || rules_.empty_is_delivered;
  if (delivered)
    for (const auto& match : subscriptions_.matching(message.topic))
      if (Session* session = find(match.session); session != nullptr && rules_.files(++nth))
        file(*session, message_ptr, rules_.delivered(message.qos, match.qos),
             rules_.retain_flag(message.retain, false), message.dup && !rules_.dup_is_its_own, record);
  const bool matters = record.packet != 0 || record.will_of != 0 || record.keeping != Keeping::nothing ||
                       !record.copies.empty();
  const Ticket ticket = matters ? journal_.append(record) : Ticket::none;
  send_since(before, ticket);
  if (rules_.overtakes_every != 0 && will_of == 0) {
    const bool waits = ++routed_ % rules_.overtakes_every == 0;
    sends_.insert(sends_.end(), overtaken_.begin(), overtaken_.end());
    overtaken_.clear();
    if (waits) {
      overtaken_.assign(sends_.begin() + static_cast<std::ptrdiff_t>(before), sends_.end());
      sends_.resize(before);
    }
  }
  return ticket;
}

Keeping Broker::keep(std::uint64_t from, const Incoming& message, const MessagePtr& message_ptr) {
  if (!message.retain) {
    if (!rules_.plain_touches_retained) return Keeping::nothing;
    retained_.erase(message_ptr->topic);
    return Keeping::erased;
  }
  const auto kept = retained_.find(message.topic);
  if (message.payload.empty() && !rules_.empty_is_kept) {
    if (kept == retained_.end() || !rules_.empty_erases) return Keeping::nothing;
    retained_.erase(kept);
    return Keeping::erased;
  }
  if (kept != retained_.end() && !rules_.displaces(message.qos)) return Keeping::nothing;
  if (!rules_.retains(message.qos)) return Keeping::nothing;
  retained_[message_ptr->topic] = {message_ptr, message.qos, from};
  return Keeping::kept;
}

// A copy for one session: sent, if its client is there, and under way until that has acknowledged it.
void Broker::file(Session& session, const MessagePtr& message, std::uint8_t qos, bool retain, bool dup,
                  MessageRecord& record) {
  const bool there = session.connection != ConnectionId::none;
  std::uint16_t id = 0;
  if (qos > 0 && rules_.waits_for_ack) {
    if (!there && !rules_.queues(qos)) return;
    if (session.queue.size() >= rules_.queue_limit || session.bytes + size_of(*message) > rules_.queue_bytes) return;
    id = fresh_id(session);
    session.ids.insert(id);
    session.queue.push_back({message, id, qos, retain, there, false});
    session.bytes += size_of(*message);
    if (session.kept) record.copies.push_back({session.number, id, qos, retain, there});
  } else if (qos > 0) {
    id = fresh_id(session);
  }
  if (there) sends_.push_back({session.connection, message, id, qos, retain, dup, {}});
}

void Broker::send_since(std::size_t from, Ticket ticket) {
  for (std::size_t at = from; at < sends_.size(); ++at) sends_[at].ticket = ticket;
}

std::uint16_t Broker::fresh_id(Session& session) const {
  do session.last_id = rules_.next_id(session.last_id);
  while ((session.last_id == 0 && rules_.skips_id_zero) ||
         (rules_.skips_used_ids && session.ids.contains(session.last_id)));
  return session.last_id;
}

Outgoing* Broker::outgoing(Session& session, std::uint16_t id) {
  const auto found = std::ranges::find(session.queue, id, &Outgoing::id);
  return found == session.queue.end() ? nullptr : &*found;
}

void Broker::forget(Session& session, std::uint16_t id) {
  const auto found = std::ranges::find(session.queue, id, &Outgoing::id);
  if (found == session.queue.end()) return;
  session.bytes -= size_of(*found->message);
  session.ids.erase(id);
  session.queue.erase(found);
}

void Broker::done(Session& session, std::uint16_t id) {
  forget(session, id);
  if (session.kept) journal_.append(ProgressRecord{session.number, id, ProgressRecord::Step::done});
}

// An acknowledgement of something else is passed over: it may be a late one.
void Broker::acknowledged(std::uint64_t number, std::uint16_t id) {
  Session& session = at(number);
  if (const Outgoing* one = outgoing(session, id); one != nullptr && one->qos == 1) done(session, id);
}

void Broker::received(std::uint64_t number, std::uint16_t id) {
  Session& session = at(number);
  Outgoing* const one = outgoing(session, id);
  if (one != nullptr && one->qos != 2) return;
  Ticket ticket = journal_.newest();
  if (one != nullptr && !one->received) {
    one->received = true;
    if (session.kept) ticket = journal_.append(ProgressRecord{number, id, ProgressRecord::Step::received});
  }
  // Also of an id that nobody knows any more: its PUBCOMP may have been lost with this broker's memory.
  if (rules_.received_is_released) sends_.push_back({session.connection, nullptr, id, 0, false, false, ticket});
}

void Broker::completed(std::uint64_t number, std::uint16_t id) {
  Session& session = at(number);
  if (const Outgoing* one = outgoing(session, id); one != nullptr && one->qos == 2 && one->received)
    done(session, id);
}

Ticket Broker::release(std::uint64_t number, std::uint16_t id) {
  Session& session = at(number);
  if (!rules_.release_frees_id || session.taken.erase(id) == 0) return journal_.newest();
  if (!session.kept) return Ticket::none;
  return journal_.append(ProgressRecord{number, id, ProgressRecord::Step::released});
}

}  // namespace hubproof::model::broker
