// The words of the control door, without a socket: every operation, and what it answers to nonsense.
#include "tools/control_api.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "model/message.hpp"

namespace hubproof::tests {
namespace {

using Json = nlohmann::json;
using model::System;
using tools::ApiAnswer;

const model::Now now{model::Instant{}, model::Date{std::chrono::hours{24 * 365 * 56}}};

template <class R>
R request(std::string_view method, std::string_view target, std::string_view body = {}) {
  const auto got = tools::api_request(now, method, target, body);
  if (const auto* answer = std::get_if<ApiAnswer>(&got)) {
    ADD_FAILURE() << answer->body;
    return {};
  }
  const R* asked = std::get_if<R>(&std::get<model::Request>(got));
  EXPECT_NE(asked, nullptr);
  return asked == nullptr ? R{} : *asked;
}

ApiAnswer refusal(std::string_view method, std::string_view target, std::string_view body = {}) {
  const auto got = tools::api_request(now, method, target, body);
  const auto* answer = std::get_if<ApiAnswer>(&got);
  EXPECT_NE(answer, nullptr) << method << ' ' << target << ' ' << body;
  return answer == nullptr ? ApiAnswer{} : *answer;
}

TEST(ControlApi, EveryOperationHasItsPlace) {
  EXPECT_EQ(request<model::CreateDevice>("PUT", "/devices/d%201").device, "d 1");
  EXPECT_EQ(request<model::GetDevice>("GET", "/devices/d1").device, "d1");
  EXPECT_EQ(request<model::ListDevices>("GET", "/devices?after=d1&limit=7").after, "d1");
  EXPECT_EQ(request<model::DeleteDevice>("DELETE", "/devices/d1").device, "d1");
  EXPECT_FALSE(request<model::EnableDevice>("PATCH", "/devices/d1", R"({"enabled": false})").enabled);
  EXPECT_EQ(request<model::Purge>("DELETE", "/devices/d1/commands").device, "d1");
  EXPECT_EQ(request<model::ReceiveCommand>("GET", "/devices/d1/commands").device, "d1");
  EXPECT_EQ(request<model::SettleCommand>("DELETE", "/devices/d1/commands/18446744073709551615").token,
            18446744073709551615U);
  EXPECT_EQ(request<model::SettleCommand>("POST", "/devices/d1/commands/7/reject").how,
            model::Settle::reject);
  EXPECT_EQ(request<model::SettleCommand>("POST", "/devices/d1/commands/7/abandon").how,
            model::Settle::abandon);
  const auto read = request<model::ReadTelemetry>(
      "GET", "/telemetry?partition=3&from=17&limit=9&wait=1h");
  EXPECT_EQ(read.partition, 3U);
  EXPECT_EQ(read.from, 17U);
  EXPECT_EQ(read.limit, 9U);
  EXPECT_EQ(read.wait, std::chrono::seconds{60});  // no wait is longer
  EXPECT_EQ(request<model::ReceiveFeedback>("GET", "/feedback?wait=5s").wait, std::chrono::seconds{5});
  EXPECT_TRUE(request<model::SettleFeedback>("DELETE", "/feedback/3").complete);
  EXPECT_FALSE(request<model::SettleFeedback>("POST", "/feedback/3/abandon").complete);
}

TEST(ControlApi, AMessageKeepsAllItsParts) {
  const auto command = request<model::SendCommand>("POST", "/devices/d1/commands", R"({
      "messageId": "m", "correlationId": "c", "userId": "u", "contentType": "t",
      "contentEncoding": "e", "ack": "negative", "ttl": "90s",
      "properties": {"a": "1", "none": null}, "body": {"base64": "AP8Q"}})");
  const model::MessageView message{command.message};
  ASSERT_TRUE(message.valid());
  EXPECT_EQ(message.system(System::message_id), "m");
  EXPECT_EQ(message.system(System::correlation_id), "c");
  EXPECT_EQ(message.system(System::user_id), "u");
  EXPECT_EQ(message.system(System::content_type), "t");
  EXPECT_EQ(message.system(System::content_encoding), "e");
  EXPECT_EQ(message.ack(), model::Ack::negative);
  EXPECT_EQ(message.expiry(), now.wall + std::chrono::seconds{90});
  EXPECT_EQ(message.property("a"), "1");
  const model::Bytes body{0x00, 0xff, 0x10};
  EXPECT_TRUE(std::ranges::equal(message.body(), body));
}

TEST(ControlApi, NonsenseIsRefusedWithAReason) {
  const auto expect = [](const ApiAnswer& answer, int status, const char* word) {
    EXPECT_EQ(answer.status, status) << answer.body;
    const Json json = Json::parse(answer.body, nullptr, false);
    ASSERT_TRUE(json.is_object()) << answer.body;
    EXPECT_NE(json["error"]["message"].get<std::string>().find(word), std::string::npos)
        << answer.body;
  };
  expect(refusal("GET", "/"), 404, "/devices");
  expect(refusal("GET", ""), 400, "begin with /");
  expect(refusal("POST", "/devices/d1"), 405, "PUT");
  expect(refusal("PUT", "/devices/d1/commands"), 405, "POST");
  expect(refusal("PUT", "/devices/%f"), 400, "percent");
  expect(refusal("PUT", "/devices/%ff"), 400, "UTF-8");
  expect(refusal("GET", "/telemetry?partition=-1"), 400, "partition");
  expect(refusal("GET", "/telemetry?partition=4294967296"), 400, "partition");
  expect(refusal("GET", "/telemetry?from=18446744073709551616"), 400, "from");
  expect(refusal("GET", "/telemetry?wait=soon"), 400, "20s");
  expect(refusal("GET", "/telemetry?wait=-1s"), 400, "20s");
  expect(refusal("GET", "/telemetry?form=1"), 400, "form");
  expect(refusal("GET", "/telemetry?from"), 400, "name=value");
  expect(refusal("DELETE", "/feedback/x"), 400, "token");
  expect(refusal("PATCH", "/devices/d1", R"({"enabled": 0})"), 400, "enabled");
  const auto command = [&](std::string_view body, int status, const char* word) {
    expect(refusal("POST", "/devices/d1/commands", body), status, word);
  };
  command("", 400, "JSON");
  command("{", 400, "JSON");
  command("[]", 400, "object");
  command(std::string(100'000, '[') + std::string(100'000, ']'), 400, "deep");
  command(R"({"bodi": "x"})", 400, "bodi");
  command(R"({"body": 1})", 400, "body");
  command(R"({"body": {"base64": "A==="}})", 400, "Base64");
  command(R"({"body": {"base64": "AAA"}})", 400, "Base64");
  command(R"({"ack": "maybe"})", 400, "ack");
  command(R"({"messageId": 7})", 400, "messageId");
  command(R"({"properties": {"": "x"}})", 400, "properties");
  command(R"({"properties": {"x": 1}})", 400, "properties.x");
  command(R"({"expiry": "tomorrow"})", 400, "expiry");
  command(R"({"expiry": 1, "ttl": "1s"})", 400, "ttl");
  command(R"({"messageId": ")" + std::string(70'000, 'x') + R"("})", 413, "65535");
}

TEST(ControlApi, ErrorsOfTheHubKeepTheirNames) {
  const model::Request purge = model::Purge{"d1"};
  const auto status = [&](model::Error error) {
    return tools::api_answer(purge, model::Failed{error}).status;
  };
  EXPECT_EQ(status(model::Error::device_not_found), 404);
  EXPECT_EQ(status(model::Error::queue_full), 403);
  EXPECT_EQ(status(model::Error::too_large), 413);
  EXPECT_EQ(status(model::Error::lock_lost), 412);
  EXPECT_EQ(status(model::Error::device_exists), 409);
  EXPECT_EQ(status(model::Error::storage), 503);
  const ApiAnswer answer = tools::api_answer(purge, model::Failed{model::Error::queue_full});
  EXPECT_EQ(Json::parse(answer.body)["error"]["code"], "queue_full");
}

TEST(ControlApi, NothingThereHasNoBody) {
  EXPECT_EQ(tools::api_answer(model::ReceiveCommand{"d"}, model::Command{}).status, 204);
  EXPECT_EQ(tools::api_answer(model::ReceiveFeedback{}, model::Feedback{}).status, 204);
}

RC_GTEST_PROP(ControlApi, AnyBodySurvivesTheWayThroughJson, (const model::Bytes& body)) {
  model::Bytes flat;
  model::MessageWriter writer{flat};
  writer.body(body);
  const ApiAnswer answer = tools::api_answer(
      model::ReceiveCommand{"d"}, model::Command{1, 1, 0, model::no_date, model::no_date, flat});
  const Json json = Json::parse(answer.body);
  const Json again{{"body", json["message"]["body"]}};
  const auto command = request<model::SendCommand>("POST", "/devices/d/commands", again.dump());
  RC_ASSERT(std::ranges::equal(model::MessageView{command.message}.body(), body));
}

RC_GTEST_PROP(ControlApi, NoBytesBreakIt,
              (const std::string& method, const std::string& target, const std::string& body)) {
  (void)tools::api_request(now, method, "/" + target, body);
  (void)tools::api_request(now, "POST", "/devices/d/commands", body);
}

}  // namespace
}  // namespace hubproof::tests
