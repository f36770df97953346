#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "model/amqp/engine.hpp"
#include "model/amqp/message.hpp"
#include "model/amqp/sasl.hpp"
#include "tests/support/sdk_golden.hpp"

namespace hubproof::model::amqp {
namespace {

using namespace std::chrono_literals;

constexpr Instant start{};

// A client and a hub, back to back. The hub lets everything in and accepts what comes.
struct Pair {
  explicit Pair(Duration idle = {})
      : hub{{false, "hub", {}, idle, 262'144}}, client{{true, "client", "host", {}, 0}} {}

  // Moves bytes until both are quiet; what came of it is kept.
  void run(Instant now, std::size_t chunk = 0) {
    for (bool moved = true; moved;) {
      moved = move(now, client, hub, to_hub, chunk);
      moved = move(now, hub, client, to_client, chunk) || moved;
      while (auto event = hub.next()) {
        if (const auto* attached = std::get_if<Attached>(&*event)) {
          hub.accept(attached->link);
          if (attached->attach.peer_sends) hub.grant(attached->link, 10);
        }
        hub_events.push_back(std::move(*event));
      }
      while (auto event = client.next()) client_events.push_back(std::move(*event));
    }
  }
  static bool move(Instant now, Engine& from, Engine& to, Bytes& log, std::size_t chunk) {
    Bytes bytes;
    from.output(now, bytes);
    log.insert(log.end(), bytes.begin(), bytes.end());
    View rest{bytes};
    while (!rest.empty()) {
      const View part = rest.first(chunk == 0 ? rest.size() : std::min(chunk, rest.size()));
      to.received(now, part);
      rest = rest.subspan(part.size());
    }
    return !bytes.empty();
  }
  template <class E>
  std::vector<const E*> of_hub() const {
    std::vector<const E*> found;
    for (const Event& event : hub_events)
      if (const E* one = std::get_if<E>(&event)) found.push_back(one);
    return found;
  }
  template <class E>
  std::vector<const E*> of_client() const {
    std::vector<const E*> found;
    for (const Event& event : client_events)
      if (const E* one = std::get_if<E>(&event)) found.push_back(one);
    return found;
  }

  Engine hub;
  Engine client;
  Bytes to_hub;
  Bytes to_client;
  std::vector<Event> hub_events;
  std::vector<Event> client_events;
};

Attach sender(std::string target) {
  Attach attach;
  attach.peer_sends = false;
  attach.name = "sends-" + target;
  attach.target = std::move(target);
  return attach;
}

Attach receiver(std::string source) {
  Attach attach;
  attach.name = "receives-" + source;
  attach.source = std::move(source);
  return attach;
}

const Bytes tag{'1'};

TEST(AmqpEngine, ADeliveryGoesOverAndItsOutcomeComesBack) {
  Pair pair;
  const LinkId link = pair.client.attach(sender("a"));
  pair.run(start);
  ASSERT_EQ(pair.of_hub<Opened>().size(), 1u);
  EXPECT_EQ(pair.of_hub<Opened>()[0]->container, "client");
  EXPECT_EQ(pair.of_hub<Opened>()[0]->hostname, "host");
  ASSERT_EQ(pair.of_hub<Attached>().size(), 1u);
  EXPECT_EQ(pair.of_hub<Attached>()[0]->attach.target, "a");
  EXPECT_TRUE(pair.of_hub<Attached>()[0]->attach.peer_sends);
  ASSERT_EQ(pair.of_client<Attached>().size(), 1u);
  EXPECT_TRUE(pair.of_client<Attached>()[0]->answer);
  EXPECT_EQ(pair.client.credit(link), 10u);

  const DeliveryId sent = pair.client.send(link, tag, view("hello"));
  pair.run(start);
  const auto arrived = pair.of_hub<Arrived>();
  ASSERT_EQ(arrived.size(), 1u);
  EXPECT_EQ(text(arrived[0]->message), "hello");
  EXPECT_FALSE(arrived[0]->settled);
  pair.hub.settle(arrived[0]->link, arrived[0]->delivery, Outcome::rejected,
                  {"amqp:not-found", "no such device"});
  pair.run(start);
  const auto settled = pair.of_client<Settled>();
  ASSERT_EQ(settled.size(), 1u);
  EXPECT_EQ(settled[0]->delivery, sent);
  EXPECT_EQ(settled[0]->outcome, Outcome::rejected);
  EXPECT_TRUE(settled[0]->settled);
  EXPECT_EQ(settled[0]->error.condition, "amqp:not-found");
  EXPECT_EQ(settled[0]->error.description, "no such device");
}

TEST(AmqpEngine, LargeMessagesAreCutIntoFramesAndTooLargeOnesLeaveTheLinkInOrder) {  // [AMQP-25]
  Pair pair;
  const LinkId link = pair.client.attach(sender("a"));
  pair.run(start);
  const Bytes fits(200'000, 1);
  const Bytes too_large(300'000, 2);
  for (const Bytes* message : {&too_large, &fits, &too_large, &fits})
    pair.client.send(link, tag, *message);
  pair.run(start);
  const auto arrived = pair.of_hub<Arrived>();
  ASSERT_EQ(arrived.size(), 4u);
  for (const std::size_t i : {0u, 2u}) EXPECT_TRUE(arrived[i]->too_large);
  for (const std::size_t i : {1u, 3u}) EXPECT_EQ(arrived[i]->message, fits);
}

TEST(AmqpEngine, NothingIsSentWithoutCreditAndCreditComesBackWithSettling) {
  Pair pair;
  const LinkId link = pair.client.attach(sender("a"));
  pair.run(start);
  for (int i = 0; i < 10; ++i) pair.client.send(link, tag, view("x"));
  pair.run(start);
  EXPECT_EQ(pair.client.credit(link), 0u);
  const auto arrived = pair.of_hub<Arrived>();
  ASSERT_EQ(arrived.size(), 10u);
  for (const Arrived* one : arrived) pair.hub.settle(one->link, one->delivery, Outcome::accepted);
  pair.run(start);
  EXPECT_EQ(pair.client.credit(link), 10u);
  EXPECT_EQ(pair.of_client<Settled>().size(), 10u);  // a range of dispositions is one word for each
}

TEST(AmqpEngine, ReceiversGetWhatTheyGiveCreditForAndSayWhatBecameOfIt) {
  Pair pair;
  const LinkId link = pair.client.attach(receiver("b"));
  pair.run(start);
  const LinkId at_hub = pair.of_hub<Attached>()[0]->link;
  EXPECT_EQ(pair.of_hub<Attached>()[0]->attach.source, "b");
  EXPECT_EQ(pair.hub.credit(at_hub), 0u);
  pair.client.grant(link, 3);
  pair.run(start);
  EXPECT_EQ(pair.hub.credit(at_hub), 3u);
  EXPECT_FALSE(pair.of_hub<Credited>().empty());
  std::vector<DeliveryId> sent;
  for (int i = 0; i < 3; ++i) sent.push_back(pair.hub.send(at_hub, tag, view("m")));
  pair.run(start);
  const auto arrived = pair.of_client<Arrived>();
  ASSERT_EQ(arrived.size(), 3u);
  pair.client.settle(link, arrived[0]->delivery, Outcome::accepted);
  pair.client.settle(link, arrived[1]->delivery, Outcome::released);
  pair.client.settle(link, arrived[2]->delivery, Outcome::modified);
  pair.run(start);
  const auto settled = pair.of_hub<Settled>();
  ASSERT_EQ(settled.size(), 3u);
  // The engine sends what it can join in ranges after what it cannot, so the order is its own.
  const std::vector<Outcome> said{Outcome::accepted, Outcome::released, Outcome::modified};
  for (const Settled* one : settled) {
    const auto at = std::ranges::find(sent, one->delivery) - sent.begin();
    EXPECT_EQ(one->outcome, said.at(static_cast<std::size_t>(at)));
  }
  EXPECT_EQ(pair.hub.unsettled(at_hub), 3u);
  for (const DeliveryId one : sent) pair.hub.forget(at_hub, one);
  EXPECT_EQ(pair.hub.unsettled(at_hub), 0u);
  pair.hub.forget(at_hub, sent[0]);  // a second word is nothing
}

TEST(AmqpEngine, DetachesAndEndsAreToldOnceWithTheirErrors) {
  Pair pair;
  const LinkId first = pair.client.attach(sender("a"));
  const LinkId second = pair.client.attach(receiver("b"));
  pair.run(start);
  const auto attached = pair.of_hub<Attached>();
  ASSERT_EQ(attached.size(), 2u);
  pair.hub.detach(attached[0]->link, {"amqp:link:stolen", "a newer one"});
  pair.run(start);
  ASSERT_EQ(pair.of_client<Detached>().size(), 1u);
  EXPECT_EQ(pair.of_client<Detached>()[0]->link, first);
  EXPECT_EQ(pair.of_client<Detached>()[0]->error.condition, "amqp:link:stolen");
  EXPECT_TRUE(pair.of_hub<Detached>().empty());  // it was the hub's own word
  pair.client.detach(second, {});
  pair.run(start);
  ASSERT_EQ(pair.of_hub<Detached>().size(), 1u);
  EXPECT_EQ(pair.of_hub<Detached>()[0]->link, attached[1]->link);

  pair.client.close({"amqp:connection:forced", "done"});
  pair.run(start);
  ASSERT_EQ(pair.of_hub<Closed>().size(), 1u);
  EXPECT_EQ(pair.of_hub<Closed>()[0]->error.condition, "amqp:connection:forced");
  EXPECT_TRUE(pair.hub.finished());
  EXPECT_TRUE(pair.client.finished());
}

TEST(AmqpEngine, ARefusedLinkIsAttachedAndDetached) {
  Engine hub{{false, "hub", {}, {}, 0}};
  Engine client{{true, "client", "host", {}, 0}};
  client.attach(receiver("nowhere"));
  bool told = false;
  bool attached = false;
  for (int i = 0; i < 6; ++i) {
    Bytes log;
    Pair::move(start, client, hub, log, 0);
    while (auto event = hub.next())
      if (const auto* one = std::get_if<Attached>(&*event))
        hub.refuse(one->link, {"amqp:not-found", "no such address"});
    Pair::move(start, hub, client, log, 0);
    while (auto event = client.next()) {
      if (std::holds_alternative<Attached>(*event)) attached = true;
      if (const auto* one = std::get_if<Detached>(&*event)) {
        told = true;
        EXPECT_EQ(one->error.condition, "amqp:not-found");
      }
    }
  }
  EXPECT_TRUE(attached);
  EXPECT_TRUE(told);
}

TEST(AmqpEngine, ASilentPeerIsCutAndAHeartbeatKeepsItAlive) {  // [AMQP-14]
  Pair pair{60s};
  pair.client.attach(sender("a"));
  pair.run(start);
  ASSERT_TRUE(pair.client.deadline());
  EXPECT_LE(*pair.client.deadline(), start + 30s);
  Instant now = start;
  for (int i = 0; i < 20; ++i) {  // ten minutes of heartbeats
    now = *pair.client.deadline();
    pair.client.woken(now);
    pair.hub.woken(now);
    pair.run(now);
  }
  EXPECT_GT(now, start + 5min);
  EXPECT_TRUE(pair.of_hub<Broken>().empty());
  ASSERT_TRUE(pair.hub.deadline());
  EXPECT_LE(*pair.hub.deadline(), now + 120s);
  pair.hub.woken(*pair.hub.deadline());
  pair.run(now);
  ASSERT_EQ(pair.of_hub<Broken>().size(), 1u);
  EXPECT_EQ(pair.of_hub<Broken>()[0]->error.condition, "amqp:resource-limit-exceeded");
}

TEST(AmqpEngine, TheSdksOwnBytesAreUnderstood) {
  Engine hub{{false, "hub", {}, {}, 262'144}};
  std::vector<Event> events;
  Bytes out;
  for (const char* id : {"amqp.header", "amqp.open", "amqp.begin", "amqp.attach.cbs.sender",
                         "amqp.attach.cbs.receiver", "amqp.cbs.put-token", "amqp.cbs.receiver-flow"}) {
    hub.received(start, golden::frame(id));
    while (auto event = hub.next()) {
      if (const auto* one = std::get_if<Attached>(&*event)) {
        hub.accept(one->link);
        if (one->attach.peer_sends) hub.grant(one->link, 10);
      }
      events.push_back(std::move(*event));
    }
    hub.output(start, out);
  }
  const auto* arrived = [&]() -> const Arrived* {
    for (const Event& event : events)
      if (const auto* one = std::get_if<Arrived>(&event)) return one;
    return nullptr;
  }();
  ASSERT_NE(arrived, nullptr);
  const auto sections = read_sections(arrived->message);
  ASSERT_TRUE(sections);
  EXPECT_EQ(sections->property("operation"), "put-token");
}

// A frame with that performative; `fill` writes its fields.
template <class Fill>
Bytes frame(std::uint16_t channel, std::uint8_t code, Fill&& fill, View payload = {}) {
  Bytes bytes;
  Writer writer{bytes};
  writer.u32(0);
  writer.u8(2);
  writer.u8(0);
  writer.u16(channel);
  ValueWriter values{bytes};
  values.descriptor(code);
  values.begin_list();
  fill(values);
  values.end();
  writer.bytes(payload);
  writer.patch_u32(0, static_cast<std::uint32_t>(bytes.size()));
  return bytes;
}

// What a hub does with frames behind open and begin; the condition of its close.
std::string condition_after(std::vector<Bytes> frames, bool opens = true) {
  Engine hub{{false, "hub", {}, {}, 262'144}};
  Bytes out;
  hub.received(start, golden::frame("amqp.header"));
  if (opens) {
    frames.insert(frames.begin(), golden::frame("amqp.begin"));
    frames.insert(frames.begin(), golden::frame("amqp.open"));
  }
  std::string condition;
  for (const Bytes& one : frames) {
    hub.received(start, one);
    while (auto event = hub.next()) {
      if (const auto* attached = std::get_if<Attached>(&*event)) {
        hub.accept(attached->link);
        if (attached->attach.peer_sends) hub.grant(attached->link, 2);
      }
      if (const auto* broken = std::get_if<Broken>(&*event)) condition = broken->error.condition;
      if (const auto* detached = std::get_if<Detached>(&*event))
        condition = detached->error.condition;
    }
    hub.output(start, out);
  }
  return condition;
}

const auto attach_sender = [](std::uint32_t handle) {
  return frame(0, 0x12, [&](ValueWriter& to) {
    to.string("l" + std::to_string(handle));
    to.uint(handle);
    to.boolean(false);
    for (int i = 0; i < 6; ++i) to.null();
    to.uint(0);
  });
};
const auto transfer = [](std::uint32_t id, bool with_id, bool more) {
  return frame(0, 0x14,
               [&](ValueWriter& to) {
                 to.uint(0);
                 if (with_id) to.uint(id);
                 else to.null();
                 to.binary(view("t"));
                 to.uint(0);
                 to.boolean(false);
                 to.boolean(more);
               },
               view("x"));
};

TEST(AmqpEngine, WhatWouldStopOrConfuseTheEngineIsRefusedBeforeIt) {
  EXPECT_EQ(condition_after({attach_sender(0), transfer(0, true, false)}), "");
  // An assertion in Proton 0.37 stands against this one.
  EXPECT_EQ(condition_after({attach_sender(0), transfer(0, false, true)}), "amqp:decode-error");
  EXPECT_EQ(condition_after({attach_sender(0), attach_sender(0)}), "amqp:session:handle-in-use");
  EXPECT_EQ(condition_after({transfer(0, true, false)}), "amqp:session:unattached-handle");
  EXPECT_EQ(condition_after({golden::frame("amqp.begin")}), "amqp:not-allowed");
  EXPECT_EQ(condition_after({golden::frame("amqp.open")}), "amqp:not-allowed");
  EXPECT_EQ(condition_after({golden::frame("amqp.begin")}, false), "amqp:not-allowed");
  EXPECT_EQ(condition_after({frame(300, 0x11, [](ValueWriter&) {})}),
            "amqp:connection:framing-error");
  EXPECT_EQ(condition_after({Bytes{0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0}}),
            "amqp:connection:framing-error");
  EXPECT_EQ(condition_after({Bytes{0, 0, 0, 9, 2, 0, 0, 0, 0x77}}), "amqp:decode-error");
  const Bytes nested(5'000, 0x00);
  EXPECT_EQ(condition_after({frame(0, 0x12, [&](ValueWriter& to) { to.encoded(nested); })}),
            "amqp:decode-error");
  // More than the credit: the link goes, the connection stays.
  EXPECT_EQ(condition_after({attach_sender(0), transfer(0, true, false), transfer(1, true, false),
                             transfer(2, true, false)}),
            "amqp:link:transfer-limit-exceeded");
  std::vector<Bytes> many;
  for (std::uint32_t handle = 0; handle < 2'100; ++handle) many.push_back(attach_sender(handle));
  EXPECT_EQ(condition_after(many), "amqp:resource-limit-exceeded");
}

TEST(AmqpSasl, AnonymousAndPlainAreReadInAnySplit) {
  for (const char* id : {"eh.sasl.init", "redirect.sasl.init"}) {
    const Bytes init = golden::frame(id);
    for (std::size_t cut = 0; cut <= init.size(); ++cut) {
      SaslServer server;
      Bytes out;
      server.begin(out);
      Bytes first(init.begin(), init.begin() + static_cast<std::ptrdiff_t>(cut));
      Bytes second(init.begin() + static_cast<std::ptrdiff_t>(cut), init.end());
      second.push_back('A');  // the next header begins
      View bytes{first};
      server.received(bytes);
      EXPECT_TRUE(bytes.empty());
      bytes = second;
      server.received(bytes);
      ASSERT_TRUE(server.login()) << id << ' ' << cut;
      // What follows is the connection's.
      EXPECT_EQ(bytes.size(), 1u);
      server.answer(true, out);
      const auto answer = read_sasl_answer(out);
      ASSERT_TRUE(answer);
      EXPECT_TRUE(answer->welcome);
      EXPECT_EQ(answer->size, out.size());
      for (std::size_t size = 0; size < out.size(); ++size)
        EXPECT_FALSE(read_sasl_answer(View{out}.first(size)));
      if (std::string_view{id} == "eh.sasl.init") {
        EXPECT_EQ(server.login()->mechanism, "ANONYMOUS");
      } else {
        EXPECT_EQ(server.login()->mechanism, "PLAIN");
        EXPECT_EQ(server.login()->user, "iothubowner@sas.root.probehub");
        EXPECT_TRUE(server.login()->password.starts_with("SharedAccessSignature sr="));
      }
    }
  }
  EXPECT_EQ(protocol(golden::frame("eh.sasl.header")), Protocol::sasl);
  EXPECT_EQ(protocol(golden::frame("amqp.header")), Protocol::amqp);
  EXPECT_EQ(protocol(view("GET / HT")), Protocol::other);
}

TEST(AmqpSasl, OurAnswersMeanWhatTheSdkAccepted) {
  SaslServer server;
  Bytes out;
  server.begin(out);
  const auto symbols = [](View bytes) {
    std::vector<std::string> names;
    ValueReader reader{bytes};
    each_item(Fields{reader.next()}[0], [&](const Value& one) { names.emplace_back(one.text()); });
    return names;
  };
  const auto ours = symbols(View{out}.subspan(16));
  const Bytes theirs = golden::frame("eh.sasl.mechanisms");
  for (const std::string& name : symbols(View{theirs}.subspan(8)))
    EXPECT_TRUE(std::ranges::find(ours, name) != ours.end()) << name;
  out.clear();
  server.answer(true, out);
  const Bytes accepted = golden::frame("eh.sasl.outcome");
  ValueReader mine{View{out}.subspan(8)};
  ValueReader them{View{accepted}.subspan(8)};
  EXPECT_EQ(Fields{mine.next()}[0].bits, Fields{them.next()}[0].bits);
}

// The same bytes in any split give the same bytes and events, in every process.
RC_GTEST_PROP(AmqpEngine, AnySplitGivesTheSameConversation, ()) {
  const auto chunk = *rc::gen::inRange<std::size_t>(1, 200);
  const auto messages = *rc::gen::inRange(0, 25);
  const auto talk = [&](std::size_t split) {
    Pair pair{60s};
    const LinkId out = pair.client.attach(sender("a"));
    const LinkId in = pair.client.attach(receiver("b"));
    pair.run(start, split);
    pair.client.grant(in, 7);
    for (int i = 0; i < messages && pair.client.credit(out) > 0; ++i)
      pair.client.send(out, tag, Bytes(static_cast<std::size_t>(100 * i), 'x'));
    pair.run(start + 1s, split);
    for (const Arrived* one : pair.of_hub<Arrived>())
      pair.hub.settle(one->link, one->delivery, Outcome::accepted);
    pair.run(start + 2s, split);
    pair.client.close({});
    pair.run(start + 3s, split);
    return std::pair{hash(pair.to_hub), hash(pair.to_client)};
  };
  RC_ASSERT(talk(chunk) == talk(0));
}

// A conversation's bytes on every toolchain.
TEST(AmqpEngine, TheBytesOfAConversationAreTheSameEverywhere) {
  Pair pair{60s};
  const LinkId out = pair.client.attach(sender("a"));
  std::vector<LinkId> more;
  for (int i = 0; i < 20; ++i) more.push_back(pair.client.attach(receiver("b" + std::to_string(i))));
  pair.run(start);
  for (const LinkId one : more) pair.client.grant(one, 5);
  for (int i = 0; i < 10; ++i) pair.client.send(out, tag, Bytes(3'000, 'x'));
  pair.run(start);
  for (const Arrived* one : pair.of_hub<Arrived>())
    pair.hub.settle(one->link, one->delivery, one->delivery == DeliveryId{4} ? Outcome::released : Outcome::accepted);
  for (const LinkId one : more) pair.client.detach(one, {});
  pair.run(start);
  pair.hub.close({"amqp:connection:forced", "over"});
  pair.run(start);
  EXPECT_EQ(hash(pair.to_hub), 4165302635485153707u);
  EXPECT_EQ(hash(pair.to_client), 15306787555842499284u);
}

}  // namespace
}  // namespace hubproof::model::amqp
