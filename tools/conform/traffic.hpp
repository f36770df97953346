// The checks of histories over the traffic of one case. A case judges what it asks for; these judge whatever
// else came by: the MQTT packets of its clients are told as a history, at the clients' end of the wire, and a
// judge finds in it what a server may never do.
#pragma once

#include <vector>

#include "conformance/judge.hpp"
#include "model/history.hpp"

namespace hubproof::conformance::cases {
class Stage;
}

namespace hubproof::tools {

struct Traffic {
  model::History header;            // terms, participants, notes
  std::vector<model::Event> events; // the last is `finished`
};

// What the clients of a case that is over did and saw. Clients on other doors than MQTT's are not in it, and
// nobody but the clients is. Empty: the transcript was too long to be kept whole, or at a broker two messages
// of the case were alike.
Traffic traffic_of(const conformance::cases::Stage& stage);

// The checks that bind a server, each exercised or not; what clients do in cases, they do on purpose.
std::vector<conformance::Judged> judge_traffic(const Traffic& traffic);

}  // namespace hubproof::tools
