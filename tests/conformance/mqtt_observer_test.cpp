// The observer of MQTT connections against the device machine, which records its own history: what is
// told from the bytes must come to the same verdicts. And packet by packet, for what the device never does.
#include "model/observer/mqtt_observer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "conformance/judge.hpp"
#include "model/mutants/mutant.hpp"
#include "tests/model/server_driver.hpp"
#include "tests/support/device_bench.hpp"

namespace hubproof::tests {
namespace {

using namespace model;
using server_tests::Driver;
using workbench::describe;

constexpr NodeIndex the_hub{0};
constexpr NodeIndex the_device{1};
constexpr NodeIndex the_service{2};

// A device and the hub machine, the wire between them with its delays and cuts, and the observer at the
// device's end of it. All chance is of the seed.
class Observed {
 public:
  Observed(std::uint64_t seed, const Rules& rules, DeviceSettings settings)
      : seed_{seed},
        rules_{rules},
        settings_{std::move(settings)},
        driver_{rules},
        device_{settings_, rules_.device, "d1", 1,
                Chance{[](void* self, ChanceSite, std::uint32_t bound) {
                         return static_cast<Observed*>(self)->below(bound);
                       },
                       this, [](void* self) -> Duration {
                         return std::chrono::milliseconds{static_cast<Observed*>(self)->below(200)};
                       }}},
        observer_{MqttObserver::Settings{[](std::string_view id) { return id == "d1" ? the_device : NodeIndex::none; }}} {}

  void run(Duration faults, Duration calm) {
    for (const NodeIndex node : {the_hub, the_device, the_service}) {
      Event event;
      event.what = What::clock;
      event.device = node;
      const std::int64_t epoch = Date{1'000'000s}.time_since_epoch().count();
      event.offset_low = epoch - 1'000'000;
      event.offset_high = epoch + 1'000'000;
      both(event, node);
    }
    driver_.create("d1");
    take_of_hub();
    for (std::uint32_t partition = 0; partition < rules_.hub.partitions; ++partition) {
      Event event;
      event.what = What::read_from;
      event.partition = partition;
      both(event, the_service);
    }
    device_.started(driver_.now(), {}, effects_);
    perform();
    const Instant healed = driver_.now().mono + faults;
    while (driver_.now().mono < healed) step(true);
    Event event;
    event.what = What::healed;
    both(event, the_hub);
    const Instant end = driver_.now().mono + calm;
    while (driver_.now().mono < end) step(false);
    read_telemetry();
    event.what = What::finished;
    both(event, the_hub);
  }

  conformance::Report judged(const std::vector<Event>& events, bool hub_observed) const {
    History header;
    header.terms = model::terms(rules_);
    header.terms.hub_observed = hub_observed;
    header.terms.settle_ns = 60'000'000'000;
    header.participants = {{"hub", Role::hub}, {"d1", Role::device}, {"s", Role::service}};
    conformance::Judge judge{header.terms, header.participants};
    for (const Event& one : events)
      if (hub_observed || one.observer != the_hub || one.what >= What::started) judge.saw(one);
    return judge.finish();
  }
  // What the device's end told on the wire, as lines. Of the others only its application knows. What came
  // in one piece the observer tells before what the device answered meanwhile: those of one time are sorted.
  static std::vector<std::string> wire(const std::vector<Event>& events) {
    std::vector<std::string> lines;
    std::size_t begun = 0;
    std::int64_t at = 0;
    for (Event event : events) {
      const bool application = event.what == What::telemetry && (event.phase == Phase::invoke || event.phase == Phase::fail);
      if (event.observer != the_device || event.what == What::clock || application) continue;
      if (event.what == What::ended && event.why != Why::disconnect) event.why = Why::unknown;
      if (event.at != at) begun = lines.size(), at = event.at;
      const std::string line = describe(event);
      lines.insert(std::upper_bound(lines.begin() + static_cast<std::ptrdiff_t>(begun), lines.end(), line), line);
    }
    return lines;
  }

  std::vector<Event> own, seen;
  std::size_t cuts = 0;

 private:
  struct Wire {  // one direction: what is under way
    std::deque<std::pair<Instant, Bytes>> pieces;
  };

  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(mix(mix(seed_) + ++drawn_) % bound);
  }

  void step(bool faults) {
    driver_.pass(10ms);
    take_of_hub();
    if (const auto due = device_.deadline(); due && *due <= driver_.now().mono) {
      device_.woken(driver_.now(), effects_);
      perform();
    }
    if (below(faults ? 20 : 200) == 0) submit();
    if (below(faults ? 150 : 1000) == 0) command();
    if (faults && below(400) == 0) cut();
    if (dialled_ != 0 && driver_.now().mono >= answers_) {
      const auto connection = ConnectionId{std::exchange(dialled_, 0)};
      here_ = connection;
      there_ = driver_.open();
      observer_.opened(connection);
      device_.connected(driver_.now(), connection, effects_);
      perform();
    }
    carry(up_, [&](View bytes) { driver_.feed(there_, bytes); });
    carry(down_, [&](View bytes) {
      observer_.received(here_, bytes, told_);
      take_told();
      device_.received(driver_.now(), here_, bytes, effects_);
      perform();
    });
    take_of_hub();
  }

  template <class F>
  void carry(Wire& wire, F arrived) {
    while (!wire.pieces.empty() && wire.pieces.front().first <= driver_.now().mono) {
      const Bytes bytes = std::move(wire.pieces.front().second);
      wire.pieces.pop_front();
      arrived(View{bytes});
      take_of_hub();
    }
  }
  void put(Wire& wire, View bytes) {
    Instant due = driver_.now().mono + std::chrono::milliseconds{5 + below(60)};
    while (!bytes.empty()) {
      const std::size_t size = std::min<std::size_t>(bytes.size(), 1 + below(200));
      if (!wire.pieces.empty()) due = std::max(due, wire.pieces.back().first);
      wire.pieces.emplace_back(due, Bytes{bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)});
      bytes = bytes.subspan(size);
    }
  }

  void submit() {
    Bytes flat;
    MessageWriter writer{flat};
    writer.system(System::message_id, message_id(own_key('t', 1, ++sent_)));
    writer.property("n", std::to_string(sent_));
    writer.body(view("21.5"));
    device_.submit(driver_.now(), flat, effects_);
    perform();
  }

  void command() {
    SendCommand send{"d1", {}};
    MessageWriter writer{send.message};
    const MessageKey key = own_key('c', 2, ++commands_);
    writer.system(System::message_id, message_id(key));
    writer.ack(Ack::full);
    writer.body(view("do"));
    Event event;
    event.what = What::command;
    event.phase = Phase::invoke;
    event.device = the_device;
    event.message = key;
    event.digest = MessageView{send.message}.content_digest();
    event.ack = Ack::full;
    both(event, the_service);
    const Response response = driver_.ask(send);
    take_of_hub();
    const auto* done = std::get_if<Done>(&response);
    event.phase = done != nullptr ? Phase::ok : Phase::fail;
    if (done != nullptr) event.date = done->date, event.expiry = done->expiry, event.sequence = done->sequence;
    if (done == nullptr) event.error = std::get<Failed>(response).error;
    both(event, the_service);
  }

  void cut() {
    if (here_ == ConnectionId::none) return;
    ++cuts;
    const EndedBy by = below(2) == 0 ? EndedBy::reset : EndedBy::peer;
    const ConnectionId gone = std::exchange(here_, ConnectionId::none);
    hang_up();
    observer_.ended(gone, by, told_);
    take_told();
    device_.ended(driver_.now(), gone, by, effects_);
    perform();
  }
  void hang_up() {  // what is under way is lost; the hub hears of it at once
    up_.pieces.clear();
    down_.pieces.clear();
    if (!driver_.closed(there_)) driver_.lose(there_);
    take_of_hub();
  }

  void read_telemetry() {
    for (std::uint32_t partition = 0; partition < rules_.hub.partitions; ++partition) {
      const Response response = driver_.ask(ReadTelemetry{partition, 1, 100'000, {}});
      const auto* read = std::get_if<Telemetry>(&response);
      if (read == nullptr) continue;
      for (const TelemetryEvent& it : read->events) {
        Event event;
        event.what = What::read;
        event.partition = partition;
        event.sequence = it.sequence;
        event.offset = it.offset;
        event.date = it.enqueued;
        event.device = the_device;
        event.generation = it.generation;
        event.message = MessageView{it.message}.key();
        event.digest = MessageView{it.message}.content_digest();
        if (it.will) event.flags |= flag_will;
        both(event, the_service);
      }
    }
  }

  void perform() {
    for (Event& event : effects_.events()) own.push_back(stamped(event, the_device));
    const Effects effects = std::exchange(effects_, {});
    for (const Effect& effect : effects.list()) {
      if (effect.kind == Effect::Kind::connect) {
        dialled_ = static_cast<std::uint32_t>(effect.connection);
        answers_ = driver_.now().mono + 30ms;
      } else if (effect.kind == Effect::Kind::send) {
        observer_.sent(effect.connection, effects.bytes(effect), told_);
        take_told();
        put(up_, effects.bytes(effect));
      } else if (effect.connection == here_ && here_ != ConnectionId::none) {
        observer_.ended(std::exchange(here_, ConnectionId::none), EndedBy::local, told_);
        take_told();
        hang_up();
      }
    }
  }
  void take_told() {
    for (Event& event : told_) seen.push_back(stamped(event, the_device));
    told_.clear();
  }
  void take_of_hub() {
    for (; taken_ < driver_.events().size(); ++taken_) both(driver_.events()[taken_], the_hub);
    const Bytes bytes = driver_.take_bytes(there_);
    if (!bytes.empty() && here_ != ConnectionId::none) put(down_, bytes);
    // What the hub ends, ends at the device once all has come.
    if (here_ != ConnectionId::none && driver_.closed(there_) && down_.pieces.empty()) {
      const ConnectionId gone = std::exchange(here_, ConnectionId::none);
      up_.pieces.clear();
      observer_.ended(gone, EndedBy::peer, told_);
      take_told();
      device_.ended(driver_.now(), gone, EndedBy::peer, effects_);
      perform();
    }
  }
  Event stamped(Event event, NodeIndex observer) const {
    event.at = driver_.now().mono.time_since_epoch().count();
    event.local = driver_.now().wall.time_since_epoch().count();
    event.observer = observer;
    return event;
  }
  void both(const Event& event, NodeIndex observer) {
    own.push_back(stamped(event, observer));
    seen.push_back(own.back());
  }

  std::uint64_t seed_;
  std::uint64_t drawn_ = 0;
  Rules rules_;
  DeviceSettings settings_;
  Driver driver_;
  Device device_;
  MqttObserver observer_;
  Effects effects_;
  std::vector<Event> told_;
  Wire up_, down_;
  ConnectionId here_{}, there_{};
  std::uint32_t dialled_ = 0;
  Instant answers_{};
  std::size_t taken_ = 0;
  std::uint32_t sent_ = 0, commands_ = 0;
};

DeviceSettings some_device(std::uint64_t seed) {
  DeviceSettings settings;
  settings.receives_commands = true;
  settings.back_off_first = 500ms;
  settings.back_off_max = 2s;
  settings.keep_alive = 5s;
  settings.ack_patience = 8s;
  settings.clean_session = seed % 5 == 0;
  settings.telemetry_qos = seed % 7 == 3 ? 0 : 1;
  settings.command_qos = seed % 7 == 5 ? 0 : 1;
  settings.has_will = seed % 3 == 0;
  return settings;
}

struct Verdicts {
  std::map<std::string, conformance::Verdict> of;
  bool operator==(const Verdicts&) const = default;
};
Verdicts verdicts(const conformance::Report& report) {
  Verdicts all;
  for (const conformance::Judged& one : report.checks) all.of[std::string{one.id}] = one.finding.verdict;
  return all;
}
std::set<std::string> failing(const conformance::Report& report) {
  std::set<std::string> all;
  for (const conformance::Judged& one : report.checks)
    if (one.finding.verdict == conformance::Verdict::fail) all.insert(std::string{one.id} + ": " + one.finding.text);
  return all;
}

TEST(MqttObserver, TellsOfTheDeviceWhatTheDeviceTellsItself) {
  std::size_t cuts = 0, exercised = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Observed run{seed, Rules{}, some_device(seed)};
    run.run(40s, 30s);
    cuts += run.cuts;
    const auto own_wire = Observed::wire(run.own);
    const auto seen_wire = Observed::wire(run.seen);
    const auto [differs, there] = std::ranges::mismatch(own_wire, seen_wire);
    ASSERT_EQ(own_wire.size(), seen_wire.size()) << "seed " << seed;
    ASSERT_EQ(differs, own_wire.end()) << "seed " << seed << ": " << *differs << " / " << *there;
    for (const bool hub_observed : {true, false}) {
      const auto own = run.judged(run.own, hub_observed);
      EXPECT_EQ(failing(own), std::set<std::string>{}) << "seed " << seed;
      EXPECT_EQ(verdicts(run.judged(run.seen, hub_observed)), verdicts(own)) << "seed " << seed;
      exercised += static_cast<std::size_t>(std::ranges::count_if(
          own.checks, [](const auto& one) { return one.finding.exercised(); }));
    }
  }
  EXPECT_GT(cuts, 200u);
  EXPECT_GT(exercised, 1000u);
}

std::set<std::string> failing_ids(const conformance::Report& report) {
  std::set<std::string> all;
  for (const std::string& one : failing(report)) all.insert(one.substr(0, one.find(": ")));
  return all;
}

// Save three: two whose wrong word about what is stored no packet tells of, and one that is asked to send
// while it has no connection.
TEST(MqttObserver, AWrongDeviceIsJudgedByItsBytesAsByItsOwnWord) {
  std::set<std::string> found;
  for (const char* name :
       {"resend-without-dup", "resend-out-of-order", "never-resends", "never-acknowledges",
        "packet-id-in-use", "acknowledges-out-of-order", "never-pings", "packet-id-drawn", "forgets-with-the-session",
        "stuck-with-full-window", "acknowledges-on-next-connection"}) {
    Rules rules;
    find_mutant(name)->apply(rules);
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
      Observed run{seed, rules, some_device(seed)};
      run.run(40s, 90s);
      for (const bool hub_observed : {true, false}) {
        const auto own = failing_ids(run.judged(run.own, hub_observed));
        EXPECT_EQ(failing_ids(run.judged(run.seen, hub_observed)), own) << name << ", seed " << seed;
        if (!own.empty()) found.insert(name);
      }
    }
  }
  EXPECT_GE(found.size(), 5u) << ::testing::PrintToString(found);
}

// ---- Packet by packet.

class Ear {
 public:
  Ear() : observer{MqttObserver::Settings{[this](std::string_view id) {
            asked.emplace_back(id);
            return id == "stranger" ? NodeIndex::none : NodeIndex{7};
          }}} {
    observer.opened(one);
  }
  template <class P>
  Ear& says(const P& packet, ConnectionId on = one) {
    Bytes bytes;
    mqtt::write(bytes, packet);
    observer.sent(on, bytes, events);
    return *this;
  }
  template <class P>
  Ear& hears(const P& packet, ConnectionId on = one) {
    Bytes bytes;
    mqtt::write(bytes, packet);
    observer.received(on, bytes, events);
    return *this;
  }
  Ear& connects(bool clean = false, ConnectionId on = one, bool present = false) {
    mqtt::Connect packet;
    packet.client_id = "d1";
    packet.clean_session = clean;
    packet.keep_alive = 60;
    return says(packet, on).hears(mqtt::Connack{present, 0}, on);
  }
  std::vector<std::string> told() {
    std::vector<std::string> lines;
    for (const Event& event : events) lines.push_back(describe(event));
    events.clear();
    return lines;
  }

  static constexpr ConnectionId one{11}, two{12};
  std::vector<std::string> asked;
  std::vector<Event> events;
  MqttObserver observer;
};

using Lines = std::vector<std::string>;
constexpr std::string_view own_topic = "devices/d1/messages/events/%24.mid=t3-1";
mqtt::Publish telemetry(mqtt::PacketId id, std::uint8_t qos = 1, bool dup = false,
                        std::string_view topic = own_topic) {
  return {topic, view("x"), id, qos, dup, false};
}

TEST(MqttObserver, APublishBeginsAnOperationAndItsAcknowledgementEndsIt) {
  Ear ear;
  ear.connects();
  EXPECT_EQ(ear.told(), (Lines{"opened on=1", "packet connect sent on=1 keep_alive=60", "packet connack on=1",
                               "accepted on=1 keep_alive=60"}));
  ear.says(telemetry(5)).hears(mqtt::Puback{5}).hears(mqtt::Puback{5});
  EXPECT_EQ(ear.told(), (Lines{"telemetry invoke on=1 qos=1 message=t3-1", "packet publish sent on=1 id=5 qos=1 message=t3-1",
                               "packet puback on=1 id=5 message=t3-1", "telemetry ok on=1 id=5 qos=1 message=t3-1",
                               "packet puback on=1 id=5"}));
  ear.says(telemetry(0, 0));
  EXPECT_EQ(ear.told(), (Lines{"telemetry invoke on=1 message=t3-1", "packet publish sent on=1 message=t3-1",
                               "telemetry info on=1 message=t3-1"}));
  ear.says(telemetry(6, 2)).hears(mqtt::Pubrec{6}).says(mqtt::Pubrel{6}).hears(mqtt::Pubcomp{6});
  EXPECT_EQ(ear.told(), (Lines{"telemetry invoke on=1 qos=2 message=t3-1", "packet publish sent on=1 id=6 qos=2 message=t3-1",
                               "packet pubrec on=1 id=6 message=t3-1", "packet pubrel sent on=1 id=6 message=t3-1",
                               "packet pubcomp on=1 id=6 message=t3-1", "telemetry ok on=1 id=6 qos=2 message=t3-1"}));
}

TEST(MqttObserver, AResendOnANewConnectionIsTheSameOperation) {
  for (const bool clean : {false, true}) {
    Ear ear;
    ear.connects(clean).says(telemetry(5));
    ear.observer.ended(Ear::one, EndedBy::reset, ear.events);
    ear.observer.opened(Ear::two);
    ear.connects(clean, Ear::two);
    ear.told();
    const mqtt::PacketId id = clean ? 9 : 5;  // a new session, so a new message under a new id
    ear.says(telemetry(id, 1, !clean), Ear::two).hears(mqtt::Puback{id}, Ear::two);
    const std::string under = " on=2 id=" + std::to_string(id);
    EXPECT_EQ(ear.told(),
              (Lines{std::string{"packet publish sent"} + (clean ? "" : " dup") + under + " qos=1 message=t3-1",
                     "packet puback" + under + " message=t3-1", "telemetry ok" + under + " qos=1 message=t3-1"}));
  }
}

TEST(MqttObserver, WhatWasSentBeforeItLookedHasNoBeginningAndNoEnd) {
  Ear ear;
  ear.connects(false, Ear::one, true).told();
  ear.says(telemetry(5, 1, true)).hears(mqtt::Puback{5});
  EXPECT_EQ(ear.told(), (Lines{"packet publish sent dup on=1 id=5 qos=1 message=t3-1", "packet puback on=1 id=5 message=t3-1"}));
}

TEST(MqttObserver, AMessageWithoutAnIdIsKnownByItsContentWhereThatIsAsked) {
  Ear ear;
  ear.connects().says(telemetry(5, 1, false, "devices/d1/messages/events/"));
  ASSERT_EQ(ear.events.size(), 6u);
  EXPECT_EQ(ear.events[4].message, MessageKey::none);
  const std::uint64_t digest = ear.events[4].digest;
  EXPECT_NE(digest, 0u);

  MqttObserver::Settings settings{[](std::string_view) { return NodeIndex{7}; }};
  settings.keys_by_content = true;
  Ear other;
  other.observer = MqttObserver{std::move(settings)};
  other.observer.opened(Ear::one);
  other.connects().says(telemetry(5, 1, false, "devices/d1/messages/events/"));
  ASSERT_EQ(other.events.size(), 6u);
  EXPECT_EQ(other.events[4].message, content_key(digest));
}

TEST(MqttObserver, TopicsOfNobodyAreNoTelemetry) {
  Ear ear;
  ear.connects().told();
  ear.says(telemetry(5, 1, false, "some/topic")).hears(mqtt::Publish{"some/topic", view("x"), 3, 1, false, true});
  ear.says(mqtt::Puback{3}).says(telemetry(6, 1, false, "devices/d2/messages/events/"));
  EXPECT_EQ(ear.told(), (Lines{"packet publish sent on=1 id=5 qos=1", "packet publish retain on=1 id=3 qos=1",
                               "packet puback sent on=1 id=3", "packet publish sent on=1 id=6 qos=1"}));
}

TEST(MqttObserver, ACommandIsDeliveredAndThePubackCompletesIt) {
  Ear ear;
  ear.connects();
  mqtt::Subscribe subscribe;
  subscribe.id = 4;
  subscribe.filters = {{"a/b", 1}, {"devices/d1/messages/devicebound/#", 1}};
  ear.says(subscribe);
  mqtt::Suback suback;
  suback.id = 4;
  suback.codes = {0x80, 1};
  ear.hears(suback).told();
  const mqtt::Publish command{"devices/d1/messages/devicebound/%24.mid=c1-1", view("do"), 9, 1, true, false};
  ear.hears(command).says(mqtt::Puback{9});
  EXPECT_EQ(ear.told(), (Lines{"packet publish dup c2d on=1 id=9 qos=1 message=c1-1",
                               "delivery dup c2d on=1 id=9 qos=1 message=c1-1 token=65545",
                               "complete invoke on=1 id=9 message=c1-1 token=65545",
                               "packet puback sent on=1 id=9 message=c1-1",
                               "complete info on=1 id=9 message=c1-1 token=65545"}));
  mqtt::Publish twice = command;
  twice.qos = 2, twice.dup = false;
  ear.hears(twice).says(mqtt::Pubrec{9}).hears(twice).hears(mqtt::Pubrel{9}).says(mqtt::Pubcomp{9});
  const Lines told = ear.told();
  EXPECT_EQ(std::ranges::count_if(told, [](const auto& line) { return line.starts_with("delivery"); }), 1);
}

TEST(MqttObserver, FiltersSayWhetherTheyAreThoseOfCommands) {
  Ear ear;
  ear.connects().told();
  mqtt::Subscribe subscribe;
  subscribe.id = 4;
  subscribe.filters = {{"a/b", 2}, {"devices/d1/messages/devicebound/#", 1}};
  mqtt::Suback suback;
  suback.id = 4;
  suback.codes = {0x80, 1};
  mqtt::Unsubscribe unsubscribe;
  unsubscribe.id = 5;
  unsubscribe.filters = {"a/b", "devices/d1/messages/devicebound/#"};
  ear.says(subscribe).hears(suback).says(unsubscribe).hears(mqtt::Unsuback{5});
  subscribe.filters = {{"a/b", 2}};
  suback.codes = {2};
  ear.says(subscribe).hears(suback);
  EXPECT_EQ(ear.told(), (Lines{"packet subscribe sent filter on=1 id=4 qos=1", "packet suback filter on=1 id=4 code=1",
                               "packet unsubscribe sent filter on=1 id=5", "packet unsuback on=1 id=5",
                               "packet subscribe sent on=1 id=4 qos=2", "packet suback on=1 id=4 code=2"}));
}

TEST(MqttObserver, ARefusalAndTheEndsOfConnectionsAreTold) {
  Ear ear;
  mqtt::Connect packet;
  packet.client_id = "d1";
  ear.says(packet).hears(mqtt::Connack{false, 5});
  ear.observer.ended(Ear::one, EndedBy::peer, ear.events);
  EXPECT_EQ(ear.told(), (Lines{"opened on=1", "packet connect sent clean on=1", "packet connack on=1 code=5",
                               "refused on=1 code=5", "ended on=1 by=peer"}));
  ear.observer.opened(Ear::two);
  ear.connects(false, Ear::two).told();
  ear.says(mqtt::Pingreq{}, Ear::two).hears(mqtt::Pingresp{}, Ear::two).says(mqtt::Disconnect{}, Ear::two);
  ear.observer.ended(Ear::two, EndedBy::peer, ear.events);
  EXPECT_EQ(ear.told(), (Lines{"packet pingreq sent on=2", "packet pingresp on=2", "packet disconnect sent on=2",
                               "ended on=2 by=local why=disconnect"}));
}

TEST(MqttObserver, AWillIsTelemetryOfItsConnection) {
  Ear ear;
  mqtt::Connect packet;
  packet.client_id = "d1";
  packet.will = mqtt::Will{own_topic, view("gone"), 1, false};
  ear.says(packet).hears(mqtt::Connack{});
  EXPECT_EQ(ear.told(), (Lines{"opened on=1", "packet connect sent clean has_will on=1 message=t3-1",
                               "packet connack on=1", "accepted clean has_will on=1 message=t3-1"}));
}

TEST(MqttObserver, ATokenIsToldByItsExpiryItsScopeAndTheNameOfItsKey) {
  Ear ear;
  const std::string key = "c2VjcmV0c2VjcmV0c2VjcmV0";
  const std::string token = make_token("hub/devices/d1", key, KeyForm::decoded, Date{1'900'000'000s});
  MqttObserver::Settings settings{[](std::string_view) { return NodeIndex{7}; },
                                  [&](std::string_view id, const Token& shown) {
                                    return id == "d1" && signed_by(shown, key, KeyForm::decoded) ? key_digest(key) : 0;
                                  }};
  ear.observer = MqttObserver{std::move(settings)};
  ear.observer.opened(Ear::one);
  mqtt::Connect packet;
  packet.client_id = "d1";
  packet.user_name = "hub/d1";
  packet.password = view(token);
  ear.says(packet);
  ASSERT_EQ(ear.events.size(), 2u);
  EXPECT_EQ(ear.events[1].expiry, 1'900'000'000'000'000'000);
  EXPECT_EQ(ear.events[1].token, key_digest(key));
  EXPECT_EQ(ear.events[1].sequence, scope_digest("d1"));
}

TEST(MqttObserver, WhoIsNotInTheHistoryIsNotToldOf) {
  Ear ear;
  mqtt::Connect packet;
  packet.client_id = "stranger";
  ear.says(packet).hears(mqtt::Connack{}).says(telemetry(5));
  ear.observer.opened(Ear::two);
  ear.says(telemetry(5), Ear::two);  // no CONNECT
  ear.observer.ended(Ear::one, EndedBy::peer, ear.events);
  ear.observer.ended(Ear::two, EndedBy::peer, ear.events);
  ear.observer.ended(ConnectionId{99}, EndedBy::peer, ear.events);
  EXPECT_EQ(ear.told(), Lines{});
}

TEST(MqttObserver, ClientsWithoutAnIdAreNobodyElse) {
  Ear ear;
  ear.observer.opened(Ear::two);
  mqtt::Connect packet;
  ear.says(packet).says(packet, Ear::two).told();
  ear.says(telemetry(5, 1, false, "a")).says(telemetry(5, 1, false, "a"), Ear::two).hears(mqtt::Puback{5});
  EXPECT_EQ(ear.asked, (std::vector<std::string>{"", ""}));
  EXPECT_EQ(ear.told().size(), 3u);
}

TEST(MqttObserver, WhatIsMalformedIsSaidAndReadNoFurther) {
  Ear ear;
  ear.connects().told();
  const Bytes reserved = {0xf0, 0};
  ear.observer.received(Ear::one, reserved, ear.events);
  ear.hears(mqtt::Puback{1}).says(mqtt::Pingreq{});
  EXPECT_EQ(ear.told(), Lines{"packet pingreq sent on=1"});
  ASSERT_TRUE(ear.observer.malformed_received(Ear::one));
  EXPECT_STREQ(ear.observer.malformed_received(Ear::one)->statement, "mqtt311:4.8.0-1");
  EXPECT_FALSE(ear.observer.malformed_sent(Ear::one));
}

TEST(MqttObserver, OfAPlainBrokerTopicsAreToldAndPayloadsAreTheMessages) {
  std::vector<std::string> notes{""};
  MqttObserver::Settings settings{[](std::string_view) { return NodeIndex{7}; }};
  settings.note = [&](std::string_view text) {
    notes.emplace_back(text);
    return static_cast<std::uint32_t>(notes.size() - 1);
  };
  Ear ear;
  ear.observer = MqttObserver{std::move(settings)};
  ear.observer.opened(Ear::one);
  mqtt::Connect connect;
  connect.client_id = "c";
  connect.will = mqtt::Will{"will/of/c", view("t1-1 gone"), 2, true};
  mqtt::Subscribe subscribe;
  subscribe.id = 4;
  subscribe.filters = {{"a/#", 2}, {"b", 0}};
  mqtt::Suback suback;
  suback.id = 4;
  suback.codes = {2, 0x80};
  mqtt::Unsubscribe unsubscribe;
  unsubscribe.id = 5;
  unsubscribe.filters = {"a/#"};
  ear.says(connect).hears(mqtt::Connack{}).says(subscribe).hears(suback);
  ear.says(mqtt::Publish{"devices/c/messages/events/", view("t1-2"), 6, 1, false, false}).hears(mqtt::Puback{6});
  ear.hears(mqtt::Publish{"a/b", view("t2-9 x"), 3, 1, false, true}).says(mqtt::Puback{3}).says(unsubscribe);
  EXPECT_EQ(notes, (std::vector<std::string>{"", "will/of/c", "a/#", "b", "devices/c/messages/events/", "a/b", "a/#"}));
  EXPECT_EQ(ear.events[1].note, 1u);
  EXPECT_EQ(ear.told(), (Lines{"opened on=1", "packet connect sent retain clean has_will on=1 qos=2 message=t1-1",
                               "packet connack on=1", "accepted clean has_will on=1 message=t1-1",
                               "packet subscribe sent on=1 id=4 qos=2", "packet subscribe sent on=1 id=4",
                               "packet suback on=1 id=4 code=2", "packet suback on=1 id=4 code=128",
                               "packet publish sent on=1 id=6 qos=1 message=t1-2", "packet puback on=1 id=6 message=t1-2",
                               "packet publish retain on=1 id=3 qos=1 message=t2-9", "packet puback sent on=1 id=3",
                               "packet unsubscribe sent on=1 id=5"}));
}

TEST(MqttObserver, EverySplitTellsTheSame) {
  Bytes up, down;
  mqtt::Connect connect;
  connect.client_id = "d1";
  mqtt::write(up, connect);
  mqtt::write(up, telemetry(5));
  mqtt::write(up, mqtt::Pingreq{});
  mqtt::write(down, mqtt::Connack{});
  mqtt::write(down, mqtt::Publish{"devices/d1/messages/devicebound/%24.mid=c1-1", view("do"), 9, 1, false, false});
  mqtt::write(down, mqtt::Pingresp{});
  Lines whole;
  for (std::size_t piece = 1; piece <= up.size() + down.size(); ++piece) {
    Ear ear;
    for (std::size_t at = 0; at < up.size(); at += piece)
      ear.observer.sent(Ear::one, View{up}.subspan(at, std::min(piece, up.size() - at)), ear.events);
    for (std::size_t at = 0; at < down.size(); at += piece)
      ear.observer.received(Ear::one, View{down}.subspan(at, std::min(piece, down.size() - at)), ear.events);
    const Lines told = ear.told();
    if (whole.empty()) whole = told;
    EXPECT_EQ(told, whole) << "pieces of " << piece;
  }
  EXPECT_EQ(whole.size(), 10u);
}

}  // namespace
}  // namespace hubproof::tests
