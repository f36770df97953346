// Hand-written histories for the tests of checks: a hub, a service and two devices, told in words.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "conformance/history_json.hpp"
#include "conformance/judge.hpp"
#include "model/history.hpp"

namespace hubproof::tests {

using namespace std::chrono_literals;
using conformance::Finding;
using conformance::Report;
using conformance::Verdict;
using model::Ack;
using model::Event;
using model::MessageKey;
using model::NodeIndex;
using model::Phase;
using model::What;

// Node 0 is the hub, 1 the service s1, 2 and 3 the devices d1 and d2. Time goes on only by at().
class Story {
 public:
  static constexpr NodeIndex hub{0};
  static constexpr NodeIndex s1{1};
  static constexpr NodeIndex d1{2};
  static constexpr NodeIndex d2{3};
  static constexpr std::int64_t epoch = 1'700'000'000'000'000'000;  // the date of true time 0

  Story() {
    history.participants = {{"hub", model::Role::hub},
                            {"s1", model::Role::service},
                            {"d1", model::Role::device},
                            {"d2", model::Role::device}};
    history.terms.settle_ns = ns(100s);
    for (const NodeIndex node : {hub, s1, d1, d2}) clock(node, 0s);
  }

  model::History history;

  static std::int64_t ns(std::chrono::nanoseconds span) { return span.count(); }
  static std::int64_t date(std::chrono::nanoseconds at) { return epoch + at.count(); }

  Story& at(std::chrono::nanoseconds when) {
    now_ = when.count();
    return *this;
  }

  Event& add(NodeIndex observer, What what, Phase phase = Phase::ok) {
    Event& event = history.events.emplace_back();
    event.at = now_;
    event.local = epoch + now_ + (observer == hub ? hub_wrong_ : 0);
    event.observer = observer;
    event.what = what;
    event.phase = phase;
    return event;
  }

  // Participants.
  void clock(NodeIndex node, std::chrono::nanoseconds wrong) {
    if (node == hub) hub_wrong_ = wrong.count();
    Event& event = add(node, What::clock);
    event.device = node;
    event.offset_low = epoch + wrong.count() - 1000;
    event.offset_high = epoch + wrong.count() + 1000;
  }
  void started(NodeIndex node) { add(node, What::started).device = node; }
  void crashed(NodeIndex node) { add(node, What::crashed).device = node; }
  void fault() { add(hub, What::fault_begins); }
  void healed() { add(hub, What::healed); }
  void finished() { add(hub, What::finished); }
  // The hub shows that it is awake.
  void hub_does_something() { add(hub, What::opened).connection = 999; }

  // Telemetry: message n of a device.
  static MessageKey telemetry(NodeIndex device, std::uint32_t n) {
    return model::own_key('t', static_cast<std::uint32_t>(device), n);
  }
  Event& sends(NodeIndex device, std::uint32_t n) { return tells(device, n, Phase::invoke); }
  Event& acked(NodeIndex device, std::uint32_t n) { return tells(device, n, Phase::ok); }
  void tells_ok(NodeIndex sender, std::uint32_t n, NodeIndex device) { acked(sender, n).device = device; }
  Event& gives_up(NodeIndex device, std::uint32_t n) { return tells(device, n, Phase::info); }
  Event& read_from(std::uint64_t sequence = 0, std::uint32_t partition = 0, NodeIndex reader = s1) {
    Event& event = add(reader, What::read_from);
    event.sequence = sequence;
    event.partition = partition;
    return event;
  }
  Event& reads(NodeIndex device, std::uint32_t n, std::uint64_t sequence, std::uint32_t partition = 0,
               NodeIndex reader = s1) {
    Event& event = add(reader, What::read);
    event.device = device;
    event.message = telemetry(device, n);
    event.digest = 7;
    event.sequence = sequence;
    event.offset = sequence * 100;
    event.partition = partition;
    event.date = epoch + now_ - 1;
    return event;
  }
  void stores_checkpoint(std::uint64_t sequence, std::uint32_t partition = 0) {
    for (const Phase phase : {Phase::invoke, Phase::ok}) {
      Event& event = add(s1, What::checkpoint, phase);
      event.sequence = sequence;
      event.partition = partition;
    }
  }

  // Commands: number n of the service.
  static MessageKey command(std::uint32_t n) { return model::own_key('c', 1, n); }
  Event& asks(std::uint32_t n, Ack ack = Ack::full, NodeIndex device = d1) {
    Event& event = about(s1, What::command, Phase::invoke, n, device);
    event.ack = ack;
    event.digest = 7;
    return event;
  }
  Event& accepted(std::uint32_t n, std::chrono::nanoseconds lives = 1h, NodeIndex device = d1) {
    Event& event = about(s1, What::command, Phase::ok, n, device);
    event.date = epoch + now_;
    event.expiry = epoch + now_ + lives.count();
    return event;
  }
  // The same as AMQP answers it, which tells neither date nor expiry.
  void stored(std::uint32_t n, NodeIndex device = d1) { about(s1, What::command, Phase::ok, n, device); }
  Event& refused(std::uint32_t n, model::Error error, NodeIndex device = d1) {
    Event& event = about(s1, What::command, Phase::fail, n, device);
    event.error = error;
    return event;
  }
  // One that was sent and stored at once.
  void command_waits(std::uint32_t n, std::chrono::nanoseconds lives = 1h, Ack ack = Ack::full,
                     NodeIndex device = d1) {
    asks(n, ack, device);
    accepted(n, lives, device);
  }
  // By another door than MQTT's: the hub's hand-over, the device's delivery, its settling.
  Event& hands_over(std::uint32_t n, std::uint64_t token, std::uint32_t count = 0, NodeIndex device = d1) {
    Event& event = about(hub, What::packet, Phase::ok, n, device);
    event.packet = model::Packet::link_delivery;
    event.flags = model::flag_sent | model::flag_link;
    event.token = token;
    event.count = count;
    event.digest = 7;
    return event;
  }
  Event& delivered(std::uint32_t n, std::uint64_t token, std::uint32_t count = 0, NodeIndex device = d1) {
    Event& event = about(device, What::delivery, Phase::ok, n, device);
    event.flags = model::flag_link;
    event.token = token;
    event.count = count;
    event.digest = 7;
    return event;
  }
  void delivers(std::uint32_t n, std::uint64_t token, std::uint32_t count = 0, NodeIndex device = d1) {
    hands_over(n, token, count, device);
    delivered(n, token, count, device);
  }
  Event& settles(What how, Phase phase, std::uint32_t n, std::uint64_t token, NodeIndex device = d1) {
    Event& event = about(device, how, phase, n, device);
    event.flags = model::flag_link;
    event.token = token;
    if (phase == Phase::fail) event.error = model::Error::lock_lost;
    return event;
  }
  void settled(What how, Phase phase, std::uint32_t n, std::uint64_t token, NodeIndex device = d1) {
    settles(how, Phase::invoke, n, token, device);
    settles(how, phase, n, token, device);
  }

  // Over MQTT, connections by their number at the hub's end and at the device's.
  Event& packet(NodeIndex observer, model::Packet packet, unsigned flags, std::uint32_t connection,
                NodeIndex device = d1) {
    Event& event = add(observer, What::packet);
    event.packet = packet;
    event.flags = static_cast<std::uint16_t>(flags);
    event.connection = connection;
    event.device = device;
    return event;
  }
  Event& hub_accepts(std::uint32_t connection, unsigned flags = 0, NodeIndex device = d1) {
    packet(hub, model::Packet::connect, flags & ~unsigned{model::flag_session_present}, connection, device);
    Event& event = add(hub, What::accepted);
    event.connection = connection;
    event.device = device;
    event.keep_alive = 60;
    event.flags = static_cast<std::uint16_t>(flags | model::flag_sent);
    return event;
  }
  Event& hub_ends(std::uint32_t connection, model::Why why = model::Why::unknown, NodeIndex device = d1) {
    Event& event = add(hub, What::ended);
    event.connection = connection;
    event.device = device;
    event.why = why;
    return event;
  }
  void subscribes(std::uint32_t connection, NodeIndex device = d1) {
    packet(hub, model::Packet::subscribe, model::flag_c2d_filter, connection, device);
  }
  Event& hub_grants(std::uint32_t connection, std::uint16_t code = 1, NodeIndex device = d1) {
    Event& event = packet(hub, model::Packet::suback, model::flag_sent | model::flag_c2d_filter, connection, device);
    event.code = code;
    return event;
  }
  Event& hub_publishes(std::uint32_t n, std::uint32_t connection, std::uint16_t packet_id, std::uint8_t qos = 1,
                       NodeIndex device = d1) {
    Event& event = packet(hub, model::Packet::publish, model::flag_sent | model::flag_c2d, connection, device);
    event.message = command(n);
    event.packet_id = packet_id;
    event.qos = qos;
    event.token = std::uint64_t{connection} << 16 | packet_id;
    event.digest = 7;
    return event;
  }
  Event& hub_hears(model::Packet what, std::uint32_t connection, std::uint16_t packet_id = 0,
                   NodeIndex device = d1) {
    Event& event = packet(hub, what, 0, connection, device);
    event.packet_id = packet_id;
    return event;
  }
  Event& device_accepted(std::uint32_t connection, unsigned flags = 0, NodeIndex device = d1) {
    Event& opened = add(device, What::opened);
    opened.connection = connection;
    opened.device = device;
    Event& event = add(device, What::accepted);
    event.connection = connection;
    event.device = device;
    event.keep_alive = 60;
    event.flags = static_cast<std::uint16_t>(flags);
    return event;
  }
  Event& device_ends(std::uint32_t connection, model::EndedBy by = model::EndedBy::reset, NodeIndex device = d1) {
    Event& event = add(device, What::ended);
    event.connection = connection;
    event.device = device;
    event.by = by;
    return event;
  }
  Event& publishes(std::uint32_t n, std::uint32_t connection, std::uint16_t packet_id, bool dup = false,
                   NodeIndex device = d1) {
    Event& event = packet(device, model::Packet::publish,
                          model::flag_sent | (dup ? unsigned{model::flag_dup} : 0U), connection, device);
    event.message = telemetry(device, n);
    event.packet_id = packet_id;
    event.qos = 1;
    return event;
  }
  // The device has got the PUBLISH and acknowledges it.
  void device_completes(std::uint32_t n, std::uint32_t connection, std::uint16_t packet_id, NodeIndex device = d1) {
    const std::uint64_t token = std::uint64_t{connection} << 16 | packet_id;
    delivered(n, token, model::unknown_count, device).flags = 0;
    for (const Phase phase : {Phase::invoke, Phase::info})
      settles(What::complete, phase, n, token, device).flags = 0;
  }

  // Feedback.
  void batch(std::int64_t created, std::uint32_t count, std::uint64_t token) {
    Event& event = add(s1, What::feedback_batch);
    event.date = created;
    event.count = count;
    event.token = token;
  }
  Event& record(std::uint32_t n, model::Status status, std::int64_t when, std::uint64_t token, NodeIndex device = d1) {
    Event& event = about(s1, What::feedback_record, Phase::ok, n, device);
    event.status = status;
    event.date = when;
    event.token = token;
    return event;
  }
  void batch_settled(What what, Phase phase, std::uint64_t token) {
    for (const Phase each : {Phase::invoke, phase}) add(s1, what, each).token = token;
  }
  // A batch of one, made now.
  Event& reported(std::uint32_t n, model::Status status, NodeIndex device = d1) {
    batch(epoch + now_, 1, 5000 + n);
    return record(n, status, epoch + now_, 5000 + n, device);
  }

  // The registry.
  Event& registry(What what, Phase phase, std::uint32_t generation = 0, NodeIndex device = d1) {
    Event& event = add(s1, what, phase);
    event.device = device;
    event.generation = generation;
    return event;
  }

  Report judge() const {
    conformance::Judge judge{history.terms, history.participants};
    for (const Event& event : history.events) judge.saw(event);
    return judge.finish();
  }
  // Every story is judged twice, as it is and as it comes back from its JSON lines.
  Finding finding(std::string_view clause) const {
    const Report here = judge();
    Finding found;
    for (const conformance::Judged& one : here.checks)
      if (one.id == clause) found = one.finding;
    EXPECT_TRUE(std::any_of(here.checks.begin(), here.checks.end(),
                            [&](const conformance::Judged& one) { return one.id == clause; }))
        << clause << " is no check";
    const Report there = judge_lines();
    for (std::size_t i = 0; i < here.checks.size(); ++i) {
      EXPECT_EQ(here.checks[i].finding.verdict, there.checks[i].finding.verdict) << here.checks[i].id;
      EXPECT_EQ(here.checks[i].finding.text, there.checks[i].finding.text) << here.checks[i].id;
    }
    return found;
  }
  Verdict verdict(std::string_view clause) const { return finding(clause).verdict; }
  // The text of the first failure of any check, and its id; empty when none fails.
  std::string alarm() const {
    for (const conformance::Judged& one : judge().checks)
      if (one.finding.verdict == Verdict::fail) return std::string{one.id} + ": " + one.finding.text;
    return {};
  }

  std::string lines() const {
    std::string text = conformance::write_header(history);
    for (const Event& event : history.events) text += conformance::write_event(history, event);
    return text;
  }

 private:
  Event& tells(NodeIndex device, std::uint32_t n, Phase phase) {
    Event& event = add(device, What::telemetry, phase);
    event.device = device;
    event.message = telemetry(device, n);
    if (phase == Phase::invoke) event.digest = 7;
    return event;
  }
  Event& about(NodeIndex observer, What what, Phase phase, std::uint32_t n, NodeIndex device) {
    Event& event = add(observer, what, phase);
    event.message = command(n);
    event.device = device;
    return event;
  }
  Report judge_lines() const {
    std::unique_ptr<conformance::Judge> judge;
    conformance::HistoryReader reader{
        [&](const model::History& header) {
          judge = std::make_unique<conformance::Judge>(header.terms, header.participants);
        },
        [&](const Event& event) { judge->saw(event); }};
    reader.feed(lines());
    reader.end();
    for (const conformance::HistoryProblem& problem : reader.problems())
      ADD_FAILURE() << problem.line << problem.pointer << ' ' << problem.what;
    return judge->finish();
  }

  std::int64_t now_ = 0;
  std::int64_t hub_wrong_ = 0;
};

}  // namespace hubproof::tests
