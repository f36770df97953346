// A node of the simulated world, and the program that runs on it as the world sees it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace hubproof::sim {

enum class NodeId : std::uint32_t {};

// One end of one connection. Sockets are never reused within a run, so a late event cannot
// reach a stranger: a dead socket is simply unknown.
enum class Socket : std::uint64_t { none = 0 };

using View = std::span<const std::uint8_t>;

enum class Ending : std::uint8_t {
  fin,       // the peer closed in good order, after all its bytes
  reset,     // the peer, a middle-box or the peer's dead process sent RST
  timed_out  // the user timeout passed without an acknowledgement
};

enum class Refusal : std::uint8_t {
  refused,      // RST in answer to the SYN: nobody listens, or a fault says so
  timed_out,    // no answer to the SYN within the connect timeout
  no_such_host  // the name was not resolved (DNS failure)
};

// What a program hears. The world calls these, one at a time, from the scheduler, and only while
// the node's process is up. During a pause the calls wait; a crash drops those that wait.
class Program {
 public:
  virtual ~Program() = default;
  virtual void started() = 0;       // a new incarnation: memory is empty, the disk is what survived
  virtual void crashed() = 0;       // forget everything; no effect may be asked for any more
  virtual void accepted(Socket) {}  // a peer connected to a port this node listens on
  virtual void connected(Socket) {}         // an own connect() succeeded
  virtual void refused(Socket, Refusal) {}  // an own connect() failed; the socket is dead
  virtual void received(Socket, View) {}    // the next bytes of the stream, any split
  virtual void ended(Socket, Ending) {
  }  // nothing more will come; the socket is dead after this call
  virtual void drained(Socket) {
  }  // what was written has left the send buffer (asked for by watch_drained)
  virtual void synced(std::uint64_t ticket, bool ok) {
    (void)ticket, (void)ok;
  }                                                     // an own disk sync ended
  virtual void woken(std::uint64_t tag) { (void)tag; }  // a timer of World::wake_at
  virtual void clock_stepped() {}                       // the node's wall clock jumped

  // A hint that a call is near, about this socket (or none), whose other end is `peer`: the program
  // may fetch what it will touch, and no more. Told twice, `again` the second time.
  virtual void soon(Socket, NodeId peer, bool again) const { (void)peer, (void)again; }
};

}  // namespace hubproof::sim
