#include "tools/sim_service.hpp"

#include <algorithm>
#include <array>

#include "tools/workload.hpp"

namespace hubproof::tools {

SimService::SimService(Stage& stage, const ServiceNode& settings, const model::ServiceRules& rules,
                       IndexOf index_of,
                       const std::vector<std::string>& devices, sim::NodeId hub,
                       sim::Instant quiet_from)
    : SimNode{stage}, settings_{settings}, rules_{rules}, index_of_{std::move(index_of)}, devices_{devices},
      hub_{hub}, quiet_from_{quiet_from} {
  const auto choose = [&](std::string_view pattern) {
    Targets targets;
    for (std::uint32_t i = 0; i < devices_.size(); ++i)
      if (matches_name(pattern, devices_[i])) targets.of.push_back(i);
    return targets;
  };
  for (const CommandLoad& load : settings_.commands) command_targets_.push_back(choose(load.to));
  registry_targets_ = choose(settings_.registry.to);
  told_times_.resize(settings_.commands.size());
}

void SimService::begin() {
  world().start(node_);
  for (std::size_t i = 0; i < settings_.commands.size(); ++i) plan(Work::commands, i);
  plan(Work::purge, 0);
  plan(Work::recreate, 0);
  plan(Work::disable, 0);
  plan(Work::rotate, 0);
  for (std::size_t i = 0; i < settings_.registry.at.size(); ++i)
    world().at(sim::Instant{} + settings_.registry.at[i].at,
               {[](void* self, std::uint64_t which, std::uint64_t) {
                  auto& service = *static_cast<SimService*>(self);
                  const RegistryEvent& event = service.settings_.registry.at[which];
                  const auto found = std::ranges::find(service.devices_, event.device);
                  if (found != service.devices_.end())
                    service.act(event.what,
                                static_cast<std::uint32_t>(found - service.devices_.begin()),
                                event.disabled_for);
                },
                this, i, 0});
  // What was begun but forgotten in a crash is set right once faults are over, before liveness is owed.
  world().at(quiet_from_ + std::chrono::seconds{1},
             {[](void* self, std::uint64_t, std::uint64_t) { static_cast<SimService*>(self)->mend(); },
              this, 0, 0});
}

void SimService::mend() {
  for (const std::uint32_t device : recreated_) submit(create_again(device));
  for (const std::uint32_t device : rotated_) {
    submit(model::UpdateDevice{devices_[device], {}, stage_.keys->of(devices_[device])});
    stage_.keys->tell(devices_[device]);
  }
  for (const std::uint32_t device : disabled_) submit(model::EnableDevice{devices_[device], true});
}

void SimService::started() {
  forget_alarm();
  open_.clear();
  append_failed_ = false;
  note(model::What::started);
  std::vector<model::StoredFile> files;
  model::ServiceSettings settings = settings_.settings;
  sim::Disk& disk = world().disk(node_);
  for (const std::uint64_t name : disk.files())
    files.push_back({static_cast<model::FileId>(name), disk.read(name)});
  settings.policy = policy_;
  settings.policy_key = policy_key_;
  service_.emplace(settings, rules_, chance(), index_of_);
  service_->started(now(), files, effects());
  done();
}

void SimService::crashed() {
  note(model::What::crashed);
  service_.reset();
  connection_base_ += connections_;
  connections_ = 0;
}

SimService::Open* SimService::find(sim::Socket socket) {
  const auto found = std::ranges::find(open_, socket, &Open::socket);
  return found == open_.end() ? nullptr : &*found;
}

SimService::Open* SimService::find(model::ConnectionId connection) {
  const auto found = std::ranges::find(open_, connection, &Open::connection);
  return found == open_.end() ? nullptr : &*found;
}

SimService::Open SimService::forget(Open& open) {
  const Open was = open;
  open_.erase(open_.begin() + (&open - open_.data()));
  return was;
}

void SimService::connected(sim::Socket socket) {
  const Open* const open = find(socket);
  if (open == nullptr) return;
  service_->connected(now(), open->connection, effects());
  done();
}

void SimService::refused(sim::Socket socket, sim::Refusal) {
  Open* const open = find(socket);
  if (open == nullptr) return;
  service_->refused(now(), forget(*open).connection, effects());
  done();
}

void SimService::received(sim::Socket socket, sim::View bytes) {
  const Open* const open = find(socket);
  if (open == nullptr) return;
  service_->received(now(), open->connection, bytes, effects());
  done();
}

void SimService::ended(sim::Socket socket, sim::Ending how) {
  Open* const open = find(socket);
  if (open == nullptr) return;
  const model::EndedBy by = how == sim::Ending::fin     ? model::EndedBy::peer
                            : how == sim::Ending::reset ? model::EndedBy::reset
                                                        : model::EndedBy::timed_out;
  service_->ended(now(), forget(*open).connection, by, effects());
  done();
}

void SimService::synced(std::uint64_t ticket, bool ok) {
  service_->stored(now(), static_cast<model::Ticket>(ticket), ok && !append_failed_, effects());
  append_failed_ = false;
  done();
}

void SimService::woken(std::uint64_t) {
  if (!alarm_is_due()) return;
  service_->woken(now(), effects());
  done();
}

void SimService::clock_stepped() {
  forget_alarm();
  service_->woken(now(), effects());
  done();
}

void SimService::record(std::vector<model::Event>& events) {
  for (model::Event& event : events)
    if (event.connection != 0) event.connection += connection_base_;
  SimNode::record(events);
}

void SimService::send(model::ConnectionId connection, model::View bytes) {
  if (const Open* const open = find(connection)) world().network().write(open->socket, bytes);
}

void SimService::close(model::ConnectionId connection) {
  if (Open* const open = find(connection)) world().network().close(forget(*open).socket);
}

void SimService::abort(model::ConnectionId connection) {
  if (Open* const open = find(connection)) world().network().abort(forget(*open).socket);
}

void SimService::connect(model::ConnectionId connection) {
  connections_ = std::max(connections_, static_cast<std::uint32_t>(connection));
  using Goal = model::Service::Goal;
  const std::uint16_t port = service_->goal(connection) == Goal::amqp ? amqp_port : http_port;
  open_.push_back({connection, world().network().connect(node_, hub_, port)});
}

void SimService::done() {
  perform(effects(), *this);
  follow(service_->deadline());
}

void SimService::plan(Work what, std::uint64_t which) {
  const RegistryLoad& registry = settings_.registry;
  sim::Instant base = world().now();
  sim::Instant until = quiet_from_;
  const std::optional<sim::Distribution>* every = nullptr;
  DriverSite where = DriverSite::registry_when;
  switch (what) {
    case Work::commands: {
      const CommandLoad& load = settings_.commands[which];
      if (!load.at.empty()) {
        if (told_times_[which] == load.at.size()) return;
        base = sim::Instant{} + load.at[told_times_[which]++];
        every = nullptr;
        break;
      }
      every = &load.every;
      where = DriverSite::command_every;
      base = std::max(base, sim::Instant{} + load.from);
      if (load.until) until = sim::Instant{} + *load.until;
      break;
    }
    case Work::purge: every = &registry.purge; break;
    case Work::recreate: every = &registry.recreate; break;
    case Work::disable: every = &registry.disable; break;
    case Work::rotate: every = &registry.rotate; break;
    case Work::enable:
    case Work::tell: return;
  }
  if (every != nullptr && !*every) return;
  const sim::Instant due = every == nullptr ? base : base + draw(**every, where);
  if (due >= until) return;
  world().at(due, {[](void* self, std::uint64_t what_it_is, std::uint64_t which_one) {
                     auto& service = *static_cast<SimService*>(self);
                     service.work(static_cast<Work>(what_it_is), which_one);
                     service.plan(static_cast<Work>(what_it_is), which_one);
                   },
                   this, static_cast<std::uint64_t>(what), which});
}

void SimService::work(Work what, std::uint64_t which) {
  if (what == Work::commands) {
    send_commands(which);
    return;
  }
  if (what == Work::enable) {
    submit(model::EnableDevice{devices_[which], true});
    return;
  }
  if (what == Work::tell) return stage_.keys->tell(devices_[which]);
  if (what == Work::rotate && stage_.keys == nullptr) return;
  if (registry_targets_.of.empty()) return;
  const std::uint32_t device = registry_targets_.of[world().choices().below(
      site(DriverSite::registry_which), node_,
      static_cast<std::uint32_t>(registry_targets_.of.size()))];
  act(what == Work::purge      ? RegistryWork::purge
      : what == Work::recreate ? RegistryWork::recreate
      : what == Work::rotate   ? RegistryWork::rotate
                               : RegistryWork::disable,
      device, std::nullopt);
}

void SimService::act(RegistryWork what, std::uint32_t device,
                     std::optional<sim::Duration> disabled_for) {
  if (what == RegistryWork::rotate && stage_.keys == nullptr) return;
  if (what == RegistryWork::rotate && !disabled_for)
    disabled_for = draw(settings_.registry.told_after, DriverSite::registry_when);
  if (what == RegistryWork::disable && !disabled_for)
    disabled_for = draw(settings_.registry.disabled_for, DriverSite::registry_when);
  if (stage_.loads != nullptr) {
    constexpr std::array kinds{LoadEvent::Kind::purge, LoadEvent::Kind::recreate, LoadEvent::Kind::disable,
                               LoadEvent::Kind::rotate};
    stage_.loads->push_back({kinds[static_cast<std::size_t>(what)], world().now(), node_, 0,
                             devices_[device], std::nullopt, 0, disabled_for.value_or(sim::Duration{})});
  }
  if (what == RegistryWork::purge) {
    submit(model::Purge{devices_[device]});
  } else if (what == RegistryWork::recreate) {
    recreated_.insert(device);
    if (stage_.keys != nullptr) {
      stage_.keys->renew(devices_[device]);
      rotated_.insert(device);
      later(draw(settings_.registry.told_after, DriverSite::registry_when), Work::tell, device);
    }
    submit(model::DeleteDevice{devices_[device]});
    submit(create_again(device));
  } else if (what == RegistryWork::rotate) {
    rotated_.insert(device);
    submit(model::UpdateDevice{devices_[device], {}, stage_.keys->rotate(devices_[device])});
    later(*disabled_for, Work::tell, device);
  } else {
    disabled_.insert(device);
    submit(model::EnableDevice{devices_[device], false});
    later(*disabled_for, Work::enable, device);
  }
}

void SimService::later(sim::Duration after, Work work, std::uint32_t device) {
  world().at(world().now() + after,
             {[](void* self, std::uint64_t what, std::uint64_t which) {
                static_cast<SimService*>(self)->work(static_cast<Work>(what), which);
              },
              this, static_cast<std::uint64_t>(work), device});
}

model::CreateDevice SimService::create_again(std::uint32_t device) const {
  model::CreateDevice create{devices_[device]};
  if (stage_.keys != nullptr) create.credentials = stage_.keys->of(devices_[device]);
  return create;
}

void SimService::send_commands(std::size_t at) {
  const CommandLoad& load = settings_.commands[at];
  if (command_targets_[at].of.empty() || !service_) return;
  const std::string& device = target(command_targets_[at], DriverSite::command_to);
  for (std::uint32_t i = 0; i < load.burst; ++i) {
    MessageShape shape;
    shape.properties = load.properties;
    shape.ack = load.ack;
    shape.body = static_cast<std::size_t>(draw(load.body, DriverSite::command_body).count());
    std::optional<sim::Duration> ttl;
    if (load.ttl) ttl = draw(*load.ttl, DriverSite::command_ttl);
    if (ttl) shape.expiry = now().wall + *ttl;
    if (stage_.loads != nullptr)
      stage_.loads->push_back({LoadEvent::Kind::command, world().now(), node_,
                               static_cast<std::uint32_t>(at), device, ttl, shape.body, {}});
    model::SendCommand command{device, {}};
    write_message(command.message,
                  model::own_key('c', static_cast<std::uint32_t>(node_), ++number_), shape);
    submit(std::move(command));
  }
}

const std::string& SimService::target(const Targets& targets, DriverSite where) {
  const std::uint32_t drawn = world().choices().below(
      site(where), node_, static_cast<std::uint32_t>(targets.of.size()));
  return devices_[targets.of[drawn]];
}

void SimService::submit(model::Request request) {
  if (!service_) return;
  service_->submit(now(), std::move(request), effects());
  done();
}

}  // namespace hubproof::tools
