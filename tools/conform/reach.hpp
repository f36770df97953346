// The doors of a real target, as sockets know them. Heavy: include it from .cpp files only.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>

#include "tools/conform/descriptor.hpp"
#include "tools/tls.hpp"

namespace hubproof::tools {

struct Reached {
  std::string problem;  // a door that its descriptor names is not there, or nobody can be trusted; empty: all are
  std::array<boost::asio::ip::tcp::endpoint, 3> endpoints;  // by cases::Door
  std::unique_ptr<TlsContext> tls;                          // where a door has TLS
};

// Tries each door once.
Reached reach(boost::asio::io_context& context, const Descriptor& descriptor);

// A few letters that no other run has: names at a target that others use, too, begin with them.
std::string fresh_tag();

}  // namespace hubproof::tools
