#include "conformance/facts.hpp"

#include <limits>

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
constexpr std::size_t most_readers = 64;

}  // namespace

void KeyRuns::add(MessageKey key) {
  const std::uint64_t value = number(key);
  if (first_ <= last_) {
    if (value == last_ + 1) {
      ++last_;
      return;
    }
    if (value >= first_ && value <= last_) return;
    const auto place = std::ranges::lower_bound(older_, first_, {}, &Run::first);
    older_.insert(place, {first_, last_});
  }
  first_ = last_ = value;
}

bool KeyRuns::has(MessageKey key) const {
  const std::uint64_t value = number(key);
  if (value >= first_ && value <= last_) return true;
  const auto after = std::ranges::upper_bound(older_, value, {}, &Run::first);
  return after != older_.begin() && value <= std::prev(after)->last;
}

std::uint64_t PartitionLog::lower_bound(std::uint64_t sequence) const {
  if (entries_.empty() || entries_.back().sequence < sequence) return end();
  const auto found = std::ranges::lower_bound(entries_, sequence, {}, &LogEntry::sequence);
  return dropped_ + static_cast<std::uint64_t>(found - entries_.begin());
}

void PartitionLog::append(const LogEntry& entry) {
  entries_.push_back(entry);
  if (entries_.size() > most) {
    entries_.pop_front();
    ++dropped_;
  }
}

void PartitionLog::drop_below(std::uint64_t sequence) {
  while (!entries_.empty() && entries_.front().sequence < sequence) {
    entries_.pop_front();
    ++dropped_;
  }
}

Facts::Facts(const model::Terms& the_terms, const std::vector<model::Participant>& the_participants)
    : terms{the_terms},
      nodes(the_participants.size()),
      streams(the_participants.size()),
      device_ends(the_participants.size()),
      hub_ends(the_participants.size()),
      queues(the_participants.size()) {
  for (std::size_t i = 0; i < the_participants.size(); ++i) {
    nodes[i].role = the_participants[i].role;
    names_.push_back(the_participants[i].name);
  }
  hub_marks_.fill(long_ago);
}

const std::string& Facts::name(std::uint32_t node) const {
  return node < names_.size() ? names_[node] : nobody_;
}

Telemetry* Facts::telemetry_of(const Event& event) {
  if (event.message == MessageKey::none) return nullptr;
  return messages.find(event.message);
}

void Facts::take(const Event& event, std::uint64_t index, Telemetry* telemetry, Command* command) {
  now = event.at;
  if (valid(event.observer)) {
    Node& observer = nodes[number(event.observer)];
    observer.observed = true;
    if (observer.role == Role::hub && event.at - hub_marks_[hub_mark_] >= second / 4)
      hub_marks_[hub_mark_ = (hub_mark_ + 1) % marks] = event.at;
  }
  switch (event.what) {
    case What::telemetry: take_telemetry(event, index, telemetry); break;
    case What::read: take_read(event, telemetry); break;
    case What::read_from: take_read_from(event); break;
    case What::checkpoint: take_checkpoint(event); break;
    case What::packet:
      if (is(event.observer, Role::device)) take_packet_at_device(event);
      if (is(event.observer, Role::hub)) take_packet_at_hub(event, command);
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
    case What::feedback_batch: feedback_read = true; break;
    case What::create_device:
    case What::delete_device:
    case What::enable_device:
    case What::disable_device: take_registry(event); break;
    case What::purge: take_purge(event); break;
    case What::clock: take_clock(event); break;
    case What::started:
    case What::crashed: take_life(event); break;
    case What::fault_begins: ++faults; break;
    case What::healed: healed_at = event.at; break;
    case What::feedback_complete:
    case What::feedback_abandon:
    case What::fault_ends:
    case What::finished: break;
  }
  retire_ended();
}

bool Facts::hub_was_awake(std::int64_t after, std::int64_t before) const {
  return std::ranges::any_of(hub_marks_,
                             [&](std::int64_t mark) { return mark > after && mark < before; });
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
  if (!is(whose, Role::hub)) return;
  hub_clock = clock;
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
    ++node.incarnation;
  }
  switch (node.role) {
    case Role::hub:
      hub_up = node.up;
      hub_disturbed_at = event.at;
      if (!node.up) {
        ++hub_epoch;
        hub_crashed_at = event.at;
        for (HubEnd& end : hub_ends) {
          end.now = {};
          end.older = {};
          end.window.clear();
          // What was not on its disk yet is undone, the end of a subscription too.
          if (end.subscribed != Subscribed::unknown && end.ever_subscribed)
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
        streams[at].open = 0;
      }
      break;
    case Role::service:
      for (ReaderFacts& reader : readers)
        if (reader.node == at)
          for (Cursor& cursor : reader.cursors) cursor.restarted = true;
      break;
  }
}

// Telemetry.

bool Facts::was_sent(std::uint32_t sender, MessageKey key) const {
  return sender < streams.size() && streams[sender].sent.has(key);
}

bool Facts::may_have_left(std::int64_t date) const {
  return date == model::no_date || hub_clock.maybe_was_past(date + terms.retention_ns, now);
}

void Facts::take_telemetry(const Event& event, std::uint64_t index, Telemetry* message) {
  if (!valid(event.observer) || event.message == MessageKey::none) return;
  Stream& stream = streams[number(event.observer)];
  if (event.phase == Phase::invoke) {
    if (!valid(event.device)) return;
    stream.about = number(event.device);
    streams[number(event.device)].invoked = true;
    if (!hashed(event.message)) stream.sent.add(event.message);
    ++stream.open;
    if (messages.full()) sweep_telemetry();
    Telemetry& sent = messages.at(event.message);
    sent.invoked_at = event.at;
    sent.acked_at = never;
    sent.digest = event.digest;
    sent.invoked_event = index;
    sent.device = number(event.device);
    sent.sender = number(event.observer);
    const Queue& registered = queues[sent.device];
    sent.generation =
        registered.registry_open == 0 && !registered.registry_murky ? registered.generation : 0;
    sent.incarnation = static_cast<std::uint16_t>(nodes[sent.sender].incarnation);
    return;
  }
  if (message == nullptr) return;
  if (message->acked_at == never && !message->given_up && stream.open > 0 &&
      message->incarnation == static_cast<std::uint16_t>(nodes[message->sender].incarnation))
    --stream.open;
  if (event.phase == Phase::ok) {
    message->acked_at = event.at;
    stream.acked_at = event.at;
    stream.first_acked_at = std::min(stream.first_acked_at, event.at);
  } else {
    message->given_up = true;
  }
  if (message->read || message->given_up) forget(message);
}

void Facts::forget(Telemetry* message) {
  if (!hashed(message->key)) {
    messages.erase(message);
    return;
  }
  // A hashed key cannot be kept as a run, so it stays for a while: a copy may still come.
  constexpr std::size_t most = 1 << 16;
  done_hashed_.push_back(message->key);
  if (done_hashed_.size() <= most) return;
  if (Telemetry* oldest = messages.find(done_hashed_.front())) messages.erase(oldest);
  done_hashed_.pop_front();
  forgot_hashed = true;
}

// Before the table grows: what nobody will ask for any more.
void Facts::sweep_telemetry() {
  constexpr std::int64_t hour = 3600 * second;
  messages.sweep([&](const Telemetry& message) {
    if (hashed(message.key)) return false;
    if (message.acked_at == never) {
      const bool of_a_past_life =
          message.incarnation != static_cast<std::uint16_t>(nodes[message.sender].incarnation);
      return of_a_past_life && now - message.invoked_at > hour;
    }
    const bool unreadable =
        readers.empty() || (hub_clock.known && may_have_left(message.invoked_at + hub_clock.floor));
    if (unreadable) ++dropped_unread;
    return unreadable;
  });
}

const ReaderFacts* Facts::reader(NodeIndex node) const {
  for (const ReaderFacts& reader : readers)
    if (reader.node == number(node)) return &reader;
  return nullptr;
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
  // Sequence 0 is "after the checkpoint", wherever that is.
  const std::uint64_t from = event.sequence != 0 ? event.sequence : cursor.checkpoint + 1;
  if (!cursor.started) {
    cursor.owed_from = from <= 1 ? long_ago : event.at;
  } else if (from > cursor.last + 1 && from > cursor.checkpoint + 1) {
    cursor.jumped_at = event.at;
  }
  cursor.started = true;
  cursor.fresh = true;
  cursor.from = from;
  cursor.next = log.lower_bound(from);
  cursor.last = from - 1;
}

void Facts::take_checkpoint(const Event& event) {
  if (!valid(event.observer) || event.partition >= most_partitions) return;
  Cursor& cursor = cursor_at(reader_at(event.observer), event.partition);
  cursor.checkpoint = std::max(cursor.checkpoint, event.sequence);
  if (event.phase != Phase::ok) return;
  std::uint64_t lowest = event.sequence;
  for (const ReaderFacts& reader : readers)
    if (event.partition < reader.cursors.size() && reader.cursors[event.partition].started)
      lowest = std::min(lowest, reader.cursors[event.partition].checkpoint);
  // Not all at once: an older checkpoint may win over one whose answer was lost.
  if (lowest > 256) log_at(event.partition).drop_below(lowest - 256);
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
    log.append({event.sequence, event.offset, event.message, event.date, any && cursor.last != back});
    cursor.next = log.end();
    reader.new_at = event.at;
  } else {
    const std::uint64_t place = log.lower_bound(event.sequence);
    const bool known = place != log.end() && log.at(place).sequence == event.sequence;
    cursor.next = known ? place + 1 : place;
  }
  cursor.fresh = false;
  cursor.restarted = false;
  cursor.last = event.sequence;
  if (event.date != model::no_date) cursor.last_date = event.date;

  if (valid(event.device) && (event.flags & model::flag_will) == 0) {
    Stream& stream = streams[number(event.device)];
    if (stream.partition == ~std::uint32_t{0}) stream.partition = event.partition;
    if (message != nullptr && !message->read && message->device == number(event.device) &&
        message->invoked_at > stream.newest_sent) {
      stream.newest_sent = message->invoked_at;
      stream.newest_read = event.sequence;
    }
  }
  if (message == nullptr || message->read) return;
  message->read = true;
  if (message->acked_at != never || message->given_up) forget(message);
}

// Connections.

void Facts::take_connection(const Event& event) {
  if (is(event.observer, Role::device)) {
    DeviceEnd& end = device_ends[number(event.observer)];
    switch (event.what) {
      case What::opened:
        end.connection = event.connection;
        end.opened_at = event.at;
        end.connected = false;
        end.asleep = false;
        end.turned_away = false;
        break;
      case What::accepted:
        end.connection = event.connection;
        end.connected = true;
        end.accepted_at = event.at;
        end.clean = (event.flags & model::flag_clean_session) != 0;
        end.session_continues = !end.clean && (event.flags & model::flag_session_present) != 0;
        if (end.clean || (!end.session_continues && end.subscribed != Subscribed::unknown))
          end.subscribed = Subscribed::no;
        break;
      case What::refused:
        end.connected = false;
        end.turned_away = event.code != 0;
        end.ended_at = event.at;
        break;
      default:
        if (event.connection != end.connection) break;
        end.connected = false;
        end.ended_at = event.at;
        if (event.why == model::Why::disconnect && event.by == model::EndedBy::local) end.asleep = true;
        break;
    }
    return;
  }
  if (!is(event.observer, Role::hub) || !valid(event.device)) return;
  HubEnd& end = hub_ends[number(event.device)];
  if (event.what == What::accepted) {
    if ((event.flags & model::flag_link) != 0) return;
    if (end.now.number != 0 && end.now.number != event.connection) end.older = end.now;
    const HubConnection asked = end.now.number == event.connection ? end.now : HubConnection{};
    end.now = asked;
    end.now.number = event.connection;
    end.now.keep_alive = event.keep_alive;
    end.now.has_will = asked.has_will || (event.flags & model::flag_has_will) != 0;
    end.now.clean = (event.flags & model::flag_clean_session) != 0;
    if (event.message != MessageKey::none) end.now.will = event.message;
    end.now.accepted_at = event.at;
    end.now.received_at = event.at;
    end.window.clear();
    end.disordered = false;
    if (end.now.clean || (end.subscribed == Subscribed::unknown && !end.ever_subscribed &&
                          (event.flags & model::flag_session_present) == 0))
      end.subscribed = Subscribed::no;
  } else if (event.what == What::ended) {
    end.ended_at = event.at;
    if (event.connection == end.now.number) {
      end.now = {};
      end.window.clear();
    }
    if (event.connection == end.older.number) end.older = {};
  }
}

void Facts::take_packet_at_device(const Event& event) {
  DeviceEnd& end = device_ends[number(event.observer)];
  if ((event.flags & model::flag_sent) != 0) {
    end.sent_at = event.at;
    switch (event.packet) {
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
          end.in_flight.push_back({event.message, event.connection, event.packet_id, false});
        break;
      }
      case model::Packet::subscribe:
        if ((event.flags & model::flag_c2d_filter) != 0) end.subscribed = Subscribed::yes;
        break;
      case model::Packet::disconnect: end.asleep = true; break;
      default: break;
    }
    return;
  }
  if (event.packet != model::Packet::puback) return;
  for (std::size_t i = 0; i < end.in_flight.size(); ++i)
    if (end.in_flight[i].packet_id == event.packet_id) {
      end.in_flight.erase(end.in_flight.begin() + static_cast<std::ptrdiff_t>(i));
      return;
    }
}

void Facts::take_packet_at_hub(const Event& event, Command* command) {
  if (!valid(event.device)) return;
  HubEnd& end = hub_ends[number(event.device)];
  if ((event.flags & model::flag_sent) != 0) {
    if (command == nullptr) return;
    if (event.packet == model::Packet::publish && (event.flags & model::flag_c2d) != 0)
      take_hand_over(event, *command, false);
    if (event.packet == model::Packet::link_delivery) take_hand_over(event, *command, true);
    return;
  }
  if (event.connection == end.now.number) end.now.received_at = event.at;
  switch (event.packet) {
    case model::Packet::puback: take_ack_at_hub(event); break;
    case model::Packet::subscribe:
      if ((event.flags & model::flag_c2d_filter) != 0) {
        end.subscribed = Subscribed::yes;
        end.ever_subscribed = true;
      }
      break;
    case model::Packet::unsubscribe:
      if ((event.flags & model::flag_c2d_filter) != 0) end.subscribed = Subscribed::no;
      break;
    case model::Packet::disconnect:
      if (event.connection == end.now.number) end.now.said_goodbye = true;
      break;
    default: break;
  }
}

}  // namespace hubproof::conformance
