#include "conformance/devices/watch.hpp"

#include <algorithm>
#include <utility>

namespace hubproof::conformance::devices {
namespace {

using namespace model::mqtt;

std::uint64_t content_of(const Publish& packet) {
  return model::hash(packet.payload, model::hash(model::view(packet.topic), packet.qos));
}

std::string with_id(const char* packet, PacketId id) { return std::string{packet} + " " + std::to_string(id); }

std::string tenths(model::Duration time) {
  const auto tenth = std::chrono::duration_cast<std::chrono::milliseconds>(time).count() / 100;
  return std::to_string(tenth / 10) + "." + std::to_string(tenth % 10) + " s";
}

}  // namespace

void Watch::opened(std::uint32_t link, model::Instant now) {
  links_[link].last = now;
  tally_.pass("mqtt311:7.1.2-1");
}

void Watch::malformed(std::uint32_t link, const Malformed& what) {
  const Link& here = links_[link];
  if (here.provoked) return;
  if (!here.greeted && std::string_view{what.statement} == "mqtt311:4.8.0-1")
    tally_.fail("mqtt311:3.1.0-1", std::string{"the connection does not begin with CONNECT: "} + what.what);
  else
    tally_.fail(what.statement, what.what);
}

void Watch::received(std::uint32_t number, model::Instant now, const Packet& packet) {
  Link& link = links_[number];
  silence(link, now);
  link.last = now;
  tally_.pass("mqtt311:2.2.2-1");
  if (link.said_goodbye) tally_.fail("mqtt311:3.14.4-2", "a packet came after DISCONNECT");
  const auto* connect = std::get_if<Connect>(&packet);
  if (!link.greeted && connect == nullptr)
    tally_.fail("mqtt311:3.1.0-1", "the connection begins with another packet than CONNECT");
  if (const auto* one = std::get_if<Connect>(&packet)) saw(link, *one);
  if (const auto* one = std::get_if<Publish>(&packet)) saw(number, link, *one);
  if (const auto* one = std::get_if<Puback>(&packet)) saw(link, *one);
  if (const auto* one = std::get_if<Pubrec>(&packet)) saw(link, *one);
  if (const auto* one = std::get_if<Pubrel>(&packet)) saw(number, link, *one);
  if (const auto* one = std::get_if<Pubcomp>(&packet)) saw(link, *one);
  if (const auto* one = std::get_if<Subscribe>(&packet)) saw(*one);
  if (const auto* one = std::get_if<Unsubscribe>(&packet)) saw(*one);
  if (std::holds_alternative<Disconnect>(packet)) link.said_goodbye = true;
}

void Watch::ended(std::uint32_t number, model::Instant now) {
  Link& link = links_[number];
  silence(link, now);
  if (link.said_goodbye) tally_.pass("mqtt311:3.14.4-2");
  link.keep_alive = {};
}

// [mqtt311:3.1.2-23]: a silence is judged once it is long enough to say something.
void Watch::silence(Link& link, model::Instant now) {
  if (!link.accepted || link.said_goodbye || link.keep_alive == model::Duration{}) return;
  const model::Duration silent = now - link.last;
  if (silent > link.keep_alive + slack_)
    tally_.fail("mqtt311:3.1.2-23", "nothing came for " + tenths(silent) + " with a keep-alive of " +
                                        tenths(link.keep_alive) + " (" + tenths(slack_) + " is allowed for on top)");
  else if (silent > link.keep_alive / 2)
    tally_.pass("mqtt311:3.1.2-23");
}

// ---- CONNECT.

void Watch::saw(Link& link, const Connect& packet) {
  if (link.greeted) tally_.fail("mqtt311:4.8.0-1", "a second CONNECT on one connection");
  if (!link.greeted) tally_.pass("mqtt311:3.1.0-1");
  link.greeted = true;
  link.clean = packet.clean_session;
  link.keep_alive = std::chrono::seconds{packet.keep_alive};
  for (const char* clause : {"mqtt311:1.5.3-1", "mqtt311:1.5.3-2", "mqtt311:3.1.3-1", "mqtt311:3.1.3-3", "mqtt311:3.1.3-4"})
    tally_.pass(clause);
  if (packet.will)
    for (const char* clause : {"mqtt311:3.1.2-9", "mqtt311:3.1.2-14", "mqtt311:3.1.3-10"}) tally_.pass(clause);
  else
    for (const char* clause : {"mqtt311:3.1.2-11", "mqtt311:3.1.2-13", "mqtt311:3.1.2-15"}) tally_.pass(clause);
  if (packet.user_name)
    for (const char* clause : {"mqtt311:3.1.2-19", "mqtt311:3.1.3-11"}) tally_.pass(clause);
  else
    tally_.pass("mqtt311:3.1.2-18");
  tally_.pass(packet.password ? "mqtt311:3.1.2-21" : "mqtt311:3.1.2-20");
  if (!packet.user_name) tally_.pass("mqtt311:3.1.2-22");
  if (packet.client_id.empty()) {
    if (packet.clean_session) tally_.pass("mqtt311:3.1.3-7");
    else tally_.fail("mqtt311:3.1.3-7", "an empty client id with Clean Session 0");
  }
}

// ---- What the client publishes.

void Watch::takes_id(PacketId id, const char* packet) {
  tally_.pass("mqtt311:2.3.1-1");
  const auto request = requests_.find(id);
  if (request != requests_.end())
    tally_.fail("mqtt311:2.3.1-2", with_id(packet, id) + " takes the id of a " + request->second + " without an answer yet");
}

void Watch::saw(std::uint32_t number, Link& link, const Publish& packet) {
  for (const char* clause : {"mqtt311:1.5.3-1", "mqtt311:3.3.2-1", "mqtt311:3.3.2-2", "mqtt311:4.7.1-1", "mqtt311:4.7.3-1",
                             "mqtt311:4.7.3-2", "mqtt311:3.3.1-4"})
    tally_.pass(clause);
  if (packet.qos == 0) {
    for (const char* clause : {"mqtt311:3.3.1-2", "mqtt311:4.3.1-1"}) tally_.pass(clause);
    return;
  }
  takes_id(packet.id, "PUBLISH");
  const std::uint64_t content = content_of(packet);
  if (packet.dup) sent_again(link, packet, content);
  else sent_first(number, packet, content);
}

void Watch::sent_first(std::uint32_t number, const Publish& packet, std::uint64_t content) {
  const auto [at, fresh] = open_.try_emplace(packet.id);
  Sent& entry = at->second;
  if (!fresh && !entry.acknowledged) {
    if (entry.content == content) {
      tally_.fail(entry.released ? "mqtt311:4.3.3-1" : "mqtt311:3.3.1-1",
                  with_id("PUBLISH", packet.id) + (entry.released ? " comes again after its PUBREL" : " is sent again with DUP 0"));
      return;
    }
    tally_.fail("mqtt311:2.3.1-2", with_id("PUBLISH", packet.id) + " takes the id of a message that is not acknowledged");
  } else {
    tally_.pass("mqtt311:2.3.1-2");
    tally_.pass(packet.qos == 1 ? "mqtt311:4.3.2-1" : "mqtt311:4.3.3-1");
  }
  entry = {++sent_, content, packet.qos, number};
}

void Watch::sent_again(Link& link, const Publish& packet, std::uint64_t content) {
  const auto found = open_.find(packet.id);
  if (found == open_.end() || found->second.content != content) {
    const auto same = [&](const auto& one) { return one.second.content == content; };
    if (const auto other = std::ranges::find_if(open_, same); other != open_.end()) {
      tally_.fail("mqtt311:2.3.1-3", with_id("PUBLISH", packet.id) + " with DUP 1 was first sent with id " +
                                         std::to_string(other->first));
      return;
    }
    if (const auto old = std::ranges::find_if(dropped_, same); old != dropped_.end()) {
      if (link.clean)
        tally_.fail("mqtt311:3.1.2-6", with_id("PUBLISH", packet.id) +
                                           " with DUP 1 goes on with a session that Clean Session 1 has ended");
      open_[packet.id] = old->second;  // of a lost session with Clean Session 0: nobody says what is right
      dropped_.erase(old);
      return;
    }
    tally_.fail(packet.qos == 1 ? "mqtt311:4.3.2-1" : "mqtt311:4.3.3-1",
                with_id("PUBLISH", packet.id) + " has DUP 1 at its first sending");
    open_[packet.id] = {++sent_, content, packet.qos, 0};
    return;
  }
  const Sent& entry = found->second;
  if (entry.released) {
    tally_.fail("mqtt311:4.3.3-1", with_id("PUBLISH", packet.id) + " comes again after its PUBREL");
    return;
  }
  tally_.pass("mqtt311:3.3.1-1");
  tally_.pass("mqtt311:2.3.1-3");
  if (entry.number < link.last_resent)
    tally_.fail("mqtt311:4.6.0-1", with_id("PUBLISH", packet.id) + " is sent again after a message that was first sent later");
  else if (link.last_resent != 0)
    tally_.pass("mqtt311:4.6.0-1");
  link.last_resent = entry.number;
}

void Watch::saw(std::uint32_t, Link& link, const Pubrel& packet) {
  tally_.pass("mqtt311:3.6.1-1");
  if (link.provoked) return;
  const auto found = open_.find(packet.id);
  if (found == open_.end() || found->second.qos != 2 || !found->second.received) {
    const auto old = dropped_.find(packet.id);
    if (old != dropped_.end()) {
      if (link.clean)
        tally_.fail("mqtt311:3.1.2-6", with_id("PUBREL", packet.id) + " goes on with a session that Clean Session 1 has ended");
      return;
    }
    if (found == open_.end() || found->second.qos != 2)
      tally_.fail("mqtt311:2.3.1-6", with_id("PUBREL", packet.id) + " names no PUBLISH that is open");
    else
      tally_.fail("mqtt311:4.3.3-1", with_id("PUBREL", packet.id) + " comes before its PUBREC");
    return;
  }
  tally_.pass("mqtt311:2.3.1-6");
  tally_.pass("mqtt311:4.3.3-1");
  found->second.released = true;
  if (const auto at = std::ranges::find(link.receipts, packet.id); at != link.receipts.end()) {
    if (at != link.receipts.begin())
      tally_.fail("mqtt311:4.6.0-4", with_id("PUBREL", packet.id) + " comes before that for " +
                                         std::to_string(link.receipts.front()) + ", whose PUBREC came first");
    else
      tally_.pass("mqtt311:4.6.0-4");
    link.receipts.erase(at);
  }
}

// ---- What the client acknowledges.

void Watch::saw(Link& link, const Puback& packet) {
  const auto used = link.ours.find(packet.id);
  if (used == link.ours.end()) {
    if (link.resumed || link.provoked) return;  // it may be that of an earlier connection
    tally_.fail("mqtt311:2.3.1-6", with_id("PUBACK", packet.id) + " names no PUBLISH of this session");
    return;
  }
  if (used->second != 1) {
    tally_.fail("mqtt311:3.3.4-1", with_id("PUBACK", packet.id) + " answers a PUBLISH with QoS 2");
    return;
  }
  const auto at = std::ranges::find(link.owed, packet.id);
  if (at == link.owed.end()) {
    tally_.fail("mqtt311:4.3.2-2", "a second " + with_id("PUBACK", packet.id) + " for one PUBLISH");
    return;
  }
  for (const char* clause : {"mqtt311:2.3.1-6", "mqtt311:3.3.4-1", "mqtt311:4.3.2-2"}) tally_.pass(clause);
  if (at != link.owed.begin())
    tally_.fail("mqtt311:4.6.0-2", with_id("PUBACK", packet.id) + " comes before that for " +
                                       std::to_string(link.owed.front()) + ", which was sent first");
  else
    tally_.pass("mqtt311:4.6.0-2");
  link.owed.erase(at);
}

void Watch::saw(Link& link, const Pubrec& packet) {
  const auto used = link.ours.find(packet.id);
  if (used == link.ours.end()) {
    if (link.resumed || link.provoked) return;
    tally_.fail("mqtt311:2.3.1-6", with_id("PUBREC", packet.id) + " names no PUBLISH of this session");
    return;
  }
  if (used->second != 2) {
    tally_.fail("mqtt311:3.3.4-1", with_id("PUBREC", packet.id) + " answers a PUBLISH with QoS 1");
    return;
  }
  for (const char* clause : {"mqtt311:2.3.1-6", "mqtt311:3.3.4-1", "mqtt311:4.3.3-2"}) tally_.pass(clause);
  const auto at = std::ranges::find(link.owed_receipt, packet.id);
  if (at == link.owed_receipt.end()) return;
  if (at != link.owed_receipt.begin())
    tally_.fail("mqtt311:4.6.0-3", with_id("PUBREC", packet.id) + " comes before that for " +
                                       std::to_string(link.owed_receipt.front()) + ", which was sent first");
  else
    tally_.pass("mqtt311:4.6.0-3");
  link.owed_receipt.erase(at);
}

void Watch::saw(Link&, const Pubcomp&) { tally_.pass("mqtt311:4.3.3-2"); }

// ---- What the client asks for.

void Watch::saw(const Subscribe& packet) {
  takes_id(packet.id, "SUBSCRIBE");
  requests_[packet.id] = "SUBSCRIBE";
  if (open_.contains(packet.id) && !open_[packet.id].acknowledged)
    tally_.fail("mqtt311:2.3.1-2", with_id("SUBSCRIBE", packet.id) + " takes the id of a message that is not acknowledged");
  else
    tally_.pass("mqtt311:2.3.1-2");
  for (const char* clause : {"mqtt311:3.8.1-1", "mqtt311:3.8.3-1", "mqtt311:3.8.3-3", "mqtt311:4.7.3-1", "mqtt311:4.7.3-2"})
    tally_.pass(clause);
  for (const Filter& each : packet.filters) {
    const bool good = valid_topic_filter(each.filter);
    if (each.filter.find('#') != std::string_view::npos) {
      if (good) tally_.pass("mqtt311:4.7.1-2");
      else tally_.fail("mqtt311:4.7.1-2", "SUBSCRIBE to " + std::string{each.filter});
    } else if (each.filter.find('+') != std::string_view::npos) {
      if (good) tally_.pass("mqtt311:4.7.1-3");
      else tally_.fail("mqtt311:4.7.1-3", "SUBSCRIBE to " + std::string{each.filter});
    }
  }
}

void Watch::saw(const Unsubscribe& packet) {
  takes_id(packet.id, "UNSUBSCRIBE");
  requests_[packet.id] = "UNSUBSCRIBE";
  for (const char* clause : {"mqtt311:3.10.1-1", "mqtt311:3.10.3-1", "mqtt311:3.10.3-2", "mqtt311:4.7.3-1"})
    tally_.pass(clause);
}

// ---- What the server says.

void Watch::sent(std::uint32_t number, const Packet& packet) {
  Link& link = links_[number];
  if (const auto* connack = std::get_if<Connack>(&packet)) {
    link.accepted = connack->code == 0;
    link.resumed = connack->session_present;
    if (!link.accepted) return;
    requests_.clear();
    if (!link.resumed) {
      dropped_ = std::exchange(open_, {});
      std::erase_if(dropped_, [](const auto& one) { return one.second.acknowledged; });
    }
  }
  if (const auto* publish = std::get_if<Publish>(&packet); publish && publish->qos > 0) {
    link.ours[publish->id] = publish->qos;
    (publish->qos == 1 ? link.owed : link.owed_receipt).push_back(publish->id);
  }
  if (const auto* puback = std::get_if<Puback>(&packet))
    if (const auto found = open_.find(puback->id); found != open_.end() && found->second.qos == 1)
      found->second.acknowledged = true;
  if (const auto* pubrec = std::get_if<Pubrec>(&packet))
    if (const auto found = open_.find(pubrec->id); found != open_.end() && found->second.qos == 2) {
      if (!found->second.released && !found->second.received) link.receipts.push_back(pubrec->id);
      found->second.received = true;
    }
  if (const auto* pubcomp = std::get_if<Pubcomp>(&packet))
    if (const auto found = open_.find(pubcomp->id); found != open_.end() && found->second.qos == 2)
      found->second.acknowledged = true;
  if (const auto* suback = std::get_if<Suback>(&packet)) requests_.erase(suback->id);
  if (const auto* unsuback = std::get_if<Unsuback>(&packet)) requests_.erase(unsuback->id);
}

}  // namespace hubproof::conformance::devices
