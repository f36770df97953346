// The hub machine on real sockets and a real disk: what SimHub is in a simulation. As a laboratory it also
// has a nemesis (live_faults.hpp), a clock that can be moved, and an end by and by.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/server.hpp"
#include "tools/certificates.hpp"
#include "tools/fault_plan.hpp"

namespace hubproof::tools {

// An address with its port: "127.0.0.1:1883", "[::1]:1883", "localhost:1883".
struct HostPort {
  std::string host;
  std::uint16_t port = 0;  // 0: any
};
std::optional<HostPort> host_port(std::string_view text);
bool is_loopback(const HostPort& where);

class RealHub {
 public:
  enum class Door : std::uint8_t { mqtt, amqp, http, control };
  enum class End : std::uint8_t { stopped, halted };
  struct Settings {
    std::string store;  // a directory; empty: nothing is kept
    // Each event as the hub saw it. Participants are added to the header as they appear.
    std::function<void(const model::History& header, const model::Event& event)> on_event{};
    // Something that whoever runs the hub may want to know, each once.
    std::function<void(const std::string& what)> on_remark{};
    std::optional<model::Terms> terms{};  // what the history promises; none: what these rules do
    std::uint64_t seed = 0;         // of what faults leave to chance
    bool fault_properties = false;  // devices may ask for faults (model/server/fault_orders.hpp)
  };

  RealHub(const model::Rules& rules, Settings settings);  // the rules must outlive the hub
  ~RealHub();

  // In this order: listen, open, be asked, run. A problem is in words for a person. Who calls early
  // waits in the listener's queue.
  std::optional<std::uint16_t> listen(Door door, const HostPort& where, std::string& problem, bool tls = false);
  bool secure(const Certificates& certificates, std::string& problem);  // before the first door with TLS
  bool open(std::string& problem);  // reads the store
  void request(const model::Request& request, model::Server::Answer answer);

  // Those whom faults may name: the hub and the devices that exist.
  Cast cast() const;
  // These begin now; when they are over, all is healed.
  void begin_faults(const std::vector<sim::Fault>& faults, const Cast& cast, sim::Duration duration);

  void on_signals();                          // SIGINT and SIGTERM stop it
  End run(const std::function<bool()>& until = {});  // until stopped, halted, or `until` says so
  // From any thread, while it runs.
  void stop();
  void post_request(const model::Request& request, model::Server::Answer answer);

  const std::string& problem() const;         // why it halted
  const std::vector<std::string>& remarks() const;  // what the store could not give back, after open()

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hubproof::tools
