// The catalogue of requirements: what a hub and its devices promise, one entry for each id. It is data,
// conformance/catalogue, a file for each chapter, and part of the program.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/check.hpp"

namespace hubproof::conformance {

// What is empty was not said. CONTRIBUTING.md tells what each field is for.
struct Clause {
  std::string id;                     // "C2D-12", "mqtt311:3.1.0-2"; never renumbered
  std::string chapter;                // "C2D", "mqtt311"
  Level level = Level::must;
  std::string sentence;
  std::string date;                   // of the newest of its sources: "2026-02-11", "2025-09", "2019"

  std::string values;                 // figures and names that belong to the sentence
  std::string wire;                   // how it shows, by protocol
  std::string in_2017;                // what the documents of 2017 say otherwise
  std::string matter;                 // of a departure from MQTT 3.1.1: what it is about
  std::string kind;                   // and what it does to the standard
  std::string on_hub;                 // of a statement of MQTT 3.1.1: same, otherwise, void, unknown
  std::string decision;               // of an open question: how hubproof takes it
  std::string unseen;                 // why no black box can show it
  std::string outside;                // why hubproof leaves it out

  std::vector<std::string> side;      // whom it binds: hub, device, service; simulator
  std::vector<std::string> sources;   // keys of sources(), other clauses, or owner/repo#issue
  std::vector<std::string> evidence;  // documented, sdk, gateway, maintainer, observed, inferred, memory
  std::vector<std::string> switches;  // of the profile, on which the answer depends
  std::vector<std::string> open;      // the open questions that it touches
  std::vector<std::string> touches;   // the statements that a departure changes
  std::vector<std::string> seen_hub;     // what it takes to see it of a hub: wire, observer, fault, ...
  std::vector<std::string> seen_device;  // and of a device
  bool planned = false;               // a case for foreign systems is to come
};

// How an entry is covered.
enum class Status : std::uint8_t {
  checked,  // a check judges it in every run, or rests on it
  tested,   // a case for foreign systems drives it
  planned,  // a case is to come; until then tests at most look at it
  unseen,   // no black box can show it; the entry says why
  outside,  // hubproof leaves it out; the entry says why
  decided   // an open question, with the decision that hubproof took
};
inline constexpr std::array<std::string_view, 6> status_names{"checked", "tested", "planned", "unseen", "outside", "decided"};

// `checked`: there is a check; `tested`: there is a case. None: the entry does not say how it is covered, which a
// test forbids.
std::optional<Status> status(const Clause& clause, bool checked, bool tested);

struct Source {
  std::string key;
  std::string what;
  std::string date;  // empty: not dated
};

struct Chapter {
  std::string name;  // that its ids begin with: "C2D"
  std::string title;
};

const std::vector<Clause>& clauses();  // chapter by chapter
const std::vector<Chapter>& chapters();
const std::vector<Source>& sources();
const Clause* find_clause(std::string_view id);  // null: there is none

// The fields of an entry by the names that they have in the files, for whoever reads or writes them.
struct TextField {
  const char* name;
  std::string Clause::* value;
};
inline constexpr std::array<TextField, 9> text_fields{{{"matter", &Clause::matter},
                                                       {"kind", &Clause::kind},
                                                       {"values", &Clause::values},
                                                       {"wire", &Clause::wire},
                                                       {"in_2017", &Clause::in_2017},
                                                       {"on_hub", &Clause::on_hub},
                                                       {"decision", &Clause::decision},
                                                       {"unseen", &Clause::unseen},
                                                       {"outside", &Clause::outside}}};
struct ListField {
  const char* name;
  std::vector<std::string> Clause::* values;
};
inline constexpr std::array<ListField, 8> list_fields{{{"side", &Clause::side},
                                                       {"switches", &Clause::switches},
                                                       {"open", &Clause::open},
                                                       {"touches", &Clause::touches},
                                                       {"seen_hub", &Clause::seen_hub},
                                                       {"seen_device", &Clause::seen_device},
                                                       {"sources", &Clause::sources},
                                                       {"evidence", &Clause::evidence}}};

}  // namespace hubproof::conformance
