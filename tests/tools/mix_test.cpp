// Groups of several protocols: who speaks what is drawn by name, and stays when others go.
#include "tools/mix.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tools/run.hpp"
#include "tools/shrink/surgery.hpp"
#include "tools/spell_out.hpp"

namespace hubproof::tools {
namespace {

using enum model::DeviceSettings::Protocol;
using model::DeviceSettings;

Scenario of_devices(const std::string& devices) {
  ReadScenario read = read_scenario(R"({"duration": "20s", "settle": "20s", "services": [{}], "devices": [)" +
                                        devices + "]}",
                                    "x.json");
  EXPECT_THAT(read.problems, testing::IsEmpty()) << problems_text("x.json", read.problems);
  return read.scenario;
}

const char* const fleet =
    R"({"name": "d{}", "count": 700, "protocol": {"mqtt": 4, "amqp": 2, "http": 1},
        "transport": {"tcp": 3, "websocket": 1}, "durable_outbox": true, "will": true, "batch": 5, "rejects": 0.5})";

TEST(Mix, PartsAreKeptAndSettingsThatMeanNothingAreLeftOut) {
  const Scenario drawn = spell_out_protocols(shrinking::with_single_devices(of_devices(fleet)), 5);
  std::map<DeviceSettings::Protocol, std::size_t> count;
  std::size_t websockets = 0;
  for (const DeviceGroup& one : drawn.devices) {
    EXPECT_FALSE(is_mixed(one));
    const DeviceSettings& settings = one.settings;
    ++count[settings.protocol];
    if (settings.transport == DeviceSettings::Transport::websocket) ++websockets;
    EXPECT_EQ(settings.durable_outbox, settings.protocol == mqtt);
    EXPECT_EQ(settings.has_will, settings.protocol != amqp);
    EXPECT_EQ(settings.batch, settings.protocol == http ? 5u : 1u);
    EXPECT_EQ(settings.reject_per_mille, settings.protocol == mqtt ? 0u : 500u);
    EXPECT_FALSE(settings.protocol == http && settings.transport == DeviceSettings::Transport::websocket);
  }
  EXPECT_NEAR(static_cast<double>(count[mqtt]), 400, 50);
  EXPECT_NEAR(static_cast<double>(count[amqp]), 200, 45);
  EXPECT_NEAR(static_cast<double>(count[http]), 100, 35);
  EXPECT_NEAR(static_cast<double>(websockets), 150, 40);
  EXPECT_THAT(read_scenario(write_scenario(drawn), "y.json").problems, testing::IsEmpty());
}

std::map<std::string, DeviceSettings::Protocol> speakers(const Scenario& scenario, std::uint64_t seed) {
  std::map<std::string, DeviceSettings::Protocol> of;
  for (const DeviceGroup& one : spell_out_protocols(scenario, seed).devices) of[one.name] = one.settings.protocol;
  return of;
}

TEST(Mix, WhatADeviceDrewStaysWhenOthersGo) {
  const Scenario all = shrinking::with_single_devices(of_devices(fleet));
  std::vector<bool> gone(2 + 700);
  for (std::size_t at = 2; at < gone.size(); ++at) gone[at] = at % 3 != 0;
  const auto before = speakers(all, 9);
  const auto after = speakers(shrinking::without_nodes(all, gone), 9);
  EXPECT_EQ(after.size(), 233u);
  for (const auto& [name, protocol] : after) EXPECT_EQ(before.at(name), protocol) << name;
  EXPECT_NE(speakers(all, 10), before) << "the seed draws, too";
}

TEST(Mix, SpelledOutItIsTheSameRun) {
  const Scenario mixed = of_devices(
      R"({"name": "d{}", "count": 9, "protocol": {"mqtt": 1, "amqp": 1, "http": 1}, "transport": {"tcp": 1, "websocket": 1},
          "receives_commands": true, "telemetry": {"every": "1s", "body": 20}})");
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    RunOptions options;
    options.seed = seed;
    const Scenario single = spell_out_protocols(shrinking::with_single_devices(mixed), seed);
    const RunResult as_mix = run(mixed, options);
    EXPECT_EQ(run(single, options).digest, as_mix.digest);
    EXPECT_GT(as_mix.events, 500u);
  }
}

TEST(Mix, AMixOfOneIsThatOne) {
  const Scenario scenario = of_devices(R"({"name": "d", "protocol": {"amqp": 3}})");
  EXPECT_FALSE(is_mixed(scenario.devices[0]));
  EXPECT_EQ(scenario.devices[0].settings.protocol, amqp);
}

}  // namespace
}  // namespace hubproof::tools
