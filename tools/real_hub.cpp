#include "tools/real_hub.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <charconv>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <unordered_set>

#include "model/hub/segments.hpp"
#include "tools/asio_port.hpp"
#include "tools/control.hpp"
#include "tools/control_history.hpp"
#include "tools/endpoint.hpp"
#include "tools/lab_api.hpp"
#include "tools/live_faults.hpp"
#include "tools/real_disk.hpp"

namespace hubproof::tools {
namespace {

using boost::asio::ip::tcp;

// A disk that falls behind by so much holds its senders back; a peer that reads too slowly is cut.
constexpr std::size_t most_backlog = 16u << 20;
// How soon after somebody set the wall clock the machine looks at it again.
constexpr model::Duration longest_sleep = std::chrono::seconds{1};
// The system's clock may be slewed by so much before the history tells of it.
constexpr model::Duration clock_noise = std::chrono::milliseconds{5};
// Participants of the history; devices follow.
constexpr model::NodeIndex hub_node{0};
constexpr model::NodeIndex service_node{1};
// Kinds of failed handshakes that are told of.
constexpr std::size_t most_failures = 20;
// Of one connection held up by faults, before no more is read of it.
constexpr std::size_t most_held_up = 64u << 10;
// A hub that a fault of its store has halted starts again after this, as a scenario's does.
constexpr model::Duration restart_after = std::chrono::seconds{1};
// For what is in flight when the hub is drained.
constexpr model::Duration longest_drain = std::chrono::seconds{30};
// Deliveries whose settling the history can name; beyond it they are forgotten all at once.
constexpr std::size_t most_handed_over = 100'000;
// Faults that are kept in mind.
constexpr std::size_t most_faults = 10'000;
// For what was said last to reach the peers.
constexpr std::chrono::seconds last_words{1};

std::uint32_t draw(void* generator, model::ChanceSite, std::uint32_t bound) {
  return std::uniform_int_distribution<std::uint32_t>{0, bound - 1}(
      *static_cast<std::random_device*>(generator));
}

std::optional<boost::asio::ip::address> address(const std::string& host) {
  if (host == "localhost") return boost::asio::ip::address_v4::loopback();
  boost::system::error_code error;
  const auto found = boost::asio::ip::make_address(host, error);
  if (error) return {};
  return found;
}

model::Door model_door(RealHub::Door door) {
  switch (door) {
    case RealHub::Door::mqtt: return model::Door::mqtt;
    case RealHub::Door::amqp: return model::Door::amqp;
    case RealHub::Door::http: return model::Door::http;
    case RealHub::Door::control: break;  // no door of the machine's: it is never asked
  }
  return model::Door::http;
}

void allow_many_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

std::optional<HostPort> host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return {};
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return {};
  }
  HostPort found{std::string{host}, 0};
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), found.port);
  if (host.empty() || error != std::errc{} || end != port.data() + port.size()) return {};
  return found;
}

bool is_loopback(const HostPort& where) {
  const auto found = address(where.host);
  return found && found->is_loopback();
}

struct RealHub::Parts final : PortUser {
  using Direction = LiveFaults::Direction;

  Parts(const model::Rules& which, Settings settings_)
      : rules{which},
        settings{std::move(settings_)},
        faults{settings.seed},
        port{context, *this},
        control{{[this] { return now(); },
                 [this](const model::Request& request, Control::Answer answer) {
                   ask_as_service(request, std::move(answer));
                 },
                 [this](model::ConnectionId to, model::View bytes) { port.send(to, bytes); },
                 [this](model::ConnectionId ended_one) {
                   controls.erase(ended_one);
                   port.close(ended_one);
                 },
                 [this](std::function<void()> work) { boost::asio::post(context, work); },
                 [this](const LabRequest& request) { return lab(request); }}},
        signals{context},
        began{RealNet::now().mono} {
    history.terms = settings.terms ? *settings.terms : model::terms(which);
    history.participants = {{"hub", model::Role::hub}, {"control", model::Role::service}};
    be_born();
  }

  // The hub's own clock: the system's, as far as nobody has moved it.
  model::Now now() const {
    const model::Now real = RealNet::now();
    return {real.mono + leapt, real.wall + leapt + stepped};
  }

  void be_born() {
    server.emplace(rules, model::Chance{draw, &generator});
    server->name_devices([this](std::string_view id) { return index_of(id); });
    if (settings.on_event) server->name_topics([this](std::string_view topic) { return note_of(topic); });
    if (amqp_port != 0) server->redirect_readers({}, amqp_port);
    if (settings.on_event)
      server->tell_of_requests([this](const model::Request& request) { return witness(request); });
    if (settings.fault_properties)
      server->honour_fault_properties([this](std::string_view, const std::string& what, bool begins) {
        remark((begins ? "fault: " : "a device asks for a fault: ") + what);
        if (begins) note(model::What::fault_begins, what);
      });
  }

  // The loop's calls.
  void accepted(model::ConnectionId connection, std::size_t door) override {
    if (static_cast<Door>(door) == Door::control) {
      controls.insert(connection);
      control.opened(connection);
      return;
    }
    if (!server || starting || draining || faults.refuses()) return port.abort(connection);
    wires[connection];
    server->opened(now(), connection, model_door(static_cast<Door>(door)), effects,
                   port.certificate(connection));
    done();
  }
  // Why a handshake failed is said to whoever runs the hub, once: clients say little of it.
  void not_accepted(std::size_t, const std::string& why) override {
    if (!settings.on_remark || told_failures.size() >= most_failures || !told_failures.insert(why).second) return;
    std::string what = "a client was not let in: " + why;
    if (why.find("unknown ca") != std::string::npos || why.find("certificate unknown") != std::string::npos ||
        why.find("bad certificate") != std::string::npos)
      what += "; it does not trust this hub: give it the authority's file, ca.pem";
    if (why.find("http request") != std::string::npos || why.find("wrong version number") != std::string::npos)
      what += "; it speaks no TLS: this is a door with TLS";
    settings.on_remark(what);
  }
  void connected(model::ConnectionId) override {}  // a hub waits to be called
  void refused(model::ConnectionId) override {}
  void received(model::ConnectionId connection, model::View bytes) override {
    if (controls.contains(connection)) return control.received(connection, bytes);
    if (!server) return;
    if (disturbed()) return hold_up(connection, Direction::to_hub, bytes);
    server->received(now(), connection, bytes, effects);
    done();
  }
  void ended(model::ConnectionId connection, model::EndedBy by) override {
    if (controls.erase(connection) > 0) return control.ended(connection);
    if (const auto found = wires.find(connection); found != wires.end()) {
      Wire& wire = found->second;
      if (by == model::EndedBy::peer && !wire.to_hub.empty())  // its end comes behind its last bytes
        return wire.to_hub.push_back({{}, wire.to_hub.back().leaves, by});
      const bool silent = wire.silent;
      forget(found);
      if (silent) return;  // nobody hears of it
    }
    if (!server) return;
    server->ended(now(), connection, by, effects);
    done();
  }
  void woken() override {
    const model::Instant real = RealNet::now().mono;
    next_look = real + longest_sleep;
    control.woken();
    if (clock_was_set()) tell_clock();
    if (up_at && real >= *up_at && !faults.down()) come_up();
    act();
    if (server) server->woken(now(), effects);
    done();
  }
  void synced(model::Ticket ticket, bool ok) {
    if (!faults.any_on() && syncs.empty()) return stored(ticket, ok);
    const LiveFaults::Sync sync = faults.syncs(RealNet::now().mono);
    store_is_troubled = store_is_troubled || sync.fails || faults.syncs_wait();
    syncs.push_back({ticket, ok && !sync.fails, sync.answered});
    answer_syncs();
    rest();
  }
  void stored(model::Ticket ticket, bool ok) {
    if (!server) return;
    server->stored(now(), ticket, ok, effects);
    done();
  }
  // A hub that is down answers nobody.
  void ask(const model::Request& request, model::Server::Answer answer) {
    if (!server) return answer(model::Failed{model::Error::timed_out});
    if (starting) return early.emplace_back(request, std::move(answer)), void();
    const std::uint64_t number = ++asked;
    waiting_answers[number] = std::move(answer);
    const auto reply = [this, number](const model::Response& response) {
      const auto found = waiting_answers.extract(number);
      if (!found.empty()) found.mapped()(response);
    };
    server->request(now(), request, reply, effects);
    done();
  }

  // The control door's caller is a service, and tells what a service tells.
  void ask_as_service(const model::Request& request, Control::Answer answer) {
    if (!settings.on_event) return ask(request, std::move(answer));
    ask(request, [told = witness(request), answer = std::move(answer)](const model::Response& response) {
      told(response);
      answer(response);
    });
  }
  // Tells of a service's request, and gives what is to be told of the answer.
  std::function<void(const model::Response&)> witness(const model::Request& request) {
    const auto name = [this](std::string_view id) { return index_of(id); };
    model::MessageKey settled{};
    if (const auto* settle = std::get_if<model::SettleCommand>(&request))
      if (const auto at = handed_over.find({index_of(settle->device), settle->token}); at != handed_over.end())
        settled = at->second;
    const auto tell = [this, request, settled](std::vector<model::Event> events) {
      name_endpoint(history.terms, request, events);
      if (std::holds_alternative<model::SettleCommand>(request))
        for (model::Event& event : events) event.message = settled;
      record(service_node, std::move(events));
    };
    tell(events_of(request, name));
    return [tell, name, request](const model::Response& response) { tell(events_of(request, response, name)); };
  }

  // Faults.

  // Something of a connection that waits, bytes or its end.
  struct Held {
    model::Bytes bytes;
    model::Instant leaves{};
    std::optional<model::EndedBy> end{};
  };
  struct Wire {  // a connection of a door
    std::string device;  // who it said it is; empty: nobody knows
    std::deque<Held> to_hub;
    std::deque<Held> to_device;
    std::size_t bytes_to_hub = 0;
    bool held = false;     // no more is read of it
    bool silent = false;   // neither end hears the other, for ever
    bool closing = false;  // when what waits has left
  };
  using Wires = std::map<model::ConnectionId, Wire>;

  bool disturbed() const { return faults.any_on() || !held_up.empty() || silent_ones > 0; }

  void forget(Wires::iterator at) {
    if (at->second.silent) --silent_ones;
    held_up.erase(at->first);
    wires.erase(at);
  }

  void hold_up(model::ConnectionId connection, Direction direction, model::View bytes) {
    const auto found = wires.find(connection);
    if (found == wires.end() || found->second.silent) return;
    Wire& wire = found->second;
    const LiveFaults::Passage passage =
        faults.passes(RealNet::now().mono, direction, wire.device, bytes.size());
    if (passage.lost) return;
    Held held{{bytes.begin(), bytes.end()}, passage.leaves};
    if (passage.flipped) held.bytes[*passage.flipped / 8] ^= static_cast<std::uint8_t>(1U << *passage.flipped % 8);
    auto& queue = direction == Direction::to_hub ? wire.to_hub : wire.to_device;
    if (!queue.empty()) held.leaves = std::max(held.leaves, queue.back().leaves);
    queue.push_back(std::move(held));
    held_up.insert(connection);
    if (direction == Direction::to_hub && (wire.bytes_to_hub += bytes.size()) > most_held_up && !wire.held)
      port.hold(connection, wire.held = true);
    if (direction == Direction::to_hub) move_to_hub(connection);
    else move_to_device(connection);
    rest();
  }

  void move_to_hub(model::ConnectionId connection) {
    for (;;) {  // what the hub does with them may end the connection
      const auto found = wires.find(connection);
      if (found == wires.end() || !server) return;
      Wire& wire = found->second;
      if (wire.to_hub.empty() || wire.to_hub.front().leaves > RealNet::now().mono ||
          faults.blocked(Direction::to_hub, wire.device)) {
        if (wire.held && !wire.silent && !draining && wire.bytes_to_hub <= most_held_up / 2)
          port.hold(connection, wire.held = false);
        return settle_wire(found);
      }
      const Held held = std::move(wire.to_hub.front());
      wire.to_hub.pop_front();
      wire.bytes_to_hub -= held.bytes.size();
      if (held.end) {
        forget(found);
        server->ended(now(), connection, *held.end, effects);
      } else {
        server->received(now(), connection, held.bytes, effects);
      }
      done();
    }
  }

  void move_to_device(model::ConnectionId connection) {
    const auto found = wires.find(connection);
    if (found == wires.end()) return;
    Wire& wire = found->second;
    while (!wire.to_device.empty() && wire.to_device.front().leaves <= RealNet::now().mono &&
           !faults.blocked(Direction::to_device, wire.device)) {
      port.send(connection, wire.to_device.front().bytes);
      wire.to_device.pop_front();
    }
    if (wire.to_device.empty() && wire.closing) {
      port.close(connection);
      return forget(found);
    }
    settle_wire(found);
  }

  void settle_wire(Wires::iterator at) {
    if (at->second.to_hub.empty() && at->second.to_device.empty()) held_up.erase(at->first);
  }

  void move_all() {
    for (const model::ConnectionId connection : std::set{held_up}) {
      move_to_hub(connection);
      move_to_device(connection);
    }
  }

  void answer_syncs() {
    while (!syncs.empty() && !faults.syncs_wait() && syncs.front().answered <= RealNet::now().mono) {
      const HeldSync sync = syncs.front();
      syncs.pop_front();
      stored(sync.ticket, sync.ok);
    }
  }

  // What is due of the faults, and what they held up.
  void act() {
    using Kind = LiveFaults::Act::Kind;
    while (const auto due = faults.due(RealNet::now().mono)) {
      switch (due->kind) {
        case Kind::begins:
          remark("fault: " + faults.text(due->fault));
          note(model::What::fault_begins, faults.text(due->fault));
          break;
        case Kind::ends:
          remark("over: " + faults.text(due->fault));
          note(model::What::fault_ends, faults.text(due->fault));
          break;
        case Kind::healed:
          remark("all faults are over");
          tell(hub_node, model::What::healed);
          break;
        case Kind::reset:
          for (const model::ConnectionId connection : covered(due->fault)) cut(connection);
          break;
        case Kind::silence:
          for (const model::ConnectionId connection : covered(due->fault)) silence(connection);
          break;
        case Kind::down: go_down(); break;
        case Kind::up: come_up(); break;
        case Kind::clock:
          stepped += faults.fault(due->fault).amount;
          clock_moved();
          break;
        case Kind::news: break;
      }
    }
    move_all();
    answer_syncs();
    rest();
  }

  std::vector<model::ConnectionId> covered(std::size_t fault) const {
    std::vector<model::ConnectionId> all;
    for (const auto& [connection, wire] : wires)
      if (!wire.silent && faults.covers(fault, wire.device)) all.push_back(connection);
    return all;
  }

  void cut(model::ConnectionId connection) {
    const auto found = wires.find(connection);
    if (found == wires.end()) return;
    forget(found);
    port.abort(connection);
    if (!server) return;
    server->ended(now(), connection, model::EndedBy::reset, effects);
    done();
  }

  void silence(model::ConnectionId connection) {
    const auto found = wires.find(connection);
    if (found == wires.end()) return;
    Wire& wire = found->second;
    wire.silent = wire.held = true;
    ++silent_ones;
    port.hold(connection, true);
    wire.to_hub.clear();
    wire.to_device.clear();
    held_up.erase(connection);
  }

  // The hub crashes: what is not in its store is gone.
  void go_down() {
    up_at.reset();
    if (!server) return;
    tell(hub_node, model::What::crashed);
    server.reset();
    effects.clear();
    for (const auto& [connection, wire] : wires) {
      if (wire.silent) port.fall_silent(connection);
      else port.abort(connection);
    }
    wires.clear();
    held_up.clear();
    silent_ones = 0;
    syncs.clear();
    disk->lose();
    disk.reset();
    if (held_back) port.pause(held_back = false);
    for (auto& [number, answer] : std::exchange(waiting_answers, {}))
      answer(model::Failed{model::Error::timed_out});
    for (auto& [request, answer] : std::exchange(early, {})) answer(model::Failed{model::Error::timed_out});
    remark("the hub is down");
  }

  void come_up() {
    up_at.reset();
    if (server || halted) return;
    be_born();
    starting = true;
    if (!start(problem)) {
      halted = true;
      return context.stop();
    }
    for (const std::string& what : std::exchange(remarks, {})) remark(what);
  }
  // What it recovered is durable: readers see nothing else, so they had to wait.
  void started() {
    starting = false;
    remark("the hub is up again");
    for (auto& [request, answer] : std::exchange(early, {})) ask(request, std::move(answer));
  }

  bool start(std::string& why) {
    RealDisk::Hooks hooks{[this](std::function<void()> work) { boost::asio::post(context, std::move(work)); },
                          [this](model::Ticket ticket, bool ok) { synced(ticket, ok); }};
    disk = settings.store.empty() ? RealDisk::nowhere(std::move(hooks))
                                  : RealDisk::open(settings.store, std::move(hooks), why);
    if (!disk) return false;
    std::vector<RealDisk::File> held;
    if (!disk->read(held, why)) return false;
    std::vector<model::StoredFile> files;
    for (const RealDisk::File& file : held)
      files.push_back({static_cast<model::FileId>(file.name), file.bytes});
    if (!look_for_damage(held, files, why)) return false;
    store_is_troubled = false;
    tell(hub_node, model::What::started);
    if (!service_told) tell(service_node, model::What::started);
    service_told = true;
    tell_clock();
    server->recover(now(), files, effects);
    done();
    return true;
  }

  // The control door's requests about all this.

  Cast cast() const {
    std::vector<std::string> devices;
    if (server)
      for (model::QueueLook& one : server->queues({}, most_faults)) devices.push_back(std::move(one.device));
    return live_cast(devices);
  }

  ApiAnswer lab(const LabRequest& request) {
    return std::visit([this](const auto& one) { return perform_lab(one); }, request);
  }
  ApiAnswer perform_lab(const InjectFault& inject) {
    if (faults.shown().size() >= most_faults)
      return api_error(429, "too_many_faults", "so many faults are kept in mind; start the hub again");
    Problems problems;
    const Cast who = cast();
    const auto fault = read_fault(inject.body, who, !settings.store.empty(), problems);
    if (!fault) return fault_refused(problems);
    faults.plan({*fault}, who.names, RealNet::now().mono);
    act();
    return faults_answer(faults.shown(), 201);
  }
  ApiAnswer perform_lab(const ListFaults&) { return faults_answer(faults.shown(), 200); }
  ApiAnswer perform_lab(const HealFaults&) {
    faults.heal();
    act();
    return faults_answer(faults.shown(), 200);
  }
  ApiAnswer perform_lab(const ListQueues& list) {
    if (!server) return api_error(503, "down", "the hub is down");
    return queues_answer(server->queues(list.after, list.limit));
  }
  ApiAnswer perform_lab(const MoveClock& move) {
    leapt += move.advance;
    stepped += move.step;
    if (move.advance != model::Duration{0} || move.step != model::Duration{0}) clock_moved();
    return clock_answer(now(), stepped);
  }
  ApiAnswer perform_lab(const Drain&) {
    if (!draining) {
      remark("draining: nothing new is taken, and the hub ends when what is in flight is done");
      draining = true;
      drain_until = RealNet::now().mono + longest_drain;
      for (auto& [connection, wire] : wires) port.hold(connection, wire.held = true);
    }
    boost::asio::post(context, [this] { done(); });
    return {202, "{}\n"};
  }
  bool drained() const {
    return !server || RealNet::now().mono >= drain_until ||
           (server->quiet() && disk->idle() && syncs.empty() && held_up.empty());
  }

  void clock_moved() {
    tell_clock();
    if (!server) return;
    server->woken(now(), effects);
    done();
  }

  void remark(const std::string& what) const {
    if (settings.on_remark) settings.on_remark(what);
  }

  // History.
  void record(model::NodeIndex observer, std::vector<model::Event> events) {
    const model::Now now = this->now();
    for (model::Event& event : events) {
      event.at = (now.mono - began).count();
      event.local = now.wall.time_since_epoch().count();
      event.observer = observer;
      settings.on_event(history, event);
    }
  }
  void tell(model::NodeIndex node, model::What what) {
    if (!settings.on_event) return;
    model::Event event;
    event.what = what;
    event.device = node;
    record(node, {event});
  }
  // Of a fault, for whoever reads the history.
  void note(model::What what, const std::string& text) {
    if (!settings.on_event) return;
    model::Event event;
    event.what = what;
    event.note = note_of(text);
    record(hub_node, {event});
  }
  std::uint32_t note_of(std::string_view text) {
    const auto [found, fresh] =
        notes.try_emplace(std::string{text}, static_cast<std::uint32_t>(history.notes.size()));
    if (fresh) history.notes.emplace_back(text);
    return found->second;
  }
  // Hub and service read the system's clock: its date, less true time, until somebody sets it.
  void tell_clock() {
    const model::Now now = this->now();
    clock_offset = now.wall.time_since_epoch() - (now.mono - began);
    if (!settings.on_event) return;
    for (const model::NodeIndex node : {hub_node, service_node}) {
      model::Event event;
      event.what = model::What::clock;
      event.device = node;
      event.offset_low = (clock_offset - clock_noise).count();
      event.offset_high = (clock_offset + clock_noise).count();
      record(node, {event});
    }
  }
  bool clock_was_set() const {
    const model::Now now = this->now();
    const auto moved = now.wall.time_since_epoch() - (now.mono - began) - clock_offset;
    return moved > clock_noise || moved < -clock_noise;
  }

  // Port.
  void record(std::vector<model::Event>& events) {
    for (const model::Event& event : events)
      if (event.what == model::What::accepted && event.device != model::NodeIndex::none)
        if (const auto found = wires.find(model::ConnectionId{event.connection});
            found != wires.end() && found->second.device.empty())
          found->second.device = history.participants[static_cast<std::size_t>(event.device)].name;
    if (!settings.on_event) return;
    for (const model::Event& event : events)
      if (event.what == model::What::packet && event.packet == model::Packet::link_delivery) {
        if (handed_over.size() >= most_handed_over) handed_over.clear();
        handed_over[{event.device, event.token}] = event.message;
      }
    record(hub_node, std::move(events));
  }
  void send(model::ConnectionId connection, model::View bytes) {
    if (disturbed()) return hold_up(connection, Direction::to_device, bytes);
    port.send(connection, bytes);
  }
  void close(model::ConnectionId connection) {
    const auto found = wires.find(connection);
    if (found == wires.end()) return port.close(connection);
    if (!found->second.silent && !found->second.to_device.empty()) {
      found->second.closing = true;
      return;
    }
    leave(found, [&] { port.close(connection); });
  }
  void abort(model::ConnectionId connection) {
    const auto found = wires.find(connection);
    if (found == wires.end()) return port.abort(connection);
    leave(found, [&] { port.abort(connection); });
  }
  template <class F>
  void leave(Wires::iterator at, F how) {
    const model::ConnectionId connection = at->first;
    const bool silent = at->second.silent;
    forget(at);
    if (silent) port.fall_silent(connection);
    else how();
  }
  void connect(model::ConnectionId) {}
  void append(std::uint64_t file, model::View bytes) { disk->append(file, bytes); }
  void sync(std::uint64_t file, model::Ticket ticket) { disk->sync(file, ticket); }
  void remove(std::uint64_t file) { disk->remove(file); }
  void halt() {
    if (store_is_troubled && disk->problem().empty()) {  // by a fault: as a scenario's hub, it starts again
      remark("the hub halts: its store fails it by a fault");
      boost::asio::post(context, [this] {
        go_down();
        up_at = RealNet::now().mono + restart_after;
        rest();
      });
      return;
    }
    halted = true;
    problem = disk->problem().empty() ? "the store did not answer in time" : disk->problem();
    context.stop();
  }

  void done() {
    perform(effects, *this);
    if (!server) return rest();
    disk->flush();
    if (const bool behind = disk->backlog() > most_backlog; behind != held_back)
      port.pause(held_back = behind);
    if (starting && disk->idle()) started();
    if (draining && drained()) stopping = true;
    rest();
  }

  // Until something is due.
  void rest() {
    if (halted) return;
    model::Instant wake = next_look;
    const auto sooner = [&](std::optional<model::Instant> other) {
      if (other && *other < wake) wake = *other;
    };
    if (const auto due = server ? server->deadline() : std::nullopt) sooner(*due - leapt);
    sooner(faults.deadline());
    sooner(up_at);
    if (!syncs.empty() && !faults.syncs_wait()) sooner(syncs.front().answered);
    for (const model::ConnectionId connection : held_up) {
      const Wire& wire = wires.at(connection);
      if (!wire.to_hub.empty() && !faults.blocked(Direction::to_hub, wire.device))
        sooner(wire.to_hub.front().leaves);
      if (!wire.to_device.empty() && !faults.blocked(Direction::to_device, wire.device))
        sooner(wire.to_device.front().leaves);
    }
    port.wake_at(wake);
  }

  model::NodeIndex index_of(std::string_view id) {
    const auto [found, is_new] = participants.try_emplace(
        std::string{id}, static_cast<model::NodeIndex>(history.participants.size()));
    if (is_new) history.participants.push_back({std::string{id}, model::Role::device});
    return found->second;
  }

  // What recovery will leave out is said, and kept.
  bool look_for_damage(const std::vector<RealDisk::File>& held, const std::vector<model::StoredFile>& files,
                       std::string& problem_with_copy) {
    using Kind = model::Unreadable::Kind;
    for (const model::Unreadable& one : model::unreadable(files)) {
      const auto name = static_cast<std::uint64_t>(one.file);
      const RealDisk::File& file = *std::ranges::find(held, name, &RealDisk::File::name);
      std::string text = disk->path(name);
      const std::string bytes = std::to_string(one.bytes) + " bytes";
      if (one.kind == Kind::torn && one.from == 0)
        text += ": nothing in it can be used, and it is left out";
      else if (one.kind == Kind::torn)
        text += ", byte " + std::to_string(one.from) + ": the last " + bytes +
                " are no whole record and are left out, as after a crash while it was written";
      else if (one.kind == Kind::damaged)
        text += ", byte " + std::to_string(one.from) + ": damaged; the " + bytes +
                " from there on are left out, so what was acknowledged may be missing";
      else
        text += ": no snapshot in this store is whole, so nothing that it held can be used (" + bytes +
                " here): what was acknowledged is missing";
      if (!file.bytes.empty()) {
        const std::string copy = disk->set_aside(file, problem_with_copy);
        if (copy.empty()) return false;
        text += ". A copy of the file is kept as " + copy;
      }
      remarks.push_back(text);
    }
    return true;
  }

  const model::Rules& rules;
  Settings settings;
  boost::asio::io_context context{1};
  std::random_device generator;
  std::optional<model::Server> server;  // none: it is down
  model::Effects effects;
  LiveFaults faults;
  std::unique_ptr<TlsContext> tls;
  AsioPort<RealNet> port;
  std::unique_ptr<RealDisk> disk;
  Control control;
  boost::asio::signal_set signals;
  model::Instant began;
  model::Instant next_look{};
  model::Duration clock_offset{};
  model::History history;
  std::map<std::string, model::NodeIndex, std::less<>> participants;
  std::unordered_set<model::ConnectionId> controls;
  std::set<std::string> told_failures;
  std::string problem;
  std::vector<std::string> remarks;
  struct HeldSync {
    model::Ticket ticket{};
    bool ok = true;
    model::Instant answered{};
  };
  Wires wires;
  std::set<model::ConnectionId> held_up;  // wires of which something waits
  std::size_t silent_ones = 0;
  std::deque<HeldSync> syncs;
  std::map<std::uint64_t, model::Server::Answer> waiting_answers;
  std::vector<std::pair<model::Request, model::Server::Answer>> early;  // asked while it starts
  std::uint64_t asked = 0;
  std::map<std::string, std::uint32_t> notes;
  std::map<std::pair<model::NodeIndex, std::uint64_t>, model::MessageKey> handed_over;  // by lock token
  std::optional<model::Instant> up_at;  // when a hub that its store has halted starts again
  model::Duration leapt{};              // time that was made to pass at once
  model::Duration stepped{};            // by which its wall clock is off besides
  model::Instant drain_until{};
  std::uint16_t amqp_port = 0;
  bool store_is_troubled = false;  // by a fault, since the hub started
  bool service_told = false;       // that it has started
  bool starting = false;           // what it recovered is not durable yet
  bool draining = false;
  bool held_back = false;
  bool halted = false;
  bool stopping = false;
};

RealHub::RealHub(const model::Rules& rules, Settings settings)
    : parts_{std::make_unique<Parts>(rules, std::move(settings))} {}
RealHub::~RealHub() = default;

bool RealHub::open(std::string& problem) {
  parts_->next_look = RealNet::now().mono + longest_sleep;
  if (!parts_->start(problem)) return false;
  allow_many_descriptors();
  run([this] { return parts_->disk->idle(); });  // readers see only what is durable
  problem = parts_->problem;
  return !parts_->halted;
}

Cast RealHub::cast() const { return parts_->cast(); }

void RealHub::begin_faults(const std::vector<sim::Fault>& faults, const Cast& cast, sim::Duration duration) {
  const model::Instant now = RealNet::now().mono;
  parts_->faults.plan(faults, cast.names, now, now + duration);
  parts_->act();
}

void RealHub::request(const model::Request& request, model::Server::Answer answer) {
  parts_->ask(request, std::move(answer));
}

bool RealHub::secure(const Certificates& certificates, std::string& problem) {
  parts_->tls = TlsContext::server(certificates.certificate, certificates.key, certificates.authority, problem);
  return parts_->tls != nullptr;
}

std::optional<std::uint16_t> RealHub::listen(Door door, const HostPort& where, std::string& problem, bool tls) {
  const auto host = address(where.host);
  if (!host) {
    problem = "not an address: " + where.host;
    return {};
  }
  boost::system::error_code error;
  const tcp::endpoint endpoint{*host, where.port};
  tcp::acceptor acceptor{parts_->context};
  if (!error) acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address{true}, error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (error) {
    problem = error.message();
    return {};
  }
  const std::uint16_t port = acceptor.local_endpoint().port();
  if (door == Door::amqp) {
    parts_->amqp_port = port;
    parts_->server->redirect_readers({}, port);
  }
  parts_->port.listen(std::move(acceptor), static_cast<std::size_t>(door), tls ? parts_->tls.get() : nullptr);
  return port;
}

void RealHub::on_signals() {
  boost::system::error_code ignored;
  parts_->signals.add(SIGINT, ignored);
  parts_->signals.add(SIGTERM, ignored);
  parts_->signals.async_wait([this](boost::system::error_code error, int) {
    if (!error) stop();
  });
}

RealHub::End RealHub::run(const std::function<bool()>& until) {
  while (!parts_->halted && !parts_->stopping && !(until && until())) parts_->context.run_one();
  if (parts_->stopping && !parts_->halted) {
    parts_->signals.cancel();
    parts_->port.stop();
    parts_->tell(hub_node, model::What::finished);
    parts_->context.run_for(last_words);
  }
  return parts_->halted ? End::halted : End::stopped;
}

void RealHub::stop() {
  boost::asio::post(parts_->context, [parts = parts_.get()] { parts->stopping = true; });
}

void RealHub::post_request(const model::Request& request, model::Server::Answer answer) {
  boost::asio::post(parts_->context,
                    [parts = parts_.get(), request, answer = std::move(answer)]() mutable {
                      parts->ask(request, std::move(answer));
                    });
}

const std::string& RealHub::problem() const { return parts_->problem; }
const std::vector<std::string>& RealHub::remarks() const { return parts_->remarks; }

}  // namespace hubproof::tools
