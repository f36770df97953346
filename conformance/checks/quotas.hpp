// Quotas and throttling: what a hub that has limits does with each request, as it tells at its own end.
#pragma once

#include <array>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "conformance/check.hpp"

namespace hubproof::conformance {

// What a limit's allowance may be, within bounds, as the hub's clock may be fast or slow.
class AllowanceBounds {
 public:
  void full(const model::LimitTerms& limit, std::int64_t at);
  void pass(const model::LimitTerms& limit, std::int64_t at);
  void take();
  bool surely_some() const { return least_ > whole + whole / 2; }
  bool perhaps_some() const { return most_ + whole / 100 >= whole; }

 private:
  static constexpr std::int64_t whole = 60'000'000'000;  // a request; a limit of n adds n of these a minute
  std::int64_t least_ = 0;
  std::int64_t most_ = 0;
  std::int64_t at_ = 0;
  bool known_ = false;
};

class PhasesInOrder : public Check {  // INV-22
 public:
  static constexpr Kinds wants{Kind::throttle, Kind::life};
  static const About about;
  void saw(const Seen& seen);

 private:
  struct Line {
    AllowanceBounds allowance;
    std::uint32_t waiting = 0;
    bool lost = false;  // the queue overdrew the allowance: of that nothing is known until the hub starts again
  };
  std::array<Line, model::limit_count> lines_;
};

class RateIsKept : public Check {  // QUO-09
 public:
  static constexpr Kinds wants{Kind::throttle, Kind::life};
  static const About about;
  void saw(const Seen& seen);

 private:
  struct Line {
    AllowanceBounds allowance;
    bool lost = false;  // it was overdrawn, and nothing is known of it until the hub starts again
  };
  std::array<Line, model::limit_count> lines_;
};

class QuotaIsKept : public Check {  // QUO-03
 public:
  static constexpr Kinds wants{Kind::throttle, Kind::telemetry, Kind::command, Kind::life};
  static const About about;
  void saw(const Seen& seen);

 private:
  // A message that was taken and not acknowledged: a crash may have taken it, and what it used.
  struct Unsure {
    std::int64_t at = 0;
    std::uint64_t chunks = 0;
    std::uint32_t times = 0;
  };
  void crash(std::int64_t at);
  std::int64_t day_ = 0;
  std::uint64_t least_ = 0;  // of what was used
  std::uint64_t most_ = 0;
  std::map<model::MessageKey, Unsure> unsure_;
};

class RefusedLeavesNoTrace : public Check {  // QUO-13
 public:
  static constexpr Kinds wants{Kind::throttle, Kind::telemetry, Kind::read, Kind::hand_over, Kind::finished};
  static const About about;
  void saw(const Seen& seen);

 private:
  using Place = std::pair<std::uint32_t, std::uint64_t>;  // partition, sequence number
  struct Asked {
    std::uint32_t served = 0;
    std::uint32_t refused = 0;
    std::vector<Place> read{};
  };
  void take(const model::Event& event);
  void read(const Seen& seen, Asked& asked);

  std::map<model::MessageKey, Asked> messages_;
  std::set<model::NodeIndex> batchers_;  // who sent several in one request, which names none of them
};

}  // namespace hubproof::conformance
