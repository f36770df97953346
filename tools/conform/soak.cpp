#include "tools/conform/soak.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "model/device/topic_client.hpp"
#include "tools/asio_port.hpp"
#include "tools/conform/reach.hpp"
#include "tools/endpoint.hpp"
#include "tools/fault_plan.hpp"
#include "tools/history_file.hpp"
#include "tools/proxy/core.hpp"
#include "tools/scenario.hpp"
#include "tools/sim_node.hpp"
#include "tools/topic_load.hpp"

namespace hubproof::tools {
namespace {

using namespace std::chrono_literals;
using model::ConnectionId;
using model::Duration;
using model::Instant;
using conformance::cases::Capability;

constexpr Duration look_around = 200ms;      // for ^C, and the wall clock may be set
constexpr Duration owed_within = 10s;        // what may still come has come, at a broker that all can reach
constexpr Duration longest_settling = 120s;  // then who is still away is away
constexpr Duration longest_cleaning = 5s;

// Clients of every kind: each QoS both ways, wildcards, retained messages, wills, kept and clean sessions, some that
// leave and come back. # stands for the names of this run.
constexpr const char* workload = R"({
  "profile": "mqtt-3.1.1", "duration": "1h",
  "clients": [
    {"name": "sensor{}", "count": 6, "start": {"uniform": ["0s", "2s"]}, "keep_alive": "5s", "will": {"topic": "#/state/{}", "qos": 1, "retain": true},
     "publishes": [
       {"topic": "#/plant/{}/fast", "qos": 1, "every": {"uniform": ["100ms", "500ms"]}, "body": {"uniform": [16, 400]}, "burst": 2},
       {"topic": "#/plant/{}/exact", "qos": 2, "every": {"uniform": ["200ms", "1s"]}, "body": 40},
       {"topic": "#/plant/{}/loose", "qos": 0, "every": {"uniform": ["300ms", "1s"]}, "body": 20},
       {"topic": "#/plant/{}/last", "qos": 1, "retain": true, "every": {"uniform": ["1s", "4s"]}, "body": 30}]},
    {"name": "keeper{}", "count": 3, "keep_alive": "5s", "will": {"topic": "#/state/keeper{}", "qos": 1},
     "subscribes": [{"filter": "#/plant/+/exact", "qos": 2}, {"filter": "#/plant/+/fast", "qos": 1}, {"filter": "#/state/#", "qos": 2}],
     "sleep": {"awake": {"uniform": ["5s", "20s"]}, "asleep": {"uniform": ["500ms", "4s"]}}},
    {"name": "visitor{}", "count": 3, "clean_session": true, "start": {"uniform": ["1s", "10s"]}, "keep_alive": "5s",
     "subscribes": [{"filter": "#/#", "qos": 2}],
     "sleep": {"awake": {"uniform": ["5s", "15s"]}, "asleep": {"uniform": ["500ms", "2s"]}},
     "publishes": [{"topic": "#/visit/{}", "qos": 2, "every": "1s", "body": 20}]}]})";

// Nothing that TCP would hide: connections are cut, between the steps of an exchange, too, fall silent, or are held up.
constexpr const char* faults = R"(, "faults": [
  {"reset": "*", "at": {"packet": "PUBREC", "from": "server", "count": 4}},
  {"reset": "*", "at": {"packet": "PUBACK", "from": "server", "count": 15}},
  {"reset": "*", "at": {"packet": "PUBCOMP", "from": "server", "count": 9}},
  {"reset": "*", "at": {"packet": "PUBLISH", "from": "server", "count": 50, "place": "inside"}},
  {"reset": "*", "at": {"packet": "PUBREC", "from": "client", "count": 6}},
  {"reset": "*", "at": {"packet": "PUBCOMP", "from": "client", "count": 11}},
  {"half_open": "*", "at": {"packet": "PUBLISH", "from": "client", "count": 70, "place": "after"}}],
  "nemeses": [{"menu": [
  {"reset": "*", "at_once": 1, "gap": {"uniform": ["300ms", "3s"]}, "at_most": 10000},
  {"reset": "*", "at_once": 0, "gap": {"uniform": ["15s", "40s"]}, "at_most": 10000},
  {"half_open": "*", "at_once": 1, "gap": {"uniform": ["4s", "12s"]}, "at_most": 10000},
  {"delay": {"uniform": ["0s", "300ms"]}, "nodes": "*", "peers": "hub", "at_once": 3, "gap": {"uniform": ["3s", "10s"]}, "length": "2s", "at_most": 10000},
  {"drop": 0.2, "nodes": "*", "peers": "hub", "at_once": 3, "gap": {"uniform": ["3s", "10s"]}, "length": "2s", "at_most": 10000},
  {"partition": "*", "peers": "hub", "at_once": 2, "gap": {"uniform": ["10s", "25s"]}, "length": {"uniform": ["1s", "8s"]}, "at_most": 10000}]}]})";

std::string with_tag(std::string text, const std::string& tag) {
  for (std::size_t at; (at = text.find("\"#/")) != std::string::npos;) text.replace(at, 3, "\"" + tag + "/");
  return text;
}

class Soak final : public PortUser {
 public:
  Soak(const Descriptor& descriptor, const SoakOptions& options)
      : descriptor_{descriptor},
        options_{options},
        tag_{fresh_tag()},
        scenario_{read_scenario(with_tag(workload, tag_), "the soak").scenario},
        choices_{options.seed},
        port_{context_, *this} {
    history_.terms = model::terms(*model::profile(descriptor.target.profile));
    history_.terms.hub_observed = false;
    history_.terms.settle_ns = Duration{4 * owed_within}.count();  // the checks ask for a quarter of it
    history_.participants = {{"hub", model::Role::hub}};
    for (const ClientGroup& group : scenario_.clients)
      for (std::uint32_t number = 0; number < group.count; ++number) {
        std::string id = tag_ + group.name;
        id.replace(id.find("{}"), 2, std::to_string(number));
        const auto node = static_cast<sim::NodeId>(history_.participants.size());
        choices_.name(node, group.name + std::to_string(number));  // the draws of a seed do not hang on the tag
        players_.push_back(std::make_unique<Player>(*this, group, number, id, node));
        history_.participants.push_back({id, model::Role::device});
      }
  }

  SoakResult run() {
    Reached reached = reach(context_, descriptor_);
    result_.unreachable = reached.problem;
    if (!result_.unreachable.empty()) return result_;
    address_ = &*descriptor_.doors[static_cast<std::size_t>(conformance::cases::Door::mqtt)];
    broker_ = reached.endpoints[static_cast<std::size_t>(conformance::cases::Door::mqtt)];
    tls_ = address_->tls ? reached.tls.get() : nullptr;
    file_ = HistoryFile::open(options_.history, result_.problem);
    if (!file_) return result_;

    begun_ = RealNet::now().mono;
    heals_ = begun_ + options_.length;
    std::vector<std::string> names;
    for (std::size_t at = 1; at < history_.participants.size(); ++at) names.push_back(history_.participants[at].name);
    const Cast cast = live_cast(names);
    Problems problems;
    const std::string script = R"({"duration": ")" + std::to_string(options_.length / 1ms) + "ms\"" + faults;
    core_.emplace(read_proxy_script(script, cast, problems), cast, options_.seed, begun_);
    if (!problems.empty()) std::abort();  // the text above is ours
    if (descriptor_.target.can.has(Capability::restart) && !descriptor_.restart.empty())
      for (const int third : {1, 2}) restarts_.push_back(begun_ + options_.length * third / 3);

    for (const auto& each : players_) each->begin();
    while (!over() && !failed()) {
      context_.run_one();
      if (options_.on_progress) options_.on_progress(now() - begun_);
    }
    for (const auto& each : players_) result_.absent += each->settled() ? 0 : 1;
    tell(model::What::finished);
    if (failed()) result_.problem = options_.history + ": cannot be written any more";
    clean_up();
    port_.stop();
    return result_;
  }

  // The loop's calls.
  void accepted(ConnectionId, std::size_t) override {}
  void connected(ConnectionId connection) override {
    core_->connected(now(), pair_of(connection));
    pump();
  }
  void refused(ConnectionId connection) override {
    core_->refused(now(), pair_of(connection));
    pump();
  }
  void received(ConnectionId connection, model::View bytes) override {
    core_->received(now(), pair_of(connection), From::server, bytes);
    pump();
  }
  void ended(ConnectionId connection, model::EndedBy by) override {
    core_->ended(now(), pair_of(connection), From::server, by);
    pump();
  }
  void woken() override {
    core_->woken(now());
    pump();
    for (const auto& each : players_) each->woken();
    if (!restarts_.empty() && now() >= restarts_.front() && loaded()) restart();
    pump();
  }

 private:
  // A client with its application. Its connections are the proxy's; those of its machine are numbered from 1.
  struct Player {
    Player(Soak& the_soak, const ClientGroup& the_group, std::uint32_t number, std::string the_id, sim::NodeId the_node)
        : soak{the_soak}, group{the_group}, load{the_group, number}, id{std::move(the_id)}, node{the_node} {
      load.settings.back_off_first = 200ms;
      load.settings.back_off_max = 2s;
      load.settings.connect_patience = 5s;
      load.settings.ack_patience = 10s;
      if (!soak.descriptor_.target.can.has(Capability::will)) load.settings.will.reset();
      for (std::size_t at = 0; at < group.publishes.size(); ++at)
        if (group.publishes[at].retain) retained.push_back(load.topics[at]);
      if (load.settings.will && load.settings.will->retain) retained.push_back(load.settings.will->topic);
    }

    void begin() {
      starts = soak.begun_ + draw(group.start, DriverSite::start);
      soak.wake(*starts);
    }
    void start() {
      starts.reset();
      model::Event event;
      event.what = model::What::started;
      soak.write(event, node);
      client.emplace(load.settings, id, static_cast<std::uint32_t>(node), chance(), [this](std::string_view text) { return soak.note_of(std::string{text}); });
      client->started(RealNet::now(), effects);
      for (const PublishLoad& publish : group.publishes) due.push_back(soak.now() + draw(publish.every, DriverSite::telemetry_every));
      plan_sleep();
      done();
    }
    void woken() {
      const Instant now = soak.now();
      if (starts && now >= *starts) start();
      if (!client) return;
      for (std::size_t at = 0; at < due.size() && soak.loaded(); ++at)
        if (now >= due[at]) publish(at);
      if (turns && (now >= *turns || (asleep && !soak.loaded()))) turn();
      if (const auto deadline = client->deadline(); deadline && now >= *deadline) client->woken(RealNet::now(), effects);
      done();
    }
    void publish(std::size_t at) {
      const PublishLoad& what = group.publishes[at];
      for (std::uint32_t i = 0; i < what.burst; ++i) {
        const auto size = static_cast<std::size_t>(draw(what.body, DriverSite::telemetry_body).count());
        const std::string payload = topic_payload(node, ++messages, size);
        client->publish(RealNet::now(), load.topics[at], model::view(payload), what.qos, what.retain, effects);
        ++soak.result_.published;
      }
      due[at] = soak.now() + draw(what.every, DriverSite::telemetry_every);
    }
    void turn() {
      asleep = !asleep;
      if (asleep) client->sleep(RealNet::now(), effects);
      else client->resume(RealNet::now(), effects);
      plan_sleep();
    }
    void plan_sleep() {
      turns.reset();
      if (group.sleep && (asleep || soak.loaded()))
        turns = soak.now() + draw(asleep ? group.sleep->asleep : group.sleep->awake, DriverSite::sleep);
    }
    bool settled() const { return client && up && client->unacknowledged() == 0; }

    void done() {
      perform(effects, *this);
      if (client)
        if (const auto deadline = client->deadline()) soak.wake(*deadline);
      for (const Instant one : due)
        if (soak.loaded()) soak.wake(one);
      if (turns) soak.wake(*turns);
    }

    // Port.
    void record(std::vector<model::Event>& events) {
      for (model::Event& event : events) {
        if (event.what == model::What::accepted) up = true;
        if (event.what == model::What::packet && event.packet == model::Packet::publish && (event.flags & model::flag_sent) == 0)
          ++soak.result_.received;
        soak.write(event, node);
      }
    }
    void connect(ConnectionId connection) {
      own = connection;
      up = false;
      pair = soak.open(*this);
    }
    void send(ConnectionId connection, model::View bytes) {
      if (connection == own) soak.core_->received(soak.now(), pair, From::client, bytes);
    }
    void close(ConnectionId connection) { leave(connection, model::EndedBy::peer); }
    void abort(ConnectionId connection) { leave(connection, model::EndedBy::reset); }
    void leave(ConnectionId connection, model::EndedBy by) {
      if (connection != own) return;
      up = false;
      own = ConnectionId::none;
      soak.core_->ended(soak.now(), pair, From::client, by);
      soak.owners_.erase(pair);
    }
    void append(std::uint64_t, model::View) {}
    void sync(std::uint64_t, model::Ticket) {}
    void remove(std::uint64_t) {}
    void halt() {}

    Duration draw(const sim::Distribution& distribution, DriverSite where) {
      return distribution.draw(soak.choices_, site(where), node);
    }
    model::Chance chance() {
      return {[](void* self, model::ChanceSite what, std::uint32_t bound) {
                auto& player = *static_cast<Player*>(self);
                const auto number = static_cast<std::uint32_t>(site(DriverSite::model0)) + static_cast<std::uint32_t>(what);
                return player.soak.choices_.below(static_cast<sim::Site>(number), player.node, bound);
              },
              this};
    }

    Soak& soak;
    const ClientGroup& group;
    TopicLoad load;
    std::string id;
    sim::NodeId node;
    std::optional<model::TopicClient> client;
    model::Effects effects;
    std::optional<Instant> starts;
    std::vector<std::string> retained;  // topics
    std::vector<Instant> due;        // by publish load
    std::optional<Instant> turns;    // it falls asleep, or wakes up
    bool asleep = false;
    bool up = false;                 // its CONNACK has come
    ConnectionId own{};
    PairId pair{};
    std::uint32_t messages = 0;
  };

  static Instant now() { return RealNet::now().mono; }
  static PairId pair_of(ConnectionId connection) { return PairId{static_cast<std::uint32_t>(connection)}; }
  static ConnectionId connection(PairId pair) { return static_cast<ConnectionId>(pair); }

  bool loaded() const { return !healed_ && now() < heals_; }
  bool over() {
    if (!healed_ && (now() >= heals_ || (options_.stop && options_.stop()))) heal();
    if (!healed_) return false;
    const bool all = std::ranges::all_of(players_, [](const auto& each) { return each->settled(); });
    if (!all) settled_since_.reset();
    else if (!settled_since_) settled_since_ = now();
    return now() >= *healed_ + longest_settling || (settled_since_ && now() >= *settled_since_ + owed_within + 2s);
  }
  void heal() {
    healed_ = now();
    restarts_.clear();
    tell(model::What::healed);
    for (const auto& each : players_) {
      if (each->starts) each->starts = *healed_;
      each->woken();
    }
    pump();
  }
  bool failed() const { return file_->failed(); }

  // The broker, by the means that its descriptor names. Nobody knows what it was told to forget.
  void restart() {
    restarts_.erase(restarts_.begin());
    tell(model::What::crashed);
    const bool ok = std::system(descriptor_.restart.c_str()) == 0;
    ++(ok ? result_.restarts : result_.failed_restarts);
    tell(model::What::started);
  }

  PairId open(Player& player) {
    const PairId pair{++pairs_};
    owners_[pair] = {&player, false};
    ++result_.connections;
    core_->opened(now(), pair, WireProtocol::mqtt);
    greeted_.push_back(pair);
    return pair;
  }

  // Calls do not nest: what the core and the clients want is done one by one, until nobody wants anything.
  void pump() {
    for (;;) {
      for (const PairId pair : std::exchange(greeted_, {})) {
        const auto owner = owners_.find(pair);
        if (owner == owners_.end() || !core_->has(pair)) continue;
        owner->second.connected = true;
        Player& player = *owner->second.player;
        player.client->connected(RealNet::now(), player.own, player.effects);
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
      if (each->starts) wake = std::min(wake, *each->starts);
      each->done();
    }
    port_.wake_at(wake);
  }

  void perform_one(const ProxyEffect& effect) {
    using Kind = ProxyEffect::Kind;
    const bool to_client = effect.side == From::client;
    if (effect.kind == Kind::dial) return port_.connect(connection(effect.pair), broker_, tls_, address_->where.host);
    if (effect.kind == Kind::silence) {  // both ends find out by themselves
      port_.fall_silent(connection(effect.pair));
      owners_.erase(effect.pair);
      return;
    }
    if (!to_client) {
      if (effect.kind == Kind::send) port_.send(connection(effect.pair), effect.bytes);
      if (effect.kind == Kind::close) port_.close(connection(effect.pair));
      if (effect.kind == Kind::abort) port_.abort_after_sent(connection(effect.pair));
      if (effect.kind == Kind::hold || effect.kind == Kind::let_go)
        port_.hold(connection(effect.pair), effect.kind == Kind::hold);
      return;
    }
    const auto owner = owners_.find(effect.pair);
    if (owner == owners_.end()) return;
    Player& player = *owner->second.player;
    if (player.pair != effect.pair) {  // it has left that one
      owners_.erase(owner);
      return;
    }
    const ConnectionId own = player.own;
    if (effect.kind == Kind::send) {
      player.client->received(RealNet::now(), own, effect.bytes, player.effects);
    } else if (effect.kind == Kind::close || effect.kind == Kind::abort) {
      const bool connected = owner->second.connected;
      owners_.erase(owner);
      player.own = ConnectionId::none;
      player.up = false;
      if (!connected) player.client->refused(RealNet::now(), own, player.effects);
      else
        player.client->ended(RealNet::now(), own, effect.kind == Kind::close ? model::EndedBy::peer : model::EndedBy::reset,
                             player.effects);
    }
    player.done();
  }
  void wake(Instant when) { port_.wake_at(when); }

  // ---- What is told.

  void write(model::Event event, sim::NodeId observer) {
    const model::Now time = RealNet::now();
    event.at = (time.mono - begun_).count();
    event.local = time.wall.time_since_epoch().count();
    event.observer = static_cast<model::NodeIndex>(observer);
    if (event.device == model::NodeIndex::none) event.device = event.observer;
    if (cleaning_) return;
    file_->write(history_, event);
  }
  void tell(model::What what, const std::string& text = {}) {
    model::Event event;
    event.what = what;
    if (!text.empty()) event.note = note_of(text);
    write(event, hub_node);
  }
  std::uint32_t note_of(const std::string& text) {
    const auto [found, is_new] = notes_.try_emplace(text, static_cast<std::uint32_t>(history_.notes.size()));
    if (is_new) history_.notes.push_back(text);
    return found->second;
  }
  void note(const ProxyNote& told) {
    if (!told.fault || healed_) return;
    const bool over = told.did.starts_with("over: ");
    if (!over) ++result_.faults;
    tell(over ? model::What::fault_ends : model::What::fault_begins, over ? told.did.substr(6) : told.did);
  }

  // No session and no retained message stays behind: each comes once more with a clean session, and says so.
  void clean_up() {
    cleaning_ = true;
    for (const auto& each : players_) {
      if (each->client) each->client->sleep(RealNet::now(), each->effects);
      each->done();
    }
    pump();
    for (const auto& each : players_) {
      each->due.clear();
      each->turns.reset();
      each->load.settings.clean_session = true;
      each->load.settings.subscriptions.clear();
      each->load.settings.will.reset();
      each->client.emplace(each->load.settings, each->id, static_cast<std::uint32_t>(each->node), each->chance(),
                           [](std::string_view) { return 0u; });
      each->client->started(RealNet::now(), each->effects);
      for (const std::string& topic : each->retained) each->client->publish(RealNet::now(), topic, {}, 1, true, each->effects);
      each->done();
    }
    pump();
    const Instant until = now() + longest_cleaning;
    while (now() < until && !std::ranges::all_of(players_, [](const auto& each) { return each->settled(); })) context_.run_one();
    for (const auto& each : players_) {
      each->client->sleep(RealNet::now(), each->effects);
      each->done();
    }
    pump();
    context_.run_for(300ms);
  }

  const Descriptor& descriptor_;
  const SoakOptions& options_;
  std::string tag_;
  Scenario scenario_;
  SoakResult result_;
  sim::Choices choices_;
  boost::asio::io_context context_{1};
  AsioPort<RealNet> port_;
  RealNet::Endpoint broker_;
  const DoorAddress* address_ = nullptr;
  const TlsContext* tls_ = nullptr;
  std::optional<ProxyCore> core_;
  std::unique_ptr<HistoryFile> file_;
  model::History history_;
  std::map<std::string, std::uint32_t> notes_;
  std::vector<std::unique_ptr<Player>> players_;
  struct Owner {
    Player* player = nullptr;
    bool connected = false;  // its client was told so
  };
  std::map<PairId, Owner> owners_;  // of the clients' ends
  std::vector<PairId> greeted_;     // clients that are to hear that they are connected
  std::vector<Instant> restarts_;
  Instant begun_{};
  Instant heals_{};
  std::optional<Instant> healed_;
  std::optional<Instant> settled_since_;
  std::uint32_t pairs_ = 0;
  bool cleaning_ = false;
};

}  // namespace

std::string why_no_soak(const Descriptor& descriptor) {
  if (descriptor.simulated) return "what is simulated is soaked by `hubproof run`, with the scenarios plain-broker and topics";
  if (descriptor.target.profile != "mqtt-3.1.1") return "only plain brokers (profile mqtt-3.1.1) can be soaked by this version";
  if (!descriptor.doors[static_cast<std::size_t>(conformance::cases::Door::mqtt)]) return "it has no address with mqtt:// or mqtts://";
  for (const Capability needed : {Capability::sessions, Capability::wildcards, Capability::retained})
    if (!descriptor.target.can.has(needed))
      return "it lacks " + std::string{conformance::cases::capability_names[static_cast<std::size_t>(needed)]} + ", which the soak needs";
  return {};
}

SoakResult soak(const Descriptor& descriptor, const SoakOptions& options) { return Soak{descriptor, options}.run(); }

}  // namespace hubproof::tools
