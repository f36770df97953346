// Where packets begin and end in the two streams of a connection, and which they are: MQTT packets, AMQP
// frames, HTTP messages. It judges nothing: what it cannot read, it passes on as bytes without a name, and
// so all that follows in that direction.
//
// A packet comes out whole, in one piece, whatever the split it came in; of one that is larger than
// `most_held`, or whose length nobody knows yet, the head comes so (of MQTT up to the packet identifier, of
// AMQP up to the performative's code, of HTTP up to the empty line), the rest in pieces, as they arrive.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/bytes.hpp"

namespace hubproof::tools {

enum class WireProtocol : std::uint8_t { mqtt, amqp, http, bytes };
enum class From : std::uint8_t { client, server };

// The names that packets have, of all protocols: PUBLISH, transfer, POST, 204, and so on.
bool is_packet_name(std::string_view name);
std::vector<std::string_view> packet_names();

struct Piece {
  model::Bytes bytes;
  bool begins = true;  // of a packet
  bool ends = true;
  // Of one that begins:
  std::string name;    // "bytes": of nothing that is known
  std::string kind;    // of HTTP: request or response; else empty
  std::string topic;   // of a PUBLISH
  std::uint16_t id = 0;
  std::string client;  // of the packet that says it first: an MQTT client id, or the device of an HTTP path
};

class Dissector {
 public:
  static constexpr std::size_t most_held = 1u << 20;

  explicit Dissector(WireProtocol protocol) : protocol_{protocol} {}

  // Appends what `bytes` complete.
  void take(From from, model::View bytes, std::vector<Piece>& pieces);
  // The stream has ended: what had begun comes out as it is.
  void finish(From from, std::vector<Piece>& pieces);

 private:
  struct Way {
    model::Bytes held;
    bool opaque = false;        // no more packets can be told apart
    bool inside = false;        // a packet began and has not ended
    std::uint64_t remaining = 0;  // bytes of it to come; of `chunked` and `endless` ones nobody knows
    enum class Body : std::uint8_t { sized, chunked, endless } body = Body::sized;
    enum class Chunk : std::uint8_t { size, data, data_end, trailer } chunk = Chunk::size;
    std::uint64_t chunk_left = 0;
  };
  struct Head {                 // of a packet: what is known from its first bytes
    enum class Is : std::uint8_t { incomplete, known, unknown } is = Is::incomplete;
    std::size_t header = 0;     // bytes of it, in `held`: what comes out first of a packet in pieces
    std::uint64_t total = 0;    // header included; of sized ones
    Way::Body body = Way::Body::sized;
    bool at_once = false;       // its sender waits for a word before it sends the rest
    Piece piece;
  };

  Way& way(From from) { return ways_[static_cast<std::size_t>(from)]; }
  static Head unknown();
  Head head(From from, model::View held);
  static Head mqtt_head(From from, model::View held);
  static Head amqp_head(model::View held);
  Head http_head(From from, model::View held);
  void follow(From from, const Piece& message);  // of HTTP: a response is understood by its request
  static std::size_t chunked_part(Way& way, model::View held, bool& ends);

  WireProtocol protocol_;
  std::array<Way, 2> ways_;
  std::deque<std::string> asked_;  // HTTP: methods of requests without a response
  bool upgraded_ = false;          // HTTP: what follows is another protocol
  bool named_ = false;             // a packet has said who the client is
};

}  // namespace hubproof::tools
