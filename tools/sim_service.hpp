// A service machine on a simulated node, with the application that gives it work: commands to
// drawn devices, and what an administrator does to the registry.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/service.hpp"
#include "tools/scenario.hpp"
#include "tools/sim_node.hpp"

namespace hubproof::tools {

class SimService final : public SimNode {
 public:
  using IndexOf = std::function<model::NodeIndex(std::string_view)>;

  // `devices`: the ids of all devices, which patterns choose from. Work that is not told when to
  // stop stops at `quiet_from`.
  SimService(Stage& stage, const ServiceNode& settings, const model::ServiceRules& rules, IndexOf index_of,
             const std::vector<std::string>& devices, sim::NodeId hub, sim::Instant quiet_from);

  void begin();

  void started() override;
  void crashed() override;
  void connected(sim::Socket socket) override;
  void refused(sim::Socket socket, sim::Refusal why) override;
  void received(sim::Socket socket, sim::View bytes) override;
  void ended(sim::Socket socket, sim::Ending how) override;
  void synced(std::uint64_t ticket, bool ok) override;
  void woken(std::uint64_t tag) override;
  void clock_stepped() override;

  // What its tokens are signed with, at a hub that asks for some; before it begins.
  void policy(std::string name, std::string key) {
    policy_ = std::move(name);
    policy_key_ = std::move(key);
  }

  // Port.
  void record(std::vector<model::Event>& events);
  void send(model::ConnectionId connection, model::View bytes);
  void close(model::ConnectionId connection);
  void abort(model::ConnectionId connection);
  void connect(model::ConnectionId connection);
  void append(std::uint64_t file, model::View bytes) {
    if (!world().disk(node_).append(file, bytes)) append_failed_ = true;
  }
  void sync(std::uint64_t file, model::Ticket ticket) {
    world().disk(node_).sync(file, static_cast<std::uint64_t>(ticket));
  }
  void remove(std::uint64_t file) { world().disk(node_).remove(file); }
  void halt() {}

 private:
  // Work goes on while the process is down: what falls due then is not done.
  enum class Work : std::uint64_t { commands, purge, recreate, disable, enable, rotate, tell };
  struct Targets {
    std::vector<std::uint32_t> of;  // indices into devices_
  };

  struct Open {
    model::ConnectionId connection{};
    sim::Socket socket = sim::Socket::none;
  };
  Open* find(sim::Socket socket);
  Open* find(model::ConnectionId connection);
  Open forget(Open& open);

  void done();
  void plan(Work work, std::uint64_t which);
  void work(Work work, std::uint64_t which);
  void act(RegistryWork what, std::uint32_t device, std::optional<sim::Duration> disabled_for);
  void send_commands(std::size_t load);
  const std::string& target(const Targets& targets, DriverSite where);
  void submit(model::Request request);
  void mend();
  void later(sim::Duration after, Work work, std::uint32_t device);
  model::CreateDevice create_again(std::uint32_t device) const;

  const ServiceNode& settings_;
  const model::ServiceRules& rules_;
  IndexOf index_of_;
  const std::vector<std::string>& devices_;
  std::vector<Targets> command_targets_;
  Targets registry_targets_;
  sim::NodeId hub_;
  sim::Instant quiet_from_;
  std::optional<model::Service> service_;
  std::vector<Open> open_;  // at most one at each door
  std::string policy_, policy_key_;
  bool append_failed_ = false;
  std::uint32_t connection_base_ = 0;
  std::uint32_t connections_ = 0;
  std::vector<std::size_t> told_times_;  // by load: how many of `at` are over
  std::uint32_t number_ = 0;
  std::set<std::uint32_t> recreated_, disabled_, rotated_;  // devices that were ever so, by number
};

}  // namespace hubproof::tools
