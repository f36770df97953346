// The fleets that the figures of design section 9 are measured on: the whole chain, with latencies
// that vary from message to message.
#pragma once

#include <string>

#include "tools/run.hpp"

namespace hubproof::bench {

using namespace std::chrono_literals;

inline tools::Scenario fleet(std::uint32_t devices, sim::Duration every, sim::Duration duration) {
  tools::Scenario scenario;
  scenario.name = "bench";
  scenario.rules = *model::profile("iot-hub-2026");
  scenario.rules.hub.retention = 60s;  // so that the log, and the memory of a long run, stay bounded
  scenario.duration = duration;
  scenario.settle = 10s;
  scenario.hub_restart = 1s;
  scenario.network.latency = sim::Distribution::uniform(10ms, 90ms);
  tools::DeviceGroup group;
  group.name = "d{}";
  group.count = devices;
  group.settings.keep_alive = 600s;
  group.telemetry.every = every > 0s ? std::optional{sim::Distribution::uniform(every / 2, every * 3 / 2)}
                                     : std::nullopt;
  group.telemetry.body = sim::Distribution::fixed(32ns);
  group.start = sim::Distribution::uniform(0s, std::min<sim::Duration>(duration / 10, 10s));
  scenario.devices.push_back(group);
  return scenario;
}

}  // namespace hubproof::bench
