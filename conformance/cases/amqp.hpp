// An AMQP connection of a script: the engine between the stage's bytes and the script's events. And the
// service that hub cases need on it: it sends commands, and watches the telemetry that comes in.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/cases/stage.hpp"
#include "model/amqp/cbs.hpp"
#include "model/amqp/engine.hpp"
#include "model/message.hpp"

namespace hubproof::conformance::cases {

class Amqp {
 public:
  // `idle`: the silence of the hub that this end announces to bear; 0: any.
  explicit Amqp(Stage& stage, Duration idle = {});

  // The transport and SASL ANONYMOUS; without them the case gives up.
  Task<void> opened();
  // The transport and SASL PLAIN [AMQP-03]; true: the hub lets it in.
  Task<bool> logged_in(std::string_view user, std::string_view password);
  // Puts a token [AMQP-04]; the status that answers it, or 0.
  Task<int> token_put(std::string_view audience, std::string_view token);
  model::amqp::Engine& engine() { return engine_; }
  void flush();  // what the engine has to say leaves
  void wake();   // it sees the time
  // What comes next; null: the connection ended, or nothing more comes. It lives until the next call.
  Task<const model::amqp::Event*> next();
  void close();
  Client client() const { return client_; }

 private:
  void listen();
  Task<bool> sasl(View hello);

  Stage& stage_;
  Client client_{};
  model::amqp::Engine engine_;
  std::deque<model::amqp::Event> events_;
  model::amqp::Event current_;
  std::optional<model::amqp::CbsLinks> cbs_;
  std::uint64_t tags_ = 0;
};

struct Sent {
  bool answered = false;
  bool accepted = false;
  std::string_view condition;  // of a rejection

  std::string_view text() const { return !answered ? "no answer" : accepted ? "accepted" : condition; }
};

// One event as a reader of telemetry sees it.
struct Reading {
  Bytes flat;
  std::uint32_t partition = 0;
  std::int64_t sequence = 0;
  std::string offset, device, generation, auth_method, source;
  std::int64_t received = 0;  // iothub-enqueuedtime, milliseconds since 1970
  std::int64_t enqueued = 0;  // x-opt-enqueued-time

  model::MessageView message() const { return model::MessageView{flat}; }
};

class Service {
 public:
  explicit Service(Stage& stage) : stage_{stage}, amqp_{stage} {}

  // It may ask for links, or the case gives up. `afresh`: what other cases left in the queues of this case's
  // devices is purged first, where services have a door for that.
  Task<void> opened(bool afresh = true);
  // Sends a flat message to a device, and what came of it.
  Task<Sent> send(std::string_view device, View flat);
  // The same with a `to` as it stands.
  Task<Sent> send_to(std::string_view address, View flat);
  // Telemetry is read in all partitions, from now on or all that is there; or the case gives up.
  Task<void> watches(bool from_the_start = false);
  // The next event of this device; null: none came.
  Task<const Reading*> telemetry(std::string_view device);
  void close() { amqp_.close(); }
  Client client() const { return amqp_.client(); }

 private:
  bool took(const model::amqp::Event& event);  // a reading; false: it is something else

  Stage& stage_;
  Amqp amqp_;
  model::amqp::LinkId commands_{};
  std::map<model::amqp::LinkId, std::uint32_t> partitions_;
  std::deque<Reading> readings_;  // in the order of their coming
  std::map<std::string, std::size_t, std::less<>> shown_;  // of each device, the readings up to here
  std::uint64_t tags_ = 0;
};

// A flat message of chance: an id, a body, application properties that every protocol can carry. It lives
// as long as the case.
struct Drawn {
  std::string_view id;
  View flat;
  std::vector<std::pair<std::string_view, std::string_view>> properties;
  View body;
};
struct Wish {
  model::Ack ack = model::Ack::none;
  std::int64_t expiry = 0;     // milliseconds since 1970; 0: none
  std::uint32_t least = 0;     // bytes of the body
  std::uint32_t most = 200;
  std::uint32_t properties = 4;
};
Drawn drawn_message(Stage& stage, const Wish& wish = {});
std::string_view property_name(Stage& stage);   // in any case-insensitive order, no two alike in a case
std::string_view property_value(Stage& stage);  // of characters that HTTP takes, too [MSG-12]

}  // namespace hubproof::conformance::cases
