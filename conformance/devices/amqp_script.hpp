// The steps that cases about AMQP are made of, beside those of script.hpp.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "conformance/devices/amqp_hub.hpp"
#include "conformance/devices/script.hpp"

namespace hubproof::conformance::devices::script {

// A connection of the device's, when it comes in time; which protocol it speaks there is not looked at.
Stage::Waiting arrives(Stage& stage, model::Duration patience);
// Orders a connection, and waits until the application knows of it.
Task<LinkId> amqp_connected(Stage& stage, Wish wish = {});
// The next connection after a lost one, by itself or ordered anew; the application need not have heard of it.
Task<LinkId> amqp_back(Stage& stage, Wish wish = {});

template <class E>
Stage::Waiting next_event(Stage& stage, LinkId link, Use use, model::Duration patience) {
  return stage.wait([link, use](const Heard& heard) {
    return heard.link == link && heard.use == use && heard.amqp<E>() != nullptr;
  }, patience);
}
template <class E>
Stage::Waiting next_event(Stage& stage, LinkId link, Use use) {
  return next_event<E>(stage, link, use, stage.patience());
}
// The telemetry that holds what order `order` gave.
Stage::Waiting telemetry_of(Stage& stage, LinkId link, std::uint64_t order);

// The token in a message to $cbs.
struct PutToken {
  std::string operation, type, audience, token;
  bool to_cbs = false, has_reply_to = false, has_id = false;
};
PutToken put_token_of(const Heard& arrived);

struct Command {
  std::string id;
  std::string payload;
  std::vector<std::pair<std::string, std::string>> properties{};
};
model::Bytes flat_of(const Command& command);
// Waits until the device takes commands on this connection.
Task<> takes_commands(Stage& stage, AmqpHub& hub, LinkId link);
// Hands it over; `count` says how often it was before.
amqp::DeliveryId hand_over(AmqpHub& hub, LinkId link, const Command& command, std::uint32_t count = 0);

// Waits until the application has heard what became of each of these, and judges it: once or more at the hub before the
// application counts it as published, and told of once [DLV-01, INV-24]. `accepted` says how often the hub took it.
Task<> ends_well(Stage& stage, std::vector<std::uint64_t> orders, std::function<int(const std::string& body)> accepted);
inline Task<> ends_well(Stage& stage, const AmqpHub& hub, std::vector<std::uint64_t> orders) {
  return ends_well(stage, std::move(orders), [&hub](const std::string& body) { return hub.accepted(body); });
}
inline Task<> ends_well(Stage& stage, const AmqpHub& hub, std::uint64_t order) { return ends_well(stage, hub, std::vector{order}); }

}  // namespace hubproof::conformance::devices::script
