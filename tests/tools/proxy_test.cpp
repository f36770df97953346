// The proxy's machine: where packets begin and end, what a script says, and that each fault really happens.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "model/http/codec.hpp"
#include "model/mqtt/codec.hpp"
#include "tools/fault_plan.hpp"
#include "tools/pcap.hpp"
#include "tools/proxy/core.hpp"

namespace hubproof::tools {
namespace {

using namespace std::chrono_literals;
using model::Bytes;
using model::View;
namespace mqtt = model::mqtt;

template <class P>
Bytes bytes_of(const P& packet) {
  Bytes bytes;
  mqtt::write(bytes, packet);
  return bytes;
}
Bytes hello(std::string_view id = "d0") {
  mqtt::Connect packet;
  packet.client_id = id;
  return bytes_of(packet);
}
Bytes publish(std::uint16_t id, std::string_view topic = "a/b", std::string_view body = "body") {
  return bytes_of(mqtt::Publish{topic, model::view(body), id, 1, false, false});
}
Bytes puback(std::uint16_t id) { return bytes_of(mqtt::Puback{id}); }
Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}
Bytes bytes(std::string_view text) { return {text.begin(), text.end()}; }

// ---- Packets.

std::vector<std::string> names(WireProtocol protocol, From from, const Bytes& all, std::size_t piece = 1u << 30) {
  Dissector dissector{protocol};
  std::vector<Piece> pieces;
  for (std::size_t at = 0; at < all.size(); at += piece)
    dissector.take(from, View{all}.subspan(at, std::min(piece, all.size() - at)), pieces);
  dissector.finish(from, pieces);
  std::vector<std::string> names;
  Bytes together;
  for (const Piece& one : pieces) {
    together = together + one.bytes;
    if (one.begins) names.push_back(one.name + (one.topic.empty() ? "" : " " + one.topic) +
                                    (one.id == 0 ? "" : " " + std::to_string(one.id)));
  }
  EXPECT_EQ(together, all);  // nothing is lost, and nothing added
  return names;
}
using Names = std::vector<std::string>;

TEST(ProxyDissector, MqttPacketsAreToldApartInEverySplit) {
  const Bytes all = hello() + publish(7) + puback(3) + bytes_of(mqtt::Pingreq{}) + publish(8, "t", std::string(300, 'x'));
  for (std::size_t piece = 1; piece <= all.size(); ++piece)
    EXPECT_EQ(names(WireProtocol::mqtt, From::client, all, piece),
              (Names{"CONNECT", "PUBLISH a/b 7", "PUBACK 3", "PINGREQ", "PUBLISH t 8"}))
        << piece;
}

TEST(ProxyDissector, AmqpFramesAreToldApartInEverySplit) {
  const Bytes header = {'A', 'M', 'Q', 'P', 3, 1, 0, 0};
  const Bytes init = {0, 0, 0, 13, 2, 1, 0, 0, 0, 0x53, 0x41, 0xc0, 0};
  const Bytes transfer = {0, 0, 0, 20, 2, 0, 0, 1, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x14, 0x45, 0};
  const Bytes empty = {0, 0, 0, 8, 2, 0, 0, 0};
  const Bytes all = header + init + transfer + empty;
  for (std::size_t piece = 1; piece <= all.size(); ++piece)
    EXPECT_EQ(names(WireProtocol::amqp, From::server, all, piece), (Names{"header", "sasl-init", "transfer", "empty"}));
}

// Its body is the beginning of a performative that only bytes of the next frame would make whole.
TEST(ProxyDissector, AFrameIsKnownByItsOwnBytes) {
  const Bytes all{0, 0, 0, 9, 2, 0, 0, 1, 0x00, 0x53, 0x15, 0x45, 8, 2, 0, 0, 0};
  for (std::size_t piece = 1; piece <= all.size(); ++piece)
    EXPECT_EQ(names(WireProtocol::amqp, From::client, all, piece).front(), "frame") << piece;
}

TEST(ProxyDissector, HttpMessagesAreToldApartInEverySplit) {
  const Bytes requests = bytes("POST /devices/d7/messages/events?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody"
                               "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
                               "PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;e=1\r\nabc\r\n0\r\nT: 1\r\n\r\n"
                               "DELETE /x HTTP/1.1\r\n\r\n");
  for (std::size_t piece = 1; piece <= requests.size(); ++piece)
    EXPECT_EQ(names(WireProtocol::http, From::client, requests, piece), (Names{"POST", "GET", "PUT", "DELETE"}));
  Dissector dissector{WireProtocol::http};
  std::vector<Piece> pieces;
  dissector.take(From::client, requests, pieces);
  ASSERT_EQ(pieces.size(), 5u);  // a chunked one's head and body
  EXPECT_EQ(pieces[0].client, "d7");
  for (std::size_t i = 1; i < pieces.size(); ++i) EXPECT_EQ(pieces[i].client, "") << i;
}

TEST(ProxyDissector, ResponsesAreUnderstoodByTheirRequests) {
  Dissector dissector{WireProtocol::http};
  std::vector<Piece> pieces;
  dissector.take(From::client, bytes("HEAD / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"), pieces);
  pieces.clear();
  dissector.take(From::server, bytes("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
                                     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching\r\n\r\nwhatever"), pieces);
  Names got;
  for (const Piece& piece : pieces) got.push_back(piece.name + "/" + piece.kind);
  EXPECT_EQ(got, (Names{"200/response", "100/response", "101/response", "bytes/"}));
  pieces.clear();
  dissector.take(From::client, bytes("GET "), pieces);
  ASSERT_EQ(pieces.size(), 1u);
  EXPECT_EQ(pieces[0].name, "bytes");
}

TEST(ProxyDissector, ARequestThatWaitsForAWordIsPassedOnAtOnce) {
  Dissector dissector{WireProtocol::http};
  std::vector<Piece> pieces;
  dissector.take(From::client, bytes("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"), pieces);
  ASSERT_EQ(pieces.size(), 1u);
  EXPECT_FALSE(pieces[0].ends);
  dissector.take(From::client, bytes("bodyGET / HTTP/1.1\r\n\r\n"), pieces);
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_TRUE(pieces[1].ends);
  EXPECT_EQ(pieces[2].name, "GET");
}

TEST(ProxyDissector, WhatItCannotReadIsBytes) {
  EXPECT_EQ(names(WireProtocol::mqtt, From::client, hello() + Bytes{0x00, 1, 2} + publish(1)), (Names{"CONNECT", "bytes"}));
  EXPECT_EQ(names(WireProtocol::mqtt, From::client, Bytes{0x30, 0xff, 0xff, 0xff, 0xff, 1}), (Names{"bytes"}));
  EXPECT_EQ(names(WireProtocol::amqp, From::client, Bytes{0, 0, 0, 4, 2, 0, 0, 0}), (Names{"bytes"}));
  EXPECT_EQ(names(WireProtocol::http, From::client, bytes("what is this\r\n\r\nGET / HTTP/1.1\r\n\r\n")), (Names{"bytes"}));
  EXPECT_EQ(names(WireProtocol::http, From::client, bytes("GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n")), (Names{"bytes"}));
  EXPECT_EQ(names(WireProtocol::http, From::client, bytes("GET / HT")), (Names{"bytes"}));  // the end came
  EXPECT_EQ(names(WireProtocol::bytes, From::client, hello()), (Names{"bytes"}));
}

// Fuzzing found it: the body of a frame that is too large to be held was looked for before it had come.
TEST(ProxyDissector, AFrameTooLargeToHoldMayHaveALongHeader) {
  Bytes frame = {0, 0x20, 0, 0, 200, 0, 0, 1};
  frame.resize(800);
  frame = frame + Bytes{0, 0x53, 0x14};
  frame.resize(0x200000);
  for (const std::size_t piece : {801u, 100'000u})
    EXPECT_EQ(names(WireProtocol::amqp, From::client, frame, piece), (Names{"transfer"})) << piece;
}

TEST(ProxyDissector, APacketTooLargeToHoldComesInPieces) {
  const Bytes large = publish(5, "big", std::string(Dissector::most_held + 10, 'x'));
  EXPECT_EQ(names(WireProtocol::mqtt, From::client, large + puback(1), 100'000), (Names{"PUBLISH big 5", "PUBACK 1"}));
}

// ---- Scripts.

Names problems(const std::string& json, const std::vector<std::string>& clients = {"d0", "d1"}) {
  Problems found;
  read_proxy_script(json, live_cast(clients), found);
  Names lines;
  for (const Problem& one : found) lines.push_back(one.where + ": " + one.what);
  return lines;
}

TEST(ProxyScript, WhatIsWrongWithItIsSaidWithItsPlace) {
  const std::pair<const char*, const char*> wrongs[] = {
      {"[", ""},
      {"[]", ": expected an object"},
      {R"({"fault": []})", "/fault: unknown key"},
      {R"({"faults": [{"reset": "d7"}]})", "/faults/0/reset: no node is called \"d7\"; there are hub, d0, d1"},
      {R"({"faults": [{"reset": "*", "at": {}}]})", "/faults/0/at: \"packet\" is missing"},
      {R"({"faults": [{"reset": "*", "at": {"packet": "PUBLSH"}}]})",
       "/faults/0/at/packet: no packet is called \"PUBLSH\"; did you mean \"PUBLISH\"?"},
      {R"({"faults": [{"reset": "*", "at": {"packet": "PUBLISH", "cuont": 2}}]})", "/faults/0/at/cuont: unknown key"},
      {R"({"faults": [{"reset": "*", "at": {"packet": "PUBLISH", "place": "behind"}}]})", "/faults/0/at/place: "},
      {R"({"faults": [{"drop": 1, "at": {"packet": "PUBLISH", "place": "after"}}]})",
       "/faults/0/at/place: it says where a connection ends, and this fault ends none"},
      {R"({"faults": [{"drop": 1, "at": {"packet": "PUBACK", "topic": "a"}}]})", "/faults/0/at/topic: only a PUBLISH has one"},
      {R"({"faults": [{"drop": 1, "at": {"packet": "PUBLISH", "topic": "a#"}}]})", "/faults/0/at/topic: not a topic filter"},
      {R"({"faults": [{"partition": "d0", "at": {"packet": "PUBLISH"}}]})", "/faults/0/at: partition hits no single packet"},
      {R"({"faults": [{"duplicate": 0.5}]})", "/faults/0/duplicate: TCP puts this right"},
      {R"({"faults": [{"crash": "hub"}]})", "/faults/0/crash: a proxy has no hand in the program of either end"},
      {R"({"faults": [{"step": "1h", "nodes": "hub"}]})", "/faults/0/step: a proxy has no hand in the clock"},
      {R"({"faults": [{"connect_refusal": "d0"}]})", "/faults/0/connect_refusal: a connection says whose it is"},
      {R"({"nemeses": [{"menu": [{"reset": "*", "gap": "1s"}]}]})", "/nemeses: they need an end"},
      {R"({"duration": "9s", "nemeses": [{"menu": [{"restart": "hub", "gap": "1s"}]}]})",
       "/nemeses/0/menu/0/restart: a proxy has no hand"},
  };
  for (const auto& [json, what] : wrongs) {
    const Names found = problems(json);
    ASSERT_FALSE(found.empty()) << json;
    EXPECT_TRUE(std::ranges::any_of(found, [&](const std::string& one) { return one.starts_with(what); }))
        << json << "\n" << ::testing::PrintToString(found);
  }
  EXPECT_EQ(problems(R"({"reason": "x", "duration": "60s", "faults": [{"reset": "*", "at": {"packet": "204", "from": "server",
      "count": 2, "per": "run", "times": 3, "place": "inside"}}, {"delay": "1s"}, {"partition": "d*", "until": "5s"}],
      "nemeses": [{"menu": [{"reset": "d*", "gap": "1s"}]}]})"),
            Names{});
}

// ---- Faults.

// The machine between two ends that only remember what they were sent.
class Bench {
 public:
  explicit Bench(const std::string& faults, std::uint64_t seed = 1, std::vector<std::string> clients = {"d0", "d1"},
                 WireProtocol protocol = WireProtocol::mqtt)
      : protocol_{protocol} {
    const Cast cast = live_cast(clients);
    Problems problems;
    const ProxyScript script = read_proxy_script(faults, cast, problems);
    for (const Problem& one : problems) ADD_FAILURE() << one.where << ": " << one.what;
    core_.emplace(script, cast, seed, now);
  }
  Bench& open(unsigned pair = 1) {
    core_->opened(now, PairId{pair}, protocol_);
    perform();
    if (sides[{pair, From::server}].dialled) {
      core_->connected(now, PairId{pair});
      perform();
    }
    return *this;
  }
  Bench& says(From from, const Bytes& all, unsigned pair = 1) {
    for (std::size_t at = 0; at < all.size(); at += piece) {
      core_->received(now, PairId{pair}, from, View{all}.subspan(at, std::min(piece, all.size() - at)));
      perform();
    }
    return *this;
  }
  Bench& client(const Bytes& all, unsigned pair = 1) { return says(From::client, all, pair); }
  Bench& server(const Bytes& all, unsigned pair = 1) { return says(From::server, all, pair); }
  Bench& ends(From side, model::EndedBy by = model::EndedBy::peer, unsigned pair = 1) {
    core_->ended(now, PairId{pair}, side, by);
    perform();
    return *this;
  }
  Bench& wait(model::Duration time) {
    const model::Instant until = now + time;
    for (int turns = 0; turns < 100'000; ++turns) {
      const auto due = core_->deadline();
      if (!due || *due > until) break;
      now = std::max(now, *due);
      core_->woken(now);
      perform();
    }
    now = until;
    return *this;
  }
  Bytes got(From side, unsigned pair = 1) { return std::exchange(sides[{pair, side}].bytes, {}); }
  Names packets(From side, unsigned pair = 1) {  // that it was sent
    return names(protocol_, side == From::client ? From::server : From::client, got(side, pair));
  }
  const std::string& end(From side, unsigned pair = 1) { return sides[{pair, side}].end; }

  struct Side {
    Bytes bytes;
    std::string end;  // close, abort, silence; empty: open
    bool dialled = false;
    bool held = false;
  };
  std::map<std::pair<unsigned, From>, Side> sides;
  std::vector<ProxyNote> notes;
  Names did() const {  // of faults
    Names all;
    for (const ProxyNote& one : notes)
      if (one.fault) all.push_back(one.packet + (one.packet.empty() ? "" : ": ") + one.did);
    return all;
  }
  model::Instant now{1s};
  std::size_t piece = 1u << 30;

 private:
  void perform() {
    for (ProxyEffect& effect : core_->take_effects()) {
      const auto pair = static_cast<unsigned>(effect.pair);
      Side& side = sides[{pair, effect.side}];
      using Kind = ProxyEffect::Kind;
      switch (effect.kind) {
        case Kind::dial: side.dialled = true; break;
        case Kind::send:
          EXPECT_EQ(side.end, "");
          side.bytes = side.bytes + effect.bytes;
          break;
        case Kind::close: side.end = "close"; break;
        case Kind::abort: side.end = "abort"; break;
        case Kind::silence: sides[{pair, From::client}].end = sides[{pair, From::server}].end = "silence"; break;
        case Kind::hold: side.held = true; break;
        case Kind::let_go: side.held = false; break;
      }
    }
    for (ProxyNote& one : core_->take_notes()) notes.push_back(std::move(one));
  }

  WireProtocol protocol_;
  std::optional<ProxyCore> core_;
};

constexpr From client = From::client, server = From::server;

TEST(Proxy, WithoutFaultsAllPassesBothWaysAndEndsAreHandedOn) {
  Bench bench{"{}"};
  bench.open().client(hello() + publish(1)).server(puback(1));
  EXPECT_EQ(bench.packets(server), (Names{"CONNECT", "PUBLISH a/b 1"}));
  EXPECT_EQ(bench.packets(client), Names{"PUBACK 1"});
  bench.ends(client);
  EXPECT_EQ(bench.end(server), "close");
  bench.open(2).ends(server, model::EndedBy::peer, 2);
  EXPECT_EQ(bench.end(client, 2), "close");
  bench.open(3).ends(server, model::EndedBy::reset, 3);
  EXPECT_EQ(bench.end(client, 3), "abort");
  EXPECT_EQ(bench.did(), Names{});
}

TEST(Proxy, WhatAClientSaysBeforeTheServerIsThereWaits) {
  Bench bench{"{}"};
  ProxyCore core{{}, live_cast({}), 0, bench.now};
  core.opened(bench.now, PairId{1}, WireProtocol::mqtt);
  core.received(bench.now, PairId{1}, client, hello());
  for (const ProxyEffect& effect : core.take_effects()) EXPECT_NE(effect.kind, ProxyEffect::Kind::send);
  EXPECT_FALSE(core.deadline());
  core.connected(bench.now, PairId{1});
  auto effects = core.take_effects();
  ASSERT_EQ(effects.size(), 1u);
  EXPECT_EQ(effects[0].bytes, hello());
  core.opened(bench.now, PairId{2}, WireProtocol::mqtt);
  core.refused(bench.now, PairId{2});
  effects = core.take_effects();
  ASSERT_EQ(effects.size(), 2u);
  EXPECT_EQ(effects[1].kind, ProxyEffect::Kind::abort);
}

TEST(Proxy, AnUnfinishedPacketComesBeforeTheEnd) {
  Bench bench{"{}"};
  const Bytes half = {0x30, 50, 0};
  bench.open().client(half).ends(client);
  EXPECT_EQ(bench.got(server), half);
  EXPECT_EQ(bench.end(server), "close");
}

TEST(Proxy, AResetComesBeforeInsideOrAfterThePacketThatItWaitsFor) {
  const std::pair<const char*, Bytes> places[] = {
      {"before", hello() + publish(1) + publish(2)},
      {"inside", hello() + publish(1) + publish(2) + Bytes{0x32, 11, 0, 3, 'a', '/'}},
      {"after", hello() + publish(1) + publish(2) + publish(3)}};
  for (const auto& [place, expected] : places) {
    for (std::size_t piece = 1; piece <= 70; piece += 3) {
      Bench bench{std::string{R"({"faults": [{"reset": "*", "at": {"packet": "PUBLISH", "count": 3, "from": "client", "place": ")"} +
                  place + R"("}}]})"};
      bench.piece = piece;
      bench.open().client(hello() + publish(1) + publish(2) + publish(3) + publish(4)).server(puback(1));
      EXPECT_EQ(bench.got(server), expected) << place;
      EXPECT_EQ(bench.got(client), Bytes{});
      EXPECT_EQ(bench.end(client), "abort");
      EXPECT_EQ(bench.end(server), "abort");
      EXPECT_EQ(bench.did(), (Names{std::string{"PUBLISH: reset "} + place + " it", "reset"}));
    }
  }
}

TEST(Proxy, AResetHappensSoOftenAsItSaysAndCountsWhereItSays) {
  const auto cut = [](const std::string& more, std::vector<std::pair<unsigned, std::string>> connections) {
    Bench bench{R"({"faults": [{"reset": "*", "at": {"packet": "PUBLISH", "count": 2, )" + more + "}}]}"};
    std::string result;
    for (const auto& [pair, id] : connections) {
      bench.open(pair).client(hello(id), pair);
      for (std::uint16_t n = 1; n <= 3 && bench.end(client, pair).empty(); ++n) bench.client(publish(n), pair);
      result += bench.end(client, pair).empty() ? "-" : std::to_string(bench.packets(server, pair).size() - 1);
    }
    return result;
  };
  const std::vector<std::pair<unsigned, std::string>> three = {{1, "d0"}, {2, "d1"}, {3, "d0"}};
  EXPECT_EQ(cut(R"("times": 1)", three), "1--");
  EXPECT_EQ(cut(R"("times": 0)", three), "111");
  EXPECT_EQ(cut(R"("times": 0, "per": "client")", three), "11-");
  EXPECT_EQ(cut(R"("times": 0, "per": "run")", three), "1--");
  EXPECT_EQ(cut(R"("from": "server")", three), "---");
}

TEST(Proxy, FaultsHitTheClientsTheyNameAndTopicsTheyMatch) {
  Bench bench{R"({"faults": [{"drop": 1, "nodes": "d1", "at": {"packet": "PUBLISH", "topic": "a/#"}}]})"};
  bench.open(1).client(hello("d0") + publish(1), 1).open(2).client(hello("d1") + publish(1) + publish(2, "b"), 2);
  EXPECT_EQ(bench.packets(server, 1), (Names{"CONNECT", "PUBLISH a/b 1"}));
  EXPECT_EQ(bench.packets(server, 2), (Names{"CONNECT", "PUBLISH b 2"}));
}

TEST(Proxy, AHalfOpenConnectionIsSilentOnBothSides) {
  Bench bench{R"({"faults": [{"half_open": "*", "at": {"packet": "PUBLISH", "place": "after"}}]})"};
  bench.open().client(hello() + publish(1)).server(puback(1)).client(publish(2)).ends(client);
  EXPECT_EQ(bench.packets(server), (Names{"CONNECT", "PUBLISH a/b 1"}));
  EXPECT_EQ(bench.got(client), Bytes{});
  EXPECT_EQ(bench.end(client), "silence");
  EXPECT_EQ(bench.end(server), "silence");
  EXPECT_EQ(bench.open(2).client(hello(), 2).packets(server, 2), Names{"CONNECT"});  // new ones work
}

TEST(Proxy, APacketIsDroppedDelayedDoubledHeldBackOrChanged) {
  {
    Bench bench{R"({"faults": [{"drop": 1, "at": {"packet": "PUBACK", "count": 2}}]})"};
    bench.open().server(puback(1) + puback(2) + puback(3));
    EXPECT_EQ(bench.packets(client), (Names{"PUBACK 1", "PUBACK 3"}));
    EXPECT_EQ(bench.did(), Names{"PUBACK: dropped"});
  }
  {
    Bench bench{R"({"faults": [{"delay": "2s", "at": {"packet": "PUBLISH", "count": 1}}]})"};
    bench.open().client(hello() + publish(1) + publish(2));
    EXPECT_EQ(bench.packets(server), Names{"CONNECT"});
    bench.wait(1900ms);
    EXPECT_EQ(bench.packets(server), Names{});
    bench.wait(200ms);  // and what is behind it waits with it
    EXPECT_EQ(bench.packets(server), (Names{"PUBLISH a/b 1", "PUBLISH a/b 2"}));
  }
  {
    Bench bench{R"({"faults": [{"duplicate": 1, "after": "1s", "at": {"packet": "PUBLISH", "count": 1}}]})"};
    bench.open().client(hello() + publish(1) + publish(2));
    EXPECT_EQ(bench.packets(server), (Names{"CONNECT", "PUBLISH a/b 1", "PUBLISH a/b 2"}));
    bench.ends(client).wait(2s);  // its end waits for the second one
    EXPECT_EQ(bench.packets(server), Names{"PUBLISH a/b 1"});
    EXPECT_EQ(bench.end(server), "close");
  }
  {
    Bench bench{R"({"faults": [{"reorder": 1, "held": "1s", "at": {"packet": "PUBLISH", "count": 1}}]})"};
    bench.open().client(hello() + publish(1) + publish(2)).wait(2s).client(publish(3));
    EXPECT_EQ(bench.packets(server), (Names{"CONNECT", "PUBLISH a/b 2", "PUBLISH a/b 1", "PUBLISH a/b 3"}));
  }
  {
    Bench bench{R"({"faults": [{"corrupt": 1, "at": {"packet": "PUBLISH"}}]})"};
    bench.open().client(publish(1));
    const Bytes got = bench.got(server);
    ASSERT_EQ(got.size(), publish(1).size());
    int flipped = 0;
    for (std::size_t i = 0; i < got.size(); ++i) flipped += std::popcount(static_cast<unsigned>(got[i] ^ publish(1)[i]));
    EXPECT_EQ(flipped, 1);
  }
}

TEST(Proxy, ALargePacketIsDroppedToItsEndAndCutBehindIt) {
  const Bytes large = publish(5, "big", std::string(Dissector::most_held + 10, 'x'));
  Bench dropping{R"({"faults": [{"drop": 1, "at": {"packet": "PUBLISH", "topic": "big"}}]})"};
  dropping.piece = 50'000;
  dropping.open().client(hello() + large + publish(6));
  EXPECT_EQ(dropping.packets(server), (Names{"CONNECT", "PUBLISH a/b 6"}));
  Bench cutting{R"({"faults": [{"reset": "*", "at": {"packet": "PUBLISH", "place": "after"}}]})"};
  cutting.piece = 50'000;
  cutting.open().client(large + publish(6));
  EXPECT_EQ(cutting.got(server), large);
  EXPECT_EQ(cutting.end(client), "abort");
}

// Fuzzing found it: the bit to flip was drawn among the bytes that had come by then.
TEST(Proxy, WhatHappensToALargePacketDoesNotHangOnHowItCame) {
  const Bytes large = publish(5, "big", std::string(Dissector::most_held + 10, 'x'));
  const auto got = [&](const std::string& fault, std::size_t piece) {
    Bench bench{R"({"faults": [)" + fault + "]}"};
    bench.piece = piece;
    bench.open().client(large);
    return bench.got(server);
  };
  const std::string corrupt = R"({"corrupt": 1, "at": {"packet": "PUBLISH", "topic": "big"}})";
  const std::string reset = R"({"reset": "*", "at": {"packet": "PUBLISH", "place": "inside"}})";
  const Bytes flipped = got(corrupt, 100'000);
  EXPECT_NE(flipped, large);
  EXPECT_EQ(flipped.size(), large.size());
  EXPECT_EQ(got(corrupt, 999), flipped);
  const Bytes cut = got(reset, 100'000);
  EXPECT_LT(cut.size(), 11u);  // fixed header, topic and packet identifier
  EXPECT_FALSE(cut.empty());
  EXPECT_EQ(got(reset, 999), cut);
}

// Fuzzing found it: who a CONNECT says the client is was known too soon when more had come before it.
TEST(Proxy, ANameThatComesLaterInTheSameReadDecidesNothingBeforeIt) {
  Bytes sent;
  for (std::uint16_t id = 1; id <= 30; ++id) sent = sent + publish(id);
  sent = sent + hello() + publish(31);
  const auto got = [&](std::size_t piece) {
    Bench bench{R"({"faults": [{"drop": 0.5, "at": {"packet": "PUBLISH"}}]})"};
    bench.piece = piece;
    bench.open().client(sent);
    return bench.got(server);
  };
  EXPECT_LT(got(10'000).size(), sent.size());
  EXPECT_EQ(got(3), got(10'000));
}

TEST(Proxy, TimedFaultsDelayHoldUpSlowDownAndRefuse) {
  {
    Bench bench{R"({"faults": [{"delay": "500ms", "from": "1s", "until": "3s"}]})"};
    bench.open().client(hello());
    EXPECT_EQ(bench.packets(server), Names{"CONNECT"});
    bench.wait(2s).client(publish(1)).server(puback(9)).wait(400ms);
    EXPECT_EQ(bench.packets(server), Names{});
    bench.wait(200ms);
    EXPECT_EQ(bench.packets(server), Names{"PUBLISH a/b 1"});
    EXPECT_EQ(bench.packets(client), Names{"PUBACK 9"});
    bench.wait(2s).client(publish(2));
    EXPECT_EQ(bench.packets(server), Names{"PUBLISH a/b 2"});
  }
  {
    Bench bench{R"({"faults": [{"partition": "d0", "from": "1s", "until": "5s"}]})"};
    bench.open(1).client(hello("d0"), 1).open(2).client(hello("d1"), 2).wait(2s);
    bench.client(publish(1), 1).client(publish(1), 2).server(puback(1), 1);
    EXPECT_EQ(bench.packets(server, 1), Names{"CONNECT"});
    EXPECT_EQ(bench.packets(server, 2), (Names{"CONNECT", "PUBLISH a/b 1"}));
    EXPECT_EQ(bench.got(client, 1), Bytes{});
    bench.wait(4s);
    EXPECT_EQ(bench.packets(server, 1), Names{"PUBLISH a/b 1"});
    EXPECT_EQ(bench.packets(client, 1), Names{"PUBACK 1"});
  }
  {
    Bench bench{R"({"faults": [{"bandwidth": 100}]})"};
    bench.open().client(publish(1, "t", std::string(193, 'x'))).client(publish(2)).wait(1900ms);
    EXPECT_EQ(bench.packets(server), Names{});
    bench.wait(300ms);
    EXPECT_EQ(bench.packets(server), (Names{"PUBLISH t 1", "PUBLISH a/b 2"}));
  }
  {
    Bench bench{R"({"faults": [{"connect_refusal": "hub", "until": "5s"}]})"};
    bench.open();
    EXPECT_EQ(bench.end(client), "abort");
    EXPECT_FALSE(bench.sides[std::pair(1u, server)].dialled);
    bench.wait(6s).open(2).client(hello(), 2);
    EXPECT_EQ(bench.packets(server, 2), Names{"CONNECT"});
  }
  {
    Bench bench{R"({"duration": "20s", "faults": [{"reset": "d0", "from": "1s"}, {"half_open": "d1", "from": "2s"}]})"};
    bench.open(1).client(hello("d0"), 1).open(2).client(hello("d1"), 2).wait(1500ms);
    EXPECT_EQ(bench.end(client, 1) + bench.end(server, 1) + bench.end(client, 2), "abortabort");
    bench.wait(1s);
    EXPECT_EQ(bench.end(client, 2), "silence");
    EXPECT_EQ(bench.wait(20s).did().back(), "all faults are over");
  }
}

// TCP repairs what a lossy path loses: the stream stalls, and nothing is missing.
TEST(Proxy, LossWithoutAPacketIsAStallAndNotAHole) {
  Bench lossy{R"({"faults": [{"drop": 0.5}]})"};
  lossy.open();
  Names expected;
  for (std::uint16_t n = 1; n <= 50; ++n) {
    lossy.client(publish(n));
    expected.push_back("PUBLISH a/b " + std::to_string(n));
  }
  Names soon = lossy.packets(server);
  EXPECT_LT(soon.size(), 50u);
  const Names late = lossy.wait(300s).packets(server);
  soon.insert(soon.end(), late.begin(), late.end());
  EXPECT_EQ(soon, expected);

  Bench hole{R"({"faults": [{"drop": 1, "until": "60s"}]})"};
  hole.open().client(publish(1)).wait(55s);
  EXPECT_EQ(hole.got(server), Bytes{});
  hole.wait(20s);
  EXPECT_EQ(hole.packets(server), Names{"PUBLISH a/b 1"});
}

TEST(Proxy, TheSameSeedDecidesTheSameInEverySplitAndAnotherDoesNot) {
  const std::string faults = R"({"faults": [{"drop": 0.2, "at": {"packet": "PUBLISH"}},
      {"corrupt": 0.2, "at": {"packet": "PUBLISH"}}, {"duplicate": 0.2, "at": {"packet": "PUBLISH"}},
      {"delay": {"uniform": ["1ms", "90ms"]}, "at": {"packet": "PUBACK"}}]})";
  const auto run = [&](std::uint64_t seed, std::size_t piece) {
    Bench bench{faults, seed};
    bench.piece = piece;
    Bytes up, down;
    for (std::uint16_t n = 1; n <= 60; ++n) up = up + publish(n), down = down + puback(n);
    bench.open().client(hello() + up).server(down).wait(100s);
    return std::tuple{bench.got(server), bench.got(client), bench.did()};
  };
  const auto first = run(1, 1u << 20);
  for (const std::size_t piece : {1u, 2u, 3u, 7u, 64u}) EXPECT_EQ(run(1, piece), first);
  EXPECT_GT(std::get<2>(first).size(), 20u);
  EXPECT_NE(run(2, 1u << 20), first);
}

TEST(Proxy, ADrawOfOneClientShiftsNoneOfAnother) {
  const std::string faults = R"({"faults": [{"drop": 0.3, "at": {"packet": "PUBLISH"}}]})";
  const auto of_d1 = [&](bool with_d0) {
    Bench bench{faults};
    if (with_d0) bench.open(1).client(hello("d0"), 1);
    bench.open(2).client(hello("d1"), 2);
    for (std::uint16_t n = 1; n <= 40; ++n) {
      if (with_d0) bench.client(publish(n), 1);
      bench.client(publish(n), 2);
    }
    return bench.packets(server, 2);
  };
  EXPECT_EQ(of_d1(true), of_d1(false));
}

TEST(Proxy, WhoSendsTooMuchIsHeldUp) {
  Bench bench{R"({"faults": [{"partition": "*", "until": "5s"}]})"};
  bench.open();
  const Bytes some = publish(1, "t", std::string(60'000, 'x'));
  for (int i = 0; i < 4; ++i) bench.client(some);
  EXPECT_FALSE(bench.sides[std::pair(1u, client)].held);
  bench.client(some);
  EXPECT_TRUE(bench.sides[std::pair(1u, client)].held);
  bench.wait(6s);
  EXPECT_FALSE(bench.sides[std::pair(1u, client)].held);
  EXPECT_EQ(bench.got(server).size(), some.size() * 5);
}

TEST(Proxy, AmqpAndHttpAreCutAtTheirOwnPackets) {
  const Bytes transfer = {0, 0, 0, 13, 2, 0, 0, 1, 0, 0x53, 0x14, 0x45, 0};
  const Bytes disposition = {0, 0, 0, 13, 2, 0, 0, 1, 0, 0x53, 0x15, 0x45, 0};
  Bench amqp{R"({"faults": [{"reset": "*", "at": {"packet": "disposition", "from": "server"}}]})", 1, {}, WireProtocol::amqp};
  amqp.open().client(transfer).server(disposition);
  EXPECT_EQ(amqp.packets(server), Names{"transfer"});
  EXPECT_EQ(amqp.got(client), Bytes{});
  EXPECT_EQ(amqp.end(client), "abort");

  Bench http{R"({"faults": [{"drop": 1, "at": {"packet": "204"}}, {"delay": "1s", "at": {"packet": "request"}}]})", 1, {},
             WireProtocol::http};
  http.open().client(bytes("POST /x HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"));
  EXPECT_EQ(http.got(server), Bytes{});
  http.wait(1s);
  EXPECT_EQ(http.packets(server), Names{"POST"});
  http.server(bytes("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  EXPECT_EQ(http.packets(client), Names{"200"});
}

// ---- pcapng.

TEST(ProxyPcap, AConnectionIsAStreamOfSegmentsThatFit) {
  Pcap pcap{{"one"}};
  const std::size_t head = pcap.out().size();
  EXPECT_EQ(head % 4, 0u);
  EXPECT_EQ(model::load_little<4>(pcap.out().data()), 0x0a0d0d0au);
  pcap.opened(1'700'000'000'000'000'001, 7, 0, {0x7f000001, 40'001}, {0x7f000001, 1883});
  pcap.sent(1'700'000'000'000'000'002, 7, true, hello());
  pcap.sent(1'700'000'000'000'000'003, 7, false, puback(1));
  pcap.ended(1'700'000'000'000'000'004, 7, true, false);
  pcap.ended(1'700'000'000'000'000'005, 7, false, true);
  pcap.sent(1'700'000'000'000'000'006, 7, true, hello());  // it is gone
  const Bytes& out = pcap.out();
  std::vector<int> flags;
  std::uint32_t expected[2] = {1, 1};
  for (std::size_t at = head; at < out.size();) {
    const auto size = static_cast<std::size_t>(model::load_little<4>(out.data() + at + 4));
    ASSERT_EQ(model::load_little<4>(out.data() + at), 6u);
    ASSERT_EQ(model::load_little<4>(out.data() + at + size - 4), size);
    const std::uint8_t* ip = out.data() + at + 28;
    const auto length = static_cast<std::size_t>(model::load_big<2>(ip + 2));
    std::uint32_t sum = 0;
    for (int i = 0; i < 20; i += 2) sum += static_cast<std::uint32_t>(model::load_big<2>(ip + i));
    EXPECT_EQ((sum & 0xffff) + (sum >> 16), 0xffffu);
    const std::uint8_t* tcp = ip + 20;
    const std::size_t from = model::load_big<2>(tcp) == 40'001 ? 0 : 1;
    EXPECT_EQ(model::load_big<4>(tcp + 4), expected[from]);
    expected[from] += static_cast<std::uint32_t>(length - 40) + ((tcp[13] & 3) != 0 ? 1 : 0);
    flags.push_back(tcp[13]);
    at += size;
  }
  EXPECT_EQ(flags, (std::vector<int>{2, 18, 16, 24, 24, 17, 20}));
}

}  // namespace
}  // namespace hubproof::tools
