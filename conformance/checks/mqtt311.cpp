#include "conformance/checks/mqtt311.hpp"

#include "conformance/checks/words.hpp"

namespace hubproof::conformance {

using model::Event;
using model::MessageKey;
using model::What;

namespace {

const DeviceEnd& device_end(const Seen& seen) {
  return seen.facts.device_ends[static_cast<std::size_t>(seen.event.observer)];
}

std::string observer(const Seen& seen) { return seen.facts.name(seen.event.observer); }

bool telemetry(const Event& event) {
  return event.qos > 0 && (event.flags & model::flag_c2d) == 0 && event.message != MessageKey::none;
}

// Where the PUBLISH was sent before and is not acknowledged; the end of the list when it is new.
std::size_t place(const DeviceEnd& end, const Event& event) {
  std::size_t at = 0;
  while (at < end.in_flight.size() && end.in_flight[at].message != event.message) ++at;
  return at;
}

}  // namespace

const About FreshPacketId::about{
    "mqtt311:2.3.1-2", Level::must, "A client gives a new PUBLISH a packet id that no unfinished exchange uses.", {}};

void FreshPacketId::look(const Seen& seen) {
  const DeviceEnd& end = device_end(seen);
  if (!telemetry(seen.event) || end.in_flight.empty() || place(end, seen.event) < end.in_flight.size()) return;
  for (const InFlight& sent : end.in_flight)
    if (sent.packet_id == seen.event.packet_id)
      return fail(seen, observer(seen) + " sent " + id(seen.event.message) + " with the packet id " +
                            std::to_string(sent.packet_id) + " of " + id(sent.message) +
                            ", which is not acknowledged");
  pass();
}

const About SpeaksInTime::about{
    "mqtt311:3.1.2-23", Level::must, "A client never leaves its keep-alive time between two packets that it sends.", {}};

// Told of what the device sends and of the end of its connections, so the silence lies before.
void SpeaksInTime::look(const Seen& seen) {
  const Event& event = seen.event;
  const Facts& facts = seen.facts;
  const DeviceEnd& end = device_end(seen);
  if (!end.connected || end.keep_alive == 0 || event.connection != end.connection) return;
  if (event.what != What::packet && event.what != What::ended) return;
  const std::int64_t since = std::max(end.sent_at, end.accepted_at);
  const std::int64_t limit = std::int64_t{end.keep_alive} * second;
  const std::int64_t silent = event.at - since;
  if (silent <= limit / 2) return;
  if (silent <= limit + limit / 50 + second) {
    if (event.what == What::packet) pass();
    return;
  }
  const std::string what = observer(seen) + " was silent for " + seconds(silent) + "; its keep-alive is " +
                           std::to_string(end.keep_alive) + " s";
  // It may have been stopped; what it did meanwhile would show that it was not.
  if (facts.faults == 0) return fail(seen, what);
  undecided(seen, what + ", and it may have been stopped");
}

const About ResendSaysSo::about{
    "mqtt311:3.3.1-1", Level::must, "A PUBLISH with QoS above 0 that is sent again carries DUP.", {}};

void ResendSaysSo::look(const Seen& seen) {
  const DeviceEnd& end = device_end(seen);
  if (!telemetry(seen.event)) return;
  const std::size_t at = place(end, seen.event);
  if (at == end.in_flight.size()) return;
  const InFlight& sent = end.in_flight[at];
  const bool goes_on = sent.connection == seen.event.connection || end.session_continues;
  if (!goes_on || sent.packet_id != seen.event.packet_id) return;
  if ((seen.event.flags & model::flag_dup) != 0) return pass();
  fail(seen, observer(seen) + " sent " + id(seen.event.message) + " again, without DUP");
}

const About ResendsInOrder::about{
    "mqtt311:4.6.0-1", Level::must, "Unacknowledged PUBLISHes are sent again in the order in which they were sent first.", {}};

void ResendsInOrder::look(const Seen& seen) {
  const DeviceEnd& end = device_end(seen);
  if (!telemetry(seen.event) || !end.session_continues) return;
  const std::size_t at = place(end, seen.event);
  if (at == end.in_flight.size() || end.in_flight[at].connection == seen.event.connection) return;
  bool others = at > 0;
  for (std::size_t later = at + 1; later < end.in_flight.size(); ++later) {
    const InFlight& sent = end.in_flight[later];
    if (sent.resent && sent.connection == seen.event.connection)
      return fail(seen, observer(seen) + " sent " + id(seen.event.message) + " again after " +
                            id(sent.message) + ", which it had sent later at first");
    others = true;
  }
  if (others) pass();
}

const About AcksInOrder::about{
    "mqtt311:4.6.0-2", Level::must, "PUBACKs are sent in the order in which the PUBLISHes came.", {"MQTT-35"}};

void AcksInOrder::saw(const Seen& seen) {
  if (seen.event.packet != model::Packet::puback) return;
  const DeviceEnd& end = device_end(seen);
  for (const Received& received : end.received) {
    if (received.packet_id != seen.event.packet_id) continue;
    if (!received.overtaken) return pass();
    return fail(seen, observer(seen) + " acknowledged packet " + std::to_string(received.packet_id) +
                          " after one that had come later");
  }
}

}  // namespace hubproof::conformance
