#include "tools/exhaustive/world.hpp"

#include <algorithm>

#include "sim/ensure.hpp"
#include "tools/quantity.hpp"
#include "tools/sim_node.hpp"

namespace hubproof::tools::exhaustive {

using Kind = Action::Kind;

World::World(const Cast& cast) : cast_{cast} {
  number("");  // 0: no bytes
  sim::ensure(cast_.names.size() <= most_nodes);
  for (std::size_t node = 0; node < cast_.names.size(); ++node)
    memories_.emplace_back([this, node] { return cast_.make(node); });
}

std::uint32_t World::number(const std::string& bytes) {
  const auto [at, fresh] = numbers_.try_emplace(bytes, static_cast<std::uint32_t>(writes_.size()));
  if (fresh) writes_.push_back(std::make_unique<std::string>(bytes));
  return at->second;
}

State World::beginning(std::vector<Fed>& fed) {
  State state;
  using In = Input::Kind;
  feed(state, 0, {In::boot}, fed);
  for (std::size_t node = cast_.first_device; node < cast_.names.size(); ++node)
    feed(state, 0, {In::create, 0, 0, 0, number(cast_.names[node]), cast_.names[node]}, fed);
  const auto settle = [&] {
    for (;;) {
      const Actions may = actions(state);
      const Action first = may[0];
      if (first.kind >= Kind::submit) break;
      step(state, first, fed);
    }
  };
  settle();
  for (std::size_t node = 1; node < cast_.names.size(); ++node) {
    feed(state, node, {In::boot}, fed);
    settle();
  }
  const std::int64_t begin = cast_.scenario.exhaustive->begin.count();
  while (next_deadline(state) <= begin) {
    state.now = next_deadline(state);
    settle();
  }
  state.now = begin;
  return state;
}

std::int64_t World::next_deadline(const State& state) const {
  std::int64_t next = Standing::never;
  for (std::size_t node = 0; node < memories_.size(); ++node)
    next = std::min(next, memories_[node].standing(state.at[node]).deadline);
  return next;
}

Actions World::actions(const State& state) const {
  Actions may;
  const auto can = [&](Kind kind, std::size_t which, std::uint8_t variant = 0) {
    sim::ensure(may.push({kind, static_cast<std::uint8_t>(which), variant}));
  };
  for (std::size_t i = 0; i < state.pipes.size(); ++i) {
    const Pipe& pipe = state.pipes[i];
    if (!pipe.up.empty()) can(Kind::to_hub, i);
    if (!pipe.down.empty()) can(Kind::to_client, i);
    if (pipe.dialling) can(Kind::dial, i);
  }
  const std::size_t nodes = memories_.size();
  for (std::size_t node = 0; node < nodes; ++node) {
    const Standing& standing = memories_[node].standing(state.at[node]);
    if (standing.syncs > 0) can(Kind::sync, node);
    if (standing.deadline <= state.now) can(Kind::alarm, node);
  }
  for (std::size_t node = 0; node < nodes; ++node) {
    const Standing& standing = memories_[node].standing(state.at[node]);
    if (state.submitted[node] < cast_.work(node) && !standing.down) can(Kind::submit, node);
    if (!standing.halted) continue;
    can(Kind::give_up, node, 0);
    if (standing.unsynced) can(Kind::give_up, node, 1);
  }
  const bool rest = may.empty();
  const std::int64_t next = next_deadline(state);
  const std::int64_t until = cast_.scenario.duration.count();
  if (state.healed) {
    // From here on one order stands for all: the first of what may happen.
    if (rest) can(next < until + cast_.scenario.settle.count() ? Kind::pass : Kind::finish, 0);
    return may;
  }
  if (rest) can(next < until ? Kind::pass : Kind::heal, 0);
  const ExhaustivePlan& plan = *cast_.scenario.exhaustive;
  if (state.faults >= plan.faults) return may;
  for (std::size_t i = 0; i < state.pipes.size(); ++i) {
    const Pipe& pipe = state.pipes[i];
    if (pipe.broken || pipe.client_connection == 0 || pipe.hub_connection == 0) continue;
    const auto hits = [&](const std::vector<sim::NodeId>& whom) {
      return std::ranges::count(whom, sim::NodeId{pipe.client}) > 0;
    };
    if (hits(plan.connection_loss)) can(Kind::lose, i);
    if (hits(plan.silent_loss)) can(Kind::lose_silently, i);
  }
  for (const sim::NodeId id : plan.crash) {
    const auto node = static_cast<std::size_t>(id);
    const Standing& standing = memories_[node].standing(state.at[node]);
    if (standing.halted || standing.down) continue;
    can(Kind::crash, node, 0);
    if (standing.unsynced) can(Kind::crash, node, 1);
  }
  if (plan.late && !rest && next > state.now && next < until) can(Kind::late, 0);
  return may;
}

void World::step(State& state, Action action, std::vector<Fed>& fed) {
  using In = Input::Kind;
  const std::size_t which = action.which;
  if (action.fault()) ++state.faults;
  switch (action.kind) {
    case Kind::to_hub:
      arrive(state, which, true, fed);
      break;
    case Kind::to_client:
      arrive(state, which, false, fed);
      break;
    case Kind::dial: {
      Pipe& pipe = state.pipes[which];
      pipe.dialling = false;
      if (memories_[0].standing(state.at[0]).down) {
        const Input refused{In::refused, 0, pipe.client_connection};
        const std::size_t client = pipe.client;
        state.pipes.erase(which);
        feed(state, client, refused, fed);
        break;
      }
      pipe.hub_connection = ++state.opened;
      const std::size_t client = pipe.client;
      const std::uint32_t theirs = pipe.client_connection;
      // A service's way to the registry is not played, so it calls at one door only.
      const model::Door door =
          cast_.is_service(client) ? model::Door::amqp : door_of(cast_.group(client).settings);
      feed(state, 0, {In::opened, static_cast<std::uint8_t>(door), pipe.hub_connection}, fed);
      feed(state, client, {In::connected, 0, theirs}, fed);
      break;
    }
    case Kind::sync:
      feed(state, which, {In::synced}, fed);
      break;
    case Kind::alarm:
      feed(state, which, {In::woken}, fed);
      break;
    case Kind::submit:
      ++state.submitted[which];
      feed(state, which, {In::submit}, fed);
      break;
    case Kind::pass:
    case Kind::late:
      state.now = next_deadline(state);
      break;
    case Kind::heal:
      state.now = cast_.scenario.duration.count();
      state.healed = true;
      break;
    case Kind::finish:
      break;
    case Kind::lose:
    case Kind::lose_silently: {
      Pipe& pipe = state.pipes[which];
      pipe.up.clear();
      pipe.down.clear();
      if (action.kind == Kind::lose)
        pipe.up.push(end_of | static_cast<std::uint32_t>(model::EndedBy::reset));
      pipe.down.push(end_of | static_cast<std::uint32_t>(model::EndedBy::reset));
      pipe.broken = true;
      break;
    }
    case Kind::give_up:
    case Kind::crash:
      for (std::size_t i = 0; i < state.pipes.size(); ++i) {
        Pipe& pipe = state.pipes[i];
        if (which == 0 && pipe.hub_connection != 0) {
          pipe.down.clear();
          end_here(state, i, true, model::EndedBy::reset);
        }
        if (which == pipe.client) {
          if (!pipe.broken) pipe.up.clear();
          end_here(state, i, false, model::EndedBy::reset);
        }
      }
      tidy(state);
      feed(state, which, {In::crash, action.variant}, fed);
      break;
  }
}

// One end is gone: nothing reaches it any more, and the other one will hear of it.
void World::end_here(State& state, std::size_t at, bool hub, model::EndedBy told) {
  Pipe& pipe = state.pipes[at];
  auto& incoming = hub ? pipe.up : pipe.down;
  auto& outgoing = hub ? pipe.down : pipe.up;
  const std::uint32_t other = hub ? pipe.client_connection : pipe.hub_connection;
  incoming.clear();
  (hub ? pipe.hub_connection : pipe.client_connection) = 0;
  if (other == 0) {
    outgoing.clear();
  } else if (outgoing.empty() || outgoing[outgoing.size() - 1] < end_of) {
    if (!outgoing.push(end_of | static_cast<std::uint32_t>(told))) state.overflow = true;
  }
  pipe.broken = true;
  pipe.dialling = false;
}

void World::tidy(State& state) {
  for (std::size_t i = state.pipes.size(); i-- > 0;)
    if (state.pipes[i].client_connection == 0 && state.pipes[i].hub_connection == 0)
      state.pipes.erase(i);
}

void World::arrive(State& state, std::size_t at, bool to_hub, std::vector<Fed>& fed) {
  Pipe& pipe = state.pipes[at];
  auto& row = to_hub ? pipe.up : pipe.down;
  const std::uint32_t write = row[0];
  row.erase(0);
  const std::size_t node = to_hub ? 0 : pipe.client;
  Input input;
  input.connection = to_hub ? pipe.hub_connection : pipe.client_connection;
  if (write >= end_of) {
    input.kind = Input::Kind::ended;
    input.variant = static_cast<std::uint8_t>(write);
    pipe.broken = true;
    (to_hub ? pipe.hub_connection : pipe.client_connection) = 0;
    // What this end has written and the other not heard finds nobody, unless that one is on its way
    // out.
    auto& back = to_hub ? pipe.down : pipe.up;
    if ((to_hub ? pipe.client_connection : pipe.hub_connection) == 0) back.clear();
    tidy(state);
  } else {
    input.kind = Input::Kind::received;
    input.text = write;
    input.bytes = *writes_[write];
  }
  feed(state, node, input, fed);
}

void World::feed(State& state, std::size_t node, Input input, std::vector<Fed>& fed) {
  input.now = state.now;
  Memory& memory = memories_[node];
  const Place place = memory.after(state.at[node], input);
  state.at[node] = place;
  fed.push_back({static_cast<std::uint8_t>(node), place});
  for (const Deed& deed : memory.output(place).deeds) act(state, node, deed);
  tidy(state);
}

void World::act(State& state, std::size_t node, const Deed& deed) {
  if (deed.kind == Deed::Kind::connect) {
    Pipe pipe;
    pipe.client = static_cast<std::uint8_t>(node);
    pipe.client_connection = deed.connection;
    pipe.dialling = true;
    std::size_t at = 0;
    while (at < state.pipes.size() &&
           (state.pipes[at].client < node || (state.pipes[at].client == node &&
                                              state.pipes[at].client_connection < deed.connection &&
                                              state.pipes[at].client_connection != 0)))
      ++at;
    if (state.pipes.full())
      state.overflow = true;
    else
      state.pipes.insert(at, pipe);
    return;
  }
  const bool hub = node == 0;
  for (std::size_t i = 0; i < state.pipes.size(); ++i) {
    Pipe& pipe = state.pipes[i];
    const std::uint32_t mine = hub ? pipe.hub_connection : pipe.client_connection;
    if (mine != deed.connection || (!hub && pipe.client != node)) continue;
    if (deed.kind != Deed::Kind::send) {
      const bool abort = deed.kind == Deed::Kind::abort;
      return end_here(state, i, hub, abort ? model::EndedBy::reset : model::EndedBy::peer);
    }
    if (pipe.broken) return;
    if (!(hub ? pipe.down : pipe.up).push(number(deed.bytes))) state.overflow = true;
    return;
  }
}

// The packets of a write on an MQTT connection, by their names; all other writes are the next ones.
std::string World::what_comes(const Pipe& pipe, std::uint32_t write) const {
  const bool mqtt =
      cast_.is_device(pipe.client) && door_of(cast_.group(pipe.client).settings) == model::Door::mqtt;
  if (!mqtt) return "what comes next";
  constexpr std::array<const char*, 16> names{"?",         "CONNECT",  "CONNACK",     "PUBLISH",
                                              "PUBACK",    "PUBREC",   "PUBREL",      "PUBCOMP",
                                              "SUBSCRIBE", "SUBACK",   "UNSUBSCRIBE", "UNSUBACK",
                                              "PINGREQ",   "PINGRESP", "DISCONNECT",  "?"};
  std::string text;
  const std::string& bytes = *writes_[write];
  for (std::size_t at = 0; at < bytes.size();) {
    text +=
        std::string{text.empty() ? "" : ", "} + names[static_cast<std::uint8_t>(bytes[at]) >> 4];
    std::size_t length = 0;
    unsigned shift = 0;
    do {
      if (++at >= bytes.size() || shift > 21) return text;
      length |= std::size_t{static_cast<std::uint8_t>(bytes[at]) & 0x7fu} << shift;
      shift += 7;
    } while ((static_cast<std::uint8_t>(bytes[at]) & 0x80u) != 0);
    at += 1 + length;
  }
  return text;
}

std::string World::describe(const State& state, Action action) const {
  const auto connection = [&] {
    const Pipe& pipe = state.pipes[action.which];
    return cast_.names[pipe.client] + "'s connection" +
           (pipe.client_connection > 0 ? " " + std::to_string(pipe.client_connection) : "");
  };
  const auto arrives = [&](const auto& row, const std::string& to) {
    return row[0] >= end_of ? to + " hears of the end of " + connection()
                            : to + " receives " + what_comes(state.pipes[action.which], row[0]) +
                                  " on " + connection();
  };
  const std::string& name =
      cast_.names[action.which < cast_.names.size() ? action.which : std::size_t{0}];
  const std::string stays = action.variant != 0 ? ", what it had not synced stays" : "";
  const auto lost = [&](const std::string& what) {
    const bool unsynced = memories_[action.which].standing(state.at[action.which]).unsynced;
    return what + (unsynced && action.variant == 0 ? ", what it had not synced is lost" : stays);
  };
  switch (action.kind) {
    case Kind::to_hub:
      return arrives(state.pipes[action.which].up, "the hub");
    case Kind::to_client:
      return arrives(state.pipes[action.which].down, cast_.names[state.pipes[action.which].client]);
    case Kind::dial:
      return connection() + " comes about";
    case Kind::sync:
      return "the oldest sync of " + name + " is done";
    case Kind::alarm:
      return memories_[action.which].standing(state.at[action.which]).down
                 ? name + " starts again"
                 : "a deadline of " + name + " is there";
    case Kind::submit:
      return name + " sends message " + std::to_string(state.submitted[action.which] + 1);
    case Kind::give_up:
      return lost(name + " cannot go on and goes down");
    case Kind::pass:
      return "time passes to " + write_duration(sim::Duration{next_deadline(state)});
    case Kind::heal:
      return "faults are over";
    case Kind::finish:
      return "the run ends";
    case Kind::lose:
      return "FAULT: " + connection() + " is lost, with what is under way on it";
    case Kind::lose_silently:
      return "FAULT: " + connection() +
             " is lost, with what is under way on it, and the hub does not hear of it";
    case Kind::crash:
      return lost("FAULT: " + name + " crashes");
    case Kind::late:
      return "FAULT: all that is under way is late: time passes to " +
             write_duration(sim::Duration{next_deadline(state)});
  }
  return {};
}

}  // namespace hubproof::tools::exhaustive
