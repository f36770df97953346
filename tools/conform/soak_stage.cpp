#include "tools/conform/soak_stage.hpp"

#include <algorithm>
#include <cstdlib>

#include "tools/endpoint.hpp"
#include "tools/fault_plan.hpp"
#include "tools/scenario.hpp"

namespace hubproof::tools {

using namespace std::chrono_literals;
using model::ConnectionId;
using model::Duration;
using model::Instant;

namespace {

constexpr Duration look_around = 200ms;  // for ^C, and the wall clock may be set

WireProtocol spoken_at(conformance::cases::Door door) {
  switch (door) {
    case conformance::cases::Door::mqtt: return WireProtocol::mqtt;
    case conformance::cases::Door::amqp: return WireProtocol::amqp;
    case conformance::cases::Door::http: return WireProtocol::http;
  }
  return WireProtocol::bytes;
}

std::string quoted(Duration time) { return '"' + std::to_string(time / 1ms) + "ms\""; }

}  // namespace

// Nothing that TCP would hide: connections are cut, fall silent, or are held up.
std::string SoakStage::script(Duration length, const Faults& faults) {
  return R"({"duration": )" + quoted(length) + R"(, "faults": )" + faults.cuts + R"(, "nemeses": [{"menu": [
  {"reset": "*", "at_once": 1, "gap": {"uniform": ["300ms", )" + quoted(faults.gap) + R"(]}, "at_most": 10000},
  {"reset": "*", "at_once": 0, "gap": {"uniform": ["15s", "40s"]}, "at_most": 10000},
  {"half_open": "*", "at_once": 1, "gap": {"uniform": ["4s", "12s"]}, "at_most": 10000},
  {"delay": {"uniform": ["0s", "300ms"]}, "nodes": "*", "peers": "hub", "at_once": 3, "gap": {"uniform": ["3s", "10s"]}, "length": "2s", "at_most": 10000},
  {"drop": 0.2, "nodes": "*", "peers": "hub", "at_once": 3, "gap": {"uniform": ["3s", "10s"]}, "length": "2s", "at_most": 10000},
  {"partition": "*", "peers": "hub", "at_once": 2, "gap": {"uniform": ["10s", "25s"]}, "length": {"uniform": ["1s", "8s"]}, "at_most": 10000}]}]})";
}

// ---- Players.

void SoakStage::Player::done() {
  perform(effects_, *this);
  while (!synced_.empty()) {
    for (const model::Ticket ticket : std::exchange(synced_, {})) stored(ticket);
    perform(effects_, *this);
  }
  if (const Instant when = next(); when != Instant::max()) stage_.wake(when);
}

void SoakStage::Player::record(std::vector<model::Event>& events) {
  for (model::Event& event : events) stage_.write(event, node_);
}

void SoakStage::Player::connect(ConnectionId own) {
  up_ = false;
  pairs_[own] = stage_.open(*this, own);
}

void SoakStage::Player::send(ConnectionId own, model::View bytes) {
  const auto found = pairs_.find(own);
  if (found != pairs_.end()) stage_.core_->received(stage_.now(), found->second, From::client, bytes);
}

void SoakStage::Player::leave(ConnectionId own, model::EndedBy by) {
  const auto found = pairs_.find(own);
  if (found == pairs_.end()) return;
  const PairId pair = found->second;
  pairs_.erase(found);
  up_ = false;
  stage_.core_->ended(stage_.now(), pair, From::client, by);
  stage_.owners_.erase(pair);
}

model::Chance SoakStage::Player::chance(model::Chance::Time handling) {
  return {[](void* self, model::ChanceSite what, std::uint32_t bound) {
            auto& player = *static_cast<Player*>(self);
            const auto number = static_cast<std::uint32_t>(site(DriverSite::model0)) + static_cast<std::uint32_t>(what);
            return player.stage_.choices_.below(static_cast<sim::Site>(number), player.node_, bound);
          },
          this, handling};
}

void SoakStage::Player::tell(model::What what) {
  model::Event event;
  event.what = what;
  stage_.write(event, node_);
}

// ---- The soak.

SoakStage::SoakStage(const Descriptor& descriptor, const SoakOptions& options)
    : descriptor_{descriptor}, options_{options}, tag_{fresh_tag()}, choices_{options.seed}, port_{context_, *this} {
  history_.terms = model::terms(*model::profile(descriptor.target.profile));
  history_.terms.hub_observed = false;
  history_.participants = {{"hub", model::Role::hub}};
}

sim::NodeId SoakStage::cast(std::string name, model::Role role, const std::string& draws) {
  const auto node = static_cast<sim::NodeId>(history_.participants.size());
  choices_.name(node, draws);
  history_.participants.push_back({std::move(name), role});
  return node;
}

SoakResult SoakStage::run() {
  reached_ = reach(context_, descriptor_);
  result_.unreachable = reached_.problem;
  if (!result_.unreachable.empty()) return result_;
  file_ = HistoryFile::open(options_.history, result_.problem);
  if (!file_) return result_;

  begun_ = now();
  heals_ = begun_ + options_.length;
  std::vector<std::string> names;
  for (std::size_t at = 1; at < history_.participants.size(); ++at) names.push_back(history_.participants[at].name);
  const Cast all = live_cast(names);
  Problems problems;
  core_.emplace(read_proxy_script(script(options_.length, faults()), all, problems), all, options_.seed, begun_);
  if (!problems.empty()) std::abort();  // the text is ours
  if (descriptor_.target.can.has(conformance::cases::Capability::restart) && !descriptor_.restart.empty())
    for (const int third : {1, 2}) restarts_.push_back(begun_ + options_.length * third / 3);

  for (const auto& each : players_) each->begin();
  pump();
  while (!over() && !file_->failed()) {
    context_.run_one();
    if (options_.on_progress) options_.on_progress(now() - begun_);
  }
  for (const auto& each : players_) result_.absent += each->settled() ? 0 : 1;
  tell(model::What::finished);
  if (file_->failed()) result_.problem = options_.history + ": cannot be written any more";
  clean_up();
  port_.stop();
  return result_;
}

void SoakStage::connected(ConnectionId connection) {
  core_->connected(now(), pair_of(connection));
  pump();
}

void SoakStage::refused(ConnectionId connection) {
  core_->refused(now(), pair_of(connection));
  pump();
}

void SoakStage::received(ConnectionId connection, model::View bytes) {
  core_->received(now(), pair_of(connection), From::server, bytes);
  pump();
}

void SoakStage::ended(ConnectionId connection, model::EndedBy by) {
  core_->ended(now(), pair_of(connection), From::server, by);
  pump();
}

void SoakStage::woken() {
  core_->woken(now());
  pump();
  for (const auto& each : players_) each->woken();
  if (!restarts_.empty() && now() >= restarts_.front() && loaded()) restart();
  pump();
}

bool SoakStage::over() {
  if (!healed_ && (now() >= heals_ || (options_.stop && options_.stop()))) heal();
  if (!healed_) return false;
  const bool all = std::ranges::all_of(players_, [](const auto& each) { return each->settled(); });
  if (!all) settled_since_.reset();
  else if (!settled_since_) settled_since_ = now();
  return now() >= *healed_ + longest_settling() + owed_within() || (settled_since_ && now() >= *settled_since_ + owed_within() + 2s);
}

void SoakStage::heal() {
  healed_ = now();
  restarts_.clear();
  tell(model::What::healed);
  for (const auto& each : players_) each->heal();
  pump();
}

// The target, by the means that its descriptor names. Nobody knows what it was told to forget.
void SoakStage::restart() {
  restarts_.erase(restarts_.begin());
  tell(model::What::crashed);
  const bool ok = std::system(descriptor_.restart.c_str()) == 0;
  ++(ok ? result_.restarts : result_.failed_restarts);
  tell(model::What::started);
}

PairId SoakStage::open(Player& player, ConnectionId own) {
  const Door door = player.door(own);
  doors_.push_back(door);
  const PairId pair{static_cast<std::uint32_t>(doors_.size())};
  owners_[pair] = {&player, own, false};
  ++result_.connections;
  core_->opened(now(), pair, spoken_at(door), player.id());
  greeted_.push_back(pair);
  return pair;
}

// Calls do not nest: what the core and the players want is done one by one, until nobody wants anything.
void SoakStage::pump() {
  for (;;) {
    for (const PairId pair : std::exchange(greeted_, {})) {
      const auto owner = owners_.find(pair);
      if (owner == owners_.end() || !core_->has(pair)) continue;
      owner->second.connected = true;
      Player& player = *owner->second.player;
      player.connected(owner->second.own);
      player.done();
    }
    const std::vector<ProxyEffect> effects = core_->take_effects();
    for (const ProxyNote& each : core_->take_notes()) note(each);
    if (effects.empty() && greeted_.empty()) break;
    for (const ProxyEffect& effect : effects) perform_one(effect);
  }
  Instant wake = now() + look_around;
  if (const auto deadline = core_->deadline()) wake = std::min(wake, *deadline);
  for (const auto& each : players_) {
    wake = std::min(wake, each->next());
    each->done();
  }
  port_.wake_at(wake);
}

void SoakStage::perform_one(const ProxyEffect& effect) {
  using Kind = ProxyEffect::Kind;
  if (effect.kind == Kind::dial) {
    const auto door = static_cast<std::size_t>(doors_[static_cast<std::uint32_t>(effect.pair) - 1]);
    const auto& address = descriptor_.doors[door];
    return port_.connect(connection(effect.pair), reached_.endpoints[door], address->tls ? reached_.tls.get() : nullptr, address->where.host);
  }
  if (effect.kind == Kind::silence) {  // both ends find out by themselves
    port_.fall_silent(connection(effect.pair));
    owners_.erase(effect.pair);
    return;
  }
  if (effect.side == From::server) {
    if (effect.kind == Kind::send) port_.send(connection(effect.pair), effect.bytes);
    if (effect.kind == Kind::close) port_.close(connection(effect.pair));
    if (effect.kind == Kind::abort) port_.abort_after_sent(connection(effect.pair));
    if (effect.kind == Kind::hold || effect.kind == Kind::let_go) port_.hold(connection(effect.pair), effect.kind == Kind::hold);
    return;
  }
  const auto owner = owners_.find(effect.pair);
  if (owner == owners_.end()) return;  // its player has left it
  const auto [player, own, connected] = owner->second;
  if (effect.kind == Kind::send) {
    player->received(own, effect.bytes);
  } else if (effect.kind == Kind::close || effect.kind == Kind::abort) {
    owners_.erase(owner);
    player->pairs_.erase(own);
    player->up_ = false;
    if (!connected) player->refused(own);
    else player->ended(own, effect.kind == Kind::close ? model::EndedBy::peer : model::EndedBy::reset);
  }
  player->done();
}

// ---- What is told.

void SoakStage::write(model::Event event, sim::NodeId observer) {
  const model::Now time = RealNet::now();
  event.at = (time.mono - begun_).count();
  event.local = time.wall.time_since_epoch().count();
  event.observer = static_cast<model::NodeIndex>(observer);
  if (event.device == model::NodeIndex::none) event.device = event.observer;
  if (!cleaning_) file_->write(history_, event);
}

void SoakStage::tell(model::What what, const std::string& text) {
  model::Event event;
  event.what = what;
  if (!text.empty()) event.note = note_of(text);
  write(event, hub_node);
}

std::uint32_t SoakStage::note_of(const std::string& text) {
  const auto [found, is_new] = notes_.try_emplace(text, static_cast<std::uint32_t>(history_.notes.size()));
  if (is_new) history_.notes.push_back(text);
  return found->second;
}

void SoakStage::note(const ProxyNote& told) {
  if (!told.fault || healed_) return;
  const bool over = told.did.starts_with("over: ");
  if (!over) ++result_.faults;
  tell(over ? model::What::fault_ends : model::What::fault_begins, over ? told.did.substr(6) : told.did);
}

}  // namespace hubproof::tools
