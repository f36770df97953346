#include "tools/sim_queues.hpp"

namespace hubproof::tools {

void SimQueues::accepted(sim::Socket socket) {
  const auto connection = static_cast<model::ConnectionId>(++last_);
  connections_[socket] = connection;
  sockets_[connection] = socket;
  broker_.opened(now(), connection);
  done();
}

void SimQueues::received(sim::Socket socket, sim::View bytes) {
  const auto found = connections_.find(socket);
  if (found == connections_.end()) return;
  broker_.received(now(), found->second, bytes, effects());
  done();
}

void SimQueues::ended(sim::Socket socket, sim::Ending) {
  const auto found = connections_.find(socket);
  if (found == connections_.end()) return;
  const model::ConnectionId connection = found->second;
  sockets_.erase(connection);
  connections_.erase(found);
  broker_.ended(now(), connection, effects());
  done();
}

void SimQueues::woken(std::uint64_t) {
  if (!alarm_is_due()) return;
  broker_.woken(now(), effects());
  done();
}

void SimQueues::send(model::ConnectionId connection, model::View bytes) {
  if (const auto found = sockets_.find(connection); found != sockets_.end())
    world().network().write(found->second, bytes);
}

void SimQueues::close(model::ConnectionId connection) {
  const auto found = sockets_.find(connection);
  if (found == sockets_.end()) return;
  const sim::Socket socket = found->second;
  sockets_.erase(found);
  connections_.erase(socket);
  world().network().close(socket);
}

void SimQueues::abort(model::ConnectionId connection) { close(connection); }

void SimQueues::done() {
  perform(effects(), *this);
  follow(broker_.deadline());
}

}  // namespace hubproof::tools
