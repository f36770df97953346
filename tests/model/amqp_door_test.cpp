// The AMQP door's promises, met by a client that is Proton's engine at the other end.
#include <gtest/gtest.h>

#include "model/base64.hpp"
#include "model/hub/token.hpp"
#include "tests/model/amqp_client.hpp"

namespace hubproof::server_tests {

using namespace model;
namespace {

using Client = AmqpClient;

std::vector<model::Status> outcomes(Driver& driver) {
  driver.pass(16s);
  std::vector<model::Status> all;
  for (;;) {
    const Response response = driver.ask(ReceiveFeedback{});
    const auto& batch = std::get<Feedback>(response);
    if (batch.token == 0) return all;
    for (const FeedbackRecord& record : batch.records) all.push_back(record.status);
    driver.ask(SettleFeedback{batch.token, true});
  }
}

TEST(AmqpDoor, TelemetryIsAcceptedOnlyOnceItIsDurable) {  // [DLV-01, AMQP-16]
  Driver driver;
  driver.create("d1");
  Client client{driver};
  const LinkId link = client.send_to(events_of("d1"));
  driver.hold();
  const DeliveryId sent = client.telemetry(link, "a");
  EXPECT_EQ(client.outcome(sent), amqp::Outcome::none);
  driver.release();
  client.run();
  EXPECT_EQ(client.outcome(sent), amqp::Outcome::accepted);
  EXPECT_EQ(driver.bodies(), std::vector<std::string>{"a"});
}

TEST(AmqpDoor, MessagesThatAreTooLargeOrNoMessagesAreRejectedAndTheLinkGoesOn) {  // [AMQP-25]
  Driver driver;
  driver.create("d1");
  Client client{driver};
  const LinkId link = client.send_to(events_of("d1"));
  EXPECT_EQ(client.condition(client.telemetry(link, std::string(262'145, 'x'))),
            "amqp:link:message-size-exceeded");
  EXPECT_EQ(client.condition(client.telemetry(link, std::string(2'000'000, 'x'))),
            "amqp:link:message-size-exceeded");
  EXPECT_EQ(client.condition(client.send(link, Bytes{1, 2, 3})), "com.microsoft:argument-error");
  EXPECT_EQ(client.outcome(client.telemetry(link, std::string(262'143, 'x'))),  // and "x" [MSG-20]
            amqp::Outcome::accepted);
  EXPECT_EQ(driver.telemetry().size(), 1u);
  EXPECT_EQ(client.ended(link), "open");
}

TEST(AmqpDoor, UnknownAddressesAndDevicesAreAttachedAndDetachedWithTheirError) {  // [ERR-19]
  Driver driver;
  driver.create("d1");
  driver.create("d2");
  driver.ask(EnableDevice{"d2", false});
  Client client{driver};
  EXPECT_EQ(client.ended(client.send_to("/nowhere")), "amqp:not-found");
  EXPECT_EQ(client.ended(client.receive_from(events_of("d1"))), "amqp:not-found");
  EXPECT_EQ(client.ended(client.send_to(events_of("d9"))), "amqp:not-found");
  EXPECT_EQ(client.ended(client.send_to(events_of("d2"))), "amqp:not-found");
  EXPECT_EQ(client.ended(client.receive_from("hub/ConsumerGroups/$Default/Partitions/4")),
            "amqp:not-found");
  EXPECT_EQ(client.ended(client.receive_from("hub/ConsumerGroups/$Default/Partitions/0", 0, "x > 1")),
            "amqp:not-implemented");
  EXPECT_EQ(client.ended(client.send_to("amqps://hub.test/devices/d1/messages/events")), "open");
  EXPECT_EQ(client.ended(client.send_to("/devices/%641/messages/events")), "open");  // [MSG-23]
}

TEST(AmqpDoor, CommandsComeAgainstCreditAndOutcomesSettleThem) {  // [AMQP-18, AMQP-20, OPEN-14]
  Driver driver;
  driver.create("d1");
  for (const char* id : {"c1", "c2", "c3", "c4"}) driver.command("d1", id, id);
  Client client{driver};
  const LinkId link = client.receive_from(commands_of("d1"));
  EXPECT_TRUE(client.on(link).empty());
  client.grant(link, 3);
  auto got = client.on(link);
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(body_of(*got[0]), "c1");
  client.settle(link, got[0]->delivery, amqp::Outcome::accepted);
  client.settle(link, got[1]->delivery, amqp::Outcome::rejected);
  client.settle(link, got[2]->delivery, amqp::Outcome::modified);  // an abandon: it comes again
  got = client.on(link);
  ASSERT_EQ(got.size(), 5u);
  std::set<std::string> later{body_of(*got[3]), body_of(*got[4])};
  EXPECT_EQ(later, (std::set<std::string>{"c3", "c4"}));
  for (const std::size_t at : {3u, 4u}) {
    const auto sections = amqp::read_sections(got[at]->message);
    EXPECT_EQ(sections->annotation("iothub-deliverycount").bits, body_of(*got[at]) == "c3" ? 1u : 0u);
    client.settle(link, got[at]->delivery, amqp::Outcome::accepted);
  }
  using model::Status;
  EXPECT_EQ(outcomes(driver), (std::vector<Status>{Status::success, Status::rejected,
                                                   Status::success, Status::success}));
}

TEST(AmqpDoor, ALockEndsWithItsLinkItsConnectionAndTime) {  // [C2D-15, C2D-12]
  Driver driver;
  driver.create("d1");
  driver.command("d1", "c1", "c1");
  Client client{driver};
  LinkId link = client.receive_from(commands_of("d1"), 10);
  ASSERT_EQ(client.on(link).size(), 1u);
  client.engine().detach(link, {});
  client.run();
  EXPECT_FALSE(driver.seen(What::ended).empty());
  EXPECT_EQ(driver.seen(What::ended).back().device, NodeIndex{1});
  link = client.receive_from(commands_of("d1"), 10);
  ASSERT_EQ(client.on(link).size(), 1u);  // at once
  driver.lose(client.id());
  Client again{driver};
  const LinkId there = again.receive_from(commands_of("d1"), 10);
  ASSERT_EQ(again.on(there).size(), 1u);
  // Time ends it, too, on a link that lives; the late word is refused and changes nothing [C2D-14].
  driver.pass(61s);
  again.run();
  const auto got = again.on(there);
  ASSERT_EQ(got.size(), 2u);
  again.settle(there, got[0]->delivery, amqp::Outcome::accepted);
  EXPECT_TRUE(outcomes(driver).empty());
  again.settle(there, got[1]->delivery, amqp::Outcome::accepted);
  EXPECT_EQ(outcomes(driver).size(), 1u);
}

TEST(AmqpDoor, SettlingWithoutAWordGivesTheLockBackAndCountsNothing) {  // [OPEN-14]
  Driver driver;
  driver.create("d1");
  driver.command("d1", "c1", "c1");
  Client client{driver};
  const LinkId link = client.receive_from(commands_of("d1"), 10);
  client.settle(link, client.on(link)[0]->delivery, amqp::Outcome::none);
  const auto got = client.on(link);
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(amqp::read_sections(got[1]->message)->annotation("iothub-deliverycount").bits, 0u);
}

TEST(AmqpDoor, ManyDevicesShareAConnectionAndOneGoesAlone) {  // [AMQP-09, AMQP-30]
  Driver driver;
  Client client{driver};
  std::vector<LinkId> senders, receivers;
  for (int i = 1; i <= 5; ++i) {
    const std::string device = "d" + std::to_string(i);
    driver.create(device);
    senders.push_back(client.send_to(events_of(device)));
    receivers.push_back(client.receive_from(commands_of(device), 5));
  }
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(client.outcome(client.telemetry(senders[i], "x")), amqp::Outcome::accepted);
    driver.command("d" + std::to_string(i + 1), "c", "for " + std::to_string(i + 1));
  }
  client.run();
  for (std::size_t i = 0; i < 5; ++i) {
    ASSERT_EQ(client.on(receivers[i]).size(), 1u);
    EXPECT_EQ(body_of(*client.on(receivers[i])[0]), "for " + std::to_string(i + 1));
  }
  driver.ask(EnableDevice{"d3", false});
  client.run();
  for (std::size_t i = 0; i < 5; ++i)
    EXPECT_EQ(client.ended(senders[i]), i == 2 ? "amqp:not-found" : "open");
  std::set<std::string> stamps;
  for (const TelemetryEvent& event : driver.telemetry()) stamps.insert(event.device);
  EXPECT_EQ(stamps.size(), 5u);  // each by its own name [D2C-14]
}

TEST(AmqpDoor, TheNewestConnectionOfADeviceWinsOverAnyProtocol) {  // [AMQP-13, OPEN-17]
  Driver driver;
  driver.create("d1");
  driver.create("d2");
  Client first{driver};
  const LinkId link = first.send_to(events_of("d1"));
  const LinkId other = first.send_to(events_of("d2"));
  Client second{driver};
  const LinkId newer = second.send_to(events_of("d1"));
  first.run();
  EXPECT_EQ(first.ended(link), "amqp:link:stolen");
  EXPECT_EQ(first.ended(other), "open");  // the other device stays
  const ConnectionId mqtt = connected(driver, "d1");
  second.run();
  EXPECT_EQ(second.ended(newer), "amqp:link:stolen");
  EXPECT_TRUE(driver.closed(second.id()));  // nobody else was there
  Client third{driver};
  third.receive_from(commands_of("d1"));
  EXPECT_TRUE(driver.closed(mqtt));
}

TEST(AmqpDoor, ServicesLearnWhatIsWrongWithACommand) {
  Driver driver;
  driver.create("d1");
  Client service{driver};
  const LinkId link = service.send_to("/messages/devicebound");
  const auto command = [&](const std::string& to, std::optional<Date> expiry = {},
                           std::size_t size = 1) {
    Bytes flat;
    MessageWriter writer{flat};
    writer.system(System::message_id, "c");
    if (expiry) writer.expiry(*expiry);
    writer.body(Bytes(size, 'x'));
    return service.send_flat(link, flat, to);
  };
  EXPECT_EQ(service.condition(command(commands_of("d9"))), "amqp:not-found");
  EXPECT_EQ(service.condition(command("/elsewhere")), "com.microsoft:argument-error");
  EXPECT_EQ(service.condition(command(commands_of("d1"), driver.now().wall - 1s)),
            "com.microsoft:argument-out-of-range");
  EXPECT_EQ(service.condition(command(commands_of("d1"), {}, 70'000)),
            "amqp:link:message-size-exceeded");
  driver.hold();
  const DeliveryId waits = command(commands_of("d1"));
  EXPECT_EQ(service.outcome(waits), amqp::Outcome::none);  // [DLV-11]
  driver.release();
  service.run();
  EXPECT_EQ(service.outcome(waits), amqp::Outcome::accepted);
  for (int i = 1; i < 50; ++i) EXPECT_EQ(service.outcome(command(commands_of("d1"))), amqp::Outcome::accepted);
  EXPECT_EQ(service.condition(command(commands_of("d1"))), "amqp:resource-limit-exceeded");  // [C2D-03]
}

TEST(AmqpDoor, FeedbackIsLockedForItsReceiverAndGoesBackWithItsLink) {  // [FBK-18, AMQP-29]
  Driver driver;
  driver.create("d1");
  driver.command("d1", "c1");
  Client device{driver};
  const LinkId commands = device.receive_from(commands_of("d1"), 1);
  device.settle(commands, device.on(commands)[0]->delivery, amqp::Outcome::accepted);
  driver.pass(16s);
  Client service{driver};
  LinkId feedback = service.receive_from("/messages/serviceBound/feedback", 5);
  ASSERT_EQ(service.on(feedback).size(), 1u);
  service.engine().detach(feedback, {});
  service.run();
  feedback = service.receive_from("/messages/servicebound/feedback", 5);
  ASSERT_EQ(service.on(feedback).size(), 1u);
  service.settle(feedback, service.on(feedback)[0]->delivery, amqp::Outcome::released);
  ASSERT_EQ(service.on(feedback).size(), 2u);
  service.settle(feedback, service.on(feedback)[1]->delivery, amqp::Outcome::accepted);
  driver.pass(120s);
  service.run();
  EXPECT_EQ(service.on(feedback).size(), 2u);
}

TEST(AmqpDoor, ReadersStartByOffsetSequenceNumberAndTime) {  // [D2C-36]
  Driver driver;
  driver.create("d1");
  Client device{driver};
  const LinkId link = device.send_to(events_of("d1"));
  std::vector<std::int64_t> times;
  for (int i = 0; i < 5; ++i) {
    device.telemetry(link, std::to_string(i));
    times.push_back(std::chrono::floor<std::chrono::milliseconds>(
                        driver.now().wall.time_since_epoch()).count());
    driver.pass(10s);
  }
  const auto events = driver.telemetry();
  ASSERT_EQ(events.size(), 5u);
  std::uint32_t partition = 0;
  while (std::get<Telemetry>(driver.ask(ReadTelemetry{partition, 1, 1, {}})).events.empty())
    ++partition;
  Client reader{driver};
  const auto read = [&](const std::string& selector) {
    const LinkId events_link = reader.receive_from(
        "hub/ConsumerGroups/$Default/Partitions/" + std::to_string(partition), 50, selector);
    std::string all;
    for (const Arrived* one : reader.on(events_link)) all += body_of(*one);
    return all;
  };
  const std::string prefix = "amqp.annotation.x-opt-";
  const auto quoted = [](auto value) { return "'" + std::to_string(value) + "'"; };
  EXPECT_EQ(read(prefix + "offset > '-1'"), "01234");
  EXPECT_EQ(read(prefix + "offset > " + quoted(events[1].offset)), "234");
  EXPECT_EQ(read(prefix + "offset >= " + quoted(events[1].offset)), "1234");
  EXPECT_EQ(read(prefix + "sequence-number > " + quoted(events[2].sequence)), "34");
  EXPECT_EQ(read(prefix + "sequence-number >= " + quoted(events[2].sequence)), "234");
  EXPECT_EQ(read(prefix + "enqueued-time > " + quoted(times[3])), "4");
  EXPECT_EQ(read(prefix + "enqueued-time >= " + quoted(times[3])), "34");
  EXPECT_EQ(read(prefix + "offset > '@latest'"), "");
  const LinkId latest = reader.receive_from(
      "hub/ConsumerGroups/$Default/Partitions/" + std::to_string(partition), 50,
      prefix + "offset > '@latest'");
  device.telemetry(link, "new");
  reader.run();
  ASSERT_EQ(reader.on(latest).size(), 1u);
  EXPECT_EQ(body_of(*reader.on(latest)[0]), "new");
}

TEST(AmqpDoor, AnEndpointThatRoutesLeadToIsReadByItsName) {  // [D2C-19]
  Rules rules;
  rules.hub.partitions = 1;
  rules.hub.routing.endpoints = {"alerts"};
  rules.hub.routing.routes = {{"high", "alerts", "level = 'high'"}};
  Driver driver{rules};
  driver.create("d1");
  Client device{driver};
  const LinkId link = device.send_to(events_of("d1"));
  for (const auto& [body, level] : {std::pair{"a", "high"}, {"b", "low"}, {"c", "high"}}) {
    Bytes flat;
    MessageWriter writer{flat};
    writer.property("level", level);
    writer.body(view(body));
    device.send_flat(link, flat, "x");
  }
  Client reader{driver};
  const auto read = [&](const std::string& entity, const std::string& after = "offset > '-1'") {
    const LinkId events = reader.receive_from(entity + "/ConsumerGroups/g/Partitions/0", 50,
                                              "amqp.annotation.x-opt-" + after);
    std::string all;
    for (const Arrived* one : reader.on(events)) all += body_of(*one);
    return all;
  };
  EXPECT_EQ(read("alerts"), "ac");
  EXPECT_EQ(read("alerts", "sequence-number > '1'"), "c");
  EXPECT_EQ(read("hub"), "b");
  EXPECT_EQ(read("messages/events"), "b");  // the built-in one's own name [D2C-02]
  EXPECT_EQ(reader.ended(reader.receive_from("alerts/ConsumerGroups/g/Partitions/1")), "amqp:not-found");
  EXPECT_EQ(reader.ended(reader.receive_from("Alerts/ConsumerGroups/g/Partitions/0")), "amqp:not-found");
  EXPECT_EQ(reader.ended(reader.receive_from("x/alerts/ConsumerGroups/g/Partitions/0")), "amqp:not-found");
  // A reader with an epoch owns its partition of this endpoint, not of the other.
  const std::string place = "/ConsumerGroups/g/Partitions/0";
  const LinkId owner = reader.receive_from("alerts" + place, 1, {}, 5);
  EXPECT_EQ(reader.ended(reader.receive_from("hub" + place, 1, {}, 1)), "open");
  EXPECT_EQ(reader.ended(reader.receive_from("alerts" + place, 1, {}, 1)), "amqp:link:stolen");
  EXPECT_EQ(reader.ended(owner), "open");
}

TEST(AmqpDoor, EventsAreReadOnlyOnceTheyAreDurable) {  // [DLV-02]
  Driver driver;
  driver.create("d1");
  Client device{driver};
  const LinkId link = device.send_to(events_of("d1"));
  Client reader{driver};
  std::vector<LinkId> partitions;
  for (int i = 0; i < 4; ++i)
    partitions.push_back(reader.receive_from(
        "hub/ConsumerGroups/$Default/Partitions/" + std::to_string(i), 10,
        "amqp.annotation.x-opt-offset > '-1'"));
  driver.hold();
  device.telemetry(link, "a");
  reader.run();
  EXPECT_TRUE(reader.arrived().empty());
  driver.release();
  reader.run();
  EXPECT_EQ(reader.arrived().size(), 1u);
}

// Right after a restart nothing of the log is known to be durable. A reader that comes then starts where it
// wants to, not at the beginning.
TEST(AmqpDoor, WhereAReaderStartsDoesNotHangOnWhatIsDurable) {  // [D2C-36]
  Driver driver;
  driver.create("d1");
  Client device{driver};
  const LinkId link = device.send_to(events_of("d1"));
  for (const char* body : {"0", "1", "2"}) device.telemetry(link, body);
  const auto events = driver.telemetry();
  ASSERT_EQ(events.size(), 3u);
  driver.crash(Driver::Tail::lost, true);
  Client reader{driver};
  const auto from_all = [&](const std::string& selector) {
    std::vector<LinkId> links;
    for (int i = 0; i < 4; ++i)
      links.push_back(reader.receive_from("hub/ConsumerGroups/$Default/Partitions/" + std::to_string(i), 10, selector));
    return links;
  };
  const auto after_second =
      from_all("amqp.annotation.x-opt-sequence-number > '" + std::to_string(events[1].sequence) + "'");
  const auto latest = from_all("amqp.annotation.x-opt-offset > '@latest'");
  driver.release();
  reader.run();
  const auto bodies = [&](const std::vector<LinkId>& links) {
    std::string all;
    for (const LinkId one : links)
      for (const Arrived* event : reader.on(one)) all += body_of(*event);
    return all;
  };
  EXPECT_EQ(bodies(after_second), "2");
  EXPECT_EQ(bodies(latest), "");
}

TEST(AmqpDoor, ALaterEpochStealsAPartitionAndAnEarlierOneIsRefused) {
  Driver driver;
  const std::string address = "hub/ConsumerGroups/g/Partitions/1";
  Client reader{driver};
  const LinkId first = reader.receive_from(address, 10, {}, 5);
  const LinkId none = reader.receive_from(address, 10);
  EXPECT_EQ(reader.ended(none), "amqp:link:stolen");
  EXPECT_EQ(reader.ended(reader.receive_from(address, 10, {}, 4)), "amqp:link:stolen");
  EXPECT_EQ(reader.ended(first), "open");
  const LinkId second = reader.receive_from(address, 10, {}, 5);
  EXPECT_EQ(reader.ended(first), "amqp:link:stolen");
  EXPECT_EQ(reader.ended(second), "open");
  reader.close();
  Client later{driver};
  EXPECT_EQ(later.ended(later.receive_from(address, 10)), "open");
}

TEST(AmqpDoor, SilenceEndsAConnectionAndSoDoesNoGreeting) {  // [AMQP-14, H-30]
  Driver driver;
  driver.create("d1");
  const ConnectionId mute = driver.open(Door::amqp);
  driver.pass(61s);
  EXPECT_TRUE(driver.closed(mute));
  Client client{driver};
  client.send_to(events_of("d1"));
  driver.pass(400s);
  EXPECT_FALSE(driver.closed(client.id()));
  driver.pass(90s);
  EXPECT_TRUE(driver.closed(client.id()));
  const auto ended = driver.seen(What::ended);
  EXPECT_EQ(ended.back().why, Why::keep_alive);
  const ConnectionId web = driver.open(Door::amqp);
  driver.feed(web, view("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_TRUE(driver.closed(web));
}

// Who may do what.

struct Verified {
  explicit Verified(Rules with = {}) : driver{verified(std::move(with))} {
    for (const char* name : {"d1", "d2"})
      driver.ask(CreateDevice{name, Credentials{CredentialType::sas, key(name), key(name)}});
    policies = std::get<Policies>(driver.ask(ListPolicies{})).list;
  }
  static Rules verified(Rules rules) {
    rules.hub.access = Access::verified;
    return rules;
  }
  static std::string key(const std::string& name) { return to_base64(Bytes(32, static_cast<std::uint8_t>(name[1]))); }
  std::string device_token(const std::string& name, Duration life = 1h) {
    return make_token("hub.test/devices/" + name, key(name), KeyForm::decoded,
                      driver.now().wall + life);
  }
  std::string policy_token(const std::string& name, const std::string& resource = "hub.test",
                           KeyForm form = KeyForm::decoded, Duration life = 1h) {
    const auto policy = std::ranges::find(policies, name, &Policy::name);
    EXPECT_TRUE(policy != policies.end()) << name;
    return make_token(resource, policy->primary, form, driver.now().wall + life, name);
  }
  Driver driver;
  std::vector<Policy> policies;
};

TEST(AmqpDoor, ATokenIsGoodForItsOwnAudienceOnly) {  // [INV-20, AMQP-05]
  Verified hub;
  Client client{hub.driver};
  EXPECT_EQ(client.put_token("hub.test/devices/d2", hub.device_token("d1")), 401);
  EXPECT_EQ(client.put_token("hub.test%2Fdevices%2Fd1", hub.device_token("d1") + "x"), 401);
  EXPECT_EQ(client.put_token("hub.test%2Fdevices%2Fd1", hub.device_token("d1", -1h)), 401);
  EXPECT_EQ(client.put_token("hub.test%2Fdevices%2Fd1", "no token"), 401);
  EXPECT_EQ(client.ended(client.send_to(events_of("d1"))), "amqp:unauthorized-access");
  EXPECT_EQ(client.put_token("hub.test%2Fdevices%2Fd1", hub.device_token("d1")), 200);
  EXPECT_EQ(client.ended(client.send_to(events_of("d1"))), "open");
  EXPECT_EQ(client.ended(client.send_to(events_of("d2"))), "amqp:unauthorized-access");
  EXPECT_EQ(client.ended(client.send_to("/messages/devicebound")), "amqp:unauthorized-access");
  EXPECT_EQ(client.ended(client.receive_from("/messages/serviceBound/feedback")),
            "amqp:unauthorized-access");
  EXPECT_EQ(client.ended(client.receive_from("h/ConsumerGroups/$Default/Partitions/0")),
            "amqp:unauthorized-access");
  EXPECT_EQ(client.put_token("hub.test", hub.policy_token("service")), 200);
  EXPECT_EQ(client.ended(client.send_to("/messages/devicebound")), "open");
  EXPECT_EQ(client.ended(client.receive_from("/messages/serviceBound/feedback")), "open");
  EXPECT_EQ(client.ended(client.send_to(events_of("d2"))), "amqp:unauthorized-access");
  EXPECT_EQ(hub.driver.telemetry().size(), 0u);
}

TEST(AmqpDoor, EventHubsTokensAreSignedWithTheKeysText) {
  Verified hub;
  Client client{hub.driver};
  const std::string entity = "sb://hub.test/hub/ConsumerGroups/$Default/Partitions/0";
  EXPECT_EQ(client.put_token(entity, hub.policy_token("service", entity, KeyForm::text)), 200);
  EXPECT_EQ(client.ended(client.receive_from("hub/ConsumerGroups/$Default/Partitions/0")), "open");
  EXPECT_EQ(client.ended(client.receive_from("hub/ConsumerGroups/$Default/Partitions/1")),
            "amqp:unauthorized-access");
}

TEST(AmqpDoor, ATokenForOneEndpointReadsNoOther) {  // [SEC-12]
  Rules rules;
  rules.hub.routing.endpoints = {"alerts", "archive"};
  rules.hub.routing.routes = {{"all", "alerts", "true"}};
  Verified hub{rules};
  Client client{hub.driver};
  const std::string entity = "sb://hub.test/alerts";
  EXPECT_EQ(client.put_token(entity, hub.policy_token("service", entity, KeyForm::text)), 200);
  const auto reads = [&](const std::string& address) {
    return client.ended(client.receive_from(address + "/ConsumerGroups/g/Partitions/0"));
  };
  EXPECT_EQ(reads("alerts"), "open");
  EXPECT_EQ(reads("archive"), "amqp:unauthorized-access");
  EXPECT_EQ(reads("hub"), "amqp:unauthorized-access");
  EXPECT_EQ(reads("messages/events"), "amqp:unauthorized-access");
  // The scope is where the path begins, and so is the entity.
  EXPECT_EQ(reads("alerts/archive"), "amqp:not-found");
  EXPECT_EQ(reads("alerts/x"), "amqp:not-found");
  const LinkId questions = client.send_to("$management");
  const LinkId answers = client.receive_from("$management", 10);
  const auto asked = [&](const std::string& name) {
    Bytes message;
    amqp::ValueWriter to{message};
    to.descriptor(0x74);
    to.begin_map();
    for (const auto& [key, value] : {std::pair<std::string, std::string>{"operation", "READ"},
                                     {"type", "com.microsoft:partition"}, {"name", name}, {"partition", "0"}}) {
      to.string(key);
      to.string(value);
    }
    to.end();
    to.descriptor(0x77);
    to.null();
    client.send(questions, message);
    int status = 0;
    amqp::each_pair(amqp::read_sections(client.on(answers).back()->message)->application_properties,
                    [&](const amqp::Value& key, const amqp::Value& value) {
                      if (key.text() == "status-code") status = static_cast<int>(value.number());
                    });
    return status;
  };
  EXPECT_EQ(asked("alerts"), 200);
  EXPECT_EQ(asked("archive"), 401);
}

TEST(AmqpDoor, ATokenThatEndsTakesItsDevicesLinksAndARenewedOneKeepsThem) {  // [AMQP-10, AMQP-12]
  Verified hub;
  Client client{hub.driver};
  client.put_token("hub.test/devices/d1", hub.device_token("d1", 10min));
  client.put_token("hub.test/devices/d2", hub.device_token("d2", 10min));
  const LinkId first = client.send_to(events_of("d1"));
  const LinkId second = client.send_to(events_of("d2"));
  const auto live = [&](Duration duration) {
    for (Duration passed{}; passed < duration; passed += 60s) {
      hub.driver.pass(60s);
      client.engine().woken(hub.driver.now().mono);
      client.run();
    }
  };
  live(9min);
  EXPECT_EQ(client.put_token("hub.test/devices/d2", hub.device_token("d2", 1h)), 200);
  live(15min);
  EXPECT_EQ(client.ended(first), "amqp:unauthorized-access");
  EXPECT_EQ(client.ended(second), "open");
  EXPECT_EQ(client.outcome(client.telemetry(second, "x")), amqp::Outcome::accepted);
  hub.driver.ask(UpdateDevice{"d2", {}, Credentials{CredentialType::sas, Verified::key("dx"), Verified::key("dx")}, {}, {}});
  client.run();
  EXPECT_EQ(client.ended(second), "amqp:unauthorized-access");
}

}  // namespace
}  // namespace hubproof::server_tests
