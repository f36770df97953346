// Boost.Asio's own types as one bundle of names: the real network, and the real clocks. Heavy:
// include it from .cpp files only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <concepts>

#include "model/time.hpp"

namespace hubproof::tools {

// What an AsioPort needs of a network. `settle` is called once for each new stream, `reset` ends a
// stream so that its peer sees a cut and not an end.
template <class N>
concept Network = requires(typename N::Stream& stream, typename N::Timer& timer,
                           typename N::Acceptor& acceptor, typename N::Endpoint endpoint) {
  typename N::Context;
  { N::now() } -> std::same_as<model::Now>;
  N::settle(stream);
  N::reset(stream);
  timer.expires_after(model::Duration{});
  acceptor.async_accept([](boost::system::error_code, typename N::Stream) {});
  stream.async_connect(endpoint, [](boost::system::error_code) {});
};

struct RealNet {
  using Context = boost::asio::io_context;
  using Stream = boost::asio::ip::tcp::socket;
  using Acceptor = boost::asio::ip::tcp::acceptor;
  using Timer = boost::asio::steady_timer;
  using Endpoint = boost::asio::ip::tcp::endpoint;

  static model::Now now() {
    return {model::Instant{std::chrono::steady_clock::now().time_since_epoch()},
            model::Date{std::chrono::system_clock::now().time_since_epoch()}};
  }
  static void settle(Stream& stream) {
    boost::system::error_code ignored;
    stream.set_option(boost::asio::ip::tcp::no_delay{true}, ignored);
  }
  static void reset(Stream& stream) {
    boost::system::error_code ignored;
    stream.set_option(boost::asio::socket_base::linger{true, 0}, ignored);
    stream.close(ignored);
  }
};

static_assert(Network<RealNet>);

}  // namespace hubproof::tools
