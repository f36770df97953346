// A scenario: nodes, workload and faults of a run as data. Its JSON form is described for people in
// scenarios/README.md and for editors in scenarios/scenario.schema.json.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/device.hpp"
#include "model/device/topic_client.hpp"
#include "model/rules.hpp"
#include "model/service.hpp"
#include "sim/disk.hpp"
#include "sim/distribution.hpp"
#include "sim/fault.hpp"
#include "sim/link.hpp"
#include "sim/nemesis.hpp"
#include "tools/problem.hpp"

namespace hubproof::tools {

// What a group of devices sends.
struct TelemetryLoad {
  std::optional<sim::Distribution> every;   // none: sends nothing, but for `at`
  std::vector<sim::Duration> at;            // of the run, ascending; then `every` does not count
  sim::Distribution body;                   // bytes (a number of "nanoseconds" read as bytes)
  std::uint32_t properties = 1;
  sim::Duration from{};                     // of the run
  std::optional<sim::Duration> until;       // default: the end of the faults
  std::uint32_t burst = 1;                  // messages at once
};

struct SleepCycle {                         // by intent: DISCONNECT, later connect again
  sim::Distribution awake;
  sim::Distribution asleep;
};

// What devices show when they connect. Impostors try what must fail: a token of their own that nobody's
// key signed, or the token of another device (one whose name begins theirs, if there is one).
enum class Shows : std::uint8_t { what_is_asked, nothing, token, forged, stolen };

struct DeviceGroup {
  std::string name;                         // of one device, or with "{}" for the number: "d{}"
  std::uint32_t count = 1;
  std::string twin_of;                      // name of another group with as many: its n-th device and ours
                                            // have one id and push each other out [MQTT-10]
  model::DeviceSettings settings;
  std::vector<std::uint32_t> protocols;     // parts of the group by protocol, which is then drawn for each
                                            // device (see tools/mix.hpp); empty: that of the settings
  std::vector<std::uint32_t> transports;    // the same
  TelemetryLoad telemetry;
  std::optional<SleepCycle> sleep;
  std::optional<sim::PathSettings> path;    // to and from the hub; default: the scenario's
  sim::Distribution handling;               // from the receipt of a command to its settling
  sim::Distribution start;                  // spread of the first start
  Shows shows = Shows::what_is_asked;       // a token, if the hub verifies
  sim::Distribution memory_loss;            // 0: never; else every so often: a crash that forgets memory
};

// What each client of a group publishes. In topics, filters and wills {} stands for its number in the group.
struct PublishLoad {
  std::string topic;
  std::uint8_t qos = 1;
  bool retain = false;
  sim::Distribution every;
  sim::Distribution body;                   // bytes, at least those of the message's own key
  std::uint32_t burst = 1;                  // messages at once
  sim::Duration from{};                     // of the run
  std::optional<sim::Duration> until;       // default: the end of the faults
};

struct ClientGroup {                        // of a plain broker
  std::string name;                         // as of a group of devices
  std::uint32_t count = 1;
  model::TopicSettings settings;
  std::vector<PublishLoad> publishes;
  std::optional<SleepCycle> sleep;
  std::optional<sim::PathSettings> path;    // to and from the broker; default: the scenario's
  sim::Distribution start;                  // spread of the first start
};

struct CommandLoad {                        // what a service sends to devices
  std::optional<sim::Distribution> every;
  std::vector<sim::Duration> at;            // of the run, ascending; then `every` does not count
  std::string to = "*";                     // pattern of device names; one is drawn for each
  std::optional<sim::Distribution> ttl;     // sender's expiry; none: the hub's default
  model::Ack ack = model::Ack::full;
  sim::Distribution body;
  std::uint32_t properties = 1;
  std::uint32_t burst = 1;                  // to one device at once
  sim::Duration from{};
  std::optional<sim::Duration> until;
};

enum class RegistryWork : std::uint8_t { purge, recreate, disable, rotate };

struct RegistryEvent {                      // one thing done to one device
  RegistryWork what = RegistryWork::purge;
  std::string device;
  sim::Duration at{};                       // of the run
  sim::Duration disabled_for{};             // disable; rotate: until the device knows its new key
};

struct RegistryLoad {                       // what a service does to devices
  std::optional<sim::Distribution> purge;   // every so often, one of `to`
  std::optional<sim::Distribution> recreate;// delete and create again
  std::optional<sim::Distribution> disable; // and enable again after `disabled_for`
  sim::Distribution disabled_for;
  std::optional<sim::Distribution> rotate;  // a new primary key, which the device knows after `told_after`
  sim::Distribution told_after;             // also of one that was created again
  std::string to = "*";
  std::vector<RegistryEvent> at;            // besides, at known times
};

struct ServiceNode {
  std::string name = "s0";
  model::ServiceSettings settings;
  std::vector<CommandLoad> commands;
  RegistryLoad registry;
  std::optional<sim::PathSettings> path;
};

// What `run --strategy exhaustive` walks: every order of what may happen, and every set of so many of
// these faults. Loads are played once each, without their times.
struct ExhaustivePlan {
  std::uint32_t faults = 1;                 // at most, on one path
  std::vector<sim::NodeId> connection_loss; // whose connections may be lost
  std::vector<sim::NodeId> silent_loss;     // the same, but the hub does not hear of it
  std::vector<sim::NodeId> crash;           // who may crash, and start again
  sim::Duration restart_after = std::chrono::milliseconds{500};
  bool late = false;                        // time may pass though something is under way
  sim::Duration begin{};                    // of the run: choices begin then
};

struct Scenario {
  std::string name;
  std::string file;                         // where it was read from
  std::string reason;                       // why it exists
  model::Rules rules;                       // the profile with the hub's figures overridden
  sim::Duration duration{};                 // until heal
  sim::Duration settle{};                   // liveness bound after heal; the run lasts until it is over
  sim::PathSettings network;
  sim::DiskSettings hub_disk;
  sim::DiskSettings device_disk;
  sim::Duration hub_restart{};              // a hub that halts is started again after this
  std::vector<DeviceGroup> devices;
  std::vector<ServiceNode> services;
  std::vector<ClientGroup> clients;         // then there are no devices and services: it is a plain broker
  std::vector<sim::Fault> faults;
  std::vector<sim::NemesisSpec> nemeses;
  std::optional<ExhaustivePlan> exhaustive;
};

bool lasts(sim::FaultKind kind);            // or happens at one time only

// Node numbers: the hub is node 0, then the services in order, then the devices, group by group, then the
// clients of a plain broker, which is called hub all the same.
// Faults name nodes by these; in JSON they are names and patterns. The hub's name is "hub".
inline constexpr sim::NodeId hub_node{0};
std::vector<std::string> node_names(const Scenario& scenario);

struct ReadScenario {
  Scenario scenario;
  Problems problems;                        // empty: good
};
// `profile`: overrides the scenario's own; empty: as it says.
ReadScenario read_scenario(std::string_view json, std::string_view file, std::string_view profile = {});
std::string write_scenario(const Scenario& scenario);

// What scenarios/scenario.schema.json holds.
std::string scenario_schema();
// The table of every switch and figure of the hub under every profile, as scenarios/README.md has it.
std::string profile_table();

// Names of devices may be patterns: "d*", "d{}" (every numbered d), "d{2..5}".
bool matches_name(std::string_view pattern, std::string_view name);

}  // namespace hubproof::tools
