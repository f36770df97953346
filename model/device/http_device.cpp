#include "model/device/http_device.hpp"

#include <algorithm>
#include <charconv>

#include "model/hub/token.hpp"
#include "model/http/properties.hpp"
#include "model/http/target.hpp"
#include "model/iso_date.hpp"

namespace hubproof::model {
namespace {

constexpr http::Limits limits{256u << 10, 1u << 20};
constexpr std::string_view version = "?api-version=2021-04-12";

What what(Settle how) {
  switch (how) {
    case Settle::complete:
      return What::complete;
    case Settle::reject:
      return What::reject;
    case Settle::abandon:
      return What::abandon;
  }
  return What::complete;
}

// What a status says for certain [ERR-34, ERR-36]; none: it says nothing of what became of it
// [ERR-38].
Error definite(unsigned status) {
  switch (status) {
    case 400:
      return Error::bad_request;
    case 401:
      return Error::unauthorized;
    case 403:
      return Error::disabled;
    case 404:
      return Error::device_not_found;
    case 412:
      return Error::lock_lost;
    case 413:
      return Error::too_large;
    default:
      return Error::none;
  }
}

// Is it about the device, so that it may pass when somebody does something about it?
bool turned_away(unsigned status) { return status == 401 || status == 403 || status == 404; }

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? value : 0;
}

std::int64_t date(std::string_view text) {
  const auto at = read_iso_date(text);
  return at ? nanoseconds_of(*at) : no_date;
}

}  // namespace

HttpDevice::HttpDevice(const DeviceSettings& settings, const DeviceRules& rules, std::string id,
                       std::uint32_t number, Chance chance)
    : settings_{&settings},
      rules_{&rules},
      chance_{chance},
      id_{std::move(id)},
      path_{"/devices/"},
      decoder_{limits},
      batch_{settings.batch},
      number_{number} {
  http::write_level(path_, id_);
  path_ += "/messages/";
}

Event& HttpDevice::saw(Effects& effects, What what, Phase phase) const {
  Event& event = effects.saw(what, phase);
  event.device = static_cast<NodeIndex>(number_);
  event.flags = flag_link;
  event.connection = connections_;
  return event;
}

void HttpDevice::submit(Now now, MessageKey key, View flat, Effects& effects) {
  Event& event = saw(effects, What::telemetry, Phase::invoke);
  event.message = key;
  event.digest = MessageView{flat}.content_digest();
  if (outbox_.size() >= settings_->outbox_limit) {
    Event& failed = saw(effects, What::telemetry, Phase::fail);
    failed.message = key;
    failed.error = Error::queue_full;
    return;
  }
  outbox_.push_back({++last_serial_, key, {flat.begin(), flat.end()}, false});
  if (std::holds_alternative<Open>(state_)) go_on(now, effects);
}

// ---- Connecting, and the end of connections.

void HttpDevice::connect(Now now, Effects& effects) {
  effects.connect(ConnectionId{++connections_});
  state_ = Dialling{now.mono + settings_->connect_patience};
}

void HttpDevice::wait_and_retry(Now now) {
  if (!rules_->retries_connecting) {
    state_ = Asleep{};
    return;
  }
  const Duration wait = back_off_.next(chance_, ChanceSite::back_off, settings_->back_off_first,
                                       settings_->back_off_max, settings_->back_off_jitter_percent);
  state_ = Waiting{now.mono + wait};
}

void HttpDevice::connected(Now now, ConnectionId connection, Effects& effects) {
  if (!std::holds_alternative<Dialling>(state_) || !current(connection)) return;
  since_ = now.mono;
  state_ = Open{now.mono};
  saw(effects, What::opened);
  go_on(now, effects);
}

void HttpDevice::refused(Now now, ConnectionId connection, Effects& effects) {
  if (!std::holds_alternative<Dialling>(state_) || !current(connection)) return;
  saw(effects, What::refused);
  wait_and_retry(now);
}

void HttpDevice::ended(Now now, ConnectionId connection, EndedBy by, Effects& effects) {
  if (std::holds_alternative<Dialling>(state_)) return refused(now, connection, effects);
  if (!std::holds_alternative<Open>(state_) || !current(connection)) return;
  connection_ended(now, by, Why::unknown, effects);
  wait_and_retry(now);
}

// What has no response is sent again [DLV-09]; a settling is not, as its outcome is unknown
// [ERR-38].
void HttpDevice::connection_ended(Now now, EndedBy by, Why why, Effects& effects) {
  if (under_way(Asked::What::settle)) settled(Phase::info, Error::none, effects);
  if (!rules_->resend_after_reconnect)
    std::erase_if(outbox_, [](const Entry& entry) { return entry.sent; });
  for (Entry& entry : outbox_) entry.sent = false;
  asked_.clear();
  token_ = {};
  Event& event = saw(effects, What::ended);
  event.by = by;
  event.why = why;
  back_off_.lasted(now.mono - since_);
  decoder_ = http::ResponseDecoder{limits};
}

void HttpDevice::cut(Now now, Why why, Effects& effects) {
  effects.close(ConnectionId{connections_});
  connection_ended(now, EndedBy::local, why, effects);
  wait_and_retry(now);
}

void HttpDevice::sleep(Now now, Effects& effects) {
  if (std::holds_alternative<Open>(state_)) {
    effects.close(ConnectionId{connections_});
    connection_ended(now, EndedBy::local, Why::disconnect, effects);
  } else if (std::holds_alternative<Dialling>(state_)) {
    effects.abort(ConnectionId{connections_});
  }
  state_ = Asleep{};
}

void HttpDevice::resume(Now now, Effects& effects) {
  if (!std::holds_alternative<Asleep>(state_)) return;
  back_off_.reset();
  connect(now, effects);
}

// ---- Time.

bool HttpDevice::under_way(Asked::What what) const {
  return std::ranges::find(asked_, what, &Asked::what) != asked_.end();
}

std::optional<Instant> HttpDevice::deadline() const {
  if (const auto* waiting = std::get_if<Waiting>(&state_)) return waiting->until;
  if (const auto* dialling = std::get_if<Dialling>(&state_)) return dialling->patience;
  const auto* open = std::get_if<Open>(&state_);
  if (open == nullptr) return std::nullopt;
  std::optional<Instant> first;
  if (!asked_.empty()) first = asked_.front().patience;
  const auto also = [&](Instant due) { first = first ? std::min(*first, due) : due; };
  if (in_hand_ && !under_way(Asked::What::settle)) also(in_hand_->handled);
  if (settings_->receives_commands && !in_hand_ && !under_way(Asked::What::receive))
    also(open->poll);
  return first;
}

void HttpDevice::woken(Now now, Effects& effects) {
  if (const auto due = deadline(); !due || now.mono < *due) return;
  if (std::holds_alternative<Waiting>(state_)) return connect(now, effects);
  const bool open = std::holds_alternative<Open>(state_);
  if (open && (asked_.empty() || now.mono < asked_.front().patience)) return go_on(now, effects);
  effects.abort(ConnectionId{connections_});
  if (open) {
    connection_ended(now, EndedBy::local, Why::no_answer, effects);
  } else {
    Event& event = saw(effects, What::refused);
    event.by = EndedBy::local;
    event.why = Why::no_answer;
  }
  wait_and_retry(now);
}

// ---- Requests.

void HttpDevice::ask(Now now, Asked asked, std::string_view method, std::string_view path,
                     http::Request request, Effects& effects) {
  std::string target = path_;
  target.append(path);
  request.method = method;
  request.target = target;
  if (settings_->signer) {  // [HTTP-01]
    const bool renew = settings_->token_renewal > Duration{0} && now.mono >= token_.made + settings_->token_renewal;
    if (token_.text.empty() || renew) make_token(now);
    asked.shows = show_token(now, effects);
    request.fields.insert(request.fields.begin(), {"Authorization", token_.text});
  }
  request.fields.insert(request.fields.begin(), {"Host", settings_->host});
  http::write(effects.sending(ConnectionId{connections_}), request);
  effects.sent();
  asked.patience = now.mono + settings_->ack_patience;
  asked_.push_back(std::move(asked));
}

void HttpDevice::make_token(Now now) {
  for (Asked& one : asked_) {
    one.shows = false;
    one.older = true;
  }
  auto [whose, key] = settings_->signer(id_);
  const Date expiry = std::chrono::floor<std::chrono::seconds>(now.wall + settings_->token_life);
  token_ = {model::make_token(settings_->host + "/devices/" + whose, key, KeyForm::decoded, expiry),
            std::move(whose), key_digest(key), expiry, now.mono};
}

// Each request shows it. The history is told when it is new, and when a whole life of it has passed, one
// at a time: then it is known which request an answer is to.
bool HttpDevice::show_token(Now now, Effects& effects) {
  if (token_.told != Instant::min() && now.mono < token_.told + settings_->token_life) return false;
  if (std::ranges::count(asked_, true, &Asked::shows) > 0) return false;
  token_.told = now.mono;
  Event& event = saw(effects, What::packet);
  event.packet = Packet::connect;
  event.flags |= flag_sent;
  event.expiry = std::max(token_.expiry, Date{}).time_since_epoch().count();
  event.token = token_.key;
  event.sequence = scope_digest(token_.device);
  return true;
}

// On an open connection: whatever is due.
void HttpDevice::go_on(Now now, Effects& effects) {
  while (send_telemetry(now, effects)) {}
  if (in_hand_) {
    if (now.mono < in_hand_->handled || under_way(Asked::What::settle)) return;
    Event& event = saw(effects, what(in_hand_->how), Phase::invoke);
    event.message = in_hand_->key;
    event.token = in_hand_->token;
    event.sequence = in_hand_->sequence;
    std::string path = "devicebound/";
    http::write_level(path, in_hand_->etag);
    if (in_hand_->how == Settle::abandon) path += "/abandon";
    path += version;
    if (in_hand_->how == Settle::reject) path += "&reject";
    http::Request request;
    request.fields.push_back({"If-Match", in_hand_->etag});
    ask(now, {Asked::What::settle}, in_hand_->how == Settle::abandon ? "POST" : "DELETE", path,
        request, effects);
  } else if (settings_->receives_commands && !under_way(Asked::What::receive) &&
             now.mono >= std::get<Open>(state_).poll) {
    ask(now, {Asked::What::receive}, "GET", std::string{"devicebound"}.append(version), {},
        effects);
  }
}

bool HttpDevice::send_telemetry(Now now, Effects& effects) {
  const auto under_way = static_cast<std::size_t>(std::ranges::count(outbox_, true, &Entry::sent));
  if (under_way == outbox_.size() || under_way >= settings_->window) return false;
  const std::size_t most = std::min<std::size_t>(batch_, settings_->window - under_way);
  std::vector<Entry*> chosen;
  for (Entry& entry : outbox_)
    if (!entry.sent && chosen.size() < most) chosen.push_back(&entry);

  Asked asked{Asked::What::telemetry};
  http::Request request;
  std::vector<std::pair<std::string, std::string>> fields;
  if (chosen.size() == 1 && http::fits_fields(MessageView{chosen[0]->flat})) {
    const MessageView message{chosen[0]->flat};
    http::each_property(message, [&](std::string_view name, std::string_view value) {
      fields.emplace_back(name, value);
    });
    request.body = message.body();
  } else {
    body_.clear();
    http::BatchWriter batch{body_};
    for (const Entry* entry : chosen) batch.add(MessageView{entry->flat});
    batch.finish();
    fields.emplace_back("Content-Type", http::batch_type);
    request.body = view(body_);
  }
  for (const auto& [name, value] : fields) request.fields.push_back({name, value});
  for (Entry* entry : chosen) {
    entry->sent = true;
    asked.serials.push_back(entry->serial);
  }
  const std::vector<std::uint64_t> serials = asked.serials;
  ask(now, std::move(asked), "POST", std::string{"events"}.append(version), request, effects);
  if (!rules_->waits_for_ack)
    for (const std::uint64_t serial : serials) finish(serial, Phase::ok, Error::none, effects);
  return true;
}

// ---- Responses.

void HttpDevice::received(Now now, ConnectionId connection, View bytes, Effects& effects) {
  if (!std::holds_alternative<Open>(state_) || !current(connection)) return;
  decoder_.feed(bytes);
  while (const http::Response* response = decoder_.next()) {
    if (response->status < 200) continue;  // there is more to come
    if (asked_.empty()) return cut(now, Why::protocol, effects);
    const bool last = !response->keep_alive;
    const Then then = on(now, *response, effects);
    if (then == Then::back_off) return cut(now, Why::not_allowed, effects);
    if (then == Then::give_up) return cut(now, Why::protocol, effects);
    if (last) return cut(now, Why::disconnect, effects);
  }
  if (decoder_.refused()) return cut(now, Why::protocol, effects);
  go_on(now, effects);
}

HttpDevice::Then HttpDevice::on(Now now, const http::Response& response, Effects& effects) {
  const Asked asked = std::move(asked_.front());
  asked_.pop_front();
  constexpr unsigned unauthorized = 401;
  constexpr std::uint16_t not_authorized = 5;  // as MQTT counts
  if (response.status == unauthorized) {
    saw(effects, What::refused).code = asked.older ? std::uint16_t{0} : not_authorized;
  } else if (asked.shows && response.status < 300) {
    saw(effects, What::accepted);
  }
  switch (asked.what) {
    case Asked::What::telemetry:
      return telemetry_answered(asked, response.status, effects);
    case Asked::What::receive:
      return command_answered(now, response, effects);
    case Asked::What::settle:
      return settling_answered(now, response.status, effects);
  }
  return Then::give_up;
}

HttpDevice::Then HttpDevice::telemetry_answered(const Asked& asked, unsigned status,
                                                Effects& effects) {
  if (status < 300) {
    for (const std::uint64_t serial : asked.serials)
      finish(serial, Phase::ok, Error::none, effects);
    batch_ = settings_->batch;
    return Then::go_on;
  }
  const bool one = asked.serials.size() == 1;
  const Error error = definite(status);
  if (one && (error == Error::bad_request || error == Error::too_large)) {
    finish(asked.serials[0], Phase::fail, error, effects);
    return Then::go_on;
  }
  for (Entry& entry : outbox_)
    if (std::ranges::find(asked.serials, entry.serial) != asked.serials.end()) entry.sent = false;
  if (error != Error::bad_request && error != Error::too_large) return Then::back_off;
  batch_ = static_cast<std::uint32_t>(asked.serials.size() /
                                      2);  // too much at once, or one of them is bad
  return Then::go_on;
}

void HttpDevice::finish(std::uint64_t serial, Phase phase, Error error, Effects& effects) {
  const auto entry = std::ranges::find(outbox_, serial, &Entry::serial);
  if (entry == outbox_.end()) return;
  Event& event = saw(effects, What::telemetry, phase);
  event.message = entry->key;
  event.error = error;
  outbox_.erase(entry);
}

HttpDevice::Then HttpDevice::command_answered(Now now, const http::Response& response,
                                              Effects& effects) {
  if (response.status >= 300) return Then::back_off;
  const bool got = response.status == 200;
  if (got && !response.field("etag")) return Then::give_up;
  if (got) take(now, response, effects);
  state_ = Open{got ? now.mono : now.mono + settings_->poll};
  return Then::go_on;
}

void HttpDevice::take(Now now, const http::Response& response, Effects& effects) {
  Bytes flat;
  MessageWriter out{flat};
  for (const http::Field& field : response.fields)
    http::read_property(field.name, field.value, out);
  out.body(response.body);
  const MessageView message{flat};
  std::string_view etag = *response.field("etag");
  if (etag.size() >= 2 && etag.starts_with('"')) etag = etag.substr(1, etag.size() - 2);
  InHand taken{message.key(),    std::string{etag},
               number(etag),     number(response.field("iothub-sequencenumber").value_or("")),
               Settle::complete, now.mono + chance_.handling()};
  if (taken.token == 0) taken.token = hash(view(etag));
  for (const What what : {What::packet, What::delivery}) {
    Event& event = saw(effects, what);
    if (what == What::packet) event.packet = Packet::link_delivery;
    event.message = taken.key;
    event.digest = message.content_digest();
    event.token = taken.token;
    event.sequence = taken.sequence;
    event.count =
        static_cast<std::uint32_t>(number(response.field("iothub-deliverycount").value_or("")));
    event.date = date(response.field("iothub-enqueuedtime").value_or(""));
    event.expiry = date(response.field("iothub-expiry").value_or(""));
  }
  const std::uint32_t reject = settings_->reject_per_mille;
  const std::uint32_t abandon = reject + settings_->abandon_per_mille;
  const std::uint32_t ignore = abandon + settings_->ignore_per_mille;
  if (ignore > 0) {
    const std::uint32_t drawn = chance_.below(ChanceSite::command_handling, 1'000);
    if (drawn < reject)
      taken.how = Settle::reject;
    else if (drawn < abandon)
      taken.how = Settle::abandon;
    else if (drawn < ignore)
      return;
  }
  if (rules_->acknowledges) in_hand_ = std::move(taken);
}

HttpDevice::Then HttpDevice::settling_answered(Now now, unsigned status, Effects& effects) {
  const Error error = definite(status);
  if (status < 300)
    settled(Phase::ok, Error::none, effects);
  else
    settled(error == Error::none ? Phase::info : Phase::fail, error, effects);
  state_ = Open{now.mono};
  return turned_away(status) || (status >= 300 && error == Error::none) ? Then::back_off
                                                                        : Then::go_on;
}

void HttpDevice::settled(Phase phase, Error error, Effects& effects) {
  Event& event = saw(effects, what(in_hand_->how), phase);
  event.message = in_hand_->key;
  event.token = in_hand_->token;
  event.sequence = in_hand_->sequence;
  event.error = error;
  in_hand_.reset();
}

}  // namespace hubproof::model
