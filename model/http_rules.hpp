// What mutants spoil in the HTTP door: named constants and small pure functions, as in rules.hpp.
#pragma once

#include <cstdint>
#include <string_view>

#include "model/time.hpp"

namespace hubproof::model {

struct HttpRules {
  // Figures.
  Duration silence = std::chrono::seconds{120};  // a connection that is silent for longer ends
  std::uint32_t batch_limit = 500;               // messages [D2C-42]
  std::uint32_t pipeline = 64;                   // requests of one connection under way

  // Decisions.

  // Does a 204 to telemetry wait until the message is durable? [DLV-07, DLV-01]
  bool telemetry_waits = true;
  // How many messages of a batch are stored? All [D2C-44].
  std::uint32_t (*stored_of_batch)(std::uint32_t size) = [](std::uint32_t size) { return size; };
  // Do responses leave in the order of their requests?
  bool in_order = true;
  // Who asks? Whom the request names, and not who asked last on this door [D2C-14].
  std::uint32_t (*caller)(std::uint32_t named, std::uint32_t last) = [](std::uint32_t named,
                                                                        std::uint32_t) {
    return named;
  };
  // What is a property's value? All that the field holds, whatever is in it [HTTP-03].
  std::string_view (*value)(std::string_view held) = [](std::string_view held) { return held; };
  // Does each hand-over have an ETag of its own? Else it is its message's [C2D-11, HTTP-11].
  bool etag_is_of_delivery = true;
  // Does a hand-over leave the message in the queue? [DLV-12]
  bool receiving_keeps = true;
  // Is a flag of the query heard that has no value? [HTTP-14]
  bool hears_bare_flags = true;
  // Is a settling whose lock is lost refused? [HTTP-16, C2D-14]
  bool tells_of_lost_locks = true;
};

}  // namespace hubproof::model
