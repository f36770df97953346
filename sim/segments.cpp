// The segment way of the network: sequence numbers, acknowledgements, timers and windows, and what
// links and rules do to each packet.
#include <algorithm>
#include <cstring>
#include <utility>

#include "sim/ensure.hpp"
#include "sim/fetch.hpp"
#include "sim/network.hpp"

namespace hubproof::sim {

namespace {

constexpr std::uint64_t header_bytes = 40;  // of IP and TCP, on a line of limited speed

std::uint64_t word(Socket socket) { return static_cast<std::uint64_t>(socket); }

bool outstanding(const Flow& flow) { return flow.una < flow.sent || flow.fin_sent; }

bool has(const std::vector<NodeId>& sorted, NodeId node) {
  return sorted.empty() || std::binary_search(sorted.begin(), sorted.end(), node);
}

}  // namespace

// Beginning and end of the segment way.

Detail& Network::detail(Connection& connection) {
  if (connection.detail != nullptr) return *connection.detail;
  if (details_.empty()) {
    connection.detail = std::make_unique<Detail>();
  } else {
    connection.detail = std::move(details_.back());
    details_.pop_back();
    *connection.detail = Detail{};
  }
  ++detailed_;
  adopt(connection, 0);
  adopt(connection, 1);
  if (connection.ends[0].state == End::State::open)
    trace_.note(connection.ends[0].process->id(), Kind::to_segments,
                word(socket_of(connection, 0)));
  return *connection.detail;
}

// What is under way becomes segments that were sent and not yet acknowledged; their arrivals are
// already in the queue.
void Network::adopt(Connection& connection, Side side) {
  End& me = connection.ends[side];
  Flow& flow = connection.detail->flow[side];
  flow.una = flow.next = flow.sent = me.delivered;
  flow.edge = me.consumed + tcp_.window;
  flow.rto = tcp_.initial_rto;
  flow.progress = scheduler_.now();
  for (Packet* at = me.head; at != nullptr; at = at->next) {
    const View bytes = at->view();
    flow.kept.insert(flow.kept.end(), bytes.begin(), bytes.end());
    if (at->type == Packet::Type::fin) flow.fin = flow.fin_sent = flow.fin_again = true;
  }
  flow.next = flow.sent = me.written;
  ensure(me.state == End::State::dead || flow.kept.size() == me.written - me.delivered);
  if (me.state == End::State::open || me.state == End::State::lingering) arm(connection, side);
}

void Network::settle(Connection& connection) {
  if (connection.detail == nullptr || tcp_.always_segments) return;
  for (Side side = 0; side < 2; ++side) {
    const End& me = connection.ends[side];
    const Flow& flow = connection.detail->flow[side];
    if (me.state != End::State::open || !me.reading || me.head != nullptr ||
        flow.una != me.written || !flow.early.empty() || !flow.unread.empty() || flow.flushing ||
        flow.fin_at != Flow::nowhere || !quiet(connection, side))
      return;
  }
  for (std::uint32_t& token : connection.tokens) ++token;
  trace_.note(connection.ends[0].process->id(), Kind::to_quick, word(socket_of(connection, 0)));
  --detailed_;
  details_.push_back(std::move(connection.detail));
}

// Sending.

void Network::stamp(Connection& connection, Side side, Packet& packet) const {
  const End& other = connection.ends[side ^ 1U];
  const bool fin_taken = connection.detail != nullptr && connection.detail->flow[side].fin_taken;
  packet.ack = other.delivered + (fin_taken ? 1 : 0);
  packet.edge = other.consumed + tcp_.window;
  packet.flags = 0;
}

void Network::transmit(Connection& connection, Side side) {
  End& me = connection.ends[side];
  if (me.state != End::State::open && me.state != End::State::lingering) return;
  Flow& flow = connection.detail->flow[side];
  const bool rough = !quiet(connection, side);
  // Segments sent in one go travel together, as the one packet of the quick way would.
  Duration first_time{}, once_more{};
  bool drawn_first = false, drawn_more = false;
  for (;;) {
    std::uint64_t limit = std::min(flow.edge, me.written);
    if (flow.congestion != 0) limit = std::min(limit, flow.una + flow.congestion);
    if (flow.next >= limit) break;
    const bool again = flow.next < flow.sent;
    std::uint64_t size = std::min<std::uint64_t>(tcp_.mss, limit - flow.next);
    if (again) size = std::min(size, flow.sent - flow.next);
    if (rough && size > 1 && choices_.below(Site::cut, me.process->id(), 4) == 0) {
      size = 1 + choices_.wide(Site::cut, me.process->id(), size);
      size = std::min<std::uint64_t>(size, limit - flow.next);
      if (again) size = std::min(size, flow.sent - flow.next);
      trace_.note(me.process->id(), Kind::cut, flow.next, size);
    }
    if (again && !drawn_more) {
      once_more = latency(connection, side, Site::control_latency);
      drawn_more = true;
    } else if (!again && !drawn_first) {
      first_time = latency(connection, side, Site::latency);
      drawn_first = true;
    }
    if (!outstanding(flow)) flow.progress = scheduler_.now();
    send_segment(connection, side, flow.next, size, again ? once_more : first_time, again);
    flow.next += size;
    flow.sent = std::max(flow.sent, flow.next);
  }
  if (flow.fin && !flow.fin_sent && flow.next == me.written) {
    if (!outstanding(flow)) flow.progress = flow.fin_again ? flow.progress : scheduler_.now();
    Packet* packet = packets_.take(0);
    packet->type = Packet::Type::fin;
    packet->seq = me.written;
    stamp(connection, side, *packet);
    const Duration travel = flow.fin_again ? latency(connection, side, Site::control_latency)
                            : drawn_first  ? first_time
                                           : latency(connection, side, Site::latency);
    const bool in_order = !flow.fin_again;
    flow.fin_sent = flow.fin_again = true;
    launch(connection, side, packet, travel, in_order);
  }
  if (!flow.set) arm(connection, side);
}

void Network::send_segment(Connection& connection, Side side, std::uint64_t seq, std::size_t size,
                           Duration travel, bool again) {
  Flow& flow = connection.detail->flow[side];
  Packet* packet = packets_.take(size);
  packet->type = Packet::Type::data;
  packet->seq = seq;
  stamp(connection, side, *packet);
  std::memcpy(packet->bytes(), flow.kept.data() + flow.kept_from + (seq - flow.una), size);
  if (!again && !flow.measuring) {
    flow.measuring = true;
    flow.measured = seq + size;
    flow.measured_at = scheduler_.now();
  }
  launch(connection, side, packet, travel, !again);
}

void Network::retransmit_first(Connection& connection, Side side) {
  Flow& flow = connection.detail->flow[side];
  const std::uint64_t size = std::min<std::uint64_t>(tcp_.mss, flow.sent - flow.una);
  if (size == 0) return;
  flow.measuring = false;  // Karn: nobody could say which copy was acknowledged
  trace_.note(connection.ends[side].process->id(), Kind::retransmitted,
              word(socket_of(connection, side)), flow.una);
  send_segment(connection, side, flow.una, size, latency(connection, side, Site::control_latency),
               true);
}

void Network::send_control(Connection& connection, Side side, Packet::Type type) {
  Packet* packet = packets_.take(0);
  packet->type = type;
  packet->seq = connection.ends[side].written;
  stamp(connection, side, *packet);
  const bool small = type == Packet::Type::ack || type == Packet::Type::probe;
  const Duration travel =
      latency(connection, side, small ? Site::ack_latency : Site::control_latency);
  launch(connection, side, packet, travel, type == Packet::Type::reset);
}

void Network::launch(Connection& connection, Side side, Packet* packet, Duration travel,
                     bool in_order) {
  End& me = connection.ends[side];
  const End& other = connection.ends[side ^ 1U];
  packet->to = socket_of(connection, side ^ 1U);
  if (connection.black_holed) {
    trace_.note(me.process->id(), Kind::black_holed, word(packet->to), packet->seq);
    packets_.give(packet);
    return;
  }
  Passage passage;
  if (!settings_[me.settings].quiet || touched(me.process->id(), other.process->id()))
    passage = pass(me, other, *packet);
  if (passage.lost) {
    packets_.give(packet);
    return;
  }
  if (passage.corrupt) packet->flags |= Packet::corrupt;
  Instant arrival = scheduler_.now() + travel + passage.extra;
  if (in_order && !passage.unordered)
    arrival = me.last_arrival = std::max(me.last_arrival, arrival);
  for (std::uint32_t i = 0; i < passage.copies; ++i) {
    Packet* copy = packets_.take(packet->size);
    copy->to = packet->to;
    copy->seq = packet->seq;
    copy->ack = packet->ack;
    copy->edge = packet->edge;
    copy->type = packet->type;
    copy->flags = packet->flags;
    std::memcpy(copy->bytes(), packet->bytes(), packet->size);
    scheduler_.at(arrival + passage.copy_delay,
                  {&Network::arrive, this, reinterpret_cast<std::uint64_t>(copy), 0});
  }
  scheduler_.at(arrival, {&Network::arrive, this, reinterpret_cast<std::uint64_t>(packet), 0});
}

// What a path does to a packet.

template <class Visit>
void Network::each_rule(NodeId from, NodeId to, Visit visit) {
  if (rules_held_ == 0) return;
  for (const std::uint32_t id : rules_everywhere_) visit(rules_[id]);
  for (const std::uint32_t id : host(from).rules_out)
    if (has(rules_[id].rule.to, to)) visit(rules_[id]);
  for (const std::uint32_t id : host(to).rules_in)
    if (has(rules_[id].rule.from, from)) visit(rules_[id]);
}

bool Network::holds(NodeId from, NodeId to, Rule::Kind kind) {
  bool any = false;
  each_rule(from, to, [&](const Live& live) { any = any || live.rule.kind == kind; });
  return any;
}

Passage Network::pass(const End& from, const End& to, const Packet& packet) {
  Passage passage;
  const NodeId sender = from.process->id();
  const NodeId receiver = to.process->id();
  const Settled& settled = settings_[from.settings];
  if (!settled.quiet) {
    const PathSettings& own = settled.settings;
    const auto note = [&](Kind kind, std::uint64_t more) {
      trace_.note(sender, kind, word(packet.to), more);
    };
    if (own.bandwidth.bytes_per_second != 0) {
      Instant left;
      if (!lines_[{sender, receiver}].admit(own.bandwidth, scheduler_.now(),
                                            packet.size + header_bytes, left)) {
        passage.lost = true;
        note(Kind::queue_full, packet.seq);
        return passage;
      }
      passage.extra += left - scheduler_.now();
    }
    if ((own.loss.good.num != 0 || own.loss.turns_bad.num != 0) &&
        bursts_[{sender, receiver}].lost(own.loss, choices_, sender)) {
      passage.lost = true;
      note(Kind::dropped, packet.seq);
      return passage;
    }
    if (own.duplicate.num != 0 && choices_.chance(Site::duplicate, sender, own.duplicate)) {
      ++passage.copies;
      note(Kind::duplicated, packet.seq);
    }
    if (own.reorder.num != 0 && choices_.chance(Site::reorder, sender, own.reorder)) {
      passage.unordered = true;
      passage.extra += own.reorder_delay.draw(choices_, Site::reorder, sender);
      note(Kind::reordered, packet.seq);
    }
  }
  each_rule(sender, receiver, [&](Live& live) {
    if (!passage.lost) apply(live, from, packet, passage);
  });
  return passage;
}

void Network::apply(Live& live, const End& from, const Packet& packet, Passage& passage) {
  const Rule& rule = live.rule;
  const NodeId sender = from.process->id();
  const auto note = [&](Kind kind, std::uint64_t more) {
    trace_.note(sender, kind, word(packet.to), more);
  };
  switch (rule.kind) {
    case Rule::Kind::silence:
      passage.lost = true;
      note(Kind::partitioned, packet.seq);
      break;
    case Rule::Kind::drop:
      if (live.bursts.lost(rule.loss, choices_, sender)) {
        passage.lost = true;
        note(Kind::dropped, packet.seq);
      }
      break;
    case Rule::Kind::delay: {
      const Duration extra = rule.extra.draw(choices_, Site::delay, sender);
      passage.extra += extra;
      note(Kind::delayed, static_cast<std::uint64_t>(extra.count()));
      break;
    }
    case Rule::Kind::duplicate:
      if (choices_.chance(Site::duplicate, sender, rule.odds)) {
        ++passage.copies;
        passage.copy_delay = rule.extra.draw(choices_, Site::duplicate, sender);
        note(Kind::duplicated, packet.seq);
      }
      break;
    case Rule::Kind::reorder:
      if (choices_.chance(Site::reorder, sender, rule.odds)) {
        passage.unordered = true;
        passage.extra += rule.extra.draw(choices_, Site::reorder, sender);
        note(Kind::reordered, packet.seq);
      }
      break;
    case Rule::Kind::corrupt:
      if (choices_.chance(Site::corrupt, sender, rule.odds)) {
        passage.corrupt = true;
        note(Kind::corrupted, packet.seq);
      }
      break;
    case Rule::Kind::bandwidth: {
      Instant left;
      if (live.line.admit(rule.bandwidth, scheduler_.now(), packet.size + header_bytes, left)) {
        passage.extra += left - scheduler_.now();
      } else {
        passage.lost = true;
        note(Kind::queue_full, packet.seq);
      }
      break;
    }
    case Rule::Kind::no_name:
    case Rule::Kind::refuse:
      break;  // asked for where a connection begins
  }
}

// Arrival.

void Network::foresee_arrival(const Task& task, int stage) {
  const auto& network = *static_cast<const Network*>(task.self);
  const auto* packet = reinterpret_cast<const Packet*>(task.a);
  if (stage == 0) {
    fetch(packet, sizeof(Packet));
    return;
  }
  const Socket to = packet->to;
  if (stage == 1) {
    network.soon(to);
    fetch(packet + 1, packet->size);
    return;
  }
  const Found found = network.find(to);
  if (!found) return;
  const End* const ends = found.connection->ends.data();
  const Process* process = ends[found.side].process;
  if (stage == 2) {
    process->soon();
    fetch(found.connection->detail.get(), found.connection->detail != nullptr ? sizeof(Detail) : 0);
  } else {
    process->soon(to, ends[found.side ^ 1U].process->id(), 1);
  }
}

void Network::foresee_timer(const Task& task, int stage) {
  if (stage == 0) static_cast<const Network*>(task.self)->soon(static_cast<Socket>(task.a));
}

void Network::arrive(void* self, std::uint64_t at, std::uint64_t) {
  auto& network = *static_cast<Network*>(self);
  auto* packet = reinterpret_cast<Packet*>(at);
  network.arrived(*packet);
  network.packets_.give(packet);
}

void Network::arrived(Packet& packet) {
  const Found found = find(packet.to);
  if (!found) return;  // both ends are gone, so nobody can tell what would be answered
  Connection& connection = *found.connection;
  const NodeId here = connection.ends[found.side].process->id();
  if (connection.black_holed)
    trace_.note(here, Kind::black_holed, word(packet.to), packet.seq);
  else if (!connection.ends[found.side].process->host_up())
    trace_.note(here, Kind::host_silent, word(packet.to), packet.seq);
  else if ((packet.flags & Packet::corrupt) != 0)
    trace_.note(here, Kind::checksum_failed, word(packet.to), packet.seq);
  else
    arrived_at(connection, found.side, packet);
}

void Network::arrived_at(Connection& connection, Side side, Packet& packet) {
  End& me = connection.ends[side];
  if (me.state == End::State::dead) {
    if (packet.type != Packet::Type::reset) send_control(connection, side, Packet::Type::reset);
    return;
  }
  const std::uint32_t generation = connection.generation;
  if (!handshake(connection, side, packet)) return;
  if (!valid(connection, generation)) return;  // a late copy of what was settled long ago
  if (me.state == End::State::dead) return;
  if (me.state == End::State::over) {
    if (connection.detail->flow[side].fin_taken && packet.type == Packet::Type::fin)
      send_control(connection, side, Packet::Type::ack);
    return;
  }
  if ((packet.flags & Packet::bare) == 0) {
    acknowledge(connection, side, packet);
    if (!valid(connection, generation) || me.state == End::State::dead) return;
  }
  if (packet.type == Packet::Type::probe)
    send_control(connection, side, Packet::Type::ack);
  else if (packet.type == Packet::Type::data || packet.type == Packet::Type::fin)
    take(connection, side, packet);
}

// SYN, SYN-ACK and RST, and the first packet after them. True if there is more to the packet.
bool Network::handshake(Connection& connection, Side side, const Packet& packet) {
  End& me = connection.ends[side];
  const NodeId here = me.process->id();
  const std::uint32_t generation = connection.generation;
  using State = End::State;
  switch (packet.type) {
    case Packet::Type::syn: {
      if (me.state == State::accepting) {
        send_control(connection, side, Packet::Type::syn_ack);
        return false;
      }
      if (me.state != State::idle) return false;
      trace_.note(here, Kind::syn, word(packet.to), connection.port);
      const auto& ports = host(here).ports;
      const bool heard = std::find(ports.begin(), ports.end(), connection.port) != ports.end();
      if (!heard || holds(connection.ends[0].process->id(), here, Rule::Kind::refuse)) {
        send_control(connection, side, Packet::Type::reset);
        return false;
      }
      me.state = State::accepting;
      join(connection, side);
      detail(connection).flow[side].progress = scheduler_.now();
      send_control(connection, side, Packet::Type::syn_ack);
      want_timer(connection, side, scheduler_.now() + tcp_.initial_rto);
      return false;
    }
    case Packet::Type::syn_ack:
      trace_.note(here, Kind::syn_ack, word(packet.to));
      if (me.state == State::connecting) {
        me.state = State::open;
        Flow& flow = connection.detail->flow[side];
        flow.set = false;
        flow.rto = tcp_.initial_rto;
        flow.progress = scheduler_.now();
        send_control(connection, side, Packet::Type::ack);
        me.process->connected(packet.to);
        if (valid(connection, generation)) transmit(connection, side);
      } else if (me.state == State::open || me.state == State::lingering) {
        send_control(connection, side, Packet::Type::ack);
      }
      return false;
    case Packet::Type::reset:
      trace_.note(here, Kind::reset, word(packet.to));
      if (me.state == State::connecting)
        refuse(connection, Refusal::refused);
      else if (me.state == State::open)
        end(connection, side, Ending::reset);
      else if (me.state == State::accepting || me.state == State::lingering)
        bury(connection, side);
      return false;
    default:
      if (me.state == State::idle || me.state == State::connecting) return false;
      if (me.state == State::accepting) {
        me.state = State::open;
        Flow& flow = connection.detail->flow[side];
        flow.set = false;
        flow.rto = tcp_.initial_rto;
        flow.progress = scheduler_.now();
        me.process->accepted(packet.to);
      }
      return true;
  }
}

void Network::measure(Flow& flow, Duration round_trip) const {
  if (!flow.known) {
    flow.known = true;
    flow.srtt = round_trip;
    flow.rttvar = round_trip / 2;
  } else {
    const Duration off = flow.srtt > round_trip ? flow.srtt - round_trip : round_trip - flow.srtt;
    flow.rttvar = (flow.rttvar * 3 + off) / 4;
    flow.srtt = (flow.srtt * 7 + round_trip) / 8;
  }
}

void Network::acknowledge(Connection& connection, Side side, const Packet& packet) {
  End& me = connection.ends[side];
  Flow& flow = connection.detail->flow[side];
  const bool wider = packet.edge > flow.edge;
  const std::uint64_t acked = std::min(packet.ack, me.written);
  const bool fin_acked = flow.fin_again && packet.ack == me.written + 1;
  flow.edge = std::max(flow.edge, packet.edge);
  trace_.note(me.process->id(), Kind::acknowledged, packet.ack, packet.edge);

  if (acked > flow.una) {
    flow.kept_from += acked - flow.una;
    if (flow.kept_from == flow.kept.size()) {
      flow.kept.clear();
      flow.kept_from = 0;
    } else if (flow.kept_from >= 65'536 && 2 * flow.kept_from >= flow.kept.size()) {
      flow.kept.erase(flow.kept.begin(),
                      flow.kept.begin() + static_cast<std::ptrdiff_t>(flow.kept_from));
      flow.kept_from = 0;
    }
    if (flow.measuring && acked >= flow.measured) {
      flow.measuring = false;
      measure(flow, scheduler_.now() - flow.measured_at);
    }
    const std::uint64_t gained = acked - flow.una;
    flow.una = acked;
    flow.next = std::max(flow.next, acked);
    flow.repeats = 0;
    flow.progress = scheduler_.now();
    flow.rto = flow.known ? std::clamp(flow.srtt + std::max<Duration>(flow.rttvar * 4,
                                                                      std::chrono::milliseconds{1}),
                                       tcp_.min_rto, tcp_.max_rto)
                          : tcp_.initial_rto;
    if (flow.congestion != 0) {
      // A partial acknowledgement tells of the next hole (RFC 6582); what was sent before a
      // time-out is sent again from the beginning by transmit().
      if (flow.una < flow.recover && flow.next == flow.sent) retransmit_first(connection, side);
      flow.congestion +=
          flow.congestion < flow.threshold
              ? std::min<std::uint64_t>(gained, tcp_.mss)
              : std::max<std::uint64_t>(1, std::uint64_t{tcp_.mss} * tcp_.mss / flow.congestion);
      if (flow.congestion >= tcp_.window) flow.congestion = 0;
    }
    flow.set = false;
  } else if (packet.type == Packet::Type::ack && acked == flow.una && flow.una < flow.sent &&
             !wider) {
    if (++flow.repeats == 3 && flow.una >= flow.recover) {
      flow.threshold = std::max<std::uint64_t>((flow.sent - flow.una) / 2, 2 * tcp_.mss);
      flow.congestion = flow.threshold;
      flow.recover = flow.sent;
      retransmit_first(connection, side);
    }
  } else if (!outstanding(flow)) {
    flow.progress = scheduler_.now();  // a window probe was answered
    if (wider) flow.set = false;
  }

  if (fin_acked) {
    bury(connection, side);
    return;
  }
  const std::uint32_t generation = connection.generation;
  transmit(connection, side);
  if (me.watched) check_drained(connection, side);
  if (valid(connection, generation)) settle(connection);
}

void Network::take(Connection& connection, Side side, Packet& packet) {
  const End& me = connection.ends[side];
  const End& sender = connection.ends[side ^ 1U];
  const std::uint32_t generation = connection.generation;
  const std::uint64_t seq = packet.seq;
  const View bytes = packet.view();
  Flow& flow = connection.detail->flow[side];
  trace_.note(me.process->id(), packet.type == Packet::Type::fin ? Kind::fin : Kind::segment,
              word(packet.to), seq, bytes);
  if (packet.type == Packet::Type::fin) flow.fin_at = seq;

  if (seq > sender.delivered) {
    trace_.note(me.process->id(), Kind::out_of_order, word(packet.to), seq);
    if (!bytes.empty()) {
      auto& kept = flow.early[seq];
      if (kept.size() < bytes.size()) kept.assign(bytes.begin(), bytes.end());
    }
  } else if (seq + bytes.size() > sender.delivered) {
    deliver(connection, side, bytes.subspan(sender.delivered - seq));
    while (valid(connection, generation) && !flow.early.empty() &&
           flow.early.begin()->first <= sender.delivered) {
      const auto turn = flow.early.extract(flow.early.begin());
      const std::uint64_t skip = sender.delivered - turn.key();
      if (skip < turn.mapped().size()) deliver(connection, side, View{turn.mapped()}.subspan(skip));
    }
    if (!valid(connection, generation)) return;
  }

  if (me.state == End::State::dead) return;
  if (flow.fin_at == sender.delivered) flow.fin_taken = true;
  send_control(connection, side, Packet::Type::ack);
  if (flow.fin_taken && flow.unread.empty() && !flow.flushing && me.state == End::State::open)
    end(connection, side, Ending::fin);
}

// The window.

void Network::taken(Socket socket, std::size_t bytes) {
  const Found found = find(socket);
  if (!found) return;
  Connection& connection = *found.connection;
  End& sender = connection.ends[found.side ^ 1U];
  sender.consumed += bytes;
  if (connection.detail == nullptr) return;
  const End::State state = connection.ends[found.side].state;
  if (state != End::State::open && state != End::State::lingering) return;
  // Worth a packet only if the sender may be short of room.
  const std::uint64_t known = connection.detail->flow[found.side ^ 1U].edge;
  if (known < sender.delivered + 2 * tcp_.mss)
    send_control(connection, found.side, Packet::Type::ack);
}

void Network::flush(void* self, std::uint64_t socket, std::uint64_t) {
  auto& network = *static_cast<Network*>(self);
  const Found found = network.find(static_cast<Socket>(socket));
  if (found && found.connection->detail != nullptr) network.flush(*found.connection, found.side);
}

void Network::flush(Connection& connection, Side side) {
  End& me = connection.ends[side];
  Flow& flow = connection.detail->flow[side];
  flow.flushing = false;
  if (!me.reading || me.state != End::State::open) return;
  if (!flow.unread.empty()) {
    const std::uint32_t generation = connection.generation;
    const std::vector<std::uint8_t> bytes = std::exchange(flow.unread, {});
    connection.ends[side ^ 1U].delivered -= bytes.size();  // deliver() counts them
    deliver(connection, side, bytes);
    if (!valid(connection, generation) || me.state == End::State::dead) return;
    send_control(connection, side, Packet::Type::ack);
  }
  if (flow.fin_taken && flow.unread.empty() && me.state == End::State::open)
    end(connection, side, Ending::fin);
  else
    settle(connection);
}

// Timers. One event stands for the timer of an end; it asks again when it comes too early.

void Network::arm(Connection& connection, Side side) {
  const End& me = connection.ends[side];
  Flow& flow = connection.detail->flow[side];
  const bool stalled = flow.una < me.written && flow.next >= flow.edge;
  if (!outstanding(flow) && !stalled) {
    flow.set = false;
    return;
  }
  want_timer(connection, side,
             std::min(scheduler_.now() + flow.rto, flow.progress + tcp_.user_timeout));
}

void Network::want_timer(Connection& connection, Side side, Instant due) {
  Flow& flow = connection.detail->flow[side];
  flow.due = due;
  flow.set = true;
  if (flow.event && flow.asked <= due) return;
  flow.event = true;
  flow.asked = due;
  scheduler_.at(
      due, {&Network::timer, this, word(socket_of(connection, side)), ++connection.tokens[side]});
}

void Network::timer(void* self, std::uint64_t socket, std::uint64_t token) {
  auto& network = *static_cast<Network*>(self);
  const Found found = network.find(static_cast<Socket>(socket));
  if (!found || found.connection->detail == nullptr) return;
  if (found.connection->tokens[found.side] != token) return;
  Flow& flow = found.connection->detail->flow[found.side];
  flow.event = false;
  if (!flow.set) return;
  if (flow.due > network.scheduler_.now())
    network.want_timer(*found.connection, found.side, flow.due);
  else
    network.timed(*found.connection, found.side);
}

void Network::timed(Connection& connection, Side side) {
  End& me = connection.ends[side];
  Flow& flow = connection.detail->flow[side];
  const Instant now = scheduler_.now();
  flow.set = false;
  const bool begun = me.state == End::State::open || me.state == End::State::lingering;
  const Instant end_of_patience =
      flow.progress + (begun ? tcp_.user_timeout : tcp_.connect_timeout);
  if (now >= end_of_patience) {
    trace_.note(me.process->id(), Kind::timed_out, word(socket_of(connection, side)));
    if (me.state == End::State::connecting)
      refuse(connection, Refusal::timed_out);
    else if (me.state == End::State::open)
      end(connection, side, Ending::timed_out);
    else
      bury(connection, side);
    return;
  }
  flow.rto = std::min(flow.rto * 2, tcp_.max_rto);
  if (!begun) {
    send_control(connection, side,
                 me.state == End::State::connecting ? Packet::Type::syn : Packet::Type::syn_ack);
    want_timer(connection, side, std::min(now + flow.rto, end_of_patience));
    return;
  }
  if (outstanding(flow)) {
    trace_.note(me.process->id(), Kind::retransmitted, word(socket_of(connection, side)), flow.una);
    flow.threshold = std::max<std::uint64_t>((flow.sent - flow.una) / 2, 2 * tcp_.mss);
    flow.congestion = tcp_.mss;
    flow.recover = flow.sent;
    flow.next = flow.una;
    flow.repeats = 0;
    flow.measuring = false;
    flow.fin_sent = false;
    transmit(connection, side);
  } else {
    trace_.note(me.process->id(), Kind::window_closed, word(socket_of(connection, side)), flow.una);
    send_control(connection, side, Packet::Type::probe);
  }
  if (!flow.set) arm(connection, side);
}

}  // namespace hubproof::sim
