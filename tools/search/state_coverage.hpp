// Which combinations of abstract protocol state a run reached: what a guided search is after. A fold
// over the history: how far each device's session is, what is in flight both ways, whether hub and
// device are up, what is under way at the service, and how many faults are on. A feature is an event in
// such a state; two that follow each other at one device; and, in steps of a factor of four, how soon an
// event came after the one before it, and after what last befell the hub or began or ended as a fault.
// Beside that it keeps some moments: when what happened, so that a fault can be put beside it.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "model/history.hpp"

namespace hubproof::tools {

struct Moment {
  std::int64_t at = 0;      // true time, ns since the start of the run
  std::uint32_t node = 0;   // whom it concerns
  bool operator==(const Moment&) const = default;
};

class StateCoverage {
 public:
  explicit StateCoverage(const model::History& header);

  void saw(const model::Event& event);

  // Ascending, without repetition; each below `features`.
  static constexpr std::uint32_t features = 1u << 16;
  std::vector<std::uint32_t> reached() const;
  std::vector<Moment> firsts() const;  // when each of them was reached first, in the same order

  // A few of each kind of event before all is healed, drawn evenly from all of that kind, so that what is rare in a run is
  // no less among them than what is common.
  std::vector<Moment> moments() const;

 private:
  struct DeviceState {
    std::uint8_t link = 0;        // 0: none; 1: under way; 2: accepted
    std::uint8_t subscribed = 0;
    std::uint8_t up = 0;
    std::uint8_t in_flight = 0;   // telemetry; 3 stands for more
    std::uint8_t unsettled = 0;   // deliveries
    std::uint8_t queued = 0;      // commands accepted and not yet settled
    std::uint8_t restarts = 0;    // of the hub since its session began
    std::uint64_t last = 0;       // the event before
    std::int64_t last_at = 0;
  };

  static constexpr std::size_t kinds = 2048;  // two that share a place count as one
  static constexpr std::size_t kept_of_kind = 4;
  struct Kind {
    std::uint32_t seen = 0;
    std::array<Moment, kept_of_kind> kept{};
  };

  void keep(std::uint64_t kind, const Moment& moment);
  void mark(std::uint64_t hash, const Moment& moment) {
    const auto feature = static_cast<std::uint32_t>(hash >> 48);
    std::uint64_t& word = seen_[feature / 64];
    const std::uint64_t bit = std::uint64_t{1} << (feature % 64);
    if ((word & bit) != 0) return;
    word |= bit;
    found_.push_back({feature, moment});
  }

  struct Found {
    std::uint32_t feature = 0;
    Moment first;
  };
  std::vector<Found> by_feature() const;

  std::array<std::uint64_t, features / 64> seen_{};
  std::vector<Found> found_;               // as they came
  std::uint64_t last_blow_ = 0;            // what befell the hub, or began or ended as a fault
  std::int64_t last_blow_at_ = -1;
  std::array<Kind, kinds> kinds_{};
  std::vector<DeviceState> devices_;       // by participant
  std::vector<model::Role> roles_;
  std::uint8_t hub_up_ = 0;
  std::uint8_t commands_open_ = 0;
  std::uint8_t batches_open_ = 0;
  std::uint8_t faults_on_ = 0;
  bool healed_ = false;
};

}  // namespace hubproof::tools
