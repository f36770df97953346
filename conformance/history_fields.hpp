// The names of a history's fields and values, once for reading and writing.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "model/history.hpp"

namespace hubproof::conformance {

// The names of an enum's values, in order.
std::span<const std::string_view> names_of(model::What);
std::span<const std::string_view> names_of(model::Phase);
std::span<const std::string_view> names_of(model::Packet);  // with gaps: empty
std::span<const std::string_view> names_of(model::Error);
std::span<const std::string_view> names_of(model::Ack);
std::span<const std::string_view> names_of(model::Status);
std::span<const std::string_view> names_of(model::EndedBy);
std::span<const std::string_view> names_of(model::Why);
std::span<const std::string_view> names_of(model::Role);
std::span<const std::string_view> flag_names();  // bit by bit

// Values that are not written as what they are; T may be const.
template <class T>
struct Hex { T* value; };
template <class T>
struct FlagSet { T* bits; };
template <class T>
struct EndpointSet { T* bits; };  // of those in the terms
template <class T>
struct Note { T* index; };
template <class T>
struct TrueNs { T* value; };  // since the start of the run
template <class T>
struct DateNs { T* value; };  // since 1970, or none
template <class T>
struct SpanNs { T* value; };

// field(name, value in the event, value in a default event), in the order of writing.
template <class E, class F>
void each_event_field(E& event, E& absent, F&& field) {
  field("at", TrueNs{&event.at}, TrueNs{&absent.at});
  field("observer", &event.observer, &absent.observer);
  field("what", &event.what, &absent.what);
  field("phase", &event.phase, &absent.phase);
  field("device", &event.device, &absent.device);
  field("message", &event.message, &absent.message);
  field("connection", &event.connection, &absent.connection);
  field("packet", &event.packet, &absent.packet);
  field("flags", FlagSet{&event.flags}, FlagSet{&absent.flags});
  field("qos", &event.qos, &absent.qos);
  field("packet_id", &event.packet_id, &absent.packet_id);
  field("token", &event.token, &absent.token);
  field("generation", &event.generation, &absent.generation);
  field("endpoints", EndpointSet{&event.endpoints}, EndpointSet{&absent.endpoints});
  field("partition", &event.partition, &absent.partition);
  field("sequence", &event.sequence, &absent.sequence);
  field("offset", &event.offset, &absent.offset);
  field("count", &event.count, &absent.count);
  field("date", DateNs{&event.date}, DateNs{&absent.date});
  field("expiry", DateNs{&event.expiry}, DateNs{&absent.expiry});
  field("ack", &event.ack, &absent.ack);
  field("status", &event.status, &absent.status);
  field("error", &event.error, &absent.error);
  field("code", &event.code, &absent.code);
  field("keep_alive", &event.keep_alive, &absent.keep_alive);
  field("by", &event.by, &absent.by);
  field("why", &event.why, &absent.why);
  field("offset_low", SpanNs{&event.offset_low}, SpanNs{&absent.offset_low});
  field("offset_high", SpanNs{&event.offset_high}, SpanNs{&absent.offset_high});
  field("text", Note{&event.note}, Note{&absent.note});
  field("digest", Hex{&event.digest}, Hex{&absent.digest});
  field("local", DateNs{&event.local}, DateNs{&absent.local});
}

// The terms of each limit.
constexpr std::array<std::array<const char*, 3>, model::limit_count> limit_terms{{
    {"connections_per_minute", "connections_burst", "connections_queue"},
    {"telemetry_per_minute", "telemetry_burst", "telemetry_queue"},
    {"commands_per_minute", "commands_burst", "commands_queue"},
    {"receives_per_minute", "receives_burst", "receives_queue"},
    {"registry_per_minute", "registry_burst", "registry_queue"},
}};

template <class F>
void each_term(model::Terms& terms, F&& field, bool reads = false) {
  field("profile", &terms.profile);
  if (terms.broker || reads) field("broker", &terms.broker);
  field("count_every_return", &terms.count_every_return);
  field("release_on_disconnect", &terms.release_on_disconnect);
  field("hub_observed", &terms.hub_observed);
  field("queue_limit", &terms.queue_limit);
  field("max_delivery_count", &terms.max_delivery_count);
  field("feedback_batch_limit", &terms.feedback_batch_limit);
  field("lock_ns", SpanNs{&terms.lock_ns});
  field("default_ttl_ns", SpanNs{&terms.default_ttl_ns});
  if (terms.longest_ttl_ns != 0 || reads) field("longest_ttl_ns", SpanNs{&terms.longest_ttl_ns});
  field("retention_ns", SpanNs{&terms.retention_ns});
  field("feedback_batch_ns", SpanNs{&terms.feedback_batch_ns});
  field("feedback_ttl_ns", SpanNs{&terms.feedback_ttl_ns});
  field("feedback_lock_ns", SpanNs{&terms.feedback_lock_ns});
  field("feedback_max_delivery_count", &terms.feedback_max_delivery_count);
  field("keep_alive_cap_ns", SpanNs{&terms.keep_alive_cap_ns});
  field("verifies", &terms.verifies);
  field("cuts_expired", &terms.cuts_expired);
  field("sas_grace_ns", SpanNs{&terms.sas_grace_ns});
  field("sas_grace_live_ns", SpanNs{&terms.sas_grace_live_ns});
  field("tick_ns", SpanNs{&terms.tick_ns});
  field("settle_ns", SpanNs{&terms.settle_ns});
  if (!terms.endpoints.empty() || reads) {
    field("endpoints", &terms.endpoints);
    field("fallback", &terms.fallback);
  }
  if (terms.throttles || reads) {
    field("throttles", &terms.throttles);
    for (std::size_t i = 0; i < model::limit_count; ++i) {
      field(limit_terms[i][0], &terms.limits[i].per_minute);
      field(limit_terms[i][1], &terms.limits[i].burst);
      field(limit_terms[i][2], &terms.limits[i].queue);
    }
    field("quota_per_day", &terms.quota_per_day);
    field("quota_chunk", &terms.quota_chunk);
  }
}

// Beyond these no arithmetic of a check is safe, and no history means it.
constexpr std::int64_t latest_true = std::int64_t{1} << 60;   // 36 years
constexpr std::int64_t earliest_date = -(std::int64_t{1} << 60);
constexpr std::int64_t latest_date = std::int64_t{1} << 61;   // the year 2043
constexpr std::int64_t longest_span = std::int64_t{1} << 61;
constexpr std::size_t most_endpoints = 16;

}  // namespace hubproof::conformance
