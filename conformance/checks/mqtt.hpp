// MQTT as an IoT hub speaks it: one connection for a device, wills, subscriptions, silence.
#pragma once

#include "conformance/check.hpp"

namespace hubproof::conformance {

class OneConnection : public Check {  // INV-16
 public:
  static constexpr Kinds wants{Kind::hub_connection, Kind::hub_received, Kind::ack_received,
                               Kind::device_connection, Kind::finished};
  static const About about;
  void saw(const Seen& seen) {
    if (seen.event.what == model::What::packet) {  // nearly always of the only connection
      const bool at_the_hub = seen.facts.is(seen.event.observer, model::Role::hub);
      const auto whose = static_cast<std::size_t>(seen.event.device);
      if (at_the_hub ? whose >= seen.facts.hub_ends.size() || !seen.facts.hub_ends[whose].others
                     : !seen.facts.rivals)
        return;
    }
    look(seen);
  }

 private:
  void look(const Seen& seen);
  void at_hub(const Seen& seen);
  void at_device(const Seen& seen);
};

class WillExactlyOnce : public Check {  // INV-17
 public:
  static constexpr Kinds wants{Kind::read, Kind::finished};
  static const About about;
  void saw(const Seen& seen) {
    const bool other = seen.event.what == model::What::read && (seen.event.flags & model::flag_will) == 0;
    if (!other) look(seen);
  }

 private:
  void look(const Seen& seen);
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
  void saw(const Seen& seen) {
    const model::Event& event = seen.event;
    if (event.what == model::What::packet) {  // nearly always long before the time
      const auto whose = static_cast<std::size_t>(event.device);
      if (whose >= seen.facts.hub_ends.size()) return;
      const HubConnection& open = seen.facts.hub_ends[whose].now;
      if (event.at - open.received_at < std::int64_t{open.keep_alive} * second) return;
    }
    look(seen);
  }

 private:
  void look(const Seen& seen);
  void at_hub(const Seen& seen);
  void at_device(const Seen& seen);
  bool overdue(const Facts& facts, std::uint32_t device, const HubConnection& connection,
               std::int64_t until) const;
};

}  // namespace hubproof::conformance
