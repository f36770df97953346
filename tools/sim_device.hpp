// A device machine on a simulated node, with the application that gives it work: telemetry at
// drawn times, sleep by intent, and a memory that may be lost.
#pragma once

#include <optional>

#include "model/device.hpp"
#include "tools/scenario.hpp"
#include "tools/sim_node.hpp"

namespace hubproof::tools {

// What every message touches comes first, up to the machine's own such part (see soon()).
class alignas(64) SimDevice final : public SimNode {
 public:
  // `about`: the participant whose id this device uses (itself, but for twins). Telemetry that is
  // not told when to stop stops at `quiet_from`.
  SimDevice(Stage& stage, const DeviceGroup& group, const model::DeviceRules& rules, std::string id,
            model::NodeIndex about, sim::NodeId hub, sim::Instant quiet_from)
      : SimNode{stage}, group_{group}, quiet_from_{quiet_from}, about_{about}, hub_{hub},
        rules_{rules}, id_{std::move(id)} {}

  void begin();  // once, when the run begins: starts the process at its drawn time

  void started() override;
  void crashed() override;
  void connected(sim::Socket socket) override;
  void refused(sim::Socket socket, sim::Refusal why) override;
  void received(sim::Socket socket, sim::View bytes) override;
  void ended(sim::Socket socket, sim::Ending how) override;
  void synced(std::uint64_t ticket, bool ok) override;
  void woken(std::uint64_t tag) override;
  void clock_stepped() override;
  void soon(sim::Socket, sim::NodeId, bool again) const override;

  // Port.
  void record(std::vector<model::Event>& events);
  void send(model::ConnectionId connection, model::View bytes) {
    if (connection == connection_) world().network().write(socket_, bytes);
  }
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
  static constexpr std::uint64_t telemetry_tag = 1;
  static constexpr std::uint64_t sleep_tag = 2;

  void done();
  void plan_telemetry();
  std::optional<sim::Instant> next_telemetry();
  void plan_sleep();
  void plan_memory_loss();
  void send_telemetry();
  void tell_routes(model::View message);

  const DeviceGroup& group_;
  sim::Instant quiet_from_;
  sim::Socket socket_{};
  model::ConnectionId connection_{};
  model::NodeIndex about_;
  std::uint32_t connection_base_ = 0;  // of this incarnation: its first connection is base + 1
  std::uint32_t number_ = 0;           // of the last message, over all incarnations
  std::uint32_t connections_ = 0;      // asked for by this incarnation
  bool append_failed_ = false;
  bool asleep_ = false;
  sim::NodeId hub_;
  const model::DeviceRules& rules_;
  std::optional<model::Device> device_;
  std::size_t told_times_ = 0;  // of `at` that are over, or about to be
  std::string id_;
};

}  // namespace hubproof::tools
