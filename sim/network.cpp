#include "sim/network.hpp"

#include <algorithm>
#include <cstring>

#include "sim/ensure.hpp"
#include "sim/fetch.hpp"

namespace hubproof::sim {

Network::Network(Scheduler& scheduler, Choices& choices, Trace& trace)
    : scheduler_{scheduler}, choices_{choices}, trace_{trace}, settings_(1) {
  scheduler_.foresee(&Network::arrive_quick, &Network::foresee_quick);
  scheduler_.foresee(&Network::arrive, &Network::foresee_arrival);
  scheduler_.foresee(&Network::timer, &Network::foresee_timer);
}

Network::~Network() = default;

// Finding things.

Network::Host& Network::host(NodeId node) {
  const auto at = static_cast<std::size_t>(node);
  ensure(at < hosts_.size());
  return hosts_[at];
}

// A socket is generation, slot and side in one word; the generation makes it unique in a run.
Socket Network::socket_of(const Connection& connection, Side side) {
  return static_cast<Socket>(static_cast<std::uint64_t>(connection.generation) << 32 |
                             static_cast<std::uint64_t>(connection.index) << 1 | side);
}

Network::Found Network::find(Socket socket) const {
  const auto word = static_cast<std::uint64_t>(socket);
  const auto index = static_cast<std::uint32_t>(word) >> 1;
  if (index >= slots_) return {};
  Connection& connection = slot(index);
  if (connection.generation != static_cast<std::uint32_t>(word >> 32)) return {};
  return {&connection, static_cast<Side>(word & 1)};
}

std::uint32_t Network::settings_of(NodeId from, NodeId to) const {
  if (paths_.empty()) return 0;
  const auto own = paths_.find({from, to});
  return own == paths_.end() ? 0 : own->second;
}

// Settings are shared where that is cheap to see: many paths in a row are often alike.
std::uint32_t Network::intern(const PathSettings& settings) {
  constexpr std::size_t recent = 16;
  const std::size_t first = settings_.size() > recent ? settings_.size() - recent : 1;
  for (std::size_t at = first; at < settings_.size(); ++at)
    if (settings_[at].settings == settings) return static_cast<std::uint32_t>(at);
  settings_.push_back({settings, settings.quiet()});
  return static_cast<std::uint32_t>(settings_.size() - 1);
}

std::vector<Socket> Network::sockets(NodeId node) const {
  std::vector<Socket> all;
  for (const Place* at = hosts_[static_cast<std::size_t>(node)].first; at != nullptr; at = at->next)
    all.push_back(socket_of(*at->owner, at->side));
  return all;
}

std::vector<Socket> Network::sockets_between(NodeId one, NodeId other) const {
  std::vector<Socket> all;
  for (const Place* at = hosts_[static_cast<std::size_t>(one)].first; at != nullptr; at = at->next)
    if (at->owner->ends[at->side ^ 1U].process->id() == other)
      all.push_back(socket_of(*at->owner, at->side));
  return all;
}

// Settings.

void Network::attach(Process& process) {
  ensure(static_cast<std::size_t>(process.id()) == hosts_.size());
  hosts_.emplace_back();
  hosts_.back().process = &process;
  ++hosts_silent_;
}

void Network::everywhere(const PathSettings& settings) {
  settings_[0] = {settings, settings.quiet()};
  reconsider_all();
}

void Network::path(NodeId from, NodeId to, const PathSettings& settings) {
  const std::uint32_t index = intern(settings);
  paths_[{from, to}] = index;
  for (const Socket socket : sockets_between(from, to)) {
    const Found found = find(socket);
    found.connection->ends[found.side].settings = index;
    reconsider(*found.connection);
  }
}

void Network::listen(NodeId node, std::uint16_t port) {
  auto& ports = host(node).ports;
  if (std::find(ports.begin(), ports.end(), port) == ports.end()) ports.push_back(port);
}

void Network::unlisten(NodeId node, std::uint16_t port) { std::erase(host(node).ports, port); }

// Life of a connection.

Connection& Network::open() {
  std::uint32_t index;
  if (free_.empty()) {
    index = slots_++;
    if (index % block_size == 0) blocks_.push_back(std::make_unique<Connection[]>(block_size));
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Connection& connection = slot(index);
  const std::uint32_t generation = connection.generation + 1;
  connection.ends = {};
  connection.network = this;
  connection.index = index;
  connection.generation = generation;
  connection.black_holed = false;
  ++live_;
  return connection;
}

void Network::release(Connection& connection) {
  for (End& end : connection.ends) {
    while (end.head != nullptr) {
      Packet* packet = end.head;
      end.head = packet->next;
      packets_.give(packet);
    }
    end.tail = nullptr;
  }
  if (connection.detail != nullptr) {
    --detailed_;
    details_.push_back(std::move(connection.detail));
  }
  ++connection.generation;  // now even: no socket names it
  free_.push_back(connection.index);
  --live_;
}

void Network::join(Connection& connection, Side side) {
  Place& place = connection.places[side];
  Host& home = host(connection.ends[side].process->id());
  place = {&connection, nullptr, home.first, side};
  if (home.first != nullptr) home.first->prev = &place;
  home.first = &place;
}

void Network::leave(Connection& connection, Side side) {
  Place& place = connection.places[side];
  if (place.prev != nullptr)
    place.prev->next = place.next;
  else
    host(connection.ends[side].process->id()).first = place.next;
  if (place.next != nullptr) place.next->prev = place.prev;
}

void Network::bury(Connection& connection, Side side) {
  End& end = connection.ends[side];
  if (end.state == End::State::dead) return;
  if (end.state != End::State::idle) leave(connection, side);
  end.state = End::State::dead;
  ++connection.tokens[side];
  if (connection.detail != nullptr) {
    Flow& flow = connection.detail->flow[side];
    flow.set = flow.event = false;
    flow.kept.clear();
    flow.kept_from = 0;
    flow.early.clear();
    flow.unread.clear();
  }
  const End::State other = connection.ends[side ^ 1U].state;
  if (other == End::State::dead || other == End::State::idle) release(connection);
}

void Network::end(Connection& connection, Side side, Ending how) {
  End& end = connection.ends[side];
  end.state = End::State::over;
  if (connection.detail != nullptr) connection.detail->flow[side].set = false;
  end.process->ended(socket_of(connection, side), how);
}

void Network::refuse(Connection& connection, Refusal why) {
  End& end = connection.ends[0];
  end.state = End::State::over;
  if (connection.detail != nullptr) connection.detail->flow[0].set = false;
  end.process->refused(socket_of(connection, 0), why);
}

void Network::told(Socket socket) {
  if (const Found found = find(socket)) bury(*found.connection, found.side);
}

void Network::started(NodeId node) {
  Host& home = host(node);
  if (!home.up) --hosts_silent_;
  home.up = true;
}

void Network::crashed(NodeId node, bool host_too) {
  if (host_too && host(node).up) {
    host(node).up = false;
    ++hosts_silent_;
  }
  host(node).ports.clear();
  for (const Socket socket : sockets(node)) {
    const Found found = find(socket);
    if (!found) continue;
    Connection& connection = *found.connection;
    const bool met = connection.ends[found.side ^ 1U].state != End::State::idle;
    // What is on its way to the dead is not acknowledged: its sender must find out by itself.
    if (met && connection.ends[found.side ^ 1U].head != nullptr) detail(connection);
    if (!host_too && met) send_control(connection, found.side, Packet::Type::reset);
    bury(connection, found.side);
  }
}

// Whether the quick way is open.

bool Network::touched(NodeId from, NodeId to) const {
  return (!rules_everywhere_.empty() || !hosts_[static_cast<std::size_t>(from)].rules_out.empty() ||
          !hosts_[static_cast<std::size_t>(to)].rules_in.empty());
}

bool Network::quiet(const Connection& connection, Side side) const {
  const End& from = connection.ends[side];
  const End& to = connection.ends[side ^ 1U];
  return settings_[from.settings].quiet && !connection.black_holed &&
         (hosts_silent_ == 0 || to.process->host_up()) &&
         (rules_held_ == 0 || !touched(from.process->id(), to.process->id()));
}

inline bool Network::quick(const Connection& connection, Side side, std::size_t size) const {
  if (connection.detail != nullptr || tcp_.always_segments) return false;
  const End& me = connection.ends[side];
  const End::State other = connection.ends[side ^ 1U].state;
  if (other != End::State::open && other != End::State::lingering) return false;
  if (me.written + size > me.consumed + tcp_.window) return false;
  // While no rule holds and no host is silent, which is nearly always, the path alone decides.
  if (rules_held_ == 0 && hosts_silent_ == 0)
    return settings_[me.settings].quiet &&
           settings_[connection.ends[side ^ 1U].settings].quiet && !connection.black_holed;
  return quiet(connection, side) && quiet(connection, side ^ 1U);
}

// What programs do.

Socket Network::connect(NodeId from, NodeId to, std::uint16_t port) {
  Connection& connection = open();
  const Socket socket = socket_of(connection, 0);
  connection.port = port;
  connection.ends[0].process = host(from).process;
  connection.ends[1].process = host(to).process;
  connection.ends[0].settings = settings_of(from, to);
  connection.ends[1].settings = settings_of(to, from);
  connection.ends[0].state = End::State::connecting;
  join(connection, 0);
  trace_.note(from, Kind::connect, static_cast<std::uint64_t>(socket),
              static_cast<std::uint64_t>(to) << 16 | port);
  if (holds(from, to, Rule::Kind::no_name)) {
    trace_.note(from, Kind::name_not_found, static_cast<std::uint64_t>(socket));
    scheduler_.at(scheduler_.now() + tcp_.lookup_failure,
                  {[](void* self, std::uint64_t word, std::uint64_t) {
                     auto& network = *static_cast<Network*>(self);
                     if (const Found found = network.find(static_cast<Socket>(word)))
                       network.refuse(*found.connection, Refusal::no_such_host);
                   },
                   this, static_cast<std::uint64_t>(socket), 0});
    return socket;
  }
  detail(connection);
  send_control(connection, 0, Packet::Type::syn);
  want_timer(connection, 0, scheduler_.now() + std::min(tcp_.initial_rto, tcp_.connect_timeout));
  return socket;
}

void Network::write(Socket socket, View bytes) {
  const Found found = find(socket);
  if (!found || bytes.empty()) return;
  Connection& connection = *found.connection;
  const End& me = connection.ends[found.side];
  if (me.state != End::State::open && me.state != End::State::connecting) return;
  if (quick(connection, found.side, bytes.size()))
    send_quick(connection, found.side, bytes, Packet::Type::data);
  else
    write_slowly(connection, found.side, bytes);
}

void Network::write_slowly(Connection& connection, Side side, View bytes) {
  Flow& flow = detail(connection).flow[side];
  flow.kept.insert(flow.kept.end(), bytes.begin(), bytes.end());
  connection.ends[side].written += bytes.size();
  transmit(connection, side);
}

void Network::close(Socket socket) {
  const Found found = find(socket);
  if (!found) return;
  Connection& connection = *found.connection;
  End& me = connection.ends[found.side];
  if (me.state == End::State::connecting) {
    bury(connection, found.side);
    return;
  }
  if (me.state != End::State::open) return;
  me.state = End::State::lingering;
  me.watched = false;
  if (quick(connection, found.side, 0)) {
    send_quick(connection, found.side, {}, Packet::Type::fin);
    return;
  }
  Flow& flow = detail(connection).flow[found.side];
  flow.fin = true;
  // What the program did not read will not be read: the peer may send on into the void.
  connection.ends[found.side ^ 1U].consumed += flow.unread.size();
  flow.unread.clear();
  transmit(connection, found.side);
}

void Network::abort(Socket socket) {
  const Found found = find(socket);
  if (!found) return;
  Connection& connection = *found.connection;
  End& me = connection.ends[found.side];
  if (me.state == End::State::dead || me.state == End::State::over) return;
  if (me.state != End::State::connecting) {
    if (connection.ends[found.side ^ 1U].head != nullptr) detail(connection);
    send_control(connection, found.side, Packet::Type::reset);
  }
  bury(connection, found.side);
}

void Network::pause_reading(Socket socket) {
  const Found found = find(socket);
  if (!found || found.connection->ends[found.side].state != End::State::open) return;
  detail(*found.connection);
  found.connection->ends[found.side].reading = false;
}

void Network::resume_reading(Socket socket) {
  const Found found = find(socket);
  if (!found || found.connection->ends[found.side].reading) return;
  found.connection->ends[found.side].reading = true;
  Flow& flow = found.connection->detail->flow[found.side];
  if (flow.flushing) return;
  flow.flushing = true;  // by an event of its own: a program is never called from its own call
  scheduler_.at(scheduler_.now(), {&Network::flush, this, static_cast<std::uint64_t>(socket), 0});
}

void Network::watch_drained(Socket socket) {
  const Found found = find(socket);
  if (!found) return;
  found.connection->ends[found.side].watched = true;
  if (unsent(socket) != 0) return;
  scheduler_.at(scheduler_.now(), {[](void* self, std::uint64_t word, std::uint64_t) {
                                     auto& network = *static_cast<Network*>(self);
                                     if (const Found now = network.find(static_cast<Socket>(word)))
                                       network.check_drained(*now.connection, now.side);
                                   },
                                   this, static_cast<std::uint64_t>(socket), 0});
}

std::size_t Network::unsent(Socket socket) const {
  const Found found = find(socket);
  if (!found) return 0;
  const End& me = found.connection->ends[found.side];
  const auto& detail = found.connection->detail;
  return me.written - (detail != nullptr ? detail->flow[found.side].una : me.delivered);
}

NodeId Network::peer(Socket socket) const {
  const Found found = find(socket);
  ensure(static_cast<bool>(found));
  return found.connection->ends[found.side ^ 1U].process->id();
}

std::uint16_t Network::port(Socket socket) const {
  const Found found = find(socket);
  ensure(static_cast<bool>(found));
  return found.connection->port;
}

bool Network::alive(Socket socket) const {
  const Found found = find(socket);
  if (!found) return false;
  const End::State state = found.connection->ends[found.side].state;
  return state != End::State::dead && state != End::State::lingering;
}

void Network::soon(Socket socket) const {
  const auto index = static_cast<std::uint32_t>(static_cast<std::uint64_t>(socket)) >> 1;
  if (index < slots_) fetch(&slot(index), 3 * sizeof(End));
}

void Network::check_drained(Connection& connection, Side side) {
  End& me = connection.ends[side];
  if (!me.watched || me.state != End::State::open) return;
  const std::uint64_t arrived =
      connection.detail != nullptr ? connection.detail->flow[side].una : me.delivered;
  if (arrived != me.written) return;
  me.watched = false;
  me.process->drained(socket_of(connection, side));
}

// What faults do.

RuleId Network::impose(Rule rule) {
  std::sort(rule.from.begin(), rule.from.end());
  std::sort(rule.to.begin(), rule.to.end());
  if (rules_spare_.empty()) {
    rules_spare_.push_back(static_cast<std::uint32_t>(rules_.size()));
    rules_.emplace_back();
  }
  const std::uint32_t id = rules_spare_.back();
  rules_spare_.pop_back();
  rules_[id] = {std::move(rule), true, {}, {}};
  const Rule& kept = rules_[id].rule;
  const bool by_sender =
      !kept.from.empty() && (kept.to.empty() || kept.from.size() <= kept.to.size());
  ++rules_held_;
  if (kept.from.empty() && kept.to.empty()) {
    rules_everywhere_.push_back(id);
    reconsider_all();
  } else if (by_sender) {
    for (const NodeId node : kept.from) host(node).rules_out.push_back(id);
    for (const NodeId node : kept.from) reconsider(node);
  } else {
    for (const NodeId node : kept.to) host(node).rules_in.push_back(id);
    for (const NodeId node : kept.to) reconsider(node);
  }
  return RuleId{id};
}

void Network::lift(RuleId rule) {
  const auto id = static_cast<std::uint32_t>(rule);
  ensure(id < rules_.size());
  if (!rules_[id].holds) return;
  --rules_held_;
  const Rule gone = std::move(rules_[id].rule);
  rules_[id] = {};
  rules_spare_.push_back(id);
  std::erase(rules_everywhere_, id);
  for (const NodeId node : gone.from) std::erase(host(node).rules_out, id);
  for (const NodeId node : gone.to) std::erase(host(node).rules_in, id);
  if (gone.from.empty() && gone.to.empty()) reconsider_all();
  for (const NodeId node : gone.from.empty() ? gone.to : gone.from) reconsider(node);
}

void Network::reset_each(const std::vector<Socket>& all) {
  for (const Socket socket : all) {
    for (Side turn = 0; turn < 2; ++turn) {
      const Found found = find(socket);
      if (!found) break;
      const Side side = found.side ^ turn;
      Connection& connection = *found.connection;
      End& end = connection.ends[side];
      trace_.note(end.process->id(), Kind::reset,
                  static_cast<std::uint64_t>(socket_of(connection, side)), 1);
      if (end.state == End::State::connecting)
        refuse(connection, Refusal::refused);
      else if (end.state == End::State::open)
        this->end(connection, side, Ending::reset);
      else if (end.state == End::State::accepting || end.state == End::State::lingering)
        bury(connection, side);
    }
  }
}

void Network::reset_all(NodeId node) { reset_each(sockets(node)); }
void Network::reset_between(NodeId one, NodeId other) { reset_each(sockets_between(one, other)); }

void Network::black_hole_each(const std::vector<Socket>& all) {
  for (const Socket socket : all) {
    Connection& connection = *find(socket).connection;
    if (connection.black_holed) continue;
    connection.black_holed = true;
    trace_.note(connection.ends[0].process->id(), Kind::black_holed,
                static_cast<std::uint64_t>(socket_of(connection, 0)));
    reconsider(connection);
  }
}

void Network::black_hole(NodeId node) { black_hole_each(sockets(node)); }
void Network::black_hole_between(NodeId one, NodeId other) {
  black_hole_each(sockets_between(one, other));
}

void Network::reconsider_all() {
  for (const Host& each : hosts_) reconsider(each.process->id());
}

void Network::reconsider(NodeId node) {
  // No program is called here, so the list stays as it is.
  for (Place* at = host(node).first; at != nullptr; at = at->next) reconsider(*at->owner);
}

void Network::reconsider(Connection& connection) {
  if (connection.detail != nullptr) {
    settle(connection);
  } else if (connection.ends[0].head != nullptr || connection.ends[1].head != nullptr) {
    if (!quiet(connection, 0) || !quiet(connection, 1)) detail(connection);
  }
}

// The quick way.

void Network::send_quick(Connection& connection, Side side, View bytes, Packet::Type type) {
  End& me = connection.ends[side];
  Packet* packet = packets_.take(bytes.size());
  if (!bytes.empty()) std::memcpy(packet->bytes(), bytes.data(), bytes.size());
  packet->seq = me.written;
  packet->type = type;
  packet->flags = Packet::bare;
  me.written += bytes.size();
  if (me.head == nullptr)
    me.head = packet;
  else
    me.tail->next = packet;
  me.tail = packet;
  me.last_arrival =
      std::max(me.last_arrival, scheduler_.now() + latency(connection, side, Site::latency));
  scheduler_.at(me.last_arrival, {&Network::arrive_quick, &connection,
                                  static_cast<std::uint64_t>(socket_of(connection, side ^ 1U)),
                                  reinterpret_cast<std::uint64_t>(packet)});
}

void Network::foresee_quick(const Task& task, int stage) {
  const auto* connection = static_cast<const Connection*>(task.self);
  if (stage == 0) {
    fetch(connection, 3 * sizeof(End));
    fetch(reinterpret_cast<const Packet*>(task.b), sizeof(Packet));
    return;
  }
  if (connection->generation != static_cast<std::uint32_t>(task.a >> 32)) return;
  const auto side = static_cast<Side>(task.a & 1);
  const Process* process = connection->ends[side].process;
  if (stage == 1) {
    process->soon();
    fetch(reinterpret_cast<const Packet*>(task.b) + 1, reinterpret_cast<const Packet*>(task.b)->size);
  }
  process->soon(static_cast<Socket>(task.a), connection->ends[side ^ 1U].process->id(), stage);
}

[[gnu::always_inline]] inline void Network::arrived_quick(Connection& connection, Side side, Packet& packet) {
  ++quick_deliveries_;
  End& me = connection.ends[side];
  End& sender = connection.ends[side ^ 1U];
  const std::uint32_t generation = connection.generation;
  if (me.state == End::State::dead) {
    // They have arrived, to be thrown away: what is neither under way nor delivered would be nowhere, should the
    // connection become one of segments before the sender hears of it.
    sender.delivered += packet.view().size();
    sender.consumed += packet.view().size();
    if (me.process->host_up() && sender.state != End::State::dead)
      send_control(connection, side, Packet::Type::reset);
    return;
  }
  if (packet.type == Packet::Type::fin) {
    trace_.note(me.process->id(), Kind::fin, static_cast<std::uint64_t>(packet.to));
    bury(connection, side ^ 1U);
    if (connection.generation == generation && me.state == End::State::open)
      end(connection, side, Ending::fin);
    return;
  }
  deliver(connection, side, packet.view());
  if (sender.watched && connection.generation == generation) check_drained(connection, side ^ 1U);
}

void Network::arrive_quick(void* self, std::uint64_t socket, std::uint64_t) {
  Connection& connection = *static_cast<Connection*>(self);
  if (connection.generation != static_cast<std::uint32_t>(socket >> 32)) return;
  const auto side = static_cast<Side>(socket & 1);
  // Packets of a stream arrive in the order sent, so the event means the first.
  End& sender = connection.ends[side ^ 1U];
  Packet* packet = sender.head;
  sender.head = packet->next;
  if (sender.head == nullptr) sender.tail = nullptr;
  Network& network = *connection.network;
  packet->to = static_cast<Socket>(socket);
  if (connection.detail != nullptr)
    network.arrived(*packet);
  else
    network.arrived_quick(connection, side, *packet);
  network.packets_.give(packet);
}

void Network::deliver(Connection& connection, Side side, View bytes) {
  End& me = connection.ends[side];
  End& sender = connection.ends[side ^ 1U];
  sender.delivered += bytes.size();
  if (me.state == End::State::open && connection.detail != nullptr &&
      (!me.reading || connection.detail->flow[side].flushing)) {
    auto& unread = connection.detail->flow[side].unread;
    unread.insert(unread.end(), bytes.begin(), bytes.end());
    return;
  }
  sender.consumed += bytes.size();
  if (me.state != End::State::open) return;
  const std::uint32_t generation = connection.generation;
  if (!me.process->received(socket_of(connection, side), bytes) &&
      connection.generation == generation)
    sender.consumed -= bytes.size();
}

}  // namespace hubproof::sim
