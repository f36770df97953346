// What scripts of MQTT do again and again.
#pragma once

#include <string_view>

#include "conformance/cases/stage.hpp"

namespace hubproof::conformance::cases {

// A CONNECT. What is not said is as usual; a wrong one is made by changing its bytes.
struct Login {
  bool clean = true;
  std::uint16_t keep_alive = 0;
  std::string_view will_topic = {};  // empty: no will
  View will = {};
  std::uint8_t will_qos = 0;
  bool will_retain = false;
  std::uint8_t level = 4;
  std::string_view protocol = "MQTT";
  std::uint8_t flags_too = 0;        // set as well, whatever they mean
};

// The packet, with the credentials that the target wants; it lives as long as the case.
View connect_packet(Stage& stage, Who who, const Login& login = {});

// A connection that was accepted, or the case gives up. `login` must be plain data: views outlive the case.
Task<Client> joined(Stage& stage, Who who, Login login = {});
// A connection whose transport is up and that has said nothing.
Task<Client> called(Stage& stage, Door door = Door::mqtt);
// CONNECT was sent; its CONNACK, or null when the connection ended or none came.
Task<const Packet*> answered(Stage& stage, Client client, Who who, Login login = {});

// Subscribed; gives the QoS that was granted. Where 2 is asked, a server may grant 1 [mqtt311:3.8.4-6], which does for who only
// listens; a case that is about deliveries at QoS 2 needs qos2_granted, and says so in its table. Any other answer: the
// case gives up.
Task<std::uint8_t> subscribed(Stage& stage, Client client, std::string_view filter, std::uint8_t qos);
View subscribe_packet(Stage& stage, std::uint16_t id, std::string_view filter, std::uint8_t qos);
View publish(Stage& stage, std::string_view topic, View payload, std::uint8_t qos = 0, std::uint16_t id = 0,
             bool dup = false, bool retain = false);

// All that the server had to say on this connection has come: a PINGREQ was answered. False: it ended.
Task<bool> fenced(Stage& stage, Client client);
// The server must end this connection for what was sent. If not, all clauses (or these) fail: it is then
// open, and answers others.
Task<bool> must_close(Stage& stage, Client client, std::string_view why, std::string_view clauses = {});
// The server must have closed without CONNACK, or refused with one: nothing else.
Task<bool> must_not_accept(Stage& stage, Client client, std::string_view why, std::string_view clauses = {});

// The connection works: PINGREQ is answered. Else all clauses (or these) fail, `why` being what it had to stand.
Task<bool> must_live(Stage& stage, Client client, std::string_view why, std::string_view clauses = {});

// SUBSCRIBE was sent; its SUBACK, or null.
Task<const Packet*> asked(Stage& stage, Client client, std::string_view filter, std::uint8_t qos);
// UNSUBSCRIBE was sent and answered, or the case gives up.
Task<> unsubscribed(Stage& stage, Client client, std::string_view filter);

// PUBLISH was sent, and its exchange is over; at QoS 0 a PINGREQ was answered. Else the case gives up.
Task<> published(Stage& stage, Client client, std::string_view topic, View payload, std::uint8_t qos = 1, bool retain = false);
// A PUBLISH at QoS 2 was sent: its PUBREC came, and PUBREL was sent. False: PUBACK came. That fails, as
// mqtt311:4.3.3-2, but the server has taken the message, so the case may go on. Nothing came: the case gives up.
Task<bool> released(Stage& stage, Client client, std::uint16_t id);
// DISCONNECT was sent, and the server has seen it: it ended the connection, or had a while for that.
Task<> left(Stage& stage, Client client);
// Whatever is retained there is no more, so that nothing is left at the target.
Task<> cleared(Stage& stage, std::string_view topic);
// The next PUBLISH to this topic (null data: to any), its exchange brought to its end. Null: none came.
Task<const Packet*> arrival(Stage& stage, Client client, std::string_view topic = {});
// What was published before has come to `listener`, which is subscribed to `topic` at QoS 1: a marker that
// `publisher` sends there has. Else the case gives up.
Task<> settled(Stage& stage, Client publisher, Client listener, std::string_view topic);

// Two clients: one publishes, one listens to `topic` (by `filter`, if it is given) with this QoS or, where it is 2,
// what the server grants, and to a marker's topic. Who subscribes to what first is drawn.
struct Pair {
  Client publisher{};
  Client listener{};
  Who listens{};
  std::string_view topic;
  std::string_view marker;
  std::uint8_t granted = 0;
};
Task<Pair> pair(Stage& stage, std::uint8_t qos, std::string_view topic = {}, std::string_view filter = {}, bool clean = true);

View numbered(Stage& stage, std::uint8_t number);  // a payload of one byte
std::string seen(const Packet* packet, const Stage& stage, Client client);  // it, or what was found without it
bool same(View one, View other);

}  // namespace hubproof::conformance::cases
