// One body over two ports: the same script of MQTT gives the same bytes, and the hub sees the same
// things in the same order, in the simulator and on real sockets.
#include <gtest/gtest.h>

#include <map>

#include "model/message.hpp"
#include "model/mqtt/codec.hpp"
#include "tests/parity/table.hpp"

namespace hubproof::tests {
namespace {

namespace mqtt = model::mqtt;

template <class Packet>
model::Bytes packet(const Packet& what) {
  model::Bytes bytes;
  mqtt::write(bytes, what);
  return bytes;
}

model::Bytes operator+(model::Bytes left, const model::Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

model::Bytes hello(const char* device, bool clean = true, bool will = false) {
  mqtt::Connect connect;
  connect.client_id = device;
  const std::string user = std::string{"hub/"} + device + "/?api-version=2021-04-12";
  const std::string topic = std::string{"devices/"} + device + "/messages/events/last=words";
  connect.user_name = user;
  connect.clean_session = clean;
  connect.keep_alive = 60;
  if (will) connect.will = mqtt::Will{topic, model::view("gone"), 1, false};
  return packet(connect);
}

model::Bytes telemetry(std::uint16_t id, std::string_view body, std::uint8_t qos = 1) {
  mqtt::Publish publish;
  publish.topic = "devices/d1/messages/events/%24.mid=m&level=3";
  publish.payload = model::view(body);
  publish.qos = qos;
  publish.id = id;
  return packet(publish);
}

model::Bytes subscribe(std::uint16_t id, std::string_view filter) {
  return packet(mqtt::Subscribe{id, {{filter, 1}}});
}

// The length of the first packet of a stream; 0: it is not whole.
std::size_t first_packet(model::View bytes) {
  std::size_t length = 0;
  for (std::size_t at = 1; at < bytes.size() && at < 5; ++at) {
    length |= static_cast<std::size_t>(bytes[at] & 0x7f) << (7 * (at - 1));
    if (bytes[at] >= 0x80) continue;
    return at + 1 + length <= bytes.size() ? at + 1 + length : 0;
  }
  return 0;
}

std::string hex(model::View bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

using Transcript = std::vector<std::string>;

class Script {
 public:
  explicit Script(Table& table) : table_{table} {}

  void call(std::size_t number) { table_.call(number); }
  void say(std::size_t number, const model::Bytes& bytes) { table_.say(number, bytes); }
  void hear(std::size_t number, std::size_t packets = 1) {
    model::Bytes& bytes = unread_[number];
    while (packets > 0) {
      if (const std::size_t size = first_packet(bytes)) {
        --packets;
        take(number, model::View{bytes}.first(size));
        bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
        continue;
      }
      const model::Bytes more = table_.hear(number);
      if (more.empty()) return heard_.push_back(std::to_string(number) + " says no more");
      bytes.insert(bytes.end(), more.begin(), more.end());
    }
  }
  // What was said before has been heard by the hub when the answer to a ping is here.
  void ping(std::size_t number) {
    say(number, packet(mqtt::Pingreq{}));
    hear(number);
  }
  void expect_end(std::size_t number) {
    heard_.push_back(std::to_string(number) + (table_.ended(number) ? " ended" : " goes on"));
  }
  void hang_up(std::size_t number) { table_.hang_up(number); }
  model::Response ask(const model::Request& request) { return table_.request(request); }

  void note(std::string what) { heard_.push_back(std::move(what)); }
  Transcript heard() const { return heard_; }

 private:
  // A command is acknowledged by the id that the hub chose, and which is not compared.
  void take(std::size_t number, model::View bytes) {
    mqtt::Decoder decoder{mqtt::End::client};
    decoder.feed(bytes);
    const mqtt::Packet* read = decoder.next();
    const auto* publish = read == nullptr ? nullptr : std::get_if<mqtt::Publish>(read);
    if (publish == nullptr) return note(std::to_string(number) + " " + hex(bytes));
    note(std::to_string(number) + " publish " + std::string{publish->topic} + " " +
         hex(publish->payload) + " " + std::to_string(publish->qos) + (publish->dup ? " again" : ""));
    say(number, packet(mqtt::Puback{publish->id}));
  }

  Table& table_;
  std::map<std::size_t, model::Bytes> unread_;
  Transcript heard_;
};

// The body. Hears exactly as many packets as the hub is to say, so that nothing waits for silence.
Transcript play(Table& table) {
  Script script{table};
  script.ask(model::CreateDevice{"d1"});

  script.call(1);  // in crumbs: any split of a stream gives the same answers
  for (const std::uint8_t byte : hello("d1", false)) script.say(1, {byte});
  script.hear(1);
  script.say(1, telemetry(7, "one"));
  script.hear(1);
  script.say(1, telemetry(8, "two") + telemetry(9, "three"));
  script.hear(1, 2);
  script.say(1, telemetry(0, "four", 0));
  script.ping(1);
  script.say(1, subscribe(10, "devices/d2/messages/devicebound/#"));  // not its own
  script.hear(1);

  model::SendCommand command{"d1", {}};
  model::MessageWriter writer{command.message};
  writer.system(model::System::message_id, "c1");
  writer.property("valve", "7");
  writer.body(model::view("open"));
  script.ask(command);
  script.say(1, subscribe(11, "devices/d1/messages/devicebound/#"));
  script.hear(1, 2);
  script.ping(1);
  script.say(1, packet(mqtt::Unsubscribe{12, {"devices/d1/messages/devicebound/#"}}));
  script.hear(1);

  script.call(2);  // takes the device over
  script.say(2, hello("d1", false));
  script.hear(2);
  script.expect_end(1);
  script.say(2, telemetry(13, "twice", 2));  // this hub has no QoS 2
  script.expect_end(2);

  script.call(3);  // leaves in good order
  script.say(3, hello("d1"));
  script.hear(3);
  script.say(3, packet(mqtt::Disconnect{}));
  script.expect_end(3);

  script.call(4);  // speaks no MQTT
  script.say(4, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
  script.expect_end(4);

  script.call(5);  // is not known
  script.say(5, hello("d9"));
  script.hear(5);
  script.expect_end(5);

  script.call(6);  // leaves without a word, so its will is said
  script.say(6, hello("d1", true, true));
  script.hear(6);
  script.hang_up(6);
  for (std::uint32_t partition = 0; partition < 4; ++partition) {
    const auto first = script.ask(model::ReadTelemetry{partition, 1, 1, {}});
    if (const auto* some = std::get_if<model::Telemetry>(&first); !some || some->events.empty())
      continue;
    script.ask(model::ReadTelemetry{partition, 5, 1, std::chrono::seconds{10}});
    const auto all = script.ask(model::ReadTelemetry{partition, 1, 100, {}});
    if (const auto* read = std::get_if<model::Telemetry>(&all))
      for (const model::TelemetryEvent& event : read->events)
        script.note(std::to_string(event.sequence) + " " + event.device +
                    (event.will ? " will " : " ") +
                    std::to_string(model::MessageView{event.message}.content_digest()));
  }
  return script.heard();
}

// What the hub saw, without times, generations and what else chance or a clock has chosen.
Transcript kinds(const std::vector<model::Event>& events) {
  Transcript list;
  for (const model::Event& e : events) {
    if (e.what == model::What::started || e.what == model::What::clock) continue;
    std::string line;
    for (const unsigned value :
         {static_cast<unsigned>(e.what), static_cast<unsigned>(e.phase),
          static_cast<unsigned>(e.packet), static_cast<unsigned>(e.qos),
          static_cast<unsigned>(e.flags), static_cast<unsigned>(e.connection),
          static_cast<unsigned>(e.by), static_cast<unsigned>(e.why),
          static_cast<unsigned>(e.code), static_cast<unsigned>(e.error)})
      line += std::to_string(value) + " ";
    line += std::to_string(static_cast<std::uint64_t>(e.message)) + " " + std::to_string(e.digest);
    list.push_back(line);
  }
  return list;
}

TEST(Parity, OneScriptHasOneOutcomeInSimulationAndOnSockets) {
  for (const char* profile : {"iot-hub-2026", "iot-hub-2017"}) {
    const auto simulated = simulated_table(*model::profile(profile));
    const auto real = real_table(*model::profile(profile));
    const Transcript in_simulation = play(*simulated);
    const Transcript on_sockets = play(*real);
    EXPECT_EQ(in_simulation, on_sockets) << profile;
    EXPECT_GT(on_sockets.size(), 20U);
    EXPECT_EQ(kinds(simulated->seen()), kinds(real->seen())) << profile;
    EXPECT_GT(real->seen().size(), 20U);
  }
}

}  // namespace
}  // namespace hubproof::tests
