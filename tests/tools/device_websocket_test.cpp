// Devices within WebSockets: our own passes every case there, each case about WebSockets finds a
// device that no other case finds, and a client on a real socket is understood.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "model/websocket/handshake.hpp"
#include "tests/support/device_suite.hpp"
#include "tools/devices/live_device.hpp"
#include "tools/devices/own_device.hpp"

namespace {

using namespace hubproof;
using namespace hubproof::tools;
using conformance::Verdict;
using tests::device_suite::failures;
using conformance::devices::Frame;
using conformance::devices::FrameReader;
using conformance::devices::Op;
using model::Bytes;
using model::View;
using Frames = std::vector<Frame>;

TEST(DeviceWebSocket, OurOwnDevicePassesEveryCaseWithinOne) {
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{4711}}) {
    const DevicePlay play = play_own_device(model::Rules{}.device, seed, chosen_device_cases(""),
                                            {}, {.websocket = true});
    EXPECT_EQ(failures(play), "") << "seed " << seed;
  }
}

TEST(DeviceWebSocket, WhatIsAboutThemIsPlayedWithinOneAlways) {
  const DevicePlay play =
      play_own_device(model::Rules{}.device, 0, chosen_device_cases("device/websocket/*"));
  EXPECT_EQ(failures(play), "");
  std::set<std::string> clauses;
  for (const CaseResult& one : play.cases)
    for (const auto& outcome : one.outcomes) clauses.insert(outcome.clause);
  for (const char* clause :
       {"mqtt311:6.0.0-1", "mqtt311:6.0.0-2", "mqtt311:6.0.0-3", "MQTT-46", "MQTT-47", "H-29"})
    EXPECT_TRUE(clauses.contains(clause)) << clause;
}

// ---- Wrong devices: a right one behind a wrong WebSocket.

struct Hooks {
  std::function<std::string(std::string)> request{};  // of the device
  std::function<std::string(std::string)> answer{};   // to it
  std::function<Frames(Frame)> said{};
  std::function<Frames(Frame)> heard{};
};

// The frames of both directions, taken apart and written again.
Wire wire_of(Hooks hooks) {
  struct State {
    Hooks hooks;
    FrameReader said{};
    FrameReader heard{};
    bool upgraded = false;
  };
  const auto state = std::make_shared<State>(State{std::move(hooks)});
  const auto through = [](FrameReader& reader, const std::function<Frames(Frame)>& hook,
                          View bytes) {
    Bytes out;
    reader.feed(bytes);
    while (std::optional<Frame> frame = reader.next())
      for (const Frame& each : hook ? hook(*frame) : Frames{*frame}) write_frame(out, each);
    return out;
  };
  Wire wire;
  wire.said = [state, through](View bytes) {
    const std::string text{model::text(bytes)};
    if (!text.starts_with("GET ")) return through(state->said, state->hooks.said, bytes);
    state->said = state->heard = {};
    state->upgraded = false;
    const std::string spoilt = state->hooks.request ? state->hooks.request(text) : text;
    return Bytes{spoilt.begin(), spoilt.end()};
  };
  wire.heard = [state, through](View bytes) {
    if (state->upgraded) return through(state->heard, state->hooks.heard, bytes);
    const std::string text{model::text(bytes)};
    state->upgraded = text.ends_with("\r\n\r\n");
    const std::string spoilt = state->hooks.answer ? state->hooks.answer(text) : text;
    return Bytes{spoilt.begin(), spoilt.end()};
  };
  return wire;
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  const std::size_t at = text.find(what);
  if (at != text.npos) text.replace(at, what.size(), by);
  return text;
}

std::string value_of(const std::string& head, const std::string& name) {
  const std::size_t at = head.find(name + ": ");
  return at == head.npos
             ? std::string{}
             : head.substr(at + name.size() + 2, head.find('\r', at) - at - name.size() - 2);
}

// Sizes of the whole packets that the bytes begin with; the rest is less than one.
std::vector<std::size_t> packets_in(View bytes) {
  std::vector<std::size_t> sizes;
  for (;;) {
    std::size_t size = 1, remaining = 0, shift = 0;
    bool known = false;
    while (size < bytes.size() && !known && shift < 28) {
      const std::uint8_t byte = bytes[size++];
      remaining |= static_cast<std::size_t>(byte & 0x7f) << shift;
      shift += 7;
      known = (byte & 0x80) == 0;
    }
    if (!known || bytes.size() < size + remaining) return sizes;
    sizes.push_back(size + remaining);
    bytes = bytes.subspan(sizes.back());
  }
}

std::size_t sum(const std::vector<std::size_t>& sizes) {
  std::size_t all = 0;
  for (const std::size_t each : sizes) all += each;
  return all;
}

bool whole_message(const Frame& frame) { return frame.op == Op::binary && frame.last; }
bool is_publish(const Frame& frame) { return !frame.payload.empty() && frame.payload[0] >> 4 == 3; }

// Drops the frames of the server for which it is so.
template <class F>
std::function<Wire()> deaf_to(F is_so) {
  return [is_so] {
    return wire_of(
        {.heard = [is_so](const Frame& frame) { return is_so(frame) ? Frames{} : Frames{frame}; }});
  };
}
template <class F>
std::function<Wire()> hears(F change) {
  return [change] {
    return wire_of({.heard = [change](Frame frame) {
      change(frame);
      return Frames{frame};
    }});
  };
}
template <class F>
std::function<Wire()> answers_as(F change) {
  return [change] { return wire_of({.answer = change}); };
}
template <class F>
std::function<Wire()> says(F change) {
  return [change] {
    return wire_of({.said = [change, number = std::uint32_t{0}](Frame frame) mutable {
      change(frame, number++);
      return Frames{frame};
    }});
  };
}

struct Wrong {
  const char* what;
  std::function<Wire()> wire;
  std::set<std::string> found_by;  // cases, behind device/websocket/; empty: whatever comes about
  std::function<void(model::DeviceRules&)> break_rule{};
};

std::set<std::string> found_by(const Wrong& wrong) {
  model::DeviceRules rules = model::Rules{}.device;
  if (wrong.break_rule) wrong.break_rule(rules);
  std::set<std::string> names;
  for (const CaseResult& one : play_own_device(rules, 0, chosen_device_cases("device/websocket/*"),
                                               {}, {.tamper = wrong.wire})
                                   .cases)
    if (one.verdict() == Verdict::fail)
      names.insert(one.of->name.substr(std::string_view{"device/websocket/"}.size()));
  return names;
}

std::vector<Wrong> alone() {
  std::vector<Wrong> all;
  // What it asks for.
  all.push_back({"asks at another path",
                 [] {
                   return wire_of({.request = [](std::string head) {
                     return replaced(std::move(head), "/$iothub/websocket", "/mqtt");
                   }});
                 },
                 {"opening/asks"}});
  all.push_back({"names no sub-protocol when it comes back",
                 [] {
                   const auto spoke = std::make_shared<bool>(false);
                   return wire_of({.request =
                                       [spoke](std::string head) {
                                         return *spoke ? replaced(
                                                             std::move(head),
                                                             "Sec-WebSocket-Protocol: mqtt\r\n", "")
                                                       : head;
                                       },
                                   .said =
                                       [spoke](Frame frame) {
                                         *spoke = true;
                                         return Frames{std::move(frame)};
                                       }});
                 },
                 {"opening/asks-again"}});
  all.push_back({"takes the first read for the whole answer",
                 answers_as([](std::string head) {
                   return head.ends_with("\r\n\r\n") ? head : std::string{};
                 }),
                 {"opening/late-answer"}});
  all.push_back({"asks for an older sub-protocol after a refusal",
                 [] {
                   const auto refused = std::make_shared<bool>(false);
                   return wire_of({.request =
                                       [refused](std::string head) {
                                         return *refused
                                                    ? replaced(std::move(head), "Protocol: mqtt",
                                                               "Protocol: mqttv3.1")
                                                    : head;
                                       },
                                   .answer =
                                       [refused](std::string head) {
                                         *refused = *refused || head.starts_with("HTTP/1.1 503");
                                         return head;
                                       }});
                 },
                 {"opening/refused"}});
  // What it takes for an answer.
  all.push_back({"does not look at the status",
                 answers_as([](std::string head) {
                   return replaced(std::move(head), "200 OK", "101 Switching Protocols");
                 }),
                 {"opening/status-200"}});
  all.push_back({"does not look at Sec-WebSocket-Accept",
                 answers_as([](std::string head) {
                   return value_of(head, "Sec-WebSocket-Accept").size() == 29
                              ? replaced(std::move(head), "Accept: A", "Accept: ")
                              : head;
                 }),
                 {"opening/wrong-accept"}});
  all.push_back({"does not look at the sub-protocol",
                 answers_as([](std::string head) {
                   return replaced(std::move(head), "chat.hubproof", "mqtt");
                 }),
                 {"opening/other-sub-protocol"}});
  all.push_back({"does not look at extensions",
                 answers_as([](std::string head) {
                   return replaced(std::move(head), "Sec-WebSocket-Extensions: x-hubproof\r\n", "");
                 }),
                 {"opening/unasked-extension"}});
  // How it takes frames.
  all.push_back({"takes one packet of a message",
                 hears([](Frame& frame) {
                   const auto sizes = packets_in(frame.payload);
                   if (whole_message(frame) && sizes.size() > 1 &&
                       sum(sizes) == frame.payload.size())
                     frame.payload.resize(sizes[0]);
                 }),
                 {"frames/one"}});
  all.push_back({"drops messages of one byte",
                 deaf_to([](const Frame& frame) {
                   return whole_message(frame) && frame.payload.size() == 1;
                 }),
                 {"frames/byte-by-byte"}});
  all.push_back({"drops a message with a part of a packet",
                 deaf_to([](const Frame& frame) {
                   return whole_message(frame) && is_publish(frame) && frame.payload.size() > 1 &&
                          packets_in(frame.payload).empty();
                 }),
                 {"frames/cut-in-two"}});
  all.push_back({"drops what a message has of a packet behind a whole one",
                 hears([](Frame& frame) {
                   const auto sizes = packets_in(frame.payload);
                   if (whole_message(frame) && is_publish(frame) && !sizes.empty())
                     frame.payload.resize(sum(sizes));
                 }),
                 {"frames/across-messages"}});
  all.push_back(
      {"drops continuation frames, but behind a ping",
       [] {
         return wire_of({.heard = [pinged = false, in_message = false](Frame frame) mutable {
           pinged = frame.op == Op::ping || (pinged && frame.op != Op::binary);
           const bool goes_on = frame.op == Op::more && in_message;
           if (!frame.is_control()) in_message = !frame.last;
           return goes_on && !frame.payload.empty() && !pinged ? Frames{}
                                                               : Frames{std::move(frame)};
         }});
       },
       {"frames/fragments"}});
  all.push_back(
      {"takes a ping for the end of a message",
       {},
       {"frames/ping-between"},
       [](model::DeviceRules& rules) { rules.websocket.survives_control_frames = false; }});
  all.push_back({"takes an empty message for the end",
                 hears([](Frame& frame) {
                   if (whole_message(frame) && frame.payload.empty())
                     frame = {Op::close, conformance::devices::close_payload(1000)};
                 }),
                 {"frames/empty"}});
  all.push_back({"takes the length for one byte",
                 deaf_to([](const Frame& frame) {
                   return frame.payload.size() > 255 && frame.payload.size() < 65'536;
                 }),
                 {"frames/length-16-bits"}});
  all.push_back({"knows no length of 64 bits",
                 deaf_to([](const Frame& frame) { return frame.payload.size() >= 65'536; }),
                 {"frames/length-64-bits"}});
  all.push_back(
      {"takes the first message of a read", {}, {"frames/one-read"}, [](model::DeviceRules& rules) {
         rules.websocket.hears_whole_read = false;
       }});
  all.push_back({"wants the head of a frame in one read",
                 [] {
                   Wire wire;
                   wire.heard = [](View bytes) {
                     return bytes.size() == 1 ? Bytes{} : Bytes{bytes.begin(), bytes.end()};
                   };
                   return wire;
                 },
                 {"frames/head-apart"}});
  all.push_back({"wants CONNACK in one message",
                 deaf_to([](const Frame& frame) {
                   return frame.payload == Bytes{0x20, 2};
                 }),
                 {"frames/connack"}});
  // Frames that are not binary.
  const auto takes_text = [&](const char* what, auto is_so, const char* found) {
    all.push_back({what,
                   hears([is_so](Frame& frame) {
                     if (frame.op == Op::text && is_so(frame)) frame.op = Op::binary;
                   }),
                   {found}});
  };
  takes_text(
      "takes CONNACK as text",
      [](const Frame& frame) { return !frame.payload.empty() && frame.payload[0] == 0x20; },
      "text/connack");
  takes_text("takes PUBLISH as text", is_publish, "text/publish");
  takes_text(
      "takes nothing as text", [](const Frame& frame) { return frame.payload.empty(); },
      "text/empty");
  // Control frames, and masks.
  all.push_back({"has no pong for a long ping",
                 [] {
                   return wire_of({.said = [](Frame frame) {
                     return frame.op == Op::pong && frame.payload.size() == 125
                                ? Frames{}
                                : Frames{std::move(frame)};
                   }});
                 },
                 {"control/pings"}});
  all.push_back({"does not expect a pong",
                 hears([](Frame& frame) {
                   if (frame.op == Op::pong && model::text(frame.payload) != "alive?")
                     frame.op = static_cast<Op>(11);
                 }),
                 {"control/unasked-pong"}});
  all.push_back({"drops the connection at a Close",
                 [] {
                   const auto told = std::make_shared<bool>(false);
                   return wire_of({.said =
                                       [told](Frame frame) {
                                         return frame.op == Op::close && *told
                                                    ? Frames{}
                                                    : Frames{std::move(frame)};
                                       },
                                   .heard =
                                       [told](Frame frame) {
                                         *told = *told || frame.op == Op::close;
                                         return Frames{std::move(frame)};
                                       }});
                 },
                 {"control/closed-by-server"}});
  all.push_back({"says DISCONNECT behind its Close",
                 [] {
                   return wire_of({.said = [](Frame frame) {
                     if (frame.payload.empty() || frame.payload[0] != 0xe0)
                       return Frames{std::move(frame)};
                     Frame close{Op::close, conformance::devices::close_payload(1000)};
                     close.mask = 0x01020304;
                     return Frames{std::move(close), std::move(frame)};
                   }});
                 },
                 {"control/closed-by-device"}});
  all.push_back(
      {"counts its masks up",
       says([](Frame& frame, std::uint32_t number) { frame.mask = 0x5eed'0000 + number; }),
       {"control/masks"}});
  // What ends the connection.
  all.push_back(
      {"takes masked frames", hears([](Frame& frame) { frame.mask.reset(); }), {"broken/masked"}});
  all.push_back({"does not look at reserved bits",
                 hears([](Frame& frame) { frame.reserved = 0; }),
                 {"broken/reserved-bit"}});
  all.push_back(
      {"passes over reserved kinds",
       deaf_to([](const Frame& frame) { return frame.op > Op::binary && frame.op < Op::close; }),
       {"broken/reserved-kind"}});
  all.push_back({"passes over reserved control frames",
                 deaf_to([](const Frame& frame) { return frame.op > Op::pong; }),
                 {"broken/reserved-control"}});
  const auto keeps_state = [&](const char* what, auto change, const char* found) {
    all.push_back({what,
                   [change] {
                     return wire_of({.heard = [change, in_message = false](Frame frame) mutable {
                       Frames all_of = change(frame, in_message);
                       if (!frame.is_control()) in_message = !frame.last;
                       return all_of;
                     }});
                   },
                   {found}});
  };
  keeps_state(
      "takes a continuation for a message",
      [](Frame frame, bool in_message) {
        if (frame.op == Op::more && !in_message) frame.op = Op::binary;
        return Frames{std::move(frame)};
      },
      "broken/continuation");
  keeps_state(
      "takes a new message for a continuation",
      [](Frame frame, bool in_message) {
        if (frame.op == Op::binary && in_message) frame.op = Op::more;
        return Frames{std::move(frame)};
      },
      "broken/within-another");
  all.push_back({"passes over a ping in two frames",
                 [] {
                   return wire_of({.heard = [in_ping = false](Frame frame) mutable {
                     const bool passes = (frame.op == Op::ping && !frame.last) || in_ping;
                     in_ping = passes && !frame.last;
                     return passes ? Frames{} : Frames{std::move(frame)};
                   }});
                 },
                 {"broken/fragmented-ping"}});
  all.push_back({"cuts a long ping",
                 hears([](Frame& frame) {
                   if (frame.op == Op::ping)
                     frame.payload.resize(std::min<std::size_t>(frame.payload.size(), 125));
                 }),
                 {"broken/long-ping"}});
  return all;
}

TEST(DeviceWebSocket, EachCaseFindsADeviceThatNoOtherFinds) {
  std::set<std::string> found;
  for (const Wrong& wrong : alone()) {
    const std::set<std::string> by = found_by(wrong);
    EXPECT_EQ(by, wrong.found_by) << "a device that " << wrong.what;
    found.insert(by.begin(), by.end());
  }
  std::set<std::string> all;
  for (const auto* each : chosen_device_cases("device/websocket/*"))
    all.insert(each->name.substr(std::string_view{"device/websocket/"}.size()));
  EXPECT_EQ(found, all);
}

// What every request and frame owes is judged in every case.
TEST(DeviceWebSocket, ADeviceThatIsWrongEverywhereIsFoundInAllCases) {
  const Wrong everywhere[] = {
      {"sends text",
       says([](Frame& frame, std::uint32_t) {
         if (frame.op == Op::binary) frame.op = Op::text;
       }),
       {}},
      {"does not mask", says([](Frame& frame, std::uint32_t) { frame.mask.reset(); }), {}},
      {"has one mask", says([](Frame& frame, std::uint32_t) { frame.mask = 7; }), {}},
      {"sets a reserved bit", says([](Frame& frame, std::uint32_t) { frame.reserved = 4; }), {}},
      {"asks for mqttv3.1",
       [] {
         return wire_of({.request = [](std::string head) {
           return replaced(std::move(head), "Protocol: mqtt", "Protocol: mqttv3.1");
         }});
       },
       {}},
      {"is of an older version",
       [] {
         return wire_of({.request = [](std::string head) {
           return replaced(std::move(head), "Version: 13", "Version: 8");
         }});
       },
       {}},
  };
  for (const Wrong& wrong : everywhere) {
    std::set<std::string> by = found_by(wrong);
    std::erase_if(by, [](const std::string& name) {
      return name.starts_with("opening/");
    });  // which may end before a frame
    EXPECT_EQ(by.size(), chosen_device_cases("device/websocket/*").size() -
                             chosen_device_cases("device/websocket/opening/*").size())
        << "a device that " << wrong.what;
  }
}

TEST(DeviceWebSocket, AKeyThatComesTwiceIsFound) {
  const std::string once = "dGhlIHNhbXBsZSBub25jZQ==";
  const Wrong wrong{"has one key",
                    [once] {
                      const auto own = std::make_shared<std::string>();
                      return wire_of({.request =
                                          [own, once](std::string head) {
                                            *own = value_of(head, "Sec-WebSocket-Key");
                                            return replaced(std::move(head), *own, once);
                                          },
                                      .answer =
                                          [own, once](std::string head) {
                                            return replaced(std::move(head),
                                                            model::websocket::accept_key(once),
                                                            model::websocket::accept_key(*own));
                                          }});
                    },
                    {}};
  std::set<std::string> by = found_by(wrong);
  by.erase("opening/late-answer");  // whose answer comes in pieces, which are not put right here
  EXPECT_EQ(by, (std::set<std::string>{"opening/asks-again", "opening/refused"}));
}

// ---- On real sockets.

// A client that knows just enough: one frame for each packet, and whatever comes is read away.
constexpr const char* websocket_client = R"(
import base64, json, os, socket, sys, threading
hello = {"did": "hello", "name": "frames", "qos": [0]}
if WEBSOCKET: hello["websocket"] = True
print(json.dumps(hello), flush=True)
link = None

def frame(kind, payload):
    mask = os.urandom(4)
    link.sendall(bytes([0x80 | kind, 0x80 | len(payload)]) + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)))

def take(size):
    data = b""
    while len(data) < size:
        more = link.recv(size - len(data))
        if not more: raise SystemExit
        data += more
    return data

def hear():
    while True:
        kind, size = take(2)
        payload = take(size)
        if kind & 15 == 9: frame(10, payload)
        if kind & 15 == 8: frame(8, payload)
        if payload[:2] == b"\x20\x02": print('{"did":"connected"}', flush=True)

for line in sys.stdin:
    order = json.loads(line)
    if order["do"] == "echo":
        print(json.dumps({"did": "echo", "id": order["id"]}), flush=True)
    elif order["do"] == "connect":
        link = socket.create_connection((order["host"], order["port"]))
        key = base64.b64encode(os.urandom(16)).decode()
        link.sendall(f"GET {order['websocket']} HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"): head += take(1)
        threading.Thread(target=hear, daemon=True).start()
        name = order["client_id"].encode()
        rest = b"\0\4MQTT\4\2" + order["keep_alive"].to_bytes(2, "big") + len(name).to_bytes(2, "big") + name
        frame(2, bytes([0x10, len(rest)]) + rest)
    elif order["do"] == "disconnect":
        frame(2, b"\xe0\0")
        frame(8, b"\x03\xe8")
    elif order["do"] == "quit":
        break
)";

LiveDevice live(bool knows_them) {
  LiveDevice device;
  device.command = {
      "python3", "-c",
      std::string{"WEBSOCKET = "} + (knows_them ? "True" : "False") + websocket_client};
  return device;
}

TEST(DeviceWebSocket, AClientOnARealSocketIsUnderstood) {
  LiveDevice device = live(true);
  for (const char* about : {"device/websocket/opening/asks", "device/websocket/control/pings",
                            "device/websocket/control/closed-by-*"}) {
    const DevicePlay play = play_live(device, chosen_device_cases(about));
    ASSERT_EQ(play.unreachable, "");
    EXPECT_EQ(failures(play), "") << about;
  }
  device.websocket = true;  // any case
  const DevicePlay play = play_live(device, chosen_device_cases("device/connect/plain"));
  EXPECT_EQ(failures(play), "");
}

TEST(DeviceWebSocket, AnAdapterThatKnowsNoneHasNoCaseWithinOne) {
  LiveDevice device = live(false);
  for (const bool all : {false, true}) {
    device.websocket = all;
    const DevicePlay play = play_live(
        device,
        chosen_device_cases(all ? "device/connect/plain" : "device/websocket/opening/asks"));
    ASSERT_EQ(play.cases.size(), 1u);
    EXPECT_EQ(play.cases[0].not_applicable, "it speaks no WebSocket");
  }
}

}  // namespace
