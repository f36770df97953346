// CONNECT as it was asked for: the client's fields, flags and will, and DISCONNECT at the end.
#include "conformance/devices/cases.hpp"
#include "conformance/devices/script.hpp"

namespace hubproof::conformance::devices {
namespace {

using namespace script;
using Did = Said::Did;
using std::string;

// CONNECT has the fields that the application gave, each in its place.
void compare(Stage& stage, const Connect& packet, const Wish& wish) {
  const auto same = [&](const char* clause, bool equal, const char* what) {
    if (equal)
      stage.pass(clause);
    else
      stage.fail(clause, string{what} + " is not what the application gave");
  };
  same("mqtt311:3.1.3-1", packet.client_id == wish.client_id.value_or(client_id(stage)),
       "the client id in CONNECT");
  if (!stage.device().hub) {
    same(wish.username ? "mqtt311:3.1.2-19" : "mqtt311:3.1.2-18",
         packet.user_name.has_value() == wish.username.has_value() &&
             packet.user_name.value_or("") == wish.username.value_or(""),
         "the user name in CONNECT");
    same(wish.password ? "mqtt311:3.1.2-21" : "mqtt311:3.1.2-20",
         packet.password.has_value() == wish.password.has_value() &&
             (!wish.password || model::text(*packet.password) == *wish.password),
         "the password in CONNECT");
    bool will = packet.will.has_value() == wish.will.has_value();
    if (will && wish.will)
      will = packet.will->topic == wish.will->topic && packet.will->qos == wish.will->qos &&
             packet.will->retain == wish.will->retain &&
             model::text(packet.will->message) == model::text(wish.will->payload);
    same(wish.will ? "mqtt311:3.1.2-9" : "mqtt311:3.1.2-11", will, "the will in CONNECT");
  }
  if (!wish.clean || wish.client_id != "")
    same(wish.clean ? "mqtt311:3.1.2-6" : "mqtt311:3.1.2-4", packet.clean_session == wish.clean,
         "Clean Session in CONNECT");
}

Task<> connects(Stage& stage, Wish wish) {
  order_connect(stage, wish);
  const Heard heard = co_await hello_of(stage);
  compare(stage, *heard.is<Connect>(), wish);
  stage.send(heard.link, Connack{false, 0});
  const auto told = co_await said(stage, Did::connected);
  if (!told) co_await stage.missing("the adapter did not say \"connected\" after CONNACK 0");
  stage.tell(DisconnectOrder{});
  const auto goodbye = co_await next<Disconnect>(stage, heard.link);
  if (!goodbye) co_return;
  const bool closed = co_await closes(stage, heard.link);
  if (closed) stage.pass("mqtt311:3.14.4-1");
}

Task<> plain(Stage& stage) {
  Wish wish;
  wish.keep_alive = static_cast<std::uint16_t>(10 + stage.below(600));
  co_await connects(stage, std::move(wish));
}

Task<> session_kept(Stage& stage) {
  Wish wish;
  wish.clean = false;
  co_await connects(stage, std::move(wish));
}

Task<> credentials(Stage& stage) {
  Wish wish;
  wish.username = "user" + std::to_string(stage.below(1000));
  wish.password = "pass" + std::to_string(stage.below(1000));
  co_await connects(stage, std::move(wish));
}

Task<> user_only(Stage& stage) {
  Wish wish;
  wish.username = "user" + std::to_string(stage.below(1000));
  co_await connects(stage, std::move(wish));
}

Task<> empty_password(Stage& stage) {
  Wish wish;
  wish.username = "u";
  wish.password = "";
  co_await connects(stage, std::move(wish));
}

Task<> empty_user(Stage& stage) {
  Wish wish;
  wish.username = "";
  wish.password = "secret";
  co_await connects(stage, std::move(wish));
}

// The application gives a password and no user name: the client refuses, or sends neither.
Task<> password_alone(Stage& stage) {
  Wish wish;
  wish.password = "secret";
  order_connect(stage, wish);
  const auto first = co_await stage.wait(
      [](const Heard& heard) {
        return heard.is<Connect>() != nullptr || heard.kind == Heard::Kind::malformed ||
               heard.is(Did::failed) || heard.is(Did::lost);
      },
      stage.patience());
  if (!first) co_await stage.missing("the device neither connected nor told that it will not");
  if (first->is(Did::failed) || first->is(Did::lost))
    stage.pass("mqtt311:3.1.2-22");  // the Watch judges what came otherwise
}

Task<> with_will(Stage& stage, std::uint8_t qos) {
  WillWish will;
  will.topic = "hubproof/will/" + std::to_string(stage.below(1000));
  const string text = "gone " + std::to_string(stage.below(1000));
  will.payload.assign(text.begin(), text.end());
  will.qos = qos;
  will.retain = stage.below(2) == 1;
  Wish wish;
  wish.will = will;
  if (qos == 1) wish.username = "user", wish.password = "pass";
  co_await connects(stage, std::move(wish));
}

// Characters of two, three and four bytes in every text of CONNECT.
Task<> foreign_letters(Stage& stage, string letters) {
  Wish wish;
  if (!stage.device().hub) wish.client_id = "id-" + letters;
  wish.username = letters + "-user";
  if (stage.device().will) {
    wish.will.emplace();
    wish.will->topic = "hubproof/" + letters;
    wish.will->payload = {'x'};
  }
  co_await connects(stage, std::move(wish));
}

// [mqtt311:3.1.3-7]: who has no id cannot ask for its session to be kept.
Task<> empty_id(Stage& stage, bool clean) {
  Wish wish;
  wish.client_id = "";
  wish.clean = clean;
  order_connect(stage, wish);
  const auto first = co_await stage.wait(
      [](const Heard& heard) { return heard.is<Connect>() != nullptr || heard.is(Did::failed); },
      stage.patience());
  if (!first) co_await stage.missing("the device neither connected nor told that it will not");
  if (first->is(Did::failed)) {
    if (clean) {
      const std::string why = "the device does not connect without an id: " + first->said.why;
      co_await stage.missing(why.c_str());
    }
    stage.pass("mqtt311:3.1.3-7");
    co_return;
  }
  if (!first->is<Connect>()->client_id.empty()) stage.pass("mqtt311:3.1.3-7");  // it made one up
}

Task<> empty_id_with_orders(Stage& stage) {
  Wish wish;
  wish.client_id = "";
  const LinkId link = co_await connected(stage, std::move(wish));
  const std::uint64_t order = submit(stage, 0);
  const auto publish = co_await publish_of(stage, link, order);
  if (!publish) co_await stage.missing("no PUBLISH came");
}

// After DISCONNECT the server waits: the client is to close, and to say nothing more.
Task<> goodbye(Stage& stage, int before) {
  const LinkId link = co_await connected(stage);
  stage.manners.publishes = before != 2;
  for (int i = 0; i < before * 3; ++i)
    (void)submit(stage, before == 1 && !stage.device().hub ? 0 : 1);
  if (before == 1) {
    const auto some = co_await next<Publish>(stage, link);
    if (!some) co_await stage.missing("no PUBLISH came");
  }
  stage.tell(DisconnectOrder{});
  const auto farewell = co_await next<Disconnect>(stage, link);
  if (!farewell) {
    const auto ended = stage.take([link](const Heard& heard) {
      return heard.kind == Heard::Kind::ended && heard.link == link;
    });
    {
      const std::string why =
          ended ? "the device closed without DISCONNECT, as it may" : "no DISCONNECT came";
      co_await stage.missing(why.c_str());
    }
  }
  const bool closed = co_await closes(stage, link);
  if (closed) {
    stage.pass("mqtt311:3.14.4-1");
  } else {
    const bool answers = co_await alive(stage);
    if (answers)
      stage.fail("mqtt311:3.14.4-1", "the device said DISCONNECT and keeps the connection open");
    else
      co_await stage.missing("the device said DISCONNECT, and its adapter does not answer");
  }
}

}  // namespace

void add_connect_cases(std::vector<DeviceCase>& cases) {
  const std::vector<string> every{"mqtt311:3.1.0-1", "mqtt311:3.1.3-1", "mqtt311:3.1.3-3",
                                  "mqtt311:3.1.3-4", "mqtt311:7.1.2-1", "mqtt311:2.2.2-1",
                                  "mqtt311:1.5.3-1", "mqtt311:1.5.3-2"};
  const auto with = [&](std::vector<string> more) {
    more.insert(more.begin(), every.begin(), every.end());
    return more;
  };
  cases.push_back(
      {"connect/plain",
       "a clean session, with a keep-alive that the seed draws",
       with({"mqtt311:3.1.2-11", "mqtt311:3.1.2-13", "mqtt311:3.1.2-15", "mqtt311:3.1.2-6"}),
       {.clean = true},
       plain});
  cases.push_back(
      {"connect/session-kept",
       "Clean Session 0",
       with({"mqtt311:3.1.2-11", "mqtt311:3.1.2-13", "mqtt311:3.1.2-15", "mqtt311:3.1.2-4"}),
       {.persistent = true},
       session_kept});
  cases.push_back({"connect/no-credentials",
                   "neither user name nor password",
                   {"mqtt311:3.1.2-18", "mqtt311:3.1.2-20", "mqtt311:3.1.2-22", "mqtt311:3.1.2-11",
                    "mqtt311:3.1.2-13", "mqtt311:3.1.2-15"},
                   {.topics = true},
                   plain});
  cases.push_back({"connect/credentials",
                   "user name and password",
                   with({"mqtt311:3.1.2-19", "mqtt311:3.1.2-21", "mqtt311:3.1.3-11"}),
                   {.topics = true},
                   credentials});
  cases.push_back({"connect/user-only",
                   "a user name and no password",
                   {"mqtt311:3.1.2-19", "mqtt311:3.1.2-20", "mqtt311:3.1.3-11", "mqtt311:3.1.2-11"},
                   {.topics = true},
                   user_only});
  cases.push_back({"connect/empty-password",
                   "a password of no bytes is one",
                   {"mqtt311:3.1.2-21"},
                   {.topics = true},
                   empty_password});
  cases.push_back({"connect/empty-user",
                   "a user name of no bytes is one",
                   {"mqtt311:3.1.2-19", "mqtt311:3.1.2-21"},
                   {.topics = true},
                   empty_user});
  cases.push_back({"connect/password-alone",
                   "the application gives a password without a user name",
                   {"mqtt311:3.1.2-22"},
                   {.topics = true},
                   password_alone});
  for (const std::uint8_t qos : std::initializer_list<std::uint8_t>{0, 1, 2}) {
    std::vector<string> clauses{"mqtt311:3.1.2-9", "mqtt311:3.1.2-14", "mqtt311:3.1.3-10",
                                "mqtt311:3.1.3-1"};
    if (qos != 1)
      clauses.insert(clauses.end(), {"mqtt311:3.1.2-18", "mqtt311:3.1.2-20", "mqtt311:3.1.2-22"});
    cases.push_back({"connect/will-" + std::to_string(qos),
                     "a will with QoS " + std::to_string(qos),
                     clauses,
                     {.topics = true, .will = true},
                     [qos](Stage& stage) { return with_will(stage, qos); }});
  }
  for (const auto& [name, letters] : {std::pair{"two-bytes", "\xc3\xa9"},
                                      {"three-bytes", "\xe2\x82\xac"},
                                      {"four-bytes", "\xf0\x9f\x94\x91"}})
    cases.push_back({string{"connect/"} + name,
                     "characters beyond ASCII in id, user name and will",
                     {"mqtt311:1.5.3-1", "mqtt311:3.1.3-4", "mqtt311:3.1.3-11"},
                     {.topics = true},
                     [its_letters = string{letters}](Stage& stage) {
                       return foreign_letters(stage, its_letters);
                     }});
  cases.push_back({"connect/empty-id",
                   "no client id, Clean Session 1",
                   {"mqtt311:3.1.3-7", "mqtt311:3.1.3-3"},
                   {.topics = true},
                   [](Stage& stage) { return empty_id(stage, true); }});
  cases.push_back({"connect/empty-id-kept",
                   "the application asks for no client id and a session that is kept",
                   {"mqtt311:3.1.3-7"},
                   {.topics = true, .persistent = true},
                   [](Stage& stage) { return empty_id(stage, false); }});
  cases.push_back({"connect/empty-id-publishes",
                   "no client id, and a message",
                   {"mqtt311:3.1.3-7"},
                   {.topics = true},
                   empty_id_with_orders});
  for (const auto& [before, name] :
       {std::pair{0, "idle"}, {1, "after-messages"}, {2, "with-messages-open"}})
    cases.push_back({string{"disconnect/"} + name,
                     "the server waits for the client to close after DISCONNECT",
                     {"mqtt311:3.14.4-1", "mqtt311:3.14.4-2"},
                     {.qos = 1},
                     [its_before = before](Stage& stage) { return goodbye(stage, its_before); }});
}

}  // namespace hubproof::conformance::devices
