#include "conformance/judge.hpp"

#include <tuple>

#include "conformance/checks/c2d.hpp"
#include "conformance/checks/d2c.hpp"
#include "conformance/checks/feedback.hpp"
#include "conformance/checks/liveness.hpp"
#include "conformance/checks/message.hpp"
#include "conformance/checks/mqtt.hpp"
#include "conformance/checks/mqtt311.hpp"
#include "conformance/checks/registry.hpp"
#include "conformance/facts.hpp"

namespace hubproof::conformance {

using model::Event;
using model::Packet;
using model::Phase;
using model::Role;
using model::What;

namespace {

using Checks =
    std::tuple<AckedIsRead, OriginIsTrue, OrderOfAcks, ReplayKeepsOrder, OnePartition, SequencesIncrease,
               QueueIsLimited, OneLiveToken, OneFinalState, NoDeliveryAfterEnd, RedeliveryHasCause,
               DeadTokenDoesNothing, DeliveryCount, OneTrueRecord, BatchesAreSmallAndSoon, OneConnection,
               WillExactlyOnce, SubscribedFirst, SilenceEnds, GenerationsApart, QueuesEmpty, SendersEnd,
               ContentIsKept, FullIsAnswered, FreshPacketId, SpeaksInTime, ResendSaysSo, ResendsInOrder,
               AcksInOrder>;

Kind packet_kind(const Event& event, const Facts& facts) {
  const bool sent = (event.flags & model::flag_sent) != 0;
  if (facts.is(event.observer, Role::hub)) {
    if (!sent) return Kind::hub_received;
    const bool c2d = event.packet == Packet::publish && (event.flags & model::flag_c2d) != 0;
    return c2d || event.packet == Packet::link_delivery ? Kind::hand_over : Kind::other;
  }
  if (!facts.is(event.observer, Role::device)) return Kind::other;
  if (event.packet == Packet::publish) return sent ? Kind::publish_sent : Kind::c2d_received;
  if (sent) return Kind::device_sent;
  return event.packet == Packet::puback ? Kind::ack_received : Kind::other;
}

Kind kind_of(const Event& event, const Facts& facts) {
  switch (event.what) {
    case What::telemetry: return Kind::telemetry;
    case What::read: return Kind::read;
    case What::read_from: return Kind::read_from;
    case What::checkpoint: return Kind::checkpoint;
    case What::command: return Kind::command;
    case What::delivery: return Kind::delivery;
    case What::complete:
    case What::reject:
    case What::abandon: return Kind::settling;
    case What::feedback_batch: return Kind::feedback_batch;
    case What::feedback_record: return Kind::feedback_record;
    case What::create_device:
    case What::delete_device: return Kind::registry;
    case What::purge: return Kind::purge;
    case What::opened:
    case What::accepted:
    case What::refused:
    case What::ended:
      return facts.is(event.observer, Role::hub)      ? Kind::hub_connection
             : facts.is(event.observer, Role::device) ? Kind::device_connection
                                                      : Kind::other;
    case What::packet: return packet_kind(event, facts);
    case What::started:
    case What::crashed: return Kind::life;
    case What::healed: return Kind::healed;
    case What::finished: return Kind::finished;
    default: return Kind::other;
  }
}

template <Kind kind, class... C>
void tell(std::tuple<C...>& checks, const Seen& seen) {
  const auto one = [&]<class One>(One& check) {
    if constexpr (One::wants.has(kind)) check.saw(seen);
  };
  std::apply([&](C&... check) { (one(check), ...); }, checks);
}

void tell(Kind kind, Checks& checks, const Seen& seen) {
  switch (kind) {
    case Kind::telemetry: return tell<Kind::telemetry>(checks, seen);
    case Kind::read: return tell<Kind::read>(checks, seen);
    case Kind::read_from: return tell<Kind::read_from>(checks, seen);
    case Kind::checkpoint: return tell<Kind::checkpoint>(checks, seen);
    case Kind::command: return tell<Kind::command>(checks, seen);
    case Kind::delivery: return tell<Kind::delivery>(checks, seen);
    case Kind::settling: return tell<Kind::settling>(checks, seen);
    case Kind::feedback_batch: return tell<Kind::feedback_batch>(checks, seen);
    case Kind::feedback_record: return tell<Kind::feedback_record>(checks, seen);
    case Kind::registry: return tell<Kind::registry>(checks, seen);
    case Kind::purge: return tell<Kind::purge>(checks, seen);
    case Kind::hub_connection: return tell<Kind::hub_connection>(checks, seen);
    case Kind::hub_received: return tell<Kind::hub_received>(checks, seen);
    case Kind::hand_over: return tell<Kind::hand_over>(checks, seen);
    case Kind::device_connection: return tell<Kind::device_connection>(checks, seen);
    case Kind::publish_sent: return tell<Kind::publish_sent>(checks, seen);
    case Kind::device_sent: return tell<Kind::device_sent>(checks, seen);
    case Kind::ack_received: return tell<Kind::ack_received>(checks, seen);
    case Kind::c2d_received: return tell<Kind::c2d_received>(checks, seen);
    case Kind::life: return tell<Kind::life>(checks, seen);
    case Kind::healed: return tell<Kind::healed>(checks, seen);
    case Kind::finished: return tell<Kind::finished>(checks, seen);
    case Kind::other: return;
  }
}

}  // namespace

struct Judge::Parts {
  Parts(const model::Terms& the_terms, const std::vector<model::Participant>& participants)
      : terms{the_terms}, facts{terms, participants} {}

  void count(const Seen& seen);

  model::Terms terms;
  Facts facts;
  Checks checks;
  MessageCounts counts;
  Reading reading;  // of the last read event
  std::uint64_t index = 0;
};

void Judge::Parts::count(const Seen& seen) {
  const Event& event = seen.event;
  switch (event.what) {
    case What::read:
      if (seen.telemetry != nullptr && !seen.telemetry->read) ++counts.d2c_read;
      break;
    case What::command:
      if (event.phase == Phase::invoke) ++counts.c2d_sent;
      break;
    case What::delivery:
      if (event.phase == Phase::ok) ++counts.c2d_received;
      break;
    case What::complete:
    case What::reject:
    case What::abandon:
      if (event.phase == Phase::ok || event.phase == Phase::info) ++counts.c2d_settled;
      break;
    case What::feedback_record:
      if (event.phase == Phase::ok) ++counts.feedback;
      break;
    default: break;
  }
}

Judge::Judge(const model::Terms& terms, const std::vector<model::Participant>& participants)
    : parts_{std::make_unique<Parts>(terms, participants)} {}
Judge::~Judge() = default;
Judge::Judge(Judge&&) noexcept = default;

void Judge::saw(const Event& event) {
  constexpr Kinds of_commands{Kind::command,         Kind::delivery,  Kind::settling,
                              Kind::feedback_record, Kind::hand_over, Kind::c2d_received};
  constexpr Kinds counted{Kind::read, Kind::command, Kind::delivery, Kind::settling,
                          Kind::feedback_record};
  Parts& parts = *parts_;
  Facts& facts = parts.facts;
  const Kind kind = kind_of(event, facts);
  facts.now = event.at;
  Telemetry* telemetry = nullptr;
  Command* command = nullptr;
  if (kind == Kind::read) {
    telemetry = facts.telemetry_of(event);
    parts.reading = facts.reading_of(event);
  } else if (kind == Kind::telemetry) {
    if (event.phase == Phase::invoke)
      ++parts.counts.d2c_sent;
    else
      telemetry = facts.telemetry_of(event);
    if (event.phase == Phase::ok) ++parts.counts.d2c_acked;
  } else if (of_commands.has(kind)) {
    command = facts.command_of(event);
  }
  const Seen seen{event, parts.index++, facts, telemetry, parts.reading, command};
  if (counted.has(kind)) parts.count(seen);
  tell(kind, parts.checks, seen);
  facts.take(event, seen.index, telemetry, command);
}

void Judge::soon(model::NodeIndex observer, model::NodeIndex device, model::MessageKey message,
                 bool again) const {
  parts_->facts.soon(observer, device, message, again);
}

Report Judge::finish() {
  Report report;
  report.messages = parts_->counts;
  const auto one = [&]<class C>(const C& check) {
    const bool must = C::about.level == Level::must || C::about.level == Level::limit;
    report.checks.push_back({C::about.id, must, check.finding()});
  };
  std::apply([&](const auto&... check) { (one(check), ...); }, parts_->checks);
  return report;
}

Verdict Report::verdict() const {
  Verdict worst = Verdict::not_exercised;
  bool inconclusive = false;
  for (const Judged& check : checks) {
    if (!check.must) continue;
    if (check.finding.verdict == Verdict::inconclusive) inconclusive = true;
    worst = std::max(worst, check.finding.verdict);
  }
  return worst == Verdict::pass && inconclusive ? Verdict::inconclusive : worst;
}

void MessageCounts::operator+=(const MessageCounts& other) {
  d2c_sent += other.d2c_sent;
  d2c_acked += other.d2c_acked;
  d2c_read += other.d2c_read;
  c2d_sent += other.c2d_sent;
  c2d_received += other.c2d_received;
  c2d_settled += other.c2d_settled;
  feedback += other.feedback;
}

const char* level_text(Level level) {
  switch (level) {
    case Level::must: return "MUST";
    case Level::should: return "SHOULD";
    case Level::limit: return "LIMIT";
    case Level::note: return "NOTE";
  }
  return "";
}

const std::vector<const About*>& checks() {
  static const std::vector<const About*> all = []<class... C>(std::tuple<C...>*) {
    return std::vector<const About*>{&C::about...};
  }(static_cast<Checks*>(nullptr));
  return all;
}

}  // namespace hubproof::conformance
