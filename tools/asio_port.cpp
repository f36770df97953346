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
void AsioPort<Net>::listen(typename Net::Acceptor acceptor, std::size_t door) {
  auto listener = std::make_shared<Listener>(
      Listener{std::move(acceptor), typename Net::Timer{context_}, door});
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
    const auto id = static_cast<model::ConnectionId>(++accepted_);
    adopt(connection, id);
    user_.accepted(id, listener->door);
    if (connection->ours) read(connection);
    accept(listener);
  });
}

template <Network Net>
void AsioPort<Net>::connect(model::ConnectionId id, const typename Net::Endpoint& to) {
  auto connection = std::make_shared<Connection>(context_);
  connection->id = id;
  connections_[id] = connection;
  connection->stream.async_connect(to, [this, connection](Error error) {
    if (!connection->ours) return;
    if (error) {
      connection->ours = false;
      connections_.erase(connection->id);
      user_.refused(connection->id);
      return;
    }
    adopt(connection, connection->id);
    user_.connected(connection->id);
    if (connection->ours) read(connection);
  });
}

template <Network Net>
void AsioPort<Net>::adopt(const Shared& connection, model::ConnectionId id) {
  connection->id = id;
  connections_[id] = connection;
  Net::settle(connection->stream);
}

// There is one read at a time, to the very end of the stream. What comes after the owner has closed
// is read and dropped: to close with unread bytes would cut the peer off from what it was sent.
template <Network Net>
void AsioPort<Net>::read(const Shared& connection) {
  if (connection->reading) return;
  if (paused_ && connection->ours) {
    held_back_.push_back(connection);
    return;
  }
  connection->reading = true;
  connection->stream.async_read_some(
      boost::asio::buffer(connection->incoming), [this, connection](Error error, std::size_t size) {
        connection->reading = false;
        if (connection->ours && size > 0)
          user_.received(connection->id, model::View{connection->incoming}.first(size));
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
  if (connection->queued.size() + connection->leaving.size() > limits_.unsent) {
    // Its owner is at work just now: it hears of the end afterwards.
    connection->queued.clear();
    boost::asio::post(context_, [this, connection] {
      if (connection->ours) end(connection, model::EndedBy::local);
    });
    return;
  }
  if (!connection->writing) write(connection);
}

template <Network Net>
void AsioPort<Net>::write(const Shared& connection) {
  if (connection->queued.empty()) {
    if (connection->ending) leave(connection);
    return;
  }
  connection->writing = true;
  std::swap(connection->queued, connection->leaving);
  boost::asio::async_write(connection->stream, boost::asio::buffer(connection->leaving),
                           [this, connection](Error error, std::size_t) {
                             connection->writing = false;
                             connection->leaving.clear();
                             if (!error) return write(connection);
                             connection->queued.clear();
                             if (connection->ours) return end(connection, ended_by(error));
                             cut(connection);
                           });
}

// Not by the owner's wish. A peer that only said that it will send no more still gets what was
// queued for it.
template <Network Net>
void AsioPort<Net>::end(const Shared& connection, model::EndedBy by) {
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
    if (connection->ours) read(connection);
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
  while (!connections_.empty()) close(connections_.begin()->first);
}

template class AsioPort<RealNet>;

}  // namespace hubproof::tools
