#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "model/mqtt/bag.hpp"
#include "model/mqtt/codec.hpp"
#include "tests/support/message_generators.hpp"
#include "tests/support/sdk_golden.hpp"

namespace hubproof::model::mqtt {
namespace {

std::optional<Bytes> read(std::string_view bag, View body = {}) {
  Bytes flat;
  MessageWriter writer{flat};
  if (!read_bag(bag, writer)) return std::nullopt;
  writer.body(body);
  EXPECT_TRUE(MessageView{flat}.valid()) << bag;
  return flat;
}

std::string write(const MessageView& message) {
  Bytes bag;
  write_bag(bag, message);
  return std::string{text(bag)};
}

RC_GTEST_PROP(Bag, EveryMessageComesBackFromItsBag, ()) {
  const Bytes flat = generate::message();
  const MessageView message{flat};
  RC_ASSERT(message.valid());
  const auto again = read(write(message), message.body());
  RC_ASSERT(again.has_value());
  RC_ASSERT(*again == flat);
}

RC_GTEST_PROP(Bag, AWrittenBagIsATopicLevel, ()) {
  const Bytes flat = generate::message();
  const std::string topic = "devices/d/messages/events/" + write(MessageView{flat});
  RC_ASSERT(valid_topic_name(topic));
  RC_ASSERT(std::ranges::count(topic, '/') == 4);
}

// Bags are read eight bytes at a time where they can be: what is special may stand anywhere in them.
TEST(Bag, WhatIsSpecialIsSeenAtAnyPlace) {
  for (std::size_t before = 0; before < 20; ++before) {
    for (std::size_t behind = 0; behind < 20; ++behind) {
      const std::string a(before, 'a');
      const std::string b(behind, 'b');
      const auto value = [&](const std::string& spelled) -> std::optional<std::string> {
        const auto flat = read("name=" + a + spelled + b);
        if (!flat) return std::nullopt;
        return std::string{MessageView{*flat}.property("name").value_or("none")};
      };
      EXPECT_EQ(value("%41"), a + "A" + b);
      EXPECT_EQ(value("%C3%A4"), a + "\xc3\xa4" + b);
      EXPECT_EQ(value("%25%26%3D"), a + "%&=" + b);
      EXPECT_EQ(value("="), a + "=" + b);      // only the first ends the name
      EXPECT_EQ(value("&x="), a);
      EXPECT_EQ(value("%4g"), std::nullopt);
      EXPECT_EQ(value("%C3"), std::nullopt);   // half a character
      EXPECT_EQ(value("\xc3"), std::nullopt);
      if (behind == 0) {
        EXPECT_EQ(value("%"), std::nullopt);
        EXPECT_EQ(value("%4"), std::nullopt);
      }
    }
  }
}

TEST(Bag, TheSdksTelemetryIsRead) {
  const Bytes bytes = golden::frame("mqtt.publish.d2c");
  Decoder decoder{End::server};
  decoder.feed(bytes);
  const auto& publish = std::get<Publish>(*decoder.next());
  const std::string_view bag = publish.topic.substr(publish.topic.rfind('/') + 1);
  const auto flat = read(bag, publish.payload);
  ASSERT_TRUE(flat);
  const MessageView message{*flat};
  EXPECT_EQ(message.system(System::message_id), "gold-0");
  EXPECT_EQ(message.system(System::correlation_id), "corr-0");
  EXPECT_EQ(message.system(System::content_type), "application/json");
  EXPECT_EQ(message.system(System::content_encoding), "utf-8");
  EXPECT_EQ(message.property("run"), "gold");
  EXPECT_EQ(message.property("seq"), "0");
  EXPECT_EQ(message.property("odd"), "a b&c=d/e?f%25+\xc3\xbc\xe2\x82\xac");
  EXPECT_EQ(text(message.body()), R"({"run":"gold","seq":0,"pad":""})");
  EXPECT_EQ(write(message), bag);
}

TEST(Bag, TheCommandThatTheSdkAcceptedIsReadAndWritten) {
  const Bytes bytes = golden::frame("mqtt.publish.c2d");
  Decoder decoder{End::client};
  decoder.feed(bytes);
  const auto& publish = std::get<Publish>(*decoder.next());
  const std::string_view bag = publish.topic.substr(publish.topic.rfind('/') + 1);
  const auto flat = read(bag, publish.payload);
  ASSERT_TRUE(flat);
  const MessageView message{*flat};
  EXPECT_EQ(message.system(System::to), "/devices/dev1/messages/deviceBound");
  EXPECT_EQ(message.expiry(), Date{std::chrono::milliseconds{1'795'429'143'722}});
  EXPECT_EQ(message.ack(), Ack::full);
  EXPECT_EQ(write(message), bag);
}

TEST(Bag, NullEmptyAndSetValuesDiffer) {  // [MQTT-28]
  const auto flat = read("a&b=&c=1");
  ASSERT_TRUE(flat);
  Bytes expected;
  MessageWriter writer{expected};
  writer.null_property("a");
  writer.property("b", "");
  writer.property("c", "1");
  writer.body({});
  EXPECT_EQ(*flat, expected);
  EXPECT_EQ(write(MessageView{*flat}), "a&b=&c=1");
}

TEST(Bag, WhatIsNotEncodedStaysAsItIs) {  // [MQTT-23, MQTT-24]
  const auto value = [](std::string_view bag) {
    const auto flat = read(bag);
    return flat ? std::string{MessageView{*flat}.property("a").value_or("none")} : "refused";
  };
  EXPECT_EQ(value("a=1+2"), "1+2");
  EXPECT_EQ(value("a=1%202"), "1 2");
  EXPECT_EQ(value("a=b=c"), "b=c");
  EXPECT_EQ(value("a=%c3%BC"), "\xc3\xbc");
  EXPECT_EQ(value("a=%00"), std::string(1, '\0'));
  EXPECT_EQ(value("?a=1"), "none");  // the name is "?a"
  EXPECT_EQ(value("%61=1"), "1");
  EXPECT_EQ(value("&a=1&&"), "1");
}

TEST(Bag, WhatIsSpecialMayStandAnywhereInAValue) {
  const std::vector<std::pair<std::string, std::string>> specials{
      {"%2F", "/"}, {"%c3%A4", "\xc3\xa4"}, {"=", "="}, {"+", "+"}, {"%25", "%"}};
  for (std::size_t size = 0; size <= 20; ++size)
    for (std::size_t at = 0; at <= size; ++at)
      for (const auto& [written, meant] : specials) {
        const auto around = [&](char c, std::string_view what) {
          return std::string(size, c).insert(at, what);
        };
        const bool ends_name = written == "=";
        const std::string name = "x" + around('n', ends_name ? "" : written);
        const auto flat = read(name + "=" + around('v', written) + "&last=1");
        ASSERT_TRUE(flat.has_value());
        const std::string expected = "x" + around('n', ends_name ? "" : meant);
        EXPECT_EQ(MessageView{*flat}.property(expected), around('v', meant));
        EXPECT_EQ(MessageView{*flat}.property("last"), "1");
      }
  for (std::size_t size = 0; size <= 20; ++size) {
    EXPECT_FALSE(read("n=" + std::string(size, 'v') + "%"));
    EXPECT_FALSE(read("n=" + std::string(size, 'v') + "%4"));
    EXPECT_FALSE(read("n=" + std::string(size, 'v') + "%4gvvvvvvvv"));
    EXPECT_FALSE(read("n=" + std::string(size, 'v') + "\xc3vvvvvvvv"));
  }
}

TEST(Bag, SystemPropertiesMayBeWrittenEitherWay) {  // [MQTT-25]
  for (const char* bag : {"$.mid=m", "%24.mid=m", "%24%2Emid=m"}) {
    const auto flat = read(bag);
    ASSERT_TRUE(flat);
    EXPECT_EQ(MessageView{*flat}.system(System::message_id), "m");
    EXPECT_EQ(write(MessageView{*flat}), "%24.mid=m");
  }
  const auto all = read(
      "$.cid=1&$.uid=2&$.to=3&$.ct=4&$.ce=5&$.ctime=6&$.on=7&$.schema=8&$.ifid=9&$.sub=10&"
      "$.cdid=11&$.cmid=12&$.diagid=13&$.diagctx=14");
  ASSERT_TRUE(all);
  int systems = 0;
  MessageView{*all}.each([&](System, std::string_view) { ++systems; },
                         [](std::string_view, std::optional<std::string_view>) { FAIL(); });
  EXPECT_EQ(systems, 14);
}

TEST(Bag, AnUnknownNameWithADollarIsAProperty) {
  const auto flat = read("$.new=1");
  ASSERT_TRUE(flat);
  EXPECT_EQ(MessageView{*flat}.property("$.new"), "1");
}

TEST(Bag, IllegalBagsAreRefused) {
  for (const char* bag : {"a=%", "a=%2", "a=%zz", "%4=a", "a=\xff", "%ff=1", "=1", "=",
                          "a=%ed%a0%80", "$.mid", "$.exp=", "$.exp=tomorrow", "$.exp", "iothub-ack",
                          "iothub-ack=Full", "iothub-ack=", "a=1&b=%"})
    EXPECT_FALSE(read(bag)) << bag;
  EXPECT_TRUE(read(""));
}

TEST(Bag, AcknowledgementsAreNamed) {  // [FBK-01]
  for (const auto& [name, ack] :
       std::initializer_list<std::pair<std::string, Ack>>{{"none", Ack::none},
                                                          {"positive", Ack::positive},
                                                          {"negative", Ack::negative},
                                                          {"full", Ack::full}}) {
    const auto flat = read("iothub-ack=" + name);
    ASSERT_TRUE(flat);
    EXPECT_EQ(MessageView{*flat}.ack(), ack);
    EXPECT_EQ(write(MessageView{*flat}), "iothub-ack=" + name);
  }
}

TEST(Bag, DatesAreReadInEverySpelling) {
  const auto milliseconds = [](std::string_view date) -> std::optional<std::int64_t> {
    const auto flat = read("$.exp=" + std::string{date});
    if (!flat) return std::nullopt;
    return Reader{view(*MessageView{*flat}.system(System::expiry))}.i64();
  };
  EXPECT_EQ(milliseconds("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(milliseconds("1970-01-01T00:00:00.001Z"), 1);
  EXPECT_EQ(milliseconds("1969-12-31T23:59:59.999Z"), -1);
  EXPECT_EQ(milliseconds("2026-11-23T10:19:03.7229999Z"), 1'795'429'143'722);
  EXPECT_EQ(milliseconds("2026-11-23T10:19:03.7Z"), 1'795'429'143'700);
  EXPECT_EQ(milliseconds("2026-11-23T12:19:03+02:00"), 1'795'429'143'000);
  EXPECT_EQ(milliseconds("2026-11-23T04:49:03-05:30"), 1'795'429'143'000);
  EXPECT_EQ(milliseconds("2000-02-29T00:00:00Z"), 951'782'400'000);
  EXPECT_EQ(milliseconds("9999-12-31T23:59:59.9999999Z"), 253'402'300'799'999);
  EXPECT_EQ(milliseconds("0001-01-01T00:00:00Z"), -62'135'596'800'000);
  for (const char* wrong :
       {"2026-11-23", "2026-11-23T10:19:03", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
        "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00ZZ", "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00", "2026-01-01T00:00:00+15:00", "2026-1-01T00:00:00Z"})
    EXPECT_EQ(milliseconds(wrong), std::nullopt) << wrong;
}

}  // namespace
}  // namespace hubproof::model::mqtt
