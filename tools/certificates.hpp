// The hub's own certificate authority and the certificate of its doors: made on the first start, kept in
// a directory as ca.pem, ca-key.pem, server.pem and server-key.pem, and renewed before they end. Keys are
// for their owner only (0600).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/time.hpp"

namespace hubproof::tools {

struct Certificates {
  std::string authority;             // PEM, for clients to trust
  std::string certificate;           // PEM, of the doors
  std::string key;                   // PEM
  std::string file;                  // where the authority is
  std::vector<std::string> remarks;  // what was made or will end soon
};

inline constexpr std::chrono::days authority_life{3650};
inline constexpr std::chrono::days certificate_life{365};
inline constexpr std::chrono::days renewed_before{30};  // its end

// The certificate names localhost, 127.0.0.1, ::1 and these: DNS names or addresses. Makes the directory
// and what it lacks. Nothing, and a problem in words, when a file cannot be read, used or written.
std::optional<Certificates> certificates(const std::string& directory, const std::vector<std::string>& names,
                                         model::Date now, std::string& problem);

// Can it stand in a certificate: a DNS name (also *.example.org), or an address?
bool is_certificate_name(const std::string& name);

}  // namespace hubproof::tools
