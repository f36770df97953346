#include "model/server/http_door.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "model/http/properties.hpp"
#include "model/iso_date.hpp"
#include "model/server/amqp_feedback.hpp"

namespace hubproof::model {
namespace {

using http::same;

constexpr std::size_t most_ahead = 4u << 20;  // bytes of requests that were sent before their turn
constexpr std::size_t most_in_bulk = 100;
constexpr std::uint32_t most_listed = 1000;

// [HTTP-01], and those that the SDKs of today send.
constexpr std::array<std::string_view, 6> versions{"2016-02-03", "2016-11-14", "2018-06-30",
                                                   "2020-03-13", "2020-09-30", "2021-04-12"};
constexpr HttpError unknown_version{400, 400001, "InvalidProtocolVersion",
                                    "the request names no api-version that this hub knows"};
constexpr HttpError no_such_path{404, 404000, "NotFound", "there is nothing at this path"};
constexpr HttpError no_such_method{405, 405000, "MethodNotAllowed", "this path has no such method"};
constexpr HttpError malformed{400, 400006, "IotHubFormatError", "the request is malformed"};
constexpr HttpError throttled{429, 429001, "ThrottlingException",  // [QUO-12]
                              "this device is throttled; try again later"};
constexpr HttpError quota_used_up{403, 403002, "IotHubQuotaExceeded",  // [QUO-03]
                                  "the hub has taken as many messages as it may today"};
constexpr std::string_view feedback_path = "messages/serviceBound/feedback";
constexpr std::string_view feedback_type = "application/vnd.microsoft.iothub.feedback.json";
constexpr HttpError silence{408, 408000, "RequestTimeout",
                            "the request did not come to its end in time"};

HttpError with(HttpError error, std::string_view text) {
  error.text = text;
  return error;
}
HttpError bad(std::string_view text) { return with(http_error(Error::bad_request), text); }

std::string_view unquoted(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    return text.substr(1, text.size() - 2);
  return text;
}

std::string quoted(std::string_view text) { return "\"" + std::string{text} + "\""; }

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string date_text(Date date) {
  std::array<std::uint8_t, longest_iso_date> room;
  const auto milliseconds = date.time_since_epoch() / std::chrono::milliseconds{1};
  return std::string{text(View{room.data(), put_iso_date(room.data(), milliseconds)})};
}

bool is_batch(const http::Request& request) {
  const std::string_view type = request.field("content-type").value_or("");
  return same(type.substr(0, type.find(';')), http::batch_type);  // [HTTP-07]
}

}  // namespace

HttpDoor::HttpDoor(const HubRules& rules, Hub& hub, const Gate& gate, Desk& desk)
    : rules_{&rules}, hub_{&hub}, gate_{&gate}, desk_{&desk}, throttle_{hub.throttle()} {}

// ---- Connections.

void HttpDoor::opened(Now now, ConnectionId id, std::optional<ClientCertificate> certificate,
                      Effects& effects) {
  Connection& connection = connections_[id];
  connection.certificate = std::move(certificate);
  connection.heard = now.mono;
  alarms_.emplace(now.mono + rules_->http.silence, id);
  effects.saw(What::opened).connection = static_cast<std::uint32_t>(id);
}

bool HttpDoor::received(Now now, ConnectionId id, View bytes, Effects& effects) {
  const Place place = connections_.find(id);
  if (place == connections_.end()) return false;
  Connection& connection = place->second;
  connection.heard = now.mono;
  if (connection.over) return true;
  connection.decoder.feed(bytes);
  if (!read_on(now, place, effects)) return true;
  if (connection.decoder.rest().size() > most_ahead) {  // it does not wait for its answers
    effects.abort(id);
    finish(place, EndedBy::local, Why::protocol, effects);
  }
  return true;
}

bool HttpDoor::ended(ConnectionId id, EndedBy by, Effects& effects) {
  const Place place = connections_.find(id);
  if (place == connections_.end()) return false;
  finish(place, by, Why::unknown, effects);
  return true;
}

void HttpDoor::finish(Place place, EndedBy by, Why why, Effects& effects) {
  Event& event = effects.saw(What::ended);
  event.connection = static_cast<std::uint32_t>(place->first);
  event.by = by;
  event.why = why;
  if (throttle_ != nullptr) throttle_->forget(place->first, effects);
  connections_.erase(place);
}

void HttpDoor::woken(Now now, Effects& effects) {
  while (!alarms_.empty() && alarms_.begin()->first <= now.mono) {
    const ConnectionId id = alarms_.extract(alarms_.begin()).value().second;
    const Place place = connections_.find(id);
    if (place == connections_.end()) continue;
    Connection& connection = place->second;
    const Instant since = connection.partial ? connection.begun : connection.heard;
    const bool waits_for_us = !connection.exchanges.empty();
    if (waits_for_us || since + rules_->http.silence > now.mono) {
      alarms_.emplace((waits_for_us ? now.mono : since) + rules_->http.silence, id);
      continue;
    }
    if (connection.partial) {
      connection.exchanges.push_back({++connection.requests});
      connection.exchanges.back().keep_alive = false;
      refuse(connection.exchanges.back(), silence);
      flush(now, place, effects);
    } else {
      effects.close(id);
      finish(place, EndedBy::local, Why::keep_alive, effects);
    }
  }
}

// Reads requests and answers them, until there is no whole one or enough are under way.
bool HttpDoor::read_on(Now now, Place place, Effects& effects) {
  Connection& connection = place->second;
  for (;;) {
    while (!connection.over && !connection.waits &&
           connection.exchanges.size() < rules_->http.pipeline) {
      const http::Request* request = connection.decoder.next();
      if (request == nullptr) {
        incomplete(now, connection);
        break;
      }
      connection.partial = false;
      const ConnectionId id = place->first;
      if (request->field("upgrade") && upgrade_ && connection.exchanges.empty() &&
          upgrade_(now, id, *request, connection.decoder.rest(), connection.certificate, effects)) {
        connections_.erase(place);
        return false;
      }
      connection.over = !request->keep_alive;
      perform(now, place, *request, effects);
    }
    const bool was_full = connection.exchanges.size() == rules_->http.pipeline;
    if (!flush(now, place, effects)) return false;
    if (!connection.exchanges.empty() && connection.exchanges.front().in_turn) {
      Exchange& first = connection.exchanges.front();
      const auto act = std::exchange(first.in_turn, nullptr);
      connection.waits = false;
      Turn turn{now, place->first, connection, first, effects};
      act(turn);
      if (first.answered && first.ticket > hub_->durable()) owe(place->first, first.ticket);
      continue;
    }
    if (was_full && connection.exchanges.size() < rules_->http.pipeline) continue;
    if (connection.exchanges.empty() && connection.decoder.wants_continue())
      effects.send(place->first, view(http::go_on));
    return true;
  }
}

// There is no whole request: one has begun, or never will be whole.
void HttpDoor::incomplete(Now now, Connection& connection) {
  const bool partial = !connection.decoder.idle();
  if (partial && !connection.partial) connection.begun = now.mono;
  connection.partial = partial;
  const auto& refused = connection.decoder.refused();
  if (!refused) return;
  Exchange& exchange = connection.exchanges.emplace_back(Exchange{++connection.requests});
  exchange.keep_alive = false;
  HttpError error = refused->status == 413 ? http_error(Error::too_large) : malformed;
  error.status = refused->status;
  refuse(exchange, error, refused->what);
  connection.over = true;
}

// ---- Responses.

void HttpDoor::answer(Exchange& exchange, Ticket ticket, const Reply& reply) {
  http::Response response;
  response.status = reply.status;
  response.keep_alive = exchange.keep_alive;
  if (!reply.body.empty())
    response.fields.push_back({"Content-Type", "application/json; charset=utf-8"});
  for (const auto& [name, value] : reply.fields) response.fields.push_back({name, value});
  response.body = reply.body.empty() ? reply.content : view(reply.body);
  exchange.bytes.clear();
  http::write(exchange.bytes, response, exchange.to_head);
  exchange.ticket = ticket;
  exchange.answered = true;
}

// [HTTP-22, ERR-34]
void HttpDoor::refuse(Exchange& exchange, const HttpError& error, std::string_view more) {
  Reply reply;
  reply.status = error.status;
  reply.fields = {{"iothub-errorcode", std::string{error.name}},
                  {"x-ms-request-id", std::to_string(exchange.number)}};
  if (error.status == 401) reply.fields.emplace_back("WWW-Authenticate", "SharedAccessSignature");
  reply.body = error_body(more.empty() ? error : with(error, more));
  answer(exchange, Ticket::none, reply);
}

// None waits for what another connection waits for: a lock that began long before its hand-over ends
// too soon for the device [TIME-10].
void HttpDoor::owe(ConnectionId id, Ticket ticket) {
  const auto place =
      std::ranges::upper_bound(owed_, ticket, {}, &std::pair<Ticket, ConnectionId>::first);
  owed_.emplace(place, ticket, id);
}

bool HttpDoor::flush(Now now, Place place, Effects& effects) {
  Connection& connection = place->second;
  auto& exchanges = connection.exchanges;
  const auto ready = [&](const Exchange& exchange) {
    return exchange.answered && exchange.ticket <= hub_->durable();
  };
  for (;;) {
    const auto next =
        rules_->http.in_order
            ? (exchanges.empty() || !ready(exchanges.front()) ? exchanges.end() : exchanges.begin())
            : std::ranges::find_if(exchanges, ready);
    if (next == exchanges.end()) return true;
    const Exchange leaving = std::move(*next);
    exchanges.erase(next);
    effects.send(place->first, leaving.bytes);
    if (leaving.event) effects.saw(What::packet) = *leaving.event;
    if (leaving.told) leaving.told(Done{});
    connection.heard = now.mono;
    if (leaving.keep_alive) continue;
    effects.close(place->first);
    finish(place, EndedBy::local, Why::disconnect, effects);
    return false;
  }
}

void HttpDoor::release_more(Now now, Effects& effects) {
  std::vector<ConnectionId> whose;
  for (; !owed_.empty() && owed_.front().first <= hub_->durable(); owed_.pop_front())
    whose.push_back(owed_.front().second);
  do {
    std::vector<Told> answers;
    answers.swap(told_);
    for (const Told& answer : answers) {
      told(answer);
      whose.push_back(answer.to);
    }
    for (const ConnectionId id : whose)
      if (const Place place = connections_.find(id); place != connections_.end())
        read_on(now, place, effects);  // their answers leave, and what came before its turn is read
    whose.clear();
  } while (!told_.empty());
}

// ---- From a path to who answers.

const std::vector<HttpDoor::Method>* HttpDoor::methods_of(const http::Target& target) const {
  static const std::vector<Method> devices{{"GET", &HttpDoor::list_devices},
                                           {"POST", &HttpDoor::change_devices}};
  static const std::vector<Method> device{{"GET", &HttpDoor::get_device},
                                          {"PUT", &HttpDoor::put_device},
                                          {"DELETE", &HttpDoor::delete_device}};
  static const std::vector<Method> events{{"POST", &HttpDoor::send_telemetry}};
  static const std::vector<Method> bound{{"GET", &HttpDoor::receive}};
  static const std::vector<Method> locked{{"DELETE", &HttpDoor::complete_or_reject}};
  static const std::vector<Method> abandoned{{"POST", &HttpDoor::abandon}};
  static const std::vector<Method> commands{{"DELETE", &HttpDoor::purge}};
  static const std::vector<Method> statistics{{"GET", &HttpDoor::count_devices}};
  static const std::vector<Method> feedback{{"GET", &HttpDoor::receive_feedback}};
  static const std::vector<Method> feedback_locked{{"DELETE", &HttpDoor::complete_feedback}};
  static const std::vector<Method> feedback_abandoned{{"POST", &HttpDoor::abandon_feedback}};

  const auto& path = target.path;
  if (path.size() == 2 && same(path[0], "statistics") && same(path[1], "devices"))
    return &statistics;
  if (path.size() >= 3 && same(path[0], "messages") && same(path[1], "serviceBound") &&
      same(path[2], "feedback")) {  // [FBK-10, FBK-21]
    if (path.size() == 3) return &feedback;
    if (path.size() == 4) return &feedback_locked;
    return path.size() == 5 && same(path[4], "abandon") ? &feedback_abandoned : nullptr;
  }
  if (!same(path[0], "devices")) return nullptr;
  if (path.size() == 1 || (path.size() == 2 && path[1].empty())) return &devices;
  if (path[1].empty()) return nullptr;
  if (path.size() == 2) return &device;
  if (path.size() == 3 && same(path[2], "commands")) return &commands;
  if (path.size() < 4 || !same(path[2], "messages")) return nullptr;
  if (path.size() == 4 && same(path[3], "events")) return &events;
  if (!same(path[3], "devicebound")) return nullptr;
  if (path.size() == 4) return &bound;
  if (path.size() == 5) return &locked;
  return path.size() == 6 && same(path[5], "abandon") ? &abandoned : nullptr;
}

void HttpDoor::perform(Now now, Place place, const http::Request& request, Effects& effects) {
  Connection& connection = place->second;
  Exchange& exchange = connection.exchanges.emplace_back(Exchange{++connection.requests});
  exchange.keep_alive = request.keep_alive;
  exchange.to_head = request.method == "HEAD";
  auto target = http::read_target(request.target);
  if (!target) return refuse(exchange, malformed, "the target is no path");
  const std::vector<Method>* methods = methods_of(*target);
  if (methods == nullptr || only_upgrades_) return refuse(exchange, no_such_path);
  const auto method = std::ranges::find(*methods, request.method, &Method::name);
  if (method == methods->end()) return refuse(exchange, no_such_method);
  const std::string* version = target->asked("api-version");
  if (version == nullptr || std::ranges::find(versions, *version) == versions.end())
    return refuse(exchange, unknown_version);  // [ERR-01]
  Asking asking{{now, place->first, connection, exchange, effects}, request, std::move(*target)};
  (this->*method->perform)(asking);
  if (exchange.answered && exchange.ticket > hub_->durable()) owe(asking.id, exchange.ticket);
}

// ---- Who may.

bool HttpDoor::allowed(Asking& asking, std::string_view resource, Right need) {
  const auto granted =
      gate_->allow(asking.now, asking.request.field("authorization").value_or(""), resource, need);
  const Error* error = std::get_if<Error>(&granted);
  if (error != nullptr) refuse(asking.exchange, *error);
  return error == nullptr;
}

// Each request says who asks, also on a connection that served another device before.
std::optional<DeviceIndex> HttpDoor::device(Asking& asking) {
  const std::string& name = asking.target.path[1];
  const auto token = asking.request.field("authorization");
  const auto granted =
      !token && asking.connection.certificate
          ? gate_->allow(asking.now, *asking.connection.certificate, name)
          : gate_->allow(asking.now, token.value_or(""),
                         "devices/" + name + "/messages/" +
                             (same(asking.target.path[3], "events") ? "events" : "devicebound"),
                         Right::device_connect);
  if (const Error* error = std::get_if<Error>(&granted)) {
    refuse(asking.exchange, *error);
    return std::nullopt;
  }
  const DeviceIndex named = hub_->find(name);
  if (named == DeviceIndex::none) {
    refuse(asking.exchange, Error::device_not_found);
    return std::nullopt;
  }
  const auto caller = static_cast<DeviceIndex>(rules_->http.caller(
      static_cast<std::uint32_t>(named), static_cast<std::uint32_t>(last_caller_)));
  last_caller_ = named;
  return caller;
}

// ---- Telemetry [HTTP-02..HTTP-08].

void HttpDoor::send_telemetry(Asking& asking) {
  const auto device = this->device(asking);
  if (!device) return;
  if (is_batch(asking.request)) return send_batch(asking, *device);
  flat_.clear();
  MessageWriter out{flat_};
  for (const http::Field& field : asking.request.fields)
    if (!http::read_property(field.name, rules_->http.value(field.value), out))
      return refuse(asking.exchange, bad("a property has a value that it cannot have"));
  out.body(asking.request.body);
  if (MessageView{flat_}.counted_size() > rules_->d2c_size_limit)
    return refuse(asking.exchange, Error::too_large);  // [D2C-40]
  if (disturbed(asking, *device, MessageView{flat_})) return;
  if (throttle_ == nullptr)
    return store(asking.now, asking.exchange, *device, {&flat_, 1}, asking.effects);
  limited(asking, *device,
          {Limit::telemetry, asking.id, hub_->device(*device).node, MessageView{flat_}.key(),
           static_cast<std::uint32_t>(MessageView{flat_}.counted_size())},
          [this, device = *device, flat = flat_](Now now, ConnectionId, Exchange& exchange,
                                                 Effects& effects) {
            store(now, exchange, device, {&flat, 1}, effects);
          });
}

// A 204 leaves when all of it is durable [DLV-07].
void HttpDoor::store(Now now, Exchange& exchange, DeviceIndex device,
                     std::span<const Bytes> messages, Effects& effects) {
  Ticket ticket{};
  for (const Bytes& flat : messages)  // in their order [D2C-44]
    ticket = hub_->append_telemetry(now, device, flat, false, effects);
  answer(exchange, rules_->http.telemetry_waits ? ticket : Ticket::none, {});
}

template <class Act>
void HttpDoor::limited(Turn& turn, DeviceIndex device, Throttle::Request request, Act act) {
  const auto verdict = throttle_->ask(turn.now, request, turn.effects);
  if (verdict.acts) act(turn.now, turn.id, turn.exchange, turn.effects);
  if (verdict.phase == Throttle::Phase::refused) {
    turn.exchange.event.reset();
    return refuse(turn.exchange, verdict.error);
  }
  if (verdict.phase == Throttle::Phase::served) return;
  turn.connection.waits = true;
  throttle_->wait([this, id = turn.id, number = turn.exchange.number, device, act](
                      Now now, Error error, Effects& effects) {
    const Place place = connections_.find(id);
    if (place == connections_.end()) return;  // it does not wait any more
    place->second.waits = false;
    const auto exchange = std::ranges::find(place->second.exchanges, number, &Exchange::number);
    if (exchange == place->second.exchanges.end()) return;
    const DeviceInfo& info = hub_->device(device);
    if (error == Error::none && !info.exists) error = Error::device_not_found;
    if (error == Error::none && !info.enabled) error = Error::disabled;
    if (error == Error::none) act(now, id, *exchange, effects);
    else refuse(*exchange, error);
    owe(id, exchange->ticket);
  });
}

template <class Act>
void HttpDoor::first_of_all(Asking& asking, Act act) {
  const bool first = &asking.exchange == &asking.connection.exchanges.front();
  if (first || !rules_->http.in_order) return act(asking);
  asking.connection.waits = true;
  asking.exchange.in_turn = std::move(act);
}

// True: the device asked for a fault that refuses this message, and is answered.
bool HttpDoor::disturbed(Asking& asking, DeviceIndex device, const MessageView& message) {
  if (orders_ == nullptr) return false;
  switch (orders_->heard(asking.now, asking.id, device, message)) {
    case FaultOrders::Refusal::none: return false;
    case FaultOrders::Refusal::throttled: refuse(asking.exchange, throttled); break;
    case FaultOrders::Refusal::quota: refuse(asking.exchange, quota_used_up); break;
    case FaultOrders::Refusal::unauthorized: refuse(asking.exchange, Error::unauthorized); break;
  }
  return true;
}

// All of it is stored, or nothing [DLV-08].
void HttpDoor::send_batch(Asking& asking, DeviceIndex device) {
  const auto read = http::read_batch(text(asking.request.body), rules_->http.batch_limit);
  if (const char* const* problem = std::get_if<const char*>(&read))
    return refuse(asking.exchange, bad(*problem));
  const auto& messages = std::get<std::vector<Bytes>>(read);
  std::size_t size = 0;
  for (const Bytes& message : messages) size += MessageView{message}.counted_size();
  if (size > rules_->d2c_size_limit) return refuse(asking.exchange, Error::too_large);  // [D2C-41]
  for (const Bytes& message : messages)
    if (disturbed(asking, device, MessageView{message})) return;
  const auto count = static_cast<std::uint32_t>(messages.size());
  const auto stored = std::span{messages}.first(rules_->http.stored_of_batch(count));
  if (throttle_ == nullptr)
    return store(asking.now, asking.exchange, device, stored, asking.effects);
  // One send, whatever is in it [QUO-05], metered by its size [QUO-02].
  limited(asking, device,
          {Limit::telemetry, asking.id, hub_->device(device).node, MessageKey::none,
           static_cast<std::uint32_t>(size)},
          [this, device, all = std::vector<Bytes>(stored.begin(), stored.end())](
              Now now, ConnectionId, Exchange& exchange, Effects& effects) {
            store(now, exchange, device, all, effects);
          });
}

// ---- Commands [HTTP-09..HTTP-17].

void HttpDoor::receive(Asking& asking) {
  const auto granted = this->device(asking);
  if (!granted) return;
  first_of_all(asking, [this, device = *granted](Turn& turn) {
    if (throttle_ == nullptr)
      return hand_over(turn.now, turn.id, turn.exchange, device, turn.effects);
    limited(turn, device, {Limit::receives, turn.id, hub_->device(device).node},  // [HTTP-19]
            [this, device](Now now, ConnectionId id, Exchange& exchange, Effects& effects) {
              hand_over(now, id, exchange, device, effects);
            });
  });
}

void HttpDoor::hand_over(Now now, ConnectionId id, Exchange& exchange, DeviceIndex device,
                         Effects& effects) {
  for (;;) {
    const auto delivery = hub_->deliver(now, device, Holder::requests, effects);
    if (!delivery) return answer(exchange, Ticket::none, {});  // at once [HTTP-10]
    const MessageView message{delivery->flat};
    if (!http::fits_fields(message)) {  // no response can carry it [MSG-13]
      hub_->settle(now, device, delivery->token, Settle::reject, effects);
      continue;
    }
    std::uint64_t shown = static_cast<std::uint64_t>(delivery->token);
    if (!rules_->http.etag_is_of_delivery) {
      shown = delivery->sequence;
      newest_[{device, shown}] = delivery->token;
    }
    Reply reply;
    reply.status = 200;
    reply.fields = {{"ETag", quoted(std::to_string(shown))},  // [HTTP-11]
                    {"iothub-sequencenumber", std::to_string(delivery->sequence)},
                    {"iothub-enqueuedtime", date_text(delivery->enqueued)},
                    {"iothub-deliverycount", std::to_string(delivery->count)}};
    if (const auto to = message.system(System::to); to && http::legal_value(*to)) {
      reply.fields.emplace_back("iothub-to", *to);
    } else {
      std::string& path = reply.fields.emplace_back("iothub-to", "/devices/").second;
      http::write_level(path, hub_->device(device).id);
      path += "/messages/deviceBound";
    }
    http::each_property(message, [&](std::string_view name, std::string_view value) {
      reply.fields.emplace_back(name, value);
    });
    reply.content = message.body();
    answer(exchange, delivery->ticket, reply);

    Event& event = exchange.event.emplace();
    event.what = What::packet;
    event.packet = Packet::link_delivery;
    event.flags = flag_sent | flag_link;
    event.device = hub_->device(device).node;
    event.generation = hub_->device(device).generation;
    event.connection = static_cast<std::uint32_t>(id);
    event.message = delivery->message;
    event.digest = message.content_digest();
    event.token = shown;
    event.sequence = delivery->sequence;
    event.count = delivery->count;
    event.date = delivery->enqueued.time_since_epoch().count();
    event.expiry = delivery->expiry.time_since_epoch().count();
    if (!rules_->http.receiving_keeps)
      hub_->settle(now, device, delivery->token, Settle::complete, effects);
    return;
  }
}

void HttpDoor::complete_or_reject(Asking& asking) {
  const std::string* flag = asking.target.asked("reject");
  const bool rejects = flag != nullptr && (!flag->empty() || rules_->http.hears_bare_flags);
  settle(asking, rejects ? Settle::reject : Settle::complete);
}

void HttpDoor::abandon(Asking& asking) { settle(asking, Settle::abandon); }

void HttpDoor::settle(Asking& asking, Settle how) {
  const auto device = this->device(asking);
  if (!device) return;
  const std::string& etag = asking.target.path[4];
  const std::string_view match = unquoted(asking.request.field("if-match").value_or("*"));
  if (match != "*" && match != unquoted(etag))
    return refuse(asking.exchange, Error::precondition_failed);  // [HTTP-16]
  const auto shown = number<std::uint64_t>(unquoted(etag));
  LockToken token{shown.value_or(0)};
  if (!rules_->http.etag_is_of_delivery) token = newest_[{*device, shown.value_or(0)}];
  std::function<void(const Response&)> told;
  if (told_of_request_) told = told_of_request_(SettleCommand{hub_->device(*device).id, shown.value_or(0), how});
  const Outcome outcome = hub_->settle(asking.now, *device, token, how, asking.effects);
  const bool lost = outcome.error == Error::lock_lost && !rules_->http.tells_of_lost_locks;
  if (outcome.error != Error::none && !lost) {
    if (told) told(Failed{outcome.error});
    return refuse(asking.exchange, outcome.error);
  }
  asking.exchange.told = std::move(told);
  answer(asking.exchange, outcome.ticket, {});
}

// ---- Feedback, by the desk. A batch shows its lock token as its ETag, as a command does [FBK-18].

void HttpDoor::receive_feedback(Asking& asking) {
  if (!allowed(asking, feedback_path, Right::service_connect)) return;
  first_of_all(asking, [this](Turn& turn) { ask(turn, ReceiveFeedback{}); });
}

void HttpDoor::complete_feedback(Asking& asking) { settle_feedback(asking, true); }
void HttpDoor::abandon_feedback(Asking& asking) { settle_feedback(asking, false); }

void HttpDoor::settle_feedback(Asking& asking, bool complete) {
  if (!allowed(asking, feedback_path, Right::service_connect)) return;
  const auto token = number<std::uint64_t>(unquoted(asking.target.path[3]));
  if (!token) return refuse(asking.exchange, Error::lock_lost);  // it was never one of ours
  ask(asking, SettleFeedback{*token, complete});
}

// ---- The registry, by the desk.

void HttpDoor::ask(Turn& turn, Request request, std::size_t place) {
  const ConnectionId id = turn.id;
  const std::uint32_t number = turn.exchange.number;
  std::function<void(const Response&)> told =
      told_of_request_ ? told_of_request_(request) : nullptr;
  desk_->ask(turn.now, std::move(request),
             [this, id, number, place, told = std::move(told)](const Response& response) {
               if (told) told(response);
               told_.push_back({id, number, place, response});
             },
             turn.effects);
}

void HttpDoor::list_devices(Asking& asking) {
  std::uint32_t limit = most_listed;
  if (const std::string* top = asking.target.asked("top")) {
    const auto wanted = number<std::uint32_t>(*top);
    if (!wanted || *wanted == 0)
      return refuse(asking.exchange, bad("top is a number from 1 to 1000"));
    limit = std::min(limit, *wanted);
  }
  if (allowed(asking, "devices", Right::registry_read)) ask(asking, ListDevices{{}, limit});
}

void HttpDoor::count_devices(Asking& asking) {
  if (allowed(asking, "statistics/devices", Right::registry_read)) ask(asking, CountDevices{});
}

void HttpDoor::get_device(Asking& asking) {
  const std::string& id = asking.target.path[1];
  if (allowed(asking, "devices/" + id, Right::registry_read)) ask(asking, GetDevice{id});
}

// Without If-Match it creates, with one it updates.
void HttpDoor::put_device(Asking& asking) {
  const std::string& id = asking.target.path[1];
  if (!allowed(asking, "devices/" + id, Right::registry_write)) return;
  auto read = read_device(text(asking.request.body));
  if (const std::string* problem = std::get_if<std::string>(&read))
    return refuse(asking.exchange, bad(*problem));
  auto& body = std::get<DeviceBody>(read);
  if (!body.id.empty() && body.id != id)
    return refuse(asking.exchange, bad("the body names another device than the path"));
  const auto match = asking.request.field("if-match");
  asking.exchange.devices = {id};
  if (match)
    return ask(asking, UpdateDevice{id, std::string{unquoted(*match)}, body.credentials,
                                    body.enabled, body.reason});
  ask(asking, CreateDevice{id, body.credentials.value_or(Credentials{}),
                           body.enabled.value_or(true), body.reason.value_or("")});
}

void HttpDoor::delete_device(Asking& asking) {
  const std::string& id = asking.target.path[1];
  if (!allowed(asking, "devices/" + id, Right::registry_write)) return;
  ask(asking,
      DeleteDevice{id, std::string{unquoted(asking.request.field("if-match").value_or("*"))}});
}

void HttpDoor::purge(Asking& asking) {
  const std::string& id = asking.target.path[1];
  if (!allowed(asking, "devices/" + id, Right::registry_write)) return;
  asking.exchange.devices = {id};
  asking.exchange.purges = true;
  ask(asking, Purge{id});
}

void HttpDoor::change_devices(Asking& asking) {
  if (!allowed(asking, "devices", Right::registry_write)) return;
  auto read = read_devices(text(asking.request.body), most_in_bulk);
  if (const std::string* problem = std::get_if<std::string>(&read))
    return refuse(asking.exchange, bad(*problem));
  auto& devices = std::get<std::vector<DeviceBody>>(read);
  std::vector<Request> requests;
  for (DeviceBody& device : devices) {
    const std::string match = device.etag.empty() ? "*" : std::string{unquoted(device.etag)};
    const std::string_view mode = device.import_mode;
    if (mode.empty() || same(mode, "create")) {
      requests.emplace_back(CreateDevice{device.id, device.credentials.value_or(Credentials{}),
                                         device.enabled.value_or(true),
                                         device.reason.value_or("")});
    } else if (same(mode, "update") || same(mode, "updateIfMatchETag")) {
      requests.emplace_back(UpdateDevice{device.id, same(mode, "update") ? "*" : match,
                                         device.credentials, device.enabled, device.reason});
    } else if (same(mode, "delete") || same(mode, "deleteIfMatchETag")) {
      requests.emplace_back(DeleteDevice{device.id, same(mode, "delete") ? "*" : match});
    } else {
      return refuse(
          asking.exchange,
          bad("an import mode is create, update, updateIfMatchETag, delete or deleteIfMatchETag"));
    }
  }
  if (requests.empty()) return answer(asking.exchange, Ticket::none, {200, {}, bulk_body({})});
  asking.exchange.bulk.open = requests.size();
  for (DeviceBody& device : devices) asking.exchange.devices.push_back(std::move(device.id));
  for (std::size_t i = 0; i < requests.size(); ++i) ask(asking, std::move(requests[i]), i);
}

void HttpDoor::told(const Told& answer_of_desk) {
  const Place place = connections_.find(answer_of_desk.to);
  if (place == connections_.end()) return;  // it did not wait for the answer
  const auto exchange =
      std::ranges::find(place->second.exchanges, answer_of_desk.number, &Exchange::number);
  if (exchange == place->second.exchanges.end()) return;
  const auto* failed = std::get_if<Failed>(&answer_of_desk.response);
  if (Bulk& bulk = exchange->bulk; bulk.open > 0) {
    const std::size_t at = answer_of_desk.place;
    if (failed != nullptr) bulk.failures[at] = {exchange->devices[at], failed->error};
    if (--bulk.open > 0) return;
    std::vector<BulkFailure> failures;
    for (auto& [of, failure] : bulk.failures) failures.push_back(std::move(failure));
    return answer(*exchange, Ticket::none,
                  {failures.empty() ? 200u : 400u, {}, bulk_body(failures)});
  }
  if (failed != nullptr) return refuse(*exchange, failed->error);
  Reply reply{200, {}, {}};
  std::string batch;
  const auto describe = [&](const DeviceIdentity& device) {
    reply.fields = {{"ETag", quoted(device.etag)}};
    reply.body = device_body(device);
  };
  if (const auto* device = std::get_if<DeviceIdentity>(&answer_of_desk.response)) {
    describe(*device);
  } else if (const auto* devices = std::get_if<Devices>(&answer_of_desk.response)) {
    reply.body = devices_body(devices->list);
  } else if (const auto* counts = std::get_if<DeviceCounts>(&answer_of_desk.response)) {
    reply.body = counts_body(*counts);
  } else if (const auto* feedback = std::get_if<Feedback>(&answer_of_desk.response)) {
    if (feedback->token == 0) {
      reply.status = 204;
    } else {  // [FBK-14]
      batch = feedback_json(*feedback, rules_->feedback_pascal_case);
      reply.fields = {{"ETag", quoted(std::to_string(feedback->token))},
                      {"Content-Type", std::string{feedback_type}}};
      reply.content = view(batch);
    }
  } else if (const auto* done = std::get_if<Done>(&answer_of_desk.response)) {
    if (exchange->devices.empty()) {
      reply.status = 204;
    } else if (exchange->purges) {
      reply.body = purged_body(exchange->devices[0], done->count);
    } else if (const DeviceIndex named = hub_->find(exchange->devices[0]);
               named != DeviceIndex::none) {
      describe(hub_->described(named));
    } else {  // deleted since
      return refuse(*exchange, Error::device_not_found);
    }
  }
  answer(*exchange, Ticket::none, reply);
}

}  // namespace hubproof::model
