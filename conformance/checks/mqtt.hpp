// MQTT as an IoT hub speaks it: one connection for a device, wills, subscriptions, silence.
#pragma once

#include "conformance/check.hpp"

namespace hubproof::conformance {

class OneConnection : public Check {  // INV-16
 public:
  static constexpr Kinds wants{Kind::hub_connection, Kind::hub_received, Kind::ack_received,
                               Kind::device_connection, Kind::finished};
  static const About about;
  void saw(const Seen& seen);

 private:
  void at_hub(const Seen& seen);
  void at_device(const Seen& seen);
};

class WillExactlyOnce : public Check {  // INV-17
 public:
  static constexpr Kinds wants{Kind::read, Kind::finished};
  static const About about;
  void saw(const Seen& seen);
};

class SubscribedFirst : public Check {  // INV-18
 public:
  static constexpr Kinds wants{Kind::hand_over, Kind::c2d_received};
  static const About about;
  void saw(const Seen& seen);
};

class SilenceEnds : public Check {  // INV-19
 public:
  static constexpr Kinds wants{Kind::hub_connection, Kind::hub_received, Kind::device_connection,
                               Kind::finished};
  static const About about;
  void saw(const Seen& seen);

 private:
  void at_hub(const Seen& seen);
  void at_device(const Seen& seen);
  bool overdue(const Facts& facts, std::uint32_t device, const HubConnection& connection,
               std::int64_t until) const;
};

}  // namespace hubproof::conformance
