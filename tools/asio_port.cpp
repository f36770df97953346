#include "tools/asio_port.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

namespace hubproof::tools {
namespace {

using Error = boost::system::error_code;

model::EndedBy ended_by(const Error& error) {
  if (error == boost::asio::error::eof) return model::EndedBy::peer;
  if (error == boost::asio::error::connection_reset || error == boost::asio::error::broken_pipe ||
      error == boost::asio::error::connection_aborted)
    return model::EndedBy::reset;
  if (error == boost::asio::error::timed_out) return model::EndedBy::timed_out;
  return model::EndedBy::unknown;
}

}  // namespace

template <Network Net>
void AsioPort<Net>::listen(typename Net::Acceptor acceptor, std::size_t door, const TlsContext* tls) {
  auto listener = std::make_shared<Listener>(
      Listener{std::move(acceptor), typename Net::Timer{context_}, door, tls});
  listeners_.push_back(listener);
  accept(listener);
}

template <Network Net>
void AsioPort<Net>::accept(const std::shared_ptr<Listener>& listener) {
  listener->acceptor.async_accept([this, listener](Error error, typename Net::Stream stream) {
    if (stopped_) return;
    if (error) {  // out of descriptors, or a peer that left in the queue
      listener->pause.expires_after(limits_.accept_pause);
      listener->pause.async_wait([this, listener](Error) {
        if (!stopped_) accept(listener);
      });
      return;
    }
    auto connection = std::make_shared<Connection>(context_);
    connection->stream = std::move(stream);
    connection->door = listener->door;
    adopt(connection, static_cast<model::ConnectionId>(++accepted_));
    begin(connection, listener->tls, {});
    accept(listener);
  });
}

template <Network Net>
void AsioPort<Net>::connect(model::ConnectionId id, const typename Net::Endpoint& to, const TlsContext* tls,
                            const std::string& server_name) {
  auto connection = std::make_shared<Connection>(context_);
  connection->id = id;
  connection->dialled = true;
  connections_[id] = connection;
  connection->stream.async_connect(to, [this, connection, tls, server_name](Error error) {
    if (!connection->ours) return;
    if (error) {
      connection->ours = false;
      connections_.erase(connection->id);
      user_.refused(connection->id);
      return;
    }
    adopt(connection, connection->id);
    begin(connection, tls, server_name);
  });
}

template <Network Net>
void AsioPort<Net>::adopt(const Shared& connection, model::ConnectionId id) {
  connection->id = id;
  connections_[id] = connection;
  Net::settle(connection->stream);
}

// The stream is up.
template <Network Net>
void AsioPort<Net>::begin(const Shared& connection, const TlsContext* tls, const std::string& server_name) {
  if (tls == nullptr) return introduce(connection);
  connection->tls = std::make_unique<Tls>(*tls, server_name);
  connection->greeting = true;
  connection->patience.expires_after(limits_.handshake);
  connection->patience.async_wait([this, connection](Error error) {
    if (!error && connection->greeting && connection->ours)
      failed(connection, "the TLS handshake took too long");
  });
  if (connection->dialled) connection->tls->start();
  write(connection);
  read(connection);
}

template <Network Net>
void AsioPort<Net>::introduce(const Shared& connection) {
  if (connection->dialled) {
    user_.connected(connection->id);
  } else {
    user_.accepted(connection->id, connection->door);
  }
  if (connection->ours) read(connection);
}

template <Network Net>
void AsioPort<Net>::heard(const Shared& connection, model::View bytes) {
  if (connection->tls) return heard_sealed(connection, bytes);
  if (connection->ours) user_.received(connection->id, bytes);
}

template <Network Net>
void AsioPort<Net>::heard_sealed(const Shared& connection, model::View bytes) {
  Tls& tls = *connection->tls;
  if (!connection->ours || (tls.state() != Tls::State::greeting && tls.state() != Tls::State::open)) return;
  model::Bytes plain;
  std::swap(plain, plain_);
  plain.clear();
  tls.received(bytes, plain);
  if (connection->greeting && tls.state() != Tls::State::greeting && tls.state() != Tls::State::failed) {
    connection->greeting = false;
    connection->patience.cancel();
    introduce(connection);
  }
  if (connection->ours && !connection->greeting && !plain.empty()) user_.received(connection->id, plain);
  std::swap(plain, plain_);
  if (!connection->writing) write(connection);  // what TLS itself has to say
  if (!connection->ours) return;
  if (tls.state() == Tls::State::failed) return failed(connection, tls.problem());
  if (tls.state() == Tls::State::ended) end(connection, model::EndedBy::peer);
}

// TLS came to nothing; what it has to say of that still leaves.
template <Network Net>
void AsioPort<Net>::failed(const Shared& connection, const std::string& why) {
  take(connection->id);
  finish_soon(connection);
  if (!connection->greeting) return user_.ended(connection->id, model::EndedBy::local);
  if (connection->dialled) return user_.refused(connection->id);
  user_.not_accepted(connection->door, why);
}

// There is one read at a time, to the very end of the stream. What comes after the owner has closed
// is read and dropped: to close with unread bytes would cut the peer off from what it was sent.
template <Network Net>
void AsioPort<Net>::read(const Shared& connection) {
  if (connection->reading) return;
  if (connection->silent) return;
  if ((paused_ || connection->held || connection->behind) && connection->ours) {
    held_back_.push_back(connection);
    return;
  }
  connection->reading = true;
  connection->stream.async_read_some(
      boost::asio::buffer(connection->incoming), [this, connection](Error error, std::size_t size) {
        connection->reading = false;
        if (connection->silent) return;
        if (size > 0) heard(connection, model::View{connection->incoming}.first(size));
        if (!error) return read(connection);
        connection->read_all = true;
        if (connection->ours) return end(connection, ended_by(error));
        if (connection->said_all) finish(connection);
      });
}

template <Network Net>
void AsioPort<Net>::send(model::ConnectionId id, model::View bytes) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  const Shared connection = found->second;
  connection->queued.insert(connection->queued.end(), bytes.begin(), bytes.end());
  account(*connection);
  if (too_far_behind(connection)) {
    // Its owner is at work just now: it hears of the end afterwards.
    connection->queued.clear();
    account(*connection);
    boost::asio::post(context_, [this, connection] {
      if (connection->ours) end(connection, model::EndedBy::local);
    });
    return;
  }
  if (!connection->writing) write(connection);
}

template <Network Net>
bool AsioPort<Net>::too_far_behind(const Shared& connection) {
  if (connection->unsent() <= limits_.unsent) return false;
  if (connection->unsent() > limits_.most_unsent || together_ > limits_.together) return true;
  if (!connection->behind) {
    connection->behind = true;
    watch(connection);
  }
  return false;
}

// Until it has caught up, or has taken too little in a stretch.
template <Network Net>
void AsioPort<Net>::watch(const Shared& connection) {
  connection->patience.expires_after(limits_.stretch);
  connection->patience.async_wait([this, connection, then = connection->taken](Error error) {
    if (error || !connection->behind || !connection->ours) return;
    if (connection->taken - then >= limits_.taken) return watch(connection);
    connection->queued.clear();
    account(*connection);
    end(connection, model::EndedBy::local);
  });
}

template <Network Net>
void AsioPort<Net>::caught_up(const Shared& connection) {
  connection->behind = false;
  if (!connection->ours || connection->ending) return;
  connection->patience.cancel();
  if (std::erase(held_back_, connection) > 0) read(connection);
}

template <Network Net>
void AsioPort<Net>::account(Connection& connection) {
  together_ += connection.unsent() - connection.counted;
  connection.counted = connection.unsent();
}

template <Network Net>
void AsioPort<Net>::write(const Shared& connection) {
  if (connection->left < connection->leaving.size()) return write_on(connection);
  connection->left = 0;
  connection->leaving.clear();
  if (connection->tls) {  // what has gathered is sealed in one go
    connection->tls->send(connection->queued);
    connection->queued.clear();
    std::swap(connection->tls->outgoing(), connection->leaving);
  } else {
    std::swap(connection->queued, connection->leaving);
  }
  account(*connection);
  if (connection->leaving.empty()) {
    if (connection->ending) leave(connection);
    return;
  }
  write_on(connection);
}

template <Network Net>
void AsioPort<Net>::write_on(const Shared& connection) {
  connection->writing = true;
  const auto rest = boost::asio::buffer(connection->leaving) + connection->left;
  connection->stream.async_write_some(rest, [this, connection](Error error, std::size_t size) {
    connection->writing = false;
    connection->left += size;
    connection->taken += size;
    if (!error && !connection->silent) {
      account(*connection);
      if (connection->behind && connection->unsent() <= limits_.unsent / 2) caught_up(connection);
      return write(connection);
    }
    connection->left = 0;
    connection->leaving.clear();
    if (!connection->silent) connection->queued.clear();
    account(*connection);
    if (connection->silent) return;
    if (connection->ours) return end(connection, ended_by(error));
    cut(connection);
  });
}

// Not by the owner's wish. A peer that only said that it will send no more still gets what was
// queued for it.
template <Network Net>
void AsioPort<Net>::end(const Shared& connection, model::EndedBy by) {
  if (connection->greeting) return failed(connection, "the peer left during the TLS handshake");
  take(connection->id);
  if (by == model::EndedBy::peer) {
    finish_soon(connection);
  } else {
    cut(connection);
  }
  user_.ended(connection->id, by);
}

template <Network Net>
void AsioPort<Net>::close(model::ConnectionId id) {
  if (const Shared connection = take(id)) finish_soon(connection);
}

template <Network Net>
void AsioPort<Net>::finish_soon(const Shared& connection) {
  connection->ending = true;
  connection->patience.expires_after(limits_.farewell);
  connection->patience.async_wait([connection](Error error) {
    if (!error) Net::reset(connection->stream);
  });
  if (!connection->writing) write(connection);
}

template <Network Net>
void AsioPort<Net>::abort(model::ConnectionId id) {
  if (const Shared connection = take(id)) cut(connection);
}

template <Network Net>
void AsioPort<Net>::abort_after_sent(model::ConnectionId id) {
  const Shared connection = take(id);
  if (!connection) return;
  connection->by_cut = true;
  finish_soon(connection);
}

template <Network Net>
std::size_t AsioPort<Net>::unsent(model::ConnectionId id) const {
  const auto found = connections_.find(id);
  return found == connections_.end() ? 0 : found->second->unsent();
}

template <Network Net>
std::optional<model::ClientCertificate> AsioPort<Net>::certificate(model::ConnectionId id) const {
  const auto found = connections_.find(id);
  if (found == connections_.end() || !found->second->tls) return {};
  return found->second->tls->certificate();
}

template <Network Net>
void AsioPort<Net>::cut(const Shared& connection) {
  connection->patience.cancel();
  Net::reset(connection->stream);
}

template <Network Net>
typename AsioPort<Net>::Shared AsioPort<Net>::take(model::ConnectionId id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return nullptr;
  Shared connection = std::move(found->second);
  connections_.erase(found);
  connection->ours = false;
  return connection;
}

// All is sent: say so, and wait a while for the peer to say the same.
template <Network Net>
void AsioPort<Net>::leave(const Shared& connection) {
  if (connection->by_cut) return cut(connection);
  if (connection->tls && !connection->sealed_end) {
    connection->sealed_end = true;
    connection->tls->close();
    if (!connection->tls->outgoing().empty()) return write(connection);
  }
  Error error;
  connection->stream.shutdown(Net::Stream::shutdown_send, error);
  if (error) return cut(connection);
  connection->said_all = true;
  if (connection->read_all) return finish(connection);
  read(connection);
}

template <Network Net>
void AsioPort<Net>::finish(const Shared& connection) {
  connection->patience.cancel();
  Error ignored;
  connection->stream.close(ignored);
}

template <Network Net>
void AsioPort<Net>::wake_at(std::optional<model::Instant> when) {
  if (!when || stopped_ || (armed_ && *armed_ <= *when)) return;
  armed_ = when;
  alarm_.expires_after(std::max(*when - Net::now().mono, model::Duration{0}));
  alarm_.async_wait([this](Error error) {
    if (error || stopped_) return;  // superseded by an earlier wish
    armed_.reset();
    user_.woken();
  });
}

template <Network Net>
void AsioPort<Net>::pause(bool paused) {
  paused_ = paused;
  if (paused) return;
  for (const Shared& connection : std::exchange(held_back_, {}))
    if (connection->ours) read(connection);  // or held back again
}

template <Network Net>
void AsioPort<Net>::hold(model::ConnectionId id, bool held) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  const Shared connection = found->second;
  connection->held = held;
  if (!held && std::erase(held_back_, connection) > 0) read(connection);
}

template <Network Net>
void AsioPort<Net>::fall_silent(model::ConnectionId id) {
  const Shared connection = take(id);
  if (!connection) return;
  connection->silent = true;
  connection->queued.clear();
  account(*connection);
  std::erase(held_back_, connection);
  silent_.push_back(connection);
}

template <Network Net>
void AsioPort<Net>::stop() {
  stopped_ = true;
  alarm_.cancel();
  Error ignored;
  for (const auto& listener : listeners_) {
    listener->acceptor.close(ignored);
    listener->pause.cancel();
  }
  for (const Shared& connection : std::exchange(silent_, {})) cut(connection);
  while (!connections_.empty()) close(connections_.begin()->first);
}

template class AsioPort<RealNet>;

}  // namespace hubproof::tools
