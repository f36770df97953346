#include "model/http/codec.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>

#include "tests/support/sdk_golden.hpp"

namespace hubproof::model::http {
namespace {

using Lines = std::vector<std::string>;

std::string body_text(View body) { return std::string{text(body)}; }

std::string describe(const Message& message) {
  std::string line;
  for (const Field& field : message.fields)
    line += " " + std::string{field.name} + "=[" + std::string{field.value} + "]";
  return line + " body=[" + body_text(message.body) + "]" + (message.keep_alive ? "" : " close");
}
std::string describe(const Request& request) {
  return std::string{request.method} + " " + std::string{request.target} +
         describe(static_cast<const Message&>(request));
}
std::string describe(const Response& response) {
  return std::to_string(response.status) + describe(static_cast<const Message&>(response));
}

// What a decoder makes of a stream in pieces of these sizes; the last size is used again.
template <class Decoder>
Lines read(std::string_view stream, const std::vector<std::size_t>& sizes, bool ends = false,
           Limits limits = {}) {
  Lines seen;
  Decoder decoder{limits};
  const auto take = [&] {
    while (const auto* message = decoder.next()) seen.push_back(describe(*message));
    if (decoder.wants_continue()) seen.emplace_back("wants to go on");
  };
  std::size_t piece = 0;
  while (!stream.empty()) {
    std::size_t size = stream.size();
    if (!sizes.empty()) size = std::min(size, sizes[std::min(piece++, sizes.size() - 1)]);
    decoder.feed(view(stream.substr(0, size)));
    stream.remove_prefix(size);
    take();
  }
  if (ends && decoder.finish()) take();
  if (decoder.refused())
    seen.push_back(std::to_string(decoder.refused()->status) + ": " + decoder.refused()->what);
  else
    seen.emplace_back(decoder.idle() ? "idle" : "more to come");
  return seen;
}
Lines requests(std::string_view stream, Limits limits = {}) {
  const Lines whole = read<RequestDecoder>(stream, {}, false, limits);
  EXPECT_EQ(read<RequestDecoder>(stream, {1}, false, limits), whole) << stream;
  return whole;
}
Lines responses(std::string_view stream, bool ends = false, Limits limits = {}) {
  const Lines whole = read<ResponseDecoder>(stream, {}, ends, limits);
  EXPECT_EQ(read<ResponseDecoder>(stream, {1}, ends, limits), whole) << stream;
  return whole;
}

std::string in_chunks(std::string_view body, std::size_t size) {
  std::string text;
  for (; !body.empty(); body.remove_prefix(std::min(size, body.size()))) {
    const std::string_view part = body.substr(0, size);
    char digits[16];
    std::snprintf(digits, sizeof digits, "%zx", part.size());
    text += std::string{digits} + "\r\n" + std::string{part} + "\r\n";
  }
  return text + "0\r\n\r\n";
}

// ---- Properties.

struct Made {  // owns what a message looks at
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  template <class M>
  void into(M& message) const {
    for (const auto& [name, value] : fields) message.fields.push_back({name, value});
    message.body = view(body);
  }
};

std::string any_of(std::string_view characters, int least, int most) {
  std::string text;
  for (int n = *rc::gen::inRange(least, most + 1); n > 0; --n)
    text += characters[*rc::gen::inRange<std::size_t>(0, characters.size())];
  return text;
}

Made any_message() {
  Made made;
  for (int n = *rc::gen::inRange(0, 6); n > 0; --n) {
    std::string value = any_of("aZ0 %=/;,:\"\xc3\xa4~", 0, 12);
    while (!legal_value(value)) value = value.substr(1, value.size() > 1 ? value.size() - 2 : 0);
    made.fields.emplace_back("x-" + any_of("abC-_.!#$%&'*+^`|~9", 1, 8), value);
  }
  made.body = any_of(std::string_view{"ab\0\r\n{", 6}, 0, 40);
  return made;
}

RC_GTEST_PROP(HttpCodec, RequestsThatAreWrittenAreReadInAnySplit, ()) {
  std::string stream;
  Lines expected;
  for (int n = *rc::gen::inRange(1, 5); n > 0; --n) {
    Made made = any_message();
    made.fields.emplace_back("Host", "hub");
    Request request;
    request.method = *rc::gen::element("GET", "PUT", "POST", "DELETE", "PATCH");
    const std::string target = "/" + any_of("ab/%?&=.", 0, 10);
    request.target = target;
    made.into(request);
    Bytes bytes;
    write(bytes, request);
    stream += text(bytes);
    const bool length = !made.body.empty() || (request.method != "GET" && request.method != "DELETE");
    const std::string size = std::to_string(made.body.size());
    if (length) request.fields.push_back({"Content-Length", size});
    expected.push_back(describe(request));
  }
  expected.emplace_back("idle");
  const auto sizes = *rc::gen::nonEmpty(
      rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(1, 60)));
  RC_ASSERT(read<RequestDecoder>(stream, {}) == expected);
  RC_ASSERT(read<RequestDecoder>(stream, sizes) == expected);
}

RC_GTEST_PROP(HttpCodec, ResponsesThatAreWrittenAreReadInAnySplit, ()) {
  std::string stream;
  Lines expected;
  for (int n = *rc::gen::inRange(1, 5); n > 0; --n) {
    Made made = any_message();
    Response response;
    response.status = *rc::gen::element(200u, 204u, 400u, 404u, 412u, 500u);
    if (response.status == 204) made.body.clear();
    made.into(response);
    Bytes bytes;
    write(bytes, response);
    stream += text(bytes);
    const std::string size = std::to_string(made.body.size());
    if (response.status != 204) response.fields.push_back({"Content-Length", size});
    expected.push_back(describe(response));
  }
  expected.emplace_back("idle");
  const auto sizes = *rc::gen::nonEmpty(
      rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(1, 60)));
  RC_ASSERT(read<ResponseDecoder>(stream, {}) == expected);
  RC_ASSERT(read<ResponseDecoder>(stream, sizes) == expected);
}

RC_GTEST_PROP(HttpCodec, ABodyInChunksIsTheBody, ()) {
  const std::string body = any_of(std::string_view{"ab\r\n0;", 6}, 0, 60);
  const std::string head = "POST /x HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string stream = head + in_chunks(body, *rc::gen::inRange<std::size_t>(1, 20));
  const auto sizes = *rc::gen::nonEmpty(
      rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(1, 30)));
  const Lines expected{"POST /x Host=[hub] Transfer-Encoding=[chunked] body=[" + body + "]", "idle"};
  RC_ASSERT(read<RequestDecoder>(stream + stream, sizes) == (Lines{expected[0], expected[0], "idle"}));
  const std::string prefix = stream.substr(0, *rc::gen::inRange<std::size_t>(1, stream.size()));
  RC_ASSERT(read<RequestDecoder>(prefix, sizes) == Lines{"more to come"});
}

// ---- What the SDKs send.

TEST(HttpCodec, ReadsWhatTheSdksSend) {
  std::string stream;
  std::size_t count = 0;
  for (const auto& vector : golden::sdk().at("http")) {
    const std::string body = vector.at("body");
    std::string sent = std::string{vector.at("method")} + " " + std::string{vector.at("target")} + " HTTP/1.1\r\n";
    std::string expected = std::string{vector.at("method")} + " " + std::string{vector.at("target")};
    bool chunked = false;
    for (const auto& field : vector.at("headers")) {
      const std::string name = field.at(0);
      const std::string value = field.at(1);
      sent += name + ": " + value + "\r\n";
      expected += " " + name + "=[" + value + "]";
      chunked = chunked || value == "chunked";
    }
    sent += "\r\n" + (chunked ? in_chunks(body, body.size()) : body);
    EXPECT_EQ(requests(sent), (Lines{expected + " body=[" + body + "]", "idle"})) << vector.at("id");
    stream += sent;
    ++count;
  }
  EXPECT_EQ(count, 15u);
  EXPECT_EQ(requests(stream).size(), count + 1);  // and in one pipeline
}

// ---- Connections.

TEST(HttpCodec, KeepsAliveAsTheVersionsHaveIt) {
  EXPECT_EQ(requests("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), (Lines{"GET / Host=[h] body=[]", "idle"}));
  EXPECT_EQ(requests("GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n"),
            (Lines{"GET / Host=[h] Connection=[Close] body=[] close", "idle"}));
  EXPECT_EQ(requests("GET / HTTP/1.0\r\n\r\n"), (Lines{"GET / body=[] close", "idle"}));
  EXPECT_EQ(requests("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
            (Lines{"GET / Connection=[keep-alive] body=[]", "idle"}));
}

TEST(HttpCodec, SaysWhenTheSenderWaitsToGoOn) {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n";
  RequestDecoder decoder;
  decoder.feed(view(head));
  EXPECT_EQ(decoder.next(), nullptr);
  EXPECT_TRUE(decoder.wants_continue());
  EXPECT_FALSE(decoder.wants_continue());  // once
  decoder.feed(view("ab"));
  EXPECT_NE(decoder.next(), nullptr);
  EXPECT_FALSE(decoder.wants_continue());
  EXPECT_EQ(read<RequestDecoder>(head + "ab", {})[1], "idle");  // the body came unasked
  EXPECT_EQ(requests("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: tea\r\n\r\n"),
            Lines{"417: an expectation other than 100-continue"});
}

TEST(HttpCodec, GivesWhatFollowsAnUpgrade) {
  RequestDecoder decoder;
  decoder.feed(view("GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x82\x01x"));
  const Request* request = decoder.next();
  ASSERT_NE(request, nullptr);
  EXPECT_EQ(request->field("upgrade"), "websocket");
  EXPECT_EQ(text(decoder.rest()), "\x82\x01x");
}

TEST(HttpCodec, PassesOverEmptyLinesBeforeARequestOnly) {
  EXPECT_EQ(requests("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n\r\n"),
            (Lines{"GET / Host=[h] body=[]", "idle"}));
  EXPECT_EQ(responses("\r\nHTTP/1.1 204 No Content\r\n\r\n")[0], "400: not an HTTP message");
}

TEST(HttpCodec, AResponseMayEndWithItsConnection) {
  const std::string_view stream = "HTTP/1.1 200 OK\r\nETag: \"x\"\r\n\r\nall that comes";
  EXPECT_EQ(responses(stream, true), (Lines{"200 ETag=[\"x\"] body=[all that comes] close", "idle"}));
  EXPECT_EQ(responses(stream, false), Lines{"more to come"});
  EXPECT_EQ(responses("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nall", true), Lines{"more to come"});
}

TEST(HttpCodec, AnswersWithoutABodyHaveNone) {
  EXPECT_EQ(responses("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n"
                      "HTTP/1.1 304 Not Modified\r\n\r\n"),
            (Lines{"100 body=[]", "204 Content-Length=[7] body=[]", "304 body=[]", "idle"}));
  Response response;
  response.body = view("seven..");
  Bytes bytes;
  write(bytes, response, true);
  EXPECT_EQ(text(bytes), "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
}

// ---- Bad input.

struct Bad {
  const char* stream;
  const char* refusal;
};
class HttpBadInput : public testing::TestWithParam<Bad> {};

TEST_P(HttpBadInput, IsRefusedWithTheStatusThatSaysSo) {
  EXPECT_EQ(requests(GetParam().stream), Lines{GetParam().refusal}) << GetParam().stream;
}

constexpr const char* two_things = "400: a length that says two things, or nothing";
INSTANTIATE_TEST_SUITE_P(
    Requests, HttpBadInput,
    testing::Values(
        Bad{"nonsense\r\n\r\n", "400: not an HTTP message"},
        Bad{"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", "400: not an HTTP message"},
        Bad{" GET / HTTP/1.1\r\nHost: h\r\n\r\n", "400: not an HTTP message"},
        Bad{"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", "400: not an HTTP message"},
        Bad{"GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n", "400: not an HTTP message"},
        Bad{"G@T / HTTP/1.1\r\nHost: h\r\n\r\n", "400: not an HTTP message"},
        Bad{"GET / HTTP/2.0\r\nHost: h\r\n\r\n", "505: a version other than HTTP/1.0 and 1.1"},
        Bad{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505: a version other than HTTP/1.0 and 1.1"},
        Bad{"GET / FTP/1.1\r\nHost: h\r\n\r\n", "400: not an HTTP message"},
        Bad{"GET /\r\nHost: h\r\n\r\n", "400: not an HTTP message"},
        Bad{"GET / HTTP/1.1\nHost: h\n\n", "400: a line that does not end with CR LF"},
        Bad{"\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "400: a line that does not end with CR LF"},
        Bad{"GET / HTTP/1.1\r\nHost: h\r\nbad field: 1\r\n\r\n", "400: not an HTTP message"},
        Bad{"GET / HTTP/1.1\r\nHost: h\r\nfield : 1\r\n\r\n", "400: not an HTTP message"},
        Bad{"GET / HTTP/1.1\r\nHost: h\r\nnothing\r\n\r\n", "400: not an HTTP message"},
        Bad{"GET / HTTP/1.1\r\nHost: h\r\na: \x02\r\n\r\n", "400: not an HTTP message"},
        Bad{"GET / HTTP/1.1\r\n\r\n", "400: not exactly one Host field"},
        Bad{"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400: not exactly one Host field"},
        Bad{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", two_things},
        Bad{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", two_things},
        Bad{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1x\r\n\r\n", two_things},
        Bad{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n", two_things},
        Bad{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na", two_things},
        Bad{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\na", two_things},
        Bad{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n",
            "501: a transfer coding other than chunked"},
        Bad{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "501: a transfer coding other than chunked"},
        Bad{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n",
            "413: a body that is larger than allowed"},
        Bad{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "400: a chunk that is no chunk"},
        Bad{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\n",
            "400: a line that does not end with CR LF"},
        Bad{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\nab\r\n0\r\n\r\n",
            "400: a line that does not end with CR LF"},
        Bad{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
            "400: a chunk that is no chunk"},
        Bad{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
            "400: a chunk that is no chunk"},
        Bad{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nbad trailer\r\n\r\n",
            "400: not an HTTP message"}));

TEST(HttpCodec, LimitsAreExact) {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n";
  const auto size = static_cast<std::uint32_t>(head.size());
  const Lines taken{"POST / Host=[h] Content-Length=[5] body=[abcde]", "idle"};
  EXPECT_EQ(requests(head + "abcde", {size, 5}), taken);
  EXPECT_EQ(requests(head + "abcde", {size - 1, 5}), Lines{"431: a header that is larger than allowed"});
  EXPECT_EQ(requests(head, {size, 4}), Lines{"413: a body that is larger than allowed"});
  EXPECT_EQ(requests(std::string(size, 'a'), {size - 1, 4}), Lines{"431: a header that is larger than allowed"});

  const std::string chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto chunked_size = static_cast<std::uint32_t>(chunked.size());
  EXPECT_EQ(requests(chunked + in_chunks("abcde", 2), {chunked_size, 5}).back(), "idle");
  EXPECT_EQ(requests(chunked + in_chunks("abcde", 2), {chunked_size, 4}),
            Lines{"413: a body that is larger than allowed"});
  const std::string around = "431: lines around a chunk that are longer than allowed";
  EXPECT_EQ(requests(chunked + "1;" + std::string(chunked_size, 'x') + "\r\na\r\n0\r\n\r\n", {chunked_size, 5}),
            Lines{around});
  EXPECT_EQ(requests(chunked + "1\r\na\r\n0\r\nt: " + std::string(chunked_size, 'x') + "\r\n\r\n", {chunked_size, 5}),
            Lines{around});
  EXPECT_EQ(requests(chunked + "1\r\na\r\n0\r\nt: x\r\n\r\n", {chunked_size, 5}).back(), "idle");
}

TEST(HttpCodec, BadResponsesAreRefused) {
  for (const char* bad : {"HTTP/1.1 OK\r\n\r\n", "HTTP/3.0 200 OK\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
                          "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n"})
    EXPECT_FALSE(responses(bad)[0].starts_with("2")) << bad;
  EXPECT_EQ(responses("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
            Lines{"501: a transfer coding other than chunked"});
}

TEST(HttpCodec, LegalNamesAndValuesArriveAsTheyLeft) {
  EXPECT_TRUE(legal_name("iothub-app-x!#$%&'*+-.^_`|~9"));
  EXPECT_FALSE(legal_name(""));
  EXPECT_FALSE(legal_name("a b"));
  EXPECT_FALSE(legal_name("a:b"));
  EXPECT_FALSE(legal_name("\xc3\xa4"));
  EXPECT_TRUE(legal_value(""));
  EXPECT_TRUE(legal_value("a b\tc \xc3\xa4"));
  EXPECT_FALSE(legal_value(" a"));
  EXPECT_FALSE(legal_value("a\t"));
  EXPECT_FALSE(legal_value("a\r\nb: c"));
  EXPECT_FALSE(legal_value(std::string_view{"a\0b", 3}));
  EXPECT_FALSE(legal_value("\x7f"));
}

}  // namespace
}  // namespace hubproof::model::http
