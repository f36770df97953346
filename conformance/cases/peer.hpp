// What scripts of AMQP do again and again, on the links of one connection.
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "conformance/cases/amqp.hpp"
#include "model/amqp/message.hpp"

namespace hubproof::conformance::cases {

namespace amqp = model::amqp;

// A connection, and what came on it that nobody has taken. It lies in the frame of the script that made it.
struct Peer {
  explicit Peer(Stage& the_stage) : stage{the_stage}, connection{the_stage} {}
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  amqp::Engine& engine() { return connection.engine(); }
  void grant(amqp::LinkId link, std::uint32_t credit);

  Stage& stage;
  Amqp connection;
  std::deque<amqp::Event> events;
  std::deque<amqp::Arrived> arrived;  // messages, in the order of their coming; they stay
  std::map<amqp::LinkId, std::size_t> taken;  // of `arrived`: how far a link's receiver is
  std::vector<amqp::LinkId> readers;  // of read_back, by partition
  std::uint32_t named = 0;
  std::uint32_t tags = 0;
};

// What became of an attach. The condition lives as long as the case.
struct Linked {
  amqp::LinkId link{};          // none: it was refused, or there is no answer
  std::string_view condition;   // of a refusal
  bool answered = false;
  bool there() const { return link != amqp::LinkId::none; }
};
// What the other end said of a transfer, or of a settling.
struct Said {
  amqp::Outcome outcome{};
  std::string_view condition;
  bool answered = false;
  bool accepted() const { return answered && outcome == amqp::Outcome::accepted; }
};
std::string describe(const Linked& linked);
std::string describe(const Said& said);
std::string_view text_of(amqp::Outcome outcome);

// The connection is open, and whose it is was shown where the target wants that; else the case gives up.
Task<void> open_as_device(Peer& peer, Who who);
Task<void> open_as_service(Peer& peer);

// Something more came; false: the connection ended, or nothing more comes.
Task<bool> moved(Peer& peer);
Task<Linked> attached(Peer& peer, const amqp::Attach* attach);
Task<Linked> sender(Peer& peer, std::string_view address);
// With credit at once. `selector`: where a reader of telemetry begins.
Task<Linked> receiver(Peer& peer, std::string_view address, std::uint32_t credit = 0, std::string_view selector = {});
// Waits for credit and sends; what the other end makes of it.
Task<Said> transferred(Peer& peer, amqp::LinkId link, View message);
// The next message on this link; null: none comes. It lives as long as the peer.
Task<const amqp::Arrived*> received(Peer& peer, amqp::LinkId link);
// Says what became of a message, and waits for the other end to confirm it.
Task<Said> settled(Peer& peer, amqp::LinkId link, amqp::DeliveryId delivery, amqp::Outcome outcome);
// Telemetry, read from the beginning in all partitions, up to the event with this message-id; null: it is
// not there. What came before it is in `arrived`.
Task<const amqp::Arrived*> read_back(Peer& peer, std::string_view message_id);

// A message with an id of its own, encoded.
struct Shape {
  std::string_view id = {};
  std::string_view to = {};        // of a command: its device
  std::string_view body = "body";
  model::Ack ack = model::Ack::none;
  std::string_view property = {};  // an application property p
  std::int64_t expiry = 0;         // milliseconds since 1970; 0: none
  std::string_view correlation = {}, user = {}, content_type = {}, content_encoding = {};
};
Shape named_shape(Stage& stage);
View encoded(Stage& stage, const Shape& shape);
std::string_view commands_address(Stage& stage, Who who);
std::string_view telemetry_address(Stage& stage, Who who);
std::string_view partition_address(Stage& stage, std::uint32_t partition);

// Whatever cases before left in the device's queue is gone, or the case gives up.
Task<void> emptied(Stage& stage, Who who);
// A command for the device lies in its queue, or the case gives up.
Task<void> commanded(Stage& stage, Who who, const Shape* shape);

}  // namespace hubproof::conformance::cases
