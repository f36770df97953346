#include "tools/conform/reach.hpp"

#include <boost/asio/connect.hpp>
#include <random>

#include "tools/find_scenarios.hpp"

namespace hubproof::tools {

using boost::asio::ip::tcp;

Reached reach(boost::asio::io_context& context, const Descriptor& descriptor) {
  constexpr const char* usual_authorities = "/etc/ssl/certs/ca-certificates.crt";
  Reached reached;
  tcp::resolver resolver{context};
  for (std::size_t door = 0; door < descriptor.doors.size(); ++door) {
    const auto& address = descriptor.doors[door];
    if (!address) continue;
    boost::system::error_code error;
    const auto found = resolver.resolve(address->where.host, std::to_string(address->where.port), error);
    tcp::socket trial{context};
    if (!error) reached.endpoints[door] = boost::asio::connect(trial, found, error);
    if (error) {
      reached.problem = address->where.host + ":" + std::to_string(address->where.port) + ": " + error.message();
      return reached;
    }
    if (!address->tls || reached.tls) continue;
    std::string authorities;
    const std::string file = descriptor.authorities.empty() ? usual_authorities : descriptor.authorities;
    if (!read_file(file, 4u << 20, authorities, reached.problem)) return reached;
    reached.tls = TlsContext::client(authorities, {}, {}, reached.problem);
    if (reached.tls) continue;
    reached.problem = file + ": " + reached.problem;
    return reached;
  }
  return reached;
}

std::string fresh_tag() {
  std::random_device generator;
  constexpr std::string_view letters = "abcdefghijkmnpqrstuvwxyz23456789";
  std::string tag;
  for (int more = 5; more > 0; --more)
    tag += letters[std::uniform_int_distribution<std::size_t>{0, letters.size() - 1}(generator)];
  return tag;
}

}  // namespace hubproof::tools
