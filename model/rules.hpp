// What profiles switch and mutants spoil: named constants, switches and small pure functions that
// the machines take as an argument. A machine asks its rules and never knows who wrote them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/history.hpp"
#include "model/time.hpp"

namespace hubproof::model {

using namespace std::chrono_literals;

// Switches of section 0.4 of the messaging facts and of the departures from MQTT 3.1.1; where both
// name one, the name of the facts wins. Only those that this version's doors can show.
enum class DeliveryCountRule : std::uint8_t { every_return_2017, abandon_only_2026 };
enum class RetainName : std::uint8_t { x_opt_retain, mqtt_retain };
enum class Qos0Settle : std::uint8_t { complete_on_write, keep_locked };
enum class PresubMessages : std::uint8_t { deliver_on_connack, after_subscribe, reject_older };
enum class LockOnDisconnect : std::uint8_t { release, hold };
enum class InvalidExpiry : std::uint8_t { refuse, accept_and_expire, cap };
enum class Qos2Publish : std::uint8_t { close, puback };
enum class BadTopic : std::uint8_t { close, ack };
enum class BadFilter : std::uint8_t { close, failure_code, accept };
enum class FilterOverLimit : std::uint8_t { close, failure_code };
enum class OverSize : std::uint8_t { close, ack_and_drop };

// Small pure decisions. Each is a plain function, so a mutant replaces exactly one.
struct HubRules {
  // Switches.
  DeliveryCountRule delivery_count_rule = DeliveryCountRule::abandon_only_2026;  // [C2D-17]
  RetainName retain_property_name = RetainName::mqtt_retain;                     // [MQTT-21]
  Qos0Settle mqtt_qos0_settle = Qos0Settle::complete_on_write;                   // [C2D-31]
  PresubMessages mqtt_presub_messages = PresubMessages::deliver_on_connack;      // [MQTT-30..32]
  LockOnDisconnect lock_on_disconnect = LockOnDisconnect::release;               // [C2D-15]
  InvalidExpiry invalid_expiry = InvalidExpiry::refuse;                          // [OPEN-07]
  Qos2Publish qos2_publish = Qos2Publish::close;                                 // [H-10]
  BadTopic bad_topic = BadTopic::close;                                          // [H-14]
  BadFilter bad_filter = BadFilter::failure_code;                                // [H-15]
  FilterOverLimit filter_over_limit = FilterOverLimit::failure_code;             // [H-16]
  OverSize over_size = OverSize::close;                                          // [H-19]
  bool feedback_pascal_case = false;                                             // [FBK-12]
  bool resend_while_connected = true;                                            // [H-23]

  // Figures.
  std::uint32_t partitions = 4;                  // [D2C-05]
  std::uint32_t queue_limit = 50;                // [C2D-03]
  std::uint32_t max_delivery_count = 10;         // [C2D-18]
  std::uint32_t filter_limit = 5;                // [MQTT-36]
  std::uint32_t c2d_window = 50;                 // unacknowledged C2D publishes per connection [OPEN-20]
  std::uint32_t d2c_size_limit = 262'144;        // [D2C-40]
  std::uint32_t c2d_size_limit = 65'536;         // [C2D-05]
  std::uint32_t feedback_batch_limit = 64;       // [FBK-15]
  std::uint32_t feedback_max_delivery_count = 10;// [FBK-20]
  std::uint8_t refused_login = 5;                // CONNACK code [H-05]
  std::uint8_t disabled_device = 3;              // CONNACK code [H-05]
  Duration tick = 1ms;                           // the resolution of the hub's dates
  Duration lock = 60s;                           // [C2D-13]
  Duration default_ttl = 1h;                     // [C2D-27]
  Duration max_ttl = 48h;                        // [C2D-28]
  Duration retention = 24h;                      // [D2C-31]
  Duration feedback_batch = 15s;                 // [FBK-15]
  Duration feedback_ttl = 1h;                    // [FBK-19]
  Duration feedback_lock = 60s;                  // [FBK-19]
  Duration keep_alive_cap = 1767s;               // [MQTT-15]
  Duration connect_deadline = 60s;               // [H-30]
  Duration sync_patience = 30s;                  // a sync that takes longer: the storage is dead

  // Decisions. The server and the hub ask these at the named places and nowhere else decide so.
  bool (*expired)(Date now, Date expiry) = [](Date now, Date expiry) { return now >= expiry; };  // [C2D-29]
  bool (*lock_ended)(Instant now, Instant until) = [](Instant now, Instant until) { return now >= until; };  // [C2D-12]
  Duration (*keep_alive_limit)(Duration keep_alive, Duration cap) =  // [MQTT-14, MQTT-15, OPEN-11]
      [](Duration keep_alive, Duration cap) {
        const Duration limit = keep_alive + keep_alive / 2;
        return limit == Duration{0} || limit > cap ? cap : limit;
      };
  bool (*counts_as_return)(DeliveryCountRule rule, bool abandoned) =  // [C2D-17]
      [](DeliveryCountRule rule, bool abandoned) {
        return abandoned || rule == DeliveryCountRule::every_return_2017;
      };
  bool (*wants_record)(Ack asked, Status outcome) =  // [FBK-02..FBK-04, OPEN-09]
      [](Ack asked, Status outcome) {
        const Ack side = outcome == Status::success ? Ack::positive : Ack::negative;
        return asked == Ack::full || asked == side;
      };
  Status (*reported)(Status outcome) = [](Status outcome) { return outcome; };  // [FBK-09]

  // Doors.
  bool acks_wait = true;            // a PUBACK leaves once its message is durable [DLV-04]
  bool resends_are_stored = true;   // DUP never suppresses a message [MQTT-22, DLV-10]
  bool one_connection = true;       // a newer connection of a device ends the older one [MQTT-09]
  bool needs_subscription = true;   // nothing is delivered before a subscription [MQTT-30]
  bool pushes_backlog = true;       // a connection starts with what waits for its device [MQTT-32]
  std::uint32_t (*wills)(Why why) = // how many wills an ended connection leaves [MQTT-42]
      [](Why why) { return why == Why::disconnect ? 0u : 1u; };
  std::uint32_t (*origin)(std::uint32_t device, std::uint64_t nth) =  // whose the nth message is [D2C-14]
      [](std::uint32_t device, std::uint64_t) { return device; };
  View (*stored_body)(View payload) = [](View payload) { return payload; };  // [MSG-16]
};

struct DeviceRules {
  bool resend_sets_dup = true;           // [mqtt311:3.3.1-1]
  bool resend_in_order = true;           // [mqtt311:4.6.0-1]
  bool resend_after_reconnect = true;    // at least once: what was not acknowledged is sent again [DLV-09]
  bool acknowledges = true;              // QoS 1 deliveries get their PUBACK, in order [mqtt311:4.6.0-2]
  bool retries_connecting = true;        // [INV-24]
};

struct Rules {
  std::string profile = "iot-hub-2026";
  HubRules hub;
  DeviceRules device;
};

// iot-hub-2026 (the default), iot-hub-2017, mqtt-3.1.1. Null for another name.
const Rules* profile(std::string_view name);

// What the rules promise, as a judge needs it. Taken from a profile before a mutant spoils it.
Terms terms(const Rules& rules);

}  // namespace hubproof::model
