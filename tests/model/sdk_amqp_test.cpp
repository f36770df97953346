// The AMQP door against what the vendor's SDKs and the Event Hubs client really sent: captured frames
// go in one by one, and what the door answers means what they accepted.
#include <gtest/gtest.h>

#include "model/amqp/message.hpp"
#include "tests/model/server_driver.hpp"
#include "tests/support/sdk_golden.hpp"

namespace hubproof::server_tests {

using namespace model;
namespace {

using amqp::Fields;
using amqp::Kind;
using amqp::Value;
using amqp::ValueReader;

constexpr std::uint64_t attach = 0x12, flow = 0x13, transfer = 0x14,
                        disposition = 0x15, detach = 0x16, end = 0x17, close = 0x18;

// A frame with its own copy of its bytes.
struct Frame {
  explicit Frame(View all) : bytes(all.begin(), all.end()) {
    if (bytes.size() <= 8) return;
    ValueReader reader{View{bytes}.subspan(8)};
    performative = reader.next();
    payload = reader.rest();
  }
  Frame(const Frame&) = delete;
  Frame(Frame&&) = default;
  std::uint64_t code() const { return performative.descriptor; }
  std::uint16_t channel() const { return static_cast<std::uint16_t>(load_big<2>(bytes.data() + 6)); }
  Value field(std::size_t at) const { return Fields{performative}[at]; }

  Bytes bytes;
  Value performative;
  View payload;
};

std::vector<Frame> frames(View bytes) {
  std::vector<Frame> all;
  if (bytes.size() >= 8 && text(bytes.first(4)) == "AMQP") bytes = bytes.subspan(8);
  while (bytes.size() >= 8) {
    const auto size = static_cast<std::size_t>(load_big<4>(bytes.data()));
    if (size < 8 || size > bytes.size()) break;
    all.emplace_back(bytes.first(size));
    bytes = bytes.subspan(size);
  }
  EXPECT_TRUE(bytes.empty());
  return all;
}

const Frame* find(const std::vector<Frame>& all, std::uint64_t code, int nth = 0) {
  for (const Frame& one : all)
    if (one.code() == code && nth-- == 0) return &one;
  return nullptr;
}

// A hub on the day of the capture that knows its device, and its key where it asks for one.
Driver captured(bool verified) {
  Rules rules;
  if (verified) rules.hub.access = Access::verified;
  Driver driver{rules};
  driver.set_wall(1'795'425'542s - 1'000'000s);
  const std::string key = golden::sdk().at("testKeys").at("device");
  driver.ask(CreateDevice{"dev1", Credentials{CredentialType::sas, key, key}});
  return driver;
}

std::vector<Frame> say(Driver& driver, ConnectionId id, std::string_view vector) {
  driver.feed(id, golden::frame(vector));
  return frames(driver.take_bytes(id));
}
template <class... Ids>
void say_all(Driver& driver, ConnectionId id, Ids... ids) {
  for (const char* one : {ids...}) driver.feed(id, golden::frame(one));
}

ConnectionId greeted(Driver& driver) {
  const ConnectionId id = driver.open(Door::amqp);
  driver.feed(id, golden::frame("amqp.header"));
  const Bytes header = driver.take_bytes(id);
  EXPECT_EQ(header, golden::frame("amqp.header"));  // echoed, and no SASL
  return id;
}

ConnectionId with_token(Driver& driver, const char* token) {
  const ConnectionId id = greeted(driver);
  say_all(driver, id, "amqp.open", "amqp.begin", "amqp.attach.cbs.sender",
          "amqp.attach.cbs.receiver", token);
  driver.take_bytes(id);
  const auto answer = say(driver, id, "amqp.cbs.receiver-flow");
  const Frame* reply = find(answer, transfer);
  EXPECT_NE(reply, nullptr);
  if (reply == nullptr) return id;
  const Bytes accepted_bytes = golden::frame("amqp.cbs.reply");
  const Frame accepted{accepted_bytes};
  for (const std::size_t at : {0u, 1u, 3u})  // handle, delivery-id, message-format
    EXPECT_EQ(reply->field(at).bits, accepted.field(at).bits) << at;
  const auto mine = amqp::read_sections(reply->payload);
  const auto theirs = amqp::read_sections(accepted.payload);
  EXPECT_TRUE(mine && theirs);
  if (!mine || !theirs) return id;
  const auto status = [](const amqp::Sections& sections) {
    Value found;
    amqp::each_pair(sections.application_properties, [&](const Value& key, const Value& value) {
      if (key.text() == "status-code") found = value;
    });
    return found;
  };
  EXPECT_EQ(status(*mine).kind, status(*theirs).kind);
  EXPECT_EQ(status(*mine).number(), 200);
  EXPECT_EQ(mine->correlation_id.kind, Kind::string);
  const Bytes question_bytes = golden::frame(token);
  const Frame question_frame{question_bytes};  // the sections are views of it
  const auto question = amqp::read_sections(question_frame.payload);
  EXPECT_EQ(mine->correlation_id.text(), question->message_id.text());
  return id;
}

SendCommand golden_command(const std::string& message_id) {
  SendCommand send{"dev1", {}};
  MessageWriter writer{send.message};
  writer.system(System::message_id, message_id);
  writer.system(System::to, "/devices/dev1/messages/deviceBound");
  writer.ack(Ack::full);
  writer.property("run", "gold");
  writer.body(view("{}"));
  return send;
}

TEST(SdkAmqp, ADevicesTelemetryIsAcceptedFromHeaderToClose) {
  Driver driver = captured(true);
  const ConnectionId id = with_token(driver, "amqp.cbs.put-token");
  const auto attached = say(driver, id, "amqp.attach.d2c");
  ASSERT_NE(find(attached, attach), nullptr);
  EXPECT_EQ(find(attached, detach), nullptr);
  const Frame* credit = find(attached, flow);
  ASSERT_NE(credit, nullptr);
  EXPECT_GT(credit->field(6).bits, 0u);

  const auto answer = say(driver, id, "amqp.transfer.d2c");
  const Frame* said = find(answer, disposition);
  ASSERT_NE(said, nullptr);
  const Bytes accepted_bytes = golden::frame("amqp.disposition.accepted.d2c");
  const Frame accepted{accepted_bytes};
  EXPECT_EQ(said->field(0).bits, accepted.field(0).bits);  // role
  EXPECT_EQ(said->field(1).bits, accepted.field(1).bits);  // first
  EXPECT_EQ(said->field(3).bits, accepted.field(3).bits);  // settled
  EXPECT_EQ(said->field(4).descriptor, accepted.field(4).descriptor);
  const auto events = driver.telemetry();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].device, "dev1");
  EXPECT_EQ(MessageView{events[0].message}.system(System::message_id), "gold-0");

  EXPECT_NE(find(say(driver, id, "amqp.detach"), detach), nullptr);
  EXPECT_NE(find(say(driver, id, "amqp.end"), end), nullptr);
  EXPECT_NE(find(say(driver, id, "amqp.close"), close), nullptr);
  EXPECT_TRUE(driver.closed(id));
}

TEST(SdkAmqp, TheDevicesLinkIsRefusedWithoutItsToken) {  // [AMQP-05]
  Driver driver = captured(true);
  const ConnectionId id = greeted(driver);
  say_all(driver, id, "amqp.open", "amqp.begin", "amqp.attach.cbs.sender",
          "amqp.attach.cbs.receiver");
  driver.take_bytes(id);
  const auto answer = say(driver, id, "amqp.attach.d2c");
  ASSERT_NE(find(answer, attach), nullptr);
  const Frame* refused = find(answer, detach);
  ASSERT_NE(refused, nullptr);
  EXPECT_EQ(Fields{refused->field(2)}[0].text(), "amqp:unauthorized-access");
}

TEST(SdkAmqp, UuidsAndAnnotationsOfTelemetryComeThroughAsText) {
  Driver driver = captured(true);
  const ConnectionId id = with_token(driver, "amqp.cbs.put-token");
  say(driver, id, "amqp.attach.d2c");
  say(driver, id, "amqp.transfer.d2c.uuid-annotations");
  const auto events = driver.telemetry();
  ASSERT_EQ(events.size(), 1u);
  const MessageView stored{events[0].message};
  EXPECT_EQ(stored.system(System::message_id), "3f2504e0-4f89-41d3-9a0c-0305e82c3301");
  EXPECT_EQ(stored.system(System::component), "subj");
}

TEST(SdkAmqp, CommandsAreCompletedAbandonedAndRejectedByTheSdksDispositions) {
  Driver driver = captured(true);
  const ConnectionId id = with_token(driver, "amqp.cbs.put-token");
  driver.ask(golden_command("m1"));
  EXPECT_NE(find(say(driver, id, "amqp.attach.c2d"), attach), nullptr);
  auto got = say(driver, id, "amqp.flow.c2d");
  const Frame* first = find(got, transfer);
  ASSERT_NE(first, nullptr);
  const Bytes accepted_bytes = golden::frame("amqp.transfer.c2d");
  const Frame accepted{accepted_bytes};
  EXPECT_EQ(first->field(0).bits, accepted.field(0).bits);
  EXPECT_EQ(first->field(1).bits, accepted.field(1).bits);
  EXPECT_EQ(first->field(2).bytes.size(), accepted.field(2).bytes.size());  // the tag is a uuid
  EXPECT_EQ(first->field(3).kind, Kind::uint);
  EXPECT_EQ(first->field(3).bits, 0u);  // without message-format the SDK decodes nothing
  const auto mine = amqp::read_sections(first->payload);
  const auto theirs = amqp::read_sections(accepted.payload);
  ASSERT_TRUE(mine && theirs);
  EXPECT_EQ(mine->to.text(), theirs->to.text());
  EXPECT_EQ(mine->property("iothub-ack"), theirs->property("iothub-ack"));
  EXPECT_EQ(mine->data.size(), 1u);

  // Released: it comes again at once, with the next count [C2D-22, C2D-17].
  got = say(driver, id, "amqp.disposition.abandon");
  const Frame* again = find(got, transfer);
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->field(1).bits, 2u);
  const auto second = amqp::read_sections(again->payload);
  EXPECT_EQ(second->annotation("iothub-deliverycount").bits, 1u);
  say(driver, id, "amqp.disposition.complete");
  driver.pass(20s);
  auto response = driver.ask(ReceiveFeedback{});
  ASSERT_EQ(std::get<Feedback>(response).records.size(), 1u);
  EXPECT_EQ(std::get<Feedback>(response).records[0].status, model::Status::success);

  Driver other = captured(true);
  const ConnectionId there = with_token(other, "amqp.cbs.put-token");
  other.ask(golden_command("m2"));
  say_all(other, there, "amqp.attach.c2d", "amqp.flow.c2d", "amqp.disposition.reject");
  other.pass(20s);
  response = other.ask(ReceiveFeedback{});
  ASSERT_EQ(std::get<Feedback>(response).records.size(), 1u);
  EXPECT_EQ(std::get<Feedback>(response).records[0].status, model::Status::rejected);
}

TEST(SdkAmqp, AJoinedRangeSettlesAllOfItAsTheHubIsTold) {
  Driver driver = captured(true);
  const ConnectionId id = with_token(driver, "amqp.cbs.put-token");
  for (const char* one : {"m1", "m2", "m3", "m4"}) driver.ask(golden_command(one));
  say_all(driver, id, "amqp.attach.c2d", "amqp.flow.c2d", "amqp.disposition.joined-range");
  say(driver, id, "amqp.heartbeat");
  driver.pass(20s);
  const auto response = driver.ask(ReceiveFeedback{});
  const auto& records = std::get<Feedback>(response).records;
  ASSERT_EQ(records.size(), 3u);  // deliveries 2 to 4: all but the first command
  for (const FeedbackRecord& record : records) {
    EXPECT_EQ(record.status, model::Status::rejected);
    EXPECT_NE(record.original_message_id, "m1");
  }
}

TEST(SdkAmqp, TheServiceSendsCommandsAndReceivesFeedback) {
  Driver driver = captured(false);
  const ConnectionId id = with_token(driver, "service.cbs.put-token");
  driver.ask(golden_command("before"));
  const auto attached = say(driver, id, "service.attach.devicebound");
  ASSERT_NE(find(attached, flow), nullptr);
  driver.set_wall(-7000s);  // the captured expiry lies an hour ahead of the capture
  auto answer = say(driver, id, "service.transfer.c2d");
  const Frame* said = find(answer, disposition);
  ASSERT_NE(said, nullptr);
  EXPECT_EQ(said->field(4).descriptor, 0x24u);  // accepted
  driver.set_wall(7000s);

  const ConnectionId device = connected(driver, "dev1");
  subscribe(driver, device, {command_filter("dev1")});
  const auto got = driver.take(device);
  ASSERT_EQ(got.size(), 3u);
  for (const Got& one : got)
    if (one.type == Packet::publish) driver.feed(device, mqtt::Puback{one.id});
  driver.pass(20s);

  const ConnectionId reader = with_token(driver, "service.cbs.put-token");
  EXPECT_NE(find(say(driver, reader, "service.attach.feedback"), attach), nullptr);
  answer = say(driver, reader, "amqp.flow.c2d");  // its handle is the same
  const Frame* batch = find(answer, transfer, 1);  // the first record of all made a batch at once
  ASSERT_NE(batch, nullptr);
  const Bytes accepted_bytes = golden::frame("service.transfer.feedback");
  const Frame accepted_frame{accepted_bytes};
  const auto theirs = amqp::read_sections(accepted_frame.payload);
  const auto mine = amqp::read_sections(batch->payload);
  ASSERT_TRUE(mine && theirs && mine->data.size() == 1);
  EXPECT_EQ(mine->content_type.text(), theirs->content_type.text());
  EXPECT_EQ(mine->user_id.kind, theirs->user_id.kind);
  EXPECT_EQ(mine->annotation("iothub-enqueuedtime").kind,
            theirs->annotation("iothub-enqueuedtime").kind);
  const auto records = nlohmann::json::parse(text(mine->data[0]));
  const auto accepted = nlohmann::json::parse(text(theirs->data[0]));
  ASSERT_EQ(records.size(), 1u);
  for (const auto& [name, value] : accepted[0].items()) EXPECT_TRUE(records[0].contains(name)) << name;
  EXPECT_EQ(records[0]["originalMessageId"], "gold-0");
  EXPECT_EQ(records[0]["statusCode"], "Success");
  EXPECT_EQ(records[0]["deviceId"], "dev1");
}

// Event Hubs' client: SASL ANONYMOUS, then a session for each of its purposes.
TEST(SdkAmqp, TheEventHubsClientAsksAndReads) {
  Driver driver = captured(false);
  const ConnectionId device = connected(driver, "dev1");
  publish(driver, device, "devices/dev1/messages/events/%24.mid=gold-0&run=gold", "{}", 1);

  const ConnectionId id = driver.open(Door::amqp);
  driver.feed(id, golden::frame("eh.sasl.header"));
  Bytes said = driver.take_bytes(id);
  ASSERT_GT(said.size(), 8u);
  EXPECT_EQ(Bytes(said.begin(), said.begin() + 8), golden::frame("eh.sasl.header"));
  const auto names = [](View frame) {
    std::set<std::string> all;
    ValueReader reader{frame.subspan(8)};
    amqp::each_item(Fields{reader.next()}[0],
                    [&](const Value& one) { all.insert(std::string{one.text()}); });
    return all;
  };
  for (const std::string& one : names(golden::frame("eh.sasl.mechanisms")))
    EXPECT_TRUE(names(View{said}.subspan(8)).contains(one)) << one;
  driver.feed(id, golden::frame("eh.sasl.init"));
  said = driver.take_bytes(id);
  const Bytes welcome = golden::frame("eh.sasl.outcome");
  EXPECT_EQ(Fields{ValueReader{View{said}.subspan(8)}.next()}[0].bits,
            Fields{ValueReader{View{welcome}.subspan(8)}.next()}[0].bits);

  say_all(driver, id, "amqp.header", "amqp.open", "amqp.begin", "amqp.attach.cbs.sender",
          "eh.attach.cbs.receiver");
  driver.take_bytes(id);
  say_all(driver, id, "amqp.cbs.receiver-flow", "eh.cbs.put-token.management");
  auto answer = frames(driver.take_bytes(id));
  const Frame* reply = find(answer, transfer);
  ASSERT_NE(reply, nullptr);
  EXPECT_EQ(amqp::read_sections(reply->payload)->property("status-description"), "OK");

  // $management on a session of its own; the frames of the capture say channel 1.
  const auto on_channel = [](std::string_view vector, std::uint8_t channel) {
    Bytes frame = golden::frame(vector);
    frame[7] = channel;
    return frame;
  };
  driver.feed(id, on_channel("amqp.begin", 1));
  say_all(driver, id, "eh.attach.management.sender", "eh.attach.management.receiver");
  driver.feed(id, on_channel("amqp.cbs.receiver-flow", 1));
  driver.take_bytes(id);
  const auto value = [](const std::vector<Frame>& all) {
    const Frame* one = find(all, transfer);
    EXPECT_NE(one, nullptr);
    std::map<std::string, std::string> items;
    if (one == nullptr) return items;
    const auto sections = amqp::read_sections(one->payload);
    EXPECT_TRUE(sections);
    amqp::each_pair(sections->value, [&](const Value& key, const Value& it) {
      std::string shown = std::to_string(static_cast<int>(it.kind)) + ":";
      amqp::each_item(it, [&](const Value& item) { shown += std::string{item.text()} + ","; });
      items[std::string{key.text()}] = shown;
    });
    return items;
  };
  const auto same = [&](const char* question, const char* accepted) {
    const auto mine = value(say(driver, id, question));
    const auto theirs = value(frames(golden::frame(accepted)));
    EXPECT_EQ(mine, theirs) << question;  // names, types and partition ids
  };
  same("eh.management.read-hub", "eh.management.read-hub.reply");
  same("eh.management.read-partition", "eh.management.read-partition.reply");

  // A reader of the device's partition, from the beginning.
  say(driver, id, "eh.cbs.put-token.partition");
  driver.feed(id, on_channel("amqp.begin", 2));
  Bytes attach_frame = golden::frame("eh.attach.partition");
  const std::uint32_t partition = [&] {
    for (std::uint32_t i = 0; i < 4; ++i) {
      const auto read = driver.ask(ReadTelemetry{i, 1, 1, {}});
      if (!std::get<Telemetry>(read).events.empty()) return i;
    }
    return 9u;
  }();
  const std::string_view spelt = "probehub/ConsumerGroups/$Default/Partitions/0";
  for (std::size_t at = 0; at + spelt.size() <= attach_frame.size(); ++at)
    if (text(View{attach_frame}.subspan(at, spelt.size())) == spelt)
      attach_frame[at + spelt.size() - 1] = static_cast<std::uint8_t>('0' + partition);
  driver.feed(id, View{attach_frame});
  answer = frames(driver.take_bytes(id));
  const Frame* reader = find(answer, attach);
  ASSERT_NE(reader, nullptr);
  EXPECT_EQ(find(answer, transfer), nullptr);  // no credit yet
  answer = say(driver, id, "eh.flow.partition");
  const Frame* event = find(answer, transfer);
  ASSERT_NE(event, nullptr);
  const auto mine = amqp::read_sections(event->payload);
  const Bytes accepted_bytes = golden::frame("eh.transfer.event");
  const Frame accepted_frame{accepted_bytes};
  const auto theirs = amqp::read_sections(accepted_frame.payload);
  ASSERT_TRUE(mine && theirs);
  amqp::each_pair(theirs->annotations, [&](const Value& key, const Value& it) {
    EXPECT_EQ(mine->annotation(key.text()).kind, it.kind) << key.text();
  });
  EXPECT_EQ(mine->annotation("iothub-connection-device-id").text(), "dev1");
  EXPECT_EQ(mine->message_id.text(), theirs->message_id.text());
}

TEST(SdkAmqp, TheRedirectTellsWhereTelemetryIsRead) {  // [D2C-37]
  Driver driver = captured(false);
  const ConnectionId id = driver.open(Door::amqp);
  say_all(driver, id, "eh.sasl.header", "redirect.sasl.init", "amqp.header", "amqp.open",
          "amqp.begin");
  driver.take_bytes(id);
  const auto answer = say(driver, id, "redirect.attach");
  EXPECT_NE(find(answer, attach), nullptr);
  const Frame* moved = find(answer, detach);
  ASSERT_NE(moved, nullptr);
  const Bytes accepted_bytes = golden::frame("redirect.detach");
  const Frame accepted{accepted_bytes};
  const Fields mine{moved->field(2)};
  const Fields theirs{accepted.field(2)};
  EXPECT_EQ(mine[0].text(), theirs[0].text());
  const auto info = [](const Value& map) {
    std::map<std::string, Value> items;
    amqp::each_pair(map, [&](const Value& key, const Value& it) {
      items[std::string{key.text()}] = it;
    });
    return items;
  };
  for (const auto& [name, it] : info(theirs[2])) {
    ASSERT_TRUE(info(mine[2]).contains(name)) << name;
    EXPECT_EQ(info(mine[2]).at(name).kind, it.kind) << name;
  }
  EXPECT_EQ(info(mine[2]).at("hostname").text(), "probehub.azure-devices.test");
  EXPECT_EQ(info(mine[2]).at("address").text(),
            "amqps://probehub.azure-devices.test:5671/probehub/$management");
}

}  // namespace
}  // namespace hubproof::server_tests
