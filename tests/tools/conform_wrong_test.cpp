// Every case of a hub's doors can fail: against the right hub it passes, and one that answers otherwise it finds
// out. A wrong hub is a mutant, or the right one with some bytes of what it says replaced by others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "model/mutants/mutant.hpp"
#include "tools/conform/conform.hpp"

namespace hubproof::tests {
namespace {

using namespace tools;
using conformance::Verdict;

struct Replacement {
  std::string_view from;
  std::string_view to;  // as long
};

// Of AMQP: performatives and outcomes by their codes, conditions and names by their texts.
constexpr std::string_view operator""_bytes(const char* text, std::size_t size) { return {text, size}; }
constexpr Replacement of_amqp[] = {
    {"\0\x53\x24\x45"_bytes, "\0\x53\x25\x45"_bytes},     // accepted, rejected
    {"\0\x53\x25\xd0"_bytes, "\0\x53\x24\xd0"_bytes},     // and the other way round
    {"amqp:not-found", "amqp:not-there"},
    {"amqp:unauthorized-access", "amqp:unauthorized-excess"},
    {"amqp:link:redirect", "amqp:link:remain!!"},
    {"message-size-exceeded", "message-size-exceeeds"},
    {"com.microsoft:argument-error", "com.microsoft:argument-order"},
    {"com.microsoft:argument-out-of-range", "com.microsoft:argument-out-of-place"},
    {"x-opt-sequence-number", "x-opt-sequence-letter"},
    {"x-opt-offset", "x-opt-onsets"},
    {"iothub-enqueuedtime", "iothub-enqueuedtide"},
    {"iothub-deliverycount", "iothub-deliverymount"},
    {"x-opt-lock-token", "x-opt-lock-tokin"},
    {"iothub-connection-device-id", "iothub-connection-device-it"},
    {"iothub-connection-auth-method", "iothub-connection-auth-meteor"},
    {"iothub-message-source", "iothub-message-sourse"},
    {"iothub-ack", "iothub-act"},
    {"body", "bogy"},
    {"Success", "Failure"},
    {"Rejected", "Received"},
    {"originalMessageId", "orginaryMessageId"},
    {"status-code", "status-mode"},
    {"sim", "tim"},  // with which message-ids begin
    {"\0\x53\x16"_bytes, "\0\x53\x13"_bytes},             // a detach becomes a flow
    {"AMQPWSB10", "AMQPWSB11"},
};

// An answer to an attach at an address of messages becomes an end; those at $cbs stay.
void no_attach(model::Bytes& bytes) {
  std::size_t at = 0;
  while (bytes.size() - at >= 8) {
    const auto size = static_cast<std::size_t>(model::load_big<4>(bytes.data() + at));
    if (size < 8 || size > bytes.size() - at) return;
    const std::string_view frame = model::text(model::View{bytes}.subspan(at, size));
    if (frame.substr(8, 3) == "\0\x53\x12"_bytes && frame.find("essages/") != frame.npos) bytes[at + 10] = 0x17;
    at += size;
  }
}

// SASL lets everybody in: the code is the last byte of the outcome's frame.
void welcomes_all(model::Bytes& bytes) {
  constexpr std::string_view outcome = "\0\x53\x44"_bytes;
  const auto found = std::ranges::search(bytes, model::view(outcome));
  if (found.empty()) return;
  const auto begin = static_cast<std::size_t>(found.begin() - bytes.begin()) - 8;
  const auto size = static_cast<std::size_t>(model::load_big<4>(bytes.data() + begin));
  if (begin + size <= bytes.size()) bytes[begin + size - 1] = 0;
}

void no_empty_frames(model::Bytes& bytes) {
  if (bytes == model::Bytes{0, 0, 0, 8, 2, 0, 0, 0}) bytes.clear();
}

std::function<void(model::Bytes&)> spoil(const Replacement& one) {
  return [one](model::Bytes& bytes) {
    const model::View from = model::view(one.from);
    for (auto at = bytes.begin();;) {
      at = std::search(at, bytes.end(), from.begin(), from.end());
      if (at == bytes.end()) return;
      at = std::ranges::copy(model::view(one.to), at).out;
    }
  };
}

bool fails(const CaseResult& result) {
  return std::ranges::any_of(result.outcomes, [](const auto& one) { return one.finding.verdict == Verdict::fail; });
}

TEST(WrongHubs, EveryCaseOfAmqpFindsOne) {
  const model::Rules& right = *model::profile("iot-hub-2026");
  const Descriptor descriptor = simulated_descriptor("iot-hub-2026");
  for (const Replacement& one : of_amqp) ASSERT_EQ(one.from.size(), one.to.size()) << one.from;
  std::set<std::string_view> idle;  // replacements that no case noticed
  for (const Replacement& one : of_amqp) idle.insert(one.to);
  std::size_t cases = 0;
  for (const auto& one : conformance::cases::cases()) {
    if (!one.name.starts_with("amqp/")) continue;
    ++cases;
    EXPECT_FALSE(fails(run_simulated(one, descriptor, right, 0))) << one.name;
    bool found = false;
    for (const Replacement& how : of_amqp)
      if (fails(run_simulated(one, descriptor, right, 0, spoil(how)))) found = true, idle.erase(how.to);
    for (const auto how : {no_attach, welcomes_all, no_empty_frames})
      found = found || fails(run_simulated(one, descriptor, right, 0, how));
    for (const char* name : {"stuck-after-recovery", "amqp-released-completes", "amqp-rejected-returns",
                             "amqp-flight-lost-with-link", "amqp-modified-completes", "amqp-lost-lock-confirmed",
                             "amqp-range-settles-first", "amqp-long-body-cut"}) {
      if (found) break;
      model::Rules rules = right;
      model::find_mutant(name)->apply(rules);
      found = fails(run_simulated(one, descriptor, rules, 0));
    }
    // What no mutant does yet: what was accepted comes back, an older link stays, and readers begin anywhere.
    model::Rules rules = right;
    rules.hub.amqp.settling = [](model::amqp::Outcome) { return model::AmqpSettling::abandon; };
    rules.hub.amqp.newest_link_wins = false;
    rules.hub.amqp.passes = [](std::int64_t, std::int64_t, bool) { return true; };
    found = found || fails(run_simulated(one, descriptor, rules, 0));
    EXPECT_TRUE(found) << one.name << " fails against none of the wrong hubs";
  }
  EXPECT_GE(cases, 40u);
  EXPECT_THAT(idle, testing::IsEmpty());
}

}  // namespace
}  // namespace hubproof::tests
