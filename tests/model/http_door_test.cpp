// The HTTP door: what devices and clients of the registry ask, when their answers leave, and what is
// refused with which status.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "model/base64.hpp"
#include "model/http/codec.hpp"
#include "model/http/properties.hpp"
#include "model/http/target.hpp"
#include "tests/model/server_driver.hpp"
#include "tests/support/sdk_golden.hpp"

namespace hubproof::server_tests {

using namespace model;
namespace {

using Json = nlohmann::json;

struct Answered {
  unsigned status = 0;
  std::map<std::string, std::string> fields;  // names in lower case
  std::string body;
  bool keep_alive = true;
  Json json() const { return Json::parse(body, nullptr, false); }
  std::string code() const {  // of an error
    const Json said = json();
    return said.is_object() && said.contains("errorCode") ? std::to_string(said["errorCode"].get<int>()) : "none";
  }
};

std::vector<Answered> answers(View bytes) {
  std::vector<Answered> all;
  http::ResponseDecoder decoder;
  decoder.feed(bytes);
  while (const http::Response* response = decoder.next()) {
    Answered& one = all.emplace_back();
    one.status = response->status;
    one.keep_alive = response->keep_alive;
    one.body = text(response->body);
    for (const http::Field& field : response->fields) {
      std::string name{field.name};
      for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      one.fields[name] = field.value;
    }
  }
  EXPECT_TRUE(decoder.idle()) << text(bytes);
  return all;
}

const std::string version = "?api-version=2021-04-12";

std::string request(const std::string& method, const std::string& target, const std::string& body = {},
                    const std::string& fields = {}) {
  return method + " " + target + " HTTP/1.1\r\nHost: hub\r\n" + fields +
         (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") + "\r\n" + body;
}

class Client {
 public:
  explicit Client(Driver& driver) : driver_{&driver}, id{driver.open(Door::http)} {}

  void send(const std::string& bytes) { driver_->feed(id, view(bytes)); }
  std::vector<Answered> take() { return answers(driver_->take_bytes(id)); }
  Answered ask(const std::string& method, const std::string& path, const std::string& body = {},
               const std::string& fields = {}) {
    const bool versioned = path.find('?') != std::string::npos;
    send(request(method, versioned ? path : path + version, body, fields));
    const auto all = take();
    EXPECT_EQ(all.size(), 1u) << method << " " << path;
    return all.empty() ? Answered{} : all[0];
  }
  Answered receive(const std::string& device = "d1") {
    return ask("GET", "/devices/" + device + "/messages/deviceBound");
  }
  unsigned settle(const std::string& how, const std::string& etag, const std::string& device = "d1") {
    const std::string path = "/devices/" + device + "/messages/devicebound/" + etag;
    if (how == "abandon") return ask("POST", path + "/abandon").status;
    return ask("DELETE", path + version + (how == "reject" ? "&reject" : "")).status;
  }

 private:
  Driver* driver_;

 public:
  const ConnectionId id;
};

std::string etag(const Answered& answer) {
  const std::string quoted = answer.fields.contains("etag") ? answer.fields.at("etag") : "";
  return quoted.size() > 2 ? quoted.substr(1, quoted.size() - 2) : "";
}

// What became of commands, as feedback tells it.
std::vector<Status> outcomes(Driver& driver) {
  std::vector<Status> all;
  for (int batches = 0; batches < 3; ++batches) {
    driver.pass(16s);
    const Response response = driver.ask(ReceiveFeedback{});
    if (const auto* batch = std::get_if<Feedback>(&response))
      for (const FeedbackRecord& record : batch->records) all.push_back(record.status);
  }
  return all;
}

// ---- Telemetry.

TEST(HttpDoor, TelemetryIsStoredWithItsProperties) {
  Driver driver;
  driver.create("d1");
  Client client{driver};
  const Answered answer =
      client.ask("POST", "/devices/d1/messages/events", "21.5",
                 "iothub-to: /devices/d1/messages/events\r\niothub-app-Run: a b&c=d/e?f%25\r\niothub-app-empty:\r\n"
                 "IoTHub-MessageId: m-1\r\nIOTHUB-CORRELATIONID: c\r\niothub-contenttype: text/plain\r\n"
                 "iothub-contentencoding: utf-8\r\nIoTHub-Ack: Full\r\nIoTHub-UserId: u\r\ndt-subject: part\r\n"
                 "IoTHub-Expiry: 2026-11-23T10:19:03.722Z\r\niothub-app-dt-subject: mine\r\n");
  EXPECT_EQ(answer.status, 204u);
  EXPECT_EQ(answer.body, "");
  const auto events = driver.telemetry();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].device, "d1");
  const MessageView stored{events[0].message};
  EXPECT_TRUE(stored.valid());
  EXPECT_EQ(text(stored.body()), "21.5");
  EXPECT_EQ(stored.property("Run"), "a b&c=d/e?f%25");
  EXPECT_EQ(stored.property("empty"), "");
  EXPECT_EQ(stored.property("dt-subject"), "mine");  // [HTTP-05]
  EXPECT_EQ(stored.system(System::message_id), "m-1");
  EXPECT_EQ(stored.system(System::correlation_id), "c");
  EXPECT_EQ(stored.system(System::user_id), "u");
  EXPECT_EQ(stored.system(System::content_type), "text/plain");
  EXPECT_EQ(stored.system(System::content_encoding), "utf-8");
  EXPECT_EQ(stored.system(System::component), "part");
  EXPECT_EQ(stored.ack(), Ack::full);
  EXPECT_EQ(stored.expiry(), Date{std::chrono::milliseconds{1'795'429'143'722}});
  EXPECT_FALSE(stored.system(System::to));  // [HTTP-06]
}

TEST(HttpDoor, A204LeavesWhenTheMessageIsDurable) {
  Driver driver;
  driver.create("d1");
  Client client{driver};
  driver.hold();
  client.send(request("POST", "/devices/d1/messages/events" + version, "kept"));
  EXPECT_TRUE(client.take().empty());
  driver.release();
  const auto all = client.take();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].status, 204u);
  driver.crash();
  EXPECT_EQ(driver.bodies(), std::vector<std::string>{"kept"});
}

// A seed of http-fleet found it: a lock of sixty seconds was over 59.35 seconds after its hand-over, as that had
// waited for what another device had sent [TIME-10].
TEST(HttpDoor, AHandOverDoesNotWaitForWhatOthersSent) {
  Driver driver;
  driver.create("d1");
  driver.hold();
  driver.command("d1", "c-1", "command");
  Client sender{driver};
  sender.send(request("POST", "/devices/d1/messages/events" + version, "later"));
  Client receiver{driver};
  receiver.send(request("GET", "/devices/d1/messages/devicebound" + version));
  EXPECT_TRUE(receiver.take().empty());
  driver.release_one();
  EXPECT_EQ(receiver.take().size(), 1u);
  EXPECT_TRUE(sender.take().empty());
  driver.release();
  EXPECT_EQ(sender.take().size(), 1u);
}

// A seed of mixed-fleet found it: a command was locked when its request was read and expired while the answer
// waited behind that to telemetry, so that it was handed over when it was over [TIME-10].
TEST(HttpDoor, ALockBeginsWhenNothingIsAheadOfItsHandOver) {
  Driver driver;
  driver.create("d1");
  driver.command("d1", "c-1", "command");
  Client client{driver};
  driver.hold();
  client.send(request("POST", "/devices/d1/messages/events" + version, "slow") +
              request("GET", "/devices/d1/messages/devicebound" + version) + request("GET", "/nowhere"));
  driver.pass(8s);
  driver.release();
  const auto all = client.take();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[1].body, "command");
  EXPECT_EQ(all[2].status, 404u);
  driver.pass(55s);
  EXPECT_EQ(client.settle("complete", etag(all[1])), 204u) << "the lock is 60 s long";
}

TEST(HttpDoor, ABatchIsStoredInItsOrderAndHasOneAnswer) {
  Driver driver;
  driver.create("d1");
  Client client{driver};
  const std::string type = "Content-Type: application/vnd.microsoft.iothub.json; charset=utf-8\r\n";
  EXPECT_EQ(client.ask("POST", "/devices/d1/messages/events",
                       R"([{"body": "b25l", "properties": {"iothub-app-n": "1", "iothub-messageid": "m1"}},
                           {"body": "two \u00e4", "base64Encoded": false}, {"body": "", "base64Encoded": true}])",
                       type).status, 204u);
  EXPECT_EQ(driver.bodies(), (std::vector<std::string>{"one", "two \xc3\xa4", ""}));
  const auto events = driver.telemetry();
  EXPECT_EQ(MessageView{events[0].message}.property("n"), "1");
  EXPECT_EQ(MessageView{events[0].message}.system(System::message_id), "m1");
}

TEST(HttpDoor, OfABatchThatIsRefusedNothingIsStored) {
  Driver driver;
  driver.create("d1");
  Client client{driver};
  const std::string type = "Content-Type: application/vnd.microsoft.iothub.json\r\n";
  const std::string good = R"({"body": "b25l"})";
  std::string many = "[" + good;
  for (int i = 0; i < 500; ++i) many += "," + good;
  for (const std::string& bad :
       {std::string{"{}"}, std::string{"[]"}, "[" + good + ",{}]", "[" + good + R"(,{"body": {"a": 1}}])",
        "[" + good + R"(,{"body": "b25"}])", "[" + good + R"(,{"body": "b25l", "base64Encoded": "no"}])",
        "[" + good + R"(,{"body": "b25l", "properties": {"iothub-app-a": 1}}])",
        "[" + good + R"(,{"body": "b25l", "properties": {"iothub-app-": "1"}}])",
        "[" + good + R"(,{"body": "b25l", "properties": {"iothub-ack": "some"}}])", "[" + good, many + "]"}) {
    const Answered answer = client.ask("POST", "/devices/d1/messages/events", bad, type);
    EXPECT_EQ(answer.status, 400u) << bad.substr(0, 80);
    EXPECT_EQ(answer.code(), "400004");
  }
  const std::string large(100'000, 'A');
  const std::string three = "[{\"body\":\"" + large + "\"},{\"body\":\"" + large + "\"},{\"body\":\"" + large + "\"}]";
  EXPECT_EQ(client.ask("POST", "/devices/d1/messages/events", three, type).status, 204u);
  const std::string four = three.substr(0, three.size() - 1) + ",{\"body\":\"" + large + "\"}]";
  EXPECT_EQ(client.ask("POST", "/devices/d1/messages/events", four, type).code(), "413001");  // [D2C-41]
  EXPECT_EQ(driver.bodies().size(), 3u);
}

TEST(HttpDoor, TheSizeLimitCountsBodyAndProperties) {
  Driver driver;
  driver.create("d1");
  Client client{driver};
  const std::string most(262'144 - 5, 'x');
  EXPECT_EQ(client.ask("POST", "/devices/d1/messages/events", most, "iothub-app-name: 1\r\n").status, 204u);
  EXPECT_EQ(client.ask("POST", "/devices/d1/messages/events", most, "iothub-app-name: 12\r\n").code(), "413001");
  const Answered far = client.ask("POST", "/devices/d1/messages/events", std::string(1'100'000, 'x'));
  EXPECT_EQ(far.status, 413u);
  EXPECT_FALSE(far.keep_alive);
  EXPECT_TRUE(driver.closed(client.id));
  EXPECT_EQ(driver.bodies().size(), 1u);
}

// ---- Commands.

TEST(HttpDoor, ACommandIsReceivedWithItsFieldsAndCompleted) {
  Driver driver;
  driver.create("d1");
  Client client{driver};
  EXPECT_EQ(client.receive().status, 204u);  // at once [HTTP-10]
  SendCommand send{"d1", {}};
  MessageWriter writer{send.message};
  writer.system(System::message_id, "c-1");
  writer.system(System::correlation_id, "corr");
  writer.expiry(driver.now().wall + 90s);
  writer.ack(Ack::full);
  writer.property("valve", "7 b");
  writer.body(view("open"));
  driver.ask(send);
  const Answered got = client.receive();
  EXPECT_EQ(got.status, 200u);
  EXPECT_EQ(got.body, "open");
  EXPECT_EQ(got.fields.at("iothub-messageid"), "c-1");
  EXPECT_EQ(got.fields.at("iothub-correlationid"), "corr");
  EXPECT_EQ(got.fields.at("iothub-sequencenumber"), "1");
  EXPECT_EQ(got.fields.at("iothub-deliverycount"), "0");
  EXPECT_EQ(got.fields.at("iothub-to"), "/devices/d1/messages/deviceBound");
  EXPECT_EQ(got.fields.at("iothub-ack"), "full");
  EXPECT_EQ(got.fields.at("iothub-enqueuedtime"), "1970-01-12T13:46:40.000Z");
  EXPECT_EQ(got.fields.at("iothub-expiry"), "1970-01-12T13:48:10.000Z");
  EXPECT_EQ(got.fields.at("iothub-app-valve"), "7 b");
  EXPECT_EQ(got.fields.at("etag").front(), '"');
  const auto packets = driver.seen(What::packet);
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(packets[0].packet, Packet::link_delivery);
  EXPECT_EQ(std::to_string(packets[0].token), etag(got));
  EXPECT_EQ(packets[0].message, message_key("c-1"));
  EXPECT_EQ(client.receive().status, 204u);  // it is locked
  EXPECT_EQ(client.settle("complete", etag(got)), 204u);
  EXPECT_EQ(client.settle("complete", etag(got)), 412u);  // [C2D-24]
  driver.pass(100s);
  EXPECT_EQ(client.receive().status, 204u);
}

TEST(HttpDoor, RejectAndAbandonAreTheirOwn) {
  Driver driver;
  driver.create("d1");
  Client client{driver};
  driver.command("d1", "c-1");
  const Answered first = client.receive();
  EXPECT_EQ(client.settle("abandon", etag(first)), 204u);
  const Answered second = client.receive();
  EXPECT_NE(etag(first), etag(second));  // [C2D-11]
  EXPECT_EQ(second.fields.at("iothub-deliverycount"), "1");
  EXPECT_EQ(client.settle("reject", etag(first)), 412u);
  EXPECT_EQ(client.settle("reject", etag(second)), 204u);
  EXPECT_EQ(client.receive().status, 204u);
  driver.command("d1", "c-2");
  const Answered third = client.receive();
  EXPECT_EQ(client.ask("DELETE", "/devices/d1/messages/deviceBound/" + etag(third) + "?reject=true&api-version=2016-11-14").status, 204u);
  EXPECT_EQ(outcomes(driver), (std::vector<Status>{Status::rejected, Status::rejected}));
}

TEST(HttpDoor, LocksOutliveTheConnectionAndEndInTime) {
  Driver driver;
  driver.create("d1");
  std::string token;
  {
    Client client{driver};
    driver.command("d1", "c-1");
    token = etag(client.receive());
    driver.lose(client.id);
  }
  Client client{driver};
  EXPECT_EQ(client.receive().status, 204u);
  driver.pass(driver.rules().hub.lock);
  EXPECT_EQ(client.ask("DELETE", "/devices/d1/messages/devicebound/" + token).code(), "412002");  // [ERR-27]
  const Answered again = client.receive();
  EXPECT_EQ(again.status, 200u);
  EXPECT_EQ(client.settle("complete", etag(again)), 204u);
}

TEST(HttpDoor, IfMatchMustNameTheSameToken) {
  Driver driver;
  driver.create("d1");
  Client client{driver};
  driver.command("d1", "c-1");
  const std::string token = etag(client.receive());
  const std::string path = "/devices/d1/messages/devicebound/" + token;
  EXPECT_EQ(client.ask("DELETE", path, {}, "If-Match: 99\r\n").code(), "412001");  // [HTTP-16]
  EXPECT_EQ(client.ask("DELETE", "/devices/d1/messages/devicebound/none-of-ours").code(), "412002");
  EXPECT_EQ(client.ask("DELETE", path, {}, "If-Match: \"" + token + "\"\r\n").status, 204u);
}

TEST(HttpDoor, ACommandThatNoFieldCanCarryIsRejected) {
  Driver driver;
  driver.create("d1");
  Client client{driver};
  SendCommand send{"d1", {}};
  MessageWriter writer{send.message};
  writer.property("lines", "one\r\ntwo: three");
  writer.ack(Ack::full);
  writer.body(view("x"));
  driver.ask(send);
  driver.command("d1", "c-2", "next");
  EXPECT_EQ(client.receive().body, "next");
}

// ---- Connections.

TEST(HttpDoor, AnswersLeaveInTheOrderOfTheirRequests) {
  Driver driver;
  driver.create("d1");
  driver.command("d1", "c-1", "command");
  Client client{driver};
  driver.hold();
  client.send(request("POST", "/devices/d1/messages/events" + version, "1") +
              request("GET", "/devices/d1/messages/devicebound" + version) + request("GET", "/nowhere") +
              request("PUT", "/devices/d2" + version, "{}") + request("GET", "/devices/d2" + version));
  EXPECT_TRUE(client.take().empty());
  driver.release();
  const auto all = client.take();
  ASSERT_EQ(all.size(), 5u);
  EXPECT_EQ(all[0].status, 204u);
  EXPECT_EQ(all[1].body, "command");
  EXPECT_EQ(all[2].status, 404u);
  EXPECT_EQ(all[3].json()["deviceId"], "d2");
  EXPECT_EQ(all[4].json()["deviceId"], "d2");
}

TEST(HttpDoor, MoreThanAPipelineFullIsAnsweredToo) {
  Driver driver;
  driver.create("d1");
  Client client{driver};
  std::string stream;
  for (int i = 0; i < 200; ++i) stream += request("POST", "/devices/d1/messages/events" + version, std::to_string(i));
  driver.hold();
  client.send(stream);
  driver.release();
  EXPECT_EQ(client.take().size(), 200u);
  EXPECT_EQ(driver.bodies().size(), 200u);
  EXPECT_EQ(driver.bodies().back(), "199");
}

TEST(HttpDoor, ARequestGoesOnWhenItIsTold) {
  Driver driver;
  driver.create("d1");
  Client client{driver};
  const std::string head = "POST /devices/d1/messages/events" + version +
                           " HTTP/1.1\r\nHost: hub\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
  client.send(request("GET", "/devices/d1/messages/devicebound" + version) + head);
  const std::string said{text(driver.take_bytes(client.id))};
  EXPECT_TRUE(said.starts_with("HTTP/1.1 204")) << said;
  EXPECT_TRUE(said.ends_with("HTTP/1.1 100 Continue\r\n\r\n")) << said;
  client.send("hi");
  EXPECT_EQ(client.take().size(), 1u);
  EXPECT_EQ(driver.bodies(), std::vector<std::string>{"hi"});
}

TEST(HttpDoor, ClosesWhereItMust) {
  Driver driver;
  driver.create("d1");
  {
    Client client{driver};
    client.send(request("GET", "/devices/d1/messages/devicebound" + version, {}, "Connection: close\r\n") +
                request("GET", "/devices/d1/messages/devicebound" + version));
    const auto all = client.take();
    ASSERT_EQ(all.size(), 1u);  // nothing after it is read
    EXPECT_FALSE(all[0].keep_alive);
    EXPECT_TRUE(driver.closed(client.id));
    client.send("more");
  }
  Client client{driver};
  client.send("POST /devices/d1/messages/events" + version + " HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n");
  const auto all = client.take();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].status, 400u);
  EXPECT_EQ(all[0].code(), "400006");
  EXPECT_TRUE(driver.closed(client.id));
  const auto ends = driver.seen(What::ended);
  ASSERT_EQ(ends.size(), 2u);
  EXPECT_EQ(ends[1].by, EndedBy::local);
}

TEST(HttpDoor, SilenceEndsAConnection) {
  Driver driver;
  driver.create("d1");
  Client idle{driver};
  Client slow{driver};
  driver.pass(100s);
  EXPECT_EQ(idle.receive().status, 204u);
  for (int i = 0; i < 11; ++i) {  // never silent, and never at the end of its request
    slow.send("G");
    driver.pass(10s);
  }
  EXPECT_FALSE(driver.closed(idle.id));
  EXPECT_FALSE(driver.closed(slow.id));
  driver.pass(11s);
  EXPECT_TRUE(driver.closed(idle.id));
  EXPECT_TRUE(driver.closed(slow.id));
  EXPECT_EQ(slow.take().at(0).status, 408u);
  Client waits{driver};
  driver.hold();
  waits.send(request("POST", "/devices/d1/messages/events" + version, "x"));
  driver.pass(25s);
  driver.release();
  EXPECT_EQ(waits.take().size(), 1u);
}

TEST(HttpDoor, WhoDoesNotWaitForAnswersIsCut) {
  Driver driver;
  driver.create("d1");
  Client client{driver};
  driver.hold();
  const std::string one = request("POST", "/devices/d1/messages/events" + version, std::string(200'000, 'x'));
  for (int i = 0; i < 100 && !driver.closed(client.id); ++i) client.send(one);
  EXPECT_TRUE(driver.closed(client.id));
  driver.release();
}

// ---- What is refused.

struct Refusal {
  const char* method;
  const char* target;
  unsigned status;
  const char* code;
};

TEST(HttpDoor, SaysWhatIsWrong) {
  Driver driver;
  driver.create("d1");
  driver.create("d2");
  driver.ask(EnableDevice{"d2", false});
  Client client{driver};
  for (const Refusal& each : {Refusal{"GET", "/", 404, "404000"},
                              Refusal{"GET", "/devices/d1/twin?api-version=2021-04-12", 404, "404000"},  // [HTTP-23]
                              Refusal{"GET", "/devices//messages/events?api-version=2021-04-12", 404, "404000"},
                              Refusal{"GET", "/devices/d1/messages/events?api-version=2021-04-12", 405, "405000"},
                              Refusal{"BREW", "/devices/d1?api-version=2021-04-12", 405, "405000"},
                              Refusal{"GET", "/devices/d1/messages/devicebound", 400, "400001"},  // [ERR-01]
                              Refusal{"GET", "/devices/d1/messages/devicebound?api-version=2031-01-01", 400, "400001"},
                              Refusal{"GET", "/devices/%zz?api-version=2021-04-12", 400, "400006"},
                              Refusal{"GET", "nothing", 400, "400006"},
                              Refusal{"GET", "/devices/d7/messages/devicebound?api-version=2021-04-12", 404, "404001"},
                              Refusal{"GET", "/devices/d2/messages/devicebound?api-version=2021-04-12", 403, "403012"},
                              Refusal{"GET", "/devices/D1/messages/devicebound?api-version=2021-04-12", 404, "404001"},
                              Refusal{"GET", "/devices/d7?api-version=2021-04-12", 404, "404001"}}) {
    client.send(request(each.method, each.target));
    const auto all = client.take();
    ASSERT_EQ(all.size(), 1u) << each.target;
    EXPECT_EQ(all[0].status, each.status) << each.method << " " << each.target;
    EXPECT_EQ(all[0].code(), each.code) << each.method << " " << each.target;
    EXPECT_TRUE(all[0].fields.contains("x-ms-request-id"));  // [HTTP-22]
    EXPECT_TRUE(all[0].keep_alive);
  }
  client.send(request("HEAD", "/devices/d1" + version));
  const std::string head{text(driver.take_bytes(client.id))};
  EXPECT_TRUE(head.starts_with("HTTP/1.1 405") && head.ends_with("\r\n\r\n")) << head;
  EXPECT_EQ(client.ask("POST", "/devices/d1/messages/events", "x", "iothub-app-a: \xff\r\n").code(), "400004");
  EXPECT_EQ(client.ask("POST", "http://any.host:99/devices/d1/messages/events?api-version=2021-04-12", "x").status, 204u);
  EXPECT_EQ(driver.bodies().size(), 1u);
}

// ---- The registry.

TEST(HttpDoor, TheRegistryCreatesGetsUpdatesListsAndDeletes) {
  Driver driver;
  Client client{driver};
  const Answered made = client.ask("PUT", "/devices/d%251", R"({"deviceId": "d%1"})");
  EXPECT_EQ(made.status, 200u);
  const Json device = made.json();
  EXPECT_EQ(device["deviceId"], "d%1");
  EXPECT_EQ(device["status"], "enabled");
  EXPECT_EQ(device["connectionState"], "Disconnected");
  EXPECT_EQ(device["authentication"]["type"], "sas");
  EXPECT_EQ(device["authentication"]["symmetricKey"]["primaryKey"].get<std::string>().size(), 44u);
  EXPECT_EQ(made.fields.at("etag"), "\"" + device["etag"].get<std::string>() + "\"");
  EXPECT_EQ(made.fields.at("content-type"), "application/json; charset=utf-8");
  EXPECT_EQ(client.ask("PUT", "/devices/d%251", "{}").code(), "409001");  // without If-Match it creates
  EXPECT_EQ(client.ask("PUT", "/devices/other", R"({"deviceId": "d1"})").code(), "400004");
  EXPECT_EQ(client.ask("PUT", "/devices/d5", R"({"status": "asleep"})").code(), "400004");
  EXPECT_EQ(client.ask("PUT", "/devices/d5", "[").code(), "400004");
  EXPECT_EQ(client.ask("PUT", "/devices/d5", "{}", "If-Match: \"*\"\r\n").code(), "404001");

  EXPECT_EQ(client.ask("PUT", "/devices/d%251", R"({"status": "disabled", "statusReason": "probe"})",
                       "If-Match: \"AAAA\"\r\n").code(), "412001");  // [ERR-26]
  const Answered updated = client.ask("PUT", "/devices/d%251", R"({"status": "disabled", "statusReason": "probe"})",
                                      "If-Match: " + made.fields.at("etag") + "\r\n");
  EXPECT_EQ(updated.json()["status"], "disabled");
  EXPECT_EQ(updated.json()["statusReason"], "probe");
  EXPECT_EQ(updated.json()["authentication"], device["authentication"]);
  EXPECT_NE(updated.json()["etag"], device["etag"]);
  EXPECT_EQ(client.ask("GET", "/devices/d%251").json(), updated.json());

  client.ask("PUT", "/devices/d2", "{}");
  EXPECT_EQ(client.ask("GET", "/devices/").json().size(), 2u);
  EXPECT_EQ(client.ask("GET", "/devices?top=1&api-version=2021-04-12").json().size(), 1u);
  EXPECT_EQ(client.ask("GET", "/devices?top=none&api-version=2021-04-12").status, 400u);
  EXPECT_EQ(client.ask("GET", "/statistics/devices").json(),
            Json::parse(R"({"totalDeviceCount": 2, "enabledDeviceCount": 1, "disabledDeviceCount": 1})"));

  EXPECT_EQ(client.ask("DELETE", "/devices/d%251", {}, "If-Match: \"AAAA\"\r\n").code(), "412001");
  EXPECT_EQ(client.ask("DELETE", "/devices/d%251", {}, "If-Match: \"*\"\r\n").status, 204u);
  EXPECT_EQ(client.ask("DELETE", "/devices/d%251", {}, "If-Match: \"*\"\r\n").code(), "404001");
  EXPECT_EQ(client.ask("GET", "/devices/d%251").code(), "404001");
}

TEST(HttpDoor, PurgeSaysHowMany) {
  Driver driver;
  driver.create("d1");
  driver.command("d1", "c-1");
  driver.command("d1", "c-2");
  Client client{driver};
  EXPECT_EQ(client.ask("DELETE", "/devices/d1/commands").json(),
            Json::parse(R"({"deviceId": "d1", "moduleId": null, "totalMessagesPurged": 2})"));
  EXPECT_EQ(client.receive().status, 204u);
}

TEST(HttpDoor, BulkOperationsAnswerForEach) {
  Driver driver;
  Client client{driver};
  EXPECT_EQ(client.ask("POST", "/devices", R"([{"id": "a", "importMode": "create"}, {"id": "b"}])").json(),
            Json::parse(R"({"isSuccessful": true, "errors": [], "warnings": []})"));
  const Answered mixed = client.ask("POST", "/devices",
                                    R"([{"id": "a"}, {"id": "b", "importMode": "Update", "status": "disabled"},
                                        {"id": "c", "importMode": "Delete"},
                                        {"id": "b", "importMode": "DeleteIfMatchETag", "etag": "AAAA"}])");
  EXPECT_EQ(mixed.status, 400u);
  const Json said = mixed.json();
  EXPECT_EQ(said["isSuccessful"], false);
  ASSERT_EQ(said["errors"].size(), 3u);
  EXPECT_EQ(said["errors"][0], Json::parse(R"({"deviceId": "a", "errorCode": 409001, "errorStatus": "DeviceAlreadyExists"})"));
  EXPECT_EQ(said["errors"][1]["errorCode"], 404001);
  EXPECT_EQ(said["errors"][2]["errorCode"], 412001);
  EXPECT_EQ(client.ask("GET", "/devices/b").json()["status"], "disabled");
  for (const char* bad : {"{}", R"([{"importMode": "create"}])", R"([{"id": "x", "importMode": "merge"}])"})
    EXPECT_EQ(client.ask("POST", "/devices", bad).code(), "400004") << bad;
  std::string many = "[";
  for (int i = 0; i < 101; ++i) many += std::string{i == 0 ? "" : ","} + "{\"id\": \"e" + std::to_string(i) + "\"}";
  EXPECT_EQ(client.ask("POST", "/devices", many + "]").code(), "400004");
  EXPECT_EQ(client.ask("POST", "/devices", "[]").json()["isSuccessful"], true);
  EXPECT_EQ(client.ask("GET", "/devices/").json().size(), 2u);
}

TEST(HttpDoor, ARegistrationIsAnsweredWhenItIsDurable) {
  Driver driver;
  Client client{driver};
  driver.hold();
  client.send(request("PUT", "/devices/d1" + version, "{}"));
  EXPECT_TRUE(client.take().empty());
  driver.release();
  EXPECT_EQ(client.take().at(0).json()["deviceId"], "d1");
}

// ---- Credentials.

Rules verified() {
  Rules rules;
  rules.hub.access = Access::verified;
  return rules;
}

TEST(HttpDoor, EachRequestIsLetInByItself) {
  Driver driver{verified()};
  driver.create("d1");
  Client client{driver};
  for (const char* path : {"/devices/d1/messages/devicebound", "/devices/d1", "/devices/", "/statistics/devices"}) {
    const Answered answer = client.ask("GET", path);
    EXPECT_EQ(answer.status, 401u) << path;
    EXPECT_EQ(answer.code(), "401002");
    EXPECT_TRUE(answer.fields.contains("www-authenticate"));
  }
  EXPECT_EQ(client.ask("POST", "/devices/d1/messages/events", "x", "Authorization: Basic eA==\r\n").status, 401u);
  EXPECT_EQ(client.ask("PUT", "/devices/d2", "{}").status, 401u);
  EXPECT_EQ(client.ask("DELETE", "/devices/d1").status, 401u);
  EXPECT_EQ(client.ask("DELETE", "/devices/d1/commands").status, 401u);
  EXPECT_EQ(client.ask("POST", "/devices", "[]").status, 401u);
  EXPECT_TRUE(driver.bodies().empty());
}

// ---- What the SDKs send is answered as they want it.

std::string raw(const Json& vector, const std::string& etag_in_place_of = {}, const std::string& token = {}) {
  const std::string body = vector.at("body");
  std::string text = std::string{vector.at("method")} + " " + std::string{vector.at("target")} + " HTTP/1.1\r\n";
  bool chunked = false;
  for (const auto& field : vector.at("headers")) {
    text += std::string{field.at(0)} + ": " + std::string{field.at(1)} + "\r\n";
    chunked = chunked || field.at(1) == "chunked";
  }
  text += "\r\n";
  char size[16];
  std::snprintf(size, sizeof size, "%zx", body.size());
  text += chunked ? size + ("\r\n" + body) + "\r\n0\r\n\r\n" : body;
  for (std::size_t at; !etag_in_place_of.empty() && (at = text.find(etag_in_place_of)) != std::string::npos;)
    text.replace(at, etag_in_place_of.size(), token);
  return text;
}

// A hub that verifies, on the day of the capture, and its device with the key of the capture.
Driver on_the_day(Rules rules) {
  Driver driver{std::move(rules)};
  driver.set_wall(1'795'425'542s - 1'000'000s);
  const std::string key = golden::sdk().at("testKeys").at("device");
  driver.ask(CreateDevice{"dev1", Credentials{CredentialType::sas, key, key}});
  return driver;
}

TEST(SdkHttp, TheDevicesRequestsAreLetInAndDone) {
  Driver driver = on_the_day(verified());
  Client client{driver};
  client.send(raw(golden::request("http.d2c")));
  EXPECT_EQ(client.take().at(0).status, 204u);
  client.send(raw(golden::request("http.d2c-batch")));
  EXPECT_EQ(client.take().at(0).status, 204u);
  const auto events = driver.telemetry();
  ASSERT_EQ(events.size(), 3u);
  const MessageView single{events[0].message};
  EXPECT_EQ(single.system(System::message_id), "gold-0");
  EXPECT_EQ(single.system(System::content_type), "application/json");
  for (const TelemetryEvent& event : events) {
    EXPECT_EQ(MessageView{event.message}.property("odd"), "a b&c=d/e?f%25");
    EXPECT_TRUE(text(MessageView{event.message}.body()).starts_with(R"({"run":"gold","seq":)"));
  }

  struct Settled {
    const char* id;
    const char* token;
  };
  client.send(raw(golden::request("http.c2d.receive")));
  EXPECT_EQ(client.take().at(0).status, 204u);
  for (const Settled& each : {Settled{"http.c2d.complete", "a7ca2413-00f4-40b4-8189-727311e24ef3"},
                              Settled{"http.c2d.reject", "e2b716b5-ef63-45b4-8cbb-a5a60ffeda6b"},
                              Settled{"http.c2d.abandon", "d96c91b3-9f09-49a9-af7c-8a07f8d9156e"}}) {
    driver.command("dev1", each.id);
    client.send(raw(golden::request("http.c2d.receive")));
    const Answered got = client.take().at(0);
    ASSERT_EQ(got.status, 200u);
    client.send(raw(golden::request(each.id), each.token, etag(got)));
    EXPECT_EQ(client.take().at(0).status, 204u) << each.id;
  }
  EXPECT_EQ(outcomes(driver), (std::vector<Status>{Status::success, Status::rejected}));
}

TEST(SdkHttp, AnotherKeyOrAnotherDayIsRefused) {
  Driver driver = on_the_day(verified());
  Client client{driver};
  const std::string other = to_base64(view("another key of 32 bytes, or more"));
  driver.ask(UpdateDevice{"dev1", "*", Credentials{CredentialType::sas, other, other}, {}, {}});
  client.send(raw(golden::request("http.d2c")));
  EXPECT_EQ(client.take().at(0).status, 401u);
  Driver later = on_the_day(verified());
  later.set_wall(2h);
  Client late{later};
  late.send(raw(golden::request("http.d2c")));
  EXPECT_EQ(late.take().at(0).status, 401u);
  EXPECT_TRUE(driver.telemetry().empty() && later.telemetry().empty());
}

TEST(SdkHttp, TheRegistrysRequestsAreAnsweredAsItsClientWantsIt) {
  Driver driver = on_the_day({});
  Client client{driver};
  const auto ask = [&](const char* id) {
    client.send(raw(golden::request(id)));
    return client.take().at(0);
  };
  const Json made = ask("registry.create").json();
  EXPECT_EQ(made["deviceId"], "dev2");
  EXPECT_NE(made["authentication"]["symmetricKey"]["primaryKey"], "");  // empty keys: make some
  EXPECT_EQ(ask("registry.create").status, 409u);
  EXPECT_EQ(ask("registry.get").json(), made);
  EXPECT_EQ(ask("registry.list").json().size(), 2u);
  const Json updated = ask("registry.update").json();
  EXPECT_EQ(updated["status"], "disabled");
  EXPECT_EQ(updated["authentication"], made["authentication"]);  // its empty keys leave the old ones
  EXPECT_EQ(ask("registry.bulk-create").json()["isSuccessful"], true);
  EXPECT_EQ(ask("registry.bulk-delete").json()["isSuccessful"], true);
  EXPECT_EQ(ask("registry.statistics").json()["totalDeviceCount"], 2);
  EXPECT_EQ(ask("registry.purge").json()["totalMessagesPurged"], 0);
  EXPECT_EQ(ask("registry.delete").status, 204u);
  EXPECT_EQ(ask("registry.get").status, 404u);
  EXPECT_TRUE(ask("registry.get").json()["Message"].get<std::string>().starts_with("ErrorCode:DeviceNotFound;"));
}

// ---- Targets.

TEST(HttpTarget, IsReadAndWritten) {
  const auto target = http::read_target("/devices/d%2F1%20x/?a=%C3%A4&reject&b=&&c=1=2");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, (std::vector<std::string>{"devices", "d/1 x", ""}));
  EXPECT_EQ(*target->asked("a"), "\xc3\xa4");
  EXPECT_EQ(*target->asked("reject"), "");
  EXPECT_EQ(*target->asked("c"), "1=2");
  EXPECT_EQ(target->asked("d"), nullptr);
  for (const char* host : {"HTTP://h:1?x=1", "http://h", "https://h/"}) {
    const auto bare = http::read_target(host);
    ASSERT_TRUE(bare) << host;
    EXPECT_EQ(bare->path, std::vector<std::string>{""});
  }
  for (const char* bad : {"", "*", "a/b", "?x=1", "/%", "/%4", "/%gg", "/%ff", "/%00", "/a?b=%"})
    EXPECT_FALSE(http::read_target(bad)) << bad;
  std::string level;
  http::write_level(level, "a/b%\xc3\xa4 ~");
  EXPECT_EQ(level, "a%2Fb%25%C3%A4%20~");
}

// ---- Feedback.

TEST(HttpDoor, FeedbackIsReceivedUnderALockAndSettledByItsToken) {  // [FBK-10, FBK-14, FBK-18, FBK-21]
  Driver driver;
  driver.create("d1");
  driver.command("d1", "m1");
  Client client{driver};
  const std::string path = "/messages/serviceBound/feedback";
  EXPECT_EQ(client.ask("GET", path).status, 204u);
  client.settle("complete", etag(client.receive()));
  driver.pass(16s);
  Answered batch = client.ask("GET", "/messages/servicebound/feedback");  // either spelling
  ASSERT_EQ(batch.status, 200u);
  EXPECT_EQ(batch.fields["content-type"], "application/vnd.microsoft.iothub.feedback.json");
  ASSERT_EQ(batch.json().size(), 1u) << batch.body;
  EXPECT_EQ(batch.json()[0]["originalMessageId"], "m1");
  EXPECT_EQ(batch.json()[0]["statusCode"], "Success");
  EXPECT_EQ(batch.json()[0]["deviceId"], "d1");
  EXPECT_EQ(client.ask("GET", path).status, 204u) << "it is locked";
  EXPECT_EQ(client.ask("POST", path + "/" + etag(batch) + "/abandon").status, 204u);
  EXPECT_EQ(client.ask("DELETE", path + "/" + etag(batch)).status, 412u) << "the lock is gone";
  batch = client.ask("GET", path);
  ASSERT_EQ(batch.status, 200u) << "it came back";
  EXPECT_EQ(client.ask("DELETE", path + "/" + etag(batch)).status, 204u);
  EXPECT_EQ(client.ask("GET", path).status, 204u);
}

TEST(HttpDoor, FeedbackHasNoOtherMethodsAndTakesNoOtherTokens) {
  Driver driver;
  Client client{driver};
  const std::string path = "/messages/serviceBound/feedback";
  EXPECT_EQ(client.ask("PUT", path, "x").status, 405u);
  EXPECT_EQ(client.ask("GET", path + "/1").status, 405u);
  EXPECT_EQ(client.ask("DELETE", path + "/1/abandon").status, 405u);
  EXPECT_EQ(client.ask("POST", path + "/1/reject", "x").status, 404u);
  EXPECT_EQ(client.ask("GET", "/messages/serviceBound/nothing").status, 404u);
  EXPECT_EQ(client.ask("DELETE", path + "/1").status, 412u);
  EXPECT_EQ(client.ask("DELETE", path + "/nonsense").status, 412u);
  EXPECT_EQ(client.ask("GET", path + "?api-version=1999-01-01").status, 400u);
}

TEST(HttpDoor, FeedbackIsForServicesOnly) {  // [FBK-10, SEC-11]
  Rules rules;
  rules.hub.access = Access::verified;
  Driver driver{rules};
  Client client{driver};
  EXPECT_EQ(client.ask("GET", "/messages/serviceBound/feedback").status, 401u);
  EXPECT_EQ(client.ask("DELETE", "/messages/serviceBound/feedback/1").status, 401u);
}

// ---- Who keeps a history is told.

TEST(HttpDoor, TellsOfRequestsAndTheirAnswers) {
  Driver driver;
  std::vector<std::string> told;
  driver.server().tell_of_requests([&](const Request& request) {
    const std::size_t which = request.index();
    told.push_back("asked " + std::to_string(which));
    return [&told, which](const Response& response) {
      told.push_back((std::holds_alternative<Failed>(response) ? "failed " : "answered ") + std::to_string(which));
    };
  });
  Client client{driver};
  driver.hold();
  client.send(request("PUT", "/devices/d1" + version, R"({"deviceId": "d1"})"));
  const std::string create = std::to_string(Request{CreateDevice{}}.index());
  EXPECT_EQ(told, std::vector<std::string>{"asked " + create}) << "not before it is durable";
  driver.release();
  const std::string remove = std::to_string(Request{DeleteDevice{}}.index());
  client.take();
  client.ask("DELETE", "/devices/d9", {}, "If-Match: *\r\n");
  EXPECT_EQ(told, (std::vector<std::string>{"asked " + create, "answered " + create, "asked " + remove, "failed " + remove}));
}

// ---- A look inside.

TEST(Server, ShowsItsQueues) {
  Driver driver;
  driver.create("d1");
  driver.create("d2");
  for (const char* id : {"a", "b", "c"}) driver.command("d1", id);
  const ConnectionId id = connected(driver, "d2");
  driver.ask(ReceiveCommand{"d1"});
  const auto all = driver.server().queues("", 10);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].device, "d1");
  EXPECT_EQ(all[0].depth, 3u);
  EXPECT_EQ(all[0].locked, 1u);
  EXPECT_FALSE(all[0].connected);
  EXPECT_EQ(all[1].depth, 0u);
  EXPECT_TRUE(all[1].connected);
  EXPECT_EQ(driver.server().queues("d1", 10).size(), 1u);
  EXPECT_EQ(driver.server().queues("", 1).size(), 1u);
  EXPECT_TRUE(driver.server().quiet());
  driver.hold();
  telemetry(driver, id, "d2", "x", 1);
  EXPECT_FALSE(driver.server().quiet());
  driver.release();
  EXPECT_TRUE(driver.server().quiet());
}

}  // namespace
}  // namespace hubproof::server_tests
