// One AMQP 1.0 connection as a machine: bytes and time in, events and bytes out. Framing, sessions,
// links, credit and settlement are Qpid Proton's; what it would take from a socket or a clock comes
// as an argument, and what it lets through of a hostile peer is held off before it (frames.hpp).
//
// Who holds one feeds `received` and `woken`, takes every event with next(), acts, and takes the
// bytes with output(). After `finished()` there is nothing more to say: the stream may be closed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "model/amqp/rules.hpp"
#include "model/bytes.hpp"
#include "model/time.hpp"

namespace hubproof::model::amqp {

enum class LinkId : std::uint32_t { none = 0 };      // of one engine, never used twice
enum class DeliveryId : std::uint32_t { none = 0 };  // likewise

struct Error {
  std::string condition;  // empty: no error
  std::string description;
  Bytes info{};           // an encoded map, or empty
};

enum class SenderSettles : std::uint8_t { unsettled, settled, mixed };
enum class ReceiverSettles : std::uint8_t { first, second };

// What the peer, or this end, says when it attaches.
struct Attach {
  bool peer_sends = true;  // seen from here
  std::string name;
  std::string source;      // addresses; empty: none
  std::string target;
  Bytes filter;            // an encoded map, or empty
  Bytes properties;        // likewise
  SenderSettles sender_settles = SenderSettles::mixed;
  ReceiverSettles receiver_settles = ReceiverSettles::first;
  std::uint64_t max_message_size = 0;  // 0: none
};

struct Opened { std::string container; std::string hostname; };
struct Attached { LinkId link{}; Attach attach; bool answer = false; };  // `answer` to our attach
struct Credited { LinkId link{}; };  // see credit(); also when output has left
struct Arrived {
  LinkId link{};
  DeliveryId delivery{};
  bool settled = false;
  bool too_large = false;     // the message is not there
  std::uint32_t format = 0;   // message-format
  Bytes message;
};
struct Settled {  // the peer says what became of what we sent, or settles what it sent
  LinkId link{};
  DeliveryId delivery{};
  Outcome outcome{};
  bool settled = false;        // false: it waits for our word
  bool first_of_range = true;  // of those that one disposition tells of
  Error error{};               // rejected
};
struct Detached { LinkId link{}; Error error{}; };   // by the peer, or with its session or connection
struct Closed { Error error{}; };    // the peer's close
struct Broken { Error error{}; };    // it broke the protocol, or was silent for too long
using Event = std::variant<Opened, Attached, Credited, Arrived, Settled, Detached, Closed, Broken>;

class Engine {
 public:
  struct Settings {
    bool client = false;               // it opens and begins; a hub answers
    std::string container;
    std::string hostname{};            // that a client asks for
    Duration idle_timeout{};           // silence of the peer that ends the connection; 0: none
    std::uint32_t message_limit = 0;   // bytes of a message that is kept whole; 0: no limit
  };

  explicit Engine(const Settings& settings);
  ~Engine();
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;

  // From the AMQP header on: a SASL exchange came before. What the bytes mean next() tells.
  void received(Instant now, View bytes);
  void lost();                             // the stream has ended
  void woken(Instant now);
  std::optional<Instant> deadline() const;
  std::optional<Event> next();
  void output(Instant now, Bytes& out);    // appends all that may leave now
  bool finished() const;

  // Links. What names one that is gone does nothing.
  LinkId attach(const Attach& attach);                // a client's
  void accept(LinkId link, std::uint64_t max_message_size = 0);
  void refuse(LinkId link, const Error& error);       // attach and detach [ERR-19]
  void detach(LinkId link, const Error& error);
  void end_session(LinkId of, const Error& error);    // that of this link; its links come as Detached
  void close(const Error& error);

  // Of links on which the peer sends.
  void grant(LinkId link, std::uint32_t credit);      // so many deliveries may be under way
  void settle(LinkId link, DeliveryId delivery, Outcome outcome, const Error& error = {});
  // Says an outcome and waits for the sender to settle it, which comes as Settled [AMQP-17].
  void propose(LinkId link, DeliveryId delivery, Outcome outcome);

  // Of links on which this end sends.
  std::uint32_t credit(LinkId link) const;            // 0, too, while too much waits to leave
  bool draining(LinkId link) const;
  void drained(LinkId link);                          // nothing more comes: gives the credit back
  DeliveryId send(LinkId link, View tag, View message, bool settled = false);
  // Settles it here.
  void forget(LinkId link, DeliveryId delivery, Outcome outcome = Outcome::none,
              const Error& error = {});
  std::size_t unsettled(LinkId link) const;           // deliveries that wait for a word

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hubproof::model::amqp
