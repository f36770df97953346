// What a device of an IoT hub owes beyond MQTT: its credentials and topics, at least once of what
// its application gave it, and coming back without a storm.
#include <algorithm>
#include <string_view>

#include "conformance/devices/cases.hpp"
#include "conformance/devices/script.hpp"

namespace hubproof::conformance::devices {
namespace {

using namespace script;
using Did = Said::Did;
using std::string;

Task<> credentials(Stage& stage) {
  Wish wish;
  order_connect(stage, wish);
  const Heard heard = co_await hello_of(stage);
  const Connect& packet = *heard.is<Connect>();
  const string id = client_id(stage);
  expect(stage, "MQTT-04", packet.client_id == id, "the client id is not the device's id");
  const string user{packet.user_name.value_or("")};
  const bool begins = user.starts_with(stage.settings().host + "/" + id + "/");
  expect(stage, "MQTT-05", begins && user.find("api-version=") != string::npos,
         "the user name is " + (user.empty() ? "missing" : user));
  const std::string_view password =
      packet.password ? model::text(*packet.password) : std::string_view{};
  const bool token = password.starts_with("SharedAccessSignature ");
  expect(stage, "MQTT-07", token, "the password is no token");
  judge_token(stage, string{password}, "devices/" + id);
  stage.send(heard.link, Connack{false, 0});
  const auto told = co_await said(stage, Did::connected);
  if (!told) co_await stage.missing("the adapter did not say \"connected\" after CONNACK 0");
}

Task<> telemetry_topic(Stage& stage, string value, string encoded) {
  const LinkId link = co_await connected(stage);
  const std::uint64_t id = stage.next_id();
  const string payload = text_of(id);
  SendOrder order{id, "m" + std::to_string(id), {payload.begin(), payload.end()}};
  order.properties.emplace_back("odd", value);
  stage.tell(order);
  const auto publish = co_await publish_of(stage, link, id);
  if (!publish) co_await stage.missing("no PUBLISH came");
  const string topic{publish->is<Publish>()->topic};
  const string prefix = "devices/" + client_id(stage) + "/messages/events/";
  expect(stage, "MQTT-19", topic.starts_with(prefix), "telemetry goes to " + topic);
  const string bag = topic.starts_with(prefix) ? topic.substr(prefix.size()) : string{};
  const auto same_letters = [](char left, char right) { return (left | 0x20) == (right | 0x20); };
  const string wanted = "odd=" + encoded;
  expect(stage, "MQTT-23", !std::ranges::search(bag, wanted, same_letters).empty(),
         "the property odd=" + value + " goes out as " + bag);
  stage.send(link, Puback{publish->is<Publish>()->id});
  const auto told = co_await said(stage, Did::published, id);
  if (!told) co_await stage.missing("the adapter did not say \"published\" after PUBACK");
}

// What was not acknowledged comes again until it is, whatever became of the connection and the
// session.
Task<> at_least_once(Stage& stage, int count, bool session_present, int cuts) {
  Wish wish;
  wish.clean = false;
  LinkId link = co_await connected(stage, wish);
  std::vector<std::uint64_t> open;
  for (int i = 0; i < count; ++i) open.push_back(submit(stage, 1));
  for (int i = 0; i < cuts; ++i) {
    const auto some = co_await next<Publish>(stage, link);
    if (!some) co_await stage.missing("no PUBLISH came");
    co_await stage.pause(stage.quiet());
    stage.forget_packets();
    stage.cut(link);
    link = co_await back(stage, wish, session_present);
  }
  for (drop_failed(stage, open); !open.empty(); drop_failed(stage, open)) {
    const auto publish = co_await next<Publish>(stage, link);
    if (!publish) break;
    std::erase_if(open, [&](std::uint64_t order) { return holds(*publish->is<Publish>(), order); });
    stage.send(link, Puback{publish->is<Publish>()->id});
  }
  drop_failed(stage, open);
  if (open.empty()) {
    stage.pass("DLV-01");
    stage.pass("INV-24");
    co_return;
  }
  const bool answers = co_await alive(stage);
  if (!answers) co_await stage.missing("not every message came, and the adapter does not answer");
  const string what = "of " + std::to_string(count) + " messages that the application gave " +
                      std::to_string(open.size()) +
                      " never came again after the connection was cut";
  stage.fail("DLV-01", what);
  stage.fail("INV-24", what);
}

// A server that ends every connection: the device comes back, and not in a storm. The first is accepted whatever
// comes after it: an application may want to hear of an address that never answered.
Task<> comes_back(Stage& stage, int answer) {
  LinkId link = co_await connected(stage);
  std::vector<model::Duration> pauses;
  constexpr std::size_t rounds = 8;
  for (;;) {
    if (answer >= 0)
      stage.close(link);
    else
      stage.cut(link);
    if (pauses.size() == rounds) break;
    const model::Instant ended = stage.now();
    const auto heard = co_await comes(stage, stage.patience() * 4);
    if (!heard) break;
    pauses.push_back(heard->at - ended);
    link = heard->link;
    if (answer >= 0) stage.send(link, Connack{false, static_cast<std::uint8_t>(answer)});
  }
  if (pauses.empty()) {
    if (const auto told = told_off(stage)) {
      stage.pass("INV-24");
      const string why = "the device stays away and tells its application so: " + *told;
      co_await stage.missing(why.c_str());
    }
    const bool answers = co_await alive(stage);
    if (!answers)
      co_await stage.missing("the device did not come back, and its adapter does not answer");
    stage.fail("INV-24", "the device does not come back after its connection ended");
    co_await stage.missing("the device came once");
  }
  stage.pass("INV-24");
  if (pauses.size() < rounds) {
    const std::string why = "the device came back " + std::to_string(pauses.size()) + " times only";
    co_await stage.missing(why.c_str());
  }
  judge_pauses(stage, pauses);
}

// Messages that are open while packet ids come around are sent again in the order of their sending.
Task<> order_across_the_wrap(Stage& stage) {
  Wish wish;
  wish.clean = false;
  const LinkId first = co_await connected(stage, wish);
  stage.manners.publishes = true;
  PacketId last = 0;
  std::vector<std::uint64_t> orders;  // in a window, so that it does not take a round trip for each
  std::size_t told = 0;
  while (orders.size() < 66'000 && last < 65'520) {
    orders.push_back(submit(stage, 1));
    const auto is_publish = [](const Heard& heard) { return heard.is<Publish>() != nullptr; };
    while (const auto publish = stage.take(is_publish)) last = publish->is<Publish>()->id;
    if (orders.size() - told < 16) continue;
    const auto done = co_await said(stage, Did::published);
    if (!done) co_await stage.missing("the adapter did not say \"published\" after PUBACK");
    ++told;
  }
  for (; told < orders.size(); ++told) {
    const auto done = co_await said(stage, Did::published);
    if (!done) co_await stage.missing("the adapter did not say \"published\" after PUBACK");
  }
  stage.forget_packets();
  stage.manners.publishes = false;
  if (last < 65'000) co_await stage.missing("packet ids do not come near 65535");
  constexpr std::size_t count = 30;
  for (std::size_t i = 0; i < count; ++i) (void)submit(stage, 1);
  std::vector<PacketId> ids;
  while (ids.size() < count) {
    const auto publish =
        co_await next<Publish>(stage, first, ids.empty() ? stage.patience() : stage.quiet());
    if (!publish) break;
    ids.push_back(publish->is<Publish>()->id);
  }
  // What the client holds back until something is acknowledged is not open.
  if (std::ranges::is_sorted(ids))
    co_await stage.missing("the ids of the open messages did not come around");
  stage.cut(first);
  const LinkId second = co_await back(stage, wish, true);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto publish = co_await next<Publish>(stage, second);
    if (!publish) co_await stage.missing("not every message came again");
  }
}

}  // namespace

void add_hub_cases(std::vector<DeviceCase>& cases) {
  cases.push_back({"hub/credentials",
                   "who a device says it is",
                   {"MQTT-04", "MQTT-05", "MQTT-07", "SEC-01", "SEC-02", "SEC-03", "SEC-04", "SEC-10"},
                   {.hub = true},
                   credentials});
  for (const auto& [name, value, encoded] : {std::tuple{"plain", "warm", "warm"},
                                             {"space", "a b", "a%20b"},
                                             {"reserved", "50%&x=#+", "50%25%26x%3D%23%2B"}})
    cases.push_back({string{"hub/telemetry-"} + name,
                     "telemetry with a property, on its topic",
                     {"MQTT-19", "MQTT-23"},
                     {.hub = true},
                     [its_value = string{value}, its_encoded = string{encoded}](Stage& stage) {
                       return telemetry_topic(stage, its_value, its_encoded);
                     }});
  struct Cut {
    const char* name;
    int count;
    bool present;
    int cuts;
  };
  for (const auto& [name, count, present, cuts] :
       {Cut{"kept", 3, true, 1}, Cut{"lost", 3, false, 1}, Cut{"many", 25, true, 1},
        Cut{"many-lost", 25, false, 2}, Cut{"cut-often", 4, true, 3}})
    cases.push_back({string{"hub/again-"} + name,
                     "what was not acknowledged comes again",
                     {"DLV-01", "INV-24"},
                     {.qos = 1, .persistent = true, .hub = true},
                     [its_count = count, its_present = present, its_cuts = cuts](Stage& stage) {
                       return at_least_once(stage, its_count, its_present, its_cuts);
                     }});
  for (const auto& [answer, name] :
       {std::pair{-1, "cut"}, {0, "accepted-and-closed"}, {3, "unavailable"}})
    cases.push_back(
        {string{"hub/comes-back-"} + name,
         "a server that ends every connection",
         {"INV-24", "SEC-28"},
         {.hub = true},
         [its_answer = answer](Stage& stage) { return comes_back(stage, its_answer); }});
  cases.push_back({"session/order-across-the-wrap",
                   "messages are open while packet ids begin again",
                   {"mqtt311:4.6.0-1"},
                   {.qos = 1, .persistent = true},
                   order_across_the_wrap});
}

}  // namespace hubproof::conformance::devices
