#include "conformance/history_json.hpp"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "conformance/history_fields.hpp"
#include "tests/support/history_builder.hpp"

namespace hubproof::tests {
namespace {

using conformance::HistoryProblem;
using conformance::HistoryReader;

struct Read {
  model::History history;
  std::vector<HistoryProblem> problems;
  std::vector<HistoryProblem> warnings;
};

Read read(std::string_view text, std::size_t split = ~std::size_t{0}) {
  Read result;
  HistoryReader reader{{}, [&](const Event& event) { result.history.events.push_back(event); }};
  while (!text.empty()) {
    const std::string_view part = text.substr(0, split);
    reader.feed(part);
    text.remove_prefix(part.size());
  }
  reader.end();
  result.history.terms = reader.header().terms;
  result.history.participants = reader.header().participants;
  result.history.notes = reader.header().notes;
  result.problems = reader.problems();
  result.warnings = reader.warnings();
  return result;
}

// Equal, field by field, and notes by their text.
bool same(const Event& a, const model::History& of_a, const Event& b, const model::History& of_b) {
  Event left = a;
  Event right = b;
  if (of_a.notes[a.note] != of_b.notes[b.note]) return false;
  left.note = right.note = 0;
  return conformance::write_event(of_a, left) == conformance::write_event(of_b, right) &&
         left.message == right.message && left.digest == right.digest && left.at == right.at &&
         left.flags == right.flags && left.token == right.token && left.count == right.count;
}

rc::Gen<Event> any_event() {
  return rc::gen::exec([] {
    Event event;
    const auto number = [](std::uint64_t bound) { return *rc::gen::inRange<std::uint64_t>(0, bound); };
    event.at = static_cast<std::int64_t>(number(1'000'000'000'000));
    event.local = static_cast<std::int64_t>(number(2'000'000'000'000'000'000));
    event.what = static_cast<What>(number(29));
    event.phase = static_cast<Phase>(number(4));
    event.packet = static_cast<model::Packet>(number(15));
    event.qos = static_cast<std::uint8_t>(number(3));
    event.flags = static_cast<std::uint16_t>(number(1024));
    event.packet_id = static_cast<std::uint16_t>(number(65536));
    event.observer = static_cast<NodeIndex>(number(4));
    event.device = number(2) == 0 ? NodeIndex::none : static_cast<NodeIndex>(number(4));
    event.connection = *rc::gen::arbitrary<std::uint32_t>();
    event.generation = *rc::gen::arbitrary<std::uint32_t>();
    event.message = number(2) == 0 ? model::own_key('c', static_cast<std::uint32_t>(number(1000)), *rc::gen::arbitrary<std::uint32_t>())
                                   : model::message_key(std::to_string(number(1000)) + "x");
    event.digest = *rc::gen::arbitrary<std::uint64_t>();
    event.token = *rc::gen::arbitrary<std::uint64_t>();
    event.sequence = *rc::gen::arbitrary<std::uint64_t>();
    event.offset = *rc::gen::arbitrary<std::uint64_t>();
    event.date = number(2) == 0 ? model::no_date : static_cast<std::int64_t>(number(2'000'000'000'000'000'000));
    event.expiry = number(2) == 0 ? model::no_date : -static_cast<std::int64_t>(number(1'000'000'000));
    event.offset_low = -static_cast<std::int64_t>(number(1'000'000'000));
    event.offset_high = static_cast<std::int64_t>(number(1'000'000'000));
    event.partition = *rc::gen::arbitrary<std::uint32_t>();
    event.count = *rc::gen::arbitrary<std::uint32_t>();
    event.note = static_cast<std::uint32_t>(number(3));
    event.keep_alive = static_cast<std::uint16_t>(number(65536));
    event.code = static_cast<std::uint16_t>(number(65536));
    event.error = static_cast<model::Error>(number(12));
    event.ack = static_cast<Ack>(number(4));
    event.status = static_cast<model::Status>(number(5));
    event.by = static_cast<model::EndedBy>(number(5));
    event.why = static_cast<model::Why>(number(10));
    return event;
  });
}

RC_GTEST_PROP(HistoryJson, WhatIsWrittenIsReadAsItWas, ()) {
  model::History history;
  history.participants = Story{}.history.participants;
  history.notes = {"", "a \"note\"\n", "\xc3\xa4 + \xe2\x82\xac"};
  history.terms.queue_limit = *rc::gen::arbitrary<std::uint32_t>();
  history.terms.hub_observed = *rc::gen::arbitrary<bool>();
  history.terms.settle_ns = *rc::gen::inRange<std::int64_t>(0, 1'000'000'000'000);
  history.events = *rc::gen::container<std::vector<Event>>(any_event());
  std::ranges::sort(history.events, {}, &Event::at);
  std::string text = conformance::write_header(history);
  for (const Event& event : history.events) text += conformance::write_event(history, event);

  const Read back = read(text, *rc::gen::inRange<std::size_t>(1, 200));
  for (const HistoryProblem& problem : back.problems) RC_LOG() << problem.pointer << ' ' << problem.what;
  RC_ASSERT(back.problems.empty());
  RC_ASSERT(back.history.terms.queue_limit == history.terms.queue_limit);
  RC_ASSERT(back.history.terms.hub_observed == history.terms.hub_observed);
  RC_ASSERT(back.history.terms.settle_ns == history.terms.settle_ns);
  RC_ASSERT(back.history.events.size() == history.events.size());
  for (std::size_t i = 0; i < history.events.size(); ++i)
    RC_ASSERT(same(history.events[i], history, back.history.events[i], back.history));
}

TEST(HistoryJson, LimitsAreTermsOfAHubThatHasThem) {
  model::History history = Story{}.history;
  EXPECT_EQ(conformance::write_header(history).find("throttles"), std::string::npos);
  history.terms.throttles = true;
  history.terms.quota_per_day = 7;
  history.terms.quota_chunk = 512;
  for (std::uint32_t i = 0; i < model::limit_count; ++i)
    history.terms.limits[i] = {3 * i + 1, 3 * i + 2, 3 * i + 3};
  const Read back = read(conformance::write_header(history) + R"({"at":1,"what":"finished"})");
  EXPECT_TRUE(back.problems.empty());
  EXPECT_TRUE(back.warnings.empty());
  EXPECT_TRUE(back.history.terms.throttles);
  EXPECT_EQ(back.history.terms.limits, history.terms.limits);
  EXPECT_EQ(back.history.terms.quota_per_day, 7u);
  EXPECT_EQ(back.history.terms.quota_chunk, 512u);
}

TEST(HistoryJson, ReadsAsPeopleWouldWriteIt) {
  model::History history = Story{}.history;
  Event event;
  event.at = 1000;
  event.observer = Story::d1;
  event.device = Story::d1;
  event.what = What::telemetry;
  event.phase = Phase::invoke;
  event.message = model::own_key('t', 2, 17);
  event.flags = model::flag_sent | model::flag_dup;
  EXPECT_EQ(conformance::write_event(history, event),
            R"({"at":1000,"observer":"d1","what":"telemetry","phase":"invoke","device":"d1","message":"t2-17",)"
            R"("flags":["sent","dup"]})"
            "\n");
}

constexpr std::string_view head =
    R"({"hubproof-history":1,"participants":[{"name":"hub","role":"hub"},{"name":"d1","role":"device"}]})"
    "\n";

struct Bad {
  const char* name;
  std::string text;
  std::vector<HistoryProblem> problems;
};

class BadHistory : public testing::TestWithParam<Bad> {};

TEST_P(BadHistory, IsAnsweredWithAPlaceAndAReason) {
  EXPECT_EQ(read(GetParam().text).problems, GetParam().problems)
      << testing::PrintToString(read(GetParam().text).problems.size());
}

std::string after_head(const char* line) { return std::string{head} + line + "\n"; }

INSTANTIATE_TEST_SUITE_P(
    Lines, BadHistory,
    testing::Values(
        Bad{"Nothing", "", {{1, "", "expected a history's first line, found the end of the file"}}},
        Bad{"NotAHistory",
            "{}\n",
            {{1, "/hubproof-history", "expected a history's first line, with \"hubproof-history\": 1"}}},
        Bad{"OtherVersion",
            R"({"hubproof-history":2,"participants":[]})",
            {{1, "/hubproof-history", "expected a history's first line, with \"hubproof-history\": 1"}}},
        Bad{"NoParticipants",
            R"({"hubproof-history":1})",
            {{1, "/participants", "expected a list of participants"}}},
        Bad{"Role",
            R"({"hubproof-history":1,"participants":[{"name":"x","role":"cat"}]})",
            {{1, "/participants/0/role", "expected one of hub, device, service, found \"cat\""}}},
        Bad{"TwoOfOneName",
            R"({"hubproof-history":1,"participants":[{"name":"x","role":"hub"},{"name":"x","role":"hub"}]})",
            {{1, "/participants/1/name", "expected a name that no other participant has, found \"x\""}}},
        Bad{"Terms",
            R"({"hubproof-history":1,"terms":{"queue_limit":-1,"lock_ns":"x"},"participants":[]})",
            {{1, "/terms/queue_limit", "expected an integer from 0 to 4294967295, found -1"},
             {1, "/terms/lock_ns", "expected an integer from 0 to 1152921504606846976, found \"x\""}}},
        Bad{"Limits",
            R"({"hubproof-history":1,"terms":{"throttles":1,"telemetry_burst":-2,"quota_chunk":"x"},"participants":[]})",
            {{1, "/terms/throttles", "expected true or false, found 1"},
             {1, "/terms/telemetry_burst", "expected an integer from 0 to 4294967295, found -2"},
             {1, "/terms/quota_chunk", "expected an integer from 0 to 4294967295, found \"x\""}}},
        Bad{"Throttled",
            after_head(R"({"at":1,"what":"throttle","phase":"refused","error":"throtled","code":-1})"),
            {{2, "/phase", "expected one of invoke, ok, fail, info, found \"refused\""},
             {2, "/error", "expected one of none, device_not_found, queue_full, too_large, invalid_expiry, lock_lost, "
                           "not_found, device_exists, bad_request, storage, timed_out, disabled, unauthorized, "
                           "precondition_failed, throttled, quota_exceeded, found \"throtled\""},
             {2, "/code", "expected an integer from 0 to 65535, found -1"}}},
        Bad{"NotJson", after_head("{\"at\":1,"), {{2, "", "the JSON ends too early; is the file complete?"}}},
        Bad{"TooDeep", after_head(std::string(100'000, '[').c_str()), {{2, "", "nested more than 64 levels deep"}}},
        Bad{"NotJsonInside", after_head("{\"at\";1}"), {{2, "", "not JSON, column 6"}}},
        Bad{"NotAnObject", after_head("[1]"), {{2, "", "expected an object, found [1]"}}},
        Bad{"WhatAndWhen",
            after_head("{}"),
            {{2, "/at", "expected, and not there"}, {2, "/what", "expected, and not there"}}},
        Bad{"Kind",
            after_head(R"({"at":1,"what":"feedback_complete","phase":"perhaps"})"),
            {{2, "/phase", "expected one of invoke, ok, fail, info, found \"perhaps\""}}},
        Bad{"Stranger",
            after_head(R"({"at":1,"what":"started","observer":"d7"})"),
            {{2, "/observer", "expected the name of a participant, found \"d7\""}}},
        Bad{"Several",
            after_head(R"({"at":1,"what":"packet","qos":300,"flags":["sent","cent"],"digest":"12"})"),
            {{2, "/flags/1", "expected the name of a flag, found \"cent\""},
             {2, "/qos", "expected an integer from 0 to 255, found 300"},
             {2, "/digest", "expected 16 hex digits, found \"12\""}}},
        Bad{"TimeGoesBack",
            after_head("{\"at\":5,\"what\":\"healed\"}\n{\"at\":4,\"what\":\"healed\"}"),
            {{3, "/at", "expected 5 or later, found 4"}}},
        Bad{"AfterTheEnd",
            after_head("{\"at\":5,\"what\":\"finished\"}\n{\"at\":6,\"what\":\"healed\"}"),
            {{3, "/what", "expected nothing after \"finished\""}}},
        Bad{"Fraction",
            after_head(R"({"at":1.5,"what":"healed"})"),
            {{2, "/at", "expected an integer from 0 to 1152921504606846976, found 1.5"}}}),
    [](const testing::TestParamInfo<Bad>& param) { return std::string{param.param.name}; });

TEST(HistoryReader, AnUnknownKeyIsAWarning) {
  const Read result = read(after_head(R"({"at":1,"what":"finished","colour":"red"})"));
  EXPECT_TRUE(result.problems.empty());
  ASSERT_EQ(result.warnings.size(), 1u);
  EXPECT_EQ(result.warnings[0], (HistoryProblem{2, "/colour", "unknown key"}));
}

TEST(HistoryReader, ProblemsAreBounded) {
  std::string text{head};
  for (int i = 0; i < 1000; ++i) text += "oops\n";
  EXPECT_EQ(read(text).problems.size(), HistoryReader::most_problems);
}

TEST(HistoryReader, AnEmptyLineAndALastOneWithoutItsEndAreFine) {
  const Read result = read(std::string{head} + "\n{\"at\":1,\"what\":\"healed\"}\r\n{\"at\":2,\"what\":\"finished\"}");
  EXPECT_TRUE(result.problems.empty());
  EXPECT_TRUE(result.warnings.empty());
  EXPECT_EQ(result.history.events.size(), 2u);
}

}  // namespace
}  // namespace hubproof::tests
