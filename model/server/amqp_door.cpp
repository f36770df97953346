// Connections and links of the AMQP door, who may have them, and their ends. What comes and leaves
// on links is in amqp_deliveries.cpp.
#include "model/server/amqp_door.hpp"

#include <algorithm>
#include <utility>

#include "model/hub/token.hpp"
#include "model/server/amqp_errors.hpp"

namespace hubproof::model {
namespace {

using Kind = amqp::Address::Kind;

// A wall clock that is set by less moves no alarm: so much later may a token's expiry be seen.
constexpr Duration least_step = 50ms;
// For a peer that does not take what was said last.
constexpr Duration last_words = 10s;
constexpr std::uint32_t few = 100;  // questions and tokens under way on a link
constexpr std::string_view own_scheme = "amqps://";

Holder holder(ConnectionId id) { return static_cast<Holder>(id); }

amqp::Error stolen(const char* by) { return {"amqp:link:stolen", by}; }

std::string hub_name(std::string_view host) { return std::string{host.substr(0, host.find('.'))}; }

std::optional<std::int64_t> epoch_of(const Bytes& properties) {
  std::optional<std::int64_t> found;
  amqp::ValueReader reader{properties};
  amqp::each_pair(reader.next(), [&](const amqp::Value& key, const amqp::Value& value) {
    if (key.text() == "com.microsoft:epoch" && value.is_number()) found = value.number();
  });
  return found;
}

}  // namespace

AmqpDoor::AmqpDoor(const HubRules& rules, Hub& hub, const Gate& gate, std::string host, Came came)
    : rules_{&rules},
      hub_{&hub},
      gate_{&gate},
      throttle_{hub.throttle()},
      host_{std::move(host)},
      came_{std::move(came)} {}

void AmqpDoor::redirect_to(std::string host, std::uint16_t port) {
  redirect_host_ = std::move(host);
  redirect_port_ = port;
}

AmqpDoor::Connection* AmqpDoor::find(ConnectionId id) const {
  const auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : found->second.get();
}

void AmqpDoor::touch(Connection& c) {
  if (std::exchange(c.touched, true)) return;
  touched_.push_back(c.id);
}

// Connections.

void AmqpDoor::opened(Now now, ConnectionId id, std::optional<ClientCertificate> certificate,
                      Effects& effects, bool told) {
  Connection& c = *connections_.emplace(id, std::make_unique<Connection>()).first->second;
  c.id = id;
  c.since = now.mono;
  c.certificate = std::move(certificate);
  if (told) effects.saw(What::opened).connection = static_cast<std::uint32_t>(id);
  arm(now, c);
}

bool AmqpDoor::received(Now now, ConnectionId id, View bytes, Effects& effects) {
  Connection* const found = find(id);
  if (found == nullptr) return false;
  Connection& c = *found;
  touch(c);
  while (!bytes.empty() && !c.leaving) {
    switch (c.stage) {
      case Stage::header: {
        const std::size_t more = std::min(amqp::protocol_header - c.header.size(), bytes.size());
        c.header.insert(c.header.end(), bytes.begin(),
                        bytes.begin() + static_cast<std::ptrdiff_t>(more));
        bytes = bytes.subspan(more);
        if (c.header.size() == amqp::protocol_header) begin(now, c);
        break;
      }
      case Stage::login:
        c.sasl.received(bytes);
        if (c.sasl.login()) log_in(now, c);
        else if (c.sasl.broken()) leave(c, {}, Why::protocol);
        break;
      case Stage::talking:
        c.engine->received(now.mono, bytes);
        bytes = {};
        handle(now, c, effects);
        break;
    }
  }
  return true;
}

// Eight bytes are there: they say what follows.
void AmqpDoor::begin(Now now, Connection& c) {
  const amqp::Protocol which = amqp::protocol(c.header);
  const Bytes header = std::exchange(c.header, {});
  if (which == amqp::Protocol::sasl && !c.logged_in) {
    c.stage = Stage::login;
    return c.sasl.begin(c.said);
  }
  if (which != amqp::Protocol::amqp) {  // the answer to a header that is not ours is ours
    constexpr std::string_view ours{"AMQP\0\1\0\0", 8};
    c.said.insert(c.said.end(), ours.begin(), ours.end());
    return leave(c, {}, Why::protocol);
  }
  c.stage = Stage::talking;
  c.engine = std::make_unique<amqp::Engine>(
      amqp::Engine::Settings{false, host_, {}, rules_->amqp.idle, 4 * rules_->d2c_size_limit});
  c.engine->received(now.mono, header);
}

void AmqpDoor::log_in(Now now, Connection& c) {
  const amqp::SaslServer::Login& login = *c.sasl.login();
  bool welcome = login.mechanism != "PLAIN" || gate_->open();
  if (!welcome) {  // {device}@sas.{hub} or {policy}@sas.root.{hub} [AMQP-03]
    const std::string_view user = login.user;
    const std::string_view name = user.substr(0, user.find("@sas."));
    auto read = gate_->read(now, login.password);
    if (Grant* const grant = std::get_if<Grant>(&read)) {
      const std::string_view whose = grant->policy.empty() && grant->device != DeviceIndex::none
                                         ? std::string_view{hub_->device(grant->device).id}
                                         : std::string_view{grant->policy};
      welcome = name == whose;
      if (welcome) c.login = std::move(*grant);
    }
  }
  c.sasl.answer(welcome, c.said);
  c.logged_in = true;
  c.stage = Stage::header;
  if (!welcome) leave(c, {}, Why::not_allowed);
}

void AmqpDoor::leave(Connection& c, const amqp::Error& error, Why why) {
  if (c.leaving) return;
  c.leaving = true;
  c.why = why;
  if (c.engine) c.engine->close(error);
  touch(c);
}

bool AmqpDoor::ended(Now now, ConnectionId id, EndedBy by, Effects& effects) {
  Connection* const found = find(id);
  if (found == nullptr) return false;
  finish(now, *found, by, Why::unknown, effects);
  return true;
}

bool AmqpDoor::carry_out(Now now, const FaultOrders::Order& order, Effects& effects) {
  using Fault = FaultOrders::Kind;
  Connection* const c = find(order.connection);
  if (c == nullptr) return false;
  if (c->leaving || !c->engine) return true;
  const auto ours = [&](Use use) {
    const auto found = std::ranges::find_if(c->links, [&](const auto& one) {
      const DeviceIndex device = one.second.device;
      return one.second.use == use && (device == DeviceIndex::none || device == order.device);
    });
    return found == c->links.end() ? amqp::LinkId::none : found->first;
  };
  const auto kill = [&](Use use) {
    const amqp::LinkId link = ours(use);
    if (link == amqp::LinkId::none) return;
    detach(now, *c, link, {"amqp:link:detach-forced", order.reason}, Why::shutdown, effects);
  };
  switch (order.kind) {
    case Fault::shut_down: leave(*c, {}, Why::shutdown); break;
    case Fault::kill_connection:
      leave(*c, {"amqp:connection:forced", order.reason}, Why::shutdown);
      break;
    case Fault::kill_session:
      c->engine->end_session(ours(Use::telemetry), {"amqp:internal-error", order.reason});
      handle(now, *c, effects);
      break;
    case Fault::kill_token_link: kill(Use::tokens); break;
    case Fault::kill_answer_link: kill(Use::token_answers); break;
    case Fault::kill_telemetry_link: kill(Use::telemetry); break;
    case Fault::kill_command_link: kill(Use::commands); break;
    default: break;  // what refuses is not carried out here
  }
  touch(*c);
  return true;
}

// The one end of every connection.
void AmqpDoor::finish(Now now, Connection& c, EndedBy by, Why why, Effects& effects) {
  while (!c.links.empty()) gone(now, c, c.links.begin()->first, by, why, effects);
  if (throttle_ != nullptr) throttle_->forget(c.id, effects);
  Event& event = effects.saw(What::ended);
  event.connection = static_cast<std::uint32_t>(c.id);
  event.by = by;
  event.why = why;
  connections_.erase(c.id);
}

void AmqpDoor::flush(Now now, Effects& effects) {
  while (!touched_.empty()) {  // what leaves may bring about more
    flush_touched(now, effects);
    release(now, effects);
  }
}

void AmqpDoor::flush_touched(Now now, Effects& effects) {
  for (std::size_t i = 0; i < touched_.size(); ++i) {
    Connection* const found = find(touched_[i]);
    if (found == nullptr) continue;
    Connection& c = *found;
    for (bool more = true; more;) {
      out_.assign(c.said.begin(), c.said.end());
      c.said = {};
      if (c.engine) c.engine->output(now.mono, out_);
      more = !out_.empty();
      if (more) effects.send(c.id, out_);
      if (c.engine) handle(now, c, effects);
    }
    c.touched = false;
    const bool over = c.engine ? c.engine->finished() : c.leaving;
    if (over) {
      if (c.silent) effects.abort(c.id);
      else effects.close(c.id);
      finish(now, c, c.by, c.why, effects);
    } else {
      if (c.leaving && c.leaves_by == Instant{}) c.leaves_by = now.mono + last_words;
      arm(now, c);
    }
  }
  touched_.clear();
}

void AmqpDoor::handle(Now now, Connection& c, Effects& effects) {
  while (!c.held) {
    auto event = c.engine->next();
    if (!event) return;
    std::visit([&](auto& one) { on(now, c, one, effects); }, *event);
  }
}

// Every connection counts, as none says in its open whether devices are behind it [QUO-04].
void AmqpDoor::on(Now now, Connection& c, const amqp::Opened& event, Effects& effects) {
  c.opened = true;
  c.host = event.hostname;
  if (throttle_ == nullptr) return;
  const auto answer = throttle_->ask(now, {Limit::connections, c.id}, effects);
  if (answer.phase == Throttle::Phase::waits) {
    c.held = true;
    throttle_->wait([this, id = c.id](Now then, Error, Effects& more) { let_in(then, id, more); });
  } else if (answer.phase == Throttle::Phase::refused && !answer.acts) {
    leave(c, amqp_error(answer.error), Why::throttled);  // [QUO-12]
  }
}

void AmqpDoor::let_in(Now now, ConnectionId id, Effects& effects) {
  Connection* const c = find(id);
  if (c == nullptr) return;
  c->held = false;
  touch(*c);
  handle(now, *c, effects);
}

void AmqpDoor::on(Now, Connection& c, const amqp::Closed&, Effects&) {
  c.leaving = true;
  c.by = EndedBy::peer;
  c.why = Why::disconnect;
}

void AmqpDoor::on(Now, Connection& c, const amqp::Broken& event, Effects&) {
  c.leaving = true;
  c.silent = event.error.description == "local-idle-timeout expired";
  c.why = c.silent ? Why::keep_alive : Why::protocol;
}

// Links.

void AmqpDoor::on(Now now, Connection& c, const amqp::Attached& event, Effects& effects) {
  if (c.leaving) return;  // it was refused, and did not know it yet
  auto planned = plan(now, c, event.attach);
  if (const amqp::Error* error = std::get_if<amqp::Error>(&planned))
    return c.engine->refuse(event.link, *error);
  Link& link = std::get<Link>(planned);
  came(now, c, link, effects);
  if (c.leaving) return;
  const bool small = link.use == Use::tokens || link.use == Use::questions;
  const std::uint64_t largest = link.use == Use::telemetry      ? rules_->d2c_size_limit
                                : link.use == Use::device_bound ? rules_->c2d_size_limit
                                                                : 0;
  c.engine->accept(event.link, largest);
  if (link.peer_sends) c.engine->grant(event.link, small ? few : rules_->amqp.credit);
  if (link.use == Use::events || link.use == Use::feedback)
    readers_[{c.id, event.link}] = link.use;
  if (link.use == Use::events && link.epoch)
    owners_[{link.place, link.group}] = {c.id, event.link};
  c.links.emplace(event.link, std::move(link));
}

std::variant<AmqpDoor::Link, amqp::Error> AmqpDoor::plan(Now now, Connection& c,
                                                         const amqp::Attach& said) {
  const amqp::Address address = amqp::read_address(said.peer_sends ? said.target : said.source);
  Link link;
  link.peer_sends = said.peer_sends;
  link.name = said.name;
  link.reply_to = said.target;
  link.resource = address.resource;
  const auto fits = [&](bool peer_sends, Use use, Right need) {
    if (said.peer_sends != peer_sends) return false;
    link.use = use;
    link.need = need;
    return true;
  };
  const auto right = Right::service_connect;
  bool known = false;
  switch (address.kind) {
    case Kind::cbs:
      link.use = said.peer_sends ? Use::tokens : Use::token_answers;
      return link;  // whoever asks to be let in need not be in
    case Kind::management:
      known = fits(said.peer_sends, said.peer_sends ? Use::questions : Use::answers, right);
      break;
    case Kind::telemetry: known = fits(true, Use::telemetry, Right::device_connect); break;
    case Kind::commands: known = fits(false, Use::commands, Right::device_connect); break;
    case Kind::device_bound: known = fits(true, Use::device_bound, right); break;
    case Kind::feedback: known = fits(false, Use::feedback, right); break;
    case Kind::events: known = fits(false, Use::events, right); break;
    case Kind::events_elsewhere: known = fits(false, Use::none, right); break;
    case Kind::unknown: break;
  }
  if (!known)  // [ERR-19]
    return amqp::Error{"amqp:not-found", "no such address for a " +
                                             std::string{said.peer_sends ? "sender" : "receiver"} +
                                             ": " + (said.peer_sends ? said.target : said.source)};
  auto allowed = permit(now, c, link.resource, link.need);
  if (const Error* error = std::get_if<Error>(&allowed)) return amqp_error(*error);  // [AMQP-05]
  if (link.need == Right::device_connect) link.device = std::get<Grant>(allowed).device;
  if (address.kind == Kind::events_elsewhere) return redirect(c);  // [D2C-37]
  if (link.use == Use::events)
    if (auto error = start_reading(c, said, address, link); !error.condition.empty()) return error;
  return link;
}

amqp::Error AmqpDoor::redirect(const Connection& c) const {
  std::string host = redirect_host_;
  if (host.empty()) host = c.host.empty() ? host_ : c.host;
  const std::string port = std::to_string(redirect_port_);
  amqp::Error error{"amqp:link:redirect", "telemetry is read at the Event Hubs-compatible endpoint"};
  amqp::ValueWriter info{error.info};
  info.begin_map();
  info.string("hostname");
  info.string(host);
  info.string("network-host");
  info.string(host);
  info.string("port");
  info.uint(redirect_port_);
  info.string("address");
  info.string(std::string{own_scheme} + host + ":" + port + "/" + hub_name(host) + "/$management");
  info.end();
  return error;
}

std::optional<std::uint32_t> AmqpDoor::place_of(const Connection& c, std::string_view entity,
                                                std::uint32_t partition) const {
  // On loopback it is localhost, or 127: the first label of an address.
  const bool own = rules_->routing.endpoints.empty() || entity == hub_name(host_) || entity == hub_name(c.host) ||
                   entity == "localhost" || std::ranges::all_of(entity, [](char x) { return x >= '0' && x <= '9'; });
  return hub_->place(own ? builtin_endpoint : entity, partition);
}

// Where the reader begins, and whether it may: a reader with an epoch owns its partition and group
// until one with the same or a later epoch comes.
amqp::Error AmqpDoor::start_reading(const Connection& c, const amqp::Attach& said, const amqp::Address& address,
                                    Link& link) {
  const auto place = place_of(c, address.entity, address.partition);
  if (!place)
    return {"amqp:not-found", "partition " + std::to_string(address.partition) + " of " + address.entity +
                                  "; the hub's own name and each endpoint have " + std::to_string(rules_->partitions)};
  link.group = address.group;
  link.place = *place;
  amqp::Start start;
  start.latest = said.filter.empty();
  amqp::ValueReader reader{said.filter};
  bool understood = true;
  amqp::each_pair(reader.next(), [&](const amqp::Value& key, const amqp::Value& value) {
    if (key.text() != "apache.org:selector-filter:string") return;
    const auto read = amqp::read_selector(value.text());
    understood = read.has_value();
    if (read) start = *read;
  });
  if (!understood)
    return {"amqp:not-implemented",
            "a selector of x-opt-offset, x-opt-sequence-number or x-opt-enqueued-time is possible"};
  const std::uint64_t first = hub_->first_of(link.place, start.latest, [&](const EventPlace& event) {
    using By = amqp::Start::By;
    const std::int64_t value =
        start.by == By::offset     ? static_cast<std::int64_t>(event.offset)
        : start.by == By::sequence ? static_cast<std::int64_t>(event.sequence)
                                   : std::chrono::floor<std::chrono::milliseconds>(
                                         event.enqueued.time_since_epoch())
                                         .count();
    return rules_->amqp.passes(value, start.value, start.inclusive);
  });
  link.next = rules_->starts_reading_at(first, hub_->newest(link.place));
  link.epoch = epoch_of(said.properties);
  const auto owner = owners_.find({link.place, link.group});
  if (owner == owners_.end()) return {};
  Connection& other = *find(owner->second.first);
  const std::int64_t held = *other.links.at(owner->second.second).epoch;
  if (!link.epoch || *link.epoch < held)
    return stolen("a reader with a later epoch has this partition");
  const amqp::LinkId id = owner->second.second;
  owners_.erase(owner);
  readers_.erase({other.id, id});
  other.links.erase(id);
  other.engine->detach(id, stolen("a reader with the same or a later epoch came"));
  touch(other);
  return {};
}

std::variant<Grant, Error> AmqpDoor::permit(Now now, const Connection& c, std::string_view resource,
                                            Right need) const {
  Error best = Error::unauthorized;
  const auto tries = [&](const Grant& grant) -> std::optional<Grant> {
    // The address of questions names no hub: a token for any place within the hub's will do.
    const std::string place{resource == "$management" ? std::string_view{grant.scope} : resource};
    Grant used = grant;
    Error error = gate_->use(used, place, need);
    if (error == Error::unauthorized) return std::nullopt;  // it never was for this
    if (const auto over = gate_->ended(now, grant)) error = *over;
    if (error == Error::none) return used;
    if (error != Error::unauthorized) best = error;
    return std::nullopt;
  };
  if (gate_->open()) return gate_->allow(now, {}, resource, need);
  if (c.login)
    if (auto grant = tries(*c.login)) return *grant;
  for (const Pass& pass : c.passes)
    if (auto grant = tries(pass.grant)) return *grant;
  if (c.certificate && need == Right::device_connect) {  // and no token [SEC-20]
    std::string_view device = resource.substr(std::min(resource.size(), resource.find('/') + 1));
    device = device.substr(0, device.find('/'));
    return gate_->allow(now, *c.certificate, device);
  }
  return best;
}

// A device's newer connection, and its newer link of one kind, end the older [AMQP-13, OPEN-17].
void AmqpDoor::came(Now now, Connection& c, const Link& link, Effects& effects) {
  if (link.device == DeviceIndex::none) return;
  const auto at = where_.find(link.device);
  if (at != where_.end() && at->second != c.id && rules_->amqp.newest_link_wins)
    drop_device(now, *find(at->second), link.device, stolen("a newer connection of this device"),
                Why::takeover, effects);
  std::vector<amqp::LinkId> older;
  for (const auto& [id, other] : c.links)
    if (other.device == link.device && other.use == link.use) older.push_back(id);
  if (rules_->amqp.newest_link_wins)
    for (const amqp::LinkId id : older)
      detach(now, c, id, stolen("a newer link of this device"), Why::takeover, effects);
  where_[link.device] = c.id;
  if (++c.devices[link.device] > 1) return;
  came_(now, link.device, effects);
  hub_->connection(now, link.device, true);
  tell_accepted(now, c, link, effects);
}

// Also when a token is renewed: from then on its links live as long as the new one.
void AmqpDoor::tell_accepted(Now now, const Connection& c, const Link& link, Effects& effects) const {
  const DeviceInfo& device = hub_->device(link.device);
  Event& event = effects.saw(What::accepted);
  event.connection = static_cast<std::uint32_t>(c.id);
  event.device = device.node;
  event.generation = device.generation;
  event.flags = flag_link;
  event.expiry = expiry_of(now, c, link);
}

// Until when the token is good that lets the link live; no date: nobody asks, or another may stand in.
std::int64_t AmqpDoor::expiry_of(Now now, const Connection& c, const Link& link) const {
  if (gate_->open()) return no_date;
  const Grant* only = nullptr;
  std::size_t good = 0;
  const auto consider = [&](const Grant& grant) {
    Grant tried = grant;
    if (gate_->ended(now, grant) || gate_->use(tried, link.resource, link.need) != Error::none) return;
    only = &grant;
    ++good;
  };
  if (c.login) consider(*c.login);
  for (const Pass& pass : c.passes) consider(pass.grant);
  return good == 1 ? only->until.time_since_epoch().count() : no_date;
}

// The one end of every link.
void AmqpDoor::gone(Now now, Connection& c, amqp::LinkId id, EndedBy by, Why why,
                    Effects& effects) {
  const auto node = c.links.extract(id);
  if (node.empty()) return;
  const Link& link = node.mapped();
  readers_.erase({c.id, id});
  if (link.use == Use::events && link.epoch) {
    const auto owner = owners_.find({link.place, link.group});
    if (owner != owners_.end() && owner->second == std::pair{c.id, id}) owners_.erase(owner);
  }
  if (link.use == Use::feedback)
    for (const Flight& flight : link.flights)
      hub_->give_back_feedback(now, static_cast<std::uint64_t>(flight.token), effects);
  if (link.device == DeviceIndex::none) return;
  if (!rules_->amqp.flights_return)
    for (const Flight& flight : link.flights)
      hub_->settle(now, link.device, flight.token, Settle::complete, effects);
  if (link.use == Use::commands && rules_->amqp.locks_end_with_link)
    hub_->released(now, link.device, holder(c.id), effects);
  const auto count = c.devices.find(link.device);
  const bool last = --count->second == 0;
  Event event;
  event.what = What::ended;
  event.connection = static_cast<std::uint32_t>(c.id);
  event.device = hub_->device(link.device).node;
  event.flags = flag_link;
  event.by = by;
  event.why = why;
  // Its locks have ended, also when another link of the device stays.
  if (last || link.use == Use::commands) effects.saw(What::ended) = event;
  if (!last) return;
  c.devices.erase(count);
  const auto at = where_.find(link.device);
  if (at == where_.end() || at->second != c.id) return;
  where_.erase(at);
  hub_->connection(now, link.device, false);
}

void AmqpDoor::on(Now now, Connection& c, const amqp::Detached& event, Effects& effects) {
  gone(now, c, event.link, EndedBy::peer, Why::disconnect, effects);
}

void AmqpDoor::detach(Now now, Connection& c, amqp::LinkId id, const amqp::Error& error, Why why,
                      Effects& effects) {
  c.engine->detach(id, error);
  gone(now, c, id, EndedBy::local, why, effects);
  touch(c);
}

void AmqpDoor::drop_device(Now now, Connection& c, DeviceIndex device, const amqp::Error& error,
                           Why why, Effects& effects) {
  std::vector<amqp::LinkId> its;
  for (const auto& [id, link] : c.links)
    if (link.device == device) its.push_back(id);
  for (const amqp::LinkId id : its) detach(now, c, id, error, why, effects);
  // A connection that had nobody else is not kept: its peer would believe itself connected.
  const bool others = std::ranges::any_of(c.links, [](const auto& one) {
    return one.second.use != Use::tokens && one.second.use != Use::token_answers;
  });
  if (!others && why == Why::takeover)
    leave(c, {"amqp:connection:forced", error.description}, why);
}

void AmqpDoor::device_gone(Now now, DeviceIndex device, Effects& effects) {  // [AMQP-30]
  const auto at = where_.find(device);
  if (at == where_.end()) return;
  drop_device(now, *find(at->second), device, amqp_error(Error::device_not_found),
              Why::device_gone, effects);
}

void AmqpDoor::device_taken(Now now, DeviceIndex device, Effects& effects) {
  const auto at = where_.find(device);
  if (at == where_.end() || !rules_->amqp.newest_link_wins) return;
  drop_device(now, *find(at->second), device, stolen("this device came in by another door"),
              Why::takeover, effects);
}

void AmqpDoor::credentials_changed(Now now, DeviceIndex device, Effects& effects) {
  const auto at = where_.find(device);
  if (at != where_.end()) check_credentials(now, *find(at->second), effects);
}

// Links whose right is over are detached; the connection of SASL PLAIN ends with its token [AMQP-11].
void AmqpDoor::check_credentials(Now now, Connection& c, Effects& effects) {
  if (gate_->open() || c.leaving) return;
  if (c.login && gate_->ended(now, *c.login))
    return leave(c, amqp_error(Error::unauthorized), Why::credentials);
  std::erase_if(c.passes, [&](const Pass& pass) { return gate_->ended(now, pass.grant); });
  std::vector<std::pair<amqp::LinkId, Error>> over;
  for (const auto& [id, link] : c.links) {
    if (link.use == Use::tokens || link.use == Use::token_answers) continue;
    const auto allowed = permit(now, c, link.resource, link.need);
    if (const Error* error = std::get_if<Error>(&allowed)) over.emplace_back(id, *error);
  }
  for (const auto& [id, error] : over)
    detach(now, c, id, amqp_error(error), Why::credentials, effects);
}

// Time.

std::optional<Date> AmqpDoor::first_expiry(const Connection& c) const {
  std::optional<Date> first;
  const auto consider = [&](const Grant& grant) {
    const auto date = gate_->expires(grant);
    if (date && (!first || *date < *first)) first = date;
  };
  if (gate_->open()) return first;
  if (c.login) consider(*c.login);
  for (const Pass& pass : c.passes) consider(pass.grant);
  return first;
}

void AmqpDoor::arm(Now now, Connection& c) {
  Instant due = Instant::max();
  if (!c.opened) due = c.since + rules_->connect_deadline;
  if (c.leaving) due = std::min(due, c.leaves_by);
  if (c.engine)
    if (const auto at = c.engine->deadline()) due = std::min(due, *at);
  if (const auto expiry = first_expiry(c)) {
    if (wall_minus_mono_ == Duration{})
      wall_minus_mono_ = now.wall.time_since_epoch() - now.mono.time_since_epoch();
    due = std::min(due, std::max(now.when(*expiry), now.mono + Duration{1}));
  }
  if (due == Instant::max() || (c.armed != Instant{} && c.armed <= due)) return;
  // The dead leave their alarms behind; when they are the most, they are swept out.
  if (alarms_.size() > 4 * connections_.size() + 64) {
    std::erase_if(alarms_, [&](const Alarm& one) {
      const Connection* const known = find(one.id);
      return known == nullptr || known->armed != one.due;
    });
    std::ranges::make_heap(alarms_, std::greater{});
  }
  c.armed = due;
  alarms_.push_back({due, c.id});
  std::ranges::push_heap(alarms_, std::greater{});
}

void AmqpDoor::woken(Now now, Effects& effects) {
  const Duration offset = now.wall.time_since_epoch() - now.mono.time_since_epoch();
  if (wall_minus_mono_ != Duration{} && std::chrono::abs(offset - wall_minus_mono_) >= least_step) {
    wall_minus_mono_ = offset;
    for (const auto& [id, c] : connections_) arm(now, *c);
  }
  while (!alarms_.empty() && alarms_.front().due <= now.mono) {
    std::ranges::pop_heap(alarms_, std::greater{});
    const Alarm due = alarms_.back();
    alarms_.pop_back();
    Connection* const found = find(due.id);
    if (found == nullptr || found->armed != due.due) continue;
    Connection& c = *found;
    c.armed = Instant{};
    const bool late = !c.opened && now.mono >= c.since + rules_->connect_deadline;
    if (late || (c.leaving && now.mono >= c.leaves_by)) {
      effects.abort(c.id);
      finish(now, c, EndedBy::local, c.leaving ? c.why : Why::no_connect, effects);
      continue;
    }
    touch(c);
    if (const auto expiry = first_expiry(c); expiry && now.wall >= *expiry)
      check_credentials(now, c, effects);
    if (!c.engine) continue;
    c.engine->woken(now.mono);
    handle(now, c, effects);
  }
}

}  // namespace hubproof::model
