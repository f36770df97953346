// What `proxy --faults FILE` reads: faults and nemeses as a scenario has them, for the server ("hub") and
// the clients that are named to the proxy; and faults that a packet sets off.
//
//   {"faults": [{"reset": "*", "at": {"packet": "PUBLISH", "from": "client", "count": 3, "place": "after"}},
//               {"drop": 0.1, "at": {"packet": "PUBACK"}},
//               {"delay": "200ms", "from": "10s", "until": "20s"}]}
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/nemesis.hpp"
#include "tools/names.hpp"
#include "tools/problem.hpp"
#include "tools/proxy/dissector.hpp"

namespace hubproof::tools {

// Which packets a fault hits.
struct Trigger {
  enum class Side : std::uint8_t { either, client, server };
  enum class Place : std::uint8_t { before, inside, after };
  enum class Per : std::uint8_t { connection, client, run };
  std::string packet = "*";   // a name as packet_names() has them, or a status of HTTP
  std::string topic;          // of a PUBLISH: a filter that it matches; empty: any
  Side from = Side::either;
  std::uint32_t count = 0;    // the n-th of them alone; 0: each
  Per per = Per::connection;  // what is counted
  std::uint32_t times = 0;    // in all; 0: without end
  Place place = Place::before;
};

struct ProxyFault {
  sim::Fault fault;
  std::optional<Trigger> at;
};

struct ProxyScript {
  std::string reason;
  sim::Duration duration{};  // then all is healed; 0: never
  std::vector<ProxyFault> faults;
  std::vector<sim::NemesisSpec> nemeses;
};

// What a proxy cannot do is a problem, too.
ProxyScript read_proxy_script(std::string_view json, const Cast& cast, Problems& problems);

// Faults of a seed that need no packet: those of the script and those that its nemeses draw.
std::vector<sim::Fault> timed_faults(const ProxyScript& script, const Cast& cast, std::uint64_t seed);

}  // namespace hubproof::tools
