// WebSocket framing and its handshake: any split of a stream gives the same bytes, what is written is
// read, and what RFC 6455 forbids is refused with the right code or status.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "model/websocket/handshake.hpp"
#include "model/websocket/stream.hpp"
#include "tests/support/sdk_golden.hpp"

namespace hubproof::model::websocket {
namespace {

const WebSocketRules rules{};

Chance counting() {  // masks that are not zero, and the same in each run
  static std::uint32_t number = 0;
  number = 0;
  return {[](void* n, ChanceSite, std::uint32_t bound) {
            return (*static_cast<std::uint32_t*>(n) += 0x9e3779b9u) % bound;
          },
          &number};
}

struct Read {
  Bytes payload;
  Bytes answers;
  std::vector<std::size_t> ends;
  Code code = Code::none;
  bool broken = false;
  bool closed = false;
  bool operator==(const Read&) const = default;
};

// What an end makes of the bytes when they come in pieces; the last size is used again.
Read read(End end, View bytes, const std::vector<std::size_t>& sizes = {}, const WebSocketRules& with = rules) {
  Read result;
  Stream stream{end, with, counting()};
  Stream::Heard heard;
  std::size_t piece = 0;
  while (!bytes.empty()) {
    std::size_t size = bytes.size();
    if (!sizes.empty()) size = std::min(size, sizes[std::min(piece++, sizes.size() - 1)]);
    stream.received(bytes.first(size), result.payload, result.answers, &heard);
    bytes = bytes.subspan(size);
  }
  result.ends = heard.ends;
  result.code = stream.code();
  result.broken = stream.broken();
  result.closed = stream.heard_close();
  return result;
}

Bytes from_hex(std::string_view hex) { return golden::from_hex(hex); }

Bytes bytes_of(std::string_view text) {
  const View all = view(text);
  return {all.begin(), all.end()};
}

Bytes any_bytes(std::size_t most) {
  return *rc::gen::resize(static_cast<int>(most), rc::gen::arbitrary<Bytes>());
}

// ---- Properties.

struct Written {
  Bytes payload;
  Bytes stream;
  std::size_t messages = 0;
};

// Messages in one or more frames, with pings between and within them.
Written any_stream(End from) {
  Written made;
  Stream stream{from, rules, counting()};
  for (int n = *rc::gen::inRange(1, 6); n > 0; --n) {
    Bytes message = any_bytes(200);
    if (*rc::gen::inRange(0, 20) == 0) message.resize(*rc::gen::element(125u, 126u, 127u, 65535u, 65536u, 70000u));
    if (message.empty()) continue;
    ++made.messages;
    made.payload.insert(made.payload.end(), message.begin(), message.end());
    stream.send(message, made.stream, *rc::gen::inRange<std::size_t>(1, 5), *rc::gen::inRange(0, 2) == 0);
  }
  return made;
}

RC_GTEST_PROP(WebSocket, EverySplitOfAStreamGivesTheSameBytes, ()) {
  const End from = *rc::gen::element(End::client, End::server);
  const End to = from == End::client ? End::server : End::client;
  const Written made = any_stream(from);
  const Read whole = read(to, made.stream);
  RC_ASSERT(whole.payload == made.payload);
  RC_ASSERT(whole.ends.size() == made.messages);
  RC_ASSERT(!whole.broken);
  const auto sizes = *rc::gen::nonEmpty(
      rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(1, 40)));
  const Read split = read(to, made.stream, sizes);
  RC_ASSERT(split.payload == whole.payload);
  RC_ASSERT(split.ends == whole.ends);
  RC_ASSERT(split.answers == whole.answers);
  RC_ASSERT(read(to, made.stream, {1}).payload == whole.payload);
}

RC_GTEST_PROP(WebSocket, EveryProperPrefixIsIncomplete, ()) {
  Bytes stream;
  Bytes message = any_bytes(100);
  message.push_back(7);
  Stream{End::client, rules, counting()}.send(message, stream);
  for (std::size_t size = 0; size < stream.size(); ++size) {
    const Read result = read(End::server, View{stream}.first(size));
    RC_ASSERT(result.ends.empty());
    RC_ASSERT(result.payload.size() < message.size());
    RC_ASSERT(!result.broken && !result.closed);
  }
}

RC_GTEST_PROP(WebSocket, AnyBytesAreReadTheSameInAnySplit, ()) {
  Bytes bytes = any_stream(End::client).stream;
  for (int n = *rc::gen::inRange(1, 4); n > 0 && !bytes.empty(); --n)
    bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<std::uint8_t>();
  const Read whole = read(End::server, bytes);
  const Read crumbs = read(End::server, bytes, {1});
  RC_ASSERT(crumbs.payload == whole.payload);
  RC_ASSERT(crumbs.code == whole.code && crumbs.broken == whole.broken && crumbs.closed == whole.closed);
  RC_ASSERT(read(End::server, bytes, {3}).payload == whole.payload);
}

// ---- Golden bytes, RFC 6455 5.7.

TEST(WebSocket, ReadsTheStandardsExamples) {
  EXPECT_EQ(read(End::client, from_hex("820548656c6c6f")).payload, bytes_of("Hello"));
  EXPECT_EQ(read(End::server, from_hex("828537fa213d7f9f4d5158")).payload, bytes_of("Hello"));
  EXPECT_EQ(read(End::client, from_hex("020348656c80026c6f")).payload, bytes_of("Hello"));
  const Read ping = read(End::server, from_hex("898537fa213d7f9f4d5158"));
  EXPECT_EQ(ping.answers, from_hex("8a0548656c6c6f"));
  EXPECT_TRUE(ping.payload.empty());
}

TEST(WebSocket, LengthsAreWrittenInTheShortestForm) {
  for (const auto& [size, head] : std::vector<std::pair<std::size_t, std::string>>{
           {1, "8201"}, {125, "827d"}, {126, "827e007e"}, {65535, "827effff"}, {65536, "827f0000000000010000"}}) {
    Bytes out;
    Stream{End::server, rules}.send(Bytes(size, 'x'), out);
    const Bytes expected = from_hex(head);
    ASSERT_EQ(out.size(), size + expected.size());
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), out.begin())) << size;
  }
}

TEST(WebSocket, EachFrameOfAClientHasItsOwnMaskFromItsStart) {
  Bytes out;
  Stream{End::client, rules, counting()}.send(bytes_of("abcdefg"), out, 2);
  // 9e3779b9, then twice of it: "abc" and "defg", each from the key's first byte on.
  EXPECT_EQ(out, from_hex("02839e3779b9ff551a" "80843c6ef372580b9515"));
}

// ---- The rules, one by one.

TEST(WebSocket, RefusesWhatTheStandardForbids) {
  struct Case {
    const char* what;
    End end;
    const char* hex;
    Code code;
  };
  for (const Case& each : std::vector<Case>{
           {"an unmasked frame of a client", End::server, "820548656c6c6f", Code::protocol},
           {"a masked frame of a server", End::client, "828537fa213d7f9f4d5158", Code::protocol},
           {"text", End::client, "810548656c6c6f", Code::unsupported},
           {"text of a client", End::server, "818537fa213d7f9f4d5158", Code::unsupported},
           {"a reserved bit", End::client, "c20548656c6c6f", Code::protocol},
           {"a reserved opcode", End::client, "830548656c6c6f", Code::protocol},
           {"a reserved control opcode", End::client, "8b00", Code::protocol},
           {"a continuation of nothing", End::client, "80026c6f", Code::protocol},
           {"a new message within one", End::client, "020348656c82026c6f", Code::protocol},
           {"text within a message", End::client, "020348656c81026c6f", Code::protocol},
           {"a fragmented ping", End::client, "090161", Code::protocol},
           {"a long ping", End::client, "897e007e", Code::protocol},
           {"a length that is not in its shortest form", End::client, "827e0005", Code::protocol},
           {"a long length that is not in its shortest form", End::client, "827f000000000000ffff", Code::protocol},
           {"a length with its highest bit", End::client, "827f8000000000000000", Code::protocol},
           {"a message that is too long", End::client, "827f000000000100000161", Code::too_big},
           {"a Close of one byte", End::client, "880103", Code::protocol},
           {"a Close with a code that is never on the wire", End::client, "880203ed", Code::protocol},
           {"a Close with a code that is none", End::client, "880203e7", Code::protocol},
           {"a Close whose reason is no UTF-8", End::client, "880303e8ff", Code::protocol}}) {
    const Read result = read(each.end, from_hex(each.hex));
    EXPECT_TRUE(result.broken) << each.what;
    EXPECT_EQ(result.code, each.code) << each.what;
    const Read crumbs = read(each.end, from_hex(each.hex), {1});
    EXPECT_EQ(crumbs.code, each.code) << each.what;
    EXPECT_EQ(crumbs.broken, true) << each.what;
  }
}

TEST(WebSocket, NothingIsReadBehindWhatWasRefused) {
  const Read result = read(End::client, from_hex("820161" "810162" "820163"));
  EXPECT_EQ(result.payload, bytes_of("a"));
  EXPECT_EQ(read(End::server, result.answers).answers, from_hex("880203eb"));
}

TEST(WebSocket, FragmentsOfAllFramesCountForTheSizeOfAMessage) {
  Stream stream{End::client, rules, counting()};
  Bytes payload;
  Bytes answers;
  Bytes part = from_hex("027f0000000000800000");  // 8 MiB, not the last
  part.resize(part.size() + (8u << 20));
  stream.received(part, payload, answers);
  part[0] = 0;
  stream.received(part, payload, answers);
  EXPECT_TRUE(stream.open());
  stream.received(from_hex("800161"), payload, answers);
  EXPECT_EQ(stream.code(), Code::too_big);
}

TEST(WebSocket, ACloseIsAnsweredWithItsCodeAndHearsWhatCameBeforeIt) {
  const Read result = read(End::client, from_hex("820161" "880503e9627965" "820162"));
  EXPECT_EQ(result.payload, bytes_of("a"));
  EXPECT_TRUE(result.closed);
  EXPECT_FALSE(result.broken);
  EXPECT_EQ(read(End::server, result.answers).answers, from_hex("880203e9"));  // unmasked again
  EXPECT_EQ(read(End::server, from_hex("888000000000")).answers, from_hex("8800"));
}

TEST(WebSocket, AnAnsweredCloseIsNotAnsweredAgain) {
  Stream stream{End::server, rules};
  Bytes out;
  stream.close(Code::normal, out);
  EXPECT_EQ(out, from_hex("880203e8"));
  stream.close(Code::normal, out);
  stream.send(bytes_of("late"), out);
  EXPECT_EQ(out.size(), 4U);
  EXPECT_FALSE(stream.open());
  // What the peer said before it heard of that still comes, and then its own Close; no ping is answered.
  Bytes payload, answers;
  stream.received(from_hex("828100000000" "78" "898000000000" "888200000000" "03e8"), payload, answers);
  EXPECT_EQ(payload, bytes_of("x"));
  EXPECT_TRUE(answers.empty());
  EXPECT_TRUE(stream.heard_close());
}

TEST(WebSocket, PongsChangeNothing) {
  const Read result = read(End::client, from_hex("020161" "8a0178" "800162"));
  EXPECT_EQ(result.payload, bytes_of("ab"));
  EXPECT_TRUE(result.answers.empty());
  EXPECT_EQ(result.ends, std::vector<std::size_t>{2});
}

// ---- What mutants spoil is seen.

TEST(WebSocket, WrongRulesAreWrong) {
  WebSocketRules wrong = rules;
  wrong.survives_control_frames = false;
  EXPECT_TRUE(read(End::client, from_hex("020161" "890178" "800162"), {}, wrong).broken);
  wrong = rules;
  wrong.hears_whole_read = false;
  EXPECT_EQ(read(End::client, from_hex("820161" "820162"), {}, wrong).payload, bytes_of("a"));
  EXPECT_EQ(read(End::client, from_hex("820161" "820162"), {3}, wrong).payload, bytes_of("ab"));
  wrong = rules;
  wrong.mask_start = [](std::size_t before) { return before; };
  Bytes out;
  Stream{End::client, wrong, counting()}.send(bytes_of("abcdefg"), out, 2);
  const Read spoiled = read(End::server, out);
  EXPECT_FALSE(spoiled.broken);
  EXPECT_NE(spoiled.payload, bytes_of("abcdefg"));
  EXPECT_TRUE(std::equal(spoiled.payload.begin(), spoiled.payload.begin() + 3, view("abc").begin()));
}

// ---- Handshake.

Upgrade right() {
  Upgrade request;
  request.method = "GET";
  request.target = "/$iothub/websocket?iothub-no-client-cert=true";
  request.upgrade = "websocket";
  request.connection = "keep-alive, Upgrade";
  request.version = "13";
  request.key = "dGhlIHNhbXBsZSBub25jZQ==";
  request.protocols = "mqtt";
  return request;
}

template <class Change>
unsigned status_of(Change change) {
  Upgrade request = right();
  change(request);
  const auto answer = judge(request);
  const auto* refusal = std::get_if<Refusal>(&answer);
  return refusal == nullptr ? 101 : refusal->status;
}

TEST(WebSocketHandshake, TakesWhatTheSdksSend) {
  const auto carried = [](std::string_view path, std::string_view offers) {
    Upgrade request = right();
    request.target = path;
    request.protocols = offers;
    const auto answer = judge(request);
    const auto* accepted = std::get_if<Accepted>(&answer);
    return accepted == nullptr ? "none" : std::string{subprotocol(accepted->carries)};
  };
  EXPECT_EQ(carried("/$iothub/websocket", "mqtt"), "mqtt");
  EXPECT_EQ(carried("/%24iothub/websocket", "mqtt"), "mqtt");
  EXPECT_EQ(carried("/$iothub/websocket", "AMQPWSB10"), "AMQPWSB10");
  EXPECT_EQ(carried("/$iothub/websocket", "chat, AMQPWSB10 ,mqtt"), "AMQPWSB10");
  EXPECT_EQ(carried("/$servicebus/websocket", "AMQPWSB10"), "AMQPWSB10");
  EXPECT_EQ(carried("/$servicebus/websocket", "mqtt"), "none");
  EXPECT_EQ(carried("/$iothub/websocket", "MQTT"), "none");
  EXPECT_EQ(carried("/$iothub/websocket", "amqpwsb10"), "none");
  EXPECT_EQ(carried("/$iothub/websocket", ""), "none");
}

TEST(WebSocketHandshake, RefusesTheRestWithItsStatus) {
  EXPECT_EQ(status_of([](Upgrade&) {}), 101U);
  EXPECT_EQ(status_of([](Upgrade& u) { u.upgrade = "WebSocket"; u.connection = "upgrade"; }), 101U);
  EXPECT_EQ(status_of([](Upgrade& u) { u.method = "POST"; }), 405U);
  EXPECT_EQ(status_of([](Upgrade& u) { u.http_1_1 = false; }), 400U);
  EXPECT_EQ(status_of([](Upgrade& u) { u.target = "/"; }), 404U);
  EXPECT_EQ(status_of([](Upgrade& u) { u.target = "/$iothub/websockets"; }), 404U);
  EXPECT_EQ(status_of([](Upgrade& u) { u.target = ""; }), 404U);
  EXPECT_EQ(status_of([](Upgrade& u) { u.upgrade = ""; }), 426U);
  EXPECT_EQ(status_of([](Upgrade& u) { u.connection = "close"; }), 426U);
  EXPECT_EQ(status_of([](Upgrade& u) { u.version = "8"; }), 426U);
  EXPECT_EQ(status_of([](Upgrade& u) { u.version = ""; }), 426U);
  EXPECT_EQ(status_of([](Upgrade& u) { u.key = "dGhlIHNhbXBsZQ=="; }), 400U);
  EXPECT_EQ(status_of([](Upgrade& u) { u.key = "dGhlIHNhbXBsZSBub25jZQ=a"; }), 400U);
  EXPECT_EQ(status_of([](Upgrade& u) { u.key = "dGhlIHNhbXBsZSB*b25jZQ=="; }), 400U);
  EXPECT_EQ(status_of([](Upgrade& u) { u.protocols = "soap"; }), 400U);
}

TEST(WebSocketHandshake, TheAnswerIsTheStandards) {
  EXPECT_EQ(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");  // RFC 6455, 1.3
  Bytes out;
  write_acceptance(out, "dGhlIHNhbXBsZSBub25jZQ==", Carries::mqtt);
  EXPECT_EQ(text(out),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n");
}

TEST(WebSocketHandshake, AClientAsksAndReadsWhatItIsAnswered) {
  Nonce nonce{};
  std::copy_n(view("the sample nonce").begin(), 16, nonce.begin());
  const std::string key = key_of(nonce);
  EXPECT_EQ(key, "dGhlIHNhbXBsZSBub25jZQ==");
  Bytes request;
  write_request(request, "hub", device_path, key, Carries::amqp);
  EXPECT_EQ(text(request),
            "GET /$iothub/websocket HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Protocol: AMQPWSB10\r\n\r\n");

  Bytes answer;
  write_acceptance(answer, key, Carries::amqp);
  const std::size_t size = answer.size();
  answer.push_back(0x82);
  for (std::size_t prefix = 0; prefix < size; ++prefix)
    EXPECT_FALSE(read_answer(View{answer}.first(prefix), key, Carries::amqp)) << prefix;
  const auto whole = read_answer(answer, key, Carries::amqp);
  ASSERT_TRUE(whole);
  EXPECT_TRUE(whole->upgraded) << whole->why;
  EXPECT_EQ(whole->size, size);
}

TEST(WebSocketHandshake, AClientRefusesWrongAnswers) {
  const std::string key = "dGhlIHNhbXBsZSBub25jZQ==";
  const std::string right_one =
      "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: keep-alive, upgrade\r\n"
      "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
  const auto why = [&](std::string answer) {
    const auto read = read_answer(view(answer), key, Carries::mqtt);
    return !read ? "incomplete" : read->upgraded ? "" : read->why;
  };
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string changed = right_one;
    changed.replace(changed.find(from), from.size(), to);
    return why(changed);
  };
  EXPECT_EQ(why(right_one), "");
  EXPECT_NE(with("101", "200").find("found HTTP/1.1 200"), std::string::npos);
  EXPECT_NE(with("HTTP/1.1 101", "HTTP/1.0 101"), "");
  EXPECT_NE(with("101 ", "1010"), "");
  EXPECT_NE(with("WebSocket", "h2c"), "");
  EXPECT_NE(with("keep-alive, upgrade", "close"), "");
  EXPECT_NE(with("s3pP", "S3pP").find("does not fit"), std::string::npos);
  EXPECT_NE(with("mqtt", "MQTT"), "");
  EXPECT_NE(with("upgrade:", "upgrade"), "");
  EXPECT_NE(with("Protocol: mqtt", "Extensions: permessage-deflate"), "");
  EXPECT_EQ(why(std::string(longest_answer - 1, 'x')), "incomplete");
  EXPECT_NE(why(std::string(longest_answer, 'x')).find("16 KiB"), std::string::npos);
}

}  // namespace
}  // namespace hubproof::model::websocket
