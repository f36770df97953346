// A target descriptor: where a foreign system is, who may come to it, what it promises and what it lacks.
//
//   {"name": "mosquitto 2.0.11", "profile": "mqtt-3.1.1", "addresses": ["mqtt://127.0.0.1:1883"],
//    "lacks": ["restart"], "limits": {"packet": 65536}, "leave_out": [{"cases": "mqtt/...", "reason": ".."}]}
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/cases/case.hpp"
#include "conformance/cases/stage.hpp"
#include "tools/document.hpp"
#include "tools/problem.hpp"
#include "tools/real_hub.hpp"

namespace hubproof::tools {

struct DoorAddress {
  HostPort where;
  bool tls = false;
};

struct LeftOut {
  std::string cases;   // a pattern of names
  std::string reason;
};

struct Descriptor {
  std::string name;
  std::string reason;  // whatever there is to say of it
  bool simulated = false;
  conformance::cases::Target target;
  std::array<std::optional<DoorAddress>, 3> doors;  // by cases::Door
  std::string authorities;                          // a PEM file, for TLS; empty: those of the system
  std::vector<conformance::cases::Identity> devices;
  std::string restart;                              // a command; it returns when the target is up again
  std::vector<LeftOut> leave_out;
  std::vector<std::string> has;                     // what it was set up with for cases that want it
  std::vector<std::string> lacks;                   // capabilities that it has not, as the file says
  bool certified = false;                           // nothing is left out, and nothing may be lacking
  std::uint32_t side_by_side = 64;                  // cases at one time
};

// SCHEME://HOST:PORT, `simulated`, or what a file says. `profile`: by the command line; empty: as the
// descriptor has it, or mqtt-3.1.1.
Descriptor read_descriptor(std::string_view json, const std::string& profile, Problems& problems);
std::optional<Descriptor> bare_descriptor(std::string_view target, const std::string& profile,
                                          std::string& problem);
Descriptor simulated_descriptor(const std::string& profile);
bool conform_profile(std::string_view name);  // of a target: one of the hub's rules, or amqp-1.0
std::string descriptor_schema();  // scenarios/target.schema.json
// Why no run at this target can be one without skips; empty: it can.
Problems uncertifiable(const Descriptor& descriptor);
// The file that read_descriptor() reads as this one, as far as our own hub fills it: name, profile, addresses,
// authorities, devices and policies with their keys, partitions.
std::string write_descriptor(const Descriptor& descriptor, const std::vector<std::string>& addresses);

// Tokens of all devices and policies whose keys are known, good for as long as 32 bits can say.
void make_tokens(conformance::cases::Target& target, std::vector<conformance::cases::Identity>& devices);

// The user name that a device of a hub gives [H-04].
std::string hub_user(const std::string& host, const std::string& id);

// Why a case is not run at this target; empty: it is.
std::string why_not(const conformance::cases::Case& one, const Descriptor& descriptor);
bool fits(std::string_view pattern, std::string_view name);  // * and ? as in file names

}  // namespace hubproof::tools
