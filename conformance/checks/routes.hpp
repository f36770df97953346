// Routing: where a message must appear, and where not.
#pragma once

#include "conformance/check.hpp"

namespace hubproof::conformance {

class RoutesLeadThere : public Check {  // D2C-19
 public:
  static constexpr Kinds wants{Kind::read};
  static const About about;
  void saw(const Seen& seen) {
    if (seen.facts.routed) look(seen);
  }

 private:
  void look(const Seen& seen);
};

class OncePerEndpoint : public Check {  // D2C-20
 public:
  static constexpr Kinds wants{Kind::read};
  static const About about;
  void saw(const Seen& seen) {
    if (seen.facts.routed) look(seen);
  }

 private:
  void look(const Seen& seen);
};

class FallbackTakesTheRest : public Check {  // D2C-21
 public:
  static constexpr Kinds wants{Kind::read, Kind::finished};
  static const About about;
  void saw(const Seen& seen) {
    if (seen.facts.routed && seen.facts.terms.fallback) look(seen);
  }

 private:
  void look(const Seen& seen);
};

class UnmatchedIsDropped : public Check {  // D2C-22
 public:
  static constexpr Kinds wants{Kind::telemetry, Kind::read};
  static const About about;
  void saw(const Seen& seen) {
    if (seen.facts.routed && !seen.facts.terms.fallback) look(seen);
  }

 private:
  void look(const Seen& seen);
};

class BuiltinGetsTheRest : public Check {  // D2C-23
 public:
  static constexpr Kinds wants{Kind::read};
  static const About about;
  void saw(const Seen& seen) {
    if (seen.facts.routed) look(seen);
  }

 private:
  void look(const Seen& seen);
};

}  // namespace hubproof::conformance
