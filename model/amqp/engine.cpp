#include "model/amqp/engine.hpp"

#include <proton/codec.h>
#include <proton/condition.h>
#include <proton/connection.h>
#include <proton/connection_driver.h>
#include <proton/delivery.h>
#include <proton/disposition.h>
#include <proton/event.h>
#include <proton/link.h>
#include <proton/session.h>
#include <proton/terminus.h>
#include <proton/transport.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>

#include "model/amqp/frames.hpp"

namespace hubproof::model::amqp {
namespace {

// Proton takes a time of 0 for none.
constexpr std::int64_t epoch = 1'000;
std::int64_t milliseconds(Instant at) {
  return epoch + std::chrono::floor<std::chrono::milliseconds>(at.time_since_epoch()).count();
}
Instant instant(std::int64_t proton) { return Instant{std::chrono::milliseconds{proton - epoch}}; }

// So much may wait for the peer's window on one session before nothing more is sent.
constexpr std::size_t most_waiting = 256 << 10;
// Of messages that have begun and not ended, all links of a connection together.
constexpr std::size_t most_partial = 4 << 20;

std::string text(const char* text) { return text == nullptr ? std::string{} : std::string{text}; }

Bytes encoded(pn_data_t* data) {
  if (data == nullptr || pn_data_size(data) == 0) return {};
  pn_data_rewind(data);
  const auto size = pn_data_encoded_size(data);
  if (size <= 0) return {};
  Bytes bytes(static_cast<std::size_t>(size));
  const auto written = pn_data_encode(data, reinterpret_cast<char*>(bytes.data()), bytes.size());
  if (written < 0) return {};
  bytes.resize(static_cast<std::size_t>(written));
  return bytes;
}

void decode(pn_data_t* data, View bytes) {
  pn_data_clear(data);
  if (!bytes.empty()) pn_data_decode(data, reinterpret_cast<const char*>(bytes.data()), bytes.size());
  pn_data_rewind(data);
}

Error error_of(pn_condition_t* condition) {
  if (!pn_condition_is_set(condition)) return {};
  return {text(pn_condition_get_name(condition)), text(pn_condition_get_description(condition)),
          encoded(pn_condition_info(condition))};
}

void set(pn_condition_t* condition, const Error& error) {
  if (error.condition.empty()) return;
  pn_condition_set_name(condition, error.condition.c_str());
  pn_condition_set_description(condition, error.description.c_str());
  if (!error.info.empty()) decode(pn_condition_info(condition), error.info);
}

Outcome outcome_of(std::uint64_t state) {
  switch (state) {
    case PN_ACCEPTED: return Outcome::accepted;
    case PN_REJECTED: return Outcome::rejected;
    case PN_RELEASED: return Outcome::released;
    case PN_MODIFIED: return Outcome::modified;
    default: return Outcome::none;
  }
}

std::uint64_t state_of(Outcome outcome) {
  constexpr std::array<std::uint64_t, 5> states{0, PN_ACCEPTED, PN_REJECTED, PN_RELEASED,
                                                PN_MODIFIED};
  return states[static_cast<std::size_t>(outcome)];
}

// Numbers in the place of Proton's context pointers.
template <class Id>
void* context(Id id) {
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(id));
}
template <class Id>
Id id_of(void* context) {
  return static_cast<Id>(static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(context)));
}

}  // namespace

struct Engine::Parts {
  struct Link {
    pn_link_t* link = nullptr;
    pn_session_t* session = nullptr;
    std::map<DeliveryId, pn_delivery_t*> deliveries;
    Bytes partial;              // the message that has begun to arrive
    bool too_large = false;     // and what is left of it is not kept
    std::uint32_t format = 0;   // its message-format
    std::uint32_t window = 0;   // deliveries that may be under way: see grant
    bool ours = false;          // attached by this end
    bool closing = false;       // detached here, not yet by the peer
  };

  explicit Parts(const Settings& which) : settings{which}, frames{which.client} {
    pn_connection_driver_init(&driver, nullptr, nullptr);
    pn_transport_t* transport = driver.transport;
    if (!settings.client) pn_transport_set_server(transport);
    pn_transport_require_auth(transport, false);
    pn_transport_set_max_frame(transport, Frames::max_frame);
    pn_transport_set_channel_max(transport, Frames::channel_max);
    // Proton announces half of what it is told.
    const auto idle = std::chrono::duration_cast<std::chrono::milliseconds>(settings.idle_timeout);
    pn_transport_set_idle_timeout(transport, static_cast<pn_millis_t>(2 * idle.count()));
    pn_connection_set_container(driver.connection, settings.container.c_str());
    if (!settings.hostname.empty())
      pn_connection_set_hostname(driver.connection, settings.hostname.c_str());
    pn_connection_driver_bind(&driver);
    if (settings.client) pn_connection_open(driver.connection);
  }
  ~Parts() { pn_connection_driver_destroy(&driver); }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  Link* find(LinkId id) {
    const auto found = links.find(id);
    return found == links.end() ? nullptr : &found->second;
  }
  Link* open_link(LinkId id) {
    Link* link = find(id);
    return link == nullptr || link->closing ? nullptr : link;
  }

  void feed(View bytes) {
    while (!bytes.empty()) {
      const auto pushed = pn_transport_push(
          driver.transport, reinterpret_cast<const char*>(bytes.data()), bytes.size());
      if (pushed <= 0) return;
      bytes = bytes.subspan(static_cast<std::size_t>(pushed));
    }
  }

  // Feeds the next whole frame; false: there is none.
  bool take_frame() {
    if (pending.empty()) return false;
    View bytes = View{pending}.subspan(taken);
    const View frame = pn_connection_driver_read_closed(&driver) ? View{} : frames.next(bytes);
    taken = pending.size() - bytes.size();
    if (const auto& problem = frames.problem()) fail(problem->condition, problem->description);
    if (!frame.empty()) {
      told_of_settling = false;
      feed(frame);
      return true;
    }
    pending.clear();  // what is left of a frame that has begun is with frames
    if (pending.capacity() > Frames::max_frame) Bytes{}.swap(pending);
    taken = 0;
    tick(heard);
    return false;
  }

  void fail(const char* condition, const std::string& description) {
    if (pn_transport_closed(driver.transport) || failed) return;
    failed = true;
    pn_condition_t* which = pn_transport_condition(driver.transport);
    pn_condition_set_name(which, condition);
    pn_condition_set_description(which, description.c_str());
    pn_transport_close_tail(driver.transport);  // gives the error event, and a close frame
  }

  // What Proton has to tell becomes events of ours. After each frame, so that a frame meets what
  // the one before it has done.
  void collect() {
    while (pn_event_t* event = pn_connection_driver_next_event(&driver)) on(event);
  }

  void on(pn_event_t* event) {
    switch (pn_event_type(event)) {
      case PN_CONNECTION_REMOTE_OPEN:
        if (!settings.client) pn_connection_open(driver.connection);
        events.emplace_back(Opened{text(pn_connection_remote_container(driver.connection)),
                                   text(pn_connection_remote_hostname(driver.connection))});
        break;
      case PN_CONNECTION_REMOTE_CLOSE:
        end_links(nullptr);
        events.emplace_back(Closed{error_of(pn_connection_remote_condition(driver.connection))});
        pn_connection_close(driver.connection);
        break;
      case PN_SESSION_REMOTE_OPEN: pn_session_open(pn_event_session(event)); break;
      case PN_SESSION_REMOTE_CLOSE: {
        pn_session_t* session = pn_event_session(event);
        end_links(session);
        pn_session_close(session);
        if (session == own_session) own_session = nullptr;
        pn_session_free(session);
        break;
      }
      case PN_LINK_REMOTE_OPEN: attached(pn_event_link(event)); break;
      case PN_LINK_FLOW: {
        const LinkId id = id_of<LinkId>(pn_link_get_context(pn_event_link(event)));
        if (open_link(id) != nullptr && pn_link_is_sender(pn_event_link(event)))
          events.emplace_back(Credited{id});
        break;
      }
      case PN_LINK_REMOTE_CLOSE:
      case PN_LINK_REMOTE_DETACH: {
        const LinkId id = id_of<LinkId>(pn_link_get_context(pn_event_link(event)));
        end_link(id, pn_event_type(event) == PN_LINK_REMOTE_CLOSE);
        break;
      }
      case PN_DELIVERY: delivery(pn_event_delivery(event)); break;
      case PN_TRANSPORT_ERROR:
        if (!told_broken) {
          told_broken = true;
          end_links(nullptr);
          events.emplace_back(Broken{error_of(pn_transport_condition(driver.transport))});
        }
        break;
      default: break;
    }
  }

  void attached(pn_link_t* link) {
    LinkId id = id_of<LinkId>(pn_link_get_context(link));
    Link* known = find(id);
    const bool answer = known != nullptr;
    if (known == nullptr) {
      id = LinkId{++last_link};
      known = &links[id];
      known->link = link;
      known->session = pn_link_session(link);
      pn_link_set_context(link, context(id));
    }
    Attach said;
    said.peer_sends = pn_link_is_receiver(link);
    said.name = text(pn_link_name(link));
    said.source = text(pn_terminus_get_address(pn_link_remote_source(link)));
    said.target = text(pn_terminus_get_address(pn_link_remote_target(link)));
    said.filter = encoded(pn_terminus_filter(pn_link_remote_source(link)));
    said.properties = encoded(pn_link_remote_properties(link));
    said.sender_settles = static_cast<SenderSettles>(pn_link_remote_snd_settle_mode(link));
    said.receiver_settles = static_cast<ReceiverSettles>(pn_link_remote_rcv_settle_mode(link));
    said.max_message_size = pn_link_remote_max_message_size(link);
    if (!known->closing) events.emplace_back(Attached{id, std::move(said), answer});
  }

  void delivery(pn_delivery_t* delivery) {
    pn_link_t* link = pn_delivery_link(delivery);
    const LinkId id = id_of<LinkId>(pn_link_get_context(link));
    Link* known = open_link(id);
    if (known == nullptr) return discard(delivery);
    if (pn_link_is_sender(link)) {
      const auto number = id_of<DeliveryId>(pn_delivery_get_context(delivery));
      if (!pn_delivery_updated(delivery) || !known->deliveries.contains(number)) return;
      const Outcome outcome = outcome_of(pn_delivery_remote_state(delivery));
      const bool settled = pn_delivery_settled(delivery);
      pn_delivery_clear(delivery);
      if (outcome == Outcome::none && !settled) return;
      Settled said{id, number, outcome, settled, !told_of_settling, {}};
      told_of_settling = true;
      if (outcome == Outcome::rejected)
        said.error = error_of(pn_disposition_condition(pn_delivery_remote(delivery)));
      events.emplace_back(std::move(said));
      return;
    }
    arrived(id, *known, delivery);
  }

  void arrived(LinkId id, Link& known, pn_delivery_t* delivery) {
    const auto number = id_of<DeliveryId>(pn_delivery_get_context(delivery));
    if (number != DeliveryId::none) {  // a word on one that is here
      if (!pn_delivery_settled(delivery) || !known.deliveries.contains(number)) return;
      pn_delivery_clear(delivery);
      Settled said{id, number, outcome_of(pn_delivery_remote_state(delivery)), true, true, {}};
      if (said.outcome == Outcome::rejected)
        said.error = error_of(pn_disposition_condition(pn_delivery_remote(delivery)));
      events.emplace_back(std::move(said));
      return;
    }
    if (delivery != pn_link_current(known.link)) return;
    // Proton counts the credit down, and lets a peer go on below nothing.
    if (pn_link_credit(known.link) <= 0) return over_limit(id, "more deliveries than credit");
    const std::size_t limit = settings.message_limit;
    while (pn_delivery_pending(delivery) > 0) {
      std::array<char, 4096> buffer;
      const auto got = pn_link_recv(known.link, buffer.data(), buffer.size());
      if (got <= 0) break;
      const auto size = static_cast<std::size_t>(got);
      if (known.too_large) continue;
      if (known.partial.empty()) known.format = frames.format();
      if (limit != 0 && known.partial.size() + size > limit) {
        drop_partial(known);
        known.too_large = true;
        continue;
      }
      known.partial.insert(known.partial.end(), buffer.data(), buffer.data() + size);
      partial += size;
    }
    if (partial > most_partial) {
      return fail("amqp:resource-limit-exceeded", "too many messages have begun and not ended");
    }
    // Also one that is too large is taken to its end: settling it before leaves what follows of it
    // in the session's window for ever.
    if (pn_delivery_aborted(delivery)) {
      drop_partial(known);
      known.too_large = false;
      pn_delivery_settle(delivery);
      return refill(known);
    }
    if (pn_delivery_partial(delivery)) return;
    Arrived event{id, DeliveryId{++last_delivery}, pn_delivery_settled(delivery), known.too_large,
                  known.format, std::move(known.partial)};
    partial -= event.message.size();
    known.partial = {};
    known.too_large = false;
    known.format = 0;
    pn_link_advance(known.link);
    pn_delivery_clear(delivery);
    pn_delivery_set_context(delivery, context(event.delivery));
    known.deliveries[event.delivery] = delivery;
    events.emplace_back(std::move(event));
  }

  void over_limit(LinkId id, const char* description) {
    end_locally(id, {"amqp:link:transfer-limit-exceeded", description});
    events.emplace_back(Detached{id, {"amqp:link:transfer-limit-exceeded", description}});
  }

  void drop_partial(Link& link) {
    partial -= link.partial.size();
    link.partial = {};
  }

  // A delivery of a link that is going.
  void discard(pn_delivery_t* delivery) {
    pn_link_t* link = pn_delivery_link(delivery);
    if (pn_link_is_sender(link) || delivery != pn_link_current(link)) return;
    std::array<char, 4096> buffer;
    while (pn_delivery_pending(delivery) > 0 && pn_link_recv(link, buffer.data(), buffer.size()) > 0)
      continue;
    if (!pn_delivery_partial(delivery)) pn_delivery_settle(delivery);
  }

  void refill(Link& link) {
    const auto under_way = static_cast<std::uint32_t>(link.deliveries.size());
    const int credit = pn_link_credit(link.link);
    const std::uint32_t left = credit > 0 ? static_cast<std::uint32_t>(credit) : 0;
    if (under_way + left > link.window - link.window / 4) return;  // not for every single one
    pn_link_flow(link.link, static_cast<int>(link.window - under_way - left));
  }

  void end_link(LinkId id, bool closed) {
    Link* known = find(id);
    if (known == nullptr) return;
    if (!known->closing)
      events.emplace_back(Detached{id, error_of(pn_link_remote_condition(known->link))});
    if (closed) pn_link_close(known->link);
    else pn_link_detach(known->link);
    free(id);
  }

  void free(LinkId id) {
    const auto found = links.find(id);
    drop_partial(found->second);
    pn_link_set_context(found->second.link, nullptr);
    pn_link_free(found->second.link);
    links.erase(found);
  }

  // Null: those of all sessions.
  void end_links(pn_session_t* session) {
    std::vector<LinkId> ended;
    for (const auto& [id, link] : links)
      if (session == nullptr || link.session == session) ended.push_back(id);
    for (const LinkId id : ended) {
      Link& link = links.at(id);
      if (!link.closing)
        events.emplace_back(Detached{id, error_of(pn_session_remote_condition(link.session))});
      free(id);
    }
  }

  void end_locally(LinkId id, const Error& error) {
    Link* known = open_link(id);
    if (known == nullptr) return;
    known->closing = true;
    drop_partial(*known);
    known->deliveries.clear();
    set(pn_link_condition(known->link), error);
    pn_link_close(known->link);
  }

  void tick(Instant now) {
    const std::int64_t due = pn_transport_tick(driver.transport, milliseconds(now));
    deadline.reset();
    if (due > 0) deadline = instant(due);
    collect();
  }

  Settings settings;
  pn_connection_driver_t driver{};
  Frames frames;
  std::array<std::uint8_t, 8> header{};
  std::size_t header_size = 0;
  std::map<LinkId, Link> links;
  std::deque<Event> events;
  pn_session_t* own_session = nullptr;
  Bytes pending;            // bytes of the stream that were not looked at
  std::size_t taken = 0;    // of them, from the front
  Instant heard{};          // when they came
  std::optional<Instant> deadline;
  std::size_t partial = 0;  // bytes
  std::uint32_t last_link = 0;
  std::uint32_t last_delivery = 0;
  bool failed = false;
  bool told_broken = false;
  bool told_of_settling = false;  // of the frame that came last
};

Engine::Engine(const Settings& settings) : parts_{std::make_unique<Parts>(settings)} {}
Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

void Engine::received(Instant now, View bytes) {
  Parts& p = *parts_;
  constexpr std::array<std::uint8_t, 8> expected{'A', 'M', 'Q', 'P', 0, 1, 0, 0};
  while (p.header_size < expected.size() && !bytes.empty()) {
    if (bytes.front() != expected[p.header_size])
      return p.fail("amqp:connection:framing-error", "not the header of AMQP 1.0");
    p.feed(bytes.first(1));
    ++p.header_size;
    bytes = bytes.subspan(1);
  }
  p.pending.insert(p.pending.end(), bytes.begin(), bytes.end());
  p.heard = now;
  if (p.deadline && now >= *p.deadline) p.tick(now);  // what was due before they came
}

void Engine::lost() {
  Parts& p = *parts_;
  p.told_broken = true;  // an end of the stream is no fault of the peer's protocol
  p.end_links(nullptr);
  pn_connection_driver_close(&p.driver);
  p.collect();
}

void Engine::woken(Instant now) { parts_->tick(now); }

std::optional<Instant> Engine::deadline() const { return parts_->deadline; }

std::optional<Event> Engine::next() {
  Parts& p = *parts_;
  p.collect();
  // The next frame only when all is done that the one before it brings about: so any split of the
  // stream, and any haste of the peer, comes to the same.
  while (p.events.empty() && p.take_frame()) p.collect();
  if (p.events.empty()) return std::nullopt;
  Event event = std::move(p.events.front());
  p.events.pop_front();
  return event;
}

void Engine::output(Instant now, Bytes& out) {
  Parts& p = *parts_;
  for (;;) {
    const auto pending = pn_transport_pending(p.driver.transport);
    if (pending <= 0) break;
    const char* head = pn_transport_head(p.driver.transport);
    out.insert(out.end(), head, head + pending);
    pn_transport_pop(p.driver.transport, static_cast<std::size_t>(pending));
  }
  p.tick(now);
}

bool Engine::finished() const {
  pn_transport_t* transport = parts_->driver.transport;
  return pn_transport_head_closed(transport);
}

LinkId Engine::attach(const Attach& attach) {
  Parts& p = *parts_;
  if (p.own_session == nullptr) {
    p.own_session = pn_session(p.driver.connection);
    pn_session_open(p.own_session);
  }
  pn_link_t* link = attach.peer_sends ? pn_receiver(p.own_session, attach.name.c_str())
                                      : pn_sender(p.own_session, attach.name.c_str());
  const LinkId id{++p.last_link};
  Parts::Link& known = p.links[id];
  known.link = link;
  known.session = p.own_session;
  known.ours = true;
  pn_link_set_context(link, context(id));
  if (attach.peer_sends || !attach.source.empty())
    pn_terminus_set_address(pn_link_source(link), attach.source.c_str());
  pn_terminus_set_type(pn_link_source(link), PN_SOURCE);
  pn_terminus_set_type(pn_link_target(link), PN_TARGET);
  if (!attach.target.empty()) pn_terminus_set_address(pn_link_target(link), attach.target.c_str());
  decode(pn_terminus_filter(pn_link_source(link)), attach.filter);
  decode(pn_link_properties(link), attach.properties);
  pn_link_set_snd_settle_mode(link, static_cast<pn_snd_settle_mode_t>(attach.sender_settles));
  pn_link_set_rcv_settle_mode(link, static_cast<pn_rcv_settle_mode_t>(attach.receiver_settles));
  pn_link_open(link);
  return id;
}

void Engine::accept(LinkId id, std::uint64_t max_message_size) {
  Parts::Link* known = parts_->open_link(id);
  if (known == nullptr) return;
  pn_link_t* link = known->link;
  pn_terminus_copy(pn_link_source(link), pn_link_remote_source(link));
  pn_terminus_copy(pn_link_target(link), pn_link_remote_target(link));
  if (max_message_size != 0) pn_link_set_max_message_size(link, max_message_size);
  pn_link_set_snd_settle_mode(link, pn_link_remote_snd_settle_mode(link));
  pn_link_set_rcv_settle_mode(link, pn_link_remote_rcv_settle_mode(link));
  pn_link_open(link);
}

void Engine::refuse(LinkId id, const Error& error) {
  Parts::Link* known = parts_->open_link(id);
  if (known == nullptr) return;
  pn_link_open(known->link);  // with no source and no target
  parts_->end_locally(id, error);
}

void Engine::detach(LinkId id, const Error& error) { parts_->end_locally(id, error); }

void Engine::end_session(LinkId of, const Error& error) {
  Parts& p = *parts_;
  const Parts::Link* known = p.open_link(of);
  if (known == nullptr) return;
  pn_session_t* session = known->session;
  if ((pn_session_state(session) & PN_LOCAL_CLOSED) != 0) return;
  set(pn_session_condition(session), error);
  pn_session_close(session);
  p.end_links(session);
}

void Engine::close(const Error& error) {
  Parts& p = *parts_;
  if ((pn_connection_state(p.driver.connection) & PN_LOCAL_CLOSED) != 0) return;
  if ((pn_connection_state(p.driver.connection) & PN_LOCAL_UNINIT) != 0)
    pn_connection_open(p.driver.connection);
  set(pn_connection_condition(p.driver.connection), error);
  pn_connection_close(p.driver.connection);
}

void Engine::grant(LinkId id, std::uint32_t credit) {
  Parts::Link* known = parts_->open_link(id);
  if (known == nullptr) return;
  known->window = credit;
  parts_->refill(*known);
}

void Engine::settle(LinkId id, DeliveryId which, Outcome outcome, const Error& error) {
  Parts::Link* known = parts_->open_link(id);
  if (known == nullptr) return;
  const auto found = known->deliveries.find(which);
  if (found == known->deliveries.end()) return;
  pn_delivery_t* delivery = found->second;
  known->deliveries.erase(found);
  if (outcome == Outcome::rejected)
    set(pn_disposition_condition(pn_delivery_local(delivery)), error);
  if (outcome != Outcome::none) pn_delivery_update(delivery, state_of(outcome));
  pn_delivery_settle(delivery);
  parts_->refill(*known);
}

void Engine::propose(LinkId id, DeliveryId which, Outcome outcome) {
  Parts::Link* known = parts_->open_link(id);
  if (known == nullptr) return;
  const auto found = known->deliveries.find(which);
  if (found != known->deliveries.end()) pn_delivery_update(found->second, state_of(outcome));
}

std::uint32_t Engine::credit(LinkId id) const {
  Parts::Link* known = parts_->open_link(id);
  if (known == nullptr || pn_session_outgoing_bytes(known->session) > most_waiting) return 0;
  const int credit = pn_link_credit(known->link);
  return credit > 0 ? static_cast<std::uint32_t>(credit) : 0;
}

bool Engine::draining(LinkId id) const {
  Parts::Link* known = parts_->open_link(id);
  return known != nullptr && pn_link_get_drain(known->link);
}

void Engine::drained(LinkId id) {
  if (Parts::Link* known = parts_->open_link(id)) pn_link_drained(known->link);
}

DeliveryId Engine::send(LinkId id, View tag, View message, bool settled) {
  Parts& p = *parts_;
  Parts::Link* known = p.open_link(id);
  if (known == nullptr) return DeliveryId::none;
  pn_delivery_t* delivery = pn_delivery(
      known->link, pn_dtag(reinterpret_cast<const char*>(tag.data()), tag.size()));
  const DeliveryId number{++p.last_delivery};
  pn_delivery_set_context(delivery, context(number));
  pn_link_send(known->link, reinterpret_cast<const char*>(message.data()), message.size());
  pn_link_advance(known->link);
  if (settled) pn_delivery_settle(delivery);
  else known->deliveries[number] = delivery;
  return number;
}

void Engine::forget(LinkId id, DeliveryId which, Outcome outcome, const Error& error) {
  Parts::Link* known = parts_->open_link(id);
  if (known == nullptr) return;
  const auto found = known->deliveries.find(which);
  if (found == known->deliveries.end()) return;
  pn_delivery_t* delivery = found->second;
  known->deliveries.erase(found);
  if (outcome == Outcome::rejected)
    set(pn_disposition_condition(pn_delivery_local(delivery)), error);
  if (outcome != Outcome::none) pn_delivery_update(delivery, state_of(outcome));
  pn_delivery_settle(delivery);
}

std::size_t Engine::unsettled(LinkId id) const {
  const Parts::Link* known = parts_->open_link(id);
  return known == nullptr ? 0 : known->deliveries.size();
}

}  // namespace hubproof::model::amqp
