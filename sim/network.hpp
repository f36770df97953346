// Hosts and the TCP connections between them.
//
// There are two ways for bytes. On a quiet path a write is one packet of any size and one event:
// nothing can be lost, so nothing is acknowledged (the quick way). As soon as a fault, a lossy
// path, a silent host or a full window could make a difference, the connection is made of segments
// with sequence numbers, acknowledgements and timers (the segment way, flow.hpp), until all is
// delivered and the path is quiet again. Both draw the latency of bytes from the same choices, so
// on a quiet path they deliver equal bytes at equal times. An acknowledgement on its way when the
// segments begin counts as arrived.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "sim/choices.hpp"
#include "sim/connection.hpp"
#include "sim/link.hpp"
#include "sim/node.hpp"
#include "sim/packet.hpp"
#include "sim/process.hpp"
#include "sim/scheduler.hpp"
#include "sim/trace.hpp"

namespace hubproof::sim {

struct TcpSettings {
  std::uint32_t mss = 1400;
  std::uint32_t window = 262'144;                  // of each direction, in bytes
  Duration initial_rto = std::chrono::seconds{1};  // RFC 6298
  Duration min_rto = std::chrono::milliseconds{200};
  Duration max_rto = std::chrono::seconds{60};
  Duration connect_timeout = std::chrono::seconds{20};
  Duration user_timeout = std::chrono::seconds{120};  // without progress, until the stream ends
  Duration lookup_failure = std::chrono::milliseconds{50};
  bool always_segments = false;  // never take the quick way
};

class Network {
 public:
  Network(Scheduler& scheduler, Choices& choices, Trace& trace);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // Settings. The settings of a path hold from now on, for connections that exist, too.
  void tcp(const TcpSettings& settings) { tcp_ = settings; }
  const TcpSettings& tcp() const { return tcp_; }
  void everywhere(const PathSettings& settings);                    // paths with no own settings
  void path(NodeId from, NodeId to, const PathSettings& settings);  // this direction only

  // What programs do. Sockets that are dead or unknown are ignored.
  void listen(NodeId node, std::uint16_t port);
  void unlisten(NodeId node, std::uint16_t port);
  Socket connect(NodeId from, NodeId to, std::uint16_t port);  // later connected() or refused()
  void write(Socket socket, View bytes);
  void close(Socket socket);          // FIN after what was written; no more calls about it
  void abort(Socket socket);          // RST; no more calls about it
  void pause_reading(Socket socket);  // the window fills, and the sender stalls
  void resume_reading(Socket socket);
  void watch_drained(Socket socket);        // drained() once, when nothing is unsent
  std::size_t unsent(Socket socket) const;  // written, but not yet known to have arrived
  NodeId peer(Socket socket) const;         // of a live socket
  std::uint16_t port(Socket socket) const;  // that the first connected to; of a live socket
  bool alive(Socket socket) const;          // the program may still hear of it
  void soon(Socket socket) const;           // a hint: it will be written to

  // What faults do.
  RuleId impose(Rule rule);
  void lift(RuleId rule);
  void reset_all(NodeId node);  // both ends of all connections get RST now
  void reset_between(NodeId one, NodeId other);
  void black_hole(NodeId node);  // for ever; new connections work
  void black_hole_between(NodeId one, NodeId other);

  // What processes tell.
  void attach(Process& process);  // in the order of ids
  void started(NodeId node);
  void crashed(NodeId node, bool host_too);
  void taken(Socket socket, std::size_t bytes);  // bytes that waited reached the program
  void told(Socket socket);                      // of the end of the stream: the socket is dead

  std::size_t connections() const { return live_; }
  std::size_t detailed() const { return detailed_; }  // of those, how many are made of segments
  std::size_t quick_deliveries() const { return quick_deliveries_; }

 private:
  struct Host {
    Process* process = nullptr;
    bool up = false;
    std::vector<std::uint16_t> ports;
    std::vector<std::uint32_t> rules_out, rules_in;  // each rule is kept at its shorter list
    Place* first = nullptr;                          // of this host's connections
  };
  struct Settled {  // settings in use, shared by all paths that have them
    PathSettings settings;
    bool quiet = true;
  };
  struct Live {  // a rule that holds
    Rule rule;
    bool holds = false;
    Line line;
    Bursts bursts;
  };
  struct Found {
    Connection* connection = nullptr;
    std::uint32_t side = 0;
    explicit operator bool() const { return connection != nullptr; }
  };

  using Side = std::uint32_t;  // 0: the end that connected; 1: the other

  // Finding things.
  Host& host(NodeId node);
  Found find(Socket socket) const;
  Connection& slot(std::uint32_t index) const {
    return blocks_[index / block_size][index % block_size];
  }
  static Socket socket_of(const Connection& connection, Side side);
  std::uint32_t settings_of(NodeId from, NodeId to) const;
  std::uint32_t intern(const PathSettings& settings);
  std::vector<Socket> sockets(NodeId node) const;  // of its live ends
  std::vector<Socket> sockets_between(NodeId one, NodeId other) const;

  // Life of a connection.
  Connection& open();
  void release(Connection& connection);
  void join(Connection& connection, Side side);
  void leave(Connection& connection, Side side);
  void bury(Connection& connection, Side side);  // this end is dead
  void end(Connection& connection, Side side, Ending how);
  void refuse(Connection& connection, Refusal why);
  void reset_each(const std::vector<Socket>& sockets);
  void black_hole_each(const std::vector<Socket>& sockets);

  // The quick way.
  bool touched(NodeId from, NodeId to) const;  // maybe by a rule
  bool quiet(const Connection& connection, Side side) const;
  bool quick(const Connection& connection, Side side, std::size_t size) const;
  void send_quick(Connection& connection, Side side, View bytes, Packet::Type type);
  [[gnu::noinline]] void write_slowly(Connection& connection, Side side, View bytes);
  static void foresee_quick(const Task& task, int stage);
  static void arrive_quick(void* self, std::uint64_t socket, std::uint64_t packet);
  inline void arrived_quick(Connection& connection, Side side, Packet& packet);
  void reconsider(NodeId node);  // the paths of a node are no longer, or again, quiet
  void reconsider_all();
  void reconsider(Connection& connection);

  // The segment way.
  Detail& detail(Connection& connection);         // begins it, if need be
  void adopt(Connection& connection, Side side);  // what is under way, as segments
  void settle(Connection& connection);            // ends it, if nothing needs it
  void transmit(Connection& connection, Side side);
  void send_segment(Connection& connection, Side side, std::uint64_t seq, std::size_t size,
                    Duration latency, bool again);
  void retransmit_first(Connection& connection, Side side);
  void send_control(Connection& connection, Side side, Packet::Type type);
  void stamp(Connection& connection, Side side, Packet& packet) const;
  Duration latency(const Connection& connection, Side side, Site site) {
    const End& from = connection.ends[side];
    return settings_[from.settings].settings.latency.draw(choices_, site, from.process->id());
  }
  void launch(Connection& connection, Side side, Packet* packet, Duration latency, bool in_order);
  Passage pass(const End& from, const End& to, const Packet& packet);
  void apply(Live& live, const End& from, const Packet& packet, Passage& passage);
  template <class Visit>
  void each_rule(NodeId from, NodeId to, Visit visit);
  bool holds(NodeId from, NodeId to, Rule::Kind kind);
  static void foresee_arrival(const Task& task, int stage);
  static void foresee_timer(const Task& task, int stage);
  static void arrive(void* self, std::uint64_t packet, std::uint64_t);
  void arrived(Packet& packet);
  void arrived_at(Connection& connection, Side side, Packet& packet);
  bool handshake(Connection& connection, Side side, const Packet& packet);
  void acknowledge(Connection& connection, Side side, const Packet& packet);
  void measure(Flow& flow, Duration round_trip) const;
  void take(Connection& connection, Side side, Packet& packet);
  void deliver(Connection& connection, Side side, View bytes);
  void check_drained(Connection& connection, Side side);
  void arm(Connection& connection, Side side);
  void want_timer(Connection& connection, Side side, Instant due);
  static void timer(void* self, std::uint64_t socket, std::uint64_t token);
  void timed(Connection& connection, Side side);
  static void flush(void* self, std::uint64_t socket, std::uint64_t);
  void flush(Connection& connection, Side side);
  bool valid(const Connection& connection, std::uint32_t generation) const {
    return connection.generation == generation && connection.detail != nullptr;
  }

  static constexpr std::size_t block_size = 512;

  Scheduler& scheduler_;
  Choices& choices_;
  Trace& trace_;
  TcpSettings tcp_;
  Packets packets_;
  std::vector<Host> hosts_;
  std::vector<Settled> settings_;  // the first: everywhere
  std::map<std::pair<NodeId, NodeId>, std::uint32_t> paths_;
  std::map<std::pair<NodeId, NodeId>, Line> lines_;  // of paths with limited bandwidth
  std::map<std::pair<NodeId, NodeId>, Bursts> bursts_;
  std::vector<Live> rules_;
  std::vector<std::uint32_t> rules_spare_;
  std::vector<std::uint32_t> rules_everywhere_;
  std::size_t rules_held_ = 0;
  std::size_t hosts_silent_ = 0;  // while none is, a write need not look at its peer's host
  std::vector<std::unique_ptr<Connection[]>> blocks_;
  std::vector<std::uint32_t> free_;
  std::uint32_t slots_ = 0;
  std::size_t live_ = 0;
  std::size_t detailed_ = 0;
  std::size_t quick_deliveries_ = 0;
  std::vector<std::unique_ptr<Detail>> details_;  // spare ones
};

}  // namespace hubproof::sim
