// Transfers and dispositions (2.6.12, 2.7.3, 2.7.5, 2.7.6) and part 3 of AMQP 1.0: what becomes of
// messages.
#include <algorithm>

#include "conformance/cases/amqp10.hpp"

namespace hubproof::conformance::cases::amqp10 {
namespace {

// A connection with one session, and a node of the case's own.
struct Bench {
  explicit Bench(Stage& of) : stage{of}, wire{of} {}
  Stage& stage;
  Wire wire;
  Session session;
  std::string_view node;
};

Task<void> ready(Bench& bench, const Open* open = nullptr) {
  co_await opened(bench.wire, open);
  co_await begun(bench.wire, bench.session);
  bench.node = fresh_node(bench.stage);
}

std::vector<Made> several(Stage& stage, std::uint32_t count) {
  std::vector<Made> all;
  for (; count > 0; --count) all.push_back(made(stage, Body::data, 0, 60));
  return all;
}

// A receiver with so much credit.
Task<void> reads(Bench& bench, Link& link, std::uint32_t credit, Attaching attach = {}) {
  attach.receives = true;
  attach.address = bench.node;
  co_await attached(bench.wire, bench.session, link, attach);
  flow(bench.wire, bench.session, &link, {.credit = credit});
}

Task<void> detached(Bench& bench, const Link& link) {
  bench.wire.send(detach_frame(bench.session.channel, link.handle, true));
  const Frame* answer = co_await heard_on(bench.wire, Code::detach, bench.session.theirs);
  co_await bench.stage.need(answer != nullptr, "a detach was not answered");
}

void settle(Bench& bench, std::uint32_t first, std::int64_t last, State state,
            bool failed = false) {
  bench.wire.send(disposition_frame(bench.session.channel, true, first, last, true, state, failed));
}

// ---- Sending.

Script word_comes(Stage& stage, std::uint32_t least, std::uint32_t most) {
  Bench bench{stage};
  co_await ready(bench);
  Link link;
  co_await attached(bench.wire, bench.session, link, {.address = bench.node});
  const std::uint32_t first = bench.session.deliveries, count = stage.draws().between(least, most);
  for (std::uint32_t more = count; more > 0; --more) {
    const Made message = made(stage, Body::data);
    const bool sent =
        co_await transferred(bench.wire, bench.session, link, message.whole, 1, false);
    co_await stage.need(sent, "no credit came for a sender");
  }
  for (std::uint32_t at = 0; at < count; ++at) {
    const Said said = co_await word_on(bench.wire, bench.session, first + at);
    stage.expect(
        said.answered && said.receiver,
        stage.keep("a disposition of the receiver on delivery " + std::to_string(first + at)),
        found(bench.wire), "amqp10:2.7.6-1");
    if (said.answered)
      stage.expect(said.settled && said.state == State::accepted, "accepted, and settled",
                   "another state", "amqp10:3.4.2-1");
  }
}

Script settled_arrives(Stage& stage) {
  Bench bench{stage};
  co_await ready(bench);
  Link link, reader;
  co_await attached(bench.wire, bench.session, link,
                    {.address = bench.node, .sender_settles = stage.draws().heads() ? 1 : 2});
  const Made message = made(stage, Body::data);
  const bool sent = co_await transferred(bench.wire, bench.session, link, message.whole, 1, true);
  co_await stage.need(sent, "no credit came for a sender");
  co_await reads(bench, reader, 1);
  Delivery delivery;
  const bool came = co_await delivered(bench.wire, bench.session, reader, delivery);
  stage.expect(came, "the message", found(bench.wire));
}

Script receiver_settles_second(Stage& stage) {
  Bench bench{stage};
  co_await ready(bench);
  Link link;
  co_await linked(bench.wire, bench.session, link,
                  {.address = bench.node, .receiver_settles = 1});
  co_await stage.premise(link.attach != nullptr && link.attach->number(4) == 1,
                         "the target settles first, and says so, or refuses the link");
  const Made message = made(stage, Body::data);
  const bool sent = co_await transferred(bench.wire, bench.session, link, message.whole, 1, false);
  co_await stage.need(sent, "no credit came for a sender");
  const Said said = co_await word_on(bench.wire, bench.session, 0);
  stage.expect(said.answered && !said.settled, "a word that does not settle",
               said.answered ? "one that settles" : found(bench.wire));
}

Script too_large(Stage& stage) {
  Bench bench{stage};
  co_await ready(bench);
  Link link;
  co_await attached(bench.wire, bench.session, link, {.address = bench.node});
  const amqp::Value announced = (*link.attach)[10];
  const std::uint64_t most = announced.is_number() ? announced.bits : 0;
  co_await stage.premise(most != 0 && most < 4 * std::uint64_t{stage.target().limits.packet},
                         "the target has no max-message-size that the suite can exceed");
  const auto size = static_cast<std::uint32_t>(most);
  const Made message = made(stage, Body::data, size, size + 100);
  const std::uint32_t frames = bench.wire.opened->number(2, 65'536);
  // In as many transfers as the target's frames want.
  const std::uint32_t delivery = bench.session.deliveries;
  co_await stage.need(frames > 100, "the target's max-frame-size is too small");
  Transfer transfer{.handle = link.handle, .id = delivery};
  const Bytes tag{7};
  View left = message.whole;
  for (bool first = true; !left.empty(); first = false) {
    const View part =
        left.first(std::min<std::size_t>(left.size(), std::min(frames, 60'000u) - 60));
    left = left.subspan(part.size());
    transfer = {.handle = link.handle,
                .id = delivery,
                .tag = tag,
                .first = first,
                .more = !left.empty(),
                .payload = part};
    bench.wire.send(transfer_frame(bench.session.channel, transfer));
  }
  const Frame* answer =
      co_await heard_on(bench.wire, Code::detach | Code::end, bench.session.theirs);
  const std::string_view condition =
      answer == nullptr ? std::string_view{}
                        : condition_of((*answer)[answer->code == Code::detach ? 2 : 0]);
  stage.expect(condition == "amqp:link:message-size-exceeded",
               "a detach with amqp:link:message-size-exceeded",
               answer == nullptr ? found(bench.wire) : condition);
}

Script in_transfers(Stage& stage, std::uint32_t least, std::uint32_t most, std::uint32_t size) {
  Bench bench{stage};
  co_await ready(bench);
  Link link, reader;
  co_await attached(bench.wire, bench.session, link, {.address = bench.node});
  const Made message = made(stage, Body::data, size / 2, size);
  const bool sent = co_await transferred(bench.wire, bench.session, link, message.whole,
                                         stage.draws().between(least, most), false);
  co_await stage.need(sent, "no credit came for a sender");
  const Said said = co_await word_on(bench.wire, bench.session, 0);
  stage.expect(said.state == State::accepted, "accepted", found(bench.wire));
  co_await reads(bench, reader, 1);
  Delivery delivery;
  const bool came = co_await delivered(bench.wire, bench.session, reader, delivery);
  stage.expect(came && delivery.bytes.size() >= message.bare.size(), "the message as a whole",
               came ? "less" : found(bench.wire));
}

Script interleaved(Stage& stage) {
  Bench bench{stage};
  co_await ready(bench);
  Link links[2];
  Made messages[2];
  std::string_view nodes[2];
  for (int at = 0; at < 2; ++at) {
    nodes[at] = fresh_node(stage);
    messages[at] = made(stage, Body::data, 20, 300);
    co_await attached(bench.wire, bench.session, links[at], {.address = nodes[at]});
    const Frame* credit = co_await heard_on(bench.wire, Code::flow, bench.session.theirs);
    co_await stage.need(credit != nullptr, "no credit came for a sender");
  }
  const Bytes tag{1};
  for (const bool first : {true, false})
    for (std::uint32_t at = 0; at < 2; ++at) {
      const std::size_t half = messages[at].whole.size() / 2;
      const View part = first ? messages[at].whole.first(half) : messages[at].whole.subspan(half);
      bench.wire.send(transfer_frame(bench.session.channel, {.handle = links[at].handle,
                                                             .id = at,
                                                             .tag = tag,
                                                             .first = first,
                                                             .more = first,
                                                             .payload = part}));
      ++bench.session.next_outgoing;
    }
  for (std::uint32_t at = 0; at < 2; ++at) {
    const Said said = co_await word_on(bench.wire, bench.session, at);
    co_await stage.need(said.answered, "no word came on a message");
    bench.node = nodes[at];
    Link reader;
    co_await reads(bench, reader, 1);
    Delivery delivery;
    const bool came = co_await delivered(bench.wire, bench.session, reader, delivery);
    const bool whole =
        came && std::ranges::search(delivery.bytes, model::view(messages[at].id)).size() > 0 &&
        delivery.bytes.size() >= messages[at].bare.size();
    stage.expect(whole, "each message as a whole", came ? "another" : found(bench.wire));
  }
}

Script aborted(Stage& stage, bool with_payload) {
  Bench bench{stage};
  co_await ready(bench);
  Link link, reader;
  co_await attached(bench.wire, bench.session, link, {.address = bench.node});
  const Frame* credit = co_await heard_on(bench.wire, Code::flow, bench.session.theirs);
  co_await stage.need(credit != nullptr, "no credit came for a sender");
  const Made gone = made(stage, Body::data, 20, 300);
  const Bytes tag{1}, second{2};
  const std::size_t half = gone.whole.size() / 2;
  bench.wire.send(transfer_frame(bench.session.channel, {.handle = link.handle,
                                                         .id = 0,
                                                         .tag = tag,
                                                         .more = true,
                                                         .payload = gone.whole.first(half)}));
  bench.wire.send(transfer_frame(bench.session.channel,
                                 {.handle = link.handle,
                                  .id = 0,
                                  .first = false,
                                  .aborted = true,
                                  .payload = with_payload ? gone.whole.subspan(half) : View{}}));
  const Made kept = made(stage, Body::data, 20, 300);
  bench.wire.send(
      transfer_frame(bench.session.channel,
                     {.handle = link.handle, .id = 1, .tag = second, .payload = kept.whole}));
  bench.session.next_outgoing += 3;
  const Said said = co_await word_on(bench.wire, bench.session, 1);
  stage.expect(said.state == State::accepted, "the next message, accepted", found(bench.wire));
  if (said.state != State::accepted) co_return;
  co_await reads(bench, reader, 10);
  Delivery delivery;
  const bool came = co_await delivered(bench.wire, bench.session, reader, delivery);
  co_await stage.need(came, "the next message did not come");
  const bool right = std::ranges::equal(delivery.bare(), kept.bare) ||
                     std::ranges::search(delivery.bytes, model::view(kept.id)).size() > 0;
  const bool wrong = std::ranges::search(delivery.bytes, model::view(gone.id)).size() > 0;
  const bool more = co_await delivered(bench.wire, bench.session, reader, delivery);
  stage.expect(right && !wrong && !more, "nothing of the aborted message",
               more ? "another message" : "something of it");
}

// ---- Receiving.

Script transfer_fields(Stage& stage, bool small_frames) {
  Bench bench{stage};
  Open open;
  if (small_frames) open.max_frame = stage.draws().between(512, 1'500);
  co_await ready(bench, &open);
  std::vector<Made> messages;
  for (std::uint32_t more = stage.draws().between(2, 5); more > 0; --more)
    messages.push_back(small_frames ? made(stage, Body::data, 2'000, 5'000)
                                    : made(stage, Body::data));
  co_await filled(bench.wire, bench.session, bench.node, &messages);
  Link link;
  co_await reads(bench, link, 10);
  std::vector<View> tags;
  std::vector<Bytes> kept;
  std::uint32_t last = 0;
  for (std::size_t at = 0; at < messages.size(); ++at) {
    Delivery delivery;
    const bool came = co_await delivered(bench.wire, bench.session, link, delivery);
    co_await stage.need(came, "a message did not come");
    const bool tagged = !delivery.tag.empty() && delivery.tag.size() <= 32;
    stage.expect(tagged, "a delivery-tag of 1 to 32 bytes",
                 stage.keep(std::to_string(delivery.tag.size()) + " bytes"), "amqp10:2.7.5-1");
    const bool next = at == 0 || delivery.id - last - 1 < 0x7fff'ffff;
    stage.expect(next, "delivery-ids that grow",
                 stage.keep(std::to_string(delivery.id) + " behind " + std::to_string(last)),
                 "amqp10:2.7.5-2");
    const bool fresh =
        std::ranges::none_of(tags, [&](View tag) { return std::ranges::equal(tag, delivery.tag); });
    if (!delivery.settled)
      stage.expect(fresh, "a tag that no unsettled delivery has", "one again", "amqp10:2.7.5-3");
    else
      stage.not_exercised("the target settles at once", "amqp10:2.7.5-3");
    tags.push_back(delivery.tag);
    last = delivery.id;
    if (!small_frames) continue;
    stage.expect(delivery.frames > 1 && delivery.bytes.size() >= messages[at].bare.size(),
                 "the message in several transfers",
                 stage.keep(std::to_string(delivery.bytes.size()) + " bytes in " +
                            std::to_string(delivery.frames)),
                 "amqp10:2.7.5-4");
  }
  if (small_frames) stage.pass("amqp10:2.7.1-1");
}

Script settle_mode(Stage& stage, std::int64_t mode) {
  Bench bench{stage};
  co_await ready(bench);
  const std::vector<Made> messages = several(stage, stage.draws().between(1, 4));
  co_await filled(bench.wire, bench.session, bench.node, &messages);
  Link link;
  co_await reads(bench, link, 10, {.sender_settles = mode});
  const std::uint32_t said = link.attach->number(3, 2);
  co_await stage.premise(said != 2, "the target says that it may do either");
  for (std::size_t at = 0; at < messages.size(); ++at) {
    Delivery delivery;
    const bool came = co_await delivered(bench.wire, bench.session, link, delivery);
    co_await stage.need(came, "a message did not come");
    stage.expect(delivery.settled == (said == 1),
                 said == 1 ? "settled deliveries, as the attach says"
                           : "unsettled deliveries, as the attach says",
                 "the others");
  }
}

Script own_max_message_size(Stage& stage) {
  Bench bench{stage};
  co_await ready(bench);
  std::vector<Made> messages;
  messages.push_back(made(stage, Body::data, 2'000, 4'000));
  co_await filled(bench.wire, bench.session, bench.node, &messages);
  Link link;
  co_await reads(bench, link, 10, {.max_message_size = stage.draws().between(600, 1'200)});
  Delivery delivery;
  const bool came = co_await delivered(bench.wire, bench.session, link, delivery);
  stage.expect(!came, "no message above the receiver's max-message-size",
               stage.keep(std::to_string(delivery.bytes.size()) + " bytes"));
}

Script unchanged(Stage& stage, Body body, std::uint32_t least, std::uint32_t most) {
  Bench bench{stage};
  co_await ready(bench);
  std::vector<Made> messages;
  messages.push_back(made(stage, body, least, most, true));
  co_await filled(bench.wire, bench.session, bench.node, &messages);
  Link link;
  co_await reads(bench, link, 1);
  Delivery delivery;
  const bool came = co_await delivered(bench.wire, bench.session, link, delivery);
  co_await stage.need(came, "the message did not come");
  stage.expect(std::ranges::equal(delivery.bare(), messages[0].bare),
               "the bare message as it was encoded", stage.keep(hex(delivery.bare(), 200)),
               "amqp10:3.2.0-1");
  const bool annotated =
      std::ranges::search(delivery.annotations(), messages[0].annotations.subspan(8)).size() > 0;
  stage.expect(annotated, "the message's annotations", stage.keep(hex(delivery.annotations())),
               "amqp10:3.2.3-1");
  stage.expect(delivery.count() == 0, "delivery-count 0",
               stage.keep(std::to_string(delivery.count())), "amqp10:3.2.1-1");
}

// ---- What a receiver's word does.

Script word_of_receiver(Stage& stage, State state, bool failed) {
  Bench bench{stage};
  co_await ready(bench);
  std::vector<Made> messages = several(stage, 1);
  co_await filled(bench.wire, bench.session, bench.node, &messages);
  std::uint32_t wanted = 0;
  for (std::uint32_t round = stage.draws().between(1, 3);; --round) {
    Link link;
    co_await reads(bench, link, 1);
    Delivery delivery;
    const bool came = co_await delivered(bench.wire, bench.session, link, delivery);
    if (wanted == 0 && round > 0 && !came) co_await stage.need(false, "the message did not come");
    if (state == State::accepted && round == 0) {
      stage.expect(!came, "no message once it was accepted", "it again");
      co_return;
    }
    stage.expect(came, "the message again", found(bench.wire));
    if (!came) co_return;
    const bool same = std::ranges::search(delivery.bytes, model::view(messages[0].id)).size() > 0;
    stage.expect(same, "the same message", "another");
    stage.expect(delivery.count() == wanted, stage.keep("delivery-count " + std::to_string(wanted)),
                 stage.keep(std::to_string(delivery.count())));
    if (round == 0) co_return;
    if (failed) ++wanted;
    settle(bench, delivery.id, none, state, failed);
    co_await detached(bench, link);
    if (state == State::accepted) round = 1;
  }
}

Script range_settled(Stage& stage) {
  Bench bench{stage};
  co_await ready(bench);
  const std::uint32_t count = stage.draws().between(3, 6);
  std::vector<Made> messages = several(stage, count);
  co_await filled(bench.wire, bench.session, bench.node, &messages);
  Link link, second;
  co_await reads(bench, link, count);
  std::uint32_t first = 0, last = 0;
  for (std::uint32_t at = 0; at < count; ++at) {
    Delivery delivery;
    const bool came = co_await delivered(bench.wire, bench.session, link, delivery);
    co_await stage.need(came, "a message did not come");
    if (at == 0) first = delivery.id;
    last = delivery.id;
  }
  settle(bench, first, last, State::accepted);
  co_await detached(bench, link);
  co_await reads(bench, second, count);
  Delivery delivery;
  const bool again = co_await delivered(bench.wire, bench.session, second, delivery);
  stage.expect(!again, "no message once all were accepted", "one of them again");
}

}  // namespace

void add_messages(Cases& cases) {
  const auto add = [&](std::string name, std::string sentence, std::vector<std::string> clauses,
                       std::function<Script(Stage&)> script) {
    cases.push_back({"amqp10/" + name,
                     std::move(sentence),
                     std::move(clauses),
                     std::move(script),
                     {Capability::node},
                     For::amqp_brokers});
  };
  add("send/one", "A message is sent", {"amqp10:2.7.6-1", "amqp10:3.4.2-1"},
      [](Stage& s) { return word_comes(s, 1, 1); });
  add("send/many", "Messages are sent before there is a word on any",
      {"amqp10:2.7.6-1", "amqp10:3.4.2-1"}, [](Stage& s) { return word_comes(s, 5, 20); });
  add("send/settled", "A message is sent settled", {"amqp10:2.6.12-1"}, settled_arrives);
  add("send/receiver-settles-second", "The receiver is to settle second", {"amqp10:2.7.3-5"},
      receiver_settles_second);
  add("send/too-large", "A message is larger than the target's max-message-size",
      {"amqp10:2.7.3-6"}, too_large);
  add("send/two-transfers", "A message comes in two transfers", {"amqp10:2.7.5-5"},
      [](Stage& s) { return in_transfers(s, 2, 2, 500); });
  add("send/many-transfers", "A message comes in many transfers, some of which may be empty",
      {"amqp10:2.7.5-5"}, [](Stage& s) { return in_transfers(s, 3, 12, 9'000); });
  add("send/interleaved", "The transfers of two links alternate", {"amqp10:2.7.5-5"}, interleaved);
  add("send/aborted", "A message is aborted between its transfers", {"amqp10:2.7.5-6"},
      [](Stage& s) { return aborted(s, false); });
  add("send/aborted-with-payload", "The transfer that aborts a message has a payload",
      {"amqp10:2.7.5-6"}, [](Stage& s) { return aborted(s, true); });
  add("receive/fields", "Messages are received",
      {"amqp10:2.7.5-1", "amqp10:2.7.5-2", "amqp10:2.7.5-3"},
      [](Stage& s) { return transfer_fields(s, false); });
  add("receive/small-frames", "Long messages are received in short frames",
      {"amqp10:2.7.5-1", "amqp10:2.7.5-2", "amqp10:2.7.5-3", "amqp10:2.7.5-4", "amqp10:2.7.1-1"},
      [](Stage& s) { return transfer_fields(s, true); });
  add("receive/settled", "A receiver wants settled deliveries", {"amqp10:2.7.3-3"},
      [](Stage& s) { return settle_mode(s, 1); });
  add("receive/unsettled", "A receiver wants unsettled deliveries", {"amqp10:2.7.3-3"},
      [](Stage& s) { return settle_mode(s, 0); });
  add("receive/own-max-message-size", "A receiver has a max-message-size", {"amqp10:2.7.3-4"},
      own_max_message_size);
  const std::vector<std::string> message{"amqp10:3.2.0-1", "amqp10:3.2.1-1", "amqp10:3.2.3-1"};
  add("message/data", "A message of one data section", message,
      [](Stage& s) { return unchanged(s, Body::data, 0, 200); });
  add("message/long-data", "A message of one long data section", message,
      [](Stage& s) { return unchanged(s, Body::data, 10'000, 60'000); });
  add("message/several-data", "A message of several data sections", message,
      [](Stage& s) { return unchanged(s, Body::several_data, 0, 200); });
  add("message/value", "A message whose body is a value", message,
      [](Stage& s) { return unchanged(s, Body::value, 0, 0); });
  add("message/sequence", "A message whose body is a sequence", message,
      [](Stage& s) { return unchanged(s, Body::sequence, 0, 0); });
  add("outcome/accepted", "A receiver accepts", {"amqp10:3.4.2-2"},
      [](Stage& s) { return word_of_receiver(s, State::accepted, false); });
  add("outcome/released", "A receiver releases", {"amqp10:3.4.4-1"},
      [](Stage& s) { return word_of_receiver(s, State::released, false); });
  add("outcome/modified", "A receiver modifies, as the delivery failed", {"amqp10:3.4.5-1"},
      [](Stage& s) { return word_of_receiver(s, State::modified, true); });
  add("outcome/range", "A receiver accepts all deliveries by one disposition", {"amqp10:2.7.6-2"},
      range_settled);
}

}  // namespace hubproof::conformance::cases::amqp10
