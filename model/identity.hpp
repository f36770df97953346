// Who somebody is and what they may do, as values that the doors, the gate and the registry exchange.
#pragma once

#include <cstdint>
#include <string>

namespace hubproof::model {

// What a credential may allow [SEC-11]; bits of a set.
enum class Right : std::uint8_t {
  registry_read = 1,
  registry_write = 2,
  service_connect = 4,  // send commands, read telemetry and feedback
  device_connect = 8
};
constexpr std::uint8_t operator|(Right a, Right b) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}

// How the text of a shared key becomes the key of a signature: decoded from base64 [SEC-04], or as
// it stands, as Event Hubs clients do.
enum class KeyForm : std::uint8_t { decoded, text };

// What TLS knows of the client at the other end of a connection.
struct ClientCertificate {
  std::string sha256;       // thumbprints, hex
  std::string sha1;
  std::string common_name;  // of its subject
  bool authority = false;   // its chain ends at an authority that this hub knows [SEC-21]
};

// How a device proves that it is itself: by tokens of one of two keys, by a certificate with one of
// two thumbprints, or by one of an authority, in its name [SEC-20, SEC-21].
enum class CredentialType : std::uint8_t { sas, self_signed, authority };
struct Credentials {
  CredentialType type = CredentialType::sas;
  std::string primary{};    // key in base64, or thumbprint in hex; an empty key: the hub makes one
  std::string secondary{};
  bool operator==(const Credentials&) const = default;
};

// A shared access policy: whoever has one of its keys may do what it allows [SEC-08, SEC-11].
struct Policy {
  std::string name;
  std::uint8_t rights = 0;  // of Right
  std::string primary{};    // keys in base64
  std::string secondary{};
};

}  // namespace hubproof::model
