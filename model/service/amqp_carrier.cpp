#include "model/service/amqp_carrier.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "model/amqp/cbs.hpp"
#include "model/amqp/message.hpp"
#include "model/hub/token.hpp"
#include "model/iso_date.hpp"
#include "model/json.hpp"

namespace hubproof::model {
namespace {

// What a definite refusal means.
Error read_error(std::string_view condition) {
  constexpr std::array<std::pair<std::string_view, Error>, 11> known{{
      {"com.microsoft:device-container-throttled", Error::throttled},
      {"com.microsoft:quota-exceeded", Error::quota_exceeded},
      {"amqp:not-found", Error::device_not_found},
      {"amqp:resource-limit-exceeded", Error::queue_full},
      {"amqp:link:message-size-exceeded", Error::too_large},
      {"com.microsoft:argument-out-of-range", Error::invalid_expiry},
      {"com.microsoft:argument-error", Error::bad_request},
      {"com.microsoft:message-lock-lost", Error::lock_lost},
      {"amqp:unauthorized-access", Error::unauthorized},
      {"com.microsoft:timeout", Error::timed_out},
      {"amqp:internal-error", Error::storage}}};
  for (const auto& [text, error] : known)
    if (text == condition) return error;
  return Error::bad_request;
}

std::uint64_t number(std::string_view text, int base = 10) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc{} && end == text.data() + text.size() ? value : 0;
}

// Lock tokens are the second half of a uuid; the history needs no more.
std::uint64_t token_of(std::string_view uuid) {
  std::string digits;
  for (const char c : uuid)
    if (c != '-') digits += c;
  const std::uint64_t token = digits.size() == 32 ? number(std::string_view{digits}.substr(16), 16) : 0;
  return token != 0 ? token : hash(view(uuid));
}

std::string_view member(const Json& object, std::string_view name) {
  const Json* found = object.find(name);
  if (found == nullptr) {  // as in 2017
    std::string pascal{name};
    pascal[0] = static_cast<char>(pascal[0] - 'a' + 'A');
    found = object.find(pascal);
  }
  return found == nullptr ? std::string_view{} : std::string_view{found->text};
}

std::optional<Status> read_status(std::string_view text) {
  constexpr std::array<std::string_view, 5> names{"Success", "Expired", "DeliveryCountExceeded",
                                                  "Rejected", "Purged"};  // [FBK-09]
  const auto found = std::ranges::find(names, text);
  if (found != names.end()) return static_cast<Status>(found - names.begin());
  const std::uint64_t code = number(text);
  if (text.empty() || code >= names.size()) return std::nullopt;
  return static_cast<Status>(code);
}

bool read_feedback(const amqp::Sections& sections, Feedback& out) {
  if (sections.data.size() != 1) return false;
  const auto json = read_json(text(sections.data[0]));
  if (!json || !json->is(Json::Kind::array)) return false;
  out.token = token_of(amqp::id_text(sections.message_id));
  out.created = nanoseconds_of(sections.annotation("iothub-enqueuedtime").number());
  for (const Json& item : json->items) {
    FeedbackRecord record;
    const auto status = read_status(member(item, "statusCode"));
    const auto date = read_iso_date(member(item, "enqueuedTimeUtc"));
    if (!status || !date) return false;
    record.original_message_id = member(item, "originalMessageId");
    record.device = member(item, "deviceId");
    record.generation = static_cast<std::uint32_t>(number(member(item, "deviceGenerationId")));
    record.status = *status;
    record.date = nanoseconds_of(*date);
    out.records.push_back(std::move(record));
  }
  return true;
}

}  // namespace

void AmqpCarrier::opened(Now now, ConnectionId connection, Effects& effects) {
  connection_ = connection;
  engine_.emplace(amqp::Engine::Settings{true, "service", settings_->host, settings_->idle, 0});
  if (settings_->policy_key.empty()) {
    may_ask_ = true;
    ask_for_links();
  } else {
    const amqp::CbsLinks links = amqp::attach_cbs(*engine_);
    tokens_ = links.tokens;
    token_answers_ = links.answers;
  }
  flush(now, effects);
}

void AmqpCarrier::ended() {
  engine_.reset();
  broken_ = may_ask_ = false;
  renew_ = Instant::max();
  answers_.clear();
  to_send_.clear();
  sent_.clear();
  readers_.clear();
  storing_.clear();  // their lanes ask again
  batches_.clear();
  in_hand_.clear();
  settling_.clear();
  feedback_asked_ = {};
  tokens_ = token_answers_ = commands_ = feedback_ = amqp::LinkId::none;
}

void AmqpCarrier::ask_for_links() {
  amqp::Attach attach;
  attach.peer_sends = false;
  attach.name = "commands";
  attach.target = "/messages/devicebound";
  commands_ = engine_->attach(attach);
  if (settings_->reads_feedback) {
    attach = {};
    attach.name = "feedback";
    attach.source = "/messages/servicebound/feedback";
    attach.receiver_settles = amqp::ReceiverSettles::second;
    feedback_ = engine_->attach(attach);
  }
  for (auto& [partition, reader] : readers_)
    if (reader.link == amqp::LinkId::none) place(partition, reader, reader.next);
}

void AmqpCarrier::put_token(Now now) {
  constexpr Duration life = std::chrono::hours{1}, renewal = std::chrono::minutes{45};
  const std::string token = make_token(settings_->host, settings_->policy_key, KeyForm::decoded,
                                       now.wall + life, settings_->policy);
  Bytes message;
  amqp::write_put_token(message, ++tags_, settings_->host, token);
  Bytes tag;
  Writer{tag}.u64(tags_);
  engine_->send(tokens_, tag, message);
  renew_ = now.mono + renewal;
}

void AmqpCarrier::ask(Now now, std::uint32_t correlation, const Request& request, Effects&) {
  if (const auto* command = std::get_if<SendCommand>(&request)) {
    to_send_.emplace_back(correlation, *command);
    send_commands();
  } else if (const auto* what = std::get_if<ReadTelemetry>(&request)) {
    read(now, correlation, *what);
  } else if (const auto* receive = std::get_if<ReceiveFeedback>(&request)) {
    feedback_asked_ = {correlation, now.mono + receive->wait};
    give_feedback();
  } else if (const auto* one = std::get_if<SettleFeedback>(&request)) {
    settle(correlation, *one);
  } else {
    answer(correlation, Failed{Error::bad_request});
  }
}

void AmqpCarrier::received(Now now, View bytes) {
  engine_->received(now.mono, bytes);
  listen();
}

std::optional<Answer> AmqpCarrier::next() {
  if (answers_.empty())  // all that came is one answer
    for (auto& [partition, reader] : readers_) give_events(partition, reader);
  if (answers_.empty()) return std::nullopt;
  Answer frame = std::move(answers_.front());
  answers_.pop_front();
  return frame;
}

void AmqpCarrier::flush(Now now, Effects& effects) {
  if (!engine_) return;
  for (bool more = true; more;) {
    if (tokens_ != amqp::LinkId::none && engine_->credit(tokens_) > 0 &&
        (renew_ == Instant::max() || now.mono >= renew_))
      put_token(now);
    out_.clear();
    engine_->output(now.mono, out_);
    more = !out_.empty();
    if (more) effects.send(connection_, out_);
    listen();
  }
}

void AmqpCarrier::stored(Ticket ticket, bool ok, Effects& effects) {
  checkpoints_.stored(ticket, ok, effects);
  const auto found = storing_.find(ticket);
  if (found == storing_.end()) return;
  if (ok) answer(found->second, Done{});
  else answer(found->second, Failed{Error::storage});
  storing_.erase(found);
}

// Time.

void AmqpCarrier::woken(Now now) {
  if (!engine_) return;
  for (auto& [partition, reader] : readers_)
    if (reader.asked.correlation != 0 && now.mono >= reader.asked.until) {
      answer(std::exchange(reader.asked.correlation, 0), Telemetry{partition, {}});
    }
  if (feedback_asked_.correlation != 0 && now.mono >= feedback_asked_.until)
    answer(std::exchange(feedback_asked_.correlation, 0), Feedback{});
  engine_->woken(now.mono);
  listen();
}

std::optional<Instant> AmqpCarrier::deadline() const {
  if (!engine_) return std::nullopt;
  Instant first = std::min(engine_->deadline().value_or(Instant::max()), renew_);
  for (const auto& [partition, reader] : readers_)
    if (reader.asked.correlation != 0) first = std::min(first, reader.asked.until);
  if (feedback_asked_.correlation != 0) first = std::min(first, feedback_asked_.until);
  if (first == Instant::max()) return std::nullopt;
  return first;
}

// What the hub says.

void AmqpCarrier::listen() {
  while (auto event = engine_->next()) {
    if (const auto* arrived = std::get_if<amqp::Arrived>(&*event)) on(*arrived);
    else if (const auto* settled = std::get_if<amqp::Settled>(&*event)) on(*settled);
    else if (const auto* attached = std::get_if<amqp::Attached>(&*event)) {
      const amqp::LinkId link = attached->link;
      if (link == token_answers_) engine_->grant(link, 1);
      if (link == feedback_) engine_->grant(link, 1);
    } else if (std::holds_alternative<amqp::Credited>(*event)) {
      send_commands();
    } else if (std::holds_alternative<amqp::Detached>(*event) ||
               std::holds_alternative<amqp::Closed>(*event) ||
               std::holds_alternative<amqp::Broken>(*event)) {
      // A link that a reader gave up for another place says so, too.
      const auto* detached = std::get_if<amqp::Detached>(&*event);
      broken_ = broken_ || detached == nullptr || detached->link == commands_ || detached->link == feedback_ ||
                detached->link == tokens_ || detached->link == token_answers_ ||
                std::ranges::any_of(readers_, [&](const auto& one) { return one.second.link == detached->link; });
    }
  }
}

void AmqpCarrier::on(const amqp::Arrived& event) {
  if (event.link == token_answers_) {
    engine_->settle(event.link, event.delivery, amqp::Outcome::accepted);
    broken_ = broken_ || amqp::read_put_token_status(event.message).value_or(0) != 200;
    if (!broken_ && !std::exchange(may_ask_, true)) ask_for_links();
    return;
  }
  const auto sections = amqp::read_sections(event.message);
  if (!sections) {
    broken_ = true;
    return;
  }
  if (event.link == feedback_) {
    Batch batch{event.delivery, {}};
    if (!read_feedback(*sections, batch.feedback)) broken_ = true;
    else batches_.push_back(std::move(batch));
    return give_feedback();
  }
  const auto reader =
      std::ranges::find_if(readers_, [&](const auto& one) { return one.second.link == event.link; });
  if (reader == readers_.end()) return engine_->settle(event.link, event.delivery, amqp::Outcome::accepted);
  TelemetryEvent it;
  amqp::each_pair(sections->annotations, [&](const amqp::Value& key, const amqp::Value& value) {
    const std::string_view name = key.text();
    if (name == "x-opt-sequence-number") it.sequence = value.bits;
    else if (name == "x-opt-offset") it.offset = value.is_text() ? number(value.text()) : value.bits;
    else if (name == "x-opt-enqueued-time") it.enqueued = nanoseconds_of(value.number());
    else if (name == "iothub-connection-device-id") it.device = value.text();
    else if (name == "iothub-connection-auth-generation-id")
      it.generation = static_cast<std::uint32_t>(number(value.text()));
  });
  if (!amqp::read_flat(*sections, it.message)) broken_ = true;
  it.will = MessageView{it.message}.property("iothub-MessageType") == "Will";
  reader->second.got.emplace_back(event.delivery, std::move(it));
}

void AmqpCarrier::on(const amqp::Settled& event) {
  if (event.link == tokens_) return engine_->forget(event.link, event.delivery);
  if (const auto sent = sent_.find(event.delivery); event.link == commands_ && sent != sent_.end()) {
    if (event.outcome == amqp::Outcome::accepted) answer(sent->second, Done{});
    else if (event.outcome == amqp::Outcome::rejected) answer(sent->second, Failed{read_error(event.error.condition)});
    else answer(sent->second, Failed{Error::timed_out});  // nobody knows
    engine_->forget(event.link, event.delivery);
    sent_.erase(sent);
    return;
  }
  const auto settling = settling_.find(event.delivery);
  if (event.link != feedback_ || settling == settling_.end()) return;
  if (event.error.condition.empty()) answer(settling->second, Done{});
  else answer(settling->second, Failed{read_error(event.error.condition)});
  engine_->settle(event.link, event.delivery, amqp::Outcome::none);
  settling_.erase(settling);
}

// Commands.

void AmqpCarrier::send_commands() {
  while (!to_send_.empty() && engine_->credit(commands_) > 0) {
    const auto& [correlation, command] = to_send_.front();
    Bytes message;
    amqp::write_message(message, MessageView{command.message},
                        "/devices/" + command.device + "/messages/devicebound");  // [C2D-01]
    Bytes tag;
    Writer{tag}.u64(++tags_);
    sent_[engine_->send(commands_, tag, message)] = correlation;
    to_send_.pop_front();
  }
}

// Telemetry.

void AmqpCarrier::read(Now now, std::uint32_t correlation, const ReadTelemetry& what) {
  const auto [at, fresh] = readers_.try_emplace(what.partition);
  Reader& reader = at->second;
  reader.limit = what.limit;
  reader.asked = {correlation, now.mono + what.wait};
  if (fresh || reader.next != what.from) {
    if (reader.link != amqp::LinkId::none) engine_->detach(reader.link, {});
    reader.link = amqp::LinkId::none;
    reader.got.clear();
    reader.next = what.from;
    if (may_ask_) place(what.partition, reader, what.from);
  }
}

// From a sequence number on; 0: after the checkpoint.
void AmqpCarrier::place(std::uint32_t partition, Reader& reader, std::uint64_t from) {
  const std::uint64_t behind = from == 0 ? checkpoints_.of(partition) : from - 1;
  const std::string selector =
      behind == 0 ? "amqp.annotation.x-opt-offset > '-1'"
                  : "amqp.annotation.x-opt-sequence-number > '" + std::to_string(behind) + "'";
  amqp::Attach attach;
  attach.name = "events-" + std::to_string(partition) + "-" + std::to_string(++tags_);
  attach.source = (settings_->endpoint.empty() ? settings_->host : settings_->endpoint) + "/ConsumerGroups/" +
                  settings_->group + "/Partitions/" + std::to_string(partition);
  attach.target = attach.name;
  amqp::ValueWriter filter{attach.filter};
  filter.begin_map();
  filter.symbol("apache.org:selector-filter:string");
  constexpr std::uint8_t selector_filter = 0x04;
  filter.descriptor(selector_filter);
  filter.string(selector);
  filter.end();
  reader.link = engine_->attach(attach);
  engine_->grant(reader.link, reader.limit);
}

void AmqpCarrier::give_events(std::uint32_t partition, Reader& reader) {
  if (reader.asked.correlation == 0 || reader.got.empty()) return;
  Telemetry telemetry{partition, {}};
  while (!reader.got.empty() && telemetry.events.size() < reader.limit) {
    auto& [delivery, event] = reader.got.front();
    engine_->settle(reader.link, delivery, amqp::Outcome::accepted);
    reader.next = event.sequence + 1;
    telemetry.events.push_back(std::move(event));
    reader.got.pop_front();
  }
  answer(std::exchange(reader.asked.correlation, 0), std::move(telemetry));
}

// Feedback.

void AmqpCarrier::give_feedback() {
  if (feedback_asked_.correlation == 0 || batches_.empty()) return;
  Batch batch = std::move(batches_.front());
  batches_.pop_front();
  in_hand_[batch.feedback.token] = batch.delivery;
  answer(std::exchange(feedback_asked_.correlation, 0), std::move(batch.feedback));
}

void AmqpCarrier::settle(std::uint32_t correlation, const SettleFeedback& what) {
  const auto found = in_hand_.find(what.token);
  if (found == in_hand_.end()) return answer(correlation, Failed{Error::lock_lost});
  engine_->propose(feedback_, found->second,
                   what.complete ? amqp::Outcome::accepted : amqp::Outcome::released);
  settling_[found->second] = correlation;
  in_hand_.erase(found);
}

}  // namespace hubproof::model
