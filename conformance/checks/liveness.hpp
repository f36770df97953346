// Progress: once all faults are over, what was begun comes to an end.
#pragma once

#include "conformance/check.hpp"

namespace hubproof::conformance {

class QueuesEmpty : public Check {  // INV-23
 public:
  static constexpr Kinds wants{Kind::finished};
  static const About about;
  void saw(const Seen& seen);

 private:
  bool listens(const Facts& facts, std::uint32_t device, std::int64_t& since) const;
  bool may_have_left(const Facts& facts, const Command& command) const;
};

class SendersEnd : public Check {  // INV-24
 public:
  static constexpr Kinds wants{Kind::telemetry, Kind::command, Kind::finished};
  static const About about;
  void saw(const Seen& seen) {
    if (seen.event.what == model::What::finished) return finish(seen);
    const bool answered = seen.event.phase == model::Phase::ok || seen.event.phase == model::Phase::fail;
    if (answered && (seen.telemetry != nullptr || seen.command != nullptr)) pass();
  }

 private:
  bool tries(const Facts& facts, std::uint32_t sender) const;
  void finish(const Seen& seen);
};

}  // namespace hubproof::conformance
