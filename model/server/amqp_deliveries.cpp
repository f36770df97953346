// What comes and leaves on the links of the AMQP door: tokens and questions, telemetry and commands,
// deliveries and their settling, feedback and events.
#include <algorithm>
#include <array>
#include <utility>

#include "model/server/amqp_door.hpp"
#include "model/server/amqp_errors.hpp"
#include "model/server/amqp_feedback.hpp"

namespace hubproof::model {
namespace {

constexpr std::uint32_t batched = 0x8001'3700;  // message-format of several in one [AMQP-26]
constexpr std::size_t most_answers = 64;        // that wait on one link for its credit
constexpr std::uint32_t most_events = 100;      // read at once
constexpr std::string_view token_type = "servicebus.windows.net:sastoken";

Holder holder(ConnectionId id) { return static_cast<Holder>(id); }

std::int64_t milliseconds(Date date) {
  return std::chrono::floor<std::chrono::milliseconds>(date.time_since_epoch()).count();
}
std::int64_t milliseconds(std::int64_t nanoseconds) {
  return milliseconds(Date{Duration{nanoseconds}});
}

// A lock token as the 16 bytes of a delivery tag and of x-opt-lock-token.
Bytes tag_of(LockToken token) {
  Bytes tag;
  Writer writer{tag};
  writer.u64(mix(static_cast<std::uint64_t>(token)));
  writer.u64(static_cast<std::uint64_t>(token));
  return tag;
}

// As the Event Hubs client expects to find who sent it.
constexpr std::string_view auth_method =
    R"({"scope":"device","type":"sas","issuer":"iothub","acceptingIpFilterRule":null})";

struct Answer {
  std::int32_t code;
  const char* text;
  const char* condition;
};
Answer answer_to(Error error) {
  switch (error) {
    case Error::none: return {200, "OK", ""};
    case Error::unauthorized: return {401, "Unauthorized", "amqp:unauthorized-access"};
    case Error::not_found:
    case Error::device_not_found: return {404, "Not Found", "amqp:not-found"};
    case Error::too_large: return {403, "Too many tokens", "amqp:resource-limit-exceeded"};
    default: return {400, "Bad Request", "com.microsoft:argument-error"};
  }
}

}  // namespace

void AmqpDoor::on(Now now, Connection& c, amqp::Arrived& event, Effects& effects) {
  const auto found = c.links.find(event.link);
  if (found == c.links.end()) return;
  Link& link = found->second;
  switch (link.use) {
    case Use::telemetry: return take_telemetry(now, c, event, link, effects);
    case Use::device_bound: return take_command(now, c, event, effects);
    case Use::tokens:
    case Use::questions: {
      const auto request = amqp::read_sections(event.message);
      if (event.too_large || !request)
        return c.engine->settle(event.link, event.delivery, amqp::Outcome::rejected,
                                {"amqp:decode-error", "not a message"});
      c.engine->settle(event.link, event.delivery, amqp::Outcome::accepted);
      if (link.use == Use::tokens) put_token(now, c, *request, effects);
      else answer_question(now, c, *request);
      // Links that were refused for want of a token are asked for anew by whoever wants them.
      return;
    }
    default: return;
  }
}

// Tokens and questions.

void AmqpDoor::put_token(Now now, Connection& c, const amqp::Sections& request,
                         Effects& effects) {  // [AMQP-04]
  const auto answer = [&](Error error) {
    const Answer status = answer_to(error);
    reply(c, Use::token_answers, request, status.code, status.text, status.condition);
  };
  const auto name = request.property("name");
  if (request.property("operation") != "put-token" || request.property("type") != token_type ||
      !name || !request.value.is_text())
    return answer(Error::bad_request);
  const std::string audience = amqp::audience_path(*name);
  // Event Hubs clients take a key as a text, others as base64; what the former open is {hub}/...
  const std::string_view first = std::string_view{audience}.substr(0, audience.find('/'));
  const bool events = !first.empty() && first != "devices" && first != "messages";
  auto read = gate_->read(now, request.value.text(), events ? KeyForm::text : KeyForm::decoded);
  if (const Error* error = std::get_if<Error>(&read)) return answer(*error);
  Grant& grant = std::get<Grant>(read);
  if (!gate_->open()) {
    if (rules_->amqp.tokens_are_for_their_audience && !rules_->covers(grant.scope, audience))
      return answer(Error::unauthorized);
    grant.scope = audience;
  }
  const auto same = std::ranges::find(c.passes, audience, &Pass::audience);
  if (same != c.passes.end()) same->grant = std::move(grant);  // renewal [AMQP-10]
  else if (c.passes.size() >= rules_->amqp.tokens) return answer(Error::too_large);  // [AMQP-09]
  else c.passes.push_back({audience, std::move(grant)});
  answer(Error::none);
  DeviceIndex told = DeviceIndex::none;
  for (const auto& [id, link] : c.links) {
    if (link.device == DeviceIndex::none || link.device == told) continue;
    if (!link.resource.starts_with(audience)) continue;
    tell_accepted(now, c, link, effects);
    told = link.device;
  }
}

void AmqpDoor::answer_question(Now now, Connection& c, const amqp::Sections& request) {
  Bytes body;
  const Error error = read_question(now, c, request, body);
  const Answer status = answer_to(error);
  reply(c, Use::answers, request, status.code, status.text, status.condition, body);
}

Error AmqpDoor::read_question(Now now, const Connection& c, const amqp::Sections& request,
                              Bytes& body) {
  const auto type = request.property("type");
  const std::string_view name = request.property("name").value_or(std::string_view{});
  if (request.property("operation") != "READ" || !type) return Error::bad_request;
  if (const auto token = request.property("security_token"); token && !gate_->open()) {
    auto read = gate_->read(now, *token, KeyForm::text);
    if (std::holds_alternative<Error>(read)) read = gate_->read(now, *token);
    if (Grant* const grant = std::get_if<Grant>(&read)) {
      const Error error =
          gate_->use(*grant, std::string{name} + "/$management", Right::service_connect);
      if (error != Error::none) return error;
    } else {
      return std::get<Error>(read);
    }
  } else {
    const auto may = [&](const std::string& resource) {
      return std::holds_alternative<Grant>(permit(now, c, resource, Right::service_connect));
    };
    // Of the hub's own log whoever may ask at all: clients call it by many names.
    const bool own = std::ranges::find(rules_->routing.endpoints, name) == rules_->routing.endpoints.end();
    if (!may(std::string{name} + "/$management") && !(own && may("$management"))) return Error::unauthorized;
  }
  amqp::ValueWriter writer{body};
  writer.begin_map();
  const auto text = [&](std::string_view key, std::string_view value) {
    writer.string(key);
    writer.string(value);
  };
  if (*type == "com.microsoft:eventhub") {
    text("name", name);
    text("type", *type);
    writer.string("created_at");
    writer.timestamp(0);
    writer.string("partition_count");
    writer.int32(static_cast<std::int32_t>(rules_->partitions));
    writer.string("partition_ids");
    writer.begin_strings();
    for (std::uint32_t i = 0; i < rules_->partitions; ++i) writer.string(std::to_string(i));
    writer.end();
    writer.string("georeplication_factor");
    writer.int32(1);
  } else if (*type == "com.microsoft:partition") {
    const amqp::Address address = amqp::read_address(
        "x/ConsumerGroups/x/Partitions/" +
        std::string{request.property("partition").value_or(std::string_view{})});
    const auto place = address.kind == amqp::Address::Kind::events ? place_of(c, name, address.partition) : std::nullopt;
    if (!place) return Error::not_found;
    const PartitionEnds ends = hub_->ends(*place);
    text("name", name);
    text("type", *type);
    text("partition", std::to_string(address.partition));
    writer.string("begin_sequence_number");
    writer.int64(static_cast<std::int64_t>(ends.first));
    writer.string("last_enqueued_sequence_number");
    writer.int64(ends.newest.sequence == 0 ? -1 : static_cast<std::int64_t>(ends.newest.sequence));
    text("last_enqueued_offset",
         ends.newest.sequence == 0 ? "-1" : std::to_string(ends.newest.offset));
    writer.string("last_enqueued_time_utc");
    writer.timestamp(ends.newest.sequence == 0 ? 0 : milliseconds(ends.newest.enqueued));
    writer.string("is_partition_empty");
    writer.boolean(ends.newest.sequence == 0);
  } else {
    body.clear();
    return Error::bad_request;
  }
  writer.end();
  return Error::none;
}

// On the link that the request names, by its name or its address; else on the newest that may be meant.
void AmqpDoor::reply(Connection& c, Use use, const amqp::Sections& request, std::int32_t status,
                     std::string_view description, std::string_view condition, View body) {
  const std::string_view to = request.reply_to.text();
  auto chosen = c.links.end();
  for (auto at = c.links.begin(); at != c.links.end(); ++at) {
    const Link& link = at->second;
    if (link.use != use) continue;
    chosen = at;
    if (!to.empty() && (link.name == to || link.reply_to == to)) break;
  }
  if (chosen == c.links.end()) return;
  Bytes answer;
  amqp::write_reply(answer, request.message_id, status, description, condition, body);
  Link& link = chosen->second;
  if (link.answers.size() >= most_answers)
    return leave(c, {"amqp:resource-limit-exceeded", "answers are not taken"}, Why::not_allowed);
  link.answers.push_back(std::move(answer));
  push_answers(c, chosen->first, link);
}

void AmqpDoor::push_answers(Connection& c, amqp::LinkId id, Link& link) {
  while (!link.answers.empty() && room(c, id, link)) {
    const Bytes tag{static_cast<std::uint8_t>(++link.next >> 8), static_cast<std::uint8_t>(link.next)};
    c.engine->send(id, tag, link.answers.front());
    link.answers.pop_front();
  }
  touch(c);
}

// Telemetry and commands that come.

// The flat message of one AMQP message; nothing of `flat` counts after an error.
Error AmqpDoor::read_message(const amqp::Arrived& event, Bytes& flat) const {
  if (event.too_large) return Error::too_large;
  const auto sections = amqp::read_sections(event.message);
  if (!sections || !amqp::read_flat(*sections, flat)) return Error::bad_request;
  return Error::none;
}

void AmqpDoor::take_telemetry(Now now, Connection& c, const amqp::Arrived& event, const Link& link,
                              Effects& effects) {
  std::vector<Bytes> messages;
  Error error = Error::none;
  const auto take = [&](View encoded) {
    Bytes flat;
    const auto sections = amqp::read_sections(encoded);
    if (!sections || !amqp::read_flat(*sections, flat)) error = Error::bad_request;
    else if (MessageView{flat}.counted_size() > rules_->d2c_size_limit) error = Error::too_large;
    if (error == Error::none) {  // the body comes last
      const std::size_t size = MessageView{flat}.body().size();
      flat.resize(flat.size() - size + rules_->amqp.kept_of_body(size));
    }
    messages.push_back(std::move(flat));
  };
  if (event.too_large) {
    error = Error::too_large;
  } else if (event.format == batched) {  // all of a batch or nothing
    const auto envelope = amqp::read_sections(event.message);
    if (!envelope || envelope->data.empty()) error = Error::bad_request;
    else
      for (const View& one : envelope->data) take(one);
  } else {
    take(event.message);
  }
  if (error == Error::none && orders_ != nullptr && disturbed(now, c, event, link, messages)) return;
  const Sending what{c.id, event.link, event.delivery, event.settled};
  if (error != Error::none) return tell(what, {}, error);
  if (throttle_ == nullptr) return store(now, what, messages, effects);
  Throttle::Request request{Limit::telemetry, c.id, hub_->device(link.device).node};
  std::size_t size = 0;
  for (const Bytes& flat : messages) size += MessageView{flat}.counted_size();
  request.size = static_cast<std::uint32_t>(size);
  if (messages.size() == 1) request.message = MessageView{messages[0]}.key();
  limited(
      now, request, what,
      [this, what, messages](Now then, Effects& more) { store(then, what, messages, more); },
      effects);
}

void AmqpDoor::store(Now now, const Sending& what, const std::vector<Bytes>& messages,
                     Effects& effects) {
  const DeviceIndex device = find(what.connection)->links.at(what.link).device;
  Ticket ticket{};
  for (const Bytes& flat : messages)
    ticket = hub_->append_telemetry(now, device, flat, false, effects);
  if (!rules_->amqp.accepts_durable_only) ticket = {};
  tell(what, ticket, Error::none);
}

void AmqpDoor::tell(const Sending& what, Ticket ticket, Error error,
                    std::unique_ptr<Prepared> prepared) {
  if (what.settled) {
    Connection& c = *find(what.connection);
    touch(c);
    return c.engine->settle(what.link, what.delivery, amqp::Outcome::none);
  }
  promise({ticket, what.connection, what.link, what.delivery, Promise::Kind::settle,
           error == Error::none ? amqp::Outcome::accepted : amqp::Outcome::rejected, error,
           std::move(prepared)});
}

// True: the device asked for a fault that refuses these messages, and is told so. Of a batch the
// envelope may ask, too, as the vendor's SDK for C does it.
bool AmqpDoor::disturbed(Now now, Connection& c, const amqp::Arrived& event, const Link& link,
                         const std::vector<Bytes>& messages) {
  auto refusal = FaultOrders::Refusal::none;
  const auto hear = [&](const Bytes& flat) {
    if (refusal == FaultOrders::Refusal::none)
      refusal = orders_->heard(now, c.id, link.device, MessageView{flat});
  };
  if (event.format == batched)
    if (auto envelope = amqp::read_sections(event.message)) {
      envelope->data.resize(1);
      if (Bytes flat; amqp::read_flat(*envelope, flat)) hear(flat);
    }
  for (const Bytes& flat : messages) hear(flat);
  if (refusal == FaultOrders::Refusal::none) return false;
  amqp::Error error = amqp_error(Error::unauthorized);
  if (refusal == FaultOrders::Refusal::throttled)
    error = {"com.microsoft:device-container-throttled", "this device is throttled"};  // [QUO-12]
  if (refusal == FaultOrders::Refusal::quota)
    error = {"amqp:resource-limit-exceeded", "the hub has taken as many messages as it may today"};
  c.engine->settle(event.link, event.delivery,
                   event.settled ? amqp::Outcome::none : amqp::Outcome::rejected, error);
  return true;
}

template <class Act>
void AmqpDoor::limited(Now now, const Throttle::Request& request, const Sending& what, Act act,
                       Effects& effects) {
  const auto answer = throttle_->ask(now, request, effects);
  switch (answer.phase) {
    case Throttle::Phase::served: return act(now, effects);
    case Throttle::Phase::waits:
      return throttle_->wait([this, what, act](Now then, Error error, Effects& more) {
        const Connection* const c = find(what.connection);
        if (c == nullptr || !c->links.contains(what.link)) return;  // it does not wait any more
        if (error == Error::none) act(then, more);
        else tell(what, {}, error);
      });
    case Throttle::Phase::refused:
      return answer.acts ? act(now, effects) : tell(what, {}, answer.error);
  }
}

void AmqpDoor::take_command(Now now, Connection& c, const amqp::Arrived& event, Effects& effects) {
  flat_.clear();
  const Sending what{c.id, event.link, event.delivery, event.settled};
  const Error error = read_message(event, flat_);
  const MessageView message{flat_};
  if (error != Error::none) return tell(what, {}, error);
  if (throttle_ == nullptr) return enqueue(now, what, flat_, effects);
  limited(
      now,
      {Limit::commands, c.id, NodeIndex::none, message.key(),
       static_cast<std::uint32_t>(message.counted_size())},
      what, [this, what, flat = flat_](Now then, Effects& more) { enqueue(then, what, flat, more); },
      effects);
}

void AmqpDoor::enqueue(Now now, const Sending& what, View flat, Effects& effects) {
  const auto to = MessageView{flat}.system(System::to);
  const auto device = to ? amqp::device_of(*to) : std::nullopt;
  std::unique_ptr<Prepared> prepared;
  if (device && told_of_request_) {
    prepared = std::make_unique<Prepared>();
    prepared->told = told_of_request_(SendCommand{*device, {flat.begin(), flat.end()}});
  }
  const Outcome outcome = device ? hub_->enqueue(now, *device, flat, effects)
                                 : Outcome{Error::bad_request, {}, {}};
  if (prepared) prepared->done = outcome.done;
  tell(what, outcome.ticket, outcome.error, std::move(prepared));
}

// What leaves.

void AmqpDoor::on(Now now, Connection& c, const amqp::Credited& event, Effects& effects) {
  const auto found = c.links.find(event.link);
  if (found != c.links.end()) push(now, c, event.link, found->second, effects);
}

void AmqpDoor::push(Now now, Connection& c, amqp::LinkId id, Link& link, Effects& effects) {
  if (c.leaving) return;
  switch (link.use) {
    case Use::token_answers:
    case Use::answers: push_answers(c, id, link); break;
    case Use::commands: push_commands(now, c, id, link, effects); break;
    case Use::feedback: push_feedback(now, c, id, link, effects); break;
    case Use::events: push_events(c, id, link); break;
    default: break;
  }
  if (link.waiting == 0 && c.engine->draining(id)) c.engine->drained(id);
}

bool AmqpDoor::room(const Connection& c, amqp::LinkId id, const Link& link) const {
  return c.engine->credit(id) > link.waiting &&
         c.engine->unsettled(id) + link.waiting < rules_->amqp.unsettled;
}

void AmqpDoor::deliver(Now now, DeviceIndex device, Effects& effects) {
  const auto at = where_.find(device);
  if (at == where_.end()) return;
  Connection& c = *find(at->second);
  for (auto& [id, link] : c.links)
    if (link.device == device && link.use == Use::commands) {
      push(now, c, id, link, effects);
      touch(c);
    }
}

void AmqpDoor::feed(Now now, Effects& effects) {
  for (auto at = readers_.begin(); at != readers_.end();) {
    const auto [key, use] = *at++;
    Connection* const c = find(key.first);
    if (c == nullptr) continue;
    const auto link = c->links.find(key.second);
    if (link == c->links.end()) continue;
    const bool news = use == Use::feedback ? hub_->feedback_waits()
                                           : hub_->newest(link->second.place) >= link->second.next;
    if (!news) continue;
    push(now, *c, key.second, link->second, effects);
    touch(*c);
  }
}

void AmqpDoor::push_commands(Now now, Connection& c, amqp::LinkId id, Link& link,
                             Effects& effects) {
  while (hub_->deliverable(link.device) &&
         (room(c, id, link) || !rules_->amqp.heeds_credit)) {  // [AMQP-18]
    const auto delivery = hub_->deliver(now, link.device, holder(c.id), effects);
    if (!delivery) return;
    const MessageView message{delivery->flat};
    Prepared prepared;
    prepared.tag = tag_of(delivery->token);
    prepared.flight = {{}, delivery->token, delivery->sequence, delivery->message};
    amqp::write_command(prepared.message, message,
                        {delivery->sequence, delivery->count, milliseconds(delivery->enqueued),
                         prepared.tag});
    Event& event = prepared.event;
    event.what = What::packet;
    event.packet = Packet::link_delivery;
    event.flags = flag_sent | flag_link;
    event.device = hub_->device(link.device).node;
    event.generation = hub_->device(link.device).generation;
    event.connection = static_cast<std::uint32_t>(c.id);
    event.message = delivery->message;
    event.digest = message.content_digest();
    event.token = static_cast<std::uint64_t>(delivery->token);
    event.sequence = delivery->sequence;
    event.count = delivery->count;
    event.date = delivery->enqueued.time_since_epoch().count();
    event.expiry = delivery->expiry.time_since_epoch().count();
    prepared.shown = true;
    if (delivery->ticket <= hub_->durable()) {
      hand_over(c, id, link, prepared, effects);
      continue;
    }
    ++link.waiting;
    promise({delivery->ticket, c.id, id, {}, Promise::Kind::send, {}, Error::none,
             std::make_unique<Prepared>(std::move(prepared))});
  }
}

void AmqpDoor::push_feedback(Now now, Connection& c, amqp::LinkId id, Link& link,
                             Effects& effects) {
  while (hub_->feedback_waits() && room(c, id, link)) {
    Feedback batch;
    const auto ticket = hub_->receive_feedback(now, batch, effects);
    if (!ticket) return;
    Prepared prepared;
    prepared.tag = tag_of(LockToken{batch.token});
    prepared.flight = {{}, LockToken{batch.token}, 0, {}};
    amqp::write_feedback(prepared.message, amqp::uuid_text(prepared.tag), host_,
                         milliseconds(batch.created),
                         feedback_json(batch, rules_->feedback_pascal_case));
    if (*ticket <= hub_->durable()) {
      hand_over(c, id, link, prepared, effects);
      continue;
    }
    ++link.waiting;
    promise({*ticket, c.id, id, {}, Promise::Kind::send, {}, Error::none,
             std::make_unique<Prepared>(std::move(prepared))});
  }
}

void AmqpDoor::hand_over(Connection& c, amqp::LinkId id, Link& link, Prepared& prepared,
                         Effects& effects) {
  prepared.flight.delivery = c.engine->send(id, prepared.tag, prepared.message);
  link.flights.push_back(prepared.flight);
  if (prepared.shown) effects.saw(What::packet) = prepared.event;
  touch(c);
}

void AmqpDoor::push_events(Connection& c, amqp::LinkId id, Link& link) {
  if (link.place >= shown_.size()) shown_.resize(link.place + 1);
  std::uint64_t& shown = shown_[link.place];
  while (room(c, id, link) && hub_->newest(link.place) >= link.next) {
    Telemetry read;
    if (!hub_->read(link.place, link.next, std::min(most_events, c.engine->credit(id)), read)) return;
    for (const TelemetryEvent& event : read.events) {
      link.next = event.sequence + 1;
      if (event.sequence <= shown && !rules_->repeats_event(event.sequence)) continue;
      shown = std::max(shown, event.sequence);
      out_.clear();
      const std::string generation = std::to_string(event.generation);
      amqp::write_event(out_, MessageView{event.message},
                        {event.sequence, event.offset, milliseconds(event.enqueued), event.device,
                         generation, auth_method});
      std::array<std::uint8_t, 8> tag{};
      store_big<8>(tag.data(), event.sequence);
      c.engine->send(id, tag, out_);
    }
  }
}

// Settling.

void AmqpDoor::on(Now now, Connection& c, const amqp::Settled& event, Effects& effects) {
  const auto found = c.links.find(event.link);
  if (found == c.links.end()) return;
  Link& link = found->second;
  const auto flight = std::ranges::find(link.flights, event.delivery, &Flight::delivery);
  if (flight == link.flights.end()) {  // an event or an answer, or told twice
    c.engine->forget(event.link, event.delivery);
  } else {
    const Flight what = *flight;
    link.flights.erase(flight);
    if (!rules_->amqp.settles(event.first_of_range))
      c.engine->forget(event.link, event.delivery, event.outcome);
    else if (link.use == Use::commands) settle_command(now, c, link, what, event, effects);
    else settle_feedback(now, c, what, event, effects);
  }
  push(now, c, event.link, link, effects);
}

void AmqpDoor::settle_command(Now now, Connection& c, Link& link, const Flight& flight,
                              const amqp::Settled& said, Effects& effects) {
  Outcome outcome;
  const AmqpSettling settling = rules_->amqp.settling(said.outcome);
  std::function<void(const Response&)> told;
  if (told_of_request_) {
    const Settle how = settling == AmqpSettling::complete ? Settle::complete
                       : settling == AmqpSettling::reject ? Settle::reject
                                                          : Settle::abandon;
    told = told_of_request_(
        SettleCommand{hub_->device(link.device).id, static_cast<std::uint64_t>(flight.token), how});
  }
  switch (settling) {
    case AmqpSettling::complete:
      outcome = hub_->settle(now, link.device, flight.token, Settle::complete, effects);
      break;
    case AmqpSettling::reject:
      outcome = hub_->settle(now, link.device, flight.token, Settle::reject, effects);
      break;
    case AmqpSettling::abandon:
      outcome = hub_->settle(now, link.device, flight.token, Settle::abandon, effects);
      break;
    case AmqpSettling::give_back:
      hub_->give_back(now, link.device, flight.token, effects);
      break;
  }
  if (said.settled) {
    if (told) told(Failed{Error::timed_out});  // it gets no answer
    return c.engine->forget(said.link, said.delivery);
  }
  if (!rules_->amqp.refuses_lost_locks) outcome.error = Error::none;
  if (!rules_->amqp.settles_durable_only) outcome.ticket = {};
  const bool ok = outcome.error == Error::none;  // receivers that settle second get an answer [AMQP-17]
  std::unique_ptr<Prepared> prepared;
  if (told) {
    prepared = std::make_unique<Prepared>();
    prepared->told = std::move(told);
  }
  promise({outcome.ticket, c.id, said.link, said.delivery, Promise::Kind::forget,
           ok ? said.outcome : amqp::Outcome::rejected, outcome.error, std::move(prepared)});
}

void AmqpDoor::settle_feedback(Now now, Connection& c, const Flight& flight,
                               const amqp::Settled& said, Effects& effects) {  // [AMQP-29]
  const auto token = static_cast<std::uint64_t>(flight.token);
  Outcome outcome;
  switch (rules_->amqp.settling(said.outcome)) {
    case AmqpSettling::complete:
    case AmqpSettling::reject: outcome = hub_->settle_feedback(now, token, true, effects); break;
    case AmqpSettling::abandon: outcome = hub_->settle_feedback(now, token, false, effects); break;
    case AmqpSettling::give_back: hub_->give_back_feedback(now, token, effects); break;
  }
  if (said.settled) return c.engine->forget(said.link, said.delivery);
  const bool ok = outcome.error == Error::none;
  promise({outcome.ticket, c.id, said.link, said.delivery, Promise::Kind::forget,
           ok ? said.outcome : amqp::Outcome::rejected, outcome.error, {}});
}

// Promises leave in the order of their tickets.

// None waits for what another link waits for: see HttpDoor::owe.
void AmqpDoor::promise(Promise one) {
  const auto place = std::ranges::upper_bound(promises_, one.ticket, {}, &Promise::ticket);
  promises_.insert(place, std::move(one));
}

void AmqpDoor::release_durable(Now, Effects& effects) {
  while (!promises_.empty() && promises_.front().ticket <= hub_->durable()) {
    Promise next = std::move(promises_.front());
    promises_.pop_front();
    keep(next, effects);
  }
}

void AmqpDoor::keep(Promise& promise, Effects& effects) {
  Connection* const found = find(promise.to);
  if (found == nullptr) return;
  Connection& c = *found;
  const auto link = c.links.find(promise.link);
  if (link == c.links.end()) return;
  amqp::Error error;
  if (promise.error != Error::none) error = amqp_error(promise.error);
  switch (promise.kind) {
    case Promise::Kind::settle:
      c.engine->settle(promise.link, promise.delivery, promise.outcome, error);
      break;
    case Promise::Kind::forget:
      c.engine->forget(promise.link, promise.delivery, promise.outcome, error);
      break;
    case Promise::Kind::send:
      --link->second.waiting;
      hand_over(c, promise.link, link->second, *promise.prepared, effects);
      break;
  }
  if (promise.prepared && promise.prepared->told)
    promise.prepared->told(promise.error == Error::none ? Response{promise.prepared->done}
                                                        : Response{Failed{promise.error}});
  touch(c);
}

}  // namespace hubproof::model
