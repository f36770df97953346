// A broker's state as records, and back: the snapshot that a segment of the journal begins with, and recovery.
// It goes as a hub's does: the last segment with a whole snapshot gives the state, the records after it bring
// that up to date, and then a new segment begins, so that nothing is written behind a torn record.
#include <algorithm>
#include <utility>

#include "model/broker/broker.hpp"
#include "model/hub/segments.hpp"

namespace hubproof::model::broker {

// Applies stored records. Those that make no sense are left out.
class Broker::Replay {
 public:
  explicit Replay(Broker& broker) : b_{broker} {}

  void apply(const StoredRecord& record) {
    switch (record.kind) {
      case RecordKind::broker_session: return as<SessionRecord>(record);
      case RecordKind::broker_session_gone: return as<SessionGone>(record);
      case RecordKind::broker_filter: return as<FilterRecord>(record);
      case RecordKind::broker_message: return as<MessageRecord>(record);
      case RecordKind::broker_progress: return as<ProgressRecord>(record);
      case RecordKind::broker_will: return as<WillRecord>(record);
      case RecordKind::broker_sent: return as<SentRecord>(record);
      default: return;  // of the segment, or a hub's
    }
  }

  // Wills of connections that the crash has ended [mqtt311:3.1.2-8], in the order of their beginnings.
  std::map<std::uint64_t, Will> wills;

 private:
  template <class Record>
  void as(const StoredRecord& stored) {
    if (const auto record = read_record<Record>(stored.fields)) on(*record);
  }

  void count(std::uint64_t number) { b_.next_number_ = std::max(b_.next_number_, number + 1); }

  void on(const SessionRecord& r) {
    count(r.number);
    if (b_.find(r.number) != nullptr || b_.by_client_.contains(r.client)) return;
    auto& session = b_.sessions_[r.number] = std::make_unique<Session>();
    session->number = r.number;
    session->client = r.client;
    session->kept = true;
    session->last_id = r.last_id;
    b_.by_client_[session->client] = r.number;
  }
  void on(const SessionGone& r) {
    Session* session = b_.find(r.number);
    if (session == nullptr) return;
    for (const auto& [filter, qos] : session->filters) b_.subscriptions_.remove(filter, r.number);
    b_.by_client_.erase(session->client);
    b_.sessions_.erase(r.number);
  }
  void on(const FilterRecord& r) {
    Session* session = b_.find(r.number);
    if (session == nullptr) return;
    if (r.held) {
      session->filters.insert_or_assign(std::string{r.filter}, r.qos);
      b_.subscriptions_.add(r.filter, r.number, r.qos);
    } else if (const auto held = session->filters.find(r.filter); held != session->filters.end()) {
      session->filters.erase(held);
      b_.subscriptions_.remove(r.filter, r.number);
    }
  }
  void on(const MessageRecord& r) {
    if (Session* from = b_.find(r.from); from != nullptr && r.packet != 0) from->taken.insert(r.packet);
    wills.erase(r.will_of);
    const auto message =
        std::make_shared<const Message>(Message{std::string{r.topic}, {r.payload.begin(), r.payload.end()}});
    if (r.keeping == Keeping::kept) b_.retained_[message->topic] = {message, r.qos, 0};
    if (r.keeping == Keeping::erased) b_.retained_.erase(message->topic);
    for (const MessageRecord::Copy& copy : r.copies) {
      Session* session = b_.find(copy.number);
      if (session == nullptr || copy.id == 0 || !session->ids.insert(copy.id).second) continue;
      session->queue.push_back({message, copy.id, copy.qos, copy.retain, copy.sent, false});
      session->bytes += r.topic.size() + r.payload.size();
      session->last_id = copy.id;
    }
  }
  void on(const ProgressRecord& r) {
    Session* session = b_.find(r.number);
    if (session == nullptr) return;
    using Step = ProgressRecord::Step;
    if (r.step == Step::taken) session->taken.insert(r.id);
    if (r.step == Step::released) session->taken.erase(r.id);
    if (r.step == Step::done) b_.forget(*session, r.id);
    if (Outgoing* one = b_.outgoing(*session, r.id); one != nullptr && r.step == Step::received) one->received = true;
  }
  void on(const WillRecord& r) {
    count(r.number);
    wills.erase(r.number);
    if (!r.held) return;
    wills[r.number] = {std::make_shared<const Message>(
                           Message{std::string{r.topic}, {r.payload.begin(), r.payload.end()}}),
                       r.qos, r.retain};
  }
  void on(const SentRecord& r) {
    if (Session* session = b_.find(r.number))
      for (Outgoing& one : session->queue) one.sent = true;
  }

  Broker& b_;
};

void Broker::recover(Now now, std::span<const StoredFile> files, Effects& effects) {
  constexpr bool checks_crc = true;
  const std::vector<StoredSegment> segments = stored_segments(files, checks_crc);
  const auto with_state =
      std::find_if(segments.rbegin(), segments.rend(), [](const StoredSegment& s) { return s.has_state; });
  Replay replay{*this};
  std::vector<Journal::Segment> old;
  for (const StoredSegment& stored : segments) {
    Journal::Segment segment;
    segment.number = stored.number;
    segment.copies = stored.copies[1] ? 2 : 1;
    SegmentReader reader{stored, checks_crc};
    const bool is_state = with_state != segments.rend() && stored.number == with_state->number;
    while (const auto record = reader.next())
      if (is_state) replay.apply(*record);
    segment.bytes = reader.position();
    old.push_back(std::move(segment));
  }
  journal_.recovered(segments.empty() ? 0 : segments.back().number, std::move(old));
  orphans_ = std::move(replay.wills);
  begin_segment();  // they are in its snapshot, until the messages that they become are behind it
  for (const auto& [number, will] : std::exchange(orphans_, {}))
    route(0, {will.message->topic, will.message->payload, 0, will.qos, will.retain, false}, number);
  flush(now, effects);
}

void Broker::begin_segment() {
  journal_.begin_segment(journal_.worth_merging(), {});
  for (const auto& [topic, kept] : retained_) {
    MessageRecord record;
    record.topic = topic;
    record.payload = kept.message->payload;
    record.qos = kept.qos;
    record.keeping = Keeping::kept;
    journal_.append(record);
  }
  for (const auto& [number, session] : sessions_) {
    if (session->kept) write_session(*session);
    if (session->will) write_will(number, *session->will);
  }
  for (const auto& [number, will] : orphans_) write_will(number, will);
  journal_.end_snapshot();
}

void Broker::write_will(std::uint64_t number, const Will& will) {
  journal_.append(WillRecord{number, true, will.qos, will.retain, will.message->topic, will.message->payload});
}

void Broker::write_session(const Session& session) {
  using Step = ProgressRecord::Step;
  journal_.append(SessionRecord{session.number, session.client, session.last_id});
  for (const auto& [filter, qos] : session.filters)
    journal_.append(FilterRecord{session.number, true, qos, filter});
  for (const std::uint16_t id : session.taken) journal_.append(ProgressRecord{session.number, id, Step::taken});
  for (const Outgoing& one : session.queue) {
    MessageRecord record;
    record.topic = one.message->topic;
    record.payload = one.message->payload;
    record.qos = one.qos;
    record.copies.push_back({session.number, one.id, one.qos, one.retain, one.sent});
    journal_.append(record);
    if (one.received) journal_.append(ProgressRecord{session.number, one.id, Step::received});
  }
}

}  // namespace hubproof::model::broker
