// A client of a plain broker on a simulated node, with the application that gives it messages to publish.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/device/topic_client.hpp"
#include "tools/scenario.hpp"
#include "tools/sim_node.hpp"
#include "tools/topic_load.hpp"

namespace hubproof::tools {

class SimClient final : public SimNode {
 public:
  // `number`: in its group, which stands for each {} in topics and filters. What is not told when to stop
  // stops at `quiet_from`.
  SimClient(Stage& stage, const ClientGroup& group, std::string id, std::uint32_t number, sim::NodeId broker,
            sim::Instant quiet_from);

  void begin();  // once, when the run begins: starts the process at its drawn time

  void started() override;
  void crashed() override;
  void connected(sim::Socket socket) override;
  void refused(sim::Socket socket, sim::Refusal why) override;
  void received(sim::Socket socket, sim::View bytes) override;
  void ended(sim::Socket socket, sim::Ending how) override;
  void woken(std::uint64_t tag) override;
  void clock_stepped() override;

  // Port.
  void record(std::vector<model::Event>& events);
  void send(model::ConnectionId connection, model::View bytes) {
    if (connection == connection_) world().network().write(socket_, bytes);
  }
  void close(model::ConnectionId connection);
  void abort(model::ConnectionId connection);
  void connect(model::ConnectionId connection);
  void append(std::uint64_t, model::View) {}  // it has no disk
  void sync(std::uint64_t, model::Ticket) {}
  void remove(std::uint64_t) {}
  void halt() {}

 private:
  static constexpr std::uint64_t sleep_tag = 1;
  static constexpr std::uint64_t first_load_tag = 2;

  void done();
  void plan(std::size_t load);
  void plan_sleep();
  void publish(std::size_t load);

  const ClientGroup& group_;
  std::string id_;
  TopicLoad load_;
  sim::NodeId broker_;
  sim::Instant quiet_from_;
  std::optional<model::TopicClient> client_;
  sim::Socket socket_{};
  model::ConnectionId connection_{};
  std::uint32_t connection_base_ = 0;  // of this incarnation: its first connection is base + 1
  std::uint32_t connections_ = 0;
  std::uint32_t number_ = 0;  // of the last message, over all incarnations
  bool asleep_ = false;
};

}  // namespace hubproof::tools
