#include "model/amqp/queues.hpp"

#include <algorithm>
#include <utility>

#include "model/amqp/value.hpp"

namespace hubproof::model::amqp {
namespace {

constexpr std::uint64_t header_section = 0x70;
constexpr std::uint64_t delivery_annotations_section = 0x71;
constexpr std::uint64_t message_annotations_section = 0x72;
constexpr std::uint64_t footer_section = 0x78;

void append(Bytes& to, View what) { to.insert(to.end(), what.begin(), what.end()); }

Bytes encoded(const Value& value) {
  Bytes bytes;
  ValueWriter out{bytes};
  switch (value.kind) {
    case Kind::boolean:
      out.boolean(value.bits != 0);
      break;
    case Kind::ubyte:
      out.ubyte(static_cast<std::uint8_t>(value.bits));
      break;
    case Kind::uint:
      out.uint(static_cast<std::uint32_t>(value.bits));
      break;
    default:
      break;
  }
  return bytes;
}

}  // namespace

void QueueBroker::opened(Now, ConnectionId id) { connections_[id]; }

void QueueBroker::received(Now now, ConnectionId id, View bytes, Effects& effects) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& c = found->second;
  while (!bytes.empty() && c.stage != Stage::over) {
    switch (c.stage) {
      case Stage::header: {
        const std::size_t more = std::min(protocol_header - c.header.size(), bytes.size());
        append(c.header, bytes.first(more));
        bytes = bytes.subspan(more);
        if (c.header.size() == protocol_header) header_came(c);
        break;
      }
      case Stage::login:
        c.sasl.received(bytes);
        if (c.sasl.broken()) {
          bytes = {};
          if (rules_.ends_broken) c.stage = Stage::over;
        }
        if (const auto& login = c.sasl.login()) {
          const bool welcome = login->mechanism != "PLAIN" || !rules_.checks_passwords ||
                               (login->user == rules_.user && login->password == rules_.password);
          c.sasl.answer(welcome, c.out);
          c.logged_in = welcome;
          c.stage = welcome ? Stage::header : Stage::over;
        }
        break;
      case Stage::talking:
        c.engine->received(now.mono, bytes);
        bytes = {};
        talk(c);
        break;
      case Stage::over:
        break;
    }
  }
  flush(now, effects);
}

void QueueBroker::header_came(Connection& c) {
  const Protocol which = protocol(c.header);
  const Bytes header = std::exchange(c.header, {});
  if (which == Protocol::sasl && !c.logged_in) {
    c.stage = Stage::login;
    return c.sasl.begin(c.out);
  }
  if (which != Protocol::amqp) {
    if (rules_.answers_wrong_headers) append(c.out, view(std::string_view{"AMQP\0\1\0\0", 8}));
    if (rules_.ends_wrong_headers) c.stage = Stage::over;
    return;
  }
  c.stage = Stage::talking;
  const auto limit = static_cast<std::uint32_t>(rules_.max_message_size);
  c.engine = std::make_unique<Engine>(Engine::Settings{false, "queues", {}, rules_.idle, limit});
  c.engine->received(Instant{}, header);
}

void QueueBroker::talk(Connection& c) {
  while (const auto event = c.engine->next()) {
    on(c, *event);
    pump();
  }
}

void QueueBroker::on(Connection& c, const Event& event) {
  if (const auto* one = std::get_if<Attached>(&event)) attached(c, *one);
  if (const auto* one = std::get_if<Arrived>(&event)) arrived(c, *one);
  if (const auto* one = std::get_if<Settled>(&event)) settled(c, *one);
  if (const auto* one = std::get_if<Detached>(&event)) {
    const auto link = c.links.find(one->link);
    if (link == c.links.end()) return;
    give_back(link->second);
    c.links.erase(link);
  }
}

void QueueBroker::attached(Connection& c, const Attached& said) {
  const std::string& address = said.attach.peer_sends ? said.attach.target : said.attach.source;
  if (address.empty() || address.starts_with(rules_.no_queues))
    return c.engine->refuse(said.link, {"amqp:not-found", "no queue can be called so"});
  Link& link = c.links[said.link];
  link.attach = said.attach;
  link.queue = address;
  c.engine->accept(said.link, said.attach.peer_sends ? rules_.max_message_size : 0);
  if (said.attach.peer_sends) c.engine->grant(said.link, rules_.credit);
}

void QueueBroker::arrived(Connection& c, const Arrived& one) {
  const auto found = c.links.find(one.link);
  if (found == c.links.end()) return;
  if (one.too_large && rules_.refuses_too_large) {
    c.engine->detach(one.link, {"amqp:link:message-size-exceeded", "a message is too large"});
    c.links.erase(found);
    return;
  }
  Message message;
  const bool sound = take(one.message, message);
  if (sound) queues_[found->second.queue].ready.emplace(++numbers_, std::move(message));
  const Error wrong{"amqp:decode-error", "no message"};
  const Outcome outcome = sound ? Outcome::accepted : Outcome::rejected;
  if (one.settled) return c.engine->settle(one.link, one.delivery, Outcome::none);
  if (!rules_.accepts) return;
  if (found->second.attach.receiver_settles == ReceiverSettles::second &&
      rules_.waits_for_settlement && sound)
    return c.engine->propose(one.link, one.delivery, outcome);
  c.engine->settle(one.link, one.delivery, outcome, sound ? Error{} : wrong);
}

void QueueBroker::settled(Connection& c, const Settled& said) {
  const auto found = c.links.find(said.link);
  if (found == c.links.end()) return;
  Link& link = found->second;
  if (link.attach.peer_sends) return c.engine->settle(said.link, said.delivery, Outcome::none);
  const auto flight = link.flights.find(said.delivery);
  if (flight == link.flights.end()) return;
  if (!said.first_of_range && !rules_.settles_ranges) return;
  Message message = std::move(flight->second.message);
  const std::uint64_t number = flight->second.number;
  link.flights.erase(flight);
  bool again = !rules_.removes_accepted;
  if (said.outcome == Outcome::released || said.outcome == Outcome::none) {
    message.count += rules_.count_of_released;
    again = rules_.returns_released;
  }
  if (said.outcome == Outcome::modified) {
    message.count += rules_.count_of_failed;
    again = rules_.returns_released;
  }
  if (again) queues_[link.queue].ready.emplace(number, std::move(message));
  c.engine->forget(said.link, said.delivery, said.settled ? Outcome::none : said.outcome);
}

void QueueBroker::give_back(Link& link) {
  for (auto& [delivery, flight] : link.flights)
    queues_[link.queue].ready.emplace(flight.number, std::move(flight.message));
  link.flights.clear();
}

void QueueBroker::pump() {
  for (auto& [id, c] : connections_)
    for (auto& [link_id, link] : c.links)
      if (!link.attach.peer_sends) serve(c, link_id, link);
}

void QueueBroker::serve(Connection& c, LinkId id, Link& link) {
  auto& ready = queues_[link.queue].ready;
  while (!ready.empty() && c.engine->credit(id) > 0) {
    auto next = ready.extract(ready.begin());
    Bytes bytes, tag;
    put(bytes, next.mapped());
    const std::uint64_t most = link.attach.max_message_size;
    if (most != 0 && bytes.size() > most && rules_.heeds_max_message_size) continue;
    Writer{tag}.u64(++tags_);
    const bool settled = link.attach.sender_settles == SenderSettles::settled;
    const DeliveryId delivery = c.engine->send(id, tag, bytes, settled);
    if (!settled) link.flights[delivery] = {next.key(), std::move(next.mapped())};
  }
  if (ready.empty() && c.engine->draining(id) && rules_.drains) c.engine->drained(id);
}

void QueueBroker::ended(Now now, ConnectionId id, Effects& effects) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  for (auto& [link_id, link] : found->second.links) give_back(link);
  connections_.erase(found);
  pump();
  flush(now, effects);
}

void QueueBroker::woken(Now now, Effects& effects) {
  for (auto& [id, c] : connections_) {
    if (!c.engine) continue;
    c.engine->woken(now.mono);
    talk(c);
  }
  flush(now, effects);
}

std::optional<Instant> QueueBroker::deadline() const {
  std::optional<Instant> first;
  for (const auto& [id, c] : connections_) {
    if (!c.engine) continue;
    if (const auto one = c.engine->deadline(); one && (!first || *one < *first)) first = one;
  }
  return first;
}

void QueueBroker::flush(Now now, Effects& effects) {
  for (auto each = connections_.begin(); each != connections_.end();) {
    Connection& c = each->second;
    if (c.engine) {
      talk(c);
      c.engine->output(now.mono, c.out);
    }
    if (!c.out.empty()) effects.send(each->first, std::exchange(c.out, {}));
    const bool over =
        c.stage == Stage::over || (c.engine && c.engine->finished() && rules_.ends_broken);
    if (!over) {
      ++each;
      continue;
    }
    for (auto& [link_id, link] : c.links) give_back(link);
    effects.close(each->first);
    each = connections_.erase(each);
  }
}

// ---- Messages: the header is the node's, what comes behind the annotations is nobody's to change.

bool QueueBroker::take(View bytes, Message& message) const {
  ValueReader reader{bytes};
  bool any = false;
  message.count = rules_.count_of_new;
  while (reader.left() > 0) {
    const std::size_t before = reader.left();
    const Value section = reader.next();
    if (section.kind == Kind::broken || !section.described) return false;
    if (section.descriptor < header_section || section.descriptor > footer_section) return false;
    const View whole = bytes.subspan(bytes.size() - before, before - reader.left());
    any = any || section.descriptor > message_annotations_section;
    if (section.descriptor == header_section) {
      const Fields fields{section};
      message.durable = encoded(fields[0]);
      message.priority = encoded(fields[1]);
      message.ttl = encoded(fields[2]);
      if (fields[4].kind == Kind::uint) message.count = static_cast<std::uint32_t>(fields[4].bits);
    } else if (section.descriptor == message_annotations_section) {
      if (rules_.keeps_annotations) append(message.annotations, whole);
    } else if (section.descriptor != delivery_annotations_section) {
      append(message.bare, whole);
    }
  }
  if (!rules_.keeps_body && !message.bare.empty()) message.bare.back() ^= 1;
  return any;
}

void QueueBroker::put(Bytes& out, const Message& message) const {
  ValueWriter header{out};
  header.descriptor(static_cast<std::uint8_t>(header_section));
  header.begin_list();
  for (const Bytes* field : {&message.durable, &message.priority, &message.ttl}) {
    if (field->empty())
      header.null();
    else
      header.encoded(*field);
  }
  header.boolean(message.count == 0);
  header.uint(message.count);
  header.end();
  append(out, message.annotations);
  append(out, message.bare);
}

}  // namespace hubproof::model::amqp
