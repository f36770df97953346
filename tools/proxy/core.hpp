// The proxy as a machine: bytes, ends and time of two sides come in, what is to be done goes out. START
// HERE. It reads packets (dissector.hpp) and does to them what a script says (script.hpp); what it decides
// is a function of script, seed, and what passes when.
//
//   opened ──▶ dialling ──connected──▶ open ──ended, reset──▶ gone
//     │            └── refused: the client is cut off            silent: half-open, for ever
//     └── connect_refusal: the client is cut off
//
// Each direction is a queue: what waits at its front (for its time, for the end of a partition, for the
// server to be there) holds up what is behind it, as in a stream.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/history.hpp"
#include "model/time.hpp"
#include "tools/live_faults.hpp"
#include "tools/proxy/script.hpp"

namespace hubproof::tools {

enum class PairId : std::uint32_t {};  // a client's connection and the one to the server that goes with it

struct ProxyEffect {
  enum class Kind : std::uint8_t {
    dial,     // connect to the server
    send,     // `bytes` to `side`
    close,    // the connection to `side`, after what was sent
    abort,    // the same with RST, after what was sent
    silence,  // both sides: nothing is heard of them again, and they hear nothing
    hold,     // read no more of `side`
    let_go    // read of it again
  };
  Kind kind{};
  PairId pair{};
  From side{};         // who it is done to
  model::Bytes bytes{};
};

// What became of a packet, or of a connection, for whoever looks at the run.
struct ProxyNote {
  PairId pair{};
  std::string client;       // empty: it has not said who it is
  std::optional<From> from; // of a packet
  std::string packet;       // empty: it is about the connection, or about all
  std::size_t bytes = 0;
  std::string did;
  bool fault = false;       // not just passed on
};

class ProxyCore {
 public:
  static constexpr std::size_t most_queued = 256u << 10;  // bytes of a direction, before no more is read

  ProxyCore(const ProxyScript& script, const Cast& cast, std::uint64_t seed, model::Instant start);

  // `client`: who it is, where that is known before it says so.
  void opened(model::Instant now, PairId pair, WireProtocol protocol, std::string client = {});
  void connected(model::Instant now, PairId pair);
  void refused(model::Instant now, PairId pair);
  void received(model::Instant now, PairId pair, From from, model::View bytes);
  void ended(model::Instant now, PairId pair, From side, model::EndedBy by);
  void woken(model::Instant now);
  std::optional<model::Instant> deadline() const;
  bool has(PairId pair) const { return pairs_.contains(pair); }  // it may still do something with it

  // What is to be done, in order, and what was done, since they were last taken.
  std::vector<ProxyEffect> take_effects() { return std::exchange(effects_, {}); }
  std::vector<ProxyNote> take_notes() { return std::exchange(notes_, {}); }

 private:
  struct Waiting {
    enum class Is : std::uint8_t { bytes, end, reset, silence } is = Is::bytes;
    model::Bytes bytes{};
    model::Instant leaves{};
    std::uint32_t tries = 0;   // as often it was lost
    bool packet_ends = true;
    std::uint64_t behind = 0;  // of a late one: so many have left before it
    bool lost = false;         // to be sent again, and perhaps lost again
  };
  struct Way {
    std::deque<Waiting> queue;
    std::vector<Waiting> late;  // held back, while others pass; by when they leave
    std::size_t queued = 0;     // bytes of either
    std::uint64_t came = 0;     // into the queue
    std::uint64_t left = 0;     // and out of it
    bool held = false;          // no more is read
    bool dropping = false;      // the rest of a packet that began
    std::optional<Waiting::Is> then;  // what ends the connection behind the packet that began
  };
  struct Pair {
    explicit Pair(WireProtocol protocol) : dissector{protocol} {}
    Dissector dissector;
    std::string client;         // as it said in the packets so far; empty: not yet
    Way ways[2];                // by who sends
    bool connected = false;
    bool doomed = false;        // its end is in a queue: nothing more is taken
    bool client_gone = false;   // and the server is told behind what waits
    bool server_gone = false;
    std::uint32_t number = 0;
    std::map<std::size_t, std::uint64_t> counts;  // by fault
  };
  using Pairs = std::map<PairId, Pair>;
  struct Armed {                // a fault that a packet sets off
    sim::Fault fault;
    Trigger at;
    std::string text;
    std::uint64_t count = 0;    // over all
    std::map<std::string, std::uint64_t> clients;
    std::uint32_t done = 0;
    sim::Bursts bursts{};
  };

  static From other(From from) { return from == From::client ? From::server : From::client; }
  static Way& way(Pair& pair, From from) { return pair.ways[static_cast<std::size_t>(from)]; }

  bool covers(const Armed& one, const std::string& client, From from) const;
  bool hits(Armed& one, std::size_t index, Pair& pair, From from, const Piece& piece, model::Instant now);
  void take(model::Instant now, PairId id, Pair& pair, From from, Piece piece);
  void queue(model::Instant now, PairId id, Pair& pair, From from, Waiting waiting);
  static void queue_late(Way& here, Waiting waiting);
  static void queue_end(Pair& pair, From from, Waiting::Is is);
  void move_all(model::Instant now);
  bool move(model::Instant now, PairId id, From from);  // false: the pair has gone
  void passes(model::Instant now, PairId id, Pair& pair, From from, Waiting& waiting);
  void act(model::Instant now);
  void cut(PairId id);
  void silence(PairId id);
  void done(ProxyEffect::Kind kind, PairId id, From side, model::Bytes bytes = {});
  void note(PairId id, std::string did, bool fault);
  sim::NodeId node(const Pair& pair, From from);

  Cast cast_;
  model::Instant start_;
  std::optional<model::Instant> heals_;
  LiveFaults faults_;
  std::vector<Armed> armed_;
  sim::Choices choices_;
  std::map<std::string, std::uint32_t> nodes_;  // of clients: the numbers that draws hang on
  Pairs pairs_;
  std::uint32_t opened_ = 0;
  std::vector<ProxyEffect> effects_;
  std::vector<ProxyNote> notes_;
};

}  // namespace hubproof::tools
