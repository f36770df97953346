// Part 2 (2.2 to 2.4, 2.7.1, 2.8) and part 5 of AMQP 1.0: headers, SASL, frames, open, close and
// silence.
#include <algorithm>

#include "conformance/cases/amqp10.hpp"

namespace hubproof::conformance::cases::amqp10 {
namespace {

// ---- Headers.

Script header_answered(Stage& stage, bool in_pieces) {
  Wire wire{stage};
  wire.client = stage.connect(Door::amqp);
  co_await stage.opened(wire.client);
  for (std::size_t at = 0; at < 8; at += in_pieces ? 1 : 8) {
    stage.send_whole(wire.client, View{amqp_header}.subspan(at, in_pieces ? 1 : 8));
    if (in_pieces) co_await stage.pause(1ms);
  }
  const View answer = co_await octets(wire, 8);
  co_await stage.premise(!std::ranges::equal(answer, sasl_header), "the target wants SASL first");
  stage.expect(std::ranges::equal(answer, amqp_header), "the same header",
               answer.empty() ? "nothing" : hex(answer));
}

Script header_behind_sasl(Stage& stage) {
  Wire wire{stage};
  co_await called(wire);
  stage.pass();
}

Script wrong_header(Stage& stage, Bytes header) {
  Wire wire{stage};
  wire.client = stage.connect(Door::amqp);
  co_await stage.opened(wire.client);
  if (header.empty())
    for (int more = 8; more > 0; --more)
      header.push_back(static_cast<std::uint8_t>('a' + stage.draws().below(26)));
  const View sent = stage.keep(std::move(header));
  stage.send(wire.client, sent);
  const View answer = co_await octets(wire, 8);
  const bool right = answer.size() == 8 && model::text(answer.first(4)) == "AMQP" &&
                     !std::ranges::equal(answer, sent);
  stage.expect(right, "a header that the target speaks", answer.empty() ? "nothing" : hex(answer));
  const bool ended = co_await stage.ended(wire.client, Wire::for_an_end);
  stage.expect(ended, "the end of the connection behind it", "an open connection");
}

// ---- SASL.

// SASL's header is exchanged, and the mechanisms are known; null: they are not.
Task<const Frame*> asked(Wire& wire) {
  Stage& stage = wire.stage;
  wire.client = stage.connect(Door::amqp);
  co_await stage.opened(wire.client);
  stage.send(wire.client, sasl_header);
  const View header = co_await octets(wire, 8);
  stage.expect(std::ranges::equal(header, sasl_header), "the header of SASL",
               header.empty() ? "nothing" : hex(header), "amqp10:5.3.1-1");
  const Frame* mechanisms = co_await heard(wire, Code::mechanisms);
  co_return mechanisms;
}

bool offers(const Frame& mechanisms, std::string_view name) {
  bool has = mechanisms[0].text() == name;
  amqp::each_item(mechanisms[0], [&](const amqp::Value& one) { has = has || one.text() == name; });
  return has;
}

Script mechanisms_named(Stage& stage) {
  Wire wire{stage};
  const Frame* mechanisms = co_await asked(wire);
  bool any = false;
  if (mechanisms != nullptr) {
    any = !(*mechanisms)[0].text().empty();
    amqp::each_item((*mechanisms)[0],
                    [&](const amqp::Value& one) { any = any || one.kind == amqp::Kind::symbol; });
  }
  stage.expect(any && mechanisms->sasl, "sasl-mechanisms that name one at least",
               mechanisms == nullptr ? found(wire) : "none in it", "amqp10:5.3.2-1");
  if (mechanisms != nullptr) stage.pass("amqp10:5.3.1-2");  // its length was looked at
}

View plain(Stage& stage, std::string_view user, std::string_view password) {
  return model::view(stage.keep('\0' + std::string{user} + '\0' + std::string{password}));
}

enum class Login : std::uint8_t { right, wrong_password, wrong_user, on_a_channel, extended };

Script login(Stage& stage, Login kind) {
  Wire wire{stage};
  const Frame* mechanisms = co_await asked(wire);
  co_await stage.need(mechanisms != nullptr, "no sasl-mechanisms came");
  co_await stage.premise(!stage.target().user.empty() && offers(*mechanisms, "PLAIN"),
                         "no user with a password is known, or PLAIN is not offered");
  const bool wrong = kind == Login::wrong_password || kind == Login::wrong_user;
  const std::string user =
      stage.target().user + (kind == Login::wrong_user ? std::string{stage.fresh_level()} : "");
  const std::string password =
      stage.target().password + (wrong ? std::string{stage.fresh_level()} : "");
  Bytes init = sasl_init_frame("PLAIN", plain(stage, user, password));
  if (kind == Login::on_a_channel)
    init[7] = static_cast<std::uint8_t>(stage.draws().between(1, 255));
  if (kind == Login::extended)
    init = frame_of(0, View{init}.subspan(8), {},
                    stage.keep(Bytes(4 * stage.draws().between(1, 4), 0xee)), 1);
  wire.send(std::move(init));
  wire.wait_for_an_end();  // who failed may be made to wait
  const Frame* outcome = co_await heard(wire, Code::outcome);
  const std::uint32_t code = outcome == nullptr ? 255 : outcome->number(0, 255);
  const std::string_view seen =
      stage.keep(outcome == nullptr ? found(wire) : "code " + std::to_string(code));
  if (wrong) {
    stage.expect(outcome != nullptr && code == 1, "sasl-outcome with code 1", seen,
                 "amqp10:5.3.2-3");
    co_return;
  }
  stage.expect(code == 0, "sasl-outcome with code 0", seen);
  if (code != 0) co_return;
  stage.send(wire.client, amqp_header);
  const View answer = co_await octets(wire, 8);
  stage.expect(std::ranges::equal(answer, amqp_header), "the header of AMQP",
               answer.empty() ? "nothing" : hex(answer));
}

Script unknown_mechanism(Stage& stage) {
  Wire wire{stage};
  const Frame* mechanisms = co_await asked(wire);
  co_await stage.need(mechanisms != nullptr, "no sasl-mechanisms came");
  const std::string_view name = stage.keep("X-" + std::string{stage.fresh_level()});
  wire.send(sasl_init_frame(name, model::view(name)));
  const Frame* outcome = co_await heard(wire, Code::outcome);
  const bool ended = co_await stage.ended(wire.client, Wire::for_an_end);
  const bool welcome = outcome != nullptr && outcome->number(0, 1) == 0;
  stage.expect(ended && !welcome, "the end of the connection", welcome ? "a welcome" : found(wire),
               "amqp10:5.3.3-1");
}

Script empty_sasl_frame(Stage& stage) {
  Wire wire{stage};
  const Frame* mechanisms = co_await asked(wire);
  co_await stage.need(mechanisms != nullptr, "no sasl-mechanisms came");
  wire.send(frame_of(0, {}, {}, {}, 1));
  const bool ended = co_await stage.ended(wire.client, Wire::for_an_end);
  stage.expect(ended, "the end of the connection", found(wire), "amqp10:5.3.1-3");
}

// ---- What breaks a connection.

// A close with an error, and the end.
Task<void> must_break(Wire& wire, std::string_view what, std::string_view clause,
                      std::string_view condition = {}) {
  Stage& stage = wire.stage;
  const Ending how = co_await ending(wire);
  const std::string_view seen = stage.keep(describe(how));
  stage.expect(how.ended, stage.keep("the end of the connection for " + std::string{what}), seen,
               clause);
  if (how.ended)
    stage.expect(how.closed && !how.condition.empty(), "a close with an error in front of the end",
                 seen, "amqp10:2.4.3-3");
  else
    stage.not_exercised("the connection goes on", "amqp10:2.4.3-3");
  if (condition.empty()) co_return;
  if (how.closed)
    stage.expect(how.condition == condition, condition, seen, "amqp10:2.8.16-1");
  else
    stage.not_exercised("there was no close, and no error in it", "amqp10:2.8.16-1");
}

Script wrong_size(Stage& stage, std::uint32_t size) {
  Wire wire{stage};
  co_await opened(wire);
  Bytes frame = frame_of(0, {});
  frame[3] = static_cast<std::uint8_t>(size);
  wire.send(std::move(frame));
  co_await must_break(wire, "a frame that is shorter than its header", "amqp10:2.3.1-1",
                      "amqp:connection:framing-error");
}

Script wrong_offset(Stage& stage, std::uint8_t offset) {
  Wire wire{stage};
  co_await opened(wire);
  Bytes frame = begin_frame(0, {});
  frame[4] = offset != 255 ? offset
                           : static_cast<std::uint8_t>(stage.draws().between(
                                 static_cast<std::uint32_t>(frame.size()) / 4 + 1, 255));
  wire.send(std::move(frame));
  co_await must_break(wire, "a data offset that points nowhere", "amqp10:2.3.1-2",
                      "amqp:connection:framing-error");
}

Script extended_header(Stage& stage) {
  Wire wire{stage};
  co_await opened(wire);
  const Bytes plain = begin_frame(3, {});
  const View extended = stage.payload(4, 4);
  Bytes padding;
  for (std::uint32_t more = stage.draws().between(1, 5); more > 0; --more)
    padding.insert(padding.end(), extended.begin(), extended.end());
  wire.send(frame_of(3, View{plain}.subspan(8), {}, padding));
  const Frame* answer = co_await heard(wire, Code::begin | Code::close);
  stage.expect(answer != nullptr && answer->code == Code::begin, "begin", found(wire));
}

Script empty_frames(Stage& stage) {
  Wire wire{stage};
  co_await opened(wire);
  for (std::uint32_t more = stage.draws().between(1, 6); more > 0; --more)
    wire.send(frame_of(0, {}));
  wire.send(begin_frame(1, {}));
  const Frame* answer = co_await heard(wire, Code::begin | Code::close);
  stage.expect(answer != nullptr && answer->code == Code::begin, "begin", found(wire));
}

enum class Nonsense : std::uint8_t {
  random,
  list_too_long,
  no_such_type,
  unknown_performative,
  not_described,
  open_without_container,
  name_missing
};

Script nonsense(Stage& stage, Nonsense kind) {
  Wire wire{stage};
  Session session;
  if (kind == Nonsense::open_without_container) {
    co_await called(wire);
  } else {
    co_await opened(wire);
    co_await begun(wire, session);
  }
  Bytes body;
  switch (kind) {
    case Nonsense::random:
      body = Bytes(stage.draws().between(3, 40), 0xff);
      break;
    case Nonsense::list_too_long:
      body = {0x00, 0x53, 0x13, 0xc0, static_cast<std::uint8_t>(stage.draws().between(9, 255)),
              4,    0x43, 0x43, 0x43, 0x43};
      break;
    case Nonsense::no_such_type:
      body = {0x00, 0x53, 0x13, 0xc0, 2, 1, 0x3f};
      break;
    case Nonsense::unknown_performative:
      body = {0x00, 0x53, static_cast<std::uint8_t>(stage.draws().between(0x19, 0x2f)), 0x45};
      break;
    case Nonsense::not_described:
      body = {0xa1, 3, 'a', 'b', 'c'};
      break;
    case Nonsense::open_without_container:
      body = {0x00, 0x53, 0x10, 0x45};
      break;
    case Nonsense::name_missing:
      body = {0x00, 0x53, 0x12, 0xc0, 4, 3, 0x40, 0x43, 0x42};
      break;
  }
  wire.send(frame_of(session.channel, body));
  // An error of the encoding ends what it is in: the session, or the connection.
  wire.wait_for_an_end();
  const Frame* end = co_await heard(wire, Code::end | Code::close);
  const std::string_view condition = end == nullptr ? std::string_view{} : condition_of((*end)[0]);
  const bool cut = end == nullptr && stage.is_over(wire.client);
  const std::string_view seen = stage.keep(end == nullptr ? found(wire) : "one without");
  stage.expect(cut || !condition.empty(), "a close or an end with an error", seen,
               "amqp10:2.8.15-1");
  if (cut || (end != nullptr && end->code == Code::close))
    stage.expect(!condition.empty(), "a close with an error in front of the end", seen,
                 "amqp10:2.4.3-3");
  else
    stage.not_exercised("the connection goes on", "amqp10:2.4.3-3");
}

// ---- open and close.

Script open_answered(Stage& stage, bool limits) {
  Wire wire{stage};
  Open open;
  open.container = stage.fresh_level();
  if (limits)
    open.max_frame = stage.draws().between(512, 100'000),
    open.channel_max = stage.draws().between(1, 100);
  co_await called(wire);
  wire.send(open_frame(open));
  const Frame* answer = co_await heard(wire, Code::open);
  stage.expect(answer != nullptr, "open", found(wire), "amqp10:2.4.1-1");
  if (answer == nullptr) co_return;
  stage.expect((*answer)[0].is_text(), "a container-id", "none", "amqp10:2.7.1-2");
  stage.expect(answer->number(2, 512) >= 512, "a max-frame-size of 512 at least",
               stage.keep(std::to_string(answer->number(2))), "amqp10:2.7.1-3");
  stage.expect(answer->channel == 0, "channel 0", stage.keep(std::to_string(answer->channel)),
               "amqp10:2.7.1-4");
  wire.send(begin_frame(0, {}));
  const Frame* second = co_await heard(wire, Code::open | Code::begin);
  stage.expect(second != nullptr && second->code == Code::begin, "begin, and no second open",
               found(wire), "amqp10:2.4.1-1");
}

Script open_twice(Stage& stage) {
  Wire wire{stage};
  co_await opened(wire);
  wire.send(open_frame({}));
  co_await must_break(wire, "a second open", "amqp10:2.4.1-2");
}

Script not_open_first(Stage& stage, Code code) {
  Wire wire{stage};
  co_await called(wire);
  if (code == Code::begin) wire.send(begin_frame(0, {}));
  if (code == Code::attach)
    wire.send(attach_frame(0, {.name = stage.fresh_level(), .address = "x"}));
  if (code == Code::end) wire.send(end_frame(0));
  const Ending how = co_await ending(wire);
  stage.expect(how.ended, "the end of the connection", stage.keep(describe(how)), "amqp10:2.4.1-2");
}

Script pipelined(Stage& stage, bool closes) {
  Wire wire{stage};
  co_await called(wire);
  Bytes all = open_frame({});
  const auto add = [&](const Bytes& frame) { all.insert(all.end(), frame.begin(), frame.end()); };
  if (closes) {
    add(close_frame());
  } else {
    add(begin_frame(0, {}));
    add(attach_frame(0, {.name = stage.fresh_level(), .address = fresh_node(stage)}));
  }
  stage.send_whole(wire.client, stage.keep(std::move(all)));
  const Frame* open = co_await heard(wire, Code::open);
  stage.expect(open != nullptr, "open", found(wire));
  if (closes) {
    const Ending how = co_await ending(wire, true);
    stage.expect(how.closed && how.ended, "close, and the end", stage.keep(describe(how)));
    co_return;
  }
  const Frame* begin = co_await heard(wire, Code::begin | Code::close);
  stage.expect(begin != nullptr && begin->code == Code::begin, "begin", found(wire));
  const Frame* attach = co_await heard(wire, Code::attach | Code::close | Code::end);
  stage.expect(attach != nullptr && attach->code == Code::attach, "attach", found(wire));
}

Script closed(Stage& stage, bool with_session) {
  Wire wire{stage};
  Session session;
  co_await opened(wire);
  if (with_session) co_await begun(wire, session);
  wire.send(close_frame());
  const Frame* answer = co_await heard(wire, Code::close);
  stage.expect(answer != nullptr, "close", found(wire), "amqp10:2.4.3-1");
  const bool more = co_await pulled(wire);  // which is judged
  if (!more) stage.pass("amqp10:2.4.3-2");
}

// ---- Silence.

Script idle_is_heeded(Stage& stage) {
  Wire wire{stage};
  Open open;
  open.idle = stage.draws().between(2'000, 4'000);
  const Duration idle = std::chrono::milliseconds{open.idle};
  co_await opened(wire, &open);
  for (int round = 0; round < 3; ++round) {
    co_await stage.pause(idle + stage.moment());
    const Instant before = stage.now();
    const View got = co_await stage.bytes(wire.client, 1);
    if (got.empty() || stage.now() != before) {
      stage.fail(stage.keep("a frame within each " + std::to_string(open.idle) + " ms"), "silence");
      co_return;
    }
    if (round == 0) {
      const bool more = co_await pulled(wire);
      co_await stage.premise(more && wire.frames.back().code != Code::close,
                             "the target closes a connection that wants such an idle-time-out");
      continue;
    }
    stage.read(wire.client, got.size());
  }
  stage.pass();
}

Script idle_is_enforced(Stage& stage) {
  Wire wire{stage};
  co_await opened(wire);
  const Duration idle = std::chrono::milliseconds{wire.opened->number(4)};
  co_await stage.premise(idle > Duration{}, "the target announces no idle-time-out");
  co_await stage.premise(idle <= 40s || stage.target().can.has(Capability::free_time),
                         "the target's idle-time-out is too long to be waited for");
  const Instant since = stage.now();
  co_await stage.pause(idle);
  const bool ended = co_await stage.ended_within(wire.client, idle * 2 + 4 * stage.moment());
  const bool closed = wire.closed;
  stage.expect(ended || closed || stage.now() < since, "the end of a connection that is silent",
               "an open connection");
}

// ---- Limits of open.

Script own_channel_max(Stage& stage) {
  Wire wire{stage};
  Open open;
  open.channel_max = stage.draws().below(3);
  co_await opened(wire, &open);
  for (std::int64_t channel = 0; channel <= open.channel_max; ++channel) {
    Session session;
    co_await begun(wire, session, nullptr, channel);
    stage.expect(session.theirs <= open.channel_max, "a channel that is not above the channel-max",
                 stage.keep(std::to_string(session.theirs)));
  }
}

Script channel_too_high(Stage& stage) {
  Wire wire{stage};
  co_await opened(wire);
  const std::uint32_t most = wire.opened->number(3, 65'535);
  co_await stage.premise(most < 65'535, "every channel is allowed");
  wire.send(begin_frame(static_cast<std::uint16_t>(stage.draws().between(most + 1, 65'535)), {}));
  co_await must_break(wire, "a channel above channel-max", "amqp10:2.7.1-6",
                      "amqp:connection:framing-error");
}

Script frame_too_long(Stage& stage) {
  Wire wire{stage};
  co_await opened(wire);
  const std::uint32_t most = wire.opened->number(2, 0xffff'ffff);
  co_await stage.premise(most <= stage.target().limits.packet,
                         "the target takes longer frames than the suite sends");
  Session session;
  co_await begun(wire, session);
  Link link;
  co_await attached(wire, session, link, {.address = fresh_node(stage)});
  const View body = stage.payload(most, most + 100);
  const Bytes tag{1};
  wire.send(transfer_frame(session.channel,
                           {.handle = link.handle, .id = 0, .tag = tag, .payload = body}));
  const Ending how = co_await ending(wire);
  stage.expect(how.ended, "the end of the connection for a frame above max-frame-size",
               stage.keep(describe(how)), "amqp10:2.7.1-7");
}

}  // namespace

void add_connections(Cases& cases) {
  const auto add = [&](const char* name, std::string sentence, std::vector<std::string> clauses,
                       std::function<Script(Stage&)> script, Capabilities needs = {}) {
    cases.push_back({std::string{"amqp10/"} + name, std::move(sentence), std::move(clauses),
                     std::move(script), needs, For::amqp_brokers});
  };
  const Capabilities node{Capability::node};
  const std::string header = "amqp10:2.2.0-1", other = "amqp10:2.2.0-2",
                    no_header = "amqp10:2.2.0-3";
  add("header/whole", "A client begins with the header of AMQP, without SASL", {header},
      [](Stage& s) { return header_answered(s, false); });
  add("header/in-pieces", "The header comes byte by byte", {header},
      [](Stage& s) { return header_answered(s, true); });
  add("header/behind-sasl", "The header comes behind a login", {header}, header_behind_sasl);
  add("header/version-2-0-0", "A header of another major version", {other}, [](Stage& s) {
    return wrong_header(s, {'A', 'M', 'Q', 'P', 0, 2, 0, 0});
  });
  add("header/version-1-1-0", "A header of another minor version", {other}, [](Stage& s) {
    return wrong_header(s, {'A', 'M', 'Q', 'P', 0, 1, 1, 0});
  });
  add("header/version-1-0-9", "A header of another revision", {other}, [](Stage& s) {
    return wrong_header(s, {'A', 'M', 'Q', 'P', 0, 1, 0, 9});
  });
  add("header/protocol-id-9", "A header of an unknown protocol id", {other}, [](Stage& s) {
    return wrong_header(s, {'A', 'M', 'Q', 'P', 9, 1, 0, 0});
  });
  add("header/http", "A request of HTTP", {no_header}, [](Stage& s) {
    return wrong_header(s, {'G', 'E', 'T', ' ', '/', ' ', 'H', 'T'});
  });
  add("header/letters", "Eight letters of chance", {no_header},
      [](Stage& s) { return wrong_header(s, {}); });
  add("header/small-letters", "The header in small letters", {no_header}, [](Stage& s) {
    return wrong_header(s, {'a', 'm', 'q', 'p', 0, 1, 0, 0});
  });

  const std::string sasl = "amqp10:5.3.1-1";
  add("sasl/mechanisms", "A client asks for SASL", {sasl, "amqp10:5.3.1-2", "amqp10:5.3.2-1"},
      mechanisms_named);
  add("sasl/login", "A user shows the right password", {sasl, "amqp10:5.3.2-2"},
      [](Stage& s) { return login(s, Login::right); });
  add("sasl/wrong-password", "A user shows a wrong password", {"amqp10:5.3.2-3"},
      [](Stage& s) { return login(s, Login::wrong_password); });
  add("sasl/wrong-user", "A user that nobody knows comes", {"amqp10:5.3.2-3"},
      [](Stage& s) { return login(s, Login::wrong_user); });
  add("sasl/on-a-channel", "The bytes of a channel are not 0 in a frame of SASL",
      {"amqp10:5.3.1-4"}, [](Stage& s) { return login(s, Login::on_a_channel); });
  add("sasl/extended-header", "A frame of SASL has an extended header", {"amqp10:5.3.1-4"},
      [](Stage& s) { return login(s, Login::extended); });
  add("sasl/unknown-mechanism", "A client chooses a mechanism that was not offered",
      {"amqp10:5.3.3-1"}, unknown_mechanism);
  add("sasl/empty-frame", "A frame of SASL is empty", {"amqp10:5.3.1-3"}, empty_sasl_frame);

  for (const std::uint32_t size : {0u, 1u, 4u, 7u})
    add(("frame/size-" + std::to_string(size)).c_str(),
        "A frame says that it is shorter than its header",
        {"amqp10:2.3.1-1", "amqp10:2.4.3-3", "amqp10:2.8.16-1"},
        [size](Stage& s) { return wrong_size(s, size); });
  for (const int offset : {0, 1, 255})
    add((offset == 255 ? std::string{"frame/offset-behind-the-end"}
                       : "frame/offset-" + std::to_string(offset))
            .c_str(),
        "The data offset of a frame points nowhere",
        {"amqp10:2.3.1-2", "amqp10:2.4.3-3", "amqp10:2.8.16-1"},
        [offset](Stage& s) { return wrong_offset(s, static_cast<std::uint8_t>(offset)); });
  add("frame/extended-header", "A begin has an extended header", {"amqp10:2.3.1-3"},
      extended_header);
  add("frame/empty", "Frames without a body come in front of a begin", {"amqp10:2.3.2-1"},
      empty_frames);
  add("frame/longer-than-allowed", "A frame is longer than the target's max-frame-size",
      {"amqp10:2.7.1-7"}, frame_too_long, node);

  const std::pair<const char*, Nonsense> wrong[] = {
      {"random", Nonsense::random},
      {"list-too-long", Nonsense::list_too_long},
      {"no-such-type", Nonsense::no_such_type},
      {"unknown-performative", Nonsense::unknown_performative},
      {"not-described", Nonsense::not_described},
      {"open-without-container", Nonsense::open_without_container},
      {"attach-without-name", Nonsense::name_missing}};
  for (const auto& [name, kind] : wrong)
    add((std::string{"decode/"} + name).c_str(),
        "A frame's body is no performative with its fields", {"amqp10:2.8.15-1", "amqp10:2.4.3-3"},
        [which = kind](Stage& s) { return nonsense(s, which); });

  const std::vector<std::string> open{"amqp10:2.4.1-1", "amqp10:2.7.1-2", "amqp10:2.7.1-3",
                                      "amqp10:2.7.1-4"};
  add("open/answered", "A client opens", open, [](Stage& s) { return open_answered(s, false); });
  add("open/answered-with-limits", "A client opens, and says its limits", open,
      [](Stage& s) { return open_answered(s, true); });
  add("open/twice", "A second open", {"amqp10:2.4.1-2", "amqp10:2.4.3-3"}, open_twice);
  add("open/begin-first", "A begin comes in front of open", {"amqp10:2.4.1-2"},
      [](Stage& s) { return not_open_first(s, Code::begin); });
  add("open/attach-first", "An attach comes in front of open", {"amqp10:2.4.1-2"},
      [](Stage& s) { return not_open_first(s, Code::attach); });
  add("open/end-first", "An end comes in front of open", {"amqp10:2.4.1-2"},
      [](Stage& s) { return not_open_first(s, Code::end); });
  add(
      "open/pipelined", "open, begin and attach come in one piece", {"amqp10:2.4.2-1"},
      [](Stage& s) { return pipelined(s, false); }, node);
  add("open/pipelined-close", "open and close come in one piece", {"amqp10:2.4.2-1"},
      [](Stage& s) { return pipelined(s, true); });
  add("close/answered", "A client closes", {"amqp10:2.4.3-1", "amqp10:2.4.3-2"},
      [](Stage& s) { return closed(s, false); });
  add("close/with-a-session", "A client closes with a session",
      {"amqp10:2.4.3-1", "amqp10:2.4.3-2"}, [](Stage& s) { return closed(s, true); });
  add("idle/heeded", "A client announces an idle-time-out, and listens", {"amqp10:2.4.5-1"},
      idle_is_heeded);
  add("idle/enforced", "A client is silent for longer than the target allows", {"amqp10:2.4.5-2"},
      idle_is_enforced);
  add("open/own-channel-max", "A client allows few channels, and uses them all", {"amqp10:2.7.1-5"},
      own_channel_max);
  add("open/channel-too-high", "A begin comes on a channel above the target's channel-max",
      {"amqp10:2.7.1-6", "amqp10:2.4.3-3", "amqp10:2.8.16-1"}, channel_too_high);
}

}  // namespace hubproof::conformance::cases::amqp10
