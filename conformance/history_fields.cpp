#include "conformance/history_fields.hpp"

namespace hubproof::conformance {
namespace {

constexpr std::array<std::string_view, 32> whats{
    "telemetry",        "delivery",        "complete",          "reject",           "abandon",
    "command",          "read_from",       "read",              "checkpoint",       "feedback_batch",
    "feedback_record",  "feedback_complete", "feedback_abandon", "create_device",   "delete_device",
    "enable_device",    "disable_device",  "purge",             "opened",           "accepted",
    "refused",          "ended",           "packet",            "started",          "crashed",
    "clock",            "fault_begins",    "fault_ends",        "healed",           "finished",
    "update_device",    "throttle"};
static_assert(static_cast<std::size_t>(model::What::throttle) == whats.size() - 1);
constexpr std::array<std::string_view, 4> phases{"invoke", "ok", "fail", "info"};
constexpr std::array<std::string_view, 18> packets{
    "none",    "connect",   "connack", "publish",     "puback",   "pubrec",  "pubrel",   "pubcomp",    "subscribe",
    "suback",  "unsubscribe", "unsuback", "pingreq",  "pingresp", "disconnect", "",      "link_delivery", "link_other"};
static_assert(static_cast<std::size_t>(model::Packet::link_other) == packets.size() - 1);
constexpr std::array<std::string_view, 16> errors{"none",        "device_not_found", "queue_full", "too_large",
                                                  "invalid_expiry", "lock_lost",     "not_found",  "device_exists",
                                                  "bad_request", "storage",          "timed_out",  "disabled",
                                                  "unauthorized", "precondition_failed", "throttled", "quota_exceeded"};
static_assert(static_cast<std::size_t>(model::Error::quota_exceeded) == errors.size() - 1);
constexpr std::array<std::string_view, 4> acks{"none", "positive", "negative", "full"};
constexpr std::array<std::string_view, 5> statuses{"success", "expired", "delivery_count_exceeded", "rejected",
                                                   "purged"};
constexpr std::array<std::string_view, 5> enders{"unknown", "local", "peer", "timed_out", "reset"};
constexpr std::array<std::string_view, 12> whys{"unknown",  "disconnect",  "takeover",    "keep_alive", "protocol",
                                                "not_allowed", "device_gone", "shutdown", "no_connect", "no_answer",
                                                "credentials", "throttled"};
static_assert(static_cast<std::size_t>(model::Why::throttled) == whys.size() - 1);
constexpr std::array<std::string_view, 3> roles{"hub", "device", "service"};
constexpr std::array<std::string_view, 11> flags{"sent",     "dup",  "retain",     "clean_session", "session_present",
                                                 "has_will", "will", "c2d_filter", "c2d",           "link",
                                                 "unmatched"};
static_assert(model::flag_unmatched == 1 << (flags.size() - 1));

}  // namespace

std::span<const std::string_view> names_of(model::What) { return whats; }
std::span<const std::string_view> names_of(model::Phase) { return phases; }
std::span<const std::string_view> names_of(model::Packet) { return packets; }
std::span<const std::string_view> names_of(model::Error) { return errors; }
std::span<const std::string_view> names_of(model::Ack) { return acks; }
std::span<const std::string_view> names_of(model::Status) { return statuses; }
std::span<const std::string_view> names_of(model::EndedBy) { return enders; }
std::span<const std::string_view> names_of(model::Why) { return whys; }
std::span<const std::string_view> names_of(model::Role) { return roles; }
std::span<const std::string_view> flag_names() { return flags; }

}  // namespace hubproof::conformance
