// MQTT within a WebSocket, chapter 6 of MQTT 3.1.1 and what RFC 6455 asks of a client: how it asks
// for one, how packets lie in frames, and which frames end the connection. What is true of every
// request and frame of a device is the FrameWatch's.
#include <algorithm>
#include <set>

#include "conformance/devices/cases.hpp"
#include "conformance/devices/script.hpp"

namespace hubproof::conformance::devices {
namespace {

using namespace script;
using model::Bytes;
using model::View;
using Did = Said::Did;
using Kind = Heard::Kind;
using std::string;

constexpr const char* binary_only = "mqtt311:6.0.0-1";
constexpr const char* any_frames = "mqtt311:6.0.0-2";
constexpr const char* asks_for_mqtt = "mqtt311:6.0.0-3";
constexpr const char* opening = "MQTT-46";
constexpr const char* framing = "MQTT-47";

Stage::Waiting upgrade(Stage& stage, model::Duration patience) {
  return stage.wait([](const Heard& heard) { return heard.kind == Kind::upgrade; }, patience);
}

Stage::Waiting control(Stage& stage, LinkId link, Op op) {
  return stage.wait(
      [link, op](const Heard& heard) {
        return heard.link == link && heard.kind == Kind::control && heard.frame.op == op;
      },
      stage.patience());
}

Bytes drawn_bytes(Stage& stage, std::size_t size) {
  Bytes bytes(size);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(stage.below(256));
  return bytes;
}

// ---- The request, and its answer.

// Waits for the request after the device was told to connect. The case ends when none comes.
Task<Heard> request_of(Stage& stage) {
  auto asked = co_await upgrade(stage, stage.patience() * 2);
  if (!asked)
    co_await stage.missing("the device was told to connect, and did not ask for a WebSocket");
  co_return std::move(*asked);
}

Task<> asks(Stage& stage) {
  order_connect(stage, {});
  const Heard asked = co_await request_of(stage);
  const string path = websocket_path(stage);
  const std::string_view target =
      std::string_view{asked.upgrade.target}.substr(0, asked.upgrade.target.find('?'));
  // A hub's path may be written with %24.
  const bool there = target == path || (stage.device().hub && target == "/%24iothub/websocket");
  const char* const clause = stage.device().hub ? "H-29" : opening;
  if (there)
    stage.pass(clause);
  else
    stage.fail(clause, "the request is for " + string{target} + ", and not for " + path);
  const Heard heard = co_await hello_of(stage);
  stage.send(heard.link, Connack{false, 0});
  const auto told = co_await said(stage, Did::connected);
  if (!told) co_await stage.missing("the adapter did not say \"connected\" after CONNACK 0");
}

// A device that leaves its return to its application is told to connect again, once it has said
// that it is needed.
Task<> told_again(Stage& stage) {
  if (stage.device().reconnects) co_return;
  const auto lost = co_await stage.wait(
      [](const Heard& heard) { return heard.is(Did::lost) || heard.is(Did::failed); },
      stage.patience());
  if (!lost) co_await stage.missing("the adapter did not say that the connection is lost");
  order_connect(stage, {});
}

Task<> asks_again(Stage& stage) {
  const LinkId first = co_await connected(stage);
  stage.cut(first);
  co_await told_again(stage);
  const auto asked = co_await upgrade(stage, stage.patience() * 4);
  if (!asked) co_await stage.missing("the device did not come back after the connection was cut");
  // The first request has passed: a key that comes twice has failed by now.
  const Heard heard = co_await hello_of(stage);
  stage.send(heard.link, Connack{false, 0});
}

// The answer comes late, and in pieces: nothing else comes before it is whole.
Task<> late_answer(Stage& stage) {
  stage.manners.upgrades = false;
  order_connect(stage, {});
  const Heard asked = co_await request_of(stage);
  const string head = stage.acceptance(asked.link);
  co_await stage.pause(stage.quiet());
  const std::size_t half = 20 + stage.below(static_cast<std::uint32_t>(head.size()) - 40);
  stage.send_bare(asked.link, {head.begin(), head.begin() + static_cast<std::ptrdiff_t>(half)},
                  "a part of 101");
  co_await stage.pause(stage.quiet());
  const string rest = head.substr(half);
  stage.answer_upgrade(asked.link, rest, "the rest of it");
  const auto heard = co_await comes(stage, stage.patience());
  if (!heard) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("no CONNECT came, and the adapter does not answer");
    stage.fail(opening, "an answer that comes in two pieces is not understood");
    co_return;
  }
  stage.send(heard->link, Connack{false, 0});
}

// The server has no WebSocket to give for a while. The device says no MQTT there, and asks again.
Task<> refused(Stage& stage) {
  stage.manners.upgrades = false;
  order_connect(stage, {});
  const Heard asked = co_await request_of(stage);
  const string head =
      "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
  stage.answer_upgrade(asked.link, head, "503");
  const auto next_one = co_await stage.wait(
      [link = asked.link](const Heard& heard) {
        return heard.link == link && (heard.is<Connect>() != nullptr || heard.kind == Kind::ended);
      },
      stage.quiet());
  if (next_one && next_one->is<Connect>() != nullptr) {
    stage.fail(opening, "the device says MQTT where 503 was the answer");
    co_return;
  }
  stage.pass(opening);
  stage.cut(asked.link);
  stage.manners.upgrades = true;
  co_await told_again(stage);
  const auto again = co_await upgrade(stage, stage.patience() * 4);
  if (!again) co_await stage.missing("the device did not ask again after 503");
  const Heard heard = co_await hello_of(stage);
  stage.send(heard.link, Connack{false, 0});
}

using Spoiled = string (*)(string head);

string replaced(string head, std::string_view what, std::string_view by) {
  const std::size_t at = head.find(what);
  if (at != string::npos) head.replace(at, what.size(), by);
  return head;
}

// An answer that does not fit the request: the device ends the connection, and says no MQTT on it.
Task<> wrong_answer(Stage& stage, Spoiled spoil, string what) {
  stage.manners.upgrades = false;
  order_connect(stage, {});
  const Heard asked = co_await request_of(stage);
  const string head = spoil(stage.acceptance(asked.link));
  stage.answer_upgrade(asked.link, head, "on purpose: " + what);
  const auto then = co_await stage.wait(
      [link = asked.link](const Heard& heard) {
        return heard.link == link && (heard.is<Connect>() != nullptr || heard.kind == Kind::ended);
      },
      stage.patience());
  if (then && then->kind == Kind::ended) {
    stage.pass(opening);
    co_return;
  }
  const bool answers = co_await alive(stage);
  if (!answers)
    co_await stage.missing("the device kept the connection, and its adapter does not answer");
  stage.fail(opening, what + ": the device " +
                          (then ? "sends its CONNECT all the same" : "keeps the connection open"));
}

// ---- How packets lie in frames.

struct Packets {
  Bytes all{};
  std::vector<std::size_t> ends{};  // of the packets
};
using Lay = std::vector<Frame> (*)(Stage& stage, const Packets& packets);

Frame frame(Op op, View bytes, bool last = true) {
  return {op, {bytes.begin(), bytes.end()}, last};
}

std::vector<Frame> in_one_frame(Stage&, const Packets& packets) {
  return {frame(Op::binary, packets.all)};
}

std::vector<Frame> byte_by_byte(Stage&, const Packets& packets) {
  std::vector<Frame> frames;
  for (const std::uint8_t& byte : packets.all) frames.push_back(frame(Op::binary, {&byte, 1}));
  return frames;
}

// A packet of its own for each message, but for the second, which has two.
std::vector<Frame> cut_in_two(Stage& stage, const Packets& packets) {
  const View all{packets.all};
  const std::size_t from = packets.ends[0], size = packets.ends[1] - from;
  const std::size_t cut = from + 2 + stage.below(static_cast<std::uint32_t>(size) - 4);
  return {frame(Op::binary, all.first(from)), frame(Op::binary, all.subspan(from, cut - from)),
          frame(Op::binary, all.subspan(cut, packets.ends[1] - cut)),
          frame(Op::binary, all.subspan(packets.ends[1]))};
}

std::vector<Frame> across_messages(Stage& stage, const Packets& packets) {
  const View all{packets.all};
  const std::size_t cut =
      packets.ends[0] + 2 +
      stage.below(static_cast<std::uint32_t>(packets.ends[1] - packets.ends[0]) - 4);
  return {frame(Op::binary, all.first(cut)), frame(Op::binary, all.subspan(cut))};
}

std::vector<Frame> fragments(Stage&, const Packets& packets) {
  const View all{packets.all};
  const std::size_t third = all.size() / 3;
  return {frame(Op::binary, all.first(third), false),
          frame(Op::more, all.subspan(third, third), false),
          frame(Op::more, all.subspan(2 * third))};
}

std::vector<Frame> ping_between(Stage& stage, const Packets& packets) {
  std::vector<Frame> frames = fragments(stage, packets);
  const Bytes words = drawn_bytes(stage, 20);
  frames.insert(frames.begin() + 1, frame(Op::ping, words));
  return frames;
}

std::vector<Frame> empty_ones(Stage&, const Packets& packets) {
  const View all{packets.all};
  return {frame(Op::binary, {}), frame(Op::binary, all.first(packets.ends[0])),
          frame(Op::binary, {}), frame(Op::binary, all.subspan(packets.ends[0]), false),
          frame(Op::more, {})};
}

std::vector<Frame> one_each(Stage&, const Packets& packets) {
  std::vector<Frame> frames;
  std::size_t from = 0;
  for (const std::size_t end : packets.ends) {
    frames.push_back(frame(Op::binary, View{packets.all}.subspan(from, end - from)));
    from = end;
  }
  return frames;
}

enum class Goes : std::uint8_t { one_by_one, at_once, head_apart };

// Three messages for the device, in frames that say nothing of packets: it acknowledges all, and
// its application has them.
Task<> lies(Stage& stage, Lay lay, std::size_t size, Goes goes) {
  const LinkId link = co_await connected(stage);
  co_await listens(stage, link);
  Packets packets;
  std::vector<string> bodies;
  for (PacketId id = 1; id <= 3; ++id) {
    const Bytes body = drawn_bytes(stage, size);
    bodies.emplace_back(body.begin(), body.end());
    const string topic = down_topic(stage, "f" + std::to_string(id));
    stage.put(link, packets.all, down(topic, bodies.back(), id, 1));
    packets.ends.push_back(packets.all.size());
  }
  const std::vector<Frame> frames = lay(stage, packets);
  if (goes == Goes::head_apart) {  // the first byte of each frame comes alone
    for (const Frame& each : frames) {
      Bytes bytes;
      write_frame(bytes, each);
      stage.send_bare(link, {bytes.begin(), bytes.begin() + 1}, "the first byte of a frame");
      co_await stage.pause(stage.quiet() / 10);
      stage.send_bare(link, {bytes.begin() + 1, bytes.end()}, "the rest of it");
    }
  } else {
    stage.send_frames(link, frames, goes == Goes::at_once);
  }
  for (PacketId id = 1; id <= 3; ++id) {
    const auto puback = co_await next_with<Puback>(stage, link, id);
    if (!puback) {
      const bool answers = co_await alive(stage);
      if (!answers)
        co_await stage.missing(
            "not every message was acknowledged, and the adapter does not answer");
      stage.fail(any_frames, "message " + std::to_string(id) + " of three is not acknowledged" +
                                 (stage.open(link) ? "" : ": the device has ended the connection"));
      co_return;
    }
    const auto handed_on = co_await stage.wait(
        [&body = bodies[id - 1U]](const Heard& heard) {
          return heard.is(Did::received) && model::text(heard.said.payload) == body;
        },
        stage.patience());
    if (!handed_on) {
      stage.fail(any_frames, "message " + std::to_string(id) +
                                 " of three did not reach the application as it was sent");
      co_return;
    }
  }
  const auto ping = std::ranges::find(frames, Op::ping, &Frame::op);
  if (ping != frames.end()) {
    const auto pong = co_await control(stage, link, Op::pong);
    if (!pong || pong->frame.payload != ping->payload) {
      stage.fail(framing, pong ? "a pong has another payload than its ping"
                               : "a ping within a message gets no pong");
      co_return;
    }
  }
  stage.pass(any_frames);
}

// CONNACK itself comes in two messages.
Task<> connack_cut(Stage& stage) {
  order_connect(stage, {});
  const Heard heard = co_await hello_of(stage);
  Bytes bytes;
  stage.put(heard.link, bytes, Connack{false, 0});
  const std::vector<Frame> halves{frame(Op::binary, View{bytes}.first(2)),
                                  frame(Op::binary, View{bytes}.subspan(2))};
  stage.send_frames(heard.link, halves);
  const auto told = co_await said(stage, Did::connected);
  if (told) {
    stage.pass(any_frames);
    co_return;
  }
  const bool answers = co_await alive(stage);
  if (!answers)
    co_await stage.missing("the adapter did not say \"connected\", and does not answer");
  stage.fail(any_frames, "a CONNACK in two messages is not understood");
}

// ---- What ends the connection.

Task<> ends(Stage& stage, LinkId link, const char* clause, const char* what) {
  const bool closed = co_await closes(stage, link);
  if (closed) {
    stage.pass(clause);
    co_return;
  }
  const bool answers = co_await alive(stage);
  if (!answers)
    co_await stage.missing("the device kept the connection, and its adapter does not answer");
  stage.fail(clause, string{what} + ": the device keeps the connection open");
}

// 0: it holds CONNACK; 1: it holds a message; 2: it is empty.
Task<> text_frame(Stage& stage, int kind) {
  Bytes bytes;
  if (kind == 0) {
    order_connect(stage, {});
    const Heard heard = co_await hello_of(stage);
    stage.put(heard.link, bytes, Connack{false, 0});
    const std::vector<Frame> frames{frame(Op::text, bytes)};
    stage.break_frames(heard.link, frames, "a text frame with CONNACK");
    co_return co_await ends(stage, heard.link, binary_only, "CONNACK in a text frame");
  }
  const LinkId link = co_await connected(stage);
  co_await listens(stage, link);
  const string topic = down_topic(stage, "t1");
  const string body = "in a text frame";
  if (kind == 1) stage.put(link, bytes, down(topic, body, 1, 1));
  const std::vector<Frame> frames{frame(Op::text, bytes)};
  stage.break_frames(link, frames, kind == 1 ? "a text frame with PUBLISH" : "an empty text frame");
  co_await ends(stage, link, binary_only,
                kind == 1 ? "PUBLISH in a text frame" : "an empty text frame");
}

using Broken = std::vector<Frame> (*)(Stage& stage, View packet);

// Frames that no server may send, around a message that is right.
Task<> broken(Stage& stage, Broken make, const char* what) {
  const LinkId link = co_await connected(stage);
  co_await listens(stage, link);
  Bytes bytes;
  const string topic = down_topic(stage, "b1");
  const string body = "in a frame that is wrong";
  stage.put(link, bytes, down(topic, body, 1, 1));
  const std::vector<Frame> frames = make(stage, bytes);
  stage.break_frames(link, frames, what);
  co_await ends(stage, link, framing, what);
}

// ---- Control frames, and masks.

// A ping of each size gets a pong with all that it held.
Task<> pings(Stage& stage) {
  const LinkId link = co_await connected(stage);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1 + stage.below(124)}, std::size_t{125}}) {
    const Bytes words = drawn_bytes(stage, size);
    const std::vector<Frame> ping{frame(Op::ping, words)};
    stage.send_frames(link, ping);
    const auto pong = co_await control(stage, link, Op::pong);
    if (!pong) {
      const bool answers = co_await alive(stage);
      if (!answers) co_await stage.missing("no pong came, and the adapter does not answer");
      stage.fail(framing, "a ping with " + std::to_string(size) + " bytes gets no pong");
      co_return;
    }
    if (pong->frame.payload != words) {
      stage.fail(framing, "a pong has another payload than its ping");
      co_return;
    }
  }
  stage.pass(framing);
}

// A pong that nobody asked for says that the server is there, and no more.
Task<> unasked_pong(Stage& stage) {
  const LinkId link = co_await connected(stage);
  co_await listens(stage, link);
  const Bytes words = drawn_bytes(stage, 1 + stage.below(20));
  const std::vector<Frame> pong{frame(Op::pong, words)};
  stage.send_frames(link, pong);
  const string topic = down_topic(stage, "p1");
  const string body = "behind a pong";
  stage.send(link, down(topic, body, 1, 1));
  const auto puback = co_await next_with<Puback>(stage, link, 1);
  if (puback) {
    stage.pass(framing);
    co_return;
  }
  const bool answers = co_await alive(stage);
  if (!answers) co_await stage.missing("no PUBACK came, and the adapter does not answer");
  stage.fail(framing, stage.open(link)
                          ? "behind a pong that nobody asked for a message is not acknowledged"
                          : "a pong that nobody asked for makes the device close");
}

Task<> closed_by_server(Stage& stage) {
  const LinkId link = co_await connected(stage);
  const std::vector<Frame> close{frame(Op::close, close_payload(1001))};
  stage.send_frames(link, close);
  const auto answer = co_await control(stage, link, Op::close);
  if (answer) {
    stage.pass(framing);
    co_return;
  }
  const bool answers = co_await alive(stage);
  if (!answers) co_await stage.missing("no Close came, and the adapter does not answer");
  stage.fail(framing, string{"a Close of the server is not answered by one"} +
                          (stage.open(link) ? "" : ": the device drops the connection"));
}

// DISCONNECT goes out before Close, and nothing behind it.
Task<> closed_by_device(Stage& stage) {
  const LinkId link = co_await connected(stage);
  stage.tell(DisconnectOrder{});
  const auto close = co_await control(stage, link, Op::close);
  if (!close) {
    if (stage.open(link))
      co_await stage.missing("the device was told to disconnect, and said no Close");
    else
      co_await stage.missing("the device dropped the connection without a Close, as it may");
  }
  stage.pass(framing);
}

// Keys that repeat, or that count, tell whoever chooses the payload what the wire will show [RFC
// 6455, 10.3].
Task<> masks(Stage& stage) {
  const LinkId link = co_await connected(stage);
  std::vector<std::uint32_t> keys;
  for (int i = 0; i < 40; ++i) {
    const Bytes words = drawn_bytes(stage, 4);
    const std::vector<Frame> ping{frame(Op::ping, words)};
    stage.send_frames(link, ping);
    const auto pong = co_await control(stage, link, Op::pong);
    if (!pong) co_await stage.missing("a ping got no pong");
    keys.push_back(pong->frame.mask.value_or(0));
  }
  std::set<std::uint32_t> steps;
  for (std::size_t at = 1; at < keys.size(); ++at) steps.insert(keys[at] - keys[at - 1]);
  // Of 39 steps that are drawn, hardly two are alike.
  if (steps.size() + 4 < keys.size() - 1)
    stage.fail(framing, "the masks of 40 frames go by " + std::to_string(steps.size()) +
                            " steps: they can be foreseen");
  else
    stage.pass(framing);
}

}  // namespace

void add_websocket_cases(std::vector<DeviceCase>& cases) {
  const auto add = [&](const char* name, const char* sentence, std::vector<string> clauses,
                       Stage::Play play) {
    Needs needs;
    needs.websocket = true;
    cases.push_back(
        {string{"websocket/"} + name, sentence, std::move(clauses), needs, std::move(play)});
  };
  add("opening/asks",
      "a WebSocket at the path that the device was told, with the sub-protocol mqtt",
      {asks_for_mqtt, opening, binary_only, framing}, asks);
  add("opening/asks-again", "the connection is cut, and the device asks for another WebSocket",
      {asks_for_mqtt, opening, framing}, asks_again);
  add("opening/late-answer",
      "the answer comes late and in two pieces: nothing else comes before it",
      {opening, asks_for_mqtt}, late_answer);
  add("opening/refused", "503, and later a WebSocket", {asks_for_mqtt, opening}, refused);
  const auto wrong = [&](const char* name, const char* what, Spoiled spoil) {
    add(name, what, {opening, asks_for_mqtt}, [spoil, its_what = string{what}](Stage& stage) {
      return wrong_answer(stage, spoil, its_what);
    });
  };
  wrong("opening/status-200", "200 in place of 101",
        [](string head) { return replaced(std::move(head), "101 Switching Protocols", "200 OK"); });
  wrong("opening/wrong-accept", "an answer to another key", [](string head) {
    return replaced(std::move(head), "Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: A");
  });
  wrong("opening/other-sub-protocol", "a sub-protocol that nobody asked for", [](string head) {
    return replaced(std::move(head), "Sec-WebSocket-Protocol: mqtt",
                    "Sec-WebSocket-Protocol: chat.hubproof");
  });
  wrong("opening/unasked-extension", "an extension that nobody asked for", [](string head) {
    return replaced(std::move(head), "\r\n\r\n",
                    "\r\nSec-WebSocket-Extensions: x-hubproof\r\n\r\n");
  });

  const auto laid = [&](const char* name, const char* sentence, Lay lay, std::size_t size = 24,
                        Goes goes = Goes::one_by_one) {
    std::vector<string> clauses{any_frames};
    if (lay == ping_between) clauses.emplace_back(framing);
    add(name, sentence, std::move(clauses),
        [lay, size, goes](Stage& stage) { return lies(stage, lay, size, goes); });
  };
  laid("frames/one", "three packets in one frame", in_one_frame);
  laid("frames/byte-by-byte", "a byte in each frame", byte_by_byte);
  laid("frames/cut-in-two", "a packet in two messages, which hold nothing else", cut_in_two);
  laid("frames/across-messages", "a message ends within a packet, behind another one",
       across_messages);
  laid("frames/fragments", "three packets in one message of three frames", fragments);
  laid("frames/ping-between", "a ping between the frames of a message", ping_between);
  laid("frames/empty", "messages and frames of no bytes between others", empty_ones);
  laid("frames/length-16-bits", "frames with more than 125 bytes", one_each, 400);
  laid("frames/length-64-bits", "frames with more than 65,535 bytes", one_each, 70'000);
  laid("frames/one-read", "three messages that come at once", one_each, 24, Goes::at_once);
  laid("frames/head-apart", "the first byte of each frame comes alone", one_each, 24,
       Goes::head_apart);
  add("frames/connack", "CONNACK in two messages", {any_frames}, connack_cut);

  for (const auto& [kind, name, sentence] :
       {std::tuple{0, "text/connack", "CONNACK in a text frame makes the device close"},
        {1, "text/publish", "PUBLISH in a text frame makes the device close"},
        {2, "text/empty", "an empty text frame makes the device close"}})
    add(name, sentence, {binary_only},
        [its_kind = kind](Stage& stage) { return text_frame(stage, its_kind); });

  add("control/pings", "a ping is answered by a pong with the same bytes", {framing}, pings);
  add("control/unasked-pong", "a pong that nobody asked for changes nothing", {framing},
      unasked_pong);
  add("control/closed-by-server", "a Close is answered by a Close", {framing}, closed_by_server);
  add("control/closed-by-device", "the device says DISCONNECT, and then Close", {framing},
      closed_by_device);
  add("control/masks", "masks of 40 frames that nobody can foresee", {framing, binary_only}, masks);

  const auto breaks = [&](const char* name, const char* what, Broken make) {
    add(name, what, {framing}, [make, what](Stage& stage) { return broken(stage, make, what); });
  };
  breaks("broken/masked", "a masked frame of the server", [](Stage& stage, View packet) {
    Frame one = frame(Op::binary, packet);
    one.mask = stage.below(0xffffffff);
    return std::vector<Frame>{one};
  });
  breaks("broken/reserved-bit", "a frame with a reserved bit set", [](Stage& stage, View packet) {
    Frame one = frame(Op::binary, packet);
    one.reserved = static_cast<std::uint8_t>(1u << stage.below(3));
    return std::vector<Frame>{one};
  });
  breaks("broken/reserved-kind", "a frame of a reserved kind", [](Stage& stage, View packet) {
    return std::vector<Frame>{frame(static_cast<Op>(3 + stage.below(5)), packet)};
  });
  breaks("broken/reserved-control", "a control frame of a reserved kind",
         [](Stage& stage, View packet) {
           return std::vector<Frame>{frame(static_cast<Op>(11 + stage.below(5)), packet)};
         });
  breaks("broken/continuation", "a continuation frame where no message has begun",
         [](Stage&, View packet) { return std::vector<Frame>{frame(Op::more, packet)}; });
  breaks("broken/within-another", "a message that begins within another one",
         [](Stage&, View packet) {
           return std::vector<Frame>{frame(Op::binary, packet.first(4), false),
                                     frame(Op::binary, packet.subspan(4))};
         });
  breaks("broken/fragmented-ping", "a ping in two frames", [](Stage&, View packet) {
    return std::vector<Frame>{frame(Op::ping, packet.first(4), false),
                              frame(Op::more, packet.subspan(4, 4))};
  });
  breaks("broken/long-ping", "a ping with 126 bytes", [](Stage& stage, View) {
    const Bytes words = drawn_bytes(stage, 126);
    return std::vector<Frame>{frame(Op::ping, words)};
  });
}

}  // namespace hubproof::conformance::devices
