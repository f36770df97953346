#include "conformance/devices/amqp_hub.hpp"

#include <algorithm>

#include "conformance/devices/script.hpp"
#include "model/amqp/address.hpp"
#include "model/amqp/cbs.hpp"
#include "model/amqp/message.hpp"

namespace hubproof::conformance::devices {
namespace {

using model::Bytes;
using model::View;

constexpr std::uint64_t first_outcome = 0x24;  // accepted; the others follow

Bytes tag_of(std::uint64_t number) {
  Bytes tag;
  model::Writer{tag}.u64(number);
  return tag;
}

}  // namespace

std::optional<std::string> body_of(const amqp::Arrived& arrived) {
  const auto sections = amqp::read_sections(arrived.message);
  if (!sections) return std::nullopt;
  std::string body;
  for (const View part : sections->data) body += model::text(part);
  return body;
}

AmqpHub::AmqpHub(Stage& stage, model::Duration idle) : stage_{stage}, idle_{idle} { stage_.spoken_by(this); }

AmqpHub::Connection* AmqpHub::find(LinkId link) {
  const auto found = connections_.find(link);
  return found == connections_.end() || found->second.over ? nullptr : &found->second;
}
const AmqpHub::Connection* AmqpHub::find(LinkId link) const {
  const auto found = connections_.find(link);
  return found == connections_.end() ? nullptr : &found->second;
}

amqp::LinkId AmqpHub::link_of(const Connection& c, Use use) {
  for (const auto& [id, each] : c.links)
    if (each == use) return id;
  return amqp::LinkId::none;
}

// ---- The stream.

void AmqpHub::opened(LinkId link) { connections_[link].last = stage_.now(); }

void AmqpHub::received(LinkId link, View bytes) {
  Connection* const c = find(link);
  if (c == nullptr || bytes.empty()) return;
  if (c->engine) c->longest = std::max(c->longest, stage_.now() - c->last);
  c->last = stage_.now();
  c->heard.feed(bytes);
  while (const auto frame = c->heard.next()) {
    stage_.note("device " + std::to_string(static_cast<std::uint32_t>(link)) + ": " + frame_text(*frame) + "   " + hex_text(*frame));
    saw(*c, FrameView{*frame});
  }
  if (c->engine) return converse(link, *c, bytes);
  c->before.insert(c->before.end(), bytes.begin(), bytes.end());
  for (View rest = c->before; !c->engine && !c->over;) {
    Bytes answer;
    if (c->in_sasl) {
      c->sasl.received(rest);
      if (c->sasl.login()) c->sasl.answer(true, answer), c->in_sasl = false;
    } else if (rest.size() < amqp::protocol_header) {
      c->before.assign(rest.begin(), rest.end());
      return;
    } else if (const auto which = amqp::protocol(rest.first(amqp::protocol_header)); which == amqp::Protocol::amqp) {
      c->engine = std::make_unique<amqp::Engine>(amqp::Engine::Settings{.container = "hubproof", .idle_timeout = idle_});
      const Bytes stream{rest.begin(), rest.end()};
      c->before.clear();
      return converse(link, *c, stream);
    } else if (which == amqp::Protocol::sasl) {
      rest = rest.subspan(amqp::protocol_header);
      c->in_sasl = true;
      c->sasl.begin(answer);
    } else {
      stage_.fail("AMQP-01", "the connection does not begin with a header of AMQP 1.0");
      return stage_.close(link);
    }
    c->said.feed(answer);
    while (const auto frame = c->said.next()) write(link, *frame);
    if (answer.empty()) return c->before.assign(rest.begin(), rest.end());
    c->before.assign(rest.begin(), rest.end());
    rest = c->before;
  }
}

void AmqpHub::ended(LinkId link) {
  if (Connection* const c = find(link)) c->longest = longest_silence(link), c->over = true;
}

void AmqpHub::woken() {
  for (auto& [link, c] : connections_) {
    if (c.over || c.closed || !c.engine) continue;
    const auto due = c.engine->deadline();
    if (!due || *due > stage_.now()) continue;
    c.engine->woken(stage_.now());
    take_events(link, c);
  }
}

std::optional<model::Instant> AmqpHub::deadline() const {
  std::optional<model::Instant> first;
  for (const auto& [link, c] : connections_) {
    if (c.over || c.closed || !c.engine) continue;
    const auto due = c.engine->deadline();
    if (due) first = first ? std::min(*first, *due) : *due;
  }
  return first;
}

void AmqpHub::converse(LinkId link, Connection& c, View bytes) {
  c.engine->received(stage_.now(), bytes);
  take_events(link, c);
}

void AmqpHub::take_events(LinkId link, Connection& c) {
  for (;;) {
    while (!c.over) {
      auto event = c.engine->next();
      if (!event) break;
      on(link, c, *event);
    }
    flush(link, c);
    if (c.over) return;
    const auto more = c.engine->next();  // what was said may bring something about
    if (!more) break;
    amqp::Event event = *more;
    on(link, c, event);
  }
  if (c.engine->finished() && c.closed && manners.speaks) stage_.close(link);
}

void AmqpHub::flush(LinkId link, Connection& c) {
  if (c.over) return;
  Bytes out;
  c.engine->output(stage_.now(), out);
  if (!manners.speaks) return;
  c.said.feed(out);
  while (const auto frame = c.said.next()) {
    told(c, FrameView{*frame});
    if (manners.bytes_of_transfer == 0) {
      write(link, *frame);
      continue;
    }
    for (const Bytes& piece : split_transfer(*frame, manners.bytes_of_transfer)) write(link, piece);
  }
}

void AmqpHub::write(LinkId link, const Bytes& frame) {
  const std::size_t most = manners.bytes_of_write == 0 ? frame.size() : manners.bytes_of_write;
  for (std::size_t from = 0; from < frame.size(); from += most) {
    const auto begin = frame.begin() + static_cast<std::ptrdiff_t>(from);
    const auto end = frame.begin() + static_cast<std::ptrdiff_t>(std::min(from + most, frame.size()));
    stage_.send_bare(link, {begin, end}, from == 0 ? frame_text(frame) : "what follows of it");
  }
}

// ---- Events.

void AmqpHub::on(LinkId link, Connection& c, amqp::Event& event) {
  Heard heard;
  heard.kind = Heard::Kind::event;
  heard.link = link;
  const auto use = [&c](amqp::LinkId id) {
    const auto found = c.links.find(id);
    return found == c.links.end() ? Use::none : found->second;
  };
  std::visit([&]<class E>(const E& one) {
    if constexpr (requires { one.link; }) heard.use = use(one.link);
  }, event);
  if (std::holds_alternative<amqp::Opened>(event)) stage_.pass("AMQP-01");
  if (const auto* said = std::get_if<amqp::Attached>(&event)) {
    attached(c, *said);
    heard.use = use(said->link);
  }
  if (const auto* arrived = std::get_if<amqp::Arrived>(&event)) {
    if (heard.use == Use::tokens) token_came(c, *arrived);
    if (heard.use == Use::telemetry) {
      if (arrived->settled)
        stage_.fail("AMQP-16", "telemetry is transferred settled");
      else
        stage_.pass("AMQP-16");
    }
  }
  if (std::holds_alternative<amqp::Credited>(event) && heard.use == Use::answers) answer_tokens(c);
  if (const auto* said = std::get_if<amqp::Settled>(&event); said != nullptr)
    if (said->settled || manners.settles) c.engine->forget(said->link, said->delivery, said->settled ? amqp::Outcome::none : said->outcome);
  if (const auto* said = std::get_if<amqp::Detached>(&event)) {
    if (said->error.condition == "amqp:link:transfer-limit-exceeded")
      stage_.fail("amqp10:2.6.7-1", "the device sends more than the credit of its link allows");
    c.links.erase(said->link);
  }
  if (std::holds_alternative<amqp::Closed>(event)) c.closed = true;
  if (const auto* said = std::get_if<amqp::Broken>(&event)) {
    c.closed = true;
    const std::string what = said->error.condition + " (" + said->error.description + ")";
    stage_.note("the hub's engine ends the connection: " + what);
    if (said->error.description.find("idle") == std::string::npos) stage_.fail("AMQP-01", "what the device says is no AMQP 1.0: " + what);
  }
  heard.event = std::move(event);
  const bool accepts = manners.telemetry && heard.use == Use::telemetry && heard.amqp<amqp::Arrived>() != nullptr;
  if (accepts) settle(heard, amqp::Outcome::accepted);
  stage_.heard(std::move(heard));
}

Use AmqpHub::use_of(const amqp::Attach& said) {
  const std::string& where = said.peer_sends ? said.target : said.source;
  const amqp::Address address = amqp::read_address(where);
  const bool mine = address.device == script::client_id(stage_);
  if (address.kind == amqp::Address::Kind::cbs) return said.peer_sends ? Use::tokens : Use::answers;
  if (mine && address.kind == amqp::Address::Kind::telemetry && said.peer_sends) return Use::telemetry;
  if (mine && address.kind == amqp::Address::Kind::commands && !said.peer_sends) return Use::commands;
  // Twins and methods are not this suite's.
  if (where.find("/twin") == std::string::npos && where.find("/methods/") == std::string::npos)
    stage_.fail("AMQP-06", "a link " + std::string{said.peer_sends ? "to " : "from "} + (where.empty() ? "nothing" : where) + " is none of a device");
  return Use::other;
}

void AmqpHub::attached(Connection& c, const amqp::Attached& said) {
  const Use use = use_of(said.attach);
  c.links[said.link] = use;
  c.names[said.attach.name] = use;
  if (use == Use::telemetry || use == Use::commands) {
    stage_.pass("AMQP-06");
    if (c.has_token)
      stage_.pass("AMQP-04");
    else
      stage_.fail("AMQP-04", "a link of the device is asked for, and no token has been accepted on this connection");
  }
  if (use == Use::other) return c.engine->refuse(said.link, {"amqp:not-found", "there is no such node"});
  const bool own = use == Use::telemetry || use == Use::commands;
  if (own && !manners.links) return;
  c.engine->accept(said.link);
  if (use == Use::telemetry && manners.credit > 0) c.engine->grant(said.link, manners.credit);
  if (use == Use::tokens) c.engine->grant(said.link, 10);
}

// ---- Tokens.

void AmqpHub::token_came(Connection& c, const amqp::Arrived& token) {
  c.engine->settle(token.link, token.delivery, amqp::Outcome::accepted);
  const auto sections = amqp::read_sections(token.message);
  if (!sections || !manners.tokens) return;
  const bool good = *manners.tokens == 200;
  c.has_token = c.has_token || good;
  Bytes answer;
  amqp::write_reply(answer, sections->message_id, *manners.tokens, good ? "OK" : "the token is not taken", "", {});
  c.answers.push_back(std::move(answer));
  answer_tokens(c);
}

void AmqpHub::answer_tokens(Connection& c) {
  const amqp::LinkId link = link_of(c, Use::answers);
  while (!c.answers.empty() && c.engine->credit(link) > 0) {
    c.engine->send(link, tag_of(++tags_), c.answers.front());
    c.answers.erase(c.answers.begin());
  }
}

// ---- Frames.

void AmqpHub::saw(Connection& c, const FrameView& frame) {
  if (frame.performative == Performative::open && frame[4].is_number())
    c.idle = std::chrono::milliseconds{frame.number(4)};
  if (frame.performative == Performative::disposition && frame.flag(0)) saw_word(c, frame);
}

// A device says once what became of a command, and settles it once [AMQP-17]; a receiver that settles second may say
// the same again then.
void AmqpHub::saw_word(Connection& c, const FrameView& disposition) {
  const std::uint32_t first = disposition.number(1);
  const std::uint32_t last = disposition[2].is_number() ? disposition.number(2) : first;
  const std::uint64_t state = disposition[4].described ? disposition[4].descriptor : 0;
  for (auto& [id, word] : c.words) {
    if (id < first || id > last) continue;
    if (word.settled)
      stage_.fail("AMQP-17", "delivery " + std::to_string(id) + " is settled a second time");
    else if (word.state >= first_outcome && state >= first_outcome && state != word.state)
      stage_.fail("AMQP-17", "the device says two things of delivery " + std::to_string(id));
    else
      stage_.pass("AMQP-17");
    if (state >= first_outcome) word.state = state;
    word.settled = word.settled || disposition.flag(3);
  }
}

void AmqpHub::told(Connection& c, const FrameView& frame) {
  if (frame.performative == Performative::attach) c.our_handles[frame.number(1)] = c.names[std::string{frame[0].text()}];
  if (frame.performative == Performative::transfer && c.our_handles[frame.number(0)] == Use::commands && frame[1].is_number())
    c.words.try_emplace(frame.number(1));
}

// ---- The case's.

bool AmqpHub::has(LinkId link, Use use) const {
  const Connection* const c = find(link);
  return c != nullptr && !c->over && link_of(*c, use) != amqp::LinkId::none;
}

void AmqpHub::grant(LinkId link, std::uint32_t credit) {
  Connection* const c = find(link);
  if (c == nullptr || !c->engine) return;
  c->engine->grant(link_of(*c, Use::telemetry), credit);
  flush(link, *c);
}

void AmqpHub::settle(const Heard& arrived, amqp::Outcome outcome, const amqp::Error& error) {
  Connection* const c = find(arrived.link);
  const auto* message = arrived.amqp<amqp::Arrived>();
  if (c == nullptr || message == nullptr || !c->links.contains(message->link)) return;
  c->engine->settle(message->link, message->delivery, outcome, error);
  if (outcome == amqp::Outcome::accepted) ++accepted_[body_of(*message).value_or("")];
  flush(arrived.link, *c);
}

amqp::DeliveryId AmqpHub::send(LinkId link, View message, View tag) {
  Connection* const c = find(link);
  if (c == nullptr || credit(link) == 0) return amqp::DeliveryId::none;
  const amqp::DeliveryId sent = c->engine->send(link_of(*c, Use::commands), tag, message);
  flush(link, *c);
  return sent;
}

std::uint32_t AmqpHub::credit(LinkId link) const {
  const Connection* const c = find(link);
  return c == nullptr || c->over || !c->engine ? 0 : c->engine->credit(link_of(*c, Use::commands));
}

void AmqpHub::detach(LinkId link, Use use, const amqp::Error& error) {
  Connection* const c = find(link);
  if (c == nullptr || !c->engine) return;
  const amqp::LinkId which = link_of(*c, use);
  c->engine->detach(which, error);
  c->links.erase(which);
  flush(link, *c);
}

void AmqpHub::end_session(LinkId link, const amqp::Error& error) {
  Connection* const c = find(link);
  if (c == nullptr || c->links.empty()) return;
  c->engine->end_session(c->links.begin()->first, error);
  c->links.clear();
  flush(link, *c);
}

void AmqpHub::close(LinkId link, const amqp::Error& error) {
  Connection* const c = find(link);
  if (c == nullptr || !c->engine) return;
  c->engine->close(error);
  flush(link, *c);
}

model::Duration AmqpHub::longest_silence(LinkId link) const {
  const Connection* const c = find(link);
  if (c == nullptr) return {};
  return c->over ? c->longest : std::max(c->longest, stage_.now() - c->last);
}

std::optional<model::Duration> AmqpHub::idle_of(LinkId link) const {
  const Connection* const c = find(link);
  return c == nullptr ? std::nullopt : c->idle;
}

int AmqpHub::accepted(std::string_view body) const {
  const auto found = accepted_.find(body);
  return found == accepted_.end() ? 0 : found->second;
}

}  // namespace hubproof::conformance::devices
