// Which combinations of abstract protocol state a run reached: what a guided search is after. A fold
// over the history: how far each device's session is, what is in flight both ways, whether hub and
// device are up, what is under way at the service, and which families of faults are on. Each event in
// such a state, and each two that follow each other at one device, is a feature.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "model/history.hpp"

namespace hubproof::tools {

class StateCoverage {
 public:
  explicit StateCoverage(const model::History& header);

  void saw(const model::Event& event);

  // Ascending, without repetition; each below `features`.
  static constexpr std::uint32_t features = 1u << 16;
  std::vector<std::uint32_t> reached() const;

 private:
  struct DeviceState {
    std::uint8_t link = 0;        // 0: none; 1: under way; 2: accepted
    std::uint8_t subscribed = 0;
    std::uint8_t up = 0;
    std::uint8_t in_flight = 0;   // telemetry; 3 stands for more
    std::uint8_t unsettled = 0;   // deliveries
    std::uint8_t queued = 0;      // commands accepted and not yet settled
    std::uint8_t restarts = 0;    // of the hub since its session began
    std::uint64_t last = 0;       // the feature before
  };

  void mark(std::uint64_t hash) {
    const auto at = static_cast<std::uint32_t>(hash >> 48);
    seen_[at / 64] |= std::uint64_t{1} << (at % 64);
  }

  std::array<std::uint64_t, features / 64> seen_{};
  std::vector<DeviceState> devices_;
  std::vector<model::Role> roles_;
  std::uint8_t hub_up_ = 0;
  std::uint8_t commands_open_ = 0;
  std::uint8_t batches_open_ = 0;
  std::uint8_t faults_on_ = 0;
};

}  // namespace hubproof::tools
