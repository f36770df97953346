// Part 2 of AMQP 1.0: sessions (2.5, 2.7.2) and links (2.6, 2.7.3, 2.7.4, 2.7.7).
#include <algorithm>

#include "conformance/cases/amqp10.hpp"

namespace hubproof::conformance::cases::amqp10 {
namespace {

// ---- Sessions.

Script begin_answered(Stage& stage, std::int64_t channel) {
  Wire wire{stage};
  co_await opened(wire);
  const std::uint32_t most = wire.opened->number(3, 65'535);
  if (channel == none) channel = stage.draws().between(0, most);
  co_await stage.premise(channel <= most, "the target's channel-max is below that");
  wire.send(begin_frame(static_cast<std::uint16_t>(channel),
                        {.next_outgoing = stage.draws().below(1u << 31)}));
  const Frame* answer = co_await heard(wire, Code::begin | Code::close);
  const bool begun = answer != nullptr && answer->code == Code::begin;
  stage.expect(begun && (*answer)[0].is_number() && answer->number(0) == channel,
               stage.keep("begin with the remote-channel " + std::to_string(channel)),
               begun ? stage.keep("the remote-channel " + std::to_string(answer->number(0)))
                     : stage.keep(found(wire)),
               "amqp10:2.5.1-1");
  if (!begun) co_return;
  const bool full =
      (*answer)[1].is_number() && (*answer)[2].is_number() && (*answer)[3].is_number();
  stage.expect(full, "next-outgoing-id and both windows", "one of them is null", "amqp10:2.7.2-1");
}

Script several_sessions(Stage& stage) {
  Wire wire{stage};
  co_await opened(wire);
  const std::uint32_t count =
      std::min(stage.draws().between(2, 4), wire.opened->number(3, 65'535) + 1);
  std::vector<std::uint16_t> theirs;
  for (std::uint32_t at = 0; at < count; ++at) {
    Session session;
    co_await begun(wire, session, nullptr, at);
    const bool fresh = std::ranges::find(theirs, session.theirs) == theirs.end();
    theirs.push_back(session.theirs);
    stage.expect(fresh, "a channel that has no session yet",
                 stage.keep("channel " + std::to_string(session.theirs) + " again"));
  }
}

Script begin_twice(Stage& stage) {
  Wire wire{stage};
  co_await opened(wire);
  Session session;
  co_await begun(wire, session);
  wire.send(begin_frame(session.channel, {}));
  wire.wait_for_an_end();
  const Frame* answer = co_await heard(wire, Code::end | Code::close);
  const bool error = answer != nullptr && !condition_of((*answer)[0]).empty();
  stage.expect(error, "a close or an end with an error",
               answer == nullptr ? found(wire) : "one without");
}

Script end_answered(Stage& stage, bool with_link, bool again) {
  Wire wire{stage};
  co_await opened(wire);
  Session session;
  co_await begun(wire, session);
  Link link;
  if (with_link)
    co_await attached(wire, session, link,
                      {.receives = stage.draws().heads(), .address = fresh_node(stage)});
  wire.send(end_frame(session.channel));
  const Frame* answer = co_await heard(wire, Code::end | Code::close);
  const bool ended = answer != nullptr && answer->code == Code::end;
  stage.expect(ended && answer->channel == session.theirs, "end, on the session's channel",
               ended ? "end on another" : found(wire), "amqp10:2.5.2-1");
  if (!again || !ended) co_return;
  wire.send(begin_frame(session.channel, {}));
  const Frame* begin = co_await heard(wire, Code::begin | Code::close);
  stage.expect(
      begin != nullptr && begin->code == Code::begin && begin->number(0, 70'000) == session.channel,
      "begin", found(wire), "amqp10:2.5.2-2");
}

Bytes some_frame(Code code, std::uint16_t channel, std::uint32_t handle, View tag) {
  switch (code) {
    case Code::attach:
      return attach_frame(channel, {.name = "x", .handle = handle, .address = "x"});
    case Code::transfer:
      return transfer_frame(channel, {.handle = handle, .id = 0, .tag = tag, .payload = tag});
    case Code::detach:
      return detach_frame(channel, handle, true);
    case Code::disposition:
      return disposition_frame(channel, true, 0, none, true, State::accepted);
    default:
      return end_frame(channel);
  }
}

Script no_session(Stage& stage, Code code) {
  Wire wire{stage};
  co_await opened(wire);
  const View tag = stage.payload(1, 4);
  const std::uint32_t most = std::min(wire.opened->number(3, 65'535), 50u);
  wire.send(some_frame(code, static_cast<std::uint16_t>(stage.draws().between(0, most)), 0, tag));
  wire.wait_for_an_end();
  const Frame* answer = co_await heard(wire, Code::end | Code::close);
  const bool error = answer != nullptr && !condition_of((*answer)[0]).empty();
  stage.expect(error || (answer == nullptr && stage.is_over(wire.client)),
               "a close or an end with an error", answer == nullptr ? found(wire) : "one without");
}

Script no_link(Stage& stage, Code code) {
  Wire wire{stage};
  co_await opened(wire);
  Session session;
  co_await begun(wire, session);
  const View tag = stage.payload(1, 4);
  const std::uint32_t handle = stage.draws().between(0, 20);
  if (code == Code::flow) {
    const Link link{.handle = handle};
    flow(wire, session, &link, {.credit = 10});
  } else {
    wire.send(some_frame(code, session.channel, handle, tag));
  }
  wire.wait_for_an_end();
  const Frame* answer = co_await heard(wire, Code::end | Code::close);
  const std::string_view condition =
      answer == nullptr ? std::string_view{} : condition_of((*answer)[0]);
  stage.expect(!condition.empty(), "an end (or a close) with an error",
               answer == nullptr ? found(wire) : "one without", "amqp10:2.5.4-1");
  if (condition.empty())
    stage.not_exercised("there was no error", "amqp10:2.8.17-1");
  else
    stage.expect(condition == "amqp:session:unattached-handle", "amqp:session:unattached-handle",
                 condition, "amqp10:2.8.17-1");
}

Script handle_twice(Stage& stage) {
  Wire wire{stage};
  co_await opened(wire);
  Session session;
  co_await begun(wire, session);
  Link link;
  co_await attached(wire, session, link, {.address = fresh_node(stage)});
  wire.send(attach_frame(
      session.channel,
      {.name = stage.fresh_id(), .handle = link.handle, .address = fresh_node(stage)}));
  wire.wait_for_an_end();
  const Frame* answer = co_await heard(wire, Code::end | Code::close);
  const std::string_view condition =
      answer == nullptr ? std::string_view{} : condition_of((*answer)[0]);
  stage.expect(condition == "amqp:session:handle-in-use", "amqp:session:handle-in-use",
               answer == nullptr ? found(wire) : stage.keep("\"" + std::string{condition} + "\""));
}

Script handle_too_high(Stage& stage) {
  Wire wire{stage};
  co_await opened(wire);
  wire.send(begin_frame(0, {}));
  const Frame* begin = co_await heard(wire, Code::begin);
  co_await stage.need(begin != nullptr, "begin was not answered");
  const std::uint32_t most = begin->number(4, 0xffff'ffff);
  co_await stage.premise(most < 0xffff'ffff, "every handle is allowed");
  wire.send(attach_frame(
      0, {.name = stage.fresh_id(), .handle = most + 1, .address = fresh_node(stage)}));
  const Ending how = co_await ending(wire);
  stage.expect(how.ended, "the end of the connection for a handle above handle-max",
               stage.keep(describe(how)));
}

Script own_handle_max(Stage& stage) {
  Wire wire{stage};
  co_await opened(wire);
  Session session;
  const Begin begin{.handle_max = stage.draws().between(1, 3)};
  co_await begun(wire, session, &begin);
  std::vector<std::uint32_t> theirs;
  for (std::int64_t handle = 0; handle <= begin.handle_max; ++handle) {
    Link link;
    co_await attached(wire, session, link,
                      {.receives = stage.draws().heads(), .address = fresh_node(stage)});
    stage.expect(link.theirs <= begin.handle_max, "a handle that is not above the handle-max",
                 stage.keep(std::to_string(link.theirs)), "amqp10:2.7.2-2");
    const bool fresh = std::ranges::find(theirs, link.theirs) == theirs.end();
    theirs.push_back(link.theirs);
    stage.expect(fresh, "a handle that has no link yet",
                 stage.keep(std::to_string(link.theirs) + " again"), "amqp10:2.6.2-1");
  }
}

// ---- Links.

Script attach_answered(Stage& stage, bool receives) {
  Wire wire{stage};
  co_await opened(wire);
  Session session;
  co_await begun(wire, session);
  Link link;
  co_await linked(wire, session, link, {.receives = receives, .address = fresh_node(stage)});
  const Frame* answer = link.attach;
  stage.expect(answer != nullptr, "attach with the link's name", found(wire), "amqp10:2.6.3-1");
  if (answer == nullptr) co_return;
  stage.expect((*answer)[2].kind == amqp::Kind::boolean && answer->flag(2) != receives,
               "the other role", "the same", "amqp10:2.6.3-2");
  if (receives)
    stage.expect((*answer)[9].is_number(), "an initial-delivery-count of the sender", "none",
                 "amqp10:2.7.3-1");
}

Script attach_refused(Stage& stage, bool receives) {
  Wire wire{stage};
  co_await opened(wire);
  Session session;
  co_await begun(wire, session);
  Link link;
  co_await linked(wire, session, link,
                  {.receives = receives,
                   .address = stage.keep("/no/such/place/" + std::string{stage.fresh_id()})});
  const Frame* answer = link.attach;
  if (answer == nullptr) {  // the session is gone: that is no answer to an attach
    stage.fail("attach, and a detach with an error", found(wire));
    co_return;
  }
  const bool accepted = (*answer)[receives ? 5 : 6].kind == amqp::Kind::list;
  const Frame* detach = co_await heard_on(wire, Code::detach | Code::end, session.theirs);
  co_await stage.premise(!accepted || detach != nullptr, "the target takes every address");
  const bool detached = detach != nullptr && detach->code == Code::detach;
  stage.expect(detached && !condition_of((*detach)[2]).empty(),
               "a detach with an error behind the attach",
               detached ? "a detach without" : found(wire));
}

Script detach_answered(Stage& stage, bool receives, bool closed, bool again) {
  Wire wire{stage};
  co_await opened(wire);
  Session session;
  co_await begun(wire, session);
  Link link;
  co_await attached(wire, session, link, {.receives = receives, .address = fresh_node(stage)});
  wire.send(detach_frame(session.channel, link.handle, closed));
  const Frame* answer =
      co_await heard_on(wire, Code::detach | Code::end | Code::close, session.theirs);
  const bool detached =
      answer != nullptr && answer->code == Code::detach && answer->number(0, ~std::uint32_t{0}) == link.theirs;
  stage.expect(detached, "detach of the link",
               answer == nullptr ? found(wire) : text_of(answer->code), "amqp10:2.6.4-1");
  if (closed && detached)
    stage.expect(answer->flag(1), "detach with closed", "one without", "amqp10:2.6.6-1");
  if (closed && !detached) stage.not_exercised("there was no detach", "amqp10:2.6.6-1");
  if (!again || !detached) co_return;
  session.handles = link.handle;  // the same once more
  Link second;
  co_await linked(wire, session, second, {.receives = receives, .address = fresh_node(stage)});
  stage.expect(second.attach != nullptr, "attach under the handle that is free again", found(wire),
               "amqp10:2.6.4-2");
}

// ---- Flow.

Script flow_fields(Stage& stage) {
  Wire wire{stage};
  co_await opened(wire);
  Session session;
  co_await begun(wire, session);
  for (std::uint32_t round = stage.draws().between(2, 3); round > 0; --round) {
    Link link;
    co_await attached(wire, session, link, {.address = fresh_node(stage)});
    for (;;) {
      const Frame* flow = co_await heard_on(wire, Code::flow, session.theirs);
      co_await stage.need(flow != nullptr, "no credit came for a sender");
      const bool full = (*flow)[1].is_number() && (*flow)[2].is_number() && (*flow)[3].is_number();
      stage.expect(full, "both windows and next-outgoing-id", "one of them is null",
                   "amqp10:2.7.4-1");
      const std::string_view seen = stage.keep(
          (*flow)[0].is_number() ? std::to_string(flow->number(0)) : std::string{"null"});
      stage.expect((*flow)[0].is_number() && flow->number(0) == session.next_outgoing,
                   stage.keep("the next-incoming-id " + std::to_string(session.next_outgoing)),
                   seen, "amqp10:2.5.6-2");
      if (!(*flow)[4].is_number()) continue;
      link.credit = flow->number(5) + flow->number(6) - link.count;
      break;
    }
    for (std::uint32_t more = std::min(link.credit, stage.draws().between(1, 3)); more > 0;
         --more) {
      const std::uint32_t delivery = session.deliveries;
      const Made message = made(stage, Body::data);
      const bool sent = co_await transferred(wire, session, link, message.whole, 1, false);
      co_await stage.need(sent, "no credit came for a sender");
      const Said said = co_await word_on(wire, session, delivery);
      co_await stage.need(said.answered, "no word came on a message");
    }
    wire.send(detach_frame(session.channel, link.handle, true));
    const Frame* detach = co_await heard_on(wire, Code::detach, session.theirs);
    co_await stage.need(detach != nullptr, "a detach was not answered");
    for (Frame& frame : wire.frames) frame.taken = true;  // what was said before the next link
  }
}

std::vector<Made> several(Stage& stage, std::uint32_t count, std::uint32_t least = 0,
                          std::uint32_t most = 60) {
  std::vector<Made> all;
  for (; count > 0; --count) all.push_back(made(stage, Body::data, least, most));
  return all;
}

Script no_more_than_credit(Stage& stage, std::uint32_t least, std::uint32_t most) {
  Wire wire{stage};
  co_await opened(wire);
  Session session;
  co_await begun(wire, session);
  const std::string_view node = fresh_node(stage);
  const std::uint32_t credit = stage.draws().between(least, most),
                      more = stage.draws().between(1, 4);
  const std::vector<Made> messages = several(stage, credit + more);
  co_await filled(wire, session, node, &messages);
  Link link;
  co_await attached(wire, session, link, {.receives = true, .address = node});
  if (credit > 0) flow(wire, session, &link, {.credit = credit});
  Delivery delivery;
  for (std::uint32_t at = 0; at < credit; ++at) {
    const bool came = co_await delivered(wire, session, link, delivery);
    stage.expect(came, stage.keep(std::to_string(credit) + " messages for as much credit"),
                 stage.keep(std::to_string(at)), "amqp10:2.6.7-2");
    if (!came) co_return;
  }
  const bool beyond = co_await delivered(wire, session, link, delivery);
  stage.expect(!beyond, stage.keep("no message beyond a credit of " + std::to_string(credit)),
               "one more", "amqp10:2.6.7-1");
}

Script drained(Stage& stage, std::uint32_t least, std::uint32_t most) {
  Wire wire{stage};
  co_await opened(wire);
  Session session;
  co_await begun(wire, session);
  const std::string_view node = fresh_node(stage);
  const std::uint32_t count = stage.draws().between(least, most),
                      credit = count + stage.draws().between(1, 20);
  const std::vector<Made> messages = several(stage, count);
  co_await filled(wire, session, node, &messages);
  Link link;
  co_await attached(wire, session, link, {.receives = true, .address = node});
  const std::uint32_t before = link.count;
  flow(wire, session, &link, {.credit = credit, .drain = true});
  Delivery delivery;
  for (std::uint32_t at = 0; at < count; ++at) {
    const bool came = co_await delivered(wire, session, link, delivery);
    stage.expect(came, "every message that is there",
                 stage.keep(std::to_string(at) + " of " + std::to_string(count)));
    if (!came) co_return;
  }
  for (;;) {
    const Frame* flow =
        co_await heard_on(wire, Code::flow | Code::end | Code::detach, session.theirs);
    if (flow == nullptr || flow->code != Code::flow) {
      stage.fail("a flow that gives the credit back", found(wire));
      co_return;
    }
    if ((*flow)[4].kind != amqp::Kind::uint || flow->number(4) != link.theirs) continue;
    const bool back = flow->number(5) == before + credit && flow->number(6) == 0;
    if (!back && flow->number(6) != 0) continue;  // said on the way
    stage.expect(back,
                 stage.keep("delivery-count " + std::to_string(before + credit) + ", credit 0"),
                 stage.keep("delivery-count " + std::to_string(flow->number(5)) + ", credit " +
                            std::to_string(flow->number(6))));
    co_return;
  }
}

Script session_window(Stage& stage, bool frames) {
  Wire wire{stage};
  Open open;
  if (frames) open.max_frame = 512;
  co_await opened(wire, &open);
  Session session;
  co_await begun(wire, session);
  const std::string_view node = fresh_node(stage);
  const std::uint32_t window = stage.draws().between(1, 5);
  const std::vector<Made> messages = frames ? several(stage, 2, 4'000, 6'000)
                                            : several(stage, window + stage.draws().between(1, 4));
  co_await filled(wire, session, node, &messages);
  Session second;
  const Begin narrow{.next_outgoing = 0, .incoming_window = window};
  co_await begun(wire, second, &narrow, session.channel == 0 ? 1 : 0);
  Link link;
  co_await attached(wire, second, link, {.receives = true, .address = node});
  flow(wire, second, &link, {.credit = 100});
  std::uint32_t came = 0;
  for (;;) {
    const Frame* transfer = co_await heard_on(wire, Code::transfer, second.theirs);
    if (transfer == nullptr || ++came > window) break;
  }
  const std::string_view wanted =
      stage.keep(std::to_string(window) + " transfers for a window of as many");
  stage.expect(came <= window, wanted, "more");
  if (came > window) co_return;
  co_await stage.need(came == window, "fewer transfers came than the window allows");
  second.next_incoming += came;
  flow(wire, second, nullptr, {});  // the window is open again
  const Frame* more = co_await heard_on(wire, Code::transfer, second.theirs);
  stage.expect(more != nullptr, "transfers once the window is open again", found(wire));
}

}  // namespace

void add_sessions(Cases& cases) {
  const auto add = [&](std::string name, std::string sentence, std::vector<std::string> clauses,
                       std::function<Script(Stage&)> script, bool node = true) {
    Capabilities needs;
    if (node) needs.add(Capability::node);
    cases.push_back({"amqp10/" + name, std::move(sentence), std::move(clauses), std::move(script),
                     needs, For::amqp_brokers});
  };
  const std::vector<std::string> begin{"amqp10:2.5.1-1", "amqp10:2.7.2-1"};
  add(
      "session/begin", "A session begins on a channel of chance", begin,
      [](Stage& s) { return begin_answered(s, none); }, false);
  add(
      "session/begin-on-0", "A session begins on channel 0", begin,
      [](Stage& s) { return begin_answered(s, 0); }, false);
  add(
      "session/begin-on-200", "A session begins on channel 200", begin,
      [](Stage& s) { return begin_answered(s, 200); }, false);
  add("session/several", "Several sessions begin", {"amqp10:2.5.1-2"}, several_sessions, false);
  add("session/begin-twice", "A begin comes on a channel that has a session", {"amqp10:2.5.1-3"},
      begin_twice, false);
  add(
      "session/end", "A session ends", {"amqp10:2.5.2-1"},
      [](Stage& s) { return end_answered(s, false, false); }, false);
  add("session/end-with-link", "A session with a link ends", {"amqp10:2.5.2-1"},
      [](Stage& s) { return end_answered(s, true, false); });
  add(
      "session/begin-again", "A session begins on a channel whose session has ended",
      {"amqp10:2.5.2-1", "amqp10:2.5.2-2"}, [](Stage& s) { return end_answered(s, false, true); },
      false);
  for (const Code code : {Code::attach, Code::transfer, Code::disposition, Code::detach, Code::end})
    add(
        "session/none-for-" + std::string{text_of(code)},
        "A frame comes on a channel without a session", {"amqp10:2.5.5-1"},
        [code](Stage& s) { return no_session(s, code); }, false);
  for (const Code code : {Code::transfer, Code::flow, Code::detach})
    add(
        "session/no-link-for-" + std::string{text_of(code)},
        "A frame names a handle without a link", {"amqp10:2.5.4-1", "amqp10:2.8.17-1"},
        [code](Stage& s) { return no_link(s, code); }, false);
  add("session/window", "A receiver's session has a small window", {"amqp10:2.5.6-1"},
      [](Stage& s) { return session_window(s, false); });
  add("session/window-of-frames", "A receiver's session has a small window, and messages are long",
      {"amqp10:2.5.6-1"}, [](Stage& s) { return session_window(s, true); });
  add("session/flow", "Senders attach one after the other", {"amqp10:2.5.6-2", "amqp10:2.7.4-1"},
      flow_fields);
  add("session/own-handle-max", "A client allows few handles, and uses them all",
      {"amqp10:2.7.2-2", "amqp10:2.6.2-1"}, own_handle_max);
  add("session/handle-too-high", "An attach has a handle above the target's handle-max",
      {"amqp10:2.7.2-3"}, handle_too_high);
  add("link/handle-twice", "An attach has the handle of another link", {"amqp10:2.7.3-2"},
      handle_twice);
  add("link/sender", "A sender attaches", {"amqp10:2.6.3-1", "amqp10:2.6.3-2"},
      [](Stage& s) { return attach_answered(s, false); });
  add("link/receiver", "A receiver attaches",
      {"amqp10:2.6.3-1", "amqp10:2.6.3-2", "amqp10:2.7.3-1"},
      [](Stage& s) { return attach_answered(s, true); });
  add("link/sender-to-nowhere", "A sender attaches to an address that cannot be",
      {"amqp10:2.6.3-3"}, [](Stage& s) { return attach_refused(s, false); });
  add("link/receiver-from-nowhere", "A receiver attaches to an address that cannot be",
      {"amqp10:2.6.3-3"}, [](Stage& s) { return attach_refused(s, true); });
  const std::vector<std::string> detach{"amqp10:2.6.4-1"},
      close{"amqp10:2.6.4-1", "amqp10:2.6.6-1"};
  add("link/detach-of-sender", "A sender detaches", detach,
      [](Stage& s) { return detach_answered(s, false, false, false); });
  add("link/detach-of-receiver", "A receiver detaches", detach,
      [](Stage& s) { return detach_answered(s, true, false, false); });
  add("link/close-of-sender", "A sender detaches for good", close,
      [](Stage& s) { return detach_answered(s, false, true, false); });
  add("link/close-of-receiver", "A receiver detaches for good", close,
      [](Stage& s) { return detach_answered(s, true, true, false); });
  add("link/handle-again", "A handle is used again",
      {"amqp10:2.6.4-1", "amqp10:2.6.6-1", "amqp10:2.6.4-2"},
      [](Stage& s) { return detach_answered(s, s.draws().heads(), true, true); });
  add("link/credit-0", "A receiver grants no credit", {"amqp10:2.6.7-1"},
      [](Stage& s) { return no_more_than_credit(s, 0, 0); });
  add("link/credit-1", "A receiver grants a credit of 1", {"amqp10:2.6.7-1", "amqp10:2.6.7-2"},
      [](Stage& s) { return no_more_than_credit(s, 1, 1); });
  add("link/credit", "A receiver grants less credit than there are messages",
      {"amqp10:2.6.7-1", "amqp10:2.6.7-2"}, [](Stage& s) { return no_more_than_credit(s, 2, 12); });
  add("link/drain-of-nothing", "A receiver drains a node that is empty", {"amqp10:2.6.7-3"},
      [](Stage& s) { return drained(s, 0, 0); });
  add("link/drain", "A receiver drains a node that has fewer messages than the credit",
      {"amqp10:2.6.7-3"}, [](Stage& s) { return drained(s, 1, 6); });
}

}  // namespace hubproof::conformance::cases::amqp10
