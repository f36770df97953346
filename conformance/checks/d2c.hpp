// Device to cloud: what was acknowledged is read, unaltered in origin, place and order.
#pragma once

#include "conformance/check.hpp"

namespace hubproof::conformance {

class AckedIsRead : public Check {  // INV-01
 public:
  static constexpr Kinds wants{Kind::telemetry, Kind::read, Kind::finished};
  static const About about;
  void saw(const Seen& seen) {
    if (seen.event.what == model::What::finished) return finish(seen);
    if (seen.telemetry == nullptr || seen.event.phase != model::Phase::ok) return;
    const bool acked = seen.telemetry->acked_at != never;
    const bool reads = seen.event.what == model::What::read;
    if (reads ? acked && !seen.telemetry->read : !acked && seen.telemetry->read) pass();
  }

 private:
  void finish(const Seen& seen);
};

class OriginIsTrue : public Check {  // INV-02
 public:
  static constexpr Kinds wants{Kind::read};
  static const About about;
  void saw(const Seen& seen) {
    if (seen.event.phase != model::Phase::ok || (seen.event.flags & model::flag_will) != 0) return;
    const auto stamp = static_cast<std::uint32_t>(seen.event.device);
    if (seen.telemetry != nullptr && seen.telemetry->device == stamp) return pass();
    look(seen, stamp);
  }

 private:
  void look(const Seen& seen, std::uint32_t stamp);
};

class OrderOfAcks : public Check {  // INV-03
 public:
  static constexpr Kinds wants{Kind::read};
  static const About about;
  void saw(const Seen& seen);
};

class ReplayKeepsOrder : public Check {  // INV-04
 public:
  static constexpr Kinds wants{Kind::read};
  static const About about;
  void saw(const Seen& seen);

 private:
  void look_at_routing(const Seen& seen);
  bool skipped(const Seen& seen, const PartitionLog& log, std::uint64_t from, std::uint64_t to);
};

class OnePartition : public Check {  // INV-05
 public:
  static constexpr Kinds wants{Kind::read};
  static const About about;
  void saw(const Seen& seen);
};

class SequencesIncrease : public Check {  // INV-06
 public:
  static constexpr Kinds wants{Kind::read};
  static const About about;
  void saw(const Seen& seen);

 private:
  void wrong(const Seen& seen, std::string what);
};

}  // namespace hubproof::conformance
