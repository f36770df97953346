// The suite against our own hub or broker: a world for each case, with the server machine on one node and
// the stage on another.
#include <functional>
#include <map>
#include <optional>

#include "conformance/cases/hub.hpp"
#include "model/base64.hpp"
#include "tools/conform/conform.hpp"
#include "tools/recorder.hpp"
#include "tools/sim_hub.hpp"
#include "tools/sim_queues.hpp"

namespace hubproof::tools {
namespace {

namespace cases = conformance::cases;

constexpr sim::Duration longest_run = std::chrono::hours{73};
constexpr sim::Duration dark = std::chrono::milliseconds{50};  // between two lives of the target: what it sent has come
constexpr std::uint32_t devices_of_a_case = 4;

// The node of the stage.
class SimStage final : public SimNode {
 public:
  SimStage(Stage& play, cases::Stage& stage, sim::NodeId hub, const std::function<void(model::Bytes&)>& spoil)
      : SimNode{play}, machine_{stage}, hub_{hub}, spoil_{spoil} {}

  void started() override {
    machine_.begin(now().mono, effects());
    done();
  }
  void crashed() override {}
  void connected(sim::Socket socket) override {
    machine_.connected(now().mono, connection(socket), effects());
    done();
  }
  void refused(sim::Socket socket, sim::Refusal) override {
    machine_.refused(now().mono, connection(socket), effects());
    done();
  }
  void received(sim::Socket socket, sim::View bytes) override {
    if (spoil_) {
      model::Bytes spoiled(bytes.begin(), bytes.end());
      spoil_(spoiled);
      machine_.received(now().mono, connection(socket), spoiled, effects());
    } else {
      machine_.received(now().mono, connection(socket), bytes, effects());
    }
    done();
  }
  void ended(sim::Socket socket, sim::Ending how) override {
    const model::EndedBy by = how == sim::Ending::fin     ? model::EndedBy::peer
                              : how == sim::Ending::reset ? model::EndedBy::reset
                                                          : model::EndedBy::timed_out;
    const model::ConnectionId which = connection(socket);
    by_socket_.erase(socket);
    sockets_.erase(which);
    machine_.ended(now().mono, which, by, effects());
    done();
  }
  void woken(std::uint64_t) override {
    if (!alarm_is_due()) return;
    machine_.woken(now().mono, effects());
    done();
  }

  // Port.
  using SimNode::record;
  void send(model::ConnectionId connection, model::View bytes) {
    if (const auto found = sockets_.find(connection); found != sockets_.end()) world().network().write(found->second, bytes);
  }
  void close(model::ConnectionId connection) {
    if (const sim::Socket socket = forget(connection); socket != sim::Socket::none) world().network().close(socket);
  }
  void abort(model::ConnectionId connection) {
    if (const sim::Socket socket = forget(connection); socket != sim::Socket::none) world().network().abort(socket);
  }
  void connect(model::ConnectionId connection) {
    const cases::Door door = machine_.door(connection);
    const std::uint16_t port = door == cases::Door::mqtt   ? mqtt_port
                               : door == cases::Door::amqp ? amqp_port
                                                           : http_port;
    const sim::Socket socket = world().network().connect(node_, hub_, port);
    sockets_[connection] = socket;
    by_socket_[socket] = connection;
  }
  void append(std::uint64_t, model::View) {}
  void sync(std::uint64_t, model::Ticket) {}
  void remove(std::uint64_t) {}
  void halt() {}

 private:
  model::ConnectionId connection(sim::Socket socket) const {
    const auto found = by_socket_.find(socket);
    return found == by_socket_.end() ? model::ConnectionId::none : found->second;
  }
  sim::Socket forget(model::ConnectionId connection) {
    const auto found = sockets_.find(connection);
    if (found == sockets_.end()) return sim::Socket::none;
    const sim::Socket socket = found->second;
    sockets_.erase(found);
    by_socket_.erase(socket);
    return socket;
  }
  void done() {
    perform(effects(), *this);
    follow(machine_.deadline());
    if (machine_.restart_wanted() && !restarting_) restart_hub();
    if (machine_.wants_feedback()) {  // nobody else is there
      machine_.feedback_given(now().mono, effects());
      done();
    }
  }
  // The machine of the hub loses power, and what its disk had not synced is at the disk's mercy.
  void restart_hub() {
    restarting_ = true;
    world().at(world().now(), {[](void* self, std::uint64_t, std::uint64_t) {
                                 auto& stage = *static_cast<SimStage*>(self);
                                 stage.world().crash(stage.hub_);
                               },
                               this, 0, 0});
    world().at(world().now() + dark, {[](void* self, std::uint64_t, std::uint64_t) {
                                        auto& stage = *static_cast<SimStage*>(self);
                                        stage.world().restart(stage.hub_);
                                        stage.lose_connections();
                                        stage.restarting_ = false;
                                        stage.machine_.restarted(stage.now().mono, true, stage.effects());
                                        stage.done();
                                      },
                                      this, 0, 0});
  }
  void lose_connections() {
    const std::map<model::ConnectionId, sim::Socket> lost = std::exchange(sockets_, {});
    by_socket_.clear();
    for (const auto& [connection, socket] : lost) {
      world().network().abort(socket);
      machine_.ended(now().mono, connection, model::EndedBy::reset, effects());
      done();
    }
  }

  cases::Stage& machine_;
  sim::NodeId hub_;
  const std::function<void(model::Bytes&)>& spoil_;
  std::map<model::ConnectionId, sim::Socket> sockets_;
  std::map<sim::Socket, model::ConnectionId> by_socket_;
  bool restarting_ = false;
};

// A device's key: 32 bytes.
std::string key_of(std::string_view name) {
  model::Bytes key;
  for (std::uint64_t part = 0; part < 4; ++part) model::Writer{key}.u64(model::hash(model::view(name), part));
  return model::to_base64(key);
}

// What the case wants the hub to be set up with, but for what a mutant spoils.
void set_up(model::HubRules& hub, cases::Capabilities needs) {
  using cases::Capability;
  if (needs.has(Capability::routes)) {
    const model::Routing routing = cases::suite_routing();
    hub.routing.endpoints = routing.endpoints;
    hub.routing.routes = routing.routes;
  }
  if (needs.has(Capability::no_fallback)) hub.routing.fallback = false;
  if (!needs.has(Capability::free_tier)) return;
  const model::QuotaRules figures = model::quotas_of(model::Tier::free, 1);
  hub.quota.tier = figures.tier;
  hub.quota.units = figures.units;
  hub.quota.limits = figures.limits;
  hub.quota.per_day = figures.per_day;
  hub.quota.chunk = figures.chunk;
}

// What a world of one case has beside its server: a network, and a recorder for nobody.
struct OneCase {
  OneCase(const cases::Case& one, std::uint64_t seed, const model::Terms& terms)
      : world{model::hash(model::view(one.name), seed)},
        header{header_of(terms)},
        judge{header.terms, header.participants},
        recorder{world, header, judge, nullptr},
        play{world, recorder, effects, scratch, [](sim::NodeId) {}, nullptr, nullptr, nullptr} {
    sim::PathSettings path;
    path.latency = sim::Distribution::uniform(std::chrono::milliseconds{1}, std::chrono::milliseconds{8});
    world.network().everywhere(path);
  }

  CaseResult run(const cases::Case& one, const cases::Target& target, std::uint64_t seed, std::vector<cases::Identity> identities,
                 sim::NodeId server, const std::function<void(model::Bytes&)>& spoil) {
    cases::Pace pace;
    pace.epoch = sim::Duration{sim::Clock::epoch};
    cases::Stage machine{target, pace, one, seed, "sim", std::move(identities)};
    SimStage stage{play, machine, server, spoil};
    stage.place(world.add("suite", stage));
    const sim::Instant end = world.now() + longest_run;
    world.start(stage.node());
    while (!machine.over() && world.now() < end && world.step()) {
    }
    return result_of(machine);
  }

  static model::History header_of(const model::Terms& terms) {
    model::History header;
    header.terms = terms;
    header.participants.push_back({"hub", model::Role::hub});
    return header;
  }

  sim::World world;
  model::History header;
  conformance::Judge judge;
  Recorder recorder;
  model::Effects effects;
  model::Bytes scratch;
  Stage play;
};

}  // namespace

CaseResult run_simulated(const cases::Case& one, const Descriptor& descriptor, const model::amqp::QueueRules& rules,
                         std::uint64_t seed, const std::function<void(model::Bytes&)>& spoil) {
  OneCase all{one, seed, model::terms(model::Rules{})};
  SimQueues broker{all.play, rules};
  broker.place(all.world.add("hub", broker));
  all.world.start(broker.node());
  return all.run(one, descriptor.target, seed, {}, broker.node(), spoil);
}

CaseResult run_simulated(const cases::Case& one, const Descriptor& descriptor, const model::Rules& of_profile,
                         std::uint64_t seed, const std::function<void(model::Bytes&)>& spoil) {
  model::Rules rules = of_profile;
  if (descriptor.target.hub()) rules.hub.access = model::Access::verified;
  set_up(rules.hub, one.needs);
  OneCase all{one, seed, model::terms(rules)};
  sim::World& world = all.world;

  SimHub hub{all.play, rules, std::chrono::seconds{1}, [](std::string_view) { return model::NodeIndex::none; }};
  hub.place(world.add("hub", hub));
  sim::DiskSettings disk;  // one that turns, so that there is time between a write and its sync
  disk.sync_latency = sim::Distribution::uniform(std::chrono::milliseconds{2}, std::chrono::milliseconds{12});
  world.disk(hub.node()).settings(disk);
  world.start(hub.node());

  cases::Target target = descriptor.target;
  std::vector<cases::Identity> identities;
  if (target.hub()) {
    for (std::uint32_t number = 1; number <= devices_of_a_case; ++number) {
      const std::string id = "d" + std::to_string(number);
      identities.push_back({id, hub_user(target.host, id), {}, key_of(id)});
      hub.request(model::CreateDevice{id, model::Credentials{model::CredentialType::sas, identities.back().key, {}}},
                  [](const model::Response&) {});
    }
    bool known = false;
    hub.request(model::ListPolicies{}, [&](const model::Response& response) {
      known = true;
      for (const model::Policy& policy : std::get<model::Policies>(response).list)
        target.policies.push_back({policy.name, {}, {}, policy.primary});
    });
    while (!known && world.step()) {
    }
    make_tokens(target, identities);
  }
  return all.run(one, target, seed, std::move(identities), hub.node(), spoil);
}

}  // namespace hubproof::tools
