// Chapter 1.5.3 of MQTT 3.1.1: strings, wherever a client sends one.
#include <array>

#include "conformance/cases/case.hpp"
#include "conformance/cases/mqtt.hpp"

namespace hubproof::conformance::cases {
namespace {

using namespace std::string_view_literals;

enum class Place : std::uint8_t { client_id, will_topic, user_name, topic, filter, unsubscribed };
constexpr std::array<std::string_view, 6> place_names{"client-id", "will-topic", "user-name", "topic", "filter", "unsubscribe"};
// Whose rule it is at this place, besides that of all strings.
constexpr std::array<std::string_view, 6> place_clauses{"mqtt311:3.1.3-4", "mqtt311:3.1.3-10", "mqtt311:3.1.3-11",
                                                        "mqtt311:3.3.2-1", "mqtt311:3.8.3-1",  "mqtt311:3.10.3-1"};

struct Broken {
  const char* name;
  std::string_view bytes;
};
constexpr Broken broken[] = {
    {"surrogate", "\xed\xa0\x80"sv},        {"last-surrogate", "\xed\xbf\xbf"sv}, {"surrogate-pair", "\xed\xa0\xbd\xed\xb8\x80"sv},
    {"overlong-slash", "\xc0\xaf"sv},       {"overlong-nul", "\xc0\x80"sv},       {"overlong-of-three", "\xe0\x80\xaf"sv},
    {"beyond-unicode", "\xf4\x90\x80\x80"sv}, {"lone-continuation", "\x80"sv},    {"cut-short", "\xe2\x82"sv},
    {"byte-ff", "\xff"sv}};

// The text in the midst of others, where a drawn place is.
std::string_view around(Stage& stage, std::string_view middle) {
  const std::string_view before = stage.draws().below(3) == 0 ? std::string_view{} : stage.fresh_level();
  const std::string_view after = stage.draws().below(3) == 0 ? std::string_view{} : stage.fresh_level();
  return stage.keep(std::string{before} + std::string{middle} + std::string{after});
}

Bytes packet_with(Stage& stage, Who who, Place place, std::string_view text) {
  Raw hello{Type::connect};
  hello.field("MQTT").u8(4);
  switch (place) {
    case Place::client_id: return hello.u8(2).u16(60).field(text).packet();
    case Place::will_topic: return hello.u8(6).u16(60).field(stage.identity(who).id).field(text).field("gone").packet();
    case Place::user_name: return hello.u8(0x82).u16(60).field(stage.identity(who).id).field(text).packet();
    case Place::topic: return publish_packet(text, stage.payload(), static_cast<std::uint8_t>(stage.draws().below(2)), stage.packet_id());
    case Place::filter: return Raw{Type::subscribe, 2}.u16(stage.packet_id()).field(text).u8(static_cast<std::uint8_t>(stage.draws().below(2))).packet();
    case Place::unsubscribed: return unsubscribe_packet(stage.packet_id(), {text});
  }
  return {};
}

Script bad_text(Stage& stage, Place place, std::string_view bytes) {
  const Who who = stage.someone();
  Client client{};
  const bool in_connect = place <= Place::user_name;
  if (in_connect) {
    client = co_await called(stage);
  } else {
    client = co_await joined(stage, who);
  }
  stage.send(client, stage.keep(packet_with(stage, who, place, around(stage, bytes))));
  const bool ended = co_await stage.ended(client);
  const Packet* answer = stage.take(client);
  // That a refusal precedes the end of a connection is the matter of other statements.
  const bool refused = answer == nullptr || (answer->type == Type::connack && answer->code != 0);
  stage.expect(ended && refused, "the end of the connection, for a string that is not allowed",
               answer == nullptr ? stage.found(client) : describe(answer->raw) + (ended ? ", and the end" : ", and no end"));
}

// Characters at the ends of what UTF-8 can say, and the one that others take for a mark.
struct Good {
  const char* name;
  std::string_view bytes;
};
constexpr Good good[] = {{"two-bytes", "\xc2\xa2\xdf\xbf"sv}, {"around-surrogates", "\xed\x9f\xbf\xee\x80\x80"sv},
                         {"four-bytes", "\xf0\x90\x80\x80\xf0\x9f\x98\x80"sv}};

Script good_text(Stage& stage, std::string_view bytes) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  const std::string_view topic = stage.keep(std::string{stage.fresh_topic()} + "/" + std::string{around(stage, bytes)});
  co_await subscribed(stage, client, topic, 1);
  const View payload = stage.payload(1, 40);
  stage.send(client, publish(stage, topic, payload, 1, stage.packet_id()));
  const Packet* message = co_await arrival(stage, client);
  stage.expect(message != nullptr && message->topic == topic, "the message, to a topic of the same bytes", seen(message, stage, client));
}

// [mqtt311:1.5.3-3] EF BB BF at the front, in the middle, at the end.
Script mark(Stage& stage, int place) {
  const Who who = stage.someone();
  const Client client = co_await joined(stage, who);
  const std::string front{stage.fresh_level()}, back{stage.fresh_level()};
  const std::string_view without = stage.keep(front + back);
  const std::string_view with_mark = stage.keep(place == 0   ? "\xef\xbb\xbf" + front + back
                                           : place == 1 ? front + "\xef\xbb\xbf" + back
                                                        : front + back + "\xef\xbb\xbf");
  co_await subscribed(stage, client, without, 1);
  co_await subscribed(stage, client, with_mark, 1);
  const View payload = stage.payload(1, 20);
  co_await published(stage, client, with_mark, payload);
  const Packet* message = co_await arrival(stage, client, with_mark);
  stage.expect(message != nullptr, "the message, to a topic that has the bytes EF BB BF", seen(message, stage, client));
  co_await settled(stage, client, client, without);
  stage.expect(stage.left_on(client, without) == 0 && stage.left_on(client, with_mark) == 0, "no message to a topic without these bytes", stage.found(client));
}

}  // namespace

void add_utf8(Cases& cases) {
  for (std::size_t place = 0; place < place_names.size(); ++place) {
    // Each place meets at least four of them, all are met somewhere.
    for (std::size_t which = 0; which < std::size(broken); ++which) {
      if ((which + place) % 2 != 0 && which > 3) continue;
      const Broken& text = broken[which];
      cases.push_back({"mqtt/utf8/" + std::string{place_names[place]} + "-" + text.name, "A string in this place is not UTF-8.",
                       {"mqtt311:1.5.3-1", std::string{place_clauses[place]}}, [place, &text](Stage& stage) {
                         return bad_text(stage, static_cast<Place>(place), text.bytes);
                       }});
    }
    std::vector<std::string> clauses{"mqtt311:1.5.3-2"};
    if (place >= 3) clauses.emplace_back("mqtt311:4.7.3-2");
    cases.push_back({"mqtt/utf8/" + std::string{place_names[place]} + "-nul", "A string in this place holds U+0000.", std::move(clauses),
                     [place](Stage& stage) { return bad_text(stage, static_cast<Place>(place), "\0"sv); }});
  }
  for (const Good& text : good)
    cases.push_back({std::string{"mqtt/utf8/good-"} + text.name, "A topic name has characters at the ends of UTF-8.",
                     {"mqtt311:1.5.3-1", "mqtt311:3.3.2-1"}, [&text](Stage& stage) { return good_text(stage, text.bytes); },
                     {Capability::routing}, For::brokers});
  const char* places[] = {"front", "middle", "end"};
  for (int place = 0; place < 3; ++place)
    cases.push_back({std::string{"mqtt/utf8/bom-at-the-"} + places[place], "A topic name has the bytes EF BB BF.", {"mqtt311:1.5.3-3", "mqtt311:4.7.3-4"},
                     [place](Stage& stage) { return mark(stage, place); }, {Capability::routing}, For::brokers});
}

}  // namespace hubproof::conformance::cases
