#include "conformance/facts.hpp"

#include <limits>
#include <utility>

#include "model/fetch.hpp"

namespace hubproof::conformance {

using model::Event;
using model::MessageKey;
using model::NodeIndex;
using model::Phase;
using model::Role;
using model::What;

namespace {

std::uint64_t number(MessageKey key) { return static_cast<std::uint64_t>(key); }
std::uint32_t number(NodeIndex node) { return static_cast<std::uint32_t>(node); }
bool hashed(MessageKey key) { return number(key) >> 63 != 0; }

constexpr std::uint32_t most_partitions = 4096;
constexpr std::size_t most_readers = 256;  // more than a scenario has back ends
constexpr std::size_t line = 64;  // what a message needs of either end
// A record can wait for the sync that is under way and then for its own; a hub that is at work has given its disk
// up by then.
constexpr std::int64_t slowest_storing = 65 * second;
constexpr std::int64_t surely_awake = second;  // of a time without a sign from the hub: it may have been paused

}  // namespace

void KeyRuns::begin_run(std::uint64_t value) {
  if (first_ <= last_) {
    if (value >= first_ && value <= last_) return;
    if (!older_) older_ = std::make_unique<std::vector<Run>>();
    const auto place = std::ranges::lower_bound(*older_, first_, {}, &Run::first);
    older_->insert(place, {first_, last_});
  }
  first_ = last_ = value;
}

bool KeyRuns::has(MessageKey key) const {
  const std::uint64_t value = number(key);
  if (value >= first_ && value <= last_) return true;
  if (!older_) return false;
  const auto after = std::ranges::upper_bound(*older_, value, {}, &Run::first);
  return after != older_->begin() && value <= std::prev(after)->last;
}

std::uint64_t PartitionLog::search(std::uint64_t sequence) const {
  const auto first = entries_.begin() + static_cast<std::ptrdiff_t>(head_);
  const auto found = std::ranges::lower_bound(first, entries_.end(), sequence, {}, &LogEntry::sequence);
  return dropped_ + static_cast<std::uint64_t>(found - first);
}

void PartitionLog::drop_below(std::uint64_t sequence) { drop(lower_bound(sequence) - dropped_); }

void PartitionLog::drop(std::size_t count) {
  head_ += count;
  dropped_ += count;
  if (head_ < 256 || head_ < entries_.size() / 2) return;
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(head_));
  head_ = 0;
}

Facts::Facts(const model::Terms& the_terms, const std::vector<model::Participant>& the_participants)
    : terms{the_terms},
      nodes(the_participants.size()),
      routed{!the_terms.endpoints.empty()},
      special{routed || the_terms.throttles},
      streams(the_participants.size()),
      device_ends(the_participants.size()),
      holders(the_participants.size()),
      hub_ends(the_participants.size()),
      queues(the_participants.size()),
      observed_(the_participants.size()),
      lives_(the_participants.size()) {
  for (const model::Participant& one : the_participants) {
    roles_.push_back(one.role);
    anyone_reads_ = anyone_reads_ || one.role == Role::service;
    names_.push_back(one.name);
  }
  if (routed) further_streams_.resize((terms.endpoints.size() - 1) * nodes.size());
  hub_marks_.fill(long_ago);
}

const std::string& Facts::name(std::uint32_t node) const {
  return node < names_.size() ? names_[node] : nobody_;
}

Telemetry* Facts::telemetry_of(const Event& event) {
  if (event.message == MessageKey::none) return nullptr;
  return messages.find(event.message);
}

void Facts::take(const Event& event, Who who, std::uint64_t index, Telemetry* telemetry,
                 Command* command) {
  now = event.at;
  if (who != Who::nobody) observed_[number(event.observer)] = 1;
  // What is told about the run, even by the hub's recorder, is no sign that the hub did something.
  if (who == Who::hub && event.at - newest_mark_ >= second / 4 && event.what < What::started) {
    hub_awake_ += std::min(event.at - newest_mark_, surely_awake);
    hub_marks_[hub_mark_ = (hub_mark_ + 1) % marks] = newest_mark_ = event.at;
  }
  switch (event.what) {
    // Telemetry ends no command, so nothing is to retire.
    case What::telemetry: return take_telemetry(event, who, index, telemetry);
    case What::read: return take_read(event, telemetry);
    case What::read_from: take_read_from(event); break;
    case What::checkpoint: take_checkpoint(event); break;
    case What::packet:
      if (who == Who::hub)
        take_packet_at_hub(event, command);
      else if (who == Who::device)
        return take_packet_at_device(event);
      break;
    case What::opened:
    case What::accepted:
    case What::refused:
    case What::ended: take_connection(event); break;
    case What::command: take_command(event, index, command); break;
    case What::delivery: take_delivery(event, command); break;
    case What::complete:
    case What::reject:
    case What::abandon: take_settling(event, command); break;
    case What::feedback_record: take_record(event, command); break;
    case What::feedback_batch:
      feedback_at = event.at;
      batch_created = event.date;
      feedback_reader = number(event.observer);
      break;
    case What::create_device:
    case What::delete_device:
    case What::enable_device:
    case What::disable_device: take_registry(event, index); break;
    case What::update_device: take_keys(event, index); break;
    case What::purge: take_purge(event); break;
    case What::clock: take_clock(event); break;
    case What::started:
    case What::crashed: take_life(event); break;
    case What::fault_begins: ++faults; break;
    case What::healed: healed_at = event.at; break;
    case What::feedback_complete:
      if (event.phase != Phase::ok || event.token == 0) break;
      completed_batches_[completed_batch_ = (completed_batch_ + 1) % completed_batches_.size()] = event.token;
      break;
    case What::feedback_abandon:
    case What::fault_ends:
    case What::finished: break;
    case What::throttle: take_throttle(event); break;
  }
  if (!ended_commands_.empty()) retire_ended();
}

void Facts::soon(NodeIndex observer, NodeIndex device, MessageKey message, bool again) const {
  if (!valid(observer) || !valid(device)) return;
  const std::uint32_t at = number(device);
  if (is(observer, Role::hub)) {
    if (!again) model::fetch(&hub_ends[at], line);
  } else if (!again) {
    model::fetch(&streams[at], sizeof(Stream));
    model::fetch(&device_ends[at], 2 * line);
  } else {
    const Few<InFlight>& in_flight = device_ends[at].in_flight;
    if (message == MessageKey::none && !in_flight.empty()) message = in_flight[0].message;
    if (message != MessageKey::none) messages.fetch(message);
  }
}

bool Facts::hub_was_awake(std::int64_t after, std::int64_t before) const {
  return std::ranges::any_of(hub_marks_,
                             [&](std::int64_t mark) { return mark > after && mark < before; });
}

std::int64_t Facts::hub_last_awake(std::int64_t before) const {
  std::int64_t last = long_ago;
  for (const std::int64_t mark : hub_marks_)
    if (mark < before) last = std::max(last, mark);
  return last;
}

// Participants.

void Facts::take_clock(const Event& event) {
  const NodeIndex whose = valid(event.device) ? event.device : event.observer;
  if (!valid(whose)) return;
  ClockBounds& clock = nodes[number(whose)].clock;
  if (clock.known) clock.peak = std::max(clock.peak, event.at + clock.high);
  // Dates count from 1970 and true time from the start of the run. Who tells its own bounds also
  // shows what they are relative to.
  std::int64_t low = event.offset_low;
  std::int64_t high = event.offset_high;
  if (event.observer == whose && event.local != 0) {
    const std::int64_t shown = event.local - event.at;
    const std::int64_t width = high - low;
    if (shown < low || shown > high) {
      low = shown - width;
      high = shown + width;
    }
  }
  clock.known = true;
  clock.low = low;
  clock.high = high;
  clock.changed_at = event.at;
  clock.floor = std::min(clock.floor, low);
  clock.ceiling = std::max(clock.ceiling, high);
  if (!is(whose, Role::hub)) return;
  hub_clock = clock;
  hub_clock_changed_at = event.at;
  hub_disturbed_at = event.at;
}

void Facts::take_life(const Event& event) {
  const NodeIndex whose = valid(event.device) && !is(event.observer, Role::hub) ? event.device
                                                                                 : event.observer;
  if (!valid(whose)) return;
  const std::uint32_t at = number(whose);
  Node& node = nodes[at];
  if (event.what == What::started) {
    node.up = true;
    node.started_at = event.at;
  } else {
    node.up = false;
    node.crashed_at = event.at;
    ++lives_[at];
  }
  switch (roles_[at]) {
    case Role::hub:
      hub_up = node.up;
      hub_disturbed_at = event.at;
      if (node.up) hub_started_at = event.at;
      if (!node.up) {
        ++hub_epoch;
        for (HubEnd& end : hub_ends) {
          // Nobody knows what becomes of the wills of connections that ended with the hub, or shortly
          // before, when they were not on its disk yet.
          if (end.now.has_will) ++end.wills_possible;
          for (const std::int64_t awake_then : end.recent_wills)
            if (hub_awake_ - awake_then < slowest_storing) --end.wills_owed;
          end.recent_wills.clear();
          end.asking = {};
          end.now = {};
          end.older = {};
          end.others = false;
          end.window.clear();
          // What was not on its disk yet is undone, the end of a subscription too.
          if (!end.granted && end.subscribed != Subscribed::unknown && end.ever_subscribed)
            end.subscribed = Subscribed::unknown;
        }
      }
      break;
    case Role::device:
      if (!node.up) {
        DeviceEnd& end = device_ends[at];
        end.connected = false;
        end.asleep = false;
        end.ended_at = event.at;
        end.in_flight.clear();
      }
      break;
    case Role::service:
      for (ReaderFacts& reader : readers)
        if (reader.node == at)
          for (Cursor& cursor : reader.cursors) cursor.fresh = true;
      break;
  }
}

// Telemetry.

bool Facts::was_sent(std::uint32_t sender, MessageKey key) const {
  return sender < streams.size() && streams[sender].sent.has(key);
}

// By age; after a restart the hub knows an age by its wall clock only, and that may have been set.
bool Facts::may_have_left(std::int64_t since) const {
  const std::int64_t kept = terms.retention_ns;
  if (now - since >= kept - kept / 100) return true;
  return hub_started_at > since && hub_clock.known &&
         hub_clock.maybe_was_past(since + hub_clock.floor + kept, now);
}

bool Facts::must_have_been_read(std::uint32_t device, std::int64_t after, std::int64_t before,
                                std::uint32_t endpoint) const {
  if (may_have_left(after)) return false;
  const Stream& stream = stream_at(device, endpoint);
  const auto stride = routed ? static_cast<std::uint32_t>(terms.endpoints.size()) : 1;
  // Dates order the log as long as nobody touches the hub's clock.
  const bool dated = hub_clock.known && hub_clock_changed_at < after;
  const std::int64_t stored_by = before + hub_clock.high;
  for (const ReaderFacts& reader : readers) {
    bool covers = reader.cursors.size() > endpoint;
    bool passed = dated;
    for (std::uint32_t partition = endpoint; partition < reader.cursors.size(); partition += stride) {
      if (stream.partition < reader.cursors.size() && partition != stream.partition) continue;
      const Cursor& cursor = reader.cursors[partition];
      covers = covers && cursor.started && after > cursor.owed_from && before > cursor.jumped_at;
      passed = passed && cursor.last_date > stored_by;
    }
    if (!covers) continue;
    // The reader went past its place: something that was stored later was read.
    if (passed || stream.newest_sent > before) return true;
    const bool idle = reader.new_at <= now - terms.settle_ns / 2;
    const bool due = healed_at != never && now >= std::max(before, healed_at) + terms.settle_ns;
    if (due && idle && terms.settle_ns > 0 && nodes[reader.node].up) return true;
  }
  return false;
}

void Facts::take_telemetry(const Event& event, Who who, std::uint64_t index, Telemetry* message) {
  if (who == Who::nobody) return;
  observed_[number(event.observer)] = 1;
  if (event.message == MessageKey::none) {
    if (valid(event.device)) streams[number(event.device)].nameless = 1;
    return;
  }
  Stream& stream = streams[number(event.observer)];
  if (event.phase == Phase::invoke) {
    if (!valid(event.device)) return;
    stream.about = number(event.device);
    streams[number(event.device)].invoked = 1;
    if (!hashed(event.message)) stream.sent.add(event.message);
    if (messages.full()) sweep_telemetry();
    Telemetry& sent = messages.at(event.message);
    sent.invoked_at = event.at;
    sent.acked_at = never;
    sent.digest = event.digest;
    sent.invoked_event = index;
    sent.device = number(event.device);
    sent.sender = number(event.observer);
    sent.life = lives_[sent.sender];
    if (routed) {
      sent.owed = event.endpoints;
      sent.unmatched = (event.flags & model::flag_unmatched) != 0;
    }
    return;
  }
  if (message == nullptr) return;
  DeviceEnd& end = device_ends[number(event.observer)];
  end.in_flight.erase_if([&](const InFlight& sent) { return sent.message == event.message; });
  if (event.phase == Phase::ok) {
    message->acked_at = event.at;
    stream.acked_at = event.at;
    stream.first_acked_at = std::min(stream.first_acked_at, event.at);
    if (!anyone_reads_ && !hashed(message->key)) {
      ++dropped_unread;
      return messages.erase(message);
    }
  } else {
    message->given_up = true;
  }
  if (message->read || message->given_up) forget(message);
}

void Facts::forget(Telemetry* message) {
  if (!hashed(message->key) && !routed) {
    messages.erase(message);
    return;
  }
  // A hashed key cannot be kept as a run, so it stays for a while: a copy may still come. With routes one may
  // come where it must not.
  constexpr std::size_t most = 1 << 16;
  done_hashed_.push_back(message->key);
  if (done_hashed_.size() <= most) return;
  if (Telemetry* oldest = messages.find(done_hashed_.front())) messages.erase(oldest);
  forgot_hashed = forgot_hashed || hashed(done_hashed_.front());
  done_hashed_.pop_front();
}

// Before the table grows: what nobody will ask for any more.
void Facts::sweep_telemetry() {
  constexpr std::int64_t hour = 3600 * second;
  messages.sweep([&](const Telemetry& message) {
    if (hashed(message.key)) return false;
    if (message.acked_at == never) {
      const bool of_a_past_life = message.life != lives_[message.sender];
      return of_a_past_life && now - message.invoked_at > hour;
    }
    const bool unreadable = readers.empty() || may_have_left(message.invoked_at);
    if (unreadable && !(routed && message.everywhere())) ++dropped_unread;
    return unreadable;
  });
}

const ReaderFacts* Facts::reader(NodeIndex node) const {
  for (const ReaderFacts& reader : readers)
    if (reader.node == number(node)) return &reader;
  return nullptr;
}

void Facts::read(const Event& event, Reading& reading) const {
  reading.cursor = nullptr;
  reading.log = nullptr;
  reading.place = 0;
  reading.known = false;
  reading.routed = nullptr;
  if (event.partition >= logs.size()) return;
  reading.log = &logs[event.partition];
  reading.place = reading.log->lower_bound(event.sequence);
  reading.known =
      reading.place != reading.log->end() && reading.log->at(reading.place).sequence == event.sequence;
  const ReaderFacts* from = reader(event.observer);
  if (from != nullptr && event.partition < from->cursors.size() && from->cursors[event.partition].started)
    reading.cursor = &from->cursors[event.partition];
  if (routed && reading.place == reading.log->end() && event.partition < routed_logs_.size()) {
    reading.routed = &routed_logs_[event.partition];
    const bool any = reading.log->begin() != reading.log->end();
    reading.follows = reading.cursor != nullptr && any &&
                      reading.cursor->last == reading.log->at(reading.log->end() - 1).sequence;
    reading.original = reading.routed->find(event.message, event.date);
  }
}

// Endpoints.

std::uint32_t Facts::endpoint_of(const Event& event) const {
  return static_cast<std::uint32_t>(std::countr_zero(event.endpoints));
}

bool Facts::of_endpoint(const Event& event) const {
  return std::has_single_bit(event.endpoints) && endpoint_of(event) < terms.endpoints.size();
}

std::uint32_t Facts::partition_in_here(const Event& event) const {
  const auto endpoints = static_cast<std::uint32_t>(terms.endpoints.size());
  if (event.partition >= most_partitions / endpoints) return most_partitions;
  return event.partition * endpoints + endpoint_of(event);
}

std::string Facts::partition_text(std::uint32_t partition) const {
  if (!routed) return std::to_string(partition);
  const std::size_t endpoints = terms.endpoints.size();
  return std::to_string(partition / endpoints) + " of " + terms.endpoints[partition % endpoints];
}

void Facts::look_at(Telemetry* message, const Event& event) const {
  if (message == nullptr) return;
  message->read = event.what == What::read ? (message->seen & event.endpoints) != 0 : message->everywhere();
}

// An event that is the newest of its partition. After a restart a part of the stream may come again.
void Facts::take_routed(const Event& event, const Telemetry* message) {
  if (event.message == MessageKey::none || event.date == model::no_date) return;
  if (event.partition >= routed_logs_.size()) routed_logs_.resize(event.partition + 1);
  RoutedLog& log = routed_logs_[event.partition];
  const std::uint64_t original = log.find(event.message, event.date);
  if (original == RoutedLog::none) {
    log.append({event.message, event.date, message != nullptr ? message->invoked_at : long_ago});
    log.next = log.end();
  } else if (original >= log.next || may_repeat(message)) {
    if (original < log.next) ++log.repetitions;
    log.next = original + 1;
  }
}

void Facts::seen_at_endpoint(const Event& event, Telemetry& message) {
  const bool before = message.everywhere();
  message.seen = static_cast<std::uint16_t>(message.seen | event.endpoints);
  if (!before && message.everywhere() && (message.acked_at != never || message.given_up)) forget(&message);
}

ReaderFacts& Facts::reader_at(NodeIndex node) {
  for (ReaderFacts& reader : readers)
    if (reader.node == number(node)) return reader;
  if (readers.size() == most_readers) readers.erase(readers.begin());
  readers.push_back({});
  readers.back().node = number(node);
  return readers.back();
}

Cursor& Facts::cursor_at(ReaderFacts& reader, std::uint32_t partition) {
  if (partition >= reader.cursors.size()) reader.cursors.resize(partition + 1);
  return reader.cursors[partition];
}

PartitionLog& Facts::log_at(std::uint32_t partition) {
  if (partition >= logs.size()) logs.resize(partition + 1);
  return logs[partition];
}

void Facts::take_read_from(const Event& event) {
  if (event.phase != Phase::ok || !valid(event.observer) || event.partition >= most_partitions) return;
  Cursor& cursor = cursor_at(reader_at(event.observer), event.partition);
  const PartitionLog& log = log_at(event.partition);
  // Sequence 0 is "after the checkpoint", which each reader keeps for itself [D2C-36].
  const std::uint64_t from = event.sequence == 0 ? cursor.checkpoint + 1 : event.sequence;
  if (!cursor.started) {
    cursor.owed_from = from <= 1 ? long_ago : event.at;
  } else if (from > cursor.last + 1 && from > cursor.checkpoint + 1) {
    cursor.jumped_at = event.at;
  }
  cursor.started = true;
  cursor.fresh = true;
  cursor.next = log.lower_bound(from);
  cursor.last = from - 1;
}

void Facts::take_checkpoint(const Event& event) {
  if (!valid(event.observer) || event.partition >= most_partitions) return;
  Cursor& cursor = cursor_at(reader_at(event.observer), event.partition);
  PartitionLog& log = log_at(event.partition);
  cursor.checkpoint = std::max(cursor.checkpoint, event.sequence);
  if (event.phase != Phase::ok) return;
  std::uint64_t lowest = event.sequence;
  for (const ReaderFacts& reader : readers)
    if (event.partition < reader.cursors.size() && reader.cursors[event.partition].started)
      lowest = std::min(lowest, reader.cursors[event.partition].checkpoint);
  // Not all at once: an older checkpoint may win over one whose answer was lost.
  if (lowest > 256) log.drop_below(lowest - 256);
}

void Facts::take_read(const Event& event, Telemetry* message) {
  if (event.phase != Phase::ok || !valid(event.observer) || event.partition >= most_partitions) return;
  ReaderFacts& reader = reader_at(event.observer);
  Cursor& cursor = cursor_at(reader, event.partition);
  PartitionLog& log = log_at(event.partition);
  if (!cursor.started) {
    cursor.started = true;
    cursor.owed_from = event.sequence <= 1 ? long_ago : event.at;
    cursor.last = event.sequence == 0 ? 0 : event.sequence - 1;
  }
  const bool any = log.begin() != log.end();
  const std::uint64_t back = any ? log.at(log.end() - 1).sequence : 0;
  if (!any || event.sequence > back) {
    log.append({event.sequence, event.offset, event.message,
                message != nullptr ? message->invoked_at : long_ago, any && cursor.last != back});
    cursor.next = log.end();
    reader.new_at = event.at;
    if (routed) take_routed(event, message);
  } else {
    const std::uint64_t place = log.lower_bound(event.sequence);
    const bool known = place != log.end() && log.at(place).sequence == event.sequence;
    cursor.next = known ? place + 1 : place;
  }
  cursor.fresh = false;
  cursor.last = event.sequence;
  if (event.date != model::no_date) cursor.last_date = event.date;

  if (valid(event.device)) {
    Stream& stream = stream_here(event);
    if ((event.flags & model::flag_will) != 0) take_will_read(event);
    if (stream.partition == Stream::no_partition) stream.partition = event.partition & Stream::no_partition;
    if (message != nullptr && !message->read && message->device == number(event.device) &&
        message->invoked_at > stream.newest_sent) {
      stream.newest_sent = message->invoked_at;
      stream.newest_read = event.sequence;
    }
  }
  if (message == nullptr || message->read) return;
  if (routed) return seen_at_endpoint(event, *message);
  message->read = true;
  if (message->acked_at != never || message->given_up) forget(message);
}

void Facts::take_will_read(const Event& event) {
  HubEnd& end = hub_ends[number(event.device)];
  if (end.read_before(event)) return;
  std::erase_if(end.newest_wills, [&](const auto& old) { return old.first == event.partition; });
  end.newest_wills.emplace_back(event.partition, event.sequence);
  ++end.wills_read;
}

// Connections.

void Facts::take_connection(const Event& event) {
  if (is(event.observer, Role::hub)) return take_hub_end(event);
  if (!is(event.observer, Role::device)) return;
  DeviceEnd& end = device_ends[number(event.observer)];
  const bool link = (event.flags & model::flag_link) != 0;
  end.tried_at = event.at;
  switch (event.what) {
    case What::opened:
      end.connection = event.connection;
      end.opened_at = event.at;
      end.connected = link;  // which has no greeting
      if (link) end.accepted_at = event.at;
      left_alone_.erase(number(event.observer));
      end.asleep = false;
      end.turned_away = false;
      end.asks_with_will = false;
      end.received.clear();
      break;
    case What::accepted:
      end.connection = event.connection;
      end.connected = true;
      end.accepted_at = event.at;
      end.keep_alive = event.keep_alive;
      end.clean = (event.flags & model::flag_clean_session) != 0;
      end.session_continues = !end.clean && (event.flags & model::flag_session_present) != 0;
      // Of a session that goes on, another client with this id may have made a subscription.
      if (!end.session_continues) end.subscribed = Subscribed::no;
      else if (end.subscribed == Subscribed::no) end.subscribed = Subscribed::unknown;
      if (end.clean) end.in_flight.clear();
      if (valid(event.device)) {
        Holder& holder = holders[number(event.device)];
        rivals = rivals || (holder.node != Stream::no_node && holder.node != number(event.observer));
        holder = {number(event.observer), end.opened_at, event.at};
      }
      break;
    case What::refused:
      end.connected = false;
      end.asks_with_will = false;
      end.turned_away = event.code != 0;
      end.ended_at = event.at;
      break;
    default:
      if (event.connection != end.connection) break;
      if (!terms.hub_observed && end.connected && end.has_will && !end.asleep && valid(event.device)) {
        HubEnd& other = hub_ends[number(event.device)];
        ++other.wills_owed;
        ++other.wills_possible;
        other.will_ended_at = event.at;
      }
      // The hub may have said yes, and the answer was lost.
      if (!terms.hub_observed && !end.connected && end.asks_with_will && valid(event.device))
        ++hub_ends[number(event.device)].wills_possible;
      end.connected = end.asks_with_will = false;
      end.ended_at = event.at;
      if (event.why == model::Why::disconnect && event.by == model::EndedBy::local) end.asleep = true;
      anyone_slept = anyone_slept || end.asleep;
      break;
  }
  if (event.what != What::accepted) return;
  end.has_will = (event.flags & model::flag_has_will) != 0;
  end.asks_with_will = false;
}

void Facts::take_hub_end(const Event& event) {
  if (!valid(event.device)) {
    if (event.what == What::ended) hub_ended_a_nameless_at = event.at;
    return;
  }
  HubEnd& end = hub_ends[number(event.device)];
  if (event.what == What::accepted && (event.flags & model::flag_link) == 0) {
    if (end.now.number != 0 && end.now.number != event.connection) end.older = end.now;
    // Silence and subscriptions count from CONNECT, which may have waited for its answer.
    const bool asked = end.asking.number == event.connection;
    end.now = asked ? end.asking : HubConnection{};
    end.asking = {};
    end.others = end.older.number != 0;
    end.now.number = event.connection;
    end.now.keep_alive = event.keep_alive;
    end.now.generation = event.generation;
    end.now.has_will = (event.flags & model::flag_has_will) != 0;
    end.now.clean = (event.flags & model::flag_clean_session) != 0;
    end.now.accepted_at = event.at;
    if (!asked) end.now.received_at = event.at;
    end.window.clear();
    end.disordered = false;
    const bool kept = !end.now.clean && (event.flags & model::flag_session_present) != 0;
    if (!kept) end.granted = false;
    if (!kept && !end.now.subscribed) end.subscribed = Subscribed::no;
    // Of a deletion without an answer this may be the only sign, and what goes on is then a session that a CONNECT
    // of the new registration began.
    const std::uint32_t before = std::exchange(end.registration, event.generation);
    if (kept && !end.now.subscribed && before != 0 && before != event.generation) forget_subscription(end);
  } else if (event.what == What::ended) {
    end.ended_at = event.at;
    if (event.connection == end.asking.number) end.asking = {};
    for (HubConnection* one : {&end.now, &end.older}) {
      if (one->number == 0 || event.connection != one->number) continue;
      if (one->has_will && event.why != model::Why::disconnect && !one->said_goodbye) {
        ++end.wills_owed;
        ++end.wills_possible;
        end.will_ended_at = event.at;
        std::erase_if(end.recent_wills,
                      [&](std::int64_t then) { return hub_awake_ - then >= slowest_storing; });
        end.recent_wills.push_back(hub_awake_);
      }
      if (one == &end.now) end.window.clear();
      *one = {};
    }
    end.others = end.asking.number != 0 || end.older.number != 0;
  }
}

void Facts::take_packet_at_device(const Event& event) {
  observed_[number(event.observer)] = 1;
  DeviceEnd& end = device_ends[number(event.observer)];
  if ((event.flags & model::flag_sent) != 0) {
    end.sent_at = event.at;
    switch (event.packet) {
      case model::Packet::puback: {
        const auto which = std::ranges::find(end.received, event.packet_id, &Received::packet_id);
        if (which == end.received.end()) break;
        for (auto before = end.received.begin(); before != which; ++before) before->overtaken = true;
        end.received.erase(which);
        break;
      }
      case model::Packet::publish: {
        if (event.qos == 0 || (event.flags & model::flag_c2d) != 0) break;
        for (InFlight& sent : end.in_flight)
          if (sent.message == event.message && event.message != MessageKey::none) {
            sent.resent = true;
            sent.connection = event.connection;
            sent.packet_id = event.packet_id;
            return;
          }
        constexpr std::size_t most = 1 << 16;
        if (end.in_flight.size() < most)
          end.in_flight.push_back(
              {event.message, event.connection, event.packet_id, false, event.at});
        break;
      }
      case model::Packet::subscribe:
        if ((event.flags & model::flag_c2d_filter) != 0) end.subscribed = Subscribed::yes;
        break;
      case model::Packet::connect:
        end.asks_with_will = (event.flags & model::flag_has_will) != 0;
        if (event.expiry != model::no_date)
          tokens[number(event.observer)] = {event.connection, event.at, event.expiry, event.token,
                                           event.sequence};
        break;
      case model::Packet::disconnect:
        end.asleep = true;
        anyone_slept = true;
        break;
      default: break;
    }
    return;
  }
  if (event.packet == model::Packet::publish && event.qos == 1) {
    constexpr std::size_t most = 1 << 16;
    std::erase_if(end.received, [&](const Received& old) { return old.packet_id == event.packet_id; });
    if (end.received.size() < most) end.received.push_back({event.packet_id, false});
  }
  if (event.packet != model::Packet::puback && event.packet != model::Packet::pubrec) return;
  for (InFlight& sent : end.in_flight)
    if (sent.packet_id == event.packet_id) return end.in_flight.erase(&sent);
}

// What a SUBACK grants is on the hub's disk, unless its session is a clean one.
void Facts::take_suback(const Event& event, HubEnd& end) {
  constexpr std::uint16_t failure = 0x80;
  if ((event.flags & model::flag_c2d_filter) == 0 || event.code == failure) return;
  if (event.connection == end.now.number && !end.now.clean && end.subscribed == Subscribed::yes)
    end.granted = true;
}

void Facts::unsubscribed(HubEnd& end) {
  end.subscribed = Subscribed::no;
  end.granted = false;
}

// Nobody knows whether there is one.
void Facts::forget_subscription(HubEnd& end) {
  end.subscribed = Subscribed::unknown;
  end.ever_subscribed = false;
  end.granted = false;
}

void Facts::take_packet_at_hub(const Event& event, Command* command) {
  if (!valid(event.device)) return;
  HubEnd& end = hub_ends[number(event.device)];
  if ((event.flags & model::flag_sent) != 0) {
    if (event.packet == model::Packet::suback) return take_suback(event, end);
    if (command == nullptr) return;
    if (event.packet == model::Packet::publish && (event.flags & model::flag_c2d) != 0)
      take_hand_over(event, *command, false);
    if (event.packet == model::Packet::link_delivery) take_hand_over(event, *command, true);
    return;
  }
  if (event.connection == end.now.number) end.now.received_at = event.at;
  if (end.others && event.connection == end.asking.number) end.asking.received_at = event.at;
  switch (event.packet) {
    case model::Packet::connect:
      if (event.connection == end.now.number) break;
      end.asking = {};
      end.others = true;
      end.asking.number = event.connection;
      end.asking.received_at = event.at;
      if ((event.flags & model::flag_clean_session) != 0) unsubscribed(end);
      break;
    case model::Packet::puback: take_ack_at_hub(event); break;
    case model::Packet::subscribe:
      if ((event.flags & model::flag_c2d_filter) != 0) {
        if (end.subscribed != Subscribed::yes) end.subscribed_at = event.at;
        end.subscribed = Subscribed::yes;
        end.ever_subscribed = true;
        if (event.connection == end.now.number) end.now.subscribed = true;
        if (event.connection == end.asking.number) end.asking.subscribed = true;
      }
      break;
    case model::Packet::unsubscribe:
      if ((event.flags & model::flag_c2d_filter) != 0) unsubscribed(end);
      break;
    case model::Packet::disconnect:
      if (event.connection == end.now.number) end.now.said_goodbye = true;
      break;
    default: break;
  }
}

}  // namespace hubproof::conformance
