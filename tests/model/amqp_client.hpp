// A client of the AMQP door for server tests: Proton's engine at the other end.
#pragma once

#include <gtest/gtest.h>

#include "model/amqp/engine.hpp"
#include "model/amqp/message.hpp"
#include "tests/model/server_driver.hpp"

namespace hubproof::server_tests {

using amqp::Arrived;
using amqp::DeliveryId;
using amqp::Detached;
using amqp::LinkId;

class AmqpClient {
 public:
  explicit AmqpClient(Driver& driver) : AmqpClient{driver, driver.open(Door::amqp)} {}
  AmqpClient(Driver& driver, ConnectionId id) : driver_{driver}, id_{id} { run(); }
  // Logs in by SASL PLAIN before all else; the client says no more when it is not welcome().
  AmqpClient(Driver& driver, const std::string& user, const std::string& password)
      : driver_{driver}, id_{driver.open(Door::amqp)} {
    Bytes init;
    amqp::ValueWriter frame{init};
    frame.descriptor(0x41);
    frame.begin_list();
    frame.symbol("PLAIN");
    frame.binary(view(std::string{'\0'} + user + '\0' + password));
    frame.end();
    std::string bytes{"AMQP\3\1\0\0", 8};
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>((init.size() + 8) >> shift & 0xff);
    bytes += {2, 1, 0, 0};
    bytes += text(init);
    driver_.feed(id_, view(bytes));
    const Bytes outcome = driver_.take_bytes(id_);  // ends with a list of one byte, the code
    welcome_ = !outcome.empty() && outcome.back() == 0;
    if (welcome_) run();
  }
  bool welcome() const { return welcome_; }

  // Moves bytes until both are quiet.
  void run() {
    for (bool moved = true; moved;) {
      Bytes bytes;
      engine_.output(driver_.now().mono, bytes);
      moved = !bytes.empty();
      if (moved && !driver_.closed(id_)) driver_.feed(id_, bytes);
      const Bytes back = driver_.take_bytes(id_);
      moved = moved || !back.empty();
      if (!back.empty()) engine_.received(driver_.now().mono, back);
      while (auto event = engine_.next()) events_.push_back(std::move(*event));
    }
  }

  LinkId send_to(std::string address) {
    amqp::Attach attach;
    attach.peer_sends = false;
    attach.name = "s" + std::to_string(++named_);
    attach.target = std::move(address);
    const LinkId link = engine_.attach(attach);
    run();
    return link;
  }
  LinkId receive_from(std::string address, std::uint32_t credit = 0, std::string selector = {},
                      std::optional<std::int64_t> epoch = {}) {
    amqp::Attach attach;
    attach.name = "r" + std::to_string(++named_);
    attach.source = std::move(address);
    attach.target = attach.name;
    attach.receiver_settles = amqp::ReceiverSettles::second;
    if (!selector.empty()) {
      amqp::ValueWriter filter{attach.filter};
      filter.begin_map();
      filter.symbol("apache.org:selector-filter:string");
      filter.descriptor(0x04);
      filter.string(selector);
      filter.end();
    }
    if (epoch) {
      amqp::ValueWriter properties{attach.properties};
      properties.begin_map();
      properties.symbol("com.microsoft:epoch");
      properties.int64(*epoch);
      properties.end();
    }
    const LinkId link = engine_.attach(attach);
    run();
    if (credit > 0) grant(link, credit);
    return link;
  }
  void grant(LinkId link, std::uint32_t credit) {
    engine_.grant(link, credit);
    run();
  }
  DeliveryId send(LinkId link, const Bytes& message) {
    const DeliveryId id = engine_.send(link, Bytes{1}, message);
    run();
    return id;
  }
  DeliveryId send_flat(LinkId link, View flat, std::string_view to) {
    Bytes message;
    amqp::write_message(message, MessageView{flat}, to);
    return send(link, message);
  }
  DeliveryId telemetry(LinkId link, const std::string& body) {
    Bytes flat;
    MessageWriter{flat}.body(view(body));
    return send_flat(link, flat, "x");
  }
  void settle(LinkId link, DeliveryId delivery, amqp::Outcome outcome) {
    engine_.settle(link, delivery, outcome);
    run();
  }
  // The status of the answer.
  int put_token(const std::string& name, const std::string& token) {
    if (tokens_ == LinkId::none) {
      tokens_ = send_to("$cbs");
      receive_from("$cbs", 10);
    }
    Bytes message;
    amqp::ValueWriter to{message};
    to.descriptor(0x73);
    to.begin_list();
    to.string("q" + std::to_string(++asked_));
    to.null();
    to.string("$cbs");
    to.null();
    to.null();
    to.end();
    to.descriptor(0x74);
    to.begin_map();
    to.string("operation");
    to.string("put-token");
    to.string("type");
    to.string("servicebus.windows.net:sastoken");
    to.string("name");
    to.string(name);
    to.end();
    to.descriptor(0x77);
    to.string(token);
    const std::size_t before = arrived().size();
    send(tokens_, message);
    const auto got = arrived();
    if (got.size() == before) return 0;
    const auto sections = amqp::read_sections(got.back()->message);
    EXPECT_TRUE(sections);
    int status = 0;
    amqp::each_pair(sections->application_properties,
                    [&](const amqp::Value& key, const amqp::Value& value) {
                      if (key.text() == "status-code") status = static_cast<int>(value.number());
                    });
    return status;
  }
  void close() {
    engine_.close({});
    run();
  }

  template <class E>
  std::vector<const E*> of() const {
    std::vector<const E*> found;
    for (const amqp::Event& event : events_)
      if (const E* one = std::get_if<E>(&event)) found.push_back(one);
    return found;
  }
  std::vector<const Arrived*> arrived() const { return of<Arrived>(); }
  std::vector<const Arrived*> on(LinkId link) const {
    std::vector<const Arrived*> found;
    for (const Arrived* one : of<Arrived>())
      if (one->link == link) found.push_back(one);
    return found;
  }
  // What became of a message that was sent; none: no word yet.
  amqp::Outcome outcome(DeliveryId delivery) const {
    for (const auto* one : of<amqp::Settled>())
      if (one->delivery == delivery) return one->outcome;
    return amqp::Outcome::none;
  }
  std::string condition(DeliveryId delivery) const {
    for (const auto* one : of<amqp::Settled>())
      if (one->delivery == delivery) return one->error.condition;
    return {};
  }
  // Why a link is no more; "open" while it is, empty if without an error.
  std::string ended(LinkId link) const {
    for (const auto* one : of<Detached>())
      if (one->link == link) return one->error.condition;
    return "open";
  }
  amqp::Engine& engine() { return engine_; }
  ConnectionId id() const { return id_; }

 private:
  Driver& driver_;
  ConnectionId id_;
  amqp::Engine engine_{{true, "client", "hub.test", {}, 0}};
  std::vector<amqp::Event> events_;
  LinkId tokens_{};
  bool welcome_ = true;
  std::uint32_t named_ = 0;
  std::uint32_t asked_ = 0;
};

inline std::string events_of(const std::string& device) { return "/devices/" + device + "/messages/events"; }
inline std::string commands_of(const std::string& device) {
  return "/devices/" + device + "/messages/devicebound";
}
inline std::string body_of(const Arrived& message) {
  const auto sections = amqp::read_sections(message.message);
  return sections && sections->data.size() == 1 ? std::string{text(sections->data[0])} : "?";
}
}  // namespace hubproof::server_tests
