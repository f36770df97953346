// Credentials: what opens a connection, and for how long it stays open. Of a hub that asks nobody for
// credentials there is nothing to judge.
#pragma once

#include <map>

#include "conformance/check.hpp"

namespace hubproof::conformance {

// Told of what a device showed and what came of it, each once.
class AtTheDoor : public Check {
 protected:
  // The token with which this connection was just accepted, or refused, at the device's end.
  const Shown* answered(const Seen& seen, model::What what) const;
};

class TokenIsInTime : public AtTheDoor {  // INV-20
 public:
  static constexpr Kinds wants{Kind::device_connection, Kind::hub_connection};
  static const About about;
  void saw(const Seen& seen);

 private:
  void accepted(const Seen& seen, const Shown& shown);
  void refused(const Seen& seen, const Shown& shown);
};

class SignedByItsKey : public AtTheDoor {  // SEC-04
 public:
  static constexpr Kinds wants{Kind::device_connection};
  static const About about;
  void saw(const Seen& seen);
};

class ReplacedKeyIsDead : public AtTheDoor {  // SEC-09
 public:
  static constexpr Kinds wants{Kind::device_connection};
  static const About about;
  void saw(const Seen& seen);
};

class InScope : public AtTheDoor {  // SEC-12
 public:
  static constexpr Kinds wants{Kind::device_connection};
  static const About about;
  void saw(const Seen& seen);
};

class EndsWithItsToken : public Check {  // SEC-17
 public:
  static constexpr Kinds wants{Kind::hub_connection, Kind::life, Kind::finished};
  static const About about;
  void saw(const Seen& seen);

 private:
  struct Live {
    std::uint32_t connection = 0;
    std::int64_t expiry = 0;  // hub's date
  };
  bool overdue(const Seen& seen, const Live& live) const;
  void left_open(const Seen& seen, std::uint32_t device, const Live& live);

  std::map<std::uint32_t, Live> live_;  // by device
};

}  // namespace hubproof::conformance
