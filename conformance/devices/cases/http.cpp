// Over HTTP: telemetry and what answers it, commands and their settling, and connections that end in between.
#include <algorithm>

#include "conformance/devices/cases.hpp"
#include "conformance/devices/http_script.hpp"
#include "model/http/target.hpp"

namespace hubproof::conformance::devices {
namespace {

using namespace script;
using namespace std::chrono_literals;
using model::Duration;
using Did = Said::Did;
using What = Asked::What;
using std::string;

Duration long_wait(Stage& stage) { return std::max(stage.patience() * 4, longest_wait); }

// ---- Telemetry.

Task<> telemetry_request(Stage& stage) {
  HttpHub hub{stage};
  co_await http_begun(stage);
  const std::uint64_t order = submit(stage, 1);
  const auto came = co_await request_for(stage, What::telemetry, stage.patience());
  if (!came) co_await stage.missing("no telemetry came");
  stage.pass("HTTP-02");
  expect(stage, "INV-25", model::text(came->asked.body) == text_of(order), "the body is not the payload");
  judge_token(stage, string{came->asked.field("authorization").value_or("")}, "devices/" + client_id(stage));
  hub.answer(*came, {});
  co_await ends_well(stage, hub, order);
}

// The answer is held back: the application hears of it when it is there.
Task<> answer_held_back(Stage& stage, int messages) {
  HttpHub hub{stage};
  co_await http_begun(stage);
  std::vector<std::uint64_t> orders;
  for (int i = 0; i < messages; ++i) orders.push_back(submit(stage, 1));
  for (int i = 0; i < messages; ++i) {
    const auto came = co_await request_for(stage, What::telemetry, stage.patience());
    if (!came) co_await stage.missing("no telemetry came");
    co_await stage.pause(stage.quiet());
    const auto early = stage.take([](const Heard& heard) { return heard.is(Did::published); });
    if (early) {
      stage.fail("DLV-07", "the application is told that a message is published before it was answered");
      co_return;
    }
    hub.answer(*came, {});
    const auto told = co_await said(stage, Did::published);
    if (!told) {
      const bool answers = co_await alive(stage);
      if (!answers) co_await stage.missing("the adapter did not say \"published\", and does not answer");
      stage.fail("INV-24", "a message was answered with 204, and the application is not told");
      co_return;
    }
  }
  const auto again = co_await request_for(stage, What::telemetry, stage.quiet());
  expect(stage, "DLV-07", !again, "a message that was answered with 204 goes out again");
  stage.pass("DLV-01");
  stage.pass("INV-24");
}

// A status of 300 and above, some times: the message comes again, or fails; it is never published [DLV-07, ERR-36]. What is refused
// for now comes again with pauses [SEC-28].
Task<> refused_with(Stage& stage, unsigned status, int times, bool paced) {
  HttpHub hub{stage};
  co_await http_begun(stage);
  const std::uint64_t order = submit(stage, 1);
  const string body = text_of(order);
  std::vector<Duration> pauses;
  std::optional<model::Instant> refused;
  bool failed = false;
  for (int time = 0; time < times; ++time) {
    const auto came = co_await stage.wait(
        [&](const Heard& heard) {
          return (heard.kind == Heard::Kind::request && heard.asked.what == What::telemetry && model::text(heard.asked.body) == body) ||
                 ((heard.is(Did::failed) || heard.is(Did::published)) && heard.said.id == order);
        },
        long_wait(stage));
    if (!came) {
      const bool answers = co_await alive(stage);
      if (!answers) co_await stage.missing("the message does not come, and the adapter does not answer");
      if (time == 0) co_await stage.missing("no telemetry came");
      stage.fail("INV-24", "a message was answered with " + std::to_string(status) + ", and neither comes again nor fails");
      co_return;
    }
    if (came->is(Did::published)) {
      for (const char* clause : {"DLV-07", "HTTP-21"})
        stage.fail(clause, "the application is told that a message is published that was answered with " + std::to_string(status));
      co_return;
    }
    failed = came->is(Did::failed);
    if (failed) break;
    if (refused) pauses.push_back(came->at - *refused);
    refused = came->at;
    hub.answer(*came, {.status = status, .fields = {{"Content-Type", "application/json"}}, .body = "{\"Message\":\"ErrorCode:Refused;not now\"}"});
  }
  Duration all{};
  for (const Duration pause : pauses) all += pause;
  if (paced && pauses.size() >= 8)
    judge_pauses(stage, pauses);
  else if (paced)
    expect(stage, "SEC-28", static_cast<int>(pauses.size()) + 1 < times || all >= 1s,
           "what is answered with " + std::to_string(status) + " comes again at once, each time: after " + milliseconds_text(pauses));
  for (const char* clause : {"DLV-07", "HTTP-21"}) stage.pass(clause);
  stage.note("the hub takes telemetry from now on");
  hub.manners.telemetry = true;
  const std::uint64_t next_one = failed ? submit(stage, 1) : order;
  co_await ends_well(stage, hub, next_one);
}

Task<> telemetry_properties(Stage& stage, string value) {
  HttpHub hub{stage};
  co_await http_begun(stage);
  const std::vector<std::pair<string, string>> properties{{"odd", value}, {"plain", "warm"}};
  const string payload = "payload of " + stage.name();
  const std::uint64_t order = submit(stage, payload, properties);
  const auto came = co_await request_for(stage, What::telemetry, stage.patience());
  if (!came) co_await stage.missing("no telemetry came");
  expect(stage, "INV-25", model::text(came->asked.body) == payload, "the body is not the payload");
  const auto id = came->asked.field("iothub-messageid");
  expect(stage, "HTTP-04", id == "m" + std::to_string(order), "IoTHub-MessageId is " + (id ? string{*id} : "missing"));
  for (const auto& [name, wanted] : properties) {
    const auto found = came->asked.field("iothub-app-" + name);
    for (const char* clause : {"HTTP-03", "INV-25"})
      expect(stage, clause, found == wanted, "the property " + name + "=" + wanted + " goes out " + (found ? "as " + string{*found} : "not at all"));
  }
  hub.answer(*came, {});
}

Task<> large_telemetry(Stage& stage, std::size_t size) {
  HttpHub hub{stage};
  co_await http_begun(stage);
  string payload;
  while (payload.size() < size) payload += static_cast<char>('a' + stage.below(26));
  const std::uint64_t order = submit(stage, payload);
  const auto came = co_await request_for(stage, What::telemetry, stage.patience() * 2);
  if (!came) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("no telemetry came, and the adapter does not answer");
    stage.fail("HTTP-02", "a message of " + std::to_string(size) + " bytes does not come");
    co_return;
  }
  stage.pass("HTTP-02");
  expect(stage, "INV-25", model::text(came->asked.body) == payload, "the payload of " + std::to_string(size) + " bytes is another one");
  hub.answer(*came, {});
  const auto told = co_await said(stage, Did::published, order);
  if (!told) co_await stage.missing("the adapter did not say \"published\" after 204");
}

// ---- What comes again.

enum class End : std::uint8_t { cut, close, half_answer };

// The connection ends behind a request and before its answer, some times.
Task<> comes_again(Stage& stage, End how, int messages, int times) {
  HttpHub hub{stage};
  co_await http_begun(stage);
  std::vector<std::uint64_t> orders;
  for (int i = 0; i < messages; ++i) orders.push_back(submit(stage, 1));
  // A device may ask on several connections at once, and several times on each: what is on the others is answered later.
  for (int time = 0; time < times;) {
    const auto came = co_await request_for(stage, What::telemetry, long_wait(stage));
    if (!came) break;  // how it ends is judged below
    if (!stage.open(came->link)) continue;
    ++time;
    if (how == End::half_answer) {
      const std::string_view half = "HTTP/1.1 204 No Content\r\nServer: hub";
      stage.send_bare(came->link, {half.begin(), half.end()}, "the half of an answer");
      stage.close(came->link);
    } else if (how == End::close) {
      stage.close(came->link);
    } else {
      stage.cut(came->link);
    }
  }
  hub.manners.telemetry = true;
  while (const auto waiting = stage.take([](const Heard& heard) { return heard.kind == Heard::Kind::request && heard.asked.what == What::telemetry; }))
    hub.answer(*waiting, {});
  co_await ends_well(stage, hub, orders);
}

// A request that gets no answer, for as long as the device bears it.
Task<> unanswered(Stage& stage) {
  HttpHub hub{stage};
  co_await http_begun(stage);
  const std::uint64_t order = submit(stage, 1);
  const auto came = co_await request_for(stage, What::telemetry, stage.patience());
  if (!came) co_await stage.missing("no telemetry came");
  stage.note("hub: does not answer");
  constexpr Duration longest = 150s;
  const auto over = co_await stage.wait(
      [&, link = came->link](const Heard& heard) {
        return (heard.kind == Heard::Kind::ended && heard.link == link) || (heard.is(Did::failed) && heard.said.id == order) ||
               (heard.kind == Heard::Kind::request && heard.asked.what == What::telemetry);
      },
      longest);
  if (!over) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("the device waits, and its adapter does not answer");
    stage.fail("INV-24", "a request has had no answer for " + milliseconds_text(longest) + ", and the device still waits");
    co_return;
  }
  hub.manners.telemetry = true;
  if (over->kind == Heard::Kind::request) hub.answer(*over, {});
  if (over->is(Did::failed)) {
    stage.pass("INV-24");
    stage.pass("DLV-01");
    co_return;
  }
  co_await ends_well(stage, hub, order);
}

// ---- Streams.

struct Manner {  // of answers
  std::size_t of_write = 0;
  bool last = false;
  bool chunked = false;
  bool waits = false;
};
// Telemetry and a command, answered in this manner.
Task<> answered_so(Stage& stage, Manner manner) {
  HttpHub hub{stage};
  hub.manners.receives = false;
  hub.manners.settles = false;
  hub.manners.bytes_of_write = manner.of_write;
  co_await http_begun(stage);
  std::vector<std::uint64_t> open;
  for (int i = 0; i < 2; ++i) open.push_back(submit(stage, 1));
  const Command command{"c1", "a command of " + stage.name()};
  bool handed_over = false, was_shown = false, was_settled = false;
  const model::Instant until = stage.now() + long_wait(stage);
  while ((!open.empty() || !was_shown || !was_settled) && stage.now() < until) {
    const auto heard = co_await stage.wait(
        [](const Heard& one) { return one.kind == Heard::Kind::request || one.is(Did::published) || one.is(Did::received) || one.is(Did::failed); },
        until - stage.now());
    if (!heard) break;
    if (heard->is(Did::published) || heard->is(Did::failed)) {
      if (heard->is(Did::failed)) stage.fail("HTTP-21", "a message fails whose request was answered with 204: " + heard->said.why);
      std::erase(open, heard->said.id);
    }
    if (heard->is(Did::received)) {
      expect(stage, "INV-25", model::text(heard->said.payload) == command.payload, "the payload of a command is another one");
      was_shown = true;
    }
    if (heard->kind != Heard::Kind::request) continue;
    HttpHub::Answer answer;
    if (heard->asked.what == What::receive && !std::exchange(handed_over, true)) answer = answer_with(command, "lock-1");
    was_settled = was_settled || heard->asked.what == What::complete;
    answer.last = manner.last;
    answer.chunked = manner.chunked && answer.status == 200;
    answer.waits = manner.waits;
    hub.answer(*heard, answer);
  }
  const bool answers = co_await alive(stage);
  if (!answers) co_await stage.missing("the adapter does not answer");
  expect(stage, "INV-24", open.empty(), std::to_string(open.size()) + " messages were neither published nor failed");
  expect(stage, "HTTP-09", was_shown, "a command was not shown to the application");
  expect(stage, "C2D-33", was_settled, "a command was not completed");
  stage.pass("HTTP-21");
}

// A connection that was kept for the next request is closed before that comes.
Task<> closed_in_between(Stage& stage, int times) {
  HttpHub hub{stage};
  hub.manners.telemetry = true;
  Wish wish;
  wish.poll = 600;  // seconds: only telemetry comes
  co_await http_begun(stage, wish);
  for (int time = 0; time < times; ++time) {
    const std::uint64_t order = submit(stage, 1);
    const auto came = co_await request_for(stage, What::telemetry, long_wait(stage));
    co_await ends_well(stage, hub, order);
    if (stage.tally().failed() || !came) co_return;
    co_await stage.pause(stage.quiet());
    stage.close(came->link);
    co_await stage.pause(stage.quiet());
  }
}

// ---- Commands.

What what_of(SettleWish wish) {
  return wish == SettleWish::complete ? What::complete : wish == SettleWish::reject ? What::reject : What::abandon;
}

// Hands a command over and sees it through: it is shown, and settled as the application wants, by this lock token.
Task<bool> sees_through(Stage& stage, HttpHub& hub, const Command& command, const string& lock, SettleWish wish, unsigned status) {
  hub.manners.receives = hub.manners.settles = false;
  const auto asked = co_await request_for(stage, What::receive, long_wait(stage));
  if (!asked) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("the device does not look for commands, and its adapter does not answer");
    stage.fail("HTTP-09", "the device does not look for commands");
    co_return false;
  }
  stage.pass("HTTP-09");
  hub.answer(*asked, answer_with(command, lock));
  hub.manners.receives = true;
  const auto received = co_await shown(stage, command.payload, stage.patience());
  if (!received) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("the command was not shown, and the adapter does not answer");
    stage.fail("DLV-01", "the command " + command.id + " was not shown to the application");
    co_return false;
  }
  stage.pass("DLV-01");
  const auto settled = co_await settling(stage, stage.patience());
  if (!settled) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("the command was not settled, and the adapter does not answer");
    stage.fail("C2D-33", "the device says nothing of the command " + command.id);
    co_return false;
  }
  hub.answer(*settled, {.status = status});
  constexpr const char* clauses[] = {"HTTP-13", "HTTP-14", "HTTP-15"};
  const bool meant = settled->asked.what == what_of(wish);
  for (const char* clause : {clauses[static_cast<std::size_t>(wish)], "C2D-33"})
    expect(stage, clause, meant, "the device says " + settled->asked.method + " " + settled->asked.target + " of the command " + command.id);
  expect(stage, "HTTP-11", settled->asked.lock == lock, "the device settles with the token " + settled->asked.lock + ", and it was given " + lock);
  const auto match = settled->asked.field("if-match");
  expect(stage, "HTTP-16", !match || *match == lock || *match == "\"" + lock + "\"", "If-Match is " + string{match.value_or("")});
  co_return meant && settled->asked.lock == lock;
}

string lock_of(Stage& stage, int number) { return std::to_string(1'000'000 + stage.below(1'000'000)) + "-" + std::to_string(number); }

Task<> settles(Stage& stage, SettleWish wish) {
  HttpHub hub{stage};
  Wish begin;
  begin.settle = wish;
  co_await http_begun(stage, begin);
  for (int i = 0; i < 3; ++i) {
    const Command command{"c" + std::to_string(i), "command " + std::to_string(i) + " of " + stage.name()};
    const string lock = lock_of(stage, i);
    const bool went_well = co_await sees_through(stage, hub, command, lock, wish, 204);
    if (!went_well) co_return;
    const auto again = co_await settling(stage, stage.quiet());
    if (again) {
      stage.fail("C2D-33", "the device settles a command twice");
      co_return;
    }
  }
}

// A settling that fails for a lock that is lost: the command comes again under another token, and that one settles it.
Task<> lock_lost(Stage& stage) {
  HttpHub hub{stage};
  co_await http_begun(stage);
  const Command command{"c1", "command of " + stage.name()};
  for (const unsigned status : {412u, 204u}) {
    const string lock = lock_of(stage, static_cast<int>(status));
    const bool went_well = co_await sees_through(stage, hub, command, lock, SettleWish::complete, status);
    if (!went_well) co_return;
  }
  stage.pass("HTTP-21");
  hub.manners.telemetry = true;
  const std::uint64_t order = submit(stage, 1);
  co_await ends_well(stage, hub, order);
}

Task<> command_properties(Stage& stage) {
  HttpHub hub{stage};
  co_await http_begun(stage);
  const Command command{"a-c_1.7", "bytes of a command", {{"plain", "warm"}, {"odd", "a b&c=d/e?f%25+"}, {"dotted.name", "x"}}};
  hub.manners.receives = false;
  const auto asked = co_await request_for(stage, What::receive, long_wait(stage));
  if (!asked) co_await stage.missing("the device does not look for commands");
  hub.answer(*asked, answer_with(command, lock_of(stage, 0)));
  hub.manners.receives = true;
  const auto received = co_await said(stage, Did::received);
  if (!received) {
    const bool answers = co_await alive(stage);
    if (!answers) co_await stage.missing("the command was not shown, and the adapter does not answer");
    stage.fail("INV-25", "a command with properties was not shown to the application");
    co_return;
  }
  if (!judge_shown(stage, received->said, command)) co_await stage.missing("the adapter does not tell the properties of a command");
}

// A look for a command that gets no answer, as its connection is cut: the device looks again.
Task<> look_cut(Stage& stage, int times) {
  HttpHub hub{stage};
  hub.manners.receives = false;
  co_await http_begun(stage);
  for (int time = 0; time < times;) {
    const auto asked = co_await request_for(stage, What::receive, long_wait(stage));
    if (!asked) break;
    if (stage.open(asked->link)) ++time;
    stage.cut(asked->link);
  }
  const Command command{"c1", "command of " + stage.name()};
  const string lock = lock_of(stage, 0);
  (void)co_await sees_through(stage, hub, command, lock, SettleWish::complete, 204);
}

// ---- How often.

// Looks for commands, all answered with `status`: no more often than the device was told.
Task<> looks(Stage& stage, unsigned status) {
  HttpHub hub{stage};
  hub.manners.receives = false;
  constexpr Duration poll = 2s;
  Wish wish;
  wish.poll = 2;
  co_await http_begun(stage, wish);
  constexpr int rounds = 5;
  std::vector<Duration> pauses;
  std::optional<model::Instant> last;
  for (int round = 0; round < rounds; ++round) {
    const auto asked = co_await request_for(stage, What::receive, long_wait(stage));
    if (!asked) {
      const bool answers = co_await alive(stage);
      if (!answers) co_await stage.missing("the device does not look for commands, and its adapter does not answer");
      stage.fail("HTTP-09", "the device does not look for commands any more");
      co_return;
    }
    if (last) pauses.push_back(asked->at - *last);
    last = asked->at;
    hub.answer(*asked, {.status = status});
  }
  stage.pass("HTTP-09");
  const Duration shortest = *std::ranges::min_element(pauses);
  // A device may take its pauses after a failure from elsewhere than its rhythm.
  const Duration least = status < 300 ? poll * 3 / 4 : poll / 4;
  const char* const clause = status < 300 ? "HTTP-18" : "SEC-28";
  expect(stage, clause, shortest >= least, "a device that is to look every " + milliseconds_text(poll) + " looks after " + milliseconds_text(pauses));
}

// A token of ten seconds: a request behind its end shows a later one.
Task<> token_renewed(Stage& stage) {
  HttpHub hub{stage};
  hub.manners.telemetry = true;
  constexpr std::uint32_t life = 10;  // seconds
  Wish wish;
  wish.token_life = life;
  co_await http_begun(stage, wish);
  const model::Instant begun = stage.now();
  std::uint64_t first = 0;
  for (const bool later : {false, true}) {
    if (later) {
      co_await stage.pause(begun + std::chrono::seconds{life} + 1s - stage.now());
      stage.forget_packets();
    }
    const std::uint64_t order = submit(stage, 1);
    const auto came = co_await request_for(stage, What::telemetry, long_wait(stage));
    if (!came) co_await stage.missing("no telemetry came");
    const std::uint64_t end = end_of_token(came->asked.field("authorization").value_or(""));
    if (later)
      expect(stage, "HTTP-01", end > first, "a request after " + std::to_string(life) + " s shows a token that ends at " + std::to_string(end) +
                                                ", and so did the first, of a device whose tokens last that long");
    first = end;
    co_await ends_well(stage, hub, order);
  }
}

}  // namespace

void add_http_cases(std::vector<DeviceCase>& cases) {
  const Needs needs{.hub = true, .protocol = Protocol::http};
  const auto add = [&](const string& name, const char* sentence, std::vector<string> clauses, Stage::Play play) {
    cases.push_back({"http/" + name, sentence, std::move(clauses), needs, std::move(play)});
  };
  add("telemetry/request", "where a message goes, and what it shows", {"HTTP-01", "HTTP-02", "SEC-01", "SEC-02", "SEC-03", "SEC-04", "SEC-10", "INV-25", "DLV-01", "INV-24"},
      telemetry_request);
  add("telemetry/answer-held-back", "the hub takes its time for an answer", {"DLV-07", "DLV-01", "INV-24"}, [](Stage& stage) { return answer_held_back(stage, 1); });
  add("telemetry/answers-held-back", "the hub takes its time for each answer of five", {"DLV-07", "DLV-01", "INV-24"},
      [](Stage& stage) { return answer_held_back(stage, 5); });
  for (const unsigned status : {400u, 401u, 403u, 404u, 413u})
    add("telemetry/answered-" + std::to_string(status), "a message is refused twice", {"DLV-07", "HTTP-21", "DLV-01", "INV-24"},
        [status](Stage& stage) { return refused_with(stage, status, 2, false); });
  // The vendor's SDK waits ten seconds and more for a hub that throttles.
  for (const auto& [status, times] : {std::pair{429u, 3}, {500u, 9}, {503u, 9}})
    add("telemetry/answered-" + std::to_string(status), "a message is refused for now, several times", {"DLV-07", "HTTP-21", "SEC-28", "DLV-01", "INV-24"},
        [its_status = status, its_times = times](Stage& stage) { return refused_with(stage, its_status, its_times, true); });
  for (const auto& [name, value] : {std::pair{"plain", "warm"}, {"odd", "a b&c=d/e?f%25+"}})
    add(string{"telemetry/properties-"} + name, "properties and payload of telemetry", {"HTTP-03", "HTTP-04", "INV-25"},
        [its_value = string{value}](Stage& stage) { return telemetry_properties(stage, its_value); });
  add("telemetry/large", "a message of 200 KB", {"HTTP-02", "INV-25"}, [](Stage& stage) { return large_telemetry(stage, 200'000); });
  add("again/cut", "the connection is cut before the answer", {"DLV-01", "INV-24"}, [](Stage& stage) { return comes_again(stage, End::cut, 3, 1); });
  add("again/cut-often", "the connection is cut before the answer, three times", {"DLV-01", "INV-24"}, [](Stage& stage) { return comes_again(stage, End::cut, 3, 3); });
  add("again/closed", "the hub ends the connection before the answer", {"DLV-01", "INV-24"}, [](Stage& stage) { return comes_again(stage, End::close, 2, 1); });
  add("again/half-answer", "the connection ends in the middle of the answer", {"DLV-01", "INV-24"}, [](Stage& stage) { return comes_again(stage, End::half_answer, 2, 1); });
  add("again/unanswered", "a request gets no answer", {"DLV-01", "INV-24"}, unanswered);
  const std::vector<string> stream{"HTTP-09", "HTTP-21", "C2D-33", "INV-24", "INV-25"};
  add("stream/in-pieces", "answers come a few bytes at a time", stream, [](Stage& stage) { return answered_so(stage, {.of_write = 7}); });
  add("stream/one-answer-each", "the hub ends the connection with each answer", stream, [](Stage& stage) { return answered_so(stage, {.last = true}); });
  add("stream/chunked", "a command comes in chunks", stream, [](Stage& stage) { return answered_so(stage, {.chunked = true}); });
  add("stream/continue", "a 100 goes before each answer", stream, [](Stage& stage) { return answered_so(stage, {.waits = true}); });
  add("stream/closed-in-between", "a connection that was kept is closed before the next request", {"DLV-01", "INV-24"}, [](Stage& stage) { return closed_in_between(stage, 4); });
  for (const auto& [wish, name, sentence, clause] :
       {std::tuple{SettleWish::complete, "complete", "commands that the application completes", "HTTP-13"},
        {SettleWish::reject, "reject", "commands that the application rejects", "HTTP-14"},
        {SettleWish::abandon, "abandon", "commands that the application abandons", "HTTP-15"}})
    add(string{"commands/"} + name, sentence, {clause, "C2D-33", "HTTP-09", "HTTP-11", "HTTP-16", "DLV-01"},
        [its_wish = wish](Stage& stage) { return settles(stage, its_wish); });
  add("commands/lock-lost", "the lock of a command is lost when it is completed", {"HTTP-11", "HTTP-16", "HTTP-21", "C2D-33", "DLV-01", "INV-24"}, lock_lost);
  add("commands/properties", "a command with properties", {"INV-25", "MSG-01"}, command_properties);
  add("commands/look-cut", "the connection is cut when the device has looked for a command", {"HTTP-09", "HTTP-11", "C2D-33", "DLV-01"},
      [](Stage& stage) { return look_cut(stage, 2); });
  add("looks/nothing-there", "a device looks for commands, and there are none", {"HTTP-09", "HTTP-18"}, [](Stage& stage) { return looks(stage, 204); });
  add("looks/throttled", "a device looks for commands too often for the hub", {"HTTP-09", "SEC-28"}, [](Stage& stage) { return looks(stage, 429); });
  cases.push_back({"http/token/renewed", "a token of ten seconds comes to its end", {"HTTP-01", "DLV-01", "INV-24"},
                   {.hub = true, .renews = true, .protocol = Protocol::http}, token_renewed});
}

}  // namespace hubproof::conformance::devices
