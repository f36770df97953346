#include "conformance/checks/broker.hpp"

#include <algorithm>

#include "conformance/checks/words.hpp"
#include "conformance/topics.hpp"

namespace hubproof::conformance {

using model::Event;
using model::MessageKey;
using model::Packet;
using model::What;

const About AckedIsDelivered::about{
    "mqtt311:4.5.0-1", Level::must,
    "A message that the broker took over reaches every client with a matching subscription, at QoS 1 and 2.",
    {"mqtt311:3.1.2-5", "mqtt311:4.3.2-1", "mqtt311:4.3.2-2", "mqtt311:4.4.0-1"}};
const About OnceAtQos2::about{"mqtt311:4.3.3-2", Level::must,
                              "A message published and subscribed to at QoS 2 comes exactly once.",
                              {"mqtt311:4.3.3-1"}};
const About OrderOfTopic::about{
    "mqtt311:4.6.0-6", Level::must,
    "What one client publishes to a topic at one QoS comes in the order in which it was published.",
    {"mqtt311:4.6.0-5"}};
const About RetainedComes::about{"mqtt311:3.3.1-6", Level::must,
                                 "A new subscription gets the last retained message of each topic that it matches.",
                                 {"mqtt311:3.3.1-5", "mqtt311:3.3.1-8", "mqtt311:3.1.2-7"}};
const About WillComes::about{"mqtt311:3.1.2-8", Level::must,
                             "A connection that ends without DISCONNECT has its will published.",
                             {}};
const About WillOnce::about{"mqtt311:3.1.2-10", Level::must,
                            "A will is published at most once, and never after a DISCONNECT.",
                            {"mqtt311:3.14.4-3"}};
const About SessionGoesOn::about{"mqtt311:3.2.2-2", Level::must,
                                 "A client that asks for its kept session finds it.",
                                 {"mqtt311:3.1.2-4", "mqtt311:4.1.0-1"}};

namespace {

bool has(const Event& event, model::Flags flag) { return (event.flags & flag) != 0; }

}  // namespace

BrokerLog::BrokerLog(const Facts& facts, BrokerChecks& checks, const std::vector<std::string>& notes)
    : facts_{facts}, checks_{checks}, notes_{notes} {}

bool BrokerLog::matches(std::uint32_t filter, std::uint32_t topic) const {
  const auto [known, is_new] = matches_.try_emplace({filter, topic}, false);
  if (is_new) known->second = filter_means(text(filter), text(topic));
  return known->second;
}

// The highest QoS that the client was granted for the topic before then; 0 also where it has not subscribed.
std::uint8_t BrokerLog::granted(const End& end, std::uint32_t topic, std::int64_t before,
                                std::uint32_t* filters) const {
  std::uint8_t most = 0;
  for (const auto& [filter, subscription] : end.subscriptions) {
    if (!matches(filter, topic)) continue;
    if (filters != nullptr) ++*filters;
    if (subscription.since < before) most = std::max(most, subscription.granted);
  }
  return most;
}

void BrokerLog::saw(const Seen& seen) {
  const Event& event = seen.event;
  if (event.what == What::healed) healed_at_ = event.at;
  if (event.what == What::finished) return finished(seen);
  const Facts::Who who = facts_.who(event.observer);
  if (who == Facts::Who::hub) return at_broker(seen);
  if (who != Facts::Who::device) return;
  const auto client = static_cast<Client>(event.observer);
  at_client(seen, client, ends_[client]);
}

// That a DISCONNECT was heard only the broker's end can tell.
void BrokerLog::at_broker(const Seen& seen) {
  const Event& event = seen.event;
  if (event.what == What::started) wills_at_broker_.clear();
  if (event.what == What::crashed) {
    heard_.clear();
    for (auto& [key, message] : messages_)
      if (message.must_not_come && message.heard > kept_) message.must_not_come = false, message.may_come = true;
  }
  if (event.what != What::packet) return;
  const std::pair exchange{event.connection, event.packet_id};
  if (has(event, model::flag_sent)) {
    if (event.packet != Packet::puback && event.packet != Packet::pubrec) return;
    if (const auto answered = heard_.extract(exchange); !answered.empty()) kept_ = std::max(kept_, answered.mapped());
    return;
  }
  ++heard_in_all_;
  if (event.packet == Packet::publish && event.qos > 0) heard_.try_emplace(exchange, heard_in_all_);
  if (event.packet == Packet::connect && has(event, model::flag_has_will))
    wills_at_broker_[event.connection] = event.message;
  if (event.packet != Packet::disconnect) return;
  const auto will = wills_at_broker_.extract(event.connection);
  if (will.empty()) return;
  if (const auto message = messages_.find(will.mapped()); message != messages_.end()) {
    message->second.must_not_come = true;
    message->second.heard = heard_in_all_;
  }
}

// ---- Sessions.

void BrokerLog::at_client(const Seen& seen, Client client, End& end) {
  const Event& event = seen.event;
  switch (event.what) {
    case What::accepted: return accepted(seen, client, end);
    case What::ended:
      will_is_owed(seen, client, end);
      return over(client, end);
    case What::crashed:
      will_is_owed(seen, client, end);
      end.lost_memory = true;
      end.sent.clear();
      end.taken.clear();
      end.forgotten.merge(end.unreleased);
      end.unreleased.clear();
      return over(client, end);
    case What::packet: return has(event, model::flag_sent) ? sent(seen, client, end) : got(seen, client, end);
    default: return;
  }
}

void BrokerLog::accepted(const Seen& seen, Client client, End& end) {
  const Event& event = seen.event;
  const bool clean = has(event, model::flag_clean_session);
  const bool present = has(event, model::flag_session_present);
  if (!clean && end.has_session && !end.doubtful) {
    if (present)
      check<SessionGoesOn>().pass();
    else
      check<SessionGoesOn>().fail(seen, facts_.name(event.observer) + " asked for the session that was kept for it, "
                                                                      "and was told that there is none");
  }
  if (clean || !present) new_session(client, end);
  end.clean = clean;
  end.has_session = !clean;
  end.doubtful = false;
  end.connected = true;
  end.connected_at = event.at;
  end.connection = event.connection;
}

void BrokerLog::over(Client client, End& end) {
  end.connected = false;
  end.disconnects = false;
  end.will = MessageKey::none;
  end.asked.clear();
  end.awaits.clear();
  if (end.clean && !end.has_session) new_session(client, end);
}

void BrokerLog::new_session(Client, End& end) {
  ++end.session;
  end.subscriptions.clear();
  end.taken.clear();
  end.unreleased.clear();
  end.forgotten.clear();
  end.last.clear();
  end.lost_memory = false;
}

void BrokerLog::will_is_owed(const Seen& seen, Client, End& end) {
  if (!end.connected || end.disconnects || end.will == MessageKey::none) return;
  Message& message = messages_[end.will];
  message.acked = true;
  message.acked_at = seen.event.at;
  // The broker may have seen the end long before, even before its CONNACK came: who subscribed meanwhile may have
  // come too late.
  if (message.qos > 0) owe(message, end.asked_at);
}

void BrokerLog::owe(Message& message, std::int64_t from) {
  for (const auto& [client, end] : ends_) {
    if (granted(end, message.topic, from) == 0) continue;
    Delivered& to = message.to[client];
    to.session = end.session;
    to.owed = true;
  }
}

// ---- What a client sends.

void BrokerLog::sent(const Seen& seen, Client client, End& end) {
  const Event& event = seen.event;
  switch (event.packet) {
    case Packet::connect: {
      if (has(event, model::flag_clean_session) && end.has_session) end.doubtful = true;
      end.will = MessageKey::none;
      end.asked_at = event.at;
      if (!has(event, model::flag_has_will) || event.message == MessageKey::none) return;
      end.will = event.message;
      Message& message = messages_[event.message];
      message.publisher = client;
      message.topic = event.note;
      message.qos = event.qos;
      message.will = true;
      if (has(event, model::flag_retain)) retained_[event.note].unsure = true;
      return;
    }
    case Packet::publish: return published(seen, client, end);
    case Packet::subscribe:
      end.asked[event.packet_id] = {event.note, event.qos};
      for (const auto& [topic, kept] : retained_)
        if (kept.open == 0 && !kept.unsure && kept.message != MessageKey::none && matches(event.note, topic))
          end.awaits[topic] = {kept.message, kept.number};
      return;
    case Packet::unsubscribe:
      end.subscriptions.erase(event.note);
      for (auto& [key, message] : messages_)  // what has not begun may never come
        if (const auto to = message.to.find(client); to != message.to.end() && to->second.times == 0)
          to->second.owed = false;
      return;
    case Packet::disconnect: end.disconnects = true; return;
    default: return;
  }
}

void BrokerLog::published(const Seen& seen, Client client, End& end) {
  const Event& event = seen.event;
  const bool retain = has(event, model::flag_retain);
  if (event.message == MessageKey::none) {
    if (retain) retained_[event.note].unsure = true;
    return;
  }
  if (event.qos > 0) end.sent[event.packet_id] = event.message;
  if (event.qos == 2) end.unreleased.insert(event.packet_id);
  const auto known = messages_.find(event.message);
  if (known != messages_.end()) {
    Message& message = known->second;
    const bool again = has(event, model::flag_dup) && !end.clean;
    if (event.connection != message.connection && !again) message.ambiguous = true;
    message.connection = event.connection;
    message.resent = true;
    return;
  }
  Message& message = messages_[event.message];
  message.publisher = client;
  message.topic = event.note;
  message.qos = event.qos;
  message.retain = retain;
  message.number = ++numbers_;
  message.connection = event.connection;
  // To a broker that keeps the session it is the forgotten message once more [mqtt311:4.3.3-2].
  message.may_be_dropped = event.qos == 2 && end.forgotten.contains(event.packet_id);
  if (event.qos > 0) owe(message, event.at);
  if (!retain) return;
  for (auto& [other, its] : ends_)
    if (its.awaits.erase(event.note) > 0)
      check<RetainedComes>().undecided(seen, text(event.note) + " got another retained message while a new "
                                                                "subscription waited for the last one");
  Retained& kept = retained_[event.note];
  if (event.qos == 0 || kept.open > 0 || message.may_be_dropped) kept.unsure = true;
  if (event.qos > 0) ++kept.open;
}

// ---- What a client gets.

void BrokerLog::got(const Seen& seen, Client client, End& end) {
  const Event& event = seen.event;
  switch (event.packet) {
    case Packet::publish: {
      const bool is_new = event.qos != 2 || end.taken.insert(event.packet_id).second;
      return delivered(seen, client, end, is_new);
    }
    case Packet::pubrel: end.taken.erase(event.packet_id); return;
    case Packet::puback:
    case Packet::pubrec: return acknowledged(seen, end);
    case Packet::pubcomp:
      end.unreleased.erase(event.packet_id);
      end.forgotten.erase(event.packet_id);
      return;
    case Packet::suback: return subscribed(seen, client, end);
    default: return;
  }
}

void BrokerLog::acknowledged(const Seen& seen, End& end) {
  const auto own = end.sent.extract(seen.event.packet_id);
  if (own.empty()) return;
  Message& message = messages_[own.mapped()];
  if (message.acked) return;
  message.acked = true;
  message.acked_at = seen.event.at;
  if (!message.retain) return;
  Retained& kept = retained_[message.topic];
  if (kept.open > 0) --kept.open;
  if (message.number > kept.number) kept.message = own.mapped(), kept.number = message.number;
}

void BrokerLog::subscribed(const Seen& seen, Client, End& end) {
  constexpr std::uint16_t failure = 0x80;
  const auto asked = end.asked.extract(seen.event.packet_id);
  if (asked.empty() || seen.event.code >= failure) return;
  const auto [at, is_new] = end.subscriptions.try_emplace(asked.mapped().first);
  if (is_new || at->second.granted != seen.event.code) at->second.since = seen.event.at;
  at->second.granted = static_cast<std::uint8_t>(seen.event.code);
}

void BrokerLog::delivered(const Seen& seen, Client client, End& end, bool is_new) {
  const Event& event = seen.event;
  const auto known = messages_.find(event.message);
  if (event.message == MessageKey::none || known == messages_.end()) return;
  Message& message = known->second;
  const std::string what = id(event.message) + " on " + text(event.note);
  if (has(event, model::flag_retain)) {  // because of a new subscription
    const auto awaited = end.awaits.extract(event.note);
    if (awaited.empty() || message.will) return;
    if (message.number >= awaited.mapped().second) return check<RetainedComes>().pass();
    return check<RetainedComes>().fail(seen, facts_.name(event.observer) + " subscribed and got " + what +
                                                 ", but the last retained message there is " +
                                                 id(awaited.mapped().first));
  }
  if (!is_new) return;
  Delivered& to = message.to[client];
  if (to.session != end.session) to = {end.session, false, 0};
  const bool first = ++to.times == 1;
  std::uint32_t filters = 0;
  granted(end, event.note, event.at, &filters);
  const bool one_copy = filters <= 1 && !end.lost_memory && !message.ambiguous;
  if (message.will) {
    if (message.must_not_come)
      check<WillOnce>().fail(seen, "the will " + what + " came to " + facts_.name(event.observer) +
                                       " though its connection had ended with DISCONNECT");
    else if (message.may_come)
      check<WillOnce>().undecided(seen, "the will " + what + " came to " + facts_.name(event.observer) +
                                            " after a crash of the broker, which may have forgotten its DISCONNECT");
    else if (!first && one_copy && !has(event, model::flag_dup))
      check<WillOnce>().fail(seen, "the will " + what + " came to " + facts_.name(event.observer) + " once more");
    else if (first)
      check<WillOnce>().pass();
    return;
  }
  if (event.qos == 2 && message.qos == 2 && one_copy) {
    if (first)
      check<OnceAtQos2>().pass();
    else
      check<OnceAtQos2>().fail(seen, what + " came to " + facts_.name(event.observer) + " once more, as a new message");
  } else if (event.qos == 2 && message.qos == 2 && first) {
    check<OnceAtQos2>().undecided(seen, what + " may come to " + facts_.name(event.observer) + " more than once");
  }
  if (!first || message.ambiguous || (message.resent && message.qos == 1)) return;
  const auto [last, alone] =
      end.last.try_emplace({message.publisher, message.topic, message.qos, event.qos}, message.number);
  if (alone) return;
  if (last->second > message.number)
    return check<OrderOfTopic>().fail(seen, what + " came to " + facts_.name(event.observer) +
                                                " after one that was published later");
  last->second = message.number;
  check<OrderOfTopic>().pass();
}

// ---- The end: what was owed and did not come.

void BrokerLog::finished(const Seen& seen) {
  constexpr std::int64_t usual = 30'000'000'000;
  const std::int64_t settle = facts_.terms.settle_ns > 0 ? facts_.terms.settle_ns / 2 : usual;
  const auto had_time = [&](const End& end, std::int64_t since) {
    return end.connected && seen.event.at - std::max({since, healed_at_, end.connected_at}) >= settle / 2;
  };
  for (const auto& [key, message] : messages_) {
    if (!message.acked || message.qos == 0) continue;
    for (const auto& [client, to] : message.to) {
      const End& end = ends_[client];
      if (!to.owed || (to.times == 0 && to.session != end.session)) continue;
      const std::string what = id(key) + " on " + text(message.topic) +
                               (message.will ? ", a will," : " was acknowledged at " + seconds(message.acked_at) + " and") +
                               " never came to " + facts_.name(static_cast<model::NodeIndex>(client));
      const auto judge = [&](auto& check) {
        if (to.times > 0) return check.pass();
        if (message.may_be_dropped)
          return check.undecided(seen, what + "; its packet id is one that its publisher's crash left open");
        if (had_time(end, message.acked_at)) return check.fail(seen, what);
        check.undecided(seen, what + ", which may still get it");
      };
      if (message.will)
        judge(check<WillComes>());
      else
        judge(check<AckedIsDelivered>());
    }
  }
  for (const auto& [client, end] : ends_)
    for (const auto& [topic, awaited] : end.awaits) {
      const std::string what = facts_.name(static_cast<model::NodeIndex>(client)) + " subscribed and never got " +
                               id(awaited.first) + ", the retained message of " + text(topic);
      if (end.asked.empty() && had_time(end, 0))
        check<RetainedComes>().fail(seen, what);
      else
        check<RetainedComes>().undecided(seen, what);
    }
}

}  // namespace hubproof::conformance
