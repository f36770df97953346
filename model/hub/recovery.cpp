// The hub's state as records, and back: the snapshot that a segment begins with, and recovery.
//
// Of what a crash left, the last segment with a whole snapshot gives the state, the records after
// it bring that up to date, and the telemetry comes from all segments. Then a new segment begins:
// nothing is ever written behind a torn record. Until its snapshot and all the old files are
// synced nothing may leave, because what could be read once may still be gone the next time.
#include <algorithm>
#include <unordered_map>

#include "model/hub/parts.hpp"

namespace hubproof::model {

// Applies stored records to the hub's parts. Records that make no sense are left out.
class Hub::Parts::Replay {
 public:
  Replay(Parts& parts, Now now) : p_{parts}, now_{now} {}

  void state(const StoredRecord& record) {
    switch (record.kind) {
      case RecordKind::counters: return as<CountersRecord>(record);
      case RecordKind::device: return as<DeviceRecord>(record);
      case RecordKind::device_removed: return as<DeviceRemoved>(record);
      case RecordKind::device_enabled: return as<DeviceEnabled>(record);
      case RecordKind::session: return as<SessionRecord>(record);
      case RecordKind::command: return as<CommandRecord>(record);
      case RecordKind::command_handed: return as<CommandHanded>(record);
      case RecordKind::command_returned: return as<CommandReturned>(record);
      case RecordKind::command_final: return as<CommandFinal>(record);
      case RecordKind::feedback_record: return as<FeedbackEntry>(record);
      case RecordKind::feedback_formed: return as<FeedbackFormed>(record);
      case RecordKind::feedback_batch: return as<FeedbackBatch>(record);
      case RecordKind::feedback_handed: return as<FeedbackHanded>(record);
      case RecordKind::feedback_returned: return as<FeedbackReturned>(record);
      case RecordKind::feedback_final: return as<FeedbackFinal>(record);
      case RecordKind::tokens: return as<TokensRecord>(record);
      case RecordKind::identity: return as<IdentityRecord>(record);
      case RecordKind::policy: return as<PolicyRecord>(record);
      case RecordKind::endpoint: return as<EndpointRecord>(record);
      case RecordKind::routed: return as<RoutedRecord>(record);
      case RecordKind::quota: return as<QuotaRecord>(record);
      case RecordKind::segment:
      case RecordKind::snapshot_end:
      case RecordKind::checkpoint:
      case RecordKind::telemetry:
      case RecordKind::broker_session:
      case RecordKind::broker_session_gone:
      case RecordKind::broker_filter:
      case RecordKind::broker_message:
      case RecordKind::broker_progress:
      case RecordKind::broker_will:
      case RecordKind::broker_sent: return;
    }
  }

  void telemetry(const StoredRecord& stored, Journal::Segment& segment) {
    const auto record = read_record<TelemetryRecord>(stored.fields);
    if (!record) return;
    if (p_.rules.generations_outlive_crash)
      p_.next_generation = std::max(p_.next_generation, record->generation + 1);
    const Instant appended =
        now_.mono - p_.rules.event_age(now_.wall - record->enqueued, p_.rules.retention);
    if (!p_.log.restore(*record, of_event(*record), appended)) return;
    if (segment.telemetry_bytes == 0) segment.oldest = segment.newest = appended;
    segment.newest = std::max(segment.newest, appended);
    segment.newest_date = std::max(segment.newest_date, record->enqueued);
    segment.telemetry_bytes += stored.whole.size();
  }

 private:
  template <class Record>
  void as(const StoredRecord& stored) {
    if (const auto record = read_record<Record>(stored.fields)) apply(*record);
  }

  void apply(const CountersRecord& r) {
    p_.next_generation = std::max(p_.next_generation, r.generation);
    p_.tokens_below = std::max(p_.tokens_below, r.token);
    p_.feedback.restore(r.batch, r.last_batch);
    p_.log.restore(r.partitions);
  }
  void apply(const DeviceRecord& r) {
    if (p_.rules.generations_outlive_crash)
      p_.next_generation = std::max(p_.next_generation, r.generation + 1);
    if (p_.registry.find(r.id) != DeviceIndex::none) return;
    DeviceIndex index = find(r.generation);
    if (index == DeviceIndex::none) {
      index = p_.registry.add(r.id, r.generation, true);
      indices_[r.generation] = index;
    } else if (p_.registry.at(index).info.id == r.id) {
      p_.registry.revive(index);  // known from its events
    } else {
      return;
    }
    Registration& device = p_.registry.at(index);
    device.info.enabled = r.enabled;
    device.next_command = std::max(device.next_command, r.next_command);
  }
  void apply(const DeviceRemoved& r) {
    const DeviceIndex index = find(r.generation);
    if (index == DeviceIndex::none) return;
    p_.registry.remove(index);
    p_.registry.at(index).session.reset();
    p_.registry.at(index).identity.reset();
    if (p_.rules.deletion_ends_queue) p_.registry.at(index).queue.reset();
    p_.feedback.forget(r.generation);
  }
  void apply(const DeviceEnabled& r) {
    if (Registration* device = existing(r.generation)) device->info.enabled = r.enabled;
  }
  void apply(const SessionRecord& r) {
    Registration* device = existing(r.generation);
    if (device == nullptr) return;
    device->session.reset();
    if (!r.kept) return;
    device->session = std::make_unique<StoredSession>();
    device->session->subscribed = r.subscribed;
    for (const auto& [filter, qos] : r.filters)
      device->session->filters.push_back({std::string{filter}, qos});
  }
  void apply(const CommandRecord& r) {
    Registration* device = existing(r.generation);
    if (device == nullptr) return;
    if (!device->queue) device->queue = std::make_unique<DeviceQueue>(p_.rules);
    const auto& before = device->queue->entries();
    if (!before.empty() && before.back().sequence >= r.sequence) return;
    const MessageView message{r.flat};
    DeviceQueue::Entry entry;
    entry.sequence = r.sequence;
    entry.enqueued = r.enqueued;
    entry.since = now_.mono - (now_.wall - r.enqueued);
    entry.expiry = r.expiry;
    entry.key = message.key();
    entry.ack = message.ack();
    entry.count = r.count;
    entry.flat.assign(r.flat.begin(), r.flat.end());
    if (r.handed) entry.state = Invisible{};
    device->queue->add(std::move(entry));
    device->next_command = std::max(device->next_command, r.sequence + 1);
  }
  void apply(const CommandHanded& r) {
    if (DeviceQueue* queue = queue_of(r.generation)) queue->restore_handed(r.sequence);
  }
  void apply(const CommandReturned& r) {
    if (DeviceQueue* queue = queue_of(r.generation)) queue->restore_returned(r.sequence, r.count);
  }
  void apply(const CommandFinal& r) {
    DeviceQueue* queue = queue_of(r.generation);
    if (queue == nullptr) return;
    const auto left = queue->restore_final(r.sequence);
    if (!left) return;
    const DeviceInfo& device = p_.registry.at(find(r.generation)).info;
    const auto id = MessageView{left->flat}.system(System::message_id).value_or("");
    for (std::uint32_t i = 0; i < std::min<std::uint32_t>(r.records, 8); ++i)
      p_.feedback.add({std::string{id}, device.id, r.generation, r.reported,
                       r.date.time_since_epoch().count()});
  }
  void apply(const FeedbackEntry& r) { p_.feedback.add(record_of(r)); }
  void apply(const FeedbackFormed& r) {
    p_.feedback.restore_formed(r.batch, r.records, r.created, r.expiry);
  }
  void apply(const FeedbackBatch& r) {
    FeedbackStream::Batch batch{r.batch, r.created, r.expiry, r.count, r.handed, {}, {}, {}};
    for (const FeedbackEntry& entry : r.records) batch.records.push_back(record_of(entry));
    p_.feedback.restore(std::move(batch));
  }
  void apply(const FeedbackHanded& r) { p_.feedback.restore_handed(r.batch); }
  void apply(const FeedbackReturned& r) { p_.feedback.restore_returned(r.batch, r.count); }
  void apply(const FeedbackFinal& r) { p_.feedback.drop(r.batch); }
  void apply(const QuotaRecord& r) {
    constexpr std::uint64_t farthest = 1'000'000;  // days: a torn one that is taken for whole
    if (p_.throttle && r.day < farthest && r.used <= p_.rules.quota.per_day)
      p_.throttle->recovered(static_cast<std::int64_t>(r.day), r.used);
  }
  void apply(const TokensRecord& r) { p_.tokens_below = std::max(p_.tokens_below, r.below); }
  void apply(const EndpointRecord& r) {
    if (r.number < TelemetryLog::most_endpoints) p_.endpoint_numbers.try_emplace(std::string{r.name}, r.number);
  }
  void apply(const RoutedRecord& r) {
    if (r.partition >= p_.rules.partitions) return;
    p_.routed.resize(std::max<std::size_t>(p_.routed.size(), r.partition + 1));
    p_.routed[r.partition] = r.sequence;
  }

  void apply(const IdentityRecord& r) {
    Registration* device = existing(r.generation);
    if (device == nullptr || r.type > static_cast<std::uint8_t>(CredentialType::authority)) return;
    device->identity = std::make_unique<Identity>();
    Identity& identity = *device->identity;
    if (r.has_credentials)
      identity.credentials = {static_cast<CredentialType>(r.type), std::string{r.primary},
                              std::string{r.secondary}};
    identity.revision = r.revision;
    identity.status_updated = r.status_updated;
    identity.reason = r.reason;
  }
  void apply(const PolicyRecord& r) {
    const auto known = std::ranges::find(p_.policies, r.name, &Policy::name);
    Policy& policy = known == p_.policies.end() ? p_.policies.emplace_back() : *known;
    policy = {std::string{r.name}, r.rights, std::string{r.primary}, std::string{r.secondary}};
  }

  static FeedbackRecord record_of(const FeedbackEntry& r) {
    return {std::string{r.original_message_id}, std::string{r.device}, r.generation, r.status,
            r.date.time_since_epoch().count()};
  }

  DeviceIndex find(std::uint32_t generation) const {
    const auto found = indices_.find(generation);
    return found == indices_.end() ? DeviceIndex::none : found->second;
  }
  Registration* existing(std::uint32_t generation) {
    const DeviceIndex index = find(generation);
    if (index == DeviceIndex::none || !p_.registry.at(index).info.exists) return nullptr;
    return &p_.registry.at(index);
  }
  DeviceQueue* queue_of(std::uint32_t generation) {
    const DeviceIndex index = find(generation);
    return index == DeviceIndex::none ? nullptr : p_.registry.at(index).queue.get();
  }
  // Events may be of devices that are long gone: those get an index, but do not exist.
  DeviceIndex of_event(const TelemetryRecord& r) {
    const DeviceIndex index = find(r.generation);
    if (index != DeviceIndex::none) return index;
    return indices_[r.generation] = p_.registry.add(r.device, r.generation, false);
  }

  Parts& p_;
  Now now_;
  std::unordered_map<std::uint32_t, DeviceIndex> indices_;  // by generation
};

void Hub::Parts::recover(Now now, std::span<const StoredFile> files, Effects& effects) {
  const std::vector<StoredSegment> segments = stored_segments(files, rules.checks_crc);
  const auto with_state = std::find_if(segments.rbegin(), segments.rend(),
                                       [](const StoredSegment& s) { return s.has_state; });
  const std::uint64_t state_in = with_state == segments.rend() ? 0 : with_state->number;

  Replay replay{*this, now};
  std::vector<Journal::Segment> kept;
  std::uint64_t found = 0;
  std::uint64_t spoiled = ~std::uint64_t{0};
  for (const StoredSegment& stored : segments) {
    const bool taken_over = std::ranges::any_of(segments, [&](const StoredSegment& later) {
      const bool valid = later.has_state || (later.has_head && !rules.torn_snapshot_is_void);
      return valid && later.number > stored.number &&
             later.takes_over_from <= stored.number;
    });
    Journal::Segment segment;
    segment.number = stored.number;
    segment.starts = log.ends();
    SegmentReader reader{stored, rules.checks_crc};
    while (const auto record = reader.next()) {
      segment.bytes += record->whole.size();
      if (!rules.recovers_record(record->kind, ++found)) continue;
      if (record->kind == RecordKind::telemetry) {
        // A snapshot that is not whole took nothing over: the telemetry in it is still elsewhere.
        if (stored.has_state && !taken_over) replay.telemetry(*record, segment);
      } else if (stored.number == state_in && stored.has_state) {
        replay.state(*record);
      }
    }
    if (segment.bytes == 0) {
      remove(stored, effects);
      continue;
    }
    if (!heal(stored, segment, effects)) spoiled = std::min(spoiled, stored.number);
    kept.push_back(std::move(segment));
  }
  if (files.empty()) next_generation += chance.below(ChanceSite::generation, 1 << 20);
  std::uint64_t last = segments.empty() ? 0 : segments.back().number;
  if (!rules.torn_segment_is_left && state_in > 0) last = state_in;
  journal.recovered(last, std::move(kept));
  log.drop_old(now);
  wake_up(now);
  begin_segment(std::min(journal.worth_merging(), spoiled));
}

void Hub::Parts::remove(const StoredSegment& stored, Effects& effects) {
  for (std::uint64_t copy = 0; copy < stored.copies.size(); ++copy)
    if (stored.copies[copy]) effects.remove(segment_file(stored.number, copy));
}

// Makes the copy of a segment whole again that the other one can heal. Where each of them lacks
// something, both stay as they are, or a crash now could take what only the two together hold: the
// answer is false, and the segment that begins now takes over what they have.
bool Hub::Parts::heal(const StoredSegment& stored, Journal::Segment& segment, Effects& effects) {
  segment.copies = std::max<std::uint64_t>(rules.journal_copies, stored.copies[1] ? 2 : 1);
  if (segment.copies == 1) return true;
  const Bytes whole = whole_records(stored, rules.checks_crc);
  const auto good = [&](std::uint64_t copy) {  // a torn end is never read, and nothing follows it
    const auto& bytes = stored.copies[copy];
    return bytes && bytes->size() >= whole.size() &&
           std::ranges::equal(bytes->first(whole.size()), whole);
  };
  if (good(0) && good(1)) return true;
  if (!good(0) && !good(1)) return false;
  const std::uint64_t bad = good(0) ? 1 : 0;
  if (stored.copies[bad]) effects.remove(segment_file(stored.number, bad));
  Writer{effects.appending(segment_file(stored.number, bad))}.bytes(whole);
  effects.appended();
  return true;
}

// What a process that just read its journal does once.
void Hub::Parts::wake_up(Now now) {
  const Ticket stored = journal.next();
  prepare_routing();
  feedback.recovered(now, stored);
  for (std::uint32_t i = 0; i < registry.size(); ++i) {
    const DeviceIndex index{i};
    Registration& device = registry.at(index);
    if (!device.queue) continue;
    changes.clear();
    device.queue->recovered(stored, changes);
    for (const DeviceQueue::Change& change : changes)
      if (change.final) report(now, index, change);  // goes with the snapshot
    for (const DeviceQueue::Entry& entry : device.queue->entries())
      expiry_alarms.set({entry.expiry + rules.expiry_scan, {index, entry.sequence}});
    if (device.queue->size() == 0) device.queue.reset();
    became_ready(index);
  }
  wake_up_identities(now);
  if (rules.tokens_outlive_crash) token = tokens_below;
  safe_tokens = token;
  tokens_below += token_block;
  tokens_ticket = stored;
  if (!log.empty()) housekeeping = now.mono;
}

void Hub::Parts::begin_segment(std::uint64_t takes_over_from) {
  journal.begin_segment(takes_over_from, log.ends());
  write_state();
  const std::uint32_t partitions = rules.merge_has_telemetry ? log.partitions() : 0;
  const std::vector<std::uint64_t>& starts = journal.starts();  // endpoints may have come since
  for (std::uint32_t partition = 0; partition < partitions; ++partition)
    log.each(partition, partition < starts.size() ? starts[partition] : 0,
             [&](const TelemetryLog::Entry& entry, View flat, Instant appended) {
               write_telemetry(partition, entry, flat, appended);
             });
  journal.end_snapshot();
}

void Hub::Parts::write_state() {
  journal.append(CountersRecord{next_generation, tokens_below, feedback.next_batch(),
                                feedback.last_batch(), log.counters()});
  for (std::uint32_t i = 0; i < registry.size(); ++i) {
    const Registration& device = registry.at(DeviceIndex{i});
    const DeviceInfo& info = device.info;
    if (!info.exists) continue;
    journal.append(DeviceRecord{info.generation, info.enabled, device.next_command, info.id});
    if (device.identity) write_identity(DeviceIndex{i});
    if (device.session && rules.snapshot_has_filters)
      journal.append(session_record(info.generation, *device.session));
    else if (device.session)
      journal.append(SessionRecord{info.generation, true, device.session->subscribed, {}});
    if (!device.queue) continue;
    for (const DeviceQueue::Entry& entry : device.queue->entries())
      journal.append(CommandRecord{info.generation, entry.sequence, entry.enqueued, entry.expiry,
                                   entry.count, DeviceQueue::counts_if_returned(rules, entry),
                                   entry.flat});
  }
  if (!policies.empty()) write_policies();
  if (routes) write_routing();
  if (throttle && throttle->used() > 0)
    journal.append(QuotaRecord{static_cast<std::uint64_t>(throttle->day()), throttle->used()});
  if (rules.snapshot_has_records)
    for (const FeedbackRecord& record : feedback.records()) journal.append(entry_of(record));
  for (const auto& [number, batch] : feedback.batches()) {
    FeedbackBatch record{number, batch.created, batch.expiry, batch.count, batch.handed, {}};
    for (const FeedbackRecord& r : batch.records) record.records.push_back(entry_of(r));
    journal.append(record);
  }
}

FeedbackEntry Hub::Parts::entry_of(const FeedbackRecord& record) {
  return {record.original_message_id, record.device, record.generation, record.status,
          Date{Duration{record.date}}};
}

SessionRecord Hub::Parts::session_record(std::uint32_t generation, const StoredSession& session) {
  SessionRecord record{generation, true, session.subscribed, {}};
  for (const auto& [filter, qos] : session.filters) record.filters.push_back({filter, qos});
  return record;
}

Ticket Hub::Parts::write_telemetry(std::uint32_t partition, const TelemetryLog::Entry& entry,
                                   View flat, Instant appended) {
  const DeviceInfo& device = registry.at(entry.device).info;
  return journal.append(
      TelemetryRecord{partition, device.generation, entry.sequence, entry.offset, entry.enqueued,
                      entry.will, device.id, flat},
      appended);
}

}  // namespace hubproof::model
