// Who may do what: endpoints x permissions x credentials, as one table, asked of the gate and of
// each door. A door that is added gets a line in `doors`: how it asks for an endpoint, and which it has.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/base64.hpp"
#include "model/hub/gate.hpp"
#include "model/hub/token.hpp"
#include "model/http/codec.hpp"
#include "tests/model/amqp_client.hpp"
#include "tests/model/hub_driver.hpp"
#include "tests/model/server_driver.hpp"

namespace hubproof::model {
namespace {

using std::string;
using std::string_view;
using server_tests::Driver;

string key(string_view name) {
  Bytes bytes(32, 0);
  std::ranges::copy(view(name), bytes.begin());
  return to_base64(bytes);
}

Rules verifying() {
  Rules rules;
  rules.hub.access = Access::verified;
  return rules;
}

// The devices of the table, in the order of what happens to them: d1 was deleted and created again,
// then its primary key was changed; d4 is disabled; there is no d9.
std::vector<Request> set_up() {
  const auto made = [](const string& id, const string& keys) {
    return CreateDevice{id, Credentials{CredentialType::sas, key(keys + " 1"), key(keys + " 2")}};
  };
  return {made("d1", "first d1"),
          DeleteDevice{"d1"},
          CreateDevice{"d1", Credentials{CredentialType::sas, key("rotated d1"), key("d1 2")}},
          UpdateDevice{"d1", {}, Credentials{CredentialType::sas, key("d1 1"), {}}},
          made("d2", "d2"),
          made("d", "d"),
          made("d10", "d10"),
          made("D1", "D1"),
          made("d4", "d4"),
          EnableDevice{"d4", false}};
}

// What somebody shows.
struct Credential {
  string name;
  string scope;   // path of the resource; "-": no token at all
  string signer;  // name of the key, or of the policy whose primary key it is
  Duration life = 1h;
  bool other_form = false;  // the key is taken as the other kind of endpoint takes it
};

struct Endpoint {
  string resource;
  Right need;
  KeyForm form = KeyForm::decoded;
};

const std::vector<Endpoint> endpoints = {
    {"devices/{d}", Right::device_connect},  // MQTT
    {"devices/{d}/messages/events", Right::device_connect},
    {"devices/{d}/messages/devicebound", Right::device_connect},
    {"messages/devicebound", Right::service_connect},
    {"messages/serviceBound/feedback", Right::service_connect},
    {"hub/ConsumerGroups/$Default/Partitions/0", Right::service_connect, KeyForm::text},
    {"devices/{d}", Right::registry_read},
    {"devices/{d}", Right::registry_write},
};

// y: yes; u: unauthorized; d: the device is disabled; n: there is no such device.
struct Row {
  Credential shown;
  string_view d1, d4, d9;  // by endpoint, for that device
};

const Row rows[] = {
    {{"none", "-", ""}, "uuuuuuuu", "uuuuuuuu", "uuuuuuuu"},
    {{"not a token", "=", ""}, "uuuuuuuu", "uuuuuuuu", "uuuuuuuu"},
    {{"its primary key", "devices/{d}", "{d} 1"}, "yyyuuuuu", "ddduuuuu", "uuuuuuuu"},
    {{"its secondary key", "devices/{d}", "{d} 2"}, "yyyuuuuu", "ddduuuuu", "uuuuuuuu"},
    {{"a wrong key", "devices/{d}", "nobody's"}, "uuuuuuuu", "uuuuuuuu", "uuuuuuuu"},
    {{"no key but its text", "devices/{d}", "{d} 1", 1h, true}, "uuuuuuuu", "uuuuuuuu", "uuuuuuuu"},
    {{"expired, within the grace", "devices/{d}", "{d} 1", -299s}, "yyyuuuuu", "ddduuuuu", "uuuuuuuu"},
    {{"expired", "devices/{d}", "{d} 1", -300s}, "uuuuuuuu", "uuuuuuuu", "uuuuuuuu"},
    {{"one endpoint only", "devices/{d}/messages/events", "{d} 1"}, "uyuuuuuu", "uduuuuuu", "uuuuuuuu"},
    {{"the whole hub, by its own key", "", "{d} 1"}, "uuuuuuuu", "uuuuuuuu", "uuuuuuuu"},
    {{"another one's key", "devices/{d}", "d2 1"}, "uuuuuuuu", "uuuuuuuu", "uuuuuuuu"},
    {{"another one's token", "devices/d2", "d2 1"}, "uuuuuuuu", "uuuuuuuu", "uuuuuuuu"},
    {{"that of a shorter name", "devices/d", "d 1"}, "uuuuuuuu", "uuuuuuuu", "uuuuuuuu"},
    {{"that of a longer name", "devices/d10", "d10 1"}, "uuuuuuuu", "uuuuuuuu", "uuuuuuuu"},
    {{"that of the other case", "devices/D1", "D1 1"}, "uuuuuuuu", "uuuuuuuu", "uuuuuuuu"},
    {{"deleted generation's key", "devices/{d}", "first {d} 1"}, "uuuuuuuu", "uuuuuuuu", "uuuuuuuu"},
    {{"the key before rotation", "devices/{d}", "rotated {d}"}, "uuuuuuuu", "uuuuuuuu", "uuuuuuuu"},
    {{"iothubowner", "", "iothubowner"}, "yyyyyyyy", "dddyyyyy", "nnnyyyyy"},
    {{"service", "", "service"}, "uuuyyyuu", "uuuyyyuu", "uuuyyyuu"},
    {{"device", "", "device"}, "yyyuuuuu", "ddduuuuu", "nnnuuuuu"},
    {{"registryRead", "", "registryRead"}, "uuuuuuyu", "uuuuuuyu", "uuuuuuyu"},
    {{"registryReadWrite", "", "registryReadWrite"}, "uuuuuuyy", "uuuuuuyy", "uuuuuuyy"},
    {{"iothubowner, expired", "", "iothubowner", -1h}, "uuuuuuuu", "uuuuuuuu", "uuuuuuuu"},
    {{"iothubowner, for another", "devices/d2", "iothubowner"}, "uuuuuuuu", "uuuuuuuu", "uuuuuuuu"},
    {{"iothubowner, for messages", "messages", "iothubowner"}, "uuuyyuuu", "uuuyyuuu", "uuuyyuuu"},
    {{"iothubowner, by its text", "", "iothubowner", 1h, true}, "uuuuuuuu", "uuuuuuuu", "uuuuuuuu"},
    {{"a policy of no hub", "", "nobody"}, "uuuuuuuu", "uuuuuuuu", "uuuuuuuu"},
};

string with_device(string text, const string& device) {
  for (std::size_t at; (at = text.find("{d}")) != text.npos;) text.replace(at, 3, device);
  return text;
}

string token(const Credential& shown, const string& device, KeyForm form, Date now,
             const std::vector<Policy>& policies) {
  if (shown.scope == "-") return {};
  if (shown.scope == "=") return "SharedAccessSignature of my mother";
  if (shown.other_form) form = form == KeyForm::text ? KeyForm::decoded : KeyForm::text;
  const string scope = with_device(shown.scope, device);
  const string resource = scope.empty() ? "hub" : "hub/" + scope;
  const bool by_policy = shown.signer.find(' ') == string::npos && shown.signer != "nobody's";
  if (!by_policy)
    return make_token(resource, key(with_device(shown.signer, device)), form, now + shown.life);
  const auto policy = std::ranges::find(policies, shown.signer, &Policy::name);
  const string secret = policy == policies.end() ? key("any") : policy->primary;
  return make_token(resource, secret, form, now + shown.life, shown.signer);
}

char letter(Error error) {
  switch (error) {
    case Error::none: return 'y';
    case Error::unauthorized: return 'u';
    case Error::disabled: return 'd';
    case Error::device_not_found: return 'n';
    default: return '?';
  }
}

TEST(Access, OfTheGate) {
  test::HubDriver driver{verifying().hub};
  for (const Request& request : set_up()) {
    if (const auto* r = std::get_if<CreateDevice>(&request)) driver.hub->create(driver.now, *r, driver.effects);
    if (const auto* r = std::get_if<UpdateDevice>(&request)) driver.hub->update(driver.now, *r, driver.effects);
    if (const auto* r = std::get_if<DeleteDevice>(&request)) driver.hub->remove(driver.now, r->device, driver.effects);
    if (const auto* r = std::get_if<EnableDevice>(&request))
      driver.hub->enable(driver.now, r->device, r->enabled, driver.effects);
  }
  driver.flush();
  driver.crash(0);  // all of it is in the journal
  const Gate gate{driver.rules, *driver.hub};
  for (const Row& row : rows)
    for (const auto& [device, expected] :
         {std::pair{string{"d1"}, row.d1}, {string{"d4"}, row.d4}, {string{"d9"}, row.d9}})
      for (std::size_t place = 0; place < endpoints.size(); ++place) {
        const Endpoint& at = endpoints[place];
        const auto allowed =
            gate.allow(driver.now, token(row.shown, device, at.form, driver.now.wall, driver.hub->policies()),
                       with_device(at.resource, device), at.need, at.form);
        const Error* error = std::get_if<Error>(&allowed);
        EXPECT_EQ(letter(error ? *error : Error::none), expected[place])
            << row.shown.name << " at " << with_device(at.resource, device) << " (column " << place + 1 << ")";
      }
}

// A hub with all of its doors, and how each of them is asked. Each asks for what the endpoint is there
// for, not for its being there: what is refused has left nothing behind.
struct World {
  Driver driver{verifying()};
  std::vector<Policy> policies;

  World() {
    for (const Request& request : set_up()) EXPECT_FALSE(std::holds_alternative<Failed>(driver.ask(request)));
    const Response response = driver.ask(ListPolicies{});
    policies = std::get<Policies>(response).list;
  }
  // How many commands a device's queue had; they are no more.
  std::uint32_t purge(const string& device) {
    const Response response = driver.ask(Purge{device});
    const auto* done = std::get_if<Done>(&response);
    return done ? done->count : 0;
  }
};

struct DoorUnderTest {
  string name;
  std::vector<std::size_t> places;  // of the endpoints that it has
  std::map<char, char> says;        // what it does not tell from something else
  std::function<char(World&, const Credential&, const string& token, const string& device, const Endpoint&)> ask;
};

// CONNECT, and telemetry right behind it that must not be stored if the answer is no.
char ask_mqtt(World& world, const Credential&, const string& token, const string& device, const Endpoint&) {
  const std::size_t stored = world.driver.telemetry().size();
  const ConnectionId id = world.driver.open();
  const string user = server_tests::user(device);
  mqtt::Connect connect = server_tests::connect_as(device, user);
  if (!token.empty()) connect.password = view(token);
  Bytes bytes;
  mqtt::write(bytes, connect);
  const string topic = "devices/" + device + "/messages/events/";
  mqtt::write(bytes, mqtt::Publish{topic, view("x"), 1, 1, false, false});
  world.driver.feed(id, View{bytes});
  const auto got = world.driver.take(id);
  const int code = got.empty() ? -1 : got[0].code;
  EXPECT_EQ(world.driver.closed(id), code != 0);
  EXPECT_EQ(world.driver.telemetry().size(), stored + (code == 0 ? 1 : 0));
  return code == 0 ? 'y' : code == 3 ? 'd' : code == 5 ? 'u' : '?';
}

// One request, or two. The registry's are such that nothing but the right to ask them makes a difference:
// whether there is such a device is another matter.
char ask_http(World& world, const Credential&, const string& token, const string& device, const Endpoint& at) {
  string etag;
  const auto status = [&](const string& method, const string& path, const string& fields = {},
                          const string& body = {}) {
    const ConnectionId id = world.driver.open(Door::http);
    const string request = method + " " + path + "?api-version=2021-04-12 HTTP/1.1\r\nHost: hub\r\n" + fields +
                           (token.empty() ? "" : "Authorization: " + token + "\r\n") +
                           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    world.driver.feed(id, view(request));
    const Bytes bytes = world.driver.take_bytes(id);
    http::ResponseDecoder decoder;
    decoder.feed(bytes);
    const http::Response* response = decoder.next();
    if (response) etag = response->field("etag").value_or("");
    return response ? response->status : 0;
  };
  const auto letter = [](unsigned code, unsigned yes) {
    return code == yes ? 'y' : code == 401 ? 'u' : code == 403 ? 'd' : code == 404 ? 'n' : '?';
  };
  const auto described = [&] {
    const Response response = world.driver.ask(GetDevice{device});
    const auto* found = std::get_if<DeviceIdentity>(&response);
    return found ? *found : DeviceIdentity{};
  };
  const bool there = device != "d9";
  const string path = "/" + with_device(at.resource, device);
  if (at.need == Right::service_connect) {  // feedback, or none [FBK-10]
    const unsigned code = status("GET", path);
    return letter(code == 200 ? 204 : code, 204);
  }
  if (at.need == Right::registry_read) return letter(status("GET", path), there ? 200 : 404);
  if (at.need == Right::registry_write) {
    const DeviceIdentity before = described();
    const unsigned code = status("PUT", path, "If-Match: \"*\"\r\n",
                                 R"({"deviceId":")" + device + R"(","statusReason":"asked for","status":")" +
                                     (before.enabled ? "enabled" : "disabled") + "\"}");
    const char answer = letter(code, there ? 200 : 404);
    EXPECT_EQ(described().etag != before.etag, there && answer == 'y');
    return answer;
  }
  if (at.resource.ends_with("/events")) {
    const std::size_t stored = world.driver.telemetry().size();
    const char answer = letter(status("POST", path, {}, "x"), 204);
    EXPECT_EQ(world.driver.telemetry().size(), stored + (answer == 'y' ? 1 : 0));
    return answer;
  }
  // A command is received and completed; or one that another has locked is not.
  if (device == "d1") world.driver.command(device, "c");
  const char received = letter(status("GET", path), device == "d1" ? 200 : 204);
  string lock = etag.size() > 2 ? etag.substr(1, etag.size() - 2) : "1";
  if (received != 'y') {
    const Response locked = world.driver.ask(ReceiveCommand{device});
    if (const auto* command = std::get_if<Command>(&locked)) lock = std::to_string(command->token);
  }
  EXPECT_EQ(letter(status("DELETE", path + "/" + lock), device == "d1" ? 204 : 412), received);
  EXPECT_EQ(world.purge(device), device == "d1" && received != 'y' ? 1u : 0u);
  return received;
}

// A link is asked for, and used.
char ask_link(World& world, server_tests::AmqpClient& client, const string& device, const Endpoint& at) {
  const string resource = with_device(at.resource, device);
  const bool sends = !at.resource.starts_with("hub/") && !at.resource.ends_with("feedback") &&
                     at.resource != "devices/{d}/messages/devicebound";
  const bool receives = at.resource == "devices/{d}/messages/devicebound" && device == "d1";
  if (receives) world.driver.command(device, "c");
  const std::size_t stored = world.driver.telemetry().size();
  const std::size_t before = client.arrived().size();
  const amqp::LinkId link = sends ? client.send_to("/" + resource)
                                  : client.receive_from(at.form == KeyForm::text ? resource : "/" + resource);
  const string ended = client.ended(link);
  const char answer = ended == "open"                       ? 'y'
                      : ended == "amqp:unauthorized-access" ? 'u'
                      : ended == "amqp:not-found"           ? 'n'
                                                            : '?';
  if (answer == 'y' && sends && at.need == Right::device_connect) {
    EXPECT_EQ(client.outcome(client.telemetry(link, "x")), amqp::Outcome::accepted);
  }
  if (answer == 'y' && sends && at.need == Right::service_connect) {
    Bytes flat;
    MessageWriter{flat}.body(view("x"));
    EXPECT_EQ(client.outcome(client.send_flat(link, flat, "/devices/d10/messages/devicebound")),
              amqp::Outcome::accepted);
  }
  if (answer == 'y' && receives) {
    client.grant(link, 1);
    const auto arrived = client.on(link);
    EXPECT_EQ(arrived.size(), 1u);
    if (!arrived.empty()) client.settle(link, arrived[0]->delivery, amqp::Outcome::accepted);
  }
  const bool telemetry = answer == 'y' && at.resource.ends_with("/events");
  EXPECT_EQ(world.driver.telemetry().size(), stored + (telemetry ? 1 : 0));
  EXPECT_TRUE(answer == 'y' || client.arrived().size() == before);
  EXPECT_EQ(world.purge("d10"), answer == 'y' && at.resource == "messages/devicebound" ? 1u : 0u);
  EXPECT_EQ(world.purge(device), receives && answer != 'y' ? 1u : 0u);
  return answer;
}

// The token is put for what it says it is for, and for what is wanted, which is to be the same; then a
// link is asked for, also when the token was refused.
char ask_amqp(World& world, const Credential& shown, const string& token, const string& device, const Endpoint& at) {
  const string scope = with_device(shown.scope, device);
  const bool all = scope.empty() || scope == "-" || scope == "=";
  const string own = !all ? "hub/" + scope : at.form == KeyForm::text ? "sb://hub/hub" : "hub";
  const string asked = (at.form == KeyForm::text ? "sb://hub/" : "hub/") + with_device(at.resource, device);
  const auto ask = [&](const string& audience) {
    server_tests::AmqpClient client{world.driver};
    const int put = token.empty() ? 401 : client.put_token(audience, token);
    EXPECT_TRUE(put == 200 || put == 401) << put;
    const char answer = ask_link(world, client, device, at);
    EXPECT_TRUE(put == 200 || answer == 'u');
    client.close();
    return answer;
  };
  const char answer = ask(asked);
  EXPECT_EQ(ask(own), answer) << shown.name << " at " << asked << ", put for " << own;
  return answer;
}

char ask_plain(World& world, const Credential& shown, const string& token, const string& device, const Endpoint& at) {
  const std::size_t space = shown.signer.find(' ');
  const bool by_policy = space == string::npos && !shown.signer.empty() && shown.signer != "nobody's";
  const string signer = space == string::npos ? "{d}" : shown.signer.substr(0, space);
  const string user = by_policy ? shown.signer + "@sas.root.hub" : with_device(signer, device) + "@sas.hub";
  server_tests::AmqpClient client{world.driver, user, token};
  if (!client.welcome()) {
    EXPECT_TRUE(world.driver.closed(client.id()));
    return 'u';
  }
  const char answer = ask_link(world, client, device, at);
  client.close();
  return answer;
}

const std::vector<DoorUnderTest> doors = {
    {"MQTT", {0}, {{'n', 'u'}}, ask_mqtt},              // no code tells that there is no such device [H-05]
    {"HTTP", {1, 2, 4, 6, 7}, {}, ask_http},            // [ERR-08, ERR-17, ERR-18]
    {"AMQP", {1, 2, 3, 4, 5}, {{'d', 'n'}}, ask_amqp},  // [ERR-18]
    {"AMQP, SASL PLAIN", {1, 2, 3, 4}, {{'d', 'n'}}, ask_plain},
};

TEST(Access, OfEachDoor) {
  for (const DoorUnderTest& door : doors) {
    World world;
    for (const Row& row : rows)
      for (const auto& [device, expected] :
           {std::pair{string{"d1"}, row.d1}, {string{"d4"}, row.d4}, {string{"d9"}, row.d9}})
        for (const std::size_t place : door.places) {
          const Endpoint& at = endpoints[place];
          const auto blurred = door.says.find(expected[place]);
          const char answer = door.ask(
              world, row.shown, token(row.shown, device, at.form, world.driver.now().wall, world.policies), device, at);
          EXPECT_EQ(answer, blurred == door.says.end() ? expected[place] : blurred->second)
              << door.name << ": " << row.shown.name << " at " << with_device(at.resource, device);
        }
  }
}

// Certificates.

TEST(Access, ByCertificate) {
  Driver driver{verifying()};
  const string sha256(64, 'A'), sha1(40, 'b');
  driver.ask(CreateDevice{"d1", Credentials{CredentialType::self_signed, sha256, sha1}});
  driver.ask(CreateDevice{"d2", Credentials{CredentialType::authority}});
  driver.ask(CreateDevice{"d3", Credentials{CredentialType::sas, key("d3"), key("d3 2")}});
  int opened = 1000;
  const auto code = [&](const string& device, std::optional<ClientCertificate> certificate,
                        const string& password = {}) {
    const auto id = static_cast<ConnectionId>(++opened);
    Effects effects;
    driver.server().opened(driver.now(), id, Door::mqtt, effects, std::move(certificate));
    const string user = server_tests::user(device);
    mqtt::Connect connect = server_tests::connect_as(device, user);
    if (!password.empty()) connect.password = view(password);
    driver.feed(id, connect);
    const auto got = driver.take(id);
    return got.empty() ? -1 : got[0].code;
  };
  const auto own = [](string thumb256, string thumb1) {
    return ClientCertificate{std::move(thumb256), std::move(thumb1), "any", false};
  };
  EXPECT_EQ(code("d1", own(string(64, 'a'), "")), 0) << "letters of either case";
  EXPECT_EQ(code("d1", own(string(64, 'c'), string(40, 'B'))), 0) << "one of the two hashes";
  EXPECT_EQ(code("d1", own(string(64, 'c'), string(40, 'c'))), 5);
  EXPECT_EQ(code("d1", own("", "")), 5);
  EXPECT_EQ(code("d1", std::nullopt), 5);
  EXPECT_EQ(code("d1", ClientCertificate{"", "", "d1", true}), 5) << "an authority is not asked for";
  EXPECT_EQ(code("d2", ClientCertificate{"", "", "d2", true}), 0);
  EXPECT_EQ(code("d2", ClientCertificate{"", "", "D2", true}), 5);
  EXPECT_EQ(code("d2", ClientCertificate{"", "", "d2", false}), 5) << "an unknown authority";
  EXPECT_EQ(code("d3", ClientCertificate{"", "", "d3", true}), 5) << "it has keys [SEC-20]";
  const string good = make_token("hub/devices/d3", key("d3"), KeyForm::decoded, driver.now().wall + 1h);
  EXPECT_EQ(code("d3", std::nullopt, good), 0);
  EXPECT_EQ(code("d3", own(sha256, sha1), good), 0) << "a certificate beside a token does not count";
  driver.ask(EnableDevice{"d1", false});
  EXPECT_EQ(code("d1", own(sha256, sha1)), 3);
}

// HTTP and AMQP ask the gate the same of certificates. Over AMQP the other devices of the connection need
// tokens of their own.
TEST(Access, ByCertificateAtTheOtherDoors) {
  Driver driver{verifying()};
  const string sha256(64, 'A');
  driver.ask(CreateDevice{"d1", Credentials{CredentialType::self_signed, sha256, {}}});
  driver.ask(CreateDevice{"d2", Credentials{CredentialType::authority}});
  driver.ask(CreateDevice{"d3", Credentials{CredentialType::sas, key("d3"), key("d3 2")}});
  int opened = 1000;
  const auto open = [&](Door door, std::optional<ClientCertificate> certificate) {
    const auto id = static_cast<ConnectionId>(++opened);
    Effects effects;
    driver.server().opened(driver.now(), id, door, effects, std::move(certificate));
    return id;
  };
  const auto asked = [&](const string& device, const std::optional<ClientCertificate>& certificate) {
    const std::size_t stored = driver.telemetry().size();
    const ConnectionId id = open(Door::http, certificate);
    driver.feed(id, view("POST /devices/" + device + "/messages/events?api-version=2021-04-12 HTTP/1.1\r\n"
                         "Host: hub\r\nContent-Length: 1\r\n\r\nx"));
    const string status{text(driver.take_bytes(id)).substr(9, 3)};
    EXPECT_EQ(driver.telemetry().size(), stored + (status == "204" ? 1 : 0));
    server_tests::AmqpClient client{driver, open(Door::amqp, certificate)};
    const amqp::LinkId link = client.send_to(server_tests::events_of(device));
    const string ended = client.ended(link);
    if (ended == "open") {
      EXPECT_EQ(client.outcome(client.telemetry(link, "x")), amqp::Outcome::accepted);
    }
    return status + " " + ended;
  };
  const ClientCertificate own{sha256, "", "any", false}, signed_d2{"", "", "d2", true};
  const string refused = "401 amqp:unauthorized-access";
  EXPECT_EQ(asked("d1", own), "204 open");
  EXPECT_EQ(asked("d1", std::nullopt), refused);
  EXPECT_EQ(asked("d1", ClientCertificate{string(64, 'c'), "", "d1", false}), refused);
  EXPECT_EQ(asked("d1", ClientCertificate{"", "", "d1", true}), refused) << "an authority is not asked for";
  EXPECT_EQ(asked("d2", signed_d2), "204 open");
  EXPECT_EQ(asked("d2", own), refused) << "another one's";
  EXPECT_EQ(asked("d3", ClientCertificate{"", "", "d3", true}), refused) << "it has keys [SEC-20]";
  server_tests::AmqpClient client{driver, open(Door::amqp, own)};
  EXPECT_EQ(client.ended(client.send_to(server_tests::events_of("d2"))), "amqp:unauthorized-access");
  EXPECT_EQ(client.ended(client.send_to("/messages/devicebound")), "amqp:unauthorized-access");
  EXPECT_EQ(client.ended(client.receive_from("hub/ConsumerGroups/$Default/Partitions/0")), "amqp:unauthorized-access");
  driver.ask(EnableDevice{"d1", false});
  EXPECT_EQ(asked("d1", own), "403 amqp:not-found");
}

TEST(Access, AnOpenHubAsksNobody) {
  Driver driver;
  driver.create("d1");
  EXPECT_EQ(server_tests::connected(driver, "d1"), ConnectionId{1});
}

TEST(Access, ATokenWithoutDeviceSas) {  // [SEC-23]
  Rules rules = verifying();
  rules.hub.device_sas = false;
  test::HubDriver driver{rules.hub};
  driver.hub->create(driver.now, {"d1", Credentials{CredentialType::sas, key("d1"), key("d1 2")}}, driver.effects);
  const Gate gate{driver.rules, *driver.hub};
  const string token = make_token("hub/devices/d1", key("d1"), KeyForm::decoded, driver.now.wall + 1h);
  EXPECT_TRUE(std::holds_alternative<Error>(gate.allow(driver.now, token, "devices/d1", Right::device_connect)));
}

// Connections that live.

struct Live : World {
  ConnectionId connect(const string& device, Duration life, const string& signer) {
    const ConnectionId id = driver.open();
    const string user = server_tests::user(device);
    const string text = make_token("hub/devices/" + device, key(signer), KeyForm::decoded,
                                   driver.now().wall + life);
    mqtt::Connect connect = server_tests::connect_as(device, user, true, 0);
    connect.password = view(text);
    driver.feed(id, connect);
    const auto got = driver.take(id);
    EXPECT_TRUE(!got.empty() && got[0].code == 0);
    return id;
  }
  Why why() {
    const auto ends = driver.seen(What::ended);
    return ends.empty() ? Why::unknown : ends.back().why;
  }
};

TEST(LiveToken, IsOverTenMinutesAfterItsExpiry) {  // [SEC-16, SEC-17]
  Live live;
  const ConnectionId id = live.connect("d1", 60s, "d1 1");
  live.driver.pass(60s + 599s);
  EXPECT_FALSE(live.driver.closed(id));
  live.driver.pass(1s);
  EXPECT_TRUE(live.driver.closed(id));
  EXPECT_EQ(live.why(), Why::credentials);
}

TEST(LiveToken, GoesByTheHubsWallClock) {  // [SEC-14]
  Live live;
  const ConnectionId id = live.connect("d1", 60s, "d1 1");
  live.driver.set_wall(-300s);
  live.driver.pass(60s + 600s);
  EXPECT_FALSE(live.driver.closed(id));
  live.driver.set_wall(299s);
  EXPECT_FALSE(live.driver.closed(id));
  live.driver.pass(1s);
  EXPECT_TRUE(live.driver.closed(id));

  const ConnectionId next = live.connect("d1", 60s, "d1 1");
  live.driver.set_wall(661s);
  live.driver.pass(1ms);
  EXPECT_TRUE(live.driver.closed(next));
}

TEST(LiveToken, IsKeptFromTheStartInTheProfileOf2017) {  // [SEC-18]
  Rules rules = *profile("iot-hub-2017");
  rules.hub.access = Access::verified;
  Driver driver{rules};
  driver.ask(CreateDevice{"d1", Credentials{CredentialType::sas, key("d1"), key("d1 2")}});
  const ConnectionId id = driver.open();
  const string user = server_tests::user("d1");
  const string text = make_token("hub/devices/d1", key("d1"), KeyForm::decoded, driver.now().wall + 60s);
  mqtt::Connect connect = server_tests::connect_as("d1", user, true, 0);
  connect.password = view(text);
  driver.feed(id, connect);
  driver.pass(25min);
  EXPECT_FALSE(driver.closed(id));
}

TEST(LiveToken, EndsWithItsKeyAndWithNoOther) {
  Live live;
  const ConnectionId first = live.connect("d1", 1h, "d1 1");
  live.driver.ask(UpdateDevice{"d1", {}, Credentials{CredentialType::sas, {}, key("new")}});
  EXPECT_FALSE(live.driver.closed(first)) << "its secondary key was changed";
  live.driver.ask(UpdateDevice{"d1", {}, Credentials{}});
  EXPECT_FALSE(live.driver.closed(first)) << "empty keys change nothing";
  live.driver.ask(UpdateDevice{"d1", {}, Credentials{CredentialType::sas, key("newer"), {}}});
  EXPECT_TRUE(live.driver.closed(first));
  EXPECT_EQ(live.why(), Why::credentials);
}

TEST(LiveToken, EndsWhenTheDeviceIsDisabledOrDeleted) {  // [SEC-26, SEC-27]
  Live live;
  const ConnectionId first = live.connect("d1", 1h, "d1 1");
  live.driver.ask(UpdateDevice{"d1", "wrong", {}, false});
  EXPECT_FALSE(live.driver.closed(first)) << "another ETag: nothing happens";
  live.driver.ask(UpdateDevice{"d1", {}, {}, false, "lost"});
  EXPECT_TRUE(live.driver.closed(first));
  live.driver.ask(UpdateDevice{"d1", {}, {}, true});
  const ConnectionId second = live.connect("d1", 1h, "d1 1");
  live.driver.ask(DeleteDevice{"d1", "wrong"});
  EXPECT_FALSE(live.driver.closed(second));
  live.driver.ask(DeleteDevice{"d1"});
  EXPECT_TRUE(live.driver.closed(second));
}

// The registry.

DeviceIdentity described(Driver& driver, const string& id) {
  const Response response = driver.ask(GetDevice{id});
  const auto* device = std::get_if<DeviceIdentity>(&response);
  return device ? *device : DeviceIdentity{};
}

TEST(RegistryData, KeysAreMadeForWhoGivesNone) {
  Driver driver;
  driver.ask(CreateDevice{"d1", Credentials{}});
  driver.ask(CreateDevice{"d2", Credentials{}});
  driver.create("d3");
  const DeviceIdentity one = described(driver, "d1");
  ASSERT_TRUE(one.credentials);
  EXPECT_TRUE(is_key(one.credentials->primary));
  EXPECT_TRUE(is_key(one.credentials->secondary));
  EXPECT_NE(one.credentials->primary, one.credentials->secondary);
  EXPECT_NE(one.credentials->primary, described(driver, "d2").credentials->primary);
  EXPECT_FALSE(described(driver, "d3").credentials) << "an open hub keeps none that nobody asked for";
}

TEST(RegistryData, EveryUpdateHasAnotherETag) {
  Driver driver{verifying()};
  driver.create("d1");
  const DeviceIdentity first = described(driver, "d1");
  const Response updated = driver.ask(UpdateDevice{"d1", first.etag, {}, false, "stolen"});
  const auto* second = std::get_if<DeviceIdentity>(&updated);
  ASSERT_TRUE(second);
  EXPECT_NE(second->etag, first.etag);
  EXPECT_EQ(second->credentials, first.credentials);
  EXPECT_FALSE(second->enabled);
  EXPECT_EQ(second->reason, "stolen");
  EXPECT_NE(second->status_updated, no_date);
  const Response refused = driver.ask(UpdateDevice{"d1", first.etag, {}, true});
  ASSERT_TRUE(std::holds_alternative<Failed>(refused));
  EXPECT_EQ(std::get<Failed>(refused).error, Error::precondition_failed);
  EXPECT_FALSE(described(driver, "d1").enabled) << "[ERR-37]";
  EXPECT_TRUE(std::holds_alternative<DeviceIdentity>(driver.ask(UpdateDevice{"d1", "*", {}, true})));
  driver.ask(EnableDevice{"d1", false});
  EXPECT_NE(described(driver, "d1").etag, second->etag);
}

TEST(RegistryData, WhatIsNoCredentialIsRefused) {
  Driver driver;
  for (const Credentials& wrong :
       {Credentials{CredentialType::sas, "short", {}}, Credentials{CredentialType::sas, {}, "not base64!"},
        Credentials{CredentialType::self_signed, {}, {}}, Credentials{CredentialType::self_signed, "xyz", {}},
        Credentials{CredentialType::self_signed, string(40, 'g'), {}}}) {
    const Response response = driver.ask(CreateDevice{"d1", wrong});
    ASSERT_TRUE(std::holds_alternative<Failed>(response)) << wrong.primary;
    EXPECT_EQ(std::get<Failed>(response).error, Error::bad_request);
  }
  EXPECT_TRUE(described(driver, "d1").device.empty());
}

TEST(RegistryData, OutlivesACrashAndASnapshot) {
  Driver driver{verifying()};
  driver.create("d1");
  driver.ask(CreateDevice{"d2", Credentials{CredentialType::self_signed, string(64, 'a'), {}}, false, "new"});
  driver.ask(UpdateDevice{"d1", {}, Credentials{CredentialType::sas, key("given"), {}}});
  driver.create("d3");
  driver.ask(DeleteDevice{"d3"});
  const auto all = [&] {
    const Response response = driver.ask(ListDevices{});
    return std::get<Devices>(response).list;
  };
  const auto policies = [&] {
    const Response response = driver.ask(ListPolicies{});
    string text;
    for (const Policy& one : std::get<Policies>(response).list)
      text += one.name + one.primary + one.secondary + std::to_string(one.rights);
    return text;
  };
  const auto same = [](const DeviceIdentity& a, const DeviceIdentity& b) {
    return a.device == b.device && a.generation == b.generation && a.etag == b.etag &&
           a.enabled == b.enabled && a.reason == b.reason && a.credentials == b.credentials &&
           a.status_updated == b.status_updated;
  };
  const auto before = all();
  const string keys = policies();
  ASSERT_EQ(before.size(), 2u);
  EXPECT_EQ(before[0].credentials->primary, key("given"));
  for (int i = 0; i < 2; ++i) {  // the second time from a snapshot
    driver.crash();
    const auto after = all();
    ASSERT_EQ(after.size(), before.size());
    for (std::size_t d = 0; d < after.size(); ++d) EXPECT_TRUE(same(before[d], after[d])) << after[d].device;
    EXPECT_EQ(policies(), keys);
  }
}

TEST(RegistryData, AStoreWithoutCredentialsGetsThemWhenTheHubStartsToVerify) {
  test::HubDriver driver;  // as an older version wrote it
  driver.device("d1");
  EXPECT_EQ(driver.hub->identity(driver.hub->find("d1")), nullptr);
  driver.rules.access = Access::verified;
  driver.start();
  const Identity* identity = driver.hub->identity(driver.hub->find("d1"));
  ASSERT_NE(identity, nullptr);
  const Credentials made = *identity->credentials;
  EXPECT_TRUE(is_key(made.primary));
  EXPECT_EQ(driver.hub->policies().size(), 5u);
  driver.flush();
  driver.crash(0);
  EXPECT_EQ(*driver.hub->identity(driver.hub->find("d1"))->credentials, made);
}

TEST(RegistryData, ListsAndCounts) {
  Driver driver;
  for (const char* id : {"d2", "d10", "d1", "a"}) driver.create(id);
  driver.ask(EnableDevice{"d2", false});
  const auto ids = [&](ListDevices what) {
    string text;
    const Response response = driver.ask(std::move(what));
    for (const auto& one : std::get<Devices>(response).list) text += one.device + ' ';
    return text;
  };
  EXPECT_EQ(ids({}), "a d1 d10 d2 ");
  EXPECT_EQ(ids({"d1", 1}), "d10 ");
  EXPECT_EQ(ids({"d2", 5}), "");
  const Response response = driver.ask(CountDevices{});
  EXPECT_EQ(std::get<DeviceCounts>(response).total, 4u);
  EXPECT_EQ(std::get<DeviceCounts>(response).enabled, 3u);
}

}  // namespace
}  // namespace hubproof::model
