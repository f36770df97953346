// `hubproof serve`: the hub machine on real sockets and a real disk, for real devices and SDKs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/rules.hpp"

namespace hubproof::tools {

struct ServeOptions {
  std::vector<std::string> listen;   // each SCHEME=HOST:PORT (also SCHEME://HOST:PORT); port 0: any
  std::string store;                 // a directory; empty: memory only
  std::string tls;                   // a directory for certificates and keys; empty: the store
  std::vector<std::string> names;    // that the certificate has beside localhost, 127.0.0.1 and ::1
  model::Rules rules;                // of the profile; the mutant, if any, has already spoiled them
  std::optional<model::Terms> terms;  // of the profile, whatever the mutant does; none: of the rules
  std::string mutant;                // its name, for the remark on standard error; empty: none
  std::vector<std::string> devices;  // ids that exist from the start
  std::string control;               // HOST:PORT; empty: no control door
  std::string profile;               // its name
  std::string target;                // a file that says to `conform` where this is; empty: none
  std::string history;               // file of JSON lines; empty: none
  std::string faults;                // file of faults for live connections (fault_plan.hpp); empty: none
  std::uint64_t seed = 0;            // of what they leave to chance
  bool fault_properties = false;     // devices may ask for faults by properties of their telemetry
};

// Serves until SIGINT or SIGTERM. Prints what the contract says on standard output, remarks and
// problems on standard error, and gives the exit code: 0, 64, 65, 69, 70 or 73.
int serve(const ServeOptions& options);

}  // namespace hubproof::tools
