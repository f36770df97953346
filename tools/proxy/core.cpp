#include "tools/proxy/core.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "model/mqtt/codec.hpp"
#include "tools/describe_fault.hpp"
#include "tools/scenario.hpp"

namespace hubproof::tools {
namespace {

using sim::FaultKind;
using Kind = ProxyEffect::Kind;

// What a lossy path loses, TCP sends again after such a time, and twice that, and so on.
constexpr model::Duration first_resend = std::chrono::milliseconds{200};
constexpr model::Duration longest_resend = std::chrono::seconds{10};

model::Duration resent_after(std::uint32_t tries) {
  return std::min(longest_resend, first_resend * (std::int64_t{1} << std::min(tries, 10u)));
}

const char* side_text(From from) { return from == From::client ? "client" : "server"; }

std::string text_of(const Trigger& at) {
  std::string text = ", at ";
  text += at.count > 0 ? "number " + std::to_string(at.count) + " of " : "each ";
  text += at.packet == "*" ? "packet" : at.packet;
  if (!at.topic.empty()) text += " to " + at.topic;
  if (at.from != Trigger::Side::either) text += at.from == Trigger::Side::client ? " of the client" : " of the server";
  return text;
}

}  // namespace

ProxyCore::ProxyCore(const ProxyScript& script, const Cast& cast, std::uint64_t seed, model::Instant start)
    : cast_{cast}, start_{start}, faults_{seed}, choices_{sim::Choices::mix(seed)} {
  if (script.duration > sim::Duration{0}) heals_ = start + script.duration;
  faults_.plan(timed_faults(script, cast, seed), cast.names, start, heals_);
  for (const ProxyFault& one : script.faults)
    if (one.at) {
      Armed armed;
      armed.fault = one.fault;
      armed.at = *one.at;
      armed.text = describe_fault(one.fault, cast.names) + text_of(*one.at);
      armed_.push_back(std::move(armed));
    }
}

// Draws hang on the client's name and the direction, so that no connection shifts those of another.
sim::NodeId ProxyCore::node(const Pair& pair, From from) {
  const std::string& client = pair.client;
  const std::string name = client.empty() ? "connection " + std::to_string(pair.number) : client;
  auto found = nodes_.find(name);
  if (found == nodes_.end()) {
    const auto number = static_cast<std::uint32_t>(1 + 2 * nodes_.size());
    found = nodes_.emplace(name, number).first;
    choices_.name(sim::NodeId{number}, name + " to hub");
    choices_.name(sim::NodeId{number + 1}, "hub to " + name);
  }
  return sim::NodeId{found->second + static_cast<std::uint32_t>(from)};
}

void ProxyCore::done(Kind kind, PairId id, From side, model::Bytes bytes) {
  effects_.push_back({kind, id, side, std::move(bytes)});
}

void ProxyCore::note(PairId id, std::string did, bool fault) {
  ProxyNote& told = notes_.emplace_back();
  told.pair = id;
  if (const auto found = pairs_.find(id); found != pairs_.end()) told.client = found->second.client;
  told.did = std::move(did);
  told.fault = fault;
}

// ---- Connections.

void ProxyCore::opened(model::Instant now, PairId id, WireProtocol protocol, std::string client) {
  act(now);
  if (faults_.refuses()) {
    done(Kind::abort, id, From::client);
    return note(id, "refused", true);
  }
  Pair& pair = pairs_.emplace(id, Pair{protocol}).first->second;
  pair.number = ++opened_;
  pair.client = std::move(client);
  done(Kind::dial, id, From::server);
  note(id, "opened", false);
}

void ProxyCore::connected(model::Instant now, PairId id) {
  act(now);
  const auto found = pairs_.find(id);
  if (found == pairs_.end()) return;
  found->second.connected = true;
  if (move(now, id, From::client)) move(now, id, From::server);
}

void ProxyCore::refused(model::Instant now, PairId id) {
  act(now);
  const auto found = pairs_.find(id);
  if (found == pairs_.end()) return;
  if (!found->second.client_gone) done(Kind::abort, id, From::client);
  note(id, "the server cannot be reached", false);
  pairs_.erase(found);
}

void ProxyCore::received(model::Instant now, PairId id, From from, model::View bytes) {
  act(now);
  auto found = pairs_.find(id);
  if (found == pairs_.end() || found->second.doomed) return;
  std::vector<Piece> pieces;
  found->second.dissector.take(from, bytes, pieces);
  for (Piece& piece : pieces) {
    if (found->second.doomed) break;
    take(now, id, found->second, from, std::move(piece));
  }
  if (!move(now, id, from)) return;
  Pair& pair = found->second;
  Way& here = way(pair, from);
  if (!here.held && here.queued > most_queued) {
    here.held = true;
    done(Kind::hold, id, from);
  }
}

void ProxyCore::ended(model::Instant now, PairId id, From side, model::EndedBy by) {
  act(now);
  const auto found = pairs_.find(id);
  if (found == pairs_.end()) return;
  Pair& pair = found->second;
  bool& gone = side == From::client ? pair.client_gone : pair.server_gone;
  const bool other_gone = side == From::client ? pair.server_gone : pair.client_gone;
  gone = true;
  note(id, std::string{"the "} + side_text(side) + (by == model::EndedBy::peer ? " left" : " broke off"), false);
  if (other_gone) return pairs_.erase(found), void();
  if (by != model::EndedBy::peer) {
    if (side == From::client || pair.connected) done(Kind::abort, id, other(side));
    return pairs_.erase(found), void();
  }
  // Its end comes behind its last bytes, and it hears nothing more.
  way(pair, other(side)) = Way{};
  if (pair.doomed) {
    if (way(pair, side).queue.empty()) {
      done(Kind::abort, id, other(side));
      pairs_.erase(found);
    }
    return;
  }
  std::vector<Piece> pieces;
  pair.dissector.finish(side, pieces);
  for (Piece& piece : pieces) take(now, id, pair, side, std::move(piece));
  queue_end(pair, side, Waiting::Is::end);
  move(now, id, side);
}

void ProxyCore::queue_end(Pair& pair, From from, Waiting::Is is) {
  Way& here = way(pair, from);
  Waiting end;
  end.is = is;
  if (!here.queue.empty()) end.leaves = here.queue.back().leaves;
  here.queue.push_back(std::move(end));
  pair.doomed = true;
}

// ---- Packets.

bool ProxyCore::covers(const Armed& one, const std::string& client, From from) const {
  const auto has = [&](const std::vector<sim::NodeId>& nodes, std::string_view name) {
    return nodes.empty() || (!name.empty() && std::ranges::any_of(nodes, [&](sim::NodeId node) {
             return cast_.names[static_cast<std::size_t>(node)] == name;
           }));
  };
  const bool up = has(one.fault.nodes, client) && has(one.fault.peers, "hub");
  const bool down = has(one.fault.nodes, "hub") && has(one.fault.peers, client);
  if (!one.fault.one_way) return up || down;
  return from == From::client ? up : down;
}

bool ProxyCore::hits(Armed& one, std::size_t index, Pair& pair, From from, const Piece& piece,
                     model::Instant now) {
  if (heals_ && now >= *heals_) return false;
  if (now < start_ + one.fault.from.time_since_epoch()) return false;
  if (lasts(one.fault.kind) && one.fault.until > one.fault.from &&
      now >= start_ + one.fault.until.time_since_epoch())
    return false;
  if (one.at.times > 0 && one.done >= one.at.times) return false;
  if (one.at.from == Trigger::Side::client && from != From::client) return false;
  if (one.at.from == Trigger::Side::server && from != From::server) return false;
  if (one.at.packet != "*" && one.at.packet != piece.name && one.at.packet != piece.kind) return false;
  if (!one.at.topic.empty() && (piece.topic.empty() || !model::mqtt::matches(one.at.topic, piece.topic))) return false;
  const std::string& client = pair.client;
  if (!covers(one, client, from)) return false;
  const std::uint64_t nth = one.at.per == Trigger::Per::connection ? ++pair.counts[index]
                            : one.at.per == Trigger::Per::client   ? ++one.clients[client]
                                                                   : ++one.count;
  if (one.at.count > 0 && nth != one.at.count) return false;
  const sim::NodeId where = node(pair, from);
  const auto drawn = [&] {
    switch (one.fault.kind) {
      case FaultKind::drop: return one.bursts.lost(one.fault.loss, choices_, where);
      case FaultKind::duplicate: return choices_.chance(sim::Site::duplicate, where, one.fault.odds);
      case FaultKind::reorder: return choices_.chance(sim::Site::reorder, where, one.fault.odds);
      case FaultKind::corrupt: return choices_.chance(sim::Site::corrupt, where, one.fault.odds);
      default: return true;
    }
  };
  if (!drawn()) return false;
  ++one.done;
  return true;
}

void ProxyCore::take(model::Instant now, PairId id, Pair& pair, From from, Piece piece) {
  Way& here = way(pair, from);
  if (pair.client.empty()) pair.client = std::move(piece.client);
  Waiting waiting;
  waiting.leaves = now;
  if (!piece.begins) {  // what was decided for its beginning holds
    if (here.dropping) {
      here.dropping = !piece.ends;
      return;
    }
    waiting.packet_ends = piece.ends;
    waiting.bytes = std::move(piece.bytes);
    queue(now, id, pair, from, std::move(waiting));
    if (piece.ends && here.then) queue_end(pair, from, *std::exchange(here.then, std::nullopt));
    return;
  }
  bool lost = false;
  std::uint32_t copies = 0;
  model::Duration later{}, held_back{};
  std::optional<std::pair<Waiting::Is, Trigger::Place>> end;
  std::string did;
  const auto also = [&](const std::string& what) { did += (did.empty() ? "" : ", ") + what; };
  for (std::size_t i = 0; i < armed_.size(); ++i) {
    Armed& one = armed_[i];
    if (!hits(one, i, pair, from, piece, now)) continue;
    const sim::NodeId where = node(pair, from);
    switch (one.fault.kind) {
      case FaultKind::reset:
      case FaultKind::half_open: {
        constexpr std::array<const char*, 3> places = {"before", "inside", "after"};
        if (end) break;
        const bool reset = one.fault.kind == FaultKind::reset;
        end = {reset ? Waiting::Is::reset : Waiting::Is::silence, one.at.place};
        also(std::string{reset ? "reset " : "half-open "} + places[static_cast<std::size_t>(one.at.place)] + " it");
        break;
      }
      case FaultKind::drop:
        lost = true;
        also("dropped");
        break;
      case FaultKind::duplicate:
        ++copies;
        held_back = one.fault.duration.draw(choices_, sim::Site::duplicate, where);
        also("sent twice");
        break;
      case FaultKind::reorder:
        held_back = one.fault.duration.draw(choices_, sim::Site::reorder, where);
        also("held back");
        break;
      case FaultKind::delay:
        later += one.fault.duration.draw(choices_, sim::Site::delay, where);
        also("delayed");
        break;
      case FaultKind::corrupt: {
        const std::uint64_t bit = choices_.wide(sim::Site::corrupt, where, piece.bytes.size() * 8);
        piece.bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        also("bit " + std::to_string(bit) + " flipped");
        break;
      }
      default: break;
    }
  }
  ProxyNote& told = notes_.emplace_back();
  told.pair = id;
  told.client = pair.client;
  told.from = from;
  told.packet = piece.name;
  told.bytes = piece.bytes.size();
  told.fault = !did.empty();
  told.did = did.empty() ? "passed on" : did;

  if (end && end->second == Trigger::Place::before) return queue_end(pair, from, end->first);
  if (lost) {
    here.dropping = !piece.ends;
    if (end) queue_end(pair, from, end->first);
    return;
  }
  waiting.leaves = now + later;
  waiting.packet_ends = piece.ends;
  waiting.bytes = std::move(piece.bytes);
  if (end && end->second == Trigger::Place::inside) {
    waiting.bytes.resize(waiting.bytes.size() / 2);
    queue(now, id, pair, from, std::move(waiting));
    return queue_end(pair, from, end->first);
  }
  const bool whole = piece.ends;
  if (copies > 0 && whole) {
    Waiting copy = waiting;
    copy.leaves += held_back;
    copy.behind = here.came + 1;
    queue_late(here, std::move(copy));
  } else if (held_back > model::Duration{0} && whole) {
    waiting.leaves += held_back;
    waiting.behind = here.came;
    queue_late(here, std::move(waiting));
    if (end) queue_end(pair, from, end->first);
    return;
  }
  queue(now, id, pair, from, std::move(waiting));
  if (!end) return;
  if (whole) queue_end(pair, from, end->first);
  else here.then = end->first;
}

void ProxyCore::queue(model::Instant now, PairId id, Pair& pair, From from, Waiting waiting) {
  passes(now, id, pair, from, waiting);
  Way& here = way(pair, from);
  if (!here.queue.empty()) waiting.leaves = std::max(waiting.leaves, here.queue.back().leaves);
  here.queued += waiting.bytes.size();
  ++here.came;
  here.queue.push_back(std::move(waiting));
}

void ProxyCore::queue_late(Way& here, Waiting waiting) {
  here.queued += waiting.bytes.size();
  const auto behind = std::ranges::upper_bound(here.late, waiting.leaves, {}, &Waiting::leaves);
  here.late.insert(behind, std::move(waiting));
}

// What faults do that ask for no packet.
void ProxyCore::passes(model::Instant now, PairId id, Pair& pair, From from, Waiting& waiting) {
  waiting.lost = false;
  if (!faults_.any_on()) return;
  const auto direction = from == From::client ? LiveFaults::Direction::to_hub : LiveFaults::Direction::to_device;
  const LiveFaults::Passage passage = faults_.passes(now, direction, pair.client, waiting.bytes.size());
  if (passage.lost) {
    // TCP sends it again, and that may be lost, too: the stream stalls.
    waiting.leaves = now + resent_after(waiting.tries++);
    waiting.lost = true;
    if (waiting.tries == 1) note(id, std::string{"bytes of the "} + side_text(from) + " are lost and sent again", true);
    return;
  }
  waiting.leaves = std::max(waiting.leaves, passage.leaves);
  if (!passage.flipped) return;
  waiting.bytes[*passage.flipped / 8] ^= static_cast<std::uint8_t>(1U << *passage.flipped % 8);
  note(id, "bit " + std::to_string(*passage.flipped) + " of " + std::to_string(waiting.bytes.size()) +
               " bytes of the " + side_text(from) + " flipped", true);
}

bool ProxyCore::move(model::Instant now, PairId id, From from) {
  const auto found = pairs_.find(id);
  if (found == pairs_.end()) return false;
  Pair& pair = found->second;
  const From to = other(from);
  const auto direction = from == From::client ? LiveFaults::Direction::to_hub : LiveFaults::Direction::to_device;
  if (to == From::server && !pair.connected) return true;
  if (faults_.blocked(direction, pair.client)) return true;
  Way& here = way(pair, from);
  bool between = true;  // two packets, so a late one may come in
  const auto send_late = [&] {
    std::erase_if(here.late, [&](Waiting& late) {
      if (late.leaves > now || late.behind > here.left) return false;
      here.queued -= late.bytes.size();
      done(Kind::send, id, to, std::move(late.bytes));
      return true;
    });
  };
  while (!here.queue.empty()) {
    if (between) send_late();
    Waiting& front = here.queue.front();
    if (front.leaves > now) break;
    if (front.is == Waiting::Is::bytes) {
      if (front.lost) passes(now, id, pair, from, front);
      if (front.leaves > now) break;
      between = front.packet_ends;
      here.queued -= front.bytes.size();
      if (!front.bytes.empty()) done(Kind::send, id, to, std::move(front.bytes));
      here.queue.pop_front();
      ++here.left;
      continue;
    }
    if (front.is == Waiting::Is::silence) return silence(id), false;
    if (front.is == Waiting::Is::reset) return cut(id), false;
    if (!here.late.empty()) {
      front.leaves = std::ranges::max(here.late, {}, &Waiting::leaves).leaves;
      break;
    }
    done(Kind::close, id, to);
    pairs_.erase(found);
    return false;
  }
  if (between && here.queue.empty()) send_late();
  if (here.held && here.queued <= most_queued / 4) {
    here.held = false;
    done(Kind::let_go, id, from);
  }
  return true;
}

void ProxyCore::move_all(model::Instant now) {
  std::vector<PairId> all;
  for (const auto& [id, pair] : pairs_) all.push_back(id);
  for (const PairId id : all)
    if (move(now, id, From::client)) move(now, id, From::server);
}

void ProxyCore::cut(PairId id) {
  const auto found = pairs_.find(id);
  if (found == pairs_.end()) return;
  if (!found->second.client_gone) done(Kind::abort, id, From::client);
  if (!found->second.server_gone) done(Kind::abort, id, From::server);
  note(id, "reset", true);
  pairs_.erase(found);
}

void ProxyCore::silence(PairId id) {
  const auto found = pairs_.find(id);
  if (found == pairs_.end()) return;
  note(id, "silent", true);
  done(Kind::silence, id, From::client);
  pairs_.erase(found);
}

// ---- Time.

void ProxyCore::woken(model::Instant now) {
  act(now);
  move_all(now);
}

void ProxyCore::act(model::Instant now) {
  using Act = LiveFaults::Act::Kind;
  bool any = false;
  while (const auto due = faults_.due(now)) {
    any = true;
    const auto covered = [&] {
      std::vector<PairId> all;
      for (const auto& [id, pair] : pairs_)
        if (faults_.covers(due->fault, pair.client)) all.push_back(id);
      return all;
    };
    switch (due->kind) {
      case Act::begins: note({}, "fault: " + faults_.text(due->fault), true); break;
      case Act::ends: note({}, "over: " + faults_.text(due->fault), true); break;
      case Act::healed: note({}, "all faults are over", true); break;
      case Act::reset:
        for (const PairId id : covered()) cut(id);
        break;
      case Act::silence:
        for (const PairId id : covered()) silence(id);
        break;
      case Act::down:
      case Act::up:
      case Act::clock:
      case Act::news: break;
    }
  }
  if (any) move_all(now);
}

std::optional<model::Instant> ProxyCore::deadline() const {
  std::optional<model::Instant> first = faults_.deadline();
  const auto sooner = [&](model::Instant other) {
    if (!first || other < *first) first = other;
  };
  for (const auto& [id, pair] : pairs_) {
    for (const From from : {From::client, From::server}) {
      if (from == From::client && !pair.connected) continue;
      const auto direction = from == From::client ? LiveFaults::Direction::to_hub : LiveFaults::Direction::to_device;
      if (faults_.blocked(direction, pair.client)) continue;
      const Way& here = pair.ways[static_cast<std::size_t>(from)];
      if (!here.queue.empty()) sooner(here.queue.front().leaves);
      for (const Waiting& late : here.late)
        if (late.behind <= here.left) sooner(late.leaves);
    }
  }
  return first;
}

}  // namespace hubproof::tools
