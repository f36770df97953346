#include "tools/conform/soak_hub.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <set>

#include "model/device.hpp"
#include "model/service.hpp"
#include "tools/conform/soak_stage.hpp"
#include "tools/workload.hpp"

namespace hubproof::tools {
namespace {

using namespace std::chrono_literals;
using model::ConnectionId;
using model::Duration;
using model::Instant;
using model::MessageKey;
using model::What;
using Protocol = model::DeviceSettings::Protocol;

constexpr std::size_t most_devices = 8;
constexpr Duration owed = 3s;      // behind the last record of a command
constexpr Duration settling = 90s; // locks run out, what comes again is settled, and its record waits for a batch [C2D-12, FBK-15]

// The service is hit like the devices.
constexpr const char* hub_cuts = R"([
  {"reset": "*", "at": {"packet": "PUBACK", "from": "server", "count": 12}},
  {"reset": "*", "at": {"packet": "PUBACK", "from": "client", "count": 7}},
  {"reset": "*", "at": {"packet": "PUBLISH", "from": "server", "count": 20, "place": "inside"}},
  {"half_open": "*", "at": {"packet": "PUBLISH", "from": "client", "count": 60, "place": "after"}}])";

class HubSoak final : public SoakStage {
 public:
  HubSoak(const Descriptor& descriptor, const SoakOptions& options);

 private:
  friend class HubPlayer;
  friend class DevicePlayer;
  friend class ServicePlayer;
  Faults faults() const override { return {hub_cuts, 2s}; }
  Duration owed_within() const override { return owed; }
  Duration longest_settling() const override { return 150s; }  // what FBK-04 owes has come by then, or never comes

  // Where the hub's clock is, by the date of one event that was sent and acknowledged.
  void see_clock(const model::Event& event, sim::NodeId observer);

  const model::Rules& rules_;
  std::uint32_t first_message_;       // of each player's: ids that no earlier run at this hub had
  std::set<MessageKey> ours_;         // messages of this run; what earlier ones left is none of its business
  struct Sent {
    std::int64_t invoked_at = 0;
    std::int64_t acked_at = 0;
  };
  std::map<MessageKey, Sent> sent_;   // telemetry, until the clock is known
  bool clock_known_ = false;
};

// What devices and the service have in common: what they are told of other runs' messages stays unsaid.
class HubPlayer : public SoakStage::Player {
 public:
  HubPlayer(HubSoak& soak, std::string id, sim::NodeId node) : Player{soak, std::move(id), node}, soak_{soak} {}

  void record(std::vector<model::Event>& events) override {
    for (const model::Event& event : events) {
      const bool asks = event.phase == model::Phase::invoke;
      if (asks && (event.what == What::telemetry || event.what == What::command)) soak_.ours_.insert(event.message);
      if (event.message != MessageKey::none && !soak_.ours_.contains(event.message)) continue;
      saw(event);
      soak_.write(event, node_);
      soak_.see_clock(event, node_);
    }
  }

 protected:
  virtual void saw(const model::Event& event) = 0;
  MessageKey fresh_key(char kind) { return model::own_key(kind, static_cast<std::uint32_t>(node_), soak_.first_message_ + ++messages_); }

  HubSoak& soak_;

 private:
  std::uint32_t messages_ = 0;
};

class DevicePlayer final : public HubPlayer {
 public:
  DevicePlayer(HubSoak& soak, const conformance::cases::Identity& identity, Protocol protocol, bool clean, sim::NodeId node)
      : HubPlayer{soak, identity.id, node} {
    settings_.protocol = protocol;
    settings_.host = soak.descriptor_.target.host;
    settings_.keep_alive = 5s;
    settings_.clean_session = clean;
    settings_.receives_commands = true;
    settings_.back_off_first = 200ms;
    settings_.back_off_max = 2s;
    settings_.connect_patience = 5s;
    settings_.ack_patience = 10s;
    settings_.poll = 300ms;
    if (protocol != Protocol::mqtt) {
      settings_.reject_per_mille = 100;
      settings_.abandon_per_mille = 100;
    }
    if (!identity.key.empty())
      settings_.signer = [key = identity.key](std::string_view id) { return model::DeviceSettings::Signer{std::string{id}, key}; };
  }

  void begin() override { starts_ = soak_.begun_ + draw(sim::Distribution::uniform(0s, 1s), DriverSite::start); }
  void heal() override {
    if (starts_) starts_ = soak_.now();
    woken();
  }
  void woken() override {
    const Instant now = soak_.now();
    if (starts_ && now >= *starts_) start();
    if (!device_) return;
    if (soak_.loaded() && now >= due_) send();
    if (turns_ && (now >= *turns_ || (asleep_ && !soak_.loaded()))) turn();
    if (const auto deadline = device_->deadline(); deadline && now >= *deadline) device_->woken(RealNet::now(), effects_);
    done();
  }
  bool settled() const override {
    return device_ && device_->unacknowledged() == 0 && (up_ || settings_.protocol == Protocol::http);
  }
  Instant next() const override {
    Instant first = starts_.value_or(Instant::max());
    if (!device_) return first;
    if (const auto deadline = device_->deadline()) first = std::min(first, *deadline);
    if (soak_.loaded()) first = std::min(first, due_);
    return std::min(first, turns_.value_or(Instant::max()));
  }

 private:
  void saw(const model::Event& event) override {
    if (event.what == What::accepted || (event.what == What::opened && (event.flags & model::flag_link) != 0)) up_ = true;
    if (event.what == What::delivery) ++soak_.result_.received;
  }
  void connected(ConnectionId own) override { device_->connected(RealNet::now(), own, effects_); }
  void refused(ConnectionId own) override { device_->refused(RealNet::now(), own, effects_); }
  void received(ConnectionId own, model::View bytes) override { device_->received(RealNet::now(), own, bytes, effects_); }
  void ended(ConnectionId own, model::EndedBy by) override { device_->ended(RealNet::now(), own, by, effects_); }
  void stored(model::Ticket ticket) override { device_->stored(RealNet::now(), ticket, true, effects_); }
  SoakStage::Door door(ConnectionId) const override {
    return settings_.protocol == Protocol::mqtt ? SoakStage::Door::mqtt : settings_.protocol == Protocol::amqp ? SoakStage::Door::amqp : SoakStage::Door::http;
  }

  void start() {
    starts_.reset();
    tell(What::started);
    const auto handling = [](void* self) -> Duration {
      return static_cast<DevicePlayer*>(static_cast<Player*>(self))->draw(sim::Distribution::uniform(0s, 150ms), DriverSite::handling);
    };
    device_.emplace(settings_, soak_.rules_.device, id_, static_cast<std::uint32_t>(node_), chance(handling));
    device_->started(RealNet::now(), {}, effects_);
    plan_telemetry();
    plan_sleep();
  }
  void send() {
    const std::uint32_t burst = below(DriverSite::telemetry_every, 12) == 0 ? 6 : 1;
    for (std::uint32_t i = 0; i < burst; ++i) {
      MessageShape shape;
      shape.properties = below(DriverSite::telemetry_body, 4);
      shape.body = static_cast<std::size_t>(draw(sim::Distribution::uniform(Duration{0}, Duration{600}), DriverSite::telemetry_body).count());
      model::Bytes message;
      write_message(message, fresh_key('t'), shape);
      device_->submit(RealNet::now(), message, effects_);
      ++soak_.result_.published;
    }
    plan_telemetry();
  }
  void plan_telemetry() { due_ = soak_.now() + draw(sim::Distribution::uniform(50ms, 400ms), DriverSite::telemetry_every); }
  void turn() {
    asleep_ = !asleep_;
    if (asleep_) device_->sleep(RealNet::now(), effects_);
    else device_->resume(RealNet::now(), effects_);
    plan_sleep();
  }
  void plan_sleep() {
    turns_.reset();
    if (settings_.protocol != Protocol::mqtt || (!asleep_ && !soak_.loaded())) return;
    turns_ = soak_.now() + draw(asleep_ ? sim::Distribution::uniform(500ms, 4s) : sim::Distribution::uniform(5s, 20s), DriverSite::sleep);
  }

  model::DeviceSettings settings_;
  std::optional<model::Device> device_;
  std::optional<Instant> starts_;
  Instant due_ = Instant::max();
  std::optional<Instant> turns_;  // it falls asleep, or wakes up
  bool asleep_ = false;
};

class ServicePlayer final : public HubPlayer {
 public:
  ServicePlayer(HubSoak& soak, std::vector<std::string> devices, sim::NodeId node) : HubPlayer{soak, "service", node}, devices_{std::move(devices)} {}

  // What earlier runs left in the queues is removed first.
  void begin() override {
    tell(What::started);
    model::ServiceSettings settings;
    settings.host = soak_.descriptor_.target.host;
    if (const auto* policy = soak_.descriptor_.target.policy("iothubowner"); policy != nullptr) {
      settings.policy = policy->id;
      settings.policy_key = policy->key;
    }
    settings.partitions = soak_.descriptor_.target.limits.partitions;
    settings.read_wait = settings.feedback_wait = 5s;
    settings.abandon_feedback_per_mille = 50;
    settings.request_patience = 8s;
    settings.back_off_first = 200ms;
    settings.back_off_max = 2s;
    service_.emplace(settings, soak_.rules_.service, chance(), [this](std::string_view device) {
      const auto found = std::ranges::find(devices_, device);
      return found == devices_.end() ? model::NodeIndex::none : static_cast<model::NodeIndex>(1 + (found - devices_.begin()));
    });
    service_->started(RealNet::now(), {}, effects_);
    for (const std::string& device : devices_) service_->submit(RealNet::now(), model::Purge{device}, effects_);
    plan();
    done();
  }
  void woken() override {
    const Instant now = soak_.now();
    if (soak_.loaded() && now >= due_) send();
    if (const auto deadline = service_->deadline(); deadline && now >= *deadline) service_->woken(RealNet::now(), effects_);
    done();
  }
  // Of each command that the hub took over the record has come, and of each event the device's end.
  bool settled() const override { return service_ && service_->pending() == 0 && unrecorded_.empty(); }
  Instant next() const override {
    Instant first = soak_.loaded() ? due_ : Instant::max();
    if (const auto deadline = service_ ? service_->deadline() : std::nullopt) first = std::min(first, *deadline);
    return first;
  }

 private:
  void saw(const model::Event& event) override {
    if (event.what == What::command && event.phase == model::Phase::ok) unrecorded_.insert(event.message);
    if (event.what == What::feedback_record) unrecorded_.erase(event.message);
    if (event.what == What::read) ++soak_.result_.received;
  }
  void connected(ConnectionId own) override { service_->connected(RealNet::now(), own, effects_); }
  void refused(ConnectionId own) override { service_->refused(RealNet::now(), own, effects_); }
  void received(ConnectionId own, model::View bytes) override { service_->received(RealNet::now(), own, bytes, effects_); }
  void ended(ConnectionId own, model::EndedBy by) override { service_->ended(RealNet::now(), own, by, effects_); }
  void stored(model::Ticket ticket) override { service_->stored(RealNet::now(), ticket, true, effects_); }
  SoakStage::Door door(ConnectionId own) const override {
    return service_->goal(own) == model::Service::Goal::http ? SoakStage::Door::http : SoakStage::Door::amqp;
  }

  void send() {
    MessageShape shape;
    shape.properties = below(DriverSite::command_body, 3);
    shape.ack = model::Ack::full;
    shape.body = static_cast<std::size_t>(draw(sim::Distribution::uniform(Duration{0}, Duration{300}), DriverSite::command_body).count());
    const bool short_lived = below(DriverSite::command_ttl, 5) == 0;
    const Duration life = short_lived ? draw(sim::Distribution::uniform(2s, 12s), DriverSite::command_ttl) : Duration{10min};
    shape.expiry = RealNet::now().wall + life;
    model::SendCommand command{devices_[below(DriverSite::command_to, static_cast<std::uint32_t>(devices_.size()))], {}};
    write_message(command.message, fresh_key('c'), shape);
    service_->submit(RealNet::now(), std::move(command), effects_);
    ++soak_.result_.published;
    plan();
  }
  void plan() { due_ = soak_.now() + draw(sim::Distribution::uniform(30ms, 250ms), DriverSite::command_every); }

  const std::vector<std::string> devices_;
  std::optional<model::Service> service_;
  Instant due_ = Instant::max();
  std::set<MessageKey> unrecorded_;  // taken over by the hub
};

void HubSoak::see_clock(const model::Event& event, sim::NodeId observer) {
  if (clock_known_) return;
  const std::int64_t at = (now() - begun_).count();
  if (event.what == What::telemetry && event.phase == model::Phase::invoke) sent_[event.message].invoked_at = at;
  if (event.what == What::telemetry && event.phase == model::Phase::ok) sent_[event.message].acked_at = at;
  if (event.what != What::read || event.date == model::no_date) return;
  const auto found = sent_.find(event.message);
  if (found == sent_.end() || found->second.acked_at == 0) return;
  constexpr std::int64_t grain = std::chrono::nanoseconds{20ms}.count();  // dates are whole milliseconds, and clocks drift
  model::Event bounds;
  bounds.what = What::clock;
  bounds.device = model::NodeIndex{0};
  bounds.offset_low = event.date - found->second.acked_at - grain;
  bounds.offset_high = event.date - found->second.invoked_at + grain;
  write(bounds, observer);
  clock_known_ = true;
  sent_.clear();
}

HubSoak::HubSoak(const Descriptor& descriptor, const SoakOptions& options)
    : SoakStage{descriptor, options}, rules_{*model::profile(descriptor.target.profile)} {
  std::random_device generator;
  first_message_ = std::uniform_int_distribution<std::uint32_t>{1, 30'000}(generator) << 16;
  history_.terms.settle_ns = settling.count();
  history_.terms.verifies = false;  // nobody here saw which keys the devices were given
  std::vector<std::string> ids;
  constexpr std::array turns{Protocol::mqtt, Protocol::mqtt, Protocol::amqp, Protocol::http};
  for (std::size_t at = 0; at < std::min(most_devices, descriptor.devices.size()); ++at) {
    const conformance::cases::Identity& identity = descriptor.devices[at];
    const Protocol wanted = turns[at % turns.size()];
    const bool mqtt = descriptor.doors[static_cast<std::size_t>(Door::mqtt)].has_value();
    ids.push_back(identity.id);
    const sim::NodeId node = cast(identity.id, model::Role::device, "device" + std::to_string(at));
    players_.push_back(std::make_unique<DevicePlayer>(*this, identity, wanted == Protocol::mqtt && !mqtt ? Protocol::amqp : wanted, at % 4 == 1, node));
  }
  const sim::NodeId node = cast("service", model::Role::service, "service");
  players_.push_back(std::make_unique<ServicePlayer>(*this, ids, node));
}

}  // namespace

std::string why_no_hub_soak(const Descriptor& descriptor) {
  for (const SoakStage::Door door : {SoakStage::Door::amqp, SoakStage::Door::http})
    if (!descriptor.doors[static_cast<std::size_t>(door)]) {
      std::string why = "it has no address with ";
      why += door == SoakStage::Door::amqp ? "amqp:// or amqps://" : "http:// or https://";
      why += ", where the soak's service sends commands, reads telemetry and empties queues";
      return why;
    }
  if (descriptor.devices.empty()) return "it names no device; the soak plays up to " + std::to_string(most_devices);
  return {};
}

SoakResult soak_hub(const Descriptor& descriptor, const SoakOptions& options) { return HubSoak{descriptor, options}.run(); }

}  // namespace hubproof::tools
