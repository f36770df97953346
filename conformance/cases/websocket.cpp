// Chapter 6 of MQTT 3.1.1: MQTT within WebSockets. Frames are made here by hand, as some are wrong on purpose.
#include "conformance/cases/case.hpp"
#include "conformance/cases/mqtt.hpp"

namespace hubproof::conformance::cases {
namespace {

enum class Op : std::uint8_t { more = 0, text = 1, binary = 2, close = 8, ping = 9 };

View frame(Stage& stage, Op op, View payload, bool last = true) {
  Bytes out{static_cast<std::uint8_t>((last ? 0x80 : 0) | static_cast<unsigned>(op))};
  if (payload.size() < 126) {
    out.push_back(static_cast<std::uint8_t>(0x80 | payload.size()));
  } else {
    out.push_back(0x80 | 126);
    out.push_back(static_cast<std::uint8_t>(payload.size() >> 8));
    out.push_back(static_cast<std::uint8_t>(payload.size()));
  }
  std::uint8_t mask[4];
  for (std::uint8_t& byte : mask) out.push_back(byte = static_cast<std::uint8_t>(stage.draws().below(256)));
  for (std::size_t at = 0; at < payload.size(); ++at) out.push_back(static_cast<std::uint8_t>(payload[at] ^ mask[at % 4]));
  return stage.keep(std::move(out));
}

// What the frames of a server hold, as far as they came: the payload of binary ones, and whether there was
// another data frame or a close.
struct Read {
  std::string payload;
  bool other = false;
  bool closed = false;
};
Read frames(View bytes) {
  Read read;
  while (bytes.size() >= 2) {
    std::size_t size = bytes[1] & 0x7f, head = 2;
    if (size == 126 && bytes.size() >= 4) size = static_cast<std::size_t>(model::load_big<2>(bytes.data() + 2)), head = 4;
    if (bytes.size() < head + size) break;
    const unsigned op = bytes[0] & 15;
    if (op == 2 || op == 0) read.payload += model::text(bytes.subspan(head, size));
    read.other = read.other || op == 1;
    read.closed = read.closed || op == 8;
    bytes = bytes.subspan(head + size);
  }
  return read;
}

std::string lower(std::string_view text) {
  std::string out;
  for (const char c : text) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  return out;
}

struct Opened {
  Client client{};
  std::string_view head;  // of the answer; empty: none came
};

Task<Opened> upgraded(Stage& stage, std::string_view protocols) {
  Opened opened;
  opened.client = co_await called(stage, Door::http);
  const std::string_view path = stage.hub() ? "/$iothub/websocket" : "/mqtt";
  std::string request = "GET " + std::string{path} + " HTTP/1.1\r\nHost: " + stage.target().host +
                        "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                        "Sec-WebSocket-Version: 13\r\n";
  request += "Sec-WebSocket-Protocol: " + std::string{protocols} + "\r\n\r\n";
  stage.send(opened.client, model::view(stage.keep(std::move(request))));
  std::size_t want = 1;
  for (;;) {
    const View got = co_await stage.bytes(opened.client, want);
    const std::size_t end = model::text(got).find("\r\n\r\n");
    if (end != std::string_view::npos) {
      opened.head = stage.keep(lower(model::text(got).substr(0, end + 2)));
      stage.read(opened.client, end + 4);
      co_return opened;
    }
    if (got.size() < want) co_return opened;
    want = got.size() + 1;
  }
}

bool agreed(const Opened& opened) {
  return opened.head.starts_with("http/1.1 101") && opened.head.find("\r\nsec-websocket-protocol: mqtt\r\n") != std::string_view::npos;
}

// Waits until the frames of the server hold so many bytes, or nothing more comes.
Task<View> held(Stage& stage, Client client, std::size_t size) {
  std::size_t want = 1;
  for (;;) {
    const View got = co_await stage.bytes(client, want);
    const Read read = frames(got);
    if (read.payload.size() >= size || got.size() < want) co_return got;
    want = got.size() + 1;
  }
}

Script sub_protocol(Stage& stage, std::string_view protocols) {
  const Opened opened = co_await upgraded(stage, protocols);
  if (!stage.expect(agreed(opened), "101 with the sub-protocol mqtt", opened.head.empty() ? std::string_view{"no answer"} : opened.head)) co_return;
  const Who who = stage.someone();
  stage.send(opened.client, frame(stage, Op::binary, connect_packet(stage, who)));
  const View got = co_await held(stage, opened.client, 4);
  const Read read = frames(got);
  stage.expect(!read.other && read.payload.substr(0, 2) == "\x20\x02", "CONNACK in a binary frame", hex(got, 40));
}

// How packets lie in frames is nobody's business.
Script lie_in_frames(Stage& stage, int kind) {
  const Opened opened = co_await upgraded(stage, "mqtt");
  co_await stage.need(agreed(opened), "no WebSocket came about");
  const Who who = stage.someone();
  const View hello = connect_packet(stage, who);
  const Bytes ping = pingreq();
  Bytes together(hello.begin(), hello.end());
  for (int each = 0; each < 2; ++each) together.insert(together.end(), ping.begin(), ping.end());
  const View all = stage.keep(std::move(together));
  switch (kind) {
    case 0:  // all in one frame
      stage.send(opened.client, frame(stage, Op::binary, all));
      break;
    case 1:  // a byte in each
      for (std::size_t at = 0; at < all.size(); ++at) stage.send(opened.client, frame(stage, Op::binary, all.subspan(at, 1)));
      break;
    case 2: {  // cut anywhere
      const std::size_t cut = stage.draws().between(1, static_cast<std::uint32_t>(all.size()) - 1);
      stage.send(opened.client, frame(stage, Op::binary, all.first(cut)));
      stage.send(opened.client, frame(stage, Op::binary, all.subspan(cut)));
      break;
    }
    default: {  // one message in three frames; 4: with a ping between two of them, which is no part of it
      const std::size_t third = all.size() / 3;
      stage.send(opened.client, frame(stage, Op::binary, all.first(third), false));
      if (kind == 4) stage.send(opened.client, frame(stage, Op::ping, stage.payload(0, 20)));
      stage.send(opened.client, frame(stage, Op::more, all.subspan(third, third), false));
      stage.send(opened.client, frame(stage, Op::more, all.subspan(2 * third)));
      break;
    }
  }
  const View got = co_await held(stage, opened.client, 8);
  const Read read = frames(got);
  const bool right = read.payload.size() == 8 && read.payload[0] == '\x20' && read.payload.substr(4) == std::string_view{"\xd0\x00\xd0\x00", 4};
  stage.expect(right && !read.other, "CONNACK and two PINGRESPs, in binary frames", hex(got, 60));
}

// A data frame that is not binary ends the connection. 0: the first one; 1: after CONNACK; 2: an empty one.
Script text_frame(Stage& stage, int kind) {
  const Opened opened = co_await upgraded(stage, "mqtt");
  co_await stage.need(agreed(opened), "no WebSocket came about");
  const Who who = stage.someone();
  if (kind == 0) {
    stage.send(opened.client, frame(stage, Op::text, connect_packet(stage, who)));
  } else {
    stage.send(opened.client, frame(stage, Op::binary, connect_packet(stage, who)));
    const View got = co_await held(stage, opened.client, 4);
    co_await stage.need(frames(got).payload.size() == 4, "CONNECT in a binary frame got no CONNACK");
    const View words = kind == 1 ? stage.keep(pingreq()) : View{};
    stage.send(opened.client, frame(stage, Op::text, words));
  }
  // A WebSocket that is being closed waits for the other side's word: that of the server is enough.
  std::size_t want = 1;
  for (;;) {
    const View got = co_await stage.bytes(opened.client, want);
    const Read read = frames(got);
    if (read.closed || stage.is_over(opened.client)) {
      const bool answered_too = read.payload.size() > (kind == 0 ? 0u : 4u);
      stage.expect(!answered_too, "no answer to what came in a text frame", hex(got, 60));
      co_return;
    }
    if (got.size() < want) {
      stage.fail("the end of the connection, for a text frame", got.empty() ? std::string{"nothing"} : hex(got, 60));
      co_return;
    }
    want = got.size() + 1;
  }
}

}  // namespace

void add_websocket(Cases& cases) {
  const auto add = [&](std::string name, std::string sentence, std::vector<std::string> clauses, std::function<Script(Stage&)> script) {
    cases.push_back({"websocket/mqtt/" + name, std::move(sentence), std::move(clauses), std::move(script), {Capability::mqtt}});
  };
  const std::pair<const char*, const char*> offers[] = {{"alone", "mqtt"}, {"first", "mqtt, mqttv3.1"}, {"last", "chat, mqtt"}};
  for (const auto& one : offers)
    add(std::string{"sub-protocol-"} + one.first, "A client asks for the sub-protocol mqtt.", {"mqtt311:6.0.0-3", "mqtt311:6.0.0-4", "mqtt311:6.0.0-1"},
        [offer = one.second](Stage& stage) { return sub_protocol(stage, offer); });
  const char* lies[] = {"one-frame", "byte-by-byte", "cut-anywhere", "three-fragments", "ping-between-fragments"};
  for (int kind = 0; kind < 5; ++kind)
    add(std::string{"frames-"} + lies[kind], "Packets and frames do not end together.", {"mqtt311:6.0.0-2"}, [kind](Stage& stage) { return lie_in_frames(stage, kind); });
  const char* texts[] = {"first", "later", "empty"};
  for (int kind = 0; kind < 3; ++kind)
    add(std::string{"text-frame-"} + texts[kind], "A data frame is not binary.", {"mqtt311:6.0.0-1"}, [kind](Stage& stage) { return text_frame(stage, kind); });
}

}  // namespace hubproof::conformance::cases
