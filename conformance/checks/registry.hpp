// The registry: two registrations of one device id are two devices.
#pragma once

#include "conformance/check.hpp"

namespace hubproof::conformance {

class GenerationsApart : public Check {  // INV-21
 public:
  static constexpr Kinds wants{Kind::read, Kind::hand_over, Kind::delivery, Kind::feedback_record};
  static const About about;
  void saw(const Seen& seen);

 private:
  bool recreated(const Facts& facts, std::uint32_t device) const;
};

}  // namespace hubproof::conformance
