// `hubproof proxy`: the machine of core.hpp on real sockets, between any client and any server.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hubproof::tools {

struct ProxyOptions {
  std::vector<std::string> listen;   // each SCHEME=HOST:PORT; port 0: any
  std::vector<std::string> to;       // as many: where what comes in there goes
  std::vector<std::string> clients;  // names that faults may speak of
  std::string faults;                // file (script.hpp); empty: all passes
  std::uint64_t seed = 0;
  std::string history;               // files; empty: none
  std::string pcap;
  std::string log;
  std::string profile;               // that the history claims; empty: the default one
  std::string tls;                   // a directory with the certificate for clients
  std::vector<std::string> names;    // that it has beside localhost
  std::string trust;                 // authorities that a server's certificate may end at; empty: the system's
};

// Runs until SIGINT or SIGTERM; gives the exit code: 0, 64, 65, 69 or 73.
int proxy(const ProxyOptions& options);

}  // namespace hubproof::tools
