#include "model/rules.hpp"

#include <array>

#include "model/broker_rules.hpp"

namespace hubproof::model {
namespace {

// The hub of the documentation of May to July 2017.
Rules hub_2017() {
  Rules rules;
  rules.profile = "iot-hub-2017";
  rules.hub.delivery_count_rule = DeliveryCountRule::every_return_2017;  // [C2D-17]
  rules.hub.retain_property_name = RetainName::x_opt_retain;             // [MQTT-21]
  rules.hub.feedback_pascal_case = true;                                 // [FBK-12]
  rules.hub.feedback_max_delivery_count = 100;                           // [FBK-20]
  rules.hub.cuts_expired = false;                                        // [SEC-18]
  return rules;
}

// A broker that is no hub: of the hub's rules only those of the journal count.
Rules plain_mqtt() {
  Rules rules;
  rules.profile = "mqtt-3.1.1";
  rules.broker = std::make_shared<const BrokerRules>();
  rules.hub.filter_limit = 65'535;        // the standard has no limit
  rules.hub.keep_alive_cap = 315'360h;    // nor a cap: 36 years stand for never, and a history can say them
  rules.hub.resend_while_connected = false;  // resends are for reconnects [mqtt311:4.4.0-1]
  return rules;
}

}  // namespace

const Rules* profile(std::string_view name) {
  static const std::array<Rules, 3> profiles{Rules{}, hub_2017(), plain_mqtt()};
  for (const Rules& rules : profiles)
    if (rules.profile == name) return &rules;
  return nullptr;
}

Terms terms(const Rules& rules) {
  const HubRules& hub = rules.hub;
  Terms terms;
  terms.profile = rules.profile;
  terms.broker = rules.broker != nullptr;
  terms.count_every_return = hub.delivery_count_rule == DeliveryCountRule::every_return_2017;
  terms.release_on_disconnect = hub.lock_on_disconnect == LockOnDisconnect::release;
  terms.queue_limit = hub.queue_limit;
  terms.max_delivery_count = hub.max_delivery_count;
  terms.feedback_batch_limit = hub.feedback_batch_limit;
  terms.lock_ns = hub.lock.count();
  terms.default_ttl_ns = hub.default_ttl.count();
  if (hub.invalid_expiry != InvalidExpiry::refuse) terms.longest_ttl_ns = hub.max_ttl.count();
  terms.retention_ns = hub.retention.count();
  terms.feedback_batch_ns = hub.feedback_batch.count();
  terms.feedback_ttl_ns = hub.feedback_ttl.count();
  terms.feedback_lock_ns = hub.feedback_lock.count();
  terms.feedback_max_delivery_count = hub.feedback_max_delivery_count;
  terms.keep_alive_cap_ns = hub.keep_alive_cap.count();
  terms.verifies = hub.access == Access::verified;
  terms.cuts_expired = hub.cuts_expired;
  terms.sas_grace_ns = hub.sas_grace.count();
  terms.sas_grace_live_ns = hub.sas_grace_live.count();
  terms.tick_ns = hub.tick.count();
  if (!hub.routing.routes.empty()) {
    terms.endpoints.assign(1, std::string{builtin_endpoint});
    terms.endpoints.insert(terms.endpoints.end(), hub.routing.endpoints.begin(), hub.routing.endpoints.end());
    terms.fallback = hub.routing.fallback;
  }
  if (hub.quota.on()) {
    terms.throttles = true;
    terms.limits = hub.quota.limits;
    terms.quota_per_day = hub.quota.per_day;
    terms.quota_chunk = hub.quota.chunk;
  }
  return terms;
}

}  // namespace hubproof::model
