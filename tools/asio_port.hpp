// Connections over Boost.Asio for a machine's driver: listeners, and for each connection a read loop, a
// bounded write queue and TLS where it is asked for; and one alarm. Heavy: include it from .cpp files only.
//
// A connection's life, as its owner sees it; with TLS it begins when the handshake is over:
//   accepted or connect() -> connected | refused
//   connected -> received* -> ended             the peer, the network or the bound of its queue ended it
//                          -> close() | abort()  the owner did: nothing is heard of it again
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/effects.hpp"
#include "tools/real_net.hpp"
#include "tools/tls.hpp"

namespace hubproof::tools {

class PortUser {
 public:
  virtual void accepted(model::ConnectionId connection, std::size_t door) = 0;
  virtual void connected(model::ConnectionId connection) = 0;
  virtual void refused(model::ConnectionId connection) = 0;
  virtual void received(model::ConnectionId connection, model::View bytes) = 0;
  virtual void ended(model::ConnectionId connection, model::EndedBy by) = 0;
  virtual void woken() = 0;
  // Somebody called, and the TLS handshake came to nothing.
  virtual void not_accepted(std::size_t, const std::string&) {}

 protected:
  ~PortUser() = default;
};

struct PortLimits {
  std::size_t unsent = 8u << 20;                          // bytes that a peer may leave for as long as it likes
  model::Duration farewell = std::chrono::seconds{5};     // for a peer to take what close() left
  model::Duration accept_pause = std::chrono::milliseconds{100};  // after an accept that failed
  model::Duration handshake = std::chrono::seconds{20};   // for TLS, from the connection on
  // A peer that is behind by more is not listened to, and has to take something in each stretch, or it is cut: whoever
  // asks for a long backlog at once is behind as soon as he has asked. It is cut, too, when it is behind by
  // `most_unsent`, or when all connections `together` are by so much.
  model::Duration stretch = std::chrono::seconds{5};
  std::size_t taken = 64u << 10;
  std::size_t most_unsent = 256u << 20;
  std::size_t together = 1u << 30;
};

template <Network Net>
class AsioPort {
 public:
  // The user must outlive the port, and the port every run of the context.
  AsioPort(typename Net::Context& context, PortUser& user, PortLimits limits = {})
      : context_{context}, user_{user}, limits_{limits}, alarm_{context} {}

  // With a TLS context the doors and connections are TLS's; it must outlive the port.
  void listen(typename Net::Acceptor acceptor, std::size_t door, const TlsContext* tls = nullptr);
  void connect(model::ConnectionId connection, const typename Net::Endpoint& to,
               const TlsContext* tls = nullptr, const std::string& server_name = {});
  void send(model::ConnectionId connection, model::View bytes);
  void close(model::ConnectionId connection);
  void abort(model::ConnectionId connection);
  void abort_after_sent(model::ConnectionId connection);  // the peer gets what was sent, and then RST
  std::size_t unsent(model::ConnectionId connection) const;  // bytes that wait for the peer to read
  std::optional<model::ClientCertificate> certificate(model::ConnectionId connection) const;  // that the peer showed

  // An earlier wish that is still to come stands: waking early is harmless.
  void wake_at(std::optional<model::Instant> when);

  // While paused, nothing is read: TCP holds the peers back.
  void pause(bool paused);
  // Nothing more is read of this connection, until it is let go again.
  void hold(model::ConnectionId connection, bool held);
  // Nothing is heard of it again, and its peer hears nothing: the socket stays open until stop().
  void fall_silent(model::ConnectionId connection);
  void stop();  // no more of anything; connections end in good order

 private:
  struct Listener {
    typename Net::Acceptor acceptor;
    typename Net::Timer pause;
    std::size_t door;
    const TlsContext* tls;
  };
  struct Connection {
    explicit Connection(typename Net::Context& context) : stream{context}, patience{context} {}
    typename Net::Stream stream;
    typename Net::Timer patience;
    std::unique_ptr<Tls> tls;
    model::ConnectionId id{};
    std::size_t door = 0;
    bool ours = true;       // the owner may still hear of it
    bool held = false;      // nothing is read
    bool silent = false;    // and never again
    bool dialled = false;   // by connect()
    bool greeting = false;  // the owner has not heard of it yet: the TLS handshake is not over
    bool reading = false;
    bool writing = false;
    bool ending = false;    // what is queued goes out, then the stream ends
    bool by_cut = false;    // ... with RST
    bool sealed_end = false;  // the peer is being told so by TLS
    bool said_all = false;    // and by TCP
    bool read_all = false;  // the peer has said all
    model::Bytes queued;    // plain
    model::Bytes leaving;
    std::size_t left = 0;       // of it, already
    std::size_t counted = 0;    // of `together_`
    std::uint64_t taken = 0;    // by the peer's end of TCP, ever
    bool behind = false;        // by more than it may be at leisure
    std::size_t unsent() const { return queued.size() + leaving.size() - left; }
    std::array<std::uint8_t, 4096> incoming;
  };
  using Shared = std::shared_ptr<Connection>;

  void accept(const std::shared_ptr<Listener>& listener);
  void adopt(const Shared& connection, model::ConnectionId id);
  void begin(const Shared& connection, const TlsContext* tls, const std::string& server_name);
  void introduce(const Shared& connection);
  void heard(const Shared& connection, model::View bytes);
  void heard_sealed(const Shared& connection, model::View bytes);
  void failed(const Shared& connection, const std::string& why);
  void read(const Shared& connection);
  void write(const Shared& connection);
  void write_on(const Shared& connection);
  void end(const Shared& connection, model::EndedBy by);
  void cut(const Shared& connection);
  void finish_soon(const Shared& connection);
  void leave(const Shared& connection);
  void finish(const Shared& connection);
  Shared take(model::ConnectionId id);
  bool too_far_behind(const Shared& connection);
  void watch(const Shared& connection);
  void caught_up(const Shared& connection);
  void account(Connection& connection);

  typename Net::Context& context_;
  PortUser& user_;
  PortLimits limits_;
  typename Net::Timer alarm_;
  std::optional<model::Instant> armed_;
  std::vector<std::shared_ptr<Listener>> listeners_;
  std::unordered_map<model::ConnectionId, Shared> connections_;
  std::vector<Shared> held_back_;  // wait for the end of a pause, or to be let go
  std::vector<Shared> silent_;
  model::Bytes plain_;             // scratch
  std::size_t together_ = 0;       // bytes that wait, of all connections
  std::uint32_t accepted_ = 0;
  bool paused_ = false;
  bool stopped_ = false;
};

extern template class AsioPort<RealNet>;

}  // namespace hubproof::tools
