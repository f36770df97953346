#include "tools/exhaustive/participant.hpp"

#include <algorithm>
#include <deque>
#include <map>

#include "model/device.hpp"
#include "model/server.hpp"
#include "model/service.hpp"
#include "sim/clock.hpp"
#include "sim/ensure.hpp"
#include "tools/endpoint.hpp"
#include "tools/workload.hpp"

namespace hubproof::tools::exhaustive {
namespace {

// Append-only files with what was synced and what was not. A sync covers what was there when it was
// asked for; syncs are served in order.
class SmallDisk {
 public:
  void append(std::uint64_t name, model::View bytes) {
    File& file = files_[name];
    file.bytes.insert(file.bytes.end(), bytes.begin(), bytes.end());
  }
  void sync(std::uint64_t name, model::Ticket ticket) {
    const auto file = files_.find(name);
    syncs_.push_back({name, file == files_.end() ? 0 : file->second.bytes.size(), ticket});
  }
  void remove(std::uint64_t name) { files_.erase(name); }
  model::Ticket serve() {
    sim::ensure(!syncs_.empty());
    const Sync sync = syncs_.front();
    syncs_.pop_front();
    if (const auto file = files_.find(sync.file); file != files_.end()) {
      file->second.durable =
          std::max(file->second.durable, std::min(sync.upto, file->second.bytes.size()));
      file->second.known = true;
    }
    return sync.ticket;
  }
  // What was not synced stays as a whole or is lost as a whole.
  void crash(bool stays) {
    syncs_.clear();
    for (auto at = files_.begin(); at != files_.end();) {
      File& file = at->second;
      if (!stays) file.bytes.resize(file.durable);
      file.durable = file.bytes.size();
      if (!stays && !file.known) {
        at = files_.erase(at);
      } else {
        file.known = true;
        ++at;
      }
    }
  }
  std::vector<model::StoredFile> files() const {
    std::vector<model::StoredFile> all;
    for (const auto& [name, file] : files_)
      all.push_back({static_cast<model::FileId>(name), file.bytes});
    return all;
  }
  void write(std::string& out) const {
    for (const auto& [name, file] : files_)
      out += std::to_string(name) + ' ' + std::to_string(file.bytes.size()) + ' ' +
             std::string{file.bytes.begin(), file.bytes.end()};
  }
  std::uint32_t syncs() const { return static_cast<std::uint32_t>(syncs_.size()); }
  bool unsynced() const {
    return std::ranges::any_of(files_, [](const auto& one) {
      return one.second.durable < one.second.bytes.size() || !one.second.known;
    });
  }

 private:
  struct File {
    model::Bytes bytes;
    std::size_t durable = 0;
    bool known = false;
  };
  struct Sync {
    std::uint64_t file;
    std::size_t upto;
    model::Ticket ticket;
  };
  std::map<std::uint64_t, File> files_;
  std::deque<Sync> syncs_;
};

// What all participants share: the port that machines act through, and what they see.
class Base : public Participant {
 public:
  Base(const Cast& cast, std::size_t node) : cast_{cast}, node_{node} {}

  void feed(const Input& input, Output& output) override {
    output_ = &output;
    at_ = input.now;
    if (input.kind == Input::Kind::crash) {
      note(model::What::crashed);
      crash();
      disk_.crash(input.variant != 0);
      halted_ = false;
      starts_at_ = at_ + cast_.scenario.exhaustive->restart_after.count();
    } else {
      if (input.kind == Input::Kind::boot || starts_at_) {
        sim::ensure(input.kind == Input::Kind::boot || input.kind == Input::Kind::woken);
        starts_at_.reset();
        note(model::What::started);
        start();
      } else {
        take(input);
      }
      perform(effects_, *this);
    }
    done();
    output_ = nullptr;
  }
  Standing standing() const override {
    Standing standing;
    const auto due = starts_at_ || halted_ ? std::nullopt : deadline();
    if (due) standing.deadline = due->time_since_epoch().count();
    if (starts_at_) standing.deadline = *starts_at_;
    standing.syncs = halted_ ? 0 : disk_.syncs();
    standing.unsynced = disk_.unsynced();
    standing.halted = halted_;
    standing.down = starts_at_.has_value();
    return standing;
  }

  std::string remains() const override {
    std::string all = std::to_string(*starts_at_) + ' ' + numbers() + ' ';
    disk_.write(all);
    return all;
  }

  // Port.
  void record(std::vector<model::Event>& events) {
    for (model::Event& event : events) {
      adjust(event);
      stamp(event);
    }
  }
  void send(model::ConnectionId connection, model::View bytes) {
    did(Deed::Kind::send, connection, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  void close(model::ConnectionId connection) { did(Deed::Kind::close, connection); }
  void abort(model::ConnectionId connection) { did(Deed::Kind::abort, connection); }
  void connect(model::ConnectionId connection) { did(Deed::Kind::connect, connection); }
  void append(std::uint64_t file, model::View bytes) { disk_.append(file, bytes); }
  void sync(std::uint64_t file, model::Ticket ticket) { disk_.sync(file, ticket); }
  void remove(std::uint64_t file) { disk_.remove(file); }
  void halt() { halted_ = true; }

 protected:
  virtual void start() = 0;
  virtual void crash() = 0;
  virtual void take(const Input& input) = 0;
  virtual std::optional<model::Instant> deadline() const = 0;
  virtual void adjust(model::Event&) {}
  virtual void done() {}
  virtual std::string numbers() const { return {}; }

  model::Now now() const {
    return {model::Instant{model::Duration{at_}},
            model::Date{model::Duration{sim::Clock::true_wall(sim::Instant{sim::Duration{at_}})}}};
  }
  static model::Chance first_value(void* context = nullptr, model::Chance::Time handling = nullptr) {
    return {[](void*, model::ChanceSite, std::uint32_t) { return 0u; }, context, handling};
  }
  void did(Deed::Kind kind, model::ConnectionId connection, std::string bytes = {}) {
    output_->deeds.push_back({kind, static_cast<std::uint32_t>(connection), std::move(bytes)});
  }
  void stamp(model::Event event) {
    event.at = at_;
    event.local = now().wall.time_since_epoch().count();
    event.observer = static_cast<model::NodeIndex>(node_);
    output_->events.push_back(event);
  }
  void note(model::What what) {
    model::Event event;
    event.what = what;
    event.device = static_cast<model::NodeIndex>(node_);
    stamp(event);
  }

  const Cast& cast_;
  std::size_t node_;
  std::int64_t at_ = 0;
  std::optional<std::int64_t> starts_at_;
  Output* output_ = nullptr;
  model::Effects effects_;
  SmallDisk disk_;
  bool halted_ = false;
};

class HubAlone final : public Base {
 public:
  using Base::Base;

 private:
  void take(const Input& input) override {
    const model::ConnectionId connection{input.connection};
    switch (input.kind) {
      case Input::Kind::create:
        create(std::string{input.bytes});
        break;
      case Input::Kind::opened:
        server_->opened(now(), connection, static_cast<model::Door>(input.variant), effects_);
        break;
      case Input::Kind::received:
        server_->received(now(), connection, model::view(input.bytes), effects_);
        break;
      case Input::Kind::ended:
        server_->ended(now(), connection, static_cast<model::EndedBy>(input.variant), effects_);
        break;
      case Input::Kind::synced:
        server_->stored(now(), disk_.serve(), true, effects_);
        break;
      case Input::Kind::woken:
        server_->woken(now(), effects_);
        break;
      default:
        sim::ensure(false);
    }
  }
  void crash() override { server_.reset(); }
  std::optional<model::Instant> deadline() const override {
    return server_ ? server_->deadline() : std::nullopt;
  }

  void start() override {
    server_.emplace(cast_.rules, first_value());
    server_->name_devices([this](std::string_view id) { return cast_.index_of(id); });
    server_->recover(now(), disk_.files(), effects_);
  }
  void create(const std::string& id) {
    server_->request(
        now(), model::CreateDevice{id},
        [this, id](const model::Response& response) {
          model::Event created;
          created.what = model::What::create_device;
          created.device = cast_.index_of(id);
          if (const auto* done = std::get_if<model::Done>(&response))
            created.generation = done->generation;
          stamp(created);
        },
        effects_);
  }

  std::optional<model::Server> server_;
};

// A device or a service: one connection at a time, which history numbers over all lives.
template <class Machine>
class Client : public Base {
 public:
  using Base::Base;

 protected:
  void take(const Input& input) override {
    const model::ConnectionId connection{input.connection - base_};
    switch (input.kind) {
      case Input::Kind::connected:
        machine_->connected(now(), connection, effects_);
        break;
      case Input::Kind::refused:
        machine_->refused(now(), connection, effects_);
        break;
      case Input::Kind::received:
        machine_->received(now(), connection, model::view(input.bytes), effects_);
        break;
      case Input::Kind::ended:
        machine_->ended(now(), connection, static_cast<model::EndedBy>(input.variant), effects_);
        break;
      case Input::Kind::woken:
        machine_->woken(now(), effects_);
        break;
      case Input::Kind::submit:
        submit();
        break;
      case Input::Kind::synced:
        synced();
        break;
      default:
        sim::ensure(false);
    }
  }
  void crash() override {
    machine_.reset();
    base_ += dialled_;
    dialled_ = 0;
  }
  void done() override {
    for (Deed& deed : output_->deeds) {
      if (deed.kind == Deed::Kind::connect) dialled_ = std::max(dialled_, deed.connection);
      deed.connection += base_;
    }
  }
  std::optional<model::Instant> deadline() const override {
    return machine_ ? machine_->deadline() : std::nullopt;
  }
  std::string numbers() const override {
    return std::to_string(base_) + ' ' + std::to_string(number_);
  }
  virtual void submit() = 0;
  virtual void synced() { sim::ensure(false); }

  std::optional<Machine> machine_;
  std::uint32_t base_ = 0;     // connections of earlier lives
  std::uint32_t dialled_ = 0;  // of this life
  std::uint32_t number_ = 0;   // of the last message, over all lives
};

class DeviceAlone final : public Client<model::Device> {
 public:
  DeviceAlone(const Cast& cast, std::size_t node) : Client{cast, node}, group_{cast.group(node)} {}

 private:
  void start() override {
    const auto files =
        group_.settings.durable_outbox ? disk_.files() : std::vector<model::StoredFile>{};
    const auto handling = [](void* self) -> model::Duration {
      return static_cast<DeviceAlone*>(self)->group_.handling.low;
    };
    machine_.emplace(group_.settings, cast_.rules.device, cast_.names[node_],
                     static_cast<std::uint32_t>(node_), first_value(this, handling));
    machine_->started(now(), files, effects_);
  }
  void submit() override {
    MessageShape shape;
    shape.properties = group_.telemetry.properties;
    shape.body = static_cast<std::size_t>(group_.telemetry.body.low.count());
    model::Bytes message;
    write_message(message, model::own_key('t', static_cast<std::uint32_t>(node_), ++number_),
                  shape);
    machine_->submit(now(), message, effects_);
  }
  void synced() override { machine_->stored(now(), disk_.serve(), true, effects_); }
  void adjust(model::Event& event) override {
    if (event.connection != 0) event.connection += base_;
    if (event.token != 0 && (event.flags & model::flag_link) == 0)
      event.token += static_cast<std::uint64_t>(base_) << 16;
  }

  const DeviceGroup& group_;
};

class ServiceAlone final : public Client<model::Service> {
 public:
  ServiceAlone(const Cast& cast, std::size_t node)
      : Client{cast, node}, settings_{cast.scenario.services[node - 1]} {}

 private:
  void start() override {
    machine_.emplace(settings_.settings, cast_.rules.service, first_value(),
                     [this](std::string_view id) { return cast_.index_of(id); });
    machine_->started(now(), disk_.files(), effects_);
  }
  void synced() override { machine_->stored(now(), disk_.serve(), true, effects_); }
  // The loads one after the other, each once.
  void submit() override {
    std::size_t before = number_++;
    std::size_t which = 0;
    while (before >= messages_of(settings_.commands[which]))
      before -= messages_of(settings_.commands[which++]);
    const CommandLoad& load = settings_.commands[which];
    MessageShape shape;
    shape.properties = load.properties;
    shape.ack = load.ack;
    shape.body = static_cast<std::size_t>(load.body.low.count());
    if (load.ttl) shape.expiry = now().wall + load.ttl->low;
    std::size_t to = cast_.first_device;
    while (!matches_name(load.to, cast_.names[to])) ++to;
    model::SendCommand command{cast_.names[to], {}};
    write_message(command.message, model::own_key('c', static_cast<std::uint32_t>(node_), number_),
                  shape);
    machine_->submit(now(), std::move(command), effects_);
  }
  void adjust(model::Event& event) override {
    if (event.connection != 0) event.connection += base_;
  }

  const ServiceNode& settings_;
};

}  // namespace

Cast::Cast(const Scenario& the_scenario, const model::Rules& the_rules)
    : scenario{the_scenario},
      rules{the_rules},
      names{node_names(the_scenario)},
      first_device{1 + the_scenario.services.size()} {
  for (const DeviceGroup& one : scenario.devices)
    for (std::uint32_t i = 0; i < one.count; ++i) groups.push_back(&one);
}

std::size_t messages_of(const TelemetryLoad& load) {
  if (!load.at.empty()) return load.at.size() * load.burst;
  return load.every ? load.burst : 0;
}

std::size_t messages_of(const CommandLoad& load) {
  return std::max<std::size_t>(load.at.size(), 1) * load.burst;
}

std::size_t Cast::work(std::size_t node) const {
  if (is_device(node)) return messages_of(group(node).telemetry);
  if (!is_service(node)) return 0;
  std::size_t commands = 0;
  for (const CommandLoad& load : scenario.services[node - 1].commands)
    commands += messages_of(load);
  return commands;
}

model::NodeIndex Cast::index_of(std::string_view id) const {
  for (std::size_t node = first_device; node < names.size(); ++node)
    if (names[node] == id) return static_cast<model::NodeIndex>(node);
  return model::NodeIndex::none;
}

std::unique_ptr<Participant> Cast::make(std::size_t node) const {
  if (is_device(node)) return std::make_unique<DeviceAlone>(*this, node);
  if (is_service(node)) return std::make_unique<ServiceAlone>(*this, node);
  return std::make_unique<HubAlone>(*this, node);
}

}  // namespace hubproof::tools::exhaustive
