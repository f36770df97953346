// A server that breaks the protocol: whoever meets that closes the connection.
#include <algorithm>

#include "conformance/devices/cases.hpp"
#include "conformance/devices/script.hpp"

namespace hubproof::conformance::devices {
namespace {

using namespace script;
using model::Bytes;
using std::string;

Bytes operator+(Bytes left, std::string_view right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

Bytes packet(std::uint8_t first, const Bytes& body) {
  Bytes all(2 + body.size());
  all[0] = first;
  all[1] = static_cast<std::uint8_t>(body.size());
  std::ranges::copy(body, all.begin() + 2);
  return all;
}

Bytes publish(std::uint8_t first, std::string_view topic, Bytes rest) {
  Bytes body{0, static_cast<std::uint8_t>(topic.size())};
  body = std::move(body) + topic;
  body.insert(body.end(), rest.begin(), rest.end());
  return packet(first, body);
}

// Whether the device goes on as if nothing had been: it acknowledges what comes behind.
Task<bool> goes_on(Stage& stage, LinkId link) {
  stage.send(link, down(down_topic(stage, "after"), "after", 4711, 1));
  const auto answer = co_await stage.wait(
      [link](const Heard& heard) {
        const auto* puback = heard.is<Puback>();
        return heard.link == link && puback != nullptr && puback->id == 4711;
      },
      stage.quiet());
  co_return answer.has_value();
}

Task<> breaks(Stage& stage, Bytes bytes, std::vector<string> clauses, string what) {
  const LinkId link = co_await connected(stage);
  co_await listens(stage, link);
  stage.send_raw(link, bytes, what);
  const bool closed = co_await closes(stage, link);
  if (closed) {
    for (const string& clause : clauses) stage.pass(clause);
    co_return;
  }
  const bool answers = co_await alive(stage);
  if (!answers)
    co_await stage.missing("the device kept the connection, and its adapter does not answer");
  const bool on = co_await goes_on(stage, link);
  for (const string& clause : clauses)
    stage.fail(clause, what + ": the device keeps the connection open" +
                           (on ? ", and goes on with what comes next" : ""));
}

// Before CONNACK there is nothing that a server may send.
Task<> too_early(Stage& stage, Bytes bytes, string what) {
  Wish wish;
  order_connect(stage, wish);
  const Heard heard = co_await hello_of(stage);
  stage.send_raw(heard.link, bytes, what);
  const bool closed = co_await closes(stage, heard.link);
  if (closed) {
    stage.pass("mqtt311:4.8.0-1");
    co_return;
  }
  const bool answers = co_await alive(stage);
  if (!answers)
    co_await stage.missing("the device kept the connection, and its adapter does not answer");
  stage.fail("mqtt311:4.8.0-1", what + ": the device keeps the connection open");
}

}  // namespace

void add_violation_cases(std::vector<DeviceCase>& cases) {
  const auto add = [&](const char* name, Bytes bytes, std::vector<string> clauses,
                       const char* what) {
    cases.push_back({string{"violation/"} + name,
                     string{what} + " makes the device close",
                     clauses,
                     {},
                     [bytes, clauses, its_what = string{what}](Stage& stage) {
                       return breaks(stage, bytes, clauses, its_what);
                     }});
  };
  const string violation = "mqtt311:4.8.0-1";
  // Texts.
  const auto text = [&](const char* name, std::string_view topic, const char* clause,
                        const char* what) {
    add(name, publish(0x32, topic, {0, 9, 'x'}), {clause, violation}, what);
  };
  text("utf8-broken", "hubproof/down/\xff", "mqtt311:1.5.3-1", "a topic that is not UTF-8");
  text("utf8-cut", "hubproof/down/\xe2\x82", "mqtt311:1.5.3-1",
       "a topic that ends within a character");
  text("utf8-overlong", "hubproof/down/\xc0\xaf", "mqtt311:1.5.3-1",
       "a topic with an overlong character");
  text("utf8-surrogate", "hubproof/down/\xed\xa0\x80", "mqtt311:1.5.3-1", "a topic with U+D800");
  text("utf8-too-high", "hubproof/down/\xf4\x90\x80\x80", "mqtt311:1.5.3-1",
       "a topic with a character above U+10FFFF");
  text("nul-at-the-end", {"hubproof/down/\0", 15}, "mqtt311:1.5.3-2",
       "a topic that ends with U+0000");
  text("nul-at-the-start", {"\0hubproof", 9}, "mqtt311:1.5.3-2", "a topic that begins with U+0000");
  text("nul-within", {"hubproof/\0/down", 15}, "mqtt311:1.5.3-2", "a topic with U+0000");
  // Reserved bits of the first byte.
  const auto bits = [&](const char* name, Bytes bytes, const char* what) {
    add(name, std::move(bytes), {"mqtt311:2.2.2-2", violation}, what);
  };
  bits("puback-bits", {0x42, 2, 0, 1}, "PUBACK with reserved bits set");
  bits("pubrec-bits", {0x51, 2, 0, 1}, "PUBREC with reserved bits set");
  bits("pubcomp-bits", {0x78, 2, 0, 1}, "PUBCOMP with reserved bits set");
  bits("suback-bits", {0x91, 3, 0, 1, 0}, "SUBACK with reserved bits set");
  bits("unsuback-bits", {0xb4, 2, 0, 1}, "UNSUBACK with reserved bits set");
  bits("pingresp-bits", {0xd8, 0}, "PINGRESP with reserved bits set");
  bits("pubrel-bits-0", {0x60, 2, 0, 1}, "PUBREL with 0000 in place of 0010");
  bits("pubrel-bits-3", {0x63, 2, 0, 1}, "PUBREL with 0011 in place of 0010");
  // PUBLISH.
  const auto qos3 = [&](const char* name, std::uint8_t first, const char* what) {
    add(name, publish(first, "hubproof/down/x", {0, 9, 'x'}), {"mqtt311:3.3.1-4", violation}, what);
  };
  qos3("qos3", 0x36, "PUBLISH with QoS 3");
  qos3("qos3-dup", 0x3e, "PUBLISH with QoS 3 and DUP");
  qos3("qos3-retain", 0x37, "PUBLISH with QoS 3 and retain");
  add("publish-id-0", publish(0x32, "hubproof/down/x", {0, 0, 'x'}), {violation},
      "PUBLISH with packet id 0");
  add("publish2-id-0", publish(0x34, "hubproof/down/x", {0, 0, 'x'}), {violation},
      "PUBLISH with QoS 2 and packet id 0");
  add("publish-empty-topic", publish(0x32, "", {0, 9, 'x'}), {violation},
      "PUBLISH with an empty topic");
  add("publish-hash", publish(0x32, "hubproof/down/#", {0, 9, 'x'}), {violation},
      "PUBLISH with # in its topic");
  add("publish-plus", publish(0x32, "hubproof/down/+", {0, 9, 'x'}), {violation},
      "PUBLISH with + in its topic");
  add("publish-short", packet(0x32, {0, 40, 'h', 'u', 'b'}), {violation},
      "PUBLISH whose topic is longer than the packet");
  // What only a client may send, and what nobody may.
  add("length-of-five-bytes", {0x30, 0x80, 0x80, 0x80, 0x80, 0x01}, {violation},
      "a remaining length of five bytes");
  add("type-0", {0x00, 0}, {violation}, "a packet of type 0");
  add("type-15", {0xf0, 0}, {violation}, "a packet of type 15");
  add("connect", packet(0x10, Bytes{0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 1, 's'}), {violation},
      "CONNECT from the server");
  add("subscribe", packet(0x82, Bytes{0, 1, 0, 1, 'a', 0}), {violation},
      "SUBSCRIBE from the server");
  add("pingreq", {0xc0, 0}, {violation}, "PINGREQ from the server");
  const auto early = [&](const char* name, Bytes bytes, const char* what) {
    cases.push_back({string{"violation/"} + name,
                     string{what} + " before CONNACK makes the device close",
                     {violation},
                     {},
                     [bytes, its_what = string{what}](Stage& stage) {
                       return too_early(stage, bytes, its_what);
                     }});
  };
  early("early-publish", publish(0x32, "hubproof/down/x", {0, 9, 'x'}), "PUBLISH");
  early("early-suback", {0x90, 3, 0, 1, 0}, "SUBACK");
  early("early-pingresp", {0xd0, 0}, "PINGRESP");
}

}  // namespace hubproof::conformance::devices
