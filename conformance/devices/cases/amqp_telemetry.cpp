// Over AMQP: the token that a device puts, and its telemetry: credit, outcomes, and what comes again when an
// outcome never came.
#include <algorithm>

#include "conformance/devices/amqp_script.hpp"
#include "conformance/devices/cases.hpp"
#include "model/amqp/address.hpp"
#include "model/amqp/message.hpp"

namespace hubproof::conformance::devices {
namespace {

using namespace script;
using namespace std::chrono_literals;
using amqp::Outcome;
using model::Duration;
using Did = Said::Did;
using std::string;

// ---- Tokens.

Task<> puts_token(Stage& stage) {
  AmqpHub hub{stage};
  order_connect(stage, {});
  const auto opened = co_await arrives(stage, stage.patience() * 2);
  if (!opened) co_await stage.missing("no connection came after the device was told to connect");
  const auto came = co_await next_event<amqp::Arrived>(stage, opened->link, Use::tokens);
  if (!came) co_await stage.missing("no token came to $cbs");
  const PutToken put = put_token_of(*came);
  const string resource = "devices/" + client_id(stage);
  expect(stage, "AMQP-04", put.operation == "put-token" && put.type == "servicebus.windows.net:sastoken",
         "the message to $cbs is a " + put.operation + " of type " + put.type);
  expect(stage, "AMQP-04", put.to_cbs && put.has_reply_to && put.has_id, "the message to $cbs lacks to, reply-to or message-id");
  expect(stage, "AMQP-04", amqp::audience_path(put.audience) == resource, "the token is for " + put.audience);
  judge_token(stage, put.token, resource);
  const auto told = co_await said(stage, Did::connected);
  if (!told) co_await stage.missing("the adapter did not say \"connected\" after its token was accepted");
  const std::uint64_t order = submit(stage, 1);  // some ask for the link only now
  const auto telemetry = co_await telemetry_of(stage, opened->link, order);
  if (!telemetry) co_await stage.missing("no telemetry came");
  hub.settle(*telemetry, Outcome::accepted);
  co_await ends_well(stage, hub, order);
}

// A token that is refused, until the hub takes it: a device may keep trying, with pauses, or tell its application, which
// has it connect again. It asks for no link meanwhile: that the hub sees to.
Task<> token_refused(Stage& stage, int status) {
  AmqpHub hub{stage};
  hub.manners.tokens = status;
  hub.manners.telemetry = true;
  order_connect(stage, {});
  constexpr std::size_t rounds = 5;
  std::vector<Duration> pauses;
  std::optional<model::Instant> refused;
  bool gave_up = false;
  for (std::size_t put = 0; put < rounds;) {
    const auto came = co_await stage.wait(
        [](const Heard& heard) { return heard.use == Use::tokens && heard.amqp<amqp::Arrived>() != nullptr; }, stage.patience() * 4);
    if (came) {
      if (refused) pauses.push_back(came->at - *refused);
      refused = came->at;
      ++put;
      continue;
    }
    if (put == 0) co_await stage.missing("no token came to $cbs");
    if (!told_off(stage)) {
      const bool answers = co_await alive(stage);
      if (!answers) co_await stage.missing("the device stays away, and its adapter does not answer");
      stage.fail("INV-24", "after status " + std::to_string(status) + " the device neither puts a token again nor tells its application");
      co_return;
    }
    gave_up = true;
    break;
  }
  Duration all{};
  for (const Duration pause : pauses) all += pause;
  if (pauses.size() + 1 == rounds && all < 1s)
    stage.fail("SEC-28", "a device whose token is refused puts it again at once, each time: after " + milliseconds_text(pauses));
  else
    stage.pass("SEC-28");
  stage.note("the hub takes tokens from now on");
  hub.manners.tokens = 200;
  if (gave_up) order_connect(stage, {});
  const auto told = co_await said(stage, Did::connected);
  if (!told) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("the device stays away, and its adapter does not answer");
    stage.fail("INV-24", "the hub takes tokens again, and the device does not come back");
    co_return;
  }
  const std::uint64_t order = submit(stage, 1);
  co_await ends_well(stage, hub, order);
}

// A token that gets no answer, for as long as the device bears it.
Task<> token_unanswered(Stage& stage) {
  AmqpHub hub{stage};
  hub.manners.tokens.reset();
  hub.manners.telemetry = true;
  order_connect(stage, {});
  const auto opened = co_await arrives(stage, stage.patience() * 2);
  if (!opened) co_await stage.missing("no connection came after the device was told to connect");
  constexpr Duration longest = 150s;  // SDKs bear 120
  const LinkId link = opened->link;
  const auto gave_up = co_await stage.wait(
      [link](const Heard& heard) {
        return (heard.kind == Heard::Kind::ended && heard.link == link) || (heard.is(Did::failed) && heard.said.id == 0) ||
               (heard.link == link && heard.amqp<amqp::Closed>() != nullptr);
      },
      longest);
  if (!gave_up) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("the device waits, and its adapter does not answer");
    stage.fail("INV-24", "a token has had no answer for " + milliseconds_text(longest) + ", and the device still waits");
    co_return;
  }
  hub.manners.tokens = 200;
  if (!gave_up->is(Did::failed)) {
    const auto again = co_await arrives(stage, stage.patience() * 4);
    if (!again && !told_off(stage)) {
      stage.fail("INV-24", "the device gave up a connection without an answer, and neither comes back nor tells its application");
      co_return;
    }
    if (!again) order_connect(stage, {});
  } else {
    order_connect(stage, {});
  }
  const std::uint64_t order = submit(stage, 1);
  co_await ends_well(stage, hub, order);
}

// A token of ten seconds: the next one comes before it ends, on the connection that is there [AMQP-10].
Task<> token_renewed(Stage& stage) {
  AmqpHub hub{stage};
  hub.manners.telemetry = true;
  constexpr std::uint32_t life = 10;  // seconds
  Wish wish;
  wish.token_life = life;
  const model::Instant asked = stage.now();
  const LinkId link = co_await amqp_connected(stage, wish);
  const auto first = co_await next_event<amqp::Arrived>(stage, link, Use::tokens);
  if (!first) co_await stage.missing("no token came to $cbs");
  std::uint64_t order = submit(stage, 1);
  co_await ends_well(stage, hub, order);
  const auto renewed = co_await stage.wait(
      [](const Heard& heard) {
        return heard.kind == Heard::Kind::opened || (heard.use == Use::tokens && heard.amqp<amqp::Arrived>() != nullptr);
      },
      asked + std::chrono::seconds{life} - stage.now());
  if (!renewed) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("no second token came, and the adapter does not answer");
    stage.fail("AMQP-10", "the token of " + std::to_string(life) + " s is over, and the device has not put a new one");
    co_return;
  }
  if (renewed->kind == Heard::Kind::opened) co_await stage.missing("the device renews by a new connection");
  const std::uint64_t before = end_of_token(put_token_of(*first).token);
  const std::uint64_t after = end_of_token(put_token_of(*renewed).token);
  expect(stage, "AMQP-10", after > before,
         "the device puts a token that ends at " + std::to_string(after) + ", after one that ends at " + std::to_string(before));
  order = submit(stage, 1);
  co_await ends_well(stage, hub, order);
  const auto detached = stage.take([link](const Heard& heard) {
    return heard.link == link && (heard.kind == Heard::Kind::ended || heard.amqp<amqp::Detached>() != nullptr);
  });
  expect(stage, "AMQP-10", !detached, "a link or the connection ended with the renewal");
}

// ---- Telemetry.

// The outcome of each message is held back for a while: the application hears of it when it is there.
Task<> outcome_held_back(Stage& stage, int messages) {
  AmqpHub hub{stage};
  const LinkId link = co_await amqp_connected(stage);
  std::vector<std::uint64_t> orders;
  for (int i = 0; i < messages; ++i) orders.push_back(submit(stage, 1));
  for (int i = 0; i < messages; ++i) {
    const auto telemetry = co_await next_event<amqp::Arrived>(stage, link, Use::telemetry);
    if (!telemetry) co_await stage.missing("no telemetry came");
    co_await stage.pause(stage.quiet());
    const auto early = stage.take([](const Heard& heard) { return heard.is(Did::published); });
    if (early) {
      stage.fail("DLV-01", "the application is told that a message is published before its outcome has come");
      co_return;
    }
    hub.settle(*telemetry, Outcome::accepted);
    const auto told = co_await said(stage, Did::published);
    if (!told) {
      const bool answers = co_await alive(stage);
      if (!answers) co_await stage.missing("the adapter did not say \"published\", and does not answer");
      stage.fail("INV-24", "a message was accepted, and the application is not told");
      co_return;
    }
  }
  const auto again = co_await next_event<amqp::Arrived>(stage, link, Use::telemetry, stage.quiet());
  expect(stage, "DLV-01", !again, "a message that was accepted goes out again on the same connection");
  stage.pass("INV-24");
}

// Properties and payload of telemetry at the hub.
Task<> telemetry_properties(Stage& stage, string value) {
  AmqpHub hub{stage};
  const LinkId link = co_await amqp_connected(stage);
  const std::vector<std::pair<string, string>> properties{{"odd", value}, {"plain", "warm"}};
  const string payload = "payload of " + stage.name();
  const std::uint64_t order = submit(stage, payload, properties);
  const auto telemetry = co_await next_event<amqp::Arrived>(stage, link, Use::telemetry);
  if (!telemetry) co_await stage.missing("no telemetry came");
  const auto sections = amqp::read_sections(telemetry->amqp<amqp::Arrived>()->message);
  if (!sections) {
    stage.fail("AMQP-24", "what comes is no message of AMQP");
    co_return;
  }
  expect(stage, "AMQP-24", sections->data.size() == 1, "the payload comes in " + std::to_string(sections->data.size()) + " data sections");
  expect(stage, "INV-25", body_of(*telemetry->amqp<amqp::Arrived>()) == payload, "the payload is another one");
  const string id = amqp::id_text(sections->message_id);
  expect(stage, "AMQP-23", id == "m" + std::to_string(order), "the message-id is " + (id.empty() ? string{"missing"} : id));
  for (const auto& [name, wanted] : properties) {
    const auto found = sections->property(name);
    expect(stage, "INV-25", found == wanted, "the property " + name + "=" + wanted + " arrives " + (found ? "as " + string{*found} : "not at all"));
  }
  hub.settle(*telemetry, Outcome::accepted);
}

// An outcome that is none of success. What the hub has not taken is sent again or fails; it is never published.
struct Refusal {
  Outcome outcome = Outcome::released;
  const char* condition = "";
  int times = 2;
  bool paced = false;  // the hub wants pauses
};
Task<> not_accepted(Stage& stage, Refusal refusal) {
  AmqpHub hub{stage};
  (void)co_await amqp_connected(stage);
  const std::uint64_t order = submit(stage, 1);
  const string body = text_of(order);
  std::vector<Duration> pauses;
  std::optional<model::Instant> refused;
  for (int time = 0; time < refusal.times; ++time) {
    const auto came = co_await stage.wait(
        [&](const Heard& heard) {
          const auto* arrived = heard.amqp<amqp::Arrived>();
          return (heard.use == Use::telemetry && arrived != nullptr && body_of(*arrived) == body) ||
                 ((heard.is(Did::failed) || heard.is(Did::published)) && heard.said.id == order);
        },
        std::max(stage.patience() * 4, longest_wait));
    if (!came) {
      const bool answers = co_await alive(stage);
      if (!answers) co_await stage.missing("the message does not come, and the adapter does not answer");
      if (time == 0) co_await stage.missing("no telemetry came");
      stage.fail("INV-24", "a message was not accepted, and neither comes again nor fails");
      co_return;
    }
    if (came->is(Did::published)) {
      stage.fail("DLV-01", "the application is told that a message is published that the hub has not accepted");
      co_return;
    }
    if (came->is(Did::failed)) {
      stage.pass("DLV-01");
      stage.pass("INV-24");
      if (refusal.paced) co_await stage.missing("the device gives up what the hub has no room for");
      co_return;
    }
    if (refused) pauses.push_back(came->at - *refused);
    refused = came->at;
    const amqp::Error error{refusal.condition, "not now"};
    hub.settle(*came, refusal.outcome, refusal.condition[0] == '\0' ? amqp::Error{} : error);
  }
  if (refusal.paced) {
    Duration all{};
    for (const Duration pause : pauses) all += pause;
    expect(stage, "SEC-28", all >= 1s, "what the hub has no room for comes again at once, each time: after " + milliseconds_text(pauses));
  }
  stage.note("the hub accepts from now on");
  hub.manners.telemetry = true;
  co_await ends_well(stage, hub, order);
}

// ---- Credit.

Task<> without_credit(Stage& stage) {
  AmqpHub hub{stage};
  hub.manners.credit = 0;
  const LinkId link = co_await amqp_connected(stage);
  std::vector<std::uint64_t> orders;
  for (int i = 0; i < 3; ++i) orders.push_back(submit(stage, 1));
  const auto early = co_await stage.wait(
      [](const Heard& heard) { return heard.use == Use::telemetry && (heard.amqp<amqp::Arrived>() != nullptr || heard.amqp<amqp::Detached>() != nullptr); },
      stage.quiet() * 3);
  if (early) {
    stage.fail("amqp10:2.6.7-1", "telemetry comes without credit");
    co_return;
  }
  if (!hub.has(link, Use::telemetry)) co_await stage.missing("the device has asked for no link to send on");
  stage.pass("amqp10:2.6.7-1");
  hub.manners.telemetry = true;
  hub.grant(link, 10);
  const auto first = co_await next_event<amqp::Arrived>(stage, link, Use::telemetry);
  if (!first) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("no telemetry came, and the adapter does not answer");
    stage.fail("amqp10:2.6.7-2", "there is credit, and telemetry does not come");
    co_return;
  }
  stage.pass("amqp10:2.6.7-2");
  co_await ends_well(stage, hub, orders);
}

Task<> one_at_a_time(Stage& stage) {
  AmqpHub hub{stage};
  hub.manners.credit = 1;
  const LinkId link = co_await amqp_connected(stage);
  std::vector<std::uint64_t> orders;
  for (int i = 0; i < 4; ++i) orders.push_back(submit(stage, 1));
  for (std::size_t i = 0; i < orders.size(); ++i) {
    const auto telemetry = co_await next_event<amqp::Arrived>(stage, link, Use::telemetry);
    if (!telemetry) {
      const bool answers = co_await alive(stage);
      if (!answers) co_await stage.missing("no telemetry came, and the adapter does not answer");
      stage.fail("amqp10:2.6.7-2", "there is credit for one, and the next message does not come");
      co_return;
    }
    const auto second = co_await stage.wait(
        [](const Heard& heard) { return heard.use == Use::telemetry && (heard.amqp<amqp::Arrived>() != nullptr || heard.amqp<amqp::Detached>() != nullptr); },
        stage.quiet());
    if (second) {
      stage.fail("amqp10:2.6.7-1", "with credit for one a second message comes before the first is settled");
      co_return;
    }
    hub.settle(*telemetry, Outcome::accepted);
  }
  stage.pass("amqp10:2.6.7-1");
  stage.pass("amqp10:2.6.7-2");
  co_await ends_well(stage, hub, orders);
}

// ---- What comes again.

enum class End : std::uint8_t { cut, close, forced, detached, internal_error, session };

void end(Stage& stage, AmqpHub& hub, LinkId link, End how) {
  switch (how) {
    case End::cut: return stage.cut(link);
    case End::close: return stage.close(link);
    case End::forced: return hub.close(link, {"amqp:connection:forced", "the hub restarts"});
    case End::detached: return hub.detach(link, Use::telemetry, {"amqp:link:detach-forced", "the hub moves the device"});
    case End::internal_error: return hub.detach(link, Use::telemetry, {"amqp:internal-error", "the hub has lost its place"});
    case End::session: return hub.end_session(link, {"amqp:internal-error", "the hub has lost its place"});
  }
}

// Messages are on their way and have no outcome when link or connection ends, some times.
Task<> comes_again(Stage& stage, End how, int messages, int times) {
  AmqpHub hub{stage};
  LinkId link = co_await amqp_connected(stage);
  std::vector<std::uint64_t> orders;
  for (int i = 0; i < messages; ++i) orders.push_back(submit(stage, 1));
  const auto comes = [](const Heard& heard) {
    return (heard.use == Use::telemetry && heard.amqp<amqp::Arrived>() != nullptr) || heard.is(Did::failed);
  };
  for (int time = 0; time < times; ++time) {
    const auto some = co_await stage.wait(comes, std::max(stage.patience() * 4, longest_wait));
    if (!some || some->is(Did::failed)) break;  // how it ends is judged below
    co_await stage.pause(stage.quiet());
    link = some->link;
    stage.forget_packets();
    end(stage, hub, link, how);
    if (stage.device().reconnects) continue;
    (void)co_await said(stage, Did::lost);
    order_connect(stage, {});
  }
  hub.manners.telemetry = true;
  // A hub that takes everything again; what is under way when it begins to is settled here.
  while (const auto waiting = stage.take([](const Heard& heard) { return heard.use == Use::telemetry && heard.amqp<amqp::Arrived>() != nullptr; }))
    if (hub.accepted(body_of(*waiting->amqp<amqp::Arrived>()).value_or("")) == 0) hub.settle(*waiting, Outcome::accepted);
  co_await ends_well(stage, hub, orders);
}

// Many in a row, large and small, each over as many frames as it takes.
Task<> large_telemetry(Stage& stage, std::size_t size) {
  AmqpHub hub{stage};
  const LinkId link = co_await amqp_connected(stage);
  string payload;
  while (payload.size() < size) payload += static_cast<char>('a' + stage.below(26));
  const std::uint64_t order = submit(stage, payload);
  const auto telemetry = co_await next_event<amqp::Arrived>(stage, link, Use::telemetry, stage.patience() * 2);
  if (!telemetry) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("no telemetry came, and the adapter does not answer");
    stage.fail("amqp10:2.7.5-4", "a message of " + std::to_string(size) + " bytes does not come");
    co_return;
  }
  stage.pass("amqp10:2.7.5-4");
  const bool same = body_of(*telemetry->amqp<amqp::Arrived>()) == payload;
  for (const char* clause : {"amqp10:2.7.5-5", "INV-25"}) expect(stage, clause, same, "the payload of " + std::to_string(size) + " bytes is another one");
  hub.settle(*telemetry, Outcome::accepted);
  const auto told = co_await said(stage, Did::published, order);
  if (!told) co_await stage.missing("the adapter did not say \"published\" after it was accepted");
}

}  // namespace

void add_amqp_telemetry_cases(std::vector<DeviceCase>& cases) {
  const Needs needs{.hub = true, .protocol = Protocol::amqp};
  const auto add = [&](const char* name, const char* sentence, std::vector<string> clauses, Stage::Play play) {
    cases.push_back({string{"amqp/"} + name, sentence, std::move(clauses), needs, std::move(play)});
  };
  add("token/put", "a token comes to $cbs before any link is asked for",
      {"AMQP-01", "AMQP-04", "AMQP-06", "SEC-01", "SEC-02", "SEC-03", "SEC-04", "SEC-10", "DLV-01", "INV-24"}, puts_token);
  for (const int status : {401, 404, 500})
    cases.push_back({"amqp/token/refused-" + std::to_string(status), "tokens are refused for a while", {"AMQP-04", "SEC-28", "INV-24"}, needs,
                     [status](Stage& stage) { return token_refused(stage, status); }});
  add("token/unanswered", "a token gets no answer", {"INV-24"}, token_unanswered);
  cases.push_back({"amqp/token/renewed", "a token of ten seconds comes to its end", {"AMQP-10", "DLV-01", "INV-24"},
                   {.hub = true, .renews = true, .protocol = Protocol::amqp}, token_renewed});
  add("telemetry/outcome-held-back", "the hub takes its time for an outcome", {"AMQP-16", "DLV-01", "INV-24"},
      [](Stage& stage) { return outcome_held_back(stage, 1); });
  add("telemetry/outcomes-held-back", "the hub takes its time for each outcome of five", {"AMQP-16", "DLV-01", "INV-24"},
      [](Stage& stage) { return outcome_held_back(stage, 5); });
  for (const auto& [name, value] : {std::pair{"plain", "warm"}, {"odd", "a b&c=d/e?f%25+"}, {"of-letters", "\xc3\xa9t\xc3\xa9 \xe2\x82\xac"}})
    cases.push_back({string{"amqp/telemetry/properties-"} + name, "properties and payload of telemetry", {"AMQP-23", "AMQP-24", "INV-25"}, needs,
                     [its_value = string{value}](Stage& stage) { return telemetry_properties(stage, its_value); }});
  add("telemetry/rejected", "the hub rejects a message that is too large to it", {"AMQP-16", "DLV-01", "INV-24"},
      [](Stage& stage) { return not_accepted(stage, {Outcome::rejected, "amqp:link:message-size-exceeded"}); });
  add("telemetry/rejected-without-an-error", "the hub rejects a message and does not say why", {"AMQP-16", "DLV-01", "INV-24"},
      [](Stage& stage) { return not_accepted(stage, {Outcome::rejected, ""}); });
  add("telemetry/released", "the hub releases a message", {"AMQP-16", "DLV-01", "INV-24"},
      [](Stage& stage) { return not_accepted(stage, {Outcome::released, ""}); });
  add("telemetry/modified", "the hub gives a message back as one whose delivery failed", {"AMQP-16", "DLV-01", "INV-24"},
      [](Stage& stage) { return not_accepted(stage, {Outcome::modified, ""}); });
  add("telemetry/throttled", "the hub has no room for a message, three times", {"AMQP-16", "DLV-01", "INV-24", "SEC-28"},
      [](Stage& stage) { return not_accepted(stage, {Outcome::rejected, "com.microsoft:device-container-throttled", 3, true}); });
  add("telemetry/large", "a message of 200 KB, over several frames", {"amqp10:2.7.5-4", "amqp10:2.7.5-5", "INV-25"},
      [](Stage& stage) { return large_telemetry(stage, 200'000); });
  add("credit/none", "the hub gives no credit for a while", {"amqp10:2.6.7-1", "amqp10:2.6.7-2", "DLV-01", "INV-24"}, without_credit);
  add("credit/one", "the hub gives credit for one message at a time", {"amqp10:2.6.7-1", "amqp10:2.6.7-2", "DLV-01", "INV-24"}, one_at_a_time);
  struct Again {
    const char* name;
    const char* sentence;
    End how;
    int messages;
    int times;
  };
  for (const Again& each : {Again{"cut", "the connection is cut before the outcome", End::cut, 3, 1},
                            {"cut-often", "the connection is cut before the outcome, three times", End::cut, 3, 3},
                            {"closed", "the hub ends the stream before the outcome", End::close, 3, 1},
                            {"forced", "the hub closes the connection with an error", End::forced, 3, 1},
                            {"detached", "the hub detaches the link: the device is moved", End::detached, 3, 1},
                            {"internal-error", "the hub detaches the link with an error", End::internal_error, 3, 2},
                            {"session-ended", "the hub ends the session with an error", End::session, 3, 1}})
    cases.push_back({string{"amqp/again/"} + each.name, each.sentence, {"DLV-01", "INV-24"}, needs,
                     [how = each.how, messages = each.messages, times = each.times](Stage& stage) {
                       return comes_again(stage, how, messages, times);
                     }});
}

}  // namespace hubproof::conformance::devices
