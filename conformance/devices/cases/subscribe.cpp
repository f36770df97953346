// What a device asks for: filters as the application gave them, and none that MQTT forbids.
#include "conformance/devices/cases.hpp"
#include "conformance/devices/script.hpp"

namespace hubproof::conformance::devices {
namespace {

using namespace script;
using Did = Said::Did;
using std::string;
using Filters = std::vector<std::pair<string, std::uint8_t>>;

Task<> asks(Stage& stage, Filters filters) {
  const LinkId link = co_await connected(stage);
  const std::uint64_t order = stage.next_id();
  stage.tell(SubscribeOrder{order, filters});
  std::size_t asked = 0;
  while (asked < filters.size()) {  // in one packet or in several
    const auto subscribe = co_await next<Subscribe>(stage, link);
    if (!subscribe) break;
    for (const Filter& each : subscribe->is<Subscribe>()->filters) {
      if (asked < filters.size() && each.filter == filters[asked].first &&
          each.qos == filters[asked].second) {
        stage.pass("mqtt311:3.8.3-1");
      } else {
        stage.fail("mqtt311:3.8.3-1", "SUBSCRIBE asks for " + string{each.filter} + " with QoS " +
                                          std::to_string(each.qos) +
                                          ", which the application did not give at this place");
      }
      ++asked;
    }
  }
  if (asked < filters.size()) {
    const std::string why = "of " + std::to_string(filters.size()) + " filters " +
                            std::to_string(asked) + " were asked for";
    co_await stage.missing(why.c_str());
  }
  const auto told = co_await said(stage, Did::subscribed, order);
  if (!told) co_await stage.missing("the adapter did not say \"subscribed\" after SUBACK");
}

Task<> withdraws(Stage& stage, std::vector<string> filters) {
  const LinkId link = co_await connected(stage);
  const std::uint64_t order = stage.next_id();
  stage.tell(UnsubscribeOrder{order, filters});
  std::size_t asked = 0;
  while (asked < filters.size()) {
    const auto unsubscribe = co_await next<Unsubscribe>(stage, link);
    if (!unsubscribe) break;
    for (const std::string_view each : unsubscribe->is<Unsubscribe>()->filters) {
      if (asked < filters.size() && each == filters[asked])
        stage.pass("mqtt311:3.10.3-1");
      else
        stage.fail("mqtt311:3.10.3-1", "UNSUBSCRIBE names " + string{each} +
                                           ", which the application did not give at this place");
      ++asked;
    }
  }
  if (asked < filters.size()) {
    const std::string why = "of " + std::to_string(filters.size()) + " filters " +
                            std::to_string(asked) + " were withdrawn";
    co_await stage.missing(why.c_str());
  }
}

// The request is refused, or nothing comes of it, or the Watch has something to say.
Task<> refuses(Stage& stage, Order order, std::uint64_t id, string clause, string what) {
  const LinkId link = co_await connected(stage);
  stage.tell(order);
  const auto first = co_await stage.wait(
      [&](const Heard& heard) {
        return heard.is<Subscribe>() != nullptr || heard.is<Unsubscribe>() != nullptr ||
               heard.kind == Heard::Kind::malformed ||
               (heard.is(Did::failed) && heard.said.id == id) ||
               (heard.kind == Heard::Kind::ended && heard.link == link);
      },
      stage.patience());
  if (!first) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("the adapter does not answer any more");
    stage.pass(clause);
    co_return;
  }
  if (first->is(Did::failed) || first->kind == Heard::Kind::ended) {
    stage.pass(clause);
  } else if (first->kind == Heard::Kind::malformed) {
    stage.fail(clause, what + " goes out");
  } else if (const auto* subscribe = first->is<Subscribe>()) {
    for (const Filter& each : subscribe->filters)
      if (!valid_topic_filter(each.filter))
        stage.fail(clause, "SUBSCRIBE to " + string{each.filter} + " goes out");
      else
        stage.pass(clause);
  }
}

constexpr std::uint64_t forbidden = 1000;  // an order id that nothing else has

}  // namespace

void add_subscribe_cases(std::vector<DeviceCase>& cases) {
  const std::vector<string> form{"mqtt311:3.8.1-1", "mqtt311:3.8.3-1", "mqtt311:3.8.3-3",
                                 "mqtt311:2.3.1-1", "mqtt311:4.7.3-1", "mqtt311:4.7.3-2"};
  const auto ask = [&](const char* name, Filters filters, std::vector<string> more) {
    more.insert(more.begin(), form.begin(), form.end());
    cases.push_back({string{"subscribe/"} + name,
                     "the filters go out as the application gave them",
                     std::move(more),
                     {.topics = true},
                     [filters](Stage& stage) { return asks(stage, filters); }});
  };
  ask("plain", {{"hubproof/a", 0}}, {});
  ask("three", {{"hubproof/a", 0}, {"hubproof/b", 1}, {"hubproof/c", 2}}, {});
  ask("hash", {{"hubproof/#", 1}}, {"mqtt311:4.7.1-2"});
  ask("hash-alone", {{"#", 0}}, {"mqtt311:4.7.1-2"});
  ask("plus", {{"+/a/+", 1}}, {"mqtt311:4.7.1-3"});
  ask("plus-alone", {{"+", 2}}, {"mqtt311:4.7.1-3"});
  ask("empty-levels", {{"/", 1}}, {});
  ask("foreign-letters", {{"hubproof/\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x91", 1}},
      {"mqtt311:1.5.3-1"});

  const auto withdraw = [&](const char* name, std::vector<string> filters) {
    cases.push_back(
        {string{"unsubscribe/"} + name,
         "the filters go out as the application gave them",
         {"mqtt311:3.10.1-1", "mqtt311:3.10.3-1", "mqtt311:3.10.3-2", "mqtt311:2.3.1-1"},
         {.topics = true},
         [filters](Stage& stage) { return withdraws(stage, filters); }});
  };
  withdraw("plain", {"hubproof/a"});
  withdraw("three", {"hubproof/a", "hubproof/+/b", "hubproof/#"});
  withdraw("foreign-letters", {"hubproof/\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x91"});

  const auto forbid = [&](string name, Order order, const char* clause, const char* what,
                          bool any_text = false) {
    cases.push_back({std::move(name),
                     string{"the application asks for what MQTT forbids: "} + what,
                     {clause},
                     {.topics = true, .any_text = any_text},
                     [order, its_clause = string{clause}, its_what = string{what}](Stage& stage) {
                       return refuses(stage, order, forbidden, its_clause, its_what);
                     }});
  };
  const auto filter = [&](const char* name, string text, const char* clause, const char* what,
                          bool any_text = false) {
    forbid(string{"subscribe/"} + name, SubscribeOrder{forbidden, {{std::move(text), 1}}}, clause,
           what, any_text);
  };
  filter("hash-in-the-middle", "hubproof/#/x", "mqtt311:4.7.1-2", "a filter with # before its end");
  filter("hash-in-a-level", "hubproof/x#", "mqtt311:4.7.1-2",
         "a filter with # as a part of a level");
  filter("plus-in-a-level", "hubproof/x+/y", "mqtt311:4.7.1-3",
         "a filter with + as a part of a level");
  filter("plus-before-text", "+x", "mqtt311:4.7.1-3", "a filter with + as a part of a level");
  filter("empty", "", "mqtt311:4.7.3-1", "an empty filter");
  filter("nul", string{"hubproof/\0", 10}, "mqtt311:4.7.3-2", "a filter with U+0000", true);
  filter("surrogate", "hubproof/\xed\xa0\x80", "mqtt311:3.8.3-1", "a filter with U+D800", true);
  forbid("subscribe/none", SubscribeOrder{forbidden, {}}, "mqtt311:3.8.3-3",
         "a SUBSCRIBE without filters");
  forbid("unsubscribe/none", UnsubscribeOrder{forbidden, {}}, "mqtt311:3.10.3-2",
         "an UNSUBSCRIBE without filters");
  forbid("unsubscribe/surrogate", UnsubscribeOrder{forbidden, {"hubproof/\xed\xa0\x80"}},
         "mqtt311:3.10.3-1", "a filter with U+D800", true);
}

}  // namespace hubproof::conformance::devices
