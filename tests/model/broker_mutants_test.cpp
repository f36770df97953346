// Every mutant of the plain broker is a defect that ordinary traffic shows: one of these tours ends otherwise
// than with the right broker, byte for byte.
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "model/mutants/areas.hpp"
#include "tests/model/broker_client.hpp"

namespace hubproof::server_tests {
namespace {

// Tells all that every connection got, and which of them have ended.
class Tour {
 public:
  explicit Tour(const Rules& rules) : driver{rules} {}

  BrokerClient& join(const std::string& id, bool clean = true, std::optional<BrokerWill> will = {},
                     std::uint16_t keep_alive = 0) {
    clients_.push_back(std::make_unique<BrokerClient>(driver, id, clean, std::move(will), keep_alive));
    connections_.push_back(clients_.back()->connection);
    return *clients_.back();
  }
  void rejoin(BrokerClient& client, bool clean = false) {
    client.connect(clean);
    connections_.push_back(client.connection);
  }
  // Bytes on a connection of their own, after a CONNECT or instead of one.
  void raw(const Bytes& bytes, bool connected = true) {
    const ConnectionId id = driver.open();
    connections_.push_back(id);
    if (connected) {
      mqtt::Connect packet;
      packet.client_id = "raw";
      driver.feed(id, packet);
    }
    driver.feed(id, View{bytes});
    if (!driver.closed(id)) driver.feed(id, mqtt::Pingreq{});
    driver.pass(1s);
  }
  std::string told() {
    std::string tale;
    for (const ConnectionId id : connections_) {
      for (const std::uint8_t byte : driver.take_bytes(id)) {
        constexpr char digits[] = "0123456789abcdef";
        tale += digits[byte >> 4];
        tale += digits[byte & 15];
      }
      tale += driver.closed(id) ? " ended\n" : "\n";
    }
    return tale;
  }

  Driver driver;

 private:
  std::vector<std::unique_ptr<BrokerClient>> clients_;
  std::vector<ConnectionId> connections_;
};

Bytes connect_bytes(int flags, const std::string& fields, const std::string& name = "MQTT",
                    std::uint8_t level = 4) {
  std::string body{'\0', static_cast<char>(name.size())};
  body += name;
  body += static_cast<char>(level);
  body += static_cast<char>(flags);
  body += std::string{"\0\0", 2};
  body += fields;
  Bytes bytes{0x10, static_cast<std::uint8_t>(body.size())};
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}
std::string field(const std::string& text) {
  return std::string{'\0', static_cast<char>(text.size())} + text;
}
Bytes packet_bytes(std::uint8_t first, const std::string& body) {
  Bytes bytes{first, static_cast<std::uint8_t>(body.size())};
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}
const std::string id_one{"\0\1", 2};
const std::string id_zero{"\0\0", 2};

const std::vector<std::function<void(Tour&)>> tours{
    [](Tour& t) {  // broken CONNECTs
      const std::string a = field("a"), bad = field("\xff\xfe");
      t.raw(connect_bytes(2, a, "MQTx"), false);
      t.raw(connect_bytes(2, a, "MQTT", 5), false);
      for (const int flags : {0x03, 0x0a, 0x22, 0x2a, 0x42, 0x1e})
        t.raw(connect_bytes(flags, a + field("w") + field("m")), false);
      for (const int flags : {0x0a, 0x22, 0x42, 0x02, 0x82, 0xc2}) t.raw(connect_bytes(flags, a), false);
      t.raw(connect_bytes(0xc2, a + field("u")), false);
      t.raw(connect_bytes(0x06, a + field("w")), false);
      t.raw(connect_bytes(2, a + field("u")), false);
      t.raw(connect_bytes(2, ""), false);
      t.raw(connect_bytes(2, bad), false);
      t.raw(connect_bytes(0x06, a + bad + field("m")), false);
      t.raw(connect_bytes(0x06, a + field("w/+") + field("m")), false);
      t.raw(connect_bytes(0x82, a + bad), false);
      t.raw(connect_bytes(2, field(std::string{"\0", 1})), false);
      t.raw(packet_bytes(0xc0, ""), false);
      t.raw(packet_bytes(0xc1, ""), false);
    },
    [](Tour& t) {  // refused ids, and what is said behind a refusal
      t.join("");
      t.join("", false);
      Bytes behind = connect_bytes(0, field(""));
      const Bytes more = packet_bytes(0x82, id_one + field("x") + '\0');
      behind.insert(behind.end(), more.begin(), more.end());
      t.raw(behind, false);
      t.join("ABCDEFGHIJKLMNOPQRSTUVW");
      t.join("12345678901234567890123");
      t.join("same-beginning-1");
      t.join("same-beginning-2");
    },
    [](Tour& t) {  // broken packets behind a good CONNECT
      const std::string bad = field("\xff");
      t.raw(packet_bytes(0x32, field("t") + id_zero));
      t.raw(packet_bytes(0x36, field("t") + id_one));
      t.raw(packet_bytes(0x30, bad));
      t.raw(packet_bytes(0x30, field("a/#")));
      t.raw(packet_bytes(0x30, field("")));
      t.raw(packet_bytes(0x30, field(std::string{"a\0", 2})));
      t.raw(packet_bytes(0x60, id_one));
      t.raw(packet_bytes(0x41, id_one));
      t.raw(packet_bytes(0x80, id_one + field("t") + '\0'));
      t.raw(packet_bytes(0x82, id_zero + field("t") + '\0'));
      t.raw(packet_bytes(0x82, id_one));
      t.raw(packet_bytes(0x82, id_one + field("t") + '\3'));
      t.raw(packet_bytes(0x82, id_one + bad + '\0'));
      t.raw(packet_bytes(0x82, id_one + field("a/#/b") + '\0'));
      t.raw(packet_bytes(0x82, id_one + field("a+") + '\0'));
      t.raw(packet_bytes(0x82, id_one + field("") + '\0'));
      t.raw(packet_bytes(0xa0, id_one + field("t")));
      t.raw(packet_bytes(0xa2, id_one));
      t.raw(packet_bytes(0xa2, id_one + bad));
      t.raw(packet_bytes(0xc1, ""));
      t.raw(packet_bytes(0xe1, ""));
      t.raw(packet_bytes(0x20, id_one));
      t.raw(connect_bytes(2, field("b")));
    },
    [](Tour& t) {  // every QoS, wildcards, several filters, UNSUBSCRIBE
      BrokerClient& reader = t.join("r");
      BrokerClient& other = t.join("o");
      BrokerClient& writer = t.join("w");
      reader.say(mqtt::Subscribe{1, {{"q/0", 0}, {"q/1", 1}, {"q/2", 2}, {"+/x", 1}}});
      other.say(mqtt::Subscribe{2, {{"#", 2}, {"Q/+", 0}}});
      reader.subscribe("q/1", 2, 3);
      for (const char* topic : {"q/0", "q/1", "q/2", "$q/x", "a/x", "\xef\xbb\xbf/x", "q/1/y", "q", "QQ/X"})
        for (std::uint8_t qos = 0; qos < 3; ++qos) {
          writer.publish(topic, "p", qos, qos);
          if (qos == 2) writer.say(mqtt::Pubrel{2});
        }
      reader.say(mqtt::Unsubscribe{4, {"q/0", "q/+", "Q/1", "+/x"}});
      reader.unsubscribe("never", 5);
      for (const char* topic : {"q/0", "q/1", "a/x"}) writer.publish(topic, "later", 1, 7);
      reader.say(mqtt::Pubrec{2});
      reader.say(mqtt::Pubcomp{2});
      writer.publish(std::string(60'000, 't'), "long");
    },
    [](Tour& t) {  // overlapping filters, and one after the other
      BrokerClient& reader = t.join("r");
      reader.say(mqtt::Subscribe{1, {{"a/#", 2}, {"a/b", 0}}});
      reader.publish("a/b", "1", 2, 1);
      reader.subscribe("c", 1, 2);
      reader.publish("a/b", "2", 1, 2);
    },
    [](Tour& t) {  // retained messages
      BrokerClient& writer = t.join("w");
      BrokerClient& early = t.join("e");
      early.subscribe("#", 2);
      writer.publish("a", "1", 1, 1, true);
      writer.publish("a", "2", 1, 2, true);
      writer.publish("b", "1", 2, 3, true);
      writer.publish("b", "0", 0, 0, true);
      writer.publish("c", "1", 1, 4, true);
      writer.publish("c", "plain", 1, 5);
      writer.publish("d", "1", 0, 0, true);
      writer.publish("d", "", 0, 0, true);
      writer.publish("e", "", 1, 6, true);
      BrokerClient& late = t.join("l");
      late.subscribe("+", 2);
      late.subscribe("+", 2, 3);
      writer.say(mqtt::Disconnect{});
      t.join("m").subscribe("#", 1);
    },
    [](Tour& t) {  // kept sessions
      BrokerClient& reader = t.join("r", false);
      BrokerClient& writer = t.join("w", false);
      reader.subscribe("t", 2);
      for (std::uint16_t n = 1; n <= 6; ++n) writer.publish("t", std::to_string(n), n % 2 == 0 ? 2 : 1, n);
      reader.say(mqtt::Puback{1});
      reader.say(mqtt::Pubrec{2});
      reader.lose();
      writer.publish("t", "1 away", 1, 7);
      writer.publish("t", "2 away", 2, 8);
      t.rejoin(reader);
      reader.lose();
      t.rejoin(reader);
      reader.say(mqtt::Pubcomp{2});
      t.rejoin(reader, true);
      writer.publish("t", "clean", 1, 9);
      reader.lose();
      t.rejoin(reader);
      t.rejoin(reader, true);
      t.rejoin(reader, true);
    },
    [](Tour& t) {  // what is under way when its subscription goes
      BrokerClient& reader = t.join("r", false);
      reader.subscribe("k/+", 2);
      reader.publish("k/1", "begun", 2, 1);
      reader.publish("k/1/2", "too deep", 1, 2);
      reader.unsubscribe("k/+");
      reader.lose();
      t.rejoin(reader);
    },
    [](Tour& t) {  // a clean session that comes back
      BrokerClient& reader = t.join("r");
      BrokerClient& writer = t.join("w");
      reader.subscribe("t", 1);
      reader.lose();
      writer.publish("t", "1", 1, 1);
      t.rejoin(reader);
    },
    [](Tour& t) {  // QoS 2 of the client
      BrokerClient& reader = t.join("r");
      reader.subscribe("t", 2);
      BrokerClient& writer = t.join("w", false);
      writer.publish("t", "1", 2, 1);
      writer.publish("t", "1", 2, 1, false, true);
      writer.say(mqtt::Pubrel{1});
      writer.say(mqtt::Pubrel{1});
      writer.publish("t", "2", 2, 1);
      writer.publish("t", "3", 1, 2, false, true);
      writer.publish("t", "4", 1, 2);
      writer.publish("t", "5", 0);
    },
    [](Tour& t) {  // wills
      BrokerClient& reader = t.join("r");
      reader.subscribe("will", 1);
      t.join("a", true, BrokerWill{"will", "lost", 1, false}).lose();
      t.join("b", true, BrokerWill{"will", "polite", 1, false}).say(mqtt::Disconnect{});
      t.join("c", true, BrokerWill{"will", "older", 0, false});
      t.join("c");
      t.join("d", true, BrokerWill{"will", "rude", 1, false}).say(mqtt::Connack{});
      t.join("e", true, BrokerWill{"will", "silent", 1, true}, 10);
      t.driver.pass(12s);
      t.join("s").subscribe("#", 1);
      t.driver.pass(8s);
      t.join("f", false, BrokerWill{"will", "kept", 1, false}).lose();
      t.join("f", false).lose();
      t.join("l").subscribe("#", 1);
    },
    [](Tour& t) {  // silence, and no silence
      t.join("a", true, {}, 10);
      t.driver.pass(14s);
      BrokerClient& late = t.join("b", true, {}, 10);
      t.driver.pass(9s);
      late.say(mqtt::Pingreq{});
    },
};

std::vector<std::string> told(const Rules& rules) {
  std::vector<std::string> tales;
  for (const auto& tour : tours) {
    Tour one{rules};
    tour(one);
    tales.push_back(one.told());
  }
  return tales;
}

class EveryBrokerMutant : public testing::TestWithParam<Mutant> {};

TEST_P(EveryBrokerMutant, TellsAnotherTale) {
  static const std::vector<std::string> right = told(plain_broker());
  Rules wrong = plain_broker();
  GetParam().apply(wrong);
  EXPECT_TRUE(told(wrong) != right);  // they are long
}

INSTANTIATE_TEST_SUITE_P(Zoo, EveryBrokerMutant,
                         testing::ValuesIn(broker_mutants().begin(), broker_mutants().end()), [](const auto& each) {
                           std::string name = each.param.name;
                           std::erase(name, '-');
                           return name;
                         });

TEST(BrokerMutants, LeaveHubsAndTheProfileItselfAlone) {
  const BrokerRules* before = profile("mqtt-3.1.1")->broker.get();
  for (const Mutant& mutant : broker_mutants()) {
    Rules hub;
    mutant.apply(hub);
    EXPECT_EQ(hub.broker, nullptr) << mutant.name;
    EXPECT_TRUE(std::string_view{mutant.name}.starts_with("broker-")) << mutant.name;
    EXPECT_TRUE(std::string_view{mutant.meant_for}.starts_with("mqtt311:")) << mutant.name;
  }
  EXPECT_EQ(profile("mqtt-3.1.1")->broker.get(), before);
}

TEST(BrokerMutants, BreakNearlyAHundredStatements) {
  std::set<std::string_view> statements;
  for (const Mutant& mutant : broker_mutants()) statements.insert(mutant.meant_for);
  EXPECT_GE(statements.size(), 95u);
}

}  // namespace
}  // namespace hubproof::server_tests
