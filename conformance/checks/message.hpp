// The message itself: equal at both ends.
#pragma once

#include "conformance/check.hpp"

namespace hubproof::conformance {

class ContentIsKept : public Check {  // INV-25
 public:
  static constexpr Kinds wants{Kind::read, Kind::delivery};
  static const About about;
  void saw(const Seen& seen);
};

}  // namespace hubproof::conformance
