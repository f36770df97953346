// Defects of a plain broker, one at least for each statement of MQTT 3.1.1 that a broker can break on the wire.
// At a hub they change nothing. Each is meant for the statement that it breaks.
#include <algorithm>
#include <cctype>
#include <memory>
#include <string>

#include "model/broker_rules.hpp"
#include "model/mqtt/codec.hpp"
#include "model/mutants/areas.hpp"

namespace hubproof::model {
namespace {

// One change of the broker's rules.
template <auto change>
void spoil(Rules& rules) {
  if (rules.broker == nullptr) return;
  auto own = std::make_shared<BrokerRules>(*rules.broker);
  change(*own);
  rules.broker = std::move(own);
}

// Packets that break a statement are passed over, and their connection lives.
template <std::size_t N>
struct Statement {
  constexpr Statement(const char (&text)[N]) { std::copy_n(text, N, id); }
  char id[N]{};
};
template <Statement statement>
void passes_over(Rules& rules) {
  spoil<[](BrokerRules& b) { b.closes_on = [](std::string_view broken) { return broken != statement.id; }; }>(rules);
}

std::uint8_t type(const Bytes& packet) { return packet.empty() ? 0 : packet[0] >> 4; }

// A PUBLISH that leaves, changed.
template <auto change>
void rewrite(Bytes& packet) {
  if (type(packet) != 3) return;
  mqtt::Decoder decoder{mqtt::End::client};
  decoder.feed(packet);
  const mqtt::Packet* whole = decoder.next();
  const auto* publish = whole == nullptr ? nullptr : std::get_if<mqtt::Publish>(whole);
  if (publish == nullptr) return;
  Bytes changed;
  change(*publish, changed);
  if (!changed.empty()) packet = std::move(changed);
}

// The packet id of an answer that has nothing before it.
void move_id(Bytes& packet, std::uint8_t which, std::size_t at = 2) {
  if (type(packet) == which && packet.size() > at + 1) packet[at + 1] ^= 0x40;
}

bool same_letters(std::string_view one, std::string_view other) {
  return std::ranges::equal(one, other, [](char a, char b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return lower(a) == lower(b);
  });
}

std::string lower(std::string_view text) {
  std::string all{text};
  for (char& c : all)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return all;
}

bool broken_text(std::string_view statement) {
  return statement == "mqtt311:3.3.2-1" || statement == "mqtt311:3.8.3-1" || statement == "mqtt311:3.10.3-1" ||
         statement == "mqtt311:3.1.3-4" || statement == "mqtt311:3.1.3-10" || statement == "mqtt311:3.1.3-11";
}

constexpr Mutant zoo[] = {
    // Packets as such.
    {"broker-takes-broken-text", "text that is not UTF-8 ends no connection", "conform", nullptr, "mqtt311:1.5.3-1",
     spoil<[](BrokerRules& b) { b.closes_on = [](std::string_view s) { return !broken_text(s); }; }>},
    {"broker-takes-nul", "text with U+0000 ends no connection", "conform", nullptr, "mqtt311:1.5.3-2",
     passes_over<"mqtt311:1.5.3-2">},
    {"broker-drops-bom", "a topic loses the bytes EF BB BF that it begins with", "conform", nullptr, "mqtt311:1.5.3-3",
     spoil<[](BrokerRules& b) {
       b.topic_told = [](std::string_view topic) {
         return topic.starts_with("\xef\xbb\xbf") ? topic.substr(3) : topic;
       };
     }>},
    {"broker-sets-reserved-bits", "SUBACK leaves with a reserved flag bit set", "conform", nullptr, "mqtt311:2.2.2-1",
     spoil<[](BrokerRules& b) {
       b.leaves = [](Bytes& packet) {
         if (type(packet) == 9) packet[0] |= 1;
       };
     }>},
    {"broker-takes-reserved-bits", "reserved flag bits of PUBACK, PINGREQ and others end no connection", "conform",
     nullptr, "mqtt311:2.2.2-2", passes_over<"mqtt311:2.2.2-2">},
    {"broker-takes-id-zero", "a packet id of zero ends no connection", "conform", nullptr, "mqtt311:2.3.1-1",
     passes_over<"mqtt311:2.3.1-1">},
    {"broker-gives-id-zero", "the first PUBLISH of a session leaves with packet id zero", "conform", nullptr,
     "mqtt311:2.3.1-1", spoil<[](BrokerRules& b) {
       b.leaves = rewrite<[](const mqtt::Publish& publish, Bytes& out) {
         if (publish.id != 1) return;
         mqtt::Publish changed = publish;
         changed.id = 0;
         mqtt::write(out, changed);
       }>;
     }>},
    {"broker-uses-ids-twice", "a packet id is given again while it is in use", "conform", nullptr, "mqtt311:2.3.1-4",
     spoil<[](BrokerRules& b) {
       b.skips_used_ids = false;
       b.next_id = [](std::uint16_t last) { return static_cast<std::uint16_t>(last % 2 + 1); };
     }>},
    {"broker-id-at-qos-0", "a QoS 0 PUBLISH leaves with a packet id before its payload", "conform", nullptr,
     "mqtt311:2.3.1-5", spoil<[](BrokerRules& b) {
       b.leaves = rewrite<[](const mqtt::Publish& publish, Bytes& out) {
         if (publish.qos != 0) return;
         Bytes payload{0, 1};
         payload.insert(payload.end(), publish.payload.begin(), publish.payload.end());
         mqtt::Publish changed = publish;
         changed.payload = payload;
         mqtt::write(out, changed);
       }>;
     }>},
    {"broker-puback-of-another", "PUBACK names another packet id", "conform", nullptr, "mqtt311:2.3.1-6",
     spoil<[](BrokerRules& b) { b.leaves = [](Bytes& packet) { move_id(packet, 4); }; }>},
    {"broker-pubrec-of-another", "PUBREC names another packet id", "conform", nullptr, "mqtt311:2.3.1-6",
     spoil<[](BrokerRules& b) { b.leaves = [](Bytes& packet) { move_id(packet, 5); }; }>},
    {"broker-unsuback-of-another", "UNSUBACK names another packet id", "conform", nullptr, "mqtt311:2.3.1-7",
     spoil<[](BrokerRules& b) { b.leaves = [](Bytes& packet) { move_id(packet, 11); }; }>},

    // CONNECT.
    {"broker-any-packet-first", "a connection may begin with any packet", "conform", nullptr, "mqtt311:3.1.0-1",
     spoil<[](BrokerRules& b) { b.connect_comes_first = false; }>},
    {"broker-second-connect", "a second CONNECT of a connection is passed over", "conform", nullptr, "mqtt311:3.1.0-2",
     spoil<[](BrokerRules& b) { b.second_connect_closes = false; }>},
    {"broker-any-protocol-name", "any protocol name is taken for MQTT's", "conform", nullptr, "mqtt311:3.1.2-1",
     passes_over<"mqtt311:3.1.2-1">},
    {"broker-any-level", "any protocol level is accepted", "conform", nullptr, "mqtt311:3.1.2-2",
     passes_over<"mqtt311:3.1.2-2">},
    {"broker-level-unanswered", "an unknown protocol level ends the connection without a CONNACK", "conform", nullptr,
     "mqtt311:3.1.2-2", spoil<[](BrokerRules& b) { b.bad_level = 0; }>},
    {"broker-reserved-connect-flag", "the reserved flag of CONNECT is not looked at", "conform", nullptr,
     "mqtt311:3.1.2-3", passes_over<"mqtt311:3.1.2-3">},
    {"broker-forgets-sessions", "no session is resumed", "run", nullptr, "mqtt311:3.2.2-2",
     spoil<[](BrokerRules& b) { b.resumes_sessions = false; }>},
    {"broker-resumes-unsubscribed", "a session is said to be present and has lost its subscriptions", "conform", nullptr,
     "mqtt311:3.1.2-4", spoil<[](BrokerRules& b) {
       b.resumes_sessions = false;
       b.session_present = [](bool clean, bool known, bool) { return !clean && known; };
     }>},
    {"broker-queues-nothing", "nothing is queued for a client that is away", "run", nullptr, "mqtt311:4.5.0-1",
     spoil<[](BrokerRules& b) { b.queues = [](std::uint8_t) { return false; }; }>},
    {"broker-queues-qos-2-only", "of what a client misses only QoS 2 is queued", "conform", nullptr, "mqtt311:3.1.2-5",
     spoil<[](BrokerRules& b) { b.queues = [](std::uint8_t qos) { return qos == 2; }; }>},
    {"broker-queues-qos-1-only", "of what a client misses only QoS 1 is queued", "conform", nullptr, "mqtt311:3.1.2-5",
     spoil<[](BrokerRules& b) { b.queues = [](std::uint8_t qos) { return qos == 1; }; }>},
    {"broker-clean-is-kept", "a session that was to be clean is there for the next connection", "conform", nullptr,
     "mqtt311:3.1.2-6", spoil<[](BrokerRules& b) { b.clean_ends_with_connection = false; }>},
    {"broker-retained-goes-with-session", "retained messages go with the session that published them", "conform",
     nullptr, "mqtt311:3.1.2-7", spoil<[](BrokerRules& b) { b.retained_outlives_session = false; }>},
    {"broker-no-will", "no will is published", "run", nullptr, "mqtt311:3.1.2-8",
     spoil<[](BrokerRules& b) { b.wills = [](Why, EndedBy) { return 0u; }; }>},
    {"broker-no-will-of-silent", "the keep-alive ends connections without their will", "conform", nullptr,
     "mqtt311:3.1.2-8", spoil<[](BrokerRules& b) {
       b.wills = [](Why why, EndedBy) { return why == Why::disconnect || why == Why::keep_alive ? 0u : 1u; };
     }>},
    {"broker-no-will-of-violator", "whoever breaks the protocol loses the will too", "conform", nullptr,
     "mqtt311:3.1.2-8", spoil<[](BrokerRules& b) {
       b.wills = [](Why why, EndedBy) { return why == Why::disconnect || why == Why::protocol ? 0u : 1u; };
     }>},
    {"broker-no-will-of-older", "a takeover ends the older connection without its will", "conform", nullptr,
     "mqtt311:3.1.2-8", spoil<[](BrokerRules& b) {
       b.wills = [](Why why, EndedBy) { return why == Why::disconnect || why == Why::takeover ? 0u : 1u; };
     }>},
    {"broker-will-ends-early", "a CONNECT that ends within its will is accepted", "conform", nullptr, "mqtt311:3.1.2-9",
     passes_over<"mqtt311:3.1.2-9">},
    {"broker-will-twice", "a will is published twice", "run", nullptr, "mqtt311:3.1.2-10",
     spoil<[](BrokerRules& b) { b.wills = [](Why why, EndedBy) { return why == Why::disconnect ? 0u : 2u; }; }>},
    {"broker-old-will", "a CONNECT without a will leaves that of the connection before it in place", "conform", nullptr,
     "mqtt311:3.1.2-12", spoil<[](BrokerRules& b) { b.old_will_is_forgotten = false; }>},
    {"broker-will-qos-without-will", "a will QoS without the will flag is accepted", "conform", nullptr,
     "mqtt311:3.1.2-13", passes_over<"mqtt311:3.1.2-13">},
    {"broker-will-qos-3", "a will QoS of 3 is accepted", "conform", nullptr, "mqtt311:3.1.2-14",
     passes_over<"mqtt311:3.1.2-14">},
    {"broker-will-retain-without-will", "will retain without the will flag is accepted", "conform", nullptr,
     "mqtt311:3.1.2-15", passes_over<"mqtt311:3.1.2-15">},
    {"broker-any-will-without-will", "will QoS and will retain without the will flag are accepted", "conform", nullptr,
     "mqtt311:3.1.2-11", spoil<[](BrokerRules& b) {
       b.closes_on = [](std::string_view s) { return s != "mqtt311:3.1.2-13" && s != "mqtt311:3.1.2-15"; };
     }>},
    {"broker-will-always-retained", "every will is published as retained", "conform", nullptr, "mqtt311:3.1.2-16",
     spoil<[](BrokerRules& b) { b.will_retain = [](bool) { return true; }; }>},
    {"broker-will-never-retained", "no will is retained", "conform", nullptr, "mqtt311:3.1.2-17",
     spoil<[](BrokerRules& b) { b.will_retain = [](bool) { return false; }; }>},
    {"broker-fields-too-many", "fields of CONNECT that no flag announces are passed over", "conform", nullptr,
     "mqtt311:3.1.2-18", passes_over<"mqtt311:3.1.4-1">},
    {"broker-no-user-name", "the user name flag without a user name is accepted", "conform", nullptr,
     "mqtt311:3.1.2-19", passes_over<"mqtt311:3.1.2-19">},
    {"broker-no-password", "the password flag without a password is accepted", "conform", nullptr, "mqtt311:3.1.2-21",
     passes_over<"mqtt311:3.1.2-21">},
    {"broker-password-alone", "a password without a user name is accepted", "conform", nullptr, "mqtt311:3.1.2-22",
     passes_over<"mqtt311:3.1.2-22">},
    {"broker-no-keep-alive", "a silent connection is never ended", "conform", nullptr, "mqtt311:3.1.2-24",
     spoil<[](BrokerRules& b) { b.silence_limit = [](Duration) { return Duration{0}; }; }>},
    {"broker-keep-alive-late", "a silent connection is ended after three times its keep-alive", "conform", nullptr,
     "mqtt311:3.1.2-24", spoil<[](BrokerRules& b) { b.silence_limit = [](Duration asked) { return 3 * asked; }; }>},
    {"broker-keep-alive-early", "a silent connection is ended after its keep-alive alone", "conform", nullptr,
     "mqtt311:3.1.2-24", spoil<[](BrokerRules& b) { b.silence_limit = [](Duration asked) { return asked; }; }>},
    {"broker-ids-cut", "of a client id the first eight bytes count", "conform", nullptr, "mqtt311:3.1.3-2",
     spoil<[](BrokerRules& b) { b.identity = [](std::string_view id) { return id.substr(0, 8); }; }>},
    {"broker-no-client-id", "a CONNECT without a client id is accepted", "conform", nullptr, "mqtt311:3.1.3-3",
     passes_over<"mqtt311:3.1.3-3">},
    {"broker-client-id-no-text", "a client id may be any bytes", "conform", nullptr, "mqtt311:3.1.3-4",
     passes_over<"mqtt311:3.1.3-4">},
    {"broker-short-ids-only", "a client id of 23 bytes is refused", "conform", nullptr, "mqtt311:3.1.3-5",
     spoil<[](BrokerRules& b) { b.takes_client_id = [](std::string_view id) { return id.size() < 23; }; }>},
    {"broker-no-capitals", "a client id with capital letters is refused", "conform", nullptr, "mqtt311:3.1.3-5",
     spoil<[](BrokerRules& b) {
       b.takes_client_id = [](std::string_view id) {
         return std::ranges::none_of(id, [](char c) { return c >= 'A' && c <= 'Z'; });
       };
     }>},
    {"broker-empty-id-refused", "an empty client id is refused", "conform", nullptr, "mqtt311:3.1.3-6",
     spoil<[](BrokerRules& b) { b.empty_id_gets_one = false; }>},
    {"broker-empty-id-kept", "an empty client id may ask for a session that is kept", "conform", nullptr,
     "mqtt311:3.1.3-7", spoil<[](BrokerRules& b) { b.empty_id_must_be_clean = false; }>},
    {"broker-empty-id-other-code", "an empty client id with Clean Session 0 is refused with another code", "conform",
     nullptr, "mqtt311:3.1.3-8", spoil<[](BrokerRules& b) { b.refused_id = 5; }>},
    {"broker-will-topic-no-text", "a will's topic may be any bytes", "conform", nullptr, "mqtt311:3.1.3-10",
     passes_over<"mqtt311:3.1.3-10">},
    {"broker-user-name-no-text", "a user name may be any bytes", "conform", nullptr, "mqtt311:3.1.3-11",
     passes_over<"mqtt311:3.1.3-11">},
    {"broker-answers-broken-connect", "a broken CONNECT gets a CONNACK", "conform", nullptr, "mqtt311:3.1.4-1",
     spoil<[](BrokerRules& b) { b.broken_connect_is_answered = true; }>},
    {"broker-older-connection-lives", "a newer connection of a client leaves the older one in place", "conform", nullptr,
     "mqtt311:3.1.4-2", spoil<[](BrokerRules& b) { b.takeover_ends_older = false; }>},
    {"broker-clean-resumes", "a connection that asked for a clean session gets the one that was kept", "conform",
     nullptr, "mqtt311:3.1.4-3", spoil<[](BrokerRules& b) {
       b.clean_forgets_older = false;
       b.session_present = [](bool clean, bool, bool resumed) { return !clean && resumed; };
     }>},
    {"broker-accepts-with-code", "a good CONNECT is answered with code 3", "conform", nullptr, "mqtt311:3.1.4-4",
     spoil<[](BrokerRules& b) { b.accepted = 3; }>},
    {"broker-heeds-refused", "what a refused client says is done all the same", "conform", nullptr, "mqtt311:3.1.4-5",
     spoil<[](BrokerRules& b) {
       b.refusal_closes = false;
       b.refusal_ends_reading = false;
       b.connect_comes_first = false;
     }>},
    {"broker-connack-late", "what waits for a client comes before its CONNACK", "conform", nullptr, "mqtt311:3.2.0-1",
     spoil<[](BrokerRules& b) { b.connack_is_first = false; }>},
    {"broker-clean-is-present", "a clean session is said to be present if there was another one", "conform", nullptr,
     "mqtt311:3.2.2-1", spoil<[](BrokerRules& b) { b.session_present = [](bool, bool known, bool) { return known; }; }>},
    {"broker-never-present", "no session is said to be present", "run", nullptr, "mqtt311:3.2.2-2",
     spoil<[](BrokerRules& b) { b.session_present = [](bool, bool, bool) { return false; }; }>},
    {"broker-always-present", "every session that is to be kept is said to be present", "conform", nullptr,
     "mqtt311:3.2.2-3", spoil<[](BrokerRules& b) { b.session_present = [](bool clean, bool, bool) { return !clean; }; }>},
    {"broker-refuses-present", "a refusal says that a session is present", "conform", nullptr, "mqtt311:3.2.2-4",
     spoil<[](BrokerRules& b) { b.refusal_says_present = true; }>},
    {"broker-refuses-and-stays", "a refusal does not end the connection", "conform", nullptr, "mqtt311:3.2.2-5",
     spoil<[](BrokerRules& b) { b.refusal_closes = false; }>},
    {"broker-connack-flags", "CONNACK leaves with a reserved bit of its flags set", "conform", nullptr, "mqtt311:3.2.2-1",
     spoil<[](BrokerRules& b) {
       b.leaves = [](Bytes& packet) {
         if (type(packet) == 2 && (packet.size() > 2)) packet[2] |= 0x80;
       };
     }>},

    // PUBLISH.
    {"broker-resends-without-dup", "what is sent again has no DUP", "conform", nullptr, "mqtt311:3.3.1-1",
     spoil<[](BrokerRules& b) { b.resend_sets_dup = false; }>},
    {"broker-dup-at-qos-0", "a QoS 0 PUBLISH leaves with DUP", "conform", nullptr, "mqtt311:3.3.1-2",
     spoil<[](BrokerRules& b) {
       b.leaves = [](Bytes& packet) {
         if (type(packet) == 3 && (packet[0] & 6) == 0) packet[0] |= 8;
       };
     }>},
    {"broker-copies-dup", "the publisher's DUP goes to subscribers", "conform", nullptr, "mqtt311:3.3.1-3",
     spoil<[](BrokerRules& b) { b.dup_is_its_own = false; }>},
    {"broker-takes-qos-3", "a PUBLISH of QoS 3 is passed over", "conform", nullptr, "mqtt311:3.3.1-4",
     passes_over<"mqtt311:3.3.1-4">},
    {"broker-retains-qos-0-only", "of retained messages those of QoS 0 are kept", "conform", nullptr, "mqtt311:3.3.1-5",
     spoil<[](BrokerRules& b) { b.retains = [](std::uint8_t qos) { return qos == 0; }; }>},
    {"broker-retains-at-qos-0", "a retained message is kept without its QoS", "conform", nullptr, "mqtt311:3.3.1-5",
     spoil<[](BrokerRules& b) { b.retained_qos = [](std::uint8_t) { return std::uint8_t{0}; }; }>},
    {"broker-sends-no-retained", "a new subscription gets no retained message", "run", nullptr, "mqtt311:3.3.1-6",
     spoil<[](BrokerRules& b) { b.sends_retained = false; }>},
    {"broker-sends-one-retained", "a new subscription gets one retained message, whatever it matches", "run", nullptr,
     "mqtt311:3.3.1-6", spoil<[](BrokerRules& b) { b.retained_most = 1; }>},
    {"broker-retained-stays", "the first retained message of a topic stays", "run", nullptr, "mqtt311:3.3.1-6",
     spoil<[](BrokerRules& b) { b.displaces = [](std::uint8_t) { return false; }; }>},
    {"broker-qos-0-displaces-nothing", "a retained message of QoS 0 displaces no other one", "conform", nullptr,
     "mqtt311:3.3.1-7", spoil<[](BrokerRules& b) { b.displaces = [](std::uint8_t qos) { return (qos > 0); }; }>},
    {"broker-retained-unmarked", "a retained message comes to a new subscription without RETAIN", "conform", nullptr,
     "mqtt311:3.3.1-8", spoil<[](BrokerRules& b) { b.retain_flag = [](bool, bool) { return false; }; }>},
    {"broker-copies-retain", "the publisher's RETAIN goes to those who had subscribed before", "conform", nullptr,
     "mqtt311:3.3.1-9", spoil<[](BrokerRules& b) { b.retain_flag = [](bool asked, bool) { return asked; }; }>},
    {"broker-empty-erases-nothing", "an empty message with RETAIN erases nothing", "conform", nullptr,
     "mqtt311:3.3.1-10", spoil<[](BrokerRules& b) { b.empty_erases = false; }>},
    {"broker-empty-goes-nowhere", "an empty message with RETAIN is not delivered", "conform", nullptr,
     "mqtt311:3.3.1-10", spoil<[](BrokerRules& b) { b.empty_is_delivered = false; }>},
    {"broker-keeps-empty", "an empty message is kept as the retained one", "conform", nullptr, "mqtt311:3.3.1-11",
     spoil<[](BrokerRules& b) { b.empty_is_kept = true; }>},
    {"broker-plain-erases", "a message without RETAIN erases the retained one of its topic", "conform", nullptr,
     "mqtt311:3.3.1-12", spoil<[](BrokerRules& b) { b.plain_touches_retained = true; }>},
    {"broker-topic-no-text", "a topic name may be any bytes", "conform", nullptr, "mqtt311:3.3.2-1",
     passes_over<"mqtt311:3.3.2-1">},
    {"broker-topic-with-wildcard", "a topic name with a wildcard ends no connection", "conform", nullptr,
     "mqtt311:3.3.2-2", passes_over<"mqtt311:3.3.2-2">},
    {"broker-topic-cut", "a subscriber is told the topic without its first level", "conform", nullptr, "mqtt311:3.3.2-3",
     spoil<[](BrokerRules& b) {
       b.topic_told = [](std::string_view topic) {
         const std::size_t slash = topic.find('/');
         return slash == std::string_view::npos || slash + 1 == topic.size() ? topic : topic.substr(slash + 1);
       };
     }>},
    {"broker-no-puback", "a PUBLISH of QoS 1 gets no PUBACK", "conform", nullptr, "mqtt311:3.3.4-1",
     spoil<[](BrokerRules& b) { b.answers = [](std::uint8_t qos) { return qos == 2; }; }>},
    {"broker-no-pubrec", "a PUBLISH of QoS 2 gets no PUBREC", "conform", nullptr, "mqtt311:3.3.4-1",
     spoil<[](BrokerRules& b) { b.answers = [](std::uint8_t qos) { return qos == 1; }; }>},
    {"broker-lowest-of-overlapping", "of overlapping subscriptions the lowest QoS counts", "conform", nullptr,
     "mqtt311:3.3.5-1", spoil<[](BrokerRules& b) {
       b.of_overlapping = [](std::uint8_t one, std::uint8_t other) { return std::min(one, other); };
     }>},
    {"broker-pubrel-flags", "PUBREL with other flag bits ends no connection", "conform", nullptr, "mqtt311:3.6.1-1",
     passes_over<"mqtt311:3.6.1-1">},

    // SUBSCRIBE and UNSUBSCRIBE.
    {"broker-subscribe-flags", "SUBSCRIBE with other flag bits ends no connection", "conform", nullptr,
     "mqtt311:3.8.1-1", passes_over<"mqtt311:3.8.1-1">},
    {"broker-filter-no-text", "a filter of SUBSCRIBE may be any bytes", "conform", nullptr, "mqtt311:3.8.3-1",
     passes_over<"mqtt311:3.8.3-1">},
    {"broker-wildcards-literal", "wildcards are granted and mean nothing", "conform", nullptr, "mqtt311:3.8.3-2",
     spoil<[](BrokerRules& b) { b.matches = [](std::string_view filter, std::string_view topic) { return filter == topic; }; }>},
    {"broker-empty-subscribe", "a SUBSCRIBE without a filter ends no connection", "conform", nullptr, "mqtt311:3.8.3-3",
     passes_over<"mqtt311:3.8.3-3">},
    {"broker-any-requested-qos", "reserved bits of a requested QoS end no connection", "conform", nullptr,
     "mqtt311:3.8.3-4", passes_over<"mqtt311:3.8.3-4">},
    {"broker-no-suback", "SUBSCRIBE gets no SUBACK", "conform", nullptr, "mqtt311:3.8.4-1",
     spoil<[](BrokerRules& b) { b.answers_subscribe = false; }>},
    {"broker-suback-of-another", "SUBACK names another packet id", "conform", nullptr, "mqtt311:3.8.4-2",
     spoil<[](BrokerRules& b) { b.leaves = [](Bytes& packet) { move_id(packet, 9); }; }>},
    {"broker-keeps-first-qos", "subscribing again to a filter changes nothing", "conform", nullptr, "mqtt311:3.8.4-3",
     spoil<[](BrokerRules& b) { b.same_filter_replaces = false; }>},
    {"broker-retained-once", "subscribing again to a filter brings no retained message", "conform", nullptr,
     "mqtt311:3.8.4-3", spoil<[](BrokerRules& b) { b.sends_retained_again = false; }>},
    {"broker-first-filter-only", "of several filters of a SUBSCRIBE the first one is subscribed to", "conform", nullptr,
     "mqtt311:3.8.4-4", spoil<[](BrokerRules& b) {
       b.looks_at = [](bool subscribe, std::size_t filters) { return subscribe ? std::min<std::size_t>(filters, 1) : filters; };
     }>},
    {"broker-one-code", "SUBACK has one code, however many filters were named", "conform", nullptr, "mqtt311:3.8.4-5",
     spoil<[](BrokerRules& b) { b.one_code_per_filter = false; }>},
    {"broker-delivers-as-published", "a message comes at the QoS that it was published with", "conform", nullptr,
     "mqtt311:3.8.4-6", spoil<[](BrokerRules& b) { b.delivered = [](std::uint8_t published, std::uint8_t) { return published; }; }>},
    {"broker-delivers-at-qos-0", "every message comes at QoS 0", "conform", nullptr, "mqtt311:3.8.4-6",
     spoil<[](BrokerRules& b) { b.delivered = [](std::uint8_t, std::uint8_t) { return std::uint8_t{0}; }; }>},
    {"broker-codes-reversed", "the codes of SUBACK come in the opposite order", "conform", nullptr, "mqtt311:3.9.3-1",
     spoil<[](BrokerRules& b) { b.codes_in_order = false; }>},
    {"broker-reserved-code", "SUBACK grants QoS 3 where 2 was asked for", "conform", nullptr, "mqtt311:3.9.3-2",
     spoil<[](BrokerRules& b) { b.granted = [](std::uint8_t asked) { return static_cast<std::uint8_t>(asked == 2 ? 3 : asked); }; }>},
    {"broker-unsubscribe-flags", "UNSUBSCRIBE with other flag bits ends no connection", "conform", nullptr,
     "mqtt311:3.10.1-1", passes_over<"mqtt311:3.10.1-1">},
    {"broker-unsubscribe-no-text", "a filter of UNSUBSCRIBE may be any bytes", "conform", nullptr, "mqtt311:3.10.3-1",
     passes_over<"mqtt311:3.10.3-1">},
    {"broker-empty-unsubscribe", "an UNSUBSCRIBE without a filter ends no connection", "conform", nullptr,
     "mqtt311:3.10.3-2", passes_over<"mqtt311:3.10.3-2">},
    {"broker-unsubscribes-what-matches", "UNSUBSCRIBE removes each filter that its own matches", "conform", nullptr,
     "mqtt311:3.10.4-1", spoil<[](BrokerRules& b) {
       b.removes = [](std::string_view named, std::string_view held) { return named == held || filter_matches(named, held); };
     }>},
    {"broker-unsubscribes-nothing", "UNSUBSCRIBE is answered and stops nothing", "conform", nullptr, "mqtt311:3.10.4-2",
     spoil<[](BrokerRules& b) { b.unsubscribing_stops = false; }>},
    {"broker-unsubscribing-drops", "UNSUBSCRIBE drops what is under way", "conform", nullptr, "mqtt311:3.10.4-3",
     spoil<[](BrokerRules& b) { b.unsubscribing_spares_begun = false; }>},
    {"broker-no-unsuback", "UNSUBSCRIBE gets no UNSUBACK", "conform", nullptr, "mqtt311:3.10.4-4",
     spoil<[](BrokerRules& b) { b.answers_unsubscribe = false; }>},
    {"broker-no-vain-unsuback", "UNSUBSCRIBE gets no UNSUBACK if it removed nothing", "conform", nullptr,
     "mqtt311:3.10.4-5", spoil<[](BrokerRules& b) { b.answers_vain_unsubscribe = false; }>},
    {"broker-unsubscribes-first-only", "of several filters of an UNSUBSCRIBE the first one is removed", "conform",
     nullptr, "mqtt311:3.10.4-6", spoil<[](BrokerRules& b) {
       b.looks_at = [](bool subscribe, std::size_t filters) { return subscribe ? filters : std::min<std::size_t>(filters, 1); };
     }>},

    // PINGREQ and DISCONNECT.
    {"broker-no-pingresp", "PINGREQ gets no answer", "conform", nullptr, "mqtt311:3.12.4-1",
     spoil<[](BrokerRules& b) { b.answers_pings = false; }>},
    {"broker-disconnect-flags", "DISCONNECT with reserved bits ends no connection", "conform", nullptr,
     "mqtt311:3.14.1-1", passes_over<"mqtt311:3.14.1-1">},
    {"broker-will-after-disconnect", "the will is published after a DISCONNECT too", "run", nullptr, "mqtt311:3.1.2-10",
     spoil<[](BrokerRules& b) { b.wills = [](Why, EndedBy) { return 1u; }; }>},
    {"broker-wills-upside-down", "the will is published after a DISCONNECT, and after no other end", "conform", nullptr,
     "mqtt311:3.14.4-3", spoil<[](BrokerRules& b) { b.wills = [](Why why, EndedBy) { return why == Why::disconnect ? 1u : 0u; }; }>},

    // Sessions, QoS 1 and 2, order.
    {"broker-session-ends-with-connection", "a session that was to be kept ends with its connection", "conform", nullptr,
     "mqtt311:4.1.0-1", spoil<[](BrokerRules& b) { b.session_outlives_connection = false; }>},
    {"broker-one-subscribe-only", "a SUBSCRIBE ends the subscriptions that were there", "conform", nullptr,
     "mqtt311:4.1.0-2", spoil<[](BrokerRules& b) { b.subscriptions_add_up = false; }>},
    {"broker-raises-qos-0", "a QoS 0 message comes at the QoS that was granted", "conform", nullptr, "mqtt311:4.3.1-1",
     spoil<[](BrokerRules& b) {
       b.delivered = [](std::uint8_t published, std::uint8_t allowed) { return published == 0 ? allowed : std::min(published, allowed); };
     }>},
    {"broker-sent-is-done", "what was sent counts as delivered", "conform", nullptr, "mqtt311:4.3.2-1",
     spoil<[](BrokerRules& b) { b.waits_for_ack = false; }>},
    {"broker-dup-is-known", "a QoS 1 PUBLISH with DUP counts as one that came before", "conform", nullptr,
     "mqtt311:4.3.2-2", spoil<[](BrokerRules& b) { b.dup_is_new = false; }>},
    {"broker-no-pubrel", "PUBREC gets no PUBREL", "conform", nullptr, "mqtt311:4.3.3-1",
     spoil<[](BrokerRules& b) { b.received_is_released = false; }>},
    {"broker-publishes-after-pubrec", "a message is sent again though its PUBREC has come", "run", nullptr,
     "mqtt311:4.3.3-2", spoil<[](BrokerRules& b) { b.received_is_final = false; }>},
    {"broker-qos-2-twice", "a QoS 2 message that comes again is published again", "run", nullptr, "mqtt311:4.3.3-2",
     spoil<[](BrokerRules& b) { b.repeats_are_known = false; }>},
    {"broker-qos-2-id-stays", "a QoS 2 id stays taken after its PUBREL", "conform", nullptr, "mqtt311:4.3.3-2",
     spoil<[](BrokerRules& b) { b.release_frees_id = false; }>},
    {"broker-no-pubcomp", "PUBREL gets no PUBCOMP", "conform", nullptr, "mqtt311:4.3.3-2",
     spoil<[](BrokerRules& b) { b.answers_release = false; }>},
    {"broker-resends-nothing", "a resumed session gets nothing again", "run", nullptr, "mqtt311:4.5.0-1",
     spoil<[](BrokerRules& b) { b.resends = false; }>},
    {"broker-resends-no-pubrel", "a resumed session gets no PUBREL again", "conform", nullptr, "mqtt311:4.4.0-1",
     spoil<[](BrokerRules& b) { b.resends_releases = false; }>},
    {"broker-resends-under-new-ids", "a resumed session gets what was under way under new ids", "conform", nullptr,
     "mqtt311:4.4.0-1", spoil<[](BrokerRules& b) { b.resend_keeps_id = false; }>},
    {"broker-one-subscriber", "of several subscribers the first one gets a message", "run", nullptr, "mqtt311:4.5.0-1",
     spoil<[](BrokerRules& b) { b.files = [](std::size_t nth) { return nth == 1; }; }>},
    {"broker-overtakes", "every fifth message comes after the one that follows it", "run", nullptr, "mqtt311:4.6.0-6",
     spoil<[](BrokerRules& b) { b.overtakes_every = 5; }>},
    {"broker-swaps", "every second message comes after the one that follows it", "conform", nullptr, "mqtt311:4.6.0-5",
     spoil<[](BrokerRules& b) { b.overtakes_every = 2; }>},
    {"broker-resends-backwards", "a resumed session gets what was under way in the opposite order", "run", nullptr,
     "mqtt311:4.6.0-6", spoil<[](BrokerRules& b) { b.resends_in_order = false; }>},

    // Topics.
    {"broker-will-topic-with-wildcard", "a will's topic may have wildcards", "conform", nullptr, "mqtt311:4.7.1-1",
     passes_over<"mqtt311:4.7.1-1">},
    {"broker-hash-anywhere", "# may stand anywhere in a filter", "conform", nullptr, "mqtt311:4.7.1-2",
     spoil<[](BrokerRules& b) {
       b.valid_filter = [](std::string_view filter) { return filter_is_valid(filter) || filter.find('#') != std::string_view::npos; };
     }>},
    {"broker-plus-anywhere", "+ may be a part of a level", "conform", nullptr, "mqtt311:4.7.1-3",
     spoil<[](BrokerRules& b) {
       b.valid_filter = [](std::string_view filter) { return filter_is_valid(filter) || filter.find('+') != std::string_view::npos; };
     }>},
    {"broker-plus-is-many", "+ matches as # does", "conform", nullptr, "mqtt311:4.7.1-3",
     spoil<[](BrokerRules& b) {
       b.matches = [](std::string_view filter, std::string_view topic) {
         if (!filter.ends_with('+')) return filter_matches(filter, topic);
         std::string wider{filter};
         wider.back() = '#';
         return filter_matches(wider, topic);
       };
     }>},
    {"broker-wildcards-match-dollar", "a leading wildcard matches topics that begin with $", "conform", nullptr,
     "mqtt311:4.7.2-1", spoil<[](BrokerRules& b) {
       b.matches = [](std::string_view filter, std::string_view topic) {
         if (!topic.starts_with('$') || (filter[0] != '#' && filter[0] != '+')) return filter_matches(filter, topic);
         std::string plain{topic};
         plain[0] = 's';
         return filter_matches(filter, plain);
       };
     }>},
    {"broker-empty-topic", "an empty topic name or filter ends no connection", "conform", nullptr, "mqtt311:4.7.3-1",
     passes_over<"mqtt311:4.7.3-1">},
    {"broker-short-topics-only", "a topic of 60,000 bytes ends its connection", "conform", nullptr, "mqtt311:4.7.3-3",
     spoil<[](BrokerRules& b) { b.packet_limit = 60'000; }>},
    {"broker-topics-without-case", "capital and small letters of topics are one", "conform", nullptr, "mqtt311:4.7.3-4",
     spoil<[](BrokerRules& b) {
       b.matches = [](std::string_view filter, std::string_view topic) { return filter_matches(lower(filter), lower(topic)); };
     }>},
    {"broker-filters-without-case", "UNSUBSCRIBE does not tell capital from small letters", "conform", nullptr,
     "mqtt311:3.10.4-1", spoil<[](BrokerRules& b) { b.removes = same_letters; }>},
    {"broker-violations-pass", "packets that only a server may send, or that are too long or short, end no connection",
     "conform", nullptr, "mqtt311:4.8.0-1", passes_over<"mqtt311:4.8.0-1">},
};

}  // namespace

std::span<const Mutant> broker_mutants() { return zoo; }

}  // namespace hubproof::model
