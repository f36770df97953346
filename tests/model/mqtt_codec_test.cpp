#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "model/mqtt/codec.hpp"
#include "tests/support/mqtt_generators.hpp"
#include "tests/support/sdk_golden.hpp"

namespace hubproof::model::mqtt {
namespace {

using generate::describe;
using generate::Keep;
using generate::written;

struct Read {
  std::vector<std::string> packets;
  std::string statement;  // of what was malformed
  std::size_t held = 0;
  bool operator==(const Read&) const = default;
};

// What a decoder makes of the bytes when they come in pieces; the last size is used again.
Read read(End end, View bytes, const std::vector<std::size_t>& sizes = {},
          std::uint32_t max_packet = 268'435'460) {
  Read result;
  Decoder decoder{end, max_packet};
  std::size_t piece = 0;
  while (!bytes.empty()) {
    std::size_t size = bytes.size();
    if (!sizes.empty()) size = std::min(size, sizes[std::min(piece++, sizes.size() - 1)]);
    const Bytes fed{bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)};
    bytes = bytes.subspan(size);
    decoder.feed(fed);
    while (const Packet* packet = decoder.next()) result.packets.push_back(describe(*packet));
    decoder.keep();
  }
  if (decoder.malformed()) result.statement = decoder.malformed()->statement;
  result.held = decoder.held();
  return result;
}

End any_end() { return generate::coin() ? End::server : End::client; }

// ---- Properties.

RC_GTEST_PROP(Codec, WhatIsWrittenIsRead, ()) {
  const End end = any_end();
  Keep keep;
  const Packet packet = generate::packet(end, keep);
  const Bytes bytes = written(packet);
  const Read result = read(end, bytes);
  RC_ASSERT(result.statement == "");
  RC_ASSERT(result.packets == std::vector<std::string>{describe(packet)});
}

RC_GTEST_PROP(Codec, EverySplitOfAStreamGivesTheSamePackets, ()) {
  const End end = any_end();
  Keep keep;
  Bytes stream;
  std::vector<std::string> packets;
  for (int n = *rc::gen::inRange(1, 8); n > 0; --n) {
    const Packet packet = generate::packet(end, keep);
    packets.push_back(describe(packet));
    const Bytes bytes = written(packet);
    stream.insert(stream.end(), bytes.begin(), bytes.end());
  }
  const auto sizes = *rc::gen::nonEmpty(
      rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(1, 40)));
  const Read split = read(end, stream, sizes);
  RC_ASSERT(split.packets == packets);
  RC_ASSERT(split.statement == "");
  RC_ASSERT(split.held == 0u);
  RC_ASSERT(read(end, stream, {1}) == split);
}

RC_GTEST_PROP(Codec, EveryProperPrefixIsIncomplete, ()) {
  const End end = any_end();
  Keep keep;
  const Bytes bytes = written(generate::packet(end, keep));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Read result = read(end, View{bytes}.first(size));
    RC_ASSERT(result.packets.empty());
    RC_ASSERT(result.statement == "");
    RC_ASSERT(result.held == size);
  }
}

RC_GTEST_PROP(Codec, AnyBytesAreReadTheSameInAnySplit, ()) {
  const End end = any_end();
  Keep keep;
  Bytes bytes = written(generate::packet(end, keep));
  for (int n = *rc::gen::inRange(1, 4); n > 0 && !bytes.empty(); --n)
    bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<std::uint8_t>();
  const Read whole = read(end, bytes);
  RC_ASSERT(read(end, bytes, {1}) == whole);
  RC_ASSERT(read(end, bytes, {3}) == whole);
}

// ---- Golden bytes.

RC_GTEST_PROP(Codec, ALonePubackIsWhatADecoderTakesForOne, ()) {
  const auto small = rc::gen::inRange<int>(0, 4);
  Bytes bytes{static_cast<std::uint8_t>(*rc::gen::element(0x40, 0x40, 0x42, 0x50)),
              static_cast<std::uint8_t>(*rc::gen::element(2, 2, 3, 0)),
              static_cast<std::uint8_t>(*small), static_cast<std::uint8_t>(*small)};
  bytes.resize(static_cast<std::size_t>(*rc::gen::element(4, 4, 3, 5)));
  Decoder decoder{End::client};
  decoder.feed(bytes);
  const Packet* packet = decoder.next();
  const auto* ack = packet != nullptr ? std::get_if<Puback>(packet) : nullptr;
  const bool lone = ack != nullptr && bytes.size() == 4;
  RC_ASSERT(lone_puback(bytes) == (lone ? ack->id : PacketId{0}));
}

TEST(Codec, ReadsAndWritesWhatTheVendorsSdkSends) {
  const auto round = [](End end, std::string_view id) {
    const Bytes bytes = golden::frame(id);
    Decoder decoder{end};
    decoder.feed(bytes);
    const Packet* packet = decoder.next();
    EXPECT_NE(packet, nullptr);
    if (packet == nullptr) return std::string{};
    EXPECT_EQ(written(*packet), bytes);
    return describe(*packet);
  };
  EXPECT_EQ(round(End::server, "mqtt.connect"),
            "CONNECT 4 0 180 'dev1' user 'probehub.azure-devices.test/dev1/?api-version=2021-04-12"
            "&DeviceClientType=azure-iot-device%2F1.18.4%20(node%20v20.20.2%3B%20Debian%2012%3B%20"
            "x64)' password 'SharedAccessSignature sr=probehub.azure-devices.test%2Fdevices%2Fdev1"
            "&sig=YlSmI%2BXgW84AwJ8x89BLNyDsfDLJ1R3yik0khvDbDUI%3D&se=1795429142'");
  EXPECT_EQ(round(End::client, "mqtt.connack"), "CONNACK 0 0");
  EXPECT_EQ(round(End::server, "mqtt.publish.d2c"),
            "PUBLISH 25369 1 0 0 'devices/dev1/messages/events/%24.mid=gold-0&%24.cid=corr-0&"
            "%24.ct=application%2Fjson&%24.ce=utf-8&run=gold&seq=0&odd=a%20b%26c%3Dd%2Fe%3Ff%2525"
            "%2B%C3%BC%E2%82%AC''{\"run\":\"gold\",\"seq\":0,\"pad\":\"\"}'");
  EXPECT_EQ(round(End::client, "mqtt.puback.d2c"), "PUBACK 25369");
  EXPECT_EQ(round(End::server, "mqtt.disconnect"), "DISCONNECT");
  EXPECT_EQ(round(End::server, "mqtt.subscribe.c2d"),
            "SUBSCRIBE 17553 'devices/dev1/messages/devicebound/#' 1");
  EXPECT_EQ(round(End::client, "mqtt.suback.c2d"), "SUBACK 17553 1");
  EXPECT_EQ(round(End::client, "mqtt.publish.c2d"),
            "PUBLISH 1 1 0 0 'devices/dev1/messages/devicebound/%24.mid=gold-0&%24.to=%2Fdevices"
            "%2Fdev1%2Fmessages%2FdeviceBound&%24.exp=2026-11-23T10%3A19%3A03.722Z&%24.cid=corr-0&"
            "%24.ct=application%2Fjson&%24.ce=utf-8&iothub-ack=full&run=gold&seq=0&odd=a%20b%26c"
            "%3Dd%2Fe%3Ff%2525''{\"run\":\"gold\",\"seq\":0,\"pad\":\"\"}'");
  EXPECT_EQ(round(End::server, "mqtt.puback.c2d"), "PUBACK 1");
}

TEST(Codec, WritesTheExamplesOfTheStandard) {
  const auto bytes = [](const Packet& packet) { return written(packet); };
  EXPECT_EQ(bytes(Connack{true, 0}), (Bytes{0x20, 2, 1, 0}));
  EXPECT_EQ(bytes(Pubrel{10}), (Bytes{0x62, 2, 0, 10}));
  EXPECT_EQ(bytes(Subscribe{10, {{"a/b", 1}, {"c/d", 2}}}),
            (Bytes{0x82, 14, 0, 10, 0, 3, 'a', '/', 'b', 1, 0, 3, 'c', '/', 'd', 2}));
  EXPECT_EQ(bytes(Unsubscribe{10, {"a/b", "c/d"}}),
            (Bytes{0xa2, 12, 0, 10, 0, 3, 'a', '/', 'b', 0, 3, 'c', '/', 'd'}));
  EXPECT_EQ(bytes(Suback{10, {0, 2, 0x80}}), (Bytes{0x90, 5, 0, 10, 0, 2, 0x80}));
  EXPECT_EQ(bytes(Publish{"a/b", {}, 0, 0, false, false}), (Bytes{0x30, 5, 0, 3, 'a', '/', 'b'}));
  EXPECT_EQ(bytes(Publish{"a/b", {}, 10, 1, true, true}),
            (Bytes{0x3b, 7, 0, 3, 'a', '/', 'b', 0, 10}));
  EXPECT_EQ(bytes(Pingreq{}), (Bytes{0xc0, 0}));
  EXPECT_EQ(bytes(Pingresp{}), (Bytes{0xd0, 0}));
}

TEST(Codec, TheRemainingLengthTakesOneToFourBytes) {
  const auto length_of = [](std::size_t payload) {
    Bytes out;
    const Bytes body(payload, 'x');
    write(out, Publish{"ab", body, 0, 0, false, false});
    const Read result = read(End::client, out);
    EXPECT_EQ(result.packets.size(), 1u);
    return out.size() - payload - 4 - 1;
  };
  EXPECT_EQ(length_of(127 - 4), 1u);
  EXPECT_EQ(length_of(128 - 4), 2u);
  EXPECT_EQ(length_of(16'383 - 4), 2u);
  EXPECT_EQ(length_of(16'384 - 4), 3u);
  EXPECT_EQ(length_of(2'097'151 - 4), 3u);
  EXPECT_EQ(length_of(2'097'152 - 4), 4u);
}

TEST(Codec, APublishInPiecesEqualsOneThatWasWhole) {
  Bytes pieces;
  write_publish(pieces, "devices/d/", "bag", view("body"), 7, 1, true, false);
  EXPECT_EQ(pieces, written(Publish{"devices/d/bag", view("body"), 7, 1, true, false}));
}

TEST(Codec, AWholePacketIsReadInPlace) {
  const Bytes bytes = written(Publish{"topic", view("payload"), 1, 1, false, false});
  Decoder decoder{End::server};
  decoder.feed(bytes);
  const auto& publish = std::get<Publish>(*decoder.next());
  EXPECT_EQ(publish.payload.data(), bytes.data() + bytes.size() - 7);
  decoder.keep();
  EXPECT_EQ(decoder.held(), 0u);
}

TEST(Codec, FieldsOfAnEarlierConnectDoNotComeBack) {
  Connect full;
  full.client_id = "a";
  full.will = Will{"t", view("m"), 1, true};
  full.user_name = "u";
  full.password = view("p");
  Connect bare;
  bare.client_id = "b";
  Bytes stream = written(full);
  const Bytes second = written(bare);
  stream.insert(stream.end(), second.begin(), second.end());
  EXPECT_EQ(read(End::server, stream).packets.back(), describe(bare));
}

// ---- Malformed packets: each with the statement it breaks.

struct Wrong {
  const char* what;
  std::string_view hex;
  const char* statement;
};

void expect_refused(End end, const Wrong& wrong) {
  const Bytes bytes = golden::from_hex(wrong.hex);
  const Read whole = read(end, bytes);
  EXPECT_TRUE(whole.packets.empty()) << wrong.what;
  EXPECT_EQ(whole.statement, wrong.statement) << wrong.what;
  EXPECT_EQ(read(end, bytes, {1}), whole) << wrong.what;
}

// CONNECT: "MQTT", level 4, then flags, keep-alive 0 and the payload.
constexpr std::string_view connect_head = "00044d51545404";

TEST(Codec, AServerRefusesMalformedPackets) {
  for (const Wrong& wrong : std::initializer_list<Wrong>{
           {"type 0", "0000", "mqtt311:4.8.0-1"},
           {"type 15", "f000", "mqtt311:4.8.0-1"},
           {"CONNECT with flag bits", "11", "mqtt311:2.2.2-2"},
           {"PUBACK with flag bits", "4202000a", "mqtt311:2.2.2-2"},
           {"PINGREQ with flag bits", "c100", "mqtt311:2.2.2-2"},
           {"PUBREL without 0010", "6002000a", "mqtt311:3.6.1-1"},
           {"SUBSCRIBE without 0010", "8006000a00016100", "mqtt311:3.8.1-1"},
           {"UNSUBSCRIBE without 0010", "a005000a000161", "mqtt311:3.10.1-1"},
           {"DISCONNECT with flag bits", "e100", "mqtt311:3.14.1-1"},
           {"CONNACK to a server", "20020000", "mqtt311:4.8.0-1"},
           {"SUBACK to a server", "9003000a00", "mqtt311:4.8.0-1"},
           {"UNSUBACK to a server", "b002000a", "mqtt311:4.8.0-1"},
           {"PINGRESP to a server", "d000", "mqtt311:4.8.0-1"},
           {"a length of five bytes", "3080808080", "mqtt311:4.8.0-1"},
           {"QoS 3", "36070001610001", "mqtt311:3.3.1-4"},
           {"QoS 3 and DUP", "3e070001610001", "mqtt311:3.3.1-4"},
           {"QoS 0 and DUP", "380300016100", "mqtt311:3.3.1-2"},
           {"PUBLISH with id 0", "32050001610000", "mqtt311:2.3.1-1"},
           {"PUBLISH without a topic", "3000", "mqtt311:4.8.0-1"},
           {"PUBLISH with half a length", "300100", "mqtt311:4.8.0-1"},
           {"PUBLISH with a topic past its end", "3003000261", "mqtt311:4.8.0-1"},
           {"PUBLISH QoS 1 with half an id", "320400016100", "mqtt311:4.8.0-1"},
           {"an empty topic", "30020000", "mqtt311:4.7.3-1"},
           {"a topic with a wildcard", "30050003612f23", "mqtt311:3.3.2-2"},
           {"a topic with a plus", "300500032b2f61", "mqtt311:3.3.2-2"},
           {"a long topic with a wildcard at its end", "300c000a6162636465666768692b",
            "mqtt311:3.3.2-2"},
           {"a long topic with a wildcard in its first eight", "300c000a61622364656667686969",
            "mqtt311:3.3.2-2"},
           {"a topic with a surrogate", "30050003eda080", "mqtt311:3.3.2-1"},
           {"a topic with an overlong form", "30040002c0af", "mqtt311:3.3.2-1"},
           {"a topic with U+0000", "30050003610062", "mqtt311:1.5.3-2"},
           {"PUBACK with id 0", "40020000", "mqtt311:2.3.1-6"},
           {"PUBREC with id 0", "50020000", "mqtt311:2.3.1-6"},
           {"PUBREL with id 0", "62020000", "mqtt311:2.3.1-6"},
           {"PUBCOMP with id 0", "70020000", "mqtt311:4.3.3-2"},
           {"PUBACK of one byte", "400101", "mqtt311:4.8.0-1"},
           {"PUBACK of three bytes", "4003000a00", "mqtt311:4.8.0-1"},
           {"SUBSCRIBE with id 0", "8206000000016100", "mqtt311:2.3.1-1"},
           {"SUBSCRIBE without filter", "8202000a", "mqtt311:3.8.3-3"},
           {"SUBSCRIBE without QoS", "8205000a000161", "mqtt311:4.8.0-1"},
           {"SUBSCRIBE with a filter past its end", "8206000a00056100", "mqtt311:4.8.0-1"},
           {"SUBSCRIBE with QoS 3", "8206000a00016103", "mqtt311:3.8.3-4"},
           {"SUBSCRIBE with reserved QoS bits", "8206000a00016104", "mqtt311:3.8.3-4"},
           {"SUBSCRIBE with an empty filter", "8205000a000000", "mqtt311:4.7.3-1"},
           {"SUBSCRIBE that is not UTF-8", "8206000a0001ff00", "mqtt311:3.8.3-1"},
           {"SUBSCRIBE with U+0000", "8206000a00010000", "mqtt311:1.5.3-2"},
           {"SUBSCRIBE whose second filter is wrong", "820a000a0001610000016105",
            "mqtt311:3.8.3-4"},
           {"UNSUBSCRIBE with id 0", "a2050000000161", "mqtt311:2.3.1-1"},
           {"UNSUBSCRIBE without filter", "a202000a", "mqtt311:3.10.3-2"},
           {"UNSUBSCRIBE with an empty filter", "a204000a0000", "mqtt311:4.7.3-1"},
           {"UNSUBSCRIBE with a filter past its end", "a205000a000261", "mqtt311:4.8.0-1"},
           {"UNSUBSCRIBE that is not UTF-8", "a205000a0001c1", "mqtt311:3.10.3-1"},
           {"PINGREQ with a body", "c00100", "mqtt311:4.8.0-1"},
           {"DISCONNECT with a body", "e00100", "mqtt311:4.8.0-1"}})
    expect_refused(End::server, wrong);
}

TEST(Codec, AServerRefusesMalformedConnects) {
  struct Case {
    const char* what;
    std::string rest;  // behind the protocol level
    const char* statement;
  };
  const auto hex_text = [](std::string_view text) {
    std::string hex = text.size() < 16 ? "000" : "00";
    constexpr char digits[] = "0123456789abcdef";
    if (text.size() >= 16) hex += digits[text.size() >> 4];
    hex += digits[text.size() & 15];
    for (const char c : text) {
      hex += digits[static_cast<std::uint8_t>(c) >> 4];
      hex += digits[static_cast<std::uint8_t>(c) & 15];
    }
    return hex;
  };
  const std::string id = hex_text("d");
  for (const Case& wrong : std::initializer_list<Case>{
           {"no flags", "", "mqtt311:3.1.4-1"},
           {"no keep-alive", "02", "mqtt311:3.1.4-1"},
           {"the reserved flag", "030000" + id, "mqtt311:3.1.2-3"},
           {"will QoS without will", "0a0000" + id, "mqtt311:3.1.2-13"},
           {"will retain without will", "220000" + id, "mqtt311:3.1.2-15"},
           {"will QoS 3", "1e0000" + id + id + id, "mqtt311:3.1.2-14"},
           {"password without user name", "420000" + id + id, "mqtt311:3.1.2-22"},
           {"no client id", "020000", "mqtt311:3.1.3-3"},
           {"half a client id",
            "0200000002"
            "64",
            "mqtt311:3.1.3-3"},
           {"a client id that is not UTF-8", "020000" + hex_text("\xff"), "mqtt311:3.1.3-4"},
           {"a client id with U+0000",
            "020000"
            "000100",
            "mqtt311:1.5.3-2"},
           {"will flag without will", "060000" + id, "mqtt311:3.1.2-9"},
           {"will flag without message", "060000" + id + id, "mqtt311:3.1.2-9"},
           {"an empty will topic", "060000" + id + "0000" + id, "mqtt311:4.7.3-1"},
           {"a will topic that is not UTF-8", "060000" + id + hex_text("\x80") + id,
            "mqtt311:3.1.3-10"},
           {"a will topic with a wildcard", "060000" + id + hex_text("a/#") + id,
            "mqtt311:4.7.1-1"},
           {"user name flag without user name", "820000" + id, "mqtt311:3.1.2-19"},
           {"a user name that is not UTF-8", "820000" + id + hex_text("\xc0\x80"),
            "mqtt311:3.1.3-11"},
           {"password flag without password", "c20000" + id + id, "mqtt311:3.1.2-21"},
           {"bytes behind the end", "020000" + id + id, "mqtt311:3.1.4-1"}}) {
    const std::string body = std::string{connect_head} + wrong.rest;
    constexpr char digits[] = "0123456789abcdef";
    const std::size_t size = body.size() / 2;
    const std::string hex = std::string{"10"} + digits[size >> 4] + digits[size & 15] + body;
    expect_refused(End::server, {wrong.what, hex, wrong.statement});
  }
  expect_refused(End::server, {"another protocol",
                               "100c00044d5158540402000000"
                               "00",
                               "mqtt311:3.1.2-1"});
  expect_refused(End::server, {"MQTT 3.1's name",
                               "100e00064d51497364700302000000"
                               "00",
                               "mqtt311:3.1.2-1"});
  expect_refused(End::server, {"an empty CONNECT", "1000", "mqtt311:3.1.2-1"});
}

TEST(Codec, AWrongProtocolLevelIsToldToTheClient) {
  for (const std::string_view hex : {"100c00044d515454050200000000", "100c00044d515454030200000000",
                                     "100d00044d51545405020000000000"}) {
    const Bytes bytes = golden::from_hex(hex);
    Decoder decoder{End::server};
    decoder.feed(bytes);
    EXPECT_EQ(decoder.next(), nullptr);
    ASSERT_TRUE(decoder.malformed());
    EXPECT_STREQ(decoder.malformed()->statement, "mqtt311:3.1.2-2");
    EXPECT_EQ(decoder.malformed()->connack, 1);
  }
}

TEST(Codec, AClientRefusesMalformedPackets) {
  for (const Wrong& wrong : std::initializer_list<Wrong>{
           {"CONNECT to a client", "10", "mqtt311:4.8.0-1"},
           {"SUBSCRIBE to a client", "82", "mqtt311:4.8.0-1"},
           {"UNSUBSCRIBE to a client", "a2", "mqtt311:4.8.0-1"},
           {"PINGREQ to a client", "c000", "mqtt311:4.8.0-1"},
           {"DISCONNECT to a client", "e000", "mqtt311:4.8.0-1"},
           {"CONNACK with flag bits", "21020000", "mqtt311:2.2.2-2"},
           {"CONNACK with reserved flags", "20020200", "U-1"},
           {"a refusal with session present", "20020105", "mqtt311:3.2.2-4"},
           {"CONNACK of one byte", "200100", "mqtt311:4.8.0-1"},
           {"CONNACK of three bytes", "2003000000", "mqtt311:4.8.0-1"},
           {"SUBACK with id 0", "9003000000", "mqtt311:2.3.1-7"},
           {"SUBACK without codes", "9002000a", "mqtt311:3.8.4-5"},
           {"SUBACK with a reserved code", "9003000a03", "mqtt311:3.9.3-2"},
           {"UNSUBACK with id 0", "b0020000", "mqtt311:2.3.1-7"},
           {"UNSUBACK with more", "b003000a00", "mqtt311:4.8.0-1"},
           {"PINGRESP with a body", "d00100", "mqtt311:4.8.0-1"}})
    expect_refused(End::client, wrong);
}

TEST(Codec, APacketThatIsTooLargeIsRefusedByItsHeader) {
  const Bytes fits = written(Publish{"ab", Bytes(94, 'x'), 0, 0, false, false});
  ASSERT_EQ(fits.size(), 100u);
  EXPECT_EQ(read(End::server, fits, {}, 100).packets.size(), 1u);
  EXPECT_EQ(read(End::server, View{fits}.first(2), {}, 99).statement, "H-19");
}

TEST(Codec, NothingIsReadBehindAMalformedPacket) {
  const Bytes bytes = golden::from_hex(
      "c000"
      "c100"
      "c000");
  const Read result = read(End::server, bytes);
  EXPECT_EQ(result.packets.size(), 1u);
  EXPECT_EQ(result.statement, "mqtt311:2.2.2-2");
  EXPECT_EQ(result.held, 0u);
}

TEST(Codec, AByteOrderMarkIsKept) {  // [mqtt311:1.5.3-3]
  Bytes bytes;
  write(bytes, Publish{"\xef\xbb\xbftopic", {}, 0, 0, false, false});
  Decoder decoder{End::server};
  decoder.feed(bytes);
  EXPECT_EQ(std::get<Publish>(*decoder.next()).topic, "\xef\xbb\xbftopic");
}

// ---- Texts, names, filters.

TEST(Utf8, ExactlyTheCodePointsThatTheStandardAllowsAreValid) {
  const auto encoded = [](std::uint32_t point, int size) {
    std::string text;
    if (size == 1) return std::string(1, static_cast<char>(point));
    constexpr std::uint32_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    text += static_cast<char>(lead[size] | point >> (6 * (size - 1)));
    for (int i = size - 2; i >= 0; --i) text += static_cast<char>(0x80 | (point >> (6 * i) & 0x3f));
    return text;
  };
  for (std::uint32_t point = 0; point < 0x11'2000; ++point) {
    const int size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    const bool surrogate = point >= 0xd800 && point < 0xe000;
    const bool valid = point != 0 && !surrogate && point < 0x110000;
    ASSERT_EQ(valid_utf8(encoded(point, size)), valid) << point;
    if (size == 4) continue;
    ASSERT_FALSE(valid_utf8(encoded(point, size + 1))) << "overlong " << point;
  }
}

TEST(Utf8, CutAndStrayBytesAreNotValid) {
  for (const std::string_view text :
       {"\x80", "\xc2", "\xe2\x82", "\xf0\x9f\x98", "a\xffz", "\xe2(\xa1", "abcdefgh\xc3", "\xfe",
        "\xf5\x80\x80\x80", "12345678\x80"})
    EXPECT_FALSE(valid_utf8(text));
  EXPECT_TRUE(valid_utf8(""));
  EXPECT_TRUE(
      valid_utf8("12345678\xc3\xbc"
                 "12345678"));
  EXPECT_FALSE(valid_utf8(std::string_view{"1234567\0", 8}));
}

TEST(Topic, NamesHaveNoWildcards) {
  EXPECT_TRUE(valid_topic_name("/"));
  EXPECT_TRUE(valid_topic_name("$SYS/a b"));
  EXPECT_FALSE(valid_topic_name(""));
  EXPECT_FALSE(valid_topic_name("a/#"));
  EXPECT_FALSE(valid_topic_name("a+b"));
  EXPECT_FALSE(valid_topic_name(std::string(65'536, 'a')));
  EXPECT_TRUE(valid_topic_name(std::string(65'535, 'a')));
}

TEST(Topic, WildcardsStandWhereTheStandardAllowsThem) {
  for (const char* filter : {"#", "+", "a/#", "a/+", "+/a", "+/+/#", "/", "/+", "a//b", "$SYS/#"})
    EXPECT_TRUE(valid_topic_filter(filter)) << filter;
  for (const char* filter : {"", "a#", "a/#/b", "##", "#/", "a+", "+a", "a/+b/c", "++"})
    EXPECT_FALSE(valid_topic_filter(filter)) << filter;
}

TEST(Topic, MatchesAsTheStandardsExamplesSay) {
  struct Case {
    const char* filter;
    const char* topic;
    bool match;
  };
  for (const Case& it : std::initializer_list<Case>{
           {"sport/tennis/player1/#", "sport/tennis/player1", true},
           {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
           {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
           {"sport/tennis/player1/#", "sport/tennis/player2", false},
           {"sport/#", "sport", true},
           {"#", "a/b/c", true},
           {"#", "/", true},
           {"sport/tennis/+", "sport/tennis/player1", true},
           {"sport/tennis/+", "sport/tennis/player1/ranking", false},
           {"sport/+", "sport", false},
           {"sport/+", "sport/", true},
           {"+", "finance", true},
           {"+", "/finance", false},
           {"/+", "/finance", true},
           {"+/+", "/finance", true},
           {"#", "$SYS/a", false},
           {"+/monitor/Clients", "$SYS/monitor/Clients", false},
           {"$SYS/#", "$SYS/", true},
           {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
           {"a/b", "a/b", true},
           {"a/b", "a/B", false},
           {"a", "a/", false},
           {"a/", "a", false},
           {"+/b/#", "a/b", true},
           {"+/#", "a", true},
           {"a/+/#", "a", false}})
    EXPECT_EQ(matches(it.filter, it.topic), it.match) << it.filter << ' ' << it.topic;
}

}  // namespace
}  // namespace hubproof::model::mqtt
