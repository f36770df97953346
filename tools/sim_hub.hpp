// The hub machine on a simulated node: its connections, its disk, its restarts.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "model/server.hpp"
#include "tools/scenario.hpp"
#include "tools/sim_node.hpp"

namespace hubproof::tools {

class SimHub final : public SimNode {
 public:
  using IndexOf = std::function<model::NodeIndex(std::string_view)>;

  SimHub(Stage& stage, const model::Rules& rules, sim::Duration restart_after, IndexOf index_of)
      : SimNode{stage}, rules_{rules}, restart_after_{restart_after}, index_of_{std::move(index_of)} {}

  // An operation that needs no connection: the set-up of a run.
  void request(const model::Request& request, model::Server::Answer answer);

  void started() override;
  void crashed() override;
  void accepted(sim::Socket socket) override;
  void received(sim::Socket socket, sim::View bytes) override;
  void ended(sim::Socket socket, sim::Ending how) override;
  void synced(std::uint64_t ticket, bool ok) override;
  void woken(std::uint64_t tag) override;
  void clock_stepped() override;
  void soon(sim::Socket socket, sim::NodeId peer, bool again) const override;

  // Port.
  using SimNode::record;
  void send(model::ConnectionId connection, model::View bytes) {
    world().network().write(socket(connection), bytes);
  }
  void close(model::ConnectionId connection);
  void abort(model::ConnectionId connection);
  void connect(model::ConnectionId) {}  // a hub waits to be called
  void append(std::uint64_t file, model::View bytes);
  void sync(std::uint64_t file, model::Ticket ticket);
  void remove(std::uint64_t file) { disk_->remove(file); }
  void halt();

 private:
  sim::Socket socket(model::ConnectionId connection) const {
    return sockets_[static_cast<std::size_t>(connection)];
  }
  model::ConnectionId connection(sim::Socket socket) const;
  sim::Socket forget(model::ConnectionId connection);  // gives its socket
  void done();  // performs what the machine asked for and sets its alarm

  const model::Rules& rules_;
  sim::Duration restart_after_;
  IndexOf index_of_;
  std::optional<model::Server> server_;
  sim::Disk* disk_ = nullptr;  // the node's, since it started first
  std::vector<sim::Socket> sockets_{sim::Socket::none};  // by connection; ids are not used again
  struct Known {
    sim::Socket socket{};
    model::ConnectionId connection{};
  };
  std::vector<Known> by_slot_;  // by the socket's place in the network
  bool append_failed_ = false;                           // since then no sync may succeed
  bool halted_ = false;
};

}  // namespace hubproof::tools
