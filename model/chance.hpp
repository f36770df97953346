// Chance as an argument: a machine names the site of its decision, its driver answers. In a
// simulation `tools` ties the site to the node and the seed, on real sockets to the system's
// generator.
#pragma once

#include <cstdint>

#include "model/time.hpp"

namespace hubproof::model {

// Numbers are stable: add at the end, never renumber. They are offsets into the simulator's
// sites for programs.
enum class ChanceSite : std::uint32_t {
  back_off,
  first_packet_id,
  generation,
  service_retry,
  first_will,        // a device's: the number of its first will
  command_handling,  // a device's application: what it does with a command
  feedback_handling, // a service's: whether it abandons a feedback message
  websocket_mask,    // a client's: the key of one frame
  websocket_nonce,   // a client's: of its handshake
  websocket_pieces,  // a client's: into how many frames, in how many messages, it cuts what it says
  key                // bytes of shared keys: must not be guessable on real sockets
};

class Chance {
 public:
  using Draw = std::uint32_t (*)(void* context, ChanceSite site, std::uint32_t bound);
  using Time = Duration (*)(void* context);

  Chance(Draw draw, void* context, Time application = nullptr)
      : draw_{draw}, context_{context}, application_{application} {}

  // Uniform in [0, bound); bound is at least 1.
  std::uint32_t below(ChanceSite site, std::uint32_t bound) { return draw_(context_, site, bound); }

  // How long a device's application takes from the receipt of a command to its settling.
  Duration handling() { return application_ == nullptr ? Duration{} : application_(context_); }

 private:
  Draw draw_;
  void* context_;
  Time application_;  // null: it takes no time
};

}  // namespace hubproof::model
