#include "model/hub/hub.hpp"

#include <algorithm>

#include "model/fetch.hpp"
#include "model/hub/parts.hpp"

namespace hubproof::model {
namespace {

constexpr std::size_t id_limit = 128;
constexpr std::size_t read_bytes = 256 << 10;

// [MSG-22]; the colon, too, which service documentation of other years names.
bool is_id(std::string_view id) {
  constexpr std::string_view others = "-.+%_#*?!(),=@$':";
  return !id.empty() && id.size() <= id_limit && std::ranges::all_of(id, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || others.find(c) != std::string_view::npos;
  });
}

}  // namespace

Hub::Hub(const HubRules& rules, Chance chance) : parts_{std::make_unique<Parts>(rules, chance)} {}
Hub::~Hub() = default;
Hub::Hub(Hub&&) noexcept = default;

void Hub::recover(Now now, std::span<const StoredFile> files, Effects& effects) {
  parts_->see(now);
  parts_->recover(now, files, effects);
  flush(now, effects);
}

void Hub::stored(Now now, Ticket ticket, bool ok, Effects& effects) {
  parts_->see(now);
  switch (parts_->journal.stored(ticket, ok)) {
    case Journal::Stored::not_yet: return;
    case Journal::Stored::failed:  // memory and disk may disagree now: recovery is the cure
      parts_->halted = true;
      effects.halt();
      return;
    case Journal::Stored::durable: break;
  }
  parts_->log.synced();
  if (parts_->routes) parts_->route(now);
  if (parts_->journal.may_remove_segments()) parts_->journal.remove_old_segments(now, effects);
  flush(now, effects);
}

Ticket Hub::durable() const { return parts_->journal.durable(); }

Ticket Hub::written() const { return parts_->journal.newest(); }

void Hub::flush(Now now, Effects& effects) {
  const Parts& p = *parts_;
  if (!p.halted && (!p.feedback.empty() || !p.journal.rests(now.mono))) flush_more(now, effects);
}

void Hub::flush_more(Now now, Effects& effects) {
  Parts& p = *parts_;
  if (!p.feedback.empty()) p.pass_feedback_time(now);
  if (p.journal.sync(now, effects)) p.log.syncing();
  if (!p.journal.wants_segment(now.mono)) return;
  p.begin_segment(p.journal.worth_merging());
  if (p.journal.sync(now, effects)) p.log.syncing();
}

void Hub::woken(Now now, Effects& effects) {
  Parts& p = *parts_;
  if (p.halted) return;
  p.see(now);
  if (const auto ends = p.journal.patience_ends(); ends && now.mono >= *ends) {
    p.halted = true;
    effects.halt();
    return;
  }
  p.ring(now);
  if (p.housekeeping && now.mono >= *p.housekeeping) {
    p.log.drop_old(now);
    p.journal.remove_old_segments(now, effects);
    p.housekeeping.reset();
    if (!p.log.empty() || p.journal.holds_telemetry())
      p.housekeeping = now.mono + p.rules.retention / 16;
    p.tell_routed(now);
  }
  flush(now, effects);
}

std::optional<Instant> Hub::deadline() const {
  const Parts& p = *parts_;
  if (p.halted) return std::nullopt;
  Instant first = p.housekeeping ? *p.housekeeping : Instant::max();
  if (p.journal.syncing()) first = std::min(first, *p.journal.patience_ends());
  if (!p.lock_alarms.empty()) first = std::min(first, *p.lock_alarms.earliest());
  if (!p.expiry_alarms.empty()) first = std::min(first, p.when(*p.expiry_alarms.earliest()));
  if (!p.feedback.empty()) first = std::min(first, p.feedback_deadline().value_or(first));
  if (first == Instant::max()) return std::nullopt;
  return first;
}

Throttle* Hub::throttle() const { return parts_->throttle.get(); }

DeviceIndex Hub::find(std::string_view id) const { return parts_->registry.find(id); }

const DeviceInfo& Hub::device(DeviceIndex index) const { return parts_->registry.at(index).info; }

void Hub::soon(DeviceIndex index) const {
  fetch(&parts_->registry.at(index), sizeof(Registration) / 2);
}

std::size_t Hub::devices() const { return parts_->registry.size(); }

void Hub::name_devices(std::function<NodeIndex(std::string_view)> index_of) {
  parts_->registry.name_nodes(std::move(index_of));
}

Outcome Hub::create(Now now, const CreateDevice& what, Effects&) {
  Parts& p = *parts_;
  p.see(now);
  const std::string_view id = what.device;
  if (!is_id(id)) return p.refused(Error::bad_request);
  if (p.registry.find(id) != DeviceIndex::none) return p.refused(Error::device_exists);
  std::optional<Credentials> credentials = what.credentials;
  if (!credentials && p.rules.access == Access::verified) credentials.emplace();
  if (credentials)
    if (const auto error = p.complete(*credentials)) return p.refused(*error);
  DeviceIndex index = p.rules.recreated_is_new ? DeviceIndex::none : p.registry.find_removed(id);
  if (index == DeviceIndex::none) {
    index = p.registry.add(id, p.next_generation++, true);
  } else {
    p.registry.revive(index);
    p.became_ready(index);
  }
  Registration& device = p.registry.at(index);
  device.info.enabled = what.enabled;
  Ticket ticket = p.journal.append(
      DeviceRecord{device.info.generation, what.enabled, device.next_command, device.info.id});
  if (credentials || !what.reason.empty()) {
    Identity& identity = p.identity_of(index);
    identity.credentials = std::move(credentials);
    identity.reason = what.reason;
    identity.status_updated = p.date(now);
    ticket = p.write_identity(index);
  }
  return p.accepted(Promised::registration, ticket,
                    {device.info.generation, 0, 0, no_date, no_date});
}

Outcome Hub::remove(Now now, std::string_view id, Effects&) {
  Parts& p = *parts_;
  p.see(now);
  const DeviceIndex index = p.registry.find(id);
  if (index == DeviceIndex::none) return p.refused(Error::device_not_found);
  p.registry.remove(index);
  Registration& device = p.registry.at(index);
  device.session.reset();
  if (p.rules.deleted_keys_die) device.identity.reset();
  if (p.rules.deletion_ends_queue) device.queue.reset();  // [C2D-36]
  p.feedback.forget(device.info.generation);
  return p.accepted(Promised::removal,
                    p.journal.append(DeviceRemoved{device.info.generation}));
}

Outcome Hub::enable(Now now, std::string_view id, bool enabled, Effects&) {
  Parts& p = *parts_;
  p.see(now);
  const DeviceIndex index = p.registry.find(id);
  if (index == DeviceIndex::none) return p.refused(Error::device_not_found);
  DeviceInfo& info = p.registry.at(index).info;
  info.enabled = enabled;
  if (enabled) p.became_ready(index);
  Ticket ticket = p.journal.append(DeviceEnabled{info.generation, enabled});
  if (Identity* identity = p.registry.at(index).identity.get()) {
    ++identity->revision;
    identity->status_updated = p.date(now);
    ticket = p.write_identity(index);
  }
  return p.accepted(Promised::enabling, ticket);
}

const StoredSession* Hub::session(DeviceIndex index) const {
  return parts_->registry.at(index).session.get();
}

Ticket Hub::store_session(Now now, DeviceIndex index, std::optional<StoredSession> session,
                          Effects&) {
  Parts& p = *parts_;
  p.see(now);
  Registration& device = p.registry.at(index);
  if (!device.info.exists || (!session && !device.session)) return p.journal.newest();
  const std::uint32_t generation = device.info.generation;
  const Ticket ticket = p.journal.append(session ? Parts::session_record(generation, *session)
                                                 : SessionRecord{generation, false, {}, {}});
  device.session = session ? std::make_unique<StoredSession>(std::move(*session)) : nullptr;
  return ticket;
}

std::uint32_t Hub::partition(DeviceIndex index) const {
  const Registration& device = parts_->registry.at(index);
  return parts_->rules.partition_of(device.id_hash, parts_->rules.partitions, device.sent);
}

Ticket Hub::append_telemetry(Now now, DeviceIndex index, View flat, bool will, Effects&) {
  Parts& p = *parts_;
  p.see(now);
  Registration& device = p.registry.at(index);
  ++device.sent;
  const std::uint32_t partition = this->partition(index) + p.comes_in_at;
  if (p.rules.alters_telemetry_every > 0 &&
      ++p.telemetry_messages % p.rules.alters_telemetry_every == 0 && !flat.empty()) {
    p.altered.assign(flat.begin(), flat.end());
    p.altered.back() ^= 1;
    flat = p.altered;
  }
  const auto& entry = p.log.append(now, partition, p.date(now), index, flat, will);
  if (!p.housekeeping) p.housekeeping = now.mono + p.rules.retention / 16;
  return p.write_telemetry(partition, entry, flat, now.mono);
}

bool Hub::read(std::uint32_t place, std::uint64_t from, std::uint32_t limit, Telemetry& out) const {
  const Parts& p = *parts_;
  const std::size_t before = out.events.size();
  std::size_t bytes = 0;
  p.log.read(place, from, [&](const TelemetryLog::Entry& entry, View flat) {
    if (out.events.size() - before >= limit || bytes >= read_bytes) return false;
    if (!p.rules.shows_event(entry.sequence)) return true;
    const DeviceInfo& device = p.registry.at(entry.device).info;
    out.events.push_back({entry.sequence, entry.offset, entry.enqueued.time_since_epoch().count(),
                          device.id, device.generation, entry.will, {flat.begin(), flat.end()}});
    bytes += flat.size();
    return true;
  });
  return out.events.size() > before;
}

std::optional<std::uint32_t> Hub::place(std::string_view endpoint, std::uint32_t partition) const {
  return parts_->place(endpoint, partition);
}

std::uint64_t Hub::newest(std::uint32_t place) const {
  return place < parts_->log.partitions() ? parts_->log.newest(place) : 0;
}

PartitionEnds Hub::ends(std::uint32_t place) const {
  PartitionEnds ends;
  parts_->log.read(place, 0, [&](const TelemetryLog::Entry& entry, View) {
    ends.first = entry.sequence;
    return false;
  });
  if (ends.first == 0) ends.first = newest(place) + 1;
  parts_->log.read(place, std::max(ends.first, newest(place)),
                   [&](const TelemetryLog::Entry& entry, View) {
                     ends.newest = {entry.sequence, entry.offset, entry.enqueued};
                     return false;
                   });
  return ends;
}

std::uint64_t Hub::first_of(std::uint32_t place, bool latest,
                            const std::function<bool(const EventPlace&)>& passes) const {
  return parts_->log.first_of(place, [&](const TelemetryLog::Entry& entry) {
    return !latest && passes({entry.sequence, entry.offset, entry.enqueued});
  });
}

Outcome Hub::enqueue(Now now, std::string_view device, View flat, Effects&) {
  parts_->see(now);
  return parts_->enqueue(now, device, flat);
}

bool Hub::deliverable(DeviceIndex index) const { return parts_->deliverable(index); }

std::optional<Delivery> Hub::deliver(Now now, DeviceIndex index, Holder holder, Effects&) {
  parts_->see(now);
  return parts_->deliver(now, index, holder);
}

Outcome Hub::settle(Now now, DeviceIndex index, LockToken token, Settle how, Effects&) {
  parts_->see(now);
  return parts_->settle(now, index, token, how);
}

void Hub::released(Now now, DeviceIndex index, Holder holder, Effects&) {
  parts_->see(now);
  parts_->release(now, index, holder);
}

void Hub::give_back(Now now, DeviceIndex index, LockToken token, Effects&) {
  parts_->see(now);
  parts_->give_back(now, index, token);
}

Outcome Hub::purge(Now now, std::string_view device, Effects&) {
  parts_->see(now);
  return parts_->purge(now, device);
}

std::vector<DeviceIndex>& Hub::ready() {
  Parts& p = *parts_;
  p.told_ready.clear();
  if (p.ready.empty()) return p.told_ready;
  p.told_ready.swap(p.ready);
  for (const DeviceIndex index : p.told_ready) p.registry.at(index).listed_ready = false;
  return p.told_ready;
}

std::optional<Ticket> Hub::receive_feedback(Now now, Feedback& out, Effects&) {
  parts_->see(now);
  return parts_->receive_feedback(now, out);
}

Outcome Hub::settle_feedback(Now now, std::uint64_t token, bool complete, Effects&) {
  parts_->see(now);
  return parts_->settle_feedback(now, LockToken{token}, complete);
}

void Hub::give_back_feedback(Now now, std::uint64_t token, Effects&) {
  parts_->see(now);
  parts_->give_back_feedback(now, LockToken{token});
}

bool Hub::feedback_waits() const {
  const Parts& p = *parts_;
  return p.safe(p.token_ticket()) && p.feedback.waits(p.journal.durable());
}

}  // namespace hubproof::model
