// The figures and decisions of the AMQP door; part of the hub's rules (model/rules.hpp).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "model/time.hpp"

namespace hubproof::model {

namespace amqp {
// What a peer says of a delivery; none: it settles it without a word.
enum class Outcome : std::uint8_t { none, accepted, rejected, released, modified };
}  // namespace amqp

// What that does to a command.
enum class AmqpSettling : std::uint8_t { complete, reject, abandon, give_back };

struct AmqpRules {
  Duration idle = std::chrono::seconds{240};  // announced; silence for twice that ends a connection [AMQP-14]
  std::uint32_t credit = 1'000;         // of links on which peers send
  std::uint32_t tokens = 999;           // of one connection [AMQP-09]
  std::uint32_t unsettled = 2'048;      // deliveries that a link may leave without a word

  // Is a message accepted only once it is durable? [AMQP-16, DLV-06]
  bool accepts_durable_only = true;
  // Is the word on a delivery confirmed only once what it did is durable? [AMQP-17]
  bool settles_durable_only = true;
  // What does an outcome do? [AMQP-20, OPEN-14]
  AmqpSettling (*settling)(amqp::Outcome outcome) = [](amqp::Outcome outcome) {
    switch (outcome) {
      case amqp::Outcome::accepted: return AmqpSettling::complete;
      case amqp::Outcome::rejected: return AmqpSettling::reject;
      case amqp::Outcome::released: return AmqpSettling::abandon;
      case amqp::Outcome::modified: return AmqpSettling::abandon;
      case amqp::Outcome::none: break;
    }
    return AmqpSettling::give_back;
  };
  // A disposition settles all deliveries from its first to its last. Also the message of one that is
  // not the first?
  bool (*settles)(bool first_of_range) = [](bool) { return true; };
  // Is the word on a delivery whose lock is lost refused? [C2D-14]
  bool refuses_lost_locks = true;
  // Do the locks of a link end with it? [C2D-15]
  bool locks_end_with_link = true;
  // And are its messages deliverable again, as nobody completed them?
  bool flights_return = true;
  // How much of a body of this size is stored? [INV-25]
  std::size_t (*kept_of_body)(std::size_t size) = [](std::size_t size) { return size; };
  // Is a token good only for the audience that it was made for? [AMQP-05, INV-20]
  bool tokens_are_for_their_audience = true;
  // Does a reader's start let an event with this value pass? [D2C-36]
  bool (*passes)(std::int64_t value, std::int64_t start, bool inclusive) =
      [](std::int64_t value, std::int64_t start, bool inclusive) {
        return inclusive ? value >= start : value > start;
      };
  // Does a newer link of a device end the older one? [AMQP-13]
  bool newest_link_wins = true;
  // Are commands handed over only against credit? [AMQP-18] Without it they are locked for whoever
  // may ask for them later.
  bool heeds_credit = true;

  bool operator==(const AmqpRules&) const = default;
};

}  // namespace hubproof::model
