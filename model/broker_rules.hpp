// What a plain MQTT 3.1.1 broker promises (model/broker/), as mutants may spoil it: figures, switches and
// small pure functions, each asked at one place. Hubs have rules of their own (rules.hpp), which a broker
// shares for its journal only.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "model/bytes.hpp"
#include "model/history.hpp"
#include "model/time.hpp"

namespace hubproof::model {

// [mqtt311:4.7.1-2, 4.7.1-3, 4.7.2-1, 4.7.3-4]
bool filter_matches(std::string_view filter, std::string_view topic);
bool filter_is_valid(std::string_view filter);
bool topic_is_valid(std::string_view topic);  // [mqtt311:4.7.1-1, 4.7.3-1]

struct BrokerRules {
  // Figures. The standard has none; they bound the broker's memory.

  // A session holds so many messages of QoS 1 and 2, those under way included, and so many bytes of them.
  // What comes beyond is not filed in that session; its publisher is answered as usual.
  std::uint32_t queue_limit = 10'000;
  std::size_t queue_bytes = 64u << 20;
  std::uint32_t packet_limit = 16u << 20;                   // bytes; a longer packet ends its connection
  Duration connect_deadline = std::chrono::seconds{60};     // for CONNECT

  // What a broken packet or a violation does.

  // Does a packet that breaks this statement end its connection? Else it is passed over, and a CONNECT
  // is taken for one that asks for nothing. [mqtt311:4.8.0-1]
  bool (*closes_on)(std::string_view statement) = [](std::string_view) { return true; };
  // May this be the first packet of a connection? [mqtt311:3.1.0-1]
  bool connect_comes_first = true;
  bool second_connect_closes = true;                        // [mqtt311:3.1.0-2]
  std::uint8_t bad_level = 1;                               // CONNACK code; 0: none is sent [mqtt311:3.1.2-2]
  bool broken_connect_is_answered = false;                  // [mqtt311:3.1.4-1]
  bool refusal_ends_reading = true;                         // [mqtt311:3.1.4-5]
  bool refusal_closes = true;                               // [mqtt311:3.2.2-5]
  bool (*valid_filter)(std::string_view filter) = filter_is_valid;

  // Connections and sessions.

  bool (*takes_client_id)(std::string_view id) = [](std::string_view) { return true; };  // [mqtt311:3.1.3-5]
  bool empty_id_gets_one = true;                            // [mqtt311:3.1.3-6]
  bool empty_id_must_be_clean = true;                       // [mqtt311:3.1.3-7, 3.1.3-8]
  std::uint8_t refused_id = 2;                              // CONNACK code [mqtt311:3.1.3-8, 3.1.3-9]
  bool connack_is_first = true;                             // [mqtt311:3.2.0-1]
  std::uint8_t accepted = 0;                                // CONNACK code [mqtt311:3.1.4-4]
  // Who is this, among those whom the broker knows? [mqtt311:3.1.3-2]
  std::string_view (*identity)(std::string_view client_id) = [](std::string_view id) { return id; };
  bool takeover_ends_older = true;                          // [mqtt311:3.1.4-2]
  bool resumes_sessions = true;                             // [mqtt311:3.1.2-4]
  bool clean_forgets_older = true;                          // [mqtt311:3.1.2-6]
  bool clean_ends_with_connection = true;                   // [mqtt311:3.1.2-6]
  bool session_outlives_connection = true;                  // [mqtt311:4.1.0-1]
  // What does CONNACK say? `resumed`: a session that was kept goes on. [mqtt311:3.2.2-1..3]
  bool (*session_present)(bool clean, bool known, bool resumed) = [](bool, bool, bool resumed) { return resumed; };
  bool refusal_says_present = false;                        // [mqtt311:3.2.2-4]
  // After how long a silence does a connection end? 0: never. [mqtt311:3.1.2-24]
  Duration (*silence_limit)(Duration keep_alive) = [](Duration keep_alive) { return keep_alive + keep_alive / 2; };
  bool answers_pings = true;                                // [mqtt311:3.12.4-1]

  // Wills.

  // How many wills does a connection leave that ended so? [mqtt311:3.1.2-8, 3.1.2-10, 3.14.4-3]
  std::uint32_t (*wills)(Why why, EndedBy by) = [](Why why, EndedBy) { return why == Why::disconnect ? 0u : 1u; };
  bool (*will_retain)(bool asked) = [](bool asked) { return asked; };  // [mqtt311:3.1.2-16, 3.1.2-17]
  std::uint8_t (*will_qos)(std::uint8_t asked) = [](std::uint8_t asked) { return asked; };
  bool old_will_is_forgotten = true;                        // by a CONNECT without one [mqtt311:3.1.2-12]

  // Subscriptions.

  bool (*matches)(std::string_view filter, std::string_view topic) = filter_matches;
  std::uint8_t (*granted)(std::uint8_t asked) = [](std::uint8_t asked) { return asked; };  // SUBACK code
  // Of how many filters of one SUBSCRIBE, or UNSUBSCRIBE, is anything made? [mqtt311:3.8.4-4, 3.10.4-6]
  std::size_t (*looks_at)(bool subscribe, std::size_t filters) = [](bool, std::size_t filters) { return filters; };
  bool subscriptions_add_up = true;                         // a SUBSCRIBE ends no other one [mqtt311:4.1.0-2]
  bool answers_subscribe = true;                            // [mqtt311:3.8.4-1]
  bool one_code_per_filter = true;                          // [mqtt311:3.8.4-5]
  bool codes_in_order = true;                               // [mqtt311:3.9.3-1]
  bool same_filter_replaces = true;                         // [mqtt311:3.8.4-3]
  bool answers_unsubscribe = true;                          // [mqtt311:3.10.4-4]
  bool answers_vain_unsubscribe = true;                     // [mqtt311:3.10.4-5]
  // Does UNSUBSCRIBE of `named` remove the subscription to `held`? [mqtt311:3.10.4-1]
  bool (*removes)(std::string_view named, std::string_view held) = [](std::string_view named, std::string_view held) {
    return named == held;
  };
  bool unsubscribing_stops = true;                          // [mqtt311:3.10.4-2]
  bool unsubscribing_spares_begun = true;                   // [mqtt311:3.10.4-3]

  // Delivery.

  // The QoS of a copy, and of two subscriptions that both match. [mqtt311:3.8.4-6, 3.3.5-1]
  std::uint8_t (*delivered)(std::uint8_t published, std::uint8_t allowed) = [](std::uint8_t published,
                                                                               std::uint8_t allowed) {
    return published < allowed ? published : allowed;
  };
  std::uint8_t (*of_overlapping)(std::uint8_t one, std::uint8_t other) = [](std::uint8_t one, std::uint8_t other) {
    return one > other ? one : other;
  };
  // Does the n-th subscriber (from 1) get its copy? [mqtt311:4.5.0-1]
  bool (*files)(std::size_t nth) = [](std::size_t) { return true; };
  // Is a message of this QoS kept for a session whose client is away? [mqtt311:3.1.2-5]
  bool (*queues)(std::uint8_t qos) = [](std::uint8_t qos) { return qos > 0; };
  // What of the topic is a subscriber told? [mqtt311:3.3.2-3, 1.5.3-3]
  std::string_view (*topic_told)(std::string_view topic) = [](std::string_view topic) { return topic; };
  bool dup_is_its_own = true;                               // not the publisher's [mqtt311:3.3.1-3]
  // Which RETAIN goes to a subscriber? `fresh`: because of a new subscription. [mqtt311:3.3.1-8, 3.3.1-9]
  bool (*retain_flag)(bool published, bool fresh) = [](bool, bool fresh) { return fresh; };
  // Every how many messages of a publisher is one sent after the next one? 0: never. [mqtt311:4.6.0-6]
  std::uint32_t overtakes_every = 0;

  // Retained messages.

  bool (*retains)(std::uint8_t qos) = [](std::uint8_t) { return true; };  // [mqtt311:3.3.1-5]
  // Does a message with RETAIN displace the one that is kept? [mqtt311:3.3.1-7]
  bool (*displaces)(std::uint8_t qos) = [](std::uint8_t) { return true; };
  // Is what is kept of a QoS delivered as that QoS? [mqtt311:3.3.1-5]
  std::uint8_t (*retained_qos)(std::uint8_t qos) = [](std::uint8_t qos) { return qos; };
  bool empty_erases = true;                                 // [mqtt311:3.3.1-10]
  bool empty_is_delivered = true;                           // [mqtt311:3.3.1-10]
  bool empty_is_kept = false;                               // [mqtt311:3.3.1-11]
  bool plain_touches_retained = false;                      // [mqtt311:3.3.1-12]
  bool sends_retained = true;                               // [mqtt311:3.3.1-6]
  bool sends_retained_again = true;                         // to the same filter [mqtt311:3.8.4-3]
  std::size_t retained_most = 0xffffffff;                   // topics that one subscription gets [mqtt311:3.3.1-6]
  bool retained_outlives_session = true;                    // [mqtt311:3.1.2-7]

  // QoS 1 and 2.

  // Is a PUBLISH of this QoS answered? [mqtt311:3.3.4-1]
  bool (*answers)(std::uint8_t qos) = [](std::uint8_t qos) { return qos > 0; };
  bool dup_is_new = true;          // a QoS 1 PUBLISH with DUP is a message like any other [mqtt311:4.3.2-2]
  bool repeats_are_known = true;   // a QoS 2 id that was not released is not published again [mqtt311:4.3.3-2]
  bool release_frees_id = true;    // [mqtt311:4.3.3-2]
  bool answers_release = true;     // also of an unknown id [mqtt311:4.3.3-2]
  bool received_is_released = true;  // PUBREC gets its PUBREL [mqtt311:4.3.3-1]
  bool received_is_final = true;   // no PUBLISH again after PUBREL [mqtt311:4.3.3-1]
  bool waits_for_ack = true;       // under way until PUBACK or PUBREC [mqtt311:4.3.2-1]
  bool skips_used_ids = true;      // [mqtt311:2.3.1-4]
  bool skips_id_zero = true;       // [mqtt311:2.3.1-1]
  // The packet id to try after `last`.
  std::uint16_t (*next_id)(std::uint16_t last) = [](std::uint16_t last) {
    return static_cast<std::uint16_t>(last + 1);
  };
  bool resends = true;             // [mqtt311:4.4.0-1]
  bool resends_releases = true;    // [mqtt311:4.4.0-1]
  bool resend_keeps_id = true;     // [mqtt311:4.4.0-1]
  bool resend_sets_dup = true;     // [mqtt311:3.3.1-1]
  bool resends_in_order = true;    // [mqtt311:4.6.0-6]

  // A last look at a packet that is about to leave; null: it leaves as it is.
  void (*leaves)(Bytes& packet) = nullptr;
};

}  // namespace hubproof::model
