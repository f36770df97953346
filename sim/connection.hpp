// One TCP connection as the network keeps it: both ends in one place, and beside them what the
// segment way needs, only while it is needed.
//
//   idle --SYN--> accepting --ACK--> open        (the end that is connected to)
//   connecting --SYN-ACK--> open                 (the end that connects)
//   open --close()--> lingering --FIN acknowledged--> dead
//   any --RST, time-out, FIN received--> over --program told--> dead
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "sim/packet.hpp"
#include "sim/process.hpp"
#include "sim/time.hpp"

namespace hubproof::sim {

struct Connection;
class Network;

// One end's share of the segment way: as a sender, and as a receiver of the other's stream.
struct Flow {
  static constexpr std::uint64_t nowhere = ~std::uint64_t{0};

  // Sender. Places are counted from the start of the stream.
  std::vector<std::uint8_t> kept;  // from `una`, or a little before, to what was written last
  std::size_t kept_from = 0;       // where `una` is in it
  std::uint64_t una = 0;           // the first byte not acknowledged
  std::uint64_t next = 0;          // the next to send; falls back to `una` after a time-out
  std::uint64_t sent = 0;          // the furthest sent
  std::uint64_t edge = 0;          // the window's right edge
  std::uint64_t recover = 0;       // losses below this were already answered
  std::uint64_t congestion = 0;    // window in bytes; 0: no loss yet, so no limit
  std::uint64_t threshold = 0;     // of slow start
  std::uint32_t repeats = 0;       // duplicate acknowledgements
  bool fin = false;                // to be sent after all bytes
  bool fin_sent = false;
  bool fin_again = false;  // it was sent before
  bool measuring = false;  // the time of the round trip of `measured`
  bool known = false;      // srtt and rttvar are
  std::uint64_t measured = 0;
  Instant measured_at{};
  Duration srtt{}, rttvar{};
  Duration rto{};
  Instant progress{};  // when the oldest unanswered thing was sent, or was answered
  Instant due{};       // of the timer, while it is set
  bool set = false;
  Instant asked{};  // of the event that stands for it
  bool event = false;

  // Receiver.
  std::map<std::uint64_t, std::vector<std::uint8_t>> early;  // what came before its turn
  std::vector<std::uint8_t> unread;  // in order, but the program does not read
  std::uint64_t fin_at = nowhere;
  bool fin_taken = false;
  bool flushing = false;  // an event will hand over `unread`
};

struct Detail {
  std::array<Flow, 2> flow;
};

// The hot part of an end: one cache line, two of them side by side.
struct End {
  enum class State : std::uint8_t { idle, connecting, accepting, open, lingering, over, dead };

  Process* process = nullptr;
  std::uint64_t written = 0;    // of the stream that this end sends
  std::uint64_t delivered = 0;  // of that, what reached the other end in order
  std::uint64_t consumed = 0;   // of that, what the other program has
  Packet* head = nullptr;       // under way on the quick way, in order of arrival
  Packet* tail = nullptr;
  Instant last_arrival{};      // no packet of the stream overtakes another
  std::uint32_t settings = 0;  // of the path from here to the other end
  State state = State::idle;
  bool reading = true;
  bool watched = false;  // drained() was asked for
};
static_assert(sizeof(End) == 64);

// Its place in the list of its host's connections.
struct Place {
  Connection* owner = nullptr;
  Place* prev = nullptr;
  Place* next = nullptr;
  std::uint32_t side = 0;
};

struct alignas(128) Connection {
  std::array<End, 2> ends;  // the first connected to the second
  std::unique_ptr<Detail> detail;
  Network* network = nullptr;
  std::uint32_t index = 0;
  std::uint32_t generation = 0;           // odd while alive
  std::array<std::uint32_t, 2> tokens{};  // of the timer events that count
  std::uint16_t port = 0;
  bool black_holed = false;
  std::array<Place, 2> places;
};
static_assert(sizeof(Connection) == 256);

}  // namespace hubproof::sim
