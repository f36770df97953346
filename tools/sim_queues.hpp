// The broker of AMQP 1.0 on a simulated node.
#pragma once

#include <map>

#include "model/amqp/queues.hpp"
#include "tools/sim_node.hpp"

namespace hubproof::tools {

class SimQueues final : public SimNode {
 public:
  SimQueues(Stage& stage, const model::amqp::QueueRules& rules) : SimNode{stage}, broker_{rules} {}

  void started() override { world().network().listen(node_, amqp_port); }
  void crashed() override {}
  void accepted(sim::Socket socket) override;
  void received(sim::Socket socket, sim::View bytes) override;
  void ended(sim::Socket socket, sim::Ending how) override;
  void woken(std::uint64_t tag) override;

  // Port.
  using SimNode::record;
  void send(model::ConnectionId connection, model::View bytes);
  void close(model::ConnectionId connection);
  void abort(model::ConnectionId connection);
  void connect(model::ConnectionId) {}
  void append(std::uint64_t, model::View) {}
  void sync(std::uint64_t, model::Ticket) {}
  void remove(std::uint64_t) {}
  void halt() {}

 private:
  void done();

  model::amqp::QueueBroker broker_;
  std::map<sim::Socket, model::ConnectionId> connections_;
  std::map<model::ConnectionId, sim::Socket> sockets_;
  std::uint32_t last_ = 0;
};

}  // namespace hubproof::tools
