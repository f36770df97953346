#include "conformance/judge.hpp"

#include <tuple>

#include "conformance/checks/broker.hpp"
#include "conformance/checks/c2d.hpp"
#include "conformance/checks/d2c.hpp"
#include "conformance/checks/feedback.hpp"
#include "conformance/checks/liveness.hpp"
#include "conformance/checks/message.hpp"
#include "conformance/checks/mqtt.hpp"
#include "conformance/checks/mqtt311.hpp"
#include "conformance/checks/quotas.hpp"
#include "conformance/checks/registry.hpp"
#include "conformance/checks/routes.hpp"
#include "conformance/checks/security.hpp"
#include "conformance/facts.hpp"

namespace hubproof::conformance {

using model::Event;
using model::Packet;
using model::Phase;
using model::What;

namespace {

using Checks =
    std::tuple<AckedIsRead, OriginIsTrue, OrderOfAcks, ReplayKeepsOrder, OnePartition, SequencesIncrease,
               QueueIsLimited, OneLiveToken, OneFinalState, NoDeliveryAfterEnd, RedeliveryHasCause,
               DeadTokenDoesNothing, DeliveryCount, OneTrueRecord, BatchesAreSmallAndSoon, OneConnection,
               WillExactlyOnce, SubscribedFirst, SilenceEnds, TokenIsInTime, GenerationsApart, QueuesEmpty, SendersEnd,
               ContentIsKept, FullIsAnswered, FreshPacketId, SpeaksInTime, ResendSaysSo, ResendsInOrder,
               AcksInOrder, SignedByItsKey, ReplacedKeyIsDead, InScope, EndsWithItsToken>;
// Those that look at nothing unless the hub has routes.
using RouteChecks =
    std::tuple<RoutesLeadThere, OncePerEndpoint, FallbackTakesTheRest, UnmatchedIsDropped, BuiltinGetsTheRest>;

// ... and unless it has limits.
using QuotaChecks = std::tuple<PhasesInOrder, RateIsKept, QuotaIsKept, RefusedLeavesNoTrace>;

using Who = Facts::Who;

Kind packet_kind(const Event& event, Who who) {
  const bool sent = (event.flags & model::flag_sent) != 0;
  if (who == Who::hub) {
    if (!sent) return Kind::hub_received;
    const bool c2d = event.packet == Packet::publish && (event.flags & model::flag_c2d) != 0;
    return c2d || event.packet == Packet::link_delivery ? Kind::hand_over : Kind::other;
  }
  if (who != Who::device) return Kind::other;
  if (event.packet == Packet::publish) return sent ? Kind::publish_sent : Kind::c2d_received;
  if (sent) return Kind::device_sent;
  return event.packet == Packet::puback || event.packet == Packet::pubrec ? Kind::ack_received : Kind::other;
}

Kind kind_of(const Event& event, Who who) {
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
    case What::update_device:
    case What::delete_device: return Kind::registry;
    case What::purge: return Kind::purge;
    case What::opened:
    case What::accepted:
    case What::refused:
    case What::ended:
      return who == Who::hub      ? Kind::hub_connection
             : who == Who::device ? Kind::device_connection
                                  : Kind::other;
    case What::packet: return packet_kind(event, who);
    case What::started:
    case What::crashed: return Kind::life;
    case What::healed: return Kind::healed;
    case What::finished: return Kind::finished;
    case What::throttle: return who == Who::hub ? Kind::throttle : Kind::other;
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

template <Kind kind, class... R, class... Q>
[[gnu::noinline]] void tell_special(std::tuple<R...>& routes, std::tuple<Q...>& quotas, const Seen& seen) {
  if (seen.facts.routed) tell<kind>(routes, seen);
  if (seen.facts.terms.throttles) tell<kind>(quotas, seen);
}

template <Kind kind, class... C>
constexpr bool any_wants(const std::tuple<C...>*) {
  return (C::wants.has(kind) || ...);
}

}  // namespace

struct Judge::Parts {
  Parts(const model::Terms& the_terms, const std::vector<model::Participant>& participants,
        const std::vector<std::string>* notes)
      : terms{the_terms}, facts{terms, participants} {
    if (terms.broker && notes != nullptr) broker = std::make_unique<BrokerLog>(facts, broker_checks, *notes);
  }

  void count(const Seen& seen);
  template <Kind kind>
  void saw(const Event& event, Who who);
  template <Kind kind>
  void saw_rare(const Event& event, Who who);
  void saw_at_endpoint(const Event& event, Who who, Kind kind);

  model::Terms terms;
  Facts facts;
  Checks checks;
  RouteChecks route_checks;
  QuotaChecks quota_checks;
  BrokerChecks broker_checks;
  std::unique_ptr<BrokerLog> broker;  // null: it is a hub
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

Judge::Judge(const model::Terms& terms, const std::vector<model::Participant>& participants,
             const std::vector<std::string>* notes)
    : parts_{std::make_unique<Parts>(terms, participants, notes)}, of_broker_{parts_->broker != nullptr} {}
Judge::~Judge() = default;
Judge::Judge(Judge&&) noexcept = default;

// Each kind of event has its own way through the judge, with what is nothing to it left out: half of
// what a message costs here would go into finding out again what it is.
template <Kind kind>
[[gnu::always_inline]] inline void Judge::Parts::saw(const Event& event, Who who) {
  constexpr Kinds of_commands{Kind::command,         Kind::delivery,  Kind::settling,
                              Kind::feedback_record, Kind::hand_over, Kind::c2d_received};
  constexpr Kinds counted{Kind::read, Kind::command, Kind::delivery, Kind::settling,
                          Kind::feedback_record};
  facts.now = event.at;
  Telemetry* telemetry = nullptr;
  Command* command = nullptr;
  if constexpr (kind == Kind::read) {
    telemetry = facts.telemetry_of(event);
    if (facts.routed) facts.look_at(telemetry, event);
    facts.read(event, reading);
  } else if constexpr (kind == Kind::telemetry) {
    if (event.phase == Phase::invoke)
      ++counts.d2c_sent;
    else
      telemetry = facts.telemetry_of(event);
    if (facts.routed) facts.look_at(telemetry, event);
    if (event.phase == Phase::ok) ++counts.d2c_acked;
  } else if constexpr (of_commands.has(kind)) {
    command = facts.command_of(event);
  }
  const Seen seen{event, index++, facts, telemetry, reading, command};
  if constexpr (counted.has(kind)) count(seen);
  tell<kind>(checks, seen);
  if constexpr (any_wants<kind>(static_cast<RouteChecks*>(nullptr)) ||
                any_wants<kind>(static_cast<QuotaChecks*>(nullptr)))
    if (facts.special) tell_special<kind>(route_checks, quota_checks, seen);
  if (kind == Kind::telemetry && who != Who::hub)
    facts.take_telemetry(event, who, seen.index, telemetry);
  else if constexpr (kind == Kind::publish_sent || kind == Kind::ack_received)
    facts.take_packet_at_device(event);
  else
    facts.take(event, who, seen.index, telemetry, command);
}

// What comes seldom has a function of its own, so that the way of the others stays short.
template <Kind kind>
[[gnu::noinline]] void Judge::Parts::saw_rare(const Event& event, Who who) {
  saw<kind>(event, who);
}

// Partitions of a hub with routes are those of an endpoint; of an event that names none nothing is known.
[[gnu::noinline]] void Judge::Parts::saw_at_endpoint(const Event& event, Who who, Kind kind) {
  if (!facts.of_endpoint(event)) {
    facts.now = event.at;
    ++index;
    return;
  }
  Event here = event;
  here.partition = facts.partition_in_here(event);
  if (kind == Kind::read) saw_rare<Kind::read>(here, who);
  if (kind == Kind::read_from) saw_rare<Kind::read_from>(here, who);
  if (kind == Kind::checkpoint) saw_rare<Kind::checkpoint>(here, who);
}

void Judge::saw_as_hubs(const Event& event) {
  Parts& parts = *parts_;
  const Who who = parts.facts.who(event.observer);
  const Kind kind = kind_of(event, who);
  switch (kind) {
    case Kind::telemetry: return parts.saw<Kind::telemetry>(event, who);
    case Kind::read:
      if (parts.facts.routed) return parts.saw_at_endpoint(event, who, kind);
      return parts.saw<Kind::read>(event, who);
    case Kind::read_from:
      if (parts.facts.routed) return parts.saw_at_endpoint(event, who, kind);
      return parts.saw_rare<Kind::read_from>(event, who);
    case Kind::checkpoint:
      if (parts.facts.routed) return parts.saw_at_endpoint(event, who, kind);
      return parts.saw_rare<Kind::checkpoint>(event, who);
    case Kind::command: return parts.saw_rare<Kind::command>(event, who);
    case Kind::delivery: return parts.saw_rare<Kind::delivery>(event, who);
    case Kind::settling: return parts.saw_rare<Kind::settling>(event, who);
    case Kind::feedback_batch: return parts.saw_rare<Kind::feedback_batch>(event, who);
    case Kind::feedback_record: return parts.saw_rare<Kind::feedback_record>(event, who);
    case Kind::registry: return parts.saw_rare<Kind::registry>(event, who);
    case Kind::purge: return parts.saw_rare<Kind::purge>(event, who);
    case Kind::hub_connection: return parts.saw_rare<Kind::hub_connection>(event, who);
    case Kind::hub_received: return parts.saw<Kind::hub_received>(event, who);
    case Kind::hand_over: return parts.saw_rare<Kind::hand_over>(event, who);
    case Kind::device_connection: return parts.saw_rare<Kind::device_connection>(event, who);
    case Kind::publish_sent: return parts.saw<Kind::publish_sent>(event, who);
    case Kind::device_sent: return parts.saw<Kind::device_sent>(event, who);
    case Kind::ack_received: return parts.saw<Kind::ack_received>(event, who);
    case Kind::c2d_received: return parts.saw_rare<Kind::c2d_received>(event, who);
    case Kind::life: return parts.saw_rare<Kind::life>(event, who);
    case Kind::healed: return parts.saw_rare<Kind::healed>(event, who);
    case Kind::finished: return parts.saw_rare<Kind::finished>(event, who);
    case Kind::throttle: return parts.saw_rare<Kind::throttle>(event, who);
    case Kind::other: return parts.facts.take(event, who, parts.index++, nullptr, nullptr);
  }
}

void Judge::saw_topics(const Event& event) {
  Parts& parts = *parts_;
  if (parts.broker) parts.broker->saw({event, parts.index - 1, parts.facts, nullptr, parts.reading});
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
  const auto all = [&](const auto&... check) { (one(check), ...); };
  std::apply(all, parts_->checks);
  std::apply(all, parts_->route_checks);
  std::apply(all, parts_->quota_checks);
  std::apply(all, parts_->broker_checks);
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
  static const std::vector<const About*> all = []<class... C, class... R, class... Q, class... B>(
                                                   std::tuple<C...>*, std::tuple<R...>*, std::tuple<Q...>*,
                                                   std::tuple<B...>*) {
    return std::vector<const About*>{&C::about..., &R::about..., &Q::about..., &B::about...};
  }(static_cast<Checks*>(nullptr), static_cast<RouteChecks*>(nullptr), static_cast<QuotaChecks*>(nullptr),
    static_cast<BrokerChecks*>(nullptr));
  return all;
}

}  // namespace hubproof::conformance
