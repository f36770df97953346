// `hubproof serve` over HTTP, asked by curl, which knows nothing of hubproof.
#include <gtest/gtest.h>

#include <csignal>
#include <set>

#include "tests/serve/served.hpp"

namespace hubproof::tests {
namespace {

struct Said {
  int status = 0;
  std::string head;
  std::string body;
  Json json() const { return Json::parse(body, nullptr, false); }
  std::string field(const std::string& name) const {
    const std::size_t at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const std::size_t from = at + name.size() + 4;
    return head.substr(from, head.find("\r\n", from) - from);
  }
};

class HttpHub {
 public:
  explicit HttpHub(const Folder& folder, std::vector<std::string> more = {})
      : folder_{folder}, hub{folder / "hub", with(std::move(more))} {
    port_ = hub.port("listening http=127.0.0.1:");
  }

  std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + path +
           (path.find('?') == std::string::npos ? "?" : "&") + "api-version=2021-04-12";
  }
  Said curl(const std::string& method, const std::string& path, const std::string& body = {},
            const std::vector<std::string>& fields = {}) const {
    std::vector<std::string> command{"curl", "--silent", "--show-error", "--include", "--max-time", "20",
                                     "--request", method, url(path)};
    for (const std::string& field : fields) command.insert(command.end(), {"--header", field});
    if (!body.empty()) command.insert(command.end(), {"--data-binary", body});
    Process process{command, folder_ / "curl"};
    EXPECT_EQ(process.wait(), 0) << process.err();
    std::string all = process.out();
    if (all.starts_with("HTTP/1.1 100")) all.erase(0, all.find("\r\n\r\n") + 4);
    const std::size_t end = all.find("\r\n\r\n");
    if (!all.starts_with("HTTP/1.1 ") || end == std::string::npos) return {};
    return {std::atoi(all.c_str() + 9), all.substr(0, end + 2), all.substr(end + 4)};
  }

 private:
  static std::vector<std::string> with(std::vector<std::string> more) {
    more.insert(more.begin(), {"--listen", "mqtt=127.0.0.1:0,http=127.0.0.1:0", "--control", "127.0.0.1:0",
                               "--devices", "dev1"});
    return more;
  }

  const Folder& folder_;
  std::uint16_t port_ = 0;

 public:
  Served hub;
};

TEST(ServeHttp, CurlSendsTelemetryAloneAndInBatches) {
  const Folder folder;
  HttpHub http{folder};
  EXPECT_EQ(http.curl("POST", "/devices/dev1/messages/events", "hello",
                      {"iothub-app-unit: C", "IoTHub-MessageId: m-1", "iothub-contenttype: text/plain"}).status, 204);
  const std::string large(100'000, 'x');
  EXPECT_EQ(http.curl("POST", "/devices/dev1/messages/events", large, {"Expect: 100-continue"}).status, 204);
  EXPECT_EQ(http.curl("POST", "/devices/dev1/messages/events", "in chunks", {"Transfer-Encoding: chunked"}).status, 204);
  EXPECT_EQ(http.curl("POST", "/devices/dev1/messages/events", R"([{"body": "YQ=="}, {"body": "b", "base64Encoded": false}])",
                      {"Content-Type: application/vnd.microsoft.iothub.json"}).status, 204);
  const std::vector<Json> log = http.hub.telemetry();
  ASSERT_EQ(log.size(), 5U);
  EXPECT_EQ(log[0]["message"], Json::parse(R"({"messageId": "m-1", "contentType": "text/plain", "body": "hello",
                                               "properties": {"unit": "C"}})"));
  EXPECT_EQ(log[1]["message"]["body"], large);
  EXPECT_EQ(log[2]["message"]["body"], "in chunks");
  EXPECT_EQ(log[3]["message"]["body"], "a");
  EXPECT_EQ(log[4]["message"]["body"], "b");
  const Said refused = http.curl("POST", "/devices/dev2/messages/events", "x");
  EXPECT_EQ(refused.status, 404);
  EXPECT_EQ(refused.json()["errorCode"], 404001);
}

TEST(ServeHttp, CurlReceivesAndSettlesCommands) {
  const Folder folder;
  HttpHub http{folder};
  EXPECT_EQ(http.curl("GET", "/devices/dev1/messages/devicebound").status, 204);
  for (const char* body : {"one", "two"})
    EXPECT_EQ(http.hub.ask("POST", "/devices/dev1/commands",
                           R"({"messageId": "c", "ack": "full", "body": ")" + std::string{body} + "\"}").status, 201);
  const Said one = http.curl("GET", "/devices/dev1/messages/deviceBound");
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(one.body, "one");
  EXPECT_EQ(one.field("iothub-messageid"), "c");
  const auto path = [](const Said& of) {
    const std::string quoted = of.field("ETag");
    return "/devices/dev1/messages/deviceBound/" + quoted.substr(1, quoted.size() - 2);
  };
  EXPECT_EQ(http.curl("POST", path(one) + "/abandon").status, 204);
  EXPECT_EQ(http.curl("DELETE", path(one)).status, 412);
  const Said again = http.curl("GET", "/devices/dev1/messages/deviceBound");
  EXPECT_EQ(again.body, "one");
  EXPECT_EQ(http.curl("DELETE", path(again)).status, 204);
  const Said two = http.curl("GET", "/devices/dev1/messages/deviceBound");
  EXPECT_EQ(two.body, "two");
  EXPECT_EQ(http.curl("DELETE", path(two) + "?reject").status, 204);
  std::multiset<std::string> outcomes;
  while (outcomes.size() < 2) {
    const Json feedback = http.hub.ask("GET", "/feedback?wait=20s").json();
    ASSERT_TRUE(feedback.is_object() && feedback.contains("records"));
    for (const Json& record : feedback["records"]) outcomes.insert(record["statusCode"]);
  }
  EXPECT_EQ(outcomes, (std::multiset<std::string>{"Rejected", "Success"}));
}

TEST(ServeHttp, CurlKeepsTheRegistry) {
  const Folder folder;
  HttpHub http{folder};
  const Said made = http.curl("PUT", "/devices/dev2", R"({"deviceId": "dev2"})", {"Content-Type: application/json"});
  EXPECT_EQ(made.status, 200) << made.body;
  EXPECT_EQ(http.curl("PUT", "/devices/dev2", "{}").status, 409);
  EXPECT_EQ(http.curl("PUT", "/devices/dev2", R"({"status": "disabled"})", {"If-Match: \"AAAA\""}).status, 412);
  EXPECT_EQ(http.curl("PUT", "/devices/dev2", R"({"status": "disabled"})", {"If-Match: " + made.field("ETag")}).json()["status"],
            "disabled");
  EXPECT_EQ(http.curl("GET", "/statistics/devices").json()["disabledDeviceCount"], 1);
  EXPECT_EQ(http.curl("POST", "/devices/dev2/messages/events", "x").status, 403);
  EXPECT_EQ(http.curl("GET", "/devices/").json().size(), 2U);
  EXPECT_EQ(http.curl("DELETE", "/devices/dev2", {}, {"If-Match: \"*\""}).status, 204);
  EXPECT_EQ(http.curl("GET", "/devices/dev2").status, 404);
}

TEST(ServeHttp, OneConnectionServesManyRequests) {
  const Folder folder;
  HttpHub http{folder};
  std::vector<std::string> command{"curl", "--silent", "--show-error", "--verbose", "--max-time", "20"};
  for (int i = 0; i < 5; ++i) command.push_back(http.url("/devices/dev1/messages/devicebound?n=" + std::to_string(i)));
  Process process{command, folder / "many"};
  EXPECT_EQ(process.wait(), 0) << process.err();
  std::size_t again = 0;
  const std::string err = process.err();
  for (std::size_t at = 0; (at = err.find("Re-using existing connection", at)) != std::string::npos; ++at) ++again;
  EXPECT_EQ(again, 4U) << err;
}

TEST(ServeHttp, WhatWasAnsweredWith204OutlivesAKill) {
  const Folder folder;
  const std::vector<std::string> store{"--store", folder / "store"};
  {
    HttpHub http{folder, store};
    EXPECT_EQ(http.curl("POST", "/devices/dev1/messages/events", "kept").status, 204);
    http.hub.process().signal(SIGKILL);
    http.hub.process().wait();
  }
  HttpHub http{folder, store};
  const std::vector<Json> log = http.hub.telemetry();
  ASSERT_EQ(log.size(), 1U);
  EXPECT_EQ(log[0]["message"]["body"], "kept");
}

}  // namespace
}  // namespace hubproof::tests
