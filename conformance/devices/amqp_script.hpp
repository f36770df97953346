// The steps that cases about AMQP are made of, beside those of script.hpp.
#pragma once

#include <string>
#include <vector>

#include "conformance/devices/amqp_hub.hpp"
#include "conformance/devices/script.hpp"

namespace hubproof::conformance::devices::script {

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

// Waits until the device takes commands on this connection.
Task<> takes_commands(Stage& stage, AmqpHub& hub, LinkId link);
// Hands it over; `count` says how often it was before.
amqp::DeliveryId hand_over(AmqpHub& hub, LinkId link, const Command& command, std::uint32_t count = 0);

}  // namespace hubproof::conformance::devices::script
