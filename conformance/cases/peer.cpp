#include "conformance/cases/peer.hpp"

#include "conformance/cases/http.hpp"

namespace hubproof::conformance::cases {
namespace {

// The token that was put is taken, or the case gives up.
Task<void> put_token(Peer& peer, std::string_view audience, std::string_view token) {
  if (token.empty()) co_return;
  const int status = co_await peer.connection.token_put(audience, token);
  if (status != 200) co_await peer.stage.give_up(peer.stage.keep("a good token was answered with " + std::to_string(status)));
}

}  // namespace

void Peer::grant(amqp::LinkId link, std::uint32_t credit) {
  engine().grant(link, credit);
  connection.flush();
}

std::string_view text_of(amqp::Outcome outcome) {
  switch (outcome) {
    case amqp::Outcome::accepted: return "accepted";
    case amqp::Outcome::rejected: return "rejected";
    case amqp::Outcome::released: return "released";
    case amqp::Outcome::modified: return "modified";
    case amqp::Outcome::none: break;
  }
  return "no outcome";
}

std::string describe(const Linked& linked) {
  if (!linked.answered) return "no answer to the attach";
  return linked.link != amqp::LinkId::none ? "a link" : "a refusal with " + std::string{linked.condition};
}

std::string describe(const Said& said) {
  if (!said.answered) return "no word on it";
  return std::string{text_of(said.outcome)} + (said.condition.empty() ? "" : " with " + std::string{said.condition});
}

Task<void> open_as_device(Peer& peer, Who who) {
  co_await peer.connection.opened();
  const std::string_view audience =
      peer.stage.keep(peer.stage.target().host + "/devices/" + peer.stage.identity(who).id);
  co_await put_token(peer, audience, peer.stage.identity(who).password);
}

Task<void> open_as_service(Peer& peer) {
  co_await peer.connection.opened();
  const Identity* policy = peer.stage.target().policy("service");
  if (policy == nullptr) policy = peer.stage.target().policy("iothubowner");
  if (policy != nullptr) co_await put_token(peer, peer.stage.target().host, policy->password);
}

Task<bool> moved(Peer& peer) {
  const amqp::Event* event = co_await peer.connection.next();
  if (event == nullptr) co_return false;
  if (const auto* one = std::get_if<amqp::Arrived>(event)) peer.arrived.push_back(*one);
  else peer.events.push_back(*event);
  co_return true;
}

Task<Linked> attached(Peer& peer, const amqp::Attach* attach) {
  const amqp::LinkId link = peer.engine().attach(*attach);
  Linked linked;
  for (;;) {
    // A refusal is an answer that names no place, and a detach with the error behind it.
    for (std::size_t at = 0; at < peer.events.size();) {
      const auto* answer = std::get_if<amqp::Attached>(&peer.events[at]);
      const auto* detached = std::get_if<amqp::Detached>(&peer.events[at]);
      if (answer != nullptr && answer->link == link) {
        const bool refused = attach->peer_sends ? answer->attach.source.empty() : answer->attach.target.empty();
        peer.events.erase(peer.events.begin() + static_cast<std::ptrdiff_t>(at));
        linked.answered = true;
        if (refused) continue;
        linked.link = link;
        co_return linked;
      }
      if (detached != nullptr && detached->link == link) {
        linked.answered = true;
        linked.condition = peer.stage.keep(detached->error.condition);
        peer.events.erase(peer.events.begin() + static_cast<std::ptrdiff_t>(at));
        co_return linked;
      }
      ++at;
    }
    const bool more = co_await moved(peer);
    if (!more) co_return linked;
  }
}

Task<Linked> sender(Peer& peer, std::string_view address) {
  amqp::Attach attach;
  attach.peer_sends = false;
  attach.name = "s" + std::to_string(++peer.named);
  attach.target = std::string{address};
  const Linked linked = co_await attached(peer, &attach);
  co_return linked;
}

Task<Linked> receiver(Peer& peer, std::string_view address, std::uint32_t credit, std::string_view selector) {
  amqp::Attach attach;
  attach.name = "r" + std::to_string(++peer.named);
  attach.source = std::string{address};
  attach.target = attach.name;
  attach.receiver_settles = amqp::ReceiverSettles::second;
  if (!selector.empty()) {
    amqp::ValueWriter filter{attach.filter};
    filter.begin_map();
    filter.symbol("apache.org:selector-filter:string");
    filter.descriptor(0x04);
    filter.string(selector);
    filter.end();
  }
  const Linked linked = co_await attached(peer, &attach);
  if (linked.there() && credit > 0) peer.grant(linked.link, credit);
  co_return linked;
}

Task<Said> transferred(Peer& peer, amqp::LinkId link, View message) {
  Said said;
  while (peer.engine().credit(link) == 0) {
    const bool more = co_await moved(peer);
    if (!more) co_return said;
  }
  const std::uint32_t tag = ++peer.tags;
  const Bytes tag_bytes{static_cast<std::uint8_t>(tag >> 8), static_cast<std::uint8_t>(tag)};
  const amqp::DeliveryId delivery = peer.engine().send(link, tag_bytes, message);
  for (;;) {
    for (std::size_t at = 0; at < peer.events.size(); ++at) {
      const auto* settled = std::get_if<amqp::Settled>(&peer.events[at]);
      const auto* detached = std::get_if<amqp::Detached>(&peer.events[at]);
      if (settled != nullptr && settled->link == link && settled->delivery == delivery) {
        said.answered = true;
        said.outcome = settled->outcome;
        said.condition = peer.stage.keep(settled->error.condition);
        peer.engine().forget(link, delivery);
        peer.events.erase(peer.events.begin() + static_cast<std::ptrdiff_t>(at));
        co_return said;
      }
      if (detached != nullptr && detached->link == link) {
        said.condition = peer.stage.keep(detached->error.condition);
        co_return said;
      }
    }
    const bool more = co_await moved(peer);
    if (!more) co_return said;
  }
}

Task<const amqp::Arrived*> received(Peer& peer, amqp::LinkId link) {
  for (;;) {
    std::size_t& at = peer.taken[link];
    while (at < peer.arrived.size()) {
      const amqp::Arrived& one = peer.arrived[at++];
      if (one.link == link) co_return &one;
    }
    const bool more = co_await moved(peer);
    if (!more) co_return nullptr;
  }
}

Task<Said> settled(Peer& peer, amqp::LinkId link, amqp::DeliveryId delivery, amqp::Outcome outcome) {
  peer.engine().propose(link, delivery, outcome);
  Said said;
  for (;;) {
    for (std::size_t at = 0; at < peer.events.size(); ++at) {
      const auto* answer = std::get_if<amqp::Settled>(&peer.events[at]);
      if (answer == nullptr || answer->link != link || answer->delivery != delivery) continue;
      said.answered = true;
      said.outcome = answer->outcome;
      said.condition = peer.stage.keep(answer->error.condition);
      peer.events.erase(peer.events.begin() + static_cast<std::ptrdiff_t>(at));
      peer.engine().settle(link, delivery, amqp::Outcome::none);
      peer.connection.flush();
      co_return said;
    }
    const bool more = co_await moved(peer);
    if (!more) co_return said;
  }
}

Shape named_shape(Stage& stage) {
  Shape shape;
  shape.id = stage.keep(std::string{stage.fresh_id()} + std::string{stage.fresh_level()});
  return shape;
}

View encoded(Stage& stage, const Shape& shape) {
  Bytes flat;
  model::MessageWriter writer{flat};
  using model::System;
  const auto system = [&](System which, std::string_view value) {
    if (!value.empty()) writer.system(which, value);
  };
  system(System::message_id, shape.id);
  system(System::correlation_id, shape.correlation);
  system(System::user_id, shape.user);
  system(System::content_type, shape.content_type);
  system(System::content_encoding, shape.content_encoding);
  if (shape.expiry != 0) writer.expiry_milliseconds(shape.expiry);
  if (shape.ack != model::Ack::none) writer.ack(shape.ack);
  if (!shape.property.empty()) writer.property("p", shape.property);
  writer.body(model::view(shape.body));
  Bytes message;
  amqp::write_message(message, model::MessageView{flat}, shape.to);
  return stage.keep(std::move(message));
}

std::string_view commands_address(Stage& stage, Who who) {
  return stage.keep("/devices/" + stage.identity(who).id + "/messages/devicebound");
}
std::string_view telemetry_address(Stage& stage, Who who) {
  return stage.keep("/devices/" + stage.identity(who).id + "/messages/events");
}
std::string_view partition_address(Stage& stage, std::uint32_t partition) {
  return stage.keep("/messages/events/ConsumerGroups/$Default/Partitions/" + std::to_string(partition));
}

Task<void> emptied(Stage& stage, Who who) {
  Http http{stage};
  http.as_policy("iothubowner");
  http.ask("DELETE", device_path(stage, who, "/commands"));  // [C2D-38]
  const Answer* purged = co_await http.answer();
  co_await stage.need(purged != nullptr && purged->status == 200, "a device's queue could not be purged");
  http.hang_up();
}

Task<void> commanded(Stage& stage, Who who, const Shape* shape) {
  Peer peer{stage};
  co_await open_as_service(peer);
  const Linked linked = co_await sender(peer, "/messages/devicebound");
  co_await stage.need(linked.there(), "no link to send commands on");
  Shape full = *shape;
  if (full.to.empty()) full.to = commands_address(stage, who);
  const Said said = co_await transferred(peer, linked.link, encoded(stage, full));
  co_await stage.need(said.accepted(), "a command was not accepted");
  peer.connection.close();
}

Task<const amqp::Arrived*> read_back(Peer& peer, std::string_view message_id) {
  constexpr std::uint32_t window = 200;
  for (std::uint32_t partition = 0; partition < peer.stage.target().limits.partitions; ++partition) {
    const Linked linked = co_await receiver(peer, partition_address(peer.stage, partition), window, "amqp.annotation.x-opt-offset > '-1'");
    co_await peer.stage.need(linked.there(), "telemetry could not be read");
    peer.readers.push_back(linked.link);
  }
  for (std::size_t at = 0;;) {
    for (; at < peer.arrived.size(); ++at) {
      const amqp::Arrived& one = peer.arrived[at];
      peer.engine().settle(one.link, one.delivery, amqp::Outcome::accepted);
      peer.grant(one.link, window);
      const auto sections = amqp::read_sections(one.message);
      if (sections && amqp::id_text(sections->message_id) == message_id) co_return &one;
    }
    const bool more = co_await moved(peer);
    if (!more) co_return nullptr;
  }
}

}  // namespace hubproof::conformance::cases
