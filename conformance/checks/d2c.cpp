#include "conformance/checks/d2c.hpp"

#include "conformance/checks/words.hpp"

namespace hubproof::conformance {

using model::Event;
using model::MessageKey;
using model::Phase;

namespace {

bool is_will(const Event& event) { return (event.flags & model::flag_will) != 0; }

// Of the device, wherever its events go.
const Stream* stream_of(const Seen& seen) {
  const auto device = static_cast<std::size_t>(seen.event.device);
  return device < seen.facts.streams.size() ? &seen.facts.streams[device] : nullptr;
}

// At the endpoint of a read event.
const Stream* stream_at_endpoint(const Seen& seen) {
  const Stream* const stream = stream_of(seen);
  return stream == nullptr || !seen.facts.routed ? stream : &seen.facts.stream_read(seen.event);
}

}  // namespace

const About AckedIsRead::about{
    "INV-01", Level::must, "Every acknowledged telemetry message is read at least once while retention lasts.",
    {"DLV-01", "DLV-02", "DLV-04", "D2C-02", "D2C-19", "D2C-32"}};

void AckedIsRead::finish(const Seen& seen) {
  const Facts& facts = seen.facts;
  std::uint64_t lost = 0;
  std::uint64_t unknown = facts.dropped_unread;
  const Telemetry* first = nullptr;
  std::string first_at;
  facts.messages.each([&](const Telemetry& message) {
    if (message.acked_at == never || (facts.routed ? message.everywhere() : message.read)) return;
    const unsigned missing = facts.routed ? message.owed & ~unsigned{message.seen} : 1;
    const std::size_t endpoints = facts.routed ? facts.terms.endpoints.size() : 1;
    std::uint32_t endpoint = 0;
    for (; endpoint < endpoints; ++endpoint)
      if ((missing >> endpoint & 1) != 0 &&
          facts.must_have_been_read(message.device, message.invoked_at, message.acked_at, endpoint))
        break;
    if (endpoint == endpoints) {
      ++unknown;
      return;
    }
    ++lost;
    if (first != nullptr && message.invoked_event >= first->invoked_event) return;
    first = &message;
    first_at = facts.routed ? " at " + facts.terms.endpoints[endpoint] : "";
  });
  for (; unknown > 0 && finding_.undecided < 1000; --unknown)
    undecided(seen, "acknowledged messages were not read, and none is owed to a reader any more or yet");
  if (first == nullptr) return;
  finding_.fail(first->invoked_event, first->acked_at,
                id(first->key) + " of " + facts.name(first->device) + " was acknowledged at " +
                    seconds(first->acked_at) + " and never read" + first_at +
                    (lost > 1 ? "; so were " + std::to_string(lost - 1) + " more" : ""));
}

const About OriginIsTrue::about{
    "INV-02", Level::must, "Every telemetry event was sent by the device that its stamp names.",
    {"D2C-14", "MSG-02"}};

void OriginIsTrue::look(const Seen& seen, std::uint32_t stamp) {
  const Event& event = seen.event;
  const Facts& facts = seen.facts;
  const Stream* stream = stream_of(seen);
  if (stream == nullptr) {
    // On a foreign hub there may be others that the history knows nothing of.
    const std::string what = "an event was read with the stamp of a device that nobody knows";
    return facts.terms.hub_observed ? fail(seen, what) : undecided(seen, what);
  }
  if (event.message == MessageKey::none) {
    if (stream->nameless || !stream->invoked) return;
    return fail(seen, "an event without a message-id was read as one of " + device(seen) +
                          ", which gives one to all that it sends");
  }
  if (seen.telemetry != nullptr) {
    return fail(seen, id(event.message) + " of " + facts.name(seen.telemetry->device) +
                          " was read with the stamp of " + facts.name(event.device));
  }
  if (facts.was_sent(stamp, event.message)) return pass();
  for (std::uint32_t sender = 0; sender < facts.streams.size(); ++sender) {
    if (!facts.was_sent(sender, event.message)) continue;
    if (facts.streams[sender].about == stamp) return pass();
    return fail(seen, id(event.message) + " of " + facts.name(facts.streams[sender].about) +
                          " was read with the stamp of " + facts.name(event.device));
  }
  if (!stream->invoked || facts.forgot_hashed)
    return undecided(seen, id(event.message) + " was read, and its sending is not in the history");
  fail(seen, id(event.message) + " was read as a message of " + device(seen) + ", which never sent it");
}

const About OrderOfAcks::about{
    "INV-03", Level::must, "Messages of a device that were sent one after the other's acknowledgement are stored in that order.",
    {"D2C-08", "D2C-09", "D2C-10"}};

void OrderOfAcks::saw(const Seen& seen) {
  const Telemetry* message = seen.telemetry;
  const Stream* stream = stream_at_endpoint(seen);
  if (message == nullptr || stream == nullptr || seen.event.phase != Phase::ok || is_will(seen.event) ||
      message->read)
    return;
  if (message->acked_at < stream->newest_sent && stream->partition == seen.event.partition &&
      seen.event.sequence > stream->newest_read)
    return fail(seen, id(message->key) + " of " + device(seen) + " was acknowledged at " +
                          seconds(message->acked_at) + ", but stands behind a message sent at " +
                          seconds(stream->newest_sent));
  if (message->invoked_at > stream_of(seen)->first_acked_at) pass();
}

const About ReplayKeepsOrder::about{
    "INV-04", Level::must, "Events that are read again come in the same order, and none is left out.",
    {"D2C-06", "D2C-10", "D2C-35"}};

bool ReplayKeepsOrder::skipped(const Seen& seen, const PartitionLog& log, std::uint64_t from,
                               std::uint64_t to) {
  for (std::uint64_t at = from; at < to; ++at) {
    const LogEntry& entry = log.at(at);
    if (seen.facts.may_have_left(entry.since)) continue;
    fail(seen, "partition " + seen.facts.partition_text(seen.event.partition) + " went on to " +
                   std::to_string(seen.event.sequence) + " without " + std::to_string(entry.sequence) +
                   ", which had been there before");
    return true;
  }
  return false;
}

// Routing that starts again may write a part of the stream again: all of it up to its end, in order.
void ReplayKeepsOrder::look_at_routing(const Seen& seen) {
  const Reading& reading = seen.reading;
  const RoutedLog& log = *reading.routed;
  const bool again = reading.original != RoutedLog::none;
  const std::uint64_t to = again ? reading.original : log.end();
  for (std::uint64_t at = std::max(log.next, log.begin()); at < to; ++at) {
    if (seen.facts.may_have_left(log.at(at).since)) continue;
    return fail(seen, "partition " + seen.facts.partition_text(seen.event.partition) + " began to repeat itself and went on with " +
                          id(seen.event.message) + " without " + id(log.at(at).key) +
                          ", which stood there the first time");
  }
  if (again && to == log.next) pass();
  if (!again || to >= log.next || !seen.facts.may_repeat(seen.telemetry) || !seen.facts.terms.hub_observed) return;
  if (log.repetitions >= seen.facts.hub_epoch)
    fail(seen, "partition " + seen.facts.partition_text(seen.event.partition) + " began to repeat itself " +
                   std::to_string(log.repetitions + 1) + " times, and the hub crashed " +
                   std::to_string(seen.facts.hub_epoch) + " times");
}

void ReplayKeepsOrder::saw(const Seen& seen) {
  if (seen.reading.routed != nullptr && seen.reading.follows && seen.event.message != MessageKey::none)
    look_at_routing(seen);
  const Event& event = seen.event;
  const auto& [cursor, log, place, known, routed, follows, original] = seen.reading;
  if (event.phase != Phase::ok || cursor == nullptr || event.sequence == 0) return;
  const std::uint64_t next = std::max(cursor->next, log->begin());
  if (place > next && skipped(seen, *log, next, place)) return;
  if (place == log->end()) return;
  if (known) {
    if (place == next && !cursor->fresh) pass();
    return;
  }
  // Between two events that were read one after the other there is now a third. It may have been on its way to this
  // reader while it left the log.
  const bool left = seen.facts.may_have_left(seen.telemetry == nullptr ? long_ago : seen.telemetry->invoked_at);
  if (place > log->begin() && !log->at(place).gap_before && !left)
    fail(seen, "partition " + seen.facts.partition_text(event.partition) + " shows " +
                   std::to_string(event.sequence) + ", which was left out when " +
                   std::to_string(log->at(place).sequence) + " was read first");
}

const About OnePartition::about{"INV-05", Level::must, "All events of a device are in one partition.",
                                {"D2C-03", "D2C-04"}};

void OnePartition::saw(const Seen& seen) {
  const Stream* stream = stream_at_endpoint(seen);
  if (seen.event.phase != Phase::ok || stream == nullptr || stream->partition == Stream::no_partition) return;
  if (stream->partition == seen.event.partition) return pass();
  fail(seen, "an event of " + device(seen) + " is in partition " + seen.facts.partition_text(seen.event.partition) +
                 ", earlier ones are in " + seen.facts.partition_text(stream->partition));
}

const About SequencesIncrease::about{
    "INV-06", Level::must, "In a partition, sequence numbers and offsets strictly increase, and each names one event.",
    {"D2C-06", "D2C-07"}};

void SequencesIncrease::wrong(const Seen& seen, std::string what) {
  fail(seen, "partition " + seen.facts.partition_text(seen.event.partition) + ": " + std::move(what));
}

void SequencesIncrease::saw(const Seen& seen) {
  const Event& event = seen.event;
  const auto& [cursor, log, place, known, routed, follows, original] = seen.reading;
  if (event.phase != Phase::ok || cursor == nullptr || event.sequence == 0) return;
  if (!cursor->fresh && event.sequence <= cursor->last)
    return wrong(seen, std::to_string(event.sequence) + " was read after " +
                          std::to_string(cursor->last));
  if (known) {
    const LogEntry& before = log->at(place);
    if (before.key != event.message)
      return wrong(seen, std::to_string(event.sequence) + " is " + id(event.message) + " and was " +
                             id(before.key));
    if (before.offset != event.offset)
      return wrong(seen, "the offset of " + std::to_string(event.sequence) + " is " +
                             std::to_string(event.offset) + " and was " + std::to_string(before.offset));
    return pass();
  }
  if (place == log->begin()) return;
  const LogEntry& before = log->at(place - 1);
  if (event.offset != 0 && before.offset != 0 && event.offset <= before.offset)
    return wrong(seen, "the offset of " + std::to_string(event.sequence) + " is " +
                          std::to_string(event.offset) + ", that of " + std::to_string(before.sequence) +
                          " is " + std::to_string(before.offset));
  pass();
}

}  // namespace hubproof::conformance
