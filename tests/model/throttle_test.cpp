// Limits and quota: the machine at its boundaries, and what each door says of them.
#include "model/hub/throttle.hpp"
#include "tests/model/amqp_client.hpp"

namespace hubproof::server_tests {
namespace {

using std::chrono::hours;

// ---- The machine.

class Limits : public testing::Test {
 protected:
  Limits() { rules.of(Limit::telemetry) = {120, 3, 2}; }  // one in half a second

  Throttle& throttle() {
    if (!machine) machine.emplace(rules, [this](std::int64_t day, std::uint64_t used) { metered = {day, used}; });
    return *machine;
  }
  Now now() const { return {Instant{} + 1h + time, Date{} + wall + time}; }
  Throttle::Answer ask(std::optional<std::uint32_t> size = {}, ConnectionId from = ConnectionId{7}) {
    const auto answer = throttle().ask(now(), {Limit::telemetry, from, NodeIndex{1}, MessageKey::none, size}, effects);
    if (answer.phase == Throttle::Phase::waits)
      throttle().wait([this, n = ++waiting](Now, Error error, Effects&) { done.emplace_back(n, error); });
    return answer;
  }
  std::string phases(int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all += "swr"[static_cast<int>(ask().phase)];
    return all;
  }
  void wake(Duration by) {
    time += by;
    throttle().woken(now(), effects);
  }

  QuotaRules rules;
  std::optional<Throttle> machine;
  std::pair<std::int64_t, std::uint64_t> metered{};
  Duration time{};
  Duration wall = hours{24 * 20'000};
  Effects effects;
  int waiting = 0;
  std::vector<std::pair<int, Error>> done;
};

TEST_F(Limits, AllowanceThenQueueThenRefusal) {
  EXPECT_EQ(phases(7), "ssswwrr");
  EXPECT_EQ(ask().error, Error::throttled);
  EXPECT_FALSE(ask().acts);
}

TEST_F(Limits, WhatWaitsIsServedAtTheRateAndInOrder) {
  phases(5);
  EXPECT_EQ(throttle().deadline(), now().mono + 500ms);
  wake(500ms - 1ns);
  EXPECT_TRUE(done.empty());
  wake(1ns);
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0], (std::pair{1, Error::none}));
  EXPECT_EQ(throttle().deadline(), now().mono + 500ms);
  EXPECT_EQ(phases(2), "wr");  // a place was free, and nobody overtakes
  wake(1s);
  ASSERT_EQ(done.size(), 3u);
  EXPECT_EQ(done[2].first, 3);
  EXPECT_EQ(throttle().deadline(), std::nullopt);
}

TEST_F(Limits, TheAllowanceFillsUpAgainAndNoFurther) {
  EXPECT_EQ(phases(3), "sss");
  time += 500ms - 1ns;
  EXPECT_EQ(phases(1), "w");
  wake(1ns);
  time += 500ms;
  EXPECT_EQ(phases(2), "sw");
  wake(500ms);
  time += 1h;
  EXPECT_EQ(phases(4), "sssw");
}

TEST_F(Limits, AMachineThatIsWokenLateCatchesUp) {
  phases(5);
  wake(10s);
  EXPECT_EQ(done.size(), 2u);
  EXPECT_EQ(phases(2), "sw");
}

TEST_F(Limits, WithoutAQueueNothingWaits) {
  rules.of(Limit::telemetry).queue = 0;
  EXPECT_EQ(phases(4), "sssr");
}

TEST_F(Limits, WithoutALimitAllIsServedAndNothingSaid) {
  rules.of(Limit::telemetry) = {};
  EXPECT_EQ(phases(100), std::string(100, 's'));
  EXPECT_TRUE(effects.events().empty());
}

TEST_F(Limits, WhoIsGoneWaitsNoLonger) {
  phases(5);
  throttle().forget(ConnectionId{8}, effects);
  EXPECT_EQ(phases(1), "r");
  throttle().forget(ConnectionId{7}, effects);
  EXPECT_EQ(effects.events().back().phase, Phase::info);
  EXPECT_EQ(throttle().deadline(), std::nullopt);
  wake(10s);
  EXPECT_TRUE(done.empty());
}

TEST_F(Limits, EventsTellWhatBecameOfEach) {
  phases(6);
  wake(500ms);
  std::string told;
  for (const Event& event : effects.events()) {
    EXPECT_EQ(event.what, What::throttle);
    EXPECT_EQ(event.code, 2);
    EXPECT_EQ(event.device, NodeIndex{1});
    EXPECT_EQ(event.connection, 7u);
    told += "iofn"[static_cast<int>(event.phase)] + std::to_string(event.token) + ' ';
  }
  EXPECT_EQ(told, "o0 o0 o0 i1 i2 f0 o1 ");
  EXPECT_EQ(effects.events()[5].error, Error::throttled);
}

TEST_F(Limits, TheQuotaCountsWholeChunks) {
  rules = {};
  rules.per_day = 5;
  rules.chunk = 100;
  EXPECT_EQ(ask(100).phase, Throttle::Phase::served);
  EXPECT_EQ(metered, (std::pair{std::int64_t{20'000}, std::uint64_t{1}}));
  ask(101);
  EXPECT_EQ(metered.second, 3u);
  ask(0);
  EXPECT_EQ(metered.second, 4u);
  EXPECT_EQ(ask(101).error, Error::quota_exceeded);
  EXPECT_EQ(metered.second, 4u);
  EXPECT_EQ(ask(100).phase, Throttle::Phase::served);
  EXPECT_EQ(ask(0).error, Error::quota_exceeded);
  EXPECT_EQ(ask().phase, Throttle::Phase::served);  // what is not metered
}

TEST_F(Limits, TheQuotaBeginsAnewAtMidnightOfUtc) {
  rules = {};
  rules.per_day = 1;
  ask(1);
  time = hours{24} - 1ns;
  EXPECT_EQ(ask(1).error, Error::quota_exceeded);
  time += 1ns;
  EXPECT_EQ(ask(1).phase, Throttle::Phase::served);
  wall -= hours{24};  // set back: that day is over
  EXPECT_EQ(ask(1).error, Error::quota_exceeded);
}

TEST_F(Limits, WhatWaitsMayFindTheQuotaUsedUp) {
  rules.per_day = 4;
  for (int i = 0; i < 5; ++i) ask(1);
  wake(1s);
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[0].second, Error::none);
  EXPECT_EQ(done[1].second, Error::quota_exceeded);
  EXPECT_EQ(metered.second, 4u);
}

TEST_F(Limits, ARefusedRequestIsNotMetered) {
  rules.per_day = 100;
  for (int i = 0; i < 10; ++i) ask(1);
  EXPECT_EQ(metered.second, 3u);
}

TEST(Tiers, HaveTheFiguresOfTheFacts) {
  const auto figures = [](Tier tier, std::uint32_t units) {
    const QuotaRules rules = quotas_of(tier, units);
    std::vector<std::uint32_t> all;
    for (const LimitTerms& limit : rules.limits) {
      EXPECT_EQ(limit.burst, limit.per_minute);
      EXPECT_EQ(limit.queue, limit.per_minute);
      all.push_back(limit.per_minute);
    }
    all.push_back(rules.per_day);
    all.push_back(rules.chunk);
    return all;
  };
  using Figures = std::vector<std::uint32_t>;
  EXPECT_FALSE(quotas_of(Tier::none, 1).on());
  EXPECT_EQ(figures(Tier::free, 1), (Figures{6'000, 6'000, 100, 1'000, 100, 8'000, 512}));
  EXPECT_EQ(figures(Tier::s1, 1), (Figures{6'000, 6'000, 100, 1'000, 100, 400'000, 4'096}));
  EXPECT_EQ(figures(Tier::s1, 8), (Figures{6'000, 6'000, 800, 8'000, 800, 3'200'000, 4'096}));
  EXPECT_EQ(figures(Tier::s1, 9), (Figures{6'480, 6'480, 900, 9'000, 900, 3'600'000, 4'096}));
  EXPECT_EQ(figures(Tier::s2, 2), (Figures{14'400, 14'400, 200, 2'000, 200, 12'000'000, 4'096}));
  EXPECT_EQ(figures(Tier::s3, 10),
            (Figures{3'600'000, 3'600'000, 50'000, 500'000, 50'000, 3'000'000'000, 4'096}));
}

// ---- The doors.

Rules limited(Limit which, LimitTerms terms = {60, 1, 1}) {
  Rules rules;
  rules.hub.quota.of(which) = terms;
  return rules;
}
Rules quota(std::uint32_t per_day) {
  Rules rules;
  rules.hub.quota.per_day = per_day;
  return rules;
}

Got puback(std::uint16_t id) {
  Got got;
  got.type = Packet::puback;
  got.id = id;
  return got;
}
Got connack(int code) {
  Got got;
  got.type = Packet::connack;
  got.code = code;
  return got;
}

class LimitedHub : public Driver {
 public:
  explicit LimitedHub(Rules rules) : Driver{std::move(rules)} { create("d1"); }
  bool server_has_handed_over_nothing() {  // another receiver gets the message
    const Response got = ask(ReceiveCommand{"d1"});
    const auto* command = std::get_if<Command>(&got);
    if (command == nullptr || command->token == 0) return false;
    ask(SettleCommand{"d1", command->token, Settle::abandon});
    return true;
  }
  std::string ask_http(ConnectionId id, const std::string& method, const std::string& path,
                       const std::string& body = {}) {
    feed(id, view(method + " " + path + "?api-version=2021-04-12 HTTP/1.1\r\nHost: h\r\nContent-Length: " +
                  std::to_string(body.size()) + "\r\n\r\n" + body));
    return std::string{text(take_bytes(id))};
  }
};

TEST(MqttLimits, APublishThatWaitsIsAcknowledgedWhenItIsServed) {
  LimitedHub hub{limited(Limit::telemetry)};
  const auto id = connected(hub, "d1");
  telemetry(hub, id, "d1", "a", 1);
  telemetry(hub, id, "d1", "b", 2);
  EXPECT_EQ(hub.take(id), (std::vector<Got>{puback(1)}));
  EXPECT_EQ(hub.bodies(), (std::vector<std::string>{"a"}));
  hub.pass(999ms);
  EXPECT_TRUE(hub.take(id).empty());
  hub.pass(1ms);
  EXPECT_EQ(hub.take(id), (std::vector<Got>{puback(2)}));
  EXPECT_EQ(hub.bodies(), (std::vector<std::string>{"a", "b"}));
}

TEST(MqttLimits, APublishBeyondTheQueueEndsTheConnectionAndAllThatWaitsOnIt) {
  LimitedHub hub{limited(Limit::telemetry)};
  const auto id = connected(hub, "d1");
  for (int n = 1; n <= 3; ++n)
    telemetry(hub, id, "d1", std::string(1, "xabc"[n]), static_cast<mqtt::PacketId>(n));
  EXPECT_EQ(hub.take(id), (std::vector<Got>{puback(1)}));
  EXPECT_TRUE(hub.closed(id));
  EXPECT_EQ(hub.seen(What::ended).back().why, Why::throttled);
  hub.pass(1min);
  EXPECT_EQ(hub.bodies(), (std::vector<std::string>{"a"}));
  const auto again = connected(hub, "d1");
  telemetry(hub, again, "d1", "b", 2);
  EXPECT_EQ(hub.take(again).size(), 1u);
}

TEST(MqttLimits, ACrashDropsWhatWaited) {
  LimitedHub hub{limited(Limit::telemetry)};
  const auto id = connected(hub, "d1");
  telemetry(hub, id, "d1", "a", 1);
  telemetry(hub, id, "d1", "b", 2);
  hub.crash();
  hub.pass(1min);
  EXPECT_EQ(hub.bodies(), (std::vector<std::string>{"a"}));
}

TEST(MqttLimits, AConnectThatWaitsHoldsWhatComesBehindIt) {
  LimitedHub hub{limited(Limit::connections)};
  hub.create("d2");
  connected(hub, "d1");
  const auto id = login(hub, "d2");
  telemetry(hub, id, "d2", "a", 1);
  EXPECT_TRUE(hub.take(id).empty());
  hub.pass(1s);
  EXPECT_EQ(hub.take(id), (std::vector<Got>{connack(0), puback(1)}));
  EXPECT_EQ(hub.bodies(), (std::vector<std::string>{"a"}));
}

TEST(MqttLimits, AConnectBeyondTheQueueIsToldToComeAgain) {
  LimitedHub hub{limited(Limit::connections)};
  for (const char* device : {"d2", "d3"}) hub.create(device);
  connected(hub, "d1");
  login(hub, "d2");
  const auto id = login(hub, "d3");
  EXPECT_EQ(hub.take(id), (std::vector<Got>{connack(3)}));
  EXPECT_TRUE(hub.closed(id));
}

TEST(MqttLimits, WhoIsNotPatientWaitsNoLonger) {
  LimitedHub hub{limited(Limit::connections)};
  for (const char* device : {"d2", "d3"}) hub.create(device);
  connected(hub, "d1");
  hub.lose(login(hub, "d2"));
  const auto id = login(hub, "d3");
  hub.pass(1s);
  EXPECT_EQ(hub.take(id), (std::vector<Got>{connack(0)}));
}

TEST(MqttLimits, AQuotaThatIsUsedUpEndsTheConnection) {
  LimitedHub hub{quota(1)};
  const auto id = connected(hub, "d1");
  telemetry(hub, id, "d1", "a", 1);
  telemetry(hub, id, "d1", "b", 2);
  EXPECT_EQ(hub.take(id), (std::vector<Got>{puback(1)}));
  EXPECT_TRUE(hub.closed(id));
  EXPECT_EQ(hub.bodies(), (std::vector<std::string>{"a"}));
}

TEST(HttpLimits, TelemetryThatWaitsHasItsAnswerLaterAndFurtherOnesARefusal) {
  LimitedHub hub{limited(Limit::telemetry)};
  const auto id = hub.open(Door::http);
  const auto other = hub.open(Door::http);
  EXPECT_TRUE(hub.ask_http(id, "POST", "/devices/d1/messages/events", "a").starts_with("HTTP/1.1 204"));
  EXPECT_EQ(hub.ask_http(id, "POST", "/devices/d1/messages/events", "b"), "");
  const std::string refused = hub.ask_http(other, "POST", "/devices/d1/messages/events", "c");
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 429")) << refused;
  EXPECT_NE(refused.find("iothub-errorcode: ThrottlingException"), std::string::npos) << refused;
  EXPECT_NE(refused.find("429001"), std::string::npos) << refused;
  hub.pass(1s);
  EXPECT_TRUE(text(hub.take_bytes(id)).starts_with("HTTP/1.1 204"));
  EXPECT_EQ(hub.bodies(), (std::vector<std::string>{"a", "b"}));
}

TEST(HttpLimits, WhatComesBehindOneThatWaitsWaitsToo) {
  LimitedHub hub{limited(Limit::telemetry)};
  hub.command("d1", "m1");
  const auto id = hub.open(Door::http);
  hub.ask_http(id, "POST", "/devices/d1/messages/events", "a");
  hub.ask_http(id, "POST", "/devices/d1/messages/events", "b");
  hub.ask_http(id, "GET", "/devices/d1/messages/devicebound");
  EXPECT_TRUE(hub.server_has_handed_over_nothing());
  hub.pass(1s);
  const std::string answers{text(hub.take_bytes(id))};
  EXPECT_TRUE(answers.starts_with("HTTP/1.1 204"));
  EXPECT_NE(answers.find("HTTP/1.1 200"), std::string::npos);
}

TEST(HttpLimits, AQuotaThatIsUsedUpIs403002) {
  LimitedHub hub{quota(1)};
  const auto id = hub.open(Door::http);
  hub.ask_http(id, "POST", "/devices/d1/messages/events", "a");
  const std::string refused = hub.ask_http(id, "POST", "/devices/d1/messages/events", "b");
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 403")) << refused;
  EXPECT_NE(refused.find("403002"), std::string::npos) << refused;
}

TEST(HttpLimits, ReceivesHaveALimitOfTheirOwn) {
  LimitedHub hub{limited(Limit::receives, {60, 1, 0})};
  hub.command("d1", "m1");
  const auto id = hub.open(Door::http);
  EXPECT_TRUE(hub.ask_http(id, "GET", "/devices/d1/messages/devicebound").starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(hub.ask_http(id, "GET", "/devices/d1/messages/devicebound").starts_with("HTTP/1.1 429"));
  EXPECT_TRUE(hub.ask_http(id, "POST", "/devices/d1/messages/events", "a").starts_with("HTTP/1.1 204"));
}

TEST(HttpLimits, ADeviceThatIsGoneWhenItsTurnComesIsNotServed) {
  LimitedHub hub{limited(Limit::telemetry)};
  const auto id = hub.open(Door::http);
  hub.ask_http(id, "POST", "/devices/d1/messages/events", "a");
  hub.ask_http(id, "POST", "/devices/d1/messages/events", "b");
  hub.ask(DeleteDevice{"d1"});
  hub.pass(1s);
  EXPECT_TRUE(text(hub.take_bytes(id)).starts_with("HTTP/1.1 404"));
}

TEST(HttpLimits, TheRegistryHasOneToo) {
  LimitedHub hub{limited(Limit::registry, {60, 1, 0})};
  const auto id = hub.open(Door::http);
  EXPECT_TRUE(hub.ask_http(id, "GET", "/devices/d1").starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(hub.ask_http(id, "GET", "/devices/d1").starts_with("HTTP/1.1 429"));
  EXPECT_TRUE(hub.ask_http(id, "GET", "/statistics/devices").starts_with("HTTP/1.1 200"));
}

TEST(AmqpLimits, ARefusalHasTheConditionOfThrottling) {
  LimitedHub hub{limited(Limit::telemetry)};
  AmqpClient client{hub};
  const LinkId link = client.send_to(events_of("d1"));
  const auto first = client.telemetry(link, "a");
  const auto second = client.telemetry(link, "b");
  const auto third = client.telemetry(link, "c");
  EXPECT_EQ(client.outcome(first), amqp::Outcome::accepted);
  EXPECT_EQ(client.outcome(second), amqp::Outcome::none);
  EXPECT_EQ(client.outcome(third), amqp::Outcome::rejected);
  EXPECT_EQ(client.condition(third), "com.microsoft:device-container-throttled");
  hub.pass(1s);
  client.run();
  EXPECT_EQ(client.outcome(second), amqp::Outcome::accepted);
  EXPECT_EQ(hub.bodies(), (std::vector<std::string>{"a", "b"}));
}

TEST(AmqpLimits, AQuotaThatIsUsedUpIsTold) {
  LimitedHub hub{quota(1)};
  AmqpClient client{hub};
  const LinkId link = client.send_to(events_of("d1"));
  client.telemetry(link, "a");
  EXPECT_EQ(client.condition(client.telemetry(link, "b")), "com.microsoft:quota-exceeded");
}

TEST(AmqpLimits, AConnectionThatWaitsIsServedLaterAndFurtherOnesAreClosed) {
  LimitedHub hub{limited(Limit::connections)};
  AmqpClient first{hub};
  EXPECT_EQ(first.ended(first.send_to(events_of("d1"))), "open");
  AmqpClient second{hub};
  const LinkId link = second.send_to(events_of("d1"));
  AmqpClient third{hub};
  ASSERT_EQ(third.of<amqp::Closed>().size(), 1u);
  EXPECT_EQ(third.of<amqp::Closed>()[0]->error.condition, "com.microsoft:device-container-throttled");
  EXPECT_TRUE(second.of<amqp::Attached>().empty());
  hub.pass(1s);
  second.run();
  EXPECT_EQ(second.of<amqp::Attached>().size(), 1u);
  EXPECT_EQ(second.ended(link), "open");
}

TEST(ServiceLimits, CommandsThatWaitGoWithTheirConnection) {
  LimitedHub hub{limited(Limit::commands)};
  AmqpClient back{hub};
  const LinkId link = back.send_to("/messages/devicebound");
  const auto send = [&](const std::string& name) {
    Bytes flat;
    MessageWriter writer{flat};
    writer.system(System::message_id, name);
    writer.body(view("x"));
    return back.send_flat(link, flat, "/devices/d1/messages/devicebound");
  };
  const DeliveryId a = send("a"), b = send("b"), c = send("c");
  EXPECT_EQ(back.outcome(a), amqp::Outcome::accepted);
  EXPECT_EQ(back.outcome(b), amqp::Outcome::none);
  EXPECT_EQ(back.condition(c), "com.microsoft:device-container-throttled");
  hub.pass(1s);
  back.run();
  EXPECT_EQ(back.outcome(b), amqp::Outcome::accepted);
  send("d");
  hub.lose(back.id());
  hub.pass(1min);
  const auto counts = std::get<DeviceIdentity>(hub.ask(GetDevice{"d1"}));
  EXPECT_EQ(counts.commands, 2u);  // d still waited when its connection ended
}

TEST(Quota, OutlivesACrash) {
  LimitedHub hub{quota(3)};
  const auto id = connected(hub, "d1");
  telemetry(hub, id, "d1", "a", 1);
  telemetry(hub, id, "d1", "b", 2);
  hub.crash();
  hub.crash();  // from the snapshot, too
  const auto again = connected(hub, "d1");
  telemetry(hub, again, "d1", "c", 3);
  EXPECT_EQ(hub.take(again).size(), 1u);
  telemetry(hub, again, "d1", "d", 4);
  EXPECT_TRUE(hub.closed(again));
  EXPECT_EQ(hub.bodies(), (std::vector<std::string>{"a", "b", "c"}));
}

TEST(NoLimits, AHubWithoutThemTellsNothing) {
  Driver hub;
  hub.create("d1");
  const auto id = connected(hub, "d1");
  for (mqtt::PacketId n = 1; n < 100; ++n) telemetry(hub, id, "d1", "x", n);
  EXPECT_EQ(hub.take(id).size(), 99u);
  EXPECT_TRUE(hub.seen(What::throttle).empty());
}

}  // namespace
}  // namespace hubproof::server_tests
