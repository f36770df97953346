// Device to cloud: what was acknowledged is read, unaltered in origin, place and order.
#pragma once

#include "conformance/check.hpp"

namespace hubproof::conformance {

class AckedIsRead : public Check {  // INV-01
 public:
  static constexpr Kinds wants{Kind::telemetry, Kind::read, Kind::finished};
  static const About about;
  void saw(const Seen& seen);

 private:
  void finish(const Seen& seen);
};

class OriginIsTrue : public Check {  // INV-02
 public:
  static constexpr Kinds wants{Kind::read};
  static const About about;
  void saw(const Seen& seen);
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
