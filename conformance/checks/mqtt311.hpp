// Statements of MQTT 3.1.1 that bind a client and show in any run.
#pragma once

#include "conformance/check.hpp"

namespace hubproof::conformance {

class FreshPacketId : public Check {  // mqtt311:2.3.1-2
 public:
  static constexpr Kinds wants{Kind::publish_sent};
  static const About about;
  void saw(const Seen& seen) {
    if (!seen.facts.device_ends[static_cast<std::size_t>(seen.event.observer)].in_flight.empty()) look(seen);
  }

 private:
  void look(const Seen& seen);
};

class SpeaksInTime : public Check {  // mqtt311:3.1.2-23
 public:
  static constexpr Kinds wants{Kind::device_connection, Kind::device_sent, Kind::publish_sent};
  static const About about;
  void saw(const Seen& seen) {
    const DeviceEnd& end = seen.facts.device_ends[static_cast<std::size_t>(seen.event.observer)];
    if (seen.event.at - end.sent_at > std::int64_t{end.keep_alive} * second / 2) look(seen);
  }

 private:
  void look(const Seen& seen);
};

class ResendSaysSo : public Check {  // mqtt311:3.3.1-1
 public:
  static constexpr Kinds wants{Kind::publish_sent};
  static const About about;
  void saw(const Seen& seen) {
    if (!seen.facts.device_ends[static_cast<std::size_t>(seen.event.observer)].in_flight.empty()) look(seen);
  }

 private:
  void look(const Seen& seen);
};

class ResendsInOrder : public Check {  // mqtt311:4.6.0-1
 public:
  static constexpr Kinds wants{Kind::publish_sent};
  static const About about;
  void saw(const Seen& seen) {
    if (!seen.facts.device_ends[static_cast<std::size_t>(seen.event.observer)].in_flight.empty()) look(seen);
  }

 private:
  void look(const Seen& seen);
};

class AcksInOrder : public Check {  // mqtt311:4.6.0-2
 public:
  static constexpr Kinds wants{Kind::device_sent};
  static const About about;
  void saw(const Seen& seen);
};

}  // namespace hubproof::conformance
