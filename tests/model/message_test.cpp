#include "model/message.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace hubproof::model {
namespace {

Bytes sample(std::string_view id = "t3-17") {
  Bytes flat;
  MessageWriter writer{flat};
  writer.system(System::message_id, id);
  writer.system(System::content_type, "application/json");
  writer.expiry(Date{std::chrono::milliseconds{1'795'429'147'906}});
  writer.ack(Ack::full);
  writer.property("run", "gold");
  writer.null_property("nothing");
  writer.property("empty", "");
  writer.body(view("{}"));
  return flat;
}

TEST(Bytes, AFewAreCopiedAsTheyAre) {
  for (std::size_t size = 0; size <= 40; ++size) {
    Bytes from(size);
    for (std::size_t i = 0; i < size; ++i) from[i] = static_cast<std::uint8_t>(i + 1);
    Bytes to(size + 1, 0xee);
    EXPECT_EQ(copy(to.data(), from.data(), size), to.data() + size);
    EXPECT_EQ(to.back(), 0xee) << size;
    to.pop_back();
    EXPECT_EQ(to, from);
  }
}

TEST(MessageKey, OwnIdsArePackedAndComeBack) {
  const MessageKey key = own_key('t', 3, 17);
  EXPECT_EQ(message_key("t3-17"), key);
  EXPECT_EQ(message_id(key), "t3-17");
  EXPECT_EQ(message_id(own_key('c', 0, 0xffffffffu)), "c0-4294967295");
  EXPECT_EQ(message_key("c0-4294967295"), own_key('c', 0, 0xffffffffu));
  EXPECT_NE(own_key('t', 0, 0), MessageKey::none);
  EXPECT_NE(own_key('t', 3, 17), own_key('c', 3, 17));
}

TEST(MessageKey, AnIdThatIsAlmostOursIsHashed) {
  for (const char* id :
       {"", "t", "t-", "t3", "t3-", "t-17", "t03-17", "t3-017", "t3-4294967296", "t536870912-1",
        "x3-17", "T3-17", "t3-17 ", "t+3-17", "t3--17", "gold-0"}) {
    const auto bits = static_cast<std::uint64_t>(message_key(id));
    EXPECT_TRUE(bits >> 63) << id;
  }
  EXPECT_NE(message_key("gold-0"), message_key("gold-1"));
  const std::string named = message_id(message_key("gold-0"));
  EXPECT_EQ(named.size(), 17u);
  EXPECT_EQ(named[0], '#');
}

RC_GTEST_PROP(MessageKey, EveryOwnKeyIsTheKeyOfItsId,
              (std::uint32_t node, std::uint32_t number, bool c)) {
  const MessageKey key = own_key(c ? 'c' : 't', node % (1u << 29), number);
  RC_ASSERT(message_key(message_id(key)) == key);
}

// A hash is part of keys and digests: it may never change. Here it is byte by byte.
RC_GTEST_PROP(Hash, IsThatOfItsLittleEndianWords, (const Bytes& bytes, std::uint64_t seed)) {
  const auto word = [&](std::size_t from) {
    std::uint64_t value = 0;
    for (std::size_t i = from; i < std::min(from + 8, bytes.size()); ++i)
      value |= std::uint64_t{bytes[i]} << (8 * (i - from));
    return value;
  };
  std::uint64_t state = mix(seed ^ (0x9e3779b97f4a7c15u + bytes.size()));
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    state = (state ^ word(at)) * 0x9fb21c651e98df25u;
    state ^= state >> 29;
  }
  RC_ASSERT(hash(bytes, seed) == mix(state ^ word(at)));
}

TEST(Message, FieldsComeBackAsWritten) {
  const Bytes flat = sample();
  const MessageView message{flat};
  EXPECT_TRUE(message.valid());
  EXPECT_EQ(message.system(System::message_id), "t3-17");
  EXPECT_EQ(message.system(System::correlation_id), std::nullopt);
  EXPECT_EQ(message.key(), own_key('t', 3, 17));
  EXPECT_EQ(message.expiry(), Date{std::chrono::milliseconds{1'795'429'147'906}});
  EXPECT_EQ(message.ack(), Ack::full);
  EXPECT_EQ(message.property("run"), "gold");
  EXPECT_EQ(message.property("nothing"), std::nullopt);
  EXPECT_EQ(message.property("empty"), "");
  EXPECT_EQ(text(message.body()), "{}");
}

TEST(Message, TheBodyIsNotMistakenForFields) {
  Bytes flat;
  MessageWriter writer{flat};
  writer.property("a", "b");
  Bytes fields;
  MessageWriter{fields}.system(System::message_id, "hidden");
  writer.body(fields);
  const MessageView message{flat};
  EXPECT_TRUE(message.valid());
  EXPECT_EQ(message.system(System::message_id), std::nullopt);
  EXPECT_EQ(message.key(), MessageKey::none);
  EXPECT_EQ(message.body().size(), fields.size());
}

TEST(Message, NoProperPrefixThatLacksTheBodyIsValid) {
  const Bytes flat = sample();
  const std::size_t fields = flat.size() - 3;  // the body's tag and "{}"
  for (std::size_t size = 0; size <= fields; ++size)
    EXPECT_FALSE(MessageView{View{flat}.first(size)}.valid()) << size;
  EXPECT_TRUE(MessageView{View{flat}.first(fields + 1)}.valid());
}

TEST(Message, WrongFieldsAreNotValid) {
  const auto with = [](auto write) {
    Bytes flat;
    MessageWriter writer{flat};
    write(writer);
    writer.body({});
    return MessageView{flat}.valid();
  };
  EXPECT_TRUE(with([](MessageWriter&) {}));
  EXPECT_FALSE(with([](MessageWriter& w) { w.system(System::expiry, "seven b"); }));
  EXPECT_FALSE(with([](MessageWriter& w) { w.system(System::ack, "\x04"); }));
  EXPECT_FALSE(with([](MessageWriter& w) { w.system(System::ack, ""); }));
  EXPECT_FALSE(with([](MessageWriter& w) { w.system(static_cast<System>(18), "x"); }));
  EXPECT_FALSE(with([](MessageWriter& w) { w.property("", "x"); }));
  EXPECT_FALSE(with([](MessageWriter& w) { w.property("x", "\xff"); }));
  EXPECT_FALSE(with([](MessageWriter& w) { w.null_property("\xed\xa0\x80"); }));
  EXPECT_FALSE(with([](MessageWriter& w) { w.expiry_milliseconds(253'402'300'800'000); }));
}

TEST(Message, AnExpiryBeyondADateIsTheLastDate) {
  Bytes flat;
  MessageWriter writer{flat};
  writer.expiry_milliseconds(253'402'300'799'999);
  writer.body({});
  EXPECT_EQ(MessageView{flat}.expiry(), Date::max());
}

TEST(Message, TheDigestForgetsOrderAndWhatHubsAdd) {
  Bytes one;
  MessageWriter first{one};
  first.system(System::message_id, "m");
  first.property("a", "b");
  first.property("c", "d");
  first.body(view("x"));
  Bytes two;
  MessageWriter second{two};
  second.property("c", "d");
  second.property("mqtt-retain", "true");
  second.system(System::to, "/devices/d/messages/devicebound");
  second.property("iothub-MessageType", "Will");
  second.property("a", "b");
  second.system(System::message_id, "m");
  second.body(view("x"));
  EXPECT_EQ(MessageView{one}.content_digest(), MessageView{two}.content_digest());
}

TEST(Message, TheDigestSeesEveryChange) {
  const auto digest = [](auto write) {
    Bytes flat;
    MessageWriter writer{flat};
    write(writer);
    return MessageView{flat}.content_digest();
  };
  const std::uint64_t digests[] = {digest([](MessageWriter& w) { w.body({}); }),
                                   digest([](MessageWriter& w) { w.body(view("a")); }),
                                   digest([](MessageWriter& w) {
                                     w.property("a", "b");
                                     w.body({});
                                   }),
                                   digest([](MessageWriter& w) {
                                     w.property("b", "a");
                                     w.body({});
                                   }),
                                   digest([](MessageWriter& w) {
                                     w.property("a", "");
                                     w.body({});
                                   }),
                                   digest([](MessageWriter& w) {
                                     w.null_property("a");
                                     w.body({});
                                   }),
                                   digest([](MessageWriter& w) {
                                     w.system(System::message_id, "a");
                                     w.body({});
                                   }),
                                   digest([](MessageWriter& w) {
                                     w.system(System::correlation_id, "a");
                                     w.body({});
                                   }),
                                   digest([](MessageWriter& w) {
                                     w.property("a", "b");
                                     w.property("a", "b");
                                     w.body({});
                                   })};
  for (std::size_t i = 0; i < std::size(digests); ++i)
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(digests[i], digests[j]) << i << ' ' << j;
}

TEST(Message, SizeCountsValuesAndNamesAndBodyButNoFraming) {
  Bytes flat;
  MessageWriter writer{flat};
  writer.system(System::message_id, "12345");
  writer.property("ab", "cde");
  writer.null_property("f");
  writer.body(view("0123456789"));
  EXPECT_EQ(MessageView{flat}.counted_size(), 5u + 2 + 3 + 1 + 10);
}

}  // namespace
}  // namespace hubproof::model
