#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "model/amqp/message.hpp"
#include "tests/support/message_generators.hpp"
#include "tests/support/sdk_golden.hpp"

namespace hubproof::model::amqp {
namespace {

// The message of a transfer frame: what follows its performative.
Bytes payload(std::string_view vector) {
  const Bytes frame = golden::frame(vector);
  ValueReader reader{View{frame}.subspan(8)};
  EXPECT_NE(reader.next().kind, Kind::broken) << vector;
  const View rest = reader.rest();
  return {rest.begin(), rest.end()};
}

Bytes flat_of(const Bytes& message) {
  Bytes flat;
  const auto sections = read_sections(message);
  EXPECT_TRUE(sections && read_flat(*sections, flat));
  return flat;
}

TEST(AmqpValue, EveryGoldenFrameHoldsOneSoundPerformative) {
  int seen = 0;
  for (const auto& vector : golden::sdk().at("frames")) {
    const Bytes frame = golden::from_hex(vector.value("hex", ""));
    if (vector.at("layer") != "amqp" || frame.size() <= 8) continue;  // headers and the heartbeat
    ValueReader reader{View{frame}.subspan(8)};
    const Value performative = reader.next();
    EXPECT_EQ(performative.kind, Kind::list) << vector.at("id");
    EXPECT_TRUE(performative.described) << vector.at("id");
    ++seen;
  }
  EXPECT_GT(seen, 40);
}

TEST(AmqpValue, WhatIsWrittenIsReadAgain) {
  Bytes bytes;
  ValueWriter writer{bytes};
  writer.descriptor(0x73);
  writer.begin_list();
  writer.null();
  writer.boolean(true);
  writer.uint(0);
  writer.uint(255);
  writer.uint(256);
  writer.ulong(1ull << 40);
  writer.int32(-5);
  writer.int64(-1);
  writer.timestamp(-62'135'596'800'000);
  writer.string(std::string(300, 'x'));
  writer.begin_map();
  writer.symbol("k");
  writer.begin_strings();
  writer.string("0");
  writer.string("17");
  writer.end();
  writer.end();
  writer.begin_list();
  writer.end();
  writer.end();
  ValueReader reader{bytes};
  const Value list = reader.next();
  ASSERT_EQ(list.kind, Kind::list);
  EXPECT_EQ(list.descriptor, 0x73u);
  EXPECT_EQ(reader.left(), 0u);
  const Fields fields{list};
  EXPECT_EQ(fields[0].kind, Kind::null);
  EXPECT_EQ(fields[1].bits, 1u);
  EXPECT_EQ(fields[3].bits, 255u);
  EXPECT_EQ(fields[4].bits, 256u);
  EXPECT_EQ(fields[5].bits, 1ull << 40);
  EXPECT_EQ(fields[6].number(), -5);
  EXPECT_EQ(fields[7].number(), -1);
  EXPECT_EQ(fields[8].number(), -62'135'596'800'000);
  EXPECT_EQ(fields[9].text().size(), 300u);
  std::vector<std::string> items;
  each_pair(fields[10], [&](const Value& key, const Value& value) {
    EXPECT_EQ(key.text(), "k");
    each_item(value, [&](const Value& item) { items.emplace_back(item.text()); });
  });
  EXPECT_EQ(items, (std::vector<std::string>{"0", "17"}));
  EXPECT_EQ(fields[11].kind, Kind::list);
  EXPECT_EQ(fields[11].count, 0u);
}

TEST(AmqpValue, ProperPrefixesAndDeepNestingAreBroken) {
  const Bytes message = payload("amqp.transfer.d2c");
  for (std::size_t size = 1; size < message.size(); ++size) {
    const auto sections = read_sections(View{message}.first(size));
    Bytes flat;
    if (sections && read_flat(*sections, flat)) {
      EXPECT_TRUE(MessageView{flat}.valid());  // a prefix that ends with a section
    }
  }
  Bytes deep(1000, 0x00);
  deep.push_back(0x40);
  EXPECT_EQ(ValueReader{deep}.next().kind, Kind::broken);
  Bytes lists;
  for (int i = 0; i < 100; ++i) lists.insert(lists.end(), {0xc0, static_cast<std::uint8_t>(255 - 2 * i), 1});
  EXPECT_EQ(ValueReader{lists}.next().kind, Kind::broken);
}

// A described value that is cut off is broken and nothing else: its descriptor is no performative.
TEST(AmqpValue, ABrokenValueHasNoDescriptor) {
  const Bytes close{0x00, 0x53, 0x18, 0xc0, 0xff};
  const Value value = ValueReader{close}.next();
  EXPECT_EQ(value.kind, Kind::broken);
  EXPECT_FALSE(value.described);
  EXPECT_EQ(value.descriptor, 0u);
}

// Whatever an array begins with must be a type's code, also when no item follows.
TEST(AmqpValue, AnEmptyArrayHasATypeToo) {
  for (unsigned code = 0; code < 256; ++code) {
    const Bytes plain{static_cast<std::uint8_t>(code), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    const bool known = ValueReader{plain}.next().kind != Kind::broken;
    const bool takes_items = code != 0 && code < 0xc0;  // arrays of compound or described values are nobody's here
    const Bytes array{0xe0, 0x02, 0x00, static_cast<std::uint8_t>(code)};
    EXPECT_EQ(ValueReader{array}.next().kind, known && takes_items ? Kind::array : Kind::broken) << code;
  }
}

TEST(AmqpMessage, TheSdksTelemetryIsReadToTheLetter) {
  const Bytes flat = flat_of(payload("amqp.transfer.d2c"));
  const MessageView message{flat};
  EXPECT_EQ(message.system(System::message_id), "gold-0");
  EXPECT_EQ(message.system(System::correlation_id), "corr-0");
  EXPECT_EQ(message.system(System::content_type), "application/json");
  EXPECT_EQ(message.system(System::content_encoding), "utf-8");
  EXPECT_EQ(message.property("run"), "gold");
  EXPECT_EQ(message.property("odd"), "a b&c=d/e?f%25+\xc3\xbc\xe2\x82\xac");
  EXPECT_EQ(text(message.body()), R"({"run":"gold","seq":0,"pad":""})");
}

TEST(AmqpMessage, UuidsBecomeTextAndAnnotationsSystemProperties) {  // [MSG-04]
  const Bytes flat = flat_of(payload("amqp.transfer.d2c.uuid-annotations"));
  const MessageView message{flat};
  EXPECT_EQ(message.system(System::message_id), "3f2504e0-4f89-41d3-9a0c-0305e82c3301");
  EXPECT_EQ(message.system(System::correlation_id), "3F2504E0-4F89-41D3-9A0C-0305E82C3301");
  EXPECT_EQ(message.system(System::interface_id), "urn:azureiot:Security:SecurityAgent:1");
  EXPECT_EQ(message.system(System::component), "subj");
  EXPECT_EQ(message.expiry()->time_since_epoch(), std::chrono::milliseconds{1'700'000'000'000});
  EXPECT_EQ(message.ack(), Ack::full);
  EXPECT_EQ(message.property("empty"), "");
}

TEST(AmqpMessage, TheSdksCommandNamesDeviceAckAndExpiry) {
  const Bytes flat = flat_of(payload("service.transfer.c2d"));
  const MessageView message{flat};
  EXPECT_EQ(message.system(System::to), "/devices/dev1/messages/devicebound");
  EXPECT_EQ(message.ack(), Ack::full);
  EXPECT_TRUE(message.expiry());
}

// What hubs write means what the answers mean that SDKs accepted.
TEST(AmqpMessage, WhatWeWriteMeansWhatTheSdkAccepted) {
  const Bytes accepted = payload("amqp.transfer.c2d");
  const Bytes flat = flat_of(accepted);
  const Bytes lock(16, 7);
  Bytes ours;
  write_command(ours, MessageView{flat}, {2, 0, 1'795'425'548'618, lock});
  const auto theirs = read_sections(accepted);
  const auto mine = read_sections(ours);
  ASSERT_TRUE(theirs && mine);
  EXPECT_EQ(MessageView{flat_of(ours)}.content_digest(), MessageView{flat}.content_digest());
  EXPECT_EQ(mine->to.text(), theirs->to.text());
  EXPECT_EQ(mine->expiry.number(), theirs->expiry.number());
  EXPECT_EQ(mine->delivery_count, theirs->delivery_count);
  EXPECT_EQ(mine->annotation("iothub-enqueuedtime").number(),
            theirs->annotation("iothub-enqueuedtime").number());
  EXPECT_EQ(mine->annotation("x-opt-lock-token").kind, Kind::uuid);
  EXPECT_EQ(mine->annotation("x-opt-sequence-number").kind, Kind::ulong);   // [AMQP-22]
  EXPECT_EQ(mine->annotation("iothub-deliverycount").kind, Kind::ubyte);

  const Bytes event = payload("eh.transfer.event");
  const Bytes event_flat = flat_of(event);
  ours.clear();
  write_event(ours, MessageView{event_flat},
              {0, 0, 1'795'425'542'984, "dev1", "637000000000000000", "{}"});
  const auto their_event = read_sections(event);
  const auto my_event = read_sections(ours);
  ASSERT_TRUE(their_event && my_event);
  for (const char* name :
       {"x-opt-sequence-number", "x-opt-offset", "x-opt-enqueued-time", "iothub-connection-device-id",
        "iothub-connection-auth-generation-id", "iothub-enqueuedtime", "iothub-message-source"}) {
    const Value theirs_one = their_event->annotation(name);
    const Value my_one = my_event->annotation(name);
    EXPECT_EQ(my_one.kind, theirs_one.kind) << name;
    EXPECT_EQ(my_one.text(), theirs_one.text()) << name;
    EXPECT_EQ(my_one.bits, theirs_one.bits) << name;
  }

  ours.clear();
  const Bytes feedback = payload("service.transfer.feedback");
  const auto their_feedback = read_sections(feedback);
  ASSERT_TRUE(their_feedback && their_feedback->data.size() == 1);
  write_feedback(ours, "id", "probehub", 5, text(their_feedback->data[0]));
  const auto my_feedback = read_sections(ours);
  ASSERT_TRUE(my_feedback);
  EXPECT_EQ(my_feedback->content_type.text(), their_feedback->content_type.text());
  EXPECT_EQ(my_feedback->user_id.kind, Kind::binary);
  EXPECT_EQ(text(my_feedback->user_id.bytes), "probehub");
  EXPECT_EQ(my_feedback->annotation("iothub-enqueuedtime").kind, Kind::timestamp);
}

TEST(AmqpMessage, RepliesHaveTheStatusAsAnInt) {
  const auto request = payload("amqp.cbs.put-token");
  const auto asked = read_sections(request);
  ASSERT_TRUE(asked);
  Bytes reply;
  write_reply(reply, asked->message_id, 200, "OK", {}, {});
  const auto theirs = payload("amqp.cbs.reply");
  EXPECT_EQ(reply.size() > 0, theirs.size() > 0);
  const auto mine = read_sections(reply);
  const auto accepted = read_sections(theirs);
  ASSERT_TRUE(mine && accepted);
  EXPECT_EQ(mine->correlation_id.text(), accepted->correlation_id.text());
  const auto status = [](const Sections& sections) {
    Value found;
    each_pair(sections.application_properties, [&](const Value& key, const Value& value) {
      if (key.text() == "status-code") found = value;
    });
    return found;
  };
  EXPECT_EQ(status(*mine).kind, status(*accepted).kind);
  EXPECT_EQ(status(*mine).kind, Kind::int32);
  EXPECT_EQ(status(*mine).number(), 200);
  EXPECT_EQ(mine->property("status-description"), "OK");
}

TEST(AmqpMessage, OthersSectionsBodiesAndTypesAreReadOrRefused) {
  const auto message = [](auto&& fill) {
    Bytes bytes;
    ValueWriter writer{bytes};
    fill(writer);
    return bytes;
  };
  const auto flat = [](const Bytes& bytes) -> std::optional<Bytes> {
    Bytes out;
    const auto sections = read_sections(bytes);
    if (!sections || !read_flat(*sections, out)) return std::nullopt;
    return out;
  };
  // A body in amqp-value, as many libraries send texts.
  const auto by_value = flat(message([](ValueWriter& to) {
    to.descriptor(0x77);
    to.string("hello");
  }));
  ASSERT_TRUE(by_value);
  EXPECT_EQ(text(MessageView{*by_value}.body()), "hello");
  // A map as body, a sequence, a value without a descriptor, two property sections.
  EXPECT_FALSE(flat(message([](ValueWriter& to) {
    to.descriptor(0x77);
    to.begin_map();
    to.end();
  })));
  EXPECT_FALSE(read_sections(message([](ValueWriter& to) {
    to.descriptor(0x76);
    to.begin_list();
    to.end();
  })));
  EXPECT_FALSE(read_sections(message([](ValueWriter& to) { to.string("bare"); })));
  EXPECT_FALSE(read_sections(message([](ValueWriter& to) {
    for (int i = 0; i < 2; ++i) {
      to.descriptor(0x73);
      to.begin_list();
      to.end();
    }
  })));
  // Numbers among the application properties are left out; null stays [MSG-14, MQTT-28].
  const auto mixed = flat(message([](ValueWriter& to) {
    to.descriptor(0x74);
    to.begin_map();
    to.string("n");
    to.int32(3);
    to.string("none");
    to.null();
    to.string("s");
    to.symbol("text");
    to.end();
    to.descriptor(0x75);
    to.binary({});
  }));
  ASSERT_TRUE(mixed);
  EXPECT_FALSE(MessageView{*mixed}.property("n"));
  EXPECT_EQ(MessageView{*mixed}.property("s"), "text");
}

RC_GTEST_PROP(AmqpMessage, EveryFlatMessageComesBackWithTheSameMeaning, ()) {
  const Bytes flat = generate::message();
  Bytes encoded;
  write_message(encoded, MessageView{flat}, "/devices/d/messages/events");
  const auto sections = read_sections(encoded);
  RC_ASSERT(sections.has_value());
  Bytes again;
  RC_ASSERT(read_flat(*sections, again));
  RC_ASSERT(MessageView{again}.content_digest() == MessageView{flat}.content_digest());
  RC_ASSERT(MessageView{again}.ack() == MessageView{flat}.ack());
}

}  // namespace
}  // namespace hubproof::model::amqp
