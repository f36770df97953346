#include "tools/conform/soak.hpp"

#include <algorithm>

#include "model/device/topic_client.hpp"
#include "tools/conform/soak_hub.hpp"
#include "tools/conform/soak_stage.hpp"
#include "tools/scenario.hpp"
#include "tools/topic_load.hpp"

namespace hubproof::tools {
namespace {

using namespace std::chrono_literals;
using model::ConnectionId;
using model::Duration;
using model::Instant;
using conformance::cases::Capability;

constexpr Duration owed = 10s;              // what may still come has come, at a broker that all can reach
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

// Between the steps of an exchange, too.
constexpr const char* broker_cuts = R"([
  {"reset": "*", "at": {"packet": "PUBREC", "from": "server", "count": 4}},
  {"reset": "*", "at": {"packet": "PUBACK", "from": "server", "count": 15}},
  {"reset": "*", "at": {"packet": "PUBCOMP", "from": "server", "count": 9}},
  {"reset": "*", "at": {"packet": "PUBLISH", "from": "server", "count": 50, "place": "inside"}},
  {"reset": "*", "at": {"packet": "PUBREC", "from": "client", "count": 6}},
  {"reset": "*", "at": {"packet": "PUBCOMP", "from": "client", "count": 11}},
  {"half_open": "*", "at": {"packet": "PUBLISH", "from": "client", "count": 70, "place": "after"}}])";

std::string with_tag(std::string text, const std::string& tag) {
  for (std::size_t at; (at = text.find("\"#/")) != std::string::npos;) text.replace(at, 3, "\"" + tag + "/");
  return text;
}

class BrokerSoak;

class TopicPlayer final : public SoakStage::Player {
 public:
  TopicPlayer(BrokerSoak& soak, const ClientGroup& group, std::uint32_t number, std::string id, sim::NodeId node);

  void begin() override;
  void woken() override;
  void heal() override {
    if (starts_) starts_ = RealNet::now().mono;
    woken();
  }
  bool settled() const override { return client_ && up_ && client_->unacknowledged() == 0; }
  Instant next() const override;
  void record(std::vector<model::Event>& events) override;

  // Comes once more with a clean session, and takes back what it left.
  void clean_up();
  void sleep() {
    if (client_) client_->sleep(RealNet::now(), effects_);
    done();
  }

 protected:
  void connected(ConnectionId own) override { client_->connected(RealNet::now(), own, effects_); }
  void refused(ConnectionId own) override { client_->refused(RealNet::now(), own, effects_); }
  void received(ConnectionId own, model::View bytes) override { client_->received(RealNet::now(), own, bytes, effects_); }
  void ended(ConnectionId own, model::EndedBy by) override { client_->ended(RealNet::now(), own, by, effects_); }
  SoakStage::Door door(ConnectionId) const override { return SoakStage::Door::mqtt; }

 private:
  void start();
  void publish(std::size_t at);
  void turn();
  void plan_sleep();

  BrokerSoak& soak_;
  const ClientGroup& group_;
  TopicLoad load_;
  std::optional<model::TopicClient> client_;
  std::optional<Instant> starts_;
  std::vector<std::string> retained_;  // topics
  std::vector<Instant> due_;           // by publish load
  std::optional<Instant> turns_;       // it falls asleep, or wakes up
  bool asleep_ = false;
  std::uint32_t messages_ = 0;
};

class BrokerSoak final : public SoakStage {
 public:
  BrokerSoak(const Descriptor& descriptor, const SoakOptions& options)
      : SoakStage{descriptor, options}, scenario_{read_scenario(with_tag(workload, tag_), "the soak").scenario} {
    history_.terms.settle_ns = Duration{4 * owed}.count();  // the checks ask for a quarter of it
    for (const ClientGroup& group : scenario_.clients)
      for (std::uint32_t number = 0; number < group.count; ++number) {
        std::string id = tag_ + group.name;
        id.replace(id.find("{}"), 2, std::to_string(number));
        // The draws of a seed do not hang on the tag.
        const sim::NodeId node = cast(id, model::Role::device, group.name + std::to_string(number));
        players_.push_back(std::make_unique<TopicPlayer>(*this, group, number, id, node));
      }
  }

 private:
  friend class TopicPlayer;
  Faults faults() const override { return {broker_cuts, 3s}; }
  Duration owed_within() const override { return owed; }

  // No session and no retained message stays behind.
  void clean_up() override {
    const auto each = [this](auto&& f) {
      for (const auto& player : players_) f(static_cast<TopicPlayer&>(*player));
      pump();
    };
    cleaning_ = true;
    each([](TopicPlayer& player) { player.sleep(); });
    each([](TopicPlayer& player) { player.clean_up(); });
    const Instant until = now() + longest_cleaning;
    while (now() < until && !std::ranges::all_of(players_, [](const auto& one) { return one->settled(); })) context_.run_one();
    each([](TopicPlayer& player) { player.sleep(); });
    context_.run_for(300ms);
  }

  Scenario scenario_;
};

TopicPlayer::TopicPlayer(BrokerSoak& soak, const ClientGroup& group, std::uint32_t number, std::string id, sim::NodeId node)
    : Player{soak, std::move(id), node}, soak_{soak}, group_{group}, load_{group, number} {
  load_.settings.back_off_first = 200ms;
  load_.settings.back_off_max = 2s;
  load_.settings.connect_patience = 5s;
  load_.settings.ack_patience = 10s;
  if (!soak.descriptor_.target.can.has(Capability::will)) load_.settings.will.reset();
  for (std::size_t at = 0; at < group.publishes.size(); ++at)
    if (group.publishes[at].retain) retained_.push_back(load_.topics[at]);
  if (load_.settings.will && load_.settings.will->retain) retained_.push_back(load_.settings.will->topic);
}

void TopicPlayer::begin() { starts_ = soak_.begun_ + draw(group_.start, DriverSite::start); }

void TopicPlayer::start() {
  starts_.reset();
  tell(model::What::started);
  client_.emplace(load_.settings, id_, static_cast<std::uint32_t>(node_), chance(), [this](std::string_view text) { return soak_.note_of(std::string{text}); });
  client_->started(RealNet::now(), effects_);
  for (const PublishLoad& one : group_.publishes) due_.push_back(soak_.now() + draw(one.every, DriverSite::telemetry_every));
  plan_sleep();
}

void TopicPlayer::woken() {
  const Instant now = soak_.now();
  if (starts_ && now >= *starts_) start();
  if (!client_) return;
  for (std::size_t at = 0; at < due_.size() && soak_.loaded(); ++at)
    if (now >= due_[at]) publish(at);
  if (turns_ && (now >= *turns_ || (asleep_ && !soak_.loaded()))) turn();
  if (const auto deadline = client_->deadline(); deadline && now >= *deadline) client_->woken(RealNet::now(), effects_);
  done();
}

void TopicPlayer::publish(std::size_t at) {
  const PublishLoad& what = group_.publishes[at];
  for (std::uint32_t i = 0; i < what.burst; ++i) {
    const auto size = static_cast<std::size_t>(draw(what.body, DriverSite::telemetry_body).count());
    const std::string payload = topic_payload(node_, ++messages_, size);
    client_->publish(RealNet::now(), load_.topics[at], model::view(payload), what.qos, what.retain, effects_);
    ++soak_.result_.published;
  }
  due_[at] = soak_.now() + draw(what.every, DriverSite::telemetry_every);
}

void TopicPlayer::turn() {
  asleep_ = !asleep_;
  if (asleep_) client_->sleep(RealNet::now(), effects_);
  else client_->resume(RealNet::now(), effects_);
  plan_sleep();
}

void TopicPlayer::plan_sleep() {
  turns_.reset();
  if (group_.sleep && (asleep_ || soak_.loaded()))
    turns_ = soak_.now() + draw(asleep_ ? group_.sleep->asleep : group_.sleep->awake, DriverSite::sleep);
}

Instant TopicPlayer::next() const {
  Instant first = Instant::max();
  if (starts_) first = *starts_;
  if (client_)
    if (const auto deadline = client_->deadline()) first = std::min(first, *deadline);
  if (soak_.loaded())
    for (const Instant one : due_) first = std::min(first, one);
  if (turns_) first = std::min(first, *turns_);
  return first;
}

void TopicPlayer::record(std::vector<model::Event>& events) {
  for (const model::Event& event : events) {
    if (event.what == model::What::accepted) up_ = true;
    if (event.what == model::What::packet && event.packet == model::Packet::publish && (event.flags & model::flag_sent) == 0)
      ++soak_.result_.received;
  }
  Player::record(events);
}

void TopicPlayer::clean_up() {
  due_.clear();
  turns_.reset();
  load_.settings.clean_session = true;
  load_.settings.subscriptions.clear();
  load_.settings.will.reset();
  client_.emplace(load_.settings, id_, static_cast<std::uint32_t>(node_), chance(), [](std::string_view) { return 0u; });
  client_->started(RealNet::now(), effects_);
  for (const std::string& topic : retained_) client_->publish(RealNet::now(), topic, {}, 1, true, effects_);
  done();
}

}  // namespace

std::string why_no_soak(const Descriptor& descriptor) {
  if (descriptor.simulated) return "what is simulated is soaked by `hubproof run`, with the scenarios plain-broker and topics";
  if (descriptor.target.hub()) return why_no_hub_soak(descriptor);
  if (descriptor.target.profile != "mqtt-3.1.1") return "brokers of AMQP cannot be soaked by this version; hubs, and brokers of MQTT, can";
  if (!descriptor.doors[static_cast<std::size_t>(conformance::cases::Door::mqtt)]) return "it has no address with mqtt:// or mqtts://";
  for (const Capability needed : {Capability::sessions, Capability::wildcards, Capability::retained})
    if (!descriptor.target.can.has(needed))
      return "it lacks " + std::string{conformance::cases::capability_names[static_cast<std::size_t>(needed)]} + ", which the soak needs";
  return {};
}

SoakResult soak(const Descriptor& descriptor, const SoakOptions& options) {
  if (descriptor.target.hub()) return soak_hub(descriptor, options);
  return BrokerSoak{descriptor, options}.run();
}

}  // namespace hubproof::tools
