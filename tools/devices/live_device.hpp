// Plays the cases against a program: a process of the adapter and a listener for each case, several side
// by side. Processes are started in groups of their own, and ended by their id.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tools/devices/device_suite.hpp"
#include "tools/tls.hpp"

namespace hubproof::tools {

struct LiveDevice {
  std::vector<std::string> command;
  std::string host = "127.0.0.1";    // where the server listens; each case has a port of its own
  const TlsContext* tls = nullptr;   // of a server with TLS
  std::string ca{};                  // the file with its authority, for the device
  bool websocket = false;            // all cases are played within WebSockets, not only those about them
  std::uint64_t seed = 0;
  unsigned jobs = 4;
  model::Duration start{std::chrono::seconds{20}};  // for an adapter to say hello
  std::function<void(std::size_t done)> on_progress{};
  std::function<bool()> stop{};      // asked now and then; cases that were not played have no outcome
};

// The certificate of a server at this address, kept in this directory, and the file with its authority. Null, and a
// problem in words, when there is none.
std::unique_ptr<TlsContext> device_tls(const std::string& directory, const std::string& host, std::string& ca, std::string& problem);

DevicePlay play_live(const LiveDevice& device, const std::vector<const conformance::devices::DeviceCase*>& cases);

}  // namespace hubproof::tools
