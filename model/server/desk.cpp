#include "model/server/desk.hpp"

#include <algorithm>
#include <utility>

namespace hubproof::model {
namespace {

constexpr Duration longest_wait = 1h;  // a reader asks again after this

template <class... F>
struct Overload : F... {
  using F::operator()...;
};
template <class... F>
Overload(F...) -> Overload<F...>;

// What a request counts as [QUO-08].
Limit limit_of(const Request& request) {
  return std::visit(Overload{[](const CreateDevice&) { return Limit::registry; },
                             [](const DeleteDevice&) { return Limit::registry; },
                             [](const EnableDevice&) { return Limit::registry; },
                             [](const UpdateDevice&) { return Limit::registry; },
                             [](const GetDevice&) { return Limit::registry; },
                             [](const ListDevices&) { return Limit::registry; },
                             [](const auto&) { return Limit::none; }},
                    request);
}

Response failed(Error error) { return Failed{error}; }

// What a reader gets who has waited in vain.
Response nothing(const ReadTelemetry& what) { return Telemetry{what.partition, {}}; }
Response nothing(const ReceiveFeedback&) { return Feedback{}; }

}  // namespace

Desk::Desk(Hub& hub, ToldOfDevice device_gone, ToldOfDevice credentials_changed)
    : hub_{&hub},
      throttle_{hub.throttle()},
      device_gone_{std::move(device_gone)},
      credentials_changed_{std::move(credentials_changed)} {}

void Desk::ask(Now now, Request request, Answer to, Effects& effects) {
  const Limit limit = throttle_ == nullptr ? Limit::none : limit_of(request);
  if (limit == Limit::none) return perform(now, std::move(request), std::move(to), effects);
  const auto verdict = throttle_->ask(now, {limit, ConnectionId::none}, effects);
  if (verdict.phase == Throttle::Phase::waits)
    return throttle_->wait([this, request = std::move(request), to = std::move(to)](
                               Now then, Error error, Effects& more) {
      if (error == Error::none) perform(then, request, to, more);
      else answer(to, Outcome{error, {}, {}}, more);
    });
  if (verdict.phase == Throttle::Phase::served)
    return perform(now, std::move(request), std::move(to), effects);
  if (verdict.acts) perform(now, std::move(request), {}, effects);  // a wrong hub's way
  answer(std::move(to), Outcome{verdict.error, {}, {}}, effects);
}

void Desk::perform(Now now, Request request, Answer to, Effects& effects) {
  std::visit(
      Overload{[&](const CreateDevice& r) {
                 answer(std::move(to), hub_->create(now, r, effects), effects);
               },
               [&](const DeleteDevice&
                       r) {  // its connection ends first, so that its will is still its own
                 const Error error = hub_->precondition(r.device, r.if_match);
                 if (error == Error::precondition_failed)
                   return answer(std::move(to), Outcome{error, {}, {}}, effects);
                 if (error == Error::none) device_gone_(now, hub_->find(r.device), effects);
                 answer(std::move(to), hub_->remove(now, r.device, effects), effects);
               },
               [&](const EnableDevice& r) {
                 if (const DeviceIndex device = hub_->find(r.device);
                     !r.enabled && device != DeviceIndex::none)
                   device_gone_(now, device, effects);
                 answer(std::move(to), hub_->enable(now, r.device, r.enabled, effects), effects);
               },
               [&](const Purge& r) {
                 answer(std::move(to), hub_->purge(now, r.device, effects), effects);
               },
               [&](const SendCommand& r) {
                 const Outcome outcome = MessageView{r.message}.valid()
                                             ? hub_->enqueue(now, r.device, r.message, effects)
                                             : Outcome{Error::bad_request, {}, {}};
                 answer(std::move(to), outcome, effects);
               },
               [&](ReadTelemetry& r) { read(now, std::move(r), std::move(to), effects); },
               [&](ReceiveFeedback& r) { read(now, r, std::move(to), effects); },
               [&](const SettleFeedback& r) {
                 answer(std::move(to), hub_->settle_feedback(now, r.token, r.complete, effects),
                        effects);
               },
               [&](const ReceiveCommand& r) { receive(now, r, std::move(to), effects); },
               [&](const SettleCommand& r) {
                 const auto device = device_of(r.device);
                 if (const Error* error = std::get_if<Error>(&device))
                   return answer(std::move(to), Outcome{*error, {}, {}}, effects);
                 answer(std::move(to),
                        hub_->settle(now, std::get<DeviceIndex>(device), LockToken{r.token}, r.how,
                                     effects),
                        effects);
               },
               [&](const UpdateDevice& r) { update(now, r, std::move(to), effects); },
               [&](const GetDevice& r) {
                 const DeviceIndex device = hub_->find(r.device);
                 if (device == DeviceIndex::none)
                   return answer(std::move(to), hub_->written(),
                                 {failed(Error::device_not_found), {}}, effects);
                 answer(std::move(to), hub_->written(), {hub_->described(device), {}}, effects);
               },
               [&](const ListDevices& r) {
                 answer(std::move(to), hub_->written(), {Devices{hub_->list(r)}, {}}, effects);
               },
               [&](const CountDevices&) {
                 answer(std::move(to), hub_->written(), {hub_->count(), {}}, effects);
               },
               [&](const ListPolicies&) {
                 const Ticket ticket = hub_->make_policies(now, effects);
                 answer(std::move(to), ticket, {Policies{hub_->policies()}, {}}, effects);
               }},
      request);
}

void Desk::update(Now now, const UpdateDevice& what, Answer to, Effects& effects) {
  const DeviceIndex device = hub_->find(what.device);
  const Outcome outcome = hub_->update(now, what, effects);
  if (outcome.error != Error::none) return answer(std::move(to), outcome, effects);
  if (what.enabled && !*what.enabled) device_gone_(now, device, effects);  // [SEC-26]
  if (what.credentials) credentials_changed_(now, device, effects);
  answer(std::move(to), outcome.ticket, {hub_->described(device), {}}, effects);
}

// A disabled device reaches none of its endpoints [C2D-35].
std::variant<DeviceIndex, Error> Desk::device_of(std::string_view name) const {
  const DeviceIndex device = hub_->find(name);
  if (device == DeviceIndex::none) return Error::device_not_found;
  if (!hub_->device(device).enabled) return Error::disabled;
  return device;
}

void Desk::receive(Now now, const ReceiveCommand& what, Answer to, Effects& effects) {
  const auto found = device_of(what.device);
  if (const Error* error = std::get_if<Error>(&found))
    return answer(std::move(to), Ticket::none, {failed(*error), {}}, effects);
  const DeviceIndex device = std::get<DeviceIndex>(found);
  const auto delivery = hub_->deliver(now, device, Holder::requests, effects);
  if (!delivery) return answer(std::move(to), Ticket::none, {Command{}, {}}, effects);

  const auto enqueued = delivery->enqueued.time_since_epoch().count();
  const auto expiry = delivery->expiry.time_since_epoch().count();
  Event event;
  event.what = What::packet;
  event.packet = Packet::link_delivery;
  event.flags = flag_sent | flag_link;
  event.device = hub_->device(device).node;
  event.generation = hub_->device(device).generation;
  event.message = delivery->message;
  event.digest = MessageView{delivery->flat}.content_digest();
  event.token = static_cast<std::uint64_t>(delivery->token);
  event.sequence = delivery->sequence;
  event.count = delivery->count;
  event.date = enqueued;
  event.expiry = expiry;
  Command command{event.token,     delivery->sequence,
                  delivery->count, enqueued,
                  expiry,          Bytes(delivery->flat.begin(), delivery->flat.end())};
  answer(std::move(to), delivery->ticket, {std::move(command), event}, effects);
}

// Readers.

Error Desk::check(const ReadTelemetry& what) const {
  return what.limit > 0 && hub_->place(what.endpoint, what.partition) ? Error::none : Error::bad_request;
}

std::optional<Ticket> Desk::try_read(Now, const ReadTelemetry& what, Response& out, Effects&) {
  Telemetry telemetry{what.partition, {}};
  const auto place = hub_->place(what.endpoint, what.partition);
  if (!place || !hub_->read(*place, what.from, what.limit, telemetry)) return std::nullopt;
  out = std::move(telemetry);
  return Ticket::none;
}

std::optional<Ticket> Desk::try_read(Now now, const ReceiveFeedback&, Response& out,
                                     Effects& effects) {
  if (!hub_->feedback_waits()) return std::nullopt;
  Feedback feedback;
  const auto ticket = hub_->receive_feedback(now, feedback, effects);
  if (ticket) out = std::move(feedback);
  return ticket;
}

template <class R>
void Desk::read(Now now, R what, Answer to, Effects& effects) {
  Response response = nothing(what);
  if (const Error error = check(what); error != Error::none) response = failed(error);
  const bool asks = !std::holds_alternative<Failed>(response);
  const auto ticket = asks ? try_read(now, what, response, effects) : Ticket::none;
  if (ticket || what.wait <= Duration{0})
    return answer(std::move(to), ticket.value_or(Ticket::none), {std::move(response), {}},
                  effects);
  const Instant until = now.mono + std::min(what.wait, longest_wait);
  waiting_.push_back({std::move(to), std::move(what), until});
}

template <class F>
void Desk::serve(F reply, Effects& effects) {
  for (Waiting& one : std::exchange(waiting_, {})) {  // an answer may ask again at once
    Response response;
    if (const std::optional<Ticket> ticket = reply(one, response)) {
      answer(std::move(one.to), *ticket, {std::move(response), {}}, effects);
    } else {
      waiting_.push_back(std::move(one));
    }
  }
}

void Desk::wake(Now now, Effects& effects) {
  if (waiting_.empty()) return;
  serve(
      [&](const Waiting& one, Response& response) {
        const auto read = [&](const auto& what) { return try_read(now, what, response, effects); };
        return std::visit(read, one.what);
      },
      effects);
}

void Desk::woken(Now now, Effects& effects) {
  const auto first = deadline();
  if (!first || now.mono < *first) return;
  serve(
      [&](const Waiting& one, Response& response) -> std::optional<Ticket> {
        if (now.mono < one.until) return std::nullopt;
        response = std::visit([](const auto& what) { return nothing(what); }, one.what);
        return Ticket::none;
      },
      effects);
}

std::optional<Instant> Desk::first_deadline() const {
  const auto until = [](const Waiting& one) { return one.until; };
  return until(*std::ranges::min_element(waiting_, {}, until));
}

// Answers.

void Desk::answer(Answer to, const Outcome& outcome, Effects& effects) {
  if (outcome.error != Error::none)
    return answer(std::move(to), outcome.ticket, {failed(outcome.error), {}}, effects);
  answer(std::move(to), outcome.ticket, {outcome.done, {}}, effects);
}

void Desk::answer(Answer to, Ticket ticket, Reply reply, Effects& effects) {
  if (ticket <= hub_->durable()) return send(to, reply, effects);
  const auto place = std::ranges::upper_bound(owed_, ticket, {}, &Owed::ticket);  // see HttpDoor::owe
  owed_.insert(place, {ticket, std::move(to), std::move(reply)});
}

void Desk::release_owed(Effects& effects) {
  while (!owed_.empty() && owed_.front().ticket <= hub_->durable()) {
    const Owed owed = std::move(owed_.front());
    owed_.pop_front();
    send(owed.to, owed.reply, effects);
  }
}

void Desk::send(const Answer& to, const Reply& reply, Effects& effects) {
  if (!to) return;
  to(reply.response);
  if (reply.event) effects.saw(What::packet) = *reply.event;
}

}  // namespace hubproof::model
