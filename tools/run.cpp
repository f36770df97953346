#include "tools/run.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "model/hub/token.hpp"
#include "model/mutants/mutant.hpp"
#include "sim/world.hpp"
#include "tools/describe_fault.hpp"
#include "tools/fleet_memory.hpp"
#include "tools/mix.hpp"
#include "tools/recorder.hpp"
#include "tools/sim_client.hpp"
#include "tools/sim_device.hpp"
#include "tools/sim_hub.hpp"
#include "tools/sim_service.hpp"

namespace hubproof::tools {
namespace {

// The cast of one run, made from a scenario. Everything lives here and dies with it.
class Play {
 public:
  Play(const Scenario& scenario, const RunOptions& options)
      : scenario_{scenario},
        options_{options},
        rules_{scenario.rules},
        router_{scenario.rules.hub, scenario.rules.hub.routing},
        world_{options.seed},
        end_{sim::Instant{} + scenario.duration + scenario.settle} {
    if (options_.mutant != nullptr) options_.mutant->apply(rules_);
    name_participants();
    judge_.emplace(header_.terms, header_.participants, &header_.notes);
    recorder_.emplace(world_, header_, *judge_, options_.on_event);
    stage_.emplace(Stage{world_, *recorder_, effects_, scratch_, [this](sim::NodeId node) {
                           // A boot may set a clock wrong.
                           if (changes_.contains(node)) clock_bounds(node);
                         },
                         nullptr, options_.keep_loads ? &loads_ : nullptr,
                         router_.on() ? &router_ : nullptr,
                         [this](std::string_view topic) { return note_of(topic); }});
    if (options_.on_header) options_.on_header(header_);
    if (options_.trace != nullptr) world_.trace().sink(options_.trace);
    steer();
    add_nodes();
  }

  RunResult play() {
    set_up();
    apply_faults();
    for (auto& service : services_) service->begin();
    for (auto& device : devices_) device->begin();
    for (auto& client : clients_) client->begin();
    world_.at(sim::Instant{} + scenario_.duration, {[](void* self, std::uint64_t, std::uint64_t) {
                                                      static_cast<Play*>(self)->heal();
                                                    },
                                                    this, 0, 0});
    if (options_.deliberate_nondeterminism) be_careless();
    const sim::Instant stop =
        options_.until ? std::min(end_, sim::Instant{} + *options_.until) : end_;
    world_.run_until(stop);
    recorder_->record(hub_node, event(model::What::finished));
    RunResult result;
    result.digest = world_.trace().digest();
    result.events = world_.events();
    result.simulated = world_.now() - sim::Instant{};
    result.report = judge_->finish();
    result.loads = std::move(loads_);
    for (const sim::Fault& fault : world_.nemesis().faults())
      if (fault.from < world_.now()) result.fault_kinds |= std::uint64_t{1} << static_cast<unsigned>(fault.kind);
    if (options_.keep_choices) result.choices = world_.choices().log();
    return result;
  }

 private:
  static model::Event event(model::What what) {
    model::Event event;
    event.what = what;
    return event;
  }

  void name_participants() {
    header_.terms = model::terms(scenario_.rules);
    header_.terms.settle_ns = scenario_.settle.count();
    names_ = node_names(scenario_);
    header_.participants.push_back({names_[0], model::Role::hub});
    for (std::size_t i = 0; i < scenario_.services.size(); ++i)
      header_.participants.push_back({names_[header_.participants.size()], model::Role::service});
    while (header_.participants.size() < names_.size())
      header_.participants.push_back({names_[header_.participants.size()], model::Role::device});
  }

  void add_nodes() {
    groups_ = scenario_.devices;
    const bool verifies = scenario_.rules.hub.access == model::Access::verified;
    const bool shown = std::ranges::any_of(groups_, [](const DeviceGroup& group) {
      return group.shows != Shows::what_is_asked && group.shows != Shows::nothing;
    });
    if (verifies || shown) stage_->keys = &keys_.emplace(0);
    const auto index_of = [this](std::string_view id) {
      const model::NodeIndex device = node_of(id);
      if (device != model::NodeIndex::none || client_nodes_.empty()) return device;
      const auto client = client_nodes_.find(id);
      return client == client_nodes_.end() ? model::NodeIndex::none : client->second;
    };
    hub_ = std::make_unique<SimHub>(*stage_, rules_, scenario_.hub_restart, index_of);
    place(*hub_);
    world_.network().everywhere(scenario_.network);
    world_.disk(hub_node).settings(scenario_.hub_disk);

    // Ids first: services choose from all of them.
    std::size_t next = 1 + scenario_.services.size();
    std::map<std::string_view, std::size_t> group_begin;
    std::vector<std::string> id_of(names_.size());
    by_id_.reserve(names_.size());
    for (const DeviceGroup& group : scenario_.devices) {
      group_begin[group.name] = next;
      for (std::uint32_t i = 0; i < group.count; ++i, ++next) {
        const bool twin = !group.twin_of.empty();
        id_of[next] = twin ? names_[group_begin[group.twin_of] + i] : names_[next];
        if (twin) continue;
        by_id_[names_[next]] = ids_.size();
        ids_.push_back(id_of[next]);
        nodes_of_ids_.push_back(static_cast<model::NodeIndex>(next));
      }
    }

    const sim::Instant quiet_from = sim::Instant{} + scenario_.duration;
    for (const ServiceNode& settings : scenario_.services) {
      services_.push_back(std::make_unique<SimService>(*stage_, settings, rules_.service, index_of, ids_,
                                                       hub_node, quiet_from));
      place(*services_.back());
      if (settings.path) path(services_.back()->node(), *settings.path);
      world_.disk(services_.back()->node()).settings(scenario_.device_disk);
    }
    add_clients();
    for (DeviceGroup& group : groups_) {
      give_signer(group);
      for (std::uint32_t i = 0; i < group.count; ++i) {
        const std::string& id = id_of[world_.nodes()];
        const DeviceGroup& own = is_mixed(group) ? drawn(group) : group;
        devices_.push_back(std::make_unique<SimDevice>(*stage_, own, rules_.device, id,
                                                       node_of(id), hub_node,
                                                       quiet_from));
        place(*devices_.back());
        if (own.path) path(devices_.back()->node(), *own.path);
        if (own.settings.durable_outbox)
          world_.disk(devices_.back()->node()).settings(scenario_.device_disk);
      }
    }
  }

  // A plain broker's, after whom nobody comes.
  void add_clients() {
    for (const ClientGroup& group : scenario_.clients)
      for (std::uint32_t i = 0; i < group.count; ++i) {
        const std::string& id = names_[world_.nodes()];
        client_nodes_[id] = static_cast<model::NodeIndex>(world_.nodes());
        clients_.push_back(std::make_unique<SimClient>(*stage_, group, id, i, hub_node,
                                                       sim::Instant{} + scenario_.duration));
        place(*clients_.back());
        if (group.path) path(clients_.back()->node(), *group.path);
      }
  }

  std::uint32_t note_of(std::string_view topic) {
    const auto known = topic_notes_.find(topic);
    if (known != topic_notes_.end()) return known->second;
    const auto note = static_cast<std::uint32_t>(header_.notes.size());
    header_.notes.emplace_back(topic);
    return topic_notes_.emplace(topic, note).first->second;
  }

  // The group as the device sees it that is placed next. Devices that drew the same share it.
  const DeviceGroup& drawn(const DeviceGroup& group) {
    const sim::NodeId node{static_cast<std::uint32_t>(world_.nodes())};
    world_.choices().name(node, names_[world_.nodes()]);
    DeviceGroup one = drawn_from(group, world_.choices(), node);
    const auto key = std::tuple{&group, one.settings.protocol, one.settings.transport};
    return drawn_.try_emplace(key, std::move(one)).first->second;
  }

  // What the devices of a group show the hub.
  void give_signer(DeviceGroup& group) {
    using Signer = model::DeviceSettings::Signer;
    if (!keys_) return;
    switch (group.shows) {
      case Shows::nothing: return;
      case Shows::what_is_asked:
        if (scenario_.rules.hub.access == model::Access::open) return;
        [[fallthrough]];
      case Shows::token:
        group.settings.signer = [this](std::string_view id) {
          return Signer{std::string{id}, keys_->known(id)};
        };
        return;
      case Shows::forged:
        group.settings.signer = [this](std::string_view id) {
          return Signer{std::string{id}, keys_->nobodys()};
        };
        return;
      case Shows::stolen:
        group.settings.signer = [this](std::string_view id) {
          std::string_view victim;
          for (const std::string& other : ids_)
            if (other != id && id.starts_with(other) && other.size() > victim.size()) victim = other;
          if (victim.empty()) victim = ids_[ids_[0] == id ? ids_.size() - 1 : 0];
          return Signer{std::string{victim}, keys_->known(victim)};
        };
        return;
    }
  }

  // Whose id it is. Devices are made and asked about in order, so that the one after the last is
  // nearly always meant.
  model::NodeIndex node_of(std::string_view id) {
    if (next_id_ >= ids_.size() || ids_[next_id_] != id) {
      const auto found = by_id_.find(id);
      if (found == by_id_.end()) return model::NodeIndex::none;
      next_id_ = found->second;
    }
    return nodes_of_ids_[next_id_++];
  }

  void place(SimNode& node) { node.place(world_.add(names_[world_.nodes()], node)); }

  void path(sim::NodeId node, const sim::PathSettings& settings) {
    world_.network().path(node, hub_node, settings);
    world_.network().path(hub_node, node, settings);
  }

  void steer() {
    const std::vector<Reseed>& reseeds = options_.steering.reseeds;
    steer_from_start(world_.choices(), options_.steering, names_);
    world_.choices().keep_log(options_.keep_choices);
    if (options_.on_choices) options_.on_choices(world_.choices());
    for (std::size_t at = 0; at < reseeds.size(); ++at) {
      if (reseeds[at].from <= sim::Duration{0}) continue;
      world_.at(sim::Instant{} + reseeds[at].from,
                {[](void* self, std::uint64_t which, std::uint64_t) {
                   auto& play = *static_cast<Play*>(self);
                   reseed(play.world_.choices(), play.options_.steering.reseeds[which]);
                 },
                 this, at, 0});
    }
  }

  // The hub starts, and knows its devices for good before anything else happens.
  void set_up() {
    if (keys_) {
      const auto half = [this] {
        return std::uint64_t{world_.choices().below(site(DriverSite::keys), hub_node, 0xffff'ffff)};
      };
      const std::uint64_t high = half();
      *keys_ = KeyBook{high << 32 | half()};
    }
    world_.start(hub_node);
    std::size_t waiting = ids_.size();
    for (const std::string& id : ids_) {
      model::CreateDevice create{id};
      if (keys_) create.credentials = keys_->of(id);
      hub_->request(create, [this, &id, &waiting](const model::Response& response) {
        --waiting;
        model::Event created = event(model::What::create_device);
        created.device = node_of(id);
        if (keys_) model::name_keys(created, keys_->of(id));
        if (const auto* done = std::get_if<model::Done>(&response))
          created.generation = done->generation;
        recorder_->record(hub_node, created);
      });
    }
    while (waiting > 0 && world_.step()) {
    }
    give_policies();
    clock_bounds(hub_node);
    for (const auto& service : services_) clock_bounds(service->node());
    if (devices_.size() <= 1000)
      for (const auto& device : devices_) clock_bounds(device->node());
    for (const auto& client : clients_) clock_bounds(client->node());
  }

  // Services sign tokens with a key of the hub's, where it asks for them.
  void give_policies() {
    if (scenario_.rules.hub.access == model::Access::open || scenario_.services.empty()) return;
    bool waiting = true;
    hub_->request(model::ListPolicies{}, [this, &waiting](const model::Response& response) {
      waiting = false;
      const auto* policies = std::get_if<model::Policies>(&response);
      if (policies == nullptr) return;
      for (const model::Policy& policy : policies->list)
        if (policy.name == "iothubowner")
          for (const auto& service : services_) service->policy(policy.name, policy.primary);
    });
    while (waiting && world_.step()) {
    }
  }

  void apply_faults() {
    std::vector<sim::Fault> faults = scenario_.faults;
    for (const sim::NemesisSpec& spec : scenario_.nemeses) {
      const std::vector<sim::Fault> drawn = sim::draw(world_.choices(), spec);
      faults.insert(faults.end(), drawn.begin(), drawn.end());
    }
    world_.nemesis().apply(faults);
    // After the faults, so that at equal times the fault comes first and is then told.
    for (const sim::Fault& fault : faults) {
      header_.notes.push_back(describe_fault(fault, names_));
      const std::uint64_t note = header_.notes.size() - 1;
      tell(fault.from, model::What::fault_begins, note);
      if (fault.until > fault.from) tell(fault.until, model::What::fault_ends, note);
      if (sim::family(fault.kind) != sim::Family::clock) continue;
      std::vector<sim::NodeId> nodes = fault.nodes;
      for (std::uint32_t node = 0; fault.nodes.empty() && node < names_.size(); ++node)
        nodes.push_back(sim::NodeId{node});
      for (const sim::NodeId node : nodes) {
        changes_[node].push_back(fault.from);
        changes_[node].push_back(fault.until);
      }
    }
    for (auto& [node, when] : changes_) {
      std::ranges::sort(when);
      for (const sim::Instant at : when)
        world_.at(at, {[](void* self, std::uint64_t which, std::uint64_t) {
                         static_cast<Play*>(self)->clock_bounds(static_cast<sim::NodeId>(which));
                       },
                       this, static_cast<std::uint64_t>(node), 0});
    }
  }

  void tell(sim::Instant at, model::What what, std::uint64_t note) {
    world_.at(at, {[](void* self, std::uint64_t kind, std::uint64_t which) {
                     auto& play = *static_cast<Play*>(self);
                     if (play.world_.nemesis().healed()) return;
                     model::Event told = event(static_cast<model::What>(kind));
                     told.note = static_cast<std::uint32_t>(which);
                     play.recorder_->record(hub_node, told);
                   },
                   this, static_cast<std::uint64_t>(what), note});
  }

  // Between two changes a clock's offset moves one way (it drifts or is slewed), so its ends bound it; where it
  // does both, it may turn when the slew ends.
  void clock_bounds(sim::NodeId node) {
    const sim::Instant now = world_.now();
    sim::Instant until = end_;
    if (const auto found = changes_.find(node); found != changes_.end() && !world_.nemesis().healed())
      for (const sim::Instant at : found->second)
        if (at > now) until = std::min(until, at);
    const auto offset = [&](sim::Instant at) {
      return world_.clock(node).wall(at) - sim::Clock::true_wall(at);
    };
    const sim::Instant turn = world_.clock(node).slewed_at().value_or(now);
    const auto [low, high] = std::minmax({offset(now), offset(std::clamp(turn, now, until)), offset(until)});
    model::Event bounds = event(model::What::clock);
    bounds.device = static_cast<model::NodeIndex>(node);
    bounds.offset_low = low - 1'000;
    bounds.offset_high = high + 1'000;
    recorder_->record(node, bounds);
  }

  // An address gets into a run, half-way through it.
  void be_careless() {
    world_.at(sim::Instant{} + scenario_.duration / 2,
              {[](void* self, std::uint64_t, std::uint64_t) {
                 static_cast<Play*>(self)->world_.trace().note(
                     hub_node, sim::Kind::woken, reinterpret_cast<std::uintptr_t>(self));
               },
               this, 0, 0});
  }

  void heal() {
    world_.nemesis().heal();
    for (const auto& [node, when] : changes_) clock_bounds(node);
    recorder_->record(hub_node, event(model::What::healed));
  }

  const Scenario& scenario_;
  const RunOptions& options_;
  model::Rules rules_;
  model::Router router_;
  sim::World world_;
  sim::Instant end_;
  model::History header_;
  std::optional<conformance::Judge> judge_;
  std::optional<Recorder> recorder_;
  model::Effects effects_;
  model::Bytes scratch_;
  std::vector<LoadEvent> loads_;
  std::optional<Stage> stage_;
  std::vector<std::string> names_;            // by node
  std::vector<std::string> ids_;              // of registered devices
  std::vector<model::NodeIndex> nodes_of_ids_;
  std::unordered_map<std::string_view, std::size_t> by_id_;   // places in ids_; views of names_
  std::size_t next_id_ = 0;                   // place of the id after the last that was asked for
  std::map<sim::NodeId, std::vector<sim::Instant>> changes_;  // of clocks, by faults
  std::optional<KeyBook> keys_;               // if anybody shows tokens
  std::vector<DeviceGroup> groups_;           // the scenario's, with what they show
  std::map<std::tuple<const DeviceGroup*, model::DeviceSettings::Protocol, model::DeviceSettings::Transport>,
           DeviceGroup>
      drawn_;                                 // of mixed groups, as their devices drew
  std::unique_ptr<SimHub> hub_;
  std::vector<std::unique_ptr<SimService>> services_;
  std::vector<std::unique_ptr<SimDevice>> devices_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  std::map<std::string, model::NodeIndex, std::less<>> client_nodes_;
  std::map<std::string, std::uint32_t, std::less<>> topic_notes_;
};

}  // namespace

RunResult run(const Scenario& scenario, const RunOptions& options) {
  std::size_t devices = 0;
  for (const DeviceGroup& group : scenario.devices) devices += group.count;
  prefer_huge_pages(devices);
  return Play{scenario, options}.play();
}

}  // namespace hubproof::tools
