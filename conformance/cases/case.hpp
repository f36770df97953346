// The table of cases. A case drives one or more clauses by one stimulus.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/cases/script.hpp"
#include "conformance/cases/target.hpp"

namespace hubproof::conformance::cases {

class Stage;

enum class For : std::uint8_t { all, brokers, hubs, amqp_brokers };  // profiles; all: those with MQTT

// What a case needs for itself. A hub has one stream of feedback: who reads it receives everybody's [FBK-10].
enum class Alone : std::uint8_t { nothing, feedback, target };

struct Case {
  std::string name;                    // mqtt/connect/second-connect: door, chapter, stimulus
  std::string sentence;                // what is done, and what is looked at
  std::vector<std::string> clauses;    // that it decides
  std::function<Script(Stage&)> script;
  Capabilities needs = {};             // besides its door
  For profiles = For::all;
  Alone alone = Alone::nothing;
};

using Cases = std::vector<Case>;

const Cases& cases();                      // in the order of their names
const Case* find_case(std::string_view name);
// The departure from MQTT 3.1.1 that a rule of the hub is, as the standard's reader sees it (H): what decides the one
// over MQTT decides the other. Empty: the rule is none.
std::string_view departure(std::string_view clause);
std::string why_not(const Case& one, const Target& target);  // why it is not applicable; empty: it is

// The chapters; each adds its own.
void add_connect(Cases& cases);
void add_framing(Cases& cases);
void add_utf8(Cases& cases);
void add_hub(Cases& cases);
void add_publish(Cases& cases);
void add_subscribe(Cases& cases);
void add_qos(Cases& cases);
void add_will(Cases& cases);
void add_websocket(Cases& cases);
void add_amqp10(Cases& cases);

}  // namespace hubproof::conformance::cases
