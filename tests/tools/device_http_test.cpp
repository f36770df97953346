// The cases for devices that speak HTTP: our own device passes them, and each of them finds a wrong one.
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "tests/support/device_suite.hpp"
#include "tools/devices/live_device.hpp"
#include "tools/devices/own_device.hpp"

namespace {

using namespace hubproof;
using namespace hubproof::tools;
using namespace std::chrono_literals;
using namespace tests::device_suite;
using conformance::devices::Order;
using conformance::devices::Said;
using conformance::devices::SendOrder;
using model::Bytes;
using model::View;
using Did = Said::Did;
using std::string;

TEST(DeviceHttp, OurOwnDevicePasses) {
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{4711}}) {
    const DevicePlay play = play_own_device(model::Rules{}.device, seed, chosen_device_cases("device/http/*"));
    EXPECT_EQ(failures(play), "") << "seed " << seed;
  }
}

TEST(DeviceHttp, ACaseComesToTheSameTwice) {
  const auto cases = chosen_device_cases("device/http/*");
  model::DeviceRules rules;
  rules.acknowledges = false;
  const auto once = play_own_device(rules, 7, cases);
  const auto twice = play_own_device(rules, 7, cases);
  ASSERT_EQ(once.cases.size(), twice.cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) EXPECT_EQ(once.cases[i].transcript, twice.cases[i].transcript) << cases[i]->name;
}

// ---- Wrong devices: a right one behind a wrong client, or a wrong adapter. Requests and answers come whole, but for those
// in pieces.

using OfText = std::function<string(string)>;
std::function<Bytes(View)> through(OfText hook) {
  return [hook = std::move(hook)](View bytes) {
    const string text = hook(string{model::text(bytes)});
    return Bytes{text.begin(), text.end()};
  };
}
Tamper says(OfText hook) {
  return [hook] { return Wire{.said = through(hook)}; };
}
Tamper hears(OfText hook) {
  return [hook] { return Wire{.heard = through(hook)}; };
}
Tamper tells(std::function<std::vector<Said>(Said)> hook) {
  return [hook] {
    Wire wire;
    wire.tells = hook;
    return wire;
  };
}

string replaced(string text, std::string_view what, std::string_view by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += by.size()) text.replace(at, what.size(), by);
  return text;
}
bool is_telemetry(const string& text) { return text.find("/messages/events") != text.npos; }
std::function<string(string)> replaces(string what, string by) {
  return [what, by](string text) { return replaced(std::move(text), what, by); };
}

// What the hub says of requests, as a device may mistake it.
string as_success(string text) {
  for (const char* status : {"400", "401", "403", "404", "413", "429", "500", "503"}) text = replaced(text, string{"HTTP/1.1 "} + status, "HTTP/1.1 200");
  return text;
}

const std::vector<Wrong> all{
    {.what = "shows no token", .spoil = [](auto& settings) { settings.signer = {}; }, .found = {{"telemetry/request", "HTTP-01"}, {"looks/nothing-there", "HTTP-01"}}},
    {.what = "says no api-version", .tamper = says(replaces("?api-version=2021-04-12", "?apiversion=2021-04-12x")), .found = {{"telemetry/request", "HTTP-01"}}},
    {.what = "asks at another path", .tamper = says(replaces("/messages/events", "/message/eventss")), .found = {{"telemetry/request", "HTTP-02"}}},
    {.what = "shows the token of another device",
     .spoil = [](auto& settings) { settings.signer = [s = settings.signer](auto id) { return model::DeviceSettings::Signer{"other", s(id).key}; }; },
     .found = {{"telemetry/request", "SEC-02"}}},
    {.what = "signs with another key",
     .spoil = [](auto& settings) { settings.signer = [](auto id) { return model::DeviceSettings::Signer{string{id}, "bm8ga2V5IGF0IGFsbA=="}; }; },
     .found = {{"telemetry/request", "SEC-04"}}},
    {.what = "shows its key", .tamper = says(replaces("&sig=", "&key=aHVicHJvb2YgaHVicHJvb2YgaHVicHJvb2YgaHVicHI=&sig=")), .found = {{"telemetry/request", "SEC-10"}}},
    {.what = "shows no signature", .tamper = says(replaces("&sig=", "&gis=")), .found = {{"telemetry/request", "SEC-01"}}},
    {.what = "shows no end", .tamper = says(replaces("&se=1", "&se=x")), .found = {{"telemetry/request", "SEC-03"}}},
    {.what = "never renews its token", .spoil = [](auto& settings) { settings.token_renewal = 24h; }, .found = {{"token/renewed", "HTTP-01"}}},
    {.what = "counts as published what it has sent", .break_rule = [](auto& rules) { rules.waits_for_ack = false; },
     .found = {{"telemetry/answer-held-back", "DLV-07"}, {"telemetry/answers-held-back", "DLV-07"}, {"telemetry/answered-429", "DLV-07"},
               {"telemetry/answered-500", "HTTP-21"}, {"again/cut", "DLV-01"}, {"again/cut-often", "DLV-01"}, {"again/closed", "DLV-01"},
               {"again/half-answer", "DLV-01"}}},
    {.what = "takes every answer for success", .tamper = hears(as_success),
     .found = {{"telemetry/answered-400", "DLV-07"}, {"telemetry/answered-401", "DLV-07"}, {"telemetry/answered-403", "DLV-07"},
               {"telemetry/answered-404", "HTTP-21"}, {"telemetry/answered-413", "DLV-07"}, {"telemetry/answered-429", "DLV-07"},
               {"telemetry/answered-500", "DLV-07"}, {"telemetry/answered-503", "DLV-07"}}},
    {.what = "is back at once", .spoil = [](auto& settings) { settings.back_off_first = settings.back_off_max = 0s; },
     .found = {{"telemetry/answered-429", "SEC-28"}, {"telemetry/answered-500", "SEC-28"}, {"telemetry/answered-503", "SEC-28"}, {"looks/throttled", "SEC-28"}}},
    {.what = "waits for an answer for ever", .spoil = [](auto& settings) { settings.ack_patience = 24h; }, .found = {{"again/unanswered", "INV-24"}}},
    {.what = "forgets what was not answered", .break_rule = [](auto& rules) { rules.resend_after_reconnect = false; },
     .found = {{"again/cut", "INV-24"}, {"again/cut-often", "INV-24"}, {"again/closed", "INV-24"}, {"again/half-answer", "INV-24"},
               {"again/unanswered", "INV-24"}}},
    {.what = "does not come back", .break_rule = [](auto& rules) { rules.retries_connecting = false; },
     .found = {{"again/cut", "INV-24"}, {"stream/one-answer-each", "INV-24"}, {"stream/closed-in-between", "INV-24"}, {"telemetry/answered-401", "INV-24"},
               {"commands/look-cut", "HTTP-09"}, {"looks/throttled", "HTTP-09"}}},
    {.what = "tells nothing of its messages", .tamper = tells([](Said said) { return said.did == Did::published ? std::vector<Said>{} : std::vector{said}; }),
     .found = {{"telemetry/request", "INV-24"}, {"telemetry/answer-held-back", "INV-24"}, {"stream/chunked", "INV-24"}, {"stream/continue", "INV-24"}}},
    {.what = "tells twice that a message is published", .tamper = tells([](Said said) { return said.did == Did::published ? std::vector{said, said} : std::vector{said}; }),
     .found = {{"telemetry/request", "DLV-01"}, {"again/cut", "DLV-01"}, {"token/renewed", "DLV-01"}}},
    {.what = "sends each message twice", .tamper = says([](string text) { return is_telemetry(text) ? text + text : text; }),
     .found = {{"telemetry/answers-held-back", "DLV-07"}}},
    {.what = "changes a property", .tamper = says(replaces("warm", "cold")), .found = {{"telemetry/properties-plain", "HTTP-03"}, {"telemetry/properties-odd", "INV-25"}}},
    {.what = "forgets the prefix of properties", .tamper = says(replaces("iothub-app-", "iothub-app")), .found = {{"telemetry/properties-plain", "HTTP-03"}}},
    {.what = "says no id", .tamper = says(replaces("iothub-messageid", "iothub-message-i")), .found = {{"telemetry/properties-plain", "HTTP-04"}, {"telemetry/properties-odd", "HTTP-04"}}},
    {.what = "changes the end of what it sends", .tamper = says([](string text) {
       if (is_telemetry(text)) text.back() = static_cast<char>(text.back() ^ 1);
       return text;
     }),
     .found = {{"telemetry/request", "INV-25"}, {"telemetry/large", "INV-25"}, {"telemetry/properties-plain", "INV-25"}}},
    {.what = "cannot send what is large", .tamper = says([](string text) { return text.size() > 100'000 ? string{} : text; }), .found = {{"telemetry/large", "HTTP-02"}}},
    {.what = "takes each read for an answer", .tamper = hears([](string text) {
       return text.find("\r\n\r\n") == text.npos ? string{} : text;
     }),
     .found = {{"stream/in-pieces", "INV-24"}}},
    {.what = "is deaf to chunks", .tamper = hears([](string text) { return text.find("chunked") == text.npos ? text : string{}; }),
     .found = {{"stream/chunked", "HTTP-09"}}},
    {.what = "takes 100 for an answer", .tamper = hears(replaces("HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")),
     .found = {{"stream/continue", "INV-24"}}},
    {.what = "takes no commands", .tamper = says([](string text) {
       const std::size_t at = text.find("GET ");
       return at == text.npos ? text : text.erase(at, text.find("\r\n\r\n", at) + 4 - at);
     }),
     .found = {{"commands/complete", "HTTP-09"}, {"looks/nothing-there", "HTTP-09"}, {"stream/chunked", "HTTP-09"}}},
    {.what = "settles nothing", .break_rule = [](auto& rules) { rules.acknowledges = false; },
     .found = {{"commands/complete", "C2D-33"}, {"commands/reject", "C2D-33"}, {"commands/abandon", "C2D-33"}, {"stream/in-pieces", "C2D-33"},
               {"commands/lock-lost", "C2D-33"}, {"commands/look-cut", "C2D-33"}}},
    {.what = "completes everything", .spoil = [](auto& settings) { settings.reject_per_mille = settings.abandon_per_mille = 0; },
     .found = {{"commands/reject", "HTTP-14"}, {"commands/abandon", "HTTP-15"}}},
    {.what = "rejects everything", .spoil = [](auto& settings) { settings.reject_per_mille = 1000; },
     .found = {{"commands/complete", "HTTP-13"}, {"commands/lock-lost", "C2D-33"}}},
    {.what = "settles with the first token it ever got", .tamper = [] {
       return Wire{.said = through([](string text) { return text; }), .heard = through([first = string{}](string text) mutable {
                     const std::size_t at = text.find("ETag: ");
                     if (at == text.npos) return text;
                     const string here = text.substr(at, text.find('\r', at) - at);
                     if (first.empty()) first = here;
                     return replaced(text, here, first);
                   })};
     },
     .found = {{"commands/complete", "HTTP-11"}, {"commands/lock-lost", "HTTP-11"}}},
    {.what = "says another token in If-Match", .tamper = says(replaces("If-Match: ", "If-Match: 0")), .found = {{"commands/complete", "HTTP-16"}, {"commands/reject", "HTTP-16"}}},
    {.what = "settles twice", .tamper = says([](string text) { return text.starts_with("DELETE ") ? text + text : text; }),
     .found = {{"commands/complete", "C2D-33"}}},
    {.what = "shows no command", .tamper = tells([](Said said) { return said.did == Did::received ? std::vector<Said>{} : std::vector{said}; }),
     .found = {{"commands/complete", "DLV-01"}, {"commands/properties", "INV-25"}, {"stream/one-answer-each", "HTTP-09"}, {"commands/look-cut", "DLV-01"}}},
    {.what = "shows half of a command", .tamper = tells([](Said said) {
       said.payload.resize(said.payload.size() / 2);
       return std::vector{said};
     }),
     .found = {{"commands/properties", "INV-25"}, {"stream/chunked", "INV-25"}, {"stream/in-pieces", "INV-25"}}},
    {.what = "drops a property of a command", .tamper = tells([](Said said) {
       if (said.properties && !said.properties->empty()) said.properties->pop_back();
       return std::vector{said};
     }),
     .found = {{"commands/properties", "MSG-01"}, {"commands/properties", "INV-25"}}},
    {.what = "looks without a pause", .spoil = [](auto& settings) { settings.poll = 10ms; }, .found = {{"looks/nothing-there", "HTTP-18"}}},
};

TEST(DeviceHttp, EveryCaseFindsAWrongDevice) { each_case_finds_one("device/http/", all); }

// A device of forty lines on a real socket.
constexpr const char* http_device = R"(
import base64, hashlib, hmac, http.client, json, sys, threading, time, urllib.parse

def say(did, **more):  # two threads speak: a line is one write
    sys.stdout.write(json.dumps({"did": did, **more}) + "\n")
    sys.stdout.flush()
say("hello", name="http", kind="hub", protocol="http", reconnects=True)
order = None

def ask(method, path, body=None, fields={}):
    resource = urllib.parse.quote(f"{order['host']}/devices/{order['client_id']}", safe="")
    end = str(int(time.time()) + 3600)
    signature = hmac.new(base64.b64decode(order["key"]), f"{resource}\n{end}".encode(), hashlib.sha256).digest()
    token = f"SharedAccessSignature sr={resource}&sig={urllib.parse.quote(base64.b64encode(signature), safe='')}&se={end}"
    link = http.client.HTTPConnection(order["host"], order["port"])
    link.request(method, f"/devices/{order['client_id']}/messages/{path}?api-version=2021-04-12", body, {"Authorization": token, **fields})
    answer = link.getresponse()
    return answer.status, answer.headers, answer.read()

def look():
    while True:
        status, fields, body = ask("GET", "devicebound")
        if status == 200:
            properties = {name[11:]: value for name, value in fields.items() if name.startswith("iothub-app-")}
            say("received", topic="", payload=body.hex(), message_id=fields["iothub-messageid"], properties=properties)
            ask("DELETE", "devicebound/" + fields["ETag"].strip('"'))
        else:
            time.sleep(order["poll"])

for line in sys.stdin:
    got = json.loads(line)
    if got["do"] == "echo": say("echo", id=got["id"])
    elif got["do"] == "connect":
        order = got
        threading.Thread(target=look, daemon=True).start()
        say("connected")
    elif got["do"] == "send":
        fields = {"iothub-messageid": got["message_id"], **{"iothub-app-" + name: value for name, value in got["properties"].items()}}
        status = ask("POST", "events", bytes.fromhex(got["payload"]), fields)[0]
        say("published" if status < 300 else "failed", id=got["id"])
    elif got["do"] == "quit": break
)";

TEST(DeviceHttp, ADeviceOnARealSocketIsUnderstood) {
  LiveDevice device;
  device.command = {"python3", "-c", http_device};
  for (const char* about : {"telemetry/request", "telemetry/properties-odd", "telemetry/answered-400", "commands/complete", "commands/properties", "stream/chunked"}) {
    const DevicePlay play = play_live(device, chosen_device_cases(string{"device/http/"} + about));
    ASSERT_EQ(play.unreachable, "");
    ASSERT_EQ(play.cases.size(), 1u) << about;
    EXPECT_EQ(failures(play) + play.cases[0].not_applicable, "") << about;
  }
  const DevicePlay other = play_live(device, chosen_device_cases("device/hub/credentials"));
  EXPECT_EQ(other.cases[0].not_applicable, "it speaks HTTP");
}

}  // namespace
