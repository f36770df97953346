#include "model/server/fault_orders.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace hubproof::model {
namespace {

using Kind = FaultOrders::Kind;

constexpr std::uint32_t longest = 24 * 3600;  // seconds
constexpr Duration usual_duration = std::chrono::seconds{5};
constexpr std::size_t most_orders = 1000;  // that are not over

struct Name {
  const char* name;
  Kind kind;
};
constexpr Name names[] = {
    {"KillTcp", Kind::kill_tcp},
    {"ShutDownMqtt", Kind::shut_down},
    {"ShutDownAmqp", Kind::shut_down},
    {"KillAmqpConnection", Kind::kill_connection},
    {"KillAmqpSession", Kind::kill_session},
    {"KillAmqpCBSLinkReq", Kind::kill_token_link},
    {"KillAmqpCBSLinkResp", Kind::kill_answer_link},
    {"KillAmqpD2CLink", Kind::kill_telemetry_link},
    {"KillAmqpC2DLink", Kind::kill_command_link},
    {"InvokeThrottling", Kind::throttle},
    {"InvokeMaxMessageQuota", Kind::quota},
    {"InvokeAuthError", Kind::unauthorized},
};

bool refuses(Kind kind) { return kind >= Kind::throttle; }

FaultOrders::Refusal refusal(Kind kind) {
  if (kind == Kind::throttle) return FaultOrders::Refusal::throttled;
  return kind == Kind::quota ? FaultOrders::Refusal::quota : FaultOrders::Refusal::unauthorized;
}

// A number of seconds; none: it is there and is none.
std::optional<Duration> seconds(const MessageView& message, std::string_view name,
                                Duration otherwise) {
  const auto text = message.property(name);
  if (!text) return otherwise;
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size() || value > longest) return std::nullopt;
  return std::chrono::seconds{value};
}

}  // namespace

const char* FaultOrders::name(Kind kind) {
  return std::ranges::find(names, kind, &Name::kind)->name;
}

std::optional<FaultOrders::Order> FaultOrders::read(Now now, const MessageView& message) const {
  const auto type = message.property("AzIoTHub_FaultOperationType");
  if (!type) return std::nullopt;
  const auto* const known = std::ranges::find(names, *type, &Name::name);
  const auto delay = seconds(message, "AzIoTHub_FaultOperationDelayInSecs", Duration{0});
  const auto duration = seconds(message, "AzIoTHub_FaultOperationDurationInSecs", usual_duration);
  if (known == std::end(names) || !delay || !duration) return std::nullopt;
  Order order;
  order.kind = known->kind;
  order.from = now.mono + *delay;
  order.until = order.from + *duration;
  if (const auto reason = message.property("AzIoTHub_FaultOperationCloseReason")) order.reason = *reason;
  return order;
}

FaultOrders::Refusal FaultOrders::heard(Now now, ConnectionId connection, DeviceIndex device,
                                        const MessageView& message) {
  std::erase_if(entries_, [&](const Entry& one) { return one.done && one.order.until <= now.mono; });
  for (const Entry& one : entries_)
    if (one.order.device == device && refuses(one.order.kind) && one.order.from <= now.mono &&
        now.mono < one.order.until)
      return refusal(one.order.kind);
  std::optional<Order> order = read(now, message);
  const auto same = [&](const Entry& one) {
    return one.order.device == device && one.order.kind == order->kind;
  };
  if (!order || entries_.size() >= most_orders || std::ranges::any_of(entries_, same))
    return Refusal::none;
  order->connection = connection;
  order->device = device;
  told_(*order, false);
  entries_.push_back({*std::move(order), false});
  return Refusal::none;
}

std::optional<Instant> FaultOrders::deadline() const {
  std::optional<Instant> first;
  for (const Entry& one : entries_)
    if (!one.done && (!first || one.order.from < *first)) first = one.order.from;
  return first;
}

std::optional<FaultOrders::Order> FaultOrders::due(Now now) {
  for (Entry& one : entries_) {
    if (one.done || one.order.from > now.mono) continue;
    one.done = true;
    told_(one.order, true);
    return one.order;
  }
  return std::nullopt;
}

}  // namespace hubproof::model
